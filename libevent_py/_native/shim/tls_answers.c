/* What OpenSSL asks during a handshake (whose certificate, which protocol) and what
 * it tells (keys): answered from what TLSContext gave beforehand, so that no Python
 * runs below it. */
#include "tls.h"

#ifdef LEPY_WITH_OPENSSL

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
struct answers {
	struct name *names; /* in strcasecmp's order */
	size_t name_count;
	unsigned char *alpn; /* a server's, as the wire has it */
	unsigned int alpn_length;
	int key_log; /* a descriptor; -1: none */
};

static int answers_index = -1;

static void
free_answers(void *parent, void *data, CRYPTO_EX_DATA *all, int index, long argl, void *argp)
{
	struct answers *answers = data;
	size_t i;

	(void)parent;
	(void)all;
	(void)index;
	(void)argl;
	(void)argp;
	if (!answers)
		return;
	for (i = 0; i < answers->name_count; i++) {
		free(answers->names[i].name);
		SSL_CTX_free(answers->names[i].context);
	}
	free(answers->names);
	free(answers->alpn);
	if (answers->key_log >= 0)
		close(answers->key_log);
	free(answers);
}

static void
make_index(void)
{
	answers_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_answers);
}

static struct answers *
answers_of(const SSL_CTX *context)
{
	return SSL_CTX_get_ex_data(context, answers_index);
}

static int
compare_names(const void *one, const void *other)
{
	return strcasecmp(((const struct name *)one)->name, ((const struct name *)other)->name);
}

static SSL_CTX *
find_name(const struct answers *answers, char *name)
{
	struct name wanted = { name, NULL };
	struct name *found;

	if (!answers->name_count)
		return NULL;
	found = bsearch(&wanted, answers->names, answers->name_count, sizeof *answers->names, compare_names);
	if (!found && (wanted.name = strchr(name, '.')) != NULL && wanted.name > name) {
		*--wanted.name = '*';
		found = bsearch(&wanted, answers->names, answers->name_count, sizeof *answers->names, compare_names);
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
	struct answers *answers = answers_of(SSL_get_SSL_CTX(ssl));
	unsigned char *found;

	(void)arg;
	if (SSL_select_next_proto(&found, length, answers->alpn, answers->alpn_length, offered, offered_length)
	    != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*chosen = found;
	return SSL_TLSEXT_ERR_OK;
}

/* One write a line: other processes append to the same file. */
static void
log_key(const SSL *ssl, const char *line)
{
	struct answers *answers = answers_of(SSL_get_SSL_CTX(ssl));
	struct iovec parts[2] = { { (char *)line, strlen(line) }, { "\n", 1 } };

	if (answers->key_log >= 0 && writev(answers->key_log, parts, 2) < 0)
		return; /* a full disk ends no connection */
}

/* For lepy_tls_context_new: 0 without memory. */
int
lepy_tls_answers_init(SSL_CTX *context)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct answers *answers;

	pthread_once(&once, make_index);
	answers = calloc(1, sizeof *answers);
	if (!answers || !SSL_CTX_set_ex_data(context, answers_index, answers)) {
		free(answers);
		return 0;
	}
	answers->key_log = -1;
	if (SSL_CTX_get_ssl_method(context) == TLS_server_method())
		SSL_CTX_set_client_hello_cb(context, select_context, answers);
	return 1;
}

/* Called by TLSContext: protocols as the wire has them, each behind its length; of
 * a server the first that the client offers too is taken. */
int
lepy_tls_context_set_alpn(SSL_CTX *context, const char *protocols, size_t length)
{
	struct answers *answers = answers_of(context);

	ERR_clear_error();
	if (SSL_CTX_get_ssl_method(context) != TLS_server_method())
		return SSL_CTX_set_alpn_protos(context, (const unsigned char *)protocols, (unsigned int)length) == 0;
	answers->alpn = malloc(length);
	if (!answers->alpn)
		return 0;
	memcpy(answers->alpn, protocols, length);
	answers->alpn_length = (unsigned int)length;
	SSL_CTX_set_alpn_select_cb(context, select_alpn, NULL);
	return 1;
}

/* Called by TLSContext before context has connections: who asks for name gets
 * other, of which a reference is taken. */
int
lepy_tls_context_add_name(SSL_CTX *context, const char *name, SSL_CTX *other)
{
	struct answers *answers = answers_of(context);
	struct name *grown = realloc(answers->names, (answers->name_count + 1) * sizeof *grown);
	char *copy = strdup(name);

	if (grown)
		answers->names = grown;
	if (!grown || !copy) {
		free(copy);
		return 0;
	}
	SSL_CTX_up_ref(other);
	answers->names[answers->name_count].name = copy;
	answers->names[answers->name_count++].context = other;
	qsort(answers->names, answers->name_count, sizeof *answers->names, compare_names);
	return 1;
}

/* Called by TLSContext with a descriptor that is the context's from now on. */
void
lepy_tls_context_set_key_log(SSL_CTX *context, evutil_socket_t fd)
{
	answers_of(context)->key_log = fd;
	SSL_CTX_set_keylog_callback(context, log_key);
}

#endif
