/* SPDX-License-Identifier: MIT */
/*
 * request_state.h: a request's state in one word, and its steps as pure functions. Private to the
 * floor.
 */
#ifndef MS_REQUEST_STATE_H
#define MS_REQUEST_STATE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "wdm.h"

enum { REQUEST_USERS_MAX = 0xFFFF };

union ms_request_word {
    struct {
        uint64_t delivered : 1; /* the driver has it (REQ-01) */
        uint64_t marked : 1;    /* cancelable: the callback stands ready (REQ-04) */
        uint64_t cancelled : 1; /* somebody asked for it; never taken back */
        uint64_t claimed : 1;   /* the callback will be called by who claimed it (REQ-07) */
        uint64_t entered : 1;   /* it has been called (REQ-09) */
        uint64_t completed : 1;
        uint64_t users : 16; /* executing transactions that were initialised with it (REQ-12) */
        uint64_t unused : 42;
    };
    uint64_t raw;
};
static_assert(sizeof(union ms_request_word) == sizeof(uint64_t), "a request must fit one CAS");

/* Steps say what happened; a word that they leave as it was needs no CAS. */
enum ms_request_verdict {
    REQUEST_DONE,
    REQUEST_CANCELLED, /* marking, unmarking: too late; cancelling: its driver has it, and may ask */
    REQUEST_REFUSED,   /* not in a state for this */
    REQUEST_RUN_CANCEL, /* cancelling: the caller calls the callback now */
    REQUEST_MARKED,     /* completing: REQ-03 */
    REQUEST_EARLY,      /* completing: REQ-09 */
    REQUEST_BUSY,       /* completing: REQ-12 */
};

typedef enum ms_request_verdict ms_request_step(union ms_request_word *r);

static inline enum ms_request_verdict request_deliver(union ms_request_word *r)
{
    if (r->completed)
        return REQUEST_REFUSED; /* it goes with the queue where it was born */
    r->delivered = 1;
    return REQUEST_DONE;
}

static inline enum ms_request_verdict request_withdraw(union ms_request_word *r)
{
    if (!r->delivered || r->completed || r->marked || r->claimed || r->users != 0)
        return REQUEST_REFUSED;
    r->delivered = 0;
    return REQUEST_DONE;
}

/* REQ-04 */
static inline enum ms_request_verdict request_mark(union ms_request_word *r)
{
    if (!r->delivered || r->completed || r->marked)
        return REQUEST_REFUSED;
    if (r->cancelled)
        return REQUEST_CANCELLED;
    r->marked = 1;
    return REQUEST_DONE;
}

/* REQ-05: one that is cancelled already is claimed for its own marker. */
static inline enum ms_request_verdict request_mark_or_claim(union ms_request_word *r)
{
    if (r->delivered && !r->completed && !r->marked && !r->claimed && r->cancelled) {
        r->claimed = 1;
        r->entered = 1;
        return REQUEST_RUN_CANCEL;
    }
    return r->claimed ? REQUEST_REFUSED : request_mark(r);
}

/* REQ-06, REQ-07 */
static inline enum ms_request_verdict request_unmark(union ms_request_word *r)
{
    if (r->marked) {
        r->marked = 0;
        return REQUEST_DONE;
    }
    return r->claimed && !r->completed ? REQUEST_CANCELLED : REQUEST_REFUSED;
}

/* Somebody asks for it. REQ-07: what is marked is claimed in the same step. */
static inline enum ms_request_verdict request_cancel(union ms_request_word *r)
{
    if (r->completed)
        return REQUEST_REFUSED;
    r->cancelled = 1;
    if (!r->marked)
        return r->delivered ? REQUEST_CANCELLED : REQUEST_DONE;
    r->marked = 0;
    r->claimed = 1;
    return REQUEST_RUN_CANCEL;
}

/* The callback is about to be called. */
static inline enum ms_request_verdict request_enter(union ms_request_word *r)
{
    r->entered = 1;
    return REQUEST_DONE;
}

/* REQ-02 */
static inline enum ms_request_verdict request_complete(union ms_request_word *r)
{
    if (r->completed || !r->delivered)
        return REQUEST_REFUSED;
    if (r->marked)
        return REQUEST_MARKED;
    if (r->claimed && !r->entered)
        return REQUEST_EARLY;
    if (r->users != 0)
        return REQUEST_BUSY;
    r->completed = 1;
    return REQUEST_DONE;
}

/* The framework completes what the driver never had, or will never have again. */
static inline enum ms_request_verdict request_finish(union ms_request_word *r)
{
    if (r->completed)
        return REQUEST_REFUSED;
    r->marked = 0;
    r->completed = 1;
    return REQUEST_DONE;
}

/* TRX-21 */
static inline enum ms_request_verdict request_use(union ms_request_word *r)
{
    if (r->completed || r->users == REQUEST_USERS_MAX)
        return REQUEST_REFUSED;
    r->users++;
    return REQUEST_DONE;
}

static inline enum ms_request_verdict request_unuse(union ms_request_word *r)
{
    if (r->users == 0)
        return REQUEST_REFUSED;
    r->users--;
    return REQUEST_DONE;
}

#endif
