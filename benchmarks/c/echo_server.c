/* An echo server by bufferevents, the way libevent's book writes it.
 * usage: echo_server; the port goes to stdout */
#include "serve.h"

static void
on_readable(struct bufferevent *bev, void *arg)
{
	(void)arg;
	bufferevent_write_buffer(bev, bufferevent_get_input(bev));
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int length, void *arg)
{
	(void)address;
	(void)length;
	(void)arg;
	begin_reading(bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE), on_readable);
}

int
main(void)
{
	return serve(on_accept, NULL);
}
