/* Timers, each an event of its own: added and cancelled, added and fired.
 * usage: timers COUNT ROUNDS */
#include <event2/event.h>

#include "measure.h"

static long fired;

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	fired++;
}

int
main(int argc, char **argv)
{
	struct event_base *base = event_base_new();
	struct event **timers;
	long count, i;
	int rounds;

	if (argc != 3)
		return 2;
	count = atol(argv[1]);
	rounds = atoi(argv[2]);
	timers = calloc((size_t)count, sizeof *timers);
	while (rounds--) {
		struct measure begin = measure_begin();

		for (i = 0; i < count; i++) {
			/* All are pending at a time, in no order: 60 to 120 seconds. */
			struct timeval delay = { 60 + i * 7919 % 60, i * 104729 % 1000000 };

			timers[i] = evtimer_new(base, on_timeout, NULL);
			event_add(timers[i], &delay);
		}
		for (i = 0; i < count; i++)
			event_free(timers[i]);
		measure_end(begin, "cancelled", count);

		fired = 0;
		begin = measure_begin();
		for (i = 0; i < count; i++) {
			struct timeval delay = { 0, i * 104729 % 100000 };

			timers[i] = evtimer_new(base, on_timeout, NULL);
			event_add(timers[i], &delay);
		}
		event_base_dispatch(base);
		for (i = 0; i < count; i++)
			event_free(timers[i]);
		measure_end(begin, "fired", fired);
	}
	return 0;
}
