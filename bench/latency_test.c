/* SPDX-License-Identifier: MIT */
/* latency_test.c: stalls are paid by those who wait; time stands still unless we move it. */
#include "platform/test.h"

#include <math.h>

#include "latency.h"

/* A world whose clock moves 1 ns a reading and `cost` an operation, with one long stall. */
struct world {
    uint64_t now;
    uint64_t done;
    uint64_t stall_at; /* the operation that stalls */
    uint64_t stall_ns;
    uint64_t cost;
    uint64_t rest; /* what follows an operation costs */
};

static uint64_t world_clock(void *context)
{
    return ++((struct world *)context)->now;
}

static void world_step(void *context)
{
    struct world *w = context;

    w->now += w->cost + (w->done == w->stall_at ? w->stall_ns : 0);
    w->done++;
}

static void world_rest(void *context)
{
    struct world *w = context;

    w->now += w->rest;
}

static struct ms_histogram h;
static uint32_t gap[MS_LATENCY_GAPS];

static uint64_t played(double mean_ns, struct world *w, uint64_t ops)
{
    struct ms_pace pace = {.mean_ns = mean_ns, .seed = 5};

    ms_histogram_clear(&h);
    ms_pace_draw(&pace, gap);
    return ms_latency_run(gap, ops, world_step, world_rest, world_clock, w, &h);
}

MS_TEST(open_loop_one_stall_shows_in_p99_and_the_closed_loop_hides_it)
{
    /* 200 ms of operations of 100 ns every microsecond; one stalls 10 ms. */
    struct world open = {.stall_at = 50000, .stall_ns = 10000000, .cost = 100};
    struct world closed = open;

    played(1000.0, &open, 200000);
    assert_true(ms_histogram_at(&h, 0.50) < 250);
    assert_true(ms_histogram_at(&h, 0.99) > 1000000);
    played(0.0, &closed, 200000);
    assert_true(ms_histogram_at(&h, 0.99) < 250);
    assert_true(h.largest_ns >= 10000000);
}

MS_TEST(open_loop_arrivals_come_at_the_pace_asked_for)
{
    double sum = 0.0;
    struct ms_pace pace = {.mean_ns = 500.0, .seed = 9};

    ms_pace_draw(&pace, gap);
    for (int i = 0; i < MS_LATENCY_GAPS; i++)
        sum += gap[i];
    assert_true(fabs(sum / MS_LATENCY_GAPS - 500.0) < 50.0);
    pace.mean_ns = 0.0;
    ms_pace_draw(&pace, gap);
    for (int i = 0; i < MS_LATENCY_GAPS; i++)
        assert_int_equal(gap[i], 0);
}

MS_TEST(open_loop_who_cannot_keep_up_is_saturated)
{
    struct world slow = {.stall_at = UINT64_MAX, .cost = 150};
    struct world fast = {.stall_at = UINT64_MAX, .cost = 20};
    uint64_t backlog = played(100.0, &slow, 100000);

    assert_true(ms_latency_is_saturated(100.0, 100000, backlog));
    backlog = played(100.0, &fast, 100000);
    assert_false(ms_latency_is_saturated(100.0, 100000, backlog));
    assert_false(ms_latency_is_saturated(0.0, 100000, UINT64_MAX));
}

MS_TEST(open_loop_what_follows_an_operation_is_not_in_its_time_but_in_those_behind_it)
{
    struct world closed = {.stall_at = UINT64_MAX, .cost = 100, .rest = 5000};
    struct world open = closed;

    played(0.0, &closed, 1000);
    assert_true(h.largest_ns < 110);
    assert_true(closed.now > 1000 * 5000);
    played(10000.0, &open, 10000);
    assert_true(ms_histogram_at(&h, 0.10) < 110);
    assert_true(ms_histogram_at(&h, 0.90) > 1000);
}

/* ---- the pace of an open loop with another thread ------------------------------------------------ */

struct server {
    double needs_ns; /* between arrivals, to keep up */
    int asked;
};

static bool server_keeps(void *context, double mean_ns)
{
    struct server *s = context;

    s->asked++;
    return mean_ns >= s->needs_ns;
}

MS_TEST(open_loop_pace_is_the_quickest_of_those_tried_that_is_kept)
{
    struct server s = {.needs_ns = 100};

    assert_true(ms_pace_find(100, server_keeps, &s) == 125);
    assert_int_equal(s.asked, 1);
    s = (struct server){.needs_ns = 500};
    assert_true(ms_pace_find(100, server_keeps, &s) == 800);
    assert_int_equal(s.asked, 4);
}

MS_TEST(open_loop_pace_of_what_never_keeps_up_is_none)
{
    struct server s = {.needs_ns = 1e9};

    assert_true(ms_pace_find(100, server_keeps, &s) == 0);
    assert_int_equal(s.asked, 7);
}
