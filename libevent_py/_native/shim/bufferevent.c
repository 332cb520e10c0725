/* struct bufferevent for Python: what BufferEvent calls. */
#include "shim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* Takes EV_READ off once the input has reached its high mark: since libevent
 * 2.1.9 a read callback that leaves that much is called again without end
 * (issue 891).  input_callback puts it back. */
static void
pause_at_high_watermark(struct lepy_bufferevent *self, struct evbuffer *input)
{
	if (self->high && evbuffer_get_length(input) >= self->high) {
		self->paused = 1;
		bufferevent_disable(self->bufferevent, EV_READ);
	}
}

/* What came or was written while a filter's reading or writing was off, or did
 * not fit, is filtered only when more comes, if libevent is left alone with it. */
static void
filter_what_waits(const struct lepy_filter *filter, short events)
{
	if (!evbuffer_get_length(bufferevent_get_input(filter->underlying)) && !lepy_filter_holds(filter))
		events &= ~EV_READ;
	if (!evbuffer_get_length(bufferevent_get_output(filter->bufferevent)))
		events &= ~EV_WRITE;
	bufferevent_trigger(filter->underlying, events, BEV_TRIG_DEFER_CALLBACKS);
}

static int
enable(struct lepy_bufferevent *self, short events)
{
	if (bufferevent_enable(self->bufferevent, events) < 0)
		return -1;
	if (self->ops && (events & EV_READ))
		self->ops->resumed(self);
	if (self->filter)
		filter_what_waits(self->filter, events);
	return 0;
}

/* On the input, while there is a high mark: resumes below it.  TLS goes beyond,
 * and who has taken some of that is asked to take more. */
static void
input_callback(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
	struct lepy_bufferevent *self = arg;

	if (!self->paused) {
		if (self->filter && info->n_deleted && lepy_filter_holds(self->filter))
			filter_what_waits(self->filter, EV_READ);
		return;
	}
	if (evbuffer_get_length(input) < self->high) {
		self->paused = 0;
		enable(self, EV_READ);
	} else if (info->n_deleted) {
		bufferevent_trigger(self->bufferevent, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
	}
}

static void
read_callback(struct bufferevent *bufferevent, void *arg)
{
	struct lepy_bufferevent *self = arg;
	struct evbuffer *input = bufferevent_get_input(bufferevent);

	/* A deferred trigger may come after the input was taken. */
	if (evbuffer_get_length(input) == 0 || (self->ops && !self->ops->is_readable(self, input)))
		return;
	lepy_bufferevent_enter(self);
	lepy_bufferevent_report_input(self, input);
	pause_at_high_watermark(self, input);
	lepy_bufferevent_leave(self, 0);
}

static void
write_callback(struct bufferevent *bufferevent, void *arg)
{
	struct lepy_bufferevent *self = arg;

	(void)bufferevent;
	lepy_report(&self->handle, LEPY_KIND_WRITE, 0);
}

/* libevent reports a read timeout also when readiness and expiry meet in one
 * pass (issue 1530, mended after 2.1): with bytes waiting it is not one. */
static int
is_false_timeout(struct bufferevent *bufferevent, short what)
{
	evutil_socket_t fd = bufferevent_getfd(bufferevent);
	int waiting = 0;

	if (what != (BEV_EVENT_READING | BEV_EVENT_TIMEOUT) || fd < 0)
		return 0;
	return ioctl(fd, FIONREAD, &waiting) == 0 && waiting > 0 && bufferevent_enable(bufferevent, EV_READ) == 0;
}

/* 0 where what is not true, or nobody is to be told yet; error is errno, and
 * becomes the one that goes with it. */
int
lepy_bufferevent_status(struct lepy_bufferevent *self, short what, int *error)
{
	struct lepy_bufferevent *each;

	if (self->direct_socket && is_false_timeout(self->bufferevent, what))
		return 0;
	if (self->ops && !self->ops->status(self, what, error))
		return 0;
	for (each = self; each && (what & BEV_EVENT_CONNECTED); each = each->below)
		each->connecting = 0;
	return 1;
}

static void
status_callback(struct bufferevent *bufferevent, short what, void *arg)
{
	struct lepy_bufferevent *self = arg;
	int error = errno;
	struct evbuffer *input = bufferevent_get_input(bufferevent);

	if (!lepy_bufferevent_status(self, what, &error))
		return;
	if ((what & BEV_EVENT_CONNECTED) && self->output_ending)
		lepy_report(&self->handle, LEPY_KIND_OUTPUT, 0);
	/* A filter may hold what only its stream's end completes; libevent does not ask. */
	if (self->filter && (what & BEV_EVENT_READING) && (what & BEV_EVENT_EOF)) {
		lepy_bufferevent_enter(self);
		lepy_filter_finish_input(self->filter);
		if (lepy_bufferevent_leave(self, 0))
			return;
	}
	/* What the low mark held back is not read by libevent's read callback. */
	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) && self->with_data && evbuffer_get_length(input)) {
		lepy_bufferevent_enter(self);
		lepy_bufferevent_report_input(self, input);
		if (lepy_bufferevent_leave(self, 0))
			return;
	}
	if (self->wants_status || self->filter)
		lepy_report(&self->handle, LEPY_KIND_STATUS, what | error << 16);
}

/* These callbacks report to some lepy_bufferevent, which may be gone by then. */
static int
is_ours(const struct lepy_callbacks *callbacks)
{
	return callbacks->read == read_callback || callbacks->write == write_callback
	    || callbacks->status == status_callback;
}

/* Gives a bufferevent back to who had it before Python's set_callbacks. */
static void
restore_callbacks(struct lepy_bufferevent *self)
{
	const struct lepy_callbacks *theirs = &self->theirs;
	void *arg;

	bufferevent_getcb(self->bufferevent, NULL, NULL, NULL, &arg);
	if (arg == self)
		bufferevent_setcb(self->bufferevent, theirs->read, theirs->write, theirs->status, theirs->arg);
}

/* Called by BufferEvent: wraps bufferevent, whose ownership the caller keeps
 * until lepy_bufferevent_free, and of which this holds a reference: a native
 * owner may free it before Python is done.  direct_socket: a plain socket of
 * ours, which may be used past libevent. */
struct lepy_bufferevent *
lepy_bufferevent_new(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation,
    struct bufferevent *bufferevent, int direct_socket)
{
	struct lepy_bufferevent *self = calloc(1, sizeof *self);

	if (!self)
		return NULL;
	self->handle.delivery = delivery;
	self->handle.slot = slot;
	self->handle.generation = generation;
	self->handle.level = lepy_delivery_level(delivery, bufferevent_get_priority(bufferevent));
	self->bufferevent = bufferevent;
	bufferevent_incref(bufferevent);
	self->direct_socket = direct_socket;
	if (direct_socket)
		lepy_bufferevent_take_reading(self);
	self->output_high = SIZE_MAX;
	bufferevent_getcb(bufferevent, &self->theirs.read, &self->theirs.write, &self->theirs.status, &self->theirs.arg);
	if (is_ours(&self->theirs))
		memset(&self->theirs, 0, sizeof self->theirs);
	return self;
}

/* Called by BufferEvent.set_callbacks: which reports Python wants. */
void
lepy_bufferevent_setcb(struct lepy_bufferevent *self, int readable, int with_data, int writable, int status)
{
	self->with_data = with_data;
	self->wants_write = writable;
	self->wants_status = status;
	/* Always: the rest of the input at the stream's end is data's, not status's. */
	bufferevent_setcb(self->bufferevent, readable || with_data ? read_callback : NULL,
	    writable ? write_callback : NULL, status_callback, self);
}

void
lepy_bufferevent_stop_watching_input(struct lepy_bufferevent *self)
{
	if (self->watching)
		evbuffer_remove_cb(bufferevent_get_input(self->bufferevent), input_callback, self);
	self->watching = 0;
}

static void
free_memory(struct lepy_bufferevent *self)
{
	free(self->framing);
	free(self);
}

/* Called by BufferEvent.close: ends the structure's use, and frees the bufferevent
 * where it is ours.  The descriptor is closed by libevent's finalizer, in the loop;
 * limits are taken off now, as Python may free them before that. */
void
lepy_bufferevent_free(struct lepy_bufferevent *self, int owned)
{
	restore_callbacks(self);
	lepy_bufferevent_stop_watching_input(self);
	lepy_bufferevent_stop_watching(self);
	if (self->ops)
		self->ops->release(self);
	/* A pending deferred callback would keep it reading. */
	if (owned)
		bufferevent_disable(self->bufferevent, EV_READ | EV_WRITE);
	if (self->direct_socket)
		lepy_bufferevent_give_reading_back(self);
	if (self->limited & LEPY_LIMIT_OWN)
		bufferevent_set_rate_limit(self->bufferevent, NULL);
	if (self->limited & LEPY_LIMIT_GROUP)
		bufferevent_remove_from_rate_limit_group(self->bufferevent);
	if (owned)
		bufferevent_free(self->bufferevent);
	bufferevent_decref(self->bufferevent);
	self->dead = 1;
}

/* Called when Python has no use of the structure any more; until then another
 * thread may have been about to write.  What is not closed by then, libevent's
 * callbacks may still be told of. */
void
lepy_bufferevent_forget(struct lepy_bufferevent *self)
{
	self->forgotten = 1;
	if (self->dead && !self->busy)
		free_memory(self);
}

/* Around a call that may reach a Python filter, which may close this, or may
 * start a timeout. */
void
lepy_bufferevent_enter(struct lepy_bufferevent *self)
{
	lepy_delivery_refresh_time(self->handle.delivery);
	self->busy++;
}

/* -1 where it was closed meanwhile, else result. */
int
lepy_bufferevent_leave(struct lepy_bufferevent *self, int result)
{
	self->busy--;
	if (!self->dead)
		return result;
	if (self->forgotten && !self->busy)
		free_memory(self);
	return -1;
}

/* Called by BufferEvent.enable; report_again asks for a new record of input
 * whose last one was dropped because EV_READ was off. */
int
lepy_bufferevent_enable(struct lepy_bufferevent *self, short events, int report_again)
{
	if (events & EV_READ)
		self->paused = 0;
	lepy_delivery_refresh_time(self->handle.delivery);
	if (self->ops)
		events = self->ops->pass_on(self, events, 1);
	if (enable(self, events) < 0)
		return -1;
	if (report_again)
		bufferevent_trigger(self->bufferevent, EV_READ, 0);
	return 0;
}

/* Called by BufferEvent.disable. */
int
lepy_bufferevent_disable(struct lepy_bufferevent *self, short events)
{
	if (events & EV_READ)
		self->paused = 0;
	if (self->ops)
		events = self->ops->pass_on(self, events, 0);
	return bufferevent_disable(self->bufferevent, events);
}

/* Called by BufferEvent.enabled: what Python has enabled. */
short
lepy_bufferevent_get_enabled(struct lepy_bufferevent *self)
{
	return (short)((bufferevent_get_enabled(self->bufferevent) | (self->paused ? EV_READ : 0)) & ~self->held_back);
}

/* Called by BufferEvent.set_watermark. */
int
lepy_bufferevent_setwatermark(struct lepy_bufferevent *self, short events, size_t low, size_t high)
{
	struct evbuffer *input = bufferevent_get_input(self->bufferevent);

	bufferevent_setwatermark(self->bufferevent, events, low, high);
	if (!(events & EV_READ))
		return 0;
	self->high = high;
	if (high && !self->watching) {
		if (!evbuffer_add_cb(input, input_callback, self))
			return -1;
		self->watching = 1;
	}
	if (self->paused && (!high || evbuffer_get_length(input) < high)) {
		self->paused = 0;
		return enable(self, EV_READ);
	}
	return 0;
}

/* Called by BufferEvent.connect: fd is connecting or connected, and the
 * bufferevent's from now on. */
int
lepy_bufferevent_connect(struct lepy_bufferevent *self, evutil_socket_t fd)
{
	void *arg;

	/* CONNECTED is ours to know, whoever else wants it. */
	bufferevent_getcb(self->bufferevent, NULL, NULL, NULL, &arg);
	if (arg != self && self->refusal != LEPY_WRITE_CAPTURED)
		lepy_bufferevent_setcb(self, 0, 0, 0, 0);
	if (self->ops)
		return self->ops->connect(self, fd);
	self->connecting = 1;
	lepy_delivery_refresh_time(self->handle.delivery);
	bufferevent_setfd(self->bufferevent, fd);
	if (bufferevent_socket_connect(self->bufferevent, NULL, 0) < 0) {
		self->connecting = 0;
		return -1;
	}
	lepy_bufferevent_take_reading(self); /* libevent has set it up anew */
	return 0;
}

/* seconds < 0: no timeout. */
static struct timeval *
optional_timeval(double seconds, struct timeval *value)
{
	if (seconds < 0)
		return NULL;
	*value = lepy_timeval(seconds);
	return value;
}

/* Called by BufferEvent.set_timeouts. */
int
lepy_bufferevent_set_timeouts(struct lepy_bufferevent *self, double read, double write)
{
	struct timeval read_value, write_value;

	lepy_delivery_refresh_time(self->handle.delivery);
	return bufferevent_set_timeouts(self->bufferevent, optional_timeval(read, &read_value),
	    optional_timeval(write, &write_value));
}

/* Called to know whether a CONNECTED is still to come. */
int
lepy_bufferevent_is_connecting(struct lepy_bufferevent *self)
{
	return self->connecting;
}

/* Called by BufferEvent.priority's setter. */
int
lepy_bufferevent_priority_set(struct lepy_bufferevent *self, int priority)
{
	int result = self->ops ? self->ops->set_priority(self, priority) : bufferevent_priority_set(self->bufferevent, priority);

	if (result < 0)
		return -1;
	self->handle.level = lepy_delivery_level(self->handle.delivery, priority);
	return 0;
}
