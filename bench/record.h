/* SPDX-License-Identifier: MIT */
/*
 * record.h: records what adapters ask of their register file, as a trace of requests (requests.h): drivers
 * of emulated devices with buffers of recorded memory, on the default strategy.
 */
#ifndef MS_RECORD_H
#define MS_RECORD_H

#include "catalog.h"
#include "requests.h"

/* Device kinds that can be recorded, in order; NULL behind the last. */
const char *ms_record_device(size_t index);

/* Records one of them. Zero `r` before; drop it afterwards in any case. */
bool ms_record(const struct ms_catalog *catalog, const char *device, struct ms_requests *r,
               char why[MS_WHY_BYTES]);

#endif
