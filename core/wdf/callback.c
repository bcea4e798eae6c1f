/* SPDX-License-Identifier: MIT */
/*
 * callback: calling drivers, and the locks of synchronization scopes.
 *
 * Ordering    hb:scope  leaving a scope releases its owner word, entering acquires it
 * Progress    blocking, and only for drivers that ask for a scope: a driver's callbacks then exclude
 *             each other, which is what they asked for
 */
#include "wdf/callback.h"

#include "wdf/device.h"
#include "wdf/queue.h"

void ms_scope_init(struct ms_scope *scope)
{
    ms_init(&scope->owner, NULL);
}

KIRQL ms_scope_enter(struct ms_scope *scope)
{
    KIRQL before = KfRaiseIrql(DISPATCH_LEVEL);
    void *self = ms_cpu_current(), *none = NULL;

    /* Relaxed: our own value can only have been written by ourselves. */
    if (ms_load_relaxed(&scope->owner) != self)
        while (!ms_cas_acquire(&scope->owner, &none, self)) { /* hb:scope */
            none = NULL;
            ms_thread_yield();
        }
    scope->depth++;
    return before;
}

void ms_scope_leave(struct ms_scope *scope, KIRQL irql)
{
    if (--scope->depth == 0)
        ms_store_release(&scope->owner, NULL); /* hb:scope */
    KeLowerIrql(irql);
}

bool ms_scope_is_mine(const struct ms_scope *scope)
{
    /* Relaxed: only our own value means something. */
    return ms_load_relaxed(&scope->owner) == ms_cpu_current();
}

/* A forwarded request belongs to the queue it went to, not to the one it hangs from. */
static struct ms_object *request_queue(struct ms_object *object)
{
    return &ms_queue_of((struct ms_request *)(void *)object)->object;
}

/* WQU-05: a queue's own when it or its device says Queue, its device's when one of them says so. */
struct ms_scope *ms_scope_of(struct ms_object *object)
{
    struct ms_object *q = object->ops->kind == MS_OBJECT_REQUEST
                              ? request_queue(object)
                              : ms_object_ancestor(object, MS_OBJECT_QUEUE);
    struct ms_object *d = ms_object_ancestor(object, MS_OBJECT_DEVICE);
    WDF_SYNCHRONIZATION_SCOPE scope = WdfSynchronizationScopeInheritFromParent;

    if (q)
        scope = q->scope;
    if (scope == WdfSynchronizationScopeInheritFromParent && d)
        scope = d->scope;
    if (scope == WdfSynchronizationScopeQueue && q)
        return &((struct ms_queue *)(void *)q)->scope;
    if (scope == WdfSynchronizationScopeDevice && d)
        return &((struct ms_device *)(void *)d)->scope;
    return NULL;
}

struct ms_visit ms_visit_begin(KIRQL irql, struct ms_scope *scope)
{
    struct ms_visit visit = {.scope = scope, .before = KeGetCurrentIrql()};
    struct ms_cpu *cpu = ms_cpu_current();

    visit.irql = visit.before < irql ? irql : visit.before;
    if (visit.irql != visit.before)
        KfRaiseIrql(visit.irql);
    if (scope) {
        ms_scope_enter(scope);
        visit.irql = KeGetCurrentIrql();
    }
    visit.locks = cpu ? cpu->locks : 0;
    return visit;
}

void ms_visit_end(const struct ms_visit *visit, uint64_t handle)
{
    struct ms_cpu *cpu = ms_cpu_current();

    if (MS_UNLIKELY(KeGetCurrentIrql() != visit->irql)) { /* LVL-07 */
        ms_rule_break(MS_RULE_WDF_CALLBACK_IRQL, handle, KeGetCurrentIrql());
        KeLowerIrql(visit->irql);
    }
    if (MS_UNLIKELY(cpu && cpu->locks > visit->locks))
        ms_rule_break(MS_RULE_WDF_CALLBACK_LOCK, handle, cpu->locks - visit->locks);
    if (visit->scope)
        ms_scope_leave(visit->scope, visit->before);
    else
        KeLowerIrql(visit->before);
}
