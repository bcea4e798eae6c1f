/* SPDX-License-Identifier: MIT */
/*
 * run_search.h: where a run of neighbours fits, as pure functions on words of bits (1 = free).
 *
 * A search is fed the words of a file in ascending order and answers as soon as the lowest fitting
 * run is complete. It keeps one number between words: where the hole began that reaches the end of
 * the last word. So runs may straddle words, which placement needs (inside-a-word-only refuses 3%
 * of a mix at 90% occupancy where straddling refuses 0.7%), and a snapshot of a shared file works
 * as well as a private image.
 */
#ifndef MS_RUN_SEARCH_H
#define MS_RUN_SEARCH_H

#include "registers/registers.h"

enum { MS_WORD_BITS = 64 };

/* Words of bits that `registers` need. */
static inline uint32_t ms_words_for(uint32_t registers)
{
    return (registers + MS_WORD_BITS - 1) / MS_WORD_BITS;
}

/* The bits of word `index` that lie inside a file of `registers`. */
static inline uint64_t ms_word_inside(uint32_t registers, uint32_t index)
{
    uint32_t first = index * MS_WORD_BITS;

    ms_assert(first < registers);
    return registers - first >= MS_WORD_BITS ? UINT64_MAX : ms_bits_mask(0, registers - first);
}

/* The part of [first, first + run) that lies in word `index`, as bits. */
static inline uint64_t ms_run_in_word(ms_reg first, uint32_t run, uint32_t index)
{
    uint32_t low = index * MS_WORD_BITS;
    uint32_t from = first > low ? first - low : 0;
    uint32_t end = first + run - low;

    ms_assert(from < MS_WORD_BITS);
    return ms_bits_mask(from, (end < MS_WORD_BITS ? end : MS_WORD_BITS) - from);
}

static inline bool ms_want_is_valid(struct ms_reg_want want)
{
    return want.run > 0 && ms_is_power_of_two(want.align) &&
           (want.boundary == 0 || ms_is_power_of_two(want.boundary));
}

/* No place in any file will do: the run is longer than the distance between two boundaries. */
static inline bool ms_want_is_hopeless(struct ms_reg_want want)
{
    return want.boundary != 0 && want.run > want.boundary;
}

static inline bool ms_want_is_plain(struct ms_reg_want want)
{
    return want.align == 1 && want.boundary == 0;
}

/* The lowest register at or above `from` where the run may start. Both limits are powers of two, so
 * a run that would cross a boundary starts at that boundary, rounded up to the larger of the two.
 */
static inline ms_reg ms_want_place(ms_reg from, struct ms_reg_want want)
{
    uint64_t first = ms_round_up(from, want.align);

    if (want.boundary != 0 && (first & (want.boundary - 1u)) + want.run > want.boundary)
        first = ms_round_up(first, want.boundary > want.align ? want.boundary : want.align);
    return (ms_reg)first;
}

/* Starts of runs of `run` (1..64) free bits inside one word: after the loop, bit i says that bits
 * i .. i + run - 1 are set. Doubling shifts: at most 6 steps. */
static inline uint64_t ms_run_starts(uint64_t free, uint32_t run)
{
    uint32_t have = 1;

    ms_assert(run >= 1 && run <= MS_WORD_BITS);
    while (have < run && free != 0) {
        uint32_t step = run - have < have ? run - have : have;
        free &= free >> step;
        have += step;
    }
    return free;
}

/* A search in progress. Owner: the caller. */
struct ms_run_search {
    struct ms_reg_want want;
    ms_reg hole; /* the hole that reaches the end of the last word begins here */
};

/* A search that begins with word `index`; nothing below it is looked at. */
static inline struct ms_run_search ms_run_search_from(struct ms_reg_want want, uint32_t index)
{
    return (struct ms_run_search){.want = want, .hole = index * MS_WORD_BITS};
}

/* The lowest fitting run that starts in `free`, a word whose low hole was looked at already. */
static inline ms_reg ms_run_search_inside(const struct ms_run_search *s, uint32_t base,
                                          uint64_t free)
{
    if (s->want.run > MS_WORD_BITS)
        return MS_REG_NONE;
    uint64_t starts = ms_run_starts(free, s->want.run);
    if (starts == 0)
        return MS_REG_NONE;
    if (MS_LIKELY(ms_want_is_plain(s->want)))
        return base + ms_bit_lowest(starts);
    for (; starts != 0; starts &= starts - 1) {
        ms_reg first = base + ms_bit_lowest(starts);
        if (ms_want_place(first, s->want) == first)
            return first;
    }
    return MS_REG_NONE;
}

/* Feeds the next word. Returns the first register of the lowest fitting run, which then ends in
 * this word, or MS_REG_NONE: feed the next one. */
static inline ms_reg ms_run_search_feed(struct ms_run_search *s, uint32_t index, uint64_t free)
{
    uint32_t base = index * MS_WORD_BITS;

    if (free == 0) {
        s->hole = base + MS_WORD_BITS;
        return MS_REG_NONE;
    }
    uint32_t low = free == UINT64_MAX ? MS_WORD_BITS : ms_bit_lowest(~free);
    ms_reg first = ms_want_place(s->hole, s->want);
    if (first + s->want.run <= base + low)
        return first;
    if (low == MS_WORD_BITS)
        return MS_REG_NONE;

    first = ms_run_search_inside(s, base, free & ~ms_bits_mask(0, low));
    s->hole = base + MS_WORD_BITS - (uint32_t)__builtin_clzll(~free);
    return first;
}

#endif
