/* SPDX-License-Identifier: MIT */
/*
 * The kernel sliver around DMA: locks, events, DPCs, timers, work items, device queues.
 */
#include "kernel/kernel.h"
#include "platform/test.h"

struct scene {
    struct ms_kernel *kernel;
};

static struct ms_kernel *kernel_open(void)
{
    struct ms_kernel *kernel = ms_alloc(sizeof *kernel);

    assert_non_null(kernel);
    ms_kernel_init(kernel, NULL, NULL);
    ms_cpu_enter(kernel);
    return kernel;
}

static void kernel_close(struct ms_kernel *kernel)
{
    ms_kernel_stop(kernel);
    assert_true(ms_kernel_is_quiet(kernel));
    ms_cpu_leave();
    ms_free(kernel, sizeof *kernel);
}

static LARGE_INTEGER milliseconds(int64_t n)
{
    return (LARGE_INTEGER){.QuadPart = -n * 10000};
}

/* --- DPCs */

enum { DPCS = 8 };

struct dpcs {
    KDPC dpc[DPCS];
    int order[64];
    ms_atomic_u32 ran;
    KEVENT gate;
    KEVENT done;
    KIRQL irql;
};

static void note_routine(PKDPC dpc, PVOID context, PVOID argument1, PVOID argument2)
{
    struct dpcs *dpcs = context;

    (void)dpc;
    assert_ptr_equal(argument2, dpcs);
    dpcs->irql = KeGetCurrentIrql();
    dpcs->order[ms_fetch_add_relaxed(&dpcs->ran, 1)] = (int)(intptr_t)argument1;
}

static void gate_routine(PKDPC dpc, PVOID context, PVOID argument1, PVOID argument2)
{
    struct dpcs *dpcs = context;

    (void)dpc, (void)argument1, (void)argument2;
    KeWaitForSingleObject(&dpcs->gate, Executive, KernelMode, FALSE, NULL);
}

MS_TEST(dpcs_run_once_in_order_at_dispatch_and_can_be_taken_out)
{
    struct ms_kernel *kernel = kernel_open();
    static struct dpcs d;
    KDPC gate;

    memset(&d, 0, sizeof d);
    KeInitializeEvent(&d.gate, NotificationEvent, FALSE);
    KeInitializeDpc(&gate, gate_routine, &d);
    assert_true(
        KeInsertQueueDpc(&gate, NULL, NULL)); /* holds the thread, so that the rest queues */
    for (int i = 0; i < DPCS; i++) {
        KeInitializeDpc(&d.dpc[i], note_routine, &d);
        assert_true(KeInsertQueueDpc(&d.dpc[i], (PVOID)(intptr_t)i, &d));
        assert_false(KeInsertQueueDpc(&d.dpc[i], (PVOID)(intptr_t)99, &d)); /* CPL-11 */
    }
    assert_true(KeRemoveQueueDpc(&d.dpc[7]));
    assert_true(KeRemoveQueueDpc(&d.dpc[3]));
    assert_false(KeRemoveQueueDpc(&d.dpc[3]));
    KeSetEvent(&d.gate, IO_NO_INCREMENT, FALSE);
    KeFlushQueuedDpcs();
    const int want[] = {0, 1, 2, 4, 5, 6};
    assert_int_equal(ms_load_acquire(&d.ran), 6);
    for (int i = 0; i < 6; i++)
        assert_int_equal(d.order[i], want[i]);
    assert_int_equal(d.irql, DISPATCH_LEVEL);
    assert_true(KeInsertQueueDpc(&d.dpc[3], (PVOID)(intptr_t)3, &d)); /* ran: free to go again */
    KeFlushQueuedDpcs();
    assert_int_equal(ms_load_acquire(&d.ran), 7);
    kernel_close(kernel);
}

static void again_routine(PKDPC dpc, PVOID context, PVOID argument1, PVOID argument2)
{
    struct dpcs *dpcs = context;

    (void)argument1, (void)argument2;
    if (ms_fetch_add_acq_rel(&dpcs->ran, 1) < 9)
        assert_true(KeInsertQueueDpc(dpc, NULL, NULL)); /* it is out of the queue already */
    else
        KeSetEvent(&dpcs->done, IO_NO_INCREMENT, FALSE);
}

MS_TEST(a_dpc_may_queue_itself_from_its_own_routine)
{
    struct ms_kernel *kernel = kernel_open();
    static struct dpcs d;

    memset(&d, 0, sizeof d);
    KeInitializeEvent(&d.done, SynchronizationEvent, FALSE);
    KeInitializeDpc(&d.dpc[0], again_routine, &d);
    KeInsertQueueDpc(&d.dpc[0], NULL, NULL);
    assert_status(KeWaitForSingleObject(&d.done, Executive, KernelMode, FALSE, NULL),
                  STATUS_SUCCESS);
    assert_int_equal(ms_load_acquire(&d.ran), 10);
    kernel_close(kernel);
}

/* A DPC queues a work item, that queues the DPC again, and so on: each to the other thread. */
struct chain {
    KDPC dpc;
    DEVICE_OBJECT device;
    PIO_WORKITEM item;
    ms_atomic_u32 dpcs, works;
};

static void chain_work(PDEVICE_OBJECT device, PVOID context)
{
    struct chain *c = context;

    (void)device;
    ms_fetch_add_relaxed(&c->works, 1);
    IoFreeWorkItem(c->item);
    KeFlushQueuedDpcs(); /* the one that queued us is over */
    assert_true(KeInsertQueueDpc(&c->dpc, NULL, NULL));
}

static VOID chain_dpc(PKDPC dpc, PVOID context, PVOID argument1, PVOID argument2)
{
    struct chain *c = context;

    (void)dpc, (void)argument1, (void)argument2;
    if (ms_fetch_add_relaxed(&c->dpcs, 1) == 6)
        return;
    c->item = IoAllocateWorkItem(&c->device);
    IoQueueWorkItem(c->item, chain_work, DelayedWorkQueue, c);
}

MS_TEST(stopping_runs_what_is_queued_and_what_that_queues)
{
    for (int round = 0; round < 20; round++) {
        struct ms_kernel *kernel = kernel_open();
        static struct chain c;
        memset(&c, 0, sizeof c);
        KeInitializeDpc(&c.dpc, chain_dpc, &c);
        assert_true(KeInsertQueueDpc(&c.dpc, NULL, NULL));
        ms_kernel_stop(kernel);
        assert_int_equal(ms_load_relaxed(&c.dpcs), 7);
        assert_int_equal(ms_load_relaxed(&c.works), 6);
        kernel_close(kernel);
    }
}

/* --- events */

MS_TEST(a_notification_stays_and_a_synchronization_event_lets_one_through)
{
    struct ms_kernel *kernel = kernel_open();
    LARGE_INTEGER now = {.QuadPart = 0}, soon = milliseconds(2), absolute;
    KEVENT event;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    assert_status(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &now),
                  STATUS_TIMEOUT);
    assert_status(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &soon),
                  STATUS_TIMEOUT);
    KeQuerySystemTime(&absolute);
    absolute.QuadPart += 10000;
    assert_status(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &absolute),
                  STATUS_TIMEOUT);
    assert_int_equal(KeSetEvent(&event, IO_NO_INCREMENT, FALSE), 0);
    assert_int_equal(KeSetEvent(&event, IO_NO_INCREMENT, FALSE), 1);
    for (int i = 0; i < 2; i++)
        assert_status(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &now),
                      STATUS_SUCCESS);
    assert_int_equal(KeReadStateEvent(&event), 1);
    assert_int_equal(KeResetEvent(&event), 1);
    assert_int_equal(KeReadStateEvent(&event), 0);
    KeInitializeEvent(&event, SynchronizationEvent, TRUE);
    assert_status(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL),
                  STATUS_SUCCESS);
    assert_status(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &now),
                  STATUS_TIMEOUT);
    kernel_close(kernel);
}

/* --- timers */

static void count_routine(PKDPC dpc, PVOID context, PVOID argument1, PVOID argument2)
{
    struct dpcs *dpcs = context;

    (void)dpc, (void)argument1, (void)argument2;
    if (ms_fetch_add_acq_rel(&dpcs->ran, 1) == 2)
        KeSetEvent(&dpcs->done, IO_NO_INCREMENT, FALSE);
}

MS_TEST(a_timer_goes_off_when_it_is_due_again_and_again_until_it_is_cancelled)
{
    struct ms_kernel *kernel = kernel_open();
    static struct dpcs d;
    LARGE_INTEGER far = milliseconds(100000);
    KTIMER timer, other;

    memset(&d, 0, sizeof d);
    KeInitializeEvent(&d.done, NotificationEvent, FALSE);
    KeInitializeDpc(&d.dpc[0], count_routine, &d);
    KeInitializeTimer(&timer);
    KeInitializeTimerEx(&other, SynchronizationTimer);
    assert_false(KeSetTimer(&timer, far, &d.dpc[0]));
    assert_true(KeSetTimer(&timer, far, &d.dpc[0]));
    assert_true(KeCancelTimer(&timer));
    assert_false(KeCancelTimer(&timer));
    assert_int_equal(ms_load_acquire(&d.ran), 0);
    KeSetTimer(&timer, far, NULL);
    assert_false(KeSetTimer(&other, milliseconds(1), NULL)); /* before the first in the list */
    assert_status(KeWaitForSingleObject(&other, Executive, KernelMode, FALSE, NULL),
                  STATUS_SUCCESS);
    assert_false(KeReadStateTimer(&other));
    assert_true(KeCancelTimer(&timer));
    KeSetTimerEx(&timer, milliseconds(1), 1, &d.dpc[0]);
    assert_status(KeWaitForSingleObject(&d.done, Executive, KernelMode, FALSE, NULL),
                  STATUS_SUCCESS);
    assert_true(KeReadStateTimer(&timer));
    assert_true(KeCancelTimer(&timer));
    KeFlushQueuedDpcs();
    kernel_close(kernel);
}

/* --- work items */

struct work {
    PIO_WORKITEM item;
    KEVENT done;
    KIRQL irql;
    PDEVICE_OBJECT device;
};

static void work_routine(PDEVICE_OBJECT device, PVOID context)
{
    struct work *work = context;

    work->irql = KeGetCurrentIrql();
    work->device = device;
    IoFreeWorkItem(work->item);
    KeSetEvent(&work->done, IO_NO_INCREMENT, FALSE);
}

MS_TEST(a_work_item_runs_at_passive_level_and_may_free_itself)
{
    struct ms_kernel *kernel = kernel_open();
    DEVICE_OBJECT device = {.Type = 3};
    struct work work[2];

    for (int i = 0; i < 2; i++) {
        work[i] = (struct work){.irql = HIGH_LEVEL, .item = IoAllocateWorkItem(&device)};
        assert_non_null(work[i].item);
        KeInitializeEvent(&work[i].done, NotificationEvent, FALSE);
        IoQueueWorkItem(work[i].item, work_routine, DelayedWorkQueue, &work[i]);
    }
    for (int i = 0; i < 2; i++) {
        KeWaitForSingleObject(&work[i].done, Executive, KernelMode, FALSE, NULL);
        assert_int_equal(work[i].irql, PASSIVE_LEVEL);
        assert_ptr_equal(work[i].device, &device);
    }
    kernel_close(kernel);
}

/* --- locks */

struct count {
    struct ms_kernel *kernel;
    KSPIN_LOCK lock;
    FAST_MUTEX mutex;
    int by_lock, by_mutex;
};

static void count_body(void *context)
{
    struct count *count = context;

    ms_cpu_enter(count->kernel);
    for (int i = 0; i < 2000; i++) {
        KIRQL old;
        KeAcquireSpinLock(&count->lock, &old);
        assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
        count->by_lock++;
        KeReleaseSpinLock(&count->lock, old);
        ExAcquireFastMutex(&count->mutex);
        assert_int_equal(KeGetCurrentIrql(), APC_LEVEL);
        count->by_mutex++;
        ExReleaseFastMutex(&count->mutex);
    }
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

MS_TEST(locks_let_one_thread_in_at_a_time_and_raise_the_level)
{
    struct ms_kernel *kernel = kernel_open();
    static struct count count;
    struct ms_thread *threads[2];

    count = (struct count){.kernel = kernel};
    KeInitializeSpinLock(&count.lock);
    ExInitializeFastMutex(&count.mutex);
    for (int i = 0; i < 2; i++)
        threads[i] = ms_thread_start(count_body, &count);
    for (int i = 0; i < 2; i++)
        ms_thread_join(threads[i]);
    assert_int_equal(count.by_lock, 4000);
    assert_int_equal(count.by_mutex, 4000);
    KeAcquireSpinLockAtDpcLevel(&count.lock);
    assert_false(KeTryToAcquireSpinLockAtDpcLevel(&count.lock));
    KeReleaseSpinLockFromDpcLevel(&count.lock);
    kernel_close(kernel);
}

/* --- device queues */

MS_TEST(a_device_queue_is_idle_or_busy_and_keeps_its_order)
{
    struct ms_kernel *kernel = kernel_open();
    KDEVICE_QUEUE_ENTRY entry[4];
    KDEVICE_QUEUE queue;

    memset(entry, 0, sizeof entry);
    KeInitializeDeviceQueue(&queue);
    assert_false(KeInsertDeviceQueue(&queue, &entry[0])); /* idle: it is to be worked on now */
    assert_true(KeInsertByKeyDeviceQueue(&queue, &entry[1], 7));
    assert_true(KeInsertByKeyDeviceQueue(&queue, &entry[2], 3));
    assert_true(KeInsertByKeyDeviceQueue(&queue, &entry[3], 7));
    assert_true(KeRemoveEntryDeviceQueue(&queue, &entry[1]));
    assert_false(KeRemoveEntryDeviceQueue(&queue, &entry[1]));
    assert_ptr_equal(KeRemoveDeviceQueue(&queue), &entry[2]);
    assert_ptr_equal(KeRemoveDeviceQueue(&queue), &entry[3]);
    assert_null(KeRemoveDeviceQueue(&queue));
    assert_false(KeInsertDeviceQueue(&queue, &entry[1]));
    kernel_close(kernel);
}

MS_TEST(interlocked_operations_return_what_windows_says)
{
    LONG n = 5;
    PVOID p = &n;

    assert_int_equal(InterlockedIncrement(&n), 6);
    assert_int_equal(InterlockedDecrement(&n), 5);
    assert_int_equal(InterlockedExchange(&n, 8), 5);
    assert_int_equal(InterlockedExchangeAdd(&n, 2), 8);
    assert_int_equal(InterlockedCompareExchange(&n, 1, 9), 10);
    assert_int_equal(InterlockedCompareExchange(&n, 1, 10), 10);
    assert_int_equal(InterlockedOr(&n, 6), 1);
    assert_int_equal(InterlockedAnd(&n, 2), 7);
    assert_int_equal(n, 2);
    assert_ptr_equal(InterlockedCompareExchangePointer(&p, NULL, &n), &n);
    assert_null(InterlockedExchangePointer(&p, &n));
    LONGLONG big = 0xFFFFFFFF;
    assert_int_equal(InterlockedIncrement64(&big), 0x100000000);
    assert_int_equal(InterlockedDecrement64(&big), 0xFFFFFFFF);
    assert_int_equal(InterlockedExchangeAdd64(&big, 2), 0xFFFFFFFF);
    assert_int_equal(InterlockedCompareExchange64(&big, 7, 8), 0x100000001);
    assert_int_equal(InterlockedCompareExchange64(&big, 7, 0x100000001), 0x100000001);
    assert_int_equal(InterlockedExchange64(&big, -1), 7);
    assert_int_equal(InterlockedIncrement64(&big), 0);
    n = -1;
    assert_int_equal(InterlockedIncrement(&n), 0);
    assert_int_equal(InterlockedDecrement(&n), -1);
}

/* --- moments beyond the clock's range, levels that a routine left behind */

/* KeSetTimer, KeWaitForSingleObject: as far away as a driver can say is far away, not now. */
MS_TEST(a_time_too_far_to_count_is_far_away)
{
    static const int64_t far[] = {INT64_MIN,        INT64_MIN + 1,       INT64_MAX,
                                  INT64_MAX - 1,    -(INT64_C(1) << 62), INT64_C(1) << 62,
                                  INT64_C(1) << 61, -(INT64_C(3) << 61), INT64_C(3) << 61};
    const uint64_t year = UINT64_C(365) * 86400 * 1000 * 1000 * 1000;

    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        uint64_t now = ms_clock_ns();
        assert_true(ms_moment_of((LARGE_INTEGER){.QuadPart = far[i]}) > now + year);
    }
    assert_int_equal(ms_moment_of((LARGE_INTEGER){.QuadPart = 7}), 700);
}

struct levels {
    KEVENT done;
    KIRQL leave, seen[2];
    int calls;
    KDPC dpc[2];
    PIO_WORKITEM item[2];
};

static void level_note(struct levels *levels)
{
    levels->seen[levels->calls++] = KeGetCurrentIrql();
    KeLowerIrql(levels->leave); /* and does not put it back */
    if (levels->calls == 2)
        KeSetEvent(&levels->done, IO_NO_INCREMENT, FALSE);
}

static void level_dpc(PKDPC dpc, PVOID context, PVOID argument1, PVOID argument2)
{
    (void)dpc, (void)argument1, (void)argument2;
    level_note(context);
}

static void level_work(PDEVICE_OBJECT device, PVOID context)
{
    (void)device;
    level_note(context);
}

/* IRQ-23, MSV-31: a routine that returns at another level harms itself, not the next one. */
MS_TEST(the_level_that_a_routine_left_behind_is_not_the_next_ones)
{
    struct ms_kernel *kernel = kernel_open();
    struct levels levels = {.leave = PASSIVE_LEVEL};

    KeInitializeEvent(&levels.done, NotificationEvent, FALSE);
    for (int i = 0; i < 2; i++)
        KeInitializeDpc(&levels.dpc[i], level_dpc, &levels);
    for (int i = 0; i < 2; i++)
        KeInsertQueueDpc(&levels.dpc[i], NULL, NULL);
    KeWaitForSingleObject(&levels.done, Executive, KernelMode, FALSE, NULL);
    assert_int_equal(levels.seen[0], DISPATCH_LEVEL);
    assert_int_equal(levels.seen[1], DISPATCH_LEVEL);

    levels.calls = 0;
    levels.leave = DISPATCH_LEVEL;
    KeClearEvent(&levels.done);
    for (int i = 0; i < 2; i++) {
        levels.item[i] = IoAllocateWorkItem(NULL);
        IoQueueWorkItem(levels.item[i], level_work, DelayedWorkQueue, &levels);
    }
    KeWaitForSingleObject(&levels.done, Executive, KernelMode, FALSE, NULL);
    assert_int_equal(levels.seen[0], PASSIVE_LEVEL);
    assert_int_equal(levels.seen[1], PASSIVE_LEVEL);
    kernel_close(kernel); /* the items are free only when their routines have returned */
    for (int i = 0; i < 2; i++)
        IoFreeWorkItem(levels.item[i]);
}
