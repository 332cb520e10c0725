/* The load of the echo servers: each connection sends a message, waits until
 * all of it is back, compares it, and sends the next.
 * usage: echo_client PORT CONNECTIONS SIZE WARM_UP MESSAGES PID
 * With MESSAGES < 0: for that many seconds.  PID is the server's: its CPU time
 * is read from /proc. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"

struct connection {
	int fd;
	size_t sent, got;
	int wants_out;
};

static int epoll;
static size_t size;
static char *message, *echoed;

static void
watch(struct connection *self, int operation, int out)
{
	struct epoll_event event = { .events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = self };

	if (epoll_ctl(epoll, operation, self->fd, &event) < 0)
		fail("epoll_ctl");
	self->wants_out = out;
}

static void
send_more(struct connection *self)
{
	ssize_t count = send(self->fd, message + self->sent, size - self->sent, MSG_NOSIGNAL);

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
	ssize_t count = recv(self->fd, echoed, size - self->got, 0);

	if (count == 0 || (count < 0 && errno != EAGAIN))
		fail("recv");
	if (count < 0)
		return 0;
	if (memcmp(echoed, message + self->got, (size_t)count)) {
		fprintf(stderr, "other bytes came back than were sent\n");
		exit(1);
	}
	self->got += (size_t)count;
	if (self->got < size)
		return 0;
	self->got = self->sent = 0;
	return 1;
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
			if ((events[i].events & ~(uint32_t)EPOLLOUT) && receive(self)) {
				done++;
				send_more(self);
			}
		}
	}
	return done;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int connections, pid;
	double warm_up, length, cpu, system, wall, system_before;
	struct connection *all;
	long done;

	if (argc != 7)
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
	epoll = epoll_create1(0);
	all = calloc((size_t)connections, sizeof *all);
	for (int i = 0; i < connections; i++) {
		int on = 1;

		all[i].fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(all[i].fd, (struct sockaddr *)&address, sizeof address) < 0)
			fail("connect");
		setsockopt(all[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		fcntl(all[i].fd, F_SETFL, O_NONBLOCK);
		watch(&all[i], EPOLL_CTL_ADD, 0);
		send_more(&all[i]);
	}
	run(0, warm_up);
	cpu = cpu_of(pid, &system_before);
	wall = clock_seconds(CLOCK_MONOTONIC);
	done = run(length > 0 ? (long)length : 0, -length);
	wall = clock_seconds(CLOCK_MONOTONIC) - wall;
	cpu = cpu_of(pid, &system) - cpu;
	printf("{\"name\": \"echo\", \"operations\": %ld, \"cpu\": %.9f, \"system\": %.2f, \"wall\": %.9f}\n", done, cpu,
	    system - system_before, wall);
	return 0;
}
