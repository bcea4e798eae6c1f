/* SPDX-License-Identifier: MIT */
/*
 * test_driver.h: a driver with one device and a queue, and somebody who sends it requests.
 */
#ifndef MS_WDF_TEST_DRIVER_H
#define MS_WDF_TEST_DRIVER_H

#include "mapstorm_wdf.h"
#include "wdf/bare_driver.h"
#include "wdf/device.h"
#include "wdf/test_wdf.h"

/* What became of a request. */
struct outcome {
    uint32_t times;
    NTSTATUS status;
    ULONG_PTR information;
};

static inline void outcome_note(void *context, NTSTATUS status, ULONG_PTR information)
{
    struct outcome *outcome = context;

    outcome->times++;
    outcome->status = status;
    outcome->information = information;
}

struct rig {
    struct fixture f;
    PDRIVER_OBJECT driver;
    WDFDEVICE device;
    WDFQUEUE queue;
};

static inline void rig_open_with(struct rig *r, const struct ms_wdf_config *config)
{
    fixture_open_with(&r->f, config);
    assert_status(ms_wdf_driver_load(ms_bare_driver_entry, &r->driver), STATUS_SUCCESS);
    assert_status(ms_wdf_device_add(r->driver, &r->f.pdo, NULL, 0, &r->device), STATUS_SUCCESS);
}

static inline void rig_open(struct rig *r)
{
    struct ms_wdf_config config = {.objects = 256, .timers_stepped = true};

    rig_open_with(r, &config);
}

/* A queue whose requests of any kind come to `handler`; NULL: a manual one. */
static inline WDFQUEUE rig_queue(struct rig *r, WDF_IO_QUEUE_DISPATCH_TYPE type,
                                 PFN_WDF_IO_QUEUE_IO_DEFAULT handler)
{
    WDF_IO_QUEUE_CONFIG config;

    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&config, type);
    config.EvtIoDefault = handler;
    assert_status(WdfIoQueueCreate(r->device, &config, WDF_NO_OBJECT_ATTRIBUTES, &r->queue),
                  STATUS_SUCCESS);
    return r->queue;
}

static inline WDFREQUEST rig_submit(struct rig *r, struct outcome *outcome)
{
    struct ms_io io = {
        .type = WdfRequestTypeRead, .length = 4096, .done = outcome_note, .context = outcome};
    WDFREQUEST request;

    *outcome = (struct outcome){.times = 0};
    assert_status(ms_wdf_submit(r->device, &io, &request), STATUS_PENDING);
    return request;
}

/* A request that the driver has, out of a manual queue. */
static inline WDFREQUEST rig_request(struct rig *r, struct outcome *outcome)
{
    WDFREQUEST sent, got;

    if (!r->queue)
        rig_queue(r, WdfIoQueueDispatchManual, NULL);
    sent = rig_submit(r, outcome);
    assert_status(WdfIoQueueRetrieveNextRequest(r->queue, &got), STATUS_SUCCESS);
    assert_ptr_equal(sent, got);
    return got;
}

static inline void rig_close_with(struct rig *r, uint32_t reports)
{
    if (r->device)
        ms_wdf_device_remove(r->device);
    ms_wdf_driver_unload(r->driver);
    fixture_close_with(&r->f, reports, 0);
}

static inline void rig_close(struct rig *r)
{
    rig_close_with(r, 0);
}

#endif
