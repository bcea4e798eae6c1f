/* SPDX-License-Identifier: MIT */
/* topology.c: hwloc, asked once at the start. */
#include "topology.h"

#include <stdlib.h>

#include <hwloc.h>

struct ms_topology {
    hwloc_topology_t tree;
    uint32_t *place; /* PUs in the order threads take them */
    uint32_t pus;
    uint32_t cores;
    bool is_binding;
};

/* What this process may use: the allowed set, further cut down by its own affinity mask. */
static hwloc_bitmap_t usable_set(hwloc_topology_t tree)
{
    hwloc_bitmap_t usable = hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(tree));
    hwloc_bitmap_t bound = hwloc_bitmap_alloc();

    /* Only the real machine has an affinity; a described one would answer with its own set. */
    if (usable && bound && hwloc_topology_is_thissystem(tree) &&
        hwloc_get_cpubind(tree, bound, HWLOC_CPUBIND_PROCESS) == 0 &&
        hwloc_bitmap_intersects(usable, bound))
        hwloc_bitmap_and(usable, usable, bound);
    hwloc_bitmap_free(bound);
    return usable;
}

/* Appends the `rank`-th usable PU of every core; returns false when no core has that many. */
static bool place_rank(struct ms_topology *t, hwloc_const_bitmap_t usable, int rank)
{
    bool any = false;
    hwloc_obj_t core = NULL;

    while ((core = hwloc_get_next_obj_by_type(t->tree, HWLOC_OBJ_CORE, core))) {
        int seen = 0;
        hwloc_obj_t pu = NULL;

        while ((pu = hwloc_get_next_obj_inside_cpuset_by_type(t->tree, core->cpuset, HWLOC_OBJ_PU,
                                                              pu))) {
            if (!hwloc_bitmap_isset(usable, pu->os_index) || seen++ != rank)
                continue;
            t->place[t->pus++] = pu->os_index;
            any = true;
            break;
        }
    }
    return any;
}

static void place_all(struct ms_topology *t, hwloc_const_bitmap_t usable)
{
    int rank = 0;

    while (place_rank(t, usable, rank)) {
        if (rank++ == 0)
            t->cores = t->pus;
    }
    if (t->pus > 0)
        return;

    /* Some virtual machines show PUs without cores. */
    for (int pu = hwloc_bitmap_first(usable); pu >= 0; pu = hwloc_bitmap_next(usable, pu))
        t->place[t->pus++] = (uint32_t)pu;
    t->cores = t->pus;
}

static bool tree_is_binding(hwloc_topology_t tree)
{
    const struct hwloc_topology_support *support = hwloc_topology_get_support(tree);

    return hwloc_topology_is_thissystem(tree) && support->cpubind->set_thisthread_cpubind;
}

static struct ms_topology *topology_read(hwloc_topology_t tree)
{
    struct ms_topology *t = calloc(1, sizeof *t);
    hwloc_bitmap_t usable = NULL;

    if (!t)
        goto undo_tree;
    t->tree = tree;
    hwloc_topology_set_io_types_filter(tree, HWLOC_TYPE_FILTER_KEEP_NONE);
    if (hwloc_topology_load(tree) != 0)
        goto undo_alloc;
    usable = usable_set(tree);
    if (!usable || hwloc_bitmap_weight(usable) <= 0)
        goto undo_set;
    t->place = calloc((size_t)hwloc_bitmap_weight(usable), sizeof *t->place);
    if (!t->place)
        goto undo_set;

    place_all(t, usable);
    t->is_binding = tree_is_binding(tree);
    hwloc_bitmap_free(usable);
    return t;

undo_set:
    hwloc_bitmap_free(usable);
undo_alloc:
    free(t);
undo_tree:
    hwloc_topology_destroy(tree);
    return NULL;
}

struct ms_topology *ms_topology_open(void)
{
    hwloc_topology_t tree;

    return hwloc_topology_init(&tree) == 0 ? topology_read(tree) : NULL;
}

struct ms_topology *ms_topology_imagine(const char *description)
{
    hwloc_topology_t tree;

    if (hwloc_topology_init(&tree) != 0)
        return NULL;
    if (hwloc_topology_set_synthetic(tree, description) != 0) {
        hwloc_topology_destroy(tree);
        return NULL;
    }
    return topology_read(tree);
}

void ms_topology_close(struct ms_topology *t)
{
    if (!t)
        return;
    hwloc_topology_destroy(t->tree);
    free(t->place);
    free(t);
}

uint32_t ms_topology_pus(const struct ms_topology *t)
{
    return t->pus;
}

uint32_t ms_topology_cores(const struct ms_topology *t)
{
    return t->cores;
}

static uint32_t count_of(const struct ms_topology *t, hwloc_obj_type_t type)
{
    int count = hwloc_get_nbobjs_by_type(t->tree, type);

    return count > 0 ? (uint32_t)count : 0;
}

uint32_t ms_topology_packages(const struct ms_topology *t)
{
    return count_of(t, HWLOC_OBJ_PACKAGE);
}

uint32_t ms_topology_nodes(const struct ms_topology *t)
{
    return count_of(t, HWLOC_OBJ_NUMANODE);
}

bool ms_topology_is_binding(const struct ms_topology *t)
{
    return t->is_binding;
}

uint32_t ms_topology_place(const struct ms_topology *t, uint32_t thread)
{
    return t->place[thread % t->pus];
}

bool ms_topology_bind(const struct ms_topology *t, uint32_t pu)
{
    hwloc_bitmap_t set;
    bool is_done;

    if (!t->is_binding)
        return false;
    set = hwloc_bitmap_alloc();
    if (!set)
        return false;
    hwloc_bitmap_only(set, pu);
    is_done = hwloc_set_cpubind(t->tree, set, HWLOC_CPUBIND_THREAD | HWLOC_CPUBIND_STRICT) == 0;
    hwloc_bitmap_free(set);
    return is_done && ms_topology_where(t) == pu;
}

uint32_t ms_topology_where(const struct ms_topology *t)
{
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    int pu = -1;

    if (set && hwloc_get_last_cpu_location(t->tree, set, HWLOC_CPUBIND_THREAD) == 0)
        pu = hwloc_bitmap_first(set);
    hwloc_bitmap_free(set);
    return pu < 0 ? UINT32_MAX : (uint32_t)pu;
}

void ms_topology_keep_near(const struct ms_topology *t, void *memory, size_t bytes)
{
    hwloc_obj_t pu;

    if (!t->is_binding || ms_topology_nodes(t) < 2)
        return;
    pu = hwloc_get_pu_obj_by_os_index(t->tree, t->place[0]);
    if (pu)
        hwloc_set_area_membind(t->tree, memory, bytes, pu->nodeset, HWLOC_MEMBIND_BIND,
                               HWLOC_MEMBIND_BYNODESET);
}

void ms_topology_describe(const struct ms_topology *t, char *text, size_t bytes)
{
    if (hwloc_topology_export_synthetic(t->tree, text, bytes, 0) < 0)
        text[0] = '\0';
}

char *ms_topology_xml(const struct ms_topology *t, size_t *bytes)
{
    char *xml;
    int length;

    if (hwloc_topology_export_xmlbuffer(t->tree, &xml, &length, 0) != 0)
        return NULL;
    *bytes = length > 0 ? (size_t)length - 1 : 0; /* hwloc counts the closing zero */
    return xml;
}

void ms_topology_xml_free(const struct ms_topology *t, char *xml)
{
    hwloc_free_xmlbuffer(t->tree, xml);
}
