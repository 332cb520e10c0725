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

/* True where the batch, of which Python has nothing, has records. */
static int
waits(const struct lepy_batch *batch)
{
	return batch && batch->begin < batch->count;
}

/* Lets Python have all that is in the level's oldest batch. */
static int
hand_over(struct lepy_delivery *delivery, struct lepy_level *level)
{
	struct lepy_batch *batch;

	pthread_mutex_lock(&delivery->lock);
	batch = level->first;
	if (!delivery->handed && waits(batch)) {
		batch->end = batch->count;
		batch->records[batch->end - 1].is_last = 1;
		delivery->handed = batch;
	} else {
		batch = NULL;
	}
	pthread_mutex_unlock(&delivery->lock);
	return batch != NULL;
}

/* Ends Python's work on a batch at that record.  Gives the level where that was
 * the batch's last, NULL where it goes on with this one. */
static struct lepy_level *
take_back(struct lepy_delivery *delivery, uint32_t position)
{
	struct lepy_batch *batch = delivery->handed;
	struct lepy_level *level = &delivery->levels[batch->level];
	int is_spent = position == LEPY_BATCH_RECORDS;

	pthread_mutex_lock(&delivery->lock);
	delivery->handed = NULL;
	batch->begin = position;
	if (position < batch->end) {
		batch->records[batch->end - 1].is_last = 0;
		level->rest = 1;
	} else if (position == batch->count) {
		batch->used = 0;
	}
	if (is_spent) {
		level->first = batch->next;
		if (!level->first)
			level->last = NULL;
		batch->serial = 0;
		batch->next = delivery->spare;
		delivery->spare = batch;
	}
	pthread_mutex_unlock(&delivery->lock);
	return is_spent ? level : NULL;
}

static void
activate_waiting(struct lepy_delivery *delivery)
{
	int i;

	for (i = 0; i < delivery->level_count; i++)
		if (waits(delivery->levels[i].first))
			lepy_activate_drain(&delivery->levels[i]);
}

/* What Python calls this filling of a batch. */
static int
name_of(const struct lepy_batch *batch)
{
	return (int)(batch->serial << 3 & LEPY_TOKEN_NAME);
}

/* The connections of records that nobody will see are ours to close. */
static void
close_undelivered(const struct lepy_batch *batch, uint32_t from)
{
	uint32_t i;

	for (i = from; i < batch->count; i++)
		if (batch->records[i].kind == LEPY_KIND_ACCEPT)
			evutil_closesocket(batch->records[i].what);
}

/* Calls Python in a loop that somebody else drives. */
static void
call_python(struct lepy_delivery *delivery, int token)
{
	delivery->delivering = 1;
	lepy_deliver(delivery->python, token);
	/* However long that took: libevent is to wait from now on. */
	lepy_delivery_refresh_time(delivery);
	delivery->delivering = 0;
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
	if (delivery->lost && !delivery->handed && python_lives) {
		delivery->lost = 0;
		call_python(delivery, LEPY_RUN_NO_MEMORY);
	}
	if (!delivery->handed && hand_over(delivery, level)) {
		int token = name_of(delivery->handed);

		if (lepy_log_pending())
			token |= LEPY_TOKEN_LOGGED;
		if (python_lives) {
			call_python(delivery, token);
		} else {
			close_undelivered(delivery->handed, delivery->handed->begin);
			take_back(delivery, delivery->handed->end);
			activate_waiting(delivery);
		}
	}
}

/* Where Python is, which has not begun that many records up to the end of the
 * batch of that name.  Any other than the one handed over means that Python was
 * interrupted before it looked at that. */
static uint32_t
position_of(const struct lepy_batch *batch, int name, uint32_t unread)
{
	uint32_t position = LEPY_BATCH_RECORDS - unread;

	if (name != name_of(batch) || position < batch->begin || position > batch->end)
		return batch->begin;
	return position;
}

/* Called by Python where it stops working on a batch and the loop may go on
 * without it: the rest waits again. */
void
lepy_delivery_consume(struct lepy_delivery *delivery, int name, uint32_t unread)
{
	if (lepy_delivery_forked(delivery))
		return; /* the parent's locks may be held for ever; the next run() asks again */
	if (delivery->handed)
		take_back(delivery, position_of(delivery->handed, name, unread));
	activate_waiting(delivery);
}

/* Called by Python: how many records of what it was handed it has not begun. */
uint32_t
lepy_delivery_left(const struct lepy_delivery *delivery, int name, uint32_t unread)
{
	const struct lepy_batch *batch = delivery->handed;

	return batch ? batch->end - position_of(batch, name, unread) : 0;
}

static int
token_of_handed(const struct lepy_delivery *delivery)
{
	const struct lepy_batch *batch = delivery->handed;
	int token = name_of(batch);

	if (waits(batch->next) && batch->next->serial <= delivery->pass_serial)
		token |= LEPY_TOKEN_MORE;
	if (event_base_got_exit(delivery->base))
		token |= LEPY_TOKEN_EXIT;
	if (lepy_log_pending())
		token |= LEPY_TOKEN_LOGGED;
	return token;
}

/* Called by Python's loop(): the flags of event_base_loop from now on, and when
 * the first scheduled call is due (see lepy_calls_wait). */
void
lepy_delivery_plan(struct lepy_delivery *delivery, int flags, double calls_at)
{
	delivery->flags = flags;
	delivery->calls_wanted = calls_at;
}

/* Called by Python's loop() when it has worked through the last batch, or has
 * given back what was left: runs event_base_loop until there is a new one, a
 * scheduled call is due, or it ends by itself.  One argument is what CFFI takes
 * without a tuple. */
int
lepy_delivery_run(struct lepy_delivery *delivery)
{
	const int one_pass = EVLOOP_ONCE | EVLOOP_NONBLOCK;
	const int flags = delivery->flags;
	struct lepy_level *spent = NULL;
	int result;

	if (lepy_delivery_forked(delivery))
		return LEPY_RUN_FORKED;
	if (delivery->handed)
		spent = take_back(delivery, delivery->handed->end);
	/* Where the last pass filled more than one batch of the level, Python has
	 * the rest before libevent looks for more. */
	if (spent && waits(spent->first) && spent->first->serial <= delivery->pass_serial && hand_over(delivery, spent))
		return token_of_handed(delivery);
	activate_waiting(delivery);
	if (lepy_calls_wait(delivery, delivery->calls_wanted) < 0)
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

/* Called by Python where a batch has a new name; it reads from begin on. */
struct lepy_batch *
lepy_delivery_handed(const struct lepy_delivery *delivery)
{
	return delivery->handed;
}

/* Called by Python where dispatch limits begin at some priority, and where
 * loopexit has one: that of the batch which it works on. */
int
lepy_delivery_handed_level(const struct lepy_delivery *delivery)
{
	return delivery->handed ? delivery->handed->level : 0;
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
			free(delivery);
			return NULL;
		}
	}
	if (lepy_wake_init(delivery) < 0 || lepy_calls_init(delivery) < 0) {
		lepy_delivery_free(delivery);
		free(delivery);
		return NULL;
	}
	return delivery;
}

/* Called by EventBase.close(), after its children and before
 * event_base_free; frees all that the delivery made.  The structure itself
 * stays: another thread may be about to ask it whose the base is. */
void
lepy_delivery_free(struct lepy_delivery *delivery)
{
	int i;

	for (i = 0; i < delivery->level_count; i++) {
		struct lepy_batch *batch;

		if (delivery->levels[i].drain)
			event_free(delivery->levels[i].drain);
		for (batch = delivery->levels[i].first; batch; batch = batch->next)
			close_undelivered(batch, lepy_waiting_from(delivery, batch));
	}
	lepy_wake_free(delivery);
	if (delivery->calls_event)
		event_free(delivery->calls_event);
	for (i = 0; i < delivery->batch_count; i++)
		free(delivery->batches[i]);
	free(delivery->batches);
	lepy_relay_shared_free(delivery);
	pthread_mutex_destroy(&delivery->lock);
	lepy_delivery_disown(delivery);
}

/* Called when Python's Delivery is gone, and nobody can ask any more.  A base
 * that was not closed may be a native program's, and go on without Python. */
void
lepy_delivery_forget(struct lepy_delivery *delivery)
{
	if (lepy_delivery_is_disowned(delivery))
		free(delivery);
}
