/* A bufferevent's output under control: its limit, its end, and what goes past
 * libevent.  Of a filter, the bufferevents below it count too: what was filtered
 * waits there. */
#include "shim.h"

size_t
lepy_bufferevent_output_size(struct lepy_bufferevent *self)
{
	struct bufferevent *each = self->bufferevent;
	size_t size = 0;

	for (; each; each = bufferevent_get_underlying(each))
		size += evbuffer_get_length(bufferevent_get_output(each));
	return size;
}

/* Before it is connected nothing counts as sent. */
static int
is_connected(struct lepy_bufferevent *self)
{
	for (; self; self = self->below)
		if (self->connecting || (self->direct_socket && bufferevent_getfd(self->bufferevent) < 0))
			return 0;
	return 1;
}

static int
has_news(struct lepy_bufferevent *self)
{
	size_t size = lepy_bufferevent_output_size(self);

	if (self->output_ending && size == 0 && is_connected(self))
		return 1;
	return self->output_full ? size <= self->output_low : size > self->output_high;
}

/* On each output.  Python looks when the record is delivered: a filter that
 * moves bytes from one output to the next makes them seem gone for a moment. */
static void
output_callback(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
	struct lepy_bufferevent *self = arg;

	(void)output;
	(void)info;
	/* A write tells by itself what it has filled. */
	if (self->output_reported || (self->busy && !self->output_full) || !has_news(self))
		return;
	self->output_reported = 1;
	lepy_report(&self->handle, LEPY_KIND_OUTPUT, 0);
}

static int
watch_output(struct lepy_bufferevent *self)
{
	struct bufferevent *each = self->bufferevent;

	if (self->watching_output)
		return 0;
	self->watching_output = 1;
	for (; each; each = bufferevent_get_underlying(each))
		if (!evbuffer_add_cb(bufferevent_get_output(each), output_callback, self))
			return -1;
	return 0;
}

/* For bufferevent.c, before the bufferevent is freed or captured. */
void
lepy_bufferevent_stop_watching(struct lepy_bufferevent *self)
{
	struct bufferevent *each = self->bufferevent;

	for (; self->watching_output && each; each = bufferevent_get_underlying(each))
		evbuffer_remove_cb(bufferevent_get_output(each), output_callback, self);
	self->watching_output = 0;
	self->output_full = 0;
	self->output_high = SIZE_MAX;
}

/* For bufferevent_data.c: ends what lepy_bufferevent_enter began for a write. */
int
lepy_bufferevent_after_write(struct lepy_bufferevent *self, int result)
{
	/* Closed by its own filter: Python has nothing to be told. */
	if (lepy_bufferevent_leave(self, 0) < 0)
		return 0;
	if (result < 0 || self->output_full || self->output_high == SIZE_MAX
	    || lepy_bufferevent_output_size(self) <= self->output_high)
		return result;
	self->output_full = 1;
	return LEPY_WRITE_FULL;
}

/* Called by BufferEvent.set_output_limit; high SIZE_MAX is none. */
int
lepy_bufferevent_set_output_limit(struct lepy_bufferevent *self, size_t high, size_t low)
{
	if (high != SIZE_MAX && watch_output(self) < 0)
		return -1;
	self->output_high = high;
	self->output_low = low;
	return 0;
}

/* Called by BufferEvent.shutdown_write and its kin: news come when all is sent,
 * and before that it is connected, where it is on the way to that.  1: it is
 * already. */
int
lepy_bufferevent_notify_drained(struct lepy_bufferevent *self, int connects)
{
	if (!connects || is_connected(self))
		if (lepy_bufferevent_output_size(self) == 0)
			return 1;
	if (watch_output(self) < 0)
		return -1;
	self->output_ending = 1;
	return 0;
}

/* Called when a record of LEPY_KIND_OUTPUT is delivered, or to look at once:
 * LEPY_OUTPUT_* of what is true by now and was not told yet. */
int
lepy_bufferevent_output_news(struct lepy_bufferevent *self)
{
	size_t size = lepy_bufferevent_output_size(self);
	int news = 0;

	self->output_reported = 0;
	if (self->output_full && size <= self->output_low) {
		self->output_full = 0;
		news |= LEPY_OUTPUT_RESUMED;
	} else if (!self->output_full && size > self->output_high) {
		self->output_full = 1;
		news |= LEPY_OUTPUT_PAUSED;
	}
	if (self->output_ending && size == 0 && is_connected(self)) {
		self->output_ending = 0;
		news |= LEPY_OUTPUT_DRAINED;
	}
	return news;
}

void
lepy_bufferevent_refuse_writes(struct lepy_bufferevent *self, int refusal)
{
	self->refusal = refusal;
}

/* Called by BufferEvent.shutdown_write when all is sent; -1 with errno. */
int
lepy_bufferevent_shut_down(struct lepy_bufferevent *self)
{
	return shutdown(bufferevent_getfd(self->bufferevent), SHUT_WR);
}

/* Called by BufferEvent.flush: 1 where something moved, -1 where there is
 * nobody to flush to. */
int
lepy_bufferevent_flush(struct lepy_bufferevent *self, short events, int mode)
{
	int result;

	lepy_bufferevent_enter(self);
	result = bufferevent_flush(self->bufferevent, events, mode);
	return lepy_bufferevent_leave(self, 0) < 0 ? 0 : result;
}

/* Called by BufferEvent.trigger. */
void
lepy_bufferevent_trigger(struct lepy_bufferevent *self, short events, int options)
{
	lepy_bufferevent_enter(self);
	bufferevent_trigger(self->bufferevent, events, options);
	lepy_bufferevent_leave(self, 0);
}

/* Called with a rate limit's coming and going. */
void
lepy_bufferevent_set_limited(struct lepy_bufferevent *self, int reason, int limited)
{
	self->limited = limited ? self->limited | reason : self->limited & ~reason;
}

/* Called by max_single_read's getter: of a socket that we read, what is in force. */
size_t
lepy_bufferevent_get_single_read(const struct lepy_bufferevent *self)
{
	if (self->direct_socket && !self->ops && !self->single_read)
		return LEPY_READ_MOST;
	return (size_t)bufferevent_get_max_single_read(self->bufferevent);
}

/* Called by max_single_read's and max_single_write's setters; 0 is libevent's
 * default, and as much as goes past it. */
int
lepy_bufferevent_set_single(struct lepy_bufferevent *self, short event, size_t size)
{
	if (event & EV_READ) {
		self->single_read = size;
		return bufferevent_set_max_single_read(self->bufferevent, size);
	}
	self->single_write = size;
	return bufferevent_set_max_single_write(self->bufferevent, size);
}
