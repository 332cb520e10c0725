/* The C glue's own declarations; what Python may call of it is in cdef/shim.h. */
#ifndef LEPY_SHIM_H
#define LEPY_SHIM_H

#include "headers.h"

#include "delivery.h"
#include "raw.h"

struct lepy_event {
	struct lepy_handle handle; /* first: the callback's argument is both */
	struct event *event;
};

struct lepy_callbacks {
	bufferevent_data_cb read, write;
	bufferevent_event_cb status;
	void *arg;
};

struct lepy_bufferevent {
	struct lepy_handle handle;
	struct bufferevent *bufferevent;
	struct lepy_callbacks theirs; /* what native code had set before */
	size_t high;       /* the input's high mark */
	int direct_socket; /* a plain socket: writes may go out at once */
	int connecting;
	int with_data;     /* input rides along with its record */
	int wants_write;
	int wants_status;
	int paused;        /* EV_READ is off only because the input is at its high mark */
	int watching;      /* input_callback is on the input */
	struct lepy_batch *data_batch; /* which the last bytes went to, */
	uint64_t data_serial;          /* and its serial then */
};

struct lepy_listener {
	struct lepy_handle handle;
	struct evconnlistener *listener;
	struct event *retry; /* ends the rest after running out of descriptors */
};

/* Something that Python pinned, or waits for, and C is done with. */
struct lepy_released {
	struct lepy_released *next;
	uint64_t key; /* Python's name of it */
};

struct lepy_buffer_watch {
	struct lepy_handle handle;
	struct evbuffer *buffer; /* NULL once it is gone */
	struct evbuffer_cb_entry *entry;
	int pending; /* a record is under way */
	size_t orig_size, n_added, n_deleted;
};

struct event_base *lepy_event_base_new(const struct event_config *config);
int lepy_event_base_loopexit(struct event_base *base, double seconds);
struct timeval lepy_timeval(double seconds);

struct lepy_event *lepy_event_new(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation,
    evutil_socket_t fd, short events);
int lepy_event_add(struct event *event, double seconds);
int lepy_event_remove(struct lepy_event *self);
int lepy_event_priority_set(struct lepy_event *self, int priority);
void lepy_event_free(struct lepy_event *self);

struct lepy_bufferevent *lepy_bufferevent_new(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation,
    struct bufferevent *bufferevent, int direct_socket);
void lepy_bufferevent_setcb(struct lepy_bufferevent *self, int readable, int with_data, int writable, int status);
void lepy_bufferevent_free(struct lepy_bufferevent *self, int owned);
int lepy_bufferevent_enable(struct lepy_bufferevent *self, short events, int report_again);
int lepy_bufferevent_disable(struct lepy_bufferevent *self, short events);
short lepy_bufferevent_get_enabled(struct lepy_bufferevent *self);
int lepy_bufferevent_setwatermark(struct lepy_bufferevent *self, short events, size_t low, size_t high);
void lepy_bufferevent_report_input(struct lepy_bufferevent *self, struct evbuffer *input);
int lepy_bufferevent_write(struct lepy_bufferevent *self, const char *data, size_t length);
int lepy_bufferevent_write_buffer(struct lepy_bufferevent *self, struct evbuffer *buffer);
int64_t lepy_bufferevent_read(struct lepy_bufferevent *self, char *data, size_t length);
int lepy_bufferevent_unread(struct lepy_bufferevent *self, const char *data, size_t length);
int lepy_bufferevent_connect(struct lepy_bufferevent *self, evutil_socket_t fd);
int lepy_bufferevent_set_timeouts(struct lepy_bufferevent *self, double read, double write);
int lepy_bufferevent_priority_set(struct lepy_bufferevent *self, int priority);

struct lepy_listener *lepy_listener_new(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation,
    evutil_socket_t fd);
int lepy_listener_enable(struct lepy_listener *self);
int lepy_listener_disable(struct lepy_listener *self);
void lepy_listener_free(struct lepy_listener *self);

int64_t lepy_buffer_search(struct evbuffer *buffer, const char *what, size_t length, size_t start, int64_t end);
int64_t lepy_buffer_search_eol(struct evbuffer *buffer, size_t start, int style, size_t *eol_length);
size_t lepy_buffer_copyout_from(struct evbuffer *buffer, size_t start, char *out, size_t length);
int lepy_buffer_peek(struct evbuffer *buffer, size_t start, int64_t length, struct evbuffer_iovec *pieces, int count);
void *lepy_buffer_pullup(struct evbuffer *buffer, struct evbuffer_cb_entry *entry, int frozen, size_t size);
int lepy_buffer_add_reference(struct evbuffer *buffer, const void *data, size_t length, uint64_t key);
int lepy_file_segment_watch(struct evbuffer_file_segment *segment, uint64_t key);
struct lepy_released *lepy_released_take(void);
struct lepy_buffer_watch *lepy_buffer_watch_new(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation,
    struct evbuffer *buffer);
void lepy_buffer_watch_take(struct lepy_buffer_watch *self, size_t *orig_size, size_t *n_added, size_t *n_deleted);
void lepy_buffer_watch_detach(struct lepy_buffer_watch *self);
void lepy_buffer_watch_free(struct lepy_buffer_watch *self);

#endif
