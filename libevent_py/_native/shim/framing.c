/* Whole messages out of a bufferevent's input: lines, and what has its length in
 * front. */
#include "shim.h"

#include <stdlib.h>
#include <string.h>

/* What the scanner found in the input. */
struct found {
	uint32_t count; /* whole messages */
	size_t taken;   /* bytes of the input, which go with them */
	size_t used;    /* bytes of the room that they fill */
	size_t needed;  /* the room is too small for the next one, which needs this */
	int more;       /* the input has more than the room could hold */
	int too_long;   /* the next one is over its maximum */
};

/* A line's end in from..end, and its size; NULL where there is none. */
static char *
find_end(int style, char *from, char *end, size_t *size)
{
	char *found;

	*size = 1;
	switch (style) {
	case EVBUFFER_EOL_NUL:
		return memchr(from, '\0', (size_t)(end - from));
	case EVBUFFER_EOL_LF:
		return memchr(from, '\n', (size_t)(end - from));
	case EVBUFFER_EOL_ANY:
		for (found = from; found < end; found++)
			if (*found == '\r' || *found == '\n')
				break;
		if (found == end)
			return NULL;
		while (found + *size < end && (found[*size] == '\r' || found[*size] == '\n'))
			++*size;
		return found;
	default:
		for (found = from; (found = memchr(found, '\n', (size_t)(end - found))); found++) {
			if (found > from && found[-1] == '\r') {
				*size = 2;
				return found - 1;
			}
			if (style == EVBUFFER_EOL_CRLF)
				return found;
		}
		return NULL;
	}
}

static size_t
put_separator(int form, char *to)
{
	switch (form) {
	case LEPY_MESSAGES_CRLF:
		memcpy(to, "\r\n", 2);
		return 2;
	case LEPY_MESSAGES_NUL:
		*to = '\0';
		return 1;
	default:
		*to = '\n';
		return 1;
	}
}

/* Puts the lines of room together, in place: a separator is never longer than
 * the end that it stands for. */
static void
scan_lines(struct lepy_framing *framing, char *room, size_t length, struct found *found)
{
	char *from = room, *to = room, *end = room + length, *line_end;
	size_t size;

	while (framing->inside_end && from < end && (*from == '\r' || *from == '\n'))
		from++;
	if (from < end)
		framing->inside_end = 0;
	while ((line_end = find_end(framing->style, from, end, &size))) {
		size_t line = (size_t)(line_end - from);

		if (line > framing->max)
			break;
		if (found->count++)
			to += put_separator(framing->form, to);
		if (to != from)
			memmove(to, from, line);
		to += line;
		from = line_end + size;
		framing->inside_end = framing->style == EVBUFFER_EOL_ANY && from == end;
	}
	found->used = (size_t)(to - room);
	found->taken = (size_t)(from - room);
	found->too_long = line_end != NULL;
}

/* True where size bytes from start on, without a line's end, are more than a
 * line may have; the last may be the first half of CR LF. */
static int
is_over(const struct lepy_framing *framing, struct evbuffer *input, size_t start, size_t size)
{
	struct evbuffer_ptr last;
	struct evbuffer_iovec piece;

	if (size <= framing->max)
		return 0;
	if (size > framing->max + 1
	    || (framing->style != EVBUFFER_EOL_CRLF && framing->style != EVBUFFER_EOL_CRLF_STRICT))
		return 1;
	return evbuffer_ptr_set(input, &last, start + size - 1, EVBUFFER_PTR_SET) < 0
	    || evbuffer_peek(input, 1, &last, &piece, 1) < 1 || *(char *)piece.iov_base != '\r';
}

/* Looks only at what came since the last time; a lone LF may be no end. */
static int
may_have_line(struct lepy_framing *framing, struct evbuffer *input)
{
	struct evbuffer_ptr start;

	if (framing->scanned > evbuffer_get_length(input))
		framing->scanned = 0; /* Python took some by itself */
	if (evbuffer_ptr_set(input, &start, framing->scanned, EVBUFFER_PTR_SET) < 0)
		return 0;
	if (framing->style == EVBUFFER_EOL_ANY)
		return evbuffer_search_eol(input, &start, NULL, EVBUFFER_EOL_ANY).pos >= 0;
	return evbuffer_search(input, framing->style == EVBUFFER_EOL_NUL ? "" : "\n", 1, &start).pos >= 0;
}

static void
find_lines(struct lepy_framing *framing, struct evbuffer *input, char *room, size_t size, struct found *found)
{
	size_t length = evbuffer_get_length(input);

	if (may_have_line(framing, input)) {
		size_t copied = length < size ? length : size;

		evbuffer_copyout(input, room, copied);
		scan_lines(framing, room, copied, found);
		framing->scanned = 0;
		if (copied < length) {
			found->more = 1;
			found->needed = found->taken ? 0 : length;
			return;
		}
		length -= found->taken;
	}
	framing->scanned = length;
	found->too_long |= is_over(framing, input, found->taken, length);
}

static uint64_t
read_prefix(const struct lepy_framing *framing, const char *bytes)
{
	const unsigned char *from = (const unsigned char *)bytes;
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < framing->prefix; i++)
		value = value << 8 | from[framing->little ? framing->prefix - 1 - i : i];
	return value;
}

/* Counts the whole messages of room that leave space for their ends. */
static void
scan_lengths(const struct lepy_framing *framing, const char *room, size_t length, size_t size, struct found *found)
{
	while (length - found->taken >= framing->prefix) {
		uint64_t message = read_prefix(framing, room + found->taken);
		size_t end;

		if (message > framing->max) {
			found->too_long = 1;
			return;
		}
		end = found->taken + framing->prefix + (size_t)message;
		if (end > length)
			return;
		if (end + (found->count + 1) * sizeof(uint32_t) > size) {
			found->more = 1;
			return;
		}
		found->taken = end;
		found->count++;
	}
}

static void
find_lengths(struct lepy_framing *framing, struct evbuffer *input, char *room, size_t size, struct found *found)
{
	size_t length = evbuffer_get_length(input), copied = length < size ? length : size, end = 0, first;
	char prefix[8];
	uint32_t i;

	if (length < framing->prefix)
		return;
	evbuffer_copyout(input, prefix, framing->prefix);
	if (read_prefix(framing, prefix) > framing->max) {
		found->too_long = 1;
		return;
	}
	first = framing->prefix + (size_t)read_prefix(framing, prefix);
	if (first > length)
		return;
	if (first + sizeof(uint32_t) > size) {
		found->more = 1;
		found->needed = first + sizeof(uint32_t);
		return;
	}
	evbuffer_copyout(input, room, copied);
	scan_lengths(framing, room, copied, size, found);
	found->more |= copied < length;
	found->used = found->taken;
	for (i = 0; i < found->count; i++) {
		uint32_t value;

		end += framing->prefix + (size_t)read_prefix(framing, room + end);
		value = (uint32_t)end;
		memcpy(room + found->used, &value, sizeof value);
		found->used += sizeof value;
	}
}

/* Copies what is whole in the input to room. */
static void
find(struct lepy_bufferevent *self, struct evbuffer *input, char *room, size_t size, struct found *found)
{
	memset(found, 0, sizeof *found);
	if (self->framing->prefix)
		find_lengths(self->framing, input, room, size, found);
	else
		find_lines(self->framing, input, room, size, found);
}

/* Takes what was found out of the input.  What the room did not hold is looked
 * at in the next pass; over its maximum, nothing more is read.  Python's filters
 * may be called. */
static void
take(struct lepy_bufferevent *self, struct evbuffer *input, const struct found *found)
{
	if (found->too_long)
		lepy_bufferevent_disable(self, EV_READ);
	if (found->taken && (found->more || found->too_long))
		bufferevent_trigger(self->bufferevent, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
	evbuffer_drain(input, found->taken);
}

/* What a record tells of messages that were found. */
static int
told(const struct lepy_framing *framing, const struct found *found)
{
	if (found->count)
		return (int)(found->count << 12 | (framing->serial & 0xff) << 4 | (unsigned)framing->form);
	return found->too_long ? LEPY_MESSAGES_TOO_LONG : LEPY_MESSAGES_NONE;
}

/* For bufferevent_data.c, when no bytes are on their way to Python: reports the
 * whole messages of the input. */
void
lepy_framing_report(struct lepy_bufferevent *self, struct evbuffer *input)
{
	struct found found;
	char *room;
	size_t size;

	lepy_report_begin(&self->handle);
	size = lepy_report_room(&self->handle, &room);
	find(self, input, room, size, &found);
	if (found.count)
		lepy_report_mark(&self->handle, &self->last);
	if (found.count || found.too_long)
		lepy_report_end(&self->handle, LEPY_KIND_MESSAGES, told(self->framing, &found), found.used);
	else if (found.needed)
		lepy_report_end(&self->handle, LEPY_KIND_READ, 0, 0);
	else
		lepy_report_cancel(&self->handle);
	take(self, input, &found);
}

/* For bufferevent_data.c: bytes of whole messages come back in front of the
 * input. */
void
lepy_framing_rescan(struct lepy_framing *framing)
{
	framing->scanned = 0;
	framing->inside_end = 0;
}

/* Called by BufferEvent when a record had no room for them: takes whole messages
 * as a record would carry them.  What a record tells, or LEPY_MESSAGES_*; used
 * is how many bytes of room, or how many are needed. */
int
lepy_bufferevent_take_messages(struct lepy_bufferevent *self, char *room, size_t size, size_t *used)
{
	struct evbuffer *input = bufferevent_get_input(self->bufferevent);
	struct found found;
	int result;

	if (!self->framing)
		return LEPY_MESSAGES_NONE;
	find(self, input, room, size, &found);
	*used = found.count ? found.used : found.needed;
	result = !found.count && found.needed ? LEPY_MESSAGES_NEED_ROOM : told(self->framing, &found);
	lepy_bufferevent_enter(self);
	take(self, input, &found);
	lepy_bufferevent_leave(self, 0);
	return result;
}

/* Called by BufferEvent.set_callbacks: prefix 0 with a style is lines, a prefix's
 * bytes are lengths; form < 0 ends framing.  What is in the input already is
 * looked at from the loop.  The serial, or -1 without memory. */
int
lepy_bufferevent_set_framing(struct lepy_bufferevent *self, int form, int style, int little, size_t prefix,
    size_t max)
{
	struct lepy_framing *framing = self->framing;

	if (form < 0) {
		free(framing);
		self->framing = NULL;
		return 0;
	}
	if (!framing)
		framing = self->framing = calloc(1, sizeof *framing);
	if (!framing)
		return -1;
	framing->form = form;
	framing->style = style;
	framing->little = little;
	framing->prefix = prefix;
	framing->max = max;
	framing->scanned = 0;
	framing->inside_end = 0;
	framing->serial = ++self->framings;
	if (evbuffer_get_length(bufferevent_get_input(self->bufferevent)))
		bufferevent_trigger(self->bufferevent, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
	return (int)(framing->serial & 0xff);
}
