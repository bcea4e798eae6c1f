/* SPDX-License-Identifier: MIT */
/*
 * More clauses of transactions: numbers, levels, requests, and what waits in a queue.
 */
#include "wdf/request.h"
#include "wdf/test_dma.h"

/* NUM-01, NUM-02, NUM-03, NUM-05, NUM-06, NUM-10 */
MS_TEST(numbers_are_those_of_windows)
{
    assert_int_equal(WdfDmaProfilePacket, 1);
    assert_int_equal(WdfDmaProfileScatterGather, 2);
    assert_int_equal(WdfDmaProfilePacket64, 3);
    assert_int_equal(WdfDmaProfileScatterGather64, 4);
    assert_int_equal(WdfDmaProfileScatterGatherDuplex, 5);
    assert_int_equal(WdfDmaProfileScatterGather64Duplex, 6);
    assert_int_equal(WdfDmaProfileSystem, 7);
    assert_int_equal(WdfDmaProfileSystemDuplex, 8);
    assert_int_equal(WdfDmaDirectionReadFromDevice, FALSE);
    assert_int_equal(WdfDmaDirectionWriteToDevice, TRUE);
    assert_int_equal(WDF_DMA_ENABLER_CONFIG_NO_SGLIST_PREALLOCATION, 1);
    assert_int_equal(WDF_DMA_ENABLER_CONFIG_REQUIRE_SINGLE_TRANSFER, 2);
    assert_status(STATUS_WDF_BUSY, 0xC0200204);
    assert_status(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID, 0xC0200209);
    assert_status(STATUS_WDF_TOO_FRAGMENTED, 0xC020020A);
    assert_status(STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED, 0xC020020F);
    assert_status(STATUS_WDF_PARENT_NOT_SPECIFIED, 0xC0200212);
    assert_status(STATUS_WDF_TOO_MANY_TRANSFERS, 0xC0200213);
    assert_status(STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS, 0xC0200214);
    assert_status(STATUS_PENDING, 0x103);
    assert_status(STATUS_MORE_PROCESSING_REQUIRED, 0xC0000016);
    assert_status(STATUS_INFO_LENGTH_MISMATCH, 0xC0000004);
    assert_status(STATUS_INVALID_PARAMETER, 0xC000000D);
    assert_status(STATUS_INVALID_DEVICE_REQUEST, 0xC0000010);
    assert_status(STATUS_INSUFFICIENT_RESOURCES, 0xC000009A);
    assert_status(STATUS_DEVICE_DATA_ERROR, 0xC000009C);
    assert_status(STATUS_IO_TIMEOUT, 0xC00000B5);
    assert_status(STATUS_CANCELLED, 0xC0000120);
    assert_status(STATUS_INVALID_DEVICE_STATE, 0xC0000184);
    assert_status(STATUS_UNSUCCESSFUL, 0xC0000001);
    assert_status(STATUS_BUFFER_TOO_SMALL, 0xC0000023);
    assert_int_equal(KeepObject, 1);
    assert_int_equal(DeallocateObject, 2);
    assert_int_equal(DeallocateObjectKeepRegisters, 3);
    assert_int_equal(DMA_SYNCHRONOUS_CALLBACK, 1);
    assert_int_equal(DMA_TRANSFER_CONTEXT_SIZE_V1, 128);
    assert_int_equal(DmaComplete, 0);
    assert_int_equal(DmaAborted, 1);
    assert_int_equal(DmaError, 2);
    assert_int_equal(DmaCancelled, 3);
}

/* ENB-09, ENB-11, ENB-13: what the adapters say that they were asked for. */
MS_TEST(adapters_are_what_profile_and_version_ask_for)
{
    static const struct {
        WDF_DMA_PROFILE profile;
        ULONG width, override;
    } rows[] = {
        {WdfDmaProfilePacket, 32, 0},        {WdfDmaProfilePacket64, 64, 0},
        {WdfDmaProfileScatterGather, 32, 0}, {WdfDmaProfileScatterGather64, 64, 0},
        {WdfDmaProfilePacket64, 40, 40},     {WdfDmaProfileScatterGatherDuplex, 28, 28},
    };
    struct rig *rig = rig_open();

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (ULONG version = 2; version <= 3; version++) {
            WDF_DMA_ENABLER_CONFIG config;
            DMA_ADAPTER_INFO info = {.Version = DMA_ADAPTER_INFO_VERSION1};
            PDMA_ADAPTER adapter;
            if (version == 2 && rows[i].override)
                continue;
            WDF_DMA_ENABLER_CONFIG_INIT(&config, rows[i].profile, 0x4000);
            config.AddressWidthOverride = rows[i].override;
            config.WdmDmaVersionOverride = version == 3 && !rows[i].override ? 3 : 0;
            assert_status(WdfDmaEnablerCreate(rig_device(rig), &config, NULL, &rig->enabler),
                          STATUS_SUCCESS);
            adapter = WdfDmaEnablerWdmGetDmaAdapter(rig->enabler, WdfDmaDirectionReadFromDevice);
            assert_int_equal(adapter->DmaOperations->Size > 0x80, version == 3); /* VER-08 */
            if (version < 3)
                continue;
            assert_status(adapter->DmaOperations->GetDmaAdapterInfo(adapter, &info),
                          STATUS_SUCCESS);
            assert_int_equal(info.V1.DmaAddressWidth, rows[i].width);
        }
    rig_close(rig);
}

/* CON-09, EXE-01, LVL-02, PRG-02, REL-01, TRX-01, TRX-51: a whole life at either level; callbacks come at
 * DISPATCH_LEVEL (test_dma.h asserts it). */
MS_TEST(a_whole_life_at_passive_and_at_dispatch_level)
{
    static const WDF_DMA_PROFILE profiles[] = {WdfDmaProfilePacket, WdfDmaProfileScatterGather,
                                               WdfDmaProfileSystem};

    for (int p = 0; p < 3; p++)
        for (KIRQL irql = PASSIVE_LEVEL; irql <= DISPATCH_LEVEL; irql += DISPATCH_LEVEL) {
            struct rig *rig = rig_open();
            struct ms_object *object;
            struct job job;
            KIRQL old;
            if (p == 2)
                rig_system(rig, profiles[p], 0x1003, 0x1000, false);
            else
                rig_enabler(rig, profiles[p], 3, 0x1000);
            rig_mdl(rig, 0x10, 0x2000);
            KeRaiseIrql(irql, &old);
            job_make(rig, &job, WdfDmaDirectionWriteToDevice);
            object = ms_object_find((WDFOBJECT)job.trx, MS_OBJECT_TRANSACTION);
            assert_ptr_equal(object->parent, ms_object_find((WDFOBJECT)rig->enabler,
                                                            MS_OBJECT_ENABLER)); /* TRX-01 */
            job_start(&job, 0, ALL);
            while (!job.over) {
                if (p == 2)
                    rig_run(rig);
                report_all(&job);
                assert_int_equal(KeGetCurrentIrql(), irql);
            }
            assert_ptr_equal(job.context, &job);
            assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
            WdfObjectDelete(job.trx);
            KeLowerIrql(old);
            rig_close(rig);
        }
}

/* PRG-04: it can not be programmed. */
MS_TEST(evt_program_dma_may_end_it)
{
    static const WDF_DMA_PROFILE profiles[] = {WdfDmaProfilePacket, WdfDmaProfileScatterGather};

    for (int p = 0; p < 2; p++) {
        struct rig *rig = rig_open();
        struct job job;
        rig_enabler(rig, profiles[p], 3, 0x1000);
        rig_mdl(rig, 0x10, 0x2000);
        job_make(rig, &job, WdfDmaDirectionWriteToDevice);
        job.inside_program = report_none_and_end;
        job_start(&job, 0, ALL);
        assert_true(job.over);
        assert_state(&job, S_COMPLETED);
        assert_int_equal(job.programs, 1);
        rig_close(rig);
    }
}

/* REL-09 */
MS_TEST(an_enabler_takes_its_transactions_along)
{
    struct rig *rig = rig_open();
    struct job job;

    rig_enabler(rig, WdfDmaProfilePacket, 3, 0x1000);
    job_make(rig, &job, WdfDmaDirectionWriteToDevice);
    WdfObjectDelete(rig->enabler);
    assert_null(ms_object_find((WDFOBJECT)job.trx, MS_OBJECT_TRANSACTION));
    rig_close(rig);
}

/* Two lists that do not fit into the pool at once: every page bounces. */
static struct rig *crowded(struct job *first, struct job *second)
{
    struct rig *rig = rig_open();
    PFN_NUMBER pfn[40];

    for (uint32_t i = 0; i < 40; i++)
        pfn[i] = UINT64_C(0x140000) + 2 * i;
    rig->mdl = ms_mdl_create(pfn, 0, 40 * PAGE_SIZE);
    rig->bytes = 40 * PAGE_SIZE;
    rig_enabler(rig, WdfDmaProfileScatterGather, 3, 40 * PAGE_SIZE);
    job_make(rig, first, WdfDmaDirectionWriteToDevice);
    job_make(rig, second, WdfDmaDirectionWriteToDevice);
    job_start(first, 0, ALL);
    assert_int_equal(first->programs, 1);
    assert_status(job_init(second, 0, ALL), STATUS_SUCCESS);
    return rig;
}

/* CMP-19, CAN-09, CAN-04, EXE-04: a list that waits is not reported, and can be withdrawn. */
MS_TEST(a_list_that_waits)
{
    struct job first, second;
    struct rig *rig = crowded(&first, &second);

    assert_status(WdfDmaTransactionExecute(second.trx, &second), STATUS_SUCCESS);
    assert_int_equal(second.programs, 0);
    report_all(&second);
    assert_reported(&rig->f, MS_RULE_WDF_REPORT_TWICE); /* CMP-19 */
    assert_status(second.status, STATUS_INVALID_DEVICE_REQUEST);
    assert_true(WdfDmaTransactionCancel(second.trx)); /* CAN-09 */
    assert_state(&second, S_FAILED);
    report_all(&first);
    assert_true(first.over);
    assert_int_equal(second.programs, 0);
    assert_status(WdfDmaTransactionRelease(second.trx), STATUS_SUCCESS);
    job_start(&second, 0, ALL);
    assert_int_equal(second.programs, 1);
    report_all(&second);
    assert_true(second.over);
    rig_close_with(rig, 1);
}
