/* The bytes of a TLS socket that go past libevent: read to where they are wanted,
 * and written without waiting for the loop. */
#include "tls.h"

#ifdef LEPY_WITH_OPENSSL

#include <errno.h>

/* As much as one record carries.  libevent's own next SSL_write repeats a blocked
 * one only if it begins in one piece that is as long. */
#define RECORD 16384

/* Behind a record of so many bytes another one may be waiting. */
#define LARGE 4096

/* libevent charges a rate limit with all that the SSL's BIO has counted since it
 * last looked, also with what was there before the limit: so what goes past it
 * goes through a BIO of its own.  NULL without memory. */
static BIO *
uncounted(struct lepy_tls *tls)
{
	if (!tls->uncounted)
		tls->uncounted = BIO_new_socket((int)bufferevent_getfd(tls->bufferevent), BIO_NOCLOSE);
	if (tls->uncounted)
		BIO_up_ref(tls->uncounted);
	return tls->uncounted;
}

/* Gives the SSL another BIO to write to, and the old one back. */
static BIO *
exchange_output(struct lepy_tls *tls, BIO *bio)
{
	BIO *old = SSL_get_wbio(tls->ssl);

	BIO_up_ref(old);
	SSL_set0_wbio(tls->ssl, bio);
	return old;
}

static BIO *
exchange_input(struct lepy_tls *tls, BIO *bio)
{
	BIO *old = SSL_get_rbio(tls->ssl);

	BIO_up_ref(old);
	SSL_set0_rbio(tls->ssl, bio);
	return old;
}

/* Of lepy_bufferevent_ops: how many bytes went out.  The rest, and an error, are
 * left for libevent to meet. */
size_t
lepy_tls_send(struct lepy_bufferevent *self, const char *data, size_t length)
{
	struct lepy_tls *tls = self->tls;
	size_t sent = 0;
	BIO *counted, *bio;

	if (tls->failure.kind || !(bio = uncounted(tls)))
		return 0;
	counted = exchange_output(tls, bio);
	while (sent < length) {
		size_t piece = length - sent < RECORD ? length - sent : RECORD;
		int result;

		ERR_clear_error();
		result = SSL_write(tls->ssl, data + sent, (int)piece);
		if (result <= 0) {
			lepy_tls_note_failure(tls, SSL_get_error(tls->ssl, result), errno);
			break;
		}
		sent += (size_t)result;
	}
	SSL_set0_wbio(tls->ssl, counted);
	return sent;
}

/* Of lepy_bufferevent_ops: as recv.  More than one record where the first was
 * large.  What OpenSSL has left when room is full makes no socket readable: the
 * event is made active. */
ssize_t
lepy_tls_receive(struct lepy_bufferevent *self, char *room, size_t size)
{
	struct lepy_tls *tls = self->tls;
	size_t count = 0;
	int result, why = SSL_ERROR_NONE;
	BIO *counted, *bio;

	if (tls->failure.kind || !(bio = uncounted(tls))) {
		errno = EIO;
		return -1;
	}
	counted = exchange_input(tls, bio);
	do {
		ERR_clear_error();
		result = SSL_read(tls->ssl, room + count, (int)(size - count));
		if (result > 0)
			count += (size_t)result;
	} while (result >= LARGE && count < size);
	if (result <= 0) {
		why = SSL_get_error(tls->ssl, result);
		lepy_tls_note_failure(tls, why, errno);
	}
	SSL_set0_rbio(tls->ssl, counted);
	if (SSL_pending(tls->ssl) || (count && why != SSL_ERROR_NONE && why != SSL_ERROR_WANT_READ))
		event_active(&tls->bufferevent->ev_read, EV_READ, 0);
	if (count && !tls->is_discarding)
		return (ssize_t)count;
	errno = count || why == SSL_ERROR_WANT_READ ? EAGAIN : EIO;
	return -1;
}

#endif
