/* SPDX-License-Identifier: MIT */
/*
 * examples_test.c: the worked examples of the contract (EXM-*) and cases like them as data: limits,
 * chain and request in, elements out; every line runs with every variant this processor has.
 */
#include "sg/test_reference.h"

#define KIB  UINT64_C(1024)
#define MIB  (1024 * KIB)
#define GIB  (1024 * MIB)
#define PAGE UINT64_C(4096)
#define PFNS(...)                                                                                  \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define BOUNCED(n, o) ((REGISTERS_FIRST_PFN + (n)) * PAGE + (o))

enum { REGISTERS_FIRST_PFN = 0x800, EXAMPLE_MDLS = 4, EXAMPLE_PFNS = 8, EXAMPLE_ELEMENTS = 8 };

struct example_mdl {
    uint32_t byte_offset;
    uint32_t bytes;
    PFN_NUMBER pfn[EXAMPLE_PFNS];
};

struct example {
    const char *name;
    struct ms_sg_limits limits; /* zero members: the defaults */
    struct example_mdl mdl[EXAMPLE_MDLS];
    uint64_t offset;
    uint32_t length;
    uint32_t slots;     /* 0: plenty */
    uint32_t registers; /* granted, one run from register 0 on */
    NTSTATUS status;
    uint32_t registers_used;
    struct {
        uint64_t address;
        uint32_t bytes;
    } want[EXAMPLE_ELEMENTS]; /* up to the first of 0 bytes */
};

static const struct example examples[] = {
    {.name = "EXM-01 neighbours join, a break separates (SGE-02)",
     .mdl = {{0x123, 0x2000, PFNS(0x10, 0x11, 0x20)}},
     .length = 0x2000,
     .want = {{0x10123, 0x1EDD}, {0x20000, 0x123}}},
    {.name = "EXM-02 a list of one slot takes one element (MTX-12)",
     .mdl = {{0x123, 0x2000, PFNS(0x10, 0x11, 0x20)}},
     .length = 0x2000,
     .slots = 1,
     .want = {{0x10123, 0x1EDD}}},
    {.name = "EXM-02 and the next call the rest (MTX-31)",
     .mdl = {{0x123, 0x2000, PFNS(0x10, 0x11, 0x20)}},
     .offset = 0x1EDD,
     .length = 0x123,
     .slots = 1,
     .want = {{0x20000, 0x123}}},
    {.name = "EXM-04 adjacent MDLs stay apart (SGE-03)",
     .mdl = {{0x800, 0x800, PFNS(0x30)}, {0, 0x1000, PFNS(0x31)}},
     .length = 0x1800,
     .want = {{0x30800, 0x800}, {0x31000, 0x1000}}},
    {.name = "EXM-04 with merging they join (SGE-03)",
     .limits = {.merge_mdls = true},
     .mdl = {{0x800, 0x800, PFNS(0x30)}, {0, 0x1000, PFNS(0x31)}},
     .length = 0x1800,
     .want = {{0x30800, 0x1800}}},
    {.name = "EXM-05 an offset behind the first MDL (MTX-04)",
     .mdl = {{0x800, 0x800, PFNS(0x30)}, {0, 0x1000, PFNS(0x31)}},
     .offset = 0x900,
     .length = 0xF00,
     .want = {{0x31100, 0xF00}}},
    {.name = "EXM-06 an offset at the end (MTX-06)",
     .mdl = {{0x800, 0x800, PFNS(0x30)}, {0, 0x1000, PFNS(0x31)}},
     .offset = 0x1800,
     .length = 1,
     .status = STATUS_INVALID_PARAMETER},
    {.name = "EXM-06 a length past the end (MTX-06)",
     .mdl = {{0x800, 0x800, PFNS(0x30)}, {0, 0x1000, PFNS(0x31)}},
     .offset = 0x1700,
     .length = 0x101,
     .status = STATUS_INVALID_PARAMETER},
    {.name = "the highest offset there is (MTX-06, in 64 bits)",
     .mdl = {{0x800, 0x800, PFNS(0x30)}},
     .offset = UINT64_MAX,
     .length = 1,
     .status = STATUS_INVALID_PARAMETER},
    {.name = "the greatest length there is (MTX-06, in 64 bits)",
     .mdl = {{0x800, 0x800, PFNS(0x30)}},
     .offset = 0x7FF,
     .length = UINT32_MAX,
     .status = STATUS_INVALID_PARAMETER},
    {.name = "a length past the end behind a full list (MTX-59)",
     .mdl = {{0x800, 0x800, PFNS(0x30)}, {0, 0x1000, PFNS(0x31)}},
     .length = 0x1801,
     .slots = 1,
     .status = STATUS_INVALID_PARAMETER},
    {.name = "EXM-07 a packet adapter bounces the whole part (MTX-35, MRG-18)",
     .limits = {.contiguous = true},
     .mdl = {{0x123, 0x2000, PFNS(0x10, 0x11, 0x20)}},
     .length = 0x2000,
     .registers = 3,
     .registers_used = 3,
     .want = {{BOUNCED(0, 0x123), 0x2000}}},
    {.name = "EXM-08 two registers hold less (MRG-13)",
     .limits = {.contiguous = true},
     .mdl = {{0x123, 0x2000, PFNS(0x10, 0x11, 0x20)}},
     .length = 0x2000,
     .registers = 2,
     .registers_used = 2,
     .want = {{BOUNCED(0, 0x123), 0x1EDD}}},
    {.name = "EXM-09 a packet list of one slot takes the first MDL (MTX-34)",
     .limits = {.contiguous = true},
     .mdl = {{0x800, 0x800, PFNS(0x30)}, {0, 0x1000, PFNS(0x31)}},
     .length = 0x1800,
     .slots = 1,
     .want = {{0x30800, 0x800}}},
    {.name = "a block that runs over the end of all addresses is out of reach (MTX-35)",
     .limits = {.contiguous = true, .reach_last = 4 * GIB - 1, .element_bytes_max = 0x1000},
     .mdl = {{0, 0x2000, PFNS(UINT64_MAX, 0)}},
     .length = 0x2000,
     .status = STATUS_INSUFFICIENT_RESOURCES},
    {.name = "one element per MDL of a packet chain (MTX-34)",
     .limits = {.contiguous = true},
     .mdl = {{0x800, 0x800, PFNS(0x30)}, {0, 0x2000, PFNS(0x31, 0x40)}, {8, 8, PFNS(0x50)}},
     .length = 0x2808,
     .registers = 2,
     .registers_used = 2,
     .want = {{0x30800, 0x800}, {BOUNCED(0, 0), 0x2000}, {0x50008, 8}}},
    {.name = "system DMA without scatter/gather maps the first part only (MTX-37)",
     .limits = {.contiguous = true, .single_part = true},
     .mdl = {{0x800, 0x800, PFNS(0x30)}, {0, 0x1000, PFNS(0x31)}},
     .length = 0x1800,
     .want = {{0x30800, 0x800}}},
    {.name = "EXM-10 a page out of reach bounces, its neighbours do not (MRG-14)",
     .limits = {.reach_last = 4 * GIB - 1},
     .mdl = {{0, 0x3000, PFNS(0x10, 0x100010, 0x11)}},
     .length = 0x3000,
     .registers = 1,
     .registers_used = 1,
     .want = {{0x10000, 0x1000}, {BOUNCED(0, 0), 0x1000}, {0x11000, 0x1000}}},
    {.name = "EXM-11 without registers the list ends before the page (MTX-32)",
     .limits = {.reach_last = 4 * GIB - 1},
     .mdl = {{0, 0x3000, PFNS(0x10, 0x100010, 0x11)}},
     .length = 0x3000,
     .want = {{0x10000, 0x1000}}},
    {.name = "EXM-11 and the next call has nothing to give (MTX-30)",
     .limits = {.reach_last = 4 * GIB - 1},
     .mdl = {{0, 0x3000, PFNS(0x10, 0x100010, 0x11)}},
     .offset = 0x1000,
     .length = 0x2000,
     .status = STATUS_INSUFFICIENT_RESOURCES},
    {.name = "EXM-12 no element crosses 4 GiB (SGE-05)",
     .mdl = {{0, 0x2000, PFNS(0xFFFFF, 0x100000)}},
     .length = 0x2000,
     .want = {{0xFFFFF000, 0x1000}, {0x100000000, 0x1000}}},
    {.name = "an element may end exactly at 4 GiB (SGE-05)",
     .limits = {.reach_last = 4 * GIB - 1},
     .mdl = {{0, 0x2000, PFNS(0xFFFFE, 0xFFFFF)}},
     .length = 0x2000,
     .want = {{0xFFFFE000, 0x2000}}},
    {.name = "a page out of reach bounces, its neighbour does not",
     .limits = {.reach_last = 16 * MIB - 1},
     .mdl = {{0, 2 * PAGE, PFNS(4095, 4096)}},
     .length = 2 * PAGE,
     .registers = 1,
     .registers_used = 1,
     .want = {{4095 * PAGE, PAGE}, {BOUNCED(0, 0), PAGE}}},
    {.name = "neighbouring registers make one element (SGE-04)",
     .limits = {.reach_last = 4 * GIB - 1},
     .mdl = {{0x10, 0x2000, PFNS(0x100010, 0x100030, 0x100020)}},
     .length = 0x2000,
     .registers = 3,
     .registers_used = 3,
     .want = {{BOUNCED(0, 0x10), 0x2000}}},
    {.name = "a direct page and a register next to it make one element (SGE-04)",
     .limits = {.reach_last = 4 * GIB - 1},
     .mdl = {{0, 0x2000, PFNS(REGISTERS_FIRST_PFN - 1, 0x100030)}},
     .length = 0x2000,
     .registers = 1,
     .registers_used = 1,
     .want = {{(REGISTERS_FIRST_PFN - 1) * PAGE, 0x2000}}},
    {.name = "with translate all every page takes a register (MRG-14)",
     .limits = {.translate_all = true},
     .mdl = {{0xFFF, 2, PFNS(0x10, 0x11)}},
     .length = 2,
     .registers = 2,
     .registers_used = 2,
     .want = {{BOUNCED(0, 0xFFF), 2}}},
    {.name = "a looped transfer never bounces (MTX-61)",
     .limits = {.reach_last = 4 * GIB - 1, .never_bounce = true},
     .mdl = {{0, 0x2000, PFNS(0x10, 0x100010)}},
     .length = 0x2000,
     .registers = 2,
     .status = STATUS_INSUFFICIENT_RESOURCES},
    {.name = "a looped transfer without scatter/gather must be contiguous (MTX-61)",
     .limits = {.contiguous = true, .never_bounce = true},
     .mdl = {{0, 0x2000, PFNS(0x10, 0x20)}},
     .length = 0x2000,
     .registers = 2,
     .status = STATUS_INSUFFICIENT_RESOURCES},
    {.name = "a 64 KiB boundary cuts a run (SGE-06)",
     .limits = {.boundary = 64 * KIB},
     .mdl = {{0x800, 0x2000, PFNS(0xF, 0x10, 0x11)}},
     .length = 0x2000,
     .want = {{0xF800, 0x800}, {0x10000, 0x1800}}},
    {.name = "a longest element cuts a run (SGE-06)",
     .limits = {.element_bytes_max = 0x1800},
     .mdl = {{0, 0x4000, PFNS(0x10, 0x11, 0x12, 0x13)}},
     .length = 0x4000,
     .want = {{0x10000, 0x1800}, {0x11800, 0x1800}, {0x13000, 0x1000}}},
    {.name = "a unit shortens the last element (SGE-09, MTX-32)",
     .limits = {.unit = 4},
     .mdl = {{0, 0x1003, PFNS(0x10, 0x11)}},
     .length = 0x1003,
     .want = {{0x10000, 0x1000}}},
    {.name = "a break inside a unit ends the list before it (SGE-09)",
     .limits = {.unit = 4},
     .mdl = {{2, 0x2000, PFNS(0x10, 0x20, 0x30)}},
     .length = 0x2000,
     .want = {{0x10002, 0xFFC}}},
    {.name = "a break inside the first unit leaves nothing (MTX-30)",
     .limits = {.unit = 4},
     .mdl = {{0xFFE, 0x1000, PFNS(0x10, 0x20)}},
     .length = 0x1000,
     .status = STATUS_INVALID_PARAMETER},
    {.name = "empty MDLs are skipped wherever they are (MTX-23)",
     .mdl = {{0, 0, PFNS(0)}, {0x10, 0x20, PFNS(0x30)}, {0, 0, PFNS(0)}, {0, 0x10, PFNS(0x40)}},
     .length = 0x30,
     .want = {{0x30010, 0x20}, {0x40000, 0x10}}},
    {.name = "frame 0 and address 0 are places like others",
     .limits = {.merge_mdls = true},
     .mdl = {{0, 0x1000, PFNS(0)}, {0, 0x1000, PFNS(1)}, {0, 0x1000, PFNS(0)}},
     .length = 0x3000,
     .want = {{0, 0x2000}, {0, 0x1000}}},
    {.name = "the same page twice and descending pages are breaks",
     .mdl = {{0, 0x4000, PFNS(7, 7, 6, 5)}},
     .length = 0x4000,
     .want = {{7 * PAGE, PAGE}, {7 * PAGE, PAGE}, {6 * PAGE, PAGE}, {5 * PAGE, PAGE}}},
    {.name = "header and payload in one page join when merging is on",
     .limits = {.merge_mdls = true},
     .mdl = {{0x100, 54, PFNS(9)}, {0x136, 1460, PFNS(9)}, {0x136, 10, PFNS(9)}},
     .length = 54 + 1460 + 10,
     .want = {{0x9100, 54 + 1460}, {0x9136, 10}}},
    {.name = "frame numbers need 40 bits",
     .mdl = {{0x10, 0x2000, PFNS(0xFFFFFFFFFE, 0xFFFFFFFFFF, 0x10)}},
     .length = 0x2000,
     .want = {{0xFFFFFFFFFE010, 0x1FF0}, {0x10000, 0x10}}},
};

static struct ms_sg_limits example_limits(const struct example *e)
{
    struct ms_sg_limits limits;

    ms_sg_limits_init(&limits, 64);
    limits.contiguous = e->limits.contiguous;
    limits.single_part = e->limits.single_part;
    limits.merge_mdls = e->limits.merge_mdls;
    limits.translate_all = e->limits.translate_all;
    limits.never_bounce = e->limits.never_bounce;
    if (e->limits.reach_last != 0)
        limits.reach_last = e->limits.reach_last;
    if (e->limits.boundary != 0)
        limits.boundary = e->limits.boundary;
    if (e->limits.element_bytes_max != 0)
        limits.element_bytes_max = e->limits.element_bytes_max;
    if (e->limits.unit != 0)
        limits.unit = e->limits.unit;
    return limits;
}

static void example_check(const struct example *e, const SCATTER_GATHER_LIST *list,
                          const struct ms_sg_mapped *mapped)
{
    uint64_t sum = 0;
    uint32_t count = 0;

    for (; count < EXAMPLE_ELEMENTS && e->want[count].bytes > 0; count++) {
        const SCATTER_GATHER_ELEMENT *element = &list->Elements[count];
        sum += e->want[count].bytes;
        if (count >= list->NumberOfElements)
            break;
        if ((uint64_t)element->Address.QuadPart != e->want[count].address ||
            element->Length != e->want[count].bytes || element->Reserved != 0)
            fail_msg("%s: element %u is {%llx, %x}, wanted {%llx, %x}", e->name, count,
                     (unsigned long long)element->Address.QuadPart, element->Length,
                     (unsigned long long)e->want[count].address, e->want[count].bytes);
    }
    if (list->NumberOfElements != count)
        fail_msg("%s: %u elements, wanted %u", e->name, list->NumberOfElements, count);
    assert_int_equal(list->Reserved, 0);
    assert_int_equal(mapped->elements, count);
    if (mapped->bytes != sum) /* MTX-27 */
        fail_msg("%s: %u bytes, wanted %llu", e->name, mapped->bytes, (unsigned long long)sum);
    if (mapped->registers != e->registers_used)
        fail_msg("%s: %u registers, wanted %u", e->name, mapped->registers, e->registers_used);
}

static void example_run(const struct example *e, const struct ms_memory *memory,
                        struct ref_pool *pool, const struct ms_sg_variant *variant)
{
    const uint32_t runs[1][2] = {{0, e->registers}};
    struct ms_sg_limits limits = example_limits(e);
    struct ref_chain chain = {.count = 0};
    struct ms_sg_builder builder;
    struct ms_sg_mapped mapped = {77, 77, 77};
    union {
        SCATTER_GATHER_LIST list;
        uint8_t bytes[16 + 24 * 16];
    } buffer;

    for (uint32_t i = 0; i < EXAMPLE_MDLS; i++)
        if (e->mdl[i].bytes > 0 || (i + 1 < EXAMPLE_MDLS && e->mdl[i + 1].bytes > 0))
            ref_chain_add(&chain, e->mdl[i].pfn, e->mdl[i].byte_offset, e->mdl[i].bytes);
    memset(&buffer, 0xA5, sizeof(buffer));
    ms_sg_builder_init(&builder, memory, &pool->pool, variant, &limits);

    struct ms_sg_request request = {
        .at = {chain.mdl[0], 0},
        .offset = e->offset,
        .length = e->length,
        .registers = ref_pool_set(pool, runs, e->registers > 0 ? 1 : 0),
    };
    struct ms_mdl_cursor before = request.at;
    NTSTATUS status =
        ms_sg_map(&builder, &request, &buffer.list, e->slots ? e->slots : 16, &mapped);

    if (status != e->status)
        fail_msg("%s: status 0x%08X, wanted 0x%08X", e->name, (unsigned)status,
                 (unsigned)e->status);
    if (NT_SUCCESS(status)) {
        example_check(e, &buffer.list, &mapped);
        assert_true(request.at.base <= e->offset + mapped.bytes - 1);
    } else { /* MTX-57 */
        assert_int_equal(buffer.list.NumberOfElements, 0xA5A5A5A5u);
        assert_int_equal(mapped.bytes, 77);
        assert_ptr_equal(request.at.mdl, before.mdl);
    }
    ref_chain_clear(&chain);
}

MS_TEST(the_worked_examples_of_the_contract_come_out_as_written)
{
    struct ms_memory_config config = ms_memory_config_default();
    struct ms_memory *memory = ms_memory_create(&config);
    struct ref_pool *pool = ref_pool_create(REGISTERS_FIRST_PFN);
    const struct ms_sg_variant *variant;

    assert_non_null(memory);
    for (uint32_t v = 0; (variant = ref_variant_at(v)) != NULL; v++)
        for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
            example_run(&examples[i], memory, pool, variant);
    free(pool);
    ms_memory_destroy(memory);
}
