/* SPDX-License-Identifier: MIT */
/*
 * queue.h: I/O queues. Private to the floor.
 */
#ifndef MS_WDF_QUEUE_H
#define MS_WDF_QUEUE_H

#include "wdf/request.h"

struct ms_queue {
    struct ms_object object;
    struct ms_device *device;   /* const */
    WDF_IO_QUEUE_CONFIG config; /* const */
    ULONG presented_max;        /* const: requests with the driver at a time */
    struct ms_scope scope;
    KSPIN_LOCK lock;
    LIST_ENTRY waiting; /* under the lock, as all below */
    ULONG presented;    /* requests that the driver has */
    bool closed;        /* takes no more */
};

/* Puts a request in and delivers what can be. The caller's reference stays the caller's. */
void ms_queue_put(struct ms_queue *queue, struct ms_request *request);
/* The driver no longer has it: room for the next. */
void ms_queue_unpresent(struct ms_queue *queue, struct ms_request *request);
/* Takes it out of whichever queue it waits in. That queue, with a reference; NULL: it does not wait. */
struct ms_queue *ms_queue_take_out(struct ms_request *request);
/* Its queue, for who keeps it from being forwarded: has it, claimed it, completed it. */
struct ms_queue *ms_queue_of(const struct ms_request *request);
/* Calls EvtIoCanceledOnQueue or completes it (WQU-04). It was taken out. */
void ms_queue_cancelled(struct ms_queue *queue, struct ms_request *request);
/* Completes all that waits in the device's queues, and lets nothing in any more. */
void ms_queues_purge(struct ms_device *device);

#endif
