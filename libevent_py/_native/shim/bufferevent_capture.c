/* A bufferevent that another one filters: whose callbacks it has. */
#include "shim.h"

#include <errno.h>
#include <string.h>

/* Called by FilterBufferEvent, which takes over the bufferevent below it:
 * nothing of ours stays on its buffers. */
void
lepy_bufferevent_capture(struct lepy_bufferevent *self)
{
	lepy_bufferevent_setcb(self, 0, 0, 0, 0);
	lepy_bufferevent_setwatermark(self, EV_READ | EV_WRITE, 0, 0);
	lepy_bufferevent_stop_watching_input(self);
	lepy_bufferevent_stop_watching(self);
	self->refusal = LEPY_WRITE_CAPTURED;
}

/* Called when the filter is closed and the bufferevent below it stays. */
void
lepy_bufferevent_release(struct lepy_bufferevent *self)
{
	self->refusal = 0;
	memset(&self->above, 0, sizeof self->above);
	if (self->filter || self->ops)
		lepy_bufferevent_setcb(self, 0, 0, 0, 0);
	bufferevent_disable(self->bufferevent, EV_READ);
}

static void
read_callback(struct bufferevent *bufferevent, void *arg)
{
	struct lepy_bufferevent *self = arg;

	if (self->above.read && self->ops->is_readable(self, bufferevent_get_input(bufferevent)))
		self->above.read(bufferevent, self->above.arg);
}

static void
write_callback(struct bufferevent *bufferevent, void *arg)
{
	struct lepy_bufferevent *self = arg;

	if (self->above.write)
		self->above.write(bufferevent, self->above.arg);
}

static void
status_callback(struct bufferevent *bufferevent, short what, void *arg)
{
	struct lepy_bufferevent *self = arg;
	int error = errno;

	if (!self->above.status || !lepy_bufferevent_status(self, what, &error))
		return;
	errno = error;
	self->above.status(bufferevent, what, self->above.arg);
}

/* For whoever has put a filter on this: what libevent tells of TLS is put right
 * also where the filter is told. */
void
lepy_bufferevent_stand_between(struct lepy_bufferevent *self)
{
	struct lepy_callbacks *above = &self->above;

	if (!self->ops)
		return;
	bufferevent_getcb(self->bufferevent, &above->read, &above->write, &above->status, &above->arg);
	bufferevent_setcb(self->bufferevent, read_callback, write_callback, status_callback, self);
}
