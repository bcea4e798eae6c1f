/* SPDX-License-Identifier: MIT */
/*
 * framework_objects.h: objects of framework_fuzz.c's driver: made under one another, with contexts, referenced,
 * deleted. Each thread has its own.
 */
#ifndef FUZZ_FRAMEWORK_OBJECTS_H
#define FUZZ_FRAMEWORK_OBJECTS_H

#include "framework_stage.h"

typedef struct tag_context {
    uint64_t mark;
    bool is_cleaned;
} tag_context;
WDF_DECLARE_CONTEXT_TYPE(tag_context)
typedef struct more_context {
    uint8_t bytes[40];
} more_context;
WDF_DECLARE_CONTEXT_TYPE(more_context)

enum { MARK = 0x7A67 };

static VOID on_cleanup(WDFOBJECT object)
{
    tag_context *tag = WdfObjectGet_tag_context(object);

    if (!tag || tag->mark != MARK || WdfObjectContextGetObject(tag) != object)
        ms_sim_fail("O6 an object has another context", "%p", object);
    if (tag->is_cleaned)
        ms_sim_fail("O3 an object is cleaned up twice", "%p", object);
    tag->is_cleaned = true;
    f.cleaned++;
}

static VOID on_destroy(WDFOBJECT object)
{
    tag_context *tag = WdfObjectGet_tag_context(object);

    if (!tag || !tag->is_cleaned)
        ms_sim_fail("O3 an object is destroyed before it is cleaned up", "%p", object);
    f.destroyed++;
}

static void slot_dead(uint32_t actor, int32_t which)
{
    f.slot[actor][which].is_alive = false;
    if (!f.slot[actor][which].tag->is_cleaned)
        ms_sim_fail("O3 a deleted object is not cleaned up", "%u", (unsigned)which);
    for (int32_t i = 0; i < SLOTS; i++)
        if (f.slot[actor][i].is_alive && f.slot[actor][i].parent == which)
            slot_dead(actor, i);
}

static void slot_create(uint32_t actor, int32_t which, uint8_t how)
{
    struct slot *s = &f.slot[actor][which], *parent = &f.slot[actor][how >> 2 & 3];
    WDF_OBJECT_ATTRIBUTES attributes;
    NTSTATUS status;

    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&attributes, tag_context);
    attributes.EvtCleanupCallback = on_cleanup;
    attributes.EvtDestroyCallback = on_destroy;
    attributes.ContextSizeOverride = how & 128 ? 100 : 0;
    s->parent = -1;
    switch (how & 3) {
    case 1:
        attributes.ParentObject = f.device;
        break;
    case 2:
        attributes.ParentObject = f.queue;
        break;
    case 3:
        if (!parent->is_alive)
            break;
        attributes.ParentObject = parent->object;
        s->parent = how >> 2 & 3;
        break;
    default:
        break;
    }
    ms_fault_arm(how >> 4 & 7 ? (how >> 4 & 7) - 1u : UINT32_MAX);
    status = WdfObjectCreate(&attributes, &s->object);
    bool fired = ms_fault_fired();
    ms_fault_arm(UINT32_MAX);
    if (status != (fired ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS))
        ms_sim_fail("O7 an object is made with another status", "%08x", (unsigned)status);
    if (!NT_SUCCESS(status))
        return;
    for (uint32_t i = 0; i < f.made && i < HANDLES; i++)
        if (f.handle[i] == s->object)
            ms_sim_fail("O1 two objects have one handle", "%p", s->object);
    if (f.made < HANDLES)
        f.handle[f.made] = s->object;
    f.made++;
    s->is_alive = true;
    s->references = 1;
    WdfObjectReference(s->object);
    s->tag = WdfObjectGet_tag_context(s->object);
    s->tag->mark = MARK;
}

static void slot_context(struct slot *s, uint8_t how)
{
    WDF_OBJECT_ATTRIBUTES attributes;
    PVOID room = NULL, again = NULL;

    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&attributes, more_context);
    ms_fault_arm(how & 1 ? 0 : UINT32_MAX);
    NTSTATUS status = WdfObjectAllocateContext(s->object, &attributes, &room);
    bool fired = ms_fault_fired();
    ms_fault_arm(UINT32_MAX);
    if (status == STATUS_INSUFFICIENT_RESOURCES && fired)
        return;
    if ((status != STATUS_SUCCESS && status != STATUS_OBJECT_NAME_EXISTS) || !room)
        ms_sim_fail("O7 a context is made with another status", "%08x", (unsigned)status);
    if (WdfObjectAllocateContext(s->object, &attributes, &again) != STATUS_OBJECT_NAME_EXISTS ||
        again != room || WdfObjectGet_more_context(s->object) != room)
        ms_sim_fail("O2 an object has two contexts of one type", "%p", s->object);
}

/* Of the device, by several at a time: one of them makes it. */
static void shared_context(void)
{
    WDF_OBJECT_ATTRIBUTES attributes;
    PVOID room = NULL;

    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&attributes, more_context);
    NTSTATUS status = WdfObjectAllocateContext(f.device, &attributes, &room);
    if (status == STATUS_INSUFFICIENT_RESOURCES)
        return; /* another thread's memory ran out here */
    if ((status != STATUS_SUCCESS && status != STATUS_OBJECT_NAME_EXISTS) || !room ||
        (f.shared && f.shared != room) || WdfObjectGet_more_context(f.device) != room)
        ms_sim_fail("O2 an object has two contexts of one type", "%08x", (unsigned)status);
    f.shared = room;
}

static void slot_drop(struct slot *s)
{
    WDFOBJECT object = s->object;

    if (--s->references == 0 && !s->is_alive)
        s->object = NULL;
    WdfObjectDereference(object);
}

static void do_object(uint32_t actor, const struct fuzz_op *op)
{
    int32_t which = op->operand[0] % SLOTS;
    struct slot *s = &f.slot[actor][which];

    switch (op->operand[0] / SLOTS % 6) {
    case 0:
    case 1:
        if (!s->is_alive && s->references == 0)
            slot_create(actor, which, op->operand[1]);
        break;
    case 2:
        if (!s->is_alive)
            break;
        if (s->references == 0) { /* the tag must outlive the look at it */
            s->references++;
            WdfObjectReference(s->object);
        }
        WdfObjectDelete(s->object);
        slot_dead(actor, which);
        break;
    case 3:
        if (s->is_alive || s->references > 0) {
            s->references++;
            WdfObjectReference(s->object);
        }
        break;
    case 4:
        if (s->references > 1 || (s->references == 1 && !s->is_alive))
            slot_drop(s);
        break;
    default:
        if (op->operand[1] & 2)
            shared_context();
        else if (s->is_alive)
            slot_context(s, op->operand[1]);
        break;
    }
    expect_nothing("an object");
}

static void objects_end(uint32_t actor)
{
    for (int32_t i = 0; i < SLOTS; i++) {
        struct slot *s = &f.slot[actor][i];
        if (s->is_alive) {
            WdfObjectDelete(s->object);
            slot_dead(actor, i);
        }
    }
    for (int32_t i = 0; i < SLOTS; i++)
        while (f.slot[actor][i].references > 0)
            slot_drop(&f.slot[actor][i]);
}

#endif
