/* SPDX-License-Identifier: MIT */
/*
 * test_system.h: a machine with both controllers, one system adapter on it, one FIFO behind its line, one
 * MDL: what the tests of system DMA share.
 */
#ifndef MS_ADAPTER_TEST_SYSTEM_H
#define MS_ADAPTER_TEST_SYSTEM_H

#include "adapter/test_fixture.h"

enum { LIST_BYTES = 16 + 24 * 16, BYTES = 0x3000 };
#define LOW_PFN  UINT64_C(0x4000)
#define HIGH_PFN UINT64_C(0x140000)

struct heard {
    int count;
    int completes;
    DMA_COMPLETION_STATUS status; /* of the last */
    PDEVICE_OBJECT device;
    KIRQL irql;
    void (*inside)(struct heard *heard);
    struct system *system;
};

struct system {
    struct fixture f;
    struct ms_controller *controller;
    struct ms_fifo fifo;
    uint8_t taken[BYTES], want[BYTES], got[BYTES];
    PDMA_ADAPTER adapter;
    const DMA_OPERATIONS *ops;
    ULONG registers;
    struct context context;
    PVOID base;
    PMDL mdl;
    PFN_NUMBER pfn[4];
    struct heard heard;
    _Alignas(16) char list[LIST_BYTES];
    ULONG length;
};

static inline VOID completed(PDMA_ADAPTER adapter, PDEVICE_OBJECT device, PVOID context,
                             DMA_COMPLETION_STATUS status)
{
    struct heard *heard = context;

    assert_ptr_equal(adapter, heard->system->adapter);
    heard->count++;
    heard->completes += status == DmaComplete;
    heard->status = status;
    heard->device = device;
    heard->irql = KeGetCurrentIrql();
    if (heard->inside)
        heard->inside(heard);
}

static inline DEVICE_DESCRIPTION description_soc(void)
{
    return (DEVICE_DESCRIPTION){
        .Version = DEVICE_DESCRIPTION_VERSION3,
        .InterfaceType = ACPIBus, /* DDX-27 */
        .ScatterGather = TRUE,
        .DmaWidth = Width8Bits,
        .MaximumLength = BYTES,
        .DmaRequestLine = 0x1003,
        .DeviceAddress.QuadPart = 0xFE000000,
    };
}

static inline DEVICE_DESCRIPTION description_legacy(void)
{
    return (DEVICE_DESCRIPTION){
        .Version = DEVICE_DESCRIPTION_VERSION2,
        .InterfaceType = Isa,
        .DmaWidth = Width8Bits,
        .MaximumLength = BYTES,
        .DmaChannel = 2,
    };
}

/* A machine with these controllers (the adapter is version 3 and on the last, or legacy and on the first), one
 * adapter, one chain of one MDL over `pfn`. */
static inline void system_open_on(struct system *s,
                                  const struct ms_controller_config controllers[2],
                                  const DEVICE_DESCRIPTION *description, const PFN_NUMBER *pfn,
                                  ULONG byte_offset, ULONG bytes)
{
    struct ms_dma_config config = fixture_config();
    DEVICE_DESCRIPTION d = *description;

    memset(s, 0, sizeof *s);
    config.controllers = controllers;
    config.controller_count = 2;
    fixture_open_with(&s->f, &config);
    s->controller = ms_dma_controller(s->f.dma, d.Version == 3);
    ms_fifo_init(&s->fifo, 99, s->taken, sizeof s->taken);
    ms_controller_attach(s->controller, d.Version == 3 ? d.DmaRequestLine : d.DmaChannel,
                         ms_fifo_endpoint(&s->fifo));
    s->adapter = ms_adapter_open(s->f.dma, &s->f.pdo, &d, &s->registers);
    assert_non_null(s->adapter);
    s->ops = s->adapter->DmaOperations;
    s->heard.system = s;
    memcpy(s->pfn, pfn, sizeof s->pfn);
    s->mdl = ms_mdl_create(pfn, byte_offset, bytes);
    s->length = bytes;
    for (ULONG i = 0; i < bytes; i++)
        s->want[i] = (uint8_t)(i * 7 + 3);
    ms_mdl_copy_in(s->f.memory, s->mdl, 0, s->want, bytes);
}

static inline void system_open(struct system *s, const DEVICE_DESCRIPTION *description,
                               const PFN_NUMBER *pfn, ULONG byte_offset, ULONG bytes)
{
    const struct ms_controller_config controllers[2] = {ms_controller_legacy(),
                                                        ms_controller_soc()};

    system_open_on(s, controllers, description, pfn, byte_offset, bytes);
}

static inline void system_close(struct system *s)
{
    s->ops->FreeAdapterChannel(s->adapter);
    s->ops->PutDmaAdapter(s->adapter);
    IoFreeMdl(s->mdl);
    fixture_close(&s->f);
}

/* The version-3 routines work on a version-2 system adapter too, through the version-3 table. */
static inline void system_grant(struct system *s, ULONG registers)
{
    context_make(s->adapter, &s->context);
    assert_status(s->ops->AllocateAdapterChannelEx(s->adapter, &s->f.pdo, &s->context, registers,
                                                   DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &s->base),
                  STATUS_SUCCESS);
}

static inline NTSTATUS system_map(struct system *s, ULONGLONG offset, BOOLEAN write)
{
    return s->ops->MapTransferEx(s->adapter, s->mdl, s->base, offset, 0x10, &s->length, write,
                                 (PSCATTER_GATHER_LIST)s->list, sizeof s->list, completed,
                                 &s->heard);
}

static inline NTSTATUS system_flush(struct system *s, ULONGLONG offset, ULONG length, BOOLEAN write)
{
    return s->ops->FlushAdapterBuffersEx(s->adapter, s->mdl, s->base, offset, length, write);
}

static inline void chain_read(struct system *s, ULONG bytes)
{
    ms_mdl_copy_out(s->f.memory, s->mdl, 0, s->got, bytes);
}

static const PFN_NUMBER scattered[] = {LOW_PFN, LOW_PFN + 9, LOW_PFN + 3, LOW_PFN + 20};
static const PFN_NUMBER out_of_reach[] = {HIGH_PFN, LOW_PFN + 9, HIGH_PFN + 3, HIGH_PFN + 2};

#endif
