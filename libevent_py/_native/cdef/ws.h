/* event2/ws.h (libevent 2.2): the server side of WebSockets
 *
 * evws_new_session takes the request over. A session ends with its close
 * callback, after which the pointer is dead.
 */

#ifdef LEPY_HAVE_evws_new_session
#define WS_TEXT_FRAME ...
#define WS_BINARY_FRAME ...
#define WS_CR_NONE ...
#define WS_CR_NORMAL ...
#define WS_CR_PROTO_ERR ...
#define WS_CR_DATA_TOO_BIG ...

struct evws_connection;

typedef void (*ws_on_msg_cb)(
    struct evws_connection *, int type, const unsigned char *, size_t, void *arg);
typedef void (*ws_on_close_cb)(struct evws_connection *, void *arg);

struct evws_connection *evws_new_session(struct evhttp_request *req, ws_on_msg_cb, void *arg,
    int options);
void evws_close(struct evws_connection *evws, uint16_t reason);
void evws_connection_free(struct evws_connection *evws);
void evws_connection_set_closecb(struct evws_connection *evws, ws_on_close_cb, void *);
struct bufferevent *evws_connection_get_bufferevent(struct evws_connection *evws);
#endif

/* 2.2.1-alpha has the first, later versions the other two in its place. */
#ifdef LEPY_HAVE_evws_send
void evws_send(struct evws_connection *evws, const char *packet_str, size_t str_len);
#endif
#ifdef LEPY_HAVE_evws_send_text
void evws_send_text(struct evws_connection *evws, const char *packet_str);
#endif
#ifdef LEPY_HAVE_evws_send_binary
void evws_send_binary(struct evws_connection *evws, const char *packet_data, size_t packet_len);
#endif
