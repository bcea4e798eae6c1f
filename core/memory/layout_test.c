/* SPDX-License-Identifier: MIT */
#include "memory/test_memory.h"
#include "platform/prng.h"

#define PAGE MS_PAGE_BYTES

/* Whether page i + 1 of a layout follows page i in memory: the reference, page by page. */
static bool joins(const struct ms_layout *layout, uint64_t page)
{
    uint64_t at = page % layout->pages;

    if (at == layout->pages - 1)
        return false; /* it wraps round */
    for (uint32_t run = 0;; run++) {
        if (at + 1 < layout->runs[run].pages)
            return true;
        if (at + 1 == layout->runs[run].pages)
            return layout->runs[run + 1].gap_pages == 0;
        at -= layout->runs[run].pages;
    }
}

static void assert_placed(const struct ms_layout *layout, uint64_t first_page, uint64_t pages,
                          const PFN_NUMBER *pfn)
{
    for (uint64_t i = 0; i + 1 < pages; i++)
        assert_int_equal(pfn[i + 1] == pfn[i] + 1, joins(layout, first_page + i));
}

MS_TEST(layout_keeps_joins_and_breaks_from_any_page_for_any_length)
{
    struct ms_layout_run runs[] = {{9, 2}, {3, 1}, {0, 2}, {-9, 1}, {-2, 3}, {0, 0}};
    struct ms_layout layout = {.name = "hand", .pages = 9, .runs = runs, .run_count = 5};
    struct test_memory t = test_memory_enter();
    PFN_NUMBER pfn[40];

    for (uint64_t first = 0; first < 20; first++) {
        for (uint64_t pages = 0; pages <= 40; pages++) {
            for (int zone = MS_ZONE_BELOW_16M; zone <= MS_ZONE_ABOVE_4G; zone++) {
                assert_true(
                    ms_layout_place(t.memory, &layout, first, pages, (enum ms_zone)zone, pfn));
                assert_int_equal(ms_frames_taken(t.memory), pages);
                assert_placed(&layout, first, pages, pfn);
                ms_layout_unplace(t.memory, pfn, pages);
            }
        }
    }
    test_memory_leave(&t);
}

MS_TEST(layout_keeps_distances_where_they_fit)
{
    struct ms_layout_run runs[] = {{0, 2}, {3, 1}, {-9, 2}, {1000, 1}};
    struct ms_layout layout = {.name = "hand", .pages = 6, .runs = runs, .run_count = 4};
    struct test_memory t = test_memory_enter();
    PFN_NUMBER pfn[6];

    /* Relative to the first frame: 0 1 | 5 | -3 -2 | 999. */
    assert_true(ms_layout_place(t.memory, &layout, 0, 6, MS_ZONE_ABOVE_4G, pfn));
    assert_int_equal(pfn[0], 0x100003); /* as low as the lowest part allows */
    assert_int_equal(pfn[1], pfn[0] + 1);
    assert_int_equal(pfn[2], pfn[0] + 5);
    assert_int_equal(pfn[3], pfn[0] - 3);
    assert_int_equal(pfn[4], pfn[0] - 2);
    assert_int_equal(pfn[5], pfn[0] + 999);
    ms_layout_unplace(t.memory, pfn, 6);
    /* Frames taken already: another place for that run, the others as they should be. */
    assert_true(ms_frames_take_at(t.memory, 0x100008, 1));
    assert_true(ms_layout_place(t.memory, &layout, 0, 6, MS_ZONE_ABOVE_4G, pfn));
    assert_int_equal(pfn[0], 0x100003);
    assert_int_equal(pfn[2], 0x100006); /* not 0x100005, which would join */
    assert_placed(&layout, 0, 6, pfn);
    ms_layout_unplace(t.memory, pfn, 6);
    ms_frames_give(t.memory, 0x100008, 1);
    test_memory_leave(&t);
}

MS_TEST(layout_stays_in_its_zone_and_fills_it_to_the_last_frame)
{
    struct ms_memory_config config = {.ram = {{0, 4096}, {4096, 50}, {0x100000, 60}},
                                      .ram_count = 3};
    struct ms_memory *memory = ms_memory_create(&config);
    static const struct {
        enum ms_zone zone;
        uint64_t first, pages;
    } zones[] = {{MS_ZONE_BELOW_16M, 0, 4096},
                 {MS_ZONE_BELOW_4G, 4096, 50},
                 {MS_ZONE_ABOVE_4G, 0x100000, 60}};
    struct ms_layout layout = {.runs = NULL};
    PFN_NUMBER pfn[4096];

    assert_true(ms_layout_make_fragmented(&layout, 64));
    for (size_t i = 0; i < 3; i++) {
        uint64_t all = zones[i].pages;

        /* Going up every other frame, then up again through what was left. */
        assert_true(ms_layout_place(memory, &layout, 0, all, zones[i].zone, pfn));
        assert_placed(&layout, 0, all, pfn);
        for (uint64_t p = 0; p < all; p++)
            assert_in_range(pfn[p], zones[i].first, zones[i].first + all - 1);
        assert_false(ms_layout_place(memory, &layout, 0, 1, zones[i].zone, pfn));
        ms_layout_unplace(memory, pfn, all);
        assert_int_equal(ms_frames_taken(memory), 0);
    }
    ms_layout_clear(&layout);
    ms_memory_destroy(memory);
}

MS_TEST(layout_that_does_not_fit_takes_nothing)
{
    struct ms_memory_config config = {.ram = {{0, 100}}, .ram_count = 1};
    struct ms_memory *memory = ms_memory_create(&config);
    struct ms_layout layout = {.runs = NULL};
    PFN_NUMBER pfn[101];

    assert_true(ms_layout_make_runs(&layout, 101, 3));
    assert_false(ms_layout_place(memory, &layout, 0, 101, MS_ZONE_BELOW_16M, pfn));
    assert_int_equal(ms_frames_taken(memory), 0);
    assert_false(ms_layout_place(memory, &layout, 0, 1, MS_ZONE_ABOVE_4G, pfn));
    assert_false(ms_layout_place(memory, &layout, 0, 1, MS_ZONE_BELOW_4G, pfn));
    ms_layout_clear(&layout);
    ms_memory_destroy(memory);
}

MS_TEST(layout_placing_that_fails_anywhere_leaves_nothing_behind)
{
    struct test_memory t = test_memory_enter();
    struct ms_layout layout = {.runs = NULL};
    PFN_NUMBER pfn[30];
    uint32_t failed = 0;

    assert_true(ms_layout_make_mixture(&layout, 300, 5));
    for (uint32_t countdown = 0;; countdown++) {
        ms_fault_arm(countdown);
        bool is_placed = ms_layout_place(t.memory, &layout, 7, 30, MS_ZONE_BELOW_16M, pfn);
        bool fired = ms_fault_fired();
        ms_fault_arm(UINT32_MAX);
        if (is_placed) { /* a distance that could not be kept is no failure */
            assert_placed(&layout, 7, 30, pfn);
            ms_layout_unplace(t.memory, pfn, 30);
        }
        failed += !is_placed;
        assert_int_equal(ms_frames_taken(t.memory), 0);
        if (!fired)
            break;
    }
    assert_true(failed > 0);
    ms_layout_clear(&layout);
    test_memory_leave(&t);
}

MS_TEST(layout_bytes_written_through_a_view_are_read_through_frames) /* MDL-19 */
{
    struct test_memory t = test_memory_enter();
    struct ms_layout layout = {.runs = NULL};
    enum { PAGES = 97, OFFSET = 0x123, BYTES = PAGES * PAGE - OFFSET - 77 };
    PFN_NUMBER pfn[PAGES];
    static uint8_t got[BYTES];

    assert_true(ms_layout_make_mixture(&layout, 500, 9));
    assert_true(ms_layout_place(t.memory, &layout, 450, PAGES, MS_ZONE_ABOVE_4G, pfn));
    uint8_t *view = ms_view_create(t.memory, pfn, PAGES);
    MDL *mdl = IoAllocateMdl(view + OFFSET, BYTES, FALSE, FALSE, NULL);
    MmProbeAndLockPages(mdl, UserMode, IoReadAccess);
    for (uint64_t i = 0; i < BYTES; i++)
        view[OFFSET + i] = (uint8_t)(i * 31 + i / PAGE);
    ms_mdl_copy_out(t.memory, mdl, 0, got, BYTES);
    for (uint64_t i = 0; i < BYTES; i++)
        assert_int_equal(got[i], (uint8_t)(i * 31 + i / PAGE));
    MmUnlockPages(mdl);
    IoFreeMdl(mdl);
    ms_view_destroy(t.memory, view, PAGES);
    ms_layout_unplace(t.memory, pfn, PAGES);
    ms_layout_clear(&layout);
    test_memory_leave(&t);
}

/* --- made layouts ------------------------------------------------------------------------------
 */

static double mean_run(const struct ms_layout *layout)
{
    return (double)layout->pages / layout->run_count;
}

static void assert_sound(const struct ms_layout *layout, uint64_t pages)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < layout->run_count; i++) {
        assert_true(layout->runs[i].pages > 0);
        assert_int_equal(layout->runs[i].gap_pages == 0, i == 0);
        sum += layout->runs[i].pages;
    }
    assert_int_equal(sum, pages);
    assert_int_equal(layout->pages, pages);
}

MS_TEST(made_layouts_are_what_their_names_say)
{
    struct ms_layout l = {.runs = NULL};

    assert_true(ms_layout_make_contiguous(&l, 1));
    assert_sound(&l, 1);
    ms_layout_clear(&l);
    assert_true(ms_layout_make_contiguous(&l, 4096));
    assert_sound(&l, 4096);
    assert_int_equal(l.run_count, 1);
    assert_string_equal(l.name, "contiguous-4096");
    ms_layout_clear(&l);
    assert_true(ms_layout_make_fragmented(&l, 256));
    assert_sound(&l, 256);
    assert_int_equal(l.run_count, 256);
    ms_layout_clear(&l);
    assert_true(ms_layout_make_descending(&l, 17));
    assert_sound(&l, 17);
    assert_int_equal(l.run_count, 17);
    assert_int_equal(l.runs[5].gap_pages, -2); /* the frame just below */
    ms_layout_clear(&l);
    assert_true(ms_layout_make_runs(&l, 257, 8));
    assert_sound(&l, 257);
    assert_int_equal(l.run_count, 33);
    assert_int_equal(l.runs[32].pages, 1);
    ms_layout_clear(&l);
    assert_true(ms_layout_make_alternating(&l, 100, 1, 7));
    assert_sound(&l, 100);
    assert_int_equal(l.runs[0].pages, 1);
    assert_int_equal(l.runs[1].pages, 7);
    assert_int_equal(l.runs[2].pages, 1);
    ms_layout_clear(&l);
    assert_true(ms_layout_make_huge(&l, 4096));
    assert_sound(&l, 4096);
    assert_int_equal(l.run_count, 8);
    ms_layout_clear(&l);
}

MS_TEST(made_random_layouts_have_their_means_and_depend_on_the_seed_only)
{
    static const double means[] = {1.0, 1.5, 4.0, 16.0};
    struct ms_layout a = {.runs = NULL}, b = {.runs = NULL};

    for (size_t i = 0; i < 4; i++) {
        assert_true(ms_layout_make_geometric(&a, 100000, means[i], 3));
        assert_sound(&a, 100000);
        assert_true(mean_run(&a) > means[i] * 0.97 && mean_run(&a) < means[i] * 1.03);
        assert_true(ms_layout_make_geometric(&b, 100000, means[i], 3));
        assert_int_equal(a.run_count, b.run_count);
        assert_memory_equal(a.runs, b.runs, a.run_count * sizeof *a.runs);
        ms_layout_clear(&b);
        assert_true(ms_layout_make_geometric(&b, 100000, means[i], 4));
        assert_true(a.run_count != b.run_count ||
                    memcmp(a.runs, b.runs, a.run_count * sizeof *a.runs) != 0);
        ms_layout_clear(&a);
        ms_layout_clear(&b);
    }
    assert_true(ms_layout_make_uniform(&a, 100000, 16, 1));
    assert_sound(&a, 100000);
    assert_true(mean_run(&a) > 8.2 && mean_run(&a) < 8.8);
    ms_layout_clear(&a);
    assert_true(ms_layout_make_mixture(&a, 100000, 1));
    assert_sound(&a, 100000);
    assert_true(mean_run(&a) > 10.9 && mean_run(&a) < 11.8); /* 0.5 + 0.3 * 4.5 + 0.2 * 47.5 */
    ms_layout_clear(&a);
}

MS_TEST(made_layouts_refuse_nonsense)
{
    struct ms_layout l = {.runs = NULL};

    assert_false(ms_layout_make_contiguous(&l, 0));
    assert_false(ms_layout_make_contiguous(&l, MS_LAYOUT_PAGES_MAX + 1));
    assert_false(ms_layout_make_fragmented(&l, MS_LAYOUT_RUNS_MAX + 1));
    assert_false(ms_layout_make_runs(&l, 10, 0));
    assert_false(ms_layout_make_alternating(&l, 10, 1, 0));
    assert_false(ms_layout_make_uniform(&l, 10, 0, 1));
    assert_false(ms_layout_make_geometric(&l, 10, 0.5, 1));
    assert_false(ms_layout_make_geometric(&l, 10, 0.0 / 0.0, 1));
    ms_fault_arm(0);
    assert_false(ms_layout_make_fragmented(&l, 16));
    assert_null(l.runs);
}

/* --- from recorded frames ----------------------------------------------------------------------
 */

MS_TEST(recorded_layout_has_the_frames_distances_and_nothing_absolute)
{
    const uint64_t pfn[] = {100, 101, 102, 50, 51, 51, 52, 49, 48, 1000};
    uint64_t moved[10];
    struct ms_layout a, b;
    char text_a[400], text_b[400];

    assert_true(ms_layout_from_pfns(&a, "x", "two\nlines\x7f", pfn, 10));
    assert_int_equal(a.run_count, 6);
    assert_int_equal(a.pages, 10);
    assert_int_equal(a.runs[0].gap_pages, 0);
    assert_int_equal(a.runs[0].pages, 3);
    assert_int_equal(a.runs[1].gap_pages, 50 - 103);
    assert_int_equal(a.runs[2].gap_pages, -1); /* the same frame twice */
    assert_int_equal(a.runs[5].gap_pages, 1000 - 49);
    assert_string_equal(a.source, "two lines ");
    for (int i = 0; i < 10; i++)
        moved[i] = pfn[i] + 123456;
    assert_true(ms_layout_from_pfns(&b, "x", "two lines ", moved, 10));
    ms_layout_write(&a, text_a, sizeof text_a);
    ms_layout_write(&b, text_b, sizeof text_b);
    assert_string_equal(text_a, text_b); /* nothing of where the memory was */
    ms_layout_clear(&a);
    ms_layout_clear(&b);
}

MS_TEST(recorded_layout_refuses_what_is_no_frame)
{
    const uint64_t pfn[] = {1, UINT64_MAX};
    struct ms_layout layout;

    assert_false(ms_layout_from_pfns(&layout, "x", "y", pfn, 2));
    assert_false(ms_layout_from_pfns(&layout, "x", "y", pfn, 0));
    ms_fault_arm(0);
    assert_false(ms_layout_from_pfns(&layout, "x", "y", pfn, 1));
}

MS_TEST(recorded_layout_of_placed_frames_is_the_layout)
{
    struct test_memory t = test_memory_enter();
    struct ms_layout made = {.runs = NULL}, recorded;
    enum { PAGES = 1000 };
    PFN_NUMBER *pfn = ms_alloc(PAGES * sizeof *pfn);

    assert_true(ms_layout_make_runs(&made, PAGES, 3));
    assert_true(ms_layout_place(t.memory, &made, 0, PAGES, MS_ZONE_ABOVE_4G, pfn));
    assert_true(ms_layout_from_pfns(&recorded, "x", "y", pfn, PAGES));
    assert_int_equal(recorded.run_count, made.run_count);
    assert_memory_equal(recorded.runs, made.runs, made.run_count * sizeof *made.runs);
    ms_layout_unplace(t.memory, pfn, PAGES);
    ms_layout_clear(&made);
    ms_layout_clear(&recorded);
    ms_free(pfn, PAGES * sizeof *pfn);
    test_memory_leave(&t);
}
