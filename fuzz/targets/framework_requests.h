/* SPDX-License-Identifier: MIT */
/*
 * framework_requests.h: requests of framework_fuzz.c: sent, presented, kept, marked, forwarded, cancelled, ended.
 */
#ifndef FUZZ_FRAMEWORK_REQUESTS_H
#define FUZZ_FRAMEWORK_REQUESTS_H

#include "framework_stage.h"

enum {
    LENGTH = 16
}; /* a request's number and this are its length: so the driver knows which it is */

enum plan {
    PLAN_COMPLETE,
    PLAN_KEEP,
    PLAN_MARK,
    PLAN_MARK_OLD,
    PLAN_FORWARD,
    PLAN_BUFFERS,
    PLAN_INFORM,
    PLAN_FAIL,
    PLANS,
};

static void on_done(void *context, NTSTATUS status, ULONG_PTR information)
{
    struct note *note = context;

    if (note->done++ != 0)
        ms_sim_fail("O3 a request is completed twice", "request %u", (unsigned)(note - f.note));
    if (note->is_ended) {
        if (status != note->status || information != note->information)
            ms_sim_fail("O7 a request ends in another way than its driver said",
                        "%08x, wanted %08x", (unsigned)status, (unsigned)note->status);
        return;
    }
    if (note->is_with_driver)
        ms_sim_fail("O3 a request ends that its driver has", "request %u",
                    (unsigned)(note - f.note));
    bool is_unknown = status == STATUS_INVALID_DEVICE_REQUEST &&
                      (note->io.type == WdfRequestTypeDeviceControlInternal ||
                       note->io.type == WdfRequestTypeOther);
    bool is_nothing = status == STATUS_SUCCESS && note->io.length == 0;
    if (!is_unknown && !is_nothing &&
        (status != STATUS_CANCELLED || !(note->is_cancelled || f.is_over)))
        ms_sim_fail("O7 a request ends by itself", "%08x", (unsigned)status);
}

static struct note *note_of(WDFREQUEST request)
{
    WDF_REQUEST_PARAMETERS parameters;

    WDF_REQUEST_PARAMETERS_INIT(&parameters);
    WdfRequestGetParameters(request, &parameters);
    bool is_plain = parameters.Type == WdfRequestTypeRead || parameters.Type == WdfRequestTypeWrite;
    size_t length = is_plain ? parameters.Parameters.Read.Length
                             : parameters.Parameters.DeviceIoControl.OutputBufferLength;
    if (length < LENGTH || length >= LENGTH + f.notes)
        ms_sim_fail("O7 a request has other parameters than were sent", "length %zu", length);
    return &f.note[length - LENGTH];
}

/* The driver ends it: what its sender must hear is noted first. */
static void note_end(struct note *note, WDFREQUEST request, NTSTATUS status, ULONG_PTR information)
{
    note->is_with_driver = false;
    note->is_ended = true;
    note->status = status == STATUS_WDF_BUSY                       ? STATUS_DEVICE_BUSY
                   : status == STATUS_WDF_PAUSED                   ? STATUS_DEVICE_BUSY
                   : status == STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS ? STATUS_INSUFFICIENT_RESOURCES
                   : status == STATUS_WDF_INTERNAL_ERROR           ? STATUS_INTERNAL_ERROR
                   : status == STATUS_WDF_TOO_FRAGMENTED           ? STATUS_INVALID_DEVICE_REQUEST
                                                                   : status;
    note->information = information;
    f.presented -= note->is_presented;
    note->is_presented = false;
    if (information == 0) {
        WdfRequestComplete(request, status);
    } else {
        WdfRequestCompleteWithInformation(request, status, information);
    }
    expect_nothing("a completion");
    if (note->done != 1)
        ms_sim_fail("O3 a request is not completed", "request %u", (unsigned)(note - f.note));
}

static VOID on_cancel(WDFREQUEST request)
{
    struct note *note = note_of(request);
    struct inside *scope = scope_of(WdfRequestGetIoQueue(request));

    callback_begin(scope, KeGetCurrentIrql());
    if (!note->is_marked || note->was_unmarked || !note->is_cancelled)
        ms_sim_fail("O4 a cancel callback of a request that is not cancelled and marked",
                    "request %u", (unsigned)(note - f.note));
    note->is_kept = false;
    note->was_called = true;
    if (!note->is_ending)
        note_end(note, request, STATUS_CANCELLED, 0);
    callback_end(scope);
}

/* What a buffer is, by its type; NULL: it has none in that direction. */
static void buffers_check(struct note *note, WDFREQUEST request)
{
    const struct ms_io *io = &note->io;
    bool is_read = io->type == WdfRequestTypeRead, is_write = io->type == WdfRequestTypeWrite;
    ULONG method =
        io->type == WdfRequestTypeOther ? METHOD_NEITHER : METHOD_FROM_CTL_CODE(io->control_code);
    bool is_direct = method == METHOD_IN_DIRECT || method == METHOD_OUT_DIRECT;
    PVOID bytes = NULL;
    size_t length = 0;
    PMDL mdl = NULL;
    NTSTATUS status, wanted;

    status = WdfRequestRetrieveInputBuffer(request, 8, &bytes, &length);
    wanted = is_read || (!is_write && method == METHOD_NEITHER) ? STATUS_INVALID_DEVICE_REQUEST
             : !is_write && io->input_length < 8                ? STATUS_BUFFER_TOO_SMALL
                                                                : STATUS_SUCCESS;
    if (status != wanted || (NT_SUCCESS(status) && (!bytes || length == 0)))
        ms_sim_fail("O7 another input buffer", "%08x, wanted %08x", (unsigned)status,
                    (unsigned)wanted);
    status = WdfRequestRetrieveOutputBuffer(request, 8, &bytes, NULL);
    wanted = is_write || (!is_read && method == METHOD_NEITHER) ? STATUS_INVALID_DEVICE_REQUEST
                                                                : STATUS_SUCCESS;
    if (status != wanted)
        ms_sim_fail("O7 another output buffer", "%08x, wanted %08x", (unsigned)status,
                    (unsigned)wanted);
    status = is_write ? WdfRequestRetrieveInputWdmMdl(request, &mdl)
                      : WdfRequestRetrieveOutputWdmMdl(request, &mdl);
    wanted = is_read || is_write || is_direct ? STATUS_SUCCESS
             : method == METHOD_NEITHER       ? STATUS_INVALID_DEVICE_REQUEST
                                              : STATUS_INSUFFICIENT_RESOURCES;
    if (status != wanted || (NT_SUCCESS(status) && mdl != f.mdl))
        ms_sim_fail("O7 another MDL of a request", "%08x, wanted %08x", (unsigned)status,
                    (unsigned)wanted);
    if (WdfRequestWdmGetIrp(request)->MdlAddress != io->mdl)
        ms_sim_fail("O7 another IRP of a request", "request %u", (unsigned)(note - f.note));
}

static const NTSTATUS failures[8] = {STATUS_UNSUCCESSFUL,       STATUS_WDF_BUSY,
                                     STATUS_WDF_PAUSED,         STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS,
                                     STATUS_WDF_INTERNAL_ERROR, STATUS_WDF_TOO_FRAGMENTED,
                                     STATUS_DEVICE_BUSY,        STATUS_SUCCESS};

/* Who forwards a request and who cancels it: whoever is back last finds that it does not wait. */
static void cancel_check(const struct note *note)
{
    if (note->is_there && note->was_cancelled && !note->is_with_driver && !note->is_ended &&
        note->done == 0 && f.movers == 0)
        ms_sim_fail("O4 a cancelled request waits in a queue", "request %u",
                    (unsigned)(note - f.note));
}

/* The driver has it: what it does is the plan that was sent with it. */
static void request_serve(struct note *note, WDFREQUEST request)
{
    uint8_t plan = note->plan;
    NTSTATUS status;

    note->request = request;
    if (note->is_with_driver || note->done)
        ms_sim_fail("O1 a request is presented that its driver has", "request %u",
                    (unsigned)(note - f.note));
    note->is_with_driver = true;
    ms_store_release(&note->is_known, 1); /* hb:framework-fuzz */
    switch (plan % PLANS) {
    case PLAN_COMPLETE:
        note_end(note, request, STATUS_SUCCESS, plan & 128 ? LENGTH : 0);
        break;
    case PLAN_KEEP:
        if (WdfRequestIsCanceled(request) && !note->is_cancelled)
            ms_sim_fail("O4 a request is cancelled that nobody cancelled", "%u", plan);
        note->is_kept = true; /* from now on somebody else may end it */
        break;
    case PLAN_MARK:
        note->is_marked = true;
        status = WdfRequestMarkCancelableEx(request, on_cancel);
        if (status == STATUS_CANCELLED) {
            note->is_marked = false;
            note_end(note, request, STATUS_CANCELLED, 0);
        } else if (status != STATUS_SUCCESS) {
            ms_sim_fail("O7 a request is marked with another status", "%08x", (unsigned)status);
        } else {
            note->is_kept = !note->was_called; /* from now on somebody else may end it */
        }
        break;
    case PLAN_MARK_OLD:
        note->is_marked = true;
        WdfRequestMarkCancelable(request, on_cancel);
        note->is_kept = !note->was_called;
        break;
    case PLAN_FORWARD:
        if (WdfRequestGetIoQueue(request) == f.second) {
            note_end(note, request, STATUS_SUCCESS, 0);
            break;
        }
        note->plan = plan / PLANS;
        note->is_forwarded = true;
        f.presented -= note->is_presented;
        note->is_with_driver = note->is_presented = false;
        f.movers++;
        status = WdfRequestForwardToIoQueue(request, f.second);
        f.movers--;
        if (status != STATUS_SUCCESS)
            ms_sim_fail("O7 a request is forwarded with another status", "%08x", (unsigned)status);
        note->is_there = true;
        cancel_check(note);
        break;
    case PLAN_BUFFERS:
        buffers_check(note, request);
        note_end(note, request, STATUS_SUCCESS, 0);
        break;
    case PLAN_INFORM:
        WdfRequestSetInformation(request, 5);
        if (WdfRequestGetInformation(request) != 5)
            ms_sim_fail("O7 information is lost", "%u", plan);
        note_end(note, request, STATUS_SUCCESS, 6);
        break;
    default:
        note_end(note, request, failures[plan / PLANS % 8], 0);
        break;
    }
    expect_nothing("a request's handler");
}

static void present(WDFQUEUE queue, WDFREQUEST request)
{
    struct inside *scope = scope_of(queue);

    callback_begin(scope, KeGetCurrentIrql());
    note_of(request)->is_presented = true;
    if (++f.presented > (f.dispatch == SEQUENTIAL ? 1 : PARALLEL))
        ms_sim_fail("O2 a queue presents more requests than it may", "%u", f.presented);
    if (WdfIoQueueGetDevice(queue) != f.device)
        ms_sim_fail("O7 a queue has another device", "%p", (void *)queue);
    request_serve(note_of(request), request);
    callback_end(scope);
}

static VOID on_read(WDFQUEUE queue, WDFREQUEST request, size_t length)
{
    if (length != note_of(request)->io.length)
        ms_sim_fail("O7 a handler is told another length", "%zu", length);
    present(queue, request);
}

static VOID on_control(WDFQUEUE queue, WDFREQUEST request, size_t output, size_t input, ULONG code)
{
    const struct ms_io *io = &note_of(request)->io;

    if (output != io->output_length || input != io->input_length || code != io->control_code)
        ms_sim_fail("O7 a handler is told another control code", "%08x", (unsigned)code);
    present(queue, request);
}

static VOID on_canceled_on_queue(WDFQUEUE queue, WDFREQUEST request)
{
    struct note *note = note_of(request);
    struct inside *scope = scope_of(queue);

    callback_begin(scope, KeGetCurrentIrql());
    if (!note->is_cancelled || note->is_with_driver)
        ms_sim_fail("O4 a request left its queue that nobody cancelled", "request %u",
                    (unsigned)(note - f.note));
    note->is_with_driver = true;
    note_end(note, request, STATUS_CANCELLED, 0);
    callback_end(scope);
}

/* --- what actors do ---------------------------------------------------------------------------------------- */

static void do_send(const struct fuzz_op *op)
{
    static const WDF_REQUEST_TYPE types[8] = {
        WdfRequestTypeRead,          WdfRequestTypeWrite,
        WdfRequestTypeDeviceControl, WdfRequestTypeDeviceControl,
        WdfRequestTypeDeviceControl, WdfRequestTypeDeviceControlInternal,
        WdfRequestTypeOther,         WdfRequestTypeDeviceControl};
    static const ULONG methods[8] = {METHOD_BUFFERED,  METHOD_BUFFERED,   METHOD_BUFFERED,
                                     METHOD_IN_DIRECT, METHOD_OUT_DIRECT, METHOD_BUFFERED,
                                     METHOD_BUFFERED,  METHOD_NEITHER};
    uint32_t what = op->operand[0] % 8;
    struct note *note = &f.note[f.notes];
    uint8_t way = op->operand[2];

    if (f.notes == NOTES)
        return;
    *note = (struct note){.plan = op->operand[1]};
    note->io =
        (struct ms_io){.type = types[what],
                       .mdl = f.mdl,
                       .length = way & 1 && what < 2 ? 0 : LENGTH + f.notes,
                       .control_code = CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, methods[what], 0),
                       .system_buffer = f.buffer,
                       .input_length = way & 2 ? 4 : sizeof f.buffer,
                       .output_length = LENGTH + f.notes,
                       .done = on_done,
                       .context = note};
    f.notes++;
    ms_fault_arm(way >> 2 ? way >> 2 & 3 : UINT32_MAX);
    NTSTATUS status = ms_wdf_submit(f.device, &note->io, &note->request);
    bool fired = ms_fault_fired();
    ms_fault_arm(UINT32_MAX);
    if (status == STATUS_INSUFFICIENT_RESOURCES && fired) {
        note->done = 1; /* it was never sent */
        note->is_ended = true;
        return;
    }
    if (status != STATUS_PENDING)
        ms_sim_fail("O7 a request is sent with another status", "%08x", (unsigned)status);
    ms_store_release(&note->is_known, 1); /* hb:framework-fuzz */
    expect_nothing("a request");
}

/* Out of a manual queue. */
static void do_take(uint8_t which)
{
    WDFQUEUE queue = which & 1 && f.dispatch == MANUAL ? f.queue : f.second;
    WDFREQUEST request;

    f.movers++;
    NTSTATUS status = WdfIoQueueRetrieveNextRequest(queue, &request);
    if (status != (request ? STATUS_SUCCESS : STATUS_NO_MORE_ENTRIES))
        ms_sim_fail("O7 a request is retrieved with another status", "%08x", (unsigned)status);
    if (request)
        request_serve(note_of(request), request);
    f.movers--;
}

/* What was kept is ended by whoever comes first; one that is marked only if the cancel has not come. */
static bool do_end(uint8_t which, uint8_t how)
{
    for (uint32_t i = 0; i < f.notes; i++) {
        struct note *note = &f.note[(i + which) % f.notes];
        if (!ms_load_acquire(&note->is_known) || !note->is_kept) /* hb:framework-fuzz */
            continue;
        note->is_kept = false;
        note->is_ending = true; /* so that its callback does not end it under us */
        WDFREQUEST request = note->request;
        WdfObjectReference(request);
        if (note->is_marked) {
            NTSTATUS status = WdfRequestUnmarkCancelable(request);
            if (status != STATUS_SUCCESS && status != STATUS_CANCELLED)
                ms_sim_fail("O7 a request is unmarked with another status", "%08x",
                            (unsigned)status);
            note->is_ending = false;
            if (status == STATUS_CANCELLED && !note->was_called) { /* its callback ends it */
                WdfObjectDereference(request);
                return true;
            }
            note->was_unmarked = status == STATUS_SUCCESS;
        }
        note_end(note, request, failures[how % 8], 0);
        if (WdfRequestGetStatus(request) != note->status)
            ms_sim_fail("O7 a completed request has another status", "%08x",
                        (unsigned)WdfRequestGetStatus(request));
        WdfObjectDereference(request);
        expect_nothing("ending a request");
        return true;
    }
    return false;
}

static void do_cancel(uint8_t which)
{
    struct note *note = f.notes ? &f.note[which % f.notes] : NULL;

    if (!note || !ms_load_acquire(&note->is_known) || note->done) /* hb:framework-fuzz */
        return;
    bool is_first = !note->is_cancelled,
         is_ours = note->io.type != WdfRequestTypeOther &&
                   note->io.type != WdfRequestTypeDeviceControlInternal;
    note->is_cancelled = true;
    f.movers++;
    bool is_cancelled = ms_wdf_cancel(note->request);
    f.movers--;
    if (!is_cancelled && is_first && is_ours && note->io.length != 0 && !note->is_ended &&
        note->done == 0 && f.movers == 0)
        ms_sim_fail("O4 a request is not cancelled, and not completed", "request %u",
                    (unsigned)(note - f.note));
    note->was_cancelled = true;
    cancel_check(note);
    expect_nothing("a cancel");
}

/* The driver has ended all that it had: nothing waits for it but in manual queues. */
static void requests_served(void)
{
    for (uint32_t i = 0; i < f.notes && f.dispatch != MANUAL; i++)
        if (f.note[i].done == 0 && !f.note[i].is_forwarded)
            ms_sim_fail("O3 a request waits though there is room", "request %u", i);
}

static void requests_check(void)
{
    for (uint32_t i = 0; i < f.notes; i++)
        if (f.note[i].done != 1)
            ms_sim_fail("O3 a request was not completed", "request %u: %u times", i,
                        f.note[i].done);
}

#endif
