/* echo_server.c with TLS, by bufferevent_openssl.
 * usage: tls_echo_server PEM; the port goes to stdout */
#include "serve.h"

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
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int length, void *context)
{
	(void)address;
	(void)length;
	begin_reading(bufferevent_openssl_socket_new(evconnlistener_get_base(listener), fd, SSL_new(context),
	                  BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE),
	    on_readable);
}

int
main(int argc, char **argv)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (argc != 2 || SSL_CTX_use_certificate_chain_file(context, argv[1]) != 1
	    || SSL_CTX_use_PrivateKey_file(context, argv[1], SSL_FILETYPE_PEM) != 1)
		fail("the certificate");
	return serve(on_accept, context);
}
#else
int
main(void)
{
	fail("TLS is not compiled in");
}
#endif
