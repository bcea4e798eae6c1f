/* SPDX-License-Identifier: MIT */
/*
 * channel_state.h: a DMA channel's whole state in one word, and every step it can take, as pure
 * functions. All races of system DMA are decided by one compare-and-swap of this word.
 *
 *              program    move        fail     cancel            flush        release
 *  IDLE        RUNNING    -           -        marks (once)      unmarks      unmarks
 *  IDLE marked refused    -           -        refused           unmarks      unmarks
 *  RUNNING     busy       RUNNING,    ERROR    CANCELLED marked  CANCELLED,   CANCELLED,
 *                         COMPLETE                               then IDLE    then IDLE
 *  COMPLETE    busy       -           -        marks (once)      IDLE         IDLE
 *  ERROR       busy       -           -        marks (once)      IDLE         IDLE
 *  CANCELLED   busy       -           -        marks (once)      IDLE         IDLE
 *
 * Other pairs do not happen, and each step asserts that it was not handed one: a running transfer is
 * never marked (a cancel ends it, a mark refuses it), a loop is never complete.
 *
 * A transfer ends exactly once: by the step that leaves RUNNING (CMT-11). The mark is the owner's
 * transfer context's "cancelled" (CMT-03): it refuses the next program (CMT-05) until a flush or the
 * release of the channel clears it (CMT-19, FLX-08).
 */
#ifndef MS_CHANNEL_STATE_H
#define MS_CHANNEL_STATE_H

#include "platform/platform.h"
#include "wdm.h"

enum ms_channel_phase {
    CHANNEL_IDLE,
    CHANNEL_RUNNING,
    CHANNEL_COMPLETE,
    CHANNEL_ERROR,
    CHANNEL_CANCELLED,
    CHANNEL_PHASES
};

#define MS_TRANSFER_MASK 0x3FFFFFFu

union ms_channel_word {
    struct {
        uint64_t phase : 4;     /* enum ms_channel_phase */
        uint64_t mark : 1;      /* cancelled by CancelMappedTransfer */
        uint64_t looped : 1;    /* AutoInitialize: starts again at the end */
        uint64_t transfer : 26; /* which transfer this is about: grows with each program */
        uint64_t moved : 32;    /* bytes; looped: position in the pass; idle: owner's epoch */
    };
    uint64_t raw;
};
static_assert(sizeof(union ms_channel_word) == sizeof(uint64_t), "a channel must fit one CAS");

/* The mark as a bit of the raw word, for those who only ask for it. */
#define MS_CHANNEL_MARK (UINT64_C(1) << 4)

/* A word that the steps can make. */
static inline bool ms_channel_is_sound(union ms_channel_word word)
{
    return word.phase < CHANNEL_PHASES && !(word.phase == CHANNEL_RUNNING && word.mark) &&
           !(word.phase == CHANNEL_COMPLETE && word.looped);
}

/* The transfer ended and was not flushed yet. */
static inline bool ms_channel_is_over(union ms_channel_word word)
{
    return word.phase == CHANNEL_COMPLETE || word.phase == CHANNEL_ERROR ||
           word.phase == CHANNEL_CANCELLED;
}

/* What the completion routine is told about a transfer that is over (CPL-12). */
static inline DMA_COMPLETION_STATUS ms_channel_status(union ms_channel_word word)
{
    switch (word.phase) {
    case CHANNEL_COMPLETE:
        return DmaComplete;
    case CHANNEL_ERROR:
        return DmaError;
    default:
        return DmaCancelled;
    }
}

/* STATUS_SUCCESS: runs now; STATUS_CANCELLED: marked (MTX-45); STATUS_INVALID_PARAMETER: the last
 * transfer was not flushed (MTX-52). */
static inline NTSTATUS ms_channel_step_program(union ms_channel_word *word, uint32_t transfer,
                                               bool looped)
{
    ms_assert(ms_channel_is_sound(*word));
    if (word->phase != CHANNEL_IDLE)
        return STATUS_INVALID_PARAMETER;
    if (word->mark)
        return STATUS_CANCELLED;
    word->phase = CHANNEL_RUNNING;
    word->looped = looped;
    word->transfer = transfer & MS_TRANSFER_MASK;
    word->moved = 0;
    return STATUS_SUCCESS;
}

/* `bytes` more of `length` were moved; false: that transfer does not run any more. */
static inline bool ms_channel_step_move(union ms_channel_word *word, uint32_t transfer,
                                        uint32_t bytes, uint32_t length)
{
    ms_assert(ms_channel_is_sound(*word));
    if (word->phase != CHANNEL_RUNNING || word->transfer != transfer)
        return false;
    ms_assert(bytes > 0 && bytes <= length - word->moved);
    word->moved = (uint32_t)(word->moved + bytes);
    if (word->moved == length) {
        if (word->looped)
            word->moved = 0; /* the next pass begins at once (CPL-10) */
        else
            word->phase = CHANNEL_COMPLETE;
    }
    return true;
}

/* The controller met an error (SDM-15). */
static inline bool ms_channel_step_fail(union ms_channel_word *word, uint32_t transfer)
{
    ms_assert(ms_channel_is_sound(*word));
    if (word->phase != CHANNEL_RUNNING || word->transfer != transfer)
        return false;
    word->phase = CHANNEL_ERROR;
    return true;
}

/* CancelMappedTransfer: false when it was cancelled before (CMT-08). */
static inline bool ms_channel_step_cancel(union ms_channel_word *word)
{
    ms_assert(ms_channel_is_sound(*word));
    if (word->mark)
        return false;
    word->mark = 1;
    if (word->phase == CHANNEL_RUNNING)
        word->phase = CHANNEL_CANCELLED;
    return true;
}

/* Stops what runs (FLX-12, FRE-13); false: nothing ran. */
static inline bool ms_channel_step_stop(union ms_channel_word *word)
{
    ms_assert(ms_channel_is_sound(*word));
    if (word->phase != CHANNEL_RUNNING)
        return false;
    word->phase = CHANNEL_CANCELLED;
    return true;
}

/* Programmable again, mark gone; what ran must have been stopped. The epoch changes with the owner, so
 * that a cancel meant for the last one fails on the next. */
static inline void ms_channel_step_reset(union ms_channel_word *word, uint32_t epoch)
{
    ms_assert(ms_channel_is_sound(*word) && word->phase != CHANNEL_RUNNING);
    word->phase = CHANNEL_IDLE;
    word->mark = 0;
    word->moved = epoch;
}

#endif
