/* SPDX-License-Identifier: MIT */
/*
 * ctrl_brief.h: drivers of ctrl_fuzz.c that come and go: each opens an adapter on the controller, has one byte
 * moved if there is a channel, and puts the adapter away, inside the routine that is told of it or at once.
 */
#ifndef FUZZ_CTRL_BRIEF_H
#define FUZZ_CTRL_BRIEF_H

#include "ctrl_device.h"

#include "adapter/grant.h" /* to see whose slots are whose */

/* Nobody else has its place, and no routine has its address yet (PUT-06). */
static void brief_judge(const struct brief *b)
{
    if ((b->adapter == c.adapter && !c.is_put) || b->adapter == c.other)
        ms_sim_fail("O2 an adapter's place is given to another", "brief %u",
                    (unsigned)(b - c.brief));
    for (uint32_t i = 0; i < c.briefs; i++)
        if (&c.brief[i] != b && c.brief[i].adapter == b->adapter &&
            (c.brief[i].is_open || c.brief[i].is_inside))
            ms_sim_fail("O2 an adapter's place is given to another", "brief %u: %u's %s",
                        (unsigned)(b - c.brief), i,
                        c.brief[i].is_open ? "while it has it" : "inside its routine");
}

static void brief_end(struct brief *b)
{
    const DMA_OPERATIONS *operations = b->adapter->DmaOperations;

    operations->FreeAdapterChannel(b->adapter);
    b->is_open = false;
    operations->PutDmaAdapter(b->adapter);
}

static VOID brief_told(PDMA_ADAPTER adapter, PDEVICE_OBJECT device, PVOID context,
                       DMA_COMPLETION_STATUS status)
{
    struct brief *b = context;

    (void)adapter, (void)device, (void)status;
    if (b->told++ != 0)
        ms_sim_fail("O3 a transfer was told twice", "brief %u", (unsigned)(b - c.brief));
    if (!b->is_left)
        return; /* who is in the call that started it, or ends it, goes on */
    b->is_inside = true;
    brief_end(b);
    ms_sim_here("a routine goes on behind its adapter's end");
    b->is_inside = false;
}

/* `is_left`: its routine puts it away. */
static void brief_transfers(struct brief *b, bool is_left)
{
    const DMA_OPERATIONS *operations = b->adapter->DmaOperations;
    ULONG length = 1;

    if (!NT_SUCCESS(operations->InitializeDmaTransferContext(b->adapter, b->context)))
        ms_sim_fail("O7 a context cannot be initialised", "brief %u", (unsigned)(b - c.brief));
    if (!NT_SUCCESS(operations->AllocateAdapterChannelEx(b->adapter, &c.stage.pdo, b->context, 0,
                                                         DMA_SYNCHRONOUS_CALLBACK, NULL, NULL,
                                                         &b->base))) {
        b->is_open = false; /* others have the channels */
        operations->PutDmaAdapter(b->adapter);
        return;
    }
    NTSTATUS status = operations->MapTransferEx(b->adapter, c.mdl, b->base, BYTES - 1, 0, &length,
                                                TRUE, NULL, 0, brief_told, b);
    if (status != STATUS_SUCCESS && status != STATUS_INSUFFICIENT_RESOURCES)
        ms_sim_fail("O7 a byte cannot be mapped", "%08x", (unsigned)status);
    if (is_left && status == STATUS_SUCCESS && b->told == 0) {
        b->is_left = true; /* no step lies between the look and this */
        return;
    }
    brief_end(b);
    if (b->told != (status == STATUS_SUCCESS))
        ms_sim_fail("O3 a transfer was not told when its adapter was gone", "brief %u: %u times",
                    (unsigned)(b - c.brief), b->told); /* PUT-06 */
}

static void do_brief(bool is_left)
{
    DEVICE_DESCRIPTION description = {
        .Version = DEVICE_DESCRIPTION_VERSION3,
        .InterfaceType = ACPIBus,
        .ScatterGather = TRUE,
        .DmaWidth = Width8Bits,
        .MaximumLength = BYTES,
        .DmaRequestLine = 0x1005,
    };
    ULONG most;

    if (c.briefs == BRIEFS)
        return;
    struct brief *b = &c.brief[c.briefs++];
    c.briefing++;
    b->adapter = ms_adapter_open(c.stage.dma, &c.stage.pdo, &description, &most);
    if (b->adapter == NULL)
        ms_sim_fail("O2 there is no place for an adapter", "brief %u", (unsigned)(b - c.brief));
    brief_judge(b);
    b->is_open = true;
    brief_transfers(b, is_left);
    c.briefing--;
}

/* Alone: who is left has his byte moved. */
static void briefs_finish(void)
{
    for (uint32_t i = 0; i < c.briefs; i++)
        if (c.brief[i].is_open)
            ms_controller_step(c.controller, 1);
    for (uint32_t i = 0; i < c.briefs; i++)
        if (c.brief[i].is_open)
            ms_sim_fail("O3 a transfer was not told, or told to nobody", "brief %u", i);
}

/* Alone: all places are given back but those of the living. */
static void briefs_check(void)
{
    const struct ms_dma *dma = c.stage.dma;
    uint32_t living = (c.other ? 1u : 0) + (c.is_put ? 0 : 1u);
    uint32_t taken = 0;

    if (c.briefs == 0)
        return;
    c.briefs = 0;
    memset(c.brief, 0, sizeof c.brief);
    do_brief(false); /* opening gives back what ended inside routines */
    for (uint32_t i = 0; i < MS_ADAPTER_WORDS; i++) {
        taken += (uint32_t)ms_bits_count(ms_load_relaxed(&dma->adapters_taken[i]));
        if (ms_load_relaxed(&dma->adapters_ending[i]) != 0)
            ms_sim_fail("O9 an adapter ends for ever", "word %u", i);
    }
    if (taken != living)
        ms_sim_fail("O9 places of adapters are lost", "%u taken, %u living", taken, living);
}

#endif
