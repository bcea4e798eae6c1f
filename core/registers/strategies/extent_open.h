/* SPDX-License-Identifier: MIT */
/*
 * extent_open.h: the open stock of extent_lease: short runs that a CPU keeps at hand while it may not
 * own anything, in cells that anybody may empty.
 *
 * Idea        in a crowded file a private stock would be called in all the time, and each call costs a
 *             fence of all CPUs. Cells that are only ever exchanged need none: a locked instruction on
 *             a line of one's own costs little, and whoever finds nothing elsewhere empties them all.
 *             Only short runs, which come often and fill no long hole.
 * Picture     cell[length 1] {17, 4, 90, 0, ..}, top 3; cell[length 2] {..}, ..
 * Invariants  I1 a register named by a cell belongs to nobody; whoever exchanges the cell for 0 has it
 *             I2 only the CPU itself fills a cell, and only from the top; a cell below the top may have
 *                been emptied by others
 * Ordering    hb:run-given  filling is a sequentially consistent exchange, so a cell is as good as a word of
 *             the file for who looks for waiters after giving; who empties another's acquires it
 * ABA         none: an exchange takes whatever is in the cell
 * Progress    wait-free
 */
#ifndef MS_EXTENT_OPEN_H
#define MS_EXTENT_OPEN_H

#include "registers/strategies/extent_file.h"

#ifndef MS_SIM
enum {
    OPEN_RUN_MAX = 4, /* the longest run kept here */
    OPEN_ROOM = 8,    /* cells for each length */
};
#else /* each look at a cell is a step of the simulator */
enum { OPEN_RUN_MAX = 2, OPEN_ROOM = 1 };
#endif

struct extent_open {
    ms_atomic_u32 cell[OPEN_RUN_MAX][OPEN_ROOM]; /* first + 1, or 0; hb:run-given */
    uint32_t top[OPEN_RUN_MAX];                  /* owner: the CPU; cells from here on are empty */
} __attribute__((aligned(MS_CACHE_LINE)));

/* The run put in last, or MS_REG_NONE. The CPU itself calls. */
static inline ms_reg open_pop(struct extent_open *open, uint32_t run)
{
    while (open->top[run - 1] > 0) {
        uint32_t top = --open->top[run - 1];
        /* Relaxed: others may empty it too, but what is there only this CPU put in. */
        uint32_t got = ms_exchange_relaxed(&open->cell[run - 1][top], 0);
        if (got != 0)
            return got - 1;
    }
    return MS_REG_NONE;
}

/* False: no room. The CPU itself calls. */
static inline bool open_push(struct extent_open *open, struct extent_file *f, ms_reg first,
                             uint32_t run)
{
    uint32_t top = open->top[run - 1];

    if (top == OPEN_ROOM)
        return false;
    uint32_t got =
        ms_exchange_seq_cst(&open->cell[run - 1][top], first + 1); /* hb:run-given, release */
    open->top[run - 1] = top + 1;
    if (MS_UNLIKELY(got != 0)) /* a nested call put it there */
        file_give(f, got - 1, got - 1 + run);
    return true;
}

/* Moves all to the file; true if there was anything. Anybody calls. */
static inline bool open_empty(struct extent_open *open, struct extent_file *f)
{
    bool has_any = false;

    for (uint32_t run = 1; run <= OPEN_RUN_MAX; run++)
        for (uint32_t i = 0; i < OPEN_ROOM; i++) {
            if (ms_load_relaxed(&open->cell[run - 1][i]) ==
                0) /* a waiter's lies behind its fence */
                continue;
            uint32_t got = ms_exchange_acquire(&open->cell[run - 1][i], 0); /* hb:run-given */
            if (got == 0)
                continue;
            file_give(f, got - 1, got - 1 + run);
            has_any = true;
        }
    return has_any;
}

/* Registers inside; statistics. */
static inline uint32_t open_count(const struct extent_open *open)
{
    uint32_t count = 0;

    for (uint32_t run = 1; run <= OPEN_RUN_MAX; run++)
        for (uint32_t i = 0; i < OPEN_ROOM; i++)
            count += ms_load_relaxed(&open->cell[run - 1][i]) != 0 ? run : 0;
    return count;
}

#endif
