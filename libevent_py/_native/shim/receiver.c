/* Reading a socket for an asyncio transport: bytes ride along with their record.
 *
 * As bufferevent_receive.c does: few bytes go into the arena, where those of many
 * sockets make one batch; who sends much is read when Python gets there, one
 * socket after the other through the same memory. */
#include "shim.h"

#include <errno.h>
#include <stdlib.h>

static ssize_t
receive(struct lepy_receiver *self, char *room, size_t size)
{
	ssize_t count = recv(event_get_fd(self->event), room, size, MSG_DONTWAIT);

	self->last_read = count > 0 ? (size_t)count : 0;
	return count;
}

static int
is_over(ssize_t count)
{
	return count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
}

/* The stream has ended, with an error where count is negative. */
static void
report_end(struct lepy_receiver *self, ssize_t count)
{
	int error = count < 0 ? errno : 0;

	event_del(self->event);
	lepy_report(&self->handle, LEPY_KIND_STATUS, error);
}

/* libevent's callback. */
static void
receive_callback(evutil_socket_t fd, short what, void *arg)
{
	struct lepy_receiver *self = arg;

	(void)fd;
	(void)what;
	if (!self->by_python && self->last_read < LEPY_READ_MUCH && !lepy_mark_waits(&self->last)) {
		ssize_t count;
		char *room;
		size_t size;

		lepy_report_begin(&self->handle);
		size = lepy_report_room(&self->handle, &room);
		if (size >= LEPY_READ_MUCH) {
			count = receive(self, room, size);
			if (count > 0) {
				lepy_report_mark(&self->handle, &self->last);
				lepy_report_end(&self->handle, LEPY_KIND_DATA, 0, (size_t)count);
				return;
			}
			lepy_report_cancel(&self->handle);
			if (is_over(count))
				report_end(self, count);
			return;
		}
		lepy_report_cancel(&self->handle);
	}
	lepy_report_once(&self->handle, &self->last, LEPY_KIND_READABLE, 0);
}

/* Called by Receiver: reports to delivery as slot.  fd stays Python's; the rest is
 * freed by lepy_receiver_free. */
struct lepy_receiver *
lepy_receiver_new(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation, evutil_socket_t fd)
{
	struct lepy_receiver *self = calloc(1, sizeof *self);

	if (!self)
		return NULL;
	self->event = event_new(delivery->base, fd, EV_READ | EV_PERSIST, receive_callback, self);
	if (!self->event) {
		free(self);
		return NULL;
	}
	self->handle.delivery = delivery;
	self->handle.slot = slot;
	self->handle.generation = generation;
	self->handle.level = lepy_delivery_level(delivery, event_get_priority(self->event));
	return self;
}

/* Called by Receiver.close. */
void
lepy_receiver_free(struct lepy_receiver *self)
{
	event_free(self->event);
	free(self);
}

/* Called by Receiver.start: reads from now on, or (by_python) only tells that
 * there is something to read. */
int
lepy_receiver_start(struct lepy_receiver *self, int by_python)
{
	self->by_python = by_python;
	errno = 0;
	return event_add(self->event, NULL);
}

/* Called by Receiver.stop; records that are on their way arrive all the same. */
int
lepy_receiver_stop(struct lepy_receiver *self)
{
	return event_del(self->event);
}

/* Called by Receiver for a record of LEPY_KIND_READABLE: how many bytes were read
 * into data.  -1: none now; the end is reported as by the callback. */
int64_t
lepy_receiver_receive(struct lepy_receiver *self, char *data, size_t size)
{
	ssize_t count = receive(self, data, size);

	if (count > 0)
		return count;
	if (is_over(count))
		report_end(self, count);
	return -1;
}
