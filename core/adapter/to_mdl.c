/* SPDX-License-Identifier: MIT */
/*
 * to_mdl: BuildMdlFromScatterGatherList: an MDL chain over the memory that a list really names,
 * which may be map registers (BMS-02). The chain is the list's: putting the list frees it.
 */
#include "adapter/grant.h"

#include <string.h>

/* A place in a list: so many bytes into one of its elements. */
struct element_cursor {
    const char *next; /* the element after the one we are in */
    uint32_t left_elements;
    uint64_t address; /* of the next byte */
    uint64_t left;    /* bytes left in this element */
};

static void element_enter(struct element_cursor *cursor)
{
    SCATTER_GATHER_ELEMENT element = {.Length = 0};

    if (cursor->left_elements > 0) {
        memcpy(&element, cursor->next, sizeof element);
        cursor->next += sizeof element;
        cursor->left_elements--;
    }
    cursor->address = (uint64_t)element.Address.QuadPart;
    cursor->left = element.Length;
}

static struct element_cursor element_begin(PSCATTER_GATHER_LIST list, uint32_t capacity)
{
    struct element_cursor cursor = {.next = (const char *)list + sizeof *list};
    ULONG elements;

    memcpy(&elements, list, sizeof elements);
    cursor.left_elements = elements < capacity ? elements : capacity;
    element_enter(&cursor);
    return cursor;
}

/* The address of the next byte, and past `bytes` of them, which lie in one page. */
static uint64_t element_skip(struct element_cursor *cursor, uint64_t bytes)
{
    uint64_t address = cursor->address;

    while (bytes > 0) {
        uint64_t step = ms_min_u64(bytes, cursor->left);
        if (step == 0)
            break; /* the driver cut the list short (PSG-09) */
        cursor->address += step;
        cursor->left -= step;
        bytes -= step;
        if (cursor->left == 0)
            element_enter(cursor);
    }
    return address;
}

static uint64_t mdl_bytes(uint64_t first, uint64_t bytes)
{
    uint64_t pages = (first % MS_PAGE_BYTES + bytes + MS_PAGE_BYTES - 1) >> MS_PAGE_SHIFT;

    return sizeof(MDL) + pages * sizeof(PFN_NUMBER);
}

/* One MDL of `bytes` at the cursor; its byte offset is the original's, and the address's (MRG-18) unless the
 * driver changed that (PSG-09). BMS-05. */
static MDL *mdl_make(void *place, struct element_cursor *cursor, const void *index, uint64_t first,
                     uint64_t bytes)
{
    MDL *mdl = place;
    uint64_t in_page = first % MS_PAGE_BYTES;
    const char *va = (const char *)PAGE_ALIGN(index) + in_page;
    PPFN_NUMBER pfn = MmGetMdlPfnArray(mdl);

    memset(mdl, 0, sizeof *mdl);
    MmInitializeMdl(mdl, va, bytes);
    mdl->MdlFlags = MDL_PAGES_LOCKED;
    while (bytes > 0) {
        uint64_t step = ms_min_u64(bytes, MS_PAGE_BYTES - in_page);
        *pfn++ = element_skip(cursor, step) >> MS_PAGE_SHIFT;
        in_page = 0;
        bytes -= step;
    }
    return mdl;
}

/* The range of one MDL of the original chain that the list covers; false: no more. */
struct piece {
    struct ms_mdl_cursor at;
    uint64_t offset; /* next chain offset */
    uint64_t end;
};

static bool piece_next(struct piece *piece, const char **index, uint64_t *first, uint64_t *bytes)
{
    if (piece->offset >= piece->end || !ms_mdl_cursor_seek(&piece->at, piece->offset))
        return false;
    uint64_t inside = piece->offset - piece->at.base;
    *index = (const char *)MmGetMdlVirtualAddress(piece->at.mdl) + inside;
    *first = piece->at.mdl->ByteOffset + inside;
    *bytes = ms_min_u64(piece->at.mdl->ByteCount - inside, piece->end - piece->offset);
    piece->offset += *bytes;
    return true;
}

static NTSTATUS chain_make(struct ms_dma *dma, struct ms_list_plan *plan)
{
    struct piece begin = {{plan->head, 0}, plan->offset, plan->offset + plan->length};
    struct piece piece = begin;
    struct element_cursor elements = element_begin(plan->list, plan->capacity);
    uint64_t first, bytes, size = 0;
    const char *index;
    MDL **link = NULL;

    while (piece_next(&piece, &index, &first, &bytes))
        size += mdl_bytes(first, bytes);
    piece = begin;
    if (plan->is_joint && piece_next(&piece, &index, &first, &bytes))
        size = mdl_bytes(
            first, plan->length); /* one MDL, whose later pages are those of the run (SGL-08) */
    char *place = ms_list_store_take(&dma->store, size);
    if (!place)
        return STATUS_INSUFFICIENT_RESOURCES; /* BMS-04 */
    plan->made = place;
    piece = begin;
    while (piece_next(&piece, &index, &first, &bytes)) {
        if (plan->is_joint)
            bytes = plan->length;
        MDL *mdl = mdl_make(place, &elements, index, first, bytes);
        place += mdl_bytes(first, bytes);
        if (link)
            *link = mdl;
        link = &mdl->Next;
        if (plan->is_joint)
            break;
    }
    return STATUS_SUCCESS;
}

void ms_made_mdls_unmap(void *block)
{
    for (MDL *mdl = block; mdl; mdl = mdl->Next)
        if (mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA)
            MmUnmapLockedPages(mdl->MappedSystemVa, mdl);
}

NTSTATUS HalBuildMdlFromScatterGatherList(PDMA_ADAPTER DmaAdapter,
                                          PSCATTER_GATHER_LIST ScatterGather, PMDL OriginalMdl,
                                          PMDL *TargetMdl)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);
    uint32_t serial;
    struct ms_grant *grant;
    NTSTATUS status;

    if (!OriginalMdl || !TargetMdl)
        return STATUS_INVALID_PARAMETER; /* BMS-04 */
    grant = ms_list_find(adapter, ScatterGather, &serial);
    if (!grant)
        return STATUS_INVALID_PARAMETER;
    struct ms_list_plan *plan = &adapter->dma->lists[ms_grant_index(adapter->dma, grant)].plan;
    if (grant->bounced == 0) {
        *TargetMdl = OriginalMdl; /* BMS-03, BMS-06 */
        return STATUS_SUCCESS;
    }
    if (plan->made)
        return STATUS_NONE_MAPPED; /* BMS-04, BMS-06 */
    status = chain_make(adapter->dma, plan);
    if (NT_SUCCESS(status))
        *TargetMdl = plan->made;
    return status;
}
