/* evhttp for Python: HTTPServer's structures; included by shim.h. */
#ifndef LEPY_HTTP_H
#define LEPY_HTTP_H

#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "delivery.h"

struct ssl_ctx_st;
struct lepy_tls;

/* What http_parse.c found in a request's head, which is at text. */
struct lepy_http_head {
	size_t length;        /* of the head with its empty line */
	size_t method_length;
	size_t target_length; /* behind the method and a space */
	int minor;            /* HTTP/1.minor */
	int method;           /* EVHTTP_REQ_*; 0: one that evhttp does not know */
	int keep_alive;       /* the client wants to */
	int expects_continue;
	int is_chunked;
	int64_t content_length; /* -1: not given */
};

enum lepy_http_stage {
	LEPY_HTTP_HEAD,       /* reading a head */
	LEPY_HTTP_BODY,       /* bytes of a known number */
	LEPY_HTTP_CHUNK_SIZE, /* a chunk-size line */
	LEPY_HTTP_CHUNK,      /* a chunk's bytes, */
	LEPY_HTTP_CHUNK_END,  /* and the line end behind them */
	LEPY_HTTP_TRAILERS
};

/* What evhttp is doing on a connection. */
enum lepy_http_state {
	LEPY_HTTP_READING, /* it waits for a request, */
	LEPY_HTTP_BUSY,    /* one is to be answered, */
	LEPY_HTTP_ENDING,  /* its answer is whole and being sent, */
	LEPY_HTTP_LINGERING /* or is sent, and what the client still says is thrown away */
};

/* One accepted connection, from evhttp's bevcb to its closecb. */
struct lepy_http_connection {
	struct lepy_http_server *server;
	struct lepy_http_connection *next_fresh, *next_fed;
	int index;           /* in the server's table; -1 while fresh */
	uint32_t generation; /* of its request: Python's name for that is both */
	struct bufferevent *bufferevent; /* evhttp's */
	struct evhttp_connection *evcon; /* NULL while fresh */
	bufferevent_data_cb read, write; /* evhttp's callbacks, */
	bufferevent_event_cb status;     /* exchanged while a request is to be answered */
	struct lepy_tls *tls;            /* NULL: plain */
	struct evbuffer_cb_entry *entry; /* lepy_http_guard's */
	struct event *watch;             /* keeps the socket in the backend while evhttp stops reading */
	int feeding;                     /* it is http_guard.c that changes the input */
	int is_presented;                /* a request is evhttp's, and not yet ours to answer */
	int is_queued;                   /* in the server's list of those to feed */
	struct evbuffer *held;           /* what evhttp has not been given */
	enum lepy_http_stage stage;
	size_t scanned;                  /* bytes of the unfinished head that hold no end of it */
	uint64_t wanted;                 /* bytes that the stage still waits for */
	size_t trailer_length;           /* bytes of trailers so far */
	struct evbuffer *body;           /* of a request that is written anew for evhttp */
	struct lepy_http_head head;
	char *text;                      /* the head's bytes, */
	size_t text_size;                /* in so much memory */
	double since;                    /* when this phase began, by the server's clock */
	int refusal;                     /* the status to answer instead of asking anybody */
	enum lepy_http_state state;
	struct evhttp_request *request;  /* while it does not read */
	int host;                        /* the virtual host's number */
	socklen_t address_length;
	struct sockaddr_un address;      /* the peer's, of whatever kind */
	int is_first;                    /* no request has come yet */
	int taken;                       /* Python has been told all of the request */
	int closes;                      /* the connection ends with this request */
	int has_ended;                   /* the client sends no more */
	int is_started;                  /* a streamed answer has begun */
	int is_chunked;                  /* and goes out in chunks */
	evutil_socket_t file;            /* what is to be sent of it still, or -1: */
	int64_t file_at, file_left;      /* from here on, so much */
	int wants_drained;               /* Python waits for the output to be sent */
	int has_timeout;                 /* writing that stands still ends it */
};

/* A listener that evhttp owns. */
struct lepy_http_listener {
	struct lepy_http_listener *next; /* of all */
	struct lepy_http_listener *next_of_server;
	struct lepy_http_server *server;
	struct evconnlistener *listener;
	struct evhttp_bound_socket *bound;
	struct event *retry; /* ends the rest after running out of descriptors */
	int disabled;        /* by Python */
};

/* What a path is answered without Python. */
struct lepy_http_fixed {
	struct lepy_http_fixed *next;
	struct lepy_http_server *server;
	int status;
	size_t head_length, body_length;
	char bytes[]; /* the head without its empty line, then the body */
};

/* An evhttp: the server's own, or a virtual host's. */
struct lepy_http_host {
	struct lepy_http_host *next;
	struct lepy_http_server *server;
	struct evhttp *http;
	int number;
};

struct lepy_http_server {
	struct lepy_handle handle;
	struct evhttp *http;
	struct ssl_ctx_st *tls; /* a reference; NULL: plain */
	size_t max_head, max_body;
	double header_seconds, idle_seconds;
	int max_connections;
	int count; /* connections */
	int is_full;
	int is_ending; /* no request is begun any more */
	int is_freeing;
	int logs;      /* Python hears of what it was not asked too */
	int size;      /* of the table, */
	int next_place; /* which may be free from here on */
	uint32_t last_generation; /* no request that is gone has a higher one */
	struct lepy_http_connection **connections;
	struct lepy_http_connection *fresh; /* not yet in the table */
	struct lepy_http_connection *fed;   /* have held bytes to go on with */
	struct lepy_http_connection *current; /* whose request evhttp is about to present */
	struct lepy_http_listener *listeners;
	struct lepy_http_host *hosts;
	struct lepy_http_fixed *fixed;
	struct evbuffer *spare; /* empty between two uses */
	struct event *work;  /* adopts what is fresh, and feeds */
	struct event *sweep; /* looks for deadlines */
	struct timeval interval;
	time_t date_at;
	char date[64]; /* the Date field of date_at */
};

/* What rides along with a record of LEPY_KIND_HTTP_REQUEST before the peer's address, the
 * head and, where that is small, the body; Python's request.py reads the same. */
struct lepy_http_meta {
	uint32_t generation;
	uint32_t head_length;
	uint32_t method_length;
	uint32_t target_length;
	int32_t host;
	int32_t inline_length; /* of the body that follows; -1: it does not */
	uint64_t body_length;
	uint8_t minor;
	uint8_t keep_alive;
	uint8_t is_tls;
	uint8_t address_length;
	uint8_t is_head;
	uint8_t padding[3];
};

/* What rides along with a record of LEPY_KIND_HTTP_LOG, before the peer's address and the
 * request line. */
struct lepy_http_logged {
	uint32_t address_length;
	uint32_t line_length;
	uint64_t body_length;
};

/* Of an answer: the connection ends behind it, and its head has a Date. */
#define LEPY_HTTP_CLOSES 1
#define LEPY_HTTP_DATED 2

/* What the functions about a request return where there is none any more. */
#define LEPY_HTTP_GONE (-2)

/* http_parse.c */
int lepy_http_find_end(const char *data, size_t length, size_t scanned, size_t *end);
int lepy_http_parse_head(const char *data, size_t length, struct lepy_http_head *head);
int lepy_http_parse_chunk_size(const char *line, size_t length, uint64_t *size);
int lepy_http_check_field(const char *line, size_t length);

/* http_rewrite.c */
void lepy_http_write_anew(struct lepy_http_connection *self);
int lepy_http_is_written_anew(const struct lepy_http_connection *self);

/* http_guard.c */
void lepy_http_guard(struct evbuffer *input, const struct evbuffer_cb_info *info, void *connection);
void lepy_http_advance(struct lepy_http_connection *self, int in_callback);
void lepy_http_refuse(struct lepy_http_connection *self, int status, int in_callback);

/* http_connection.c */
struct bufferevent *lepy_http_accept(struct event_base *base, void *server);
void lepy_http_work(evutil_socket_t fd, short what, void *server);
void lepy_http_sweep(evutil_socket_t fd, short what, void *server);
void lepy_http_abandon_fresh(struct lepy_http_server *server);
void lepy_http_feed_later(struct lepy_http_connection *self);
void lepy_http_watch(struct lepy_http_connection *self);
struct lepy_http_connection *lepy_http_connection_of(struct lepy_http_server *server,
    struct evhttp_request *request);
double lepy_http_now(void);

/* http_request.c */
void lepy_http_request(struct evhttp_request *request, void *host);
void lepy_http_answer_fixed(struct evhttp_request *request, void *fixed);
int64_t lepy_http_describe(struct lepy_http_server *server, int index, char *room, size_t size);
int64_t lepy_http_body(struct lepy_http_server *server, int index, uint32_t generation, char *room, size_t size);
struct lepy_tls *lepy_http_tls(struct lepy_http_server *server, int index, uint32_t generation);
struct evhttp_request *lepy_http_pointer(struct lepy_http_server *server, int index, uint32_t generation);
struct lepy_http_connection *lepy_http_find(const struct lepy_http_server *server, int index, uint32_t generation);

/* http_reply.c */
int lepy_http_reply(struct lepy_http_server *server, int index, uint32_t generation, const char *head,
    size_t head_length, const char *body, size_t body_length, int flags);
int lepy_http_start(struct lepy_http_server *server, int index, uint32_t generation, const char *head,
    size_t head_length, int is_chunked, int flags);
int64_t lepy_http_write(struct lepy_http_server *server, int index, uint32_t generation, const char *data,
    size_t length);
int lepy_http_end(struct lepy_http_server *server, int index, uint32_t generation);
int lepy_http_notify_drained(struct lepy_http_server *server, int index, uint32_t generation);
int lepy_http_abort(struct lepy_http_server *server, int index, uint32_t generation);
int lepy_http_drop(struct lepy_http_server *server, int index, uint32_t generation);
void lepy_http_send(struct lepy_http_connection *self, const struct iovec *pieces, int count, int flags);
void lepy_http_log(struct lepy_http_connection *self, int status, size_t body_length);
void lepy_http_send_page(struct lepy_http_connection *self, int status);
void lepy_http_finish(struct lepy_http_connection *self);
void lepy_http_take_over(struct lepy_http_connection *self, struct evhttp_request *request);

/* http_file.c */
int lepy_http_write_file(struct lepy_http_server *server, int index, uint32_t generation, evutil_socket_t file,
    int64_t offset, int64_t length);
int lepy_http_next_piece(struct lepy_http_connection *self);
void lepy_http_close_file(struct lepy_http_connection *self);

/* http_server.c */
struct lepy_http_server *lepy_http_server_new(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation,
    struct ssl_ctx_st *tls, size_t max_head, size_t max_body, double header_seconds, double idle_seconds,
    int max_connections, int logs);
void lepy_http_server_free(struct lepy_http_server *self);
int lepy_http_server_end(struct lepy_http_server *self);
struct lepy_http_listener *lepy_http_listen(struct lepy_http_server *self, evutil_socket_t fd);
void lepy_http_listener_free(struct lepy_http_listener *self);
void lepy_http_listener_set_enabled(struct lepy_http_listener *self, int enabled);
void lepy_http_listeners_pause(struct lepy_http_server *self, int full);
struct lepy_http_host *lepy_http_add_host(struct lepy_http_server *self, const char *pattern, int number);
int lepy_http_add_fixed(struct lepy_http_host *host, const char *path, const char *head, size_t head_length,
    const char *body, size_t body_length, int status);
const char *lepy_http_date(struct lepy_http_server *self);

#endif
