/* struct evdns_base and its requests for Python: what DNSBase and DNSRequest call. */
#include "shim.h"

#include <stdlib.h>
#include <string.h>

static int
count_active_event(const struct event_base *base, const struct event *event, void *arg)
{
	int *count = arg;

	(void)base;
	if (event->ev_evcallback.evcb_flags & (EVLIST_ACTIVE | EVLIST_ACTIVE_LATER))
		++*count;
	return 0;
}

/* How many of the base's active callbacks belong to no event: evdns tells its
 * users and itself of answers by such. */
int
lepy_deferred_callbacks(struct event_base *base)
{
	int events = 0;

	event_base_foreach_event(base, count_active_event, &events);
	return event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE) - events;
}

/* A probe of a name server that is answered, and not told of yet, refers to
 * that server, and so does a cancelled lookup to the evdns_base: whoever frees
 * these meanwhile gets a use after free in the next pass (issue 1506).  So they
 * go when libevent has nothing of the kind to call. */
static void
reap_callback(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval next_pass = { 0, 0 };
	struct lepy_dns *self = arg;

	(void)fd;
	(void)what;
	if (lepy_deferred_callbacks(self->base)) {
		event_add(self->reaper, &next_pass);
		return;
	}
	/* Python's requests are cancelled.  What is left are probes, which must not
	 * be told: their name servers go first. */
	evdns_base_free(self->evdns, 0);
	event_free(self->reaper);
	free(self);
}

/* Called by DNSBase: a resolver without name servers. */
struct lepy_dns *
lepy_dns_new(struct lepy_delivery *delivery, int flags)
{
	struct lepy_dns *self = calloc(1, sizeof *self);

	if (!self)
		return NULL;
	self->base = delivery->base;
	self->reaper = evtimer_new(self->base, reap_callback, self);
	if (self->reaper)
		self->evdns = evdns_base_new(self->base, flags);
	if (!self->evdns) {
		if (self->reaper)
			event_free(self->reaper);
		free(self);
		return NULL;
	}
	return self;
}

/* Called by DNSBase.close, and where it exchanges its evdns_base, after its
 * requests were freed.  At once where that is safe, else in the loop: then 1. */
int
lepy_dns_free(struct lepy_dns *self)
{
	int postponed = lepy_deferred_callbacks(self->base) != 0;

	if (postponed)
		event_active(self->reaper, EV_TIMEOUT, 1);
	else
		reap_callback(-1, EV_TIMEOUT, self);
	return postponed;
}

static void
free_request(struct lepy_dns_request *self)
{
	if (self->found)
		evutil_freeaddrinfo(self->found);
	free(self);
}

/* libevent is done with self, of which Python may have been before. */
static void
report_answer(struct lepy_dns_request *self, int result)
{
	self->pending = 0;
	self->question = NULL;
	self->lookup = NULL;
	if (self->closed)
		free_request(self);
	else
		lepy_report(&self->handle, LEPY_KIND_ANSWER, result);
}

static void
answer_callback(int result, char type, int count, int ttl, void *addresses, void *arg)
{
	struct lepy_dns_request *self = arg;
	const void *source = addresses;
	size_t size = 0;

	if (result == DNS_ERR_NONE) {
		if (type == DNS_PTR) {
			source = *(char **)addresses;
			size = strlen(source);
		} else {
			size = (size_t)count * (type == DNS_IPv4_A ? 4 : 16);
		}
		if (size > sizeof self->answer)
			size = sizeof self->answer;
		memcpy(self->answer, source, size);
	}
	self->size = (int)size;
	self->ttl = ttl;
	report_answer(self, result);
}

static void
lookup_callback(int result, struct evutil_addrinfo *found, void *arg)
{
	struct lepy_dns_request *self = arg;

	self->found = found;
	report_answer(self, result);
}

static struct lepy_dns_request *
new_request(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation, struct lepy_dns *dns)
{
	struct lepy_dns_request *self = calloc(1, sizeof *self);

	if (!self)
		return NULL;
	self->handle.delivery = delivery;
	self->handle.slot = slot;
	self->handle.generation = generation;
	self->handle.level = lepy_delivery_level(delivery, event_base_get_npriorities(delivery->base) / 2);
	self->evdns = dns->evdns;
	self->pending = 1;
	return self;
}

/* Called by DNSRequest: asks for the addresses of the name that what is, or for
 * the name of the address, of 4 or 16 bytes.  NULL where libevent refuses. */
struct lepy_dns_request *
lepy_dns_resolve(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation, struct lepy_dns *dns,
    int type, const char *what, size_t length, int flags)
{
	struct lepy_dns_request *self = new_request(delivery, slot, generation, dns);
	struct in6_addr address;

	if (!self)
		return NULL;
	if (type == DNS_IPv4_A) {
		self->question = evdns_base_resolve_ipv4(dns->evdns, what, flags, answer_callback, self);
	} else if (type == DNS_IPv6_AAAA) {
		self->question = evdns_base_resolve_ipv6(dns->evdns, what, flags, answer_callback, self);
	} else {
		memcpy(&address, what, length); /* what may be unaligned */
		self->question = length == sizeof address
		    ? evdns_base_resolve_reverse_ipv6(dns->evdns, &address, flags, answer_callback, self)
		    : evdns_base_resolve_reverse(dns->evdns, (struct in_addr *)&address, flags, answer_callback, self);
	}
	if (!self->question) {
		free(self);
		return NULL;
	}
	return self;
}

/* Called by DNSRequest.  What libevent knows at once is reported as the rest is. */
struct lepy_dns_request *
lepy_dns_getaddrinfo(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation, struct lepy_dns *dns,
    const char *name, const char *service, const struct evutil_addrinfo *hints)
{
	struct lepy_dns_request *self = new_request(delivery, slot, generation, dns);
	struct evdns_getaddrinfo_request *lookup;

	if (!self)
		return NULL;
	lookup = evdns_getaddrinfo(dns->evdns, name, service, hints, lookup_callback, self);
	if (self->pending)
		self->lookup = lookup;
	return self;
}

/* Called by DNSRequest, answered or not. */
void
lepy_dns_request_free(struct lepy_dns_request *self)
{
	if (!self->pending) {
		free_request(self);
		return;
	}
	self->closed = 1;
	if (self->lookup)
		evdns_getaddrinfo_cancel(self->lookup);
	else
		evdns_cancel_request(self->evdns, self->question);
}
