/* SPDX-License-Identifier: MIT */
/*
 * breach_calls.h: what the bad driver does with requests, registers and channels, and what the contract says of each.
 * Included by breach_fuzz.c, once.
 */
#ifndef FUZZ_BREACH_CALLS_H
#define FUZZ_BREACH_CALLS_H

#include "breach_good.h"

/* What its routines do: the answer is the last number; or something first. */
enum plan {
    PLAN_KEEP,
    PLAN_ALL_GOES,
    PLAN_REGISTERS_STAY,
    PLAN_NONSENSE,
    PLAN_FREES_CHANNEL,
    PLAN_FREES_REGISTERS,
    PLAN_PUTS,
    PLAN_ASKS_AGAIN,
    PLAN_CANCELS,
    PLAN_MAPS,
    PLAN_INITIALIZES,
    PLANS,
    TOLD_PLANS = 6
};

static void do_put(uint32_t slot);
static void do_open(uint32_t slot, uint8_t how);
static void do_initialize(uint32_t slot, uint32_t context);
static void do_ask(uint32_t slot, uint32_t context, uint8_t what, uint8_t plan);
static void do_cancel(uint32_t slot, uint32_t context);
static void do_stop(uint32_t slot, uint32_t context);
static void do_map(uint32_t slot, PVOID base, uint8_t where, uint8_t what);
static void do_free_channel(uint32_t slot);
static void do_free_registers(uint32_t slot, PVOID base, uint8_t count);

/* --- routines ------------------------------------------------------------------------------------------------- */

static void deal_enter(struct deal *d, PVOID base, PSCATTER_GATHER_LIST list)
{
    if (d->is_cancelled)
        ms_sim_fail("O4 entered after a cancel said yes", "request %u", (unsigned)(d - b.deal));
    if (d->is_entered)
        ms_sim_fail("O3 a routine entered twice", "request %u", (unsigned)(d - b.deal));
    if (d->is_refused)
        ms_sim_fail("O3 refused and entered", "request %u", (unsigned)(d - b.deal));
    if (KeGetCurrentIrql() != DISPATCH_LEVEL)
        ms_sim_fail("O7 a routine is called at another level", "%u",
                    KeGetCurrentIrql()); /* IRQ-21 */
    d->is_entered = true;
    d->running_in = (uint8_t)self();
    d->base = base;
    d->list = list;
    b.has_failed[d->fiber][d->slot] = false; /* FRE-18 */
    b.nested++;
}

/* True where the slot still has the adapter that the request was made with. */
static bool deal_is_here(const struct deal *d)
{
    return b.adapter[d->slot] && b.life[d->slot] == d->life;
}

static IO_ALLOCATION_ACTION plan_play(struct deal *d)
{
    static const IO_ALLOCATION_ACTION answers[PLANS] = {
        [PLAN_KEEP] = KeepObject,
        [PLAN_ALL_GOES] = DeallocateObject,
        [PLAN_REGISTERS_STAY] = DeallocateObjectKeepRegisters,
        [PLAN_NONSENSE] = (IO_ALLOCATION_ACTION)7,
        [PLAN_FREES_CHANNEL] = KeepObject,
        [PLAN_FREES_REGISTERS] = DeallocateObjectKeepRegisters,
        [PLAN_PUTS] = KeepObject,
        [PLAN_ASKS_AGAIN] = DeallocateObjectKeepRegisters,
        [PLAN_CANCELS] = KeepObject,
        [PLAN_MAPS] = DeallocateObject,
        [PLAN_INITIALIZES] = KeepObject,
    };
    enum plan plan = d->plan % PLANS;
    bool here = deal_is_here(d);

    if (here && plan == PLAN_FREES_CHANNEL)
        do_free_channel(d->slot);
    else if (here && plan == PLAN_FREES_REGISTERS)
        do_free_registers(d->slot, d->base, 0);
    else if (here && plan == PLAN_PUTS)
        do_put(d->slot);
    else if (here && plan == PLAN_ASKS_AGAIN && d->context < CONTEXTS)
        do_ask(d->slot, d->context, 1, PLAN_KEEP);
    else if (here && plan == PLAN_CANCELS && d->context < CONTEXTS)
        do_cancel(d->slot, d->context);
    else if (here && plan == PLAN_MAPS)
        do_map(d->slot, d->base, 0, 1);
    else if (here && plan == PLAN_INITIALIZES && d->context < CONTEXTS)
        do_initialize(d->slot, d->context);
    d->is_done = true;
    return answers[plan];
}

static IO_ALLOCATION_ACTION on_bad(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    struct deal *d = context;

    (void)device, (void)irp;
    deal_enter(d, base, NULL);
    return plan_play(d);
}

static VOID on_bad_list(PDEVICE_OBJECT device, PIRP irp, PSCATTER_GATHER_LIST list, PVOID context)
{
    struct deal *d = context;

    (void)device, (void)irp;
    deal_enter(d, NULL, list);
    (void)plan_play(d);
}

static VOID on_bad_told(PDMA_ADAPTER adapter, PDEVICE_OBJECT device, PVOID context,
                        DMA_COMPLETION_STATUS status)
{
    struct bad_start *s = context;
    uint32_t slot = s->slot;

    (void)device;
    if (s->told++ != 0)
        ms_sim_fail("O3 a transfer was told twice", "transfer %u", (unsigned)(s - b.start));
    if (status != DmaComplete && status != DmaCancelled)
        ms_sim_fail("O7 a transfer is told with another status", "%u",
                    (unsigned)status); /* CPL-02 */
    b.nested++;
    if (!b.adapter[slot] || b.life[slot] != s->life)
        return;
    switch (s->plan % TOLD_PLANS) {
    case 1:
        do_free_channel(slot);
        break;
    case 2:
        do_free_channel(slot);
        do_put(slot);
        do_open(slot, 2);
        if (b.adapter[slot] == adapter)
            ms_sim_fail("O1 an adapter is another's before its routine returned", "slot %u", slot);
        break;
    case 3:
        do_put(slot);
        break;
    case 4:
        for (uint32_t i = 0; i < CONTEXTS; i++)
            do_stop(slot, i);
        break;
    default:
        break;
    }
}

/* --- adapters ---------------------------------------------------------------------------------------------------- */

enum { HOW_SG32, HOW_PACKET, HOW_SYSTEM, HOW_OLD, HOW_OLD_PACKET, HOW_SG24, HOW_SG64, HOW_BAD };

static DEVICE_DESCRIPTION description_of(uint32_t how)
{
    DEVICE_DESCRIPTION d = {
        .Version = DEVICE_DESCRIPTION_VERSION3,
        .Master = TRUE,
        .ScatterGather = TRUE,
        .InterfaceType = PCIBus,
        .MaximumLength = 2 * PAGE_SIZE,
        .DmaAddressWidth = 32,
    };

    if (how == HOW_PACKET || how == HOW_OLD_PACKET)
        d.ScatterGather = FALSE;
    if (how == HOW_OLD || how == HOW_OLD_PACKET)
        d.Version = DEVICE_DESCRIPTION_VERSION, d.Dma32BitAddresses = TRUE;
    if (how == HOW_SG24)
        d.DmaAddressWidth = 24;
    if (how == HOW_SG64)
        d.DmaAddressWidth = 64;
    if (how == HOW_SYSTEM) {
        d.Master = FALSE;
        d.InterfaceType = ACPIBus;
        d.DmaWidth = Width8Bits;
        d.DmaRequestLine = LINE_BAD;
        d.DmaAddressWidth = 0;
    }
    return d;
}

/* Descriptions that mean nothing (VER-02, IGA-10..12, IGA-16, DDX-24, DDX-31). */
static void open_nonsense(uint8_t how)
{
    DEVICE_DESCRIPTION d = description_of(how % 3);
    ULONG most = 0xBAD;
    PDEVICE_OBJECT pdo = how % 7 == 0 ? NULL : &b.stage.pdo;
    PDMA_ADAPTER adapter;

    switch (how % 7) {
    case 1:
        d.Version = 4;
        break;
    case 2:
        d.Version = 0xFFFFFFFF;
        break;
    case 3:
        d = description_of(HOW_SYSTEM), d.DmaRequestLine = 0x2000;
        break;
    case 4:
        d = description_of(HOW_SYSTEM), d.DmaWidth = (DMA_WIDTH)9;
        break;
    case 5:
        d = description_of(HOW_SG32), d.DmaAddressWidth = how & 8 ? 23 : 65;
        break;
    case 6:
        d = description_of(HOW_SYSTEM), d.Version = DEVICE_DESCRIPTION_VERSION;
        break;
    default:
        break;
    }
    adapter = IoGetDmaAdapter(pdo, how % 16 == 15 ? NULL : &d, &most);
    if (adapter || most != 0xBAD) /* IGA-17 */
        ms_sim_fail("O7 an adapter of nonsense", "%u", how);
}

static void do_open(uint32_t slot, uint8_t how)
{
    DEVICE_DESCRIPTION d = description_of(how % HOW_BAD);
    PDMA_ADAPTER adapter;
    ULONG most = 0;

    if (!b.beside && b.inside != b.inside_by[self()])
        return;
    if (how >= 128 || b.adapter[slot] || b.ending[slot] > 0) {
        open_nonsense(how);
        return;
    }
    adapter = IoGetDmaAdapter(&b.stage.pdo, &d, &most);
    if (!adapter)
        return; /* those that were put while they were in use are gone for good (PUT-05, IGA-03) */
    if (most < 2 || adapter->Version != 1)
        ms_sim_fail("O7 an adapter says something else", "%u registers, version %u", (unsigned)most,
                    adapter->Version); /* IGA-07, VER-03 */
    for (uint32_t i = 0; i < SLOTS; i++)
        if (b.adapter[i] == adapter)
            ms_sim_fail("O1 one adapter is opened twice", "%u and %u", i, slot); /* IGA-14 */
    if (b.adapter[slot]) { /* the other thread was faster */
        adapter->DmaOperations->PutDmaAdapter(adapter);
        return;
    }
    adapter_keep(slot, adapter, most);
    for (uint32_t i = 0; i < FIBERS; i++)
        b.has_failed[i][slot] = false;
    ms_store_release(&b.opened[slot], ++b.life[slot]); /* hb:breach-open */
}

static bool slot_is_used(uint32_t slot)
{
    bool is_used = false;

    for (uint32_t i = 0; i < GRANTS; i++)
        is_used |= word_of(i).phase != GRANT_FREE && word_of(i).adapter == slot_index(slot);
    return is_used;
}

/* What an adapter has that stays for ever when it is put now. */
static uint32_t slot_registers(uint32_t slot)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < GRANTS; i++)
        if (word_of(i).phase != GRANT_FREE && word_of(i).adapter == slot_index(slot))
            sum += b.stage.dma->grants[i].count;
    return sum;
}

/* What thread entered the grant's routine is ordered before a call of the bad driver's, which take turns: nothing
 * orders the others' threads, so what those granted just now need not be seen. */
static bool is_seen(uint32_t index)
{
    const struct deal *d = b.stage.dma->grants[index].routine_context;

    return d >= b.deal && d < b.deal + DEALS_MAX && d->is_entered && d->running_in < BREACHERS;
}

/* PUT-05: nothing of it waits any more or owns anything; registers and lists stay. */
static void put_judge(uint32_t index, const struct call *call)
{
    for (uint32_t i = 0; i < GRANTS && is_alone(call); i++) {
        union ms_grant_word word = word_of(i);
        if (!is_seen(i) || word.phase == GRANT_FREE || word.adapter != index || word.running ||
            word.serial != call->before[i].serial || call->before[i].phase == GRANT_READY)
            continue;
        if (word.phase != GRANT_HELD || word.owns || word.linked)
            ms_sim_fail("O9 an adapter that was put still waits for something, or owns it",
                        "grant %u, phase %u", i, word.phase);
    }
}

static void do_put(uint32_t slot)
{
    struct call call;
    PDMA_ADAPTER adapter = b.adapter[slot];

    if (!adapter || b.left + slot_registers(slot) > LEFT_MAX || !call_begin(&call, slot, PUTS))
        return;
    uint32_t index = slot_index(slot);
    b.left += slot_registers(slot);
    b.has_left |= slot_is_used(slot);
    for (uint32_t i = 0; i < b.deals; i++)
        if (b.deal[i].slot == slot && b.deal[i].life == b.life[slot])
            b.deal[i].is_put = true;
    b.adapter[slot] = NULL; /* nobody calls on it any more (GEN-08) */
    b.ending[slot]++;
    ms_fetch_add_acq_rel(&b.turn, 1); /* hb:breach-turn: all calls on it are over, and seen */
    ops()->PutDmaAdapter(adapter);
    b.ending[slot]--;
    domain_left(slot);
    put_judge(index, &call);
    call_end(&call, WHATEVER, "put");
}

/* --- contexts ------------------------------------------------------------------------------------------------------ */

/* It says that a request waits under it, or is just being granted. */
static bool says_queued(const void *context)
{
    uint64_t word;

    memcpy(&word, (const char *)context + sizeof word, sizeof word);
    return (word & 15) == 2;
}

/* And one does; before and after that it is a context that anybody may mark. */
static bool is_queued(const void *context)
{
    return says_queued(context) && waiting_of(context) != NONE;
}

static void do_initialize(uint32_t slot, uint32_t context)
{
    struct call call;
    NTSTATUS status;

    if (!call_begin(&call, slot, USES))
        return;
    uint32_t waited = waiting_of(b.context[context]);
    bool is_idle = waited == NONE && !says_queued(b.context[context]);
    status = ops()->InitializeDmaTransferContext(b.adapter[slot], b.context[context]);
    if (status != STATUS_SUCCESS && status != STATUS_INVALID_PARAMETER)
        ms_sim_fail("O7 a call ends with another status", "initialise: %08x", (unsigned)status);
    if (is_alone(&call) && !b.is_noisy[context]) {
        if (is_idle)
            expect_status(status, STATUS_SUCCESS, "initialise");
        else if (waited != NONE && waiting_of(b.context[context]) == waited)
            expect_status(status, STATUS_INVALID_PARAMETER, "initialise: it waits"); /* TCX-17 */
    }
    if (status == STATUS_SUCCESS && waited == NONE)
        b.is_noisy[context] = false;
    call_end(&call, NONE, "initialise");
}

/* What a stray write leaves: no context any more, or one that names some request (TCX-16, TCX-19). */
static void do_noise(uint32_t context, uint8_t how, uint8_t value)
{
    ms_atomic_u64 *word = (ms_atomic_u64 *)(void *)(b.context[context] + (how & 1 ? 8 : 0));
    uint64_t bits = ms_load_relaxed(word);

    if (!b.beside && b.inside > 0)
        return;
    b.nested++;
    b.is_noisy[context] = b.has_noise = true;
    if (!(how & 1))
        bits ^= value;
    else if (
        how &
        2) /* it waits, it says: for that grant in its first lives, or for none that there is */
        bits = 2 | (uint64_t)(value % 32) << (how & 4 ? 24 : 8) | (uint64_t)(value / 32) << 32;
    else
        bits ^= (uint64_t)value << (how >> 2 & 7) * 8;
    ms_store_relaxed(word, bits);
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

static struct deal *deal_new(uint32_t slot, uint32_t context, uint8_t plan)
{
    uint32_t used = 0;
    struct deal *d;

    for (uint32_t i = 0; i < GRANTS; i++)
        used += word_of(i).phase != GRANT_FREE && is_bad(word_of(i).adapter);
    if (b.deals == DEALS_MAX || used + b.asking >= BAD_GRANTS)
        return NULL;
    b.asking++;
    d = &b.deal[b.deals++];
    *d = (struct deal){
        .slot = (uint8_t)slot,
        .fiber = (uint8_t)self(),
        .plan = plan,
        .context = (uint8_t)context,
        .life = b.life[slot],
    };
    return d;
}

/* What a call said of a request; is_sync: no routine, granted is had. */
static void deal_answered(struct deal *d, NTSTATUS status)
{
    b.asking--;
    d->is_accepted = NT_SUCCESS(status);
    d->is_refused = !d->is_accepted;
    if (d->is_refused && d->is_entered)
        ms_sim_fail("O3 refused and entered", "%08x", (unsigned)status);
}

/* what: 1 asynchronous, 2 flags that nobody knows, 4 no device, 8 no routine, 16 a place for the base;
 * registers above. */
static void do_ask(uint32_t slot, uint32_t context, uint8_t what, uint8_t plan)
{
    static const uint8_t counts[8] = {1, 2, 0, 3, 5, 10, 255, 4};
    bool synchronous = !(what & 1);
    ULONG registers = counts[what >> 5], flags = (what & 2 ? 4 : 0) | (synchronous ? 1 : 0);
    PDRIVER_CONTROL routine = what & 8 ? NULL : on_bad;
    PVOID base = &b, *where = what & 16 ? &base : NULL;
    struct call call;
    struct deal *d;

    if (!b.adapter[slot] || !call_begin(&call, slot, USES))
        return;
    d = deal_new(slot, context, plan);
    if (!d) {
        call_end(&call, NONE, "nothing");
        return;
    }
    uint32_t waited = waiting_of(b.context[context]);
    bool is_busy = owner_of(slot) != NONE || slot_waits(slot);
    bool is_wrong =
        (what & 6) != 0 || (!routine && !where) || (!synchronous && (!routine || where));
    d->registers = registers;
    NTSTATUS status =
        ops()->AllocateAdapterChannelEx(b.adapter[slot], what & 4 ? NULL : &b.device[context & 1],
                                        b.context[context], registers, flags, routine, d, where);
    if (is_wrong)
        expect_status(status, STATUS_INVALID_PARAMETER,
                      "ask: an argument"); /* ACX-06, 07, 12, 19 */
    if (is_alone(&call) && waited != NONE && waiting_of(b.context[context]) == waited &&
        !b.is_noisy[context])
        expect_status(status, STATUS_INVALID_PARAMETER, "ask: its context waits"); /* TCX-17 */
    if (NT_SUCCESS(status) && registers > b.most[slot] && d->life == b.life[slot])
        ms_sim_fail("O7 more registers than there may be", "%u", (unsigned)registers); /* ACX-05 */
    if (status != STATUS_SUCCESS && status != STATUS_INVALID_PARAMETER &&
        status != STATUS_CANCELLED && status != STATUS_INSUFFICIENT_RESOURCES)
        ms_sim_fail("O7 a call ends with another status", "ask: %08x", (unsigned)status);
    if (is_alone(&call) && synchronous && is_busy && NT_SUCCESS(status))
        ms_sim_fail("O1 an owned adapter is granted", "%u", slot); /* ACX-08, QUE-06 */
    if (!NT_SUCCESS(status) && base != (PVOID)&b)
        ms_sim_fail("O7 a call that failed wrote something", "ask: %08x",
                    (unsigned)status); /* GEN-12 */
    deal_answered(d, status);
    if (synchronous)
        b.has_failed[call.fiber][slot] = !NT_SUCCESS(status);
    if (synchronous && !routine && NT_SUCCESS(status)) {
        d->is_entered = d->is_done = true;
        d->running_in = (uint8_t)call.fiber;
        d->base = base;
    }
    call_end(&call, NONE, "ask");
}

/* As version 1 (ACH-*): no context by which it could be cancelled. */
static void do_ask_old(uint32_t slot, uint8_t what, uint8_t plan)
{
    struct call call;
    struct deal *d;
    NTSTATUS status;

    if (!b.adapter[slot] || !call_begin(&call, slot, USES))
        return;
    d = deal_new(slot, CONTEXTS, plan);
    if (d) {
        d->registers = what & 3;
        status = ops()->AllocateAdapterChannel(b.adapter[slot],
                                               what & 4 ? NULL : &b.device[what >> 3 & 1],
                                               d->registers, what & 16 ? NULL : on_bad, d);
        if (what & 20)
            expect_status(status, STATUS_INVALID_PARAMETER, "ask as version 1"); /* ACH-09 */
        else if (status != STATUS_SUCCESS && status != STATUS_INSUFFICIENT_RESOURCES)
            ms_sim_fail("O7 a call ends with another status", "ask: %08x", (unsigned)status);
        deal_answered(d, status);
    }
    call_end(&call, NONE, "ask as version 1");
}

/* Behind a cancel: of the context's requests none that waited is entered any more. */
static void deals_cancelled(uint32_t context, uint32_t named)
{
    for (uint32_t i = 0; i < b.deals; i++) {
        struct deal *d = &b.deal[i];
        if (d->context == context && d->is_accepted && !d->is_entered && named != NONE)
            d->is_cancelled = true;
    }
}

/* A context of the others' too, when it waits: another adapter's cancel does not find it (CAC-03, TCX-18). */
static void do_cancel_others(uint32_t slot)
{
    struct call call;
    uint32_t done = g.done;

    if (g.phase != ASKED || !is_queued(g.context) || !call_begin(&call, slot, USES))
        return;
    g.watched++; /* it does not ask anew meanwhile: an idle context may be marked */
    BOOLEAN yes = ops()->CancelAdapterChannel(b.adapter[slot], &b.device[0], g.context);
    if (yes && is_queued(g.context))
        ms_sim_fail("O4 another's request is cancelled", "transfer %u", done);
    g.watched--;
    call_end(&call, NONE, "cancel another's");
}

static void do_cancel(uint32_t slot, uint32_t context)
{
    struct call call;

    if (context >= CONTEXTS) {
        if (b.adapter[slot])
            do_cancel_others(slot);
        return;
    }
    if (!call_begin(&call, slot, USES))
        return;
    uint32_t waited = waiting_of(b.context[context]);
    bool is_here = waited != NONE && word_of(waited).adapter == slot_index(slot);
    BOOLEAN yes = ops()->CancelAdapterChannel(b.adapter[slot], &b.device[0], b.context[context]);
    bool waits = waited != NONE && waiting_of(b.context[context]) == waited;
    if (is_alone(&call) && !b.is_noisy[context]) {
        if (waits && is_here)
            ms_sim_fail("O4 a cancel does not find its request", "context %u",
                        context); /* CAC-03 */
        if (waited != NONE && !is_here && yes && waits)
            ms_sim_fail("O4 a cancel of another adapter says yes", "context %u", context);
        if (yes && is_here && !waits)
            deals_cancelled(context, waited);
    } else if (yes && waited != NONE && !waits) {
        b.has_noise = true; /* whichever it was */
    }
    call_end(&call, NONE, "cancel");
}

#endif
