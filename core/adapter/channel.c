/* SPDX-License-Identifier: MIT */
/*
 * channel: who owns an adapter, who waits for it and for registers, how a grant begins and ends.
 *
 * Idea        being first in the adapter's list IS owning it, or being next to. So there is no
 *             moment in which an adapter is free and somebody waits: releasing is leaving the list,
 *             and whoever leaves, appends or passes by looks at the first and carries it one step
 *             on. A request that can be granted at once enters an empty list with its registers
 *             already in hand.
 * Picture     queue -> [7 HELD owns] -> [3 WAITING] -> [9 WAITING]
 *             after 7 left: 3 shows a ticket at its pool, collects, becomes READY, is entered, HELD
 * Steps       FREE -> WAITING -> READY -> HELD -> FREE, WAITING -> CANCELLED -> FREE,
 *             FREE -> HELD (at once)
 *             HELD loses `owns`, `has`, `running`, `linked` one by one, in any order, each by one
 *             CAS; the step that clears the last recycles the grant.
 * Invariants  I1 only the first of a list can be READY or own
 *             I2 a grant is recycled only after its node left the list and its hoard is closed
 *             I3 READY -> HELD is made once; who makes it enters the routine (QUE-10)
 *             I4 a serial never repeats within 2^32 lives, so a step meant for one life fails on
 *                the next
 * Ordering    hb:grant  preparing writes the plain fields, then the state is released; each step
 *             acquires it. What the routine's thread wrote before a release is seen by the next
 *             life's preparer through hb:grant-free.
 *             hb:next-life  what a helper reads of a life it then checks (`need`, `context`, `channel`) is
 *             released by the preparer and acquired: who reads the next life's value finds, in its check, that the
 *             last is over. Relaxed, the check could be of the old words still, and a DMA channel taken for a
 *             waiter that is gone would be given to a life that does not wait yet, and be lost.
 * ABA         every step is a CAS on the whole word with serial. A helper reads state, ticket and
 *             need between two looks at the list's head word (ms_waitlist_is_first), so they belong
 *             to the life it found there.
 * Progress    lock-free: appending, cancelling, releasing and helping never wait; what a stopped
 *             thread left undone (a READY grant not entered, a released one still linked, a ticket
 *             not cleared) is done by the next thread that calls on the same adapter or pool. A
 *             thread that stops inside a routine, or between entering and calling it, holds what it
 *             was granted: the contract gives it the adapter until then.
 * Not done    nothing is handed out past the first waiter of a pool (QUE-05): a large request makes
 *             small ones of other adapters wait.
 */
#include "adapter/channel.h"
#include "adapter/grant_steps.h"

static void grant_recycle(struct ms_dma *dma, struct ms_grant *grant, union ms_grant_word word)
{
    union ms_grant_word next = {.raw = 0};

    next.phase = GRANT_FREE;
    next.serial = (uint32_t)(word.serial + 1);
    ms_store_release(&grant->state, next.raw); /* hb:grant; nobody steps on a word that is over */
    ms_grant_untake(dma, grant);
}

/* Applies `step` to that life of the grant until it sticks or refuses; recycles what is over then.
 * What the word became, or 0 when the step refused. */
static union ms_grant_word grant_step_apply(struct ms_dma *dma, struct ms_grant *grant,
                                            uint32_t serial, grant_step *step)
{
    union ms_grant_word seen = ms_grant_look(grant);

    for (;;) {
        union ms_grant_word next = seen;
        if (seen.serial != serial || !step(&next))
            return (union ms_grant_word){.raw = 0};
        if (!ms_cas_acq_rel(&grant->state, &seen.raw, next.raw))
            continue;
        if (word_is_over(next)) {
            ms_list_clear(dma, &dma->lists[ms_grant_index(dma, grant)]); /* it was cancelled */
            grant_recycle(dma, grant, next);
        }
        return next;
    }
}

bool ms_grant_move(struct ms_dma *dma, struct ms_grant *grant, uint32_t serial, grant_step *step)
{
    return grant_step_apply(dma, grant, serial, step).raw != 0;
}

/* --- postponing: callbacks never nest deeper than one (QUE-08) --- */

enum { DEFERRED_POOLS = MS_ADAPTER_WORDS, DEFERRED_GATES = MS_REACHES * MS_POOL_KINDS };
static_assert(DEFERRED_GATES + MS_GATES_MAX <= 64, "pools and gates share one word");
static_assert(sizeof(((struct ms_cpu *)0)->deferred) / sizeof(uint64_t) >= DEFERRED_POOLS + 1,
              "one bit per adapter and one word for pools and gates");

static struct ms_cpu *cpu_of(struct ms_dma *dma)
{
    return ms_cpu_enter(dma->kernel);
}

static uint32_t pool_number(const struct ms_dma *dma, const struct ms_pool *pool)
{
    for (uint32_t i = 0; i < MS_REACHES * MS_POOL_KINDS; i++)
        if (dma->pool[i / MS_POOL_KINDS][i % MS_POOL_KINDS] == pool)
            return i;
    ms_require(false);
    return 0;
}

void ms_adapter_note(struct ms_cpu *cpu, const struct ms_adapter *adapter)
{
    cpu->deferred[adapter->index / 64] |= UINT64_C(1) << (adapter->index % 64);
}

static void note_gate(struct ms_cpu *cpu, uint32_t gate)
{
    cpu->deferred[DEFERRED_POOLS] |= UINT64_C(1) << (DEFERRED_GATES + gate);
}

static void note_pool(struct ms_cpu *cpu, const struct ms_dma *dma, const struct ms_pool *pool)
{
    cpu->deferred[DEFERRED_POOLS] |= UINT64_C(1) << pool_number(dma, pool);
}

/* Does all that was noted. */
static void run_noted(struct ms_cpu *cpu, struct ms_dma *dma)
{
    cpu->depth++;
    for (uint32_t word = 0; word <= DEFERRED_POOLS;) {
        if (cpu->deferred[word] == 0) {
            word++;
            continue;
        }
        uint32_t bit = ms_bit_lowest(cpu->deferred[word]);
        cpu->deferred[word] &= ~(UINT64_C(1) << bit);
        if (word < DEFERRED_POOLS)
            ms_adapter_advance(cpu, &dma->adapter[word * 64 + bit]);
        else if (bit < DEFERRED_GATES)
            ms_waiters_serve(cpu, dma, dma->pool[bit / MS_POOL_KINDS][bit % MS_POOL_KINDS]);
        else
            ms_gate_serve(cpu, dma, bit - DEFERRED_GATES);
        word = 0; /* a callback may have noted any of them again */
    }
    cpu->depth--;
}

VOID ms_channel_dpc(PKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1, PVOID SystemArgument2)
{
    struct ms_dma *dma = DeferredContext;
    struct ms_cpu *cpu = cpu_of(dma);

    (void)Dpc, (void)SystemArgument1, (void)SystemArgument2;
    for (uint32_t word = 0; word <= DEFERRED_POOLS; word++)
        cpu->deferred[word] |= ms_exchange_acq_rel(&dma->handed[word], 0); /* hb:handed */
    run_noted(cpu, dma);
}

/* What was noted is done by the machine's DPC thread. The notes are no more than hints to look: what
 * they lead to is in the queues. */
static void hand_over(struct ms_cpu *cpu, struct ms_dma *dma)
{
    uint64_t any = 0;

    for (uint32_t word = 0; word <= DEFERRED_POOLS; word++) {
        any |= cpu->deferred[word];
        if (cpu->deferred[word])
            ms_fetch_or_acq_rel(&dma->handed[word], cpu->deferred[word]); /* hb:handed */
        cpu->deferred[word] = 0;
    }
    if (any)
        KeInsertQueueDpc(&dma->dpc, NULL, NULL);
}

/* Does all that was noted, unless we are inside a callback: then its caller's call does it; or hands
 * it on, if the machine is made so (QUE-07). */
static void run_deferred(struct ms_cpu *cpu, struct ms_dma *dma)
{
    if (cpu->depth > 0)
        return;
    if (dma->config.defer_grants)
        hand_over(cpu, dma);
    else
        run_noted(cpu, dma);
}

/* --- ending: ownership, registers, the routine's return --- */

static void registers_give(struct ms_cpu *cpu, struct ms_adapter *adapter, struct ms_reg_set set)
{
    struct ms_pool *pool = adapter->pool;

    if (set.count == 0)
        return;
    ms_pool_give(pool, cpu->index, set);
    if (ms_turnstile_has_waiters(&pool->waiters))
        note_pool(cpu, adapter->dma, pool);
}

/* Gives a DMA channel back as the next owner expects it, and lets whoever waits for one know. */
static void channel_give(struct ms_cpu *cpu, struct ms_adapter *adapter, uint32_t channel)
{
    ms_channel_leave(adapter->controller, channel);
    ms_channel_give(adapter->controller, channel);
    if (ms_turnstile_has_waiters(&adapter->dma->gate[adapter->gate])) /* hb:turnstile-dekker */
        note_gate(cpu, adapter->gate);
}

/* Ends what this life of the grant has of a channel; by the one whose step ended its ownership or
 * cancelled it. */
static void grant_channel_end(struct ms_cpu *cpu, struct ms_adapter *adapter,
                              struct ms_grant *grant, uint32_t serial)
{
    uint64_t closed = (uint64_t)serial << 32 | MS_GRANT_CHANNEL_CLOSED;
    uint64_t was = ms_exchange_acq_rel(&grant->channel, closed);

    ms_assert((uint32_t)(was >> 32) == serial && was != closed);
    if ((uint32_t)was != MS_GRANT_CHANNEL_NONE)
        channel_give(cpu, adapter, (uint32_t)was - 1);
}

/* The node leaves the list, and `linked` with it. By the one whose step ended the ownership. */
static void grant_unlink(struct ms_cpu *cpu, struct ms_adapter *adapter, struct ms_grant *grant,
                         uint32_t serial)
{
    struct ms_dma *dma = adapter->dma;

    ms_waitlist_remove(&adapter->queue, dma->links, ms_grant_index(dma, grant));
    ms_grant_move(dma, grant, serial, step_unlinked);
    ms_adapter_note(cpu, adapter);
}

static void grant_disown_by(struct ms_cpu *cpu, struct ms_adapter *adapter, struct ms_grant *grant,
                            uint32_t serial, grant_step *step)
{
    if (!ms_grant_move(adapter->dma, grant, serial, step))
        return;
    if (adapter->controller)
        grant_channel_end(cpu, adapter, grant, serial);
    grant_unlink(cpu, adapter, grant, serial);
}

static void grant_disown(struct ms_cpu *cpu, struct ms_adapter *adapter, struct ms_grant *grant,
                         uint32_t serial)
{
    grant_disown_by(cpu, adapter, grant, serial,
                    adapter->controller ? step_disown_channel : step_disown);
}

static bool grant_drop(struct ms_cpu *cpu, struct ms_adapter *adapter, struct ms_grant *grant,
                       uint32_t serial, grant_step *step)
{
    union ms_grant_word word = ms_grant_look(grant);   /* hb:grant: before the registers are read */
    struct ms_reg_set set = ms_grant_registers(grant); /* of this life, if the step sticks */

    if (word.serial != serial || !step(&word))
        return false; /* what is entered this very moment has registers that were not read */
    /* FRE-13: a transfer that runs is stopped before its registers are somebody else's. */
    if (adapter->controller)
        ms_system_stop(adapter, grant, serial);
    if (!ms_grant_move(adapter->dma, grant, serial, step))
        return false;
    registers_give(cpu, adapter, set);
    return true;
}

/* Its list is being made, in its registers: until it is there, they are its maker's. Who puts a list claims it, then
 * ends its mapping (hb:mapping), so one that still has none when that was looked for has not been made. */
static bool is_being_listed(const struct ms_grant *grant, union ms_grant_word word)
{
    return word.listed && ms_load_acquire(&grant->mapping) != MAPPING_MAPPED &&
           ms_grant_look(grant).listed;
}

bool ms_channel_release_registers(struct ms_adapter *adapter, struct ms_grant *grant,
                                  uint32_t serial)
{
    struct ms_cpu *cpu = cpu_of(adapter->dma);
    bool done = !is_being_listed(grant, ms_grant_look(grant)) &&
                grant_drop(cpu, adapter, grant, serial, step_drop);

    run_deferred(cpu, adapter->dma);
    return done;
}

bool ms_channel_claim_list(struct ms_dma *dma, struct ms_grant *grant, uint32_t serial)
{
    return ms_grant_move(dma, grant, serial, step_claim_list);
}

void ms_channel_release_list(struct ms_adapter *adapter, struct ms_grant *grant, uint32_t serial)
{
    struct ms_cpu *cpu = cpu_of(adapter->dma);

    /* Nothing when FreeAdapterObject came first. */
    grant_drop(cpu, adapter, grant, serial, step_drop_put);
    if (adapter->controller)
        grant_disown_by(cpu, adapter, grant, serial, step_disown); /* SGL-09 */
    ms_grant_move(adapter->dma, grant, serial, step_put);
    run_deferred(cpu, adapter->dma);
}

struct ms_grant *ms_channel_owner(struct ms_adapter *adapter, union ms_grant_word *word)
{
    struct ms_dma *dma = adapter->dma;

    for (;;) {
        struct ms_waitlist_first first = ms_waitlist_first_get(&adapter->queue, dma->links);
        if (first.node == MS_WAITLIST_NONE)
            return NULL;
        struct ms_grant *grant = &dma->grants[first.node];
        *word = ms_grant_look(grant);
        if (ms_waitlist_is_first(&adapter->queue, first))
            return word->owns ? grant : NULL;
    }
}

void ms_channel_release_owner(struct ms_adapter *adapter, bool keep_registers, bool kept_only)
{
    struct ms_cpu *cpu = cpu_of(adapter->dma);
    union ms_grant_word word;
    struct ms_grant *grant = ms_channel_owner(adapter, &word);

    /* One that is being entered is nobody's yet: its driver was told nothing. */
    if (!grant || word.phase != GRANT_HELD || word.entering || (kept_only && word.running) ||
        is_being_listed(grant, word))
        return; /* FRE-11 */
    if (!keep_registers)
        grant_drop(cpu, adapter, grant, (uint32_t)word.serial, step_drop);
    grant_disown(cpu, adapter, grant, (uint32_t)word.serial);
    run_deferred(cpu, adapter->dma);
}

PVOID ms_channel_owner_context(struct ms_adapter *adapter)
{
    struct ms_dma *dma = adapter->dma;

    for (;;) {
        struct ms_waitlist_first first = ms_waitlist_first_get(&adapter->queue, dma->links);
        if (first.node == MS_WAITLIST_NONE)
            return NULL;
        struct ms_grant *grant = &dma->grants[first.node];
        union ms_grant_word word = ms_grant_look(grant);
        PVOID context = ms_load_acquire(&grant->context); /* hb:next-life */
        if (ms_waitlist_is_first(&adapter->queue, first))
            return word.owns ? context : NULL;
    }
}

/* Does what the routine's answer says, to this grant only (EXR-11, EXR-12). */
static void action_apply(struct ms_cpu *cpu, struct ms_adapter *adapter, struct ms_grant *grant,
                         uint32_t serial, IO_ALLOCATION_ACTION action)
{
    if (action != KeepObject && action != DeallocateObjectKeepRegisters)
        grant_drop(cpu, adapter, grant, serial, step_drop); /* DeallocateObject, and EXR-14 */
    if (action != KeepObject)
        grant_disown(cpu, adapter, grant, serial);
    ms_grant_move(adapter->dma, grant, serial, step_returned);
}

/* What the driver calls its registers: NULL for none, when the machine is made so (MRG-07, MRG-09). */
static PVOID base_of(const struct ms_dma *dma, const struct ms_grant *grant, uint32_t serial)
{
    return ms_grant_look(grant).bare ? NULL : ms_grant_base(dma, grant, serial);
}

IO_ALLOCATION_ACTION ms_channel_enter(struct ms_adapter *adapter, struct ms_grant *grant,
                                      uint32_t serial, const struct ms_request *request)
{
    (void)request;
    return grant->routine(grant->device, grant->irp, base_of(adapter->dma, grant, serial),
                          grant->routine_context); /* EXR-01 */
}

/* Calls the driver. The grant is HELD and running; its context is the driver's again (TCX-12). */
static void routine_run(struct ms_cpu *cpu, struct ms_adapter *adapter, struct ms_grant *grant,
                        uint32_t serial, const struct ms_request *request)
{
    KIRQL irql = cpu->irql;
    IO_ALLOCATION_ACTION action;

    cpu->depth++;
    cpu->irql = DISPATCH_LEVEL; /* EXR-01, IRQ-23 */
    ms_data_read(&grant->enter, sizeof grant->enter);
    action = grant->enter(adapter, grant, serial, request);
    cpu->irql = irql;
    cpu->depth--;
    action_apply(cpu, adapter, grant, serial, action);
}

/* --- waiting requests, carried on by whoever comes by --- */

/* Its adapter was put before anybody was told of it: all of it goes, as if it had been cancelled. */
static void grant_end_doomed(struct ms_cpu *cpu, struct ms_adapter *adapter, struct ms_grant *grant,
                             uint32_t serial)
{
    if (ms_channel_claim_list(adapter->dma, grant, serial)) {
        ms_list_clear(adapter->dma, &adapter->dma->lists[ms_grant_index(adapter->dma, grant)]);
        grant_drop(cpu, adapter, grant, serial, step_drop_put);
        ms_grant_move(adapter->dma, grant, serial, step_put);
    }
    action_apply(cpu, adapter, grant, serial, DeallocateObject);
}

/* READY -> HELD; the one who makes it takes what was collected and enters the routine. */
void ms_grant_enter(struct ms_cpu *cpu, struct ms_adapter *adapter, struct ms_grant *grant,
                    uint32_t serial)
{
    PVOID context;

    if (!ms_grant_move(adapter->dma, grant, serial, step_enter))
        return;
    ms_grant_registers_set(grant, ms_hoard_close(&grant->hoard, serial));
    context = ms_load_relaxed(&grant->context);
    if (context)
        ms_context_unqueue(context, ms_grant_index(adapter->dma, grant), serial, false);
    if (adapter->controller)
        ms_system_granted(adapter, grant, serial);
    ms_data_read(&grant->enter, sizeof grant->enter);
    ms_failure_forget(adapter, grant->asker);
    /* Who makes a list on a channel is done when that runs. */
    if (!(adapter->controller && ms_grant_look(grant).listed) &&
        ms_channel_entered(adapter->dma, grant, serial)) {
        grant_end_doomed(cpu, adapter, grant, serial);
        return;
    }
    routine_run(cpu, adapter, grant, serial, NULL);
}

/* --- beginning --- */

static struct ms_grant *grant_prepare(const struct ms_request *request, uint32_t *serial)
{
    struct ms_adapter *adapter = request->adapter;
    struct ms_grant *grant = ms_grant_take(adapter->dma);

    if (!grant)
        return NULL;
    *serial = (uint32_t)ms_grant_look(grant).serial;
    ms_store_relaxed(&grant->adapter, adapter); /* published by the state: hb:grant */
    ms_store_relaxed(&grant->mapping, MAPPING_NONE);
    /* hb:next-life */
    ms_store_release(&grant->context, request->context);
    ms_store_release(&grant->channel, (uint64_t)*serial << 32 | MS_GRANT_CHANNEL_NONE);
    ms_store_relaxed(&grant->gate_ticket, (union ticket_word){.serial = *serial & 0xFFFFFF}.raw);
    grant->head = NULL;
    grant->asker = ms_asker_of(cpu_of(adapter->dma));
    ms_grant_registers_set(grant, (struct ms_reg_set){.head = MS_REG_NONE, .count = 0});
    grant->count = request->registers;
    grant->device = request->device;
    grant->irp = request->device ? request->device->CurrentIrp : NULL; /* EXR-02 */
    ms_data_write(&grant->enter, sizeof grant->enter); /* for all plain fields of the request */
    grant->routine = request->routine;
    grant->routine_context = request->routine_context;
    grant->enter = request->enter;
    if (request->list) {
        struct ms_list *record = &adapter->dma->lists[ms_grant_index(adapter->dma, grant)];
        record->plan = *request->list;
        ms_store_relaxed(&record->list, request->list->list); /* published by the state */
    }
    return grant;
}

/* Registers a request really takes: none on an adapter that can never need any (DDX-33). */
static uint32_t registers_needed(const struct ms_request *request)
{
    return request->adapter->pool ? request->registers : 0;
}

/* A grant without registers gets no name for them: an option, off by default (MRG-09). */
static bool request_is_bare(const struct ms_request *request)
{
    return request->adapter->dma->config.null_bases && !request->list &&
           registers_needed(request) == 0;
}

static void held_publish(struct ms_grant *grant, uint32_t serial, const struct ms_request *request)
{
    union ms_grant_word word = {.raw = 0};

    word.phase = GRANT_HELD;
    word.linked = 1;
    word.owns = 1;
    word.bare = request_is_bare(request);
    word.has = !word.bare;
    word.running = request->enter != NULL;
    word.listed = request->list != NULL;
    word.entering = word.listed && request->adapter->controller;
    word.adapter = request->adapter->index & 0xFF;
    word.serial = serial;
    ms_store_release(&grant->state, word.raw); /* hb:grant */
}

static void grant_unprepare(struct ms_dma *dma, struct ms_grant *grant, uint32_t serial)
{
    union ms_grant_word word = {.raw = 0};

    word.serial = serial;
    /* What its list is made of stays the requester's. */
    ms_store_relaxed(&dma->lists[ms_grant_index(dma, grant)].list, NULL);
    grant_recycle(dma, grant, word);
}

/* Takes registers and the adapter in one go, if nobody is there; NULL: not now. */
static struct ms_grant *grant_at_once(struct ms_cpu *cpu, const struct ms_request *request,
                                      uint32_t *serial)
{
    struct ms_adapter *adapter = request->adapter;
    struct ms_dma *dma = adapter->dma;
    uint32_t need = registers_needed(request);
    struct ms_reg_set set = {.head = MS_REG_NONE, .count = 0};
    uint32_t channel = UINT32_MAX;
    struct ms_grant *grant;

    if (ms_waitlist_first_get(&adapter->queue, dma->links).node != MS_WAITLIST_NONE)
        return NULL;
    grant = grant_prepare(request, serial);
    if (!grant)
        return NULL;
    /* While the context names the grant, a cancel finds a request that is about to be granted and
     * says FALSE; without, it could mark an idle context and say TRUE (CAC-05). */
    if (request->context &&
        !NT_SUCCESS(ms_context_queue(dma, request->context, ms_grant_index(dma, grant), *serial)))
        goto undo_grant;
    if (need > 0) {
        bool is_taken = ms_pool_take(adapter->pool, cpu->index, ms_want_of(adapter, need), &set);
        /* What the attempt held and put back may be what somebody began to wait for meanwhile. */
        if (ms_turnstile_has_waiters(&adapter->pool->waiters)) /* hb:turnstile-dekker */
            note_pool(cpu, dma, adapter->pool);
        if (!is_taken)
            goto undo_prepare;
    }
    ms_grant_registers_set(grant, set);
    if (adapter->controller) {
        channel = ms_turnstile_has_waiters(&dma->gate[adapter->gate])
                      ? UINT32_MAX
                      : ms_channel_take(adapter->controller, adapter->line);
        if (channel == UINT32_MAX)
            goto undo_take;
        /* hb:next-life */
        ms_store_release(&grant->channel, (uint64_t)*serial << 32 | (1 + channel));
    }
    held_publish(grant, *serial, request);
    if (!ms_waitlist_append_if_empty(&adapter->queue, dma->links, ms_grant_index(dma, grant)))
        goto undo_channel;
    if (request->context) /* TCX-12: before the routine is entered */
        ms_context_unqueue(request->context, ms_grant_index(dma, grant), *serial, false);
    if (adapter->controller)
        ms_system_granted(adapter, grant, *serial);
    return grant;

undo_channel:
    if (adapter->controller)
        channel_give(cpu, adapter, channel);
undo_take:
    registers_give(cpu, adapter, set);
undo_prepare:
    if (request->context)
        ms_context_unqueue(request->context, ms_grant_index(dma, grant), *serial, false);
undo_grant:
    grant_unprepare(dma, grant, *serial);
    return NULL;
}

/* A grant that owns nothing and waits for nothing: only its list is there to be put (ACX-24). */
static struct ms_grant *grant_unowned(const struct ms_request *request, uint32_t *serial)
{
    struct ms_dma *dma = request->adapter->dma;
    struct ms_grant *grant = grant_prepare(request, serial);
    union ms_grant_word word = {.raw = 0};

    if (!grant)
        return NULL;
    if (!NT_SUCCESS(ms_context_queue(dma, request->context, ms_grant_index(dma, grant), *serial))) {
        grant_unprepare(dma, grant, *serial);
        return NULL;
    }
    word.phase = GRANT_HELD;
    word.bare = 1;
    word.running = 1;
    word.listed = 1;
    word.adapter = request->adapter->index & 0xFF;
    word.serial = *serial;
    ms_store_release(&grant->state, word.raw); /* hb:grant */
    ms_context_unqueue(request->context, ms_grant_index(dma, grant), *serial, false);
    return grant;
}

NTSTATUS ms_channel_sync_failed(struct ms_adapter *adapter, NTSTATUS status)
{
    ms_failure_note(adapter, cpu_of(adapter->dma));
    return status;
}

NTSTATUS ms_channel_allocate_sync(const struct ms_request *request)
{
    struct ms_adapter *adapter = request->adapter;
    struct ms_cpu *cpu = cpu_of(adapter->dma);
    NTSTATUS status = STATUS_SUCCESS;
    uint32_t serial;
    struct ms_grant *grant =
        request->unowned ? grant_unowned(request, &serial) : grant_at_once(cpu, request, &serial);

    if (!grant) {
        run_deferred(cpu, adapter->dma);
        if (request->context)
            status = ms_context_check(adapter->dma, request->context); /* cancelled just now? */
        return ms_channel_sync_failed(adapter, NT_SUCCESS(status) ? STATUS_INSUFFICIENT_RESOURCES
                                                                  : status); /* ACX-08 */
    }
    if (request->unowned) /* its FreeAdapterObject must not release a stranger (FRE-18) */
        ms_failure_note(adapter, cpu);
    else
        ms_failure_forget_own(adapter, cpu);
    if (request->base)
        *request->base = base_of(adapter->dma, grant, serial); /* ACX-10, ACX-13 */
    if (request->enter)
        routine_run(cpu, adapter, grant, serial, request);
    run_deferred(cpu, adapter->dma);
    if (request->failed)
        status = *request->failed;
    return NT_SUCCESS(status) ? status : ms_channel_sync_failed(adapter, status);
}

static NTSTATUS request_enqueue(struct ms_cpu *cpu, const struct ms_request *request)
{
    struct ms_adapter *adapter = request->adapter;
    struct ms_dma *dma = adapter->dma;
    union ms_grant_word word = {.raw = 0};
    union ticket_word ticket = {.raw = 0};
    uint32_t serial;
    struct ms_grant *grant = grant_prepare(request, &serial);
    NTSTATUS status;

    if (!grant)
        return STATUS_INSUFFICIENT_RESOURCES;
    ms_store_release(&grant->need, registers_needed(request)); /* hb:next-life */
    ticket.serial = serial & 0xFFFFFF;
    ms_store_relaxed(&grant->ticket, ticket.raw);
    ms_hoard_open(&grant->hoard, serial);
    word.phase = GRANT_WAITING;
    word.linked = 1;
    word.appending = 1;
    word.listed = request->list != NULL;
    word.bare = request_is_bare(request);
    word.adapter = adapter->index & 0xFF;
    word.serial = serial;
    ms_store_release(&grant->state, word.raw); /* hb:grant */
    status = STATUS_INSUFFICIENT_RESOURCES;
    if (request->one_per_device &&
        !ms_device_queue(dma, request->device,
                         (uint64_t)(uintptr_t)ms_grant_base(dma, grant, serial)))
        goto undo_prepare; /* ACH-08 */
    if (request->context) {
        status = ms_context_queue(dma, request->context, ms_grant_index(dma, grant), serial);
        if (!NT_SUCCESS(status))
            goto undo_prepare;
    }
    /* From here on a cancel can end it. While `appending` is set it leaves the node to us, because
     * it can not remove what is not in the list yet. */
    ms_waitlist_append(&adapter->queue, dma->links, ms_grant_index(dma, grant));
    word = grant_step_apply(dma, grant, serial, step_appended);
    if (word.phase == GRANT_CANCELLED)
        grant_unlink(cpu, adapter, grant, serial);
    return STATUS_SUCCESS;

undo_prepare:
    (void)ms_hoard_close(&grant->hoard, serial);
    grant_unprepare(dma, grant, serial);
    return status;
}

NTSTATUS ms_channel_allocate_async(const struct ms_request *request)
{
    struct ms_adapter *adapter = request->adapter;
    struct ms_cpu *cpu = cpu_of(adapter->dma);
    struct ms_grant *grant;
    NTSTATUS status;
    uint32_t serial;

    if (cpu->depth == 0 && !adapter->dma->config.defer_requests) {
        grant = grant_at_once(cpu, request, &serial); /* ACX-16 */
        if (grant) {
            ms_failure_forget_own(adapter, cpu);
            routine_run(cpu, adapter, grant, serial, request);
            run_deferred(cpu, adapter->dma);
            return request->failed ? *request->failed : STATUS_SUCCESS;
        }
    }
    status = request_enqueue(cpu, request);
    ms_adapter_note(cpu, adapter);
    if (cpu->depth == 0 && adapter->dma->config.defer_requests)
        hand_over(cpu, adapter->dma); /* ACX-16's option: never before the call returns */
    else
        run_deferred(cpu, adapter->dma);
    return status;
}

bool ms_channel_cancel(struct ms_adapter *adapter, uint32_t index, uint32_t serial)
{
    struct ms_dma *dma = adapter->dma;
    struct ms_cpu *cpu = cpu_of(dma);
    struct ms_grant *grant = &dma->grants[index];
    union ticket_word drawn;
    union ms_grant_word word;

    /* A driver may have written into its context, or hand it to another adapter than it asked. */
    if (index >= dma->config.grants || ms_grant_look(grant).adapter != adapter->index)
        return false;
    word = grant_step_apply(dma, grant, serial, step_cancel);
    if (word.phase != GRANT_CANCELLED)
        return false;
    registers_give(cpu, adapter, ms_hoard_close(&grant->hoard, serial));
    drawn.raw = ms_load_acquire(&grant->ticket);
    if (drawn.ticket != 0) {
        ms_turnstile_unwait(&adapter->pool->waiters, adapter->index, drawn.ticket);
        note_pool(cpu, dma, adapter->pool); /* who stood behind it may go now (CAC-12) */
    }
    if (adapter->controller) {
        grant_channel_end(cpu, adapter, grant, serial);
        drawn.raw = ms_load_acquire(&grant->gate_ticket);
        if (drawn.ticket != 0)
            ms_turnstile_unwait(&dma->gate[adapter->gate], adapter->index, drawn.ticket);
        note_gate(cpu, adapter->gate);
    }
    if (word.appending)
        ms_grant_move(dma, grant, serial, step_cancelled);
    else
        grant_unlink(cpu, adapter, grant, serial);
    ms_adapter_note(cpu, adapter);
    run_deferred(cpu, dma);
    return true;
}

void ms_channel_doom(struct ms_adapter *adapter, uint32_t index, uint32_t serial)
{
    struct ms_grant *grant = &adapter->dma->grants[index];

    if (ms_grant_look(grant).adapter == adapter->index)
        ms_grant_move(adapter->dma, grant, serial, step_doom);
}

bool ms_channel_entered(struct ms_dma *dma, struct ms_grant *grant, uint32_t serial)
{
    return grant_step_apply(dma, grant, serial, step_entered).doomed;
}

bool ms_channel_is_active(struct ms_dma *dma, uint32_t index, uint32_t serial)
{
    union ms_grant_word word = {.raw = 0};

    if (index < dma->config.grants) /* a driver may have written into its context */
        word = ms_grant_look(&dma->grants[index]);
    return word.serial == serial && (word.owns || word.running);
}

void ms_channel_settle(struct ms_dma *dma)
{
    run_deferred(cpu_of(dma), dma);
}
