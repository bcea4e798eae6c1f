/* SPDX-License-Identifier: MIT */
/* wdfobject.h: framework objects: attributes, contexts, references, deletion (OBJ-*). */
#ifndef MS_WDFOBJECT_H
#define MS_WDFOBJECT_H

#include "wdftypes.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef VOID EVT_WDF_OBJECT_CONTEXT_CLEANUP(_In_ WDFOBJECT Object);
typedef EVT_WDF_OBJECT_CONTEXT_CLEANUP *PFN_WDF_OBJECT_CONTEXT_CLEANUP;
typedef VOID EVT_WDF_OBJECT_CONTEXT_DESTROY(_In_ WDFOBJECT Object);
typedef EVT_WDF_OBJECT_CONTEXT_DESTROY *PFN_WDF_OBJECT_CONTEXT_DESTROY;

typedef enum _WDF_EXECUTION_LEVEL {
    WdfExecutionLevelInvalid = 0x00,
    WdfExecutionLevelInheritFromParent,
    WdfExecutionLevelPassive,
    WdfExecutionLevelDispatch
} WDF_EXECUTION_LEVEL;

typedef enum _WDF_SYNCHRONIZATION_SCOPE {
    WdfSynchronizationScopeInvalid = 0x00,
    WdfSynchronizationScopeInheritFromParent,
    WdfSynchronizationScopeDevice,
    WdfSynchronizationScopeQueue,
    WdfSynchronizationScopeNone
} WDF_SYNCHRONIZATION_SCOPE;

typedef struct _WDF_OBJECT_CONTEXT_TYPE_INFO WDF_OBJECT_CONTEXT_TYPE_INFO,
    *PWDF_OBJECT_CONTEXT_TYPE_INFO;
typedef const WDF_OBJECT_CONTEXT_TYPE_INFO *PCWDF_OBJECT_CONTEXT_TYPE_INFO;
typedef PCWDF_OBJECT_CONTEXT_TYPE_INFO(NTAPI *PFN_GET_UNIQUE_CONTEXT_TYPE)(VOID);

struct _WDF_OBJECT_CONTEXT_TYPE_INFO {
    ULONG Size;
    LPCSTR ContextName;
    size_t ContextSize;
    PCWDF_OBJECT_CONTEXT_TYPE_INFO UniqueType; /* identity of the type (OBJ-03) */
    PFN_GET_UNIQUE_CONTEXT_TYPE EvtDriverGetUniqueContextType;
};

typedef struct _WDF_OBJECT_ATTRIBUTES {
    ULONG Size;
    PFN_WDF_OBJECT_CONTEXT_CLEANUP EvtCleanupCallback;
    PFN_WDF_OBJECT_CONTEXT_DESTROY EvtDestroyCallback;
    WDF_EXECUTION_LEVEL ExecutionLevel;
    WDF_SYNCHRONIZATION_SCOPE SynchronizationScope;
    WDFOBJECT ParentObject;
    size_t ContextSizeOverride;
    PCWDF_OBJECT_CONTEXT_TYPE_INFO ContextTypeInfo;
} WDF_OBJECT_ATTRIBUTES, *PWDF_OBJECT_ATTRIBUTES;
static_assert(sizeof(WDF_OBJECT_ATTRIBUTES) == 0x38 &&
                  offsetof(WDF_OBJECT_ATTRIBUTES, ExecutionLevel) == 0x18 &&
                  offsetof(WDF_OBJECT_ATTRIBUTES, SynchronizationScope) == 0x1C &&
                  offsetof(WDF_OBJECT_ATTRIBUTES, ParentObject) == 0x20 &&
                  offsetof(WDF_OBJECT_ATTRIBUTES, ContextSizeOverride) == 0x28 &&
                  offsetof(WDF_OBJECT_ATTRIBUTES, ContextTypeInfo) == 0x30,
              "WDF_OBJECT_ATTRIBUTES is as Windows has it (OBJ-01)");
static_assert(sizeof(WDF_OBJECT_CONTEXT_TYPE_INFO) == 0x28 &&
                  offsetof(WDF_OBJECT_CONTEXT_TYPE_INFO, ContextSize) == 0x10 &&
                  offsetof(WDF_OBJECT_CONTEXT_TYPE_INFO, UniqueType) == 0x18,
              "WDF_OBJECT_CONTEXT_TYPE_INFO is as Windows has it");

FORCEINLINE VOID WDF_OBJECT_ATTRIBUTES_INIT(_Out_ PWDF_OBJECT_ATTRIBUTES Attributes)
{
    RtlZeroMemory(Attributes, sizeof(WDF_OBJECT_ATTRIBUTES));
    Attributes->Size = sizeof(WDF_OBJECT_ATTRIBUTES);
    Attributes->ExecutionLevel = WdfExecutionLevelInheritFromParent;
    Attributes->SynchronizationScope = WdfSynchronizationScopeInheritFromParent;
}

/* --- context types ---
 *
 * The type's description is one weak constant for the whole program: its address is the type's
 * identity however many files declare it. C++ gives constants internal linkage unless told. */

#define MS_WDF_TYPE_INFO(type)          _WDF_##type##_TYPE_INFO
#define WDF_GET_CONTEXT_TYPE_INFO(type) (MS_WDF_TYPE_INFO(type).UniqueType)

#define WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(type, function)                                         \
    EXTERN_C const WDF_OBJECT_CONTEXT_TYPE_INFO MS_WDF_TYPE_INFO(type) __attribute__((weak));      \
    const WDF_OBJECT_CONTEXT_TYPE_INFO MS_WDF_TYPE_INFO(type) = {                                  \
        sizeof(WDF_OBJECT_CONTEXT_TYPE_INFO), #type, sizeof(type), &MS_WDF_TYPE_INFO(type), NULL}; \
    __attribute__((unused)) static inline type *function(_In_ WDFOBJECT Handle)                    \
    {                                                                                              \
        return (type *)WdfObjectGetTypedContextWorker(Handle, WDF_GET_CONTEXT_TYPE_INFO(type));    \
    }
#define WDF_DECLARE_CONTEXT_TYPE(type) WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(type, WdfObjectGet_##type)
#define WDF_DECLARE_SHARED_CONTEXT_TYPE_WITH_NAME(type, function)                                  \
    WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(type, function)

#define WDF_OBJECT_ATTRIBUTES_SET_CONTEXT_TYPE(attributes, type)                                   \
    ((attributes)->ContextTypeInfo = WDF_GET_CONTEXT_TYPE_INFO(type))
#define WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(attributes, type)                                  \
    (WDF_OBJECT_ATTRIBUTES_INIT(attributes),                                                       \
     WDF_OBJECT_ATTRIBUTES_SET_CONTEXT_TYPE(attributes, type))
#define WdfObjectGetTypedContext(handle, type)                                                     \
    ((type *)WdfObjectGetTypedContextWorker((WDFOBJECT)(handle), WDF_GET_CONTEXT_TYPE_INFO(type)))

/* NULL: a dead handle, or the object has no context of this type (OBJ-02, OBJ-03). */
_IRQL_requires_max_(DISPATCH_LEVEL + 1) PVOID WDFAPI
    WdfObjectGetTypedContextWorker(_In_ WDFOBJECT Handle,
                                   _In_ PCWDF_OBJECT_CONTEXT_TYPE_INFO TypeInfo);
/* Another context on a live object; STATUS_OBJECT_NAME_EXISTS with the one that is there already. */
_Must_inspect_result_ _IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI
    WdfObjectAllocateContext(_In_ WDFOBJECT Handle, _In_ PWDF_OBJECT_ATTRIBUTES ContextAttributes,
                             _Outptr_opt_ PVOID *Context);
WDFOBJECT WDFAPI WdfObjectContextGetObject(_In_ PVOID ContextPointer);

VOID WDFAPI WdfObjectReferenceActual(_In_ WDFOBJECT Handle, _In_opt_ PVOID Tag, _In_ LONG Line,
                                     _In_ PCSTR File);
VOID WDFAPI WdfObjectDereferenceActual(_In_ WDFOBJECT Handle, _In_opt_ PVOID Tag, _In_ LONG Line,
                                       _In_ PCSTR File);
#define WdfObjectReference(handle)   WdfObjectReferenceActual(handle, NULL, __LINE__, __FILE__)
#define WdfObjectDereference(handle) WdfObjectDereferenceActual(handle, NULL, __LINE__, __FILE__)
#define WdfObjectReferenceWithTag(handle, tag)                                                     \
    WdfObjectReferenceActual(handle, tag, __LINE__, __FILE__)
#define WdfObjectDereferenceWithTag(handle, tag)                                                   \
    WdfObjectDereferenceActual(handle, tag, __LINE__, __FILE__)

_Must_inspect_result_ _IRQL_requires_max_(DISPATCH_LEVEL) NTSTATUS WDFAPI
    WdfObjectCreate(_In_opt_ PWDF_OBJECT_ATTRIBUTES Attributes, _Out_ WDFOBJECT *Object);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WDFAPI WdfObjectDelete(_In_ WDFOBJECT Object);

#ifdef __cplusplus
}
#endif

#endif
