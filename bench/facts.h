/* SPDX-License-Identifier: MIT */
/*
 * facts.h: what machine this is, with where each fact came from, and the guard rails: conditions
 * under which numbers mean less, or nothing. A fact that cannot be read is "not visible".
 */
#ifndef MS_FACTS_H
#define MS_FACTS_H

#include "result.h"
#include "topology.h"

struct ms_facts_config {
    const char *command; /* the line that repeats the run */
    uint64_t seed;
    bool is_anonymous; /* leave the host name out */
    bool allow_debug;
};

/* Fills `run` (version, commit, host, build, key ...) and the facts. Takes milliseconds. */
void ms_facts_collect(struct ms_result *result, const struct ms_topology *topology,
                      const struct ms_facts_config *config);

/* Adds what is only known after measuring: load and stolen time at the end. */
void ms_facts_finish(struct ms_result *result, double stolen_seconds);

/* The value of a fact, or NULL. */
const char *ms_fact_value(const struct ms_result *result, const char *group, const char *name);

/* Looks at the guard rails and adds a note for each that is touched. Waits up to `wait_seconds`
 * for a busy machine to calm down. False when measuring makes no sense at all. */
bool ms_guards_check(struct ms_result *result, const struct ms_topology *topology,
                     double wait_seconds);

/* False when a guard rail forbids a ranking. */
bool ms_guards_allow_ranking(const struct ms_result *result);

/* The host's name, fit for a folder; "host" when it has none or is not to be named. */
void ms_host_name(char *name, size_t bytes, bool is_anonymous);

#endif
