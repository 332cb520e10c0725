/* Many datagrams a system call and a crossing: recvmmsg and sendmmsg. */
#include "datagram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

/* Called by DatagramTransport: sends count datagrams (at most LEPY_DATAGRAMS),
 * which lie in data one behind the other, as their addresses do, of
 * address_length each, 0 on a connected socket.  lengths are uint32_t.  How
 * many were sent; what stopped the next one it meets by itself. */
int
lepy_datagrams_send(evutil_socket_t fd, int count, const char *data, const char *lengths, const char *addresses,
    size_t address_length)
{
	struct mmsghdr messages[LEPY_DATAGRAMS];
	struct iovec vectors[LEPY_DATAGRAMS];
	int i;

	memset(messages, 0, count * sizeof *messages);
	for (i = 0; i < count; i++) {
		struct msghdr *header = &messages[i].msg_hdr;
		uint32_t length;

		memcpy(&length, lengths + i * sizeof length, sizeof length);
		vectors[i].iov_base = (char *)data;
		vectors[i].iov_len = length;
		data += length;
		header->msg_iov = &vectors[i];
		header->msg_iovlen = 1;
		if (address_length) {
			header->msg_name = (char *)addresses + i * address_length;
			header->msg_namelen = (socklen_t)address_length;
		}
	}
	i = sendmmsg(fd, messages, (unsigned int)count, MSG_DONTWAIT | MSG_NOSIGNAL);
	return i < 0 ? 0 : i;
}
