/* A relay between two plain sockets: copied through one shared buffer, or, where
 * much comes at a time, spliced through a pipe. */
#include "shim.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

/* After a read of so many bytes the next one of its direction may be a splice,
 * which costs more than copying where it moves fewer. */
#define SPLICE_FROM (32 * 1024)

/* Events that wait for their turn behind a relay's when its base is behind. */
#define BEHIND 16

/* One way through the relay. */
struct direction {
	struct socket_relay *relay;
	evutil_socket_t from, to;
	uint64_t *bytes;
	int read_reason, write_reason; /* lepy_relay_reason of an error there */
	struct event *readable;   /* of from, while nothing waits */
	struct event *writable;   /* of to, while something does */
	struct evbuffer *waiting; /* copied */
	struct lepy_pipe *pipe;   /* spliced */
	size_t last_read;         /* how many bytes it brought */
	int cannot_splice;
	int ended; /* from has no more: to is to be told when nothing waits */
	int done;  /* and it was */
};

struct socket_relay {
	struct lepy_relay relay;
	struct direction directions[2]; /* from the client, from the server */
	int failed; /* an end is lost; over when what it had sent is delivered */
	int reason, error; /* of the first error */
	int owns_sockets;
};

static struct direction *
opposite(struct direction *self)
{
	return &self->relay->directions[self == &self->relay->directions[0]];
}

static int
something_waits(const struct direction *self)
{
	return self->pipe || evbuffer_get_length(self->waiting);
}

static void
note_error(struct socket_relay *relay, int reason, int error)
{
	if (relay->error)
		return;
	relay->reason = reason;
	relay->error = error;
}

static void
end_relay(struct socket_relay *relay)
{
	int i;

	for (i = 0; i < 2; i++) {
		event_del(relay->directions[i].readable);
		event_del(relay->directions[i].writable);
	}
	lepy_relay_end(&relay->relay, relay->reason, relay->error);
}

/* Loses what waits. */
static void
drop(struct direction *self)
{
	if (self->pipe)
		lepy_pipe_give_back(self->relay->relay.handle.delivery, self->pipe);
	self->pipe = NULL;
	if (self->waiting)
		evbuffer_drain(self->waiting, evbuffer_get_length(self->waiting));
}

/* Nothing more goes this way. */
static void
finish(struct direction *self)
{
	drop(self);
	event_del(self->readable);
	event_del(self->writable);
	self->ended = self->done = 1;
	if (self->relay->failed || opposite(self)->done)
		end_relay(self->relay);
}

/* Acts on the end of from, and tells to, once nothing waits. */
static void
settle_end(struct direction *self)
{
	if (something_waits(self))
		return;
	if (!self->relay->failed)
		shutdown(self->to, SHUT_WR);
	finish(self);
}

static void
read_failed(struct direction *self, int error)
{
	note_error(self->relay, self->read_reason, error);
	self->relay->failed = 1;
	self->ended = 1;
	/* Nobody is there for the other direction. */
	drop(opposite(self));
	event_del(opposite(self)->readable);
	event_del(opposite(self)->writable);
	event_del(self->readable);
	settle_end(self);
}

/* to takes no more; what it has sent before is still worth reading. */
static void
write_failed(struct direction *self, int error)
{
	note_error(self->relay, self->write_reason, error);
	finish(self);
}

static int
is_for_later(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/* Writes what waits: 1 when all is written, 0 when some still waits, -1 after an
 * error, when the direction is over. */
static int
flush(struct direction *self)
{
	ssize_t count = 0;

	if (evbuffer_get_length(self->waiting))
		count = evbuffer_write(self->waiting, self->to);
	else if (self->pipe)
		count = lepy_pipe_empty(self->pipe, self->to);
	if (count < 0 && !is_for_later(errno)) {
		write_failed(self, errno);
		return -1;
	}
	if (self->pipe && !self->pipe->length) {
		lepy_pipe_give_back(self->relay->relay.handle.delivery, self->pipe);
		self->pipe = NULL;
	}
	return !something_waits(self);
}

/* Reads and writes once by splice; what recv would say.  *result: of flush. */
static ssize_t
splice_once(struct direction *self, int *result)
{
	ssize_t count;

	self->pipe = lepy_pipe_take(self->relay->relay.handle.delivery);
	if (!self->pipe) {
		self->cannot_splice = 1;
		errno = EINTR; /* copying takes over when libevent comes again */
		return -1;
	}
	count = lepy_pipe_fill(self->pipe, self->from);
	if (count > 0) {
		*result = flush(self);
		return count;
	}
	lepy_pipe_give_back(self->relay->relay.handle.delivery, self->pipe);
	self->pipe = NULL;
	if (count < 0 && (errno == EINVAL || errno == ENOSYS)) {
		self->cannot_splice = 1;
		errno = EINTR;
	}
	return count;
}

/* The same by copying. */
static ssize_t
copy_once(struct direction *self, int *result)
{
	char *buffer = lepy_relay_buffer(self->relay->relay.handle.delivery);
	ssize_t count, sent;

	if (!buffer) {
		errno = ENOMEM;
		return -1;
	}
	count = recv(self->from, buffer, LEPY_RELAY_CHUNK, MSG_DONTWAIT);
	if (count <= 0)
		return count;
	sent = send(self->to, buffer, (size_t)count, MSG_DONTWAIT | MSG_NOSIGNAL);
	*result = 1;
	if (sent < 0 && !is_for_later(errno)) {
		write_failed(self, errno);
		*result = -1;
	} else if (sent < count) {
		if (sent < 0)
			sent = 0;
		*result = 0;
		if (evbuffer_add(self->waiting, buffer + sent, (size_t)(count - sent)) < 0) {
			write_failed(self, ENOMEM);
			*result = -1;
		}
	}
	return count;
}

/* Whether to splice, which spares us the copies, and costs who is at the other end
 * of a loopback more than that: the kernel frees the pages that they filled on our
 * core, so that theirs always get cold ones.  So it is for where we are what all
 * wait for: other events are due, or there is more than one read takes. */
static int
is_splice_worth_it(const struct direction *self)
{
	struct event_base *base = self->relay->relay.handle.delivery->base;

	if (self->cannot_splice || self->last_read < SPLICE_FROM)
		return 0;
	return self->last_read == LEPY_RELAY_CHUNK
	    || event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE) >= BEHIND;
}

/* libevent's callback: from can be read.  Once: what is left, libevent finds again,
 * when the others had their turn. */
static void
readable_callback(evutil_socket_t fd, short what, void *arg)
{
	struct direction *self = arg;
	int result = 1;
	ssize_t count = is_splice_worth_it(self) ? splice_once(self, &result) : copy_once(self, &result);

	(void)fd;
	(void)what;
	if (count < 0) {
		if (!is_for_later(errno))
			read_failed(self, errno);
		return;
	}
	if (count == 0) {
		self->ended = 1;
		event_del(self->readable);
		settle_end(self);
		return;
	}
	*self->bytes += (uint64_t)count;
	self->last_read = (size_t)count;
	lepy_relay_moved(&self->relay->relay);
	if (result == 0) {
		event_del(self->readable);
		event_add(self->writable, NULL);
	}
}

/* libevent's callback: to takes more of what waits. */
static void
writable_callback(evutil_socket_t fd, short what, void *arg)
{
	struct direction *self = arg;
	int result = flush(self);

	(void)fd;
	(void)what;
	if (result < 0)
		return;
	lepy_relay_moved(&self->relay->relay);
	if (result == 0)
		return;
	event_del(self->writable);
	if (self->ended)
		settle_end(self);
	else
		event_add(self->readable, NULL);
}

/* Called by Relay; the sockets come with lepy_relay_start_sockets. */
struct lepy_relay *
lepy_relay_new_sockets(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation, double idle_timeout)
{
	struct socket_relay *self = calloc(1, sizeof *self);
	int i;

	if (!self)
		return NULL;
	for (i = 0; i < 2; i++)
		self->directions[i].relay = self;
	self->directions[0].bytes = &self->relay.from_client;
	self->directions[1].bytes = &self->relay.from_server;
	self->directions[0].read_reason = self->directions[1].write_reason = LEPY_RELAY_CLIENT_ERROR;
	self->directions[1].read_reason = self->directions[0].write_reason = LEPY_RELAY_SERVER_ERROR;
	if (lepy_relay_init(&self->relay, delivery, slot, generation, idle_timeout) == 0)
		return &self->relay;
	lepy_relay_free_sockets(&self->relay);
	return NULL;
}

/* Takes what a bufferevent has kept: side's input goes to the other end, its
 * output to itself, before what comes from there. */
static void
take_buffers(struct socket_relay *self, int side, struct lepy_bufferevent *end)
{
	struct evbuffer *input = bufferevent_get_input(end->bufferevent);
	struct evbuffer *output = bufferevent_get_output(end->bufferevent);

	*self->directions[side].bytes += evbuffer_get_length(input);
	evbuffer_add_buffer(self->directions[side].waiting, input);
	evbuffer_unfreeze(output, 1);
	evbuffer_prepend_buffer(self->directions[!side].waiting, output);
	bufferevent_setfd(end->bufferevent, -1);
}

static int
make_events(struct direction *self, evutil_socket_t from, evutil_socket_t to)
{
	struct event_base *base = self->relay->relay.handle.delivery->base;

	self->from = from;
	self->to = to;
	self->readable = event_new(base, from, EV_READ | EV_PERSIST, readable_callback, self);
	self->writable = event_new(base, to, EV_WRITE | EV_PERSIST, writable_callback, self);
	self->waiting = evbuffer_new();
	return self->readable && self->writable && self->waiting ? event_add(self->readable, NULL) : -1;
}

/* Called by Relay, whose sockets they are from now on.  Where they come out of
 * bufferevents, these are left without.  -1 with errno: nothing was taken. */
int
lepy_relay_start_sockets(struct lepy_relay *relay, evutil_socket_t client, evutil_socket_t server,
    struct lepy_bufferevent *client_bev, struct lepy_bufferevent *server_bev)
{
	struct socket_relay *self = (struct socket_relay *)relay;
	int i;

	if (make_events(&self->directions[0], client, server) < 0 || make_events(&self->directions[1], server, client) < 0
	    || lepy_relay_start(relay) < 0)
		return -1;
	self->owns_sockets = 1;
	if (client_bev)
		take_buffers(self, 0, client_bev);
	if (server_bev)
		take_buffers(self, 1, server_bev);
	for (i = 0; i < 2; i++)
		if (something_waits(&self->directions[i])) {
			event_del(self->directions[i].readable);
			event_add(self->directions[i].writable, NULL);
		}
	return 0;
}

/* Called by Relay: frees it, and closes its sockets. */
void
lepy_relay_free_sockets(struct lepy_relay *relay)
{
	struct socket_relay *self = (struct socket_relay *)relay;
	int i;

	for (i = 0; i < 2; i++) {
		if (self->directions[i].readable)
			event_free(self->directions[i].readable);
		if (self->directions[i].writable)
			event_free(self->directions[i].writable);
		drop(&self->directions[i]);
		if (self->directions[i].waiting)
			evbuffer_free(self->directions[i].waiting);
	}
	for (i = 0; i < 2 && self->owns_sockets; i++)
		evutil_closesocket(self->directions[i].from);
	lepy_relay_clear(relay);
	free(self);
}
