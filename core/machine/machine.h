/* SPDX-License-Identifier: MIT */
/*
 * machine.h: the parts of a machine, for programs that look inside (benchmarks, fuzzers, tests).
 */
#ifndef MS_MACHINE_H
#define MS_MACHINE_H

#include "adapter/adapter.h"
#include "controller/controller.h"
#include "kernel/kernel.h"
#include "mapstorm.h"
#include "memory/memory.h"
#include "wdf/wdf.h"

/* All state of one machine hangs from here; const after create but for what the parts say. */
struct ms_machine {
    struct ms_machine_config config;
    struct ms_memory *memory;
    struct ms_dma *dma;
    struct ms_wdf *wdf;
    ms_misuse_watch *watch;
    void *watch_context;
    DEVICE_OBJECT pdo;
    struct ms_kernel kernel;
};

#endif
