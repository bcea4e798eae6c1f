/* SPDX-License-Identifier: MIT */
/*
 * fiber_sim.c: the simulator itself: the same input gives the same trace, every early end leaves a
 * clean stage, threads wait, wake, join and end as on the other platform.
 */
#include "platform/sim.h"
#include "platform/test.h"

enum { ACTORS = 4, LOOPS = 6 };

struct stage {
    ms_atomic_u32 count;
    ms_atomic_u64 word;
    uint32_t fail_at; /* global step; UINT32_MAX: never */
    uint32_t checked;
};

static void stage_actor(void *context)
{
    struct stage *s = context;
    char buffer[64]; /* something for the address sanitizer to know about each stack */

    for (uint32_t i = 0; i < LOOPS; i++) {
        snprintf(buffer, sizeof buffer, "%u", ms_load_acquire(&s->count));
        ms_fetch_add_acq_rel(&s->count, 1);
        ms_store_release(&s->word, (uint64_t)strtoul(buffer, NULL, 10));
        if (ms_sim_step() >= s->fail_at)
            ms_sim_fail("test", "at step %u", ms_sim_step());
    }
}

static void stage_check(void *context)
{
    struct stage *s = context;

    s->checked = ms_load_relaxed(&s->count);
}

static struct ms_sim_result stage_run(struct stage *s, const struct ms_sim_schedule *schedule)
{
    struct ms_sim_actor actors[ACTORS];
    struct ms_sim_config config;
    struct ms_sim_result result;

    ms_sim_config_init(&config);
    for (uint32_t i = 0; i < ACTORS; i++)
        actors[i] = (struct ms_sim_actor){"actor", stage_actor, s};
    config.actors = actors;
    config.actor_count = ACTORS;
    config.check = stage_check;
    config.check_context = s;
    config.schedule = *schedule;
    memset(&s->count, 0, sizeof s->count);
    memset(&s->word, 0, sizeof s->word);
    s->checked = 0;
    ms_sim_run(&config, &result);
    return result;
}

MS_TEST(the_same_input_gives_the_same_trace_under_every_strategy)
{
    static const uint8_t dense[] = {1, 0, 2, 3, 0, 0, 1, 1, 2, 3, 1, 0, 0, 1};
    static const struct ms_sim_preemption sparse[] = {{3, 2}, {9, 1}, {12, 3}};
    struct stage s = {.fail_at = UINT32_MAX};

    for (int strategy = MS_SIM_DENSE; strategy <= MS_SIM_HOLD; strategy++) {
        struct ms_sim_schedule schedule = {.strategy = (enum ms_sim_strategy)strategy,
                                           .seed = 5,
                                           .depth = 3,
                                           .stall_actor = 1,
                                           .stall_step = 4,
                                           .dense = dense,
                                           .dense_bytes = sizeof dense,
                                           .preemptions = sparse,
                                           .preemption_count = 3,
                                           .stale_of_256 = 64};
        struct ms_sim_result first = stage_run(&s, &schedule);
        assert_int_equal(first.verdict, MS_SIM_CLEAN);
        assert_int_equal(s.checked, ACTORS * LOOPS);
        schedule.seed++;
        stage_run(&s, &schedule);
        schedule.seed--;
        assert_true(stage_run(&s, &schedule).trace_hash == first.trace_hash);
    }
}

MS_TEST(different_schedules_give_different_traces)
{
    struct stage s = {.fail_at = UINT32_MAX};
    uint64_t hash = 0;

    for (uint64_t seed = 0; seed < 50; seed++) {
        struct ms_sim_schedule schedule = {.strategy = MS_SIM_WALK, .seed = seed};
        struct ms_sim_result result = stage_run(&s, &schedule);
        assert_true(result.trace_hash != hash);
        hash = result.trace_hash;
    }
}

MS_TEST(what_was_done_replays_as_a_list_of_switches_and_reads)
{
    struct stage s = {.fail_at = UINT32_MAX};

    for (uint32_t run = 0; run < 300; run++) {
        static struct ms_sim_preemption switches[1024];
        static uint8_t reads[4096];
        struct ms_sim_schedule schedule = {
            .strategy = (enum ms_sim_strategy)(MS_SIM_WALK + run % 5),
            .seed = run,
            .depth = 3,
            .stall_actor = run % ACTORS,
            .stall_step = run % 7,
            .stale_of_256 = 80,
        };
        struct ms_sim_result first = stage_run(&s, &schedule);
        assert_true(first.record_is_whole);
        memcpy(switches, first.preemptions, first.preemption_count * sizeof switches[0]);
        memcpy(reads, first.reads, first.read_bytes);
        struct ms_sim_schedule explicit_form = {
            .strategy = MS_SIM_SPARSE,
            .preemptions = switches,
            .preemption_count = first.preemption_count,
            .reads = reads,
            .read_bytes = first.read_bytes,
        };
        assert_true(stage_run(&s, &explicit_form).trace_hash == first.trace_hash);
    }
}

/* Somebody looks at a word and exchanges it; somebody else writes it meanwhile, and in the end as it was. */
struct swap {
    ms_atomic_u64 word;
    const uint64_t *written; /* 0 behind the last */
};

static void swap_look_and_exchange(void *context)
{
    struct swap *s = context;
    uint64_t seen = ms_load_acquire(&s->word);

    (void)ms_cas_acq_rel(&s->word, &seen, 1000);
}

static void swap_write(void *context)
{
    struct swap *s = context;

    for (const uint64_t *value = s->written; *value; value++)
        ms_store_release(&s->word, *value);
}

/* What the exchange finds when its thread is held in front of it: in most of the runs; the hold may end
 * later. */
static uint64_t swap_found(const uint64_t *written, uint32_t until)
{
    uint64_t found[64];
    uint32_t best = 0;

    for (uint32_t seed = 0; seed < 64; seed++) {
        struct swap s = {.written = written};
        struct ms_sim_actor actors[] = {{"exchange", swap_look_and_exchange, &s},
                                        {"write", swap_write, &s}};
        struct ms_sim_config config;
        struct ms_sim_result result;
        ms_sim_config_init(&config);
        config.actors = actors;
        config.actor_count = 2;
        config.schedule = (struct ms_sim_schedule){
            .strategy = MS_SIM_HOLD, .seed = seed, .stall_step = 1, .depth = until};
        ms_init(&s.word, written[0]);
        ms_sim_run(&config, &result);
        assert_int_equal(result.verdict, MS_SIM_CLEAN);
        for (uint32_t i = 0; i < result.event_count; i++)
            if (result.events[i].fiber == 0)
                found[seed] = result.events[i].value;
    }
    for (uint32_t i = 0; i < 64; i++) {
        uint32_t same = 0;
        for (uint32_t k = 0; k < 64; k++)
            same += found[k] == found[i];
        if (same > 32)
            best = i;
    }
    return found[best];
}

MS_TEST(who_is_held_goes_on_when_its_word_was_written_or_is_again_what_it_was)
{
    static const uint64_t written[] = {5,
                                       UINT64_C(0x0000000100000006), /* another */
                                       UINT64_C(0x0000000200000105), /* the low byte is back */
                                       UINT64_C(0x0000000300000005), /* the lower half is */
                                       5,                            /* all of it */
                                       7,
                                       0};

    assert_true(swap_found(written, MS_SIM_UNTIL_WRITTEN) == written[1]);
    assert_true(swap_found(written, MS_SIM_UNTIL_BYTE_IS_BACK) == written[2]);
    assert_true(swap_found(written, MS_SIM_UNTIL_HALF_IS_BACK) == written[3]);
    assert_true(swap_found(written, MS_SIM_UNTIL_IS_BACK) == written[4]);
    assert_true(swap_found(&written[5], MS_SIM_UNTIL_IS_BACK) ==
                written[5]); /* nobody else: it goes on */
}

struct two_words {
    ms_atomic_u64 word[2];
    uint32_t first; /* which is touched first; 2: none */
};

static void two_words_touch(void *context)
{
    struct two_words *w = context;

    for (uint32_t i = 0; i < 2 && w->first < 2; i++)
        (void)ms_load_acquire(&w->word[w->first ^ i]);
}

static uint64_t two_words_run(struct two_words *w, uint32_t first)
{
    struct ms_sim_actor actors[] = {{"one", two_words_touch, w}, {"other", two_words_touch, w}};
    struct ms_sim_config config;
    struct ms_sim_result result;

    ms_sim_config_init(&config);
    config.actors = actors;
    config.actor_count = 2;
    w->first = first;
    ms_sim_run(&config, &result);
    return result.trace_hash;
}

MS_TEST(an_execution_long_ago_says_nothing_about_places_of_this_one)
{
    struct two_words w = {.first = 0};

    /* Whatever number of bits its generation has: the one with the same number came 2^16 before. */
    two_words_run(&w, 0);
    for (uint32_t i = 1; i < 1u << 16; i++)
        two_words_run(&w, 2);
    uint64_t hash = two_words_run(&w, 1);
    assert_true(two_words_run(&w, 1) == hash);
    /* And one earlier, for the generation that is never used. */
    two_words_run(&w, 0);
    for (uint32_t i = 2; i < 1u << 16; i++)
        two_words_run(&w, 2);
    assert_true(two_words_run(&w, 1) == hash);
}

MS_TEST(an_end_at_any_step_leaves_a_clean_stage)
{
    struct stage s;
    struct ms_sim_schedule schedule = {.strategy = MS_SIM_WALK};
    uint64_t clean[10];

    s.fail_at = UINT32_MAX;
    for (uint32_t i = 0; i < 10; i++) {
        schedule.seed = i;
        clean[i] = stage_run(&s, &schedule).trace_hash;
    }
    for (uint32_t run = 0; run < 10000; run++) {
        schedule.seed = run % 10;
        s.fail_at = run / 10 % 80;
        struct ms_sim_result result = stage_run(&s, &schedule);
        /* Three steps a loop; the final check's own step comes after. */
        bool is_reached = s.fail_at <= ACTORS * LOOPS * 3;
        assert_int_equal(result.verdict, is_reached ? MS_SIM_BUG : MS_SIM_CLEAN);
        if (run % 97 == 0) {
            s.fail_at = UINT32_MAX;
            assert_true(stage_run(&s, &schedule).trace_hash == clean[run % 10]);
        }
    }
}

/* --- waiting, joining, ending --------------------------------------------------------------------
 */

struct pair {
    ms_atomic_u32 word;
    uint32_t seen;
    uint32_t ended;
    uint64_t nanoseconds;
    bool woke;
};

static void pair_waits(void *context)
{
    struct pair *p = context;

    while (ms_load_acquire(&p->word) == 0) {
        p->woke = ms_wait(&p->word, 0, p->nanoseconds);
        if (!p->woke)
            return;
    }
    p->seen = ms_load_relaxed(&p->word);
    ms_data_write(&p->seen, sizeof p->seen);
}

static void pair_wakes(void *context)
{
    struct pair *p = context;

    ms_store_release(&p->word, 7);
    ms_wake(&p->word, 1);
}

static void pair_forgets(void *context)
{
    struct pair *p = context;

    ms_store_release(&p->word, 7);
}

static void pair_starts(void *context)
{
    struct pair *p = context;

    ms_data_write(&p->seen,
                  sizeof p->seen); /* no race with the threads: a start orders, and a join */
    struct ms_thread *waiter = ms_thread_start(pair_waits, p);
    struct ms_thread *waker = ms_thread_start(pair_wakes, p);

    ms_thread_join(waiter);
    ms_data_write(&p->seen, sizeof p->seen);
    ms_thread_join(waker);
    p->ended++;
}

static struct ms_sim_result pair_run(struct pair *p, ms_thread_body *a, ms_thread_body *b,
                                     uint64_t seed)
{
    struct ms_sim_actor actors[2] = {{"a", a, p}, {"b", b, p}};
    struct ms_sim_config config;
    struct ms_sim_result result;

    ms_sim_config_init(&config);
    config.actors = actors;
    config.actor_count = b ? 2 : 1;
    config.schedule.strategy = MS_SIM_WALK;
    config.schedule.seed = seed;
    config.schedule.stale_of_256 = 40;
    ms_sim_run(&config, &result);
    return result;
}

MS_TEST(a_sleeper_is_woken_and_a_forgotten_one_is_a_deadlock)
{
    uint32_t deadlocks = 0;

    for (uint64_t seed = 0; seed < 500; seed++) {
        struct pair p = {.nanoseconds = UINT64_MAX};
        assert_int_equal(pair_run(&p, pair_waits, pair_wakes, seed).verdict, MS_SIM_CLEAN);
        assert_int_equal(p.seen, 7);
        p = (struct pair){.nanoseconds = UINT64_MAX};
        struct ms_sim_result result = pair_run(&p, pair_waits, pair_forgets, seed);
        deadlocks += result.verdict == MS_SIM_BUG && strcmp(result.bug, "deadlock") == 0;
    }
    assert_true(deadlocks > 50);
}

MS_TEST(a_sleeper_with_a_limit_gives_up_when_nobody_else_can_run)
{
    struct pair p = {.nanoseconds = 1000};

    assert_int_equal(pair_run(&p, pair_waits, NULL, 1).verdict, MS_SIM_CLEAN);
    assert_false(p.woke);
}

MS_TEST(threads_start_threads_and_join_them_inside_an_execution)
{
    for (uint64_t seed = 0; seed < 500; seed++) {
        struct pair p = {.nanoseconds = UINT64_MAX};
        assert_int_equal(pair_run(&p, pair_starts, NULL, seed).verdict, MS_SIM_CLEAN);
        assert_int_equal(p.seen, 7);
        assert_int_equal(p.ended, 1);
    }
}

static void count_end(void *value)
{
    ((struct pair *)value)->ended++;
}

static void local_user(void *context)
{
    struct pair *p = context;

    ms_thread_local_set(p, count_end);
    ms_fetch_add_relaxed(&p->word, 1);
    if (ms_thread_local_get() != p)
        ms_sim_fail("local", "another thread's value");
}

MS_TEST(threads_of_a_program_that_knows_no_simulator_run_at_the_join)
{
    struct pair p = {0};
    struct ms_thread *a = ms_thread_start(local_user, &p);
    struct ms_thread *b = ms_thread_start(local_user, &p);

    assert_int_equal(p.ended, 0);
    ms_thread_join(a);
    ms_thread_join(b);
    assert_int_equal(ms_load_relaxed(&p.word), 2);
    assert_int_equal(p.ended, 2);
}

/* --- spinning, freezing, limits ------------------------------------------------------------------
 */

static void lock_user(void *context)
{
    struct pair *p = context;

    while (ms_exchange_acquire(&p->word, 1) != 0)
        ms_spin_hint();
    ms_data_write(&p->seen, sizeof p->seen);
    p->seen++;
    ms_store_release(&p->word, 0);
}

static void counter_user(void *context)
{
    struct pair *p = context;
    uint32_t seen = ms_load_relaxed(&p->word);

    while (!ms_cas_relaxed(&p->word, &seen, seen + 1))
        ;
}

static struct ms_sim_result freeze_run(ms_thread_body *body, uint32_t step)
{
    struct pair p = {0};
    struct ms_sim_actor actors[2] = {{"a", body, &p}, {"b", body, &p}};
    struct ms_sim_config config;
    struct ms_sim_result result;

    ms_sim_config_init(&config);
    config.actors = actors;
    config.actor_count = 2;
    config.freeze_actor = 0;
    config.freeze_step = step;
    config.freeze_bound = 50;
    ms_sim_run(&config, &result);
    return result;
}

MS_TEST(a_lock_holder_that_stops_is_found_and_a_lock_free_counter_is_not)
{
    assert_int_equal(freeze_run(lock_user, 0).verdict, MS_SIM_CLEAN);
    struct ms_sim_result result = freeze_run(lock_user, 1);
    assert_int_equal(result.verdict, MS_SIM_BUG);
    assert_memory_equal(result.bug, "O10", 3);
    for (uint32_t step = 0; step < 2; step++) {
        result = freeze_run(counter_user, step);
        assert_int_equal(result.verdict, MS_SIM_CLEAN);
        assert_true(result.froze);
        assert_in_range(result.frozen_steps, 1, 2);
    }
    assert_false(freeze_run(counter_user, 9).froze);
}

static void endless(void *context)
{
    for (;;)
        ms_load_relaxed((ms_atomic_u32 *)context);
}

MS_TEST(an_endless_loop_ends_at_the_limit_and_is_no_verdict)
{
    struct pair p = {0};

    for (int i = 0; i < 20; i++)
        assert_int_equal(pair_run(&p, endless, endless, 1).verdict, MS_SIM_INCONCLUSIVE);
}

static void breaks_an_invariant(void *context)
{
    ms_store_relaxed((ms_atomic_u32 *)context, 1);
    ms_require(context == NULL);
}

MS_TEST(a_broken_invariant_is_a_verdict_with_a_name)
{
    struct pair p = {0};
    struct ms_sim_result result = pair_run(&p, breaks_an_invariant, endless, 1);

    assert_int_equal(result.verdict, MS_SIM_BUG);
    assert_string_equal(result.bug, "assert breaks_an_invariant: context == NULL");
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
static void follows_a_wild_pointer(void *context)
{
    volatile uint32_t *volatile wild = (uint32_t *)8;

    ms_store_relaxed((ms_atomic_u32 *)context, 1);
    *wild = 1;
}

MS_TEST(a_crash_inside_an_execution_is_a_verdict_and_the_next_one_runs)
{
    struct pair p = {0};

    ms_sim_catch_crashes();
    for (int i = 0; i < 3; i++) {
        struct ms_sim_result result = pair_run(&p, follows_a_wild_pointer, NULL, 1);
        assert_int_equal(result.verdict, MS_SIM_BUG);
        assert_string_equal(result.bug, "crash, signal 11, after follows_a_wild_pointer");
    }
}
#endif

MS_TEST(sites_have_identities_and_names)
{
    char text[128];

    assert_true(ms_sim_site_count() > 20);
    for (uint32_t i = 1; i < ms_sim_site_count(); i++)
        assert_true(ms_sim_site_at(i)->id > ms_sim_site_at(i - 1)->id);
    const struct ms_sim_site *site = NULL;
    for (uint32_t i = 0; i < ms_sim_site_count(); i++)
        if (strcmp(ms_sim_site_at(i)->function, "counter_user") == 0 &&
            ms_sim_site_at(i)->kind == MS_SIM_CAS)
            site = ms_sim_site_at(i);
    assert_non_null(site);
    ms_sim_site_text(site, text, sizeof text);
    assert_string_equal(text, "fiber_sim.c:counter_user cas(&p->word).relaxed");
    assert_ptr_equal(ms_sim_site_by_id(site->id), site);
}
