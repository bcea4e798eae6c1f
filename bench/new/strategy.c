/* SPDX-License-Identifier: MIT */
/*
 * @identifier@: what to change first: this head. It says how the strategy works to somebody who has ten
 * minutes, and why it is right to somebody who has an hour.
 *
 * Idea        a byte a register under one lock; the first run of free bytes that fits is taken
 * Picture     lock | taken[0] taken[1] ...   1: taken
 * Invariants  I1 bytes change only under the lock
 * Ordering    hb:lock  the bytes belong to the holder; see locks.h, also for hb:run-given
 * ABA         none: nothing is decided on a value read without the lock
 * Progress    blocking: a thread that is stopped while it holds the lock stops all others
 * Limits      the search grows with the file and its occupancy; all threads meet on one line
 *
 * The table at the end is the whole interface; core/registers/registers.h says what each member has to
 * do. Every atomic goes through core/platform/atomic.h, so that the simulator can stop a thread at each
 * of them. A strategy keeps all it knows in `state`, which others own.
 */
#include "registers/registers.h"
#include "registers/strategies/locks.h"
#include "registers/strategies/no_stock.h"

struct @identifier@ {
    uint32_t registers; /* const after init */
    /* On a line of its own: whoever waits for it does not disturb who reads the line before. */
    ms_atomic_u32 lock __attribute__((aligned(MS_CACHE_LINE))); /* 1: held; hb:lock */
    /* Relaxed atomics, so that statistics may look without the lock. A word of this kind a register is
     * simple, not small: a bit would do. */
    ms_atomic_u32 taken[] __attribute__((aligned(MS_CACHE_LINE)));
};

/* Bytes the caller has to bring for a file of this size; it brings them zeroed. */
static size_t @identifier@_state_size(struct ms_reg_shape shape)
{
    return sizeof(struct @identifier@) + shape.registers * sizeof(ms_atomic_u32);
}

/* One thread, before anybody else is there; then all registers are free. */
static void @identifier@_init(void *state, struct ms_reg_shape shape)
{
    struct @identifier@ *s = state;

    s->registers = shape.registers;
    ms_init(&s->lock, 0);
    for (uint32_t i = 0; i < shape.registers; i++)
        ms_init(&s->taken[i], 0);
}

static bool is_free(const struct @identifier@ *s, ms_reg first, uint32_t run)
{
    for (uint32_t i = 0; i < run; i++)
        if (ms_load_relaxed(&s->taken[first + i]) != 0)
            return false;
    return true;
}

/* The run starts where it may, and crosses nothing it may not. */
static bool is_placed(struct ms_reg_want want, ms_reg first)
{
    return first % want.align == 0 &&
           (want.boundary == 0 ||
            first / want.boundary == (first + want.run - 1) / want.boundary);
}

static void mark(struct @identifier@ *s, ms_reg first, uint32_t run, uint32_t is_taken)
{
    for (uint32_t i = 0; i < run; i++)
        ms_store_relaxed(&s->taken[first + i], is_taken);
}

/* The first register of a run, or MS_REG_NONE. Never waits for registers: that is the pool's business. */
static ms_reg @identifier@_take(void *state, uint32_t cpu, struct ms_reg_want want)
{
    struct @identifier@ *s = state;
    ms_reg found = MS_REG_NONE;

    (void)cpu; /* who keeps a private stock for each CPU finds it by this number */
    if (want.run > s->registers)
        return MS_REG_NONE;
    ms_spin_take(&s->lock);
    for (ms_reg first = 0; first <= s->registers - want.run && found == MS_REG_NONE; first++)
        if (is_placed(want, first) && is_free(s, first, want.run))
            found = first;
    if (found != MS_REG_NONE)
        mark(s, found, want.run, 1);
    ms_spin_give(&s->lock);
    return found;
}

/* The run as it was taken. Giving what is not taken stops a build with asserts before anything changed. */
static void @identifier@_give(void *state, uint32_t cpu, ms_reg first, uint32_t run)
{
    struct @identifier@ *s = state;

    (void)cpu;
    ms_assert(run > 0 && run <= s->registers && first <= s->registers - run);
    for (uint32_t i = 0; i < run; i++)
        ms_assert(ms_load_relaxed(&s->taken[first + i]) == 1);
    ms_spin_take(&s->lock);
    mark(s, first, run, 0);
    ms_spin_give(&s->lock);
}

/* Statistics: nobody decides on it. Exact when nobody else is inside. */
static uint32_t @identifier@_free_count(const void *state)
{
    const struct @identifier@ *s = state;
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->registers; i++)
        count += ms_load_relaxed(&s->taken[i]) == 0;
    return count;
}

/* A bit a register, 1: taken. */
static void @identifier@_occupancy(const void *state, uint64_t *bitmap)
{
    const struct @identifier@ *s = state;

    for (uint32_t i = 0; i < (s->registers + 63) / 64; i++)
        bitmap[i] = 0;
    for (uint32_t i = 0; i < s->registers; i++)
        bitmap[i / 64] |= (uint64_t)ms_load_relaxed(&s->taken[i]) << i % 64;
}

/* Every invariant; asked while nobody is inside. */
static bool @identifier@_audit(const void *state)
{
    const struct @identifier@ *s = state;

    for (uint32_t i = 0; i < s->registers; i++)
        if (ms_load_relaxed(&s->taken[i]) > 1)
            return false;
    return ms_load_relaxed(&s->lock) == 0;
}

const struct ms_reg_ops ms_reg_@identifier@ = {
    .name = "@name@",
    .summary = "a byte a register under one lock, first fit",
    .progress = MS_PROGRESS_BLOCKING,
    .strands = false,
    .is_exact = true,
    .run_max = UINT32_MAX,
    .version = MS_REG_OPS_VERSION,
    .state_size = @identifier@_state_size,
    .init = @identifier@_init,
    .take = @identifier@_take,
    .give = @identifier@_give,
    .drain = ms_no_stock_drain,
    .drain_all = ms_no_stock_drain_all,
    .free_count = @identifier@_free_count,
    .occupancy = @identifier@_occupancy,
    .audit = @identifier@_audit,
};
