/* The delivery queue: drain events, handing batches over, the loop's one entry. */
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

/* For report.c too: makes libevent run the level's drain event in this pass or the next. */
void
lepy_activate_drain(struct lepy_level *level)
{
	event_active(level->drain, EV_TIMEOUT, 1);
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
		delivery->hand_overs = (delivery->hand_overs + 1) & 0x0fffffff;
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
	if (level->rest) {
		/* Active since before libevent looked for more: behind what it has
		 * found, which may be the same events again (lepy_report_event). */
		level->rest = 0;
		lepy_activate_drain(level);
		return;
	}
	if (delivery->python_drives) {
		hand_over(delivery, level);
		delivery->left = 1;
		event_base_loopbreak(delivery->base);
		return;
	}
	delivery->left = 0;
	/* Somebody else drives.  With a batch handed over already (a callback
	 * runs this base through the raw layer) the rest waits for consume.  One
	 * batch at a time: consume activates the drain event again, so that a
	 * loopbreak or loopcontinue between them is libevent's to obey. */
	if (!delivery->handed && hand_over(delivery, level)) {
		int64_t token = delivery->handed_token;
		uint32_t remaining = 0;

		if (lepy_log_pending())
			token |= LEPY_TOKEN_LOGGED;

		delivery->delivering = 1;
		if (python_lives)
			remaining = lepy_deliver(delivery->python, token);
		else
			close_undelivered(delivery->handed);
		delivery->delivering = 0;
		lepy_delivery_consume(delivery, token, remaining);
	}
}

/* What a token tells besides the batch. */
#define FLAGS (LEPY_TOKEN_LOGGED | LEPY_TOKEN_MORE | LEPY_TOKEN_EXIT)

/* Ends Python's work on the batch of token, of whose records it has not begun
 * remaining.  Any other token than the last hand-over's means that Python was
 * interrupted before it began: the whole batch is left.  Gives the level whose
 * batch is done, NULL where some is left. */
static struct lepy_level *
take_back(struct lepy_delivery *delivery, int64_t token, uint32_t remaining)
{
	struct lepy_level *level = NULL;
	struct lepy_batch *batch;

	pthread_mutex_lock(&delivery->lock);
	batch = delivery->handed;
	delivery->handed = NULL;
	if (batch)
		level = &delivery->levels[batch->level];
	if (batch && ((token & ~FLAGS) != delivery->handed_token || remaining > batch->count))
		remaining = batch->count;
	if (batch && remaining) {
		memmove(batch->records, batch->records + (batch->count - remaining), remaining * sizeof *batch->records);
		batch->taken += batch->count - remaining;
		batch->count = remaining;
		batch->next = level->first;
		level->rest = 1;
		level->first = batch;
		if (!level->last)
			level->last = batch;
		level = NULL;
	} else if (batch) {
		batch->serial = 0;
		batch->next = delivery->spare;
		delivery->spare = batch;
	}
	pthread_mutex_unlock(&delivery->lock);
	return level;
}

static void
activate_waiting(struct lepy_delivery *delivery)
{
	int i;

	for (i = 0; i < delivery->level_count; i++)
		if (delivery->levels[i].first && delivery->levels[i].first->count)
			lepy_activate_drain(&delivery->levels[i]);
}

/* Called by Python where it stops working on a batch and the loop may go on
 * without it. */
void
lepy_delivery_consume(struct lepy_delivery *delivery, int64_t token, uint32_t remaining)
{
	if (lepy_delivery_forked(delivery))
		return; /* the parent's locks may be held for ever; the next run() asks again */
	take_back(delivery, token, remaining);
	activate_waiting(delivery);
}

/* True where the last pass filled more than one batch of the level, and Python
 * is to have the rest before libevent looks for more. */
static int
pass_goes_on(const struct lepy_delivery *delivery, const struct lepy_level *level)
{
	return level->first && level->first->count && level->first->serial <= delivery->pass_serial;
}

static int64_t
token_of_handed(const struct lepy_delivery *delivery)
{
	int64_t token = delivery->handed_token;

	if (pass_goes_on(delivery, &delivery->levels[delivery->handed->level]))
		token |= LEPY_TOKEN_MORE;
	if (event_base_got_exit(delivery->base))
		token |= LEPY_TOKEN_EXIT;
	if (lepy_log_pending())
		token |= LEPY_TOKEN_LOGGED;
	return token;
}

/* Called by Python's loop(): acknowledges the last batch and runs
 * event_base_loop until there is a new one, a scheduled call is due (calls_at,
 * see lepy_calls_wait), or it ends by itself. */
int64_t
lepy_delivery_run(struct lepy_delivery *delivery, int flags, int64_t token, uint32_t remaining, double calls_at)
{
	const int one_pass = EVLOOP_ONCE | EVLOOP_NONBLOCK;
	struct lepy_level *level;
	int result;

	if (lepy_delivery_forked(delivery))
		return LEPY_RUN_FORKED;
	level = take_back(delivery, token, remaining);
	if (level && pass_goes_on(delivery, level) && hand_over(delivery, level))
		return token_of_handed(delivery);
	activate_waiting(delivery);
	if (lepy_calls_wait(delivery, calls_at) < 0)
		return LEPY_RUN_ERROR;
	delivery->left = 0;
	delivery->python_drives = 1;
	result = event_base_loop(delivery->base, flags);
	delivery->python_drives = 0;
	delivery->pass_serial = delivery->serials;
	if (lepy_delivery_forked(delivery))
		return LEPY_RUN_FORKED; /* below a callback that C called */
	if (delivery->handed)
		return token_of_handed(delivery);
	if (delivery->lost) {
		delivery->lost = 0;
		return LEPY_RUN_NO_MEMORY;
	}
	if (result < 0)
		return LEPY_RUN_ERROR;
	if (delivery->left && !event_base_got_exit(delivery->base))
		return LEPY_RUN_WOKEN;
	if (result == 1)
		return LEPY_RUN_EMPTY;
	if ((flags & one_pass) == one_pass && !event_base_got_exit(delivery->base) && !event_base_got_break(delivery->base))
		return lepy_log_pending() ? LEPY_RUN_WOKEN : LEPY_RUN_PASSED;
	return LEPY_RUN_ENDED;
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

/* Called by Python where dispatch limits begin at some priority, and where
 * loopexit has one: that of the batch which it works on. */
int
lepy_delivery_handed_level(const struct lepy_delivery *delivery)
{
	return delivery->handed ? delivery->handed->level : 0;
}

/* The thread that calls these two owns the base's handles in between. */
int
lepy_delivery_enter(struct lepy_delivery *delivery)
{
	if (lepy_delivery_forked(delivery))
		return LEPY_FORKED;
	delivery->owner = pthread_self();
	delivery->has_owner = 1;
	return 0;
}

void
lepy_delivery_leave(struct lepy_delivery *delivery)
{
	if (!lepy_delivery_lost(delivery))
		delivery->has_owner = 0;
}

/* Why the calling thread may not touch the base's handles now; 0 where it may. */
int
lepy_delivery_refuses(const struct lepy_delivery *delivery)
{
	if (lepy_delivery_forked(delivery))
		return LEPY_FORKED;
	return delivery->has_owner && !pthread_equal(delivery->owner, pthread_self()) ? LEPY_FOREIGN_THREAD : 0;
}

/* True inside a callback that C calls directly from the loop: the delivery is
 * on the stack below, and cannot be freed. */
int
lepy_delivery_on_stack(const struct lepy_delivery *delivery)
{
	if (lepy_delivery_lost(delivery))
		return 0; /* on the stack of a thread that a forked child does not have */
	return delivery->python_drives || delivery->delivering || delivery->direct_calls;
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
int
lepy_delivery_interrupt(struct lepy_delivery *delivery)
{
	if (lepy_delivery_forked(delivery))
		return LEPY_FORKED;
	atomic_fetch_add(&delivery->visitors, 1);
	lepy_activate_drain(&delivery->levels[0]);
	atomic_fetch_sub(&delivery->visitors, 1);
	return 0;
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
	delivery->forks = delivery->separated = lepy_forks;
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
	if (lepy_wake_init(delivery) < 0 || lepy_calls_init(delivery) < 0) {
		lepy_delivery_free(delivery);
		return NULL;
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
	lepy_wake_free(delivery);
	if (delivery->calls_event)
		event_free(delivery->calls_event);
	for (i = 0; i < delivery->batch_count; i++)
		free(delivery->batches[i]);
	free(delivery->batches);
	lepy_relay_shared_free(delivery);
	pthread_mutex_destroy(&delivery->lock);
	free(delivery);
}
