/* SPDX-License-Identifier: MIT */
/*
 * framework_places.h: a second device of framework_fuzz.c's driver, which gets its queues while requests come already.
 *
 * Proves       a device has one default queue, and one queue a type, whoever says so first; a request finds the queue
 *              whole, or is refused as long as there is none (hb:queue-of, WQU-03)
 */
#ifndef FUZZ_FRAMEWORK_PLACES_H
#define FUZZ_FRAMEWORK_PLACES_H

#include "framework_stage.h"

static void on_other_done(void *context, NTSTATUS status, ULONG_PTR information)
{
    (void)context, (void)information;
    if (status != STATUS_SUCCESS)
        ms_sim_fail("O7 a request ends in another way than its driver said", "%08x",
                    (unsigned)status);
    f.others_done++;
}

static VOID on_other(WDFQUEUE queue, WDFREQUEST request)
{
    if (WdfIoQueueGetDevice(queue) != f.other || WdfRequestGetIoQueue(request) != queue)
        ms_sim_fail("O7 a queue has another device", "%p", (void *)queue);
    WdfRequestComplete(request, STATUS_SUCCESS);
}

static void place_make(bool is_default)
{
    WDF_IO_QUEUE_CONFIG config;
    WDFQUEUE queue = NULL;

    WDF_IO_QUEUE_CONFIG_INIT(&config, WdfIoQueueDispatchParallel);
    config.DefaultQueue = (BOOLEAN)is_default;
    config.EvtIoDefault = on_other;
    NTSTATUS status = WdfIoQueueCreate(f.other, &config, NULL, &queue);
    bool is_first = NT_SUCCESS(status);
    if (!is_default && NT_SUCCESS(status)) {
        status = WdfDeviceConfigureRequestDispatching(f.other, queue, WdfRequestTypeWrite);
        is_first = NT_SUCCESS(status);
        if (!is_first)
            WdfObjectDelete(queue); /* another took the place */
    }
    if (status != STATUS_SUCCESS && status != (is_default ? STATUS_UNSUCCESSFUL : STATUS_WDF_BUSY))
        ms_sim_fail("O7 a queue is made with another status", "%08x", (unsigned)status);
    if (is_first && f.places[is_default]++ != 0)
        ms_sim_fail("O1 a device has two queues for one place", "default %d", is_default);
    if (is_first && is_default && WdfDeviceGetDefaultQueue(f.other) != queue)
        ms_sim_fail("O2 a device has another default queue", "%p", (void *)queue);
}

/* Reads go to the default queue, writes to that of their type, or to the default one. */
static void place_send(bool is_read)
{
    const struct ms_io io = {.type = is_read ? WdfRequestTypeRead : WdfRequestTypeWrite,
                             .mdl = f.mdl,
                             .length = 1,
                             .done = on_other_done};
    NTSTATUS status = ms_wdf_submit(f.other, &io, NULL);

    if (status == STATUS_PENDING)
        f.others++;
    else if (status != STATUS_INVALID_DEVICE_REQUEST)
        ms_sim_fail("O7 a request is sent with another status", "%08x", (unsigned)status);
}

static void do_place(const struct fuzz_op *op)
{
    uint8_t what = op->operand[0] % 5;

    if (what < 2)
        place_make(what == 0);
    else if (what < 4)
        place_send(what == 2);
    else if (WdfDeviceGetDefaultQueue(f.other) &&
             WdfIoQueueGetDevice(WdfDeviceGetDefaultQueue(f.other)) != f.other)
        ms_sim_fail("O7 a queue has another device", "%p", (void *)f.other);
    expect_nothing("a queue for a place");
}

static void places_check(void)
{
    if (f.others_done != f.others)
        ms_sim_fail("O3 a request was not completed", "%u of %u", f.others_done, f.others);
}

#endif
