/* SPDX-License-Identifier: MIT */
/* stats_test.c: worked examples, and 10 000 synthetic runs whose truth is known. */
#include "platform/test.h"

#include <math.h>

#include "order.h"
#include "stats.h"

enum { PAIRS_MAX = 96 };

static struct ms_stats_pair pairs[PAIRS_MAX];
static double work[PAIRS_MAX];

/* Fills `n` pairs over `launches` from a list of values that repeats. */
static void pairs_fill(const double *y, size_t values, size_t n, uint32_t launches)
{
    for (size_t i = 0; i < n; i++)
        pairs[i] = (struct ms_stats_pair){
            .y = y[i % values], .launch = (uint32_t)(i * launches / n), .number = (uint32_t)i};
}

static enum ms_verdict judged(size_t n, double band, struct ms_stats_judgement *judgement)
{
    ms_stats_judge(pairs, n, band, work, judgement);
    return judgement->verdict;
}

MS_TEST(stats_vectors_the_rank_is_the_one_of_the_binomial_table)
{
    static const struct {
        size_t n, k;
        double covers;
    } want[] = {{12, 3, 0.961},  {18, 5, 0.969},  {24, 7, 0.977}, {36, 12, 0.971},
                {48, 17, 0.971}, {72, 28, 0.956}, {96, 38, 0.968}};

    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        double covers;
        assert_int_equal(ms_stats_rank(want[i].n, &covers), want[i].k);
        assert_true(fabs(covers - want[i].covers) < 0.0006);
    }
}

MS_TEST(stats_vectors_five_values_enclose_nothing_and_six_do)
{
    double covers;

    assert_int_equal(ms_stats_rank(5, &covers), 0);
    assert_true(covers <= 0.0);
    assert_int_equal(ms_stats_rank(6, &covers), 1);
    assert_true(covers > 0.96);
}

MS_TEST(stats_vectors_the_interval_is_read_off_the_sorted_values)
{
    struct ms_stats_interval interval;
    double y[12];

    for (int i = 0; i < 12; i++)
        y[i] = (i * 7) % 12; /* 0..11, shuffled */
    ms_stats_enclose(y, 12, &interval);
    assert_true(fabs(interval.mid - 5.5) < 1e-12);
    assert_true(fabs(interval.low - 2.0) < 1e-12);
    assert_true(fabs(interval.high - 9.0) < 1e-12);
}

MS_TEST(stats_vectors_no_values_give_an_empty_interval)
{
    struct ms_stats_interval interval;

    ms_stats_enclose(work, 0, &interval);
    assert_int_equal(interval.pairs, 0);
    assert_int_equal(ms_stats_place(&interval, 0.01), MS_VERDICT_UNKNOWN);
}

MS_TEST(stats_vectors_each_place_of_the_interval_has_its_verdict)
{
    static const struct {
        double low, high;
        enum ms_verdict want;
    } row[] = {{-0.20, -0.011, MS_VERDICT_FASTER},  {-0.20, -0.010, MS_VERDICT_UNKNOWN},
               {0.011, 0.200, MS_VERDICT_SLOWER},   {0.010, 0.200, MS_VERDICT_UNKNOWN},
               {-0.009, 0.009, MS_VERDICT_SAME},    {-0.009, 0.011, MS_VERDICT_UNKNOWN},
               {-0.011, 0.009, MS_VERDICT_UNKNOWN}, {-0.200, 0.200, MS_VERDICT_UNKNOWN}};

    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct ms_stats_interval interval = {
            .low = row[i].low, .high = row[i].high, .covers = 0.96};
        assert_int_equal(ms_stats_place(&interval, 0.01), row[i].want);
    }
}

MS_TEST(stats_vectors_below_twelve_pairs_there_is_no_verdict)
{
    static const double y[] = {-0.5};
    struct ms_stats_judgement judgement;

    pairs_fill(y, 1, 11, 5); /* even with one launch left out six would be left */
    assert_int_equal(judged(11, 0.01, &judgement), MS_VERDICT_UNKNOWN);
    assert_false(judgement.is_launch_bound);
    pairs_fill(y, 1, 12, 2);
    assert_int_equal(judged(12, 0.01, &judgement), MS_VERDICT_FASTER);
}

MS_TEST(stats_vectors_one_launch_alone_carries_no_verdict)
{
    static const double y[] = {-0.5};
    struct ms_stats_judgement judgement;

    pairs_fill(y, 1, 24, 1);
    assert_int_equal(judged(24, 0.01, &judgement), MS_VERDICT_UNKNOWN);
    assert_true(judgement.is_launch_bound);
}

MS_TEST(stats_vectors_a_verdict_that_hangs_on_one_launch_is_withdrawn)
{
    struct ms_stats_judgement judgement;

    /* Two launches clearly faster, a third not: without the first, the interval reaches zero. */
    for (uint32_t i = 0; i < 36; i++)
        pairs[i] = (struct ms_stats_pair){
            .y = i < 26 ? -0.10 - i * 1e-4 : -0.001, .launch = i / 12, .number = i};
    assert_int_equal(judged(36, 0.01, &judgement), MS_VERDICT_UNKNOWN);
    assert_true(judgement.is_launch_bound);
    assert_int_equal(judgement.launches, 3);
    assert_int_equal(judgement.agreeing, 1);
}

MS_TEST(stats_vectors_all_ties_are_the_same)
{
    static const double y[] = {0.0};
    struct ms_stats_judgement judgement;

    pairs_fill(y, 1, 36, 3);
    assert_int_equal(judged(36, 0.01, &judgement), MS_VERDICT_SAME);
    assert_true(fabs(judgement.interval.high) < 1e-12);
}

MS_TEST(stats_vectors_a_zero_time_forms_no_pair)
{
    double y = 7.0;

    assert_false(ms_stats_ratio(0.0, 1.0, &y));
    assert_false(ms_stats_ratio(1.0, 0.0, &y));
    assert_false(ms_stats_ratio(INFINITY, 1.0, &y));
    assert_false(ms_stats_ratio(1.0, NAN, &y));
    assert_true(fabs(y - 7.0) < 1e-12);
    assert_true(ms_stats_ratio(2.0, 1.0, &y));
    assert_true(fabs(y - log(2.0)) < 1e-12);
}

MS_TEST(stats_vectors_the_band_is_the_floor_or_what_the_twin_showed)
{
    assert_true(fabs(ms_stats_band(1, 0.004) - 0.01) < 1e-12);
    assert_true(fabs(ms_stats_band(2, 0.004) - 0.03) < 1e-12);
    assert_true(fabs(ms_stats_band(1, 0.05) - 0.05) < 1e-12);
    assert_true(fabs(ms_stats_visible(&(struct ms_stats_interval){.low = -0.02, .high = 0.01}) -
                     0.02) < 1e-12);
}

MS_TEST(stats_vectors_folding_is_the_mean_over_cases_of_common_blocks)
{
    struct ms_stats_pair more[2] = {{.y = 0.3, .launch = 0, .number = 0},
                                    {.y = 0.9, .launch = 0, .number = 2}};
    struct ms_stats_pair third[1] = {{.y = 1.1, .launch = 0, .number = 2}};
    static const double y[] = {0.1, 0.2, 0.5};
    size_t n;

    pairs_fill(y, 3, 3, 1);
    n = ms_stats_fold(pairs, 3, 1, more, 2);
    assert_int_equal(n, 2);
    assert_true(fabs(pairs[0].y - 0.2) < 1e-12);
    assert_true(fabs(pairs[1].y - 0.7) < 1e-12);
    n = ms_stats_fold(pairs, n, 2, third, 1);
    assert_int_equal(n, 1);
    assert_true(fabs(pairs[0].y - 2.5 / 3.0) < 1e-12);
}

/* ---- synthetic runs ---------------------------------------------------------------------------
 */

/* Uniform in (0, 1) from a running number. */
static double draw(uint64_t *number)
{
    return ((double)(ms_seed_mix(1234567, (*number)++) >> 11) + 0.5) * 0x1p-53;
}

static double draw_normal(uint64_t *number)
{
    double radius = sqrt(-2.0 * log(draw(number)));
    return radius * cos(6.283185307179586 * draw(number));
}

/* One sample's time: drift over the run, a level of the launch, noise, and a long upper tail. */
static double draw_time(uint64_t *number, double truth, double drift, double level)
{
    double tail = draw(number) < 0.08 ? -0.15 * log(draw(number)) : 0.0;
    return truth * exp(drift + level + 0.004 * draw_normal(number) + tail);
}

/* Measures `truth` against 1.0 in 3 launches x 12 blocks with twelve mirrored orders. */
static enum ms_verdict synthetic(uint64_t *number, double truth)
{
    struct ms_stats_judgement judgement;
    double slope = 0.10 * (draw(number) - 0.5);
    double level = 0.0;

    for (uint32_t i = 0; i < 36; i++) {
        uint32_t order[2];
        double time[2] = {0};

        if (i % 12 == 0)
            level = 0.05 * draw_normal(number);
        ms_order_fill(*number / 97, i % 12, order, 2);
        for (uint32_t p = 0; p < 2; p++) {
            double drift = slope * (2.0 * i + p) / 72.0;
            time[order[p]] = draw_time(number, order[p] ? truth : 1.0, drift, level);
        }
        pairs[i] = (struct ms_stats_pair){.launch = i / 12, .number = i};
        assert_true(ms_stats_ratio(time[1], time[0], &pairs[i].y));
    }
    return judged(36, 0.01, &judgement);
}

MS_TEST(stats_calibrated_identical_code_is_hardly_ever_called_different)
{
    uint64_t number = 0;
    int wrong = 0;

    for (int run = 0; run < 10000; run++) {
        enum ms_verdict verdict = synthetic(&number, 1.0);
        wrong += verdict == MS_VERDICT_FASTER || verdict == MS_VERDICT_SLOWER;
    }
    assert_in_range(wrong, 0, 99);
}

MS_TEST(stats_calibrated_a_real_five_percent_is_found)
{
    uint64_t number = UINT64_C(1) << 40;
    int found = 0;
    int wrong = 0;

    for (int run = 0; run < 10000; run++) {
        enum ms_verdict verdict = synthetic(&number, 1.05);
        found += verdict == MS_VERDICT_SLOWER;
        wrong += verdict == MS_VERDICT_FASTER || verdict == MS_VERDICT_SAME;
    }
    assert_in_range(found, 9001, 10000);
    assert_in_range(wrong, 0, 99);
}
