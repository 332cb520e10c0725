/* A relay between two bufferevents of any kind: what comes into one goes to the
 * other's output, as long as not too much waits there.  Ends and errors are
 * told by the bufferevents' own records. */
#include "shim.h"

#include <stdlib.h>

/* Bytes in an output above which the other end is not read, and at which it is again. */
#define HIGH (256 * 1024)
#define LOW (64 * 1024)

struct bufferevent_relay;

struct lepy_relay_end {
	struct bufferevent_relay *relay;
	struct lepy_bufferevent *bufferevent;
	uint64_t *bytes;
	int held;    /* not read: too much waits at the other end */
	int behind;  /* a record with its bytes is under way, and they come first */
	int dropped; /* what it sends goes nowhere */
};

struct bufferevent_relay {
	struct lepy_relay relay;
	struct lepy_relay_end ends[2];
	struct event *look; /* active when an output has drained */
	int busy; /* C calls that may come back through a Python filter and close it */
	int dead; /* closed meanwhile: the last of those calls frees it */
};

static struct lepy_relay_end *
other_than(struct lepy_relay_end *self)
{
	return &self->relay->ends[self == &self->relay->ends[0]];
}

/* 0, or -1 where the relay was closed meanwhile. */
static int
leave(struct bufferevent_relay *self)
{
	self->busy--;
	if (!self->dead)
		return 0;
	if (!self->busy)
		free(self);
	return -1;
}

static void
move(struct lepy_relay_end *self)
{
	struct bufferevent_relay *relay = self->relay;
	struct lepy_bufferevent *target = other_than(self)->bufferevent;
	struct evbuffer *input = bufferevent_get_input(self->bufferevent->bufferevent);
	size_t length = evbuffer_get_length(input);

	if (self->behind || !length)
		return;
	if (self->dropped) {
		evbuffer_drain(input, length);
		return;
	}
	*self->bytes += length;
	lepy_relay_moved(&relay->relay);
	relay->busy++;
	lepy_bufferevent_enter(target);
	bufferevent_write_buffer(target->bufferevent, input);
	lepy_bufferevent_leave(target, 0);
	if (leave(relay) < 0)
		return;
	if (lepy_bufferevent_output_size(target) > HIGH) {
		self->held = 1;
		lepy_bufferevent_disable(self->bufferevent, EV_READ);
	}
}

/* For bufferevent_data.c: the end has input. */
void
lepy_relay_input(struct lepy_relay_end *self)
{
	move(self);
}

/* On each output below an end.  Reading goes on from the loop: a filter's output
 * may be in the midst of a write here. */
static void
output_callback(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
	struct lepy_relay_end *self = arg;

	(void)output;
	if (!info->n_deleted)
		return;
	lepy_relay_moved(&self->relay->relay);
	if (other_than(self)->held && lepy_bufferevent_output_size(self->bufferevent) <= LOW)
		event_active(self->relay->look, EV_TIMEOUT, 1);
}

/* libevent's callback, after output_callback. */
static void
look_callback(evutil_socket_t fd, short what, void *arg)
{
	struct bufferevent_relay *self = arg;
	int i;

	(void)fd;
	(void)what;
	self->busy++;
	for (i = 0; i < 2 && !self->dead; i++) {
		struct lepy_relay_end *each = &self->ends[i];

		if (!each->held || lepy_bufferevent_output_size(other_than(each)->bufferevent) > LOW)
			continue;
		each->held = 0;
		if (!each->dropped)
			lepy_bufferevent_enable(each->bufferevent, EV_READ, 1);
	}
	leave(self);
}

static int
watch(struct lepy_relay_end *self)
{
	struct bufferevent *each = self->bufferevent->bufferevent;

	for (; each; each = bufferevent_get_underlying(each))
		if (!evbuffer_add_cb(bufferevent_get_output(each), output_callback, self))
			return -1;
	return 0;
}

static void
stop_watching(struct lepy_relay_end *self)
{
	struct bufferevent *each = self->bufferevent->bufferevent;

	for (; each; each = bufferevent_get_underlying(each))
		evbuffer_remove_cb(bufferevent_get_output(each), output_callback, self);
}

/* Called by Relay for two bufferevents that stay Python's, and may be freed after
 * lepy_relay_free_bufferevents. */
struct lepy_relay *
lepy_relay_new_bufferevents(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation,
    double idle_timeout, struct lepy_bufferevent *client, struct lepy_bufferevent *server)
{
	struct bufferevent_relay *self = calloc(1, sizeof *self);
	int i;

	if (!self)
		return NULL;
	self->ends[0].bufferevent = client;
	self->ends[1].bufferevent = server;
	self->ends[0].bytes = &self->relay.from_client;
	self->ends[1].bytes = &self->relay.from_server;
	for (i = 0; i < 2; i++)
		self->ends[i].relay = self;
	self->look = event_new(delivery->base, -1, 0, look_callback, self);
	if (lepy_relay_init(&self->relay, delivery, slot, generation, idle_timeout) == 0 && self->look
	    && watch(&self->ends[0]) == 0 && watch(&self->ends[1]) == 0)
		return &self->relay;
	lepy_relay_free_bufferevents(&self->relay);
	return NULL;
}

/* Called by Relay, which has captured the ends: begins with what they have read
 * already, unless older bytes of theirs are to come back from Python first
 * (behind).  -1 with errno on failure. */
int
lepy_relay_start_bufferevents(struct lepy_relay *relay, int client_behind, int server_behind)
{
	struct bufferevent_relay *self = (struct bufferevent_relay *)relay;
	int i, result;

	self->busy++;
	for (i = 0; i < 2; i++) {
		struct lepy_relay_end *each = &self->ends[i];

		each->behind = i ? server_behind : client_behind;
		each->bufferevent->relay_end = each;
		lepy_bufferevent_setcb(each->bufferevent, 1, 1, 0, 1);
	}
	result = lepy_relay_start(relay);
	for (i = 0; i < 2 && result == 0 && !self->dead; i++)
		result = lepy_bufferevent_enable(self->ends[i].bufferevent, EV_READ | EV_WRITE, 1);
	return leave(self) < 0 ? 0 : result;
}

/* Called by Relay when bytes that were on their way to Python are back in side's
 * input. */
void
lepy_relay_look(struct lepy_relay *relay, int side)
{
	struct lepy_relay_end *self = &((struct bufferevent_relay *)relay)->ends[side];

	self->behind = 0;
	move(self);
}

/* Called by Relay when the other end takes no more of what side sends. */
void
lepy_relay_drop(struct lepy_relay *relay, int side)
{
	struct lepy_relay_end *self = &((struct bufferevent_relay *)relay)->ends[side];

	self->dropped = 1;
	lepy_bufferevent_disable(self->bufferevent, EV_READ);
}

/* Called by Relay, before it closes the ends. */
void
lepy_relay_free_bufferevents(struct lepy_relay *relay)
{
	struct bufferevent_relay *self = (struct bufferevent_relay *)relay;
	int i;

	for (i = 0; i < 2; i++) {
		stop_watching(&self->ends[i]);
		self->ends[i].bufferevent->relay_end = NULL;
	}
	if (self->look)
		event_free(self->look);
	lepy_relay_clear(relay);
	self->dead = 1;
	if (!self->busy)
		free(self);
}
