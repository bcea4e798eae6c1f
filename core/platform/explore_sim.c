/* SPDX-License-Identifier: MIT */
/*
 * explore_sim.c: the exhaustive search is itself checked: where plain search over all interleavings
 * can finish, the reduced one must reach the same final states and find the same planted bugs.
 */
#include "platform/sim_explore.h"
#include "platform/test.h"

enum { NODES = 4, NONE = 0xFF };

/* A tiny lock-free stack of node numbers, with or without a tag, and a scratch pad. */
struct pad {
    ms_atomic_u32 head; /* tag in the upper half */
    ms_atomic_u32 link[NODES];
    ms_atomic_u32 x, y;
    uint32_t tag_step;
    uint32_t owner[NODES];
    uint32_t r[4];
};

static uint32_t pad_pop(struct pad *p)
{
    uint32_t seen = ms_load_acquire(&p->head);

    for (;;) {
        uint32_t top = seen & 0xFFFF;
        if (top == NONE)
            return NONE;
        uint32_t next = ms_load_relaxed(&p->link[top]);
        uint32_t with_tag = ((seen >> 16) + p->tag_step) << 16;
        if (ms_cas_acq_rel(&p->head, &seen, with_tag | next))
            return top;
    }
}

static void pad_push(struct pad *p, uint32_t node)
{
    uint32_t seen = ms_load_relaxed(&p->head);

    do {
        ms_store_relaxed(&p->link[node], seen & 0xFFFF);
    } while (!ms_cas_release(&p->head, &seen, (((seen >> 16) + p->tag_step) << 16) | node));
}

static uint32_t pad_take(struct pad *p)
{
    uint32_t node = pad_pop(p);

    if (node != NONE && p->owner[node]++ != 0)
        ms_sim_fail("O1 one node, two owners", "node %u", node);
    return node;
}

static void pad_give(struct pad *p, uint32_t node)
{
    if (node == NONE)
        return;
    p->owner[node]--;
    pad_push(p, node);
}

static void pop_one(void *context)
{
    struct pad *p = context;

    p->r[ms_sim_self()] = pad_take(p);
}

static void pop_two_push_first(void *context)
{
    struct pad *p = context;
    uint32_t first = pad_take(p);
    uint32_t second = pad_take(p);

    pad_give(p, first);
    p->r[ms_sim_self()] = second;
}

static void pop_and_push(void *context)
{
    pad_give(context, pad_take(context));
}

static void store_and_load(void *context)
{
    struct pad *p = context;
    bool is_left = ms_sim_self() == 0;

    ms_store_seq_cst(is_left ? &p->x : &p->y, 1);
    p->r[ms_sim_self()] = ms_load_seq_cst(is_left ? &p->y : &p->x);
}

static void count_badly(void *context)
{
    struct pad *p = context;

    ms_store_relaxed(&p->x, ms_load_relaxed(&p->x) + 1);
    p->r[ms_sim_self()] = ms_load_relaxed(&p->y);
}

static void count_well(void *context)
{
    struct pad *p = context;

    ms_fetch_add_relaxed(&p->x, 1);
    ms_fetch_add_relaxed(&p->y, ms_load_relaxed(&p->x));
}

static void wait_for_x(void *context)
{
    struct pad *p = context;

    while (ms_load_acquire(&p->x) == 0)
        ms_wait(&p->x, 0, UINT64_MAX);
    p->r[ms_sim_self()] = 1;
}

static void set_x(void *context)
{
    struct pad *p = context;

    ms_store_release(&p->x, 1);
    ms_wake(&p->x, UINT32_MAX);
}

static void set_x_before_wait_only(void *context)
{
    struct pad *p = context;

    ms_wake(&p->x, UINT32_MAX);
    ms_store_release(&p->x, 1);
}

static void pad_reset(void *context)
{
    struct pad *p = context;
    uint32_t tag_step = p->tag_step;

    memset(p, 0, sizeof *p);
    p->tag_step = tag_step;
    for (uint32_t i = 0; i < NODES; i++)
        ms_init(&p->link[i], i + 1 < NODES ? i + 1 : NONE);
}

static uint64_t pad_digest(void *context)
{
    const struct pad *p = context;
    uint64_t digest = ms_load_relaxed(&p->head) & 0xFFFF;

    for (uint32_t i = 0; i < NODES; i++)
        digest = digest * 31 + p->owner[i];
    for (uint32_t i = 0; i < 4; i++)
        digest = digest * 31 + p->r[i];
    return digest * 31 * 31 + ms_load_relaxed(&p->x) * 31 + ms_load_relaxed(&p->y);
}

static struct ms_sim_explored explored, plain;

static uint32_t preemptions; /* of a bounded search */

static void explore(struct pad *p, ms_thread_body *a, ms_thread_body *b, ms_thread_body *c,
                    enum ms_sim_search search, struct ms_sim_explored *out)
{
    struct ms_sim_actor actors[3] = {{"a", a, p}, {"b", b, p}, {"c", c, p}};
    struct ms_sim_scenario scenario = {.reset = pad_reset, .digest = pad_digest, .context = p};

    ms_sim_config_init(&scenario.config);
    scenario.config.actors = actors;
    scenario.config.actor_count = c ? 3 : b ? 2 : 1;
    scenario.preemptions = preemptions;
    ms_sim_explore(&scenario, search, 3000000, out);
}

MS_TEST(reduced_search_reaches_the_states_of_plain_search_with_fewer_executions)
{
    static const struct {
        const char *name;
        ms_thread_body *body[3];
        uint64_t executions; /* of the reduced search: a change is a change of the switch points */
    } cases[] = {
        {"store and load, twice", {store_and_load, store_and_load}, 3},
        {"two lost updates", {count_badly, count_badly, NULL}, 4},
        {"three lost updates", {count_badly, count_badly, count_badly}, 36},
        {"two counters", {count_well, count_well, NULL}, 8},
        {"wait and signal", {wait_for_x, set_x, NULL}, 6},
        {"two wait, one signals", {wait_for_x, set_x, wait_for_x}, 36},
        {"pop, pop", {pop_one, pop_one, NULL}, 4},
        {"pop and push, pop", {pop_and_push, pop_one, NULL}, 13},
    };
    struct pad p = {.tag_step = 1};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        explore(&p, cases[i].body[0], cases[i].body[1], cases[i].body[2], MS_SIM_REDUCED,
                &explored);
        explore(&p, cases[i].body[0], cases[i].body[1], cases[i].body[2], MS_SIM_PLAIN, &plain);
        print_message("%-24s %6lu executions, %5lu blocked, %2u states; plain %lu\n", cases[i].name,
                      explored.executions, explored.sleep_blocked, explored.state_count,
                      plain.executions);
        assert_true(explored.is_complete);
        assert_true(plain.is_complete);
        assert_int_equal(explored.state_count, plain.state_count);
        assert_memory_equal(explored.states, plain.states, plain.state_count * sizeof(uint64_t));
        assert_true(explored.executions <= plain.executions);
        assert_int_equal(explored.executions, cases[i].executions);
    }
}

MS_TEST(the_reduced_search_finds_aba_without_a_tag_and_proves_its_absence_with_one)
{
    struct pad p = {.tag_step = 0};

    explore(&p, pop_one, pop_two_push_first, pop_one, MS_SIM_REDUCED, &explored);
    assert_int_equal(explored.bug.verdict, MS_SIM_BUG);
    assert_memory_equal(explored.bug.bug, "O1", 2);
    p.tag_step = 1;
    explore(&p, pop_one, pop_two_push_first, pop_one, MS_SIM_REDUCED, &explored);
    assert_true(explored.is_complete);
    assert_int_equal(explored.bug.verdict, MS_SIM_CLEAN);
    print_message("tagged stack: %lu executions, %lu blocked, %u states\n", explored.executions,
                  explored.sleep_blocked, explored.state_count);
}

/* A bound that is never met leaves every interleaving; none at all leaves the orders of whole threads. */
MS_TEST(bounded_search_is_plain_search_with_fewer_interruptions)
{
    struct pad p = {.tag_step = 1};
    uint64_t before = 0;

    explore(&p, count_badly, count_badly, count_badly, MS_SIM_PLAIN, &plain);
    for (preemptions = 0; preemptions <= 8; preemptions++) {
        explore(&p, count_badly, count_badly, count_badly, MS_SIM_BOUNDED, &explored);
        assert_true(explored.is_complete);
        assert_true(explored.executions >= before && explored.executions <= plain.executions);
        before = explored.executions;
        if (preemptions == 0) {
            assert_int_equal(explored.executions, 6);  /* three threads, one after the other */
            assert_int_equal(explored.state_count, 1); /* nothing is lost */
        }
        if (preemptions >= 2)
            assert_int_equal(explored.state_count, plain.state_count);
    }
    assert_int_equal(explored.executions, plain.executions);
    assert_memory_equal(explored.states, plain.states, plain.state_count * sizeof(uint64_t));
    p.tag_step = 0;
    for (preemptions = 0; preemptions <= 1; preemptions++) {
        explore(&p, pop_one, pop_two_push_first, pop_one, MS_SIM_BOUNDED, &explored);
        /* ABA: one is interrupted, another goes to its end. */
        assert_int_equal(explored.bug.verdict, preemptions == 0 ? MS_SIM_CLEAN : MS_SIM_BUG);
    }
    preemptions = 0;
}

MS_TEST(both_searches_find_a_lost_wake_up)
{
    struct pad p = {0};

    explore(&p, wait_for_x, set_x_before_wait_only, NULL, MS_SIM_REDUCED, &explored);
    assert_string_equal(explored.bug.bug, "deadlock");
    explore(&p, wait_for_x, set_x_before_wait_only, NULL, MS_SIM_PLAIN, &plain);
    assert_string_equal(plain.bug.bug, "deadlock");
}

/* --- stopped threads -----------------------------------------------------------------------------
 */

static void locked_update(void *context)
{
    struct pad *p = context;

    while (ms_exchange_acquire(&p->x, 1) != 0)
        ms_spin_hint();
    p->r[0]++;
    ms_store_release(&p->x, 0);
}

static void stop(struct pad *p, ms_thread_body *body, uint32_t bound, struct ms_sim_stopped *out)
{
    struct ms_sim_actor actors[3] = {{"a", body, p}, {"b", body, p}, {"c", body, p}};
    struct ms_sim_scenario scenario = {.reset = pad_reset, .digest = pad_digest, .context = p};

    ms_sim_config_init(&scenario.config);
    scenario.config.actors = actors;
    scenario.config.actor_count = 3;
    ms_sim_stop_each(&scenario, MS_SIM_NOBODY, 50, bound, out);
}

MS_TEST(a_thread_stopped_anywhere_holds_up_a_lock_but_not_the_stack)
{
    struct pad p = {.tag_step = 1};
    struct ms_sim_stopped stopped;

    stop(&p, pop_and_push, 40, &stopped);
    assert_int_equal(stopped.failures, 0);
    assert_true(stopped.points > 3 * 6 * 40);
    stop(&p, locked_update, 40, &stopped);
    assert_true(stopped.failures > 0);
    assert_int_equal(stopped.failed_step, 1);
    assert_string_equal(stopped.failed_site->expression, "&p->x");
    assert_int_equal(stopped.failed_site->kind, MS_SIM_STORE);
}

MS_TEST(a_step_bound_that_is_too_low_fails)
{
    struct pad p = {.tag_step = 1};
    struct ms_sim_stopped stopped;

    stop(&p, pop_and_push, 10, &stopped);
    assert_true(stopped.failures > 0);
}
