/* SPDX-License-Identifier: MIT */
/*
 * cas_bitmap_next: cas_bitmap with a search that goes on where it last succeeded, instead of from
 * the bottom. Here to show what that costs: short searches, but every page cold and every hole cut.
 *
 * Idea        every CPU keeps the word behind its last claim, searches from there to the end, then
 *             the whole file from the bottom, straddles of the starting place included
 * Picture     word[0] ..11 word[1] 0011 | cursor of CPU 0 -> word[1]
 * Invariants  I1, I2 of cas_bitmap; a cursor is any word of the file
 * Ordering    hb:run-given  as in cas_bitmap; cursors belong to their CPUs
 * ABA         harmless, as in cas_bitmap
 * Progress    lock-free, as cas_bitmap: words of a run are claimed in ascending order
 * Limits      fragments most of all: of the mix in placement_test.c it refuses 2.6 (4096 registers, 90%
 *             full) to 7.9 times (75%) as much as first fit; what it refuses costs it nothing, which
 *             makes it look fast. And a bounce page that was just used is the last to be used again
 */
#include "registers/strategies/claim_words.h"
#include "registers/strategies/ledger.h"
#include "registers/strategies/no_stock.h"

/* Where a CPU searches first. Owner CPU. */
struct cursor {
    uint32_t word;
} __attribute__((aligned(MS_CACHE_LINE)));

struct cas_bitmap_next {
    uint32_t registers;    /* const after init */
    uint32_t words;        /* const after init */
    struct cursor *cursor; /* const pointer; [cpu] */
    struct ms_ledger ledger;
    ms_atomic_u64 word[] __attribute__((aligned(MS_CACHE_LINE))); /* hb:run-given */
};
static_assert(sizeof(struct cas_bitmap_next) == MS_CACHE_LINE,
              "constants do not share the words' lines");

static size_t words_bytes(uint32_t registers)
{
    return ms_round_up(ms_words_for(registers) * sizeof(ms_atomic_u64), MS_CACHE_LINE);
}

static size_t cas_bitmap_next_state_size(struct ms_reg_shape shape)
{
    return sizeof(struct cas_bitmap_next) + words_bytes(shape.registers) +
           shape.cpus * sizeof(struct cursor) + ms_ledger_bytes(shape.registers);
}

static void cas_bitmap_next_init(void *state, struct ms_reg_shape shape)
{
    struct cas_bitmap_next *s = state;

    s->registers = shape.registers;
    s->words = ms_words_for(shape.registers);
    for (uint32_t i = 0; i < s->words; i++)
        ms_init(&s->word[i], ms_word_inside(shape.registers, i));
    char *at = (char *)s->word + words_bytes(shape.registers);
    s->cursor = (struct cursor *)at;
    ms_ledger_init(&s->ledger, at + shape.cpus * sizeof(struct cursor), shape.registers);
}

static ms_reg cas_bitmap_next_take(void *state, uint32_t cpu, struct ms_reg_want want)
{
    struct cas_bitmap_next *s = state;
    uint64_t seen = 0;

    ms_assert(ms_want_is_valid(want));
    if (want.run > s->registers || ms_want_is_hopeless(want))
        return MS_REG_NONE;

    for (;;) {
        uint32_t from = cpu == MS_CPU_NONE ? 0 : s->cursor[cpu].word;
        ms_reg first = ms_words_find(s->word, from, s->words, want, &seen);
        if (first == MS_REG_NONE && from > 0)
            first = ms_words_find(s->word, 0, s->words, want, &seen);
        if (first == MS_REG_NONE)
            return MS_REG_NONE;
        if (!ms_words_claim(s->word, first, want.run, seen))
            continue;
        uint32_t next = (first + want.run) / MS_WORD_BITS;
        if (cpu != MS_CPU_NONE)
            s->cursor[cpu].word = next < s->words ? next : 0;
        ms_ledger_took(&s->ledger, first, want.run);
        return first;
    }
}

static void cas_bitmap_next_give(void *state, uint32_t cpu, ms_reg first, uint32_t run)
{
    struct cas_bitmap_next *s = state;

    (void)cpu;
    ms_ledger_gave(&s->ledger, first, run);
    ms_words_give(s->word, first, first + run);
}

static uint32_t cas_bitmap_next_free_count(const void *state)
{
    const struct cas_bitmap_next *s = state;
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->words; i++)
        count += ms_bits_count(ms_load_relaxed(&s->word[i])); /* statistics: nobody decides on it */
    return count;
}

static void cas_bitmap_next_occupancy(const void *state, uint64_t *bitmap)
{
    const struct cas_bitmap_next *s = state;

    for (uint32_t i = 0; i < s->words; i++)
        bitmap[i] = ~ms_load_relaxed(&s->word[i]) & ms_word_inside(s->registers, i);
}

static bool cas_bitmap_next_audit(const void *state)
{
    const struct cas_bitmap_next *s = state;

    for (uint32_t i = 0; i < s->words; i++)
        if (ms_load_relaxed(&s->word[i]) & ~ms_word_inside(s->registers, i))
            return false;                                                   /* I2 */
    return ms_ledger_agrees(&s->ledger, cas_bitmap_next_free_count(state)); /* I1 */
}

const struct ms_reg_ops ms_reg_cas_bitmap_next = {
    .name = "cas-bitmap-next",
    .summary = "as cas-bitmap, but next fit: shows why not",
    .progress = MS_PROGRESS_LOCK_FREE,
    .strands = false,
    .is_exact = true,
    .run_max = UINT32_MAX,
    .version = MS_REG_OPS_VERSION,
    .state_size = cas_bitmap_next_state_size,
    .init = cas_bitmap_next_init,
    .take = cas_bitmap_next_take,
    .give = cas_bitmap_next_give,
    .drain = ms_no_stock_drain,
    .drain_all = ms_no_stock_drain_all,
    .free_count = cas_bitmap_next_free_count,
    .occupancy = cas_bitmap_next_occupancy,
    .audit = cas_bitmap_next_audit,
};
