/* SPDX-License-Identifier: MIT */
/*
 * run_lengths_test.c: the searches in words of bits against counting bit by bit. The audits cannot see
 * an error here: they measure with the same functions.
 */
#include "platform/prng.h"
#include "platform/test.h"
#include "registers/strategies/extent_file.h"

enum { WORDS = GROUP_WORDS + 1 };

static bool bit_at(const uint64_t *word, uint32_t at)
{
    return word[at / MS_WORD_BITS] >> at % MS_WORD_BITS & 1;
}

/* Ones from `at` on, before bit `end`. */
static uint32_t ones_from(const uint64_t *word, uint32_t at, uint32_t end)
{
    uint32_t length = 0;

    while (at + length < end && bit_at(word, at + length))
        length++;
    return length;
}

static uint32_t longest_naive(const uint64_t *word)
{
    uint32_t longest = 0;

    for (uint32_t at = 0; at < MS_WORD_BITS; at++) {
        uint32_t length = ones_from(word, at, 2 * MS_WORD_BITS);
        longest = length > longest ? length : longest;
    }
    return longest < LONGEST_CAP ? longest : LONGEST_CAP;
}

static uint32_t hole_naive(const uint64_t *three, uint32_t at)
{
    uint32_t from = MS_WORD_BITS + at;

    while (from > 0 && bit_at(three, from - 1))
        from--;
    uint32_t length = ones_from(three, from, 3 * MS_WORD_BITS);
    return length < LONGEST_CAP ? length : LONGEST_CAP;
}

static void words_check(const uint64_t *word)
{
    uint64_t starts[GROUP_WORDS];

    if (pair_longest(word[0], word[1]) != longest_naive(word))
        fail_msg("%016jx %016jx: longest %u, is %u", (uintmax_t)word[1], (uintmax_t)word[0],
                 pair_longest(word[0], word[1]), longest_naive(word));
    for (uint32_t at = 0; at < MS_WORD_BITS; at++)
        if (word[1] >> at & 1)
            assert_int_equal(hole_longest(word[0], word[1], word[2], at), hole_naive(word, at));
    for (uint32_t run = 1; run <= MS_WORD_BITS; run++) {
        group_starts(word, run, starts);
        for (uint32_t i = 0; i < GROUP_WORDS; i++)
            assert_int_equal(starts[i], pair_starts(word[i], word[i + 1], run));
        for (uint32_t at = 0; at < MS_WORD_BITS; at++)
            assert_int_equal(starts[0] >> at & 1, ones_from(word, at, 2 * MS_WORD_BITS) >= run);
    }
}

MS_TEST(one_run_of_every_length_at_every_place_is_found_and_measured)
{
    for (uint32_t run = 0; run <= MS_WORD_BITS + 2; run++)
        for (uint32_t at = 0; at < MS_WORD_BITS; at++) {
            uint64_t word[WORDS] = {0};
            for (uint32_t i = at; i < at + run; i++)
                word[i / MS_WORD_BITS] |= UINT64_C(1) << i % MS_WORD_BITS;
            assert_int_equal(pair_longest(word[0], word[1]), longest_naive(word));
            for (uint32_t asked = 1; asked <= MS_WORD_BITS; asked++)
                assert_int_equal(pair_starts(word[0], word[1], asked) >> at & 1, asked <= run);
        }
}

MS_TEST(words_of_any_density_are_searched_as_bit_by_bit)
{
    struct ms_prng prng = {5};

    for (uint32_t round = 0; round < 300; round++) {
        uint64_t word[WORDS] = {0};
        for (uint32_t i = 0; i < GROUP_WORDS; i++) {
            uint64_t one = ms_prng_next(&prng), other = ms_prng_next(&prng);
            word[i] = round % 3 == 0 ? one : round % 3 == 1 ? one | other | one << 1 : one & other;
        }
        if (round % 10 == 0)
            word[1] = UINT64_MAX;
        words_check(word);
    }
}
