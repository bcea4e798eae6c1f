/* SPDX-License-Identifier: MIT */
/*
 * counting_test.c: exact counts are exact: the model of the caches by hand, known strategies by what their
 * heads say of themselves, and the same numbers when asked again.
 */
#include "count_names.h"
#include "counted/hooks.h"
#include "counting.h"

#include "catalog.h"
#include "platform/test.h"
#include "registers/registers.h"
#include "waiting.h"

#include <stdlib.h>
#include <string.h>

/* ---- the model ---------------------------------------------------------------------------------- */

/* Four lines of state, with a line before and one behind that are not. */
static uint8_t memory[6 * MS_CACHE_LINE] __attribute__((aligned(MS_CACHE_LINE)));
static const uint8_t *const counted_bytes = memory + MS_CACHE_LINE;
static struct ms_counts told;

static void lines_begin(void)
{
    assert_true(ms_counting_begin(counted_bytes, sizeof memory - 2 * MS_CACHE_LINE));
    assert_false(ms_counting_access(counted_bytes, 8, true)); /* nobody's turn yet */
}

static bool touched(uint32_t line, bool writes)
{
    return ms_counting_access(counted_bytes + line * MS_CACHE_LINE, 8, writes);
}

MS_TEST(counting_lines_move_between_processors_and_are_counted_once_an_operation)
{
    lines_begin();
    ms_counting_turn(0);
    assert_true(touched(0, false)); /* nobody had it: from memory, not from another */
    assert_true(touched(0, true));
    assert_true(touched(1, false));
    ms_counting_turn(1);
    touched(0, false); /* moves */
    touched(0, false);
    touched(1, false); /* moves: a second reader */
    ms_counting_turn(0);
    touched(0, false); /* both have it */
    touched(0, true);  /* moves: the other one's goes */
    touched(0, true);
    ms_counting_turn(1);
    touched(1, false); /* still there */
    touched(0, true);  /* moves */
    ms_counting_pause();
    assert_false(touched(2, true));
    ms_counting_end(&told);
    assert_int_equal(told.accesses, 11);
    assert_int_equal(told.lines, 2 + 2 + 1 + 2);
    assert_int_equal(told.moved, 4);
    assert_int_equal(told.locked, 0);
}

MS_TEST(counting_readers_share_a_line_and_a_failed_cas_takes_it)
{
    lines_begin();
    for (uint32_t i = 0; i < 10; i++) {
        ms_counting_turn(i % 3);
        touched(0, false);
    }
    ms_counting_cas(counted_bytes, 8, false); /* processor 0 has it alone now */
    ms_counting_turn(1);
    touched(0, false); /* moves */
    ms_counting_end(&told);
    /* Once to processor 1, once to 2, for the compare-and-swap, and back to 1. */
    assert_int_equal(told.moved, 4);
}

MS_TEST(counting_only_the_state_counts_and_an_access_may_lie_on_two_lines)
{
    lines_begin();
    ms_counting_turn(3);
    assert_false(ms_counting_access(counted_bytes - 8, 8, true));
    assert_false(ms_counting_access(counted_bytes + 4 * MS_CACHE_LINE, 8, true));
    assert_true(ms_counting_access(counted_bytes + MS_CACHE_LINE - 4, 8, true));
    ms_counting_modify(counted_bytes, 4);
    ms_counting_cas(counted_bytes, 4, true);
    ms_counting_cas(counted_bytes, 4, false);
    ms_counting_cas(counted_bytes - 4, 4, false);
    ms_counting_end(&told);
    assert_int_equal(told.lines, 2);
    assert_int_equal(told.accesses, 4);
    assert_int_equal(told.locked, 3);
    assert_int_equal(told.cas, 2);
    assert_int_equal(told.cas_failed, 1);
}

#ifdef MS_COUNTED
/* Some of the hooks by the names the compiler calls them by. */
void hook_read8(void *at) __asm__("__tsan_read8");
void hook_write4(void *at) __asm__("__tsan_write4");
void hook_unaligned_read4(void *at) __asm__("__tsan_unaligned_read4");
void hook_read_range(void *at, size_t bytes) __asm__("__tsan_read_range");
uint32_t hook_load(const volatile uint32_t *at, int order) __asm__("__tsan_atomic32_load");
uint64_t hook_or(volatile uint64_t *at, uint64_t v, int order) __asm__("__tsan_atomic64_fetch_or");
int hook_cas(volatile uint64_t *at, uint64_t *expected, uint64_t v, int order,
             int failed) __asm__("__tsan_atomic64_compare_exchange_strong");

MS_TEST(counting_hooks_count_and_do_what_they_stand_for)
{
    uint64_t *word = (uint64_t *)(void *)(memory + 2 * MS_CACHE_LINE);
    uint64_t expected = 7;

    *word = 5;
    lines_begin();
    ms_counting_turn(0);
    hook_read8(word);
    hook_write4(word);
    hook_unaligned_read4((uint8_t *)word + 62); /* into the next line */
    hook_read_range(memory + MS_CACHE_LINE, 3 * MS_CACHE_LINE);
    assert_int_equal(hook_load((uint32_t *)word, 0), 5);
    assert_int_equal(hook_or(word, 8, 0), 5);
    assert_false(hook_cas(word, &expected, 1, 0, 0));
    assert_int_equal(expected, 13);
    assert_true(hook_cas(word, &expected, 1, 0, 0));
    ms_counting_end(&told);
    assert_int_equal(*word, 1);
    assert_int_equal(told.accesses, 8);
    assert_int_equal(told.locked, 3);
    assert_int_equal(told.cas, 2);
    assert_int_equal(told.cas_failed, 1);
    assert_int_equal(told.lines, 3);
}
#endif

/* ---- strategies --------------------------------------------------------------------------------- */

static struct ms_catalog *catalog;

static struct ms_tally counted(const char *strategy, const char *shape, uint32_t threads)
{
    const struct ms_scenario *scenario = ms_scenario_find("registers");
    struct ms_cell_key key = {.threads = threads, .registers = 4096};
    struct ms_tally tally;
    char why[MS_WHY_BYTES] = "";

    if (!catalog)
        catalog = ms_catalog_open(&(struct ms_catalog_config){.layout_count = 0}, why);
    assert_non_null(catalog);
    snprintf(key.scenario, sizeof key.scenario, "registers");
    snprintf(key.strategy, sizeof key.strategy, "%s", strategy);
    snprintf(key.shape, sizeof key.shape, "%s", shape);
    if (!scenario->count(catalog, &key, 7, &tally, why))
        fail_msg("%s", why);
    return tally;
}

static double value_of(const struct ms_tally *tally, const char *name)
{
    for (uint32_t i = 0; i < tally->counts; i++)
        if (strcmp(tally->count[i].name, name) == 0)
            return tally->count[i].per_op;
    fail_msg("%s was not counted", name);
    return 0.0;
}

static bool can_count(void)
{
    if (ms_counted_find("spin-bitmap"))
        return true;
    print_message("a sanitizer has the hooks that counting needs: skipped\n");
    skip();
    return false;
}

static void counts_close(void)
{
    ms_catalog_close(catalog);
    catalog = NULL;
}

MS_TEST(counting_says_of_locks_and_stacks_what_their_heads_say)
{
    struct ms_tally spin, stack, segfit;

    if (!can_count())
        return;
    spin = counted("spin-bitmap", "1r", 1);
    stack = counted("index-stack", "1r", 1);
    segfit = counted("mutex-segfit", "1r", 1);
    /* One exchange takes the lock, in the take and in the give; a store opens it. */
    assert_true(value_of(&spin, MS_COUNT_LOCKED) == 2.0);
    assert_true(value_of(&spin, MS_COUNT_CAS) == 0.0);
    /* Its words are read and written by plain instructions under the lock; the mutex's lists by more. */
    assert_true(value_of(&spin, MS_COUNT_ACCESSES) >= 6.0);
    assert_true(value_of(&segfit, MS_COUNT_ACCESSES) > value_of(&spin, MS_COUNT_ACCESSES));
    /* Pop and push are one compare-and-swap each. */
    assert_true(value_of(&stack, MS_COUNT_CAS) == 2.0);
    /* The mutex is taken by compare-and-swap and given by exchange. */
    assert_true(value_of(&segfit, MS_COUNT_CAS) == 2.0);
    assert_true(value_of(&segfit, MS_COUNT_LOCKED) == 4.0);
    counts_close();
}

MS_TEST(counting_again_gives_the_same_counts)
{
    static const char *const names[] = {"spin-bitmap", "magazine", "extent-lease", "buddy-counter"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (uint32_t threads = 1; threads <= 2; threads++) {
            struct ms_tally one = counted(names[i], "mix75", threads);
            struct ms_tally other = counted(names[i], "mix75", threads);

            assert_int_equal(one.counts, other.counts);
            for (uint32_t k = 0; k < one.counts; k++)
                assert_true(one.count[k].per_op == other.count[k].per_op);
        }
    counts_close();
}

MS_TEST(counting_a_lock_moves_its_line_with_every_turn_and_private_stock_moves_none)
{
    struct ms_tally spin, lease, hand;

    if (!can_count())
        return;
    spin = counted("spin-bitmap", "1r", 2);
    lease = counted("extent-lease", "1r", 2);
    hand = counted("extent-lease", "handover1", 2);
    assert_true(value_of(&spin, MS_COUNT_MOVED) >= 2.0);
    assert_true(value_of(&lease, MS_COUNT_MOVED) < 0.1);
    assert_true(value_of(&hand, MS_COUNT_MOVED) > value_of(&lease, MS_COUNT_MOVED));
    counts_close();
}

MS_TEST(counting_failures_are_told_apart)
{
    struct ms_tally spin = counted("spin-bitmap", "mix90", 2);
    struct ms_tally next = counted("cas-bitmap-next", "mix90", 2);
    struct ms_tally magazine = counted("magazine", "mix90", 2);
    struct ms_tally pair = counted("spin-bitmap", "8r", 1);

    /* Next fit breaks the file up; first fit does so less. */
    assert_true(value_of(&next, MS_COUNT_APART) > 2.0 * value_of(&spin, MS_COUNT_APART));
    assert_true(value_of(&next, MS_COUNT_FRAGMENTED) > value_of(&spin, MS_COUNT_FRAGMENTED));
    /* What first fit refuses is not there; a thread's magazines hide some from the others. */
    assert_true(value_of(&spin, MS_COUNT_STRANDED) == 0.0);
    assert_true(value_of(&magazine, MS_COUNT_STRANDED) > 0.0);
    /* All failures for contiguity are refusals, and half a file of runs of 8 refuses nothing. */
    assert_true(value_of(&spin, MS_COUNT_APART) <= value_of(&spin, MS_COUNT_REFUSED));
    assert_true(value_of(&pair, MS_COUNT_REFUSED) == 0.0);
    assert_true(value_of(&pair, MS_COUNT_FRAGMENTED) > 0.0);
    assert_true(value_of(&pair, MS_COUNT_FRAGMENTED) < 1.0);
    counts_close();
}

/* The goal of the strategies that are exact: no request fails beside a run that fits. */
MS_TEST(counting_the_default_strands_nothing)
{
    static const char *const shapes[] = {"mix75", "mix90", "storage"};

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (uint32_t threads = 1; threads <= 2; threads++) {
            struct ms_tally tally = counted(ms_strategy_default()->name, shapes[i], threads);

            assert_true(value_of(&tally, MS_COUNT_STRANDED) == 0.0);
        }
    counts_close();
}

MS_TEST(counting_refuses_cases_that_are_none)
{
    const struct ms_scenario *scenario = ms_scenario_find("registers");
    char why[MS_WHY_BYTES] = "";
    struct ms_cell_key key = {.threads = 1, .registers = 4096};
    struct ms_tally tally;

    catalog = ms_catalog_open(&(struct ms_catalog_config){.layout_count = 0}, why);
    snprintf(key.strategy, sizeof key.strategy, "spin-bitmap");
    snprintf(key.shape, sizeof key.shape, "handover1");
    assert_false(scenario->count(catalog, &key, 7, &tally, why));
    assert_non_null(strstr(why, "no such case"));
    snprintf(key.shape, sizeof key.shape, "nothing");
    assert_false(scenario->count(catalog, &key, 7, &tally, why));
    snprintf(key.shape, sizeof key.shape, "1r");
    key.registers = 0;
    assert_false(scenario->count(catalog, &key, 7, &tally, why));
    counts_close();
}

/* ---- waiting ------------------------------------------------------------------------------------ */

MS_TEST(counting_waiters_are_served_in_order_whatever_the_strategy)
{
    static const char *const adapters[] = {"sg32", "packet"};
    const struct ms_contender *all;
    char why[MS_WHY_BYTES] = "";

    catalog = ms_catalog_open(&(struct ms_catalog_config){.layout_count = 0}, why);
    for (size_t i = 0; i < ms_catalog_contenders(catalog, &all); i++)
        for (size_t k = 0; k < 2; k++) {
            struct ms_tally tally = {.counts = 0}, again = {.counts = 0};

            if (all[i].part > MS_PART_BASELINE || (k == 1 && all[i].run_max < 64))
                continue;
            if (!ms_waiting_count(catalog, all[i].name, adapters[k], 3, &tally, why) ||
                !ms_waiting_count(catalog, all[i].name, adapters[k], 3, &again, why))
                fail_msg("%s on %s: %s", all[i].name, adapters[k], why);
            assert_true(value_of(&tally, MS_COUNT_WAITED) > 0.1);
            assert_true(value_of(&tally, MS_COUNT_OVERTAKEN) == 0.0);
            /* Who waits is passed by nobody, so no more are granted meanwhile than were waiting before. */
            assert_true(value_of(&tally, MS_COUNT_PASSED) < 16.0);
            assert_true(value_of(&tally, MS_COUNT_WAITED) == value_of(&again, MS_COUNT_WAITED));
        }
    counts_close();
}
