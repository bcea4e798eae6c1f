/* SPDX-License-Identifier: MIT */
/*
 * decode.c: bytes to inputs and back.
 *
 * Idea        the front (set-up, operations) is read forwards, the back (strategy, its numbers, read
 *             choices) backwards from the end, so that a change of one does not shift the other.
 *             Dense scheduling bytes are what lies between.
 * Front       [setup]* ([kind:5 actor:3] [operand]*)* 0xFF
 * Back        ... [reads] [count of reads] [numbers of the strategy] [stale:4 strong:1 strategy:3]
 * Laws        every byte string decodes; decode(encode(decode(b))) == decode(b); linear time.
 *             Unknown kinds wrap round to known ones: nothing is skipped.
 */
#include "fuzz.h"

#include <string.h>

enum { OPS_END = 0xFF, LONG_NUMBER = 240, LONGEST_NUMBER = 255, NUMBER_MAX = 0xFFFF };

struct reader {
    const uint8_t *bytes;
    size_t front, back; /* unread: [front, back) */
};

static uint8_t front(struct reader *r)
{
    return r->front < r->back ? r->bytes[r->front++] : 0;
}

static uint8_t back(struct reader *r)
{
    return r->front < r->back ? r->bytes[--r->back] : 0;
}

/* Up to NUMBER_MAX, as far as steps go; small ones take one byte, most others two. */
static uint32_t back_number(struct reader *r)
{
    uint32_t first = back(r);
    uint32_t high = first == LONGEST_NUMBER ? back(r) : first - LONG_NUMBER;

    return first < LONG_NUMBER ? first : (high << 8 | back(r));
}

static uint32_t back_seed(struct reader *r)
{
    uint32_t seed = back(r);

    seed |= (uint32_t)back(r) << 8;
    return seed | (uint32_t)back(r) << 16;
}

static uint8_t actor_for(const struct fuzz_target *target, uint8_t kind, uint32_t wanted)
{
    uint32_t actor = wanted % target->actor_count;

    while (!(target->kinds[kind].actors >> actor & 1))
        actor = (actor + 1) % target->actor_count;
    return (uint8_t)actor;
}

static void decode_ops(const struct fuzz_target *target, struct reader *r, struct fuzz_input *input)
{
    while (input->op_count < FUZZ_OPS_MAX && r->front < r->back) {
        uint8_t head = front(r);
        if (head == OPS_END)
            return;
        struct fuzz_op *op = &input->op[input->op_count++];
        op->kind = (uint8_t)((head >> 3) % target->kind_count);
        op->actor = actor_for(target, op->kind, head & 7);
        for (uint32_t i = 0; i < target->kinds[op->kind].operands; i++)
            op->operand[i] = front(r);
    }
}

static void decode_switches(const struct fuzz_target *target, struct reader *r,
                            struct fuzz_input *input)
{
    uint32_t count = back(r);
    uint32_t step = 0;

    while (input->switch_count < count && r->front < r->back) {
        step += back_number(r);
        if (step > MS_SIM_STEPS_MAX)
            step = MS_SIM_STEPS_MAX;
        input->switches[input->switch_count++] =
            (struct ms_sim_preemption){step, back(r) % fuzz_fibers(target)};
    }
}

static void decode_rules(const struct fuzz_target *target, struct reader *r,
                         struct fuzz_input *input)
{
    uint32_t count = back(r) & 15;

    while (input->rule_count < count && r->front < r->back) {
        struct ms_sim_rule *rule = &input->rules[input->rule_count++];
        uint8_t who = back(r);
        rule->actor = (uint8_t)((who & 7) % fuzz_fibers(target));
        rule->target = (uint8_t)((who >> 3 & 7) % fuzz_fibers(target));
        rule->site = back_seed(r);
        rule->site |= (uint32_t)back(r) << 24;
        rule->visit = back_number(r);
    }
}

static void decode_strategy(const struct fuzz_target *target, struct reader *r,
                            struct fuzz_input *input)
{
    switch (input->strategy) {
    case MS_SIM_SPARSE:
        decode_switches(target, r, input);
        break;
    case MS_SIM_KEYED:
        decode_rules(target, r, input);
        break;
    case MS_SIM_PCT:
        input->depth = (back(r) & 7) + 1;
        input->estimate = back(r);
        input->seed = back_seed(r);
        break;
    case MS_SIM_STALL:
        input->stall_actor = back(r) & 7;
        input->stall_step = (uint16_t)back_number(r);
        input->seed = back_seed(r);
        break;
    case MS_SIM_HOLD: {
        uint8_t who = back(r);
        input->stall_actor = who & 7;
        input->depth = who >> 3 & (MS_SIM_BY_TURNS * 2 - 1);
        input->stall_step = (uint16_t)back_number(r);
        input->seed = back_seed(r);
        decode_switches(target, r, input);
        break;
    }
    case MS_SIM_WALK:
    case MS_SIM_POS:
        input->seed = back_seed(r);
        break;
    case MS_SIM_DENSE:
    case MS_SIM_ASKED:
        break;
    }
}

void fuzz_decode(const struct fuzz_target *target, const uint8_t *bytes, size_t count,
                 struct fuzz_input *input)
{
    struct reader r = {bytes, 0, count};

    memset(input, 0, sizeof *input);
    for (uint32_t i = 0; i < target->setting_count; i++)
        input->setup[i] = front(&r) % target->settings[i].values;
    decode_ops(target, &r, input);
    if (target->is_sequential)
        return;

    uint8_t how = back(&r);
    input->strategy = (enum ms_sim_strategy)(how & 7);
    input->strong_memory = how >> 3 & 1;
    input->stale = input->strong_memory ? 0 : how >> 4;
    decode_strategy(target, &r, input);
    uint32_t reads = back(&r);
    while (input->read_count < reads && r.front < r.back)
        input->reads[input->read_count++] = back(&r);
    if (input->strategy == MS_SIM_DENSE)
        while (input->dense_count < FUZZ_DENSE_MAX && r.front < r.back)
            input->dense[input->dense_count++] = front(&r);
}

/* --- the other way -------------------------------------------------------------------------------
 */

struct writer {
    uint8_t *bytes;
    size_t count;
};

static void put(struct writer *w, uint32_t byte)
{
    if (w->count < FUZZ_BYTES_MAX)
        w->bytes[w->count++] = (uint8_t)byte;
}

static void put_number(struct writer *w, uint32_t number)
{
    ms_assert(number <= NUMBER_MAX);
    if (number >= (uint32_t)(LONGEST_NUMBER - LONG_NUMBER) << 8) {
        put(w, LONGEST_NUMBER);
        put(w, number >> 8);
    } else if (number >= LONG_NUMBER) {
        put(w, LONG_NUMBER + (number >> 8));
    }
    put(w, number);
}

static void put_seed(struct writer *w, uint32_t seed)
{
    put(w, seed);
    put(w, seed >> 8);
    put(w, seed >> 16);
}

static void encode_switches(struct writer *w, const struct fuzz_input *input)
{
    uint32_t step = 0;

    put(w, input->switch_count);
    for (uint32_t i = 0; i < input->switch_count; i++) {
        put_number(w, input->switches[i].step - step);
        put(w, input->switches[i].target);
        step = input->switches[i].step;
    }
}

static void encode_strategy(struct writer *w, const struct fuzz_input *input)
{
    switch (input->strategy) {
    case MS_SIM_SPARSE:
        encode_switches(w, input);
        break;
    case MS_SIM_KEYED:
        put(w, input->rule_count);
        for (uint32_t i = 0; i < input->rule_count; i++) {
            put(w, (uint32_t)input->rules[i].actor | (uint32_t)input->rules[i].target << 3);
            put_seed(w, input->rules[i].site);
            put(w, input->rules[i].site >> 24);
            put_number(w, input->rules[i].visit);
        }
        break;
    case MS_SIM_PCT:
        put(w, input->depth - 1u);
        put(w, input->estimate);
        put_seed(w, input->seed);
        break;
    case MS_SIM_STALL:
        put(w, input->stall_actor);
        put_number(w, input->stall_step);
        put_seed(w, input->seed);
        break;
    case MS_SIM_HOLD:
        put(w, input->stall_actor | (uint32_t)input->depth << 3);
        put_number(w, input->stall_step);
        put_seed(w, input->seed);
        encode_switches(w, input);
        break;
    case MS_SIM_WALK:
    case MS_SIM_POS:
        put_seed(w, input->seed);
        break;
    case MS_SIM_DENSE:
    case MS_SIM_ASKED:
        break;
    }
}

size_t fuzz_encode(const struct fuzz_target *target, const struct fuzz_input *input, uint8_t *bytes)
{
    uint8_t tail[FUZZ_BYTES_MAX];
    struct writer w = {bytes, 0};
    struct writer end = {tail, 0};

    for (uint32_t i = 0; i < target->setting_count; i++)
        put(&w, input->setup[i]);
    for (uint32_t i = 0; i < input->op_count; i++) {
        put(&w, (uint32_t)input->op[i].kind << 3 | input->op[i].actor);
        for (uint32_t k = 0; k < target->kinds[input->op[i].kind].operands; k++)
            put(&w, input->op[i].operand[k]);
    }
    if (input->op_count < FUZZ_OPS_MAX)
        put(&w, OPS_END);
    if (target->is_sequential)
        return w.count;

    put(&end, (uint32_t)input->strategy | (uint32_t)input->strong_memory << 3 |
                  (uint32_t)input->stale << 4);
    encode_strategy(&end, input);
    put(&end, input->read_count);
    for (uint32_t i = 0; i < input->read_count; i++)
        put(&end, input->reads[i]);
    if (input->strategy == MS_SIM_DENSE)
        for (uint32_t i = 0; i < input->dense_count; i++)
            put(&w, input->dense[i]);
    while (end.count > 0)
        put(&w, end.bytes[--end.count]);
    return w.count;
}
