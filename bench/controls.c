/* SPDX-License-Identifier: MIT */
/* controls.c: what the run found out about itself. */
#include "controls.h"

#include <math.h>

/* Fewer say less than all samples, calm or not: of one or two it is not known whether they agree. */
enum { CALM_SAMPLES_MIN = 3 };

static double whole_ns(const struct ms_sample *s)
{
    return (double)s->wall_ns / (double)s->ops;
}

static bool is_calm(const struct ms_sample *a, const struct ms_sample *b)
{
    return a->calm_ops > 0 && b->calm_ops > 0;
}

/* Both from their calm moments, or both from all their time: one of each would not be a pair. */
static bool sample_ratio(const struct ms_sample *a, const struct ms_sample *b, double *y)
{
    if (is_calm(a, b))
        return ms_stats_ratio(ms_sample_ns(a), ms_sample_ns(b), y);
    return ms_stats_ratio(whole_ns(a), whole_ns(b), y);
}

/* The sample of `b` that was taken in the same block; both lists are in the order of time. */
static const struct ms_sample *partner_of(const struct ms_sample *mine, const struct ms_entrant *b,
                                          size_t *from)
{
    for (size_t at = *from; at < b->sample_count; at++)
        if (b->samples[at].launch == mine->launch && b->samples[at].block == mine->block) {
            *from = at + 1;
            return &b->samples[at];
        }
    return NULL;
}

bool ms_entrants_have_calm_pairs(const struct ms_entrant *a, const struct ms_entrant *b,
                                 uint32_t of_each_launch)
{
    size_t calm = 0, of_launch = 0, most = 0, least = SIZE_MAX, from = 0;

    for (size_t i = 0; i < a->sample_count; i++) {
        const struct ms_sample *other = partner_of(&a->samples[i], b, &from);

        if (other && is_calm(&a->samples[i], other)) {
            of_launch++;
            calm++;
        }
        if (i + 1 < a->sample_count && a->samples[i + 1].launch == a->samples[i].launch)
            continue;
        most = of_launch > most ? of_launch : most;
        least = of_launch < least ? of_launch : least;
        of_launch = 0;
    }
    if (of_each_launch > 0)
        return calm > 0 && least >= of_each_launch;
    return calm >= MS_STATS_PAIRS_MIN && calm - most >= MS_STATS_PAIRS_MIN_LEFT;
}

size_t ms_entrants_pair(const struct ms_entrant *a, const struct ms_entrant *b,
                        uint32_t of_each_launch, struct ms_stats_pair *pairs)
{
    bool only_calm = ms_entrants_have_calm_pairs(a, b, of_each_launch);
    size_t count = 0, from = 0;
    uint32_t number = 0;

    for (size_t i = 0; i < a->sample_count; i++) {
        const struct ms_sample *mine = &a->samples[i];
        const struct ms_sample *other = partner_of(mine, b, &from);
        double y;

        if (!other || (only_calm && !is_calm(mine, other)) || !sample_ratio(mine, other, &y))
            continue;
        number = count > 0 && pairs[count - 1].launch == mine->launch ? number + 1 : 0;
        pairs[count++] = (struct ms_stats_pair){.y = y, .launch = mine->launch, .number = number};
    }
    return count;
}

void ms_entrant_time(const struct ms_entrant *entrant, double *work, struct ms_estimate *time)
{
    struct ms_stats_interval interval;
    size_t count = 0, calm = 0;

    for (size_t i = 0; i < entrant->sample_count; i++)
        calm += entrant->samples[i].calm_ops > 0;
    for (size_t i = 0; i < entrant->sample_count; i++)
        if (entrant->samples[i].ops > 0 &&
            (calm < CALM_SAMPLES_MIN || entrant->samples[i].calm_ops > 0))
            work[count++] = ms_sample_ns(&entrant->samples[i]);
    ms_stats_enclose(work, count, &interval);
    *time = (struct ms_estimate){.value = interval.mid,
                                 .low = interval.low,
                                 .high = interval.high,
                                 .count = (uint32_t)count};
}

struct ms_estimate ms_estimate_of(const struct ms_stats_interval *interval, double sign,
                                  double shift)
{
    double low = exp(sign * interval->low) + shift;
    double high = exp(sign * interval->high) + shift;

    if (interval->pairs == 0)
        return (struct ms_estimate){0};
    return (struct ms_estimate){.value = exp(sign * interval->mid) + shift,
                                .low = fmin(low, high),
                                .high = fmax(low, high),
                                .count = (uint32_t)interval->pairs};
}

static const struct ms_entrant *entrant_of(const struct ms_case *c, enum ms_part part)
{
    for (uint32_t i = 0; i < c->entrants; i++)
        if (c->entrant[i].who->part == part && c->entrant[i].sample_count > 0)
            return &c->entrant[i];
    return NULL;
}

/* Judges a control against the baseline inside the floor band: controls decide how wide the band
 * of the others is, so they cannot use it themselves. */
static bool control_judge(const struct ms_case *c, enum ms_part part, struct ms_stats_pair *pairs,
                          double *work, struct ms_stats_judgement *judgement)
{
    const struct ms_entrant *baseline = entrant_of(c, MS_PART_BASELINE);
    const struct ms_entrant *control = entrant_of(c, part);
    size_t count;

    *judgement = (struct ms_stats_judgement){.verdict = MS_VERDICT_NONE};
    if (!baseline || !control)
        return false;
    count = ms_entrants_pair(control, baseline, 0, pairs);
    ms_stats_judge(pairs, count, ms_stats_band(c->key.threads, 0.0), work, judgement);
    return count > 0;
}

void ms_controls_judge(const struct ms_case *c, struct ms_stats_pair *pairs, double *work,
                       struct ms_control *control, struct ms_class *out)
{
    const struct ms_entrant *null = entrant_of(c, MS_PART_NULL);
    struct ms_stats_judgement twin, drag;
    bool has_twin = control_judge(c, MS_PART_TWIN, pairs, work, &twin);
    bool has_drag = control_judge(c, MS_PART_DRAG, pairs, work, &drag);

    control->thread_class = c->key.threads > 1 ? "several threads" : "one thread";
    control->threads = c->key.threads;
    if (null)
        ms_entrant_time(null, work, &control->harness);
    control->twin = ms_estimate_of(&twin.interval, 1.0, -1.0);
    control->twin_verdict = twin.verdict;
    control->drag = ms_estimate_of(&drag.interval, 1.0, -1.0);
    control->drag_verdict = drag.verdict;
    control->drag_true = MS_DRAG_PERCENT / 100.0;
    control->visible = has_twin ? exp(ms_stats_visible(&twin.interval)) - 1.0 : 0.0;
    control->band =
        ms_stats_band(c->key.threads, has_twin ? ms_stats_visible(&twin.interval) : 0.0);
    control->trusted =
        has_twin && twin.verdict != MS_VERDICT_FASTER && twin.verdict != MS_VERDICT_SLOWER;
    control->blunt = !has_drag || drag.verdict != MS_VERDICT_SLOWER;

    *out = (struct ms_class){.is_measured = true,
                             .is_trusted = control->trusted,
                             .is_blunt = control->blunt,
                             .harness_ns = control->harness.value,
                             .visible = control->visible,
                             .band = control->band};
}
