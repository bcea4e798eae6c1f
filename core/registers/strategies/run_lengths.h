/* SPDX-License-Identifier: MIT */
/*
 * run_lengths.h: how long the runs in a word are, as pure functions on bits (1 = free): what the two
 * layers of extent_lease search with.
 */
#ifndef MS_RUN_LENGTHS_H
#define MS_RUN_LENGTHS_H

#include "registers/strategies/run_search.h"

enum {
    LONGEST_CAP = 2 * MS_WORD_BITS - 1, /* what is kept of a length: "two words, or nearly" */
};

/* All of it without branches: what is in a word cannot be foretold, and a branch that is not costs
 * as much as twenty instructions. So a condition becomes a mask: all ones if it holds. */
static inline uint64_t mask_if(bool condition)
{
    return 0 - (uint64_t)condition;
}

/* Ones at the low end. The bit ORed in gives a full word its 64. */
static inline uint32_t ones_low(uint64_t x)
{
    return (uint32_t)((1 + (uint64_t)__builtin_ctzll(~x >> 1 | UINT64_C(1) << 63)) &
                      mask_if(x & 1));
}

static inline uint32_t ones_high(uint64_t x)
{
    return (uint32_t)((1 + (uint64_t)__builtin_clzll(~x << 1 | 1)) & mask_if(x >> 63));
}

/* `length` grows by `step` where a run goes on: `at` says where runs of `length` start, `ones`
 * where runs of `step` do. */
static inline void longest_step(uint64_t *at, uint32_t *length, uint64_t ones, uint32_t step)
{
    uint64_t more = *at & ones >> *length;
    uint64_t goes_on = mask_if(more != 0);

    *at = more | (*at & ~goes_on);
    *length += step & (uint32_t)goes_on;
}

/* Longest run of ones in a word; a full word counts as 63. */
static inline uint32_t ones_longest(uint64_t x1)
{
    uint64_t x2 = x1 & x1 >> 1;
    uint64_t x4 = x2 & x2 >> 2;
    uint64_t x8 = x4 & x4 >> 4;
    uint64_t x16 = x8 & x8 >> 8;
    uint64_t at = UINT64_MAX;
    uint32_t length = 0;

    if (MS_UNLIKELY(x16 != 0)) { /* seldom, where it is crowded: this branch can be foretold */
        longest_step(&at, &length, x16 & x16 >> 16, 32);
        longest_step(&at, &length, x16, 16);
    }
    longest_step(&at, &length, x8, 8);
    longest_step(&at, &length, x4, 4);
    longest_step(&at, &length, x2, 2);
    longest_step(&at, &length, x1, 1);
    return length;
}

/* Longest run that starts in `low`, with `high` the word behind it. */
static inline uint32_t pair_longest(uint64_t low, uint64_t high)
{
    uint32_t longest = ones_longest(low);

    if (low >> 63) { /* one bit, mostly taken where it is crowded: this branch can be foretold */
        uint32_t across = ones_high(low) + ones_low(high);
        longest = longest > across ? longest : across;
    }
    return longest < LONGEST_CAP ? longest : LONGEST_CAP;
}

/* A step of pair_starts: `step` 0 to 63. */
static inline void pair_step(uint64_t *low, uint64_t *high, uint32_t step)
{
    *low &= *low >> step | *high << 1 << (MS_WORD_BITS - 1 - step);
    *high &= *high >> step;
}

/* Bits of `low` where a run of `run` (1..64) starts that may go on in `high`. Most searches are for 8 to 32,
 * for which there is no branch: how many steps it takes could not be foretold. */
static inline uint64_t pair_starts(uint64_t low, uint64_t high, uint32_t run)
{
    uint32_t have = 1;

    if (MS_LIKELY(run >= 8)) {
        pair_step(&low, &high, 1);
        pair_step(&low, &high, 2);
        pair_step(&low, &high, 4);
        have = run < 16 ? run : 16;
        pair_step(&low, &high, have - 8);
        uint32_t step = run - have < have ? run - have : have;
        pair_step(&low, &high, step);
        have += step;
    }
    while (MS_UNLIKELY(have < run)) {
        uint32_t step = run - have < have ? run - have : have;
        pair_step(&low, &high, step);
        have += step;
    }
    return low;
}

/* How long the hole is in which the bit `at` of `bits` lies; `before` and `behind` are the words next
 * to it. At most LONGEST_CAP. */
static inline uint32_t hole_longest(uint64_t before, uint64_t bits, uint64_t behind, uint32_t at)
{
    uint64_t taken_above = ~bits >> at;
    uint64_t taken_below = ~bits << (MS_WORD_BITS - 1 - at);
    uint32_t above =
        taken_above != 0 ? ms_bit_lowest(taken_above) : MS_WORD_BITS - at + ones_low(behind);
    uint32_t below =
        taken_below != 0 ? (uint32_t)__builtin_clzll(taken_below) : at + 1 + ones_high(before);
    uint32_t longest = above + below - 1;

    return longest < LONGEST_CAP ? longest : LONGEST_CAP;
}

#endif
