/* SPDX-License-Identifier: MIT */
/*
 * user: the smallest driver. A device that reaches 4 GiB writes into a buffer whose last page lies
 * above: that page goes through a map register, and after the flush every byte is in place.
 */
#include <mapstorm.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    static const PFN_NUMBER pages[] = {0x4000, 0x4001, 0x200000}; /* the last one at 8 GiB */
    DEVICE_DESCRIPTION device = {
        .Version = DEVICE_DESCRIPTION_VERSION3,
        .Master = TRUE,
        .ScatterGather = TRUE,
        .MaximumLength = 64 * 1024,
        .DmaAddressWidth = 32,
    };
    struct ms_machine *machine = ms_machine_create(NULL, NULL);
    if (!machine)
        return 1;
    ms_machine_enter(machine);

    ULONG registers, length = 2 * PAGE_SIZE + 500;
    PDMA_ADAPTER adapter = IoGetDmaAdapter(ms_machine_pdo(machine), &device, &registers);
    const DMA_OPERATIONS *dma = adapter->DmaOperations;
    struct ms_buffer *buffer = ms_buffer_create(machine, pages, 100, length);
    PMDL mdl = ms_buffer_mdl(buffer);

    char context[DMA_TRANSFER_CONTEXT_SIZE_V1];
    union {
        SCATTER_GATHER_LIST list;
        char room[16 + 8 * sizeof(SCATTER_GATHER_ELEMENT)];
    } sg;
    PVOID base;
    dma->InitializeDmaTransferContext(adapter, context);
    dma->AllocateAdapterChannelEx(adapter, ms_machine_pdo(machine), context, 3,
                                  DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &base);
    NTSTATUS status = dma->MapTransferEx(adapter, mdl, base, 0, 0, &length, FALSE, &sg.list,
                                         sizeof sg, NULL, NULL);

    char data[3 * PAGE_SIZE];
    memset(data, 0x5A, sizeof data);
    ms_device_write_list(machine, 32, &sg.list, data, length);
    dma->FlushAdapterBuffersEx(adapter, mdl, base, 0, length, FALSE);
    int same = memcmp(ms_buffer_bytes(buffer), data, length) == 0;
    printf("status 0x%08X, %u bytes in %u elements, bytes %s\n", (unsigned)status, (unsigned)length,
           (unsigned)sg.list.NumberOfElements, same ? "in place" : "wrong");

    dma->FreeAdapterChannel(adapter);
    dma->PutDmaAdapter(adapter);
    ms_buffer_destroy(buffer);
    int whole = ms_machine_audit(machine);
    ms_machine_leave();
    ms_machine_destroy(machine);
    return NT_SUCCESS(status) && same && whole ? 0 : 1;
}
