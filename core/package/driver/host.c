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
    uint8_t memory[BYTES];
    uint32_t filled;
    PSCATTER_GATHER_LIST list; /* what it was started with; NULL: it is idle */
    bool interrupting, done;
    NTSTATUS status;
    ULONG_PTR information;
} board;

VOID BoardStart(PSCATTER_GATHER_LIST List, BOOLEAN Read)
{
    board.list = Read ? List : NULL;
}

BOOLEAN BoardAcknowledge(VOID)
{
    bool was = board.interrupting;

    board.interrupting = false;
    return was;
}

BOOLEAN BoardFailed(VOID)
{
    return FALSE;
}

static void board_runs(WDFINTERRUPT interrupt)
{
    PSCATTER_GATHER_LIST list = board.list;

    board.list = NULL;
    board.filled += (uint32_t)ms_device_read_list(
        board.machine, WIDTH, list, board.memory + board.filled, BYTES - board.filled);
    board.interrupting = true;
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
    const CM_PARTIAL_RESOURCE_DESCRIPTOR bar = {.Type = CmResourceTypeMemory,
                                                .u.Memory.Length = 0x200};
    PFN_NUMBER pages[PAGES];
    PDRIVER_OBJECT driver;
    WDFDEVICE device;
    unsigned fragments = 0;

    for (uint32_t i = 0; i < PAGES; i++)
        pages[i] = 0x8000 + i * 3;
    board.machine = ms_machine_create(NULL, NULL);
    if (!board.machine)
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
    while (board.list) {
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
