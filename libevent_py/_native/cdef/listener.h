/* event2/listener.h */

struct evconnlistener;

#define LEV_OPT_LEAVE_SOCKETS_BLOCKING ...
#define LEV_OPT_CLOSE_ON_FREE ...
#define LEV_OPT_CLOSE_ON_EXEC ...
#define LEV_OPT_REUSEABLE ...
#define LEV_OPT_THREADSAFE ...
#define LEV_OPT_DISABLED ...
#define LEV_OPT_DEFERRED_ACCEPT ...
#define LEV_OPT_REUSEABLE_PORT ...
#define LEV_OPT_BIND_IPV6ONLY ...
#ifdef LEPY_HAVE_LEV_OPT_BIND_IPV4_AND_IPV6
#define LEV_OPT_BIND_IPV4_AND_IPV6 ...
#endif

/* The descriptor is the callback's to close; the address lives during the call. */
typedef void (*evconnlistener_cb)(
    struct evconnlistener *, evutil_socket_t fd, struct sockaddr *, int socklen, void *arg);
/* errno holds the accept error; arg is the one of the accept callback. */
typedef void (*evconnlistener_errorcb)(struct evconnlistener *, void *arg);

struct evconnlistener *evconnlistener_new(struct event_base *base, evconnlistener_cb cb, void *ptr,
    unsigned flags, int backlog, evutil_socket_t fd);
struct evconnlistener *evconnlistener_new_bind(struct event_base *base, evconnlistener_cb cb,
    void *ptr, unsigned flags, int backlog, const struct sockaddr *sa, int socklen);
void evconnlistener_free(struct evconnlistener *lev);
int evconnlistener_enable(struct evconnlistener *lev);
int evconnlistener_disable(struct evconnlistener *lev);
struct event_base *evconnlistener_get_base(struct evconnlistener *lev);
evutil_socket_t evconnlistener_get_fd(struct evconnlistener *lev);
void evconnlistener_set_cb(struct evconnlistener *lev, evconnlistener_cb cb, void *arg);
void evconnlistener_set_error_cb(struct evconnlistener *lev, evconnlistener_errorcb errorcb);
