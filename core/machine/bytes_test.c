/* SPDX-License-Identifier: MIT */
/*
 * One MapTransferEx end to end: a driver-shaped caller, an emulated device that knows nothing but the
 * list, and every byte compared, in both directions, bounced or not, whole and in parts.
 */
#include "machine/machine.h"
#include "platform/prng.h"
#include "platform/test.h"

enum { PAGES_MAX = 24, BYTES_MAX = PAGES_MAX * PAGE_SIZE, ELEMENTS = 32, PARTS_MAX = 3 };

struct driver {
    struct ms_machine *machine;
    PDMA_ADAPTER adapter;
    uint32_t width;
    ULONG registers;
    struct ms_buffer *part[PARTS_MAX];
    uint32_t parts;
    uint32_t bytes;
    uint8_t want[BYTES_MAX], device[BYTES_MAX];
};

struct adapter_case {
    const char *name;
    BOOLEAN sg;
    ULONG width;
};

static const struct adapter_case adapters[] = {
    {"scatter/gather, 64 bits", TRUE, 64}, {"scatter/gather, 32 bits", TRUE, 32},
    {"scatter/gather, 24 bits", TRUE, 24}, {"packet, 64 bits", FALSE, 64},
    {"packet, 32 bits", FALSE, 32},        {"packet, 24 bits", FALSE, 24},
};

static void driver_open(struct driver *d, struct ms_machine *machine,
                        const struct adapter_case *kind)
{
    DEVICE_DESCRIPTION description = {
        .Version = DEVICE_DESCRIPTION_VERSION3,
        .Master = TRUE,
        .ScatterGather = kind->sg,
        .InterfaceType = PCIBus,
        .MaximumLength = BYTES_MAX,
        .DmaAddressWidth = kind->width,
    };

    d->machine = machine;
    d->width = kind->width;
    d->adapter = IoGetDmaAdapter(ms_machine_pdo(machine), &description, &d->registers);
    assert_non_null(d->adapter);
}

/* Random frames below 16 MiB, below 4 GiB or above; neighbours now and then. */
static PFN_NUMBER frame_draw(struct ms_prng *prng, PFN_NUMBER before)
{
    static const uint64_t first[] = {0x200, 0x4000, 0x100000};
    static const uint32_t pages[] = {0x800, 0x8000, 0x80000};
    uint32_t zone = ms_prng_below(prng, 3);

    if (before != 0 && ms_prng_below(prng, 2))
        return before + 1;
    return first[zone] + ms_prng_below(prng, pages[zone]);
}

static void chain_make(struct driver *d, struct ms_prng *prng)
{
    d->parts = 1 + ms_prng_below(prng, PARTS_MAX);
    d->bytes = 0;
    for (uint32_t i = 0; i < d->parts; i++) {
        PFN_NUMBER pfn[8];
        do { /* until the drawn frames are free and RAM */
            for (uint32_t k = 0; k < 8; k++)
                pfn[k] = frame_draw(prng, k ? pfn[k - 1] : 0);
            uint32_t offset = ms_prng_below(prng, 3) ? ms_prng_below(prng, PAGE_SIZE) : 0;
            uint32_t bytes = 1 + ms_prng_below(prng, 7 * PAGE_SIZE);
            d->part[i] = ms_buffer_create(d->machine, pfn, offset, bytes);
        } while (!d->part[i]);
        d->bytes += MmGetMdlByteCount(ms_buffer_mdl(d->part[i]));
        if (i > 0)
            ms_buffer_mdl(d->part[i - 1])->Next = ms_buffer_mdl(d->part[i]);
    }
}

static void chain_free(struct driver *d)
{
    for (uint32_t i = 0; i < d->parts; i++)
        ms_buffer_destroy(d->part[i]);
}

/* Copies between the chain and `flat` through the buffers' views. */
static void chain_copy(struct driver *d, uint8_t *flat, bool to_chain)
{
    for (uint32_t i = 0; i < d->parts; i++) {
        uint32_t bytes = MmGetMdlByteCount(ms_buffer_mdl(d->part[i]));
        if (to_chain)
            memcpy(ms_buffer_bytes(d->part[i]), flat, bytes);
        else
            memcpy(flat, ms_buffer_bytes(d->part[i]), bytes);
        flat += bytes;
    }
}

static void fill(uint8_t *bytes, size_t count, struct ms_prng *prng)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)ms_prng_next(prng);
}

/* The driver: map, let the device move, flush, go on, until all is moved. How many mappings it took. */
static uint32_t transfer(struct driver *d, BOOLEAN write, ULONG registers, ULONG list_slots)
{
    const DMA_OPERATIONS *ops = d->adapter->DmaOperations;
    char context[DMA_TRANSFER_CONTEXT_SIZE_V1];
    char memory[16 + 24 * ELEMENTS + 1];
    PSCATTER_GATHER_LIST list = (PSCATTER_GATHER_LIST)(memory + (registers & 1)); /* MTX-15 */
    PMDL head = ms_buffer_mdl(d->part[0]);
    uint32_t mappings = 0;
    PVOID base;

    assert_status(ops->InitializeDmaTransferContext(d->adapter, context), STATUS_SUCCESS);
    assert_status(ops->AllocateAdapterChannelEx(d->adapter, ms_machine_pdo(d->machine), context,
                                                registers, DMA_SYNCHRONOUS_CALLBACK, NULL, NULL,
                                                &base),
                  STATUS_SUCCESS);
    for (ULONGLONG offset = 0; offset < d->bytes; mappings++) {
        ULONG length = (ULONG)(d->bytes - offset);
        assert_status(ops->MapTransferEx(d->adapter, head, base, offset, 0, &length, write, list,
                                         16 + 24 * list_slots, NULL, NULL),
                      STATUS_SUCCESS);
        assert_in_range(length, 1, d->bytes - offset); /* MTX-29 */
        uint64_t moved =
            write ? ms_device_read_list(d->machine, d->width, list, d->device + offset, length)
                  : ms_device_write_list(d->machine, d->width, list, d->device + offset, length);
        assert_int_equal(moved, length);
        assert_status(ops->FlushAdapterBuffersEx(d->adapter, head, base, offset, length, write),
                      STATUS_SUCCESS);
        offset += length;
    }
    ops->FreeAdapterChannel(d->adapter);
    return mappings;
}

MS_TEST(every_byte_arrives_in_both_directions_on_every_adapter)
{
    const char *wrong = NULL;
    struct ms_machine *machine = ms_machine_create(NULL, &wrong);
    struct ms_prng prng = {2026};
    static struct driver d;
    static uint8_t got[BYTES_MAX];

    assert_non_null(machine);
    ms_machine_enter(machine);
    for (int round = 0; round < 120; round++) {
        const struct adapter_case *kind = &adapters[round % 6];
        driver_open(&d, machine, kind);
        chain_make(&d, &prng);
        ULONG need = 8 + ms_prng_below(&prng, d.registers - 8);
        ULONG slots = round % 5 ? ELEMENTS : 1;

        fill(d.want, d.bytes, &prng); /* to the device */
        chain_copy(&d, d.want, true);
        memset(d.device, 0, d.bytes);
        (void)transfer(&d, TRUE, need, slots);
        assert_memory_equal(d.device, d.want, d.bytes);
        chain_copy(&d, got, false);
        assert_memory_equal(got, d.want, d.bytes); /* the driver's own bytes are untouched */

        fill(d.device, d.bytes, &prng); /* from the device */
        (void)transfer(&d, FALSE, need, slots);
        chain_copy(&d, got, false);
        assert_memory_equal(got, d.device, d.bytes);

        chain_free(&d);
        d.adapter->DmaOperations->PutDmaAdapter(d.adapter);
        assert_true(ms_machine_audit(machine));
    }
    ms_machine_leave();
    ms_machine_destroy(machine);
}

/* FLX-06, EXM-16, MRG-15: a short flush copies back only what it names; nothing else changes. */
MS_TEST(a_short_flush_copies_back_only_its_bytes)
{
    struct ms_machine *machine = ms_machine_create(NULL, NULL);
    const PFN_NUMBER pfn[] = {0x140000, 0x140008};
    static struct driver d;
    char context[DMA_TRANSFER_CONTEXT_SIZE_V1], memory[16 + 24 * 4];
    PSCATTER_GATHER_LIST list = (PSCATTER_GATHER_LIST)memory;

    ms_machine_enter(machine);
    driver_open(&d, machine, &adapters[1]);
    const DMA_OPERATIONS *ops = d.adapter->DmaOperations;
    d.part[0] = ms_buffer_create(machine, pfn, 0, 0x2000);
    assert_non_null(d.part[0]);
    PMDL mdl = ms_buffer_mdl(d.part[0]);
    uint8_t *bytes = ms_buffer_bytes(d.part[0]);
    for (uint32_t flush = 0; flush <= 0x2000; flush += flush < 0x1000 ? 0x6FF : 0x331) {
        ULONG length = 0x2000;
        PVOID base;
        memset(bytes, 0x11, 0x2000);
        memset(d.device, 0x22, 0x2000);
        ops->InitializeDmaTransferContext(d.adapter, context);
        assert_status(ops->AllocateAdapterChannelEx(d.adapter, ms_machine_pdo(machine), context, 2,
                                                    DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &base),
                      STATUS_SUCCESS);
        assert_status(ops->MapTransferEx(d.adapter, mdl, base, 0, 0, &length, FALSE, list,
                                         sizeof memory, NULL, NULL),
                      STATUS_SUCCESS);
        assert_int_equal(ms_device_write_list(machine, 32, list, d.device, 0x2000), 0x2000);
        assert_int_equal(bytes[0], 0x11); /* MRG-15: not before the flush */
        assert_status(ops->FlushAdapterBuffersEx(d.adapter, mdl, base, 0, flush, FALSE),
                      STATUS_SUCCESS);
        for (uint32_t i = 0; i < 0x2000; i++)
            assert_int_equal(bytes[i], i < flush ? 0x22 : 0x11);
        ops->FreeAdapterChannel(d.adapter);
    }
    ms_buffer_destroy(d.part[0]);
    ops->PutDmaAdapter(d.adapter);
    ms_machine_leave();
    ms_machine_destroy(machine);
}

/* MRG-16: what an earlier transfer left in a register page never reaches a buffer. */
MS_TEST(an_idle_device_leaves_no_earlier_bytes_in_a_buffer)
{
    struct ms_machine *machine = ms_machine_create(NULL, NULL);
    const PFN_NUMBER pfn[] = {0x140000, 0x140008};
    static struct driver d;

    ms_machine_enter(machine);
    driver_open(&d, machine, &adapters[4]);
    d.parts = 1;
    d.bytes = 0x2000;
    d.part[0] = ms_buffer_create(machine, pfn, 0, 0x2000);
    memset(ms_buffer_bytes(d.part[0]), 0x77, 0x2000);
    (void)transfer(&d, TRUE, 3, 1); /* a secret passes through the registers */
    char context[DMA_TRANSFER_CONTEXT_SIZE_V1], memory[40];
    ULONG length = 0x2000;
    PVOID base;
    const DMA_OPERATIONS *ops = d.adapter->DmaOperations;
    ops->InitializeDmaTransferContext(d.adapter, context);
    assert_status(ops->AllocateAdapterChannelEx(d.adapter, ms_machine_pdo(machine), context, 3,
                                                DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &base),
                  STATUS_SUCCESS);
    assert_status(ops->MapTransferEx(d.adapter, ms_buffer_mdl(d.part[0]), base, 0, 0, &length,
                                     FALSE, (PSCATTER_GATHER_LIST)memory, 40, NULL, NULL),
                  STATUS_SUCCESS);
    assert_status(
        ops->FlushAdapterBuffersEx(d.adapter, ms_buffer_mdl(d.part[0]), base, 0, length, FALSE),
        STATUS_SUCCESS);
    for (uint32_t i = 0; i < 0x2000; i++)
        assert_int_equal(ms_buffer_bytes(d.part[0])[i], 0);
    ops->FreeAdapterChannel(d.adapter);
    ms_buffer_destroy(d.part[0]);
    ops->PutDmaAdapter(d.adapter);
    ms_machine_leave();
    ms_machine_destroy(machine);
}
