/* SPDX-License-Identifier: MIT */
/*
 * adapter.h: DMA adapters behind the DMA_OPERATIONS table: what the machine floor needs to make
 * them.
 */
#ifndef MS_ADAPTER_H
#define MS_ADAPTER_H

#include "controller/controller.h"
#include "kernel/kernel.h"
#include "mapstorm.h"
#include "memory/memory.h"
#include "registers/registers.h"
#include "sg/sg.h"
#include "wdm.h"

enum {
    MS_ADAPTERS_MAX = MS_TURNSTILE_SLOTS,           /* adapters of one machine at a time */
    MS_ADAPTER_WORDS = (MS_ADAPTERS_MAX + 63) / 64, /* of a bit each */
    MS_GRANTS_MAX = 1 << 20, /* requests of one machine at a time, at the most */
};

/* Registers of one reach and kind form a pool of their own (MRG-04). */
enum ms_reach { MS_REACH_24, MS_REACH_32, MS_REACHES };
enum ms_pool_kind { MS_POOL_CONTIGUOUS, MS_POOL_SCATTER, MS_POOL_KINDS };

enum { MS_CONTROLLERS_MAX = 8, MS_GATES_MAX = 60 };

struct ms_dma_config {
    const struct ms_reg_ops *strategy;
    const struct ms_sg_variant *variant;
    uint32_t registers[MS_REACHES]; /* in each pool of that reach */
    uint32_t grants;                /* requests at a time; 1 .. MS_GRANTS_MAX */
    bool merge_mdls;                /* SGE-03's option */
    bool translate_all;             /* MRG-14's other policy */
    bool defer_requests;            /* no asynchronous routine runs inside its request (ACX-16) */
    bool defer_grants;              /* a release leaves who waited to the DPC thread (QUE-07) */
    uint32_t table_bytes; /* Size of the version-3 table, as some Windows had it; 0: all (AMB-03) */
    bool null_bases;      /* a grant without registers has base NULL (MRG-09) */
    uint32_t alignment;   /* what GetDmaAlignment says; 0 counts as 1 (GDA-03) */
    struct ms_alternatives other;
    const struct ms_controller_config *controllers; /* system DMA; may go after the create */
    uint32_t controller_count;                      /* 0 .. MS_CONTROLLERS_MAX */
};

struct ms_dma;

/* NULL: no memory. Single-threaded. */
struct ms_dma *ms_dma_create(struct ms_kernel *kernel, struct ms_memory *memory,
                             const struct ms_dma_config *config);
/* Adapters still open end here, with what they hold. Single-threaded. */
void ms_dma_destroy(struct ms_dma *dma);

/* The i-th controller of the config, to attach devices to and to drive. */
struct ms_controller *ms_dma_controller(struct ms_dma *dma, uint32_t index);

/* Behind IoGetDmaAdapter (IGA-*), for a thread on a CPU of this machine. */
PDMA_ADAPTER ms_adapter_open(struct ms_dma *dma, PDEVICE_OBJECT pdo,
                             PDEVICE_DESCRIPTION description, PULONG map_registers);

/* The pool an adapter of that reach and kind takes from: statistics and tests. */
struct ms_pool *ms_dma_pool(struct ms_dma *dma, enum ms_reach reach, enum ms_pool_kind kind);
/* Grants that are not free; approximate while others run. */
uint32_t ms_dma_grants_used(const struct ms_dma *dma);
/* Every invariant of grants, queues and pools holds; only while nobody is inside. */
bool ms_dma_audit(struct ms_dma *dma);

#endif
