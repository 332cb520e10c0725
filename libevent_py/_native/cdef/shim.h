/* The C glue (shim/): what _delivery.py and the wrappers call. */

/* delivery.c */

struct lepy_delivery { ...; };
struct lepy_record { ...; };
struct lepy_batch { uint32_t begin; struct lepy_record records[...]; char arena[...]; ...; };

#define LEPY_BATCH_RECORDS ...
#define LEPY_BATCH_ARENA ...
#define LEPY_FOREIGN_THREAD ...
#define LEPY_FORKED ...
#define LEPY_CLOSED ...
#define LEPY_TOKEN_LOGGED ...
#define LEPY_TOKEN_MORE ...
#define LEPY_TOKEN_EXIT ...
#define LEPY_TOKEN_NAME ...

enum lepy_kind {
	LEPY_KIND_EVENT, LEPY_KIND_READ, LEPY_KIND_DATA, LEPY_KIND_WRITE,
	LEPY_KIND_STATUS, LEPY_KIND_ACCEPT, LEPY_KIND_ACCEPT_ERROR, LEPY_KIND_OUTPUT,
	LEPY_KIND_MESSAGES, LEPY_KIND_READABLE,
	LEPY_KIND_ANSWER, LEPY_KIND_QUESTION, LEPY_KIND_RELAY,
	LEPY_KIND_HTTP_REQUEST, LEPY_KIND_HTTP_DISCONNECT, LEPY_KIND_HTTP_DRAINED,
	LEPY_KIND_HTTP_LOG, LEPY_KIND_HTTP_ENDED, ...
};

enum lepy_run_result {
	LEPY_RUN_ERROR, LEPY_RUN_ENDED, LEPY_RUN_EMPTY, LEPY_RUN_WOKEN, LEPY_RUN_NO_MEMORY,
	LEPY_RUN_PASSED, LEPY_RUN_FORKED, ...
};

void lepy_python_lives(int lives);
struct lepy_delivery *lepy_delivery_new(struct event_base *base, int priorities, void *python);
void lepy_delivery_free(struct lepy_delivery *);
void lepy_delivery_forget(struct lepy_delivery *);
void lepy_delivery_plan(struct lepy_delivery *, int flags, double calls_at);
int lepy_delivery_run(struct lepy_delivery *);
void lepy_delivery_consume(struct lepy_delivery *, int name, uint32_t unread);
uint32_t lepy_delivery_left(const struct lepy_delivery *, int name, uint32_t unread);
struct lepy_batch *lepy_delivery_handed(const struct lepy_delivery *);
int lepy_delivery_handed_level(const struct lepy_delivery *);
int lepy_delivery_on_stack(const struct lepy_delivery *);
void lepy_delivery_refresh_time(const struct lepy_delivery *);
int lepy_delivery_interrupt(struct lepy_delivery *);
evutil_socket_t lepy_delivery_wakeup_fd(struct lepy_delivery *);
intptr_t lepy_signal_handler(int number);

/* claim.c */

int lepy_delivery_claim(struct lepy_delivery *, int inherited);
void lepy_delivery_release(struct lepy_delivery *);

/* fork.c */

int lepy_fork_watch(void);
int lepy_delivery_forked(const struct lepy_delivery *);
int lepy_delivery_lost(const struct lepy_delivery *);
void lepy_delivery_stop_in_child(struct lepy_delivery *);
int lepy_delivery_separate(struct lepy_delivery *);
int lepy_delivery_reinit(struct lepy_delivery *);

/* log.c */

struct lepy_log_message { int severity; int is_mine; char text[...]; ...; };

int lepy_log_take(struct lepy_log_message *);
unsigned lepy_log_dropped(void);
int lepy_log_pending(void);
void lepy_log_lives(int yes);
void lepy_log_reset(unsigned position);

void lepy_delivery_wake(struct lepy_delivery *);

/* calls.c */

int lepy_calls_wait(struct lepy_delivery *, double when);
void lepy_calls_activate(struct lepy_delivery *);

/* event.c */

struct lepy_event { struct event *event; ...; };

struct event_base *lepy_event_base_new(const struct event_config *);
int lepy_delivery_loopexit(struct lepy_delivery *, double seconds);
int lepy_delivery_loopbreak(struct lepy_delivery *);
struct lepy_event *lepy_event_new(struct lepy_delivery *, uint32_t slot, uint32_t generation,
	evutil_socket_t fd, short events);
const struct lepy_event *lepy_event_of(const struct event *);
int lepy_event_add(struct lepy_event *, double seconds);
int lepy_event_add_native(struct lepy_delivery *, struct event *, double seconds);
int lepy_event_active(struct lepy_event *, int what);
int lepy_event_remove(struct lepy_event *);
int lepy_event_priority_set(struct lepy_event *, int priority);
int lepy_event_finalize(struct lepy_event *);
void lepy_event_free(struct lepy_event *);

const struct timeval *lepy_event_base_common_timeout(struct event_base *, double seconds);

/* inspection.c */

struct lepy_event_info {
	evutil_socket_t fd;
	short flags;
	short active;
	int priority;
	double remaining;
	int is_own;
	uint32_t slot;
	uint32_t generation;
};

int lepy_delivery_num_events(struct lepy_delivery *, unsigned int flags);
int lepy_delivery_got_break(const struct lepy_delivery *);
double lepy_event_base_time(struct event_base *);
double lepy_event_base_cached_time(struct event_base *);
double lepy_event_remaining(const struct event *);
struct lepy_event_info *lepy_delivery_events(struct lepy_delivery *, int *count);
char *lepy_event_base_dump(struct event_base *, size_t *length);

/* bufferevent.c */

struct lepy_bufferevent { struct bufferevent *bufferevent; ...; };

struct lepy_bufferevent *lepy_bufferevent_new(struct lepy_delivery *, uint32_t slot, uint32_t generation,
	struct bufferevent *, int direct_socket);
void lepy_bufferevent_setcb(struct lepy_bufferevent *, int readable, int with_data, int writable, int status);
void lepy_bufferevent_free(struct lepy_bufferevent *, int owned);
void lepy_bufferevent_forget(struct lepy_bufferevent *);
int lepy_bufferevent_enable(struct lepy_bufferevent *, short events, int report_again);
int lepy_bufferevent_disable(struct lepy_bufferevent *, short events);
short lepy_bufferevent_get_enabled(struct lepy_bufferevent *);
int lepy_bufferevent_setwatermark(struct lepy_bufferevent *, short events, size_t low, size_t high);
int lepy_bufferevent_write(struct lepy_bufferevent *, const char *data, size_t length);
int lepy_bufferevent_write_reference(struct lepy_bufferevent *, const char *data, size_t length, uint64_t key);
int lepy_bufferevent_write_buffer(struct lepy_bufferevent *, struct evbuffer *);
int64_t lepy_bufferevent_read(struct lepy_bufferevent *, char *data, size_t length);
int lepy_bufferevent_unread(struct lepy_bufferevent *, const char *data, size_t length);
int lepy_bufferevent_data_is_due(const struct lepy_bufferevent *, uint32_t remaining);
int lepy_bufferevent_connect(struct lepy_bufferevent *, evutil_socket_t fd);
int lepy_bufferevent_is_connecting(struct lepy_bufferevent *);
int lepy_bufferevent_set_timeouts(struct lepy_bufferevent *, double read, double write);
int lepy_bufferevent_priority_set(struct lepy_bufferevent *, int priority);

void lepy_bufferevent_capture(struct lepy_bufferevent *);
void lepy_bufferevent_release(struct lepy_bufferevent *);

/* bufferevent_receive.c */

#define LEPY_RECEIVED_INPUT ...

int64_t lepy_bufferevent_receive(struct lepy_bufferevent *, char *data, size_t size);

/* bufferevent_control.c */

#define LEPY_LIMIT_OWN ...
#define LEPY_LIMIT_GROUP ...
#define LEPY_LIMIT_THREADS ...
#define LEPY_WRITE_FULL ...
#define LEPY_WRITE_SENT ...
#define LEPY_WRITE_ENDED ...
#define LEPY_WRITE_CAPTURED ...
#define LEPY_WRITE_FAILED ...
#define LEPY_OUTPUT_PAUSED ...
#define LEPY_OUTPUT_RESUMED ...
#define LEPY_OUTPUT_DRAINED ...

int lepy_bufferevent_set_output_limit(struct lepy_bufferevent *, size_t high, size_t low);
int lepy_bufferevent_notify_drained(struct lepy_bufferevent *, int connects);
int lepy_bufferevent_output_news(struct lepy_bufferevent *);
size_t lepy_bufferevent_output_size(struct lepy_bufferevent *);
void lepy_bufferevent_refuse_writes(struct lepy_bufferevent *, int refusal);
int lepy_bufferevent_shut_down(struct lepy_bufferevent *);
int lepy_bufferevent_flush(struct lepy_bufferevent *, short events, int mode);
void lepy_bufferevent_trigger(struct lepy_bufferevent *, short events, int options);
void lepy_bufferevent_set_limited(struct lepy_bufferevent *, int reason, int limited);
size_t lepy_bufferevent_get_single_read(const struct lepy_bufferevent *);
int lepy_bufferevent_set_single(struct lepy_bufferevent *, short event, size_t size);

/* framing.c */

#define LEPY_MESSAGES_TOO_LONG ...
#define LEPY_MESSAGES_NONE ...
#define LEPY_MESSAGES_NEED_ROOM ...

enum lepy_messages_form {
	LEPY_MESSAGES_LF, LEPY_MESSAGES_CRLF, LEPY_MESSAGES_NUL, LEPY_MESSAGES_LENGTHS, ...
};

int lepy_bufferevent_set_framing(struct lepy_bufferevent *, int form, int style, int little, size_t prefix,
	size_t max);
int lepy_bufferevent_take_messages(struct lepy_bufferevent *, char *room, size_t size, size_t *used);

/* filter.c */

struct lepy_filter { struct bufferevent *bufferevent; ...; };

struct lepy_filter *lepy_filter_new(struct lepy_delivery *, struct lepy_bufferevent *underlying, int options,
	int functions, void *python);
void lepy_filter_finish_output(struct lepy_filter *);
void lepy_filter_attach(struct lepy_filter *, struct lepy_bufferevent *);
void lepy_filter_close(struct lepy_filter *);

/* listener.c */

struct lepy_listener { struct evconnlistener *listener; ...; };

struct lepy_listener *lepy_listener_new(struct lepy_delivery *, uint32_t slot, uint32_t generation,
	evutil_socket_t fd);
int lepy_listener_enable(struct lepy_listener *);
int lepy_listener_disable(struct lepy_listener *);
void lepy_listener_free(struct lepy_listener *);

/* buffer.c */

struct lepy_released { struct lepy_released *next; uint64_t key; };
struct lepy_buffer_watch { struct evbuffer_cb_entry *entry; ...; };

int64_t lepy_buffer_search(struct evbuffer *, const char *what, size_t length, size_t start, int64_t end);
int64_t lepy_buffer_search_eol(struct evbuffer *, size_t start, int style, size_t *eol_length);
size_t lepy_buffer_copyout_from(struct evbuffer *, size_t start, char *out, size_t length);
int lepy_buffer_peek(struct evbuffer *, size_t start, int64_t length, struct evbuffer_iovec *, int count);
void *lepy_buffer_pullup(struct evbuffer *, struct evbuffer_cb_entry *, int frozen, size_t size);
int lepy_buffer_add_reference(struct evbuffer *, const void *data, size_t length, uint64_t key);
int lepy_file_segment_watch(struct evbuffer_file_segment *, uint64_t key);
int lepy_file_segment_is_taken(void);
struct lepy_released *lepy_released_take(void);
struct lepy_buffer_watch *lepy_buffer_watch_new(struct lepy_delivery *, uint32_t slot, uint32_t generation,
	struct evbuffer *);
void lepy_buffer_watch_take(struct lepy_buffer_watch *, size_t *orig_size, size_t *n_added, size_t *n_deleted);
void lepy_buffer_watch_detach(struct lepy_buffer_watch *);
void lepy_buffer_watch_free(struct lepy_buffer_watch *);

/* receiver.c */

struct lepy_receiver { ...; };

struct lepy_receiver *lepy_receiver_new(struct lepy_delivery *, uint32_t slot, uint32_t generation,
	evutil_socket_t fd);
void lepy_receiver_free(struct lepy_receiver *);
int lepy_receiver_start(struct lepy_receiver *, int by_python);
int lepy_receiver_stop(struct lepy_receiver *);
int64_t lepy_receiver_receive(struct lepy_receiver *, char *data, size_t size);

/* datagram.c */

#define LEPY_DATAGRAMS ...

struct lepy_datagram { uint32_t offset; uint32_t length; uint32_t from; uint32_t from_length; };
struct lepy_datagrams {
	struct lepy_datagram received[...];
	struct sockaddr_in6 addresses[...];
	char memory[...];
	...;
};

struct lepy_datagrams *lepy_datagrams_new(void);
void lepy_datagrams_free(struct lepy_datagrams *);
int lepy_datagrams_receive(struct lepy_datagrams *, evutil_socket_t fd);
int lepy_datagrams_send(evutil_socket_t fd, int count, int segmented, const char *data, const char *packed,
	const char *addresses, size_t address_length);
int lepy_datagrams_can_segment(evutil_socket_t fd);
