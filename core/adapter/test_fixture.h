/* SPDX-License-Identifier: MIT */
/*
 * test_fixture.h: what the adapter floor's tests share: the floors below, put together, and adapters.
 */
#ifndef MS_ADAPTER_TEST_FIXTURE_H
#define MS_ADAPTER_TEST_FIXTURE_H

#include "adapter/adapter.h"
#include "controller/controller.h"
#include "platform/test.h"

struct fixture {
    struct ms_memory *memory;
    struct ms_kernel *kernel;
    struct ms_dma *dma;
    DEVICE_OBJECT pdo;
};

static inline struct ms_dma_config fixture_config(void)
{
    return (struct ms_dma_config){
        .strategy = ms_strategy_find("cas-bitmap"),
        .variant = ms_sg_variant_find("scalar"),
        .registers = {16, 64},
        .grants = 32,
    };
}

static inline void fixture_open_with(struct fixture *f, const struct ms_dma_config *config)
{
    struct ms_memory_config memory = ms_memory_config_default();

    memset(f, 0, sizeof *f);
    f->memory = ms_memory_create(&memory);
    f->kernel = ms_alloc(sizeof *f->kernel);
    assert_non_null(f->memory);
    assert_non_null(f->kernel);
    ms_kernel_init(f->kernel, NULL, f->memory);
    f->dma = ms_dma_create(f->kernel, f->memory, config);
    assert_non_null(f->dma);
    ms_cpu_enter(f->kernel);
}

static inline void fixture_open(struct fixture *f)
{
    struct ms_dma_config config = fixture_config();

    fixture_open_with(f, &config);
}

static inline void fixture_close(struct fixture *f)
{
    ms_kernel_stop(f->kernel);
    assert_true(ms_dma_audit(f->dma));
    ms_cpu_leave();
    ms_dma_destroy(f->dma);
    ms_free(f->kernel, sizeof *f->kernel);
    ms_memory_destroy(f->memory);
}

enum kind { SG64, SG32, PACKET32, PACKET64, SG24 };

static inline DEVICE_DESCRIPTION description_of(enum kind kind)
{
    return (DEVICE_DESCRIPTION){
        .Version = DEVICE_DESCRIPTION_VERSION3,
        .Master = TRUE,
        .ScatterGather = kind == SG64 || kind == SG32 || kind == SG24,
        .InterfaceType = PCIBus,
        .MaximumLength = 64 * 1024,
        .DmaAddressWidth = kind == SG64 || kind == PACKET64 ? 64
                           : kind == SG24                   ? 24
                                                            : 32,
    };
}

static inline PDMA_ADAPTER adapter_get(struct fixture *f, enum kind kind, ULONG *registers)
{
    DEVICE_DESCRIPTION description = description_of(kind);
    ULONG none;
    PDMA_ADAPTER adapter =
        ms_adapter_open(f->dma, &f->pdo, &description, registers ? registers : &none);

    assert_non_null(adapter);
    return adapter;
}

/* A driver's transfer context, made ready. */
struct context {
    _Alignas(16) char bytes[DMA_TRANSFER_CONTEXT_SIZE_V1]; /* so that a test may copy one */
};

static inline void context_make(PDMA_ADAPTER adapter, struct context *context)
{
    assert_status(adapter->DmaOperations->InitializeDmaTransferContext(adapter, context),
                  STATUS_SUCCESS);
}

/* A synchronous grant without a routine. */
static inline NTSTATUS grant_sync(struct fixture *f, PDMA_ADAPTER adapter, ULONG registers,
                                  PVOID *base)
{
    struct context context;

    context_make(adapter, &context);
    return adapter->DmaOperations->AllocateAdapterChannelEx(
        adapter, &f->pdo, &context, registers, DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, base);
}

#endif
