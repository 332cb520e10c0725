/* SSL_CTX for Python: what TLSContext calls.
 *
 * Whatever OpenSSL asks during a handshake is answered here, from what Python gave
 * beforehand: no Python runs below it.  The functions give 1, or 0 with OpenSSL's
 * error (lepy_tls_take_error). */
#include "tls.h"

#ifdef LEPY_WITH_OPENSSL

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/uio.h>
#include <unistd.h>

struct name {
	char *name; /* in lower case, or "*." and the rest */
	SSL_CTX *context; /* a reference */
};

/* Belongs to an SSL_CTX, and goes with it: connections keep that longer than
 * Python keeps the TLSContext. */
struct extra {
	struct name *names; /* in strcasecmp's order */
	size_t name_count;
	unsigned char *alpn; /* a server's, as the wire has it */
	unsigned int alpn_length;
	int key_log; /* a descriptor; -1: none */
};

static int extra_index = -1;

static void
free_extra(void *parent, void *data, CRYPTO_EX_DATA *all, int index, long argl, void *argp)
{
	struct extra *extra = data;
	size_t i;

	(void)parent;
	(void)all;
	(void)index;
	(void)argl;
	(void)argp;
	if (!extra)
		return;
	for (i = 0; i < extra->name_count; i++) {
		free(extra->names[i].name);
		SSL_CTX_free(extra->names[i].context);
	}
	free(extra->names);
	free(extra->alpn);
	if (extra->key_log >= 0)
		close(extra->key_log);
	free(extra);
}

static void
make_index(void)
{
	extra_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_extra);
}

static struct extra *
extra_of(const SSL_CTX *context)
{
	return SSL_CTX_get_ex_data(context, extra_index);
}

static int
compare_names(const void *one, const void *other)
{
	return strcasecmp(((const struct name *)one)->name, ((const struct name *)other)->name);
}

static SSL_CTX *
find_name(const struct extra *extra, char *name)
{
	struct name wanted = { name, NULL };
	struct name *found;

	if (!extra->name_count)
		return NULL;
	found = bsearch(&wanted, extra->names, extra->name_count, sizeof *extra->names, compare_names);
	if (!found && (wanted.name = strchr(name, '.')) != NULL && wanted.name > name) {
		*--wanted.name = '*';
		found = bsearch(&wanted, extra->names, extra->name_count, sizeof *extra->names, compare_names);
	}
	return found ? found->context : NULL;
}

/* The host name of a ClientHello's server_name extension, in room; 0: none. */
static int
asked_name(SSL *ssl, char *room, size_t size)
{
	const unsigned char *data;
	size_t length, name_length;

	/* list length (2), type (1: 0 is a host name), name length (2), name */
	if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &length) || length < 5 || data[2] != 0)
		return 0;
	name_length = (size_t)(data[3] << 8 | data[4]);
	if (name_length > length - 5 || name_length >= size || memchr(data + 5, '\0', name_length))
		return 0;
	memcpy(room, data + 5, name_length);
	room[name_length] = '\0';
	return 1;
}

/* SSL_CTX_set_client_hello_cb's: earlier than the servername callback, so that a
 * session is resumed by the rules of the context that it is for (CVE-2025-23419
 * was a server that chose later). */
static int
select_context(SSL *ssl, int *alert, void *arg)
{
	SSL_CTX *context = NULL;
	char name[256];

	(void)alert;
	if (asked_name(ssl, name, sizeof name))
		context = find_name(arg, name);
	if (context) {
		SSL_set_SSL_CTX(ssl, context);
		SSL_set_verify(ssl, SSL_CTX_get_verify_mode(context), NULL);
		SSL_set_min_proto_version(ssl, SSL_CTX_get_min_proto_version(context));
		SSL_set_max_proto_version(ssl, SSL_CTX_get_max_proto_version(context));
		SSL_clear_options(ssl, SSL_get_options(ssl) & ~SSL_CTX_get_options(context));
		SSL_set_options(ssl, SSL_CTX_get_options(context));
	}
	return SSL_CLIENT_HELLO_SUCCESS;
}

/* No protocol in common ends the handshake, as RFC 7301 wants it. */
static int
select_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *length, const unsigned char *offered,
    unsigned int offered_length, void *arg)
{
	struct extra *extra = extra_of(SSL_get_SSL_CTX(ssl));
	unsigned char *found;

	(void)arg;
	if (SSL_select_next_proto(&found, length, extra->alpn, extra->alpn_length, offered, offered_length)
	    != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*chosen = found;
	return SSL_TLSEXT_ERR_OK;
}

/* One write a line: other processes append to the same file. */
static void
log_key(const SSL *ssl, const char *line)
{
	struct extra *extra = extra_of(SSL_get_SSL_CTX(ssl));
	struct iovec parts[2] = { { (char *)line, strlen(line) }, { "\n", 1 } };

	if (extra->key_log >= 0 && writev(extra->key_log, parts, 2) < 0)
		return; /* a full disk ends no connection */
}

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
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	SSL_CTX *context;
	struct extra *extra;

	pthread_once(&once, make_index);
	context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
	extra = calloc(1, sizeof *extra);
	if (!context || !extra || !SSL_CTX_set_ex_data(context, extra_index, extra)) {
		free(extra);
		SSL_CTX_free(context);
		return NULL;
	}
	extra->key_log = -1;
	if (!SSL_CTX_set_min_proto_version(context, lowest) || !SSL_CTX_set_max_proto_version(context, highest)) {
		SSL_CTX_free(context);
		return NULL;
	}
	/* Renegotiation is how TLS 1.2 was attacked, and libevent's is broken. */
	SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	if (is_server) {
		SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
		SSL_CTX_set_dh_auto(context, 1);
		SSL_CTX_set_client_hello_cb(context, select_context, extra);
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

/* Called by TLSContext: protocols as the wire has them, each behind its length; of
 * a server the first that the client offers too is taken. */
int
lepy_tls_context_set_alpn(SSL_CTX *context, const char *protocols, size_t length)
{
	struct extra *extra = extra_of(context);

	ERR_clear_error();
	if (SSL_CTX_get_ssl_method(context) != TLS_server_method())
		return SSL_CTX_set_alpn_protos(context, (const unsigned char *)protocols, (unsigned int)length) == 0;
	extra->alpn = malloc(length);
	if (!extra->alpn)
		return 0;
	memcpy(extra->alpn, protocols, length);
	extra->alpn_length = (unsigned int)length;
	SSL_CTX_set_alpn_select_cb(context, select_alpn, NULL);
	return 1;
}

/* Called by TLSContext before context has connections: who asks for name gets
 * other, of which a reference is taken. */
int
lepy_tls_context_add_name(SSL_CTX *context, const char *name, SSL_CTX *other)
{
	struct extra *extra = extra_of(context);
	struct name *grown = realloc(extra->names, (extra->name_count + 1) * sizeof *grown);
	char *copy = strdup(name);

	if (grown)
		extra->names = grown;
	if (!grown || !copy) {
		free(copy);
		return 0;
	}
	SSL_CTX_up_ref(other);
	extra->names[extra->name_count].name = copy;
	extra->names[extra->name_count++].context = other;
	qsort(extra->names, extra->name_count, sizeof *extra->names, compare_names);
	return 1;
}

/* Called by TLSContext with a descriptor that is the context's from now on. */
void
lepy_tls_context_set_key_log(SSL_CTX *context, evutil_socket_t fd)
{
	extra_of(context)->key_log = fd;
	SSL_CTX_set_keylog_callback(context, log_key);
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
