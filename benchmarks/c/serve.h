/* What the servers by bufferevents share. */
#ifndef SERVE_H
#define SERVE_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "measure.h"

static inline void
no_delay(evutil_socket_t fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static inline void
free_at_end(struct bufferevent *bev, short what, void *arg)
{
	(void)arg;
	if (!(what & BEV_EVENT_CONNECTED))
		bufferevent_free(bev);
}

/* Has on_readable called for what comes to an accepted connection. */
static inline void
begin_reading(struct bufferevent *bev, bufferevent_data_cb on_readable)
{
	no_delay(bufferevent_getfd(bev));
	bufferevent_setcb(bev, on_readable, NULL, free_at_end, NULL);
	bufferevent_enable(bev, EV_READ);
}

/* Listens on a free port of 127.0.0.1, which goes to stdout, until killed. */
static inline int
serve(evconnlistener_cb on_accept, void *arg)
{
	struct event_base *base = event_base_new();
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	struct evconnlistener *listener = evconnlistener_new_bind(base, on_accept, arg, LEV_OPT_CLOSE_ON_FREE, 4096,
	    (struct sockaddr *)&address, sizeof address);

	if (!listener || getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &length) < 0)
		fail("listen");
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	event_base_dispatch(base);
	return 0;
}

#endif
