/* SPDX-License-Identifier: MIT */
/*
 * object_api: the routines on objects of any kind, as drivers call them, and the framework's start and
 * end.
 */
#include "wdf/callback.h"

enum { OBJECTS_DEFAULT = 65536 };

static const struct ms_object_ops general_ops = {
    .kind = MS_OBJECT_GENERAL,
    .driver_may_delete = true,
    .dispose = ms_object_dispose_nothing,
    .destroy = ms_object_destroy_nothing,
};

/* --- the framework of a machine --- */

struct ms_wdf *ms_wdf_create(struct ms_kernel *kernel, const struct ms_wdf_config *config)
{
    struct ms_wdf *wdf = ms_alloc(sizeof *wdf);

    if (!wdf)
        return NULL;
    wdf->kernel = kernel;
    wdf->config = *config;
    wdf->count = config->objects ? config->objects : OBJECTS_DEFAULT;
    ms_assert(wdf->count <= MS_WDF_OBJECTS_MAX);
    ms_init(&wdf->free, 0);
    ms_init(&wdf->fresh, 0);
    ms_init(&wdf->objects, 0);
    wdf->cell = ms_reserve(wdf->count * sizeof *wdf->cell);
    if (!wdf->cell)
        goto undo_wdf;
    if (!NT_SUCCESS(ms_object_new(wdf, &general_ops, sizeof *wdf->root, NULL, &wdf->root)))
        goto undo_cells;
    kernel->wdf = wdf;
    return wdf;

undo_cells:
    ms_unreserve(wdf->cell, wdf->count * sizeof *wdf->cell);
undo_wdf:
    ms_free(wdf, sizeof *wdf);
    return NULL;
}

/* The i-th object that is still alive, or NULL. */
static struct ms_object *leak_at(struct ms_wdf *wdf, uint32_t i)
{
    return ms_load_relaxed(&wdf->cell[i].object); /* quiescent */
}

/* Who is alive for another reason than that its children are: they hold it, and while one of them is not
 * disposed neither is it, so it holds itself. */
static bool leak_is_own(struct ms_wdf *wdf, struct ms_object *object)
{
    uint32_t fresh = ms_load_relaxed(&wdf->fresh);
    uint32_t children = ms_load_relaxed(&object->pending) != 0;

    for (uint32_t i = 0; i < fresh; i++)
        if (leak_at(wdf, i) && leak_at(wdf, i)->parent == object)
            children++;
    return ms_object_holders(object) > children;
}

void ms_wdf_close(struct ms_wdf *wdf)
{
    uint32_t fresh;

    ms_assert(ms_wdf_here() == wdf);
    ms_object_delete(wdf->root);
    ms_kernel_stop(wdf->kernel); /* what was put off to its threads has run */
    fresh = ms_load_relaxed(&wdf->fresh);
    for (uint32_t i = 0; i < fresh; i++)
        if (leak_at(wdf, i) && leak_is_own(wdf, leak_at(wdf, i)))
            ms_rule_break(MS_RULE_WDF_LEAK, leak_at(wdf, i)->handle, leak_at(wdf, i)->ops->kind);
}

void ms_wdf_destroy(struct ms_wdf *wdf)
{
    uint32_t fresh = ms_load_relaxed(&wdf->fresh);

    wdf->kernel->wdf = NULL;
    for (uint32_t i = 0; i < fresh; i++)
        if (leak_at(wdf, i))
            ms_object_bury(leak_at(wdf, i));
    ms_unreserve(wdf->cell, wdf->count * sizeof *wdf->cell);
    ms_free(wdf, sizeof *wdf);
}

uint32_t ms_wdf_objects(const struct ms_wdf *wdf)
{
    return ms_load_relaxed(&wdf->objects);
}

/* --- what all creating routines do --- */

NTSTATUS ms_object_make(const struct ms_object_ops *ops, size_t bytes,
                        const WDF_OBJECT_ATTRIBUTES *attributes, enum ms_parent_rule rule,
                        struct ms_object *otherwise,
                        NTSTATUS (*fill)(struct ms_object *object, struct ms_object *parent,
                                         void *context),
                        void *context, struct ms_object **object)
{
    struct ms_object *parent = otherwise, *o;
    NTSTATUS status = ms_attributes_check(attributes, rule);

    *object = NULL;
    if (!NT_SUCCESS(status))
        return status;
    if (attributes && attributes->ParentObject) {
        parent = ms_object_take(attributes->ParentObject, MS_OBJECT_ANY);
        if (!parent)
            return STATUS_INVALID_PARAMETER; /* FTL-02 */
    } else {
        ms_assert(parent != NULL);
        ms_object_hold(parent);
    }
    status = ms_object_new(parent->wdf, ops, bytes, attributes, &o);
    if (!NT_SUCCESS(status))
        goto undo_parent;
    status = fill ? fill(o, parent, context) : STATUS_SUCCESS;
    if (!NT_SUCCESS(status))
        goto undo_new;
    ms_object_hold(o); /* the caller's: from the adoption on, its parent may delete it */
    status = ms_object_adopt(o, parent);
    if (!NT_SUCCESS(status))
        goto undo_fill;
    *object = o;
    ms_object_drop(parent);
    return STATUS_SUCCESS;

undo_fill:
    ops->destroy(o);
undo_new:
    ms_object_discard(o);
undo_parent:
    ms_object_drop(parent);
    return status;
}

/* --- what drivers call --- */

NTSTATUS WdfObjectCreate(PWDF_OBJECT_ATTRIBUTES Attributes, WDFOBJECT *Object)
{
    struct ms_wdf *wdf = ms_wdf_here();
    struct ms_object *object;
    NTSTATUS status;

    if (!Object || !wdf) {
        ms_rule_break(MS_RULE_WDF_NULL, 0, 0);
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    }
    *Object = NULL;
    status = ms_object_make(&general_ops, sizeof *object, Attributes, MS_PARENT_OPTIONAL, wdf->root,
                            NULL, NULL, &object);
    if (NT_SUCCESS(status))
        *Object = ms_object_made(object);
    return status;
}

VOID WdfObjectDelete(WDFOBJECT Object)
{
    struct ms_object *object = ms_object_take(Object, MS_OBJECT_ANY);

    if (!object)
        return;                          /* FTL-02 */
    ms_irql_ask(DISPATCH_LEVEL, Object); /* LVL-01 */
    if (!object->ops->driver_may_delete)
        ms_rule_break(MS_RULE_WDF_DELETE_FORBIDDEN, object->handle, object->ops->kind); /* OBJ-07 */
    else if (!ms_object_delete(object))
        ms_rule_break(MS_RULE_WDF_DELETE_TWICE, object->handle, object->ops->kind);
    ms_object_drop(object);
}

VOID WdfObjectReferenceActual(WDFOBJECT Handle, PVOID Tag, LONG Line, PCSTR File)
{
    (void)Tag, (void)Line, (void)File;
    if (!ms_object_reference(Handle))
        ms_rule_break(MS_RULE_WDF_REFERENCE, (uint64_t)(uintptr_t)Handle, 0);
}

VOID WdfObjectDereferenceActual(WDFOBJECT Handle, PVOID Tag, LONG Line, PCSTR File)
{
    (void)Tag, (void)Line, (void)File;
    if (!ms_object_dereference(Handle))
        ms_rule_break(MS_RULE_WDF_REFERENCE, (uint64_t)(uintptr_t)Handle, 0);
}

PVOID WdfObjectGetTypedContextWorker(WDFOBJECT Handle, PCWDF_OBJECT_CONTEXT_TYPE_INFO TypeInfo)
{
    struct ms_context *context = ms_object_context(Handle, TypeInfo);

    if (!context)
        ms_rule_break(MS_RULE_WDF_CONTEXT_TYPE, (uint64_t)(uintptr_t)Handle, 0); /* OBJ-03 */
    return context ? context->room : NULL;
}

WDFOBJECT WdfObjectContextGetObject(PVOID ContextPointer)
{
    struct ms_context *context = CONTAINING_RECORD(ContextPointer, struct ms_context, room);

    return (WDFOBJECT)(uintptr_t)context->handle;
}

NTSTATUS WdfObjectAllocateContext(WDFOBJECT Handle, PWDF_OBJECT_ATTRIBUTES ContextAttributes,
                                  PVOID *Context)
{
    struct ms_object *object = ms_object_take(Handle, MS_OBJECT_ANY);
    struct ms_context *context = NULL;
    NTSTATUS status;

    if (!object)
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    status = ms_object_context_add(object, ContextAttributes, &context);
    if (context && Context)
        *Context = context->room;
    ms_object_drop(object);
    return status;
}
