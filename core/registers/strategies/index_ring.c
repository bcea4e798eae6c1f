/* SPDX-License-Identifier: MIT */
/*
 * index_ring: free registers in a bounded ring of cells with sequence numbers: first in, first out.
 * Here as the fast design that is not lock-free and makes every page cold.
 *
 * Idea        take draws a ticket at the head, give one at the tail; the cell's sequence number
 *             says whose turn it is there
 * Picture     head 5   tail 9   cell[5..8] {sequence = ticket + 1, register}   cell[9] {9, -}
 * Invariants  I1 a register is in one cell that is full, or taken, or in a giver's hands
 *             I2 cell c is empty for ticket t when its sequence is t, full when it is t + 1, and
 *                empty for the next round when it is t + registers
 * Ordering    hb:cell  give publishes {t + 1, register} by a seq_cst exchange, take's load acquires
 *             it; take then releases {t + registers} for the next round's giver, who acquires it
 *             hb:run-given  the same exchange. A plain release store would be cheaper, but a giver
 *             that then looks for waiters could miss one that missed its cell
 * ABA         a cell holds 32 bits of its ticket: to be fooled, sleep through exactly 2^32 takes
 * Progress    blocking: a giver stopped between ticket and cell hides everything behind it, and a
 *             taker stopped between ticket and cell makes the giver of the next round wait
 * Limits      single registers, and only where any will do; 8 bytes a register; never warm
 */
#include "registers/strategies/ledger.h"
#include "registers/strategies/no_stock.h"
#include "registers/strategies/run_search.h"

enum { SPINS_BEFORE_YIELD = 100 };

struct index_ring {
    uint32_t registers; /* const after init */
    uint32_t mask;      /* const after init: registers - 1 if that is a power of two, else 0 */
    struct ms_ledger ledger;
    ms_atomic_u64 head __attribute__((aligned(MS_CACHE_LINE))); /* next ticket to take */
    ms_atomic_u64 tail __attribute__((aligned(MS_CACHE_LINE))); /* next ticket to give */
    ms_atomic_u64 cell[]
        __attribute__((aligned(MS_CACHE_LINE))); /* {sequence, register}; hb:cell */
};
static_assert(sizeof(struct index_ring) == 3 * MS_CACHE_LINE, "head and tail have their own lines");

/* The low half of a ticket is its sequence number. */
static uint64_t cell_of(uint64_t sequence, ms_reg reg)
{
    return sequence << 32 | reg;
}

static uint32_t cell_sequence(uint64_t cell)
{
    return (uint32_t)(cell >> 32);
}

/* Tickets have 64 bits: they never run out, so any number of cells will do. */
static ms_atomic_u64 *cell_at(struct index_ring *s, uint64_t ticket)
{
    return &s->cell[MS_LIKELY(s->mask != 0) ? ticket & s->mask : ticket % s->registers];
}

static size_t cells_bytes(uint32_t registers)
{
    return ms_round_up(registers * sizeof(ms_atomic_u64), MS_CACHE_LINE);
}

static size_t index_ring_state_size(struct ms_reg_shape shape)
{
    return sizeof(struct index_ring) + cells_bytes(shape.registers) +
           ms_ledger_bytes(shape.registers);
}

static void index_ring_init(void *state, struct ms_reg_shape shape)
{
    struct index_ring *s = state;

    s->registers = shape.registers;
    s->mask = ms_is_power_of_two(shape.registers) ? shape.registers - 1 : 0;
    ms_ledger_init(&s->ledger, (char *)s->cell + cells_bytes(shape.registers), shape.registers);
    for (uint32_t i = 0; i < s->registers; i++)
        ms_init(&s->cell[i], cell_of(i + 1, i));
    ms_init(&s->head, 0);
    ms_init(&s->tail, s->registers);
}

static ms_reg index_ring_take(void *state, uint32_t cpu, struct ms_reg_want want)
{
    struct index_ring *s = state;

    (void)cpu;
    ms_assert(ms_want_is_valid(want));
    if (want.run != 1 || want.align != 1)
        return MS_REG_NONE;
    uint64_t ticket = ms_load_seq_cst(&s->head);
    for (;;) {
        ms_atomic_u64 *at = cell_at(s, ticket);
        uint64_t cell = ms_load_seq_cst(at); /* hb:cell, acquire */
        int32_t ahead = (int32_t)(cell_sequence(cell) - (uint32_t)(ticket + 1));
        if (ahead < 0)
            return MS_REG_NONE; /* empty, or its giver has not published yet */
        if (ahead > 0) {
            ticket = ms_load_seq_cst(&s->head); /* somebody else took it */
        } else if (ms_cas_seq_cst(&s->head, &ticket, ticket + 1)) {
            ms_store_release(at, cell_of(ticket + s->registers, 0)); /* hb:cell, release */
            ms_ledger_took(&s->ledger, (ms_reg)cell, 1);
            return (ms_reg)cell;
        }
    }
}

static void index_ring_give(void *state, uint32_t cpu, ms_reg first, uint32_t run)
{
    struct index_ring *s = state;
    uint32_t spins = 0;

    (void)cpu;
    ms_ledger_gave(&s->ledger, first, run);
    uint64_t ticket = ms_fetch_add_relaxed(&s->tail, 1); /* the cell's sequence does the ordering */
    ms_atomic_u64 *at = cell_at(s, ticket);
    while (cell_sequence(ms_load_acquire(at)) !=
           (uint32_t)ticket) { /* hb:cell; its last taker is not done */
        ms_spin_hint();
        if (++spins % SPINS_BEFORE_YIELD == 0)
            ms_thread_yield();
    }
    ms_exchange_seq_cst(at, cell_of(ticket + 1, first)); /* hb:cell, hb:run-given, release */
}

/* Registers in the ring, of which the oldest has the ticket `head`; statistics. */
static uint32_t ring_count(const struct index_ring *s, uint64_t *head)
{
    *head = ms_load_relaxed(&s->head);
    uint64_t count = ms_load_relaxed(&s->tail) - *head;
    return count <= s->registers ? (uint32_t)count : 0; /* torn between the two loads */
}

static uint64_t cell_load(const struct index_ring *s, uint64_t ticket)
{
    return ms_load_relaxed(&s->cell[ticket % s->registers]);
}

static uint32_t index_ring_free_count(const void *state)
{
    uint64_t head;

    return ring_count(state, &head);
}

static void index_ring_occupancy(const void *state, uint64_t *bitmap)
{
    const struct index_ring *s = state;

    for (uint32_t i = 0; i < ms_words_for(s->registers); i++)
        bitmap[i] = ms_word_inside(s->registers, i);
    uint64_t head;
    uint32_t count = ring_count(s, &head);
    for (uint32_t i = 0; i < count; i++) {
        ms_reg reg = (ms_reg)cell_load(s, head + i);
        if (reg < s->registers)
            bitmap[reg / MS_WORD_BITS] &= ~(UINT64_C(1) << reg % MS_WORD_BITS);
    }
}

static bool index_ring_audit(const void *state)
{
    const struct index_ring *s = state;
    uint64_t head;
    uint32_t full = ring_count(s, &head);

    for (uint32_t i = 0; i < s->registers; i++) {
        uint64_t ticket = head + i;
        if (cell_sequence(cell_load(s, ticket)) != (uint32_t)(i < full ? ticket + 1 : ticket))
            return false; /* I2 */
    }
    return ms_ledger_agrees(&s->ledger, full);
}

const struct ms_reg_ops ms_reg_index_ring = {
    .name = "index-ring",
    .summary = "ring of single registers with sequence numbers; first in, first out",
    .progress = MS_PROGRESS_BLOCKING,
    .strands = false,
    .is_exact = false,
    .run_max = 1,
    .version = MS_REG_OPS_VERSION,
    .state_size = index_ring_state_size,
    .init = index_ring_init,
    .take = index_ring_take,
    .give = index_ring_give,
    .drain = ms_no_stock_drain,
    .drain_all = ms_no_stock_drain_all,
    .free_count = index_ring_free_count,
    .occupancy = index_ring_occupancy,
    .audit = index_ring_audit,
};
