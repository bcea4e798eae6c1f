/* SPDX-License-Identifier: MIT */
/*
 * stand_test.c: the test stand in this process: every strategy serves every shape it does not
 * refuse and is whole afterwards, counts repeat, and answers survive their line.
 */
#include "platform/test.h"

#include <math.h>

#include "catalog.h"
#include "child.h"
#include "chains.h"
#include "stand.h"

static struct ms_catalog *catalog;
static struct ms_topology *topology;
static struct ms_stand *stand;

static void stand_open(void)
{
    struct ms_catalog_config config = {.layout_count = 0};
    char why[MS_WHY_BYTES];

    catalog = ms_catalog_open(&config, why);
    topology = ms_topology_open();
    assert_non_null(catalog);
    assert_non_null(topology);
    stand = ms_stand_open(catalog, topology);
    assert_non_null(stand);
}

static void stand_close(void)
{
    ms_stand_close(stand);
    ms_topology_close(topology);
    ms_catalog_close(catalog);
}

static struct ms_reading measured(const char *cell, uint64_t seed, uint64_t ops)
{
    struct ms_reading reading = {.ops = 0};
    struct ms_cell_key key;
    char why[MS_WHY_BYTES] = "";

    assert_true(ms_key_parse(cell, &key));
    if (!ms_stand_measure(stand, &key, seed, ops, &reading, why))
        fail_msg("%s: %s", cell, why);
    return reading;
}

MS_TEST(stand_every_strategy_serves_every_shape_and_is_whole_afterwards)
{
    const struct ms_scenario *scenario = ms_scenario_find("registers");
    const struct ms_contender *all;
    const struct ms_shape_info *shape;

    stand_open();
    for (size_t s = 0; (shape = scenario->shape(catalog, s)); s++) {
        for (uint32_t threads = 1; threads <= 3; threads++) {
            for (size_t i = 0; i < ms_catalog_contenders(catalog, &all); i++) {
                char cell[MS_CELL_NAME_BYTES];
                struct ms_cell_key key;
                struct ms_reading r;

                snprintf(cell, sizeof cell,
                         "registers/strategy:%s/shape:%s/threads:%u/registers:1024", all[i].name,
                         shape->name, threads);
                assert_true(ms_key_parse(cell, &key));
                if (ms_scenario_refusal(scenario, catalog, &all[i], &key))
                    continue;
                r = measured(cell, 5, 600);
                assert_int_equal(r.ops, 600);
                assert_true(r.wall_ns > 0);
            }
        }
    }
    stand_close();
}

MS_TEST(stand_small_register_files_have_room_for_every_shape)
{
    static const uint32_t registers[] = {64, 100, 257};
    const struct ms_scenario *scenario = ms_scenario_find("registers");
    const struct ms_shape_info *shape;

    stand_open();
    for (size_t s = 0; (shape = scenario->shape(catalog, s)); s++) {
        for (size_t i = 0; i < 3; i++) {
            char cell[MS_CELL_NAME_BYTES];

            snprintf(cell, sizeof cell,
                     "registers/strategy:spin-bitmap/shape:%s/threads:4/registers:%u", shape->name,
                     registers[i]);
            measured(cell, 9, 40000); /* more than one time round the stream */
        }
    }
    stand_close();
}

/* Counts depend on the stream alone, so they say whether two runs did the same. */
MS_TEST(stand_a_ring_between_two_threads_leaves_registers_free)
{
    static const char *const strategies[] = {"spin-bitmap", "mutex-segfit", "extent-lease"};
    static const uint32_t registers[] = {512, 4096};

    stand_open();
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 2; k++) {
            char cell[MS_CELL_NAME_BYTES];

            snprintf(cell, sizeof cell,
                     "registers/strategy:%s/shape:handover8/threads:2/registers:%u", strategies[i],
                     registers[k]);
            struct ms_reading reading = measured(cell, 9, 20000);
            assert_string_equal(reading.tally.count[0].name, "requests refused");
            assert_true(reading.tally.count[0].per_op == 0.0);
        }
    }
    stand_close();
}

MS_TEST(stand_control_and_limit_stand_where_strategies_do)
{
    static const char *const shapes[] = {"1r", "mix75", "handover8"};

    stand_open();
    for (size_t i = 0; i < 3; i++) {
        char cell[MS_CELL_NAME_BYTES];

        snprintf(cell, sizeof cell, "registers/strategy:null/shape:%s/threads:2/registers:4096",
                 shapes[i]);
        assert_true(measured(cell, 9, 20000).tally.count[0].per_op == 0.0);
        snprintf(cell, sizeof cell,
                 "registers/strategy:locked-pair/shape:%s/threads:2/registers:4096", shapes[i]);
        assert_true(measured(cell, 9, 20000).tally.count[0].per_op == 0.0);
    }
    stand_close();
}

MS_TEST(exact_counts_are_equal_in_two_runs_and_in_the_twin)
{
    static const char *const cells[] = {
        "registers/strategy:spin-bitmap/shape:mix90/threads:1/registers:1024",
        "registers/strategy:spin-bitmap/shape:mix90/threads:1/registers:1024",
        "registers/strategy:twin/shape:mix90/threads:1/registers:1024",
    };
    double refused[3];
    double other;

    stand_open();
    for (int i = 0; i < 3; i++) {
        struct ms_reading r = measured(cells[i], 77, 50000);
        assert_int_equal(r.tally.counts, 1);
        refused[i] = r.tally.count[0].per_op;
    }
    other = measured(cells[0], 78, 50000).tally.count[0].per_op;
    assert_true(refused[0] > 0.0);
    assert_true(fabs(refused[0] - refused[1]) < 1e-15);
    assert_true(fabs(refused[0] - refused[2]) < 1e-15);
    assert_true(fabs(refused[0] - other) > 1e-9); /* and another seed is another stream */
    stand_close();
}

/* Also a hand-over, whose two ends wait for each other; but not threads that share a processor. */
MS_TEST(stand_cuts_samples_into_slices)
{
    static const char *const cells[] = {
        "registers/strategy:spin-bitmap/shape:1r/threads:1/registers:64",
        "registers/strategy:spin-bitmap/shape:handover1/threads:2/registers:64"};

    stand_open();
    for (uint32_t i = 0; i < 2; i++) {
        bool is_cut = ms_topology_is_binding(topology) && i + 1 <= ms_topology_pus(topology);
        struct ms_reading reading = {.ops = 0};

        /* What is not cut is so at once; and a hand-over on a busy processor takes its time. */
        for (int tries = 0;
             tries < (is_cut ? 50 : 1) && reading.calm_ops == 0 && reading.shared <= 0.0; tries++)
            reading = measured(cells[i], 1, is_cut ? 400000 : 4000);
        assert_int_equal(reading.calm_ops > 0 || reading.shared > 0.0, is_cut);
        assert_true(reading.calm_ops <= reading.ops && reading.calm_ns <= reading.wall_ns);
    }
    stand_close();
}

MS_TEST(stand_calm_time_is_credited_as_all_time_is)
{
    static const struct ms_calm calm = {.ops = 400, .ns = 1000, .shared = 0.25};
    static const struct ms_calm none = {.shared = 0.75};
    struct ms_reading reading = {.overlap = 0.4, .delay_share = 0.125};

    ms_calm_read(&none, 100, 105, &reading);
    assert_int_equal(reading.calm_ops, 0);
    assert_true(fabs(reading.overlap - 0.4) < 1e-9);
    assert_true(fabs(reading.shared - 0.75) < 1e-9);
    ms_calm_read(&calm, 100, 105, &reading); /* each operation was one and a twentieth */
    assert_int_equal(reading.calm_ops, 400);
    assert_int_equal(reading.calm_ns, 1050);
    assert_true(fabs(reading.overlap - 1.0) < 1e-9);
    assert_true(fabs(reading.shared - 0.25) < 1e-9);
}

MS_TEST(stand_drag_does_five_percent_more_than_it_is_credited_with)
{
    stand_open();
    assert_int_equal(ms_ops_worked(ms_catalog_find(catalog, "drag"), 100000), 105000);
    assert_int_equal(ms_ops_worked(ms_catalog_find(catalog, "twin"), 100000), 100000);
    assert_int_equal(ms_ops_worked(NULL, 100000), 100000); /* a limit */
    assert_int_equal(
        measured("registers/strategy:drag/shape:1r/threads:2/registers:64", 1, 1000).ops, 1000);
    stand_close();
}

/* The check that guards every map cell: a list that shows other bytes is not let through. */
MS_TEST(stand_a_list_that_shows_other_bytes_is_found)
{
    enum { PAGES = 4 };
    const struct ms_layout *layout;
    struct ms_chain_recipe recipe;
    struct ms_chains chains;
    struct ms_rig rig;
    char why[MS_WHY_BYTES];
    char bytes[sizeof(SCATTER_GATHER_LIST) + PAGES * sizeof(SCATTER_GATHER_ELEMENT)] = {0};
    SCATTER_GATHER_LIST *list = (SCATTER_GATHER_LIST *)(void *)bytes;
    SCATTER_GATHER_ELEMENT kept;

    stand_open();
    assert_true(ms_rig_make(&rig, why));
    assert_true(ms_chain_recipe_find(catalog, "4p", &recipe, &layout));
    assert_true(ms_chains_make(&chains, rig.memory, &recipe, layout, 2, why));
    ms_chains_mark(&chains, 2);
    list->NumberOfElements = PAGES;
    for (uint32_t i = 0; i < PAGES; i++) {
        list->Elements[i].Address.QuadPart = (LONGLONG)(chains.pfn[i] << MS_PAGE_SHIFT);
        list->Elements[i].Length = MS_PAGE_BYTES;
    }
    assert_true(ms_rig_list_is_right(&rig, list, chains.head[0], chains.bytes));
    assert_false(ms_rig_list_is_right(&rig, list, chains.head[1], chains.bytes));

    kept = list->Elements[0]; /* two pages the other way round */
    list->Elements[0] = list->Elements[1];
    list->Elements[1] = kept;
    assert_false(ms_rig_list_is_right(&rig, list, chains.head[0], chains.bytes));
    kept = list->Elements[0];
    list->Elements[0] = list->Elements[1];
    list->Elements[1] = kept;

    list->NumberOfElements = PAGES - 1; /* a page too few */
    assert_false(ms_rig_list_is_right(&rig, list, chains.head[0], chains.bytes));
    list->NumberOfElements = PAGES;
    list->Elements[3].Length++; /* a byte too many */
    assert_false(ms_rig_list_is_right(&rig, list, chains.head[0], chains.bytes));
    list->Elements[3].Length = 0;
    assert_false(ms_rig_list_is_right(&rig, list, chains.head[0], chains.bytes));
    ms_chains_drop(&chains);
    ms_rig_drop(&rig);
    stand_close();
}

MS_TEST(stand_maps_every_shape_on_every_adapter_and_the_bytes_are_right)
{
    const struct ms_scenario *scenario = ms_scenario_find("map");
    const struct ms_adapter_info *adapters;
    const struct ms_shape_info *shape;

    stand_open();
    for (size_t a = 0; a < ms_scenario_list_adapters(scenario, &adapters); a++) {
        for (size_t s = 0; (shape = scenario->shape(catalog, s)); s++) {
            char cell[MS_CELL_NAME_BYTES];
            struct ms_cell_key key;

            snprintf(cell, sizeof cell, "map/strategy:spin-bitmap/adapter:%s/shape:%s/threads:1",
                     adapters[a].name, shape->name);
            assert_true(ms_key_parse(cell, &key));
            if (ms_scenario_is_offered(scenario, catalog, &key))
                assert_int_equal(measured(cell, 1, 40).ops, 40);
        }
    }
    stand_close();
}

MS_TEST(stand_every_strategy_does_whole_transfers)
{
    const struct ms_scenario *scenario = ms_scenario_find("transfer");
    const struct ms_adapter_info *adapters;
    const struct ms_contender *all;
    const struct ms_shape_info *shape;

    stand_open();
    for (size_t a = 0; a < ms_scenario_list_adapters(scenario, &adapters); a++) {
        for (size_t s = 0; (shape = scenario->shape(catalog, s)); s++) {
            for (size_t i = 0; i < ms_catalog_contenders(catalog, &all); i++) {
                char cell[MS_CELL_NAME_BYTES];
                struct ms_cell_key key;

                snprintf(cell, sizeof cell,
                         "transfer/strategy:%s/adapter:%s/shape:%s/threads:2/registers:1024",
                         all[i].name, adapters[a].name, shape->name);
                assert_true(ms_key_parse(cell, &key));
                if (all[i].part <= MS_PART_BASELINE &&
                    !ms_scenario_refusal(scenario, catalog, &all[i], &key))
                    assert_int_equal(measured(cell, 2, 200).ops, 200);
                key.threads = 1;
                ms_key_print(&key, cell, sizeof cell);
                if (all[i].part <= MS_PART_BASELINE &&
                    !ms_scenario_refusal(scenario, catalog, &all[i], &key))
                    assert_int_equal(measured(cell, 2, 200).ops, 200);
            }
        }
    }
    stand_close();
}

MS_TEST(stand_refuses_what_does_not_exist_with_a_sentence)
{
    static const char *const cells[] = {
        "nothing/strategy:spin-bitmap/shape:1r/threads:1/registers:64",
        "registers/strategy:nobody/shape:1r/threads:1/registers:64",
        "registers/strategy:spin-bitmap/shape:9r/threads:1/registers:64",
        "registers/strategy:spin-bitmap/shape:1r/threads:0/registers:64",
        "registers/strategy:spin-bitmap/shape:1r/threads:1000/registers:64",
        "registers/strategy:spin-bitmap/shape:1r/threads:1/registers:99999999",
        "map/strategy:spin-bitmap/adapter:sg64/shape:no/threads:1",
    };

    stand_open();
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        struct ms_reading reading;
        struct ms_cell_key key;
        char why[MS_WHY_BYTES] = "";

        assert_true(ms_key_parse(cells[i], &key));
        assert_false(ms_stand_measure(stand, &key, 1, 10, &reading, why));
        assert_true(strlen(why) > 10);
    }
    stand_close();
}

MS_TEST(open_loop_times_every_operation_of_every_thread)
{
    static struct ms_histogram latency;
    struct ms_reading reading;
    struct ms_cell_key key;
    char why[MS_WHY_BYTES] = "";
    bool is_saturated;

    stand_open();
    assert_true(
        ms_key_parse("registers/strategy:cas-bitmap/shape:mix75/threads:2/registers:1024", &key));
    assert_true(
        ms_stand_time_each(stand, &key, 3, 20000, 0.0, &reading, &latency, &is_saturated, why));
    assert_int_equal(latency.total, 20000);
    assert_false(is_saturated); /* a closed loop cannot be */
    assert_true(
        ms_stand_time_each(stand, &key, 3, 20000, 1.0, &reading, &latency, &is_saturated, why));
    assert_int_equal(latency.total, 20000);
    assert_true(is_saturated); /* nobody does one a nanosecond */
    stand_close();
}

MS_TEST(stand_an_answer_survives_its_line)
{
    struct ms_reading r = {.ops = 1000,
                           .wall_ns = 5000000,
                           .cpu_ns = 4999999,
                           .delay_ns = 17,
                           .switches_forced = 3,
                           .delay_share = 0.25,
                           .overlap = 0.75,
                           .is_bound = true,
                           .calm_ops = 800,
                           .calm_ns = 3000001,
                           .shared = 0.5};
    struct ms_reading back;
    char line[1024];

    ms_reading_print(&r, line, sizeof line);
    assert_true(ms_reading_parse(line, &back));
    assert_memory_equal(&r, &back, sizeof r);
    assert_false(ms_reading_parse("ok\t1\t2", &back));
    assert_false(ms_reading_parse("", &back));
    line[1] = 'x';
    assert_false(ms_reading_parse(line, &back));
}
