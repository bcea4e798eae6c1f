/* SPDX-License-Identifier: MIT */
/* clock_test.c: the clock is fit for the purpose and usage follows what the thread does. */
#include "platform/test.h"

#include "clock.h"

MS_TEST(clock_is_monotonic_and_fine_on_a_machine_that_may_measure)
{
    struct ms_clock_check check;

    ms_clock_examine(&check);
    assert_true(check.is_monotonic);
    assert_in_range(check.step_ns, 1, 1000000);
    assert_int_equal(check.is_fine, check.step_ns <= 100);
}

MS_TEST(clock_cpu_time_grows_with_work)
{
    struct ms_usage before, after;
    uint64_t start = ms_clock_ns();

    ms_usage_read(&before);
    while (ms_clock_ns() - start < 2000000)
        continue;
    ms_usage_read(&after);
    ms_usage_subtract(&after, &before);
    assert_in_range(after.cpu_ns, 1, 1000000000);
}
