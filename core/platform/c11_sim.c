/* SPDX-License-Identifier: MIT */
/*
 * c11_sim.c: the memory model against the words of C11, on small programs by the hundred.
 *
 * Idea        a program of a few loads, stores, exchanges and fences is enumerated twice. Once by the simulator:
 *             all interleavings and all old values. Once by axioms: every way in which reads can get their values
 *             (rf), writes of a location can follow each other (mo) and seq_cst operations can (S), kept when no
 *             rule of C11 (7.17.3, 7.17.4, 5.1.2.4) is against it. The axioms know nothing of clocks or histories.
 * Sound       what the simulator shows, the axioms allow.
 * Complete    what the axioms allow, the simulator shows, when some order of steps agrees with rf, mo and S:
 *             reads from later steps (load buffering) and writes that overtake one another are what it leaves out.
 * Departures  are two, both C++20's: a release sequence goes on through updates, not through later plain stores of
 *             its own thread; and what merely happens-before a seq_cst fence counts as before it.
 */
#include "platform/prng.h"
#include "platform/test_axioms.h"

static void print_program(const struct program *p, uint64_t outcome)
{
    static const char *const kinds[] = {"load", "store", "exchange", "fence"};

    for (uint32_t i = 0; i < p->count; i++)
        print_message("  thread %u  %-8s %c %-8s read %u, value %u\n", p->event[i].thread,
                      kinds[p->event[i].kind], "xy"[p->event[i].place],
                      ms_sim_order_name(p->event[i].order), (unsigned)(outcome >> (4 * i)) & 15,
                      i + 1);
    print_message("  at last x = %u, y = %u\n", (unsigned)(outcome >> (4 * EVENTS_MAX)) & 15,
                  (unsigned)(outcome >> (4 * EVENTS_MAX + 4)) & 15);
}

/* --- by the simulator ----------------------------------------------------------------------------
 */

enum { STEPS_MAX = 32 /* decisions of one execution */ };

struct played {
    const struct program *program;
    ms_atomic_u32 place[PLACES];
    uint32_t read[EVENTS_MAX];
    uint32_t enabled[STEPS_MAX], chosen[STEPS_MAX];
    uint32_t depth, prefix;
};

static uint32_t do_load(const ms_atomic_u32 *at, uint8_t order)
{
    return order == MS_SIM_RELAXED   ? ms_load_relaxed(at)
           : order == MS_SIM_ACQUIRE ? ms_load_acquire(at)
                                     : ms_load_seq_cst(at);
}

static void do_store(ms_atomic_u32 *at, uint32_t value, uint8_t order)
{
    if (order == MS_SIM_RELAXED)
        ms_store_relaxed(at, value);
    else if (order == MS_SIM_RELEASE)
        ms_store_release(at, value);
    else
        ms_store_seq_cst(at, value);
}

static uint32_t do_exchange(ms_atomic_u32 *at, uint32_t value, uint8_t order)
{
    switch (order) {
    case MS_SIM_RELAXED:
        return ms_exchange_relaxed(at, value);
    case MS_SIM_ACQUIRE:
        return ms_exchange_acquire(at, value);
    case MS_SIM_RELEASE:
        return ms_exchange_release(at, value);
    case MS_SIM_ACQ_REL:
        return ms_exchange_acq_rel(at, value);
    default:
        return ms_exchange_seq_cst(at, value);
    }
}

static void do_fence(uint8_t order)
{
    if (order == MS_SIM_ACQUIRE)
        ms_fence_acquire();
    else if (order == MS_SIM_RELEASE)
        ms_fence_release();
    else
        ms_fence_seq_cst();
}

static void thread_body(void *context)
{
    struct played *w = context;
    uint32_t self = ms_sim_self();

    for (uint32_t i = 0; i < w->program->count; i++) {
        const struct event *e = &w->program->event[i];
        if (e->thread != self)
            continue;
        if (e->kind == LOAD)
            w->read[i] = do_load(&w->place[e->place], e->order);
        else if (e->kind == STORE)
            do_store(&w->place[e->place], i + 1, e->order);
        else if (e->kind == EXCHANGE)
            w->read[i] = do_exchange(&w->place[e->place], i + 1, e->order);
        else
            do_fence(e->order);
    }
}

static uint32_t decide(const struct ms_sim_choice *choice, void *context)
{
    struct played *w = context;
    uint32_t at = w->depth++;

    assert_true(at < STEPS_MAX);
    if (at >= w->prefix) {
        w->enabled[at] = choice->runnable;
        w->chosen[at] = (uint32_t)__builtin_ctz(choice->runnable);
    }
    return w->chosen[at];
}

/* The next interleaving; false when there is none. */
static bool next_schedule(struct played *w)
{
    for (uint32_t i = w->depth; i-- > 0;) {
        uint32_t left = w->enabled[i] & ~((2u << w->chosen[i]) - 1);
        if (left == 0)
            continue;
        w->chosen[i] = (uint32_t)__builtin_ctz(left);
        w->prefix = i + 1;
        return true;
    }
    return false;
}

/* All interleavings, with the k-th load that has a choice reading so many stores back. */
static void play_all(struct played *w, const uint8_t *old, uint32_t loads, struct outcomes *out)
{
    struct ms_sim_actor actors[THREADS_MAX];
    struct ms_sim_config config;
    struct ms_sim_result result;

    ms_sim_config_init(&config);
    config.actors = actors;
    config.actor_count = w->program->threads;
    for (uint32_t i = 0; i < w->program->threads; i++)
        actors[i] = (struct ms_sim_actor){"thread", thread_body, w};
    config.schedule = (struct ms_sim_schedule){.strategy = MS_SIM_ASKED,
                                               .decide = decide,
                                               .decide_context = w,
                                               .reads = old,
                                               .read_bytes = loads};
    w->prefix = 0;
    do {
        memset(w->place, 0, sizeof w->place);
        memset(w->read, 0, sizeof w->read);
        w->depth = 0;
        ms_sim_run(&config, &result);
        assert_int_equal(result.verdict, MS_SIM_CLEAN);
        uint32_t last[PLACES] = {ms_load_relaxed(&w->place[0]), ms_load_relaxed(&w->place[1])};
        outcomes_add(out, outcome_of(w->program, w->read, last));
    } while (next_schedule(w));
}

static void by_simulator(const struct program *p, struct outcomes *out)
{
    struct played world = {.program = p};
    uint8_t old[EVENTS_MAX] = {0};
    uint32_t writers[PLACES] = {0};
    uint32_t loads = 0;

    out->count = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        loads += p->event[i].kind == LOAD;
        writers[p->event[i].place] += writes(&p->event[i]);
    }
    uint32_t oldest = writers[0] > writers[1] ? writers[0] : writers[1];
    for (;;) {
        uint32_t i = 0;
        play_all(&world, old, loads, out);
        while (i < loads && old[i] == oldest)
            old[i++] = 0;
        if (i == loads)
            return;
        old[i]++;
    }
}

/* --- random programs -----------------------------------------------------------------------------
 */

static uint8_t draw_order(struct ms_prng *prng, uint8_t kind, uint32_t strict)
{
    static const uint8_t orders[KINDS][5] = {
        [LOAD] = {MS_SIM_RELAXED, MS_SIM_RELAXED, MS_SIM_ACQUIRE, MS_SIM_ACQUIRE, MS_SIM_SEQ_CST},
        [STORE] = {MS_SIM_RELAXED, MS_SIM_RELAXED, MS_SIM_RELEASE, MS_SIM_RELEASE, MS_SIM_SEQ_CST},
        [EXCHANGE] = {MS_SIM_RELAXED, MS_SIM_ACQUIRE, MS_SIM_RELEASE, MS_SIM_ACQ_REL,
                      MS_SIM_SEQ_CST},
        [FENCE] = {MS_SIM_ACQUIRE, MS_SIM_RELEASE, MS_SIM_SEQ_CST, MS_SIM_SEQ_CST, MS_SIM_SEQ_CST},
    };

    return ms_prng_below(prng, 100) < strict ? MS_SIM_SEQ_CST
                                             : orders[kind][ms_prng_below(prng, 5)];
}

/* Each is known by what it shows: message passing, store buffering, and so on. W writes, R reads, X exchanges. */
static const char *const families[] = {
    "WxWy|RyRx",     "WxRy|WyRx",    "RxWy|RyWx",      "Wx|Wy|RxRy|RyRx", "WxWy|WyWx",
    "WxWy|WyRx",     "WxWy|RyWx",    "Wx|RxWy|RyRx",   "Wx|RxRy|WyRx",    "WxWx|RxRx",
    "Wx|Wx|RxRx",    "WxWy|Xy|RyRx", "WxWyWy|RyRx",    "WxXyWy|RyRx",     "XxRy|XyRx",
    "WxRxRy|WyRyRx", "WxXyRy|WyRx",  "WxWy|XyWy|RyRx", "XxXy|RyRx",       "WxWy|XyRx",
};

static void event_add(struct ms_prng *prng, struct program *p, uint8_t kind, uint8_t place)
{
    p->event[p->count++] = (struct event){.kind = kind,
                                          .order = draw_order(prng, kind, p->strict),
                                          .place = place,
                                          .thread = (uint8_t)p->threads};
}

/* One of a family: any orders, and fences between any two. */
static void draw_of_family(struct ms_prng *prng, const char *family, struct program *p)
{
    uint32_t room = EVENTS_MAX;

    p->count = p->threads = 0;
    for (const char *c = family; *c; c++)
        room -= *c == 'x' || *c == 'y';
    for (const char *c = family; *c; c++) {
        if (*c == '|') {
            p->threads++;
            continue;
        }
        event_add(prng, p, *c == 'R' ? LOAD : *c == 'W' ? STORE : EXCHANGE, c[1] == 'y');
        c++;
        if (c[1] && c[1] != '|' && room > 0 && ms_prng_below(prng, 2) == 0) {
            event_add(prng, p, FENCE, 0);
            room--;
        }
    }
    p->threads++;
}

static void draw_any(struct ms_prng *prng, struct program *p)
{
    static const uint8_t kinds[] = {LOAD, LOAD, LOAD, STORE, STORE, STORE, EXCHANGE, FENCE};
    uint32_t writers;
    uint32_t loads;

    do {
        uint32_t count = 4 + ms_prng_below(prng, EVENTS_MAX - 4);
        p->count = p->threads = writers = loads = 0;
        while (p->count < count) {
            uint8_t kind = kinds[ms_prng_below(prng, sizeof kinds)];
            if (p->count > 0 && ms_prng_below(prng, 5) < 2 && p->threads + 1 < THREADS_MAX)
                p->threads++;
            event_add(prng, p, kind, (uint8_t)ms_prng_below(prng, PLACES));
            writers += kind == STORE || kind == EXCHANGE;
            loads += kind == LOAD;
        }
        p->threads++;
    } while (p->threads < 2 || writers == 0 || writers > 4 || loads == 0 || loads > 3);
}

static void draw_program(struct ms_prng *prng, uint32_t number, struct program *p)
{
    enum { FAMILIES = sizeof families / sizeof families[0] };

    p->strict = number % 3 == 0 ? 60 : 0;
    if (number % 4 == 3)
        draw_any(prng, p);
    else
        draw_of_family(prng, families[ms_prng_below(prng, FAMILIES)], p);
}

enum { PROGRAMS = 600 };

static struct outcomes shown, allowed;

static void demand_each(const struct program *p, const struct outcomes *some,
                        const struct outcomes *all, uint32_t number, const char *what)
{
    for (uint32_t i = 0; i < some->count; i++)
        if (!outcomes_has(all, some->list[i])) {
            print_program(p, some->list[i]);
            fail_msg("program %u: %s", number, what);
        }
}

MS_TEST(random_programs_show_what_c11_allows_of_orders_of_steps_and_nothing_else)
{
    static const struct rules words = {.only_own_before_fence = true};
    static const struct rules steps = {.must_be_steps = true};
    struct ms_prng prng = {7};
    uint64_t total = 0;

    for (uint32_t number = 0; number < PROGRAMS; number++) {
        struct program p;
        draw_program(&prng, number, &p);
        by_simulator(&p, &shown);
        by_axioms(&p, &words, &allowed);
        demand_each(&p, &shown, &allowed, number, "shown, and C11 forbids it");
        by_axioms(&p, &steps, &allowed);
        demand_each(&p, &allowed, &shown, number, "C11 allows it in these steps: never shown");
        total += shown.count;
    }
    print_message("%d programs, %llu outcomes\n", PROGRAMS, (unsigned long long)total);
}

/* --- where the model is not the words -------------------------------------------------------------
 */

/* "W1x" writes x relaxed; R reads, X exchanges, F is a fence; - relaxed, a acquire, r release, b both, s seq_cst. */
static void program_read(const char *text, struct program *p)
{
    static const char kinds[] = "RWXF";
    static const char orders[] = "-arbs";

    *p = (struct program){.threads = 1};
    for (; *text; text++) {
        if (*text == '|') {
            p->threads++;
        } else if (*text != ' ') {
            p->event[p->count++] =
                (struct event){.kind = (uint8_t)(strchr(kinds, text[0]) - kinds),
                               .order = (uint8_t)(strchr(orders, text[1]) - orders),
                               .place = text[2] == 'y',
                               .thread = (uint8_t)(p->threads - 1)};
            text += 2;
        }
    }
}

MS_TEST(the_model_departs_from_the_words_of_c11_where_it_says_so)
{
    static const struct {
        const char *name, *program,
            *reads; /* a digit for each event: the value read, by number of its store */
        uint8_t last[PLACES];
        bool is_shown, is_allowed;
    } cases[] = {
        {"load buffering", "R-x W-y | R-y W-x", "4020", {4, 2}, false, true},
        {"two writes each, the first last", "W-x W-y | W-y W-x", "0000", {1, 3}, false, true},
        {"read, and overtaken by a later write", "W-x W-y | R-y W-x", "0020", {1, 2}, false, true},
        {"a release sequence goes on through its own thread's stores",
         "W-x Wry W-y | Ray R-x",
         "00030",
         {1, 3},
         true,
         false},
        {"a release sequence goes on through updates",
         "W-x Wry | X-y | Ray R-x",
         "00230",
         {1, 3},
         false,
         false},
        {"a release sequence ends with another's store",
         "W-x Wry | W-y | Ray R-x",
         "00030",
         {1, 3},
         true,
         true},
        {"before a fence, but in another thread",
         "Wrx | Rax Fsx R-y | W-y Fsx R-x",
         "0100000",
         {1, 5},
         false,
         true},
        {"before a fence, and read without acquire",
         "W-x | R-x Fsx R-y | W-y Fsx R-x",
         "0100000",
         {1, 5},
         true,
         true},
        {"independent reads disagree, with fences between",
         "W-x | W-y | R-x Fsx R-y | R-y Fsx R-x",
         "00100200",
         {1, 2},
         true,
         true},
    };
    static const struct rules words = {.own_stores_continue = true, .only_own_before_fence = true};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t read[EVENTS_MAX] = {0};
        uint32_t last[PLACES] = {cases[i].last[0], cases[i].last[1]};
        struct program p;
        program_read(cases[i].program, &p);
        for (uint32_t k = 0; k < p.count; k++)
            read[k] = (uint32_t)(cases[i].reads[k] - '0');
        by_simulator(&p, &shown);
        by_axioms(&p, &words, &allowed);
        if (outcomes_has(&shown, outcome_of(&p, read, last)) != cases[i].is_shown)
            fail_msg("%s: %s", cases[i].name, cases[i].is_shown ? "not shown" : "shown");
        if (outcomes_has(&allowed, outcome_of(&p, read, last)) != cases[i].is_allowed)
            fail_msg("%s: the axioms do not agree", cases[i].name);
    }
}
