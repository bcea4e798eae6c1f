/* SPDX-License-Identifier: MIT */
/*
 * channel_sim.c: what channel.c decides in one step, under seeded schedules and weak memory: whether a cancel or
 * the grant comes first (CAC-05), and which of two requests of one device object waits (ACH-04).
 */
#include "adapter/grant.h"
#include "platform/test_sim.h"

enum { RUNS = 3000 };

struct world {
    struct ms_memory *memory;
    struct ms_kernel *kernel;
    struct ms_dma *dma;
    DEVICE_OBJECT device;
    PDMA_ADAPTER adapter[2];
    const DMA_OPERATIONS *ops;
    _Alignas(16) char context[DMA_TRANSFER_CONTEXT_SIZE_V1];
    _Alignas(16) char owner[2][DMA_TRANSFER_CONTEXT_SIZE_V1];
    /* What the actors saw; each field is one actor's until the check. */
    ms_atomic_u32 entered; /* read and written by read-modify-writes only, so never stale */
    NTSTATUS status[2];
    bool cancelled;
    PSCATTER_GATHER_LIST list; /* NULL: none */
    PMDL mdl;
};

static void world_open(struct world *w)
{
    const struct ms_memory_config memory = {.ram = {{0, 0x800}, {0x100000, 0x40}}, .ram_count = 2};
    const PFN_NUMBER pfn[] = {0x100000, 0x100002};
    const struct ms_dma_config config = {
        .strategy = ms_strategy_find("cas-bitmap"),
        .variant = ms_sg_variant_find("scalar"),
        .registers = {4, 4},
        .grants = 8,
    };
    DEVICE_DESCRIPTION description = {
        .Version = DEVICE_DESCRIPTION_VERSION3,
        .Master = TRUE,
        .ScatterGather = TRUE,
        .InterfaceType = PCIBus,
        .MaximumLength = 0x2000,
        .DmaAddressWidth = 32,
    };
    ULONG registers;

    memset(w, 0, sizeof *w);
    w->memory = ms_memory_create(&memory);
    w->kernel = ms_alloc(sizeof *w->kernel);
    assert_non_null(w->memory);
    assert_non_null(w->kernel);
    ms_kernel_init(w->kernel, NULL, w->memory);
    w->dma = ms_dma_create(w->kernel, w->memory, &config);
    assert_non_null(w->dma);
    ms_cpu_enter(w->kernel);
    for (int i = 0; i < 2; i++) {
        w->adapter[i] = ms_adapter_open(w->dma, &w->device, &description, &registers);
        assert_non_null(w->adapter[i]);
    }
    w->ops = w->adapter[0]->DmaOperations;
    w->mdl = ms_mdl_create(pfn, 0, 0x2000);
    assert_non_null(w->mdl);
}

static void world_close(struct world *w)
{
    IoFreeMdl(w->mdl);
    for (int i = 0; i < 2; i++)
        w->ops->PutDmaAdapter(w->adapter[i]);
    ms_cpu_leave();
    ms_dma_destroy(w->dma);
    ms_free(w->kernel, sizeof *w->kernel);
    ms_memory_destroy(w->memory);
}

static IO_ALLOCATION_ACTION entered(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    struct world *w = context;

    (void)device, (void)irp, (void)base;
    ms_fetch_add_relaxed(&w->entered, 1);
    return KeepObject; /* it stays the owner's, so a cancel can not find the context idle again */
}

/* --- a cancel during the allocating call --------------------------------------------------------- */

static void allocate_async(void *context)
{
    struct world *w = context;

    w->status[0] = w->ops->AllocateAdapterChannelEx(w->adapter[0], &w->device, w->context, 1, 0,
                                                    entered, w, NULL);
}

static void allocate_sync(void *context)
{
    struct world *w = context;

    w->status[0] = w->ops->AllocateAdapterChannelEx(w->adapter[0], &w->device, w->context, 1,
                                                    DMA_SYNCHRONOUS_CALLBACK, entered, w, NULL);
}

static void get_list(void *context)
{
    struct world *w = context;

    w->status[0] = w->ops->GetScatterGatherListEx(w->adapter[0], &w->device, w->context, w->mdl, 0,
                                                  0x2000, DMA_SYNCHRONOUS_CALLBACK, NULL, NULL,
                                                  TRUE, NULL, NULL, &w->list);
    if (NT_SUCCESS(w->status[0]))
        ms_fetch_add_relaxed(&w->entered, 1); /* having got it is being entered */
}

static void cancel(void *context)
{
    struct world *w = context;

    w->cancelled = w->ops->CancelAdapterChannel(w->adapter[0], &w->device, w->context);
}

/* Somebody else owns the adapter for a while. */
static void own_and_free(void *context)
{
    struct world *w = context;
    PVOID base;

    w->status[1] = w->ops->AllocateAdapterChannelEx(w->adapter[0], &w->device, w->owner[0], 2,
                                                    DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &base);
    if (NT_SUCCESS(w->status[1]))
        w->ops->FreeAdapterChannel(w->adapter[0]);
}

/* The routine was entered, or the request was cancelled, or it failed; and nothing else (QUE-10). */
static void check_one_outcome(void *context)
{
    struct world *w = context;
    uint32_t count = ms_load_relaxed(&w->entered);

    if (count > 1)
        ms_sim_fail("entered twice", "QUE-10");
    if (w->cancelled && count == 1)
        ms_sim_fail("cancelled and entered", "CAC-05: TRUE was said of a request that ran");
    if (!w->cancelled && count == 0 && NT_SUCCESS(w->status[0]))
        ms_sim_fail("lost", "the request was accepted, not cancelled, and never ran");
    if (w->status[0] == STATUS_CANCELLED && !w->cancelled)
        ms_sim_fail("cancelled by nobody", "the call says cancelled, the cancel said FALSE");
    w->ops->FreeAdapterChannel(w->adapter[0]);
    w->ops->PutScatterGatherList(w->adapter[0], w->list, TRUE);
    if (ms_dma_grants_used(w->dma) != 0 || !ms_dma_audit(w->dma))
        ms_sim_fail("leak", "a grant or a register is left over");
}

/* --- two requests of one device object ----------------------------------------------------------- */

static void request_first(void *context)
{
    struct world *w = context;

    w->status[0] = w->ops->AllocateAdapterChannel(w->adapter[0], &w->device, 1, entered, w);
}

static void request_second(void *context)
{
    struct world *w = context;

    w->status[1] = w->ops->AllocateAdapterChannel(w->adapter[1], &w->device, 1, entered, w);
}

/* Both adapters are owned, so both would have to wait: one may. */
static void check_one_waits(void *context)
{
    struct world *w = context;
    uint32_t waiting = (uint32_t)NT_SUCCESS(w->status[0]) + NT_SUCCESS(w->status[1]);

    if (waiting != 1)
        ms_sim_fail("two wait", "ACH-04: %u requests of one device object were queued", waiting);
    for (int i = 0; i < 2; i++) {
        if (!NT_SUCCESS(w->status[i]) && w->status[i] != STATUS_INSUFFICIENT_RESOURCES)
            ms_sim_fail("status", "ACH-08: 0x%08X", (uint32_t)w->status[i]);
        w->ops->FreeAdapterChannel(w->adapter[i]); /* lets the waiting one in, which keeps it */
        w->ops->FreeAdapterChannel(w->adapter[i]);
    }
    if (ms_load_relaxed(&w->entered) != waiting || ms_dma_grants_used(w->dma) != 0 ||
        !ms_dma_audit(w->dma))
        ms_sim_fail("leak", "a request was lost or left over");
}

static void prepare_owned(struct world *w)
{
    PVOID base;

    for (int i = 0; i < 2; i++) {
        assert_status(w->ops->InitializeDmaTransferContext(w->adapter[i], w->owner[i]),
                      STATUS_SUCCESS);
        assert_status(w->ops->AllocateAdapterChannelEx(w->adapter[i], &w->device, w->owner[i], 1,
                                                       DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &base),
                      STATUS_SUCCESS);
    }
}

static void prepare_contexts(struct world *w)
{
    assert_status(w->ops->InitializeDmaTransferContext(w->adapter[0], w->context), STATUS_SUCCESS);
    assert_status(w->ops->InitializeDmaTransferContext(w->adapter[0], w->owner[0]), STATUS_SUCCESS);
}

/* --- running them -------------------------------------------------------------------------------- */

static void play(ms_thread_body *const *bodies, uint32_t count, void (*prepare)(struct world *w),
                 ms_thread_body *check)
{
    static struct world w;
    struct ms_sim_actor actors[4];
    struct ms_sim_config config;

    world_open(&w);
    sim_cast(&config, actors, bodies, count, &w);
    config.check = check;
    config.steps_max = 20000;
    for (uint32_t run = 0; run < RUNS; run++) {
        ms_init(&w.entered, 0);
        w.cancelled = false;
        w.list = NULL;
        memset(&w.device, 0, sizeof w.device);
        prepare(&w);
        sim_play(&config, run, 60, 0, 64);
    }
    world_close(&w);
}

/* CAC-03..CAC-05, CAC-09, CAC-14, QUE-10 */
MS_TEST(sim_a_request_is_cancelled_or_entered_and_never_both)
{
    static ms_thread_body *const async[] = {allocate_async, cancel};
    static ms_thread_body *const sync[] = {allocate_sync, cancel};
    static ms_thread_body *const list[] = {get_list, cancel};
    static ms_thread_body *const waiting[] = {allocate_async, cancel, own_and_free};
    static ms_thread_body *const list_waiting[] = {get_list, cancel, own_and_free};

    play(async, 2, prepare_contexts, check_one_outcome);
    play(sync, 2, prepare_contexts, check_one_outcome);
    play(list, 2, prepare_contexts, check_one_outcome);
    play(waiting, 3, prepare_contexts, check_one_outcome);
    play(list_waiting, 3, prepare_contexts, check_one_outcome);
}

/* ACH-04, ACH-08 */
MS_TEST(sim_one_request_of_a_device_object_waits_at_a_time)
{
    static ms_thread_body *const two[] = {request_first, request_second};

    play(two, 2, prepare_owned, check_one_waits);
}
