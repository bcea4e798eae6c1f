/* SPDX-License-Identifier: MIT */
/*
 * enabler.h: a DMA enabler as transactions and common buffers see it. Private to the floor.
 */
#ifndef MS_WDF_ENABLER_H
#define MS_WDF_ENABLER_H

#include "wdf/object.h"

/* One direction's way to memory; a simplex enabler has one for both. */
struct ms_dma_way {
    PDMA_ADAPTER adapter;      /* hb:way-ready; NULL: a system profile that is not configured */
    ULONG registers;           /* nMR */
    size_t fragment_length;    /* ENB-15 */
    PSCATTER_GATHER_LIST list; /* system: what MapTransferEx fills (ENB-26) */
    ULONG list_bytes;
    bool looped;         /* system: the channel runs until it is stopped (PRG-17) */
    ms_atomic_u32 ready; /* hb:way-ready */
};

struct ms_enabler {
    struct ms_object object;
    struct ms_object *device;      /* const */
    PDEVICE_OBJECT fdo;            /* const: the function device object (CAL-01) */
    WDF_DMA_ENABLER_CONFIG config; /* const */
    ULONG version;                 /* const: of the DEVICE_DESCRIPTION: 2 or 3 */
    bool lists;                    /* const: an SG profile */
    bool system;                   /* const: a system profile */
    bool duplex;                   /* const: two ways */
    bool preallocates;             /* const: transactions own an SGL buffer (ENB-17) */
    bool single;                   /* const: REQUIRE_SINGLE_TRANSFER */
    ULONG list_bytes;              /* const: of that buffer */
    ULONG alignment;               /* const: mask for common buffers (ENB-16) */
    ms_atomic_u32 elements_max;    /* ENB-30; read when a transaction is initialised */
    ms_atomic_u32 configuring; /* hb:enabler-configuring; 1: a thread is in a configuration call */
    bool power_tried;          /* whoever drives the device's power: it was begun (ENB-33) */
    uint32_t power_reached;    /* likewise; 1: filled, 2: enabled */
    struct ms_dma_way way[2];  /* [0] alone unless duplex; else by direction */
};

/* The way of a direction, ready or not. */
static inline struct ms_dma_way *ms_enabler_way(struct ms_enabler *enabler, bool to_device)
{
    return &enabler->way[enabler->duplex && to_device];
}

/* hb:way-ready, acquire: the adapter and what is beside it were written before. */
static inline bool ms_way_is_ready(const struct ms_dma_way *way)
{
    return ms_load_acquire(&way->ready) != 0;
}

static inline bool ms_direction_is_known(WDF_DMA_DIRECTION direction)
{
    return direction == WdfDmaDirectionReadFromDevice || direction == WdfDmaDirectionWriteToDevice;
}

/* The device enters or leaves D0 (ENB-33): PASSIVE_LEVEL. Down only what was begun to go up. */
NTSTATUS ms_enabler_power_up(struct ms_enabler *enabler);
NTSTATUS ms_enabler_power_down(struct ms_enabler *enabler);

#endif
