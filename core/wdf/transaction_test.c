/* SPDX-License-Identifier: MIT */
/*
 * Transactions of bus masters as a driver sees them: every profile, version and direction, fragments
 * reported inside EvtProgramDma or later, in whole or in part.
 */
#include "wdf/test_dma.h"

static const struct {
    WDF_DMA_PROFILE profile;
    ULONG version;
} masters[] = {
    {WdfDmaProfilePacket, 0},
    {WdfDmaProfilePacket, 3},
    {WdfDmaProfilePacket64, 0},
    {WdfDmaProfilePacket64, 3},
    {WdfDmaProfileScatterGather, 0},
    {WdfDmaProfileScatterGather, 3},
    {WdfDmaProfileScatterGather64, 0},
    {WdfDmaProfileScatterGather64, 3},
    {WdfDmaProfileScatterGatherDuplex, 0},
    {WdfDmaProfileScatterGatherDuplex, 3},
    {WdfDmaProfileScatterGather64Duplex, 0},
    {WdfDmaProfileScatterGather64Duplex, 3},
};
enum { MASTERS = sizeof masters / sizeof masters[0] };

/* Reports until it is over, where the test says: inside the callback or here. */
static void run(struct job *job)
{
    while (!job->over && job->status != STATUS_INVALID_DEVICE_REQUEST) {
        int before = job->programs;
        report_all(job);
        assert_int_equal(WdfDmaTransactionGetBytesTransferred(job->trx),
                         job->moved -
                             (job->over || job->programs == before ? 0 : job->length[before]));
    }
}

/* HRQ-13, EXE-04, EXE-06, CMP-04, CMP-08, CMP-09, PRG-01, PRG-05, REL-02, REL-04, STG-02, STG-07, TRX-04, TRX-16 */
MS_TEST(every_profile_version_and_direction_moves_all_bytes)
{
    for (int i = 0; i < MASTERS; i++)
        for (int way = 0; way <= 1; way++)
            for (int inside = 0; inside <= 1; inside++) {
                struct rig *rig = rig_open();
                struct job job;
                rig_enabler(rig, masters[i].profile, masters[i].version, 0x4000);
                rig_mdl(rig, 0x123, 0x9001);
                job_make(rig, &job, (WDF_DMA_DIRECTION)way);
                assert_state(&job, S_CREATED); /* TRX-03 */
                for (int round = 0; round < 2; round++) {
                    job.over = FALSE;
                    job.programs = 0;
                    job.moved = 0;
                    job.inside_program = inside ? report_all : NULL;
                    assert_status(job_init(&job, 0x10, ALL), STATUS_SUCCESS);
                    assert_state(&job, S_INITIALIZED);
                    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_SUCCESS);
                    if (!inside)
                        run(&job);
                    assert_true(job.over);
                    assert_status(job.status, STATUS_SUCCESS);
                    assert_state(&job, S_COMPLETED);
                    assert_int_equal(job.moved, rig->bytes - 0x10);
                    assert_true(job.programs >= 3);
                    assert_int_equal(job.depth_max, 1); /* SGP-09, STG-11: flat */
                    assert_int_equal(WdfDmaTransactionGetBytesTransferred(job.trx), job.moved);
                    assert_int_equal(WdfDmaTransactionGetCurrentDmaTransferLength(job.trx), 0);
                    assert_moved(&job, 0x10, job.moved);
                    assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
                    assert_state(&job, S_RELEASED);
                    assert_int_equal(WdfDmaTransactionGetBytesTransferred(job.trx), 0); /* TRX-48 */
                }
                assert_status(WdfDmaTransactionRelease(job.trx),
                              STATUS_SUCCESS); /* REL-02, CON-08 */
                WdfObjectDelete(job.trx);
                rig_close(rig);
            }
}

/* FTL-01, REL-08: it is told as one that goes while it executes, and as one leak; its enabler and device, which
 * stay for its sake, are none. */
MS_TEST(a_transaction_that_never_ends_is_one_leak)
{
    struct rig *rig = rig_open();
    struct job job;

    rig_enabler(rig, WdfDmaProfilePacket, 3, 0x4000);
    rig_mdl(rig, 0, 64);
    job_make(rig, &job, WdfDmaDirectionWriteToDevice);
    job_start(&job, 0, ALL);
    ms_wdf_close(rig->f.wdf);
    assert_int_equal(rig->f.reports, 2);
    assert_int_equal(rig->f.report[0].info->rule, MS_RULE_WDF_DELETE_EXECUTING);
    assert_int_equal(rig->f.report[1].info->rule, MS_RULE_WDF_LEAK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(rig->f.report[i].object, (uint64_t)(uintptr_t)job.trx);
    report_all(&job); /* it ends after all, and its parents with it */
    assert_true(job.over);
    assert_int_equal(ms_wdf_objects(rig->f.wdf), 0);
    rig->f.reports = 0;
    rig_mdl_free(rig);
    ms_cpu_leave();
    ms_dma_destroy(rig->f.dma);
    ms_wdf_destroy(rig->f.wdf);
    ms_free(rig->f.kernel, sizeof *rig->f.kernel);
    ms_memory_destroy(rig->f.memory);
    ms_free(rig, sizeof *rig);
}
