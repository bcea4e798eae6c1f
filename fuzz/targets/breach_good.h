/* SPDX-License-Identifier: MIT */
/*
 * breach_good.h: the drivers that keep every rule beside the one that keeps none: one with a bus master whose pages
 * bounce, one with a channel of the same controller. Each makes whole transfers, a phase at a time; whatever the
 * other driver does, each call of theirs ends as it must and each byte arrives. Included once.
 */
#ifndef FUZZ_BREACH_GOOD_H
#define FUZZ_BREACH_GOOD_H

#include "breach_stage.h"

enum { GOOD_PAGES = 2, GOOD_BYTES = GOOD_PAGES * MS_PAGE_BYTES, RIVAL_BYTES = 512 };
enum phase { IDLE, ASKED, GRANTED, MAPPED, MOVED };
enum { ROUNDS = 64 };
enum asking { KEEPS_REGISTERS, KEEPS, SYNCHRONOUS, LISTS, ASKINGS };

static const PFN_NUMBER good_pfn[GOOD_PAGES] = {0x140000, 0x140005}, rival_pfn[1] = {0x4002};
static const uint32_t good_offsets[4] = {0, 4095, 4000, 7};
static const uint32_t good_lengths[4] = {8192, 1, 4097, 200};
static const uint32_t rival_lengths[4] = {64, 1, 200, 65};

static struct {
    char context[DMA_TRANSFER_CONTEXT_SIZE_V1] __attribute__((aligned(16)));
    char room[16 + 24 * GOOD_PAGES] __attribute__((aligned(16)));
    ms_atomic_u32 granted; /* hb:breach-good */
    enum phase phase;
    enum asking asking;
    bool to_device;
    PVOID base;
    PSCATTER_GATHER_LIST list;
    uint32_t offset, length, done;
    uint32_t watched; /* calls of others that name its context */
    uint8_t moved[GOOD_BYTES];
} g;

static struct {
    char context[DMA_TRANSFER_CONTEXT_SIZE_V1] __attribute__((aligned(16)));
    ms_atomic_u32 granted, told; /* hb:breach-good */
    enum phase phase;
    bool to_device;
    PVOID base;
    uint32_t offset, length, done, tells;
    DMA_COMPLETION_STATUS status;
    uint64_t given, taken;
    uint8_t bytes[RIVAL_BYTES];
} r;

static void good_reset(void)
{
    ms_init(&g.granted, 0);
    g.phase = IDLE;
    g.done = g.watched = 0;
    g.base = NULL;
    g.list = NULL;
    memset(g.context, 0, sizeof g.context);
    ms_init(&r.granted, 0);
    ms_init(&r.told, 0);
    r.phase = IDLE;
    r.done = r.tells = 0;
    r.given = r.taken = 0;
    r.base = NULL;
    memset(r.context, 0, sizeof r.context);
}

/* --- the bus master's ---------------------------------------------------------------------------------------- */

static uint8_t good_byte(uint32_t at)
{
    return (uint8_t)(g.done * 31 + at * 7 + (at >> 8) + 1);
}

static uint8_t *good_at(uint32_t at)
{
    return ms_memory_byte(b.stage.memory, (ms_pa){(good_pfn[at / MS_PAGE_BYTES] << MS_PAGE_SHIFT) +
                                                  at % MS_PAGE_BYTES});
}

/* What is looked at: both ends of what is mapped, its neighbours, and where pages meet. */
static uint32_t good_probes(uint32_t *at)
{
    const uint32_t all[] = {0,        MS_PAGE_BYTES - 1,       MS_PAGE_BYTES,       GOOD_BYTES - 1,
                            g.offset, g.offset + g.length - 1, g.offset + g.length, g.offset - 1};
    uint32_t count = 0;

    for (uint32_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i] < GOOD_BYTES)
            at[count++] = all[i];
    return count;
}

static bool good_has(uint32_t at)
{
    return at - g.offset < g.length;
}

static IO_ALLOCATION_ACTION on_good(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    (void)device, (void)irp, (void)context;
    g.base = base;
    if (ms_exchange_acq_rel(&g.granted, 1) != 0) /* hb:breach-good */
        ms_sim_fail("O3 granted twice", "transfer %u", g.done);
    return g.asking == KEEPS ? KeepObject : DeallocateObjectKeepRegisters;
}

static VOID on_good_list(PDEVICE_OBJECT device, PIRP irp, PSCATTER_GATHER_LIST list, PVOID context)
{
    (void)device, (void)irp, (void)context;
    g.list = list;
    if (ms_exchange_acq_rel(&g.granted, 1) != 0) /* hb:breach-good */
        ms_sim_fail("O3 granted twice", "transfer %u", g.done);
}

static void good_ask(uint8_t how)
{
    const DMA_OPERATIONS *ops = b.good->DmaOperations;
    uint32_t at[8];
    NTSTATUS status;

    if (g.watched > 0)
        return;
    g.asking = how % ASKINGS;
    g.to_device = how >> 2 & 1;
    g.offset = good_offsets[how >> 3 & 3];
    g.length = (uint32_t)ms_min_u64(good_lengths[how >> 5 & 3], GOOD_BYTES - g.offset);
    for (uint32_t i = good_probes(at); i-- > 0;)
        *good_at(at[i]) = good_byte(at[i]);
    ms_store_relaxed(&g.granted, 0);
    expect_status(ops->InitializeDmaTransferContext(b.good, g.context), STATUS_SUCCESS,
                  "good: initialise");
    g.phase = ASKED;
    if (g.asking == LISTS) {
        status = ops->GetScatterGatherListEx(b.good, &b.stage.pdo, g.context, b.good_mdl, g.offset,
                                             g.length, 0, on_good_list, NULL, (BOOLEAN)g.to_device,
                                             NULL, NULL, NULL);
    } else if (g.asking == SYNCHRONOUS) {
        status = ops->AllocateAdapterChannelEx(b.good, &b.stage.pdo, g.context, GOOD_PAGES,
                                               DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &g.base);
        if (status == STATUS_INSUFFICIENT_RESOURCES) { /* the other one has them */
            g.phase = IDLE;
            return;
        }
        ms_store_release(&g.granted, 1); /* hb:breach-good */
        ops->FreeAdapterObject(b.good, DeallocateObjectKeepRegisters);
    } else {
        status = ops->AllocateAdapterChannelEx(b.good, &b.stage.pdo, g.context, GOOD_PAGES, 0,
                                               on_good, NULL, NULL);
    }
    expect_status(status, STATUS_SUCCESS, "good: ask");
}

static void good_map(void)
{
    ULONG length = g.length;

    if (g.asking == LISTS)
        return;
    g.list = (PSCATTER_GATHER_LIST)(void *)g.room;
    expect_status(b.good->DmaOperations->MapTransferEx(b.good, b.good_mdl, g.base, g.offset, 0,
                                                       &length, (BOOLEAN)g.to_device, g.list,
                                                       sizeof g.room, NULL, NULL),
                  STATUS_SUCCESS, "good: map");
    if (length != g.length)
        ms_sim_fail("O5 the others' transfer is shorter", "%u of %u", (unsigned)length, g.length);
}

static void good_move(void)
{
    struct ms_bus_master master;
    struct ms_bus_master_result result;
    uint32_t at[8];
    uint32_t count = good_probes(at);

    ms_bus_master_init(&master, b.stage.memory, 32);
    if (g.to_device) {
        result = ms_bus_master_fetch(&master, g.list, g.moved, g.length);
        for (uint32_t i = 0; i < count; i++)
            if (good_has(at[i]) && g.moved[at[i] - g.offset] != good_byte(at[i]))
                ms_sim_fail("O6 the others' device saw other bytes", "at %u", at[i]);
    } else {
        for (uint32_t i = 0; i < count; i++)
            if (good_has(at[i]))
                g.moved[at[i] - g.offset] = (uint8_t)~good_byte(at[i]);
        result = ms_bus_master_store(&master, g.list, g.moved, g.length);
    }
    if (result.bytes != g.length || result.fault)
        ms_sim_fail("O5 the others' device could not move all", "%lu of %u",
                    (unsigned long)result.bytes, g.length);
}

static void good_end(void)
{
    const DMA_OPERATIONS *ops = b.good->DmaOperations;
    uint32_t at[8];

    if (g.asking == LISTS) {
        ops->PutScatterGatherList(b.good, g.list, (BOOLEAN)g.to_device);
    } else {
        expect_status(ops->FlushAdapterBuffersEx(b.good, b.good_mdl, g.base, g.offset, g.length,
                                                 (BOOLEAN)g.to_device),
                      STATUS_SUCCESS, "good: flush");
        if (g.asking == KEEPS)
            ops->FreeAdapterChannel(b.good);
        else
            ops->FreeMapRegisters(b.good, g.base, GOOD_PAGES);
    }
    for (uint32_t i = good_probes(at); i-- > 0;) {
        uint8_t want = good_byte(at[i]);
        if (!g.to_device && good_has(at[i]))
            want = (uint8_t)~want;
        if (*good_at(at[i]) != want)
            ms_sim_fail("O6 the others see other bytes", "at %u of %u+%u: %02x, wanted %02x", at[i],
                        g.offset, g.length, *good_at(at[i]), want);
    }
    g.base = NULL;
    g.list = NULL;
    g.done++;
}

/* One phase. */
static void good_go(uint8_t how)
{
    switch (g.phase) {
    case IDLE:
        good_ask(how);
        break;
    case ASKED:
    case GRANTED:
        if (!ms_load_acquire(&g.granted)) /* hb:breach-good */
            break;
        good_map();
        g.phase = MAPPED;
        break;
    case MAPPED:
        good_move();
        g.phase = MOVED;
        break;
    case MOVED:
        good_end();
        g.phase = IDLE;
        break;
    }
}

/* Its domain reaches as far as its members, and no adapter of the other driver is one (DOM-02). */
static void good_domain(void)
{
    const DMA_OPERATIONS *ops = b.wide->DmaOperations;
    PHYSICAL_ADDRESS logical;
    bool may_be_narrow = false;
    uint32_t joins = b.joins;
    PVOID address;

    for (uint32_t i = 0; i < SLOTS; i++)
        may_be_narrow |= b.is_member[i];
    ms_fetch_add_acq_rel(&b.turn, 1); /* hb:breach-turn: what has left is seen to have left */
    expect_status(ops->AllocateDomainCommonBuffer(b.wide, b.home, NULL, PAGE_SIZE, 0, NULL, 0,
                                                  &logical, &address),
                  STATUS_SUCCESS, "good: a common buffer of its domain");
    if (!may_be_narrow && joins == b.joins && (uint64_t)logical.QuadPart <= UINT32_MAX)
        ms_sim_fail("O7 a domain reaches less far than its members", "%" PRIx64,
                    (uint64_t)logical.QuadPart);
    ops->FreeCommonBuffer(b.wide, PAGE_SIZE, logical, address, TRUE);
}

/* --- the channel's ----------------------------------------------------------------------------------------------- */

static uint8_t *rival_at(uint32_t at)
{
    return ms_memory_byte(b.stage.memory, (ms_pa){(rival_pfn[0] << MS_PAGE_SHIFT) + at});
}

static uint8_t rival_byte(uint32_t at)
{
    return r.to_device ? (uint8_t)(r.done * 29 + at * 5 + 1)
                       : (uint8_t)~ms_fifo_byte(99, r.given + at);
}

static IO_ALLOCATION_ACTION on_rival(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    (void)device, (void)irp, (void)context;
    r.base = base;
    if (ms_exchange_acq_rel(&r.granted, 1) != 0) /* hb:breach-good */
        ms_sim_fail("O3 granted twice", "transfer %u", r.done);
    return KeepObject;
}

static VOID on_rival_told(PDMA_ADAPTER adapter, PDEVICE_OBJECT device, PVOID context,
                          DMA_COMPLETION_STATUS status)
{
    (void)adapter, (void)device, (void)context;
    r.status = status;
    if (r.phase != GRANTED && r.phase != MAPPED)
        ms_sim_fail("O3 the others are told without a transfer", "phase %u", r.phase);
    if (ms_exchange_acq_rel(&r.told, 1) != 0) /* hb:breach-good */
        ms_sim_fail("O3 the others are told twice", "transfer %u", r.done);
}

static void rival_fill(void)
{
    for (uint32_t i = 0; i <= r.length; i++)
        *rival_at(i) = rival_byte(i);
}

static void rival_ask(uint8_t how)
{
    const DMA_OPERATIONS *ops = b.rival->DmaOperations;

    r.to_device = how & 1;
    r.length = rival_lengths[how >> 1 & 3];
    ms_store_relaxed(&r.granted, 0);
    ms_store_relaxed(&r.told, 0);
    rival_fill();
    expect_status(ops->InitializeDmaTransferContext(b.rival, r.context), STATUS_SUCCESS,
                  "rival: initialise");
    expect_status(
        ops->AllocateAdapterChannelEx(b.rival, &b.stage.pdo, r.context, 1, 0, on_rival, NULL, NULL),
        STATUS_SUCCESS, "rival: ask");
    r.phase = ASKED;
}

/* It finds its channel as new. */
static void rival_map(void)
{
    const DMA_OPERATIONS *ops = b.rival->DmaOperations;
    ULONG length = r.length;
    NTSTATUS status;

    for (uint32_t i = 0; i < b.controller->config.channels; i++) {
        union ms_channel_setting setting;
        memcpy(&setting, &b.controller->channel[i].setting, sizeof setting);
        if (channel_of(r.base) == i && setting.period != 0)
            ms_sim_fail("O4 a new owner's channel has the last one's period", "transfer %u",
                        r.done); /* CFG-05 */
    }
    r.phase = GRANTED;
    status = ops->MapTransferEx(b.rival, b.rival_mdl, r.base, 0, 0, &length, (BOOLEAN)r.to_device,
                                NULL, 0, on_rival_told, NULL);
    if (status == STATUS_INSUFFICIENT_RESOURCES)
        return; /* too many transfers that nobody was told of yet: again */
    expect_status(status, STATUS_SUCCESS, "rival: map");
    if (length != r.length)
        ms_sim_fail("O5 the others' transfer is shorter", "%u of %u", (unsigned)length, r.length);
    r.phase = MAPPED;
}

static void rival_end(void)
{
    const DMA_OPERATIONS *ops = b.rival->DmaOperations;

    if (r.status != DmaComplete)
        ms_sim_fail("O4 the others' transfer is stopped", "status %u", (unsigned)r.status);
    expect_status(
        ops->FlushAdapterBuffersEx(b.rival, b.rival_mdl, r.base, 0, r.length, (BOOLEAN)r.to_device),
        STATUS_SUCCESS, "rival: flush");
    for (uint32_t i = 0; i <= r.length; i++) {
        uint8_t want = rival_byte(i);
        if (!r.to_device && i < r.length)
            want = (uint8_t)~want;
        if (*rival_at(i) != want)
            ms_sim_fail("O6 the others see other bytes", "at %u of %u: %02x, wanted %02x", i,
                        r.length, *rival_at(i), want);
    }
    if (r.to_device && b.fifo.taken_count != r.taken + r.length)
        ms_sim_fail("O5 the others' device took another number of bytes", "%lu of %u",
                    (unsigned long)(b.fifo.taken_count - r.taken), r.length);
    for (uint32_t i = 0; r.to_device && i < r.length; i++)
        if (r.bytes[i] != rival_byte(i))
            ms_sim_fail("O6 the others' device saw other bytes", "at %u", i);
    r.given += r.to_device ? 0 : r.length;
    ops->FreeAdapterChannel(b.rival);
    r.base = NULL;
    r.done++;
}

static void rival_go(uint8_t how)
{
    switch (r.phase) {
    case IDLE:
        rival_ask(how);
        break;
    case ASKED:
        if (!ms_load_acquire(&r.granted)) /* hb:breach-good */
            break;
        b.fifo.taken_count = 0;
        r.taken = 0;
        rival_map();
        break;
    case GRANTED:
        rival_map();
        break;
    default:
        if (!ms_load_acquire(&r.told)) /* hb:breach-good */
            break;
        rival_end();
        r.phase = IDLE;
        break;
    }
}

#endif
