/* Finding whole messages in a bufferevent's input; docs/topics/framing.md. */
#ifndef LEPY_FRAMING_H
#define LEPY_FRAMING_H

#include "headers.h"

struct lepy_bufferevent;

/* How the bytes of a LEPY_KIND_MESSAGES record are made: messages with a
 * separator between them, or as they came, with prefixes, and behind them each
 * message's end as a uint32_t. */
enum lepy_messages_form {
	LEPY_MESSAGES_LF = 0,
	LEPY_MESSAGES_CRLF = 1,
	LEPY_MESSAGES_NUL = 2,
	LEPY_MESSAGES_LENGTHS = 3 /* + log2 of the prefix's size */
};

/* What a record tells: count << 12 | serial << 4 | form; or that the next
 * message is over its maximum. */
#define LEPY_MESSAGES_TOO_LONG (-1)
/* What lepy_bufferevent_take_messages returns besides: nothing is whole yet, or
 * the next message needs more room. */
#define LEPY_MESSAGES_NONE 0
#define LEPY_MESSAGES_NEED_ROOM (-2)

struct lepy_framing {
	int form;
	int style;       /* of lines: enum evbuffer_eol_style */
	int little;      /* of lengths: the prefix is little-endian */
	size_t prefix;   /* its bytes, 0 for lines */
	size_t max;      /* bytes of a message */
	size_t scanned;  /* of lines: bytes of the input that hold no end */
	int inside_end;  /* of EOL_ANY: CR and LF that follow belong to the last line's end */
	unsigned serial; /* of the set_framing that made it */
};

int lepy_bufferevent_set_framing(struct lepy_bufferevent *self, int form, int style, int little, size_t prefix,
    size_t max);
int lepy_bufferevent_take_messages(struct lepy_bufferevent *self, char *room, size_t size, size_t *used);

/* For bufferevent_data.c. */
void lepy_framing_report(struct lepy_bufferevent *self, struct evbuffer *input);
void lepy_framing_rescan(struct lepy_framing *framing);

#endif
