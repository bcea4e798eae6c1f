/* SPDX-License-Identifier: MIT */
/* latency.c: arrivals by a schedule drawn beforehand. */
#include "latency.h"

#include <math.h>

#include "order.h"

void ms_pace_draw(const struct ms_pace *pace, uint32_t gap_ns[MS_LATENCY_GAPS])
{
    for (uint32_t i = 0; i < MS_LATENCY_GAPS; i++) {
        double share = ((double)(ms_seed_mix(pace->seed, i) >> 11) + 0.5) * 0x1p-53;
        double gap = -log(share) * pace->mean_ns;

        gap_ns[i] = gap < (double)UINT32_MAX ? (uint32_t)(gap + 0.5) : UINT32_MAX;
        /* No gap at all is the sign of the closed loop. */
        if (pace->mean_ns > 0.0 && gap_ns[i] == 0)
            gap_ns[i] = 1;
    }
}

uint64_t ms_latency_run(const uint32_t gap_ns[MS_LATENCY_GAPS], uint64_t ops, ms_latency_step *step,
                        ms_latency_step *rest, ms_latency_clock *clock, void *context,
                        struct ms_histogram *h)
{
    uint64_t now = clock(context);
    uint64_t due = now;
    uint64_t late = 0;

    for (uint64_t i = 0; i < ops; i++) {
        uint32_t gap = gap_ns[i % MS_LATENCY_GAPS];

        /* Without gaps each operation is due when the one before has ended: the closed loop. */
        due = gap > 0 ? due + gap : now;
        while (now < due)
            now = clock(context);
        step(context);
        now = clock(context);
        late = now - due;
        ms_histogram_add(h, late);
        if (rest) {
            rest(context);
            now = clock(context);
        }
    }
    return late;
}

bool ms_latency_is_saturated(double mean_ns, uint64_t ops, uint64_t backlog_ns)
{
    return mean_ns > 0.0 && (double)backlog_ns > 0.1 * mean_ns * (double)ops;
}

double ms_pace_find(double closed_ns, ms_pace_keeps *keeps, void *context)
{
    static const double tries[] = {1.25, 2, 4, 8, 16, 32, 64};

    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++)
        if (keeps(context, tries[i] * closed_ns))
            return tries[i] * closed_ns;
    return 0.0;
}
