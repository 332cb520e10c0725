/* An echo server by recv and send: as fast as can be, the backend of proxies.
 * usage: echo_raw; the port goes to stdout */
#define _GNU_SOURCE
#include "raw.h"

static void
turn(struct flow *self)
{
	int had = self->waiting != NULL, result = had ? flow_write(self) : flow_read(self);

	if (result < 0) {
		close(self->from);
		free(self->waiting);
		free(self);
	} else if (had != !result) {
		watch(self->from, EPOLL_CTL_MOD, result ? EPOLLIN : EPOLLOUT, self);
	}
}

int
main(void)
{
	int listener = listen_somewhere();
	struct epoll_event events[256];

	for (;;) {
		int count = epoll_wait(epoll, events, 256, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr) {
				turn(events[i].data.ptr);
			} else {
				struct flow *self = calloc(1, sizeof *self);

				self->from = self->to = accept_one(listener);
				watch(self->from, EPOLL_CTL_ADD, EPOLLIN, self);
			}
		}
	}
}
