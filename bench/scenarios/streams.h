/* SPDX-License-Identifier: MIT */
/*
 * streams.h: what threads ask of a register file, made beforehand from a seed alone: the shapes of the
 * scenario `registers`, and the stream of one thread.
 */
#ifndef MS_BENCH_STREAMS_H
#define MS_BENCH_STREAMS_H

#include "requests.h"
#include "scenario.h"

enum {
    MS_STREAM_STEPS = 1 << 14, /* long enough that a branch predictor does not learn it */
    MS_STREAM_SLOT_BITS = 19,
    MS_STREAM_SLOT_MASK = (1 << MS_STREAM_SLOT_BITS) - 1,
    MS_STREAM_SIZES = 5,
};

enum ms_pattern {
    MS_PATTERN_PAIR,
    MS_PATTERN_RANDOM,
    MS_PATTERN_FIFO,
    MS_PATTERN_HANDOVER,
    MS_PATTERN_TRACE,
};

/* Run lengths and how many of 100 requests ask for them: one of first..last, all alike. */
struct ms_size_class {
    uint32_t share, first, last;
};

struct ms_recipe {
    enum ms_pattern pattern;
    uint32_t fill_percent; /* of the file, requested */
    uint32_t depth_max;    /* runs in flight over all threads; 0: as many as fit */
    struct ms_size_class size[MS_STREAM_SIZES];
    const struct ms_requests *trace; /* recorded; NULL: made from the seed */
};

/* One thread's steps: "slot s now holds a run of r", r 0: nothing. What the slot held goes back first. */
struct ms_stream {
    uint32_t *step; /* MS_STREAM_STEPS of slot | run << MS_STREAM_SLOT_BITS */
    uint32_t slots; /* that steps may name */
    uint32_t fill;  /* steps until the file is as full as the recipe says */
};

/* The shape of that index, recorded ones behind the others, NULL behind the last; and what it is made of,
 * false for no such name. */
const struct ms_shape_info *ms_stream_shape(const struct ms_catalog *catalog, size_t index);
bool ms_stream_recipe(const struct ms_catalog *catalog, const char *shape,
                      struct ms_recipe *recipe);
/* The longest run it asks for. */
uint32_t ms_recipe_run_max(const struct ms_recipe *recipe);

/* Room for a stream of one of `threads`. False: no memory; drop what is there all the same. */
bool ms_stream_open(struct ms_stream *stream, const struct ms_recipe *recipe, uint32_t registers,
                    uint32_t threads);
void ms_stream_drop(struct ms_stream *stream);
/* Fills it from the seed, or from the trace's requests of `thread`. False: no memory. */
bool ms_stream_make(struct ms_stream *stream, const struct ms_recipe *recipe, uint32_t registers,
                    uint32_t threads, uint32_t thread, uint64_t seed);

/* Whether the recipe needs threads in twos, and these are not. */
static inline bool ms_recipe_is_odd(const struct ms_recipe *recipe, uint32_t threads)
{
    return recipe->pattern == MS_PATTERN_HANDOVER && threads % 2 != 0;
}

#endif
