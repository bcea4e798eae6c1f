/* SPDX-License-Identifier: MIT */
/*
 * complete: DmaCompleted, DmaCompletedWithLength, DmaCompletedFinal: count, flush, and the next fragment
 * or the end (CMP-*).
 *
 * Idea        the report takes the fragment with one step of the word; what it counts and flushes is its
 *             own until it hands the fields to a staging frame, becomes one, or ends the execution.
 * Ordering    hb:trx-word  the step that takes the fragment acquires what staging wrote, the step that
 *             leaves releases what is counted
 * Progress    lock-free but for what the adapter's flush says of itself
 */
#include "wdf/transaction.h"

#include "wdf/request.h"

/* --- the end of an execution ---------------------------------------------------------------------- */

void ms_trx_free_grant(struct ms_trx *trx, bool to_device, PVOID base, ULONG count)
{
    struct ms_dma_way *way = ms_enabler_way(trx->enabler, to_device);
    KIRQL old;

    KeRaiseIrql(DISPATCH_LEVEL, &old); /* c8, c9 */
    if (trx->enabler->system)
        ms_way_ops(way)->FreeAdapterChannel(way->adapter);
    else if (base)
        ms_way_ops(way)->FreeMapRegisters(way->adapter, base, count); /* HRQ-08 */
    KeLowerIrql(old);
}

static void put_list(struct ms_trx *trx, bool to_device)
{
    struct ms_dma_way *way = ms_enabler_way(trx->enabler, to_device);
    PSCATTER_GATHER_LIST list = trx->list;
    KIRQL old;

    if (!list)
        return;
    trx->list = NULL;
    KeRaiseIrql(DISPATCH_LEVEL, &old); /* c7s */
    ms_way_ops(way)->PutScatterGatherList(way->adapter, list, to_device);
    KeLowerIrql(old);
}

void ms_trx_ended(struct ms_trx *trx)
{
    struct ms_request *request =
        ms_exchange_acq_rel(&trx->held, NULL); /* hb:trx-held; TRX-23: once */

    ms_store_relaxed(&trx->current, 0); /* CMP-12; getters may look: any value is some moment's */
    if (request)
        ms_request_io_give(request);
    if (!trx->v3 && !trx->enabler->lists)
        ms_store_release(ms_trx_turn(trx), 0); /* hb:packet-turn */
    ms_trx_bury(trx);
}

/* From CLOSING: the caller owns the fields. `close` puts a list that is still held. */
static BOOLEAN end(struct ms_trx *trx, bool success, NTSTATUS status, NTSTATUS *result)
{
    PVOID base = trx->base;
    ULONG count = trx->count;
    union ms_trx_word next = ms_trx_look(trx);

    put_list(trx, next.to_device);
    ms_store_relaxed(&trx->current, 0);
    MS_TRX_MUST(trx, next, ms_trx_step_end(&next, success, false));
    if (!next.held && !trx->enabler->lists)
        ms_trx_free_grant(trx, next.to_device, base, count);
    ms_trx_ended(trx);
    *result = status;
    return TRUE;
}

/* --- a report ------------------------------------------------------------------------------------- */

enum report_kind { REPORT_WHOLE, REPORT_LENGTH, REPORT_FINAL };

/* CMP-05: c7, c7s. */
static NTSTATUS fragment_close(struct ms_trx *trx, bool to_device, size_t bytes)
{
    struct ms_dma_way *way = ms_enabler_way(trx->enabler, to_device);
    const DMA_OPERATIONS *ops = ms_way_ops(way);

    if (trx->enabler->lists) {
        put_list(trx, to_device);
        return STATUS_SUCCESS;
    }
    if (!trx->v3)
        return ops->FlushAdapterBuffers(way->adapter, trx->mdl, trx->base,
                                        ms_trx_va(trx->mdl, trx->fragment_at), (ULONG)bytes,
                                        to_device)
                   ? STATUS_SUCCESS
                   : STATUS_UNSUCCESSFUL;
    return ops->FlushAdapterBuffersEx(way->adapter, trx->mdl, trx->base, trx->fragment_at,
                                      (ULONG)bytes, to_device);
}

/* CMP-03, CON-05: more than was staged. */
static BOOLEAN overrun(struct ms_trx *trx, bool to_device, size_t staged, NTSTATUS *result)
{
    if (!trx->object.wdf->config.no_flush_on_overrun)
        (void)fragment_close(trx, to_device, staged); /* the end has its status already */
    return end(trx, false, STATUS_INVALID_PARAMETER, result);
}

static BOOLEAN more(struct ms_trx *trx, NTSTATUS *result)
{
    bool ended;

    if (trx->enabler->lists) {
        union ms_trx_word next;
        MS_TRX_MUST(trx, next, ms_trx_step_more_list(&next));
        *result = ms_trx_stage_list(trx, false, &ended);
        if (ended)
            ms_trx_ended(trx);
    } else {
        union ms_trx_word next;
        enum ms_trx_turn turn;
        *result = STATUS_SUCCESS;
        MS_TRX_MOVE(trx, next, turn, ms_trx_step_more(&next));
        ended = turn == TURN_MINE && ms_trx_stage(trx, true, result);
    }
    if (ended)
        return TRUE;                           /* CMP-11 */
    *result = STATUS_MORE_PROCESSING_REQUIRED; /* CMP-09 */
    return FALSE;
}

static BOOLEAN report_taken(struct ms_trx *trx, bool to_device, enum report_kind kind,
                            size_t reported, NTSTATUS *result)
{
    size_t staged = ms_load_relaxed(&trx->current); /* ours: the fields' owner */
    NTSTATUS status;

    ms_trx_own(trx);
    if (kind == REPORT_WHOLE)
        reported = staged;
    if (reported > staged)
        return overrun(trx, to_device, staged, result);
    trx->remaining += staged - reported; /* CMP-04 */
    ms_store_relaxed(&trx->current, reported);
    ms_store_relaxed(&trx->transferred, ms_load_relaxed(&trx->transferred) + reported);
    status = fragment_close(trx, to_device, reported);
    if (!NT_SUCCESS(status))
        return end(trx, false, status, result); /* CMP-06 */
    if (trx->single && trx->remaining > 0)
        return end(trx, false, STATUS_WDF_TOO_MANY_TRANSFERS, result); /* CMP-07, TRX-32 */
    if (trx->remaining == 0 || kind == REPORT_FINAL)
        return end(trx, true, STATUS_SUCCESS, result); /* CMP-08 */
    return more(trx, result);
}

static BOOLEAN report(WDFDMATRANSACTION handle, enum report_kind kind, size_t reported,
                      NTSTATUS *status)
{
    struct ms_trx *trx = ms_trx_take_dying(handle);
    NTSTATUS result = STATUS_INVALID_DEVICE_REQUEST; /* FTL-01 */
    union ms_trx_word next;
    enum ms_trx_report how;
    bool dropped = false;
    BOOLEAN over = FALSE;

    if (status)
        *status = trx ? result : STATUS_INVALID_PARAMETER; /* CMP-01 */
    if (!trx)
        return FALSE; /* FTL-02 */
    if (!status) {
        ms_misuse_null(&trx->object); /* FTL-02 */
        goto out;
    }
    MS_TRX_MOVE(trx, next, how, ms_trx_step_report(&next, &dropped));
    if (how == REPORT_TAKEN) {
        if (dropped)
            ms_fetch_add_relaxed(&trx->dropped, 1); /* CMP-20, STP-12: a statistic */
        over = report_taken(trx, next.to_device, kind, reported, &result);
    } else {
        ms_trx_misuse(
            trx, ms_trx_is_executing(next) ? MS_RULE_WDF_REPORT_TWICE : MS_RULE_WDF_REPORT_STATE,
            next);
    }
    *status = result;
out:
    ms_object_drop(&trx->object);
    return over;
}

BOOLEAN WdfDmaTransactionDmaCompleted(WDFDMATRANSACTION DmaTransaction, NTSTATUS *Status)
{
    return report(DmaTransaction, REPORT_WHOLE, 0, Status);
}

BOOLEAN WdfDmaTransactionDmaCompletedWithLength(WDFDMATRANSACTION DmaTransaction,
                                                size_t TransferredLength, NTSTATUS *Status)
{
    return report(DmaTransaction, REPORT_LENGTH, TransferredLength, Status);
}

BOOLEAN WdfDmaTransactionDmaCompletedFinal(WDFDMATRANSACTION DmaTransaction,
                                           size_t FinalTransferredLength, NTSTATUS *Status)
{
    return report(DmaTransaction, REPORT_FINAL, FinalTransferredLength, Status);
}
