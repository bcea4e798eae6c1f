/* SPDX-License-Identifier: MIT */
/*
 * request_api: what drivers ask about a request: its parameters, buffers and MDLs.
 */
#include "wdf/queue.h"

VOID WdfRequestSetInformation(WDFREQUEST Request, ULONG_PTR Information)
{
    struct ms_request *request = ms_object_take(Request, MS_OBJECT_REQUEST);

    if (!request)
        return;
    request->information = Information; /* REQ-10: kept until it is completed */
    ms_object_drop(&request->object);
}

ULONG_PTR WdfRequestGetInformation(WDFREQUEST Request)
{
    struct ms_request *request = ms_object_take(Request, MS_OBJECT_REQUEST);
    ULONG_PTR information;

    if (!request)
        return 0;
    information = request->information;
    ms_object_drop(&request->object);
    return information;
}

NTSTATUS WdfRequestGetStatus(WDFREQUEST Request)
{
    struct ms_request *request = ms_object_take_dying(Request, MS_OBJECT_REQUEST);
    NTSTATUS status;

    if (!request)
        return STATUS_INVALID_PARAMETER;
    status = request->status;
    ms_object_drop(&request->object);
    return status;
}

VOID WdfRequestGetParameters(WDFREQUEST Request, PWDF_REQUEST_PARAMETERS Parameters)
{
    struct ms_request *request = ms_object_take(Request, MS_OBJECT_REQUEST);

    if (!request)
        return;
    const struct ms_io *io = &request->io;
    Parameters->Type = io->type;
    Parameters->MinorFunction = 0;
    switch (ms_request_way(request)) {
    case MS_IO_READ:
    case MS_IO_WRITE: /* one layout for both */
        Parameters->Parameters.Read.Length = io->length;
        Parameters->Parameters.Read.Key = 0;
        Parameters->Parameters.Read.DeviceOffset = 0;
        break;
    default:
        Parameters->Parameters.DeviceIoControl.OutputBufferLength = io->output_length;
        Parameters->Parameters.DeviceIoControl.InputBufferLength = io->input_length;
        Parameters->Parameters.DeviceIoControl.IoControlCode = io->control_code;
        Parameters->Parameters.DeviceIoControl.Type3InputBuffer = NULL;
        break;
    }
    ms_object_drop(&request->object);
}

PIRP WdfRequestWdmGetIrp(WDFREQUEST Request)
{
    struct ms_request *request = ms_object_from(Request, MS_OBJECT_REQUEST);

    return request ? &request->irp : NULL;
}

WDFQUEUE WdfRequestGetIoQueue(WDFREQUEST Request)
{
    struct ms_request *request = ms_object_from(Request, MS_OBJECT_REQUEST);

    if (!request)
        return NULL;
    /* Relaxed: a handle, and who has the request was told of it behind the forwarding. */
    return (WDFQUEUE)(uintptr_t)ms_load_relaxed(&request->queue);
}

/* --- buffers (REQ-15) --- */

struct buffer {
    PMDL mdl;    /* NULL: there is none */
    PVOID bytes; /* NULL: behind the MDL */
    size_t length;
};

static bool is_direct(const struct ms_io *io)
{
    ULONG method = METHOD_FROM_CTL_CODE(io->control_code);

    return method == METHOD_IN_DIRECT || method == METHOD_OUT_DIRECT;
}

/* What the driver reads of it (`output` false) or writes; false: the wrong direction. */
static bool buffer_of(const struct ms_request *request, bool output, struct buffer *buffer)
{
    const struct ms_io *io = &request->io;

    switch (ms_request_way(request)) {
    case MS_IO_READ:
        *buffer = (struct buffer){io->mdl, NULL, io->length};
        return output;
    case MS_IO_WRITE:
        *buffer = (struct buffer){io->mdl, NULL, io->length};
        return !output;
    case MS_IO_CONTROL:
    case MS_IO_INTERNAL:
        if (output && is_direct(io))
            *buffer = (struct buffer){io->mdl, NULL, io->output_length};
        else
            *buffer = (struct buffer){io->system_mdl, io->system_buffer,
                                      output ? io->output_length : io->input_length};
        return METHOD_FROM_CTL_CODE(io->control_code) != METHOD_NEITHER;
    default:
        return false;
    }
}

static NTSTATUS buffer_retrieve(WDFREQUEST handle, bool output, size_t minimum,
                                struct buffer *buffer)
{
    struct ms_request *request = ms_object_take(handle, MS_OBJECT_REQUEST);
    NTSTATUS status = STATUS_SUCCESS;

    if (!request)
        return STATUS_INVALID_PARAMETER; /* FTL-02 */
    if (!buffer_of(request, output, buffer))
        status = STATUS_INVALID_DEVICE_REQUEST;
    else if (buffer->length == 0 || buffer->length < minimum)
        status = STATUS_BUFFER_TOO_SMALL;
    ms_object_drop(&request->object);
    return status;
}

static NTSTATUS bytes_retrieve(WDFREQUEST handle, bool output, size_t minimum, PVOID *bytes,
                               size_t *length)
{
    struct buffer buffer;
    NTSTATUS status = buffer_retrieve(handle, output, minimum, &buffer);

    if (!NT_SUCCESS(status))
        return status;
    if (!buffer.bytes && buffer.mdl)
        buffer.bytes = MmGetSystemAddressForMdlSafe(buffer.mdl, NormalPagePriority);
    if (!buffer.bytes)
        return STATUS_INSUFFICIENT_RESOURCES;
    *bytes = buffer.bytes;
    if (length)
        *length = buffer.length;
    return STATUS_SUCCESS;
}

static NTSTATUS mdl_retrieve(WDFREQUEST handle, bool output, PMDL *mdl)
{
    struct buffer buffer;
    NTSTATUS status = buffer_retrieve(handle, output, 0, &buffer);

    if (!NT_SUCCESS(status))
        return status;
    if (!buffer.mdl)
        return STATUS_INSUFFICIENT_RESOURCES;
    *mdl = buffer.mdl;
    return STATUS_SUCCESS;
}

NTSTATUS WdfRequestRetrieveInputBuffer(WDFREQUEST Request, size_t MinimumRequiredLength,
                                       PVOID *Buffer, size_t *Length)
{
    return bytes_retrieve(Request, false, MinimumRequiredLength, Buffer, Length);
}

NTSTATUS WdfRequestRetrieveOutputBuffer(WDFREQUEST Request, size_t MinimumRequiredSize,
                                        PVOID *Buffer, size_t *Length)
{
    return bytes_retrieve(Request, true, MinimumRequiredSize, Buffer, Length);
}

NTSTATUS WdfRequestRetrieveInputWdmMdl(WDFREQUEST Request, PMDL *Mdl)
{
    return mdl_retrieve(Request, false, Mdl);
}

NTSTATUS WdfRequestRetrieveOutputWdmMdl(WDFREQUEST Request, PMDL *Mdl)
{
    return mdl_retrieve(Request, true, Mdl);
}
