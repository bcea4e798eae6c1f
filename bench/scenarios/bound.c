/* SPDX-License-Identifier: MIT */
/*
 * bound.c: the bounds of a list builder. Written with the compiler's own vectors and compiled with -O3
 * whatever the rest is; where the processor has 32-byte registers they are used, because a bound that a
 * builder can beat is none.
 */
#include "bound.h"

#include <string.h>

#include "memory/memory.h"
#include "platform/platform.h"

enum { LANES = 4, CHUNK_PAGES = 64 };

typedef uint64_t wide __attribute__((vector_size(32)));

#define LEAF
#define NAME(x) x##_plain
#include "bound_body.h"
#undef LEAF
#undef NAME

#if defined(__x86_64__)
#define LEAF    __attribute__((target("avx2")))
#define NAME(x) x##_wide
#include "bound_body.h"
#endif

const struct ms_bounds *ms_bounds_get(void)
{
#if defined(__x86_64__)
    if (ms_cpu_features_get().avx2)
        return &bounds_wide;
#endif
    return &bounds_plain;
}
