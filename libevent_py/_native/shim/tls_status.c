/* What libevent tells of a TLS bufferevent, put right.
 *
 * The end comes behind the last data (libevent's do_read reports EOF first), once,
 * and with its reason; a timeout turns its direction off, as on a plain socket. */
#include "tls.h"

#ifdef LEPY_WITH_OPENSSL

#include <errno.h>

static void
stop_reading(struct lepy_tls *tls)
{
	if (tls->underlying)
		bufferevent_disable(tls->underlying->bufferevent, EV_READ);
	else
		event_del(&tls->bufferevent->ev_read);
}

static void
opened(struct lepy_tls *tls)
{
	tls->is_open = 1;
	if (!tls->underlying) {
		/* libevent has set its events up anew, and added them. */
		lepy_bufferevent_take_reading(tls->self);
		lepy_tls_set_priority(tls->self, tls->self->handle.level);
	}
	if (!tls->end)
		event_del(tls->timer);
	if (tls->self->held_back)
		bufferevent_disable(tls->bufferevent, tls->self->held_back);
	tls->self->held_back = 0;
	/* In filter mode data may come with the handshake's last message. */
	if (evbuffer_get_length(bufferevent_get_input(tls->bufferevent)))
		bufferevent_trigger(tls->bufferevent, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
}

/* libevent leaves the direction on, and tells again after as long. */
static void
turn_off(struct lepy_tls *tls, short what)
{
	short events = 0;

	if (what & BEV_EVENT_READING)
		events |= EV_READ;
	if (what & BEV_EVENT_WRITING)
		events |= EV_WRITE;
	if (tls->is_open && events)
		bufferevent_disable(tls->bufferevent, events);
}

/* libevent may be in the middle of reading: what it has is reported first. */
static void
end_later(struct lepy_tls *tls, short what, int error)
{
	struct bufferevent *bufferevent = tls->bufferevent;

	/* Past libevent it has failed already; then OpenSSL calls even an alert an end. */
	if (tls->failure.kind && (what & BEV_EVENT_EOF))
		what = (short)((what & ~BEV_EVENT_EOF) | BEV_EVENT_ERROR);
	if (what & BEV_EVENT_ERROR)
		lepy_tls_note_libevents(tls, what, error);
	stop_reading(tls);
	/* libevent stops writing too, but a peer that has said its last still listens. */
	if ((what & BEV_EVENT_EOF) && !tls->underlying && (bufferevent_get_enabled(bufferevent) & EV_WRITE)
	    && evbuffer_get_length(bufferevent_get_output(bufferevent)))
		bufferevent_enable(bufferevent, EV_WRITE);
	tls->end = what;
	event_active(tls->timer, EV_READ, 0);
}

/* Whether there is more to read than was: a close_notify above all. */
static int
has_rest_below(const struct lepy_tls *tls)
{
	return evbuffer_get_length(bufferevent_get_input(tls->underlying->bufferevent)) || SSL_pending(tls->ssl);
}

static int
is_reading(const struct lepy_tls *tls)
{
	return bufferevent_get_enabled(tls->bufferevent) & EV_READ;
}

/* For tls.c in filter mode, where reading is on again: what is below may have
 * ended meanwhile, which is told behind all that had come there. */
void
lepy_tls_resumed_below(struct lepy_tls *tls)
{
	short what = tls->end_below;

	if (!what)
		return;
	if (!has_rest_below(tls)) {
		tls->end_below = 0;
		if (!tls->end && !tls->has_ended)
			end_later(tls, what, tls->error_below);
	} else if (is_reading(tls)) {
		bufferevent_trigger(tls->underlying->bufferevent, EV_READ,
		    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
		event_active(tls->timer, EV_READ, 0);
	}
}

/* Of lepy_bufferevent_ops: 0 where Python is not to be told; error
 * becomes the errno that goes with it. */
int
lepy_tls_status(struct lepy_bufferevent *self, short what, int *error)
{
	struct lepy_tls *tls = self->tls;
	int libevents_error = *error;

	*error = 0;
	if (what & BEV_EVENT_CONNECTED) {
		opened(tls);
		return 1;
	}
	if (what & BEV_EVENT_TIMEOUT) {
		turn_off(tls, what);
		return !tls->has_ended;
	}
	if (tls->is_reporting) {
		tls->is_reporting = 0;
		tls->has_ended = 1;
		*error = tls->failure.error;
		return 1;
	}
	/* Without a direction it is what is below that has ended. */
	if (tls->underlying && tls->is_open && !is_reading(tls) && !(what & (BEV_EVENT_READING | BEV_EVENT_WRITING))
	    && has_rest_below(tls)) {
		tls->end_below = what;
		tls->error_below = libevents_error;
		return 0;
	}
	/* After the peer's end our own writing may fail, once. */
	if (!tls->end && (!tls->has_ended || ((what & BEV_EVENT_WRITING) && !tls->failure.kind)))
		end_later(tls, what, libevents_error);
	return 0;
}

/* The timer's callback: tells of the end that end_later noted; or the handshake has taken too long; or
 * lepy_tls_resumed_below goes on. */
void
lepy_tls_timer(evutil_socket_t fd, short what, void *arg)
{
	struct lepy_tls *tls = arg;
	short end = tls->end;

	(void)fd;
	if (end) {
		tls->end = 0;
		tls->is_reporting = 1;
		bufferevent_trigger_event(tls->bufferevent, end, 0);
	} else if ((what & EV_TIMEOUT) && !tls->is_open && !tls->has_ended) {
		tls->has_ended = 1;
		lepy_tls_note_failure(tls, SSL_ERROR_SYSCALL, ETIMEDOUT);
		stop_reading(tls);
		event_del(&tls->bufferevent->ev_write);
		lepy_report(&tls->self->handle, LEPY_KIND_STATUS, BEV_EVENT_TIMEOUT | ETIMEDOUT << 16);
	} else {
		lepy_tls_resumed_below(tls);
	}
}

#endif
