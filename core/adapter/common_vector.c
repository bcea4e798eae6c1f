/* SPDX-License-Identifier: MIT */
/*
 * common_vector: many common buffers of one size behind one handle (CBV-*).
 */
#include "adapter/grant.h"

#define VECTOR_MAGIC 0x726F746365766D73ULL

struct element {
    /* Nothing is published by it: what is beside it is written before the driver has the vector, and whatever
     * hands the driver's handle on hands that on too. It only decides who frees. */
    ms_atomic_u32 is_there;
    void *address;
    ms_la logical;
};

struct _DMA_COMMON_BUFFER_VECTOR {
    uint64_t magic;
    struct ms_dma *dma;
    uint64_t element_bytes;
    uint32_t count;
    struct element of[];
};

static size_t vector_bytes(uint32_t count)
{
    return sizeof(struct _DMA_COMMON_BUFFER_VECTOR) + count * sizeof(struct element);
}

static bool vector_is_ours(const struct _DMA_COMMON_BUFFER_VECTOR *vector,
                           const struct ms_adapter *adapter)
{
    return vector && vector->magic == VECTOR_MAGIC && vector->dma == adapter->dma;
}

/* Frees one element, for the one caller that finds it there. */
static void element_free(struct _DMA_COMMON_BUFFER_VECTOR *vector, uint32_t index)
{
    struct element *element = &vector->of[index];

    if (ms_exchange_relaxed(&element->is_there, 0))
        ms_require(
            ms_common_give(vector->dma, element->address, vector->element_bytes, element->logical));
}

static void vector_free(struct _DMA_COMMON_BUFFER_VECTOR *vector, uint32_t made)
{
    while (made-- > 0)
        element_free(vector, made);
    vector->magic = 0;
    ms_free(vector, vector_bytes(vector->count));
}

static bool element_make(struct _DMA_COMMON_BUFFER_VECTOR *vector, uint32_t index, bool large_pages,
                         uint64_t lowest, uint64_t highest)
{
    struct element *element = &vector->of[index];

    element->address = ms_common_take(vector->dma, vector->element_bytes, large_pages, lowest,
                                      highest, &element->logical);
    if (!element->address)
        return false;
    ms_store_relaxed(&element->is_there, 1);
    return true;
}

NTSTATUS HalAllocateCommonBufferVector(PDMA_ADAPTER DmaAdapter, PHYSICAL_ADDRESS LowAddress,
                                       PHYSICAL_ADDRESS HighAddress, MEMORY_CACHING_TYPE CacheType,
                                       NODE_REQUIREMENT IdealNode, ULONG Flags,
                                       ULONG NumberOfElements, ULONGLONG SizeOfElements,
                                       PDMA_COMMON_BUFFER_VECTOR *VectorOut)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);
    uint64_t highest =
        ms_min_u64((uint64_t)HighAddress.QuadPart, adapter->builder.limits.reach_last);
    struct _DMA_COMMON_BUFFER_VECTOR *vector;

    (void)IdealNode; /* CBF-16 */
    if (!VectorOut || NumberOfElements == 0 || SizeOfElements == 0 ||
        (Flags & ~(ULONG)DOMAIN_COMMON_BUFFER_LARGE_PAGE) != 0 ||
        !ms_cache_type_is_known(&CacheType))
        return STATUS_INVALID_PARAMETER; /* CBV-06 */
    if (NumberOfElements > MS_COMMONS_MAX)
        return STATUS_INSUFFICIENT_RESOURCES;
    vector = ms_alloc(vector_bytes(NumberOfElements));
    if (!vector)
        return STATUS_INSUFFICIENT_RESOURCES;
    vector->magic = VECTOR_MAGIC;
    vector->dma = adapter->dma;
    vector->element_bytes = SizeOfElements;
    vector->count = NumberOfElements;
    for (uint32_t i = 0; i < NumberOfElements; i++)
        if (!element_make(vector, i, Flags != 0, (uint64_t)LowAddress.QuadPart, highest)) {
            vector_free(vector, i);
            return STATUS_INSUFFICIENT_RESOURCES; /* CBV-06 */
        }
    *VectorOut = vector;
    return STATUS_SUCCESS; /* CBV-05 */
}

VOID HalGetCommonBufferFromVectorByIndex(PDMA_ADAPTER DmaAdapter, PDMA_COMMON_BUFFER_VECTOR Vector,
                                         ULONG Index, PVOID *VirtualAddressOut,
                                         PPHYSICAL_ADDRESS LogicalAddressOut)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);

    if (!vector_is_ours(Vector, adapter) || Index >= Vector->count || !VirtualAddressOut ||
        !LogicalAddressOut)
        return;
    const struct element *element = &Vector->of[Index];
    if (!ms_load_relaxed(&element->is_there))
        return;
    *VirtualAddressOut = element->address; /* CBV-02 */
    LogicalAddressOut->QuadPart = (LONGLONG)element->logical.value;
}

VOID HalFreeCommonBufferFromVector(PDMA_ADAPTER DmaAdapter, PDMA_COMMON_BUFFER_VECTOR Vector,
                                   ULONG Index)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);

    if (vector_is_ours(Vector, adapter) && Index < Vector->count)
        element_free(Vector, Index); /* CBV-03 */
}

VOID HalFreeCommonBufferVector(PDMA_ADAPTER DmaAdapter, PDMA_COMMON_BUFFER_VECTOR Vector)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);

    /* CBV-04: elements still there are the driver's mistake; they go along, so nothing leaks. */
    if (vector_is_ours(Vector, adapter))
        vector_free(Vector, Vector->count);
}
