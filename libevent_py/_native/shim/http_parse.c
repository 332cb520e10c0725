/* What a request may look like: RFC 9112, without what it only tolerates. */
#include "shim.h"

#include <string.h>
#include <strings.h>

/* More than any name has, with its port.  For each star in a virtual host's name evhttp
 * goes through what is left of the host: that must not be long. */
#define LONGEST_HOST 320

/* RFC 9110's tchar. */
static int
is_token_char(unsigned char c)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
	    || (c && strchr(others, c) != NULL);
}

/* What stands in a field's value, or in a chunk's extensions: no control characters. */
static int
is_text(const char *data, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++) {
		unsigned char c = (unsigned char)data[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return 0;
	}
	return 1;
}

static int
is_token(const char *data, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (!is_token_char((unsigned char)data[i]))
			return 0;
	return length > 0;
}

static int
equals(const char *data, size_t length, const char *word)
{
	return length == strlen(word) && strncasecmp(data, word, length) == 0;
}

/* The next element of a comma-separated list, without blanks around it; 0 at the end. */
static int
next_element(const char **at, const char *end, const char **element, size_t *length)
{
	const char *comma;

	if (*at > end)
		return 0;
	comma = memchr(*at, ',', (size_t)(end - *at));
	if (!comma)
		comma = end;
	*element = *at;
	*at = comma + 1;
	while (*element < comma && (**element == ' ' || **element == '\t'))
		++*element;
	while (comma > *element && (comma[-1] == ' ' || comma[-1] == '\t'))
		--comma;
	*length = (size_t)(comma - *element);
	return 1;
}

/* Called for each new part of a head: 1 and where it ends, 0 where it goes on.  A line
 * that ends without CR is none of HTTP's: 400 at once, rather than at the deadline. */
int
lepy_http_find_end(const char *data, size_t length, size_t scanned, size_t *end)
{
	size_t at = scanned;
	const char *found;

	while (at < length && (found = memchr(data + at, '\n', length - at))) {
		at = (size_t)(found - data);
		if (at == 0 || data[at - 1] != '\r')
			return 400;
		if (at >= 3 && data[at - 2] == '\n') {
			*end = at + 1;
			return 1;
		}
		at++;
	}
	return 0;
}

static int
method_of(const char *method, size_t length)
{
	static const struct {
		const char *name;
		int number;
	} known[] = {
		{ "GET", EVHTTP_REQ_GET }, { "POST", EVHTTP_REQ_POST }, { "HEAD", EVHTTP_REQ_HEAD },
		{ "PUT", EVHTTP_REQ_PUT }, { "DELETE", EVHTTP_REQ_DELETE }, { "PATCH", EVHTTP_REQ_PATCH },
		{ "OPTIONS", EVHTTP_REQ_OPTIONS }, { "TRACE", EVHTTP_REQ_TRACE },
	};
	size_t i;

	for (i = 0; i < sizeof known / sizeof *known; i++)
		if (length == strlen(known[i].name) && memcmp(method, known[i].name, length) == 0)
			return known[i].number;
	return 0; /* CONNECT too, which evhttp's server takes apart in a way of its own */
}

/* What ends up in a decoded path and is no part of any: NUL, CR, LF. */
static int
path_is_safe(const char *target, size_t length)
{
	const char *end = memchr(target, '?', length);
	const char *at = target;

	if (!end)
		end = target + length;
	while (at < end && (at = memchr(at, '%', (size_t)(end - at)))) {
		if (end - at >= 3 && at[1] == '0' && strchr("0aAdD", at[2]))
			return 0;
		at++;
	}
	return 1;
}

/* The request line, of length bytes without its end; 0, or the status that refuses it. */
static int
parse_request_line(const char *line, size_t length, struct lepy_http_head *head)
{
	const char *end = line + length, *target, *version;
	size_t i;

	target = memchr(line, ' ', length);
	if (!target || !is_token(line, (size_t)(target - line)))
		return 400;
	head->method_length = (size_t)(target - line);
	head->method = method_of(line, head->method_length);
	target++;
	version = memchr(target, ' ', (size_t)(end - target));
	if (!version || version == target)
		return 400;
	head->target_length = (size_t)(version - target);
	for (i = 0; i < head->target_length; i++)
		if ((unsigned char)target[i] <= ' ' || (unsigned char)target[i] >= 0x7f || target[i] == '#')
			return 400;
	if (!path_is_safe(target, head->target_length))
		return 400;
	version++;
	if (end - version != 8 || memcmp(version, "HTTP/", 5) || version[6] != '.' || version[5] < '0'
	    || version[5] > '9' || version[7] < '0' || version[7] > '9')
		return 400;
	if (version[5] != '1' || version[7] > '1')
		return 505;
	head->minor = version[7] - '0';
	return 0;
}

/* A field line without its end: 0, or 400.  Also for trailers. */
int
lepy_http_check_field(const char *line, size_t length)
{
	const char *colon = memchr(line, ':', length);

	if (!colon || !is_token(line, (size_t)(colon - line)))
		return 400; /* an obs-fold is caught here too */
	return is_text(colon + 1, length - (size_t)(colon + 1 - line)) ? 0 : 400;
}

static int
parse_content_length(const char *value, size_t length, struct lepy_http_head *head)
{
	size_t i;
	int64_t found = 0;

	if (head->content_length >= 0 || length == 0 || length > 18)
		return length > 18 ? 413 : 400;
	for (i = 0; i < length; i++) {
		if (value[i] < '0' || value[i] > '9')
			return 400;
		found = found * 10 + (value[i] - '0');
	}
	head->content_length = found;
	return 0;
}

static void
parse_connection(const char *value, size_t length, int *close, int *keep_alive)
{
	const char *at = value, *element;
	size_t size;

	while (next_element(&at, value + length, &element, &size)) {
		if (equals(element, size, "close"))
			*close = 1;
		else if (equals(element, size, "keep-alive"))
			*keep_alive = 1;
	}
}

/* An authority, or nothing: what RFC 3986 lets stand there. */
static int
is_host(const char *value, size_t length)
{
	static const char others[] = "-._~!$&'()*+,;=:[]%";
	size_t i;

	if (length > LONGEST_HOST)
		return 0;
	for (i = 0; i < length; i++) {
		char c = value[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
		    || (c && strchr(others, c))))
			return 0;
	}
	return 1;
}

/* Of a target that is no path: whether it has the absolute form, or CONNECT's.  Of
 * others evhttp and Python may each see another path or host in it. */
static int
has_host_form(const char *method, const struct lepy_http_head *head)
{
	const char *target = method + head->method_length + 1;
	const size_t length = head->target_length;
	size_t i = 0, start;

	while (i < length && is_token_char((unsigned char)target[i]))
		i++;
	if (i && length - i > 3 && memcmp(target + i, "://", 3) == 0) {
		for (start = i += 3; i < length && target[i] != '/' && target[i] != '?'; i++)
			;
		return i - start <= LONGEST_HOST;
	}
	return head->method_length == 7 && memcmp(method, "CONNECT", 7) == 0 && is_host(target, length);
}

/* Called with a whole head: 0 and what it says, or the status that refuses it. */
int
lepy_http_parse_head(const char *data, size_t length, struct lepy_http_head *head)
{
	const char *line = data, *end = data + length - 2; /* before the empty line's CRLF */
	const char *target;
	int status, hosts = 0, close = 0, keep_alive = 0;
	const char *line_end = memchr(line, '\n', (size_t)(end - line));

	memset(head, 0, sizeof *head);
	head->length = length;
	head->content_length = -1;
	status = parse_request_line(line, (size_t)(line_end - 1 - line), head);
	for (line = line_end + 1; !status && line < end; line = line_end + 1) {
		const char *name = line, *value, *value_end;
		size_t name_length, value_length;

		line_end = memchr(line, '\n', (size_t)(end - line));
		value_end = line_end - 1;
		status = lepy_http_check_field(line, (size_t)(value_end - line));
		if (status)
			break;
		value = memchr(line, ':', (size_t)(value_end - line));
		name_length = (size_t)(value - name);
		for (value++; value < value_end && (*value == ' ' || *value == '\t'); value++)
			;
		while (value_end > value && (value_end[-1] == ' ' || value_end[-1] == '\t'))
			value_end--;
		value_length = (size_t)(value_end - value);
		switch (*name | 0x20) {
		case 'c':
			if (equals(name, name_length, "content-length"))
				status = parse_content_length(value, value_length, head);
			else if (equals(name, name_length, "connection"))
				parse_connection(value, value_length, &close, &keep_alive);
			break;
		case 'e':
			if (equals(name, name_length, "expect")) {
				if (!equals(value, value_length, "100-continue"))
					status = 417;
				head->expects_continue = 1;
			}
			break;
		case 'h':
			if (equals(name, name_length, "host") && (hosts++ || !is_host(value, value_length)))
				status = 400;
			break;
		case 't':
			if (equals(name, name_length, "transfer-encoding")) {
				if (head->is_chunked || head->minor == 0)
					status = 400;
				else if (!equals(value, value_length, "chunked"))
					status = 501;
				head->is_chunked = 1;
			}
			break;
		}
	}
	if (status)
		return status;
	if (head->is_chunked && head->content_length >= 0)
		return 400;
	if (head->minor == 1 && !hosts)
		return 400;
	/* evhttp reads none there; and nobody who sends one means well. */
	if ((head->method == EVHTTP_REQ_HEAD || head->method == EVHTTP_REQ_TRACE)
	    && (head->is_chunked || head->content_length > 0))
		return 400;
	if (head->minor == 0)
		head->expects_continue = 0;
	head->keep_alive = head->minor == 1 ? !close : keep_alive && !close;
	target = data + head->method_length + 1;
	if (*target != '/' && !(*target == '*' && head->target_length == 1)) {
		if (!has_host_form(data, head))
			return 400;
		head->keep_alive = 0; /* evhttp takes it for a proxy's, and closes */
	}
	return 0;
}

/* A chunk-size line without its end: 0 and the size, or the status that refuses it. */
int
lepy_http_parse_chunk_size(const char *line, size_t length, uint64_t *size)
{
	size_t i;

	*size = 0;
	for (i = 0; i < length; i++) {
		char c = line[i];
		int digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;

		if (digit < 0)
			break;
		if (i >= 15)
			return 413;
		*size = *size << 4 | (uint64_t)digit;
	}
	if (i == 0)
		return 400;
	if (i < length && line[i] != ';')
		return 400;
	return is_text(line + i, length - i) ? 0 : 400;
}
