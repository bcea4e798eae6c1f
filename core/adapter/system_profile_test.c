/* SPDX-License-Identifier: MIT */
/*
 * What controllers are, as a driver sees it: limits of the list, units, widths, addresses, auto-initialise,
 * several controllers in one machine; and the call sequences of framework and audio drivers.
 */
#include "adapter/test_system.h"

/* --- limits of the list ------------------------------------------------------------------------------ */

/* SDM-01, SDM-05, GAI-03, GAI-05, MTX-28, MTX-31: no map takes more elements than the controller can. */
MS_TEST(a_map_ends_where_the_controller_takes_no_more_elements)
{
    struct ms_controller_config c[2] = {ms_controller_legacy(), ms_controller_soc()};
    struct system s;
    DEVICE_DESCRIPTION d = description_soc();
    DMA_ADAPTER_INFO info = {DMA_ADAPTER_INFO_VERSION1, {{0, 0, 0, 0, 0}}};

    c[1].elements_max = 2;
    system_open_on(&s, c, &d, scattered, 0x100, 0x3000);
    assert_status(s.ops->GetDmaAdapterInfo(s.adapter, &info), STATUS_SUCCESS);
    assert_int_equal(info.V1.ScatterGatherLimit, 2);
    system_grant(&s, 4);
    ULONG done = 0;
    for (int part = 0; done < 0x3000; part++) {
        static const ULONG want[] = {0x1F00, 0x1100};
        s.length = 0x3000 - done;
        assert_status(system_map(&s, done, TRUE), STATUS_SUCCESS);
        assert_int_equal(s.length, want[part]);
        ms_controller_step(s.controller, 0x3000);
        assert_int_equal(s.heard.status, DmaComplete);
        assert_status(system_flush(&s, done, s.length, TRUE), STATUS_SUCCESS);
        done += s.length;
    }
    assert_memory_equal(s.taken, s.want, 0x3000);
    system_close(&s);
}

/* MTX-11, MTX-38: without a list of the driver's one element is certain, and a machine may give no more. */
MS_TEST(the_internal_list_has_as_many_elements_as_the_machine_says)
{
    for (uint32_t elements = 0; elements <= 3; elements++) {
        struct ms_controller_config c[2] = {ms_controller_legacy(), ms_controller_soc()};
        struct system s;
        DEVICE_DESCRIPTION d = description_soc();

        c[1].own_elements = elements;
        system_open_on(&s, c, &d, scattered, 0, 0x3000);
        system_grant(&s, 4);
        for (ULONG done = 0; done < 0x3000; done += s.length) {
            ULONG most = elements ? elements * 0x1000 : 0x3000;
            s.length = 0x3000 - done;
            assert_status(s.ops->MapTransferEx(s.adapter, s.mdl, s.base, done, 0, &s.length, TRUE,
                                               NULL, 0, completed, &s.heard),
                          STATUS_SUCCESS);
            assert_int_equal(s.length, most < 0x3000 - done ? most : 0x3000 - done);
            ms_controller_step(s.controller, 0x3000);
            assert_status(system_flush(&s, done, s.length, TRUE), STATUS_SUCCESS);
        }
        assert_memory_equal(s.taken, s.want, 0x3000);
        system_close(&s);
    }
}

/* SGE-09, MTX-30, MTX-32, GAI-03, SDM-01: elements are multiples of the unit, or there is no mapping. */
MS_TEST(elements_are_whole_transfer_units)
{
    struct ms_controller_config c[2] = {ms_controller_legacy(), ms_controller_soc()};
    DEVICE_DESCRIPTION d = description_soc();
    DMA_ADAPTER_INFO info = {DMA_ADAPTER_INFO_VERSION1, {{0, 0, 0, 0, 0}}};

    c[1].unit = 16;
    for (ULONG offset = 0xFE0; offset < 0x1000; offset += 4) {
        struct system s;
        system_open_on(&s, c, &d, scattered, offset, 0x200);
        assert_status(s.ops->GetDmaAdapterInfo(s.adapter, &info), STATUS_SUCCESS);
        assert_int_equal(info.V1.MinimumTransferUnit, 16);
        system_grant(&s, 4);
        ULONG first = 0x1000 - offset; /* in the first page; the second is no neighbour */
        NTSTATUS status = system_map(&s, 0, TRUE);
        if (first < 16) {
            assert_status(status, STATUS_INVALID_PARAMETER);
            assert_int_equal(s.length, 0x200);
        } else {
            assert_status(status, STATUS_SUCCESS);
            assert_int_equal(s.length, first % 16 ? first & ~15u : 0x200);
            ms_controller_step(s.controller, 0x200);
            assert_int_equal(s.heard.status, DmaComplete);
            assert_memory_equal(s.taken, s.want, s.length);
            assert_int_equal(s.fifo.taken_count, s.length);
        }
        system_close(&s);
    }
}

/* --- widths ------------------------------------------------------------------------------------------ */

/* SDM-11, DDX-13, DDX-31: the description's width is what the engine moves at a time. */
MS_TEST(the_engine_moves_what_the_devices_port_takes_at_a_time)
{
    static const DMA_WIDTH widths[] = {Width8Bits, Width16Bits, Width32Bits, Width64Bits};

    for (uint32_t w = 0; w < 4; w++) {
        struct system s;
        DEVICE_DESCRIPTION d = description_soc();
        uint32_t bytes = 1u << w;
        d.DmaWidth = widths[w];
        d.DemandMode = TRUE;
        system_open(&s, &d, scattered, 0x10, 0x103);
        s.fifo.unit = bytes;
        ms_store_relaxed(&s.fifo.credit, bytes - 1);
        system_grant(&s, 2);
        assert_status(system_map(&s, 0, TRUE), STATUS_SUCCESS);
        assert_int_equal(ms_controller_step(s.controller, 1000), 0);
        ms_fifo_credit(&s.fifo, 1);
        assert_int_equal(ms_controller_step(s.controller, 1000), bytes);
        ms_fifo_credit(&s.fifo, 0x1000);
        while (s.heard.count == 0)
            assert_true(ms_controller_step(s.controller, bytes) > 0);
        assert_memory_equal(s.taken, s.want, 0x103); /* its last bytes fill no unit */
        system_close(&s);
    }
    for (uint32_t w = 0; w < 4; w++) { /* the old controller has ports of one and two bytes */
        struct system s;
        DEVICE_DESCRIPTION d = description_soc(), old = description_legacy();
        ULONG registers;
        PDMA_ADAPTER a;
        system_open(&s, &d, scattered, 0, 0x100);
        old.DmaWidth = widths[w];
        a = ms_adapter_open(s.f.dma, &s.f.pdo, &old, &registers);
        assert_true((a != NULL) == (w < 2));
        if (a)
            a->DmaOperations->PutDmaAdapter(a);
        system_close(&s);
    }
}

/* SDM-12, DDX-04, MTX-58: without demand mode the request line is not looked at. */
MS_TEST(without_demand_mode_bytes_flow_whatever_the_request_line_says)
{
    for (ULONG version = 1; version <= 3; version++)
        for (int demand = 0; demand <= 1; demand++) {
            struct system s;
            DEVICE_DESCRIPTION d = version == 3 ? description_soc() : description_legacy();
            d.Version = version;
            d.DemandMode = (BOOLEAN)demand;
            system_open(&s, &d, scattered, 0, 0x100);
            if (version < 3) /* the version-3 table lies behind the older ones */
                s.ops = s.adapter->DmaOperations += 3 - version; /* GEN-03: ours to replace */
            assert_int_equal(s.ops->Size, sizeof(DMA_OPERATIONS));
            ms_store_relaxed(&s.fifo.credit, 0);
            system_grant(&s, 1);
            assert_status(system_map(&s, 0, TRUE), STATUS_SUCCESS);
            bool waits = demand && version >= 2; /* version 1 ignores the field */
            assert_int_equal(ms_controller_step(s.controller, 1000), waits ? 0 : 0x100);
            assert_int_equal(s.heard.count, !waits);
            system_close(&s);
        }
}

/* SDM-01, DDX-17, DDX-33: what a controller's address lines reach is not bounced, the rest is. */
MS_TEST(a_controller_of_32_40_or_64_bits_reaches_what_its_lines_reach)
{
    static const uint32_t widths[] = {32, 36, 40, 64};

    for (uint32_t w = 0; w < 4; w++) {
        struct ms_controller_config c[2] = {ms_controller_legacy(), ms_controller_soc()};
        struct system s;
        DEVICE_DESCRIPTION d = description_soc();
        DMA_ADAPTER_INFO info = {DMA_ADAPTER_INFO_VERSION1, {{0, 0, 0, 0, 0}}};
        c[1].address_width = widths[w];
        system_open_on(&s, c, &d, out_of_reach, 0x20, 0x2000);
        assert_status(s.ops->GetDmaAdapterInfo(s.adapter, &info), STATUS_SUCCESS);
        assert_int_equal(info.V1.DmaAddressWidth, widths[w]);
        system_grant(&s, widths[w] == 32 ? 4 : 0);
        assert_status(system_map(&s, 0, TRUE), STATUS_SUCCESS);
        assert_int_equal(s.length, 0x2000);
        SCATTER_GATHER_LIST *list = (SCATTER_GATHER_LIST *)s.list;
        uint64_t first = (uint64_t)list->Elements[0].Address.QuadPart;
        assert_int_equal(first == HIGH_PFN * PAGE_SIZE + 0x20, widths[w] > 32);
        ms_controller_step(s.controller, 0x2000);
        assert_int_equal(s.heard.status, DmaComplete);
        assert_memory_equal(s.taken, s.want, 0x2000);
        system_close(&s);
    }
}

/* --- addresses of the device --------------------------------------------------------------------------- */

/* MTX-08, DDX-20, DDX-28, SDM-11: the device answers at DeviceAddress + DeviceOffset, and nowhere else. */
MS_TEST(a_wrong_device_offset_ends_with_an_error_and_moves_nothing)
{
    for (ULONG offset = 0; offset <= 0x20; offset += 0x10) {
        struct system s;
        DEVICE_DESCRIPTION d = description_soc();
        system_open(&s, &d, scattered, 0, 0x100);
        s.fifo.lies_at = 0xFE000010;
        system_grant(&s, 2);
        assert_status(s.ops->MapTransferEx(s.adapter, s.mdl, s.base, 0, offset, &s.length, TRUE,
                                           NULL, 0, completed, &s.heard),
                      STATUS_SUCCESS);
        ms_controller_step(s.controller, 0x100);
        assert_true(s.fifo.address == 0xFE000000 + offset);
        assert_int_equal(s.heard.status, offset == 0x10 ? DmaComplete : DmaError);
        assert_int_equal(s.fifo.taken_count, offset == 0x10 ? 0x100 : 0);
        assert_int_equal(s.ops->ReadDmaCounter(s.adapter), offset == 0x10 ? 0 : 0x100);
        system_close(&s);
    }
}

/* --- many controllers ---------------------------------------------------------------------------------- */

/* DDX-30, IGA-16, SDM-01, SDM-02: a request line belongs to one controller of the machine. */
MS_TEST(a_machine_has_as_many_controllers_as_it_was_given)
{
    enum { MOST = MS_CONTROLLERS_MAX };
    static const char *const names[MOST] = {"a", "b", "c", "d", "e", "f", "g", "h"};

    for (uint32_t count = 0; count <= MOST; count++) {
        struct ms_controller_config c[MOST];
        struct ms_dma_config config = fixture_config();
        struct fixture f;
        struct ms_fifo fifo[MOST];
        uint8_t taken[MOST][16];
        DEVICE_DESCRIPTION d = description_soc();
        const PFN_NUMBER pfn[] = {LOW_PFN};
        PMDL mdl = ms_mdl_create(pfn, 0, 16);
        ULONG registers;

        for (uint32_t i = 0; i < count; i++) {
            c[i] = ms_controller_soc();
            c[i].name = names[i];
            c[i].line_first = 0x100 * (i + 1);
            c[i].lines = 16;
            c[i].channels = 1 + i % 3;
        }
        config.controllers = c;
        config.controller_count = count;
        fixture_open_with(&f, &config);
        for (uint32_t i = 0; i < count; i++) {
            struct context context;
            PVOID base;
            ULONG length = 16;
            uint8_t byte = (uint8_t)(i + 1);
            PDMA_ADAPTER a;
            ms_fifo_init(&fifo[i], i, taken[i], 16);
            ms_controller_attach(ms_dma_controller(f.dma, i), c[i].line_first + 15,
                                 ms_fifo_endpoint(&fifo[i]));
            d.DmaRequestLine = c[i].line_first + 15;
            a = ms_adapter_open(f.dma, &f.pdo, &d, &registers);
            assert_non_null(a);
            ms_mdl_copy_in(f.memory, mdl, 15, &byte, 1);
            context_make(a, &context);
            assert_status(a->DmaOperations->AllocateAdapterChannelEx(
                              a, &f.pdo, &context, 1, DMA_SYNCHRONOUS_CALLBACK, NULL, NULL, &base),
                          STATUS_SUCCESS);
            assert_status(a->DmaOperations->MapTransferEx(a, mdl, base, 0, 0, &length, TRUE, NULL,
                                                          0, NULL, NULL),
                          STATUS_SUCCESS);
            for (uint32_t other = 0; other < count; other++)
                assert_int_equal(ms_controller_step(ms_dma_controller(f.dma, other), 16),
                                 other == i ? 16 : 0);
            assert_int_equal(taken[i][15], byte);
            a->DmaOperations->FreeAdapterChannel(a);
            a->DmaOperations->PutDmaAdapter(a);
        }
        d.DmaRequestLine = 0x100 * (count + 1);
        assert_null(ms_adapter_open(f.dma, &f.pdo, &d, &registers));
        assert_null(ms_dma_controller(f.dma, count));
        IoFreeMdl(mdl);
        fixture_close(&f);
    }
}

/* --- auto-initialise on the old controller -------------------------------------------------------------- */

static IO_ALLOCATION_ACTION keep_base(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    (void)device, (void)irp;
    *(PVOID *)context = base;
    return KeepObject; /* EXR-05 */
}

/* MTR-11, CLI-12, RDC-02, RDC-04, DDX-05, MTX-62: one MapTransfer, and the channel goes round and round. */
MS_TEST(an_old_driver_maps_once_and_the_channel_loops)
{
    enum { LOOP = 0x600 };

    for (ULONG version = 1; version <= 2; version++)
        for (int write = 0; write <= 1; write++) {
            struct system s;
            DEVICE_DESCRIPTION d = description_legacy();
            PHYSICAL_ADDRESS logical;
            d.Version = version;
            d.AutoInitialize = TRUE;
            system_open(&s, &d, scattered, 0, 0x100);
            uint8_t *ring = s.ops->AllocateCommonBuffer(s.adapter, LOOP, &logical, FALSE);
            assert_non_null(ring);
            assert_true((uint64_t)logical.QuadPart + LOOP <= UINT64_C(1) << 24);
            PMDL mdl = IoAllocateMdl(ring, LOOP, FALSE, FALSE, NULL);
            assert_non_null(mdl);
            MmBuildMdlForNonPagedPool(mdl);
            memcpy(ring, s.want, LOOP);
            PVOID base = NULL;
            assert_status(s.ops->AllocateAdapterChannel(s.adapter, &s.f.pdo, 1, keep_base, &base),
                          STATUS_SUCCESS);
            ULONG length = LOOP;
            s.ops->MapTransfer(s.adapter, mdl, base, MmGetMdlVirtualAddress(mdl), &length,
                               (BOOLEAN)write);
            assert_int_equal(length, LOOP);
            for (uint32_t moved = 0; moved < 3 * LOOP + 0x90;) {
                assert_int_equal(s.ops->ReadDmaCounter(s.adapter), LOOP - moved % LOOP);
                moved += (uint32_t)ms_controller_step(s.controller, 0x30);
            }
            for (uint32_t i = 0; i < LOOP; i++) {
                uint32_t pass = i < 0x90 ? 3 : 2;
                if (write)
                    assert_int_equal(s.taken[pass * LOOP + i], s.want[i]);
                else
                    assert_int_equal(ring[i], ms_fifo_byte(99, pass * LOOP + i));
            }
            assert_true(s.ops->FlushAdapterBuffers(
                s.adapter, mdl, base, MmGetMdlVirtualAddress(mdl), LOOP, (BOOLEAN)write));
            assert_int_equal(ms_controller_step(s.controller, 0x100), 0);
            s.ops->FreeAdapterChannel(s.adapter);
            IoFreeMdl(mdl);
            s.ops->FreeCommonBuffer(s.adapter, LOOP, logical, ring, FALSE);
            system_close(&s);
        }
}

/* MTX-40, MTX-61: a loop on the controller without scatter/gather needs one piece. */
MS_TEST(a_loop_of_several_pieces_does_not_start_on_the_old_controller)
{
    struct system s;
    DEVICE_DESCRIPTION d = description_legacy();

    d.AutoInitialize = TRUE;
    system_open(&s, &d, scattered, 0xF00, 0x200);
    s.ops = ++s.adapter->DmaOperations;
    system_grant(&s, 2);
    assert_status(system_map(&s, 0, TRUE), STATUS_INSUFFICIENT_RESOURCES);
    assert_int_equal(ms_controller_step(s.controller, 0x100), 0);
    system_close(&s);
}

/* --- the framework's system profile --------------------------------------------------------------------- */

enum { PROFILE_BYTES = 0x2F00, PROFILE_LIST = 16 + 24 * 4 };

struct profile {
    struct system s;
    ULONGLONG offset;
    ULONG mapped;
    int transfers;
    bool is_done;
    _Alignas(8) char list[PROFILE_LIST];
};

static VOID profile_completed(PDMA_ADAPTER adapter, PDEVICE_OBJECT device, PVOID context,
                              DMA_COMPLETION_STATUS status);

static void profile_stage(struct profile *p)
{
    struct system *s = &p->s;

    p->mapped = PROFILE_BYTES - (ULONG)p->offset;
    p->transfers++;
    assert_status(s->ops->MapTransferEx(s->adapter, s->mdl, s->base, p->offset, 0, &p->mapped,
                                        FALSE, (PSCATTER_GATHER_LIST)p->list, sizeof p->list,
                                        profile_completed, p),
                  STATUS_SUCCESS);
    assert_true(p->mapped > 0); /* MTX-29 */
}

/* MTX-47, MTX-48, CPL-16: here the length and the list are what was mapped. */
static VOID profile_completed(PDMA_ADAPTER adapter, PDEVICE_OBJECT device, PVOID context,
                              DMA_COMPLETION_STATUS status)
{
    struct profile *p = context;
    struct system *s = &p->s;
    SCATTER_GATHER_LIST *list = (SCATTER_GATHER_LIST *)p->list;
    uint64_t sum = 0;

    assert_ptr_equal(adapter, s->adapter);
    assert_ptr_equal(device, &s->f.pdo);
    assert_int_equal(status, DmaComplete);
    for (ULONG i = 0; i < list->NumberOfElements; i++)
        sum += list->Elements[i].Length;
    assert_int_equal(sum, p->mapped);
    assert_status(system_flush(s, p->offset, p->mapped, FALSE), STATUS_SUCCESS);
    p->offset += p->mapped;
    if (p->offset < PROFILE_BYTES) {
        profile_stage(p);
        return;
    }
    s->ops->FreeAdapterChannel(s->adapter);
    p->is_done = true;
}

static IO_ALLOCATION_ACTION profile_granted(PDEVICE_OBJECT device, PIRP irp, PVOID base,
                                            PVOID context)
{
    struct profile *p = context;
    ULONG period = 0;

    (void)device, (void)irp;
    p->s.base = base;
    assert_status(p->s.ops->ConfigureAdapterChannel(p->s.adapter, 1, &period), STATUS_SUCCESS);
    profile_stage(p);
    return KeepObject;
}

/* CLI-04, DDX-27, CFG-01, CFG-03, CPL-14, CPL-16, EXR-10, MTX-13, MTX-31, MTX-47, MTX-48, MTX-53, MTX-54: the system
 * profile: all from the execution routine and the completion routine. With many pages that bounce and with
 * few elements, more than one transfer is needed. */
MS_TEST(a_framework_driver_of_the_system_profile_runs_from_its_routines)
{
    for (uint32_t elements = 1; elements <= 5; elements += 2) {
        struct ms_controller_config c[2] = {ms_controller_legacy(), ms_controller_soc()};
        struct profile p;
        struct system *s = &p.s;
        DEVICE_DESCRIPTION d = description_soc();
        KIRQL irql;

        memset(&p, 0, sizeof p);
        c[1].elements_max = elements == 1 ? 2 : elements;
        d.InterfaceType = Internal;
        d.MaximumLength = PROFILE_BYTES;
        system_open_on(s, c, &d, out_of_reach, 0xFC, PROFILE_BYTES);
        assert_true(s->registers >= 4);
        context_make(s->adapter, &s->context);
        KeRaiseIrql(DISPATCH_LEVEL, &irql);
        assert_status(s->ops->AllocateAdapterChannelEx(s->adapter, &s->f.pdo, &s->context,
                                                       s->registers, 0, profile_granted, &p, NULL),
                      STATUS_SUCCESS);
        KeLowerIrql(irql);
        for (int i = 0; i < 1000 && !p.is_done; i++)
            ms_controller_step(s->controller, 0x123);
        assert_true(p.is_done);
        assert_true(elements == 1 ? p.transfers > 1 : p.transfers >= 1);
        chain_read(s, PROFILE_BYTES);
        for (uint32_t i = 0; i < PROFILE_BYTES; i++)
            assert_int_equal(s->got[i], ms_fifo_byte(99, i));
        assert_int_equal(ms_dma_grants_used(s->f.dma), 0);
        system_close(s);
    }
}
