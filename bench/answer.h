/* SPDX-License-Identifier: MIT */
/* answer.h: what the sentences and the other emitters both ask of a result. */
#ifndef MS_ANSWER_H
#define MS_ANSWER_H

#include "result.h"

/* Failed conformance or fuzzing: shown, marked, never ranked. */
bool ms_strategy_failed(const struct ms_strategy *s);

/* The guard-rail note that forbids a ranking, or NULL. */
const struct ms_note *ms_result_refusal(const struct ms_result *r);

/* May the times of this run be ranked? Not where a control or a guard rail forbids it. */
bool ms_result_ranks(const struct ms_result *r);

/* A verdict as it may be shown: none at all in a run that ranks nothing. */
enum ms_verdict ms_verdict_shown(const struct ms_result *r, enum ms_verdict v);

/* The cells of one adapter that stand beside a limit, one thread. */
struct ms_span {
    const struct ms_cell *low, *high; /* least and greatest share of the limit */
    const struct ms_cell *quick;      /* the least time */
    size_t count;                     /* 0: there are none, and no pointers */
};

struct ms_span ms_span_of(const struct ms_result *r, const char *adapter);

/* Where the default is beaten, in one sentence that the caller frees; NULL: nothing to compare, or
 * nothing may be ranked. standing.c. */
char *ms_standing_sentence(const struct ms_result *r);

/* System DMA in one sentence that the caller frees; NULL: this run measured none. page_system.c. */
char *ms_system_sentence(const struct ms_result *r);

#endif
