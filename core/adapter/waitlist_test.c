/* SPDX-License-Identifier: MIT */
#include "adapter/waitlist.h"
#include "platform/test.h"

enum { NODES = 8 };

struct fixture {
    struct ms_waitlist list;
    ms_atomic_u64 links[NODES];
};

static void fixture_init(struct fixture *f)
{
    ms_waitlist_init(&f->list);
    for (int i = 0; i < NODES; i++)
        ms_waitlink_init(&f->links[i]);
}

static uint32_t first_of(struct fixture *f)
{
    return ms_waitlist_first_get(&f->list, f->links).node;
}

MS_TEST(nodes_leave_in_the_order_they_came)
{
    struct fixture f;

    fixture_init(&f);
    assert_int_equal(first_of(&f), MS_WAITLIST_NONE);
    for (uint32_t i = 0; i < NODES; i++)
        ms_waitlist_append(&f.list, f.links, i);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(first_of(&f), i);
        assert_true(ms_waitlist_remove(&f.list, f.links, i));
    }
    assert_int_equal(first_of(&f), MS_WAITLIST_NONE);
}

/* Every subset of 5 nodes removed in every order that a permutation index gives, against an array.
 */
MS_TEST(any_nodes_removed_in_any_order_leave_the_others_in_order)
{
    enum { N = 5, ORDERS = 120 };

    for (uint32_t order = 0; order < ORDERS; order++)
        for (uint32_t removals = 0; removals <= N; removals++) {
            struct fixture f;
            uint32_t left[N], count = N, code = order;

            fixture_init(&f);
            for (uint32_t i = 0; i < N; i++) {
                left[i] = i;
                ms_waitlist_append(&f.list, f.links, i);
            }
            for (uint32_t k = 0; k < removals; k++) {
                uint32_t pick = code % count;
                code /= count;
                assert_true(ms_waitlist_remove(&f.list, f.links, left[pick]));
                assert_false(ms_waitlist_remove(&f.list, f.links, left[pick]));
                memmove(&left[pick], &left[pick + 1], (count - pick - 1) * sizeof left[0]);
                count--;
                assert_int_equal(first_of(&f), count ? left[0] : MS_WAITLIST_NONE);
            }
            for (uint32_t i = 0; i < count; i++) {
                assert_int_equal(first_of(&f), left[i]);
                ms_waitlist_remove(&f.list, f.links, left[i]);
            }
        }
}

MS_TEST(append_if_empty_takes_only_an_empty_list)
{
    struct fixture f;

    fixture_init(&f);
    assert_true(ms_waitlist_append_if_empty(&f.list, f.links, 3));
    assert_false(ms_waitlist_append_if_empty(&f.list, f.links, 4));
    ms_waitlist_remove(&f.list, f.links, 3);
    assert_true(ms_waitlist_append_if_empty(&f.list, f.links, 4));
}

MS_TEST(removing_a_first_that_is_no_longer_first_touches_nobody)
{
    struct fixture f;

    fixture_init(&f);
    ms_waitlist_append(&f.list, f.links, 1);
    struct ms_waitlist_first old = ms_waitlist_first_get(&f.list, f.links);
    ms_waitlist_remove(&f.list, f.links, 1);
    ms_waitlist_append(&f.list, f.links, 1); /* the same node, another life */
    assert_false(ms_waitlist_is_first(&f.list, old));
    ms_waitlist_remove_first(&f.list, f.links, old);
    assert_int_equal(first_of(&f), 1);
    ms_waitlist_remove_first(&f.list, f.links, ms_waitlist_first_get(&f.list, f.links));
    assert_int_equal(first_of(&f), MS_WAITLIST_NONE);
}
