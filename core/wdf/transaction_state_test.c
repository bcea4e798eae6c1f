/* SPDX-License-Identifier: MIT */
/*
 * The transaction's word: every word there is meets every step, and a walk from CREATED over all steps
 * that the callers can take finds which words are reachable, so that the rest need no code.
 */
#include "wdf/transaction_state.h"

#include "platform/test.h"

enum { WORDS = 1 << 19, SERIAL = 1 };

static union ms_trx_word word_of(uint32_t low)
{
    return (union ms_trx_word){.raw = (uint64_t)SERIAL << 19 | low};
}

/* --- every step by number, so that tables can name them -------------------------------------------- */

enum event {
    PREPARE,
    PREPARED,
    UNPREPARED,
    RESERVE,
    RESERVE_WHOLE,
    RESERVING,
    RESERVED,
    UNRESERVE,
    UNRESERVE_CANCEL,
    DROP,
    UNHOLD,
    GIVE_UP,
    RELEASE,
    DELETE,
    BURY,
    RELEASED_STEP,
    DELETED_STEP,
    ENTER,
    START,
    WAIT,
    ASKED_FOR,
    LEAVE_TO_ASKER,
    GONE,
    GRANT,
    PROGRAMMED,
    WITHDRAW,
    WITHDRAW_CANCEL,
    PLAN,
    OPEN,
    SHUT,
    STALL,
    LOOK,
    TOLD,
    TOLD_CANCELLED,
    REPORT,
    MORE,
    MORE_LIST,
    END,
    END_FAIL,
    END_LEAVE,
    CANCEL,
    CANCEL_LISTS,
    CANCEL_EARLY_KNOB,
    REFUSE,
    STOP,
    EVENTS
};

/* Takes the step; false: refused, or not to be called on such a word (then *word is as it was). */
static bool take(enum event event, union ms_trx_word *word)
{
    DMA_COMPLETION_STATUS status = DmaError;
    uint64_t before = word->raw;
    bool dropped;

    switch (event) {
    case PREPARE:
        return ms_trx_step_prepare(word);
    case PREPARED:
        if (word->phase != TRX_CHANGING)
            return false;
        ms_trx_step_prepared(word, true);
        return true;
    case UNPREPARED:
    case RELEASED_STEP:
    case DELETED_STEP:
        if (word->phase != TRX_CHANGING)
            return false;
        ms_trx_step_released(word, event == DELETED_STEP);
        return true;
    case RESERVE:
    case RESERVE_WHOLE:
        return ms_trx_step_reserve(word, event == RESERVE_WHOLE);
    case RESERVING:
        if (word->phase != TRX_CHANGING || word->queued || word->held)
            return false;
        ms_trx_step_reserving(word, true);
        return true;
    case RESERVED:
        if (!word->queued)
            return false;
        ms_trx_step_reserved(word);
        return true;
    case UNRESERVE:
    case UNRESERVE_CANCEL:
        return ms_trx_step_unreserve(word, event == UNRESERVE_CANCEL);
    case DROP:
        return ms_trx_step_drop(word);
    case UNHOLD:
        return ms_trx_step_unhold(word);
    case GIVE_UP:
        return ms_trx_step_give_up(word);
    case RELEASE:
        return ms_trx_step_release(word);
    case DELETE:
        ms_trx_step_delete(word);
        return word->raw != before;
    case BURY:
        return ms_trx_step_bury(word);
    case ENTER:
        return ms_trx_step_enter(word);
    case START:
        if (word->phase != TRX_ENTERING)
            return false;
        ms_trx_step_start(word);
        return true;
    case WAIT:
        return ms_trx_step_wait(word, word->serial);
    case LEAVE_TO_ASKER:
    case GONE:
        if (word->asked != (event == GONE))
            return false;
        return ms_trx_step_gone(word) == (event == GONE ? GONE_ENDED : GONE_LEFT);
    case ASKED_FOR:
        ms_trx_step_asked(word, word->serial);
        return word->raw != before;
    case GRANT:
        return ms_trx_step_grant(word);
    case PROGRAMMED:
        return ms_trx_step_programmed(word, word->serial);
    case WITHDRAW:
    case WITHDRAW_CANCEL:
        return ms_trx_step_withdraw(word, word->serial, event == WITHDRAW_CANCEL);
    case PLAN:
    case OPEN:
        if (word->phase != TRX_STAGING || word->open || word->again)
            return false;
        (event == PLAN ? ms_trx_step_plan : ms_trx_step_open)(word);
        return true;
    case SHUT:
        return ms_trx_step_shut(word, word->serial);
    case STALL:
        return ms_trx_step_stall(word, word->serial);
    case LOOK:
        if (!word->loop)
            return false;
        ms_trx_step_look(word, &status);
        return true;
    case TOLD:
    case TOLD_CANCELLED:
        return ms_trx_step_told(word, word->serial, event == TOLD ? DmaComplete : DmaCancelled) ==
                   TOLD_DEFERRED ||
               word->raw != before;
    case REPORT:
        return ms_trx_step_report(word, &dropped) == REPORT_TAKEN;
    case MORE:
    case MORE_LIST:
        if (word->phase != TRX_CLOSING)
            return false;
        if (event == MORE)
            ms_trx_step_more(word);
        else
            ms_trx_step_more_list(word);
        return true;
    case END:
        if (word->phase != TRX_CLOSING)
            return false;
        ms_trx_step_end(word, true, false);
        return true;
    case END_FAIL:
    case END_LEAVE:
        if (word->phase != TRX_CLOSING && word->phase != TRX_STAGING)
            return false;
        ms_trx_step_end(word, false, event == END_LEAVE);
        return true;
    case CANCEL:
    case CANCEL_LISTS:
    case CANCEL_EARLY_KNOB:
        ms_trx_step_cancel(word, event == CANCEL_LISTS, event == CANCEL_EARLY_KNOB);
        return word->raw != before;
    case REFUSE:
        return ms_trx_step_refuse(word);
    case STOP:
        return ms_trx_step_stop(word) == STOP_NOW;
    default:
        return false;
    }
}

/* Where a step may lead, by phase: one letter per TRX_PHASES. '-': refused; '.': stays; else the phase's
 * letter: C created, h changing, R reserved, I initialized, N entering, S starting, W waiting, G staging, U running,
 * L closing, D completed, F failed, E released, X deleted; '*': one of several, told below. */
static const char letters[] = "ChRINSWGULDFEX";

static const struct {
    const char *name;
    const char *next; /* ChRINSWGULDFEX */
} rows[EVENTS] = {
    [PREPARE] = {"Initialize begins (TRX-11)", "h-h---------h-"},
    [PREPARED] = {"Initialize succeeds (TRX-12)", "-I------------"},
    [UNPREPARED] = {"Initialize fails (TRX-15)", "-E------------"},
    [RESERVE] = {"AllocateResources n (RES-03)", "h--h--------h-"},
    [RESERVE_WHOLE] = {"AllocateResources 0 (RES-03)", "---h----------"},
    [RESERVING] = {"it is about to ask (RES-07)", "-R------------"},
    [RESERVED] = {"reservation granted (RES-08)", ".............."},
    [UNRESERVE] = {"reservation fails (RES-10)", "..F..........."},
    [UNRESERVE_CANCEL] = {"reservation cancelled (CAN-13)", "..F..........."},
    [DROP] = {"reservation unwanted (RES-16)", ".............."},
    [UNHOLD] = {"reservation given back (RES-13)", ".............."},
    [GIVE_UP] = {"EvtReserveDma returned (RES-16)", "....------...."},
    [RELEASE] = {"Release or delete begins (REL-04)", "h-hh------hhh-"},
    [DELETE] = {"deletion (REL-08)", "****......***."},
    [BURY] = {"deletion that waited (FTL-01)", "h-hh------hhh-"},
    [RELEASED_STEP] = {"Release ends", "-E------------"},
    [DELETED_STEP] = {"deletion ends", "-X------------"},
    [ENTER] = {"Execute (EXE-02)", "---N----------"},
    [START] = {"Execute wrote the fields", "----S---------"},
    [WAIT] = {"Execute asks", "-----W-W------"},
    [ASKED_FOR] = {"the call that asked returns (I5)", "....--.---...."},
    [LEAVE_TO_ASKER] = {"withdrawn while it is asked for", "....--.---...."},
    [GONE] = {"withdrawn by a Cancel (CAN-06, CAN-13)", "..F.--F---...."},
    [GRANT] = {"granted", "-----LL-------"},
    [PROGRAMMED] = {"EvtProgramDma returned (K4)", "-------U------"},
    [WITHDRAW] = {"Execute fails (EXE-05)", "-----FF-------"},
    [WITHDRAW_CANCEL] = {"Cancel TRUE (CAN-06)", "-----FF-------"},
    [PLAN] = {"a fragment is planned", "-------.------"},
    [OPEN] = {"a callback begins", "-------.------"},
    [SHUT] = {"the configure callback returned", "-------.------"},
    [STALL] = {"staging failed (STG-08)", "-------U------"},
    [LOOK] = {"the staging frame looks", ".......*......"},
    [TOLD] = {"completion (STG-12)", "-------..-----"},
    [TOLD_CANCELLED] = {"completion, cancelled", "-------..-----"},
    [REPORT] = {"DmaCompleted begins (CMP-02)", "-------LL-----"},
    [MORE] = {"bytes remain (CMP-09)", "---------G----"},
    [MORE_LIST] = {"bytes remain, SG", "---------G----"},
    [END] = {"ends well (CMP-08)", "---------D----"},
    [END_FAIL] = {"ends badly (CMP-11)", "-------F-F----"},
    [END_LEAVE] = {"ends badly in the staging frame", "-------F-F----"},
    [CANCEL] = {"Cancel, packet or system", "-----F--------"},
    [CANCEL_LISTS] = {"Cancel, SG (CAN-11)", "-----F....----"},
    [CANCEL_EARLY_KNOB] = {"Cancel with K2", "---F-F--------"},
    [REFUSE] = {"Cancel met the grant, SG (CAN-11)", "------....----"},
    [STOP] = {"StopSystemTransfer (STP-02)", "---.......----"},
};

/* STM-01: the table of 13.1 and 13.2, over every sound word there is; a refused step changes nothing. */
MS_TEST(every_word_meets_every_step_as_the_table_says)
{
    static_assert(sizeof letters == TRX_PHASES + 1, "a letter per phase");
    uint32_t sound = 0;

    for (uint32_t low = 0; low < WORDS; low++) {
        union ms_trx_word start = word_of(low);
        if (!ms_trx_is_sound(start))
            continue;
        sound++;
        for (enum event event = 0; event < EVENTS; event++) {
            union ms_trx_word word = start;
            char want = rows[event].next[start.phase];
            if (!take(event, &word)) {
                if (word.raw != start.raw)
                    fail_msg("%s: refused and changed %05x", rows[event].name, low);
                continue;
            }
            if (want == '-')
                fail_msg("%s: taken in phase %c", rows[event].name, letters[start.phase]);
            if (want == '.' ? word.phase != start.phase
                            : want != '*' && letters[word.phase] != want)
                fail_msg("%s: from %c to %c", rows[event].name, letters[start.phase],
                         letters[word.phase]);
            bool one_of = event == DELETE ? word.phase == TRX_CHANGING || word.phase == start.phase
                                          : word.phase == TRX_STAGING || word.phase == TRX_RUNNING;
            if (want == '*' && !one_of)
                fail_msg("%s: from %c to %c", rows[event].name, letters[start.phase],
                         letters[word.phase]);
        }
    }
    assert_true(sound > 200);
}

/* --- what can be reached ---------------------------------------------------------------------------- */

/* Callers take some steps only where the protocol brings them; elsewhere a step would be our own error. */
static bool may_come(enum event event, union ms_trx_word word, bool lists, bool nested)
{
    switch (event) {
    case RESERVE:
    case RESERVE_WHOLE:
    case RESERVING:
    case UNRESERVE:
    case UNRESERVE_CANCEL:
    case DROP:
    case UNHOLD:
    case GIVE_UP:
        if (lists)
            return false; /* RES-02 */
        return event == UNHOLD || event == DROP ? !ms_trx_is_executing(word) : true;
    case RESERVED:
    case GRANT: /* not what is withdrawn */
        return !word.left;
    case PREPARED: /* the context waits with the reservation (TCX-17) */
        return !word.queued;
    case TOLD:
    case TOLD_CANCELLED:
        /* SGP-05: SG has no completion routine. A mapping has a completion only after its plan. */
        return !lists;
    case WAIT:
        return word.phase == TRX_STARTING ? !word.held : lists;
    case PROGRAMMED:
        return nested;
    case MORE:
        return !nested;
    case MORE_LIST:
        return lists;
    case STALL:
    case SHUT:
        return !lists;
    case CANCEL:
        return !lists;
    case CANCEL_LISTS:
    case REFUSE:
        return lists;
    case LOOK: /* the frame stages its fragment to the end before it looks */
        return lists || word.phase != TRX_STAGING || word.open || word.again;
    case PLAN:
        return lists || word.loop;
    case OPEN:
        return nested || word.loop;
    case END_FAIL:
        return lists || word.phase == TRX_CLOSING || word.loop;
    case END_LEAVE:
        return !lists && word.loop && word.phase == TRX_STAGING && !word.open && !word.again;
    default:
        return true;
    }
}

static uint32_t walk(bool lists, bool nested, uint8_t reached[WORDS])
{
    static uint32_t queue[WORDS];
    uint32_t first = 0, last = 0;

    memset(reached, 0, WORDS);
    queue[last++] = TRX_CREATED;
    reached[TRX_CREATED] = 1;
    while (first < last) {
        union ms_trx_word start = word_of(queue[first++]);
        for (enum event event = 0; event < EVENTS; event++) {
            union ms_trx_word word = start;
            uint32_t low;
            if (!may_come(event, start, lists, nested) || !take(event, &word))
                continue;
            if (!ms_trx_is_sound(word))
                fail_msg("%s: %05x leads to an unsound word %05x", rows[event].name,
                         (unsigned)(start.raw & (WORDS - 1)), (unsigned)(word.raw & (WORDS - 1)));
            low = (uint32_t)(word.raw & (WORDS - 1));
            if (!reached[low]) {
                reached[low] = 1;
                queue[last++] = low;
            }
        }
    }
    return last;
}

/* Whatever can be reached is sound, and what the code takes as impossible is not reached. */
MS_TEST(only_sound_words_are_reached_and_the_rest_needs_no_code)
{
    static uint8_t reached[WORDS];

    for (int kind = 0; kind < 3; kind++) {
        bool lists = kind != 0, nested = kind == 2;
        uint32_t count = walk(lists, nested, reached);
        uint32_t phases = 0;
        for (uint32_t low = 0; low < WORDS; low++) {
            union ms_trx_word word = word_of(low);
            if (!reached[low])
                continue;
            phases |= 1u << word.phase;
            /* Packet and system: somebody stages, so somebody is in the loop. */
            if (!lists && word.phase == TRX_STAGING)
                assert_true(word.loop);
            if (nested)
                assert_false(word.loop);
            if (lists) {
                assert_false(word.queued || word.held || word.drop ||
                             word.done); /* RES-02, SGP-05 */
            }
            if (!lists && word.phase >= TRX_WAITING && word.phase <= TRX_CLOSING)
                assert_false(word.cancel); /* one allocation: no mark to leave (CAN-11) */
            if (word.phase == TRX_WAITING)
                assert_false(word.held || word.open || word.again || word.done); /* RES-11 */
            if (word.phase == TRX_CREATED)
                assert_true(word.raw == word_of(TRX_CREATED).raw ||
                            word.queued == 0); /* nothing is asked for yet */
            if (word.phase == TRX_RELEASED || word.phase == TRX_CREATED)
                assert_false(word.stop); /* STP-09 */
        }
        assert_int_equal(phases & ~(1u << TRX_RESERVED),
                         ((1u << TRX_PHASES) - 1) & ~(1u << TRX_RESERVED));
        assert_int_equal(phases >> TRX_RESERVED & 1, !lists);
        assert_true(count < 1000);
    }
}

/* --- the rows that need more than a next phase ------------------------------------------------------ */

static union ms_trx_word phase_word(enum ms_trx_phase phase)
{
    union ms_trx_word word = {.raw = 0};

    word.phase = (uint64_t)phase & 15;
    word.serial = 7;
    word.loop = phase == TRX_STAGING;
    return word;
}

/* CAN-03, CAN-05, CAN-08, CAN-10, CAN-11, CAN-12, CAN-13, CAN-14, CAN-15 */
MS_TEST(cancel_is_decided_by_the_phase)
{
    static const enum ms_trx_cancel want[TRX_PHASES] = {
        [TRX_CREATED] = CANCEL_MISUSE,  [TRX_CHANGING] = CANCEL_MISUSE,
        [TRX_RESERVED] = CANCEL_FALSE,  [TRX_INITIALIZED] = CANCEL_FALSE,
        [TRX_ENTERING] = CANCEL_FALSE,  [TRX_STARTING] = CANCEL_STARTED,
        [TRX_WAITING] = CANCEL_ASK,     [TRX_STAGING] = CANCEL_FALSE,
        [TRX_RUNNING] = CANCEL_FALSE,   [TRX_CLOSING] = CANCEL_FALSE,
        [TRX_COMPLETED] = CANCEL_FALSE, [TRX_FAILED] = CANCEL_FALSE,
        [TRX_RELEASED] = CANCEL_MISUSE, [TRX_DELETED] = CANCEL_MISUSE,
    };

    for (enum ms_trx_phase phase = 0; phase < TRX_PHASES; phase++)
        for (int lists = 0; lists <= 1; lists++) {
            union ms_trx_word word = phase_word(phase), before;
            word.asked = phase == TRX_WAITING;
            before = word;
            assert_int_equal(ms_trx_step_cancel(&word, lists, false), want[phase]);
            if (want[phase] == CANCEL_STARTED)
                assert_int_equal(word.phase, TRX_FAILED);
            else if (phase >= TRX_STAGING && phase <= TRX_CLOSING)
                assert_int_equal(word.cancel, lists);
            else
                assert_true(word.raw == before.raw); /* CAN-12: no trace */
        }
    /* I5: while somebody is in the call that asks, nobody else is told that it was withdrawn. */
    for (int lists = 0; lists <= 1; lists++)
        for (int reserves = 0; reserves <= !lists; reserves++) {
            union ms_trx_word asking = phase_word(reserves ? TRX_RESERVED : TRX_WAITING), slow;
            asking.queued = reserves != 0;
            slow = asking;
            assert_int_equal(ms_trx_step_cancel(&asking, lists, false), CANCEL_FALSE);
            assert_int_equal(asking.cancel, lists); /* CAN-11 */
            assert_false(ms_trx_step_asked(&asking, asking.serial));
            assert_true(asking.asked);
            assert_int_equal(ms_trx_step_cancel(&asking, lists, false), CANCEL_ASK);
            assert_int_equal(ms_trx_step_gone(&asking), GONE_ENDED);
            assert_int_equal(asking.phase, TRX_FAILED);
            assert_int_equal(ms_trx_step_gone(&asking), GONE_NOBODYS);
            assert_int_equal(ms_trx_step_gone(&slow), GONE_LEFT); /* of an earlier one */
            assert_int_equal(ms_trx_step_cancel(&slow, lists, false), CANCEL_FALSE);
            assert_true(ms_trx_step_asked(&slow, slow.serial));
            assert_false(slow.asked);
        }
    union ms_trx_word other = phase_word(TRX_STARTING);
    assert_false(ms_trx_step_wait(&other, other.serial - 1)); /* another execution's */
    union ms_trx_word early = phase_word(TRX_INITIALIZED);    /* K2 */
    assert_int_equal(ms_trx_step_cancel(&early, false, true), CANCEL_EARLY);
    assert_int_equal(early.phase, TRX_FAILED);
}

/* STP-02, STP-04, STP-08, STP-09 */
MS_TEST(stop_flags_once_and_only_what_was_initialised)
{
    for (enum ms_trx_phase phase = 0; phase < TRX_PHASES; phase++) {
        union ms_trx_word word = phase_word(phase), before = word;
        bool live = phase >= TRX_INITIALIZED && phase <= TRX_CLOSING;
        assert_int_equal(ms_trx_step_stop(&word), live ? STOP_NOW : STOP_NOTHING);
        if (!live)
            assert_true(word.raw == before.raw);
        else
            assert_int_equal(ms_trx_step_stop(&word), STOP_TWICE);
        assert_int_equal(word.phase, phase); /* STP-02: no state change */
    }
}

/* STG-12, STP-12, PRG-17 */
MS_TEST(a_completion_is_delivered_deferred_or_dropped)
{
    for (enum ms_trx_phase phase = 0; phase < TRX_PHASES; phase++) {
        union ms_trx_word word = phase_word(phase), late = word;
        enum ms_trx_told want = phase == TRX_RUNNING   ? TOLD_DELIVER
                                : phase == TRX_STAGING ? TOLD_DEFERRED
                                                       : TOLD_DROPPED;
        assert_int_equal(ms_trx_step_told(&word, 7, DmaComplete), want);
        assert_int_equal(ms_trx_step_told(&late, 6, DmaComplete), TOLD_DROPPED);
        assert_int_equal(word.done, want == TOLD_DEFERRED);
    }
    union ms_trx_word looped = phase_word(TRX_STAGING);
    DMA_COMPLETION_STATUS status = DmaAborted;
    ms_trx_step_told(&looped, 7, DmaComplete);
    ms_trx_step_told(&looped, 7, DmaCancelled);
    ms_trx_step_told(&looped, 7, DmaComplete); /* can not come, and would not hide the end */
    ms_trx_step_open(&looped);
    assert_int_equal(ms_trx_step_look(&looped, &status), LOOK_DELIVER);
    assert_int_equal(status, DmaCancelled);
    assert_int_equal(ms_trx_step_look(&looped, &status), LOOK_LEAVE);
    assert_int_equal(looped.phase, TRX_RUNNING);
    assert_int_equal(looped.loop, 0);
}

/* STG-11, STG-13, SGP-09 */
MS_TEST(one_frame_stages_and_the_others_leave_their_fragment_to_it)
{
    union ms_trx_word word = phase_word(TRX_WAITING);
    DMA_COMPLETION_STATUS status;
    bool dropped;

    assert_true(ms_trx_step_grant(&word));
    assert_int_equal(ms_trx_step_more(&word), TURN_MINE);
    ms_trx_step_plan(&word);
    ms_trx_step_open(&word);
    assert_int_equal(ms_trx_step_report(&word, &dropped), REPORT_TAKEN);  /* inside EvtProgramDma */
    assert_int_equal(ms_trx_step_report(&word, &dropped), REPORT_MISUSE); /* CMP-14 */
    assert_int_equal(ms_trx_step_more(&word), TURN_LEFT);
    assert_int_equal(ms_trx_step_report(&word, &dropped), REPORT_MISUSE);
    assert_int_equal(ms_trx_step_look(&word, &status), LOOK_STAGE);
    ms_trx_step_plan(&word);
    ms_trx_step_open(&word);
    ms_trx_step_report(&word, &dropped);
    ms_trx_step_end(&word, true, false);
    /* STG-13: released, initialised and executed again below the frame that is still in the loop. */
    assert_true(ms_trx_step_release(&word));
    ms_trx_step_released(&word, false);
    assert_true(ms_trx_step_prepare(&word));
    ms_trx_step_prepared(&word, false);
    assert_true(ms_trx_step_enter(&word));
    ms_trx_step_start(&word);
    assert_true(ms_trx_step_wait(&word, word.serial));
    assert_true(ms_trx_step_grant(&word));
    assert_int_equal(ms_trx_step_more(&word), TURN_LEFT);
    assert_int_equal(ms_trx_step_look(&word, &status), LOOK_STAGE);
}

/* NUM-07 */
MS_TEST(each_phase_has_the_number_of_its_public_state)
{
    static const uint32_t want[TRX_PHASES] = {1, 0, 2, 3, 4, 4, 4, 4, 4, 4, 5, 6, 7, 8};

    for (enum ms_trx_phase phase = 0; phase < TRX_PHASES; phase++)
        assert_int_equal(ms_trx_public_state(phase_word(phase)), want[phase]);
}
