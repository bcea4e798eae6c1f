/* SPDX-License-Identifier: MIT */
/*
 * post_sim.c: the post of extent-lease under seeded schedules and weak memory: one CPU took, another gives
 * back and so sends parcels, while the first opens them and a third finds too little and empties every
 * box; and CPUs that fill their stock from one word, because the file is too small for leases. The race check judges the way of each register by a plain word.
 */
#include <stdlib.h>

#include "platform/test_sim.h"
#include "registers/registers.h"

enum { TAKER, GIVER, COLLECTOR, CPUS };
enum { REGISTERS = 64, GIVEN = 14, TAKEN = 6, RUNS = 4000 };

struct world {
    const struct ms_reg_ops *ops;
    void *state;
    uint32_t givers;     /* who share the runs to be given; 0: all CPUs came, nobody leases */
    ms_reg given[GIVEN]; /* taken by TAKER before the start, for GIVER to give */
    uint32_t cell[REGISTERS];
};

static void cells_use(struct world *w, ms_reg first, uint32_t run)
{
    for (uint32_t i = first; i < first + run; i++) {
        ms_data_write(&w->cell[i], sizeof w->cell[i]);
        w->cell[i]++;
    }
}

static ms_reg run_take(struct world *w, uint32_t cpu, uint32_t run)
{
    ms_reg first = w->ops->take(w->state, cpu, (struct ms_reg_want){run, 1, 0});

    if (first != MS_REG_NONE)
        cells_use(w, first, run);
    return first;
}

static void run_give(struct world *w, uint32_t cpu, ms_reg first, uint32_t run)
{
    cells_use(w, first, run);
    w->ops->give(w->state, cpu, first, run);
}

static void giver(void *context)
{
    struct world *w = context;

    for (uint32_t i = 0; i < GIVEN; i += w->givers)
        run_give(w, GIVER, w->given[i], 1);
}

static void second_giver(void *context)
{
    struct world *w = context;

    for (uint32_t i = 1; i < GIVEN; i += 2)
        run_give(w, COLLECTOR, w->given[i], 1);
}

static void take_and_give(struct world *w, uint32_t cpu)
{
    ms_reg taken[TAKEN];

    for (uint32_t i = 0; i < TAKEN; i++)
        taken[i] = run_take(w, cpu, 1);
    for (uint32_t i = 0; i < TAKEN; i++)
        if (taken[i] != MS_REG_NONE)
            run_give(w, cpu, taken[i], 1);
}

static void taker(void *context)
{
    take_and_give(context, TAKER);
}

static void second_taker(void *context)
{
    take_and_give(context, GIVER);
}

static void collector(void *context)
{
    struct world *w = context;
    ms_reg first = run_take(w, MS_CPU_NONE, REGISTERS - 5);

    if (first != MS_REG_NONE)
        run_give(w, COLLECTOR, first, REGISTERS - 5);
}

static void check_nothing_hidden(void *context)
{
    struct world *w = context;

    if (!w->ops->audit(w->state) || w->ops->free_count(w->state) != REGISTERS)
        ms_sim_fail("audit", "an invariant is broken, or registers are lost");
    if (run_take(w, COLLECTOR, REGISTERS) != 0)
        ms_sim_fail("stranded", "all are free and cannot be had");
}

/* Plays the actors in a fresh file; of which GIVEN registers are taken, if there are givers. */
static void play(const struct ms_sim_actor *actors, uint32_t count, uint32_t givers)
{
    static struct world w;
    struct ms_sim_actor own[CPUS];
    struct ms_reg_shape shape = {REGISTERS, CPUS};
    struct ms_sim_config config;

    w.givers = givers;
    w.ops = ms_strategy_find("extent-lease");
    size_t bytes = ms_round_up(w.ops->state_size(shape), MS_CACHE_LINE);
    w.state = aligned_alloc(MS_CACHE_LINE, bytes); /* not the platform's: it outlives the runs */
    assert_non_null(w.state);
    ms_sim_config_init(&config);
    config.actors = own;
    config.actor_count = count;
    config.check = check_nothing_hidden;
    config.check_context = &w;
    for (uint32_t i = 0; i < count; i++)
        own[i] = (struct ms_sim_actor){actors[i].name, actors[i].body, &w};
    for (uint32_t run = 0; run < RUNS; run++) {
        memset(w.state, 0, bytes);
        memset(w.cell, 0, sizeof w.cell);
        w.ops->init(w.state, shape);
        for (uint32_t i = 0; givers > 0 && i < GIVEN; i++)
            w.given[i] = w.ops->take(w.state, TAKER, (struct ms_reg_want){1, 1, 0});
        for (uint32_t cpu = 0; givers == 0 && cpu < CPUS; cpu++) {
            w.ops->give(w.state, cpu, w.ops->take(w.state, cpu, (struct ms_reg_want){1, 1, 0}), 1);
            w.ops->drain(w.state, cpu);
        }
        sim_play(&config, run, 400, 0, 100);
    }
    free(w.state);
}

static const struct ms_sim_actor who[] = {{.name = "giver", .body = giver},
                                          {.name = "taker", .body = taker},
                                          {.name = "collector", .body = collector},
                                          {.name = "second giver", .body = second_giver},
                                          {.name = "second taker", .body = second_taker}};

MS_TEST(sim_runs_that_another_cpu_gives_back_come_by_post)
{
    play(who, 2, 1);
}

MS_TEST(sim_who_finds_too_little_empties_the_boxes_of_others)
{
    play(who, 3, 1);
}

MS_TEST(sim_two_cpus_send_to_one)
{
    play((struct ms_sim_actor[]){who[0], who[1], who[3]}, 3, 2);
}

MS_TEST(sim_cpus_without_a_lease_fill_their_stock_from_one_word)
{
    play((struct ms_sim_actor[]){who[1], who[4]}, 2, 0);
    play((struct ms_sim_actor[]){who[1], who[4], who[2]}, 3, 0);
}
