/* libevent's messages, kept for Python's logging, and its fatal errors.
 *
 * libevent logs from anywhere: with a base's lock held, from any thread, from a
 * real signal handler (signal.c, evsig_handler).  So nothing here locks, waits,
 * allocates or knows Python: a message goes into a ring of fixed size, by atomic
 * steps only, and Python takes it out where it may. */
#include "shim.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* This file calls libevent's own. */
#undef event_set_log_callback
#undef event_set_fatal_callback

#define SLOTS 256 /* a power of two */
#define LAP(position) ((position) & ~(SLOTS - 1u))

/* A ring for many writers and readers after D. Vyukov.  A slot's turn says whose
 * it is: LAP(position) for the writer of that position, one more for its reader;
 * all of it modulo 2^32, which positions go beyond in a long life.  Who is
 * interrupted between taking a position and the turn's change (a signal handler
 * that logs too) blocks nobody: writers go on to the next slot. */
struct slot {
	atomic_uint turn;
	struct lepy_log_message message;
};

static struct slot ring[SLOTS];
static atomic_uint writers, readers; /* the next positions */
static atomic_uint dropped;

/* What the program has set by the raw layer, which goes before ours. */
static event_log_cb their_log;
static event_fatal_cb their_fatal;
static int captures; /* the Pythonic layer is in use */
static atomic_int lives; /* Python will come and take what is in the ring */

static void
copy_text(char *target, const char *text)
{
	size_t length = 0;

	while (length < LEPY_LOG_TEXT - 1 && text[length]) {
		target[length] = text[length];
		length++;
	}
	target[length] = '\0';
}

static void
put(int severity, const char *text)
{
	unsigned position = atomic_load(&writers);

	for (;;) {
		struct slot *slot = &ring[position % SLOTS];
		int distance = (int)(atomic_load(&slot->turn) - LAP(position));

		if (distance < 0) {
			atomic_fetch_add(&dropped, 1);
			return;
		}
		if (distance > 0) {
			position = atomic_load(&writers);
		} else if (atomic_compare_exchange_weak(&writers, &position, position + 1)) {
			slot->message.severity = severity;
			slot->message.thread = pthread_self();
			copy_text(slot->message.text, text);
			atomic_store(&slot->turn, LAP(position) + 1);
			return;
		}
	}
}

/* Called by Python: takes the oldest message out; 0 where there is none. */
int
lepy_log_take(struct lepy_log_message *message)
{
	unsigned position = atomic_load(&readers);

	for (;;) {
		struct slot *slot = &ring[position % SLOTS];
		int distance = (int)(atomic_load(&slot->turn) - (LAP(position) + 1));

		if (distance < 0)
			return 0;
		if (distance > 0) {
			position = atomic_load(&readers);
		} else if (atomic_compare_exchange_weak(&readers, &position, position + 1)) {
			*message = slot->message;
			message->is_mine = pthread_equal(message->thread, pthread_self()) != 0;
			atomic_store(&slot->turn, LAP(position) + SLOTS);
			return 1;
		}
	}
}

/* Called by Python: how many messages found the ring full since the last call. */
unsigned
lepy_log_dropped(void)
{
	return atomic_exchange(&dropped, 0);
}

/* Called by Python, and by delivery.c at the end of each pass. */
int
lepy_log_pending(void)
{
	return atomic_load(&writers) != atomic_load(&readers) || atomic_load(&dropped);
}

static void
print(const char *text)
{
	size_t length = strlen(text);

	while (length) {
		ssize_t written = write(STDERR_FILENO, text, length);

		if (written < 0 && errno != EINTR)
			return;
		if (written > 0) {
			text += written;
			length -= (size_t)written;
		}
	}
}

static void
print_message(int severity, const char *text)
{
	static const char *const names[] = {"[debug] ", "[msg] ", "[warn] ", "[err] "};

	print(severity >= 0 && severity < 4 ? names[severity] : "[???] ");
	print(text);
	print("\n");
}

/* libevent's log callback.  Nobody empties the ring when Python is gone: then
 * as without it, to stderr. */
static void
log_callback(int severity, const char *text)
{
	int error = errno; /* which the failing call is about to report */

	if (atomic_load(&lives))
		put(severity, text);
	else
		print_message(severity, text);
	errno = error;
}

/* libevent's fatal callback: it cannot go on, and would call exit(), below
 * frames that hold its locks.  Says what it was, and leaves a core and, with
 * faulthandler, Python's traceback. */
static void
fatal_callback(int code)
{
	struct lepy_log_message message;

	(void)code;
	while (lepy_log_take(&message))
		print_message(message.severity, message.text);
	print("Fatal libevent error: the process cannot go on and is aborted\n");
	abort();
}

static void
install(void)
{
	event_set_log_callback(their_log || !captures ? their_log : log_callback);
	event_set_fatal_callback(their_fatal || !captures ? their_fatal : fatal_callback);
}

/* The raw layer's event_set_log_callback: what the program sets goes before
 * ours, which NULL brings back. */
void
lepy_set_log_callback(event_log_cb callback)
{
	their_log = callback;
	install();
}

/* The raw layer's event_set_fatal_callback, in the same way. */
void
lepy_set_fatal_callback(event_fatal_cb callback)
{
	their_fatal = callback;
	install();
}

/* Called for each event_base that Python makes: from the first one on messages
 * are kept for logging.  Programs of the raw layer alone have libevent's own ways. */
void
lepy_log_capture(void)
{
	if (!captures) {
		captures = 1;
		install();
	}
}

/* Called when the package is imported, and after the last time that it empties the ring. */
void
lepy_log_lives(int yes)
{
	atomic_store(&lives, yes);
}

/* Called in a forked child, with 0: what is in the ring is the parent's to tell, and
 * a slot that one of its threads was writing would never be finished here.  Tests
 * begin where positions are about to go beyond 2^32. */
void
lepy_log_reset(unsigned position)
{
	int i;

	for (i = 0; i < SLOTS; i++)
		atomic_store(&ring[i].turn, LAP(position) + ((unsigned)i < position % SLOTS ? SLOTS : 0));
	atomic_store(&writers, position);
	atomic_store(&readers, position);
	atomic_store(&dropped, 0);
}
