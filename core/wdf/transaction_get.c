/* SPDX-License-Identifier: MIT */
/*
 * transaction_get: setters and getters of transactions (TRX-33, TRX-40 .. TRX-51).
 *
 * Progress    wait-free; what a setter writes while the transaction executes is the driver's race, and a
 *             rule (TRX-44)
 */
#include "wdf/transaction.h"

#include "wdf/request.h"

/* --- who may set what ----------------------------------------------------------------------------- */

enum setter { SETTER_V3, SETTER_SYSTEM };

/* NULL: refused, and reported. Else with a reference. */
static struct ms_trx *setter_take(WDFDMATRANSACTION handle, enum setter who)
{
    struct ms_trx *trx = ms_trx_take(handle);

    if (!trx)
        return NULL;
    if (who == SETTER_SYSTEM ? trx->enabler->system : trx->v3)
        return trx;
    ms_trx_misuse(trx, MS_RULE_WDF_SETTER_PROFILE, ms_trx_look(trx));
    ms_object_drop(&trx->object);
    return NULL;
}

/* TRX-44: it is done all the same; the fragment that is staged next sees it. */
static void setter_note_executing(const struct ms_trx *trx)
{
    union ms_trx_word word = ms_trx_look(trx);

    if (ms_trx_is_executing(word))
        ms_trx_misuse(trx, MS_RULE_WDF_SETTER_STATE, word);
}

/* --- setters -------------------------------------------------------------------------------------- */

VOID WdfDmaTransactionSetMaximumLength(WDFDMATRANSACTION DmaTransaction, size_t MaximumLength)
{
    struct ms_trx *trx = ms_trx_take(DmaTransaction);
    union ms_trx_word word;

    if (!trx)
        return;
    word = ms_trx_look(trx);
    if (word.phase != TRX_INITIALIZED || MaximumLength == 0)
        ms_trx_misuse(trx, MS_RULE_WDF_SETTER_STATE, word);
    else if (MaximumLength < ms_enabler_way(trx->enabler, word.to_device)->fragment_length)
        trx->fragment_max = MaximumLength; /* TRX-40 */
    ms_object_drop(&trx->object);
}

VOID WdfDmaTransactionSetSingleTransferRequirement(WDFDMATRANSACTION DmaTransaction,
                                                   BOOLEAN RequireSingleTransfer)
{
    struct ms_trx *trx = setter_take(DmaTransaction, SETTER_V3);
    union ms_trx_word word;

    if (!trx)
        return;
    word = ms_trx_look(trx);
    if (word.phase == TRX_CREATED || word.phase == TRX_RELEASED || word.phase == TRX_RESERVED)
        trx->single = RequireSingleTransfer != 0; /* TRX-33 */
    else
        ms_trx_misuse(trx, MS_RULE_WDF_SETTER_STATE, word);
    ms_object_drop(&trx->object);
}

VOID WdfDmaTransactionSetImmediateExecution(WDFDMATRANSACTION DmaTransaction,
                                            BOOLEAN UseImmediateExecution)
{
    struct ms_trx *trx = setter_take(DmaTransaction, SETTER_V3);
    union ms_trx_word word;

    if (!trx)
        return;
    word = ms_trx_look(trx);
    if (word.phase == TRX_CREATED || word.phase == TRX_INITIALIZED || word.phase == TRX_RELEASED)
        trx->immediate = UseImmediateExecution != 0; /* TRX-41, CON-12 */
    else
        ms_trx_misuse(trx, MS_RULE_WDF_SETTER_STATE, word);
    ms_object_drop(&trx->object);
}

VOID WdfDmaTransactionSetDeviceAddressOffset(WDFDMATRANSACTION DmaTransaction, ULONG Offset)
{
    struct ms_trx *trx = setter_take(DmaTransaction, SETTER_SYSTEM);

    if (!trx)
        return;
    setter_note_executing(trx);
    trx->device_offset = Offset; /* TRX-13: the next Initialize forgets it */
    ms_object_drop(&trx->object);
}

VOID WdfDmaTransactionSetChannelConfigurationCallback(
    WDFDMATRANSACTION DmaTransaction,
    PFN_WDF_DMA_TRANSACTION_CONFIGURE_DMA_CHANNEL ConfigureRoutine, PVOID ConfigureContext)
{
    struct ms_trx *trx = setter_take(DmaTransaction, SETTER_SYSTEM);

    if (!trx)
        return;
    setter_note_executing(trx);
    trx->configure = ConfigureRoutine; /* TRX-43 */
    trx->configure_context = ConfigureContext;
    ms_object_drop(&trx->object);
}

VOID WdfDmaTransactionSetTransferCompleteCallback(
    WDFDMATRANSACTION DmaTransaction,
    PFN_WDF_DMA_TRANSACTION_DMA_TRANSFER_COMPLETE DmaCompletionRoutine,
    WDFCONTEXT DmaCompletionContext)
{
    struct ms_trx *trx = setter_take(DmaTransaction, SETTER_SYSTEM);

    if (!trx)
        return;
    setter_note_executing(trx);
    trx->complete = DmaCompletionRoutine; /* TRX-43 */
    trx->complete_context = DmaCompletionContext;
    ms_object_drop(&trx->object);
}

/* --- getters -------------------------------------------------------------------------------------- */

size_t WdfDmaTransactionGetBytesTransferred(WDFDMATRANSACTION DmaTransaction)
{
    struct ms_trx *trx = ms_trx_take_dying(DmaTransaction);
    size_t bytes = 0;

    if (!trx)
        return 0;
    bytes = ms_load_relaxed(&trx->transferred); /* TRX-48; the caller knows by other means when */
    ms_object_drop(&trx->object);
    return bytes;
}

size_t WdfDmaTransactionGetCurrentDmaTransferLength(WDFDMATRANSACTION DmaTransaction)
{
    struct ms_trx *trx = ms_trx_take_dying(DmaTransaction);
    size_t bytes = 0;

    if (!trx)
        return 0;
    bytes = ms_load_relaxed(&trx->current); /* TRX-49; the caller knows by other means when */
    ms_object_drop(&trx->object);
    return bytes;
}

WDFDEVICE WdfDmaTransactionGetDevice(WDFDMATRANSACTION DmaTransaction)
{
    struct ms_trx *trx = ms_trx_take_dying(DmaTransaction);
    WDFDEVICE device;

    if (!trx)
        return NULL;
    device = ms_trx_device(trx); /* TRX-50 */
    ms_object_drop(&trx->object);
    return device;
}

WDFREQUEST WdfDmaTransactionGetRequest(WDFDMATRANSACTION DmaTransaction)
{
    struct ms_trx *trx = ms_trx_take_dying(DmaTransaction);
    WDFREQUEST request = NULL;

    if (!trx)
        return NULL;
    if (trx->request)
        request = (WDFREQUEST)ms_object_handle(&trx->request->object); /* TRX-20, TRX-50 */
    ms_object_drop(&trx->object);
    return request;
}

/* c10. Version 2 counts pages per MDL (TRX-45). */
static void transfer_info(const struct ms_trx *trx, bool to_device, ULONG *registers,
                          ULONG *elements)
{
    struct ms_dma_way *way = ms_enabler_way(trx->enabler, to_device);
    DMA_TRANSFER_INFO info = {.Version = DMA_TRANSFER_INFO_VERSION1}; /* TRX-46, CON-11 */

    if (!trx->v3) {
        *registers = *elements = (ULONG)ms_trx_pages(trx->mdl, trx->start, trx->length);
        return;
    }
    if (!NT_SUCCESS(ms_way_ops(way)->GetDmaTransferInfo(way->adapter, trx->mdl, trx->start,
                                                        (ULONG)trx->length, to_device, &info)))
        return;
    *registers = info.V1.MapRegisterCount;
    *elements = info.V1.ScatterGatherElementCount;
}

VOID WdfDmaTransactionGetTransferInfo(WDFDMATRANSACTION DmaTransaction, ULONG *MapRegisterCount,
                                      ULONG *ScatterGatherElementCount)
{
    struct ms_trx *trx = ms_trx_take(DmaTransaction);
    ULONG registers = 0, elements = 0; /* FTL-01 */
    union ms_trx_word word;

    if (trx) {
        word = ms_trx_look(trx);
        if (word.phase == TRX_INITIALIZED)
            transfer_info(trx, word.to_device, &registers, &elements);
        else
            ms_trx_misuse(trx, MS_RULE_WDF_INFO_STATE, word);
        ms_object_drop(&trx->object);
    }
    if (MapRegisterCount)
        *MapRegisterCount = registers;
    if (ScatterGatherElementCount)
        *ScatterGatherElementCount = elements;
}

PVOID WdfDmaTransactionWdmGetTransferContext(WDFDMATRANSACTION DmaTransaction)
{
    struct ms_trx *trx = ms_trx_take(DmaTransaction);
    union ms_trx_word word;
    PVOID context = NULL;

    if (!trx)
        return NULL;
    word = ms_trx_look(trx);
    if (trx->v3 && word.phase != TRX_CREATED && word.phase != TRX_RELEASED)
        context = trx->transfer_context; /* TRX-47 */
    else
        ms_trx_misuse(trx, MS_RULE_WDF_CONTEXT_STATE, word);
    ms_object_drop(&trx->object);
    return context;
}
