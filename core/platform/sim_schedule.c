/* SPDX-License-Identifier: MIT */
/*
 * sim_schedule.c: who does the next step.
 *
 * Idea        one default (go on with who came here, else the lowest that can run) and strategies
 *             that depart from it. Whatever the strategy, departures are recorded as (step,
 * target), so each execution has an explicit form that replays without the strategy. Rules where
 * only one fiber can run nothing is asked and no input is used up read choices are a stream of
 * their own: one more stale load does not shift switches
 */
#include "platform/sim_state.h"

#include <string.h>

static uint32_t lowest(uint32_t mask)
{
    return (uint32_t)__builtin_ctz(mask);
}

static uint32_t default_of(const struct sim_fiber *current, uint32_t runnable)
{
    return runnable >> current->index & 1 ? current->index : lowest(runnable);
}

void sim_schedule_begin(void)
{
    const struct ms_sim_schedule *s = &sim.config.schedule;
    uint32_t estimate = s->steps_estimate ? s->steps_estimate : 100;

    sim.prng.state = s->seed;
    sim.dense_at = sim.preemption_at = sim.read_at = 0;
    sim.made_count = sim.read_count = 0;
    sim.record_overflow = false;
    sim.hold = HOLD_BEFORE;
    sim.change_count = 0;
    memset(sim.rule_visits, 0, sizeof sim.rule_visits);
    if (s->strategy != MS_SIM_PCT && s->strategy != MS_SIM_POS)
        return;
    /* Above all that a change can give. */
    for (uint32_t i = 0; i < MS_SIM_FIBERS_MAX; i++)
        sim.priority[i] = (ms_prng_next(&sim.prng) >> 1) + 256;
    if (s->strategy == MS_SIM_PCT) {
        sim.change_count = s->depth > 8 ? 8 : s->depth > 0 ? s->depth - 1 : 0;
        for (uint32_t i = 0; i < sim.change_count; i++)
            sim.change_at[i] = ms_prng_below(&sim.prng, estimate);
    }
}

static uint32_t pick_dense(const struct sim_fiber *current, uint32_t runnable)
{
    const struct ms_sim_schedule *s = &sim.config.schedule;
    uint32_t first = default_of(current, runnable);

    if (sim.dense_at >= s->dense_bytes)
        return first;
    uint32_t skip = s->dense[sim.dense_at++] % (uint32_t)__builtin_popcount(runnable);
    if (skip == 0)
        return first;
    uint32_t others = runnable & ~(1u << first);
    while (--skip > 0)
        others &= others - 1;
    return lowest(others);
}

/* `target`, or the next one after it that can run. */
static uint32_t nearest(uint32_t target, uint32_t runnable)
{
    uint32_t from = runnable & ~((1u << (target % MS_SIM_FIBERS_MAX)) - 1);

    return lowest(from ? from : runnable);
}

static uint32_t pick_sparse(const struct sim_fiber *current, uint32_t runnable)
{
    const struct ms_sim_schedule *s = &sim.config.schedule;
    uint32_t target = default_of(current, runnable);

    while (sim.preemption_at < s->preemption_count &&
           s->preemptions[sim.preemption_at].step <= sim.steps) {
        if (s->preemptions[sim.preemption_at].step == sim.steps)
            target = nearest(s->preemptions[sim.preemption_at].target, runnable);
        sim.preemption_at++;
    }
    return target;
}

/* Visits are counted on arrival, whether or not there is something to decide. */
static uint32_t rule_fired;

void sim_schedule_note(struct sim_fiber *fiber)
{
    const struct ms_sim_schedule *s = &sim.config.schedule;
    uint32_t site = fiber->pending.site ? fiber->pending.site->id : 0;

    rule_fired = UINT32_MAX;
    if (s->strategy == MS_SIM_KEYED) {
        uint32_t count = s->rule_count < 64 ? s->rule_count : 64;
        for (uint32_t i = 0; i < count; i++)
            if (s->rules[i].actor == fiber->index && s->rules[i].site == site &&
                sim.rule_visits[i]++ == s->rules[i].visit)
                rule_fired = i;
    }
    if (s->strategy == MS_SIM_POS)
        sim.priority[fiber->index] = (ms_prng_next(&sim.prng) >> 1) + 256;
}

static uint32_t pick_keyed(const struct sim_fiber *current, uint32_t runnable)
{
    if (rule_fired == UINT32_MAX)
        return default_of(current, runnable);
    return nearest(sim.config.schedule.rules[rule_fired].target, runnable);
}

static uint32_t pick_walk(uint32_t runnable)
{
    uint32_t skip = ms_prng_below(&sim.prng, (uint32_t)__builtin_popcount(runnable));

    while (skip-- > 0)
        runnable &= runnable - 1;
    return lowest(runnable);
}

static uint32_t highest_priority(uint32_t runnable)
{
    uint32_t best = lowest(runnable);

    for (uint32_t rest = runnable; rest; rest &= rest - 1)
        if (sim.priority[lowest(rest)] > sim.priority[best])
            best = lowest(rest);
    return best;
}

static uint32_t pick_pct(const struct sim_fiber *current, uint32_t runnable)
{
    for (uint32_t i = 0; i < sim.change_count; i++)
        if (sim.change_at[i] == sim.steps)
            sim.priority[current->index] = i; /* below everybody's first */
    return highest_priority(runnable);
}

static uint32_t pick_pos(uint32_t runnable)
{
    uint32_t chosen = highest_priority(runnable);
    const struct ms_sim_pending *next = &sim.fiber[chosen].pending;

    for (uint32_t rest = runnable & ~(1u << chosen); rest; rest &= rest - 1) {
        const struct ms_sim_pending *other = &sim.fiber[lowest(rest)].pending;
        if (other->address && other->address == next->address &&
            (other->is_write || next->is_write))
            sim.priority[lowest(rest)] = (ms_prng_next(&sim.prng) >> 1) + 256;
    }
    return chosen;
}

static uint32_t pick_stall(const struct sim_fiber *current, uint32_t runnable)
{
    const struct ms_sim_schedule *s = &sim.config.schedule;
    uint32_t victim = 1u << (s->stall_actor % MS_SIM_FIBERS_MAX);
    uint32_t others = runnable & ~victim;

    if (sim.fiber[s->stall_actor % MS_SIM_FIBERS_MAX].steps < s->stall_step || others == 0)
        others = runnable;
    return others == runnable ? pick_walk(runnable) : default_of(current, others);
}

static bool hold_is_over(const struct sim_fiber *victim)
{
    static const uint64_t looked_at[MS_SIM_UNTILS] = {0, 0xFF, UINT32_MAX, UINT64_MAX};
    uint32_t until = sim.config.schedule.depth % MS_SIM_UNTILS;
    uint64_t value = sim.hold_value;

    (void)sim_memory_peek(victim->pending.address, &value);
    sim.hold_written |= value != sim.hold_value;
    return sim.hold_written && ((value ^ sim.hold_value) & looked_at[until]) == 0 &&
           ms_prng_below(&sim.prng, 4) != 0; /* now and then later: the others are elsewhere then */
}

/* The others have all the machine while the victim stands before its access; then it goes on at once, before
 * anybody looks again. That is how a word that came back deceives. */
static uint32_t pick_hold(const struct sim_fiber *current, uint32_t runnable)
{
    const struct ms_sim_schedule *s = &sim.config.schedule;
    const struct sim_fiber *victim = &sim.fiber[s->stall_actor % MS_SIM_FIBERS_MAX];
    uint32_t others = runnable & ~(1u << victim->index);

    if (sim.hold == HOLD_BEFORE && victim->steps == s->stall_step && victim->pending.address &&
        sim_memory_peek(victim->pending.address, &sim.hold_value)) {
        sim.hold = HOLD_ON;
        sim.hold_written = false;
    }
    if (sim.hold == HOLD_BEFORE)
        return pick_sparse(current, runnable);
    if (sim.hold == HOLD_ON && (victim->steps != s->stall_step || !others))
        sim.hold = HOLD_OVER;
    else if (sim.hold == HOLD_ON && hold_is_over(victim)) {
        sim.hold = HOLD_OVER;
        if (others != runnable)
            return victim->index;
    }
    if (sim.hold == HOLD_OVER)
        others = runnable;
    if (ms_prng_below(&sim.prng, s->depth & MS_SIM_BY_TURNS ? 4 : 32) == 0)
        return pick_walk(others);
    return default_of(current, others);
}

static uint32_t pick_asked(const struct sim_fiber *current, uint32_t runnable)
{
    struct ms_sim_choice choice = {.step = sim.steps, .runnable = runnable};

    choice.current = runnable >> current->index & 1 ? current->index : MS_SIM_NOBODY;
    for (uint32_t i = 0; i < MS_SIM_FIBERS_MAX; i++)
        choice.pending[i] = &sim.fiber[i].pending;
    return sim.config.schedule.decide(&choice, sim.config.schedule.decide_context);
}

static uint32_t pick(struct sim_fiber *current, uint32_t runnable)
{
    switch (sim.config.schedule.strategy) {
    case MS_SIM_DENSE:
        return pick_dense(current, runnable);
    case MS_SIM_SPARSE:
        return pick_sparse(current, runnable);
    case MS_SIM_KEYED:
        return pick_keyed(current, runnable);
    case MS_SIM_WALK:
        return pick_walk(runnable);
    case MS_SIM_PCT:
        return pick_pct(current, runnable);
    case MS_SIM_POS:
        return pick_pos(runnable);
    case MS_SIM_STALL:
        return pick_stall(current, runnable);
    case MS_SIM_HOLD:
        return pick_hold(current, runnable);
    case MS_SIM_ASKED:
        return pick_asked(current, runnable);
    }
    return default_of(current, runnable);
}

uint32_t sim_schedule_pick(struct sim_fiber *current, uint32_t runnable)
{
    bool is_forced = (runnable & (runnable - 1)) == 0;

    if (is_forced && sim.config.schedule.strategy != MS_SIM_ASKED)
        return lowest(runnable);
    uint32_t chosen = pick(current, runnable);
    if (chosen == MS_SIM_NOBODY)
        return chosen;
    ms_require(chosen < MS_SIM_FIBERS_MAX && (runnable >> chosen & 1));
    if (chosen != default_of(current, runnable)) {
        if (sim.made_count < sizeof sim.made / sizeof sim.made[0])
            sim.made[sim.made_count++] = (struct ms_sim_preemption){sim.steps, chosen};
        else
            sim.record_overflow = true;
    }
    return chosen;
}

uint32_t sim_schedule_read(uint32_t count)
{
    const struct ms_sim_schedule *s = &sim.config.schedule;
    uint32_t choice = 0;

    if (sim.read_at < s->read_bytes)
        choice = s->reads[sim.read_at] % count;
    else if (s->stale_of_256 > 0 && ms_prng_below(&sim.prng, 256) < s->stale_of_256)
        choice = 1 + ms_prng_below(&sim.prng, count - 1);
    sim.read_at++;
    if (sim.read_count < sizeof sim.reads)
        sim.reads[sim.read_count++] = (uint8_t)choice;
    else
        sim.record_overflow |= choice != 0;
    return choice;
}
