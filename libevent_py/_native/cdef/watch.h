/* event2/watch.h (libevent 2.2)
 *
 * Watchers belong to their base: event_base_free frees what is left of them,
 * and evwatch_free after that is an error.
 */

#ifdef LEPY_HAVE_evwatch_free
struct evwatch;
struct evwatch_prepare_cb_info;
struct evwatch_check_cb_info;

typedef void (*evwatch_prepare_cb)(
    struct evwatch *, const struct evwatch_prepare_cb_info *, void *arg);
typedef void (*evwatch_check_cb)(
    struct evwatch *, const struct evwatch_check_cb_info *, void *arg);

struct evwatch *evwatch_prepare_new(struct event_base *base, evwatch_prepare_cb callback,
    void *arg);
struct evwatch *evwatch_check_new(struct event_base *base, evwatch_check_cb callback, void *arg);
struct event_base *evwatch_base(struct evwatch *watcher);
void evwatch_free(struct evwatch *watcher);
int evwatch_prepare_get_timeout(const struct evwatch_prepare_cb_info *info,
    struct timeval *timeout);
#endif
