/* SPDX-License-Identifier: MIT */
/*
 * build_test.c: the fast walk against the general builder, whole buffers byte for byte: all short
 * patterns with partial first and last pages, chains of up to eight MDLs with empty ones anywhere,
 * lists of every size at the end of the address space; and what must hold whatever the list is
 * (metamorphic properties).
 */
#include "sg/test_reference.h"

enum { SLOTS = 600, LIST_BYTES = 16 + 24 * SLOTS };

/* A list buffer that ends where usable memory does. */
struct list_fence {
    uint8_t *reserved;
    size_t reserved_bytes;
    uint8_t *end;
};

static struct list_fence list_fence_create(void)
{
    struct list_fence fence = {.reserved_bytes = 8 * 4096};

    fence.reserved = ms_reserve(fence.reserved_bytes);
    assert_non_null(fence.reserved);
    fence.end = fence.reserved + 7 * 4096;
    assert_true(ms_host_protect(fence.end, 4096, false));
    return fence;
}

struct made {
    NTSTATUS status;
    struct ms_sg_mapped mapped;
    struct ms_mdl_cursor at;
};

static struct ms_sg_builder builder_make(const struct ms_sg_variant *variant, bool merges)
{
    struct ms_sg_builder builder;
    struct ms_sg_limits limits;

    ms_sg_limits_init(&limits, 64);
    limits.merge_mdls = merges;
    ms_sg_builder_init(&builder, NULL, NULL, variant, &limits);
    return builder;
}

static struct made list_make(const struct ms_sg_builder *builder, const struct ref_chain *chain,
                             uint64_t offset, uint32_t length, void *list, uint32_t slots,
                             bool general)
{
    struct ms_sg_request request = {
        .at = {chain->mdl[0], 0},
        .offset = offset,
        .length = length,
        .registers = {.head = MS_REG_NONE},
    };
    struct made made = {.mapped = {0}};

    made.status = general ? ms_sg_map_general(builder, &request, list, slots, &made.mapped)
                          : ms_sg_map(builder, &request, list, slots, &made.mapped);
    made.at = request.at;
    return made;
}

/* Both ways agree: status, result, cursor and every byte of header and elements. */
static struct made both_make(const struct ms_sg_builder *builder, const struct ref_chain *chain,
                             uint64_t offset, uint32_t length, uint32_t slots,
                             const struct list_fence *fence, uint8_t *want_list)
{
    size_t bytes = 16 + 24 * (size_t)slots;
    uint8_t *list = fence->end - bytes;

    memset(want_list, 0xA5, bytes);
    memset(list - 8, 0xA5, bytes + 8);
    struct made want = list_make(builder, chain, offset, length, want_list, slots, true);
    struct made made = list_make(builder, chain, offset, length, list, slots, false);

    assert_status(made.status, want.status);
    assert_memory_equal(list - 8, "\xA5\xA5\xA5\xA5\xA5\xA5\xA5\xA5", 8);
    if (!NT_SUCCESS(want.status)) {
        assert_memory_equal(list, want_list, 16); /* MTX-57 */
        return made;
    }
    assert_int_equal(made.mapped.bytes, want.mapped.bytes);
    assert_int_equal(made.mapped.elements, want.mapped.elements);
    assert_int_equal(made.mapped.registers, want.mapped.registers);
    assert_ptr_equal(made.at.mdl, want.at.mdl);
    assert_int_equal(made.at.base, want.at.base);
    if (memcmp(list, want_list, 16 + 24 * (size_t)want.mapped.elements) != 0)
        fail_msg("%s: lists differ", builder->variant->name);
    return made;
}

/* What SGE and MTX say of any list, looked at without knowing how it was made. */
static void properties_check(const uint8_t *list, const struct made *made,
                             const struct ref_chain *chain, uint64_t offset, bool merges)
{
    uint64_t at = offset;
    uint64_t end_before = 0;

    for (uint32_t i = 0; i < made->mapped.elements; i++) {
        SCATTER_GATHER_ELEMENT element;
        memcpy(&element, list + 16 + 24 * (size_t)i, sizeof(element));
        uint64_t first = (uint64_t)element.Address.QuadPart;
        uint64_t last = first + element.Length - 1;

        assert_true(element.Length > 0);                         /* SGE-07 */
        assert_int_equal(first >> 32, last >> 32);               /* SGE-05 */
        assert_int_equal(element.Reserved, 0);                   /* MTX-39 */
        assert_int_equal(ref_byte_at(chain, at).address, first); /* MTX-26, SGE-08 */
        assert_int_equal(ref_byte_at(chain, at + element.Length - 1).address, last);
        /* Neighbours could not have been one element. */
        if (i > 0 && end_before == first && first % (UINT64_C(1) << 32) != 0)
            assert_true(!merges && ref_byte_at(chain, at).mdl != ref_byte_at(chain, at - 1).mdl);
        at += element.Length;
        end_before = last + 1;
    }
    assert_int_equal(at - offset, made->mapped.bytes); /* MTX-27 */
}

typedef void build_test(const struct ms_sg_variant *variant, const struct list_fence *fence,
                        uint8_t *want_list);

static void each_variant(build_test *test)
{
    struct list_fence fence = list_fence_create();
    uint8_t *want_list = malloc(LIST_BYTES);
    const struct ms_sg_variant *variant;

    assert_non_null(want_list);
    for (uint32_t v = 0; (variant = ref_variant_at(v)) != NULL; v++)
        test(variant, &fence, want_list);
    free(want_list);
    ms_unreserve(fence.reserved, fence.reserved_bytes);
}

/* Frames of a pattern: bit i-1 set: page i is a break. */
static void pattern_make(PFN_NUMBER *pfn, uint32_t pages, uint64_t mask, struct ms_prng *prng)
{
    pfn[0] = 0x100 + ms_prng_below(prng, 1 << 19);
    for (uint32_t i = 1; i < pages; i++)
        pfn[i] = mask >> (i - 1) & 1 ? pfn[i - 1] - ms_prng_below(prng, 3) : pfn[i - 1] + 1;
}

static void exhaustive(const struct ms_sg_variant *variant, const struct list_fence *fence,
                       uint8_t *want_list)
{
    static const uint32_t firsts[] = {0, 1, 4095};
    static const uint32_t tails[] = {1, 4095, 4096};
    struct ms_sg_builder builder = builder_make(variant, false);
    struct ms_prng prng = {3};
    PFN_NUMBER pfn[12];

    for (uint32_t pages = 1; pages <= 12; pages++)
        for (uint32_t mask = 0; mask < 1u << (pages - 1); mask++)
            for (uint32_t edge = 0; edge < 9; edge++) {
                struct ref_chain chain = {.count = 0};
                uint32_t first = firsts[edge / 3];
                uint32_t end = (pages - 1) * 4096 + tails[edge % 3];
                uint32_t elements = 1 + ms_bits_count(mask);

                if (end <= first)
                    continue;
                pattern_make(pfn, pages, mask, &prng);
                ref_chain_add(&chain, pfn, first, end - first);
                struct made made = both_make(&builder, &chain, 0, end - first,
                                             edge % 2 ? elements : pages, fence, want_list);
                assert_status(made.status, STATUS_SUCCESS);
                assert_int_equal(made.mapped.elements, elements);
                assert_int_equal(made.mapped.bytes, end - first);
                ref_chain_clear(&chain);
            }
}

MS_TEST(all_patterns_with_partial_first_and_last_pages_agree_with_the_general_builder)
{
    each_variant(exhaustive);
}

/* Up to eight MDLs, empty ones anywhere; sometimes the next begins where the last one ended. */
static void random_chain(struct ms_prng *prng, struct ref_chain *chain, uint32_t pages_max)
{
    PFN_NUMBER pfn[128];
    PFN_NUMBER next = 0x4000;
    uint32_t first = 0;
    uint32_t mdls = 1 + ms_prng_below(prng, 8);

    for (uint32_t i = 0; i < mdls; i++) {
        uint32_t pages = ms_prng_below(prng, pages_max + 1);
        uint32_t density = ms_prng_below(prng, 5) * 2;

        if (ms_prng_below(prng, 2)) {
            first = ms_prng_below(prng, 3) ? ms_prng_below(prng, 4096) : 0;
            next = 0xFFF00 + ms_prng_below(prng, 512); /* around 4 GiB */
        }
        for (uint32_t p = 0; p < pages; p++) {
            pfn[p] = next;
            next = ms_prng_below(prng, 8) < density ? next - ms_prng_below(prng, 40) : next + 1;
        }
        uint32_t bytes = pages == 0 ? 0 : pages * 4096 - first;
        if (pages > 0 && ms_prng_below(prng, 2)) { /* ends inside its last page */
            uint32_t cut = ms_prng_below(prng, bytes < 4096 ? bytes : 4096);
            bytes -= cut;
            next = pfn[pages - 1];
        }
        ref_chain_add(chain, pfn, first, bytes);
        if (pages > 0)
            first = (first + bytes) % 4096;
    }
    if (ref_chain_bytes(chain) == 0)
        ref_chain_add(chain, (PFN_NUMBER[]){7}, 1, 1);
}

static void chains(const struct ms_sg_variant *variant, const struct list_fence *fence,
                   uint8_t *want_list)
{
    for (uint64_t seed = 1; seed <= 4000; seed++) {
        struct ms_prng prng = {seed};
        struct ref_chain chain = {.count = 0};
        bool merges = seed % 2;
        struct ms_sg_builder builder = builder_make(variant, merges);

        random_chain(&prng, &chain, seed % 5 == 0 ? 70 : 5);
        uint32_t total = (uint32_t)ref_chain_bytes(&chain);
        uint32_t offset = ms_prng_below(&prng, 2) ? ms_prng_below(&prng, total) : 0;
        uint32_t length =
            ms_prng_below(&prng, 2) ? total - offset : 1 + ms_prng_below(&prng, total - offset);
        struct made made = both_make(&builder, &chain, offset, length, SLOTS, fence, want_list);

        if (made.mapped.elements < SLOTS)
            properties_check(want_list, &made, &chain, offset, merges);
        /* Exactly enough slots, too few, one: the list ends at an element's end (MTX-32). */
        uint32_t elements = made.mapped.elements;
        both_make(&builder, &chain, offset, length, elements, fence, want_list);
        both_make(&builder, &chain, offset, length, 1 + ms_prng_below(&prng, elements), fence,
                  want_list);
        both_make(&builder, &chain, offset, length, 1, fence, want_list);
        /* A range that leaves the chain, however few slots there are. */
        both_make(&builder, &chain, offset, total - offset + 1, 1 + (uint32_t)(seed % 3), fence,
                  want_list);
        ref_chain_clear(&chain);
    }
}

MS_TEST(random_chains_agree_with_the_general_builder_for_any_number_of_slots)
{
    each_variant(chains);
}

/* MTX-31: calls that continue where the last one ended, from its cursor, make up one whole list. */
static void continuations(const struct ms_sg_variant *variant, const struct list_fence *fence,
                          uint8_t *want_list)
{
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct ms_prng prng = {seed};
        struct ref_chain chain = {.count = 0};
        struct ms_sg_builder builder = builder_make(variant, seed % 2);
        uint32_t slots = 1 + ms_prng_below(&prng, 6);
        uint8_t *list = fence->end - 16 - 24 * slots;
        uint32_t done = 0;

        random_chain(&prng, &chain, 8);
        uint32_t total = (uint32_t)ref_chain_bytes(&chain);
        struct made whole = list_make(&builder, &chain, 0, total, want_list, SLOTS, true);
        struct ms_sg_request request = {.at = {chain.mdl[0], 0}, .registers = {MS_REG_NONE, 0}};
        uint32_t elements = 0;

        while (done < total) {
            struct ms_sg_mapped mapped;
            request.offset = done;
            request.length = total - done;
            assert_status(
                ms_sg_map(&builder, &request, (SCATTER_GATHER_LIST *)(void *)list, slots, &mapped),
                STATUS_SUCCESS);
            assert_true(mapped.bytes > 0); /* MTX-29 */
            assert_memory_equal(list + 16, want_list + 16 + 24 * (size_t)elements,
                                24 * (size_t)mapped.elements);
            done += mapped.bytes;
            elements += mapped.elements;
        }
        assert_int_equal(elements, whole.mapped.elements);
        ref_chain_clear(&chain);
    }
}

MS_TEST(continued_calls_make_the_same_list_as_one)
{
    each_variant(continuations);
}

/* Cutting an MDL in two at any byte changes nothing with merging on, and adds at most one element
 * with merging off. */
static void cuts(const struct ms_sg_variant *variant, const struct list_fence *fence,
                 uint8_t *want_list)
{
    PFN_NUMBER pfn[40];

    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct ms_prng prng = {seed};
        struct ref_chain one = {.count = 0};
        uint32_t pages = 1 + ms_prng_below(&prng, 40);
        uint32_t first = ms_prng_below(&prng, 4096);
        uint32_t bytes = pages * 4096 - first;

        pattern_make(pfn, pages, ms_prng_next(&prng), &prng);
        ref_chain_add(&one, pfn, first, bytes);
        for (uint32_t round = 0; round < 8 && bytes > 1; round++) {
            struct ref_chain two = {.count = 0};
            uint32_t cut = round < 3 ? 1 + round : 1 + ms_prng_below(&prng, bytes - 1);
            cut = cut < bytes ? cut : bytes - 1;
            uint32_t behind = first + cut;

            ref_chain_add(&two, pfn, first, cut);
            ref_chain_add(&two, pfn + behind / 4096, behind % 4096, bytes - cut);
            for (uint32_t merges = 0; merges < 2; merges++) {
                struct ms_sg_builder builder = builder_make(variant, merges);
                uint8_t *list = fence->end - LIST_BYTES;
                struct made a = list_make(&builder, &one, 0, bytes, want_list, SLOTS, false);
                struct made b = list_make(&builder, &two, 0, bytes, list, SLOTS, false);
                if (merges)
                    assert_memory_equal(list, want_list, 16 + 24 * (size_t)a.mapped.elements);
                else
                    assert_in_range(b.mapped.elements, a.mapped.elements, a.mapped.elements + 1);
                assert_int_equal(b.mapped.bytes, bytes);
            }
            ref_chain_clear(&two);
        }
        ref_chain_clear(&one);
    }
}

MS_TEST(cutting_an_mdl_in_two_changes_nothing_but_its_own_edge)
{
    each_variant(cuts);
}

/* 4 GiB more on every frame is 4 GiB more on every address; another frame for one page changes
 * nothing but the elements around it. */
static void moves(const struct ms_sg_variant *variant, const struct list_fence *fence,
                  uint8_t *want_list)
{
    struct ms_sg_builder builder = builder_make(variant, false);
    PFN_NUMBER pfn[200];

    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct ms_prng prng = {seed};
        struct ref_chain chain = {.count = 0};
        uint32_t pages = 1 + ms_prng_below(&prng, 200);
        uint8_t *list = fence->end - LIST_BYTES;
        PFN_NUMBER *frames;

        for (uint32_t i = 0; i < pages; i++)
            pfn[i] = i > 0 && ms_prng_below(&prng, 4) ? pfn[i - 1] + 1
                                                      : 0x1000 + ms_prng_below(&prng, 1 << 19);
        ref_chain_add(&chain, pfn, 7, pages * 4096 - 7);
        frames = (PFN_NUMBER *)(void *)(chain.mdl[0] + 1);
        struct made a = list_make(&builder, &chain, 0, pages * 4096 - 7, want_list, SLOTS, false);

        for (uint32_t i = 0; i < pages; i++)
            frames[i] += 3 * (UINT64_C(1) << 20);
        struct made b = list_make(&builder, &chain, 0, pages * 4096 - 7, list, SLOTS, false);
        assert_int_equal(a.mapped.elements, b.mapped.elements);
        for (uint32_t i = 0; i < a.mapped.elements; i++) {
            uint64_t was[3];
            uint64_t is[3];
            memcpy(was, want_list + 16 + 24 * (size_t)i, 24);
            memcpy(is, list + 16 + 24 * (size_t)i, 24);
            was[0] += 3 * (UINT64_C(1) << 32);
            assert_memory_equal(was, is, 24);
        }

        for (uint32_t i = 0; i < pages; i++)
            frames[i] -= 3 * (UINT64_C(1) << 20);
        frames[ms_prng_below(&prng, pages)] = 0x300000;
        b = list_make(&builder, &chain, 0, pages * 4096 - 7, list, SLOTS, false);
        assert_in_range(b.mapped.elements, a.mapped.elements >= 2 ? a.mapped.elements - 2 : 1,
                        a.mapped.elements + 2);
        uint32_t same = 0;
        uint32_t shorter =
            a.mapped.elements < b.mapped.elements ? a.mapped.elements : b.mapped.elements;
        for (; same < shorter; same++)
            if (memcmp(list + 16 + 24 * (size_t)same, want_list + 16 + 24 * (size_t)same, 24) != 0)
                break;
        for (uint32_t i = 1; same + 3 + i <= shorter; i++) /* from behind, all but three agree */
            assert_memory_equal(list + 16 + 24 * (size_t)(b.mapped.elements - i),
                                want_list + 16 + 24 * (size_t)(a.mapped.elements - i), 24);
        ref_chain_clear(&chain);
    }
}

MS_TEST(moved_frames_move_addresses_and_one_frame_only_its_neighbours)
{
    each_variant(moves);
}

/* The range may end inside an MDL or exactly at its end; the list ends there too. */
static void ends(const struct ms_sg_variant *variant, const struct list_fence *fence,
                 uint8_t *want_list)
{
    struct ms_sg_builder builder = builder_make(variant, false);
    struct ref_chain chain = {.count = 0};
    PFN_NUMBER pfn[7] = {5, 6, 7, 8, 9, 10, 11};

    for (uint32_t i = 0; i < 5; i++)
        ref_chain_add(&chain, pfn, 3, 4 + i);
    ref_chain_add(&chain, pfn, 3, 7 * 4096 - 3);
    ref_chain_add(&chain, pfn, 0, 2);
    uint32_t total = (uint32_t)ref_chain_bytes(&chain);
    for (uint32_t offset = 0; offset < 40; offset++)
        for (uint32_t length = 1; offset + length <= 60; length++) {
            struct made made = both_make(&builder, &chain, offset, length, 64, fence, want_list);
            assert_status(made.status, STATUS_SUCCESS);
            assert_int_equal(made.mapped.bytes, length);
            properties_check(want_list, &made, &chain, offset, false);
        }
    for (uint32_t length = total - 10; length <= total + 2; length++) {
        struct made made = both_make(&builder, &chain, 0, length, 64, fence, want_list);
        assert_status(made.status, length <= total ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
    }
    ref_chain_clear(&chain);
}

MS_TEST(a_range_ends_anywhere_inside_or_at_the_end_of_an_mdl)
{
    each_variant(ends);
}

MS_TEST(an_mdl_that_may_not_be_mapped_fails_the_call_if_it_contributes)
{
    struct ms_sg_builder builder = builder_make(ref_variant_at(0), false);
    struct ref_chain chain = {.count = 0};
    PFN_NUMBER pfn[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t list[16 + 24 * 16];

    for (uint32_t i = 0; i < 3; i++)
        ref_chain_add(&chain, pfn, 0, 8 * 4096);
    for (uint32_t bad = 0; bad < 3; bad++) {
        chain.mdl[bad]->MdlFlags = 0; /* MTX-22 */
        for (uint32_t mdls = 1; mdls <= 3; mdls++) {
            struct made made = list_make(&builder, &chain, 0, mdls * 8 * 4096, list, 16, false);
            assert_status(made.status, mdls > bad ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS);
        }
        /* Behind a full list it still decides: MDL state comes before resources (MTX-59). */
        struct made made = list_make(&builder, &chain, 0, 3 * 8 * 4096, list, 1, false);
        assert_status(made.status, STATUS_INVALID_PARAMETER);
        chain.mdl[bad]->MdlFlags = MDL_PARTIAL;
    }
    chain.mdl[2]->MdlFlags = 0; /* MTX-24: behind the range anything may be */
    assert_status(list_make(&builder, &chain, 100, 8 * 4096, list, 16, false).status,
                  STATUS_SUCCESS);
    ref_chain_clear(&chain);
}
