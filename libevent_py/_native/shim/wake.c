/* Waking an idle loop, for Python's signal handlers and for other threads.
 *
 * With a socket of our own: libevent's way to do it wakes a forked child no more
 * where it was at it during the fork. */
#include "shim.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

/* libevent's callback for a byte in the wake-up socket. */
static void
wake_callback(evutil_socket_t fd, short what, void *arg)
{
	struct lepy_delivery *delivery = arg;
	char bytes[256];

	(void)what;
	while (read(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes)
		;
	/* Before Python looks for what the writers have left there. */
	atomic_store(&delivery->wake_pending, 0);
	lepy_delivery_interrupt(delivery);
}

/* For lepy_delivery_new: -1 with errno on failure. */
int
lepy_wake_init(struct lepy_delivery *delivery)
{
	evutil_socket_t pair[2];
	struct event *wake = NULL;

	if (evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return -1;
	if (evutil_make_socket_nonblocking(pair[0]) == 0 && evutil_make_socket_nonblocking(pair[1]) == 0
	    && evutil_make_socket_closeonexec(pair[0]) == 0 && evutil_make_socket_closeonexec(pair[1]) == 0)
		wake = lepy_internal_event(delivery->base, pair[0], EV_READ | EV_PERSIST, wake_callback, delivery);
	if (wake && event_priority_set(wake, 0) == 0 && event_add(wake, NULL) == 0) {
		delivery->wake = wake;
		delivery->wake_read = pair[0];
		delivery->wake_write = pair[1];
		return 0;
	}
	if (wake)
		event_free(wake);
	evutil_closesocket(pair[0]);
	evutil_closesocket(pair[1]);
	return -1;
}

/* For lepy_delivery_free, and for descriptors that a child shares with its
 * parent when the base no longer does. */
void
lepy_wake_free(struct lepy_delivery *delivery)
{
	if (!delivery->wake)
		return;
	event_free(delivery->wake);
	evutil_closesocket(delivery->wake_read);
	evutil_closesocket(delivery->wake_write);
	delivery->wake = NULL;
}

/* Called by Python's loop() in the main thread: a descriptor for
 * signal.set_wakeup_fd.  Owned by the delivery. */
evutil_socket_t
lepy_delivery_wakeup_fd(struct lepy_delivery *delivery)
{
	return delivery->wake_write;
}

/* Called by call_soon_threadsafe, from any thread: makes lepy_delivery_run
 * return soon, now or when it is entered.  A full socket has woken it already. */
void
lepy_delivery_wake(struct lepy_delivery *delivery)
{
	if (!atomic_exchange(&delivery->wake_pending, 1))
		send(delivery->wake_write, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Called by Python's loop(): the address of what handles the signal now, which
 * for a struct event with EV_SIGNAL is libevent's function and not Python's. */
intptr_t
lepy_signal_handler(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) < 0 ? 0 : (intptr_t)action.sa_handler;
}
