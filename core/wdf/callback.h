/* SPDX-License-Identifier: MIT */
/*
 * callback.h: calling a driver: at which IRQL, under which lock, and what it must leave as it was
 * (LVL-02, LVL-05, LVL-07). Private to the floor.
 *
 *     struct ms_visit visit = ms_visit_begin(DISPATCH_LEVEL, scope);
 *     callback(handle);
 *     ms_visit_end(&visit, object);
 */
#ifndef MS_CALLBACK_H
#define MS_CALLBACK_H

#include "wdf/object.h"

/* The lock of a synchronization scope: who has it may take it again (WQU-05). */
struct ms_scope {
    ms_atomic_ptr owner; /* hb:scope; the CPU that has it; NULL: nobody */
    uint32_t depth;      /* owner */
    KIRQL irql;          /* owner: to go back to, for WdfObjectReleaseLock */
};

void ms_scope_init(struct ms_scope *scope);
/* Raises to DISPATCH_LEVEL; waits for who has it. The IRQL before. */
KIRQL ms_scope_enter(struct ms_scope *scope);
void ms_scope_leave(struct ms_scope *scope, KIRQL irql);
bool ms_scope_is_mine(const struct ms_scope *scope);

/* The scope that callbacks of this object run in; NULL: none. */
struct ms_scope *ms_scope_of(struct ms_object *object);

struct ms_visit {
    struct ms_scope *scope;
    KIRQL before; /* the IRQL to go back to */
    KIRQL irql;   /* at which the driver was called */
    uint32_t locks;
};

/* Raises to `irql` when below it. `scope` NULL: not synchronized. */
struct ms_visit ms_visit_begin(KIRQL irql, struct ms_scope *scope);
/* Reports what the driver did not put back, and puts it back. `handle` says whose callback it was. */
void ms_visit_end(const struct ms_visit *visit, uint64_t handle);

/* Reports a call above `max` (LVL-01). */
static inline void ms_irql_ask(KIRQL max, WDFOBJECT handle)
{
    if (MS_UNLIKELY(KeGetCurrentIrql() > max))
        ms_rule_break(MS_RULE_WDF_IRQL, (uint64_t)(uintptr_t)handle, KeGetCurrentIrql());
}

#endif
