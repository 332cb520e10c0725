/* struct evdns_base and its requests for Python; included by shim.h. */
#ifndef LEPY_DNS_H
#define LEPY_DNS_H

/* Most bytes of an answer to a question: 32 addresses, or a name. */
#define LEPY_DNS_ANSWER 512

/* An evdns_base. */
struct lepy_dns {
	struct event_base *base;
	struct evdns_base *evdns;
	struct event *reaper; /* frees both when no callback of libevent's is under way */
};

/* One question. Python's until it closes it, and libevent's until that has called back. */
struct lepy_dns_request {
	struct lepy_handle handle;
	struct evdns_request *question;            /* NULL once it is answered */
	struct evdns_getaddrinfo_request *lookup;  /* likewise */
	struct evdns_base *evdns;
	int pending; /* libevent has not called back */
	int closed;  /* Python does not want to know: the callback frees this */
	int ttl;
	int size;    /* of answer */
	struct evutil_addrinfo *found; /* of a lookup; owned */
	char answer[LEPY_DNS_ANSWER];  /* addresses as in a packet, or a name without a NUL */
};

/* An evdns server port, and the requests that are not answered. */
struct lepy_dns_server {
	struct lepy_handle handle;
	struct evdns_server_port *port;
	evutil_socket_t fd;   /* the port's */
	struct event *closer; /* closes the port when it has sent all */
	int closed;           /* Python is done with it */
	int limit, waiting;   /* most requests, and how many there are */
	struct lepy_dns_question *first, *last;
	struct lepy_dns_question *fresh; /* the first that Python has not taken */
};

/* One request; Python's once it is taken, and freed by who closes it. */
struct lepy_dns_question {
	struct lepy_dns_question *next, *previous;
	struct lepy_dns_server *server; /* NULL once that is closed, */
	struct evdns_server_request *request; /* which dropped this */
	int taken;
};

struct lepy_dns *lepy_dns_new(struct lepy_delivery *delivery, int flags);
int lepy_dns_free(struct lepy_dns *self);
int lepy_deferred_callbacks(struct event_base *base);

struct lepy_dns_request *lepy_dns_resolve(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation,
    struct lepy_dns *dns, int type, const char *what, size_t length, int flags);
struct lepy_dns_request *lepy_dns_getaddrinfo(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation,
    struct lepy_dns *dns, const char *name, const char *service, const struct evutil_addrinfo *hints);
void lepy_dns_request_free(struct lepy_dns_request *self);

struct lepy_dns_server *lepy_dns_server_new(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation,
    evutil_socket_t fd, int limit);
struct lepy_dns_question *lepy_dns_server_take(struct lepy_dns_server *self);
void lepy_dns_server_free(struct lepy_dns_server *self);
int lepy_dns_question_respond(struct lepy_dns_question *self, int code);
void lepy_dns_question_free(struct lepy_dns_question *self, int code);

#endif
