/* SPDX-License-Identifier: MIT */
/*
 * spin_bitmap: one spin lock over one bit per register, first fit from register 0: the behaviour of
 * a classic HAL, kept simple because it is the yardstick of every comparison.
 *
 * Idea        lock, hop from free run to free run, clear the bits, unlock
 * Picture     lock | word[0] word[1] ...   bit set = free
 * Invariants  I1 bits change only under the lock
 *             I2 bits beyond the file are 0
 * Ordering    hb:lock  the words belong to the holder; see locks.h, also for hb:run-given. The
 *             words are relaxed atomics only so that statistics may read them unlocked.
 * ABA         none: nothing is decided on a value read without the lock
 * Progress    blocking: a holder that is stopped stops all others; waiters yield after some spins
 * Limits      the search grows with the file and its occupancy, all threads meet on one line
 */
#include "registers/strategies/ledger.h"
#include "registers/strategies/locks.h"
#include "registers/strategies/no_stock.h"
#include "registers/strategies/run_search.h"

struct spin_bitmap {
    uint32_t registers; /* const after init */
    uint32_t words;     /* const after init */
    struct ms_ledger ledger;
    ms_atomic_u32 lock __attribute__((aligned(MS_CACHE_LINE))); /* 1: held; hb:lock */
    ms_atomic_u64 word[] __attribute__((aligned(MS_CACHE_LINE)));
};
static_assert(sizeof(struct spin_bitmap) == 2 * MS_CACHE_LINE, "the lock has its own line");

static size_t words_bytes(uint32_t registers)
{
    return ms_round_up(ms_words_for(registers) * sizeof(ms_atomic_u64), MS_CACHE_LINE);
}

static size_t spin_bitmap_state_size(struct ms_reg_shape shape)
{
    return sizeof(struct spin_bitmap) + words_bytes(shape.registers) +
           ms_ledger_bytes(shape.registers);
}

static void spin_bitmap_init(void *state, struct ms_reg_shape shape)
{
    struct spin_bitmap *s = state;

    s->registers = shape.registers;
    s->words = ms_words_for(shape.registers);
    ms_init(&s->lock, 0);
    for (uint32_t i = 0; i < s->words; i++)
        ms_init(&s->word[i], ms_word_inside(shape.registers, i));
    ms_ledger_init(&s->ledger, (char *)s->word + words_bytes(shape.registers), shape.registers);
}

/* Clears (take) or sets (give) the run's bits; the caller holds the lock. */
static void bits_flip(struct spin_bitmap *s, ms_reg first, uint32_t run)
{
    for (uint32_t i = first / MS_WORD_BITS; i <= (first + run - 1) / MS_WORD_BITS; i++)
        ms_store_relaxed(&s->word[i], ms_load_relaxed(&s->word[i]) ^ ms_run_in_word(first, run, i));
}

static ms_reg spin_bitmap_take(void *state, uint32_t cpu, struct ms_reg_want want)
{
    struct spin_bitmap *s = state;
    struct ms_run_search search = ms_run_search_from(want, 0);
    ms_reg first = MS_REG_NONE;

    (void)cpu;
    ms_assert(ms_want_is_valid(want));
    if (want.run > s->registers || ms_want_is_hopeless(want))
        return MS_REG_NONE;

    ms_spin_take(&s->lock);
    for (uint32_t i = 0; i < s->words && first == MS_REG_NONE; i++)
        first = ms_run_search_feed(&search, i, ms_load_relaxed(&s->word[i]));
    if (first != MS_REG_NONE)
        bits_flip(s, first, want.run);
    ms_spin_give(&s->lock);

    if (first != MS_REG_NONE)
        ms_ledger_took(&s->ledger, first, want.run);
    return first;
}

static void spin_bitmap_give(void *state, uint32_t cpu, ms_reg first, uint32_t run)
{
    struct spin_bitmap *s = state;

    (void)cpu;
    ms_ledger_gave(&s->ledger, first, run);
    ms_spin_take(&s->lock);
    bits_flip(s, first, run);
    ms_spin_give(&s->lock);
}

static uint32_t spin_bitmap_free_count(const void *state)
{
    const struct spin_bitmap *s = state;
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->words; i++)
        count += ms_bits_count(ms_load_relaxed(&s->word[i])); /* statistics: nobody decides on it */
    return count;
}

static void spin_bitmap_occupancy(const void *state, uint64_t *bitmap)
{
    const struct spin_bitmap *s = state;

    for (uint32_t i = 0; i < s->words; i++)
        bitmap[i] = ~ms_load_relaxed(&s->word[i]) & ms_word_inside(s->registers, i);
}

static bool spin_bitmap_audit(const void *state)
{
    const struct spin_bitmap *s = state;

    for (uint32_t i = 0; i < s->words; i++)
        if (ms_load_relaxed(&s->word[i]) & ~ms_word_inside(s->registers, i))
            return false; /* I2 */
    return ms_load_relaxed(&s->lock) == 0 &&
           ms_ledger_agrees(&s->ledger, spin_bitmap_free_count(state));
}

const struct ms_reg_ops ms_reg_spin_bitmap = {
    .name = "spin-bitmap",
    .summary = "one spin lock, one bit a register, first fit: the classic HAL",
    .progress = MS_PROGRESS_BLOCKING,
    .strands = false,
    .is_exact = true,
    .run_max = UINT32_MAX,
    .version = MS_REG_OPS_VERSION,
    .state_size = spin_bitmap_state_size,
    .init = spin_bitmap_init,
    .take = spin_bitmap_take,
    .give = spin_bitmap_give,
    .drain = ms_no_stock_drain,
    .drain_all = ms_no_stock_drain_all,
    .free_count = spin_bitmap_free_count,
    .occupancy = spin_bitmap_occupancy,
    .audit = spin_bitmap_audit,
};
