/* What the C glue in shim/dns*.c offers to libevent_py/dns. */

/* dns.c */

struct lepy_dns { struct evdns_base *evdns; ...; };
struct lepy_dns_request {
	int pending;
	int ttl;
	int size;
	struct evutil_addrinfo *found;
	char answer[...];
	...;
};

struct lepy_dns *lepy_dns_new(struct lepy_delivery *, int flags);
int lepy_dns_free(struct lepy_dns *);
struct lepy_dns_request *lepy_dns_resolve(struct lepy_delivery *, uint32_t slot, uint32_t generation,
	struct lepy_dns *, int type, const char *what, size_t length, int flags);
struct lepy_dns_request *lepy_dns_getaddrinfo(struct lepy_delivery *, uint32_t slot, uint32_t generation,
	struct lepy_dns *, const char *name, const char *service, const struct evutil_addrinfo *hints);
void lepy_dns_request_free(struct lepy_dns_request *);
