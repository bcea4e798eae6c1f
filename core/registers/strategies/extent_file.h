/* SPDX-License-Identifier: MIT */
/*
 * extent_file.h: the shared layer of extent_lease: a lock-free bitmap whose groups of 8 words carry
 * an upper bound for the longest run inside.
 *
 * Idea        one byte a group says how long a run can at most be found in its 512 registers, so a
 *             search reads 8 bytes instead of 512 words' worth of lines; 255 means unknown
 * Picture     bound {3, 255, 0, 17, ...} -> group 1: word[8..15], one cache line, bit set = free
 * Invariants  I1 a set bit belongs to nobody; bits beyond the file are 0
 *             I2 no run inside a group is longer than its bound, but for bits that a give has set
 *                and not yet announced; the last pass before failing ignores bounds
 * Ordering    hb:run-given  give ORs the bits in (seq_cst); a claim's CAS or exchange acquires
 *             them. The search loads seq_cst too, for givers who look for waiters afterwards.
 *             hb:bound  give sets bits, then reads the bound and raises it unless it is 255; who
 *             lowers a bound stores it, then reads the words again and raises it if bits appeared.
 *             All seq_cst: one of the two always sees the other.
 * ABA         harmless, as in cas-bitmap: a word's value alone says which registers are free
 * Progress    lock-free: claims over several words go in ascending order (see cas_bitmap.c); a
 *             bound is raised by one fetch_or, lowered by one CAS that may fail without harm
 */
#ifndef MS_EXTENT_FILE_H
#define MS_EXTENT_FILE_H

#include "registers/strategies/claim_words.h"

enum {
    GROUP_WORDS = 8, /* one cache line */
    GROUP_BITS = GROUP_WORDS * MS_WORD_BITS,
    BOUND_UNKNOWN = 255,
};
#define BYTES_ONE  UINT64_C(0x0101010101010101)
#define BYTES_HIGH UINT64_C(0x8080808080808080)

struct extent_file {
    uint32_t registers; /* const after init, as all of this struct */
    uint32_t words;
    uint32_t groups;
    ms_atomic_u64 *word;  /* [word]; hb:run-given */
    ms_atomic_u64 *bound; /* [group / 8], a byte a group; hb:bound */
};

/* --- bounds ------------------------------------------------------------------------------- */

/* Which of 8 bytes are at least n (0..255): the high bit of each. Pure. */
static inline uint64_t bytes_at_least(uint64_t bytes, uint32_t n)
{
    uint64_t low = bytes & ~BYTES_HIGH;

    if (n <= 128)
        return (bytes | (low + (128 - n) * BYTES_ONE)) & BYTES_HIGH;
    return bytes & (low + (256 - n) * BYTES_ONE) & BYTES_HIGH;
}

static inline uint32_t bound_get(const struct extent_file *f, uint32_t group)
{
    return (uint32_t)(ms_load_seq_cst(&f->bound[group / 8]) >> group % 8 * 8) & 0xFF;
}

static inline void bound_raise(struct extent_file *f, uint32_t group)
{
    if (bound_get(f, group) != BOUND_UNKNOWN) /* hb:bound: after the bits */
        ms_fetch_or_seq_cst(&f->bound[group / 8], UINT64_C(0xFF) << group % 8 * 8);
}

/* The first group at or above `from` whose bound is at least n, or f->groups. */
static inline uint32_t bound_find(const struct extent_file *f, uint32_t from, uint32_t n)
{
    uint32_t want = n < BOUND_UNKNOWN ? n : BOUND_UNKNOWN;
    uint64_t skip = UINT64_MAX << from % 8 * 8;

    for (uint32_t i = from / 8; i * 8 < f->groups; i++, skip = UINT64_MAX) {
        uint64_t fit = bytes_at_least(ms_load_seq_cst(&f->bound[i]), want) & skip;
        if (fit != 0)
            return i * 8 + ms_bit_lowest(fit) / 8;
    }
    return f->groups;
}

static inline uint32_t group_end(const struct extent_file *f, uint32_t group)
{
    return (uint32_t)ms_min_u64((group + 1) * GROUP_WORDS, f->words);
}

/* Longest run of ones in the words, straddles included, at most `cap`. Pure. */
static inline uint32_t words_longest(const uint64_t *word, uint32_t words, uint32_t cap)
{
    uint32_t longest = 0;
    uint32_t carry = 0; /* ones that reach the end of the previous word */

    for (uint32_t i = 0; i < words; i++) {
        uint64_t rest = word[i];
        uint32_t at = 0;
        while (rest != 0) {
            uint32_t zeros = ms_bit_lowest(rest);
            if (zeros > 0)
                carry = 0;
            rest >>= zeros;
            uint32_t ones = rest == UINT64_MAX ? MS_WORD_BITS : ms_bit_lowest(~rest);
            carry += ones;
            longest = carry > longest ? carry : longest;
            at += zeros + ones;
            rest = ones < MS_WORD_BITS ? rest >> ones : 0;
        }
        if (at < MS_WORD_BITS)
            carry = 0;
    }
    return longest < cap ? longest : cap;
}

/* Lowers the bound of a group whose words were `seen`; raises it again if bits came since. */
static inline void bound_lower(struct extent_file *f, uint32_t group, const uint64_t *seen)
{
    uint32_t first = group * GROUP_WORDS;
    uint32_t words = group_end(f, group) - first;
    uint64_t longest = words_longest(seen, words, BOUND_UNKNOWN);
    uint64_t bytes = ms_load_relaxed(&f->bound[group / 8]);
    uint64_t lower = (bytes & ~(UINT64_C(0xFF) << group % 8 * 8)) | longest << group % 8 * 8;

    if (bytes == lower || !ms_cas_seq_cst(&f->bound[group / 8], &bytes, lower)) /* hb:bound */
        return;
    for (uint32_t i = 0; i < words; i++)
        if (ms_load_seq_cst(&f->word[first + i]) & ~seen[i]) {
            bound_raise(f, group);
            return;
        }
}

/* --- claims and gives --------------------------------------------------------------------- */

/* Sets `mask` and announces it. */
static inline void word_give(struct extent_file *f, uint32_t index, uint64_t mask)
{
    uint64_t before = ms_fetch_or_seq_cst(&f->word[index], mask); /* hb:run-given, release */

    ms_assert((before & mask) == 0);
    (void)before;
    bound_raise(f, index / GROUP_WORDS);
}

static inline void file_give(struct extent_file *f, ms_reg first, ms_reg end)
{
    if (first == end)
        return;
    for (uint32_t i = first / MS_WORD_BITS; i <= (end - 1) / MS_WORD_BITS; i++)
        word_give(f, i, ms_run_in_word(first, end - first, i));
}

/* Claims a run seen in a snapshot, word by word in ascending order. */
static inline bool file_claim(struct extent_file *f, ms_reg first, uint32_t run)
{
    for (uint32_t i = first / MS_WORD_BITS; i <= (first + run - 1) / MS_WORD_BITS; i++)
        if (!ms_word_claim(&f->word[i], ms_load_relaxed(&f->word[i]),
                           ms_run_in_word(first, run, i))) {
            /* Word i was not claimed; those before it were, from `first` on. */
            file_give(f, first, i * MS_WORD_BITS > first ? i * MS_WORD_BITS : first);
            return false;
        }
    return true;
}

/* --- searches ----------------------------------------------------------------------------- */

/* Takes a run inside one group; the bound is corrected when there is none. */
static inline ms_reg group_take(struct extent_file *f, uint32_t group, struct ms_reg_want want)
{
    uint32_t from = group * GROUP_WORDS;
    uint32_t end = group_end(f, group);
    uint64_t seen[GROUP_WORDS];

    for (;;) {
        struct ms_run_search search = ms_run_search_from(want, from);
        ms_reg first = MS_REG_NONE;
        for (uint32_t i = from; i < end; i++) {
            seen[i - from] = ms_load_seq_cst(&f->word[i]); /* hb:run-given: later scans see it */
            first = ms_run_search_feed(&search, i, seen[i - from]);
            if (first != MS_REG_NONE)
                break;
        }
        if (first == MS_REG_NONE)
            break;
        if (file_claim(f, first, want.run))
            return first;
    }
    bound_lower(f, group, seen);
    return MS_REG_NONE;
}

/* Takes a run inside any group of [from, to) whose bound allows it. */
static inline ms_reg groups_take(struct extent_file *f, uint32_t from, uint32_t to,
                                 struct ms_reg_want want)
{
    for (uint32_t g = bound_find(f, from, want.run); g < to; g = bound_find(f, g + 1, want.run)) {
        ms_reg first = group_take(f, g, want);
        if (first != MS_REG_NONE)
            return first;
    }
    return MS_REG_NONE;
}

/* The lowest run that fits anywhere, bounds ignored. */
static inline ms_reg file_find_lowest(const struct extent_file *f, struct ms_reg_want want)
{
    struct ms_run_search search = ms_run_search_from(want, 0);

    for (uint32_t i = 0; i < f->words; i++) {
        ms_reg first = ms_run_search_feed(&search, i, ms_load_seq_cst(&f->word[i]));
        if (first != MS_REG_NONE)
            return first;
    }
    return MS_REG_NONE;
}

/* The end of the highest hole of more than 64 registers that has room for the run; for wants
 * without limits. Long runs go to the other end, so that short ones do not cut up the long holes. */
static inline ms_reg file_find_highest(const struct extent_file *f, uint32_t run)
{
    ms_reg end = f->words * MS_WORD_BITS; /* of the hole that reaches down to the last word read */

    ms_assert(run >= MS_WORD_BITS);
    for (uint32_t i = f->words; i-- > 0;) {
        uint64_t free = ms_load_seq_cst(&f->word[i]);
        if (free == UINT64_MAX) {
            if (end - i * MS_WORD_BITS >= run)
                return end - run;
            continue;
        }
        ms_reg top = i * MS_WORD_BITS + MS_WORD_BITS - (uint32_t)__builtin_clzll(~free);
        if (end - top >= run) /* the hole begins at `top` */
            return end - run;
        /* The next hole that can be long enough reaches down from this word's low ones. */
        end = i * MS_WORD_BITS + ms_bit_lowest(~free);
    }
    return MS_REG_NONE;
}

/* Takes a run from anywhere, bounds ignored. NONE while nobody else runs: no run fits. */
static inline ms_reg file_take(struct extent_file *f, struct ms_reg_want want)
{
    bool is_long = want.run > MS_WORD_BITS && ms_want_is_plain(want);

    for (;;) {
        ms_reg first = is_long ? file_find_highest(f, want.run) : file_find_lowest(f, want);
        if (first == MS_REG_NONE || file_claim(f, first, want.run))
            return first;
    }
}

#endif
