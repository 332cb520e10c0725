/* An echo server that costs its core little: pages go through a pipe, nothing is
 * copied.  The backend of proxies that are to be the slowest of the three.
 * usage: echo_light; the port goes to stdout */
#define _GNU_SOURCE
#include <fcntl.h>

#include "raw.h"

#define CHUNK (1024 * 1024)

struct connection {
	int fd, in, out; /* of the pipe: written here, read there */
	size_t length;   /* bytes inside */
};

static void
open_connection(int listener)
{
	struct connection *self = calloc(1, sizeof *self);
	int ends[2];

	if (pipe2(ends, O_NONBLOCK) < 0 || fcntl(ends[0], F_SETPIPE_SZ, CHUNK) < 0)
		fail("pipe2");
	self->out = ends[0];
	self->in = ends[1];
	self->fd = accept_one(listener);
	watch(self->fd, EPOLL_CTL_ADD, EPOLLIN, self);
}

static void
close_connection(struct connection *self)
{
	close(self->fd);
	close(self->in);
	close(self->out);
	free(self);
}

static void
turn(struct connection *self)
{
	int waited = self->length > 0;
	ssize_t count;

	if (!waited) {
		count = splice(self->fd, NULL, self->in, NULL, CHUNK, SPLICE_F_NONBLOCK);
		if (count < 0 && errno == EAGAIN)
			return;
		if (count <= 0) {
			close_connection(self);
			return;
		}
		self->length = (size_t)count;
	}
	count = splice(self->out, NULL, self->fd, NULL, self->length, SPLICE_F_NONBLOCK);
	if (count < 0 && errno != EAGAIN) {
		close_connection(self);
		return;
	}
	if (count > 0)
		self->length -= (size_t)count;
	if (waited != (self->length > 0))
		watch(self->fd, EPOLL_CTL_MOD, self->length ? EPOLLOUT : EPOLLIN, self);
}

int
main(void)
{
	int listener = listen_somewhere();
	struct epoll_event events[256];

	for (;;) {
		int count = epoll_wait(epoll, events, 256, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr)
				turn(events[i].data.ptr);
			else
				open_connection(listener);
		}
	}
}
