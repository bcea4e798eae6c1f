/* SPDX-License-Identifier: MIT */
/* routines_test.c: small routines that drivers call everywhere: time, barriers, levels, lists, look-up. */
#include "kernel/kernel.h"
#include "platform/test.h"

MS_TEST(the_performance_counter_and_the_system_time_are_one_clock)
{
    LARGE_INTEGER frequency = {.QuadPart = 0}, system, before, after;

    before = KeQueryPerformanceCounter(&frequency);
    KeQuerySystemTime(&system);
    after = KeQueryPerformanceCounter(NULL);
    assert_int_equal(frequency.QuadPart, 10000000);
    assert_true(before.QuadPart <= system.QuadPart && system.QuadPart <= after.QuadPart);
    KeStallExecutionProcessor(50);
    assert_true(KeQueryPerformanceCounter(NULL).QuadPart >= after.QuadPart + 500);
    KeStallExecutionProcessor(0);
}

MS_TEST(a_level_is_raised_to_dispatch_and_put_back)
{
    struct ms_kernel *kernel = ms_alloc(sizeof *kernel);

    assert_non_null(kernel);
    ms_kernel_init(kernel, NULL, NULL);
    ms_cpu_enter(kernel);
    assert_int_equal(KeRaiseIrqlToDpcLevel(), PASSIVE_LEVEL);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    assert_int_equal(KeRaiseIrqlToDpcLevel(), DISPATCH_LEVEL);
    KeMemoryBarrier();
    KeLowerIrql(PASSIVE_LEVEL);
    ms_cpu_leave();
    ms_free(kernel, sizeof *kernel);
}

MS_TEST(interlocked_lists_say_who_was_at_their_end_and_keep_the_level)
{
    struct ms_kernel *kernel = ms_alloc(sizeof *kernel);
    LIST_ENTRY head, entry[3];
    KSPIN_LOCK lock;
    KIRQL old;

    assert_non_null(kernel);
    ms_kernel_init(kernel, NULL, NULL);
    ms_cpu_enter(kernel);
    InitializeListHead(&head);
    KeInitializeSpinLock(&lock);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    assert_null(ExInterlockedRemoveHeadList(&head, &lock));
    assert_null(ExInterlockedInsertTailList(&head, &entry[0], &lock));
    assert_ptr_equal(ExInterlockedInsertTailList(&head, &entry[1], &lock), &entry[0]);
    assert_ptr_equal(ExInterlockedInsertHeadList(&head, &entry[2], &lock), &entry[0]);
    assert_ptr_equal(ExInterlockedRemoveHeadList(&head, &lock), &entry[2]);
    assert_ptr_equal(ExInterlockedRemoveHeadList(&head, &lock), &entry[0]);
    assert_ptr_equal(ExInterlockedRemoveHeadList(&head, &lock), &entry[1]);
    assert_true(IsListEmpty(&head));
    assert_null(ExInterlockedInsertHeadList(&head, &entry[0], &lock));
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    assert_int_equal(lock, 0);
    KeLowerIrql(old);
    ms_cpu_leave();
    ms_free(kernel, sizeof *kernel);
}

enum { LIST_THREADS = 4, LIST_ROUNDS = 2000 };

static struct {
    LIST_ENTRY head;
    KSPIN_LOCK lock;
    ms_atomic_u32 taken;
    LIST_ENTRY entry[LIST_THREADS][LIST_ROUNDS];
} shared;

static void list_thread(void *context)
{
    LIST_ENTRY *mine = context;

    for (int i = 0; i < LIST_ROUNDS; i++) {
        if (i % 2)
            ExInterlockedInsertHeadList(&shared.head, &mine[i], &shared.lock);
        else
            ExInterlockedInsertTailList(&shared.head, &mine[i], &shared.lock);
        if (ExInterlockedRemoveHeadList(&shared.head, &shared.lock))
            ms_fetch_add_relaxed(&shared.taken, 1);
    }
}

MS_TEST(interlocked_lists_lose_and_double_nothing_between_threads)
{
    struct ms_thread *thread[LIST_THREADS];

    InitializeListHead(&shared.head);
    KeInitializeSpinLock(&shared.lock);
    ms_init(&shared.taken, 0);
    for (int i = 0; i < LIST_THREADS; i++) {
        thread[i] = ms_thread_start(list_thread, shared.entry[i]);
        assert_non_null(thread[i]);
    }
    for (int i = 0; i < LIST_THREADS; i++)
        ms_thread_join(thread[i]);
    assert_int_equal(ms_load_relaxed(&shared.taken), LIST_THREADS * LIST_ROUNDS);
    assert_true(IsListEmpty(&shared.head));
}

static PVOID look_up(PCWSTR name)
{
    UNICODE_STRING string;

    RtlInitUnicodeString(&string, name);
    return MmGetSystemRoutineAddress(&string);
}

MS_TEST(routines_are_found_by_their_whole_name)
{
    static const WCHAR known[] = {'M', 'm', 'M', 'a', 'p', 'I', 'o', 'S',
                                  'p', 'a', 'c', 'e', 'E', 'x', 0};
    static const WCHAR longer[] = {'M', 'm', 'M', 'a', 'p', 'I', 'o', 'S',
                                   'p', 'a', 'c', 'e', 'E', 'x', '2', 0};
    static const WCHAR none[] = {0};
    PVOID (*found)(PHYSICAL_ADDRESS, SIZE_T, ULONG);
    PVOID address = look_up(known);

    memcpy(&found, &address, sizeof found);
    assert_true(found == MmMapIoSpaceEx);
    assert_null(look_up(longer));
    assert_null(look_up(none));
}
