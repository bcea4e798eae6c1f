/* SPDX-License-Identifier: MIT */
/*
 * kmdf_stage.h: a machine with the driver framework on it, for the targets about drivers: memory, adapters,
 * one controller, the framework, and one device that a driver was started for.
 */
#ifndef FUZZ_KMDF_STAGE_H
#define FUZZ_KMDF_STAGE_H

#include "stage.h"

#include "wdf/device.h"

struct kmdf_stage {
    struct stage stage;
    struct ms_wdf *wdf;
    struct ms_controller *controller;
    bool nested_lists;                /* K4; by who makes it, before */
    bool deferred_by_dpc;             /* K9; likewise */
    struct ms_device *device;         /* NULL: a driver makes its own */
    uint32_t reports;                 /* violations in this execution */
    const struct ms_rule_info *first; /* what the first was about */
    const struct ms_rule_info *last;
};

static inline void kmdf_stage_watch(const struct ms_rule_report *report, void *context)
{
    struct kmdf_stage *k = context;

    if (report->info->severity != MS_RULE_VIOLATION)
        return;
    if (k->reports++ == 0)
        k->first = report->info;
    k->last = report->info;
}

static bool kmdf_stage_dispose(struct ms_object *object)
{
    (void)object;
    return true;
}

static void kmdf_stage_destroy(struct ms_object *object)
{
    (void)object;
}

static NTSTATUS kmdf_stage_fill(struct ms_object *object, struct ms_object *parent, void *context)
{
    struct ms_device *device = (struct ms_device *)object;
    struct kmdf_stage *k = context;

    (void)parent;
    device->pdo = &k->stage.pdo;
    device->fdo.Type = 3;
    return STATUS_SUCCESS;
}

/* A device without a driver object behind it: what the framework's DMA routines need of one. */
static inline void kmdf_stage_device(struct kmdf_stage *k)
{
    static const struct ms_object_ops ops = {
        .kind = MS_OBJECT_DEVICE,
        .dispose = kmdf_stage_dispose,
        .destroy = kmdf_stage_destroy,
    };
    struct ms_object *object;

    ms_require(NT_SUCCESS(ms_object_make(&ops, sizeof(struct ms_device), NULL, MS_PARENT_OPTIONAL,
                                         ms_wdf_root(k->wdf), kmdf_stage_fill, k, &object)));
    k->device = (struct ms_device *)object;
    ms_object_drop(object); /* the root has it */
}

/* After stage_ready said no, and stage_memory. */
static inline void kmdf_stage_make(struct kmdf_stage *k, const struct ms_dma_config *dma,
                                   uint32_t actors)
{
    const struct ms_wdf_config wdf = {.objects = 64,
                                      .timers_stepped = true,
                                      .nested_lists = k->nested_lists,
                                      .deferred_by_dpc = k->deferred_by_dpc};

    stage_dma(&k->stage, dma, actors + 1); /* the last for the check at the end */
    k->wdf = ms_wdf_create(&k->stage.kernel, &wdf);
    ms_require(k->wdf != NULL);
    ms_rules_watch(&k->stage.kernel, kmdf_stage_watch, k);
    k->controller = dma->controller_count > 0 ? ms_dma_controller(k->stage.dma, 0) : NULL;
    k->device = NULL;
    k->reports = 0;
    k->first = k->last = NULL;
}

/* At the end: as many objects as at the beginning, no grant, and the books balance. */
static inline void kmdf_stage_check(const struct kmdf_stage *k, uint32_t objects)
{
    if (ms_wdf_objects(k->wdf) != objects)
        ms_sim_fail("O9 an object is left, or one is gone", "%u, of %u", ms_wdf_objects(k->wdf),
                    objects);
    if (ms_dma_grants_used(k->stage.dma) != 0)
        ms_sim_fail("O9 a grant is left", "%u", ms_dma_grants_used(k->stage.dma));
    if (!ms_dma_audit(k->stage.dma))
        ms_sim_fail("O2 the audit fails", "at the end");
}

#endif
