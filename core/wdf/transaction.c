/* SPDX-License-Identifier: MIT */
/*
 * transaction: creating, initialising, releasing and deleting DMA transactions (TRX-*, REL-*).
 *
 * Ordering    hb:trx-word  Initialize and Release own the fields from the step to CHANGING to the step out
 *             of it (transaction_state.h, I1)
 * Progress    lock-free but for memory: a transaction's own, and an SGL buffer that has to grow (TRX-31)
 */
#include "wdf/transaction.h"

#include "memory/memory.h"
#include "wdf/request.h"

/* --- what an initialisation is asked for ---------------------------------------------------------- */

struct init {
    PFN_WDF_PROGRAM_DMA program;
    WDF_DMA_DIRECTION direction;
    PMDL mdl;
    uint64_t offset; /* in the chain */
    size_t length;
    struct ms_request *request; /* NULL: none */
};

/* TRX-05 .. TRX-09, RES-17: what is looked at before the state. */
static NTSTATUS init_check(const struct ms_trx *trx, const struct init *init)
{
    const struct ms_enabler *enabler = trx->enabler;
    union ms_trx_word word = ms_trx_look(trx);
    uint64_t end = init->offset + init->length;

    if (init->length == 0 || !ms_direction_is_known(init->direction))
        return STATUS_INVALID_PARAMETER;
    if (init->length > UINT32_MAX)
        return STATUS_INVALID_PARAMETER; /* TRX-09 */
    if (!trx->v3 && !enabler->lists && end > init->mdl->ByteCount)
        return STATUS_INVALID_PARAMETER; /* TRX-07, ENB-31 */
    if (ms_mdl_chain_bytes(init->mdl, end) < end)
        return STATUS_INVALID_PARAMETER; /* TRX-08 */
    if (enabler->duplex && (word.held || word.queued) &&
        word.to_device != (init->direction == WdfDmaDirectionWriteToDevice))
        return STATUS_INVALID_PARAMETER; /* RES-17 */
    return STATUS_SUCCESS;
}

/* Pages of each prospective fragment against the limit (TRX-14). */
static bool is_too_fragmented(const struct ms_trx *trx, uint32_t elements_max)
{
    for (uint64_t done = 0; done < trx->length; done += trx->fragment_max) {
        uint64_t bytes =
            trx->length - done < trx->fragment_max ? trx->length - done : trx->fragment_max;
        if (ms_trx_pages(trx->mdl, trx->start + done, bytes) > elements_max)
            return true;
    }
    return false;
}

/* TRX-31 */
static NTSTATUS buffer_grow(struct ms_trx *trx, ULONG bytes)
{
    PSCATTER_GATHER_LIST larger;

    if (!trx->buffer || bytes <= trx->buffer_bytes)
        return STATUS_SUCCESS;
    larger = ms_alloc(bytes);
    if (!larger)
        return STATUS_INSUFFICIENT_RESOURCES;
    ms_free(trx->buffer, trx->buffer_bytes);
    trx->buffer = larger;
    trx->buffer_bytes = bytes;
    return STATUS_SUCCESS;
}

static bool is_packet(const struct ms_enabler *enabler)
{
    return !enabler->lists && !enabler->system;
}

/* TRX-30, in its order. */
static NTSTATUS single_check(struct ms_trx *trx, const struct ms_dma_way *way, bool to_device,
                             uint32_t elements_max)
{
    struct ms_enabler *enabler = trx->enabler;
    DMA_TRANSFER_INFO info = {.Version = DMA_TRANSFER_INFO_VERSION1};
    NTSTATUS status;

    if (trx->fragment_max < enabler->config.MaximumLength)
        trx->fragment_max = enabler->config.MaximumLength;
    if (trx->length > trx->fragment_max)
        return STATUS_WDF_TOO_MANY_TRANSFERS;
    status = ms_way_ops(way)->GetDmaTransferInfo(way->adapter, trx->mdl, trx->start,
                                                 (ULONG)trx->length, to_device, &info);
    if (!NT_SUCCESS(status))
        return status;
    if (info.V1.MapRegisterCount > (trx->reserved ? trx->reserved : way->registers))
        return STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS;
    if (info.V1.ScatterGatherElementCount > (is_packet(enabler) ? 1 : elements_max))
        return STATUS_WDF_TOO_FRAGMENTED;
    return buffer_grow(trx, info.V1.ScatterGatherListSize);
}

/* TRX-12, in its order; the caller owns the fields. `word` as it was when it became their owner. */
static NTSTATUS init_fields(struct ms_trx *trx, const struct init *init, union ms_trx_word word)
{
    bool to_device = init->direction == WdfDmaDirectionWriteToDevice;
    struct ms_dma_way *way = ms_enabler_way(trx->enabler, to_device);
    uint32_t elements_max = ms_load_relaxed(&trx->enabler->elements_max); /* set at PASSIVE_LEVEL */
    NTSTATUS status = STATUS_SUCCESS;

    ms_trx_own(trx);
    if (!word.held && !word.queued)
        trx->reserved = 0; /* of one that failed, or was withdrawn (RES-10, CAN-13) */
    trx->fragment_max = way->fragment_length;
    trx->mdl = trx->at = init->mdl;
    trx->at_base = 0;
    trx->start = init->offset;
    trx->length = trx->remaining = init->length;
    trx->program = init->program;
    ms_store_relaxed(&trx->transferred, 0); /* getters may look: any value is some moment's */
    ms_store_relaxed(&trx->current, 0);
    trx->device_offset = 0; /* TRX-13 */
    if (word.queued)
        status = STATUS_INVALID_PARAMETER; /* the context waits with the reservation (TCX-17) */
    else if (trx->v3)
        status = ms_way_ops(way)->InitializeDmaTransferContext(way->adapter, trx->transfer_context);
    if (NT_SUCCESS(status) && trx->single)
        status = single_check(trx, way, to_device, elements_max);
    if (NT_SUCCESS(status) && trx->enabler->lists && is_too_fragmented(trx, elements_max))
        status = STATUS_WDF_TOO_FRAGMENTED;
    return status;
}

static NTSTATUS init_change(struct ms_trx *trx, const struct init *init)
{
    struct ms_request *older;
    union ms_trx_word next;
    NTSTATUS status;
    bool ours;

    MS_TRX_MOVE(trx, next, ours, ms_trx_step_prepare(&next));
    if (!ours) {
        ms_trx_misuse(trx, MS_RULE_WDF_INITIALIZE_STATE, next); /* TRX-11 */
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if (next.queued)
        ms_trx_misuse(trx, MS_RULE_WDF_INITIALIZE_QUEUED, next); /* 13.1, note 1 */
    status = init_fields(trx, init, next);
    if (!NT_SUCCESS(status)) {
        ms_trx_forget_fields(trx); /* TRX-15 */
        MS_TRX_MUST(trx, next, ms_trx_step_released(&next, false));
        ms_trx_bury(trx);
        return status;
    }
    older = trx->request; /* of what a reservation threw away (RES-06) */
    if (init->request)
        ms_object_hold(&init->request->object); /* TRX-20 */
    trx->request = init->request;
    if (older)
        ms_object_drop(&older->object);
    MS_TRX_MUST(trx, next,
                ms_trx_step_prepared(&next, init->direction == WdfDmaDirectionWriteToDevice));
    ms_trx_bury(trx);
    return STATUS_SUCCESS;
}

bool ms_trx_is_configured(const struct ms_trx *trx, bool to_device)
{
    struct ms_enabler *enabler = trx->enabler;

    if (ms_way_is_ready(ms_enabler_way(enabler, to_device)) &&
        (!enabler->duplex || ms_way_is_ready(ms_enabler_way(enabler, !to_device))))
        return true;
    ms_trx_misuse(trx, MS_RULE_WDF_NOT_CONFIGURED, ms_trx_look(trx));
    return false;
}

static NTSTATUS initialize(struct ms_trx *trx, const struct init *init)
{
    NTSTATUS status = init_check(trx, init);

    if (!NT_SUCCESS(status))
        return status;
    if (!ms_trx_is_configured(trx, init->direction == WdfDmaDirectionWriteToDevice))
        return STATUS_INVALID_DEVICE_REQUEST;
    return init_change(trx, init);
}

NTSTATUS WdfDmaTransactionInitialize(WDFDMATRANSACTION DmaTransaction,
                                     PFN_WDF_PROGRAM_DMA EvtProgramDmaFunction,
                                     WDF_DMA_DIRECTION DmaDirection, PMDL Mdl, PVOID VirtualAddress,
                                     size_t Length)
{
    struct ms_trx *trx = ms_trx_take(DmaTransaction);
    struct init init = {EvtProgramDmaFunction, DmaDirection, Mdl, 0, Length, NULL};
    NTSTATUS status = STATUS_INVALID_PARAMETER;

    if (!trx)
        return status; /* FTL-02 */
    if (!EvtProgramDmaFunction || !Mdl) {
        ms_misuse_null(&trx->object);
    } else {
        ULONG_PTR first = (ULONG_PTR)MmGetMdlVirtualAddress(Mdl);
        init.offset = (ULONG_PTR)VirtualAddress - first;
        if ((ULONG_PTR)VirtualAddress >= first && init.offset < Mdl->ByteCount) /* TRX-06 */
            status = initialize(trx, &init);
    }
    ms_object_drop(&trx->object);
    return status;
}

NTSTATUS WdfDmaTransactionInitializeUsingOffset(WDFDMATRANSACTION DmaTransaction,
                                                PFN_WDF_PROGRAM_DMA EvtProgramDmaFunction,
                                                WDF_DMA_DIRECTION DmaDirection, PMDL Mdl,
                                                size_t Offset, size_t Length)
{
    struct ms_trx *trx = ms_trx_take(DmaTransaction);
    struct init init = {EvtProgramDmaFunction, DmaDirection, Mdl, Offset, Length, NULL};
    NTSTATUS status = STATUS_INVALID_PARAMETER;

    if (!trx)
        return status; /* FTL-02 */
    if (!EvtProgramDmaFunction || !Mdl)
        ms_misuse_null(&trx->object);
    else if (Offset <= UINT64_MAX - Length &&
             (!trx->object.wdf->config.offset_in_first_mdl || Offset < Mdl->ByteCount)) /* TRX-10 */
        status = initialize(trx, &init);
    ms_object_drop(&trx->object);
    return status;
}

NTSTATUS WdfDmaTransactionInitializeUsingRequest(WDFDMATRANSACTION DmaTransaction,
                                                 WDFREQUEST Request,
                                                 PFN_WDF_PROGRAM_DMA EvtProgramDmaFunction,
                                                 WDF_DMA_DIRECTION DmaDirection)
{
    struct ms_trx *trx = ms_trx_take(DmaTransaction);
    struct init init = {EvtProgramDmaFunction, DmaDirection, NULL, 0, 0, NULL};
    NTSTATUS status = STATUS_INVALID_PARAMETER;

    if (!trx)
        return status; /* FTL-02 */
    if (!EvtProgramDmaFunction) {
        ms_misuse_null(&trx->object);
        goto out;
    }
    if (!ms_direction_is_known(DmaDirection))
        goto out; /* TRX-17 */
    init.request = ms_object_take((WDFOBJECT)Request, MS_OBJECT_REQUEST);
    if (!init.request)
        goto out;
    status = ms_request_transfer(init.request, DmaDirection == WdfDmaDirectionWriteToDevice,
                                 &init.mdl, &init.length); /* TRX-18 */
    if (NT_SUCCESS(status) && init.length == 0)
        status = STATUS_INVALID_DEVICE_REQUEST; /* TRX-19 */
    if (NT_SUCCESS(status))
        status = initialize(trx, &init);
    ms_object_drop(&init.request->object);
out:
    ms_object_drop(&trx->object);
    return status;
}

/* --- Release -------------------------------------------------------------------------------------- */

/* REL-04. The caller owns the fields. */
void ms_trx_forget_fields(struct ms_trx *trx)
{
    struct ms_request *request = trx->request;

    ms_trx_own(trx);
    trx->program = NULL;
    trx->context = NULL;
    trx->mdl = trx->at = NULL;
    trx->start = trx->at_base = trx->fragment_at = 0;
    trx->length = trx->remaining = trx->fragment_max = 0;
    trx->first = false;
    trx->immediate = false;
    trx->single = trx->enabler->single; /* TRX-33 */
    trx->device_offset = 0;
    trx->request = NULL; /* TRX-22 */
    ms_store_relaxed(&trx->transferred, 0);
    ms_store_relaxed(&trx->current, 0);
    if (trx->object.wdf->config.callbacks_cleared) { /* TRX-43, K1 */
        trx->configure = NULL;
        trx->complete = NULL;
    }
    if (request)
        ms_object_drop(&request->object);
}

NTSTATUS WdfDmaTransactionRelease(WDFDMATRANSACTION DmaTransaction)
{
    struct ms_trx *trx = ms_trx_take(DmaTransaction);
    union ms_trx_word next;
    NTSTATUS status = STATUS_SUCCESS; /* REL-02 */
    bool ours;

    if (!trx)
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    ms_trx_unqueue(trx);                 /* RES-16 */
    MS_TRX_MOVE(trx, next, ours, ms_trx_step_release(&next));
    if (ours) {
        ms_trx_forget_fields(trx);
        MS_TRX_MUST(trx, next, ms_trx_step_released(&next, false));
        ms_trx_bury(trx);
    } else {
        ms_trx_misuse(trx, MS_RULE_WDF_RELEASE_STATE, next); /* REL-03 */
        status = STATUS_INVALID_DEVICE_STATE;
    }
    ms_object_drop(&trx->object);
    return status;
}

/* --- life ----------------------------------------------------------------------------------------- */

/* The caller owns the fields, in CHANGING. */
static void dispose(struct ms_trx *trx)
{
    union ms_trx_word next;

    ms_trx_unhold(trx); /* REL-08 */
    ms_trx_forget_fields(trx);
    MS_TRX_MUST(trx, next, ms_trx_step_released(&next, true));
}

void ms_trx_bury(struct ms_trx *trx)
{
    union ms_trx_word next;
    bool ours;

    MS_TRX_MOVE(trx, next, ours, ms_trx_step_bury(&next));
    if (!ours)
        return;
    dispose(trx);
    ms_object_disposed(&trx->object);
}

/* REL-07, REL-08. False: it executes, or waits for its reservation; who ends that goes on. */
static bool trx_dispose(struct ms_object *object)
{
    struct ms_trx *trx = (struct ms_trx *)object;
    enum ms_trx_delete how;
    union ms_trx_word next;

    ms_trx_unqueue(trx); /* RES-16 */
    MS_TRX_MOVE(trx, next, how, ms_trx_step_delete(&next));
    if (how == DELETE_NOW) {
        dispose(trx);
        return true;
    }
    if (ms_trx_is_executing(next))
        ms_trx_misuse(trx, MS_RULE_WDF_DELETE_EXECUTING, next);
    return false;
}

static void trx_destroy(struct ms_object *object)
{
    struct ms_trx *trx = (struct ms_trx *)object;

    if (trx->buffer)
        ms_free(trx->buffer, trx->buffer_bytes);
}

static const struct ms_object_ops trx_ops = {
    .kind = MS_OBJECT_TRANSACTION,
    .driver_may_delete = true,
    .dispose = trx_dispose,
    .destroy = trx_destroy,
};

static NTSTATUS trx_fill(struct ms_object *object, struct ms_object *parent, void *context)
{
    struct ms_trx *trx = (struct ms_trx *)object;
    struct ms_enabler *enabler = (struct ms_enabler *)parent;

    (void)context;
    trx->enabler = enabler;
    trx->v3 = enabler->version >= DEVICE_DESCRIPTION_VERSION3; /* ENB-32 */
    trx->single = enabler->single;                             /* TRX-03 */
    ms_init(&trx->word, TRX_CREATED);
    KeInitializeDpc(&trx->dpc, ms_trx_deferred, trx);
    if (!enabler->preallocates)
        return STATUS_SUCCESS;
    trx->buffer = ms_alloc(enabler->list_bytes); /* ENB-17 */
    trx->buffer_bytes = enabler->list_bytes;
    return trx->buffer ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

NTSTATUS WdfDmaTransactionCreate(WDFDMAENABLER DmaEnabler, PWDF_OBJECT_ATTRIBUTES Attributes,
                                 WDFDMATRANSACTION *DmaTransaction)
{
    struct ms_enabler *enabler = ms_object_take((WDFOBJECT)DmaEnabler, MS_OBJECT_ENABLER);
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    struct ms_object *object;

    if (DmaTransaction)
        *DmaTransaction = NULL; /* TRX-02 */
    if (!enabler)
        return status;                                  /* FTL-02 */
    ms_irql_ask(DISPATCH_LEVEL, (WDFOBJECT)DmaEnabler); /* TRX-01 */
    if (!DmaTransaction) {
        ms_misuse_null(&enabler->object);
        goto out;
    }
    status = ms_object_make(&trx_ops, sizeof(struct ms_trx), Attributes, MS_PARENT_FORBIDDEN,
                            &enabler->object, trx_fill, NULL, &object); /* TRX-01, TRX-02 */
    if (NT_SUCCESS(status))
        *DmaTransaction = (WDFDMATRANSACTION)ms_object_made(object);
out:
    ms_object_drop(&enabler->object);
    return status;
}
