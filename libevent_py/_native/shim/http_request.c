/* Requests that evhttp presents, and what Python asks about them. */
#include "shim.h"

#include <stdlib.h>
#include <string.h>

/* Bodies up to so many bytes ride along with their record. */
#define SMALL_BODY (16 * 1024)

/* The connection of a request that is to be answered, NULL where it is gone. */
struct lepy_http_connection *
lepy_http_find(const struct lepy_http_server *server, int index, uint32_t generation)
{
	struct lepy_http_connection *self;

	if (index < 0 || index >= server->size)
		return NULL;
	self = server->connections[index];
	return self && self->state == LEPY_HTTP_BUSY && self->generation == generation ? self : NULL;
}

/* Meta, head and, where it is small, body: how many bytes they are, which are in room
 * where that is enough. */
static size_t
describe(const struct lepy_http_connection *self, char *room, size_t size)
{
	const struct lepy_http_head *head = &self->head;
	struct evbuffer *body = evhttp_request_get_input_buffer(self->request);
	const size_t body_length = evbuffer_get_length(body);
	const size_t inlined = body_length <= SMALL_BODY ? body_length : 0;
	const size_t length = sizeof(struct lepy_http_meta) + self->address_length + head->length + inlined;
	struct lepy_http_meta meta = {
		.generation = self->generation,
		.head_length = (uint32_t)head->length,
		.method_length = (uint32_t)head->method_length,
		.target_length = (uint32_t)head->target_length,
		.host = self->host,
		.inline_length = body_length <= SMALL_BODY ? (int32_t)inlined : -1,
		.body_length = body_length,
		.minor = (uint8_t)head->minor,
		.keep_alive = (uint8_t)!self->closes,
		.is_tls = self->tls != NULL,
		.address_length = (uint8_t)self->address_length,
		.is_head = head->method == EVHTTP_REQ_HEAD,
	};

	if (length > size)
		return length;
	memcpy(room, &meta, sizeof meta);
	room += sizeof meta;
	memcpy(room, &self->address, self->address_length);
	room += self->address_length;
	memcpy(room, self->text, head->length);
	if (inlined)
		evbuffer_copyout(body, room + head->length, inlined);
	return length;
}

static void
report(struct lepy_http_connection *self)
{
	struct lepy_handle *handle = &self->server->handle;
	char *room;
	size_t size, length;

	lepy_report_begin(handle);
	size = lepy_report_room(handle, &room);
	length = describe(self, room, size);
	self->taken = length <= size;
	lepy_report_end(handle, LEPY_KIND_HTTP_REQUEST, self->index, self->taken ? length : 0);
}

/* evhttp's callback for what no path of its own is for: the argument is the virtual host. */
void
lepy_http_request(struct evhttp_request *request, void *arg)
{
	struct lepy_http_host *host = arg;
	struct lepy_http_server *server = host->server;
	struct lepy_http_connection *self = lepy_http_connection_of(server, request);

	if (!self) { /* there was no memory for one */
		evhttp_send_error(request, HTTP_SERVUNAVAIL, NULL);
		return;
	}
	lepy_http_take_over(self, request);
	if (self->refusal) {
		lepy_http_send_page(self, self->refusal);
		return;
	}
	self->host = host->number;
	report(self);
}

/* evhttp's callback for a path with a fixed answer. */
void
lepy_http_answer_fixed(struct evhttp_request *request, void *arg)
{
	struct lepy_http_fixed *fixed = arg;
	struct lepy_http_connection *self = lepy_http_connection_of(fixed->server, request);
	struct iovec pieces[2];

	if (!self) {
		evhttp_send_error(request, HTTP_SERVUNAVAIL, NULL);
		return;
	}
	lepy_http_take_over(self, request);
	if (self->refusal) {
		lepy_http_send_page(self, self->refusal);
		return;
	}
	if (self->head.method != EVHTTP_REQ_GET && self->head.method != EVHTTP_REQ_HEAD) {
		lepy_http_send_page(self, 405);
		return;
	}
	pieces[0].iov_base = fixed->bytes;
	pieces[0].iov_len = fixed->head_length;
	pieces[1].iov_base = fixed->bytes + fixed->head_length;
	pieces[1].iov_len = self->head.method == EVHTTP_REQ_HEAD ? 0 : fixed->body_length;
	lepy_http_log(self, fixed->status, pieces[1].iov_len);
	lepy_http_send(self, pieces, 2, 0);
}

/* For what C answers by itself, before that: Python's access log hears of it. */
void
lepy_http_log(struct lepy_http_connection *self, int status, size_t body_length)
{
	struct lepy_handle *handle = &self->server->handle;
	/* Of a head that was refused there may be no line that is worth telling. */
	const int is_known = !self->refusal || self->stage != LEPY_HTTP_HEAD;
	const char *end = is_known ? memchr(self->text, '\r', self->head.length) : NULL;
	struct lepy_http_logged logged = { .body_length = body_length };
	size_t length;
	char *room;

	if (!self->server->logs)
		return;
	logged.address_length = self->address_length;
	logged.line_length = end ? (uint32_t)(end - self->text) : 0;
	length = sizeof logged + self->address_length + logged.line_length;
	lepy_report_begin(handle);
	if (lepy_report_room(handle, &room) >= length) {
		memcpy(room, &logged, sizeof logged);
		memcpy(room + sizeof logged, &self->address, self->address_length);
		memcpy(room + sizeof logged + self->address_length, self->text, logged.line_length);
	} else {
		length = 0; /* told, without saying of what */
	}
	lepy_report_end(handle, LEPY_KIND_HTTP_LOG, status, length);
}

/* Called by HTTPServer for a record without bytes: as those would be.  0: the request is
 * gone, or another record had it; a size that is larger than room: come again. */
int64_t
lepy_http_describe(struct lepy_http_server *server, int index, char *room, size_t size)
{
	struct lepy_http_connection *self = index < server->size ? server->connections[index] : NULL;
	size_t length;

	if (!self || self->state != LEPY_HTTP_BUSY || self->taken)
		return 0;
	length = describe(self, room, size);
	self->taken = length <= size;
	return (int64_t)length;
}

/* Called by HTTPRequest: takes the body's bytes; how many there were. */
int64_t
lepy_http_body(struct lepy_http_server *server, int index, uint32_t generation, char *room, size_t size)
{
	struct lepy_http_connection *self = lepy_http_find(server, index, generation);

	if (!self)
		return LEPY_HTTP_GONE;
	return evbuffer_copyout(evhttp_request_get_input_buffer(self->request), room, size);
}

/* Called by HTTPRequest: of its connection; NULL of a plain one, and once it is gone. */
struct lepy_tls *
lepy_http_tls(struct lepy_http_server *server, int index, uint32_t generation)
{
	struct lepy_http_connection *self = lepy_http_find(server, index, generation);

	return self ? self->tls : NULL;
}

/* Called by HTTPRequest.pointer; borrowed, NULL once it is answered or gone. */
struct evhttp_request *
lepy_http_pointer(struct lepy_http_server *server, int index, uint32_t generation)
{
	struct lepy_http_connection *self = lepy_http_find(server, index, generation);

	return self ? self->request : NULL;
}
