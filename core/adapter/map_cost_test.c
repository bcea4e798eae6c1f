/* SPDX-License-Identifier: MIT */
/*
 * map_cost_test.c: a direct map and its flush keep all they have to remember in the first cache line of the
 * grant: everything else of the DMA part, adapters and other grants too, is byte for byte what it was.
 * (map_cost_sim.c counts the locked instructions.)
 */
#include "adapter/grant.h"
#include "adapter/test_chain.h"

static uint8_t *copy_of(const void *memory, size_t bytes)
{
    uint8_t *copy = malloc(bytes);

    assert_non_null(copy);
    memcpy(copy, memory, bytes);
    return copy;
}

/* MTX-51 */
MS_TEST(a_direct_map_and_its_flush_write_one_cache_line_of_the_grant_and_nothing_else)
{
    static const PFN_NUMBER pfn[] = {0x140000, 0x140002, 0x140003, 0x140009};
    static const ULONG lengths[] = {1, 4096, 4 * 4096};
    struct fixture f;
    char list[16 + 24 * 4];
    PVOID base;

    fixture_open(&f);
    PDMA_ADAPTER adapter = adapter_get(&f, SG64, NULL);
    PMDL mdl = ms_mdl_create(pfn, 0, sizeof pfn / sizeof *pfn * 4096);
    assert_non_null(mdl);
    assert_status(grant_sync(&f, adapter, 4, &base), STATUS_SUCCESS);
    struct ms_grant *grant = ms_grant_find(ms_adapter_from(adapter), base);
    assert_non_null(grant);

    size_t grants_bytes = f.dma->config.grants * sizeof *f.dma->grants;
    uint8_t *dma = copy_of(f.dma, sizeof *f.dma);
    uint8_t *grants = copy_of(f.dma->grants, grants_bytes);
    size_t line = (size_t)((uint8_t *)grant - (uint8_t *)f.dma->grants);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        ULONG length = lengths[i];

        assert_status(adapter->DmaOperations->MapTransferEx(adapter, mdl, base, 0, 0, &length, TRUE,
                                                            (PSCATTER_GATHER_LIST)(void *)list,
                                                            sizeof list, NULL, NULL),
                      STATUS_SUCCESS);
        assert_status(
            adapter->DmaOperations->FlushAdapterBuffersEx(adapter, mdl, base, 0, length, TRUE),
            STATUS_SUCCESS);
        assert_memory_equal(f.dma, dma, sizeof *f.dma);
        memcpy(grants + line, grant, MS_CACHE_LINE); /* the one line that may differ */
        assert_memory_equal(f.dma->grants, grants, grants_bytes);
    }
    free(dma);
    free(grants);
    adapter->DmaOperations->FreeAdapterChannel(adapter);
    IoFreeMdl(mdl);
    adapter->DmaOperations->PutDmaAdapter(adapter);
    fixture_close(&f);
}
