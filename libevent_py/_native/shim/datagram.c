/* Many datagrams a system call and a crossing: recvmmsg and sendmmsg. */
#include "datagram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103 /* linux/udp.h, which has its own struct udphdr */
#endif

/* More than one IP packet holds the kernel does not cut. */
#define LEPY_SEGMENTS_MOST 65000

/* Called by Datagrams; freed by lepy_datagrams_free.  NULL: no memory. */
struct lepy_datagrams *
lepy_datagrams_new(void)
{
	/* Not calloc: the memory's pages stay untouched until used. */
	struct lepy_datagrams *self = malloc(sizeof *self);
	int i;

	if (!self)
		return NULL;
	memset(self->messages, 0, sizeof self->messages);
	for (i = 0; i < LEPY_DATAGRAMS; i++) {
		struct msghdr *header = &self->messages[i].msg_hdr;

		self->vectors[i].iov_base = self->memory + i * LEPY_DATAGRAM_SIZE;
		self->vectors[i].iov_len = LEPY_DATAGRAM_SIZE;
		header->msg_iov = &self->vectors[i];
		header->msg_iovlen = 1;
		header->msg_name = &self->addresses[i];
		header->msg_namelen = sizeof self->addresses[i];
	}
	return self;
}

/* Called when Python's Datagrams is collected. */
void
lepy_datagrams_free(struct lepy_datagrams *self)
{
	free(self);
}

static int
same_sender(const struct lepy_datagrams *self, int one, int other)
{
	socklen_t length = self->messages[one].msg_hdr.msg_namelen;

	return length == self->messages[other].msg_hdr.msg_namelen &&
	    !memcmp(&self->addresses[one], &self->addresses[other], length);
}

/* Called by DatagramTransport, whose fd is: how many have come, described in
 * received, or minus errno. */
int
lepy_datagrams_receive(struct lepy_datagrams *self, evutil_socket_t fd)
{
	int count = recvmmsg(fd, self->messages, LEPY_DATAGRAMS, MSG_DONTWAIT, NULL);
	int from = 0;
	int i;

	if (count < 0)
		return -errno;
	for (i = 0; i < count; i++) {
		struct lepy_datagram *datagram = &self->received[i];

		if (!same_sender(self, i, from))
			from = i;
		datagram->offset = (uint32_t)i * LEPY_DATAGRAM_SIZE;
		datagram->length = self->messages[i].msg_len;
		datagram->from = (uint32_t)(from * sizeof self->addresses[0]);
		datagram->from_length = self->messages[i].msg_hdr.msg_namelen;
	}
	for (i = 0; i < count; i++)
		self->messages[i].msg_hdr.msg_namelen = sizeof self->addresses[i];
	return count;
}

/* How many datagrams from first on the kernel can cut out of one (UDP_SEGMENT):
 * of one length but for the last, for one address. */
static int
run_length(const uint32_t *lengths, const char *addresses, size_t address_length, int first, int count)
{
	uint32_t total = lengths[first];
	int i;

	for (i = first + 1; i < count && lengths[i - 1] == lengths[first] && lengths[i] <= lengths[first]; i++) {
		total += lengths[i];
		if (total > LEPY_SEGMENTS_MOST ||
		    memcmp(addresses + i * address_length, addresses + first * address_length, address_length))
			break;
	}
	return i - first;
}

/* Called by DatagramTransport: sends count datagrams (at most LEPY_DATAGRAMS),
 * which lie in data one behind the other, as their addresses do, of
 * address_length each, 0 on a connected socket.  packed are their lengths, as
 * uint32_t.  segmented: the kernel may cut runs of them out of one.  How many
 * were sent; what stopped the next one it meets by itself. */
int
lepy_datagrams_send(evutil_socket_t fd, int count, int segmented, const char *data, const char *packed,
    const char *addresses, size_t address_length)
{
	struct mmsghdr messages[LEPY_DATAGRAMS];
	struct iovec vectors[LEPY_DATAGRAMS];
	union {
		struct cmsghdr header; /* for its alignment */
		char room[CMSG_SPACE(sizeof(uint16_t))];
	} controls[LEPY_DATAGRAMS];
	uint32_t lengths[LEPY_DATAGRAMS];
	int runs[LEPY_DATAGRAMS];
	int sent = 0, first, run, n;

	memcpy(lengths, packed, count * sizeof *lengths);
	memset(messages, 0, count * sizeof *messages);
	for (n = 0, first = 0; first < count; n++, first += run) {
		struct msghdr *header = &messages[n].msg_hdr;
		int i;

		run = runs[n] = segmented ? run_length(lengths, addresses, address_length, first, count) : 1;
		vectors[n].iov_base = (char *)data;
		vectors[n].iov_len = 0;
		for (i = first; i < first + run; i++)
			vectors[n].iov_len += lengths[i];
		data += vectors[n].iov_len;
		header->msg_iov = &vectors[n];
		header->msg_iovlen = 1;
		if (address_length) {
			header->msg_name = (char *)addresses + first * address_length;
			header->msg_namelen = (socklen_t)address_length;
		}
		if (run > 1) {
			uint16_t size = (uint16_t)lengths[first];
			struct cmsghdr *control;

			header->msg_control = &controls[n];
			header->msg_controllen = sizeof controls[n].room;
			control = CMSG_FIRSTHDR(header);
			control->cmsg_level = IPPROTO_UDP;
			control->cmsg_type = UDP_SEGMENT;
			control->cmsg_len = CMSG_LEN(sizeof size);
			memcpy(CMSG_DATA(control), &size, sizeof size);
		}
	}
	n = sendmmsg(fd, messages, (unsigned int)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n-- > 0)
		sent += runs[n];
	return sent;
}

/* Called by DatagramTransport: 1 where the kernel knows UDP_SEGMENT; one that does not
 * would send a run as one datagram. */
int
lepy_datagrams_can_segment(evutil_socket_t fd)
{
	int value;
	socklen_t length = sizeof value;

	return getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &value, &length) == 0;
}
