/* evdns server ports for Python: what DNSServer and DNSServerRequest call. */
#include "shim.h"

#include <errno.h>
#include <stdlib.h>
#ifdef SO_ATTACH_FILTER
#include <linux/filter.h>
#endif

/* Keeps from fd what is shorter than a DNS header, on which evdns crashes up to
 * 2.1.12, and forgets what has come already.  -1 with errno. */
static int
refuse_short_packets(evutil_socket_t fd)
{
#ifdef SO_ATTACH_FILTER
	enum { SHORTEST = 8 + 12 }; /* the filter sees the UDP header too */
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SHORTEST, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = { sizeof code / sizeof *code, code };
	char byte;

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0)
		return -1;
	while (recv(fd, &byte, 1, MSG_DONTWAIT) >= 0)
		;
	return 0;
#else
	(void)fd;
	errno = ENOSYS;
	return -1;
#endif
}

static void
unlink_question(struct lepy_dns_question *self)
{
	struct lepy_dns_server *server = self->server;

	*(self->previous ? &self->previous->next : &server->first) = self->next;
	*(self->next ? &self->next->previous : &server->last) = self->previous;
	server->waiting--;
	self->server = NULL;
	self->request = NULL;
}

static void
question_callback(struct evdns_server_request *request, void *arg)
{
	struct lepy_dns_server *self = arg;
	struct lepy_dns_question *question = NULL;

	if (!self->closed && self->waiting < self->limit)
		question = calloc(1, sizeof *question);
	if (!question) {
		evdns_server_request_drop(request);
		return;
	}
	question->request = request;
	question->server = self;
	question->previous = self->last;
	*(self->last ? &self->last->next : &self->first) = question;
	self->last = question;
	if (!self->fresh)
		self->fresh = question;
	self->waiting++;
	lepy_report(&self->handle, LEPY_KIND_QUESTION, 0);
}

static int
is_unsent(const struct event_base *base, const struct event *event, void *arg)
{
	const struct lepy_dns_server *self = arg;

	(void)base;
	return event_get_fd(event) == self->fd && event_get_events(event) & EV_WRITE;
}

/* evdns frees a port that was closed while an answer waits to be sent, and then
 * unlocks it: so it is closed when none does. */
static void
close_callback(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval next_pass = { 0, 0 };
	struct lepy_dns_server *self = arg;

	(void)fd;
	(void)what;
	if (event_base_foreach_event(event_get_base(self->closer), is_unsent, self)) {
		event_add(self->closer, &next_pass);
		return;
	}
	evdns_close_server_port(self->port);
	event_free(self->closer);
	free(self);
}

/* Called by DNSServer with a bound, non-blocking datagram socket, which is the
 * port's from now on; NULL leaves it Python's. */
struct lepy_dns_server *
lepy_dns_server_new(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation, evutil_socket_t fd, int limit)
{
	struct lepy_dns_server *self;

	if (refuse_short_packets(fd) < 0)
		return NULL;
	self = calloc(1, sizeof *self);
	if (!self)
		return NULL;
	self->handle.delivery = delivery;
	self->handle.slot = slot;
	self->handle.generation = generation;
	self->handle.level = lepy_delivery_level(delivery, event_base_get_npriorities(delivery->base) / 2);
	self->fd = fd;
	self->limit = limit;
	self->closer = evtimer_new(delivery->base, close_callback, self);
	if (self->closer)
		self->port = evdns_add_server_port_with_base(delivery->base, fd, 0, question_callback, self);
	if (!self->port) {
		if (self->closer)
			event_free(self->closer);
		free(self);
		return NULL;
	}
	return self;
}

/* Called by DNSServer for each report: the oldest request that it has not had. */
struct lepy_dns_question *
lepy_dns_server_take(struct lepy_dns_server *self)
{
	struct lepy_dns_question *question = self->fresh;

	if (question) {
		self->fresh = question->next;
		question->taken = 1;
	}
	return question;
}

/* Called by DNSServer.close: drops what is not answered, and closes the socket. */
void
lepy_dns_server_free(struct lepy_dns_server *self)
{
	struct lepy_dns_question *question;

	self->closed = 1;
	while ((question = self->first)) {
		evdns_server_request_drop(question->request);
		unlink_question(question);
		if (!question->taken)
			free(question);
	}
	close_callback(-1, EV_TIMEOUT, self);
}

/* Called by DNSServerRequest: sends what was added, and an error code in any
 * case.  -1 where that cannot be sent; then it is not answered yet. */
int
lepy_dns_question_respond(struct lepy_dns_question *self, int code)
{
	/* 1: the socket takes no more, and evdns sends it later, or not at all. */
	if (evdns_server_request_respond(self->request, code) < 0)
		return -1;
	unlink_question(self);
	return 0;
}

/* Called by DNSServerRequest, also where the collector takes one; what is not
 * answered is now, with code, or dropped where that is negative. */
void
lepy_dns_question_free(struct lepy_dns_question *self, int code)
{
	if (self->request && (code < 0 || lepy_dns_question_respond(self, code) < 0)) {
		evdns_server_request_drop(self->request);
		unlink_question(self);
	}
	free(self);
}
