/* SPDX-License-Identifier: MIT */
/*
 * controller.h: the hardware at the other end: engines that move bytes by logical address.
 */
#ifndef MS_CONTROLLER_H
#define MS_CONTROLLER_H

#include "memory/memory.h"
#include "wdm.h"

/* A bus master: a device that reads the list it is given and moves the bytes itself. It sees
 * nothing but logical addresses, and drives only its own address lines. */
struct ms_bus_master {
    const struct ms_memory *memory; /* const after init */
    uint32_t address_width;         /* bits it drives; higher ones read as zero (DDX-26) */
};

/* What a move did. */
struct ms_bus_master_result {
    uint64_t bytes;    /* moved before it ended */
    bool fault;        /* an element did not lie in RAM: nothing of it was moved */
    uint64_t fault_at; /* its address as the device drove it */
};

void ms_bus_master_init(struct ms_bus_master *master, const struct ms_memory *memory,
                        uint32_t address_width);
/* The device fills its `device` buffer from memory: WriteToDevice TRUE. At most `bytes`. Any
 * thread. */
struct ms_bus_master_result ms_bus_master_fetch(const struct ms_bus_master *master,
                                                const SCATTER_GATHER_LIST *list, void *device,
                                                uint64_t bytes);
/* The device stores its `device` buffer into memory: WriteToDevice FALSE. At most `bytes`. Any
 * thread. */
struct ms_bus_master_result ms_bus_master_store(const struct ms_bus_master *master,
                                                const SCATTER_GATHER_LIST *list, const void *device,
                                                uint64_t bytes);

#endif
