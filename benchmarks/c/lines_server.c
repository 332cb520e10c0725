/* A server of lines by bufferevents: each line that comes is sent back.
 * usage: lines_server; the port goes to stdout */
#include "serve.h"

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
