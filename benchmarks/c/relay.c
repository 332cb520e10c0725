/* A proxy by bufferevents, the way libevent's sample le-proxy.c does it: what
 * comes into one goes to the other's output, up to a mark.
 * usage: relay BACKEND_PORT; the port goes to stdout */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "measure.h"

#define MAX_OUTPUT (512 * 1024)

static struct sockaddr_in backend;

static void
on_readable(struct bufferevent *bev, void *arg)
{
	struct bufferevent *partner = arg;
	struct evbuffer *output = bufferevent_get_output(partner);

	evbuffer_add_buffer(output, bufferevent_get_input(bev));
	if (evbuffer_get_length(output) >= MAX_OUTPUT) {
		bufferevent_setwatermark(partner, EV_WRITE, MAX_OUTPUT / 2, MAX_OUTPUT);
		bufferevent_disable(bev, EV_READ);
	}
}

static void
on_writable(struct bufferevent *bev, void *arg)
{
	struct bufferevent *partner = arg;

	bufferevent_setwatermark(bev, EV_WRITE, 0, 0);
	bufferevent_enable(partner, EV_READ);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	if (what & BEV_EVENT_CONNECTED)
		return;
	bufferevent_free(bev);
	bufferevent_free(arg);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int length, void *arg)
{
	struct event_base *base = evconnlistener_get_base(listener);
	struct bufferevent *in = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	struct bufferevent *out = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	int on = 1;

	(void)address;
	(void)length;
	(void)arg;
	if (bufferevent_socket_connect(out, (struct sockaddr *)&backend, sizeof backend) < 0)
		fail("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(bufferevent_getfd(out), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	bufferevent_setcb(in, on_readable, on_writable, on_event, out);
	bufferevent_setcb(out, on_readable, on_writable, on_event, in);
	bufferevent_enable(in, EV_READ | EV_WRITE);
	bufferevent_enable(out, EV_READ | EV_WRITE);
}

int
main(int argc, char **argv)
{
	struct event_base *base = event_base_new();
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	struct evconnlistener *listener;

	if (argc != 2)
		return 2;
	backend = address;
	backend.sin_port = htons((uint16_t)atoi(argv[1]));
	listener = evconnlistener_new_bind(base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE, 4096,
	    (struct sockaddr *)&address, sizeof address);
	if (!listener || getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &length) < 0)
		fail("listen");
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	event_base_dispatch(base);
	return 0;
}
