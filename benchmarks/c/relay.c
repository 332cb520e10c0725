/* A proxy by bufferevents, the way libevent's sample le-proxy.c does it: what
 * comes into one goes to the other's output, up to a mark.
 * usage: relay BACKEND_PORT; the port goes to stdout */
#include "serve.h"

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

	(void)address;
	(void)length;
	(void)arg;
	if (bufferevent_socket_connect(out, (struct sockaddr *)&backend, sizeof backend) < 0)
		fail("connect");
	no_delay(fd);
	no_delay(bufferevent_getfd(out));
	bufferevent_setcb(in, on_readable, on_writable, on_event, out);
	bufferevent_setcb(out, on_readable, on_writable, on_event, in);
	bufferevent_enable(in, EV_READ | EV_WRITE);
	bufferevent_enable(out, EV_READ | EV_WRITE);
}

int
main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	backend.sin_family = AF_INET;
	backend.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	backend.sin_port = htons((uint16_t)atoi(argv[1]));
	return serve(on_accept, NULL);
}
