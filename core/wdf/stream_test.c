/* SPDX-License-Identifier: MIT */
/*
 * The example driver's races, in deterministic order: the rows of 19.4 one by one, then every pair of
 * moments and actions, then the faults of 19.5, each of which must be caught.
 */
#include "wdf/test_stream.h"

#include <sys/wait.h>
#include <unistd.h>

static const char *const point_names[POINTS] = {
    "before the mark", "after the mark",  "before Execute",    "in the allocation",
    "before a map",    "after a map",     "after Execute",     "at rest",
    "before a report", "in a flush",      "after a report",    "before Final",
    "in the free",     "after Final",     "before the unmark", "after the unmark",
    "after TimerStop", "before Cancel",   "after Cancel",      "before Stop",
    "after Stop",      "before Complete",
};
static const char *const act_names[ACTS] = {"nothing", "cancel", "timer", "run"};

static const struct row {
    const char *name;
    enum point point;
    int visit;
    int fragments;
    bool contended;
    NTSTATUS by_cancel, by_timer; /* the final status */
    int bytes;                    /* of fragments reported, in fragments; -1: all */
    int programs;
} rows[] = {
    /* The timer is not started at P0. */
    {"P0", BEFORE_MARK, 1, 1, false, STATUS_CANCELLED, STATUS_SUCCESS, 0, 0},
    {"P1", BEFORE_EXECUTE, 1, 3, false, STATUS_CANCELLED, STATUS_IO_TIMEOUT, 0, 0},
    {"P1, contended", BEFORE_EXECUTE, 1, 1, true, STATUS_CANCELLED, STATUS_IO_TIMEOUT, 0, 0},
    {"P2", IN_ALLOCATE, 1, 3, false, STATUS_CANCELLED, STATUS_IO_TIMEOUT, 0, 0},
    {"P3", AT_REST, 1, 3, true, STATUS_CANCELLED, STATUS_IO_TIMEOUT, 0, 0},
    {"P4", BEFORE_MAP, 1, 3, false, STATUS_CANCELLED, STATUS_IO_TIMEOUT, 0, 0},
    {"P5", AFTER_MAP, 1, 3, false, STATUS_CANCELLED, STATUS_IO_TIMEOUT, 0, 1},
    {"P6", AT_REST, 1, 3, false, STATUS_CANCELLED, STATUS_IO_TIMEOUT, 0, 1},
    {"P7, more to come", BEFORE_COMPLETED, 1, 3, false, STATUS_SUCCESS, STATUS_SUCCESS, 1, 1},
    {"P7, the last", BEFORE_COMPLETED, 1, 1, false, STATUS_SUCCESS, STATUS_SUCCESS, 1, 1},
    {"P8, in the flush", IN_FLUSH, 1, 3, false, STATUS_SUCCESS, STATUS_SUCCESS, 1, 1},
    {"P8, before the next map", BEFORE_MAP, 2, 3, false, STATUS_SUCCESS, STATUS_SUCCESS, 1, 1},
    {"P8, after the next map", AFTER_MAP, 2, 3, false, STATUS_CANCELLED, STATUS_IO_TIMEOUT, 1, 2},
    {"P9", AFTER_COMPLETED, 3, 3, false, STATUS_SUCCESS, STATUS_SUCCESS, 3, 3},
    {"P10, before the unmark", BEFORE_UNMARK, 1, 2, false, STATUS_SUCCESS, STATUS_SUCCESS, 2, 2},
    {"P10, after the unmark", AFTER_UNMARK, 1, 2, false, STATUS_SUCCESS, STATUS_SUCCESS, 2, 2},
    {"P10, after WdfTimerStop", AFTER_TIMER_STOP, 1, 2, false, STATUS_SUCCESS, STATUS_SUCCESS, 2,
     2},
    {"P11", BEFORE_COMPLETE, 1, 1, false, STATUS_SUCCESS, STATUS_SUCCESS, 1, 1},
};

static struct ms_wdf_config stepped(void)
{
    return (struct ms_wdf_config){.objects = 256, .timers_stepped = true};
}

static void play_row(const struct row *row, enum act act, NTSTATUS want, int bytes)
{
    for (int read = 0; read <= 1; read++) {
        struct script script = {.step = {{row->point, row->visit, act}},
                                .steps = 1,
                                .fragments = row->fragments,
                                .contended = row->contended,
                                .read = read};
        struct seen seen;
        stream_play(&script, &seen);
        if (seen.wrong[0])
            fail_msg("%s, %s first: %s", row->name, act_names[act], seen.wrong);
        if (seen.status != want)
            fail_msg("%s, %s first: 0x%08X, wanted 0x%08X", row->name, act_names[act],
                     (unsigned)seen.status, (unsigned)want);
        if (seen.information != (size_t)bytes * 16384)
            fail_msg("%s, %s first: %zu bytes", row->name, act_names[act],
                     (size_t)seen.information);
        if (bytes == row->bytes && seen.maps != row->programs)
            fail_msg("%s, %s first: %d maps", row->name, act_names[act], seen.maps);
    }
}

/* RCE-01, RCE-02, RCE-03, RCE-04, RCE-05, RCE-06, RCE-07, RCE-08, RCE-09, RCE-10, RCE-12, RCE-20, RCE-P01,
 * RCE-P02, RCE-P03, RCE-P04, RCE-P05, RCE-P06, RCE-P07, RCE-P08, RCE-P09, RCE-P10, RCE-P11, RCE-P12,
 * RCE-P22, RCE-P23, STP-05, STP-06, CAN-08, CAN-15 */
MS_TEST(the_interleavings_of_the_contract_row_by_row)
{
    struct ms_wdf_config config = stepped();

    stream_world_open(&config);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool too_early = rows[i].point == BEFORE_MARK;
        play_row(&rows[i], ACT_CANCEL, rows[i].by_cancel, rows[i].bytes);
        play_row(&rows[i], ACT_FIRE, rows[i].by_timer, too_early ? 1 : rows[i].bytes);
    }
    stream_world_close();
}

/* RCE-21, CMP-15: a driver that keeps a failing end has another last row in P7 and P8. */
MS_TEST(a_strict_driver_keeps_the_status_of_who_stopped_it)
{
    static const enum point points[] = {BEFORE_COMPLETED, IN_FLUSH, BEFORE_MAP};
    struct ms_wdf_config config = stepped();

    stream_world_open(&config);
    for (int i = 0; i < 3; i++)
        for (int act = ACT_CANCEL; act <= ACT_FIRE; act++) {
            struct script script = {.step = {{points[i], i == 2 ? 2 : 1, (enum act)act}},
                                    .steps = 1,
                                    .fragments = 3,
                                    .strict = true};
            struct seen seen;
            stream_play(&script, &seen);
            if (seen.wrong[0])
                fail_msg("%s, %s: %s", point_names[points[i]], act_names[act], seen.wrong);
            assert_status(seen.end_status, STATUS_CANCELLED);
            assert_status(seen.status, act == ACT_CANCEL ? STATUS_CANCELLED : STATUS_IO_TIMEOUT);
            assert_int_equal(seen.information, 16384);
        }
    stream_world_close();
}

/* Plays all pairs of (point, visit, act) with this ending; the first that goes wrong, or how many. */
static uint32_t play_pairs(struct script script, int visits, struct script *bad, struct seen *seen)
{
    uint32_t count = 0;

    script.steps = 2;
    for (int p1 = 0; p1 < POINTS; p1++)
        for (int v1 = 1; v1 <= visits; v1++)
            for (enum act a1 = ACT_CANCEL; a1 < ACTS; a1++)
                for (int p2 = 0; p2 < POINTS; p2++)
                    for (enum act a2 = ACT_CANCEL; a2 < ACTS; a2++) {
                        script.step[0] = (struct step){(enum point)p1, v1, a1};
                        script.step[1] = (struct step){(enum point)p2, 1, a2};
                        stream_play(&script, seen);
                        count++;
                        if (seen->wrong[0]) {
                            *bad = script;
                            return count;
                        }
                    }
    return count;
}

static void fail_script(const struct script *bad, const struct seen *seen)
{
    fail_msg("%s: %s (%d), %s: %s; %d fragments%s%s%s%s: %s", point_names[bad->step[0].point],
             act_names[bad->step[0].act], bad->step[0].visit, point_names[bad->step[1].point],
             act_names[bad->step[1].act], bad->fragments, bad->contended ? ", contended" : "",
             bad->read ? ", read" : "", bad->fails ? ", fault" : "",
             bad->endless ? ", endless" : "", seen->wrong);
}

/* RCE-P13, RCE-P14, RCE-P15, RCE-P16, RCE-P17, RCE-P18, RCE-P19, RCE-P20, RCE-P21, STM-02, STM-03, STM-04,
 * STM-05, CAN-16, EXE-12, HAZ-02, HAZ-03, HAZ-05, PRG-06, PRG-10, PRG-13, PRG-15, TRX-21, TRX-23, REQ-12 */
MS_TEST(every_pair_of_moments_and_acts_keeps_every_property)
{
    struct ms_wdf_config config = stepped();
    struct script bad = {.steps = 0};
    struct seen seen;
    uint32_t count = 0;

    stream_world_open(&config);
    for (int fragments = 1; fragments <= 2; fragments++)
        for (int contended = 0; contended <= 2 - fragments; contended++)
            for (int ending = 0; ending < 3; ending++) {
                struct script script = {.fragments = fragments,
                                        .contended = contended,
                                        .read = fragments == 1,
                                        .strict = contended,
                                        .fails = ending == 1,
                                        .endless = ending == 2};
                count += play_pairs(script, fragments, &bad, &seen);
                if (seen.wrong[0])
                    fail_script(&bad, &seen);
            }
    stream_world_close();
    print_message("%u scripts\n", count);
}

/* --- faults of 19.5 --------------------------------------------------------------------------------- */

static const char *const plant_names[PLANTS] = {
    [PLANT_CANCEL_UNCOUNTED] = "the cancel reference is not counted",
    [PLANT_TIMER_EARLY] = "the timer is started before its reference is counted",
    [PLANT_UNMARK_IGNORED] = "the unmark's result is ignored",
    [PLANT_TIMER_STOP_IGNORED] = "the timer's reference is dropped whatever WdfTimerStop said",
    [PLANT_CANCEL_FALSE_COMPLETES] = "Cancel FALSE is taken for TRUE",
    [PLANT_EXECUTE_CANCELLED_DROPS] = "the handler drops the reference on STATUS_CANCELLED",
    [PLANT_TOUCH_AFTER_FALSE] = "the transaction is touched after FALSE",
    [PLANT_TWO_COMPLETIONS] = "the cancel path completes what the interrupt completes too",
    [PLANT_COMPLETION_LOST] = "a cancelled transfer's completion is lost",
    [PLANT_STOP_NOT_PASSED_ON] = "a stop does not reach the controller",
};

/* In a child, because what is planted may well end it. */
static int plant_play(enum plant plant)
{
    struct ms_wdf_config config = stepped();
    struct script bad = {.steps = 0};
    struct seen seen;

    /* On one thread nobody comes into Execute before it asks; with K2 it says STATUS_CANCELLED too. */
    config.cancel_early = plant == PLANT_EXECUTE_CANCELLED_DROPS;

    stream_world_open(&config);
    for (int ending = 0; ending < 3; ending++)
        for (int contended = 0; contended <= 1; contended++) {
            struct script script = {.fragments = 2,
                                    .contended = contended,
                                    .endless = ending == 2,
                                    .fails = ending == 1,
                                    .plant = plant};
            play_pairs(script, 1, &bad, &seen);
            if (seen.wrong[0])
                return 42;
        }
    return 0;
}

/* 19.5: what a driver, and the adapter below the framework, could do wrong. */
MS_TEST(every_planted_fault_is_caught)
{
    for (enum plant plant = PLANT_NONE + 1; plant < PLANTS; plant++) {
        pid_t child = fork();
        int status;
        assert_true(child >= 0);
        if (child == 0) {
            (void)!freopen("/dev/null", "w", stderr);
            _exit(plant_play(plant));
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            fail_msg("not caught: %s", plant_names[plant]);
    }
}
