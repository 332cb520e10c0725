/* Many datagrams at once, for the asyncio loop's transports. */
#ifndef LEPY_DATAGRAM_H
#define LEPY_DATAGRAM_H

#include "headers.h"

#include <netinet/in.h>
#include <stdint.h>

/* So many at once, and at most so many bytes each, more than UDP has. */
#define LEPY_DATAGRAMS 64
#define LEPY_DATAGRAM_SIZE (64 * 1024)

/* One that was received; Python's aio/datagram.py reads the same numbers. */
struct lepy_datagram {
	uint32_t offset; /* of its bytes in memory */
	uint32_t length;
	uint32_t from; /* which of the addresses is its sender's; the one before's where that is the same */
	uint32_t from_length;
};

/* What the sockets of one loop receive into, one after the other. */
struct lepy_datagrams {
	struct lepy_datagram received[LEPY_DATAGRAMS];
	struct sockaddr_in6 addresses[LEPY_DATAGRAMS]; /* or of IPv4, which are shorter */
	struct mmsghdr messages[LEPY_DATAGRAMS];
	struct iovec vectors[LEPY_DATAGRAMS];
	char memory[LEPY_DATAGRAMS * LEPY_DATAGRAM_SIZE];
};

struct lepy_datagrams *lepy_datagrams_new(void);
void lepy_datagrams_free(struct lepy_datagrams *self);
int lepy_datagrams_receive(struct lepy_datagrams *self, evutil_socket_t fd);
int lepy_datagrams_send(evutil_socket_t fd, int count, int segmented, const char *data, const char *packed,
    const char *addresses, size_t address_length);
int lepy_datagrams_can_segment(evutil_socket_t fd);

#endif
