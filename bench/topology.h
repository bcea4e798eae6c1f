/* SPDX-License-Identifier: MIT */
/*
 * topology.h: which processors this process may use, in which order threads are placed on them,
 * and whether placing them really happens. Stands on hwloc; a synthetic or recorded machine
 * (HWLOC_SYNTHETIC, HWLOC_XMLFILE) gives plans but never binds, and says so.
 */
#ifndef MS_TOPOLOGY_H
#define MS_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ms_topology;

/* The machine we run on, or what HWLOC_SYNTHETIC or HWLOC_XMLFILE put in its place. NULL if hwloc
 * cannot read it. */
struct ms_topology *ms_topology_open(void);

/* A machine from a description, for tests and the simulator. NULL if hwloc does not accept it. */
struct ms_topology *ms_topology_imagine(const char *description);
void ms_topology_close(struct ms_topology *t);

/* PUs (hardware threads) this process may use: affinity and cgroup, not the machine's size. */
uint32_t ms_topology_pus(const struct ms_topology *t);
uint32_t ms_topology_cores(const struct ms_topology *t);
uint32_t ms_topology_packages(const struct ms_topology *t);
uint32_t ms_topology_nodes(const struct ms_topology *t);

/* True if binding a thread takes effect here. */
bool ms_topology_is_binding(const struct ms_topology *t);

/* The PU (operating system's number) of the `thread`-th thread: one thread a core first, package
 * after package, then the cores' second PUs; past the last PU it starts over. */
uint32_t ms_topology_place(const struct ms_topology *t, uint32_t thread);

/* Binds the calling thread to a PU; false if that was refused or would be pretended. */
bool ms_topology_bind(const struct ms_topology *t, uint32_t pu);

/* The PU the calling thread last ran on; UINT32_MAX if not known. */
uint32_t ms_topology_where(const struct ms_topology *t);

/* Puts memory on the node of the first thread's PU. Best effort: with one node there is nothing
 * to choose. */
void ms_topology_keep_near(const struct ms_topology *t, void *memory, size_t bytes);

/* The machine in a line, as hwloc describes it: "Package:1 L3Cache:1(size=...) Core:2 PU:1". Empty
 * when it is not regular enough for a line. */
void ms_topology_describe(const struct ms_topology *t, char *text, size_t bytes);

/* The machine as hwloc's XML, to be freed by ms_topology_xml_free(); NULL if it cannot be had. */
char *ms_topology_xml(const struct ms_topology *t, size_t *bytes);
void ms_topology_xml_free(const struct ms_topology *t, char *xml);

#endif
