/* SPDX-License-Identifier: MIT */
/*
 * transaction_state.h: a DMA transaction's whole state in one word, and every step it can take, as
 * pure functions. Stop, cancel, completion reports, grants and staging meet in one compare-and-swap
 * of this word and in no lock (LVL-04, STM-01).
 *
 * Idea        the phase is section 13 of the KMDF contract: the public states, and inside Transfer the
 *             sub-states ENTERING to CLOSING. The bits beside it say what one party left for another.
 * Picture     RELEASED -> CHANGING -> INITIALIZED -> ENTERING -> STARTING -> WAITING -> CLOSING
 *             CLOSING -> STAGING -> RUNNING -> CLOSING -> ... -> COMPLETED, FAILED -> CHANGING -> RELEASED
 * Invariants  I1 whoever moved the phase to CHANGING, ENTERING, CLOSING or STAGING (not open) owns the plain
 *                fields of the transaction until it moves the phase on; nobody else may write them
 *             I2 an execution's end is the one step from an executing phase to COMPLETED or FAILED; who
 *                made it gives the resources back and tells the driver (STM-01, STM-02)
 *             I3 `loop` is set exactly while some frame is in the staging loop; who finds it set leaves
 *                `again` for that frame, who finds it clear sets it and becomes the frame (STG-11)
 *             I4 `serial` grows with every initialisation, start, grant and fragment and never comes
 *                back: a completion that carries an old one is late and is dropped (STP-12)
 *             I5 `asked` is clear while the thread that asks may still use the transfer context: nobody else
 *                says then that the request is withdrawn, so a driver that is told so may use it anew. Who had
 *                it withdrawn all the same sets `left`: the asker ends it
 * Ordering    hb:trx-word  every step is an acquire-release compare-and-swap: what a party wrote while
 *             it owned the plain fields is seen by the next one that owns them
 * ABA         the serial makes two words of different executions differ
 * Progress    every step is pure; applying it is lock-free
 */
#ifndef MS_WDF_TRANSACTION_STATE_H
#define MS_WDF_TRANSACTION_STATE_H

#include "platform/platform.h"
#include "wdm.h"

enum ms_trx_phase {
    TRX_CREATED,
    TRX_CHANGING, /* Initialize, AllocateResources, Release or deletion writes the fields */
    TRX_RESERVED, /* bits `queued` and `held` say how far (RES-07) */
    TRX_INITIALIZED,
    TRX_ENTERING, /* Execute writes the fields */
    TRX_STARTING, /* nobody owns the fields: the allocation is about to be asked for */
    TRX_WAITING,  /* the allocation was asked for */
    TRX_STAGING,  /* granted; one frame plans, maps and programs a fragment */
    TRX_RUNNING,  /* EvtProgramDma returned; the fragment is not reported */
    TRX_CLOSING,  /* one thread notes a grant, or, inside DmaCompleted*, flushes and counts */
    TRX_COMPLETED,
    TRX_FAILED,
    TRX_RELEASED,
    TRX_DELETED,
    TRX_PHASES
};

union ms_trx_word {
    struct {
        uint64_t phase : 4;     /* enum ms_trx_phase */
        uint64_t to_device : 1; /* direction of this initialisation */
        uint64_t stop : 1;      /* StopSystemTransfer was called (STP-03) */
        uint64_t cancel : 1;    /* SG: refuse the next fragment (CAN-11); FAILED: by Cancel TRUE */
        uint64_t loop : 1;      /* a frame is in the staging loop */
        uint64_t again : 1;     /* that frame has one more fragment to stage */
        uint64_t open : 1;      /* STAGING: the fragment may be reported (EvtProgramDma runs) */
        uint64_t done : 1;      /* a completion waits for the staging frame (STG-12) */
        uint64_t done_status : 2; /* DMA_COMPLETION_STATUS of it */
        uint64_t queued : 1;      /* a reservation was asked for and is not granted */
        uint64_t held : 1;        /* a reservation is held (RES-11) */
        uint64_t drop : 1;        /* give the reservation back once it is granted (RES-16) */
        uint64_t dying : 1;       /* deleted, and still executing or queued (FTL-01) */
        uint64_t asked : 1;       /* the call that asked has returned: Cancel may ask the adapter */
        uint64_t left : 1;        /* it has not, and the request is withdrawn: the asker ends it */
        uint64_t serial : 45;     /* I4 */
    };
    uint64_t raw;
};
static_assert(sizeof(union ms_trx_word) == sizeof(uint64_t), "a transaction must fit one CAS");

#define MS_TRX_SERIAL_MASK ((UINT64_C(1) << 45) - 1)

/* The number of the public state, as reports of misuse give it (NUM-07). */
static inline uint32_t ms_trx_public_state(union ms_trx_word word)
{
    switch (word.phase) {
    case TRX_CREATED:
        return 1;
    case TRX_RESERVED:
        return 2;
    case TRX_INITIALIZED:
        return 3;
    case TRX_ENTERING:
    case TRX_STARTING:
    case TRX_WAITING:
    case TRX_STAGING:
    case TRX_RUNNING:
    case TRX_CLOSING:
        return 4;
    case TRX_COMPLETED:
        return 5;
    case TRX_FAILED:
        return 6;
    case TRX_RELEASED:
        return 7;
    case TRX_DELETED:
        return 8;
    default:
        return 0;
    }
}

/* An execution is under way: the public state Transfer. */
static inline bool ms_trx_is_executing(union ms_trx_word word)
{
    return word.phase >= TRX_ENTERING && word.phase <= TRX_CLOSING;
}

static inline void ms_trx_bump(union ms_trx_word *word)
{
    word->serial = (word->serial + 1) & MS_TRX_SERIAL_MASK;
}

static inline void ms_trx_forget(union ms_trx_word *word)
{
    word->stop = 0;
    word->cancel = 0;
    word->again = 0;
    word->open = 0;
    word->done = 0;
    word->done_status = 0;
}

/* What must hold of every word that can be reached. */
static inline bool ms_trx_is_sound(union ms_trx_word word)
{
    bool executing = ms_trx_is_executing(word);

    return word.phase < TRX_PHASES && (!word.open || word.phase == TRX_STAGING) &&
           (!word.again || (word.phase == TRX_STAGING && word.loop && !word.open)) &&
           (!word.done ||
            ((word.phase == TRX_STAGING || word.phase == TRX_RUNNING) && word.loop)) &&
           (word.done || word.done_status == 0) && !(word.queued && word.held) &&
           (!word.drop || word.queued || word.held) &&
           (!(word.asked || word.left) || word.queued || word.phase == TRX_WAITING) &&
           !(word.asked && word.left) && (!word.queued || !executing) &&
           (!word.stop || executing || word.phase == TRX_INITIALIZED ||
            word.phase == TRX_COMPLETED || word.phase == TRX_FAILED);
}

/* --- Initialize, AllocateResources, Release, delete ----------------------------------------------- */

/* TRX-11. Initialize begins: the caller owns the fields. */
static inline bool ms_trx_step_prepare(union ms_trx_word *word)
{
    if (word->phase != TRX_CREATED && word->phase != TRX_RESERVED && word->phase != TRX_RELEASED)
        return false;
    ms_trx_forget(word); /* STP-09 */
    word->phase = TRX_CHANGING;
    return true;
}

/* TRX-12: it succeeded. */
static inline void ms_trx_step_prepared(union ms_trx_word *word, bool to_device)
{
    ms_assert(word->phase == TRX_CHANGING);
    word->phase = TRX_INITIALIZED;
    word->to_device = to_device;
    ms_trx_bump(word);
}

/* RES-03. AllocateResources begins: `whole` when the count is left to the framework. */
static inline bool ms_trx_step_reserve(union ms_trx_word *word, bool whole)
{
    bool may = word->phase == TRX_INITIALIZED ||
               (!whole && (word->phase == TRX_CREATED || word->phase == TRX_RELEASED));

    if (!may || word->queued || word->held)
        return false;
    ms_trx_forget(word); /* STP-09 */
    word->phase = TRX_CHANGING;
    return true;
}

/* RES-07: the fields are written, the allocation is about to be asked for. */
static inline void ms_trx_step_reserving(union ms_trx_word *word, bool to_device)
{
    ms_assert(word->phase == TRX_CHANGING && !word->queued && !word->held);
    word->phase = TRX_RESERVED;
    word->to_device = to_device;
    word->queued = 1;
    ms_trx_bump(word);
}

/* RES-08: the grant came. */
static inline void ms_trx_step_reserved(union ms_trx_word *word)
{
    ms_assert(word->queued);
    word->queued = 0;
    word->asked = 0;
    word->held = 1;
}

/* RES-10, CAN-13: it will not come; false: somebody else found that out before. */
static inline bool ms_trx_step_unreserve(union ms_trx_word *word, bool by_cancel)
{
    if (!word->queued)
        return false;
    word->queued = 0;
    word->asked = 0;
    word->left = 0;
    word->drop = 0;
    if (word->phase == TRX_RESERVED) {
        word->phase = TRX_FAILED;
        word->cancel = by_cancel;
    }
    return true;
}

/* RES-16: it comes too late; who is granted gives it back. False: it is not queued any more. */
static inline bool ms_trx_step_drop(union ms_trx_word *word)
{
    if (!word->queued)
        return false;
    word->drop = 1;
    return true;
}

/* RES-13: the reservation's bit goes; the caller gives the resources back. */
static inline bool ms_trx_step_unhold(union ms_trx_word *word)
{
    if (!word->held)
        return false;
    word->held = 0;
    word->drop = 0;
    return true;
}

/* RES-16: EvtReserveDma returned, and the reservation had been given up before it was granted. True: the caller
 * gives the resources back; false: nobody gave it up, it is given back already, or an execution that began inside
 * uses it, whose end gives it back (ms_trx_step_end). */
static inline bool ms_trx_step_give_up(union ms_trx_word *word)
{
    return word->drop && !ms_trx_is_executing(*word) && ms_trx_step_unhold(word);
}

/* REL-04, REL-08. Release or deletion begins; false: executing, or gone. */
static inline bool ms_trx_step_release(union ms_trx_word *word)
{
    if (ms_trx_is_executing(*word) || word->phase == TRX_CHANGING || word->phase == TRX_DELETED)
        return false;
    ms_trx_forget(word); /* STP-09 */
    word->phase = TRX_CHANGING;
    return true;
}

enum ms_trx_delete {
    DELETE_NOW,   /* the caller owns the fields */
    DELETE_LATER, /* who ends the execution, or is granted the reservation, buries it (FTL-01) */
};

/* REL-07, REL-08 */
static inline enum ms_trx_delete ms_trx_step_delete(union ms_trx_word *word)
{
    if (word->queued || !ms_trx_step_release(word)) {
        word->dying = 1;
        return DELETE_LATER;
    }
    return DELETE_NOW;
}

/* It was deleted, and nothing keeps it any more: the caller owns the fields. */
static inline bool ms_trx_step_bury(union ms_trx_word *word)
{
    if (!word->dying || word->queued || !ms_trx_step_release(word))
        return false;
    word->dying = 0;
    return true;
}

/* The change is over: RELEASED, or DELETED. A failed Initialize ends here too (TRX-15). */
static inline void ms_trx_step_released(union ms_trx_word *word, bool deleted)
{
    ms_assert(word->phase == TRX_CHANGING);
    word->phase = deleted ? TRX_DELETED : TRX_RELEASED;
}

/* --- Execute and grants --------------------------------------------------------------------------- */

/* EXE-02, EXE-03. A reservation that is asked for and not granted stands in the way. */
static inline bool ms_trx_step_enter(union ms_trx_word *word)
{
    if (word->phase != TRX_INITIALIZED || word->queued)
        return false;
    word->phase = TRX_ENTERING;
    return true;
}

/* The fields are written. From here on Cancel can end it. */
static inline void ms_trx_step_start(union ms_trx_word *word)
{
    ms_assert(word->phase == TRX_ENTERING);
    word->phase = TRX_STARTING;
    ms_trx_bump(word);
}

/* The allocation is about to be asked for; false: Cancel was faster (CAN-08, CAN-11), and the driver may
 * have begun another execution. From STAGING: the next fragment's list of an SG transaction. */
static inline bool ms_trx_step_wait(union ms_trx_word *word, uint64_t serial)
{
    if (word->serial != serial)
        return false;
    if (word->phase == TRX_STAGING && !word->open && !word->again && !word->cancel)
        word->phase = TRX_WAITING;
    else if (word->phase == TRX_STARTING)
        word->phase = TRX_WAITING;
    else
        return false;
    return true;
}

/* The call that asked, for an execution or a reservation, has returned (I5); nothing when it went on already. True:
 * a call that was slow, and had looked at an earlier one, withdrew this one: the caller ends it. */
static inline bool ms_trx_step_asked(union ms_trx_word *word, uint64_t serial)
{
    if ((word->phase != TRX_WAITING && !word->queued) || word->serial != serial)
        return false;
    bool is_left = word->left;

    word->asked = !is_left;
    return is_left;
}

enum ms_trx_turn {
    TURN_LEFT, /* left to the frame in the loop */
    TURN_MINE, /* the caller is the frame in the loop now */
};

/* The staging loop: enter it, or leave the work to who is in it (STG-11, STG-13). */
static inline enum ms_trx_turn ms_trx_enter_loop(union ms_trx_word *word)
{
    if (word->loop) {
        word->again = 1;
        return TURN_LEFT;
    }
    word->loop = 1;
    return TURN_MINE;
}

/* AdapterControl or AdapterListControl was entered, or (reserved, RES-11) Execute plays it: the caller
 * owns the fields, to write down what was granted. False: Cancel ended it; give the grant back. */
static inline bool ms_trx_step_grant(union ms_trx_word *word)
{
    if (word->phase != TRX_WAITING && !(word->phase == TRX_STARTING && word->held))
        return false;
    word->phase = TRX_CLOSING;
    word->asked = 0;
    ms_trx_bump(word);
    return true;
}

/* Knob K4: EvtProgramDma of a nested list returned. The loop is not used then, so an outer frame finds
 * another serial and leaves what is not its own. */
static inline bool ms_trx_step_programmed(union ms_trx_word *word, uint64_t serial)
{
    if (word->phase != TRX_STAGING || !word->open || word->serial != serial)
        return false;
    word->phase = TRX_RUNNING;
    word->open = 0;
    return true;
}

/* The execution ends without a fragment having been granted: Execute failed (EXE-05), Cancel TRUE
 * (CAN-06), or the next list was refused (CMP-11). `serial`: the execution it is about; false: it ended
 * otherwise. */
static inline bool ms_trx_step_withdraw(union ms_trx_word *word, uint64_t serial, bool by_cancel)
{
    if ((word->phase != TRX_STARTING && word->phase != TRX_WAITING) || word->serial != serial)
        return false;
    word->phase = TRX_FAILED;
    word->cancel = by_cancel;
    word->asked = 0;
    word->left = 0;
    return true;
}

enum ms_trx_gone {
    GONE_NOBODYS, /* nothing waited: what the adapter marked, or withdrew, has its end already */
    GONE_LEFT,    /* its asker has not returned, and ends it (I5) */
    GONE_ENDED,   /* the caller owns the end */
};

/* The adapter withdrew the request of the execution or reservation that this word is about. */
static inline enum ms_trx_gone ms_trx_step_gone(union ms_trx_word *word)
{
    if (word->phase != TRX_WAITING && !word->queued)
        return GONE_NOBODYS;
    if (!word->asked) {
        word->left = 1;
        return GONE_LEFT;
    }
    if (word->queued)
        (void)ms_trx_step_unreserve(word, true); /* CAN-13 */
    else
        (void)ms_trx_step_withdraw(word, word->serial, true); /* CAN-06 */
    return GONE_ENDED;
}

/* --- staging: by the frame in the loop ------------------------------------------------------------ */

/* A new fragment: its serial is what a completion must carry. */
static inline void ms_trx_step_plan(union ms_trx_word *word)
{
    ms_assert(word->phase == TRX_STAGING && !word->open && !word->again);
    ms_trx_bump(word);
}

/* The driver's callback is about to run: it may report the fragment from now on. */
static inline void ms_trx_step_open(union ms_trx_word *word)
{
    ms_assert(word->phase == TRX_STAGING && !word->open && !word->again);
    word->open = 1;
}

/* EvtDmaTransactionConfigureDmaChannel returned; false: it reported the fragment, which is over. */
static inline bool ms_trx_step_shut(union ms_trx_word *word, uint64_t serial)
{
    if (word->phase != TRX_STAGING || !word->open || word->serial != serial)
        return false;
    word->open = 0;
    return true;
}

/* Staging failed where nobody can be told but by a completion (STG-08), or the configure callback said
 * no: the fragment stays until it is reported. */
static inline bool ms_trx_step_stall(union ms_trx_word *word, uint64_t serial)
{
    if (word->phase != TRX_STAGING || word->again || word->serial != serial)
        return false;
    word->phase = TRX_RUNNING;
    word->open = 0;
    word->done = 0; /* a mapping that failed has no completion */
    word->done_status = 0;
    return true;
}

enum ms_trx_look {
    LOOK_LEAVE,   /* nothing left: the caller is out of the loop */
    LOOK_STAGE,   /* one more fragment */
    LOOK_DELIVER, /* a completion waited: deliver it, then look again */
};

/* The frame in the loop looks what to do next; *status for LOOK_DELIVER. */
static inline enum ms_trx_look ms_trx_step_look(union ms_trx_word *word,
                                                DMA_COMPLETION_STATUS *status)
{
    ms_assert(word->loop);
    if (word->again) {
        word->again = 0;
        return LOOK_STAGE;
    }
    if (word->phase == TRX_STAGING && word->open) {
        word->phase = TRX_RUNNING;
        word->open = 0;
    }
    if (word->phase == TRX_RUNNING && word->done) {
        *status = (DMA_COMPLETION_STATUS)word->done_status;
        word->done = 0;
        word->done_status = 0;
        return LOOK_DELIVER;
    }
    word->loop = 0;
    return LOOK_LEAVE;
}

/* --- completion ----------------------------------------------------------------------------------- */

enum ms_trx_told {
    TOLD_DROPPED,  /* late: that mapping's fragment is over (STP-12) */
    TOLD_DEFERRED, /* the staging frame delivers it (STG-12) */
    TOLD_DELIVER,  /* the caller delivers it */
};

/* The controller says that the mapping `serial` ended, or a looped one passed a period. Periods merge
 * while they wait (PRG-17); an end is never lost to a period. */
static inline enum ms_trx_told ms_trx_step_told(union ms_trx_word *word, uint64_t serial,
                                                DMA_COMPLETION_STATUS status)
{
    if ((word->phase != TRX_STAGING && word->phase != TRX_RUNNING) || word->serial != serial)
        return TOLD_DROPPED;
    if (word->phase == TRX_RUNNING && !word->loop)
        return TOLD_DELIVER;
    if (!word->done || word->done_status == DmaComplete)
        word->done_status = (uint64_t)status & 3;
    word->done = 1;
    return TOLD_DEFERRED;
}

enum ms_trx_report {
    REPORT_MISUSE, /* no execution, or no fragment to report (CMP-02, CMP-14, CMP-19) */
    REPORT_TAKEN,  /* the caller closes the fragment */
};

/* DmaCompleted* begins. A completion that waited for the staging frame is dropped (CMP-20): *dropped. */
static inline enum ms_trx_report ms_trx_step_report(union ms_trx_word *word, bool *dropped)
{
    if (word->phase != TRX_RUNNING && !(word->phase == TRX_STAGING && word->open))
        return REPORT_MISUSE;
    *dropped = word->done;
    word->phase = TRX_CLOSING;
    word->open = 0;
    word->done = 0;
    word->done_status = 0;
    return REPORT_TAKEN;
}

/* Granted, or bytes remain: stage the fragment, or leave it to the frame in the loop (CMP-09). */
static inline enum ms_trx_turn ms_trx_step_more(union ms_trx_word *word)
{
    ms_assert(word->phase == TRX_CLOSING);
    word->phase = TRX_STAGING;
    return ms_trx_enter_loop(word);
}

/* The same outside of the loop: SG asks for its list there, and leaves EvtProgramDma alone to the frame
 * in it (SGP-09); with knob K4 each list is programmed inside its own AdapterListControl. */
static inline void ms_trx_step_more_list(union ms_trx_word *word)
{
    ms_assert(word->phase == TRX_CLOSING);
    word->phase = TRX_STAGING;
}

/* The execution ends inside DmaCompleted*: from CLOSING, or from STAGING when the next fragment failed
 * there. `leave`: the caller was the frame in the loop. */
static inline void ms_trx_step_end(union ms_trx_word *word, bool success, bool leave)
{
    ms_assert(word->phase == TRX_CLOSING || (word->phase == TRX_STAGING && !success));
    word->phase = success ? TRX_COMPLETED : TRX_FAILED;
    word->again = 0;
    word->open = 0;
    word->done = 0;
    word->done_status = 0;
    word->cancel = 0;
    if (word->drop) /* RES-16: nobody wants it any more, so it ends with what used it */
        (void)ms_trx_step_unhold(word);
    if (leave)
        word->loop = 0;
}

/* --- cancel and stop ------------------------------------------------------------------------------ */

enum ms_trx_cancel {
    CANCEL_MISUSE,  /* CAN-03 */
    CANCEL_FALSE,   /* too late, or too early (CAN-05, CAN-12, CAN-15) */
    CANCEL_STARTED, /* TRUE: Execute had not asked yet (CAN-08); the caller owns the end */
    CANCEL_EARLY,   /* TRUE before Execute (K2) */
    CANCEL_ASK,     /* it may wait in the queue: ask the adapter */
};

/* `lists`: an SG transaction, on which a cancel that comes too late refuses the next fragment (CAN-11).
 * `early`: knob K2. */
static inline enum ms_trx_cancel ms_trx_step_cancel(union ms_trx_word *word, bool lists, bool early)
{
    switch (word->phase) {
    case TRX_CREATED:
    case TRX_RELEASED:
    case TRX_DELETED:
        return CANCEL_MISUSE;
    case TRX_CHANGING: /* of a reservation: EvtReserveDma may initialise it just now (CAN-14) */
        return word->queued || word->held ? CANCEL_FALSE : CANCEL_MISUSE;
    case TRX_RESERVED:
        return word->queued && word->asked ? CANCEL_ASK : CANCEL_FALSE; /* CAN-13, CAN-14 */
    case TRX_INITIALIZED:
        if (!early)
            return CANCEL_FALSE;
        word->phase = TRX_FAILED;
        word->cancel = 1;
        return CANCEL_EARLY;
    case TRX_STARTING:
        word->phase = TRX_FAILED;
        word->cancel = 1;
        return CANCEL_STARTED;
    case TRX_WAITING:
        if (word->asked)
            return CANCEL_ASK;
        if (lists)
            word->cancel = 1;
        return CANCEL_FALSE; /* I5 */
    case TRX_STAGING:
    case TRX_RUNNING:
    case TRX_CLOSING:
        if (lists)
            word->cancel = 1;
        return CANCEL_FALSE;
    default:
        return CANCEL_FALSE;
    }
}

/* SG: the adapter said that it is too late to withdraw the list: refuse the one after it (CAN-11). */
static inline bool ms_trx_step_refuse(union ms_trx_word *word)
{
    if (word->phase < TRX_WAITING || word->phase > TRX_CLOSING)
        return false;
    word->cancel = 1;
    return true;
}

enum ms_trx_stop {
    STOP_NOTHING, /* S9: there is no execution to stop (STP-08) */
    STOP_TWICE,   /* STP-04 */
    STOP_NOW,     /* flagged: cancel the mapped transfer */
};

static inline enum ms_trx_stop ms_trx_step_stop(union ms_trx_word *word)
{
    if (word->phase != TRX_INITIALIZED && !ms_trx_is_executing(*word))
        return STOP_NOTHING;
    if (word->stop)
        return STOP_TWICE;
    word->stop = 1;
    return STOP_NOW;
}

#endif
