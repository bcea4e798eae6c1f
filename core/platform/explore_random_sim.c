/* SPDX-License-Identifier: MIT */
/*
 * explore_random_sim.c: the reduced search against plain search, on random programs by the hundred: the same final
 * states, and the same programs in which somebody waits for ever.
 */
#include "platform/prng.h"
#include "platform/sim_explore.h"
#include "platform/test.h"

static struct ms_sim_explored explored, plain;

enum { THREADS = 3, OPS = 4, WORDS = 3 };

enum op_kind {
    OP_LOAD,
    OP_STORE,
    OP_STORE_SEEN, /* what was read last, and one */
    OP_ADD,
    OP_EXCHANGE,
    OP_CAS,    /* from what was read last */
    OP_BRANCH, /* an odd value was read last: leaves the next one out */
    OP_AWAIT,  /* spins until the word is not 0 */
    OP_SLEEP,  /* the same, asleep */
    OP_SET,    /* stores, and wakes one */
    OP_KINDS,
};

struct drawn {
    ms_atomic_u32 word[WORDS];
    uint32_t seen[THREADS];
    uint32_t digest[THREADS];
    uint8_t op[THREADS][OPS];
    uint8_t on[THREADS][OPS];
    uint32_t count[THREADS];
};

static uint32_t drawn_op(struct drawn *d, enum op_kind kind, ms_atomic_u32 *on, uint32_t seen,
                         uint32_t fresh)
{
    switch (kind) {
    case OP_LOAD:
        return ms_load_acquire(on);
    case OP_STORE:
        ms_store_release(on, fresh);
        break;
    case OP_STORE_SEEN:
        ms_store_release(on, seen + 1);
        break;
    case OP_ADD:
        return ms_fetch_add_acq_rel(on, 1);
    case OP_EXCHANGE:
        return ms_exchange_acq_rel(on, fresh);
    case OP_CAS:
        (void)ms_cas_acq_rel(on, &seen, fresh);
        break;
    case OP_AWAIT:
        while ((seen = ms_load_acquire(on)) == 0)
            ms_spin_hint();
        break;
    case OP_SLEEP:
        while ((seen = ms_load_acquire(on)) == 0)
            ms_wait(on, 0, UINT64_MAX);
        break;
    case OP_SET:
        ms_store_release(on, fresh);
        ms_wake(on, 1);
        break;
    default:
        break;
    }
    (void)d;
    return seen;
}

static void drawn_body(void *context)
{
    struct drawn *d = context;
    uint32_t self = ms_sim_self();
    uint32_t seen = 0;

    for (uint32_t i = 0; i < d->count[self]; i++) {
        enum op_kind kind = (enum op_kind)d->op[self][i];
        if (kind == OP_BRANCH)
            i += seen & 1;
        else
            seen = drawn_op(d, kind, &d->word[d->on[self][i]], seen, 16 * (self + 1) + i);
        d->digest[self] = d->digest[self] * 131 + seen;
    }
}

static void drawn_reset(void *context)
{
    struct drawn *d = context;

    memset(d->word, 0, sizeof d->word);
    memset(d->digest, 0, sizeof d->digest);
}

static uint64_t drawn_digest(void *context)
{
    const struct drawn *d = context;
    uint64_t digest = 0;

    for (uint32_t i = 0; i < THREADS; i++)
        digest = (digest * 0x9E3779B97F4A7C15u + d->digest[i]) * 31;
    for (uint32_t i = 0; i < WORDS; i++)
        digest = digest * 0x9E3779B97F4A7C15u + ms_load_relaxed(&d->word[i]);
    return digest;
}

static void draw(struct ms_prng *prng, struct drawn *d)
{
    uint32_t threads = 2 + ms_prng_below(prng, THREADS - 1);

    memset(d, 0, sizeof *d);
    for (uint32_t t = 0; t < threads; t++) {
        d->count[t] = 1 + ms_prng_below(prng, threads == 2 ? OPS : OPS - 1);
        for (uint32_t i = 0; i < d->count[t]; i++) {
            d->op[t][i] = (uint8_t)ms_prng_below(prng, OP_KINDS);
            d->on[t][i] = (uint8_t)ms_prng_below(prng, WORDS);
            /* Waiting is for what others store: most would wait for ever. */
            if ((d->op[t][i] == OP_AWAIT || d->op[t][i] == OP_SLEEP) && ms_prng_below(prng, 3) != 0)
                d->op[t][i] = OP_LOAD;
        }
    }
}

static void drawn_print(const struct drawn *d)
{
    static const char *const names[OP_KINDS] = {"load",     "store",       "store seen",  "add",
                                                "exchange", "cas",         "skip if odd", "spin on",
                                                "sleep on", "set and wake"};

    for (uint32_t t = 0; t < THREADS; t++)
        for (uint32_t i = 0; i < d->count[t]; i++)
            print_message("  thread %u: %s %c\n", t, names[d->op[t][i]], "xyz"[d->on[t][i]]);
}

static void draw_explore(struct drawn *d, enum ms_sim_search search, struct ms_sim_explored *out)
{
    struct ms_sim_actor actors[THREADS];
    struct ms_sim_scenario scenario = {.reset = drawn_reset, .digest = drawn_digest, .context = d};

    ms_sim_config_init(&scenario.config);
    scenario.config.actors = actors;
    for (uint32_t t = 0; t < THREADS && d->count[t]; t++) {
        actors[t] = (struct ms_sim_actor){"drawn", drawn_body, d};
        scenario.config.actor_count = t + 1;
    }
    ms_sim_explore(&scenario, search, 20000, out);
}

MS_TEST(random_programs_have_the_same_states_under_the_reduced_search_as_under_the_plain_one)
{
    struct ms_prng prng = {11};
    uint64_t reduced_total = 0;
    uint64_t plain_total = 0;
    uint32_t compared = 0;
    uint32_t stuck = 0;

    for (uint32_t number = 0; number < 600; number++) {
        struct drawn d;
        draw(&prng, &d);
        draw_explore(&d, MS_SIM_PLAIN, &plain);
        if (!plain.is_complete && plain.bug.verdict != MS_SIM_BUG)
            continue; /* too many to compare */
        draw_explore(&d, MS_SIM_REDUCED, &explored);
        if (plain.bug.verdict == MS_SIM_BUG) { /* somebody waits for ever */
            if (explored.bug.verdict != MS_SIM_BUG)
                fail_msg("program %u: %s is not found", number, plain.bug.bug);
            stuck++;
            continue;
        }
        assert_true(explored.is_complete);
        if (explored.state_count != plain.state_count ||
            memcmp(explored.states, plain.states, plain.state_count * sizeof(uint64_t)) != 0) {
            drawn_print(&d);
            fail_msg("program %u: %u states, and plain search has %u", number, explored.state_count,
                     plain.state_count);
        }
        compared++;
        reduced_total += explored.executions;
        plain_total += plain.executions;
    }
    print_message(
        "%u programs, %llu executions instead of %llu; %u in which somebody waits for ever\n",
        compared, (unsigned long long)reduced_total, (unsigned long long)plain_total, stuck);
    assert_true(compared > 300 && stuck > 20);
}
