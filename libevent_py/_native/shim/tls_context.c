/* SSL_CTX for Python: what TLSContext calls.  The functions give 1, or 0 with
 * OpenSSL's error (lepy_tls_take_error). */
#include "tls.h"

#ifdef LEPY_WITH_OPENSSL

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

/* A password that is asked for and was not given is an error, not a prompt. */
static int
give_password(char *room, int size, int for_writing, void *arg)
{
	const char *password = arg;
	size_t length;

	(void)for_writing;
	if (!password)
		return -1;
	length = strlen(password);
	if (length > (size_t)size)
		return -1;
	memcpy(room, password, length);
	return (int)length;
}

/* Called by TLSContext; lowest and highest are TLS1_2_VERSION and the like, 0 for
 * OpenSSL's own.  NULL with OpenSSL's error. */
SSL_CTX *
lepy_tls_context_new(int is_server, int lowest, int highest)
{
	SSL_CTX *context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());

	if (!context)
		return NULL;
	if (!lepy_tls_answers_init(context) || !SSL_CTX_set_min_proto_version(context, lowest)
	    || !SSL_CTX_set_max_proto_version(context, highest)) {
		SSL_CTX_free(context);
		return NULL;
	}
	/* Renegotiation is how TLS 1.2 was attacked, and libevent's is broken. */
	SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	if (is_server) {
		SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
		SSL_CTX_set_dh_auto(context, 1);
	} else {
		SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(context, lepy_tls_new_session);
	}
	return context;
}

static int
add_pem_chain(SSL_CTX *context, BIO *bio)
{
	X509 *certificate = PEM_read_bio_X509_AUX(bio, NULL, give_password, NULL);
	int result;

	if (!certificate)
		return 0;
	result = SSL_CTX_use_certificate(context, certificate) && SSL_CTX_clear_chain_certs(context);
	X509_free(certificate);
	while (result && (certificate = PEM_read_bio_X509(bio, NULL, give_password, NULL)) != NULL) {
		result = (int)SSL_CTX_add0_chain_cert(context, certificate);
		if (!result)
			X509_free(certificate);
	}
	/* The end of the data is what stops the reading. */
	if (result && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
		ERR_clear_error();
	return result && ERR_peek_error() == 0;
}

/* Called by TLSContext: PEM, with the chain behind the certificate, or one in DER. */
int
lepy_tls_context_use_certificate(SSL_CTX *context, const char *data, size_t length)
{
	BIO *bio;
	int result;

	ERR_clear_error();
	if (length && data[0] == 0x30) /* DER's SEQUENCE */
		return SSL_CTX_use_certificate_ASN1(context, (int)length, (const unsigned char *)data);
	bio = BIO_new_mem_buf(data, (int)length);
	result = bio && add_pem_chain(context, bio);
	BIO_free(bio);
	return result;
}

/* Called by TLSContext: a key in PEM or DER; password NULL: none. */
int
lepy_tls_context_use_key(SSL_CTX *context, const char *data, size_t length, const char *password)
{
	BIO *bio;
	EVP_PKEY *key;
	int result;

	ERR_clear_error();
	bio = BIO_new_mem_buf(data, (int)length);
	if (!bio)
		return 0;
	if (length && data[0] == 0x30)
		key = d2i_PrivateKey_bio(bio, NULL);
	else
		key = PEM_read_bio_PrivateKey(bio, NULL, give_password, (void *)password);
	BIO_free(bio);
	result = key && SSL_CTX_use_PrivateKey(context, key) && SSL_CTX_check_private_key(context);
	EVP_PKEY_free(key);
	return result;
}

static int
trust(SSL_CTX *context, X509 *certificate)
{
	int result = X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate)
	    /* What clients are told to show a certificate of. */
	    && (SSL_CTX_get_ssl_method(context) != TLS_server_method() || SSL_CTX_add_client_CA(context, certificate));

	X509_free(certificate);
	return result;
}

/* Called by TLSContext: how many certificates of data are trusted from now on, of
 * any number in PEM or one in DER; 0 with OpenSSL's error. */
int
lepy_tls_context_trust(SSL_CTX *context, const char *data, size_t length)
{
	BIO *bio;
	X509 *certificate;
	int count = 0;

	ERR_clear_error();
	bio = BIO_new_mem_buf(data, (int)length);
	if (!bio)
		return 0;
	if (length && data[0] == 0x30) {
		certificate = d2i_X509_bio(bio, NULL);
		count = certificate && trust(context, certificate);
	} else {
		while ((certificate = PEM_read_bio_X509(bio, NULL, give_password, NULL)) != NULL) {
			if (!trust(context, certificate)) {
				BIO_free(bio);
				return 0;
			}
			count++;
		}
		if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
			count = 0;
	}
	BIO_free(bio);
	if (count)
		ERR_clear_error();
	return count;
}

/* Called by TLSContext; mode: SSL_VERIFY_*. */
void
lepy_tls_context_verify(SSL_CTX *context, int mode)
{
	SSL_CTX_set_verify(context, mode, NULL);
}

/* Called by TLSContext of a server: sessions are resumed only under the same id. */
int
lepy_tls_context_set_id(SSL_CTX *context, const char *id, size_t length)
{
	return SSL_CTX_set_session_id_context(context, (const unsigned char *)id, (unsigned int)length);
}

/* Called by TLSContext of a server; 0: TLS 1.2 has session ids instead. */
void
lepy_tls_context_set_tickets(SSL_CTX *context, int count)
{
	SSL_CTX_set_num_tickets(context, (size_t)count);
	if (count == 0)
		SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
}

/* Called by TLSContext of a server: LEPY_TLS_TICKET_KEY bytes, with which other
 * processes open this one's tickets. */
int
lepy_tls_context_set_ticket_key(SSL_CTX *context, const char *key)
{
	return (int)SSL_CTX_set_tlsext_ticket_keys(context, (void *)key, LEPY_TLS_TICKET_KEY);
}

#endif
