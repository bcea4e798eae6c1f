/* SPDX-License-Identifier: MIT */
/*
 * device_queue.c: the queue a device object carries: idle, or busy with entries that wait (KDEVICE_
 * QUEUE). Its own word is its lock.
 */
#include "kernel/kernel.h"

VOID KeInitializeDeviceQueue(PKDEVICE_QUEUE DeviceQueue)
{
    InitializeListHead(&DeviceQueue->DeviceListHead);
    KeInitializeSpinLock(&DeviceQueue->Lock);
    DeviceQueue->Busy = FALSE;
}

/* Under the lock: behind all whose key is not greater. */
static void entry_link(PKDEVICE_QUEUE queue, PKDEVICE_QUEUE_ENTRY entry, bool by_key)
{
    PLIST_ENTRY behind = &queue->DeviceListHead;

    if (by_key)
        for (behind = queue->DeviceListHead.Flink; behind != &queue->DeviceListHead;
             behind = behind->Flink)
            if (CONTAINING_RECORD(behind, KDEVICE_QUEUE_ENTRY, DeviceListEntry)->SortKey >
                entry->SortKey)
                break;
    InsertTailList(behind, &entry->DeviceListEntry);
}

static BOOLEAN entry_insert(PKDEVICE_QUEUE queue, PKDEVICE_QUEUE_ENTRY entry, bool by_key)
{
    KIRQL old = KeAcquireSpinLockRaiseToDpc(&queue->Lock);

    entry->Inserted = queue->Busy != FALSE;
    if (entry->Inserted)
        entry_link(queue, entry, by_key);
    queue->Busy = TRUE;
    BOOLEAN inserted = entry->Inserted;
    KeReleaseSpinLock(&queue->Lock, old);
    return inserted;
}

BOOLEAN KeInsertDeviceQueue(PKDEVICE_QUEUE DeviceQueue, PKDEVICE_QUEUE_ENTRY DeviceQueueEntry)
{
    return entry_insert(DeviceQueue, DeviceQueueEntry, false);
}

BOOLEAN KeInsertByKeyDeviceQueue(PKDEVICE_QUEUE DeviceQueue, PKDEVICE_QUEUE_ENTRY DeviceQueueEntry,
                                 ULONG SortKey)
{
    DeviceQueueEntry->SortKey = SortKey;
    return entry_insert(DeviceQueue, DeviceQueueEntry, true);
}

PKDEVICE_QUEUE_ENTRY KeRemoveDeviceQueue(PKDEVICE_QUEUE DeviceQueue)
{
    KIRQL old = KeAcquireSpinLockRaiseToDpc(&DeviceQueue->Lock);
    PKDEVICE_QUEUE_ENTRY entry = NULL;

    if (IsListEmpty(&DeviceQueue->DeviceListHead)) {
        DeviceQueue->Busy = FALSE;
    } else {
        entry = CONTAINING_RECORD(RemoveHeadList(&DeviceQueue->DeviceListHead), KDEVICE_QUEUE_ENTRY,
                                  DeviceListEntry);
        entry->Inserted = FALSE;
    }
    KeReleaseSpinLock(&DeviceQueue->Lock, old);
    return entry;
}

BOOLEAN KeRemoveEntryDeviceQueue(PKDEVICE_QUEUE DeviceQueue, PKDEVICE_QUEUE_ENTRY DeviceQueueEntry)
{
    KIRQL old = KeAcquireSpinLockRaiseToDpc(&DeviceQueue->Lock);
    BOOLEAN was_there = DeviceQueueEntry->Inserted;

    if (was_there) {
        RemoveEntryList(&DeviceQueueEntry->DeviceListEntry);
        DeviceQueueEntry->Inserted = FALSE;
    }
    KeReleaseSpinLock(&DeviceQueue->Lock, old);
    return was_there;
}
