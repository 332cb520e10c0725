/* Whose a base is: one thread at a time claims it, and uses its objects. */
#include "shim.h"

/* In owner, instead of a thread: closed for good. */
#define NOBODY UINTPTR_MAX

static uintptr_t
this_thread(void)
{
	return (uintptr_t)pthread_self();
}

/* Called by Python before it uses the base's objects, by loop() for as long as
 * it runs, and by the functions that claim it themselves: 0 where it is this
 * thread's already, LEPY_CLAIMED where it is now, until lepy_delivery_release;
 * else why not.  inherited: a forked parent's too; of one that is lost nothing
 * will be used. */
int
lepy_delivery_claim(struct lepy_delivery *delivery, int inherited)
{
	uintptr_t owner = 0;

	if (lepy_delivery_forked(delivery)) {
		if (!inherited)
			return LEPY_FORKED;
		if (lepy_delivery_lost(delivery))
			return 0;
	}
	if (atomic_load_explicit(&delivery->owner, memory_order_relaxed) == this_thread())
		return 0;
	if (atomic_compare_exchange_strong(&delivery->owner, &owner, this_thread()))
		return LEPY_CLAIMED;
	return owner == NOBODY ? LEPY_CLOSED : LEPY_FOREIGN_THREAD;
}

/* Ends a claim of this thread's; does nothing where there is none. */
void
lepy_delivery_release(struct lepy_delivery *delivery)
{
	uintptr_t owner = this_thread();

	atomic_compare_exchange_strong(&delivery->owner, &owner, 0);
}

/* For lepy_delivery_free: whoever still comes is told that it is closed. */
void
lepy_delivery_disown(struct lepy_delivery *delivery)
{
	atomic_store(&delivery->owner, NOBODY);
}

/* For lepy_delivery_forget. */
int
lepy_delivery_is_disowned(const struct lepy_delivery *delivery)
{
	return atomic_load(&delivery->owner) == NOBODY;
}

/* For fork.c: whether that thread has the base. */
int
lepy_delivery_owned_by(const struct lepy_delivery *delivery, pthread_t thread)
{
	return atomic_load(&delivery->owner) == (uintptr_t)thread;
}

/* For fork.c: whether a thread has it. */
int
lepy_delivery_is_owned(const struct lepy_delivery *delivery)
{
	return atomic_load(&delivery->owner) != 0;
}
