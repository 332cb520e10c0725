/* Sends datagrams to a UDP echo server, and each that comes back again.
 *
 * usage: datagram_client PORT SOCKETS DEEP SIZE WARM_UP SECONDS PID
 *
 * Each socket has DEEP datagrams of SIZE bytes under way.  Prints what those that came back in
 * SECONDS cost the process PID, as measure.h does.  One that is lost is sent again, when nothing
 * comes for a tenth of a second. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "measure.h"

#define MOST 64

static struct mmsghdr messages[MOST];
static struct iovec vectors[MOST];
static char memory[MOST][65536];

static void
begin_all(const int *fds, int sockets, int deep, int size)
{
	static char data[65536];
	int i, k;

	for (i = 0; i < sockets; i++)
		for (k = 0; k < deep; k++)
			send(fds[i], data, size, MSG_DONTWAIT);
}

/* Sends what has come on fd back; how many datagrams. */
static int
turn(int fd)
{
	int i, count = recvmmsg(fd, messages, MOST, MSG_DONTWAIT, NULL);

	if (count <= 0)
		return 0;
	for (i = 0; i < count; i++)
		vectors[i].iov_len = messages[i].msg_len;
	sendmmsg(fd, messages, count, MSG_DONTWAIT);
	for (i = 0; i < count; i++)
		vectors[i].iov_len = sizeof memory[i];
	return count;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int sockets, deep, size, epoll = epoll_create1(0), i;
	int *fds;
	double begin, warm_up, seconds, cpu = 0, wall = 0;
	long count = 0;
	clockid_t clock;

	if (argc != 8)
		return 2;
	address.sin_port = htons(atoi(argv[1]));
	sockets = atoi(argv[2]);
	deep = atoi(argv[3]);
	size = atoi(argv[4]);
	warm_up = atof(argv[5]);
	seconds = atof(argv[6]);
	if (clock_getcpuclockid(atoi(argv[7]), &clock))
		fail("clock_getcpuclockid");
	for (i = 0; i < MOST; i++) {
		vectors[i].iov_base = memory[i];
		vectors[i].iov_len = sizeof memory[i];
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	fds = calloc(sockets, sizeof *fds);
	for (i = 0; i < sockets; i++) {
		struct epoll_event event = { .events = EPOLLIN };

		event.data.fd = fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
		if (connect(fds[i], (struct sockaddr *)&address, sizeof address) < 0)
			fail("connect");
		epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event);
	}
	begin = clock_seconds(CLOCK_MONOTONIC);
	begin_all(fds, sockets, deep, size);
	for (;;) {
		struct epoll_event events[MOST];
		int ready = epoll_wait(epoll, events, MOST, 100);
		double now = clock_seconds(CLOCK_MONOTONIC);

		if (!wall && now - begin >= warm_up) {
			wall = now;
			cpu = clock_seconds(clock);
			count = 0;
		}
		if (wall && now - wall >= seconds)
			break;
		if (ready == 0)
			begin_all(fds, sockets, deep, size);
		for (i = 0; i < ready; i++)
			count += turn(events[i].data.fd);
	}
	printf("{\"name\": \"datagrams\", \"operations\": %ld, \"cpu\": %.9f, \"wall\": %.9f}\n", count,
	    clock_seconds(clock) - cpu, clock_seconds(CLOCK_MONOTONIC) - wall);
	return 0;
}
