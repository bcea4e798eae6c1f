/* SPDX-License-Identifier: MIT */
/*
 * layout_make.c: layouts from rules instead of recordings, for benchmarks and tests.
 *
 * A rule is a function that says how long the next run is and how far from the last one; each
 * public maker is a rule, its numbers and a name. They are made in two passes, counting first, so
 * that the runs are one allocation of the right size.
 */
#include "memory/memory.h"
#include "platform/prng.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    HUGE_PAGES = 512, /* a 2 MiB page */
    /* Random layouts hop over up to this many frames, up or down: wide enough that two runs rarely
     * want the same frame, narrow enough that thousands fit the emulated memory. */
    HOP_MAX = 4096,
};

struct rule {
    void (*next)(struct rule *rule, struct ms_layout_run *run);
    uint64_t run[2]; /* lengths or bounds */
    uint64_t turn;   /* runs made so far */
    struct ms_prng prng;
};

/* --- the rules ----------------------------------------------------------------------------------
 */

static void next_alternating(struct rule *rule, struct ms_layout_run *run)
{
    *run = (struct ms_layout_run){.gap_pages = 1, .pages = rule->run[rule->turn % 2]};
}

static void next_huge(struct rule *rule, struct ms_layout_run *run)
{
    (void)rule;
    *run = (struct ms_layout_run){.gap_pages = HUGE_PAGES, .pages = HUGE_PAGES};
}

static void next_descending(struct rule *rule, struct ms_layout_run *run)
{
    (void)rule;
    *run = (struct ms_layout_run){.gap_pages = -2, .pages = 1};
}

/* Up or down by 1 .. HOP_MAX; down past the run itself. */
static int64_t hop(struct rule *rule, uint64_t pages)
{
    int64_t by = 1 + ms_prng_below(&rule->prng, HOP_MAX);

    return ms_prng_below(&rule->prng, 2) ? by : -by - 2 * (int64_t)pages;
}

/* run[0] = 2^32 times the chance that one more page follows. */
static void next_geometric(struct rule *rule, struct ms_layout_run *run)
{
    run->pages = 1;
    while ((ms_prng_next(&rule->prng) >> 32) < rule->run[0] && run->pages < MS_LAYOUT_PAGES_MAX)
        run->pages++;
    run->gap_pages = hop(rule, run->pages);
}

static void next_uniform(struct rule *rule, struct ms_layout_run *run)
{
    run->pages = 1 + ms_prng_below(&rule->prng, (uint32_t)rule->run[0]);
    run->gap_pages = hop(rule, run->pages);
}

static void next_mixture(struct rule *rule, struct ms_layout_run *run)
{
    uint32_t dice = ms_prng_below(&rule->prng, 10);

    if (dice < 5)
        run->pages = 1;
    else if (dice < 8)
        run->pages = 1 + ms_prng_below(&rule->prng, 8);
    else
        run->pages = 16 + ms_prng_below(&rule->prng, 64);
    run->gap_pages = hop(rule, run->pages);
}

/* --- making ------------------------------------------------------------------------------------
 */

/* Runs until there are `pages` pages, the last one cut; into `runs` unless that is NULL. */
static uint64_t rule_play(struct rule rule, uint64_t pages, struct ms_layout_run *runs)
{
    for (uint64_t done = 0; done < pages; rule.turn++) {
        struct ms_layout_run run;

        rule.next(&rule, &run);
        run.pages = ms_min_u64(run.pages, pages - done);
        if (rule.turn == 0)
            run.gap_pages = 0;
        if (runs)
            runs[rule.turn] = run;
        done += run.pages;
    }
    return rule.turn;
}

static bool layout_make(struct ms_layout *layout, uint64_t pages, struct rule rule)
{
    layout->runs = NULL;
    layout->run_count = 0;
    layout->pages = pages;
    if (pages == 0 || pages > MS_LAYOUT_PAGES_MAX)
        return false;
    uint64_t count = rule_play(rule, pages, NULL);
    if (count > MS_LAYOUT_RUNS_MAX)
        return false;
    layout->runs = ms_alloc(count * sizeof *layout->runs);
    if (!layout->runs)
        return false;
    layout->run_count = (uint32_t)rule_play(rule, pages, layout->runs);
    return true;
}

#define NAMED(layout, ...)                                                                         \
    (snprintf((layout)->name, sizeof(layout)->name, __VA_ARGS__),                                  \
     snprintf((layout)->source, sizeof(layout)->source, "made by rule"))

bool ms_layout_make_contiguous(struct ms_layout *layout, uint64_t pages)
{
    NAMED(layout, "contiguous-%" PRIu64, pages);
    return layout_make(layout, pages,
                       (struct rule){.next = next_alternating, .run = {pages, pages}});
}

bool ms_layout_make_fragmented(struct ms_layout *layout, uint64_t pages)
{
    NAMED(layout, "fragmented-%" PRIu64, pages);
    return layout_make(layout, pages, (struct rule){.next = next_alternating, .run = {1, 1}});
}

bool ms_layout_make_descending(struct ms_layout *layout, uint64_t pages)
{
    NAMED(layout, "descending-%" PRIu64, pages);
    return layout_make(layout, pages, (struct rule){.next = next_descending});
}

bool ms_layout_make_runs(struct ms_layout *layout, uint64_t pages, uint64_t run)
{
    if (run == 0)
        return false;
    NAMED(layout, "runs-of-%" PRIu64 "-%" PRIu64, run, pages);
    return layout_make(layout, pages, (struct rule){.next = next_alternating, .run = {run, run}});
}

bool ms_layout_make_alternating(struct ms_layout *layout, uint64_t pages, uint64_t run_odd,
                                uint64_t run_even)
{
    if (run_odd == 0 || run_even == 0)
        return false;
    NAMED(layout, "alternating-%" PRIu64 "-and-%" PRIu64 "-%" PRIu64, run_odd, run_even, pages);
    return layout_make(layout, pages,
                       (struct rule){.next = next_alternating, .run = {run_odd, run_even}});
}

bool ms_layout_make_huge(struct ms_layout *layout, uint64_t pages)
{
    NAMED(layout, "huge-%" PRIu64, pages);
    return layout_make(layout, pages, (struct rule){.next = next_huge});
}

bool ms_layout_make_geometric(struct ms_layout *layout, uint64_t pages, double mean, uint64_t seed)
{
    if (!(mean >= 1.0 && mean <= 65536.0)) /* also what is not a number */
        return false;
    NAMED(layout, "geometric-%g-%" PRIu64, mean, pages);
    uint64_t chance = (uint64_t)((1.0 - 1.0 / mean) * 4294967296.0);
    return layout_make(
        layout, pages,
        (struct rule){.next = next_geometric, .run = {chance}, .prng = {.state = seed}});
}

bool ms_layout_make_uniform(struct ms_layout *layout, uint64_t pages, uint64_t longest,
                            uint64_t seed)
{
    if (longest == 0 || longest > MS_LAYOUT_PAGES_MAX)
        return false;
    NAMED(layout, "uniform-%" PRIu64 "-%" PRIu64, longest, pages);
    return layout_make(
        layout, pages,
        (struct rule){.next = next_uniform, .run = {longest}, .prng = {.state = seed}});
}

bool ms_layout_make_mixture(struct ms_layout *layout, uint64_t pages, uint64_t seed)
{
    NAMED(layout, "mixture-%" PRIu64, pages);
    return layout_make(layout, pages, (struct rule){.next = next_mixture, .prng = {.state = seed}});
}
