/* SPDX-License-Identifier: MIT */
/*
 * sim_explore.c: every interleaving of a small program, once per class of equal ones.
 *
 * Idea        stateless search: run, find where two dependent steps could have come in the other
 *             order, go back there, run again from the start. Two steps depend on each other when
 *             they touch one address and one writes. (Flanagan and Godefroid's dynamic
 *             partial-order reduction; Godefroid's sleep sets on top.)
 * Races       two dependent steps, ordered by nothing else. For the later one to come first, what came in between
 *             and is not ordered behind the earlier one must come first too: one of those who can begin that is tried
 *             before the earlier step. (Source sets, Abdulla, Aronis, Jonsson and Sagonas. To try the later step's
 *             fiber alone, as Flanagan and Godefroid do, misses orders when that fiber sleeps there.)
 * Sleep       a fiber whose alternatives were all explored sleeps until a dependent step; an
 *             execution in which all who can run sleep is equivalent to an earlier one: given up
 * Waking      who can run only because of a step is ordered behind it
 * Bounded     plain search, but who can go on does, unless one of a few interruptions is spent on another:
 *             n steps of few threads have about n^k such interleavings for k interruptions, not k^n
 * Claims      complete for the given program under sequential consistency, in the model where a
 *             spinning fiber waits for a write. Weak memory and longer programs are the fuzzers'.
 * Validated   against plain search over all interleavings: same final states (explore_sim.c)
 */
#include "platform/sim_explore.h"
#include "platform/sim_state.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 4096, PLACES = 8192 /* a power of two */, NOWHERE = -1 };

/* The state before step `index of node`, and the step taken from it. */
struct node {
    struct ms_sim_pending pending[MS_SIM_FIBERS_MAX];
    uint32_t enabled;
    uint32_t backtrack; /* to be explored from here */
    uint32_t explored;
    uint32_t sleep;
    uint32_t chosen;
    uint32_t current;    /* who came here; MS_SIM_NOBODY: it cannot go on */
    uint32_t spent;      /* interruptions before this step */
    const void *address; /* of the step taken */
    bool wrote;
    int32_t before; /* the step before this one at the same address, or NOWHERE */
    uint16_t clock[MS_SIM_FIBERS_MAX]; /* of the step taken: steps (+1) ordered before or equal */
};

struct search {
    enum ms_sim_search kind;
    uint32_t preemptions; /* MS_SIM_BOUNDED */
    struct node *node;
    uint32_t depth;  /* nodes of the current execution */
    uint32_t prefix; /* of which the first so many are replayed */
    uint32_t done;   /* of which so many have been looked at: step_done */
    uint16_t fiber_clock[MS_SIM_FIBERS_MAX][MS_SIM_FIBERS_MAX];
    bool is_blocked;
    bool is_too_deep;
    uint32_t generation;
    struct {
        const void *address;
        uint32_t generation;
        int32_t last; /* newest step at the address */
    } place[PLACES];
};

/* The newest step at an address: steps that touch one address form a chain, and only those can
 * depend on each other. */
static int32_t *last_at(struct search *s, const void *address)
{
    uint32_t at = (uint32_t)(((uintptr_t)address * 0x9E3779B97F4A7C15u) >> 40) % PLACES;

    while (s->place[at].generation == s->generation && s->place[at].address != address)
        at = (at + 1) % PLACES;
    if (s->place[at].generation != s->generation) {
        s->place[at].generation = s->generation;
        s->place[at].address = address;
        s->place[at].last = NOWHERE;
    }
    return &s->place[at].last;
}

static bool depends(const struct node *taken, const struct ms_sim_pending *next)
{
    return taken->address && taken->address == next->address && (taken->wrote || next->is_write);
}

static bool is_after(const uint16_t *clock, uint32_t fiber, int32_t step)
{
    return clock[fiber] > step;
}

/* Whatever is ordered before it, but for its own fiber's steps, came before `step`. */
static bool begins_at(const uint16_t *clock, uint32_t fiber, int32_t step)
{
    for (uint32_t f = 0; f < MS_SIM_FIBERS_MAX; f++)
        if (f != fiber && clock[f] > step)
            return false;
    return true;
}

/* The newest step should come before `step`, with which it races: who can begin the steps since then that are not
 * ordered behind that one. */
static uint32_t beginners(const struct search *s, int32_t step)
{
    uint32_t seen = 0;
    uint32_t first = 0;

    for (uint32_t i = (uint32_t)step + 1; i < s->depth; i++) {
        const struct node *n = &s->node[i];
        bool is_last = i + 1 == s->depth;
        if ((seen >> n->chosen & 1) || (!is_last && is_after(n->clock, s->node[step].chosen, step)))
            continue;
        seen |= 1u << n->chosen;
        if (is_last) {
            bool begins = begins_at(s->fiber_clock[n->chosen], n->chosen, step);
            for (int32_t k = n->before; k > step && begins; k = s->node[k].before)
                begins = is_after(s->node[k].clock, s->node[step].chosen, step) ||
                         !(s->node[k].wrote || n->wrote);
            first |= begins ? 1u << n->chosen : 0;
        } else if (begins_at(n->clock, n->chosen, step)) {
            first |= 1u << n->chosen;
        }
    }
    return first;
}

/* Nothing else orders the two: no step between them is ordered behind the one and before the other. */
static bool is_direct(const struct search *s, int32_t step, const struct node *n)
{
    uint32_t fiber = s->node[step].chosen;

    if (fiber == n->chosen || is_after(s->fiber_clock[n->chosen], fiber, step))
        return false;
    for (int32_t k = n->before; k > step; k = s->node[k].before)
        if ((s->node[k].wrote || n->wrote) && is_after(s->node[k].clock, fiber, step))
            return false;
    return true;
}

/* Where could the newest step have come earlier and mattered? */
static void add_backtrack(struct search *s, const struct node *n)
{
    for (int32_t i = n->before; i != NOWHERE; i = s->node[i].before) {
        struct node *earlier = &s->node[i];
        if (!(earlier->wrote || n->wrote) || !is_direct(s, i, n))
            continue;
        uint32_t first = beginners(s, i);
        if (first & (earlier->backtrack | earlier->sleep))
            continue;
        first &= earlier->enabled;
        if (first >> n->chosen & 1)
            first = 1u << n->chosen;
        earlier->backtrack |= first ? first & -first : earlier->enabled;
    }
}

/* The newest step was a compare-exchange that failed: it only read. */
static bool has_failed(const struct search *s)
{
    uint32_t i = sim.result.event_count;

    while (i-- > 0)
        if (sim.events[i].step == s->depth)
            return sim.events[i].failed;
        else if (sim.events[i].step != 0)
            return false;
    return false;
}

/* The step from the newest node has been done: what it touched, and what is ordered before it. */
static void step_done(struct search *s)
{
    struct node *n = &s->node[s->depth - 1];
    uint16_t *mine = s->fiber_clock[n->chosen];
    const struct ms_sim_pending *did = &n->pending[n->chosen];

    s->done = s->depth;
    n->address = did->address;
    n->wrote = did->is_write && !has_failed(s);
    if (s->kind != MS_SIM_REDUCED)
        return;
    n->before = NOWHERE;
    if (did->address) {
        int32_t *last = last_at(s, did->address);
        n->before = *last;
        *last = (int32_t)s->depth - 1;
    }
    if (s->depth >= s->prefix)
        add_backtrack(s, n);
    for (int32_t i = n->before; i != NOWHERE; i = s->node[i].before)
        if (s->node[i].wrote || n->wrote)
            for (uint32_t f = 0; f < MS_SIM_FIBERS_MAX; f++)
                if (s->node[i].clock[f] > mine[f])
                    mine[f] = s->node[i].clock[f];
    mine[n->chosen] = (uint16_t)s->depth; /* index + 1 */
    memcpy(n->clock, mine, sizeof n->clock);
}

/* Who could not run before the newest step, and can now. */
static void woken_after(struct search *s, uint32_t runnable)
{
    const struct node *n = &s->node[s->depth - 1];

    for (uint32_t rest = runnable & ~n->enabled; rest; rest &= rest - 1) {
        uint16_t *clock = s->fiber_clock[__builtin_ctz(rest)];
        for (uint32_t f = 0; f < MS_SIM_FIBERS_MAX; f++)
            if (n->clock[f] > clock[f])
                clock[f] = n->clock[f];
    }
}

/* Who still sleeps after the newest step. */
static uint32_t sleep_after(const struct search *s)
{
    const struct node *n;
    uint32_t sleep;

    if (s->depth == 0 || s->kind != MS_SIM_REDUCED)
        return 0;
    n = &s->node[s->depth - 1];
    sleep = (n->sleep | n->explored) & ~(1u << n->chosen);
    for (uint32_t rest = sleep; rest; rest &= rest - 1) {
        uint32_t f = (uint32_t)__builtin_ctz(rest);
        if (depends(n, &n->pending[f]))
            sleep &= ~(1u << f);
    }
    return sleep;
}

/* The step taken from here interrupts somebody who could go on. */
static bool is_interruption(const struct node *n)
{
    return n->current != MS_SIM_NOBODY && n->chosen != n->current;
}

/* Who is to be tried here. */
static uint32_t to_try(const struct search *s, const struct node *n)
{
    if (s->kind == MS_SIM_REDUCED)
        return 1u << n->chosen; /* add_backtrack adds to it */
    if (s->kind == MS_SIM_BOUNDED && n->current != MS_SIM_NOBODY && n->spent >= s->preemptions)
        return 1u << n->current;
    return n->enabled;
}

static uint32_t decide(const struct ms_sim_choice *choice, void *context)
{
    struct search *s = context;
    struct node *n = &s->node[s->depth];
    uint32_t free;

    if (s->depth > 0) {
        step_done(s);
        woken_after(s, choice->runnable);
    }
    if (s->depth < s->prefix) {
        ms_require(n->enabled == choice->runnable); /* the program is deterministic */
        /* The same steps, but their objects may lie elsewhere this time. */
        for (uint32_t f = 0; f < MS_SIM_FIBERS_MAX; f++)
            n->pending[f] = *choice->pending[f];
        s->depth++;
        return n->chosen;
    }
    if (s->depth + 1 >= DEPTH_MAX) {
        s->is_too_deep = true;
        return MS_SIM_NOBODY;
    }
    n->enabled = choice->runnable;
    for (uint32_t f = 0; f < MS_SIM_FIBERS_MAX; f++)
        n->pending[f] = *choice->pending[f];
    n->current = choice->current;
    if (s->depth == 0 || n->current == MS_SIM_NOBODY || !(n->enabled >> n->current & 1))
        n->current = MS_SIM_NOBODY; /* nobody is interrupted before the first step */
    n->spent = s->depth > 0 ? n[-1].spent + is_interruption(&n[-1]) : 0;
    n->sleep = sleep_after(s);
    free = n->enabled & ~n->sleep;
    if (!free) {
        s->is_blocked = true;
        return MS_SIM_NOBODY;
    }
    n->chosen = choice->current != MS_SIM_NOBODY && (free >> choice->current & 1)
                    ? choice->current
                    : (uint32_t)__builtin_ctz(free);
    n->backtrack = to_try(s, n);
    n->explored = 1u << n->chosen;
    s->depth++;
    return n->chosen;
}

/* Sets the next execution's prefix; false when nothing is left. */
static bool next_prefix(struct search *s)
{
    for (uint32_t i = s->depth; i-- > 0;) {
        struct node *n = &s->node[i];
        uint32_t left = n->backtrack & ~n->explored & ~n->sleep;
        if (!left)
            continue;
        n->chosen = (uint32_t)__builtin_ctz(left);
        n->explored |= 1u << n->chosen;
        s->prefix = i + 1;
        return true;
    }
    return false;
}

static void state_add(struct ms_sim_explored *explored, uint64_t digest)
{
    uint32_t low = 0;
    uint32_t high = explored->state_count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (explored->states[middle] < digest)
            low = middle + 1;
        else
            high = middle;
    }
    if ((low < explored->state_count && explored->states[low] == digest) ||
        explored->state_count == MS_SIM_STATES_MAX)
        return;
    memmove(&explored->states[low + 1], &explored->states[low],
            (explored->state_count - low) * sizeof explored->states[0]);
    explored->states[low] = digest;
    explored->state_count++;
}

void ms_sim_explore(const struct ms_sim_scenario *scenario, enum ms_sim_search search,
                    uint64_t executions_max, struct ms_sim_explored *explored)
{
    static struct search s; /* large; one search at a time */
    struct ms_sim_config config = scenario->config;
    struct ms_sim_result result;

    s.kind = search;
    s.preemptions = scenario->preemptions;
    s.prefix = 0;
    s.is_too_deep = false;
    s.node = calloc(DEPTH_MAX, sizeof *s.node);
    ms_require(s.node != NULL);
    memset(explored, 0, sizeof *explored);
    explored->is_complete = true;
    config.schedule =
        (struct ms_sim_schedule){.strategy = MS_SIM_ASKED, .decide = decide, .decide_context = &s};
    config.strong_memory = true;
    do {
        s.depth = s.done = 0;
        s.is_blocked = false;
        s.generation++;
        memset(s.fiber_clock, 0, sizeof s.fiber_clock);
        scenario->reset(scenario->context);
        ms_sim_run(&config, &result);
        if (s.done < s.depth) /* nobody was asked after the last step */
            step_done(&s);
        if (result.verdict == MS_SIM_BUG) {
            explored->bug = result;
            explored->is_complete = false;
        } else if (s.is_blocked) {
            explored->sleep_blocked++;
        } else if (result.verdict == MS_SIM_INCONCLUSIVE) {
            explored->is_complete = false;
        } else {
            state_add(explored, scenario->digest(scenario->context));
        }
        explored->executions += !s.is_blocked;
        if (result.steps > explored->steps_max)
            explored->steps_max = result.steps;
        if (explored->executions + explored->sleep_blocked >= executions_max)
            explored->is_complete = false;
        explored->is_complete &= !s.is_too_deep;
    } while (explored->bug.verdict != MS_SIM_BUG && !s.is_too_deep &&
             explored->executions + explored->sleep_blocked < executions_max && next_prefix(&s));
    free(s.node);
}

/* --- stopped threads -----------------------------------------------------------------------------
 */

static void stop_schedule(struct ms_sim_schedule *schedule, uint32_t number)
{
    *schedule = (struct ms_sim_schedule){.strategy = MS_SIM_DENSE};
    if (number == 0)
        return;
    schedule->strategy = number % 2 ? MS_SIM_WALK : MS_SIM_PCT;
    schedule->seed = number;
    schedule->depth = 3;
    schedule->stale_of_256 = number % 3 == 0 ? 32 : 0;
}

void ms_sim_stop_each(const struct ms_sim_scenario *scenario, uint32_t only_actor,
                      uint32_t schedules, uint32_t bound, struct ms_sim_stopped *stopped)
{
    struct ms_sim_config config = scenario->config;
    struct ms_sim_result result;

    memset(stopped, 0, sizeof *stopped);
    config.freeze_bound = bound;
    config.no_check_when_frozen = true;
    for (uint32_t actor = 0; actor < config.actor_count; actor++) {
        if (only_actor != MS_SIM_NOBODY && actor != only_actor)
            continue;
        for (uint32_t number = 0; number < schedules; number++) {
            stop_schedule(&config.schedule, number);
            for (uint32_t step = 0;; step++) {
                config.freeze_actor = actor;
                config.freeze_step = step;
                scenario->reset(scenario->context);
                ms_sim_run(&config, &result);
                stopped->executions++;
                if (!result.froze)
                    break;
                stopped->points++;
                if (scenario->stopped)
                    scenario->stopped(scenario->context, actor, &result);
                if (result.frozen_steps > stopped->steps_worst)
                    stopped->steps_worst = result.frozen_steps;
                if (result.verdict == MS_SIM_CLEAN)
                    continue;
                if (stopped->failures++ == 0) {
                    stopped->failed_actor = actor;
                    stopped->failed_step = step;
                    stopped->failed_site = sim.fiber[actor].pending.site;
                    stopped->failed = result;
                }
            }
            if (result.verdict == MS_SIM_BUG && stopped->failures == 0) {
                stopped->failures = 1; /* wrong without anybody stopped */
                stopped->failed = result;
            }
        }
    }
}
