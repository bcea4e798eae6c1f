/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory/physmem.h"
#include "platform/test.h"

static struct ms_memory *memory_small(void)
{
    struct ms_memory_config config = {.ram = {{0, 64}, {100, 70000}}, .ram_count = 2};
    struct ms_memory *memory = ms_memory_create(&config);

    assert_non_null(memory);
    return memory;
}

static uint8_t *frame_byte(struct ms_memory *memory, uint64_t pfn, uint64_t offset)
{
    return ms_memory_byte(memory, (ms_pa){pfn * MS_PAGE_BYTES + offset});
}

MS_TEST(view_shows_frames_in_the_order_asked_for)
{
    struct ms_memory *memory = memory_small();
    const PFN_NUMBER pfn[] = {7, 8, 9, 3, 103, 102, 63, 100, 7};
    enum { PAGES = sizeof pfn / sizeof *pfn };
    uint8_t *view = ms_view_create(memory, pfn, PAGES);

    assert_non_null(view);
    for (uint64_t i = 0; i < PAGES; i++) {
        assert_int_equal(ms_virtual_pfn(memory, view + i * MS_PAGE_BYTES + i), pfn[i]);
        view[i * MS_PAGE_BYTES + i] = (uint8_t)(40 + i);
        assert_int_equal(*frame_byte(memory, pfn[i], i), 40 + i);
    }
    /* The same frame twice is one frame (MDL-18). */
    view[8 * MS_PAGE_BYTES + 99] = 1;
    assert_int_equal(view[99], 1);
    ms_view_destroy(memory, view, PAGES);
    assert_int_equal(ms_load_relaxed(&memory->window.runs), 0);
    assert_int_equal(ms_page_set_count(&memory->window.pages), 1);
    ms_memory_destroy(memory);
}

MS_TEST(view_is_refused_for_no_frames_and_for_frames_that_are_not_ram)
{
    struct ms_memory *memory = memory_small();
    const PFN_NUMBER hole[] = {1, 64}, none[] = {MS_PFN_NONE};

    assert_null(ms_view_create(memory, hole, 0));
    assert_null(ms_view_create(memory, hole, 2));
    assert_null(ms_view_create(memory, none, 1));
    assert_int_equal(ms_load_relaxed(&memory->window.runs), 0);
    ms_memory_destroy(memory);
}

MS_TEST(view_that_fails_half_way_leaves_nothing_behind)
{
    struct ms_memory *memory = memory_small();
    const PFN_NUMBER pfn[] = {1, 3, 5, 6, 7, 9};
    uint8_t *view;
    uint32_t countdown = 0;

    for (;; countdown++) {
        ms_fault_arm(countdown);
        view = ms_view_create(memory, pfn, 6);
        if (view)
            break;
        assert_true(ms_fault_fired());
        assert_int_equal(ms_load_relaxed(&memory->window.runs), 0);
        assert_int_equal(ms_page_set_count(&memory->window.pages), 1);
    }
    ms_fault_arm(UINT32_MAX);
    assert_int_equal(countdown, 5); /* its own point and one a run */
    ms_view_destroy(memory, view, 6);
    ms_memory_destroy(memory);
}

MS_TEST(view_addresses_are_known_only_while_it_lives)
{
    struct ms_memory *memory = memory_small();
    const PFN_NUMBER pfn[] = {20, 22};
    uint8_t *view = ms_view_create(memory, pfn, 2);
    uint64_t pages = 0;
    int local;

    assert_ptr_equal(ms_view_find(memory, view + 5000, &pages), view);
    assert_int_equal(pages, 2);
    assert_true(ms_virtual_pfn(memory, view - 1) == MS_PFN_NONE);
    assert_true(ms_virtual_pfn(memory, view + 2 * MS_PAGE_BYTES) == MS_PFN_NONE);
    assert_true(ms_virtual_pfn(memory, &local) == MS_PFN_NONE);
    assert_true(ms_virtual_pfn(memory, NULL) == MS_PFN_NONE);
    assert_null(ms_view_find(memory, &local, &pages));
    ms_view_destroy(memory, view, 2);
    assert_true(ms_virtual_pfn(memory, view) == MS_PFN_NONE);
    assert_null(ms_view_find(memory, view, &pages));
    ms_memory_destroy(memory);
}

MS_TEST(view_of_the_direct_map_knows_its_frames_and_its_holes)
{
    struct ms_memory *memory = memory_small();
    uint8_t *base = memory->map.base;

    assert_int_equal(ms_virtual_pfn(memory, base), 0);
    assert_int_equal(ms_virtual_pfn(memory, base + 63 * MS_PAGE_BYTES + 4095), 63);
    assert_true(ms_virtual_pfn(memory, base + 64 * MS_PAGE_BYTES) == MS_PFN_NONE);
    assert_int_equal(ms_virtual_pfn(memory, base + 100 * MS_PAGE_BYTES), 100);
    assert_true(ms_virtual_pfn(memory, base - 1) == MS_PFN_NONE);
    ms_memory_destroy(memory);
}

/* Touches an address in a child, which must die of it. */
static bool is_fatal_to_touch(volatile uint8_t *address)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        signal(SIGSEGV, SIG_DFL); /* a sanitizer's handler would report at length */
        *address = 1;
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

MS_TEST(view_lies_between_guard_pages_and_is_unusable_afterwards)
{
    struct ms_memory *memory = memory_small();
    const PFN_NUMBER pfn[] = {20, 22};
    uint8_t *first = ms_view_create(memory, pfn, 2), *second = ms_view_create(memory, pfn, 2);

    assert_true(is_fatal_to_touch(first - 1));
    assert_true(is_fatal_to_touch(first + 2 * MS_PAGE_BYTES));
    assert_true(is_fatal_to_touch(second - 1));
    assert_true(is_fatal_to_touch(second + 2 * MS_PAGE_BYTES));
    assert_false(is_fatal_to_touch(second + 2 * MS_PAGE_BYTES - 1));
    ms_view_destroy(memory, second, 2);
    assert_true(is_fatal_to_touch(second));
    ms_view_destroy(memory, first, 2);
    ms_memory_destroy(memory);
}

MS_TEST(view_never_uses_up_the_mappings_of_the_process)
{
    struct ms_memory *memory = memory_small();
    enum { PAGES = 8192, VIEWS = MS_VIEW_RUNS_MAX / PAGES };
    PFN_NUMBER *pfn = ms_alloc(PAGES * sizeof *pfn);
    uint8_t *view[VIEWS];
    const PFN_NUMBER one = 5;

    for (uint64_t i = 0; i < PAGES; i++)
        pfn[i] = 100 + 2 * i;
    for (uint64_t i = 0; i < VIEWS; i++)
        assert_non_null(view[i] = ms_view_create(memory, pfn, PAGES));
    assert_null(ms_view_create(memory, &one, 1));
    ms_view_destroy(memory, view[0], PAGES);
    assert_non_null(view[0] = ms_view_create(memory, &one, 1));
    ms_view_destroy(memory, view[0], 1);
    for (uint64_t i = 1; i < VIEWS; i++)
        ms_view_destroy(memory, view[i], PAGES);
    assert_int_equal(ms_load_relaxed(&memory->window.runs), 0);
    assert_int_equal(ms_page_set_count(&memory->window.pages), 1);
    ms_free(pfn, PAGES * sizeof *pfn);
    ms_memory_destroy(memory);
}
