/* SPDX-License-Identifier: MIT */
/*
 * handover.h: one thread takes registers, another gives them back, as in a driver whose requests end on
 * another processor.
 *
 * Idea        a ring of up to 256 runs with one writer and one reader, each index on a line of its own, so that
 *             little but the runs travels; who finds it full or empty spins a while, then yields. It holds no
 *             more than half of what is free: else whoever gives need only be late for once, and what is
 *             measured is how strategies refuse
 * Ordering    hb:ring-put  the writer stores the cell, then releases `put`; the reader acquires it
 *             hb:ring-got  the reader is done with a cell, then releases `got`; the writer acquires it
 *             before it stores there again
 * Progress    blocking, by purpose: what is measured is the strategy between two waiting threads
 */
#ifndef MS_BENCH_HANDOVER_H
#define MS_BENCH_HANDOVER_H

#include "registers/registers.h"

enum { MS_HANDOVER_CELLS = 256, MS_HANDOVER_SPINS = 100 };

struct ms_handover {
    ms_atomic_u32 put
        __attribute__((aligned(MS_CACHE_LINE))); /* written by who takes; hb:ring-put */
    uint32_t got_seen;                           /* who takes: `got`, or older */
    uint32_t depth;                              /* const while they run: runs it may hold */
    ms_atomic_u32 got
        __attribute__((aligned(MS_CACHE_LINE))); /* written by who gives; hb:ring-got */
    uint64_t cell[MS_HANDOVER_CELLS]
        __attribute__((aligned(MS_CACHE_LINE))); /* {run:32, first:32} */
};

/* The side of one thread. */
struct ms_handover_end {
    struct ms_handover *ring;
    const struct ms_reg_ops *ops;
    void *state;
    uint32_t cpu;
    uint32_t run;
};

/* Waits a moment for the other thread, which may have to be given the processor first. */
static inline void ms_handover_wait(uint32_t *spins)
{
    ms_spin_hint();
    if (++*spins % MS_HANDOVER_SPINS == 0)
        ms_thread_yield();
}

/* What a ring may hold where `rings` of them share `free` registers, in runs of `run`. */
static inline uint32_t ms_handover_depth(uint32_t free, uint32_t rings, uint32_t run)
{
    uint32_t depth = free / 2 / rings / run;

    return depth == 0 ? 1 : depth < MS_HANDOVER_CELLS ? depth : MS_HANDOVER_CELLS;
}

static inline void ms_handover_put(struct ms_handover *ring, uint64_t cell)
{
    uint32_t put = ms_load_relaxed(&ring->put);
    uint32_t spins = 0;

    while (put - ring->got_seen >= ring->depth) {
        ring->got_seen = ms_load_acquire(&ring->got); /* hb:ring-got, acquire */
        if (put - ring->got_seen >= ring->depth)
            ms_handover_wait(&spins);
    }
    ring->cell[put % MS_HANDOVER_CELLS] = cell;
    ms_store_release(&ring->put, put + 1); /* hb:ring-put, release */
}

/* Takes `count` runs and passes them on; a refusal is passed on too, so that both ends count the same.
 * Returns how many there were. */
static inline uint64_t ms_handover_take(const struct ms_handover_end *end, uint64_t count)
{
    uint64_t refused = 0;

    for (uint64_t i = 0; i < count; i++) {
        ms_reg first =
            end->ops->take(end->state, end->cpu, (struct ms_reg_want){.run = end->run, .align = 1});
        refused += first == MS_REG_NONE;
        ms_handover_put(end->ring, (uint64_t)end->run << 32 | first);
    }
    return refused;
}

/* Gives back the next `count` runs that come, less those that were refused. */
static inline void ms_handover_give(const struct ms_handover_end *end, uint64_t count)
{
    uint32_t got = ms_load_relaxed(&end->ring->got);
    uint32_t spins = 0;

    while (count > 0) {
        uint32_t put = ms_load_acquire(&end->ring->put); /* hb:ring-put, acquire */
        if (got == put)
            ms_handover_wait(&spins);
        for (; got != put && count > 0; count--) {
            uint64_t cell = end->ring->cell[got++ % MS_HANDOVER_CELLS];
            ms_store_release(&end->ring->got, got); /* hb:ring-got, release */
            if ((ms_reg)cell != MS_REG_NONE)
                end->ops->give(end->state, end->cpu, (ms_reg)cell, (uint32_t)(cell >> 32));
        }
    }
}

#endif
