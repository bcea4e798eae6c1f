/* SPDX-License-Identifier: MIT */
/*
 * image_sim.c: a subject that was kept is there again as it was, whatever was done to it meanwhile.
 */
#include "platform/sim.h"
#include "platform/test.h"

#include <string.h>

enum { BLOCK = 300, LARGE = 1 << 20 };

struct subject {
    uint8_t *block;
    ms_atomic_u64 *large; /* too large to be copied */
    uint8_t *small;       /* reserved, but small */
    uint32_t plain;
};

/* Of each image kept in these tests: they live as long as the process. */
static const char owner[8];

static void subject_make(struct subject *s)
{
    s->block = ms_alloc(BLOCK);
    s->large = ms_reserve(LARGE);
    s->small = ms_reserve(100);
    assert_true(s->block && s->large && s->small);
    memset(s->block, 7, BLOCK);
    memset(s->small, 8, 100);
    ms_init(&s->large[1000], 9);
    s->plain = 10;
    ms_thread_local_set(s->block, NULL);
    ms_sim_image_keep(s, sizeof *s);
}

static void subject_spoil(struct subject *s)
{
    memset(s->block, 1, BLOCK);
    memset(s->small, 1, 100);
    ms_store_relaxed(&s->large[1000], 1);
    ms_fetch_add_relaxed(&s->large[2000], 1);
    ms_free(s->block, BLOCK);
    ms_unreserve(s->small, 100);
    ms_unreserve(s->large, LARGE);
    ms_thread_local_set(NULL, NULL);
    *s = (struct subject){0};
}

static void subject_is_as_kept(const struct subject *s)
{
    for (uint32_t i = 0; i < BLOCK; i++)
        assert_int_equal(s->block[i], 7);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(s->small[i], 8);
    assert_int_equal(ms_load_relaxed(&s->large[1000]), 9);
    assert_int_equal(ms_load_relaxed(&s->large[2000]), 0);
    assert_int_equal(s->plain, 10);
    assert_ptr_equal(ms_thread_local_get(), s->block);
}

MS_TEST(what_was_done_to_a_kept_subject_is_undone)
{
    static struct subject s;
    uint8_t *taken[2];

    assert_false(ms_sim_image_use(owner, 1));
    subject_make(&s);
    subject_is_as_kept(&s);
    for (int round = 0; round < 3; round++) {
        taken[round > 0] = ms_alloc(5000);
        void *large = ms_reserve(LARGE); /* not the image's: gone with the execution */
        assert_true(taken[round > 0] && large);
        assert_int_equal(taken[round > 0][4999], 0);
        memset(taken[round > 0], 2, 5000);
        subject_spoil(&s);
        assert_true(ms_sim_image_use(owner, 1));
        subject_is_as_kept(&s);
    }
    assert_ptr_equal(taken[0], taken[1]); /* the same addresses each time */
    ms_sim_image_leave();
    assert_null(ms_thread_local_get());
}

MS_TEST(each_byte_comes_back_when_it_alone_was_changed)
{
    enum { BLOCK_BYTES = 256 };
    static struct {
        uint8_t *block;
        uint8_t own[100];
    } s;

    assert_false(ms_sim_image_use(&s, 1));
    s.block = ms_alloc(BLOCK_BYTES);
    assert_non_null(s.block);
    ms_sim_image_keep(&s, sizeof s);
    for (uint32_t i = 0; i < BLOCK_BYTES + sizeof s.own; i++) {
        uint8_t *byte = i < BLOCK_BYTES ? &s.block[i] : &s.own[i - BLOCK_BYTES];
        *byte = 1;
        assert_true(ms_sim_image_use(&s, 1));
        assert_int_equal(*byte, 0);
    }
    ms_sim_image_leave();
}

MS_TEST(each_owner_and_number_has_an_image_of_its_own)
{
    static struct subject first;
    static struct subject second;
    static struct subject third;

    assert_false(ms_sim_image_use(&owner[1], 1));
    subject_make(&first);
    assert_false(ms_sim_image_use(&owner[1], 2));
    subject_make(&second);
    assert_false(ms_sim_image_use(&owner[2], 1));
    subject_make(&third);
    assert_true(first.large != second.large && second.large != third.large);
    subject_spoil(&third);
    ms_sim_memory_drop(); /* what others left; no image is touched */
    assert_true(ms_sim_image_use(&owner[1], 1));
    subject_is_as_kept(&first);
    subject_spoil(&first);
    assert_true(ms_sim_image_use(&owner[1], 2));
    subject_is_as_kept(&second);
    assert_true(ms_sim_image_use(&owner[2], 1));
    subject_is_as_kept(&third);
    ms_sim_image_leave();
}

MS_TEST(a_subject_that_was_not_kept_or_changed_too_much_is_made_anew)
{
    static struct subject s;

    assert_false(ms_sim_image_use(&owner[3], 1));
    assert_non_null(ms_alloc(10));
    assert_false(ms_sim_image_use(&owner[3], 1));
    subject_make(&s);
    for (uint32_t i = 0; i < 70000; i++)
        ms_store_relaxed(&s.large[7], i);
    assert_false(ms_sim_image_use(&owner[3], 1));
    subject_make(&s);
    assert_true(ms_sim_image_use(&owner[3], 1));
    subject_is_as_kept(&s);
    ms_sim_image_leave();
}

MS_TEST(memory_is_the_hosts_again_when_an_image_is_left)
{
    static struct subject s;

    assert_false(ms_sim_image_use(&owner[4], 1));
    subject_make(&s);
    uint8_t *inside = ms_alloc(100);
    ms_sim_image_leave();
    uint8_t *outside = ms_alloc(100);
    memset(outside, 3, 100);
    assert_true(ms_sim_image_use(&owner[4], 1));
    assert_ptr_equal(ms_alloc(100), inside);
    ms_sim_image_leave();
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(outside[i], 3);
    ms_free(outside, 100);
}

MS_TEST(what_an_execution_takes_is_gone_with_it)
{
    static struct subject s;

    assert_false(ms_sim_image_use(&owner[7], 1));
    subject_make(&s);
    for (int i = 0; i < 20000; i++) { /* more than can be remembered */
        assert_non_null(ms_reserve(LARGE));
        assert_true(ms_sim_image_use(&owner[7], 1));
    }
    ms_sim_image_leave();
}

MS_TEST(memory_of_others_is_not_touched_when_a_subject_comes_back)
{
    static const char mine[1];
    static struct subject s;
    ms_atomic_u64 here; /* on a stack that others use meanwhile */

    ms_init(&here, 1);
    assert_false(ms_sim_image_use(mine, 1));
    subject_make(&s);
    ms_atomic_u64 *gone = ms_reserve(LARGE);
    ms_store_relaxed(gone, 5);
    ms_unreserve(gone, LARGE);
    ms_store_relaxed(&here, 2);
    here.value = 3;
    assert_true(ms_sim_image_use(mine, 1));
    assert_int_equal(here.value, 3);
    ms_sim_image_leave();
}

MS_TEST(a_subject_is_made_from_nothing_whatever_was_made_before)
{
    static const char mine[1];
    static struct subject s;

    assert_false(ms_sim_image_use(mine, 1));
    subject_make(&s);
    s.plain = 11;
    assert_false(ms_sim_image_use(mine, 2));
    assert_null(s.block);
    assert_int_equal(s.plain, 0);
    subject_make(&s);
    assert_true(ms_sim_image_use(mine, 1));
    subject_is_as_kept(&s);
    ms_sim_image_leave();
}

MS_TEST(very_many_images_are_made_anew_rather_than_refused)
{
    static struct subject s[600];

    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < 600; i++) {
            if (!ms_sim_image_use(&owner[5], i))
                subject_make(&s[i]);
            subject_is_as_kept(&s[i]);
        }
    ms_sim_image_leave();
}

MS_TEST(a_subject_that_made_room_for_others_is_made_from_nothing_too)
{
    static struct subject s, others;

    assert_false(ms_sim_image_use(&owner[0], 1));
    subject_make(&s);
    s.plain = 11;                          /* what an execution left */
    for (uint32_t i = 1000; i < 1600; i++) /* none of them is there, so all others must go */
        if (!ms_sim_image_use(&owner[5], i))
            subject_make(&others);
    assert_false(ms_sim_image_use(&owner[0], 1));
    assert_int_equal(s.plain, 0);
    assert_null(s.block);
    subject_make(&s);
    ms_sim_image_leave();
}

/* Reads what the address sanitizer forbids. */
__attribute__((no_sanitize_address, noinline)) static uint8_t
byte_of(const volatile uint8_t *memory)
{
    return *memory;
}

MS_TEST(freed_memory_is_nonsense_and_not_given_out_again)
{
    static struct subject s;

    assert_false(ms_sim_image_use(&owner[6], 1));
    subject_make(&s);
    uint8_t *first = ms_alloc(64);
    memset(first, 4, 64);
    ms_free(first, 64);
    assert_int_equal(byte_of(first), 0xDD);
    assert_int_equal(byte_of(first + 63), 0xDD);
    assert_ptr_not_equal(ms_alloc(64), first);
    ms_sim_image_leave();
}
