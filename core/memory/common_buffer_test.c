/* SPDX-License-Identifier: MIT */
#include "memory/test_memory.h"

#define PAGE UINT64_C(4096)
#define MIB  UINT64_C(0x100000)
#define GIB  (1024 * MIB)

MS_TEST(common_buffer_lies_inside_its_limits) /* CBF-02, CBF-05, CBF-08, CBF-12 */
{
    static const struct {
        const char *name;
        uint64_t bytes, align_pages, lowest, highest;
        uint64_t want; /* the logical address; UINT64_MAX: refused */
    } cases[] = {
        {"the highest span of 4 GiB", 1, 1, 0, UINT64_MAX, 64 * GIB},
        {"a 32-bit mask is inclusive", PAGE, 1, 0, 0xFFFFFFFF, 16 * MIB},
        {"a 24-bit mask", 3 * PAGE, 1, 0, 0xFFFFFF, 0},
        {"low memory last", PAGE, 1, 0, 16 * MIB + PAGE - 1, 16 * MIB},
        {"low memory when nothing else fits", PAGE, 1, 0, 16 * MIB + PAGE - 2, 0},
        {"the last byte counts, not the page", 100, 1, 5 * PAGE, 5 * PAGE + 99, 5 * PAGE},
        {"one byte too many", 101, 1, 5 * PAGE, 5 * PAGE + 99, UINT64_MAX},
        {"starts on a page", 1, 1, 5 * PAGE + 1, 7 * PAGE, 6 * PAGE},
        {"no page starts there", 1, 1, 5 * PAGE + 1, 6 * PAGE - 1, UINT64_MAX},
        {"last page before the hole", PAGE, 1, 3 * GIB - PAGE, 4 * GIB - 1, 3 * GIB - PAGE},
        {"the hole", PAGE, 1, 3 * GIB, 4 * GIB - 1, UINT64_MAX},
        {"across 8 GiB is not possible", 2 * PAGE, 1, 8 * GIB - PAGE, 8 * GIB + PAGE - 1,
         UINT64_MAX},
        {"nor with one byte", PAGE + 1, 1, 8 * GIB - PAGE, 8 * GIB + PAGE - 1, UINT64_MAX},
        {"beside 8 GiB is", PAGE, 1, 8 * GIB - PAGE, 8 * GIB + PAGE - 2, 8 * GIB - PAGE},
        {"large pages", 3 * PAGE, 512, 4 * GIB + 1, 5 * GIB, 4 * GIB + 2 * MIB},
        {"the last page of all", PAGE, 1, 68 * GIB - PAGE, UINT64_MAX, 68 * GIB - PAGE},
        {"above all RAM", PAGE, 1, 68 * GIB, UINT64_MAX, UINT64_MAX},
        {"limits the wrong way round", PAGE, 1, 2 * PAGE, PAGE, UINT64_MAX},
        {"nothing", 0, 1, 0, UINT64_MAX, UINT64_MAX}, /* CBF-11 */
        {"more than any span", 4 * GIB + 1, 1, 0, UINT64_MAX, UINT64_MAX},
        {"more than could be counted", UINT64_MAX, 1, 0, UINT64_MAX, UINT64_MAX},
    };
    struct test_memory t = test_memory_enter();

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ms_la logical = {UINT64_MAX};
        void *buffer =
            ms_common_buffer_create(t.memory, cases[i].bytes, cases[i].align_pages,
                                    (ms_la){cases[i].lowest}, (ms_la){cases[i].highest}, &logical);

        if ((buffer != NULL) != (cases[i].want != UINT64_MAX) || logical.value != cases[i].want)
            fail_msg("%s: at 0x%llx", cases[i].name, (unsigned long long)logical.value);
        if (buffer) {
            assert_int_equal((uintptr_t)buffer % PAGE, 0);
            assert_true(ms_common_buffer_destroy(t.memory, buffer, cases[i].bytes, logical));
        }
    }
    test_memory_leave(&t);
}

MS_TEST(common_buffer_is_zero_and_shared_with_the_device) /* CBF-13, CBF-14, CBF-15 */
{
    struct test_memory t = test_memory_enter();
    enum { BYTES = 5 * 4096 - 17 };

    for (int round = 0; round < 2; round++) {
        ms_la logical;
        uint8_t *buffer =
            ms_common_buffer_create(t.memory, BYTES, 1, (ms_la){0}, (ms_la){0xFFFFFFFF}, &logical);
        uint8_t *device = ms_memory_at(t.memory, (ms_pa){logical.value}, BYTES);
        MDL *mdl = IoAllocateMdl(buffer + 3, BYTES - 3, FALSE, FALSE, NULL);

        for (uint32_t i = 0; i < BYTES; i++)
            assert_int_equal(buffer[i], 0);
        device[BYTES - 1] = 7;
        assert_int_equal(buffer[BYTES - 1], 7);
        memset(buffer, 0xA5, BYTES);
        assert_int_equal(device[1234], 0xA5);
        MmBuildMdlForNonPagedPool(mdl);
        assert_true(ms_mdl_is_resident(mdl));
        for (uint64_t i = 0; i < ms_mdl_pages(mdl); i++)
            assert_int_equal(ms_mdl_frames(mdl)[i], logical.value / PAGE + i);
        IoFreeMdl(mdl);
        assert_true(ms_common_buffer_destroy(t.memory, buffer, BYTES, logical));
    }
    test_memory_leave(&t);
}

MS_TEST(common_buffer_is_freed_by_its_own_arguments_only) /* CBF-06 */
{
    struct test_memory t = test_memory_enter();
    ms_la logical;
    uint8_t *buffer =
        ms_common_buffer_create(t.memory, 2 * PAGE, 1, (ms_la){0}, (ms_la){UINT64_MAX}, &logical);

    assert_false(ms_common_buffer_destroy(t.memory, buffer + PAGE, PAGE, logical));
    assert_false(ms_common_buffer_destroy(t.memory, buffer, PAGE, logical));
    assert_false(ms_common_buffer_destroy(t.memory, buffer, 3 * PAGE, logical));
    assert_false(
        ms_common_buffer_destroy(t.memory, buffer, 2 * PAGE, (ms_la){logical.value + PAGE}));
    assert_false(ms_common_buffer_destroy(t.memory, &logical, 2 * PAGE, logical));
    assert_true(ms_common_buffer_destroy(t.memory, buffer, 2 * PAGE, logical));
    assert_false(ms_common_buffer_destroy(t.memory, buffer, 2 * PAGE, logical));
    test_memory_leave(&t);
}

MS_TEST(common_buffer_that_fails_leaves_nothing_behind)
{
    struct test_memory t = test_memory_enter();
    uint32_t countdown = 0;
    ms_la logical = {5};
    void *buffer;

    for (;; countdown++) {
        ms_fault_arm(countdown);
        buffer =
            ms_common_buffer_create(t.memory, PAGE, 1, (ms_la){0}, (ms_la){4 * GIB - 1}, &logical);
        if (buffer && countdown > 0) /* the first fault makes it take the second choice */
            break;
        if (buffer) {
            assert_int_equal(logical.value, 0);
            assert_true(ms_common_buffer_destroy(t.memory, buffer, PAGE, logical));
            continue;
        }
        assert_true(ms_fault_fired());
        assert_int_equal(ms_frames_taken(t.memory), 0);
    }
    ms_fault_arm(UINT32_MAX);
    assert_int_equal(countdown, 4); /* frames, array, view, its one run */
    assert_true(ms_common_buffer_destroy(t.memory, buffer, PAGE, logical));
    test_memory_leave(&t);
}
