/* SPDX-License-Identifier: MIT */
/*
 * test_axioms.h: what C11 allows a small program of atomics to come to, by its words (7.17.3, 7.17.4, 5.1.2.4): every
 * way in which reads can get their values (rf), writes of a place can follow each other (mo) and seq_cst operations
 * can (S), kept when no rule is against it. Knows nothing of the simulator but the names of its orders.
 */
#ifndef MS_TEST_AXIOMS_H
#define MS_TEST_AXIOMS_H

#include "platform/sim.h"
#include "platform/test.h"

enum {
    EVENTS_MAX = 8,
    THREADS_MAX = 4,
    PLACES = 2,
    OUTCOMES_MAX = 8192,
};

enum kind { LOAD, STORE, EXCHANGE, FENCE, KINDS };

struct event {
    uint8_t kind, order, place, thread;
};

/* Events in order of thread; the value of a write is its number, counted from 1. */
struct program {
    struct event event[EVENTS_MAX];
    uint32_t count, threads;
    uint32_t strict; /* of 100 orders so many are seq_cst whatever else is drawn */
};

/* What a program came to: four bits for what each event read, then for the last value of each place. */
struct outcomes {
    uint64_t list[OUTCOMES_MAX];
    uint32_t count;
};

static inline void outcomes_add(struct outcomes *o, uint64_t outcome)
{
    uint32_t low = 0;
    uint32_t high = o->count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (o->list[middle] < outcome)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < o->count && o->list[low] == outcome)
        return;
    assert_true(o->count < OUTCOMES_MAX);
    memmove(&o->list[low + 1], &o->list[low], (o->count - low) * sizeof o->list[0]);
    o->list[low] = outcome;
    o->count++;
}

static inline bool outcomes_has(const struct outcomes *o, uint64_t outcome)
{
    for (uint32_t i = 0; i < o->count; i++)
        if (o->list[i] == outcome)
            return true;
    return false;
}

static inline bool reads(const struct event *e)
{
    return e->kind == LOAD || e->kind == EXCHANGE;
}

static inline bool writes(const struct event *e)
{
    return e->kind == STORE || e->kind == EXCHANGE;
}

static inline bool acquires(const struct event *e)
{
    return (reads(e) || e->kind == FENCE) &&
           (e->order == MS_SIM_ACQUIRE || e->order == MS_SIM_ACQ_REL || e->order == MS_SIM_SEQ_CST);
}

static inline bool releases(const struct event *e)
{
    return (writes(e) || e->kind == FENCE) &&
           (e->order == MS_SIM_RELEASE || e->order == MS_SIM_ACQ_REL || e->order == MS_SIM_SEQ_CST);
}

static inline uint64_t outcome_of(const struct program *p, const uint32_t *read,
                                  const uint32_t *last)
{
    uint64_t outcome = 0;

    for (uint32_t i = 0; i < p->count; i++)
        outcome |= (uint64_t)(reads(&p->event[i]) ? read[i] : 0) << (4 * i);
    for (uint32_t i = 0; i < PLACES; i++)
        outcome |= (uint64_t)last[i] << (4 * (EVENTS_MAX + i));
    return outcome;
}

struct rules {
    bool
        own_stores_continue; /* a release sequence goes on through its thread's plain stores: C11, not C++20 */
    bool
        only_own_before_fence; /* C11 speaks of what is sequenced before a fence, C++20 of all that happens-before it */
    bool
        must_be_steps; /* rf, mo and S must agree with one order of steps: what an interleaving can show */
};

/* Bit j of row i: i is before j. */
struct relation {
    uint8_t row[EVENTS_MAX];
};

static inline bool related(const struct relation *r, uint32_t i, uint32_t j)
{
    return r->row[i] >> j & 1;
}

static inline void relate(struct relation *r, uint32_t i, uint32_t j)
{
    r->row[i] = (uint8_t)(r->row[i] | 1u << j);
}

static inline void close_over(struct relation *r, uint32_t count)
{
    for (uint32_t k = 0; k < count; k++)
        for (uint32_t i = 0; i < count; i++)
            if (related(r, i, k))
                r->row[i] |= r->row[k];
}

static inline bool has_cycle(const struct relation *closed, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (related(closed, i, i))
            return true;
    return false;
}

/* A candidate: who reads from whom, and the order of writes. */
struct candidate {
    const struct program *p;
    const struct rules *rules;
    uint32_t rf[EVENTS_MAX];   /* number of the write + 1; 0: what was there */
    uint32_t rank[EVENTS_MAX]; /* of a write, among those to its place; from 1 */
    struct relation sb, hb;
};

/* Rank of the value that a read got. */
static inline uint32_t got(const struct candidate *c, uint32_t read)
{
    return c->rf[read] ? c->rank[c->rf[read] - 1] : 0;
}

static inline uint32_t writer_at(const struct candidate *c, uint32_t place, uint32_t rank)
{
    for (uint32_t i = 0; i < c->p->count; i++)
        if (writes(&c->p->event[i]) && c->p->event[i].place == place && c->rank[i] == rank)
            return i;
    return EVENTS_MAX;
}

/* The read got a value of the release sequence that `head` begins (or would, if it were a release). */
static inline bool reads_sequence(const struct candidate *c, uint32_t read, uint32_t head)
{
    const struct event *e = c->p->event;

    if (e[head].place != e[read].place || got(c, read) < c->rank[head])
        return false;
    for (uint32_t rank = c->rank[head] + 1; rank <= got(c, read); rank++) {
        uint32_t next = writer_at(c, e[head].place, rank);
        bool goes_on = e[next].kind == EXCHANGE ||
                       (c->rules->own_stores_continue && e[next].thread == e[head].thread);
        if (!goes_on)
            return false;
    }
    return true;
}

/* `a` synchronizes with `b`, by themselves or through a write behind a release fence `a` and a read before an acquire
 * fence `b`. */
static inline bool synchronizes(const struct candidate *c, uint32_t a, uint32_t b)
{
    const struct event *e = c->p->event;

    if (!releases(&e[a]) || !acquires(&e[b]))
        return false;
    for (uint32_t w = 0; w < c->p->count; w++)
        for (uint32_t r = 0; r < c->p->count; r++) {
            if (!writes(&e[w]) || !reads(&e[r]) || w == r)
                continue;
            if (!(e[a].kind == FENCE ? related(&c->sb, a, w) : a == w) ||
                !(e[b].kind == FENCE ? related(&c->sb, r, b) : b == r))
                continue;
            if (reads_sequence(c, r, w))
                return true;
        }
    return false;
}

/* 5.1.2.4: coherence, and an update reads what stood right before it. */
static inline bool is_coherent(const struct candidate *c)
{
    const struct event *e = c->p->event;

    for (uint32_t i = 0; i < c->p->count; i++) {
        if (e[i].kind == EXCHANGE && c->rank[i] != got(c, i) + 1)
            return false;
        for (uint32_t j = 0; j < c->p->count; j++) {
            if (i == j || e[i].place != e[j].place || !related(&c->hb, i, j) ||
                e[i].kind == FENCE || e[j].kind == FENCE)
                continue;
            if ((writes(&e[i]) && writes(&e[j]) && c->rank[i] >= c->rank[j]) ||
                (writes(&e[i]) && reads(&e[j]) && got(c, j) < c->rank[i]) ||
                (reads(&e[i]) && writes(&e[j]) && got(c, i) >= c->rank[j]) ||
                (reads(&e[i]) && reads(&e[j]) && got(c, i) > got(c, j)))
                return false;
        }
    }
    return true;
}

/* 7.17.3: what the order S of seq_cst operations (`at`: its place in it, 0: none) demands of read `b` and write `a`. */
static inline bool read_respects(const struct candidate *c, const uint32_t *at, uint32_t b,
                                 uint32_t a)
{
    const struct event *e = c->p->event;
    bool is_missed = got(c, b) < c->rank[a];

    if (!is_missed)
        return true;
    if (at[a] && at[b] && at[a] < at[b])
        return false; /* p6 */
    for (uint32_t x = 0; x < c->p->count; x++) {
        if (e[x].kind != FENCE || !at[x])
            continue;
        if (at[a] && at[a] < at[x] && related(&c->sb, x, b))
            return false; /* p9 */
        if (!related(c->rules->only_own_before_fence ? &c->sb : &c->hb, a, x))
            continue;
        if (at[b] && at[x] < at[b])
            return false; /* p10 */
        for (uint32_t y = 0; y < c->p->count; y++)
            if (e[y].kind == FENCE && at[y] > at[x] && related(&c->sb, y, b))
                return false; /* p11 */
    }
    return true;
}

static inline bool order_is_good(const struct candidate *c, const uint32_t *at)
{
    const struct event *e = c->p->event;
    struct relation steps = c->hb;

    for (uint32_t i = 0; i < c->p->count; i++)
        for (uint32_t j = 0; j < c->p->count; j++) {
            bool same = i != j && e[i].place == e[j].place;
            if (at[i] && at[j] && at[i] < at[j]) {
                if (related(&c->hb, j, i) ||
                    (same && writes(&e[i]) && writes(&e[j]) && c->rank[i] > c->rank[j]))
                    return false;
                relate(&steps, i, j);
            }
            if (!same)
                continue;
            if (writes(&e[i]) && reads(&e[j])) {
                if (!read_respects(c, at, j, i))
                    return false;
                if (c->rf[j] == i + 1)
                    relate(&steps, i, j);
            }
            if (writes(&e[i]) && writes(&e[j]) && c->rank[i] < c->rank[j])
                relate(&steps, i, j);
        }
    if (!c->rules->must_be_steps)
        return true;
    close_over(&steps, c->p->count);
    return !has_cycle(&steps, c->p->count);
}

/* Some order S of the seq_cst operations will do; those with a bit in `left` have no place yet. */
static inline bool has_order(const struct candidate *c, uint32_t *at, uint32_t left, uint32_t next)
{
    if (left == 0)
        return order_is_good(c, at);
    for (uint32_t rest = left; rest; rest &= rest - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(rest);
        at[i] = next;
        if (has_order(c, at, left & ~(1u << i), next + 1))
            return true;
        at[i] = 0;
    }
    return false;
}

static inline bool is_allowed(struct candidate *c)
{
    const struct event *e = c->p->event;
    uint32_t at[EVENTS_MAX] = {0};
    uint32_t ordered = 0;

    c->sb = (struct relation){0};
    for (uint32_t i = 0; i < c->p->count; i++) {
        ordered |= e[i].order == MS_SIM_SEQ_CST ? 1u << i : 0;
        for (uint32_t j = i + 1; j < c->p->count; j++)
            if (e[i].thread == e[j].thread)
                relate(&c->sb, i, j);
    }
    c->hb = c->sb;
    for (uint32_t i = 0; i < c->p->count; i++)
        for (uint32_t j = 0; j < c->p->count; j++)
            if (e[i].thread != e[j].thread && synchronizes(c, i, j))
                relate(&c->hb, i, j);
    close_over(&c->hb, c->p->count);
    return !has_cycle(&c->hb, c->p->count) && is_coherent(c) && has_order(c, at, ordered, 1);
}

/* Gives each event from `i` on its rf, then each write its rank. */
static inline void candidates(struct candidate *c, uint32_t i, bool is_ranking,
                              struct outcomes *out)
{
    const struct program *p = c->p;
    uint32_t last[PLACES] = {0};
    uint32_t count[PLACES] = {0};

    if (i == p->count) {
        if (!is_ranking) {
            candidates(c, 0, true, out);
        } else if (is_allowed(c)) {
            for (uint32_t k = 0; k < p->count; k++)
                count[p->event[k].place] += writes(&p->event[k]);
            for (uint32_t k = 0; k < p->count; k++)
                if (writes(&p->event[k]) && c->rank[k] == count[p->event[k].place])
                    last[p->event[k].place] = k + 1;
            outcomes_add(out, outcome_of(p, c->rf, last));
        }
        return;
    }
    if (is_ranking ? !writes(&p->event[i]) : !reads(&p->event[i])) {
        candidates(c, i + 1, is_ranking, out);
        return;
    }
    uint32_t most = 0;
    for (uint32_t w = 0; w < p->count; w++)
        most += writes(&p->event[w]) && p->event[w].place == p->event[i].place;
    if (is_ranking) {
        for (uint32_t rank = 1; rank <= most; rank++) {
            bool is_free = true;
            for (uint32_t w = 0; w < i; w++)
                is_free &= !(writes(&p->event[w]) && p->event[w].place == p->event[i].place &&
                             c->rank[w] == rank);
            if (!is_free)
                continue;
            c->rank[i] = rank;
            candidates(c, i + 1, true, out);
        }
        return;
    }
    for (uint32_t from = 0; from <= p->count; from++) {
        if (from && (from - 1 == i || !writes(&p->event[from - 1]) ||
                     p->event[from - 1].place != p->event[i].place))
            continue;
        c->rf[i] = from;
        candidates(c, i + 1, false, out);
    }
}

static inline void by_axioms(const struct program *p, const struct rules *rules,
                             struct outcomes *out)
{
    struct candidate c = {.p = p, .rules = rules};

    out->count = 0;
    candidates(&c, 0, false, out);
}

#endif
