/* SPDX-License-Identifier: MIT */
/*
 * Rows of arguments_test.c, versions 1 and 2: for each routine its good call and what can be wrong with each
 * argument, in the order in which the routine looks (the first flaw decides the status).
 */
#include "adapter/test_arguments.h"

static NTSTATUS get_adapter(struct rig *rig, struct args *a)
{
    rig->held = ms_adapter_open(rig->f.dma, a->device, a->description, a->registers_out);
    return got(rig->held != NULL);
}

static void put_adapter(struct rig *rig, struct args *a)
{
    (void)a;
    rig->ops->PutDmaAdapter(rig->held);
}

static void with_another_adapter(struct rig *rig, struct args *a)
{
    a->adapter = adapter_get(&rig->f, SG32, NULL);
}

/* The void routines: STATUS_SUCCESS says no more than that they came back; the state tells. */
static NTSTATUS put_another(struct rig *rig, struct args *a)
{
    rig->ops->PutDmaAdapter(a->adapter);
    return STATUS_SUCCESS;
}

static void describe_system(struct rig *rig, struct args *a)
{
    (void)rig;
    a->described = (DEVICE_DESCRIPTION){
        .Version = DEVICE_DESCRIPTION_VERSION3,
        .InterfaceType = ACPIBus,
        .MaximumLength = 0x1000,
        .DmaRequestLine = 0x1004,
    };
}

static NTSTATUS alignment(struct rig *rig, struct args *a)
{
    return got(rig->ops->GetDmaAlignment(a->adapter) == 1);
}

static NTSTATUS counter(struct rig *rig, struct args *a)
{
    return got(rig->ops->ReadDmaCounter(a->adapter) == 0); /* RDC-03 */
}

static NTSTATUS allocate(struct rig *rig, struct args *a)
{
    return rig->ops->AllocateAdapterChannel(a->adapter, a->device, a->registers, a->control, rig);
}

static NTSTATUS free_registers(struct rig *rig, struct args *a)
{
    rig->ops->FreeMapRegisters(a->adapter, a->base, 4);
    return STATUS_SUCCESS;
}

static NTSTATUS free_owner(struct rig *rig, struct args *a)
{
    rig->ops->FreeAdapterChannel(a->adapter);
    return STATUS_SUCCESS;
}

static NTSTATUS map_old(struct rig *rig, struct args *a)
{
    PHYSICAL_ADDRESS where =
        rig->ops->MapTransfer(a->adapter, a->mdl, a->base, a->va, a->length_io, a->write);

    return got(where.QuadPart != 0);
}

static void first_mdl_only(struct rig *rig, struct args *a)
{
    hold_channel(rig, a);
    a->length = 0x1800;
}

static void unmap_old(struct rig *rig, struct args *a)
{
    assert_true(
        rig->ops->FlushAdapterBuffers(a->adapter, a->mdl, a->base, a->va, 0x1800, a->write));
}

static void mapped_old(struct rig *rig, struct args *a)
{
    first_mdl_only(rig, a);
    assert_status(map_old(rig, a), STATUS_SUCCESS);
}

static NTSTATUS flush_old(struct rig *rig, struct args *a)
{
    return got(
        rig->ops->FlushAdapterBuffers(a->adapter, a->mdl, a->base, a->va, a->length, a->write));
}

static NTSTATUS calculate(struct rig *rig, struct args *a)
{
    return rig->ops->CalculateScatterGatherList(a->adapter, a->mdl, a->va, a->length, a->size_out,
                                                a->count_out);
}

static NTSTATUS get_list(struct rig *rig, struct args *a)
{
    return rig->ops->GetScatterGatherList(a->adapter, a->device, a->mdl, a->va, a->length,
                                          a->listed, rig, a->write);
}

static NTSTATUS build_list(struct rig *rig, struct args *a)
{
    return rig->ops->BuildScatterGatherList(a->adapter, a->device, a->mdl, a->va, a->length,
                                            a->listed, rig, a->write, a->buffer, a->list_bytes);
}

static void with_list(struct rig *rig, struct args *a)
{
    assert_status(get_list(rig, a), STATUS_SUCCESS);
    a->list = rig->held;
}

static NTSTATUS put_list(struct rig *rig, struct args *a)
{
    rig->ops->PutScatterGatherList(a->adapter, a->list, a->write);
    return STATUS_SUCCESS;
}

static NTSTATUS mdl_from_list(struct rig *rig, struct args *a)
{
    return rig->ops->BuildMdlFromScatterGatherList(a->adapter, a->list, a->mdl, a->target_out);
}

const struct routine argument_rows_old[] = {
    {
        .name = "IoGetDmaAdapter", /* DDX-23, DDX-24, IGA-10, IGA-11, IGA-12, IGA-17, VER-02 */
        .call = get_adapter,
        .undo = put_adapter,
        .shortage = NOTHING_GOT,
        .flaws = {FLAW(device, 0, NOTHING_GOT), FLAW(description, 0, NOTHING_GOT),
                  FLAW(registers_out, 0, NOTHING_GOT), FLAW(described.Version, 4, NOTHING_GOT),
                  FLAW(described.DmaAddressWidth, 0, NOTHING_GOT),
                  FLAW(described.DmaAddressWidth, 23, NOTHING_GOT),
                  FLAW(described.DmaAddressWidth, 65, NOTHING_GOT)},
    },
    {
        .name = "IoGetDmaAdapter", /* for a subordinate device: IGA-16, DDX-31 */
        .prepare = describe_system,
        .call = get_adapter,
        .undo = put_adapter,
        .shortage = NOTHING_GOT,
        .flaws = {FLAW(device, 0, NOTHING_GOT), FLAW(description, 0, NOTHING_GOT),
                  FLAW(registers_out, 0, NOTHING_GOT),
                  FLAW(described.DmaRequestLine, 0xFFFF, NOTHING_GOT),
                  FLAW(described.DmaWidth, MaximumDmaWidth, NOTHING_GOT),
                  FLAW(described.DmaWidth, -1, NOTHING_GOT)},
    },
    {
        .name = "PutDmaAdapter",
        .prepare = with_another_adapter,
        .call = put_another,
    },
    {
        .name = "AllocateAdapterChannel", /* ACH-09, ACH-02 */
        .call = allocate,
        .undo = free_channel,
        .flaws = {FLAW(device, 0, BAD), FLAW(control, 0, BAD), FLAW(registers, 18, SHORT),
                  FLAW(registers, MAXULONG, SHORT)},
    },
    {
        .name = "AllocateAdapterChannel", /* has to wait */
        .prepare = owned,
        .call = allocate,
        .undo = let_in_and_free,
        .finish = free_channel,
        .shortage = SHORT,
        .flaws = {FLAW(device, 0, BAD), FLAW(control, 0, BAD), FLAW(registers, 18, SHORT)},
    },
    {
        .name = "FlushAdapterBuffers", /* FLB-06 */
        .prepare = mapped_old,
        .call = flush_old,
        .finish = free_channel,
        .flaws = {FLAW(mdl, 0, NOTHING_GOT), FLAW(va, VA_BEFORE, NOTHING_GOT),
                  FLAW(va, VA_BEHIND, NOTHING_GOT), FLAW(base, 0x1234, NOTHING_GOT),
                  FLAW(length, 0x3000, NOTHING_GOT)},
    },
    {
        .name = "FreeAdapterChannel", /* FRE-11: nobody owns it */
        .call = free_owner,
    },
    {
        .name = "FreeMapRegisters", /* FRE-12, MRG-08 */
        .prepare = hold_channel,
        .call = free_registers,
        .finish = free_channel,
        .flaws = {FLAW(base, 0, STATUS_SUCCESS), FLAW(base, 0x1234, STATUS_SUCCESS),
                  FLAW(base, UINT64_MAX, STATUS_SUCCESS)},
    },
    {
        .name = "MapTransfer", /* MTR-09 */
        .prepare = first_mdl_only,
        .call = map_old,
        .undo = unmap_old,
        .finish = free_channel,
        .zeroes_length = true,
        .flaws = {FLAW(length_io, 0, NOTHING_GOT), FLAW(mdl, 0, NOTHING_GOT),
                  FLAW(mdl, PAGED_MDL, NOTHING_GOT), FLAW(base, 0, NOTHING_GOT),
                  FLAW(base, 0x1234, NOTHING_GOT), FLAW(va, VA_BEFORE, NOTHING_GOT),
                  FLAW(va, VA_BEHIND, NOTHING_GOT), FLAW(length, 0, NOTHING_GOT),
                  FLAW(length, 0x3000, NOTHING_GOT)},
    },
    {
        .name = "GetDmaAlignment",
        .call = alignment,
    },
    {
        .name = "ReadDmaCounter",
        .call = counter,
    },
    {
        .name = "GetScatterGatherList", /* SGL-05, SGL-12 */
        .call = get_list,
        .undo = put_held,
        .shortage = SHORT,
        .flaws = {FLAW(device, 0, BAD), FLAW(mdl, 0, BAD), FLAW(listed, 0, BAD),
                  FLAW(length, 0, BAD), OLD_RANGE},
    },
    {
        .name = "PutScatterGatherList", /* PSG-06 */
        .prepare = with_list,
        .call = put_list,
        .flaws = {FLAW(list, 0, STATUS_SUCCESS), FLAW(list, STRANGE_LIST, STATUS_SUCCESS)},
    },
    {
        .name = "CalculateScatterGatherList", /* CSG-03, CSG-11, CSG-12 */
        .call = calculate,
        .flaws = {FLAW(size_out, 0, BAD), OLD_RANGE},
    },
    {
        .name = "BuildScatterGatherList", /* SGL-05, SGL-11, SGL-12 */
        .call = build_list,
        .undo = put_held,
        .flaws = {FLAW(buffer, 0, BAD), FLAW(device, 0, BAD), FLAW(mdl, 0, BAD),
                  FLAW(listed, 0, BAD), FLAW(length, 0, BAD), OLD_RANGE, FLAW(list_bytes, 0, SMALL),
                  FLAW(list_bytes, 40, SMALL)},
    },
    {
        .name = "BuildMdlFromScatterGatherList", /* BMS-04 */
        .prepare = with_list,
        .call = mdl_from_list,
        .finish = put_held,
        .shortage = SHORT,
        .flaws = {FLAW(mdl, 0, BAD), FLAW(target_out, 0, BAD), FLAW(list, 0, BAD),
                  FLAW(list, STRANGE_LIST, BAD)},
    },
};
const size_t argument_rows_old_count = sizeof argument_rows_old / sizeof argument_rows_old[0];
