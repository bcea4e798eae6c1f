/* SPDX-License-Identifier: MIT */
/* result_private.h: between the files of the result and the emitters. */
#ifndef MS_RESULT_PRIVATE_H
#define MS_RESULT_PRIVATE_H

#include "result.h"

/* One more zeroed entry at the end of a list of entries of `size` bytes; the list may move. */
void *ms_list_grow(void *list, size_t *count, size_t size);

/* The name that follows from a cell's keys; the caller frees it. */
char *ms_cell_name_new(const struct ms_cell *c);

/* The command that follows from the run's and a cell's keys; NULL: the run's does not tell. The caller frees
 * it. */
char *ms_cell_command_new(const struct ms_result *r, const struct ms_cell *c);

/* Fills the problem and answers false, so that a check can end with it. */
bool ms_problem_set(struct ms_problem *problem, enum ms_exit code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
