/* SPDX-License-Identifier: MIT */
/*
 * test_avx512_model.h: the AVX-512 operations that coalesce_avx512.c uses, in plain C, for tests on
 * processors without them. It checks what the coalescer does with the operations (indices, masks,
 * edges, which bytes are touched), not that a compiler or a processor does them right. Masked lanes
 * are not touched, as on the processor; whole loads and stores are whole.
 */
#ifndef MS_SG_TEST_AVX512_MODEL_H
#define MS_SG_TEST_AVX512_MODEL_H

#include <stdint.h>
#include <string.h>

typedef struct {
    uint64_t q[8];
} model_m512i;
typedef uint8_t model_mask8;
typedef uint16_t model_mask16;
typedef uint32_t model_mask32;
typedef uint64_t model_mask64;

#define __m512i   model_m512i
#define __mmask8  model_mask8
#define __mmask16 model_mask16
#define EACH      for (int i = 0; i < 8; i++)
/* With the sanitizer's checks in each copy of each operation, gcc would take a quarter of a minute for this. Clang
 * takes it too, but when these are calls it ends the life of what they return before it is copied. */
#if defined(__SANITIZE_ADDRESS__)
#define MODEL static __attribute__((unused, noinline))
#else
#define MODEL static inline __attribute__((unused))
#endif

MODEL model_m512i _mm512_loadu_si512(const void *p)
{
    model_m512i v;

    memcpy(&v, p, sizeof(v));
    return v;
}

MODEL void _mm512_storeu_si512(void *p, model_m512i v)
{
    memcpy(p, &v, sizeof(v));
}

MODEL model_m512i _mm512_maskz_loadu_epi64(model_mask8 k, const void *p)
{
    model_m512i v = {{0}};

    EACH if (k >> i & 1) memcpy(&v.q[i], (const uint8_t *)p + 8 * i, 8);
    return v;
}

MODEL void _mm512_mask_storeu_epi64(void *p, model_mask8 k, model_m512i v)
{
    EACH if (k >> i & 1) memcpy((uint8_t *)p + 8 * i, &v.q[i], 8);
}

MODEL model_m512i _mm512_set1_epi64(long long a)
{
    model_m512i v;

    EACH v.q[i] = (uint64_t)a;
    return v;
}

MODEL model_m512i _mm512_maskz_set1_epi64(model_mask8 k, long long a)
{
    model_m512i v = {{0}};

    EACH if (k >> i & 1) v.q[i] = (uint64_t)a;
    return v;
}

MODEL model_m512i _mm512_set1_epi8(char a)
{
    model_m512i v;

    memset(&v, a, sizeof(v));
    return v;
}

MODEL model_m512i _mm512_setzero_si512(void)
{
    return _mm512_set1_epi64(0);
}

MODEL model_m512i _mm512_setr_epi64(long long a, long long b, long long c, long long d, long long e,
                                    long long f, long long g, long long h)
{
    return (model_m512i){{(uint64_t)a, (uint64_t)b, (uint64_t)c, (uint64_t)d, (uint64_t)e,
                          (uint64_t)f, (uint64_t)g, (uint64_t)h}};
}

MODEL model_m512i _mm512_set_epi64(long long h, long long g, long long f, long long e, long long d,
                                   long long c, long long b, long long a)
{
    return _mm512_setr_epi64(a, b, c, d, e, f, g, h);
}

MODEL model_m512i _mm512_add_epi64(model_m512i a, model_m512i b)
{
    EACH a.q[i] += b.q[i];
    return a;
}

MODEL model_m512i _mm512_sub_epi64(model_m512i a, model_m512i b)
{
    EACH a.q[i] -= b.q[i];
    return a;
}

MODEL model_m512i _mm512_sub_epi8(model_m512i a, model_m512i b)
{
    uint8_t x[64];
    uint8_t y[64];

    memcpy(x, &a, 64);
    memcpy(y, &b, 64);
    for (int i = 0; i < 64; i++)
        x[i] = (uint8_t)(x[i] - y[i]);
    memcpy(&a, x, 64);
    return a;
}

MODEL model_m512i _mm512_or_si512(model_m512i a, model_m512i b)
{
    EACH a.q[i] |= b.q[i];
    return a;
}

MODEL model_m512i _mm512_slli_epi64(model_m512i a, unsigned int n)
{
    EACH a.q[i] <<= n;
    return a;
}

MODEL model_m512i _mm512_ternarylogic_epi64(model_m512i a, model_m512i b, model_m512i c, int f)
{
    model_m512i v = {{0}};

    EACH for (int bit = 0; bit < 64; bit++)
    {
        unsigned int at = (unsigned int)((a.q[i] >> bit & 1) << 2 | (b.q[i] >> bit & 1) << 1 |
                                         (c.q[i] >> bit & 1));
        v.q[i] |= (uint64_t)((unsigned int)f >> at & 1) << bit;
    }
    return v;
}

MODEL model_mask8 _mm512_cmpneq_epi64_mask(model_m512i a, model_m512i b)
{
    unsigned int k = 0;

    EACH k |= (unsigned int)(a.q[i] != b.q[i]) << i;
    return (model_mask8)k;
}

MODEL model_mask8 _mm512_mask_cmpneq_epi64_mask(model_mask8 k, model_m512i a, model_m512i b)
{
    return k & _mm512_cmpneq_epi64_mask(a, b);
}

MODEL model_mask8 _mm512_mask_cmpeq_epi64_mask(model_mask8 k, model_m512i a, model_m512i b)
{
    return (model_mask8)(k & ~_mm512_cmpneq_epi64_mask(a, b));
}

MODEL model_mask8 _mm512_test_epi64_mask(model_m512i a, model_m512i b)
{
    EACH a.q[i] &= b.q[i];
    return _mm512_cmpneq_epi64_mask(a, _mm512_setzero_si512());
}

MODEL model_mask8 _mm512_mask_test_epi64_mask(model_mask8 k, model_m512i a, model_m512i b)
{
    return k & _mm512_test_epi64_mask(a, b);
}

MODEL uint64_t _mm512_reduce_or_epi64(model_m512i a)
{
    uint64_t all = 0;

    EACH all |= a.q[i];
    return all;
}

MODEL model_mask16 _mm512_kunpackb(model_mask16 high, model_mask16 low)
{
    return (model_mask16)((high & 0xFF) << 8 | (low & 0xFF));
}

MODEL model_mask32 _mm512_kunpackw(model_mask32 high, model_mask32 low)
{
    return high << 16 | (low & 0xFFFF);
}

MODEL model_mask64 _mm512_kunpackd(model_mask64 high, model_mask64 low)
{
    return high << 32 | (low & 0xFFFFFFFF);
}

MODEL model_m512i _mm512_mask_permutexvar_epi64(model_m512i rest, model_mask8 k, model_m512i from,
                                                model_m512i a)
{
    EACH if (k >> i & 1) rest.q[i] = a.q[from.q[i] & 7];
    return rest;
}

MODEL model_m512i _mm512_maskz_permutex2var_epi64(model_mask8 k, model_m512i a, model_m512i from,
                                                  model_m512i b)
{
    model_m512i v = {{0}};

    EACH if (k >> i & 1) v.q[i] = from.q[i] & 8 ? b.q[from.q[i] & 7] : a.q[from.q[i] & 7];
    return v;
}

MODEL model_m512i _mm512_maskz_permutexvar_epi8(model_mask64 k, model_m512i from, model_m512i a)
{
    uint8_t at[64];
    uint8_t bytes[64];
    uint8_t out[64] = {0};

    memcpy(at, &from, 64);
    memcpy(bytes, &a, 64);
    for (int i = 0; i < 64; i++)
        if (k >> i & 1)
            out[i] = bytes[at[i] & 63];
    memcpy(&a, out, 64);
    return a;
}

MODEL model_m512i _mm512_maskz_compress_epi8(model_mask64 k, model_m512i a)
{
    uint8_t bytes[64];
    uint8_t out[64] = {0};
    int count = 0;

    memcpy(bytes, &a, 64);
    for (int i = 0; i < 64; i++)
        if (k >> i & 1)
            out[count++] = bytes[i];
    memcpy(&a, out, 64);
    return a;
}

MODEL model_m512i _mm512_i64gather_epi64(model_m512i index, const void *base, int scale)
{
    model_m512i v;

    EACH memcpy(&v.q[i], (const uint8_t *)base + (int64_t)index.q[i] * scale, 8);
    return v;
}

#endif
