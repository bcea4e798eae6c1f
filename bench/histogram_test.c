/* SPDX-License-Identifier: MIT */
/* histogram_test.c: the error over the range, merging, and percentiles against sorting. */
#include "platform/test.h"

#include <math.h>

#include "histogram.h"
#include "order.h"

static struct ms_histogram one, two, both;

MS_TEST(histogram_every_value_falls_into_the_bucket_that_holds_it)
{
    for (uint64_t ns = 1; ns <= MS_HISTOGRAM_NS_MAX; ns += ns / 1000 + 1) {
        uint64_t middle;

        ms_histogram_clear(&one);
        ms_histogram_add(&one, ns);
        one.largest_ns = UINT64_MAX; /* show the bucket, not the maximum */
        middle = ms_histogram_at(&one, 0.5);
        assert_true(fabs((double)middle - (double)ns) <= 0.008 * (double)ns);
    }
}

MS_TEST(histogram_buckets_touch_without_gap_or_overlap)
{
    for (size_t i = 0; i + 1 < MS_HISTOGRAM_BUCKETS; i++)
        assert_int_equal(ms_histogram_low(i) + ms_histogram_width(i), ms_histogram_low(i + 1));
    assert_true(ms_histogram_low(MS_HISTOGRAM_BUCKETS - 1) < UINT64_C(1) << 36);
}

MS_TEST(histogram_zero_and_beyond_the_range_are_kept_at_the_ends)
{
    ms_histogram_clear(&one);
    ms_histogram_add(&one, 0);
    ms_histogram_add(&one, UINT64_MAX);
    assert_int_equal(one.total, 2);
    assert_int_equal(ms_histogram_at(&one, 0.5), 1);
    assert_int_equal(one.largest_ns, MS_HISTOGRAM_NS_MAX);
}

MS_TEST(histogram_merging_is_adding)
{
    ms_histogram_clear(&one);
    ms_histogram_clear(&two);
    ms_histogram_clear(&both);
    for (uint64_t i = 0; i < 10000; i++) {
        uint64_t ns = ms_seed_mix(1, i) >> (30 + i % 30);
        ms_histogram_add(i % 3 ? &one : &two, ns);
        ms_histogram_add(&both, ns);
    }
    ms_histogram_merge(&one, &two);
    assert_memory_equal(&one, &both, sizeof one);
}

static int u64_compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

MS_TEST(histogram_percentiles_agree_with_sorting)
{
    enum { VALUES = 20000 };
    static const double share[] = {0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0};
    static uint64_t value[VALUES];

    ms_histogram_clear(&one);
    for (uint64_t i = 0; i < VALUES; i++) {
        value[i] = 1 + (ms_seed_mix(2, i) >> (34 + ms_seed_mix(3, i) % 28));
        ms_histogram_add(&one, value[i]);
    }
    qsort(value, VALUES, sizeof *value, u64_compare);
    for (size_t i = 0; i < sizeof share / sizeof *share; i++) {
        double want = (double)value[(size_t)ceil(share[i] * VALUES) - 1];
        assert_true(fabs((double)ms_histogram_at(&one, share[i]) - want) <= 0.008 * want);
    }
}

MS_TEST(histogram_a_percentile_reaches_as_far_as_a_hundred_values_lie_beyond)
{
    ms_histogram_clear(&one);
    assert_true(ms_histogram_reach(&one) <= 0.0);
    for (int i = 0; i < 10000; i++)
        ms_histogram_add(&one, 50);
    assert_true(fabs(ms_histogram_reach(&one) - 0.99) < 1e-12);
}

MS_TEST(histogram_survives_as_text)
{
    static char text[1 << 17];

    ms_histogram_clear(&one);
    for (uint64_t i = 0; i < 5000; i++)
        ms_histogram_add(&one, 1 + (ms_seed_mix(4, i) >> (30 + i % 33)));
    assert_in_range(ms_histogram_print(&one, text, sizeof text), 1, sizeof text - 1);
    assert_true(ms_histogram_parse(text, &two));
    assert_memory_equal(one.count, two.count, sizeof one.count);
    assert_int_equal(one.total, two.total);
    assert_true(fabs((double)two.largest_ns - (double)one.largest_ns) <=
                0.008 * (double)one.largest_ns);
    assert_true(ms_histogram_parse("", &two));
    assert_int_equal(two.total, 0);
    assert_false(ms_histogram_parse("7", &two));
    assert_false(ms_histogram_parse("7:x", &two));
    assert_false(ms_histogram_parse("999999:1", &two));
}

MS_TEST(histogram_share_beyond_a_bound_is_counted)
{
    static struct ms_histogram h;

    ms_histogram_clear(&h);
    assert_true(ms_histogram_beyond(&h, 100) == 0.0);
    for (uint64_t i = 0; i < 90; i++)
        ms_histogram_add(&h, 1000);
    for (uint64_t i = 0; i < 10; i++)
        ms_histogram_add(&h, 200000);
    assert_true(ms_histogram_beyond(&h, 100000) == 0.1);
    assert_true(ms_histogram_beyond(&h, 100) == 1.0);
    assert_true(ms_histogram_beyond(&h, 300000) == 0.0);
}
