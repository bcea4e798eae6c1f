/* SPDX-License-Identifier: MIT */
/*
 * map_cost_sim.c: what a MapTransferEx and its FlushAdapterBuffersEx may cost between threads, counted by the
 * simulator, which sees every atomic step: one locked instruction a pair, and no write outside the first cache
 * line of the grant. A second locked instruction (a stronger order is one) or a shared word fails here.
 */
#include "adapter/grant.h"
#include "adapter/test_fixture.h"
#include "platform/sim.h"

enum { PARTS_MAX = 3, LIST_SLOTS = 16 };

struct shape {
    const char *name;
    enum kind kind;
    uint32_t parts;
    struct {
        uint32_t offset, bytes;
    } part[PARTS_MAX];
    bool write_to_device;
};

static const struct shape shapes[] = {
    {"one page", SG64, 1, {{0, 0x1000}}, true},
    {"one page, from the device", SG64, 1, {{0x123, 0x100}}, false},
    {"four pages", SG64, 1, {{0, 0x4000}}, true},
    {"sixteen pages, cut", SG64, 1, {{0x123, 0xF000}}, true},
    {"packet", SG64, 2, {{0x40, 54}, {0x100, 1460}}, true},
    {"three pieces", SG64, 3, {{0, 0x3000}, {0x10, 0x2000}, {0xFFF, 1}}, false},
    {"one page, bounced", SG32, 1, {{0, 0x1000}}, true},
    {"one page, bounced back", SG32, 1, {{0x123, 0x100}}, false},
    {"four pages, bounced back", SG32, 1, {{0x123, 0x3000}}, false},
    {"packet, bounced", SG32, 2, {{0x40, 54}, {0x100, 1460}}, true},
    {"packet adapter", PACKET32, 2, {{0x40, 54}, {0x100, 1460}}, true},
    {"packet adapter, two pages", PACKET32, 1, {{0x800, 0x1000}}, false},
};

struct driver {
    PDMA_ADAPTER adapter;
    PVOID base;
    PMDL chain;
    ULONG length;
    bool write_to_device;
    uint8_t list[sizeof(SCATTER_GATHER_LIST) + LIST_SLOTS * sizeof(SCATTER_GATHER_ELEMENT)];
};

static void map_and_flush(void *context)
{
    struct driver *d = context;
    const DMA_OPERATIONS *table = d->adapter->DmaOperations;
    ULONG length = d->length;

    if (table->MapTransferEx(d->adapter, d->chain, d->base, 0, 0, &length, d->write_to_device,
                             (PSCATTER_GATHER_LIST)(void *)d->list, sizeof d->list, NULL,
                             NULL) != STATUS_SUCCESS ||
        length != d->length)
        ms_sim_fail("map", "not all of the range was mapped");
    if (table->FlushAdapterBuffersEx(d->adapter, d->chain, d->base, 0, length,
                                     d->write_to_device) != STATUS_SUCCESS)
        ms_sim_fail("flush", "the flush failed");
}

/* What takes a bus or a cache line for itself on x86: read-modify-writes and the strongest order. */
static bool is_locked(const struct ms_sim_site *site)
{
    switch (site->kind) {
    case MS_SIM_EXCHANGE:
    case MS_SIM_FETCH_ADD:
    case MS_SIM_FETCH_SUB:
    case MS_SIM_FETCH_OR:
    case MS_SIM_FETCH_AND:
    case MS_SIM_CAS:
    case MS_SIM_FENCE_HEAVY:
        return true;
    case MS_SIM_STORE:
    case MS_SIM_FENCE:
        return site->order == MS_SIM_SEQ_CST;
    default:
        return false;
    }
}

static bool may_write(const struct ms_sim_site *site)
{
    return site->kind == MS_SIM_STORE ||
           (is_locked(site) && site->kind != MS_SIM_FENCE && site->kind != MS_SIM_FENCE_HEAVY);
}

/* The frames lie apart and above 4 GiB. */
static PMDL chain_make(const struct shape *shape)
{
    PFN_NUMBER pfn[LIST_SLOTS];
    PMDL head = NULL;
    PMDL *tail = &head;

    for (uint32_t i = 0; i < LIST_SLOTS; i++)
        pfn[i] = 0x200000 + 2 * i;
    for (uint32_t i = 0; i < shape->parts; i++) {
        *tail = ms_mdl_create(pfn, shape->part[i].offset, shape->part[i].bytes);
        assert_non_null(*tail);
        tail = &(*tail)->Next;
    }
    return head;
}

static void shape_count(struct fixture *f, const struct shape *shape)
{
    static struct driver d;
    const struct ms_sim_actor actor = {"driver", map_and_flush, &d};
    struct ms_sim_config config;
    struct ms_sim_result result;
    const struct ms_grant *grant;
    uint32_t locked = 0;

    d = (struct driver){.adapter = adapter_get(f, shape->kind, NULL),
                        .chain = chain_make(shape),
                        .write_to_device = shape->write_to_device};
    for (uint32_t i = 0; i < shape->parts; i++)
        d.length += shape->part[i].bytes;
    assert_status(grant_sync(f, d.adapter, LIST_SLOTS, &d.base), STATUS_SUCCESS);
    grant = ms_grant_find(ms_adapter_from(d.adapter), d.base);
    assert_non_null(grant);

    ms_sim_config_init(&config);
    config.actors = &actor;
    config.actor_count = 1;
    ms_sim_run(&config, &result);
    if (result.verdict != MS_SIM_CLEAN)
        fail_msg("%s: %s: %s", shape->name, result.bug, result.story);
    assert_int_equal(result.event_count, result.steps);
    for (uint32_t i = 0; i < result.event_count; i++) {
        const struct ms_sim_event *event = &result.events[i];
        uintptr_t place = (uintptr_t)event->address - (uintptr_t)grant;
        char text[160];

        if (!event->site)
            continue;
        locked += is_locked(event->site);
        ms_sim_site_text(event->site, text, sizeof text);
        if (may_write(event->site) && place >= MS_CACHE_LINE)
            fail_msg("%s: writes outside the grant's first line: %s", shape->name, text);
    }
    if (locked != 1)
        fail_msg("%s: %u locked instructions in a map and its flush, not 1", shape->name, locked);

    d.adapter->DmaOperations->FreeAdapterChannel(d.adapter);
    while (d.chain) {
        PMDL next = d.chain->Next;
        IoFreeMdl(d.chain);
        d.chain = next;
    }
    d.adapter->DmaOperations->PutDmaAdapter(d.adapter);
}

/* MTX-51, FLX-17 */
MS_TEST(sim_a_map_and_its_flush_cost_one_locked_instruction_and_write_one_line)
{
    struct fixture f;

    fixture_open(&f);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        shape_count(&f, &shapes[i]);
    fixture_close(&f);
}
