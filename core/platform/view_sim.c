/* SPDX-License-Identifier: MIT */
/*
 * view_sim.c: what a view shows is its frame's, whatever was shown there before, and nobody touches what is hidden.
 */
#include "platform/sim.h"
#include "platform/test.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 3000, FRAMES = 64 };

static struct ms_host_memory memory;
static uint8_t *window;

__attribute__((weak)) int __asan_address_is_poisoned(void const volatile *address);

/* By the sanitizer's word, or by what the host says to a system call that reads there. */
static bool is_hidden(const uint8_t *address)
{
    int ends[2];
    bool is_refused;

    if (__asan_address_is_poisoned && __asan_address_is_poisoned(address))
        return true;
    assert_int_equal(pipe(ends), 0);
    is_refused = write(ends[1], address, 1) != 1;
    close(ends[0]);
    close(ends[1]);
    return is_refused;
}

static void begin(void)
{
    assert_true(ms_host_memory_create(&memory, FRAMES * PAGE));
    for (uint32_t i = 0; i < FRAMES; i++)
        memory.base[i * PAGE] = (uint8_t)(i + 1);
    window = ms_reserve((size_t)PAGES * PAGE);
    assert_non_null(window);
    assert_true(ms_host_protect(window, (size_t)PAGES * PAGE, false));
}

static void end(void)
{
    ms_unreserve(window, (size_t)PAGES * PAGE);
    ms_host_memory_destroy(&memory);
}

static uint8_t *page(uint32_t index)
{
    return window + (size_t)index * PAGE;
}

static void show(uint32_t at, uint32_t frame, uint32_t pages)
{
    assert_true(ms_host_memory_view(&memory, (uint64_t)frame * PAGE, page(at), pages * PAGE));
    for (uint32_t i = 0; i < pages; i++) {
        assert_int_equal(*page(at + i), frame + i + 1);
        page(at + i)[7] = (uint8_t)at;
        assert_int_equal(memory.base[(frame + i) * PAGE + 7], (uint8_t)at);
    }
}

static void hide(uint32_t at, uint32_t pages)
{
    assert_true(ms_host_memory_hide(page(at), pages * PAGE));
    for (uint32_t i = 0; i < pages; i++)
        assert_true(is_hidden(page(at + i)));
}

MS_TEST(a_view_shows_its_frames_whatever_was_hidden_there)
{
    begin();
    for (uint32_t round = 0; round < 2; round++) {
        show(1, 5, 3); /* the same a second time */
        hide(1, 3);
        show(2, 6, 1); /* the middle alone, as it was */
        hide(2, 1);
        show(0, 6, 4); /* one page new, two with another frame, one new */
        assert_true(is_hidden(page(4)));
        hide(0, 4);
        show(1, 7, 1);
        show(2, 7, 1); /* one frame at two places */
        hide(2, 1);
        assert_false(is_hidden(page(1)));
        hide(1, 1);
    }
    end();
}

MS_TEST(a_page_that_an_execution_left_shown_is_shown_again)
{
    begin();
    show(1, 5, 2);
    show(1, 5, 2);
    show(1, 9, 2);
    hide(1, 2);
    end();
}

MS_TEST(large_views_and_very_many_are_shown_and_hidden_too)
{
    begin();
    show(1, 0, FRAMES);
    hide(1, FRAMES);
    show(1, 3, 1);
    hide(1, 1);
    show(1, 0, FRAMES);
    hide(1, FRAMES);
    for (uint32_t round = 0; round < 2; round++)
        for (uint32_t i = 0; i < PAGES; i++) { /* more than are remembered */
            show(i, i % FRAMES, 1);
            hide(i, 1);
        }
    for (uint32_t i = 0; i < PAGES; i++)
        assert_true(is_hidden(page(i)));
    end();
}

MS_TEST(part_of_a_view_and_what_was_never_shown_can_be_hidden)
{
    begin();
    show(1, 5, 4);
    hide(2, 2);
    assert_false(is_hidden(page(1)));
    hide(1, 4); /* a part of it is hidden already */
    hide(20, 2);
    show(20, 1, 2);
    end();
}

MS_TEST(addresses_that_are_given_back_are_whoevers_is_next)
{
    uint8_t *was;

    for (uint32_t round = 0; round < 3; round++) { /* the host likes to give the same addresses */
        begin();
        was = page(1);
        show(1, 5, 2);
        hide(1, 2);
        end();
        uint8_t *next = mmap(was, 2 * PAGE, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        assert_ptr_equal(next, was);
        assert_false(is_hidden(next));
        memset(next, 1, 2 * PAGE);
        munmap(next, 2 * PAGE);
    }
}

MS_TEST(an_unviewed_range_is_zero_and_can_be_written)
{
    begin();
    show(1, 5, 2);
    hide(1, 2);
    assert_true(ms_host_memory_unview(page(1), 2 * PAGE));
    assert_int_equal(*page(1), 0);
    *page(2) = 9;
    assert_int_equal(memory.base[6 * PAGE], 7);
    show(1, 5, 2);
    end();
}

MS_TEST(another_memory_at_the_same_addresses_is_another_one)
{
    struct ms_host_memory other;

    begin();
    show(1, 5, 1);
    hide(1, 1);
    assert_true(ms_host_memory_create(&other, FRAMES * PAGE));
    assert_true(ms_host_memory_view(&other, 5 * PAGE, page(1), PAGE));
    assert_int_equal(*page(1), 0);
    hide(1, 1);
    ms_host_memory_destroy(&other);
    show(1, 5, 1);
    hide(1, 1);
    ms_host_memory_destroy(&memory);
    assert_true(is_hidden(page(1))); /* nobody gave the window back */
    assert_true(ms_host_memory_create(&other, FRAMES * PAGE));
    assert_true(ms_host_memory_view(&other, 5 * PAGE, page(1), PAGE));
    assert_int_equal(*page(1), 0);
    *page(1) = 3;
    assert_int_equal(other.base[5 * PAGE], 3);
    ms_unreserve(window, (size_t)PAGES * PAGE);
    ms_host_memory_destroy(&other);
}

MS_TEST(views_in_a_row_are_all_shown_at_its_end_and_nothing_beside_them)
{
    static const uint32_t at[] = {1, 2, 3, 5, 6};
    static const uint32_t frames[] = {9, 4, 20, 7, 7};

    begin();
    for (uint32_t round = 0; round < 3; round++) {
        ms_host_views_begin();
        for (uint32_t i = 0; i < 5; i++) { /* all new; the same again; one of them new */
            uint32_t frame = frames[i] + (round == 2 && i == 1);
            assert_true(ms_host_memory_view(&memory, (uint64_t)frame * PAGE, page(at[i]), PAGE));
        }
        assert_true(ms_host_views_end());
        for (uint32_t i = 0; i < 5; i++)
            assert_int_equal(*page(at[i]), frames[i] + (round == 2 && i == 1) + 1);
        assert_true(is_hidden(page(0)));
        assert_true(is_hidden(page(4)));
        assert_true(is_hidden(page(7)));
        for (uint32_t i = 0; i < 5; i++)
            hide(at[i], 1);
    }
    show(1, 9, 1); /* a row is over when it is over */
    hide(1, 1);
    end();
}
