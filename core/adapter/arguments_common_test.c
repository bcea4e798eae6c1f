/* SPDX-License-Identifier: MIT */
/*
 * Rows of arguments_test.c, common buffers, vectors and domains: for each routine its good call and what can be wrong with each
 * argument, in the order in which the routine looks (the first flaw decides the status).
 */
#include "adapter/test_arguments.h"

static NTSTATUS common_old(struct rig *rig, struct args *a)
{
    rig->held = rig->ops->AllocateCommonBuffer(a->adapter, a->length, a->logical_out, TRUE);
    return got(rig->held != NULL);
}

static NTSTATUS common_ex(struct rig *rig, struct args *a)
{
    rig->held = rig->ops->AllocateCommonBufferEx(a->adapter, a->maximum, a->length, a->logical_out,
                                                 TRUE, 0);
    return got(rig->held != NULL);
}

static NTSTATUS common_bounds(struct rig *rig, struct args *a)
{
    rig->held = rig->ops->AllocateCommonBufferWithBounds(
        a->adapter, a->minimum, a->maximum, a->length, a->flags, a->cache_at, 0, a->logical_out);
    return got(rig->held != NULL);
}

static void no_flags(struct rig *rig, struct args *a)
{
    (void)rig;
    a->flags = 0;
}

static void free_common(struct rig *rig, struct args *a)
{
    rig->ops->FreeCommonBuffer(a->adapter, a->length, rig->outs.logical, rig->held, TRUE);
}

static NTSTATUS common_domain(struct rig *rig, struct args *a)
{
    return rig->ops->AllocateDomainCommonBuffer(a->adapter, a->domain, a->maximum, a->length,
                                                a->flags, a->cache_at, 0, a->logical_out,
                                                a->address_out);
}

static void free_domain(struct rig *rig, struct args *a)
{
    rig->ops->FreeCommonBuffer(a->adapter, a->length, rig->outs.logical, rig->outs.address, TRUE);
}

static void with_common(struct rig *rig, struct args *a)
{
    a->va = rig->ops->AllocateCommonBuffer(a->adapter, a->length, &a->logical, TRUE);
    assert_non_null(a->va);
}

/* The void routines: the state tells what they did. */
static NTSTATUS free_given(struct rig *rig, struct args *a)
{
    rig->ops->FreeCommonBuffer(a->adapter, a->length, a->logical, a->va, TRUE);
    return STATUS_SUCCESS;
}

static NTSTATUS vector_make(struct rig *rig, struct args *a)
{
    return rig->ops->AllocateCommonBufferVector(a->adapter, a->low, a->high, a->cache, 0, a->flags,
                                                a->elements, a->element_bytes, a->vector_out);
}

static void vector_free(struct rig *rig, struct args *a)
{
    for (ULONG i = 0; i < a->elements; i++)
        rig->ops->FreeCommonBufferFromVector(a->adapter, rig->outs.vector, i);
    rig->ops->FreeCommonBufferVector(a->adapter, rig->outs.vector);
}

static void with_vector(struct rig *rig, struct args *a)
{
    PDMA_COMMON_BUFFER_VECTOR vector;

    no_flags(rig, a);
    assert_status(rig->ops->AllocateCommonBufferVector(a->adapter, a->low, a->high, a->cache, 0, 0,
                                                       a->elements, a->element_bytes, &vector),
                  STATUS_SUCCESS);
    a->vector = vector;
    rig->held = vector;
}

static void drop_vector(struct rig *rig, struct args *a)
{
    rig->ops->FreeCommonBufferVector(a->adapter, rig->held);
}

static NTSTATUS vector_get(struct rig *rig, struct args *a)
{
    rig->ops->GetCommonBufferFromVectorByIndex(a->adapter, a->vector, a->index, a->address_out,
                                               a->logical_out);
    return STATUS_SUCCESS;
}

static NTSTATUS vector_drop_one(struct rig *rig, struct args *a)
{
    rig->ops->FreeCommonBufferFromVector(a->adapter, a->vector, a->index);
    return STATUS_SUCCESS;
}

static NTSTATUS vector_drop(struct rig *rig, struct args *a)
{
    rig->ops->FreeCommonBufferVector(a->adapter, a->vector);
    return STATUS_SUCCESS;
}

static NTSTATUS common_from_mdl(struct rig *rig, struct args *a)
{
    return rig->ops->CreateCommonBufferFromMdl(a->adapter, a->mdl, a->config, a->configs,
                                               a->logical_out);
}

static void take_aligned(struct rig *rig, struct args *a)
{
    a->mdl = rig->aligned;
}

static void take_config(struct rig *rig, struct args *a)
{
    a->mdl = rig->aligned;
    a->config = &rig->good_config;
    a->configs = 1;
}

static void free_from_mdl(struct rig *rig, struct args *a)
{
    rig->ops->FreeCommonBuffer(a->adapter, 0x2000, rig->outs.logical, rig->aligned_at, TRUE);
}

static NTSTATUS flush_dma(struct rig *rig, struct args *a)
{
    return rig->ops->FlushDmaBuffer(a->adapter, a->mdl, TRUE);
}

static NTSTATUS join(struct rig *rig, struct args *a)
{
    return rig->ops->JoinDmaDomain(a->adapter, a->domain);
}

static NTSTATUS leave(struct rig *rig, struct args *a)
{
    return rig->ops->LeaveDmaDomain(a->adapter);
}

static NTSTATUS domain(struct rig *rig, struct args *a)
{
    return got(rig->ops->GetDmaDomain(a->adapter) != NULL);
}

const struct routine argument_rows_common[] = {
    {
        .name = "AllocateCommonBuffer", /* CBF-11 */
        .call = common_old,
        .undo = free_common,
        .shortage = NOTHING_GOT,
        .flaws = {FLAW(length, 0, NOTHING_GOT), FLAW(logical_out, 0, NOTHING_GOT)},
    },
    {
        .name = "AllocateCommonBufferEx", /* CBF-07, CBF-11 */
        .call = common_ex,
        .undo = free_common,
        .shortage = NOTHING_GOT,
        .flaws = {FLAW(length, 0, NOTHING_GOT), FLAW(logical_out, 0, NOTHING_GOT),
                  FLAW(maximum, LOW_LIMIT, NOTHING_GOT)},
    },
    {
        .name = "AllocateCommonBufferWithBounds", /* CBF-08, CBF-09, CBF-11 */
        .prepare = no_flags,
        .call = common_bounds,
        .undo = free_common,
        .shortage = NOTHING_GOT,
        .flaws = {FLAW(length, 0, NOTHING_GOT), FLAW(logical_out, 0, NOTHING_GOT),
                  FLAW(flags, 2, NOTHING_GOT), FLAW(cache_at, COMBINED_CACHE, NOTHING_GOT),
                  FLAW(maximum, LOW_LIMIT, NOTHING_GOT), FLAW(minimum, ABOVE_REACH, NOTHING_GOT)},
    },
    {
        .name = "AllocateDomainCommonBuffer", /* DOM-01, DOM-02, CBF-09 */
        .prepare = no_flags,
        .call = common_domain,
        .undo = free_domain,
        .shortage = SHORT,
        .flaws = {FLAW(logical_out, 0, BAD), FLAW(address_out, 0, BAD), FLAW(length, 0, BAD),
                  FLAW(flags, 2, BAD), FLAW(cache_at, COMBINED_CACHE, BAD), FLAW(domain, 0, BAD),
                  FLAW(domain, 0x1234, BAD), FLAW(maximum, LOW_LIMIT, SHORT)},
    },
    {
        .name = "FreeCommonBuffer", /* CBF-06 */
        .prepare = with_common,
        .call = free_given,
        .flaws = {FLAW(length, 0x2801, STATUS_SUCCESS), FLAW(length, 0, STATUS_SUCCESS),
                  FLAW(logical, 0x1000, STATUS_SUCCESS), FLAW(va, 0, STATUS_SUCCESS),
                  FLAW(va, VA_BEFORE, STATUS_SUCCESS)},
    },
    {
        .name = "AllocateCommonBufferVector", /* CBV-06 */
        .prepare = no_flags,
        .call = vector_make,
        .undo = vector_free,
        .shortage = SHORT,
        .flaws = {FLAW(vector_out, 0, BAD), FLAW(elements, 0, BAD), FLAW(element_bytes, 0, BAD),
                  FLAW(flags, 2, BAD), FLAW(cache, MmWriteCombined, BAD), FLAW(high, 0x10, SHORT),
                  FLAW(low, 0x100000000, SHORT), FLAW(element_bytes, UINT64_MAX, SHORT)},
    },
    {
        .name = "GetCommonBufferFromVectorByIndex", /* CBV-02, CBV-04 */
        .prepare = with_vector,
        .call = vector_get,
        .finish = drop_vector,
        .flaws = {FLAW(vector, 0, STATUS_SUCCESS), FLAW(index, 3, STATUS_SUCCESS),
                  FLAW(index, MAXULONG, STATUS_SUCCESS), FLAW(address_out, 0, STATUS_SUCCESS),
                  FLAW(logical_out, 0, STATUS_SUCCESS)},
    },
    {
        .name = "FreeCommonBufferFromVector", /* CBV-03, CBV-04 */
        .prepare = with_vector,
        .call = vector_drop_one,
        .finish = drop_vector,
        .flaws = {FLAW(vector, 0, STATUS_SUCCESS), FLAW(index, 3, STATUS_SUCCESS),
                  FLAW(index, MAXULONG, STATUS_SUCCESS)},
    },
    {
        .name = "FreeCommonBufferVector", /* CBV-03 */
        .prepare = with_vector,
        .call = vector_drop,
        .flaws = {FLAW(vector, 0, STATUS_SUCCESS)},
    },
    {
        .name = "CreateCommonBufferFromMdl", /* CBM-02, CBM-03 */
        .prepare = take_aligned,
        .call = common_from_mdl,
        .undo = free_from_mdl,
        .shortage = SHORT,
        .flaws = {FLAW(mdl, 0, BAD), FLAW(logical_out, 0, BAD), FLAW(configs, 1, BAD),
                  FLAW(mdl, PAGED_MDL, BAD)},
    },
    {
        .name = "CreateCommonBufferFromMdl", /* with one configuration: CBM-03, CBM-04 */
        .prepare = take_config,
        .call = common_from_mdl,
        .undo = free_from_mdl,
        .shortage = SHORT,
        .flaws = {FLAW(mdl, 0, BAD), FLAW(logical_out, 0, BAD), FLAW(config, 0, BAD),
                  FLAW(config, ODD_CONFIG, BAD), FLAW(config, BAD_CONFIG, STATUS_NOT_SUPPORTED)},
    },
    {
        .name = "FlushDmaBuffer", /* DOM-03 */
        .call = flush_dma,
        .flaws = {FLAW(mdl, 0, BAD)},
    },
    {
        .name = "JoinDmaDomain", /* DOM-02 */
        .call = join,
        .flaws = {FLAW(domain, 0, BAD), FLAW(domain, 0x1234, BAD), FLAW(domain, UINT64_MAX, BAD)},
    },
    {
        .name = "LeaveDmaDomain",
        .call = leave,
    },
    {
        .name = "GetDmaDomain",
        .call = domain,
    },
};
const size_t argument_rows_common_count =
    sizeof argument_rows_common / sizeof argument_rows_common[0];
