/* SPDX-License-Identifier: MIT */
/*
 * extent_file.h: the shared layer of extent_lease: a lock-free bitmap whose groups of 8 words carry
 * an upper bound for the longest run inside.
 *
 * Idea        one byte a group says how long a run can at most be found in its 512 registers, so a
 *             search reads a few words instead of hundreds; 65 and more mean "longer than a word". A give
 *             raises it only if the hole it made is longer than that, a search that found nothing lowers
 *             it to what it asked for less one, so in the steady state it mostly stays as it is. The bytes
 *             of a small file lie on lines of their own, for CPUs that work in different groups.
 * Picture     bound {3, 255, 0, 17, ...} -> group 1: word[8..15], one cache line, bit set = free
 * Invariants  I1 a set bit belongs to nobody; bits beyond the file are 0
 *             I2 no run inside a group is longer than its bound, but for bits that a give has set
 *                and not yet announced; the last pass before failing ignores bounds
 * Ordering    hb:run-given  give ORs the bits in (seq_cst); a claim's CAS or exchange acquires
 *             them. The search loads seq_cst too, for givers who look for waiters afterwards.
 *             hb:bound  give sets bits, reads the words beside them, then the bound, and raises it if
 *             the hole is longer; of two gives whose bits meet, the later one sees both. Who lowers a
 *             bound does so by CAS, then reads the words again and raises it if bits appeared that it
 *             had not seen. All seq_cst: one of giver and searcher always sees the other.
 * ABA         harmless, as in cas-bitmap: a word's value alone says which registers are free
 * Progress    lock-free: claims over several words go in ascending order (see cas_bitmap.c); a
 *             bound is raised by a CAS that fails only if another group's or a searcher's succeeded,
 *             lowered by one that may fail without harm
 */
#ifndef MS_EXTENT_FILE_H
#define MS_EXTENT_FILE_H

#include <string.h>

#include "registers/strategies/claim_words.h"
#include "registers/strategies/run_lengths.h"

enum {
    GROUP_WORDS = 8, /* one cache line */
    GROUP_BITS = GROUP_WORDS * MS_WORD_BITS,
    BOUND_UNKNOWN = 255,
#ifndef MS_SIM
    BOUND_WORDS = 8, /* so many before groups share one; fewer from twice so many groups on */
#else
    BOUND_WORDS = 1, /* the simulator's files are small */
#endif
};
#define BYTES_ONE  UINT64_C(0x0101010101010101)
#define BYTES_HIGH UINT64_C(0x8080808080808080)

struct extent_file {
    uint32_t registers; /* const after init, as all of this struct */
    uint32_t words;
    uint32_t groups;
    ms_atomic_u64 *word; /* [word]; hb:run-given */
    ms_atomic_u64
        *bound; /* a byte a group, some groups a word, each word on its own line; hb:bound */
    uint32_t bound_shift; /* 1 << this: groups a word */
};

/* --- bounds ------------------------------------------------------------------------------- */

enum { BOUND_STRIDE = MS_CACHE_LINE / sizeof(ms_atomic_u64) };

/* Groups a word: in a small file few, so that CPUs that work in different parts of it do not meet. */
static inline uint32_t bound_shift_for(uint32_t groups)
{
    uint32_t shift = 0;

    while (shift < 3 && groups >> shift > BOUND_WORDS)
        shift++;
    return shift;
}

static inline ms_atomic_u64 *bound_word(const struct extent_file *f, uint32_t i)
{
    return &f->bound[i * BOUND_STRIDE];
}

static inline ms_atomic_u64 *bound_of(const struct extent_file *f, uint32_t group)
{
    return bound_word(f, group >> f->bound_shift);
}

/* Where the byte of a group begins in its word. */
static inline uint32_t bound_at(const struct extent_file *f, uint32_t group)
{
    return (group & ((1u << f->bound_shift) - 1)) * 8;
}

/* Which of 8 bytes are at least n (0..255): the high bit of each. Pure. */
static inline uint64_t bytes_at_least(uint64_t bytes, uint32_t n)
{
    uint64_t low = bytes & ~BYTES_HIGH;

    if (n <= 128)
        return (bytes | (low + (128 - n) * BYTES_ONE)) & BYTES_HIGH;
    return bytes & (low + (256 - n) * BYTES_ONE) & BYTES_HIGH;
}

/* For audits, with nobody inside. */
static inline uint32_t bound_get(const struct extent_file *f, uint32_t group)
{
    return (uint32_t)(ms_load_relaxed(bound_of(f, group)) >> bound_at(f, group)) & 0xFF;
}

/* Bits came whose longest run is at most `longest`. hb:bound: call after they are set. */
static inline void bound_raise(struct extent_file *f, uint32_t group, uint32_t longest)
{
    ms_atomic_u64 *bound = bound_of(f, group);
    uint32_t shift = bound_at(f, group);
    uint64_t bytes = ms_load_seq_cst(bound);

    while ((bytes >> shift & 0xFF) < longest)
        if (ms_cas_seq_cst(bound, &bytes,
                           (bytes & ~(UINT64_C(0xFF) << shift)) | (uint64_t)longest << shift))
            return;
}

/* The first group at or above `from` whose bound is at least n, or f->groups. */
static inline uint32_t bound_find(const struct extent_file *f, uint32_t from, uint32_t n)
{
    uint32_t want = n <= MS_WORD_BITS ? n : MS_WORD_BITS + 1; /* no two words need show more */
    uint64_t skip = from < f->groups ? UINT64_MAX << bound_at(f, from) : 0;

    for (uint32_t i = from >> f->bound_shift; i << f->bound_shift < f->groups; i++) {
        uint64_t fit = bytes_at_least(ms_load_seq_cst(bound_word(f, i)), want) & skip;
        if (fit != 0)
            return (i << f->bound_shift) + ms_bit_lowest(fit) / 8;
        skip = UINT64_MAX;
    }
    return f->groups;
}

static inline uint32_t group_end(const struct extent_file *f, uint32_t group)
{
    return (uint32_t)ms_min_u64((group + 1) * GROUP_WORDS, f->words);
}

/* No run of `run` was found in the group, whose words were `seen`: lowers its bound; raises it again
 * if bits came since. */
static inline void bound_lower(struct extent_file *f, uint32_t group, const uint64_t *seen,
                               uint32_t run)
{
    uint32_t first = group * GROUP_WORDS;
    uint32_t words = group_end(f, group) - first;
    ms_atomic_u64 *bound = bound_of(f, group);
    uint32_t shift = bound_at(f, group);
    uint64_t bytes = ms_load_relaxed(bound);
    uint64_t lower = (bytes & ~(UINT64_C(0xFF) << shift)) | (uint64_t)(run - 1) << shift;

    if (bytes <= lower || !ms_cas_seq_cst(bound, &bytes, lower)) /* hb:bound */
        return;
    for (uint32_t i = 0; i < words; i++)
        if (ms_load_seq_cst(&f->word[first + i]) & ~seen[i]) {
            bound_raise(f, group, BOUND_UNKNOWN);
            return;
        }
}

/* --- claims and gives --------------------------------------------------------------------- */

/* Sets `mask`, any bits, and announces it. */
static inline void word_give(struct extent_file *f, uint32_t index, uint64_t mask)
{
    uint64_t before = ms_fetch_or_seq_cst(&f->word[index], mask); /* hb:run-given, release */

    ms_assert((before & mask) == 0);
    (void)before;
    bound_raise(f, index / GROUP_WORDS, BOUND_UNKNOWN);
}

/* Sets `mask`, neighbours, and announces the hole they are now part of. The words beside are read
 * after: of two gives that make one hole, one sees the other's bits (hb:bound). */
static inline void run_give(struct extent_file *f, uint32_t index, uint64_t mask)
{
    uint64_t before = ms_fetch_or_seq_cst(&f->word[index], mask); /* hb:run-given, release */
    bool is_first = index % GROUP_WORDS == 0;
    bool is_last = index + 1 == f->words || (index + 1) % GROUP_WORDS == 0;

    ms_assert((before & mask) == 0);
    uint64_t below = is_first ? 0 : ms_load_seq_cst(&f->word[index - 1]);
    uint64_t above = is_last ? 0 : ms_load_seq_cst(&f->word[index + 1]);
    bound_raise(f, index / GROUP_WORDS,
                hole_longest(below, before | mask, above, ms_bit_lowest(mask)));
}

static inline void file_give(struct extent_file *f, ms_reg first, ms_reg end)
{
    if (first == end)
        return;
    for (uint32_t i = first / MS_WORD_BITS; i <= (end - 1) / MS_WORD_BITS; i++)
        run_give(f, i, ms_run_in_word(first, end - first, i));
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

typedef uint64_t word_pair __attribute__((vector_size(16)));

/* Two words, and those behind them. */
struct pair_search {
    word_pair low, high;
};

static inline struct pair_search pair_search_of(const uint64_t *seen)
{
    return (struct pair_search){{seen[0], seen[1]}, {seen[1], seen[2]}};
}

static inline void pair_search_step(struct pair_search *p, uint32_t step)
{
    p->low &= p->low >> step | p->high << (MS_WORD_BITS - step);
    p->high &= p->high >> step;
}

/* Where runs of `run` (1 .. 64) start in the words of a group, and may go on in the next: pair_starts()
 * for all of them, two at a time as every processor can. No loop over the pairs: they stay in processor
 * registers. */
static inline void group_starts(const uint64_t *seen, uint32_t run, uint64_t *starts)
{
    struct pair_search a = pair_search_of(seen);
    struct pair_search b = pair_search_of(seen + 2);
    struct pair_search c = pair_search_of(seen + 4);
    struct pair_search d = pair_search_of(seen + 6);

    for (uint32_t have = 1, step; have < run; have += step) {
        step = run - have < have ? run - have : have;
        pair_search_step(&a, step);
        pair_search_step(&b, step);
        pair_search_step(&c, step);
        pair_search_step(&d, step);
    }
    memcpy(starts, (word_pair[]){a.low, b.low, c.low, d.low}, GROUP_WORDS * sizeof *starts);
}

/* The lowest run that fits in a group as seen, with a word behind it that is 0; `from` is its first word. */
static inline ms_reg group_find(const uint64_t *seen, uint32_t from, struct ms_reg_want want)
{
    uint64_t starts[GROUP_WORDS];

    group_starts(seen, want.run, starts);
    for (uint32_t i = 0; i < GROUP_WORDS; i++)
        for (uint64_t rest = starts[i]; MS_UNLIKELY(rest != 0); rest &= rest - 1) {
            ms_reg first = (from + i) * MS_WORD_BITS + ms_bit_lowest(rest);
            if (MS_LIKELY(ms_want_is_plain(want)) || ms_want_place(first, want) == first)
                return first;
        }
    return MS_REG_NONE;
}

/* Takes a run of at most 64 inside one group; the bound is corrected when there is none. */
static inline ms_reg group_take(struct extent_file *f, uint32_t group, struct ms_reg_want want)
{
    uint32_t from = group * GROUP_WORDS;
    uint32_t words = group_end(f, group) - from;
    uint64_t seen[GROUP_WORDS + 1] = {0};

    for (;;) {
        for (uint32_t i = 0; i < GROUP_WORDS && i < words; i++)
            seen[i] = ms_load_seq_cst(&f->word[from + i]); /* hb:run-given: later scans see it */
        ms_reg first = group_find(seen, from, want);
        if (first == MS_REG_NONE)
            break;
        if (file_claim(f, first, want.run))
            return first;
    }
    if (ms_want_is_plain(want))
        bound_lower(f, group, seen, want.run);
    return MS_REG_NONE;
}

/* As group_take, for a want without limits; and, for runs[], up to `most` further runs that lie in the same
 * word: one read-modify-write for all of them. `count`: how many are in runs[]. */
static inline ms_reg group_take_batch(struct extent_file *f, uint32_t group,
                                      struct ms_reg_want want, ms_reg *runs, uint32_t most,
                                      uint32_t *count)
{
    ms_reg first = group_take(f, group, want);
    uint64_t mask = 0;

    *count = 0;
    if (first == MS_REG_NONE)
        return first;
    uint32_t word = first / MS_WORD_BITS;
    uint64_t seen = ms_load_relaxed(&f->word[word]);
    uint64_t rest = seen;
    for (uint64_t starts; *count < most && (starts = ms_run_starts(rest, want.run)) != 0;
         ++*count) {
        uint32_t at = ms_bit_lowest(starts);
        runs[*count] = word * MS_WORD_BITS + at;
        mask |= ms_bits_mask(at, want.run);
        rest &= ~mask;
    }
    if (mask != 0 && !ms_word_claim(&f->word[word], seen, mask))
        *count = 0; /* somebody was faster: one will do */
    return first;
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
