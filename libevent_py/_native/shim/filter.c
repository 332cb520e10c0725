/* Filters whose two functions are Python's: what FilterBufferEvent calls.
 *
 * They run synchronously, inside a write or in the loop, below C's frames.  An
 * exception is kept in Python and becomes BEV_ERROR here, which libevent 2.1
 * itself ignores: the ERROR event is ours. */
#include "shim.h"

#include <errno.h>
#include <stdlib.h>

static void
fail(struct lepy_filter *self, short direction)
{
	self->failed |= direction;
	if (!self->python)
		return; /* closed by its own function */
	bufferevent_disable(self->bufferevent, direction);
	errno = 0;
	bufferevent_trigger_event(self->bufferevent,
	    BEV_EVENT_ERROR | (direction == EV_READ ? BEV_EVENT_READING : BEV_EVENT_WRITING),
	    BEV_TRIG_DEFER_CALLBACKS);
}

/* libevent calls again as long as it hears BEV_OK and there is input: only
 * what took or made something may say so. */
static enum bufferevent_filter_result
process(struct lepy_filter *self, short direction, struct evbuffer *source, struct evbuffer *target, int mode)
{
	size_t source_size = evbuffer_get_length(source);
	int result;

	if (!self->python || (self->failed & direction))
		return BEV_ERROR;
	if (source_size == 0 && (mode == BEV_NORMAL || (self->finished & direction)))
		return BEV_NEED_MORE;
	if (mode == BEV_FINISHED)
		self->finished |= direction;
	if (!(self->functions & direction))
		return evbuffer_add_buffer(target, source) == 0 && source_size ? BEV_OK : BEV_NEED_MORE;
	self->delivery->direct_calls++;
	result = lepy_filter_process(self->python, direction == EV_WRITE, source, target, mode);
	lepy_delivery_refresh_time(self->delivery);
	self->delivery->direct_calls--;
	if (result < 0) {
		fail(self, direction);
		return BEV_ERROR;
	}
	if (!self->python)
		return BEV_ERROR;
	/* Not seen in the target: a pair below passes it on at once. */
	if (result > 0)
		return BEV_OK;
	/* Taken and kept for later: of writing, that is progress too. */
	if (direction == EV_WRITE && evbuffer_get_length(source) < source_size)
		return BEV_OK;
	return BEV_NEED_MORE;
}

static enum bufferevent_filter_result
process_in(struct evbuffer *source, struct evbuffer *target, ev_ssize_t limit, enum bufferevent_flush_mode mode,
    void *context)
{
	(void)limit;
	return process(context, EV_READ, source, target, mode);
}

static enum bufferevent_filter_result
process_out(struct evbuffer *source, struct evbuffer *target, ev_ssize_t limit, enum bufferevent_flush_mode mode,
    void *context)
{
	(void)limit;
	return process(context, EV_WRITE, source, target, mode);
}

/* Called by FilterBufferEvent; NULL without memory.  functions: in which of
 * EV_READ and EV_WRITE there is one; python stays Python's until lepy_filter_close. */
struct lepy_filter *
lepy_filter_new(struct lepy_delivery *delivery, struct lepy_bufferevent *underlying, int options, int functions,
    void *python)
{
	struct lepy_filter *self = calloc(1, sizeof *self);

	if (!self)
		return NULL;
	self->python = python;
	self->delivery = delivery;
	self->underlying = underlying->bufferevent;
	self->below = underlying->filter;
	self->below_self = underlying;
	self->functions = functions;
	self->bufferevent = bufferevent_filter_new(self->underlying, process_in, process_out, options, free, self);
	if (self->bufferevent) {
		lepy_bufferevent_stand_between(underlying);
		return self;
	}
	free(self);
	return NULL;
}

/* For bufferevent.c, when the stream has ended: lets the filters, the lowest
 * first, give out what they kept.  (bufferevent_flush would tell the other end
 * of a pair below.) */
void
lepy_filter_finish_input(struct lepy_filter *self)
{
	if (self->below)
		lepy_filter_finish_input(self->below);
	process(self, EV_READ, bufferevent_get_input(self->underlying), bufferevent_get_input(self->bufferevent),
	    BEV_FINISHED);
}

/* Called by FilterBufferEvent before its output ends. */
void
lepy_filter_finish_output(struct lepy_filter *self)
{
	process(self, EV_WRITE, bufferevent_get_output(self->bufferevent), bufferevent_get_output(self->underlying),
	    BEV_FINISHED);
}

/* Called when the filter's own structure is there: whatever its user asks
 * for, failures are reported. */
void
lepy_filter_attach(struct lepy_filter *filter, struct lepy_bufferevent *self)
{
	self->filter = filter;
	self->below = filter->below_self;
	lepy_bufferevent_setcb(self, 0, 0, 0, 0);
}

/* Called by FilterBufferEvent.close, before the bufferevent is freed: a
 * deferred callback may keep that alive, and what is below would go on calling
 * it. */
void
lepy_filter_close(struct lepy_filter *self)
{
	self->python = NULL;
	bufferevent_setcb(self->underlying, NULL, NULL, NULL, NULL);
}
