/* The C glue of TLS (shim/tls_*.c): what libevent_py/tls calls. */

#ifdef LEPY_WITH_OPENSSL

/* tls_context.c */

#define LEPY_TLS_TICKET_KEY ...

struct ssl_ctx_st *lepy_tls_context_new(int is_server, int lowest, int highest);
int lepy_tls_context_use_certificate(struct ssl_ctx_st *, const char *data, size_t length);
int lepy_tls_context_use_key(struct ssl_ctx_st *, const char *data, size_t length, const char *password);
int lepy_tls_context_trust(struct ssl_ctx_st *, const char *data, size_t length);
void lepy_tls_context_verify(struct ssl_ctx_st *, int mode);
int lepy_tls_context_set_id(struct ssl_ctx_st *, const char *id, size_t length);
void lepy_tls_context_set_tickets(struct ssl_ctx_st *, int count);
int lepy_tls_context_set_ticket_key(struct ssl_ctx_st *, const char *key);

/* tls_answers.c */

int lepy_tls_context_set_alpn(struct ssl_ctx_st *, const char *protocols, size_t length);
int lepy_tls_context_add_name(struct ssl_ctx_st *, const char *name, struct ssl_ctx_st *other);
void lepy_tls_context_set_key_log(struct ssl_ctx_st *, evutil_socket_t fd);

/* tls_error.c */

struct lepy_tls_failure {
	int kind;
	unsigned long code;
	int error;
	long verify_result;
	int is_truncated;
	...;
};

unsigned long lepy_tls_take_error(char *detail, size_t size);

/* tls.c */

struct lepy_tls { struct bufferevent *bufferevent; struct ssl_st *ssl; ...; };

struct lepy_tls *lepy_tls_new(struct ssl_ctx_st *);
int lepy_tls_expect(struct lepy_tls *, const char *host, int is_address);
int lepy_tls_resume(struct lepy_tls *, struct ssl_session_st *);
int lepy_tls_open(struct lepy_tls *, struct lepy_delivery *, int is_server, evutil_socket_t fd,
	struct lepy_bufferevent *underlying, int options);
void lepy_tls_attach(struct lepy_tls *, struct lepy_bufferevent *, double handshake_seconds);
void lepy_tls_free(struct lepy_tls *);
int lepy_tls_shut_down(struct lepy_tls *, int discard);
void lepy_tls_get_failure(const struct lepy_tls *, struct lepy_tls_failure *);

/* tls_inspection.c */

int lepy_tls_is_open(const struct lepy_tls *);
struct ssl_session_st *lepy_tls_session(const struct lepy_tls *);
int lepy_tls_certificate(const struct lepy_tls *, int index, unsigned char **data);
int lepy_tls_session_data(struct ssl_session_st *, unsigned char **data);
struct ssl_session_st *lepy_tls_session_from(const char *data, size_t length);
void lepy_tls_release(void *data);

#endif
