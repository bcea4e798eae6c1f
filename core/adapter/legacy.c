/* SPDX-License-Identifier: MIT */
/*
 * legacy: the routines of version 1 that map piece by piece: AllocateAdapterChannel, MapTransfer,
 * FlushAdapterBuffers.
 *
 * Idea        one MapTransfer makes one region. A region that lies in reach needs no memory of it; one
 *             that bounces uses the next registers of its grant (MTR-10), and each register used
 *             remembers which bytes of which MDL it stands for. The flush of a range ends all of
 *             that MDL from there on; when no register stands for anything, they are used again
 *             from the first.
 * Picture     grant: [reg 5: mdl A + 0x123, 0xEDD bytes][reg 6: mdl A + 0x1000, ...][reg 9: free]
 * Invariants  I1 parts of a grant's first `parts` registers are valid, others are not looked at
 *             I2 a grant is mapped by MapTransfer or by MapTransferEx, never by both (MTX-52)
 * Ordering    hb:mapping  as in map.c: BUSY is one caller's; LEGACY and NONE are released
 * Progress    wait-free but for the walk over the registers
 */
#include "adapter/grant.h"

#include <string.h>

/* --- AllocateAdapterChannel
 * --------------------------------------------------------------------------------------- */

/* A device object's one queued request (ACH-04), named in the wait block that Windows keeps there. */
static ms_atomic_u64 *device_request(PDEVICE_OBJECT device)
{
    return (ms_atomic_u64 *)(void *)&device->Queue.Wcb.WaitQueueEntry.DeviceListEntry.Flink;
}

/* The request of that name still waits. Names of requests that are over, and whatever else a driver
 * left there, name nothing. */
static bool request_waits(struct ms_dma *dma, uint64_t name)
{
    uint32_t index = ms_base_index(name);

    if (index >= dma->config.grants)
        return false;
    union ms_grant_word word = ms_grant_look(&dma->grants[index]);
    return word.serial == (name ^ MS_BASE_FLIP) >> 32 &&
           (word.phase == GRANT_WAITING || word.phase == GRANT_READY);
}

bool ms_device_queue(struct ms_dma *dma, PDEVICE_OBJECT device, uint64_t name)
{
    uint64_t seen = ms_load_acquire(device_request(device));

    do {
        if (request_waits(dma, seen))
            return false; /* ACH-08 */
    } while (!ms_cas_acq_rel(device_request(device), &seen, name));
    return true;
}

NTSTATUS HalAllocateAdapterChannel(PDMA_ADAPTER DmaAdapter, PDEVICE_OBJECT DeviceObject,
                                   ULONG NumberOfMapRegisters, PDRIVER_CONTROL ExecutionRoutine,
                                   PVOID Context)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);
    struct ms_request request = {
        .adapter = adapter,
        .device = DeviceObject,
        .registers = NumberOfMapRegisters,
        .routine = ExecutionRoutine,
        .routine_context = Context,
        .enter = ms_channel_enter,
        .one_per_device = true,
    };

    if (!DeviceObject || !ExecutionRoutine)
        return STATUS_INVALID_PARAMETER; /* ACH-09 */
    /* Relaxed: the caller's own requests are seen in any case; between threads, ms_device_queue decides. */
    if (NumberOfMapRegisters > adapter->map_registers ||
        request_waits(adapter->dma, ms_load_relaxed(device_request(DeviceObject))))
        return STATUS_INSUFFICIENT_RESOURCES; /* ACH-02, ACH-08 */
    return ms_channel_allocate_async(&request);
}

/* --- MapTransfer
 * ------------------------------------------------------------------------------------------------ */

/* What one call is to map. */
struct region {
    PMDL mdl;
    uint64_t offset;
    uint32_t inside; /* bytes that lie in the MDL */
    uint32_t excess; /* and behind it, in its last page (AMB-06) */
    bool write_to_device;
};

static bool region_fill(struct region *region, PMDL mdl, const void *address, uint32_t bytes)
{
    region->mdl = mdl;
    if (!mdl || bytes == 0 || !ms_mdl_offset_of(mdl, address, &region->offset) ||
        !ms_mdl_is_resident(mdl))
        return false;
    region->inside = (uint32_t)ms_min_u64(bytes, mdl->ByteCount - region->offset);
    region->excess = bytes - region->inside;
    uint64_t end = ((uint64_t)mdl->ByteOffset + mdl->ByteCount) % MS_PAGE_BYTES;
    return region->excess <= (MS_PAGE_BYTES - end) % MS_PAGE_BYTES;
}

/* One element can be that (SGE-06). */
static bool region_is_element(const struct ms_adapter *adapter, uint64_t logical, uint64_t bytes)
{
    const struct ms_sg_limits *limits = &adapter->builder.limits;

    return bytes <= limits->element_bytes_max &&
           ((logical ^ (logical + bytes - 1)) & ~(limits->boundary - 1)) == 0;
}

/* The region as it lies, when the device reaches it: one element's worth (MTR-12), or all of it on
 * a packet adapter. 0: it has to bounce; *bytes is then left alone. */
static uint64_t region_direct(struct ms_adapter *adapter, const struct region *region,
                              uint32_t *bytes)
{
    struct ms_sg_request request = {
        .at = {.mdl = region->mdl, .base = 0},
        .offset = region->offset,
        .length = region->inside,
        .write_to_device = region->write_to_device,
        .registers = {.head = MS_REG_NONE, .count = 0},
    };
    uint64_t room[5]; /* a list of one element */
    SCATTER_GATHER_ELEMENT element;
    struct ms_sg_mapped mapped;
    NTSTATUS status =
        ms_sg_map(&adapter->builder, &request, (PSCATTER_GATHER_LIST)(void *)room, 1, &mapped);

    if (!NT_SUCCESS(status) || (adapter->is_packet && mapped.bytes < region->inside))
        return 0;
    memcpy(&element, (char *)room + sizeof(SCATTER_GATHER_LIST), sizeof element);
    *bytes = mapped.bytes;
    if (mapped.bytes == region->inside) {
        uint64_t longest = adapter->builder.limits.element_bytes_max;
        uint64_t all =
            (uint64_t)mapped.bytes + region->excess; /* to the page's end: crosses nothing */
        if (adapter->is_packet && all > longest)
            return *bytes = 0;
        *bytes = (uint32_t)ms_min_u64(all, longest);
    }
    return (uint64_t)element.Address.QuadPart;
}

static struct ms_reg_part *part_of(const struct ms_adapter *adapter, ms_reg reg)
{
    return &adapter->parts[reg];
}

/* Where byte `offset` of the MDL lies. */
static ms_pa mdl_byte_at(const MDL *mdl, uint64_t offset)
{
    uint64_t place = mdl->ByteOffset + offset;

    return (ms_pa){(ms_mdl_frames(mdl)[place >> MS_PAGE_SHIFT] << MS_PAGE_SHIFT) +
                   place % MS_PAGE_BYTES};
}

/* One page's bytes go through a register. */
static void part_bounce(struct ms_adapter *adapter, ms_reg reg, const struct region *region,
                        uint64_t offset, uint32_t bytes)
{
    ms_pa from = mdl_byte_at(region->mdl, offset);
    uint8_t *page = ms_pool_page(adapter->pool, reg) + from.value % MS_PAGE_BYTES; /* MRG-18 */

    *part_of(adapter, reg) = (struct ms_reg_part){
        .mdl = region->mdl,
        .offset = (uint32_t)offset,
        .bytes = (uint16_t)bytes,
        .write_to_device = region->write_to_device,
    };
    if (region->write_to_device)
        memcpy(page, ms_memory_byte(adapter->dma->memory, from), bytes); /* MRG-15 */
    else
        memset(page, 0, bytes); /* MRG-16 */
}

static bool region_is_ram(const struct ms_adapter *adapter, const struct region *region,
                          uint64_t bytes)
{
    uint64_t first = region->mdl->ByteOffset + region->offset;

    for (uint64_t page = first >> MS_PAGE_SHIFT; page <= (first + bytes - 1) >> MS_PAGE_SHIFT;
         page++)
        if (!ms_memory_has_pfn(adapter->dma->memory, ms_mdl_frames(region->mdl)[page]))
            return false;
    return true;
}

static void cursor_at(struct ms_reg_cursor *cursor, const struct ms_adapter *adapter,
                      const struct ms_grant *grant, uint32_t skip)
{
    ms_reg_cursor_start(cursor, adapter->pool, ms_grant_registers(grant));
    while (skip-- > 0)
        ms_reg_cursor_next(cursor);
}

/* The region through the grant's next registers: one page, or on a packet adapter all of it in one
 * run. 0: there are not enough (MTR-09). */
static uint64_t region_bounce(struct ms_adapter *adapter, struct ms_grant *grant,
                              const struct region *region, uint32_t *bytes)
{
    uint32_t first_offset = (uint32_t)((region->mdl->ByteOffset + region->offset) % MS_PAGE_BYTES);
    uint64_t wanted = (uint64_t)region->inside + region->excess;
    struct ms_reg_cursor registers;

    if (!adapter->is_packet)
        wanted = ms_min_u64(wanted, MS_PAGE_BYTES - first_offset); /* MTR-12 */
    uint32_t pages = (uint32_t)((first_offset + wanted + MS_PAGE_BYTES - 1) >> MS_PAGE_SHIFT);
    if (!adapter->pool || pages > ms_grant_registers(grant).count - grant->parts ||
        !region_is_ram(adapter, region, wanted))
        return 0;
    cursor_at(&registers, adapter, grant, grant->parts);
    uint64_t logical = 0, offset = region->offset, left = wanted;
    for (uint32_t i = 0; i < pages; i++) {
        ms_reg reg = ms_reg_cursor_next(&registers);
        uint64_t in_page = (region->mdl->ByteOffset + offset) % MS_PAGE_BYTES;
        uint32_t step = (uint32_t)ms_min_u64(left, MS_PAGE_BYTES - in_page);
        if (i == 0) {
            logical = ms_pool_la(adapter->pool, reg).value + first_offset;
            if (!region_is_element(adapter, logical, wanted))
                return 0;
        }
        part_bounce(adapter, reg, region, offset, step);
        offset += step;
        left -= step;
    }
    grant->parts += pages;
    *bytes = (uint32_t)wanted;
    return logical;
}

/* Moves the grant's mapping from NONE or LEGACY to BUSY; false: it is mapped by MapTransferEx, or
 * another call is under way. */
static bool mapping_claim(struct ms_grant *grant)
{
    uint32_t seen = ms_load_acquire(&grant->mapping); /* hb:mapping */

    while (seen == MAPPING_NONE || seen == MAPPING_LEGACY) {
        if (!ms_cas_acquire(&grant->mapping, &seen, MAPPING_BUSY))
            continue;
        if (seen == MAPPING_NONE)
            grant->parts = 0;
        return true;
    }
    return false;
}

/* On a system adapter the call programs the channel with all of the length, or does nothing; the
 * address it returns says nothing (MTR-05, MTR-09). */
static uint32_t channel_program(PDMA_ADAPTER public, const struct region *region, PVOID base)
{
    ULONG length = region->inside;

    if (region->excess > 0 ||
        !NT_SUCCESS(HalMapTransferEx(public, region->mdl, base, region->offset, 0, &length,
                                     region->write_to_device, NULL, 0, NULL, NULL)))
        return 0;
    if (length == region->inside)
        return length;
    HalFlushAdapterBuffersEx(public, region->mdl, base, region->offset, 0, region->write_to_device);
    return 0;
}

PHYSICAL_ADDRESS HalMapTransfer(PDMA_ADAPTER DmaAdapter, PMDL Mdl, PVOID MapRegisterBase,
                                PVOID CurrentVa, PULONG Length, BOOLEAN WriteToDevice)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);
    struct ms_grant *grant = ms_grant_find(adapter, MapRegisterBase);
    struct region region = {.write_to_device = WriteToDevice != 0};
    PHYSICAL_ADDRESS nowhere = {.QuadPart = 0};
    uint32_t bytes = 0;
    uint64_t logical = 0;

    if (!Length)
        return nowhere;
    if (adapter->controller) {
        *Length = region_fill(&region, Mdl, CurrentVa, *Length)
                      ? channel_program(DmaAdapter, &region, MapRegisterBase)
                      : 0;
        return nowhere;
    }
    if (grant && region_fill(&region, Mdl, CurrentVa, *Length) && mapping_claim(grant)) {
        logical = region_direct(adapter, &region, &bytes);
        if (bytes == 0)
            logical = region_bounce(adapter, grant, &region, &bytes);
        /* hb:mapping, release */
        ms_store_release(&grant->mapping,
                         bytes > 0 || grant->parts > 0 ? MAPPING_LEGACY : MAPPING_NONE);
    }
    *Length = bytes; /* MTR-03, MTR-09 */
    return (PHYSICAL_ADDRESS){.QuadPart = (LONGLONG)logical};
}

/* --- FlushAdapterBuffers
 * ---------------------------------------------------------------------------------------- */

/* Ends what the register stands for, if it lies in `mdl` at or behind `offset`. */
static void part_flush(struct ms_adapter *adapter, ms_reg reg, const MDL *mdl, uint64_t offset,
                       uint64_t length)
{
    struct ms_reg_part *part = part_of(adapter, reg);

    if (part->mdl != mdl || part->offset < offset)
        return;
    if (!part->write_to_device && part->offset < offset + length) {
        uint64_t bytes = ms_min_u64(part->bytes, offset + length - part->offset);
        ms_pa to = mdl_byte_at(mdl, part->offset);
        memcpy(ms_memory_byte(adapter->dma->memory, to),
               ms_pool_page(adapter->pool, reg) + to.value % MS_PAGE_BYTES, bytes);
    }
    part->mdl = NULL;
}

/* The caller has made the mapping BUSY. True: nothing is mapped any more. */
static bool parts_flush(struct ms_adapter *adapter, struct ms_grant *grant, const MDL *mdl,
                        uint64_t offset, uint64_t length)
{
    struct ms_reg_cursor registers;
    uint32_t left = 0;

    if (grant->parts == 0)
        return true;
    cursor_at(&registers, adapter, grant, 0);
    for (uint32_t i = 0; i < grant->parts; i++) {
        ms_reg reg = ms_reg_cursor_next(&registers);
        part_flush(adapter, reg, mdl, offset, length);
        left += part_of(adapter, reg)->mdl != NULL;
    }
    if (left == 0)
        grant->parts = 0;
    return left == 0;
}

/* A mapping of MapTransferEx, named by an MDL of its chain and an address in it (FLB-08, VER-12). */
static bool mapping_flush(PDMA_ADAPTER public, struct ms_grant *grant, PVOID base, const MDL *mdl,
                          uint64_t offset, ULONG length, BOOLEAN write_to_device)
{
    uint64_t before = 0;

    for (const MDL *at = grant->head; at != mdl; at = at->Next) {
        before += at->ByteCount;
        if (before > grant->offset || !at->Next)
            return false;
    }
    return NT_SUCCESS(HalFlushAdapterBuffersEx(public, grant->head, base, before + offset, length,
                                               write_to_device));
}

BOOLEAN HalFlushAdapterBuffers(PDMA_ADAPTER DmaAdapter, PMDL Mdl, PVOID MapRegisterBase,
                               PVOID CurrentVa, ULONG Length, BOOLEAN WriteToDevice)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);
    struct ms_grant *grant = adapter->controller ? ms_system_grant(adapter, MapRegisterBase)
                                                 : ms_grant_find(adapter, MapRegisterBase);
    struct region region;
    uint32_t legacy = MAPPING_LEGACY;
    uint64_t offset;

    if (!Mdl || !ms_mdl_offset_of(Mdl, CurrentVa, &offset))
        return FALSE; /* FLB-06 */
    if (!grant)
        return ms_base_is_bare(adapter, MapRegisterBase);   /* MRG-07 */
    if (ms_load_acquire(&grant->mapping) == MAPPING_MAPPED) /* hb:mapping */
        return mapping_flush(DmaAdapter, grant, MapRegisterBase, Mdl, offset, Length,
                             WriteToDevice);
    if (Length > 0 && !region_fill(&region, Mdl, CurrentVa, Length))
        return FALSE;        /* FLB-06 */
    if (adapter->controller) /* FLB-08: the mark goes all the same */
        return NT_SUCCESS(HalFlushAdapterBuffersEx(DmaAdapter, Mdl, MapRegisterBase, offset, Length,
                                                   WriteToDevice));
    if (!ms_cas_acquire(&grant->mapping, &legacy, MAPPING_BUSY))
        return TRUE; /* FLX-10: nothing is mapped */
    bool done = parts_flush(adapter, grant, Mdl, offset, Length);
    /* hb:mapping, release */
    ms_store_release(&grant->mapping, done ? MAPPING_NONE : MAPPING_LEGACY);
    return TRUE;
}
