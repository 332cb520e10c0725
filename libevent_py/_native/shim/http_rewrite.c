/* Requests that evhttp would read otherwise than their client meant, written anew. */
#include "shim.h"

#include <string.h>
#include <strings.h>

/* The request line that evhttp gets instead of the client's. */
static void
write_request_line(struct lepy_http_connection *self, struct evbuffer *to)
{
	const struct lepy_http_head *head = &self->head;
	const char *target = self->text + head->method_length + 1;
	size_t length = head->target_length;

	if (head->method)
		evbuffer_add(to, self->text, head->method_length);
	else
		evbuffer_add(to, "PATCH", 5); /* it may have a body and an answer with one */
	if (length > 1 && target[0] == '/' && target[1] == '/') {
		/* A path, where evhttp would see a host. */
		evbuffer_add(to, " /%2F", 5);
		target += 2;
		length -= 2;
	} else if (*target != '/' && *target != '*' && !memchr(target, '/', length)) {
		target = "/"; /* CONNECT's */
		length = 1;
		evbuffer_add(to, " ", 1);
	} else {
		evbuffer_add(to, " ", 1);
	}
	evbuffer_add(to, target, length);
	evbuffer_add_printf(to, " HTTP/1.%d\r\n", head->minor);
}

static int
is_about_body(const char *line)
{
	return strncasecmp(line, "content-length:", 15) == 0 || strncasecmp(line, "transfer-encoding:", 18) == 0
	    || strncasecmp(line, "expect:", 7) == 0;
}

/* Called by http_guard.c: the request as evhttp is to see it, into spare. */
void
lepy_http_write_anew(struct lepy_http_connection *self)
{
	struct evbuffer *to = self->server->spare;
	const char *line = memchr(self->text, '\n', self->head.length), *end = self->text + self->head.length - 2;

	write_request_line(self, to);
	for (line++; line < end; ) {
		const char *next = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1;

		if (!is_about_body(line))
			evbuffer_add(to, line, (size_t)(next - line));
		line = next;
	}
	evbuffer_add_printf(to, "Content-Length: %zu\r\n\r\n", evbuffer_get_length(self->body));
	evbuffer_add_buffer(to, self->body);
}

/* Called by http_guard.c: whether evhttp cannot be given the request as it came. */
int
lepy_http_is_written_anew(const struct lepy_http_connection *self)
{
	const char *target = self->text + self->head.method_length + 1;

	return self->head.is_chunked || !self->head.method || (*target != '/' && *target != '*')
	    || (self->head.target_length > 1 && target[1] == '/');
}
