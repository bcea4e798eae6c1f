/* SPDX-License-Identifier: MIT */
/*
 * breach_lists.h: what the bad driver does with lists, chains, common buffers, domains and questions, and what the
 * contract says of each. Included by breach_fuzz.c, once.
 */
#ifndef FUZZ_BREACH_LISTS_H
#define FUZZ_BREACH_LISTS_H

#include "breach_transfers.h"

/* --- lists -------------------------------------------------------------------------------------------------------- */

/* The grant of a list that this slot's adapter made, as the machine sees it; NONE: nobody's; WHATEVER: the driver had
 * several made in one buffer. */
static uint32_t list_grant(uint32_t slot, PSCATTER_GATHER_LIST list)
{
    uint32_t found = NONE;

    for (uint32_t i = 0; i < GRANTS && list; i++) {
        PVOID of;
        memcpy(&of, &b.stage.dma->lists[i].list, sizeof of);
        union ms_grant_word word = word_of(i);
        if (of == list && word.phase == GRANT_HELD && word.listed &&
            word.adapter == slot_index(slot) && mapping_of(i) == MAPPING_MAPPED)
            found = found == NONE ? i : WHATEVER;
    }
    return found;
}

/* how: 1 asynchronous, 2 Build, 4 no routine, 8 the older routine, 16 for the device; the plan lies above. */
static void do_list(uint32_t slot, uint32_t context, uint8_t where, uint8_t how)
{
    bool synchronous = !(how & 1), is_build = how & 2, is_old = how & 8;
    PDRIVER_LIST_CONTROL routine = how & 4 ? NULL : on_bad_list;
    PSCATTER_GATHER_LIST made = (PSCATTER_GATHER_LIST)(void *)&b;
    void *room = b.room[where % ROOMS];
    struct call call;
    struct deal *d;
    NTSTATUS status;

    if (!b.adapter[slot] || (is_old && !routine) || !call_begin(&call, slot, USES))
        return;
    PDMA_ADAPTER a = b.adapter[slot];
    PMDL head = chain_pick(slot, where >> 3 & 3);
    uint64_t offset = where_classes[where & 7];
    ULONG length = length_classes[where >> 5], bytes = how & 0x80 ? 60 : ROOM_BYTES;
    ULONG flags = synchronous ? DMA_SYNCHRONOUS_CALLBACK : 0;
    PVOID va = (char *)MmGetMdlVirtualAddress(head) + (ptrdiff_t)(int64_t)offset;
    BOOLEAN out = how >> 4 & 1;
    d = deal_new(slot, is_old ? CONTEXTS : context, how >> 5);
    if (!d) {
        call_end(&call, NONE, "nothing");
        return;
    }
    if (is_old)
        status = is_build ? ops()->BuildScatterGatherList(a, &b.device[0], head, va, length,
                                                          routine, d, out, room, bytes)
                          : ops()->GetScatterGatherList(a, &b.device[0], head, va, length, routine,
                                                        d, out);
    else if (is_build)
        status = ops()->BuildScatterGatherListEx(a, &b.device[0], b.context[context], head, offset,
                                                 length, flags, routine, d, out, room, bytes, NULL,
                                                 NULL, &made);
    else
        status = ops()->GetScatterGatherListEx(a, &b.device[0], b.context[context], head, offset,
                                               length, flags, routine, d, out, NULL, NULL, &made);
    if (!is_old && (call.is_system || length == 0 || offset >= chain_bytes(head) ||
                    length > chain_bytes(head) - offset || (!routine && !synchronous)))
        if (NT_SUCCESS(status))
            ms_sim_fail("O7 a call ends with another status",
                        "list: an argument"); /* SGX-02, 03, 05 */
    if (status != STATUS_SUCCESS && status != STATUS_INVALID_PARAMETER &&
        status != STATUS_CANCELLED && status != STATUS_INSUFFICIENT_RESOURCES &&
        status != STATUS_BUFFER_TOO_SMALL)
        ms_sim_fail("O7 a call ends with another status", "list: %08x", (unsigned)status);
    if (!NT_SUCCESS(status) && (PVOID)made != (PVOID)&b)
        ms_sim_fail("O7 a call that failed wrote something", "list: %08x", (unsigned)status);
    deal_answered(d, status);
    if (!is_old && synchronous)
        b.has_failed[call.fiber][slot] = !NT_SUCCESS(status);
    if (!is_old && synchronous && !routine && NT_SUCCESS(status)) {
        d->is_entered = d->is_done = true;
        d->running_in = (uint8_t)call.fiber;
        d->list = made;
    }
    if (NT_SUCCESS(status) && d->is_entered && d->list && is_alone(&call) && b.adapter[slot] == a &&
        length <= chain_bytes(head) - offset)
        list_judge(slot, d->list, head, offset, length, out, !call.is_system);
    call_end(&call, NONE, "list");
}

static PSCATTER_GATHER_LIST list_pick(uint8_t which)
{
    if (which % 16 == 15)
        return g.asking == LISTS ? g.list : NULL;
    if (which % 16 >= 13)
        return (PSCATTER_GATHER_LIST)(void *)b.room[which % 2];
    return which % 16 < b.deals ? b.deal[which % 16].list : NULL;
}

/* Its memory may be read: it is the bad driver's own, or some list's. */
static bool list_may_be_read(PSCATTER_GATHER_LIST list)
{
    const char *at = (const char *)list, *rooms = (const char *)b.room;

    if (!list || (at >= rooms && at < rooms + sizeof b.room) || list == g.list)
        return true;
    for (uint32_t i = 0; i < GRANTS; i++) {
        PVOID of;
        memcpy(&of, &b.stage.dma->lists[i].list, sizeof of);
        if (of == list)
            return true;
    }
    return false;
}

static void do_put_list(uint32_t slot, uint8_t which)
{
    PSCATTER_GATHER_LIST list = list_pick(which);
    struct call call;

    if (!b.adapter[slot] || b.is_reading_list || !list_may_be_read(list) ||
        !call_begin(&call, slot, USES))
        return;
    uint32_t index = list_grant(slot, list);
    ops()->PutScatterGatherList(b.adapter[slot], list, (BOOLEAN)(which >> 4 & 1));
    if (is_alone(&call) && index < GRANTS && list_grant(slot, list) == index &&
        word_of(index).serial == call.before[index].serial)
        ms_sim_fail("O9 a list that was put is still there", "grant %u", index);
    call_end(&call, index, "put a list");
}

/* The chain that a list really uses (BMS-*), perhaps after the driver wrote into the list (PSG-09). */
static void do_to_mdl(uint32_t slot, uint8_t which, uint8_t scribble)
{
    PSCATTER_GATHER_LIST list = list_pick(which);
    PMDL target = (PMDL)(void *)&b;
    struct call call;
    NTSTATUS status;

    /* One at a time for a list (GEN-09). */
    if (!b.adapter[slot] || !list_may_be_read(list) || list == g.list ||
        b.inside != b.inside_by[self()] || !call_begin(&call, slot, MOVES))
        return;
    uint32_t index = list_grant(slot, list);
    if (scribble && index != NONE) {
        SCATTER_GATHER_ELEMENT element;
        memcpy(&element, (char *)list + sizeof(SCATTER_GATHER_LIST), sizeof element);
        element.Address.QuadPart += scribble & 1 ? 0xFFF : 0;
        element.Length += scribble & 2 ? scribble : 0;
        memcpy((char *)list + sizeof(SCATTER_GATHER_LIST), &element, sizeof element);
        if (scribble & 4) /* the name that it carries, too */
            memset((char *)list + offsetof(SCATTER_GATHER_LIST, Reserved), scribble,
                   sizeof(ULONG_PTR));
    }
    b.is_reading_list = true;
    status = ops()->BuildMdlFromScatterGatherList(
        b.adapter[slot], list, scribble & 8 ? NULL : b.chain[0], scribble & 16 ? NULL : &target);
    b.is_reading_list = false;
    if (index == NONE || scribble & 24)
        expect_status(status, STATUS_INVALID_PARAMETER, "build an MDL"); /* BMS-04 */
    else if (status != STATUS_SUCCESS && status != STATUS_NONE_MAPPED &&
             status != STATUS_INSUFFICIENT_RESOURCES)
        ms_sim_fail("O7 a call ends with another status", "build an MDL: %08x", (unsigned)status);
    if (NT_SUCCESS(status) && target != b.chain[0] && MmGetMdlByteCount(target) == 0)
        ms_sim_fail("O5 a chain of nothing", "grant %u", index);
    call_end(&call, NONE, "build an MDL");
}

/* The second chain goes on elsewhere, and its old end is freed: whatever knew it must not look again (FRE-16). */
static void do_relink(uint8_t how)
{
    static const PFN_NUMBER pfn[2][1] = {{0x150030}, {0x6030}};
    uint32_t fiber = self();

    if (b.inside != b.inside_by[fiber] || b.inside > 0)
        return;
    for (uint32_t i = 0; i < GRANTS; i++) /* not under a mapping or a request (MSV-21) */
        if (word_of(i).phase != GRANT_FREE && is_bad(word_of(i).adapter) &&
            (mapping_of(i) != MAPPING_NONE || word_of(i).listed || word_of(i).phase != GRANT_HELD))
            return;
    PMDL next = ms_mdl_create(pfn[how & 1], how & 2 ? 0x800 : 0, 0x800);
    if (!next)
        return;
    PMDL old = b.tail;
    b.chain[1]->Next = next;
    b.tail = next;
    IoFreeMdl(old);
}

/* --- common buffers, domains -------------------------------------------------------------------------------------- */

/* Frees what was not allocated, then what was: only that goes (CBF-06, CBV-03). */
static void do_common(uint32_t slot, uint8_t how)
{
    PHYSICAL_ADDRESS logical = {.QuadPart = 0xBAD}, wrong;
    ULONG length = how & 1 ? PAGE_SIZE : 3 * PAGE_SIZE;
    struct call call;

    if (!call_begin(&call, slot, USES))
        return;
    PDMA_ADAPTER a = b.adapter[slot];
    if (ops()->AllocateCommonBuffer(a, 0, &logical, TRUE) ||
        ops()->AllocateCommonBuffer(a, length, NULL, TRUE) || logical.QuadPart != 0xBAD)
        ms_sim_fail("O7 a common buffer of nothing", "%u", slot); /* CBF-11 */
    volatile char *buffer = ops()->AllocateCommonBuffer(a, length, &logical, TRUE);
    if (buffer) {
        buffer[0] = buffer[length - 1] = 0x5A;
        wrong.QuadPart = logical.QuadPart + (how & 2 ? PAGE_SIZE : 0);
        ops()->FreeCommonBuffer(a, how & 4 ? length : length + 1, wrong,
                                (char *)(uintptr_t)buffer + (how & 2   ? 0
                                                             : how & 4 ? 1
                                                                       : 0),
                                TRUE);
        if (buffer[0] != 0x5A || buffer[length - 1] != 0x5A)
            ms_sim_fail("O6 a common buffer is gone that nobody freed", "%u", slot);
        ops()->FreeCommonBuffer(a, length, logical, (char *)(uintptr_t)buffer, TRUE);
        if (!b.beside) /* else it may be the other thread's by now */
            ops()->FreeCommonBuffer(a, length, logical, (char *)(uintptr_t)buffer, TRUE);
    }
    call_end(&call, NONE, "common buffers");
}

static void do_vector(uint32_t slot, uint8_t how)
{
    PHYSICAL_ADDRESS low = {.QuadPart = 0}, high = {.QuadPart = INT64_MAX}, logical;
    PDMA_COMMON_BUFFER_VECTOR vector = NULL;
    PVOID address = &b;
    struct call call;

    if (!call_begin(&call, slot, USES))
        return;
    PDMA_ADAPTER a = b.adapter[slot];
    expect_status(ops()->AllocateCommonBufferVector(a, low, high, MmCached, 0, 0, how & 1 ? 0 : 2,
                                                    how & 1 ? PAGE_SIZE : 0, &vector),
                  STATUS_INVALID_PARAMETER, "vector of nothing"); /* CBV-06 */
    if (NT_SUCCESS(ops()->AllocateCommonBufferVector(a, low, high, MmCached, 0, 0, 2, PAGE_SIZE,
                                                     &vector))) {
        ops()->FreeCommonBufferFromVector(a, vector, how & 2 ? 1 : 2);
        ops()->FreeCommonBufferFromVector(a, vector, how & 2 ? 1 : UINT32_MAX);
        ops()->GetCommonBufferFromVectorByIndex(a, vector, how & 2 ? 1 : 2, &address, &logical);
        if (address != (PVOID)&b)
            ms_sim_fail("O7 a buffer that a vector does not have", "%u", how); /* CBV-04 */
        ops()->FreeCommonBufferVector(a, vector);
    }
    call_end(&call, NONE, "vectors");
}

/* Some domain that is, that was, or never was. */
static void do_join(uint32_t slot, uint8_t how)
{
    HANDLE domain = b.home;
    struct call call;
    NTSTATUS status;

    if (!call_begin(&call, slot, USES))
        return;
    bool is_wide = how % 4 == 0;
    if (how % 4 == 1)
        domain = NULL;
    else if (how % 4 == 2)
        domain = (HANDLE)(uintptr_t)(0xD0000000FFFF + how);
    else if (how % 4 == 3)
        domain = ops()->GetDmaDomain(b.good);
    if (is_wide) {
        b.is_member[slot] = true;
        b.joins++;
    }
    status = ops()->JoinDmaDomain(b.adapter[slot], domain);
    expect_status(status, how % 4 == 1 || how % 4 == 2 ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS,
                  "join"); /* DOM-02 */
    call_end(&call, NONE, "join");
}

static void do_leave(uint32_t slot)
{
    struct call call;

    if (!call_begin(&call, slot, USES))
        return;
    expect_status(ops()->LeaveDmaDomain(b.adapter[slot]), STATUS_SUCCESS, "leave");
    if (is_alone(&call))
        domain_left(slot);
    call_end(&call, NONE, "leave");
}

/* --- small calls ------------------------------------------------------------------------------------------------------ */

static void do_configure(uint32_t slot, uint8_t how)
{
    uint32_t period = how % 130;
    struct call call;

    if (!call_begin(&call, slot, USES))
        return;
    bool is_owned = is_system(slot) && (owner_of(slot) != NONE || slot_waits(slot));
    NTSTATUS status = ops()->ConfigureAdapterChannel(b.adapter[slot], how & 0x80 ? 7 : 1,
                                                     how & 0x40 ? NULL : &period);
    if (is_alone(&call) && !is_owned)
        expect_status(status, STATUS_INVALID_PARAMETER, "configure"); /* CFG-05 */
    if (status != STATUS_SUCCESS && status != STATUS_INVALID_PARAMETER &&
        status != STATUS_NOT_IMPLEMENTED && status != STATUS_INVALID_DEVICE_STATE)
        ms_sim_fail("O7 a call ends with another status", "configure: %08x", (unsigned)status);
    call_end(&call, NONE, "configure");
}

/* Questions: they change nothing. */
static void do_inquire(uint32_t slot, uint8_t where, uint8_t how)
{
    DMA_TRANSFER_INFO info = {.Version = how & 3};
    DMA_ADAPTER_INFO about = {.Version = how >> 2 & 3};
    struct call call;
    ULONG size = 0, count = 0;

    if (!call_begin(&call, slot, USES))
        return;
    PDMA_ADAPTER a = b.adapter[slot];
    PMDL head = chain_pick(slot, where >> 3 & 3);
    uint64_t offset = where_classes[where & 7], all = chain_bytes(head);
    ULONG length = length_classes[where >> 5];
    bool is_wrong = offset >= all || length == 0 || length > all - offset;
    NTSTATUS status = ops()->GetDmaTransferInfo(a, head, offset, length, FALSE, &info);
    if ((status == STATUS_SUCCESS) != (!is_wrong && info.Version < 3))
        ms_sim_fail("O7 a call ends with another status", "ask about a transfer: %08x",
                    (unsigned)status); /* GTI-03, GTI-11 */
    expect_status(ops()->GetDmaAdapterInfo(a, &about),
                  about.Version < 2 ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED,
                  "ask about the adapter"); /* GAI-01, GAI-07 */
    status = ops()->CalculateScatterGatherList(a, how & 16 ? NULL : head, (PVOID)(uintptr_t)offset,
                                               length, &size, &count);
    if (status != STATUS_SUCCESS && status != STATUS_INSUFFICIENT_RESOURCES &&
        status != STATUS_BUFFER_TOO_SMALL)
        ms_sim_fail("O7 a call ends with another status", "calculate: %08x", (unsigned)status);
    if (ops()->GetDmaAlignment(a) == 0)
        ms_sim_fail("O7 an alignment of nothing", "%u", slot); /* GDA-02 */
    ULONG left = ops()->ReadDmaCounter(a);
    if (left != 0 && (!call.is_system || left > 0x1800))
        ms_sim_fail("O5 more is left than was mapped", "%u", (unsigned)left); /* RDC-03, RDC-04 */
    if (ops()->FlushDmaBuffer)
        expect_status(ops()->FlushDmaBuffer(a, how & 32 ? NULL : head, FALSE),
                      how & 32 ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS, "flush a buffer");
    call_end(&call, NONE, "ask");
}

#endif
