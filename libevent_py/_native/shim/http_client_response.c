/* What of a response evhttp may see.  It takes much that RFC 9112 forbids, and
 * some that would cut a body short or buffer it without bound: that is refused
 * here, or said in another way. */
#include "shim.h"

#include <string.h>

static int
is_token(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
	    (c && strchr("!#$%&'*+-.^_`|~", c));
}

static int
is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

/* Of a value, a reason, a chunk's extension. */
static int
is_text(unsigned char c)
{
	return (c >= ' ' && c != 0x7f) || c == '\t';
}

/* A status line without its end: HTTP/1.x, three digits, perhaps a reason.  The
 * status, or -1. */
static int
status_line(const char *line, size_t length, int *minor)
{
	static const char version[] = "HTTP/1.";
	const char *digits = line + sizeof version + 1;
	size_t i;

	if (length < sizeof version + 4 || memcmp(line, version, sizeof version - 1) != 0 ||
	    !is_digit(line[sizeof version - 1]) || line[sizeof version] != ' ')
		return -1;
	if (digits[0] < '1' || digits[0] > '9' || !is_digit(digits[1]) || !is_digit(digits[2]))
		return -1;
	if (length > sizeof version + 4 && digits[3] != ' ')
		return -1;
	for (i = sizeof version + 4; i < length; i++)
		if (!is_text(line[i]))
			return -1;
	*minor = line[sizeof version - 1] - '0';
	return (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
}

/* A name, a colon, a value; or, behind the first of them, a line that goes on
 * with the value, which evhttp joins. */
static int
field_line(const char *line, size_t length, int is_first)
{
	size_t i = 0;

	if (line[0] == ' ' || line[0] == '\t') {
		if (is_first)
			return -1;
	} else {
		while (i < length && is_token(line[i]))
			i++;
		if (!i || i == length || line[i] != ':')
			return -1;
	}
	for (i++; i < length; i++)
		if (!is_text(line[i]))
			return -1;
	return 0;
}

/* A whole head, its last line the empty one: its status, or -1. */
static int
check_head(const char *head, size_t length, int *minor)
{
	const char *end = head + length;
	int status = 0, lines = 0;

	while (head < end) {
		const char *eol = memchr(head, '\n', (size_t)(end - head));
		size_t size = (size_t)(eol - head);

		if (size && eol[-1] == '\r')
			size--;
		if (lines == 0) {
			if ((status = status_line(head, size, minor)) < 0)
				return -1;
		} else if (size && field_line(head, size, lines == 1) < 0) {
			return -1;
		}
		lines++;
		head = eol + 1;
	}
	return status;
}

static int
refuse(struct lepy_http_client *self, int error)
{
	if (!self->error)
		self->error = error;
	return -1;
}

/* How long the head at the front of source is, with its empty line; 0: it is not
 * whole yet, -1: it is too long. */
static ev_ssize_t
head_length(const struct lepy_http_client *self, struct evbuffer *source)
{
	struct evbuffer_ptr at;
	size_t eol = 0;

	evbuffer_ptr_set(source, &at, 0, EVBUFFER_PTR_SET);
	for (;;) {
		struct evbuffer_ptr line = evbuffer_search_eol(source, &at, &eol, EVBUFFER_EOL_CRLF);

		if (line.pos < 0)
			return evbuffer_get_length(source) > self->max_headers_size ? -1 : 0;
		if ((size_t)line.pos > self->max_headers_size)
			return -1;
		if (line.pos == at.pos)
			return line.pos + (ev_ssize_t)eol;
		if (evbuffer_ptr_set(source, &line, eol, EVBUFFER_PTR_ADD) < 0)
			return 0;
		at = line;
	}
}

/* Lets evhttp read a whole head, unless it is an interim response's, of which
 * evhttp knows 100 alone, and takes it for the wrong one. */
static int
move_head(struct lepy_http_client *self, struct evbuffer *source)
{
	struct evbuffer *input = bufferevent_get_input(self->shell);
	ev_ssize_t length;
	char *head;

	for (;;) {
		int status;

		length = head_length(self, source);
		if (length <= 0)
			return length < 0 ? refuse(self, LEPY_RESPONSE_HEAD_TOO_LONG) : 0;
		head = (char *)evbuffer_pullup(source, length);
		status = head ? check_head(head, (size_t)length, &self->minor) : -1;
		if (status < 0 || status == 101)
			return refuse(self, LEPY_RESPONSE_BAD_HEAD);
		if (status >= 200)
			break;
		evbuffer_drain(source, (size_t)length);
	}
	evbuffer_unfreeze(input, 0);
	if (evbuffer_remove_buffer(source, input, (size_t)length) != length)
		return -1;
	lepy_http_client_read(self);
	return self->error ? -1 : 0;
}

/* The one number that all of Content-Length must be, -1 where it is none. */
static int64_t
content_length(const char *text)
{
	int64_t length = 0;
	int digits = 0;

	for (; is_digit(*text); text++, digits++) {
		if (digits == 18)
			return -1;
		length = length * 10 + (*text - '0');
	}
	return digits && !*text ? length : -1;
}

static int
add_length(struct evkeyvalq *headers, int64_t length)
{
	char text[24];

	evutil_snprintf(text, sizeof text, "%lld", (long long)length);
	return evhttp_add_header(headers, "Content-Length", text);
}

static void
remove_all(struct evkeyvalq *headers, const char *name)
{
	while (evhttp_remove_header(headers, name) == 0)
		;
}

/* How many fields of that name there are. */
static int
count(const struct evkeyvalq *headers, const char *name)
{
	const struct evkeyval *field;
	int found = 0;

	for (field = lepy_evkeyvalq_first(headers); field; field = lepy_evkeyvalq_next(field))
		found += evutil_ascii_strcasecmp(field->key, name) == 0;
	return found;
}

/* Decides where the body ends, and leaves evhttp no other opinion: it looks at
 * the first Content-Length only, and takes a response with Connection, but
 * without a length, for an empty one. */
int
lepy_http_response_frame(struct lepy_http_client *self, struct evkeyvalq *headers)
{
	int lengths = count(headers, "Content-Length"), codings = count(headers, "Transfer-Encoding");
	const char *coding = evhttp_find_header(headers, "Transfer-Encoding");
	int is_tunnel = self->is_connect && self->status / 100 == 2;

	self->left = 0;
	self->state = LEPY_AT_BODY;
	if (is_tunnel || self->has_no_body || self->status == 204 || self->status == 304) {
		self->framing = LEPY_BODY_NONE;
	} else if (codings) {
		if (codings > 1 || lengths || self->minor == 0 || evutil_ascii_strcasecmp(coding, "chunked") != 0)
			return refuse(self, LEPY_RESPONSE_BAD_CODING);
		self->framing = LEPY_BODY_CHUNKED;
		self->state = LEPY_AT_SIZE;
	} else if (lengths) {
		self->left = content_length(evhttp_find_header(headers, "Content-Length"));
		if (lengths > 1 || self->left < 0)
			return refuse(self, LEPY_RESPONSE_BAD_LENGTH);
		self->framing = LEPY_BODY_LENGTH;
	} else {
		self->framing = LEPY_BODY_CLOSE;
	}
	remove_all(headers, "Connection");
	remove_all(headers, "Content-Length");
	remove_all(headers, "Transfer-Encoding");
	if (self->framing == LEPY_BODY_LENGTH)
		return add_length(headers, self->left);
	if (self->framing == LEPY_BODY_CHUNKED)
		return evhttp_add_header(headers, "Transfer-Encoding", "chunked");
	return 0;
}

/* A line with a chunk's size, and perhaps extensions, which mean nothing here. */
static int64_t
chunk_size(const char *line, size_t length)
{
	int64_t size = 0;
	size_t i = 0;

	for (; i < length; i++) {
		unsigned char c = (unsigned char)line[i];
		int digit = is_digit(c) ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;

		if (digit < 0)
			break;
		if (i == 15)
			return -1;
		size = size * 16 + digit;
	}
	if (!i)
		return -1;
	while (i < length && (line[i] == ' ' || line[i] == '\t'))
		i++;
	if (i < length && line[i] != ';')
		return -1;
	for (; i < length; i++)
		if (!is_text(line[i]))
			return -1;
	return size;
}

/* Looks for a line of at most LEPY_CHUNK_LINE: its length without its end, -2:
 * it is not whole yet, -1: it is too long. */
static ev_ssize_t
short_line(struct evbuffer *source)
{
	struct evbuffer_ptr end = evbuffer_search_eol(source, NULL, NULL, EVBUFFER_EOL_CRLF_STRICT);

	if (end.pos > LEPY_CHUNK_LINE || (end.pos < 0 && evbuffer_get_length(source) > LEPY_CHUNK_LINE + 1))
		return -1;
	return end.pos < 0 ? -2 : end.pos;
}

/* The next of a chunk's size, its bytes, the line's end behind it, and trailers.
 * 1: there was more than that needs, 0: wait, -1: no chunks these. */
static int
move_chunk_part(struct lepy_http_client *self, struct evbuffer *source)
{
	struct evbuffer *input = bufferevent_get_input(self->shell);
	ev_ssize_t length;
	size_t piece;

	switch (self->state) {
	case LEPY_AT_SIZE:
		if ((length = short_line(source)) < 0)
			return length == -2 ? 0 : -1;
		self->left = length ? chunk_size((char *)evbuffer_pullup(source, length), (size_t)length) : -1;
		if (self->left < 0)
			return -1;
		evbuffer_drain(source, (size_t)length + 2);
		self->state = self->left ? LEPY_AT_CHUNK : LEPY_AT_TRAILER;
		return 1;
	case LEPY_AT_CHUNK:
		piece = evbuffer_get_length(source);
		if (!piece)
			return 0;
		if (piece > LEPY_CHUNK_PIECE)
			piece = LEPY_CHUNK_PIECE;
		if ((int64_t)piece > self->left)
			piece = (size_t)self->left;
		if (evbuffer_add_printf(input, "%zx\r\n", piece) < 0 ||
		    evbuffer_remove_buffer(source, input, piece) != (int)piece || evbuffer_add(input, "\r\n", 2) < 0)
			return -1;
		self->left -= (int64_t)piece;
		if (!self->left)
			self->state = LEPY_AT_CHUNK_END;
		return 1;
	case LEPY_AT_CHUNK_END:
		if (evbuffer_get_length(source) < 2)
			return 0;
		if (short_line(source) != 0)
			return -1;
		evbuffer_drain(source, 2);
		self->state = LEPY_AT_SIZE;
		return 1;
	default: /* trailers mean nothing here, and evhttp would take them for headers */
		length = short_line(source);
		if (length < 0)
			return length == -2 ? 0 : -1;
		self->trailers += (size_t)length + 2;
		if (self->trailers > self->max_headers_size)
			return -1;
		evbuffer_drain(source, (size_t)length + 2);
		if (length)
			return 1;
		return evbuffer_add(input, "0\r\n\r\n", 5);
	}
}

static int
move_chunks(struct lepy_http_client *self, struct evbuffer *source)
{
	int result;

	evbuffer_unfreeze(bufferevent_get_input(self->shell), 0);
	while ((result = move_chunk_part(self, source)) > 0)
		;
	/* What is before the fault is good. */
	if (evbuffer_get_length(bufferevent_get_input(self->shell)))
		lepy_http_client_read(self);
	if (self->error)
		return -1;
	return result < 0 ? refuse(self, LEPY_RESPONSE_BAD_CHUNK) : 0;
}

/* A body of known length, or up to the end. */
static int
move_body(struct lepy_http_client *self, struct evbuffer *source)
{
	struct evbuffer *input = bufferevent_get_input(self->shell);
	size_t length = evbuffer_get_length(source);

	if (self->framing == LEPY_BODY_LENGTH && (int64_t)length > self->left)
		length = (size_t)self->left;
	if (!length)
		return 0;
	evbuffer_unfreeze(input, 0);
	if (evbuffer_remove_buffer(source, input, length) != (int)length)
		return -1;
	if (self->framing == LEPY_BODY_LENGTH)
		self->left -= (int64_t)length;
	lepy_http_client_read(self);
	return self->error ? -1 : 0;
}

/* Moves what may go to evhttp, which reads it: a head, or what there is of a body.
 * -1: it may not, and self->error says why. */
int
lepy_http_response_move(struct lepy_http_client *self, struct evbuffer *source)
{
	if (self->state == LEPY_AT_HEAD)
		return move_head(self, source);
	if (self->framing == LEPY_BODY_CHUNKED)
		return move_chunks(self, source);
	return move_body(self, source);
}
