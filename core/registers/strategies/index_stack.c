/* SPDX-License-Identifier: MIT */
/*
 * index_stack: free registers as one linked stack of register numbers with a tagged head.
 *
 * Idea        take pops, give pushes; the links live in an array beside the registers, so the slot
 *             given last, whose page is warm, is the one taken next
 * Picture     head {tag:32, register + 1:32} -> link[5] -> link[2] -> BOTTOM     link[7] = TAKEN
 * Invariants  I1 a register is on the stack, or its link says TAKEN, never both
 *             I2 the tag grows by one with every successful change of the head
 * Ordering    hb:stack-link  a push writes link[i], then its CAS releases the head; a pop acquires
 *             the head, then reads link[i]
 *             hb:run-given  the same CAS of the head, seq_cst
 * ABA         a pop may read a link that is stale: another pop and push came between. Then the tag
 *             has moved and the CAS fails. With 32 bits a popper is fooled only if it sleeps
 *             through exactly 2^32 changes; at 17 ns each that is 73 seconds of nothing else.
 * Progress    lock-free: a failed CAS means that another one succeeded
 * Limits      single registers, and only where any will do: run_max is 1, and a claim with an
 *             alignment is refused. All threads meet on one word
 */
#include "registers/strategies/ledger.h"
#include "registers/strategies/no_stock.h"
#include "registers/strategies/run_search.h"

#define LINK_BOTTOM 0u         /* no register below; a link is register + 1 */
#define LINK_TAKEN  UINT32_MAX /* not on the stack; for statistics and the audit */

struct index_stack {
    uint32_t registers; /* const after init */
    struct ms_ledger ledger;
    ms_atomic_u64 head __attribute__((aligned(MS_CACHE_LINE))); /* hb:stack-link, hb:run-given */
    ms_atomic_u32 link[] __attribute__((aligned(MS_CACHE_LINE)));
};
static_assert(sizeof(struct index_stack) == 2 * MS_CACHE_LINE, "the head has its own line");

static size_t links_bytes(uint32_t registers)
{
    return ms_round_up(registers * sizeof(ms_atomic_u32), MS_CACHE_LINE);
}

static uint64_t head_next(uint64_t head, uint32_t top)
{
    return ((head >> 32) + 1) << 32 | top;
}

static size_t index_stack_state_size(struct ms_reg_shape shape)
{
    return sizeof(struct index_stack) + links_bytes(shape.registers) +
           ms_ledger_bytes(shape.registers);
}

static void index_stack_init(void *state, struct ms_reg_shape shape)
{
    struct index_stack *s = state;

    s->registers = shape.registers;
    ms_ledger_init(&s->ledger, (char *)s->link + links_bytes(shape.registers), shape.registers);
    for (uint32_t i = 0; i < shape.registers; i++)
        ms_init(&s->link[i], i + 1 < shape.registers ? i + 2 : LINK_BOTTOM);
    ms_init(&s->head, 1);
}

static ms_reg index_stack_take(void *state, uint32_t cpu, struct ms_reg_want want)
{
    struct index_stack *s = state;

    (void)cpu;
    ms_assert(ms_want_is_valid(want));
    if (want.run != 1 || want.align != 1)
        return MS_REG_NONE;
    uint64_t head = ms_load_seq_cst(&s->head); /* hb:stack-link, acquire */
    while ((uint32_t)head != LINK_BOTTOM) {
        ms_reg top = (uint32_t)head - 1;
        uint32_t below = ms_load_relaxed(&s->link[top]); /* may be stale: then the CAS fails */
        if (ms_cas_seq_cst(&s->head, &head, head_next(head, below))) {
            ms_store_relaxed(&s->link[top], LINK_TAKEN);
            ms_ledger_took(&s->ledger, top, 1);
            return top;
        }
    }
    return MS_REG_NONE;
}

static void index_stack_give(void *state, uint32_t cpu, ms_reg first, uint32_t run)
{
    struct index_stack *s = state;

    (void)cpu;
    ms_ledger_gave(&s->ledger, first, run);
    uint64_t head = ms_load_relaxed(&s->head);
    do {
        ms_store_relaxed(&s->link[first], (uint32_t)head);
        /* hb:stack-link, hb:run-given, release */
    } while (!ms_cas_seq_cst(&s->head, &head, head_next(head, first + 1)));
}

static bool register_is_free(const struct index_stack *s, ms_reg reg)
{
    return ms_load_relaxed(&s->link[reg]) != LINK_TAKEN; /* statistics: nobody decides on it */
}

static uint32_t index_stack_free_count(const void *state)
{
    const struct index_stack *s = state;
    uint32_t count = 0;

    for (ms_reg reg = 0; reg < s->registers; reg++)
        count += register_is_free(s, reg);
    return count;
}

static void index_stack_occupancy(const void *state, uint64_t *bitmap)
{
    const struct index_stack *s = state;

    for (uint32_t i = 0; i < ms_words_for(s->registers); i++)
        bitmap[i] = 0;
    for (ms_reg reg = 0; reg < s->registers; reg++)
        bitmap[reg / MS_WORD_BITS] |= (uint64_t)!register_is_free(s, reg) << reg % MS_WORD_BITS;
}

static bool index_stack_audit(const void *state)
{
    const struct index_stack *s = state;
    uint32_t free = index_stack_free_count(state);
    uint32_t depth = 0;

    for (uint32_t top = (uint32_t)ms_load_relaxed(&s->head); top != LINK_BOTTOM; depth++) {
        if (top > s->registers || depth == s->registers)
            return false; /* a taken register's link, or a ring */
        top = ms_load_relaxed(&s->link[top - 1]);
    }
    return depth == free && ms_ledger_agrees(&s->ledger, free); /* I1 */
}

const struct ms_reg_ops ms_reg_index_stack = {
    .name = "index-stack",
    .summary = "linked stack of single registers, tagged head",
    .progress = MS_PROGRESS_LOCK_FREE,
    .strands = false,
    .is_exact = false,
    .run_max = 1,
    .version = MS_REG_OPS_VERSION,
    .state_size = index_stack_state_size,
    .init = index_stack_init,
    .take = index_stack_take,
    .give = index_stack_give,
    .drain = ms_no_stock_drain,
    .drain_all = ms_no_stock_drain_all,
    .free_count = index_stack_free_count,
    .occupancy = index_stack_occupancy,
    .audit = index_stack_audit,
};
