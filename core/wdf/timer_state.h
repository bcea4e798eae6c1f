/* SPDX-License-Identifier: MIT */
/*
 * timer_state.h: a timer's state in one word, and its steps as pure functions. Private to the floor.
 */
#ifndef MS_TIMER_STATE_H
#define MS_TIMER_STATE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

union ms_timer_word {
    struct {
        uint64_t armed : 1;    /* started, and neither gone off nor stopped (TMR-06) */
        uint64_t closed : 1;   /* deleted: never armed again */
        uint64_t running : 14; /* callbacks that were entered, or will be, and have not returned */
        uint64_t serial : 48;  /* +1 per start */
    };
    uint64_t raw;
};
static_assert(sizeof(union ms_timer_word) == sizeof(uint64_t), "a timer must fit one CAS");

/* What a step says of the state before it. */
typedef bool ms_timer_step(union ms_timer_word *t);

/* TMR-03: true when the old expiry is replaced. */
static inline bool timer_start(union ms_timer_word *t)
{
    bool was = t->armed;

    if (t->closed)
        return false;
    t->armed = 1;
    t->serial++;
    return was;
}

/* TMR-04: true when the callback will not run for that start. */
static inline bool timer_stop(union ms_timer_word *t)
{
    bool was = t->armed;

    t->armed = 0;
    return was;
}

/* True: the caller calls the callback. */
static inline bool timer_fire(union ms_timer_word *t)
{
    if (!t->armed)
        return false;
    t->armed = 0;
    t->running++;
    return true;
}

/* The same of a periodic one, which stays started. */
static inline bool timer_fire_periodic(union ms_timer_word *t)
{
    if (!t->armed)
        return false;
    t->running++;
    return true;
}

/* The callback is back. True: it was the last one of a deleted timer. */
static inline bool timer_return(union ms_timer_word *t)
{
    t->running--;
    return t->closed && t->running == 0;
}

/* Deleted. True: no callback is running. */
static inline bool timer_close(union ms_timer_word *t)
{
    t->closed = 1;
    t->armed = 0;
    return t->running == 0;
}

#endif
