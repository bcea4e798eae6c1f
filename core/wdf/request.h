/* SPDX-License-Identifier: MIT */
/*
 * request.h: I/O requests. Private to the floor.
 */
#ifndef MS_WDF_REQUEST_H
#define MS_WDF_REQUEST_H

#include "mapstorm_wdf.h"
#include "wdf/callback.h"
#include "wdf/device.h"
#include "wdf/request_state.h"

struct ms_queue;

struct ms_request {
    struct ms_object object;
    struct ms_io io;               /* const */
    ms_atomic_u64 word;            /* hb:request; union ms_request_word */
    PFN_WDF_REQUEST_CANCEL cancel; /* written before marking, read after claiming */
    ms_atomic_u64 queue;   /* handle of the queue where it is, or was delivered from; held */
    LIST_ENTRY link;       /* that queue's lock; in its list of waiting ones */
    bool waiting;          /* the queue's lock */
    bool presented;        /* the queue's lock: counted as being with the driver */
    ms_atomic_ptr handler; /* the CPU that is inside its handler; for that CPU alone */
    ULONG_PTR information; /* the driver's */
    NTSTATUS status;       /* who completes it */
    IRP irp;
};

/* A driver's call: at most at DISPATCH_LEVEL (LVL-01). NULL: no such request, which is reported. */
static inline struct ms_request *ms_request_take(WDFREQUEST handle)
{
    struct ms_request *request = ms_object_take(handle, MS_OBJECT_REQUEST);

    if (request)
        ms_irql_ask(DISPATCH_LEVEL, handle);
    return request;
}

NTSTATUS ms_request_new(struct ms_queue *queue, const struct ms_io *io,
                        struct ms_request **request);

/* What a transaction moves for it (TRX-18, TRX-19): the request's MDL and length for that direction, or
 * STATUS_INVALID_DEVICE_REQUEST. */
NTSTATUS ms_request_transfer(struct ms_request *request, WDF_DMA_DIRECTION direction, PMDL *mdl,
                             size_t *length);

/* An executing transaction uses it (TRX-21): a reference, and completing it is fatal until the give.
 * False: it is completed. */
bool ms_request_io_take(struct ms_request *request);
void ms_request_io_give(struct ms_request *request);

/* Completed by the framework: the driver does not have it. */
void ms_request_finish(struct ms_request *request, NTSTATUS status);
enum ms_request_verdict ms_request_move(struct ms_request *request, ms_request_step *step);
enum ms_io_way ms_request_way(const struct ms_request *request);

#endif
