/* echo_server.c with TLS, by bufferevent_openssl.
 * usage: tls_echo_server PEM; the port goes to stdout */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "measure.h"

#ifdef LEPY_WITH_OPENSSL
#include <event2/bufferevent_ssl.h>
#include <openssl/ssl.h>

static void
on_readable(struct bufferevent *bev, void *arg)
{
	(void)arg;
	bufferevent_write_buffer(bev, bufferevent_get_input(bev));
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)arg;
	if (!(what & BEV_EVENT_CONNECTED))
		bufferevent_free(bev);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int length, void *context)
{
	struct bufferevent *bev = bufferevent_openssl_socket_new(evconnlistener_get_base(listener), fd,
	    SSL_new(context), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	int on = 1;

	(void)address;
	(void)length;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	bufferevent_setcb(bev, on_readable, NULL, on_event, NULL);
	bufferevent_enable(bev, EV_READ);
}

int
main(int argc, char **argv)
{
	struct event_base *base = event_base_new();
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	struct sockaddr_in address;
	socklen_t length = sizeof address;
	struct evconnlistener *listener;

	if (argc != 2 || SSL_CTX_use_certificate_chain_file(context, argv[1]) != 1
	    || SSL_CTX_use_PrivateKey_file(context, argv[1], SSL_FILETYPE_PEM) != 1)
		fail("the certificate");
	memset(&address, 0, sizeof address);
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = evconnlistener_new_bind(base, on_accept, context, LEV_OPT_CLOSE_ON_FREE, 4096,
	    (struct sockaddr *)&address, sizeof address);
	if (!listener || getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &length) < 0)
		fail("listen");
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	event_base_dispatch(base);
	return 0;
}
#else
int
main(void)
{
	fail("TLS is not compiled in");
}
#endif
