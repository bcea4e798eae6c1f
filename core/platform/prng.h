/* SPDX-License-Identifier: MIT */
/*
 * prng.h: a small seeded generator (splitmix64). Same seed, same numbers, on every machine; for
 * tests, benchmarks and layouts, never for secrets.
 */
#ifndef MS_PRNG_H
#define MS_PRNG_H

#include <stdint.h>

struct ms_prng {
    uint64_t state;
};

static inline uint64_t ms_prng_next(struct ms_prng *p)
{
    uint64_t z = (p->state += 0x9E3779B97F4A7C15u);

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* 0 .. bound-1; bound > 0. Multiply-shift: the bias is below 2^-32 for any bound used here. */
static inline uint32_t ms_prng_below(struct ms_prng *p, uint32_t bound)
{
    return (uint32_t)(((ms_prng_next(p) >> 32) * bound) >> 32);
}

#endif
