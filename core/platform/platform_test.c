/* SPDX-License-Identifier: MIT */
#include "platform/platform.h"
#include "platform/prng.h"
#include "platform/test.h"

#include <unistd.h>

MS_TEST(masks_cover_every_first_and_count)
{
    for (uint32_t first = 0; first < 64; first++)
        for (uint32_t count = 0; first + count <= 64; count++) {
            uint64_t want = 0;
            for (uint32_t i = 0; i < count; i++)
                want |= UINT64_C(1) << (first + i);
            assert_true(ms_bits_mask(first, count) == want);
        }
}

MS_TEST(one_physical_page_shows_under_two_addresses)
{
    struct ms_host_memory memory;
    uint8_t *window = ms_reserve(8192);
    int ends[2];

    assert_non_null(window);
    assert_true(ms_host_memory_create(&memory, UINT64_C(1) << 36));
    assert_true(ms_host_memory_view(&memory, UINT64_C(5) << 32, window + 4096, 4096));
    window[4096] = 42;
    assert_int_equal(memory.base[UINT64_C(5) << 32], 42);
    assert_true(ms_host_memory_unview(window + 4096, 4096));
    assert_int_equal(window[4096], 0);
    assert_true(ms_host_memory_view(&memory, UINT64_C(5) << 32, window + 4096, 4096));
    assert_int_equal(window[4096], 42);
    assert_true(ms_host_memory_hide(window + 4096, 4096)); /* as write() tells without a fault */
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], window + 4096, 1), -1);
    assert_int_equal(write(ends[1], window, 1), 1);
    close(ends[0]);
    close(ends[1]);
    ms_host_memory_discard(&memory, UINT64_C(5) << 32, 4096);
    assert_int_equal(memory.base[UINT64_C(5) << 32], 0);
    ms_host_memory_destroy(&memory);
    ms_unreserve(window, 8192);
}

MS_TEST(each_fault_fires_once_and_only_in_its_turn)
{
    void *memory[3];

    ms_fault_arm(1);
    for (int i = 0; i < 3; i++)
        memory[i] = ms_alloc(64);
    assert_true(ms_fault_fired());
    assert_non_null(memory[0]);
    assert_null(memory[1]);
    assert_non_null(memory[2]);
    ms_free(memory[0], 64);
    ms_free(memory[2], 64);
}

static void add_one(void *context)
{
    ms_fetch_add_relaxed((ms_atomic_u32 *)context, 1);
}

MS_TEST(threads_start_run_and_join)
{
    ms_atomic_u32 count;

    ms_init(&count, 0);
    struct ms_thread *a = ms_thread_start(add_one, &count);
    struct ms_thread *b = ms_thread_start(add_one, &count);
    assert_non_null(a);
    assert_non_null(b);
    ms_thread_join(a);
    ms_thread_join(b);
    assert_int_equal(ms_load_relaxed(&count), 2);
}

MS_TEST(a_wait_on_a_changed_word_returns_and_on_an_unchanged_one_times_out)
{
    ms_atomic_u32 word;

    ms_init(&word, 7);
    assert_true(ms_wait(&word, 6, UINT64_MAX));
    assert_false(ms_wait(&word, 7, 1000000));
}
