/* SPDX-License-Identifier: MIT */
/*
 * wdm_registers.h: device registers in memory space. Included by wdm.h.
 *
 * MmMapIoSpace answers for the registers that somebody gave to the machine (ms_machine_add_registers in
 * mapstorm.h). What it returns is a token: the routines below take it to the device's model, and any other
 * access faults at once. Where the device has plain memory instead, it is that memory.
 */
#ifndef MS_WDM_REGISTERS_H
#define MS_WDM_REGISTERS_H

#ifndef MS_WDM_H
#error "include wdm.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Lock-free. IRQL <= DISPATCH_LEVEL. NULL: no device has registers at all of these addresses, or there is
 * nothing to map them with. */
PVOID MmMapIoSpace(_In_ PHYSICAL_ADDRESS PhysicalAddress, _In_ SIZE_T NumberOfBytes,
                   _In_ MEMORY_CACHING_TYPE CacheType);
/* `Protect`: PAGE_READWRITE or PAGE_READONLY, with PAGE_NOCACHE or PAGE_WRITECOMBINE; NULL for any other. */
PVOID MmMapIoSpaceEx(_In_ PHYSICAL_ADDRESS PhysicalAddress, _In_ SIZE_T NumberOfBytes,
                     _In_ ULONG Protect);
/* Of a pair that MmMapIoSpace returned and was called with; any other is reported and nothing changes. */
VOID MmUnmapIoSpace(_In_ PVOID BaseAddress, _In_ SIZE_T NumberOfBytes);

#define PAGE_READONLY     0x02
#define PAGE_READWRITE    0x04
#define PAGE_NOCACHE      0x200
#define PAGE_WRITECOMBINE 0x400

/* One access of that width, on this thread, at any IRQL, in program order with all memory accesses around it
 * (as a register in uncached memory has it). A token that is not mapped, or a width that leaves it: reported; all
 * ones are read, nothing is written. An address outside all tokens is memory, accessed as volatile. */
UCHAR READ_REGISTER_UCHAR(_In_ volatile UCHAR *Register);
USHORT READ_REGISTER_USHORT(_In_ volatile USHORT *Register);
ULONG READ_REGISTER_ULONG(_In_ volatile ULONG *Register);
ULONG64 READ_REGISTER_ULONG64(_In_ volatile ULONG64 *Register);
VOID WRITE_REGISTER_UCHAR(_In_ volatile UCHAR *Register, _In_ UCHAR Value);
VOID WRITE_REGISTER_USHORT(_In_ volatile USHORT *Register, _In_ USHORT Value);
VOID WRITE_REGISTER_ULONG(_In_ volatile ULONG *Register, _In_ ULONG Value);
VOID WRITE_REGISTER_ULONG64(_In_ volatile ULONG64 *Register, _In_ ULONG64 Value);

/* `Count` accesses of that width, to addresses that follow each other. */
VOID READ_REGISTER_BUFFER_UCHAR(_In_ volatile UCHAR *Register, _Out_writes_(Count) PUCHAR Buffer,
                                _In_ ULONG Count);
VOID READ_REGISTER_BUFFER_USHORT(_In_ volatile USHORT *Register, _Out_writes_(Count) PUSHORT Buffer,
                                 _In_ ULONG Count);
VOID READ_REGISTER_BUFFER_ULONG(_In_ volatile ULONG *Register, _Out_writes_(Count) PULONG Buffer,
                                _In_ ULONG Count);
VOID READ_REGISTER_BUFFER_ULONG64(_In_ volatile ULONG64 *Register,
                                  _Out_writes_(Count) PULONGLONG Buffer, _In_ ULONG Count);
VOID WRITE_REGISTER_BUFFER_UCHAR(_In_ volatile UCHAR *Register, _In_reads_(Count) PUCHAR Buffer,
                                 _In_ ULONG Count);
VOID WRITE_REGISTER_BUFFER_USHORT(_In_ volatile USHORT *Register, _In_reads_(Count) PUSHORT Buffer,
                                  _In_ ULONG Count);
VOID WRITE_REGISTER_BUFFER_ULONG(_In_ volatile ULONG *Register, _In_reads_(Count) PULONG Buffer,
                                 _In_ ULONG Count);
VOID WRITE_REGISTER_BUFFER_ULONG64(_In_ volatile ULONG64 *Register,
                                   _In_reads_(Count) PULONGLONG Buffer, _In_ ULONG Count);

#ifdef __cplusplus
}
#endif

#endif
