/* SPDX-License-Identifier: MIT */
/*
 * request: a request from its submission to its completion, and its cancel.
 *
 * Idea        one word says whether the driver has it, whether its cancel callback stands ready, and
 *             whether it is completed. Unmarking and cancelling are each one step of that word, so
 *             exactly one of {unmark succeeds, the callback is called} (REQ-07).
 * Invariants  I1 who moves marked -> claimed calls the callback, once
 *             I2 who sets completed tells the submitter, once
 *             I3 while users > 0 the driver cannot complete it (REQ-12)
 * Ordering    hb:request        every step releases and acquires: the callback stored before marking is
 *                               seen by who claims; what the completer wrote, by who looks after
 *             The queue is a handle, changed under the lock of the queue that it leaves (queue.c): what a
 *             handle names is ordered by its life (hb:life)
 * ABA         the word alone decides; a step that finds its bits again finds the same state
 * Progress    lock-free
 */
#include "wdf/request.h"

#include "wdf/queue.h"

enum ms_request_verdict ms_request_move(struct ms_request *request, ms_request_step *step)
{
    union ms_request_word seen = {.raw = ms_load_acquire(&request->word)}; /* hb:request */

    for (;;) {
        union ms_request_word next = seen;
        enum ms_request_verdict verdict = step(&next);
        if (next.raw == seen.raw)
            return verdict;
        if (ms_cas_acq_rel(&request->word, &seen.raw, next.raw)) /* hb:request */
            return verdict;
    }
}

/* --- making and ending --- */

static void request_tell(struct ms_request *request, NTSTATUS status)
{
    request->status = status;
    request->irp.IoStatus.Status = status;
    request->irp.IoStatus.Information = request->information;
    if (request->io.done)
        request->io.done(request->io.context, status, request->information);
}

/* It goes with its queue although nobody completed it: its submitter learns it. */
static bool request_dispose(struct ms_object *object)
{
    struct ms_request *request = (struct ms_request *)(void *)object;

    enum ms_request_verdict verdict = ms_request_move(request, request_finish);
    /* Behind it: who is forwarding the request looks at the word before it puts it into the next queue. */
    struct ms_queue *queue = ms_queue_take_out(request);
    if (queue)
        ms_object_drop(&queue->object);
    if (verdict == REQUEST_DONE) {
        request->information = 0;
        request_tell(request, STATUS_CANCELLED); /* I2 */
    }
    return true;
}

static void request_destroy(struct ms_object *object)
{
    struct ms_queue *queue = ms_queue_of((struct ms_request *)(void *)object);

    if (queue) /* NULL: at the framework's end it was buried first */
        ms_object_drop(&queue->object);
}

static const struct ms_object_ops request_ops = {
    .kind = MS_OBJECT_REQUEST,
    .driver_may_delete = false, /* OBJ-07 */
    .dispose = request_dispose,
    .destroy = request_destroy,
};

NTSTATUS ms_request_new(struct ms_queue *queue, const struct ms_io *io, struct ms_request **request)
{
    struct ms_object *object;
    NTSTATUS status =
        ms_object_new(queue->object.wdf, &request_ops, sizeof **request, NULL, &object);

    if (!NT_SUCCESS(status))
        return status;
    struct ms_request *r = (struct ms_request *)(void *)object;
    r->io = *io;
    ms_init(&r->word, 0);
    ms_init(&r->queue, queue->object.handle);
    ms_init(&r->handler, NULL);
    r->status = STATUS_PENDING;
    r->irp.Type = 6; /* what the I/O manager writes into an IRP */
    r->irp.Size = sizeof r->irp;
    r->irp.MdlAddress = io->mdl;
    r->irp.AssociatedIrp.SystemBuffer = io->system_buffer;
    ms_object_hold(&queue->object);
    status = ms_object_adopt(object, &queue->object);
    if (!NT_SUCCESS(status)) {
        ms_object_drop(&queue->object);
        ms_object_discard(object);
        return status;
    }
    *request = r;
    return STATUS_SUCCESS;
}

/* --- what it is about --- */

enum ms_io_way ms_request_way(const struct ms_request *request)
{
    switch (request->io.type) {
    case WdfRequestTypeRead:
        return MS_IO_READ;
    case WdfRequestTypeWrite:
        return MS_IO_WRITE;
    case WdfRequestTypeDeviceControl:
        return MS_IO_CONTROL;
    case WdfRequestTypeDeviceControlInternal:
        return MS_IO_INTERNAL;
    default:
        return MS_IO_WAYS;
    }
}

static NTSTATUS control_transfer(const struct ms_io *io, bool write, PMDL *mdl, size_t *length)
{
    switch (METHOD_FROM_CTL_CODE(io->control_code)) {
    case METHOD_BUFFERED:
        *mdl = io->system_mdl;
        *length = write ? io->input_length : io->output_length;
        return STATUS_SUCCESS;
    case METHOD_IN_DIRECT:
        *mdl = io->mdl;
        *length = io->output_length;
        return write ? STATUS_SUCCESS : STATUS_INVALID_DEVICE_REQUEST;
    case METHOD_OUT_DIRECT:
        *mdl = io->mdl;
        *length = io->output_length;
        return write ? STATUS_INVALID_DEVICE_REQUEST : STATUS_SUCCESS;
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}

NTSTATUS ms_request_transfer(struct ms_request *request, WDF_DMA_DIRECTION direction, PMDL *mdl,
                             size_t *length)
{
    const struct ms_io *io = &request->io;
    bool write = direction == WdfDmaDirectionWriteToDevice;
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST; /* TRX-18 */

    *mdl = io->mdl;
    *length = io->length;
    if (io->type == WdfRequestTypeRead)
        status = write ? status : STATUS_SUCCESS;
    else if (io->type == WdfRequestTypeWrite)
        status = write ? STATUS_SUCCESS : status;
    else if (ms_request_way(request) != MS_IO_WAYS)
        status = control_transfer(io, write, mdl, length);
    if (NT_SUCCESS(status) && (*length == 0 || !*mdl))
        status = STATUS_INVALID_DEVICE_REQUEST; /* TRX-19 */
    return status;
}

bool ms_request_io_take(struct ms_request *request)
{
    if (ms_request_move(request, request_use) != REQUEST_DONE)
        return false;
    ms_object_hold(&request->object);
    return true;
}

void ms_request_io_give(struct ms_request *request)
{
    ms_require(ms_request_move(request, request_unuse) == REQUEST_DONE);
    ms_object_drop(&request->object);
}

/* --- completing --- */

/* REQ-11 */
static NTSTATUS status_for_others(NTSTATUS status)
{
    switch (status) {
    case STATUS_WDF_BUSY:
    case STATUS_WDF_PAUSED:
        return STATUS_DEVICE_BUSY;
    case STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS:
        return STATUS_INSUFFICIENT_RESOURCES;
    case STATUS_WDF_INTERNAL_ERROR:
        return STATUS_INTERNAL_ERROR;
    default:
        /* Any other of the framework's own: facility 0x20 of errors. */
        return (uint32_t)status >> 16 == 0xC020u ? STATUS_INVALID_DEVICE_REQUEST : status;
    }
}

/* The submitter knows; the queue has room again; the handle dies. */
static void request_end(struct ms_request *request, NTSTATUS status)
{
    struct ms_queue *queue = ms_queue_of(request);

    request_tell(request, status); /* I2 */
    ms_object_hold(&queue->object);
    ms_object_delete(&request->object);
    ms_queue_unpresent(queue, request);
    ms_object_drop(&queue->object);
}

void ms_request_finish(struct ms_request *request, NTSTATUS status)
{
    if (ms_request_move(request, request_finish) == REQUEST_DONE)
        request_end(request, status);
}

/* The bytes that information may name (REQ-10). */
static size_t request_room(const struct ms_request *request)
{
    switch (ms_request_way(request)) {
    case MS_IO_READ:
    case MS_IO_WRITE:
        return request->io.length;
    default:
        return request->io.output_length;
    }
}

static void request_complete_with(struct ms_request *request, NTSTATUS status)
{
    static const enum ms_rule rule[] = {
        [REQUEST_REFUSED] = MS_RULE_WDF_COMPLETE_TWICE,
        [REQUEST_MARKED] = MS_RULE_WDF_COMPLETE_MARKED,
        [REQUEST_EARLY] = MS_RULE_WDF_COMPLETE_EARLY,
        [REQUEST_BUSY] = MS_RULE_WDF_COMPLETE_BUSY,
    };
    enum ms_request_verdict verdict = ms_request_move(request, request_complete);

    if (verdict != REQUEST_DONE) {
        ms_rule_break(rule[verdict], request->object.handle, ms_load_relaxed(&request->word));
        return; /* FTL-01's way: nothing changes */
    }
    if (KeGetCurrentIrql() >= DISPATCH_LEVEL && ms_object_has(&request->object, MS_OBJECT_TIMER))
        ms_rule_break(MS_RULE_WDF_TIMER_CHILD, request->object.handle, 0); /* TMR-09 */
    if (NT_SUCCESS(status) && request->information > request_room(request)) {
        ms_rule_break(MS_RULE_WDF_INFORMATION, request->object.handle, request->information);
        request->information = request_room(request); /* REQ-10 */
    }
    request_end(request, status_for_others(status));
}

VOID WdfRequestComplete(WDFREQUEST Request, NTSTATUS Status)
{
    struct ms_request *request = ms_request_take(Request);

    if (!request)
        return; /* REQ-02, FTL-02 */
    request_complete_with(request, Status);
    ms_object_drop(&request->object);
}

VOID WdfRequestCompleteWithInformation(WDFREQUEST Request, NTSTATUS Status, ULONG_PTR Information)
{
    struct ms_request *request = ms_request_take(Request);

    if (!request)
        return; /* REQ-02, FTL-02 */
    request->information = Information;
    request_complete_with(request, Status);
    ms_object_drop(&request->object);
}

/* --- cancelling --- */

static void cancel_call(struct ms_request *request)
{
    struct ms_visit visit =
        ms_visit_begin(PASSIVE_LEVEL, ms_scope_of(&request->object)); /* LVL-05 */

    ms_data_read(&request->cancel, sizeof request->cancel); /* hb:request */
    request->cancel(ms_object_handle(&request->object));
    ms_visit_end(&visit, request->object.handle);
}

/* Nobody reads it before it is marked. */
static void cancel_set(struct ms_request *request, PFN_WDF_REQUEST_CANCEL cancel)
{
    ms_data_write(&request->cancel, sizeof request->cancel);
    request->cancel = cancel;
}

NTSTATUS WdfRequestMarkCancelableEx(WDFREQUEST Request, PFN_WDF_REQUEST_CANCEL EvtRequestCancel)
{
    struct ms_request *request;
    NTSTATUS status = STATUS_SUCCESS;

    if (!EvtRequestCancel) {
        ms_rule_break(MS_RULE_WDF_NULL, (uint64_t)(uintptr_t)Request, 0);
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    }
    request = ms_request_take(Request);
    if (!request)
        return STATUS_INVALID_PARAMETER;                                  /* FTL-02 */
    union ms_request_word now = {.raw = ms_load_acquire(&request->word)}; /* hb:request */
    if (!now.marked && !now.claimed)
        cancel_set(request, EvtRequestCancel);
    enum ms_request_verdict verdict = ms_request_move(request, request_mark);
    if (verdict == REQUEST_CANCELLED)
        status = STATUS_CANCELLED; /* REQ-04 */
    else if (verdict == REQUEST_REFUSED)
        status = STATUS_INVALID_DEVICE_REQUEST;
    ms_object_drop(&request->object);
    return status;
}

VOID WdfRequestMarkCancelable(WDFREQUEST Request, PFN_WDF_REQUEST_CANCEL EvtRequestCancel)
{
    struct ms_request *request;

    if (!EvtRequestCancel) {
        ms_rule_break(MS_RULE_WDF_NULL, (uint64_t)(uintptr_t)Request, 0);
        return; /* FTL-02 */
    }
    request = ms_request_take(Request);
    if (!request)
        return;                                                           /* FTL-02 */
    union ms_request_word now = {.raw = ms_load_acquire(&request->word)}; /* hb:request */
    if (!now.marked && !now.claimed)
        cancel_set(request, EvtRequestCancel);
    enum ms_request_verdict verdict = ms_request_move(request, request_mark_or_claim);
    if (verdict == REQUEST_RUN_CANCEL)
        cancel_call(request); /* REQ-05 */
    else if (verdict == REQUEST_REFUSED)
        ms_rule_break(MS_RULE_WDF_MARK_TWICE, request->object.handle, now.raw);
    ms_object_drop(&request->object);
}

NTSTATUS WdfRequestUnmarkCancelable(WDFREQUEST Request)
{
    struct ms_request *request = ms_request_take(Request);

    if (!request)
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    enum ms_request_verdict verdict = ms_request_move(request, request_unmark);
    if (verdict == REQUEST_REFUSED)
        ms_rule_break(MS_RULE_WDF_UNMARK, request->object.handle, ms_load_relaxed(&request->word));
    ms_object_drop(&request->object);
    return verdict == REQUEST_DONE        ? STATUS_SUCCESS
           : verdict == REQUEST_CANCELLED ? STATUS_CANCELLED
                                          : STATUS_INVALID_DEVICE_REQUEST;
}

BOOLEAN WdfRequestIsCanceled(WDFREQUEST Request)
{
    struct ms_request *request = ms_request_take(Request);

    if (!request)
        return FALSE;
    union ms_request_word now = {.raw = ms_load_acquire(&request->word)}; /* hb:request */
    if (now.marked)
        ms_rule_break(MS_RULE_WDF_IS_CANCELED, request->object.handle, now.raw); /* REQ-14 */
    ms_object_drop(&request->object);
    return now.cancelled;
}

bool ms_wdf_cancel(WDFREQUEST request)
{
    struct ms_request *r =
        ms_object_try(request, MS_OBJECT_REQUEST); /* it may be gone: no misuse */
    enum ms_request_verdict verdict;

    if (!r)
        return false;
    verdict = ms_request_move(r, request_cancel);
    if (verdict == REQUEST_RUN_CANCEL) {
        ms_request_move(r, request_enter); /* REQ-09 */
        cancel_call(r);                    /* REQ-08: under our reference */
    } else if (verdict == REQUEST_DONE) {
        struct ms_queue *queue = ms_queue_take_out(r);
        if (queue) {
            ms_queue_cancelled(queue, r); /* WQU-04 */
            ms_object_drop(&queue->object);
        }
    }
    ms_object_drop(&r->object);
    return verdict != REQUEST_REFUSED;
}
