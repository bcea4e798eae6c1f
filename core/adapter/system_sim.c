/* SPDX-License-Identifier: MIT */
/*
 * system_sim.c: the races of a system DMA transfer, enumerated: a driver, cancellers and the engine under
 * every interleaving of small programs, under seeded schedules and weak memory for longer ones, and with each
 * of them stopped for ever before each of its steps.
 *
 * Judged      each started transfer is told once, with an end that fits; none that never started; bytes that
 *             reached the buffer are those the device gave; after a cancel has returned none is counted; the
 *             next owner of a channel does not feel a cancel meant for the last one; a refused map goes after
 *             a flush; no routine runs behind the end of its adapter (PUT-06). The race check judges staging,
 *             records and callbacks (CPL-07: one at a time).
 */
#include "adapter/test_race.h"

/* Small: every interleaving of their steps is played. */
static const struct play small[] = {
    {"cancel, a burst", RUNNING, {{{CANCEL}}, {{STEP}}}},
    {"cancel, the bursts that complete", RUNNING, {{{CANCEL}}, {{STEP2}}}},
    {"cancel, cancel", RUNNING, {{{CANCEL}}, {{CANCEL}}}},
    {"cancel, cancel, a burst", RUNNING, {{{CANCEL}}, {{CANCEL}}, {{STEP}}}},
    {"cancel, flush", RUNNING, {{{CANCEL}}, {{FLUSH}}}},
    {"cancel, free", RUNNING, {{{CANCEL}}, {{FREE}}}},
    {"flush, the bursts that complete", RUNNING, {{{FLUSH}}, {{STEP2}}}},
    {"free, a burst", RUNNING, {{{FREE}}, {{STEP}}}},
    {"free and put the adapter, a burst", RUNNING, {{{FREE, PUT}}, {{STEP}}}},
    {"free and put it in another's routine, a burst", RUNNING, {{{FREE, PUT_INSIDE}}, {{STEP}}}},
    {"put inside its routine, another opened", PUTS_ITSELF, {{{STEP2}}, {{OPEN, OPEN}}}},
    {"free, configure", GRANTED, {{{FREE}}, {{CONFIGURE}}}},
    {"free to the next one, configure", B_WAITS, {{{FREE}}, {{CONFIGURE}}}},
    {"free to the next one, set a period", B_WAITS, {{{FREE}}, {{PERIOD}}}},
    {"free, set a period twice", GRANTED, {{{FREE}}, {{PERIOD}}, {{PERIOD}}}},
    {"free, free to the next one", B_WAITS_RUNNING, {{{FREE}}, {{FREE}}}},
    {"put a list, free to the next one", LISTED, {{{PUT_LIST}}, {{FREE}}}},
    {"map, cancel", GRANTED, {{{MAP}}, {{CANCEL}}}},
    {"map, cancel, cancel", GRANTED, {{{MAP}}, {{CANCEL}}, {{CANCEL}}}},
    {"map, a burst", GRANTED, {{{MAP}}, {{STEP}}}},
    {"initialise, cancel", GRANTED, {{{INIT}}, {{CANCEL}}}},
    {"flush of nothing, cancel", GRANTED, {{{FLUSH0}}, {{CANCEL}}}},
    {"free to the next one, cancel", B_WAITS, {{{FREE}}, {{CANCEL}}}},
    {"cancel and tell, a burst", RUNNING, {{{CANCEL, TELL}}, {{STEP}}}},
    {"flush and tell, tell, the bursts that complete", RUNNING, {{{FLUSH, TELL}}, {{STEP2}}}},
    {"a loop: cancel, the bursts of a pass", LOOPS, {{{CANCEL}}, {{STEP2}}}},
    {"cancel, flush, a burst", RUNNING, {{{CANCEL}}, {{FLUSH}}, {{STEP}}}},
    {"map, cancel, a burst", GRANTED, {{{MAP}}, {{CANCEL}}, {{STEP}}}},
    {"flush and map again, a burst", RUNNING, {{{FLUSH, MAP, FLUSH}}, {{STEP2}}}},
    {"free to the next one, a burst, cancel", B_WAITS, {{{FREE}}, {{STEP2}}, {{CANCEL}}}},
};

/* More interleavings than a quick test has time for. */
static const struct play vast[] = {
    {"cancel, flush, the bursts that complete", RUNNING, {{{CANCEL}}, {{FLUSH}}, {{STEP2}}}},
    {"a loop: cancel, flush, a burst", LOOPS, {{{CANCEL}}, {{FLUSH}}, {{STEP}}}},
    {"a loop: cancel, free, a burst", LOOPS, {{{CANCEL}}, {{FREE}}, {{STEP}}}},
    {"flush and map again, cancel, a burst", RUNNING, {{{FLUSH, MAP}}, {{CANCEL}}, {{STEP}}}},
    {"cancel, free, a burst", RUNNING, {{{CANCEL}}, {{FREE}}, {{STEP}}}},
};

static void explore(const struct play *play, size_t plays, uint64_t most, bool is_all)
{
    static struct ms_sim_explored explored;

    for (size_t i = 0; i < plays; i++) {
        struct ms_sim_actor sim[ACTORS];
        struct ms_sim_scenario s = scenario_of(&play[i], sim);
        ms_sim_explore(&s, MS_SIM_REDUCED, most, &explored);
        if (explored.bug.verdict == MS_SIM_BUG)
            fail_msg("%s: %s: %s", play[i].name, explored.bug.bug, explored.bug.story);
        print_message("%-40s %6lu executions%s, %5lu blocked, %2u ends\n", play[i].name,
                      (unsigned long)explored.executions,
                      explored.is_complete ? ", all" : " of more",
                      (unsigned long)explored.sleep_blocked, explored.state_count);
        assert_true(explored.is_complete || !is_all);
    }
}

/* CFG-02, CFG-05, SGL-09, FRE-10, FRE-11, CMT-05, CMT-08, CMT-10, CMT-11, CMT-12, CMT-16, CMT-19, CMT-20, CPL-07,
 * CPL-09, MTX-46, MTX-60, FLX-07, FLX-12, FLX-13, FRE-13, PUT-06, QUE-04 */
MS_TEST(every_interleaving_of_a_cancel_with_other_calls_and_the_engine_ends_well)
{
    explore(small, sizeof small / sizeof small[0], 100000, true);
}

/* CMT-12, CMT-17, CPL-17 and the above; of these the first few thousand. */
MS_TEST(interleavings_of_longer_programs_end_well_as_far_as_they_are_tried)
{
    explore(vast, sizeof vast / sizeof vast[0], 1500, false);
}

/* Larger: many schedules, stale reads among them. */
static const struct play large[] = {
    {"a driver, two cancellers, the engine",
     GRANTED,
     {{{MAP, FLUSH, MAP, FLUSH, MAP, LEFT, FLUSH}},
      {{CANCEL, CANCEL, CANCEL}},
      {{CANCEL, LEFT, CANCEL}},
      {{STEP, STEP2, STEP, STEP2, STEP, STEP2}}}},
    {"the same, freed at the end",
     RUNNING,
     {{{FLUSH, MAP, FREE}}, {{CANCEL, CANCEL}}, {{LEFT, CANCEL}}, {{STEP, STEP2, STEP2}}}},
    {"freed to the next one",
     B_WAITS_RUNNING,
     {{{FLUSH, FREE}}, {{CANCEL, CANCEL}}, {{CANCEL}}, {{STEP2, STEP, STEP2}}}},
    {"initialised meanwhile",
     GRANTED,
     {{{INIT, MAP, FLUSH, INIT, MAP, FLUSH}},
      {{CANCEL, CANCEL}},
      {{CANCEL}},
      {{STEP, STEP2, STEP}}}},
    {"two channels",
     BOTH,
     {{{FLUSH, MAP, FLUSH}},
      {{FLUSH_B, MAP_B, FLUSH_B}},
      {{CANCEL, CANCEL}},
      {{STEP2, STEP2, STEP2}}}},
};
enum { LARGES = sizeof large / sizeof large[0], RUNS = 450 };

MS_TEST(seeded_schedules_of_driver_cancellers_and_engine_end_well)
{
    static const enum ms_sim_strategy strategies[] = {MS_SIM_WALK, MS_SIM_POS, MS_SIM_PCT};

    for (uint32_t i = 0; i < LARGES; i++) {
        struct ms_sim_actor sim[ACTORS];
        struct ms_sim_scenario s = scenario_of(&large[i], sim);
        struct ms_sim_result result;
        for (uint32_t run = 0; run < RUNS; run++) {
            s.config.schedule.strategy = strategies[run % 3];
            s.config.schedule.seed = run;
            s.config.schedule.depth = 2 + run % 3;
            s.config.schedule.steps_estimate = 300;
            s.config.schedule.stale_of_256 = run % 2 ? 60 : 0;
            reset(NULL);
            ms_sim_run(&s.config, &result);
            if (result.verdict != MS_SIM_CLEAN)
                fail_msg("%s, seed %u: %s: %s", large[i].name, run, result.bug, result.story);
        }
    }
}

/* CMT-18, FLX-17. Canceller, engine, mapper, flusher: nobody waits for one that was stopped. */
MS_TEST(whoever_is_stopped_anywhere_the_others_come_to_their_end)
{
    uint32_t points = 0, worst = 0;

    for (uint32_t i = 0; i < LARGES; i++) {
        struct ms_sim_actor sim[ACTORS];
        struct ms_sim_scenario s = scenario_of(&large[i], sim);
        struct ms_sim_stopped stopped;
        ms_sim_stop_each(&s, MS_SIM_NOBODY, 3, 3000, &stopped);
        if (stopped.failures > 0) {
            char site[160] = "";
            if (stopped.failed_site)
                ms_sim_site_text(stopped.failed_site, site, sizeof site);
            fail_msg("%s: actor %u stopped at step %u (%s): %s: %s", large[i].name,
                     stopped.failed_actor, stopped.failed_step, site, stopped.failed.bug,
                     stopped.failed.story);
        }
        points += stopped.points;
        worst = stopped.steps_worst > worst ? stopped.steps_worst : worst;
    }
    print_message("%u stops, the others finished in at most %u steps\n", points, worst);
    assert_true(points > 1000);
}
