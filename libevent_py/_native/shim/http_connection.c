/* evhttp's connections, from accepting to closing, and their deadlines. */
#include "tls.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <time.h>

/* What a deadline is of, besides a request's. */
#define IDLE 1
#define LINGERED 2
/* So long what is refused may still be said. */
#define LINGERING_SECONDS 2

/* The clock of deadlines: seconds, to some milliseconds. */
double
lepy_http_now(void)
{
	struct timespec now;

#ifdef CLOCK_MONOTONIC_COARSE
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
#else
	clock_gettime(CLOCK_MONOTONIC, &now);
#endif
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
free_connection(struct lepy_http_connection *self)
{
	if (self->watch)
		event_free(self->watch);
	if (self->held)
		evbuffer_free(self->held);
	if (self->body)
		evbuffer_free(self->body);
#ifdef LEPY_WITH_OPENSSL
	if (self->tls)
		lepy_tls_free(self->tls);
#endif
	free(self->text);
	free(self);
}

/* evhttp's bevcb: the bufferevent of a connection that it is about to make.  NULL lets
 * it make one of its own, which lepy_http_request then refuses. */
struct bufferevent *
lepy_http_accept(struct event_base *base, void *arg)
{
	struct lepy_http_server *server = arg;
	struct lepy_http_connection *self = calloc(1, sizeof *self);

	if (!self)
		return NULL;
	self->server = server;
	self->index = -1;
	self->file = -1;
	self->held = evbuffer_new();
	self->body = evbuffer_new();
	if (!self->held || !self->body)
		goto failed;
	if (server->tls) {
#ifdef LEPY_WITH_OPENSSL
		self->tls = lepy_tls_new(server->tls);
		if (!self->tls)
			goto failed;
		SSL_up_ref(self->tls->ssl); /* libevent takes one, also where it fails */
		self->bufferevent = bufferevent_openssl_socket_new(base, -1, self->tls->ssl,
		    BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
#endif
	} else {
		self->bufferevent = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	}
	if (!self->bufferevent)
		goto failed;
	bufferevent_incref(self->bufferevent); /* until lepy_http_work has met evhttp's connection */
	self->next_fresh = server->fresh;
	server->fresh = self;
	event_active(server->work, 0, 0);
	if (++server->count >= server->max_connections)
		lepy_http_listeners_pause(server, 1);
	return self->bufferevent;
failed:
	free_connection(self);
	return NULL;
}

/* evhttp's closecb: the connection ends, and its request with it. */
static void
close_callback(struct evhttp_connection *evcon, void *arg)
{
	struct lepy_http_connection *self = arg, **place;
	struct lepy_http_server *server = self->server;

	evbuffer_remove_cb_entry(bufferevent_get_input(self->bufferevent), self->entry);
	if (self->request && !evhttp_request_get_connection(self->request))
		evhttp_request_free(self->request); /* evhttp has let it go: nobody else will */
	if (self->state == LEPY_HTTP_BUSY && !server->is_freeing && !self->has_ended)
		lepy_report(&server->handle, LEPY_KIND_HTTP_DISCONNECT, self->index);
	(void)evcon;
	for (place = &server->fed; self->is_queued && *place; place = &(*place)->next_fed)
		if (*place == self) {
			*place = self->next_fed;
			break;
		}
	if (server->current == self)
		server->current = NULL;
	lepy_http_close_file(self);
	/* The next one here goes on with its numbers. */
	server->connections[self->index] = NULL;
	if (self->generation > server->last_generation)
		server->last_generation = self->generation;
	server->count--;
	if (!server->is_freeing) {
		if (server->is_full)
			lepy_http_listeners_pause(server, 0);
		if (!server->count) {
			event_del(server->sweep);
			if (server->is_ending)
				lepy_report(&server->handle, LEPY_KIND_HTTP_ENDED, 0);
		}
	}
	free_connection(self);
}

/* A free place in the server's table, -1 without memory. */
static int
find_place(struct lepy_http_server *server)
{
	struct lepy_http_connection **grown;
	int i, size = server->size ? server->size * 2 : 64;

	if (server->count <= server->size)
		for (i = 0; i < server->size; i++) {
			int at = (server->next_place + i) % server->size;

			if (!server->connections[at]) {
				server->next_place = at + 1;
				return at;
			}
		}
	grown = realloc(server->connections, (size_t)size * sizeof *grown);
	if (!grown)
		return -1;
	server->connections = grown;
	for (i = server->size; i < size; i++)
		grown[i] = NULL;
	i = server->size;
	server->size = size;
	server->next_place = i + 1;
	return i;
}

/* Of a socket that is readable: where nobody reads it, it would be so again at once. */
static void
watch_callback(evutil_socket_t fd, short what, void *arg)
{
	struct lepy_http_connection *self = arg;

	(void)fd;
	(void)what;
	if (!(bufferevent_get_enabled(self->bufferevent) & EV_READ))
		event_del(self->watch);
}

/* Called where a request begins: evhttp has turned reading off, and it is turned on again at
 * once.  As long as this event waits for the same, that costs no call of the backend's. */
void
lepy_http_watch(struct lepy_http_connection *self)
{
	if (self->watch && !event_pending(self->watch, EV_READ, NULL))
		event_add(self->watch, NULL);
}

/* evhttp has its connection on the bufferevent, or has failed to make one. */
static void
adopt(struct lepy_http_connection *self)
{
	struct lepy_http_server *server = self->server;
	void *evcon = NULL;
	const int on = 1;

	bufferevent_getcb(self->bufferevent, &self->read, &self->write, &self->status, &evcon);
	if (evcon) {
		self->index = find_place(server);
		self->entry = evbuffer_add_cb(bufferevent_get_input(self->bufferevent), lepy_http_guard, self);
	}
	bufferevent_decref(self->bufferevent);
	if (!evcon || self->index < 0 || !self->entry) {
		if (evcon)
			evhttp_connection_free(evcon);
		server->count--;
		free_connection(self);
		return;
	}
	self->evcon = evcon;
	self->since = lepy_http_now();
	self->is_first = 1;
	self->generation = server->last_generation;
	server->connections[self->index] = self;
	evhttp_connection_set_closecb(self->evcon, close_callback, self);
	self->address_length = sizeof self->address;
	if (getpeername(bufferevent_getfd(self->bufferevent), (struct sockaddr *)&self->address, &self->address_length) < 0)
		self->address_length = 0;
	/* An answer goes out in one piece; fails where this is no TCP. */
	if (!self->tls) /* which may leave what there is unread for a while */
		self->watch = event_new(server->handle.delivery->base, bufferevent_getfd(self->bufferevent),
		    EV_READ | EV_PERSIST, watch_callback, self);
	setsockopt(bufferevent_getfd(self->bufferevent), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (server->is_ending)
		evhttp_connection_free(self->evcon);
	else if (!evtimer_pending(server->sweep, NULL))
		event_add(server->sweep, &server->interval);
}

/* The server's work event: before anything is read from what was accepted in this pass. */
void
lepy_http_work(evutil_socket_t fd, short what, void *arg)
{
	struct lepy_http_server *server = arg;
	struct lepy_http_connection *self;

	(void)fd;
	(void)what;
	while ((self = server->fresh)) {
		server->fresh = self->next_fresh;
		adopt(self);
	}
	while ((self = server->fed)) {
		server->fed = self->next_fed;
		self->is_queued = 0;
		if (self->state == LEPY_HTTP_READING && !self->is_presented) {
			/* The guard may have turned that off meanwhile. */
			bufferevent_enable(self->bufferevent, EV_READ);
			lepy_http_advance(self, 0);
		}
	}
}

/* Called where evhttp has done with a request, and bytes of the next are held. */
void
lepy_http_feed_later(struct lepy_http_connection *self)
{
	struct lepy_http_server *server = self->server;

	if (self->is_queued)
		return;
	self->is_queued = 1;
	self->next_fed = server->fed;
	server->fed = self;
	event_active(server->work, 0, 0);
}

/* Called by lepy_http_server_free behind evhttp_free, which has freed their connections. */
void
lepy_http_abandon_fresh(struct lepy_http_server *server)
{
	struct lepy_http_connection *self;

	while ((self = server->fresh)) {
		server->fresh = self->next_fresh;
		bufferevent_decref(self->bufferevent);
		free_connection(self);
	}
}

/* The connection of a request that evhttp presents. */
struct lepy_http_connection *
lepy_http_connection_of(struct lepy_http_server *server, struct evhttp_request *request)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(request);
	int i;

	if (server->current && server->current->evcon == evcon)
		return server->current;
	for (i = 0; i < server->size; i++)
		if (server->connections[i] && server->connections[i]->evcon == evcon)
			return server->connections[i];
	return NULL;
}

/* Which deadline of a connection has passed: 0 none, 408 a request's. */
static int
is_late(const struct lepy_http_connection *self, double now)
{
	const struct lepy_http_server *server = self->server;
	const double passed = now - self->since;
	const int is_begun = self->stage != LEPY_HTTP_HEAD || evbuffer_get_length(self->held) > 0;

	if (self->state == LEPY_HTTP_LINGERING)
		return passed >= LINGERING_SECONDS ? LINGERED : 0;
	if (self->state != LEPY_HTTP_READING || self->is_queued)
		return 0;
	if (self->is_presented) /* evhttp has refused it, and cannot send that */
		return passed >= server->idle_seconds ? IDLE : 0;
	if (self->stage != LEPY_HTTP_HEAD)
		return passed >= server->idle_seconds ? 408 : 0;
	if (is_begun)
		return passed >= server->header_seconds ? 408 : 0;
	return passed >= (self->is_first ? server->header_seconds : server->idle_seconds) ? IDLE : 0;
}

/* The server's sweep event. */
void
lepy_http_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct lepy_http_server *server = arg;
	const double now = lepy_http_now();
	int i;

	(void)fd;
	(void)what;
	for (i = 0; i < server->size; i++) {
		struct lepy_http_connection *self = server->connections[i];
		int late = self ? is_late(self, now) : 0;

		if (late == IDLE)
			evhttp_connection_free(self->evcon);
		else if (late == LINGERED)
			lepy_http_finish(self);
		else if (late)
			lepy_http_refuse(self, late, 0);
	}
}
