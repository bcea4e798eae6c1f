/* SPDX-License-Identifier: MIT */
#include "memory/test_memory.h"
#include "platform/prng.h"

#define PAGE MS_PAGE_BYTES

/* MDLs with byte counts only: a cursor never looks at frames. */
static MDL *chain_make(MDL *mdl, const uint32_t *count, uint32_t mdls)
{
    for (uint32_t i = 0; i < mdls; i++)
        mdl[i] = (MDL){.ByteCount = count[i], .Next = i + 1 < mdls ? &mdl[i + 1] : NULL};
    return mdls ? mdl : NULL;
}

/* The reference: byte after byte from the head. Answers the index of the MDL, or `mdls`. */
static uint32_t find_slowly(const uint32_t *count, uint32_t mdls, uint64_t offset, uint64_t *base)
{
    *base = 0;
    for (uint32_t i = 0; i < mdls; i++) {
        for (uint32_t byte = 0; byte < count[i]; byte++)
            if (*base + byte == offset)
                return i;
        *base += count[i];
    }
    return mdls;
}

MS_TEST(cursor_finds_every_byte_of_every_small_chain) /* MTX-03, MTX-04, MTX-23 */
{
    enum { MDLS = 5, SIZES = 4 };
    MDL mdl[MDLS];

    for (uint32_t code = 0; code < 1024; code++) { /* SIZES ^ MDLS chains of counts 0..3 */
        uint32_t count[MDLS] = {code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6 & 3, code >> 8};
        MDL *head = chain_make(mdl, count, MDLS);
        uint64_t total = ms_mdl_chain_bytes(head, UINT64_MAX), base;

        assert_int_equal(total, count[0] + count[1] + count[2] + count[3] + count[4]);
        for (uint64_t start = 0; start <= total; start++) {
            struct ms_mdl_cursor reached = {.mdl = head};
            bool is_inside = ms_mdl_cursor_seek(&reached, start);
            assert_int_equal(is_inside, start < total);
            for (uint64_t offset = start; offset < total + 2; offset++) {
                struct ms_mdl_cursor cursor = reached; /* from the middle, as a continuation does */
                uint32_t want = find_slowly(count, MDLS, offset, &base);
                assert_int_equal(ms_mdl_cursor_seek(&cursor, offset), want < MDLS);
                assert_ptr_equal(cursor.mdl, want < MDLS ? &mdl[want] : NULL);
                assert_int_equal(cursor.base, base);
            }
        }
    }
}

MS_TEST(cursor_counts_beyond_4_gib) /* MTX-06: 64 bits */
{
    const uint32_t count[] = {0xFFFFF000, 0, 0xFFFFF000, 0xFFFFF000, 1};
    MDL mdl[5];
    MDL *head = chain_make(mdl, count, 5);
    uint64_t each = 0xFFFFF000;
    struct ms_mdl_cursor cursor = {.mdl = head};

    assert_true(ms_mdl_chain_bytes(head, UINT64_MAX) == 3 * each + 1);
    assert_true(ms_mdl_cursor_seek(&cursor, each));
    assert_ptr_equal(cursor.mdl, &mdl[2]);
    assert_true(ms_mdl_cursor_seek(&cursor, 3 * each - 1));
    assert_ptr_equal(cursor.mdl, &mdl[3]);
    assert_true(ms_mdl_cursor_seek(&cursor, 3 * each));
    assert_ptr_equal(cursor.mdl, &mdl[4]);
    assert_false(ms_mdl_cursor_seek(&cursor, 3 * each + 1));
    assert_true(cursor.base == 3 * each + 1);
    assert_false(ms_mdl_cursor_seek(&cursor, UINT64_MAX));
}

MS_TEST(cursor_and_counting_leave_trailing_mdls_alone) /* MTX-24 */
{
    MDL first = {.ByteCount = 10, .Next = (MDL *)(uintptr_t)16}; /* reading there would fault */
    struct ms_mdl_cursor cursor = {.mdl = &first};

    assert_true(ms_mdl_cursor_seek(&cursor, 0));
    assert_true(ms_mdl_cursor_seek(&cursor, 9));
    assert_ptr_equal(cursor.mdl, &first);
}

MS_TEST(cursor_leaves_a_ring_of_empty_mdls)
{
    MDL a = {.ByteCount = 5}, b = {.ByteCount = 0, .Next = &a}, c = {.ByteCount = 0, .Next = &b};
    struct ms_mdl_cursor cursor = {.mdl = &a};

    b.Next = &c;
    a.Next = &b;
    assert_false(ms_mdl_cursor_seek(&cursor, 5));
    assert_int_equal(cursor.base, 5);
    assert_int_equal(ms_mdl_chain_bytes(&a, UINT64_MAX), 5);
}

MS_TEST(counting_stops_at_enough)
{
    const uint32_t count[] = {0, 100, 0, 100};
    MDL mdl[4];
    MDL *head = chain_make(mdl, count, 4);

    mdl[1].Next = &mdl[2];
    assert_int_equal(ms_mdl_chain_bytes(NULL, 5), 0);
    assert_in_range(ms_mdl_chain_bytes(head, 100), 100, 200);
    assert_int_equal(ms_mdl_chain_bytes(head, 101), 200);
    assert_int_equal(ms_mdl_chain_bytes(head, 201), 200);
    mdl[1].Next = (MDL *)(uintptr_t)16;
    assert_in_range(ms_mdl_chain_bytes(head, 50), 50, 100);
}

MS_TEST(residency_is_what_the_flags_say) /* MTX-22 */
{
    static const struct {
        uint32_t flags;
        bool want;
    } cases[] = {
        {0, false},
        {MDL_PAGES_LOCKED, true},
        {MDL_SOURCE_IS_NONPAGED_POOL, true},
        {MDL_PARTIAL, true},
        {MDL_IO_SPACE, true},
        {MDL_MAPPED_TO_SYSTEM_VA, false},
        {MDL_WRITE_OPERATION | MDL_ALLOCATED_FIXED_SIZE | MDL_INTERNAL, false},
        {MDL_INTERNAL | MDL_PAGES_LOCKED, true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        MDL mdl = {.MdlFlags = (CSHORT)cases[i].flags};
        assert_int_equal(ms_mdl_is_resident(&mdl), cases[i].want);
    }
}

/* --- copies, against a flat reference --------------------------------------------------------- */

MS_TEST(copies_go_through_the_frames_at_every_offset_and_length) /* MDL-19, MDL-20 */
{
    struct test_memory t = test_memory_enter();
    /* 3 MDLs, a page each or a bit of one; the middle one's offset is beyond its first page, as
     * nothing forbids. A frame stands in two MDLs (MDL-18). */
    const PFN_NUMBER a[] = {17}, b[] = {900, 5, 0x100001}, c[] = {17, 3};
    MDL *mdl[] = {ms_mdl_create(a, 4090, 6), ms_mdl_create(b, 0, 3 * PAGE),
                  ms_mdl_create(c, 4080, 30)};
    enum { BYTES = 6 + 15 + 30, IN_B = 15 };
    uint64_t address[BYTES];
    uint8_t got[BYTES + 2];

    mdl[1]->ByteOffset = PAGE + 4090; /* bytes in frames 5 and 0x100001 */
    mdl[1]->ByteCount = IN_B;
    mdl[0]->Next = mdl[1];
    mdl[1]->Next = mdl[2];
    for (uint64_t i = 0; i < BYTES; i++) {
        if (i < 6)
            address[i] = 17 * PAGE + 4090 + i;
        else if (i < 21)
            address[i] = i - 6 < 6 ? 5 * PAGE + 4090 + i - 6 : UINT64_C(0x100001) * PAGE + i - 12;
        else
            address[i] = i - 21 < 16 ? 17 * PAGE + 4080 + i - 21 : 3 * PAGE + i - 37;
    }
    for (uint64_t offset = 0; offset < BYTES; offset++) {
        for (uint64_t bytes = 0; bytes <= BYTES - offset; bytes++) {
            uint8_t put[BYTES];

            for (uint64_t i = 0; i < BYTES; i++) {
                *ms_memory_byte(t.memory, (ms_pa){address[i]}) = 0;
                put[i] = (uint8_t)(1 + i + offset);
            }
            ms_mdl_copy_in(t.memory, mdl[0], offset, put, bytes);
            /* Bytes 0..5 and 31..36 are the same six of frame 17; the later write counts. */
            for (uint64_t i = 0; i < bytes; i++) {
                uint64_t twin = offset + i < 6 ? offset + i + 31 : UINT64_MAX;
                if (twin < offset + bytes)
                    continue;
                assert_int_equal(*ms_memory_byte(t.memory, (ms_pa){address[offset + i]}), put[i]);
            }
            memset(got, 0xEE, sizeof got);
            ms_mdl_copy_out(t.memory, mdl[0], offset, got + 1, bytes);
            assert_int_equal(got[0], 0xEE);
            assert_int_equal(got[bytes + 1], 0xEE);
            for (uint64_t i = 0; i < bytes; i++)
                assert_int_equal(got[1 + i],
                                 *ms_memory_byte(t.memory, (ms_pa){address[offset + i]}));
        }
    }
    for (int i = 0; i < 3; i++)
        IoFreeMdl(mdl[i]);
    test_memory_leave(&t);
}

MS_TEST(copies_write_nothing_beside_their_range)
{
    struct test_memory t = test_memory_enter();
    const PFN_NUMBER pfn[] = {40, 42};
    MDL *mdl = ms_mdl_create(pfn, 100, PAGE);
    uint8_t full[PAGE];

    memset(full, 0xFF, sizeof full);
    ms_mdl_copy_in(t.memory, mdl, 1, full, PAGE - 2);
    uint64_t set = 0;
    for (uint64_t address = 39 * PAGE; address < 44 * PAGE; address++)
        set += *ms_memory_byte(t.memory, (ms_pa){address}) != 0;
    assert_int_equal(set, PAGE - 2);
    assert_int_equal(*ms_memory_byte(t.memory, (ms_pa){40 * PAGE + 100}), 0);
    assert_int_equal(*ms_memory_byte(t.memory, (ms_pa){42 * PAGE + 99}), 0);
    IoFreeMdl(mdl);
    test_memory_leave(&t);
}
