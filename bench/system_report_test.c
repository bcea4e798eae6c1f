/* SPDX-License-Identifier: MIT */
/*
 * system_report_test.c: the scenario of system DMA on the stand, and what a report says about it.
 */
#include "platform/test.h"

#include "catalog.h"
#include "report_test.h"
#include "stand.h"

struct play {
    struct ms_catalog *catalog;
    struct ms_topology *topology;
    struct ms_stand *stand;
};

static void play_open(struct play *p)
{
    struct ms_catalog_config config = {.layout_count = 0};
    char why[MS_WHY_BYTES];

    p->catalog = ms_catalog_open(&config, why);
    p->topology = ms_topology_open();
    assert_non_null(p->catalog);
    assert_non_null(p->topology);
    p->stand = ms_stand_open(p->catalog, p->topology);
    assert_non_null(p->stand);
}

static void play_close(struct play *p)
{
    ms_stand_close(p->stand);
    ms_topology_close(p->topology);
    ms_catalog_close(p->catalog);
}

static struct ms_cell_key key_of(const char *strategy, const char *shape)
{
    struct ms_cell_key key;
    char cell[MS_CELL_NAME_BYTES];

    snprintf(cell, sizeof cell, "system/strategy:%s/shape:%s/threads:1", strategy, shape);
    assert_true(ms_key_parse(cell, &key));
    return key;
}

/* A sample fails when a byte is missing or too many, so each is proved by having been taken. */
MS_TEST(stand_system_dma_moves_and_cancels_and_every_byte_is_counted)
{
    const struct ms_scenario *scenario = ms_scenario_find("system");
    const struct ms_shape_info *shape;
    struct play p;
    size_t shapes = 0;

    play_open(&p);
    for (; (shape = scenario->shape(p.catalog, shapes)); shapes++) {
        struct ms_cell_key key = key_of(MS_BASELINE_NAME, shape->name);
        static struct ms_histogram latency;
        struct ms_reading reading;
        char why[MS_WHY_BYTES] = "";
        bool is_saturated;
        uint64_t ops = shape->is_live ? 50 : 500;

        for (int again = 0; again < 2; again++) {
            if (!ms_stand_measure(p.stand, &key, 1, ops, &reading, why))
                fail_msg("%s: %s", shape->name, why);
            assert_int_equal(reading.ops, ops);
        }
        if (strcmp(shape->name, "irq-each") == 0)
            assert_true(reading.tally.count[0].per_op == 8.0);
        if (strcmp(shape->name, "irq-8") == 0)
            assert_true(reading.tally.count[0].per_op == 1.0);
        if (!shape->is_timed)
            continue;
        if (!ms_stand_time_each(p.stand, &key, 1, ops, 0.0, &reading, &latency, &is_saturated, why))
            fail_msg("%s: %s", shape->name, why);
        assert_int_equal(latency.total, ops);
        key = key_of("null", shape->name); /* the clock's own share */
        assert_true(
            ms_stand_time_each(p.stand, &key, 1, ops, 0.0, &reading, &latency, &is_saturated, why));
    }
    assert_true(shapes >= 9);
    play_close(&p);
}

MS_TEST(stand_system_dma_refuses_two_drivers_with_a_sentence)
{
    struct ms_cell_key key = key_of(MS_BASELINE_NAME, "soc-64");
    struct ms_reading reading;
    char why[MS_WHY_BYTES] = "";
    struct play p;

    play_open(&p);
    key.threads = 2;
    assert_false(ms_stand_measure(p.stand, &key, 1, 10, &reading, why));
    assert_non_null(strstr(why, "--threads 1"));
    play_close(&p);
}

static struct ms_cell *cell_add(struct ms_result *r, const char *shape, double ns)
{
    struct ms_shape *s = ms_result_add_shape(r);
    struct ms_cell *c;

    s->name = ms_result_copy(r, shape);
    s->scenario = ms_result_copy(r, "system");
    s->title = ms_result_copy(r, "what <it> does");
    c = ms_result_add_cell(r);
    c->scenario = s->scenario;
    c->shape = s->name;
    c->strategy = ms_result_baseline(r)->name;
    c->threads = 1;
    c->outcome = MS_OUTCOME_MEASURED;
    c->time = (struct ms_estimate){.value = ns, .low = ns, .high = ns, .count = 36};
    c->name = ms_cell_name(r, c);
    return c;
}

static void latency_add(struct ms_cell *c, double load, bool saturated, double p50, double p99)
{
    *ms_cell_add_latency(c) = (struct ms_latency){.load = load,
                                                  .saturated = saturated,
                                                  .values = 20000,
                                                  .p50 = p50,
                                                  .p99 = p99,
                                                  .largest = p99};
}

MS_TEST(report_sentences_system_dma_is_told_in_one_sentence_and_a_table)
{
    struct ms_result *r = run_read();
    struct ms_cell *c;
    struct ms_problem problem;
    struct ms_answer *a = ms_answer_make(r);
    char *text;

    assert_null(a->system); /* nothing measured, nothing said */
    ms_answer_free(a);
    text = printed(r, ms_emit_page, NULL);
    assert_null(strstr(text, "id=system"));
    free(text);

    c = cell_add(r, "soc-64", 355.0);
    c = cell_add(r, "legacy-64", 2020.0);
    struct ms_count *count = ms_cell_add_count(c);
    count->name = "interrupts";
    count->per_op = 1.0;
    c = cell_add(r, "cancel-idle", 50.0);
    latency_add(c, 0.0, false, 40.0, 60.0);
    c = cell_add(r, "cancel-race", 9000.0);
    latency_add(c, 0.0, false, 750.0, 0.0);
    c = cell_add(r, "complete", 9000.0);
    latency_add(c, 0.5, false, 12000.0, 31000.0);
    latency_add(c, 0.7, true, 0.0, 0.0);
    assert_true(ms_result_check(r, "made here", &problem));
    a = ms_answer_make(r);
    assert_string_equal(
        a->system,
        "System DMA: 64 bytes from map to flush take 355 ns through the SoC's controller, 2020 ns "
        "through the 8237-like one; a cancel returns after 40.0 ns before the map (99 %: 60.0 ns), "
        "750 "
        "ns against the engine's thread; with the engine on a thread of its own the completion "
        "routine "
        "runs after 12.0 us (99 %: 31.0 us).");
    ms_answer_free(a);
    text = printed(r, ms_emit_page, NULL);
    assert_non_null(strstr(text, "id=system"));
    assert_non_null(strstr(text, "what &lt;it&gt; does"));
    assert_int_equal(occurrences(text, "How long the slowest wait"),
                     0); /* those are no strategies */
    free(text);
    text = printed(r, ms_emit_summary, NULL);
    assert_int_equal(occurrences(text, "a cancel returns after"), 1);
    assert_true(occurrences(text, "\n") <= 60);
    free(text);
    ms_result_free(r);
}

/* A crashed or unmeasured shape is said to be so, and no sentence is made of it. */
MS_TEST(report_sentences_system_dma_that_failed_is_no_time)
{
    struct ms_result *r = run_read();
    struct ms_cell *c = cell_add(r, "soc-64", 355.0);
    struct ms_answer *a;
    char *text;

    c->outcome = MS_OUTCOME_FAILED;
    c->why = ms_result_copy(r, "bytes were moved that nobody counted");
    c->time = (struct ms_estimate){.count = 0};
    cell_add(r, "legacy-64", 2020.0);
    a = ms_answer_make(r);
    assert_null(a->system);
    ms_answer_free(a);
    text = printed(r, ms_emit_page, NULL);
    assert_non_null(strstr(text, "bytes were moved that nobody counted"));
    free(text);
    ms_result_free(r);
}
