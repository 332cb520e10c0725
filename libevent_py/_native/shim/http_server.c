/* evhttp for Python: what HTTPServer calls. */
#include "tls.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Listeners' error callbacks share evhttp's argument, so that they look here. */
static struct lepy_http_listener *all_listeners;
static pthread_mutex_t listeners_lock = PTHREAD_MUTEX_INITIALIZER;

/* As Listener does: out of descriptors or memory the listener rests for a second. */
static void
error_callback(struct evconnlistener *listener, void *arg)
{
	static const struct timeval rest = { 1, 0 };
	int error = errno;
	struct lepy_http_listener *self;

	(void)arg;
	if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM)
		return;
	pthread_mutex_lock(&listeners_lock);
	for (self = all_listeners; self && self->listener != listener; self = self->next)
		;
	pthread_mutex_unlock(&listeners_lock);
	if (self && event_add(self->retry, &rest) == 0)
		evconnlistener_disable(listener);
}

static void
listener_update(struct lepy_http_listener *self)
{
	if (self->disabled || self->server->is_full)
		evconnlistener_disable(self->listener);
	else
		evconnlistener_enable(self->listener);
}

static void
retry_callback(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	listener_update(arg);
}

/* For http_connection.c: there is no room for more connections, or there is again. */
void
lepy_http_listeners_pause(struct lepy_http_server *self, int full)
{
	struct lepy_http_listener *listener;

	self->is_full = full;
	for (listener = self->listeners; listener; listener = listener->next_of_server)
		if (!evtimer_pending(listener->retry, NULL))
			listener_update(listener);
}

/* Called by HTTPServer.listen with a bound, listening, non-blocking descriptor that stays
 * Python's. */
struct lepy_http_listener *
lepy_http_listen(struct lepy_http_server *server, evutil_socket_t fd)
{
	struct lepy_http_listener *self = calloc(1, sizeof *self);

	if (!self)
		return NULL;
	self->server = server;
	self->retry = evtimer_new(server->handle.delivery->base, retry_callback, self);
	if (self->retry)
		self->listener = evconnlistener_new(server->handle.delivery->base, NULL, NULL,
		    LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED, 0, fd);
	if (self->listener)
		self->bound = evhttp_bind_listener(server->http, self->listener);
	if (!self->bound) {
		if (self->listener)
			evconnlistener_free(self->listener);
		if (self->retry)
			event_free(self->retry);
		free(self);
		return NULL;
	}
	evconnlistener_set_error_cb(self->listener, error_callback);
	self->next_of_server = server->listeners;
	server->listeners = self;
	pthread_mutex_lock(&listeners_lock);
	self->next = all_listeners;
	all_listeners = self;
	pthread_mutex_unlock(&listeners_lock);
	listener_update(self);
	return self;
}

/* Called by HTTPListener.enable and disable. */
void
lepy_http_listener_set_enabled(struct lepy_http_listener *self, int enabled)
{
	self->disabled = !enabled;
	event_del(self->retry);
	listener_update(self);
}

/* Called by HTTPListener.close, and for all that are left by lepy_http_server_free. */
void
lepy_http_listener_free(struct lepy_http_listener *self)
{
	struct lepy_http_listener **place;

	for (place = &self->server->listeners; *place != self; place = &(*place)->next_of_server)
		;
	*place = self->next_of_server;
	pthread_mutex_lock(&listeners_lock);
	for (place = &all_listeners; *place != self; place = &(*place)->next)
		;
	*place = self->next;
	pthread_mutex_unlock(&listeners_lock);
	event_free(self->retry);
	evhttp_del_accept_socket(self->server->http, self->bound);
	free(self);
}

/* Called by HTTPServer for itself (pattern NULL) and for its virtual hosts, which evhttp
 * frees with the server. */
struct lepy_http_host *
lepy_http_add_host(struct lepy_http_server *server, const char *pattern, int number)
{
	struct lepy_http_host *self = calloc(1, sizeof *self);

	if (!self)
		return NULL;
	self->server = server;
	self->number = number;
	self->http = pattern ? evhttp_new(server->handle.delivery->base) : server->http;
	if (!self->http || (pattern && evhttp_add_virtual_host(server->http, pattern, self->http) < 0)) {
		if (self->http)
			evhttp_free(self->http);
		free(self);
		return NULL;
	}
	evhttp_set_gencb(self->http, lepy_http_request, self);
	self->next = server->hosts;
	server->hosts = self;
	return self;
}

/* Called by HTTPServer.fixed: path is answered with a head, which is without its end, and a
 * body, both copied.  -1: the path has an answer already, or there is no memory. */
int
lepy_http_add_fixed(struct lepy_http_host *host, const char *path, const char *head, size_t head_length,
    const char *body, size_t body_length, int status)
{
	struct lepy_http_fixed *fixed = malloc(sizeof *fixed + head_length + body_length);

	if (!fixed)
		return -1;
	fixed->server = host->server;
	fixed->status = status;
	fixed->head_length = head_length;
	fixed->body_length = body_length;
	memcpy(fixed->bytes, head, head_length);
	memcpy(fixed->bytes + head_length, body, body_length);
	if (evhttp_set_cb(host->http, path, lepy_http_answer_fixed, fixed) < 0) {
		free(fixed);
		return -1;
	}
	fixed->next = host->server->fixed;
	host->server->fixed = fixed;
	return 0;
}

/* Called by HTTPServer: the server without listeners and hosts.  A reference to tls, which
 * may be NULL, is taken. */
struct lepy_http_server *
lepy_http_server_new(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation, struct ssl_ctx_st *tls,
    size_t max_head, size_t max_body, double header_seconds, double idle_seconds, int max_connections, int logs)
{
	struct lepy_http_server *self = calloc(1, sizeof *self);
	double shortest = header_seconds < idle_seconds ? header_seconds : idle_seconds;

	if (!self)
		return NULL;
	self->handle.delivery = delivery;
	self->handle.slot = slot;
	self->handle.generation = generation;
	self->handle.level = lepy_delivery_level(delivery, event_base_get_npriorities(delivery->base) / 2);
	self->max_head = max_head;
	self->max_body = max_body;
	self->header_seconds = header_seconds;
	self->idle_seconds = idle_seconds;
	self->max_connections = max_connections;
	self->logs = logs;
	self->interval = lepy_timeval(shortest > 4 ? 1 : shortest < 0.1 ? 0.025 : shortest / 4);
	self->spare = evbuffer_new();
	self->work = event_new(delivery->base, -1, 0, lepy_http_work, self);
	self->sweep = event_new(delivery->base, -1, EV_PERSIST, lepy_http_sweep, self);
	if (self->spare && self->work && self->sweep && event_priority_set(self->work, 0) == 0)
		self->http = evhttp_new(delivery->base);
	if (!self->http) {
		lepy_http_server_free(self);
		return NULL;
	}
	evhttp_set_allowed_methods(self->http, 0xffff);
	evhttp_set_bevcb(self->http, lepy_http_accept, self);
#ifdef LEPY_WITH_OPENSSL
	if (tls)
		SSL_CTX_up_ref(tls);
#endif
	self->tls = tls;
	return self;
}

/* Called by HTTPServer.close: all that it has ends at once. */
void
lepy_http_server_free(struct lepy_http_server *self)
{
	struct lepy_http_host *host;
	struct lepy_http_fixed *fixed;

	self->is_freeing = 1;
	while (self->listeners)
		lepy_http_listener_free(self->listeners);
	if (self->http)
		evhttp_free(self->http);
	lepy_http_abandon_fresh(self);
	while ((host = self->hosts)) {
		self->hosts = host->next;
		free(host);
	}
	while ((fixed = self->fixed)) {
		self->fixed = fixed->next;
		free(fixed);
	}
	if (self->work)
		event_free(self->work);
	if (self->sweep)
		event_free(self->sweep);
	if (self->spare)
		evbuffer_free(self->spare);
#ifdef LEPY_WITH_OPENSSL
	SSL_CTX_free(self->tls);
#endif
	free(self->connections);
	free(self);
}

/* Called by HTTPServer.shutdown, its listeners being closed: nothing new is begun, and who
 * waits for no answer goes.  How many connections there still are; LEPY_KIND_HTTP_ENDED
 * comes when these are gone. */
int
lepy_http_server_end(struct lepy_http_server *self)
{
	int i;

	self->is_ending = 1;
	for (i = 0; i < self->size; i++) {
		struct lepy_http_connection *connection = self->connections[i];

		if (!connection)
			continue;
		if (connection->state != LEPY_HTTP_READING)
			connection->closes = 1;
		else if (connection->stage == LEPY_HTTP_HEAD && !connection->is_queued
		    && !evbuffer_get_length(connection->held))
			evhttp_connection_free(connection->evcon);
	}
	return self->count;
}

/* The Date field of now. */
const char *
lepy_http_date(struct lepy_http_server *self)
{
	time_t now = time(NULL);

	if (now != self->date_at) {
		char date[50];

		evutil_date_rfc1123(date, sizeof date, NULL);
		evutil_snprintf(self->date, sizeof self->date, "Date: %s\r\n", date);
		self->date_at = now;
	}
	return self->date;
}
