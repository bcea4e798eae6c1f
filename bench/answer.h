/* SPDX-License-Identifier: MIT */
/* answer.h: what the sentences and the other emitters both ask of a result. */
#ifndef MS_ANSWER_H
#define MS_ANSWER_H

#include "result.h"

/* Failed conformance or fuzzing: shown, marked, never ranked. */
bool ms_strategy_failed(const struct ms_strategy *s);

/* The guard-rail note that forbids a ranking, or NULL. */
const struct ms_note *ms_result_refusal(const struct ms_result *r);

#endif
