/* SPDX-License-Identifier: MIT */
/*
 * object_context: what a driver keeps with an object, and the attributes by which it asks for that.
 *
 * Idea        a list that is only pushed to while its object lives, so whoever walks on it needs nothing but the
 *             words. The object's own life orders its first context and its end (object.c).
 * Invariants  I1 one context per type: a push that fails has looked again
 * Ordering    hb:context  a context is pushed with release, read with acquire
 * ABA         none: a context leaves the list when nobody is left who could look
 * Progress    lock-free but for the memory
 */
#include "wdf/object_context.h"

#include <string.h>

#define CONTEXT_MAGIC UINT64_C(0x74786574636F6664)

NTSTATUS ms_context_new(const WDF_OBJECT_ATTRIBUTES *attributes, uint64_t handle,
                        struct ms_context **context)
{
    PCWDF_OBJECT_CONTEXT_TYPE_INFO type = attributes->ContextTypeInfo;
    size_t room = attributes->ContextSizeOverride;

    if (type)
        room = room ? room : type->ContextSize;
    struct ms_context *c = ms_alloc(sizeof *c + room); /* OBJ-02: zeroed */
    if (!c)
        return STATUS_INSUFFICIENT_RESOURCES;
    c->type = type ? type->UniqueType : NULL;
    c->cleanup = attributes->EvtCleanupCallback;
    c->destroy = attributes->EvtDestroyCallback;
    c->handle = handle;
    c->magic = CONTEXT_MAGIC;
    c->bytes = sizeof *c + room;
    *context = c;
    return STATUS_SUCCESS;
}

struct ms_context *ms_context_find(struct ms_object *object, PCWDF_OBJECT_CONTEXT_TYPE_INFO type)
{
    struct ms_context *c = ms_load_acquire(&object->contexts); /* hb:context */

    for (; c; c = c->next) {
        ms_data_read(&c->next, sizeof c->next);
        if (c->type && c->type == type)
            break;
    }
    return c;
}

/* False: there is one of that type already. */
static bool context_push(struct ms_object *object, struct ms_context *context)
{
    void *seen = ms_load_relaxed(&object->contexts); /* a guess: the CAS decides */

    do {
        if (context->type && ms_context_find(object, context->type))
            return false;
        ms_data_write(&context->next, sizeof context->next);
        context->next = seen;
    } while (!ms_cas_release(&object->contexts, &seen, context)); /* hb:context */
    return true;
}

void ms_contexts_cleanup(struct ms_object *object)
{
    for (struct ms_context *c = ms_load_acquire(&object->contexts); c;
         c = c->next) { /* hb:context */
        ms_data_read(&c->next, sizeof c->next);
        if (c->cleanup)
            c->cleanup(ms_object_handle(object));
    }
}

void ms_contexts_destroy(struct ms_object *object)
{
    /* Relaxed: who pushed one held the object meanwhile, and the drop that came to zero acquired all
     * drops before it (hb:life). */
    for (struct ms_context *c = ms_load_relaxed(&object->contexts); c; c = c->next) {
        ms_data_read(&c->next, sizeof c->next);
        if (c->destroy)
            c->destroy(ms_object_handle(object));
    }
}

void ms_contexts_free(struct ms_object *object)
{
    struct ms_context *c = ms_load_relaxed(&object->contexts); /* nobody else is left */

    while (c) {
        struct ms_context *next = c->next;
        size_t bytes = c->bytes;
        ms_data_write(&c->next, sizeof c->next);
        if (MS_ASSERTS_ON)
            memset(c, MS_OBJECT_POISON, bytes); /* OBJ-08 */
        ms_free(c, bytes);
        c = next;
    }
}

/* --- attributes --- */

static bool level_is_known(WDF_EXECUTION_LEVEL level)
{
    return level == WdfExecutionLevelInheritFromParent || level == WdfExecutionLevelPassive ||
           level == WdfExecutionLevelDispatch;
}

static bool scope_is_known(WDF_SYNCHRONIZATION_SCOPE scope)
{
    return scope > WdfSynchronizationScopeInvalid && scope <= WdfSynchronizationScopeNone;
}

NTSTATUS ms_attributes_check(const WDF_OBJECT_ATTRIBUTES *attributes, enum ms_parent_rule rule)
{
    if (!attributes)
        return rule == MS_PARENT_REQUIRED ? STATUS_WDF_PARENT_NOT_SPECIFIED : STATUS_SUCCESS;
    if (attributes->Size != sizeof *attributes)
        return STATUS_INFO_LENGTH_MISMATCH;
    PCWDF_OBJECT_CONTEXT_TYPE_INFO type = attributes->ContextTypeInfo;
    if (type && (type->Size != sizeof *type || type->ContextSize == 0 || !type->UniqueType))
        return STATUS_WDF_OBJECT_ATTRIBUTES_INVALID;
    if (attributes->ContextSizeOverride != 0 &&
        (!type || attributes->ContextSizeOverride < type->ContextSize))
        return STATUS_WDF_OBJECT_ATTRIBUTES_INVALID;
    if (!level_is_known(attributes->ExecutionLevel) ||
        !scope_is_known(attributes->SynchronizationScope))
        return STATUS_WDF_OBJECT_ATTRIBUTES_INVALID;
    if (rule == MS_PARENT_FORBIDDEN && attributes->ParentObject)
        return STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED;
    if (rule == MS_PARENT_REQUIRED && !attributes->ParentObject)
        return STATUS_WDF_PARENT_NOT_SPECIFIED;
    return STATUS_SUCCESS;
}

NTSTATUS ms_object_context_add(struct ms_object *object, const WDF_OBJECT_ATTRIBUTES *attributes,
                               struct ms_context **context)
{
    NTSTATUS status = ms_attributes_check(attributes, MS_PARENT_FORBIDDEN);

    if (!NT_SUCCESS(status))
        return status;
    if (!attributes || !attributes->ContextTypeInfo)
        return STATUS_WDF_OBJECT_ATTRIBUTES_INVALID;
    status = ms_context_new(attributes, object->handle, context);
    if (!NT_SUCCESS(status))
        return status;
    if (context_push(object, *context))
        return STATUS_SUCCESS;
    ms_free(*context, (*context)->bytes);
    *context = ms_context_find(object, attributes->ContextTypeInfo->UniqueType);
    return STATUS_OBJECT_NAME_EXISTS;
}
