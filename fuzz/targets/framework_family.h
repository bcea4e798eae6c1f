/* SPDX-License-Identifier: MIT */
/*
 * framework_family.h: objects of framework_fuzz.c under one parent that all threads share: born, looked through,
 * deleted, given contexts, while any of them deletes the parent. No driver may call by the handle of what another
 * thread deletes, so these are calls inside the framework, as its own parts make them (requests under a queue).
 *
 * Proves       children are disposed before their parent, which sees what they left (OBJ-04, hb:pending); who finds
 *              a child finds it whole (hb:brood); one is born under a living parent or refused; one context a type
 */
#ifndef FUZZ_FRAMEWORK_FAMILY_H
#define FUZZ_FRAMEWORK_FAMILY_H

#include "framework_objects.h"

enum { HEAD = 0 }; /* the parent's number among its kin */

struct kin {
    struct ms_object object;
    uint32_t number;
};

static bool kin_dispose(struct ms_object *object)
{
    struct kin *kin = (struct kin *)(void *)object;

    ms_data_read(&kin->number, sizeof kin->number);
    if (f.kin[kin->number].is_disposed)
        ms_sim_fail("O3 an object is disposed twice", "kin %u", kin->number);
    for (uint32_t i = HEAD + 1; i < f.kins && kin->number == HEAD; i++) {
        if (f.kin[i].is_born && !f.kin[i].is_disposed)
            ms_sim_fail("O3 a parent is disposed before its child", "kin %u", i);
        if (f.kin[i].is_disposed)
            ms_data_read(&f.kin[i].left, sizeof f.kin[i].left); /* hb:pending */
    }
    ms_data_write(&f.kin[kin->number].left, sizeof f.kin[0].left);
    f.kin[kin->number].is_disposed = true;
    return true;
}

static void kin_destroy(struct ms_object *object)
{
    struct kin *kin = (struct kin *)(void *)object;

    if (f.kin[kin->number].is_disposed)
        f.kin[kin->number].is_destroyed = true; /* or it was refused by its parent */
}

static const struct ms_object_ops kin_ops = {
    .kind = MS_OBJECT_GENERAL,
    .driver_may_delete = true,
    .dispose = kin_dispose,
    .destroy = kin_destroy,
};

static NTSTATUS kin_fill(struct ms_object *object, struct ms_object *parent, void *number)
{
    struct kin *kin = (struct kin *)(void *)object;

    (void)parent;
    ms_data_write(&kin->number, sizeof kin->number);
    kin->number = *(uint32_t *)number;
    return STATUS_SUCCESS;
}

static void kin_make(struct ms_object *parent, uint8_t how)
{
    uint32_t number = f.kins;
    struct ms_object *object;

    if (number == KINS)
        return;
    f.kins++;
    ms_fault_arm(how & 7 ? (how & 7) - 1u : UINT32_MAX);
    NTSTATUS status = ms_object_make(&kin_ops, sizeof(struct kin), NULL, MS_PARENT_OPTIONAL, parent,
                                     kin_fill, &number, &object);
    bool fired = ms_fault_fired();
    ms_fault_arm(UINT32_MAX);
    if (NT_SUCCESS(status)) {
        f.kin[number].handle = ms_object_made(object);
        f.kin[number].is_born = true; /* it may be gone with its parent by now */
        return;
    }
    if (!(status == STATUS_INSUFFICIENT_RESOURCES && fired) &&
        (status != STATUS_DELETE_PENDING || number == HEAD || !f.is_head_deleted))
        ms_sim_fail("O7 an object is made with another status", "%08x", (unsigned)status);
}

static void kin_seen(struct ms_object *child, void *head)
{
    struct kin *kin = (struct kin *)(void *)child;

    ms_data_read(&kin->number, sizeof kin->number);
    ms_data_read(&child->parent, sizeof child->parent); /* hb:brood */
    if (ms_object_ancestor(child->parent, MS_OBJECT_GENERAL) != head || kin->number == HEAD)
        ms_sim_fail("O2 a child of another parent", "kin %u", kin->number);
}

static void kin_context(struct ms_object *object)
{
    struct ms_context *context = NULL;
    WDF_OBJECT_ATTRIBUTES attributes;

    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&attributes, more_context);
    NTSTATUS status = ms_object_context_add(object, &attributes, &context);
    if ((status != STATUS_SUCCESS && status != STATUS_OBJECT_NAME_EXISTS) || !context ||
        (f.kin_context && f.kin_context != context))
        ms_sim_fail("O2 an object has two contexts of one type", "%08x", (unsigned)status);
    f.kin_context = context;
}

static void kin_delete(WDFOBJECT handle)
{
    struct ms_object *object = ms_object_try(handle, MS_OBJECT_GENERAL);

    if (!object)
        return;
    (void)ms_object_delete(object);
    ms_object_drop(object);
}

/* What: a child is born, the children are looked through, one is deleted, a context, the parent is deleted. */
static void do_family(const struct fuzz_op *op)
{
    uint8_t what = op->operand[0] % 8, how = op->operand[1];
    struct ms_object *head = ms_object_try(f.kin[HEAD].handle, MS_OBJECT_GENERAL);

    if (!head)
        return; /* it is deleted */
    if (what < 4) {
        kin_make(head, how);
    } else if (what == 4) {
        ms_object_visit(head, MS_OBJECT_GENERAL, kin_seen, head);
    } else if (what == 5) {
        kin_delete(f.kin[HEAD + 1 + how % (KINS - 1)].handle);
    } else if (what == 6) {
        kin_context(head);
    } else {
        f.is_head_deleted = true;
        (void)ms_object_delete(head);
    }
    ms_object_drop(head);
}

/* Before each execution: the parent, in a machine that is new. */
static void family_make(void)
{
    uint32_t number = HEAD;
    struct ms_object *object;

    ms_require(NT_SUCCESS(ms_object_make(&kin_ops, sizeof(struct kin), NULL, MS_PARENT_OPTIONAL,
                                         ms_wdf_root(f.wdf), kin_fill, &number, &object)));
    f.head = ms_object_made(object);
}

static void family_reset(void)
{
    f.kin[HEAD] = (struct kin_note){.handle = f.head, .is_born = true};
    f.kins = HEAD + 1;
}

/* By the last thread. */
static void family_end(void)
{
    f.is_head_deleted = true;
    kin_delete(f.head);
}

static void family_check(void)
{
    for (uint32_t i = HEAD; i < f.kins; i++)
        if (f.kin[i].is_born && !f.kin[i].is_destroyed)
            ms_sim_fail("O9 an object is left", "kin %u", i);
}

#endif
