/* The C glue's own declarations; what Python may call of it is in cdef/shim.h. */
#ifndef LEPY_SHIM_H
#define LEPY_SHIM_H

#include "headers.h"

#include "delivery.h"
#include "framing.h"
#include "raw.h"
#include "receiver.h"
#include "datagram.h"
#include "dns.h"
#include "http.h"
#include "relay.h"

/* How sockets are read, here in bytes: at most so many in one go, that nobody
 * keeps the others waiting; who had much is read by itself next time. */
#define LEPY_READ_MOST (256 * 1024)
#define LEPY_READ_MUCH (16 * 1024)

struct lepy_event {
	struct lepy_handle handle; /* first: the callback's argument is both */
	struct event *event; /* NULL once libevent has finalized and freed it */
	struct lepy_mark last;
	int finalizing; /* libevent frees the event, */
	int abandoned;  /* and its finalizer this structure too */
};

/* What inspection.c found out about one event. */
struct lepy_event_info {
	evutil_socket_t fd;
	short flags;  /* what it waits for */
	short active; /* what it is about to fire with */
	int priority;
	double remaining; /* seconds until its timeout, -1: none */
	int is_own;       /* an Event of this base: slot and generation name it */
	uint32_t slot, generation;
};

struct lepy_filter;
struct lepy_tls;
struct lepy_bufferevent;

/* What a TLS bufferevent does otherwise than a plain one: tls.c has the functions. */
struct lepy_bufferevent_ops {
	/* 0: the input is not for Python, or not yet. */
	int (*is_readable)(struct lepy_bufferevent *self, struct evbuffer *input);
	/* 0: what is not for Python, or not yet; sets the errno that goes with it. */
	int (*status)(struct lepy_bufferevent *self, short what, int *error);
	/* Which of the events to enable or disable now. */
	short (*pass_on)(struct lepy_bufferevent *self, short events, int on);
	/* EV_READ was enabled. */
	void (*resumed)(struct lepy_bufferevent *self);
	int (*connect)(struct lepy_bufferevent *self, evutil_socket_t fd);
	int (*set_priority)(struct lepy_bufferevent *self, int priority);
	/* Past libevent, where that is allowed: as recv, with EAGAIN, or EIO for what
	 * libevent has to meet; and how many bytes went out. */
	ssize_t (*receive)(struct lepy_bufferevent *self, char *room, size_t size);
	size_t (*send)(struct lepy_bufferevent *self, const char *data, size_t length);
	/* The bufferevent is about to be freed. */
	void (*release)(struct lepy_bufferevent *self);
};

struct lepy_callbacks {
	bufferevent_data_cb read, write;
	bufferevent_event_cb status;
	void *arg;
};

struct lepy_bufferevent {
	struct lepy_handle handle;
	struct bufferevent *bufferevent;
	const struct lepy_bufferevent_ops *ops; /* NULL: libevent's bufferevent as it is */
	struct lepy_tls *tls;                   /* of TLS; else NULL */
	struct lepy_callbacks theirs; /* what native code had set before */
	struct lepy_callbacks above;  /* of the filter that works on this */
	size_t high;       /* the input's high mark */
	int direct_socket; /* a socket of ours: writes may go out at once */
	int limited;       /* LEPY_LIMIT_*: what goes around libevent would go around them */
	int refusal;       /* what lepy_bufferevent_write answers, 0 where it writes */
	int busy;          /* C calls that may come back through a Python filter and close it */
	int dead;          /* closed */
	int forgotten;     /* by Python: the last of those calls frees it */
	size_t single_read, single_write; /* most bytes at a time past libevent; 0: as many as go */
	size_t output_high, output_low;   /* marks of set_output_limit; SIZE_MAX: none */
	int output_full;     /* over the high mark, and not yet down to the low one */
	int output_ending;   /* wanted: news when all is sent */
	int output_reported; /* news are on their way */
	int watching_output; /* output_callback is on the outputs */
	struct lepy_filter *filter; /* of a filter of Python's; else NULL */
	struct lepy_bufferevent *below; /* which it has captured */
	int connecting;
	short held_back;   /* Python has turned it off, and libevent learns of it later */
	int with_data;     /* input rides along with its record */
	int wants_write;
	int wants_status;
	int paused;        /* EV_READ is off only because the input is at its high mark */
	int watching;      /* input_callback is on the input */
	size_t last_read;  /* bytes */
	struct lepy_mark last; /* record of something to read */
	event_callback_fn libevent_receives; /* what its read event calls without us, */
	void *libevent_argument;             /* and with what */
	struct lepy_framing *framing;  /* messages ride along instead of bytes */
	unsigned framings;             /* how many there were */
	struct lepy_relay_end *relay_end; /* the input goes there; NULL: to Python */
};

/* Why a bufferevent does not use its socket past libevent. */
#define LEPY_LIMIT_OWN 1
#define LEPY_LIMIT_GROUP 2
#define LEPY_LIMIT_THREADS 4   /* THREADSAFE: native code may use it at the same time */
#define LEPY_LIMIT_NO_SOCKET 8 /* a pipe, say */

/* What lepy_bufferevent_receive returns besides a count. */
#define LEPY_RECEIVED_INPUT (-1)

/* What lepy_bufferevent_write returns besides 0, -1 and LEPY_FOREIGN_THREAD. */
#define LEPY_WRITE_FULL 1       /* written; the output is over its high mark now */
#define LEPY_WRITE_SENT 2       /* nothing is left of it */
#define LEPY_WRITE_ENDED (-3)   /* after shutdown_write */
#define LEPY_WRITE_CAPTURED (-4) /* a filter writes here */
#define LEPY_WRITE_FAILED (-5)  /* the filter's process_out raised before */

/* What lepy_bufferevent_output_news tells. */
#define LEPY_OUTPUT_PAUSED 1
#define LEPY_OUTPUT_RESUMED 2
#define LEPY_OUTPUT_DRAINED 4

/* A filter's context; C frees it when the bufferevent is finalized, which may
 * be long after close(). */
struct lepy_filter {
	void *python; /* ffi handle of the FilterBufferEvent; NULL once it is closed */
	struct lepy_delivery *delivery;
	struct bufferevent *bufferevent;
	struct bufferevent *underlying;
	struct lepy_filter *below; /* where that is a filter of Python's too */
	struct lepy_bufferevent *below_self;
	int functions; /* EV_READ, EV_WRITE: there is one */
	int failed;   /* EV_READ, EV_WRITE: that process function raised, and is not called again */
	int finished; /* EV_READ, EV_WRITE: that process function was told of the end */
	struct evbuffer *held; /* filtered input beyond the high mark; NULL before there was any */
};

struct lepy_listener {
	struct lepy_handle handle;
	struct evconnlistener *listener;
	struct event *retry; /* ends the rest after running out of descriptors */
};

/* Something that Python pinned, or waits for, and C is done with. */
struct lepy_released {
	struct lepy_released *next;
	uint64_t key; /* Python's name of it */
};

struct lepy_buffer_watch {
	struct lepy_handle handle;
	struct evbuffer *buffer; /* NULL once it is gone */
	struct evbuffer_cb_entry *entry;
	int pending; /* a record is under way */
	size_t orig_size, n_added, n_deleted;
};

/* One message of libevent's, at most as long as libevent makes them. */
#define LEPY_LOG_TEXT 1024
struct lepy_log_message {
	int severity; /* EVENT_LOG_* */
	int is_mine;  /* this thread's */
	pthread_t thread;
	char text[LEPY_LOG_TEXT];
};

int lepy_log_take(struct lepy_log_message *message);
unsigned lepy_log_dropped(void);
int lepy_log_pending(void);
void lepy_log_capture(void);
void lepy_log_lives(int yes);
void lepy_log_reset(unsigned position);

struct event_base *lepy_event_base_new(const struct event_config *config);
int lepy_need_descriptors(int needed);
int lepy_add_signal(struct event *event, const struct timeval *timeout);
int lepy_event_active(struct lepy_event *self, int what);
int lepy_delivery_loopexit(struct lepy_delivery *delivery, double seconds);
int lepy_delivery_loopbreak(struct lepy_delivery *delivery);
struct timeval lepy_timeval(double seconds);

struct lepy_event *lepy_event_new(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation,
    evutil_socket_t fd, short events);
int lepy_event_add(struct lepy_event *self, double seconds);
int lepy_event_add_native(struct lepy_delivery *delivery, struct event *event, double seconds);
int lepy_event_remove(struct lepy_event *self);
int lepy_event_priority_set(struct lepy_event *self, int priority);
int lepy_event_finalize(struct lepy_event *self);
void lepy_event_free(struct lepy_event *self);

const struct lepy_event *lepy_event_of(const struct event *event);
const struct timeval *lepy_event_base_common_timeout(struct event_base *base, double seconds);

int lepy_delivery_num_events(struct lepy_delivery *delivery, unsigned int flags);
int lepy_delivery_got_break(const struct lepy_delivery *delivery);
double lepy_event_base_time(struct event_base *base);
double lepy_event_base_cached_time(struct event_base *base);
double lepy_event_remaining(const struct event *event);
struct lepy_event_info *lepy_delivery_events(struct lepy_delivery *delivery, int *count);
char *lepy_event_base_dump(struct event_base *base, size_t *length);

struct lepy_bufferevent *lepy_bufferevent_new(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation,
    struct bufferevent *bufferevent, int direct_socket);
void lepy_bufferevent_setcb(struct lepy_bufferevent *self, int readable, int with_data, int writable, int status);
void lepy_bufferevent_free(struct lepy_bufferevent *self, int owned);
void lepy_bufferevent_forget(struct lepy_bufferevent *self);
int lepy_bufferevent_enable(struct lepy_bufferevent *self, short events, int report_again);
int lepy_bufferevent_disable(struct lepy_bufferevent *self, short events);
short lepy_bufferevent_get_enabled(struct lepy_bufferevent *self);
int lepy_bufferevent_setwatermark(struct lepy_bufferevent *self, short events, size_t low, size_t high);
void lepy_bufferevent_enter(struct lepy_bufferevent *self);
int lepy_bufferevent_leave(struct lepy_bufferevent *self, int result);
int lepy_bufferevent_after_write(struct lepy_bufferevent *self, int result);
void lepy_bufferevent_stop_watching(struct lepy_bufferevent *self);
int lepy_bufferevent_set_output_limit(struct lepy_bufferevent *self, size_t high, size_t low);
int lepy_bufferevent_notify_drained(struct lepy_bufferevent *self, int connects);
int lepy_bufferevent_output_news(struct lepy_bufferevent *self);
size_t lepy_bufferevent_output_size(struct lepy_bufferevent *self);
void lepy_bufferevent_refuse_writes(struct lepy_bufferevent *self, int refusal);
int lepy_bufferevent_shut_down(struct lepy_bufferevent *self);
int lepy_bufferevent_flush(struct lepy_bufferevent *self, short events, int mode);
void lepy_bufferevent_trigger(struct lepy_bufferevent *self, short events, int options);
void lepy_bufferevent_set_limited(struct lepy_bufferevent *self, int reason, int limited);
size_t lepy_bufferevent_get_single_read(const struct lepy_bufferevent *self);
int lepy_bufferevent_set_single(struct lepy_bufferevent *self, short event, size_t size);
void lepy_bufferevent_capture(struct lepy_bufferevent *self);
void lepy_bufferevent_release(struct lepy_bufferevent *self);
void lepy_bufferevent_stop_watching_input(struct lepy_bufferevent *self);
int lepy_bufferevent_status(struct lepy_bufferevent *self, short what, int *error);
void lepy_bufferevent_stand_between(struct lepy_bufferevent *self);
struct lepy_filter *lepy_filter_new(struct lepy_delivery *delivery, struct lepy_bufferevent *underlying,
    int options, int functions, void *python);
void lepy_filter_finish_output(struct lepy_filter *self);
void lepy_filter_finish_input(struct lepy_filter *self);
int lepy_filter_holds(const struct lepy_filter *self);
void lepy_filter_attach(struct lepy_filter *filter, struct lepy_bufferevent *self);
void lepy_filter_close(struct lepy_filter *self);
void lepy_bufferevent_take_reading(struct lepy_bufferevent *self);
void lepy_bufferevent_give_reading_back(struct lepy_bufferevent *self);
int64_t lepy_bufferevent_receive(struct lepy_bufferevent *self, char *data, size_t size);
void lepy_bufferevent_report_input(struct lepy_bufferevent *self, struct evbuffer *input);
int lepy_bufferevent_data_is_due(const struct lepy_bufferevent *self, uint32_t remaining);
int lepy_bufferevent_write(struct lepy_bufferevent *self, const char *data, size_t length);
int lepy_bufferevent_write_reference(struct lepy_bufferevent *self, const char *data, size_t length, uint64_t key);
int lepy_bufferevent_write_buffer(struct lepy_bufferevent *self, struct evbuffer *buffer);
int64_t lepy_bufferevent_read(struct lepy_bufferevent *self, char *data, size_t length);
int lepy_bufferevent_unread(struct lepy_bufferevent *self, const char *data, size_t length);
int lepy_bufferevent_connect(struct lepy_bufferevent *self, evutil_socket_t fd);
int lepy_bufferevent_is_connecting(struct lepy_bufferevent *self);
int lepy_bufferevent_set_timeouts(struct lepy_bufferevent *self, double read, double write);
int lepy_bufferevent_priority_set(struct lepy_bufferevent *self, int priority);

/* _filter_callbacks.py */
int lepy_filter_process(void *python, int outward, struct evbuffer *source, struct evbuffer *target, int mode);

struct lepy_listener *lepy_listener_new(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation,
    evutil_socket_t fd);
int lepy_listener_enable(struct lepy_listener *self);
int lepy_listener_disable(struct lepy_listener *self);
void lepy_listener_free(struct lepy_listener *self);

int64_t lepy_buffer_search(struct evbuffer *buffer, const char *what, size_t length, size_t start, int64_t end);
int64_t lepy_buffer_search_eol(struct evbuffer *buffer, size_t start, int style, size_t *eol_length);
size_t lepy_buffer_copyout_from(struct evbuffer *buffer, size_t start, char *out, size_t length);
int lepy_buffer_peek(struct evbuffer *buffer, size_t start, int64_t length, struct evbuffer_iovec *pieces, int count);
void *lepy_buffer_pullup(struct evbuffer *buffer, struct evbuffer_cb_entry *entry, int frozen, size_t size);
int lepy_buffer_add_reference(struct evbuffer *buffer, const void *data, size_t length, uint64_t key);
int lepy_file_segment_watch(struct evbuffer_file_segment *segment, uint64_t key);
int lepy_file_segment_is_taken(void);
struct lepy_released *lepy_released_take(void);
struct lepy_buffer_watch *lepy_buffer_watch_new(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation,
    struct evbuffer *buffer);
void lepy_buffer_watch_take(struct lepy_buffer_watch *self, size_t *orig_size, size_t *n_added, size_t *n_deleted);
void lepy_buffer_watch_detach(struct lepy_buffer_watch *self);
void lepy_buffer_watch_free(struct lepy_buffer_watch *self);

#include "http_client.h" /* which uses struct lepy_callbacks */

#endif
