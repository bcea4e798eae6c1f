/* SPDX-License-Identifier: MIT */
/*
 * locks.h: the two locks of the blocking strategies. Whoever is stopped inside stops all others:
 * that is what these strategies are here to show.
 *
 * Ordering    hb:lock  give releases, take acquires: what the lock guards belongs to its holder.
 *             That covers hb:run-given too: of a give and a take the later one sees what the
 *             earlier one did, and the giver, if it is the later one, sees what the taker
 *             published before.
 */
#ifndef MS_LOCKS_H
#define MS_LOCKS_H

#include "platform/platform.h"

/* --- spin lock: test and test-and-set, yields after a while ------------------------------- */

enum { MS_SPINS_BEFORE_YIELD = 100 };

static inline void ms_spin_take(ms_atomic_u32 *lock)
{
    uint32_t spins = 0;

    while (ms_exchange_acquire(lock, 1) != 0) /* hb:lock, acquire */
        while (ms_load_relaxed(lock) != 0) {
            ms_spin_hint();
            if (++spins % MS_SPINS_BEFORE_YIELD == 0)
                ms_thread_yield();
        }
}

static inline void ms_spin_give(ms_atomic_u32 *lock)
{
    ms_assert(ms_load_relaxed(lock) == 1);
    ms_store_release(lock, 0); /* hb:lock, release */
}

/* --- mutex: sleeps in the host ------------------------------------------------------------ */

enum { MS_MUTEX_FREE, MS_MUTEX_HELD, MS_MUTEX_AWAITED };

static inline void ms_mutex_take(ms_atomic_u32 *mutex)
{
    uint32_t seen = MS_MUTEX_FREE;

    if (MS_LIKELY(ms_cas_acquire(mutex, &seen, MS_MUTEX_HELD))) /* hb:lock, acquire */
        return;
    while (ms_exchange_acquire(mutex, MS_MUTEX_AWAITED) != MS_MUTEX_FREE) { /* hb:lock, acquire */
        ms_spin_hint();
        ms_wait(mutex, MS_MUTEX_AWAITED, UINT64_MAX);
    }
}

static inline void ms_mutex_give(ms_atomic_u32 *mutex)
{
    if (ms_exchange_release(mutex, MS_MUTEX_FREE) == MS_MUTEX_AWAITED) /* hb:lock, release */
        ms_wake(mutex, 1);
}

#endif
