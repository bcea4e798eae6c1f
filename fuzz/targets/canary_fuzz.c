/* SPDX-License-Identifier: MIT */
/*
 * canary_fuzz.c: a planted bug: a linked stack without a tag. Whoever runs this target must find
 * the node with two owners; a run that does not tests nothing, and fails.
 */
#include "../fuzz.h"

#include <string.h>

enum { ACTORS = 3, NODES = 4, NONE = 0xFF };

static struct {
    ms_atomic_u32 head;
    ms_atomic_u32 link[NODES];
    uint8_t owners[NODES];
    uint32_t held[ACTORS][NODES * 4];
    uint32_t held_count[ACTORS];
} c;

static void canary_reset(const uint8_t *setup)
{
    (void)setup;
    memset(&c, 0, sizeof c);
    for (uint32_t i = 0; i < NODES; i++)
        ms_init(&c.link[i], i + 1 < NODES ? i + 1 : NONE);
}

static uint32_t pop(void)
{
    uint32_t top = ms_load_acquire(&c.head);

    /* The bug: between the load and the exchange `top` may leave and come back. */
    while (top != NONE && !ms_cas_acq_rel(&c.head, &top, ms_load_relaxed(&c.link[top])))
        ;
    return top;
}

static void push(uint32_t node)
{
    uint32_t top = ms_load_relaxed(&c.head);

    do
        ms_store_relaxed(&c.link[node], top);
    while (!ms_cas_release(&c.head, &top, node));
}

enum kind { POP, PUSH };

static void canary_perform(uint32_t actor, const struct fuzz_op *op)
{
    uint32_t *count = &c.held_count[actor];

    if (op->kind == POP && *count < NODES * 4) {
        uint32_t node = pop();
        if (node == NONE)
            return;
        if (c.owners[node]++ != 0)
            ms_sim_fail("O1 one node, two owners", "node %u", node);
        c.held[actor][(*count)++] = node;
    } else if (op->kind == PUSH && *count > 0) {
        uint32_t which = op->operand[0] % *count;
        uint32_t node = c.held[actor][which];
        c.held[actor][which] = c.held[actor][--*count];
        c.owners[node]--;
        push(node);
    }
}

static void canary_finish(uint32_t actor)
{
    (void)actor;
}

static void canary_check(void *unused)
{
    (void)unused;
}

static uint64_t canary_digest(void)
{
    return ms_load_relaxed(&c.head);
}

static const char *canary_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    if (op->kind == POP)
        return "pop";
    snprintf(text, bytes, "push held %u", op->operand[0]);
    return text;
}

static const char *const actor_names[] = {"a", "b", "c"};
static const struct fuzz_kind kinds[] = {
    [POP] = {"pop", 0, 7, "a node"},
    [PUSH] = {"push", 1, 7, "which of the nodes held"},
};

const struct fuzz_target fuzz_target_canary = {
    .name = "canary",
    .summary = "a planted bug that must be found: a linked stack without a tag",
    .actors = actor_names,
    .actor_count = ACTORS,
    .kinds = kinds,
    .kind_count = 2,
    .steps_max = 2000,
    .planted = "O1 one node, two owners",
    .reset = canary_reset,
    .perform = canary_perform,
    .finish = canary_finish,
    .check = canary_check,
    .digest = canary_digest,
    .tell = canary_tell,
};
