/* SPDX-License-Identifier: MIT */
/*
 * Real threads append and remove their own nodes on two lists; every node is found exactly when it
 * should be, and in the end both lists are empty.
 */
#include "adapter/waitlist.h"
#include "platform/prng.h"
#include "platform/test.h"

enum { THREADS = 4, OWN = 4, ROUNDS = 40000 };

struct storm {
    struct ms_waitlist list[2];
    ms_atomic_u64 links[THREADS * OWN];
    ms_atomic_u32
        payload[THREADS * OWN]; /* written before the append, checked by whoever is first */
    ms_atomic_u32 errors;
};

struct worker {
    struct storm *storm;
    uint32_t index;
};

static void worker_run(void *context)
{
    struct worker *w = context;
    struct storm *s = w->storm;
    struct ms_prng prng = {w->index + 1};
    int in[OWN];

    for (int i = 0; i < OWN; i++)
        in[i] = -1;
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t i = ms_prng_below(&prng, OWN), node = w->index * OWN + i;
        if (in[i] < 0) {
            int list = (int)ms_prng_below(&prng, 2);
            ms_store_relaxed(&s->payload[node], 1);
            if (ms_prng_below(&prng, 4) == 0) {
                if (ms_waitlist_append_if_empty(&s->list[list], s->links, node))
                    in[i] = list;
            } else {
                ms_waitlist_append(&s->list[list], s->links, node);
                in[i] = list;
            }
        } else {
            struct ms_waitlist *list = &s->list[in[i]];
            if (!ms_waitlist_remove(list, s->links, node))
                ms_fetch_add_relaxed(&s->errors, 1);
            in[i] = -1;
        }
        struct ms_waitlist_first first = ms_waitlist_first_get(&s->list[round & 1], s->links);
        if (first.node != MS_WAITLIST_NONE && ms_load_relaxed(&s->payload[first.node]) != 1)
            ms_fetch_add_relaxed(&s->errors, 1);
    }
    for (uint32_t i = 0; i < OWN; i++)
        if (in[i] >= 0 && !ms_waitlist_remove(&s->list[in[i]], s->links, w->index * OWN + i))
            ms_fetch_add_relaxed(&s->errors, 1);
}

MS_TEST(threads_append_and_remove_without_losing_a_node)
{
    static struct storm s;
    struct worker worker[THREADS];
    struct ms_thread *thread[THREADS];

    for (int i = 0; i < 2; i++)
        ms_waitlist_init(&s.list[i]);
    for (int i = 0; i < THREADS * OWN; i++)
        ms_waitlink_init(&s.links[i]);
    for (uint32_t i = 0; i < THREADS; i++) {
        worker[i] = (struct worker){&s, i};
        thread[i] = ms_thread_start(worker_run, &worker[i]);
    }
    for (int i = 0; i < THREADS; i++)
        ms_thread_join(thread[i]);
    assert_int_equal(ms_load_relaxed(&s.errors), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(ms_waitlist_first_get(&s.list[i], s.links).node, MS_WAITLIST_NONE);
}
