/* bufferevent_openssl for Python: what the TLS bufferevents call. */
#include "tls.h"

#ifdef LEPY_WITH_OPENSSL

#include <stdlib.h>

/* For enable and disable: libevent's handshake stands still where a direction is
 * off, so that it learns of that when it is open. */
static short
pass_on(struct lepy_bufferevent *self, short events, int on)
{
	if (on)
		self->held_back &= (short)~events;
	if (on || self->tls->is_open)
		return events;
	self->held_back |= events;
	return 0;
}

/* What OpenSSL has, bytes or the end, makes no socket readable. */
static void
resumed(struct lepy_bufferevent *self)
{
	struct lepy_tls *tls = self->tls;

	if (tls->underlying) {
		lepy_tls_resumed_below(tls);
		return;
	}
	if (!tls->is_open || tls->end || tls->has_ended)
		return;
	if (SSL_pending(tls->ssl) || tls->failure.kind || (SSL_get_shutdown(tls->ssl) & SSL_RECEIVED_SHUTDOWN))
		event_active(&tls->bufferevent->ev_read, EV_READ, 0);
}

/* libevent 2.1 does that for plain sockets only. */
int
lepy_tls_set_priority(struct lepy_bufferevent *self, int priority)
{
	struct bufferevent *bufferevent = self->bufferevent;

	return event_priority_set(&bufferevent->ev_read, priority) < 0
	    || event_priority_set(&bufferevent->ev_write, priority) < 0 ? -1 : 0;
}

/* For bufferevent.c's connect, and lepy_tls_attach: there is somebody to shake
 * hands with. */
static void
begun(struct lepy_bufferevent *self)
{
	struct lepy_tls *tls = self->tls;
	struct timeval limit;

	self->connecting = 1;
	if (tls->handshake_seconds < 0)
		return;
	limit = lepy_timeval(tls->handshake_seconds);
	event_add(tls->timer, &limit);
}

static int
connect_socket(struct lepy_bufferevent *self, evutil_socket_t fd)
{
	if (bufferevent_setfd(self->bufferevent, fd) < 0)
		return -1;
	lepy_tls_set_priority(self, self->handle.level); /* libevent has set its events up anew */
	begun(self);
	return 0;
}

/* Called by the TLS bufferevents where making one fails before lepy_tls_attach;
 * for release after that. */
void
lepy_tls_free(struct lepy_tls *tls)
{
	/* libevent's own reference may keep the SSL for a while. */
	SSL_set_app_data(tls->ssl, NULL);
	if (tls->timer)
		event_free(tls->timer);
	if (tls->retry)
		event_free(tls->retry);
	BIO_free(tls->uncounted);
	SSL_SESSION_free(tls->session);
	SSL_free(tls->ssl);
	free(tls);
}

/* For lepy_bufferevent_free, before the bufferevent is freed. */
static void
release(struct lepy_bufferevent *self)
{
	struct lepy_tls *tls = self->tls;

	lepy_tls_say_goodbye(tls);
	if (tls->underlying) {
		bufferevent_setcb(tls->underlying->bufferevent, NULL, NULL, NULL, NULL);
	} else {
		/* A deferred callback may keep the bufferevent a while, but not the SSL. */
		event_del(&tls->bufferevent->ev_read);
		event_del(&tls->bufferevent->ev_write);
	}
	self->tls = NULL;
	self->ops = NULL;
	lepy_tls_free(tls);
}

static const struct lepy_bufferevent_ops tls_ops = {
	.is_readable = lepy_tls_is_readable,
	.status = lepy_tls_status,
	.pass_on = pass_on,
	.resumed = resumed,
	.connect = connect_socket,
	.set_priority = lepy_tls_set_priority,
	.receive = lepy_tls_receive,
	.send = lepy_tls_send,
	.release = release,
};

/* For lepy_tls_context_new's client contexts: keeps the newest session. */
int
lepy_tls_new_session(SSL *ssl, SSL_SESSION *session)
{
	struct lepy_tls *tls = SSL_get_app_data(ssl);

	if (!tls)
		return 0;
	SSL_SESSION_free(tls->session);
	tls->session = session;
	return 1;
}

/* Called by the TLS bufferevents: the SSL of one, of context; NULL without memory. */
struct lepy_tls *
lepy_tls_new(SSL_CTX *context)
{
	struct lepy_tls *tls = calloc(1, sizeof *tls);

	if (!tls)
		return NULL;
	tls->ssl = SSL_new(context);
	if (!tls->ssl) {
		free(tls);
		return NULL;
	}
	SSL_set_app_data(tls->ssl, tls);
	SSL_set_info_callback(tls->ssl, lepy_tls_watch);
	return tls;
}

/* Called for a client, before the handshake: whose certificate must be shown,
 * and, unless that is an address, the name to ask for.  0: OpenSSL refuses it. */
int
lepy_tls_expect(struct lepy_tls *tls, const char *host, int is_address)
{
	/* Not whom an earlier attempt to connect was for. */
	X509_VERIFY_PARAM_set1_ip(SSL_get0_param(tls->ssl), NULL, 0);
	SSL_set1_host(tls->ssl, NULL);
	SSL_set_tlsext_host_name(tls->ssl, NULL);
	if (is_address)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls->ssl), host);
	SSL_set_hostflags(tls->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(tls->ssl, host) && SSL_set_tlsext_host_name(tls->ssl, host);
}

/* Called for a client, before the handshake; a reference to session is taken. */
int
lepy_tls_resume(struct lepy_tls *tls, SSL_SESSION *session)
{
	return SSL_set_session(tls->ssl, session);
}

/* Called by the TLS bufferevents: makes the bufferevent on fd (-1: one comes), or
 * on underlying in filter mode.  -1 without memory; fd stays the caller's then. */
int
lepy_tls_open(struct lepy_tls *tls, struct lepy_delivery *delivery, int is_server, evutil_socket_t fd,
    struct lepy_bufferevent *underlying, int options)
{
	enum bufferevent_ssl_state state = is_server ? BUFFEREVENT_SSL_ACCEPTING : BUFFEREVENT_SSL_CONNECTING;

	tls->underlying = underlying;
	tls->timer = event_new(delivery->base, -1, 0, lepy_tls_timer, tls);
	if (!tls->timer)
		return -1;
	if (options & BEV_OPT_CLOSE_ON_FREE)
		SSL_up_ref(tls->ssl); /* libevent takes one, also where it fails */
	if (underlying)
		tls->bufferevent = bufferevent_openssl_filter_new(delivery->base, underlying->bufferevent, tls->ssl,
		    state, options);
	else
		tls->bufferevent = bufferevent_openssl_socket_new(delivery->base, fd, tls->ssl, state, options);
	if (!tls->bufferevent)
		return -1;
	if (underlying)
		lepy_bufferevent_stand_between(underlying);
	return 0;
}

/* Called once self is there: it is a TLS bufferevent from now on, and tls is freed
 * with it.  handshake_seconds < 0: as long as it takes. */
void
lepy_tls_attach(struct lepy_tls *tls, struct lepy_bufferevent *self, double handshake_seconds)
{
	tls->self = self;
	tls->handshake_seconds = handshake_seconds;
	self->tls = tls;
	self->ops = &tls_ops;
	self->connecting = 1;
	self->direct_socket = !tls->underlying;
	self->below = tls->underlying;
	lepy_bufferevent_setcb(self, 0, 0, 0, 0);
	if (tls->underlying || bufferevent_getfd(self->bufferevent) >= 0)
		begun(self);
	/* A pair's end is never writable by itself, and nothing else begins. */
	if (tls->underlying)
		bufferevent_trigger(tls->underlying->bufferevent, EV_WRITE,
		    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

#endif
