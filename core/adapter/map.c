/* SPDX-License-Identifier: MIT */
/*
 * map: MapTransferEx and FlushAdapterBuffersEx for bus masters.
 *
 * Idea        a mapping belongs to a grant (MTX-51) and is one word beside what was mapped. Mapping
 *             moves it NONE -> BUSY -> MAPPED, flushing MAPPED -> NONE. One compare-and-swap a pair:
 *             two calls on one map register base at once are the driver's fault (GEN-09), so only
 *             the one that detects it is locked; the flush needs to publish, not to compete.
 * Ordering    hb:mapping  map releases MAPPED after it wrote the grant's mapping fields; flush
 *             acquires it. flush releases NONE after it copied back; the next map acquires it.
 *             Relaxed would let a flush on another thread read the last mapping's length.
 * Progress    wait-free: no loop but the walk over the chain
 */
#include "adapter/grant.h"

#include <string.h>

/* Where gcc would fetch an argument from the stack at the function's start, and save a register to keep it
 * in, this lets it lie until it is needed. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__)
#define MS_ON_STACK(argument) __asm__("" : "+m"(argument))
#else
#define MS_ON_STACK(argument) ((void)(argument))
#endif

/* Slots a buffer of `bytes` has behind the list's header (MTX-14). */
static uint32_t list_capacity(uint32_t bytes)
{
    return bytes < sizeof(SCATTER_GATHER_LIST)
               ? 0
               : (uint32_t)((bytes - sizeof(SCATTER_GATHER_LIST)) / sizeof(SCATTER_GATHER_ELEMENT));
}

NTSTATUS ms_map_unflushed(const struct ms_adapter *adapter)
{
    NTSTATUS other = adapter->dma->config.other.unflushed;

    return NT_SUCCESS(other) ? STATUS_INVALID_PARAMETER : other; /* AMB-20 */
}

/* Length 0: nothing is mapped, but the range still has to begin inside the chain (MTX-07). */
NTSTATUS ms_map_nothing(PMDL head, uint64_t offset, PSCATTER_GATHER_LIST list)
{
    struct ms_mdl_cursor at = {.mdl = head, .base = 0};
    ULONG none = 0;

    if (!ms_mdl_cursor_seek(&at, offset))
        return STATUS_INVALID_PARAMETER; /* AMB-05 */
    if (list)
        memcpy((char *)list + offsetof(SCATTER_GATHER_LIST, NumberOfElements), &none, sizeof none);
    return STATUS_SUCCESS;
}

/* Each walk begins at the head, also where it goes on behind the last mapping (MTX-31): a kept grant may serve
 * another chain by now, whose head is the same, and of the last one's followers nothing may be left (FRE-16). */
FORCEINLINE NTSTATUS grant_map(struct ms_adapter *adapter, struct ms_grant *grant, PMDL head,
                               uint64_t offset, uint32_t *length, bool write_to_device,
                               PSCATTER_GATHER_LIST list, uint32_t capacity)
{
    struct ms_sg_request request = {
        .at = {.mdl = head, .base = 0},
        .offset = offset,
        .length = *length,
        .write_to_device = write_to_device,
        .registers = ms_grant_registers(grant),
    };
    struct ms_sg_mapped mapped;
    NTSTATUS status = ms_sg_map(&adapter->builder, &request, list, capacity, &mapped);

    if (!NT_SUCCESS(status))
        return status;
    grant->head = head;
    grant->offset = offset;
    grant->mapped_bytes = mapped.bytes;
    grant->mapped_way = write_to_device;
    if (mapped.registers > 0) {
        grant->bounced = mapped.registers;
        if (!write_to_device)
            grant->copied_registers = mapped.registers & 0xFFFFFF;
    }
    *length = mapped.bytes; /* MTX-27 */
    return STATUS_SUCCESS;
}

/* The bytes lie in one page of the chain's first MDL, and may be mapped. */
static bool is_in_one_page(const MDL *head, uint64_t offset, uint32_t length)
{
    uint64_t first = head->ByteOffset + offset; /* MDL-20: may pass pages */

    return offset < head->ByteCount && length <= head->ByteCount - offset &&
           first % MS_PAGE_BYTES + length <= MS_PAGE_BYTES && ms_mdl_is_resident(head);
}

/* One page out of reach is what a small device maps most: no request needs to be written down for it. False,
 * and nothing is mapped: some other case. */
static bool grant_map_bounced(const struct ms_adapter *adapter, struct ms_grant *grant, PMDL head,
                              uint64_t offset, uint32_t length, bool write_to_device,
                              PSCATTER_GATHER_LIST list)
{
    uint64_t first = head->ByteOffset + offset;

    if (!adapter->builder.is_bouncing || !is_in_one_page(head, offset, length) ||
        !ms_sg_map_page_bounced(&adapter->builder, ms_grant_registers(grant),
                                (ms_mdl_frames(head)[first >> MS_PAGE_SHIFT] << MS_PAGE_SHIFT) +
                                    first % MS_PAGE_BYTES,
                                length, write_to_device, list))
        return false;
    grant->head = head;
    grant->offset = offset;
    grant->mapped_bytes = length;
    grant->mapped_way = write_to_device;
    if (!write_to_device)
        grant->copied_registers = 1;
    return true;
}

NTSTATUS ms_grant_map(struct ms_adapter *adapter, struct ms_grant *grant, PMDL head,
                      uint64_t offset, uint32_t *length, bool write_to_device,
                      PSCATTER_GATHER_LIST list, uint32_t capacity)
{
    return grant_map(adapter, grant, head, offset, length, write_to_device, list, capacity);
}

/* Without registers nothing is copied at the flush, so nothing needs to be remembered: any number of
 * mappings may be out under the one NULL base (MRG-07, MRG-10). */
static NTSTATUS map_bare(struct ms_adapter *adapter, PMDL head, uint64_t offset, uint32_t *length,
                         PSCATTER_GATHER_LIST list, uint32_t capacity)
{
    struct ms_sg_request request = {
        .at = {.mdl = head, .base = 0},
        .offset = offset,
        .length = *length,
        .registers = {.head = MS_REG_NONE, .count = 0},
    };
    struct ms_sg_mapped mapped;
    NTSTATUS status;

    if (*length == 0)
        return ms_map_nothing(head, offset, list);
    status = ms_sg_map(&adapter->builder, &request, list, capacity, &mapped);
    if (NT_SUCCESS(status))
        *length = mapped.bytes; /* MTX-27 */
    return status;
}

/* The ways that are not the usual one, out of line: the usual one then saves fewer registers. */
__attribute__((noinline)) static NTSTATUS
map_rare(struct ms_adapter *adapter, PMDL head, PVOID base, uint64_t offset, uint32_t device_offset,
         PULONG length, bool write_to_device, PSCATTER_GATHER_LIST list, uint32_t list_bytes,
         PDMA_COMPLETION_ROUTINE routine, PVOID context)
{
    uint32_t none = MAPPING_NONE;
    struct ms_grant *grant;
    NTSTATUS status;

    if (!head || !length)
        return STATUS_INVALID_PARAMETER; /* MTX-19 */
    if (adapter->controller) {
        grant = ms_system_grant(adapter, base);
        return grant ? ms_system_map(adapter, head, grant, offset, device_offset, length,
                                     write_to_device, list, list_bytes, routine, context)
                     : STATUS_INVALID_PARAMETER; /* MTX-20, MTX-21 */
    }
    grant = ms_grant_find(adapter, base);
    if (!grant && !ms_base_is_bare(adapter, base))
        return STATUS_INVALID_PARAMETER; /* MTX-20 */
    if (!list || list_capacity(list_bytes) == 0)
        return STATUS_INVALID_PARAMETER; /* MTX-10, MTX-12 */
    if (!grant)
        return map_bare(adapter, head, offset, length, list, list_capacity(list_bytes));
    /* What is left: nothing to map. */
    ms_assert(*length == 0);
    if (!ms_cas_acquire(&grant->mapping, &none, MAPPING_BUSY)) /* hb:mapping */
        return ms_map_unflushed(adapter);
    status = ms_map_nothing(head, offset, list);
    ms_store_release(&grant->mapping, MAPPING_NONE); /* hb:mapping */
    return status;
}

/* All of MapTransferEx but the shortest way. */
__attribute__((noinline)) static NTSTATUS map_any(PDMA_ADAPTER public, PMDL head, PVOID base,
                                                  ULONGLONG offset, ULONG device_offset,
                                                  PULONG length, BOOLEAN write_to_device,
                                                  PSCATTER_GATHER_LIST list, ULONG list_bytes,
                                                  PDMA_COMPLETION_ROUTINE routine, PVOID context)
{
    struct ms_adapter *adapter = ms_adapter_from(public);
    struct ms_grant *grant = ms_grant_find(adapter, base);
    uint32_t capacity = list_capacity(list_bytes);
    uint32_t none = MAPPING_NONE;
    NTSTATUS status;

    if (MS_UNLIKELY(routine && !adapter->controller &&
                    adapter->dma->config.other.refuse_completion))
        return STATUS_INVALID_PARAMETER; /* AMB-19 */
    /* One test for all that is not usual: the checks in their order (MTX-59) are in map_rare. */
    if (MS_UNLIKELY(!grant || adapter->controller || !head || !length || !list || capacity == 0 ||
                    *length == 0))
        return map_rare(adapter, head, base, offset, device_offset, length, write_to_device != 0,
                        list, list_bytes, routine, context);
    /* From here a bus master: DeviceOffset and DmaCompletionRoutine mean nothing (MTX-09, MTX-17). */
    /* hb:mapping, acquire */
    if (MS_UNLIKELY(!ms_cas_acquire(&grant->mapping, &none, MAPPING_BUSY)))
        return ms_map_unflushed(adapter);
    status =
        grant_map_bounced(adapter, grant, head, offset, *length, write_to_device != 0, list)
            ? STATUS_SUCCESS
            : grant_map(adapter, grant, head, offset, length, write_to_device != 0, list, capacity);
    /* hb:mapping, release */
    ms_store_release(&grant->mapping, NT_SUCCESS(status) ? MAPPING_MAPPED : MAPPING_NONE);
    return status;
}

/*
 * One page, direct, is the most frequent mapping and the one in which the call itself costs most, so
 * it has a way of its own. All its tests come before the one locked instruction; what fails one is
 * map_any's. It is written so that neither compiler saves a register that it could do without (gcc none,
 * clang two): what lies on the stack is read late, and Length twice, rather than kept.
 */
NTSTATUS HalMapTransferEx(PDMA_ADAPTER DmaAdapter, PMDL Mdl, PVOID MapRegisterBase,
                          ULONGLONG Offset, ULONG DeviceOffset, PULONG Length,
                          BOOLEAN WriteToDevice, PSCATTER_GATHER_LIST ScatterGatherBuffer,
                          ULONG ScatterGatherBufferLength,
                          PDMA_COMPLETION_ROUTINE DmaCompletionRoutine, PVOID CompletionContext)
{
    const struct ms_adapter *adapter = (const struct ms_adapter *)(const void *)DmaAdapter;
    struct ms_grant *grant;
    uint32_t none = MAPPING_NONE;
    uint64_t first;

    MS_ON_STACK(DeviceOffset); /* to a bus master it means nothing: MTX-09 */
    MS_ON_STACK(ScatterGatherBuffer);
    MS_ON_STACK(ScatterGatherBufferLength);
    if (MS_UNLIKELY(!ScatterGatherBuffer || !DmaAdapter ||
                    ScatterGatherBufferLength <
                        sizeof(SCATTER_GATHER_LIST) + sizeof(SCATTER_GATHER_ELEMENT)))
        goto other;
    MS_ON_STACK(ScatterGatherBuffer);
    MS_ON_STACK(ScatterGatherBufferLength);
    if (MS_UNLIKELY(!Mdl || Offset >= Mdl->ByteCount || !Length ||
                    *Length > Mdl->ByteCount - Offset))
        goto other;
    first = Mdl->ByteOffset + Offset; /* MDL-20: may pass pages */
    /* *Length - 1 in 32 bits: for 0 bytes the last one would be far away. */
    if (MS_UNLIKELY((first ^ (first + (uint32_t)(*Length - 1))) >= MS_PAGE_BYTES ||
                    !ms_mdl_is_resident_ram(Mdl) ||
                    !ms_grant_lookup(adapter, &adapter->map_key, MapRegisterBase, &grant)))
        goto other;
    /* hb:mapping, acquire */
    if (MS_UNLIKELY(!ms_cas_acquire(&grant->mapping, &none, MAPPING_BUSY)))
        return STATUS_INVALID_PARAMETER; /* MTX-52 */
    grant->mapped_way = WriteToDevice;
    grant->mapped_bytes = *Length;
    ms_sg_list_page(ScatterGatherBuffer,
                    (ms_mdl_frames(Mdl)[first >> MS_PAGE_SHIFT] << MS_PAGE_SHIFT) +
                        first % MS_PAGE_BYTES,
                    grant->mapped_bytes);
    grant->head = Mdl;
    grant->offset = Offset;
    /* hb:mapping, release */
    ms_store_release(&grant->mapping, MAPPING_MAPPED);
    return STATUS_SUCCESS;

other:
    MS_ON_STACK(ScatterGatherBuffer);
    MS_ON_STACK(ScatterGatherBufferLength);
    return map_any(DmaAdapter, Mdl, MapRegisterBase, Offset, DeviceOffset, Length, WriteToDevice,
                   ScatterGatherBuffer, ScatterGatherBufferLength, DmaCompletionRoutine,
                   CompletionContext);
}

void ms_grant_copy_back(struct ms_adapter *adapter, const struct ms_grant *grant, uint32_t bytes)
{
    struct ms_sg_request request = {
        .at = {.mdl = grant->head, .base = 0},
        .offset = grant->offset,
        .length = grant->mapped_bytes,
        .write_to_device = false,
        .registers = ms_grant_registers(grant),
    };
    struct ms_sg_mapped mapped = {
        .bytes = grant->mapped_bytes,
        .registers = grant->copied_registers,
    };

    ms_sg_copy_back(&adapter->builder, &request, &mapped, bytes); /* MRG-15, FLX-16 */
}

/* A flush that is not a bus master's with something mapped. */
__attribute__((noinline)) static NTSTATUS flush_rare(struct ms_adapter *adapter, PMDL head,
                                                     PVOID base, uint64_t offset, uint32_t length,
                                                     bool write_to_device)
{
    struct ms_grant *grant =
        adapter->controller ? ms_system_grant(adapter, base) : ms_grant_find(adapter, base);
    uint32_t moved;

    if (!grant) /* MRG-07: nothing was remembered */
        return ms_base_is_bare(adapter, base) ? STATUS_SUCCESS
                                              : STATUS_INVALID_PARAMETER; /* FLX-11 */
    /* hb:mapping, acquire */
    if (ms_load_acquire(&grant->mapping) != MAPPING_MAPPED) {
        if (adapter->controller)
            ms_system_flush(adapter, grant, 0); /* FLX-08: the mark goes all the same */
        return STATUS_SUCCESS;                  /* FLX-07, FLX-10 */
    }
    if (head != grant->head || offset != grant->offset ||
        write_to_device != (grant->write_to_device != 0) || length > grant->mapped_bytes)
        return STATUS_INVALID_PARAMETER;             /* FLX-11 */
    moved = ms_system_flush(adapter, grant, length); /* FLX-05, FLX-12 */
    length = moved < length ? moved : length; /* what never moved is not copied back: AMB-16 */
    if (grant->copied_registers > 0 && length > 0)
        ms_grant_copy_back(adapter, grant, length);
    /* hb:mapping, release */
    ms_store_release(&grant->mapping, MAPPING_NONE);
    return STATUS_SUCCESS;
}

/* All of FlushAdapterBuffersEx but the shortest way. */
__attribute__((noinline)) static NTSTATUS flush_any(PDMA_ADAPTER public, PMDL head, PVOID base,
                                                    ULONGLONG offset, ULONG length,
                                                    BOOLEAN write_to_device)
{
    struct ms_adapter *adapter = ms_adapter_from(public);
    struct ms_grant *grant = ms_grant_find(adapter, base);

    /* hb:mapping, acquire */
    if (MS_UNLIKELY(adapter->controller || !grant ||
                    ms_load_acquire(&grant->mapping) != MAPPING_MAPPED))
        return flush_rare(adapter, head, base, offset, length, write_to_device != 0);
    if (head != grant->head || offset != grant->offset ||
        (write_to_device != 0) != (grant->write_to_device != 0) || length > grant->mapped_bytes)
        return STATUS_INVALID_PARAMETER; /* FLX-11 */
    if (grant->copied_registers > 0 && length > 0)
        ms_grant_copy_back(adapter, grant, length);
    /* hb:mapping, release */
    ms_store_release(&grant->mapping, MAPPING_NONE);
    return STATUS_SUCCESS;
}

/* What nothing was copied for has a way of its own, as in HalMapTransferEx. */
NTSTATUS HalFlushAdapterBuffersEx(PDMA_ADAPTER DmaAdapter, PMDL Mdl, PVOID MapRegisterBase,
                                  ULONGLONG Offset, ULONG Length, BOOLEAN WriteToDevice)
{
    const struct ms_adapter *adapter = (const struct ms_adapter *)(const void *)DmaAdapter;
    struct ms_grant *grant;

    /* hb:mapping, acquire */
    if (MS_UNLIKELY(!DmaAdapter ||
                    !ms_grant_lookup(adapter, &adapter->flush_key, MapRegisterBase, &grant) ||
                    ms_load_acquire(&grant->mapping) != MAPPING_MAPPED || Mdl != grant->head ||
                    Offset != grant->offset || Length > grant->mapped_bytes ||
                    grant->mapped_way != WriteToDevice))
        return flush_any(DmaAdapter, Mdl, MapRegisterBase, Offset, Length, WriteToDevice);
    /* hb:mapping, release */
    ms_store_release(&grant->mapping, MAPPING_NONE);
    return STATUS_SUCCESS;
}
