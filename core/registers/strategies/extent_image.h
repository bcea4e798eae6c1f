/* SPDX-License-Identifier: MIT */
/*
 * extent_image.h: the private layer of extent_lease: bits of leased groups, searched and changed by
 * one thread with plain instructions.
 *
 * Idea        each word knows the longest run that starts in it, straddling into the next, up to two words; each
 *             group the longest of its words; each block of 8 groups the longest of those. One byte
 *             each, so three comparisons of 8 bytes find the lowest word that can hold a run of n
 *             among 4096, and none of them is a branch that cannot be foretold. There is no other
 *             search: first fit in address order costs the same wherever the hole lies. In a file of up to
 *             8 groups there are only words: eight comparisons, none of which waits for another. A run that covers
 *             two words wherever it lies is looked for by words with nothing taken in them and in the next.
 * Picture     blocks {65, 20, ..} -> groups {65, 9, 0, ..} -> longest[8 words] {3, 0, 9, ..} -> 0110..
 * Invariants  I1 bits of a group that is not leased are 0, and so are its bytes
 *             I2 longest[w] >= the longest run that starts in w and ends in w + 1, at most LONGEST_CAP; a
 *                group's byte is the largest of its words', a block's the largest of its groups' (not kept in
 *                small files). A search that finds a word's too high (what lies behind it was taken) corrects it
 * Ordering    none here: everything belongs to one CPU, or to who drains it, see extent_lease.c.
 *             Words are relaxed atomics only so that statistics may read them.
 */
#ifndef MS_EXTENT_IMAGE_H
#define MS_EXTENT_IMAGE_H

#include "registers/strategies/extent_file.h"

enum {
    BYTE_BITS = 8,
    COVERING_RUN = 3 * MS_WORD_BITS - 1, /* covers two whole words wherever it lies */
    SMALL_GROUPS = 8, /* of a small file, or less: those that it lacks have lengths of 0 */
};
static_assert(GROUP_WORDS == 8, "a group's lengths are the bytes of one word");

/* A group's private bits. Owner: its lessee. */
struct extent_lease_group {
    ms_atomic_u64 word[GROUP_WORDS];
} __attribute__((aligned(MS_CACHE_LINE)));
static_assert(sizeof(struct extent_lease_group) == MS_CACHE_LINE, "no line has two lessees");
static_assert(sizeof(struct extent_lease_group) == GROUP_WORDS * sizeof(ms_atomic_u64),
              "the words of all groups follow each other");

/* One CPU's view of the file. Owner: the CPU, or who drains it. */
struct extent_image {
    struct extent_lease_group *group; /* const: all of the file, and an empty one behind */
    const ms_atomic_u32 *lessee;      /* const pointer: [group], and one that nobody leases */
    uint64_t *longest;                /* const pointer: [group], a byte a word; of own leases */
    uint64_t *groups_longest; /* const pointer: [group / 8], a byte a group; of large files */
    uint64_t *blocks_longest; /* const pointer: [group / 64], a byte for 8 groups */
    uint32_t groups;          /* const */
    uint32_t me;              /* const: this CPU as it shows in `lessee` */
};

/* --- lengths, a byte each ----------------------------------------------------------------- */

static inline uint32_t byte_get(uint64_t bytes, uint32_t i)
{
    return (uint32_t)(bytes >> i * BYTE_BITS) & 0xFF;
}

static inline uint64_t byte_set(uint64_t bytes, uint32_t i, uint32_t value)
{
    return (bytes & ~(UINT64_C(0xFF) << i * BYTE_BITS)) | (uint64_t)value << i * BYTE_BITS;
}

/* Which of 8 lengths (at most LONGEST_CAP) are at least n: the high bit of each byte. Pure. */
static inline uint64_t lengths_at_least(uint64_t lengths, uint32_t n)
{
    ms_assert(n >= 1 && n <= LONGEST_CAP);
    return (lengths + (128 - n) * BYTES_ONE) & BYTES_HIGH;
}

static inline uint32_t longest_get(const struct extent_image *m, uint32_t word)
{
    return byte_get(m->longest[word / GROUP_WORDS], word % GROUP_WORDS);
}

static inline void longest_set(struct extent_image *m, uint32_t word, uint32_t longest)
{
    uint32_t group = word / GROUP_WORDS;

    m->longest[group] = byte_set(m->longest[group], word % GROUP_WORDS, longest);
}

static inline uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* The larger of each two bytes, all below 128. Pure. */
static inline uint64_t bytes_larger(uint64_t a, uint64_t b)
{
    uint64_t is_a = ((a | BYTES_HIGH) - b) & BYTES_HIGH;
    uint64_t mask = is_a | (is_a - (is_a >> 7));

    return b ^ ((a ^ b) & mask);
}

/* The largest of 8 bytes, all below 128. Pure. */
static inline uint32_t bytes_largest(uint64_t bytes)
{
    bytes = bytes_larger(bytes, bytes >> 32);
    bytes = bytes_larger(bytes, bytes >> 16);
    bytes = bytes_larger(bytes, bytes >> 8);
    return (uint32_t)bytes & 0xFF;
}

static inline void byte_raise(uint64_t *bytes, uint32_t i, uint32_t value)
{
    *bytes = byte_set(*bytes, i, larger(value, byte_get(*bytes, i)));
}

/* In a small file all words are looked at, eight at a time, and nothing is kept above them: that would cost
 * more than it saves. */
static inline bool image_is_small(const struct extent_image *m)
{
    return m->groups <= SMALL_GROUPS;
}

/* A run of at least `length` starts in the word now. Its byte is stored even if it has not changed, for
 * whether it has could not be foretold; the larger ones mostly stay as they are, which can be. */
static inline void longest_raise(struct extent_image *m, uint32_t word, uint32_t length)
{
    uint32_t group = word / GROUP_WORDS;
    uint32_t capped = length < LONGEST_CAP ? length : LONGEST_CAP;

    byte_raise(&m->longest[group], word % GROUP_WORDS, capped);
    if (image_is_small(m) || capped <= byte_get(m->groups_longest[group / 8], group % 8))
        return;
    byte_raise(&m->groups_longest[group / 8], group % 8, capped);
    byte_raise(&m->blocks_longest[group / 64], group / 8 % 8, capped);
}

/* The lengths of a group's words have changed: brings those above up to date. Branches, so that the
 * next search need not wait for what mostly stays as it was. */
static inline void group_refresh(struct extent_image *m, uint32_t group)
{
    uint64_t *groups = &m->groups_longest[group / 8];
    uint64_t *blocks = &m->blocks_longest[group / 64];

    if (image_is_small(m))
        return;
    uint32_t longest = bytes_largest(m->longest[group]);
    if (byte_get(*groups, group % 8) == longest)
        return;
    *groups = byte_set(*groups, group % 8, longest);
    longest = bytes_largest(*groups);
    if (byte_get(*blocks, group / 8 % 8) != longest)
        *blocks = byte_set(*blocks, group / 8 % 8, longest);
}

/* --- words -------------------------------------------------------------------------------- */

static inline bool group_is_mine(const struct extent_image *m, uint32_t group)
{
    /* Relaxed: only this CPU, or who drains it, writes or removes this value. */
    return ms_load_relaxed(&m->lessee[group]) == m->me;
}

static inline ms_atomic_u64 *image_word(const struct extent_image *m, uint32_t word)
{
    return (ms_atomic_u64 *)m->group + word; /* shorter than by group and place in it */
}

static inline uint64_t image_get(const struct extent_image *m, uint32_t word)
{
    return ms_load_relaxed(image_word(m, word));
}

/* The word behind `word` as far as this CPU may use it. */
static inline uint64_t image_get_next(const struct extent_image *m, uint32_t word)
{
    uint32_t next = word + 1;
    uint32_t none = m->groups * GROUP_WORDS; /* the empty group: no branch, no line of others */

    return image_get(m, group_is_mine(m, next / GROUP_WORDS) ? next : none);
}

/* The longest run that starts in the word, measured. */
static inline uint32_t image_measure(const struct extent_image *m, uint32_t word)
{
    uint64_t bits = image_get(m, word); /* first: arguments have no order, and traces need one */

    return pair_longest(bits, image_get_next(m, word));
}

/* The low `length` bits of `word` became a run: the word before it may have one that goes on. */
static inline void longest_raise_before(struct extent_image *m, uint32_t word, uint32_t length)
{
    if (word == 0)
        return;
    if (word % GROUP_WORDS == 0 && !group_is_mine(m, word / GROUP_WORDS - 1))
        return;
    uint32_t high = ones_high(image_get(m, word - 1));
    if (high > 0)
        longest_raise(m, word - 1, high + length);
}

/* Takes a run out of one word; all of it is leased and free. */
static inline void image_clear_in_word(struct extent_image *m, uint32_t word, uint64_t mask)
{
    uint64_t bits = image_get(m, word);

    ms_assert((bits & mask) == mask);
    bits &= ~mask;
    ms_store_relaxed(image_word(m, word), bits);
    longest_set(m, word, bits == 0 ? 0 : pair_longest(bits, image_get_next(m, word)));
}

/* Takes [first, first + run) out, from its last word down, because each measures the next. */
static inline void image_clear(struct extent_image *m, ms_reg first, uint32_t run)
{
    uint32_t low = first / MS_WORD_BITS;

    for (uint32_t i = (first + run - 1) / MS_WORD_BITS;; i--) {
        image_clear_in_word(m, i, ms_run_in_word(first, run, i));
        if (i % GROUP_WORDS == 0 || i == low)
            group_refresh(m, i / GROUP_WORDS);
        if (i == low)
            return;
    }
}

/* Puts a part of a run back that lies in one word, at bits from `at` on. Nothing is searched: only
 * the hole it becomes part of has grown. `beyond`: how far that goes on behind the word, if it
 * reaches its end. Returns how far the hole reaches from bit 0, if it does. */
static inline uint32_t image_set_in_word(struct extent_image *m, uint32_t word, uint32_t at,
                                         uint64_t mask, uint32_t beyond)
{
    uint64_t bits = image_get(m, word);

    ms_assert((bits & mask) == 0);
    bits |= mask;
    ms_store_relaxed(image_word(m, word), bits);
    uint32_t above = ones_low(bits >> at);
    uint32_t below = ones_high(bits << (MS_WORD_BITS - 1 - at) << 1);
    uint32_t length = below + above + (beyond & (uint32_t)mask_if(at + above == MS_WORD_BITS));
    longest_raise(m, word, length);
    return length & (uint32_t)mask_if(below == at);
}

/* As image_set, for a run that lies in one word. */
static inline void image_set_short(struct extent_image *m, uint32_t word, uint32_t at, uint32_t run)
{
    uint64_t bits = image_get(m, word);
    uint64_t mask = ms_bits_mask(at, run);

    ms_assert((bits & mask) == 0);
    bits |= mask;
    ms_store_relaxed(image_word(m, word), bits);
    uint32_t length = hole_longest(0, bits, image_get_next(m, word), at);
    longest_raise(m, word, length);
    if (at + 1 <= ones_low(bits))
        longest_raise_before(m, word, length);
}

/* Puts a run back, from its last word down: each tells the one before how far the hole goes on. */
static inline void image_set(struct extent_image *m, ms_reg first, uint32_t run)
{
    uint32_t low = first / MS_WORD_BITS;
    uint32_t last = (first + run - 1) / MS_WORD_BITS;
    if (MS_LIKELY(low == last)) {
        image_set_short(m, low, first % MS_WORD_BITS, run);
        return;
    }
    uint32_t beyond = ones_low(image_get_next(m, last));
    for (uint32_t i = last; i > low; i--)
        beyond = image_set_in_word(m, i, 0, ms_run_in_word(first, run, i), beyond);
    beyond =
        image_set_in_word(m, low, first % MS_WORD_BITS, ms_run_in_word(first, run, low), beyond);
    if (beyond > 0)
        longest_raise_before(m, low, beyond);
}

static inline bool reg_is_free(const struct extent_image *m, ms_reg reg)
{
    return image_get(m, reg / MS_WORD_BITS) >> reg % MS_WORD_BITS & 1;
}

/* A run of own leases that comes back would join no neighbour: only its own length fits there. */
static inline bool hole_is_exact(const struct extent_image *m, ms_reg first, uint32_t run)
{
    return group_is_mine(m, first / GROUP_BITS) && !reg_is_free(m, first + run) &&
           (first == 0 || !reg_is_free(m, first - 1));
}

/* --- searches ----------------------------------------------------------------------------- */

/* The lowest group of a small file that may hold a run of n, or UINT32_MAX. */
static inline uint32_t image_find_group_small(const struct extent_image *m, uint32_t n)
{
    uint32_t groups = 0;

#pragma GCC unroll 8
    for (uint32_t i = 0; i < SMALL_GROUPS; i++)
        groups |= (uint32_t)(lengths_at_least(m->longest[i], n) != 0) << i;
    return groups != 0 ? ms_bit_lowest(groups) : UINT32_MAX;
}

/* The lowest group that may hold a run of n, or UINT32_MAX. */
static inline uint32_t image_find_group(const struct extent_image *m, uint32_t n)
{
    for (uint32_t i = 0; i * 64 < m->groups; i++) {
        uint64_t blocks = lengths_at_least(m->blocks_longest[i], n);
        if (blocks == 0)
            continue;
        uint32_t block = i * 8 + ms_bit_lowest(blocks) / BYTE_BITS;
        uint64_t groups = lengths_at_least(m->groups_longest[block], n); /* not 0, by I2 */
        return block * 8 + ms_bit_lowest(groups) / BYTE_BITS;
    }
    return UINT32_MAX;
}

/* The lowest word that may hold a run of n (1 .. LONGEST_CAP), or UINT32_MAX. */
static inline uint32_t image_find_word(const struct extent_image *m, uint32_t n)
{
    uint32_t group = image_is_small(m) ? image_find_group_small(m, n) : image_find_group(m, n);

    if (MS_UNLIKELY(group == UINT32_MAX))
        return UINT32_MAX;
    uint64_t words = lengths_at_least(m->longest[group], n); /* not 0, by I2 */
    return group * GROUP_WORDS + ms_bit_lowest(words) / BYTE_BITS;
}

/* Which of the groups 8 * i .. 8 * i + 7 may hold a run of n: the high bit of a byte each. */
static inline uint64_t image_groups_at_least(const struct extent_image *m, uint32_t i, uint32_t n)
{
    return image_is_small(m) ? BYTES_HIGH : lengths_at_least(m->groups_longest[i], n);
}

/* The word has less than it was said to have. If it was not the group's longest, nothing else changes. */
static inline void image_correct(struct extent_image *m, uint32_t word, uint32_t longest)
{
    uint32_t group = word / GROUP_WORDS;
    uint32_t before = longest_get(m, word);

    longest_set(m, word, longest);
    if (!image_is_small(m) && before == byte_get(m->groups_longest[group / 8], group % 8))
        group_refresh(m, group);
}

/* Takes a run that begins at bit `at` of a word and ends in the next; `low` and `high` are the two. */
static inline void image_take_across(struct extent_image *m, uint32_t word, uint64_t low,
                                     uint64_t high, uint32_t at, uint32_t run)
{
    low &= ~(UINT64_MAX << at);
    high &= ~ms_bits_mask(0, at + run - MS_WORD_BITS);
    ms_store_relaxed(image_word(m, word), low);
    ms_store_relaxed(image_word(m, word + 1), high);
    longest_set(m, word + 1, pair_longest(high, image_get_next(m, word + 1)));
    longest_set(m, word, pair_longest(low, high));
    group_refresh(m, word / GROUP_WORDS);
    if ((word + 1) % GROUP_WORDS == 0)
        group_refresh(m, word / GROUP_WORDS + 1);
}

/* Takes the lowest run of at most 64. */
static inline ms_reg image_take_short(struct extent_image *m, uint32_t run)
{
    for (;;) {
        uint32_t word = image_find_word(m, run);
        if (MS_UNLIKELY(word == UINT32_MAX))
            return MS_REG_NONE;
        uint64_t low = image_get(m, word);
        uint64_t high = image_get_next(m, word);
        uint64_t starts = pair_starts(low, high, run);
        if (MS_UNLIKELY(starts == 0)) {
            image_correct(m, word, pair_longest(low, high)); /* I2 */
            continue;
        }
        uint32_t at = ms_bit_lowest(starts);
        if (MS_LIKELY(at + run <= MS_WORD_BITS)) {
            low &= ~ms_bits_mask(at, run);
            ms_store_relaxed(image_word(m, word), low);
            image_correct(m, word, pair_longest(low, high));
        } else {
            image_take_across(m, word, low, high, at, run);
        }
        return word * MS_WORD_BITS + at;
    }
}

/* The lowest place in one word where the run fits, limits included, or MS_REG_NONE. */
static inline ms_reg image_word_find(const struct extent_image *m, uint32_t word,
                                     struct ms_reg_want want)
{
    uint64_t low = image_get(m, word);
    uint64_t starts = pair_starts(low, image_get_next(m, word), want.run);

    for (; starts != 0; starts &= starts - 1) {
        ms_reg first = word * MS_WORD_BITS + ms_bit_lowest(starts);
        if (ms_want_place(first, want) == first)
            return first;
    }
    return MS_REG_NONE;
}

/* The lowest place for a run of at most 64 with limits: every word that may do is looked at. */
static inline ms_reg image_find_limited(const struct extent_image *m, struct ms_reg_want want)
{
    for (uint32_t i = 0; i * 8 < m->groups; i++) {
        uint64_t groups = image_groups_at_least(m, i, want.run);
        for (; groups != 0; groups &= groups - 1) {
            uint32_t group = i * 8 + ms_bit_lowest(groups) / BYTE_BITS;
            uint64_t words = lengths_at_least(m->longest[group], want.run);
            for (; words != 0; words &= words - 1) {
                uint32_t word = group * GROUP_WORDS + ms_bit_lowest(words) / BYTE_BITS;
                ms_reg first = image_word_find(m, word, want);
                if (first != MS_REG_NONE)
                    return first;
            }
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

/* The place for a long run in the hole that starts highest in `word`, or MS_REG_NONE. */
static inline ms_reg image_hole_place(const struct extent_image *m, uint32_t word,
                                      struct ms_reg_want want)
{
    ms_reg hole;
    ms_reg end = image_hole_end(m, word, &hole);

    if (end - hole < want.run)
        return MS_REG_NONE;
    if (ms_want_is_plain(want))
        return end - want.run;
    ms_reg first = ms_want_place(hole, want);
    return first + want.run <= end ? first : MS_REG_NONE;
}

/* First register of the hole that goes on from below into `word`, which has nothing taken. */
static inline ms_reg image_hole_begin(const struct extent_image *m, uint32_t word)
{
    uint64_t bits = UINT64_MAX;

    while (bits == UINT64_MAX && word > 0 && group_is_mine(m, (word - 1) / GROUP_WORDS)) {
        bits = image_get(m, word - 1);
        if (bits == UINT64_MAX)
            word--;
    }
    return word * MS_WORD_BITS - (bits == UINT64_MAX ? 0 : ones_high(bits));
}

/* The end of the hole that starts highest in `word`, less the run, if it has room for it, or MS_REG_NONE. Unlike
 * image_hole_place it looks below the word too; and what is kept about the word is corrected. */
static inline ms_reg image_hole_cut(struct extent_image *m, uint32_t word, uint32_t run)
{
    uint64_t bits = image_get(m, word);
    ms_reg first;

    if (image_get_next(m, word) != UINT64_MAX) {
        image_correct(m, word, image_measure(m, word)); /* I2 */
        return MS_REG_NONE;
    }
    ms_reg end = image_hole_end(m, word, &first);
    if (bits == UINT64_MAX)
        first = image_hole_begin(m, word);
    return end - first >= run ? end - run : MS_REG_NONE;
}

/* Long runs: from the highest hole down, at the hole's end; with limits, at its lowest place. A hole long
 * enough to cover two whole words has a word that starts LONGEST_CAP or more, and few others have. */
static inline ms_reg image_find_long(struct extent_image *m, struct ms_reg_want want)
{
    bool is_covering = ms_want_is_plain(want) && want.run >= COVERING_RUN;
    uint32_t least = is_covering ? LONGEST_CAP : MS_WORD_BITS + 1;

    for (uint32_t i = (m->groups + 7) / 8; i-- > 0;) {
        uint64_t groups = image_groups_at_least(m, i, least);
        while (groups != 0) {
            uint32_t high = ms_bit_highest(groups);
            uint32_t group = i * 8 + high / BYTE_BITS;
            uint64_t words = lengths_at_least(m->longest[group], least);
            groups &= ~(UINT64_C(1) << high);
            while (words != 0) {
                uint32_t top = ms_bit_highest(words);
                uint32_t word = group * GROUP_WORDS + top / BYTE_BITS;
                ms_reg first = is_covering ? image_hole_cut(m, word, want.run)
                                           : image_hole_place(m, word, want);
                if (first != MS_REG_NONE)
                    return first;
                words &= ~(UINT64_C(1) << top);
            }
        }
    }
    return MS_REG_NONE;
}

/* Takes the lowest run and, for runs[], up to `most` further ones of the same length that lie in
 * the same word: one search and one measurement for all. `count`: how many are in runs[]. */
static inline ms_reg image_take_batch(struct extent_image *m, uint32_t run, ms_reg *runs,
                                      uint32_t most, uint32_t *count)
{
    ms_reg first = image_take_short(m, run);
    uint32_t word = first / MS_WORD_BITS;
    uint64_t mask = 0;

    *count = 0;
    if (first == MS_REG_NONE || first % MS_WORD_BITS + run > MS_WORD_BITS)
        return first;
    uint64_t rest = image_get(m, word);
    for (uint64_t starts; *count < most && (starts = ms_run_starts(rest, run)) != 0; ++*count) {
        uint64_t more = ms_bits_mask(ms_bit_lowest(starts), run);
        runs[*count] = word * MS_WORD_BITS + ms_bit_lowest(starts);
        mask |= more;
        rest &= ~more;
    }
    if (mask != 0) {
        image_clear_in_word(m, word, mask);
        group_refresh(m, word / GROUP_WORDS);
    }
    return first;
}

static inline ms_reg image_take(struct extent_image *m, struct ms_reg_want want)
{
    if (MS_LIKELY(want.run <= MS_WORD_BITS && ms_want_is_plain(want)))
        return image_take_short(m, want.run);
    ms_reg first =
        want.run <= MS_WORD_BITS ? image_find_limited(m, want) : image_find_long(m, want);
    if (first != MS_REG_NONE)
        image_clear(m, first, want.run);
    return first;
}

#endif
