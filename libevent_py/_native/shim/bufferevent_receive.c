/* How a plain socket is read: by this, in libevent's place.
 *
 * libevent 2.1 asks FIONREAD, reads at most 4,096 bytes a pass (EVBUFFER_MAX_READ)
 * into a chain of its own, and Python would copy them from there: a large
 * message costs a pass and a crossing each.  So receive_callback stands as the
 * callback of the bufferevent's read event, which bufferevent_struct.h makes
 * public, and calls libevent's own wherever more than reading is to be done:
 * timeouts, rate limits, connecting, a high mark that is reached.  All else of
 * the event (when it is added, its timeout, its priority) stays libevent's.
 *
 * What is read goes
 * - into the arena with its record: few bytes, for on_data, which batch well;
 * - nowhere yet: of a connection that sends much, or with a full arena, the
 *   record says "readable", and Python reads when it gets there, one connection
 *   after the other through the same memory, hot in the cache;
 * - into the input, where someone else than on_data wants it. */
#include "shim.h"

#include <errno.h>
#include <sys/ioctl.h>

#define READ_LITTLE (4096 - 64) /* of libevent's chains of 4 KiB, and of 64 KiB, what */
#define READ_MORE (65536 - 64)  /* can be used */

/* Nothing of libevent's (a limit, a connection on its way, EV_READ taken off)
 * is to be heard before the socket is used. */
static int
may_receive(const struct lepy_bufferevent *self)
{
	return !self->limited && !self->connecting && (self->bufferevent->enabled & EV_READ);
}

/* on_data wants the bytes as they come, and none wait in front of them. */
static int
goes_past_the_input(const struct lepy_bufferevent *self)
{
	const struct bufferevent *bufferevent = self->bufferevent;

	return self->with_data && !self->framing && !self->relay_end && bufferevent->cbarg == self && bufferevent->wm_read.low <= 1
	    && evbuffer_get_length(bufferevent->input) == 0;
}

/* A callback of Python's takes what is in the input. */
static int
is_read_by_python(const struct lepy_bufferevent *self)
{
	return self->bufferevent->cbarg == self && self->bufferevent->readcb && !self->relay_end
	    && !self->bufferevent->wm_read.high;
}

static int
reads_much(const struct lepy_bufferevent *self)
{
	return self->last_read >= LEPY_READ_MUCH;
}

static size_t
most_at_once(const struct lepy_bufferevent *self)
{
	size_t most = self->single_read ? self->single_read : LEPY_READ_MOST;
	size_t high = self->bufferevent->wm_read.high;

	return high && high < most ? high : most;
}

/* As libevent tells of the end of the stream (count 0) and of errors (-1). */
static void
report_end(struct lepy_bufferevent *self, ssize_t count)
{
	int error = errno;

	if (count < 0 && (error == EAGAIN || error == EINTR))
		return;
	if (self->ops) {
		self->libevent_receives(self->bufferevent->ev_read.ev_fd, EV_READ, self->libevent_argument);
		return;
	}
	if (count < 0 && error == ENOTSOCK) {
		self->limited |= LEPY_LIMIT_NO_SOCKET; /* a pipe: libevent reads it */
		return;
	}
	bufferevent_disable(self->bufferevent, EV_READ);
	errno = error;
	bufferevent_trigger_event(self->bufferevent, BEV_EVENT_READING | (count < 0 ? BEV_EVENT_ERROR : BEV_EVENT_EOF), 0);
}

static ssize_t
receive(struct lepy_bufferevent *self, void *room, size_t size)
{
	ssize_t count = self->ops ? self->ops->receive(self, room, size)
	                          : recv(self->bufferevent->ev_read.ev_fd, room, size, MSG_DONTWAIT);

	self->last_read = count > 0 ? (size_t)count : 0;
	return count;
}

/* Appends to the input, which is not frozen, up to size bytes. */
static ssize_t
append(struct lepy_bufferevent *self, struct evbuffer *input, size_t size)
{
	struct evbuffer_iovec space;
	ssize_t count;

	if (evbuffer_reserve_space(input, (ev_ssize_t)size, &space, 1) < 0) {
		errno = ENOMEM;
		return -1;
	}
	count = receive(self, space.iov_base, size);
	if (count > 0) {
		space.iov_len = (size_t)count;
		evbuffer_commit_space(input, &space, 1);
	}
	return count;
}

/* A second receive would find bytes, and not take an error off the socket. */
static int
has_more(const struct lepy_bufferevent *self)
{
	int waiting;

	return self->ops || (ioctl(self->bufferevent->ev_read.ev_fd, FIONREAD, &waiting) == 0 && waiting > 0);
}

/* Room for what the last read would have needed: it stays with the connection
 * until the input is taken. */
static size_t
room_in_input(const struct lepy_bufferevent *self)
{
	if (reads_much(self))
		return LEPY_READ_MOST;
	return self->last_read < READ_LITTLE ? READ_LITTLE : READ_MORE;
}

/* Appends to the input what there is, up to size bytes. */
static ssize_t
receive_into_input(struct lepy_bufferevent *self, size_t size)
{
	struct evbuffer *input = self->bufferevent->input;
	size_t first = room_in_input(self);
	ssize_t count, more;

	if (first > size)
		first = size;
	if (!self->ops) /* bufferevent_openssl keeps its input open */
		evbuffer_unfreeze(input, 0);
	count = append(self, input, first);
	if (count == READ_LITTLE && first < size && has_more(self)) {
		more = append(self, input, size - first < READ_MORE ? size - first : READ_MORE);
		if (more > 0)
			count += more;
		self->last_read = (size_t)count;
	}
	if (!self->ops)
		evbuffer_freeze(input, 0);
	return count;
}

/* Reads into the arena with its record, or leaves it to Python. */
static void
receive_past_the_input(struct lepy_bufferevent *self)
{
	size_t most = most_at_once(self), size;
	ssize_t count;
	char *room;

	if (!reads_much(self) && !lepy_mark_waits(&self->last)) {
		lepy_report_begin(&self->handle);
		size = lepy_report_room(&self->handle, &room);
		if (size > most)
			size = most;
		if (size == most || size >= LEPY_READ_MUCH) {
			count = receive(self, room, size);
			if (count > 0) {
				lepy_report_mark(&self->handle, &self->last);
				lepy_report_end(&self->handle, LEPY_KIND_DATA, 0, (size_t)count);
			} else {
				lepy_report_cancel(&self->handle);
				report_end(self, count);
			}
			return;
		}
		lepy_report_cancel(&self->handle);
	}
	lepy_report_once(&self->handle, &self->last, LEPY_KIND_READABLE, 0);
}

/* libevent's callback of the read event. */
static void
receive_callback(evutil_socket_t fd, short what, void *arg)
{
	struct lepy_bufferevent *self = arg;
	struct bufferevent *bufferevent = self->bufferevent;
	size_t high = bufferevent->wm_read.high, length;
	ssize_t count;

	if (!(what & EV_READ) || !may_receive(self)) {
		self->libevent_receives(fd, what, self->libevent_argument);
		return;
	}
	if (goes_past_the_input(self)) {
		receive_past_the_input(self);
		return;
	}
	if (self->last_read >= READ_LITTLE && is_read_by_python(self)) {
		lepy_report_once(&self->handle, &self->last, LEPY_KIND_READABLE, 0);
		return;
	}
	length = evbuffer_get_length(bufferevent->input);
	if (high && length >= high) {
		self->libevent_receives(fd, what, self->libevent_argument);
		return;
	}
	count = receive_into_input(self, high && high - length < most_at_once(self) ? high - length : most_at_once(self));
	if (count > 0)
		bufferevent_trigger(bufferevent, EV_READ, 0);
	else
		report_end(self, count);
}

/* Called by BufferEvent for a record of LEPY_KIND_READABLE: how many bytes were
 * read into data for on_data; 0: there is nothing to deliver; LEPY_RECEIVED_INPUT:
 * the input is to be read.  Where that is no longer the way, the event, which is
 * level-triggered, fires again and finds another. */
int64_t
lepy_bufferevent_receive(struct lepy_bufferevent *self, char *data, size_t size)
{
	size_t most = most_at_once(self);
	ssize_t count;

	if (!may_receive(self))
		return 0;
	if (goes_past_the_input(self)) {
		count = receive(self, data, most < size ? most : size);
		if (count <= 0)
			report_end(self, count);
		return count > 0 ? count : 0;
	}
	if (!is_read_by_python(self))
		return 0;
	count = receive_into_input(self, most);
	if (count <= 0) {
		report_end(self, count);
		return 0;
	}
	return evbuffer_get_length(self->bufferevent->input) >= self->bufferevent->wm_read.low ? LEPY_RECEIVED_INPUT : 0;
}

/* The callback has no setter but event_assign, which must not be used on an event
 * that is added; event_struct.h is public and the same in 2.1 and 2.2. */
static void
set_callback(struct event *event, event_callback_fn callback, void *arg)
{
	event->ev_evcallback.evcb_cb_union.evcb_callback = callback;
	event->ev_evcallback.evcb_arg = arg;
}

/* For bufferevent.c and tls.c, where libevent has set the read event up. */
void
lepy_bufferevent_take_reading(struct lepy_bufferevent *self)
{
	struct event *event = &self->bufferevent->ev_read;

	if (event_get_callback(event) == receive_callback)
		return;
	self->libevent_receives = event_get_callback(event);
	self->libevent_argument = event_get_callback_arg(event);
	set_callback(event, receive_callback, self);
}

/* For bufferevent.c, before self is freed: others may hold the bufferevent. */
void
lepy_bufferevent_give_reading_back(struct lepy_bufferevent *self)
{
	struct event *event = &self->bufferevent->ev_read;

	if (event_get_callback(event) == receive_callback)
		set_callback(event, self->libevent_receives, self->libevent_argument);
}
