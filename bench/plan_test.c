/* SPDX-License-Identifier: MIT */
/* plan_test.c: what was asked for becomes cases, and what does not exist becomes a sentence. */
#include "platform/test.h"

#include "options.h"
#include "plan.h"

static struct ms_catalog *catalog;
static struct ms_topology *topology;

static void plan_open(void)
{
    struct ms_catalog_config config = {.layout_count = 0};
    char why[MS_WHY_BYTES];

    catalog = ms_catalog_open(&config, why);
    topology = ms_topology_imagine("pack:1 core:2 pu:1");
    assert_non_null(catalog);
    assert_non_null(topology);
}

static void plan_close(void)
{
    ms_topology_close(topology);
    ms_catalog_close(catalog);
}

/* Parses a command line of words; the schedule, or NULL and the problem. */
static struct ms_schedule *planned(const char *words, struct ms_problem *problem)
{
    struct ms_options options;
    struct ms_schedule *schedule = NULL;
    char text[512];
    char *argv[32] = {"run"};
    char *rest = text;
    int argc = 1;

    snprintf(text, sizeof text, "%s", words);
    for (char *word; (word = strsep(&rest, " ")) && argc < 32;)
        if (word[0])
            argv[argc++] = word;
    *problem = (struct ms_problem){.exit = MS_EXIT_OK};
    if (ms_options_parse(&options, argc, argv, problem))
        schedule = ms_schedule_make(catalog, topology, &options.wish, problem);
    ms_options_free(&options);
    return schedule;
}

MS_TEST(plan_the_default_has_every_scenario_and_ends_in_time)
{
    struct ms_problem problem;
    struct ms_schedule *s;
    bool has[4] = {false, false, false, false};

    plan_open();
    s = planned("", &problem);
    assert_non_null(s);
    for (size_t i = 0; i < s->case_count; i++) {
        has[0] = has[0] || strcmp(s->cases[i].key.scenario, "registers") == 0;
        has[1] = has[1] || strcmp(s->cases[i].key.scenario, "map") == 0;
        has[2] = has[2] || strcmp(s->cases[i].key.scenario, "limits") == 0;
        has[3] = has[3] || strcmp(s->cases[i].key.scenario, "list") == 0;
        assert_false(s->cases[i].shape->is_full);
    }
    assert_true(has[0] && has[1] && has[2] && has[3]);
    assert_true(s->seconds < 165.0); /* of three minutes: waits for a quiet moment come on top */
    ms_schedule_free(s);
    s = planned("--quick", &problem);
    assert_non_null(s);
    assert_true(s->seconds < 25.0);
    ms_schedule_free(s);
    plan_close();
}

MS_TEST(plan_what_a_person_chose_may_take_longer_than_announced)
{
    struct ms_problem problem;
    struct ms_schedule *s;

    plan_open();
    s = planned("", &problem);
    assert_true(s->seconds_max > s->seconds && s->seconds_max <= 180.0); /* the promise */
    ms_schedule_free(s);
    s = planned("--threads 1,2 --scenario registers,map,list", &problem);
    assert_true(s->seconds_max > 2.4 * s->seconds);
    assert_true(s->seconds_max > 180.0 && s->seconds_max < 3600.0);
    ms_schedule_free(s);
    plan_close();
}

MS_TEST(plan_blocks_are_left_out_evenly_and_never_so_many_that_nothing_is_told)
{
    struct ms_schedule s = {.launches = 3, .blocks = 12};

    assert_int_equal(ms_blocks_fit(&s, 50.0, 50.0), 12);
    assert_int_equal(ms_blocks_fit(&s, 50.1, 50.0), 10);
    assert_int_equal(ms_blocks_fit(&s, 100.0, 50.0), 6);
    assert_int_equal(ms_blocks_fit(&s, 1000.0, 50.0), 4); /* of three launches: 12 pairs */
    assert_int_equal(ms_blocks_fit(&s, 50.0, -1.0), 4);
    s = (struct ms_schedule){.launches = 2, .blocks = 6};
    assert_int_equal(ms_blocks_fit(&s, 100.0, 1.0), 6);
    s = (struct ms_schedule){.launches = 8, .blocks = 12};
    assert_int_equal(ms_blocks_fit(&s, 100.0, 1.0), 2);
    s = (struct ms_schedule){.launches = 1, .blocks = 6};
    assert_int_equal(ms_blocks_fit(&s, 100.0, 1.0), 6);
}

MS_TEST(plan_shapes_of_the_full_plan_are_measured_there_and_where_asked_for)
{
    struct ms_problem problem;
    struct ms_schedule *s;
    size_t cold = 0;

    plan_open();
    s = planned("--full", &problem);
    assert_non_null(s);
    for (size_t i = 0; i < s->case_count; i++)
        cold += strcmp(s->cases[i].key.shape, "cold-16p") == 0;
    assert_int_equal(cold, 2); /* map and list */
    ms_schedule_free(s);
    s = planned("--quick --scenario list --shape cold-16p", &problem);
    assert_non_null(s);
    assert_int_equal(s->case_count, 1);
    ms_schedule_free(s);
    plan_close();
}

MS_TEST(plan_controls_run_once_in_each_thread_class)
{
    struct ms_problem problem;
    struct ms_schedule *s;
    uint32_t one = 0, several = 0;

    plan_open();
    s = planned("--threads 1,2,4", &problem);
    assert_non_null(s);
    for (size_t i = 0; i < s->case_count; i++) {
        one += s->cases[i].has_controls && s->cases[i].key.threads == 1;
        several += s->cases[i].has_controls && s->cases[i].key.threads > 1;
        assert_false(s->cases[i].has_controls && s->cases[i].is_oversubscribed);
        assert_int_equal(s->cases[i].is_oversubscribed, s->cases[i].key.threads > 2);
    }
    assert_int_equal(one, 1);
    assert_int_equal(several, 1);
    ms_schedule_free(s);
    plan_close();
}

MS_TEST(plan_the_baseline_is_always_there_and_others_only_when_chosen)
{
    struct ms_problem problem;
    struct ms_schedule *s;

    plan_open();
    s = planned("--strategy magazine --shape 8r --threads 1 --registers 128,256", &problem);
    assert_non_null(s);
    assert_int_equal(s->case_count, 2);
    assert_int_equal(ms_schedule_cells(s), 4);
    assert_int_equal(s->cases[0].key.registers, 128);
    assert_int_equal(s->cases[1].key.registers, 256);
    ms_schedule_free(s);
    plan_close();
}

MS_TEST(plan_a_case_of_other_shapes_still_gets_its_controls)
{
    struct ms_problem problem;
    struct ms_schedule *s;

    plan_open();
    s = planned("--shape mix75 --threads 1", &problem);
    assert_non_null(s);
    assert_int_equal(s->case_count, 1);
    assert_true(s->cases[0].has_controls);
    ms_schedule_free(s);
    plan_close();
}

MS_TEST(plan_what_does_not_exist_is_wrong_usage_with_a_suggestion)
{
    static const struct {
        const char *words, *said;
    } row[] = {
        {"--strategy magazin", "magazine"},
        {"--shape mix57", "mix75"},
        {"--scenario maps", "map"},
        {"--adapter sg46", "sg64"},
        {"--strategi magazine", "--strategi; did you mean strategy"},
        {"--filter colour:red", "no key of a cell"},
        {"--filter shape", "KEY:VALUE"},
        {"--filter shape:mix57", "mix75"},
        {"--filter strategy:magazin", "magazine"},
        {"--threads 0", "above 0"},
        {"--threads 1,x", "whole numbers"},
        {"--threads 65", "1 to 64"},
        {"--registers 3", "64 to 262144"},
        {"--registers 4294967296", "whole numbers"},
        {"--seed -1", "whole number"},
        {"--seed 18446744073709551616", "whole number"},
        {"--color sometimes", "auto, always or never"},
        {"--strategy magazine,,cas-bitmap", "commas"},
        {"--shape 8r --adapter sg64", "nothing matches"},
        {"quick", "run takes no"},
    };

    plan_open();
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct ms_problem problem;
        assert_null(planned(row[i].words, &problem));
        if (problem.exit != MS_EXIT_USAGE || !strstr(problem.text, row[i].said))
            fail_msg("%s: said '%s', exit %d", row[i].words, problem.text, problem.exit);
    }
    plan_close();
}

MS_TEST(plan_filters_leave_what_has_all_parts)
{
    struct ms_problem problem;
    struct ms_schedule *s;

    plan_open();
    s = planned("--filter shape:packets,threads:2 --filter strategy:magazine", &problem);
    assert_non_null(s);
    assert_int_equal(s->case_count, 1);
    assert_int_equal(ms_schedule_cells(s), 2);
    ms_schedule_free(s);
    plan_close();
}

MS_TEST(plan_the_line_that_repeats_a_run_says_every_choice)
{
    char *argv[] = {"run", "--quick", "--strategy=magazine", "--threads", "1,2", "--seed=9", NULL};
    struct ms_options options;
    struct ms_problem problem;
    char line[512];

    assert_true(ms_options_parse(&options, 6, argv, &problem));
    ms_options_print(&options, "mapstorm", line, sizeof line);
    assert_string_equal(line, "mapstorm run --quick --strategy magazine --threads 1,2 --seed 9");
    ms_options_free(&options);
}
