/* SPDX-License-Identifier: MIT */
/*
 * waitlist: lists of node numbers, first come first served, removal anywhere, no locks.
 *
 * Idea        Michael's list: a node's link carries a mark; who sets it has removed the node
 *             logically, and every passer-by helps to unlink it. Nodes are numbers, links are words
 *             with tags in a table that is never freed, so no hazard pointers are needed.
 * Picture     head {5, tag 9} -> link[5] {2, tag 41} -> link[2] {NONE, tag 7}
 * Invariants  I1 every change of a word raises its tag: a word seen twice did not change in between
 *             I2 a marked link never changes but by the node's next append
 *             I3 appends go to the last node only, and a node that is being removed has a marked
 *                link, so nothing is appended behind a node that is on its way out
 * Ordering    hb:waitlist-node  append releases the word that leads to the node; whoever reads that
 *             word acquires it, so what the node's owner wrote before the append is seen by those
 *             who find it
 * ABA         a traversal re-reads the word that led it to a node after it has read the node's own
 *             link; tags make "unchanged" mean "still in the list". Tags have 32 bits: a thread must
 *             sleep through exactly 2^32 changes of one word to be fooled.
 * Progress    lock-free: a restart means that another thread's append, mark or unlink took effect.
 *             A thread stopped between mark and unlink is helped by the next passer-by.
 */
#include "adapter/waitlist.h"

union link_word {
    struct {
        uint64_t next : 31; /* node number, MS_WAITLIST_NONE at the end */
        uint64_t mark : 1;  /* the node that owns this link is removed */
        uint64_t tag : 32;
    };
    uint64_t raw;
};
static_assert(sizeof(union link_word) == sizeof(uint64_t), "a link must fit one CAS");

/* Pure: `word` leading to `next`, one tag later. */
static union link_word link_to(union link_word word, uint32_t next, bool mark)
{
    word.next = next & MS_WAITLIST_NONE;
    word.mark = mark;
    word.tag = (uint32_t)(word.tag + 1);
    return word;
}

void ms_waitlist_init(struct ms_waitlist *list)
{
    ms_waitlink_init(&list->head);
}

void ms_waitlink_init(ms_atomic_u64 *link)
{
    ms_init(link, link_to((union link_word){.raw = 0}, MS_WAITLIST_NONE, false).raw);
}

/* Where a walk stands: `at` is the word that led here, `seen` its value. */
struct walk {
    ms_atomic_u64 *at;
    union link_word seen;
};

/* Steps over the node `seen` leads to, unlinking it if it is removed. False: start again. */
static bool walk_step(struct walk *walk, ms_atomic_u64 *links)
{
    ms_atomic_u64 *link = &links[walk->seen.next];
    union link_word behind = {.raw = ms_load_acquire(link)}; /* hb:waitlist-node */

    /* I1: the node was in the list when we read its link. Relaxed: who sees a link of a later life sees what led
     * away from the node before, and the same word again is the very store that was acquired (tags). */
    if (ms_load_relaxed(walk->at) != walk->seen.raw)
        return false;
    if (behind.mark) {
        union link_word past = link_to(walk->seen, (uint32_t)behind.next, false);
        if (!ms_cas_seq_cst(walk->at, &walk->seen.raw, past.raw))
            return false;
        walk->seen = past;
        return true;
    }
    walk->at = link;
    walk->seen = behind;
    return true;
}

static struct walk walk_start(struct ms_waitlist *list)
{
    return (struct walk){.at = &list->head, .seen = {.raw = ms_load_acquire(&list->head)}};
}

/* Walks to the end; everything removed on the way is unlinked. */
static struct walk walk_to_end(struct ms_waitlist *list, ms_atomic_u64 *links)
{
    struct walk walk = walk_start(list);

    while (walk.seen.next != MS_WAITLIST_NONE)
        if (!walk_step(&walk, links))
            walk = walk_start(list);
    return walk;
}

/* The node's own link: unmarked, end of list, a new tag. The node is in no list. */
static void node_prepare(ms_atomic_u64 *link)
{
    union link_word word = {.raw = ms_load_relaxed(link)}; /* ours alone until the append */

    ms_store_release(link, link_to(word, MS_WAITLIST_NONE, false).raw);
}

void ms_waitlist_append(struct ms_waitlist *list, ms_atomic_u64 *links, uint32_t node)
{
    struct walk walk;

    node_prepare(&links[node]);
    do {
        walk = walk_to_end(list, links);
        /* hb:waitlist-node; seq_cst: a turnstile's look may stand behind it. */
    } while (!ms_cas_seq_cst(walk.at, &walk.seen.raw, link_to(walk.seen, node, false).raw));
}

bool ms_waitlist_append_if_empty(struct ms_waitlist *list, ms_atomic_u64 *links, uint32_t node)
{
    struct ms_waitlist_first first;
    union link_word seen;

    node_prepare(&links[node]);
    do {
        first = ms_waitlist_first_get(list, links);
        if (first.node != MS_WAITLIST_NONE)
            return false;
        seen.raw = first.seen;
        /* hb:waitlist-node */
    } while (!ms_cas_seq_cst(&list->head, &seen.raw, link_to(seen, node, false).raw));
    return true;
}

bool ms_waitlist_remove(struct ms_waitlist *list, ms_atomic_u64 *links, uint32_t node)
{
    union link_word seen = {.raw = ms_load_acquire(&links[node])};
    bool removed = false;

    while (!seen.mark && !removed)
        removed =
            ms_cas_seq_cst(&links[node], &seen.raw, link_to(seen, (uint32_t)seen.next, true).raw);
    walk_to_end(list, links); /* whoever marked it: after this it is unlinked */
    return removed;
}

void ms_waitlist_remove_first(struct ms_waitlist *list, ms_atomic_u64 *links,
                              struct ms_waitlist_first first)
{
    ms_atomic_u64 *link = &links[first.node];
    union link_word seen = {.raw = ms_load_acquire(link)};

    /* Tag and head unchanged: this link belongs to the life that was first. If it changes now, the
     * CAS fails and the node is somebody else's business. */
    if (ms_waitlist_is_first(list, first) && !seen.mark)
        ms_cas_seq_cst(link, &seen.raw, link_to(seen, (uint32_t)seen.next, true).raw);
    ms_waitlist_first_get(list, links); /* unlinks it */
}

struct ms_waitlist_first ms_waitlist_first_get(struct ms_waitlist *list, ms_atomic_u64 *links)
{
    for (;;) {
        struct walk walk = walk_start(list);
        if (walk.seen.next == MS_WAITLIST_NONE)
            return (struct ms_waitlist_first){MS_WAITLIST_NONE, walk.seen.raw};
        union link_word behind = {.raw = ms_load_acquire(&links[walk.seen.next])};
        if (ms_load_relaxed(walk.at) != walk.seen.raw) /* as in walk_step */
            continue;
        if (!behind.mark)
            return (struct ms_waitlist_first){(uint32_t)walk.seen.next, walk.seen.raw};
        /* Removed but still linked: unlink it and look again. */
        ms_cas_seq_cst(walk.at, &walk.seen.raw,
                       link_to(walk.seen, (uint32_t)behind.next, false).raw);
    }
}
