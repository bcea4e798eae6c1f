/* SPDX-License-Identifier: MIT */
/*
 * The table at the head of channel_state.h, row by row: every phase, marked or not, meets every step; which
 * words there are is found by taking every step from the first one.
 */
#include "controller/channel_state.h"
#include "platform/test.h"

#include <sys/wait.h>
#include <unistd.h>

static union ms_channel_word word_of(uint32_t phase, bool mark)
{
    union ms_channel_word word = {.raw = 0};

    word.phase = phase & 0xF;
    word.mark = mark;
    word.transfer = 7;
    word.moved = phase == CHANNEL_RUNNING ? 3 : 9;
    return word;
}

MS_TEST(program_starts_only_an_idle_unmarked_channel)
{
    for (uint32_t phase = 0; phase < CHANNEL_PHASES; phase++)
        for (int mark = 0; mark <= 1; mark++) {
            union ms_channel_word word = word_of(phase, mark), before = word;
            if (!ms_channel_is_sound(word))
                continue;
            NTSTATUS want = phase != CHANNEL_IDLE ? STATUS_INVALID_PARAMETER /* MTX-52 */
                            : mark                ? STATUS_CANCELLED         /* MTX-45, CMT-05 */
                                                  : STATUS_SUCCESS;
            assert_status(ms_channel_step_program(&word, 8, true), want);
            if (want == STATUS_SUCCESS) {
                assert_int_equal(word.phase, CHANNEL_RUNNING);
                assert_int_equal(word.transfer, 8);
                assert_int_equal(word.moved, 0);
                assert_int_equal(word.looped, 1);
            } else {
                assert_true(word.raw == before.raw);
            }
        }
}

MS_TEST(moving_counts_and_the_last_byte_completes_once)
{
    for (uint32_t phase = 0; phase < CHANNEL_PHASES; phase++)
        for (uint32_t transfer = 7; transfer <= 8; transfer++)
            for (uint32_t bytes = 1; bytes <= 7; bytes++)
                for (int looped = 0; looped <= 1; looped++) {
                    union ms_channel_word word = word_of(phase, false), before;
                    word.looped = (unsigned)looped & 1;
                    before = word;
                    if (!ms_channel_is_sound(word))
                        continue;
                    bool moves = phase == CHANNEL_RUNNING && transfer == 7;
                    assert_int_equal(ms_channel_step_move(&word, transfer, bytes, 10), moves);
                    if (!moves) {
                        assert_true(word.raw == before.raw);
                    } else if (bytes < 7) {
                        assert_int_equal(word.moved, 3 + bytes);
                        assert_int_equal(word.phase, CHANNEL_RUNNING);
                    } else if (looped) { /* CPL-10 */
                        assert_int_equal(word.moved, 0);
                        assert_int_equal(word.phase, CHANNEL_RUNNING);
                    } else {
                        assert_int_equal(word.moved, 10);
                        assert_int_equal(word.phase, CHANNEL_COMPLETE);
                    }
                }
}

MS_TEST(cancel_marks_once_and_stops_only_what_runs)
{
    for (uint32_t phase = 0; phase < CHANNEL_PHASES; phase++)
        for (int mark = 0; mark <= 1; mark++) {
            union ms_channel_word word = word_of(phase, mark), before = word;
            if (!ms_channel_is_sound(word))
                continue;
            assert_int_equal(ms_channel_step_cancel(&word), !mark); /* CMT-08 */
            if (mark) {
                assert_true(word.raw == before.raw);
                continue;
            }
            assert_int_equal(word.mark, 1);
            /* CMT-09, CMT-10: what was over keeps its result. */
            assert_int_equal(word.phase, phase == CHANNEL_RUNNING ? CHANNEL_CANCELLED : phase);
            assert_int_equal(word.moved, before.moved); /* CMT-20 */
        }
}

MS_TEST(fail_and_stop_end_only_the_running_transfer)
{
    for (uint32_t phase = 0; phase < CHANNEL_PHASES; phase++) {
        union ms_channel_word failed = word_of(phase, false), stopped = failed, other = failed;
        assert_int_equal(ms_channel_step_fail(&failed, 7), phase == CHANNEL_RUNNING);
        assert_int_equal(failed.phase, phase == CHANNEL_RUNNING ? CHANNEL_ERROR : phase);
        assert_false(ms_channel_step_fail(&other, 8));
        assert_int_equal(ms_channel_step_stop(&stopped), phase == CHANNEL_RUNNING);
        assert_int_equal(stopped.phase, phase == CHANNEL_RUNNING ? CHANNEL_CANCELLED : phase);
    }
}

MS_TEST(reset_clears_the_mark_and_brings_the_owners_epoch)
{
    for (uint32_t phase = 0; phase < CHANNEL_PHASES; phase++)
        for (int mark = 0; mark <= 1; mark++) {
            union ms_channel_word word = word_of(phase, mark);
            if (phase == CHANNEL_RUNNING)
                continue; /* it is stopped first */
            ms_channel_step_reset(&word, 42);
            assert_int_equal(word.phase, CHANNEL_IDLE);
            assert_int_equal(word.mark, 0); /* CMT-19, FLX-08 */
            assert_int_equal(word.moved, 42);
            assert_int_equal(word.transfer, 7);
        }
}

/* CPL-02, CPL-12 */
MS_TEST(each_end_has_its_status)
{
    assert_int_equal(ms_channel_status(word_of(CHANNEL_COMPLETE, false)), DmaComplete);
    assert_int_equal(ms_channel_status(word_of(CHANNEL_ERROR, true)), DmaError);
    assert_int_equal(ms_channel_status(word_of(CHANNEL_CANCELLED, true)), DmaCancelled);
}

/* --- the whole table ------------------------------------------------------------------------------- */

enum event {
    PROGRAM,
    PROGRAM_LOOP,
    PART,
    LAST,
    LATE,
    FAIL,
    FAIL_LATE,
    CANCEL,
    STOP,
    RESET,
    EVENTS
};
enum { TRANSFER = 7, LENGTH = 3 };

/* The step of an event; what it answered. */
static bool event_take(enum event event, union ms_channel_word *word)
{
    uint32_t left = LENGTH - (uint32_t)(word->phase == CHANNEL_RUNNING ? word->moved : 0);

    switch (event) {
    case PROGRAM:
        return NT_SUCCESS(ms_channel_step_program(word, TRANSFER, false));
    case PROGRAM_LOOP:
        return NT_SUCCESS(ms_channel_step_program(word, TRANSFER, true));
    case PART:
        return ms_channel_step_move(word, TRANSFER, 1, LENGTH + 1); /* never the last one */
    case LAST:
        return ms_channel_step_move(word, TRANSFER, left, LENGTH);
    case LATE:
        return ms_channel_step_move(word, TRANSFER + 1, 1, LENGTH);
    case FAIL:
        return ms_channel_step_fail(word, TRANSFER);
    case FAIL_LATE:
        return ms_channel_step_fail(word, TRANSFER + 1);
    case CANCEL:
        return ms_channel_step_cancel(word);
    case STOP:
        return ms_channel_step_stop(word);
    case RESET:
        ms_channel_step_reset(word, 5);
        return true;
    case EVENTS:
        break;
    }
    return false;
}

/* "I" idle, "R" running, "L" running in a loop, "C" complete, "E" error, "X" cancelled; "*" marked.
 * What each event makes of each: "" refused and nothing changed, "#" does not happen. */
static const struct row {
    const char *state;
    const char *next[EVENTS];
} rows[] = {
    /*     PROGRAM _LOOP PART LAST LATE FAIL _LATE CANCEL STOP RESET */
    {"I", {"R", "L", "", "", "", "", "", "I*", "", "I"}},
    {"I*", {"", "", "", "", "", "", "", "", "", "I"}},
    {"R", {"", "", "R", "C", "", "E", "", "X*", "X", "#"}},
    {"R*", {"#", "#", "#", "#", "#", "#", "#", "#", "#", "#"}},
    {"L", {"", "", "L", "L", "", "E", "", "X*", "X", "#"}},
    {"L*", {"#", "#", "#", "#", "#", "#", "#", "#", "#", "#"}},
    {"C", {"", "", "", "", "", "", "", "C*", "", "I"}},
    {"C*", {"", "", "", "", "", "", "", "", "", "I"}},
    {"E", {"", "", "", "", "", "", "", "E*", "", "I"}},
    {"E*", {"", "", "", "", "", "", "", "", "", "I"}},
    {"X", {"", "", "", "", "", "", "", "X*", "", "I"}},
    {"X*", {"", "", "", "", "", "", "", "", "", "I"}},
};
enum { ROWS = sizeof rows / sizeof *rows };

static union ms_channel_word word_named(const char *name)
{
    static const char letters[] = "IRCEX";
    union ms_channel_word word = {.raw = 0};
    bool loops = name[0] == 'L';

    word.phase = loops ? CHANNEL_RUNNING : (uint64_t)(strchr(letters, name[0]) - letters) & 0xF;
    word.looped = loops;
    word.mark = name[1] == '*';
    word.transfer = TRANSFER;
    word.moved = word.phase == CHANNEL_COMPLETE ? LENGTH : word.phase == CHANNEL_IDLE ? 4 : 1;
    return word;
}

static bool is_named(union ms_channel_word word, const char *name)
{
    union ms_channel_word want = word_named(name);

    return word.phase == want.phase && word.mark == want.mark &&
           (word.phase != CHANNEL_RUNNING || word.looped == want.looped);
}

/* In a child: does the step stop the program? */
static bool event_stops(enum event event, union ms_channel_word word)
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        (void)!freopen("/dev/null", "w", stderr);
        (void)event_take(event, &word);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

/* SDM-10, CMT-08, CMT-09, CMT-10, CMT-11, CMT-17: every state meets every event, pairs that do not
 * happen are asserted. */
MS_TEST(every_state_meets_every_event)
{
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t e = 0; e < EVENTS; e++) {
            union ms_channel_word word = word_named(rows[r].state), before = word;
            const char *next = rows[r].next[e];
            if (*next == '#') {
                if (MS_ASSERTS_ON)
                    assert_true(event_stops((enum event)e, word));
                continue;
            }
            bool taken = event_take((enum event)e, &word);
            if (taken != (*next != 0) || (*next == 0 && word.raw != before.raw) ||
                (*next != 0 && !is_named(word, next)))
                fail_msg("state %s, event %u: phase %u mark %u, wanted '%s'", rows[r].state, e,
                         (unsigned)word.phase, (unsigned)word.mark, next);
        }
}

/* From the first word by every step, of two transfers of three bytes: only sound words come up, every
 * state of the table that may happen does, and a transfer that was left never runs again. */
MS_TEST(the_steps_reach_what_the_table_says_and_nothing_else)
{
    enum { WORDS_MAX = 4096 };
    static union ms_channel_word word[WORDS_MAX];
    bool seen[ROWS] = {false};
    uint32_t count = 1;

    word[0].raw = 0;
    for (uint32_t i = 0; i < count; i++) {
        assert_true(ms_channel_is_sound(word[i]));
        assert_true(word[i].moved <= LENGTH || word[i].phase == CHANNEL_IDLE);
        for (uint32_t r = 0; r < ROWS; r++)
            seen[r] = seen[r] || is_named(word[i], rows[r].state);
        for (uint32_t e = 0; e < EVENTS; e++) {
            union ms_channel_word next = word[i];
            bool is_known = false;
            if ((e == RESET && next.phase == CHANNEL_RUNNING) ||
                (e == PART && next.phase == CHANNEL_RUNNING && next.moved == LENGTH - 1))
                continue;
            (void)event_take((enum event)e, &next);
            if (word[i].phase != CHANNEL_RUNNING && next.phase == CHANNEL_RUNNING)
                assert_true(e == PROGRAM || e == PROGRAM_LOOP);
            for (uint32_t k = 0; k < count && !is_known; k++)
                is_known = word[k].raw == next.raw;
            if (is_known)
                continue;
            assert_true(count < WORDS_MAX);
            word[count++] = next;
        }
    }
    for (uint32_t r = 0; r < ROWS; r++)
        assert_int_equal(seen[r], rows[r].next[RESET][0] != '#' || rows[r].state[1] == 0);
}
