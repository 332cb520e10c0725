/* libevent's test/bench.c: each byte read from a pipe sends one into the next.
 * usage: cascade PIPES ACTIVE EVENTS ROUNDS */
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"

struct pipe_end {
	int reading, next;
};

static struct event_base *base;
static long to_write, fired, received;

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct pipe_end *self = arg;
	char byte;

	(void)what;
	if (read(fd, &byte, 1) != 1)
		fail("read");
	received++;
	if (to_write) {
		to_write--;
		fired++;
		if (write(self->next, "e", 1) != 1)
			fail("write");
	}
	if (received == fired)
		event_base_loopbreak(base);
}

int
main(int argc, char **argv)
{
	int pipes, active, rounds, i;
	long events;
	int *ends;
	struct pipe_end *readers;

	if (argc != 5)
		return 2;
	pipes = atoi(argv[1]);
	active = atoi(argv[2]);
	events = atol(argv[3]);
	rounds = atoi(argv[4]);
	base = event_base_new();
	ends = calloc((size_t)pipes * 2, sizeof *ends);
	readers = calloc((size_t)pipes, sizeof *readers);
	for (i = 0; i < pipes; i++)
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends + 2 * i) < 0)
			fail("socketpair");
	for (i = 0; i < pipes; i++) {
		readers[i].reading = ends[2 * i];
		readers[i].next = ends[2 * ((i + 1) % pipes) + 1];
		event_add(event_new(base, readers[i].reading, EV_READ | EV_PERSIST, on_readable, &readers[i]), NULL);
	}
	while (rounds--) {
		struct measure begin;

		to_write = events - active;
		received = 0;
		for (fired = 0; fired < active; fired++)
			if (write(ends[2 * (fired * (pipes / active)) + 1], "e", 1) != 1)
				fail("write");
		begin = measure_begin();
		event_base_dispatch(base);
		measure_end(begin, "cascade", received);
	}
	return 0;
}
