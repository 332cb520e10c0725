/* Waking an idle loop for Python's signal handlers. */
#include "shim.h"

#include <signal.h>
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
	lepy_delivery_interrupt(delivery);
}

/* Called by Python's loop() in the main thread: a descriptor for
 * signal.set_wakeup_fd.  Owned by the delivery; -1 with errno on failure. */
evutil_socket_t
lepy_delivery_wakeup_fd(struct lepy_delivery *delivery)
{
	evutil_socket_t pair[2];
	struct event *wake = NULL;

	if (delivery->wake)
		return delivery->wake_write;
	if (evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return -1;
	if (evutil_make_socket_nonblocking(pair[0]) == 0 && evutil_make_socket_nonblocking(pair[1]) == 0
	    && evutil_make_socket_closeonexec(pair[0]) == 0 && evutil_make_socket_closeonexec(pair[1]) == 0)
		wake = lepy_internal_event(delivery->base, pair[0], EV_READ | EV_PERSIST, wake_callback, delivery);
	if (wake && event_priority_set(wake, 0) == 0 && event_add(wake, NULL) == 0) {
		delivery->wake = wake;
		delivery->wake_read = pair[0];
		delivery->wake_write = pair[1];
		return pair[1];
	}
	if (wake)
		event_free(wake);
	evutil_closesocket(pair[0]);
	evutil_closesocket(pair[1]);
	return -1;
}

/* Called by Python's loop(): the address of what handles the signal now, which
 * for a struct event with EV_SIGNAL is libevent's function and not Python's. */
intptr_t
lepy_signal_handler(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) < 0 ? 0 : (intptr_t)action.sa_handler;
}
