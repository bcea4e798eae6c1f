/* SPDX-License-Identifier: MIT */
/*
 * counting.h: what a strategy does to memory, counted exactly: a second compile of every strategy, in which
 * the compiler calls us at each access (the hooks of its race detector, with our own functions behind them).
 * Nothing is timed there. The same stream gives the same counts, on any machine, with one compiler.
 *
 * Counted     accesses to the strategy's own state: its shared words, its private stock, its tables. Not
 *             what it keeps on the stack, and not what instructions written by hand do.
 * Lines       of 64 bytes, from the start of the state. A line *moves* when a processor reads or writes it
 *             that does not have it: readers share, a writer has it alone. That is a model of caches
 *             without a size and of processors that take turns, operation by operation.
 */
#ifndef MS_COUNTING_H
#define MS_COUNTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ms_reg_ops;

/* The counted compile of a strategy of the tree, or NULL: a plug-in, a control, or a build whose sanitizer
 * needs the same hooks. */
const struct ms_reg_ops *ms_counted_find(const char *name);

/* All since ms_counting_begin(). */
struct ms_counts {
    uint64_t accesses; /* loads, stores and locked instructions on the state */
    uint64_t locked;   /* read-modify-writes: exchanges, additions, compare-and-swaps */
    uint64_t cas;      /* compare-and-swaps among them */
    uint64_t cas_failed;
    uint64_t lines; /* distinct lines an operation touched, summed over operations */
    uint64_t moved; /* lines that came from another processor */
};

/* Counts what is done to these bytes from now on. False: no memory. One thread at a time, in the whole
 * program; ended by ms_counting_end(). */
bool ms_counting_begin(const void *state, size_t bytes);
/* The accesses that follow are of a new operation, by this processor (below 64). */
void ms_counting_turn(uint32_t cpu);
/* Accesses between pause and the next turn do not count. */
void ms_counting_pause(void);
void ms_counting_end(struct ms_counts *counts);

#endif
