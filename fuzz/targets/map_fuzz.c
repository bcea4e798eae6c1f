/* SPDX-License-Identifier: MIT */
/*
 * map_fuzz.c: two drivers, a device and a canceller on adapters that share few map registers: ask,
 * cancel, map, move, flush, free.
 *
 * Proves       each accepted request is entered exactly once or cancelled, never both (O3, O4); no
 *              map register is in two hands (O1); a list's elements tile what was mapped (O5); the
 *              device sees the driver's bytes and the driver sees the device's, and not a byte
 *              beyond the flush (O6); at the end all registers are free, no grant is used, the audit
 *              holds (O2, O9); one request of version 1 waits for a device object (ACH-04); on a machine that leaves grants to a thread of its own, the same (QUE-07).
 * Legal only   what a driver may not do (flush while the device moves, a context used twice) is kept
 *              from happening by the drivers' own atomics, so a finding is never "the driver did it"
 */
#include "map_shadow.h"

#include "adapter/grant.h"

/* --- the stage ----------------------------------------------------------------------------------- */

static void buffers_make(void)
{
    for (uint32_t d = 0; d < DRIVERS; d++)
        for (uint32_t s = 0; s < SLOTS; s++) {
            uint64_t first = 0x140000 + (d * SLOTS + s) * 16;
            /* The middle page is in reach of the device; the others are not, and not neighbours. */
            PFN_NUMBER pfn[PAGES] = {first, 0x80000 + (d * SLOTS + s) * 4, first + 2};
            memcpy(m.pfn[d][s], pfn, sizeof pfn);
            for (uint32_t i = 0; i < PAGES; i++)
                ms_require(ms_frames_take_at(m.stage.memory, pfn[i], 1));
            m.mdl[d][s] = ms_mdl_create(pfn, 0, BYTES);
            ms_require(m.mdl[d][s] != NULL);
        }
}

static void machine_make(const struct ms_reg_ops *strategy, uint32_t shape)
{
    struct ms_dma_config config = {
        .strategy = strategy,
        .variant = ms_sg_variant_find("scalar"),
        .registers = {1, shapes[shape].registers},
        .grants = 8,
        .defer_grants = shapes[shape].defers,
        .other = {.element_bytes_max = shapes[shape].bytes_max, .boundary = shapes[shape].boundary},
    };
    DEVICE_DESCRIPTION description = {
        .Version = DEVICE_DESCRIPTION_VERSION3,
        .Master = TRUE,
        .ScatterGather = !shapes[shape].packet,
        .InterfaceType = PCIBus,
        .MaximumLength = BYTES,
        .DmaAddressWidth = 32,
    };
    ULONG most;

    (void)stage_memory(&m.stage);
    buffers_make();
    stage_dma(&m.stage, &config, ACTORS);
    for (uint32_t d = 0; d < DRIVERS; d++) {
        m.adapter[d] = d < shapes[shape].adapters
                           ? ms_adapter_open(m.stage.dma, &m.stage.pdo, &description, &most)
                           : m.adapter[0];
        ms_require(m.adapter[d] != NULL);
    }
    m.pool = ms_dma_pool(m.stage.dma, MS_REACH_32,
                         shapes[shape].packet ? MS_POOL_CONTIGUOUS : MS_POOL_SCATTER);
    m.is_packet = shapes[shape].packet;
    m.defers = shapes[shape].defers;
    m.bytes_max = shapes[shape].bytes_max;
    m.boundary = shapes[shape].boundary;
    stage_keep(&m.stage, m.request);
    for (uint32_t d = 0; d < DRIVERS; d++)
        for (uint32_t s = 0; s < SLOTS; s++)
            for (uint32_t i = 0; i < PAGES; i++)
                stage_pages_fill(&m.stage, m.pfn[d][s][i], 1);
}

static void map_reset(const uint8_t *setup)
{
    uint32_t shape = setup[1] % SHAPES;

    if (!stage_ready(&m.stage, stage_strategy_index(setup[0]) * SHAPES + shape))
        machine_make(stage_strategy(setup[0]), shape);
    /* The buffers' bytes are written before they are looked at. */
    stage_pages_fill(&m.stage, m.pool->first_pfn, m.pool->registers);
    m.requests = 0;
    memset(m.current, 0, sizeof m.current);
    memset(m.newest, 0, sizeof m.newest);
    memset(m.has_failed, 0, sizeof m.has_failed);
    memset(m.owner, 0, sizeof m.owner);
    ms_init(&m.finished, 0);
    m.digest = 0;
}

/* --- the driver ---------------------------------------------------------------------------------- */

static const uint32_t offsets[8] = {0, 1, 4095, 4096, 4097, 8191, 8192, 12287};
static const uint32_t lengths[8] = {12288, 1, 4096, 4095, 4097, 2, 8192, 8191};

static void *buffer_va(const struct request *r)
{
    return (char *)MmGetMdlVirtualAddress(m.mdl[r->driver][r->slot]) + r->offset;
}

/* MapTransfer gives a region and no list: one is made of it, for the device. */
static NTSTATUS map_old(struct request *r, ULONG *length)
{
    PDMA_ADAPTER a = m.adapter[r->driver];
    SCATTER_GATHER_LIST header = {.NumberOfElements = 1};
    SCATTER_GATHER_ELEMENT element = {0};

    element.Address = a->DmaOperations->MapTransfer(a, m.mdl[r->driver][r->slot], r->base,
                                                    buffer_va(r), length, (BOOLEAN)r->to_device);
    if (*length == 0)
        return STATUS_INSUFFICIENT_RESOURCES;
    element.Length = *length;
    memcpy(r->list, &header, sizeof header);
    memcpy(r->list + sizeof header, &element, sizeof element);
    return STATUS_SUCCESS;
}

static NTSTATUS map_call(struct request *r, ULONG *length)
{
    PDMA_ADAPTER a = m.adapter[r->driver];

    return r->is_map_old
               ? map_old(r, length)
               : a->DmaOperations->MapTransferEx(a, m.mdl[r->driver][r->slot], r->base, r->offset,
                                                 0, length, (BOOLEAN)r->to_device,
                                                 (PSCATTER_GATHER_LIST)r->list, sizeof r->list,
                                                 NULL, NULL);
}

static NTSTATUS flush_call(struct request *r)
{
    PDMA_ADAPTER a = m.adapter[r->driver];

    if (!r->is_map_old)
        return a->DmaOperations->FlushAdapterBuffersEx(a, m.mdl[r->driver][r->slot], r->base,
                                                       r->offset, r->bytes, (BOOLEAN)r->to_device);
    return a->DmaOperations->FlushAdapterBuffers(a, m.mdl[r->driver][r->slot], r->base,
                                                 buffer_va(r), r->bytes, (BOOLEAN)r->to_device)
               ? STATUS_SUCCESS
               : STATUS_UNSUCCESSFUL;
}

/* Of a region that the device can not take as a whole the old routine maps nothing (MTR-09). */
static bool may_map_nothing(const struct request *r)
{
    return r->registers == 0 || (r->is_map_old && m.is_packet);
}

static void request_map(struct request *r, uint8_t offset_class, uint8_t length_class, bool is_old)
{
    uint32_t at[16];
    ULONG length;
    NTSTATUS status;

    if (r->is_mapped)
        return;
    r->offset = offsets[offset_class & 7];
    r->to_device = length_class >> 3 & 1;
    r->is_map_old = is_old;
    length = lengths[length_class & 7];
    if (length > BYTES - r->offset)
        length = BYTES - r->offset;
    r->bytes = length;
    uint32_t count = probes(r, at);
    for (uint32_t i = 0; i < count; i++)
        *buffer_byte(r, at[i]) = byte_of(r, at[i]);
    status = map_call(r, &length);
    m.digest = m.digest * 31 + (uint32_t)status + length;
    if (!NT_SUCCESS(status)) {
        /* Not one byte: only for want of registers, and only when the first page bounces. */
        if (status != STATUS_INSUFFICIENT_RESOURCES || !may_map_nothing(r))
            ms_sim_fail("O5 a granted mapping failed", "%08x at %u", (unsigned)status, r->offset);
        return;
    }
    if (length == 0 || length > r->bytes)
        ms_sim_fail("O5 a mapping of the wrong length", "%u of %u", (unsigned)length, r->bytes);
    r->bytes = length;
    r->is_mapped = true;
    list_check(r);
    registers_own(r);
    ms_data_write(r->list, 16);
    /* hb:device, release: the list and the bytes come before. */
    ms_store_release(&r->device, DEVICE_STARTED);
}

/* Takes the list back from the device; false while it is moving. */
static bool device_stop(struct request *r, bool *has_moved)
{
    uint32_t seen = DEVICE_STARTED;

    *has_moved = false;
    if (ms_cas_acq_rel(&r->device, &seen, DEVICE_IDLE))
        return true;
    *has_moved = seen == DEVICE_DONE;
    return seen != DEVICE_MOVING;
}

static bool request_flush(struct request *r)
{
    uint32_t at[16];
    bool has_moved;
    NTSTATUS status;

    if (!r->is_mapped)
        return true;
    if (!device_stop(r, &has_moved))
        return false;
    status = flush_call(r);
    if (!NT_SUCCESS(status))
        ms_sim_fail("O7 a flush failed", "%08x", (unsigned)status);
    r->is_mapped = false;
    uint32_t count = probes(r, at);
    for (uint32_t i = 0; i < count; i++) {
        bool is_inside = at[i] >= r->offset && at[i] < r->offset + r->bytes;
        uint8_t want = byte_of(r, at[i]);
        if (is_inside && has_moved) {
            uint8_t moved = r->moved[at[i] - r->offset];
            if (r->to_device && moved != want)
                ms_sim_fail("O6 the device saw other bytes", "at %u", at[i]);
            if (!r->to_device)
                want = moved;
        }
        /* A transfer from the device that did not happen may leave anything inside (FLX-16). */
        if (is_inside && !has_moved && !r->to_device)
            continue;
        if (*buffer_byte(r, at[i]) != want)
            ms_sim_fail("O6 the driver sees other bytes", "at %u of %u+%u: %02x, wanted %02x",
                        at[i], r->offset, r->bytes, *buffer_byte(r, at[i]), want);
    }
    return true;
}

static void request_free(struct request *r)
{
    PDMA_ADAPTER a = m.adapter[r->driver];

    if (!request_flush(r))
        return;
    registers_disown(r);
    r->is_held = false;
    a->DmaOperations->FreeMapRegisters(a, r->base, r->registers);
}

static void request_entered(struct request *r)
{
    if (r->was_cancelled)
        ms_sim_fail("O4 entered after a cancel said yes", "request %u", (unsigned)(r - m.request));
    if (r->was_entered)
        ms_sim_fail("O3 a routine entered twice", "request %u", (unsigned)(r - m.request));
    r->was_entered = true;
}

/* What its routine does: 0 keeps the registers for later; 1 maps and lets all go with the answer; 2
 * maps and frees before the answer. */
static IO_ALLOCATION_ACTION routine(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    struct request *r = context;
    uint8_t action = r->action;

    (void)device, (void)irp;
    request_entered(r);
    ms_fetch_or_acq_rel(&r->fate, ENTERED); /* hb:fate */
    r->base = base;
    r->is_held = true;
    m.digest = m.digest * 31 + (uint32_t)(r - m.request) + 7;
    if (action != 0) {
        request_map(r, 0, r->registers > 1 ? 0 : 2, false);
        while (!request_flush(r))
            ms_spin_hint(); /* the driver waits for its device, not for the interface */
        registers_disown(r);
        r->is_held = false;
        if (action == 2)
            m.adapter[r->driver]->DmaOperations->FreeMapRegisters(m.adapter[r->driver], base,
                                                                  r->registers);
    }
    ms_fetch_or_acq_rel(&r->fate, DONE);
    return action == 1 ? DeallocateObject : DeallocateObjectKeepRegisters;
}

static struct request *request_new(uint32_t driver, uint32_t slot, uint8_t registers,
                                   uint8_t action, bool is_old)
{
    struct request *r;

    if (m.requests == REQUESTS_MAX || m.current[driver][slot])
        return NULL;
    r = &m.request[m.requests++];
    memset(r, 0, offsetof(struct request, moved));
    r->driver = driver;
    r->slot = slot;
    r->registers = registers & 3;
    r->action = action % 3;
    r->is_old = is_old;
    if (r->registers > m.pool->registers)
        r->registers = m.pool->registers;
    if (m.is_packet && r->registers > m.pool->ops->run_max)
        r->registers = m.pool->ops->run_max; /* a longer run never comes: one would wait for ever */
    ms_init(&r->fate, ASKED);
    ms_init(&r->device, DEVICE_IDLE);
    m.current[driver][slot] = r;
    m.has_failed[driver] = false;
    if (!NT_SUCCESS(m.adapter[driver]->DmaOperations->InitializeDmaTransferContext(
            m.adapter[driver], r->context)))
        ms_sim_fail("a context cannot be initialized", "request %u", m.requests - 1);
    /* hb:newest: who cancels sees the context made. */
    ms_store_release(&m.newest[driver][slot], m.requests);
    return r;
}

static void do_ask(uint32_t driver, uint32_t slot, uint8_t registers, uint8_t action)
{
    struct request *r = request_new(driver, slot, registers, action, false);
    PDMA_ADAPTER a = m.adapter[driver];
    NTSTATUS status;

    if (!r)
        return;
    status = a->DmaOperations->AllocateAdapterChannelEx(a, &m.stage.pdo, r->context, r->registers,
                                                        0, routine, r, NULL);
    if (NT_SUCCESS(status))
        return;
    /* ACX-18: it was cancelled before; or there are no grants (they are fewer than requests). */
    if (ms_fetch_or_acq_rel(&r->fate, DONE) & ENTERED)
        ms_sim_fail("O3 refused and entered", "%08x", (unsigned)status);
    if (status != STATUS_CANCELLED && status != STATUS_INSUFFICIENT_RESOURCES)
        ms_sim_fail("an asynchronous request failed", "%08x", (unsigned)status);
    m.current[driver][slot] = NULL;
}

/* What waits for the one device object, of those that version 1's routine has queued (ACH-04). */
static void device_check(void)
{
    uint32_t waiting = 0;

    for (uint32_t i = 0; i < m.stage.dma->config.grants; i++) {
        const struct ms_grant *grant = &m.stage.dma->grants[i];
        union ms_grant_word word;
        memcpy(&word, &grant->state, sizeof word); /* as it is now, to whomever */
        for (uint32_t k = 0; k < m.requests; k++)
            waiting += m.request[k].is_queued && grant->routine_context == &m.request[k] &&
                       (word.phase == GRANT_WAITING || word.phase == GRANT_READY);
    }
    if (waiting > 1)
        ms_sim_fail("O2 two requests of version 1 wait for one device", "%u", waiting);
}

static void do_ask_old(uint32_t driver, uint32_t slot, uint8_t registers, uint8_t action)
{
    struct request *r = request_new(driver, slot, registers, action, true);
    PDMA_ADAPTER a = m.adapter[driver];
    NTSTATUS status;

    if (!r)
        return;
    status = a->DmaOperations->AllocateAdapterChannel(a, &m.stage.pdo, r->registers, routine, r);
    r->is_queued = NT_SUCCESS(status);
    device_check();
    if (r->is_queued)
        return;
    if (ms_fetch_or_acq_rel(&r->fate, DONE) & ENTERED)
        ms_sim_fail("O3 refused and entered", "%08x", (unsigned)status);
    if (status != STATUS_INSUFFICIENT_RESOURCES)
        ms_sim_fail("an asynchronous request failed", "%08x", (unsigned)status);
    m.current[driver][slot] = NULL;
}

/* A grant to come makes the thread forget that an earlier request failed (FRE-18). */
static bool awaits_grant(uint32_t driver)
{
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        const struct request *r = m.current[driver][slot];
        if (r && !r->was_entered && !r->was_cancelled)
            return true;
    }
    return false;
}

static void do_ask_sync(uint32_t driver, uint32_t slot, uint8_t registers)
{
    bool may_forget = awaits_grant(driver);
    struct request *r = request_new(driver, slot, registers, 0, false);
    PDMA_ADAPTER a = m.adapter[driver];
    NTSTATUS status;

    if (!r)
        return;
    status = a->DmaOperations->AllocateAdapterChannelEx(
        a, &m.stage.pdo, r->context, r->registers, DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &r->base);
    if (NT_SUCCESS(status))
        request_entered(r);
    ms_fetch_or_acq_rel(&r->fate, ENTERED | DONE);
    m.has_failed[driver] = !NT_SUCCESS(status) && !may_forget;
    if (!NT_SUCCESS(status)) {
        m.current[driver][slot] = NULL;
        return;
    }
    r->is_held = true;
    a->DmaOperations->FreeAdapterObject(a, DeallocateObjectKeepRegisters);
}

/* What many drivers do on their way out: frees the adapter though it was not granted (FRE-18). Whoever owns it
 * meanwhile goes on owning it, and its registers. */
static void do_let_go(uint32_t driver)
{
    PDMA_ADAPTER a = m.adapter[driver];

    if (!m.has_failed[driver])
        return;
    m.has_failed[driver] = false;
    a->DmaOperations->FreeAdapterObject(a, DeallocateObject);
}

/* The slot's request when its routine has returned and left it registers. */
static struct request *held(uint32_t driver, uint32_t slot)
{
    struct request *r = m.current[driver][slot];
    uint32_t fate;

    if (!r)
        return NULL;
    fate = ms_load_acquire(&r->fate); /* hb:fate */
    if (!(fate & (DONE | CANCELLED)))
        return NULL;
    if (!r->is_held) { /* cancelled, or its routine let go of all */
        m.current[driver][slot] = NULL;
        return NULL;
    }
    return r;
}

/* As held; an empty slot stands for the next one that is not: most operations should do something. */
static struct request *held_near(uint32_t driver, uint32_t slot)
{
    struct request *r = NULL;

    for (uint32_t i = 0; i < SLOTS && !r; i++)
        r = held(driver, (slot + i) % SLOTS);
    return r;
}

/* By anybody, at any time, also while the request is being made: the context is made, and used for one
 * request only. TRUE says that the routine will not be called (CAC-03, CAC-05), or that the context is idle
 * again after it was. The shadow is plain: no step lies between the answer and what is noted. */
static void request_cancel(struct request *r)
{
    PDMA_ADAPTER a = m.adapter[r->driver];

    if (r->is_old) /* there is no context by which it could be cancelled */
        return;
    if (!a->DmaOperations->CancelAdapterChannel(a, &m.stage.pdo, r->context) || r->was_entered)
        return;
    r->was_cancelled = true;
    ms_fetch_or_acq_rel(&r->fate, CANCELLED);
}

static void do_cancel(uint32_t driver, uint32_t slot)
{
    /* hb:newest */
    uint32_t number = ms_load_acquire(&m.newest[driver][slot]);

    if (number > 0)
        request_cancel(&m.request[number - 1]);
}

/* --- the device ---------------------------------------------------------------------------------- */

static void do_move(uint32_t driver, uint32_t slot)
{
    uint32_t number = ms_load_acquire(&m.newest[driver][slot]);
    struct ms_bus_master master;
    struct ms_bus_master_result result;
    uint32_t seen = DEVICE_STARTED;

    if (number == 0)
        return;
    struct request *r = &m.request[number - 1];
    /* hb:device, acquire */
    if (!ms_cas_acq_rel(&r->device, &seen, DEVICE_MOVING))
        return;
    ms_data_read(r->list, 16);
    ms_bus_master_init(&master, m.stage.memory, 32);
    if (r->to_device) {
        result = ms_bus_master_fetch(&master, (PSCATTER_GATHER_LIST)r->list, r->moved, r->bytes);
    } else {
        uint32_t at[16];
        memset(r->moved, 0, r->bytes);
        for (uint32_t i = probes(r, at); i-- > 0;) /* only these are looked at */
            if (at[i] - r->offset < r->bytes)
                r->moved[at[i] - r->offset] = (uint8_t)~byte_of(r, at[i]);
        ms_sim_here("the device moves");
        result = ms_bus_master_store(&master, (PSCATTER_GATHER_LIST)r->list, r->moved, r->bytes);
    }
    if (result.bytes != r->bytes || result.fault)
        ms_sim_fail("O5 the device could not move all", "%lu of %u", (unsigned long)result.bytes,
                    r->bytes);
    ms_sim_here("the device has moved");
    /* hb:device, release: the bytes come before. */
    ms_store_release(&r->device, DEVICE_DONE);
}

enum kind { ASK, ASK_SYNC, MAP, FLUSH, FREE, MOVE, CANCEL, LET_GO, ASK_OLD, MAP_OLD };

static void map_perform(uint32_t actor, const struct fuzz_op *op)
{
    uint32_t slot = op->operand[0] % SLOTS;
    uint32_t driver = actor < DRIVERS ? actor : op->operand[0] / SLOTS % DRIVERS;
    struct request *r;

    stage_cpu(&m.stage, actor);
    switch ((enum kind)op->kind) {
    case ASK:
        do_ask(driver, slot, op->operand[1], op->operand[2]);
        break;
    case ASK_SYNC:
        do_ask_sync(driver, slot, op->operand[1]);
        break;
    case MAP:
        r = held_near(driver, slot);
        if (r)
            request_map(r, op->operand[1], op->operand[2], false);
        break;
    case MAP_OLD:
        r = held_near(driver, slot);
        if (r)
            request_map(r, op->operand[1], op->operand[2], true);
        break;
    case FLUSH:
        r = held_near(driver, slot);
        if (r)
            request_flush(r);
        break;
    case FREE:
        r = held_near(driver, slot);
        if (r)
            request_free(r);
        break;
    case MOVE:
        do_move(driver, slot);
        break;
    case CANCEL:
        do_cancel(driver, slot);
        break;
    case LET_GO:
        do_let_go(driver);
        break;
    case ASK_OLD:
        do_ask_old(driver, slot, op->operand[1], op->operand[2]);
        break;
    }
}

/* One look at a slot at the end: true when nothing is left in it. */
static bool slot_finish(uint32_t driver, uint32_t slot)
{
    struct request *r = m.current[driver][slot];

    if (!r)
        return true;
    r = held(driver, slot);
    if (r)
        request_free(r);
    else if (slot != 0 && m.current[driver][slot])
        request_cancel(
            m.current[driver][slot]); /* slot 0 waits for its turn: nobody is forgotten */
    return held(driver, slot) == NULL && m.current[driver][slot] == NULL;
}

/* What it holds goes back, what still waits is cancelled or waited for. */
static void map_finish(uint32_t actor)
{
    for (;;) {
        bool is_done = true;
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            is_done &= slot_finish(actor, slot);
        if (is_done || ms_sim_somebody_is_stopped())
            return; /* a stopped one may be in this very routine, or the device */
        ms_spin_hint();
    }
}

/* The last one ends the machine's thread, as the machine's owner does. */
static void map_end(uint32_t actor)
{
    if (actor < DRIVERS)
        map_finish(actor);
    if (m.defers && ms_fetch_add_acq_rel(&m.finished, 1) + 1 == ACTORS) { /* hb:finished */
        stage_cpu(&m.stage, actor);
        ms_kernel_stop(&m.stage.kernel);
    }
}

static void map_check(void *unused)
{
    (void)unused;
    for (uint32_t i = 0; i < m.requests; i++) {
        uint32_t fate = ms_load_relaxed(&m.request[i].fate);
        if (!(fate & (DONE | CANCELLED)))
            ms_sim_fail("O3 a request neither entered nor cancelled", "request %u", i);
    }
    if (ms_dma_grants_used(m.stage.dma) != 0)
        ms_sim_fail("O9 a grant is left", "%u", ms_dma_grants_used(m.stage.dma));
    if (m.pool->ops->free_count(m.pool->state) != m.pool->registers)
        ms_sim_fail("O2 registers are lost", "%u of %u", m.pool->ops->free_count(m.pool->state),
                    m.pool->registers);
    if (!ms_dma_audit(m.stage.dma))
        ms_sim_fail("O2 the audit fails", "at the end");
}

static uint64_t map_digest(void)
{
    uint64_t digest = 0;

    for (uint32_t i = 0; i < m.requests; i++)
        digest = digest * 31 + (ms_load_relaxed(&m.request[i].fate) & (ENTERED | CANCELLED)) +
                 m.request[i].driver * 64;
    return digest;
}

static const char *map_tell(const struct fuzz_op *op, char *text, size_t bytes)
{
    uint32_t slot = op->operand[0] % SLOTS;
    uint32_t driver = op->operand[0] / SLOTS % DRIVERS;
    static const char *const actions[] = {"keep", "map, all goes", "map, free"};

    switch ((enum kind)op->kind) {
    case ASK:
        snprintf(text, bytes, "ask in slot %u for %u (%s)", slot, op->operand[1] & 3,
                 actions[op->operand[2] % 3]);
        break;
    case ASK_SYNC:
        snprintf(text, bytes, "ask synchronously in slot %u for %u", slot, op->operand[1] & 3);
        break;
    case MAP:
    case MAP_OLD:
        snprintf(text, bytes, "map slot %u at %u, %u bytes %s%s", slot, offsets[op->operand[1] & 7],
                 lengths[op->operand[2] & 7], op->operand[2] >> 3 & 1 ? "out" : "in",
                 op->kind == MAP_OLD ? ", by the old routine" : "");
        break;
    case FLUSH:
        snprintf(text, bytes, "flush slot %u", slot);
        break;
    case FREE:
        snprintf(text, bytes, "free slot %u", slot);
        break;
    case MOVE:
        snprintf(text, bytes, "move for %s's slot %u", driver ? "b" : "a", slot);
        break;
    case CANCEL:
        snprintf(text, bytes, "cancel %s's slot %u", driver ? "b" : "a", slot);
        break;
    case LET_GO:
        return "free the adapter after a request that failed";
    case ASK_OLD:
        snprintf(text, bytes, "ask as version 1 in slot %u for %u", slot, op->operand[1] & 3);
        break;
    }
    return text;
}

static const char *const actor_names[] = {"a", "b", "device", "cancel", "late"};
static const struct fuzz_setting settings[] = {{"strategy", 32}, {"shape", SHAPES}};
static const struct fuzz_kind kinds[] = {
    [ASK] = {"ask", 3, 3, "slot, registers, what the routine does"},
    [ASK_SYNC] = {"ask_sync", 2, 3, "slot, registers"},
    [MAP] = {"map", 3, 3, "slot, offset class, length class and direction"},
    [FLUSH] = {"flush", 1, 3, "slot"},
    [FREE] = {"free", 1, 3, "slot"},
    [MOVE] = {"move", 1, 4, "whose slot"},
    [CANCEL] = {"cancel", 1, 8, "whose slot"},
    [LET_GO] = {"let_go", 0, 3, "the adapter, after a synchronous request that failed"},
    [MAP_OLD] = {"map_old", 3, 3, "as map, by MapTransfer"},
    [ASK_OLD] = {"ask_old", 3, 3, "as version 1: slot, registers, what the routine does"},
};

const struct fuzz_target fuzz_target_map = {
    .name = "map",
    .summary = "two drivers, a device, a canceller: ask, cancel, map, move, flush, free",
    .actors = actor_names,
    .actor_count = ACTORS,
    .thread_count = 1, /* where grants are deferred */
    .settings = settings,
    .setting_count = 2,
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .steps_max = 8000,
    .reset = map_reset,
    .perform = map_perform,
    .finish = map_end,
    .check = map_check,
    .digest = map_digest,
    .tell = map_tell,
    .tell_setting = stage_strategy_tell,
};
