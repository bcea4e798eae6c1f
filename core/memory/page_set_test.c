/* SPDX-License-Identifier: MIT */
#include "memory/page_set.h"
#include "platform/prng.h"
#include "platform/test.h"

enum { PAGES = 300 }; /* more than four words, and a cut last one */

/* The reference: a byte a page, first fit. */
struct model {
    bool taken[PAGES];
};

static bool model_is_free(const struct model *model, uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        if (first + i >= PAGES || model->taken[first + i])
            return false;
    return true;
}

static uint64_t model_find(const struct model *model, uint64_t count, uint64_t align,
                           uint64_t lowest, uint64_t highest)
{
    for (uint64_t first = lowest; first + count <= highest + 1 && first + count <= PAGES; first++)
        if (first % align == 0 && model_is_free(model, first, count))
            return first;
    return MS_PAGE_NONE;
}

static void model_put(struct model *model, uint64_t first, uint64_t count, bool taken)
{
    for (uint64_t i = 0; i < count; i++) {
        assert_true(model->taken[first + i] == !taken);
        model->taken[first + i] = taken;
    }
}

static void assert_same(const struct ms_page_set *set, const struct model *model)
{
    for (uint64_t page = 0; page < PAGES; page++)
        assert_int_equal(ms_page_set_has(set, page), model->taken[page]);
    assert_true(ms_page_set_audit(set));
}

MS_TEST(page_set_does_what_a_byte_array_with_first_fit_does)
{
    struct ms_prng prng = {.state = 11};

    for (uint32_t round = 0; round < 40; round++) {
        struct model model = {{false}};
        struct ms_page_set set;
        uint32_t longest = round % 4 == 0 ? 3 : round % 4 == 1 ? 70 : round % 4 == 2 ? 200 : 17;

        assert_true(ms_page_set_init(&set, PAGES));
        for (uint32_t step = 0; step < 1500; step++) {
            uint64_t count = 1 + ms_prng_below(&prng, longest);
            uint64_t first = ms_prng_below(&prng, PAGES);

            if (ms_prng_below(&prng, 3) == 0) {
                uint64_t align = UINT64_C(1) << ms_prng_below(&prng, 9);
                uint64_t lowest = ms_prng_below(&prng, PAGES);
                uint64_t highest = ms_prng_below(&prng, PAGES + 50);
                uint64_t want = model_find(&model, count, align, lowest, highest);
                assert_int_equal(ms_page_set_take(&set, count, align, lowest, highest), want);
                if (want != MS_PAGE_NONE)
                    model_put(&model, want, count, true);
            } else if (ms_prng_below(&prng, 2) == 0) {
                bool want = model_is_free(&model, first, count);
                assert_int_equal(ms_page_set_take_at(&set, first, count), want);
                if (want)
                    model_put(&model, first, count, true);
            } else if (model.taken[first]) {
                for (count = 0;
                     first + count < PAGES && model.taken[first + count] && count < longest;)
                    count++;
                ms_page_set_give(&set, first, count);
                model_put(&model, first, count, false);
            }
        }
        assert_same(&set, &model);
        ms_page_set_fini(&set);
    }
}

MS_TEST(page_set_refuses_what_lies_outside)
{
    struct ms_page_set set;

    assert_true(ms_page_set_init(&set, PAGES));
    assert_false(ms_page_set_take_at(&set, PAGES, 1));
    assert_false(ms_page_set_take_at(&set, PAGES - 1, 2));
    assert_false(ms_page_set_take_at(&set, UINT64_MAX, 2));
    assert_false(ms_page_set_take_at(&set, 1, UINT64_MAX));
    assert_false(ms_page_set_take_at(&set, 1, 0));
    assert_true(ms_page_set_take(&set, PAGES + 1, 1, 0, UINT64_MAX) == MS_PAGE_NONE);
    assert_true(ms_page_set_take(&set, 1, 1, 5, 4) == MS_PAGE_NONE);
    assert_true(ms_page_set_take(&set, 1, 1, PAGES, UINT64_MAX) == MS_PAGE_NONE);
    assert_int_equal(ms_page_set_take(&set, PAGES, 1, 0, UINT64_MAX), 0);
    assert_true(ms_page_set_take(&set, 1, 1, 0, UINT64_MAX) == MS_PAGE_NONE);
    ms_page_set_give(&set, 0, PAGES);
    assert_int_equal(ms_page_set_count(&set), 0);
    ms_page_set_fini(&set);
}

MS_TEST(page_set_finds_the_only_run_of_every_length_at_every_place)
{
    struct ms_page_set set;

    assert_true(ms_page_set_init(&set, PAGES));
    assert_true(ms_page_set_take_at(&set, 0, PAGES));
    for (uint64_t count = 1; count <= PAGES; count += count < 140 ? 1 : 13) {
        for (uint64_t first = 0; first + count <= PAGES; first++) {
            ms_page_set_give(&set, first, count);
            assert_true(ms_page_set_take(&set, count + 1, 1, 0, PAGES) == MS_PAGE_NONE);
            assert_true(ms_page_set_take(&set, count, 1, first + 1, PAGES) == MS_PAGE_NONE);
            if (first + count > 1)
                assert_true(ms_page_set_take(&set, count, 1, 0, first + count - 2) == MS_PAGE_NONE);
            assert_int_equal(ms_page_set_take(&set, count, 1, 0, PAGES), first);
        }
    }
    assert_true(ms_page_set_audit(&set));
    ms_page_set_fini(&set);
}

MS_TEST(page_set_take_is_quick_behind_sixteen_million_taken_pages)
{
    const uint64_t pages = UINT64_C(1) << 24;
    struct ms_page_set set;
    uint64_t start, took, walked, first;
    uint64_t quickest = UINT64_MAX;

    assert_true(ms_page_set_init(&set, pages));
    assert_true(ms_page_set_take_at(&set, 0, pages - 100));
    start = ms_clock_ns();
    assert_int_equal(ms_page_set_take(&set, 1, 1, 0, pages), pages - 100); /* marks on its way */
    walked = ms_clock_ns() - start;
    for (uint64_t i = 1; i < 50; i++) {
        start = ms_clock_ns();
        first = ms_page_set_take(&set, 1, 1, 0, pages);
        took = ms_clock_ns() - start;
        if (took < quickest)
            quickest = took;
        assert_int_equal(first, pages - 100 + i);
    }
    /* A hundredth of the first; without the marks the same. A busy machine delays some, not all. */
    assert_in_range(quickest, 0, walked / 4);
    assert_true(ms_page_set_audit(&set));
    ms_page_set_give(&set, 77, 1); /* a marked word opens again */
    assert_int_equal(ms_page_set_take(&set, 1, 1, 0, pages), 77);
    ms_page_set_fini(&set);
}

MS_TEST(page_set_init_gives_all_back_when_a_take_fails)
{
    struct ms_page_set set;
    uint32_t countdown = 0;

    for (;; countdown++) {
        ms_fault_arm(countdown);
        if (ms_page_set_init(&set, PAGES))
            break;
        assert_true(ms_fault_fired());
    }
    ms_fault_arm(UINT32_MAX);
    assert_int_equal(countdown, 2);
    ms_page_set_fini(&set);
}
