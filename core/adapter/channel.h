/* SPDX-License-Identifier: MIT */
/*
 * channel.h: what channel.c (requests begin and end) and serve.c (requests wait) share; private to these two.
 */
#ifndef MS_CHANNEL_H
#define MS_CHANNEL_H

#include "adapter/grant.h"

union ticket_word {
    struct {
        uint64_t ticket : 40;
        uint64_t serial : 24;
    };
    uint64_t raw;
};

static inline struct ms_pool_want ms_want_of(const struct ms_adapter *adapter, uint32_t registers)
{
    return (struct ms_pool_want){
        .count = registers,
        .contiguous = adapter->is_packet, /* MRG-05 */
        .boundary = adapter->register_boundary,
    };
}

typedef bool grant_step(union ms_grant_word *word);

/* --- channel.c --- */

/* Applies a step to that life of the grant until it sticks (true) or refuses. Lock-free. */
bool ms_grant_move(struct ms_dma *dma, struct ms_grant *grant, uint32_t serial, grant_step *step);
/* READY -> HELD; the one who makes it takes what was collected and enters the routine. */
void ms_grant_enter(struct ms_cpu *cpu, struct ms_adapter *adapter, struct ms_grant *grant,
                    uint32_t serial);
/* The adapter is looked at when the outermost call ends. Owner of the CPU. */
void ms_adapter_note(struct ms_cpu *cpu, const struct ms_adapter *adapter);

/* --- serve.c --- */

/* Carries the first of the adapter's list as far as it goes. Lock-free. */
void ms_adapter_advance(struct ms_cpu *cpu, struct ms_adapter *adapter);
/* Serves the pool's waiters in the order of their tickets until one can not be served (QUE-05). */
void ms_waiters_serve(struct ms_cpu *cpu, struct ms_dma *dma, struct ms_pool *pool);
/* Serves those who wait for a DMA channel in the order of their tickets (QUE-04). */
void ms_gate_serve(struct ms_cpu *cpu, struct ms_dma *dma, uint32_t gate);

#endif
