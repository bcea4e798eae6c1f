/* SPDX-License-Identifier: MIT */
/*
 * stage: choosing the next fragment, mapping it, and the driver's EvtProgramDma.
 *
 * Idea        packet and system transactions stage in a loop that one frame is in; a completion report
 *             that wants the next fragment, or a grant of the next execution, finds the loop taken and
 *             leaves the fragment to it, so the stack stays flat (STG-11, STG-13). SG asks for its next
 *             list where the report is made, and leaves only EvtProgramDma to the frame (SGP-09).
 * Picture     AdapterControl: loop { plan, configure, MapTransferEx, EvtProgramDma, look:
 *                 left to us -> again; completion waited -> deliver, look again; else leave }
 * Invariants  I1 the fields are the frame's from plan to EvtProgramDma; `open` in the word says that a
 *                report may take them (transaction_state.h, I1)
 *             I2 a mapping with a completion routine has a ticket and a reference until its last
 *                completion came, so a late one finds memory and a serial that does not match (STP-12)
 * Ordering    hb:ticket  the ticket's serial is written before MapTransferEx starts the channel, whose own
 *             edges carry it to the completion; the bit is given back with release and taken with acquire
 *             hb:trx-deferred  what the DPC is to deliver is released before it is queued, and taken once, by an
 *             exchange: one that was queued earlier may deliver what came later, but then nobody else does
 * ABA         serials do not come back
 * Progress    lock-free but for what the adapter's routines say of themselves
 */
#include "wdf/transaction.h"

/* --- pages ---------------------------------------------------------------------------------------- */

uint64_t ms_trx_pages(const MDL *mdl, uint64_t offset, uint64_t length)
{
    uint64_t pages = 0;

    for (; mdl && length > 0; mdl = mdl->Next) {
        if (offset >= mdl->ByteCount) {
            offset -= mdl->ByteCount;
            continue;
        }
        uint64_t bytes = mdl->ByteCount - offset < length ? mdl->ByteCount - offset : length;
        pages += ADDRESS_AND_SIZE_TO_SPAN_PAGES(mdl->ByteOffset + offset, bytes);
        length -= bytes;
        offset = 0;
    }
    return pages;
}

uint32_t ms_trx_byte_offset(const MDL *mdl, uint64_t offset)
{
    for (; mdl->Next && offset >= mdl->ByteCount; mdl = mdl->Next)
        offset -= mdl->ByteCount;
    return (mdl->ByteOffset + offset) % PAGE_SIZE;
}

/* --- tickets -------------------------------------------------------------------------------------- */

/* The caller owns the fields. */
static struct ms_tellee tellee_of(const struct ms_trx *trx, bool to_device)
{
    return (struct ms_tellee){trx->complete, trx->complete_context, to_device};
}

/* NULL: that many completions have not been delivered yet. With a reference on the transaction. */
static struct ms_ticket *ticket_take(struct ms_trx *trx, union ms_trx_word word)
{
    uint64_t seen = ms_load_acquire(&trx->tickets); /* hb:ticket */

    if (ms_fault_here())
        return NULL;
    while (seen != UINT64_MAX) {
        uint32_t index = (uint32_t)__builtin_ctzll(~seen);
        if (!ms_cas_acquire(&trx->tickets, &seen, seen | UINT64_C(1) << index)) /* hb:ticket */
            continue;
        ms_data_write(&trx->ticket[index].serial, sizeof trx->ticket[index].serial);
        ms_object_hold(&trx->object);
        trx->ticket[index].trx = trx;
        trx->ticket[index].serial = word.serial;
        trx->ticket[index].tellee = tellee_of(trx, word.to_device);
        return &trx->ticket[index];
    }
    return NULL;
}

static void ticket_give(struct ms_ticket *ticket)
{
    struct ms_trx *trx = ticket->trx;
    uint64_t bit = UINT64_C(1) << (ticket - trx->ticket);

    uint64_t before = ms_fetch_and_release(&trx->tickets, ~bit); /* hb:ticket */
    ms_assert((before & bit) != 0);                              /* I2: it was taken, by one */
    (void)before;
    ms_object_drop(&trx->object);
}

/* --- completions ---------------------------------------------------------------------------------- */

/* Tells the driver that a fragment ended. */
static void deliver(struct ms_trx *trx, const struct ms_tellee *tellee,
                    DMA_COMPLETION_STATUS status)
{
    struct ms_visit visit;

    if (!tellee->routine)
        return; /* STG-09, PRG-16 */
    visit = ms_visit_begin(DISPATCH_LEVEL, NULL);
    tellee->routine(ms_trx_handle(trx), ms_trx_device(trx), tellee->context,
                    (WDF_DMA_DIRECTION)tellee->to_device, status); /* PRG-09 */
    ms_visit_end(&visit, trx->object.handle);
}

/* Delivers, defers or drops what the controller says of the fragment `serial`. */
static void told(struct ms_trx *trx, uint64_t serial, const struct ms_tellee *tellee,
                 DMA_COMPLETION_STATUS status)
{
    union ms_trx_word next;
    enum ms_trx_told how;

    MS_TRX_MOVE(trx, next, how, ms_trx_step_told(&next, serial, status)); /* hb:trx-word */
    if (how == TOLD_DELIVER)
        deliver(trx, tellee, status);
    else if (how == TOLD_DROPPED)
        ms_fetch_add_relaxed(&trx->dropped, 1); /* a statistic: nobody decides on it */
}

/* The DMA_COMPLETION_ROUTINE of every mapping (STG-04). May come before MapTransferEx has returned
 * (HRQ-05), and after the transaction is gone for its driver (STP-12). */
static VOID hal_completed(PDMA_ADAPTER adapter, PDEVICE_OBJECT device, PVOID context,
                          DMA_COMPLETION_STATUS status)
{
    struct ms_ticket *ticket = context;
    struct ms_trx *trx = ticket->trx;
    struct ms_dma_way *way = &trx->enabler->way[0];
    bool last;

    (void)device;
    if (trx->enabler->duplex && trx->enabler->way[1].adapter == adapter)
        way = &trx->enabler->way[1];
    ms_data_read(&ticket->serial, sizeof ticket->serial);
    last = !way->looped || status != DmaComplete; /* PRG-17: periods come before the end */
    told(trx, ticket->serial, &ticket->tellee, status);
    if (last)
        ticket_give(ticket);
}

union ms_deferred {
    struct {
        uint64_t is_there : 1;
        uint64_t to_device : 1;
        uint64_t status : 2; /* DMA_COMPLETION_STATUS */
        uint64_t unused : 14;
        uint64_t serial : 46; /* of the fragment it is about */
    };
    uint64_t raw;
};

VOID ms_trx_deferred(PKDPC dpc, PVOID context, PVOID argument1, PVOID argument2)
{
    struct ms_trx *trx = context;
    union ms_deferred what = {.raw = ms_exchange_acquire(&trx->deferred, 0)}; /* hb:trx-deferred */
    /* Relaxed: newer ones than `what` has are another fragment's, and then nothing is delivered. */
    struct ms_tellee tellee = {(PFN_WDF_DMA_TRANSACTION_DMA_TRANSFER_COMPLETE)(uintptr_t)
                                   ms_load_relaxed(&trx->deferred_routine),
                               ms_load_relaxed(&trx->deferred_context), what.to_device};

    (void)dpc, (void)argument1, (void)argument2;
    if (what.is_there)
        told(trx, what.serial, &tellee, (DMA_COMPLETION_STATUS)what.status);
    ms_object_drop(&trx->object);
}

/* K9: a completion that came during staging is delivered by the DPC thread. */
static void deliver_by_dpc(struct ms_trx *trx, uint64_t serial, const struct ms_tellee *tellee,
                           DMA_COMPLETION_STATUS status)
{
    union ms_deferred what = {.raw = 0};

    what.is_there = 1;
    what.to_device = tellee->to_device;
    what.status = (uint64_t)status & 3;
    what.serial = serial & MS_TRX_SERIAL_MASK;
    ms_store_relaxed(&trx->deferred_routine, (void *)(uintptr_t)tellee->routine);
    ms_store_relaxed(&trx->deferred_context, tellee->context);
    ms_store_release(&trx->deferred, what.raw); /* hb:trx-deferred */
    ms_object_hold(&trx->object);
    if (!KeInsertQueueDpc(&trx->dpc, NULL, NULL))
        ms_object_drop(&trx->object); /* queued already: it takes what is newest */
}

/* --- one fragment, packet and system -------------------------------------------------------------- */

/* STG-02: from `remaining` off. */
static void fragment_plan(struct ms_trx *trx)
{
    uint64_t at = trx->start + ms_load_relaxed(&trx->transferred); /* ours: I1 */
    size_t length = trx->remaining < trx->fragment_max ? trx->remaining : trx->fragment_max;

    if (trx->reserved != 0 && ms_trx_pages(trx->mdl, trx->start, trx->length) > trx->reserved) {
        uint32_t byte_offset = ms_trx_byte_offset(trx->mdl, at); /* RES-12 */
        size_t most = (size_t)PAGE_SIZE * (trx->reserved - 1) + (PAGE_SIZE - byte_offset);
        if (length > most)
            length = most;
    }
    ms_trx_own(trx);
    trx->fragment_at = at;
    trx->remaining -= length;
    ms_store_relaxed(&trx->current, length); /* getters may look: any value is some moment's */
}

enum configured {
    CONFIGURED,     /* go on */
    CONFIGURE_OVER, /* the callback reported the fragment: it is not ours any more */
    CONFIGURE_NO,   /* FALSE without a report: the driver forgot it (PRG-07) */
};

/* STG-03 (2) */
static enum configured fragment_configure(struct ms_trx *trx, uint64_t serial)
{
    struct ms_visit visit;
    union ms_trx_word next;
    BOOLEAN go;
    bool ours;

    MS_TRX_MUST(trx, next, ms_trx_step_open(&next));
    visit = ms_visit_begin(DISPATCH_LEVEL, NULL);
    go = trx->configure(ms_trx_handle(trx), ms_trx_device(trx), trx->configure_context, trx->mdl,
                        trx->fragment_at, ms_load_relaxed(&trx->current)); /* STG-16 */
    ms_visit_end(&visit, trx->object.handle);
    MS_TRX_MOVE(trx, next, ours, ms_trx_step_shut(&next, serial));
    if (!ours)
        return CONFIGURE_OVER;
    if (go)
        return CONFIGURED;
    ms_trx_misuse(trx, MS_RULE_WDF_CONFIGURE_FALSE, next);
    return CONFIGURE_NO;
}

/* STG-04: exactly 40 bytes, as the framework has it on its stack. */
struct one_element {
    ULONG_PTR
    room[(sizeof(SCATTER_GATHER_LIST) + sizeof(SCATTER_GATHER_ELEMENT)) / sizeof(ULONG_PTR)];
};
static_assert(sizeof(struct one_element) == 40, "the smallest legal list (MTX-13)");

/* c4, version 2: a list made from the one address. */
static NTSTATUS fragment_map_2(struct ms_trx *trx, struct ms_dma_way *way, ULONG *length,
                               bool to_device, PSCATTER_GATHER_LIST list)
{
    list->NumberOfElements = 1;
    list->Reserved = 0;
    list->Elements[0].Address =
        ms_way_ops(way)->MapTransfer(way->adapter, trx->mdl, trx->base,
                                     ms_trx_va(trx->mdl, trx->fragment_at), length, to_device);
    list->Elements[0].Length = *length;
    list->Elements[0].Reserved = 0;
    return STATUS_SUCCESS;
}

/* STG-03 (3), STG-04, STG-06 */
static NTSTATUS fragment_map(struct ms_trx *trx, struct ms_dma_way *way, union ms_trx_word word,
                             PSCATTER_GATHER_LIST list, ULONG list_bytes)
{
    size_t wanted = ms_load_relaxed(&trx->current); /* ours: I1 */
    ULONG length = (ULONG)wanted;
    bool to_device = word.to_device;
    struct ms_ticket *ticket = NULL;
    NTSTATUS status;

    if (!trx->v3) {
        status = fragment_map_2(trx, way, &length, to_device, list);
    } else {
        if (trx->enabler->system && trx->complete) {
            ticket = ticket_take(trx, word);
            if (!ticket)
                return STATUS_INSUFFICIENT_RESOURCES;
        }
        status = ms_way_ops(way)->MapTransferEx(way->adapter, trx->mdl, trx->base, trx->fragment_at,
                                                trx->device_offset, &length, to_device, list,
                                                list_bytes, ticket ? hal_completed : NULL, ticket);
    }
    if (!NT_SUCCESS(status)) { /* STG-05 */
        if (ticket)
            ticket_give(ticket);
        return status;
    }
    ms_assert(length > 0 && length <= wanted);
    trx->remaining += wanted - length;
    ms_store_relaxed(&trx->current, length);
    return STATUS_SUCCESS;
}

static void program(struct ms_trx *trx, bool to_device, PSCATTER_GATHER_LIST list)
{
    struct ms_visit visit = ms_visit_begin(DISPATCH_LEVEL, NULL); /* PRG-02 */

    trx->program(ms_trx_handle(trx), ms_trx_device(trx), trx->context, (WDF_DMA_DIRECTION)to_device,
                 list); /* PRG-01; STG-07: what it returns means nothing */
    ms_visit_end(&visit, trx->object.handle);
}

/* Failure: nothing was programmed, and the word is still STAGING. Success may mean that the fragment is
 * over, or that the driver has to report it: the word says. */
static NTSTATUS fragment_stage(struct ms_trx *trx)
{
    struct ms_dma_way *way;
    struct one_element one;
    PSCATTER_GATHER_LIST list = (PSCATTER_GATHER_LIST)(void *)one.room;
    ULONG list_bytes = sizeof one;
    union ms_trx_word word, next;
    NTSTATUS status;

    fragment_plan(trx);
    MS_TRX_MUST(trx, word, ms_trx_step_plan(&word));
    if (word.stop)
        return STATUS_CANCELLED; /* STG-03 (1) */
    way = ms_enabler_way(trx->enabler, word.to_device);
    if (trx->enabler->system) {
        list = way->list;
        list_bytes = way->list_bytes;
        if (trx->configure) {
            enum configured how = fragment_configure(trx, word.serial);
            bool stalled;
            if (how == CONFIGURE_OVER)
                return STATUS_SUCCESS;
            if (how == CONFIGURE_NO) {
                MS_TRX_MOVE(trx, next, stalled, ms_trx_step_stall(&next, word.serial));
                (void)stalled;
                return STATUS_SUCCESS;
            }
        }
    }
    status = fragment_map(trx, way, word, list, list_bytes);
    if (!NT_SUCCESS(status))
        return status;
    MS_TRX_MUST(trx, next, ms_trx_step_open(&next)); /* hb:trx-word: the report sees the length */
    program(trx, word.to_device, list);
    return STATUS_SUCCESS;
}

/* STG-10, STG-14: it failed where a DmaCompleted* can say so. */
static void end_in_report(struct ms_trx *trx)
{
    PVOID base = trx->base;
    ULONG count = trx->count;
    union ms_trx_word next;

    ms_store_relaxed(&trx->current, 0);
    MS_TRX_MUST(trx, next, ms_trx_step_end(&next, false, true));
    if (!next.held)
        ms_trx_free_grant(trx, next.to_device, base, count);
    ms_trx_ended(trx);
}

/* STG-08: it failed where only a completion can say so; with nobody to tell, it stays (STG-09). */
static void stall_and_tell(struct ms_trx *trx, const struct ms_tellee *tellee, NTSTATUS status)
{
    union ms_trx_word next;
    bool stalled;

    next = ms_trx_look(trx);
    MS_TRX_MOVE(trx, next, stalled, ms_trx_step_stall(&next, next.serial));
    if (stalled)
        deliver(trx, tellee, status == STATUS_CANCELLED ? DmaCancelled : DmaError);
}

bool ms_trx_stage(struct ms_trx *trx, bool report, NTSTATUS *status)
{
    enum ms_trx_look look = LOOK_STAGE;
    struct ms_tellee tellee = {.routine = NULL};
    KIRQL old;

    KeRaiseIrql(DISPATCH_LEVEL, &old); /* PRG-02 */
    do {
        DMA_COMPLETION_STATUS done = DmaComplete;
        union ms_trx_word next;
        if (look == LOOK_STAGE) {
            bool first = trx->first; /* of an execution that may be younger than our frame */
            trx->first = false;
            tellee = tellee_of(trx, ms_trx_look(trx).to_device); /* ours: I1 */
            *status = fragment_stage(trx);
            if (!NT_SUCCESS(*status) && report && !first) {
                end_in_report(trx);
                KeLowerIrql(old);
                return true;
            }
            if (!NT_SUCCESS(*status))
                stall_and_tell(trx, &tellee, *status);
        }
        MS_TRX_MOVE(trx, next, look, ms_trx_step_look(&next, &done));
        if (look == LOOK_DELIVER) {
            if (trx->enabler->object.wdf->config.deferred_by_dpc)
                deliver_by_dpc(trx, next.serial, &tellee, done);
            else
                deliver(trx, &tellee, done); /* STG-12 */
        }
    } while (look != LOOK_LEAVE);
    KeLowerIrql(old);
    return false;
}

/* --- SG: lists ------------------------------------------------------------------------------------ */

void ms_trx_program_lists(struct ms_trx *trx)
{
    enum ms_trx_look look;

    do {
        DMA_COMPLETION_STATUS none;
        union ms_trx_word next;
        MS_TRX_MUST(trx, next, ms_trx_step_open(&next));
        program(trx, next.to_device, trx->list);
        MS_TRX_MOVE(trx, next, look, ms_trx_step_look(&next, &none));
        ms_assert(look != LOOK_DELIVER);
    } while (look == LOOK_STAGE);
}

/* K4: nested, as the original does it. */
static void program_nested(struct ms_trx *trx)
{
    union ms_trx_word next;
    uint64_t serial;
    bool still;

    MS_TRX_MUST(trx, next, ms_trx_step_open(&next));
    serial = next.serial;
    program(trx, next.to_device, trx->list);
    MS_TRX_MOVE(trx, next, still, ms_trx_step_programmed(&next, serial));
    (void)still;
}

/* The AdapterListControl of every list (SGP-06). */
static VOID list_granted(PDEVICE_OBJECT device, PIRP irp, PSCATTER_GATHER_LIST list, PVOID context)
{
    struct ms_trx *trx = context;
    bool nested = trx->object.wdf->config.nested_lists;
    bool ours;
    union ms_trx_word next;

    (void)device, (void)irp;
    MS_TRX_MOVE(trx, next, ours, ms_trx_step_grant(&next));
    if (!ours) { /* Cancel TRUE came first (CAN-16); the reference went with it */
        struct ms_dma_way *way = ms_enabler_way(trx->enabler, next.to_device);
        ms_way_ops(way)->PutScatterGatherList(way->adapter, list, (BOOLEAN)next.to_device);
        return;
    }
    ms_trx_own(trx);
    trx->list = list;
    if (nested) {
        MS_TRX_MUST(trx, next, ms_trx_step_more_list(&next));
        program_nested(trx);
    } else {
        enum ms_trx_turn turn;
        MS_TRX_MOVE(trx, next, turn, ms_trx_step_more(&next));
        if (turn == TURN_MINE)
            ms_trx_program_lists(trx);
    }
    ms_object_drop(&trx->object); /* of the phase WAITING */
}

/* SGP-01, SGP-02: where the next list begins and how long it is. What must be a single transfer is not cut: its
 * initialisation asked the adapter, which needs no more registers than there are although it may touch more pages
 * (TRX-30, GTI-06, GTI-08), and made the buffer as large as that list (TRX-31). */
static uint32_t list_plan(struct ms_trx *trx, const struct ms_dma_way *way, uint64_t *offset,
                          uint64_t *pages)
{
    uint64_t at = trx->start + ms_load_relaxed(&trx->transferred); /* ours: I1 */
    uint64_t want = trx->remaining < trx->fragment_max ? trx->remaining : trx->fragment_max;
    uint64_t length = 0, bytes;

    while (at - trx->at_base >= trx->at->ByteCount) {
        trx->at_base += trx->at->ByteCount;
        trx->at = trx->at->Next;
    }
    *offset = at - trx->at_base;
    *pages = 0;
    uint64_t from = *offset;
    for (const MDL *mdl = trx->at; length < want; mdl = mdl->Next, from = 0, length += bytes) {
        bytes = mdl->ByteCount - from < want - length ? mdl->ByteCount - from : want - length;
        uint64_t more = bytes ? ADDRESS_AND_SIZE_TO_SPAN_PAGES(mdl->ByteOffset + from, bytes) : 0;
        if (*pages + more > way->registers && *pages > 0 && !trx->single)
            break; /* SGP-02: at an MDL boundary */
        *pages += more;
    }
    ms_trx_own(trx);
    trx->remaining -= (size_t)length;
    ms_store_relaxed(&trx->current, length); /* getters may look: any value is some moment's */
    return (uint32_t)length;
}

struct list_request {
    PMDL mdl;
    uint64_t offset;
    uint32_t length;
    ULONG flags;
    bool to_device;
    PSCATTER_GATHER_LIST buffer;
    ULONG buffer_bytes;
};

/* c4s */
static NTSTATUS list_ask(struct ms_trx *trx, struct ms_dma_way *way, const struct list_request *r)
{
    const DMA_OPERATIONS *ops = ms_way_ops(way);
    PDEVICE_OBJECT fdo = trx->enabler->fdo;
    NTSTATUS status;
    KIRQL old;

    KeRaiseIrql(DISPATCH_LEVEL, &old);
    if (!trx->v3 && r->buffer)
        status = ops->BuildScatterGatherList(way->adapter, fdo, r->mdl,
                                             ms_trx_va(r->mdl, r->offset), r->length, list_granted,
                                             trx, r->to_device, r->buffer, r->buffer_bytes);
    else if (!trx->v3)
        status = ops->GetScatterGatherList(way->adapter, fdo, r->mdl, ms_trx_va(r->mdl, r->offset),
                                           r->length, list_granted, trx, r->to_device);
    else if (r->buffer)
        status = ops->BuildScatterGatherListEx(
            way->adapter, fdo, trx->transfer_context, r->mdl, r->offset, r->length, r->flags,
            list_granted, trx, r->to_device, r->buffer, r->buffer_bytes, NULL, NULL, NULL);
    else
        status = ops->GetScatterGatherListEx(way->adapter, fdo, trx->transfer_context, r->mdl,
                                             r->offset, r->length, r->flags, list_granted, trx,
                                             r->to_device, NULL, NULL, NULL);
    KeLowerIrql(old);
    return status;
}

NTSTATUS ms_trx_stage_list(struct ms_trx *trx, bool execute, bool *ended)
{
    union ms_trx_word next = ms_trx_look(trx);
    struct ms_dma_way *way = ms_enabler_way(trx->enabler, next.to_device);
    struct list_request request = {.flags = trx->immediate ? DMA_SYNCHRONOUS_CALLBACK : 0,
                                   .to_device = next.to_device,
                                   .buffer = trx->buffer,
                                   .buffer_bytes = trx->buffer_bytes};
    uint32_t minor = trx->object.wdf->config.framework_minor;
    uint64_t pages;
    NTSTATUS status = STATUS_CANCELLED; /* CAN-08, CAN-11 */
    bool moved;

    if (request.buffer && minor != 0 && minor < 15)
        request.flags = 0; /* EXE-09, K8 */
    request.length = list_plan(trx, way, &request.offset, &pages);
    request.mdl = trx->at;
    *ended = false;
    if (execute)
        MS_TRX_MUST(trx, next, ms_trx_step_start(&next));
    else
        MS_TRX_MUST(trx, next, ms_trx_step_plan(&next));
    uint64_t serial = next.serial;
    if (pages > ms_load_relaxed(&trx->enabler->elements_max)) { /* set at PASSIVE_LEVEL before */
        status = STATUS_WDF_TOO_FRAGMENTED;                     /* SGP-03, SGP-04 */
    } else {
        ms_object_hold(&trx->object); /* of the phase WAITING: whoever leaves it drops it */
        MS_TRX_MOVE(trx, next, moved, ms_trx_step_wait(&next, serial));
        if (moved) {
            status = list_ask(trx, way, &request);
            if (NT_SUCCESS(status)) {
                MS_TRX_MOVE(trx, next, moved, ms_trx_step_asked(&next, serial));
                if (!moved)
                    return status;
                status = STATUS_CANCELLED; /* by a Cancel of another list or execution: CAN-11 */
            }
            /* SGP-07. Lost: Cancel ended it and dropped the reference. */
            MS_TRX_MOVE(trx, next, moved, ms_trx_step_withdraw(&next, serial, false));
            *ended = moved;
            if (!moved)
                return status;
            ms_object_drop(&trx->object);
            return execute ? ms_trx_not_cancelled(status) : status;
        }
        ms_object_drop(&trx->object);
    }
    if (execute) {
        MS_TRX_MOVE(trx, next, moved, ms_trx_step_withdraw(&next, serial, false));
        *ended = moved;
        return moved ? status : STATUS_CANCELLED;
    }
    MS_TRX_MUST(trx, next, ms_trx_step_end(&next, false, false)); /* still STAGING, and ours */
    *ended = true;
    return status;
}
