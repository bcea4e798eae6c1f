/* SPDX-License-Identifier: MIT */
/*
 * plan.h: what a run will measure: cases, who contends in each, how often and how long. Made from
 * what was asked for before anything is measured, so that it can be shown and refused early.
 */
#ifndef MS_PLAN_H
#define MS_PLAN_H

#include "catalog.h"
#include "histogram.h"
#include "result.h"
#include "topology.h"

enum { MS_CHOICES_MAX = 64, MS_ENTRANTS_MAX = 48 };

/* A list typed on the command line. */
struct ms_choices {
    const char *text[MS_CHOICES_MAX];
    size_t count;
};

struct ms_wish {
    enum ms_plan size; /* default, quick or full */
    struct ms_choices strategies, shapes, scenarios, adapters, filters;
    uint32_t threads[MS_CHOICES_MAX];
    size_t thread_count;
    uint32_t registers[MS_CHOICES_MAX];
    size_t register_count;
    uint64_t seed;
};

/* How far a contender came in a case. */
enum ms_state {
    MS_STATE_READY,
    MS_STATE_REFUSED, /* by design, known beforehand */
    MS_STATE_FAILED,  /* the stand said no, or found damage */
    MS_STATE_CRASHED, /* took its launch down */
};

/* Rates at which operations arrive when each is timed, as shares of the baseline's own. */
enum { MS_LOADS = 3 };
extern const double ms_loads[MS_LOADS];

/* Latencies of a contender at one rate, over all launches. */
struct ms_timed {
    struct ms_histogram *latency; /* owned; NULL: not timed */
    uint64_t wall_ns;             /* that it took */
    bool is_saturated;            /* in one of the launches that count */
    bool is_disturbed;            /* every launch was */
};

/* A contender in a case, and what was measured of it. */
struct ms_entrant {
    const struct ms_contender *who;
    enum ms_state state;
    const char *why; /* of a state other than ready: a constant, or why_text */
    char why_text[MS_WHY_BYTES];
    bool is_unbound;
    struct ms_sample *samples; /* owned; grows */
    size_t sample_count;
    size_t sample_room;
    struct ms_timed timed[MS_LOADS];
    struct ms_tally tally; /* of the pass that counts; names owned by `count_name` */
    char count_name[MS_COUNTS_MAX][48];
};

struct ms_case {
    struct ms_cell_key key; /* strategy empty */
    const struct ms_scenario *scenario;
    const struct ms_shape_info *shape;
    const struct ms_adapter_info *adapter; /* NULL where there are none */
    bool is_oversubscribed;
    bool has_controls;
    bool is_timed;                   /* also operation by operation */
    double pace_ns;                  /* the baseline between operations when each is timed */
    struct ms_timed floor[MS_LOADS]; /* the null strategy: what the clock costs */
    uint64_t ops;                    /* a sample's, over all threads; 0 until calibrated */
    uint32_t repeated;               /* blocks taken again */
    /* What the launches so far have shown; 0: none yet. */
    double block_seconds, timed_seconds;
    struct ms_entrant *entrant; /* owned; the baseline is among them where strategies contend */
    uint32_t entrants;
};

struct ms_schedule {
    struct ms_case *cases;
    size_t case_count;
    uint32_t launches, blocks;
    uint64_t seed;
    enum ms_plan size;
    double seconds;     /* expected, undisturbed */
    double seconds_max; /* repeats, then blocks are left out to end by then; 0: no limit */
    uint32_t pus;
};

/* Names that match nothing are errors with the nearest names. NULL and a problem then. */
struct ms_schedule *ms_schedule_make(const struct ms_catalog *catalog,
                                     const struct ms_topology *topology, const struct ms_wish *wish,
                                     struct ms_problem *problem);
void ms_schedule_free(struct ms_schedule *schedule);

/* Expected, undisturbed: a block of the case, and what each launch does for it beside blocks. */
double ms_case_block_seconds(const struct ms_case *c);
double ms_case_timed_seconds(const struct ms_case *c);
/* How many blocks of `schedule->blocks` there is time for when that many take `wanted` seconds and there
 * are `left`: an even number, for the mirrored pairs, and never so few that all launches together could
 * not tell anything. */
uint32_t ms_blocks_fit(const struct ms_schedule *schedule, double wanted, double left);

/* Cells a person would count: strategies in cases, without limits and controls. */
size_t ms_schedule_cells(const struct ms_schedule *schedule);

/* "3 strategies, 8 shapes, threads 1 2 4: 96 cells, 3 launches x 12 blocks, about 1 min 5 s" */
void ms_schedule_describe(const struct ms_schedule *schedule, char *text, size_t bytes);

/* The name of an entrant's cell. */
void ms_entrant_name(const struct ms_case *c, const struct ms_entrant *entrant, char *name,
                     size_t bytes);

#endif
