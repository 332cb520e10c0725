/* Reading a socket for an asyncio transport. */
#ifndef LEPY_RECEIVER_H
#define LEPY_RECEIVER_H

#include "delivery.h"

struct lepy_receiver {
	struct lepy_handle handle; /* first: the callback's argument is both */
	struct event *event;
	struct lepy_mark last;
	size_t last_read;
	int by_python; /* it reads by itself, into memory of its own */
};

struct lepy_receiver *lepy_receiver_new(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation,
    evutil_socket_t fd);
void lepy_receiver_free(struct lepy_receiver *self);
int lepy_receiver_start(struct lepy_receiver *self, int by_python);
int lepy_receiver_stop(struct lepy_receiver *self);
int64_t lepy_receiver_receive(struct lepy_receiver *self, char *data, size_t size);

#endif
