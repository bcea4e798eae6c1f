/* SPDX-License-Identifier: MIT */
/*
 * The ends of what enablers, transactions and common buffers are asked for: lengths that no number holds, chains
 * whose MDLs begin anywhere, gates that belong to a device, and what one call leaves to the next.
 */
#include "wdf/test_dma.h"

/* --- enablers --- */

/* ENB-04, ENB-15, ENB-17, ENB-27, HRQ-12: any maximum length makes an enabler whose fragments fit its registers. */
MS_TEST(an_enabler_of_any_maximum_length_has_fragments_that_fit)
{
    static const size_t lengths[] = {
        1,
        2,
        PAGE_SIZE - 1,
        PAGE_SIZE,
        PAGE_SIZE + 1,
        UINT64_C(1) << 31,
        (UINT64_C(1) << 32) - PAGE_SIZE,
        (UINT64_C(1) << 32) - PAGE_SIZE + 1,
        UINT32_MAX,
        UINT64_C(1) << 32,
        (UINT64_C(1) << 32) + 1,
        SIZE_MAX,
    };

    for (int profile = WdfDmaProfilePacket; profile < WdfDmaProfileSystem; profile++)
        for (ULONG version = 2; version <= 3; version++)
            for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
                struct rig *rig = rig_open();
                struct job job;
                rig_enabler(rig, (WDF_DMA_PROFILE)profile, version, lengths[i]);
                assert_int_equal(WdfDmaEnablerGetMaximumLength(rig->enabler), lengths[i]);
                for (int way = 0; way <= 1; way++) {
                    size_t most =
                        WdfDmaEnablerGetFragmentLength(rig->enabler, (WDF_DMA_DIRECTION)way);
                    assert_true(most > 0 && most <= lengths[i]);
                    rig_mdl(rig, 0xFFF, 2);
                    job_make(rig, &job, (WDF_DMA_DIRECTION)way);
                    job.inside_program = report_all;
                    assert_status(job_init(&job, 0, 2), STATUS_SUCCESS);
                    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_SUCCESS);
                    while (!job.over)
                        report_all(&job);
                    assert_int_equal(WdfDmaTransactionGetBytesTransferred(job.trx), 2);
                    assert_int_equal(job.moved, 2);
                    rig_mdl_free(rig);
                    rig->bytes = 0;
                    WdfObjectDelete(job.trx);
                }
                rig_close(rig);
            }
}

/* ENB-23: one way of two is none, for a reservation as for an initialisation. */
MS_TEST(a_duplex_enabler_with_one_way_reserves_nothing)
{
    CM_PARTIAL_RESOURCE_DESCRIPTOR resource = {.Type = CmResourceTypeDma,
                                               .Flags = CM_RESOURCE_DMA_V3};
    PHYSICAL_ADDRESS address = {.QuadPart = 0xFE000000};
    WDF_DMA_SYSTEM_PROFILE_CONFIG config;
    struct rig *rig = rig_open();
    struct job job;

    rig_enabler(rig, WdfDmaProfileSystemDuplex, 0, 0x4000);
    resource.u.DmaV3.RequestLine = 0x1002;
    WDF_DMA_SYSTEM_PROFILE_CONFIG_INIT(&config, address, Width8Bits, &resource);
    assert_status(
        WdfDmaEnablerConfigureSystemProfile(rig->enabler, &config, WdfDmaDirectionReadFromDevice),
        STATUS_SUCCESS);
    job_make(rig, &job, WdfDmaDirectionReadFromDevice);
    assert_status(WdfDmaTransactionAllocateResources(job.trx, job.direction, 1, job_reserve, &job),
                  STATUS_INVALID_DEVICE_REQUEST);
    assert_reported(&rig->f, MS_RULE_WDF_NOT_CONFIGURED);
    assert_int_equal(job.reserves, 0);
    assert_state(&job, S_CREATED);
    resource.u.DmaV3.RequestLine = 0x1003;
    assert_status(
        WdfDmaEnablerConfigureSystemProfile(rig->enabler, &config, WdfDmaDirectionWriteToDevice),
        STATUS_SUCCESS);
    assert_status(WdfDmaTransactionAllocateResources(job.trx, job.direction, 1, job_reserve, &job),
                  STATUS_SUCCESS);
    assert_int_equal(job.reserves, 1);
    WdfDmaTransactionFreeResources(job.trx);
    rig_close_with(rig, 1);
}

/* --- common buffers --- */

/* KCB-01, KCB-02, KCB-04: no length wraps round with its alignment into a short buffer. */
MS_TEST(a_common_buffer_that_no_number_holds_is_not_made)
{
    static const ULONG masks[] = {0, PAGE_SIZE - 1, 2 * PAGE_SIZE - 1, 0x7FFFFFFF, UINT32_MAX};
    static const size_t lengths[] = {SIZE_MAX,
                                     SIZE_MAX - 1,
                                     SIZE_MAX - PAGE_SIZE + 1,
                                     SIZE_MAX - 0x7FFFFFFE,
                                     (size_t)UINT32_MAX + 1,
                                     SIZE_MAX - UINT32_MAX + 1,
                                     SIZE_MAX / 2 + 1};
    struct rig *rig = rig_open();

    rig_enabler(rig, WdfDmaProfileScatterGather64, 3, 0x4000);
    for (size_t m = 0; m < sizeof masks / sizeof masks[0]; m++)
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            WDF_COMMON_BUFFER_CONFIG config;
            WDFCOMMONBUFFER buffer = (WDFCOMMONBUFFER)rig;
            WDF_COMMON_BUFFER_CONFIG_INIT(&config, masks[m]);
            assert_status(
                WdfCommonBufferCreateWithConfig(rig->enabler, lengths[i], &config, NULL, &buffer),
                STATUS_INSUFFICIENT_RESOURCES);
            assert_null(buffer);
        }
    rig_close(rig);
}

/* --- version 2: one packet transaction of a device at a time --- */

/* EXE-02, FTL-01: whoever may not be executed is told so, whether or not the gate is shut. */
MS_TEST(a_version_2_transaction_that_executes_is_not_busy_but_wrong)
{
    struct rig *rig = rig_open();
    struct job job, other;

    rig_enabler(rig, WdfDmaProfilePacket64, 2, 0x1000);
    rig_mdl(rig, 0, 0x1000);
    job_make(rig, &job, WdfDmaDirectionReadFromDevice);
    job_make(rig, &other, WdfDmaDirectionReadFromDevice);
    job_start(&job, 0, ALL);
    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_INVALID_DEVICE_REQUEST);
    assert_reported(&rig->f, MS_RULE_WDF_EXECUTE_STATE);
    assert_status(WdfDmaTransactionExecute(other.trx, &other), STATUS_INVALID_DEVICE_REQUEST);
    assert_int_equal(rig->f.reports, 2);
    assert_reported(&rig->f, MS_RULE_WDF_EXECUTE_STATE);
    assert_state(&other, S_CREATED);
    report_all(&job);
    assert_true(job.over);
    job_start(&other, 0, ALL); /* what was wrong shut no gate */
    report_all(&other);
    assert_true(other.over);
    rig_close_with(rig, 2);
}

/* EXE-10: the gate is the device's, not the enabler's. */
MS_TEST(two_version_2_packet_enablers_of_a_device_share_one_turn)
{
    struct rig *rig = rig_open();
    struct job job, other, lists;

    rig_mdl(rig, 0, 0x1000);
    rig_enabler(rig, WdfDmaProfilePacket64, 2, 0x1000);
    job_make(rig, &job, WdfDmaDirectionReadFromDevice);
    rig_enabler(rig, WdfDmaProfilePacket, 2, 0x1000);
    job_make(rig, &other, WdfDmaDirectionReadFromDevice);
    job_start(&job, 0, ALL);
    assert_status(job_init(&other, 0, ALL), STATUS_SUCCESS);
    assert_status(WdfDmaTransactionExecute(other.trx, &other), STATUS_WDF_BUSY);
    assert_state(&other, S_FAILED);
    rig_enabler(rig, WdfDmaProfileScatterGather64, 2, 0x1000); /* lists have no gate */
    job_make(rig, &lists, WdfDmaDirectionReadFromDevice);
    job_start(&lists, 0, ALL);
    report_all(&lists);
    assert_true(lists.over);
    report_all(&job);
    assert_true(job.over);
    assert_status(WdfDmaTransactionRelease(other.trx), STATUS_SUCCESS);
    rig->is_lists = false;
    job_start(&other, 0, ALL);
    report_all(&other);
    assert_true(other.over);
    rig_close(rig);
}

/* --- chains --- */

/* One MDL more at the end of the chain, of frames that lie side by side. */
static PMDL mdl_of_run(struct rig *rig, PFN_NUMBER first, uint32_t byte_offset, uint32_t bytes)
{
    PFN_NUMBER pfn[8];

    for (PFN_NUMBER i = 0; i < 8; i++)
        pfn[i] = first + i;
    return rig_mdl_of(rig, pfn, byte_offset, bytes);
}

/* EXE-07, TRX-30: what the checks of a single transfer found possible is not cut because too few registers were
 * asked for: a later MDL begins in its page where it says, not where the first one's address would lead to. */
MS_TEST(a_single_transfer_in_a_later_mdl_asks_for_the_registers_of_its_pages)
{
    for (int wide = 0; wide <= 1; wide++)
        for (int way = 0; way <= 1; way++) {
            struct rig *rig = rig_open();
            struct job job;
            rig_enabler(rig, wide ? WdfDmaProfilePacket64 : WdfDmaProfilePacket, 3, 0x4000);
            mdl_of_run(rig, 0x4000, 0, 0x1000);
            mdl_of_run(rig, 0x140000, 0xF00, 0x200);
            job_make(rig, &job, (WDF_DMA_DIRECTION)way);
            WdfDmaTransactionSetSingleTransferRequirement(job.trx, TRUE);
            job_start(&job, 0x1000, 0x200);
            assert_int_equal(job.length[0], 0x200);
            report_all(&job);
            assert_true(job.over);
            assert_status(job.status, STATUS_SUCCESS);
            assert_moved(&job, 0x1000, 0x200);
            rig_close(rig);
        }
}

/* EXE-07: a chain of crumbs does not ask for more than the adapter has. */
MS_TEST(a_chain_of_crumbs_asks_for_no_more_registers_than_there_are)
{
    struct rig *rig = rig_open();
    struct job job;

    rig_enabler(rig, WdfDmaProfilePacket, 3, 0x1000); /* two registers */
    for (PFN_NUMBER i = 0; i < 8; i++)
        mdl_of_run(rig, 0x140000 + 16 * i, 0x100, 0x10);
    job_make(rig, &job, WdfDmaDirectionReadFromDevice);
    job_start(&job, 0, ALL);
    while (!job.over)
        report_all(&job);
    assert_status(job.status, STATUS_SUCCESS);
    assert_moved(&job, 0, rig->bytes);
    rig_close(rig);
}

/* RES-12: the page offset of the fragment is that of its own MDL. */
MS_TEST(a_reserved_fragment_in_a_later_mdl_reaches_to_the_end_of_its_pages)
{
    struct rig *rig = rig_open();
    struct job job;

    rig_enabler(rig, WdfDmaProfilePacket64, 3, 0x4000);
    mdl_of_run(rig, 0x4000, 0, 0x100);
    mdl_of_run(rig, 0x4010, 0, 0x3000);
    job_make(rig, &job, WdfDmaDirectionWriteToDevice);
    assert_status(WdfDmaTransactionAllocateResources(job.trx, job.direction, 2, job_reserve, &job),
                  STATUS_SUCCESS);
    job_start(&job, 0, ALL);
    while (!job.over)
        report_all(&job);
    assert_status(job.status, STATUS_SUCCESS);
    assert_int_equal(job.programs, 3);
    assert_int_equal(job.length[0], 0x100);
    assert_int_equal(job.length[1], 0x2000);
    assert_int_equal(job.length[2], 0x1000);
    assert_moved(&job, 0, rig->bytes);
    WdfDmaTransactionFreeResources(job.trx);
    rig_close(rig);
}

/* SGP-02, SGP-03, TRX-14: an MDL of no bytes touches no page, when it is asked for as when it is listed. */
MS_TEST(an_empty_mdl_counts_for_no_page_of_a_list)
{
    for (ULONG version = 2; version <= 3; version++) {
        struct rig *rig = rig_open();
        struct job job;
        rig_enabler(rig, WdfDmaProfileScatterGather64, version, 0x2000);
        WdfDmaEnablerSetMaximumScatterGatherElements(rig->enabler, 2);
        mdl_of_run(rig, 0x4000, 0x10, 0x100);
        mdl_of_run(rig, 0x4010, 0x20, 0);
        mdl_of_run(rig, 0x4020, 0x30, 0);
        mdl_of_run(rig, 0x4030, 0x40, 0x100);
        job_make(rig, &job, WdfDmaDirectionReadFromDevice);
        job_start(&job, 0, ALL);
        assert_int_equal(job.length[0], 0x200);
        assert_int_equal(job.elements[0], 2);
        report_all(&job);
        assert_true(job.over);
        assert_moved(&job, 0, 0x200);
        rig_close(rig);
    }
}

/* TRX-30, TRX-31, SGP-02, GTI-06: a single transfer of more pages than there are registers, none of which needs one, is
 * found possible by its initialisation, and is one list then. */
MS_TEST(a_single_transfer_that_needs_no_registers_is_not_cut_by_its_pages)
{
    for (int way = 0; way <= 1; way++) {
        struct rig *rig = rig_open();
        struct job job;
        rig_enabler(rig, WdfDmaProfileScatterGather64, 3, 0x1000); /* two registers */
        for (PFN_NUMBER i = 0; i < 4; i++)
            mdl_of_run(rig, 0x140000 + 16 * i, 0xF80, 0x100);
        job_make(rig, &job, (WDF_DMA_DIRECTION)way);
        WdfDmaTransactionSetSingleTransferRequirement(job.trx, TRUE);
        job_start(&job, 0, ALL);
        assert_int_equal(job.length[0], 0x400);
        report_all(&job);
        assert_true(job.over);
        assert_status(job.status, STATUS_SUCCESS);
        assert_int_equal(job.programs, 1);
        assert_moved(&job, 0, 0x400);
        /* Any other transaction is cut where its pages end (SGP-02). */
        assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
        job.over = FALSE;
        job_start(&job, 0, ALL);
        assert_int_equal(job.length[1], 0x100);
        while (!job.over)
            report_all(&job);
        rig_close(rig);
    }
}

/* --- what one call leaves to the next --- */

/* TRX-33, RES-06: a reservation throws an initialisation away, not what the driver said of the transaction before:
 * only Release does that. */
MS_TEST(a_single_transfer_that_was_asked_for_before_a_reservation_still_is)
{
    struct rig *rig = rig_open();
    struct job job;

    rig_enabler(rig, WdfDmaProfilePacket64, 3, 0x1000);
    rig_mdl(rig, 0, 0x1800);
    job_make(rig, &job, WdfDmaDirectionReadFromDevice);
    WdfDmaTransactionSetSingleTransferRequirement(job.trx, TRUE);
    assert_status(WdfDmaTransactionAllocateResources(job.trx, job.direction, 1, job_reserve, &job),
                  STATUS_SUCCESS);
    assert_status(job_init(&job, 0, ALL), STATUS_WDF_TOO_MANY_TRANSFERS);
    assert_state(&job, S_RELEASED);
    assert_status(job_init(&job, 0, ALL), STATUS_SUCCESS); /* TRX-15: it was forgotten */
    WdfDmaTransactionFreeResources(job.trx);
    rig_close(rig);
}

static void start_all(struct job *job)
{
    job_start(job, 0, ALL);
}

/* All that an enabler can have. */
static ULONG registers_of(struct rig *rig)
{
    struct ms_enabler *enabler = ms_object_find((WDFOBJECT)rig->enabler, MS_OBJECT_ENABLER);

    return enabler->way[0].registers;
}

/* RES-16: a reservation was given up in the moment in which it was granted, and EvtReserveDma, which ran all the same,
 * began an execution: that one keeps what it uses to its end. */
MS_TEST(what_was_given_up_when_it_was_granted_stays_to_the_end_of_what_uses_it)
{
    for (int system = 0; system <= 1; system++) {
        struct job job, holder;
        struct rig *rig = rig_open();
        struct ms_trx *trx;
        union ms_trx_word next;
        bool dropped;
        if (system)
            rig_system(rig, WdfDmaProfileSystem, 0x1003, 0x1000, false);
        else
            rig_enabler(rig, WdfDmaProfilePacket, 3, 0x3F000); /* all that its pool has */
        mdl_of_run(rig, 0x140000, 0, 0x1000);
        job_make(rig, &holder, WdfDmaDirectionWriteToDevice);
        job_make(rig, &job, WdfDmaDirectionWriteToDevice);
        job.inside_reserve = start_all;
        assert_status(WdfDmaTransactionAllocateResources(holder.trx, holder.direction,
                                                         registers_of(rig), job_reserve, &holder),
                      STATUS_SUCCESS);
        assert_status(
            WdfDmaTransactionAllocateResources(job.trx, job.direction, 1, job_reserve, &job),
            STATUS_SUCCESS);
        assert_int_equal(job.reserves, 0);
        /* The other thread's FreeResources, which the adapter told that it is too late. */
        trx = ms_object_find((WDFOBJECT)job.trx, MS_OBJECT_TRANSACTION);
        MS_TRX_MOVE(trx, next, dropped, ms_trx_step_drop(&next));
        assert_true(dropped);
        WdfDmaTransactionFreeResources(holder.trx);
        assert_int_equal(job.reserves, 1);
        assert_state(&job, S_TRANSFER);
        assert_int_equal(job.programs, 1);
        assert_true(ms_trx_look(trx).held);
        if (system)
            rig_run(rig);
        report_all(&job);
        assert_true(job.over);
        assert_status(job.status, STATUS_SUCCESS);
        assert_false(ms_trx_look(trx).held); /* given back, once */
        assert_int_equal(WdfDmaTransactionGetBytesTransferred(job.trx), 0x1000);
        assert_memory_equal(rig->device_memory, rig->memory, 0x1000);
        /* All of it is there for the next one. */
        assert_status(WdfDmaTransactionAllocateResources(holder.trx, holder.direction,
                                                         registers_of(rig), job_reserve, &holder),
                      STATUS_SUCCESS);
        assert_int_equal(holder.reserves, 2);
        WdfDmaTransactionFreeResources(holder.trx);
        rig_close(rig);
    }
}

/* --- levels --- */

static void assert_told_of_level(struct rig *rig)
{
    assert_true(rig->f.reports > 0);
    assert_int_equal(rig->f.report[0].info->rule, MS_RULE_WDF_IRQL);
    rig->f.reports = 0;
    assert_int_equal(KeGetCurrentIrql(), 5);
}

/* What is called as from an interrupt's service routine is told, and done all the same. */
#define FROM_ISR(rig, call)                                                                        \
    do {                                                                                           \
        KIRQL before_ = KfRaiseIrql(5);                                                            \
        call;                                                                                      \
        assert_told_of_level(rig);                                                                 \
        KeLowerIrql(before_);                                                                      \
    } while (0)

/* TRX-51, LVL-01, CMP-01, RES-01, EXE-01, STP-01, CAN-01, REL-01: no method of a transaction is for a service routine. */
MS_TEST(every_method_of_a_transaction_tells_that_it_is_above_dispatch_level)
{
    struct rig *rig = rig_open();
    struct job job;
    WDFDMATRANSACTION other;

    rig_system(rig, WdfDmaProfileSystem, 0x1003, 0x1000, false);
    rig_mdl(rig, 0, 0x1800);
    job_make(rig, &job, WdfDmaDirectionWriteToDevice);
    FROM_ISR(rig, WdfDmaTransactionCreate(rig->enabler, NULL, &other));
    FROM_ISR(rig,
             WdfDmaTransactionAllocateResources(other, (WDF_DMA_DIRECTION)2, 1, job_reserve, &job));
    FROM_ISR(rig, WdfDmaTransactionFreeResources(other));
    FROM_ISR(rig, WdfDmaTransactionSetSingleTransferRequirement(job.trx, FALSE));
    FROM_ISR(rig, job_init(&job, 0, ALL));
    FROM_ISR(rig, WdfDmaTransactionSetMaximumLength(job.trx, 0x800));
    FROM_ISR(rig, WdfDmaTransactionSetImmediateExecution(job.trx, FALSE));
    FROM_ISR(rig, WdfDmaTransactionSetDeviceAddressOffset(job.trx, 0));
    FROM_ISR(rig, WdfDmaTransactionSetChannelConfigurationCallback(job.trx, NULL, NULL));
    FROM_ISR(rig, WdfDmaTransactionSetTransferCompleteCallback(job.trx, NULL, NULL));
    FROM_ISR(rig, WdfDmaTransactionGetTransferInfo(job.trx, NULL, NULL));
    FROM_ISR(rig, WdfDmaTransactionWdmGetTransferContext(job.trx));
    FROM_ISR(rig, WdfDmaTransactionGetDevice(job.trx));
    FROM_ISR(rig, WdfDmaTransactionGetRequest(job.trx));
    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_SUCCESS);
    FROM_ISR(rig, WdfDmaTransactionExecute(job.trx, &job));
    FROM_ISR(rig, WdfDmaTransactionCancel(job.trx));
    FROM_ISR(rig, WdfDmaTransactionGetBytesTransferred(job.trx));
    FROM_ISR(rig, WdfDmaTransactionGetCurrentDmaTransferLength(job.trx));
    rig_run(rig);
    FROM_ISR(rig, WdfDmaTransactionStopSystemTransfer(job.trx));
    FROM_ISR(rig, WdfDmaTransactionDmaCompletedFinal(job.trx, 0x800, &job.status));
    assert_status(job.status, STATUS_SUCCESS);
    FROM_ISR(rig, WdfDmaTransactionRelease(job.trx));
    rig_close(rig);
}

/* LVL-01, KCB-05: a common buffer goes at PASSIVE_LEVEL, and its memory goes all the same. */
MS_TEST(a_common_buffer_that_goes_at_dispatch_level_is_told)
{
    struct rig *rig = rig_open();
    WDFCOMMONBUFFER buffer;
    KIRQL old;

    rig_enabler(rig, WdfDmaProfileScatterGather, 3, 0x4000);
    assert_status(WdfCommonBufferCreate(rig->enabler, 100, NULL, &buffer), STATUS_SUCCESS);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    WdfObjectDelete(buffer);
    KeLowerIrql(old);
    assert_reported(&rig->f, MS_RULE_WDF_IRQL);
    assert_int_equal(rig->f.report[0].object, (uint64_t)(uintptr_t)buffer);
    rig_close_with(rig, 1);
}
