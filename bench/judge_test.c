/* SPDX-License-Identifier: MIT */
/*
 * judge_test.c: from samples whose truth is known to what is said: controls, overlap, verdicts,
 * rankings. No clock: every sample is made up.
 */
#include "platform/test.h"

#include <math.h>

#include "emit.h"
#include "judge.h"
#include "platform/prng.h"
#include "runner.h"
#include "stand.h"

enum { LAUNCHES = 3, BLOCKS = 12, OPS = 1000 };

/* One thing that makes up a contender's times. */
struct maker {
    const char *name;
    double time;    /* of the truth: 1.0 is the baseline's */
    double overlap; /* of its samples with several threads */
};

static const struct ms_shape_info shape_info = {.name = "1r", .title = "one", .pages = 1};
static const struct ms_scenario *scenario(void)
{
    return ms_scenario_find("registers");
}

static struct ms_catalog *catalog;
static struct ms_schedule schedule;
static struct ms_result *result;

static void schedule_open(uint32_t cases)
{
    struct ms_catalog_config config = {.layout_count = 0};
    char why[MS_WHY_BYTES];

    catalog = ms_catalog_open(&config, why);
    assert_non_null(catalog);
    schedule = (struct ms_schedule){.launches = LAUNCHES, .blocks = BLOCKS, .seed = 1, .pus = 2};
    schedule.cases = calloc(cases, sizeof *schedule.cases);
    result = ms_result_new();
}

static void schedule_close(void)
{
    for (size_t i = 0; i < schedule.case_count; i++) {
        for (uint32_t k = 0; k < schedule.cases[i].entrants; k++)
            free(schedule.cases[i].entrant[k].samples);
        free(schedule.cases[i].entrant);
    }
    free(schedule.cases);
    ms_result_free(result);
    ms_catalog_close(catalog);
}

/* A case with 36 samples of each maker: common drift, a little noise of its own. */
static struct ms_case *case_make(uint32_t threads, const struct maker *makers, uint32_t count)
{
    struct ms_case *c = &schedule.cases[schedule.case_count++];
    struct ms_prng random = {schedule.case_count};

    *c = (struct ms_case){.scenario = scenario(), .shape = &shape_info, .ops = OPS};
    snprintf(c->key.scenario, sizeof c->key.scenario, "registers");
    snprintf(c->key.shape, sizeof c->key.shape, "1r");
    c->key.threads = threads;
    c->key.registers = 64u << schedule.case_count;
    c->entrant = calloc(count, sizeof *c->entrant);
    c->entrants = count;
    for (uint32_t k = 0; k < count; k++) {
        struct ms_entrant *e = &c->entrant[k];

        e->who = ms_catalog_find(catalog, makers[k].name);
        assert_non_null(e->who);
        e->samples = calloc(LAUNCHES * BLOCKS, sizeof *e->samples);
        e->sample_room = LAUNCHES * BLOCKS;
        for (uint32_t i = 0; i < LAUNCHES * BLOCKS; i++) {
            double noise = 1.0 + 0.004 * ((double)ms_prng_below(&random, 1000) / 1000.0 - 0.5);
            double drift = 1.0 + 0.002 * i;

            e->samples[e->sample_count++] = (struct ms_sample){
                .launch = i / BLOCKS,
                .block = i % BLOCKS,
                .ops = OPS,
                .wall_ns = (uint64_t)(1e7 * makers[k].time * noise * drift),
                .overlap = makers[k].overlap > 0.0 ? makers[k].overlap : 1.0,
            };
        }
    }
    return c;
}

static void judge_now(void)
{
    struct ms_judge_config config = {.program = "mapstorm", .files = "", .may_rank = true};
    struct ms_problem problem;

    assert_true(ms_judge(&config, catalog, &schedule, result));
    if (!ms_result_check(result, "the result", &problem))
        fail_msg("%s", problem.text);
}

static const struct ms_pair *pair_of(const char *strategy)
{
    for (size_t i = 0; i < result->pair_count; i++)
        if (strcmp(result->cells[result->pairs[i].cell].strategy, strategy) == 0)
            return &result->pairs[i];
    return NULL;
}

/* ---- controls --------------------------------------------------------------------------------- */

static const struct maker sound[] = {
    {.name = "spin-bitmap", .time = 1.0}, {.name = "cas-bitmap", .time = 1.0},
    {.name = "magazine", .time = 0.5},    {.name = "null", .time = 0.2},
    {.name = "twin", .time = 1.0},        {.name = "drag", .time = 1.05}};

/* Calm moments show cas-bitmap twice as fast as the baseline, all of the time half as fast. */
MS_TEST(judge_compares_calm_moments_with_calm_moments_only)
{
    struct ms_case *c;

    schedule_open(1);
    c = case_make(1, sound, 2);
    for (uint32_t i = 0; i < LAUNCHES * BLOCKS; i++) {
        struct ms_sample *base = &c->entrant[0].samples[i];
        struct ms_sample *own = &c->entrant[1].samples[i];

        own->wall_ns = base->wall_ns * 2;
        base->calm_ops = own->calm_ops = 1000;
        base->calm_ns = 50000;
        own->calm_ns = 25000;
    }
    judge_now();
    assert_true(fabs(pair_of("cas-bitmap")->ratio.value - 2.0) < 0.01);
    assert_true(fabs(result->cells[1].time.value - 25.0) < 0.01);
    schedule_close();

    /* A cell's own time is that of its calm samples, however many were not, if there are three. */
    for (uint32_t calm = 2; calm <= 3; calm++) {
        schedule_open(1);
        c = case_make(1, sound, 2);
        for (uint32_t i = 0; i < calm; i++) {
            c->entrant[1].samples[i * BLOCKS].calm_ops = 1000;
            c->entrant[1].samples[i * BLOCKS].calm_ns = 25000;
        }
        judge_now();
        assert_int_equal(fabs(result->cells[1].time.value - 25.0) < 0.01, calm == 3);
        schedule_close();
    }

    /* One of the two was never calm: all of its time, against all of the other's. */
    schedule_open(1);
    c = case_make(1, sound, 2);
    for (uint32_t i = 0; i < LAUNCHES * BLOCKS; i++) {
        c->entrant[1].samples[i].wall_ns = c->entrant[0].samples[i].wall_ns * 2;
        c->entrant[0].samples[i].calm_ops = 1000;
        c->entrant[0].samples[i].calm_ns = 50000;
    }
    judge_now();
    assert_true(fabs(pair_of("cas-bitmap")->ratio.value - 0.5) < 0.01);
    schedule_close();
}

/* In blocks that neighbours left alone, the first `calm` of each launch or the last, cas-bitmap is twice as fast as
 * the baseline, in the others half as fast. */
static void half_calm(size_t at, const uint32_t *calm, bool is_last)
{
    struct ms_case *c = &schedule.cases[at];

    _Static_assert(LAUNCHES == 3, "how many of each launch are calm");
    for (uint32_t i = 0; i < LAUNCHES * BLOCKS; i++) {
        struct ms_sample *base = &c->entrant[0].samples[i];
        struct ms_sample *own = &c->entrant[1].samples[i];
        uint32_t place = is_last ? BLOCKS - 1 - base->block : base->block;

        own->wall_ns = base->wall_ns * 2;
        own->overlap = 0.1;
        if (place >= calm[base->launch])
            continue;
        base->calm_ops = own->calm_ops = 1000;
        base->calm_ns = 50000;
        own->calm_ns = 25000;
    }
}

/* Of one such case. */
static const struct ms_pair *half_calm_pair(const uint32_t *calm)
{
    (void)case_make(2, sound, 2);
    half_calm(0, calm, false);
    judge_now();
    return pair_of("cas-bitmap");
}

MS_TEST(judge_leaves_disturbed_pairs_out_when_there_are_enough_calm_ones)
{
    static const uint32_t enough[] = {6, 4, 2}, few[] = {4, 4, 3}, uneven[] = {7, 3, 2};
    const struct ms_pair *pair;

    schedule_open(1);
    pair = half_calm_pair(enough);
    assert_int_equal(pair->verdict, MS_VERDICT_FASTER);
    assert_int_equal(pair->ratio.count, 12);
    assert_int_equal(pair->agreeing, 3);
    schedule_close();
    schedule_open(1);
    pair = half_calm_pair(few);
    assert_int_equal(pair->ratio.count, LAUNCHES * BLOCKS);
    assert_int_equal(pair->verdict, MS_VERDICT_UNKNOWN); /* the threads of the others ran apart */
    assert_non_null(strstr(pair->why, "same time"));
    schedule_close();
    schedule_open(1);
    pair = half_calm_pair(uneven);
    assert_int_equal(pair->ratio.count, LAUNCHES * BLOCKS);
    schedule_close();
}

/* Over two cases whose calm blocks are others: the calm ones of each launch are averaged in their order. */
MS_TEST(judge_ranks_by_calm_pairs_when_each_launch_has_enough_of_them)
{
    static const uint32_t early[] = {4, 5, 6}, few[] = {6, 6, 3};

    for (int is_few = 0; is_few < 2; is_few++) {
        schedule_open(2);
        (void)case_make(2, sound, 2);
        half_calm(schedule.case_count - 1, is_few ? few : early, false);
        (void)case_make(2, sound, 2);
        half_calm(schedule.case_count - 1, early, true);
        judge_now();
        assert_int_equal(result->ranking_count, 1);
        if (is_few) {
            assert_int_equal(result->rankings[0].lead_verdict, MS_VERDICT_UNKNOWN);
        } else {
            assert_int_equal(result->rankings[0].lead_verdict, MS_VERDICT_FASTER);
            assert_string_equal(result->rankings[0].leader, "cas-bitmap");
            assert_true(fabs(result->rankings[0].lead.value - 2.0) < 0.01);
            assert_int_equal(result->rankings[0].lead.count, 4 + 5 + 6);
        }
        schedule_close();
    }
}

MS_TEST(controls_a_planted_slowdown_is_found_and_the_twin_passes)
{
    schedule_open(1);
    case_make(1, sound, 6)->has_controls = true;
    judge_now();
    assert_int_equal(result->control_count, 1);
    assert_int_equal(result->controls[0].drag_verdict, MS_VERDICT_SLOWER);
    assert_true(fabs(result->controls[0].drag.value - 0.05) < 0.003);
    assert_int_equal(result->controls[0].twin_verdict, MS_VERDICT_SAME);
    assert_true(result->controls[0].trusted);
    assert_false(result->controls[0].blunt);
    assert_true(result->controls[0].visible < 0.01);
    assert_int_equal(pair_of("cas-bitmap")->verdict, MS_VERDICT_SAME);
    assert_int_equal(pair_of("magazine")->verdict, MS_VERDICT_FASTER);
    assert_true(fabs(pair_of("magazine")->ratio.value - 2.0) < 0.01);
    assert_string_equal(result->rankings[0].leader, "magazine");
    assert_int_equal(result->rankings[0].lead_verdict, MS_VERDICT_FASTER);
    schedule_close();
}

MS_TEST(controls_a_run_whose_twin_differs_ranks_nothing)
{
    struct maker odd[6];

    memcpy(odd, sound, sizeof odd);
    odd[4].time = 1.03;
    schedule_open(1);
    case_make(1, odd, 6)->has_controls = true;
    judge_now();
    assert_false(result->controls[0].trusted);
    assert_int_equal(pair_of("magazine")->verdict, MS_VERDICT_NONE);
    assert_non_null(strstr(pair_of("magazine")->why, "twin"));
    assert_null(result->rankings[0].leader);
    schedule_close();
}

MS_TEST(controls_without_the_planted_slowdown_nothing_is_called_the_same)
{
    struct maker dull[6];

    memcpy(dull, sound, sizeof dull);
    dull[5].time = 1.0;
    schedule_open(1);
    case_make(1, dull, 6)->has_controls = true;
    judge_now();
    assert_true(result->controls[0].blunt);
    assert_int_equal(pair_of("cas-bitmap")->verdict, MS_VERDICT_UNKNOWN);
    assert_int_equal(pair_of("magazine")->verdict, MS_VERDICT_FASTER);
    schedule_close();
}

MS_TEST(controls_what_costs_less_than_twice_the_harness_is_marked)
{
    struct maker cheap[6];

    memcpy(cheap, sound, sizeof cheap);
    cheap[2].time = 0.3;
    schedule_open(1);
    case_make(1, cheap, 6)->has_controls = true;
    judge_now();
    assert_true(result->cells[pair_of("magazine")->cell].mostly_harness);
    assert_false(result->cells[pair_of("cas-bitmap")->cell].mostly_harness);
    schedule_close();
}

/* ---- what may not be ranked ------------------------------------------------------------------- */

MS_TEST(judge_more_threads_than_processors_are_measured_and_never_ranked)
{
    schedule_open(1);
    case_make(4, sound, 3)->is_oversubscribed = true;
    judge_now();
    assert_int_equal(pair_of("magazine")->verdict, MS_VERDICT_NONE);
    assert_true(pair_of("magazine")->ratio.value > 1.9);
    assert_null(result->rankings[0].leader);
    schedule_close();
}

MS_TEST(judge_a_strategy_that_missed_a_case_is_not_ranked)
{
    struct ms_case *second;

    schedule_open(2);
    case_make(1, sound, 3);
    second = case_make(1, sound, 3);
    second->entrant[2].state = MS_STATE_REFUSED;
    second->entrant[2].sample_count = 0;
    judge_now();
    assert_string_not_equal(result->rankings[0].leader, "magazine");
    for (size_t i = 0; i < result->rankings[0].standing_count; i++) {
        const struct ms_standing *s = &result->rankings[0].standings[i];
        if (strcmp(s->strategy, "magazine") == 0) {
            assert_false(s->ranked);
            assert_int_equal(s->served, 1);
            assert_int_equal(s->cases, 2);
        }
    }
    schedule_close();
}

MS_TEST(judge_a_crashed_strategy_costs_its_cell_and_nobody_elses)
{
    schedule_open(1);
    struct ms_case *c = case_make(1, sound, 3);
    c->entrant[2].state = MS_STATE_CRASHED;
    c->entrant[2].why = "killed by signal 6";
    c->entrant[2].sample_count = 5;
    judge_now();
    assert_int_equal(result->cells[2].outcome, MS_OUTCOME_CRASHED);
    assert_string_equal(result->cells[2].why, "killed by signal 6");
    assert_non_null(strstr(result->cells[2].command, "--strategy magazine"));
    assert_int_equal(pair_of("cas-bitmap")->verdict, MS_VERDICT_SAME);
    schedule_close();
}

/* ---- latencies -------------------------------------------------------------------------------- */

MS_TEST(judge_percentiles_reach_as_far_as_values_back_them_and_the_page_shows_them)
{
    struct ms_case *c;
    char *page = NULL;
    size_t length = 0;
    FILE *out;

    schedule_open(1);
    c = case_make(1, sound, 3);
    c->pace_ns = 100.0;
    for (uint32_t k = 0; k < 3; k++) {
        struct ms_timed *timed = &c->entrant[k].timed[1];

        timed->latency = calloc(1, sizeof *timed->latency);
        for (uint64_t i = 1; i <= 50000; i++)
            ms_histogram_add(timed->latency, i / 100 + 1);
    }
    c->entrant[2].timed[1].is_saturated = true;
    c->floor[1].latency = calloc(1, sizeof *c->floor[1].latency);
    ms_histogram_add(c->floor[1].latency, 30);
    judge_now();
    assert_int_equal(result->cells[0].latency_count, 1);
    assert_true(fabs(result->cells[0].latencies[0].load - 0.7) < 1e-9);
    assert_true(fabs(result->cells[0].latencies[0].p50 - 250.0) < 3.0);
    assert_true(result->cells[0].latencies[0].p99 > 400.0);
    assert_true(result->cells[0].latencies[0].p9999 <= 0.0); /* only 5 values beyond */
    assert_true(fabs(result->cells[0].latencies[0].floor - 30.0) < 1e-9);
    assert_true(result->cells[2].latencies[0].saturated);
    assert_true(result->cells[2].latencies[0].p50 <= 0.0);

    out = open_memstream(&page, &length);
    assert_true(ms_emit_page(result, out));
    fclose(out);
    assert_non_null(strstr(page, "How long the slowest wait"));
    assert_non_null(strstr(page, "saturated: it could not keep up"));
    free(page);
    for (uint32_t k = 0; k < 3; k++)
        free(c->entrant[k].timed[1].latency);
    free(c->floor[1].latency);
    schedule_close();
}

/* A second of wall time in which so many of 10 000 operations took a time slice. */
static void crowd_make(struct ms_timed *timed, uint32_t slow, uint64_t wall_ns)
{
    timed->latency = calloc(1, sizeof *timed->latency);
    timed->wall_ns = wall_ns;
    for (uint32_t i = 0; i < 10000; i++)
        ms_histogram_add(timed->latency, i < slow ? 4000000 : 150);
}

MS_TEST(judge_with_more_threads_than_processors_slow_operations_are_counted_a_second)
{
    struct ms_case *c;
    char *page = NULL;
    size_t length = 0;
    FILE *out;

    schedule_open(1);
    c = case_make(1, sound, 3);
    c->is_oversubscribed = true;
    for (uint32_t k = 0; k < 3; k++)
        crowd_make(&c->entrant[k].timed[0], k == 2 ? 3000 : 100, 500000000);
    crowd_make(&c->floor[0], 50, 500000000);
    judge_now();
    /* As many of as many operations, but in half the time, are twice as many a second. */
    assert_true(fabs(result->cells[0].latencies[0].slow - 200.0) < 1e-6);
    assert_true(fabs(result->cells[0].latencies[0].slow_floor - 100.0) < 1e-6);
    assert_true(fabs(result->cells[2].latencies[0].slow - 6000.0) < 1e-6);
    assert_true(result->cells[0].latencies[0].load <= 0.0);

    out = open_memstream(&page, &length);
    assert_true(ms_emit_page(result, out));
    fclose(out);
    assert_non_null(strstr(page, "a strategy that does nothing has 100,"));
    assert_non_null(strstr(page, "<td data-v=6000>6000</td><td data-v=60>60.0&times;</td>"));
    assert_null(strstr(page, "of the baseline's pace"));
    free(page);
    for (uint32_t k = 0; k < 3; k++)
        free(c->entrant[k].timed[0].latency);
    free(c->floor[0].latency);
    schedule_close();
}

/* ---- overlap ---------------------------------------------------------------------------------- */

MS_TEST(overlap_threads_that_ran_one_after_the_other_have_none)
{
    struct ms_lap apart[2] = {{.start_ns = 100, .end_ns = 200}, {.start_ns = 300, .end_ns = 400}};
    struct ms_lap half[2] = {{.start_ns = 100, .end_ns = 300}, {.start_ns = 200, .end_ns = 400}};
    struct ms_lap same[2] = {{.start_ns = 100, .end_ns = 200}, {.start_ns = 100, .end_ns = 200}};
    struct ms_lap waited[2] = {{.start_ns = 100, .end_ns = 200, .delay_ns = 25},
                               {.start_ns = 100, .end_ns = 200}};

    assert_true(ms_laps_overlap(apart, 2) <= 0.0);
    assert_true(fabs(ms_laps_overlap(half, 2) - 1.0 / 3.0) < 1e-9);
    assert_true(fabs(ms_laps_overlap(same, 2) - 1.0) < 1e-9);
    assert_true(fabs(ms_laps_overlap(waited, 2) - 0.75) < 1e-9);
    assert_true(fabs(ms_laps_overlap(apart, 1) - 1.0) < 1e-9);
}

MS_TEST(overlap_too_small_makes_a_sample_disturbed_and_a_case_unknown)
{
    struct maker apart[3];
    struct ms_reading reading = {.overlap = 0.85};

    assert_true(ms_reading_is_disturbed(&reading, 2, false));
    assert_false(ms_reading_is_disturbed(&reading, 4, true));
    reading.overlap = 0.95;
    assert_false(ms_reading_is_disturbed(&reading, 2, false));
    reading.delay_share = 0.006;
    assert_true(ms_reading_is_disturbed(&reading, 1, false));

    reading = (struct ms_reading){.overlap = 1.0, .shared = 0.9};
    assert_true(ms_reading_is_disturbed(&reading, 1, false)); /* slices, and none of them calm */
    reading.calm_ops = 1000;
    reading.delay_share = 0.5; /* of slices that do not count */
    assert_false(ms_reading_is_disturbed(&reading, 1, false));

    memcpy(apart, sound, sizeof apart);
    for (int i = 0; i < 3; i++)
        apart[i].overlap = 0.01;
    schedule_open(1);
    case_make(2, apart, 3);
    judge_now();
    assert_int_equal(pair_of("magazine")->verdict, MS_VERDICT_UNKNOWN);
    assert_non_null(strstr(pair_of("magazine")->why, "same time"));
    assert_true(result->cells[0].poor_overlap);
    schedule_close();
}

/* ---- the length of samples -------------------------------------------------------------------- */

MS_TEST(runner_scales_samples_from_the_time_threads_had_a_processor)
{
    struct ms_reading reading = {.wall_ns = 1600000};

    assert_true(fabs(ms_reading_worked_ns(&reading) - 1600000) < 1);
    reading.delay_ns = 1000000;
    assert_true(fabs(ms_reading_worked_ns(&reading) - 600000) < 1);
    /* A delay from before the start must not make an operation nothing, and the sample endless. */
    reading.delay_ns = 1599999;
    assert_true(fabs(ms_reading_worked_ns(&reading) - 100000) < 1);
    reading.delay_ns = 4000000;
    assert_true(fabs(ms_reading_worked_ns(&reading) - 100000) < 1);
}

MS_TEST(runner_samples_are_long_enough_for_the_fastest_and_short_enough_for_the_slowest)
{
    static const struct {
        double fastest, slowest, sample_low, sample_high;
    } row[] = {
        {10.0, 10.0, 4.9e6, 5.1e6},  /* all alike: five milliseconds */
        {10.0, 20.0, 4.9e6, 5.1e6},  /* the fastest still takes 2.5 */
        {10.0, 50.0, 9.9e6, 10.1e6}, /* 2 ms for the fastest */
        {10.0, 400.0, 79e6, 81e6},   /* both cannot hold: the longer one wins */
    };

    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        double sample = (double)ms_sample_ops(row[i].fastest, row[i].slowest, 2) * row[i].slowest;
        assert_true(sample >= row[i].sample_low && sample <= row[i].sample_high);
        assert_int_equal(ms_sample_ops(row[i].fastest, row[i].slowest, 3) % 3, 0);
    }
    assert_int_equal(ms_sample_ops(1e9, 1e9, 2), 2);
}
