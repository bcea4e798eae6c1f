/* SPDX-License-Identifier: MIT */
/*
 * page_set_sim.c: the two protocols of page_set.c under seeded schedules and weak memory: the mark
 * "this word is full" against a page given back, and takes over several words that stop each other.
 * The race check judges hb:page-handover by a plain word a page.
 */
#include "memory/page_set.h"
#include "platform/test_sim.h"

enum { PAGES = 130, RUNS = 6000 };

struct world {
    struct ms_page_set set;
    uint32_t page[PAGES]; /* the page's bytes, plain: its owner's */
};

static void pages_use(struct world *w, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        ms_data_write(&w->page[i], sizeof w->page[i]);
        w->page[i]++;
    }
}

static void take_and_give(struct world *w, uint64_t first, uint64_t count)
{
    if (!ms_page_set_take_at(&w->set, first, count))
        return;
    pages_use(w, first, count);
    ms_page_set_give(&w->set, first, count);
}

/* --- a full word and a page given back in it ---------------------------------------------------- */

static void giver(void *context)
{
    struct world *w = context;

    pages_use(w, 5, 1); /* taken for it before the start */
    ms_page_set_give(&w->set, 5, 1);
}

static void taker(void *context)
{
    struct world *w = context;
    uint64_t page = ms_page_set_take(&w->set, 1, 1, 0, PAGES - 1);

    if (page != MS_PAGE_NONE)
        pages_use(w, page, 1);
}

static void taker_giver(void *context)
{
    struct world *w = context;
    uint64_t page = ms_page_set_take(&w->set, 1, 1, 0, PAGES - 1);

    if (page == MS_PAGE_NONE)
        return;
    pages_use(w, page, 1);
    ms_page_set_give(&w->set, page, 1);
}

static void check_nothing_hidden(void *context)
{
    struct world *w = context;
    uint64_t free_page = 0;

    if (!ms_page_set_audit(&w->set))
        ms_sim_fail("audit", "an invariant of the set is broken");
    while (ms_page_set_has(&w->set, free_page))
        free_page++;
    if (ms_page_set_take(&w->set, 1, 1, 0, PAGES - 1) != free_page)
        ms_sim_fail("hidden page", "page %u is free and was not found", (unsigned)free_page);
}

/* --- runs that cross words ---------------------------------------------------------------------- */

static void run_low(void *context)
{
    take_and_give(context, 60, 8);
}

static void run_high(void *context)
{
    take_and_give(context, 64, 66);
}

static void run_all(void *context)
{
    take_and_give(context, 0, PAGES);
}

static void run_found(void *context)
{
    struct world *w = context;
    uint64_t first = ms_page_set_take(&w->set, 66, 2, 0, PAGES - 1);

    if (first == MS_PAGE_NONE)
        return;
    pages_use(w, first, 66);
    ms_page_set_give(&w->set, first, 66);
}

static void check_all_free(void *context)
{
    struct world *w = context;

    if (!ms_page_set_audit(&w->set) || ms_page_set_count(&w->set) != 0)
        ms_sim_fail("audit", "pages are left over or an invariant is broken");
    if (ms_page_set_take(&w->set, PAGES, 1, 0, PAGES - 1) != 0)
        ms_sim_fail("hidden page", "all are free and cannot be had");
}

/* --- running them -------------------------------------------------------------------------------- */

static void play(ms_thread_body *const *bodies, uint32_t count, uint64_t taken_first,
                 uint64_t taken_count, ms_thread_body *check)
{
    static struct world w;
    struct ms_sim_actor actors[4];
    struct ms_sim_config config;

    sim_cast(&config, actors, bodies, count, &w);
    config.check = check;
    for (uint32_t run = 0; run < RUNS; run++) {
        memset(&w, 0, sizeof w);
        assert_true(ms_page_set_init(&w.set, PAGES));
        if (taken_count)
            assert_true(ms_page_set_take_at(&w.set, taken_first, taken_count));
        sim_play(&config, run, 30, 0, 100);
        ms_page_set_fini(&w.set);
    }
}

MS_TEST(sim_page_given_back_is_never_hidden_by_a_mark)
{
    static ms_thread_body *const two[] = {giver, taker};
    static ms_thread_body *const three[] = {giver, taker, taker_giver};
    static ms_thread_body *const four[] = {giver, taker_giver, taker_giver, taker};

    play(two, 2, 0, 64, check_nothing_hidden);
    play(three, 3, 0, 64, check_nothing_hidden);
    play(three, 3, 0, 128, check_nothing_hidden);
    play(four, 4, 0, 127, check_nothing_hidden);
}

MS_TEST(sim_runs_over_several_words_have_one_owner_and_leave_nothing)
{
    static ms_thread_body *const two[] = {run_low, run_high};
    static ms_thread_body *const three[] = {run_low, run_high, run_all};
    static ms_thread_body *const four[] = {run_found, run_low, run_found, run_all};

    play(two, 2, 0, 0, check_all_free);
    play(three, 3, 0, 0, check_all_free);
    play(four, 4, 0, 0, check_all_free);
}
