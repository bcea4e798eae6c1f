/* SPDX-License-Identifier: MIT */
/*
 * general_test.c: the whole of ms_sg_map, copy back and measure against the builder that takes one
 * byte at a time, over random chains, limits and registers; and every bounced byte followed
 * through.
 */
#include "sg/test_reference.h"

static struct ms_memory *test_memory_create(void)
{
    struct ms_memory_config config = ms_memory_config_default();
    struct ms_memory *memory = ms_memory_create(&config);

    assert_non_null(memory);
    return memory;
}

/* Frames around the places where rules change: low, around 16 MiB and 4 GiB, high. */
static PFN_NUMBER random_pfn(struct ms_prng *prng, PFN_NUMBER before)
{
    static const PFN_NUMBER places[] = {0x20, 0xFFE, 0xFFFFD, 0x100002, 0x200000};

    switch (ms_prng_below(prng, 4)) {
    case 0:
        return places[ms_prng_below(prng, 5)] + ms_prng_below(prng, 3);
    case 1:
        return before;
    default:
        return before + 1;
    }
}

/* RAM by default ends at 3 GiB and begins again at 4 GiB: frames between are device space. */
static void random_chain(struct ms_prng *prng, struct ref_chain *chain, bool only_ram)
{
    uint32_t mdls = 1 + ms_prng_below(prng, 4);
    PFN_NUMBER pfn[4];
    PFN_NUMBER before = 0x20;

    for (uint32_t i = 0; i < mdls; i++) {
        uint32_t first = ms_prng_below(prng, 3) ? ms_prng_below(prng, 4096) : 0;
        uint32_t pages = ms_prng_below(prng, 4);
        uint32_t bytes = pages == 0 ? 0 : (pages - 1) * 4096 + 1 + ms_prng_below(prng, 4096);

        if (bytes > first)
            bytes -= first;
        for (uint32_t p = 0; p < 4; p++) {
            pfn[p] = random_pfn(prng, before);
            if (only_ram && pfn[p] >= 0xC0000 && pfn[p] < 0x100000)
                pfn[p] = 0x100000;
            before = pfn[p];
        }
        if (ref_pages(first, bytes) > 4)
            bytes = 4 * 4096 - first;
        ref_chain_add(chain, pfn, first, bytes);
    }
    if (ref_chain_bytes(chain) == 0)
        ref_chain_add(chain, pfn, 0, 100);
}

static struct ms_sg_limits random_limits(struct ms_prng *prng)
{
    static const uint32_t widths[] = {64, 64, 36, 32, 24};
    static const uint32_t units[] = {1, 1, 1, 2, 4, 3, 512, 5000};
    static const uint64_t boundaries[] = {
        UINT64_C(1) << 32, UINT64_C(1) << 32, 1 << 20, 1 << 16, 8192, 512};
    static const uint32_t lengths[] = {UINT32_MAX, UINT32_MAX, 65535, 6000, 100};
    struct ms_sg_limits limits;

    ms_sg_limits_init(&limits, widths[ms_prng_below(prng, 5)]);
    limits.boundary = boundaries[ms_prng_below(prng, 6)];
    limits.element_bytes_max = lengths[ms_prng_below(prng, 5)];
    limits.unit = units[ms_prng_below(prng, 8)];
    limits.merge_mdls = ms_prng_below(prng, 2);
    limits.contiguous = ms_prng_below(prng, 4) == 0;
    limits.single_part = ms_prng_below(prng, 8) == 0;
    limits.translate_all = ms_prng_below(prng, 8) == 0;
    limits.never_bounce = ms_prng_below(prng, 8) == 0;
    if (ms_prng_below(prng, 4) == 0)
        limits.elements_max = 1 + ms_prng_below(prng, 4);
    if (ms_prng_below(prng, 2)) { /* half of the cases on the fast path */
        limits.boundary = UINT64_C(1) << 32;
        limits.element_bytes_max = UINT32_MAX;
        limits.unit = 1;
        limits.contiguous = limits.translate_all = limits.single_part = false;
    }
    return limits;
}

static struct ms_reg_set random_set(struct ms_prng *prng, struct ref_pool *pool)
{
    uint32_t runs[4][2];
    uint32_t count = ms_prng_below(prng, 4);
    uint32_t first = ms_prng_below(prng, 3);

    for (uint32_t i = 0; i < count; i++) {
        runs[i][0] = first;
        runs[i][1] = 1 + ms_prng_below(prng, 5);
        first += runs[i][1] + ms_prng_below(prng, 2);
    }
    if (count == 2 && ms_prng_below(prng, 2)) { /* runs need not ascend */
        uint32_t swap[2] = {runs[0][0], runs[0][1]};
        memcpy(runs[0], runs[1], sizeof(swap));
        memcpy(runs[1], swap, sizeof(swap));
    }
    return ref_pool_set(pool, (const uint32_t(*)[2])runs, count);
}

enum { SLOTS = 512, BEHIND = 64 };

struct guarded_list {
    uint8_t bytes[16 + 24 * SLOTS + BEHIND + 8];
};

static void list_check(const struct ref_list *want, const SCATTER_GATHER_LIST *list,
                       const struct ms_sg_mapped *mapped, uint64_t seed)
{
    uint64_t words[3];

    memcpy(words, list, 16);
    if (words[0] != want->elements || words[1] != 0)
        fail_msg("seed %llu: header %llx %llx, wanted %u elements", (unsigned long long)seed,
                 (unsigned long long)words[0], (unsigned long long)words[1], want->elements);
    for (uint32_t i = 0; i < want->elements; i++) {
        memcpy(words, (const uint8_t *)list + 16 + 24 * (size_t)i, 24);
        if (words[0] != want->element[i].address || words[1] != want->element[i].bytes ||
            words[2] != 0)
            fail_msg("seed %llu: element %u is {%llx, %llx, %llx}, wanted {%llx, %llx}",
                     (unsigned long long)seed, i, (unsigned long long)words[0],
                     (unsigned long long)words[1], (unsigned long long)words[2],
                     (unsigned long long)want->element[i].address,
                     (unsigned long long)want->element[i].bytes);
    }
    assert_int_equal(mapped->elements, want->elements);
    assert_int_equal(mapped->bytes, want->bytes);
    if (mapped->registers != want->registers)
        fail_msg("seed %llu: %u registers, wanted %u", (unsigned long long)seed, mapped->registers,
                 want->registers);
}

/* GTI-08: with what measuring says, one call maps the whole range. */
static void measure_check(const struct ref_chain *chain, struct ms_sg_builder builder,
                          struct ref_pool *pool, struct ms_sg_request request, uint64_t seed)
{
    static struct ref_list all;
    const uint32_t run[1][2] = {{0, REF_REGISTERS_MAX}};
    struct ms_sg_limits limits = builder.limits;
    struct ms_sg_measure need;

    limits.single_part = limits.never_bounce = false;
    limits.unit = 1;
    limits.elements_max = UINT32_MAX;
    if (limits.contiguous) {
        limits.boundary = UINT64_C(1) << 32;
        limits.element_bytes_max = UINT32_MAX;
    }
    ms_sg_builder_init(&builder, builder.memory, &pool->pool, builder.variant, &limits);
    assert_status(ms_sg_measure(&builder, request.at, request.offset, request.length, &need),
                  STATUS_SUCCESS);
    ref_map(&all, chain, &limits, &pool->pool, ref_pool_set(pool, run, 1), request.offset,
            request.length, REF_ELEMENTS_MAX);
    assert_int_equal(all.bytes, request.length);
    if (need.elements < all.elements || need.registers != all.registers)
        fail_msg("seed %llu: measured %u elements and %u registers, needs %u and %u",
                 (unsigned long long)seed, need.elements, need.registers, all.elements,
                 all.registers);
    uint32_t pages = 0;
    struct ref_byte before = {.exists = false};
    for (uint64_t k = request.offset; k < request.offset + request.length; k++) {
        struct ref_byte here = ref_byte_at(chain, k);
        pages += !before.exists || here.mdl != before.mdl || here.page != before.page;
        before = here;
    }
    assert_int_equal(need.logical_pages, pages); /* GTI-12 */
    if (all.registers == 0)
        assert_int_equal(need.elements, all.elements); /* exact where all is direct */
}

static uint8_t pattern(uint64_t k, uint64_t seed)
{
    return (uint8_t)(k * 7 + (k >> 8) * 13 + seed);
}

/* MRG-15, MRG-18: what the device sees through the list is what the buffer holds. */
static void to_device_check(const struct ms_memory *memory, const struct ref_pool *pool,
                            const struct ref_list *list, const struct ref_chain *chain,
                            uint64_t offset)
{
    uint64_t at = 0;

    for (uint32_t i = 0; i < list->elements; i++)
        for (uint64_t b = 0; b < list->element[i].bytes; b++, at++) {
            struct ref_byte byte = ref_byte_at(chain, offset + at);
            uint64_t logical = list->element[i].address + b;
            if (list->byte_bounces[at])
                assert_int_equal(pool->pages[logical - pool->pool.first_pfn * 4096],
                                 *ms_memory_byte(memory, (ms_pa){byte.address}));
            else
                assert_int_equal(logical, byte.address);
        }
    assert_int_equal(at, list->bytes);
}

/* MRG-15, MRG-16, FLX-06, FLX-16: a read arrives in the buffer's pages as far as it was flushed. */
static void from_device_check(const struct ms_sg_builder *builder, struct ref_pool *pool,
                              struct ms_sg_request request, const struct ms_sg_mapped *mapped,
                              const struct ref_list *list, const struct ref_chain *chain,
                              struct ms_prng *prng)
{
    uint32_t flushed = ms_prng_below(prng, 3) ? mapped->bytes : ms_prng_below(prng, mapped->bytes);
    uint64_t at = 0;

    for (uint32_t i = 0; i < list->elements; i++)
        for (uint64_t b = 0; b < list->element[i].bytes; b++, at++) {
            uint64_t logical = list->element[i].address + b;
            if (!list->byte_bounces[at])
                continue;
            uint8_t *byte = &pool->pages[logical - pool->pool.first_pfn * 4096];
            assert_int_equal(*byte, 0); /* MRG-16 */
            *byte = pattern(at, 1);
            uint64_t address = ref_byte_at(chain, request.offset + at).address;
            *ms_memory_byte(builder->memory, (ms_pa){address}) = pattern(at, 100);
        }
    /* A page may appear twice in a chain; the later byte wins, so look for it from the end. */
    ms_sg_copy_back(builder, &request, mapped, flushed);
    for (at = 0; at < list->bytes; at++) {
        uint64_t address = ref_byte_at(chain, request.offset + at).address;
        bool is_last = true;
        if (!list->byte_bounces[at])
            continue;
        for (uint64_t k = at + 1; k < list->bytes && is_last; k += 1)
            is_last = ref_byte_at(chain, request.offset + k).address != address;
        if (is_last && at < flushed)
            assert_int_equal(*ms_memory_byte(builder->memory, (ms_pa){address}), pattern(at, 1));
    }
}

static void case_run(uint64_t seed, const struct ms_memory *memory, struct ref_pool *pool,
                     const struct ms_sg_variant *variant, bool follow_bytes)
{
    static struct ref_list want;
    static struct guarded_list buffer;
    struct ms_prng prng = {seed};
    struct ref_chain chain = {.count = 0};
    struct ms_sg_limits limits = random_limits(&prng);
    struct ms_sg_builder builder;
    struct ms_sg_mapped mapped = {0};

    random_chain(&prng, &chain, true);
    struct ms_reg_set set = random_set(&prng, pool);
    uint64_t total = ref_chain_bytes(&chain);
    uint64_t offset = ms_prng_below(&prng, 2) ? ms_prng_below(&prng, (uint32_t)total) : 0;
    uint32_t length = ms_prng_below(&prng, 2)
                          ? (uint32_t)(total - offset)
                          : 1 + ms_prng_below(&prng, (uint32_t)(total - offset));
    uint32_t capacity = ms_prng_below(&prng, 2) ? SLOTS : 1 + ms_prng_below(&prng, 8);
    /* MTX-15: any address will do. */
    uint8_t *at = buffer.bytes + ms_prng_below(&prng, 9);
    SCATTER_GATHER_LIST *list = (SCATTER_GATHER_LIST *)(void *)at;
    bool to_device = ms_prng_below(&prng, 2);

    if (ms_prng_below(&prng, 16) == 0)
        length += 1 + ms_prng_below(&prng, 5000);
    ms_sg_builder_init(&builder, memory, &pool->pool, variant, &limits);
    memset(buffer.bytes, 0xA5, sizeof(buffer.bytes));
    memset(pool->pages, 0x77, sizeof(pool->pages));
    ref_map(&want, &chain, &limits, &pool->pool, set, offset, length, capacity);

    struct ms_sg_request request = {
        .at = {chain.mdl[0], 0},
        .offset = offset,
        .length = length,
        .write_to_device = to_device,
        .check_pfns = ms_prng_below(&prng, 8) == 0,
        .registers = set,
    };
    struct ms_sg_request map_request = request;
    NTSTATUS status = ms_sg_map(&builder, &map_request, list, capacity, &mapped);
    if (status != want.status)
        fail_msg("seed %llu: status 0x%08X, wanted 0x%08X", (unsigned long long)seed,
                 (unsigned)status, (unsigned)want.status);
    for (size_t i = 16 + 24 * (size_t)capacity; at + i < buffer.bytes + sizeof(buffer.bytes); i++)
        assert_int_equal(at[i], 0xA5); /* MTX-14 */
    if (NT_SUCCESS(status)) {
        list_check(&want, list, &mapped, seed);
        assert_true(map_request.at.base <= offset + mapped.bytes);
        if (follow_bytes && want.registers > 0 && to_device)
            to_device_check(memory, pool, &want, &chain, offset);
        if (follow_bytes && want.registers > 0 && !to_device && mapped.bytes < 9000)
            from_device_check(&builder, pool, request, &mapped, &want, &chain, &prng);
        measure_check(&chain, builder, pool, request, seed);
    } else {
        assert_int_equal(at[0], 0xA5); /* MTX-57 */
        assert_int_equal(mapped.bytes, 0);
        assert_ptr_equal(map_request.at.mdl, request.at.mdl);
    }
    ref_chain_clear(&chain);
}

MS_TEST(random_chains_limits_and_registers_agree_with_one_byte_at_a_time)
{
    struct ms_memory *memory = test_memory_create();
    struct ref_pool *pool = ref_pool_create(0x800);
    const struct ms_sg_variant *variant;
    const char *more = getenv("MAPSTORM_TEST_SCALE");
    uint64_t cases = 4000 * (more ? strtoull(more, NULL, 10) : 1);

    for (uint32_t v = 0; (variant = ref_variant_at(v)) != NULL; v++)
        for (uint64_t seed = 1; seed <= cases; seed++)
            case_run(seed * 2654435761u + v, memory, pool, variant, seed % 4 == 0);
    free(pool);
    ms_memory_destroy(memory);
}
