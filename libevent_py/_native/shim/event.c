/* struct event for Python: what EventBase and Event call. */
#include "shim.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

/* Descriptors that a base needs: epoll and its timer, the signal pair, the
 * cross-thread wake-up, and lepy_wake_init's pair. */
#define BASE_DESCRIPTORS 8
#define MOST_DESCRIPTORS BASE_DESCRIPTORS

/* For fork.c too: -1 with errno where the process cannot open that many
 * descriptors.  libevent calls exit(1) where it finds too few (signal.c,
 * evsig_init_), so they are tried first. */
int
lepy_need_descriptors(int needed)
{
	int tried[MOST_DESCRIPTORS];
	int count, failure = 0;

	for (count = 0; count < needed; count++) {
		tried[count] = dup(count ? tried[0] : STDERR_FILENO);
		if (tried[count] < 0 && !count)
			tried[count] = socket(AF_UNIX, SOCK_STREAM, 0); /* stderr is closed */
		if (tried[count] < 0) {
			failure = errno;
			break;
		}
	}
	while (count > 0)
		close(tried[--count]);
	if (failure) {
		errno = failure;
		return -1;
	}
	return 0;
}

/* Called by EventBase: NULL with errno.  The base is the caller's. */
struct event_base *
lepy_event_base_new(const struct event_config *config)
{
	if (lepy_need_descriptors(BASE_DESCRIPTORS) < 0)
		return NULL;
	lepy_log_capture();
	errno = 0;
	return config ? event_base_new_with_config(config) : event_base_new();
}

/* For the shim: seconds as a timeval, rounded up so that nothing is early. */
struct timeval
lepy_timeval(double seconds)
{
	struct timeval value;
	double whole = floor(seconds);

	value.tv_sec = (time_t)whole;
	value.tv_usec = (suseconds_t)ceil((seconds - whole) * 1e6);
	if (value.tv_usec >= 1000000) {
		value.tv_sec++;
		value.tv_usec -= 1000000;
	}
	return value;
}

/* Around Python code that libevent runs, and before what is given a timeout there
 * (called by Event.add for a common one): libevent counts from the beginning of
 * its pass, however long ago that is. */
void
lepy_delivery_refresh_time(const struct lepy_delivery *delivery)
{
	if (lepy_delivery_on_stack(delivery))
		event_base_update_cache_time(delivery->base);
}

static void
event_callback(evutil_socket_t fd, short what, void *arg)
{
	struct lepy_event *self = arg;

	(void)fd;
	if (what & EV_SIGNAL) /* each arrival counts */
		lepy_report(&self->handle, LEPY_KIND_EVENT, what);
	else
		lepy_report_once(&self->handle, &self->last, LEPY_KIND_EVENT, what);
}

/* For inspection.c, and called by Event.from_pointer: the structure of an event
 * that Event made, NULL of others. */
const struct lepy_event *
lepy_event_of(const struct event *event)
{
	return event_get_callback(event) == event_callback ? event_get_callback_arg(event) : NULL;
}

/* Called by Event: a new event that reports to delivery as slot.  The
 * structure and its event are freed by lepy_event_free; fd stays Python's. */
struct lepy_event *
lepy_event_new(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation, evutil_socket_t fd, short events)
{
	struct lepy_event *self = calloc(1, sizeof *self);

	if (!self)
		return NULL;
	self->event = event_new(delivery->base, fd, events, event_callback, self);
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

/* Called by Event.add of native code's event: seconds < 0 means no timeout.
 * -1 with errno, which is 0 where libevent itself refuses (debug mode:
 * edge-triggered and not). */
int
lepy_event_add_native(struct lepy_delivery *delivery, struct event *event, double seconds)
{
	struct timeval timeout, *limit = NULL;

	errno = 0;
	if (seconds >= 0) {
		timeout = lepy_timeval(seconds);
		limit = &timeout;
		lepy_delivery_refresh_time(delivery);
	}
	return event_get_events(event) & EV_SIGNAL ? lepy_add_signal(event, limit) : event_add(event, limit);
}

/* Called by Event.add; as lepy_event_add_native. */
int
lepy_event_add(struct lepy_event *self, double seconds)
{
	return lepy_event_add_native(self->handle.delivery, self->event, seconds);
}

/* Called by Event.remove: records made until now become stale. */
int
lepy_event_remove(struct lepy_event *self)
{
	self->handle.generation++;
	return event_del(self->event);
}

/* Called by Event.priority's setter; -1 where event_priority_set refuses. */
int
lepy_event_priority_set(struct lepy_event *self, int priority)
{
	if (event_priority_set(self->event, priority) < 0)
		return -1;
	self->handle.level = lepy_delivery_level(self->handle.delivery, priority);
	return 0;
}

/* libevent's finalizer, in the loop or where the base is freed: libevent frees
 * the event when this returns. */
static void
finalize_callback(struct event *event, void *arg)
{
	struct lepy_event *self = arg;

	(void)event;
	self->event = NULL;
	if (self->abandoned)
		free(self); /* the delivery may be gone */
	else
		lepy_report(&self->handle, LEPY_KIND_EVENT, EV_FINALIZE);
}

/* Called by Event.finalize: records made until now become stale, and the next
 * is libevent's last word on the event.  Only lepy_event_free may follow. */
int
lepy_event_finalize(struct lepy_event *self)
{
	self->handle.generation++;
	self->finalizing = 1;
	return event_free_finalize(0, self->event, finalize_callback);
}

/* Called by Event.close; deletes and frees the event. */
void
lepy_event_free(struct lepy_event *self)
{
	if (self->finalizing && self->event) {
		self->abandoned = 1;
		return;
	}
	if (self->event)
		event_free(self->event);
	free(self);
}

/* Called by Event.active, in any thread. */
int
lepy_event_active(struct lepy_event *self, int what)
{
	struct lepy_delivery *delivery = self->handle.delivery;

	if (lepy_delivery_forked(delivery))
		return LEPY_FORKED;
	atomic_fetch_add(&delivery->visitors, 1);
	event_active(self->event, what, 1);
	atomic_fetch_sub(&delivery->visitors, 1);
	return 0;
}

/* Called by EventBase.loopexit, in any thread. */
int
lepy_delivery_loopexit(struct lepy_delivery *delivery, double seconds)
{
	struct timeval timeout = lepy_timeval(seconds);
	int result;

	if (lepy_delivery_forked(delivery))
		return LEPY_FORKED;
	atomic_fetch_add(&delivery->visitors, 1);
	lepy_delivery_refresh_time(delivery);
	result = event_base_loopexit(delivery->base, &timeout);
	atomic_fetch_sub(&delivery->visitors, 1);
	return result;
}

/* Called by EventBase.loopbreak, in any thread, for a loop that is not Python's. */
int
lepy_delivery_loopbreak(struct lepy_delivery *delivery)
{
	int result;

	if (lepy_delivery_forked(delivery))
		return LEPY_FORKED;
	atomic_fetch_add(&delivery->visitors, 1);
	result = event_base_loopbreak(delivery->base);
	atomic_fetch_sub(&delivery->visitors, 1);
	return result;
}

/* Called by EventBase.common_timeout: the base's own timeval for that duration,
 * NULL where it has 256 others. */
const struct timeval *
lepy_event_base_common_timeout(struct event_base *base, double seconds)
{
	struct timeval duration = lepy_timeval(seconds);

	return event_base_init_common_timeout(base, &duration);
}
