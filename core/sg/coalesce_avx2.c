/* SPDX-License-Identifier: MIT */
/*
 * coalesce_avx2.c: the coalescer with AVX2, in blocks of 32 pages.
 *
 * Idea        compare each page with the one before it, four at a time, and treat a whole block by
 *             what it turns out to be: all joined (nothing to do), all breaks (store them four at a
 *             time), or a mixture (a loop over the bits of the break mask). What the last block was
 *             is tried first on the next, without making a mask:
 *               joined  OR the differences from the expected sequence, test once
 *               broken  compare and store in one pass; the block counts only if no page joined
 * Picture     four one-page elements are three 32-byte stores, from s = frames << 12:
 *               | a0 len 0 a1 | len 0 a2 len | 0 a3 len 0 |
 *               a0, a1: one permute;  a2 is in its place;  a3: one permute;  the rest is a constant
 * Edges       the last block of a piece is its last 32 pages, whatever was done with some of them
 *             before: looking at a page twice gives the same bit, and bits of finished pages are
 *             shifted out. No load leaves pfn[0 .. pages), no store the slots that will count, but
 *             for a broken block that turns out not to be one, and that has a slot for each page.
 */
#include "sg/coalesce.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))
#define LEAF __attribute__((always_inline)) AVX2 static inline

enum { LANES = 4, BLOCK = 32, MIXED_RATIO = 3 };

enum kind { JOINED, BROKEN, MIXED };

/* The open run and the output, in locals. */
struct run {
    const PFN_NUMBER *pfn; /* of the piece's page 0 */
    uint64_t address;
    uint64_t position;
    uint8_t *slot;
    const uint8_t *slot_end;
    uint64_t crossed;
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

/* Bit j: p[j] does not follow its predecessor; 4 <= n <= 32. The last four may be looked at twice.
 */
LEAF uint32_t mask_short(const PFN_NUMBER *p, uint32_t n)
{
    uint32_t mask = breaks4(p + n - LANES) << (n - LANES);

    for (uint32_t j = 0; j + LANES < n; j += LANES)
        mask |= breaks4(p + j) << j;
    return mask;
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

/* Closes the run before page `p` and opens the next there; false when no slot is left. */
LEAF bool run_break(struct run *run, const PFN_NUMBER *p)
{
    uint64_t at = (uint64_t)(p - run->pfn) << MS_PAGE_SHIFT;
    uint64_t bytes = at - run->position;

    if (MS_UNLIKELY(run->slot == run->slot_end))
        return false;
    ms_sg_slot_store(run->slot, run->address, bytes);
    run->crossed |= ms_sg_crossing(run->address, bytes);
    run->slot += MS_SG_SLOT_BYTES;
    run->address = *p << MS_PAGE_SHIFT;
    run->position = at;
    return true;
}

LEAF bool run_breaks(struct run *run, const PFN_NUMBER *p, uint64_t mask)
{
    for (; mask != 0; mask &= mask - 1)
        if (!run_break(run, p + ms_bit_lowest(mask)))
            return false;
    return true;
}

LEAF bool has_room(const struct run *run, uint64_t elements)
{
    return (size_t)(run->slot_end - run->slot) >= elements * MS_SG_SLOT_BYTES;
}

/* The elements of n consecutive breaks are stored but for the first: that is the run that came in.
 */
LEAF void run_broke(struct run *run, const PFN_NUMBER *p, uint64_t n)
{
    uint64_t at = (uint64_t)(p - run->pfn) << MS_PAGE_SHIFT;
    uint64_t bytes = at - run->position;

    ms_sg_slot_store(run->slot, run->address, bytes);
    run->crossed |= ms_sg_crossing(run->address, bytes);
    run->slot += n * MS_SG_SLOT_BYTES;
    run->address = p[n - 1] << MS_PAGE_SHIFT;
    run->position = at + ((n - 1) << MS_PAGE_SHIFT);
}

/* n consecutive breaks from `p` on, 4 <= n; there is room for them. */
LEAF void run_broken_short(struct run *run, const PFN_NUMBER *p, uint32_t n)
{
    for (uint32_t j = 0; j + LANES < n; j += LANES)
        singles_store(run->slot + (size_t)j * MS_SG_SLOT_BYTES, p + j);
    singles_store(run->slot + (size_t)(n - LANES) * MS_SG_SLOT_BYTES, p + n - LANES);
    run_broke(run, p, n);
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

enum { MIXED_SPARE = LANES + 1 }; /* slots a step may touch behind the last that counts */

/* The breaks of a mask, 4 <= n <= 32; there is room for them and MIXED_SPARE more. */
LEAF void run_mixed(struct run *run, const PFN_NUMBER *p, uint32_t n, uint32_t mask)
{
    uint64_t grown = ((uint64_t)(p - run->pfn) << MS_PAGE_SHIFT) - run->position;
    __m256i crossed = _mm256_setzero_si256();
    uint8_t *slot = run->slot;
    uint32_t j = 0;

    ms_sg_word_store(slot, run->address);
    for (; j + LANES <= n; j += LANES) {
        const struct mixture *mix = mixture_at(mask >> j);
        __m256i v = load(p + j);
        __m256i step = _mm256_xor_si256(v, load(p + j - 1));

        grown = mixture_step(mix, v, grown, slot);
        slot += mix->advance;
        crossed = _mm256_or_si256(crossed, _mm256_and_si256(step, load(mix->joined)));
    }
    if (j < n) {
        /* One to three pages: the last four again, the finished ones shifted out, and joins behind.
         */
        const struct mixture *mix = mixture_at(mask >> j);
        const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        __m256i shift = _mm256_add_epi32(lanes, _mm256_set1_epi32((int)(2 * (j + LANES - n))));
        __m256i v = _mm256_permutevar8x32_epi32(load(p + n - LANES), shift);
        __m256i w = _mm256_permutevar8x32_epi32(load(p + n - LANES - 1), shift);
        __m256i is_page = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(2 * (n - j))), lanes);

        mixture_step(mix, v, grown, slot);
        slot += mix->advance;
        __m256i joined = _mm256_and_si256(load(mix->joined), is_page);
        crossed = _mm256_or_si256(crossed, _mm256_and_si256(_mm256_xor_si256(v, w), joined));
    }
    /* A run crosses a boundary where one of its pages steps over it. */
    __m128i half =
        _mm_or_si128(_mm256_castsi256_si128(crossed), _mm256_extracti128_si256(crossed, 1));
    half = _mm_or_si128(half, _mm_unpackhi_epi64(half, half));
    run->crossed |= (uint64_t)_mm_cvtsi128_si64(half) << MS_PAGE_SHIFT;
    run->slot = slot;
    if (mask != 0) {
        /* The run that came in may have stepped over one in an earlier block. */
        uint64_t first = (uint64_t)(p + ms_bit_lowest(mask) - run->pfn) << MS_PAGE_SHIFT;
        run->crossed |= ms_sg_crossing(run->address, first - run->position);

        const PFN_NUMBER *last = p + ms_bit_highest(mask);
        run->address = *last << MS_PAGE_SHIFT;
        run->position = (uint64_t)(last - run->pfn) << MS_PAGE_SHIFT;
    }
}

/* The way through a mask that costs least: many breaks by fours, few one by one. */
LEAF bool run_mask(struct run *run, const PFN_NUMBER *p, uint32_t n, uint32_t mask)
{
    uint32_t breaks = ms_bits_count(mask);

    if (n >= LANES && breaks * MIXED_RATIO > n && has_room(run, breaks + MIXED_SPARE)) {
        run_mixed(run, p, n, mask);
        return true;
    }
    return run_breaks(run, p, mask);
}

/* Stores a block as 32 breaks while looking whether it is. False: it was not, nothing is done. */
LEAF bool try_broken(struct run *run, const PFN_NUMBER *p)
{
    __m256i joined = _mm256_setzero_si256();
    uint8_t *slot = run->slot;

    for (uint32_t j = 0; j < BLOCK; j += LANES, slot += LANES * MS_SG_SLOT_BYTES) {
        singles_store(slot, p + j);
        joined = _mm256_or_si256(joined, joins(p + j));
    }
    if (_mm256_testz_si256(joined, joined) == 0)
        return false;
    run_broke(run, p, BLOCK);
    return true;
}

/* Blocks of joined pages from `p` on; the block before `p` is joined too, so that stepping back to
 * the start of a cache line looks at nothing new. */
LEAF const PFN_NUMBER *skip_joined(const PFN_NUMBER *p, const PFN_NUMBER *end)
{
    p -= (uintptr_t)p % MS_CACHE_LINE / sizeof(PFN_NUMBER);
    while (end - p >= BLOCK && is_joined(p))
        p += BLOCK;
    return p;
}

/* One piece of more than a block. */
LEAF bool run_blocks(struct run *run, const PFN_NUMBER *p, const PFN_NUMBER *end)
{
    enum kind kind = MIXED;

    while (end - p >= BLOCK) {
        if (kind == BROKEN && has_room(run, BLOCK) && try_broken(run, p)) {
            p += BLOCK;
            continue;
        }
        uint32_t mask = mask_block(p);
        if (mask == 0) {
            p = skip_joined(p + BLOCK, end);
        } else if (mask == UINT32_MAX && kind != BROKEN) {
            kind = BROKEN;
        } else {
            if (!run_mask(run, p, BLOCK, mask))
                return false;
            kind = MIXED;
            p += BLOCK;
        }
    }
    if (p == end)
        return true;

    uint32_t n = (uint32_t)(end - p);
    uint32_t mask = mask_block(end - BLOCK) >> (BLOCK - n);
    if (mask == UINT32_MAX >> (BLOCK - n) && n >= LANES && has_room(run, n)) {
        run_broken_short(run, p, n);
        return true;
    }
    return run_mask(run, p, n, mask);
}

AVX2 static bool avx2_coalesce(const PFN_NUMBER *pfn, uint32_t pages, struct ms_sg_open *open)
{
    struct run run = {pfn,        open->address,  open->position,
                      open->slot, open->slot_end, open->crossed};
    uint32_t n = pages - 1;
    bool is_done;

    if (n > BLOCK) {
        is_done = run_blocks(&run, pfn + 1, pfn + pages);
    } else if (n >= LANES) {
        uint32_t mask = mask_short(pfn + 1, n);
        if (mask == UINT32_MAX >> (BLOCK - n) && has_room(&run, n)) {
            run_broken_short(&run, pfn + 1, n);
            is_done = true;
        } else {
            is_done = run_mask(&run, pfn + 1, n, mask);
        }
    } else {
        uint32_t mask = 0;
        for (uint32_t j = 0; j < n; j++)
            mask |= (uint32_t)(pfn[j + 1] != pfn[j] + 1) << j;
        is_done = run_breaks(&run, pfn + 1, mask);
    }
    open->address = run.address;
    open->position = run.position;
    open->slot = run.slot;
    open->crossed = run.crossed;
    return is_done;
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
