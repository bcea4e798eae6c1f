/* SPDX-License-Identifier: MIT */
/*
 * sharded_area: the file in areas, each with a lock and a bitmap of its own; the idea of the
 * software IO TLB, with bits instead of its table of run lengths.
 *
 * Idea        a CPU begins in its own area and falls over to the next ones; only when no area alone
 *             has the run are all locks taken, in ascending order, and the whole file is searched
 * Picture     area[0] {lock, free} words 0..7 | area[1] {lock, free} words 8..15 | ...
 * Invariants  I1 an area's bits and count change only under its lock
 *             I2 count = set bits; bits beyond the file are 0
 *             I3 whoever holds several locks took them in ascending order: no deadlock
 * Ordering    hb:lock  an area's words belong to its holder; see locks.h, also for hb:run-given.
 *             hb:area-count  `free` is also read without the lock, to skip a hopeless area: a give
 *             adds to it by a seq_cst read-modify-write, a skip reads it seq_cst, so a giver that
 *             then looks for waiters and a waiter that then skips cannot miss each other.
 * ABA         none: bits are read and changed under the lock
 * Progress    blocking, per area: a holder that is stopped stops who wants its area, and every
 *             search of the whole file
 * Limits      runs longer than an area, or split by an area's end, need all locks
 */
#include "registers/strategies/ledger.h"
#include "registers/strategies/locks.h"
#include "registers/strategies/no_stock.h"
#include "registers/strategies/run_search.h"

enum { AREA_WORDS_MIN = 8, AREAS_MAX = 64 };

struct area {
    ms_atomic_u32 lock; /* hb:lock */
    ms_atomic_u32 free; /* registers free; hb:area-count */
} __attribute__((aligned(MS_CACHE_LINE)));

struct sharded_area {
    uint32_t registers; /* const after init, as all of this line */
    uint32_t words;
    uint32_t areas;
    uint32_t area_words;
    struct area *area;
    ms_atomic_u64 *word; /* [word]; under its area's lock; atomic only for the statistics */
    struct ms_ledger ledger;
} __attribute__((aligned(MS_CACHE_LINE)));

/* A power of two near the number of CPUs, but areas of at least one cache line of words. */
static uint32_t areas_for(struct ms_reg_shape shape)
{
    uint32_t most = ms_words_for(shape.registers) / AREA_WORDS_MIN;
    uint32_t areas = 1;

    while (areas < shape.cpus && areas * 2 <= most && areas < AREAS_MAX)
        areas *= 2;
    return areas;
}

/* Whole cache lines of words, so that no line belongs to two areas. */
static uint32_t area_words_for(struct ms_reg_shape shape)
{
    uint32_t areas = areas_for(shape);

    return (uint32_t)ms_round_up((ms_words_for(shape.registers) + areas - 1) / areas,
                                 AREA_WORDS_MIN);
}

static size_t sharded_area_state_size(struct ms_reg_shape shape)
{
    return sizeof(struct sharded_area) +
           areas_for(shape) *
               (sizeof(struct area) + area_words_for(shape) * sizeof(ms_atomic_u64)) +
           ms_ledger_bytes(shape.registers);
}

static uint32_t area_first_word(const struct sharded_area *s, uint32_t area)
{
    return (uint32_t)ms_min_u64(area * s->area_words, s->words);
}

static void sharded_area_init(void *state, struct ms_reg_shape shape)
{
    struct sharded_area *s = state;
    char *at = (char *)(s + 1);

    s->registers = shape.registers;
    s->words = ms_words_for(shape.registers);
    s->areas = areas_for(shape);
    s->area_words = area_words_for(shape);
    s->area = (struct area *)at;
    at += s->areas * sizeof(struct area);
    s->word = (ms_atomic_u64 *)at;
    at += s->areas * s->area_words * sizeof(ms_atomic_u64);
    ms_ledger_init(&s->ledger, at, shape.registers);
    for (uint32_t i = 0; i < s->areas; i++) {
        uint32_t free = 0;
        for (uint32_t w = area_first_word(s, i); w < area_first_word(s, i + 1); w++) {
            ms_init(&s->word[w], ms_word_inside(shape.registers, w));
            free += ms_bits_count(ms_word_inside(shape.registers, w));
        }
        ms_init(&s->area[i].lock, 0);
        ms_init(&s->area[i].free, free);
    }
}

/* First fit in words [from, to); the caller holds their locks. */
static ms_reg words_search(const struct sharded_area *s, uint32_t from, uint32_t to,
                           struct ms_reg_want want)
{
    struct ms_run_search search = ms_run_search_from(want, from);

    for (uint32_t i = from; i < to; i++) {
        ms_reg first = ms_run_search_feed(&search, i, ms_load_relaxed(&s->word[i]));
        if (first != MS_REG_NONE)
            return first;
    }
    return MS_REG_NONE;
}

/* Flips the part of the run that lies in one area; returns its registers. The caller holds the
 * area's lock. */
static uint32_t area_flip(struct sharded_area *s, uint32_t area, ms_reg first, uint32_t run)
{
    uint32_t low = area_first_word(s, area);
    uint32_t high = area_first_word(s, area + 1);
    uint32_t from = first / MS_WORD_BITS > low ? first / MS_WORD_BITS : low;
    uint32_t count = 0;

    for (uint32_t i = from; i < high && i * MS_WORD_BITS < first + run; i++) {
        uint64_t mask = ms_run_in_word(first, run, i);
        ms_store_relaxed(&s->word[i], ms_load_relaxed(&s->word[i]) ^ mask);
        count += ms_bits_count(mask);
    }
    return count;
}

static uint32_t area_of(const struct sharded_area *s, ms_reg reg)
{
    return reg / MS_WORD_BITS / s->area_words;
}

/* Claims a run that was found; the caller holds the locks of all its areas. */
static void areas_claim(struct sharded_area *s, ms_reg first, uint32_t run)
{
    for (uint32_t i = area_of(s, first); i <= area_of(s, first + run - 1); i++)
        ms_fetch_sub_seq_cst(&s->area[i].free, area_flip(s, i, first, run));
}

static ms_reg area_take(struct sharded_area *s, uint32_t area, struct ms_reg_want want)
{
    if (ms_load_seq_cst(&s->area[area].free) < want.run) /* hb:area-count */
        return MS_REG_NONE;
    ms_spin_take(&s->area[area].lock);
    ms_reg first = words_search(s, area_first_word(s, area), area_first_word(s, area + 1), want);
    if (first != MS_REG_NONE)
        areas_claim(s, first, want.run);
    ms_spin_give(&s->area[area].lock);
    return first;
}

static ms_reg file_take(struct sharded_area *s, struct ms_reg_want want)
{
    uint32_t free = 0;

    for (uint32_t i = 0; i < s->areas; i++)
        free += ms_load_seq_cst(&s->area[i].free); /* hb:area-count */
    if (free < want.run)
        return MS_REG_NONE;
    for (uint32_t i = 0; i < s->areas; i++) /* I3 */
        ms_spin_take(&s->area[i].lock);
    ms_reg first = words_search(s, 0, s->words, want);
    if (first != MS_REG_NONE)
        areas_claim(s, first, want.run);
    for (uint32_t i = s->areas; i-- > 0;)
        ms_spin_give(&s->area[i].lock);
    return first;
}

static ms_reg sharded_area_take(void *state, uint32_t cpu, struct ms_reg_want want)
{
    struct sharded_area *s = state;
    uint32_t start = cpu == MS_CPU_NONE ? 0 : cpu % s->areas;
    ms_reg first = MS_REG_NONE;

    ms_assert(ms_want_is_valid(want));
    if (want.run > s->registers || ms_want_is_hopeless(want))
        return MS_REG_NONE;
    for (uint32_t i = 0; i < s->areas && first == MS_REG_NONE; i++)
        first = area_take(s, (start + i) % s->areas, want);
    if (first == MS_REG_NONE && s->areas > 1)
        first = file_take(s, want);
    if (first != MS_REG_NONE)
        ms_ledger_took(&s->ledger, first, want.run);
    return first;
}

static void sharded_area_give(void *state, uint32_t cpu, ms_reg first, uint32_t run)
{
    struct sharded_area *s = state;

    (void)cpu;
    ms_ledger_gave(&s->ledger, first, run);
    for (uint32_t i = area_of(s, first); i <= area_of(s, first + run - 1); i++) {
        ms_spin_take(&s->area[i].lock);
        ms_fetch_add_seq_cst(&s->area[i].free, area_flip(s, i, first, run)); /* hb:area-count */
        ms_spin_give(&s->area[i].lock);
    }
}

static uint32_t sharded_area_free_count(const void *state)
{
    const struct sharded_area *s = state;
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->areas; i++)
        count += ms_load_relaxed(&s->area[i].free); /* statistics: nobody decides on it */
    return count;
}

static void sharded_area_occupancy(const void *state, uint64_t *bitmap)
{
    const struct sharded_area *s = state;

    for (uint32_t i = 0; i < s->words; i++)
        bitmap[i] = ~ms_load_relaxed(&s->word[i]) & ms_word_inside(s->registers, i);
}

static bool sharded_area_audit(const void *state)
{
    const struct sharded_area *s = state;

    for (uint32_t i = 0; i < s->areas; i++) {
        uint32_t count = 0;
        for (uint32_t w = area_first_word(s, i); w < area_first_word(s, i + 1); w++) {
            uint64_t word = ms_load_relaxed(&s->word[w]);
            if (word & ~ms_word_inside(s->registers, w))
                return false;
            count += ms_bits_count(word);
        }
        if (count != ms_load_relaxed(&s->area[i].free))
            return false; /* I2 */
        if (ms_load_relaxed(&s->area[i].lock) != 0)
            return false;
    }
    return ms_ledger_agrees(&s->ledger, sharded_area_free_count(state));
}

const struct ms_reg_ops ms_reg_sharded_area = {
    .name = "sharded-area",
    .summary = "areas with a lock and a bitmap each, as in the software IO TLB",
    .progress = MS_PROGRESS_BLOCKING,
    .strands = false,
    .is_exact = true,
    .run_max = UINT32_MAX,
    .version = MS_REG_OPS_VERSION,
    .state_size = sharded_area_state_size,
    .init = sharded_area_init,
    .take = sharded_area_take,
    .give = sharded_area_give,
    .drain = ms_no_stock_drain,
    .drain_all = ms_no_stock_drain_all,
    .free_count = sharded_area_free_count,
    .occupancy = sharded_area_occupancy,
    .audit = sharded_area_audit,
};
