/* SPDX-License-Identifier: MIT */
/*
 * misuse_levels.h: calls from where no driver may make them, above DISPATCH_LEVEL, and common buffers of any length and
 * alignment: told, or refused, once, and done as always otherwise. Included by misuse_fuzz.c, once.
 */
#ifndef FUZZ_MISUSE_LEVELS_H
#define FUZZ_MISUSE_LEVELS_H

enum { DEVICE_LEVEL = 5, BYTES_MAX = 0x10000 };

/* The calls of a transfer, in their order. */
static void level_call(uint32_t call, WDFDMATRANSACTION *trx)
{
    ULONG registers, elements;
    NTSTATUS status;

    switch (call) {
    case 0:
        (void)WdfDmaTransactionCreate(k.other, NULL, trx);
        break;
    case 1:
        WdfDmaTransactionSetSingleTransferRequirement(*trx, FALSE);
        break;
    case 2: /* refused, for its direction: nobody is to be called back up there */
        (void)WdfDmaTransactionAllocateResources(*trx, (WDF_DMA_DIRECTION)7, 1, on_reserve, NULL);
        break;
    case 3:
        (void)WdfDmaTransactionInitializeUsingOffset(
            *trx, on_program, WdfDmaDirectionReadFromDevice, k.mdl[SLOTS], 0, FRAGMENT);
        break;
    case 4:
        WdfDmaTransactionGetTransferInfo(*trx, &registers, &elements);
        break;
    case 5:
        WdfDmaTransactionSetMaximumLength(*trx, BYTES);
        break;
    case 6:
        WdfDmaTransactionSetImmediateExecution(*trx, FALSE);
        break;
    case 7:
        (void)WdfDmaTransactionWdmGetTransferContext(*trx);
        break;
    case 8:
        (void)WdfDmaTransactionGetDevice(*trx);
        break;
    case 9:
        (void)WdfDmaTransactionGetRequest(*trx);
        break;
    case 10:
        WdfDmaTransactionFreeResources(*trx); /* behaves as Release (RES-14) */
        break;
    case 11:
        (void)WdfDmaTransactionInitialize(*trx, on_program, WdfDmaDirectionReadFromDevice,
                                          k.mdl[SLOTS], MmGetMdlVirtualAddress(k.mdl[SLOTS]),
                                          FRAGMENT);
        break;
    case 12:
        (void)WdfDmaTransactionCancel(*trx); /* too early (CAN-12) */
        break;
    case 13:
        (void)WdfDmaTransactionGetBytesTransferred(*trx);
        break;
    case 14:
        (void)WdfDmaTransactionGetCurrentDmaTransferLength(*trx);
        break;
    case 15:
        (void)WdfDmaTransactionDmaCompletedFinal(*trx, 0, &status);
        break;
    default:
        (void)WdfDmaTransactionRelease(*trx);
        break;
    }
}

enum {
    CREATE_CALL,
    FIRST_INITIALIZE = 3,
    FREE_CALL = 10,
    INITIALIZE_AGAIN,
    REPORT_CALL = 15,
    LEVEL_CALLS = 17
};

/* One call from up there; what has to come before it, and after it, comes from where it may. */
static void do_level(uint8_t operand)
{
    uint32_t above = operand % LEVEL_CALLS;
    uint32_t before = above > INITIALIZE_AGAIN                         ? INITIALIZE_AGAIN
                      : above > FIRST_INITIALIZE && above <= FREE_CALL ? FIRST_INITIALIZE
                                                                       : above;
    WDFDMATRANSACTION trx = k.extra;

    if (before != above)
        level_call(before, &trx);
    if (above == REPORT_CALL)
        expect_status(WdfDmaTransactionExecute(trx, NULL), STATUS_SUCCESS, "Execute");
    KIRQL level = KfRaiseIrql(DEVICE_LEVEL);
    level_call(above, &trx);
    KeLowerIrql(level);
    expect_of(above == CREATE_CALL ? (const void *)k.other : (const void *)trx, MS_RULE_WDF_IRQL,
              "a call above DISPATCH_LEVEL");
    if (above == CREATE_CALL)
        WdfObjectDelete(trx);
    else
        (void)WdfDmaTransactionRelease(trx);
    expect(NO_RULE, "what follows it");
}

/* KCB-01 .. KCB-04: one that no number holds is no short one. */
static void do_common(uint8_t operand)
{
    static const ULONG masks[8] = {0, 63,     PAGE_SIZE - 1, 2 * PAGE_SIZE - 1,
                                   5, 0xFFFF, 0x7FFFFFFF,    UINT32_MAX};
    size_t mask = masks[operand & 7];
    const size_t lengths[8] = {0,
                               1,
                               FRAGMENT,
                               PAGE_SIZE + 1,
                               SIZE_MAX,
                               SIZE_MAX - mask + 1,
                               SIZE_MAX - PAGE_SIZE + 1,
                               (size_t)UINT32_MAX + 1};
    size_t length = lengths[operand >> 3 & 7];
    WDF_COMMON_BUFFER_CONFIG config;
    WDFCOMMONBUFFER buffer = NULL;

    WDF_COMMON_BUFFER_CONFIG_INIT(&config, (ULONG)mask);
    NTSTATUS status = WdfCommonBufferCreateWithConfig(k.other, length, &config, NULL, &buffer);
    expect(NO_RULE, "WdfCommonBufferCreateWithConfig");
    expect_status(status,
                  length == 0 || mask == 5                 ? STATUS_INVALID_PARAMETER
                  : length > BYTES_MAX || mask > BYTES_MAX ? STATUS_INSUFFICIENT_RESOURCES
                                                           : STATUS_SUCCESS,
                  "WdfCommonBufferCreateWithConfig");
    if (!NT_SUCCESS(status) && buffer)
        ms_sim_fail("O7 a buffer that was refused", "%zu bytes", length);
    if (!NT_SUCCESS(status))
        return;
    if (WdfCommonBufferGetLength(buffer) != length ||
        ((uint64_t)WdfCommonBufferGetAlignedLogicalAddress(buffer).QuadPart & mask) != 0)
        ms_sim_fail("O5 a common buffer is not aligned, or of another length", "mask %zx", mask);
    memset(WdfCommonBufferGetAlignedVirtualAddress(buffer), 1, length);
    WdfObjectDelete(buffer);
    expect(NO_RULE, "WdfObjectDelete of a common buffer");
}

#endif
