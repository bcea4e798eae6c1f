/* SPDX-License-Identifier: MIT */
/*
 * wdf/wdf.h: the floor of the Kernel-Mode Driver Framework: what the machine floor needs to make it.
 * What drivers see of it is core/include/wdf.h.
 */
#ifndef MS_WDF_FLOOR_H
#define MS_WDF_FLOOR_H

#include "kernel/kernel.h"
#include <wdf.h>

struct ms_wdf;

enum {
    MS_WDF_OBJECTS_MAX = 1 << 20, /* live objects of one machine, at the most */
};

/* What the contract leaves open. All zero is the default of each. */
struct ms_wdf_config {
    uint32_t objects;    /* live objects at a time; 0: 65536 */
    bool timers_stepped; /* a timer goes off when ms_wdf_timer_fire says so, not by the clock */

    /* Section 21 of the contract: where the reference and the original differ, or the original and we. */
    bool callbacks_cleared;   /* K1: Release forgets the system callbacks (TRX-43) */
    bool cancel_early;        /* K2: Cancel before Execute is TRUE (CAN-12) */
    bool offset_in_first_mdl; /* K3: InitializeUsingOffset stays in the first MDL (TRX-10) */
    bool nested_lists;   /* K4: SG programs a list inside its own AdapterListControl (SGP-09) */
    bool ended_is_fatal; /* K5: Stop and Cancel on an ended transaction are violations (STP-08) */
    bool no_flush_on_overrun; /* K7: too long a report ends without a flush (CMP-03) */
    bool deferred_by_dpc; /* K9: a deferred completion is delivered by the DPC thread (STG-17) */
    uint32_t framework_minor; /* K8: framework 1.x that is reported; 0: 33 (EXE-09) */
};

/* The objects of a machine, and the root that drivers hang from. Single-threaded. NULL: no memory. */
struct ms_wdf *ms_wdf_create(struct ms_kernel *kernel, const struct ms_wdf_config *config);
/* Deletes all that is left, ends the kernel's threads, and reports what could not go: somebody holds a
 * reference, or a transaction never ended (WDF_LEAK). On a thread in the machine, nobody else in it;
 * the adapters are still there. */
void ms_wdf_close(struct ms_wdf *wdf);
/* Frees it with what close reported. Single-threaded; after the adapters are gone. */
void ms_wdf_destroy(struct ms_wdf *wdf);
/* Objects alive, the root among them. */
uint32_t ms_wdf_objects(const struct ms_wdf *wdf);

#endif
