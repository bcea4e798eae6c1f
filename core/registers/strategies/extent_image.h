/* SPDX-License-Identifier: MIT */
/*
 * extent_image.h: the private layer of extent_lease: bits of leased groups, searched and changed by
 * one thread with plain instructions.
 *
 * Idea        each word knows the longest run that starts in it, straddling into the next; words
 *             are sorted by that length into 15 classes, each a set of bits. The lowest word that
 *             can hold a run of n is then found by ORing the rows of the classes from n's up.
 * Picture     word[] 0011.. 1110.. -> longest[] 9, 3 -> row[class 9..12] bit 0, row[class 3] bit 1
 * Invariants  I1 bits of a group that is not leased are 0, and so are its `longest`
 *             I2 longest[w] >= the longest run that starts in w, at most LONGEST_CAP; a search that
 *                finds it too high corrects it
 *             I3 word w is in the row of the class of longest[w] and in no other; summary says which
 *                parts of which rows are not empty
 * Ordering    none here: everything belongs to one CPU, or to who drains it, see extent_lease.c.
 *             Words are relaxed atomics only so that statistics may read them.
 */
#ifndef MS_EXTENT_IMAGE_H
#define MS_EXTENT_IMAGE_H

#include "registers/strategies/extent_file.h"

enum {
    LONGEST_CAP = MS_WORD_BITS + 1, /* "more than one word": the row of candidates for long runs */
    RUN_CLASSES = 16,
    RUN_CLASS_LONG = 15,
};

/* A group's private image. Owner: its lessee. */
struct extent_lease_group {
    ms_atomic_u64 word[GROUP_WORDS];
    uint8_t longest[GROUP_WORDS];
} __attribute__((aligned(MS_CACHE_LINE)));
static_assert(sizeof(struct extent_lease_group) == 2 * MS_CACHE_LINE, "no line has two lessees");

/* Words of this CPU's leases by class. Owner: the CPU. */
struct extent_index {
    uint64_t summary[RUN_CLASSES]; /* bit d: row d of the class is not 0 */
    uint64_t (*row)[RUN_CLASSES];  /* [word / 64][class], bit word % 64 */
};

/* One CPU's view of the file. */
struct extent_image {
    struct extent_lease_group *group; /* const: all groups of the file */
    const ms_atomic_u32 *lessee;      /* const pointer: [group] */
    uint32_t words;                   /* const */
    uint32_t me;                      /* const: this CPU as it shows in `lessee` */
    struct extent_index index;
};

/* Classes are fine where requests are: up to 8 exact, then steps of 4. Pure. */
static inline uint32_t run_class(uint32_t length)
{
    static const uint8_t class_of[LONGEST_CAP + 1] = {
        0,  1,  2,  3,  4,  5,  5,  6,  7,  8,  8,  8,  8,  9,  9,  9,  9,  10, 10, 10, 10, 11,
        11, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14,
        14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 15,
    };

    return class_of[length];
}

/* --- lengths of runs in words: pure --------------------------------------------------------------- */

/* Longest run of ones in a word that is not all ones; no branches, so no mispredictions. */
static inline uint32_t ones_longest(uint64_t x1)
{
    uint64_t x2 = x1 & x1 >> 1;
    uint64_t x4 = x2 & x2 >> 2;
    uint64_t x8 = x4 & x4 >> 4;
    uint64_t x16 = x8 & x8 >> 8;
    uint64_t x32 = x16 & x16 >> 16;
    uint64_t at = x32 != 0 ? x32 : UINT64_MAX; /* where runs of at least `length` start */
    uint32_t length = x32 != 0 ? 32 : 0;
    uint64_t more;

    more = at & x16 >> length;
    at = more != 0 ? more : at;
    length += more != 0 ? 16 : 0;
    more = at & x8 >> length;
    at = more != 0 ? more : at;
    length += more != 0 ? 8 : 0;
    more = at & x4 >> length;
    at = more != 0 ? more : at;
    length += more != 0 ? 4 : 0;
    more = at & x2 >> length;
    at = more != 0 ? more : at;
    length += more != 0 ? 2 : 0;
    more = at & x1 >> length;
    length += more != 0 ? 1 : 0;
    return length;
}

static inline uint32_t ones_low(uint64_t x)
{
    return x == UINT64_MAX ? MS_WORD_BITS : ms_bit_lowest(~x);
}

static inline uint32_t ones_high(uint64_t x)
{
    return x == UINT64_MAX ? MS_WORD_BITS : (uint32_t)__builtin_clzll(~x);
}

/* Longest run that starts in `low`, with `high` the word behind it. */
static inline uint32_t pair_longest(uint64_t low, uint64_t high)
{
    uint32_t inside = ones_longest(low);
    uint32_t across = ones_high(low) + ones_low(high);
    uint32_t longest = inside > across || (low >> 63) == 0 ? inside : across;

    return longest < LONGEST_CAP ? longest : LONGEST_CAP;
}

/* Bits of `low` where a run of `run` (1..64) starts that may go on in `high`. */
static inline uint64_t pair_starts(uint64_t low, uint64_t high, uint32_t run)
{
    uint32_t have = 1;

    while (have < run) {
        uint32_t step = run - have < have ? run - have : have;
        low &= low >> step | high << (MS_WORD_BITS - step);
        high &= high >> step;
        have += step;
    }
    return low;
}

/* --- the index ------------------------------------------------------------------------------------- */

static inline uint64_t classes_from(const uint64_t row[RUN_CLASSES], uint32_t class)
{
    uint64_t words = 0;

    for (; class < RUN_CLASSES; class ++)
        words |= row[class];
    return words;
}

static inline uint8_t *longest_of(const struct extent_image *m, uint32_t word)
{
    return &m->group[word / GROUP_WORDS].longest[word % GROUP_WORDS];
}

static inline void longest_set(struct extent_image *m, uint32_t word, uint32_t longest)
{
    uint8_t *entry = longest_of(m, word);
    uint32_t old = run_class(*entry);
    uint32_t new = run_class(longest);
    uint64_t(*row) = m->index.row[word / MS_WORD_BITS];
    uint32_t d = word / MS_WORD_BITS;
    uint64_t bit = UINT64_C(1) << word % MS_WORD_BITS;

    *entry = (uint8_t)longest;
    if (old == new)
        return;
    row[old] &= ~bit;
    row[new] |= bit;
    m->index.summary[old] =
        (m->index.summary[old] & ~(UINT64_C(1) << d)) | (uint64_t)(row[old] != 0) << d;
    m->index.summary[new] |= UINT64_C(1) << d;
}

/* --- words ----------------------------------------------------------------------------------------- */

static inline bool group_is_mine(const struct extent_image *m, uint32_t group)
{
    /* Relaxed: only this CPU, or who drains it, writes or removes this value. */
    return ms_load_relaxed(&m->lessee[group]) == m->me;
}

static inline ms_atomic_u64 *image_word(const struct extent_image *m, uint32_t word)
{
    return &m->group[word / GROUP_WORDS].word[word % GROUP_WORDS];
}

static inline uint64_t image_get(const struct extent_image *m, uint32_t word)
{
    return ms_load_relaxed(image_word(m, word));
}

/* The word behind `word` as far as this CPU may use it. */
static inline uint64_t image_get_next(const struct extent_image *m, uint32_t word)
{
    if (MS_LIKELY(word % GROUP_WORDS != GROUP_WORDS - 1))
        return image_get(m, word + 1);
    if (word + 1 >= m->words || !group_is_mine(m, (word + 1) / GROUP_WORDS))
        return 0;
    return image_get(m, word + 1);
}

static inline void image_refresh(struct extent_image *m, uint32_t word)
{
    longest_set(m, word, pair_longest(image_get(m, word), image_get_next(m, word)));
}

/* Corrects the word before `word`, after the low bits of `word` grew into a run. */
static inline void image_refresh_before(struct extent_image *m, uint32_t word)
{
    if (word == 0)
        return;
    if (word % GROUP_WORDS == 0 && !group_is_mine(m, word / GROUP_WORDS - 1))
        return;
    if (image_get(m, word - 1) >> 63)
        image_refresh(m, word - 1);
}

/* Takes [first, first + run) out; all of it is leased and free. */
static inline void image_clear(struct extent_image *m, ms_reg first, uint32_t run)
{
    for (uint32_t i = first / MS_WORD_BITS; i <= (first + run - 1) / MS_WORD_BITS; i++) {
        uint64_t mask = ms_run_in_word(first, run, i);
        uint64_t word = image_get(m, i);
        ms_assert((word & mask) == mask);
        ms_store_relaxed(image_word(m, i), word & ~mask);
    }
    for (uint32_t i = first / MS_WORD_BITS; i <= (first + run - 1) / MS_WORD_BITS; i++)
        image_refresh(m, i);
}

/* Puts a run back that may touch several words. */
static inline void image_set_long(struct extent_image *m, ms_reg first, uint32_t run)
{
    for (uint32_t i = first / MS_WORD_BITS; i <= (first + run - 1) / MS_WORD_BITS; i++) {
        uint64_t mask = ms_run_in_word(first, run, i);
        uint64_t word = image_get(m, i);
        ms_assert((word & mask) == 0);
        ms_store_relaxed(image_word(m, i), word | mask);
    }
    for (uint32_t i = first / MS_WORD_BITS; i <= (first + run - 1) / MS_WORD_BITS; i++)
        image_refresh(m, i);
    image_refresh_before(m, first / MS_WORD_BITS);
}

/* Puts a run back. Inside one word, the hole it becomes part of is measured directly. */
static inline void image_set(struct extent_image *m, ms_reg first, uint32_t run)
{
    uint32_t word = first / MS_WORD_BITS;
    uint32_t at = first % MS_WORD_BITS;

    if (at + run > MS_WORD_BITS) {
        image_set_long(m, first, run);
        return;
    }
    uint64_t mask = ms_bits_mask(at, run);
    uint64_t bits = image_get(m, word);
    ms_assert((bits & mask) == 0);
    bits |= mask;
    ms_store_relaxed(image_word(m, word), bits);

    uint64_t taken_below = ~bits & ms_bits_mask(0, at);
    uint64_t taken_above = ~bits & ~ms_bits_mask(0, at + run);
    uint32_t start = taken_below ? ms_bit_highest(taken_below) + 1 : 0;
    uint32_t length = (taken_above ? ms_bit_lowest(taken_above) : MS_WORD_BITS) - start;
    if (taken_above == 0)
        length += ones_low(image_get_next(m, word));
    if (length > LONGEST_CAP)
        length = LONGEST_CAP;
    if (length > *longest_of(m, word))
        longest_set(m, word, length);
    if (start == 0)
        image_refresh_before(m, word);
}

/* --- searches ---------------------------------------------------------------------------------------- */

/* The lowest place in one word where the run fits, or MS_REG_NONE. */
static inline ms_reg image_word_find(const struct extent_image *m, uint32_t word,
                                     struct ms_reg_want want)
{
    uint64_t low = image_get(m, word);
    uint64_t starts = want.run == 1 ? low : pair_starts(low, image_get_next(m, word), want.run);

    if (MS_LIKELY(ms_want_is_plain(want)))
        return starts == 0 ? MS_REG_NONE : word * MS_WORD_BITS + ms_bit_lowest(starts);
    for (; starts != 0; starts &= starts - 1) {
        ms_reg first = word * MS_WORD_BITS + ms_bit_lowest(starts);
        if (ms_want_place(first, want) == first)
            return first;
    }
    return MS_REG_NONE;
}

static inline uint64_t image_rows(const struct extent_image *m, uint32_t class)
{
    return m->words <= MS_WORD_BITS ? 1 : classes_from(m->index.summary, class);
}

/* Address-ordered first fit for runs of at most 64. */
static inline ms_reg image_find_short(struct extent_image *m, struct ms_reg_want want)
{
    uint32_t class = run_class(want.run);

    for (uint64_t rows = image_rows(m, class); rows != 0; rows &= rows - 1) {
        uint32_t d = ms_bit_lowest(rows);
        for (uint64_t words = classes_from(m->index.row[d], class); words; words &= words - 1) {
            uint32_t word = d * MS_WORD_BITS + ms_bit_lowest(words);
            if (*longest_of(m, word) < want.run)
                continue; /* the class reaches below the run's length */
            ms_reg first = image_word_find(m, word, want);
            if (MS_LIKELY(first != MS_REG_NONE))
                return first;
            image_refresh(m, word); /* I2: it was too high, or limits stood in the way */
        }
    }
    return MS_REG_NONE;
}

/* First register and end of the hole that starts highest in `word` and goes on behind it. */
static inline ms_reg image_hole_end(const struct extent_image *m, uint32_t word, ms_reg *first)
{
    uint64_t bits = image_get(m, word);

    *first = (word + 1) * MS_WORD_BITS - ones_high(bits);
    for (;;) {
        bits = image_get_next(m, word);
        if (bits != UINT64_MAX)
            return (word + 1) * MS_WORD_BITS + ones_low(bits);
        word++;
    }
}

/* Long runs: from the highest hole down, at the hole's end; with limits, at its lowest place. */
static inline ms_reg image_find_long(const struct extent_image *m, struct ms_reg_want want)
{
    for (uint64_t rows = image_rows(m, RUN_CLASS_LONG); rows != 0;) {
        uint32_t d = ms_bit_highest(rows);
        rows &= ~(UINT64_C(1) << d);
        for (uint64_t words = m->index.row[d][RUN_CLASS_LONG]; words != 0;) {
            uint32_t bit = ms_bit_highest(words);
            ms_reg hole;
            words &= ~(UINT64_C(1) << bit);
            ms_reg end = image_hole_end(m, d * MS_WORD_BITS + bit, &hole);
            if (end - hole < want.run)
                continue;
            if (ms_want_is_plain(want))
                return end - want.run;
            ms_reg first = ms_want_place(hole, want);
            if (first + want.run <= end)
                return first;
        }
    }
    return MS_REG_NONE;
}

static inline ms_reg image_take(struct extent_image *m, struct ms_reg_want want)
{
    ms_reg first = want.run <= MS_WORD_BITS ? image_find_short(m, want) : image_find_long(m, want);

    if (first != MS_REG_NONE)
        image_clear(m, first, want.run);
    return first;
}

#endif
