/* SPDX-License-Identifier: MIT */
/*
 * Transactions that are initialised with a request: what they take of it, and how long they hold it.
 */
#include "wdf/test_driver.h"

#include "memory/memory.h"
#include "wdf/transaction.h"

enum { BYTES = 0x1800 };

static BOOLEAN program(WDFDMATRANSACTION trx, WDFDEVICE device, WDFCONTEXT context,
                       WDF_DMA_DIRECTION direction, PSCATTER_GATHER_LIST list)
{
    (void)trx, (void)device, (void)context, (void)direction, (void)list;
    return TRUE;
}

/* A read of two pages that the driver has. */
static WDFREQUEST request_get(struct rig *r, struct outcome *outcome, PMDL mdl)
{
    struct ms_io io = {.type = WdfRequestTypeRead,
                       .mdl = mdl,
                       .length = BYTES,
                       .done = outcome_note,
                       .context = outcome};
    WDFREQUEST sent, got;

    *outcome = (struct outcome){.times = 0};
    assert_status(ms_wdf_submit(r->device, &io, &sent), STATUS_PENDING);
    assert_status(WdfIoQueueRetrieveNextRequest(r->queue, &got), STATUS_SUCCESS);
    return got;
}

/* TRX-17, TRX-18, TRX-20, TRX-21, TRX-22, TRX-23, REQ-12 */
MS_TEST(a_transaction_holds_its_request_while_it_executes)
{
    const PFN_NUMBER pfn[] = {0x4000, 0x140000};
    struct outcome outcome;
    struct rig r = {.queue = NULL};
    WDF_DMA_ENABLER_CONFIG config;
    WDFDMAENABLER enabler;
    WDFDMATRANSACTION trx;
    WDFREQUEST request;
    NTSTATUS status;
    PMDL mdl = ms_mdl_create(pfn, 0, BYTES);

    rig_open(&r);
    rig_queue(&r, WdfIoQueueDispatchManual, NULL);
    request = request_get(&r, &outcome, mdl);
    WDF_DMA_ENABLER_CONFIG_INIT(&config, WdfDmaProfilePacket64, 0x4000);
    config.WdmDmaVersionOverride = 3;
    assert_status(WdfDmaEnablerCreate(r.device, &config, NULL, &enabler), STATUS_SUCCESS);
    assert_status(WdfDmaTransactionCreate(enabler, NULL, &trx), STATUS_SUCCESS);
    assert_status(
        WdfDmaTransactionInitializeUsingRequest(trx, request, program, (WDF_DMA_DIRECTION)2),
        STATUS_INVALID_PARAMETER); /* TRX-17 */
    assert_status(WdfDmaTransactionInitializeUsingRequest(trx, request, program,
                                                          WdfDmaDirectionWriteToDevice),
                  STATUS_INVALID_DEVICE_REQUEST); /* TRX-18 */
    assert_null(WdfDmaTransactionGetRequest(trx));
    for (int round = 0; round < 2; round++) {
        assert_status(WdfDmaTransactionInitializeUsingRequest(trx, request, program,
                                                              WdfDmaDirectionReadFromDevice),
                      STATUS_SUCCESS);
        assert_ptr_equal(WdfDmaTransactionGetRequest(trx), request); /* TRX-20 */
        assert_status(WdfDmaTransactionExecute(trx, NULL), STATUS_SUCCESS);
        assert_int_equal(WdfDmaTransactionGetCurrentDmaTransferLength(trx), BYTES); /* from 0 on */
        if (round == 0) {
            WdfRequestComplete(request, STATUS_SUCCESS); /* REQ-12 */
            assert_reported(&r.f, MS_RULE_WDF_COMPLETE_BUSY);
            assert_int_equal(outcome.times, 0);
        }
        assert_true(WdfDmaTransactionDmaCompleted(trx, &status));
        assert_ptr_equal(WdfDmaTransactionGetRequest(trx), request);
        assert_status(WdfDmaTransactionRelease(trx), STATUS_SUCCESS); /* TRX-22 */
        assert_null(WdfDmaTransactionGetRequest(trx));
        assert_int_equal(outcome.times, 0);
    }
    /* An execution without a request gives nothing back (TRX-23). */
    assert_status(WdfDmaTransactionInitialize(trx, program, WdfDmaDirectionReadFromDevice, mdl,
                                              MmGetMdlVirtualAddress(mdl), BYTES),
                  STATUS_SUCCESS);
    assert_status(WdfDmaTransactionExecute(trx, NULL), STATUS_SUCCESS);
    assert_true(WdfDmaTransactionDmaCompleted(trx, &status));
    WdfRequestComplete(request, STATUS_SUCCESS); /* TRX-23: held no more */
    assert_int_equal(outcome.times, 1);
    rig_close_with(&r, 1);
    IoFreeMdl(mdl);
}

static VOID reserved(WDFDMATRANSACTION trx, PVOID context)
{
    WDFREQUEST request = WdfDmaTransactionGetRequest(trx);

    assert_ptr_equal(request, context);
    assert_non_null(WdfDmaTransactionWdmGetTransferContext(trx)); /* TRX-47 */
    assert_status(WdfDmaTransactionInitializeUsingRequest(trx, request, program,
                                                          WdfDmaDirectionReadFromDevice),
                  STATUS_SUCCESS);
}

/* TRX-20, TRX-47, RES-06, RES-09: a reservation throws the MDL, offset and lengths away, not the request, which stays
 * until Release: EvtReserveDma finds it there, and initialises with it. */
MS_TEST(a_reservation_keeps_the_request_that_its_transaction_began_with)
{
    const PFN_NUMBER pfn[] = {0x4000, 0x140000};
    struct outcome outcome;
    struct rig r = {.queue = NULL};
    WDF_DMA_ENABLER_CONFIG config;
    WDFDMAENABLER enabler;
    WDFDMATRANSACTION trx;
    WDFREQUEST request;
    NTSTATUS status;
    PMDL mdl = ms_mdl_create(pfn, 0, BYTES);

    rig_open(&r);
    rig_queue(&r, WdfIoQueueDispatchManual, NULL);
    WDF_DMA_ENABLER_CONFIG_INIT(&config, WdfDmaProfilePacket64, 0x4000);
    config.WdmDmaVersionOverride = 3;
    assert_status(WdfDmaEnablerCreate(r.device, &config, NULL, &enabler), STATUS_SUCCESS);
    assert_status(WdfDmaTransactionCreate(enabler, NULL, &trx), STATUS_SUCCESS);
    request = request_get(&r, &outcome, mdl);
    assert_status(WdfDmaTransactionInitializeUsingRequest(trx, request, program,
                                                          WdfDmaDirectionReadFromDevice),
                  STATUS_SUCCESS);
    assert_status(WdfDmaTransactionAllocateResources(trx, WdfDmaDirectionReadFromDevice, 0,
                                                     reserved, request),
                  STATUS_SUCCESS);
    assert_ptr_equal(WdfDmaTransactionGetRequest(trx), request);
    assert_status(WdfDmaTransactionExecute(trx, NULL), STATUS_SUCCESS);
    assert_true(WdfDmaTransactionDmaCompletedFinal(trx, 0, &status));
    assert_status(WdfDmaTransactionRelease(trx), STATUS_SUCCESS);
    assert_null(WdfDmaTransactionGetRequest(trx));
    assert_status(WdfDmaTransactionInitializeUsingRequest(trx, request, program,
                                                          WdfDmaDirectionReadFromDevice),
                  STATUS_SUCCESS);
    WdfDmaTransactionFreeResources(trx);
    assert_null(WdfDmaTransactionGetRequest(trx));
    assert_status(WdfDmaTransactionInitializeUsingRequest(trx, request, program,
                                                          WdfDmaDirectionReadFromDevice),
                  STATUS_SUCCESS);
    assert_status(WdfDmaTransactionAllocateResources(trx, WdfDmaDirectionReadFromDevice, 2,
                                                     reserved, request),
                  STATUS_SUCCESS);
    assert_status(WdfDmaTransactionRelease(trx), STATUS_SUCCESS);
    WdfDmaTransactionFreeResources(trx);
    WdfRequestComplete(request, STATUS_SUCCESS);
    assert_int_equal(outcome.times, 1);
    IoFreeMdl(mdl);
    rig_close(&r);
}
