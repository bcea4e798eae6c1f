/* SPDX-License-Identifier: MIT */
/*
 * calm_test.c: which slices count, and that cutting a sample loses no operation. The core itself is
 * looked at only for what holds on every machine: a look is a positive number.
 */
#include "platform/test.h"

#include <math.h>
#include <string.h>

#include "calm.h"

static struct ms_slices slices[2];

/* Appends a slice of `length_ns` that begins where the one before ended. */
static void slice_add(struct ms_slices *own, uint64_t length_ns, uint64_t ops, double look)
{
    uint64_t start = own->count > 0 ? own->slice[own->count - 1].end_ns : 1000;

    own->slice[own->count++] =
        (struct ms_slice){.start_ns = start, .end_ns = start + length_ns, .ops = ops, .look = look};
}

static void slices_clear(void)
{
    memset(slices, 0, sizeof slices);
}

static struct ms_calm summed(uint32_t threads)
{
    static const double best[2] = {1.0, 2.0};
    struct ms_calm calm;

    ms_slices_sum(slices, best, threads, &calm);
    return calm;
}

MS_TEST(calm_slices_alone_make_the_time)
{
    struct ms_calm calm;

    slices_clear();
    for (int i = 0; i < 10; i++) {
        slice_add(&slices[0], MS_SLICE_NS, 1000, 1.0);
        slice_add(&slices[0], 2 * MS_SLICE_NS, 1000, 1.7); /* half the speed: somebody was there */
    }
    calm = summed(1);
    assert_int_equal(calm.ops, 10000);
    assert_int_equal(calm.ns, 10 * MS_SLICE_NS);
    assert_true(fabs(calm.shared - 0.5) < 1e-9);
}

MS_TEST(calm_is_within_a_tenth_of_the_best_look)
{
    slices_clear();
    for (int i = 0; i < 10; i++)
        slice_add(&slices[0], MS_SLICE_NS, 1000, 1.09);
    for (int i = 0; i < 10; i++)
        slice_add(&slices[0], MS_SLICE_NS, 1000, 1.11);
    assert_int_equal(summed(1).ops, 10000);
}

/* How long a slice took does not decide: one twice as slow with good looks counts. */
MS_TEST(calm_does_not_look_at_the_time_a_slice_took)
{
    slices_clear();
    for (int i = 0; i < 20; i++)
        slice_add(&slices[0], MS_SLICE_NS * (i % 2 ? 2u : 1u), 1000, 1.0);
    assert_int_equal(summed(1).ops, 20000);
    assert_int_equal(summed(1).ns, 30 * MS_SLICE_NS);
}

MS_TEST(calm_leaves_out_slices_that_show_the_clock)
{
    slices_clear();
    for (int i = 0; i < 20; i++)
        slice_add(&slices[0], MS_SLICE_NS, 1000, 1.0);
    slice_add(&slices[0], MS_SLICE_NS / 10, 1, 1.0);
    assert_int_equal(summed(1).ops, 20000);
}

MS_TEST(calm_needs_several_slices_and_says_so_otherwise)
{
    slices_clear();
    assert_int_equal(summed(1).ops, 0);
    for (int i = 0; i < 7; i++)
        slice_add(&slices[0], MS_SLICE_NS, 1000, 1.0);
    for (int i = 0; i < 7; i++)
        slice_add(&slices[0], MS_SLICE_NS, 1000, 3.0);
    assert_int_equal(summed(1).ops, 0);
    assert_true(fabs(summed(1).shared - 0.5) < 1e-9); /* known nevertheless */
    slice_add(&slices[0], MS_SLICE_NS, 1000, 1.0);
    assert_int_equal(summed(1).ops, 8000);
    for (int i = 0; i < 300; i++) /* eight of three hundred are luck */
        slice_add(&slices[0], MS_SLICE_NS, 1000, 3.0);
    assert_int_equal(summed(1).ops, 0);
}

/* Threads on cores of different kinds: each has its own best look, and rates add up. */
MS_TEST(calm_adds_the_rates_of_threads_that_worked_together)
{
    struct ms_calm calm;

    slices_clear();
    for (int i = 0; i < 30; i++) {
        slice_add(&slices[0], MS_SLICE_NS, 1000, 1.0);
        slice_add(&slices[1], 2 * MS_SLICE_NS, 1000, i < 10 ? 2.1 : 2.3);
    }
    calm = summed(2);
    /* The second thread's first ten slices are calm; of the first thread all 30, which end before the
     * second's fifteenth. 1000 in 20 us beside 1000 in 40 us: 1.5 times the first thread's rate. */
    assert_int_equal(calm.ops, 40000);
    assert_true(fabs((double)calm.ns / (double)calm.ops - MS_SLICE_NS / 1500.0) < 0.01);
}

MS_TEST(calm_counts_only_while_all_threads_were_at_work)
{
    slices_clear();
    for (int i = 0; i < 30; i++)
        slice_add(&slices[0], MS_SLICE_NS, 1000, 1.0);
    slices[1].slice[0] = (struct ms_slice){.start_ns = slices[0].slice[10].start_ns,
                                           .end_ns = slices[0].slice[11].start_ns,
                                           .ops = 500,
                                           .look = 2.0};
    slices[1].count = 1;
    for (int i = 0; i < 9; i++)
        slice_add(&slices[1], MS_SLICE_NS, 500, 2.0);
    assert_int_equal(summed(2).ops, 10 * 1000 + 10 * 500);
}

/* The first thread's eleventh to fourteenth slices go on while the second is away. */
MS_TEST(calm_is_not_where_another_thread_was_away)
{
    slices_clear();
    for (int i = 0; i < 30; i++)
        slice_add(&slices[0], MS_SLICE_NS, 1000, 1.0);
    for (int i = 0; i < 10; i++)
        slice_add(&slices[1], MS_SLICE_NS, 500, 2.0);
    slice_add(&slices[1], 4 * MS_SLICE_NS, 500, MS_LOOK_TORN);
    for (int i = 0; i < 16; i++)
        slice_add(&slices[1], MS_SLICE_NS, 500, 2.0);
    assert_int_equal(summed(2).ops, 26 * 1000 + 26 * 500);
}

MS_TEST(calm_learns_the_best_look_but_not_from_an_outlier)
{
    slices_clear();
    for (int i = 0; i < 39; i++)
        slice_add(&slices[0], MS_SLICE_NS, 1000, 1.5);
    assert_true(fabs(ms_slices_learn(&slices[0], 1.7) - 1.7) < 1e-9); /* too few to tell */
    assert_true(ms_slices_learn(&slices[0], 0.0) <= 0.0);
    slice_add(&slices[0], MS_SLICE_NS, 1000, 0.1);
    slice_add(&slices[0], MS_SLICE_NS, 1000, 0.1);
    assert_true(fabs(ms_slices_learn(&slices[0], 1.7) - 1.5) < 1e-9);
    assert_true(fabs(ms_slices_learn(&slices[0], 0.0) - 1.5) < 1e-9);
    assert_true(fabs(ms_slices_learn(&slices[0], 1.4) - 1.4) < 1e-9); /* a better one is known */
}

struct tally {
    uint64_t ops, runs;
};

static void work(void *context, uint64_t ops)
{
    struct tally *tally = context;

    tally->ops += ops;
    tally->runs++;
}

MS_TEST(calm_slices_do_every_operation_once)
{
    static const uint64_t wanted[] = {1, 15, 16, 17, 1000, 123456789};

    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct tally tally = {0};
        uint64_t in_slices = 0;

        ms_slices_run(&slices[0], ms_calm_look, work, &tally, wanted[i]);
        assert_int_equal(tally.ops, wanted[i]);
        assert_true(tally.runs >= slices[0].count);
        for (uint32_t k = 0; k < slices[0].count; k++) {
            in_slices += slices[0].slice[k].ops;
            assert_true(slices[0].slice[k].look > 0.0);
            assert_true(slices[0].slice[k].end_ns >= slices[0].slice[k].start_ns);
        }
        assert_true(in_slices <= wanted[i]);
    }
}

static struct ms_look one_bad_look(void)
{
    static int looks;

    return (struct ms_look){.quotient = ++looks == 3 ? 9.0 : 1.0};
}

/* The second slice is interrupted, between two looks of a calm core. */
static struct ms_look one_switch(void)
{
    static int looks;

    return (struct ms_look){.quotient = 1.0, .switches = ++looks > 2 ? 6 : 5};
}

MS_TEST(calm_slices_that_were_interrupted_are_not)
{
    struct tally tally = {0};

    ms_slices_run(&slices[0], one_switch, work, &tally, 1000);
    assert_true(slices[0].count >= 3);
    for (uint32_t k = 0; k < slices[0].count; k++)
        assert_true(k == 1 ? slices[0].slice[k].look >= MS_LOOK_TORN
                           : slices[0].slice[k].look <= 1.0);
}

MS_TEST(calm_slices_have_the_worse_of_the_looks_around_them)
{
    struct tally tally = {0};

    ms_slices_run(&slices[0], one_bad_look, work, &tally, 1000);
    assert_true(slices[0].count >= 4);
    for (uint32_t k = 0; k < slices[0].count; k++)
        assert_int_equal(slices[0].slice[k].look, k == 1 || k == 2 ? 9 : 1);
}

MS_TEST(calm_survey_is_a_share)
{
    double shared = ms_calm_survey();

    assert_true(ms_calm_look().quotient > 0.0);
    assert_true(shared >= 0.0 && shared <= 1.0);
}
