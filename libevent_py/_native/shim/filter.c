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

/* For bufferevent.c: whether there is more filtered input than has fitted. */
int
lepy_filter_holds(const struct lepy_filter *self)
{
	return self->held && evbuffer_get_length(self->held);
}

/* Moves at most limit of what is held, -1 for all, to target; how much is left of limit. */
static ev_ssize_t
give_held(struct lepy_filter *self, struct evbuffer *target, ev_ssize_t limit)
{
	size_t size = evbuffer_get_length(self->held);

	if (limit < 0)
		return evbuffer_add_buffer(target, self->held) < 0 ? 0 : -1;
	if (size > (size_t)limit)
		size = (size_t)limit;
	evbuffer_remove_buffer(self->held, target, size);
	return limit - (ev_ssize_t)size;
}

/* limit: how much fits below the high mark, -1 for all.  A function gives what it
 * gives: what does not fit is held, and nothing more is filtered before it has gone. */
static enum bufferevent_filter_result
process_in(struct evbuffer *source, struct evbuffer *target, ev_ssize_t limit, enum bufferevent_flush_mode mode,
    void *context)
{
	struct lepy_filter *self = context;
	enum bufferevent_filter_result gave = BEV_NEED_MORE, result;

	if (lepy_filter_holds(self) && self->python) {
		limit = give_held(self, target, limit);
		gave = BEV_OK;
		if (limit == 0)
			return gave;
	}
	if (limit >= 0 && !self->held)
		self->held = evbuffer_new();
	if (limit < 0 || !self->held)
		result = process(self, EV_READ, source, target, mode);
	else {
		result = process(self, EV_READ, source, self->held, mode);
		if (self->python)
			give_held(self, target, limit);
	}
	return result == BEV_NEED_MORE ? gave : result;
}

static enum bufferevent_filter_result
process_out(struct evbuffer *source, struct evbuffer *target, ev_ssize_t limit, enum bufferevent_flush_mode mode,
    void *context)
{
	(void)limit; /* always -1: what is below a filter of Python's has no marks */
	return process(context, EV_WRITE, source, target, mode);
}

/* libevent's, where it frees the filter. */
static void
free_filter(void *context)
{
	struct lepy_filter *self = context;

	if (self->held)
		evbuffer_free(self->held);
	free(self);
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
	self->bufferevent = bufferevent_filter_new(self->underlying, process_in, process_out, options, free_filter,
	    self);
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
	process_in(bufferevent_get_input(self->underlying), bufferevent_get_input(self->bufferevent), -1, BEV_FINISHED,
	    self);
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
