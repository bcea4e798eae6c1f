/* SPDX-License-Identifier: MIT */
/*
 * device.h: drivers and devices of the framework. Private to the floor.
 */
#ifndef MS_WDF_DEVICE_H
#define MS_WDF_DEVICE_H

#include "wdf/callback.h"

struct ms_driver_wdm;

struct ms_driver {
    struct ms_object object;
    struct ms_driver_wdm *wdm; /* const */
    WDF_DRIVER_CONFIG config;  /* const */
};

/* A driver object as the loader makes it. */
struct ms_driver_wdm {
    DRIVER_OBJECT object; /* first: drivers have its address */
    uint64_t magic;
    struct ms_driver *driver; /* set by WdfDriverCreate */
};

/* Requests are told apart by this. */
enum ms_io_way { MS_IO_READ, MS_IO_WRITE, MS_IO_CONTROL, MS_IO_INTERNAL, MS_IO_WAYS };

struct ms_device {
    struct ms_object object;
    struct ms_driver *driver;         /* const */
    PDEVICE_OBJECT pdo;               /* const */
    DEVICE_OBJECT fdo;                /* const but for what WDM writes */
    WDF_DEVICE_IO_TYPE io_type;       /* const */
    WDF_PNPPOWER_EVENT_CALLBACKS pnp; /* const */
    struct ms_scope scope;
    ms_atomic_ptr queue_default;        /* hb:queue-of; struct ms_queue, held by being our child */
    ms_atomic_ptr queue_of[MS_IO_WAYS]; /* likewise; NULL: the default queue's */
    struct ms_object *resources;        /* harness: the list it was started with */
    /* hb:packet-turn; a packet transaction of version 2 executes (EXE-10) */
    ms_atomic_u32 packet_turn;
};

/* The device that an object belongs to; NULL: none. */
struct ms_device *ms_device_of(struct ms_object *object);

/* Hardware resources, as handed to EvtDevicePrepareHardware. */
struct ms_resources {
    struct ms_object object;
    ULONG count;                           /* const */
    CM_PARTIAL_RESOURCE_DESCRIPTOR item[]; /* the driver's to read */
};

#endif
