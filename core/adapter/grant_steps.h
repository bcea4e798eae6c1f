/* SPDX-License-Identifier: MIT */
/*
 * grant_steps.h: every step a request's word can take, as pure functions: each reads and writes only the
 * word it is given, so a compare-and-swap applies it (channel.c and serve.c; the theory of channel.c says what they mean).
 */
#ifndef MS_GRANT_STEPS_H
#define MS_GRANT_STEPS_H

#include "adapter/grant.h"

static inline bool word_is_over(union ms_grant_word word)
{
    return !word.linked && !word.owns && !word.has && !word.running && !word.appending &&
           !word.listed && !word.putting && !word.cancelling &&
           (word.phase == GRANT_HELD || word.phase == GRANT_CANCELLED);
}

static inline bool step_grant(union ms_grant_word *word)
{
    if (word->phase != GRANT_WAITING)
        return false;
    word->phase = GRANT_READY;
    word->owns = 1;
    word->has = !word->bare;
    word->running = 1;
    return true;
}

static inline bool step_enter(union ms_grant_word *word)
{
    if (word->phase != GRANT_READY)
        return false;
    word->phase = GRANT_HELD;
    word->entering = 1; /* its registers are not written down yet */
    return true;
}

static inline bool step_entered(union ms_grant_word *word)
{
    ms_assert(word->entering);
    word->entering = 0;
    return true;
}

/* By who puts its adapter: whoever enters it, or makes its list, finds this, and ends it. */
static inline bool step_doom(union ms_grant_word *word)
{
    if (word->phase != GRANT_READY && (word->phase != GRANT_HELD || !word->entering))
        return false;
    word->doomed = 1;
    return true;
}

static inline bool step_cancel(union ms_grant_word *word)
{
    if (word->phase != GRANT_WAITING)
        return false;
    word->phase = GRANT_CANCELLED;
    word->listed = 0;
    word->cancelling = word->appending; /* else the canceller unlinks it, last of all: I2 */
    return true;
}

static inline bool step_disown(union ms_grant_word *word)
{
    if (word->phase != GRANT_HELD || !word->owns || word->entering)
        return false;
    word->owns = 0;
    return true;
}

/* Where the owner has a channel: who is putting its list flushes that, and gives it back after (SGL-09). */
static inline bool step_disown_channel(union ms_grant_word *word)
{
    return !word->putting && step_disown(word);
}

/* Who is putting the list copies from the registers, and gives them back after: not under its hands (FRE-10). */
static inline bool step_drop(union ms_grant_word *word)
{
    if (word->phase != GRANT_HELD || !word->has || word->putting || word->entering)
        return false;
    word->has = 0;
    return true;
}

/* By who is putting. */
static inline bool step_drop_put(union ms_grant_word *word)
{
    if (!word->putting || !word->has)
        return false;
    word->has = 0;
    return true;
}

static inline bool step_claim_list(union ms_grant_word *word)
{
    if (word->phase != GRANT_HELD || !word->listed)
        return false;
    word->listed = 0;
    word->putting = 1;
    return true;
}

static inline bool step_put(union ms_grant_word *word)
{
    ms_assert(word->putting);
    word->putting = 0;
    return true;
}

static inline bool step_returned(union ms_grant_word *word)
{
    ms_assert(word->running);
    word->running = 0;
    return true;
}

static inline bool step_appended(union ms_grant_word *word)
{
    ms_assert(word->appending);
    word->appending = 0;
    return true;
}

static inline bool step_cancelled(union ms_grant_word *word)
{
    ms_assert(word->cancelling);
    word->cancelling = 0;
    return true;
}

static inline bool step_unlinked(union ms_grant_word *word)
{
    ms_assert(word->linked);
    word->linked = 0;
    return true;
}

#endif
