/* SPDX-License-Identifier: MIT */
/*
 * lock.c: spin locks as drivers know them: one word, and DISPATCH_LEVEL while it is held. For
 * drivers and the kernel floor's own queues; nothing of the DMA interface takes one.
 *
 * Ordering    hb:spin-lock  acquiring takes the word with acquire, releasing stores it with release
 * Progress    blocking: that is what a lock is. A waiter gives its processor away, because real
 *             threads are preempted where a kernel's are not.
 */
#include "kernel/kernel.h"

static ms_atomic_u64 *word_of(PKSPIN_LOCK lock)
{
    return (ms_atomic_u64 *)(void *)lock;
}

VOID KeInitializeSpinLock(PKSPIN_LOCK SpinLock)
{
    ms_init(word_of(SpinLock), 0);
}

/* What a callback must not leave behind (LVL-07) is counted. */
static void locks_count(uint32_t change)
{
    struct ms_cpu *cpu = ms_cpu_current();

    if (cpu)
        cpu->locks += change;
}

BOOLEAN KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    uint64_t none = 0;

    if (!ms_cas_acquire(word_of(SpinLock), &none, 1)) /* hb:spin-lock */
        return FALSE;
    locks_count(1);
    return TRUE;
}

VOID KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    while (!KeTryToAcquireSpinLockAtDpcLevel(SpinLock))
        ms_thread_yield();
}

VOID KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock)
{
    locks_count(UINT32_MAX);                /* one less */
    ms_store_release(word_of(SpinLock), 0); /* hb:spin-lock */
}

KIRQL KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock)
{
    KIRQL old = KfRaiseIrql(DISPATCH_LEVEL);

    KeAcquireSpinLockAtDpcLevel(SpinLock);
    return old;
}

VOID KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql)
{
    KeReleaseSpinLockFromDpcLevel(SpinLock);
    KeLowerIrql(NewIrql);
}

/* --- lists under a lock that only these routines take: so from any IRQL, at the highest --- */

static KIRQL list_enter(PKSPIN_LOCK lock)
{
    KIRQL old = KfRaiseIrql(HIGH_LEVEL);

    KeAcquireSpinLockAtDpcLevel(lock);
    return old;
}

PLIST_ENTRY ExInterlockedInsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry,
                                        PKSPIN_LOCK Lock)
{
    KIRQL old = list_enter(Lock);
    PLIST_ENTRY first = IsListEmpty(ListHead) ? NULL : ListHead->Flink;

    InsertHeadList(ListHead, ListEntry);
    KeReleaseSpinLock(Lock, old);
    return first;
}

PLIST_ENTRY ExInterlockedInsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry,
                                        PKSPIN_LOCK Lock)
{
    KIRQL old = list_enter(Lock);
    PLIST_ENTRY last = IsListEmpty(ListHead) ? NULL : ListHead->Blink;

    InsertTailList(ListHead, ListEntry);
    KeReleaseSpinLock(Lock, old);
    return last;
}

PLIST_ENTRY ExInterlockedRemoveHeadList(PLIST_ENTRY ListHead, PKSPIN_LOCK Lock)
{
    KIRQL old = list_enter(Lock);
    PLIST_ENTRY first = IsListEmpty(ListHead) ? NULL : RemoveHeadList(ListHead);

    KeReleaseSpinLock(Lock, old);
    return first;
}
