/* event2/bufferevent.h */

struct bufferevent;
struct evdns_base;

#define BEV_EVENT_READING ...
#define BEV_EVENT_WRITING ...
#define BEV_EVENT_EOF ...
#define BEV_EVENT_ERROR ...
#define BEV_EVENT_TIMEOUT ...
#define BEV_EVENT_CONNECTED ...

enum bufferevent_options {
    BEV_OPT_CLOSE_ON_FREE,
    BEV_OPT_THREADSAFE,
    BEV_OPT_DEFER_CALLBACKS,
    BEV_OPT_UNLOCK_CALLBACKS,
    ...
};

/* Making, referring, freeing. Freeing runs partly later, from the loop. */
struct bufferevent *bufferevent_socket_new(struct event_base *base, evutil_socket_t fd,
    int options);
void bufferevent_free(struct bufferevent *bufev);
void bufferevent_incref(struct bufferevent *bufev);
int bufferevent_decref(struct bufferevent *bufev);
void bufferevent_lock(struct bufferevent *bufev);
void bufferevent_unlock(struct bufferevent *bufev);

/* Base, priority, descriptor */
int bufferevent_base_set(struct event_base *base, struct bufferevent *bufev);
struct event_base *bufferevent_get_base(struct bufferevent *bev);
int bufferevent_priority_set(struct bufferevent *bufev, int pri);
int bufferevent_get_priority(const struct bufferevent *bufev);
int bufferevent_setfd(struct bufferevent *bufev, evutil_socket_t fd);
#ifdef LEPY_HAVE_bufferevent_replacefd
int bufferevent_replacefd(struct bufferevent *bufev, evutil_socket_t fd);
#endif
evutil_socket_t bufferevent_getfd(struct bufferevent *bufev);

/* Connecting; with no evdns_base, connect_hostname resolves before it returns. */
int bufferevent_socket_connect(struct bufferevent *bufev, const struct sockaddr *addr, int socklen);
int bufferevent_socket_connect_hostname(struct bufferevent *bufev, struct evdns_base *evdns_base,
    int family, const char *hostname, int port);
#ifdef LEPY_HAVE_bufferevent_socket_connect_hostname_hints
int bufferevent_socket_connect_hostname_hints(struct bufferevent *bufev,
    struct evdns_base *evdns_base, const struct evutil_addrinfo *hints_in, const char *hostname,
    int port);
#endif
int bufferevent_socket_get_dns_error(struct bufferevent *bev);

/* Callbacks */
typedef void (*bufferevent_data_cb)(struct bufferevent *, void *ctx);
typedef void (*bufferevent_event_cb)(struct bufferevent *, short what, void *ctx);

enum bufferevent_trigger_options {
    BEV_TRIG_IGNORE_WATERMARKS,
    BEV_TRIG_DEFER_CALLBACKS,
    ...
};

void bufferevent_setcb(struct bufferevent *bufev, bufferevent_data_cb readcb,
    bufferevent_data_cb writecb, bufferevent_event_cb eventcb, void *cbarg);
void bufferevent_getcb(struct bufferevent *bufev, bufferevent_data_cb *readcb_ptr,
    bufferevent_data_cb *writecb_ptr, bufferevent_event_cb *eventcb_ptr, void **cbarg_ptr);
void bufferevent_trigger(struct bufferevent *bufev, short iotype, int options);
void bufferevent_trigger_event(struct bufferevent *bufev, short what, int options);

/* Enabling, timeouts, watermarks */
int bufferevent_enable(struct bufferevent *bufev, short event);
int bufferevent_disable(struct bufferevent *bufev, short event);
short bufferevent_get_enabled(struct bufferevent *bufev);
int bufferevent_set_timeouts(struct bufferevent *bufev, const struct timeval *timeout_read,
    const struct timeval *timeout_write);
void bufferevent_setwatermark(struct bufferevent *bufev, short events, size_t lowmark,
    size_t highmark);
int bufferevent_getwatermark(struct bufferevent *bufev, short events, size_t *lowmark,
    size_t *highmark);

/* Data; the two evbuffers are the bufferevent's own. */
enum bufferevent_flush_mode {
    BEV_NORMAL,
    BEV_FLUSH,
    BEV_FINISHED,
    ...
};

struct evbuffer *bufferevent_get_input(struct bufferevent *bufev);
struct evbuffer *bufferevent_get_output(struct bufferevent *bufev);
size_t bufferevent_read(struct bufferevent *bufev, void *data, size_t size);
int bufferevent_read_buffer(struct bufferevent *bufev, struct evbuffer *buf);
int bufferevent_write(struct bufferevent *bufev, const void *data, size_t size);
int bufferevent_write_buffer(struct bufferevent *bufev, struct evbuffer *buf);
int bufferevent_flush(struct bufferevent *bufev, short iotype, enum bufferevent_flush_mode mode);

/* Pairs and filters */
enum bufferevent_filter_result {
    BEV_OK,
    BEV_NEED_MORE,
    BEV_ERROR,
    ...
};

typedef enum bufferevent_filter_result (*bufferevent_filter_cb)(struct evbuffer *src,
    struct evbuffer *dst, ev_ssize_t dst_limit, enum bufferevent_flush_mode, void *ctx);

int bufferevent_pair_new(struct event_base *base, int options, struct bufferevent *pair[2]);
struct bufferevent *bufferevent_pair_get_partner(struct bufferevent *bev);
struct bufferevent *bufferevent_filter_new(struct bufferevent *underlying,
    bufferevent_filter_cb input_filter, bufferevent_filter_cb output_filter, int options,
    void (*free_context)(void *), void *ctx);
struct bufferevent *bufferevent_get_underlying(struct bufferevent *bufev);

/* Rate limits. A configuration must outlive what uses it; a group copies it,
 * and must outlive its members.
 */
#define EV_RATE_LIMIT_MAX ...

struct ev_token_bucket_cfg;
struct bufferevent_rate_limit_group;

struct ev_token_bucket_cfg *ev_token_bucket_cfg_new(size_t read_rate, size_t read_burst,
    size_t write_rate, size_t write_burst, const struct timeval *tick_len);
void ev_token_bucket_cfg_free(struct ev_token_bucket_cfg *cfg);
int bufferevent_set_rate_limit(struct bufferevent *bev, struct ev_token_bucket_cfg *cfg);
const struct ev_token_bucket_cfg *bufferevent_get_token_bucket_cfg(const struct bufferevent *bev);

int bufferevent_set_max_single_read(struct bufferevent *bev, size_t size);
int bufferevent_set_max_single_write(struct bufferevent *bev, size_t size);
ev_ssize_t bufferevent_get_max_single_read(struct bufferevent *bev);
ev_ssize_t bufferevent_get_max_single_write(struct bufferevent *bev);
ev_ssize_t bufferevent_get_read_limit(struct bufferevent *bev);
ev_ssize_t bufferevent_get_write_limit(struct bufferevent *bev);
ev_ssize_t bufferevent_get_max_to_read(struct bufferevent *bev);
ev_ssize_t bufferevent_get_max_to_write(struct bufferevent *bev);
int bufferevent_decrement_read_limit(struct bufferevent *bev, ev_ssize_t decr);
int bufferevent_decrement_write_limit(struct bufferevent *bev, ev_ssize_t decr);

struct bufferevent_rate_limit_group *bufferevent_rate_limit_group_new(struct event_base *base,
    const struct ev_token_bucket_cfg *cfg);
void bufferevent_rate_limit_group_free(struct bufferevent_rate_limit_group *);
int bufferevent_rate_limit_group_set_cfg(struct bufferevent_rate_limit_group *,
    const struct ev_token_bucket_cfg *);
int bufferevent_rate_limit_group_set_min_share(struct bufferevent_rate_limit_group *, size_t);
int bufferevent_add_to_rate_limit_group(struct bufferevent *bev,
    struct bufferevent_rate_limit_group *g);
int bufferevent_remove_from_rate_limit_group(struct bufferevent *bev);
ev_ssize_t bufferevent_rate_limit_group_get_read_limit(struct bufferevent_rate_limit_group *);
ev_ssize_t bufferevent_rate_limit_group_get_write_limit(struct bufferevent_rate_limit_group *);
int bufferevent_rate_limit_group_decrement_read(struct bufferevent_rate_limit_group *, ev_ssize_t);
int bufferevent_rate_limit_group_decrement_write(struct bufferevent_rate_limit_group *, ev_ssize_t);
void bufferevent_rate_limit_group_get_totals(struct bufferevent_rate_limit_group *grp,
    ev_uint64_t *total_read_out, ev_uint64_t *total_written_out);
void bufferevent_rate_limit_group_reset_totals(struct bufferevent_rate_limit_group *grp);
