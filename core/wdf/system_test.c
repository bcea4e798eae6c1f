/* SPDX-License-Identifier: MIT */
/*
 * System-profile transactions, the controller stepped by hand: fragments, completion, the configure
 * callback, and StopSystemTransfer at every moment of STP-05.
 */
#include "wdf/test_dma.h"

enum { BYTES = 0x2800, FRAGMENT = 0x1000 };

static struct rig *system_open_with(const struct ms_wdf_config *config, struct job *job,
                                    WDF_DMA_DIRECTION direction)
{
    struct rig *rig = rig_open_with(config);

    rig_system(rig, WdfDmaProfileSystem, 0x1003, FRAGMENT, false);
    rig_mdl(rig, 0x40, BYTES);
    job_make(rig, job, direction);
    job_callbacks(job);
    return rig;
}

static struct rig *system_open(struct job *job, WDF_DMA_DIRECTION direction)
{
    struct ms_wdf_config config = {.objects = 256};

    return system_open_with(&config, job, direction);
}

/* CMP-09, CMP-17, ENB-24, PRG-03, PRG-08, PRG-09, CON-10, STG-16, STG-01, STG-02, STG-03, STG-04 */
MS_TEST(a_system_transaction_runs_fragment_by_fragment)
{
    for (int way = 0; way <= 1; way++) {
        struct job job;
        struct rig *rig = system_open(&job, (WDF_DMA_DIRECTION)way);
        for (int round = 0; round < 2; round++) { /* TRX-43: the callbacks survive Release */
            int base = job.programs;
            job.over = FALSE;
            job.inside_complete = report_all;
            rig->fifo.taken_count = rig->fifo.given_count = 0;
            assert_status(job_init(&job, 0, ALL), STATUS_SUCCESS);
            WdfDmaTransactionSetDeviceAddressOffset(job.trx, 0x10); /* TRX-13 */
            assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_SUCCESS);
            assert_false(job.over);
            rig_run(rig);
            assert_true(job.over);
            assert_status(job.status, STATUS_SUCCESS);
            assert_int_equal(job.programs - base, 3);
            assert_int_equal(job.completions - base, 3);
            assert_int_equal(job.configures - base, 3);
            assert_int_equal(WdfDmaTransactionGetBytesTransferred(job.trx), BYTES);
            assert_true(rig->fifo.address == 0xFE000010); /* STG-04, DDX-28 */
            assert_fifo(&job, 0, BYTES, 0);
            assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
        }
        assert_int_equal(job.depth_max, 2); /* a report inside the completion stages on its stack */
        rig_close(rig);
    }
}

/* --- stop, moment by moment ------------------------------------------------------------------------- */

static void stop(struct job *job)
{
    job->quiet = true; /* STP-10: no completion on this stack */
    WdfDmaTransactionStopSystemTransfer(job->trx);
    job->quiet = false;
}

static void end_at_cancel(struct job *job)
{
    if (job->told[job->completions - 1] == DmaComplete)
        report_all(job);
    else
        report_none_and_end(job);
}

static void finish(struct rig *rig, struct job *job, bool over, NTSTATUS status, size_t bytes,
                   int programs, int completions)
{
    rig_run(rig);
    assert_int_equal(job->over, over);
    assert_status(job->status, status);
    assert_int_equal(WdfDmaTransactionGetBytesTransferred(job->trx), bytes);
    assert_int_equal(job->programs, programs);
    assert_int_equal(job->completions, completions);
    assert_status(WdfDmaTransactionRelease(job->trx), STATUS_SUCCESS);
    rig_close(rig);
}

/* HRQ-07, STG-03, STG-08, STP-02, STP-03, STP-05 S1, RCE-P10 */
MS_TEST(stop_before_execute_refuses_the_first_fragment)
{
    struct job job;
    struct rig *rig = system_open(&job, WdfDmaDirectionWriteToDevice);

    job.inside_complete = end_at_cancel;
    assert_status(job_init(&job, 0, ALL), STATUS_SUCCESS);
    stop(&job);
    assert_state(&job, S_INITIALIZED);
    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_SUCCESS);
    assert_int_equal(job.told[0], DmaCancelled);
    assert_int_equal(job.configures, 0);
    finish(rig, &job, true, STATUS_SUCCESS, 0, 0, 1);
}

/* CMP-18, STP-05 S2: the request waits for the channel, is granted, and is refused then. */
MS_TEST(stop_in_the_queue_waits_for_the_grant)
{
    struct job job, holder;
    struct rig *rig = system_open(&job, WdfDmaDirectionWriteToDevice);

    job_make(rig, &holder, WdfDmaDirectionWriteToDevice);
    job_callbacks(&holder);
    holder.inside_complete = report_all;
    job_start(&holder, 0, ALL);
    job.inside_complete = end_at_cancel;
    job_start(&job, 0, ALL);
    stop(&job);
    assert_int_equal(job.completions, 0);
    rig_run(rig);
    assert_true(holder.over);
    assert_int_equal(WdfDmaTransactionGetBytesTransferred(holder.trx), BYTES);
    assert_status(WdfDmaTransactionRelease(holder.trx), STATUS_SUCCESS);
    finish(rig, &job, true, STATUS_SUCCESS, 0, 0, 1);
}

/* STP-05 S3 */
MS_TEST(stop_in_the_configure_callback_refuses_the_map)
{
    struct job job;
    struct rig *rig = system_open(&job, WdfDmaDirectionWriteToDevice);

    job.inside_complete = end_at_cancel;
    job.inside_configure = stop;
    job_start(&job, 0, ALL);
    finish(rig, &job, true, STATUS_SUCCESS, 0, 0, 1);
}

/* STG-12, STP-05 S4, STP-10: the completion waits until EvtProgramDma has returned. */
MS_TEST(stop_inside_program_is_told_after_it_returned)
{
    struct job job;
    struct rig *rig = system_open(&job, WdfDmaDirectionWriteToDevice);

    job.inside_complete = end_at_cancel;
    job.inside_program = stop;
    job_start(&job, 0, ALL);
    rig_run(rig);
    assert_int_equal(job.told[0], DmaCancelled);
    finish(rig, &job, true, STATUS_SUCCESS, 0, 1, 1);
}

static void stop_after_it_ran(struct job *job)
{
    rig_run(job->rig); /* the last byte moves before the stop */
    stop(job);
}

/* STG-12, STP-05 S4: faster than the stop. Bytes remain, so the deferred report says FALSE and a second
 * completion says cancelled (STG-14, CON-01). */
MS_TEST(a_transfer_that_ended_during_program_is_told_once_and_the_next_refused)
{
    struct job job;
    struct rig *rig = system_open(&job, WdfDmaDirectionWriteToDevice);

    job.inside_complete = end_at_cancel;
    job.inside_program = stop_after_it_ran;
    job_start(&job, 0, ALL);
    assert_int_equal(job.told[0], DmaComplete);
    assert_int_equal(job.told[1], DmaCancelled);
    finish(rig, &job, true, STATUS_SUCCESS, FRAGMENT, 1, 2);
}

/* STP-01, STP-05 S5, CMP-05: partial bytes are not counted by Final(0). */
MS_TEST(stop_of_a_running_transfer_cancels_it)
{
    for (int way = 0; way <= 1; way++) {
        struct job job;
        struct rig *rig = system_open(&job, (WDF_DMA_DIRECTION)way);
        job.inside_complete = end_at_cancel;
        job_start(&job, 0, ALL);
        ms_controller_step(rig->controller, 0x300);
        stop(&job);
        rig_run(rig);
        assert_int_equal(job.told[0], DmaCancelled);
        finish(rig, &job, true, STATUS_SUCCESS, 0, 1, 1);
    }
}

static void stop_then_report(struct job *job)
{
    if (job->completions == job->phase) {
        stop(job);
        report_all(job);
        if (job->phase == 3)
            assert_status(job->status, STATUS_SUCCESS); /* S7 */
        else
            assert_status(job->status, STATUS_CANCELLED); /* S6 */
        assert_true(job->over);
    } else {
        report_all(job);
    }
}

/* CMP-11, CON-01, STG-10, STP-05 S6 and S7 */
MS_TEST(stop_between_fragments_ends_with_what_was_reported)
{
    for (int last = 1; last <= 3; last++) {
        struct job job;
        struct rig *rig = system_open(&job, WdfDmaDirectionWriteToDevice);
        job.phase = last;
        job.inside_complete = stop_then_report;
        job_start(&job, 0, ALL);
        rig_run(rig);
        assert_state(&job, last == 3 ? S_COMPLETED : S_FAILED);
        finish(rig, &job, true, last == 3 ? STATUS_SUCCESS : STATUS_CANCELLED,
               last == 3 ? BYTES : (size_t)last * FRAGMENT, last, last);
    }
}

/* STP-08, STP-09, STP-05 S9, CAN-15 */
MS_TEST(stop_and_cancel_without_an_execution_leave_no_trace)
{
    struct job job;
    struct rig *rig = system_open(&job, WdfDmaDirectionWriteToDevice);

    stop(&job); /* created */
    assert_reported(&rig->f, MS_RULE_WDF_STOP_NOTHING);
    assert_false(WdfDmaTransactionCancel(job.trx));
    assert_reported(&rig->f, MS_RULE_WDF_CANCEL_STATE); /* CAN-03 */
    job.inside_complete = report_all;
    assert_status(job_init(&job, 0, ALL), STATUS_SUCCESS);
    assert_false(WdfDmaTransactionCancel(job.trx)); /* CAN-12 */
    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_SUCCESS);
    rig_run(rig);
    assert_true(job.over);
    stop(&job); /* completed */
    assert_reported(&rig->f, MS_RULE_WDF_STOP_NOTHING);
    assert_false(WdfDmaTransactionCancel(job.trx));
    assert_reported(&rig->f, MS_RULE_WDF_CANCEL_ENDED);
    assert_int_equal(WdfDmaTransactionGetBytesTransferred(job.trx), BYTES);
    assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
    stop(&job); /* released */
    job.over = FALSE;
    job_start(&job, 0, ALL);
    rig_run(rig);
    assert_true(job.over);
    assert_status(job.status, STATUS_SUCCESS);
    rig_close_with(rig, 5);
}

/* STP-04 */
MS_TEST(a_second_stop_is_reported_and_does_nothing)
{
    struct job job;
    struct rig *rig = system_open(&job, WdfDmaDirectionWriteToDevice);

    job.inside_complete = end_at_cancel;
    job_start(&job, 0, ALL);
    stop(&job);
    stop(&job);
    assert_reported(&rig->f, MS_RULE_WDF_STOP_TWICE);
    rig_run(rig);
    assert_true(job.over);
    assert_int_equal(job.completions, 1);
    assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
    rig_close_with(rig, 1);
}

/* --- completion ------------------------------------------------------------------------------------- */

static void end_running(struct job *job)
{
    job->over = WdfDmaTransactionDmaCompletedFinal(job->trx, 0, &job->status);
    assert_true(job->over);
    assert_status(WdfDmaTransactionRelease(job->trx), STATUS_SUCCESS);
}

/* CMP-20, STP-12: the driver ends it after a stop; the completion comes late, to nobody: the transaction
 * is released, executes again, or is deleted. */
MS_TEST(a_late_completion_meets_nobody)
{
    for (int later = 0; later <= 2; later++) {
        struct job job;
        struct rig *rig = system_open(&job, WdfDmaDirectionWriteToDevice);
        job_start(&job, 0, ALL);
        ms_controller_step(rig->controller, 64);
        stop(&job);
        end_running(&job);
        if (later == 1) {
            job.inside_complete = report_all;
            job_start(&job, 0, ALL);
        } else if (later == 2) {
            WdfObjectDelete(job.trx);
        }
        rig_run(rig);
        ms_controller_step(rig->controller, 64);
        assert_int_equal(job.completions, later == 1 ? 3 : 0);
        if (later == 1)
            assert_true(job.over);
        rig_close(rig);
    }
}

static void end_in_configure(struct job *job)
{
    if (job->configures == 2)
        report_none_and_end(job);
}

/* PRG-07, CMP-18 */
MS_TEST(the_configure_callback_may_end_it_and_say_no)
{
    struct job job;
    struct rig *rig = system_open(&job, WdfDmaDirectionWriteToDevice);

    job.inside_complete = report_all;
    job.inside_configure = end_in_configure;
    job_start(&job, 0, ALL);
    rig_run(rig);
    assert_state(&job, S_COMPLETED);
    assert_int_equal(WdfDmaTransactionGetBytesTransferred(job.trx), FRAGMENT);
    assert_int_equal(job.configures, 2);
    assert_int_equal(job.programs, 1);
    rig_close(rig);
}

/* PRG-07: FALSE and no report: reported, and the execution stays. */
MS_TEST(a_configure_callback_that_only_says_no_is_reported)
{
    struct job job;
    struct rig *rig = system_open(&job, WdfDmaDirectionWriteToDevice);

    job.configure_says = FALSE;
    job_start(&job, 0, ALL);
    assert_reported(&rig->f, MS_RULE_WDF_CONFIGURE_FALSE);
    assert_state(&job, S_TRANSFER);
    assert_int_equal(job.completions, 0);
    report_none_and_end(&job);
    assert_true(job.over);
    rig_close_with(rig, 1);
}

/* PRG-16, STG-09, STP-07, HRQ-18: no completion callback: the driver polls, and a stop tells it nothing. */
MS_TEST(without_a_completion_callback_the_driver_polls)
{
    struct job job;
    struct rig *rig = system_open(&job, WdfDmaDirectionWriteToDevice);
    PDMA_ADAPTER adapter =
        WdfDmaEnablerWdmGetDmaAdapter(rig->enabler, WdfDmaDirectionWriteToDevice);

    WdfDmaTransactionSetTransferCompleteCallback(job.trx, NULL, NULL);
    job_start(&job, 0, FRAGMENT);
    assert_int_equal(adapter->DmaOperations->ReadDmaCounter(adapter), FRAGMENT);
    rig_run(rig);
    assert_int_equal(adapter->DmaOperations->ReadDmaCounter(adapter), 0); /* HRQ-11, PRG-12 */
    report_all(&job);
    assert_true(job.over);
    assert_fifo(&job, 0, FRAGMENT, 0);
    assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
    assert_status(job_init(&job, 0, FRAGMENT), STATUS_SUCCESS);
    stop(&job);
    assert_status(WdfDmaTransactionExecute(job.trx, &job), STATUS_SUCCESS);
    assert_state(&job, S_TRANSFER); /* STG-09 */
    report_none_and_end(&job);
    assert_true(job.over);
    assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
    job_start(&job, 0, ALL);
    rig_run(rig);
    stop(&job);
    report_all(&job); /* STP-07, CON-01: TRUE, and why */
    assert_true(job.over);
    assert_status(job.status, STATUS_CANCELLED);
    assert_int_equal(job.completions, 0);
    rig_close(rig);
}

static void again_inside(struct job *job)
{
    report_all(job);
    if (!job->over)
        return;
    assert_status(WdfDmaTransactionRelease(job->trx), STATUS_SUCCESS);
    if (++job->phase == 4)
        return;
    job->over = FALSE;
    job_start(job, 0, ALL);
}

static void runs_inside(struct job *job)
{
    rig_run(job->rig);
}

/* HRQ-03, PRG-11, STG-11, STG-12, STG-13, HRQ-06: everything ends during staging; the deferred completion
 * releases and executes again, and the stack stays flat. */
MS_TEST(a_deferred_completion_may_execute_it_again)
{
    struct job job;
    struct rig *rig = system_open(&job, WdfDmaDirectionWriteToDevice);

    job.inside_complete = again_inside;
    job.inside_program = runs_inside;
    job_start(&job, 0, ALL);
    assert_int_equal(job.phase, 4);
    assert_int_equal(job.programs, 12);
    assert_int_equal(job.completions, 12);
    assert_state(&job, S_RELEASED);
    /* Execute inside the callback returned before its grant was staged, so nothing nested. */
    assert_int_equal(job.depth_max, 1);
    rig_close(rig);
}

static void delete_inside(struct job *job)
{
    report_all(job);
    if (job->over)
        WdfObjectDelete(job->trx);
}

/* HRQ-09, EXE-03, EXE-11, REL-07, STG-15, HRQ-01, HRQ-02: deleted inside the deferred callback, below Execute. */
MS_TEST(a_transaction_may_be_deleted_below_its_own_execute)
{
    struct job job;
    struct rig *rig = system_open(&job, WdfDmaDirectionWriteToDevice);

    job.inside_complete = delete_inside;
    job.inside_program = runs_inside;
    job_start(&job, 0, ALL);
    assert_true(job.over);
    assert_null(ms_object_find((WDFOBJECT)job.trx, MS_OBJECT_TRANSACTION));
    rig_close(rig);
}

/* FTL-01, REL-08: deleted while executing: reported, and it ends in its own time. */
MS_TEST(a_transaction_deleted_while_executing_lives_until_its_end)
{
    struct job job;
    struct rig *rig = system_open(&job, WdfDmaDirectionWriteToDevice);

    job.inside_complete = report_all;
    job_start(&job, 0, ALL);
    WdfObjectDelete(job.trx);
    assert_reported(&rig->f, MS_RULE_WDF_DELETE_EXECUTING);
    rig_run(rig);
    assert_true(job.over);
    assert_int_equal(job.completions, 3);
    rig_close_with(rig, 1);
}

/* PRG-17, STP-14: periods, and an end only by stop. */
MS_TEST(a_looped_transfer_tells_periods_until_it_is_stopped)
{
    struct rig *rig = rig_open();
    struct job job;

    rig_system(rig, WdfDmaProfileSystem, 0x1003, FRAGMENT, true);
    rig_mdl(rig, 0, 0x800);
    job_make(rig, &job, WdfDmaDirectionWriteToDevice);
    job_callbacks(&job);
    job_start(&job, 0, ALL);
    for (int period = 1; period <= 5; period++) {
        for (int i = 0; i < 0x800 / 64; i++)
            ms_controller_step(rig->controller, 64);
        assert_int_equal(job.completions, period);
        assert_int_equal(job.told[period - 1], DmaComplete);
    }
    job.inside_complete = end_at_cancel;
    stop(&job);
    ms_controller_step(rig->controller, 64);
    assert_true(job.over);
    assert_int_equal(job.told[job.completions - 1], DmaCancelled);
    rig_close(rig);
}

/* STG-17, K9: the deferred completion comes from the DPC thread, not on Execute's stack. */
MS_TEST(a_deferred_completion_may_be_left_to_the_dpc_thread)
{
    struct ms_wdf_config config = {.objects = 256, .deferred_by_dpc = true};
    struct job job;
    struct rig *rig = system_open_with(&config, &job, WdfDmaDirectionWriteToDevice);

    job.inside_complete = report_all;
    job.inside_program = runs_inside;
    job_start(&job, 0, FRAGMENT);
    KeFlushQueuedDpcs();
    assert_true(job.over);
    assert_int_equal(job.completions, 1);
    rig_close(rig);
}

/* HRQ-10, REL-10: one free too many, with nobody on the channel, and from outside of its owner's callbacks. */
MS_TEST(a_superfluous_free_is_harmless)
{
    struct job job;
    struct rig *rig = system_open(&job, WdfDmaDirectionWriteToDevice);
    PDMA_ADAPTER adapter =
        WdfDmaEnablerWdmGetDmaAdapter(rig->enabler, WdfDmaDirectionWriteToDevice);
    KIRQL old;

    job.inside_complete = report_all;
    job_start(&job, 0, FRAGMENT);
    rig_run(rig);
    assert_true(job.over);
    assert_status(WdfDmaTransactionRelease(job.trx), STATUS_SUCCESS);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    adapter->DmaOperations->FreeAdapterChannel(adapter);
    KeLowerIrql(old);
    job.over = FALSE;
    job_start(&job, 0, ALL);
    rig_run(rig);
    assert_true(job.over);
    assert_status(job.status, STATUS_SUCCESS);
    rig_close(rig);
}
