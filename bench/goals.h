/* SPDX-License-Identifier: MIT */
/*
 * goals.h: what the default strategy is meant to reach, held against a stored result: which goals it holds,
 * where it is worst, and which the result cannot tell because something was not measured.
 */
#ifndef MS_GOALS_H
#define MS_GOALS_H

#include "result.h"

enum ms_held { MS_GOAL_UNKNOWN, MS_GOAL_HELD, MS_GOAL_MISSED };

enum { MS_GOALS_MAX = 16 };

/* How one goal came out. */
struct ms_goal_found {
    enum ms_held held;
    double worst; /* as the goal counts: smaller is better */
    double bound;
    const struct ms_cell *where; /* NULL: not measured */
    const char *rival;           /* the strategy that makes it worst, or NULL */
    uint32_t cells;              /* that were looked at */
    double whole; /* where loop and calls were taken off, the ratio with them; else 0 */
};

/* How many goals there are, and each in words. */
size_t ms_goal_count(void);
const char *ms_goal_text(size_t goal);
/* Pure: reads the result only. */
struct ms_goal_found ms_goal_look(const struct ms_result *r, size_t goal);

/* `mapstorm goals FILE...`: a table for each file, and which goals hold in all of them. 0: all hold; 1: one
 * is missed; 4: one was not measured. */
enum ms_exit ms_command_goals(const char *const *files, size_t count, FILE *out, FILE *err);

#endif
