/* SPDX-License-Identifier: MIT */
/*
 * common_buffer: WDFCOMMONBUFFER: memory that driver and device share, aligned (KCB-*).
 *
 * Progress    PASSIVE_LEVEL; the getters are wait-free
 */
#include "wdf/callback.h"
#include "wdf/enabler.h"

struct common_buffer {
    struct ms_object object;
    struct ms_enabler *enabler; /* const */
    size_t length;              /* const: as asked for */
    ULONG bytes;                /* const: as allocated */
    PVOID va;                   /* const: of the allocation */
    PHYSICAL_ADDRESS la;        /* const */
    size_t shift;               /* const: from there to the aligned start */
};

struct making {
    size_t length;
    ULONG mask; /* alignment - 1 */
};

/* KCB-02. PatternFill: what a device or driver did not write is no zero that somebody may rely on (KCB-06). */
enum { PATTERN = 0xCB };

static NTSTATUS buffer_fill(struct ms_object *object, struct ms_object *parent, void *context)
{
    struct common_buffer *buffer = (struct common_buffer *)object;
    const struct making *making = context;
    size_t more = making->mask > PAGE_SIZE - 1 ? making->mask : 0, bytes;
    PDMA_ADAPTER adapter;

    buffer->enabler = (struct ms_enabler *)parent;
    adapter = buffer->enabler->way[0].adapter; /* the read direction's */
    /* Each alone: their sum may wrap round. */
    if (making->length > UINT32_MAX - more || !ms_way_is_ready(&buffer->enabler->way[0]))
        return STATUS_INSUFFICIENT_RESOURCES;
    bytes = making->length + more;
    buffer->length = making->length;
    buffer->bytes = (ULONG)bytes;
    buffer->va =
        adapter->DmaOperations->AllocateCommonBuffer(adapter, buffer->bytes, &buffer->la, TRUE);
    if (!buffer->va)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (making->mask > PAGE_SIZE - 1) {
        uint64_t start = (uint64_t)buffer->la.QuadPart;
        buffer->shift = ((start + making->mask) & ~(uint64_t)making->mask) - start;
    }
    memset(buffer->va, PATTERN, bytes);
    return STATUS_SUCCESS;
}

/* KCB-05 */
static bool buffer_dispose(struct ms_object *object)
{
    struct common_buffer *buffer = (struct common_buffer *)object;
    PDMA_ADAPTER adapter = buffer->enabler->way[0].adapter;

    ms_irql_ask(PASSIVE_LEVEL, ms_object_handle(object));
    if (buffer->va)
        adapter->DmaOperations->FreeCommonBuffer(adapter, buffer->bytes, buffer->la, buffer->va,
                                                 TRUE);
    buffer->va = NULL;
    return true;
}

/* One that was never adopted still has it. */
static void buffer_destroy(struct ms_object *object)
{
    struct common_buffer *buffer = (struct common_buffer *)object;

    if (buffer->va)
        (void)buffer_dispose(object);
}

static const struct ms_object_ops buffer_ops = {
    .kind = MS_OBJECT_COMMON_BUFFER,
    .driver_may_delete = true,
    .dispose = buffer_dispose,
    .destroy = buffer_destroy,
};

static NTSTATUS buffer_create(WDFDMAENABLER handle, size_t length, const ULONG *alignment,
                              PWDF_OBJECT_ATTRIBUTES attributes, WDFCOMMONBUFFER *out)
{
    struct ms_enabler *enabler = ms_object_take((WDFOBJECT)handle, MS_OBJECT_ENABLER);
    struct making making = {.length = length};
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    struct ms_object *object;

    if (out)
        *out = NULL;
    if (!enabler)
        return status; /* FTL-02 */
    ms_irql_ask(PASSIVE_LEVEL, (WDFOBJECT)handle);
    if (!out) {
        ms_rule_break(MS_RULE_WDF_NULL, (uintptr_t)handle, 0);
        goto drop;
    }
    making.mask = alignment ? *alignment : enabler->alignment; /* ENB-16, KCB-04 */
    if (length == 0 || (making.mask & (making.mask + 1)) != 0)
        goto drop; /* KCB-01, KCB-04 */
    status = ms_object_make(&buffer_ops, sizeof(struct common_buffer), attributes,
                            MS_PARENT_FORBIDDEN, &enabler->object, buffer_fill, &making, &object);
    if (NT_SUCCESS(status))
        *out = (WDFCOMMONBUFFER)ms_object_made(object);
drop:
    ms_object_drop(&enabler->object);
    return status;
}

NTSTATUS WdfCommonBufferCreate(WDFDMAENABLER DmaEnabler, size_t Length,
                               PWDF_OBJECT_ATTRIBUTES Attributes, WDFCOMMONBUFFER *CommonBuffer)
{
    return buffer_create(DmaEnabler, Length, NULL, Attributes, CommonBuffer);
}

NTSTATUS WdfCommonBufferCreateWithConfig(WDFDMAENABLER DmaEnabler, size_t Length,
                                         PWDF_COMMON_BUFFER_CONFIG Config,
                                         PWDF_OBJECT_ATTRIBUTES Attributes,
                                         WDFCOMMONBUFFER *CommonBuffer)
{
    if (CommonBuffer)
        *CommonBuffer = NULL;
    if (!Config) {
        ms_rule_break(MS_RULE_WDF_NULL, (uintptr_t)DmaEnabler, 0);
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    }
    if (Config->Size != sizeof *Config)
        return STATUS_INFO_LENGTH_MISMATCH;
    return buffer_create(DmaEnabler, Length, &Config->AlignmentRequirement, Attributes,
                         CommonBuffer);
}

PVOID WdfCommonBufferGetAlignedVirtualAddress(WDFCOMMONBUFFER CommonBuffer)
{
    struct common_buffer *buffer = ms_object_take((WDFOBJECT)CommonBuffer, MS_OBJECT_COMMON_BUFFER);
    PVOID va;

    if (!buffer)
        return NULL;
    va = (char *)buffer->va + buffer->shift; /* KCB-03 */
    ms_object_drop(&buffer->object);
    return va;
}

PHYSICAL_ADDRESS WdfCommonBufferGetAlignedLogicalAddress(WDFCOMMONBUFFER CommonBuffer)
{
    struct common_buffer *buffer = ms_object_take((WDFOBJECT)CommonBuffer, MS_OBJECT_COMMON_BUFFER);
    PHYSICAL_ADDRESS la = {.QuadPart = 0};

    if (!buffer)
        return la;
    la.QuadPart = buffer->la.QuadPart + (LONGLONG)buffer->shift; /* KCB-03 */
    ms_object_drop(&buffer->object);
    return la;
}

size_t WdfCommonBufferGetLength(WDFCOMMONBUFFER CommonBuffer)
{
    struct common_buffer *buffer = ms_object_take((WDFOBJECT)CommonBuffer, MS_OBJECT_COMMON_BUFFER);
    size_t length;

    if (!buffer)
        return 0;
    length = buffer->length; /* KCB-03 */
    ms_object_drop(&buffer->object);
    return length;
}
