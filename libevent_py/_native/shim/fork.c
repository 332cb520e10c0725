/* Forked children: noticing the fork, and giving an inherited base descriptors of its own.
 *
 * A child shares the parent's epoll set, signal pipe and wake-up descriptors, so
 * that whatever libevent did with a base there, the parent would feel. */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Descriptors that event_reinit makes: epoll and its timer, the signal pair, the wake-up. */
#define REINIT_DESCRIPTORS 5

int lepy_forks;

static pthread_t survivor; /* the thread that forked, a child's only one */

/* What handled a signal before libevent's one handler did. */
static struct sigaction previous[NSIG];
static unsigned char is_known[NSIG];
static void (*libevents_handler)(int);

static _Thread_local sigset_t mask_at_fork;

/* A signal that came before in_child is done would go to the parent's loop. */
static void
before_fork(void)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &mask_at_fork);
}

static void
in_parent(void)
{
	pthread_sigmask(SIG_SETMASK, &mask_at_fork, NULL);
}

static void
in_child(void)
{
	struct sigaction action;
	int number;

	lepy_forks++;
	survivor = pthread_self();
	for (number = 1; number < NSIG; number++)
		if (is_known[number] && sigaction(number, NULL, &action) == 0 && action.sa_handler == libevents_handler)
			sigaction(number, &previous[number], NULL);
	lepy_log_reset(0);
	pthread_sigmask(SIG_SETMASK, &mask_at_fork, NULL);
}

/* Called once, when the package is imported. */
int
lepy_fork_watch(void)
{
	return pthread_atfork(before_fork, in_parent, in_child);
}

/* For event.c: event_add of an event with EV_SIGNAL, remembering what handled
 * the signal until now. */
int
lepy_add_signal(struct event *event, const struct timeval *timeout)
{
	int number = event_get_signal(event);
	struct sigaction action, now;
	int result;

	if (sigaction(number, NULL, &action) < 0)
		return -1;
	result = event_add(event, timeout);
	if (result == 0 && sigaction(number, NULL, &now) == 0 && now.sa_handler != action.sa_handler) {
		previous[number] = action;
		libevents_handler = now.sa_handler;
		is_known[number] = 1;
	}
	return result;
}

/* Called by EventBase: LEPY_FORKED in a child where the base's descriptors may
 * be shared with the parent, 0 elsewhere. */
int
lepy_delivery_forked(const struct lepy_delivery *delivery)
{
	return delivery->forks == lepy_forks ? 0 : LEPY_FORKED;
}

/* For delivery.c too: true where the base can never be used again: at the fork another thread was
 * in its loop, or in a call that takes its lock, and nobody is left to leave it. */
int
lepy_delivery_lost(const struct lepy_delivery *delivery)
{
	if (!lepy_delivery_forked(delivery))
		return 0;
	return (lepy_delivery_is_owned(delivery) && !lepy_delivery_owned_by(delivery, survivor)) || atomic_load(&delivery->visitors);
}

/* Called in a forked child: a loop that is on this thread's stack, below a
 * callback that C calls directly, would wait for the parent's events. */
void
lepy_delivery_stop_in_child(struct lepy_delivery *delivery)
{
	if (delivery->python_drives && lepy_delivery_owned_by(delivery, survivor))
		event_base_loopbreak(delivery->base);
}

struct found {
	struct event **events;
	size_t count, room;
};

/* libevent's callback for each event of a base, whose lock is held. */
static int
collect(const struct event_base *base, const struct event *event, void *arg)
{
	struct found *found = arg;

	(void)base;
	if (found->count == found->room) {
		size_t room = found->room ? 2 * found->room : 64;
		struct event **grown = realloc(found->events, room * sizeof *grown);

		if (!grown)
			return -1;
		found->events = grown;
		found->room = room;
	}
	found->events[found->count++] = (struct event *)event;
	return 0;
}

static int
collect_events(struct event_base *base, struct found *found)
{
	memset(found, 0, sizeof *found);
	if (event_base_foreach_event(base, collect, found) == 0)
		return 0;
	free(found->events);
	errno = ENOMEM;
	return -1;
}

static int
is_internal(const struct event *event)
{
	return event->ev_evcallback.evcb_flags & EVLIST_INTERNAL;
}

/* Takes off what event_reinit must not meet: a closed descriptor would leave
 * the base without its wake-ups, and libevent counts signals twice.  Touches no
 * descriptor that the parent knows.  How many descriptors were closed; -1. */
static int
remove_obstacles(struct event_base *base)
{
	struct found found;
	int closed = 0;
	size_t i;

	if (collect_events(base, &found) < 0)
		return -1;
	for (i = 0; i < found.count; i++) {
		struct event *event = found.events[i];
		short events = event_get_events(event);

		if (events & EV_SIGNAL) {
			event_del(event);
		} else if (events & (EV_READ | EV_WRITE | EV_CLOSED) && fcntl(event_get_fd(event), F_GETFD) < 0) {
			event_del(event);
			closed += !is_internal(event);
		}
	}
	free(found.events);
	return closed;
}

/* A wake-up that was under way at the fork has left its mark: libevent would
 * send no other.  Calling the internal events' callbacks takes it away, and
 * does nothing else, as their descriptors are new and empty. */
static int
forget_wakeups(struct event_base *base)
{
	struct found found;
	size_t i;

	if (collect_events(base, &found) < 0)
		return -1;
	for (i = 0; i < found.count; i++)
		if (is_internal(found.events[i]) && event_get_events(found.events[i]) & EV_READ)
			event_active(found.events[i], EV_READ, 1);
	free(found.events);
	return 0;
}

/* Makes the base's descriptors this process's own.  How many watched
 * descriptors were found closed; -1 with errno; LEPY_FORKED where the base is lost. */
static int
separate(struct lepy_delivery *delivery)
{
	int closed;

	if (lepy_delivery_lost(delivery))
		return LEPY_FORKED;
	if (delivery->separated == lepy_forks)
		return 0;
	if (lepy_need_descriptors(REINIT_DESCRIPTORS) < 0)
		return -1;
	closed = remove_obstacles(delivery->base);
	if (closed < 0)
		return -1;
	errno = 0;
	if (event_reinit(delivery->base) < 0)
		return -1;
	/* Another thread may have held it at the fork. */
	pthread_mutex_init(&delivery->lock, NULL);
	delivery->separated = lepy_forks;
	return closed;
}

/* Called where something of an inherited base is closed: it may be freed then,
 * which the parent will not feel.  Everything else stays refused.  1, or 0 where
 * it must be leaked. */
int
lepy_delivery_separate(struct lepy_delivery *delivery)
{
	return !lepy_delivery_on_stack(delivery) && separate(delivery) >= 0;
}

/* Called by EventBase.reinit, in the thread that has claimed the base; the
 * values of separate(). */
int
lepy_delivery_reinit(struct lepy_delivery *delivery)
{
	int closed;

	delivery->separated = -1;
	closed = separate(delivery);
	if (closed < 0)
		return closed;
	lepy_wake_free(delivery);
	atomic_store(&delivery->wake_pending, 0);
	if (lepy_wake_init(delivery) < 0 || forget_wakeups(delivery->base) < 0)
		return -1;
	delivery->forks = lepy_forks;
	return closed;
}
