/* SPDX-License-Identifier: MIT */
/*
 * The example driver under watch; see test_stream.h. The driver's source is compiled into this file, with
 * the framework's routines replaced by ones that note the call, act as the script says, and go on.
 */
#include "wdf/test_stream.h"

#include <ntddk.h>
#include <wdf.h>

enum { HALF = FRAGMENT_BYTES / 2, FILL = 0x33 };

static struct {
    struct fixture f;
    PDRIVER_OBJECT driver;
    WDFDEVICE device;
    struct ms_controller *controller;
    struct ms_fifo fifo;
    uint8_t taken[4 * FRAGMENTS_MAX * FRAGMENT_BYTES];
    DMA_OPERATIONS real;
    PMDL mdl, other_mdl;
    WDFREQUEST subject;
    WDFTIMER timer;
    WDFDMATRANSACTION trx;
    PVOID context; /* the transfer context of the subject */
    LONG volatile *references;
    PDRIVER_CONTROL control;
    PDMA_COMPLETION_ROUTINE routine;
    PVOID routine_context;
    PFN_WDF_REQUEST_CANCEL on_cancel;
    PFN_WDF_TIMER on_timer;
    PFN_WDF_PROGRAM_DMA on_program;
    PFN_WDF_DMA_TRANSACTION_DMA_TRANSFER_COMPLETE on_complete;
    const struct script *script;
    struct seen *seen;
    int visits[POINTS];
    int depth;
    bool submitting; /* the subject's handler is on the stack, or its request exists */
    bool other;      /* the contender's calls, not the subject's */
    size_t reported_staged;
} w;

static void device_runs(void)
{
    for (int idle = 0; idle < 3;)
        idle = ms_controller_step(w.controller, 4096) > 0 ? 0 : idle + 1;
}

static void act(enum act what)
{
    switch (what) {
    case ACT_CANCEL:
        if (w.subject)
            (void)ms_wdf_cancel(w.subject);
        break;
    case ACT_FIRE:
        if (w.timer && w.seen->timer_deleted == 0)
            (void)ms_wdf_timer_fire(w.timer);
        break;
    case ACT_RUN:
        device_runs();
        break;
    default:
        break;
    }
}

static void at(enum point point)
{
    if (w.other || !w.seen)
        return;
    int visit = ++w.visits[point];
    for (int i = 0; i < w.script->steps; i++)
        if (w.script->step[i].point == point && w.script->step[i].visit == visit)
            act(w.script->step[i].act);
}

/* RCE-P13: nothing of the request is used after its last reference, but by who had it. */
static void use(const char *what)
{
    if (!w.other && w.seen && w.seen->zeroes > 0)
        seen_wrong(w.seen, "%s after the last reference (RCE-P13)", what);
}

static bool is_subject(WDFDMATRANSACTION trx)
{
    return w.seen && trx == w.trx;
}

/* --- the driver's calls ----------------------------------------------------------------------------- */

static NTSTATUS watch_initialize(WDFDMATRANSACTION trx, WDFREQUEST request,
                                 PFN_WDF_PROGRAM_DMA program, WDF_DMA_DIRECTION direction);
static NTSTATUS watch_mark(WDFREQUEST request, PFN_WDF_REQUEST_CANCEL routine);

static NTSTATUS watch_unmark(WDFREQUEST request)
{
    NTSTATUS status;

    if (w.other)
        return WdfRequestUnmarkCancelable(request);
    use("Unmark");
    at(BEFORE_UNMARK);
    status = WdfRequestUnmarkCancelable(request);
    w.seen->unmarked += status == STATUS_SUCCESS;
    at(AFTER_UNMARK);
    return w.script->plant == PLANT_UNMARK_IGNORED ? STATUS_SUCCESS : status;
}

static BOOLEAN watch_timer_start(WDFTIMER timer, LONGLONG due)
{
    BOOLEAN was;

    if (w.other)
        return WdfTimerStart(timer, due);
    w.seen->timer_starts++;
    if (w.script->plant == PLANT_TIMER_EARLY)
        --*w.references;
    was = WdfTimerStart(timer, due);
    at(AFTER_MARK);
    if (w.script->plant == PLANT_TIMER_EARLY)
        ++*w.references;
    return was;
}

static BOOLEAN watch_timer_stop(WDFTIMER timer, BOOLEAN wait)
{
    BOOLEAN stopped = WdfTimerStop(timer, wait);

    if (w.other)
        return stopped;
    use("WdfTimerStop");
    w.seen->timer_stopped += stopped;
    at(AFTER_TIMER_STOP);
    return w.script->plant == PLANT_TIMER_STOP_IGNORED ? TRUE : stopped;
}

static NTSTATUS watch_execute(WDFDMATRANSACTION trx, WDFCONTEXT context)
{
    NTSTATUS status;

    if (!is_subject(trx))
        return WdfDmaTransactionExecute(trx, context);
    at(BEFORE_EXECUTE);
    w.seen->executes++;
    status = WdfDmaTransactionExecute(trx, context);
    w.seen->execute_status = status;
    w.seen->execute_cancelled += status == STATUS_CANCELLED;
    w.seen->execute_failed += !NT_SUCCESS(status) && status != STATUS_CANCELLED;
    at(AFTER_EXECUTE);
    if (w.script->plant == PLANT_EXECUTE_CANCELLED_DROPS && status == STATUS_CANCELLED)
        status = STATUS_UNSUCCESSFUL;
    return status;
}

static BOOLEAN watch_cancel(WDFDMATRANSACTION trx)
{
    BOOLEAN cancelled;

    if (!is_subject(trx))
        return WdfDmaTransactionCancel(trx);
    use("Cancel");
    if (!w.seen->in_c)
        seen_wrong(w.seen, "Cancel outside of the cancel callback (RCE-P08)");
    w.seen->settled_by_c = 1;
    at(BEFORE_CANCEL);
    w.seen->cancels++;
    w.seen->in_stop = true;
    cancelled = WdfDmaTransactionCancel(trx);
    w.seen->in_stop = false;
    w.seen->cancels_true += cancelled;
    if (cancelled) {
        w.seen->ended = true;
        if (w.seen->programs + w.seen->d_calls > 0)
            seen_wrong(w.seen, "Cancel TRUE after a callback (RCE-P07)");
    }
    at(AFTER_CANCEL);
    return w.script->plant == PLANT_CANCEL_FALSE_COMPLETES ? TRUE : cancelled;
}

static VOID watch_stop(WDFDMATRANSACTION trx)
{
    if (!is_subject(trx)) {
        WdfDmaTransactionStopSystemTransfer(trx);
        return;
    }
    use("Stop");
    if (w.seen->in_t && !w.seen->in_c)
        w.seen->settled_by_t = 1;
    at(BEFORE_STOP);
    w.seen->stops++;
    w.seen->in_stop = true;
    WdfDmaTransactionStopSystemTransfer(trx);
    w.seen->in_stop = false;
    if (w.seen->programs_at_stop < 0)
        w.seen->programs_at_stop = w.seen->programs;
    at(AFTER_STOP);
}

static BOOLEAN reported(BOOLEAN over, NTSTATUS status, size_t staged)
{
    struct ms_rule_report *last =
        w.f.reports > 0 && w.f.reports <= REPORTS_MAX ? &w.f.report[w.f.reports - 1] : NULL;

    if (status == STATUS_INVALID_DEVICE_REQUEST)
        seen_wrong(w.seen, "a report was refused: %s", last ? last->info->name : "?");
    else
        w.seen->reported += staged;
    if (over) {
        w.seen->completed_true++;
        w.seen->end_status = status;
        w.seen->ended = true;
    }
    return over;
}

static BOOLEAN watch_completed(WDFDMATRANSACTION trx, NTSTATUS *status)
{
    BOOLEAN over;

    if (!is_subject(trx))
        return WdfDmaTransactionDmaCompleted(trx, status);
    use("DmaCompleted");
    at(BEFORE_COMPLETED);
    size_t staged = WdfDmaTransactionGetCurrentDmaTransferLength(trx);
    over = WdfDmaTransactionDmaCompleted(trx, status);
    over = reported(over, *status, staged);
    at(AFTER_COMPLETED);
    if (w.script->plant == PLANT_TOUCH_AFTER_FALSE && !over)
        over = WdfDmaTransactionDmaCompletedFinal(trx, 0, status);
    return over;
}

static BOOLEAN watch_final(WDFDMATRANSACTION trx, size_t length, NTSTATUS *status)
{
    BOOLEAN over;

    if (!is_subject(trx))
        return WdfDmaTransactionDmaCompletedFinal(trx, length, status);
    use("Final");
    at(BEFORE_FINAL);
    w.seen->finals++;
    over = WdfDmaTransactionDmaCompletedFinal(trx, length, status);
    if (!over || *status != STATUS_SUCCESS)
        seen_wrong(w.seen, "Final was %d, 0x%08X (RCE-P09)", over, (unsigned)*status);
    over = reported(over, *status, length);
    at(AFTER_FINAL);
    return over;
}

static VOID watch_delete(WDFOBJECT object)
{
    if (!w.other && w.seen && object == (WDFOBJECT)w.timer) {
        w.seen->timer_deleted++;
        if (w.seen->completions > 0)
            seen_wrong(w.seen, "the timer went after the request (RCE-P17)");
    }
    WdfObjectDelete(object);
}

static VOID watch_complete(WDFREQUEST request, NTSTATUS status)
{
    if (!w.other && w.seen && KeGetCurrentIrql() != DISPATCH_LEVEL && w.seen->marks > 0)
        seen_wrong(w.seen, "completed below DISPATCH_LEVEL (RCE-07)");
    at(BEFORE_COMPLETE);
    WdfRequestComplete(request, status);
}

static LONG watch_decrement(LONG volatile *value)
{
    LONG now = InterlockedDecrement(value);

    if (w.other || !w.seen || value != w.references)
        return now;
    if (now < 0)
        seen_wrong(w.seen, "a reference too many was given back (RCE-P02)");
    if (now == 0 && ++w.seen->zeroes > 1)
        seen_wrong(w.seen, "the count reached 0 twice (RCE-P02)");
    return now;
}

static void watch_assert(bool holds, const char *what)
{
    if (!holds && w.seen && !w.other)
        seen_wrong(w.seen, "the driver's own assert: %s (RCE-P23)", what);
}

/* --- the driver's callbacks ------------------------------------------------------------------------- */

static void check_level(KIRQL before, const char *who)
{
    if (KeGetCurrentIrql() != before)
        seen_wrong(w.seen, "%s returned at another IRQL (RCE-P20)", who);
}

static VOID on_cancel(WDFREQUEST request)
{
    KIRQL before = KeGetCurrentIrql();

    if (++w.seen->c_calls > 1)
        seen_wrong(w.seen, "the cancel callback came twice (RCE-P05)");
    if (w.seen->completions > 0)
        seen_wrong(w.seen, "the cancel callback came after the completion (P11)");
    bool outer = w.seen->in_c;
    w.seen->in_c = true;
    w.on_cancel(request);
    w.seen->in_c = outer;
    check_level(before, "the cancel callback");
}

static VOID on_timer(WDFTIMER timer)
{
    KIRQL before = KeGetCurrentIrql();

    if (w.other || timer != w.timer) {
        w.on_timer(timer);
        return;
    }
    w.seen->t_calls++;
    if (w.seen->completions > 0)
        seen_wrong(w.seen, "the timer's callback came after the completion (P11)");
    bool outer = w.seen->in_t;
    w.seen->in_t = true;
    w.on_timer(timer);
    w.seen->in_t = outer;
    check_level(before, "the timer's callback");
}

static VOID on_complete(WDFDMATRANSACTION trx, WDFDEVICE device, WDFCONTEXT context,
                        WDF_DMA_DIRECTION direction, DMA_COMPLETION_STATUS status)
{
    bool outer = w.other;
    KIRQL before = KeGetCurrentIrql();

    if (!is_subject(trx)) {
        w.other = true;
        w.on_complete(trx, device, context, direction, status);
        w.other = outer;
        return;
    }
    w.other = false;
    w.seen->d_calls++;
    w.seen->last_d = status;
    if (w.seen->in_stop)
        seen_wrong(w.seen, "a completion on the stack of Stop or Cancel (RCE-P18)");
    if (w.seen->ended)
        seen_wrong(w.seen, "a completion after the end (STM-03)");
    w.on_complete(trx, device, context, direction, status);
    w.other = outer;
    check_level(before, "the completion callback");
}

static BOOLEAN on_program(WDFDMATRANSACTION trx, WDFDEVICE device, WDFCONTEXT context,
                          WDF_DMA_DIRECTION direction, PSCATTER_GATHER_LIST list)
{
    w.seen->programs++;
    if (w.seen->ended)
        seen_wrong(w.seen, "EvtProgramDma after the end (STM-03)");
    return w.on_program(trx, device, context, direction, list);
}

static VOID watch_set_complete(WDFDMATRANSACTION trx,
                               PFN_WDF_DMA_TRANSACTION_DMA_TRANSFER_COMPLETE routine,
                               WDFCONTEXT context)
{
    w.on_complete = routine;
    WdfDmaTransactionSetTransferCompleteCallback(trx, on_complete, context);
}

static VOID watch_timer_config(PWDF_TIMER_CONFIG config, PFN_WDF_TIMER routine)
{
    w.on_timer = routine;
    WDF_TIMER_CONFIG_INIT(config, on_timer);
}

static NTSTATUS watch_timer_create(PWDF_TIMER_CONFIG config, PWDF_OBJECT_ATTRIBUTES attributes,
                                   WDFTIMER *timer)
{
    NTSTATUS status = WdfTimerCreate(config, attributes, timer);

    if (!w.other && w.seen && NT_SUCCESS(status))
        w.timer = *timer;
    return status;
}

/* --- the driver ------------------------------------------------------------------------------------- */

#define WdfDmaTransactionInitializeUsingRequest      watch_initialize
#define WdfRequestMarkCancelableEx                   watch_mark
#define WdfRequestUnmarkCancelable                   watch_unmark
#define WdfTimerStart                                watch_timer_start
#define WdfTimerStop                                 watch_timer_stop
#define WdfDmaTransactionExecute                     watch_execute
#define WdfDmaTransactionCancel                      watch_cancel
#define WdfDmaTransactionStopSystemTransfer          watch_stop
#define WdfDmaTransactionDmaCompleted                watch_completed
#define WdfDmaTransactionDmaCompletedFinal           watch_final
#define WdfObjectDelete(object)                      watch_delete((WDFOBJECT)(object))
#define WdfRequestComplete                           watch_complete
#define InterlockedDecrement                         watch_decrement
#define WdfDmaTransactionSetTransferCompleteCallback watch_set_complete
#define WDF_TIMER_CONFIG_INIT                        watch_timer_config
#define WdfTimerCreate                               watch_timer_create
#undef NT_ASSERTMSG
#define NT_ASSERTMSG(msg, e) watch_assert(e, msg)
NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath);
#include "wdf/example/stream.c"
#undef WdfDmaTransactionInitializeUsingRequest
#undef WdfRequestMarkCancelableEx

static NTSTATUS watch_initialize(WDFDMATRANSACTION trx, WDFREQUEST request,
                                 PFN_WDF_PROGRAM_DMA program, WDF_DMA_DIRECTION direction)
{
    if (w.other || !w.seen)
        return WdfDmaTransactionInitializeUsingRequest(trx, request, program, direction);
    w.trx = trx;
    w.subject = request;
    w.references = &StreamRequest(request)->References;
    w.on_program = program;
    return WdfDmaTransactionInitializeUsingRequest(trx, request, on_program, direction);
}

static NTSTATUS watch_mark(WDFREQUEST request, PFN_WDF_REQUEST_CANCEL routine)
{
    NTSTATUS status;

    if (w.other)
        return WdfRequestMarkCancelableEx(request, routine);
    at(BEFORE_MARK);
    w.on_cancel = routine;
    if (w.script->plant == PLANT_CANCEL_UNCOUNTED)
        --*w.references;
    status = WdfRequestMarkCancelableEx(request, on_cancel);
    w.seen->mark_status = status;
    w.seen->marks += NT_SUCCESS(status);
    return status;
}

/* --- the layer below -------------------------------------------------------------------------------- */

static IO_ALLOCATION_ACTION control(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    return w.control(device, irp, base, context);
}

static NTSTATUS allocate(PDMA_ADAPTER a, PDEVICE_OBJECT device, PVOID context_memory, ULONG count,
                         ULONG flags, PDRIVER_CONTROL routine, PVOID context, PVOID *base)
{
    w.control = routine;
    if (!w.other && w.seen && w.context == NULL)
        w.context = context_memory;
    at(IN_ALLOCATE);
    return w.real.AllocateAdapterChannelEx(a, device, context_memory, count, flags, control,
                                           context, base);
}

static VOID twice(PDMA_ADAPTER a, PDEVICE_OBJECT device, PVOID context,
                  DMA_COMPLETION_STATUS status)
{
    if (w.script && w.script->plant == PLANT_COMPLETION_LOST && status == DmaCancelled)
        return;
    w.routine(a, device, context, status);
}

static bool is_mine(PMDL mdl)
{
    return w.seen && mdl == w.mdl;
}

static NTSTATUS map(PDMA_ADAPTER a, PMDL mdl, PVOID base, ULONGLONG offset, ULONG device_offset,
                    PULONG length, BOOLEAN write, PSCATTER_GATHER_LIST list, ULONG list_bytes,
                    PDMA_COMPLETION_ROUTINE routine, PVOID context)
{
    NTSTATUS status;
    bool outer = w.other;

    w.other = !is_mine(mdl);
    at(BEFORE_MAP);
    w.routine = routine;
    w.routine_context = context;
    status = w.real.MapTransferEx(a, mdl, base, offset, device_offset, length, write, list,
                                  list_bytes, twice, context);
    if (!w.other) {
        w.seen->maps += NT_SUCCESS(status);
        w.seen->refused += status == STATUS_CANCELLED;
        if (w.seen->ended)
            seen_wrong(w.seen, "a map after the end (STM-03)");
    }
    at(AFTER_MAP);
    w.other = outer;
    return status;
}

static NTSTATUS flush(PDMA_ADAPTER a, PMDL mdl, PVOID base, ULONGLONG offset, ULONG length,
                      BOOLEAN write)
{
    bool outer = w.other;
    NTSTATUS status;

    w.other = !is_mine(mdl);
    if (!w.other)
        w.seen->flushes++;
    at(IN_FLUSH);
    status = w.real.FlushAdapterBuffersEx(a, mdl, base, offset, length, write);
    w.other = outer;
    return status;
}

static VOID free_channel(PDMA_ADAPTER a)
{
    if (!w.other && w.seen) {
        w.seen->frees++;
        at(IN_FREE);
    }
    w.real.FreeAdapterChannel(a);
}

static NTSTATUS cancel_transfer(PDMA_ADAPTER a, PVOID context_memory)
{
    NTSTATUS status;

    if (w.script && w.script->plant == PLANT_STOP_NOT_PASSED_ON)
        return STATUS_SUCCESS;
    status = w.real.CancelMappedTransfer(a, context_memory);
    if (w.script && w.script->plant == PLANT_TWO_COMPLETIONS && w.seen && w.seen->maps > 0 &&
        w.seen->maps == w.seen->programs)
        w.routine(a, NULL, w.routine_context, DmaCancelled);
    return status;
}

/* --- playing ---------------------------------------------------------------------------------------- */

static PMDL chain(uint64_t pfn, uint32_t bytes)
{
    PFN_NUMBER frames[FRAGMENTS_MAX * FRAGMENT_BYTES / PAGE_SIZE + 1];

    for (uint32_t i = 0; i <= bytes / PAGE_SIZE; i++)
        frames[i] = (i & 1 ? UINT64_C(0x140000) : 0) + pfn + 2 * i;
    return ms_mdl_create(frames, 0x20, bytes);
}

void stream_world_open(const struct ms_wdf_config *config)
{
    CM_PARTIAL_RESOURCE_DESCRIPTOR resource = {.Type = CmResourceTypeDma,
                                               .Flags = CM_RESOURCE_DMA_V3};
    PDMA_ADAPTER adapter;
    DMA_OPERATIONS *table;
    ULONG timeout = 1000;

    memset(&w, 0, sizeof w);
    fixture_open_with(&w.f, config);
    w.controller = ms_dma_controller(w.f.dma, 1);
    ms_fifo_init(&w.fifo, 7, w.taken, sizeof w.taken);
    ms_controller_attach(w.controller, 0x1005, ms_fifo_endpoint(&w.fifo));
    resource.u.DmaV3.RequestLine = 0x1005;
    assert_status(ms_wdf_driver_load(DriverEntry, &w.driver), STATUS_SUCCESS);
    assert_status(ms_wdf_device_add(w.driver, &w.f.pdo, &resource, 1, &w.device), STATUS_SUCCESS);
    InterlockedExchange(&StreamDevice(w.device)->TimeoutMicroseconds, (LONG)timeout);
    adapter = WdfDmaEnablerWdmGetDmaAdapter(StreamDevice(w.device)->Enabler,
                                            WdfDmaDirectionReadFromDevice);
    table = adapter->DmaOperations;
    w.real = *table;
    table->AllocateAdapterChannelEx = allocate;
    table->MapTransferEx = map;
    table->FlushAdapterBuffersEx = flush;
    table->FreeAdapterChannel = free_channel;
    table->CancelMappedTransfer = cancel_transfer;
    w.mdl = chain(0x4000, FRAGMENTS_MAX * FRAGMENT_BYTES);
    w.other_mdl = chain(0x8000, 0x1000);
}

void stream_world_close(void)
{
    w.seen = NULL;
    ms_wdf_device_remove(w.device);
    ms_wdf_driver_unload(w.driver);
    IoFreeMdl(w.mdl);
    IoFreeMdl(w.other_mdl);
    /* Stop and Cancel on what had ended are notes; nothing else may have been reported. */
    for (uint32_t i = 0; i < w.f.reports && i < REPORTS_MAX; i++)
        if (w.f.report[i].info->severity == MS_RULE_VIOLATION)
            fail_msg("the driver broke %s", w.f.report[i].info->name);
    fixture_close_with(&w.f, w.f.reports, 0);
}

static void completed(void *context, NTSTATUS status, ULONG_PTR information)
{
    struct seen *seen = context;

    seen->completions++;
    seen->status = status;
    seen->information = information;
}

static void submit(struct seen *seen, PMDL mdl, size_t length, bool read)
{
    struct ms_io io = {.type = read ? WdfRequestTypeRead : WdfRequestTypeWrite,
                       .mdl = mdl,
                       .length = length,
                       .done = completed,
                       .context = seen};
    WDFREQUEST request;

    if (ms_wdf_submit(w.device, &io, &request) != STATUS_PENDING)
        seen_wrong(w.seen, "a request was not taken");
}

static void check_bytes(const struct script *script, uint64_t given, uint64_t taken)
{
    struct seen *s = w.seen;
    size_t length = (size_t)script->fragments * FRAGMENT_BYTES;
    static uint8_t got[FRAGMENTS_MAX * FRAGMENT_BYTES];
    size_t staged = (size_t)s->maps * FRAGMENT_BYTES;

    ms_mdl_copy_out(w.f.memory, w.mdl, 0, got, sizeof got);
    if (!script->read) {
        for (size_t i = 0; i < s->information; i++)
            if (w.taken[taken + i] != (uint8_t)(i * 11 + i / 256)) {
                seen_wrong(w.seen, "byte %zu did not reach the device (RCE-P14)", i);
                return;
            }
        return;
    }
    for (size_t i = 0; i < s->information; i++)
        if (got[i] != ms_fifo_byte(7, given + i)) {
            seen_wrong(w.seen, "byte %zu is not the device's (RCE-P15)", i);
            return;
        }
    for (size_t i = staged; i < length; i++)
        if (got[i] != FILL) {
            seen_wrong(w.seen, "byte %zu beyond the last fragment changed (RCE-P15)", i);
            return;
        }
}

void stream_play(const struct script *script, struct seen *seen)
{
    static uint8_t bytes[FRAGMENTS_MAX * FRAGMENT_BYTES];
    struct seen other = {.completions = 0};
    uint64_t given, taken;
    uint32_t reports = w.f.reports;

    memset(seen, 0, sizeof *seen);
    memset(w.visits, 0, sizeof w.visits);
    w.script = script;
    w.subject = NULL;
    w.timer = NULL;
    w.trx = NULL;
    w.context = NULL;
    w.references = NULL;
    seen->programs_at_stop = -1;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = script->read ? FILL : (uint8_t)(i * 11 + i / 256);
    ms_mdl_copy_in(w.f.memory, w.mdl, 0, bytes, sizeof bytes);
    w.fifo.taken_count = 0;
    w.fifo.fault_at = UINT64_MAX;
    ms_store_seq_cst(&w.fifo.credit, UINT64_MAX);
    if (script->contended) {
        w.seen = seen;
        w.other = true;
        submit(&other, w.other_mdl, 0x1000, false);
        w.other = false;
    }
    w.seen = seen;
    given = w.fifo.given_count;
    taken = w.fifo.taken_count + (script->contended ? 0x1000 : 0);
    if (script->fails)
        w.fifo.fault_at = (script->read ? given : taken) + HALF + HALF / 2;
    if (script->endless)
        ms_store_seq_cst(&w.fifo.credit, HALF + (script->contended ? 0x1000 : 0));
    StreamDevice(w.device)->KeepsFailure = script->strict;
    submit(seen, w.mdl, (size_t)script->fragments * FRAGMENT_BYTES, script->read);
    if (!script->contended)
        for (int moved = 0; moved < HALF;) {
            int now = (int)ms_controller_step(w.controller, 4096);
            moved += now;
            if (now == 0)
                break;
        }
    at(AT_REST);
    device_runs();
    /* Whoever was not stopped in time: a device that never ends is what the timer is for (RCE-P19). */
    if (seen->completions == 0 || w.timer)
        act(ACT_FIRE);
    device_runs();
    if (!seen->wrong[0] && script->contended && other.completions != 1)
        seen_wrong(w.seen, "the contender was completed %d times", other.completions);
    if (script->contended && other.completions == 0 && w.other_mdl)
        device_runs();
    stream_judge(script, seen);
    if (!seen->wrong[0])
        check_bytes(script, given, taken);
    for (uint32_t i = reports; i < w.f.reports && i < REPORTS_MAX; i++)
        if (w.f.report[i].info->severity == MS_RULE_VIOLATION)
            seen_wrong(w.seen, "broke %s", w.f.report[i].info->name);
    if (!seen->wrong[0] && !ms_dma_audit(w.f.dma))
        seen_wrong(w.seen, "the adapter's books do not balance (RCE-P16)");
    w.f.reports = 0;
    w.seen = NULL;
}
