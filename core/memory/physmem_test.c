/* SPDX-License-Identifier: MIT */
#include "memory/physmem.h"
#include "platform/test.h"

#define MIB UINT64_C(0x100000)
#define GIB (1024 * MIB)

static struct ms_memory *memory_default(void)
{
    struct ms_memory_config config = ms_memory_config_default();
    struct ms_memory *memory = ms_memory_create(&config);

    assert_non_null(memory);
    return memory;
}

MS_TEST(memory_has_ram_below_16_mib_below_4_gib_and_above) /* MDL-23 */
{
    struct ms_memory *memory = memory_default();

    assert_true(ms_memory_pfn_end(memory) * MS_PAGE_BYTES == 68 * GIB);
    assert_true(ms_memory_has_pfn(memory, 0));
    assert_true(ms_memory_has_pfn(memory, (3 * GIB - 1) >> MS_PAGE_SHIFT));
    assert_false(ms_memory_has_pfn(memory, 3 * GIB >> MS_PAGE_SHIFT));
    assert_false(ms_memory_has_pfn(memory, (4 * GIB - 1) >> MS_PAGE_SHIFT));
    assert_true(ms_memory_has_pfn(memory, 4 * GIB >> MS_PAGE_SHIFT));
    assert_true(ms_memory_has_pfn(memory, (68 * GIB - 1) >> MS_PAGE_SHIFT));
    assert_false(ms_memory_has_pfn(memory, 68 * GIB >> MS_PAGE_SHIFT));
    assert_false(ms_memory_has_pfn(memory, MS_PFN_NONE));
    ms_memory_destroy(memory);
}

MS_TEST(memory_keeps_a_byte_anywhere_in_its_68_gib)
{
    struct ms_memory *memory = memory_default();
    const uint64_t place[] = {0, 16 * MIB - 1, 16 * MIB, 3 * GIB - 1, 4 * GIB, 68 * GIB - 1};

    for (size_t i = 0; i < sizeof place / sizeof *place; i++)
        *ms_memory_byte(memory, (ms_pa){place[i]}) = (uint8_t)(i + 1);
    for (size_t i = 0; i < sizeof place / sizeof *place; i++)
        assert_int_equal(*ms_memory_at(memory, (ms_pa){place[i]}, 1), i + 1);
    ms_memory_destroy(memory);
}

MS_TEST(memory_refuses_a_device_where_there_is_no_ram)
{
    struct ms_memory *memory = memory_default();

    assert_non_null(ms_memory_at(memory, (ms_pa){0}, 3 * GIB)); /* ranges that touch are one */
    assert_null(ms_memory_at(memory, (ms_pa){0}, 3 * GIB + 1));
    assert_null(ms_memory_at(memory, (ms_pa){3 * GIB - 1}, 2));
    assert_null(ms_memory_at(memory, (ms_pa){3 * GIB}, 1));
    assert_null(ms_memory_at(memory, (ms_pa){4 * GIB - 1}, 2));
    assert_non_null(ms_memory_at(memory, (ms_pa){68 * GIB - 1}, 1));
    assert_null(ms_memory_at(memory, (ms_pa){68 * GIB - 1}, 2));
    assert_null(ms_memory_at(memory, (ms_pa){UINT64_MAX}, 1));
    assert_null(ms_memory_at(memory, (ms_pa){UINT64_MAX}, UINT64_MAX));
    assert_null(ms_memory_at(memory, (ms_pa){4096}, UINT64_MAX));
    assert_null(ms_memory_at(memory, (ms_pa){4096}, 0));
    ms_memory_destroy(memory);
}

MS_TEST(memory_wants_ranges_that_make_sense)
{
    static const struct {
        const char *name;
        struct ms_memory_config config;
        bool fits;
    } cases[] = {
        {"none", {.ram_count = 0}, false},
        {"one page", {.ram = {{7, 1}}, .ram_count = 1}, true},
        {"an empty one", {.ram = {{0, 1}, {5, 0}}, .ram_count = 2}, false},
        {"in any order", {.ram = {{9, 3}, {0, 4}}, .ram_count = 2}, true},
        {"touching", {.ram = {{4, 3}, {0, 4}}, .ram_count = 2}, true},
        {"overlapping by one", {.ram = {{3, 3}, {0, 4}}, .ram_count = 2}, false},
        {"the same twice", {.ram = {{3, 3}, {3, 3}}, .ram_count = 2}, false},
        {"too many", {.ram = {{0, 1}}, .ram_count = MS_RAM_RANGES_MAX + 1}, false},
        {"too high", {.ram = {{UINT64_C(1) << 36, 1}}, .ram_count = 1}, false},
        {"wrapping", {.ram = {{UINT64_MAX, 2}}, .ram_count = 1}, false},
        {"huge", {.ram = {{0, UINT64_MAX}}, .ram_count = 1}, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ms_memory *memory = ms_memory_create(&cases[i].config);
        if ((memory != NULL) != cases[i].fits)
            fail_msg("%s", cases[i].name);
        ms_memory_destroy(memory);
    }
}

MS_TEST(memory_gives_all_back_when_a_take_fails)
{
    struct ms_memory_config config = {.ram = {{0, 100}}, .ram_count = 1};
    struct ms_memory *memory;
    uint32_t countdown = 0;

    for (;; countdown++) {
        ms_fault_arm(countdown);
        memory = ms_memory_create(&config);
        if (memory)
            break;
        assert_true(ms_fault_fired());
    }
    ms_fault_arm(UINT32_MAX);
    /* The struct, the object, two bitmaps of frames, window, its protection, its table, two. */
    assert_int_equal(countdown, 9);
    ms_memory_destroy(memory);
}

MS_TEST(frames_are_ram_and_never_in_a_hole)
{
    struct ms_memory_config config = {.ram = {{2, 3}, {10, 4}}, .ram_count = 2};
    struct ms_memory *memory = ms_memory_create(&config);

    assert_non_null(memory);
    assert_false(ms_frames_take_at(memory, 1, 1));
    assert_false(ms_frames_take_at(memory, 4, 2)); /* half in the hole */
    assert_false(ms_frames_take_at(memory, 4, UINT64_MAX));
    assert_false(ms_frames_take_at(memory, 4, 0));
    assert_int_equal(ms_frames_take(memory, 4, 1, 0, UINT64_MAX), 10);
    assert_true(ms_frames_take(memory, 4, 1, 0, UINT64_MAX) == MS_PFN_NONE);
    assert_int_equal(ms_frames_take(memory, 1, 4, 0, UINT64_MAX), 4);
    assert_int_equal(ms_frames_take(memory, 1, 1, 3, 3), 3);
    assert_true(ms_frames_take(memory, 1, 1, 3, 3) == MS_PFN_NONE);
    assert_true(ms_frames_take(memory, 0, 1, 0, UINT64_MAX) == MS_PFN_NONE);
    assert_int_equal(ms_frames_taken(memory), 6);
    ms_frames_give(memory, 10, 4);
    ms_frames_give(memory, 3, 2);
    assert_int_equal(ms_frames_taken(memory), 0);
    ms_memory_destroy(memory);
}

MS_TEST(frames_fail_when_told_to)
{
    struct ms_memory *memory = memory_default();

    ms_fault_arm(0);
    assert_true(ms_frames_take(memory, 1, 1, 0, UINT64_MAX) == MS_PFN_NONE);
    ms_fault_arm(0);
    assert_false(ms_frames_take_at(memory, 5, 1));
    assert_int_equal(ms_frames_taken(memory), 0);
    assert_true(ms_frames_take_at(memory, 5, 1));
    ms_memory_destroy(memory);
}

MS_TEST(frames_given_back_in_bulk_read_as_zero_when_taken_again)
{
    struct ms_memory *memory = memory_default();
    uint64_t first = ms_frames_take(memory, 1024, 512, 0, UINT64_MAX);
    uint8_t *byte = ms_memory_byte(memory, (ms_pa){first * MS_PAGE_BYTES});

    memset(byte, 0xA5, 1024 * MS_PAGE_BYTES);
    ms_frames_give(memory, first, 1024);
    for (uint64_t i = 0; i < 1024; i++)
        assert_int_equal(byte[i * MS_PAGE_BYTES + i], 0);
    ms_memory_destroy(memory);
}
