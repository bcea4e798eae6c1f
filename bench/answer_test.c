/* SPDX-License-Identifier: MIT */
/*
 * answer_test.c: every rule of the answer, one small result each. A result here has three
 * strategies and two thread counts; a test changes what its rule looks at and reads the sentence.
 */
#include "report_test.h"

static const char *const names[] = {"spin-bitmap", "cas-bitmap", "magazine"};

static const struct ms_estimate sure = {1.35, 1.31, 1.38, 36};
static const struct ms_estimate vague = {1.02, 0.98, 1.05, 36};

static void cell_make(struct ms_result *r, unsigned strategy, const char *shape, uint32_t threads)
{
    struct ms_cell *c = ms_result_add_cell(r);

    c->scenario = MS_SCENARIO_POOL;
    c->strategy = names[strategy];
    c->shape = shape;
    c->threads = threads;
    c->registers = 1024;
    c->name = ms_cell_name(r, c);
    c->time = (struct ms_estimate){20, 19, 21, 36};
}

static void ranking_make(struct ms_result *r, uint32_t threads, const char *leader,
                         const char *second, enum ms_verdict verdict)
{
    struct ms_ranking *k = ms_result_add_ranking(r);

    k->scenario = MS_SCENARIO_POOL;
    k->threads = threads;
    k->leader = leader;
    k->runner_up = second;
    k->lead = verdict == MS_VERDICT_FASTER ? sure : vague;
    k->lead_verdict = verdict;
    k->shapes = 4;
    for (unsigned i = 0; i < 3; i++)
        *ms_ranking_add_standing(k) =
            (struct ms_standing){.strategy = names[2 - i],
                                 .ranked = true,
                                 .served = 4,
                                 .cases = 4,
                                 .ratio = {2.0 / (i + 1), 1.9 / (i + 1), 2.1 / (i + 1), 36},
                                 .verdict = MS_VERDICT_FASTER};
}

/* A trusted run without rankings: tests add what they need. */
static struct ms_result *run_make(void)
{
    static const char *const shapes[] = {"1p", "4p", "16p", "mix"};
    static const uint32_t pages[] = {1, 4, 16, 0};
    static const char *const classes[] = {"one thread", "several threads"};
    struct ms_result *r = ms_result_new();

    for (unsigned i = 0; i < 3; i++)
        *ms_result_add_strategy(r) =
            (struct ms_strategy){.name = names[i],
                                 .role = i ? MS_ROLE_CONTESTANT : MS_ROLE_BASELINE,
                                 .progress = MS_PROGRESS_LOCK_FREE,
                                 .conformance = MS_CHECK_PASSED};
    for (unsigned i = 0; i < 4; i++)
        *ms_result_add_shape(r) =
            (struct ms_shape){.name = shapes[i], .scenario = MS_SCENARIO_POOL, .pages = pages[i]};
    for (uint32_t threads = 1; threads <= 2; threads++) {
        *ms_result_add_control(r) = (struct ms_control){.thread_class = classes[threads - 1],
                                                        .threads = threads,
                                                        .twin = {0.001, -0.004, 0.005, 36},
                                                        .drag_true = 0.05,
                                                        .visible = 0.012,
                                                        .band = 0.012,
                                                        .trusted = true};
        for (unsigned h = 0; h < 4; h++)
            for (unsigned i = 0; i < 3; i++)
                cell_make(r, i, shapes[h], threads);
    }
    return r;
}

/* The headline, then the qualifications one a line; the caller frees it. */
static char *answer_text(struct ms_result *r, bool *winner)
{
    struct ms_problem problem = {0};
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (!ms_result_check(r, "made", &problem))
        fail_msg("%s", problem.text);
    struct ms_answer *a = ms_answer_make(r);
    *winner = a->winner;
    fprintf(out, "%s\n", a->headline);
    for (size_t i = 0; i < MS_ANSWER_QUALIFICATIONS && a->qualifications[i]; i++)
        fprintf(out, "%s\n", a->qualifications[i]);
    fclose(out);
    ms_answer_free(a);
    ms_result_free(r);
    return text;
}

static void answer_is(struct ms_result *r, bool winner, const char *want)
{
    bool got_winner;
    char *text = answer_text(r, &got_winner);

    assert_string_equal(text, want);
    assert_int_equal(got_winner, winner);
    free(text);
}

static void answer_has(struct ms_result *r, const char *want)
{
    bool winner;
    char *text = answer_text(r, &winner);

    if (!strstr(text, want))
        fail_msg("\"%s\" is not in \"%s\"", want, text);
    free(text);
}

/* ---- headlines ----------------------------------------------------------------------------------
 */

MS_TEST(report_sentences_h1_nothing_measured)
{
    struct ms_result *r = run_make();

    for (size_t i = 0; i < r->cell_count; i++)
        r->cells[i].outcome = MS_OUTCOME_NOT_RUN;
    answer_is(r, false, "Nothing was measured, so there is nothing to say.\n");
}

MS_TEST(report_sentences_h2_a_guard_rail_refuses)
{
    struct ms_result *r = run_make();

    ranking_make(r, 1, names[2], names[1], MS_VERDICT_FASTER);
    *ms_result_add_note(r) =
        (struct ms_note){MS_LEVEL_REFUSED, "clock", "the clock is coarser than 100 ns.", NULL};
    answer_is(r, false, "This run ranks nothing: the clock is coarser than 100 ns.\n");
}

MS_TEST(report_sentences_h2_a_debug_build_ranks_nothing)
{
    struct ms_result *r = run_make();

    ranking_make(r, 1, names[2], names[1], MS_VERDICT_FASTER);
    r->run.asserts_on = true;
    answer_is(r, false,
              "This run ranks nothing: mapstorm itself was built with asserts or a sanitizer.\n");
}

MS_TEST(report_sentences_h2_a_debug_build_that_was_allowed_is_ranked)
{
    struct ms_result *r = run_make();

    ranking_make(r, 1, names[2], names[1], MS_VERDICT_FASTER);
    r->run.asserts_on = true;
    r->run.debug_allowed = true;
    answer_has(r, "magazine is the fastest");
}

MS_TEST(report_sentences_h3_a_different_twin_is_untrusted)
{
    struct ms_result *r = run_make();

    ranking_make(r, 1, names[2], names[1], MS_VERDICT_FASTER);
    r->controls[1].trusted = false;
    r->controls[1].twin = (struct ms_estimate){0.081, 0.06, 0.1, 36};
    answer_is(r, false,
              "This run ranks nothing: with several threads two copies of the baseline came out "
              "+8.1 % apart [+6.0 +10.0]. The machine or the measuring is not steady enough.\n");
}

MS_TEST(report_sentences_h4_only_one_strategy)
{
    struct ms_result *r = run_make();

    for (size_t i = 0; i < r->cell_count; i++)
        if (r->cells[i].strategy != names[0])
            r->cells[i].outcome = MS_OUTCOME_NOT_RUN;
    answer_is(r, false, "Only spin-bitmap was measured: there is nothing to compare it with.\n");
}

MS_TEST(report_sentences_h5_one_winner_with_one_thread)
{
    struct ms_result *r = run_make();

    ranking_make(r, 1, names[2], names[0], MS_VERDICT_FASTER);
    answer_is(r, true,
              "magazine is the fastest: 1.35x [1.31 1.38] ahead of spin-bitmap with 1 thread, over "
              "the 4 shapes both serve.\n");
}

MS_TEST(report_sentences_h5_one_winner_everywhere_names_the_runner_up_once)
{
    struct ms_result *r = run_make();

    ranking_make(r, 1, names[2], names[1], MS_VERDICT_FASTER);
    ranking_make(r, 2, names[2], names[1], MS_VERDICT_FASTER);
    answer_is(r, true,
              "magazine is the fastest: 1.35x [1.31 1.38] ahead of cas-bitmap with 1 thread and "
              "1.35x [1.31 1.38] with 2 threads.\n"
              "Against spin-bitmap, the baseline: magazine 2.00x [1.90 2.10] with 1 thread, 2.00x "
              "[1.90 2.10] with 2 threads.\n");
}

MS_TEST(report_sentences_h6_another_winner_at_each_thread_count)
{
    struct ms_result *r = run_make();

    ranking_make(r, 1, names[1], names[0], MS_VERDICT_FASTER);
    ranking_make(r, 2, names[2], names[0], MS_VERDICT_FASTER);
    answer_is(r, true,
              "It depends: with 1 thread cas-bitmap is the fastest, 1.35x [1.31 1.38] ahead of "
              "spin-bitmap; "
              "with 2 threads magazine is the fastest, 1.35x [1.31 1.38] ahead of spin-bitmap.\n");
}

MS_TEST(report_sentences_h7_a_winner_at_one_thread_count_only)
{
    struct ms_result *r = run_make();

    ranking_make(r, 1, names[2], names[0], MS_VERDICT_FASTER);
    ranking_make(r, 2, names[2], names[0], MS_VERDICT_UNKNOWN);
    answer_has(r, "with 2 threads this run cannot tell magazine from "
                  "spin-bitmap, 1.02x [0.98 1.05] (nothing below 1.2 % is visible).\n");
}

MS_TEST(report_sentences_h8_no_winner_because_the_same)
{
    struct ms_result *r = run_make();

    ranking_make(r, 1, names[2], names[1], MS_VERDICT_SAME);
    answer_is(r, false,
              "No winner: with 1 thread magazine and cas-bitmap are equally fast within 1.2 %.\n");
}

MS_TEST(report_sentences_h8_cannot_tell_is_never_called_the_same)
{
    struct ms_result *r = run_make();

    ranking_make(r, 1, names[2], names[1], MS_VERDICT_UNKNOWN);
    r->rankings[0].why = "the threads did not run at the same time";
    answer_is(r, false,
              "No winner: with 1 thread this run cannot tell magazine from cas-bitmap, 1.02x [0.98 "
              "1.05] (the threads did not run at the same time).\n");
}

MS_TEST(report_sentences_h8_no_ranking_at_all)
{
    answer_is(run_make(), false, "No winner: no case could be ranked.\n");
}

/* ---- qualifications -----------------------------------------------------------------------------
 */

MS_TEST(report_sentences_q1_a_strategy_that_failed_conformance)
{
    struct ms_result *r = run_make();

    r->strategies[1].conformance = MS_CHECK_FAILED;
    answer_has(r, "cas-bitmap failed conformance: it is shown, never ranked.\n");
}

MS_TEST(report_sentences_q1_a_strategy_that_crashed)
{
    struct ms_result *r = run_make();

    r->cells[1].outcome = r->cells[4].outcome = MS_OUTCOME_CRASHED;
    answer_has(r, "cas-bitmap crashed in 2 cells: those are shown, not ranked.\n");
}

MS_TEST(report_sentences_q2_a_fifth_of_the_samples_disturbed)
{
    struct ms_result *r = run_make();

    for (size_t i = 0; i < r->cell_count; i++)
        r->cells[i].disturbed = 9;
    answer_has(r, "25 % of the samples were disturbed by other programs: take the run again on a "
                  "quieter machine.\n");
}

MS_TEST(report_sentences_q2_a_few_disturbed_samples_are_not_worth_a_sentence)
{
    struct ms_result *r = run_make();

    for (size_t i = 0; i < r->cell_count; i++)
        r->cells[i].disturbed = 7;
    answer_is(r, false, "No winner: no case could be ranked.\n");
}

/* cas-bitmap beats magazine in the cells of these shapes, one thread. */
static struct ms_result *beaten_make(const char *one, const char *two)
{
    struct ms_result *r = run_make();

    ranking_make(r, 1, names[2], names[0], MS_VERDICT_FASTER);
    for (size_t i = 0; i < r->cell_count; i++) {
        const struct ms_cell *c = &r->cells[i];
        if (c->threads == 1 && c->strategy == names[2] &&
            (ms_text_same(c->shape, one) || ms_text_same(c->shape, two)))
            *ms_result_add_pair(r) = (struct ms_pair){.cell = (uint32_t)i,
                                                      .base = (uint32_t)i - 1,
                                                      .ratio = {0.8, 0.7, 0.9, 36},
                                                      .verdict = MS_VERDICT_SLOWER};
    }
    return r;
}

MS_TEST(report_sentences_q3_beaten_from_a_size_up)
{
    struct ms_result *r = beaten_make("4p", "16p");

    answer_has(r, "cas-bitmap is faster than magazine from 4 registers up with 1 thread.\n");
}

MS_TEST(report_sentences_q3_beaten_on_scattered_shapes)
{
    answer_has(beaten_make("1p", "mix"),
               "cas-bitmap is faster than magazine on 1p and mix with 1 thread.\n");
}

MS_TEST(report_sentences_q3_the_size_between_must_be_lost_too)
{
    answer_has(beaten_make("4p", "mix"),
               "cas-bitmap is faster than magazine on 4p and mix with 1 thread.\n");
}

MS_TEST(report_sentences_q5_a_stranding_winner)
{
    struct ms_result *r = run_make();

    ranking_make(r, 1, names[2], names[0], MS_VERDICT_FASTER);
    r->strategies[2].progress = MS_PROGRESS_STRANDING;
    answer_has(r, "magazine is stranding: it can answer \"none now\" while other threads hold free "
                  "registers in stock.\n");
}

MS_TEST(report_sentences_q5_a_blocking_winner)
{
    struct ms_result *r = run_make();

    ranking_make(r, 1, names[0], names[2], MS_VERDICT_FASTER);
    r->strategies[0].progress = MS_PROGRESS_BLOCKING;
    answer_has(r, "spin-bitmap is blocking: a preempted thread can stop the others.\n");
}

MS_TEST(report_sentences_q6_who_cannot_serve_every_shape)
{
    struct ms_result *r = run_make();

    ranking_make(r, 1, names[2], names[0], MS_VERDICT_FASTER);
    r->rankings[0].standings[1].ranked = false;
    r->rankings[0].standings[1].served = 1;
    answer_has(r, "because they cannot serve every one: cas-bitmap (1 of 4).\n");
}

MS_TEST(report_sentences_q7_a_blunt_class)
{
    struct ms_result *r = run_make();

    r->controls[1].blunt = true;
    answer_has(r, "With several threads this run is blunt: a planted 5.0 % was not found, so "
                  "nothing is called the same.\n");
}

MS_TEST(report_sentences_qualifications_are_at_most_three_the_urgent_ones_first)
{
    struct ms_result *r = beaten_make("4p", "16p");

    r->strategies[1].fuzz = MS_CHECK_FAILED;
    r->strategies[2].progress = MS_PROGRESS_STRANDING;
    r->rankings[0].runner_up = names[1];
    r->controls[0].blunt = r->controls[1].blunt = true;
    bool winner;
    char *text = answer_text(r, &winner);
    assert_int_equal(occurrences(text, "\n"), 1 + MS_ANSWER_QUALIFICATIONS);
    assert_non_null(strstr(text, "\ncas-bitmap failed fuzzing"));
    /* A strategy that failed is no rival: Q3 stays silent about it. */
    assert_null(strstr(text, "cas-bitmap is faster"));
    free(text);
}

MS_TEST(report_sentences_conformance_that_did_not_run_is_said)
{
    struct ms_result *r = run_make();

    for (size_t i = 0; i < r->strategy_count; i++)
        r->strategies[i].conformance = MS_CHECK_NOT_RUN;
    struct ms_answer *a = ms_answer_make(r);
    assert_string_equal(a->conformance,
                        "Conformance was not part of this run: ./mapstorm test checks it.");
    ms_answer_free(a);
    ms_result_free(r);
}

MS_TEST(report_sentences_map_against_its_limits)
{
    struct ms_result *r = run_read();
    struct ms_answer *a = ms_answer_make(r);

    assert_non_null(strstr(a->map, "One MapTransferEx with its flush: on sg64 from "));
    assert_non_null(strstr(a->map, "of the limit's speed (ideal list loop, no contract); on sg32"));
    ms_answer_free(a);
    ms_result_free(r);
}

/* ---- the default strategy -----------------------------------------------------------------------
 */

/* magazine is the default; against it the others have these ratios in their cells of one thread, in the
 * order of shapes 1p, 4p, 16p, mix; 0: a ratio nobody may rely on. */
static struct ms_result *default_make(const double spin[4], const double cas[4])
{
    struct ms_result *r = run_make();
    size_t at[2] = {0, 0};

    r->strategies[2].is_default = true;
    for (uint32_t i = 0; i < r->cell_count; i++) {
        const struct ms_cell *c = &r->cells[i];
        bool is_cas = c->strategy == names[1];
        double ratio;

        if (c->strategy == names[2] || c->threads > 1)
            continue;
        ratio = (is_cas ? cas : spin)[at[is_cas]++];
        *ms_result_add_pair(r) = (struct ms_pair){.cell = i,
                                                  .base = i + (is_cas ? 1 : 2),
                                                  .ratio = {ratio > 0 ? ratio : 3, 0.1, 9, 36},
                                                  .verdict = ratio > 1   ? MS_VERDICT_FASTER
                                                             : ratio > 0 ? MS_VERDICT_SLOWER
                                                                         : MS_VERDICT_UNKNOWN};
    }
    return r;
}

static void standing_is(struct ms_result *r, const char *want)
{
    struct ms_answer *a = ms_answer_make(r);

    if (want)
        assert_string_equal(a->standing, want);
    else
        assert_null(a->standing);
    ms_answer_free(a);
    ms_result_free(r);
}

MS_TEST(report_sentences_the_default_that_nobody_beats)
{
    standing_is(default_make((double[]){0.5, 0.5, 0.5, 0.5}, (double[]){0.7, 0.7, 0, 0.7}),
                "magazine, the default, is the fastest in 3 of 4 cells, within 5 % of another or "
                "not to be told in 1, and beaten by more than 5 % in none.");
}

MS_TEST(report_sentences_the_default_is_beaten_and_by_whom_where_and_how_much)
{
    standing_is(
        default_make((double[]){1.2, 0.5, 0.5, 0.5}, (double[]){1.1, 1.41, 0.5, 1.06}),
        "magazine, the default, is the fastest in 1 of 4 cells and beaten by more than 5 % in "
        "3: cas-bitmap is ahead on 4p and mix with 1 thread, by up to 1.41x; spin-bitmap is "
        "ahead on 1p with 1 thread, by 1.20x.");
}

MS_TEST(report_sentences_the_default_five_percent_behind_is_not_beaten)
{
    standing_is(default_make((double[]){0.5, 0.5, 0.5, 0.5}, (double[]){1.05, 0.5, 0.5, 0.5}),
                "magazine, the default, is the fastest in 3 of 4 cells, within 5 % of another or "
                "not to be told in 1, and beaten by more than 5 % in none.");
}

MS_TEST(report_sentences_the_default_is_not_beaten_by_who_failed_or_cannot_be_told)
{
    struct ms_result *r = default_make((double[]){0.5, 0.5, 0.5, 0.5}, (double[]){3, 3, 3, 3});

    r->strategies[1].conformance = MS_CHECK_FAILED;
    standing_is(r,
                "magazine, the default, is the fastest in 4 of 4 cells and beaten by more than 5 "
                "% in none.");
}

MS_TEST(report_sentences_the_default_with_more_threads_than_cores_is_not_counted)
{
    struct ms_result *r =
        default_make((double[]){0.5, 0.5, 0.5, 0.5}, (double[]){0.5, 2, 0.5, 0.5});

    for (size_t i = 0; i < r->cell_count; i++)
        r->cells[i].oversubscribed = ms_text_same(r->cells[i].shape, "4p");
    standing_is(r,
                "magazine, the default, is the fastest in 3 of 3 cells and beaten by more than 5 "
                "% in none.");
}

MS_TEST(report_sentences_the_default_in_files_of_two_sizes_is_named_with_the_size)
{
    struct ms_result *r =
        default_make((double[]){0.5, 0.5, 0.5, 0.5}, (double[]){0.5, 0.5, 0.5, 2});

    for (size_t i = 0; i < r->cell_count; i++)
        if (ms_text_same(r->cells[i].shape, "mix")) {
            r->cells[i].registers = 65536;
            r->cells[i].name = ms_cell_name(r, &r->cells[i]);
        }
    standing_is(r,
                "magazine, the default, is the fastest in 3 of 4 cells and beaten by more than 5 "
                "% in 1: cas-bitmap is ahead on mix (65536 registers) with 1 thread, by 2.00x.");
}

MS_TEST(report_sentences_the_default_is_not_spoken_of_where_nothing_is_ranked)
{
    struct ms_result *r =
        default_make((double[]){0.5, 0.5, 0.5, 0.5}, (double[]){0.5, 0.5, 0.5, 2});

    r->controls[0].trusted = false;
    standing_is(r, NULL);
    standing_is(run_make(), NULL);
}

/* Where the default leads, its sentence says who beats it; a qualification would say it again. */
MS_TEST(report_sentences_q3_is_left_to_the_default)
{
    struct ms_result *r =
        default_make((double[]){0.5, 0.5, 0.5, 0.5}, (double[]){0.5, 2, 0.5, 0.5});
    bool winner;

    ranking_make(r, 1, names[2], names[0], MS_VERDICT_FASTER);
    char *text = answer_text(r, &winner);
    assert_null(strstr(text, "cas-bitmap is faster than magazine"));
    free(text);
}
