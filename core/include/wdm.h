/* SPDX-License-Identifier: MIT */
/*
 * wdm.h: what a driver that does DMA sees of Windows: types, structures, the DMA_OPERATIONS table
 * and the MDL macros, with exactly Windows' names, layouts, parameter order and values on x64.
 *
 * Linux is LP64 and Windows LLP64, so `long` appears nowhere. Every layout is asserted at the end.
 */
#ifndef MS_WDM_H
#define MS_WDM_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ntstatus.h"
#include "wdm_annotations.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- words of the language -------------------------------------------------------------------- */

#ifndef VOID
#define VOID void
#endif
#define CONST const
#define NTAPI
#define NTKERNELAPI
#define NTHALAPI
#define NTSYSAPI
#define IN
#define OUT
#define OPTIONAL
#define UNALIGNED
#define FORCEINLINE                 static inline __attribute__((always_inline))
#define INLINE                      inline
#define DECLSPEC_ALIGN(n)           __attribute__((aligned(n)))
#define DECLSPEC_NOINLINE           __attribute__((noinline))
#define UNREFERENCED_PARAMETER(p)   ((void)(p))
#define C_ASSERT(e)                 static_assert(e, #e)
#define FIELD_OFFSET(type, field)   ((LONG)offsetof(type, field))
#define RTL_FIELD_SIZE(type, field) (sizeof(((type *)0)->field))
#define RTL_NUMBER_OF(array)        (sizeof(array) / sizeof((array)[0]))
#define ARGUMENT_PRESENT(p)         ((p) != NULL)
#define CONTAINING_RECORD(address, type, field)                                                    \
    ((type *)(void *)((char *)(address)-offsetof(type, field)))
#ifdef __cplusplus
#define EXTERN_C       extern "C"
#define EXTERN_C_START extern "C" {
#define EXTERN_C_END   }
#else
#define EXTERN_C extern
#define EXTERN_C_START
#define EXTERN_C_END
#endif

/* --- types --- */

typedef char CHAR, CCHAR, *PCHAR;
typedef unsigned char UCHAR, BOOLEAN, *PUCHAR, *PBOOLEAN;
typedef UCHAR KIRQL, *PKIRQL;
typedef CHAR KPROCESSOR_MODE;
typedef int16_t SHORT, CSHORT, *PSHORT;
typedef uint16_t USHORT, WCHAR, *PUSHORT, *PWCHAR;
typedef int32_t LONG, INT, NTSTATUS, BOOL, *PLONG, *PNTSTATUS;
typedef uint32_t ULONG, UINT, NODE_REQUIREMENT, DEVICE_TYPE, *PULONG;
typedef int64_t LONGLONG, LONG64, *PLONGLONG;
typedef uint64_t ULONGLONG, ULONG64, *PULONGLONG;
typedef uint64_t ULONG_PTR, SIZE_T, PFN_NUMBER, KAFFINITY, *PULONG_PTR, *PSIZE_T, *PPFN_NUMBER;
typedef int64_t LONG_PTR, SSIZE_T;
typedef void *PVOID, *HANDLE, **PHANDLE;

#define TRUE         1
#define FALSE        0
#define MAXULONG     0xFFFFFFFFu
#define MAXULONGLONG 0xFFFFFFFFFFFFFFFFull

#define NT_SUCCESS(status)     ((NTSTATUS)(status) >= 0)
#define NT_INFORMATION(status) (((uint32_t)(status) >> 30) == 1)
#define NT_WARNING(status)     (((uint32_t)(status) >> 30) == 2)
#define NT_ERROR(status)       (((uint32_t)(status) >> 30) == 3)

typedef union _LARGE_INTEGER {
    __extension__ struct {
        ULONG LowPart;
        LONG HighPart;
    };
    struct {
        ULONG LowPart;
        LONG HighPart;
    } u;
    LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;

typedef LARGE_INTEGER PHYSICAL_ADDRESS, *PPHYSICAL_ADDRESS;

typedef struct _LIST_ENTRY {
    struct _LIST_ENTRY *Flink;
    struct _LIST_ENTRY *Blink;
} LIST_ENTRY, *PLIST_ENTRY;

#define PASSIVE_LEVEL  0
#define APC_LEVEL      1
#define DISPATCH_LEVEL 2
#define HIGH_LEVEL     15

/* --- pages --- */

#ifndef PAGE_SIZE
#define PAGE_SIZE 4096
#endif
#ifndef PAGE_SHIFT
#define PAGE_SHIFT 12
#endif
static_assert(PAGE_SIZE == 4096, "a Windows page is 4096 bytes whatever the host's is");

#define BYTE_OFFSET(va)   ((ULONG)((ULONG_PTR)(va) & (PAGE_SIZE - 1)))
#define PAGE_ALIGN(va)    ((PVOID)((ULONG_PTR)(va) & ~(ULONG_PTR)(PAGE_SIZE - 1)))
#define ROUND_TO_PAGES(n) (((ULONG_PTR)(n) + PAGE_SIZE - 1) & ~(ULONG_PTR)(PAGE_SIZE - 1))
#define BYTES_TO_PAGES(n) (((n) >> PAGE_SHIFT) + (((n) & (PAGE_SIZE - 1)) != 0))
#define ADDRESS_AND_SIZE_TO_SPAN_PAGES(va, n)                                                      \
    ((ULONG)(((ULONGLONG)BYTE_OFFSET(va) + (ULONGLONG)(n) + (PAGE_SIZE - 1)) >> PAGE_SHIFT))
#define COMPUTE_PAGES_SPANNED(va, n) ADDRESS_AND_SIZE_TO_SPAN_PAGES(va, n)

/* --- enumerations --- */

typedef enum _INTERFACE_TYPE {
    InterfaceTypeUndefined = -1,
    Internal,
    Isa,
    Eisa,
    MicroChannel,
    TurboChannel,
    PCIBus,
    VMEBus,
    NuBus,
    PCMCIABus,
    CBus,
    MPIBus,
    MPSABus,
    ProcessorInternal,
    InternalPowerBus,
    PNPISABus,
    PNPBus,
    Vmcs,
    ACPIBus,
    MaximumInterfaceType
} INTERFACE_TYPE,
    *PINTERFACE_TYPE;

typedef enum _DMA_WIDTH {
    Width8Bits,
    Width16Bits,
    Width32Bits,
    Width64Bits,
    WidthNoWrap,
    MaximumDmaWidth
} DMA_WIDTH,
    *PDMA_WIDTH;

typedef enum _DMA_SPEED {
    Compatible,
    TypeA,
    TypeB,
    TypeC,
    TypeF,
    MaximumDmaSpeed
} DMA_SPEED,
    *PDMA_SPEED;

typedef enum _IO_ALLOCATION_ACTION {
    KeepObject = 1,
    DeallocateObject,
    DeallocateObjectKeepRegisters
} IO_ALLOCATION_ACTION,
    *PIO_ALLOCATION_ACTION;

typedef enum { DmaComplete, DmaAborted, DmaError, DmaCancelled } DMA_COMPLETION_STATUS;

typedef enum _MEMORY_CACHING_TYPE {
    MmNotMapped = -1,
    MmNonCached,
    MmCached,
    MmWriteCombined,
    MmFrameBufferCached = MmWriteCombined,
    MmHardwareCoherentCached,
    MmNonCachedUnordered,
    MmUSWCCached,
    MmMaximumCacheType
} MEMORY_CACHING_TYPE;

typedef enum _MM_PAGE_PRIORITY {
    LowPagePriority = 0,
    NormalPagePriority = 16,
    HighPagePriority = 32
} MM_PAGE_PRIORITY;

#define MdlMappingNoWrite   0x80000000u
#define MdlMappingNoExecute 0x40000000u

typedef enum _LOCK_OPERATION { IoReadAccess, IoWriteAccess, IoModifyAccess } LOCK_OPERATION;
typedef enum _MODE { KernelMode, UserMode, MaximumMode } MODE;

/* --- what the DMA interface only passes through --- */

typedef struct _MDL MDL, *PMDL;
typedef struct _IRP IRP, *PIRP;
typedef struct _DEVICE_OBJECT DEVICE_OBJECT, *PDEVICE_OBJECT;
typedef struct _DRIVER_OBJECT *PDRIVER_OBJECT;
typedef struct _KDPC KDPC, *PKDPC, *PRKDPC;
typedef struct _DMA_ADAPTER DMA_ADAPTER, *PDMA_ADAPTER, *PADAPTER_OBJECT;
typedef struct _DMA_OPERATIONS DMA_OPERATIONS, *PDMA_OPERATIONS;

typedef IO_ALLOCATION_ACTION NTAPI DRIVER_CONTROL(_In_ struct _DEVICE_OBJECT *DeviceObject,
                                                  _Inout_ struct _IRP *Irp,
                                                  _In_ PVOID MapRegisterBase, _In_ PVOID Context);
typedef DRIVER_CONTROL *PDRIVER_CONTROL;

typedef VOID NTAPI KDEFERRED_ROUTINE(struct _KDPC *Dpc, PVOID DeferredContext,
                                     PVOID SystemArgument1, PVOID SystemArgument2);
typedef KDEFERRED_ROUTINE *PKDEFERRED_ROUTINE;

/* Opaque queue links inside are ours; size and the routine's place are Windows'. */
struct _KDPC {
    union {
        ULONG TargetInfoAsUlong;
        struct {
            UCHAR Type;
            UCHAR Importance;
            USHORT Number;
        } s;
    } u;
    PVOID DpcListEntry;
    KAFFINITY ProcessorHistory;
    PKDEFERRED_ROUTINE DeferredRoutine;
    PVOID DeferredContext;
    PVOID SystemArgument1;
    PVOID SystemArgument2;
    PVOID DpcData;
};

typedef struct _DISPATCHER_HEADER {
    LONG Lock; /* type, signalling and size bits; ours to use */
    LONG SignalState;
    LIST_ENTRY WaitListHead;
} DISPATCHER_HEADER;

typedef struct _KEVENT {
    DISPATCHER_HEADER Header;
} KEVENT, *PKEVENT, *PRKEVENT;

typedef struct _KDEVICE_QUEUE_ENTRY {
    LIST_ENTRY DeviceListEntry;
    ULONG SortKey;
    BOOLEAN Inserted;
} KDEVICE_QUEUE_ENTRY, *PKDEVICE_QUEUE_ENTRY;

typedef struct _KDEVICE_QUEUE {
    CSHORT Type;
    CSHORT Size;
    LIST_ENTRY DeviceListHead;
    ULONG_PTR Lock;
    ULONG_PTR Busy;
} KDEVICE_QUEUE, *PKDEVICE_QUEUE;

typedef struct _WAIT_CONTEXT_BLOCK {
    KDEVICE_QUEUE_ENTRY WaitQueueEntry;
    PDRIVER_CONTROL DeviceRoutine;
    PVOID DeviceContext;
    ULONG NumberOfMapRegisters;
    PVOID DeviceObject;
    PVOID CurrentIrp;
    PKDPC BufferChainingDpc;
} WAIT_CONTEXT_BLOCK, *PWAIT_CONTEXT_BLOCK;

struct _DEVICE_OBJECT {
    CSHORT Type;
    USHORT Size;
    LONG ReferenceCount;
    PDRIVER_OBJECT DriverObject;
    PDEVICE_OBJECT NextDevice;
    PDEVICE_OBJECT AttachedDevice;
    PIRP CurrentIrp;
    PVOID Timer;
    ULONG Flags;
    ULONG Characteristics;
    PVOID Vpb;
    PVOID DeviceExtension;
    DEVICE_TYPE DeviceType;
    CCHAR StackSize;
    union {
        LIST_ENTRY ListEntry;
        WAIT_CONTEXT_BLOCK Wcb;
    } Queue;
    ULONG AlignmentRequirement;
    KDEVICE_QUEUE DeviceQueue;
    KDPC Dpc;
    ULONG ActiveThreadCount;
    PVOID SecurityDescriptor;
    KEVENT DeviceLock;
    USHORT SectorSize;
    USHORT Spare1;
    PVOID DeviceObjectExtension;
    PVOID Reserved;
} __attribute__((aligned(16)));

typedef struct _IO_STATUS_BLOCK {
    union {
        NTSTATUS Status;
        PVOID Pointer;
    };
    ULONG_PTR Information;
} IO_STATUS_BLOCK, *PIO_STATUS_BLOCK;

struct _IRP {
    CSHORT Type;
    USHORT Size;
    PMDL MdlAddress;
    ULONG Flags;
    union {
        PVOID SystemBuffer;
    } AssociatedIrp;
    LIST_ENTRY ThreadListEntry;
    IO_STATUS_BLOCK IoStatus;
    CHAR RequestorMode;
    BOOLEAN PendingReturned;
    CHAR StackCount;
    CHAR CurrentLocation;
    BOOLEAN Cancel;
    KIRQL CancelIrql;
    CCHAR ApcEnvironment;
    UCHAR AllocationFlags;
    PVOID UserIosb;
    PVOID UserEvent;
    PVOID Overlay[2];
    PVOID CancelRoutine;
    PVOID UserBuffer;
    union {
        struct {
            PVOID DriverContext[4];
            PVOID Thread;
            PCHAR AuxiliaryBuffer;
            LIST_ENTRY ListEntry;
            PVOID CurrentStackLocation;
            PVOID OriginalFileObject;
            PVOID IrpExtension;
        } Overlay;
    } Tail;
};

/* --- MDLs --- */

/* The PFN_NUMBER array follows the header. Drivers may touch Next and MdlFlags (MDL-02). */
struct _MDL {
    struct _MDL *Next;
    CSHORT Size; /* wraps above about 16 MiB: never derive a page count from it (MDL-07) */
    CSHORT MdlFlags;
    USHORT AllocationProcessorNumber;
    USHORT Reserved;
    struct _EPROCESS *Process;
    PVOID MappedSystemVa;
    PVOID StartVa;
    ULONG ByteCount;
    ULONG ByteOffset;
};

#define MDL_MAPPED_TO_SYSTEM_VA     0x0001
#define MDL_PAGES_LOCKED            0x0002
#define MDL_SOURCE_IS_NONPAGED_POOL 0x0004
#define MDL_ALLOCATED_FIXED_SIZE    0x0008
#define MDL_PARTIAL                 0x0010
#define MDL_PARTIAL_HAS_BEEN_MAPPED 0x0020
#define MDL_IO_PAGE_READ            0x0040
#define MDL_WRITE_OPERATION         0x0080
#define MDL_PARENT_MAPPED_SYSTEM_VA 0x0100
#define MDL_LOCKED_PAGE_TABLES      0x0100
#define MDL_FREE_EXTRA_PTES         0x0200
#define MDL_DESCRIBES_AWE           0x0400
#define MDL_IO_SPACE                0x0800
#define MDL_NETWORK_HEADER          0x1000
#define MDL_MAPPING_CAN_FAIL        0x2000
#define MDL_PAGE_CONTENTS_INVARIANT 0x4000
#define MDL_ALLOCATED_MUST_SUCCEED  0x4000
#define MDL_INTERNAL                0x8000

#define MmGetMdlPfnArray(mdl)       ((PPFN_NUMBER)((mdl) + 1))
#define MmGetMdlVirtualAddress(mdl) ((PVOID)((ULONG_PTR)(mdl)->StartVa + (mdl)->ByteOffset))
#define MmGetMdlBaseVa(mdl)         ((mdl)->StartVa)
#define MmGetMdlByteCount(mdl)      ((mdl)->ByteCount)
#define MmGetMdlByteOffset(mdl)     ((mdl)->ByteOffset)
#define MmInitializeMdl(mdl, va, length)                                                           \
    ((mdl)->Next = NULL,                                                                           \
     (mdl)->Size =                                                                                 \
         (CSHORT)(sizeof(MDL) + sizeof(PFN_NUMBER) * ADDRESS_AND_SIZE_TO_SPAN_PAGES(va, length)),  \
     (mdl)->MdlFlags = 0, (mdl)->StartVa = PAGE_ALIGN(va), (mdl)->ByteOffset = BYTE_OFFSET(va),    \
     (mdl)->ByteCount = (ULONG)(length))
#define MmGetSystemAddressForMdlSafe(mdl, priority)                                                \
    (((mdl)->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL))                   \
         ? (mdl)->MappedSystemVa                                                                   \
         : MmMapLockedPagesSpecifyCache(mdl, KernelMode, MmCached, NULL, FALSE, priority))
#define MmPrepareMdlForReuse(mdl)                                                                  \
    do {                                                                                           \
        if ((mdl)->MdlFlags & MDL_PARTIAL_HAS_BEEN_MAPPED)                                         \
            MmUnmapLockedPages((mdl)->MappedSystemVa, mdl);                                        \
    } while (0)
#define KeFlushIoBuffers(mdl, read, dma) ((void)(mdl), (void)(read), (void)(dma)) /* CCH-01 */

SIZE_T MmSizeOfMdl(PVOID Base, SIZE_T Length);
PMDL IoAllocateMdl(_In_opt_ PVOID VirtualAddress, ULONG Length, BOOLEAN SecondaryBuffer,
                   BOOLEAN ChargeQuota, _Inout_opt_ PIRP Irp);
VOID IoFreeMdl(PMDL Mdl);
VOID IoBuildPartialMdl(PMDL SourceMdl, PMDL TargetMdl, PVOID VirtualAddress, ULONG Length);
VOID MmBuildMdlForNonPagedPool(PMDL MemoryDescriptorList);
/* There are no exceptions here: where Windows raises STATUS_ACCESS_VIOLATION, MDL_PAGES_LOCKED stays clear, and
 * mapping the MDL for DMA is refused (MDL-11, MTX-22). */
VOID MmProbeAndLockPages(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode,
                         LOCK_OPERATION Operation);
VOID MmUnlockPages(PMDL MemoryDescriptorList);
PVOID MmMapLockedPagesSpecifyCache(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode,
                                   MEMORY_CACHING_TYPE CacheType, PVOID RequestedAddress,
                                   ULONG BugCheckOnFailure, ULONG Priority);
VOID MmUnmapLockedPages(PVOID BaseAddress, PMDL MemoryDescriptorList);
#define MM_DONT_ZERO_ALLOCATION               0x01
#define MM_ALLOCATE_FROM_LOCAL_NODE_ONLY      0x02
#define MM_ALLOCATE_FULLY_REQUIRED            0x04
#define MM_ALLOCATE_NO_WAIT                   0x08
#define MM_ALLOCATE_PREFER_CONTIGUOUS         0x10
#define MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS 0x20
/* Locked pages without addresses, in [LowAddress, HighAddress], then in the same range SkipBytes farther and so
 * on; with REQUIRE_CONTIGUOUS_CHUNKS in pieces of SkipBytes (0: one). Fewer than TotalBytes when there are no
 * more, unless FULLY_REQUIRED; NULL when there is none. MmFreePagesFromMdl takes the pages back, ExFreePool then
 * the MDL. */
PMDL MmAllocatePagesForMdl(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress,
                           PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes);
PMDL MmAllocatePagesForMdlEx(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress,
                             PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes,
                             MEMORY_CACHING_TYPE CacheType, ULONG Flags);
VOID MmFreePagesFromMdl(PMDL MemoryDescriptorList);
NTSTATUS MmAdvanceMdl(PMDL Mdl, ULONG NumberOfBytes);
PHYSICAL_ADDRESS MmGetPhysicalAddress(PVOID BaseAddress);

/* --- the DMA interface --- */

#define DEVICE_DESCRIPTION_VERSION  0
#define DEVICE_DESCRIPTION_VERSION1 1
#define DEVICE_DESCRIPTION_VERSION2 2
#define DEVICE_DESCRIPTION_VERSION3 3

#define DMA_SYNCHRONOUS_CALLBACK          0x01
#define DMA_TRANSFER_CONTEXT_VERSION1     1
#define DMA_TRANSFER_CONTEXT_SIZE_V1      128
#define DMA_ADAPTER_INFO_VERSION1         1
#define DMA_TRANSFER_INFO_VERSION1        1
#define DMA_TRANSFER_INFO_VERSION2        2
#define ADAPTER_INFO_SYNCHRONOUS_CALLBACK 0x0001
#define ADAPTER_INFO_API_BYPASS           0x0002
#define DOMAIN_COMMON_BUFFER_LARGE_PAGE   0x1
#define MM_ANY_NODE_OK                    0x80000000u

typedef struct _DEVICE_DESCRIPTION {
    ULONG Version;
    BOOLEAN Master;
    BOOLEAN ScatterGather;
    BOOLEAN DemandMode;
    BOOLEAN AutoInitialize;
    BOOLEAN Dma32BitAddresses;
    BOOLEAN IgnoreCount;
    BOOLEAN Reserved1;
    BOOLEAN Dma64BitAddresses;
    ULONG BusNumber;
    ULONG DmaChannel;
    INTERFACE_TYPE InterfaceType;
    DMA_WIDTH DmaWidth;
    DMA_SPEED DmaSpeed;
    ULONG MaximumLength;
    ULONG DmaPort;
    ULONG DmaAddressWidth; /* from here on: version 3 only (IGA-13) */
    ULONG DmaControllerInstance;
    ULONG DmaRequestLine;
    PHYSICAL_ADDRESS DeviceAddress;
} DEVICE_DESCRIPTION, *PDEVICE_DESCRIPTION;

typedef struct _SCATTER_GATHER_ELEMENT {
    PHYSICAL_ADDRESS Address;
    ULONG Length;
    ULONG_PTR Reserved;
} SCATTER_GATHER_ELEMENT, *PSCATTER_GATHER_ELEMENT;

typedef struct _SCATTER_GATHER_LIST {
    ULONG NumberOfElements;
    ULONG_PTR Reserved;
    SCATTER_GATHER_ELEMENT Elements[];
} SCATTER_GATHER_LIST, *PSCATTER_GATHER_LIST;

typedef struct _DMA_ADAPTER_INFO_V1 {
    ULONG ReadDmaCounterAvailable;
    ULONG ScatterGatherLimit;
    ULONG DmaAddressWidth;
    ULONG Flags;
    ULONG MinimumTransferUnit;
} DMA_ADAPTER_INFO_V1, *PDMA_ADAPTER_INFO_V1;

typedef struct _DMA_ADAPTER_INFO {
    ULONG Version;
    union {
        DMA_ADAPTER_INFO_V1 V1;
    };
} DMA_ADAPTER_INFO, *PDMA_ADAPTER_INFO;

typedef struct _DMA_TRANSFER_INFO_V1 {
    ULONG MapRegisterCount;
    ULONG ScatterGatherElementCount;
    ULONG ScatterGatherListSize;
} DMA_TRANSFER_INFO_V1, *PDMA_TRANSFER_INFO_V1;

typedef struct _DMA_TRANSFER_INFO_V2 {
    ULONG MapRegisterCount;
    ULONG ScatterGatherElementCount;
    ULONG ScatterGatherListSize;
    ULONG LogicalPageCount;
} DMA_TRANSFER_INFO_V2, *PDMA_TRANSFER_INFO_V2;

typedef struct _DMA_TRANSFER_INFO {
    ULONG Version;
    union {
        DMA_TRANSFER_INFO_V1 V1;
        DMA_TRANSFER_INFO_V2 V2;
    };
} DMA_TRANSFER_INFO, *PDMA_TRANSFER_INFO;

typedef enum _DMA_COMMON_BUFFER_EXTENDED_CONFIGURATION_TYPE {
    CommonBufferConfigTypeLogicalAddressLimits,
    CommonBufferConfigTypeSubSection,
    CommonBufferConfigTypeHardwareAccessPermissions,
    CommonBufferConfigTypeMax
} DMA_COMMON_BUFFER_EXTENDED_CONFIGURATION_TYPE;

typedef enum _DMA_COMMON_BUFFER_EXTENDED_CONFIGURATION_ACCESS_TYPE {
    CommonBufferHardwareAccessReadOnly,
    CommonBufferHardwareAccessWriteOnly,
    CommonBufferHardwareAccessReadWrite,
    CommonBufferHardwareAccessMax
} DMA_COMMON_BUFFER_EXTENDED_CONFIGURATION_ACCESS_TYPE;

typedef struct _DMA_COMMON_BUFFER_EXTENDED_CONFIGURATION {
    DMA_COMMON_BUFFER_EXTENDED_CONFIGURATION_TYPE ConfigType;
    union {
        struct {
            PHYSICAL_ADDRESS MinimumAddress;
            PHYSICAL_ADDRESS MaximumAddress;
        } LogicalAddressLimits;
        struct {
            ULONGLONG Offset;
            ULONG Length;
        } SubSection;
        DMA_COMMON_BUFFER_EXTENDED_CONFIGURATION_ACCESS_TYPE HardwareAccessType;
        ULONGLONG Reserved[4];
    };
} DMA_COMMON_BUFFER_EXTENDED_CONFIGURATION, *PDMA_COMMON_BUFFER_EXTENDED_CONFIGURATION;

typedef struct _DMA_COMMON_BUFFER_VECTOR *PDMA_COMMON_BUFFER_VECTOR;

typedef VOID NTAPI DRIVER_LIST_CONTROL(_In_ struct _DEVICE_OBJECT *DeviceObject,
                                       _In_ struct _IRP *Irp,
                                       _In_ PSCATTER_GATHER_LIST ScatterGather, _In_ PVOID Context);
typedef DRIVER_LIST_CONTROL *PDRIVER_LIST_CONTROL;

typedef VOID NTAPI DMA_COMPLETION_ROUTINE(_In_ PDMA_ADAPTER DmaAdapter,
                                          _In_ PDEVICE_OBJECT DeviceObject,
                                          _In_ PVOID CompletionContext,
                                          _In_ DMA_COMPLETION_STATUS Status);
typedef DMA_COMPLETION_ROUTINE *PDMA_COMPLETION_ROUTINE;

typedef VOID(NTAPI *PPUT_DMA_ADAPTER)(_In_ PDMA_ADAPTER DmaAdapter);
typedef PVOID(NTAPI *PALLOCATE_COMMON_BUFFER)(_In_ PDMA_ADAPTER DmaAdapter, _In_ ULONG Length,
                                              _Out_ PPHYSICAL_ADDRESS LogicalAddress,
                                              _In_ BOOLEAN CacheEnabled);
typedef VOID(NTAPI *PFREE_COMMON_BUFFER)(_In_ PDMA_ADAPTER DmaAdapter, _In_ ULONG Length,
                                         _In_ PHYSICAL_ADDRESS LogicalAddress,
                                         _In_ PVOID VirtualAddress, _In_ BOOLEAN CacheEnabled);
typedef NTSTATUS(NTAPI *PALLOCATE_ADAPTER_CHANNEL)(_In_ PDMA_ADAPTER DmaAdapter,
                                                   _In_ PDEVICE_OBJECT DeviceObject,
                                                   _In_ ULONG NumberOfMapRegisters,
                                                   _In_ PDRIVER_CONTROL ExecutionRoutine,
                                                   _In_ PVOID Context);
typedef BOOLEAN(NTAPI *PFLUSH_ADAPTER_BUFFERS)(_In_ PDMA_ADAPTER DmaAdapter, _In_ PMDL Mdl,
                                               _In_ PVOID MapRegisterBase, _In_ PVOID CurrentVa,
                                               _In_ ULONG Length, _In_ BOOLEAN WriteToDevice);
typedef VOID(NTAPI *PFREE_ADAPTER_CHANNEL)(_In_ PDMA_ADAPTER DmaAdapter);
typedef VOID(NTAPI *PFREE_MAP_REGISTERS)(_In_ PDMA_ADAPTER DmaAdapter, _In_ PVOID MapRegisterBase,
                                         _In_ ULONG NumberOfMapRegisters);
typedef PHYSICAL_ADDRESS(NTAPI *PMAP_TRANSFER)(_In_ PDMA_ADAPTER DmaAdapter, _In_ PMDL Mdl,
                                               _In_ PVOID MapRegisterBase, _In_ PVOID CurrentVa,
                                               _Inout_ PULONG Length, _In_ BOOLEAN WriteToDevice);
typedef ULONG(NTAPI *PGET_DMA_ALIGNMENT)(_In_ PDMA_ADAPTER DmaAdapter);
typedef ULONG(NTAPI *PREAD_DMA_COUNTER)(_In_ PDMA_ADAPTER DmaAdapter);
typedef NTSTATUS(NTAPI *PGET_SCATTER_GATHER_LIST)(_In_ PDMA_ADAPTER DmaAdapter,
                                                  _In_ PDEVICE_OBJECT DeviceObject, _In_ PMDL Mdl,
                                                  _In_ PVOID CurrentVa, _In_ ULONG Length,
                                                  _In_ PDRIVER_LIST_CONTROL ExecutionRoutine,
                                                  _In_ PVOID Context, _In_ BOOLEAN WriteToDevice);
typedef VOID(NTAPI *PPUT_SCATTER_GATHER_LIST)(_In_ PDMA_ADAPTER DmaAdapter,
                                              _In_ PSCATTER_GATHER_LIST ScatterGather,
                                              _In_ BOOLEAN WriteToDevice);
typedef NTSTATUS(NTAPI *PCALCULATE_SCATTER_GATHER_LIST_SIZE)(
    _In_ PDMA_ADAPTER DmaAdapter, _In_opt_ PMDL Mdl, _In_ PVOID CurrentVa, _In_ ULONG Length,
    _Out_ PULONG ScatterGatherListSize, _Out_opt_ PULONG NumberOfMapRegisters);
typedef NTSTATUS(NTAPI *PBUILD_SCATTER_GATHER_LIST)(_In_ PDMA_ADAPTER DmaAdapter,
                                                    _In_ PDEVICE_OBJECT DeviceObject, _In_ PMDL Mdl,
                                                    _In_ PVOID CurrentVa, _In_ ULONG Length,
                                                    _In_ PDRIVER_LIST_CONTROL ExecutionRoutine,
                                                    _In_ PVOID Context, _In_ BOOLEAN WriteToDevice,
                                                    _In_ PVOID ScatterGatherBuffer,
                                                    _In_ ULONG ScatterGatherLength);
typedef NTSTATUS(NTAPI *PBUILD_MDL_FROM_SCATTER_GATHER_LIST)(
    _In_ PDMA_ADAPTER DmaAdapter, _In_ PSCATTER_GATHER_LIST ScatterGather, _In_ PMDL OriginalMdl,
    _Out_ PMDL *TargetMdl);
typedef NTSTATUS(NTAPI *PGET_DMA_ADAPTER_INFO)(_In_ PDMA_ADAPTER DmaAdapter,
                                               _Inout_ PDMA_ADAPTER_INFO AdapterInfo);
typedef NTSTATUS(NTAPI *PGET_DMA_TRANSFER_INFO)(_In_ PDMA_ADAPTER DmaAdapter, _In_ PMDL Mdl,
                                                _In_ ULONGLONG Offset, _In_ ULONG Length,
                                                _In_ BOOLEAN WriteOnly,
                                                _Inout_ PDMA_TRANSFER_INFO TransferInfo);
typedef NTSTATUS(NTAPI *PINITIALIZE_DMA_TRANSFER_CONTEXT)(_In_ PDMA_ADAPTER DmaAdapter,
                                                          _Out_ PVOID DmaTransferContext);
typedef PVOID(NTAPI *PALLOCATE_COMMON_BUFFER_EX)(_In_ PDMA_ADAPTER DmaAdapter,
                                                 _In_opt_ PPHYSICAL_ADDRESS MaximumAddress,
                                                 _In_ ULONG Length,
                                                 _Out_ PPHYSICAL_ADDRESS LogicalAddress,
                                                 _In_ BOOLEAN CacheEnabled,
                                                 _In_ NODE_REQUIREMENT PreferredNode);
typedef NTSTATUS(NTAPI *PALLOCATE_ADAPTER_CHANNEL_EX)(
    _In_ PDMA_ADAPTER DmaAdapter, _In_ PDEVICE_OBJECT DeviceObject, _In_ PVOID DmaTransferContext,
    _In_ ULONG NumberOfMapRegisters, _In_ ULONG Flags, _In_opt_ PDRIVER_CONTROL ExecutionRoutine,
    _In_opt_ PVOID ExecutionContext, _Out_opt_ PVOID *MapRegisterBase);
typedef NTSTATUS(NTAPI *PCONFIGURE_ADAPTER_CHANNEL)(_In_ PDMA_ADAPTER DmaAdapter,
                                                    _In_ ULONG FunctionNumber, _In_ PVOID Context);
typedef BOOLEAN(NTAPI *PCANCEL_ADAPTER_CHANNEL)(_In_ PDMA_ADAPTER DmaAdapter,
                                                _In_ PDEVICE_OBJECT DeviceObject,
                                                _In_ PVOID DmaTransferContext);
typedef NTSTATUS(NTAPI *PMAP_TRANSFER_EX)(
    _In_ PDMA_ADAPTER DmaAdapter, _In_ PMDL Mdl, _In_ PVOID MapRegisterBase, _In_ ULONGLONG Offset,
    _In_ ULONG DeviceOffset, _Inout_ PULONG Length, _In_ BOOLEAN WriteToDevice,
    _Out_writes_bytes_opt_(ScatterGatherBufferLength) PSCATTER_GATHER_LIST ScatterGatherBuffer,
    _In_ ULONG ScatterGatherBufferLength, _In_opt_ PDMA_COMPLETION_ROUTINE DmaCompletionRoutine,
    _In_opt_ PVOID CompletionContext);
typedef NTSTATUS(NTAPI *PGET_SCATTER_GATHER_LIST_EX)(
    _In_ PDMA_ADAPTER DmaAdapter, _In_ PDEVICE_OBJECT DeviceObject, _In_ PVOID DmaTransferContext,
    _In_ PMDL Mdl, _In_ ULONGLONG Offset, _In_ ULONG Length, _In_ ULONG Flags,
    _In_opt_ PDRIVER_LIST_CONTROL ExecutionRoutine, _In_opt_ PVOID Context,
    _In_ BOOLEAN WriteToDevice, _In_opt_ PDMA_COMPLETION_ROUTINE DmaCompletionRoutine,
    _In_opt_ PVOID CompletionContext, _Out_opt_ PSCATTER_GATHER_LIST *ScatterGatherList);
typedef NTSTATUS(NTAPI *PBUILD_SCATTER_GATHER_LIST_EX)(
    _In_ PDMA_ADAPTER DmaAdapter, _In_ PDEVICE_OBJECT DeviceObject, _In_ PVOID DmaTransferContext,
    _In_ PMDL Mdl, _In_ ULONGLONG Offset, _In_ ULONG Length, _In_ ULONG Flags,
    _In_opt_ PDRIVER_LIST_CONTROL ExecutionRoutine, _In_opt_ PVOID Context,
    _In_ BOOLEAN WriteToDevice, _In_ PVOID ScatterGatherBuffer, _In_ ULONG ScatterGatherLength,
    _In_opt_ PDMA_COMPLETION_ROUTINE DmaCompletionRoutine, _In_opt_ PVOID CompletionContext,
    _Out_opt_ PVOID ScatterGatherList);
typedef NTSTATUS(NTAPI *PFLUSH_ADAPTER_BUFFERS_EX)(_In_ PDMA_ADAPTER DmaAdapter, _In_ PMDL Mdl,
                                                   _In_ PVOID MapRegisterBase,
                                                   _In_ ULONGLONG Offset, _In_ ULONG Length,
                                                   _In_ BOOLEAN WriteToDevice);
typedef VOID(NTAPI *PFREE_ADAPTER_OBJECT)(_In_ PDMA_ADAPTER DmaAdapter,
                                          _In_ IO_ALLOCATION_ACTION AllocationAction);
typedef NTSTATUS(NTAPI *PCANCEL_MAPPED_TRANSFER)(_In_ PDMA_ADAPTER DmaAdapter,
                                                 _In_ PVOID DmaTransferContext);
typedef NTSTATUS(NTAPI *PALLOCATE_DOMAIN_COMMON_BUFFER)(
    _In_ PDMA_ADAPTER DmaAdapter, _In_ HANDLE DomainHandle,
    _In_opt_ PPHYSICAL_ADDRESS MaximumAddress, _In_ ULONG Length, _In_ ULONG Flags,
    _In_opt_ MEMORY_CACHING_TYPE *CacheType, _In_ NODE_REQUIREMENT PreferredNode,
    _Out_ PPHYSICAL_ADDRESS LogicalAddress, _Out_ PVOID *VirtualAddress);
typedef NTSTATUS(NTAPI *PFLUSH_DMA_BUFFER)(_In_ PDMA_ADAPTER DmaAdapter, _In_ PMDL Mdl,
                                           _In_ BOOLEAN ReadOperation);
typedef NTSTATUS(NTAPI *PJOIN_DMA_DOMAIN)(_In_ PDMA_ADAPTER DmaAdapter, _In_ HANDLE DomainHandle);
typedef NTSTATUS(NTAPI *PLEAVE_DMA_DOMAIN)(_In_ PDMA_ADAPTER DmaAdapter);
typedef HANDLE(NTAPI *PGET_DMA_DOMAIN)(_In_ PDMA_ADAPTER DmaAdapter);
typedef PVOID(NTAPI *PALLOCATE_COMMON_BUFFER_WITH_BOUNDS)(_In_ PDMA_ADAPTER DmaAdapter,
                                                          _In_opt_ PPHYSICAL_ADDRESS MinimumAddress,
                                                          _In_opt_ PPHYSICAL_ADDRESS MaximumAddress,
                                                          _In_ ULONG Length, _In_ ULONG Flags,
                                                          _In_opt_ MEMORY_CACHING_TYPE *CacheType,
                                                          _In_ NODE_REQUIREMENT PreferredNode,
                                                          _Out_ PPHYSICAL_ADDRESS LogicalAddress);
typedef NTSTATUS(NTAPI *PALLOCATE_COMMON_BUFFER_VECTOR)(
    _In_ PDMA_ADAPTER DmaAdapter, _In_ PHYSICAL_ADDRESS LowAddress,
    _In_ PHYSICAL_ADDRESS HighAddress, _In_ MEMORY_CACHING_TYPE CacheType,
    _In_ NODE_REQUIREMENT IdealNode, _In_ ULONG Flags, _In_ ULONG NumberOfElements,
    _In_ ULONGLONG SizeOfElements, _Out_ PDMA_COMMON_BUFFER_VECTOR *VectorOut);
typedef VOID(NTAPI *PGET_COMMON_BUFFER_FROM_VECTOR_BY_INDEX)(
    _In_ PDMA_ADAPTER DmaAdapter, _In_ PDMA_COMMON_BUFFER_VECTOR Vector, _In_ ULONG Index,
    _Out_ PVOID *VirtualAddressOut, _Out_ PPHYSICAL_ADDRESS LogicalAddressOut);
typedef VOID(NTAPI *PFREE_COMMON_BUFFER_FROM_VECTOR)(_In_ PDMA_ADAPTER DmaAdapter,
                                                     _In_ PDMA_COMMON_BUFFER_VECTOR Vector,
                                                     _In_ ULONG Index);
typedef VOID(NTAPI *PFREE_COMMON_BUFFER_VECTOR)(_In_ PDMA_ADAPTER DmaAdapter,
                                                _In_ PDMA_COMMON_BUFFER_VECTOR Vector);
typedef NTSTATUS(NTAPI *PCREATE_COMMON_BUFFER_FROM_MDL)(
    _In_ PDMA_ADAPTER DmaAdapter, _In_ PMDL Mdl,
    _In_opt_ PDMA_COMMON_BUFFER_EXTENDED_CONFIGURATION ExtendedConfigs,
    _In_ ULONG ExtendedConfigsCount, _Out_ PPHYSICAL_ADDRESS LogicalAddress);

struct _DMA_ADAPTER {
    USHORT Version; /* always 1 (VER-03) */
    USHORT Size;
    PDMA_OPERATIONS DmaOperations;
};

struct _DMA_OPERATIONS {
    ULONG Size;
    PPUT_DMA_ADAPTER PutDmaAdapter;
    PALLOCATE_COMMON_BUFFER AllocateCommonBuffer;
    PFREE_COMMON_BUFFER FreeCommonBuffer;
    PALLOCATE_ADAPTER_CHANNEL AllocateAdapterChannel;
    PFLUSH_ADAPTER_BUFFERS FlushAdapterBuffers;
    PFREE_ADAPTER_CHANNEL FreeAdapterChannel;
    PFREE_MAP_REGISTERS FreeMapRegisters;
    PMAP_TRANSFER MapTransfer;
    PGET_DMA_ALIGNMENT GetDmaAlignment;
    PREAD_DMA_COUNTER ReadDmaCounter;
    PGET_SCATTER_GATHER_LIST GetScatterGatherList;
    PPUT_SCATTER_GATHER_LIST PutScatterGatherList;
    PCALCULATE_SCATTER_GATHER_LIST_SIZE CalculateScatterGatherList;
    PBUILD_SCATTER_GATHER_LIST BuildScatterGatherList;
    PBUILD_MDL_FROM_SCATTER_GATHER_LIST BuildMdlFromScatterGatherList;
    PGET_DMA_ADAPTER_INFO GetDmaAdapterInfo;
    PGET_DMA_TRANSFER_INFO GetDmaTransferInfo;
    PINITIALIZE_DMA_TRANSFER_CONTEXT InitializeDmaTransferContext;
    PALLOCATE_COMMON_BUFFER_EX AllocateCommonBufferEx;
    PALLOCATE_ADAPTER_CHANNEL_EX AllocateAdapterChannelEx;
    PCONFIGURE_ADAPTER_CHANNEL ConfigureAdapterChannel;
    PCANCEL_ADAPTER_CHANNEL CancelAdapterChannel;
    PMAP_TRANSFER_EX MapTransferEx;
    PGET_SCATTER_GATHER_LIST_EX GetScatterGatherListEx;
    PBUILD_SCATTER_GATHER_LIST_EX BuildScatterGatherListEx;
    PFLUSH_ADAPTER_BUFFERS_EX FlushAdapterBuffersEx;
    PFREE_ADAPTER_OBJECT FreeAdapterObject;
    PCANCEL_MAPPED_TRANSFER CancelMappedTransfer;
    PALLOCATE_DOMAIN_COMMON_BUFFER AllocateDomainCommonBuffer;
    PFLUSH_DMA_BUFFER FlushDmaBuffer;
    PJOIN_DMA_DOMAIN JoinDmaDomain;
    PLEAVE_DMA_DOMAIN LeaveDmaDomain;
    PGET_DMA_DOMAIN GetDmaDomain;
    PALLOCATE_COMMON_BUFFER_WITH_BOUNDS AllocateCommonBufferWithBounds;
    PALLOCATE_COMMON_BUFFER_VECTOR AllocateCommonBufferVector;
    PGET_COMMON_BUFFER_FROM_VECTOR_BY_INDEX GetCommonBufferFromVectorByIndex;
    PFREE_COMMON_BUFFER_FROM_VECTOR FreeCommonBufferFromVector;
    PFREE_COMMON_BUFFER_VECTOR FreeCommonBufferVector;
    PCREATE_COMMON_BUFFER_FROM_MDL CreateCommonBufferFromMdl;
};

NTKERNELAPI PDMA_ADAPTER IoGetDmaAdapter(_In_opt_ PDEVICE_OBJECT PhysicalDeviceObject,
                                         _In_ PDEVICE_DESCRIPTION DeviceDescription,
                                         _Out_ PULONG NumberOfMapRegisters);

/* The obsolete names exist as inline wrappers over the table (VER-13). */
FORCEINLINE NTSTATUS IoAllocateAdapterChannel(_In_ PDMA_ADAPTER DmaAdapter,
                                              _In_ PDEVICE_OBJECT DeviceObject,
                                              _In_ ULONG NumberOfMapRegisters,
                                              _In_ PDRIVER_CONTROL ExecutionRoutine,
                                              _In_ PVOID Context)
{
    return DmaAdapter->DmaOperations->AllocateAdapterChannel(
        DmaAdapter, DeviceObject, NumberOfMapRegisters, ExecutionRoutine, Context);
}

FORCEINLINE BOOLEAN IoFlushAdapterBuffers(_In_ PDMA_ADAPTER DmaAdapter, _In_ PMDL Mdl,
                                          _In_ PVOID MapRegisterBase, _In_ PVOID CurrentVa,
                                          _In_ ULONG Length, _In_ BOOLEAN WriteToDevice)
{
    return DmaAdapter->DmaOperations->FlushAdapterBuffers(DmaAdapter, Mdl, MapRegisterBase,
                                                          CurrentVa, Length, WriteToDevice);
}

FORCEINLINE VOID IoFreeAdapterChannel(_In_ PDMA_ADAPTER DmaAdapter)
{
    DmaAdapter->DmaOperations->FreeAdapterChannel(DmaAdapter);
}

FORCEINLINE VOID IoFreeMapRegisters(_In_ PDMA_ADAPTER DmaAdapter, _In_ PVOID MapRegisterBase,
                                    _In_ ULONG NumberOfMapRegisters)
{
    DmaAdapter->DmaOperations->FreeMapRegisters(DmaAdapter, MapRegisterBase, NumberOfMapRegisters);
}

FORCEINLINE PHYSICAL_ADDRESS IoMapTransfer(_In_ PDMA_ADAPTER DmaAdapter, _In_ PMDL Mdl,
                                           _In_ PVOID MapRegisterBase, _In_ PVOID CurrentVa,
                                           _Inout_ PULONG Length, _In_ BOOLEAN WriteToDevice)
{
    return DmaAdapter->DmaOperations->MapTransfer(DmaAdapter, Mdl, MapRegisterBase, CurrentVa,
                                                  Length, WriteToDevice);
}

FORCEINLINE PVOID HalAllocateCommonBuffer(_In_ PDMA_ADAPTER DmaAdapter, _In_ ULONG Length,
                                          _Out_ PPHYSICAL_ADDRESS LogicalAddress,
                                          _In_ BOOLEAN CacheEnabled)
{
    return DmaAdapter->DmaOperations->AllocateCommonBuffer(DmaAdapter, Length, LogicalAddress,
                                                           CacheEnabled);
}

FORCEINLINE VOID HalFreeCommonBuffer(_In_ PDMA_ADAPTER DmaAdapter, _In_ ULONG Length,
                                     _In_ PHYSICAL_ADDRESS LogicalAddress,
                                     _In_ PVOID VirtualAddress, _In_ BOOLEAN CacheEnabled)
{
    DmaAdapter->DmaOperations->FreeCommonBuffer(DmaAdapter, Length, LogicalAddress, VirtualAddress,
                                                CacheEnabled);
}

FORCEINLINE ULONG HalReadDmaCounter(_In_ PDMA_ADAPTER DmaAdapter)
{
    return DmaAdapter->DmaOperations->ReadDmaCounter(DmaAdapter);
}

FORCEINLINE ULONG HalGetDmaAlignment(_In_ PDMA_ADAPTER DmaAdapter)
{
    return DmaAdapter->DmaOperations->GetDmaAlignment(DmaAdapter);
}

/* --- resources --- */

#define CmResourceTypeMemory       3
#define CmResourceTypeDma          4
#define CM_RESOURCE_DMA_8          0x0000
#define CM_RESOURCE_DMA_16         0x0001
#define CM_RESOURCE_DMA_32         0x0002
#define CM_RESOURCE_DMA_8_AND_16   0x0004
#define CM_RESOURCE_DMA_BUS_MASTER 0x0008
#define CM_RESOURCE_DMA_TYPE_A     0x0010
#define CM_RESOURCE_DMA_TYPE_B     0x0020
#define CM_RESOURCE_DMA_TYPE_F     0x0040
#define CM_RESOURCE_DMA_V3         0x0080
#define DMAV3_TRANFER_WIDTH_8      0
#define DMAV3_TRANFER_WIDTH_16     1
#define DMAV3_TRANFER_WIDTH_32     2
#define DMAV3_TRANFER_WIDTH_64     3
#define DMAV3_TRANFER_WIDTH_128    4
#define DMAV3_TRANFER_WIDTH_256    5

#pragma pack(push, 4)
typedef struct _CM_PARTIAL_RESOURCE_DESCRIPTOR {
    UCHAR Type;
    UCHAR ShareDisposition;
    USHORT Flags;
    union {
        struct {
            PHYSICAL_ADDRESS Start;
            ULONG Length;
        } Memory;
        struct {
            ULONG Channel;
            ULONG Port; /* overlays DmaV3.RequestLine: a client reads it there (DDX-29) */
            ULONG Reserved1;
        } Dma;
        struct {
            ULONG Channel;
            ULONG RequestLine;
            UCHAR TransferWidth;
            UCHAR Reserved1;
            UCHAR Reserved2;
            UCHAR Reserved3;
        } DmaV3;
        struct {
            ULONG Level;
            ULONG Vector;
            KAFFINITY Affinity;
        } Interrupt;
    } u;
} CM_PARTIAL_RESOURCE_DESCRIPTOR, *PCM_PARTIAL_RESOURCE_DESCRIPTOR;
#pragma pack(pop)

/* --- IRQL, per thread --- */

KIRQL KeGetCurrentIrql(VOID);
KIRQL KfRaiseIrql(KIRQL NewIrql);
KIRQL KeRaiseIrqlToDpcLevel(VOID);
VOID KeLowerIrql(KIRQL NewIrql);
#define KeRaiseIrql(new_irql, old_irql) (*(old_irql) = KfRaiseIrql(new_irql))

#define RtlZeroMemory(target, bytes)         memset(target, 0, bytes)
#define RtlCopyMemory(target, source, bytes) memcpy(target, source, bytes)
#define RtlMoveMemory(target, source, bytes) memmove(target, source, bytes)
#define RtlFillMemory(target, bytes, fill)   memset(target, fill, bytes)

#ifdef __cplusplus
}
#endif
#include "wdm_driver.h"
#include "wdm_kernel.h"
#include "wdm_registers.h"
#ifdef __cplusplus
extern "C" {
#endif

/* --- the layouts and values, asserted --- */

#define MS_SIZE(type, size) static_assert(sizeof(type) == (size), #type " is not " #size " bytes")
#define MS_AT(type, field, offset)                                                                 \
    static_assert(offsetof(type, field) == (offset), #type "." #field " is not at " #offset)
#define MS_VALUE(name, value)  static_assert((int32_t)(name) == (int32_t)(value), #name)
#define MS_STATUS(name, value) static_assert((uint32_t)(name) == (value), #name)

#include "wdm_layouts.h"

#undef MS_SIZE
#undef MS_AT
#undef MS_VALUE
#undef MS_STATUS

#ifdef __cplusplus
}
#endif

#endif
