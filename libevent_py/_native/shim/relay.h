/* Relays: bytes from one end to the other and back, past Python;
 * docs/topics/relay.md. */
#ifndef LEPY_RELAY_H
#define LEPY_RELAY_H

#include "delivery.h"

struct lepy_bufferevent;

/* Why a relay is over: the lower half of its record's what; errno is the upper. */
enum lepy_relay_reason {
	LEPY_RELAY_EOF = 0,
	LEPY_RELAY_CLIENT_ERROR = 1,
	LEPY_RELAY_SERVER_ERROR = 2,
	LEPY_RELAY_IDLE = 3
};

/* What both engines have; each begins with it. */
struct lepy_relay {
	struct lepy_handle handle;
	uint64_t from_client, from_server; /* bytes that were read there */
	double idle_timeout;  /* seconds, < 0: none */
	double moved_at;      /* when bytes moved last, by CLOCK_MONOTONIC */
	struct event *idle;   /* NULL without a timeout */
	int over;             /* its end was reported */
};

/* Bytes that one read takes at most, and a pipe holds. */
#define LEPY_RELAY_CHUNK (256 * 1024)

struct lepy_pipe {
	struct lepy_pipe *next;
	evutil_socket_t out, in; /* read here, written there */
	size_t length;           /* bytes inside */
};

struct lepy_relay *lepy_relay_new_sockets(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation,
    double idle_timeout);
int lepy_relay_start_sockets(struct lepy_relay *relay, evutil_socket_t client, evutil_socket_t server,
    struct lepy_bufferevent *client_bev, struct lepy_bufferevent *server_bev);
void lepy_relay_free_sockets(struct lepy_relay *relay);

struct lepy_relay *lepy_relay_new_bufferevents(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation,
    double idle_timeout, struct lepy_bufferevent *client, struct lepy_bufferevent *server);
int lepy_relay_start_bufferevents(struct lepy_relay *relay, int client_behind, int server_behind);
void lepy_relay_look(struct lepy_relay *relay, int side);
void lepy_relay_drop(struct lepy_relay *relay, int side);
void lepy_relay_free_bufferevents(struct lepy_relay *relay);

/* For the engines: relay.c. */
int lepy_relay_init(struct lepy_relay *relay, struct lepy_delivery *delivery, uint32_t slot, uint32_t generation,
    double idle_timeout);
int lepy_relay_start(struct lepy_relay *relay);
void lepy_relay_clear(struct lepy_relay *relay);
void lepy_relay_moved(struct lepy_relay *relay);
void lepy_relay_end(struct lepy_relay *relay, int reason, int error);

/* For relay_socket.c and delivery.c: relay_shared.c. */
char *lepy_relay_buffer(struct lepy_delivery *delivery);
struct lepy_pipe *lepy_pipe_take(struct lepy_delivery *delivery);
void lepy_pipe_give_back(struct lepy_delivery *delivery, struct lepy_pipe *pipe);
ssize_t lepy_pipe_fill(struct lepy_pipe *pipe, evutil_socket_t from);
ssize_t lepy_pipe_empty(struct lepy_pipe *pipe, evutil_socket_t to);
void lepy_relay_shared_free(struct lepy_delivery *delivery);

/* For bufferevent_data.c: relay_bufferevent.c. */
struct lepy_relay_end;
void lepy_relay_input(struct lepy_relay_end *self);

#endif
