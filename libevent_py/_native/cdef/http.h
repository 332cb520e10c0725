/* event2/http.h, event2/http_struct.h and event2/keyvalq_struct.h
 *
 * struct evhttp_request stays opaque: its layout is libevent's business, and the
 * fields that have no accessor of libevent's have one of ours (raw.h).
 */

struct evhttp;
struct evhttp_bound_socket;
struct evhttp_connection;
struct evhttp_request;
struct evhttp_uri;

#ifdef LEPY_HAVE_HTTP_CONTINUE
#define HTTP_CONTINUE ...
#define HTTP_SWITCH_PROTOCOLS ...
#define HTTP_PROCESSING ...
#define HTTP_EARLYHINTS ...
#define HTTP_CREATED ...
#define HTTP_ACCEPTED ...
#define HTTP_NONAUTHORITATIVE ...
#define HTTP_UNAUTHORIZED ...
#define HTTP_PAYMENTREQUIRED ...
#define HTTP_FORBIDDEN ...
#define HTTP_BADGATEWAY ...
#endif
#define HTTP_OK ...
#define HTTP_NOCONTENT ...
#define HTTP_MOVEPERM ...
#define HTTP_MOVETEMP ...
#define HTTP_NOTMODIFIED ...
#define HTTP_BADREQUEST ...
#define HTTP_NOTFOUND ...
#define HTTP_BADMETHOD ...
#define HTTP_ENTITYTOOLARGE ...
#define HTTP_EXPECTATIONFAILED ...
#define HTTP_INTERNAL ...
#define HTTP_NOTIMPLEMENTED ...
#define HTTP_SERVUNAVAIL ...

enum evhttp_cmd_type {
    EVHTTP_REQ_GET,
    EVHTTP_REQ_POST,
    EVHTTP_REQ_HEAD,
    EVHTTP_REQ_PUT,
    EVHTTP_REQ_DELETE,
    EVHTTP_REQ_OPTIONS,
    EVHTTP_REQ_TRACE,
    EVHTTP_REQ_CONNECT,
    EVHTTP_REQ_PATCH,
    ...
};

#ifdef LEPY_HAVE_EVHTTP_REQ_PROPFIND
#define EVHTTP_REQ_PROPFIND ...
#define EVHTTP_REQ_PROPPATCH ...
#define EVHTTP_REQ_MKCOL ...
#define EVHTTP_REQ_LOCK ...
#define EVHTTP_REQ_UNLOCK ...
#define EVHTTP_REQ_COPY ...
#define EVHTTP_REQ_MOVE ...
#define EVHTTP_REQ_MAX ...
#endif

enum evhttp_request_kind {
    EVHTTP_REQUEST,
    EVHTTP_RESPONSE,
    ...
};

enum evhttp_request_error {
    EVREQ_HTTP_TIMEOUT,
    EVREQ_HTTP_EOF,
    EVREQ_HTTP_INVALID_HEADER,
    EVREQ_HTTP_BUFFER_ERROR,
    EVREQ_HTTP_REQUEST_CANCEL,
    EVREQ_HTTP_DATA_TOO_LONG,
    ...
};

#ifdef LEPY_HAVE_EVHTTP_METHOD_HAS_BODY
#define EVHTTP_METHOD_HAS_BODY ...

struct evhttp_ext_method {
    const char *method;
    ev_uint32_t type;
    ev_uint16_t flags;
    ...;
};

typedef int (*evhttp_ext_method_cb)(struct evhttp_ext_method *);
#endif

/* Server: listening */
typedef void evhttp_bound_socket_foreach_fn(struct evhttp_bound_socket *, void *);

struct evhttp *evhttp_new(struct event_base *base);
void evhttp_free(struct evhttp *http);
int evhttp_bind_socket(struct evhttp *http, const char *address, ev_uint16_t port);
struct evhttp_bound_socket *evhttp_bind_socket_with_handle(struct evhttp *http, const char *address,
    ev_uint16_t port);
int evhttp_accept_socket(struct evhttp *http, evutil_socket_t fd);
struct evhttp_bound_socket *evhttp_accept_socket_with_handle(struct evhttp *http,
    evutil_socket_t fd);
struct evhttp_bound_socket *evhttp_bind_listener(struct evhttp *http,
    struct evconnlistener *listener);
struct evconnlistener *evhttp_bound_socket_get_listener(struct evhttp_bound_socket *bound);
evutil_socket_t evhttp_bound_socket_get_fd(struct evhttp_bound_socket *bound_socket);
#ifdef LEPY_HAVE_evhttp_bound_set_bevcb
void evhttp_bound_set_bevcb(struct evhttp_bound_socket *bound,
    struct bufferevent *(*cb)(struct event_base *, void *), void *cbarg);
#endif
void evhttp_foreach_bound_socket(struct evhttp *http, evhttp_bound_socket_foreach_fn *function,
    void *argument);
void evhttp_del_accept_socket(struct evhttp *http, struct evhttp_bound_socket *bound_socket);

/* Server: settings. 2.1 keeps the low 16 bits of the methods. */
#define EVHTTP_SERVER_LINGERING_CLOSE ...

void evhttp_set_allowed_methods(struct evhttp *http, ev_uint32_t methods);
void evhttp_set_max_headers_size(struct evhttp *http, ev_ssize_t max_headers_size);
void evhttp_set_max_body_size(struct evhttp *http, ev_ssize_t max_body_size);
#ifdef LEPY_HAVE_evhttp_set_max_connections
void evhttp_set_max_connections(struct evhttp *http, int max_connections);
#endif
#ifdef LEPY_HAVE_evhttp_get_connection_count
int evhttp_get_connection_count(struct evhttp *http);
#endif
void evhttp_set_default_content_type(struct evhttp *http, const char *content_type);
#ifdef LEPY_HAVE_evhttp_set_ext_method_cmp
void evhttp_set_ext_method_cmp(struct evhttp *http, evhttp_ext_method_cb cmp);
#endif
void evhttp_set_timeout(struct evhttp *http, int timeout);
void evhttp_set_timeout_tv(struct evhttp *http, const struct timeval *tv);
#ifdef LEPY_HAVE_evhttp_set_read_timeout_tv
void evhttp_set_read_timeout_tv(struct evhttp *http, const struct timeval *tv);
#endif
#ifdef LEPY_HAVE_evhttp_set_write_timeout_tv
void evhttp_set_write_timeout_tv(struct evhttp *http, const struct timeval *tv);
#endif
int evhttp_set_flags(struct evhttp *http, int flags);

/* Server: callbacks and virtual hosts (a virtual host is freed with its parent) */
int evhttp_set_cb(struct evhttp *http, const char *path, void (*cb)(struct evhttp_request *,
    void *), void *cb_arg);
int evhttp_del_cb(struct evhttp *, const char *);
void evhttp_set_gencb(struct evhttp *http, void (*cb)(struct evhttp_request *, void *), void *arg);
void evhttp_set_bevcb(struct evhttp *http, struct bufferevent *(*cb)(struct event_base *, void *),
    void *arg);
#ifdef LEPY_HAVE_evhttp_set_newreqcb
void evhttp_set_newreqcb(struct evhttp *http, int (*cb)(struct evhttp_request *, void *),
    void *arg);
#endif
#ifdef LEPY_HAVE_evhttp_set_errorcb
void evhttp_set_errorcb(struct evhttp *http, int (*cb)(struct evhttp_request *req,
    struct evbuffer *buffer, int error, const char *reason, void *cbarg), void *cbarg);
#endif
int evhttp_add_virtual_host(struct evhttp *http, const char *pattern, struct evhttp *vhost);
int evhttp_remove_virtual_host(struct evhttp *http, struct evhttp *vhost);
int evhttp_add_server_alias(struct evhttp *http, const char *alias);
int evhttp_remove_server_alias(struct evhttp *http, const char *alias);

/* Server: replies. send_error, send_reply and send_reply_end give the request
 * back: libevent frees it when it has been written.
 */
void evhttp_send_error(struct evhttp_request *req, int error, const char *reason);
void evhttp_send_reply(struct evhttp_request *req, int code, const char *reason,
    struct evbuffer *databuf);
void evhttp_send_reply_start(struct evhttp_request *req, int code, const char *reason);
void evhttp_send_reply_chunk(struct evhttp_request *req, struct evbuffer *databuf);
void evhttp_send_reply_chunk_with_cb(struct evhttp_request *req, struct evbuffer *databuf,
    void (*cb)(struct evhttp_connection *, void *), void *arg);
void evhttp_send_reply_end(struct evhttp_request *req);

/* Client connections */
#define EVHTTP_CON_REUSE_CONNECTED_ADDR ...
#define EVHTTP_CON_READ_ON_WRITE_ERROR ...
#define EVHTTP_CON_LINGERING_CLOSE ...
#define EVHTTP_CON_PUBLIC_FLAGS_END ...

struct evhttp_connection *evhttp_connection_base_new(struct event_base *base,
    struct evdns_base *dnsbase, const char *address, ev_uint16_t port);
struct evhttp_connection *evhttp_connection_base_bufferevent_new(struct event_base *base,
    struct evdns_base *dnsbase, struct bufferevent *bev, const char *address, ev_uint16_t port);
#ifdef LEPY_HAVE_evhttp_connection_base_bufferevent_unix_new
struct evhttp_connection *evhttp_connection_base_bufferevent_unix_new(struct event_base *base,
    struct bufferevent *bev, const char *path);
#endif
#ifdef LEPY_HAVE_evhttp_connection_base_bufferevent_reuse_new
struct evhttp_connection *evhttp_connection_base_bufferevent_reuse_new(struct event_base *base,
    struct evdns_base *dnsbase, struct bufferevent *bev);
#endif
void evhttp_connection_free(struct evhttp_connection *evcon);
void evhttp_connection_free_on_completion(struct evhttp_connection *evcon);

struct event_base *evhttp_connection_get_base(struct evhttp_connection *req);
struct bufferevent *evhttp_connection_get_bufferevent(struct evhttp_connection *evcon);
struct evhttp *evhttp_connection_get_server(struct evhttp_connection *evcon);
const struct sockaddr *evhttp_connection_get_addr(struct evhttp_connection *evcon);
void evhttp_connection_get_peer(
    struct evhttp_connection *evcon, const char **address, ev_uint16_t *port);

void evhttp_connection_set_family(struct evhttp_connection *evcon, int family);
int evhttp_connection_set_flags(struct evhttp_connection *evcon, int flags);
#ifdef LEPY_HAVE_evhttp_connection_set_ext_method_cmp
void evhttp_connection_set_ext_method_cmp(struct evhttp_connection *evcon,
    evhttp_ext_method_cb cmp);
#endif
void evhttp_connection_set_max_headers_size(struct evhttp_connection *evcon,
    ev_ssize_t new_max_headers_size);
void evhttp_connection_set_max_body_size(struct evhttp_connection *evcon,
    ev_ssize_t new_max_body_size);
void evhttp_connection_set_local_address(struct evhttp_connection *evcon, const char *address);
void evhttp_connection_set_local_port(struct evhttp_connection *evcon, ev_uint16_t port);
void evhttp_connection_set_timeout(struct evhttp_connection *evcon, int timeout);
void evhttp_connection_set_timeout_tv(struct evhttp_connection *evcon, const struct timeval *tv);
#ifdef LEPY_HAVE_evhttp_connection_set_connect_timeout_tv
void evhttp_connection_set_connect_timeout_tv(struct evhttp_connection *evcon,
    const struct timeval *tv);
#endif
#ifdef LEPY_HAVE_evhttp_connection_set_read_timeout_tv
void evhttp_connection_set_read_timeout_tv(struct evhttp_connection *evcon,
    const struct timeval *tv);
#endif
#ifdef LEPY_HAVE_evhttp_connection_set_write_timeout_tv
void evhttp_connection_set_write_timeout_tv(struct evhttp_connection *evcon,
    const struct timeval *tv);
#endif
void evhttp_connection_set_initial_retry_tv(struct evhttp_connection *evcon,
    const struct timeval *tv);
void evhttp_connection_set_retries(struct evhttp_connection *evcon, int retry_max);
void evhttp_connection_set_closecb(struct evhttp_connection *evcon,
    void (*)(struct evhttp_connection *, void *), void *);

/* Requests. The callback gets NULL when there is no answer. make_request takes
 * the request, and has freed it when it returns -1.
 */
struct evhttp_request *evhttp_request_new(void (*cb)(struct evhttp_request *, void *), void *arg);
void evhttp_request_free(struct evhttp_request *req);
void evhttp_request_own(struct evhttp_request *req);
int evhttp_request_is_owned(struct evhttp_request *req);
int evhttp_make_request(struct evhttp_connection *evcon, struct evhttp_request *req,
    enum evhttp_cmd_type type, const char *uri);
void evhttp_cancel_request(struct evhttp_request *req);

void evhttp_request_set_chunked_cb(struct evhttp_request *, void (*cb)(struct evhttp_request *,
    void *));
void evhttp_request_set_header_cb(struct evhttp_request *, int (*cb)(struct evhttp_request *,
    void *));
void evhttp_request_set_error_cb(struct evhttp_request *, void (*)(enum evhttp_request_error,
    void *));
void evhttp_request_set_on_complete_cb(struct evhttp_request *req,
    void (*cb)(struct evhttp_request *, void *), void *cb_arg);

enum evhttp_cmd_type evhttp_request_get_command(const struct evhttp_request *req);
struct evhttp_connection *evhttp_request_get_connection(struct evhttp_request *req);
const char *evhttp_request_get_uri(const struct evhttp_request *req);
const struct evhttp_uri *evhttp_request_get_evhttp_uri(const struct evhttp_request *req);
const char *evhttp_request_get_host(struct evhttp_request *req);
int evhttp_request_get_response_code(const struct evhttp_request *req);
const char *evhttp_request_get_response_code_line(const struct evhttp_request *req);
struct evkeyvalq *evhttp_request_get_input_headers(struct evhttp_request *req);
struct evkeyvalq *evhttp_request_get_output_headers(struct evhttp_request *req);
struct evbuffer *evhttp_request_get_input_buffer(struct evhttp_request *req);
struct evbuffer *evhttp_request_get_output_buffer(struct evhttp_request *req);

/* Headers and other ordered key-value lists. The links between entries differ
 * between platforms' <sys/queue.h>: walk with lepy_evkeyvalq_first and _next.
 */
struct evkeyval {
    char *key;
    char *value;
    ...;
};

struct evkeyvalq {
    struct evkeyval *tqh_first;
    ...;
};

const char *evhttp_find_header(const struct evkeyvalq *headers, const char *key);
int evhttp_add_header(struct evkeyvalq *headers, const char *key, const char *value);
int evhttp_remove_header(struct evkeyvalq *headers, const char *key);
void evhttp_clear_headers(struct evkeyvalq *headers);

/* Escaping; the strings are the caller's: free. */
char *evhttp_encode_uri(const char *str);
char *evhttp_uriencode(const char *str, ev_ssize_t size, int space_to_plus);
char *evhttp_decode_uri(const char *uri);
char *evhttp_uridecode(const char *uri, int decode_plus, size_t *size_out);
char *evhttp_htmlescape(const char *html);

/* Query strings: they initialise the list, evhttp_clear_headers empties it. */
#ifdef LEPY_HAVE_EVHTTP_URI_QUERY_NONCONFORMANT
#define EVHTTP_URI_QUERY_NONCONFORMANT ...
#endif
#ifdef LEPY_HAVE_EVHTTP_URI_QUERY_LAST_VAL
#define EVHTTP_URI_QUERY_LAST_VAL ...
#endif

int evhttp_parse_query(const char *uri, struct evkeyvalq *headers);
int evhttp_parse_query_str(const char *uri, struct evkeyvalq *headers);
#ifdef LEPY_HAVE_evhttp_parse_query_str_flags
int evhttp_parse_query_str_flags(const char *uri, struct evkeyvalq *headers, unsigned flags);
#endif

/* URIs; what the getters give is the URI's own. */
#define EVHTTP_URI_NONCONFORMANT ...
#ifdef LEPY_HAVE_EVHTTP_URI_HOST_STRIP_BRACKETS
#define EVHTTP_URI_HOST_STRIP_BRACKETS ...
#endif
#ifdef LEPY_HAVE_EVHTTP_URI_UNIX_SOCKET
#define EVHTTP_URI_UNIX_SOCKET ...
#endif

struct evhttp_uri *evhttp_uri_new(void);
struct evhttp_uri *evhttp_uri_parse(const char *source_uri);
struct evhttp_uri *evhttp_uri_parse_with_flags(const char *source_uri, unsigned flags);
char *evhttp_uri_join(struct evhttp_uri *uri, char *buf, size_t limit);
void evhttp_uri_free(struct evhttp_uri *uri);
void evhttp_uri_set_flags(struct evhttp_uri *uri, unsigned flags);

const char *evhttp_uri_get_scheme(const struct evhttp_uri *uri);
const char *evhttp_uri_get_userinfo(const struct evhttp_uri *uri);
const char *evhttp_uri_get_host(const struct evhttp_uri *uri);
int evhttp_uri_get_port(const struct evhttp_uri *uri);
#ifdef LEPY_HAVE_evhttp_uri_get_unixsocket
const char *evhttp_uri_get_unixsocket(const struct evhttp_uri *uri);
#endif
const char *evhttp_uri_get_path(const struct evhttp_uri *uri);
const char *evhttp_uri_get_query(const struct evhttp_uri *uri);
const char *evhttp_uri_get_fragment(const struct evhttp_uri *uri);

int evhttp_uri_set_scheme(struct evhttp_uri *uri, const char *scheme);
int evhttp_uri_set_userinfo(struct evhttp_uri *uri, const char *userinfo);
int evhttp_uri_set_host(struct evhttp_uri *uri, const char *host);
int evhttp_uri_set_port(struct evhttp_uri *uri, int port);
#ifdef LEPY_HAVE_evhttp_uri_set_unixsocket
int evhttp_uri_set_unixsocket(struct evhttp_uri *uri, const char *unixsocket);
#endif
int evhttp_uri_set_path(struct evhttp_uri *uri, const char *path);
int evhttp_uri_set_query(struct evhttp_uri *uri, const char *query);
int evhttp_uri_set_fragment(struct evhttp_uri *uri, const char *fragment);
