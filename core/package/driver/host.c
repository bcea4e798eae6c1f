/* SPDX-License-Identifier: MIT */
/*
 * host: loads the shuttle driver, plays its board, and writes to it: every byte arrives, in fragments
 * of at most 16 KiB.
 */
#include <mapstorm.h>
#include <mapstorm_wdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"

enum { PAGES = 12, BYTES = PAGES * 4096 - 300, WIDTH = 64 };

static struct {
    struct ms_machine *machine;
    uint32_t registers[BOARD_BYTES / sizeof(uint32_t)];
    uint8_t memory[BYTES];
    uint32_t filled;
    bool started;
    bool done;
    NTSTATUS status;
    ULONG_PTR information;
} board;

static uint64_t board_read(void *context, uint64_t offset, uint32_t bytes)
{
    (void)context;
    if (bytes != sizeof(uint32_t) || offset >= BOARD_BYTES)
        return UINT64_MAX;
    return board.registers[offset / sizeof(uint32_t)];
}

static void board_write(void *context, uint64_t offset, uint32_t bytes, uint64_t value)
{
    uint32_t *written;

    (void)context;
    if (bytes != sizeof(uint32_t) || offset >= BOARD_BYTES)
        return;
    written = &board.registers[offset / sizeof(uint32_t)];
    if (offset == BOARD_STATUS) {
        *written &= ~(uint32_t)value;
    } else if (offset == BOARD_CONTROL && value & BOARD_RESET) {
        memset(board.registers, 0, sizeof board.registers);
        board.started = false;
    } else if (offset == BOARD_CONTROL) {
        board.started = value & BOARD_START;
    } else {
        *written = (uint32_t)value;
    }
}

static uint32_t board_register(uint32_t offset)
{
    return board.registers[offset / sizeof(uint32_t)];
}

/* Fetches the descriptors, then what they name, and interrupts. */
static void board_runs(WDFINTERRUPT interrupt)
{
    uint64_t list =
        board_register(BOARD_LIST_LOW) | (uint64_t)board_register(BOARD_LIST_HIGH) << 32;
    uint32_t status = BOARD_DONE;

    board.started = false;
    for (uint32_t i = 0; i < board_register(BOARD_DESCRIPTORS); i++) {
        BOARD_DESCRIPTOR d;
        uint64_t at = list + i * sizeof d;
        if (ms_device_read(board.machine, WIDTH, at, &d, sizeof d) != sizeof d ||
            d.Length > BYTES - board.filled ||
            ms_device_read(board.machine, WIDTH, d.Address, board.memory + board.filled,
                           d.Length) != d.Length) {
            status |= BOARD_ERROR;
            break;
        }
        board.filled += d.Length;
    }
    board.registers[BOARD_STATUS / sizeof(uint32_t)] |= status;
    ms_wdf_interrupt(interrupt);
    KeFlushQueuedDpcs();
}

static void done(void *context, NTSTATUS status, ULONG_PTR information)
{
    (void)context;
    board.done = true;
    board.status = status;
    board.information = information;
}

DRIVER_INITIALIZE DriverEntry;

int main(void)
{
    const struct ms_device_registers registers = {
        .address = 0xF7000000, .length = 0x200, .read = board_read, .write = board_write};
    const CM_PARTIAL_RESOURCE_DESCRIPTOR bar = {.Type = CmResourceTypeMemory,
                                                .u.Memory.Start.QuadPart = 0xF7000000,
                                                .u.Memory.Length = 0x200};
    PFN_NUMBER pages[PAGES];
    PDRIVER_OBJECT driver;
    WDFDEVICE device;
    unsigned fragments = 0;

    for (uint32_t i = 0; i < PAGES; i++)
        pages[i] = 0x8000 + i * 3;
    board.machine = ms_machine_create(NULL, NULL);
    if (!board.machine || !ms_machine_add_registers(board.machine, &registers))
        return 1;
    ms_machine_enter(board.machine);
    struct ms_buffer *buffer = ms_buffer_create(board.machine, pages, 100, BYTES);
    for (uint32_t i = 0; i < BYTES; i++)
        ms_buffer_bytes(buffer)[i] = (uint8_t)(i * 7 + i / 256);
    if (!NT_SUCCESS(ms_wdf_driver_load(DriverEntry, &driver)) ||
        !NT_SUCCESS(ms_wdf_device_add(driver, ms_machine_pdo(board.machine), &bar, 1, &device)))
        return 1;

    struct ms_io io = {
        .type = WdfRequestTypeWrite, .mdl = ms_buffer_mdl(buffer), .length = BYTES, .done = done};
    ms_wdf_submit(device, &io, NULL);
    while (board.started) {
        board_runs(ms_wdf_interrupt_of(device, 0));
        fragments++;
    }
    int same = board.done && board.status == STATUS_SUCCESS && board.information == BYTES &&
               board.filled == BYTES && memcmp(board.memory, ms_buffer_bytes(buffer), BYTES) == 0;
    printf("%u bytes in %u fragments, bytes %s, rules broken: %u\n", (unsigned)board.filled,
           fragments, same ? "in place" : "wrong",
           (unsigned)ms_machine_rules_broken(board.machine));
    same = same && fragments == 3 && ms_machine_rules_broken(board.machine) == 0;
    ms_wdf_device_remove(device);
    ms_wdf_driver_unload(driver);
    ms_buffer_destroy(buffer);
    same = same && ms_machine_audit(board.machine);
    ms_machine_leave();
    ms_machine_destroy(board.machine);
    return same ? 0 : 1;
}
