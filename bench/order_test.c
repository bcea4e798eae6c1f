/* SPDX-License-Identifier: MIT */
/* order_test.c: nobody is favoured by the position in a block. */
#include "platform/test.h"

#include "order.h"

enum { STRATEGIES_MAX = 12 };

MS_TEST(order_every_strategy_has_the_same_mean_position_in_each_mirrored_pair)
{
    uint32_t order[2][STRATEGIES_MAX];

    for (uint32_t count = 2; count <= STRATEGIES_MAX; count++) {
        for (uint32_t block = 0; block < 24; block += 2) {
            uint32_t sum[STRATEGIES_MAX] = {0};

            for (uint32_t half = 0; half < 2; half++) {
                ms_order_fill(42, block + half, order[half], count);
                for (uint32_t p = 0; p < count; p++) {
                    assert_in_range(order[half][p], 0, count - 1);
                    sum[order[half][p]] += p;
                }
            }
            for (uint32_t s = 0; s < count; s++)
                assert_int_equal(sum[s], count - 1);
        }
    }
}

MS_TEST(order_is_the_same_for_the_same_seed_and_changes_from_pair_to_pair)
{
    uint32_t a[8], b[8];
    int changes = 0;

    for (uint32_t block = 0; block < 20; block += 2) {
        ms_order_fill(7, block, a, 8);
        ms_order_fill(7, block, b, 8);
        assert_memory_equal(a, b, sizeof a);
        ms_order_fill(7, block + 2, b, 8);
        changes += memcmp(a, b, sizeof a) != 0;
    }
    assert_in_range(changes, 9, 10);
}

MS_TEST(order_every_strategy_comes_first_now_and_then)
{
    uint32_t order[5];
    uint32_t first[5] = {0};

    for (uint32_t block = 0; block < 200; block++) {
        ms_order_fill(3, block, order, 5);
        first[order[0]]++;
    }
    for (int s = 0; s < 5; s++)
        assert_in_range(first[s], 15, 80);
}

MS_TEST(order_blocks_are_rounded_up_to_even)
{
    assert_int_equal(ms_order_round(6), 6);
    assert_int_equal(ms_order_round(5), 6);
    assert_int_equal(ms_order_round(0), 0);
}
