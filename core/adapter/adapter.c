/* SPDX-License-Identifier: MIT */
/*
 * adapter: making and ending adapters (IoGetDmaAdapter, PutDmaAdapter) and the floor itself.
 *
 * Idea        a machine has a fixed table of adapters; one bit each says who is taken, so both
 *             opening and putting are lock-free and a put at DISPATCH_LEVEL frees no memory.
 *             An adapter put inside its own completion routine is only marked as ending: that routine has its
 *             address yet (PUT-06). Whoever opens the next one gives such slots back.
 * Invariants  I1 a mark of an ending adapter is taken away before one looks whether its routine has returned, and
 *                set again if it has not: so one thread at a time has the slot, and what it sees is of the life
 *                that it gives back
 * Ordering    hb:adapter-slot  put clears the bit with release; open takes it with acquire
 *             hb:adapter-ending  put sets that mark with release, who takes it away acquires it, and then looks at
 *             the records: older ones, of before the transfer, would show a routine that has returned
 * ABA         none: a bit says all there is to say, to who has it (I1)
 * Progress    opening and putting are lock-free; putting waits only as PUT-06 says (ms_system_settle). Who stops
 *             with a mark in hands keeps that one slot
 */
#include "adapter/grant.h"

#include <string.h>

/* --- what a description asks for --- */

enum { WIDTH_MIN = 24, WIDTH_MAX = 64, REGISTER_BOUNDARY_MAX = 1 << 15 };
#define MAP_REGISTERS_MAX 0xFFFFFu /* times a page still fits a ULONG (IGA-20) */

/* Bits of address a device drives (DDX-21..24), or 0: the description is not valid. */
static uint32_t width_of(const DEVICE_DESCRIPTION *description)
{
    if (description->Version >= DEVICE_DESCRIPTION_VERSION3) {
        uint32_t width = description->DmaAddressWidth;
        return width < WIDTH_MIN || width > WIDTH_MAX ? 0 : width;
    }
    if (description->Dma64BitAddresses)
        return 64;
    if (description->Dma32BitAddresses ||
        (description->ScatterGather && description->InterfaceType == PCIBus))
        return 32;
    return WIDTH_MIN;
}

/* The largest number one request may ask for (IGA-05..07), without a pool's cap. */
static uint32_t map_registers_for(uint32_t maximum_length)
{
    uint64_t pages = BYTES_TO_PAGES((uint64_t)maximum_length) + 1;

    return (uint32_t)ms_min_u64(pages < 2 ? 2 : pages, MAP_REGISTERS_MAX);
}

/* Neighbouring registers that no run may cross a multiple of; 0: any (SGE-06). No pool crosses more than its size.
 * Two registers side by side is the least an adapter may have (IGA-07): where not even those are one element's, the
 * list is cut, not the run. */
static uint16_t register_boundary_of(uint64_t boundary)
{
    uint64_t pages = boundary >> MS_PAGE_SHIFT;

    if (pages < 2 || pages >= MS_REG_COUNT_MAX)
        return 0;
    return (uint16_t)ms_min_u64(pages, REGISTER_BOUNDARY_MAX);
}

static bool covers_all_ram(const struct ms_dma *dma, uint32_t width)
{
    uint32_t bits = width - MS_PAGE_SHIFT;

    return bits >= 52 || ms_memory_pfn_end(dma->memory) <= UINT64_C(1) << bits;
}

/* --- slots --- */

static void slot_free(struct ms_dma *dma, uint32_t index)
{
    uint64_t bit = UINT64_C(1) << (index % 64);
    /* hb:adapter-slot, release */
    uint64_t was = ms_fetch_and_release(&dma->adapters_taken[index / 64], ~bit);

    ms_assert(was & bit);
}

/* Its routine has its address yet, or nobody looked whether it has. */
static void slot_mark_ending(struct ms_dma *dma, uint32_t index)
{
    /* hb:adapter-ending, release */
    ms_fetch_or_release(&dma->adapters_ending[index / 64], UINT64_C(1) << (index % 64));
}

/* Slots of adapters that were put inside their own routine, which has returned now. */
static void slots_reclaim(struct ms_dma *dma)
{
    for (uint32_t i = 0; i < MS_ADAPTER_WORDS; i++)
        for (uint64_t seen = ms_load_relaxed(&dma->adapters_ending[i]); seen != 0;
             seen &= seen - 1) {
            uint32_t index = i * 64 + ms_bit_lowest(seen);
            uint64_t bit = seen & (0 - seen);
            if (!(ms_fetch_and_acquire(&dma->adapters_ending[i], ~bit) & bit))
                continue; /* hb:adapter-ending, acquire. I1: another has it */
            ms_data_read(&dma->adapter[index].magic, sizeof(uint64_t)); /* for all plain fields */
            if (ms_system_is_quiet(&dma->adapter[index]))
                slot_free(dma, index);
            else
                slot_mark_ending(dma, index);
        }
}

static struct ms_adapter *slot_take(struct ms_dma *dma)
{
    if (ms_fault_here())
        return NULL;
    slots_reclaim(dma);
    for (uint32_t i = 0; i < MS_ADAPTER_WORDS; i++) {
        uint64_t seen = ms_load_relaxed(&dma->adapters_taken[i]);
        while (seen != UINT64_MAX) {
            uint32_t bit = ms_bit_lowest(~seen);
            if (i * 64 + bit >= MS_ADAPTERS_MAX)
                return NULL;
            /* hb:adapter-slot, acquire */
            if (ms_cas_acquire(&dma->adapters_taken[i], &seen, seen | UINT64_C(1) << bit)) {
                struct ms_adapter *adapter = &dma->adapter[i * 64 + bit];
                ms_data_write(&adapter->magic, sizeof adapter->magic); /* for all plain fields */
                return adapter;
            }
        }
    }
    return NULL;
}

/* GEN-08: a later call is caught. */
static void keys_clear(struct ms_adapter *adapter)
{
    adapter->magic = 0;
    adapter->map_key = MS_KEY_NONE;
    adapter->flush_key = MS_KEY_NONE;
}

static void slot_close(struct ms_adapter *adapter)
{
    ms_data_write(&adapter->magic, sizeof adapter->magic); /* for all plain fields */
    keys_clear(adapter);
    ms_domain_close(adapter);
}

static void slot_give(struct ms_adapter *adapter)
{
    slot_close(adapter);
    slot_free(adapter->dma, adapter->index);
}

/* A bus master is what its description says (DDX-21..24). */
static bool master_bind(struct ms_dma *dma, struct ms_adapter *adapter,
                        const DEVICE_DESCRIPTION *description, struct ms_sg_limits *limits)
{
    uint32_t width = width_of(description);

    if (width == 0)
        return false;
    adapter->controller = NULL;
    adapter->address_width = width;
    adapter->is_packet = !description->ScatterGather;
    ms_sg_limits_init(limits, width);
    if (dma->config.other.element_bytes_max)
        limits->element_bytes_max = dma->config.other.element_bytes_max; /* SGE-06 */
    if (dma->config.other.boundary)
        limits->boundary = ms_min_u64(limits->boundary, dma->config.other.boundary);
    return true;
}

/* Everything that follows from width, kind and limits. */
static void adapter_fill(struct ms_dma *dma, struct ms_adapter *adapter,
                         const DEVICE_DESCRIPTION *description, struct ms_sg_limits *limits)
{
    enum ms_reach reach = adapter->address_width < 32 ? MS_REACH_24 : MS_REACH_32;
    enum ms_pool_kind kind = adapter->is_packet ? MS_POOL_CONTIGUOUS : MS_POOL_SCATTER; /* MRG-05 */
    bool needs = adapter->is_packet || !covers_all_ram(dma, adapter->address_width) ||
                 dma->config.translate_all;
    uint32_t version = description->Version < 1 ? 1 : description->Version;
    uint32_t cap = adapter->controller
                       ? ms_controller_config(adapter->controller)->map_registers_max
                       : UINT32_MAX;

    adapter->dma = dma;
    adapter->grants = dma->grants;
    adapter->grant_count = dma->config.grants;
    adapter->index = (uint32_t)(adapter - dma->adapter);
    adapter->pool = needs ? dma->pool[reach][kind] : NULL; /* DDX-33 */
    adapter->table_version = version;
    adapter->register_boundary = register_boundary_of(limits->boundary);
    adapter->map_registers = map_registers_for(description->MaximumLength);
    if (adapter->pool && cap > adapter->pool->registers)
        cap = adapter->pool->registers;
    if (adapter->pool && adapter->is_packet && adapter->register_boundary &&
        cap > adapter->register_boundary)
        cap = adapter->register_boundary; /* a longer run there is none of */
    if (adapter->map_registers > cap)
        adapter->map_registers = cap; /* IGA-06, DDX-32 */
    limits->contiguous = adapter->is_packet;
    limits->merge_mdls = dma->config.merge_mdls;
    limits->translate_all = dma->config.translate_all;
    limits->commons = dma->commons.pages; /* MTX-62 */
    limits->commons_end = dma->commons.pfn_end;
    ms_sg_builder_init(&adapter->builder, dma->memory, adapter->pool, dma->config.variant, limits);
    adapter->parts = needs ? dma->parts[reach][kind] : NULL;
    ms_domain_open(adapter);
    ms_waitlist_init(&adapter->queue);
    for (uint32_t i = 0; i < MS_CPUS_MAX; i++)
        ms_init(&adapter->failed[i], 0);
    adapter->public = (DMA_ADAPTER){
        .Version = 1, /* VER-03 */
        .Size = dma->config.other.whole_size ? sizeof(struct ms_adapter) : sizeof(DMA_ADAPTER),
        .DmaOperations = &dma->table[version],
    };
    adapter->magic = MS_ADAPTER_MAGIC;
    adapter->flush_key = adapter->controller ? MS_KEY_NONE : ms_adapter_key(adapter->index);
    adapter->map_key = adapter->builder.is_simple && !dma->config.other.refuse_completion &&
                               !dma->config.other.unflushed
                           ? adapter->flush_key
                           : MS_KEY_NONE;
}

PDMA_ADAPTER ms_adapter_open(struct ms_dma *dma, PDEVICE_OBJECT pdo,
                             PDEVICE_DESCRIPTION description, PULONG map_registers)
{
    struct ms_sg_limits limits;
    struct ms_adapter *adapter;
    bool bound;

    if (!pdo || !description || !map_registers)
        return NULL; /* IGA-10, IGA-11 */
    if (description->Version > DEVICE_DESCRIPTION_VERSION3)
        return NULL; /* VER-02, IGA-12 */
    adapter = slot_take(dma);
    if (!adapter)
        return NULL; /* IGA-03 */
    adapter->dma = dma;
    adapter->index = (uint32_t)(adapter - dma->adapter);
    bound = description->Master ? master_bind(dma, adapter, description, &limits)
                                : ms_system_bind(dma, adapter, description, &limits);
    if (!bound)
        goto undo_slot; /* DDX-23, DDX-24, IGA-16, DDX-31 */
    adapter_fill(dma, adapter, description, &limits);
    *map_registers = adapter->map_registers; /* IGA-04 */
    return &adapter->public;

undo_slot:
    slot_give(adapter);
    return NULL;
}

PDMA_ADAPTER IoGetDmaAdapter(PDEVICE_OBJECT PhysicalDeviceObject,
                             PDEVICE_DESCRIPTION DeviceDescription, PULONG NumberOfMapRegisters)
{
    struct ms_cpu *cpu = ms_cpu_current();

    if (!cpu || !cpu->kernel->dma)
        return NULL; /* the thread is in no machine: ms_machine_enter comes first */
    return ms_adapter_open(cpu->kernel->dma, PhysicalDeviceObject, DeviceDescription,
                           NumberOfMapRegisters);
}

/* Grants that this adapter still has, ended one by one; they should not exist (PUT-02). */
static bool adapter_is_idle(struct ms_adapter *adapter)
{
    struct ms_dma *dma = adapter->dma;

    for (uint32_t i = 0; i < dma->config.grants; i++) {
        struct ms_grant *grant = &dma->grants[i];
        if (ms_grant_look(grant).phase != GRANT_FREE && ms_load_relaxed(&grant->adapter) == adapter)
            return false;
    }
    return true;
}

/* Whatever it waits for or owns is the next one's; registers and lists stay where they are (PUT-05). As in a
 * callback, so that nobody is granted anything before all of its requests are gone. */
static void adapter_detach(struct ms_adapter *adapter)
{
    struct ms_dma *dma = adapter->dma;
    struct ms_cpu *cpu = ms_cpu_enter(dma->kernel);

    cpu->depth++;
    for (uint32_t i = 0; i < dma->config.grants; i++) {
        uint32_t serial = (uint32_t)ms_grant_look(&dma->grants[i]).serial;
        PVOID context =
            ms_load_relaxed(&dma->grants[i].context); /* of that life, if it can be cancelled */
        if (ms_channel_cancel(adapter, i, serial) && context)
            ms_context_unqueue(context, i, serial, false);
        ms_channel_doom(adapter, i, serial);
    }
    ms_channel_release_owner(adapter, true, false);
    cpu->depth--;
    ms_channel_settle(dma);
}

VOID HalPutDmaAdapter(PDMA_ADAPTER DmaAdapter)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);
    bool is_idle = adapter_is_idle(adapter);
    bool is_settled;

    if (!is_idle)
        adapter_detach(adapter);
    is_settled = !adapter->controller || ms_system_settle(adapter); /* PUT-06 */
    if (is_idle && is_settled) {
        slot_give(adapter);
        return;
    }
    slot_close(adapter);
    if (is_idle)
        slot_mark_ending(adapter->dma, adapter->index);
    /* Else what is still out stays alive, so that a late device access hits our memory and not somebody
     * else's; the slot is never used again (PUT-05). */
}

/* --- the floor --- */

static const uint64_t reach_highest_pfn[MS_REACHES] = {
    [MS_REACH_24] = (UINT64_C(1) << (24 - MS_PAGE_SHIFT)) - 1,
    [MS_REACH_32] = (UINT64_C(1) << (32 - MS_PAGE_SHIFT)) - 1,
};

static size_t parts_bytes(uint32_t registers)
{
    return registers * sizeof(struct ms_reg_part);
}

/* The strategy asked for, but in a pool of contiguous registers one that gives runs of any length: a
 * request for a run longer than its strategy's longest would wait for ever. */
static const struct ms_reg_ops *pool_strategy(const struct ms_dma *dma, enum ms_pool_kind kind,
                                              uint32_t registers)
{
    const struct ms_reg_ops *ops = dma->config.strategy;

    return kind == MS_POOL_CONTIGUOUS && ops->run_max < registers ? ms_strategy_find("cas-bitmap")
                                                                  : ops;
}

static bool pools_create(struct ms_dma *dma)
{
    for (uint32_t reach = 0; reach < MS_REACHES; reach++)
        for (uint32_t kind = 0; kind < MS_POOL_KINDS; kind++) {
            struct ms_pool_config config = {
                .ops = pool_strategy(dma, (enum ms_pool_kind)kind, dma->config.registers[reach]),
                .registers = dma->config.registers[reach],
                .highest_pfn = reach_highest_pfn[reach],
                .aligned = kind == MS_POOL_CONTIGUOUS, /* SGE-06 */
            };
            dma->pool[reach][kind] = ms_pool_create(dma->memory, dma->kernel, &config);
            if (!dma->pool[reach][kind])
                return false;
            dma->parts[reach][kind] = ms_reserve(parts_bytes(config.registers));
            if (!dma->parts[reach][kind])
                return false;
        }
    return true;
}

static size_t scratch_bytes(const struct ms_controller_config *config)
{
    return config->channels *
           (sizeof(SCATTER_GATHER_LIST) + config->elements_max * sizeof(SCATTER_GATHER_ELEMENT));
}

static void controllers_destroy(struct ms_dma *dma)
{
    for (uint32_t i = 0; i < dma->controllers; i++) {
        ms_free(dma->scratch[i], scratch_bytes(ms_controller_config(dma->controller[i])));
        ms_controller_destroy(dma->controller[i]);
    }
    dma->controllers = 0;
}

static bool controllers_create(struct ms_dma *dma, const struct ms_dma_config *config)
{
    uint32_t gates = 0;

    for (uint32_t i = 0; i < config->controller_count; i++) {
        const struct ms_controller_config *c = &config->controllers[i];
        dma->gate_first[i] = gates;
        gates += c->legacy ? c->lines : 1;
        if (i == MS_CONTROLLERS_MAX || gates > MS_GATES_MAX)
            return false;
        dma->controller[i] = ms_controller_create(dma->memory, dma->kernel, c, ms_system_done);
        if (!dma->controller[i])
            return false;
        dma->scratch[i] = ms_alloc(scratch_bytes(c));
        if (!dma->scratch[i]) {
            ms_controller_destroy(dma->controller[i]);
            return false;
        }
        dma->controllers++;
    }
    return true;
}

struct ms_controller *ms_dma_controller(struct ms_dma *dma, uint32_t index)
{
    return index < dma->controllers ? dma->controller[index] : NULL;
}

static void pools_destroy(struct ms_dma *dma)
{
    for (uint32_t i = 0; i < MS_REACHES * MS_POOL_KINDS; i++) {
        struct ms_pool *pool = dma->pool[i / MS_POOL_KINDS][i % MS_POOL_KINDS];
        ms_unreserve(dma->parts[i / MS_POOL_KINDS][i % MS_POOL_KINDS],
                     parts_bytes(dma->config.registers[i / MS_POOL_KINDS]));
        if (pool)
            ms_pool_destroy(pool);
    }
}

struct ms_dma *ms_dma_create(struct ms_kernel *kernel, struct ms_memory *memory,
                             const struct ms_dma_config *config)
{
    uint32_t grants = config->grants;
    struct ms_dma *dma;

    ms_assert(grants >= 1 && grants <= MS_GRANTS_MAX);
    dma = ms_alloc(sizeof *dma);
    if (!dma)
        return NULL;
    dma->kernel = kernel;
    dma->memory = memory;
    dma->config = *config;
    if (dma->config.alignment == 0)
        dma->config.alignment = 1; /* GDA-02 */
    ms_tables_fill(dma->table,
                   config->table_bytes ? config->table_bytes : (uint32_t)sizeof(DMA_OPERATIONS));
    KeInitializeDpc(&dma->dpc, ms_channel_dpc, dma);
    dma->grants = ms_alloc(grants * sizeof *dma->grants);
    if (!dma->grants)
        goto undo_dma;
    dma->links = ms_alloc(grants * sizeof *dma->links);
    if (!dma->links)
        goto undo_grants;
    dma->next_free = ms_alloc(grants * sizeof *dma->next_free);
    if (!dma->next_free)
        goto undo_links;
    dma->lists = ms_alloc(grants * sizeof *dma->lists);
    if (!dma->lists)
        goto undo_next;
    if (!ms_list_store_create(&dma->store, grants))
        goto undo_lists;
    if (!ms_commons_create(&dma->commons, memory))
        goto undo_store;
    for (uint32_t i = 0; i < grants; i++) {
        ms_waitlink_init(&dma->links[i]);
        ms_init(&dma->next_free[i], i + 1 < grants ? i + 1 : UINT32_MAX);
    }
    if (!pools_create(dma))
        goto undo_pools;
    if (!controllers_create(dma, config))
        goto undo_controllers;
    kernel->dma = dma;
    return dma;

undo_controllers:
    controllers_destroy(dma);
undo_pools:
    pools_destroy(dma);
    ms_commons_destroy(&dma->commons);
undo_store:
    ms_list_store_destroy(&dma->store);
undo_lists:
    ms_free(dma->lists, grants * sizeof *dma->lists);
undo_next:
    ms_free(dma->next_free, grants * sizeof *dma->next_free);
undo_links:
    ms_free(dma->links, grants * sizeof *dma->links);
undo_grants:
    ms_free(dma->grants, grants * sizeof *dma->grants);
undo_dma:
    ms_free(dma, sizeof *dma);
    return NULL;
}

/* Registers of grants that nobody ended go back, so that the pools can be taken down whole. */
static void grants_reclaim(struct ms_dma *dma)
{
    for (uint32_t i = 0; i < dma->config.grants; i++) {
        struct ms_grant *grant = &dma->grants[i];
        union ms_grant_word word = ms_grant_look(grant);
        struct ms_adapter *adapter = ms_load_relaxed(&grant->adapter);
        struct ms_reg_set set = {.head = MS_REG_NONE, .count = 0};

        if (word.phase == GRANT_HELD && word.has)
            set = ms_grant_registers(grant);
        else if (word.phase == GRANT_WAITING || word.phase == GRANT_READY)
            set = ms_hoard_close(&grant->hoard, (uint32_t)word.serial);
        if (set.count > 0)
            ms_pool_give(adapter->pool, MS_CPU_NONE, set);
    }
}

void ms_dma_destroy(struct ms_dma *dma)
{
    uint32_t grants = dma->config.grants;

    dma->kernel->dma = NULL;
    controllers_destroy(dma);
    grants_reclaim(dma);
    pools_destroy(dma);
    ms_commons_destroy(&dma->commons);
    ms_list_store_destroy(&dma->store);
    ms_free(dma->lists, grants * sizeof *dma->lists);
    ms_free(dma->next_free, grants * sizeof *dma->next_free);
    ms_free(dma->links, grants * sizeof *dma->links);
    ms_free(dma->grants, grants * sizeof *dma->grants);
    ms_free(dma, sizeof *dma);
}

struct ms_pool *ms_dma_pool(struct ms_dma *dma, enum ms_reach reach, enum ms_pool_kind kind)
{
    return dma->pool[reach][kind];
}

uint32_t ms_dma_grants_used(const struct ms_dma *dma)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < dma->config.grants; i++)
        used += ms_grant_look(&dma->grants[i]).phase != GRANT_FREE;
    return used;
}

bool ms_dma_audit(struct ms_dma *dma)
{
    uint32_t free_grants = 0, blocks = 0, held[MS_REACHES * MS_POOL_KINDS] = {0};

    for (uint32_t i = (uint32_t)ms_load_relaxed(&dma->free_head); i != UINT32_MAX;
         i = ms_load_relaxed(&dma->next_free[i])) {
        if (++free_grants > dma->config.grants ||
            ms_grant_look(&dma->grants[i]).phase != GRANT_FREE)
            return false;
    }
    if (free_grants + ms_dma_grants_used(dma) != dma->config.grants)
        return false;
    for (uint32_t i = 0; i < dma->config.grants; i++) {
        struct ms_adapter *adapter = ms_load_relaxed(&dma->grants[i].adapter);
        const struct ms_list *list = &dma->lists[i];
        if (ms_load_relaxed(&list->list))
            blocks += (uint32_t)list->plan.is_ours + (list->plan.shadow != NULL) +
                      (list->plan.made != NULL);
        union ms_grant_word word = ms_grant_look(&dma->grants[i]);
        if (word.phase == GRANT_HELD && word.has)
            for (uint32_t p = 0; p < MS_REACHES * MS_POOL_KINDS; p++)
                if (adapter->pool == dma->pool[p / MS_POOL_KINDS][p % MS_POOL_KINDS])
                    held[p] += ms_grant_registers(&dma->grants[i]).count;
    }
    if (blocks != ms_list_store_used(&dma->store))
        return false;
    for (uint32_t p = 0; p < MS_REACHES * MS_POOL_KINDS; p++) {
        struct ms_pool *pool = dma->pool[p / MS_POOL_KINDS][p % MS_POOL_KINDS];
        if (!pool->ops->audit(pool->state) ||
            pool->ops->free_count(pool->state) + held[p] != pool->registers ||
            ms_load_relaxed(&pool->waiters.waiting) != 0)
            return false;
    }
    return true;
}
