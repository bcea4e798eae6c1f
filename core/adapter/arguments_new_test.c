/* SPDX-License-Identifier: MIT */
/*
 * Rows of arguments_test.c, version 3: for each routine its good call and what can be wrong with each
 * argument, in the order in which the routine looks (the first flaw decides the status).
 */
#include "adapter/test_arguments.h"

static NTSTATUS adapter_info(struct rig *rig, struct args *a)
{
    return rig->ops->GetDmaAdapterInfo(a->adapter, a->adapter_info);
}

static NTSTATUS transfer_info(struct rig *rig, struct args *a)
{
    return rig->ops->GetDmaTransferInfo(a->adapter, a->mdl, a->offset, a->length, FALSE,
                                        a->transfer_info);
}

static NTSTATUS initialize(struct rig *rig, struct args *a)
{
    return rig->ops->InitializeDmaTransferContext(a->adapter, a->tc);
}

static void hold_system(struct rig *rig, struct args *a)
{
    a->adapter = rig->system;
    context_make(a->adapter, &rig->context);
    assert_status(rig->ops->AllocateAdapterChannelEx(a->adapter, a->device, &rig->context, 4,
                                                     DMA_SYNCHRONOUS_CALLBACK, NULL, NULL,
                                                     &a->base),
                  STATUS_SUCCESS);
}

static NTSTATUS allocate_ex(struct rig *rig, struct args *a)
{
    return rig->ops->AllocateAdapterChannelEx(a->adapter, a->device, a->tc, a->registers, a->flags,
                                              NULL, NULL, a->base_out);
}

static NTSTATUS allocate_async(struct rig *rig, struct args *a)
{
    return rig->ops->AllocateAdapterChannelEx(a->adapter, a->device, a->tc, a->registers, a->flags,
                                              a->control, rig, a->base_out);
}

static NTSTATUS configure(struct rig *rig, struct args *a)
{
    return rig->ops->ConfigureAdapterChannel(a->adapter, a->function, a->buffer);
}

static void configure_prepare(struct rig *rig, struct args *a)
{
    static ULONG period;

    hold_system(rig, a);
    a->function = 1;
    period = 0x100;
    a->buffer = &period;
}

static NTSTATUS cancel_channel(struct rig *rig, struct args *a)
{
    return got(rig->ops->CancelAdapterChannel(a->adapter, a->device, a->tc));
}

static void initialize_again(struct rig *rig, struct args *a)
{
    context_make(a->adapter, &rig->context);
}

static NTSTATUS cancel_transfer(struct rig *rig, struct args *a)
{
    return rig->ops->CancelMappedTransfer(a->adapter, a->tc);
}

static void on_system(struct rig *rig, struct args *a)
{
    a->adapter = rig->system;
}

/* A void routine: the state tells what it did. */
static NTSTATUS free_object(struct rig *rig, struct args *a)
{
    rig->ops->FreeAdapterObject(a->adapter, a->action);
    return STATUS_SUCCESS;
}

static NTSTATUS map_ex(struct rig *rig, struct args *a)
{
    return rig->ops->MapTransferEx(a->adapter, a->mdl, a->base, a->offset, 0, a->length_io,
                                   a->write, a->list, a->list_bytes, NULL, NULL);
}

static void own_list_room(struct rig *rig, struct args *a)
{
    hold_channel(rig, a);
    a->list_bytes = sizeof(struct own_list);
}

static void unmap_ex(struct rig *rig, struct args *a)
{
    assert_status(
        rig->ops->FlushAdapterBuffersEx(a->adapter, a->mdl, a->base, a->offset, 0, a->write),
        STATUS_SUCCESS);
}

static void mapped(struct rig *rig, struct args *a)
{
    own_list_room(rig, a);
    assert_status(map_ex(rig, a), STATUS_SUCCESS);
    assert_int_equal(a->length, 0x2800);
}

static NTSTATUS flush_ex(struct rig *rig, struct args *a)
{
    return rig->ops->FlushAdapterBuffersEx(a->adapter, a->mdl, a->base, a->offset, a->length,
                                           a->write);
}

static NTSTATUS get_list_ex(struct rig *rig, struct args *a)
{
    return rig->ops->GetScatterGatherListEx(a->adapter, a->device, a->tc, a->mdl, a->offset,
                                            a->length, a->flags, NULL, NULL, a->write, NULL, NULL,
                                            a->made_out);
}

static NTSTATUS get_list_async(struct rig *rig, struct args *a)
{
    return rig->ops->GetScatterGatherListEx(a->adapter, a->device, a->tc, a->mdl, a->offset,
                                            a->length, a->flags, a->listed, rig, a->write, NULL,
                                            NULL, NULL);
}

static NTSTATUS build_list_ex(struct rig *rig, struct args *a)
{
    return rig->ops->BuildScatterGatherListEx(a->adapter, a->device, a->tc, a->mdl, a->offset,
                                              a->length, a->flags, NULL, NULL, a->write, a->buffer,
                                              a->list_bytes, NULL, NULL, a->made_out);
}

static NTSTATUS build_list_async(struct rig *rig, struct args *a)
{
    return rig->ops->BuildScatterGatherListEx(a->adapter, a->device, a->tc, a->mdl, a->offset,
                                              a->length, a->flags, a->listed, rig, a->write,
                                              a->buffer, a->list_bytes, NULL, NULL, NULL);
}

static void put_made(struct rig *rig, struct args *a)
{
    rig->ops->FreeAdapterChannel(a->adapter);
    rig->ops->PutScatterGatherList(a->adapter, rig->outs.made, a->write);
}

static void let_in_and_put(struct rig *rig, struct args *a)
{
    int entered = rig->entered;

    rig->ops->FreeAdapterChannel(a->adapter);
    assert_int_equal(rig->entered, entered + 1);
    put_held(rig, a);
}

const struct routine argument_rows_new[] = {
    {
        .name = "GetDmaAdapterInfo", /* GAI-01, GAI-07 */
        .call = adapter_info,
        .flaws = {FLAW(adapter_info, 0, BAD), FLAW(info_version, 2, STATUS_NOT_SUPPORTED),
                  FLAW(info_version, MAXULONG, STATUS_NOT_SUPPORTED)},
    },
    {
        .name = "GetDmaTransferInfo", /* GTI-02, GTI-03, GTI-11, GTI-14 */
        .call = transfer_info,
        .flaws = {FLAW(transfer_info, 0, BAD), FLAW(mdl, 0, BAD),
                  FLAW(info_version, 3, STATUS_NOT_SUPPORTED), FLAW(length, 0, BAD), NEW_RANGE,
                  FLAW(mdl, PAGED_MDL, BAD)},
    },
    {
        .name = "InitializeDmaTransferContext", /* TCX-06 */
        .call = initialize,
        .flaws = {FLAW(tc, 0, BAD)},
    },
    {
        .name =
            "AllocateAdapterChannelEx", /* ACX-05, ACX-06, ACX-10, ACX-12, ACX-18, ACX-19, TCX-16 */
        .call = allocate_ex,
        .undo = free_channel,
        .shortage = SHORT,
        .flaws = {FLAW(device, 0, BAD), FLAW(flags, 0, BAD), FLAW(flags, 2, BAD),
                  FLAW(flags, 0x80000001, BAD), FLAW(base_out, 0, BAD), FLAW(tc, 0, BAD),
                  FLAW(tc, BAD_CONTEXT, BAD), FLAW(tc, CANCELLED_CONTEXT, STATUS_CANCELLED),
                  FLAW(registers, 18, SHORT), FLAW(registers, MAXULONG, SHORT)},
    },
    {
        .name = "AllocateAdapterChannelEx", /* asynchronous: ACX-07, AMB-43, AMB-48 */
        .prepare = asynchronous,
        .call = allocate_async,
        .undo = free_channel,
        .flaws = {FLAW(device, 0, BAD), FLAW(flags, 2, BAD), FLAW(control, 0, BAD),
                  FLAW(base_out, LOW_LIMIT, BAD), FLAW(tc, 0, BAD), FLAW(tc, BAD_CONTEXT, BAD),
                  FLAW(tc, CANCELLED_CONTEXT, STATUS_CANCELLED), FLAW(registers, 18, SHORT)},
    },
    {
        .name = "AllocateAdapterChannelEx", /* has to wait */
        .prepare = owned,
        .call = allocate_async,
        .undo = let_in_and_free,
        .finish = free_channel,
        .shortage = SHORT,
        .flaws = {FLAW(device, 0, BAD), FLAW(control, 0, BAD), FLAW(base_out, LOW_LIMIT, BAD),
                  FLAW(tc, 0, BAD), FLAW(tc, BAD_CONTEXT, BAD),
                  FLAW(tc, CANCELLED_CONTEXT, STATUS_CANCELLED), FLAW(registers, 18, SHORT)},
    },
    {
        .name = "ConfigureAdapterChannel", /* CFG-02, CFG-04, CFG-05 */
        .prepare = configure_prepare,
        .call = configure,
        .finish = free_channel,
        .flaws = {FLAW(adapter, BUS_MASTER, BAD), FLAW(function, 77, STATUS_NOT_IMPLEMENTED),
                  FLAW(buffer, 0, BAD)},
    },
    {
        .name = "CancelAdapterChannel", /* TCX-16 */
        .call = cancel_channel,
        .undo = initialize_again,
        .flaws = {FLAW(tc, 0, NOTHING_GOT), FLAW(tc, BAD_CONTEXT, NOTHING_GOT)},
    },
    {
        .name = "MapTransferEx", /* MTX-06, MTX-10, MTX-12, MTX-19, MTX-20, MTX-59 */
        .prepare = own_list_room,
        .call = map_ex,
        .undo = unmap_ex,
        .finish = free_channel,
        .slots_undefined = true,
        .flaws = {FLAW(mdl, 0, BAD), FLAW(mdl, PAGED_MDL, BAD), FLAW(length_io, 0, BAD),
                  FLAW(base, 0, BAD), FLAW(base, 0x1234, BAD), FLAW(list, 0, BAD),
                  FLAW(list_bytes, 0, BAD), FLAW(list_bytes, 39, BAD), NEW_RANGE},
    },
    {
        .name = "GetScatterGatherListEx", /* SGX-03, SGX-05, TCX-16, CAC-07 */
        .call = get_list_ex,
        .undo = put_made,
        .shortage = SHORT,
        .flaws = {FLAW(device, 0, BAD), FLAW(mdl, 0, BAD), FLAW(length, 0, BAD),
                  FLAW(flags, 0, BAD), FLAW(flags, 3, BAD), FLAW(made_out, 0, BAD),
                  FLAW(tc, 0, BAD), FLAW(tc, BAD_CONTEXT, BAD),
                  FLAW(tc, CANCELLED_CONTEXT, STATUS_CANCELLED), NEW_RANGE},
    },
    {
        .name = "GetScatterGatherListEx", /* asynchronous */
        .prepare = asynchronous,
        .call = get_list_async,
        .undo = put_held,
        .shortage = SHORT,
        .flaws = {FLAW(device, 0, BAD), FLAW(mdl, 0, BAD), FLAW(length, 0, BAD),
                  FLAW(flags, 2, BAD), FLAW(listed, 0, BAD), FLAW(tc, 0, BAD),
                  FLAW(tc, BAD_CONTEXT, BAD), FLAW(tc, CANCELLED_CONTEXT, STATUS_CANCELLED),
                  NEW_RANGE},
    },
    {
        .name = "GetScatterGatherListEx", /* has to wait */
        .prepare = owned,
        .call = get_list_async,
        .undo = let_in_and_put,
        .finish = free_channel,
        .shortage = SHORT,
        .flaws = {FLAW(device, 0, BAD), FLAW(mdl, 0, BAD), FLAW(length, 0, BAD),
                  FLAW(flags, 2, BAD), FLAW(listed, 0, BAD), FLAW(tc, BAD_CONTEXT, BAD),
                  FLAW(tc, CANCELLED_CONTEXT, STATUS_CANCELLED), NEW_RANGE,
                  FLAW(mdl, PAGED_MDL, BAD)},
    },
    {
        .name = "BuildScatterGatherListEx", /* SGX-03, SGX-05, SGX-09 */
        .call = build_list_ex,
        .undo = put_made,
        .shortage = SHORT,
        .flaws = {FLAW(device, 0, BAD), FLAW(buffer, 0, BAD), FLAW(length, 0, BAD),
                  FLAW(flags, 0, BAD), FLAW(made_out, 0, BAD), FLAW(tc, BAD_CONTEXT, BAD),
                  FLAW(tc, CANCELLED_CONTEXT, STATUS_CANCELLED), NEW_RANGE,
                  FLAW(list_bytes, 0, SMALL), FLAW(list_bytes, 40, SMALL)},
    },
    {
        .name = "BuildScatterGatherListEx", /* asynchronous */
        .prepare = asynchronous,
        .call = build_list_async,
        .undo = put_held,
        .flaws = {FLAW(device, 0, BAD), FLAW(buffer, 0, BAD), FLAW(mdl, 0, BAD),
                  FLAW(length, 0, BAD), FLAW(flags, 4, BAD), FLAW(listed, 0, BAD), FLAW(tc, 0, BAD),
                  FLAW(tc, BAD_CONTEXT, BAD), NEW_RANGE, FLAW(list_bytes, 40, SMALL)},
    },
    {
        .name = "FlushAdapterBuffersEx", /* FLX-02, FLX-11 */
        .prepare = mapped,
        .call = flush_ex,
        .finish = free_channel,
        .flaws = {FLAW(mdl, 0, BAD), FLAW(mdl, OTHER_MDL, BAD), FLAW(base, 0, BAD),
                  FLAW(base, 0x1234, BAD), FLAW(offset, 1, BAD), FLAW(length, 0x2801, BAD),
                  FLAW(write, 1, BAD)},
    },
    {
        .name = "FreeAdapterObject", /* FRE-05, FRE-15, FRE-17 */
        .prepare = hold_channel,
        .call = free_object,
        .finish = free_channel,
        .flaws = {FLAW(action, 0, STATUS_SUCCESS), FLAW(action, KeepObject, STATUS_SUCCESS),
                  FLAW(action, 4, STATUS_SUCCESS), FLAW(action, -1, STATUS_SUCCESS)},
    },
    {
        .name = "CancelMappedTransfer", /* CMT-14, CMT-15 */
        .prepare = on_system,
        .call = cancel_transfer,
        .undo = initialize_again,
        .flaws = {FLAW(adapter, BUS_MASTER, BAD), FLAW(tc, 0, BAD), FLAW(tc, BAD_CONTEXT, BAD)},
    },
};
const size_t argument_rows_new_count = sizeof argument_rows_new / sizeof argument_rows_new[0];
