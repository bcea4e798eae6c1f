/* SPDX-License-Identifier: MIT */
/*
 * execute: an execution's beginning, and how others end it: Execute, Cancel, StopSystemTransfer.
 *
 * Idea        Execute asks the adapter once and lets go of the fields before it asks: the grant, a cancel
 *             and the failure of the call meet in the word, and one of them goes on (EXE-12, CAN-16).
 * Invariants  I1 the phase WAITING has a reference on the transaction: whoever leaves that phase drops it,
 *                so an adapter's queue never points to freed memory
 *             I2 the end has one owner: a failing Execute, Cancel TRUE or a report TRUE (STM-02)
 * Ordering    hb:trx-word   what Execute wrote is seen by who was granted
 *             hb:trx-era    who sees that an era has begun asks the adapter behind what began it, the
 *             initialisation of the context: an older mark on it is gone
 *             hb:trx-held  whoever ends the execution acquires the request that Execute held
 *             hb:packet-turn  version 2: the next transaction acquires what the last one released
 * Progress    lock-free but for what the adapter's routines say of themselves
 */
#include "wdf/transaction.h"

#include "wdf/request.h"

/* --- grants --------------------------------------------------------------------------------------- */

/* The fields are ours: note the first fragment, then stage it or leave it to the frame in the loop. */
static void granted(struct ms_trx *trx, PVOID base)
{
    union ms_trx_word next;
    enum ms_trx_turn turn;
    NTSTATUS status;

    ms_trx_own(trx);
    trx->base = base; /* STG-01 */
    trx->first = true;
    MS_TRX_MOVE(trx, next, turn, ms_trx_step_more(&next));
    if (turn == TURN_MINE)
        (void)ms_trx_stage(trx, false, &status); /* a failure was told by a completion (STG-08) */
}

static IO_ALLOCATION_ACTION adapter_granted(PDEVICE_OBJECT device, PIRP irp, PVOID base,
                                            PVOID context)
{
    struct ms_trx *trx = context;
    bool system = trx->enabler->system;
    union ms_trx_word next;
    bool ours;

    (void)device, (void)irp;
    MS_TRX_MOVE(trx, next, ours, ms_trx_step_grant(&next));
    if (!ours)
        return DeallocateObject; /* Cancel TRUE came first (CAN-16); the reference went with it */
    granted(trx, base);
    ms_object_drop(&trx->object); /* I1 */
    return system ? KeepObject : DeallocateObjectKeepRegisters;
}

/* --- Execute -------------------------------------------------------------------------------------- */

/* EXE-07 */
static ULONG registers_needed(const struct ms_trx *trx, const struct ms_dma_way *way)
{
    uint64_t pages;

    if (trx->enabler->system)
        return way->registers;
    if (trx->length > trx->fragment_max)
        return ADDRESS_AND_SIZE_TO_SPAN_PAGES(PAGE_SIZE - 1, trx->fragment_max);
    /* A chain of crumbs touches more pages than there are registers, and is mapped in several fragments then. */
    pages = ms_trx_pages(trx->mdl, trx->start, trx->length);
    return pages < way->registers ? (ULONG)pages : way->registers;
}

/* c3 */
static NTSTATUS adapter_ask(struct ms_trx *trx, struct ms_dma_way *way, ULONG count, ULONG flags)
{
    const DMA_OPERATIONS *ops = ms_way_ops(way);
    NTSTATUS status;
    KIRQL old;

    KeRaiseIrql(DISPATCH_LEVEL, &old);
    status = trx->v3 ? ops->AllocateAdapterChannelEx(way->adapter, trx->enabler->fdo,
                                                     trx->transfer_context, count, flags,
                                                     adapter_granted, trx, NULL)
                     : ops->AllocateAdapterChannel(way->adapter, trx->enabler->fdo, count,
                                                   adapter_granted, trx);
    KeLowerIrql(old);
    return status;
}

/* Packet and system without a reservation. *ended: the execution ended here. */
static NTSTATUS execute_asking(struct ms_trx *trx, struct ms_dma_way *way, bool *ended)
{
    ULONG count = trx->count = registers_needed(trx, way);
    ULONG flags = trx->immediate ? DMA_SYNCHRONOUS_CALLBACK : 0; /* EXE-08 */
    union ms_trx_word next;
    NTSTATUS status;
    bool moved;

    MS_TRX_MUST(trx, next, ms_trx_step_start(&next));
    uint64_t serial = next.serial;
    ms_object_hold(&trx->object); /* I1 */
    MS_TRX_MOVE(trx, next, moved, ms_trx_step_wait(&next, serial));
    *ended = false;
    if (!moved) {
        ms_object_drop(&trx->object);
        return STATUS_CANCELLED; /* CAN-08 */
    }
    status = adapter_ask(trx, way, count, flags);
    if (NT_SUCCESS(status)) {
        MS_TRX_MOVE(trx, next, moved, ms_trx_step_asked(&next, serial));
        if (!moved)
            return STATUS_SUCCESS; /* EXE-03: the transaction may be anything by now */
        status = STATUS_CANCELLED; /* by a Cancel of another one */
    }
    MS_TRX_MOVE(trx, next, moved, ms_trx_step_withdraw(&next, serial, false));
    *ended = moved;
    if (!moved)
        return STATUS_CANCELLED; /* EXE-12 (b): Cancel has it */
    ms_object_drop(&trx->object);
    return ms_trx_not_cancelled(status);
}

/* c3r: RES-11. */
static NTSTATUS execute_reserved(struct ms_trx *trx)
{
    PVOID base = trx->base;
    union ms_trx_word next;
    KIRQL old;
    bool ours;

    trx->count = trx->reserved;
    MS_TRX_MUST(trx, next, ms_trx_step_start(&next));
    uint64_t serial =
        next.serial; /* when it is another, Cancel ended this execution, and the next one has begun */
    MS_TRX_MOVE(trx, next, ours, next.serial == serial && ms_trx_step_grant(&next));
    if (!ours)
        return STATUS_CANCELLED;
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    granted(trx, base);
    KeLowerIrql(old);
    return STATUS_SUCCESS;
}

/* EXE-10. hb:packet-turn. */
static bool device_is_busy(struct ms_trx *trx)
{
    uint32_t idle = 0;

    if (trx->v3 || trx->enabler->lists)
        return false;
    return !ms_cas_acquire(ms_trx_turn(trx), &idle, 1);
}

static NTSTATUS execute_entered(struct ms_trx *trx, WDFCONTEXT context, union ms_trx_word word)
{
    struct ms_dma_way *way = ms_enabler_way(trx->enabler, word.to_device);
    NTSTATUS status;
    bool ended;

    ms_trx_own(trx);
    trx->context = context;
    ms_store_release(&trx->era, word.serial);             /* hb:trx-era */
    if (trx->request && ms_request_io_take(trx->request)) /* TRX-21 */
        ms_store_release(&trx->held, trx->request);       /* hb:trx-held */
    if (trx->enabler->lists) {
        status = ms_trx_stage_list(trx, true, &ended);
    } else if (word.held) {
        return execute_reserved(trx);
    } else {
        status = execute_asking(trx, way, &ended);
    }
    if (ended)
        ms_trx_ended(trx); /* EXE-05 */
    return status;
}

NTSTATUS WdfDmaTransactionExecute(WDFDMATRANSACTION DmaTransaction, WDFCONTEXT Context)
{
    struct ms_trx *trx = ms_trx_take(DmaTransaction);
    union ms_trx_word next;
    NTSTATUS status;
    bool entered;

    if (!trx)
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    next = ms_trx_look(trx);
    if (next.phase == TRX_FAILED && next.cancel && trx->object.wdf->config.cancel_early) {
        status = STATUS_CANCELLED; /* CAN-12, K2 */
    } else {
        MS_TRX_MOVE(trx, next, entered, ms_trx_step_enter(&next));
        if (!entered) {
            ms_trx_misuse(trx, MS_RULE_WDF_EXECUTE_STATE, next); /* EXE-02 */
            status = STATUS_INVALID_DEVICE_REQUEST;
        } else if (device_is_busy(trx)) {
            MS_TRX_MUST(trx, next, ms_trx_step_start(&next));
            uint64_t serial = next.serial;
            MS_TRX_MOVE(trx, next, entered, ms_trx_step_withdraw(&next, serial, false));
            ms_trx_bury(trx); /* deleted meanwhile: nobody else ends it (FTL-01) */
            status = STATUS_WDF_BUSY;
        } else {
            status = execute_entered(trx, Context, next);
        }
    }
    ms_object_drop(&trx->object); /* EXE-11 */
    return status;
}

/* --- Cancel --------------------------------------------------------------------------------------- */

/* Who was slow between the look and the adapter's answer may have withdrawn the request of an execution or reservation
 * that has begun since, and that nobody else would end: it is that one's turn then, as if this call had come now. While
 * the word stays, so does the era, and in one era the context is not initialised anew: what it withdrew is what waits.
 * Lock-free: another round means that another era began. In that round the adapter may say that it is too late because a
 * routine of an earlier era has not returned (CAC-14), and what was withdrawn waits for the next Cancel or Release: only
 * for a driver that begins anew while two older calls are inside, which is its race (RCE-12, STP-13). */
enum ms_trx_gone ms_trx_withdraw(struct ms_trx *trx, union ms_trx_word word, bool *late)
{
    enum ms_trx_gone gone;
    union ms_trx_word next;
    uint64_t era;

    do {
        struct ms_dma_way *way = ms_enabler_way(trx->enabler, word.to_device);
        era = ms_load_acquire(&trx->era); /* hb:trx-era: its context is initialised */
        *late = !ms_way_ops(way)->CancelAdapterChannel(way->adapter, trx->enabler->fdo,
                                                       trx->transfer_context); /* c5 */
        if (*late)
            return GONE_NOBODYS;
        MS_TRX_MOVE(trx, next, gone,
                    ms_load_relaxed(&trx->era) == era ? ms_trx_step_gone(&next) : GONE_NOBODYS);
        word = next;
    } while (gone == GONE_NOBODYS && ms_load_relaxed(&trx->era) != era &&
             (word.phase == TRX_WAITING || word.queued));
    if (gone == GONE_ENDED) {
        ms_trx_ended(trx);            /* CAN-06 */
        ms_object_drop(&trx->object); /* I1, and of the queued reservation */
    }
    return gone;
}

static BOOLEAN cancel_asked(struct ms_trx *trx, union ms_trx_word word)
{
    union ms_trx_word next;
    bool late, moved;

    if (ms_trx_withdraw(trx, word, &late) == GONE_ENDED)
        return TRUE; /* CAN-06, CAN-13 */
    if (late && trx->enabler->lists) {
        MS_TRX_MOVE(trx, next, moved, ms_trx_step_refuse(&next)); /* CAN-11 */
        (void)moved;
    }
    return FALSE; /* CAN-05 */
}

static BOOLEAN cancel(struct ms_trx *trx)
{
    const struct ms_wdf_config *knobs = &trx->object.wdf->config;
    union ms_trx_word next;
    enum ms_trx_cancel how;

    MS_TRX_MOVE(trx, next, how,
                ms_trx_step_cancel(&next, trx->enabler->lists, knobs->cancel_early));
    switch (how) {
    case CANCEL_MISUSE:
        ms_trx_misuse(trx, MS_RULE_WDF_CANCEL_STATE, next); /* CAN-03 */
        return FALSE;
    case CANCEL_FALSE:
        if (next.phase == TRX_COMPLETED || next.phase == TRX_FAILED)
            ms_trx_misuse(
                trx, knobs->ended_is_fatal ? MS_RULE_WDF_CANCEL_STATE : MS_RULE_WDF_CANCEL_ENDED,
                next);
        return FALSE; /* CAN-15 */
    case CANCEL_STARTED:
        ms_trx_ended(trx);
        return TRUE; /* CAN-08 */
    case CANCEL_EARLY:
        return TRUE; /* CAN-12, K2 */
    default:
        return cancel_asked(trx, next);
    }
}

BOOLEAN WdfDmaTransactionCancel(WDFDMATRANSACTION DmaTransaction)
{
    struct ms_trx *trx = ms_trx_take(DmaTransaction);
    BOOLEAN cancelled = FALSE;

    if (!trx)
        return FALSE; /* FTL-02 */
    if (trx->v3)
        cancelled = cancel(trx);
    else
        ms_trx_misuse(trx, MS_RULE_WDF_CANCEL_VERSION, ms_trx_look(trx)); /* CAN-02 */
    ms_object_drop(&trx->object);
    return cancelled;
}

/* --- Stop ----------------------------------------------------------------------------------------- */

/* STP-01, STP-02. The flag is set first, so a frame that stages sees it, or maps before the mark and is
 * stopped by it: no stop is lost (STP-06). */
static void stop(struct ms_trx *trx)
{
    const struct ms_wdf_config *knobs = &trx->object.wdf->config;
    union ms_trx_word next;
    enum ms_trx_stop how;
    struct ms_dma_way *way;

    MS_TRX_MOVE(trx, next, how, ms_trx_step_stop(&next));
    way = ms_enabler_way(trx->enabler, next.to_device);
    switch (how) {
    case STOP_NOTHING: /* STP-08 */
        ms_trx_misuse(
            trx, knobs->ended_is_fatal ? MS_RULE_WDF_STOP_ENDED : MS_RULE_WDF_STOP_NOTHING, next);
        break;
    case STOP_TWICE: /* STP-04 */
        ms_trx_misuse(trx, MS_RULE_WDF_STOP_TWICE, next);
        break;
    case STOP_NOW:
        if (!NT_SUCCESS(ms_way_ops(way)->CancelMappedTransfer(way->adapter,
                                                              trx->transfer_context))) /* c6 */
            ms_trx_misuse(trx, MS_RULE_WDF_STOP_TWICE, next); /* somebody went past the framework */
        break;
    }
}

VOID WdfDmaTransactionStopSystemTransfer(WDFDMATRANSACTION DmaTransaction)
{
    struct ms_trx *trx = ms_trx_take(DmaTransaction);

    if (!trx)
        return; /* FTL-02 */
    if (trx->enabler->system)
        stop(trx);
    else
        ms_trx_misuse(trx, MS_RULE_WDF_SETTER_PROFILE, ms_trx_look(trx)); /* TRX-42 */
    ms_object_drop(&trx->object);
}
