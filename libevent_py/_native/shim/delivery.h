/* The delivery queue: how what libevent reports reaches Python in batches.
 *
 * A C callback appends a record; the first record of a pass activates the
 * level's drain event, which libevent runs behind everything that is active
 * in that pass.  Draining either leaves event_base_loop, so that Python works
 * on the batch with no C frame below it (Python drives the loop), or calls
 * lepy_deliver (somebody else drives it).
 */
#ifndef LEPY_DELIVERY_H
#define LEPY_DELIVERY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "headers.h"

#define LEPY_BATCH_RECORDS 1024
#define LEPY_BATCH_ARENA (256 * 1024)

/* What a record tells; Python's _delivery.py reads the same numbers. */
enum lepy_kind {
	LEPY_KIND_EVENT = 0,      /* struct event fired; what: EV_* */
	LEPY_KIND_READ = 1,       /* bufferevent input is readable */
	LEPY_KIND_DATA = 2,       /* the same, and the bytes are in the arena */
	LEPY_KIND_WRITE = 3,      /* bufferevent output has drained */
	LEPY_KIND_STATUS = 4,     /* bufferevent event; what: BEV_EVENT_* | errno << 16 */
	LEPY_KIND_ACCEPT = 5,     /* new connection; what: its descriptor, arena: peer address */
	LEPY_KIND_ACCEPT_ERROR = 6, /* accept failed; what: errno */
	LEPY_KIND_OUTPUT = 7,  /* bufferevent output has crossed a mark, or is all sent */
	LEPY_KIND_MESSAGES = 8, /* whole messages of the input, see framing.h; what: their count and form */
	LEPY_KIND_READABLE = 9, /* bufferevent's socket is readable: lepy_bufferevent_receive */
	LEPY_KIND_ANSWER = 10,  /* a DNS request is done; what: DNS_ERR_* or EVUTIL_EAI_* */
	LEPY_KIND_QUESTION = 11, /* a DNS server is asked */
	LEPY_KIND_RELAY = 12,   /* a relay is over; what: lepy_relay_reason | errno << 16 */
	LEPY_KIND_HTTP_REQUEST = 13,    /* of an HTTPServer; what: the connection's index, arena: lepy_http_meta */
	LEPY_KIND_HTTP_DISCONNECT = 14, /* that request's client is gone, or sends no more */
	LEPY_KIND_HTTP_DRAINED = 15,    /* all that was written for that request is sent */
	LEPY_KIND_HTTP_LOG = 16,        /* answered by C; what: the status, arena: lepy_http_logged */
	LEPY_KIND_HTTP_ENDED = 17       /* after shutdown: no connection is left */
};

/* What lepy_delivery_run returns when it is not a batch's token (>= 0). */
enum lepy_run_result {
	LEPY_RUN_ERROR = -1,   /* event_base_loop failed; errno says why */
	LEPY_RUN_ENDED = -2,   /* loopexit, loopbreak, or the flags were met */
	LEPY_RUN_EMPTY = -3,   /* no event is left to wait for */
	LEPY_RUN_WOKEN = -4,   /* lepy_delivery_interrupt, or a signal: look around */
	LEPY_RUN_NO_MEMORY = -5, /* a record could not be stored */
	LEPY_RUN_PASSED = -6,  /* the one pass that the flags asked for */
	LEPY_RUN_FORKED = -7   /* this is a forked child */
};

/* A token's bits: whether libevent has logged something, whether the same pass
 * filled another batch, whether loopexit has ended the loop; then the batch's
 * name.  Thirty bits, which is what Python calculates with at once. */
#define LEPY_TOKEN_LOGGED 1
#define LEPY_TOKEN_MORE 2
#define LEPY_TOKEN_EXIT 4
#define LEPY_TOKEN_NAME 0x3ffffff8

struct lepy_record {
	uint32_t slot;
	uint32_t generation;
	int16_t kind;
	int16_t is_last; /* of those that were handed over */
	int32_t what;
	uint32_t offset; /* into the batch's arena */
	uint32_t length;
};

/* Filled from its beginning to its end, in as many passes as that takes, so
 * that Python reads on where it was. */
struct lepy_batch {
	struct lepy_batch *next;
	int level;
	uint64_t serial; /* of this filling; 0 while spare */
	uint32_t begin;  /* the first record that Python has not had */
	uint32_t end;    /* behind the last one that it has, while it works on the batch */
	uint32_t count;
	uint32_t used;   /* bytes of the arena */
	struct lepy_record records[LEPY_BATCH_RECORDS];
	char arena[LEPY_BATCH_ARENA];
};

/* What lepy_delivery_claim returns where the calling thread has the base now, */
#define LEPY_CLAIMED 1
/* and what it and other functions return where it cannot: another one has it, */
#define LEPY_FOREIGN_THREAD (-2)
/* it is a forked parent's, */
#define LEPY_FORKED (-7)
/* it, or the object, is closed. */
#define LEPY_CLOSED (-8)

/* How many forks led to this process. */
extern int lepy_forks;

/* One per priority that is in use. */
struct lepy_level {
	struct lepy_delivery *delivery;
	struct event *drain;
	struct lepy_batch *first, *last; /* waiting, oldest first */
	int rest; /* the first was cut short, and its drain event is active */
};

/* What every C handle that reports to Python begins with. */
struct lepy_handle {
	struct lepy_delivery *delivery;
	uint32_t slot;
	uint32_t generation; /* records made before a change of it are stale */
	int level;           /* the priority at which it reports */
};

struct lepy_delivery {
	struct event_base *base;
	pthread_mutex_t lock; /* guards batches and levels: callbacks may come from any thread */
	void *python;         /* ffi handle for lepy_deliver; owned by Python's EventBase */
	int python_drives;    /* lepy_delivery_run is on the stack */
	int delivering;       /* lepy_deliver is on the stack */
	int direct_calls;     /* Python functions that C called directly, on the stack */
	int left;             /* a drain event has broken off event_base_loop */
	int lost;             /* a record found no memory */
	atomic_uintptr_t owner; /* the thread that has claimed the base, 0 for none (claim.c) */
	int forks;            /* lepy_forks where the base is in use */
	int separated;        /* lepy_forks where its descriptors were made */
	atomic_int visitors;  /* threads in a call that any thread may make */
	struct lepy_batch *handed; /* Python is working on it; still the first of its level */
	uint64_t serials;
	uint64_t pass_serial; /* the last batch that the pass began */
	int batch_count;
	struct lepy_batch **batches; /* all that exist */
	struct lepy_batch *spare;
	evutil_socket_t wake_read, wake_write;
	struct event *wake;
	atomic_int wake_pending; /* lepy_delivery_wake's byte is on its way */
	int flags;            /* EVLOOP_*, of lepy_delivery_run */
	struct lepy_handle calls; /* reports to slot 0, Python's scheduled calls */
	struct event *calls_event;
	double calls_at; /* when that fires, by CLOCK_MONOTONIC; INFINITY: it is not pending */
	double calls_wanted; /* when lepy_delivery_run lets it fire */
	struct lepy_relay_shared *relay_shared; /* relay_shared.c's; NULL before the first relay */
	int level_count;
	struct lepy_level levels[];
};

/* Where a handle's last record was written. */
struct lepy_mark {
	struct lepy_batch *batch;
	uint64_t serial; /* the batch's then */
	uint32_t position;
};

void lepy_python_lives(int lives);
struct lepy_delivery *lepy_delivery_new(struct event_base *base, int priorities, void *python);
void lepy_delivery_free(struct lepy_delivery *delivery);
void lepy_delivery_forget(struct lepy_delivery *delivery);
void lepy_delivery_plan(struct lepy_delivery *delivery, int flags, double calls_at);
int lepy_delivery_run(struct lepy_delivery *delivery);
void lepy_delivery_consume(struct lepy_delivery *delivery, int name, uint32_t unread);
uint32_t lepy_delivery_left(const struct lepy_delivery *delivery, int name, uint32_t unread);
struct lepy_batch *lepy_delivery_handed(const struct lepy_delivery *delivery);
int lepy_delivery_handed_level(const struct lepy_delivery *delivery);
int lepy_delivery_claim(struct lepy_delivery *delivery, int inherited);
void lepy_delivery_release(struct lepy_delivery *delivery);
void lepy_delivery_disown(struct lepy_delivery *delivery);
int lepy_delivery_is_disowned(const struct lepy_delivery *delivery);
int lepy_delivery_owned_by(const struct lepy_delivery *delivery, pthread_t thread);
int lepy_delivery_is_owned(const struct lepy_delivery *delivery);
int lepy_delivery_on_stack(const struct lepy_delivery *delivery);
void lepy_delivery_refresh_time(const struct lepy_delivery *delivery);
int lepy_delivery_level(const struct lepy_delivery *delivery, int priority);
int lepy_delivery_interrupt(struct lepy_delivery *delivery);
evutil_socket_t lepy_delivery_wakeup_fd(struct lepy_delivery *delivery);
void lepy_delivery_wake(struct lepy_delivery *delivery);
int lepy_calls_wait(struct lepy_delivery *delivery, double when);
void lepy_calls_activate(struct lepy_delivery *delivery);
int lepy_fork_watch(void);
int lepy_delivery_forked(const struct lepy_delivery *delivery);
int lepy_delivery_lost(const struct lepy_delivery *delivery);
void lepy_delivery_stop_in_child(struct lepy_delivery *delivery);
int lepy_delivery_separate(struct lepy_delivery *delivery);
int lepy_delivery_reinit(struct lepy_delivery *delivery);
intptr_t lepy_signal_handler(int number);

/* For report.c: lets Python see what the level has, in this pass or the next. */
void lepy_activate_drain(struct lepy_level *level);

/* For lepy_delivery_new and lepy_delivery_free. */
int lepy_wake_init(struct lepy_delivery *delivery);
void lepy_wake_free(struct lepy_delivery *delivery);
int lepy_calls_init(struct lepy_delivery *delivery);

/* For wake.c: event_new, with an event that does not count in the loop. */
struct event *lepy_internal_event(struct event_base *base, evutil_socket_t fd, short events,
    event_callback_fn callback, void *arg);

/* For delivery.c and inspection.c: the first record of the batch that waits to be handed to
 * Python.  Caller holds the lock. */
uint32_t lepy_waiting_from(const struct lepy_delivery *delivery, const struct lepy_batch *batch);

/* For the other shim files.  A callback either calls lepy_report, or begins a
 * report (which locks), puts bytes that ride along into the arena's room (0: it
 * is full, leave them where they are), and ends it with how many they are, or
 * cancels it.  The end is -1 where there is no memory for the record, which
 * loop() raises, and nobody will get what it tells of.  lepy_report_mark, before the end, remembers the record: with
 * lepy_mark_waits Python is not done with it, and lepy_report_once writes no
 * other of its kind behind it. */
void lepy_report(struct lepy_handle *handle, int kind, int what);
void lepy_report_once(struct lepy_handle *handle, struct lepy_mark *mark, int kind, int what);
void lepy_report_begin(struct lepy_handle *handle);
size_t lepy_report_room(struct lepy_handle *handle, char **room);
void lepy_report_mark(struct lepy_handle *handle, struct lepy_mark *mark);
int lepy_mark_waits(const struct lepy_mark *mark);
int lepy_report_end(struct lepy_handle *handle, int kind, int what, size_t length);
void lepy_report_cancel(struct lepy_handle *handle);

/* Python's side of a loop that somebody else drives: works on the batch of
 * token, and calls lepy_delivery_consume. */
void lepy_deliver(void *python, int token);

#endif
