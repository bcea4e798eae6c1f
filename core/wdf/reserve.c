/* SPDX-License-Identifier: MIT */
/*
 * reserve: AllocateResources and FreeResources: a channel or map registers that outlive executions
 * (RES-*).
 *
 * Invariants  I1 `queued` in the word has a reference on the transaction: whoever clears it drops it
 *             I2 `held` belongs to base and reserved, which only its owner clears
 * Ordering    hb:trx-word  the grant's base is written before `held` is released
 * Progress    lock-free but for what the adapter's routines say of themselves
 */
#include "wdf/transaction.h"

/* Takes the reservation away, if it is held and the step lets it go; *to_device: its direction. */
static bool unhold(struct ms_trx *trx, bool (*step)(union ms_trx_word *word), bool *to_device)
{
    union ms_trx_word next;
    bool ours;

    MS_TRX_MOVE(trx, next, ours, step(&next));
    *to_device = next.to_device;
    return ours;
}

/* c9. The caller owns the fields. A grant that comes meanwhile writes them before `held`: they are read behind it. */
void ms_trx_unhold(struct ms_trx *trx)
{
    bool to_device;

    if (!unhold(trx, ms_trx_step_unhold, &to_device))
        return;
    PVOID base = trx->base;
    ULONG count = trx->reserved;
    trx->reserved = 0;
    trx->base = NULL;
    ms_trx_free_grant(trx, to_device, base, count);
}

static IO_ALLOCATION_ACTION reserve_granted(PDEVICE_OBJECT device, PIRP irp, PVOID base,
                                            PVOID context)
{
    struct ms_trx *trx = context;
    bool system = trx->enabler->system;
    PFN_WDF_RESERVE_DMA routine = trx->reserve_routine;
    PVOID routine_context = trx->reserve_context;
    ULONG count = trx->reserved;
    struct ms_visit visit;
    union ms_trx_word next;
    bool to_device;

    (void)device, (void)irp;
    trx->base = base;
    trx->reserve_routine = NULL; /* RES-08: saved and cleared first */
    MS_TRX_MUST(trx, next, ms_trx_step_reserved(&next));
    visit = ms_visit_begin(DISPATCH_LEVEL, NULL);
    routine(ms_trx_handle(trx), routine_context); /* RES-09 */
    ms_visit_end(&visit, trx->object.handle);
    /* RES-16; the fields may be another's by now */
    if (next.drop && unhold(trx, ms_trx_step_give_up, &to_device))
        ms_trx_free_grant(trx, to_device, base, count);
    ms_trx_bury(trx);
    ms_object_drop(&trx->object); /* I1 */
    return system ? KeepObject : DeallocateObjectKeepRegisters;
}

void ms_trx_unqueue(struct ms_trx *trx)
{
    union ms_trx_word next = ms_trx_look(trx);
    bool late, dropped = false;

    if (!next.queued)
        return;
    ms_trx_misuse(trx, MS_RULE_WDF_FREE_QUEUED, next);
    if (!next.asked || ms_trx_withdraw(trx, next, &late) != GONE_ENDED)
        MS_TRX_MOVE(trx, next, dropped, ms_trx_step_drop(&next));
    (void)dropped;
}

/* `status`: of what was done before, as if the adapter had said it. */
static NTSTATUS reserve_ask(struct ms_trx *trx, struct ms_dma_way *way, ULONG count, ULONG flags,
                            uint64_t serial, NTSTATUS status)
{
    union ms_trx_word next;
    KIRQL old;
    bool ours;

    if (NT_SUCCESS(status)) {
        KeRaiseIrql(DISPATCH_LEVEL, &old);
        status = ms_way_ops(way)->AllocateAdapterChannelEx(way->adapter, trx->enabler->fdo,
                                                           trx->transfer_context, count, flags,
                                                           reserve_granted, trx, NULL); /* c2 */
        KeLowerIrql(old);
    }
    if (NT_SUCCESS(status)) {
        MS_TRX_MOVE(trx, next, ours, ms_trx_step_asked(&next, serial));
        if (!ours)
            return status;
        status = STATUS_CANCELLED; /* by a Cancel of another one */
    }
    MS_TRX_MOVE(trx, next, ours, ms_trx_step_unreserve(&next, false)); /* RES-10 */
    ms_trx_bury(trx);
    if (ours)
        ms_object_drop(&trx->object); /* I1 */
    return ms_trx_not_cancelled(status);
}

/* RES-04 */
static ULONG reserve_count(const struct ms_trx *trx, const struct ms_dma_way *way, ULONG required)
{
    if (required != 0)
        return required;
    if (trx->enabler->system)
        return way->registers;
    return (ULONG)ms_trx_pages(trx->mdl, trx->start, trx->length);
}

static NTSTATUS reserve(struct ms_trx *trx, bool to_device, ULONG required,
                        PFN_WDF_RESERVE_DMA routine, PVOID context)
{
    struct ms_dma_way *way = ms_enabler_way(trx->enabler, to_device);
    union ms_trx_word next;
    NTSTATUS status;
    ULONG count, flags;
    struct ms_request *request;
    bool ours, immediate, single;

    MS_TRX_MOVE(trx, next, ours, ms_trx_step_reserve(&next, required == 0));
    if (!ours) {
        ms_trx_misuse(trx, MS_RULE_WDF_RESERVE_STATE, next); /* RES-03 */
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    count = reserve_count(trx, way, required);
    immediate = trx->immediate;
    flags = immediate ? DMA_SYNCHRONOUS_CALLBACK : 0; /* RES-15 */
    single = trx->single;
    request = trx->request;
    trx->request = NULL;
    ms_trx_forget_fields(trx); /* RES-06: MDL, offset, lengths */
    trx->immediate = immediate;
    trx->single = single; /* TRX-33: Release alone takes it back */
    /* TRX-20: likewise; EvtReserveDma may ask for it, to initialise with it. */
    trx->request = request;
    trx->reserved = count;
    trx->reserve_routine = routine;
    trx->reserve_context = context;
    status = ms_way_ops(way)->InitializeDmaTransferContext(way->adapter, trx->transfer_context);
    ms_object_hold(&trx->object);                                        /* I1 */
    ms_store_release(&trx->era, (next.serial + 1) & MS_TRX_SERIAL_MASK); /* hb:trx-era */
    MS_TRX_MUST(trx, next, ms_trx_step_reserving(&next, to_device));
    return reserve_ask(trx, way, count, flags, next.serial, status);
}

NTSTATUS WdfDmaTransactionAllocateResources(WDFDMATRANSACTION DmaTransaction,
                                            WDF_DMA_DIRECTION DmaDirection,
                                            ULONG RequiredMapRegisters,
                                            PFN_WDF_RESERVE_DMA EvtReserveDmaFunction,
                                            PVOID EvtReserveDmaContext)
{
    struct ms_trx *trx = ms_trx_take(DmaTransaction);
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    bool to_device = DmaDirection == WdfDmaDirectionWriteToDevice;

    if (!trx)
        return status; /* FTL-02 */
    if (!EvtReserveDmaFunction)
        ms_misuse_null(&trx->object);
    else if (!trx->v3 || trx->enabler->lists)
        status = STATUS_INVALID_DEVICE_REQUEST; /* RES-02 */
    else if (!ms_direction_is_known(DmaDirection))
        status = STATUS_INVALID_PARAMETER;
    else if (!ms_trx_is_configured(trx, to_device))
        status = STATUS_INVALID_DEVICE_REQUEST; /* ENB-20, ENB-23 */
    else
        status = reserve(trx, to_device, RequiredMapRegisters, EvtReserveDmaFunction,
                         EvtReserveDmaContext);
    ms_object_drop(&trx->object);
    return status;
}

static void free_resources(struct ms_trx *trx)
{
    union ms_trx_word next = ms_trx_look(trx);
    bool ours;

    if (next.phase == TRX_CREATED || ms_trx_is_executing(next)) {
        ms_trx_misuse(trx, MS_RULE_WDF_FREE_STATE, next); /* RES-14 */
        return;
    }
    ms_trx_unqueue(trx); /* RES-16 */
    MS_TRX_MOVE(trx, next, ours, ms_trx_step_release(&next));
    if (!ours) {
        ms_trx_misuse(trx, MS_RULE_WDF_FREE_STATE, next);
        return;
    }
    ms_trx_unhold(trx);
    ms_trx_forget_fields(trx);
    MS_TRX_MUST(trx, next, ms_trx_step_released(&next, false));
    ms_trx_bury(trx);
}

VOID WdfDmaTransactionFreeResources(WDFDMATRANSACTION DmaTransaction)
{
    struct ms_trx *trx = ms_trx_take(DmaTransaction);

    if (!trx)
        return; /* FTL-02 */
    if (trx->v3 && !trx->enabler->lists)
        free_resources(trx);
    else
        ms_trx_misuse(trx, MS_RULE_WDF_SETTER_PROFILE, ms_trx_look(trx)); /* RES-14 */
    ms_object_drop(&trx->object);
}
