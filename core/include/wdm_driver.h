/* SPDX-License-Identifier: MIT */
/*
 * wdm_driver.h: what a driver's entry points name: driver objects, counted strings, GUIDs, pragmas.
 * Included by wdm.h.
 */
#ifndef MS_WDM_DRIVER_H
#define MS_WDM_DRIVER_H

#ifndef MS_WDM_H
#error "include wdm.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef const CHAR *PCSTR, *LPCSTR;
typedef CHAR *PSTR;
typedef const WCHAR *PCWSTR;
typedef WCHAR *PWSTR;

typedef struct _UNICODE_STRING {
    USHORT Length; /* bytes, without a terminator */
    USHORT MaximumLength;
    PWSTR Buffer;
} UNICODE_STRING, *PUNICODE_STRING;
typedef const UNICODE_STRING *PCUNICODE_STRING;
static_assert(sizeof(UNICODE_STRING) == 0x10 && offsetof(UNICODE_STRING, Buffer) == 8,
              "a UNICODE_STRING is as Windows has it");

FORCEINLINE VOID RtlInitUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    USHORT units = 0;

    while (SourceString && SourceString[units] && units < 0x7FFE)
        units++;
    DestinationString->Length = (USHORT)(units * sizeof(WCHAR));
    DestinationString->MaximumLength =
        SourceString ? (USHORT)((units + 1) * sizeof(WCHAR)) : (USHORT)0;
    DestinationString->Buffer = (PWSTR)SourceString;
}

/* One of the routines that not every Windows has, by name; NULL: there is none. PASSIVE_LEVEL. */
PVOID MmGetSystemRoutineAddress(PUNICODE_STRING SystemRoutineName);

#define RTL_CONSTANT_STRING(s)                                                                     \
    {                                                                                              \
        (USHORT)(sizeof(s) - sizeof((s)[0])), (USHORT)sizeof(s), (PWSTR)(s)                        \
    }
#define DECLARE_CONST_UNICODE_STRING(variable, string)                                             \
    static const WCHAR variable##_buffer[] = string;                                               \
    const UNICODE_STRING variable = {sizeof(string) - sizeof(WCHAR), sizeof(string),               \
                                     (PWSTR)variable##_buffer}

#ifndef GUID_DEFINED
#define GUID_DEFINED
typedef struct _GUID {
    uint32_t Data1;
    uint16_t Data2;
    uint16_t Data3;
    uint8_t Data4[8];
} GUID, *PGUID;
#endif
typedef const GUID *LPCGUID;
#define DEFINE_GUID(name, a, b, c, d0, d1, d2, d3, d4, d5, d6, d7)                                 \
    static const GUID name __attribute__((unused)) = {a, b, c, {d0, d1, d2, d3, d4, d5, d6, d7}}

typedef NTSTATUS NTAPI DRIVER_INITIALIZE(_In_ struct _DRIVER_OBJECT *DriverObject,
                                         _In_ PUNICODE_STRING RegistryPath);
typedef DRIVER_INITIALIZE *PDRIVER_INITIALIZE;
typedef VOID NTAPI DRIVER_UNLOAD(_In_ struct _DRIVER_OBJECT *DriverObject);
typedef DRIVER_UNLOAD *PDRIVER_UNLOAD;
typedef NTSTATUS NTAPI DRIVER_ADD_DEVICE(_In_ struct _DRIVER_OBJECT *DriverObject,
                                         _In_ struct _DEVICE_OBJECT *PhysicalDeviceObject);
typedef DRIVER_ADD_DEVICE *PDRIVER_ADD_DEVICE;
typedef NTSTATUS NTAPI DRIVER_DISPATCH(_In_ struct _DEVICE_OBJECT *DeviceObject,
                                       _Inout_ struct _IRP *Irp);
typedef DRIVER_DISPATCH *PDRIVER_DISPATCH;
#define IRP_MJ_MAXIMUM_FUNCTION 0x1B

typedef struct _DRIVER_OBJECT {
    CSHORT Type;
    CSHORT Size;
    PDEVICE_OBJECT DeviceObject;
    ULONG Flags;
    PVOID DriverStart;
    ULONG DriverSize;
    PVOID DriverSection;
    PVOID DriverExtension;
    UNICODE_STRING DriverName;
    PUNICODE_STRING HardwareDatabase;
    PVOID FastIoDispatch;
    PDRIVER_INITIALIZE DriverInit;
    PVOID DriverStartIo;
    PDRIVER_UNLOAD DriverUnload;
    PDRIVER_DISPATCH MajorFunction[IRP_MJ_MAXIMUM_FUNCTION + 1];
} DRIVER_OBJECT;
static_assert(sizeof(DRIVER_OBJECT) == 0x150 && offsetof(DRIVER_OBJECT, DriverName) == 0x38 &&
                  offsetof(DRIVER_OBJECT, DriverUnload) == 0x68 &&
                  offsetof(DRIVER_OBJECT, MajorFunction) == 0x70,
              "a DRIVER_OBJECT is as Windows has it");

/* --- requests: as thin as a driver of DMA needs them --- */

#define IRP_MJ_CREATE                  0x00
#define IRP_MJ_CLOSE                   0x02
#define IRP_MJ_READ                    0x03
#define IRP_MJ_WRITE                   0x04
#define IRP_MJ_DEVICE_CONTROL          0x0E
#define IRP_MJ_INTERNAL_DEVICE_CONTROL 0x0F
#define IRP_MJ_CLEANUP                 0x12
#define IRP_MJ_POWER                   0x16
#define IRP_MJ_PNP                     0x1B

#define SL_PENDING_RETURNED  0x01
#define SL_INVOKE_ON_CANCEL  0x20
#define SL_INVOKE_ON_SUCCESS 0x40
#define SL_INVOKE_ON_ERROR   0x80

typedef NTSTATUS NTAPI IO_COMPLETION_ROUTINE(_In_ struct _DEVICE_OBJECT *DeviceObject,
                                             _In_ struct _IRP *Irp, _In_ PVOID Context);
typedef IO_COMPLETION_ROUTINE *PIO_COMPLETION_ROUTINE;

typedef struct _IO_STACK_LOCATION {
    UCHAR MajorFunction;
    UCHAR MinorFunction;
    UCHAR Flags;
    UCHAR Control;
    union {
        struct {
            ULONG Length;
            ULONG Key __attribute__((aligned(8)));
            LARGE_INTEGER ByteOffset;
        } Read, Write;
        struct {
            ULONG OutputBufferLength;
            ULONG InputBufferLength __attribute__((aligned(8)));
            ULONG IoControlCode __attribute__((aligned(8)));
            PVOID Type3InputBuffer;
        } DeviceIoControl;
        struct {
            PVOID Argument1, Argument2, Argument3, Argument4;
        } Others;
    } Parameters;
    PDEVICE_OBJECT DeviceObject;
    PVOID FileObject;
    PIO_COMPLETION_ROUTINE CompletionRoutine;
    PVOID Context;
} IO_STACK_LOCATION, *PIO_STACK_LOCATION;

/* A device object with its zeroed extension, in the driver's list. There is no namespace: the name is not kept,
 * and links always succeed. STATUS_INSUFFICIENT_RESOURCES: no memory. */
NTSTATUS IoCreateDevice(PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize,
                        _In_opt_ PUNICODE_STRING DeviceName, DEVICE_TYPE DeviceType,
                        ULONG DeviceCharacteristics, BOOLEAN Exclusive,
                        _Out_ PDEVICE_OBJECT *DeviceObject);
VOID IoDeleteDevice(PDEVICE_OBJECT DeviceObject);
NTSTATUS IoCreateSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName);
NTSTATUS IoDeleteSymbolicLink(PUNICODE_STRING SymbolicLinkName);

/* NULL: no memory, or no stack location. */
PIRP IoAllocateIrp(CCHAR StackSize, BOOLEAN ChargeQuota);
VOID IoFreeIrp(PIRP Irp);
/* Hands the request to the device's driver: its MajorFunction[] is called with the next stack location. */
NTSTATUS IoCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp);
/* Completion routines run, the last caller's first; STATUS_MORE_PROCESSING_REQUIRED stops there. */
VOID IoCompleteRequest(PIRP Irp, CCHAR PriorityBoost);
#define IofCallDriver      IoCallDriver
#define IofCompleteRequest IoCompleteRequest

FORCEINLINE PIO_STACK_LOCATION IoGetCurrentIrpStackLocation(PIRP Irp)
{
    return (PIO_STACK_LOCATION)Irp->Tail.Overlay.CurrentStackLocation;
}

FORCEINLINE PIO_STACK_LOCATION IoGetNextIrpStackLocation(PIRP Irp)
{
    return (PIO_STACK_LOCATION)Irp->Tail.Overlay.CurrentStackLocation - 1;
}

FORCEINLINE VOID IoMarkIrpPending(PIRP Irp)
{
    IoGetCurrentIrpStackLocation(Irp)->Control |= SL_PENDING_RETURNED;
}

FORCEINLINE VOID IoSetCompletionRoutine(PIRP Irp, PIO_COMPLETION_ROUTINE CompletionRoutine,
                                        PVOID Context, BOOLEAN InvokeOnSuccess,
                                        BOOLEAN InvokeOnError, BOOLEAN InvokeOnCancel)
{
    PIO_STACK_LOCATION next = IoGetNextIrpStackLocation(Irp);

    next->CompletionRoutine = CompletionRoutine;
    next->Context = Context;
    next->Control = (UCHAR)((InvokeOnSuccess ? SL_INVOKE_ON_SUCCESS : 0) |
                            (InvokeOnError ? SL_INVOKE_ON_ERROR : 0) |
                            (InvokeOnCancel ? SL_INVOKE_ON_CANCEL : 0));
}

/* --- control codes --- */

#define CTL_CODE(device_type, function, method, access)                                            \
    (((ULONG)(device_type) << 16) | ((ULONG)(access) << 14) | ((ULONG)(function) << 2) |           \
     (ULONG)(method))
#define METHOD_FROM_CTL_CODE(code) ((ULONG)((code)&3))
#define METHOD_BUFFERED            0
#define METHOD_IN_DIRECT           1
#define METHOD_OUT_DIRECT          2
#define METHOD_NEITHER             3
#define FILE_ANY_ACCESS            0
#define FILE_READ_ACCESS           1
#define FILE_WRITE_ACCESS          2
#define FILE_DEVICE_UNKNOWN        0x22
#define FILE_DEVICE_SECURE_OPEN    0x100

/* --- power --- */

typedef enum _SYSTEM_POWER_STATE {
    PowerSystemUnspecified,
    PowerSystemWorking,
    PowerSystemSleeping1,
    PowerSystemSleeping2,
    PowerSystemSleeping3,
    PowerSystemHibernate,
    PowerSystemShutdown,
    PowerSystemMaximum
} SYSTEM_POWER_STATE;
typedef enum _DEVICE_POWER_STATE {
    PowerDeviceUnspecified,
    PowerDeviceD0,
    PowerDeviceD1,
    PowerDeviceD2,
    PowerDeviceD3,
    PowerDeviceMaximum
} DEVICE_POWER_STATE;

#ifdef __cplusplus
}
#endif

#endif
