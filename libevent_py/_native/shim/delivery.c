/* The delivery queue: batches, drain events and the loop's one entry. */
#include "shim.h"

#include <stdlib.h>
#include <string.h>

/* Native code may go on with its loop when it has finalized the interpreter. */
static int python_lives;

/* Called when the package is imported, and at the interpreter's exit. */
void
lepy_python_lives(int lives)
{
	python_lives = lives;
}

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
		batch->index = delivery->batch_count;
		delivery->batches[delivery->batch_count++] = batch;
	}
	batch->next = NULL;
	batch->level = level;
	batch->serial = ++delivery->serials;
	batch->count = 0;
	batch->used = 0;
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

/* Makes libevent run the level's drain event in this pass or the next. */
static void
activate_drain(struct lepy_level *level)
{
	event_active(level->drain, EV_TIMEOUT, 1);
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

struct lepy_batch *
lepy_report_batch(struct lepy_handle *handle)
{
	return filling_batch(handle->delivery, handle->level);
}

void
lepy_report_end(struct lepy_handle *handle, int kind, int what, size_t length)
{
	struct lepy_delivery *delivery = handle->delivery;
	struct lepy_level *level = &delivery->levels[handle->level];
	int is_first = !level->first || !level->first->count;
	struct lepy_batch *batch = filling_batch(delivery, handle->level);

	if (batch) {
		struct lepy_record *record = &batch->records[batch->count++];

		record->slot = handle->slot;
		record->generation = handle->generation;
		record->kind = kind;
		record->what = what;
		record->offset = batch->used;
		record->length = (uint32_t)length;
		batch->used += (uint32_t)length;
	} else {
		delivery->lost = 1;
	}
	pthread_mutex_unlock(&delivery->lock);
	if (is_first)
		activate_drain(level);
}

void
lepy_report(struct lepy_handle *handle, int kind, int what)
{
	lepy_report_begin(handle);
	lepy_report_end(handle, kind, what, 0);
}

/* Takes the level's oldest batch for Python; the token names this hand-over. */
static int
hand_over(struct lepy_delivery *delivery, struct lepy_level *level)
{
	struct lepy_batch *batch;

	pthread_mutex_lock(&delivery->lock);
	batch = level->first;
	if (batch && batch->count && !delivery->handed) {
		level->first = batch->next;
		if (!level->first)
			level->last = NULL;
		batch->next = NULL;
		delivery->handed = batch;
		delivery->hand_overs = (delivery->hand_overs + 1) & 0x3fffffff;
		delivery->handed_token = (int64_t)delivery->hand_overs << 32 | (int64_t)batch->index << 16 | batch->count;
	} else {
		batch = NULL;
	}
	pthread_mutex_unlock(&delivery->lock);
	return batch != NULL;
}

/* The connections of records that nobody will see are ours to close. */
static void
close_undelivered(const struct lepy_batch *batch)
{
	uint32_t i;

	for (i = 0; i < batch->count; i++)
		if (batch->records[i].kind == LEPY_KIND_ACCEPT)
			evutil_closesocket(batch->records[i].what);
}

/* libevent's callback of a level's drain event, behind all that the pass had
 * active at that priority. */
static void
drain_callback(evutil_socket_t fd, short what, void *arg)
{
	struct lepy_level *level = arg;
	struct lepy_delivery *delivery = level->delivery;

	(void)fd;
	(void)what;
	if (delivery->python_drives) {
		hand_over(delivery, level);
		delivery->left = 1;
		event_base_loopbreak(delivery->base);
		return;
	}
	/* Somebody else drives.  With a batch handed over already (a callback
	 * runs this base through the raw layer) the rest waits for consume.  One
	 * batch at a time: consume activates the drain event again, so that a
	 * loopbreak or loopcontinue between them is libevent's to obey. */
	if (!delivery->handed && hand_over(delivery, level)) {
		int64_t token = delivery->handed_token;
		uint32_t remaining = 0;

		delivery->delivering = 1;
		if (python_lives)
			remaining = lepy_deliver(delivery->python, token);
		else
			close_undelivered(delivery->handed);
		delivery->delivering = 0;
		lepy_delivery_consume(delivery, token, remaining);
	}
}

/* Called by Python when a batch is done or cut short, with how many of its
 * records it has not begun.  Any other token than the last hand-over's means
 * that Python was interrupted before it began: the whole batch is left. */
void
lepy_delivery_consume(struct lepy_delivery *delivery, int64_t token, uint32_t remaining)
{
	struct lepy_batch *batch;
	int i;

	pthread_mutex_lock(&delivery->lock);
	batch = delivery->handed;
	delivery->handed = NULL;
	if (batch && ((token & ~LEPY_TOKEN_EXIT) != delivery->handed_token || remaining > batch->count))
		remaining = batch->count;
	if (batch && remaining) {
		struct lepy_level *level = &delivery->levels[batch->level];

		memmove(batch->records, batch->records + (batch->count - remaining), remaining * sizeof *batch->records);
		batch->count = remaining;
		batch->next = level->first;
		level->first = batch;
		if (!level->last)
			level->last = batch;
	} else if (batch) {
		batch->serial = 0;
		batch->next = delivery->spare;
		delivery->spare = batch;
	}
	pthread_mutex_unlock(&delivery->lock);
	for (i = 0; i < delivery->level_count; i++)
		if (delivery->levels[i].first && delivery->levels[i].first->count)
			activate_drain(&delivery->levels[i]);
}

/* Called by Python's loop(): acknowledges the last batch and runs
 * event_base_loop until there is a new one, or until it ends by itself. */
int64_t
lepy_delivery_run(struct lepy_delivery *delivery, int flags, int64_t token, uint32_t remaining)
{
	int result;

	lepy_delivery_consume(delivery, token, remaining);
	delivery->left = 0;
	delivery->python_drives = 1;
	result = event_base_loop(delivery->base, flags);
	delivery->python_drives = 0;
	if (delivery->handed)
		return delivery->handed_token | (event_base_got_exit(delivery->base) ? LEPY_TOKEN_EXIT : 0);
	if (delivery->lost) {
		delivery->lost = 0;
		return LEPY_RUN_NO_MEMORY;
	}
	if (result < 0)
		return LEPY_RUN_ERROR;
	if (delivery->left && !event_base_got_exit(delivery->base))
		return LEPY_RUN_WOKEN;
	return result == 1 ? LEPY_RUN_EMPTY : LEPY_RUN_ENDED;
}

struct lepy_record *
lepy_delivery_records(struct lepy_delivery *delivery, int index)
{
	return delivery->batches[index]->records;
}

char *
lepy_delivery_arena(struct lepy_delivery *delivery, int index)
{
	return delivery->batches[index]->arena;
}

/* The thread that calls these two owns the base's handles in between. */
void
lepy_delivery_enter(struct lepy_delivery *delivery)
{
	delivery->owner = pthread_self();
	delivery->has_owner = 1;
}

void
lepy_delivery_leave(struct lepy_delivery *delivery)
{
	delivery->has_owner = 0;
}

/* True in a thread that may not touch the base's handles now. */
int
lepy_delivery_foreign(const struct lepy_delivery *delivery)
{
	return delivery->has_owner && !pthread_equal(delivery->owner, pthread_self());
}

/* True inside a callback that C calls directly from the loop: the delivery is
 * on the stack below, and cannot be freed. */
int
lepy_delivery_on_stack(const struct lepy_delivery *delivery)
{
	return delivery->python_drives || delivery->delivering;
}

/* The level at which a handle with that priority reports.  Native code may
 * have given its base more priorities since. */
int
lepy_delivery_level(const struct lepy_delivery *delivery, int priority)
{
	return priority < delivery->level_count ? priority : delivery->level_count - 1;
}

/* Makes lepy_delivery_run return soon; from any thread, also before it is
 * entered: unlike loopbreak's flag, an active event is not forgotten. */
void
lepy_delivery_interrupt(struct lepy_delivery *delivery)
{
	activate_drain(&delivery->levels[0]);
}

/* An event of ours that neither keeps the loop alive nor counts in it.  The
 * flag has no setter; event_struct.h is public and the same in 2.1 and 2.2. */
struct event *
lepy_internal_event(struct event_base *base, evutil_socket_t fd, short events, event_callback_fn callback, void *arg)
{
	struct event *event = event_new(base, fd, events, callback, arg);

	if (event)
		event->ev_evcallback.evcb_flags |= EVLIST_INTERNAL;
	return event;
}

/* Called by EventBase: attaches a queue to base, which has that many
 * priorities.  python stays Python's; base is not owned. */
struct lepy_delivery *
lepy_delivery_new(struct event_base *base, int priorities, void *python)
{
	struct lepy_delivery *delivery;
	int i;

	delivery = calloc(1, sizeof *delivery + priorities * sizeof *delivery->levels);
	if (!delivery)
		return NULL;
	delivery->base = base;
	delivery->python = python;
	delivery->level_count = priorities;
	pthread_mutex_init(&delivery->lock, NULL);
	for (i = 0; i < priorities; i++) {
		struct lepy_level *level = &delivery->levels[i];

		level->delivery = delivery;
		level->drain = lepy_internal_event(base, -1, 0, drain_callback, level);
		if (!level->drain || event_priority_set(level->drain, i) < 0) {
			lepy_delivery_free(delivery);
			return NULL;
		}
	}
	return delivery;
}

/* Called by EventBase.close(), after its children and before
 * event_base_free; frees all that the delivery made. */
void
lepy_delivery_free(struct lepy_delivery *delivery)
{
	int i;

	for (i = 0; i < delivery->level_count; i++) {
		struct lepy_batch *batch;

		if (delivery->levels[i].drain)
			event_free(delivery->levels[i].drain);
		for (batch = delivery->levels[i].first; batch; batch = batch->next)
			close_undelivered(batch);
	}
	if (delivery->wake) {
		event_free(delivery->wake);
		evutil_closesocket(delivery->wake_read);
		evutil_closesocket(delivery->wake_write);
	}
	for (i = 0; i < delivery->batch_count; i++)
		free(delivery->batches[i]);
	free(delivery->batches);
	pthread_mutex_destroy(&delivery->lock);
	free(delivery);
}
