/* Writing records into batches: what the callbacks of the other files call. */
#include "shim.h"

#include <stdlib.h>

/* Takes a spare batch or makes one.  Caller holds the lock. */
static struct lepy_batch *
take_batch(struct lepy_delivery *delivery, int level)
{
	struct lepy_batch *batch = delivery->spare;

	if (batch) {
		delivery->spare = batch->next;
	} else {
		struct lepy_batch **grown;

		grown = realloc(delivery->batches, (delivery->batch_count + 1) * sizeof *grown);
		if (!grown)
			return NULL;
		delivery->batches = grown;
		/* Not calloc: the arena's pages stay untouched until used. */
		batch = malloc(sizeof *batch);
		if (!batch)
			return NULL;
		delivery->batches[delivery->batch_count++] = batch;
	}
	batch->next = NULL;
	batch->level = level;
	batch->serial = ++delivery->serials;
	batch->begin = batch->count = batch->used = 0;
	return batch;
}

/* The batch that the level's next record goes to, or NULL without memory.
 * Caller holds the lock. */
static struct lepy_batch *
filling_batch(struct lepy_delivery *delivery, int number)
{
	struct lepy_level *level = &delivery->levels[number];
	struct lepy_batch *batch = level->last;

	if (batch && batch->count < LEPY_BATCH_RECORDS)
		return batch;
	batch = take_batch(delivery, number);
	if (!batch)
		return NULL;
	if (level->last)
		level->last->next = batch;
	else
		level->first = batch;
	level->last = batch;
	return batch;
}

void
lepy_report_begin(struct lepy_handle *handle)
{
	pthread_mutex_lock(&handle->delivery->lock);
}

size_t
lepy_report_room(struct lepy_handle *handle, char **room)
{
	struct lepy_batch *batch = filling_batch(handle->delivery, handle->level);

	if (!batch)
		return 0;
	*room = batch->arena + batch->used;
	return LEPY_BATCH_ARENA - batch->used;
}

void
lepy_report_mark(struct lepy_handle *handle, struct lepy_mark *mark)
{
	struct lepy_batch *batch = filling_batch(handle->delivery, handle->level);

	mark->batch = batch;
	if (batch) {
		mark->serial = batch->serial;
		mark->position = batch->count;
	}
}

int
lepy_mark_waits(const struct lepy_mark *mark)
{
	const struct lepy_batch *batch = mark->batch;

	return batch && batch->serial == mark->serial && mark->position >= batch->begin;
}

uint32_t
lepy_waiting_from(const struct lepy_delivery *delivery, const struct lepy_batch *batch)
{
	return batch == delivery->handed ? batch->end : batch->begin;
}

/* True where records wait, whose drain event is active already. */
static int
level_waits(const struct lepy_level *level)
{
	const struct lepy_batch *batch;

	for (batch = level->first; batch; batch = batch->next)
		if (lepy_waiting_from(level->delivery, batch) < batch->count)
			return 1;
	return 0;
}

void
lepy_report_cancel(struct lepy_handle *handle)
{
	pthread_mutex_unlock(&handle->delivery->lock);
}

int
lepy_report_end(struct lepy_handle *handle, int kind, int what, size_t length)
{
	struct lepy_delivery *delivery = handle->delivery;
	struct lepy_level *level = &delivery->levels[handle->level];
	int is_first = !level_waits(level);
	struct lepy_batch *batch = filling_batch(delivery, handle->level);

	if (batch) {
		struct lepy_record *record = &batch->records[batch->count++];

		record->slot = handle->slot;
		record->generation = handle->generation;
		record->kind = (int16_t)kind;
		record->is_last = 0;
		record->what = what;
		record->offset = batch->used;
		record->length = (uint32_t)length;
		batch->used += (uint32_t)length;
	} else {
		delivery->lost = 1;
	}
	pthread_mutex_unlock(&delivery->lock);
	if (is_first)
		lepy_activate_drain(level);
	return batch ? 0 : -1;
}

void
lepy_report(struct lepy_handle *handle, int kind, int what)
{
	lepy_report_begin(handle);
	lepy_report_end(handle, kind, what, 0);
}

/* The record of mark, if Python has not been handed it. */
static struct lepy_record *
marked_record(struct lepy_handle *handle, const struct lepy_mark *mark)
{
	struct lepy_record *record;

	if (!lepy_mark_waits(mark) || mark->position < lepy_waiting_from(handle->delivery, mark->batch))
		return NULL;
	record = &mark->batch->records[mark->position];
	return record->generation == handle->generation ? record : NULL;
}

/* As libevent does with an event that is active already, adds to the record of
 * mark where that waits, which it does only after Python was cut short; else
 * writes a new one. */
void
lepy_report_once(struct lepy_handle *handle, struct lepy_mark *mark, int kind, int what)
{
	struct lepy_record *record;

	lepy_report_begin(handle);
	record = marked_record(handle, mark);
	if (record && record->kind == kind) {
		record->what |= what;
		lepy_report_cancel(handle);
		return;
	}
	lepy_report_mark(handle, mark);
	lepy_report_end(handle, kind, what, 0);
}
