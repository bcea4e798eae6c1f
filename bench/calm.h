/* SPDX-License-Identifier: MIT */
/*
 * calm.h: times taken while nobody else used the processor's core.
 *
 * A core's second hardware thread belongs to whoever the hypervisor or the operating system runs
 * there. While it works, ours keeps its processor by every account of the kernel, and yet gets about
 * half of the core: code with much to do at once becomes up to twice as slow, code that waits (for a
 * locked instruction, for memory) hardly at all. Ratios between the two are then wrong, and no
 * number of samples mends it.
 *
 * So a sample is cut into slices of some twenty microseconds, and before and behind each we look at
 * the core: a stretch of independent additions against a chain of dependent multiplications. The
 * first needs the whole core, the second does not, and their quotient knows no clock speed. A slice
 * with two good looks is calm, unless its thread had to leave the processor meanwhile. Whether it counts
 * never depends on how long it took.
 *
 * Limits: good is what was seen at best, so a core that is shared all the time passes for calm; and a
 * processor that the hypervisor takes away for a moment is not seen here (ms_clock_stolen_ns).
 */
#ifndef MS_CALM_H
#define MS_CALM_H

#include <stdbool.h>
#include <stdint.h>

enum {
    MS_SLICE_NS = 20000, /* aimed at: neighbours come and go within about twice that */
    MS_SLICES_MAX = 2048,
};

/* Of a slice whose thread had to leave the processor for another. */
#define MS_LOOK_TORN 1e9

/* What a look at the core sees. */
struct ms_look {
    double quotient;   /* larger is worse, and how large is this processor's own */
    uint64_t switches; /* of the thread, forced upon it so far */
};

/* A slice of a thread's part of a sample. */
struct ms_slice {
    uint64_t start_ns, end_ns;
    uint64_t ops;
    double look; /* the worse of the looks before and behind it; MS_LOOK_TORN: it was interrupted */
};

/* One thread's slices. Owner: that thread, until the sample is over. */
struct ms_slices {
    uint32_t count;
    struct ms_slice slice[MS_SLICES_MAX];
};

/* What a sample's calm slices say. */
struct ms_calm {
    uint64_t ops;  /* over all threads; 0: too little was calm */
    uint64_t ns;   /* that these would have taken, all threads at work */
    double shared; /* of all slices, the share that was not calm */
};

/* Looks at the core for about a microsecond. */
struct ms_look ms_calm_look(void);

/* Does `ops` operations in slices, with a `look` (ms_calm_look) before and behind each. */
void ms_slices_run(struct ms_slices *slices, struct ms_look (*look)(void),
                   void (*work)(void *context, uint64_t ops), void *context, uint64_t ops);

/* The look of a calm core as far as these slices show it, or `best` if that is better or there are too
 * few of them. 0 is no look yet. Pure. */
double ms_slices_learn(const struct ms_slices *slices, double best);

/* Sums up what was calm while all `threads` were at work; best[i] is the look of thread i's core when
 * calm. Pure. */
void ms_slices_sum(const struct ms_slices *slices, const double *best, uint32_t threads,
                   struct ms_calm *calm);

/* The share of the time in which this core is shared, from some 30 ms of looking; 0 where it always is. */
double ms_calm_survey(void);

#endif
