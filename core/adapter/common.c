/* SPDX-License-Identifier: MIT */
/*
 * common: common buffers, one by one and from a driver's MDL (CBF-*, CBM-*). Memory that driver and
 * device use at the same time; PASSIVE_LEVEL, so these may wait for the host.
 */
#include "adapter/grant.h"

#include <string.h>

/* Where a buffer may lie (CBF-02, CBF-07..CBF-09): both ends inclusive. */
struct bounds {
    uint64_t lowest;
    uint64_t highest;
};

static struct bounds bounds_of(uint64_t reach_last, const PHYSICAL_ADDRESS *minimum,
                               const PHYSICAL_ADDRESS *maximum)
{
    return (struct bounds){
        .lowest = minimum ? (uint64_t)minimum->QuadPart : 0,
        .highest = maximum ? ms_min_u64(reach_last, (uint64_t)maximum->QuadPart) : reach_last,
    };
}

void *ms_common_take(struct ms_dma *dma, uint64_t bytes, bool large_pages, uint64_t lowest,
                     uint64_t highest, ms_la *logical)
{
    void *address;

    if (bytes == 0)
        return NULL; /* CBF-11 */
    address = ms_common_buffer_create(dma->memory, bytes, large_pages ? 512 : 1, (ms_la){lowest},
                                      (ms_la){highest}, logical);
    if (!address)
        return NULL;
    if (!ms_commons_enter(&dma->commons, COMMON_OWN, address, bytes, *logical))
        goto undo_buffer;
    if (dma->config.other.common_fill)
        memset(address, dma->config.other.common_fill, bytes); /* CBF-13, AMB-52 */
    return address;

undo_buffer:
    ms_common_buffer_destroy(dma->memory, address, bytes, *logical);
    return NULL;
}

bool ms_common_give(struct ms_dma *dma, void *address, uint64_t bytes, ms_la logical)
{
    enum ms_common_state was = ms_commons_leave(&dma->commons, address, bytes, logical);

    if (was == COMMON_OWN)
        ms_require(ms_common_buffer_destroy(dma->memory, address, bytes, logical));
    return was != COMMON_FREE;
}

bool ms_cache_type_is_known(const MEMORY_CACHING_TYPE *type)
{
    return !type || *type == MmNonCached || *type == MmCached; /* CBF-09 */
}

static PVOID buffer_allocate(struct ms_adapter *adapter, struct bounds bounds, ULONG length,
                             bool large_pages, PPHYSICAL_ADDRESS logical_address)
{
    ms_la logical;
    void *address;

    if (!logical_address)
        return NULL; /* CBF-11 */
    address =
        ms_common_take(adapter->dma, length, large_pages, bounds.lowest, bounds.highest, &logical);
    if (address)
        logical_address->QuadPart = (LONGLONG)logical.value;
    return address;
}

PVOID HalpAllocateCommonBuffer(PDMA_ADAPTER DmaAdapter, ULONG Length,
                               PPHYSICAL_ADDRESS LogicalAddress, BOOLEAN CacheEnabled)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);

    (void)CacheEnabled; /* CBF-04 */
    return buffer_allocate(adapter, bounds_of(adapter->builder.limits.reach_last, NULL, NULL),
                           Length, false, LogicalAddress);
}

PVOID HalAllocateCommonBufferEx(PDMA_ADAPTER DmaAdapter, PPHYSICAL_ADDRESS MaximumAddress,
                                ULONG Length, PPHYSICAL_ADDRESS LogicalAddress,
                                BOOLEAN CacheEnabled, NODE_REQUIREMENT PreferredNode)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);

    (void)CacheEnabled;  /* memory is coherent here */
    (void)PreferredNode; /* CBF-16 */
    return buffer_allocate(adapter,
                           bounds_of(adapter->builder.limits.reach_last, NULL, MaximumAddress),
                           Length, false, LogicalAddress);
}

PVOID HalAllocateCommonBufferWithBounds(PDMA_ADAPTER DmaAdapter, PPHYSICAL_ADDRESS MinimumAddress,
                                        PPHYSICAL_ADDRESS MaximumAddress, ULONG Length, ULONG Flags,
                                        MEMORY_CACHING_TYPE *CacheType,
                                        NODE_REQUIREMENT PreferredNode,
                                        PPHYSICAL_ADDRESS LogicalAddress)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);

    (void)PreferredNode; /* CBF-16 */
    if ((Flags & ~(ULONG)DOMAIN_COMMON_BUFFER_LARGE_PAGE) != 0 ||
        !ms_cache_type_is_known(CacheType))
        return NULL; /* CBF-09 */
    return buffer_allocate(
        adapter, bounds_of(adapter->builder.limits.reach_last, MinimumAddress, MaximumAddress),
        Length, Flags != 0, LogicalAddress);
}

NTSTATUS HalAllocateDomainCommonBuffer(PDMA_ADAPTER DmaAdapter, HANDLE DomainHandle,
                                       PPHYSICAL_ADDRESS MaximumAddress, ULONG Length, ULONG Flags,
                                       MEMORY_CACHING_TYPE *CacheType,
                                       NODE_REQUIREMENT PreferredNode,
                                       PPHYSICAL_ADDRESS LogicalAddress, PVOID *VirtualAddress)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);
    uint64_t reach_last;
    void *address;

    (void)PreferredNode; /* CBF-16 */
    if (!LogicalAddress || !VirtualAddress || Length == 0 ||
        (Flags & ~(ULONG)DOMAIN_COMMON_BUFFER_LARGE_PAGE) != 0 ||
        !ms_cache_type_is_known(CacheType) ||
        !ms_domain_reach(adapter->dma, DomainHandle, &reach_last))
        return STATUS_INVALID_PARAMETER; /* DOM-02 */
    address = buffer_allocate(adapter, bounds_of(reach_last, NULL, MaximumAddress), Length,
                              Flags != 0, LogicalAddress);
    if (!address)
        return STATUS_INSUFFICIENT_RESOURCES;
    *VirtualAddress = address;
    return STATUS_SUCCESS; /* DOM-01 */
}

VOID HalpFreeCommonBuffer(PDMA_ADAPTER DmaAdapter, ULONG Length, PHYSICAL_ADDRESS LogicalAddress,
                          PVOID VirtualAddress, BOOLEAN CacheEnabled)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);

    (void)CacheEnabled;
    /* CBF-06, CBF-10, CBM-06: what these do not name exactly stays. */
    ms_common_give(adapter->dma, VirtualAddress, Length,
                   (ms_la){(uint64_t)LogicalAddress.QuadPart});
}

/* --- from an MDL
 * ------------------------------------------------------------------------------------------------ */

/* What the configurations of CreateCommonBufferFromMdl say. */
struct mdl_wish {
    struct bounds bounds;
    bool has_section;
    uint64_t offset;
    uint64_t bytes;
};

static bool page_multiple(uint64_t value)
{
    return value % MS_PAGE_BYTES == 0;
}

static NTSTATUS wish_add(struct mdl_wish *wish,
                         const DMA_COMMON_BUFFER_EXTENDED_CONFIGURATION *config)
{
    uint64_t maximum = (uint64_t)config->LogicalAddressLimits.MaximumAddress.QuadPart;

    switch (config->ConfigType) {
    case CommonBufferConfigTypeLogicalAddressLimits: /* CBM-04 */
        wish->bounds.lowest = (uint64_t)config->LogicalAddressLimits.MinimumAddress.QuadPart;
        wish->bounds.highest = ms_min_u64(wish->bounds.highest, maximum);
        return STATUS_SUCCESS;
    case CommonBufferConfigTypeSubSection: /* CBM-04 */
        wish->has_section = true;
        wish->offset = config->SubSection.Offset;
        wish->bytes = config->SubSection.Length;
        return wish->bytes > 0 && page_multiple(wish->offset) && page_multiple(wish->bytes)
                   ? STATUS_SUCCESS
                   : STATUS_INVALID_PARAMETER;
    case CommonBufferConfigTypeHardwareAccessPermissions:
        if (config->HardwareAccessType < CommonBufferHardwareAccessReadOnly ||
            config->HardwareAccessType >= CommonBufferHardwareAccessMax)
            return STATUS_INVALID_PARAMETER;
        return config->HardwareAccessType == CommonBufferHardwareAccessReadWrite
                   ? STATUS_SUCCESS
                   : STATUS_NOT_SUPPORTED; /* CBM-04: nothing is remapped here */
    default:
        return STATUS_NOT_SUPPORTED; /* CBM-03 */
    }
}

static NTSTATUS wish_read(struct mdl_wish *wish,
                          const DMA_COMMON_BUFFER_EXTENDED_CONFIGURATION *configs, ULONG count)
{
    uint32_t met = 0; /* bit per type */

    if (count > 0 && !configs)
        return STATUS_INVALID_PARAMETER;
    for (ULONG i = 0; i < count; i++) {
        NTSTATUS status = wish_add(wish, &configs[i]);
        if (!NT_SUCCESS(status))
            return status;
        if (met & 1u << configs[i].ConfigType)
            return STATUS_INVALID_PARAMETER; /* CBM-03: two of one type */
        met |= 1u << configs[i].ConfigType;
    }
    return STATUS_SUCCESS;
}

/* The part of the chain that is meant, inside one MDL (CBM-02); false: there is none. */
static bool section_find(PMDL head, struct mdl_wish *wish, struct ms_mdl_cursor *at)
{
    *at = (struct ms_mdl_cursor){.mdl = head, .base = 0};
    if (!wish->has_section) {
        if (head->Next)
            return false;
        wish->bytes = head->ByteCount;
    }
    return wish->bytes > 0 && ms_mdl_cursor_seek(at, wish->offset) &&
           wish->bytes <= at->mdl->ByteCount - (wish->offset - at->base);
}

static bool mdl_fits(const MDL *mdl)
{
    return ms_mdl_is_resident(mdl) && mdl->ByteOffset == 0 && page_multiple(mdl->ByteCount) &&
           (mdl->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL)) != 0;
}

/* Neighbouring frames inside the bounds: without remapping that is how a device can see them. */
static bool frames_fit(const struct ms_memory *memory, const PFN_NUMBER *pfn, uint64_t pages,
                       struct bounds bounds)
{
    uint64_t first = pfn[0] << MS_PAGE_SHIFT;

    for (uint64_t i = 0; i < pages; i++)
        if (pfn[i] != pfn[0] + i || !ms_memory_has_pfn(memory, pfn[i]))
            return false;
    return first >= bounds.lowest && first + (pages << MS_PAGE_SHIFT) - 1 <= bounds.highest;
}

NTSTATUS HalCreateCommonBufferFromMdl(PDMA_ADAPTER DmaAdapter, PMDL Mdl,
                                      PDMA_COMMON_BUFFER_EXTENDED_CONFIGURATION ExtendedConfigs,
                                      ULONG ExtendedConfigsCount, PPHYSICAL_ADDRESS LogicalAddress)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);
    struct mdl_wish wish = {.bounds = {0, adapter->builder.limits.reach_last}}; /* CBM-05 */
    struct ms_mdl_cursor at;
    NTSTATUS status;

    if (!Mdl || !LogicalAddress)
        return STATUS_INVALID_PARAMETER;
    status = wish_read(&wish, ExtendedConfigs, ExtendedConfigsCount);
    if (!NT_SUCCESS(status))
        return status;
    if (!section_find(Mdl, &wish, &at) || !mdl_fits(at.mdl))
        return STATUS_INVALID_PARAMETER; /* CBM-02 */
    uint64_t inside = wish.offset - at.base;
    const PFN_NUMBER *pfn = ms_mdl_frames(at.mdl) + (inside >> MS_PAGE_SHIFT);
    if (!frames_fit(adapter->dma->memory, pfn, wish.bytes >> MS_PAGE_SHIFT, wish.bounds))
        return STATUS_INVALID_PARAMETER; /* CBM-02 */
    ms_la logical = {pfn[0] << MS_PAGE_SHIFT};
    if (!ms_commons_enter(&adapter->dma->commons, COMMON_MDL,
                          (char *)at.mdl->MappedSystemVa + inside, wish.bytes, logical))
        return STATUS_INSUFFICIENT_RESOURCES; /* CBM-03 */
    LogicalAddress->QuadPart = (LONGLONG)logical.value;
    return STATUS_SUCCESS;
}
