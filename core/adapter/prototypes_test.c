/* SPDX-License-Identifier: MIT */
/*
 * The interface's types, written down a second time in plain C: what a parameter of another number,
 * order or type would break. A row that does not fit does not compile.
 */
#include "adapter/test_fixture.h"
#include "ntddk.h"
#include "ntifs.h"

#define IS(expression, ...) _Generic((expression), __VA_ARGS__ : 1, default : 0)
#define MEMBER(name, ...)                                                                          \
    static_assert(IS(((DMA_OPERATIONS *)0)->name, __VA_ARGS__), #name " has another prototype")

typedef struct _DMA_ADAPTER *A;
typedef struct _DEVICE_OBJECT *D;
typedef struct _MDL *M;
typedef struct _SCATTER_GATHER_LIST *L;
typedef union _LARGE_INTEGER P;
typedef uint32_t U;
typedef uint64_t Q;
typedef unsigned char B;
typedef int32_t S;

/* What a driver calls back: DRIVER_CONTROL, DRIVER_LIST_CONTROL, DMA_COMPLETION_ROUTINE. */
typedef IO_ALLOCATION_ACTION (*R)(D, struct _IRP *, void *, void *);
typedef void (*RL)(D, struct _IRP *, L, void *);
typedef void (*RC)(A, D, void *, DMA_COMPLETION_STATUS);
static_assert(IS((PDRIVER_CONTROL)0, R), "EXR-01");
static_assert(IS((PDRIVER_LIST_CONTROL)0, RL), "SGL-14");
static_assert(IS((PDMA_COMPLETION_ROUTINE)0, RC), "CPL-01");

static_assert(IS(&IoGetDmaAdapter, A (*)(D, DEVICE_DESCRIPTION *, U *)), "IGA-01");
MEMBER(PutDmaAdapter, void (*)(A));
MEMBER(AllocateCommonBuffer, void *(*)(A, U, P *, B));
MEMBER(FreeCommonBuffer, void (*)(A, U, P, void *, B));
MEMBER(AllocateAdapterChannel, S (*)(A, D, U, R, void *));
MEMBER(FlushAdapterBuffers, B (*)(A, M, void *, void *, U, B));
MEMBER(FreeAdapterChannel, void (*)(A));
MEMBER(FreeMapRegisters, void (*)(A, void *, U));
MEMBER(MapTransfer, P (*)(A, M, void *, void *, U *, B));
MEMBER(GetDmaAlignment, U (*)(A));
MEMBER(ReadDmaCounter, U (*)(A));
MEMBER(GetScatterGatherList, S (*)(A, D, M, void *, U, RL, void *, B));
MEMBER(PutScatterGatherList, void (*)(A, L, B));
MEMBER(CalculateScatterGatherList, S (*)(A, M, void *, U, U *, U *));
MEMBER(BuildScatterGatherList, S (*)(A, D, M, void *, U, RL, void *, B, void *, U));
MEMBER(BuildMdlFromScatterGatherList, S (*)(A, L, M, M *));
MEMBER(GetDmaAdapterInfo, S (*)(A, DMA_ADAPTER_INFO *));
MEMBER(GetDmaTransferInfo, S (*)(A, M, Q, U, B, DMA_TRANSFER_INFO *));
MEMBER(InitializeDmaTransferContext, S (*)(A, void *));
MEMBER(AllocateCommonBufferEx, void *(*)(A, P *, U, P *, B, U));
MEMBER(AllocateAdapterChannelEx, S (*)(A, D, void *, U, U, R, void *, void **));
MEMBER(ConfigureAdapterChannel, S (*)(A, U, void *));
MEMBER(CancelAdapterChannel, B (*)(A, D, void *));
MEMBER(MapTransferEx, S (*)(A, M, void *, Q, U, U *, B, L, U, RC, void *));
MEMBER(GetScatterGatherListEx, S (*)(A, D, void *, M, Q, U, U, RL, void *, B, RC, void *, L *));
MEMBER(BuildScatterGatherListEx,
       S (*)(A, D, void *, M, Q, U, U, RL, void *, B, void *, U, RC, void *, void *));
MEMBER(FlushAdapterBuffersEx, S (*)(A, M, void *, Q, U, B));
MEMBER(FreeAdapterObject, void (*)(A, IO_ALLOCATION_ACTION));
MEMBER(CancelMappedTransfer, S (*)(A, void *));
MEMBER(AllocateDomainCommonBuffer,
       S (*)(A, void *, P *, U, U, MEMORY_CACHING_TYPE *, U, P *, void **));
MEMBER(FlushDmaBuffer, S (*)(A, M, B));
MEMBER(JoinDmaDomain, S (*)(A, void *));
MEMBER(LeaveDmaDomain, S (*)(A));
MEMBER(GetDmaDomain, void *(*)(A));
MEMBER(AllocateCommonBufferWithBounds, void *(*)(A, P *, P *, U, U, MEMORY_CACHING_TYPE *, U, P *));
MEMBER(AllocateCommonBufferVector,
       S (*)(A, P, P, MEMORY_CACHING_TYPE, U, U, U, Q, struct _DMA_COMMON_BUFFER_VECTOR **));
MEMBER(GetCommonBufferFromVectorByIndex,
       void (*)(A, struct _DMA_COMMON_BUFFER_VECTOR *, U, void **, P *));
MEMBER(FreeCommonBufferFromVector, void (*)(A, struct _DMA_COMMON_BUFFER_VECTOR *, U));
MEMBER(FreeCommonBufferVector, void (*)(A, struct _DMA_COMMON_BUFFER_VECTOR *));
MEMBER(CreateCommonBufferFromMdl, S (*)(A, M, DMA_COMMON_BUFFER_EXTENDED_CONFIGURATION *, U, P *));

/* IGA-01, ACX-01, CAC-01, MTX-01, FLX-01, CMT-01, CFG-01, GTI-01, CSG-01, SGX-01, MTR-01, FLB-01, ACH-01,
 * PSG-01, SGL-01: the rows above compiled. */
MS_TEST(every_member_has_the_prototype_of_the_contract)
{
    struct fixture f;
    fixture_open(&f);
    /* Every slot between the header and the end of the table is one of the 39 members above. */
    PDMA_ADAPTER a = adapter_get(&f, SG64, NULL);
    PVOID slot[(sizeof(DMA_OPERATIONS) - offsetof(DMA_OPERATIONS, PutDmaAdapter)) / sizeof(PVOID)];
    memcpy(slot, (char *)a->DmaOperations + offsetof(DMA_OPERATIONS, PutDmaAdapter), sizeof slot);
    assert_int_equal(sizeof slot / sizeof slot[0], 39);
    for (size_t i = 0; i < sizeof slot / sizeof slot[0]; i++) {
        assert_non_null(slot[i]); /* VER-10 */
        for (size_t j = 0; j < i; j++)
            assert_ptr_not_equal(slot[i], slot[j]);
    }
    a->DmaOperations->PutDmaAdapter(a);
    fixture_close(&f);
}

/* DDX-29, EXR-03, CPL-02, SGE-01, GAI-03, MDL-01, TCX-01, GEN-11: wdm_layouts.h asserts sizes, offsets
 * and values; here the same at run time for those that overlay each other. */
MS_TEST(what_overlays_in_the_structures_overlays_as_on_windows)
{
    CM_PARTIAL_RESOURCE_DESCRIPTOR resource = {.Type = CmResourceTypeDma};
    union _LARGE_INTEGER address = {.QuadPart = 0x0123456789ABCDEF};
    DMA_TRANSFER_INFO transfer = {.Version = 1, .V2 = {1, 2, 3, 4}};
    DMA_ADAPTER_INFO adapter = {DMA_ADAPTER_INFO_VERSION1, {{0}}};
    struct {
        MDL header;
        PFN_NUMBER pfn[2];
    } mdl = {.pfn = {7, 9}};

    resource.u.DmaV3.RequestLine = 0x1000;
    assert_int_equal(resource.u.Dma.Port, 0x1000); /* DDX-29 */
    assert_int_equal(address.LowPart, 0x89ABCDEF);
    assert_int_equal(address.u.HighPart, 0x01234567);
    assert_int_equal(transfer.V1.ScatterGatherListSize, 3);
    assert_int_equal(adapter.Version, 1);
    assert_int_equal(MmGetMdlPfnArray(&mdl.header)[1], 9); /* MDL-01 */
    assert_int_equal(DMA_TRANSFER_CONTEXT_SIZE_V1, 128);
    assert_int_equal((ULONG)STATUS_INVALID_PARAMETERS, 0xC000000D);
    assert_int_equal(DeallocateObjectKeepRegisters, 3);
    assert_int_equal(DmaCancelled, 3);
}
