/* SPDX-License-Identifier: MIT */
/*
 * The list family: that every byte travels, what CalculateScatterGatherList says, MDLs made of lists, and
 * every fault point.
 */
#include "adapter/test_lists.h"

/* --- bytes
 * --------------------------------------------------------------------------------------------------
 */

static void bytes_travel(struct scene *s, enum kind kind, int way, uint32_t offset, uint32_t length)
{
    const DMA_OPERATIONS *ops = s->seen.adapter->DmaOperations;
    char *va = (char *)MmGetMdlVirtualAddress(s->chain.mdl[0]) + offset;
    uint32_t bytes = s->chain.bytes < offset + length ? offset + length : s->chain.bytes;
    uint32_t width = width_of_kind(kind);
    NTSTATUS status;

    for (uint8_t write = 0; write <= 1; write++) {
        s->seen.write = write;
        chain_fill(&s->chain, bytes, 5);
        status = way == 0 ? ops->GetScatterGatherList(s->seen.adapter, &s->f.pdo, s->chain.mdl[0],
                                                      va, length, list_routine, &s->seen, write)
                          : get_ex(&s->seen, offset, length, 1, true, NULL);
        assert_status(status, STATUS_SUCCESS);
        if (way == 0 && (kind == PACKET32 || kind == PACKET64))
            assert_int_equal(s->seen.list->NumberOfElements, 1); /* SGL-08 */
        if (write) {
            chain_check_device_reads(&s->chain, s->seen.list, width, offset, length, 5);
        } else {
            chain_device_writes(&s->chain, s->seen.list, width, offset, length, 9);
        }
        put(&s->seen);
        chain_check(&s->chain, bytes, offset, write ? 0 : length, 9, 5); /* PSG-04, MRG-15 */
        nothing_is_out(&s->f);
    }
}

/* SGL-06, SGL-08, SGL-10, SGX-15, SGX-22, SGX-23, PSG-01, PSG-04, MRG-15 */
MS_TEST(every_byte_of_a_list_travels_both_ways_on_every_kind_of_adapter)
{
    const enum kind kinds[] = {SG64, SG32, SG24, PACKET32, PACKET64};
    const struct {
        uint32_t offset, length;
    } ranges[] = {{0, 1}, {0, 0x2F00}, {0x7FF, 2}, {0x1FFF, 2}, {0x1234, 0x1000}, {0x2EFF, 1}};

    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        struct scene s;
        scene_open(&s, kinds[k], far_mdls, 2);
        for (size_t r = 0; r < sizeof ranges / sizeof ranges[0]; r++)
            for (int way = 0; way < 2; way++)
                if (way == 1 || ranges[r].offset < far_mdls[0].bytes)
                    bytes_travel(&s, kinds[k], way, ranges[r].offset, ranges[r].length);
        scene_close(&s);
    }
}

/* CSG-12, AMB-06: the rest of the last page may be named; one byte more may not. */
MS_TEST(an_excess_inside_the_last_page_travels_with_the_buffer)
{
    const enum kind kinds[] = {SG64, SG32, PACKET32};

    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        struct scene s;
        scene_open(&s, kinds[k], far_mdls, 2);
        bytes_travel(&s, kinds[k], 0, 0, 0x2F00 + 0xF0);
        bytes_travel(&s, kinds[k], 0, 0x100, 0x2F00 - 0x100 + 1);
        assert_status(s.seen.adapter->DmaOperations->GetScatterGatherList(
                          s.seen.adapter, &s.f.pdo, s.chain.mdl[0],
                          MmGetMdlVirtualAddress(s.chain.mdl[0]), 0x2F00 + 0xF1, list_routine,
                          &s.seen, TRUE),
                      STATUS_BUFFER_TOO_SMALL);
        scene_close(&s);
    }
}

/* --- CalculateScatterGatherList
 * ----------------------------------------------------------------------------------- */

/* CSG-02..CSG-05, CSG-09, CSG-11, EXM-14 */
MS_TEST(without_an_mdl_the_count_is_the_pages_spanned_and_fits_the_grant_exactly)
{
    const enum kind kinds[] = {SG64, SG32};

    for (size_t k = 0; k < 2; k++) {
        struct fixture f;
        fixture_open(&f);
        ULONG registers, size, count;
        PDMA_ADAPTER a = adapter_get(&f, kinds[k], &registers);
        const DMA_OPERATIONS *ops = a->DmaOperations;

        assert_status(ops->CalculateScatterGatherList(a, NULL, (PVOID)0xFFF, 0x1001, &size, &count),
                      STATUS_SUCCESS);
        assert_int_equal(count, 2); /* EXM-14 */
        assert_status(
            ops->CalculateScatterGatherList(a, NULL, NULL, registers * 4096, &size, &count),
            STATUS_SUCCESS);
        assert_int_equal(count, registers); /* CSG-04, AMB-62 */
        assert_true(size >= 16 + 24 * registers);
        assert_int_equal(size % 8, 0);
        assert_status(ops->CalculateScatterGatherList(a, NULL, (PVOID)0xFFF, 1, &size, NULL),
                      STATUS_SUCCESS); /* CSG-05 */
        assert_status(ops->CalculateScatterGatherList(a, NULL, NULL, 1, NULL, &count),
                      STATUS_INVALID_PARAMETER);
        count = 77;
        assert_status(
            ops->CalculateScatterGatherList(a, NULL, NULL, registers * 4096 + 1, &size, &count),
            kinds[k] == SG64 ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES); /* CSG-10 */
        assert_int_equal(count, kinds[k] == SG64 ? registers + 1 : 77);         /* GEN-12 */
        ops->PutDmaAdapter(a);
        fixture_close(&f);
    }
}

/* CSG-07, CSG-08, CSG-11, CSG-12, EXM-15 */
MS_TEST(with_an_mdl_the_count_is_summed_over_the_chain_and_the_excess_is_limited)
{
    static const struct chain_mdl half = {0, 0x800, {0x1000}};
    struct scene s;
    scene_open(&s, SG64, &half, 1);
    const DMA_OPERATIONS *ops = s.seen.adapter->DmaOperations;
    char *va = MmGetMdlVirtualAddress(s.chain.mdl[0]);
    struct chain chain;
    ULONG size, count = 5;

    assert_status(
        ops->CalculateScatterGatherList(s.seen.adapter, s.chain.mdl[0], va, 0x1000, &size, &count),
        STATUS_SUCCESS);
    assert_int_equal(count, 1); /* EXM-15 */
    count = 5;
    assert_status(
        ops->CalculateScatterGatherList(s.seen.adapter, s.chain.mdl[0], va, 0x1001, &size, &count),
        STATUS_BUFFER_TOO_SMALL);
    assert_status(
        ops->CalculateScatterGatherList(s.seen.adapter, s.chain.mdl[0], va - 1, 1, &size, &count),
        STATUS_BUFFER_TOO_SMALL);
    assert_status(ops->CalculateScatterGatherList(s.seen.adapter, s.chain.mdl[0], va + 0x800, 1,
                                                  &size, &count),
                  STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(count, 5);
    chain_make(&chain, &s.f, two_mdls, 2);
    va = MmGetMdlVirtualAddress(chain.mdl[0]);
    assert_status(
        ops->CalculateScatterGatherList(s.seen.adapter, chain.mdl[0], va, 0x2800, &size, &count),
        STATUS_SUCCESS);
    assert_int_equal(count, 4);
    assert_status(ops->CalculateScatterGatherList(s.seen.adapter, chain.mdl[0], va + 0x17FF, 2,
                                                  &size, &count),
                  STATUS_SUCCESS);
    assert_int_equal(count, 2);
    chain_end(&chain);
    scene_close(&s);
}

/* --- BuildMdlFromScatterGatherList
 * -------------------------------------------------------------------------------- */

/* BMS-01..BMS-06, PSG-02 */
MS_TEST(an_mdl_of_a_list_shows_the_bytes_the_device_sees)
{
    const enum kind kinds[] = {SG64, SG32, PACKET32};

    for (int way = 0; way < 2; way++)
        for (size_t k = 0; k < 3; k++) {
            struct scene s;
            scene_open(&s, kinds[k], far_mdls, 2);
            const DMA_OPERATIONS *ops = s.seen.adapter->DmaOperations;
            PMDL mdl = s.chain.mdl[0], made = NULL;
            static uint8_t bytes[0x2F00];

            chain_fill(&s.chain, s.chain.bytes, 3);
            if (way == 0)
                assert_status(get_ex(&s.seen, 0, s.chain.bytes, 1, true, NULL), STATUS_SUCCESS);
            else
                assert_status(ops->GetScatterGatherList(s.seen.adapter, &s.f.pdo, mdl,
                                                        MmGetMdlVirtualAddress(mdl), s.chain.bytes,
                                                        list_routine, &s.seen, TRUE),
                              STATUS_SUCCESS);
            assert_status(
                ops->BuildMdlFromScatterGatherList(s.seen.adapter, s.seen.list, NULL, &made),
                STATUS_INVALID_PARAMETER);
            assert_status(
                ops->BuildMdlFromScatterGatherList(s.seen.adapter, s.seen.list, mdl, NULL),
                STATUS_INVALID_PARAMETER);
            assert_status(ops->BuildMdlFromScatterGatherList(s.seen.adapter, NULL, mdl, &made),
                          STATUS_INVALID_PARAMETER);
            assert_null(made);
            assert_status(
                ops->BuildMdlFromScatterGatherList(s.seen.adapter, s.seen.list, mdl, &made),
                STATUS_SUCCESS);
            if (kinds[k] == SG64) {
                assert_ptr_equal(made, mdl); /* BMS-03, BMS-06 */
                assert_status(
                    ops->BuildMdlFromScatterGatherList(s.seen.adapter, s.seen.list, mdl, &made),
                    STATUS_SUCCESS);
            } else {
                PMDL again = NULL;
                assert_ptr_not_equal(made, mdl);
                assert_int_equal(made->MdlFlags, MDL_PAGES_LOCKED); /* BMS-05 */
                assert_int_equal(made->ByteOffset, mdl->ByteOffset);
                assert_status(
                    ops->BuildMdlFromScatterGatherList(s.seen.adapter, s.seen.list, mdl, &again),
                    STATUS_NONE_MAPPED); /* BMS-04 */
                assert_null(again);
                assert_int_equal(ms_mdl_chain_bytes(made, UINT64_MAX), s.chain.bytes);
                ms_mdl_copy_out(s.f.memory, made, 0, bytes, s.chain.bytes);
                for (uint32_t i = 0; i < s.chain.bytes; i++)
                    assert_int_equal(bytes[i], chain_pattern(i, 3));
                /* The memory of the list, not a copy of it: the device sees what we write. */
                ms_mdl_copy_in(s.f.memory, made, 0, "changed", 7);
                struct ms_bus_master device;
                ms_bus_master_init(&device, s.f.memory, width_of_kind(kinds[k]));
                ms_bus_master_fetch(&device, s.seen.list, bytes, 7);
                assert_memory_equal(bytes, "changed", 7);
                assert_non_null(MmGetSystemAddressForMdlSafe(made, NormalPagePriority));
            }
            put(&s.seen); /* PSG-02: unmapped and freed */
            scene_close(&s);
        }
}

/* --- faults
 * --------------------------------------------------------------------------------------------------
 */

static NTSTATUS fault_call(struct scene *s, int way)
{
    const DMA_OPERATIONS *ops = s->seen.adapter->DmaOperations;
    PMDL mdl = s->chain.mdl[0];
    char *va = MmGetMdlVirtualAddress(mdl);
    static uint8_t buffer[ROOM];
    ULONG flags = (ULONG)way & 1;
    PMDL made;

    switch (way) {
    case 0:
    case 1:
        return get_ex(&s->seen, 0, s->chain.bytes, flags, true, NULL);
    case 2:
    case 3:
        return build_ex(&s->seen, 0, s->chain.bytes, flags, true, buffer, ROOM, NULL);
    case 4:
        return ops->GetScatterGatherList(s->seen.adapter, &s->f.pdo, mdl, va, s->chain.bytes + 0x10,
                                         list_routine, &s->seen, TRUE);
    case 5:
        return ops->BuildScatterGatherList(s->seen.adapter, &s->f.pdo, mdl, va,
                                           s->chain.bytes + 0x10, list_routine, &s->seen, TRUE,
                                           buffer, ROOM);
    default:
        return ops->BuildMdlFromScatterGatherList(s->seen.adapter, s->seen.list, mdl, &made);
    }
}

/* Every taking fails in turn: a status, nothing kept, and the next call works. An asynchronous
 * request whose registers fail to come waits for them instead; its grant comes with the next call. */
MS_TEST(each_fault_point_of_the_list_family_leaves_everything_whole)
{
    const enum kind kinds[] = {SG32, PACKET32};

    for (size_t k = 0; k < 2; k++)
        for (int way = 0; way < 6; way++) {
            struct scene s;
            uint32_t countdown = 0;
            scene_open(&s, kinds[k], far_mdls, 2);
            s.seen.put_inside = true;
            for (bool fired = true; fired; countdown++) {
                int calls = s.seen.calls;
                ms_fault_arm(countdown);
                NTSTATUS status = fault_call(&s, way);
                fired = ms_fault_fired();
                ms_fault_arm(UINT32_MAX);
                if (NT_SUCCESS(status)) {
                    assert_int_equal(s.seen.calls, calls + 1);
                } else {
                    assert_true(fired);
                    assert_status(status, STATUS_INSUFFICIENT_RESOURCES);
                    assert_int_equal(s.seen.calls, calls);
                }
                nothing_is_out(&s.f);
                assert_true(countdown < 40);
            }
            assert_true(countdown > 1);
            scene_close(&s);
        }
    struct scene s;
    scene_open(&s, SG32, far_mdls, 2);
    assert_status(fault_call(&s, 1), STATUS_SUCCESS);
    ms_fault_arm(0);
    assert_status(fault_call(&s, 6), STATUS_INSUFFICIENT_RESOURCES);
    ms_fault_arm(UINT32_MAX);
    assert_status(fault_call(&s, 6), STATUS_SUCCESS);
    put(&s.seen);
    scene_close(&s);
}
