/* SPDX-License-Identifier: MIT */
/*
 * sgl_fuzz.c: two drivers and a canceller with scatter/gather lists: get, build, move, look at what they
 * really name, put, cancel, on adapters that share few map registers.
 *
 * Proves       the status is the one the arguments ask for, and a buffer one byte too small is too small
 *              (SGL-05, SGL-11, SGL-12, SGX-03, SGX-05, SGX-09); a list describes all of its range or there
 *              is none (SGL-10, SGX-15): its elements tile it, in reach and fused, none longer than it may be
 *              or across a boundary (SGE-05, SGE-06), a page bounced when it must be, through registers that
 *              nobody else has (O1, O5); a packet adapter gets one element (SGL-08), or one per MDL (SGX-23);
 *              each accepted request is entered once or cancelled (O3, O4); the bytes come over, not one more
 *              (O6); a chain made of a list names what the list names and goes with it (BMS-*, PSG-02); sizes
 *              that are calculated are enough (CSG-*); at the end no grant, register or block is left (O2, O9)
 * Does not     try strategies (map_fuzz.c) or system adapters
 */
#include "adapter/grant.h"
#include "sgl_shadow.h"

/* --- requests ------------------------------------------------------------------------------------ */

static void bytes_fill(const struct request *r)
{
    const struct chain *c = &l.chain[r->driver][r->slot];

    for (uint64_t k = 0; k < c->bytes;) {
        uint64_t end = k < r->offset               ? r->offset
                       : k < r->offset + r->length ? r->offset + r->length
                                                   : c->bytes;
        struct share s = share_at(c, k, ms_min_u64(end, c->bytes));
        *byte_at(s.pa) = pattern(r, k);
        *byte_at(s.pa + s.bytes - 1) = pattern(r, k + s.bytes - 1);
        k += s.bytes;
    }
}

static void bytes_judge(const struct request *r)
{
    const struct chain *c = &l.chain[r->driver][r->slot];

    for (uint64_t k = 0; k < c->bytes;) {
        bool is_inside = k >= r->offset && k < r->offset + r->length;
        uint64_t end = k < r->offset ? r->offset : is_inside ? r->offset + r->length : c->bytes;
        struct share s = share_at(c, k, ms_min_u64(end, c->bytes));
        for (uint32_t i = 0; i < 2; i++) {
            uint64_t at = i ? k + s.bytes - 1 : k;
            uint8_t seen = *byte_at(i ? s.pa + s.bytes - 1 : s.pa);
            uint8_t want = pattern(r, at);
            if (is_inside && !r->to_device)
                want = (uint8_t)~want;
            if (seen != want) /* PSG-04 */
                ms_sim_fail("O6 the driver sees other bytes", "at %lu of %lu+%u: %02x, not %02x",
                            (unsigned long)at, (unsigned long)r->offset, r->length, seen, want);
        }
        k += s.bytes;
    }
}

static void request_over(struct request *r)
{
    l.live -= !r->is_over;
    r->is_over = true;
}

static void request_put(struct request *r)
{
    PDMA_ADAPTER a = adapter_of(r->driver);

    for (uint32_t reg = 0; reg < POOL_REGISTERS; reg++)
        if (r->owned >> reg & 1)
            l.owner[reg] = 0;
    r->owned = 0;
    /* Another direction than the mapping's changes nothing (PSG-05). */
    a->DmaOperations->PutScatterGatherList(a, r->list, (BOOLEAN)(r->to_device ^ r->has_chain));
    bytes_judge(r);
    r->is_put = true;
    request_over(r);
}

static void request_entered(struct request *r, PSCATTER_GATHER_LIST list)
{
    if (r->was_cancelled)
        ms_sim_fail("O4 entered after a cancel said yes", "request %u", (unsigned)(r - l.request));
    if (r->was_entered)
        ms_sim_fail("O3 a routine entered twice", "request %u", (unsigned)(r - l.request));
    r->was_entered = true;
    if (!NT_SUCCESS(r->want))
        ms_sim_fail("O7 a list that must not be", "form %u, not %08x", r->form, (unsigned)r->want);
    if ((r->form == BUILD || r->form == BUILD_EX) && (uint8_t *)list != r->buffer)
        ms_sim_fail("O5 a list that is not in its buffer", "form %u", r->form); /* SGL-13, SGX-08 */
    r->list = list;
    list_check(r);
}

static VOID routine(PDEVICE_OBJECT device, PIRP irp, PSCATTER_GATHER_LIST list, PVOID context)
{
    struct request *r = context;

    (void)device, (void)irp;
    request_entered(r, list);
    ms_fetch_or_acq_rel(&r->fate, ENTERED); /* hb:fate */
    l.digest = l.digest * 31 + (uint32_t)(r - l.request) + 7;
    if (r->action & 1)
        request_put(r); /* SGX-13 */
    ms_fetch_or_acq_rel(&r->fate, DONE);
}

static uint64_t offset_classes(const struct chain *c, uint8_t operand)
{
    const uint64_t classes[] = {0, c->bytes / 2, c->of[0].mdl.ByteCount, 4096, c->bytes, 1};

    return stage_edge(classes, 6, operand);
}

/* The status that the arguments alone ask for; what others hold is not among them. */
static NTSTATUS status_of(const struct request *r, uint32_t buffer_bytes, bool is_sync, bool called,
                          bool has_made)
{
    const struct chain *c = &l.chain[r->driver][r->slot];
    bool is_ex = r->form == GET_EX || r->form == BUILD_EX;
    bool is_inside = r->offset < c->bytes && r->length <= c->bytes - r->offset;

    if (r->length == 0 || (is_ex ? !called && !(is_sync && has_made) : !called))
        return STATUS_INVALID_PARAMETER; /* SGX-03, SGX-05 */
    if (!is_ex && r->offset >= c->of[0].mdl.ByteCount)
        return STATUS_BUFFER_TOO_SMALL; /* SGL-12 */
    if (!is_inside)
        return is_ex ? STATUS_INVALID_PARAMETER : STATUS_BUFFER_TOO_SMALL; /* SGL-05 */
    struct need need = need_of(r);
    if (need.cannot)
        return STATUS_INSUFFICIENT_RESOURCES; /* SGL-10, SGX-15 */
    if ((r->form == BUILD || r->form == BUILD_EX) &&
        buffer_bytes < 16 + 24 * need.elements + l.overhead)
        return STATUS_BUFFER_TOO_SMALL; /* SGL-11, SGX-09 */
    return need.registers > l.most[l.kind] ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS;
}

static uint32_t buffer_bytes_of(const struct request *r, uint8_t how)
{
    const struct chain *c = &l.chain[r->driver][r->slot];
    uint32_t bytes = BUFFER_BYTES;

    if (r->length > 0 && r->offset < c->bytes && r->length <= c->bytes - r->offset)
        bytes = 16 + 24 * need_of(r).elements + l.overhead;
    switch (how & 7) {
    case 1:
        return bytes - 1;
    case 2:
        return 0;
    case 3:
        return BUFFER_BYTES;
    default:
        return bytes;
    }
}

/* An index only, which may lie in front of the buffer or behind it. */
static PVOID address_at(const struct chain *c, uint64_t offset)
{
    return (PVOID)((uintptr_t)MmGetMdlVirtualAddress(&c->of[0].mdl) + offset);
}

static NTSTATUS request_call(struct request *r, uint32_t bytes, ULONG flags, bool called,
                             bool has_made)
{
    PDMA_ADAPTER a = adapter_of(r->driver);
    const DMA_OPERATIONS *ops = a->DmaOperations;
    PMDL head = &l.chain[r->driver][r->slot].of[0].mdl;
    PVOID va = address_at(&l.chain[r->driver][r->slot], r->offset);
    PDRIVER_LIST_CONTROL control = called ? routine : NULL;
    PSCATTER_GATHER_LIST *made = has_made ? &r->made : NULL;
    BOOLEAN out = (BOOLEAN)r->to_device;

    switch (r->form) {
    case GET:
        return ops->GetScatterGatherList(a, &l.stage.pdo, head, va, r->length, control, r, out);
    case BUILD:
        return ops->BuildScatterGatherList(a, &l.stage.pdo, head, va, r->length, control, r, out,
                                           r->buffer, bytes);
    case GET_EX:
        return ops->GetScatterGatherListEx(a, &l.stage.pdo, r->context, head, r->offset, r->length,
                                           flags, control, r, out, NULL, NULL, made);
    default:
        return ops->BuildScatterGatherListEx(a, &l.stage.pdo, r->context, head, r->offset,
                                             r->length, flags, control, r, out, r->buffer, bytes,
                                             NULL, NULL, (PVOID)made);
    }
}

static struct request *request_new(uint32_t driver, uint32_t slot)
{
    struct request *r;

    if (l.requests == REQUESTS_MAX || l.current[driver][slot])
        return NULL;
    r = &l.request[l.requests++];
    memset(r, 0, sizeof *r);
    memset(r->buffer, CANARY, sizeof r->buffer);
    r->driver = driver;
    r->slot = slot;
    ms_init(&r->fate, ASKED);
    (void)adapter_of(driver)->DmaOperations->InitializeDmaTransferContext(adapter_of(driver),
                                                                          r->context);
    return r;
}

/* Operands: slot and form, offset, length, the rest: buffer, direction, how it is called. */
static void do_ask(uint32_t driver, const struct fuzz_op *op)
{
    uint32_t slot = op->operand[0] % SLOTS;
    const struct chain *c = &l.chain[driver][slot];
    struct request *r = request_new(driver, slot);

    if (!r)
        return;
    uint8_t how = op->operand[3];
    r->form = (enum form)(op->operand[0] / SLOTS % 4);
    r->offset = offset_classes(c, op->operand[1]);
    uint64_t rest = r->offset < c->bytes ? c->bytes - r->offset : 0;
    const uint64_t lengths[] = {rest, 1, 4096, 0, rest / 2, 4097};
    r->length = (uint32_t)stage_edge(lengths, 6, op->operand[2]);
    if (r->length > 1u << 20)
        r->length = (uint32_t)rest + 5000; /* further than the rest of a page */
    /* A driver may name the rest of its last page beyond the buffer (CSG-12); not tried here. */
    if (r->form < GET_EX && r->length > rest && rest > 0)
        r->length = (uint32_t)rest + MS_PAGE_BYTES;
    r->to_device = how & 1;
    bool is_sync = how >> 1 & 1 && r->form >= GET_EX;
    bool called = (how >> 2 & 3) != 1;
    bool has_made = !(how >> 4 & 1);
    r->action = how >> 3 & 1;
    uint32_t bytes = buffer_bytes_of(r, how >> 5);
    NTSTATUS want = r->want = status_of(r, bytes, is_sync, called, has_made);
    bytes_fill(r);
    l.current[driver][slot] = r;
    l.live++;
    /* hb:newest: who cancels sees the context made. */
    ms_store_release(&l.newest[driver][slot], (uint32_t)(r - l.request) + 1);
    NTSTATUS status =
        request_call(r, bytes, is_sync ? DMA_SYNCHRONOUS_CALLBACK : 0, called, has_made);
    l.digest = l.digest * 31 + (uint32_t)status;
    ms_sim_state(1, r->form * 16u + ((uint32_t)status & 7) * 2 + is_sync);
    for (uint32_t i = bytes; i < BUFFER_BYTES && r->form != GET && r->form != GET_EX; i++)
        if (r->buffer[i] != CANARY)
            ms_sim_fail("O6 bytes behind the list's buffer", "byte %u of %u", i, bytes);
    if (NT_SUCCESS(status) && want == STATUS_SUCCESS) {
        if (called)
            return;
        /* SGX-11: ours without a routine; the adapter goes at once, the list is put later. */
        request_entered(r, r->made);
        ms_fetch_or_acq_rel(&r->fate, ENTERED | DONE);
        adapter_of(driver)->DmaOperations->FreeAdapterObject(adapter_of(driver),
                                                             DeallocateObjectKeepRegisters);
        return;
    }
    /* A synchronous one that others stand in the way of; a context that somebody cancelled. */
    bool is_others = status == STATUS_INSUFFICIENT_RESOURCES && want == STATUS_SUCCESS &&
                     (l.live > 1 || l.acts[1 - driver] > 0);
    if (status != want && !is_others && !(status == STATUS_CANCELLED && r->was_cancelled))
        ms_sim_fail("O7 a list of another status", "form %u: %08x, not %08x; %u at %lu of %lu",
                    r->form, (unsigned)status, (unsigned)want, r->length, (unsigned long)r->offset,
                    (unsigned long)c->bytes);
    if (r->was_entered)
        ms_sim_fail("O3 refused and entered", "%08x", (unsigned)status);
    if (r->made)
        ms_sim_fail("O7 a refused request gave a list", "%08x", (unsigned)status);
    ms_fetch_or_acq_rel(&r->fate, DONE);
    r->is_put = true;
    request_over(r);
    l.current[driver][slot] = NULL;
}

/* The slot's request when its list is there to be put. */
static struct request *held(uint32_t driver, uint32_t slot)
{
    struct request *r = l.current[driver][slot];

    if (!r)
        return NULL;
    uint32_t fate = ms_load_acquire(&r->fate); /* hb:fate */
    if (!(fate & (DONE | CANCELLED)))
        return NULL;
    if (r->is_put || fate & CANCELLED) {
        l.current[driver][slot] = NULL;
        return NULL;
    }
    return r;
}

static struct request *held_near(uint32_t driver, uint32_t slot)
{
    struct request *r = NULL;

    for (uint32_t i = 0; i < SLOTS && !r; i++)
        r = held(driver, (slot + i) % SLOTS);
    return r;
}

static void do_put(uint32_t driver, const struct fuzz_op *op)
{
    static uint64_t nobodys[5] = {1}; /* a list of one element that no call made */
    struct request *r = held_near(driver, op->operand[0] % SLOTS);
    PDMA_ADAPTER a = adapter_of(driver);

    if (op->operand[1] & 1) /* PSG-06: no list of anybody's, or none at all */
        a->DmaOperations->PutScatterGatherList(
            a, op->operand[1] & 2 ? (PSCATTER_GATHER_LIST)(void *)nobodys : NULL,
            (BOOLEAN)(op->operand[1] >> 2 & 1));
    if (!r)
        return;
    PSCATTER_GATHER_LIST list = r->list;
    request_put(r);
    if (op->operand[1] & 8 && (r->form == BUILD || r->form == BUILD_EX))
        a->DmaOperations->PutScatterGatherList(a, list, FALSE); /* once more: nothing (PSG-06) */
    (void)held(driver, r->slot);
}

/* A chain over what the list really names; nothing to be freed but the list (BMS-*). */
static void do_chain(uint32_t driver, const struct fuzz_op *op)
{
    struct request *r = held_near(driver, op->operand[0] % SLOTS);
    PDMA_ADAPTER a = adapter_of(driver);
    PMDL made = NULL;

    if (!r)
        return;
    PMDL head = &l.chain[r->driver][r->slot].of[0].mdl;
    if (op->operand[1] & 1 &&
        (a->DmaOperations->BuildMdlFromScatterGatherList(a, r->list, NULL, &made) !=
             STATUS_INVALID_PARAMETER ||
         a->DmaOperations->BuildMdlFromScatterGatherList(a, NULL, head, &made) !=
             STATUS_INVALID_PARAMETER)) /* BMS-04 */
        ms_sim_fail("O7 a chain of nothing", "form %u", r->form);
    bool bounces = need_of(r).registers > 0;
    NTSTATUS want = bounces && r->has_chain ? STATUS_NONE_MAPPED : STATUS_SUCCESS; /* BMS-06 */
    NTSTATUS status = a->DmaOperations->BuildMdlFromScatterGatherList(a, r->list, head, &made);
    if (status != want)
        ms_sim_fail("O7 a chain of another status", "%08x, not %08x", (unsigned)status,
                    (unsigned)want);
    ms_sim_state(2, l.kind * 4 + bounces * 2u + r->has_chain);
    if (!NT_SUCCESS(status) || !bounces) {
        if (NT_SUCCESS(status) && made != head)
            ms_sim_fail("O5 a chain made for what lies where it is", "form %u",
                        r->form); /* BMS-03 */
        return;
    }
    r->has_chain = true;
    uint64_t in_element = 0;
    uint32_t e = 0;
    uint64_t bytes = 0;
    for (PMDL mdl = made; mdl; mdl = mdl->Next) {
        for (uint32_t k = 0; k < mdl->ByteCount;) {
            uint64_t at = mdl->ByteOffset + k;
            uint64_t pa =
                (MmGetMdlPfnArray(mdl)[at / MS_PAGE_BYTES] << MS_PAGE_SHIFT) + at % MS_PAGE_BYTES;
            uint64_t step = ms_min_u64(MS_PAGE_BYTES - at % MS_PAGE_BYTES, mdl->ByteCount - k);
            if (e == r->list->NumberOfElements ||
                pa != (uint64_t)r->list->Elements[e].Address.QuadPart + in_element)
                ms_sim_fail("O5 a chain that names other memory than its list", "at %lu",
                            (unsigned long)bytes); /* BMS-02 */
            step = ms_min_u64(step, r->list->Elements[e].Length - in_element);
            in_element += step;
            if (in_element == r->list->Elements[e].Length) {
                e++;
                in_element = 0;
            }
            bytes += step;
            k += (uint32_t)step;
        }
        if (!(mdl->MdlFlags & MDL_PAGES_LOCKED) || mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA)
            ms_sim_fail("O5 a made chain with other flags", "%x", (unsigned)mdl->MdlFlags);
        if (op->operand[1] & 2) /* the put unmaps it (PSG-02) */
            (void)MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);
    }
    if (bytes != r->length)
        ms_sim_fail("O5 a chain of another length than its list", "%lu of %u", (unsigned long)bytes,
                    r->length);
}

/* Pages of the MDLs' parts, summed (CSG-07). */
static uint32_t pages_of(const struct chain *c, uint64_t offset, uint64_t length)
{
    uint32_t pages = 0;

    for (uint64_t k = offset; k < offset + length; pages++)
        k += share_at(c, k, offset + length).bytes;
    return pages;
}

static void do_size(uint32_t driver, const struct fuzz_op *op)
{
    const struct chain *c = &l.chain[driver][op->operand[0] % SLOTS];
    PDMA_ADAPTER a = adapter_of(driver);
    uint64_t offset = offset_classes(c, op->operand[1]);
    uint64_t rest = offset < c->bytes ? c->bytes - offset : 0;
    const uint64_t lengths[] = {rest, 1, rest + 1, 4096, 0, 65536, 1u << 31, UINT32_MAX};
    ULONG length = (ULONG)stage_edge(lengths, 8, op->operand[2]);
    bool has_mdl = op->operand[3] & 1;
    PVOID va = has_mdl ? address_at(c, offset) : (PVOID)(uintptr_t)offset;
    ULONG size = 77;
    ULONG registers = 77;
    NTSTATUS want = STATUS_SUCCESS;
    uint64_t pages;

    if (has_mdl) {
        uint64_t end = c->of[c->mdls - 1].mdl.ByteOffset + c->of[c->mdls - 1].mdl.ByteCount;
        uint64_t slack = (MS_PAGE_BYTES - end % MS_PAGE_BYTES) % MS_PAGE_BYTES; /* CSG-12 */
        if (c->of[c->mdls - 1].mdl.ByteCount == 0)
            return; /* whose end is the chain's? */
        if (offset >= c->of[0].mdl.ByteCount || length > rest + slack)
            want = STATUS_BUFFER_TOO_SMALL; /* CSG-03, CSG-11 */
        pages = pages_of(c, offset, ms_min_u64(rest, length));
    } else {
        pages = (offset % MS_PAGE_BYTES + length + MS_PAGE_BYTES - 1) / MS_PAGE_BYTES; /* CSG-04 */
    }
    if (NT_SUCCESS(want) && pages > l.most[l.kind] && shapes[l.kind].width < 64)
        want = STATUS_INSUFFICIENT_RESOURCES; /* CSG-03, CSG-10 */
    NTSTATUS status = a->DmaOperations->CalculateScatterGatherList(
        a, has_mdl ? (PMDL)(uintptr_t)&c->of[0].mdl : NULL, va, length, &size,
        op->operand[3] & 2 ? NULL : &registers);
    ms_sim_state(3, ((uint32_t)want & 7) * 4 + has_mdl * 2u + (length > rest));
    if (status != want)
        ms_sim_fail("O7 a size of another status", "%08x, not %08x: %u at %lu", (unsigned)status,
                    (unsigned)want, (unsigned)length, (unsigned long)offset);
    if (!NT_SUCCESS(status))
        return;
    if (size != ms_min_u64(16 + 24 * pages + l.overhead, UINT32_MAX) ||
        (!(op->operand[3] & 2) && registers != pages))
        ms_sim_fail("O7 another size than the pages need", "%u, %u registers for %lu pages",
                    (unsigned)size, (unsigned)registers, (unsigned long)pages);
}

static void do_mdl(uint32_t driver, const struct fuzz_op *op)
{
    static const uint64_t offsets[] = {0, 1, 4095, 2048};
    static const uint64_t counts[] = {4096, 1, 8192, 4095, 0, 12288, 16384, 2};
    uint32_t slot = op->operand[0] % SLOTS;
    struct chain *c = &l.chain[driver][slot];
    uint32_t offset = (uint32_t)stage_edge(offsets, 4, op->operand[1]) % MS_PAGE_BYTES;
    uint32_t count = (uint32_t)stage_edge(counts, 8, op->operand[2]) & 0x7FFF;

    if (l.current[driver][slot] && !held(driver, slot) && l.current[driver][slot])
        return; /* it waits */
    if (l.current[driver][slot] || (c->mdls == MDLS_MAX && !(op->operand[0] & 2)))
        return;
    if (op->operand[0] & 2) /* instead of what is there, not behind it */
        memset(c, 0, sizeof *c);
    if (c->mdls == 0 && count == 0)
        count = 3; /* one with its first byte in the first MDL: the old forms name it by address */
    mdl_make(driver, slot, offset, count, op->operand[3]);
}

/* By anybody, at any time: a context is made, and used for one request only. */
static void do_cancel(const struct fuzz_op *op)
{
    uint32_t driver = op->operand[0] / SLOTS % DRIVERS;
    uint32_t number = ms_load_acquire(&l.newest[driver][op->operand[0] % SLOTS]); /* hb:newest */
    PDMA_ADAPTER a = adapter_of(driver);

    if (number == 0)
        return;
    struct request *r = &l.request[number - 1];
    if (r->form < GET_EX)
        return; /* no context was given */
    if (!a->DmaOperations->CancelAdapterChannel(a, &l.stage.pdo, r->context) || r->was_entered)
        return;
    if (!r->was_cancelled && !r->is_put) /* may be refused by itself: then it is no more */
        r->was_cancelled = true;
    request_over(r);
    ms_fetch_or_acq_rel(&r->fate, CANCELLED);
}

/* --- the target ---------------------------------------------------------------------------------- */

enum kind { ASK, PUT, CHAIN, SIZE, ADD_MDL, CANCEL };

static void sgl_perform(uint32_t actor, const struct fuzz_op *op)
{
    stage_cpu(&l.stage, actor);
    if (actor < DRIVERS)
        l.acts[actor]++;
    switch ((enum kind)op->kind) {
    case ASK:
        do_ask(actor, op);
        break;
    case PUT:
        do_put(actor, op);
        break;
    case CHAIN:
        do_chain(actor, op);
        break;
    case SIZE:
        do_size(actor, op);
        break;
    case ADD_MDL:
        do_mdl(actor, op);
        break;
    case CANCEL:
        do_cancel(op);
        break;
    }
}

/* What a driver still has is put; what waits is waited for: others put theirs. */
static void sgl_finish(uint32_t actor)
{
    stage_cpu(&l.stage, actor);
    for (bool is_done = actor >= DRIVERS; !is_done && !ms_sim_somebody_is_stopped();) {
        is_done = true;
        for (uint32_t slot = 0; slot < SLOTS; slot++) {
            struct request *r = held(actor, slot);
            if (r) {
                request_put(r);
                (void)held(actor, slot);
            }
            is_done = is_done && !l.current[actor][slot];
        }
        if (!is_done)
            ms_spin_hint();
    }
}

static void sgl_check(void *unused)
{
    (void)unused;
    for (uint32_t i = 0; i < l.requests; i++)
        if (!(ms_load_relaxed(&l.request[i].fate) & (DONE | CANCELLED)))
            ms_sim_fail("O3 a request neither entered nor cancelled", "request %u", i);
    if (ms_dma_grants_used(l.stage.dma) != 0)
        ms_sim_fail("O9 a grant is left", "%u", ms_dma_grants_used(l.stage.dma));
    if (ms_list_store_used(&l.stage.dma->store) != 0)
        ms_sim_fail("O9 a block of a list is left", "%u", ms_list_store_used(&l.stage.dma->store));
    struct ms_pool *pool = pool_here();
    if (pool->ops->free_count(pool->state) != pool->registers)
        ms_sim_fail("O2 registers are lost", "%u of %u", pool->ops->free_count(pool->state),
                    pool->registers);
    if (!ms_dma_audit(l.stage.dma))
        ms_sim_fail("O2 the audit fails", "at the end");
}

static uint64_t sgl_digest(void)
{
    uint64_t digest = 0;

    for (uint32_t i = 0; i < l.requests; i++)
        digest = digest * 31 + (ms_load_relaxed(&l.request[i].fate) & (ENTERED | CANCELLED)) +
                 l.request[i].driver * 64;
    return digest;
}

static const char *sgl_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    static const char *const forms[] = {"get", "build", "get ex", "build ex"};
    uint32_t slot = op->operand[0] % SLOTS;

    switch ((enum kind)op->kind) {
    case ASK:
        snprintf(text, bytes, "%s in slot %u: offset class %u, length class %u, how %02x",
                 forms[op->operand[0] / SLOTS % 4], slot, op->operand[1] % 6, op->operand[2] % 6,
                 op->operand[3]);
        break;
    case PUT:
        snprintf(text, bytes, "put slot %u%s", slot, op->operand[1] & 1 ? ", and nobody's" : "");
        break;
    case CHAIN:
        snprintf(text, bytes, "an MDL chain of slot %u's list", slot);
        break;
    case SIZE:
        snprintf(text, bytes, "calculate a size: slot %u, offset class %u, length class %u", slot,
                 op->operand[1] % 6, op->operand[2] % 8);
        break;
    case ADD_MDL:
        snprintf(text, bytes, "slot %u's chain: %s an MDL, offset class %u, length class %u, %02x",
                 slot, op->operand[0] & 2 ? "is" : "and", op->operand[1] % 4, op->operand[2] % 8,
                 op->operand[3]);
        break;
    case CANCEL:
        snprintf(text, bytes, "cancel %s's slot %u", op->operand[0] / SLOTS % DRIVERS ? "b" : "a",
                 slot);
        break;
    }
    return text;
}

static const char *const actor_names[] = {"a", "b", "cancel"};
static const struct fuzz_setting settings[] = {
    {"adapter", KINDS}, {"shared", 2}, {"limits", LIMITS}};
static const struct fuzz_kind kinds[] = {
    [ASK] = {"list", 4, 3, "slot and form, offset, length, how"},
    [PUT] = {"put", 2, 3, "slot, what else is put"},
    [CHAIN] = {"chain", 2, 3, "slot, wrong arguments and mapping"},
    [SIZE] = {"size", 4, 3, "slot, offset, length, with a chain or not"},
    [ADD_MDL] = {"mdl", 4, 3, "slot, byte offset, byte count, pages: zones and order"},
    [CANCEL] = {"cancel", 1, 4, "whose slot"},
};

const struct fuzz_target fuzz_target_sgl = {
    .name = "sgl",
    .summary = "two drivers and a canceller: scatter/gather lists got, built, looked at, put",
    .actors = actor_names,
    .actor_count = ACTORS,
    .settings = settings,
    .setting_count = 3,
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .steps_max = 8000,
    .reset = sgl_reset,
    .perform = sgl_perform,
    .finish = sgl_finish,
    .check = sgl_check,
    .digest = sgl_digest,
    .tell = sgl_tell,
};
