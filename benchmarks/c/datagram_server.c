/* A UDP echo server on a libevent event: recvfrom and sendto until there is no more.
 *
 * usage: datagram_server */
#include <event2/event.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "measure.h"

static void
readable(evutil_socket_t fd, short what, void *arg)
{
	static char memory[65536];
	struct sockaddr_in from;
	socklen_t length = sizeof from;
	ssize_t count;

	(void)what;
	(void)arg;
	while ((count = recvfrom(fd, memory, sizeof memory, MSG_DONTWAIT, (struct sockaddr *)&from, &length)) >= 0) {
		if (sendto(fd, memory, count, MSG_DONTWAIT, (struct sockaddr *)&from, length) < 0)
			return;
		length = sizeof from;
	}
}

int
main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	struct event_base *base = event_base_new();
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (bind(fd, (struct sockaddr *)&address, length) < 0 || getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		fail("bind");
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	event_add(event_new(base, fd, EV_READ | EV_PERSIST, readable, NULL), NULL);
	event_base_dispatch(base);
	return 0;
}
