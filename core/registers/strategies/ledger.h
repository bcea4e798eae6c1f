/* SPDX-License-Identifier: MIT */
/*
 * ledger.h: remembers what was handed out, so that giving back something else stops the program
 * before any state changed. Builds with asserts only: in a measured build it is empty.
 *
 * Idea        one word a register: the length of the live run that starts there, else 0
 * Ordering    relaxed throughout, on purpose: the ledger must not lend the strategy an ordering
 *             edge that it does not have itself. That the entry is 0 again before the run is handed
 *             out once more follows from the strategy's own hb:run-given.
 * Progress    wait-free
 */
#ifndef MS_LEDGER_H
#define MS_LEDGER_H

#include "registers/registers.h"

struct ms_ledger {
    uint32_t registers;   /* const after init */
    ms_atomic_u32 *entry; /* const pointer into the strategy's state */
};

static inline size_t ms_ledger_bytes(uint32_t registers)
{
    return MS_ASSERTS_ON ? ms_round_up(registers * sizeof(ms_atomic_u32), MS_CACHE_LINE) : 0;
}

static inline void ms_ledger_init(struct ms_ledger *ledger, void *memory, uint32_t registers)
{
    ledger->registers = registers;
    ledger->entry = memory;
    for (uint32_t i = 0; MS_ASSERTS_ON && i < registers; i++)
        ms_init(&ledger->entry[i], 0);
}

/* Call when a run is about to leave the strategy. */
static inline void ms_ledger_took(struct ms_ledger *ledger, ms_reg first, uint32_t run)
{
#if MS_ASSERTS_ON
    ms_require(first < ledger->registers && run <= ledger->registers - first);
    uint32_t before = ms_exchange_relaxed(&ledger->entry[first], run);
    ms_require(before == 0 && "a register was handed out twice");
#else
    (void)ledger, (void)first, (void)run;
#endif
}

/* Call first of all when a run comes back. */
static inline void ms_ledger_gave(struct ms_ledger *ledger, ms_reg first, uint32_t run)
{
#if MS_ASSERTS_ON
    ms_require(run > 0 && first < ledger->registers && run <= ledger->registers - first);
    uint32_t expected = run;
    bool was_taken = ms_cas_relaxed(&ledger->entry[first], &expected, 0);
    ms_require(was_taken && "given back is not what was taken");
#else
    (void)ledger, (void)first, (void)run;
#endif
}

/* Registers in live runs, which must not overlap; quiescent only. UINT32_MAX: they overlap. */
static inline uint32_t ms_ledger_sum(const struct ms_ledger *ledger)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; MS_ASSERTS_ON && i < ledger->registers;) {
        uint32_t run = ms_load_relaxed(&ledger->entry[i]);
        for (uint32_t inside = 1; inside < run; inside++)
            if (ms_load_relaxed(&ledger->entry[i + inside]) != 0)
                return UINT32_MAX;
        sum += run;
        i += run > 0 ? run : 1;
    }
    return sum;
}

/* The ledger agrees that `free` registers are free; quiescent only. */
static inline bool ms_ledger_agrees(const struct ms_ledger *ledger, uint32_t free)
{
    return !MS_ASSERTS_ON || ms_ledger_sum(ledger) == ledger->registers - free;
}

#endif
