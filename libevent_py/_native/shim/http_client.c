/* struct evhttp_connection without a socket: what HTTPConnection calls. */
#include "shim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* evhttp sets callbacks, timeouts and events of its bufferevent when it is called.
 * Only then they are there, for nothing shall come from the loop. */
static void
rouse(struct lepy_http_client *self)
{
	bufferevent_setcb(self->shell, self->theirs.read, self->theirs.write, self->theirs.status,
	    self->theirs.arg);
}

static void
quieten(struct lepy_http_client *self)
{
	bufferevent_getcb(self->shell, &self->theirs.read, &self->theirs.write, &self->theirs.status,
	    &self->theirs.arg);
	bufferevent_setcb(self->shell, NULL, NULL, NULL, NULL);
	bufferevent_disable(self->shell, EV_READ | EV_WRITE);
}

/* evhttp is done with the request, which it frees after this. */
static void
request_callback(struct evhttp_request *request, void *arg)
{
	struct lepy_http_client *self = arg;

	self->request = NULL;
	if (request && evhttp_request_get_response_code(request))
		self->news |= LEPY_RESPONSE_DONE;
	else
		self->news |= LEPY_RESPONSE_FAILED;
}

/* Comes before request_callback(NULL). */
static void
error_callback(enum evhttp_request_error error, void *arg)
{
	struct lepy_http_client *self = arg;

	if (!self->error)
		self->error = error == EVREQ_HTTP_INVALID_HEADER ? LEPY_RESPONSE_BAD_HEAD : (int)error;
}

/* The head is parsed: Python gets it as it came, evhttp goes on with what the
 * body's end is for certain (lepy_http_response_frame). -1 fails the request. */
static int
header_callback(struct evhttp_request *request, void *arg)
{
	struct lepy_http_client *self = arg;
	struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
	const char *reason = evhttp_request_get_response_code_line(request);
	struct evkeyval *field;

	self->status = evhttp_request_get_response_code(request);
	if (!reason)
		reason = "";
	if (evbuffer_add(self->head, reason, strlen(reason) + 1) < 0)
		return -1;
	for (field = lepy_evkeyvalq_first(headers); field; field = lepy_evkeyvalq_next(field))
		if (evbuffer_add(self->head, field->key, strlen(field->key) + 1) < 0 ||
		    evbuffer_add(self->head, field->value, strlen(field->value) + 1) < 0)
			return -1;
	if (lepy_http_response_frame(self, headers) < 0)
		return -1;
	self->news |= LEPY_RESPONSE_HEAD;
	return 0;
}

static void
chunk_callback(struct evhttp_request *request, void *arg)
{
	struct lepy_http_client *self = arg;

	if (evbuffer_add_buffer(self->body, evhttp_request_get_input_buffer(request)) < 0) {
		self->error = EVREQ_HTTP_BUFFER_ERROR;
		self->news |= LEPY_RESPONSE_FAILED;
	} else {
		self->news |= LEPY_RESPONSE_BODY;
	}
}

/* Called by HTTPConnection, which owns it. */
struct lepy_http_client *
lepy_http_client_new(struct lepy_delivery *delivery, size_t max_headers_size)
{
	struct lepy_http_client *self = calloc(1, sizeof *self);

	if (!self)
		return NULL;
	self->base = delivery->base;
	self->max_headers_size = max_headers_size;
	self->output = evbuffer_new();
	self->head = evbuffer_new();
	self->body = evbuffer_new();
	if (!self->output || !self->head || !self->body) {
		lepy_http_client_free(self);
		return NULL;
	}
	return self;
}

/* Called when HTTPConnection is closed or collected. */
void
lepy_http_client_free(struct lepy_http_client *self)
{
	lepy_http_client_shut(self);
	if (self->output)
		evbuffer_free(self->output);
	if (self->head)
		evbuffer_free(self->head);
	if (self->body)
		evbuffer_free(self->body);
	free(self);
}

/* Called when Python has a connection: evhttp gets one too, at the first request.
 *
 * It takes none that is connected already, so it is left to try, where that has
 * no effect: an IPv4 address is none of IPv6's.  The error comes deferred, when
 * the callback for it is gone (quieten). */
int
lepy_http_client_open(struct lepy_http_client *self)
{
	static const struct timeval never = { 1000000000, 0 };

	self->shell = bufferevent_socket_new(self->base, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (!self->shell)
		return -1;
	self->evcon = evhttp_connection_base_bufferevent_new(self->base, NULL, self->shell, "0.0.0.0", 1);
	if (!self->evcon) {
		self->shell = NULL; /* where memory is missing evhttp may have freed it, or not */
		return -1;
	}
	evhttp_connection_set_family(self->evcon, AF_INET6);
	evhttp_connection_set_timeout_tv(self->evcon, &never);
	evhttp_connection_set_max_headers_size(self->evcon, (ev_ssize_t)self->max_headers_size);
	quieten(self);
	return 0;
}

/* Called when the connection is over, with a request under way or not; no callback comes. */
void
lepy_http_client_shut(struct lepy_http_client *self)
{
	if (self->evcon)
		evhttp_connection_free(self->evcon);
	self->evcon = NULL;
	self->shell = NULL;
	self->request = NULL;
	self->is_connected = 0;
	memset(&self->theirs, 0, sizeof self->theirs);
	if (self->output)
		evbuffer_drain(self->output, evbuffer_get_length(self->output));
	if (self->head)
		evbuffer_drain(self->head, evbuffer_get_length(self->head));
	if (self->body)
		evbuffer_drain(self->body, evbuffer_get_length(self->body));
}

/* Says to evhttp that it is connected.  2.1 asks the descriptor, and closes it:
 * a socket that is connected to nothing. */
static int
pretend_connected(struct lepy_http_client *self)
{
	evutil_socket_t token = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (token < 0)
		return -1;
	if (bufferevent_setfd(self->shell, token) < 0) {
		evutil_closesocket(token);
		return -1;
	}
	self->is_connected = 1;
	rouse(self);
	self->theirs.status(self->shell, BEV_EVENT_CONNECTED, self->theirs.arg);
	quieten(self);
	return 0;
}

/* names and values, each with a NUL behind. */
static int
add_fields(struct evhttp_request *request, const char *fields, size_t length)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	const char *end = fields + length;

	while (fields < end) {
		const char *value = fields + strlen(fields) + 1;

		if (evhttp_add_header(headers, fields, value) < 0)
			return -1;
		fields = value + strlen(value) + 1;
	}
	return 0;
}

/* evhttp thinks that a POST or PUT without Content-Length has no body, says so
 * last of all, and knows no chunks in requests. */
static void
take_length_away(struct evbuffer *output)
{
	static const char theirs[] = "Content-Length: 0\r\n\r\n";
	struct evbuffer_ptr found = evbuffer_search(output, theirs, sizeof theirs - 1, NULL);
	struct evbuffer *kept;

	if (found.pos < 0 || (kept = evbuffer_new()) == NULL)
		return;
	evbuffer_remove_buffer(output, kept, (size_t)found.pos);
	evbuffer_drain(output, evbuffer_get_length(output));
	evbuffer_add_buffer(output, kept);
	evbuffer_add(output, "\r\n", 2);
	evbuffer_free(kept);
}

/* Called to begin a request: its head is in output afterwards.  -1 with errno. */
int
lepy_http_client_request(struct lepy_http_client *self, int method, const char *target, const char *fields,
    size_t length, int is_chunked, int64_t max_body_size)
{
	struct evhttp_request *request;
	struct evbuffer *written;

	errno = 0;
	request = evhttp_request_new(request_callback, self);
	if (!request) {
		errno = ENOMEM;
		return -1;
	}
	if (add_fields(request, fields, length) < 0) {
		evhttp_request_free(request);
		errno = ENOMEM;
		return -1;
	}
	evhttp_request_set_header_cb(request, header_callback);
	evhttp_request_set_chunked_cb(request, chunk_callback);
	evhttp_request_set_error_cb(request, error_callback);
	evhttp_connection_set_max_body_size(self->evcon, (ev_ssize_t)max_body_size);
	self->is_connect = method == EVHTTP_REQ_CONNECT;
	self->has_no_body = method == EVHTTP_REQ_HEAD;
	self->status = self->minor = self->error = self->news = 0;
	self->framing = LEPY_BODY_NONE;
	self->state = LEPY_AT_HEAD;
	self->trailers = 0;
	self->request = request;
	rouse(self);
	if (evhttp_make_request(self->evcon, request, (enum evhttp_cmd_type)method, target) < 0) {
		self->request = NULL; /* evhttp has freed it */
		errno = ENOMEM;
		return -1;
	}
	quieten(self);
	if (!self->is_connected && pretend_connected(self) < 0)
		return -1;
	if (!self->theirs.write || !self->request) {
		errno = ENOMEM;
		return -1;
	}
	written = bufferevent_get_output(self->shell);
	evbuffer_unfreeze(written, 1);
	if (!evbuffer_get_length(written) || evbuffer_add_buffer(self->output, written) < 0) {
		errno = ENOMEM;
		return -1;
	}
	if (is_chunked)
		take_length_away(self->output);
	/* All is written, as far as evhttp sees: it waits for the response. */
	rouse(self);
	self->theirs.write(self->shell, self->theirs.arg);
	quieten(self);
	return 0;
}

void
lepy_http_client_read(struct lepy_http_client *self)
{
	if (self->request && self->theirs.read) {
		rouse(self);
		self->theirs.read(self->shell, self->theirs.arg);
		quieten(self);
	}
}

/* Called with what came from the server: takes of it what belongs to the response,
 * up to the head's end or so much of the body as there is, and says what that was. */
int
lepy_http_client_feed(struct lepy_http_client *self, struct evbuffer *source)
{
	self->news = 0;
	if (!self->request)
		return 0;
	if (lepy_http_response_move(self, source) < 0)
		self->news |= LEPY_RESPONSE_FAILED;
	return self->news;
}

/* Called when the server has ended the stream: the end of a body that has no other. */
int
lepy_http_client_end(struct lepy_http_client *self)
{
	self->news = 0;
	if (self->request && self->framing == LEPY_BODY_CLOSE && self->state == LEPY_AT_BODY) {
		rouse(self);
		self->theirs.status(self->shell, BEV_EVENT_READING | BEV_EVENT_EOF, self->theirs.arg);
		quieten(self);
	}
	return self->news;
}
