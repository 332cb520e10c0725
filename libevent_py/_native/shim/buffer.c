/* struct evbuffer for Python: what Buffer calls.
 *
 * A position is a plain number here: struct evbuffer_ptr is good only until
 * the buffer changes, so it lives within one call, under the buffer's lock.
 */
#include "shim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Called by Buffer.search: where what is, -1 where it is not.  end < 0: look to
 * the end of the buffer. */
int64_t
lepy_buffer_search(struct evbuffer *buffer, const char *what, size_t length, size_t start, int64_t end)
{
	struct evbuffer_ptr from, to, found;

	found.pos = -1;
	evbuffer_lock(buffer);
	if (evbuffer_ptr_set(buffer, &from, start, EVBUFFER_PTR_SET) == 0) {
		if (end < 0)
			found = evbuffer_search(buffer, what, length, &from);
		else if (evbuffer_ptr_set(buffer, &to, (size_t)end, EVBUFFER_PTR_SET) == 0)
			found = evbuffer_search_range(buffer, what, length, &from, &to);
	}
	evbuffer_unlock(buffer);
	return found.pos;
}

/* Called by Buffer.search_eol: where the line ends, and how long its end is. */
int64_t
lepy_buffer_search_eol(struct evbuffer *buffer, size_t start, int style, size_t *eol_length)
{
	struct evbuffer_ptr from, found;

	found.pos = -1;
	*eol_length = 0;
	evbuffer_lock(buffer);
	if (evbuffer_ptr_set(buffer, &from, start, EVBUFFER_PTR_SET) == 0)
		found = evbuffer_search_eol(buffer, &from, eol_length, style);
	evbuffer_unlock(buffer);
	return found.pos;
}

/* Called by Buffer.copyout: how many bytes went to out.  evbuffer_copyout_from
 * refuses where the front is frozen, though looking changes nothing. */
size_t
lepy_buffer_copyout_from(struct evbuffer *buffer, size_t start, char *out, size_t length)
{
	struct evbuffer_ptr from;
	struct evbuffer_iovec piece;
	size_t count = 0;

	evbuffer_lock(buffer);
	if (evbuffer_ptr_set(buffer, &from, start, EVBUFFER_PTR_SET) < 0)
		length = 0;
	while (count < length && evbuffer_peek(buffer, 1, &from, &piece, 1) > 0) {
		if (piece.iov_len > length - count)
			piece.iov_len = length - count;
		memcpy(out + count, piece.iov_base, piece.iov_len);
		count += piece.iov_len;
		if (evbuffer_ptr_set(buffer, &from, piece.iov_len, EVBUFFER_PTR_ADD) < 0)
			break;
	}
	evbuffer_unlock(buffer);
	return count;
}

/* Called by Buffer.peek: how many pieces length bytes from start are in, of
 * which up to count go to pieces. */
int
lepy_buffer_peek(struct evbuffer *buffer, size_t start, int64_t length, struct evbuffer_iovec *pieces, int count)
{
	struct evbuffer_ptr from;
	int found = 0;

	evbuffer_lock(buffer);
	if (evbuffer_ptr_set(buffer, &from, start, EVBUFFER_PTR_SET) == 0)
		found = evbuffer_peek(buffer, length, &from, pieces, count);
	evbuffer_unlock(buffer);
	return found;
}

static void
free_block(const void *data, size_t length, void *block)
{
	(void)data;
	(void)length;
	free(block);
}

/* Replaces the first size bytes by one block of memory with the same. */
static int
make_one_block(struct evbuffer *buffer, size_t size)
{
	struct evbuffer *front = evbuffer_new();
	char *block = malloc(size);
	int done = 0;

	if (front && block && evbuffer_copyout(buffer, block, size) == (ev_ssize_t)size) {
		if (evbuffer_add_reference(front, block, size, free_block, block) == 0) {
			block = NULL; /* front's */
			done = evbuffer_drain(buffer, size) == 0 && evbuffer_prepend_buffer(buffer, front) == 0;
		}
	}
	free(block);
	if (front)
		evbuffer_free(front);
	return done;
}

/* Called by Buffer.pullup: the first size bytes in one piece, NULL without
 * memory.  evbuffer_pullup may grow a piece in place that other buffers share
 * (evbuffer_add_buffer_reference) and so change their bytes; this never does.
 * entry, if not NULL, is a callback that shall not be told; frozen says that
 * the front is, as it is again afterwards. */
void *
lepy_buffer_pullup(struct evbuffer *buffer, struct evbuffer_cb_entry *entry, int frozen, size_t size)
{
	struct evbuffer_iovec piece = {NULL, 0};
	void *found = NULL;

	evbuffer_lock(buffer);
	if (entry)
		evbuffer_cb_clear_flags(buffer, entry, EVBUFFER_CB_ENABLED);
	if (frozen)
		evbuffer_unfreeze(buffer, 1);
	evbuffer_peek(buffer, 1, NULL, &piece, 1);
	if (piece.iov_len >= size || make_one_block(buffer, size)) {
		evbuffer_peek(buffer, 1, NULL, &piece, 1);
		found = piece.iov_base;
	}
	if (frozen)
		evbuffer_freeze(buffer, 1);
	if (entry)
		evbuffer_cb_set_flags(buffer, entry, EVBUFFER_CB_ENABLED);
	evbuffer_unlock(buffer);
	return found;
}

/* What C no longer needs of what Python pinned.  Cleanups come from any thread,
 * inside anything: they only push here, and Python takes the list when it next
 * can.  No lock: a fork could inherit it held. */
static struct lepy_released *released;

static void
release(struct lepy_released *self)
{
	self->next = __atomic_load_n(&released, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&released, &self->next, self, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

static void
reference_cleanup(const void *data, size_t length, void *self)
{
	(void)data;
	(void)length;
	release(self);
}

static void
segment_cleanup(const struct evbuffer_file_segment *segment, int flags, void *self)
{
	(void)segment;
	(void)flags;
	release(self);
}

static struct lepy_released *
new_released(uint64_t key)
{
	struct lepy_released *self = malloc(sizeof *self);

	if (self)
		self->key = key;
	return self;
}

/* Called by _callbacks.py: the list, each entry of which Python frees. */
struct lepy_released *
lepy_released_take(void)
{
	return __atomic_exchange_n(&released, NULL, __ATOMIC_ACQUIRE);
}

/* Called by Buffer.add_reference: key is released once data is not needed. */
int
lepy_buffer_add_reference(struct evbuffer *buffer, const void *data, size_t length, uint64_t key)
{
	struct lepy_released *self = new_released(key);

	if (!self)
		return -1;
	if (evbuffer_add_reference(buffer, data, length, reference_cleanup, self) == 0)
		return 0;
	free(self);
	return -1;
}

/* Called by FileSegment: key is released with the segment. */
int
lepy_file_segment_watch(struct evbuffer_file_segment *segment, uint64_t key)
{
	struct lepy_released *self = new_released(key);

	if (!self)
		return -1;
	evbuffer_file_segment_add_cleanup_cb(segment, segment_cleanup, self);
	return 0;
}

static void
note_cleanup(const struct evbuffer_file_segment *segment, int flags, void *cleaned)
{
	(void)segment;
	(void)flags;
	*(int *)cleaned = 1;
}

/* Called by Buffer.add_file_segment where a file could not be read into a plain
 * buffer: whether libevent has taken the caller's reference to the segment away.
 * 2.2 has, 2.1 has not; the same failure tells, on an empty file. */
int
lepy_file_segment_is_taken(void)
{
	FILE *file = tmpfile();
	struct evbuffer *buffer = evbuffer_new();
	struct evbuffer_file_segment *segment = NULL;
	int cleaned = 0, taken = 1; /* where it cannot be found out a leak is the lesser evil */

	if (file && buffer)
		segment = evbuffer_file_segment_new(fileno(file), 0, 1, EVBUF_FS_DISABLE_MMAP);
	if (segment) {
		evbuffer_file_segment_add_cleanup_cb(segment, note_cleanup, &cleaned);
		evbuffer_add_file_segment(buffer, segment, 0, 1);
		taken = cleaned;
		if (!taken)
			evbuffer_file_segment_free(segment);
	}
	if (buffer)
		evbuffer_free(buffer);
	if (file)
		fclose(file);
	return taken;
}

/* Adds up what changes until Python asks. */
static void
watch_callback(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *arg)
{
	struct lepy_buffer_watch *self = arg;

	(void)buffer;
	if (!self->pending)
		self->orig_size = info->orig_size;
	self->n_added += info->n_added;
	self->n_deleted += info->n_deleted;
	if (!self->pending) {
		self->pending = 1;
		lepy_report(&self->handle, LEPY_KIND_EVENT, 0);
	}
}

/* Called by _DeferredChanges: reports changes of buffer from the loop.  The
 * buffer stays the caller's, who detaches before it is freed. */
struct lepy_buffer_watch *
lepy_buffer_watch_new(struct lepy_delivery *delivery, uint32_t slot, uint32_t generation, struct evbuffer *buffer)
{
	struct lepy_buffer_watch *self = calloc(1, sizeof *self);

	if (!self)
		return NULL;
	self->handle.delivery = delivery;
	self->handle.slot = slot;
	self->handle.generation = generation;
	self->buffer = buffer;
	self->entry = evbuffer_add_cb(buffer, watch_callback, self);
	if (!self->entry) {
		free(self);
		return NULL;
	}
	return self;
}

/* Called by _DeferredChanges: fills in what changed since the last time. */
void
lepy_buffer_watch_take(struct lepy_buffer_watch *self, size_t *orig_size, size_t *n_added, size_t *n_deleted)
{
	if (self->buffer)
		evbuffer_lock(self->buffer);
	*orig_size = self->orig_size;
	*n_added = self->n_added;
	*n_deleted = self->n_deleted;
	self->n_added = self->n_deleted = 0;
	self->pending = 0;
	if (self->buffer)
		evbuffer_unlock(self->buffer);
}

/* Called by Buffer before it frees the evbuffer. */
void
lepy_buffer_watch_detach(struct lepy_buffer_watch *self)
{
	if (self->buffer)
		evbuffer_remove_cb_entry(self->buffer, self->entry);
	self->buffer = NULL;
}

/* Called by _DeferredChanges.close. */
void
lepy_buffer_watch_free(struct lepy_buffer_watch *self)
{
	lepy_buffer_watch_detach(self);
	free(self);
}
