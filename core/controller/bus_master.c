/* SPDX-License-Identifier: MIT */
/*
 * bus_master: a device that moves the bytes of a scatter/gather list by itself.
 *
 * It reads the list bytewise, as hardware would: a driver may have put it at any alignment
 * (MTX-15).
 */
#include "controller/controller.h"

#include <string.h>

void ms_bus_master_init(struct ms_bus_master *master, const struct ms_memory *memory,
                        uint32_t address_width)
{
    ms_assert(address_width >= 1 && address_width <= 64);
    master->memory = memory;
    master->address_width = address_width;
}

static uint64_t address_driven(const struct ms_bus_master *master, uint64_t address)
{
    return master->address_width == 64 ? address
                                       : address & ((UINT64_C(1) << master->address_width) - 1);
}

static SCATTER_GATHER_ELEMENT element_read(const SCATTER_GATHER_LIST *list, uint32_t index)
{
    SCATTER_GATHER_ELEMENT element;
    const char *from = (const char *)list + sizeof(SCATTER_GATHER_LIST) + index * sizeof element;

    memcpy(&element, from, sizeof element);
    return element;
}

static void bytes_move(uint8_t *memory, uint64_t bytes, uint8_t *device, bool to_device)
{
    if (to_device)
        memcpy(device, memory, bytes);
    else
        memcpy(memory, device, bytes);
}

/* Moves one element's bytes, or none of them when it is not all RAM. Behind the last address that the device drives
 * comes the first: so bytes out of its reach are none that it was meant to have (DDX-26). */
static bool element_move(const struct ms_bus_master *master, uint64_t address, uint64_t bytes,
                         uint8_t *device, bool to_device)
{
    uint64_t behind = address_driven(master, UINT64_MAX) - address; /* addresses behind this one */
    uint64_t first = bytes > 0 && bytes - 1 > behind ? behind + 1 : bytes;
    uint8_t *memory = ms_memory_at(master->memory, (ms_pa){address}, first);
    uint8_t *again = memory;

    if (first < bytes)
        again = ms_memory_at(master->memory, (ms_pa){0}, bytes - first);
    if (!memory || !again)
        return false;
    bytes_move(memory, first, device, to_device);
    bytes_move(again, bytes - first, device + first, to_device);
    return true;
}

static struct ms_bus_master_result list_move(const struct ms_bus_master *master,
                                             const SCATTER_GATHER_LIST *list, uint8_t *device,
                                             uint64_t bytes, bool to_device)
{
    struct ms_bus_master_result result = {.bytes = 0};
    ULONG elements;

    memcpy(&elements, (const char *)list + offsetof(SCATTER_GATHER_LIST, NumberOfElements),
           sizeof elements);
    for (uint32_t i = 0; i < elements && result.bytes < bytes; i++) {
        SCATTER_GATHER_ELEMENT element = element_read(list, i);
        uint64_t address = address_driven(master, (uint64_t)element.Address.QuadPart);
        uint64_t length = ms_min_u64(element.Length, bytes - result.bytes);
        if (!element_move(master, address, length, device + result.bytes, to_device)) {
            result.fault = true;
            result.fault_at = address;
            return result;
        }
        result.bytes += length;
    }
    return result;
}

struct ms_bus_master_result ms_bus_master_fetch(const struct ms_bus_master *master,
                                                const SCATTER_GATHER_LIST *list, void *device,
                                                uint64_t bytes)
{
    return list_move(master, list, device, bytes, true);
}

struct ms_bus_master_result ms_bus_master_store(const struct ms_bus_master *master,
                                                const SCATTER_GATHER_LIST *list, const void *device,
                                                uint64_t bytes)
{
    return list_move(master, list, (uint8_t *)(uintptr_t)device, bytes, false);
}
