/* SPDX-License-Identifier: MIT */
/*
 * result.h: everything one run found out, in memory and as result.json (schema mapstorm-run-1).
 *
 * The runner fills a struct ms_result, stats.c adds the estimates and verdicts, the emitters only
 * read. Nothing behind this header computes a statistic: what a person reads is what was stored.
 *
 * Memory      every string and array belongs to the result and lives until ms_result_free().
 * Strings come from ms_result_text(). A pointer got from ms_result_add_*() is good until the next
 *             add of the same kind, so other entries are named by index or by name, never by
 * pointer. Zero        is "not there" everywhere: an estimate without values has count 0, a missing
 * string is NULL, a missing verdict is MS_VERDICT_NONE. So `= {0}` is always a valid start. Threads
 * none: one owner at a time.
 *
 * Two families of cells share one list and differ by `scenario`:
 *   "map"        one MapTransferEx + FlushAdapterBuffersEx, shapes x adapters (x strategies)
 *                map/strategy:magazine/adapter:sg64/shape:4p/threads:1/registers:1024
 *   "registers"  one take + give of map registers, shapes x strategies x threads
 *                registers/strategy:magazine/shape:4p/threads:2/registers:1024
 * A case is a cell without its strategy. Comparisons are made inside one case, between strategies.
 */
#ifndef MS_RESULT_H
#define MS_RESULT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define MS_RESULT_SCHEMA   "mapstorm-run-1"
#define MS_NONE            UINT32_MAX /* an index that points nowhere */
#define MS_SCENARIO_MAP    "map"
#define MS_SCENARIO_POOL   "registers"
#define MS_SCENARIO_SYSTEM "system"
#define MS_PROBLEM_LENGTH  512

/* Exit codes of the program, and what went wrong in a sentence for a person. */
enum ms_exit {
    MS_EXIT_OK = 0,
    MS_EXIT_GATE = 1,       /* a gate broke: slower, count grew, conformance failed */
    MS_EXIT_USAGE = 2,      /* wrong usage or a malformed file */
    MS_EXIT_UNTRUSTED = 3,  /* --strict and the machine or the controls allow no statement */
    MS_EXIT_INCOMPLETE = 4, /* a cell crashed, time ran out, a report could not be written */
    MS_EXIT_INTERRUPTED = 130,
};

struct ms_problem {
    enum ms_exit exit;
    char text[MS_PROBLEM_LENGTH];
};

/* ---- small words ------------------------------------------------------------------------------
 */

/* A median with its interval of at least 95 %. In nanoseconds, or as a ratio: the field says. */
struct ms_estimate {
    double value, low, high; /* low <= value <= high, all finite */
    uint32_t count;          /* values behind it; 0: there is no estimate */
};

enum ms_verdict {
    MS_VERDICT_NONE, /* nothing to compare with, or not to be ranked (oversubscribed, crashed, ...)
                      */
    MS_VERDICT_FASTER,
    MS_VERDICT_SLOWER,
    MS_VERDICT_SAME,
    MS_VERDICT_UNKNOWN, /* "cannot tell"; `why` says why */
};

enum ms_progress {
    MS_PROGRESS_UNKNOWN,
    MS_PROGRESS_BLOCKING,  /* a preempted thread can stop others */
    MS_PROGRESS_LOCK_FREE, /* if threads keep taking steps, some operation finishes */
    MS_PROGRESS_WAIT_FREE,
    MS_PROGRESS_STRANDING, /* lock-free, but "none now" may hide registers in another's stock */
};

enum ms_role {
    MS_ROLE_CONTESTANT,
    MS_ROLE_BASELINE, /* exactly one strategy of a run */
    MS_ROLE_NULL,     /* control: hands out nothing and does nothing */
    MS_ROLE_TWIN,     /* control: the baseline under another name */
    MS_ROLE_DRAG,     /* control: the baseline doing 5 % more than it is credited with */
    MS_ROLE_PLUGIN,   /* a contestant from outside the tree, marked wherever shown */
};

/* Passed, failed, or simply not looked at in this run. */
enum ms_check { MS_CHECK_NOT_RUN, MS_CHECK_PASSED, MS_CHECK_FAILED };

enum ms_outcome {
    MS_OUTCOME_MEASURED,
    MS_OUTCOME_REFUSED, /* by design: the strategy's run_max is below what the shape asks */
    MS_OUTCOME_FAILED,  /* it should serve this shape and did not: a failure */
    MS_OUTCOME_CRASHED, /* its process died; `why` has the signal, `command` repeats it */
    MS_OUTCOME_NOT_RUN, /* time ran out, or Ctrl-C came first */
};

enum ms_plan { MS_PLAN_DEFAULT, MS_PLAN_QUICK, MS_PLAN_FULL, MS_PLAN_CUSTOM };

/* What a guard rail decided. */
enum ms_level {
    MS_LEVEL_NOTE,    /* good to know */
    MS_LEVEL_WARNING, /* the numbers may suffer */
    MS_LEVEL_REFUSED, /* no ranking because of this */
};

/* ---- the run ----------------------------------------------------------------------------------
 */

struct ms_run {
    const char *version; /* of mapstorm: "0.1.0" */
    const char *commit;  /* short hash, or NULL outside a repository */
    bool tree_clean;     /* nothing uncommitted */
    const char *started; /* UTC, "2026-11-21T08:15:02Z"; the only clock the page knows */
    const char *host;    /* NULL with --anonymous */
    const char *machine; /* one line: "2 cores, virtual, Xeon ..." for headers */
    const char *command; /* the line that repeats the run, seed included */
    enum ms_plan plan;
    uint64_t seed;
    uint32_t launches, blocks;  /* as planned: 3 x 12 */
    double seconds;             /* wall time of measuring */
    uint32_t cores;             /* PUs this process may use */
    const char *build;          /* "gcc 12.2.0 -O2, Release" */
    const char *comparison_key; /* digest: times are comparable only within one key */
    bool asserts_on, sanitized, debug_allowed; /* our own code; debug_allowed is --allow-debug */
    bool incomplete;                           /* a cell is missing: crash, time, or Ctrl-C */
    bool interrupted;                          /* by Ctrl-C */
};

/* One machine fact. A NULL value is shown as "not visible". */
struct ms_fact {
    const char *group; /* "processor" "memory" "system" "clock" "build" "run" */
    const char *name;  /* "model", "governor", ... */
    const char *value;
    const char *source; /* "/proc/cpuinfo", "compiled in", "command line" */
};

/* One line at start, one row on the page. */
struct ms_note {
    enum ms_level level;
    const char *id;   /* short and stable: "virtual-machine", "load", "binding" */
    const char *text; /* one sentence */
    const char *help; /* the line that changes it, or NULL when nobody here can */
};

/* ---- what was compared ------------------------------------------------------------------------
 */

/* Order in this list is the order of strategies.def: it chooses colour, dash and marker. */
struct ms_strategy {
    const char *name;
    const char *title; /* one line for a person */
    enum ms_role role;
    bool is_default; /* what a machine uses unless told otherwise */
    enum ms_progress progress;
    uint32_t run_max; /* longest run it gives; 0: any */
    enum ms_check conformance;
    enum ms_check fuzz;
    uint64_t fuzz_executions;
    double fuzz_seconds;
};

struct ms_adapter {
    const char *name;  /* "sg64" "sg32" "packet" */
    const char *title; /* "scatter/gather, 64-bit" */
    bool bounces;      /* data is copied: its limit is a memcpy */
};

struct ms_shape {
    const char *name;
    const char *scenario; /* the family it belongs to */
    uint32_t version;     /* of the scenario: another one measures another thing; 0: not told */
    const char *title;
    uint32_t pages; /* pages (map) or registers (registers) one operation asks for; 0: a mix */
    uint64_t bytes; /* one operation moves or maps; 0: not applicable */
    bool recorded;  /* a captured layout of real memory, not a synthetic one */
};

/* A baseline nobody can beat without doing less: measured in the same blocks, same machine mood. */
struct ms_limit {
    const char *name;  /* "list-loop" "memcpy" "atomic-pair" */
    const char *title; /* "ideal list loop, no contract" */
    const char *shape; /* where it depends on the shape, else NULL */
    uint32_t threads;
    uint32_t pages;          /* of the shape; 0: not applicable */
    uint64_t bytes;          /* one operation maps or moves; 0: not applicable */
    double elements;         /* of the list one operation makes; 0: not applicable */
    struct ms_estimate time; /* nanoseconds per operation */
};

/* A control of one thread class, section 4 of the method. Times as ratios are ln-free: twin and
 * drag hold time / baseline time - 1, so +0.05 is 5 % slower. */
struct ms_control {
    const char *thread_class;   /* "one thread", "several threads" */
    uint32_t threads;           /* the count the controls really ran with */
    struct ms_estimate harness; /* null: the harness's own cost, ns per operation */
    struct ms_estimate twin;    /* excess of the baseline's second copy */
    enum ms_verdict twin_verdict;
    struct ms_estimate drag; /* excess found where drag_true was planted */
    enum ms_verdict drag_verdict;
    double drag_true; /* 0.05 */
    double visible;   /* smallest visible difference: 0.012 is 1.2 % */
    double band;      /* what verdicts of this class used: max(floor, visible) */
    bool trusted;     /* twin neither faster nor slower: may be ranked */
    bool blunt;       /* drag not found: never says "same" */
};

/* ---- the numbers ------------------------------------------------------------------------------
 */

/* One timed stretch of one cell. */
struct ms_sample {
    uint32_t launch, block, position; /* position within its block */
    uint64_t seed;                    /* of the block's operation stream */
    uint64_t ops;                     /* over all threads */
    uint64_t wall_ns;                 /* first start to last end */
    uint64_t cpu_ns;                  /* summed over threads */
    uint64_t run_delay_ns;            /* the largest of any thread */
    double overlap;                   /* effective, 0..1; 1 for one thread */
    uint64_t calm_ops, calm_ns;       /* while nobody else used the cores; 0: see wall_ns */
    double shared;                    /* of the sample, the share in which somebody did */
    uint32_t repeats;                 /* times its block was taken again */
    bool disturbed;                   /* still, by outside evidence */
};

/* Same every time it is asked; "CAS attempts", 1.02 per operation. */
struct ms_count {
    const char *name; /* "cas attempts", "words looked at", "elements", "bytes bounced" */
    double per_op;
    bool model; /* from the simulator: "model, not measured" */
};

/* Latencies at one rate of arrival: open loop, counted from the moment each operation was due; or with
 * no rate, one after the other. */
struct ms_latency {
    double
        load; /* the rate, as a share of what the baseline keeps when each is timed; 0: each began
                        when the one before was through */
    double pace_ns;  /* mean time between arrivals; 0: likewise */
    bool saturated;  /* could not keep up: no percentiles */
    bool disturbed;  /* other programs had the processor meanwhile, in every launch */
    uint64_t values; /* behind the percentiles */
    double p50, p90, p99, p999, p9999; /* ns; 0 where fewer than 100 values lie beyond */
    double largest;                    /* ns */
    double floor;                      /* ns: the null strategy's median, timed the same way */
    double slow;       /* operations above 100 us in a second; with more threads than processors */
    double slow_floor; /* the null strategy's: what the scheduler alone does */
};

struct ms_cell {
    const char *name; /* scenario/key:value/..., see ms_cell_name() */
    const char *scenario;
    const char *strategy;
    const char *adapter; /* map family; NULL for registers */
    const char *shape;
    uint32_t threads;
    uint32_t registers; /* in the file; 0 where it does not matter */

    enum ms_outcome outcome;
    const char *why;              /* of an outcome other than measured, one sentence */
    bool oversubscribed;          /* more threads than cores: measured, shaded, never ranked */
    bool unbound;                 /* threads could not be bound */
    bool mostly_harness;          /* below twice the harness's own cost */
    bool poor_overlap;            /* more than a fifth of the samples below 0.9 */
    uint32_t disturbed, repeated; /* samples kept disturbed; blocks taken again */

    struct ms_estimate time;     /* ns per operation: wall time / operations of all threads */
    const char *limit;           /* the name of the limit it is held against, or NULL */
    struct ms_estimate of_limit; /* limit time / own time, pairwise: 0.62 is 62 % of the limit */
    uint64_t bytes;              /* moved or mapped by one operation; 0: not applicable */
    const char *command;         /* the one command that repeats it */

    struct ms_count *counts;
    size_t count_count;
    struct ms_latency *latencies;
    size_t latency_count;
    struct ms_sample *samples;
    size_t sample_count;
};

/* One case, one strategy against another. At least each strategy against the baseline is stored;
 * all unordered pairs make the baseline a choice on the page. (a, b) is enough: (b, a) is its
 * mirror. */
struct ms_pair {
    uint32_t cell, base;      /* indices in cells: same case, two strategies */
    struct ms_estimate ratio; /* base time / cell time: 2.0 is twice as fast */
    enum ms_verdict verdict;
    const char *why;   /* of MS_VERDICT_UNKNOWN, or of a NONE that has a ratio: one sentence */
    uint32_t launches; /* launches behind it */
    uint32_t agreeing; /* launches whose leaving out kept the verdict */
};

/* A strategy over all shapes of one scenario, adapter and thread count. */
struct ms_standing {
    const char *strategy;
    bool ranked;              /* served every case, conformed, not oversubscribed */
    uint32_t served, cases;   /* cases it was measured in, of how many */
    struct ms_estimate ratio; /* baseline time / its time over the cases both serve */
    enum ms_verdict verdict;
    const char *why;
};

/* Who is ahead over several cases, and by how much: section 5, "over several cases". */
struct ms_ranking {
    const char *scenario;
    const char *adapter; /* map family only */
    uint32_t threads;
    struct ms_standing *standings; /* best ratio first */
    size_t standing_count;
    const char *leader, *runner_up; /* names; NULL when fewer than one or two are ranked */
    struct ms_estimate lead;        /* runner-up's time / leader's time */
    enum ms_verdict lead_verdict;   /* FASTER: there is a winner */
    const char *why;                /* when there is none */
    uint32_t shapes;                /* cases the lead is taken over */
};

struct ms_result {
    struct ms_run run;
    struct ms_fact *facts;
    size_t fact_count;
    struct ms_note *notes;
    size_t note_count;
    struct ms_control *controls; /* one per thread class */
    size_t control_count;
    struct ms_strategy *strategies;
    size_t strategy_count;
    struct ms_adapter *adapters;
    size_t adapter_count;
    struct ms_shape *shapes;
    size_t shape_count;
    struct ms_limit *limits;
    size_t limit_count;
    struct ms_cell *cells;
    size_t cell_count;
    struct ms_pair *pairs;
    size_t pair_count;
    struct ms_ranking *rankings;
    size_t ranking_count;
    struct ms_text *texts; /* private: where the strings live */
};

/* ---- life -------------------------------------------------------------------------------------
 */

/* An empty result; out of memory ends the program with a message, here and in every add. */
struct ms_result *ms_result_new(void);
void ms_result_free(struct ms_result *r);

/* A string that lives as long as the result, made valid UTF-8 without control characters (each bad
 * byte becomes '?'). ms_result_copy() of NULL is NULL. */
const char *ms_result_text(struct ms_result *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
const char *ms_result_copy(struct ms_result *r, const char *text);

/* Each adds one zeroed entry at the end and returns it. */
struct ms_fact *ms_result_add_fact(struct ms_result *r);
struct ms_note *ms_result_add_note(struct ms_result *r);
struct ms_control *ms_result_add_control(struct ms_result *r);
struct ms_strategy *ms_result_add_strategy(struct ms_result *r);
struct ms_adapter *ms_result_add_adapter(struct ms_result *r);
struct ms_shape *ms_result_add_shape(struct ms_result *r);
struct ms_limit *ms_result_add_limit(struct ms_result *r);
struct ms_cell *ms_result_add_cell(struct ms_result *r);
struct ms_pair *ms_result_add_pair(struct ms_result *r);
struct ms_ranking *ms_result_add_ranking(struct ms_result *r);
struct ms_count *ms_cell_add_count(struct ms_cell *c);
struct ms_sample *ms_cell_add_sample(struct ms_cell *c);
struct ms_latency *ms_cell_add_latency(struct ms_cell *c);
struct ms_standing *ms_ranking_add_standing(struct ms_ranking *k);

/* ---- looking things up ------------------------------------------------------------------------
 */

/* The name of a cell from its keys, in their fixed order; it lives as long as the result. */
const char *ms_cell_name(struct ms_result *r, const struct ms_cell *c);

/* Nanoseconds an operation took: while nobody else used the cores, as far as that is known. Pure. */
double ms_sample_ns(const struct ms_sample *s);

/* Samples that were taken of a cell, calm or not. Pure. */
size_t ms_cell_samples(const struct ms_cell *c);

/* Of the run's samples, the share of the time in which somebody else used the cores. Pure. */
double ms_result_shared(const struct ms_result *r);
bool ms_cell_same_case(const struct ms_cell *a, const struct ms_cell *b);
/* Two strings, either of which may be NULL. */
bool ms_text_same(const char *a, const char *b);

/* NULL when there is none of that name. */
const struct ms_strategy *ms_result_strategy(const struct ms_result *r, const char *name);
const struct ms_strategy *ms_result_baseline(const struct ms_result *r);
/* What a machine uses unless told otherwise; NULL in results that do not say. */
const struct ms_strategy *ms_result_default(const struct ms_result *r);
const struct ms_shape *ms_result_shape(const struct ms_result *r, const char *scenario,
                                       const char *name);
const struct ms_control *ms_result_control(const struct ms_result *r, uint32_t threads);
const struct ms_limit *ms_result_limit(const struct ms_result *r, const struct ms_cell *c);
/* The stored comparison of a cell with the strategy `base` in the same case, turned round where it
 * was stored the other way. False when there is none. */
bool ms_result_pair(const struct ms_result *r, uint32_t cell, const char *base,
                    struct ms_pair *pair);
bool ms_strategy_is_control(const struct ms_strategy *s);

const char *ms_verdict_name(enum ms_verdict v); /* "faster" ... "cannot tell"; NONE: "not ranked" */
const char *ms_progress_name(enum ms_progress p);
const char *ms_outcome_name(enum ms_outcome o);

/* ---- files ------------------------------------------------------------------------------------
 */

/* Reads and checks a result file. NULL, and a problem that names file and field, when it cannot be
 * opened, is not JSON, has another schema, or contradicts itself. Unknown fields are ignored,
 * missing ones accepted. */
struct ms_result *ms_result_read(const char *path, struct ms_problem *problem);
/* The same from memory; `name` stands for the file in messages. */
struct ms_result *ms_result_parse(const char *name, const char *text, size_t length,
                                  struct ms_problem *problem);

/* Checks what the emitters rely on: indices in range, finite numbers, ordered intervals, names. The
 * runner may call it too before it writes. */
bool ms_result_check(const struct ms_result *r, const char *name, struct ms_problem *problem);

/* How much of a result is printed: everything; or what a page embeds: no samples, fewer digits, each
 * list as a table of columns and rows, without what is zero or follows from the rest. Both read
 * back. */
enum ms_detail { MS_DETAIL_FULL, MS_DETAIL_LEAN };
enum { MS_LEAN_PAIRS_MAX = 1500 }; /* more, and only pairs with baseline or default are embedded */

/* result.json into a stream: one entry a line, the same bytes for the same result. False when the
 * stream failed. */
bool ms_result_print(const struct ms_result *r, FILE *out, enum ms_detail detail);

#endif
