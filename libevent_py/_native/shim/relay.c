/* What both kinds of relay have: idle timeout, byte counters, the report of the end. */
#include "shim.h"

#include <time.h>

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* For the engines, where bytes have moved. */
void
lepy_relay_moved(struct lepy_relay *relay)
{
	if (relay->idle)
		relay->moved_at = now();
}

/* For the engines: reports the end, once.  The ends stay until Python frees the
 * relay. */
void
lepy_relay_end(struct lepy_relay *relay, int reason, int error)
{
	if (relay->over)
		return;
	relay->over = 1;
	if (relay->idle)
		event_del(relay->idle);
	lepy_report(&relay->handle, LEPY_KIND_RELAY, reason | error << 16);
}

/* The timer runs through, and is not set anew with every byte. */
static void
idle_callback(evutil_socket_t fd, short what, void *arg)
{
	struct lepy_relay *relay = arg;
	double left = relay->moved_at + relay->idle_timeout - now();
	struct timeval wait;

	(void)fd;
	(void)what;
	if (left <= 0) {
		lepy_relay_end(relay, LEPY_RELAY_IDLE, 0);
		return;
	}
	/* Not a moment too early, for another look would be the next. */
	wait = lepy_timeval(left + 0.001);
	event_add(relay->idle, &wait);
}

/* For the engines: -1 with errno on failure, and lepy_relay_clear is due. */
int
lepy_relay_init(struct lepy_relay *relay, struct lepy_delivery *delivery, uint32_t slot, uint32_t generation,
    double idle_timeout)
{
	relay->handle.delivery = delivery;
	relay->handle.slot = slot;
	relay->handle.generation = generation;
	relay->handle.level = event_base_get_npriorities(delivery->base) / 2;
	relay->idle_timeout = idle_timeout;
	if (idle_timeout < 0)
		return 0;
	relay->idle = evtimer_new(delivery->base, idle_callback, relay);
	return relay->idle ? 0 : -1;
}

/* For the engines: the idle time begins. */
int
lepy_relay_start(struct lepy_relay *relay)
{
	struct timeval wait;

	if (!relay->idle)
		return 0;
	relay->moved_at = now();
	wait = lepy_timeval(relay->idle_timeout);
	return event_add(relay->idle, &wait);
}

/* For the engines, before they free the structure. */
void
lepy_relay_clear(struct lepy_relay *relay)
{
	if (relay->idle)
		event_free(relay->idle);
}
