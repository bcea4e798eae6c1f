/* SPDX-License-Identifier: MIT */
/*
 * ck_ring: a baseline that is not ours: the many-producer, many-consumer ring of Concurrency Kit.
 * Built where its headers are installed (MS_HAVE_CK), absent from the list elsewhere.
 *
 * Idea        take dequeues a register number, give enqueues it
 * Picture     ring {p_head, p_tail, c_head}   buffer[] of pointers = register + 1
 * Invariants  I1 a register is in the ring, or taken
 * Ordering    hb:run-given  the library's own fences order the buffer; a full fence behind the
 *             enqueue orders it before the giver's look for waiters
 * ABA         the library's counters have 32 bits
 * Progress    blocking: enqueues publish in order, so one that stops makes all later ones wait; they
 *             yield after a while, else a preempted one cost whole time slices
 * Limits      single registers, and only where any will do; 16 to 32 bytes a register; never warm
 *
 * The library's atomics do not go through platform/atomic.h: the simulator and the thread sanitizer
 * cannot see into it, so builds for those leave it out.
 */
#include "registers/strategies/ledger.h"
#include "registers/strategies/locks.h"
#include "registers/strategies/no_stock.h"
#include "registers/strategies/run_search.h"

#if defined MS_HAVE_CK && !defined MS_SIM
#include <ck_ring.h>

struct ck_ring_state {
    struct ck_ring ring;
    uint32_t registers; /* const after init */
    struct ms_ledger ledger;
    ms_atomic_u32 *is_free;        /* const pointer; [register]; for statistics only */
    struct ck_ring_buffer *buffer; /* const pointer; the library's */
} __attribute__((aligned(MS_CACHE_LINE)));

/* A power of two; the library leaves one cell empty. */
static uint32_t cells_for(uint32_t registers)
{
    uint32_t cells = 4;

    while (cells < registers + 1)
        cells *= 2;
    return cells;
}

static size_t flags_bytes(uint32_t registers)
{
    return ms_round_up(registers * sizeof(ms_atomic_u32), MS_CACHE_LINE);
}

static size_t ck_ring_state_size(struct ms_reg_shape shape)
{
    return sizeof(struct ck_ring_state) +
           cells_for(shape.registers) * sizeof(struct ck_ring_buffer) + MS_CACHE_LINE +
           flags_bytes(shape.registers) + ms_ledger_bytes(shape.registers);
}

static void ck_ring_give(void *state, uint32_t cpu, ms_reg first, uint32_t run)
{
    struct ck_ring_state *s = state;

    (void)cpu;
    ms_ledger_gave(&s->ledger, first, run);
    ms_store_relaxed(&s->is_free[first], 1);
    unsigned int ticket;
    void **cell = ck_ring_enqueue_reserve_mpmc(&s->ring, s->buffer, &ticket);
    ms_require(cell != NULL); /* there is a cell for every register */
    *cell = (void *)((uintptr_t)first + 1);
    /* The library would spin until all before us are published: for whole time slices, where there
     * are more threads than processors. */
    for (uint32_t spins = 1; ck_pr_load_uint(&s->ring.p_tail) != ticket; spins++) {
        ms_spin_hint();
        if (spins % MS_SPINS_BEFORE_YIELD == 0)
            ms_thread_yield();
    }
    ck_ring_enqueue_commit_mpmc(&s->ring, ticket);
    ms_fence_seq_cst(); /* hb:run-given */
}

static void ck_ring_state_init(void *state, struct ms_reg_shape shape)
{
    struct ck_ring_state *s = state;
    char *at = (char *)(s + 1);

    s->registers = shape.registers;
    s->is_free = (ms_atomic_u32 *)at;
    at += flags_bytes(shape.registers);
    ms_ledger_init(&s->ledger, at, shape.registers);
    at += ms_ledger_bytes(shape.registers);
    s->buffer = (struct ck_ring_buffer *)at;
    ck_ring_init(&s->ring, cells_for(shape.registers));
    for (ms_reg reg = 0; reg < shape.registers; reg++) {
        ms_ledger_took(&s->ledger, reg, 1);
        ck_ring_give(state, MS_CPU_NONE, reg, 1);
    }
}

static ms_reg ck_ring_take(void *state, uint32_t cpu, struct ms_reg_want want)
{
    struct ck_ring_state *s = state;
    void *entry;

    (void)cpu;
    ms_assert(ms_want_is_valid(want));
    if (want.run != 1 || want.align != 1 || !ck_ring_dequeue_mpmc(&s->ring, s->buffer, &entry))
        return MS_REG_NONE;
    ms_reg reg = (ms_reg)((uintptr_t)entry - 1);
    ms_store_relaxed(&s->is_free[reg], 0);
    ms_ledger_took(&s->ledger, reg, 1);
    return reg;
}

static void ck_ring_occupancy(const void *state, uint64_t *bitmap)
{
    const struct ck_ring_state *s = state;

    for (uint32_t i = 0; i < ms_words_for(s->registers); i++)
        bitmap[i] = 0;
    for (ms_reg reg = 0; reg < s->registers; reg++)
        if (!ms_load_relaxed(&s->is_free[reg]))
            bitmap[reg / MS_WORD_BITS] |= UINT64_C(1) << reg % MS_WORD_BITS;
}

static uint32_t ck_ring_free_count(const void *state)
{
    const struct ck_ring_state *s = state;
    uint32_t count = 0;

    for (ms_reg reg = 0; reg < s->registers; reg++)
        count += ms_load_relaxed(&s->is_free[reg]);
    return count;
}

static bool ck_ring_audit(const void *state)
{
    const struct ck_ring_state *s = state;
    uint32_t free = ck_ring_free_count(state);

    return ck_ring_size(&s->ring) == free && ms_ledger_agrees(&s->ledger, free); /* I1 */
}

const struct ms_reg_ops ms_reg_ck_ring = {
    .name = "ck-ring",
    .summary = "Concurrency Kit's ring of single registers: a baseline from elsewhere",
    .progress = MS_PROGRESS_BLOCKING,
    .strands = false,
    .is_exact = false,
    .run_max = 1,
    .version = MS_REG_OPS_VERSION,
    .state_size = ck_ring_state_size,
    .init = ck_ring_state_init,
    .take = ck_ring_take,
    .give = ck_ring_give,
    .drain = ms_no_stock_drain,
    .drain_all = ms_no_stock_drain_all,
    .free_count = ck_ring_free_count,
    .occupancy = ck_ring_occupancy,
    .audit = ck_ring_audit,
};
#endif
