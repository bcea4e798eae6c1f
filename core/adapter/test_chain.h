/* SPDX-License-Identifier: MIT */
/*
 * test_chain.h: MDL chains for tests, over frames named one by one, and an independent view of their
 * bytes: k -> (frame, place), by counting, with no code of ours in between.
 */
#ifndef MS_ADAPTER_TEST_CHAIN_H
#define MS_ADAPTER_TEST_CHAIN_H

#include "adapter/test_fixture.h"

enum { CHAIN_MDLS_MAX = 8, CHAIN_PAGES_MAX = 16 };

/* A list that a driver makes by itself: SCATTER_GATHER_LIST with room behind it. */
struct own_list {
    ULONG elements;
    ULONG_PTR reserved;
    SCATTER_GATHER_ELEMENT of[8];
};
static_assert(offsetof(struct own_list, of) == sizeof(SCATTER_GATHER_LIST), "same layout");

static inline PSCATTER_GATHER_LIST list_of(struct own_list *own)
{
    return (PSCATTER_GATHER_LIST)(void *)own;
}

/* One MDL to be: its frames end at the first 0. */
struct chain_mdl {
    uint32_t offset, bytes;
    PFN_NUMBER pfn[CHAIN_PAGES_MAX];
};

struct chain {
    struct fixture *f;
    struct chain_mdl of[CHAIN_MDLS_MAX];
    PMDL mdl[CHAIN_MDLS_MAX];
    uint32_t mdls;
    uint32_t bytes;
};

/* Frames that several MDLs name are taken once. */
static inline void chain_make(struct chain *chain, struct fixture *f, const struct chain_mdl *of,
                              uint32_t mdls)
{
    *chain = (struct chain){.f = f, .mdls = mdls};
    for (uint32_t i = 0; i < mdls; i++) {
        chain->of[i] = of[i];
        chain->mdl[i] = ms_mdl_create(of[i].pfn, of[i].offset, of[i].bytes);
        assert_non_null(chain->mdl[i]);
        if (i > 0)
            chain->mdl[i - 1]->Next = chain->mdl[i];
        chain->bytes += of[i].bytes;
        for (uint32_t p = 0; p < CHAIN_PAGES_MAX && of[i].pfn[p]; p++)
            ms_frames_take_at(f->memory, of[i].pfn[p], 1);
    }
}

static inline void chain_end(struct chain *chain)
{
    for (uint32_t i = 0; i < chain->mdls; i++)
        IoFreeMdl(chain->mdl[i]);
}

/* Byte k of the chain; may run into the rest of the last page. */
static inline uint8_t *chain_byte(const struct chain *chain, uint32_t k)
{
    uint32_t i = 0;

    while (i + 1 < chain->mdls && k >= chain->of[i].bytes)
        k -= chain->of[i++].bytes;
    uint32_t place = chain->of[i].offset + k;
    return ms_memory_byte(chain->f->memory,
                          (ms_pa){chain->of[i].pfn[place / 4096] * 4096 + place % 4096});
}

static inline uint8_t chain_pattern(uint32_t k, uint32_t salt)
{
    return (uint8_t)(k * 7 + k / 251 + salt);
}

static inline void chain_fill(const struct chain *chain, uint32_t bytes, uint32_t salt)
{
    for (uint32_t k = 0; k < bytes; k++)
        *chain_byte(chain, k) = chain_pattern(k, salt);
}

/* The device reads the list: it must see exactly the chain's bytes [offset, offset + length). */
static inline void chain_check_device_reads(const struct chain *chain,
                                            const SCATTER_GATHER_LIST *list, uint32_t width,
                                            uint32_t offset, uint32_t length, uint32_t salt)
{
    struct ms_bus_master device;
    uint8_t *seen = malloc(length + 1);

    assert_non_null(seen);
    ms_bus_master_init(&device, chain->f->memory, width);
    struct ms_bus_master_result moved =
        ms_bus_master_fetch(&device, list, seen, (uint64_t)length + 1);
    assert_int_equal(moved.bytes, length);
    for (uint32_t k = 0; k < length; k++)
        assert_int_equal(seen[k], chain_pattern(offset + k, salt));
    free(seen);
}

/* The device writes through the list; the chain's bytes are looked at after the put. */
static inline void chain_device_writes(const struct chain *chain, const SCATTER_GATHER_LIST *list,
                                       uint32_t width, uint32_t offset, uint32_t length,
                                       uint32_t salt)
{
    struct ms_bus_master device;
    uint8_t *data = malloc(length);

    assert_non_null(data);
    for (uint32_t k = 0; k < length; k++)
        data[k] = chain_pattern(offset + k, salt);
    ms_bus_master_init(&device, chain->f->memory, width);
    assert_int_equal(ms_bus_master_store(&device, list, data, length).bytes, length);
    free(data);
}

/* Inside [offset, offset + length) the new pattern, outside the old one. */
static inline void chain_check(const struct chain *chain, uint32_t bytes, uint32_t offset,
                               uint32_t length, uint32_t inside, uint32_t outside)
{
    for (uint32_t k = 0; k < bytes; k++)
        assert_int_equal(*chain_byte(chain, k),
                         chain_pattern(k, k >= offset && k - offset < length ? inside : outside));
}

#endif
