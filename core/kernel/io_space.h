/* SPDX-License-Identifier: MIT */
/* io_space.h: the registers of a machine's devices; see io_space.c. */
#ifndef MS_IO_SPACE_H
#define MS_IO_SPACE_H

#include "mapstorm.h"
#include "platform/platform.h"

/* The registers of one device, and where drivers see them. Const after it is added, but for `mapped`. */
struct ms_io_range {
    struct ms_device_registers registers;
    uint8_t *reserved; /* pages without access, as long as the registers; NULL: they are memory */
    size_t reserved_bytes;
    uint8_t *token;       /* of the first register: inside of them, or the memory */
    ms_atomic_u32 mapped; /* so often, and not unmapped again */
};

struct ms_io_space {
    ms_atomic_u32 count; /* of ranges that are there; only grows */
    struct ms_io_range range[MS_DEVICE_REGISTERS_MAX];
};

/* ms_machine_add_registers. */
bool ms_io_space_add(struct ms_io_space *space, const struct ms_device_registers *registers);
/* Ends it; what is still mapped is reported. By the last thread in the machine. */
void ms_io_space_close(struct ms_io_space *space);

#endif
