/* How TLS ends: close_notify, which libevent never sends. */
#include "tls.h"

#ifdef LEPY_WITH_OPENSSL

#include <errno.h>

/* Of lepy_bufferevent_ops: whether the input is for Python now. */
int
lepy_tls_is_readable(struct lepy_bufferevent *self, struct evbuffer *input)
{
	if (self->tls->is_discarding)
		evbuffer_drain(input, evbuffer_get_length(input));
	return self->tls->is_open && !self->tls->is_discarding;
}

/* For tls.c, where the bufferevent is freed: sends close_notify where all else is sent and the peer can be told: a stream
 * that is cut short must not look complete. */
void
lepy_tls_say_goodbye(struct lepy_tls *tls)
{
	struct evbuffer *output = bufferevent_get_output(tls->bufferevent);
	struct lepy_bufferevent *underlying = tls->underlying;

	if (tls->is_open && !tls->failure.kind && evbuffer_get_length(output) == 0
	    && !(SSL_get_shutdown(tls->ssl) & SSL_SENT_SHUTDOWN)) {
		ERR_clear_error();
		SSL_shutdown(tls->ssl);
		ERR_clear_error();
	}
	/* It is in the output below now, which may be closed at once. */
	if (underlying && underlying->direct_socket && !underlying->ops) {
		output = bufferevent_get_output(underlying->bufferevent);
		evbuffer_unfreeze(output, 1);
		evbuffer_write(output, bufferevent_getfd(underlying->bufferevent));
		evbuffer_freeze(output, 1);
	}
}

/* Until the socket has room for close_notify. */
static void
retry_callback(evutil_socket_t fd, short what, void *arg)
{
	struct lepy_tls *tls = arg;

	(void)fd;
	(void)what;
	/* The peer's own was there before: nothing else would tell. */
	if (lepy_tls_shut_down(tls, tls->is_discarding) != 0 && tls->is_discarding)
		lepy_report(&tls->self->handle, LEPY_KIND_STATUS, BEV_EVENT_READING | BEV_EVENT_EOF);
}

/* Called by shutdown_write, and with discard by close_when_flushed, when all is
 * sent: sends close_notify.  1: the peer has sent its own; 0: it will come as
 * EOF; -1: there is nobody to tell. */
int
lepy_tls_shut_down(struct lepy_tls *tls, int discard)
{
	struct lepy_bufferevent *self = tls->self;
	int result;

	if (!tls->is_open || tls->failure.kind)
		return -1;
	if (discard && !tls->is_discarding) {
		tls->is_discarding = 1;
		lepy_bufferevent_setwatermark(self, EV_READ, 0, 0);
		lepy_bufferevent_setcb(self, 1, 0, 0, 1);
		lepy_tls_is_readable(self, bufferevent_get_input(tls->bufferevent));
	}
	if (!(SSL_get_shutdown(tls->ssl) & SSL_SENT_SHUTDOWN)) {
		ERR_clear_error();
		result = SSL_shutdown(tls->ssl);
		if (result < 0 && SSL_get_error(tls->ssl, result) == SSL_ERROR_WANT_WRITE && !tls->underlying) {
			if (!tls->retry)
				tls->retry = event_new(self->handle.delivery->base, bufferevent_getfd(tls->bufferevent),
				    EV_WRITE, retry_callback, tls);
			if (!tls->retry || event_add(tls->retry, NULL) < 0)
				return -1;
		} else if (result < 0) {
			lepy_tls_note_failure(tls, SSL_get_error(tls->ssl, result), errno);
			return -1;
		}
	}
	if (SSL_get_shutdown(tls->ssl) & SSL_RECEIVED_SHUTDOWN)
		return tls->retry && event_pending(tls->retry, EV_WRITE, NULL) ? 0 : 1;
	if (discard && !tls->has_ended)
		lepy_bufferevent_enable(self, EV_READ, 0);
	return 0;
}

#endif
