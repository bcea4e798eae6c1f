/* SPDX-License-Identifier: MIT */
/*
 * deferred_bitmap: releases go to a second word, which claimers collect when the first is used up:
 * the design of block-layer tag maps.
 *
 * Idea        each 64 registers have two words on different cache lines: `free` for claims,
 *             `returned` for gives. Who claims and who gives do not meet on a line; 64 gives
 *             travel to the claimer in one exchange. A CPU starts where it last succeeded.
 * Picture     free[i] 0011..   returned[i] 1100..   bit set = free, in either
 * Invariants  I1 a register is in at most one of free[i], returned[i], a run, a collector's hands
 *             I2 bits beyond the file are 0
 * Ordering    hb:run-given  give ORs into returned[i] (seq_cst); the collector's exchange acquires
 *             it and its OR into free[i] (seq_cst) hands it on; the claim's CAS acquires free[i].
 *             All seq_cst, with the loads of the search, so that a giver that then looks for
 *             waiters and a waiter that then searches cannot miss each other.
 * ABA         harmless, as in cas-bitmap: a word's value alone says which registers are free
 * Progress    lock-free: a claim's CAS fails only because the word changed; a collector that stops
 *             between its exchange and its OR hides at most 64 registers until it runs again
 * Limits      runs lie inside one word: at most 64 registers, never across a multiple of 64, so a
 *             refusal does not mean that no run of that length is free
 */
#include "registers/strategies/ledger.h"
#include "registers/strategies/no_stock.h"
#include "registers/strategies/run_search.h"

/* Where a CPU looks first. Owner CPU. */
struct deferred_hint {
    uint32_t word;
} __attribute__((aligned(MS_CACHE_LINE)));

struct deferred_bitmap {
    uint32_t registers; /* const after init, as all of this line */
    uint32_t words;
    uint32_t cpus;
    struct deferred_hint *hint; /* [cpu] */
    ms_atomic_u64 *free;        /* [word]; claimers; hb:run-given */
    ms_atomic_u64 *returned;    /* [word]; givers; hb:run-given */
    struct ms_ledger ledger;
} __attribute__((aligned(MS_CACHE_LINE)));

static size_t words_bytes(uint32_t registers)
{
    return ms_round_up(ms_words_for(registers) * sizeof(ms_atomic_u64), MS_CACHE_LINE);
}

static size_t deferred_bitmap_state_size(struct ms_reg_shape shape)
{
    return sizeof(struct deferred_bitmap) + shape.cpus * sizeof(struct deferred_hint) +
           2 * words_bytes(shape.registers) + ms_ledger_bytes(shape.registers);
}

static void deferred_bitmap_init(void *state, struct ms_reg_shape shape)
{
    struct deferred_bitmap *s = state;
    char *at = (char *)(s + 1);

    s->registers = shape.registers;
    s->words = ms_words_for(shape.registers);
    s->cpus = shape.cpus;
    s->hint = (struct deferred_hint *)at;
    at += shape.cpus * sizeof(struct deferred_hint);
    s->free = (ms_atomic_u64 *)at;
    at += words_bytes(shape.registers);
    s->returned = (ms_atomic_u64 *)at;
    at += words_bytes(shape.registers);
    ms_ledger_init(&s->ledger, at, shape.registers);
    for (uint32_t i = 0; i < s->words; i++) {
        ms_init(&s->free[i], ms_word_inside(shape.registers, i));
        ms_init(&s->returned[i], 0);
    }
    for (uint32_t cpu = 0; cpu < s->cpus; cpu++) /* apart, so that CPUs do not meet at once */
        s->hint[cpu].word = (uint32_t)((uint64_t)cpu * s->words / s->cpus);
}

/* Where in one word the run may start, or MS_REG_NONE. Pure. */
static ms_reg word_search(uint32_t index, uint64_t free, struct ms_reg_want want)
{
    uint32_t base = index * MS_WORD_BITS;

    for (uint64_t starts = ms_run_starts(free, want.run); starts != 0; starts &= starts - 1) {
        ms_reg first = base + ms_bit_lowest(starts);
        if (ms_want_place(first, want) == first)
            return first;
    }
    return MS_REG_NONE;
}

/* Moves what was returned to word `index` to its free word. False: nothing was. */
static bool word_collect(struct deferred_bitmap *s, uint32_t index)
{
    if (ms_load_seq_cst(&s->returned[index]) == 0) /* hb:run-given: a later scan sees the bits */
        return false;
    uint64_t got = ms_exchange_seq_cst(&s->returned[index], 0); /* hb:run-given, acquire */
    if (got == 0)
        return false;
    uint64_t before = ms_fetch_or_seq_cst(&s->free[index], got); /* hb:run-given, release */
    ms_assert((before & got) == 0);
    (void)before;
    return true;
}

static ms_reg word_take(struct deferred_bitmap *s, uint32_t index, struct ms_reg_want want)
{
    do {
        uint64_t seen = ms_load_seq_cst(&s->free[index]);
        for (;;) {
            ms_reg first = word_search(index, seen, want);
            if (first == MS_REG_NONE)
                break;
            uint64_t mask = ms_run_in_word(first, want.run, index);
            if (ms_cas_seq_cst(&s->free[index], &seen, seen & ~mask)) /* hb:run-given, acquire */
                return first;
        }
    } while (word_collect(s, index));
    return MS_REG_NONE;
}

static ms_reg deferred_bitmap_take(void *state, uint32_t cpu, struct ms_reg_want want)
{
    struct deferred_bitmap *s = state;
    uint32_t start = cpu == MS_CPU_NONE ? 0 : s->hint[cpu].word;

    ms_assert(ms_want_is_valid(want));
    if (want.run > MS_WORD_BITS || want.run > s->registers || ms_want_is_hopeless(want))
        return MS_REG_NONE;
    for (uint32_t step = 0, i = start; step < s->words; step++, i = i + 1 < s->words ? i + 1 : 0) {
        ms_reg first = word_take(s, i, want);
        if (first == MS_REG_NONE)
            continue;
        if (cpu != MS_CPU_NONE && i != start)
            s->hint[cpu].word = i;
        ms_ledger_took(&s->ledger, first, want.run);
        return first;
    }
    return MS_REG_NONE;
}

static void deferred_bitmap_give(void *state, uint32_t cpu, ms_reg first, uint32_t run)
{
    struct deferred_bitmap *s = state;
    uint32_t index = first / MS_WORD_BITS;

    (void)cpu;
    ms_ledger_gave(&s->ledger, first, run);
    uint64_t mask = ms_run_in_word(first, run, index);
    uint64_t before = ms_fetch_or_seq_cst(&s->returned[index], mask); /* hb:run-given, release */
    ms_assert((before & mask) == 0);
    (void)before;
}

static uint64_t word_free(const struct deferred_bitmap *s, uint32_t index)
{
    return ms_load_relaxed(&s->free[index]) | ms_load_relaxed(&s->returned[index]);
}

static uint32_t deferred_bitmap_free_count(const void *state)
{
    const struct deferred_bitmap *s = state;
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->words; i++)
        count += ms_bits_count(word_free(s, i)); /* statistics: nobody decides on it */
    return count;
}

static void deferred_bitmap_occupancy(const void *state, uint64_t *bitmap)
{
    const struct deferred_bitmap *s = state;

    for (uint32_t i = 0; i < s->words; i++)
        bitmap[i] = ~word_free(s, i) & ms_word_inside(s->registers, i);
}

static bool deferred_bitmap_audit(const void *state)
{
    const struct deferred_bitmap *s = state;

    for (uint32_t i = 0; i < s->words; i++) {
        if (ms_load_relaxed(&s->free[i]) & ms_load_relaxed(&s->returned[i]))
            return false; /* I1 */
        if (word_free(s, i) & ~ms_word_inside(s->registers, i))
            return false; /* I2 */
    }
    return ms_ledger_agrees(&s->ledger, deferred_bitmap_free_count(state));
}

const struct ms_reg_ops ms_reg_deferred_bitmap = {
    .name = "deferred-bitmap",
    .summary = "bitmap whose gives go to a second word, collected in one exchange",
    .progress = MS_PROGRESS_LOCK_FREE,
    .strands = false,
    .is_exact = false,
    .run_max = MS_WORD_BITS,
    .version = MS_REG_OPS_VERSION,
    .state_size = deferred_bitmap_state_size,
    .init = deferred_bitmap_init,
    .take = deferred_bitmap_take,
    .give = deferred_bitmap_give,
    .drain = ms_no_stock_drain,
    .drain_all = ms_no_stock_drain_all,
    .free_count = deferred_bitmap_free_count,
    .occupancy = deferred_bitmap_occupancy,
    .audit = deferred_bitmap_audit,
};
