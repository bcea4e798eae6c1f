/* SPDX-License-Identifier: MIT */
/*
 * scenario.h: what the threads do in a sample. A scenario is one file in scenarios/ that fills
 * one table, and one line in scenarios.def; everything else (order, samples, statistics, pages)
 * knows scenarios only through this header.
 *
 * Life of a sample:  open (once a case) -> prepare -> run on every thread -> finish -> ... close.
 * Only `run` is timed. `prepare` puts everything into the state the seed says, whatever the sample
 * before left; `finish` takes everything back and checks that nothing was lost.
 */
#ifndef MS_SCENARIO_H
#define MS_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "key.h"

enum {
    MS_WHY_BYTES = 256,
    MS_COUNTS_MAX = 16,
    MS_BENCH_THREADS_MAX = 64,
    MS_DRAG_PERCENT = 5, /* what `drag` does more than it is credited with */
};

struct ms_shape_info {
    const char *name;
    const char *title;
    uint32_t pages; /* pages or registers one operation asks for; 0: a mix */
    uint64_t bytes; /* one operation maps or moves; 0: not applicable */
    bool is_recorded;
    bool is_quick;  /* part of the quick plan */
    bool is_full;   /* part of the full plan only, unless asked for */
    bool is_timed;  /* also timed operation by operation, in plans that are not quick */
    bool is_closed; /* timed one after the other: what is timed is no arrival */
    bool is_live; /* a thread of the machine's own takes part, so nothing can be counted exactly */
};

struct ms_adapter_info {
    const char *name;
    const char *title;
    bool bounces;
};

/* What may stand in the strategy key of a cell. */
enum ms_part {
    MS_PART_STRATEGY,
    MS_PART_BASELINE,
    MS_PART_NULL,
    MS_PART_TWIN,
    MS_PART_DRAG,
    MS_PART_LIMIT, /* does less than any strategy could: a bound, not a contestant */
};

struct ms_contender {
    const char *name;
    const char *title;
    enum ms_part part;
    bool is_blocking;
    bool strands;
    bool is_plugin;
    bool is_default;  /* what a machine uses unless told otherwise */
    uint32_t run_max; /* UINT32_MAX: any */
};

/* What a sample left beside its time. */
struct ms_tally {
    uint32_t counts;
    struct {
        const char *name;
        double per_op;
    } count[MS_COUNTS_MAX];
};

/* What all scenarios may use; const after opening. */
struct ms_catalog;

struct ms_scenario {
    const char *name;
    const char *title;
    uint32_t version;      /* grows when what is measured changes: old times mean another thing */
    bool compares;         /* strategies contend here; else only the baseline is measured */
    bool is_bare;          /* only limits: no strategy at all, one thread */
    bool is_recorded_full; /* recorded shapes in the full plan only */
    bool oversubscribes;   /* also measured with more threads than processors */
    bool has_registers;    /* the size of the register file is part of the case */

    /* The index-th shape, NULL behind the last; it lives as long as the catalog. */
    const struct ms_shape_info *(*shape)(const struct ms_catalog *catalog, size_t index);

    /* These four may be NULL: then the answer is what stands in brackets. Ask through the functions
     * below. */
    /* The adapters a case may go through (none). */
    size_t (*adapters)(const struct ms_adapter_info **adapters);
    /* Whether a plan holds this case without being asked for it by shape and threads (always). */
    bool (*offers)(const struct ms_catalog *catalog, const struct ms_cell_key *key);
    /* The limits measured in the blocks of a case (none). */
    size_t (*limits)(const struct ms_cell_key *key, const struct ms_contender **limits);
    /* The sentence why a strategy refuses the shape by design, or NULL (NULL). */
    const char *(*refuses)(const struct ms_catalog *catalog, const struct ms_contender *contender,
                           const struct ms_cell_key *key);

    /* Exact counts of a strategy in a case, whatever its threads; nothing is timed. NULL: what a sample
     * of one thread leaves in its tally. */
    bool (*count)(const struct ms_catalog *catalog, const struct ms_cell_key *key, uint64_t seed,
                  struct ms_tally *tally, char *why);

    /* Sets up what does not depend on the strategy. NULL and a sentence on failure. */
    void *(*open)(const struct ms_catalog *catalog, const struct ms_cell_key *key, char *why);
    bool (*prepare)(void *stage, const struct ms_cell_key *key, uint64_t seed, char *why);
    /* May be called many times in a sample, each going on where the one before ended; every thread does as
     * many operations as the others. */
    void (*run)(void *stage, uint32_t thread, uint64_t ops);
    /* Where only a part of an operation is to be timed by itself: that part, and the rest of the operation.
     * NULL: one `run` of one operation. */
    void (*timed)(void *stage, uint32_t thread);
    void (*untimed)(void *stage, uint32_t thread);
    bool (*finish)(void *stage, uint64_t ops, struct ms_tally *tally, char *why);
    void (*close)(void *stage);
};

/* All scenarios in the order of scenarios.def; NULL behind the last. */
extern const struct ms_scenario *const ms_scenarios[];
const struct ms_scenario *ms_scenario_find(const char *name);

size_t ms_scenario_list_adapters(const struct ms_scenario *s,
                                 const struct ms_adapter_info **adapters);
bool ms_scenario_is_offered(const struct ms_scenario *s, const struct ms_catalog *catalog,
                            const struct ms_cell_key *key);
size_t ms_scenario_list_limits(const struct ms_scenario *s, const struct ms_cell_key *key,
                               const struct ms_contender **limits);
const char *ms_scenario_refusal(const struct ms_scenario *s, const struct ms_catalog *catalog,
                                const struct ms_contender *contender,
                                const struct ms_cell_key *key);

/* `offers` and `refuses` of a scenario with one driver: one thread. */
bool ms_one_driver_offers(const struct ms_catalog *catalog, const struct ms_cell_key *key);
const char *ms_one_driver_refuses(const struct ms_catalog *catalog,
                                  const struct ms_contender *contender,
                                  const struct ms_cell_key *key);

#define MS_SCENARIO(identifier) extern const struct ms_scenario ms_scenario_##identifier;
#include "scenarios.def"
#undef MS_SCENARIO

#endif
