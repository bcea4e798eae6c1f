/* SPDX-License-Identifier: MIT */
/*
 * sg_list: GetScatterGatherList, BuildScatterGatherList, their Ex forms, and PutScatterGatherList.
 *
 * Idea        a list is a channel request that maps before it calls (SGX-15): it waits in the same
 *             queue as all others, and its grant holds its registers until the list is put. What it
 *             asks for lies beside the grant, so nothing of the driver's is kept while it waits but
 *             the chain and the buffer it promised.
 * Picture     [measure] -> size checked, memory taken -> [queue] -> list_enter: map, call -> put
 * Invariants  I1 until a request succeeded its blocks are the requester's; then they are the
 *                grant's, and go when the list is put or the request is cancelled
 *             I2 a list whose grant is not HELD, listed and MAPPED is nobody's (PSG-06)
 * Ordering    hb:mapping  list_enter writes the list and the mapping, then releases MAPPED; a put
 *             that finds the list acquires it
 * Progress    lock-free, as channel.c; a put of a pointer that is no list walks all grants
 */
#include "adapter/grant.h"

#include <string.h>

/* --- lists and their grants
 * ------------------------------------------------------------------------------------ */

static PVOID list_name_read(const SCATTER_GATHER_LIST *list)
{
    PVOID name;

    memcpy(&name, (const char *)list + offsetof(SCATTER_GATHER_LIST, Reserved), sizeof name);
    return name;
}

/* The list says whose it is (MTX-39 allows private data there), so a put need not search. */
static void list_name_write(PSCATTER_GATHER_LIST list, PVOID name)
{
    memcpy((char *)list + offsetof(SCATTER_GATHER_LIST, Reserved), &name, sizeof name);
}

void ms_list_clear(struct ms_dma *dma, struct ms_list *list)
{
    if (!ms_load_relaxed(&list->list))
        return;
    if (list->plan.made)
        ms_made_mdls_unmap(list->plan.made); /* PSG-02 */
    void *blocks[] = {list->plan.made, list->plan.shadow,
                      list->plan.is_ours ? list->plan.list : NULL};
    ms_store_relaxed(&list->list, NULL);
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        if (blocks[i])
            ms_list_store_give(&dma->store, blocks[i]);
}

/* That grant has this list, made and not yet put. */
static bool grant_has_list(struct ms_adapter *adapter, uint32_t index, PSCATTER_GATHER_LIST list,
                           uint32_t *serial)
{
    struct ms_dma *dma = adapter->dma;
    struct ms_grant *grant = &dma->grants[index];
    union ms_grant_word word = ms_grant_look(grant);

    if (word.phase != GRANT_HELD || !word.listed || ms_load_relaxed(&grant->adapter) != adapter ||
        ms_load_relaxed(&dma->lists[index].list) != list)
        return false;
    *serial = (uint32_t)word.serial;
    return ms_load_acquire(&grant->mapping) == MAPPING_MAPPED; /* hb:mapping */
}

struct ms_grant *ms_list_find(struct ms_adapter *adapter, PSCATTER_GATHER_LIST list,
                              uint32_t *serial)
{
    struct ms_dma *dma = adapter->dma;

    if (!list)
        return NULL;
    uint64_t index = (uint64_t)(uintptr_t)list_name_read(list) & 0xFFFFFF;
    if (index < dma->config.grants && grant_has_list(adapter, (uint32_t)index, list, serial))
        return &dma->grants[index];
    /* No list, or the driver wrote into it (PSG-09): the slow way tells. */
    for (uint32_t i = 0; i < dma->config.grants; i++)
        if (ms_load_relaxed(&dma->lists[i].list) == list &&
            grant_has_list(adapter, i, list, serial))
            return &dma->grants[i];
    return NULL;
}

/* --- one element for a whole chain (SGL-08)
 * -------------------------------------------------------------------- */

/* The host address of a joint list's first byte, in its grant's run of registers. */
static uint8_t *joint_bytes(const struct ms_adapter *adapter, const struct ms_grant *grant,
                            uint32_t first_offset)
{
    return ms_pool_page(adapter->pool, ms_grant_registers(grant).head) + first_offset;
}

/* Every byte of the range lies in RAM, so that it can be copied; `first_offset` = its first byte's
 * place in its page. */
static NTSTATUS joint_check(const struct ms_adapter *adapter, const struct ms_list_plan *plan,
                            uint32_t *first_offset)
{
    struct ms_mdl_cursor at = {.mdl = plan->head, .base = 0};
    uint64_t offset = plan->offset;
    uint64_t end = plan->offset + plan->length;

    while (offset < end) {
        if (!ms_mdl_cursor_seek(&at, offset) || !ms_mdl_is_resident(at.mdl))
            return STATUS_INVALID_PARAMETER; /* MTX-22 */
        uint64_t place = at.mdl->ByteOffset + (offset - at.base);
        if (!ms_memory_has_pfn(adapter->dma->memory, ms_mdl_frames(at.mdl)[place >> MS_PAGE_SHIFT]))
            return STATUS_INSUFFICIENT_RESOURCES; /* device memory can not be moved */
        if (offset == plan->offset)
            *first_offset = (uint32_t)(place % MS_PAGE_BYTES);
        offset += ms_min_u64(MS_PAGE_BYTES - place % MS_PAGE_BYTES,
                             at.mdl->ByteCount - (offset - at.base));
    }
    return STATUS_SUCCESS;
}

static uint32_t joint_registers(uint32_t first_offset, uint32_t length)
{
    return (uint32_t)(((uint64_t)first_offset + length + MS_PAGE_BYTES - 1) >> MS_PAGE_SHIFT);
}

/* Boundaries of a page and less; a run of registers crosses none of more (SGE-06). */
static bool joint_crosses(const struct ms_sg_limits *limits, uint32_t first_offset, uint32_t length)
{
    return limits->boundary <= MS_PAGE_BYTES &&
           first_offset / limits->boundary !=
               ((uint64_t)first_offset + length - 1) / limits->boundary;
}

static NTSTATUS joint_map(struct ms_adapter *adapter, struct ms_grant *grant,
                          const struct ms_list_plan *plan)
{
    SCATTER_GATHER_LIST header = {.NumberOfElements = 1};
    SCATTER_GATHER_ELEMENT element = {.Length = plan->length};
    uint32_t first_offset = 0;
    NTSTATUS status = joint_check(adapter, plan, &first_offset);

    if (!NT_SUCCESS(status))
        return status;
    if (joint_registers(first_offset, plan->length) > ms_grant_registers(grant).count)
        return STATUS_INVALID_PARAMETER; /* the driver changed the chain while it waited */
    uint8_t *bytes = joint_bytes(adapter, grant, first_offset);
    if (plan->write_to_device)
        ms_mdl_copy_out(adapter->dma->memory, plan->head, plan->offset, bytes, plan->length);
    else
        memset(bytes, 0, plan->length); /* MRG-16 */
    element.Address.QuadPart =
        (LONGLONG)(ms_pool_la(adapter->pool, ms_grant_registers(grant).head).value + first_offset);
    memcpy((char *)plan->list + sizeof header, &element, sizeof element);
    memcpy(plan->list, &header, sizeof header);
    grant->head = plan->head;
    grant->offset = plan->offset;
    grant->mapped_bytes = plan->length;
    grant->bounced = ms_grant_registers(grant).count;
    grant->mapped_way = plan->write_to_device;
    if (!plan->write_to_device)
        grant->copied_registers = grant->bounced & 0xFFFFFF;
    return STATUS_SUCCESS;
}

/* MRG-18: the bytes begin where the first one lies in its page, which the element still says. */
static void joint_copy_back(struct ms_adapter *adapter, const struct ms_grant *grant,
                            const struct ms_list_plan *plan, uint32_t bytes)
{
    uint32_t first_offset;

    if (NT_SUCCESS(joint_check(adapter, plan, &first_offset)))
        ms_mdl_copy_in(adapter->dma->memory, plan->head, plan->offset,
                       joint_bytes(adapter, grant, first_offset), bytes);
}

/* --- granting and putting
 * -------------------------------------------------------------------------------------- */

/* The request can not be served although it was granted: the driver changed the chain. */
static IO_ALLOCATION_ACTION enter_fail(struct ms_adapter *adapter, struct ms_grant *grant,
                                       uint32_t serial, const struct ms_request *request,
                                       NTSTATUS status)
{
    struct ms_dma *dma = adapter->dma;
    struct ms_list *list = &dma->lists[ms_grant_index(dma, grant)];

    if (request) {
        *request->failed = status;
        ms_store_relaxed(&list->list, NULL); /* I1: the blocks stay with the requester */
    }
    ms_list_clear(dma, list);
    ms_channel_claim_list(dma, grant, serial);
    ms_channel_release_list(adapter, grant, serial);
    return DeallocateObject;
}

/* On a system adapter the list is what the channel is programmed with, and the channel stays owned
 * until the list is put (SGL-09). */
static NTSTATUS system_map(struct ms_adapter *adapter, struct ms_grant *grant,
                           const struct ms_list_plan *plan)
{
    uint32_t room =
        (uint32_t)(sizeof(SCATTER_GATHER_LIST) + plan->capacity * sizeof(SCATTER_GATHER_ELEMENT));
    ULONG length = plan->length;
    NTSTATUS status = ms_system_map(adapter, plan->head, grant, plan->offset, 0, &length,
                                    plan->write_to_device, plan->list, room, NULL, NULL);

    if (!NT_SUCCESS(status) || length == plan->length)
        return status;
    ms_system_flush(adapter, grant, 0);
    return STATUS_INSUFFICIENT_RESOURCES; /* SGL-10: the controller does not take all of it */
}

static NTSTATUS plan_map(struct ms_adapter *adapter, struct ms_grant *grant,
                         const struct ms_list_plan *plan)
{
    uint32_t length = plan->length;
    NTSTATUS status;

    grant->bounced = 0;
    if (plan->is_joint) {
        status = joint_map(adapter, grant, plan);
        return NT_SUCCESS(status) && adapter->controller
                   ? ms_system_start(adapter, grant, plan->list, length, plan->write_to_device)
                   : status;
    }
    if (adapter->controller)
        return system_map(adapter, grant, plan);
    status = ms_grant_map(adapter, grant, plan->head, plan->offset, &length, plan->write_to_device,
                          plan->list, plan->capacity);
    /* SGL-10: all or nothing */
    return NT_SUCCESS(status) && length < plan->length ? STATUS_INVALID_PARAMETER : status;
}

static IO_ALLOCATION_ACTION list_enter(struct ms_adapter *adapter, struct ms_grant *grant,
                                       uint32_t serial, const struct ms_request *request)
{
    struct ms_dma *dma = adapter->dma;
    struct ms_list_plan plan = dma->lists[ms_grant_index(dma, grant)].plan;
    NTSTATUS status = plan_map(adapter, grant, &plan);

    if (NT_SUCCESS(status)) {
        list_name_write(plan.list, ms_grant_base(dma, grant, serial));
        ms_store_release(&grant->mapping, MAPPING_MAPPED); /* hb:mapping */
    }
    /* The channel does what it will: others may free it from here on. */
    if (adapter->controller && ms_channel_entered(dma, grant, serial) && NT_SUCCESS(status))
        status = STATUS_CANCELLED; /* PUT-05 */
    if (!NT_SUCCESS(status))
        return enter_fail(adapter, grant, serial, request, status);
    if (request && request->made)
        *request->made = plan.list; /* SGX-08, SGX-18: before the routine */
    if (!plan.routine)
        return KeepObject; /* SGX-11 */
    /* From here on the list may be put, and the grant be another's (SGX-13). */
    plan.routine(grant->device, grant->irp, plan.list, grant->routine_context);
    return adapter->controller ? KeepObject : DeallocateObjectKeepRegisters; /* SGL-04, SGX-12 */
}

VOID HalPutScatterGatherList(PDMA_ADAPTER DmaAdapter, PSCATTER_GATHER_LIST ScatterGather,
                             BOOLEAN WriteToDevice)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);
    struct ms_dma *dma = adapter->dma;
    uint32_t serial;
    struct ms_grant *grant = ms_list_find(adapter, ScatterGather, &serial);

    (void)WriteToDevice; /* PSG-05 */
    if (!grant || !ms_channel_claim_list(dma, grant, serial))
        return; /* PSG-06 */
    struct ms_list *list = &dma->lists[ms_grant_index(dma, grant)];
    /* What it has of channel and registers is ours since the claim. Without them the mapping was discarded
     * (FRE-13). */
    union ms_grant_word word = ms_grant_look(grant);
    uint32_t bytes = grant->mapped_bytes;
    if (adapter->controller) /* SGL-09: it stops if it has not */
        bytes = word.owns ? ms_system_flush(adapter, grant, bytes) : 0;
    if (word.has && grant->copied_registers > 0) {
        if (list->plan.is_joint)
            joint_copy_back(adapter, grant, &list->plan, bytes);
        else
            ms_grant_copy_back(adapter, grant, bytes); /* PSG-04 */
    }
    ms_store_release(&grant->mapping, MAPPING_NONE); /* hb:mapping */
    ms_list_clear(dma, list);                        /* PSG-01, PSG-02 */
    ms_channel_release_list(adapter, grant, serial);
}

/* --- requests
 * --------------------------------------------------------------------------------------------------
 */

/* What a request brings its list with: a buffer of the driver's, or nothing. */
struct list_room {
    PVOID buffer; /* NULL: the system allocates (SGL-02) */
    ULONG bytes;
};

/* Checks what the list needs against what there is, and takes memory for it (SGX-19, SGL-11). */
static NTSTATUS plan_room(struct ms_adapter *adapter, struct ms_list_plan *plan,
                          const struct ms_sg_measure *need, const struct list_room *room)
{
    uint64_t bytes = ms_list_bytes(need->elements);

    if (room->buffer && room->bytes < bytes)
        return STATUS_BUFFER_TOO_SMALL; /* SGL-11, SGX-09 */
    if (need->registers > adapter->map_registers)
        return STATUS_INSUFFICIENT_RESOURCES; /* SGL-05, SGX-16 */
    plan->is_ours = room->buffer == NULL;
    plan->list = room->buffer ? room->buffer : ms_list_store_take(&adapter->dma->store, bytes);
    plan->capacity = need->elements;
    return plan->list ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

static void plan_undo(struct ms_dma *dma, const struct ms_list_plan *plan)
{
    if (plan->is_ours && plan->list)
        ms_list_store_give(&dma->store, plan->list);
    if (plan->shadow)
        ms_list_store_give(&dma->store, plan->shadow);
}

bool ms_mdl_offset_of(const MDL *mdl, const void *address, uint64_t *offset)
{
    *offset = (uintptr_t)address - (uintptr_t)MmGetMdlVirtualAddress(mdl);
    return *offset < mdl->ByteCount; /* below the start wraps to a huge offset */
}

static uint64_t mdl_bytes(const MDL *mdl)
{
    return sizeof(MDL) + ms_mdl_pages(mdl) * sizeof(PFN_NUMBER);
}

/* The chain, copied into a block of ours, with its last MDL stretched by `excess` bytes: the rest of
 * a page that the driver may name beyond its buffer (AMB-06, CSG-12). */
static NTSTATUS plan_stretch(struct ms_dma *dma, struct ms_list_plan *plan, uint64_t excess)
{
    struct ms_mdl_cursor at = {.mdl = plan->head, .base = 0};
    PMDL *link = &plan->head;
    uint64_t bytes = 0;
    MDL *copy = NULL;

    for (uint64_t next = 0; ms_mdl_cursor_seek(&at, next); next = at.base + at.mdl->ByteCount)
        bytes += mdl_bytes(at.mdl);
    plan->shadow = ms_list_store_take(&dma->store, bytes);
    if (!plan->shadow)
        return STATUS_INSUFFICIENT_RESOURCES;
    char *place = plan->shadow;
    at = (struct ms_mdl_cursor){.mdl = plan->head, .base = 0};
    for (uint64_t next = 0; ms_mdl_cursor_seek(&at, next); next = at.base + at.mdl->ByteCount) {
        copy = (MDL *)(void *)place;
        memcpy(copy, at.mdl, mdl_bytes(at.mdl));
        copy->Next = NULL;
        *link = copy;
        link = &copy->Next;
        place += mdl_bytes(copy);
    }
    ms_assert(copy != NULL); /* an empty chain has no page to lie in */
    copy->ByteCount += (ULONG)excess;
    return STATUS_SUCCESS;
}

/* How far [offset, offset + length) leaves the chain: 0 or bytes of its last page; false: farther.
 */
static bool range_excess(PMDL head, uint64_t offset, uint64_t length, uint64_t *excess)
{
    struct ms_mdl_cursor at = {.mdl = head, .base = 0};
    struct ms_mdl_cursor last = at;

    *excess = 0;
    if (length == 0 || ms_mdl_cursor_seek(&at, offset + length - 1))
        return true;
    if (at.base == 0 || !ms_mdl_cursor_seek(&last, at.base - 1))
        return false;
    uint64_t end = ((uint64_t)last.mdl->ByteOffset + last.mdl->ByteCount) % MS_PAGE_BYTES;
    *excess = offset + length - at.base;
    return *excess <= (MS_PAGE_BYTES - end) % MS_PAGE_BYTES; /* CSG-12 */
}

/* All of the range lies in one MDL. */
static bool range_is_one_part(PMDL head, uint64_t offset, uint64_t length)
{
    struct ms_mdl_cursor at = {.mdl = head, .base = 0};

    return ms_mdl_cursor_seek(&at, offset) && length <= at.mdl->ByteCount - (offset - at.base);
}

/* What a version-1 or -2 list needs; without scatter/gather one element in one run of registers. */
static NTSTATUS plan_measure_v1(struct ms_adapter *adapter, struct ms_list_plan *plan,
                                struct ms_sg_measure *need)
{
    const struct ms_sg_limits *limits = &adapter->builder.limits;
    struct ms_mdl_cursor at = {.mdl = plan->head, .base = 0};
    NTSTATUS status = ms_sg_measure(&adapter->builder, at, plan->offset, plan->length, need);
    uint32_t first_offset = 0;

    if (!NT_SUCCESS(status))
        return status;
    /* A list that waits can not be refused later, so what may turn out not to be one is none (SGL-10). */
    if (!adapter->is_packet)
        return need->exceeds || need->elements > limits->elements_max ||
                       (limits->never_bounce && need->registers > 0) /* MTX-61 */
                   ? STATUS_INSUFFICIENT_RESOURCES
                   : STATUS_SUCCESS;
    if (plan->length > limits->element_bytes_max || plan->length % limits->unit != 0)
        return STATUS_INSUFFICIENT_RESOURCES; /* SGL-10: no element is that (SGE-06, SGE-09) */
    if (need->elements == 1 && need->registers == 0 &&
        range_is_one_part(plan->head, plan->offset, plan->length))
        return status;
    if (limits->never_bounce)
        return STATUS_INSUFFICIENT_RESOURCES; /* MTX-61 */
    status = joint_check(adapter, plan, &first_offset);
    if (!NT_SUCCESS(status))
        return status;
    if (joint_crosses(limits, first_offset, plan->length))
        return STATUS_INSUFFICIENT_RESOURCES; /* SGL-10, SGE-06 */
    plan->is_joint = true;                    /* SGL-08 */
    need->elements = 1;
    need->registers = joint_registers(first_offset, plan->length);
    return STATUS_SUCCESS;
}

static NTSTATUS plan_make_v1(struct ms_adapter *adapter, struct ms_list_plan *plan,
                             const void *current_va, const struct list_room *room,
                             uint32_t *registers)
{
    struct ms_sg_measure need;
    uint64_t excess;
    NTSTATUS status;

    if (!ms_mdl_offset_of(plan->head, current_va, &plan->offset) ||
        !range_excess(plan->head, plan->offset, plan->length, &excess))
        return STATUS_BUFFER_TOO_SMALL; /* SGL-12, CSG-12 */
    if (excess > 0) {
        status = plan_stretch(adapter->dma, plan, excess);
        if (!NT_SUCCESS(status))
            return status;
    }
    status = plan_measure_v1(adapter, plan, &need);
    if (!NT_SUCCESS(status))
        return status;
    *registers = need.registers;
    return plan_room(adapter, plan, &need, room);
}

static NTSTATUS list_request_v1(struct ms_adapter *adapter, PDEVICE_OBJECT device,
                                struct ms_list_plan *plan, const void *current_va, PVOID context,
                                const struct list_room *room)
{
    NTSTATUS failed = STATUS_SUCCESS;
    struct ms_request request = {
        .adapter = adapter,
        .device = device,
        .routine_context = context,
        .enter = list_enter,
        .list = plan,
        .failed = &failed,
    };
    NTSTATUS status;

    if (!device || !plan->head || !plan->routine || plan->length == 0)
        return STATUS_INVALID_PARAMETER;
    if (adapter->controller && adapter->dma->config.other.refuse_system_list)
        return STATUS_INVALID_PARAMETER; /* AMB-27 */
    status = plan_make_v1(adapter, plan, current_va, room, &request.registers);
    if (NT_SUCCESS(status))
        status = ms_channel_allocate_async(&request);
    if (!NT_SUCCESS(status))
        plan_undo(adapter->dma, plan);
    return status;
}

NTSTATUS HalGetScatterGatherList(PDMA_ADAPTER DmaAdapter, PDEVICE_OBJECT DeviceObject, PMDL Mdl,
                                 PVOID CurrentVa, ULONG Length,
                                 PDRIVER_LIST_CONTROL ExecutionRoutine, PVOID Context,
                                 BOOLEAN WriteToDevice)
{
    struct ms_list_plan plan = {
        .head = Mdl,
        .length = Length,
        .routine = ExecutionRoutine,
        .write_to_device = WriteToDevice != 0,
    };
    struct list_room room = {.buffer = NULL};

    return list_request_v1(ms_adapter_from(DmaAdapter), DeviceObject, &plan, CurrentVa, Context,
                           &room);
}

NTSTATUS HalBuildScatterGatherList(PDMA_ADAPTER DmaAdapter, PDEVICE_OBJECT DeviceObject, PMDL Mdl,
                                   PVOID CurrentVa, ULONG Length,
                                   PDRIVER_LIST_CONTROL ExecutionRoutine, PVOID Context,
                                   BOOLEAN WriteToDevice, PVOID ScatterGatherBuffer,
                                   ULONG ScatterGatherLength)
{
    struct ms_list_plan plan = {
        .head = Mdl,
        .length = Length,
        .routine = ExecutionRoutine,
        .write_to_device = WriteToDevice != 0,
    };
    struct list_room room = {.buffer = ScatterGatherBuffer, .bytes = ScatterGatherLength};

    if (!ScatterGatherBuffer)
        return STATUS_INVALID_PARAMETER;
    return list_request_v1(ms_adapter_from(DmaAdapter), DeviceObject, &plan, CurrentVa, Context,
                           &room);
}

/* A version-3 request, after its flags and pointers were checked. */
static NTSTATUS list_request_v3(struct ms_request *request, struct ms_list_plan *plan,
                                bool synchronous, const struct list_room *room)
{
    struct ms_adapter *adapter = request->adapter;
    struct ms_mdl_cursor at = {.mdl = plan->head, .base = 0};
    struct ms_sg_measure need;
    NTSTATUS status = ms_context_check(adapter->dma, request->context);

    if (!NT_SUCCESS(status))
        return status; /* SGX-17, TCX-16, TCX-17 */
    status = ms_sg_measure(&adapter->builder, at, plan->offset, plan->length, &need);
    if (!NT_SUCCESS(status))
        return status; /* SGX-03 */
    if (need.exceeds)
        return STATUS_INSUFFICIENT_RESOURCES; /* SGL-10, SGX-16: no list describes all of it */
    status = plan_room(adapter, plan, &need, room);
    if (!NT_SUCCESS(status))
        return status;
    request->registers = need.registers;
    request->unowned = adapter->dma->config.other.fast_lists && synchronous && !plan->routine &&
                       need.registers == 0; /* ACX-24 */
    return synchronous ? ms_channel_allocate_sync(request) : ms_channel_allocate_async(request);
}

static NTSTATUS list_request_ex(struct ms_adapter *adapter, PDEVICE_OBJECT device, PVOID context,
                                struct ms_list_plan *plan, ULONG flags, PVOID routine_context,
                                PSCATTER_GATHER_LIST *made, const struct list_room *room)
{
    bool synchronous = (flags & DMA_SYNCHRONOUS_CALLBACK) != 0;
    NTSTATUS failed = STATUS_SUCCESS;
    struct ms_request request = {
        .adapter = adapter,
        .device = device,
        .context = context,
        .routine_context = routine_context,
        .enter = list_enter,
        .list = plan,
        .made = made,
        .failed = &failed,
    };
    NTSTATUS status = STATUS_INVALID_PARAMETER;

    if (device && !adapter->controller && /* SGX-02 */
        plan->head && plan->length > 0 && /* SGX-03 */
        ms_flags_are_known(adapter->dma, flags) &&
        (plan->routine || (synchronous && made))) /* SGX-05 */
        status = list_request_v3(&request, plan, synchronous, room);
    if (NT_SUCCESS(status))
        return status;
    plan_undo(adapter->dma, plan);
    return synchronous ? ms_channel_sync_failed(adapter, status) : status;
}

NTSTATUS HalGetScatterGatherListEx(PDMA_ADAPTER DmaAdapter, PDEVICE_OBJECT DeviceObject,
                                   PVOID DmaTransferContext, PMDL Mdl, ULONGLONG Offset,
                                   ULONG Length, ULONG Flags, PDRIVER_LIST_CONTROL ExecutionRoutine,
                                   PVOID Context, BOOLEAN WriteToDevice,
                                   PDMA_COMPLETION_ROUTINE DmaCompletionRoutine,
                                   PVOID CompletionContext, PSCATTER_GATHER_LIST *ScatterGatherList)
{
    struct ms_list_plan plan = {
        .head = Mdl,
        .offset = Offset,
        .length = Length,
        .routine = ExecutionRoutine,
        .write_to_device = WriteToDevice != 0,
    };
    struct list_room room = {.buffer = NULL};

    (void)DmaCompletionRoutine, (void)CompletionContext; /* SGX-07 */
    return list_request_ex(ms_adapter_from(DmaAdapter), DeviceObject, DmaTransferContext, &plan,
                           Flags, Context, ScatterGatherList, &room);
}

NTSTATUS HalBuildScatterGatherListEx(
    PDMA_ADAPTER DmaAdapter, PDEVICE_OBJECT DeviceObject, PVOID DmaTransferContext, PMDL Mdl,
    ULONGLONG Offset, ULONG Length, ULONG Flags, PDRIVER_LIST_CONTROL ExecutionRoutine,
    PVOID Context, BOOLEAN WriteToDevice, PVOID ScatterGatherBuffer, ULONG ScatterGatherLength,
    PDMA_COMPLETION_ROUTINE DmaCompletionRoutine, PVOID CompletionContext, PVOID ScatterGatherList)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);
    struct ms_list_plan plan = {
        .head = ScatterGatherBuffer ? Mdl : NULL, /* no buffer is as bad as no chain */
        .offset = Offset,
        .length = Length,
        .routine = ExecutionRoutine,
        .write_to_device = WriteToDevice != 0,
    };
    struct list_room room = {.buffer = ScatterGatherBuffer, .bytes = ScatterGatherLength};

    (void)DmaCompletionRoutine, (void)CompletionContext; /* SGX-07 */
    return list_request_ex(adapter, DeviceObject, DmaTransferContext, &plan, Flags, Context,
                           (PSCATTER_GATHER_LIST *)ScatterGatherList, &room); /* AMB-61 */
}

/* --- how big a list may get
 * ------------------------------------------------------------------------------------ */

/* Pages that [offset, offset + length) spans, summed over the chain's MDLs (CSG-07). */
static uint64_t chain_pages(PMDL head, uint64_t offset, uint64_t length)
{
    struct ms_mdl_cursor at = {.mdl = head, .base = 0};
    uint64_t end = offset + length;
    uint64_t pages = 0;

    while (offset < end && ms_mdl_cursor_seek(&at, offset)) {
        uint64_t bytes = ms_min_u64(at.mdl->ByteCount - (offset - at.base), end - offset);
        uint64_t first = (at.mdl->ByteOffset + (offset - at.base)) % MS_PAGE_BYTES;
        pages += (first + bytes + MS_PAGE_BYTES - 1) >> MS_PAGE_SHIFT;
        offset += bytes;
    }
    return pages; /* an excess that is left lies in the last page, which is counted */
}

NTSTATUS HalCalculateScatterGatherList(PDMA_ADAPTER DmaAdapter, PMDL Mdl, PVOID CurrentVa,
                                       ULONG Length, PULONG ScatterGatherListSize,
                                       PULONG NumberOfMapRegisters)
{
    struct ms_adapter *adapter = ms_adapter_from(DmaAdapter);
    uint64_t offset, excess, pages;

    if (!ScatterGatherListSize)
        return STATUS_INVALID_PARAMETER;
    if (!Mdl) {
        pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(CurrentVa, Length); /* CSG-04, CSG-05 */
    } else {
        if (!ms_mdl_offset_of(Mdl, CurrentVa, &offset) ||
            !range_excess(Mdl, offset, Length, &excess))
            return STATUS_BUFFER_TOO_SMALL; /* CSG-03, CSG-11, CSG-12 */
        pages = chain_pages(Mdl, offset, Length);
    }
    if (adapter->pool && pages > adapter->map_registers)
        return STATUS_INSUFFICIENT_RESOURCES; /* CSG-03, CSG-10 */
    /* CSG-09; room for every list of these pages (CSG-02, SGE-11) */
    *ScatterGatherListSize = (ULONG)ms_min_u64(
        ms_list_bytes(pages * ms_sg_elements_of_page(&adapter->builder.limits)), MAXULONG);
    if (NumberOfMapRegisters)
        *NumberOfMapRegisters = (ULONG)pages;
    return STATUS_SUCCESS;
}
