/* What an event_base tells of itself: what inspection.py calls. */
#include "shim.h"

#include <stdio.h>
#include <stdlib.h>

/* libevent keeps marks of common timeouts in the bits above. */
#define MICROSECONDS_MASK 0x000fffff

static int
is_active(const struct event *event)
{
	return event && event->ev_evcallback.evcb_flags & (EVLIST_ACTIVE | EVLIST_ACTIVE_LATER);
}

static double
as_seconds(const struct timeval *value)
{
	return (double)value->tv_sec + (double)(value->tv_usec & MICROSECONDS_MASK) / 1e6;
}

/* Called by EventBase.num_events: event_base_get_num_events, with the records
 * that wait for Python, and without the queue's own events. */
int
lepy_delivery_num_events(struct lepy_delivery *delivery, unsigned int flags)
{
	int count = event_base_get_num_events(delivery->base, flags);
	int i;

	if (!(flags & EVENT_BASE_COUNT_ACTIVE))
		return count;
	if (is_active(delivery->wake))
		count--;
	pthread_mutex_lock(&delivery->lock);
	for (i = 0; i < delivery->level_count; i++) {
		const struct lepy_batch *batch;

		if (is_active(delivery->levels[i].drain))
			count--;
		for (batch = delivery->levels[i].first; batch; batch = batch->next)
			count += (int)(batch->count - lepy_waiting_from(delivery, batch));
	}
	pthread_mutex_unlock(&delivery->lock);
	return count;
}

/* Called by EventBase.got_break where Python has not asked for it: drain
 * events break event_base_loop off too. */
int
lepy_delivery_got_break(const struct lepy_delivery *delivery)
{
	return !delivery->left && event_base_got_break(delivery->base);
}

/* Called by EventBase.time. */
double
lepy_event_base_time(struct event_base *base)
{
	struct timeval now;

	return event_gettime_monotonic(base, &now) < 0 ? -1.0 : as_seconds(&now);
}

/* Called by EventBase.gettimeofday_cached. */
double
lepy_event_base_cached_time(struct event_base *base)
{
	struct timeval now;

	return event_base_gettimeofday_cached(base, &now) < 0 ? -1.0 : as_seconds(&now);
}

static double
remaining(const struct event *event, double now)
{
	double left = as_seconds(&event->ev_timeout) - now;

	if (!(event->ev_evcallback.evcb_flags & EVLIST_TIMEOUT))
		return -1.0;
	return left > 0 ? left : 0.0;
}

/* Called by Event.remaining: seconds until the event's timeout, 0 where it is
 * due, -1 where none is running. */
double
lepy_event_remaining(const struct event *event)
{
	return remaining(event, lepy_event_base_time(event_get_base(event)));
}

struct collection {
	struct lepy_delivery *delivery;
	double now;
	struct lepy_event_info *found;
	size_t count, room;
	int no_memory;
};

/* libevent's callback for each event, with the base's lock held, which is not
 * recursive: nothing here may ask the base. */
static int
collect(const struct event_base *base, const struct event *event, void *arg)
{
	struct collection *all = arg;
	struct lepy_event_info *info;
	const struct lepy_event *own = lepy_event_of(event);

	(void)base;
	if (event->ev_evcallback.evcb_flags & EVLIST_INTERNAL)
		return 0;
	if (all->count == all->room) {
		size_t room = all->room ? 2 * all->room : 64;

		info = realloc(all->found, room * sizeof *info);
		if (!info) {
			all->no_memory = 1;
			return 1;
		}
		all->found = info;
		all->room = room;
	}
	info = &all->found[all->count++];
	info->fd = event_get_fd(event);
	info->flags = event_get_events(event);
	info->active = is_active(event) ? event->ev_res & ~EV_FINALIZE : 0; /* Event.finalize closes at once */
	info->priority = event_get_priority(event);
	info->remaining = remaining(event, all->now);
	info->is_own = own && own->handle.delivery == all->delivery;
	info->slot = info->is_own ? own->handle.slot : 0;
	info->generation = info->is_own ? own->handle.generation : 0;
	return 0;
}

/* Called by EventBase.events: what event_base_foreach_event finds, without the
 * internal ones.  The array is the caller's to free; NULL and 0 where there is
 * none, NULL and -1 without memory. */
struct lepy_event_info *
lepy_delivery_events(struct lepy_delivery *delivery, int *count)
{
	struct collection all = { .delivery = delivery, .now = lepy_event_base_time(delivery->base) };

	event_base_foreach_event(delivery->base, collect, &all);
	*count = (int)all.count;
	if (all.no_memory) {
		free(all.found);
		all.found = NULL;
		*count = -1;
	}
	return all.found;
}

/* Called by EventBase.dump_events: its text, the caller's to free; NULL with
 * errno without memory. */
char *
lepy_event_base_dump(struct event_base *base, size_t *length)
{
	char *text = NULL;
	FILE *file = open_memstream(&text, length);

	if (!file)
		return NULL;
	event_base_dump_events(base, file);
	if (fclose(file) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
