/* SPDX-License-Identifier: MIT */
/*
 * shrink.c: a failing input becomes the smallest one that fails in the same way.
 *
 * Idea        first the schedule becomes explicit, switches and reads in full; an input that has too many of them
 *             loses operations under its schedule as it is, until it has few enough. Then, to a fixed point: drop
 *             operations (under the same schedule, else under fresh shallow ones), drop switches, make reads new,
 *             make operands small. Each step keeps the bug's identity: without that check shrinking drifts to
 *             another bug.
 * Limits      fresh schedules are tried for so many steps in all, about half a second: a person waits. Counted in
 *             steps and not by a clock, so the same input becomes the same smallest one everywhere.
 */
#include "fuzz.h"

#include <string.h>

enum {
    FRESH_SCHEDULES = 120,
    PAIRS_MOST = 24,
    FRESH_STEPS = 4000000, /* for all fresh schedules together */
    EXECUTION_STEPS = 60,  /* what beginning an execution is worth */
};

struct shrinker {
    const struct fuzz_target *target;
    const struct fuzz_options *options;
    struct fuzz_input *best;
    char bug[160];
    bool is_explicit; /* the best is; once it is, it stays so */
    uint64_t executions;
    uint64_t spent; /* steps */
    uint32_t steps; /* of the best */
    struct ms_prng prng;
};

/* Plays a candidate; when it fails alike, it becomes the best, in explicit form where it has one. Without one, fewer
 * operations are progress, and nothing else is. */
static bool accept(struct shrinker *s, struct fuzz_input *candidate)
{
    struct ms_sim_result result;
    bool is_explicit = false;

    s->executions++;
    fuzz_play(s->target, candidate, s->options, &result);
    s->spent += result.steps + EXECUTION_STEPS;
    if (result.verdict != MS_SIM_BUG || strcmp(result.bug, s->bug) != 0)
        return false;
    if (!s->target->is_sequential)
        is_explicit = fuzz_make_explicit(candidate, &result);
    if (!s->target->is_sequential && !is_explicit &&
        (s->is_explicit || candidate->op_count >= s->best->op_count))
        return false;
    *s->best = *candidate;
    s->is_explicit |= is_explicit;
    s->steps = result.steps;
    return true;
}

static void draw_schedule(struct shrinker *s, struct fuzz_input *input, int number)
{
    input->strategy = number % 4 == 3 ? MS_SIM_WALK : MS_SIM_PCT;
    input->seed = ms_prng_below(&s->prng, 1u << 24);
    input->depth = (uint8_t)(2 + number % 5);
    input->estimate = (uint8_t)(s->steps / 4 < 250 ? s->steps / 4 + 1 : 250);
    input->stale = !input->strong_memory && number % 2 ? 4 : 0;
    input->read_count = 0;
}

static bool may_try_fresh(const struct shrinker *s)
{
    return !s->target->is_sequential && s->spent < FRESH_STEPS;
}

static bool accept_under_any_schedule(struct shrinker *s, const struct fuzz_input *shorter)
{
    struct fuzz_input candidate = *shorter;

    if (accept(s, &candidate))
        return true;
    for (int i = 0; i < FRESH_SCHEDULES && may_try_fresh(s); i++) {
        candidate = *shorter;
        draw_schedule(s, &candidate, i);
        if (accept(s, &candidate))
            return true;
    }
    return false;
}

static bool drop_ops(struct shrinker *s,
                     bool (*is_accepted)(struct shrinker *, const struct fuzz_input *))
{
    bool any = false;

    for (uint32_t length = s->best->op_count / 2; length >= 1; length /= 2)
        for (uint32_t at = 0; at + length <= s->best->op_count;) {
            struct fuzz_input shorter = *s->best;
            memmove(&shorter.op[at], &shorter.op[at + length],
                    (shorter.op_count - at - length) * sizeof shorter.op[0]);
            shorter.op_count -= length;
            if (is_accepted(s, &shorter))
                any = true;
            else
                at += length;
        }
    return any;
}

static bool accept_as_it_is(struct shrinker *s, const struct fuzz_input *shorter)
{
    struct fuzz_input candidate = *shorter;

    return accept(s, &candidate);
}

static void switch_remove(struct fuzz_input *input, uint32_t at)
{
    memmove(&input->switches[at], &input->switches[at + 1],
            (input->switch_count - at - 1) * sizeof input->switches[0]);
    input->switch_count--;
}

static bool drop_switches(struct shrinker *s)
{
    bool any = false;

    for (uint32_t at = 0; at < s->best->switch_count;) {
        struct fuzz_input fewer = *s->best;
        switch_remove(&fewer, at);
        uint32_t before = s->best->switch_count;
        /* Explicit again, it may have found new switches: only fewer is progress. */
        struct fuzz_input kept = *s->best;
        if (accept(s, &fewer) && s->best->switch_count < before) {
            any = true;
        } else {
            *s->best = kept;
            at++;
        }
    }
    return any;
}

/* There and back again are two switches that only go together. */
static bool drop_switch_pairs(struct shrinker *s)
{
    bool any = false;

    if (s->best->switch_count > PAIRS_MOST)
        return false;
    for (uint32_t i = 0; i + 1 < s->best->switch_count; i++)
        for (uint32_t k = i + 1; k < s->best->switch_count; k++) {
            struct fuzz_input kept = *s->best;
            struct fuzz_input fewer = kept;
            switch_remove(&fewer, k);
            switch_remove(&fewer, i);
            if (accept(s, &fewer) && s->best->switch_count < kept.switch_count)
                any = true;
            else
                *s->best = kept;
        }
    return any;
}

/* Dropping few stops where many must go together: other schedules may do with fewer. */
static bool redraw_switches(struct shrinker *s)
{
    bool any = false;

    for (int i = 0; s->best->switch_count > 1 && may_try_fresh(s); i++) {
        /* A story with many switches is worth more looking than one with few. */
        if (i >= FRESH_SCHEDULES * (s->best->switch_count > 4 ? 40 : 6))
            break;
        struct fuzz_input kept = *s->best;
        struct fuzz_input other = kept;
        draw_schedule(s, &other, i);
        if (!accept(s, &other))
            continue;
        if (s->best->switch_count < kept.switch_count)
            any = true;
        else
            *s->best = kept;
    }
    return any;
}

static bool freshen_reads(struct shrinker *s)
{
    bool any = false;

    for (uint32_t i = 0; i < s->best->read_count; i++) {
        struct fuzz_input newer = *s->best;
        if (newer.reads[i] == 0)
            continue;
        newer.reads[i] = 0;
        any |= accept(s, &newer);
    }
    return any;
}

/* A bug that needs no weak memory is told without it; what stays weak needs it. */
static bool try_strong(struct shrinker *s)
{
    struct fuzz_input strong = *s->best;

    if (strong.strong_memory)
        return false;
    strong.strong_memory = true;
    strong.stale = 0;
    strong.read_count = 0;
    return accept_under_any_schedule(s, &strong);
}

static bool simplify_operands(struct shrinker *s)
{
    bool any = false;

    for (uint32_t i = 0; i < s->best->op_count; i++)
        for (uint32_t k = 0; k < s->target->kinds[s->best->op[i].kind].operands; k++) {
            struct fuzz_input simpler = *s->best;
            uint8_t *operand = &simpler.op[i].operand[k];
            if (*operand == 0)
                continue;
            *operand = 0;
            if (accept(s, &simpler)) {
                any = true;
                continue;
            }
            simpler = *s->best;
            operand = &simpler.op[i].operand[k];
            *operand = *operand / 2;
            any |= accept(s, &simpler);
        }
    for (uint32_t i = 0; i < s->target->setting_count; i++) {
        struct fuzz_input simpler = *s->best;
        if (simpler.setup[i] == 0)
            continue;
        simpler.setup[i] = 0;
        any |= accept(s, &simpler);
    }
    return any;
}

uint64_t fuzz_shrink(const struct fuzz_target *target, struct fuzz_input *input,
                     const struct fuzz_options *options)
{
    struct shrinker s = {.target = target, .options = options, .best = input, .prng = {1}};
    struct ms_sim_result result;
    struct fuzz_input candidate = *input;

    fuzz_play(target, input, options, &result);
    if (result.verdict != MS_SIM_BUG)
        return 0;
    s.executions = 1;
    memcpy(s.bug, result.bug, sizeof s.bug);
    s.steps = result.steps;
    if (target->is_sequential || fuzz_make_explicit(&candidate, &result))
        (void)accept(&s, &candidate);
    /* First with the whole program, which leaves a schedule the most ways. */
    if (s.is_explicit)
        (void)try_strong(&s);
    for (int round = 0; round < 8; round++) {
        bool any = drop_ops(&s, accept_as_it_is); /* cheap, and what is short is played fast */
        any |= drop_ops(&s, accept_under_any_schedule);
        any |= !target->is_sequential && try_strong(&s);
        any |= drop_switches(&s);
        any |= drop_switch_pairs(&s);
        any |= !target->is_sequential && redraw_switches(&s);
        any |= freshen_reads(&s);
        any |= simplify_operands(&s);
        if (!any)
            break;
    }
    return s.executions;
}
