/* SPDX-License-Identifier: MIT */
/*
 * serve: waiting requests, carried on by whoever comes by. The theory is that of channel.c; what is here moves
 * WAITING requests to READY, and nothing else.
 *
 * Idea        a request waits for one thing at a time: to be first, for a DMA channel, for registers. For the
 *             last two it shows a ticket at a turnstile; whoever gives something back serves the lowest.
 * Picture     tickets {7: needs 3, hoard 2} {9: needs 1} <- server A searches for 7, and so does B
 * Invariants  I1 every event is followed by a look of its own thread: registers that go back, also from a
 *                search that held them in passing (registers.h, take), a ticket shown, a wait that ends.
 *                A look reads who is first, then searches for that one
 *             I2 a look that finds too little ends the serving: nobody looks again for another's failure
 *             I3 who waits shows its ticket before its call returns, if it is first of its adapter, so
 *                nobody who asks later comes before it (QUE-05): a ticket of an ended wait, which its
 *                server has not cleared yet, is cleared by who wants the slot, not waited for
 *             No wake-up is lost, though two looks may each miss what the other holds for a moment: of
 *             all looks take the one that began last. Whatever was put back later would have been followed
 *             by a look that began later; so from its beginning on nothing went back and nobody came or
 *             left. It saw who is first and all that is free, and what fitted it granted.
 *             A run pushed into the hoard of one who was first, and is not, lies where no search finds it:
 *             its pusher looks for earlier tickets, whoever serves those empties the hoards behind.
 * Ordering    hb:turnstile-dekker, hb:hoard-dekker: see pool.c and turnstile.c. "Began last" is the order of
 *             the sequentially consistent operations: gives, searches, tickets.
 * ABA         that of channel.c: a look belongs to the list's head word, a hoard to a life
 * Progress    lock-free, and bounded: a look is followed by another one of the same server only after an
 *             event: a grant, a ticket shown or cleared, a queue that moved, a hoard emptied for an earlier
 *             ticket. Of these no more happen than requests come, give or leave, so servers in lockstep
 *             end. A stopped server holds what is in its hands, and owes one look for what it put back;
 *             whatever else it left can be done by the next, and a server that finds another's work done
 *             goes on.
 */
#include "adapter/channel.h"
#include "adapter/grant_steps.h"

/* The ticket of this life, drawn once by whoever needs it first; 0: the life is over. */
static uint64_t grant_ticket(ms_atomic_u64 *ticket, struct ms_turnstile *gate, uint32_t serial)
{
    union ticket_word seen = {.raw = ms_load_acquire(ticket)};

    if (seen.serial != (serial & 0xFFFFFF))
        return 0;
    if (seen.ticket == 0) {
        union ticket_word drawn = seen;
        drawn.ticket = ms_turnstile_ticket(gate) & ((UINT64_C(1) << 40) - 1);
        if (ms_cas_acq_rel(ticket, &seen.raw, drawn.raw))
            return drawn.ticket;
        if (seen.serial != (serial & 0xFFFFFF))
            return 0;
    }
    return seen.ticket;
}

/* Who shows a ticket where DMA channels are waited for. */
struct gate_waiter {
    struct ms_adapter *adapter;
    struct ms_grant *grant; /* first of the adapter's queue, or NULL */
    union ms_grant_word word;
    uint64_t none;   /* its channel, as long as it has none */
    bool is_waiting; /* the ticket is this grant's; else that wait is over */
};

/* False: the queue changed meanwhile, look again. */
static bool gate_waiter_look(struct ms_dma *dma, uint32_t slot, uint64_t ticket,
                             struct gate_waiter *waiter)
{
    struct ms_adapter *adapter = &dma->adapter[slot];
    struct ms_waitlist_first first = ms_waitlist_first_get(&adapter->queue, dma->links);
    struct ms_grant *grant = first.node == MS_WAITLIST_NONE ? NULL : &dma->grants[first.node];
    union ms_grant_word word = grant ? ms_grant_look(grant) : (union ms_grant_word){.raw = 0};
    union ticket_word drawn = {.raw = grant ? ms_load_acquire(&grant->gate_ticket) : 0};
    uint64_t none = grant ? ms_load_acquire(&grant->channel) : 0; /* hb:next-life */

    *waiter = (struct gate_waiter){
        .adapter = adapter,
        .grant = grant,
        .word = word,
        .none = none,
        .is_waiting = grant && word.phase == GRANT_WAITING && drawn.ticket == ticket &&
                      (uint32_t)none == MS_GRANT_CHANNEL_NONE,
    };
    return ms_waitlist_is_first(&adapter->queue, first);
}

/* Serves those who wait for a DMA channel in the order of their tickets (QUE-04). */
void ms_gate_serve(struct ms_cpu *cpu, struct ms_dma *dma, uint32_t gate)
{
    struct ms_turnstile *turnstile = &dma->gate[gate];

    for (;;) {
        struct gate_waiter first;
        uint64_t ticket;
        uint32_t slot = ms_turnstile_first(turnstile, &ticket);
        uint32_t channel;
        if (slot == MS_TURNSTILE_SLOTS)
            return;
        if (!gate_waiter_look(dma, slot, ticket, &first))
            continue;
        if (!first.is_waiting) {
            ms_turnstile_unwait(turnstile, slot, ticket); /* that wait is over */
            ms_adapter_note(cpu, first.adapter);
            continue;
        }
        channel = ms_channel_take(first.adapter->controller, first.adapter->line);
        if (channel == UINT32_MAX) {
            if (ms_grant_look(first.grant).raw != first.word.raw)
                continue; /* cancelled meanwhile */
            return;
        }
        if (!ms_cas_acq_rel(&first.grant->channel, &first.none, first.none + 1 + channel))
            ms_channel_give(first.adapter->controller,
                            channel); /* somebody else served it, or it ended */
    }
}

/* The first of an adapter shows its ticket, though an ended wait's may still be in the slot. When that
 * shown is of a wait that goes on, or the queue moved, our caller is late: somebody else looks for it. */
static void gate_show(struct ms_adapter *adapter, uint64_t ticket)
{
    struct ms_turnstile *gate = &adapter->dma->gate[adapter->gate];
    struct gate_waiter other;
    uint64_t shown;

    while ((shown = ms_turnstile_wait(gate, adapter->index, ticket)) != ticket) {
        if (!gate_waiter_look(adapter->dma, adapter->index, shown, &other) || other.is_waiting)
            return;
        ms_turnstile_unwait(gate, adapter->index, shown);
    }
}

/* The first of a system adapter has its channel; else it waits for one now. */
static bool channel_stage(struct ms_cpu *cpu, struct ms_adapter *adapter, struct ms_grant *grant,
                          union ms_grant_word word)
{
    struct ms_turnstile *gate = &adapter->dma->gate[adapter->gate];
    uint64_t ticket;

    if (ms_grant_channel(grant, (uint32_t)word.serial) != UINT32_MAX)
        return true;
    ticket = grant_ticket(&grant->gate_ticket, gate, (uint32_t)word.serial);
    if (ticket == 0)
        return false;
    gate_show(adapter, ticket);
    ms_gate_serve(cpu, adapter->dma, adapter->gate);
    return ms_grant_channel(grant, (uint32_t)word.serial) != UINT32_MAX;
}

/* Who shows a ticket at a pool's turnstile. */
struct pool_waiter {
    struct ms_adapter *adapter;
    struct ms_grant *grant; /* first of the adapter's queue, or NULL */
    union ms_grant_word word;
    uint32_t need;
    bool is_waiting; /* the ticket is this grant's; else that wait is over */
};

/* False: the queue changed meanwhile, look again. */
static bool pool_waiter_look(struct ms_dma *dma, uint32_t slot, uint64_t ticket,
                             struct pool_waiter *waiter)
{
    struct ms_adapter *adapter = &dma->adapter[slot];
    struct ms_waitlist_first first = ms_waitlist_first_get(&adapter->queue, dma->links);
    struct ms_grant *grant = first.node == MS_WAITLIST_NONE ? NULL : &dma->grants[first.node];
    union ms_grant_word word = grant ? ms_grant_look(grant) : (union ms_grant_word){.raw = 0};
    union ticket_word drawn = {.raw = grant ? ms_load_acquire(&grant->ticket) : 0};

    *waiter = (struct pool_waiter){
        .adapter = adapter,
        .grant = grant,
        .word = word,
        .need = grant ? ms_load_acquire(&grant->need) : 0, /* hb:next-life */
        .is_waiting = grant && word.phase == GRANT_WAITING && drawn.ticket == ticket,
    };
    return ms_waitlist_is_first(&adapter->queue, first);
}

/* As gate_show, for registers. */
static void pool_show(struct ms_adapter *adapter, uint64_t ticket)
{
    struct ms_turnstile *waiters = &adapter->pool->waiters;
    struct pool_waiter other;
    uint64_t shown;

    while ((shown = ms_turnstile_wait(waiters, adapter->index, ticket)) != ticket) {
        if (!pool_waiter_look(adapter->dma, adapter->index, shown, &other) || other.is_waiting)
            return;
        ms_turnstile_unwait(waiters, adapter->index, shown);
    }
}

/* Nothing fits for the one with `ticket`. True when that may no longer be so, or no longer matter: an
 * earlier one waits now, or something was collected for those behind and goes back here: a server
 * that looked before this ticket was shown did that. hb:hoard-dekker */
static bool pool_look_again(struct ms_cpu *cpu, struct ms_dma *dma, struct ms_pool *pool,
                            uint64_t ticket)
{
    struct pool_waiter later;
    bool has_earlier, unused;
    bool has_spilled = false;
    uint32_t slot = ms_turnstile_after(&pool->waiters, ticket, &ticket, &has_earlier);

    while (!has_earlier && slot != MS_TURNSTILE_SLOTS) {
        /* Whose queue is changing is served by whoever changes it, who looks for us too. */
        if (pool_waiter_look(dma, slot, ticket, &later) && later.is_waiting)
            has_spilled |= ms_hoard_spill(&later.grant->hoard, (uint32_t)later.word.serial, pool,
                                          cpu->index, later.need);
        slot = ms_turnstile_after(&pool->waiters, ticket, &ticket, &unused);
    }
    return has_earlier || has_spilled;
}

/* Serves the pool's waiters in the order of their tickets until one can not be served (QUE-05). Called
 * after each give, each take, and by whoever began to wait, or left; the theory at the head says why
 * one failure is enough. */
void ms_waiters_serve(struct ms_cpu *cpu, struct ms_dma *dma, struct ms_pool *pool)
{
    for (;;) {
        struct pool_waiter first;
        uint64_t ticket;
        uint32_t slot = ms_turnstile_first(&pool->waiters, &ticket);
        enum ms_collected collected;
        if (slot == MS_TURNSTILE_SLOTS)
            return;
        if (!pool_waiter_look(dma, slot, ticket, &first))
            continue;
        if (!first.is_waiting) {
            ms_turnstile_unwait(&pool->waiters, slot, ticket); /* it is over, not cleared yet */
            if (first.grant)
                ms_adapter_note(cpu, first.adapter);
            continue;
        }
        collected = ms_hoard_collect(&first.grant->hoard, (uint32_t)first.word.serial, pool,
                                     cpu->index, ms_want_of(first.adapter, first.need));
        if (collected == MS_COLLECTED_OTHERS)
            continue;
        if (collected == MS_COLLECTED_TOO_FEW) {
            if (ms_grant_look(first.grant).raw != first.word.raw)
                continue; /* cancelled or granted meanwhile */
            if (pool_look_again(cpu, dma, pool, ticket))
                continue;
            return;
        }
        ms_grant_move(dma, first.grant, (uint32_t)first.word.serial, step_grant);
        ms_turnstile_unwait(&pool->waiters, slot, ticket);
        ms_adapter_note(cpu, first.adapter);
    }
}

/* The first of an adapter waits: for nothing, or for registers. */
static void waiting_advance(struct ms_cpu *cpu, struct ms_adapter *adapter,
                            struct ms_waitlist_first first, struct ms_grant *grant,
                            union ms_grant_word word)
{
    struct ms_dma *dma = adapter->dma;
    uint32_t need = ms_load_acquire(&grant->need); /* hb:next-life */
    uint64_t ticket;

    if (!ms_waitlist_is_first(&adapter->queue, first))
        return;
    if (adapter->controller && !channel_stage(cpu, adapter, grant, word))
        return;
    if (need == 0) {
        ms_grant_move(dma, grant, (uint32_t)word.serial, step_grant);
        return;
    }
    ticket = grant_ticket(&grant->ticket, &adapter->pool->waiters, (uint32_t)word.serial);
    if (ticket == 0)
        return;
    pool_show(adapter, ticket);
    ms_waiters_serve(cpu, dma, adapter->pool);
}

/* Carries the first of the adapter's list as far as it goes. */
void ms_adapter_advance(struct ms_cpu *cpu, struct ms_adapter *adapter)
{
    struct ms_dma *dma = adapter->dma;

    for (;;) {
        struct ms_waitlist_first first = ms_waitlist_first_get(&adapter->queue, dma->links);
        if (first.node == MS_WAITLIST_NONE)
            return;
        struct ms_grant *grant = &dma->grants[first.node];
        union ms_grant_word word = ms_grant_look(grant);
        if (!ms_waitlist_is_first(&adapter->queue, first))
            continue;
        if (word.phase == GRANT_WAITING) {
            waiting_advance(cpu, adapter, first, grant, word);
            if (ms_grant_look(grant).raw == word.raw &&
                ms_waitlist_is_first(&adapter->queue, first))
                return; /* still waiting: a give serves it */
        } else if (word.phase == GRANT_READY) {
            ms_grant_enter(cpu, adapter, grant, (uint32_t)word.serial);
        } else if (word.owns) {
            return;
        } else {
            ms_waitlist_remove_first(&adapter->queue, dma->links, first); /* its thread is late */
        }
    }
}
