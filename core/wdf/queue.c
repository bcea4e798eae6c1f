/* SPDX-License-Identifier: MIT */
/*
 * queue: requests wait here for their driver.
 *
 * Idea        a list and a count under a spin lock; the driver's handlers are called outside of it
 *             (LVL-03). A request that is completed from inside its own handler does not nest: the
 *             thread that called the handler looks for the next when it is back.
 * Invariants  I1 a request waits, or is presented, or neither; each change under the lock
 *             I2 presented <= presented_max
 *             I3 waiting requests with room for them are being looked at by a thread that will deliver
 *             I4 where a request is, is changed under the lock of the queue that it leaves: while somebody
 *                holds the lock of the queue that it names, it stays there
 *             I5 between two queues it is in no list. Who cancels or ends it then finds nothing to take
 *                out; who forwards it looks, under the lock of the next queue, whether somebody did
 * Ordering    hb:queue-of  a device's queue is published with release, found with acquire
 * Progress    blocking: the spin lock; held for a few list steps, never across a driver's code
 */
#include "wdf/queue.h"

#define PRESENTED_UNLIMITED UINT32_MAX

static struct ms_request *request_of(PLIST_ENTRY link)
{
    return CONTAINING_RECORD(link, struct ms_request, link);
}

/* --- delivering --- */

static bool handler_call(struct ms_queue *queue, struct ms_request *request)
{
    const WDF_IO_QUEUE_CONFIG *c = &queue->config;
    const struct ms_io *io = &request->io;
    WDFREQUEST handle = ms_object_handle(&request->object);
    WDFQUEUE from = ms_object_handle(&queue->object);

    switch (ms_request_way(request)) {
    case MS_IO_READ:
        if (c->EvtIoRead)
            return c->EvtIoRead(from, handle, io->length), true;
        break;
    case MS_IO_WRITE:
        if (c->EvtIoWrite)
            return c->EvtIoWrite(from, handle, io->length), true;
        break;
    case MS_IO_CONTROL:
        if (c->EvtIoDeviceControl)
            return c->EvtIoDeviceControl(from, handle, io->output_length, io->input_length,
                                         io->control_code),
                   true;
        break;
    case MS_IO_INTERNAL:
        if (c->EvtIoInternalDeviceControl)
            return c->EvtIoInternalDeviceControl(from, handle, io->output_length, io->input_length,
                                                 io->control_code),
                   true;
        break;
    default:
        break;
    }
    if (c->EvtIoDefault)
        return c->EvtIoDefault(from, handle), true;
    return false;
}

static void request_present(struct ms_queue *queue, struct ms_request *request)
{
    struct ms_visit visit = ms_visit_begin(PASSIVE_LEVEL, ms_scope_of(&queue->object));
    bool known = handler_call(queue, request);

    ms_visit_end(&visit, queue->object.handle);
    if (!known)
        ms_request_finish(request, STATUS_INVALID_DEVICE_REQUEST);
}

/* Under the lock: out of the list. */
static void request_unlink(struct ms_request *request)
{
    ms_data_write(&request->waiting, sizeof request->waiting);
    RemoveEntryList(&request->link);
    request->waiting = false;
}

/* Under the lock: the first that waits, with a reference; NULL: none. */
static struct ms_request *queue_first(struct ms_queue *queue)
{
    struct ms_request *request;

    if (IsListEmpty(&queue->waiting))
        return NULL;
    request = request_of(queue->waiting.Flink);
    ms_object_hold(&request->object);
    ms_data_write(&queue->waiting, sizeof queue->waiting);
    request_unlink(request);
    return request;
}

/* Under the lock: the next one that the driver can have now, with a reference. */
static struct ms_request *queue_next(struct ms_queue *queue)
{
    struct ms_request *request;

    if (queue->presented >= queue->presented_max)
        return NULL;
    request = queue_first(queue);
    /* REQ-01. Refused: it is being deleted, and who does that waits for the lock to take it out. */
    while (request && ms_request_move(request, request_deliver) != REQUEST_DONE) {
        ms_object_drop(&request->object);
        request = queue_first(queue);
    }
    if (request) {
        request->presented = true;
        queue->presented++;
    }
    return request;
}

/* Delivers until there is nothing to deliver. I3. */
static void queue_serve(struct ms_queue *queue)
{
    if (queue->config.DispatchType == WdfIoQueueDispatchManual)
        return;
    for (;;) {
        KIRQL irql = KeAcquireSpinLockRaiseToDpc(&queue->lock);
        struct ms_request *request = queue_next(queue);
        KeReleaseSpinLock(&queue->lock, irql);
        if (!request)
            return;
        /* Relaxed: only our own value means something to us. */
        ms_store_relaxed(&request->handler, ms_cpu_current());
        request_present(queue, request);
        ms_store_relaxed(&request->handler, NULL);
        ms_object_drop(&request->object);
    }
}

void ms_queue_put(struct ms_queue *queue, struct ms_request *request)
{
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&queue->lock);
    /* Relaxed: who changed it and found nothing to take out held this lock, or that of the queue it left. */
    union ms_request_word now = {.raw = ms_load_relaxed(&request->word)};
    bool closed = queue->closed;

    if (!closed && !now.cancelled && !now.completed) {
        ms_data_write(&queue->waiting, sizeof queue->waiting);
        ms_data_write(&request->waiting, sizeof request->waiting);
        request->waiting = true;
        InsertTailList(&queue->waiting, &request->link);
    }
    KeReleaseSpinLock(&queue->lock, irql);
    if (closed)
        ms_request_finish(request, STATUS_CANCELLED);
    else if (now.completed)
        return; /* I5: it goes with the queue where it was born */
    else if (now.cancelled)
        ms_queue_cancelled(queue, request); /* I5, WQU-04 */
    else
        queue_serve(queue);
}

struct ms_queue *ms_queue_of(const struct ms_request *request)
{
    return (struct ms_queue *)(void *)ms_object_held(
        request->object.wdf, ms_load_relaxed(&request->queue)); /* a handle: hb:life orders it */
}

/* Under the lock. */
static void request_absent(struct ms_queue *queue, struct ms_request *request)
{
    if (request->presented) {
        request->presented = false;
        queue->presented--;
    }
}

static void request_gone(struct ms_queue *queue, const struct ms_request *request)
{
    /* From inside its own handler: whoever called that looks again when it is back. */
    if (ms_load_relaxed(&request->handler) != ms_cpu_current())
        queue_serve(queue); /* WQU-01: possibly on the stack of the completion */
}

void ms_queue_unpresent(struct ms_queue *queue, struct ms_request *request)
{
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&queue->lock);

    request_absent(queue, request);
    KeReleaseSpinLock(&queue->lock, irql);
    request_gone(queue, request);
}

/* On its way to `target`; the caller holds both queues. */
static void request_leave(struct ms_queue *queue, struct ms_request *request,
                          const struct ms_queue *target)
{
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&queue->lock);

    request_absent(queue, request);
    ms_store_relaxed(&request->queue, target->object.handle); /* I4 */
    KeReleaseSpinLock(&queue->lock, irql);
    request_gone(queue, request);
}

struct ms_queue *ms_queue_take_out(struct ms_request *request)
{
    for (;;) {
        uint64_t handle = ms_load_relaxed(&request->queue); /* a guess: the lock decides */
        struct ms_queue *queue = ms_object_try_dying((WDFOBJECT)(uintptr_t)handle, MS_OBJECT_QUEUE);
        if (!queue)
            continue; /* it was forwarded, and that queue is gone, which orders the next look */
        KIRQL irql = KeAcquireSpinLockRaiseToDpc(&queue->lock);
        bool is_here = ms_load_relaxed(&request->queue) == handle; /* I4 */
        bool was_waiting = is_here && request->waiting;
        ms_data_write(&queue->waiting, sizeof queue->waiting);
        if (was_waiting)
            request_unlink(request);
        KeReleaseSpinLock(&queue->lock, irql);
        if (was_waiting)
            return queue;
        ms_object_drop(&queue->object);
        if (is_here)
            return NULL;
    }
}

void ms_queue_cancelled(struct ms_queue *queue, struct ms_request *request)
{
    if (!queue->config.EvtIoCanceledOnQueue) {
        ms_request_finish(request, STATUS_CANCELLED); /* WQU-04 */
        return;
    }
    ms_request_move(request, request_deliver);
    struct ms_visit visit = ms_visit_begin(PASSIVE_LEVEL, ms_scope_of(&queue->object));
    queue->config.EvtIoCanceledOnQueue(ms_object_handle(&queue->object),
                                       ms_object_handle(&request->object));
    ms_visit_end(&visit, queue->object.handle);
}

static void queue_purge(struct ms_object *object, void *context)
{
    struct ms_queue *queue = (struct ms_queue *)(void *)object;

    (void)context;
    for (;;) {
        KIRQL irql = KeAcquireSpinLockRaiseToDpc(&queue->lock);
        queue->closed = true;
        struct ms_request *request = queue_first(queue);
        KeReleaseSpinLock(&queue->lock, irql);
        if (!request)
            return;
        ms_request_finish(request, STATUS_CANCELLED);
        ms_object_drop(&request->object);
    }
}

void ms_queues_purge(struct ms_device *device)
{
    ms_object_visit(&device->object, MS_OBJECT_QUEUE, queue_purge, NULL);
}

/* --- making queues --- */

/* What was born here is gone by now; what was forwarded to it is not. */
static bool queue_dispose(struct ms_object *object)
{
    queue_purge(object, NULL);
    return true;
}

static const struct ms_object_ops queue_ops = {
    .kind = MS_OBJECT_QUEUE,
    .driver_may_delete = true,
    .dispose = queue_dispose,
    .destroy = ms_object_destroy_nothing,
};

struct queue_fill {
    struct ms_device *device;
    const WDF_IO_QUEUE_CONFIG *config;
};

static NTSTATUS queue_fill(struct ms_object *object, struct ms_object *parent, void *context)
{
    struct ms_queue *queue = (struct ms_queue *)(void *)object;
    const struct queue_fill *fill = context;

    if (ms_device_of(parent) != fill->device)
        return STATUS_WDF_OBJECT_ATTRIBUTES_INVALID;
    ms_data_write(&queue->device, sizeof queue->device);
    queue->device = fill->device;
    queue->config = *fill->config;
    queue->presented_max = 1;
    if (queue->config.DispatchType == WdfIoQueueDispatchParallel)
        queue->presented_max = queue->config.Settings.Parallel.NumberOfPresentedRequests;
    if (queue->config.DispatchType == WdfIoQueueDispatchManual)
        queue->presented_max = PRESENTED_UNLIMITED;
    ms_scope_init(&queue->scope);
    KeInitializeSpinLock(&queue->lock);
    InitializeListHead(&queue->waiting);
    return STATUS_SUCCESS;
}

static NTSTATUS queue_config_check(const WDF_IO_QUEUE_CONFIG *config)
{
    if (config->Size != sizeof *config)
        return STATUS_INFO_LENGTH_MISMATCH;
    if (config->DispatchType <= WdfIoQueueDispatchInvalid ||
        config->DispatchType >= WdfIoQueueDispatchMax)
        return STATUS_INVALID_PARAMETER;
    if (config->DispatchType == WdfIoQueueDispatchParallel &&
        config->Settings.Parallel.NumberOfPresentedRequests == 0)
        return STATUS_INVALID_PARAMETER;
    if (config->DispatchType != WdfIoQueueDispatchManual && !config->EvtIoDefault &&
        !config->EvtIoRead && !config->EvtIoWrite && !config->EvtIoDeviceControl &&
        !config->EvtIoInternalDeviceControl)
        return STATUS_INVALID_PARAMETER; /* nobody would ever get a request */
    return STATUS_SUCCESS;
}

NTSTATUS WdfIoQueueCreate(WDFDEVICE Device, PWDF_IO_QUEUE_CONFIG Config,
                          PWDF_OBJECT_ATTRIBUTES QueueAttributes, WDFQUEUE *Queue)
{
    struct ms_device *device;
    struct ms_object *object;
    void *none = NULL;
    NTSTATUS status;

    if (Queue)
        *Queue = NULL;
    if (!Config) {
        ms_rule_break(MS_RULE_WDF_NULL, (uint64_t)(uintptr_t)Device, 0);
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    }
    device = ms_object_take(Device, MS_OBJECT_DEVICE);
    if (!device)
        return STATUS_INVALID_PARAMETER;
    status = queue_config_check(Config);
    /* Acquire is not needed to see that there is one. */
    if (NT_SUCCESS(status) && Config->DefaultQueue && ms_load_relaxed(&device->queue_default))
        status = STATUS_UNSUCCESSFUL;
    if (NT_SUCCESS(status))
        status = ms_object_make(&queue_ops, sizeof(struct ms_queue), QueueAttributes,
                                MS_PARENT_OPTIONAL, &device->object, queue_fill,
                                &(struct queue_fill){device, Config}, &object);
    if (NT_SUCCESS(status)) {
        if (Config->DefaultQueue &&
            !ms_cas_release(&device->queue_default, &none, object)) { /* hb:queue-of */
            ms_object_delete(object);
            status = STATUS_UNSUCCESSFUL;
        }
        WDFQUEUE made = ms_object_made(object);
        if (NT_SUCCESS(status) && Queue)
            *Queue = made;
    }
    ms_object_drop(&device->object);
    return status;
}

WDFDEVICE WdfIoQueueGetDevice(WDFQUEUE Queue)
{
    struct ms_queue *queue = ms_object_from(Queue, MS_OBJECT_QUEUE);

    return queue ? ms_object_handle(&queue->device->object) : NULL;
}

NTSTATUS WdfIoQueueRetrieveNextRequest(WDFQUEUE Queue, WDFREQUEST *OutRequest)
{
    struct ms_queue *queue = ms_object_take(Queue, MS_OBJECT_QUEUE);
    struct ms_request *request;
    KIRQL irql;

    *OutRequest = NULL;
    if (!queue)
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    irql = KeAcquireSpinLockRaiseToDpc(&queue->lock);
    request = queue_next(queue);
    KeReleaseSpinLock(&queue->lock, irql);
    ms_object_drop(&queue->object);
    if (!request)
        return STATUS_NO_MORE_ENTRIES;
    *OutRequest = ms_object_handle(&request->object);
    ms_object_drop(&request->object);
    return STATUS_SUCCESS;
}

NTSTATUS WdfRequestForwardToIoQueue(WDFREQUEST Request, WDFQUEUE DestinationQueue)
{
    struct ms_request *request = ms_request_take(Request);
    struct ms_queue *target, *source;
    NTSTATUS status = STATUS_INVALID_PARAMETER;

    if (!request)
        return status; /* FTL-02 */
    target = ms_object_take(DestinationQueue, MS_OBJECT_QUEUE);
    if (!target)
        goto undo_request;
    status = STATUS_INVALID_DEVICE_REQUEST;
    source = ms_queue_of(request);
    if (source == target || source->device != target->device ||
        ms_request_move(request, request_withdraw) != REQUEST_DONE)
        goto undo_target;
    source = ms_queue_of(request);   /* again: behind that step nobody else forwards it */
    ms_object_hold(&target->object); /* the request's reference on its queue moves with it */
    request_leave(source, request, target);
    ms_queue_put(target, request);
    ms_object_drop(&source->object);
    status = STATUS_SUCCESS;

undo_target:
    ms_object_drop(&target->object);
undo_request:
    ms_object_drop(&request->object);
    return status;
}

/* --- which queue takes what --- */

static ms_atomic_ptr *queue_place(struct ms_device *device, WDF_REQUEST_TYPE type)
{
    struct ms_request probe = {.io = {.type = type}};
    enum ms_io_way way = ms_request_way(&probe);

    return way == MS_IO_WAYS ? NULL : &device->queue_of[way];
}

NTSTATUS WdfDeviceConfigureRequestDispatching(WDFDEVICE Device, WDFQUEUE Queue,
                                              WDF_REQUEST_TYPE RequestType)
{
    struct ms_device *device = ms_object_from(Device, MS_OBJECT_DEVICE);
    struct ms_queue *queue = device ? ms_object_from(Queue, MS_OBJECT_QUEUE) : NULL;
    ms_atomic_ptr *place;
    void *none = NULL;

    if (!queue)
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    place = queue_place(device, RequestType);
    if (!place || queue->device != device)
        return STATUS_INVALID_PARAMETER;
    if (!ms_cas_release(place, &none, queue)) /* hb:queue-of */
        return STATUS_WDF_BUSY;               /* there is one for that type */
    return STATUS_SUCCESS;
}

WDFQUEUE WdfDeviceGetDefaultQueue(WDFDEVICE Device)
{
    struct ms_device *device = ms_object_from(Device, MS_OBJECT_DEVICE);
    struct ms_queue *queue =
        device ? ms_load_acquire(&device->queue_default) : NULL; /* hb:queue-of */

    if (!queue)
        return NULL;
    ms_data_read(&queue->device, sizeof queue->device); /* as all that is const in it */
    return ms_object_handle(&queue->object);
}

static struct ms_queue *queue_for(struct ms_device *device, WDF_REQUEST_TYPE type)
{
    ms_atomic_ptr *place = queue_place(device, type);
    struct ms_queue *queue = place ? ms_load_acquire(place) : NULL; /* hb:queue-of */

    return queue ? queue : ms_load_acquire(&device->queue_default); /* hb:queue-of */
}

static bool is_empty(const struct ms_io *io)
{
    return (io->type == WdfRequestTypeRead || io->type == WdfRequestTypeWrite) && io->length == 0;
}

NTSTATUS ms_wdf_submit(WDFDEVICE device, const struct ms_io *io, WDFREQUEST *request)
{
    struct ms_device *d = ms_object_take(device, MS_OBJECT_DEVICE);
    struct ms_queue *queue;
    struct ms_request *r;
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST;

    if (request)
        *request = NULL;
    if (!d)
        return STATUS_INVALID_PARAMETER;
    queue = queue_for(d, io->type);
    if (queue) {
        ms_data_read(&queue->device, sizeof queue->device); /* as all that is const in it */
        status = ms_request_new(queue, io, &r);
    }
    if (NT_SUCCESS(status)) {
        ms_object_hold(&r->object);
        if (request)
            *request = ms_object_handle(&r->object);
        if (is_empty(io) && !queue->config.AllowZeroLengthRequests)
            ms_request_finish(r, STATUS_SUCCESS); /* WQU-02 */
        else
            ms_queue_put(queue, r);
        ms_object_drop(&r->object);
        status = STATUS_PENDING;
    }
    ms_object_drop(&d->object);
    return status;
}
