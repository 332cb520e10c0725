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

/* dns_server.c */

struct lepy_dns_server { struct evdns_server_port *port; int waiting; ...; };
struct lepy_dns_question { struct evdns_server_request *request; ...; };

struct lepy_dns_server *lepy_dns_server_new(struct lepy_delivery *, uint32_t slot, uint32_t generation,
	evutil_socket_t fd, int limit);
struct lepy_dns_question *lepy_dns_server_take(struct lepy_dns_server *);
void lepy_dns_server_free(struct lepy_dns_server *);
int lepy_dns_question_respond(struct lepy_dns_question *, int code);
void lepy_dns_question_free(struct lepy_dns_question *, int code);
