/* SPDX-License-Identifier: MIT */
/*
 * Transactions clause by clause: what Initialize refuses, single transfers, reservations, reports that are
 * short, long or wrong, every call in every state it is not meant for, and every taking that can fail.
 */
#include "wdf/test_dma.h"

static struct rig *packet_open(struct job *job, ULONG version)
{
    struct rig *rig = rig_open();

    rig_enabler(rig, WdfDmaProfilePacket64, version, 0x1000);
    rig_mdl(rig, 0x100, 0x1800);
    rig_mdl(rig, 0, 0x200);
    job_make(rig, job, WdfDmaDirectionWriteToDevice);
    return rig;
}

/* --- Initialize --- */

static NTSTATUS init_va(struct job *job, int64_t va, size_t length)
{
    return WdfDmaTransactionInitialize(job->trx, job_program, job->direction, job->rig->mdl,
                                       (char *)MmGetMdlVirtualAddress(job->rig->mdl) + va, length);
}

/* ENB-31, FTL-02, TRX-05, TRX-06, TRX-07, TRX-08, TRX-09, TRX-10, CON-06 */
MS_TEST(initialize_looks_at_its_arguments_first)
{
    for (ULONG version = 2; version <= 3; version++) {
        struct job job;
        struct rig *rig = packet_open(&job, version);
        assert_status(init_va(&job, 0, 0), STATUS_INVALID_PARAMETER); /* TRX-05 */
        job.direction = (WDF_DMA_DIRECTION)2;
        assert_status(init_va(&job, 0, 1), STATUS_INVALID_PARAMETER);
        job.direction = WdfDmaDirectionWriteToDevice;
        assert_status(init_va(&job, -1, 1), STATUS_INVALID_PARAMETER); /* TRX-06 */
        assert_status(init_va(&job, 0x1800, 1), STATUS_INVALID_PARAMETER);
        assert_status(init_va(&job, 0, UINT64_C(1) << 32), STATUS_INVALID_PARAMETER); /* TRX-09 */
        assert_status(init_va(&job, 0, 0x1A01), STATUS_INVALID_PARAMETER);            /* TRX-08 */
        assert_status(init_va(&job, 0x17FF, 2),
                      version == 2 ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS); /* TRX-07 */
        assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
        assert_status(init_va(&job, 0x17FF, 1), STATUS_SUCCESS);
        assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
        assert_status(job_init(&job, 0x1800, 0x10),
                      version == 2 ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS); /* TRX-10 */
        assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
        assert_status(job_init(&job, 0x1A00, 1), STATUS_INVALID_PARAMETER);
        assert_status(WdfDmaTransactionInitializeUsingOffset(job.trx, job_program, job.direction,
                                                             rig->mdl, SIZE_MAX, 2),
                      STATUS_INVALID_PARAMETER);
        assert_state(&job, S_RELEASED);
        assert_status(WdfDmaTransactionInitialize(job.trx, NULL, job.direction, rig->mdl, NULL, 1),
                      STATUS_INVALID_PARAMETER);
        assert_reported(&rig->f, MS_RULE_WDF_NULL);
        assert_status(
            WdfDmaTransactionInitializeUsingOffset(job.trx, job_program, job.direction, NULL, 0, 1),
            STATUS_INVALID_PARAMETER);
        assert_status(
            WdfDmaTransactionInitialize(NULL, job_program, job.direction, rig->mdl, NULL, 1),
            STATUS_INVALID_PARAMETER);
        assert_reported(&rig->f, MS_RULE_WDF_HANDLE);
        rig_close_with(rig, 3);
    }
    struct ms_wdf_config k3 = {.objects = 64, .offset_in_first_mdl = true};
    struct rig *rig = rig_open_with(&k3);
    struct job job;
    rig_enabler(rig, WdfDmaProfilePacket64, 3, 0x1000);
    rig_mdl(rig, 0, 0x100);
    rig_mdl(rig, 0, 0x100);
    job_make(rig, &job, WdfDmaDirectionWriteToDevice);
    assert_status(job_init(&job, 0x100, 1), STATUS_INVALID_PARAMETER); /* K3 */
    assert_status(job_init(&job, 0xFF, 2), STATUS_SUCCESS);
    rig_close(rig);
}

/* TRX-14, TRX-15, ENB-30 */
MS_TEST(a_list_of_too_many_pages_is_refused)
{
    struct rig *rig = rig_open();
    struct job job;

    rig_enabler(rig, WdfDmaProfileScatterGather64, 3, 0x4000);
    rig_mdl(rig, 0xF00, 0x1200); /* 3 pages */
    rig_mdl(rig, 0, 0x100);      /* 1 more: pages are counted per MDL */
    job_make(rig, &job, WdfDmaDirectionReadFromDevice);
    WdfDmaEnablerSetMaximumScatterGatherElements(rig->enabler, 3);
    assert_status(job_init(&job, 0, ALL), STATUS_WDF_TOO_FRAGMENTED);
    assert_state(&job, S_RELEASED);
    assert_status(job_init(&job, 0, 0x1200), STATUS_SUCCESS);
    assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
    WdfDmaEnablerSetMaximumScatterGatherElements(rig->enabler, 4);
    job_start(&job, 0, ALL);
    assert_true(job.elements[0] <= 4); /* SGP-04 */
    report_all(&job);
    assert_true(job.over);
    rig_close(rig);
}

static void limit_and_report(struct job *job)
{
    WdfDmaEnablerSetMaximumScatterGatherElements(job->rig->enabler, 1);
    job->over = WdfDmaTransactionDmaCompletedWithLength(job->trx, 0x10, &job->status);
}

/* CMP-11, SGP-03: late, and inside EvtProgramDma the report itself says so. */
MS_TEST(a_later_list_of_too_many_pages_ends_it)
{
    for (int inside = 0; inside <= 1; inside++) {
        struct rig *rig = rig_open();
        struct job job;
        rig_enabler(rig, WdfDmaProfileScatterGather64, 3, 0x2000);
        rig_mdl(rig, 0, 0x4000);
        job_make(rig, &job, WdfDmaDirectionReadFromDevice);
        job.inside_program = inside ? limit_and_report : NULL;
        job_start(&job, 0, ALL);
        if (!inside)
            limit_and_report(&job);
        assert_true(job.over);
        assert_status(job.status, STATUS_WDF_TOO_FRAGMENTED);
        assert_state(&job, S_FAILED);
        assert_int_equal(WdfDmaTransactionGetBytesTransferred(job.trx), 0x10);
        assert_int_equal(job.programs, 1);
        rig_close_with(rig, inside ? 1 : 0); /* LVL-01: EvtProgramDma runs at DISPATCH_LEVEL */
    }
    struct rig *rig = rig_open();
    struct job job;
    rig_enabler(rig, WdfDmaProfileScatterGather64, 3, 0x2000);
    rig_mdl(rig, 0, 0x2000);
    job_make(rig, &job, WdfDmaDirectionReadFromDevice);
    assert_status(job_init(&job, 0, ALL), STATUS_SUCCESS);
    WdfDmaEnablerSetMaximumScatterGatherElements(rig->enabler, 1);
    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_WDF_TOO_FRAGMENTED); /* EXE-05 */
    assert_state(&job, S_FAILED);
    assert_int_equal(job.programs, 0);
    rig_close(rig);
}

/* --- single transfers --- */

/* TRX-30, TRX-31, TRX-32, TRX-33, CMP-07, ENB-14 */
MS_TEST(a_single_transfer_is_one_fragment_or_refused)
{
    for (int lists = 0; lists <= 1; lists++) {
        struct rig *rig = rig_open();
        struct job job;
        rig_enabler(rig, lists ? WdfDmaProfileScatterGather64 : WdfDmaProfilePacket64, 3, 0x8000);
        rig_mdl(rig, 0, 0x9000);
        rig_mdl(rig, 0, 0x100);
        job_make(rig, &job, WdfDmaDirectionReadFromDevice);
        WdfDmaTransactionSetSingleTransferRequirement(job.trx, TRUE);
        assert_status(job_init(&job, 0, 0x8001), STATUS_WDF_TOO_MANY_TRANSFERS);
        assert_state(&job, S_RELEASED);
        /* Lost with the failure (TRX-15): the same is taken now, in two fragments. */
        assert_status(job_init(&job, 0, 0x8001), STATUS_SUCCESS);
        assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
        WdfDmaTransactionSetSingleTransferRequirement(job.trx, TRUE);
        if (!lists)
            assert_status(job_init(&job, 0x8F80, 0x100), STATUS_WDF_TOO_FRAGMENTED); /* two MDLs */
        WdfDmaTransactionSetSingleTransferRequirement(job.trx, TRUE);
        job_start(&job, 0, lists ? 0x8000 : 0x1000);
        job.over = WdfDmaTransactionDmaCompletedFinal(job.trx, 0x800, &job.status);
        assert_true(job.over); /* TRX-32: Final is not exempt */
        assert_status(job.status, STATUS_WDF_TOO_MANY_TRANSFERS);
        assert_state(&job, S_FAILED);
        assert_int_equal(WdfDmaTransactionGetBytesTransferred(job.trx), 0x800);
        WdfDmaTransactionSetSingleTransferRequirement(job.trx, TRUE); /* TRX-33: ignored here */
        assert_reported(&rig->f, MS_RULE_WDF_SETTER_STATE);
        assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
        rig_close_with(rig, 1);
    }
}

/* --- reports --- */

/* CMP-03, CON-05, K7 */
MS_TEST(a_report_of_too_many_bytes_ends_it_after_a_flush)
{
    for (int k7 = 0; k7 <= 1; k7++)
        for (int final = 0; final <= 1; final++) {
            struct ms_wdf_config config = {.objects = 64, .no_flush_on_overrun = k7};
            struct rig *rig = rig_open_with(&config);
            struct job job;
            uint8_t got[0x1000];
            rig_enabler(rig, WdfDmaProfilePacket, 3, 0x1000);
            PFN_NUMBER high = 0x140000;
            rig->mdl = ms_mdl_create(&high, 0, 0x1000); /* out of reach: it bounces */
            rig->bytes = 0x1000;
            job_make(rig, &job, WdfDmaDirectionReadFromDevice);
            job_start(&job, 0, ALL);
            job.over = final
                           ? WdfDmaTransactionDmaCompletedFinal(job.trx, 0x1001, &job.status)
                           : WdfDmaTransactionDmaCompletedWithLength(job.trx, 0x1001, &job.status);
            assert_true(job.over);
            assert_status(job.status, STATUS_INVALID_PARAMETER);
            assert_state(&job, S_FAILED);
            assert_int_equal(WdfDmaTransactionGetBytesTransferred(job.trx), 0);
            ms_mdl_copy_out(rig->f.memory, rig->mdl, 0, got, sizeof got);
            assert_int_equal(memcmp(got, rig->device_memory, sizeof got) == 0, !k7);
            rig_close(rig);
        }
}

/* CMP-10, CMP-16, CMP-17, TRX-49 */
MS_TEST(partial_reports_send_the_rest_again)
{
    for (int lists = 0; lists <= 1; lists++) {
        struct rig *rig = rig_open();
        struct job job;
        size_t sum = 0;
        rig_enabler(rig, lists ? WdfDmaProfileScatterGather : WdfDmaProfilePacket, 3, 0x1000);
        rig_mdl(rig, 0x234, 0x2100);
        rig_mdl(rig, 0x10, 0x300);
        job_make(rig, &job, WdfDmaDirectionWriteToDevice);
        job_start(&job, 3, ALL);
        for (int i = 0; !job.over; i++) {
            size_t staged = WdfDmaTransactionGetCurrentDmaTransferLength(job.trx);
            size_t part = i % 3 == 0 ? 0 : i % 3 == 1 ? staged / 2 : staged;
            struct ms_trx *trx = ms_object_find((WDFOBJECT)job.trx, MS_OBJECT_TRANSACTION);
            assert_int_equal(sum + staged + trx->remaining, trx->length); /* CMP-16 */
            job.over = WdfDmaTransactionDmaCompletedWithLength(job.trx, part, &job.status);
            sum += part;
            assert_int_equal(WdfDmaTransactionGetBytesTransferred(job.trx), sum);
        }
        assert_status(job.status, STATUS_SUCCESS);
        assert_int_equal(sum, rig->bytes - 3);
        assert_moved(&job, 3, sum);
        rig_close(rig);
    }
}

/* CMP-01, CMP-02, CMP-13, CMP-14, CAN-07 */
MS_TEST(a_report_without_a_fragment_is_refused)
{
    struct job job;
    struct rig *rig = packet_open(&job, 3);

    report_all(&job);
    assert_reported(&rig->f, MS_RULE_WDF_REPORT_STATE);
    assert_status(job.status, STATUS_INVALID_DEVICE_REQUEST);
    assert_status(job_init(&job, 0, 0x100), STATUS_SUCCESS);
    report_all(&job);
    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_SUCCESS);
    assert_false(WdfDmaTransactionDmaCompleted(job.trx, NULL)); /* FTL-02 */
    assert_reported(&rig->f, MS_RULE_WDF_NULL);
    assert_state(&job, S_TRANSFER);
    report_all(&job);
    assert_true(job.over);
    report_all(&job);
    assert_false(job.over);
    assert_status(job.status, STATUS_INVALID_DEVICE_REQUEST);
    assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
    report_all(&job);
    assert_false(WdfDmaTransactionDmaCompleted(NULL, &job.status));
    assert_status(job.status, STATUS_INVALID_PARAMETER);
    rig_close_with(rig, 6);
}

/* --- states: 13.1 --- */

/* EXE-02, RES-03, RES-14, REL-03, REL-06, TRX-11, FTL-01, STM-01, CON-14 */
MS_TEST(calls_in_the_wrong_state_change_nothing)
{
    struct job job;
    struct rig *rig = packet_open(&job, 3);

    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_INVALID_DEVICE_REQUEST);
    assert_reported(&rig->f, MS_RULE_WDF_EXECUTE_STATE);
    assert_status(WdfDmaTransactionAllocateResources(job.trx, job.direction, 0, job_reserve, &job),
                  STATUS_INVALID_DEVICE_REQUEST);
    assert_reported(&rig->f, MS_RULE_WDF_RESERVE_STATE);
    WdfDmaTransactionFreeResources(job.trx);
    assert_reported(&rig->f, MS_RULE_WDF_FREE_STATE);
    assert_state(&job, S_CREATED);
    assert_status(job_init(&job, 0, 0x100), STATUS_SUCCESS);
    assert_status(job_init(&job, 0, 0x100), STATUS_INVALID_DEVICE_REQUEST);
    assert_reported(&rig->f, MS_RULE_WDF_INITIALIZE_STATE);
    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_SUCCESS);
    assert_int_equal(rig->f.reports, 4);
    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_INVALID_DEVICE_REQUEST);
    assert_status(job_init(&job, 0, 0x100), STATUS_INVALID_DEVICE_REQUEST);
    assert_status(WdfDmaTransactionRelease(job.trx), STATUS_INVALID_DEVICE_STATE); /* REL-03 */
    assert_reported(&rig->f, MS_RULE_WDF_RELEASE_STATE);
    WdfDmaTransactionFreeResources(job.trx);
    assert_status(WdfDmaTransactionAllocateResources(job.trx, job.direction, 1, job_reserve, &job),
                  STATUS_INVALID_DEVICE_REQUEST);
    assert_state(&job, S_TRANSFER);
    report_all(&job);
    assert_true(job.over);
    assert_status(job_init(&job, 0, 0x100), STATUS_INVALID_DEVICE_REQUEST); /* TRX-11 */
    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_INVALID_DEVICE_REQUEST);
    assert_state(&job, S_COMPLETED);
    rig_close_with(rig, 11);
}

/* TRX-40, TRX-41, TRX-42, TRX-44, TRX-45, TRX-47, TRX-50, STP-01, CON-12 */
MS_TEST(setters_and_getters_keep_to_their_states)
{
    struct job job;
    struct rig *rig = packet_open(&job, 2);
    ULONG registers = 5, elements = 5;

    WdfDmaTransactionSetImmediateExecution(job.trx, TRUE); /* version 3 only */
    WdfDmaTransactionSetSingleTransferRequirement(job.trx, TRUE);
    WdfDmaTransactionSetDeviceAddressOffset(job.trx, 4); /* system only */
    WdfDmaTransactionSetTransferCompleteCallback(job.trx, job_complete, &job);
    WdfDmaTransactionSetChannelConfigurationCallback(job.trx, job_configure, &job);
    WdfDmaTransactionStopSystemTransfer(job.trx);
    WdfDmaTransactionFreeResources(job.trx);
    assert_int_equal(rig->f.reports, 7);
    assert_reported(&rig->f, MS_RULE_WDF_SETTER_PROFILE);
    assert_status(WdfDmaTransactionAllocateResources(job.trx, job.direction, 1, job_reserve, &job),
                  STATUS_INVALID_DEVICE_REQUEST); /* RES-02 */
    WdfDmaTransactionGetTransferInfo(job.trx, &registers, &elements);
    assert_reported(&rig->f, MS_RULE_WDF_INFO_STATE);
    assert_int_equal(registers + elements, 0);         /* FTL-01 */
    WdfDmaTransactionSetMaximumLength(job.trx, 0x100); /* TRX-40: before the first Initialize */
    assert_reported(&rig->f, MS_RULE_WDF_SETTER_STATE);
    assert_status(job_init(&job, 0x80, 0x1000), STATUS_SUCCESS);
    WdfDmaTransactionGetTransferInfo(job.trx, &registers, &elements);
    assert_int_equal(registers, 2); /* TRX-45 */
    assert_int_equal(elements, 2);
    WdfDmaTransactionGetTransferInfo(job.trx, NULL, NULL);
    WdfDmaTransactionSetMaximumLength(job.trx, 0x10000); /* TRX-40: does not raise */
    WdfDmaTransactionSetMaximumLength(job.trx, 0x300);
    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_SUCCESS);
    assert_int_equal(job.length[0], 0x300);
    assert_ptr_equal(WdfDmaTransactionGetDevice(job.trx), rig_device(rig));
    assert_null(WdfDmaTransactionGetRequest(job.trx));
    while (!job.over)
        report_all(&job);
    assert_int_equal(job.programs, 6);
    rig_close_with(rig, 9);

    rig = packet_open(&job, 3);
    assert_null(WdfDmaTransactionWdmGetTransferContext(job.trx)); /* TRX-47 */
    assert_reported(&rig->f, MS_RULE_WDF_CONTEXT_STATE);
    assert_status(job_init(&job, 0, 0x100), STATUS_SUCCESS);
    assert_non_null(WdfDmaTransactionWdmGetTransferContext(job.trx));
    rig_close_with(rig, 1);
}

/* --- reservations --- */

/* CON-15, REL-08, RES-02, RES-04, RES-10, RES-13, RES-15, RES-17 */
MS_TEST(reservations_are_asked_for_and_given_back)
{
    struct rig *rig = rig_open();
    struct job job, other;

    rig_system(rig, WdfDmaProfileSystemDuplex, 0x1003, 0x1000, false);
    rig_mdl(rig, 0, 0x2000);
    job_make(rig, &job, WdfDmaDirectionWriteToDevice);
    job_make(rig, &other, WdfDmaDirectionWriteToDevice);
    assert_status(
        WdfDmaTransactionAllocateResources(job.trx, (WDF_DMA_DIRECTION)2, 1, job_reserve, &job),
        STATUS_INVALID_PARAMETER);
    assert_status(WdfDmaTransactionAllocateResources(job.trx, job.direction, 1, NULL, &job),
                  STATUS_INVALID_PARAMETER);
    assert_status(job_init(&job, 0, ALL), STATUS_SUCCESS);
    assert_status(WdfDmaTransactionAllocateResources(job.trx, job.direction, 0, job_reserve, &job),
                  STATUS_SUCCESS); /* RES-04 */
    assert_int_equal(job.reserves, 1);
    assert_state(&job, S_RESERVED); /* RES-06: the initialisation is gone */
    assert_status(WdfDmaTransactionInitializeUsingOffset(
                      job.trx, job_program, WdfDmaDirectionReadFromDevice, rig->mdl, 0, 0x100),
                  STATUS_INVALID_PARAMETER); /* RES-17 */
    assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
    assert_status(WdfDmaTransactionAllocateResources(job.trx, job.direction, 1, job_reserve, &job),
                  STATUS_INVALID_DEVICE_REQUEST); /* RES-13: it still holds one */
    assert_reported(&rig->f, MS_RULE_WDF_RESERVE_STATE);
    WdfDmaTransactionSetImmediateExecution(other.trx, TRUE);
    assert_status(
        WdfDmaTransactionAllocateResources(other.trx, other.direction, 1, job_reserve, &other),
        STATUS_INSUFFICIENT_RESOURCES); /* RES-15 */
    assert_int_equal(other.reserves, 0);
    assert_state(&other, S_FAILED); /* RES-10 */
    assert_status(WdfDmaTransactionRelease(other.trx), STATUS_SUCCESS);
    assert_status(
        WdfDmaTransactionAllocateResources(other.trx, other.direction, 1, job_reserve, &other),
        STATUS_SUCCESS);
    assert_int_equal(other.reserves, 0); /* queued behind the first */
    assert_state(&other, S_RESERVED);
    assert_false(WdfDmaTransactionCancel(job.trx) && true); /* CAN-03: released */
    assert_true(WdfDmaTransactionCancel(other.trx));        /* CAN-13 */
    assert_state(&other, S_FAILED);
    assert_status(WdfDmaTransactionRelease(other.trx), STATUS_SUCCESS);
    assert_status(
        WdfDmaTransactionAllocateResources(other.trx, other.direction, 1, job_reserve, &other),
        STATUS_SUCCESS);
    WdfDmaTransactionFreeResources(job.trx);
    assert_int_equal(other.reserves, 1);              /* now it has it */
    assert_false(WdfDmaTransactionCancel(other.trx)); /* CAN-14 */
    WdfObjectDelete(other.trx);                       /* REL-08: gives it back */
    assert_status(WdfDmaTransactionAllocateResources(job.trx, job.direction, 1, job_reserve, &job),
                  STATUS_SUCCESS);
    assert_int_equal(job.reserves, 2);
    rig_close_with(rig, 3);
}

/* RES-05 */
MS_TEST(more_registers_than_there_are_can_not_be_reserved)
{
    struct job job;
    struct rig *rig = packet_open(&job, 3);

    assert_status(
        WdfDmaTransactionAllocateResources(job.trx, job.direction, 1000, job_reserve, &job),
        STATUS_INSUFFICIENT_RESOURCES);
    assert_state(&job, S_FAILED);
    assert_int_equal(job.reserves, 0);
    rig_close(rig);
}

/* A system channel that `holder` has reserved, and `job`, which wants it too. */
static struct rig *rig_held(struct job *job, struct job *holder, size_t maximum, uint32_t bytes)
{
    struct rig *rig = rig_open();

    rig_system(rig, WdfDmaProfileSystem, 0x1003, maximum, false);
    rig_mdl(rig, 0, bytes);
    job_make(rig, holder, WdfDmaDirectionWriteToDevice);
    job_make(rig, job, WdfDmaDirectionWriteToDevice);
    assert_status(
        WdfDmaTransactionAllocateResources(holder->trx, holder->direction, 1, job_reserve, holder),
        STATUS_SUCCESS);
    return rig;
}

/* CAN-13, RES-10, RES-12: what was not reserved limits no fragment of what is executed next. */
MS_TEST(a_reservation_that_failed_or_was_cancelled_counts_for_nothing)
{
    for (int how = 0; how <= 1; how++) {
        struct job job, holder;
        struct rig *rig = rig_held(&job, &holder, 0x4000, 0x2000);
        WdfDmaTransactionSetImmediateExecution(job.trx, how == 0);
        assert_status(
            WdfDmaTransactionAllocateResources(job.trx, job.direction, 1, job_reserve, &job),
            how == 0 ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS);
        if (how == 1)
            assert_true(WdfDmaTransactionCancel(job.trx));
        assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
        WdfDmaTransactionFreeResources(holder.trx);
        job_start(&job, 0, ALL);
        assert_int_equal(job.programs, 1);
        assert_int_equal(job.length[0], 0x2000);
        report_none_and_end(&job);
        assert_true(job.over);
        rig_close(rig);
    }
}

/* RES-16, REL-08: released, freed or deleted while it waits. */
MS_TEST(a_queued_reservation_is_withdrawn_first)
{
    for (int how = 0; how <= 2; how++) {
        struct job job, holder;
        struct rig *rig = rig_held(&job, &holder, 0x1000, 0x100);
        assert_status(
            WdfDmaTransactionAllocateResources(job.trx, job.direction, 1, job_reserve, &job),
            STATUS_SUCCESS);
        if (how == 0)
            assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
        else if (how == 1)
            WdfDmaTransactionFreeResources(job.trx);
        else
            WdfObjectDelete(job.trx);
        assert_reported(&rig->f, MS_RULE_WDF_FREE_QUEUED);
        WdfDmaTransactionFreeResources(holder.trx);
        assert_int_equal(job.reserves, 0);
        rig_close_with(rig, 1);
    }
}

/* --- cancel --- */

/* CAN-11, CAN-16, CON-16, SGP-07: too late on SG: the next report ends it. */
MS_TEST(a_late_cancel_of_sg_refuses_the_next_list)
{
    for (int last = 0; last <= 1; last++) {
        struct rig *rig = rig_open();
        struct job job;
        rig_enabler(rig, WdfDmaProfileScatterGather, 3, 0x1000);
        rig_mdl(rig, 0, 0x2000);
        job_make(rig, &job, WdfDmaDirectionWriteToDevice);
        job_start(&job, 0, last ? 0x1000 : 0x2000);
        assert_false(WdfDmaTransactionCancel(job.trx));
        report_all(&job);
        assert_true(job.over);
        assert_status(job.status, last ? STATUS_SUCCESS : STATUS_CANCELLED);
        assert_int_equal(WdfDmaTransactionGetBytesTransferred(job.trx), 0x1000);
        assert_int_equal(job.programs, 1);
        rig_close(rig);
    }
}

static void cancel_inside(struct job *job)
{
    assert_false(WdfDmaTransactionCancel(job->trx)); /* CAN-17 */
}

/* CAN-17, CAN-18 */
MS_TEST(cancel_inside_a_callback_is_false)
{
    struct rig *rig = rig_open();
    struct job job;

    rig_system(rig, WdfDmaProfileSystem, 0x1003, 0x1000, false);
    rig_mdl(rig, 0, 0x800);
    job_make(rig, &job, WdfDmaDirectionWriteToDevice);
    job_callbacks(&job);
    job.inside_configure = job.inside_program = job.inside_reserve = cancel_inside;
    job.inside_complete = report_all;
    assert_status(WdfDmaTransactionAllocateResources(job.trx, job.direction, 1, job_reserve, &job),
                  STATUS_SUCCESS);
    job_start(&job, 0, ALL);
    rig_run(rig);
    assert_true(job.over);
    assert_status(job.status, STATUS_SUCCESS);
    rig_close(rig);
}

/* CAN-12, CON-03, K2 */
MS_TEST(cancel_before_execute_is_false_or_pre_emptive)
{
    struct ms_wdf_config config = {.objects = 64, .cancel_early = true};
    struct rig *rig = rig_open_with(&config);
    struct job job;

    rig_enabler(rig, WdfDmaProfilePacket, 3, 0x1000);
    rig_mdl(rig, 0, 0x800);
    job_make(rig, &job, WdfDmaDirectionWriteToDevice);
    assert_status(job_init(&job, 0, ALL), STATUS_SUCCESS);
    assert_true(WdfDmaTransactionCancel(job.trx));
    assert_state(&job, S_FAILED);
    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_CANCELLED);
    assert_int_equal(job.programs, 0);
    assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
    job_start(&job, 0, ALL);
    report_all(&job);
    assert_true(job.over);
    rig_close(rig);
}

/* EXE-08, EXE-09, EXE-05, TRX-41 */
MS_TEST(immediate_execution_fails_rather_than_waits)
{
    struct rig *rig = rig_open();
    struct job job, holder;

    rig_system(rig, WdfDmaProfileSystem, 0x1003, 0x1000, false);
    rig_mdl(rig, 0, 0x800);
    job_make(rig, &holder, WdfDmaDirectionWriteToDevice);
    job_make(rig, &job, WdfDmaDirectionWriteToDevice);
    job_start(&holder, 0, ALL);
    assert_status(job_init(&job, 0, ALL), STATUS_SUCCESS);
    WdfDmaTransactionSetImmediateExecution(job.trx, TRUE);
    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_INSUFFICIENT_RESOURCES);
    assert_state(&job, S_FAILED);
    assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
    assert_status(job_init(&job, 0, ALL), STATUS_SUCCESS); /* the flag is gone (REL-04) */
    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_SUCCESS);
    report_none_and_end(&holder);
    assert_true(holder.over);
    assert_int_equal(job.programs, 1); /* granted by the give-back */
    report_none_and_end(&job);
    assert_true(job.over);
    rig_close(rig);
}

/* K1, TRX-43, CON-02 */
MS_TEST(system_callbacks_survive_a_release_unless_told)
{
    struct ms_wdf_config config = {.objects = 64, .callbacks_cleared = true};
    struct rig *rig = rig_open_with(&config);
    struct job job;

    rig_system(rig, WdfDmaProfileSystem, 0x1003, 0x1000, false);
    rig_mdl(rig, 0, 0x100);
    job_make(rig, &job, WdfDmaDirectionWriteToDevice);
    job_callbacks(&job);
    assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
    job_start(&job, 0, ALL);
    rig_run(rig);
    assert_int_equal(job.completions + job.configures, 0);
    report_all(&job);
    assert_true(job.over);
    rig_close(rig);
}

/* K4, K5, SGP-09, HAZ-08 */
MS_TEST(knobs_bring_the_originals_nesting_and_strictness_back)
{
    struct ms_wdf_config config = {.objects = 64, .nested_lists = true, .ended_is_fatal = true};
    struct rig *rig = rig_open_with(&config);
    struct job job;

    rig_enabler(rig, WdfDmaProfileScatterGather64, 3, 0x1000);
    rig_mdl(rig, 0, 0x8000);
    job_make(rig, &job, WdfDmaDirectionWriteToDevice);
    job.inside_program = report_all;
    job_start(&job, 0, ALL);
    assert_state(&job, S_COMPLETED);
    assert_int_equal(job.programs, 8);
    assert_int_equal(job.depth_max, 1); /* the adapter itself runs no routine inside another */
    assert_moved(&job, 0, 0x8000);
    assert_false(WdfDmaTransactionCancel(job.trx));
    assert_reported(&rig->f, MS_RULE_WDF_CANCEL_STATE); /* K5 */
    rig_close_with(rig, 1);
}

/* Every taking of Initialize and Execute fails once; what ends badly is released and runs then. EXE-05, STG-05 */
MS_TEST(every_taking_of_an_execution_may_fail)
{
    static const WDF_DMA_PROFILE profiles[] = {WdfDmaProfilePacket, WdfDmaProfileScatterGather,
                                               WdfDmaProfileSystem};

    for (int p = 0; p < 3; p++) {
        struct rig *rig = rig_open();
        struct job job;
        bool more = true;
        if (p == 2)
            rig_system(rig, profiles[p], 0x1003, 0x1000, false);
        else
            rig_enabler(rig, profiles[p], 3, 0x1000);
        rig_mdl(rig, 0x80, 0x2000);
        job_make(rig, &job, WdfDmaDirectionWriteToDevice);
        if (p == 2)
            WdfDmaTransactionSetTransferCompleteCallback(job.trx, job_complete, &job);
        job.inside_complete = report_none_and_end;
        for (uint32_t countdown = 0; more; countdown++) {
            NTSTATUS status;
            job.over = FALSE;
            job.programs = job.completions = 0;
            ms_fault_arm(countdown);
            status = job_init(&job, 0, ALL);
            if (NT_SUCCESS(status))
                status = WdfDmaTransactionExecute(job.trx, &job);
            more = ms_fault_fired();
            ms_fault_arm(UINT32_MAX);
            if (NT_SUCCESS(status) && job.programs > 0)
                report_none_and_end(&job);
            if (NT_SUCCESS(status) && p == 2 && job.programs == 0)
                assert_int_equal(job.told[0], DmaError); /* STG-05 */
            if (NT_SUCCESS(status)) {
                assert_true(job.over); /* told by a completion if it could not be staged */
            } else {
                assert_true(more);
                assert_status(status, STATUS_INSUFFICIENT_RESOURCES);
            }
            assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
            if (p == 2)
                rig_run(rig);
            assert_true(ms_dma_audit(rig->f.dma));
            assert_true(countdown < 100);
        }
        rig_close(rig);
    }
}
