/* SPDX-License-Identifier: MIT */
/*
 * goals_test.c: every kind of goal held, missed and not known, on results made up for it.
 */
#include "count_names.h"
#include "goals.h"
#include "report_test.h"

#include <math.h>
#include <unistd.h>

static struct ms_result *result;

/* A default and a rival beside the baseline, in a run that may be ranked. */
static void result_open(void)
{
    static const char *const names[] = {"spin-bitmap", "mutex-segfit", "extent-lease"};

    result = ms_result_new();
    for (unsigned i = 0; i < 3; i++)
        *ms_result_add_strategy(result) =
            (struct ms_strategy){.name = names[i],
                                 .role = i ? MS_ROLE_CONTESTANT : MS_ROLE_BASELINE,
                                 .is_default = i == 2};
    *ms_result_add_control(result) =
        (struct ms_control){.thread_class = "one thread", .threads = 1, .trusted = true};
}

/* A cell of every strategy in a case; returns the index of the default's. The rival and the baseline are so
 * many times as fast as the default. */
static uint32_t case_add(const char *shape, uint32_t threads, uint32_t registers, double rival,
                         double base)
{
    uint32_t first = (uint32_t)result->cell_count;

    if (!ms_result_shape(result, MS_SCENARIO_POOL, shape))
        *ms_result_add_shape(result) =
            (struct ms_shape){.name = shape, .scenario = MS_SCENARIO_POOL};
    for (unsigned i = 0; i < 3; i++) {
        struct ms_cell *c = ms_result_add_cell(result);

        c->scenario = MS_SCENARIO_POOL;
        c->strategy = result->strategies[i].name;
        c->shape = shape;
        c->threads = threads;
        c->registers = registers;
        c->oversubscribed = threads > 2;
        c->name = ms_cell_name(result, c);
        c->time = (struct ms_estimate){10, 9, 11, 36};
    }
    *ms_result_add_pair(result) =
        (struct ms_pair){.cell = first, .base = first + 2, .ratio = {base, base / 2, base * 2, 36}};
    *ms_result_add_pair(result) = (struct ms_pair){
        .cell = first + 1, .base = first + 2, .ratio = {rival, rival / 2, rival * 2, 36}};
    return first + 2;
}

static struct ms_goal_found goal_of(const char *words)
{
    for (size_t i = 0; i < ms_goal_count(); i++)
        if (strstr(ms_goal_text(i), words))
            return ms_goal_look(result, i);
    fail_msg("no goal speaks of %s", words);
    return (struct ms_goal_found){.held = MS_GOAL_UNKNOWN};
}

static void count_add(uint32_t cell, const char *name, double value)
{
    *ms_cell_add_count(&result->cells[cell]) = (struct ms_count){.name = name, .per_op = value};
}

static void result_close(void)
{
    ms_result_free(result);
    result = NULL;
}

MS_TEST(goals_of_what_was_not_measured_are_not_known)
{
    result_open();
    for (size_t i = 0; i < ms_goal_count(); i++)
        assert_int_equal(ms_goal_look(result, i).held, MS_GOAL_UNKNOWN);
    result->strategies[2].is_default = false;
    case_add("mix75", 2, 4096, 0.1, 0.1);
    assert_int_equal(goal_of("4096 registers, 2 threads").held, MS_GOAL_UNKNOWN);
    result_close();
}

MS_TEST(goals_against_the_limit_take_loop_and_calls_off_both)
{
    uint32_t one, eight;

    result_open();
    one = case_add("1r", 1, 4096, 0.5, 0.5);
    eight = case_add("8r", 1, 65536, 0.5, 0.5);
    result->controls[0].harness = (struct ms_estimate){7, 6, 8, 36};
    result->cells[one].limit = "locked-pair";
    result->cells[eight].limit = "locked-pair";
    *ms_result_add_limit(result) = (struct ms_limit){
        .name = "locked-pair", .shape = "1r", .threads = 1, .time = {12, 11, 13, 36}}; /* 3 of 5 */
    *ms_result_add_limit(result) = (struct ms_limit){
        .name = "locked-pair", .shape = "8r", .threads = 1, .time = {11.1, 11, 12, 36}};
    assert_int_equal(goal_of("two locked instructions").held, MS_GOAL_HELD);
    result->limits[1].time.value = 10.9; /* 3 of 3.9; before 3 of 4.1 */
    assert_int_equal(goal_of("two locked instructions").held, MS_GOAL_MISSED);
    assert_ptr_equal(goal_of("two locked instructions").where, &result->cells[eight]);
    assert_int_equal(goal_of("two locked instructions").cells, 2);
    assert_true(fabs(goal_of("two locked instructions").worst - 3 / 3.9) < 1e-9);
    assert_true(fabs(goal_of("two locked instructions").whole - 1 / 1.09) < 1e-9);
    /* Faster than nothing: as good as nothing. A limit below the control says nothing. */
    result->cells[eight].time.value = 6.9;
    result->limits[0].time.value = 6.9;
    assert_true(goal_of("two locked instructions").worst == 0.0);
    assert_int_equal(goal_of("two locked instructions").cells, 1);
    /* Nor does one that was measured in another place, or a run without the control. */
    result->cells[eight].limit = "atomic-pair";
    assert_int_equal(goal_of("two locked instructions").held, MS_GOAL_UNKNOWN);
    result->cells[eight].limit = "locked-pair";
    result->controls[0].harness.value = 0;
    assert_int_equal(goal_of("two locked instructions").held, MS_GOAL_UNKNOWN);
    result_close();
}

MS_TEST(goals_against_one_strategy_pass_over_the_others)
{
    result_open();
    case_add("mix75", 1, 4096, 0.99, 3.0);
    assert_int_equal(goal_of("no slower than mutex-segfit").held, MS_GOAL_HELD);
    case_add("mix90", 1, 65536, 1.01, 0.2);
    assert_int_equal(goal_of("no slower than mutex-segfit").held, MS_GOAL_MISSED);
    result_close();
}

MS_TEST(goals_against_all_take_the_fastest_other)
{
    result_open();
    case_add("mix75", 2, 65536, 0.3, 0.49);
    case_add("mix75", 2, 4096, 0.3, 0.95);
    case_add("mix75", 8, 4096, 0.89, 0.2);
    case_add("handover8", 2, 4096, 0.98, 0.98);
    assert_int_equal(goal_of("65536 registers, 2 threads").held, MS_GOAL_HELD);
    assert_int_equal(goal_of("4096 registers, 2 threads").held, MS_GOAL_MISSED);
    assert_string_equal(goal_of("4096 registers, 2 threads").rival, "spin-bitmap");
    assert_int_equal(goal_of("4096 registers, more threads").held, MS_GOAL_HELD);
    assert_int_equal(goal_of("65536 registers, more threads").held, MS_GOAL_UNKNOWN);
    assert_int_equal(goal_of("handed over").held, MS_GOAL_HELD);
    assert_int_equal(goal_of("no other strategy ahead").held, MS_GOAL_HELD);
    case_add("packets", 1, 4096, 1.06, 0.2);
    assert_int_equal(goal_of("no other strategy ahead").held, MS_GOAL_MISSED);
    /* Who failed conformance is no rival. */
    result->strategies[1].conformance = MS_CHECK_FAILED;
    assert_int_equal(goal_of("no other strategy ahead").held, MS_GOAL_HELD);
    result_close();
}

MS_TEST(goals_on_time_are_not_known_where_nothing_may_be_ranked)
{
    result_open();
    count_add(case_add("mix75", 2, 4096, 0.3, 0.3), MS_COUNT_STRANDED, 0.0);
    result->controls[0].trusted = false;
    assert_int_equal(goal_of("4096 registers, 2 threads").held, MS_GOAL_UNKNOWN);
    assert_int_equal(goal_of("refused beside a free run").held, MS_GOAL_HELD);
    result_close();
}

MS_TEST(goals_by_exact_counts_and_slow_operations)
{
    uint32_t own, over;

    result_open();
    own = case_add("mix90", 1, 4096, 0.5, 0.5);
    over = case_add("mix75", 8, 4096, 0.5, 0.5);
    count_add(own, MS_COUNT_APART, 0.0109);
    count_add(own - 2, MS_COUNT_APART, 0.01);
    count_add(own, MS_COUNT_STRANDED, 0.0);
    count_add(own, MS_COUNT_MEMORY, 5.9);
    *ms_cell_add_latency(&result->cells[over]) =
        (struct ms_latency){.values = 1000, .slow = 109, .slow_floor = 100};
    assert_int_equal(goal_of("those of first fit").held, MS_GOAL_HELD);
    assert_int_equal(goal_of("refused beside a free run").held, MS_GOAL_HELD);
    assert_int_equal(goal_of("memory").held, MS_GOAL_HELD);
    assert_int_equal(goal_of("order inversion").held, MS_GOAL_UNKNOWN);
    assert_int_equal(goal_of("above 100 us").held, MS_GOAL_HELD);

    result->cells[own].counts[0].per_op = 0.0111;
    result->cells[own].counts[1].per_op = 1e-6;
    result->cells[own].counts[2].per_op = 6.1;
    result->cells[over].latencies[0].slow = 111;
    assert_int_equal(goal_of("those of first fit").held, MS_GOAL_MISSED);
    assert_int_equal(goal_of("refused beside a free run").held, MS_GOAL_MISSED);
    assert_int_equal(goal_of("memory").held, MS_GOAL_MISSED);
    assert_int_equal(goal_of("above 100 us").held, MS_GOAL_MISSED);
    result->cells[own].scenario = "transfer";
    count_add(own, MS_COUNT_OVERTAKEN, 0.0);
    assert_int_equal(goal_of("order inversion").held, MS_GOAL_HELD);
    result->cells[own].counts[3].per_op = 1e-4;
    assert_int_equal(goal_of("order inversion").held, MS_GOAL_MISSED);
    result->cells[own].scenario = MS_SCENARIO_POOL;
    /* First fit found a run for everybody: then nobody may fail. */
    result->cells[own - 2].counts[0].per_op = 0.0;
    assert_int_equal(goal_of("those of first fit").held, MS_GOAL_MISSED);
    result->cells[own].counts[0].per_op = 0.0;
    assert_int_equal(goal_of("those of first fit").held, MS_GOAL_HELD);
    result_close();
}

/* ---- the command -------------------------------------------------------------------------------- */

static char *asked(const char *const *files, size_t count, enum ms_exit want)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    assert_int_equal(ms_command_goals(files, count, out, out), want);
    fclose(out);
    return text;
}

MS_TEST(goals_command_says_which_hold_in_every_file)
{
    char folder[] = "/tmp/mapstorm-goals-XXXXXX";
    char path[64], other[64];
    struct ms_problem problem = {.exit = MS_EXIT_OK};
    char *text;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.json", folder);
    snprintf(other, sizeof other, "%s/b.json", folder);
    result_open();
    case_add("handover8", 2, 4096, 0.9, 0.9);
    case_add("mix75", 2, 4096, 0.8, 0.8);
    assert_true(ms_file_write(result, folder, "a.json", ms_emit_json, &problem));
    text = asked((const char *const[]){path}, 1, MS_EXIT_INCOMPLETE);
    assert_non_null(strstr(text, "holds   handed over"));
    assert_non_null(strstr(text, "\n3 of 13 goals hold, 0 missed, 10 not known\n"));
    assert_non_null(strstr(text, "mapstorm run --scenario registers,transfer"));
    free(text);
    result->pairs[3].ratio = (struct ms_estimate){0.95, 0.9, 1.0, 36};
    assert_true(ms_file_write(result, folder, "b.json", ms_emit_json, &problem));
    text = asked((const char *const[]){path, other}, 2, MS_EXIT_GATE);
    assert_non_null(strstr(text, "MISSED  mixed sizes, 75 % full, 4096 registers, 2 threads"));
    assert_non_null(
        strstr(text, "0.95x on mix75, 2 threads, 4096 registers, against mutex-segfit"));
    assert_non_null(strstr(text, "\n2 of 13 goals hold in every file, 1 missed, 10 not known\n"));
    free(text);
    text = asked((const char *const[]){"/nowhere.json"}, 1, MS_EXIT_USAGE);
    assert_non_null(strstr(text, "mapstorm: /nowhere.json: "));
    free(text);
    unlink(path);
    unlink(other);
    rmdir(folder);
    result_close();
}
