/* SPDX-License-Identifier: MIT */
/*
 * spare_sim.c: large memory that comes and goes is zero each time, and nobody's in between: where the sanitizer
 * watches it is the same again, elsewhere it is the host's.
 */
#include "platform/sim.h"
#include "platform/test.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, LARGE = 1 << 20 };

__attribute__((weak)) int __asan_address_is_poisoned(void const volatile *address);

/* By the sanitizer's word, or by what the host says to a system call that reads there. */
static bool is_forbidden(const uint8_t *address)
{
    int ends[2];
    bool is_refused;

    if (__asan_address_is_poisoned)
        return __asan_address_is_poisoned(address);
    assert_int_equal(pipe(ends), 0);
    is_refused = write(ends[1], address, 1) != 1;
    close(ends[0]);
    close(ends[1]);
    return is_refused;
}

static void is_zero(const uint8_t *memory, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(memory[i], 0);
}

MS_TEST(what_was_touched_is_zero_the_next_time)
{
    for (uint32_t round = 0; round < 4; round++) {
        uint8_t *memory = ms_reserve(LARGE);
        uint8_t *other = ms_reserve(LARGE);
        assert_true(memory && other && memory != other);
        is_zero(memory, LARGE);
        is_zero(other, round < 2 ? PAGE : LARGE);
        memset(memory + round * PAGE, 1, PAGE);  /* another place each time */
        memset(other, 2, round < 2 ? 1 : LARGE); /* in the end all of it */
        ms_unreserve(memory, LARGE);
        assert_true(is_forbidden(memory + round * PAGE));
        assert_false(is_forbidden(other));
        ms_unreserve(other, LARGE);
        assert_true(is_forbidden(other));
    }
}

MS_TEST(what_is_forbidden_is_allowed_again_whatever_others_touched_meanwhile)
{
    uint8_t *first = ms_reserve(LARGE);
    uint8_t *second = ms_reserve(2 * LARGE);

    memset(first + PAGE, 1, LARGE / 2);
    ms_unreserve(first, LARGE);
    memset(second, 1, LARGE); /* what is known of all is found anew */
    ms_unreserve(second, 2 * LARGE);
    second = ms_reserve(2 * LARGE);
    first = ms_reserve(LARGE);
    for (uint32_t i = 0; i < LARGE; i += PAGE)
        assert_false(is_forbidden(first + i));
    is_zero(first, LARGE);
    is_zero(second, 2 * LARGE);
    ms_unreserve(first, LARGE);
    ms_unreserve(second, 2 * LARGE);
}

MS_TEST(what_is_touched_while_others_go_is_found_when_one_is_taken)
{
    uint8_t *first = ms_reserve(LARGE);
    uint8_t *second = ms_reserve(3 * LARGE);

    for (uint32_t i = 0; i < 64; i++)
        second[(140 + i) * PAGE] = 1;
    ms_unreserve(first, LARGE);
    for (uint32_t i = 0; i < 40;
         i++) /* in front of those that are known, which are as many as can be */
        second[(100 + i) * PAGE] = 1;
    ms_unreserve(second, 3 * LARGE);
    first = ms_reserve(LARGE);
    assert_true(is_forbidden(second + 100 * PAGE));
    second = ms_reserve(3 * LARGE);
    for (uint32_t i = 0; i < 104; i++) {
        assert_false(is_forbidden(second + (100 + i) * PAGE));
        assert_int_equal(second[(100 + i) * PAGE], 0);
    }
    ms_unreserve(first, LARGE);
    ms_unreserve(second, 3 * LARGE);
}

MS_TEST(a_window_is_no_range_and_a_range_is_no_window)
{
    for (uint32_t round = 0; round < 2; round++) {
        uint8_t *window = ms_reserve_hidden(5 * LARGE);
        ms_unreserve(window, 5 * LARGE);
        uint8_t *range = ms_reserve(5 * LARGE);
        assert_ptr_not_equal(range, round == 0 && __asan_address_is_poisoned ? window : NULL);
        range[LARGE] = 1;
        ms_unreserve(range, 5 * LARGE);
    }
}

MS_TEST(physical_memory_is_zero_the_next_time_and_is_not_in_between)
{
    struct ms_host_memory memory, other;

    for (uint32_t round = 0; round < 4; round++) {
        assert_true(ms_host_memory_create(&memory, LARGE));
        assert_true(ms_host_memory_create(&other, LARGE));
        assert_ptr_not_equal(memory.base, other.base);
        is_zero(memory.base, LARGE);
        is_zero(other.base, LARGE);
        memset(memory.base + round * 5 * PAGE, 3, PAGE);
        memset(other.base, 4, LARGE);
        uint8_t *base = memory.base;
        ms_host_memory_destroy(&memory);
        assert_true(is_forbidden(base + round * 5 * PAGE));
        ms_host_memory_destroy(&other);
    }
}

MS_TEST(pages_that_went_and_others_that_came_are_told_apart_though_they_are_as_many)
{
    struct ms_host_memory memory;

    for (uint32_t round = 0; round < 3; round++) {
        assert_true(ms_host_memory_create(&memory, 3 * LARGE));
        if (round == 2)
            assert_int_equal(memory.base[9 * PAGE], 0);
        if (round == 1)
            ms_host_memory_discard(&memory, 0, PAGE);
        memory.base[round * 9 * PAGE] = 1;
        ms_host_memory_destroy(&memory);
    }
}

MS_TEST(a_window_shows_frames_and_is_hidden_the_next_time)
{
    struct ms_host_memory memory;

    for (uint32_t round = 0; round < 5; round++) {
        assert_true(ms_host_memory_create(&memory, LARGE));
        uint8_t *window = ms_reserve_hidden(64 * LARGE);
        assert_non_null(window);
        memory.base[3 * PAGE] = 9;
        uint64_t pages = round == 2 ? 100 : 2; /* once a large one, never hidden by its owner */
        assert_true(ms_host_memory_view(&memory, 3 * PAGE, window + PAGE, pages * PAGE));
        assert_int_equal(window[PAGE], 9);
        assert_int_equal(window[2 * PAGE], 0);
        window[2 * PAGE] = 1;
        assert_int_equal(memory.base[4 * PAGE], 1);
        if (round & 1)
            assert_true(ms_host_memory_hide(window + PAGE, pages * PAGE));
        ms_unreserve(window, 64 * LARGE);
        if (round != 2)
            assert_true(is_forbidden(window + PAGE));
        ms_host_memory_destroy(&memory);
    }
}

MS_TEST(a_range_that_showed_frames_is_its_own_again)
{
    struct ms_host_memory memory;

    assert_true(ms_host_memory_create(&memory, LARGE));
    memset(memory.base, 7, LARGE);
    for (uint32_t round = 0; round < 3; round++) {
        uint8_t *range = ms_reserve(LARGE);
        is_zero(range, LARGE);
        assert_true(ms_host_memory_view(&memory, 0, range + PAGE, 3 * PAGE));
        assert_int_equal(range[PAGE], 7);
        if (round == 0)
            assert_true(ms_host_memory_unview(range, LARGE));
        range[round == 0 ? PAGE : 0] = 1;
        assert_int_equal(memory.base[0], 7);
        ms_unreserve(range, LARGE);
    }
    ms_host_memory_destroy(&memory);
}

MS_TEST(more_ranges_than_are_remembered_are_the_hosts)
{
    static uint8_t *taken[600];

    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 600; i++) {
            taken[i] = ms_reserve(LARGE + (size_t)i * PAGE);
            assert_non_null(taken[i]);
            assert_int_equal(*taken[i], 0);
            *taken[i] = 1;
        }
        for (uint32_t i = 0; i < 600; i++)
            ms_unreserve(taken[i], LARGE + (size_t)i * PAGE);
    }
}

MS_TEST(a_process_that_forks_off_shares_nothing_that_comes_from_here)
{
    uint8_t *memory = ms_reserve(LARGE);
    int status;

    memory[0] = 1;
    ms_unreserve(memory, LARGE);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        uint8_t *own = ms_reserve(LARGE);
        bool is_good = own && own[0] == 0;
        if (is_good)
            own[0] = 77;
        _exit(is_good ? 0 : 1);
    }
    memory = ms_reserve(LARGE);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(memory[0], 0);
    ms_unreserve(memory, LARGE);
}

MS_TEST(what_an_execution_left_is_counted_and_gone_with_it)
{
    static struct {
        uint32_t nothing;
    } s;

    assert_false(ms_sim_image_use(&s, 0));
    ms_sim_image_keep(&s, sizeof s);
    for (uint32_t round = 0; round < 3; round++) {
        uint32_t held = ms_sim_memory_held();
        void *block = ms_alloc(100);
        uint8_t *range = ms_reserve(LARGE);
        assert_true(block && range && range[0] == 0);
        range[0] = 1;
        assert_int_equal(ms_sim_memory_held(), held + 2);
        if (round == 0) {
            ms_free(block, 100);
            assert_int_equal(ms_sim_memory_held(), held + 1);
            ms_unreserve(range, LARGE);
            assert_int_equal(ms_sim_memory_held(), held);
        }
        assert_true(ms_sim_image_use(&s, 0));
        assert_int_equal(ms_sim_memory_held(), held);
    }
    ms_sim_image_leave();
}
