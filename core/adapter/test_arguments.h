/* SPDX-License-Identifier: MIT */
/*
 * test_arguments.h: every routine of the table as data: one call with good arguments, and the flaws each
 * argument can have. From that follow four tests: every combination of flaws, every fault point, every
 * interrupt level, a stale adapter.
 */
#ifndef MS_ADAPTER_TEST_ARGUMENTS_H
#define MS_ADAPTER_TEST_ARGUMENTS_H

#include "adapter/grant.h"
#include "adapter/test_chain.h"

/* What a call may write. Poisoned before each; a failing call leaves the poison (GEN-12). */
struct outs {
    PVOID base, address;
    PSCATTER_GATHER_LIST made;
    PHYSICAL_ADDRESS logical;
    PDMA_COMMON_BUFFER_VECTOR vector;
    PMDL target;
    ULONG size, count, registers;
    DMA_ADAPTER_INFO adapter_info;
    DMA_TRANSFER_INFO transfer_info;
    struct own_list list;
    char buffer[512];
};

struct args {
    PDMA_ADAPTER adapter;
    PDEVICE_OBJECT device;
    PDEVICE_DESCRIPTION description;
    DEVICE_DESCRIPTION described;
    PVOID tc, base, va, buffer;
    PVOID *base_out, *address_out;
    ULONG registers, flags, length, list_bytes, info_version, function;
    PULONG length_io, size_out, count_out, registers_out;
    PMDL mdl;
    ULONGLONG offset;
    BOOLEAN write;
    PDRIVER_CONTROL control;
    PDRIVER_LIST_CONTROL listed;
    PSCATTER_GATHER_LIST list;
    PSCATTER_GATHER_LIST *made_out;
    PPHYSICAL_ADDRESS logical_out, minimum, maximum;
    PHYSICAL_ADDRESS low, high, logical;
    MEMORY_CACHING_TYPE cache, *cache_at;
    HANDLE domain;
    ULONG elements, index, configs;
    ULONGLONG element_bytes;
    PDMA_COMMON_BUFFER_VECTOR vector;
    PDMA_COMMON_BUFFER_VECTOR *vector_out;
    PDMA_COMMON_BUFFER_EXTENDED_CONFIGURATION config;
    PDMA_ADAPTER_INFO adapter_info;
    PDMA_TRANSFER_INFO transfer_info;
    PMDL *target_out;
    IO_ALLOCATION_ACTION action;
};

/* Pointers that can not be written into a table. */
enum special {
    BAD_FIRST = 0x5BAD0000,
    BAD_CONTEXT = BAD_FIRST, /* never initialised */
    CANCELLED_CONTEXT,       /* CancelAdapterChannel marked it */
    PAGED_MDL,               /* its pages are not locked */
    OTHER_MDL,               /* a good one, but not the one that was mapped */
    VA_BEFORE,
    VA_BEHIND,
    LOW_LIMIT, /* an address so low that no buffer fits below */
    ABOVE_REACH,
    COMBINED_CACHE, /* a caching type that no common buffer has */
    BAD_CONFIG,
    ODD_CONFIG,
    BUS_MASTER, /* where a system adapter is needed */
    STRANGE_LIST,
    BAD_LAST,
};

struct rig {
    struct fixture f;
    struct chain chain;
    PDMA_ADAPTER master, system; /* SG32; the SoC's line 0x1003 */
    const DMA_OPERATIONS *ops;
    PMDL paged, aligned; /* aligned: page frames side by side, mapped, for common buffers */
    PVOID aligned_at;
    struct context context, raw, cancelled;
    PHYSICAL_ADDRESS low_limit, above_reach;
    MEMORY_CACHING_TYPE combined, cached;
    DMA_COMMON_BUFFER_EXTENDED_CONFIGURATION bad_config, odd_config, good_config;
    struct own_list strange;
    struct outs outs;
    PVOID held; /* what `prepare` got */
    HANDLE home;
    int entered;
};

/* A call's answer that is no NTSTATUS: NULL, FALSE, address 0. */
#define NOTHING_GOT ((NTSTATUS)0x7EEE0001)

struct flaw {
    const char *what;
    size_t at, bytes;
    uint64_t value;
    NTSTATUS want;
};

#define FLAW(field, value, want)                                                                   \
    {                                                                                              \
#field " = " #value, offsetof(struct args, field), sizeof(((struct args *)0)->field),      \
            (uint64_t)(value), (want)                                                              \
    }

enum { FLAWS_MAX = 12 };

struct routine {
    const char *name;
    /* Brings about what the call needs. NULL: nothing. */
    void (*prepare)(struct rig *rig, struct args *args);
    NTSTATUS (*call)(struct rig *rig, struct args *args);
    /* Takes back what a good call did, and then what `prepare` did. NULL: nothing. */
    void (*undo)(struct rig *rig, struct args *args);
    void (*finish)(struct rig *rig, struct args *args);
    bool slots_undefined; /* MTX-57: of the list, only the header stays */
    bool zeroes_length;   /* MTR-09 */
    NTSTATUS shortage;    /* what a failing allocation gets */
    struct flaw flaws[FLAWS_MAX];
};

#define BAD   STATUS_INVALID_PARAMETER
#define SHORT STATUS_INSUFFICIENT_RESOURCES
#define SMALL STATUS_BUFFER_TOO_SMALL

/* The flaws of what CurrentVa and Length of the older list routines may say, and of Offset and Length. */
#define OLD_RANGE                                                                                  \
    FLAW(va, VA_BEFORE, SMALL), FLAW(va, VA_BEHIND, SMALL), FLAW(length, 0x2801, SMALL)
#define NEW_RANGE                                                                                  \
    FLAW(offset, 0x2800, BAD), FLAW(offset, UINT64_MAX, BAD), FLAW(length, 0x2801, BAD)

static inline NTSTATUS got(bool is_something)
{
    return is_something ? STATUS_SUCCESS : NOTHING_GOT;
}

static inline void free_channel(struct rig *rig, struct args *a)
{
    rig->ops->FreeAdapterChannel(a->adapter);
}

/* The caller owns the adapter and four registers. */
static inline void hold_channel(struct rig *rig, struct args *a)
{
    PVOID base;

    assert_status(grant_sync(&rig->f, a->adapter, 4, &base), STATUS_SUCCESS);
    a->base = base;
}

static inline void asynchronous(struct rig *rig, struct args *a)
{
    (void)rig;
    a->flags = 0;
    a->base_out = NULL;
}

/* Somebody else owns the adapter, so the request has to wait. */
static inline void owned(struct rig *rig, struct args *a)
{
    PVOID base;

    assert_status(grant_sync(&rig->f, a->adapter, 4, &base), STATUS_SUCCESS);
    asynchronous(rig, a);
}

static inline void let_in_and_free(struct rig *rig, struct args *a)
{
    int entered = rig->entered;

    rig->ops->FreeAdapterChannel(a->adapter);
    assert_int_equal(rig->entered, entered + 1);
    rig->ops->FreeAdapterChannel(a->adapter);
}

static inline void put_held(struct rig *rig, struct args *a)
{
    rig->ops->PutScatterGatherList(a->adapter, rig->held, a->write);
}

/* A file each: versions 1 and 2; version 3; common buffers, vectors and domains. */
extern const struct routine argument_rows_old[], argument_rows_new[], argument_rows_common[];
extern const size_t argument_rows_old_count, argument_rows_new_count, argument_rows_common_count;

#endif
