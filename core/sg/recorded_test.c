/* SPDX-License-Identifier: MIT */
/*
 * recorded_test.c: every variant over the layouts that were recorded on running machines, and over
 * windows of them of which a 32-bit device reaches no page, half of them or all, against a loop over
 * pages that shares nothing with the builders; whole buffers byte for byte, at odd addresses too.
 */
#include "sg/test_reference.h"

#include <dirent.h>
#include <stdio.h>

enum {
    PAGES_MAX = 1024,
    WINDOW = REF_REGISTERS_MAX,
    LIST_BYTES = 16 + 24 * PAGES_MAX,
    SHIFTS = 9, /* of the list's address: MTX-15 */
};

static const uint32_t firsts[] = {0, 1, 0x123, 4095};

/* A list as bytes: what the device must be told about pages at these logical addresses, of which
 * bytes `first` to `end` are mapped (counted from the first page's start). */
struct plain {
    uint8_t bytes[LIST_BYTES];
    uint32_t elements;
    uint32_t covered; /* bytes */
};

static void plain_element(struct plain *plain, uint64_t address, uint64_t length)
{
    uint64_t words[3] = {address, length, 0}; /* MTX-39 */

    memcpy(plain->bytes + 16 + 24 * (size_t)plain->elements, words, sizeof(words));
    plain->elements++;
    plain->covered += (uint32_t)length;
}

static void plain_list(struct plain *plain, const uint64_t *page_la, uint32_t first, uint32_t end,
                       uint32_t slots)
{
    uint64_t address = 0, length = 0;

    memset(plain, 0xA5, sizeof(*plain));
    plain->elements = plain->covered = 0;
    for (uint32_t page = 0; page * 4096 < end && plain->elements < slots; page++) {
        uint32_t from = page == 0 ? first : 0;
        uint32_t to = end - page * 4096 < 4096 ? end - page * 4096 : 4096;
        uint64_t here = page_la[page] + from;

        if (length > 0 && address + length == here && here % (UINT64_C(1) << 32) != 0) {
            length += to - from; /* SGE-02, and SGE-05 */
            continue;
        }
        if (length > 0)
            plain_element(plain, address, length);
        address = here;
        length = to - from;
    }
    if (plain->elements < slots)
        plain_element(plain, address, length);
    uint64_t header[2] = {plain->elements, 0};
    memcpy(plain->bytes, header, sizeof(header));
}

/* A list buffer that ends `shift` bytes before memory does. */
struct buffer {
    uint8_t *reserved;
    uint8_t *end;
    struct plain want;
};

enum { BUFFER_RESERVED = 8 * 4096 + LIST_BYTES / 4096 * 4096 };

static struct buffer *buffer_create(void)
{
    struct buffer *b = calloc(1, sizeof(*b));

    assert_non_null(b);
    b->reserved = ms_reserve(BUFFER_RESERVED);
    assert_non_null(b->reserved);
    b->end = b->reserved + BUFFER_RESERVED - 4096;
    assert_true(ms_host_protect(b->end, 4096, false));
    return b;
}

static void buffer_destroy(struct buffer *b)
{
    ms_unreserve(b->reserved, BUFFER_RESERVED);
    free(b);
}

/* Maps bytes `first` to `end` of the chain's pages into exactly `slots` slots and compares all. */
static struct ms_sg_mapped map_check(struct buffer *b, const struct ms_sg_builder *builder,
                                     struct ms_sg_request request, const uint64_t *page_la,
                                     uint32_t first, uint32_t slots, uint32_t shift,
                                     const char *name)
{
    size_t bytes = 16 + 24 * (size_t)slots;
    uint8_t *list = b->end - bytes - shift;
    struct ms_sg_mapped mapped = {0};

    plain_list(&b->want, page_la, first, first + request.length, slots);
    memset(list - 8, 0xA5, bytes + shift + 8);
    assert_status(ms_sg_map(builder, &request, (SCATTER_GATHER_LIST *)(void *)list, slots, &mapped),
                  STATUS_SUCCESS);
    if (mapped.elements != b->want.elements || mapped.bytes != b->want.covered ||
        memcmp(list, b->want.bytes, 16 + 24 * (size_t)mapped.elements) != 0)
        fail_msg("%s, %s: from byte %u, %u slots, shift %u: wrong list", name,
                 ms_sg_variant_name(builder->variant), first, slots, shift);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(list[(int)i - 8], 0xA5);
    for (uint32_t i = 0; i < shift; i++)
        assert_int_equal(list[bytes + i], 0xA5); /* MTX-14 */
    return mapped;
}

/* --- the recorded layouts ------------------------------------------------------------------------
 */

typedef void layout_test(const struct ms_layout *layout, struct buffer *buffer);

static void layout_load(struct ms_layout *layout, const char *path)
{
    static char text[1 << 16];
    char error[200] = "";
    FILE *file = fopen(path, "rb");

    assert_non_null(file);
    size_t bytes = fread(text, 1, sizeof(text), file);
    assert_true(bytes < sizeof(text));
    fclose(file);
    if (!ms_layout_read(layout, text, bytes, error, sizeof(error)))
        fail_msg("%s: %s", path, error);
    assert_in_range(layout->pages, 1, PAGES_MAX);
}

static void each_layout(layout_test *test)
{
    struct buffer *buffer = buffer_create();
    DIR *folder = opendir(MS_TEST_LAYOUTS);
    uint32_t count = 0;

    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        const char *dot = strrchr(entry->d_name, '.');
        struct ms_layout layout;
        char path[1024];

        if (!dot || strcmp(dot, ".layout") != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", MS_TEST_LAYOUTS, entry->d_name);
        layout_load(&layout, path);
        test(&layout, buffer);
        ms_layout_clear(&layout);
        count++;
    }
    closedir(folder);
    assert_true(count >= 13); /* as many as were there when this was written */
    buffer_destroy(buffer);
}

/* The frames as recorded, beginning at `start`. */
static void frames_of(const struct ms_layout *layout, PFN_NUMBER start, PFN_NUMBER *pfn)
{
    PFN_NUMBER next = start;
    uint32_t page = 0;

    for (uint32_t r = 0; r < layout->run_count; r++) {
        if (r > 0)
            next += (PFN_NUMBER)layout->runs[r].gap_pages;
        for (uint64_t i = 0; i < layout->runs[r].pages; i++)
            pfn[page++] = next++;
    }
    assert_int_equal(page, layout->pages);
}

static void recorded(const struct ms_layout *layout, struct buffer *buffer)
{
    const PFN_NUMBER start = UINT64_C(1) << 36;
    uint32_t pages = (uint32_t)layout->pages;
    PFN_NUMBER pfn[PAGES_MAX];
    uint64_t la[PAGES_MAX];
    const struct ms_sg_variant *variant;

    for (uint32_t round = 0; round < SHIFTS; round++) {
        uint32_t first = firsts[round % 4];
        uint32_t bytes = pages * 4096 - first - (round % 3 ? round * 300 : 0);
        struct ref_chain chain = {.count = 0};

        frames_of(layout, start, pfn);
        if (round % 2) { /* a 4 GiB line between two pages of it, inside a run where there is one */
            PFN_NUMBER line = pfn[round * pages / SHIFTS] % 0x100000;
            frames_of(layout, start + 0x100000 - line, pfn);
        }
        for (uint32_t i = 0; i < pages; i++)
            la[i] = pfn[i] << 12;
        ref_chain_add(&chain, pfn, first, bytes);
        for (uint32_t v = 0; (variant = ref_variant_at(v)) != NULL; v++) {
            struct ms_sg_request request = {
                .at = {chain.mdl[0], 0}, .length = bytes, .registers = {.head = MS_REG_NONE}};
            struct ms_sg_builder builder;
            struct ms_sg_limits limits;

            ms_sg_limits_init(&limits, 64);
            ms_sg_builder_init(&builder, NULL, NULL, variant, &limits);
            /* Room for any list, exactly enough, one too few, half, one. */
            uint32_t all =
                map_check(buffer, &builder, request, la, first, pages, round, layout->name)
                    .elements;
            const uint32_t slots[] = {all, all - 1, all / 2, 1};
            for (uint32_t i = 0; i < 4; i++)
                if (slots[i] > 0)
                    map_check(buffer, &builder, request, la, first, slots[i], round, layout->name);
        }
        ref_chain_clear(&chain);
    }
}

MS_TEST(recorded_layouts_make_the_same_list_with_every_variant_at_any_address)
{
    each_layout(recorded);
}

/* --- a device that reaches some pages ------------------------------------------------------------
 */

enum reach { REACH_ALL, REACH_HALF, REACH_ODD, REACH_NONE, REACHES };

static bool is_in_reach(enum reach reach, uint32_t page, uint32_t pages)
{
    switch (reach) {
    case REACH_ALL:
        return true;
    case REACH_HALF:
        return page < pages / 2;
    case REACH_ODD:
        return page % 2;
    default:
        return false;
    }
}

static uint8_t mark_of(uint64_t byte)
{
    return (uint8_t)(byte * 7 + (byte >> 12) * 29 + 1);
}

struct reach_case {
    struct ms_memory *memory;
    struct ref_pool *pool;
    struct buffer *buffer;
    PFN_NUMBER pfn[WINDOW];
    uint64_t la[WINDOW];
    bool bounces[WINDOW];
    uint32_t pages;
    uint32_t bounced;
};

static uint8_t *byte_of(const struct reach_case *c, uint64_t byte, bool in_register)
{
    uint64_t page = byte / 4096;

    return in_register
               ? c->pool->pages + (c->la[page] - c->pool->pool.first_pfn * 4096) + byte % 4096
               : ms_memory_byte(c->memory, (ms_pa){(c->pfn[page] << 12) + byte % 4096});
}

/* All bytes around the edges of a page, some between. */
static uint64_t byte_next(uint64_t byte)
{
    uint64_t in_page = byte % 4096;

    return byte + (in_page < 8 || in_page >= 4064 ? 1 : 31);
}

/* Both ways, the bytes followed through (MRG-15, MRG-16). */
static void reach_map(struct reach_case *c, const struct ms_sg_builder *builder, MDL *mdl,
                      uint32_t first, uint32_t shift, const char *name)
{
    const uint32_t runs[1][2] = {{0, REF_REGISTERS_MAX}};
    uint32_t end = first + mdl->ByteCount;

    for (uint32_t way = 0; way < 2; way++) {
        struct ms_sg_request request = {
            .at = {mdl, 0},
            .length = mdl->ByteCount,
            .write_to_device = way == 0,
            .registers = ref_pool_set(c->pool, runs, 1),
        };

        for (uint64_t k = first; k < end; k = byte_next(k)) {
            *byte_of(c, k, false) = mark_of(k);
            if (c->bounces[k / 4096])
                *byte_of(c, k, true) = 0x77;
        }
        struct ms_sg_mapped mapped =
            map_check(c->buffer, builder, request, c->la, first, c->pages, shift, name);
        assert_int_equal(mapped.registers, c->bounced);
        for (uint64_t k = first; k < end; k = byte_next(k)) {
            uint8_t *shown = byte_of(c, k, c->bounces[k / 4096]);

            if (way == 0 || !c->bounces[k / 4096])
                assert_int_equal(*shown, mark_of(k));
            else
                assert_int_equal(*shown, 0);
            *shown = (uint8_t)~mark_of(k); /* the device answers */
        }
        if (way == 0)
            continue;
        ms_sg_copy_back(builder, &request, &mapped, mapped.bytes);
        for (uint64_t k = first; k < end; k = byte_next(k))
            assert_int_equal(*byte_of(c, k, false), (uint8_t)~mark_of(k));
    }
}

/* A window of the layout, its pages below and above 4 GiB as `reach` says. */
static void reach_make(struct reach_case *c, const struct ms_layout *layout, enum reach reach)
{
    PFN_NUMBER low[WINDOW], high[WINDOW];

    c->pages = layout->pages < WINDOW ? (uint32_t)layout->pages : WINDOW;
    assert_true(ms_layout_place(c->memory, layout, 0, c->pages, MS_ZONE_BELOW_4G, low));
    assert_true(ms_layout_place(c->memory, layout, 0, c->pages, MS_ZONE_ABOVE_4G, high));
    c->bounced = 0;
    for (uint32_t i = 0; i < c->pages; i++) {
        c->bounces[i] = !is_in_reach(reach, i, c->pages);
        c->pfn[i] = c->bounces[i] ? high[i] : low[i];
        c->la[i] = c->pfn[i] << 12;
        if (c->bounces[i])
            c->la[i] = (c->pool->pool.first_pfn + c->bounced++) << 12; /* MRG-18 */
    }
    ms_layout_unplace(c->memory, low, c->pages);
    ms_layout_unplace(c->memory, high, c->pages);
}

static void reaches(const struct ms_layout *layout, struct buffer *buffer)
{
    struct ms_memory_config config = ms_memory_config_default();
    struct reach_case c = {.memory = ms_memory_create(&config), .buffer = buffer};
    const struct ms_sg_variant *variant;

    c.pool = ref_pool_create(0x800);
    assert_non_null(c.memory);
    for (enum reach reach = REACH_ALL; reach < REACHES; reach++) {
        uint32_t first = firsts[(uint32_t)reach];
        struct ref_chain chain = {.count = 0};

        reach_make(&c, layout, reach);
        ref_chain_add(&chain, c.pfn, first, c.pages * 4096 - first - 77);
        for (uint32_t v = 0; (variant = ref_variant_at(v)) != NULL; v++) {
            struct ms_sg_builder builder;
            struct ms_sg_limits limits;

            ms_sg_limits_init(&limits, 32);
            ms_sg_builder_init(&builder, c.memory, &c.pool->pool, variant, &limits);
            reach_map(&c, &builder, chain.mdl[0], first, v * 3 + (uint32_t)reach, layout->name);
        }
        ref_chain_clear(&chain);
    }
    free(c.pool);
    ms_memory_destroy(c.memory);
}

MS_TEST(a_32_bit_device_that_reaches_no_page_half_of_them_or_all_sees_its_bytes)
{
    each_layout(reaches);
}

/* One page has a way of its own: the last byte in reach, the first out of it, and no memory at all. */
MS_TEST(one_page_bounces_from_the_first_byte_out_of_reach_and_only_if_it_is_ram)
{
    static const struct {
        PFN_NUMBER pfn;
        NTSTATUS status;
        uint32_t registers;
    } cases[] = {
        {0xFFF, STATUS_SUCCESS, 0},                  /* ends where the reach of 24 bits does */
        {0x1000, STATUS_SUCCESS, 1},                 /* begins there */
        {0xD0000, STATUS_INSUFFICIENT_RESOURCES, 0}, /* of a device: RAM ends at 3 GiB */
    };
    struct ms_memory_config config = ms_memory_config_default();
    struct ms_memory *memory = ms_memory_create(&config);
    struct ref_pool *pool = ref_pool_create(0x800);
    const uint32_t runs[1][2] = {{3, 1}};
    struct ms_sg_builder builder;
    struct ms_sg_limits limits;

    assert_non_null(memory);
    ms_sg_limits_init(&limits, 24);
    ms_sg_builder_init(&builder, memory, &pool->pool, ref_variant_at(0), &limits);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t list[5] = {0};
        struct ref_chain chain = {.count = 0};
        struct ms_sg_mapped mapped = {0};

        ref_chain_add(&chain, &cases[i].pfn, 0, 4096);
        struct ms_sg_request request = {
            .at = {chain.mdl[0], 0}, .length = 4096, .registers = ref_pool_set(pool, runs, 1)};
        assert_status(
            ms_sg_map(&builder, &request, (SCATTER_GATHER_LIST *)(void *)list, 1, &mapped),
            cases[i].status);
        assert_int_equal(mapped.registers, cases[i].registers); /* MRG-14 */
        if (NT_SUCCESS(cases[i].status))
            assert_int_equal(list[2], (cases[i].registers ? 0x803 : cases[i].pfn) << 12);
        ref_chain_clear(&chain);
    }
    free(pool);
    ms_memory_destroy(memory);
}
