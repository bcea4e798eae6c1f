/* SPDX-License-Identifier: MIT */
/*
 * The ambiguities of low confidence, each both ways: the digest's, which is the default, and the other one.
 */
#include "adapter/grant.h"
#include "adapter/test_chain.h"

static const struct chain_mdl near_pages[] = {{0x800, 0x2000, {0x4000, 0x4001, 0x4002}}};

struct scene {
    struct fixture f;
    struct chain chain;
    PDMA_ADAPTER master, system;
    const DMA_OPERATIONS *ops;
    struct context context;
    int listed;
};

/* A machine made the other way, with a bus master and a subordinate device that moves 4 bytes at least. */
static void scene_open(struct scene *s, const struct ms_alternatives *other)
{
    struct ms_controller_config controllers[] = {ms_controller_legacy(), ms_controller_soc()};
    struct ms_dma_config config = fixture_config();
    DEVICE_DESCRIPTION d = {
        .Version = DEVICE_DESCRIPTION_VERSION3,
        .InterfaceType = Internal,
        .MaximumLength = 0x4000,
        .DmaRequestLine = 0x1003,
    };
    ULONG registers;

    memset(s, 0, sizeof *s);
    controllers[1].unit = 4;
    config.controllers = controllers;
    config.controller_count = 2;
    config.other = *other;
    fixture_open_with(&s->f, &config);
    s->master = adapter_get(&s->f, SG64, NULL);
    s->ops = s->master->DmaOperations;
    s->system = ms_adapter_open(s->f.dma, &s->f.pdo, &d, &registers);
    assert_non_null(s->system);
    chain_make(&s->chain, &s->f, near_pages, 1);
    context_make(s->master, &s->context);
}

static void scene_close(struct scene *s)
{
    assert_int_equal(ms_dma_grants_used(s->f.dma), 0);
    chain_end(&s->chain);
    s->ops->PutDmaAdapter(s->master);
    s->ops->PutDmaAdapter(s->system);
    fixture_close(&s->f);
}

static NTSTATUS get_list(struct scene *s, ULONG flags, PSCATTER_GATHER_LIST *list)
{
    return s->ops->GetScatterGatherListEx(s->master, &s->f.pdo, &s->context, s->chain.mdl[0], 0,
                                          s->chain.bytes, flags, NULL, NULL, TRUE, NULL, NULL,
                                          list);
}

/* ACX-24: by default a list takes the adapter; the fast grant takes nothing, however many there are and
 * whoever owns it, and FreeAdapterObject after it releases nobody. */
MS_TEST(a_list_takes_the_adapter_or_by_option_nothing)
{
    for (int fast = 0; fast < 2; fast++) {
        struct ms_alternatives other = {.fast_lists = fast != 0};
        PSCATTER_GATHER_LIST list[3];
        struct scene s;
        PVOID base;
        scene_open(&s, &other);

        assert_status(grant_sync(&s.f, s.master, 1, &base), STATUS_SUCCESS);
        for (int i = 0; i < 3; i++) {
            assert_status(get_list(&s, DMA_SYNCHRONOUS_CALLBACK, &list[i]),
                          fast ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES);
            s.ops->FreeAdapterObject(s.master, DeallocateObjectKeepRegisters);
        }
        s.ops->FreeAdapterObject(s.master, KeepObject);
        assert_status(get_list(&s, 0, &list[0]), STATUS_INVALID_PARAMETER); /* as ever */
        ULONG length = 0x10; /* the owner's grant is whole */
        struct own_list own;
        assert_status(s.ops->MapTransferEx(s.master, s.chain.mdl[0], base, 0, 0, &length, TRUE,
                                           list_of(&own), sizeof own, NULL, NULL),
                      STATUS_SUCCESS);
        assert_status(s.ops->FlushAdapterBuffersEx(s.master, s.chain.mdl[0], base, 0, length, TRUE),
                      STATUS_SUCCESS);
        for (int i = 0; fast && i < 3; i++) {
            assert_int_equal(list[i]->NumberOfElements, 1);
            assert_int_equal(list[i]->Elements[0].Length, 0x2000);
            s.ops->PutScatterGatherList(s.master, list[i], TRUE);
            s.ops->PutScatterGatherList(s.master, list[i], TRUE); /* once is all */
        }
        assert_int_equal(ms_dma_grants_used(s.f.dma), 1);
        s.ops->FreeAdapterChannel(s.master);
        /* A cancelled context gets no list either way, and a list that needs registers takes the adapter. */
        assert_true(s.ops->CancelAdapterChannel(s.master, &s.f.pdo, &s.context));
        assert_status(get_list(&s, DMA_SYNCHRONOUS_CALLBACK, &list[0]), STATUS_CANCELLED);
        for (uint32_t fault = 0; fast && fault < 2; fault++) {
            context_make(s.master, &s.context);
            ms_fault_arm(fault);
            assert_status(get_list(&s, DMA_SYNCHRONOUS_CALLBACK, &list[0]),
                          STATUS_INSUFFICIENT_RESOURCES);
            ms_fault_arm(UINT32_MAX);
            assert_int_equal(ms_dma_grants_used(s.f.dma), 0);
        }
        scene_close(&s);
    }
}

static VOID listed(PDEVICE_OBJECT device, PIRP irp, PSCATTER_GATHER_LIST list, PVOID context)
{
    struct scene *s = context;

    (void)device, (void)irp;
    s->listed++;
    s->ops->PutScatterGatherList(s->system, list, TRUE);
}

static VOID never(PDMA_ADAPTER adapter, PDEVICE_OBJECT device, PVOID context,
                  DMA_COMPLETION_STATUS status)
{
    (void)adapter, (void)device, (void)context, (void)status;
    fail_msg("a bus master's completion routine was called");
}

/* ACX-06, AMB-48: unknown flags; MTX-17, AMB-19: a bus master's completion routine; MTX-52, AMB-20: a map before
 * the flush; SGL-09, AMB-27: older lists on a subordinate device; AMB-51: the adapter's Size. */
MS_TEST(statuses_of_low_confidence_go_both_ways)
{
    for (int way = 0; way < 2; way++) {
        struct ms_alternatives other = {0};
        struct scene s;
        struct own_list own;
        PSCATTER_GATHER_LIST list;
        ULONG length = 0x10;
        PVOID base;
        if (way)
            other = (struct ms_alternatives){
                .ignore_flags = true,
                .refuse_completion = true,
                .refuse_system_list = true,
                .whole_size = true,
                .unflushed = STATUS_UNSUCCESSFUL,
            };
        scene_open(&s, &other);
        PMDL mdl = s.chain.mdl[0];

        if (way)
            assert_true(s.master->Size > sizeof(DMA_ADAPTER));
        else
            assert_int_equal(s.master->Size, sizeof(DMA_ADAPTER));
        assert_status(get_list(&s, 0x11, &list), way ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
        s.ops->FreeAdapterChannel(s.master);
        if (way)
            s.ops->PutScatterGatherList(s.master, list, TRUE);
        assert_status(s.ops->AllocateAdapterChannelEx(s.master, &s.f.pdo, &s.context, 1, 0x81, NULL,
                                                      NULL, &base),
                      way ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
        s.ops->FreeAdapterChannel(s.master);
        assert_status(grant_sync(&s.f, s.master, 1, &base), STATUS_SUCCESS);
        assert_status(s.ops->MapTransferEx(s.master, mdl, base, 0, 0, &length, TRUE, list_of(&own),
                                           sizeof own, never, NULL),
                      way ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS);
        if (way)
            assert_status(s.ops->MapTransferEx(s.master, mdl, base, 0, 0, &length, TRUE,
                                               list_of(&own), sizeof own, NULL, NULL),
                          STATUS_SUCCESS);
        for (ULONG again = 0; again <= 0x1800; again += 0xC00) { /* nothing, in a page, across */
            length = again;
            assert_status(s.ops->MapTransferEx(s.master, mdl, base, 0, 0, &length, TRUE,
                                               list_of(&own), sizeof own, NULL, NULL),
                          way ? STATUS_UNSUCCESSFUL : STATUS_INVALID_PARAMETER);
        }
        s.ops->FreeAdapterChannel(s.master);
        assert_status(s.ops->GetScatterGatherList(s.system, &s.f.pdo, mdl,
                                                  MmGetMdlVirtualAddress(mdl), 0x100, listed, &s,
                                                  TRUE),
                      way ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS);
        assert_int_equal(s.listed, !way);
        scene_close(&s);
    }
}

/* CMT-16, AMB-15: a cancel of a context that has no channel; SGE-09, AMB-14: the transfer unit; CBF-13, AMB-52:
 * what a common buffer holds. */
MS_TEST(effects_of_low_confidence_go_both_ways)
{
    static const struct chain_mdl odd[] = {{0x802, 0x1FF, {0x4010}}};
    for (int way = 0; way < 2; way++) {
        struct ms_alternatives other = {0};
        struct own_list own;
        struct chain chain;
        struct scene s;
        DMA_ADAPTER_INFO info = {.Version = 1};
        PHYSICAL_ADDRESS logical;
        ULONG length = 0x1FF;
        PVOID base;
        if (way)
            other = (struct ms_alternatives){
                .refuse_idle_cancel = true, .ignore_unit = true, .common_fill = 0xC3};
        scene_open(&s, &other);
        chain_make(&chain, &s.f, odd, 1);

        uint8_t *common = s.ops->AllocateCommonBuffer(s.master, 0x1801, &logical, TRUE);
        assert_non_null(common);
        for (uint32_t k = 0; k < 0x1801; k++)
            assert_int_equal(common[k], way ? 0xC3 : 0);
        s.ops->FreeCommonBuffer(s.master, 0x1801, logical, common, TRUE);
        context_make(s.system, &s.context);
        assert_status(s.ops->CancelMappedTransfer(s.system, &s.context),
                      way ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS);
        context_make(s.system, &s.context);
        assert_status(s.ops->AllocateAdapterChannelEx(s.system, &s.f.pdo, &s.context, 2,
                                                      DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &base),
                      STATUS_SUCCESS);
        assert_status(s.ops->GetDmaAdapterInfo(s.system, &info), STATUS_SUCCESS);
        assert_int_equal(info.V1.MinimumTransferUnit, 4); /* told either way */
        assert_status(s.ops->MapTransferEx(s.system, chain.mdl[0], base, 0, 0, &length, TRUE,
                                           list_of(&own), sizeof own, NULL, NULL),
                      STATUS_SUCCESS);
        assert_int_equal(length, way ? 0x1FF : 0x1FC);
        assert_status(s.ops->CancelMappedTransfer(s.system, &s.context), STATUS_SUCCESS);
        assert_status(s.ops->FlushAdapterBuffersEx(s.system, chain.mdl[0], base, 0, length, TRUE),
                      STATUS_SUCCESS);
        s.ops->FreeAdapterChannel(s.system);
        chain_end(&chain);
        scene_close(&s);
    }
}

/* SGE-06, AMB-50: no limit by default; with one, lists are cut and what is told beforehand agrees. */
MS_TEST(elements_have_no_limit_or_the_one_that_is_asked_for)
{
    static const struct {
        uint32_t bytes_max;
        uint64_t boundary;
        uint32_t elements, first;
    } rows[] = {
        {0, 0, 1, 0x2000},     {0x1000, 0, 2, 0x1000}, {0x1800, 0, 2, 0x1800},
        {0, 0x1000, 3, 0x800}, {0, 0x2000, 2, 0x1800}, {0x1000, 0x2000, 3, 0x1000},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ms_alternatives other = {.element_bytes_max = rows[i].bytes_max,
                                        .boundary = rows[i].boundary};
        DMA_TRANSFER_INFO info = {.Version = 1};
        PSCATTER_GATHER_LIST list;
        struct scene s;
        scene_open(&s, &other);

        assert_status(
            s.ops->GetDmaTransferInfo(s.master, s.chain.mdl[0], 0, s.chain.bytes, TRUE, &info),
            STATUS_SUCCESS);
        assert_int_equal(info.V1.ScatterGatherElementCount, rows[i].elements);
        assert_status(get_list(&s, DMA_SYNCHRONOUS_CALLBACK, &list), STATUS_SUCCESS);
        assert_int_equal(list->NumberOfElements, rows[i].elements);
        assert_int_equal(list->Elements[0].Length, rows[i].first);
        s.ops->FreeAdapterObject(s.master, DeallocateObjectKeepRegisters);
        s.ops->PutScatterGatherList(s.master, list, TRUE);
        scene_close(&s);
    }
}
