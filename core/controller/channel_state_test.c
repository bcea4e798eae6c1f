/* SPDX-License-Identifier: MIT */
/*
 * The table at the head of channel_state.h, row by row: every phase, marked or not, meets every step.
 */
#include "controller/channel_state.h"
#include "platform/test.h"

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
