/* SPDX-License-Identifier: MIT */
/* calm.c: looking at the core, slices, what they sum up to. */
#include "calm.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "platform/platform.h" /* ms_clock_ns */

enum {
    WIDE_ROUNDS = 600,                /* of 8 additions in 4 chains */
    NARROW_ROUNDS = 120,              /* of 4 multiplications in one chain */
    SLICE_SHORT_NS = MS_SLICE_NS / 4, /* shorter ones show the clock */
    PART_FIRST = 16,
    LEARN_MIN = 40,
    LEARN_AT = 20, /* the best but one of 20: an interrupt may make a look too good */
    CALM_SLICES_MIN = 8,
    SURVEY_LOOKS = 20000,
};

/* A busy neighbour makes a look worse by 1.4 times and more, anything else by a few percent. */
static const double CALM_EXCESS_MAX = 1.1;
/* Slices of a thread that must be calm for the sample to be. */
static const double CALM_SHARE_MIN = 0.04;

/* The compiler may neither join nor drop what it cannot see through. */
#define KEPT(x)           __asm__ volatile("" : "+r"(x))
#define KEPT4(w, x, y, z) __asm__ volatile("" : "+r"(w), "+r"(x), "+r"(y), "+r"(z))

struct ms_look ms_calm_look(void)
{
    struct rusage usage = {0};
    uint64_t a = 1, b = 2, c = 3, d = 4, chain = 5;
    uint64_t start = ms_clock_ns(), middle, end;

    for (uint32_t i = 0; i < WIDE_ROUNDS; i++) {
        a += 1, b += 1, c += 1, d += 1;
        KEPT4(a, b, c, d);
        a += 1, b += 1, c += 1, d += 1;
        KEPT4(a, b, c, d);
    }
    middle = ms_clock_ns();
    for (uint32_t i = 0; i < NARROW_ROUNDS; i++) {
        chain *= 7;
        KEPT(chain);
        chain *= 7;
        KEPT(chain);
        chain *= 7;
        KEPT(chain);
        chain *= 7;
        KEPT(chain);
    }
    end = ms_clock_ns();
    (void)getrusage(RUSAGE_THREAD, &usage);
    return (struct ms_look){
        .quotient = (double)(middle - start) / (double)(end > middle ? end - middle : 1),
        .switches = (uint64_t)usage.ru_nivcsw,
    };
}

void ms_slices_run(struct ms_slices *slices, struct ms_look (*look)(void),
                   void (*work)(void *context, uint64_t ops), void *context, uint64_t ops)
{
    uint64_t part = PART_FIRST;
    struct ms_look before = look();

    slices->count = 0;
    while (ops > 0 && slices->count < MS_SLICES_MAX) {
        struct ms_slice *slice = &slices->slice[slices->count++];
        struct ms_look behind;

        slice->ops = part < ops ? part : ops;
        slice->start_ns = ms_clock_ns();
        work(context, slice->ops);
        slice->end_ns = ms_clock_ns();
        behind = look();
        slice->look = behind.quotient > before.quotient ? behind.quotient : before.quotient;
        if (behind.switches != before.switches)
            slice->look = MS_LOOK_TORN;
        before = behind;
        ops -= slice->ops;
        if (slice->end_ns - slice->start_ns < MS_SLICE_NS / 2)
            part *= 2;
        else if (slice->end_ns - slice->start_ns > UINT64_C(4) * MS_SLICE_NS && part > 1)
            part /= 2;
    }
    if (ops > 0)
        work(context, ops);
}

static int look_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The look that one in LEARN_AT is better than; `looks` are put in order. */
static double best_find(double *looks, uint32_t count)
{
    qsort(looks, count, sizeof *looks, look_compare);
    return looks[count / LEARN_AT];
}

double ms_slices_learn(const struct ms_slices *slices, double best)
{
    double looks[MS_SLICES_MAX];
    double seen;

    if (slices->count < LEARN_MIN)
        return best;
    for (uint32_t i = 0; i < slices->count; i++)
        looks[i] = slices->slice[i].look;
    seen = best_find(looks, slices->count);
    return best > 0.0 && best < seen ? best : seen;
}

static bool is_calm(double look, double best)
{
    return look <= best * CALM_EXCESS_MAX;
}

/* Whether one of the threads was away at some moment of this slice: then the others had it easier, or
 * waited for it. A thread's slices are in the order of time. */
static bool is_one_away(const struct ms_slices *slices, uint32_t threads,
                        const struct ms_slice *slice)
{
    for (uint32_t i = 0; i < threads; i++) {
        const struct ms_slices *other = &slices[i];
        uint32_t low = 0, high = other->count;

        while (low < high) { /* the first that ends after this one began */
            uint32_t middle = low + (high - low) / 2;

            if (other->slice[middle].end_ns > slice->start_ns)
                high = middle;
            else
                low = middle + 1;
        }
        for (; low < other->count && other->slice[low].start_ns < slice->end_ns; low++)
            if (other->slice[low].look >= MS_LOOK_TORN)
                return true;
    }
    return false;
}

void ms_slices_sum(const struct ms_slices *slices, const double *best, uint32_t threads,
                   struct ms_calm *calm)
{
    uint64_t from = 0, to = UINT64_MAX, ops = 0;
    uint32_t all = 0, good = 0;
    bool is_enough = threads > 0;
    double rate = 0.0;

    *calm = (struct ms_calm){0};
    for (uint32_t i = 0; i < threads; i++) {
        const struct ms_slices *own = &slices[i];

        if (own->count == 0)
            return;
        from = own->slice[0].start_ns > from ? own->slice[0].start_ns : from;
        to = own->slice[own->count - 1].end_ns < to ? own->slice[own->count - 1].end_ns : to;
    }
    for (uint32_t i = 0; i < threads; i++) {
        uint64_t own_ops = 0, own_ns = 0;
        uint32_t own_all = 0, own_good = 0;

        for (uint32_t k = 0; k < slices[i].count; k++) {
            const struct ms_slice *slice = &slices[i].slice[k];

            if (slice->end_ns - slice->start_ns < SLICE_SHORT_NS || slice->start_ns < from ||
                slice->end_ns > to)
                continue;
            own_all++;
            if (!is_calm(slice->look, best[i]) || is_one_away(slices, threads, slice))
                continue;
            own_good++;
            own_ops += slice->ops;
            own_ns += slice->end_ns - slice->start_ns;
        }
        is_enough = is_enough && own_good >= CALM_SLICES_MIN &&
                    (double)own_good >= CALM_SHARE_MIN * own_all;
        all += own_all;
        good += own_good;
        ops += own_ops;
        rate += own_ns > 0 ? (double)own_ops / (double)own_ns : 0.0;
    }
    calm->shared = all > 0 ? (double)(all - good) / all : 0.0;
    if (!is_enough)
        return;
    calm->ops = ops;
    calm->ns = (uint64_t)((double)ops / rate + 0.5);
}

double ms_calm_survey(void)
{
    double *looks = malloc(SURVEY_LOOKS * sizeof *looks);
    uint32_t shared = 0;
    double best;

    if (!looks)
        return 0.0;
    for (uint32_t i = 0; i < SURVEY_LOOKS; i++)
        looks[i] = ms_calm_look().quotient;
    best = best_find(looks, SURVEY_LOOKS);
    for (uint32_t i = 0; i < SURVEY_LOOKS; i++)
        shared += !is_calm(looks[i], best);
    free(looks);
    return (double)shared / SURVEY_LOOKS;
}
