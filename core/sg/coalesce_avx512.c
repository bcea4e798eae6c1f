/* SPDX-License-Identifier: MIT */
/*
 * coalesce_avx512.c: the coalescer with AVX-512 (F, BW, DQ, VL, VBMI, VBMI2): blocks of 64 pages,
 * eight at a time. How a piece goes through its blocks is in coalesce_blocks.h.
 *
 * Picture     eight elements are three 64-byte stores, each one permute into a constant:
 *               | a0 len 0 a1 len 0 a2 len | 0 a3 len 0 a4 len 0 a5 | len 0 a6 len 0 a7 len 0 |
 */
#include "sg/coalesce.h"

#if defined(__x86_64__) || defined(MS_SG_AVX512_MODEL)

#ifdef MS_SG_AVX512_MODEL /* a test, on a processor without */
#include "sg/test_avx512_model.h"
#define AVX512
#else
#include <immintrin.h>
#define AVX512                                                                                     \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi,"    \
                          "bmi2,lzcnt,popcnt")))
#endif
#define LEAF __attribute__((always_inline)) AVX512 static inline
#define FAR  __attribute__((noinline)) AVX512 static

typedef uint64_t mask_bits;

enum {
    LANES = 8,
    BLOCK = 64,
    BROKEN_MIN = 1,
    MIXED_RATIO = 4,
    MIXED_SPARE = LANES + 1,
};

LEAF __m512i load(const void *p)
{
    return _mm512_loadu_si512(p);
}

LEAF void store(uint8_t *p, __m512i v)
{
    _mm512_storeu_si512(p, v);
}

/* The lowest n lanes, at most all. */
LEAF __mmask8 lanes_first(uint32_t n)
{
    uint32_t lanes = n >= LANES ? 0xFF : (1u << n) - 1;

    return (__mmask8)lanes;
}

/* A bit per page of p[0..7] that does not follow its predecessor. */
LEAF __mmask8 breaks8(const PFN_NUMBER *p)
{
    return _mm512_cmpneq_epi64_mask(_mm512_sub_epi64(load(p), load(p - 1)), _mm512_set1_epi64(1));
}

/* Masked lanes are not read, so the last step may look past the array. */
LEAF uint64_t mask_short(const PFN_NUMBER *p, uint32_t n)
{
    uint64_t mask = 0;

    for (uint32_t j = 0; j < n; j += LANES) {
        __mmask8 lanes = lanes_first(n - j);
        __m512i v = _mm512_maskz_loadu_epi64(lanes, p + j);
        __m512i w = _mm512_maskz_loadu_epi64(lanes, p + j - 1);
        mask |= (uint64_t)_mm512_mask_cmpneq_epi64_mask(lanes, _mm512_sub_epi64(v, w),
                                                        _mm512_set1_epi64(1))
                << j;
    }
    return mask;
}

LEAF uint64_t mask_block(const PFN_NUMBER *p)
{
    __mmask16 a = _mm512_kunpackb(breaks8(p + 8), breaks8(p));
    __mmask16 b = _mm512_kunpackb(breaks8(p + 24), breaks8(p + 16));
    __mmask16 c = _mm512_kunpackb(breaks8(p + 40), breaks8(p + 32));
    __mmask16 d = _mm512_kunpackb(breaks8(p + 56), breaks8(p + 48));

    return _mm512_kunpackd(_mm512_kunpackw(d, c), _mm512_kunpackw(b, a));
}

/* Two operations for eight pages: the next expectation, and `seen | (want ^ frames)`. */
LEAF bool is_joined(const PFN_NUMBER *p)
{
    const __m512i eight = _mm512_set1_epi64(LANES);
    const __m512i ahead = _mm512_setr_epi64(1, 2, 3, 4, 5, 6, 7, 8);
    __m512i want = _mm512_add_epi64(_mm512_set1_epi64((long long)p[-1]), ahead);
    __m512i a = _mm512_setzero_si512();
    __m512i b = a;

    for (uint32_t j = 0; j < BLOCK; j += 2 * LANES) {
        a = _mm512_ternarylogic_epi64(a, want, load(p + j), 0xF6);
        want = _mm512_add_epi64(want, eight);
        b = _mm512_ternarylogic_epi64(b, want, load(p + j + LANES), 0xF6);
        want = _mm512_add_epi64(want, eight);
    }
    a = _mm512_or_si512(a, b);
    return _mm512_test_epi64_mask(a, a) == 0;
}

/* --- elements of one page ------------------------------------------------------------------------
 */

/* The three vectors of eight one-page elements whose addresses are in s. */
struct triple {
    __m512i v[3];
};

LEAF struct triple singles_make(__m512i frames)
{
    const long long len = MS_PAGE_BYTES;
    const __m512i rest0 = _mm512_setr_epi64(0, len, 0, 0, len, 0, 0, len);
    const __m512i rest1 = _mm512_setr_epi64(0, 0, len, 0, 0, len, 0, 0);
    const __m512i rest2 = _mm512_setr_epi64(len, 0, 0, len, 0, 0, len, 0);
    const __m512i from0 = _mm512_setr_epi64(0, 0, 0, 1, 0, 0, 2, 0);
    const __m512i from1 = _mm512_setr_epi64(0, 3, 0, 0, 4, 0, 0, 5);
    const __m512i from2 = _mm512_setr_epi64(0, 0, 6, 0, 0, 7, 0, 0);
    __m512i s = _mm512_slli_epi64(frames, MS_PAGE_SHIFT);

    return (struct triple){{
        _mm512_mask_permutexvar_epi64(rest0, 0x49, from0, s),
        _mm512_mask_permutexvar_epi64(rest1, 0x92, from1, s),
        _mm512_mask_permutexvar_epi64(rest2, 0x24, from2, s),
    }};
}

LEAF void triple_store(uint8_t *slot, struct triple t)
{
    store(slot, t.v[0]);
    store(slot + 64, t.v[1]);
    store(slot + 128, t.v[2]);
}

LEAF void singles_put(uint8_t *slot, const PFN_NUMBER *p, uint32_t n)
{
    uint32_t j = 0;

    for (; j + LANES <= n; j += LANES, slot += LANES * MS_SG_SLOT_BYTES)
        triple_store(slot, singles_make(load(p + j - 1)));
    if (j < n) { /* the words of what is left, and no more */
        struct triple t = singles_make(_mm512_maskz_loadu_epi64(lanes_first(n - j), p + j - 1));
        uint32_t words = (1u << 3 * (n - j)) - 1;

        _mm512_mask_storeu_epi64(slot, (__mmask8)words, t.v[0]);
        _mm512_mask_storeu_epi64(slot + 64, (__mmask8)(words >> 8), t.v[1]);
        _mm512_mask_storeu_epi64(slot + 128, (__mmask8)(words >> 16), t.v[2]);
    }
}

LEAF bool singles_try(uint8_t *slot, const PFN_NUMBER *p)
{
    __mmask8 breaks = 0xFF;

    for (uint32_t j = 0; j < BLOCK; j += LANES, slot += LANES * MS_SG_SLOT_BYTES) {
        __m512i w = load(p + j - 1);

        triple_store(slot, singles_make(w));
        breaks = _mm512_mask_cmpneq_epi64_mask(breaks, _mm512_sub_epi64(load(p + j), w),
                                               _mm512_set1_epi64(1));
    }
    return breaks == 0xFF;
}

/* --- mixtures ------------------------------------------------------------------------------------
 *
 * A break closes one run and opens the next, so it yields the words {length, 0, address}: from the
 * second word of the open run's slot to the first of the next one's. The numbers of the broken pages
 * are compressed to bytes, eight at a time widened, their frames gathered and the lengths taken from
 * neighbours. Eight breaks are three stores,
 *   | l0 0 A0 l1 0 A1 l2 0 | A2 l3 0 A3 l4 0 A4 l5 | 0 A5 l6 0 A6 l7 0 A7 |
 */

/* Bytes 8g .. 8g+7 of v as eight words. */
LEAF __m512i widen(__m512i v, __m512i eighth)
{
    return _mm512_maskz_permutexvar_epi8(0x0101010101010101, eighth, v);
}

/* The words of eight lengths and eight addresses in their order. */
LEAF struct triple mixture_make(__m512i length, __m512i address)
{
    const __m512i from0 = _mm512_setr_epi64(0, 0, 8, 1, 0, 9, 2, 0);
    const __m512i from1 = _mm512_setr_epi64(10, 3, 0, 11, 4, 0, 12, 5);
    const __m512i from2 = _mm512_setr_epi64(0, 13, 6, 0, 14, 7, 0, 15);

    return (struct triple){{
        _mm512_maskz_permutex2var_epi64(0x6D, length, from0, address),
        _mm512_maskz_permutex2var_epi64(0xDB, length, from1, address),
        _mm512_maskz_permutex2var_epi64(0xB6, length, from2, address),
    }};
}

/* The steps from page to page inside runs as an OR of frame XOR frame before. */
LEAF uint64_t mixture_steps(const PFN_NUMBER *p, uint32_t n, uint64_t mask)
{
    __m512i stepped = _mm512_setzero_si512();

    for (uint32_t j = 0; j < n; j += LANES) {
        __mmask8 joined = (__mmask8)(~(mask >> j) & lanes_first(n - j));
        __m512i v = _mm512_maskz_loadu_epi64(joined, p + j);
        __m512i w = _mm512_maskz_loadu_epi64(joined, p + j - 1);

        stepped = _mm512_ternarylogic_epi64(stepped, v, w, 0xF6);
    }
    return (uint64_t)_mm512_reduce_or_epi64(stepped);
}

/* The breaks of a mask, behind an open run of `grown` bytes whose address is already in its slot. */
LEAF uint64_t mixture_put(uint8_t *slot, const PFN_NUMBER *p, uint32_t n, uint64_t mask,
                          uint64_t grown)
{
    const __m512i bytes0 = _mm512_set_epi64(
        0x3F3E3D3C3B3A3938, 0x3736353433323130, 0x2F2E2D2C2B2A2928, 0x2726252423222120,
        0x1F1E1D1C1B1A1918, 0x1716151413121110, 0x0F0E0D0C0B0A0908, 0x0706050403020100);
    const __m512i one_back = _mm512_sub_epi8(bytes0, _mm512_set1_epi8(1));
    __m512i place = _mm512_maskz_compress_epi8(mask, bytes0);
    __m512i before = _mm512_maskz_permutexvar_epi8(~UINT64_C(1), one_back, place);
    __m512i eighth = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
    __m512i growth = _mm512_maskz_set1_epi64(1, (long long)grown); /* the first run's, before p */
    uint32_t breaks = ms_bits_count(mask);

    for (uint32_t k = 0; k < breaks; k += LANES, slot += LANES * MS_SG_SLOT_BYTES) {
        __m512i at = widen(place, eighth);
        /* Lanes behind the last break gather page 0 of the block, which is there. */
        __m512i frames = _mm512_i64gather_epi64(at, p, sizeof(PFN_NUMBER));
        __m512i pages = _mm512_sub_epi64(at, widen(before, eighth));
        __m512i length = _mm512_add_epi64(_mm512_slli_epi64(pages, MS_PAGE_SHIFT), growth);

        triple_store(slot + 8, mixture_make(length, _mm512_slli_epi64(frames, MS_PAGE_SHIFT)));
        growth = _mm512_setzero_si512();
        eighth = _mm512_add_epi64(eighth, _mm512_set1_epi64(LANES));
    }
    return mixture_steps(p, n, mask);
}

#include "sg/coalesce_blocks.h"

AVX512 static bool avx512_coalesce(const PFN_NUMBER *pfn, uint32_t pages, struct ms_sg_open *open)
{
    return coalesce(pfn, pages, open);
}

AVX512 static uint32_t avx512_count(const PFN_NUMBER *pfn, uint32_t pages, uint64_t boundary_pages)
{
    const __m512i boundary = _mm512_set1_epi64((long long)(boundary_pages - 1));
    uint32_t breaks = 0;

    ms_assert(ms_is_power_of_two(boundary_pages));
    for (uint32_t i = 1; i < pages; i += LANES) {
        __mmask8 lanes = lanes_first(pages - i);
        __m512i v = _mm512_maskz_loadu_epi64(lanes, pfn + i);
        __m512i w = _mm512_maskz_loadu_epi64(lanes, pfn + i - 1);
        __mmask8 joined =
            _mm512_mask_cmpeq_epi64_mask(lanes, _mm512_sub_epi64(v, w), _mm512_set1_epi64(1));

        /* A page that begins a new stretch of `boundary` is a break as well. */
        joined = _mm512_mask_test_epi64_mask(joined, v, boundary);
        breaks += ms_bits_count((uint32_t)lanes & ~(uint32_t)joined);
    }
    return breaks;
}

const struct ms_sg_variant ms_sg_avx512 = {
    .name = "avx512",
    .coalesce = avx512_coalesce,
    .count = avx512_count,
};

#endif
