/* What the C glue in shim/http_client.c and http_client_response.c offers to libevent_py/http/client. */

enum lepy_framing_kind { LEPY_BODY_NONE, LEPY_BODY_LENGTH, LEPY_BODY_CHUNKED, LEPY_BODY_CLOSE, ... };

#define LEPY_RESPONSE_HEAD ...
#define LEPY_RESPONSE_BODY ...
#define LEPY_RESPONSE_DONE ...
#define LEPY_RESPONSE_FAILED ...

#define LEPY_RESPONSE_BAD_HEAD ...
#define LEPY_RESPONSE_BAD_LENGTH ...
#define LEPY_RESPONSE_BAD_CODING ...
#define LEPY_RESPONSE_BAD_CHUNK ...
#define LEPY_RESPONSE_HEAD_TOO_LONG ...

struct lepy_http_client {
	struct evhttp_connection *evcon;
	struct evbuffer *output, *head, *body;
	int status, minor;
	int framing;
	int error;
	...;
};

struct lepy_http_client *lepy_http_client_new(struct lepy_delivery *, size_t max_headers_size);
void lepy_http_client_free(struct lepy_http_client *);
int lepy_http_client_open(struct lepy_http_client *);
void lepy_http_client_shut(struct lepy_http_client *);
int lepy_http_client_request(struct lepy_http_client *, int method, const char *target, const char *fields,
	size_t length, int is_chunked, int64_t max_body_size);
int lepy_http_client_feed(struct lepy_http_client *, struct evbuffer *source);
int lepy_http_client_end(struct lepy_http_client *);
