/* What comes from a client, before evhttp sees it.
 *
 * evhttp believes too much, and is not told what to believe.  So the guard stands at the
 * connection's input: it holds back what comes until a whole request is there, refuses
 * what RFC 9112 does not allow, and gives evhttp one request at a time, with a body of
 * known length and without trailers.  What is well-formed and whole stays where it is. */
#include "shim.h"

#include <stdlib.h>
#include <string.h>

/* Few bytes are copied together: a chain of libevent's for each would take a thousand
 * times their size. */
#define COPY_BELOW 2048
/* Most bytes of a chunk-size line, with its extensions. */
#define LONGEST_CHUNK_LINE 4096
/* So much of further requests is taken in while one is worked on. */
#define MOST_AHEAD (64 * 1024)

static void
move(struct evbuffer *from, struct evbuffer *to, size_t length)
{
	char copied[COPY_BELOW];

	while (length > 0 && length < COPY_BELOW) {
		int count = evbuffer_remove(from, copied, length);

		if (count <= 0)
			return;
		evbuffer_add(to, copied, (size_t)count);
		length -= (size_t)count;
	}
	if (length)
		evbuffer_remove_buffer(from, to, length);
}

static void
hold(struct lepy_http_connection *self, struct evbuffer *input)
{
	move(input, self->held, evbuffer_get_length(input));
}

/* Puts the request of spare where evhttp reads it; outside of libevent's own reading evhttp
 * is told, which may end the connection. */
static void
present(struct lepy_http_connection *self, int in_callback)
{
	struct evbuffer *input = bufferevent_get_input(self->bufferevent);

	evbuffer_prepend_buffer(input, self->server->spare);
	self->server->current = self;
	self->is_presented = 1;
	if (!in_callback) {
		self->feeding = 0;
		self->read(self->bufferevent, self->evcon);
	}
}

/* Called for what is no good, and by lepy_http_sweep: evhttp gets a request of ours
 * instead, whose answer http_request.c knows, and ends the connection behind that. */
void
lepy_http_refuse(struct lepy_http_connection *self, int status, int in_callback)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n";
	struct evbuffer *input = bufferevent_get_input(self->bufferevent);

	self->refusal = status;
	self->feeding = 1;
	evbuffer_drain(input, evbuffer_get_length(input));
	evbuffer_drain(self->held, evbuffer_get_length(self->held));
	evbuffer_drain(self->body, evbuffer_get_length(self->body));
	evbuffer_add(self->server->spare, request, sizeof request - 1);
	present(self, in_callback);
	if (in_callback)
		self->feeding = 0;
}

/* What the client waits for before it sends the body.  Not by evhttp, which would do
 * that when it sees the head. */
static void
send_continue(struct lepy_http_connection *self)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

	/* evhttp's write callback would take it for an answer's end. */
	bufferevent_setcb(self->bufferevent, self->read, NULL, self->status, self->evcon);
	bufferevent_enable(self->bufferevent, EV_WRITE);
	bufferevent_write(self->bufferevent, text, sizeof text - 1);
}

/* Each of these goes on with the bytes of source: 1, it is done and the next stage
 * begins; 0, more must come; else the status that refuses it. */

static int
read_head(struct lepy_http_connection *self, struct evbuffer *source)
{
	const size_t most = self->server->max_head;
	size_t length, end;
	const char *data;
	char first[2];
	int result;

	while (evbuffer_copyout(source, first, 2) == 2 && first[0] == '\r' && first[1] == '\n') {
		evbuffer_drain(source, 2); /* RFC 9112 2.2 */
		self->scanned = 0;         /* where the CR came alone */
	}
	length = evbuffer_get_length(source);
	if (length > most)
		length = most;
	if (length == 0)
		return 0;
	/* The head has one deadline from its first byte on, which no empty line before it is. */
	if (!self->scanned && first[0] != '\r')
		self->since = lepy_http_now();
	data = (const char *)evbuffer_pullup(source, (ev_ssize_t)length);
	if (!data)
		return 503;
	result = lepy_http_find_end(data, length, self->scanned, &end);
	if (result > 1)
		return result;
	if (result == 0) {
		self->scanned = length;
		if (length < most)
			return 0;
		return memchr(data, '\n', length) ? 431 : 414;
	}
	self->scanned = 0;
	result = lepy_http_parse_head(data, end, &self->head);
	if (result)
		return result;
	if (end > self->text_size) {
		char *grown = realloc(self->text, end);

		if (!grown)
			return 503;
		self->text = grown;
		self->text_size = end;
	}
	memcpy(self->text, data, end);
	if (self->head.is_chunked) {
		evbuffer_drain(source, end);
		self->stage = LEPY_HTTP_CHUNK_SIZE;
	} else {
		self->stage = LEPY_HTTP_BODY;
		self->wanted = self->head.content_length > 0 ? (uint64_t)self->head.content_length : 0;
		if (self->wanted > self->server->max_body)
			return 413;
		if (lepy_http_is_written_anew(self))
			evbuffer_drain(source, end);
		else
			self->wanted += end;
	}
	if (self->head.expects_continue && (self->head.is_chunked || evbuffer_get_length(source) < self->wanted))
		send_continue(self);
	return 1;
}

/* A line without its end into line: its length, -1 where it is not whole, or below that
 * the negative status of what refuses it. */
static ptrdiff_t
read_line(struct evbuffer *source, char *line, size_t most)
{
	/* Not by copying all that may be it: many short lines would be copied again and again. */
	const ev_ssize_t end = evbuffer_search(source, "\n", 1, NULL).pos;

	if (end < 0 || (size_t)end >= most)
		return evbuffer_get_length(source) >= most ? -400 : -1;
	evbuffer_remove(source, line, (size_t)end + 1);
	if (end == 0 || line[end - 1] != '\r')
		return -400;
	return end - 1;
}

static int
read_chunk_size(struct lepy_http_connection *self, struct evbuffer *source)
{
	char line[LONGEST_CHUNK_LINE];
	ptrdiff_t length = read_line(source, line, sizeof line);
	int status;

	if (length < 0)
		return length == -1 ? 0 : (int)-length;
	status = lepy_http_parse_chunk_size(line, (size_t)length, &self->wanted);
	if (status)
		return status;
	if (self->wanted > self->server->max_body - evbuffer_get_length(self->body))
		return 413;
	self->trailer_length = 0;
	self->stage = self->wanted ? LEPY_HTTP_CHUNK : LEPY_HTTP_TRAILERS;
	return 1;
}

static int
read_chunk(struct lepy_http_connection *self, struct evbuffer *source)
{
	size_t length = evbuffer_get_length(source);

	if (length > self->wanted)
		length = (size_t)self->wanted;
	move(source, self->body, length);
	self->wanted -= length;
	if (self->wanted)
		return 0;
	self->stage = LEPY_HTTP_CHUNK_END;
	return 1;
}

static int
read_chunk_end(struct lepy_http_connection *self, struct evbuffer *source)
{
	char end[2];
	ev_ssize_t count = evbuffer_copyout(source, end, 2);

	if (count > 0 && (end[0] != '\r' || (count == 2 && end[1] != '\n')))
		return 400;
	if (count < 2)
		return 0;
	evbuffer_drain(source, 2);
	self->stage = LEPY_HTTP_CHUNK_SIZE;
	return 1;
}

/* RFC 9112 7.1.2 lets them be thrown away. */
static int
read_trailers(struct lepy_http_connection *self, struct evbuffer *source, int *is_whole)
{
	const size_t most = self->server->max_head;
	char *line = malloc(most);
	ptrdiff_t length;
	int status = 0;

	if (!line)
		return 503;
	for (;;) {
		length = read_line(source, line, most - self->trailer_length);
		if (length < -1)
			status = evbuffer_get_length(source) >= most - self->trailer_length ? 431 : 400;
		if (length <= 0)
			break;
		self->trailer_length += (size_t)length + 2;
		status = lepy_http_check_field(line, (size_t)length);
		if (!status && self->trailer_length >= most)
			status = 431;
		if (status)
			break;
	}
	free(line);
	*is_whole = !status && length == 0;
	return status;
}

/* A whole request is in source, or in source and body, or it is refused. */
static void
present_request(struct lepy_http_connection *self, struct evbuffer *source, int in_callback)
{
	struct evbuffer *input = bufferevent_get_input(self->bufferevent);

	self->stage = LEPY_HTTP_HEAD;
	if (lepy_http_is_written_anew(self)) {
		if (source == input)
			hold(self, input);
		lepy_http_write_anew(self);
	} else if (source == input && evbuffer_get_length(input) == self->wanted) {
		self->server->current = self; /* as nearly always */
		self->is_presented = 1;
		return;
	} else {
		if (source == input)
			hold(self, input);
		evbuffer_remove_buffer(self->held, self->server->spare, (size_t)self->wanted);
	}
	present(self, in_callback);
}

/* Called where bytes have come, and where evhttp has done with a request and some are held. */
void
lepy_http_advance(struct lepy_http_connection *self, int in_callback)
{
	struct evbuffer *input = bufferevent_get_input(self->bufferevent), *source = input;
	int result = 1, is_whole = 0;

	self->feeding = 1;
	if (evbuffer_get_length(self->held)) {
		hold(self, input);
		source = self->held;
	}
	while (result == 1 && !is_whole) {
		switch (self->stage) {
		case LEPY_HTTP_HEAD:
			result = read_head(self, source);
			break;
		case LEPY_HTTP_BODY:
			if (lepy_http_is_written_anew(self)) {
				result = read_chunk(self, source);
				is_whole = result == 1;
			} else {
				is_whole = evbuffer_get_length(source) >= self->wanted;
				result = is_whole;
			}
			break;
		case LEPY_HTTP_CHUNK_SIZE:
			result = read_chunk_size(self, source);
			break;
		case LEPY_HTTP_CHUNK:
			result = read_chunk(self, source);
			break;
		case LEPY_HTTP_CHUNK_END:
			result = read_chunk_end(self, source);
			break;
		case LEPY_HTTP_TRAILERS:
			result = read_trailers(self, source, &is_whole);
			break;
		}
	}
	if (result > 1) {
		lepy_http_refuse(self, result, in_callback);
		return;
	}
	if (is_whole) {
		present_request(self, source, in_callback);
		if (!in_callback)
			return; /* the connection may be gone */
	} else if (source == input) {
		hold(self, input);
	}
	self->feeding = 0;
}

/* Bytes have come before evhttp has read what it was given, or evhttp has refused that by
 * itself, and only closes. */
static void
hold_added(struct lepy_http_connection *self, struct evbuffer *input, size_t added)
{
	struct evbuffer *presented = self->server->spare;

	evbuffer_remove_buffer(input, presented, evbuffer_get_length(input) - added);
	hold(self, input);
	evbuffer_prepend_buffer(input, presented);
}

/* libevent's callback when bytes have come, before evhttp's. */
void
lepy_http_guard(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
	struct lepy_http_connection *self = arg;

	if (!info->n_added || self->feeding)
		return;
	if (self->state != LEPY_HTTP_READING || self->is_presented || self->is_queued) {
		self->feeding = 1;
		if (self->is_presented)
			hold_added(self, input, info->n_added);
		else if (self->refusal || self->closes)
			evbuffer_drain(input, evbuffer_get_length(input));
		else
			hold(self, input);
		self->feeding = 0;
		if (evbuffer_get_length(self->held) > MOST_AHEAD)
			bufferevent_disable(self->bufferevent, EV_READ);
		return;
	}
	if (self->stage != LEPY_HTTP_HEAD) /* the body's deadline, from its last byte on */
		self->since = lepy_http_now();
	lepy_http_advance(self, 1);
}
