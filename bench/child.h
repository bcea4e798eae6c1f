/* SPDX-License-Identifier: MIT */
/*
 * child.h: launches. A launch is a fresh process of this very program, started with --serve: new
 * address layout, new memory. It does one sample when asked and sleeps in `read` otherwise. A
 * strategy that crashes takes its launch down, not the run.
 *
 * Protocol, one line each way: "<seed> <ops> <cell>" is answered by "ok" and the reading, or by
 * "no" and a sentence; "latency <mean> <seed> <ops> <cell>" by "latency" and the histogram.
 */
#ifndef MS_CHILD_H
#define MS_CHILD_H

#include "stand.h"

struct ms_child;

enum ms_reply {
    MS_REPLY_READING, /* the sample is taken */
    MS_REPLY_REFUSED, /* the cell cannot be measured, or left something behind; `why` says it */
    MS_REPLY_DEAD,    /* the process died or hung; `why` has the signal and its last words */
};

/* Starts a launch. `arguments` follow --serve; NULL-terminated. NULL and a sentence on failure. */
struct ms_child *ms_child_start(const char *program, const char *const *arguments, char *why);

/* Asks for one sample and waits for it, at most `seconds_max`. After MS_REPLY_DEAD only
 * ms_child_stop may be called. */
enum ms_reply ms_child_ask(struct ms_child *child, const char *cell, uint64_t seed, uint64_t ops,
                           uint32_t seconds_max, struct ms_reading *reading, char *why);
/* Asks for the exact counts of a cell of a scenario that has `count`: in `reading->tally`. */
enum ms_reply ms_child_count(struct ms_child *child, const char *cell, uint64_t seed,
                             uint32_t seconds_max, struct ms_reading *reading, char *why);
void ms_child_stop(struct ms_child *child);

/* What timing each operation of a sample gave. */
struct ms_timing {
    uint64_t ops, wall_ns;
    double delay_share, overlap;
    bool is_saturated;
    uint64_t largest_ns;
    struct ms_histogram latency;
};

/* As ms_child_ask, operation by operation, arriving every `mean_ns` (0: closed loop). */
enum ms_reply ms_child_time_each(struct ms_child *child, const char *cell, uint64_t seed,
                                 uint64_t ops, double mean_ns, uint32_t seconds_max,
                                 struct ms_timing *timing, char *why);

/* The other side: answers questions from descriptor 0 until it closes. Returns the exit code. */
int ms_child_serve(struct ms_stand *stand);

/* The two ends of the line format; pure. `bytes` of an answer that fits is below 1024. */
void ms_reading_print(const struct ms_reading *reading, char *line, size_t bytes);
bool ms_reading_parse(const char *line, struct ms_reading *reading);

#endif
