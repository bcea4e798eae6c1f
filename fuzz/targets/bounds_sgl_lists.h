/* SPDX-License-Identifier: MIT */
/*
 * bounds_sgl_lists.h: lists asked for, judged, changed by their driver, made into chains, and put. For
 * bounds_sgl_fuzz.c alone.
 */
#ifndef FUZZ_BOUNDS_SGL_LISTS_H
#define FUZZ_BOUNDS_SGL_LISTS_H

#include "bounds_sgl_stage.h"

/* --- lists --------------------------------------------------------------------------------------- */

static uint32_t list_bytes(uint64_t elements)
{
    return (uint32_t)(16 + 24 * elements + b.overhead);
}

static void put_check(void)
{
    PSCATTER_GATHER_LIST list = r.list;

    /* Another direction than the mapping's changes nothing (PSG-05). */
    r.list = NULL;
    adapter()->DmaOperations->PutScatterGatherList(adapter(), list,
                                                   (BOOLEAN)(r.to_device ^ r.has_chain));
    /* No controller moved a byte (AMB-16). */
    driver_look(r.to_device, r.offset, b.limits.system ? 0 : r.length);
    b.parts = 0;
}

/* All the list's bytes in one element, one behind the other, from the first one's place in its page on (SGL-08). */
static void joint_judge(void)
{
    struct share s = share_at(r.offset, r.offset + r.length);
    SCATTER_GATHER_ELEMENT e;

    list_open(r.list);
    e = element_at(0);
    if (e.Length != r.length || e.Reserved != 0)
        ms_sim_fail("O5 one element of another length", "%u of %u", (unsigned)e.Length, r.length);
    registers_own(s.pa, (uint64_t)e.Address.QuadPart, r.need.registers);
    if ((uint64_t)e.Address.QuadPart + e.Length - 1 > b.limits.reach_last ||
        to_boundary((uint64_t)e.Address.QuadPart) < e.Length) /* SGE-06, SGE-08 */
        ms_sim_fail("O5 one element that the device can not take", "%lx+%x",
                    (unsigned long)e.Address.QuadPart, (unsigned)e.Length);
}

static void list_judge(void)
{
    ULONG elements;

    memcpy(&elements, r.list, sizeof elements);
    if (elements == 0 || elements > r.need.elements) /* SGE-11, SGX-09 */
        ms_sim_fail("O5 more elements than were asked for, or none", "%u of %lu",
                    (unsigned)elements, (unsigned long)r.need.elements);
    if (r.need.joint) {
        joint_judge();
    } else {
        struct made made = make(r.list, r.offset, r.length, r.need.elements, r.need.registers);
        if (made.bytes != r.length)
            ms_sim_fail("O5 a list of a part of its range", "%lu of %u", (unsigned long)made.bytes,
                        r.length); /* SGL-10, SGX-15 */
        if (made.registers != r.need.registers)
            ms_sim_fail("O1 another number of registers", "%u of %u", made.registers,
                        r.need.registers);
    }
    parts_find(r.offset, r.length, r.need.joint);
    ms_sim_state(0, b.kind * 64 + r.form * 16u + (elements < 3 ? elements : 3) * 4 +
                        (r.need.registers < 3 ? r.need.registers : 3));
    ms_sim_state(1, b.profile * 64 + b.kind * 8 + (r.need.joint ? 4 : 0) +
                        (elements < 3 ? elements : 3));
    device_look(r.to_device);
}

static VOID routine(PDEVICE_OBJECT device, PIRP irp, PSCATTER_GATHER_LIST list, PVOID context)
{
    (void)device, (void)irp;
    if (context != &r || r.entered++ > 0)
        ms_sim_fail("O3 a routine entered twice, or with another context", "%u times", r.entered);
    r.list = list;
    list_judge();
    if (r.puts)
        put_check(); /* SGX-13 */
}

/* The statuses that the arguments allow; who owns the adapter is not among them. */
static uint32_t statuses_of(uint32_t buffer_bytes, bool is_called, bool is_sync, bool has_made)
{
    bool is_ex = r.form >= GET_EX;
    uint64_t rest = r.offset < b.bytes ? b.bytes - r.offset : 0;
    uint32_t want = 0;

    if (!head() || r.length == 0 || (is_ex && b.limits.system) ||    /* SGX-02, SGX-03 */
        (is_ex ? !is_called && !(is_sync && has_made) : !is_called)) /* SGX-05 */
        return INVALID;
    if (is_ex ? r.length > rest
              : r.offset >= b.mdl[0]->ByteCount || r.length > rest + slack()) /* SGL-12, CSG-12 */
        return is_ex ? INVALID : SMALL;
    b.extra = r.length > rest ? r.length - rest : 0;
    if (!is_resident(r.offset, r.offset + r.length))
        return INVALID; /* MTX-22 */
    r.need = need_of(r.offset, r.length, !is_ex);
    if ((r.form == BUILD || r.form == BUILD_EX) &&
        (buffer_bytes < list_bytes(r.need.elements) ||
         (r.need.cannot && buffer_bytes < list_bytes(r.need.pages))))
        want |= SMALL; /* SGL-11, SGX-09 */
    if (r.need.cannot || r.need.registers > b.most[b.kind])
        want |= NONE; /* SGL-05, SGL-10, SGX-16 */
    return want ? want : OK;
}

/* What a driver of the older routines would take: told by CalculateScatterGatherList (CSG-02). */
static uint32_t calculated_bytes(void)
{
    ULONG size;

    return NT_SUCCESS(adapter()->DmaOperations->CalculateScatterGatherList(
               adapter(), head(), address_at(r.offset), r.length, &size, NULL))
               ? size
               : BUFFER_BYTES;
}

static uint32_t buffer_bytes_of(uint32_t class, uint64_t elements)
{
    uint32_t exact = list_bytes(elements);

    switch (class) {
    case 1:
        return exact - 1;
    case 2:
        return 0;
    case 3:
        return exact - b.overhead;
    case 4:
        return calculated_bytes();
    case 5:
        return 40;
    case 6:
        return exact + 1;
    case 7:
        return BUFFER_BYTES;
    default:
        return exact;
    }
}

static NTSTATUS list_call(uint8_t *buffer, uint32_t bytes, ULONG flags, bool is_called,
                          bool has_made)
{
    PDMA_ADAPTER a = adapter();
    const DMA_OPERATIONS *ops = a->DmaOperations;
    PDEVICE_OBJECT pdo = &b.stage.pdo;
    PVOID va = b.mdls ? address_at(r.offset) : NULL;
    PDRIVER_LIST_CONTROL control = is_called ? routine : NULL;
    PSCATTER_GATHER_LIST *made = has_made ? &r.made : NULL;
    BOOLEAN out = (BOOLEAN)r.to_device;

    switch (r.form) {
    case GET:
        return ops->GetScatterGatherList(a, pdo, head(), va, r.length, control, &r, out);
    case BUILD:
        return ops->BuildScatterGatherList(a, pdo, head(), va, r.length, control, &r, out, buffer,
                                           bytes);
    case GET_EX:
        return ops->GetScatterGatherListEx(a, pdo, r.context, head(), r.offset, r.length, flags,
                                           control, &r, out, NULL, NULL, made);
    default:
        return ops->BuildScatterGatherListEx(a, pdo, r.context, head(), r.offset, r.length, flags,
                                             control, &r, out, buffer, bytes, NULL, NULL,
                                             (PVOID)made);
    }
}

/* Somebody else has the adapter: a request waits until he lets go, and then it is entered (QUE-10). */
static void owner_begins(char *context)
{
    PDMA_ADAPTER a = adapter();
    PVOID base;

    (void)a->DmaOperations->InitializeDmaTransferContext(a, context);
    NTSTATUS status = a->DmaOperations->AllocateAdapterChannelEx(
        a, &b.stage.pdo, context, 0, DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &base);
    status_check("an owner", status, OK);
}

static void do_list(const struct fuzz_op *op)
{
    PDMA_ADAPTER a = adapter();
    char owner[DMA_TRANSFER_CONTEXT_SIZE_V1] __attribute__((aligned(16))) = {0};
    uint8_t how = op->operand[3];

    let_go();
    if (b.mdls == 0)
        return;
    r.form = (enum form)(op->operand[0] & 3);
    r.offset = offset_of(op->operand[1]);
    r.length = length_of(r.offset, op->operand[2]);
    r.to_device = how & 1;
    r.puts = how >> 3 & 1;
    r.entered = 0;
    r.made = NULL;
    r.has_chain = false;
    r.mapped = r.length;
    r.need = (struct need){.elements = 1};
    bool is_sync = how >> 1 & 1 && r.form >= GET_EX;
    bool is_called = (how >> 2 & 1) == 0;
    bool has_made = !(how >> 5 & 1);
    bool has_owner = how >> 4 & 1;
    uint64_t rest = r.offset < b.bytes ? b.bytes - r.offset : 0;
    bool is_behind = r.length > rest;
    if (!is_named(r.offset, is_behind ? b.bytes : r.offset + r.length) || (is_behind && b.has_big))
        return;
    uint32_t want = statuses_of(0, is_called, is_sync, has_made);
    uint32_t bytes = buffer_bytes_of(op->operand[0] >> 2 & 7, r.need.elements);
    if (bytes > BUFFER_BYTES)
        bytes = BUFFER_BYTES;
    want = statuses_of(bytes, is_called, is_sync, has_made);
    if ((op->operand[0] >> 2 & 7) == 4 && want & SMALL && !(want & (INVALID | NONE)) &&
        r.form == BUILD && bytes < BUFFER_BYTES)
        ms_sim_fail("O5 a size that was calculated is not enough", "%u, %lu elements", bytes,
                    (unsigned long)r.need.elements); /* CSG-02, SGE-11 */
    uint8_t *buffer = r.buffer + (op->operand[0] >> 5);
    memset(r.buffer, CANARY, sizeof r.buffer);
    (void)a->DmaOperations->InitializeDmaTransferContext(a, r.context);
    if (has_owner)
        owner_begins(owner);
    if (has_owner && is_sync && want & OK)
        want = NONE; /* SGX-10 */
    NTSTATUS status =
        list_call(buffer, bytes, is_sync ? DMA_SYNCHRONOUS_CALLBACK : 0, is_called, has_made);
    bool may_wait = has_owner && !is_sync;
    status_check("a list", status, want);
    if (may_wait && r.entered)
        ms_sim_fail("O1 a list while another owns the adapter", "form %u", r.form);
    if (has_owner)
        a->DmaOperations->FreeAdapterChannel(a);
    ms_sim_state(2, r.form * 32u + status_bit(status) * 2 + has_owner);
    ms_sim_state(8, (b.kind * 8 + b.profile) * 32 + status_bit(status) * 2 + has_owner);
    bool is_own = r.form == BUILD || r.form == BUILD_EX;
    if (!is_canary(is_own ? buffer + bytes : r.buffer,
                   (size_t)(r.buffer + sizeof r.buffer - (is_own ? buffer + bytes : r.buffer))) ||
        !is_canary(r.buffer, (size_t)(buffer - r.buffer)))
        ms_sim_fail("O6 bytes beside the list's buffer", "of %u bytes", bytes);
    if (is_sync && !is_called && NT_SUCCESS(status)) {
        r.list = r.made;
        r.entered = 1;
        list_judge();
    }
    if (is_sync && !is_called) /* also of what failed (FRE-08) */
        a->DmaOperations->FreeAdapterObject(a, DeallocateObjectKeepRegisters);
    if (r.entered != NT_SUCCESS(status))
        ms_sim_fail("O3 a list that was accepted and not made, or refused and made",
                    "form %u: %08x", r.form, (unsigned)status);
    if (is_own && r.list && (uint8_t *)r.list != buffer)
        ms_sim_fail("O5 a list that is not in its buffer", "form %u", r.form); /* SGL-13, SGX-08 */
    if (has_made && r.form >= GET_EX && !may_wait && NT_SUCCESS(status) && !r.puts &&
        r.made != r.list)
        ms_sim_fail("O7 another list is given back", "form %u", r.form);
    if (r.made && !NT_SUCCESS(status))
        ms_sim_fail("O7 a refused request gave a list", "%08x", (unsigned)status);
}

static void do_put(const struct fuzz_op *op)
{
    static uint64_t nobodys[5] = {1}; /* a list of one element that no call made */
    PDMA_ADAPTER a = adapter();
    PSCATTER_GATHER_LIST list = r.list;

    if (op->operand[0] & 1) /* PSG-06: no list of anybody's, or none at all */
        a->DmaOperations->PutScatterGatherList(
            a, op->operand[0] & 2 ? (PSCATTER_GATHER_LIST)(void *)nobodys : NULL, FALSE);
    let_go();
    if (list && op->operand[0] & 4 && (r.form == BUILD || r.form == BUILD_EX))
        a->DmaOperations->PutScatterGatherList(a, list, TRUE); /* once more: nothing */
}

/* --- chains made of lists ------------------------------------------------------------------------ */

/* What a driver should not do to its list (PSG-09), and still nothing of others is harmed. */
static bool tamper(uint32_t how, uint32_t by)
{
    static const uint64_t values[] = {0, 1, 4095, 4096, 0x80000000, 0xFFFFFFFF, 100, 7};
    char *list = (char *)r.list;
    uint64_t value = values[by & 7];
    uint64_t word;

    if (how == 0 || how > 4)
        return false;
    size_t at = how == 1 ? 16 : how == 2 ? 24 : how == 3 ? 0 : 8;
    memcpy(&word, list + at, sizeof word);
    word = how == 1 ? word + value : (how == 2 ? (word & ~UINT64_C(0xFFFFFFFF)) : 0) | value;
    memcpy(list + at, &word, sizeof word);
    return true;
}

#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address"))),                  \
                             apply_to = function)
#endif

/* The MDLs of the chain hold the list's bytes, frame by frame, each with the byte offset of the original's part
 * (BMS-02, BMS-05); nobody's frames lie in his neighbour. */
static void chain_judge(PMDL made, bool is_changed)
{
    uint64_t k = r.offset, end = r.offset + r.length;
    uint64_t behind = 0;

    for (PMDL mdl = made; mdl; mdl = mdl->Next) {
        if (k == end)
            ms_sim_fail("O5 a chain longer than its list", "%u bytes", (unsigned)mdl->ByteCount);
        struct share s = share_at(k, end);
        uint64_t bytes = r.need.joint ? end - k : piece_end(k, end) - k;
        const PFN_NUMBER *pfn = MmGetMdlPfnArray(mdl);
        uint64_t place = s.pa % MS_PAGE_BYTES;
        if ((uint64_t)(uintptr_t)mdl < behind)
            ms_sim_fail("O6 an MDL's frames lie in the next MDL", "%u bytes",
                        (unsigned)mdl->ByteCount);
        behind = (uint64_t)(uintptr_t)(pfn + pages_of(place, bytes));
        if (mdl->ByteOffset != place || mdl->ByteCount != bytes ||
            mdl->MdlFlags != MDL_PAGES_LOCKED)
            ms_sim_fail("O5 an MDL of another place, length or state", "%x+%x, not %lx+%lx",
                        (unsigned)mdl->ByteOffset, (unsigned)mdl->ByteCount, (unsigned long)place,
                        (unsigned long)bytes);
        for (uint64_t at = 0; at < bytes && !is_changed;) {
            uint64_t in = mdl->ByteOffset + at, address;
            if (!logical_at(k - r.offset + at, &address) ||
                address != (pfn[in / MS_PAGE_BYTES] << MS_PAGE_SHIFT) + in % MS_PAGE_BYTES)
                ms_sim_fail("O5 a chain that names other memory than its list", "at %lu",
                            (unsigned long)(k + at));
            at += ms_min_u64(MS_PAGE_BYTES - in % MS_PAGE_BYTES, bytes - at);
        }
        k += bytes;
    }
    if (k != end)
        ms_sim_fail("O5 a chain shorter than its list", "to %lu of %lu", (unsigned long)k,
                    (unsigned long)end);
}

#ifdef __clang__
#pragma clang attribute pop
#endif

static void do_chain(const struct fuzz_op *op)
{
    PDMA_ADAPTER a = adapter();
    const DMA_OPERATIONS *ops = a->DmaOperations;
    PMDL made = NULL;

    if (!r.list)
        return;
    if (op->operand[0] & 8 &&
        (ops->BuildMdlFromScatterGatherList(a, r.list, NULL, &made) != STATUS_INVALID_PARAMETER ||
         ops->BuildMdlFromScatterGatherList(a, NULL, head(), &made) != STATUS_INVALID_PARAMETER))
        ms_sim_fail("O7 a chain of nothing", "form %u", r.form); /* BMS-04 */
    bool is_changed = tamper(op->operand[0] & 7, op->operand[1]);
    bool bounces = r.need.registers > 0;
    NTSTATUS want = bounces && r.has_chain ? STATUS_NONE_MAPPED : STATUS_SUCCESS; /* BMS-06 */
    NTSTATUS status = ops->BuildMdlFromScatterGatherList(a, r.list, head(), &made);
    if (status != want)
        ms_sim_fail("O7 a chain of another status", "%08x, not %08x", (unsigned)status,
                    (unsigned)want);
    ms_sim_state(3, b.kind * 16 + (op->operand[0] & 7) * 2u + bounces);
    if (!NT_SUCCESS(status))
        return;
    if (!bounces) {
        if (made != head())
            ms_sim_fail("O5 a chain made for what lies where it is", "form %u", r.form);
        return; /* BMS-03 */
    }
    r.has_chain = true;
    list_open(r.list);
    chain_judge(made, is_changed);
    for (PMDL mdl = made; mdl && !is_changed && op->operand[0] & 16; mdl = mdl->Next)
        (void)MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority); /* the put unmaps (PSG-02) */
}

#endif
