/* SPDX-License-Identifier: MIT */
/*
 * misuse_tricks.h: what a driver can do wrong with other objects than transactions: each trick breaks one
 * rule and mends what it did. Included by misuse_fuzz.c, once.
 */
#ifndef FUZZ_MISUSE_TRICKS_H
#define FUZZ_MISUSE_TRICKS_H

typedef struct _TRICK_CONTEXT {
    ULONG Nothing;
} TRICK_CONTEXT;
WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(TRICK_CONTEXT, trick_context_of)

/* --- handles and objects -------------------------------------------------------------------------------- */

static void trick_wrong_kind(void)
{
    (void)WdfDmaTransactionRelease((WDFDMATRANSACTION)(PVOID)k.enabler);
}

static void trick_no_handle(void)
{
    (void)WdfDmaTransactionRelease(NULL);
}

static void trick_null(void)
{
    (void)WdfDmaTransactionCreate(k.enabler, NULL, NULL);
}

static void trick_dereference(void)
{
    WdfObjectDereference(k.lock);
}

static void trick_delete_twice(void)
{
    WDFOBJECT object;

    ms_require(NT_SUCCESS(WdfObjectCreate(NULL, &object)));
    WdfObjectReference(object); /* it stays, and is deleted all the same (OBJ-05) */
    WdfObjectDelete(object);
    WdfObjectDelete(object);
    WdfObjectDereference(object);
}

static void trick_delete_forbidden(void)
{
    WdfObjectDelete(k.device);
}

static void trick_context(void)
{
    (void)trick_context_of(k.device);
}

static void trick_irql(void)
{
    WDFCOMMONBUFFER buffer;
    KIRQL old;

    KeRaiseIrql(DISPATCH_LEVEL, &old);
    NTSTATUS status = WdfCommonBufferCreate(k.other, 64, NULL, &buffer);
    KeLowerIrql(old);
    if (NT_SUCCESS(status))
        WdfObjectDelete(buffer);
}

/* A system enabler that is gone after the trick. */
static WDFDMAENABLER system_take(int configurations)
{
    WDFDMAENABLER enabler = bad_enabler_make(k.device, WdfDmaProfileSystem, 3, FRAGMENT);

    for (int i = 0; i < configurations; i++)
        (void)bad_system_configure(enabler, 0x1008);
    return enabler;
}

static void trick_configured_twice(void)
{
    WdfObjectDelete(system_take(2));
}

static BOOLEAN on_configure(WDFDMATRANSACTION trx, WDFDEVICE device, PVOID context, PMDL mdl,
                            size_t offset, size_t length)
{
    (void)trx, (void)device, (void)context, (void)mdl, (void)offset, (void)length;
    return FALSE;
}

static void trick_configure_false(void)
{
    WDFDMAENABLER enabler = system_take(1);
    WDFDMATRANSACTION trx;
    NTSTATUS status;

    ms_require(NT_SUCCESS(WdfDmaTransactionCreate(enabler, NULL, &trx)));
    ms_require(NT_SUCCESS(WdfDmaTransactionInitializeUsingOffset(
        trx, on_program, WdfDmaDirectionReadFromDevice, k.mdl[SLOTS], 0, FRAGMENT)));
    WdfDmaTransactionSetChannelConfigurationCallback(trx, on_configure, NULL);
    ms_require(NT_SUCCESS(WdfDmaTransactionExecute(trx, NULL)));
    ms_require(WdfDmaTransactionDmaCompletedFinal(trx, 0, &status)); /* it stays in Transfer */
    WdfObjectDelete(enabler);
}

static void trick_not_configured(void)
{
    WDFDMATRANSACTION trx;

    ms_require(NT_SUCCESS(WdfDmaTransactionCreate(k.unready, NULL, &trx)));
    (void)WdfDmaTransactionInitializeUsingOffset(trx, on_program, WdfDmaDirectionReadFromDevice,
                                                 k.mdl[SLOTS], 0, FRAGMENT);
    WdfObjectDelete(trx);
}

/* --- locks ---------------------------------------------------------------------------------------------- */

static void trick_lock_twice(void)
{
    WdfSpinLockAcquire(k.lock);
    WdfSpinLockAcquire(k.lock);
    WdfSpinLockRelease(k.lock);
    WdfSpinLockRelease(k.lock);
}

static void trick_unlock(void)
{
    WdfSpinLockRelease(k.lock);
}

static void trick_lock_deleted(void)
{
    WDFSPINLOCK lock;

    ms_require(NT_SUCCESS(WdfSpinLockCreate(NULL, &lock)));
    WdfObjectReference(lock);
    WdfSpinLockAcquire(lock);
    WdfObjectDelete(lock);
    WdfObjectDereference(lock);
    KeLowerIrql(PASSIVE_LEVEL); /* the lock is gone, and with it what it would have gone back to */
    ms_cpu_current()->locks = 0;
}

/* --- callbacks: a timer's -------------------------------------------------------------------------------- */

enum { TIMER_QUIET, TIMER_RAISES, TIMER_LOCKS, TIMER_WAITS };

static VOID on_timer(WDFTIMER timer)
{
    switch (k.trick) {
    case TIMER_RAISES:
        (void)KfRaiseIrql(DISPATCH_LEVEL + 1);
        break;
    case TIMER_LOCKS:
        WdfSpinLockAcquire(k.lock);
        break;
    case TIMER_WAITS:
        KeLowerIrql(PASSIVE_LEVEL);
        (void)WdfTimerStop(timer, TRUE);
        (void)KfRaiseIrql(DISPATCH_LEVEL);
        break;
    default:
        break;
    }
}

static void timer_goes_off(uint8_t trick)
{
    k.trick = trick;
    (void)WdfTimerStart(k.timer, -1);
    ms_require(ms_wdf_timer_fire(k.timer));
    k.trick = TIMER_QUIET;
}

static void trick_callback_irql(void)
{
    timer_goes_off(TIMER_RAISES);
}

static void trick_callback_lock(void)
{
    timer_goes_off(TIMER_LOCKS);
    WdfSpinLockRelease(k.lock);
    KeLowerIrql(PASSIVE_LEVEL);
}

static void trick_wait_inside(void)
{
    timer_goes_off(TIMER_WAITS);
}

/* --- requests ------------------------------------------------------------------------------------------- */

static void on_done(void *context, NTSTATUS status, ULONG_PTR information)
{
    (void)context, (void)status, (void)information;
    k.done++;
}

static VOID on_request_cancel(WDFREQUEST request)
{
    WdfRequestComplete(request, STATUS_CANCELLED);
}

/* One that the driver has, with a reference that keeps its handle good. */
static WDFREQUEST request_take(void)
{
    const struct ms_io io = {
        .type = WdfRequestTypeRead, .mdl = k.mdl[SLOTS], .length = FRAGMENT, .done = on_done};
    WDFREQUEST request;

    ms_require(ms_wdf_submit(k.device, &io, NULL) == STATUS_PENDING);
    ms_require(NT_SUCCESS(WdfIoQueueRetrieveNextRequest(k.queue, &request)));
    WdfObjectReference(request);
    return request;
}

/* However it was misused, it is completed once. */
static void request_end(WDFREQUEST request, uint32_t done)
{
    if (k.done == done)
        WdfRequestComplete(request, STATUS_SUCCESS);
    if (k.done != done + 1)
        ms_sim_fail("O3 a request was not completed once", "%u times", k.done - done);
    WdfObjectDereference(request);
}

static void trick_complete_twice(void)
{
    uint32_t done = k.done;
    WDFREQUEST request = request_take();

    WdfRequestComplete(request, STATUS_SUCCESS);
    WdfRequestComplete(request, STATUS_SUCCESS);
    request_end(request, done);
}

/* It is in a queue again, where the driver forwarded it: the old handle is no right to it. */
static void trick_complete_forwarded(void)
{
    uint32_t done = k.done;
    WDFREQUEST request = request_take(), again;

    ms_require(NT_SUCCESS(WdfRequestForwardToIoQueue(request, k.second)));
    WdfRequestComplete(request, STATUS_SUCCESS);
    if (k.done != done)
        ms_sim_fail("O3 a request was completed out of a queue", "%u times", k.done - done);
    ms_require(NT_SUCCESS(WdfIoQueueRetrieveNextRequest(k.second, &again)) && again == request);
    request_end(request, done);
}

static void trick_complete_marked(void)
{
    uint32_t done = k.done;
    WDFREQUEST request = request_take();

    ms_require(NT_SUCCESS(WdfRequestMarkCancelableEx(request, on_request_cancel)));
    WdfRequestComplete(request, STATUS_SUCCESS);
    (void)WdfRequestUnmarkCancelable(request);
    request_end(request, done);
}

static void trick_complete_busy(void)
{
    uint32_t done = k.done;
    WDFREQUEST request = request_take();
    NTSTATUS status;

    ms_require(NT_SUCCESS(WdfDmaTransactionInitializeUsingRequest(k.extra, request, on_program,
                                                                  WdfDmaDirectionReadFromDevice)));
    ms_require(NT_SUCCESS(WdfDmaTransactionExecute(k.extra, NULL)));
    WdfRequestComplete(request, STATUS_SUCCESS);
    if (k.done != done)
        ms_sim_fail("O3 a request went under a transfer", "%u", k.done);
    ms_require(WdfDmaTransactionDmaCompleted(k.extra, &status));
    request_end(request, done);
    (void)WdfDmaTransactionRelease(k.extra);
}

static void trick_information(void)
{
    uint32_t done = k.done;
    WDFREQUEST request = request_take();

    WdfRequestCompleteWithInformation(request, STATUS_SUCCESS, FRAGMENT + 1);
    request_end(request, done);
}

static void trick_mark_twice(void)
{
    uint32_t done = k.done;
    WDFREQUEST request = request_take();

    for (int i = 0; i < 2; i++)
        WdfRequestMarkCancelable(request, on_request_cancel);
    (void)WdfRequestUnmarkCancelable(request);
    request_end(request, done);
}

static void trick_unmark(void)
{
    uint32_t done = k.done;
    WDFREQUEST request = request_take();

    (void)WdfRequestUnmarkCancelable(request);
    request_end(request, done);
}

static void trick_is_canceled(void)
{
    uint32_t done = k.done;
    WDFREQUEST request = request_take();

    ms_require(NT_SUCCESS(WdfRequestMarkCancelableEx(request, on_request_cancel)));
    (void)WdfRequestIsCanceled(request);
    (void)WdfRequestUnmarkCancelable(request);
    request_end(request, done);
}

static void trick_timer_child(void)
{
    uint32_t done = k.done;
    WDFREQUEST request = request_take();
    WDF_OBJECT_ATTRIBUTES attributes;
    WDF_TIMER_CONFIG config;
    WDFTIMER timer;
    KIRQL old;

    WDF_TIMER_CONFIG_INIT(&config, on_timer);
    config.AutomaticSerialization = FALSE;
    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.ParentObject = request;
    ms_require(NT_SUCCESS(WdfTimerCreate(&config, &attributes, &timer)));
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    WdfRequestComplete(request, STATUS_SUCCESS);
    KeLowerIrql(old);
    request_end(request, done);
}

/* --- all of them ---------------------------------------------------------------------------------------- */

struct trick {
    const char *name;
    void (*play)(void);
    enum ms_rule rule;
};

static const struct trick tricks[] = {
    {"a handle of another kind", trick_wrong_kind, MS_RULE_WDF_HANDLE},
    {"no handle", trick_no_handle, MS_RULE_WDF_HANDLE},
    {"a mandatory pointer is NULL", trick_null, MS_RULE_WDF_NULL},
    {"a reference that nobody took is dropped", trick_dereference, MS_RULE_WDF_REFERENCE},
    {"a deleted object is deleted", trick_delete_twice, MS_RULE_WDF_HANDLE},
    {"the device is deleted", trick_delete_forbidden, MS_RULE_WDF_DELETE_FORBIDDEN},
    {"a context of another type", trick_context, MS_RULE_WDF_CONTEXT_TYPE},
    {"a common buffer is made at DISPATCH_LEVEL", trick_irql, MS_RULE_WDF_IRQL},
    {"a direction is configured twice", trick_configured_twice, MS_RULE_WDF_CONFIGURED_TWICE},
    {"the configure callback says no, and ends nothing", trick_configure_false,
     MS_RULE_WDF_CONFIGURE_FALSE},
    {"an enabler is used before its profile is configured", trick_not_configured,
     MS_RULE_WDF_NOT_CONFIGURED},
    {"a lock is taken by its holder", trick_lock_twice, MS_RULE_WDF_LOCK_RECURSION},
    {"a lock is released that nobody holds", trick_unlock, MS_RULE_WDF_LOCK_OWNER},
    {"a lock is deleted that is held", trick_lock_deleted, MS_RULE_WDF_LOCK_DELETED},
    {"a callback returns at another IRQL", trick_callback_irql, MS_RULE_WDF_CALLBACK_IRQL},
    {"a callback returns with a lock", trick_callback_lock, MS_RULE_WDF_CALLBACK_LOCK},
    {"a callback waits for its own end", trick_wait_inside, MS_RULE_WDF_WAIT_INSIDE},
    {"a request is completed twice", trick_complete_twice, MS_RULE_WDF_HANDLE},
    {"a marked request is completed", trick_complete_marked, MS_RULE_WDF_COMPLETE_MARKED},
    {"a request is completed under its transfer", trick_complete_busy, MS_RULE_WDF_COMPLETE_BUSY},
    {"a request is completed with too much information", trick_information,
     MS_RULE_WDF_INFORMATION},
    {"a request is marked twice", trick_mark_twice, MS_RULE_WDF_MARK_TWICE},
    {"a request is unmarked that is not marked", trick_unmark, MS_RULE_WDF_UNMARK},
    {"a marked request is asked whether it is cancelled", trick_is_canceled,
     MS_RULE_WDF_IS_CANCELED},
    {"a request is completed at DISPATCH_LEVEL with a timer", trick_timer_child,
     MS_RULE_WDF_TIMER_CHILD},
    {"a request is completed that is in a queue", trick_complete_forwarded,
     MS_RULE_WDF_COMPLETE_TWICE},
};

static const struct trick *trick_of(uint8_t operand)
{
    return &tricks[operand % (sizeof tricks / sizeof tricks[0])];
}

static void do_trick(uint8_t operand)
{
    trick_of(operand)->play();
    expect(trick_of(operand)->rule, trick_of(operand)->name);
    if (KeGetCurrentIrql() != PASSIVE_LEVEL)
        ms_sim_fail("O7 the IRQL is not what it was", "%u", KeGetCurrentIrql());
}

#endif
