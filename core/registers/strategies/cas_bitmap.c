/* SPDX-License-Identifier: MIT */
/*
 * cas_bitmap: one bit per register, claimed by compare-and-swap; no lock anywhere.
 *
 * Idea        search a snapshot for the lowest run that fits, then claim its words in ascending
 *             order; if one of them lost its bits meanwhile, give back what was claimed, search
 *             again
 * Picture     word[0] 1111.. word[1] ..11 | word[2] 1111 1...     bit set = free
 * Invariants  I1 a set bit belongs to nobody, a clear bit to exactly one run or one claimer
 *             I2 bits beyond the file are 0
 * Ordering    hb:run-given give ORs the bits in (seq_cst), a claim's CAS acquires them: what was
 *             done with the run's pages stays before its next owner. seq_cst on both sides, and on
 *             the loads of the search, because waiting needs more than release and acquire: a
 *             giver sets bits then looks for waiters, a waiter enters then searches; one must see
 *             the other, which a release store and a later load do not promise.
 * ABA         harmless: a CAS compares the whole word, and the word alone says which registers are
 *             free; nothing is inferred from what it was in between
 * Progress    lock-free. A claim in one word fails only because another call changed that word.
 *             For claims over several words suppose none ever completes, and let h be the highest
 *             word at which claims succeed for ever: who succeeds at h must then fail above h,
 *             where nobody holds anything in passing any more, so the obstacle is a completed
 *             claim, which the next snapshot shows. Ascending order is essential to this argument.
 * Limits      the search grows with the file and its occupancy; nearby claims share cache lines
 */
#include "registers/strategies/claim_words.h"
#include "registers/strategies/ledger.h"
#include "registers/strategies/no_stock.h"

struct cas_bitmap {
    uint32_t registers; /* const after init */
    uint32_t words;     /* const after init */
    struct ms_ledger ledger;
    ms_atomic_u64 word[] __attribute__((aligned(MS_CACHE_LINE))); /* hb:run-given */
};
static_assert(sizeof(struct cas_bitmap) == MS_CACHE_LINE,
              "constants do not share the words' lines");

static size_t words_bytes(uint32_t registers)
{
    return ms_round_up(ms_words_for(registers) * sizeof(ms_atomic_u64), MS_CACHE_LINE);
}

static size_t cas_bitmap_state_size(struct ms_reg_shape shape)
{
    return sizeof(struct cas_bitmap) + words_bytes(shape.registers) +
           ms_ledger_bytes(shape.registers);
}

static void cas_bitmap_init(void *state, struct ms_reg_shape shape)
{
    struct cas_bitmap *s = state;

    s->registers = shape.registers;
    s->words = ms_words_for(shape.registers);
    for (uint32_t i = 0; i < s->words; i++)
        ms_init(&s->word[i], ms_word_inside(shape.registers, i));
    ms_ledger_init(&s->ledger, (char *)s->word + words_bytes(shape.registers), shape.registers);
}

static ms_reg cas_bitmap_take(void *state, uint32_t cpu, struct ms_reg_want want)
{
    struct cas_bitmap *s = state;
    uint64_t seen = 0;

    (void)cpu;
    ms_assert(ms_want_is_valid(want));
    if (want.run > s->registers || ms_want_is_hopeless(want))
        return MS_REG_NONE;

    for (;;) {
        ms_reg first = ms_words_find(s->word, 0, s->words, want, &seen);
        if (first == MS_REG_NONE)
            return MS_REG_NONE;
        if (ms_words_claim(s->word, first, want.run, seen)) {
            ms_ledger_took(&s->ledger, first, want.run);
            return first;
        }
    }
}

static void cas_bitmap_give(void *state, uint32_t cpu, ms_reg first, uint32_t run)
{
    struct cas_bitmap *s = state;

    (void)cpu;
    ms_ledger_gave(&s->ledger, first, run);
    ms_words_give(s->word, first, first + run);
}

static uint32_t cas_bitmap_free_count(const void *state)
{
    const struct cas_bitmap *s = state;
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->words; i++)
        count += ms_bits_count(ms_load_relaxed(&s->word[i])); /* statistics: nobody decides on it */
    return count;
}

static void cas_bitmap_occupancy(const void *state, uint64_t *bitmap)
{
    const struct cas_bitmap *s = state;

    for (uint32_t i = 0; i < s->words; i++)
        bitmap[i] = ~ms_load_relaxed(&s->word[i]) & ms_word_inside(s->registers, i);
}

static bool cas_bitmap_audit(const void *state)
{
    const struct cas_bitmap *s = state;

    for (uint32_t i = 0; i < s->words; i++)
        if (ms_load_relaxed(&s->word[i]) & ~ms_word_inside(s->registers, i))
            return false;                                              /* I2 */
    return ms_ledger_agrees(&s->ledger, cas_bitmap_free_count(state)); /* I1 */
}

const struct ms_reg_ops ms_reg_cas_bitmap = {
    .name = "cas-bitmap",
    .summary = "one bit a register, claimed by compare-and-swap, first fit",
    .progress = MS_PROGRESS_LOCK_FREE,
    .strands = false,
    .is_exact = true,
    .run_max = UINT32_MAX,
    .version = MS_REG_OPS_VERSION,
    .state_size = cas_bitmap_state_size,
    .init = cas_bitmap_init,
    .take = cas_bitmap_take,
    .give = cas_bitmap_give,
    .drain = ms_no_stock_drain,
    .drain_all = ms_no_stock_drain_all,
    .free_count = cas_bitmap_free_count,
    .occupancy = cas_bitmap_occupancy,
    .audit = cas_bitmap_audit,
};
