/* event2/bufferevent_ssl.h, its OpenSSL half.
 *
 * struct ssl_st is OpenSSL's SSL. With BEV_OPT_CLOSE_ON_FREE the bufferevent
 * owns it, and it is consumed even when the constructor fails. It must come from
 * the very OpenSSL that this extension links: never from Python's ssl module.
 */

#ifdef LEPY_HAVE_bufferevent_openssl_socket_new
struct ssl_st;

enum bufferevent_ssl_state {
    BUFFEREVENT_SSL_OPEN,
    BUFFEREVENT_SSL_CONNECTING,
    BUFFEREVENT_SSL_ACCEPTING,
    ...
};

struct bufferevent *bufferevent_openssl_filter_new(struct event_base *base,
    struct bufferevent *underlying, struct ssl_st *ssl, enum bufferevent_ssl_state state,
    int options);
struct bufferevent *bufferevent_openssl_socket_new(struct event_base *base, evutil_socket_t fd,
    struct ssl_st *ssl, enum bufferevent_ssl_state state, int options);
struct ssl_st *bufferevent_openssl_get_ssl(struct bufferevent *bufev);
int bufferevent_openssl_get_allow_dirty_shutdown(struct bufferevent *bev);
void bufferevent_openssl_set_allow_dirty_shutdown(struct bufferevent *bev,
    int allow_dirty_shutdown);
int bufferevent_ssl_renegotiate(struct bufferevent *bev);
unsigned long bufferevent_get_openssl_error(struct bufferevent *bev);

#ifdef LEPY_HAVE_BUFFEREVENT_SSL_DIRTY_SHUTDOWN
#define BUFFEREVENT_SSL_DIRTY_SHUTDOWN ...
#endif
#ifdef LEPY_HAVE_BUFFEREVENT_SSL_BATCH_WRITE
#define BUFFEREVENT_SSL_BATCH_WRITE ...
#endif
#ifdef LEPY_HAVE_bufferevent_ssl_get_flags
ev_uint64_t bufferevent_ssl_get_flags(struct bufferevent *bev);
#endif
#ifdef LEPY_HAVE_bufferevent_ssl_set_flags
ev_uint64_t bufferevent_ssl_set_flags(struct bufferevent *bev, ev_uint64_t flags);
#endif
#ifdef LEPY_HAVE_bufferevent_ssl_clear_flags
ev_uint64_t bufferevent_ssl_clear_flags(struct bufferevent *bev, ev_uint64_t flags);
#endif
#endif
