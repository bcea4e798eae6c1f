/* SPDX-License-Identifier: MIT */
/*
 * test_lists.h: what the tests of the list family share: a driver's routine that notes what it was given, an
 * adapter with a chain, and an end at which nothing may be out.
 */
#ifndef MS_ADAPTER_TEST_LISTS_H
#define MS_ADAPTER_TEST_LISTS_H

#include "adapter/test_chain.h"

enum { ROOM = 4096, FAR = 0x100000 }; /* FAR: frames from 4 GiB on */

static const struct chain_mdl two_mdls[] = {
    {0x123, 0x1800, {0x1010, 0x1011}},
    {0x800, 0x1000, {0x2000, 0x2005}},
};
/* Its second and third page are out of a 32-bit device's reach. */
static const struct chain_mdl far_mdls[] = {
    {0x800, 0x2000, {0x3000, FAR + 7, FAR + 9}},
    {0x010, 0x0F00, {0x3001}},
};

/* What a list routine saw, and what it shall do. */
struct seen {
    struct fixture *f;
    PDMA_ADAPTER adapter;
    PSCATTER_GATHER_LIST list;
    PIRP irp;
    int calls;
    int order;
    int *counter;
    KIRQL irql;
    bool put_inside;
    BOOLEAN write;
    void (*inside)(struct seen *seen);
    struct context context;
    struct chain *chain;
};

static inline void list_routine(PDEVICE_OBJECT device, PIRP irp, PSCATTER_GATHER_LIST list,
                                PVOID context)
{
    struct seen *seen = context;

    assert_ptr_equal(device, &seen->f->pdo);
    seen->calls++;
    seen->list = list;
    seen->irp = irp;
    seen->irql = KeGetCurrentIrql();
    if (seen->counter)
        seen->order = ++*seen->counter;
    if (seen->inside)
        seen->inside(seen);
    if (seen->put_inside)
        seen->adapter->DmaOperations->PutScatterGatherList(seen->adapter, list, seen->write);
}

/* A bus master has no completions: nobody calls this. */
static inline VOID never(PDMA_ADAPTER adapter, PDEVICE_OBJECT device, PVOID context,
                         DMA_COMPLETION_STATUS status)
{
    (void)adapter, (void)device, (void)context, (void)status;
    fail_msg("a completion routine of a list was called");
}

static inline NTSTATUS get_ex(struct seen *seen, ULONG offset, ULONG length, ULONG flags,
                              bool routine, PSCATTER_GATHER_LIST *out)
{
    return seen->adapter->DmaOperations->GetScatterGatherListEx(
        seen->adapter, &seen->f->pdo, &seen->context, seen->chain->mdl[0], offset, length, flags,
        routine ? list_routine : NULL, seen, seen->write, never, seen, out); /* SGX-07 */
}

static inline NTSTATUS build_ex(struct seen *seen, ULONG offset, ULONG length, ULONG flags,
                                bool routine, void *buffer, ULONG bytes, PSCATTER_GATHER_LIST *out)
{
    return seen->adapter->DmaOperations->BuildScatterGatherListEx(
        seen->adapter, &seen->f->pdo, &seen->context, seen->chain->mdl[0], offset, length, flags,
        routine ? list_routine : NULL, seen, seen->write, buffer, bytes, NULL, NULL, out);
}

static inline void put(struct seen *seen)
{
    seen->adapter->DmaOperations->PutScatterGatherList(seen->adapter, seen->list, seen->write);
}

static inline void nothing_is_out(struct fixture *f)
{
    assert_int_equal(ms_dma_grants_used(f->dma), 0);
    assert_true(ms_dma_audit(f->dma));
}

/* A fixture, an adapter, a chain and a driver to be. */
struct scene {
    struct fixture f;
    struct chain chain;
    struct seen seen;
};

static inline void scene_open(struct scene *scene, enum kind kind, const struct chain_mdl *of,
                              uint32_t mdls)
{
    memset(scene, 0, sizeof *scene);
    fixture_open(&scene->f);
    chain_make(&scene->chain, &scene->f, of, mdls);
    scene->seen = (struct seen){
        .f = &scene->f,
        .adapter = adapter_get(&scene->f, kind, NULL),
        .chain = &scene->chain,
        .write = TRUE,
    };
    context_make(scene->seen.adapter, &scene->seen.context);
}

static inline void scene_close(struct scene *scene)
{
    nothing_is_out(&scene->f);
    scene->seen.adapter->DmaOperations->PutDmaAdapter(scene->seen.adapter);
    chain_end(&scene->chain);
    fixture_close(&scene->f);
}

static inline uint32_t width_of_kind(enum kind kind)
{
    return description_of(kind).DmaAddressWidth;
}

#endif
