/* What a TLS connection has come to: for Python's inspection of it. */
#include "tls.h"

#ifdef LEPY_WITH_OPENSSL

#include <openssl/x509.h>

/* Called to know whether the handshake is done. */
int
lepy_tls_is_open(const struct lepy_tls *tls)
{
	return tls->is_open;
}

/* Called by TLSBufferEvent.session: the newest session, with a reference that is
 * the caller's; NULL while there is none. */
SSL_SESSION *
lepy_tls_session(const struct lepy_tls *tls)
{
	SSL_SESSION *session = tls->session;

	if (session)
		SSL_SESSION_up_ref(session);
	return session;
}

/* OpenSSL's own list begins with the peer's certificate only for a client. */
static X509 *
certificate_at(const SSL *ssl, int index, X509 **mine)
{
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);

	*mine = NULL;
	if (index == 0)
		return *mine = SSL_get_peer_certificate(ssl);
	if (SSL_is_server(ssl))
		index--;
	return chain && index < sk_X509_num(chain) ? sk_X509_value(chain, index) : NULL;
}

/* Called by TLSBufferEvent.peer_certificate and peer_chain: the length of the
 * index-th certificate that the peer has sent, its own first, in DER, which is
 * freed by lepy_tls_release; 0 where there is none. */
int
lepy_tls_certificate(const struct lepy_tls *tls, int index, unsigned char **data)
{
	X509 *mine, *certificate = certificate_at(tls->ssl, index, &mine);
	int length;

	*data = NULL;
	length = certificate ? i2d_X509(certificate, data) : 0;
	X509_free(mine);
	return length;
}

/* Called by TLSSession.data: its length in ASN.1, freed by lepy_tls_release. */
int
lepy_tls_session_data(SSL_SESSION *session, unsigned char **data)
{
	*data = NULL;
	return i2d_SSL_SESSION(session, data);
}

/* Called by TLSSession.from_data; NULL where it is none. */
SSL_SESSION *
lepy_tls_session_from(const char *data, size_t length)
{
	const unsigned char *next = (const unsigned char *)data;
	SSL_SESSION *session = d2i_SSL_SESSION(NULL, &next, (long)length);

	ERR_clear_error();
	return session;
}

/* Called with what the functions above have made. */
void
lepy_tls_release(void *data)
{
	OPENSSL_free(data);
}

#endif
