/* SPDX-License-Identifier: MIT */
/*
 * frames_storm.c: threads take and give frames at random; a byte array beside the bitmap says who
 * believes to own which frame. Two owners of one frame, or a frame lost, end it.
 */
#include "memory/physmem.h"
#include "platform/prng.h"
#include "platform/test.h"

enum {
    THREADS = 4,
    PAGES = 700, /* small, so that they meet; not a multiple of a word */
    HELD_MAX = 24,
    STEPS = 300000,
};

struct storm {
    struct ms_memory *memory;
    ms_atomic_u32 owner[PAGES]; /* 0: nobody */
    ms_atomic_u32 taken;        /* how often something was taken: the storm must not be idle */
};

struct actor {
    struct storm *storm;
    uint32_t number;
    uint64_t first[HELD_MAX], count[HELD_MAX];
    uint32_t held;
};

static void actor_enter(struct actor *a, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        uint32_t nobody = 0;
        ms_require(ms_cas_relaxed(&a->storm->owner[i], &nobody, a->number));
        /* The frame's bytes are ours too: a plain write, for the thread sanitizer to judge
         * hb:page-handover by. */
        *(uint32_t *)(void *)ms_memory_byte(a->storm->memory, (ms_pa){i * MS_PAGE_BYTES}) =
            a->number;
    }
    a->first[a->held] = first;
    a->count[a->held++] = count;
    ms_fetch_add_relaxed(&a->storm->taken, 1);
}

static void actor_give(struct actor *a, uint32_t index)
{
    uint64_t first = a->first[index], count = a->count[index];

    for (uint64_t i = first; i < first + count; i++) {
        uint32_t own = a->number;
        ms_require(*(uint32_t *)(void *)ms_memory_byte(a->storm->memory,
                                                       (ms_pa){i * MS_PAGE_BYTES}) == a->number);
        ms_require(ms_cas_relaxed(&a->storm->owner[i], &own, 0));
    }
    a->held--;
    a->first[index] = a->first[a->held];
    a->count[index] = a->count[a->held];
    ms_frames_give(a->storm->memory, first, count);
}

static void actor_main(void *context)
{
    struct actor *a = context;
    struct ms_prng prng = {.state = a->number};

    for (uint32_t step = 0; step < STEPS; step++) {
        static const uint32_t longest[] = {1, 4, 64, 150};
        uint64_t count = 1 + ms_prng_below(&prng, longest[step / 100 % 4]);

        if (a->held == HELD_MAX || (a->held && ms_prng_below(&prng, 2) == 0)) {
            actor_give(a, ms_prng_below(&prng, a->held));
        } else if (ms_prng_below(&prng, 4) == 0) {
            uint64_t first = ms_prng_below(&prng, PAGES);
            if (ms_frames_take_at(a->storm->memory, first, count))
                actor_enter(a, first, count);
        } else {
            uint64_t align = UINT64_C(1) << ms_prng_below(&prng, 4);
            uint64_t first = ms_frames_take(a->storm->memory, count, align, 0, PAGES - 1);
            if (first != MS_PFN_NONE) {
                ms_require(first % align == 0);
                actor_enter(a, first, count);
            }
        }
    }
    while (a->held)
        actor_give(a, 0);
}

MS_TEST(frames_have_one_owner_in_any_storm)
{
    struct ms_memory_config config = {.ram = {{0, PAGES}}, .ram_count = 1};
    struct storm *storm = ms_alloc(sizeof *storm);
    struct actor *actor = ms_alloc(THREADS * sizeof *actor);
    struct ms_thread *thread[THREADS];

    storm->memory = ms_memory_create(&config);
    for (uint32_t i = 0; i < THREADS; i++) {
        actor[i] = (struct actor){.storm = storm, .number = i + 1};
        thread[i] = ms_thread_start(actor_main, &actor[i]);
        assert_non_null(thread[i]);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        ms_thread_join(thread[i]);
    assert_true(ms_load_relaxed(&storm->taken) > THREADS * STEPS / 20);
    assert_int_equal(ms_frames_taken(storm->memory), 0);
    assert_true(ms_page_set_audit(&storm->memory->frames));
    /* Nothing is hidden from a search: every last frame can be had again. */
    assert_int_equal(ms_frames_take(storm->memory, PAGES, 1, 0, UINT64_MAX), 0);
    ms_memory_destroy(storm->memory);
    ms_free(actor, THREADS * sizeof *actor);
    ms_free(storm, sizeof *storm);
}

/* Single frames from a set kept nearly full: marks of full words come and go all the time, and a
 * frame that a mark hides would be missed at the end. */
struct tight {
    struct ms_memory *memory;
    uint32_t number;
};

static void tight_main(void *context)
{
    struct tight *t = context;
    struct ms_prng prng = {.state = t->number};
    uint64_t held[40];
    uint32_t count = 0;

    for (uint32_t step = 0; step < STEPS; step++) {
        if (count < 40 && ms_prng_below(&prng, 2)) {
            uint64_t first = ms_frames_take(t->memory, 1, 1, 0, PAGES - 1);
            if (first != MS_PFN_NONE)
                held[count++] = first;
        } else if (count) {
            uint32_t index = ms_prng_below(&prng, count);
            ms_frames_give(t->memory, held[index], 1);
            held[index] = held[--count];
        }
    }
    while (count)
        ms_frames_give(t->memory, held[--count], 1);
}

MS_TEST(frames_are_never_hidden_by_a_stale_mark)
{
    struct ms_memory_config config = {.ram = {{0, PAGES}}, .ram_count = 1};
    struct ms_memory *memory = ms_memory_create(&config);
    struct ms_thread *thread[THREADS];
    struct tight tight[THREADS];

    assert_true(ms_frames_take_at(memory, 0, PAGES - 100)); /* 100 for up to 160 */
    for (uint32_t i = 0; i < THREADS; i++) {
        tight[i] = (struct tight){.memory = memory, .number = i + 1};
        thread[i] = ms_thread_start(tight_main, &tight[i]);
        assert_non_null(thread[i]);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        ms_thread_join(thread[i]);
    assert_true(ms_page_set_audit(&memory->frames));
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(ms_frames_take(memory, 1, 1, 0, UINT64_MAX), PAGES - 100 + i);
    ms_memory_destroy(memory);
}
