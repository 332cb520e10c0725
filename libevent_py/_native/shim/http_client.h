/* The client's side of evhttp; included by shim.h. */
#ifndef LEPY_HTTP_CLIENT_H
#define LEPY_HTTP_CLIENT_H

/* A longer line with a chunk's size is refused, its extensions included. */
#define LEPY_CHUNK_LINE 4096
/* evhttp buffers a chunk until it is whole: it gets none that is longer. */
#define LEPY_CHUNK_PIECE (64 * 1024)

/* Where a response's body ends (RFC 9112, 6.3). */
enum lepy_framing_kind {
	LEPY_BODY_NONE,    /* it has none */
	LEPY_BODY_LENGTH,  /* Content-Length */
	LEPY_BODY_CHUNKED, /* with the last chunk */
	LEPY_BODY_CLOSE    /* with the connection */
};

/* What lepy_http_client_feed has come to. */
#define LEPY_RESPONSE_HEAD 1   /* the head is there */
#define LEPY_RESPONSE_BODY 2   /* some of the body is */
#define LEPY_RESPONSE_DONE 4   /* the response is whole */
#define LEPY_RESPONSE_FAILED 8 /* it is none; error says why */

/* Why, besides evhttp's own EVREQ_HTTP_*. */
#define LEPY_RESPONSE_BAD_HEAD 100
#define LEPY_RESPONSE_BAD_LENGTH 101
#define LEPY_RESPONSE_BAD_CODING 102
#define LEPY_RESPONSE_BAD_CHUNK 103
#define LEPY_RESPONSE_HEAD_TOO_LONG 104

/* What of the response comes next. */
enum lepy_response_state {
	LEPY_AT_HEAD,
	LEPY_AT_BODY,      /* of known length, or up to the end */
	LEPY_AT_SIZE,      /* the line with a chunk's size */
	LEPY_AT_CHUNK,
	LEPY_AT_CHUNK_END, /* the line's end behind it */
	LEPY_AT_TRAILER
};

/* One HTTPConnection's evhttp_connection.  It has no socket: Python connects,
 * writes what evhttp makes of a request, and feeds what comes back, so that
 * evhttp runs inside of these calls alone, and calls nobody's code but ours. */
struct lepy_http_client {
	struct event_base *base;
	struct evhttp_connection *evcon; /* NULL while there is no connection */
	struct bufferevent *shell;       /* evcon's, without a descriptor that carries data */
	struct lepy_callbacks theirs;    /* evhttp's, which the loop must not call */
	int is_connected;                /* evhttp thinks so */
	struct evhttp_request *request;  /* under way; evhttp's */
	struct evbuffer *output; /* the request's head, for Python to send */
	struct evbuffer *head;   /* reason, then names and values, each with a NUL behind */
	struct evbuffer *body;   /* what came and Python has not taken */
	size_t max_headers_size;
	int is_connect;
	int has_no_body; /* HEAD, say */
	int status, minor;       /* of the response */
	int framing;             /* enum lepy_framing_kind */
	int error;
	int news;                /* LEPY_RESPONSE_*, since the last feed */
	enum lepy_response_state state;
	int64_t left; /* bytes of the body, or of the chunk */
	size_t trailers; /* bytes of them */
};

struct lepy_http_client *lepy_http_client_new(struct lepy_delivery *delivery, size_t max_headers_size);
void lepy_http_client_free(struct lepy_http_client *self);
int lepy_http_client_open(struct lepy_http_client *self);
void lepy_http_client_shut(struct lepy_http_client *self);
int lepy_http_client_request(struct lepy_http_client *self, int method, const char *target, const char *fields,
    size_t length, int is_chunked, int64_t max_body_size);
int lepy_http_client_feed(struct lepy_http_client *self, struct evbuffer *source);
int lepy_http_client_end(struct lepy_http_client *self);

/* http_client.c for http_client_response.c: lets evhttp read what is in the shell's input. */
void lepy_http_client_read(struct lepy_http_client *self);

/* http_client_response.c: what may go to evhttp. */
int lepy_http_response_move(struct lepy_http_client *self, struct evbuffer *source);
int lepy_http_response_frame(struct lepy_http_client *self, struct evkeyvalq *headers);

#endif
