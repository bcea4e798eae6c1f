/* SPDX-License-Identifier: MIT */
/* result_form.c: the words and the fields of result.json. */
#include "result_form.h"

#include <assert.h>

/* ---- the words ----------------------------------------------------------------------------------
 */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define WORDS(name, ...)                                                                           \
    static const char *const name##_names[] = {__VA_ARGS__};                                       \
    static const struct ms_words name = {name##_names, COUNT(name##_names)}

WORDS(verdict_words, "not ranked", "faster", "slower", "same", "cannot tell");
WORDS(progress_words, "unknown", "blocking", "lock-free", "wait-free", "stranding");
WORDS(role_words, "contestant", "baseline", "null", "twin", "drag", "plugin");
WORDS(check_words, "not run", "passed", "failed");
WORDS(outcome_words, "measured", "refused", "failed", "crashed", "not run");
WORDS(plan_words, "default", "quick", "full", "custom");
WORDS(level_words, "note", "warning", "refused");

const char *ms_word_name(const struct ms_words *w, unsigned value)
{
    return value < w->count ? w->names[value] : "unknown";
}

const char *ms_verdict_name(enum ms_verdict v)
{
    return ms_word_name(&verdict_words, v);
}

const char *ms_progress_name(enum ms_progress p)
{
    return ms_word_name(&progress_words, p);
}

const char *ms_outcome_name(enum ms_outcome o)
{
    return ms_word_name(&outcome_words, o);
}

/* ---- the forms ----------------------------------------------------------------------------------
 */

#define TEXT(s, m)                                                                                 \
    {                                                                                              \
#m, MS_FIELD_TEXT, offsetof(struct s, m), NULL, NULL, 0                                    \
    }
#define F64(s, m)                                                                                  \
    {                                                                                              \
#m, MS_FIELD_F64, offsetof(struct s, m), NULL, NULL, 0                                     \
    }
#define U64(s, m)                                                                                  \
    {                                                                                              \
#m, MS_FIELD_U64, offsetof(struct s, m), NULL, NULL, 0                                     \
    }
#define U32(s, m)                                                                                  \
    {                                                                                              \
#m, MS_FIELD_U32, offsetof(struct s, m), NULL, NULL, 0                                     \
    }
#define FLAG(s, m)                                                                                 \
    {                                                                                              \
#m, MS_FIELD_FLAG, offsetof(struct s, m), NULL, NULL, 0                                    \
    }
#define EST(s, m)                                                                                  \
    {                                                                                              \
#m, MS_FIELD_ESTIMATE, offsetof(struct s, m), NULL, NULL, 0                                \
    }
#define WORD(s, m, w)                                                                              \
    {                                                                                              \
#m, MS_FIELD_WORD, offsetof(struct s, m), &(w), NULL, 0                                    \
    }
#define LIST(s, m, c, f)                                                                           \
    {                                                                                              \
#m, MS_FIELD_LIST, offsetof(struct s, m), NULL, &ms_##f, offsetof(struct s, c)             \
    }
#define FORM(name, s, ...)                                                                         \
    static const struct ms_field name##_fields[] = {__VA_ARGS__};                                  \
    static_assert(COUNT(name##_fields) <= MS_FIELDS_MAX, "a table's columns must fit");            \
    static const struct ms_form ms_##name = FORM_OF(name, s)
/* One that writer or reader ask for by name. */
#define NAMED_FORM(name, s, ...)                                                                   \
    static const struct ms_field name##_fields[] = {__VA_ARGS__};                                  \
    static_assert(COUNT(name##_fields) <= MS_FIELDS_MAX, "a table's columns must fit");            \
    const struct ms_form ms_##name = FORM_OF(name, s)
#define FORM_OF(name, s)                                                                           \
    {                                                                                              \
        sizeof(struct s), name##_fields, COUNT(name##_fields)                                      \
    }

/* A word is stored through an unsigned; every enumeration of result.h has that size. */
static_assert(sizeof(enum ms_verdict) == sizeof(unsigned) &&
                  sizeof(enum ms_level) == sizeof(unsigned),
              "enumerations are stored as unsigned");

NAMED_FORM(estimate_form, ms_estimate, F64(ms_estimate, value), F64(ms_estimate, low),
           F64(ms_estimate, high), U32(ms_estimate, count));

NAMED_FORM(run_form, ms_run, TEXT(ms_run, version), TEXT(ms_run, commit), FLAG(ms_run, tree_clean),
           TEXT(ms_run, started), TEXT(ms_run, host), TEXT(ms_run, machine), TEXT(ms_run, command),
           WORD(ms_run, plan, plan_words), U64(ms_run, seed), U32(ms_run, launches),
           U32(ms_run, blocks), F64(ms_run, seconds), U32(ms_run, cores), TEXT(ms_run, build),
           TEXT(ms_run, comparison_key), FLAG(ms_run, asserts_on), FLAG(ms_run, sanitized),
           FLAG(ms_run, debug_allowed), FLAG(ms_run, incomplete), FLAG(ms_run, interrupted));

FORM(fact_form, ms_fact, TEXT(ms_fact, group), TEXT(ms_fact, name), TEXT(ms_fact, value),
     TEXT(ms_fact, source));

FORM(note_form, ms_note, WORD(ms_note, level, level_words), TEXT(ms_note, id), TEXT(ms_note, text),
     TEXT(ms_note, help));

FORM(control_form, ms_control, TEXT(ms_control, thread_class), U32(ms_control, threads),
     EST(ms_control, harness), EST(ms_control, twin), WORD(ms_control, twin_verdict, verdict_words),
     EST(ms_control, drag), WORD(ms_control, drag_verdict, verdict_words),
     F64(ms_control, drag_true), F64(ms_control, visible), F64(ms_control, band),
     FLAG(ms_control, trusted), FLAG(ms_control, blunt));

FORM(strategy_form, ms_strategy, TEXT(ms_strategy, name), TEXT(ms_strategy, title),
     WORD(ms_strategy, role, role_words), FLAG(ms_strategy, is_default),
     WORD(ms_strategy, progress, progress_words), U32(ms_strategy, run_max),
     WORD(ms_strategy, conformance, check_words), WORD(ms_strategy, fuzz, check_words),
     U64(ms_strategy, fuzz_executions), F64(ms_strategy, fuzz_seconds));

FORM(adapter_form, ms_adapter, TEXT(ms_adapter, name), TEXT(ms_adapter, title),
     FLAG(ms_adapter, bounces));

FORM(shape_form, ms_shape, TEXT(ms_shape, name), TEXT(ms_shape, scenario), U32(ms_shape, version),
     TEXT(ms_shape, title), U32(ms_shape, pages), U64(ms_shape, bytes), FLAG(ms_shape, recorded));

FORM(limit_form, ms_limit, TEXT(ms_limit, name), TEXT(ms_limit, title), TEXT(ms_limit, shape),
     U32(ms_limit, threads), U32(ms_limit, pages), U64(ms_limit, bytes), F64(ms_limit, elements),
     EST(ms_limit, time));

NAMED_FORM(count_form, ms_count, TEXT(ms_count, name), F64(ms_count, per_op),
           FLAG(ms_count, model));

NAMED_FORM(sample_form, ms_sample, U32(ms_sample, launch), U32(ms_sample, block),
           U32(ms_sample, position), U64(ms_sample, seed), U64(ms_sample, ops),
           U64(ms_sample, wall_ns), U64(ms_sample, cpu_ns), U64(ms_sample, run_delay_ns),
           F64(ms_sample, overlap), U64(ms_sample, calm_ops), U64(ms_sample, calm_ns),
           F64(ms_sample, shared), U32(ms_sample, repeats), FLAG(ms_sample, disturbed));

FORM(latency_form, ms_latency, F64(ms_latency, load), F64(ms_latency, pace_ns),
     FLAG(ms_latency, saturated), FLAG(ms_latency, disturbed), U64(ms_latency, values),
     F64(ms_latency, p50), F64(ms_latency, p90), F64(ms_latency, p99), F64(ms_latency, p999),
     F64(ms_latency, p9999), F64(ms_latency, largest), F64(ms_latency, floor),
     F64(ms_latency, slow), F64(ms_latency, slow_floor));

NAMED_FORM(cell_form, ms_cell, TEXT(ms_cell, name), TEXT(ms_cell, scenario),
           TEXT(ms_cell, strategy), TEXT(ms_cell, adapter), TEXT(ms_cell, shape),
           U32(ms_cell, threads), U32(ms_cell, registers), WORD(ms_cell, outcome, outcome_words),
           TEXT(ms_cell, why), FLAG(ms_cell, oversubscribed), FLAG(ms_cell, unbound),
           FLAG(ms_cell, mostly_harness), FLAG(ms_cell, poor_overlap), U32(ms_cell, disturbed),
           U32(ms_cell, repeated), EST(ms_cell, time), TEXT(ms_cell, limit), EST(ms_cell, of_limit),
           U64(ms_cell, bytes), TEXT(ms_cell, command),
           LIST(ms_cell, counts, count_count, count_form),
           LIST(ms_cell, latencies, latency_count, latency_form),
           LIST(ms_cell, samples, sample_count, sample_form));

NAMED_FORM(pair_form, ms_pair, U32(ms_pair, cell), U32(ms_pair, base), EST(ms_pair, ratio),
           WORD(ms_pair, verdict, verdict_words), TEXT(ms_pair, why), U32(ms_pair, launches),
           U32(ms_pair, agreeing));

FORM(standing_form, ms_standing, TEXT(ms_standing, strategy), FLAG(ms_standing, ranked),
     U32(ms_standing, served), U32(ms_standing, cases), EST(ms_standing, ratio),
     WORD(ms_standing, verdict, verdict_words), TEXT(ms_standing, why));

FORM(ranking_form, ms_ranking, TEXT(ms_ranking, scenario), TEXT(ms_ranking, adapter),
     U32(ms_ranking, threads), LIST(ms_ranking, standings, standing_count, standing_form),
     TEXT(ms_ranking, leader), TEXT(ms_ranking, runner_up), EST(ms_ranking, lead),
     WORD(ms_ranking, lead_verdict, verdict_words), TEXT(ms_ranking, why), U32(ms_ranking, shapes));

NAMED_FORM(result_form, ms_result, LIST(ms_result, facts, fact_count, fact_form),
           LIST(ms_result, notes, note_count, note_form),
           LIST(ms_result, controls, control_count, control_form),
           LIST(ms_result, strategies, strategy_count, strategy_form),
           LIST(ms_result, adapters, adapter_count, adapter_form),
           LIST(ms_result, shapes, shape_count, shape_form),
           LIST(ms_result, limits, limit_count, limit_form),
           LIST(ms_result, cells, cell_count, cell_form),
           LIST(ms_result, pairs, pair_count, pair_form),
           LIST(ms_result, rankings, ranking_count, ranking_form));
