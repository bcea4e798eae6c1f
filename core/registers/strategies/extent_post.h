/* SPDX-License-Identifier: MIT */
/*
 * extent_post.h: the post of extent_lease: runs of one length that a CPU sends, many at a time, to the
 * CPU that leases the place they came from.
 *
 * Idea        who only gives what another CPU took has no use for it, and who took it will soon take
 *             again. So a full stock is not broken up into bits of the file, which the other CPU would have
 *             to search: a cache line of run numbers is put into the other one's letter box, and becomes
 *             its stock as it is. One line travels for 15 runs, and the runs stay warm.
 * Picture     box of cpu 2: parcel {8, 3 runs: 64, 200, 96} {empty} {in hands} ..
 * Invariants  I1 a register named by a parcel that is full belongs to nobody; of a parcel in hands it
 *                belongs to whoever made that step
 *             I2 a parcel is full only behind its last entry
 * Ordering    hb:run-given  a parcel is made full by a sequentially consistent exchange and taken by a
 *             CAS that acquires it, so it is as good as a word of the file for who looks for waiters
 *             after giving.
 *             hb:parcel-empty  who emptied it releases EMPTY behind its last reading; who fills it next
 *             acquires that by the CAS
 * ABA         harmless: nothing is read before the CAS but the state, and nothing is inferred from it but
 *             that the entries may be read, or written
 * Progress    lock-free: a parcel in the hands of a stopped thread is passed over, and its registers are
 *             as good as taken by that thread. Every thread may empty every box
 */
#ifndef MS_EXTENT_POST_H
#define MS_EXTENT_POST_H

#include "registers/strategies/extent_file.h"

#ifndef MS_SIM
enum {
    PARCEL_RUNS = 15, /* as many as fit into a cache line beside the state */
    PARCELS = 16,     /* in one box: room for what a ring between two drivers holds */
};
#else /* each entry is a step of the simulator */
enum { PARCEL_RUNS = 2, PARCELS = 2 };
#endif

enum {
    PARCEL_EMPTY,
    PARCEL_IN_HANDS, /* of who fills or empties it */
    PARCEL_FULL,     /* and larger: {length:8, count:8, 2:8} */
};

struct extent_parcel {
    ms_atomic_u32 state;              /* hb:run-given */
    ms_atomic_u32 first[PARCEL_RUNS]; /* owner: in whose hands it is */
} __attribute__((aligned(MS_CACHE_LINE)));

struct extent_post {
    struct extent_parcel parcel[PARCELS];
};

static inline uint32_t parcel_state(uint32_t run, uint32_t count)
{
    return run << 16 | count << 8 | PARCEL_FULL;
}

static inline uint32_t parcel_run(uint32_t state)
{
    return state >> 16;
}

static inline uint32_t parcel_count(uint32_t state)
{
    return state >> 8 & 0xFF;
}

/* A parcel to be filled, near `at`, or NULL; then call parcel_send. */
static inline struct extent_parcel *parcel_open(struct extent_post *post, uint32_t at)
{
    struct extent_parcel *parcel = &post->parcel[at % PARCELS];
    uint32_t state = ms_load_relaxed(&parcel->state);

    if (state != PARCEL_EMPTY)
        return NULL;
    return ms_cas_acquire(&parcel->state, &state, PARCEL_IN_HANDS) ? parcel
                                                                   : NULL; /* hb:parcel-empty */
}

static inline void parcel_send(struct extent_parcel *parcel, uint32_t run, uint32_t count)
{
    ms_exchange_seq_cst(&parcel->state, parcel_state(run, count)); /* hb:run-given, release */
}

/* A guess: it may be taken by others meanwhile. */
static inline bool parcel_is_full(const struct extent_parcel *parcel)
{
    return ms_load_relaxed(&parcel->state) >= PARCEL_FULL;
}

/* Takes a parcel that is full: its runs' length, and how many are now in runs[]; false: it is not. */
static inline bool parcel_take(struct extent_parcel *parcel, uint32_t *run, ms_reg *runs,
                               uint32_t *count)
{
    uint32_t state = ms_load_relaxed(&parcel->state); /* a waiter's lies behind its fence */

    if (state < PARCEL_FULL ||
        !ms_cas_acquire(&parcel->state, &state, PARCEL_IN_HANDS)) /* hb:run-given, acquire */
        return false;
    *run = parcel_run(state);
    *count = parcel_count(state);
    for (uint32_t i = 0; i < *count; i++)
        runs[i] = ms_load_relaxed(&parcel->first[i]);
    ms_store_release(&parcel->state, PARCEL_EMPTY); /* hb:parcel-empty, release */
    return true;
}

/* Moves all to the file; true if there was anything. Anybody calls. */
static inline bool post_empty(struct extent_post *post, struct extent_file *f)
{
    ms_reg runs[PARCEL_RUNS];
    uint32_t run, count;
    bool has_any = false;

    for (uint32_t i = 0; i < PARCELS; i++) {
        if (!parcel_take(&post->parcel[i], &run, runs, &count))
            continue;
        for (uint32_t k = 0; k < count; k++)
            file_give(f, runs[k], runs[k] + run);
        has_any = true;
    }
    return has_any;
}

/* Registers inside; statistics. */
static inline uint32_t post_count(const struct extent_post *post)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < PARCELS; i++) {
        uint32_t state = ms_load_relaxed(&post->parcel[i].state);
        if (state >= PARCEL_FULL)
            count += parcel_run(state) * parcel_count(state);
    }
    return count;
}

#endif
