/* SPDX-License-Identifier: MIT */
/*
 * catalog.h: everything a run may choose from: strategies of the tree and of plug-ins, the
 * controls, and recorded layouts. The program that plans and the processes that measure open the
 * same catalog, so a name means the same to both. Const after opening.
 */
#ifndef MS_CATALOG_H
#define MS_CATALOG_H

#include "scenario.h"

struct ms_catalog;
struct ms_reg_ops;  /* core/registers/registers.h */
struct ms_layout;   /* core/memory/memory.h */
struct ms_requests; /* requests.h */

#define MS_BASELINE_NAME "spin-bitmap"

struct ms_catalog_config {
    const char *const *layouts; /* layouts, traces (*.requests), or folders of them */
    size_t layout_count;
    const char *const *plugins; /* shared objects that export a strategy */
    size_t plugin_count;
};

/* The name under which a plug-in exports its `const struct ms_reg_ops`. */
#define MS_PLUGIN_SYMBOL "ms_reg_plugin"

/* NULL and a sentence when a layout or a plug-in cannot be used. */
struct ms_catalog *ms_catalog_open(const struct ms_catalog_config *config, char *why);
void ms_catalog_close(struct ms_catalog *catalog);

/* Strategies in the order of strategies.def, plug-ins, then the controls null, twin and drag. */
size_t ms_catalog_contenders(const struct ms_catalog *catalog, const struct ms_contender **all);
const struct ms_contender *ms_catalog_find(const struct ms_catalog *catalog, const char *name);

/* The table behind a contender; `drag` is the baseline's. NULL if there is none of that name. */
const struct ms_reg_ops *ms_catalog_ops(const struct ms_catalog *catalog, const char *name);

/* The index-th shape made of a recorded layout, and its layout; NULL behind the last. A layout of
 * up to 4 MiB is one shape: all of it. A longer one is two: windows of 64 KiB under its name, and
 * of 1 MiB under its name with -1m. */
const struct ms_shape_info *ms_catalog_recorded(const struct ms_catalog *catalog, size_t index);
const struct ms_layout *ms_catalog_layout(const struct ms_catalog *catalog, size_t index);

/* The index-th shape made of a recorded trace of register requests, named as its file without
 * .requests, and the trace; NULL behind the last. */
const struct ms_shape_info *ms_catalog_trace(const struct ms_catalog *catalog, size_t index,
                                             const struct ms_requests **trace);

/* Where the shipped layouts are: beside the program when installed, in the tree when built there.
 * False when neither is found. */
bool ms_catalog_shipped(char *path, size_t bytes);

#endif
