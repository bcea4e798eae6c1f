/* SPDX-License-Identifier: MIT */
/*
 * coalesce_test.c: every coalescer against a plain loop, page for page and byte for byte: all short
 * patterns, every length with one break or one join anywhere, densities that change at block edges,
 * exactly k slots for every k, and arrays and slots that end where the address space does.
 */
#include "sg/test_reference.h"

enum {
    PAGES_MAX = 4096,
    PFNS_BYTES = PAGES_MAX * 8 + 4096,
    SLOTS_BYTES = (PAGES_MAX + 1) * 24 + 4096,
};

/* Usable memory between two pages that are not. */
struct fence {
    uint8_t *reserved;
    size_t reserved_bytes;
    uint8_t *first; /* of the usable bytes */
    uint8_t *end;
};

static struct fence fence_create(size_t bytes)
{
    size_t usable = (size_t)ms_round_up(bytes, 4096);
    struct fence fence = {.reserved_bytes = usable + 2 * 4096};

    fence.reserved = ms_reserve(fence.reserved_bytes);
    assert_non_null(fence.reserved);
    fence.first = fence.reserved + 4096;
    fence.end = fence.first + usable;
    assert_true(ms_host_protect(fence.reserved, 4096, false));
    assert_true(ms_host_protect(fence.end, 4096, false));
    return fence;
}

static void fence_destroy(struct fence *fence)
{
    ms_unreserve(fence->reserved, fence->reserved_bytes);
}

/* What all cases share. */
struct bench {
    struct fence pfns;
    struct fence slots;
    const struct ms_sg_variant *variant;
    uint8_t *want_slots;
    bool is_break[PAGES_MAX];
    PFN_NUMBER frames[PAGES_MAX];
    struct ms_prng prng;
};

static struct bench *bench_create(void)
{
    struct bench *b = calloc(1, sizeof(*b));

    assert_non_null(b);
    b->pfns = fence_create(PFNS_BYTES);
    b->slots = fence_create(SLOTS_BYTES);
    b->want_slots = malloc(SLOTS_BYTES);
    b->prng.state = 12;
    assert_non_null(b->want_slots);
    return b;
}

static void bench_destroy(struct bench *b)
{
    fence_destroy(&b->pfns);
    fence_destroy(&b->slots);
    free(b->want_slots);
    free(b);
}

/* Frames with the breaks of b->is_break: descending, equal, skipping and far ones. */
static void frames_make(struct bench *b, uint32_t pages)
{
    PFN_NUMBER frame = 0x123456;

    for (uint32_t i = 0; i < pages; i++) {
        if (i > 0 && !b->is_break[i]) {
            frame++;
        } else {
            switch (ms_prng_below(&b->prng, 5)) {
            case 0:
                break;
            case 1:
                frame--;
                break;
            case 2:
                frame += 2;
                break;
            case 3:
                frame ^= UINT64_C(1) << (12 + ms_prng_below(&b->prng, 28));
                break;
            default:
                frame = 0x10000 + (ms_prng_next(&b->prng) & 0xFFFFFFFFFF);
            }
        }
        b->frames[i] = frame;
    }
}

/* The plain loop. Returns what a coalescer must return. */
static bool plain_coalesce(const PFN_NUMBER *pfn, uint32_t pages, struct ms_sg_open *open)
{
    for (uint32_t i = 1; i < pages; i++) {
        if (pfn[i] == pfn[i - 1] + 1)
            continue;
        uint64_t words[3] = {open->address, i * UINT64_C(4096) - open->position, 0};
        if (open->slot == open->slot_end)
            return false;
        memcpy(open->slot, words, sizeof(words));
        open->crossed |= words[0] ^ (words[0] + words[1] - 1);
        open->slot += 24;
        open->address = pfn[i] << 12;
        open->position = i * UINT64_C(4096);
    }
    return true;
}

/* One case: `pages` of b->frames, `slots` slots; the array and the slots lie against a fence's end
 * or somewhere inside. */
static void case_run(struct bench *b, uint32_t pages, uint32_t slots, uint32_t pfn_shift,
                     uint32_t slot_shift, bool at_start)
{
    PFN_NUMBER *pfn = (PFN_NUMBER *)(void *)(at_start ? b->pfns.first + 8 * pfn_shift
                                                      : b->pfns.end - 8 * (pages + pfn_shift));
    uint8_t *slot =
        at_start ? b->slots.first + slot_shift : b->slots.end - (size_t)slots * 24 - slot_shift;
    uint64_t position = at_start ? 5 : 0 - UINT64_C(95); /* or carried from an MDL before */
    struct ms_sg_open open = {(b->frames[0] << 12) + position, position, slot,
                              slot + (size_t)slots * 24, 0};
    struct ms_sg_open want = open;
    uint8_t before = 0;

    memcpy(pfn, b->frames, pages * sizeof(*pfn));
    if (at_start && slot_shift > 0)
        before = slot[-1] = 0xA5;
    if (!at_start && slot_shift > 0)
        memset(slot + (size_t)slots * 24, 0xA5, slot_shift);
    want.slot = b->want_slots;
    want.slot_end = b->want_slots + (size_t)slots * 24;

    bool want_done = plain_coalesce(pfn, pages, &want);
    bool done = b->variant->coalesce(pfn, pages, &open);
    size_t bytes = (size_t)(want.slot - b->want_slots);

    if (done != want_done || open.address != want.address || open.position != want.position ||
        (size_t)(open.slot - slot) != bytes || memcmp(slot, b->want_slots, bytes) != 0)
        fail_msg("%s: %u pages, %u slots, shifts %u %u: wrong list", b->variant->name, pages, slots,
                 pfn_shift, slot_shift);
    if (done) {
        /* Which boundary is the highest crossed, once the open run is closed too (SGE-05). */
        uint64_t last = ms_sg_crossing(open.address, pages * UINT64_C(4096) - open.position);
        if (ms_bit_highest(open.crossed | last | 1) != ms_bit_highest(want.crossed | last | 1))
            fail_msg("%s: %u pages: crossed %llx, wanted %llx", b->variant->name, pages,
                     (unsigned long long)open.crossed, (unsigned long long)want.crossed);
    }
    if (at_start && slot_shift > 0)
        assert_int_equal(slot[-1], before);
    for (uint32_t i = 0; !at_start && i < slot_shift; i++)
        assert_int_equal(slot[(size_t)slots * 24 + i], 0xA5); /* MTX-14 */
}

static uint32_t breaks_count(const struct bench *b, uint32_t pages)
{
    uint32_t count = 0;

    for (uint32_t i = 1; i < pages; i++)
        count += b->frames[i] != b->frames[i - 1] + 1;
    return count;
}

/* The usual placements of one pattern: plenty of room, and exactly enough at the fence. */
static void pattern_run(struct bench *b, uint32_t pages)
{
    frames_make(b, pages);
    case_run(b, pages, pages + 1, 0, 0, false);
    case_run(b, pages, breaks_count(b, pages), 0, 0, false);
    case_run(b, pages, pages, 0, 8, true);
}

typedef void bench_test(struct bench *b);

static void each_variant(bench_test *test)
{
    struct bench *b = bench_create();

    for (uint32_t v = 0; (b->variant = ref_variant_at(v)) != NULL; v++)
        test(b);
    bench_destroy(b);
}

static void exhaustive(struct bench *b)
{
    for (uint32_t pages = 1; pages <= 12; pages++)
        for (uint32_t mask = 0; mask < 1u << (pages - 1); mask++) {
            for (uint32_t i = 1; i < pages; i++)
                b->is_break[i] = (mask >> (i - 1)) & 1;
            frames_make(b, pages);
            for (uint32_t shift = 0; shift < 8; shift++)
                case_run(b, pages, pages, shift, shift, mask % 2);
        }
}

MS_TEST(all_patterns_of_up_to_12_pages_at_all_places_in_a_cache_line)
{
    each_variant(exhaustive);
}

/* 1..200 and around the sizes of blocks. */
static uint32_t length_next(uint32_t pages)
{
    static const uint32_t more[] = {255, 256, 257, 258,  259,  260,  511,
                                    512, 513, 514, 1023, 1024, 1025, 1026};

    if (pages < 200)
        return pages + 1;
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
        if (more[i] > pages)
            return more[i];
    return 0;
}

static void lengths(struct bench *b)
{
    for (uint32_t pages = 1; pages != 0; pages = length_next(pages)) {
        uint32_t step = pages > 300 ? 7 : 1; /* all blocks and places in a block, not all pairs */

        for (uint32_t odd = 0; odd < 2; odd++) { /* one break among joins, one join among breaks */
            memset(b->is_break, (int)odd, sizeof(b->is_break));
            pattern_run(b, pages);
            for (uint32_t i = 1; i < pages; i += step) {
                b->is_break[i] = !odd;
                pattern_run(b, pages);
                b->is_break[i] = odd;
            }
        }
    }
}

MS_TEST(every_length_with_one_break_or_one_join_at_every_place)
{
    each_variant(lengths);
}

static void densities(struct bench *b)
{
    static const uint32_t of64[] = {0, 1, 4, 16, 32, 48, 60, 63, 64};

    for (uint32_t round = 0; round < 3000; round++) {
        uint32_t pages = 1 + ms_prng_below(&b->prng, round % 10 ? 300 : PAGES_MAX);
        uint32_t block = 16u << ms_prng_below(&b->prng, 4);
        uint32_t density = 0;

        for (uint32_t i = 0; i < pages; i++) {
            if (i % block == 1 || i == 0) /* changes where blocks of a coalescer begin */
                density = of64[ms_prng_below(&b->prng, 9)];
            b->is_break[i] = ms_prng_below(&b->prng, 64) < density;
        }
        pattern_run(b, pages);
    }
}

MS_TEST(random_masks_whose_density_changes_at_block_edges)
{
    each_variant(densities);
}

static void rooms(struct bench *b)
{
    for (uint32_t pages = 1; pages <= 140; pages += pages < 70 ? 1 : 7)
        for (uint32_t density = 8; density <= 64; density += 14) {
            for (uint32_t i = 1; i < pages; i++)
                b->is_break[i] = ms_prng_below(&b->prng, 64) < density;
            frames_make(b, pages);
            uint32_t breaks = breaks_count(b, pages);
            for (uint32_t slots = 0; slots <= breaks + 6; slots++)
                case_run(b, pages, slots, 0, slots % 2 ? 0 : 16, false);
        }
}

MS_TEST(exactly_k_slots_before_the_fence_for_every_k)
{
    each_variant(rooms);
}

static void starts(struct bench *b)
{
    for (uint32_t pages = 1; pages <= 300; pages++)
        for (uint32_t density = 0; density <= 64; density += 16) {
            for (uint32_t i = 1; i < pages; i++)
                b->is_break[i] = ms_prng_below(&b->prng, 64) < density;
            frames_make(b, pages);
            case_run(b, pages, pages, 0, 0, true);
        }
}

MS_TEST(no_load_or_store_leaves_the_arrays_at_their_start)
{
    each_variant(starts);
}

/* A run that steps over a 4 GiB line anywhere must be seen, whatever way its block was handled. */
static void crossings(struct bench *b)
{
    for (uint32_t round = 0; round < 4000; round++) {
        uint32_t pages = 2 + ms_prng_below(&b->prng, 200);
        uint32_t density = ms_prng_below(&b->prng, 65);
        uint32_t line = 1 + ms_prng_below(&b->prng, pages - 1);

        for (uint32_t i = 1; i < pages; i++)
            b->is_break[i] = ms_prng_below(&b->prng, 64) < density;
        frames_make(b, pages);
        bool joins = ms_prng_below(&b->prng, 2);
        for (uint32_t i = 0; i < pages; i++) /* low frames elsewhere: nothing else crosses */
            b->frames[i] = (b->frames[i] & 0x7FFF) + 0x1000;
        b->frames[line - 1] = 0xFFFFF;
        b->frames[line] = joins ? 0x100000 : 0x100002;
        case_run(b, pages, pages, 0, 0, false);

        struct ms_sg_open open = {b->frames[0] << 12, 0, b->slots.first, b->slots.end, 0};
        assert_true(b->variant->coalesce(b->frames, pages, &open));
        uint64_t last = ((uint64_t)pages << 12) - open.position;
        open.crossed |= ms_sg_crossing(open.address, last);
        assert_int_equal((open.crossed >> 32) != 0, joins);
    }
}

MS_TEST(a_run_over_a_4_gib_line_is_seen_wherever_it_lies)
{
    each_variant(crossings);
}

static void counts(struct bench *b)
{
    for (uint32_t round = 0; round < 3000; round++) {
        uint32_t pages = 1 + ms_prng_below(&b->prng, 300);
        uint64_t boundary = UINT64_C(1) << ms_prng_below(&b->prng, 22);
        uint32_t want = 0;
        PFN_NUMBER *pfn = (PFN_NUMBER *)(void *)(b->pfns.end - 8 * (size_t)pages);

        for (uint32_t i = 1; i < pages; i++)
            b->is_break[i] = ms_prng_below(&b->prng, 4) == 0;
        frames_make(b, pages);
        memcpy(pfn, b->frames, pages * sizeof(*pfn));
        for (uint32_t i = 1; i < pages; i++)
            want += pfn[i] != pfn[i - 1] + 1 || pfn[i] % boundary == 0;
        assert_int_equal(b->variant->count(pfn, pages, boundary), want);
    }
}

MS_TEST(counting_breaks_agrees_with_a_plain_loop)
{
    each_variant(counts);
}

MS_TEST(variants_are_found_by_name_and_listed_best_first)
{
    struct ms_cpu_features none = {false, false};
    struct ms_cpu_features here = ms_cpu_features_get();
    const struct ms_sg_variant *variant;
    uint32_t count = 0;

    for (; (variant = ms_sg_variant_at(here, count)) != NULL; count++)
        assert_ptr_equal(ms_sg_variant_find(ms_sg_variant_name(variant)), variant);
    assert_int_equal(count, 1 + here.avx2 + here.avx512);
    assert_string_equal(ms_sg_variant_name(ms_sg_variant_at(here, count - 1)), "scalar");
    assert_ptr_equal(ms_sg_variant_best(here), ms_sg_variant_at(here, 0));
    assert_string_equal(ms_sg_variant_name(ms_sg_variant_best(none)), "scalar");
    assert_null(ms_sg_variant_find("avx1024"));
}
