/* SPDX-License-Identifier: MIT */
/*
 * waitlist_fuzz.c: two first come, first served lists over one table of links, four threads, few nodes
 * that are used again at once: the deepest interleavings of the queue behind every adapter.
 *
 * Proves       a node that was appended stays until it is removed, by its owner or by somebody who saw
 *              this very life of it first (O1, O3); one remove says "I did it" (O3); who is first shows
 *              what its owner wrote before the append; nodes of one owner come in
 *              the order of their appends (O8); at the end both lists are empty (O9)
 */
#include "../fuzz.h"

#include <string.h>

#include "adapter/waitlist.h"

enum { ACTORS = 4, OWN = 2, NODES = ACTORS * OWN, LISTS = 2, LIVES = 64, NOWHERE = 0xFF };

/* What one thread remembers of who was first. */
struct looked {
    struct ms_waitlist_first first;
    uint32_t list;
    uint32_t life;
    bool is_known;
};

static struct {
    struct ms_waitlist list[LISTS];
    ms_atomic_u64 link[NODES];
    ms_atomic_u32 cell[NODES]; /* hb:waitlist-node: its life, by the node's owner */
    uint8_t where[NODES];      /* list it was appended to, as its owner knows */
    bool is_leaving[NODES];    /* its owner is removing it */
    uint32_t life[NODES];      /* +1 per append */
    uint8_t list_of[NODES][LIVES];
    uint64_t claim[NODES]; /* lives (mod 64) that somebody else set out to remove */
    uint32_t stamp[NODES]; /* order of appends of one owner */
    uint32_t stamps;
    struct looked looked[ACTORS];
    uint64_t digest;
} w;

static void waitlist_reset(const uint8_t *setup)
{
    (void)setup;
    memset(&w, 0, sizeof w);
    for (uint32_t i = 0; i < LISTS; i++)
        ms_waitlist_init(&w.list[i]);
    for (uint32_t i = 0; i < NODES; i++) {
        ms_waitlink_init(&w.link[i]);
        w.where[i] = NOWHERE;
    }
}

static void do_append(uint32_t node, uint32_t list, bool only_if_empty)
{
    if (w.where[node] != NOWHERE)
        return;
    w.claim[node] &= ~(UINT64_C(1) << ((w.life[node] + 1) & 63));
    w.life[node]++;
    w.stamp[node] = ++w.stamps;
    w.list_of[node][w.life[node] % LIVES] = (uint8_t)list;
    ms_store_release(&w.cell[node], w.life[node]);
    w.is_leaving[node] = false;
    w.where[node] = (uint8_t)list;
    if (!only_if_empty) {
        ms_waitlist_append(&w.list[list], w.link, node);
    } else if (!ms_waitlist_append_if_empty(&w.list[list], w.link, node)) {
        w.where[node] = NOWHERE;
    }
}

static void do_remove(uint32_t node)
{
    uint32_t list = w.where[node];

    if (list == NOWHERE)
        return;
    w.is_leaving[node] = true;
    bool did = ms_waitlist_remove(&w.list[list], w.link, node);
    if (!did && !(w.claim[node] >> (w.life[node] & 63) & 1))
        ms_sim_fail("O3 a node was removed by nobody", "node %u, life %u", node, w.life[node]);
    w.digest += did;
    w.where[node] = NOWHERE;
    /* From here it is the owner's alone: hb:waitlist-node the other way is the remove itself. */
}

/* Who is first; what is seen of the node is true while it is first. */
static void do_look(uint32_t actor, uint32_t list)
{
    struct looked *l = &w.looked[actor];

    l->list = list;
    l->first = ms_waitlist_first_get(&w.list[list], w.link);
    l->is_known = false;
    if (l->first.node == MS_WAITLIST_NONE)
        return;
    if (l->first.node >= NODES)
        ms_sim_fail("O1 a node that is none", "%u", l->first.node);
    uint32_t node = l->first.node;
    uint32_t written = ms_load_acquire(&w.cell[node]); /* of this life, if it is still first */
    if (!ms_waitlist_is_first(&w.list[list], l->first))
        return;
    l->is_known = true;
    l->life = written;
    if (written == 0 || w.list_of[node][written % LIVES] != list)
        ms_sim_fail("O1 first in a list it was not appended to", "node %u in %u", node, list);
    /* The answer may have been an old one. If not, the shadow of this moment must agree: no step lies
     * between the answer and these looks. */
    if (*(const volatile uint64_t *)(const void *)&w.list[list].head != l->first.seen)
        return;
    if (w.where[node] != list || written != w.life[node])
        ms_sim_fail("O1 first in a list it is not in", "node %u in %u", node, list);
    uint32_t other = node ^ 1; /* of the same owner */
    if (w.where[other] == list && w.stamp[other] < w.stamp[node] && !w.is_leaving[other] &&
        !(w.claim[other] >> (w.life[other] & 63) & 1))
        ms_sim_fail("O8 not the one that came first", "node %u before %u", node, other);
}

static void do_remove_first(uint32_t actor)
{
    struct looked *l = &w.looked[actor];

    if (!l->is_known)
        return;
    l->is_known = false;
    w.claim[l->first.node] |= UINT64_C(1) << (l->life & 63);
    ms_waitlist_remove_first(&w.list[l->list], w.link, l->first);
}

enum kind { APPEND, APPEND_IF_EMPTY, REMOVE, LOOK, REMOVE_FIRST };

static void waitlist_perform(uint32_t actor, const struct fuzz_op *op)
{
    uint32_t node = actor * OWN + op->operand[0] % OWN;

    switch ((enum kind)op->kind) {
    case APPEND:
    case APPEND_IF_EMPTY:
        do_append(node, op->operand[1] % LISTS, op->kind == APPEND_IF_EMPTY);
        break;
    case REMOVE:
        do_remove(w.where[node] != NOWHERE ? node : node ^ 1);
        break;
    case LOOK:
        do_look(actor, op->operand[0] % LISTS);
        break;
    case REMOVE_FIRST:
        do_remove_first(actor);
        break;
    }
}

static void waitlist_finish(uint32_t actor)
{
    (void)actor;
}

static void waitlist_check(void *unused)
{
    (void)unused;
    for (uint32_t node = 0; node < NODES; node++)
        do_remove(node);
    for (uint32_t i = 0; i < LISTS; i++)
        if (ms_waitlist_first_get(&w.list[i], w.link).node != MS_WAITLIST_NONE)
            ms_sim_fail("O9 a node is left in a list", "list %u", i);
}

static uint64_t waitlist_digest(void)
{
    return w.digest;
}

static const char *waitlist_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    switch ((enum kind)op->kind) {
    case APPEND:
    case APPEND_IF_EMPTY:
        snprintf(text, bytes, "append own node %u to list %u%s", op->operand[0] % OWN,
                 op->operand[1] % LISTS, op->kind == APPEND ? "" : " if it is empty");
        break;
    case REMOVE:
        snprintf(text, bytes, "remove own node %u", op->operand[0] % OWN);
        break;
    case LOOK:
        snprintf(text, bytes, "who is first in list %u", op->operand[0] % LISTS);
        break;
    case REMOVE_FIRST:
        return "remove the first as seen";
    }
    return text;
}

static const char *const actor_names[] = {"a", "b", "c", "d"};
static const struct fuzz_kind kinds[] = {
    [APPEND] = {"append", 2, 15, "own node, list"},
    [APPEND_IF_EMPTY] = {"append_if_empty", 2, 15, "own node, list"},
    [REMOVE] = {"remove", 1, 15, "own node"},
    [LOOK] = {"look", 1, 15, "list: who is first"},
    [REMOVE_FIRST] = {"remove_first", 0, 15, "the one looked at"},
};

const struct fuzz_target fuzz_target_waitlist = {
    .name = "waitlist",
    .summary = "first come, first served lists: four threads, eight nodes used again and again",
    .actors = actor_names,
    .actor_count = ACTORS,
    .settings = NULL,
    .setting_count = 0,
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .steps_max = 3000,
    .reset = waitlist_reset,
    .perform = waitlist_perform,
    .finish = waitlist_finish,
    .check = waitlist_check,
    .digest = waitlist_digest,
    .tell = waitlist_tell,
};
