/* SPDX-License-Identifier: MIT */
/*
 * breach_transfers.h: what the bad driver maps, flushes and gives back, and what the contract says of each. Included by
 * breach_fuzz.c, once.
 */
#ifndef FUZZ_BREACH_TRANSFERS_H
#define FUZZ_BREACH_TRANSFERS_H

#include "breach_calls.h"

/* --- transfers -------------------------------------------------------------------------------------------------------- */

static void do_stop(uint32_t slot, uint32_t context)
{
    struct call call;

    if (!call_begin(&call, slot, USES))
        return;
    bool is_master = !is_system(slot);
    NTSTATUS status = ops()->CancelMappedTransfer(b.adapter[slot],
                                                  context < CONTEXTS ? b.context[context] : NULL);
    if (is_master || context >= CONTEXTS)
        expect_status(status, STATUS_INVALID_PARAMETER, "stop"); /* CMT-14, CMT-15 */
    else if (status != STATUS_SUCCESS && status != STATUS_INVALID_PARAMETER)
        ms_sim_fail("O7 a call ends with another status", "stop: %08x", (unsigned)status);
    if (is_alone(&call) && context < CONTEXTS && status == STATUS_SUCCESS && b.adapter[slot] &&
        !b.is_noisy[context]) {
        status = ops()->CancelMappedTransfer(b.adapter[slot], b.context[context]);
        if (is_alone(&call))
            expect_status(status, STATUS_INVALID_PARAMETER, "stop twice"); /* CMT-08 */
    }
    call_end(&call, NONE, "stop");
}

/* A base that may be used now: another thread's routine may not have said yet whether it keeps it (GEN-09). */
static bool base_is_free(PVOID base)
{
    uint32_t index = grant_of(base);

    if (index == NONE || !word_of(index).running)
        return true;
    for (uint32_t i = 0; i < b.deals; i++)
        if (b.deal[i].base == base && b.deal[i].is_entered && !b.deal[i].is_done)
            return b.deal[i].running_in == self();
    return false;
}

static PVOID base_pick(uint8_t which)
{
    switch (which % 16) {
    case 15:
        return g.base;
    case 14:
        return r.base;
    case 13:
        return NULL;
    case 12:
        return (PVOID)(uintptr_t)0x4000000080000003; /* of no life yet, or of a later one */
    default:
        return which % 16 < b.deals ? b.deal[which % 16].base : NULL;
    }
}

/* The base names a grant of this slot's adapter that has its registers. */
static bool base_is_ours(uint32_t slot, PVOID base)
{
    uint32_t index = grant_of(base);

    return index != NONE && word_of(index).has && word_of(index).adapter == slot_index(slot);
}

static const uint64_t where_classes[8] = {0,      1,      0xFFF,      0x1000,
                                          0x17FF, 0x1800, UINT32_MAX, UINT64_MAX};
static const uint32_t length_classes[8] = {0x1800, 1, 0, 0x1000, 0xFF0, 0x801, 0x1801, UINT32_MAX};

/* Bytes that the chain describes. */
static uint64_t chain_bytes(const MDL *mdl)
{
    uint64_t sum = 0;

    for (; mdl; mdl = mdl->Next)
        sum += mdl->ByteCount;
    return sum;
}

static PMDL chain_pick(uint32_t slot, uint8_t which)
{
    return b.chain[is_system(slot) ? CHAINS - 1 : which % (CHAINS - 1)];
}

/* Where byte `at` of the chain lies. */
static uint64_t chain_place(const MDL *mdl, uint64_t at)
{
    while (at >= mdl->ByteCount) {
        at -= mdl->ByteCount;
        mdl = mdl->Next;
    }
    return (MmGetMdlPfnArray((PMDL)(uintptr_t)mdl)[(mdl->ByteOffset + at) / MS_PAGE_BYTES]
            << MS_PAGE_SHIFT) +
           (mdl->ByteOffset + at) % MS_PAGE_BYTES;
}

/* O5: the list tiles the bytes, each of its ends where that byte lies or in a register, with the same bytes. */
static void list_judge(uint32_t slot, const void *list, const MDL *head, uint64_t offset,
                       uint64_t length, bool to_device, bool is_quiet)
{
    const struct ms_adapter *adapter = (const struct ms_adapter *)(void *)b.adapter[slot];
    SCATTER_GATHER_LIST header;
    uint64_t sum = 0;

    memcpy(&header, list, sizeof header);
    for (uint32_t i = 0; i < header.NumberOfElements; i++) {
        SCATTER_GATHER_ELEMENT element;
        memcpy(&element, (const char *)list + sizeof header + i * sizeof element, sizeof element);
        uint64_t first = (uint64_t)element.Address.QuadPart, last = first + element.Length - 1;
        if (element.Length == 0 || (adapter->address_width < 64 && last >> adapter->address_width))
            ms_sim_fail("O5 an element out of reach or empty", "element %u", i);
        if (!adapter->controller && b.boundary && first / b.boundary != last / b.boundary)
            ms_sim_fail("O5 an element that the device can not take", "element %u", i); /* SGE-06 */
        for (uint32_t end = 0; end < 2 && is_quiet && sum + element.Length <= length; end++) {
            uint64_t la = end ? last : first;
            uint64_t pa = chain_place(head, offset + sum + (end ? element.Length - 1 : 0));
            if (la % MS_PAGE_BYTES != pa % MS_PAGE_BYTES) /* MRG-18 */
                ms_sim_fail("O5 an element begins elsewhere in its page", "element %u", i);
            if (to_device && *ms_memory_byte(b.stage.memory, (ms_pa){la}) !=
                                 *ms_memory_byte(b.stage.memory, (ms_pa){pa}))
                ms_sim_fail("O6 the device would see other bytes", "element %u", i);
        }
        sum += element.Length;
    }
    if (sum != length)
        ms_sim_fail("O5 the elements do not tile the mapping", "%lu of %lu bytes",
                    (unsigned long)sum, (unsigned long)length);
}

/* The arguments of a map, and what is to be said of it. */
struct mapping {
    PMDL head;
    uint64_t offset;
    ULONG length, bytes;
    bool to_device;
    void *room;
};

static struct mapping mapping_of_ops(uint32_t slot, uint8_t where, uint8_t what)
{
    static const uint16_t bytes[4] = {16 + 24 * ELEMENTS_MAX, 40, 39, 0};
    struct mapping m = {
        .head = chain_pick(slot, where >> 3 & 3),
        .offset = where_classes[where & 7],
        .length = length_classes[what & 7],
        .to_device = what >> 3 & 1,
        .bytes = bytes[what >> 4 & 3],
        .room = b.room[self() % ROOMS],
    };

    if (is_system(slot) && m.bytes == sizeof bytes)
        m.bytes = 0;
    if (m.bytes == 0)
        m.room = NULL;
    if (!(where & 0x80) && m.length > 1 && m.offset < chain_bytes(m.head))
        m.length = (ULONG)ms_min_u64(m.length, chain_bytes(m.head) - m.offset);
    return m;
}

static struct bad_start *start_new(uint32_t slot, uint8_t plan)
{
    struct bad_start *s = b.starts < STARTS_MAX ? &b.start[b.starts++] : NULL;

    if (s)
        *s = (struct bad_start){.slot = (uint8_t)slot, .life = b.life[slot], .plan = plan};
    return s;
}

static void do_map(uint32_t slot, PVOID base, uint8_t where, uint8_t what)
{
    struct call call;

    if (!b.adapter[slot] || !base_is_free(base) || !call_begin(&call, slot, MOVES))
        return;
    struct mapping m = mapping_of_ops(slot, where, what);
    struct bad_start *s = is_system(slot) ? start_new(slot, where >> 5) : NULL;
    uint32_t index = grant_of(base);
    b.maps++;
    bool ours = base_is_ours(slot, base), was_mapped = ours && mapping_of(index) != MAPPING_NONE;
    bool is_bare = !base && b.stage.dma->config.null_bases;
    ULONG length = m.length, told_before = s ? s->told : 0;
    NTSTATUS status =
        ops()->MapTransferEx(b.adapter[slot], m.head, base, m.offset, 0, &length,
                             (BOOLEAN)m.to_device, m.room, m.bytes, s ? on_bad_told : NULL, s);
    if (status != STATUS_SUCCESS && status != STATUS_INVALID_PARAMETER &&
        status != STATUS_INSUFFICIENT_RESOURCES && (status != STATUS_CANCELLED || !is_system(slot)))
        ms_sim_fail("O7 a call ends with another status", "map: %08x",
                    (unsigned)status); /* MTX-42 */
    if (!NT_SUCCESS(status) && length != m.length)
        ms_sim_fail("O7 a call that failed wrote something", "map: %08x",
                    (unsigned)status); /* MTX-57 */
    if (NT_SUCCESS(status) && (length > m.length || (length == 0) != (m.length == 0)))
        ms_sim_fail("O5 a mapping of the wrong length", "%u of %u", (unsigned)length,
                    (unsigned)m.length); /* MTX-29 */
    if (!ours && !is_bare)
        expect_status(status, STATUS_INVALID_PARAMETER, "map: a base of another"); /* MTX-20 */
    if (m.offset >= chain_bytes(m.head) || m.length > chain_bytes(m.head) - m.offset ||
        (m.room && m.bytes < 40) || (!m.room && !is_system(slot)))
        if (NT_SUCCESS(status))
            ms_sim_fail("O7 a call ends with another status",
                        "map: an argument"); /* MTX-06, 10, 12 */
    if (is_alone(&call) && was_mapped)
        expect_status(status, STATUS_INVALID_PARAMETER, "map: it is mapped"); /* MTX-52 */
    if (NT_SUCCESS(status) && m.length > 0 && m.room && is_alone(&call))
        list_judge(slot, m.room, m.head, m.offset, length, m.to_device, !is_system(slot));
    if (s)
        s->is_started = NT_SUCCESS(status) && m.length > 0;
    if (s && !s->is_started && s->told != told_before)
        ms_sim_fail("O3 told of a transfer that was refused", "%08x",
                    (unsigned)status); /* MTX-46 */
    call_end(&call, NONE, "map");
}

/* As version 1: one region (MTR-*). */
static void do_map_old(uint32_t slot, PVOID base, uint8_t where, uint8_t what)
{
    struct call call;

    if (!b.adapter[slot] || !base_is_free(base) || !call_begin(&call, slot, MOVES))
        return;
    struct mapping m = mapping_of_ops(slot, where, what);
    ULONG length = m.length;
    bool ours = base_is_ours(slot, base);
    PHYSICAL_ADDRESS at =
        ops()->MapTransfer(b.adapter[slot], m.head, base,
                           (char *)MmGetMdlVirtualAddress(m.head) + (ptrdiff_t)(int64_t)m.offset,
                           &length, (BOOLEAN)m.to_device);
    if (length > m.length || (length == 0 && at.QuadPart != 0))
        ms_sim_fail("O5 a mapping of the wrong length", "%u of %u", (unsigned)length,
                    (unsigned)m.length); /* MTR-03, MTR-09 */
    if (!ours && length != 0 && (base || !b.stage.dma->config.null_bases))
        ms_sim_fail("O7 a base of another is mapped", "%u bytes", (unsigned)length);
    call_end(&call, NONE, "map as version 1");
}

static void do_flush(uint32_t slot, PVOID base, uint8_t what, bool is_old)
{
    struct call call;

    if (!b.adapter[slot] || !base_is_free(base) || !call_begin(&call, slot, MOVES))
        return;
    uint32_t index = grant_of(base);
    bool ours = base_is_ours(slot, base), is_bare = !base && b.stage.dma->config.null_bases;
    struct mapping m = mapping_of_ops(slot, (uint8_t)(what >> 4 << 3), what);
    uint32_t was = ours ? mapping_of(index) : MAPPING_NONE;
    if (ours && was == MAPPING_MAPPED && (what & 0x40)) { /* rightly */
        const struct ms_grant *grant = &b.stage.dma->grants[index];
        m = (struct mapping){.head = grant->head,
                             .offset = grant->offset,
                             .length = (ULONG)ms_min_u64(m.length, grant->mapped_bytes),
                             .to_device = grant->write_to_device != 0};
    }
    NTSTATUS status;
    if (is_old)
        status = ops()->FlushAdapterBuffers(b.adapter[slot], m.head, base,
                                            (char *)MmGetMdlVirtualAddress(m.head) +
                                                (ptrdiff_t)(int64_t)m.offset,
                                            m.length, (BOOLEAN)m.to_device)
                     ? STATUS_SUCCESS
                     : STATUS_INVALID_PARAMETER;
    else
        status = ops()->FlushAdapterBuffersEx(b.adapter[slot], m.head, base, m.offset, m.length,
                                              (BOOLEAN)m.to_device);
    if (status != STATUS_SUCCESS && status != STATUS_INVALID_PARAMETER)
        ms_sim_fail("O7 a call ends with another status", "flush: %08x", (unsigned)status);
    if (!ours && !is_bare && !is_old)
        expect_status(status, STATUS_INVALID_PARAMETER, "flush: a base of another"); /* FLX-11 */
    if (is_alone(&call) && ours && !is_old && was == MAPPING_NONE)
        expect_status(status, STATUS_SUCCESS, "flush: nothing is mapped"); /* FLX-07, FLX-10 */
    if (is_alone(&call) && ours && !is_old && was == MAPPING_MAPPED && (what & 0x40))
        expect_status(status, STATUS_SUCCESS, "flush"); /* FLX-09 */
    if (is_alone(&call) && ours && was == MAPPING_MAPPED && !is_old &&
        (mapping_of(index) == MAPPING_NONE) != NT_SUCCESS(status))
        ms_sim_fail("O7 a mapping ends though its flush failed, or stays", "%08x",
                    (unsigned)status);
    call_end(&call, NONE, "flush");
}

/* --- giving back ------------------------------------------------------------------------------------------------------- */

/* That life of the grant owns nothing any more, and has no registers, unless they stay. */
static void released_judge(const struct call *call, uint32_t index, bool registers_stay)
{
    union ms_grant_word word = word_of(index);

    /* Or it is just being granted, or its list made: then it is nobody's to free yet. */
    if (call->before[index].entering || (call->before[index].listed && call->before[index].running))
        return;
    if (!is_alone(call) || !is_seen(index) || word.serial != call->before[index].serial ||
        call->before[index].putting)
        return;
    if (word.owns || (!registers_stay && word.has))
        ms_sim_fail("O1 what was freed is still owned", "grant %u", index);
    if (registers_stay && word.has != call->before[index].has)
        ms_sim_fail("O1 registers are freed that should stay", "grant %u", index); /* FRE-05 */
}

static void do_free_channel(uint32_t slot)
{
    struct call call;

    if (!b.adapter[slot] || !call_begin(&call, slot, FREES))
        return;
    uint32_t owner = owner_of(slot);
    ops()->FreeAdapterChannel(b.adapter[slot]);
    if (owner != NONE)
        released_judge(&call, owner, false);
    call_end(&call, owner, "free the channel");
}

static void do_free_registers(uint32_t slot, PVOID base, uint8_t count)
{
    struct call call;

    if (!b.adapter[slot] || !base_is_free(base) || !call_begin(&call, slot, FREES))
        return;
    uint32_t index = base_is_ours(slot, base) ? grant_of(base) : NONE;
    ops()->FreeMapRegisters(b.adapter[slot], base, count);
    if (is_alone(&call) && index != NONE && word_of(index).serial == call.before[index].serial &&
        word_of(index).has && !call.before[index].putting)
        ms_sim_fail("O1 what was freed is still owned", "grant %u", index); /* FRE-12 */
    call_end(&call, index, "free registers");
}

static void do_free_object(uint32_t slot, uint8_t how)
{
    static const IO_ALLOCATION_ACTION actions[4] = {DeallocateObject, DeallocateObjectKeepRegisters,
                                                    KeepObject, (IO_ALLOCATION_ACTION)9};
    struct call call;

    if (!b.adapter[slot] || !call_begin(&call, slot, FREES))
        return;
    uint32_t owner = owner_of(slot);
    bool had_failed = b.has_failed[call.fiber][slot], waits = false;
    for (uint32_t i = 0; i < b.deals;
         i++) /* whoever grants those forgets, at a time we do not see */
        waits |= b.deal[i].slot == slot && b.deal[i].fiber == call.fiber && b.deal[i].is_accepted &&
                 !b.deal[i].is_entered;
    bool acts = (how & 3) < 2;
    bool is_kept = owner != NONE && !call.before[owner].running;
    ops()->FreeAdapterObject(b.adapter[slot], actions[how & 3]);
    if (acts)
        b.has_failed[call.fiber][slot] = false;
    if (acts && is_kept && !had_failed && !waits)
        released_judge(&call, owner, how & 1);
    if (acts && had_failed && !waits)
        owner = NONE; /* FRE-18: it is no business of ours */
    call_end(&call, acts ? owner : NONE, "free the adapter object");
}

#endif
