/* Scheduled calls: the one event by which EventBase.call_soon, call_later and
 * call_soon_threadsafe are known to libevent.  Which calls there are, only
 * Python's scheduling.py knows. */
#include "shim.h"

#include <errno.h>
#include <math.h>
#include <time.h>

/* libevent's callback: a call's time has come, or another thread asks. */
static void
calls_callback(evutil_socket_t fd, short what, void *arg)
{
	struct lepy_delivery *delivery = arg;

	(void)fd;
	delivery->calls_at = INFINITY;
	if (delivery->python_drives && delivery->level_count == 1)
		lepy_delivery_interrupt(delivery); /* loop() looks after the calls between two passes */
	else
		lepy_report(&delivery->calls, LEPY_KIND_EVENT, what);
}

/* For lepy_delivery_new: 0, or -1 without memory. */
int
lepy_calls_init(struct lepy_delivery *delivery)
{
	delivery->calls_at = delivery->calls_wanted = INFINITY;
	delivery->calls.delivery = delivery;
	delivery->calls_event = event_new(delivery->base, -1, 0, calls_callback, delivery);
	if (!delivery->calls_event)
		return -1;
	delivery->calls.level = lepy_delivery_level(delivery, event_get_priority(delivery->calls_event));
	return 0;
}

/* Called by Python, in the thread that owns the base, and by lepy_delivery_run:
 * lets the event fire at that time of CLOCK_MONOTONIC, which is Python's
 * time.monotonic(); INFINITY: not at all.  -1 with errno. */
int
lepy_calls_wait(struct lepy_delivery *delivery, double when)
{
	struct timespec now;
	struct timeval timeout;
	double seconds;

	if (when == delivery->calls_at)
		return 0;
	errno = ENOMEM; /* the one reason, of which libevent says nothing */
	if (isinf(when)) {
		if (event_del(delivery->calls_event) < 0)
			return -1;
	} else {
		lepy_delivery_refresh_time(delivery);
		clock_gettime(CLOCK_MONOTONIC, &now);
		seconds = when - (double)now.tv_sec - (double)now.tv_nsec / 1e9;
		timeout = lepy_timeval(seconds > 0 ? seconds : 0);
		if (event_add(delivery->calls_event, &timeout) < 0)
			return -1;
	}
	delivery->calls_at = when;
	return 0;
}

/* Called by call_soon_threadsafe, from any thread, where no loop() of Python's
 * runs: lets the event fire in a loop that native code runs now or later.  Not
 * EV_TIMEOUT, which an event_add would take back. */
void
lepy_calls_activate(struct lepy_delivery *delivery)
{
	atomic_fetch_add(&delivery->visitors, 1);
	event_active(delivery->calls_event, EV_WRITE, 1);
	atomic_fetch_sub(&delivery->visitors, 1);
	lepy_delivery_wake(delivery);
}
