/* Files as answers: by sendfile where the connection is plain, else piece by piece. */
#include "shim.h"

#include <errno.h>
#include <unistd.h>

/* What is read at a time for TLS, so that no file is in memory as a whole. */
#define PIECE (64 * 1024)

/* For http_reply.c where all output is sent: 1, the next piece of the file is there; 0, there
 * is none; -1, the file cannot be read or has become shorter. */
int
lepy_http_next_piece(struct lepy_http_connection *self)
{
	struct evbuffer *output = bufferevent_get_output(self->bufferevent);
	const size_t size = self->file_left < PIECE ? (size_t)self->file_left : PIECE;
	struct evbuffer_iovec room;
	ssize_t count;

	if (!self->file_left)
		return 0;
	if (evbuffer_reserve_space(output, (ev_ssize_t)size, &room, 1) != 1)
		return -1;
	do
		count = pread(self->file, room.iov_base, size, self->file_at);
	while (count < 0 && errno == EINTR);
	if (count <= 0)
		return -1;
	room.iov_len = (size_t)count;
	if (evbuffer_commit_space(output, &room, 1) < 0)
		return -1;
	self->file_at += count;
	self->file_left -= count;
	if (!self->file_left)
		lepy_http_close_file(self);
	return 1;
}

/* Called where the file is read, and by evhttp's closecb. */
void
lepy_http_close_file(struct lepy_http_connection *self)
{
	if (self->file >= 0)
		evutil_closesocket(self->file);
	self->file = -1;
	self->file_left = 0;
}

/* Never mapped: a file that becomes shorter would end the process (SIGBUS). */
static int
add_segment(struct evbuffer *output, evutil_socket_t file, int64_t offset, int64_t length)
{
	struct evbuffer_file_segment *segment;
	int result;

	segment = evbuffer_file_segment_new(file, offset, length, EVBUF_FS_CLOSE_ON_FREE | EVBUF_FS_DISABLE_MMAP);
	if (!segment) {
		evutil_closesocket(file);
		return -1;
	}
	result = evbuffer_add_file_segment(output, segment, 0, length);
	evbuffer_file_segment_free(segment);
	return result;
}

/* Called by HTTPRequest.reply_file between start and end: file is C's from now on, in any
 * case. */
int
lepy_http_write_file(struct lepy_http_server *server, int index, uint32_t generation, evutil_socket_t file,
    int64_t offset, int64_t length)
{
	struct lepy_http_connection *self = lepy_http_find(server, index, generation);

	if (!self || !self->is_started || self->file >= 0) {
		evutil_closesocket(file);
		return LEPY_HTTP_GONE;
	}
	if (self->tls) {
		self->file = file;
		self->file_at = offset;
		self->file_left = length;
		return 0;
	}
	if (add_segment(bufferevent_get_output(self->bufferevent), file, offset, length) < 0)
		return lepy_http_abort(server, index, generation);
	return 0;
}
