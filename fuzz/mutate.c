/* SPDX-License-Identifier: MIT */
/*
 * mutate.c: new inputs from nothing and from others, on the level of operations and schedules.
 *
 * Numbers of a strategy are redrawn more often than operations are changed: for one program there
 * are many schedules, and playing one costs microseconds.
 *
 * Palettes    most new programs draw from a few operations of their own, some often, or give each actor a part:
 *             a history such as one thread that takes and gives ten times while two others call everything in
 *             is hardly ever drawn from all there is.
 * Meetings    others are played to see who meets whom, and then somebody stops right there: for good, or as
 *             one switch, or until the word is again what it was.
 */
#include "fuzz.h"

#include <string.h>

enum { PALETTE_MAX = 8, PART_MAX = 3, BUSY_SHARE = 9, HOLDS_LOOKED_AT = 3 };

static void draw_op(const struct fuzz_target *target, struct ms_prng *prng, struct fuzz_op *op)
{
    memset(op, 0, sizeof *op);
    op->kind = (uint8_t)ms_prng_below(prng, target->kind_count);
    op->actor = (uint8_t)ms_prng_below(prng, target->actor_count);
    while (!(target->kinds[op->kind].actors >> op->actor & 1))
        op->actor = (uint8_t)((op->actor + 1) % target->actor_count);
    for (uint32_t i = 0; i < target->kinds[op->kind].operands; i++)
        op->operand[i] =
            (uint8_t)(ms_prng_below(prng, 4) ? ms_prng_below(prng, 16) : ms_prng_below(prng, 256));
}

/* What the operations of one program are drawn from; the same one twice is drawn twice as often. */
struct palette {
    struct fuzz_op op[BUSY_SHARE + PART_MAX * MS_SIM_ACTORS_MAX];
    uint32_t count;
};

static void palette_draw(const struct fuzz_target *target, struct ms_prng *prng, struct palette *p)
{
    uint32_t below = ms_prng_below(prng, 3); /* of operands: all zero, small, any */

    p->count = 2 + ms_prng_below(prng, PALETTE_MAX - 1);
    for (uint32_t i = 0; i < p->count; i++) {
        draw_op(target, prng, &p->op[i]);
        for (uint32_t k = 0; k < FUZZ_OPERANDS_MAX && below < 2; k++)
            p->op[i].operand[k] = below ? p->op[i].operand[k] % 4 : 0;
    }
}

/* Each actor has one to three operations for its part, and one has more to do than the others. */
static void parts_draw(const struct fuzz_target *target, struct ms_prng *prng, struct palette *p)
{
    uint32_t below = ms_prng_below(prng, 3);
    uint32_t busy = ms_prng_below(prng, target->actor_count);

    p->count = 0;
    for (uint32_t actor = 0; actor < target->actor_count; actor++) {
        struct fuzz_op part[PART_MAX];
        uint32_t count = 1 + ms_prng_below(prng, PART_MAX);
        for (uint32_t i = 0; i < count; i++) {
            do
                draw_op(target, prng, &part[i]);
            while (!(target->kinds[part[i].kind].actors >> actor & 1));
            part[i].actor = (uint8_t)actor;
            for (uint32_t k = 0; k < FUZZ_OPERANDS_MAX && below < 2; k++)
                part[i].operand[k] = below ? part[i].operand[k] % 4 : 0;
        }
        /* So many places that each actor's share is its own, however large its part. */
        for (uint32_t i = 0; i < (actor == busy ? BUSY_SHARE : PART_MAX); i++)
            p->op[p->count++] = part[i % count];
    }
}

/* Weights after what finds bugs: dense 2/10, PCT 2/10, walk 2/10, POS 1/10, stall 1/10, hold 2/10. */
static void draw_schedule(const struct fuzz_target *target, struct ms_prng *prng,
                          struct fuzz_input *input)
{
    static const uint8_t weighted[10] = {MS_SIM_DENSE, MS_SIM_DENSE, MS_SIM_PCT, MS_SIM_PCT,
                                         MS_SIM_WALK,  MS_SIM_WALK,  MS_SIM_POS, MS_SIM_STALL,
                                         MS_SIM_HOLD,  MS_SIM_HOLD};

    input->strategy = (enum ms_sim_strategy)weighted[ms_prng_below(prng, 10)];
    input->seed = ms_prng_below(prng, 1u << 24);
    input->depth =
        (uint8_t)(input->strategy == MS_SIM_HOLD ? ms_prng_below(prng, MS_SIM_BY_TURNS * 2)
                                                 : 2 + ms_prng_below(prng, 4));
    /* Most executions have some hundred steps, and the bugs that need a history are behind them. */
    input->estimate = (uint8_t)(4 + ms_prng_below(prng, ms_prng_below(prng, 2) ? 40 : 250));
    input->stall_actor = (uint8_t)ms_prng_below(prng, fuzz_fibers(target));
    input->stall_step = (uint16_t)ms_prng_below(prng, ms_prng_below(prng, 2) ? 24 : 160);
    input->stale = (uint8_t)(ms_prng_below(prng, 2) ? ms_prng_below(prng, 8) : 0);
    input->switch_count = input->rule_count = input->dense_count = input->read_count = 0;
    if (input->strategy != MS_SIM_DENSE)
        return;
    input->dense_count = 8 + ms_prng_below(prng, 80);
    for (uint32_t i = 0; i < input->dense_count; i++)
        input->dense[i] =
            (uint8_t)(ms_prng_below(prng, 3) ? 0 : 1 + ms_prng_below(prng, fuzz_fibers(target)));
}

void fuzz_generate(const struct fuzz_target *target, struct ms_prng *prng, struct fuzz_input *input)
{
    memset(input, 0, sizeof *input);
    for (uint32_t i = 0; i < target->setting_count; i++)
        input->setup[i] = (uint8_t)ms_prng_below(prng, target->settings[i].values);
    input->op_count = 2 + ms_prng_below(prng, FUZZ_OPS_MAX - 8);
    struct palette palette = {.count = 0};
    switch (ms_prng_below(prng, target->is_sequential ? 2 : 4)) {
    case 0:
        palette_draw(target, prng, &palette);
        break;
    case 1:
        break;
    default:
        parts_draw(target, prng, &palette);
    }
    for (uint32_t i = 0; i < input->op_count; i++)
        if (palette.count > 0)
            input->op[i] = palette.op[ms_prng_below(prng, palette.count)];
        else
            draw_op(target, prng, &input->op[i]);
    if (!target->is_sequential)
        draw_schedule(target, prng, input);
}

static void op_insert(const struct fuzz_target *target, struct ms_prng *prng,
                      struct fuzz_input *input)
{
    uint32_t at = ms_prng_below(prng, input->op_count + 1);

    if (input->op_count == FUZZ_OPS_MAX)
        return;
    memmove(&input->op[at + 1], &input->op[at], (input->op_count - at) * sizeof input->op[0]);
    input->op_count++;
    draw_op(target, prng, &input->op[at]);
}

static void op_remove(struct ms_prng *prng, struct fuzz_input *input)
{
    uint32_t at = ms_prng_below(prng, input->op_count);

    input->op_count--;
    memmove(&input->op[at], &input->op[at + 1], (input->op_count - at) * sizeof input->op[0]);
}

static void ops_duplicate(struct ms_prng *prng, struct fuzz_input *input)
{
    uint32_t from = ms_prng_below(prng, input->op_count);
    uint32_t count = 1 + ms_prng_below(prng, 4);

    for (uint32_t i = 0; i < count && from + i < input->op_count; i++)
        if (input->op_count < FUZZ_OPS_MAX)
            input->op[input->op_count++] = input->op[from + i];
}

static void op_change(const struct fuzz_target *target, struct ms_prng *prng, struct fuzz_op *op)
{
    uint32_t operands = target->kinds[op->kind].operands;

    switch (ms_prng_below(prng, 3)) {
    case 0:
        do
            op->actor = (uint8_t)((op->actor + 1) % target->actor_count);
        while (!(target->kinds[op->kind].actors >> op->actor & 1));
        return;
    case 1:
        if (operands > 0) {
            uint8_t *operand = &op->operand[ms_prng_below(prng, operands)];
            *operand = (uint8_t)(*operand + (ms_prng_below(prng, 2) ? 1 : -1));
        }
        return;
    default:
        draw_op(target, prng, op);
    }
}

static void schedule_change(const struct fuzz_target *target, struct ms_prng *prng,
                            struct fuzz_input *input)
{
    uint32_t at;

    if (input->strategy == MS_SIM_DENSE && input->dense_count > 0 && ms_prng_below(prng, 2)) {
        for (uint32_t i = 1 + ms_prng_below(prng, 4); i > 0; i--) {
            at = ms_prng_below(prng, input->dense_count);
            input->dense[at] =
                (uint8_t)(input->dense[at] ? 0 : 1 + ms_prng_below(prng, fuzz_fibers(target)));
        }
    } else if (input->strategy == MS_SIM_SPARSE && input->switch_count > 0) {
        at = ms_prng_below(prng, input->switch_count);
        uint32_t lowest = at > 0 ? input->switches[at - 1].step : 0;
        input->switches[at].step += ms_prng_below(prng, 5);
        input->switches[at].step -= input->switches[at].step >= lowest + 2 ? 2 : 0;
        for (uint32_t i = at + 1; i < input->switch_count; i++)
            if (input->switches[i].step < input->switches[i - 1].step)
                input->switches[i].step = input->switches[i - 1].step;
    } else {
        draw_schedule(target, prng, input);
    }
}

void fuzz_mutate(const struct fuzz_target *target, struct ms_prng *prng, struct fuzz_input *input)
{
    for (uint32_t i = 1 + ms_prng_below(prng, 3); i > 0; i--) {
        uint32_t what = ms_prng_below(prng, target->is_sequential ? 6 : 12);
        if (what >= 6)
            schedule_change(target, prng, input);
        else if (what == 5 && target->setting_count > 0) {
            uint32_t which = ms_prng_below(prng, target->setting_count);
            input->setup[which] = (uint8_t)ms_prng_below(prng, target->settings[which].values);
        } else if (input->op_count == 0 || what == 0)
            op_insert(target, prng, input);
        else if (what == 1)
            op_remove(prng, input);
        else if (what == 2)
            ops_duplicate(prng, input);
        else
            op_change(target, prng, &input->op[ms_prng_below(prng, input->op_count)]);
    }
}

/* The step of another actor that meets the `at`-th: at the same place, and one of them writes. */
static const struct ms_sim_event *conflict_of(const struct ms_sim_result *result, uint32_t at)
{
    const struct ms_sim_event *one = &result->events[at];

    for (uint32_t i = at + 1; one->location > 0 && i < result->event_count; i++) {
        const struct ms_sim_event *other = &result->events[i];
        if (other->step == 0)
            break;
        if (other->location == one->location && other->fiber != one->fiber &&
            (one->wrote || other->wrote))
            return other;
    }
    return NULL;
}

/* How often an execution came to this place; code that is seldom reached is seldom held, too. */
static uint32_t visits_of(const struct ms_sim_result *result, const struct ms_sim_site *site)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < result->event_count; i++)
        count += result->events[i].site == site;
    return count;
}

/* Somebody is about to exchange what they looked at before for something new. */
static bool is_exchange(const struct ms_sim_event *event)
{
    return event->site->kind == MS_SIM_CAS;
}

static uint32_t steps_before(const struct ms_sim_result *result, uint32_t at)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < at; i++)
        count += result->events[i].fiber == result->events[at].fiber;
    return count;
}

bool fuzz_preempt(const struct fuzz_target *target, struct ms_prng *prng, struct fuzz_input *input)
{
    const struct ms_sim_event *other = NULL;
    struct ms_sim_result result;
    uint32_t at = 0;

    if (target->is_sequential)
        return false;
    fuzz_play(target, input, NULL, &result);
    bool holds = ms_prng_below(prng, 2);
    uint32_t looks = holds ? 1 + ms_prng_below(prng, HOLDS_LOOKED_AT) : 1; /* the rarest of these */
    for (int tries = 0; tries < (holds ? 48 : 8) && looks > 0 && result.event_count > 0; tries++) {
        uint32_t here = ms_prng_below(prng, result.event_count);
        const struct ms_sim_event *event = &result.events[here];
        if (event->step == 0 || (holds && !is_exchange(event)))
            continue;
        const struct ms_sim_event *met = conflict_of(&result, here);
        if (!met)
            continue;
        looks--;
        if (!other ||
            visits_of(&result, event->site) < visits_of(&result, result.events[at].site)) {
            other = met;
            at = here;
        }
    }
    if (!other)
        return false;
    if (!holds && ms_prng_below(prng, 2)) {
        draw_schedule(target, prng, input);
        input->strategy = MS_SIM_STALL;
        input->dense_count = 0;
        input->stall_actor = result.events[at].fiber;
        input->stall_step = (uint16_t)steps_before(&result, at);
        return true;
    }
    uint32_t step = result.events[at].step - 1;
    uint32_t actor = result.events[at].fiber;
    uint32_t before = steps_before(&result, at);
    if (!fuzz_make_explicit(input, &result))
        return false;
    uint32_t place = 0;
    while (place < input->switch_count && input->switches[place].step < step)
        place++;
    if (holds) {
        input->strategy = MS_SIM_HOLD;
        input->switch_count = place;
        input->stall_actor = (uint8_t)actor;
        input->stall_step = (uint16_t)before;
        input->seed = ms_prng_below(prng, 1u << 24);
        input->depth = (uint8_t)ms_prng_below(prng, MS_SIM_BY_TURNS * 2);
        return true;
    }
    if (ms_prng_below(prng, 2) || input->switch_count == FUZZ_SWITCHES_MAX)
        input->switch_count = place; /* what came later was chosen for another course */
    if (place == FUZZ_SWITCHES_MAX)
        return false;
    memmove(&input->switches[place + 1], &input->switches[place],
            (input->switch_count - place) * sizeof input->switches[0]);
    input->switches[place] = (struct ms_sim_preemption){step, other->fiber};
    input->switch_count++;
    return true;
}

void fuzz_cross(const struct fuzz_target *target, struct ms_prng *prng, struct fuzz_input *input,
                const struct fuzz_input *other)
{
    if (ms_prng_below(prng, 2) && !target->is_sequential) {
        struct fuzz_input mixed = *other;
        memcpy(mixed.setup, input->setup, sizeof mixed.setup);
        mixed.op_count = input->op_count;
        memcpy(mixed.op, input->op, sizeof mixed.op);
        *input = mixed;
        return;
    }
    for (uint32_t i = ms_prng_below(prng, other->op_count + 1); i < other->op_count; i++)
        if (input->op_count < FUZZ_OPS_MAX)
            input->op[input->op_count++] = other->op[i];
}
