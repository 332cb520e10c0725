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

struct lepy_dns *lepy_dns_new(struct lepy_delivery *delivery, int flags);
int lepy_dns_free(struct lepy_dns *self);
int lepy_deferred_callbacks(struct event_base *base);

struct lepy_dns_request *lepy_dns_resolve(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation,
    struct lepy_dns *dns, int type, const char *what, size_t length, int flags);
struct lepy_dns_request *lepy_dns_getaddrinfo(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation,
    struct lepy_dns *dns, const char *name, const char *service, const struct evutil_addrinfo *hints);
void lepy_dns_request_free(struct lepy_dns_request *self);

#endif
