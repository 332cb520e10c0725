/* The load of the echo servers: each connection sends a message, waits until
 * all of it is back, compares it, and sends the next.
 * usage: echo_client PORT CONNECTIONS SIZE WARM_UP MESSAGES PID [tls | light | LINE]
 * With MESSAGES < 0: for that many seconds.  PID is the server's: its CPU time
 * is read from /proc.  With LINE, a message is lines of that many bytes.  light
 * costs this core little: bytes are sent from files' pages, and after the warm-up
 * received ones are dropped unseen. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef LEPY_WITH_OPENSSL
#include <openssl/ssl.h>
#else
typedef void SSL;
#endif

#include "measure.h"

struct connection {
	int fd;
	SSL *ssl; /* NULL: without TLS */
	int file; /* with light, a message */
	size_t sent, got;
	int wants_out;
};

static int epoll;
static size_t size;
static char *message, *echoed;
static int light, warm;

static void
watch(struct connection *self, int operation, int out)
{
	struct epoll_event event = { .events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = self };

	if (epoll_ctl(epoll, operation, self->fd, &event) < 0)
		fail("epoll_ctl");
	self->wants_out = out;
}

#ifdef LEPY_WITH_OPENSSL
/* As send and recv, but for the errors' names. */
static ssize_t
tls_result(struct connection *self, int count)
{
	if (count > 0)
		return count;
	count = SSL_get_error(self->ssl, count);
	errno = count == SSL_ERROR_WANT_READ || count == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
	return -1;
}

static void
shake_hands(struct connection *self)
{
	static SSL_CTX *context;

	if (!context)
		context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE);
	self->ssl = SSL_new(context);
	SSL_set_fd(self->ssl, self->fd);
	if (SSL_connect(self->ssl) != 1)
		fail("SSL_connect");
}
#define SEND(self, data, length) tls_result(self, SSL_write(self->ssl, data, (int)(length)))
#define RECEIVE(self, data, length) tls_result(self, SSL_read(self->ssl, data, (int)(length)))
#else
#define SEND(self, data, length) (-1)
#define RECEIVE(self, data, length) (-1)
static void
shake_hands(struct connection *self)
{
	(void)self;
	fail("TLS is not compiled in");
}
#endif

static void
make_file(struct connection *self)
{
	self->file = memfd_create("message", 0);
	if (self->file < 0 || write(self->file, message, size) != (ssize_t)size)
		fail("memfd_create");
}

static void
send_more(struct connection *self)
{
	const char *rest = message + self->sent;
	size_t left = size - self->sent;
	off_t offset = (off_t)self->sent;
	ssize_t count;

	if (light)
		count = sendfile(self->fd, self->file, &offset, left);
	else
		count = self->ssl ? SEND(self, rest, left) : send(self->fd, rest, left, MSG_NOSIGNAL);
	if (count < 0 && errno != EAGAIN)
		fail("send");
	if (count > 0)
		self->sent += (size_t)count;
	if (self->wants_out != (self->sent < size))
		watch(self, EPOLL_CTL_MOD, self->sent < size);
}

/* 1 when a message has come back whole. */
static int
receive(struct connection *self)
{
	size_t left = size - self->got;
	int unseen = light && warm;
	ssize_t count = self->ssl ? RECEIVE(self, echoed, left) : recv(self->fd, echoed, left, unseen ? MSG_TRUNC : 0);

	if (count == 0 || (count < 0 && errno != EAGAIN))
		fail("recv");
	if (count < 0)
		return 0;
	if (!unseen && memcmp(echoed, message + self->got, (size_t)count)) {
		fprintf(stderr, "other bytes came back than were sent\n");
		exit(1);
	}
	self->got += (size_t)count;
	if (self->got < size)
		return 0;
	self->got = self->sent = 0;
	return 1;
}

static int
is_pending(struct connection *self)
{
#ifdef LEPY_WITH_OPENSSL
	return self->ssl && SSL_pending(self->ssl);
#else
	(void)self;
	return 0;
#endif
}

/* Seconds that the server's threads were on a CPU, and of these in the kernel
 * (by clock ticks, 10 ms). */
static double
cpu_of(int pid, double *system)
{
	char path[64];
	unsigned long long nanoseconds = 0;
	long user_ticks, system_ticks;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/schedstat", pid);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%llu", &nanoseconds) != 1)
		fail(path);
	fclose(file);
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file
	    || fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user_ticks, &system_ticks)
	        != 2)
		fail(path);
	fclose(file);
	*system = (double)system_ticks / (double)sysconf(_SC_CLK_TCK);
	return (double)nanoseconds / 1e9;
}

/* Echoes until there were that many messages, or the seconds are over. */
static long
run(long messages, double seconds)
{
	double end = clock_seconds(CLOCK_MONOTONIC) + seconds;
	struct epoll_event events[256];
	long done = 0;

	while (messages ? done < messages : clock_seconds(CLOCK_MONOTONIC) < end) {
		int count = epoll_wait(epoll, events, 256, 1000);

		for (int i = 0; i < count; i++) {
			struct connection *self = events[i].data.ptr;

			if (events[i].events & EPOLLOUT)
				send_more(self);
			if (!(events[i].events & ~(uint32_t)EPOLLOUT))
				continue;
			/* What OpenSSL has read already makes no socket readable. */
			do {
				if (receive(self)) {
					done++;
					send_more(self);
				}
			} while (is_pending(self));
		}
	}
	return done;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int connections, pid, is_tls;
	double warm_up, length, cpu, system, wall, system_before;
	struct connection *all;
	long done;

	if (argc != 7 && argc != 8)
		return 2;
	address.sin_port = htons((uint16_t)atoi(argv[1]));
	connections = atoi(argv[2]);
	size = (size_t)atol(argv[3]);
	warm_up = atof(argv[4]);
	length = atof(argv[5]);
	pid = atoi(argv[6]);
	message = malloc(size);
	echoed = malloc(size);
	for (size_t i = 0; i < size; i++)
		message[i] = (char)(i * 31 + i / 251);
	is_tls = argc == 8 && strcmp(argv[7], "tls") == 0;
	light = argc == 8 && strcmp(argv[7], "light") == 0;
	if (argc == 8 && !is_tls && !light) {
		size_t line = (size_t)atol(argv[7]);

		for (size_t i = 0; i < size; i++)
			message[i] = i % line == line - 1 ? '\n' : (char)('a' + i % 26);
	}
	epoll = epoll_create1(0);
	all = calloc((size_t)connections, sizeof *all);
	for (int i = 0; i < connections; i++) {
		int on = 1;

		all[i].fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(all[i].fd, (struct sockaddr *)&address, sizeof address) < 0)
			fail("connect");
		setsockopt(all[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		if (is_tls)
			shake_hands(&all[i]);
		if (light)
			make_file(&all[i]);
		fcntl(all[i].fd, F_SETFL, O_NONBLOCK);
		watch(&all[i], EPOLL_CTL_ADD, 0);
		send_more(&all[i]);
	}
	run(0, warm_up);
	warm = 1;
	cpu = cpu_of(pid, &system_before);
	wall = clock_seconds(CLOCK_MONOTONIC);
	done = run(length > 0 ? (long)length : 0, -length);
	wall = clock_seconds(CLOCK_MONOTONIC) - wall;
	cpu = cpu_of(pid, &system) - cpu;
	printf("{\"name\": \"echo\", \"operations\": %ld, \"cpu\": %.9f, \"system\": %.2f, \"wall\": %.9f}\n", done, cpu,
	    system - system_before, wall);
	return 0;
}
