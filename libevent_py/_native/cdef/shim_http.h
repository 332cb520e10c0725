/* What the C glue in shim/http_*.c offers to libevent_py/http. */

#define LEPY_HTTP_GONE ...
#define LEPY_HTTP_CLOSES ...
#define LEPY_HTTP_DATED ...

/* http_server.c */

struct lepy_http_server { struct evhttp *http; int count; ...; };
struct lepy_http_host { struct evhttp *http; ...; };
struct lepy_http_listener { struct evconnlistener *listener; ...; };

struct lepy_http_server *lepy_http_server_new(struct lepy_delivery *, uint32_t slot, uint32_t generation,
	void *tls, size_t max_head, size_t max_body, double header_seconds, double idle_seconds,
	int max_connections, int logs);
void lepy_http_server_free(struct lepy_http_server *);
int lepy_http_server_end(struct lepy_http_server *);
struct lepy_http_listener *lepy_http_listen(struct lepy_http_server *, evutil_socket_t fd);
void lepy_http_listener_free(struct lepy_http_listener *);
void lepy_http_listener_set_enabled(struct lepy_http_listener *, int enabled);
struct lepy_http_host *lepy_http_add_host(struct lepy_http_server *, const char *pattern, int number);
int lepy_http_add_fixed(struct lepy_http_host *, const char *path, const char *head, size_t head_length,
	const char *body, size_t body_length, int status);

/* http_request.c */

int64_t lepy_http_describe(struct lepy_http_server *, int index, char *room, size_t size);
int64_t lepy_http_body(struct lepy_http_server *, int index, uint32_t generation, char *room, size_t size);
struct lepy_tls *lepy_http_tls(struct lepy_http_server *, int index, uint32_t generation);
struct evhttp_request *lepy_http_pointer(struct lepy_http_server *, int index, uint32_t generation);

/* http_reply.c */

int lepy_http_reply(struct lepy_http_server *, int index, uint32_t generation, const char *head,
	size_t head_length, const char *body, size_t body_length, int flags);
int lepy_http_start(struct lepy_http_server *, int index, uint32_t generation, const char *head,
	size_t head_length, int is_chunked, int flags);
int64_t lepy_http_write(struct lepy_http_server *, int index, uint32_t generation, const char *data,
	size_t length);
int lepy_http_write_file(struct lepy_http_server *, int index, uint32_t generation, evutil_socket_t file,
	int64_t offset, int64_t length);
int lepy_http_end(struct lepy_http_server *, int index, uint32_t generation);
int lepy_http_notify_drained(struct lepy_http_server *, int index, uint32_t generation);
int lepy_http_abort(struct lepy_http_server *, int index, uint32_t generation);
int lepy_http_drop(struct lepy_http_server *, int index, uint32_t generation);
