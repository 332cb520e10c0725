/* The bytes of a bufferevent: from its input to Python, and back out. */
#include "shim.h"

/* Called by Relay, perhaps in a callback: whether the last bytes that left the
 * input were not delivered yet, the last remaining records not of those
 * that Python works on. */
int
lepy_bufferevent_data_is_due(const struct lepy_bufferevent *self, uint32_t remaining)
{
	const struct lepy_batch *batch = self->last.batch;

	if (!lepy_mark_waits(&self->last))
		return 0;
	if (batch == self->handle.delivery->handed && self->last.position < batch->end - remaining)
		return 0;
	return batch->records[self->last.position].length > 0;
}

/* Moves the input into the arena with its record, where there is room. */
static void
report_data(struct lepy_bufferevent *self, struct evbuffer *input)
{
	size_t length = evbuffer_get_length(input);
	char *room;

	lepy_report_begin(&self->handle);
	if (length > lepy_report_room(&self->handle, &room)) {
		lepy_report_cancel(&self->handle);
		lepy_report_once(&self->handle, &self->last, LEPY_KIND_READ, 0);
		return;
	}
	evbuffer_copyout(input, room, length);
	lepy_report_mark(&self->handle, &self->last);
	lepy_report_end(&self->handle, LEPY_KIND_DATA, 0, length);
	evbuffer_drain(input, length); /* now: its callbacks report too */
}

/* For bufferevent.c: reports the whole input, whose bytes ride along where they
 * are asked for; else Python fetches them.  Never twice at a time: Python may
 * put the bytes of one record back in front of the input. */
void
lepy_bufferevent_report_input(struct lepy_bufferevent *self, struct evbuffer *input)
{
	int waits = lepy_mark_waits(&self->last);

	if (self->relay_end)
		lepy_relay_input(self->relay_end);
	else if (self->framing && !waits)
		lepy_framing_report(self, input);
	else if (self->with_data && !waits)
		report_data(self, input);
	else
		lepy_report_once(&self->handle, &self->last, LEPY_KIND_READ, 0);
}

/* Nothing is queued before it and nothing forbids it: what is written may go
 * out without waiting for the loop, which saves two epoll_ctl a write. */
static int
can_send_now(const struct lepy_bufferevent *self)
{
	const struct bufferevent *bufferevent = self->bufferevent;

	return self->direct_socket && !self->limited && !self->connecting && (bufferevent->enabled & EV_WRITE)
	    && evbuffer_get_length(bufferevent->output) == 0 && bufferevent_getfd(self->bufferevent) >= 0;
}

/* libevent tells of a drained output from the loop, never inside the write;
 * so does a write that needed no loop. */
static void
report_written(struct lepy_bufferevent *self, size_t length)
{
	if (self->wants_write && length)
		bufferevent_trigger(self->bufferevent, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
}

/* Claims the base for a write, in whichever thread: what lepy_delivery_claim says,
 * or LEPY_CLOSED.  Python takes the pointer without a claim: another thread may
 * have closed the bufferevent since, whose structure is there still. */
static int
begin_write(const struct lepy_bufferevent *self)
{
	int claim = lepy_delivery_claim(self->handle.delivery, 0);

	if (claim < 0 || !self->dead)
		return claim;
	if (claim)
		lepy_delivery_release(self->handle.delivery);
	return LEPY_CLOSED;
}

/* Gives result.  A filter's write may have closed it, and only delivery is sure
 * to be there. */
static int
end_write(struct lepy_delivery *delivery, int claim, int result)
{
	if (claim)
		lepy_delivery_release(delivery);
	return result;
}

/* How many bytes go out at once.  An error of the socket is left for libevent to
 * meet, and report, in the loop. */
static size_t
send_now(struct lepy_bufferevent *self, const char *data, size_t length)
{
	ssize_t sent;

	if (!can_send_now(self))
		return 0;
	if (self->single_write && self->single_write < length)
		length = self->single_write;
	if (self->ops)
		return self->ops->send(self, data, length);
	sent = send(self->bufferevent->ev_write.ev_fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
	return sent > 0 ? (size_t)sent : 0;
}

static int
write_bytes(struct lepy_bufferevent *self, const char *data, size_t length)
{
	size_t sent;

	if (self->refusal)
		return self->refusal;
	sent = send_now(self, data, length);
	if (sent < length) {
		lepy_bufferevent_enter(self);
		return lepy_bufferevent_after_write(self,
		    bufferevent_write(self->bufferevent, data + sent, length - sent));
	}
	report_written(self, length);
	return 0;
}

/* Called by BufferEvent.write: -1 when libevent finds no memory for it. */
int
lepy_bufferevent_write(struct lepy_bufferevent *self, const char *data, size_t length)
{
	struct lepy_delivery *delivery = self->handle.delivery;
	int claim = begin_write(self);

	return claim < 0 ? claim : end_write(delivery, claim, write_bytes(self, data, length));
}

static int
write_reference(struct lepy_bufferevent *self, const char *data, size_t length, uint64_t key)
{
	size_t sent;
	int result;

	if (self->refusal)
		return self->refusal;
	sent = send_now(self, data, length);
	if (sent == length) {
		report_written(self, length);
		return LEPY_WRITE_SENT;
	}
	lepy_bufferevent_notify_drained(self, 0);
	lepy_bufferevent_enter(self);
	result = lepy_buffer_add_reference(bufferevent_get_output(self->bufferevent), data + sent, length - sent, key);
	return lepy_bufferevent_after_write(self, result);
}

/* The same of memory that stays as it is until key is released: the output refers
 * to what does not go at once, and Python is told when it is drained, to let the
 * memory go.  LEPY_WRITE_SENT: all went, and key is not taken; nor is it where the
 * result is negative. */
int
lepy_bufferevent_write_reference(struct lepy_bufferevent *self, const char *data, size_t length, uint64_t key)
{
	struct lepy_delivery *delivery = self->handle.delivery;
	int claim = begin_write(self);

	return claim < 0 ? claim : end_write(delivery, claim, write_reference(self, data, length, key));
}

static void
send_buffer_now(struct lepy_bufferevent *self, struct evbuffer *buffer)
{
	size_t left = self->single_write ? self->single_write : SIZE_MAX;
	struct evbuffer_iovec piece;

	if (!self->ops) {
		evbuffer_write_atmost(buffer, bufferevent_getfd(self->bufferevent),
		    self->single_write ? (ev_ssize_t)self->single_write : -1);
		return;
	}
	while (left && evbuffer_get_length(buffer) && evbuffer_peek(buffer, 1, NULL, &piece, 1) > 0) {
		size_t now = piece.iov_len < left ? piece.iov_len : left;
		size_t sent = self->ops->send(self, piece.iov_base, now);

		evbuffer_drain(buffer, sent);
		left -= sent;
		if (sent < now)
			return;
	}
}

static int
write_buffer(struct lepy_bufferevent *self, struct evbuffer *buffer)
{
	size_t length = evbuffer_get_length(buffer);

	if (self->refusal)
		return self->refusal;
	if (can_send_now(self))
		send_buffer_now(self, buffer);
	if (evbuffer_get_length(buffer)) {
		lepy_bufferevent_enter(self);
		return lepy_bufferevent_after_write(self, bufferevent_write_buffer(self->bufferevent, buffer));
	}
	report_written(self, length);
	return 0;
}

/* Called by BufferEvent.write_buffer: moves all of buffer to the output, or
 * what goes at once straight to the socket. */
int
lepy_bufferevent_write_buffer(struct lepy_bufferevent *self, struct evbuffer *buffer)
{
	struct lepy_delivery *delivery = self->handle.delivery;
	int claim = begin_write(self);

	return claim < 0 ? claim : end_write(delivery, claim, write_buffer(self, buffer));
}

/* Called by BufferEvent.read: how many bytes of the input went to data. */
int64_t
lepy_bufferevent_read(struct lepy_bufferevent *self, char *data, size_t length)
{
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
