/* struct evconnlistener for Python: what Listener calls. */
#include "shim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void
accept_callback(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int length, void *arg)
{
	struct lepy_listener *self = arg;
	size_t known = (size_t)length;
	char *room;

	(void)listener;
	lepy_report_begin(&self->handle);
	if (known <= lepy_report_room(&self->handle, &room))
		memcpy(room, address, known);
	else
		known = 0; /* Python asks the socket for its peer */
	if (lepy_report_end(&self->handle, LEPY_KIND_ACCEPT, fd, known) < 0)
		evutil_closesocket(fd); /* nobody will hear of it */
}

/* Out of descriptors or memory libevent would try again at once, for ever
 * (issue 71): the listener rests for a second instead. */
static void
error_callback(struct evconnlistener *listener, void *arg)
{
	struct lepy_listener *self = arg;
	int error = errno;

	if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
		static const struct timeval rest = { 1, 0 };

		if (event_add(self->retry, &rest) == 0)
			evconnlistener_disable(listener);
	}
	lepy_report(&self->handle, LEPY_KIND_ACCEPT_ERROR, error);
}

static void
retry_callback(evutil_socket_t fd, short what, void *arg)
{
	struct lepy_listener *self = arg;

	(void)fd;
	(void)what;
	evconnlistener_enable(self->listener);
}

/* Called by Listener with a bound, listening, non-blocking descriptor that
 * stays Python's; accepted descriptors belong to who gets their record. */
struct lepy_listener *
lepy_listener_new(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation, evutil_socket_t fd)
{
	struct lepy_listener *self = calloc(1, sizeof *self);

	if (!self)
		return NULL;
	self->handle.delivery = delivery;
	self->handle.slot = slot;
	self->handle.generation = generation;
	self->handle.level = event_base_get_npriorities(delivery->base) / 2;
	self->retry = evtimer_new(delivery->base, retry_callback, self);
	if (self->retry)
		/* Disabled first: evconnlistener_new hides a failing event_add. */
		self->listener = evconnlistener_new(delivery->base, accept_callback, self,
		    LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED, 0, fd);
	if (!self->listener) {
		if (self->retry)
			event_free(self->retry);
		free(self);
		return NULL;
	}
	evconnlistener_set_error_cb(self->listener, error_callback);
	return self;
}

/* Called by Listener.enable; -1 with errno. */
int
lepy_listener_enable(struct lepy_listener *self)
{
	event_del(self->retry);
	return evconnlistener_enable(self->listener);
}

/* Called by Listener.disable. */
int
lepy_listener_disable(struct lepy_listener *self)
{
	event_del(self->retry);
	return evconnlistener_disable(self->listener);
}

/* Called by Listener.close; the descriptor stays Python's. */
void
lepy_listener_free(struct lepy_listener *self)
{
	evconnlistener_free(self->listener);
	event_free(self->retry);
	free(self);
}
