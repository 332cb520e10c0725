/* The bytes of a bufferevent: from its input to Python, and back out. */
#include "shim.h"

/* Bytes of an earlier record are still on their way to Python. */
static int
data_is_waiting(const struct lepy_bufferevent *self)
{
	return self->data_batch && self->data_batch->serial == self->data_serial;
}

/* libevent 2.1 reads 4,096 bytes a pass (EVBUFFER_MAX_READ), which costs large
 * streams a pass and a crossing each: what waits behind them is read here, up
 * to READ_ON.  End and errors are left for libevent to meet in the next pass. */
#define LIBEVENT_READ 4096
#define READ_ON (64 * 1024)

/* How many bytes behind these may be read past libevent: of a plain socket,
 * where nothing of libevent's (a limit, a mark, EV_READ taken off) forbids it. */
static size_t
room_to_read_on(const struct lepy_bufferevent *self, size_t have)
{
	size_t most = self->single_read ? self->single_read : READ_ON;

	if (have < LIBEVENT_READ || !self->direct_socket || self->limited
	    || !(bufferevent_get_enabled(self->bufferevent) & EV_READ))
		return 0;
	if (self->high && self->high < most)
		most = self->high;
	return most > have ? most - have : 0;
}

static size_t
read_on_into(struct lepy_bufferevent *self, char *room, size_t size)
{
	ssize_t count = recv(bufferevent_getfd(self->bufferevent), room, size, MSG_DONTWAIT);

	return count > 0 ? (size_t)count : 0;
}

static void
read_on_into_input(struct lepy_bufferevent *self, struct evbuffer *input, size_t room)
{
	struct evbuffer_iovec space;

	evbuffer_unfreeze(input, 0);
	if (evbuffer_reserve_space(input, (ev_ssize_t)room, &space, 1) == 1) {
		space.iov_len = read_on_into(self, space.iov_base, room);
		evbuffer_commit_space(input, &space, 1);
	}
	evbuffer_freeze(input, 0);
}

/* For framing.c too, within a report whose record takes bytes along. */
void
lepy_bufferevent_mark_data(struct lepy_bufferevent *self)
{
	self->data_batch = lepy_report_batch(&self->handle);
	self->data_serial = self->data_batch->serial;
}

/* Moves the input into the arena with its record, where there is room. */
static void
report_data(struct lepy_bufferevent *self, struct evbuffer *input)
{
	size_t length = evbuffer_get_length(input);
	size_t size, more;
	char *room;

	lepy_report_begin(&self->handle);
	size = lepy_report_room(&self->handle, &room);
	if (length > size) {
		lepy_report_end(&self->handle, LEPY_KIND_READ, 0, 0);
		return;
	}
	evbuffer_remove(input, room, length);
	more = room_to_read_on(self, length);
	if (more > size - length)
		more = size - length;
	if (more)
		length += read_on_into(self, room + length, more);
	lepy_bufferevent_mark_data(self);
	lepy_report_end(&self->handle, LEPY_KIND_DATA, 0, length);
}

/* For bufferevent.c: reports the whole input, whose bytes ride along where they
 * are asked for; else Python fetches them.  Never twice at a time: Python may
 * put the bytes of one record back in front of the input. */
void
lepy_bufferevent_report_input(struct lepy_bufferevent *self, struct evbuffer *input)
{
	size_t more;

	if (self->with_data && !self->framing && !data_is_waiting(self)) {
		report_data(self, input);
		return;
	}
	more = room_to_read_on(self, evbuffer_get_length(input));
	if (more)
		read_on_into_input(self, input, more);
	if (self->framing && !data_is_waiting(self))
		lepy_framing_report(self, input);
	else
		lepy_report(&self->handle, LEPY_KIND_READ, 0);
}

/* Nothing is queued before it and nothing forbids it: what is written may go
 * out without waiting for the loop, which saves two epoll_ctl a write. */
static int
can_send_now(const struct lepy_bufferevent *self)
{
	return self->direct_socket && !self->limited && !self->connecting && bufferevent_getfd(self->bufferevent) >= 0
	    && (bufferevent_get_enabled(self->bufferevent) & EV_WRITE)
	    && evbuffer_get_length(bufferevent_get_output(self->bufferevent)) == 0;
}

/* libevent tells of a drained output from the loop, never inside the write;
 * so does a write that needed no loop. */
static void
report_written(struct lepy_bufferevent *self, size_t length)
{
	if (self->wants_write && length)
		bufferevent_trigger(self->bufferevent, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
}

/* Called by BufferEvent.write: -1 when libevent finds no memory for it.  An
 * error of the socket is left for libevent to meet, and report, in the loop. */
int
lepy_bufferevent_write(struct lepy_bufferevent *self, const char *data, size_t length)
{
	ssize_t sent = 0;

	int refused = lepy_delivery_refuses(self->handle.delivery);

	if (refused)
		return refused;
	if (self->refusal)
		return self->refusal;
	if (can_send_now(self)) {
		size_t now = self->single_write && self->single_write < length ? self->single_write : length;

		sent = send(bufferevent_getfd(self->bufferevent), data, now, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	if (sent < 0)
		sent = 0;
	if ((size_t)sent < length) {
		lepy_bufferevent_enter(self);
		return lepy_bufferevent_after_write(self,
		    bufferevent_write(self->bufferevent, data + sent, length - (size_t)sent));
	}
	report_written(self, length);
	return 0;
}

/* Called by BufferEvent.write_buffer: moves all of buffer to the output, or
 * what goes at once straight to the socket. */
int
lepy_bufferevent_write_buffer(struct lepy_bufferevent *self, struct evbuffer *buffer)
{
	size_t length = evbuffer_get_length(buffer);

	int refused = lepy_delivery_refuses(self->handle.delivery);

	if (refused)
		return refused;
	if (self->refusal)
		return self->refusal;
	if (can_send_now(self))
		evbuffer_write_atmost(buffer, bufferevent_getfd(self->bufferevent),
		    self->single_write ? (ev_ssize_t)self->single_write : -1);
	if (evbuffer_get_length(buffer)) {
		lepy_bufferevent_enter(self);
		return lepy_bufferevent_after_write(self, bufferevent_write_buffer(self->bufferevent, buffer));
	}
	report_written(self, length);
	return 0;
}

/* Called by BufferEvent.read: how many bytes of the input went to data. */
int64_t
lepy_bufferevent_read(struct lepy_bufferevent *self, char *data, size_t length)
{
	int refused = lepy_delivery_refuses(self->handle.delivery);

	if (refused)
		return refused;
	/* Room in a filter's input makes it filter on. */
	lepy_bufferevent_enter(self);
	length = bufferevent_read(self->bufferevent, data, length);
	lepy_bufferevent_leave(self, 0);
	return (int64_t)length;
}

/* Called by BufferEvent when a record's bytes come while EV_READ is off: they
 * go back to the front of the input. */
int
lepy_bufferevent_unread(struct lepy_bufferevent *self, const char *data, size_t length)
{
	if (self->framing)
		lepy_framing_rescan(self->framing);
	lepy_bufferevent_enter(self);
	return lepy_bufferevent_leave(self, evbuffer_prepend(bufferevent_get_input(self->bufferevent), data, length));
}
