/* SPDX-License-Identifier: MIT */
/*
 * timer_state.h: a timer's state in one word, and its steps as pure functions. Private to the floor.
 */
#ifndef MS_TIMER_STATE_H
#define MS_TIMER_STATE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

/* Moments are of our clock, in the 100 ns that drivers count by: 14 years of them. */
#define TIMER_DUE_MAX ((UINT64_C(1) << 52) - 1)
enum { TIMER_RUNNING_MAX = (1 << 10) - 1 };

union ms_timer_word {
    struct {
        uint64_t armed : 1;    /* started, and neither gone off nor stopped (TMR-06) */
        uint64_t closed : 1;   /* deleted: never armed again */
        uint64_t running : 10; /* callbacks that were entered, or will be, and have not returned */
        uint64_t due : 52;     /* of the last start, or of the next period */
    };
    uint64_t raw;
};
static_assert(sizeof(union ms_timer_word) == sizeof(uint64_t), "a timer must fit one CAS");

/* Later than it can say is never. */
static inline union ms_timer_word timer_due(union ms_timer_word t, uint64_t due)
{
    t.due = (due < TIMER_DUE_MAX ? due : TIMER_DUE_MAX) & TIMER_DUE_MAX;
    return t;
}

/* What a step says of the state before it. `moment`: when it is due, or what time it is; period: 0 when the
 * timer goes off once. */
typedef bool ms_timer_step(union ms_timer_word *t, uint64_t moment, uint64_t period);

/* TMR-03: true when the old expiry is replaced. */
static inline bool timer_start(union ms_timer_word *t, uint64_t due, uint64_t period)
{
    bool was = t->armed;

    (void)period;
    if (t->closed)
        return false;
    t->armed = 1;
    *t = timer_due(*t, due);
    return was;
}

/* TMR-04: true when the callback will not run for that start. */
static inline bool timer_stop(union ms_timer_word *t, uint64_t moment, uint64_t period)
{
    bool was = t->armed;

    (void)moment, (void)period;
    t->armed = 0;
    return was;
}

/* True: the caller calls the callback. Never before it is due: it may have been started anew since the bell was
 * set that rang. */
static inline bool timer_fire(union ms_timer_word *t, uint64_t now, uint64_t period)
{
    if (!t->armed || t->due > now || t->running == TIMER_RUNNING_MAX)
        return false;
    t->armed = period != 0; /* a periodic one stays started */
    *t = timer_due(*t, t->due + period);
    t->running++;
    return true;
}

/* The callback is back. True: it was the last one of a deleted timer. */
static inline bool timer_return(union ms_timer_word *t, uint64_t moment, uint64_t period)
{
    (void)moment, (void)period;
    t->running--;
    return t->closed && t->running == 0;
}

/* Deleted. True: no callback is running. */
static inline bool timer_close(union ms_timer_word *t, uint64_t moment, uint64_t period)
{
    (void)moment, (void)period;
    t->closed = 1;
    t->armed = 0;
    return t->running == 0;
}

#endif
