/* What the relays of one base share: the buffer that they copy through, and
 * pipes for splice(2), which are lent while bytes are inside. */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* More would be of no use: a pipe is lent for long only where the target is slow. */
#define SPARE_PIPES 32

struct lepy_relay_shared {
	int forks; /* lepy_forks where the pipes were made */
	int spare_count;
	struct lepy_pipe *spare;
	char buffer[LEPY_RELAY_CHUNK];
};

static void
free_pipe(struct lepy_pipe *pipe)
{
	close(pipe->in);
	close(pipe->out);
	free(pipe);
}

static struct lepy_relay_shared *
shared_of(struct lepy_delivery *delivery)
{
	struct lepy_relay_shared *shared = delivery->relay_shared;

	if (!shared) {
		shared = delivery->relay_shared = malloc(sizeof *shared);
		if (!shared)
			return NULL;
		shared->forks = lepy_forks;
		shared->spare_count = 0;
		shared->spare = NULL;
	}
	return shared;
}

static void
free_spare(struct lepy_relay_shared *shared)
{
	struct lepy_pipe *pipe;

	while ((pipe = shared->spare)) {
		shared->spare = pipe->next;
		free_pipe(pipe);
	}
	shared->spare_count = 0;
}

/* For lepy_delivery_free. */
void
lepy_relay_shared_free(struct lepy_delivery *delivery)
{
	if (delivery->relay_shared)
		free_spare(delivery->relay_shared);
	free(delivery->relay_shared);
}

/* For relay_socket.c: LEPY_RELAY_CHUNK bytes, anybody's until the next call of
 * anything; NULL without memory. */
char *
lepy_relay_buffer(struct lepy_delivery *delivery)
{
	struct lepy_relay_shared *shared = shared_of(delivery);

	return shared ? shared->buffer : NULL;
}

#ifdef SPLICE_F_MOVE

/* For relay_socket.c: an empty pipe, NULL where there is none to be had. */
struct lepy_pipe *
lepy_pipe_take(struct lepy_delivery *delivery)
{
	struct lepy_relay_shared *shared = shared_of(delivery);
	struct lepy_pipe *pipe;
	int ends[2];

	if (!shared)
		return NULL;
	if (shared->forks != lepy_forks) {
		/* The parent uses the same. */
		free_spare(shared);
		shared->forks = lepy_forks;
	}
	pipe = shared->spare;
	if (pipe) {
		shared->spare = pipe->next;
		shared->spare_count--;
		return pipe;
	}
	pipe = malloc(sizeof *pipe);
	if (!pipe)
		return NULL;
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0) {
		free(pipe);
		return NULL;
	}
	pipe->out = ends[0];
	pipe->in = ends[1];
	pipe->length = 0;
	/* A user has no more than 64 MiB in pipes (pipe-user-pages-soft); beyond, one
	 * holds two pages, and copying costs less. */
	if (fcntl(pipe->in, F_SETPIPE_SZ, LEPY_RELAY_CHUNK) < 0) {
		free_pipe(pipe);
		return NULL;
	}
	return pipe;
}

/* From a socket into the pipe: as recv. */
ssize_t
lepy_pipe_fill(struct lepy_pipe *pipe, evutil_socket_t from)
{
	ssize_t count = splice(from, NULL, pipe->in, NULL, LEPY_RELAY_CHUNK, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (count > 0)
		pipe->length += (size_t)count;
	return count;
}

/* From the pipe into a socket: as send. */
ssize_t
lepy_pipe_empty(struct lepy_pipe *pipe, evutil_socket_t to)
{
	ssize_t count = splice(pipe->out, NULL, to, NULL, pipe->length, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (count > 0)
		pipe->length -= (size_t)count;
	return count;
}

#else

struct lepy_pipe *
lepy_pipe_take(struct lepy_delivery *delivery)
{
	(void)delivery;
	return NULL;
}

ssize_t
lepy_pipe_fill(struct lepy_pipe *pipe, evutil_socket_t from)
{
	(void)pipe;
	(void)from;
	errno = ENOSYS;
	return -1;
}

ssize_t
lepy_pipe_empty(struct lepy_pipe *pipe, evutil_socket_t to)
{
	return lepy_pipe_fill(pipe, to);
}

#endif

/* For relay_socket.c: ends what lepy_pipe_take began; what is inside is lost. */
void
lepy_pipe_give_back(struct lepy_delivery *delivery, struct lepy_pipe *pipe)
{
	struct lepy_relay_shared *shared = delivery->relay_shared;

	if (pipe->length || shared->forks != lepy_forks || shared->spare_count == SPARE_PIPES) {
		free_pipe(pipe);
		return;
	}
	pipe->next = shared->spare;
	shared->spare = pipe;
	shared->spare_count++;
}
