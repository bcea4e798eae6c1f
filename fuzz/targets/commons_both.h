/* SPDX-License-Identifier: MIT */
/*
 * commons_both.h: what both drivers of commons_fuzz.c do beside one another: elements of one vector, adapters
 * that come and go. Part of that file: it uses its `c`.
 */
#ifndef FUZZ_COMMONS_BOTH_H
#define FUZZ_COMMONS_BOTH_H

/* Gives the own vector to both, for the rest of the execution. */
static void vector_share(uint32_t driver)
{
    struct vector *v = &c.vector[driver];
    void *none = NULL;

    if (!v->handle || ms_load_relaxed(&c.shared))
        return;
    for (uint32_t i = 0; i < v->count; i++) /* its elements are not whole for long */
        if (!v->of[i].address)
            return;
    PDMA_COMMON_BUFFER_VECTOR handle = v->handle;
    memset(v, 0, sizeof *v);
    /* hb:shared-vector, release; the other may have been faster: then this one is lost to both. */
    if (!ms_cas_acq_rel(&c.shared, &none, handle))
        ops_of(driver, 0)->FreeCommonBufferVector(c.adapter[driver][0], handle);
}

static void do_shared(uint32_t driver, const struct fuzz_op *op)
{
    PDMA_ADAPTER a = c.adapter[driver][0];
    uint32_t index = op->operand[0] % ELEMENTS_MAX;
    PHYSICAL_ADDRESS logical;
    PVOID address = NULL;

    if (op->operand[1] % 3 == 0) {
        vector_share(driver);
        return;
    }
    PDMA_COMMON_BUFFER_VECTOR handle = ms_load_acquire(&c.shared); /* hb:shared-vector */
    if (!handle)
        return;
    if (op->operand[1] % 3 == 1)
        ops_of(driver, 0)->FreeCommonBufferFromVector(a, handle, index); /* CBV-03 */
    ops_of(driver, 0)->GetCommonBufferFromVectorByIndex(a, handle, index, &address, &logical);
    if (address && op->operand[1] % 3 == 1)
        ms_sim_fail("O1 a freed element is still there", "%u of both", index); /* CBV-07 */
}

/* Opens an adapter more, or puts it. */
static void do_adapter(uint32_t driver, const struct fuzz_op *op)
{
    DEVICE_DESCRIPTION description = {
        .Version = DEVICE_DESCRIPTION_VERSION3,
        .Master = TRUE,
        .ScatterGather = TRUE,
        .InterfaceType = PCIBus,
        .MaximumLength = 4096,
        .DmaAddressWidth = op->operand[0] & 1 ? 0 : 64, /* IGA: 0 bits are none */
    };
    ULONG most;
    PDMA_ADAPTER was = c.extra[driver];

    if (was) {
        c.extra[driver] = NULL;
        was->DmaOperations->PutDmaAdapter(was);
        return;
    }
    PDMA_ADAPTER opened = ms_adapter_open(c.stage.dma, &c.stage.pdo, &description, &most);
    if (!opened && !(op->operand[0] & 1))
        ms_sim_fail("O7 an adapter that has room is not opened", "driver %u", driver);
    for (uint32_t d = 0; d < DRIVERS; d++)
        if (opened &&
            (opened == c.extra[d] || opened == c.adapter[d][0] || opened == c.adapter[d][1]))
            ms_sim_fail("O1 an adapter that another has is opened", "driver %u", driver);
    c.extra[driver] = opened;
}

#endif
