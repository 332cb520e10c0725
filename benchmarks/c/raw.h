/* Sockets and epoll without libevent: what relay_raw and echo_raw share. */
#ifndef RAW_H
#define RAW_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"

/* A flow: what is read from one socket and written to another. */
struct flow {
	int from, to;
	char *waiting; /* what to has not taken */
	size_t offset, length;
	struct flow *back; /* the other way */
};

static int epoll;
static char buffer[256 * 1024];

static inline void
watch(int fd, int operation, uint32_t events, void *arg)
{
	struct epoll_event event = { .events = events, .data.ptr = arg };

	if (epoll_ctl(epoll, operation, fd, &event) < 0)
		fail("epoll_ctl");
}

/* 1: all is written; 0: some waits; -1: it is over. */
static inline int
flow_write(struct flow *self)
{
	ssize_t count = send(self->to, self->waiting + self->offset, self->length, MSG_NOSIGNAL);

	if (count < 0)
		return errno == EAGAIN ? 0 : -1;
	self->offset += (size_t)count;
	self->length -= (size_t)count;
	if (self->length)
		return 0;
	free(self->waiting);
	self->waiting = NULL;
	return 1;
}

static inline int
flow_read(struct flow *self)
{
	ssize_t count = recv(self->from, buffer, sizeof buffer, 0), sent;

	if (count <= 0)
		return count < 0 && errno == EAGAIN ? 1 : -1;
	sent = send(self->to, buffer, (size_t)count, MSG_NOSIGNAL);
	if (sent < 0) {
		if (errno != EAGAIN)
			return -1;
		sent = 0;
	}
	if (sent == count)
		return 1;
	self->waiting = malloc((size_t)(count - sent));
	memcpy(self->waiting, buffer + sent, (size_t)(count - sent));
	self->offset = 0;
	self->length = (size_t)(count - sent);
	return 0;
}

static inline int
listen_somewhere(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4096) < 0
	    || getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		fail("listen");
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	epoll = epoll_create1(0);
	watch(fd, EPOLL_CTL_ADD, EPOLLIN, NULL);
	return fd;
}

static inline int
accept_one(int fd)
{
	int on = 1, accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK);

	if (accepted >= 0)
		setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return accepted;
}

#endif
