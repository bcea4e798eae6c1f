/* SPDX-License-Identifier: MIT */
/*
 * machine_stage.h: what machine_fuzz.c plays with, and the place where memory fails.
 */
#ifndef FUZZ_MACHINE_STAGE_H
#define FUZZ_MACHINE_STAGE_H

#include "stage.h"

#include "machine/machine.h"
#include "mapstorm_wdf.h"
#include "wdf/enabler.h"

enum { ADAPTERS = 4, COMMONS = 3, PAGES = 3, BYTES = PAGES * MS_PAGE_BYTES };

static struct {
    uint32_t held; /* blocks that were taken before any machine */
    struct ms_machine *machine;
    uint32_t made;    /* machines so far */
    bool has_threads; /* its engines run by themselves */
    bool had_threads; /* any of its own */
    struct ms_dma *dma;
    PDMA_ADAPTER adapter[ADAPTERS];
    bool is_system[ADAPTERS];
    struct {
        PDMA_ADAPTER adapter; /* NULL: none */
        PVOID bytes;
        ULONG length;
        PHYSICAL_ADDRESS address;
    } common[COMMONS];
    PVOID buffer;
    PMDL mdl;
    char context[DMA_TRANSFER_CONTEXT_SIZE_V1] __attribute__((aligned(16)));
    uint32_t listed, ran, completed;
    PSCATTER_GATHER_LIST list;
    PVOID base;
    uint64_t digest;
} m;

static void watch(const struct ms_misuse *misuse, void *context)
{
    (void)misuse, (void)context; /* reports are misuse_fuzz.c's */
}

/* 0: nothing fails; else the so-many-th place where something could. */
static void fault_arm(uint8_t operand)
{
    ms_fault_arm(operand == 0 ? UINT32_MAX : operand - 1u);
}

static bool fault_disarm(void)
{
    bool fired = ms_fault_fired();

    ms_fault_arm(UINT32_MAX);
    return fired;
}

#endif
