/* SPDX-License-Identifier: MIT */
/*
 * event.c: events, waiting, fast mutexes. An event is one word that sleepers sleep on.
 *
 * Idea        SignalState is 1 or 0. A wait returns when it sees 1; of a synchronization object the
 *             one who swaps it back to 0 has it.
 * Ordering    hb:event  setting releases the word, a wait that returns acquires it
 * Progress    setting is wait-free; waiting waits
 */
#include "kernel/kernel.h"

static ms_atomic_u32 *state_of(DISPATCHER_HEADER *header)
{
    return (ms_atomic_u32 *)(void *)&header->SignalState;
}

/* --- time: 100 ns since the clock's start --- */

VOID KeQuerySystemTime(PLARGE_INTEGER CurrentTime)
{
    CurrentTime->QuadPart = (LONGLONG)(ms_clock_ns() / 100);
}

LARGE_INTEGER KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency)
{
    LARGE_INTEGER now;

    if (PerformanceFrequency)
        PerformanceFrequency->QuadPart = 10 * 1000 * 1000;
    now.QuadPart = (LONGLONG)(ms_clock_ns() / 100);
    return now;
}

/* The clock alone: in the simulator each look at it lets it tick, and no other thread has to do anything. */
VOID KeStallExecutionProcessor(ULONG MicroSeconds)
{
    uint64_t until = ms_clock_ns() + (uint64_t)MicroSeconds * 1000;

    while (ms_clock_ns() < until)
        continue;
}

/* What a driver means by a number too large for nanoseconds: not in this century. */
#define FAR_AWAY ((uint64_t)INT64_MAX)

uint64_t ms_moment_of(LARGE_INTEGER time)
{
    uint64_t now = ms_clock_ns();
    uint64_t units = (uint64_t)time.QuadPart;

    if (time.QuadPart < 0)
        units = 0 - units;
    uint64_t length = units > FAR_AWAY / 100 ? FAR_AWAY : units * 100;
    return time.QuadPart < 0 ? now + length : length;
}

/* --- events --- */

VOID KeInitializeEvent(PRKEVENT Event, EVENT_TYPE Type, BOOLEAN State)
{
    Event->Header.Lock = (LONG)Type;
    Event->Header.WaitListHead.Flink = Event->Header.WaitListHead.Blink =
        &Event->Header.WaitListHead;
    ms_init(state_of(&Event->Header), State ? 1 : 0);
}

LONG ms_object_signal(DISPATCHER_HEADER *header)
{
    uint32_t before = ms_exchange_acq_rel(state_of(header), 1); /* hb:event */

    /* All are woken and those who come too late sleep on: an object does not know its sleepers. */
    ms_wake(state_of(header), UINT32_MAX);
    return (LONG)before;
}

LONG KeSetEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)
{
    (void)Increment, (void)Wait;
    return ms_object_signal(&Event->Header);
}

LONG KeResetEvent(PRKEVENT Event)
{
    return (LONG)ms_exchange_acq_rel(state_of(&Event->Header), 0);
}

VOID KeClearEvent(PRKEVENT Event)
{
    ms_store_release(state_of(&Event->Header), 0);
}

LONG KeReadStateEvent(PRKEVENT Event)
{
    return (LONG)ms_load_acquire(state_of(&Event->Header));
}

static bool object_take(DISPATCHER_HEADER *header)
{
    uint32_t one = 1;

    if (header->Lock == NotificationEvent)
        return ms_load_acquire(state_of(header)) != 0; /* hb:event */
    return ms_cas_acquire(state_of(header), &one, 0);  /* hb:event */
}

NTSTATUS KeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
                               BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    DISPATCHER_HEADER *header = Object;
    uint64_t until = Timeout ? ms_moment_of(*Timeout) : UINT64_MAX;

    (void)WaitReason, (void)WaitMode, (void)Alertable; /* there is nobody to alert a thread */
    while (!object_take(header)) {
        uint64_t now = ms_clock_ns();
        if (now >= until)
            return STATUS_TIMEOUT;
        ms_wait(state_of(header), 0, until == UINT64_MAX ? UINT64_MAX : until - now);
    }
    return STATUS_SUCCESS;
}

NTSTATUS KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                                PLARGE_INTEGER Interval)
{
    KEVENT never;

    KeInitializeEvent(&never, NotificationEvent, FALSE);
    KeWaitForSingleObject(&never, DelayExecution, WaitMode, Alertable, Interval);
    return STATUS_SUCCESS;
}

/* --- fast mutexes --- */

VOID ExInitializeFastMutex(PFAST_MUTEX FastMutex)
{
    FastMutex->Owner = NULL;
    KeInitializeEvent(&FastMutex->Event, SynchronizationEvent, TRUE);
}

VOID ExAcquireFastMutex(PFAST_MUTEX FastMutex)
{
    KIRQL old = KfRaiseIrql(APC_LEVEL);

    KeWaitForSingleObject(&FastMutex->Event, Executive, KernelMode, FALSE, NULL);
    FastMutex->Owner = ms_cpu_current();
    FastMutex->OldIrql = old;
}

VOID ExReleaseFastMutex(PFAST_MUTEX FastMutex)
{
    KIRQL old = (KIRQL)FastMutex->OldIrql;

    FastMutex->Owner = NULL;
    KeSetEvent(&FastMutex->Event, IO_NO_INCREMENT, FALSE);
    KeLowerIrql(old);
}
