/* SPDX-License-Identifier: MIT */
/*
 * mdl.c: memory descriptor lists as drivers make, lock, map, cut and free them (MDL-*).
 *
 * The routines have no machine in their arguments; they find its memory through the calling
 * thread's virtual CPU. A thread in no machine has no memory: then nothing can be locked or mapped.
 *
 * Locking counts nothing: emulated frames never leave, so PAGES_LOCKED says all there is to say,
 * and one page may be in as many MDLs as a driver likes (MDL-18).
 */
#include "memory/memory.h"

#include <string.h>

enum {
    MDL_MAGIC = 0x4C444D53, /* "SMDL" */
    /* An MDL of this many pages and more has its frame array on a cache line, a smaller one its
     * header: then header and frames of one of up to 2 pages are one line. */
    ARRAY_ALIGNED_PAGES = 32,
};

/* What stands before every MDL that came from here. The Size field cannot say what to free: it is
 * 16 bits wide, and drivers change lengths (MDL-07). */
struct mdl_block {
    uint32_t magic;
    uint32_t lead;  /* bytes from the allocation's start to the MDL */
    uint64_t bytes; /* of the whole allocation */
};
static_assert(sizeof(struct mdl_block) == 16, "a big MDL starts 16 bytes into a cache line");
static_assert(sizeof(struct mdl_block) + sizeof(MDL) == MS_CACHE_LINE,
              "behind block and header a frame array starts on a cache line");

static const struct ms_memory *memory_current(void)
{
    const struct ms_cpu *cpu = ms_cpu_current();

    return cpu ? cpu->kernel->memory : NULL;
}

/* --- flags: a signed 16-bit field, so these two keep the conversions in one place ----------------
 */

static bool has_flag(const MDL *mdl, uint32_t flags)
{
    return ((uint32_t)mdl->MdlFlags & flags) != 0;
}

static void flags_change(MDL *mdl, uint32_t clear, uint32_t set)
{
    mdl->MdlFlags = (CSHORT)((((uint32_t)mdl->MdlFlags & ~clear) | set) & 0xFFFF);
}

/* --- allocation --------------------------------------------------------------------------------
 */

SIZE_T MmSizeOfMdl(PVOID Base, SIZE_T Length)
{
    /* MDL-06 */
    return sizeof(MDL) + sizeof(PFN_NUMBER) * ADDRESS_AND_SIZE_TO_SPAN_PAGES(Base, Length);
}

static MDL *mdl_alloc(PVOID address, uint32_t length)
{
    uint64_t pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(address, length);
    uint32_t lead = pages >= ARRAY_ALIGNED_PAGES ? sizeof(struct mdl_block) : MS_CACHE_LINE;
    uint64_t bytes = lead + MmSizeOfMdl(address, length);
    uint8_t *memory = ms_alloc(bytes);

    if (!memory)
        return NULL;
    MDL *mdl = (MDL *)(void *)(memory + lead);
    *((struct mdl_block *)(void *)mdl - 1) =
        (struct mdl_block){.magic = MDL_MAGIC, .lead = lead, .bytes = bytes};
    MmInitializeMdl(mdl, address, length);
    return mdl;
}

PMDL IoAllocateMdl(PVOID VirtualAddress, ULONG Length, BOOLEAN SecondaryBuffer, BOOLEAN ChargeQuota,
                   PIRP Irp)
{
    (void)ChargeQuota; /* there are no quotas */
    /* MDL-08 */
    if (Length > UINT32_MAX - MS_PAGE_BYTES + 1 || (SecondaryBuffer && !Irp))
        return NULL;
    MDL *mdl = mdl_alloc(VirtualAddress, Length);
    if (!mdl || !Irp)
        return mdl;
    PMDL *link = &Irp->MdlAddress;
    while (SecondaryBuffer && *link)
        link = &(*link)->Next;
    *link = mdl;
    return mdl;
}

PMDL ms_mdl_create(const PFN_NUMBER *pfn, uint32_t byte_offset, uint32_t byte_count)
{
    /* Any address serves as an index (MDL-19); not NULL, which drivers take for none. */
    PVOID index = (PVOID)(uintptr_t)(0x7FFE0000 + byte_offset);

    ms_assert(byte_offset < MS_PAGE_BYTES);
    ms_assert(byte_count <= UINT32_MAX - MS_PAGE_BYTES + 1);
    MDL *mdl = mdl_alloc(index, byte_count);
    if (!mdl)
        return NULL;
    memcpy(MmGetMdlPfnArray(mdl), pfn, ms_mdl_pages(mdl) * sizeof *pfn);
    flags_change(mdl, 0, MDL_PAGES_LOCKED);
    return mdl;
}

VOID IoFreeMdl(PMDL Mdl)
{
    struct mdl_block *block = (struct mdl_block *)(void *)Mdl - 1;

    ms_require(block->magic == MDL_MAGIC); /* from IoAllocateMdl or ms_mdl_create, and not freed */
    /* MDL-09: a partial MDL's own mapping. Any other of its own goes as well: nobody could reach
     * it afterwards. */
    if (has_flag(Mdl, MDL_MAPPED_TO_SYSTEM_VA))
        MmUnmapLockedPages(Mdl->MappedSystemVa, Mdl);
    block->magic = 0;
    ms_free((uint8_t *)Mdl - block->lead, block->bytes);
}

/* --- frames ------------------------------------------------------------------------------------
 */

/* Fills the array from the addresses the MDL describes; false when one is not in this memory. */
static bool frames_fill(MDL *mdl)
{
    const struct ms_memory *memory = memory_current();
    const uint8_t *address = mdl->StartVa;
    PPFN_NUMBER pfn = MmGetMdlPfnArray(mdl);
    uint64_t pages = ms_mdl_pages(mdl);

    for (uint64_t i = 0; i < pages; i++) {
        uint64_t found = memory ? ms_virtual_pfn(memory, address + i * MS_PAGE_BYTES) : MS_PFN_NONE;
        if (found == MS_PFN_NONE)
            return false;
        pfn[i] = found;
    }
    return true;
}

VOID MmBuildMdlForNonPagedPool(PMDL MemoryDescriptorList)
{
    MDL *mdl = MemoryDescriptorList;

    /* MDL-10. Addresses that are not the machine's leave the MDL as it was: not resident, so that
     * mapping it is refused (MTX-22) where Windows would stop. */
    if (!frames_fill(mdl))
        return;
    flags_change(mdl, 0, MDL_SOURCE_IS_NONPAGED_POOL);
    mdl->MappedSystemVa = MmGetMdlVirtualAddress(mdl);
}

VOID MmProbeAndLockPages(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode,
                         LOCK_OPERATION Operation)
{
    MDL *mdl = MemoryDescriptorList;

    (void)AccessMode; /* one address space: there is no user half to keep out */
    /* MDL-11: not allowed on these; nothing happens to them. */
    if (has_flag(mdl, MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL | MDL_PARTIAL))
        return;
    /* Bad memory raises STATUS_ACCESS_VIOLATION where there are exceptions. Here the MDL stays
     * unlocked, which MDL_PAGES_LOCKED shows, and mapping it for DMA is refused (MTX-22). */
    if (!frames_fill(mdl))
        return;
    flags_change(mdl, 0, MDL_PAGES_LOCKED | (Operation == IoReadAccess ? 0 : MDL_WRITE_OPERATION));
}

VOID MmUnlockPages(PMDL MemoryDescriptorList)
{
    MDL *mdl = MemoryDescriptorList;

    if (!has_flag(mdl, MDL_PAGES_LOCKED))
        return;
    if (has_flag(mdl, MDL_MAPPED_TO_SYSTEM_VA))
        MmUnmapLockedPages(mdl->MappedSystemVa, mdl); /* MDL-11 */
    flags_change(mdl, MDL_PAGES_LOCKED | MDL_WRITE_OPERATION, 0);
}

/* --- mapping -----------------------------------------------------------------------------------
 */

PVOID MmMapLockedPagesSpecifyCache(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode,
                                   MEMORY_CACHING_TYPE CacheType, PVOID RequestedAddress,
                                   ULONG BugCheckOnFailure, ULONG Priority)
{
    MDL *mdl = MemoryDescriptorList;
    const struct ms_memory *memory = memory_current();

    /* Caches are coherent, priority has no meaning while addresses last, and a failure is NULL. */
    (void)CacheType, (void)RequestedAddress, (void)BugCheckOnFailure, (void)Priority;
    if (!memory || !ms_mdl_is_resident(mdl))
        return NULL;
    if (AccessMode == KernelMode &&
        has_flag(mdl, MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL))
        return mdl
            ->MappedSystemVa; /* MDL-22: mapped twice is the driver's fault; it gets the one */
    uint8_t *view = ms_view_create((struct ms_memory *)(uintptr_t)memory, ms_mdl_frames(mdl),
                                   ms_mdl_pages(mdl));
    if (!view)
        return NULL;
    if (AccessMode == KernelMode) {
        mdl->MappedSystemVa = view + mdl->ByteOffset;
        flags_change(mdl, 0,
                     MDL_MAPPED_TO_SYSTEM_VA |
                         (has_flag(mdl, MDL_PARTIAL) ? MDL_PARTIAL_HAS_BEEN_MAPPED : 0));
    }
    return view + mdl->ByteOffset; /* MDL-12 */
}

VOID MmUnmapLockedPages(PVOID BaseAddress, PMDL MemoryDescriptorList)
{
    MDL *mdl = MemoryDescriptorList;
    const struct ms_memory *memory = memory_current();
    bool is_known = BaseAddress == mdl->MappedSystemVa;
    uint64_t pages;

    /* The buffer's own address, or the parent's mapping: not this MDL's to undo. */
    if (is_known && has_flag(mdl, MDL_SOURCE_IS_NONPAGED_POOL | MDL_PARENT_MAPPED_SYSTEM_VA))
        return;
    if (!memory)
        return;
    /* The whole view goes, also when MmAdvanceMdl has moved the MDL's start since, or has moved it
     * to the view's very end. */
    uint8_t *inside = BaseAddress;
    void *view = ms_view_find(memory, inside, &pages);
    if (!view && is_known && mdl->ByteCount == 0)
        view = ms_view_find(memory, inside - 1, &pages);
    if (view)
        ms_view_destroy((struct ms_memory *)(uintptr_t)memory, view, pages);
    if (is_known)
        flags_change(mdl, MDL_MAPPED_TO_SYSTEM_VA | MDL_PARTIAL_HAS_BEEN_MAPPED, 0);
}

/* --- cutting -----------------------------------------------------------------------------------
 */

VOID IoBuildPartialMdl(PMDL SourceMdl, PMDL TargetMdl, PVOID VirtualAddress, ULONG Length)
{
    const MDL *source = SourceMdl;
    MDL *target = TargetMdl;
    uint64_t skip =
        (uintptr_t)VirtualAddress - (uintptr_t)source->StartVa - source->ByteOffset; /* MDL-13 */

    if (skip > source->ByteCount || Length > source->ByteCount - skip)
        return; /* the driver's fault: the range is not the source's; the target stays as it is */
    uint64_t place = source->ByteOffset + skip;
    target->Process = source->Process;
    target->StartVa = (uint8_t *)source->StartVa + place / MS_PAGE_BYTES * MS_PAGE_BYTES;
    target->ByteOffset = (ULONG)(place % MS_PAGE_BYTES);
    target->ByteCount = Length ? Length : (ULONG)(source->ByteCount - skip);
    memcpy(MmGetMdlPfnArray(target), ms_mdl_frames(source) + place / MS_PAGE_BYTES,
           ms_mdl_pages(target) * sizeof(PFN_NUMBER));

    /* MDL-14. PARTIAL says "as resident as a locked source": a source that is not resident has no
     * frames to share, and its part is refused like itself (MTX-22). */
    uint32_t keep = (uint32_t)source->MdlFlags & (MDL_SOURCE_IS_NONPAGED_POOL | MDL_IO_SPACE |
                                                  MDL_WRITE_OPERATION | MDL_IO_PAGE_READ);
    if (ms_mdl_is_resident(source))
        keep |= MDL_PARTIAL;
    if (has_flag(source, MDL_MAPPED_TO_SYSTEM_VA))
        keep |= MDL_MAPPED_TO_SYSTEM_VA | MDL_PARENT_MAPPED_SYSTEM_VA;
    flags_change(target, 0xFFFF & ~(uint32_t)MDL_ALLOCATED_FIXED_SIZE, keep);
    target->MappedSystemVa = NULL;
    if (keep & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL))
        target->MappedSystemVa = (uint8_t *)source->MappedSystemVa + skip;
}

NTSTATUS MmAdvanceMdl(PMDL Mdl, ULONG NumberOfBytes)
{
    if (NumberOfBytes > Mdl->ByteCount)
        return STATUS_INVALID_PARAMETER_2; /* MDL-16 */

    uint64_t place = (uint64_t)Mdl->ByteOffset + NumberOfBytes;
    uint64_t drop = place / MS_PAGE_BYTES;
    PPFN_NUMBER pfn = MmGetMdlPfnArray(Mdl);
    uint64_t pages = ms_mdl_pages(Mdl);

    memmove(pfn, pfn + drop, (pages - drop) * sizeof *pfn);
    Mdl->StartVa = (uint8_t *)Mdl->StartVa + drop * MS_PAGE_BYTES;
    Mdl->ByteOffset = (ULONG)(place % MS_PAGE_BYTES);
    Mdl->ByteCount -= NumberOfBytes;
    if (has_flag(Mdl, MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL))
        Mdl->MappedSystemVa = (uint8_t *)Mdl->MappedSystemVa + NumberOfBytes;
    return STATUS_SUCCESS;
}

PHYSICAL_ADDRESS MmGetPhysicalAddress(PVOID BaseAddress)
{
    const struct ms_memory *memory = memory_current();
    uint64_t pfn = memory ? ms_virtual_pfn(memory, BaseAddress) : MS_PFN_NONE;
    uint64_t address =
        pfn == MS_PFN_NONE ? 0 : pfn * MS_PAGE_BYTES + (uintptr_t)BaseAddress % MS_PAGE_BYTES;

    return (PHYSICAL_ADDRESS){.QuadPart = (LONGLONG)address};
}
