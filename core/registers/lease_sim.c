/* SPDX-License-Identifier: MIT */
/*
 * lease_sim.c: a lease of extent-lease that ends and begins anew with another CPU, under seeded schedules
 * and weak memory (hb:lease): who leases next must see the image as it was left, empty. A third CPU gives a
 * run back meanwhile, without which nobody would want the group.
 */
#include <stdlib.h>

#include "platform/test_sim.h"
#include "registers/registers.h"

enum { LEAVING, COMING, CPUS };
enum { GROUP = 512, REGISTERS = 2 * GROUP, EARLY = 8, TAKEN = 3, RUNS = 3000 };

struct world {
    const struct ms_reg_ops *ops;
    void *state;
    ms_reg early; /* taken by LEAVING before the start, given back beside it */
    uint32_t owner[REGISTERS];
};

static void run_own(struct world *w, ms_reg first, uint32_t run)
{
    for (uint32_t i = first; first != MS_REG_NONE && i < first + run; i++)
        if (w->owner[i]++ != 0)
            ms_sim_fail("two owners", "register %u", i);
}

static ms_reg run_take(struct world *w, uint32_t cpu, uint32_t run)
{
    ms_reg first = w->ops->take(w->state, cpu, (struct ms_reg_want){run, 1, 0});

    run_own(w, first, run);
    return first;
}

/* Takes what is left of its group and leaves it. */
static void leaving(void *context)
{
    struct world *w = context;

    run_take(w, LEAVING, GROUP - EARLY);
    w->ops->drain(w->state, LEAVING);
}

static void giver(void *context)
{
    struct world *w = context;

    memset(w->owner + w->early, 0, EARLY * sizeof *w->owner);
    w->ops->give(w->state, MS_CPU_NONE, w->early, EARLY);
}

static void coming(void *context)
{
    for (uint32_t i = 0; i < TAKEN; i++)
        run_take(context, COMING, 1);
}

static void check_audit(void *context)
{
    struct world *w = context;

    if (!w->ops->audit(w->state))
        ms_sim_fail("audit", "an invariant is broken");
}

MS_TEST(sim_who_leases_a_group_next_sees_it_as_it_was_left)
{
    static struct world w;
    const struct ms_sim_actor actors[] = {{.name = "leaving", .body = leaving, .context = &w},
                                          {.name = "giver", .body = giver, .context = &w},
                                          {.name = "coming", .body = coming, .context = &w}};
    struct ms_reg_shape shape = {REGISTERS, CPUS};
    struct ms_sim_config config;

    w.ops = ms_strategy_find("extent-lease");
    size_t bytes = ms_round_up(w.ops->state_size(shape), MS_CACHE_LINE);
    w.state = aligned_alloc(MS_CACHE_LINE, bytes); /* not the platform's: it outlives the runs */
    assert_non_null(w.state);
    ms_sim_config_init(&config);
    config.actors = actors;
    config.actor_count = 3;
    config.check = check_audit;
    config.check_context = &w;
    for (uint32_t run = 0; run < RUNS; run++) {
        memset(w.state, 0, bytes);
        memset(w.owner, 0, sizeof w.owner);
        w.ops->init(w.state, shape);
        run_take(&w, MS_CPU_NONE, GROUP); /* the higher group, for good */
        w.early = run_take(&w, LEAVING, EARLY);
        sim_play(&config, run, 200, 40, 160);
    }
    free(w.state);
}
