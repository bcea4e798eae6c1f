/* SPDX-License-Identifier: MIT */
/*
 * dpc.c: what runs later, on a thread of the machine: DPCs, timers, work items.
 *
 * Idea        two threads, each with a queue: one runs DPCs at DISPATCH_LEVEL and looks at the timers,
 *             one runs work items at PASSIVE_LEVEL. They start with the first that is queued.
 * Picture     insert -> [dpc 3][dpc 7] -> thread: call 3, call 7, sleep on `rung` or the next timer
 * Invariants  I1 a DPC is in the queue exactly while its DpcData is not NULL, so it can be queued
 *                again as soon as its routine is about to be called, and taken out until then
 *             I2 `unfinished` counts what is queued or runs, in both queues
 * Ordering    hb:late-queue  the queue's spin lock orders what an inserter wrote before what runs
 *             hb:late-idle   a finished run is released; who stops the threads acquires it
 * Progress    blocking: a driver may take a DPC out of the queue and free it, so the one who runs it
 *             and the one who takes it out must exclude each other. Nothing of the DMA interface
 *             calls this unless a machine is made to defer its routines.
 */
#include "kernel/kernel.h"

/* --- a queue and its thread --- */

/* hb:late-queue, acquire: what the last holder wrote into the queues is seen. */
static void late_lock(struct ms_late *late)
{
    KeAcquireSpinLockAtDpcLevel(&late->lock);
}

/* hb:late-queue, release. */
static void late_unlock(struct ms_late *late)
{
    KeReleaseSpinLockFromDpcLevel(&late->lock);
}

static void late_ring(struct ms_late *late)
{
    ms_fetch_add_release(&late->rung, 1);
    ms_wake(&late->rung, 1);
}

/* Under the lock. */
static bool late_start(struct ms_late *late, ms_thread_body *body)
{
    if (late->thread)
        return true;
    late->body = body;
    late->thread = ms_thread_start(body, late);
    return late->thread != NULL;
}

/* One more is queued. Under a queue's lock. */
static void late_begun(struct ms_late *late)
{
    ms_fetch_add_relaxed(&late->kernel->unfinished, 1);
}

/* It ran, and all that it queued is counted, or it was taken out. */
static void late_finished(struct ms_kernel *kernel)
{
    if (ms_fetch_sub_release(&kernel->unfinished, 1) == 1) /* hb:late-idle */
        ms_wake(&kernel->unfinished, UINT32_MAX);
}

/* True: its thread has ended. Something that the other thread ran may have been queued too late for it: then
 * it begins anew, and is to be stopped again. */
static bool late_stop(struct ms_late *late)
{
    late_lock(late);
    struct ms_thread *thread = late->thread;
    late_unlock(late);
    if (!thread)
        return true;
    ms_store_release(&late->stop, 1);
    late_ring(late);
    ms_thread_join(thread);
    ms_store_relaxed(&late->stop, 0);
    late_lock(late);
    late->thread = NULL;
    bool is_over = !late->first;
    ms_require(is_over || late_start(late, late->body));
    late_unlock(late);
    return is_over;
}

void ms_kernel_stop(struct ms_kernel *kernel)
{
    uint32_t left;

    do {
        /* What runs may queue more, on either side; nobody else does. hb:late-idle */
        while ((left = ms_load_acquire(&kernel->unfinished)) != 0)
            ms_wait(&kernel->unfinished, left, UINT64_MAX);
    } while (!late_stop(&kernel->dpcs) || !late_stop(&kernel->works) ||
             ms_load_acquire(&kernel->unfinished) != 0); /* a timer may have gone off meanwhile */
}

static struct ms_kernel *kernel_here(void)
{
    struct ms_cpu *cpu = ms_cpu_current();

    ms_require(cpu != NULL); /* the thread is in no machine: ms_machine_enter comes first */
    return cpu->kernel;
}

/* --- DPCs --- */

VOID KeInitializeDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext)
{
    *Dpc = (KDPC){.DeferredRoutine = DeferredRoutine, .DeferredContext = DeferredContext};
}

VOID KeSetImportanceDpc(PRKDPC Dpc, KDPC_IMPORTANCE Importance)
{
    Dpc->u.s.Importance =
        (UCHAR)Importance; /* the queue is first come, first served all the same */
}

VOID KeSetTargetProcessorDpc(PRKDPC Dpc, CCHAR Number)
{
    Dpc->u.s.Number = (USHORT)Number; /* one thread runs them all */
}

/* Under the lock. */
static bool dpc_insert(struct ms_late *late, KDPC *dpc, PVOID argument1, PVOID argument2)
{
    if (dpc->DpcData)
        return false;
    dpc->DpcData = late; /* I1 */
    dpc->SystemArgument1 = argument1;
    dpc->SystemArgument2 = argument2;
    dpc->DpcListEntry = NULL;
    if (late->last)
        ((KDPC *)late->last)->DpcListEntry = dpc;
    else
        late->first = dpc;
    late->last = dpc;
    late_begun(late);
    return true;
}

/* Under the lock: the earliest timer that is due goes off. */
static bool timer_expire(struct ms_late *late, uint64_t now)
{
    if (!late->timers || late->timers->DueTime > now)
        return false;
    KTIMER *timer = late->timers;
    late->timers = (KTIMER *)(void *)timer->TimerListEntry.Flink;
    timer->TimerListEntry.Blink = NULL;
    if (timer->Period > 0)
        ms_timer_link(late, timer, timer->DueTime + (uint64_t)timer->Period * 1000000);
    if (timer->Dpc)
        dpc_insert(late, timer->Dpc, NULL, NULL);
    ms_object_signal(&timer->Header);
    return true;
}

static KDPC *dpc_next(struct ms_late *late)
{
    KDPC *dpc = late->first;

    if (!dpc)
        return NULL;
    late->first = dpc->DpcListEntry;
    if (!late->first)
        late->last = NULL;
    dpc->DpcData = NULL; /* I1 */
    return dpc;
}

static void late_sleep(struct ms_late *late, uint32_t seen, uint64_t due)
{
    uint64_t now = ms_clock_ns();

    if (due > now)
        ms_wait(&late->rung, seen, due == UINT64_MAX ? UINT64_MAX : due - now);
}

static void dpc_thread(void *context)
{
    struct ms_late *late = context;
    struct ms_cpu *cpu = ms_cpu_enter(late->kernel);

    for (;;) {
        uint32_t seen = ms_load_acquire(&late->rung);
        bool is_over = ms_load_acquire(&late->stop); /* before the look: all is queued by then */
        late_lock(late);
        while (timer_expire(late, ms_clock_ns())) {
        }
        KDPC *dpc = dpc_next(late);
        KDPC call = dpc ? *dpc : (KDPC){.DpcData = NULL}; /* the driver's again once called */
        uint64_t due = late->timers ? late->timers->DueTime : UINT64_MAX;
        late_unlock(late);
        if (dpc) {
            cpu->irql = DISPATCH_LEVEL; /* whatever the last one left behind */
            call.DeferredRoutine(dpc, call.DeferredContext, call.SystemArgument1,
                                 call.SystemArgument2);
            late_finished(late->kernel);
        } else if (is_over) {
            break;
        } else {
            late_sleep(late, seen, due);
        }
    }
    cpu->irql = PASSIVE_LEVEL;
    ms_cpu_leave();
}

BOOLEAN KeInsertQueueDpc(PRKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2)
{
    struct ms_late *late = &kernel_here()->dpcs;
    bool inserted;

    late_lock(late);
    inserted = dpc_insert(late, Dpc, SystemArgument1, SystemArgument2);
    ms_require(late_start(late, dpc_thread));
    late_unlock(late);
    if (inserted)
        late_ring(late);
    return inserted;
}

BOOLEAN KeRemoveQueueDpc(PRKDPC Dpc)
{
    struct ms_late *late = &kernel_here()->dpcs;
    KDPC *before = NULL;
    bool was_there;

    late_lock(late);
    was_there = Dpc->DpcData != NULL;
    for (KDPC *at = late->first; was_there && at != Dpc; at = at->DpcListEntry)
        before = at;
    if (was_there) {
        if (before)
            before->DpcListEntry = Dpc->DpcListEntry;
        else
            late->first = Dpc->DpcListEntry;
        if (late->last == Dpc)
            late->last = before;
        Dpc->DpcData = NULL;
    }
    late_unlock(late);
    if (was_there)
        late_finished(late->kernel);
    return was_there;
}

static VOID flush_routine(PKDPC dpc, PVOID context, PVOID argument1, PVOID argument2)
{
    (void)dpc, (void)argument1, (void)argument2;
    KeSetEvent(context, IO_NO_INCREMENT, FALSE);
}

/* One of our own goes behind all that are queued. Counting those that ran would not do: one that was queued later
 * and taken out again would pass for one of them. */
VOID KeFlushQueuedDpcs(VOID)
{
    struct ms_late *late = &kernel_here()->dpcs;
    KEVENT all_ran;
    KDPC last;

    KeInitializeEvent(&all_ran, NotificationEvent, FALSE);
    KeInitializeDpc(&last, flush_routine, &all_ran);
    late_lock(late);
    bool inserted = late->thread && dpc_insert(late, &last, NULL, NULL);
    late_unlock(late);
    if (!inserted)
        return; /* nothing was ever queued */
    late_ring(late);
    KeWaitForSingleObject(&all_ran, Executive, KernelMode, FALSE, NULL);
}

/* --- timers: on the DPC thread's list, earliest first --- */

void ms_timer_link(struct ms_late *late, KTIMER *timer, uint64_t due)
{
    KTIMER **link = &late->timers;

    while (*link && (*link)->DueTime <= due)
        link = (KTIMER **)(void *)&(*link)->TimerListEntry.Flink;
    timer->DueTime = due;
    timer->TimerListEntry.Flink = (LIST_ENTRY *)(void *)*link;
    timer->TimerListEntry.Blink = &timer->TimerListEntry; /* not NULL: it is in the list */
    *link = timer;
}

static bool timer_unlink(struct ms_late *late, KTIMER *timer)
{
    KTIMER **link = &late->timers;

    if (!timer->TimerListEntry.Blink)
        return false;
    while (*link != timer)
        link = (KTIMER **)(void *)&(*link)->TimerListEntry.Flink;
    *link = (KTIMER *)(void *)timer->TimerListEntry.Flink;
    timer->TimerListEntry.Blink = NULL;
    return true;
}

VOID KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type)
{
    *Timer = (KTIMER){.TimerType = (USHORT)Type};
    KeInitializeEvent((PRKEVENT)(void *)&Timer->Header, (EVENT_TYPE)Type, FALSE);
}

VOID KeInitializeTimer(PKTIMER Timer)
{
    KeInitializeTimerEx(Timer, NotificationTimer);
}

BOOLEAN KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc)
{
    struct ms_late *late = &kernel_here()->dpcs;
    bool was_set;

    late_lock(late);
    was_set = timer_unlink(late, Timer);
    KeClearEvent((PRKEVENT)(void *)&Timer->Header);
    Timer->Period = Period > 0 ? (ULONG)Period : 0;
    Timer->Dpc = Dpc;
    ms_timer_link(late, Timer, ms_moment_of(DueTime));
    ms_require(late_start(late, dpc_thread));
    late_unlock(late);
    late_ring(late);
    return was_set;
}

BOOLEAN KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc)
{
    return KeSetTimerEx(Timer, DueTime, 0, Dpc);
}

BOOLEAN KeCancelTimer(PKTIMER Timer)
{
    struct ms_late *late = &kernel_here()->dpcs;
    bool was_set;

    late_lock(late);
    was_set = timer_unlink(late, Timer);
    late_unlock(late);
    return was_set;
}

BOOLEAN KeReadStateTimer(PKTIMER Timer)
{
    return (BOOLEAN)KeReadStateEvent((PRKEVENT)(void *)&Timer->Header);
}

/* --- work items --- */

struct _IO_WORKITEM {
    PIO_WORKITEM next;
    PDEVICE_OBJECT device;
    PIO_WORKITEM_ROUTINE routine;
    PVOID context;
};

PIO_WORKITEM IoAllocateWorkItem(PDEVICE_OBJECT DeviceObject)
{
    PIO_WORKITEM item = ms_alloc(sizeof *item);

    if (item)
        item->device = DeviceObject;
    return item;
}

VOID IoFreeWorkItem(PIO_WORKITEM IoWorkItem)
{
    ms_free(IoWorkItem, sizeof *IoWorkItem);
}

static void work_thread(void *context)
{
    struct ms_late *late = context;

    struct ms_cpu *cpu = ms_cpu_enter(late->kernel);

    for (;;) {
        uint32_t seen = ms_load_acquire(&late->rung);
        bool is_over = ms_load_acquire(&late->stop); /* as in dpc_thread */
        late_lock(late);
        PIO_WORKITEM item = late->first;
        if (item)
            ms_data_read(&item->routine, sizeof item->routine);
        struct _IO_WORKITEM call = item ? *item : (struct _IO_WORKITEM){.next = NULL};
        late->first = call.next;
        if (!late->first)
            late->last = NULL;
        late_unlock(late);
        if (item) {
            cpu->irql = PASSIVE_LEVEL;               /* as in dpc_thread */
            call.routine(call.device, call.context); /* which may free the item */
            late_finished(late->kernel);
        } else if (is_over) {
            break;
        } else {
            late_sleep(late, seen, UINT64_MAX);
        }
    }
    ms_cpu_leave();
}

VOID IoQueueWorkItem(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE WorkerRoutine,
                     WORK_QUEUE_TYPE QueueType, PVOID Context)
{
    struct ms_late *late = &kernel_here()->works;

    (void)QueueType; /* one thread serves all */
    ms_data_write(&IoWorkItem->routine, sizeof IoWorkItem->routine);
    IoWorkItem->next = NULL;
    IoWorkItem->routine = WorkerRoutine;
    IoWorkItem->context = Context;
    late_lock(late);
    if (late->last)
        ((PIO_WORKITEM)late->last)->next = IoWorkItem;
    else
        late->first = IoWorkItem;
    late->last = IoWorkItem;
    late_begun(late);
    ms_require(late_start(late, work_thread));
    late_unlock(late);
    late_ring(late);
}
