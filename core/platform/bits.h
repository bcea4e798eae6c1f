/* SPDX-License-Identifier: MIT */
/*
 * bits.h: small pure functions on words. Nothing here touches memory.
 */
#ifndef MS_BITS_H
#define MS_BITS_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/check.h"

/* Index of the lowest set bit; `word` must not be 0. */
static inline uint32_t ms_bit_lowest(uint64_t word)
{
    ms_assert(word != 0);
    return (uint32_t)__builtin_ctzll(word);
}

/* Index of the highest set bit; `word` must not be 0. */
static inline uint32_t ms_bit_highest(uint64_t word)
{
    ms_assert(word != 0);
    return 63 - (uint32_t)__builtin_clzll(word);
}

static inline uint32_t ms_bits_count(uint64_t word)
{
    return (uint32_t)__builtin_popcountll(word);
}

/* `count` ones from bit `first` up; count 0..64, first + count <= 64. */
static inline uint64_t ms_bits_mask(uint32_t first, uint32_t count)
{
    ms_assert(first + count <= 64);
    if (count == 0)
        return 0;
    return (UINT64_MAX >> (64 - count)) << first;
}

static inline bool ms_is_power_of_two(uint64_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

/* n rounded up to a multiple of `unit`, a power of two. */
static inline uint64_t ms_round_up(uint64_t n, uint64_t unit)
{
    ms_assert(ms_is_power_of_two(unit));
    return (n + unit - 1) & ~(unit - 1);
}

static inline uint64_t ms_min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

#endif
