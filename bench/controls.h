/* SPDX-License-Identifier: MIT */
/*
 * controls.h: null, twin and drag: does this run, on this machine, now, deserve to be believed?
 */
#ifndef MS_CONTROLS_H
#define MS_CONTROLS_H

#include "plan.h"
#include "result.h"
#include "stats.h"

/* What a thread class may say. */
struct ms_class {
    bool is_measured; /* its controls ran */
    bool is_trusted;  /* the twin came out neither faster nor slower */
    bool is_blunt;    /* the planted slowdown was not found: never say "same" */
    double harness_ns;
    double visible;
    double band;
};

/* Judges the controls of a case that has them. `work` and `pairs` have room for its samples. */
void ms_controls_judge(const struct ms_case *c, struct ms_stats_pair *pairs, double *work,
                       struct ms_control *control, struct ms_class *out);

/* Pairs of two calm samples are enough for a statement by themselves: so many of each launch; 0: 12 in all, and 6
 * whichever launch is left out. Then the others, which neighbours slowed down nobody knows how much, only
 * blur it. */
bool ms_entrants_have_calm_pairs(const struct ms_entrant *a, const struct ms_entrant *b,
                                 uint32_t of_each_launch);
/* Pairs of two entrants' samples of the same launch and block: y = ln(a's time / b's time). Only of calm ones
 * when these are enough. Numbered within their launch. */
size_t ms_entrants_pair(const struct ms_entrant *a, const struct ms_entrant *b,
                        uint32_t of_each_launch, struct ms_stats_pair *pairs);

/* Nanoseconds per operation: the median of the samples and its interval. */
void ms_entrant_time(const struct ms_entrant *entrant, double *work, struct ms_estimate *time);

/* An interval of ln ratios as an estimate of exp(sign * y) + shift, ends in order. */
struct ms_estimate ms_estimate_of(const struct ms_stats_interval *interval, double sign,
                                  double shift);

#endif
