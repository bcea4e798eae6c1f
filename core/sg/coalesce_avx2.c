/* SPDX-License-Identifier: MIT */
/*
 * coalesce_avx2.c: the coalescer with AVX2: blocks of 32 pages, four at a time. How a piece goes
 * through its blocks is in coalesce_blocks.h.
 *
 * Picture     four one-page elements are three 32-byte stores, from s = frames << 12:
 *               | a0 len 0 a1 | len 0 a2 len | 0 a3 len 0 |
 *             a0, a1: one permute;  a2 is in its place;  a3: one permute;  the rest is a constant
 */
#include "sg/coalesce.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))
#define LEAF __attribute__((always_inline)) AVX2 static inline
#define FAR  __attribute__((noinline)) AVX2 static

typedef uint32_t mask_bits;

enum {
    LANES = 4,
    BLOCK = 32,
    BROKEN_MIN = LANES,
    MIXED_RATIO = 3,
    MIXED_SPARE = LANES + 1,
};

LEAF __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

LEAF void store(uint8_t *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, v);
}

/* All ones in the lanes of p[0..3] that follow their predecessors. */
LEAF __m256i joins(const PFN_NUMBER *p)
{
    return _mm256_cmpeq_epi64(_mm256_sub_epi64(load(p), load(p - 1)), _mm256_set1_epi64x(1));
}

LEAF uint32_t breaks4(const PFN_NUMBER *p)
{
    return (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(joins(p))) ^ 0xF;
}

/* Bit j: p[j] does not follow its predecessor. The last four may be looked at twice. */
LEAF uint32_t mask_short(const PFN_NUMBER *p, uint32_t n)
{
    uint32_t mask = 0;

    if (n < LANES) {
        for (uint32_t j = 0; j < n; j++)
            mask |= (uint32_t)(p[j] != p[(int64_t)j - 1] + 1) << j;
        return mask;
    }
    for (uint32_t j = 0; j + LANES < n; j += LANES)
        mask |= breaks4(p + j) << j;
    return mask | breaks4(p + n - LANES) << (n - LANES);
}

/* As mask_short for n = 32: lanes are narrowed to bytes before they become bits. */
LEAF uint32_t mask_block(const PFN_NUMBER *p)
{
    __m256i ab = _mm256_packs_epi32(joins(p), joins(p + 4));
    __m256i cd = _mm256_packs_epi32(joins(p + 8), joins(p + 12));
    __m256i ef = _mm256_packs_epi32(joins(p + 16), joins(p + 20));
    __m256i gh = _mm256_packs_epi32(joins(p + 24), joins(p + 28));
    __m256i all = _mm256_packs_epi16(_mm256_packs_epi32(ab, cd), _mm256_packs_epi32(ef, gh));
    /* Packing works within halves: the first half has pages 0 1, 4 5, 8 9 ..., the other the rest.
     */
    const __m256i pairs = _mm256_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15, 0,
                                           1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15);

    all = _mm256_shuffle_epi8(_mm256_permute4x64_epi64(all, 0xD8), pairs);
    return ~(uint32_t)_mm256_movemask_epi8(all);
}

/* p[0..31] all follow their predecessors. */
LEAF bool is_joined(const PFN_NUMBER *p)
{
    __m256i want =
        _mm256_add_epi64(_mm256_set1_epi64x((long long)p[-1]), _mm256_setr_epi64x(1, 2, 3, 4));
    const __m256i four = _mm256_set1_epi64x(4);
    __m256i a = _mm256_setzero_si256();
    __m256i b = a;

#pragma GCC unroll 4
    for (uint32_t j = 0; j < BLOCK; j += 2 * LANES) {
        a = _mm256_or_si256(a, _mm256_xor_si256(want, load(p + j)));
        want = _mm256_add_epi64(want, four);
        b = _mm256_or_si256(b, _mm256_xor_si256(want, load(p + j + LANES)));
        want = _mm256_add_epi64(want, four);
    }
    a = _mm256_or_si256(a, b);
    return _mm256_testz_si256(a, a) != 0;
}

/* Four elements of one page each, for p[-1] .. p[2]. */
LEAF void singles_store(uint8_t *slot, const PFN_NUMBER *p)
{
    const __m256i rest0 = _mm256_setr_epi64x(0, MS_PAGE_BYTES, 0, 0);
    const __m256i rest1 = _mm256_setr_epi64x(MS_PAGE_BYTES, 0, 0, MS_PAGE_BYTES);
    const __m256i rest2 = _mm256_setr_epi64x(0, 0, MS_PAGE_BYTES, 0);
    __m256i s = _mm256_slli_epi64(load(p - 1), MS_PAGE_SHIFT);

    store(slot, _mm256_blend_epi32(_mm256_permute4x64_epi64(s, 0x50), rest0, 0x3C));
    store(slot + 32, _mm256_blend_epi32(s, rest1, 0xCF));
    store(slot + 64, _mm256_blend_epi32(_mm256_permute4x64_epi64(s, 0xFC), rest2, 0xF3));
}

LEAF void singles_put(uint8_t *slot, const PFN_NUMBER *p, uint32_t n)
{
    for (uint32_t j = 0; j + LANES < n; j += LANES)
        singles_store(slot + (size_t)j * MS_SG_SLOT_BYTES, p + j);
    singles_store(slot + (size_t)(n - LANES) * MS_SG_SLOT_BYTES, p + n - LANES);
}

LEAF bool singles_try(uint8_t *slot, const PFN_NUMBER *p)
{
    __m256i joined = _mm256_setzero_si256();

#pragma GCC unroll 8
    for (uint32_t j = 0; j < BLOCK; j += LANES, slot += LANES * MS_SG_SLOT_BYTES) {
        singles_store(slot, p + j);
        joined = _mm256_or_si256(joined, joins(p + j));
    }
    return _mm256_testz_si256(joined, joined) != 0;
}

/*
 * Mixtures, four pages a step and no branches: the steps write whole elements for all breaks there
 * could be and advance by those there were.
 *
 * A break closes one run and opens the next, so it yields the words {length, 0, address}: from the
 * second word of the open run's slot to the first of the next one's. Four breaks are three stores,
 *   | l0 0 A0 l1 | 0 A1 l2 0 | A2 l3 0 A3 |
 * where A are the frames of the breaks, moved together by a permute. All lengths but l0 follow from
 * the pattern of breaks alone; l0 is the first break's place plus what the run had grown to before.
 */
struct mixture {
    uint32_t frames[8];    /* permute that moves the breaks' frames together */
    uint64_t length[3][4]; /* what the three stores hold beside addresses, without l0's growth */
    uint64_t joined[4];    /* all ones where a page is not a break */
    uint64_t kept;         /* all ones when there is no break: the open run goes on growing */
    uint64_t grown;        /* how long the open run is at the end of the four pages, kept aside */
    uint64_t advance;      /* slots, in bytes */
    uint64_t unused;
};

#define P(n) ((uint64_t)(n)*MS_PAGE_BYTES)
#define ALL  UINT64_MAX
#define FRAMES(...)                                                                                \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define JOINED(...)                                                                                \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define LENGTH(l0, l1, l2, l3)                                                                     \
    {                                                                                              \
        {P(l0), 0, 0, P(l1)}, {0, 0, P(l2), 0}, {0, P(l3), 0, 0},                                  \
    }

/* By the mask of breaks. */
static const struct mixture mixtures[16] __attribute__((aligned(64))) = {
    {FRAMES(0, 1, 0, 1, 0, 1, 0, 1), LENGTH(0, 0, 0, 0), JOINED(ALL, ALL, ALL, ALL), ALL, P(4),
     0 * MS_SG_SLOT_BYTES, 0},
    {FRAMES(0, 1, 0, 1, 0, 1, 0, 1), LENGTH(0, 0, 0, 0), JOINED(0, ALL, ALL, ALL), 0, P(4),
     1 * MS_SG_SLOT_BYTES, 0},
    {FRAMES(2, 3, 0, 1, 0, 1, 0, 1), LENGTH(1, 0, 0, 0), JOINED(ALL, 0, ALL, ALL), 0, P(3),
     1 * MS_SG_SLOT_BYTES, 0},
    {FRAMES(0, 1, 2, 3, 0, 1, 0, 1), LENGTH(0, 1, 0, 0), JOINED(0, 0, ALL, ALL), 0, P(3),
     2 * MS_SG_SLOT_BYTES, 0},
    {FRAMES(4, 5, 0, 1, 0, 1, 0, 1), LENGTH(2, 0, 0, 0), JOINED(ALL, ALL, 0, ALL), 0, P(2),
     1 * MS_SG_SLOT_BYTES, 0},
    {FRAMES(0, 1, 4, 5, 0, 1, 0, 1), LENGTH(0, 2, 0, 0), JOINED(0, ALL, 0, ALL), 0, P(2),
     2 * MS_SG_SLOT_BYTES, 0},
    {FRAMES(2, 3, 4, 5, 0, 1, 0, 1), LENGTH(1, 1, 0, 0), JOINED(ALL, 0, 0, ALL), 0, P(2),
     2 * MS_SG_SLOT_BYTES, 0},
    {FRAMES(0, 1, 2, 3, 4, 5, 0, 1), LENGTH(0, 1, 1, 0), JOINED(0, 0, 0, ALL), 0, P(2),
     3 * MS_SG_SLOT_BYTES, 0},
    {FRAMES(6, 7, 0, 1, 0, 1, 0, 1), LENGTH(3, 0, 0, 0), JOINED(ALL, ALL, ALL, 0), 0, P(1),
     1 * MS_SG_SLOT_BYTES, 0},
    {FRAMES(0, 1, 6, 7, 0, 1, 0, 1), LENGTH(0, 3, 0, 0), JOINED(0, ALL, ALL, 0), 0, P(1),
     2 * MS_SG_SLOT_BYTES, 0},
    {FRAMES(2, 3, 6, 7, 0, 1, 0, 1), LENGTH(1, 2, 0, 0), JOINED(ALL, 0, ALL, 0), 0, P(1),
     2 * MS_SG_SLOT_BYTES, 0},
    {FRAMES(0, 1, 2, 3, 6, 7, 0, 1), LENGTH(0, 1, 2, 0), JOINED(0, 0, ALL, 0), 0, P(1),
     3 * MS_SG_SLOT_BYTES, 0},
    {FRAMES(4, 5, 6, 7, 0, 1, 0, 1), LENGTH(2, 1, 0, 0), JOINED(ALL, ALL, 0, 0), 0, P(1),
     2 * MS_SG_SLOT_BYTES, 0},
    {FRAMES(0, 1, 4, 5, 6, 7, 0, 1), LENGTH(0, 2, 1, 0), JOINED(0, ALL, 0, 0), 0, P(1),
     3 * MS_SG_SLOT_BYTES, 0},
    {FRAMES(2, 3, 4, 5, 6, 7, 0, 1), LENGTH(1, 1, 1, 0), JOINED(ALL, 0, 0, 0), 0, P(1),
     3 * MS_SG_SLOT_BYTES, 0},
    {FRAMES(0, 1, 2, 3, 4, 5, 6, 7), LENGTH(0, 1, 1, 1), JOINED(0, 0, 0, 0), 0, P(1),
     4 * MS_SG_SLOT_BYTES, 0},
};
static_assert(sizeof(struct mixture) == 192, "a row is three cache lines");

LEAF const struct mixture *mixture_at(uint32_t mask)
{
    return &mixtures[mask & 15];
}

/* Closes and opens runs at the breaks of four pages whose frames are v and whose predecessors' are
 * w. `grown` is how long the open run is before them; returns how long it is behind them. */
LEAF uint64_t mixture_step(const struct mixture *mix, __m256i v, uint64_t grown, uint8_t *slot)
{
    __m256i a = _mm256_permutevar8x32_epi32(_mm256_slli_epi64(v, MS_PAGE_SHIFT), load(mix->frames));
    __m256i l0 = _mm256_add_epi64(load(mix->length[0]),
                                  _mm256_zextsi128_si256(_mm_cvtsi64_si128((long long)grown)));

    store(slot + 8, _mm256_blend_epi32(l0, _mm256_permute4x64_epi64(a, 0x00), 0x30));
    store(slot + 40, _mm256_blend_epi32(load(mix->length[1]), a, 0x0C));
    store(slot + 72,
          _mm256_blend_epi32(load(mix->length[2]), _mm256_permute4x64_epi64(a, 0xC2), 0xC3));
    return (grown & mix->kept) + mix->grown;
}

/* The breaks of a mask, 4 <= n <= 32, behind an open run of `grown` bytes whose address is already in
 * its slot. Returns the steps from page to page inside runs as an OR of frame XOR frame before. */
LEAF uint64_t mixture_put(uint8_t *slot, const PFN_NUMBER *p, uint32_t n, uint32_t mask,
                          uint64_t grown)
{
    __m256i stepped = _mm256_setzero_si256();
    uint32_t j = 0;

    for (; j + LANES <= n; j += LANES) {
        const struct mixture *mix = mixture_at(mask >> j);
        __m256i v = load(p + j);
        __m256i step = _mm256_xor_si256(v, load(p + j - 1));

        grown = mixture_step(mix, v, grown, slot);
        slot += mix->advance;
        stepped = _mm256_or_si256(stepped, _mm256_and_si256(step, load(mix->joined)));
    }
    if (j < n) {
        /* One to three pages: the last four again, the finished ones shifted out, joins behind. */
        const struct mixture *mix = mixture_at(mask >> j);
        const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        __m256i shift = _mm256_add_epi32(lanes, _mm256_set1_epi32((int)(2 * (j + LANES - n))));
        __m256i v = _mm256_permutevar8x32_epi32(load(p + n - LANES), shift);
        __m256i w = _mm256_permutevar8x32_epi32(load(p + n - LANES - 1), shift);
        __m256i is_page = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(2 * (n - j))), lanes);
        __m256i joined = _mm256_and_si256(load(mix->joined), is_page);

        mixture_step(mix, v, grown, slot);
        stepped = _mm256_or_si256(stepped, _mm256_and_si256(_mm256_xor_si256(v, w), joined));
    }
    __m128i half =
        _mm_or_si128(_mm256_castsi256_si128(stepped), _mm256_extracti128_si256(stepped, 1));
    return (uint64_t)_mm_cvtsi128_si64(_mm_or_si128(half, _mm_unpackhi_epi64(half, half)));
}

#include "sg/coalesce_blocks.h"

AVX2 static bool avx2_coalesce(const PFN_NUMBER *pfn, uint32_t pages, struct ms_sg_open *open)
{
    return coalesce(pfn, pages, open);
}

/* As joins, but a page that begins a new stretch of `boundary` (a mask) is a break. */
LEAF __m256i joins_inside(const PFN_NUMBER *p, __m256i boundary)
{
    __m256i begins =
        _mm256_cmpeq_epi64(_mm256_and_si256(load(p), boundary), _mm256_setzero_si256());

    return _mm256_andnot_si256(begins, joins(p));
}

AVX2 static uint32_t avx2_count(const PFN_NUMBER *pfn, uint32_t pages, uint64_t boundary_pages)
{
    const __m256i boundary = _mm256_set1_epi64x((long long)(boundary_pages - 1));
    __m256i joined = _mm256_setzero_si256();
    uint32_t i = 1;

    ms_assert(ms_is_power_of_two(boundary_pages));
    for (; i + LANES <= pages; i += LANES) /* a join is -1 */
        joined = _mm256_sub_epi64(joined, joins_inside(pfn + i, boundary));
    uint32_t breaks = i - 1 -
                      (uint32_t)(_mm256_extract_epi64(joined, 0) + _mm256_extract_epi64(joined, 1) +
                                 _mm256_extract_epi64(joined, 2) + _mm256_extract_epi64(joined, 3));
    for (; i < pages; i++)
        breaks += pfn[i] != pfn[i - 1] + 1 || (pfn[i] & (boundary_pages - 1)) == 0;
    return breaks;
}

const struct ms_sg_variant ms_sg_avx2 = {
    .name = "avx2",
    .coalesce = avx2_coalesce,
    .count = avx2_count,
};

#endif
