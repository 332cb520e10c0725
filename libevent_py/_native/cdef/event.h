/* event2/event.h */

struct event_base;
struct event;
struct event_config;

/* A string: the version of the headers that the extension was compiled with. */
static char *const LIBEVENT_VERSION;
#define LIBEVENT_VERSION_NUMBER ...

/* The version of the library that is really linked. */
const char *event_get_version(void);
ev_uint32_t event_get_version_number(void);

/* Settings of the whole process: before any base or event exists. */
void event_enable_debug_mode(void);
void event_debug_unassign(struct event *);
void libevent_global_shutdown(void);
/* The three functions are called from any thread, without the interpreter's lock. */
#ifdef LEPY_HAVE_event_set_mem_functions
void event_set_mem_functions(void *(*malloc_fn)(size_t sz), void *(*realloc_fn)(void *ptr,
    size_t sz), void (*free_fn)(void *ptr));
#endif

#define EVENT_LOG_DEBUG ...
#define EVENT_LOG_MSG ...
#define EVENT_LOG_WARN ...
#define EVENT_LOG_ERR ...
#define _EVENT_LOG_DEBUG ...
#define _EVENT_LOG_MSG ...
#define _EVENT_LOG_WARN ...
#define _EVENT_LOG_ERR ...
#define EVENT_DBG_NONE ...
#define EVENT_DBG_ALL ...

typedef void (*event_log_cb)(int severity, const char *msg);
/* libevent exits the process if this returns. */
typedef void (*event_fatal_cb)(int err);
void event_set_log_callback(event_log_cb cb);
void event_set_fatal_callback(event_fatal_cb cb);
void event_enable_debug_logging(ev_uint32_t which);

/* Configuration of a base */
enum event_method_feature {
    EV_FEATURE_ET,
    EV_FEATURE_O1,
    EV_FEATURE_FDS,
    EV_FEATURE_EARLY_CLOSE,
    ...
};

enum event_base_config_flag {
    EVENT_BASE_FLAG_NOLOCK,
    EVENT_BASE_FLAG_IGNORE_ENV,
    EVENT_BASE_FLAG_STARTUP_IOCP,
    EVENT_BASE_FLAG_NO_CACHE_TIME,
    EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST,
    EVENT_BASE_FLAG_PRECISE_TIMER,
    ...
};

/* The last two are one bit with opposite meanings: 2.2.1-alpha uses signalfd
 * unless told not to, later versions only when told to.
 */
#ifdef LEPY_HAVE_EVENT_BASE_FLAG_EPOLL_DISALLOW_TIMERFD
#define EVENT_BASE_FLAG_EPOLL_DISALLOW_TIMERFD ...
#endif
#ifdef LEPY_HAVE_EVENT_BASE_FLAG_DISALLOW_SIGNALFD
#define EVENT_BASE_FLAG_DISALLOW_SIGNALFD ...
#endif
#ifdef LEPY_HAVE_EVENT_BASE_FLAG_USE_SIGNALFD
#define EVENT_BASE_FLAG_USE_SIGNALFD ...
#endif

struct event_config *event_config_new(void);
void event_config_free(struct event_config *cfg);
int event_config_avoid_method(struct event_config *cfg, const char *method);
int event_config_require_features(struct event_config *cfg, int feature);
int event_config_set_flag(struct event_config *cfg, int flag);
int event_config_set_num_cpus_hint(struct event_config *cfg, int cpus);
int event_config_set_max_dispatch_interval(struct event_config *cfg,
    const struct timeval *max_interval, int max_callbacks, int min_priority);

/* Bases */
#define EVENT_MAX_PRIORITIES ...

struct event_base *event_base_new(void);
struct event_base *event_base_new_with_config(const struct event_config *cfg);
void event_base_free(struct event_base *eb);
void event_base_free_nofinalize(struct event_base *);
int event_reinit(struct event_base *base);
int event_base_priority_init(struct event_base *eb, int npriorities);
int event_base_get_npriorities(struct event_base *eb);

/* The loop: -1 on error, 1 when there was nothing to wait for, else 0. */
#define EVLOOP_ONCE ...
#define EVLOOP_NONBLOCK ...
#define EVLOOP_NO_EXIT_ON_EMPTY ...

int event_base_dispatch(struct event_base *base);
int event_base_loop(struct event_base *eb, int flags);
int event_base_loopexit(struct event_base *eb, const struct timeval *tv);
int event_base_loopbreak(struct event_base *eb);
int event_base_loopcontinue(struct event_base *eb);
int event_base_got_exit(struct event_base *eb);
int event_base_got_break(struct event_base *eb);

/* What a base knows about itself */
#define EVENT_BASE_COUNT_ACTIVE ...
#define EVENT_BASE_COUNT_VIRTUAL ...
#define EVENT_BASE_COUNT_ADDED ...

/* Returning non-zero ends the walk. Adding or deleting events in it is undefined. */
typedef int (*event_base_foreach_event_cb)(const struct event_base *, const struct event *, void *);

const char **event_get_supported_methods(void);
const char *event_base_get_method(const struct event_base *eb);
#ifdef LEPY_HAVE_event_base_get_signal_method
const char *event_base_get_signal_method(const struct event_base *eb);
#endif
int event_base_get_features(const struct event_base *base);
int event_base_get_num_events(struct event_base *eb, unsigned int flags);
int event_base_get_max_events(struct event_base *eb, unsigned int flags, int clear);
struct event *event_base_get_running_event(struct event_base *base);
int event_base_foreach_event(struct event_base *base, event_base_foreach_event_cb fn, void *arg);
void event_base_dump_events(struct event_base *base, FILE *output);

/* Time */
int event_gettime_monotonic(struct event_base *base, struct timeval *tp);
int event_base_gettimeofday_cached(struct event_base *base, struct timeval *tv);
int event_base_update_cache_time(struct event_base *base);
/* The result is the base's, and magic: pass the pointer itself to event_add. */
const struct timeval *event_base_init_common_timeout(struct event_base *base,
    const struct timeval *duration);

/* Events */
#define EV_TIMEOUT ...
#define EV_READ ...
#define EV_WRITE ...
#define EV_SIGNAL ...
#define EV_PERSIST ...
#define EV_ET ...
#define EV_FINALIZE ...
#define EV_CLOSED ...

typedef void (*event_callback_fn)(evutil_socket_t fd, short what, void *arg);
typedef void (*event_finalize_callback_fn)(struct event *, void *arg);

struct event *event_new(struct event_base *base, evutil_socket_t fd, short events,
    event_callback_fn callback, void *callback_arg);
void event_free(struct event *);
/* In caller's memory: event_get_struct_event_size() bytes, alive while in use. */
int event_assign(struct event *ev, struct event_base *base, evutil_socket_t fd, short events,
    event_callback_fn callback, void *callback_arg);
size_t event_get_struct_event_size(void);
void *event_self_cbarg(void);
int event_finalize(unsigned, struct event *, event_finalize_callback_fn);
int event_free_finalize(unsigned, struct event *, event_finalize_callback_fn);
int event_base_set(struct event_base *eb, struct event *ev);
int event_base_once(struct event_base *base, evutil_socket_t fd, short events,
    event_callback_fn callback, void *arg, const struct timeval *timeout);
int event_priority_set(struct event *ev, int priority);

int event_add(struct event *ev, const struct timeval *timeout);
int event_remove_timer(struct event *ev);
int event_del(struct event *ev);
int event_del_noblock(struct event *ev);
int event_del_block(struct event *ev);
void event_active(struct event *ev, int res, short ncalls);
void event_base_active_by_fd(struct event_base *base, evutil_socket_t fd, short events);
void event_base_active_by_signal(struct event_base *base, int sig);
int event_pending(const struct event *ev, short events, struct timeval *tv);
int event_initialized(const struct event *ev);

evutil_socket_t event_get_fd(const struct event *ev);
struct event_base *event_get_base(const struct event *ev);
short event_get_events(const struct event *ev);
event_callback_fn event_get_callback(const struct event *ev);
void *event_get_callback_arg(const struct event *ev);
int event_get_priority(const struct event *ev);
void event_get_assignment(const struct event *event, struct event_base **base_out,
    evutil_socket_t *fd_out, short *events_out, event_callback_fn *callback_out, void **arg_out);

/* Macros in C; functions of the same name here. */
struct event *evtimer_new(struct event_base *, event_callback_fn, void *arg);
int evtimer_assign(struct event *, struct event_base *, event_callback_fn, void *arg);
int evtimer_add(struct event *, const struct timeval *);
int evtimer_del(struct event *);
int evtimer_pending(const struct event *, struct timeval *);
int evtimer_initialized(const struct event *);

struct event *evsignal_new(struct event_base *, int signum, event_callback_fn, void *arg);
int evsignal_assign(struct event *, struct event_base *, int signum, event_callback_fn, void *arg);
int evsignal_add(struct event *, const struct timeval *);
int evsignal_del(struct event *);
int evsignal_pending(const struct event *, struct timeval *);
int evsignal_initialized(const struct event *);
int event_get_signal(const struct event *);

struct event *evuser_new(struct event_base *, event_callback_fn, void *arg);
int evuser_del(struct event *);
int evuser_pending(const struct event *, struct timeval *);
int evuser_initialized(const struct event *);
void evuser_trigger(struct event *);
