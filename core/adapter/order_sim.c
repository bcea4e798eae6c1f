/* SPDX-License-Identifier: MIT */
/*
 * order_sim.c: nobody overtakes a request that had come back as waiting for registers (QUE-05). There is one
 * register, which a stranger holds, and a request for it waits. The stranger frees the register, which lets that
 * request in; an asker carries it on, asks again from the same adapter, frees the register and asks once more from
 * another adapter. Who let the first in may still show its ticket when the next comes, and may sleep before and
 * after it takes the ticket away: all such schedules are enumerated, those with three changes from one to the
 * other.
 */
#include "adapter/channel.h"
#include "adapter/test_fixture.h"
#include "platform/test_sim.h"

enum { ASKER, STRANGER };
/* CARRIER needs no register, so it shows no ticket; what its call finds granted it enters. */
enum { FIRST, CARRIER, SECOND, THIRD, REQUESTS };

struct world {
    struct fixture f;
    PDMA_ADAPTER adapter[2], stranger;
    ms_atomic_u32 clock; /* hb:order-clock, what was told before is seen behind */
    const struct ms_cpu *asker;
    bool has_asker_entered; /* the first request, which it found granted on its way */
    bool is_second_there;   /* it waited for registers when its call had returned */
    struct request {
        struct world *world;
        PDMA_ADAPTER adapter;
        uint32_t entered;
        PVOID base;
        struct context dma;
    } request[REQUESTS];
};

static IO_ALLOCATION_ACTION routine(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    struct request *r = context;
    struct world *w = r->world;

    (void)device, (void)irp;
    w->has_asker_entered |= r == &w->request[FIRST] && ms_cpu_current() == w->asker;
    r->entered = ms_fetch_add_acq_rel(&w->clock, 1) + 1; /* hb:order-clock */
    r->base = base;
    return r == &w->request[CARRIER] ? DeallocateObject : DeallocateObjectKeepRegisters;
}

static void registers_free(struct request *r)
{
    r->adapter->DmaOperations->FreeMapRegisters(r->adapter, r->base, 1);
}

static void request_make(struct request *r)
{
    ms_require(NT_SUCCESS(r->adapter->DmaOperations->AllocateAdapterChannelEx(
        r->adapter, &r->world->f.pdo, &r->dma, r != &r->world->request[CARRIER], 0, routine, r,
        NULL)));
}

/* The adapter's first request waits for registers. */
static bool is_waiting(PDMA_ADAPTER public)
{
    struct ms_adapter *adapter = ms_adapter_from(public);
    struct ms_waitlist_first first = ms_waitlist_first_get(&adapter->queue, adapter->dma->links);

    return first.node != MS_WAITLIST_NONE &&
           ms_grant_look(&adapter->dma->grants[first.node]).phase == GRANT_WAITING;
}

static void ask(void *context)
{
    struct world *w = context;

    w->asker = ms_cpu_enter(w->f.kernel);
    request_make(&w->request[CARRIER]);
    request_make(&w->request[SECOND]);
    /* Behind a request whose routine somebody else has not left yet it would wait for the adapter, and have no
     * place among those who wait for registers. */
    w->is_second_there = w->has_asker_entered && is_waiting(w->adapter[0]);
    if (!w->is_second_there)
        return;
    registers_free(&w->request[FIRST]);
    ms_fetch_add_acq_rel(&w->clock, 1); /* hb:order-clock */
    request_make(&w->request[THIRD]);
}

static void let_go(void *context)
{
    struct world *w = context;

    w->stranger->DmaOperations->FreeAdapterChannel(w->stranger); /* and its registers: FRE-01 */
}

static void check(void *context)
{
    struct world *w = context;

    if (w->is_second_there && w->request[THIRD].entered != 0)
        ms_sim_fail("overtaken", "QUE-05: the second request by the third");
    for (uint32_t i = w->is_second_there ? SECOND : FIRST; i < REQUESTS; i++) {
        if (i == THIRD && !w->is_second_there)
            break; /* it was not made */
        if (w->request[i].entered == 0)
            ms_sim_fail("lost", "request %u was never entered", i);
        if (i != CARRIER)
            registers_free(&w->request[i]);
    }
    if (ms_dma_grants_used(w->f.dma) != 0 || !ms_dma_audit(w->f.dma))
        ms_sim_fail("leak", "a grant or a register is left over");
}

static void prepare(struct world *w)
{
    PVOID base;

    ms_init(&w->clock, 0);
    w->asker = NULL;
    w->has_asker_entered = w->is_second_there = false;
    for (uint32_t i = 0; i < REQUESTS; i++) {
        struct request *r = &w->request[i];
        *r = (struct request){.world = w, .adapter = w->adapter[i == THIRD]};
        context_make(r->adapter, &r->dma);
    }
    assert_status(grant_sync(&w->f, w->stranger, 1, &base), STATUS_SUCCESS);
    request_make(&w->request[FIRST]);
    assert_int_equal(w->request[FIRST].entered, 0);
}

/* The stranger up to step `a`, the asker up to `b`, the stranger up to `c`, then the asker. */
static struct ms_sim_result run(struct world *w, uint32_t a, uint32_t b, uint32_t c)
{
    static ms_thread_body *const bodies[] = {ask, let_go};
    struct ms_sim_actor actors[2];
    struct ms_sim_config config;

    prepare(w);
    sim_cast(&config, actors, bodies, 2, w);
    config.check = check;
    return sim_turns(&config, STRANGER, a, b, c);
}

/* QUE-05 */
MS_TEST(sim_nobody_overtakes_a_request_that_waits_for_registers)
{
    enum {
        FAR = 1000,
        SLEEP = 8
    }; /* within so many steps the ticket is taken away, or not at all */
    static struct world w;
    struct ms_dma_config dma = fixture_config();
    uint32_t waited = 0;

    dma.registers[0] = dma.registers[MS_REACH_32] = 1;
    fixture_open_with(&w.f, &dma);
    for (uint32_t i = 0; i < 2; i++)
        w.adapter[i] = adapter_get(&w.f, SG32, NULL);
    w.stranger = adapter_get(&w.f, SG32, NULL);
    const struct ms_sim_result whole = run(&w, FAR, FAR + 1, FAR + 2);
    assert_in_range(whole.steps, 50, FAR);
    for (uint32_t a = 1; a <= whole.fiber_steps[STRANGER]; a++)
        for (uint32_t b = a + 1; b < whole.steps; b++)
            for (uint32_t c = b + 1; c <= b + SLEEP; c++) {
                run(&w, a, b, c);
                waited += w.is_second_there;
            }
    assert_true(waited > 1000); /* else nothing was there to be overtaken */
    for (uint32_t i = 0; i < 2; i++)
        w.adapter[i]->DmaOperations->PutDmaAdapter(w.adapter[i]);
    w.stranger->DmaOperations->PutDmaAdapter(w.stranger);
    fixture_close(&w.f);
}
