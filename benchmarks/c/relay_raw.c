/* A proxy by epoll, recv and send.
 * usage: relay_raw BACKEND_PORT; the port goes to stdout */
#define _GNU_SOURCE
#include <fcntl.h>

#include "raw.h"

/* What a socket is watched for: to be read, unless what it sent waits; to be
 * written, where something waits for it. */
static void
rewatch(struct flow *self)
{
	watch(self->from, EPOLL_CTL_MOD, (self->waiting ? 0 : EPOLLIN) | (self->back->waiting ? EPOLLOUT : 0), self);
}

static void
end(struct flow *self)
{
	struct flow *first = self < self->back ? self : self->back;

	close(self->from);
	close(self->to);
	free(first[0].waiting);
	free(first[1].waiting);
	/* The other one's event of this pass may still be to come. */
	first[0].from = first[1].from = -1;
}

static void
turn(struct flow *self, uint32_t events)
{
	if (self->from >= 0 && (events & EPOLLOUT)) {
		int result = flow_write(self->back);

		if (result < 0) {
			end(self);
			return;
		}
		if (result) {
			rewatch(self);
			rewatch(self->back);
		}
	}
	if (self->from >= 0 && (events & ~(uint32_t)EPOLLOUT)) {
		int result = flow_read(self);

		if (result < 0) {
			end(self);
		} else if (!result) {
			rewatch(self);
			rewatch(self->back);
		}
	}
}

int
main(int argc, char **argv)
{
	struct sockaddr_in backend = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = listen_somewhere(), on = 1;
	struct epoll_event events[256];

	if (argc != 2)
		return 2;
	backend.sin_port = htons((uint16_t)atoi(argv[1]));
	for (;;) {
		int count = epoll_wait(epoll, events, 256, -1);

		for (int i = 0; i < count; i++) {
			struct flow *self = events[i].data.ptr;

			if (self) {
				turn(self, events[i].events);
				continue;
			}
			self = calloc(2, sizeof *self);
			self[0].from = self[1].to = accept_one(listener);
			self[0].to = self[1].from = socket(AF_INET, SOCK_STREAM, 0);
			if (connect(self[1].from, (struct sockaddr *)&backend, sizeof backend) < 0)
				fail("connect");
			setsockopt(self[1].from, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
			fcntl(self[1].from, F_SETFL, O_NONBLOCK);
			self[0].back = &self[1];
			self[1].back = &self[0];
			watch(self[0].from, EPOLL_CTL_ADD, EPOLLIN, &self[0]);
			watch(self[1].from, EPOLL_CTL_ADD, EPOLLIN, &self[1]);
		}
	}
}
