/* A server of lines by bufferevents: each line that comes is sent back.
 * usage: lines_server; the port goes to stdout */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "measure.h"

static void
on_readable(struct bufferevent *bev, void *arg)
{
	struct evbuffer *input = bufferevent_get_input(bev), *output = bufferevent_get_output(bev);
	size_t length;
	char *line;

	(void)arg;
	while ((line = evbuffer_readln(input, &length, EVBUFFER_EOL_LF))) {
		evbuffer_add(output, line, length);
		evbuffer_add(output, "\n", 1);
		free(line);
	}
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)what;
	(void)arg;
	bufferevent_free(bev);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int length, void *arg)
{
	struct bufferevent *bev = bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
	int on = 1;

	(void)address;
	(void)length;
	(void)arg;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	bufferevent_setcb(bev, on_readable, NULL, on_event, NULL);
	bufferevent_enable(bev, EV_READ);
}

int
main(void)
{
	struct event_base *base = event_base_new();
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	struct evconnlistener *listener = evconnlistener_new_bind(base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE, 4096,
	    (struct sockaddr *)&address, sizeof address);

	if (!listener || getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &length) < 0)
		fail("listen");
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	event_base_dispatch(base);
	return 0;
}
