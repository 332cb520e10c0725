/* What OpenSSL says of a failure, kept until Python asks. */
#include "tls.h"

#ifdef LEPY_WITH_OPENSSL

#include <string.h>
#include <sys/socket.h>

static int
is_truncation(int kind, unsigned long code, int error)
{
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING
	if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return 1;
#endif
	return kind == SSL_ERROR_SYSCALL && code == 0 && error == 0;
}

static void
note(struct lepy_tls *tls, int kind, unsigned long code, int error)
{
	struct lepy_tls_failure *failure = &tls->failure;

	/* The first is the reason of what follows. */
	if (failure->kind)
		return;
	failure->kind = kind;
	failure->code = code;
	failure->error = kind == SSL_ERROR_SYSCALL ? error : 0;
	failure->verify_result = SSL_get_verify_result(tls->ssl);
	failure->is_truncated = is_truncation(kind, code, failure->error);
}

/* For what this shim has tried: kind is SSL_get_error's, and no failure where
 * that only says what to wait for. */
void
lepy_tls_note_failure(struct lepy_tls *tls, int kind, int error)
{
	if (kind == SSL_ERROR_SSL || kind == SSL_ERROR_SYSCALL)
		note(tls, kind, ERR_peek_error(), error);
	ERR_clear_error();
}

/* In filter mode the end of the stream below is an ERROR that tells of neither
 * direction, and so is a connection that could not be made. */
static int
was_never_connected(struct lepy_tls *tls)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof address;
	evutil_socket_t fd = bufferevent_getfd(tls->bufferevent);

	return fd >= 0 && getpeername(fd, (struct sockaddr *)&address, &length) < 0;
}

/* For what libevent reports as ERROR, with errno.  OpenSSL's own reason was noted
 * when it arose: libevent takes it off the queue, and 2.2 gives it to nobody. */
void
lepy_tls_note_libevents(struct lepy_tls *tls, short what, int error)
{
	if (tls->underlying && what == BEV_EVENT_ERROR && !was_never_connected(tls))
		error = 0;
	note(tls, SSL_ERROR_SYSCALL, 0, error);
}

/* SSL_set_info_callback's: sees each failure while its reason is at hand. */
void
lepy_tls_watch(const SSL *ssl, int where, int value)
{
	struct lepy_tls *tls = SSL_get_app_data(ssl);
	unsigned long code = 0;

	if (!tls)
		return;
	if (where == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL)
		code = ERR_PACK(ERR_LIB_SSL, 0, SSL_AD_REASON_OFFSET + (value & 0xff));
	else if (where == SSL_CB_WRITE_ALERT || ((where & SSL_CB_EXIT) && value <= 0))
		code = ERR_peek_error();
	if (code)
		note(tls, SSL_ERROR_SSL, code, 0);
}

/* Called by Python, where ERROR is delivered. */
void
lepy_tls_get_failure(const struct lepy_tls *tls, struct lepy_tls_failure *failure)
{
	*failure = tls->failure;
}

/* Called by Python after a failed call: OpenSSL's first error, and in detail what
 * it adds ("" for nothing); forgets them all. */
unsigned long
lepy_tls_take_error(char *detail, size_t size)
{
	const char *data = NULL;
	int flags = 0;
	unsigned long code;

#if OPENSSL_VERSION_NUMBER >= 0x30000000L
	code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);
#else
	code = ERR_get_error_line_data(NULL, NULL, &data, &flags);
#endif
	detail[0] = '\0';
	if (data && (flags & ERR_TXT_STRING)) {
		strncpy(detail, data, size - 1);
		detail[size - 1] = '\0';
	}
	ERR_clear_error();
	return code;
}

#endif
