/* Answers: what HTTPRequest calls, and what C answers by itself.
 *
 * While a request is to be answered, the connection's callbacks are ours: evhttp's own
 * would not notice a client that goes away, and would end the process where one sends
 * more.  evhttp hears of the answer when that is sent (evhttp_send_reply_end), and goes
 * on with the connection, or closes it. */
#include "shim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

/* The answer is sent: evhttp waits for the next request, or closes; the connection may
 * be gone then. */
void
lepy_http_finish(struct lepy_http_connection *self)
{
	struct lepy_http_server *server = self->server;
	struct evhttp_request *request = self->request;
	const int index = self->index;

	if (self->closes)
		evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close");
	self->state = LEPY_HTTP_READING;
	self->request = NULL;
	self->is_first = 0;
	self->since = lepy_http_now();
	evhttp_send_reply_end(request);
	if (server->connections[index] == self && evbuffer_get_length(self->held))
		lepy_http_feed_later(self);
}

static void
fail(struct lepy_http_connection *self)
{
	evhttp_connection_free(self->evcon); /* and the request with it */
}

/* Bytes for the client: at once where the socket takes them, else libevent sends them.
 * -1 where the connection has failed. */
static int
put(struct lepy_http_connection *self, const struct iovec *pieces, int count)
{
	struct evbuffer *output = bufferevent_get_output(self->bufferevent);
	size_t sent = 0;
	int i;

	if (!self->tls && !evbuffer_get_length(output)) {
		struct msghdr message = { .msg_iov = (struct iovec *)pieces, .msg_iovlen = (size_t)count };
		ssize_t result = sendmsg(bufferevent_getfd(self->bufferevent), &message, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (result < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ENOBUFS)
			return -1;
		sent = result > 0 ? (size_t)result : 0;
	}
	for (i = 0; i < count; i++) {
		size_t skipped = sent < pieces[i].iov_len ? sent : pieces[i].iov_len;

		sent -= skipped;
		if (skipped < pieces[i].iov_len
		    && evbuffer_add(output, (char *)pieces[i].iov_base + skipped, pieces[i].iov_len - skipped) < 0)
			return -1;
	}
	return 0;
}

/* Behind put: lets libevent send what is left. */
static void
send_rest(struct lepy_http_connection *self)
{
	if (!evbuffer_get_length(bufferevent_get_output(self->bufferevent)))
		return;
	if (!self->has_timeout) {
		struct timeval limit = lepy_timeval(self->server->idle_seconds);

		self->has_timeout = bufferevent_set_timeouts(self->bufferevent, NULL, &limit) == 0;
	}
	bufferevent_enable(self->bufferevent, EV_WRITE);
}

/* What is refused may be long: the client would lose the answer where the socket is closed
 * with bytes that nobody has read. */
static int
lingers(struct lepy_http_connection *self)
{
	if (!self->refusal || self->has_ended || self->state == LEPY_HTTP_LINGERING)
		return 0;
	self->state = LEPY_HTTP_LINGERING;
	self->since = lepy_http_now();
	if (!self->tls)
		shutdown(bufferevent_getfd(self->bufferevent), SHUT_WR);
	return 1;
}

/* The answer is whole. */
static void
end(struct lepy_http_connection *self)
{
	struct evbuffer *output = bufferevent_get_output(self->bufferevent);

	self->state = LEPY_HTTP_ENDING;
	if (!evbuffer_get_length(output) && lepy_http_next_piece(self) < 0)
		fail(self);
	else if (evbuffer_get_length(output))
		send_rest(self);
	else if (!lingers(self))
		lepy_http_finish(self);
}

static void
write_callback(struct bufferevent *bufferevent, void *arg)
{
	struct lepy_http_connection *self = arg;

	(void)bufferevent;
	if (evbuffer_get_length(bufferevent_get_output(self->bufferevent)))
		return;
	if (self->state == LEPY_HTTP_ENDING) {
		end(self);
	} else if (self->wants_drained) {
		self->wants_drained = 0;
		lepy_report(&self->server->handle, LEPY_KIND_HTTP_DRAINED, self->index);
	}
}

static void
status_callback(struct bufferevent *bufferevent, short what, void *arg)
{
	struct lepy_http_connection *self = arg;

	(void)bufferevent;
	if (what & BEV_EVENT_CONNECTED)
		return;
	if (self->state == LEPY_HTTP_LINGERING) {
		lepy_http_finish(self);
		return;
	}
	if ((what & (BEV_EVENT_READING | BEV_EVENT_EOF)) != (BEV_EVENT_READING | BEV_EVENT_EOF) || self->has_ended) {
		fail(self);
		return;
	}
	/* It sends no more, and may still read: what shutdown(SHUT_WR) does looks the same
	 * as close() until something is sent. */
	self->has_ended = 1;
	self->closes = 1;
	bufferevent_disable(self->bufferevent, EV_READ);
	if (self->state == LEPY_HTTP_BUSY)
		lepy_report(&self->server->handle, LEPY_KIND_HTTP_DISCONNECT, self->index);
}

/* For evhttp's callbacks: the request is to be answered from now on. */
void
lepy_http_take_over(struct lepy_http_connection *self, struct evhttp_request *request)
{
	self->server->current = NULL;
	self->request = request;
	self->is_presented = 0;
	self->state = LEPY_HTTP_BUSY;
	self->generation++;
	self->closes = !self->head.keep_alive || self->refusal || self->server->is_ending;
	self->is_started = self->is_chunked = self->wants_drained = 0;
	lepy_http_watch(self);
	bufferevent_setcb(self->bufferevent, NULL, write_callback, status_callback, self);
	bufferevent_enable(self->bufferevent, EV_READ);
}

/* What ends a head: fields that depend on the connection. */
static struct iovec
last_fields(struct lepy_http_connection *self, int flags, char *room, size_t size)
{
	const char *connection = "";
	struct iovec piece = { .iov_base = room };
	int length;

	if (flags & LEPY_HTTP_CLOSES)
		self->closes = 1;
	if (self->closes)
		connection = "Connection: close\r\n";
	else if (self->head.minor == 0)
		connection = "Connection: keep-alive\r\n";
	length = snprintf(room, size, "%s%s\r\n",
	    flags & LEPY_HTTP_DATED ? "" : lepy_http_date(self->server), connection);
	piece.iov_len = (size_t)length;
	return piece;
}

/* For fixed and whole answers: a head without its end, and a body.  The connection may
 * be gone behind this. */
void
lepy_http_send(struct lepy_http_connection *self, const struct iovec *pieces, int count, int flags)
{
	char room[160];
	struct iovec all[3];

	all[0] = pieces[0];
	all[1] = last_fields(self, flags, room, sizeof room);
	if (count > 1)
		all[2] = pieces[1];
	if (put(self, all, count + 1) < 0)
		fail(self);
	else
		end(self);
}

static const char *
reason_of(int status)
{
	switch (status) {
	case 400:
		return "Bad Request";
	case 405:
		return "Method Not Allowed";
	case 408:
		return "Request Timeout";
	case 413:
		return "Content Too Large";
	case 414:
		return "URI Too Long";
	case 417:
		return "Expectation Failed";
	case 431:
		return "Request Header Fields Too Large";
	case 500:
		return "Internal Server Error";
	case 501:
		return "Not Implemented";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Service Unavailable";
	}
}

/* What C answers where nobody is asked. */
void
lepy_http_send_page(struct lepy_http_connection *self, int status)
{
	const char *reason = reason_of(status);
	char head[256], body[128];
	struct iovec pieces[2] = { { .iov_base = head }, { .iov_base = body } };
	int is_head = !self->refusal && self->head.method == EVHTTP_REQ_HEAD;

	pieces[1].iov_len = (size_t)snprintf(body, sizeof body, "%d %s\n", status, reason);
	pieces[0].iov_len = (size_t)snprintf(head, sizeof head,
	    "HTTP/1.1 %d %s\r\n%sContent-Type: text/plain\r\nContent-Length: %zu\r\n", status, reason,
	    status == 405 ? "Allow: GET, HEAD\r\n" : "", pieces[1].iov_len);
	lepy_http_log(self, status, is_head ? 0 : pieces[1].iov_len);
	lepy_http_send(self, pieces, is_head ? 1 : 2, self->refusal ? LEPY_HTTP_CLOSES : 0);
}

/* Called by HTTPRequest.reply: head is without its end, and says how long body is. */
int
lepy_http_reply(struct lepy_http_server *server, int index, uint32_t generation, const char *head,
    size_t head_length, const char *body, size_t body_length, int flags)
{
	struct lepy_http_connection *self = lepy_http_find(server, index, generation);
	struct iovec pieces[2];

	if (!self || self->is_started)
		return LEPY_HTTP_GONE;
	pieces[0].iov_base = (char *)head;
	pieces[0].iov_len = head_length;
	pieces[1].iov_base = (char *)body;
	pieces[1].iov_len = body_length;
	lepy_http_send(self, pieces, 2, flags);
	return 0;
}

/* Called by HTTPRequest.start_reply and reply_file: head is without its end. */
int
lepy_http_start(struct lepy_http_server *server, int index, uint32_t generation, const char *head,
    size_t head_length, int is_chunked, int flags)
{
	struct lepy_http_connection *self = lepy_http_find(server, index, generation);
	struct iovec pieces[2];
	char room[160];

	if (!self || self->is_started)
		return LEPY_HTTP_GONE;
	self->is_started = 1;
	self->is_chunked = is_chunked;
	pieces[0].iov_base = (char *)head;
	pieces[0].iov_len = head_length;
	pieces[1] = last_fields(self, flags, room, sizeof room);
	if (put(self, pieces, 2) < 0) {
		fail(self);
		return LEPY_HTTP_GONE;
	}
	send_rest(self);
	return 0;
}

/* Called by HTTPRequest.write: how many bytes wait to be sent. */
int64_t
lepy_http_write(struct lepy_http_server *server, int index, uint32_t generation, const char *data, size_t length)
{
	struct lepy_http_connection *self = lepy_http_find(server, index, generation);
	struct iovec pieces[3];
	char size[24];
	int result;

	if (!self || !self->is_started)
		return LEPY_HTTP_GONE;
	pieces[1].iov_base = (char *)data;
	pieces[1].iov_len = length;
	if (self->is_chunked && length) {
		pieces[0].iov_base = size;
		pieces[0].iov_len = (size_t)snprintf(size, sizeof size, "%zx\r\n", length);
		pieces[2].iov_base = (char *)"\r\n";
		pieces[2].iov_len = 2;
		result = put(self, pieces, 3);
	} else {
		result = put(self, pieces + 1, 1);
	}
	if (result < 0) {
		fail(self);
		return LEPY_HTTP_GONE;
	}
	send_rest(self);
	return (int64_t)evbuffer_get_length(bufferevent_get_output(self->bufferevent));
}

/* Called by HTTPRequest.end. */
int
lepy_http_end(struct lepy_http_server *server, int index, uint32_t generation)
{
	struct lepy_http_connection *self = lepy_http_find(server, index, generation);
	struct iovec last = { .iov_base = (char *)"0\r\n\r\n", .iov_len = 5 };

	if (!self || !self->is_started)
		return LEPY_HTTP_GONE;
	if (self->is_chunked && put(self, &last, 1) < 0)
		fail(self);
	else
		end(self);
	return 0;
}

/* Called by HTTPRequest where it waits: LEPY_KIND_HTTP_DRAINED when all is sent; 1: it is. */
int
lepy_http_notify_drained(struct lepy_http_server *server, int index, uint32_t generation)
{
	struct lepy_http_connection *self = lepy_http_find(server, index, generation);

	if (!self)
		return LEPY_HTTP_GONE;
	if (!evbuffer_get_length(bufferevent_get_output(self->bufferevent)))
		return 1;
	self->wants_drained = 1;
	return 0;
}

/* Called by HTTPRequest where an answer cannot be ended as it was begun, or is not wanted. */
int
lepy_http_abort(struct lepy_http_server *server, int index, uint32_t generation)
{
	struct lepy_http_connection *self = lepy_http_find(server, index, generation);

	if (!self)
		return LEPY_HTTP_GONE;
	self->has_ended = 1; /* Python knows */
	fail(self);
	return 0;
}

/* Called by HTTPServer where a request is dropped: answers 500, or cuts off what was begun. */
int
lepy_http_drop(struct lepy_http_server *server, int index, uint32_t generation)
{
	struct lepy_http_connection *self = lepy_http_find(server, index, generation);

	if (!self)
		return LEPY_HTTP_GONE;
	if (self->is_started)
		return lepy_http_abort(server, index, generation);
	lepy_http_send_page(self, 500);
	return 0;
}
