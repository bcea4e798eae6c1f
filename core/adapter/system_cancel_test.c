/* SPDX-License-Identifier: MIT */
/*
 * CancelMappedTransfer at every moment of a transfer, against every other call, without threads: the device
 * is asked by the engine in the midst of each burst, and there, before or after the burst is counted, the
 * driver acts. So the very byte that completes, and the moments right beside it, are met on purpose. The
 * same by real interleaving is system_sim.c, by real threads system_storm.c.
 */
#include "adapter/test_system.h"

enum { N = 200, BURST = 64 };

/* What the driver does at the chosen moment. */
enum act {
    ACT_CANCEL,
    ACT_CANCEL_TWICE,
    ACT_CANCEL_FLUSH,
    ACT_CANCEL_FLUSH_FREE,
    ACT_CANCEL_FREE,
    ACT_FLUSH,
    ACT_FREE,
    ACT_CANCEL_FLUSH_MAP,
    ACTS
};

struct moment {
    struct system s;
    struct ms_endpoint_ops ops;
    uint32_t at;    /* acts when so many bytes are counted */
    bool is_before; /* in the burst that begins there, else behind the burst that ended there */
    enum act act;
    bool is_done;
    bool write;
    NTSTATUS first, second;
    ULONG left;       /* by the counter, right after */
    int told_by_then; /* callbacks before the act returned */
    bool is_freed;
    ULONG next_length;
};

static struct moment *moment;

static uint64_t counted(const struct moment *m)
{
    return m->write ? m->s.fifo.taken_count : m->s.fifo.given_count;
}

static void act_do(struct moment *m)
{
    struct system *s = &m->s;
    bool cancels = m->act != ACT_FLUSH && m->act != ACT_FREE;

    m->is_done = true;
    if (cancels)
        m->first = s->ops->CancelMappedTransfer(s->adapter, &s->context);
    if (m->act == ACT_CANCEL_TWICE)
        m->second = s->ops->CancelMappedTransfer(s->adapter, &s->context);
    m->told_by_then = s->heard.count;
    m->left = s->ops->ReadDmaCounter(s->adapter);
    if (m->act == ACT_CANCEL_FLUSH || m->act == ACT_CANCEL_FLUSH_FREE || m->act == ACT_FLUSH ||
        m->act == ACT_CANCEL_FLUSH_MAP)
        assert_status(system_flush(s, 0, N, m->write), STATUS_SUCCESS);
    if (m->act == ACT_CANCEL_FREE || m->act == ACT_FREE || m->act == ACT_CANCEL_FLUSH_FREE) {
        s->ops->FreeAdapterChannel(s->adapter);
        m->is_freed = true;
    }
    if (m->act == ACT_CANCEL_FLUSH_MAP) {
        m->next_length = N;
        assert_status(s->ops->MapTransferEx(s->adapter, s->mdl, s->base, 0, 0, &m->next_length,
                                            m->write, (PSCATTER_GATHER_LIST)s->list, sizeof s->list,
                                            completed, &s->heard),
                      STATUS_SUCCESS);
    }
}

static uint32_t moment_ready(void *device, uint64_t address, bool to_device, bool demand,
                             uint32_t wanted)
{
    struct moment *m = moment;

    if (m->is_before && !m->is_done && counted(m) == m->at)
        act_do(m);
    return ms_fifo_endpoint(&m->s.fifo).ops->ready(device, address, to_device, demand, wanted);
}

static void moment_behind(struct moment *m)
{
    if (!m->is_before && !m->is_done && counted(m) >= m->at)
        act_do(m);
}

static void moment_pop(void *device, uint64_t address, uint32_t count)
{
    ms_fifo_endpoint(&moment->s.fifo).ops->pop(device, address, count);
    moment_behind(moment);
}

static void moment_push(void *device, uint64_t address, const uint8_t *bytes, uint32_t count)
{
    ms_fifo_endpoint(&moment->s.fifo).ops->push(device, address, bytes, count);
    moment_behind(moment);
}

static void moment_open(struct moment *m, const PFN_NUMBER *frames)
{
    DEVICE_DESCRIPTION d = description_soc();
    struct ms_endpoint end;

    memset(m, 0, sizeof *m);
    moment = m;
    system_open(&m->s, &d, frames, 0xFC0, N);
    end = ms_fifo_endpoint(&m->s.fifo);
    m->ops = *end.ops;
    m->ops.ready = moment_ready;
    m->ops.pop = moment_pop;
    m->ops.push = moment_push;
    end.ops = &m->ops;
    ms_controller_attach(m->s.controller, d.DmaRequestLine, end);
    system_grant(&m->s, 4);
}

/* What was moved is exact, on both sides, and nothing came after. */
static void moment_check(struct moment *m, uint32_t moved, bool is_flushed)
{
    struct system *s = &m->s;

    if (m->write) {
        assert_memory_equal(s->taken, s->want, moved);
        return;
    }
    chain_read(s, N);
    for (uint32_t k = 0; k < N; k++)
        assert_int_equal(s->got[k], is_flushed && k < moved ? ms_fifo_byte(99, k) : s->want[k]);
}

/* Plays one moment: `step` bytes a step, so that bursts end there. */
static void moment_play(const PFN_NUMBER *frames, bool write, uint32_t at, bool is_before,
                        enum act act)
{
    struct moment m;
    struct system *s = &m.s;
    uint32_t moved;
    bool was_over;

    moment_open(&m, frames);
    m.write = write;
    m.at = at;
    m.is_before = is_before;
    m.act = act;
    assert_status(system_map(s, 0, write), STATUS_SUCCESS);
    for (int i = 0; i < 3 * N && !m.is_done; i++)
        ms_controller_step(s->controller, BURST / 4);
    assert_true(m.is_done);
    assert_int_equal(m.told_by_then, 0);
    moved = N - m.left; /* CMT-20 */
    was_over = moved == N;
    if (is_before)
        assert_int_equal(moved, at); /* the burst in hand counts no more (CMT-12) */
    else
        assert_true(moved >= at && moved < at + BURST);
    if (act != ACT_FLUSH && act != ACT_FREE)
        assert_status(m.first, STATUS_SUCCESS); /* CMT-06, CMT-09 */
    if (act == ACT_CANCEL_TWICE)
        assert_status(m.second, STATUS_INVALID_PARAMETER); /* CMT-08 */
    if (act == ACT_CANCEL_FLUSH_MAP) {                     /* the next one runs to its end */
        uint64_t before = m.write ? s->fifo.taken_count : s->fifo.given_count;
        assert_int_equal(before, moved);
        while (s->heard.count < 2)
            assert_true(ms_controller_step(s->controller, 1000) > 0 || s->heard.count == 2);
        assert_int_equal(s->heard.status, DmaComplete);
        assert_int_equal(s->heard.completes, was_over ? 2 : 1);
        assert_status(system_flush(s, 0, N, write), STATUS_SUCCESS);
        assert_int_equal(counted(&m), moved + N);
        system_close(s);
        return;
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(ms_controller_step(s->controller, 1000), 0);
    assert_int_equal(s->heard.count, 1);                                      /* CMT-11, CPL-09 */
    assert_int_equal(s->heard.status, was_over ? DmaComplete : DmaCancelled); /* CMT-10, CPL-12 */
    assert_int_equal(counted(&m), moved);
    if (!m.is_freed && act != ACT_FLUSH && act != ACT_CANCEL_FLUSH) {
        ULONG length = N;
        assert_status(s->ops->MapTransferEx(s->adapter, s->mdl, s->base, 0, 0, &length, write, NULL,
                                            0, completed, &s->heard),
                      STATUS_INVALID_PARAMETER); /* MTX-52: not before the flush (MTX-50) */
        assert_status(system_flush(s, 0, moved, write), STATUS_SUCCESS); /* CMT-07 */
    }
    moment_check(&m, moved, act != ACT_FREE && act != ACT_CANCEL_FREE);
    if (m.is_freed)
        system_grant(s, 4);
    s->length = N;
    assert_status(system_map(s, 0, write), STATUS_SUCCESS); /* FLX-08, CMT-19: no mark is left */
    ms_controller_step(s->controller, N);
    assert_int_equal(s->heard.count, 2);
    assert_int_equal(s->heard.status, DmaComplete);
    system_close(s);
}

/* CMT-04, CMT-06, CMT-07, CMT-08, CMT-09, CMT-10, CMT-11, CMT-12, CMT-19, CMT-20, CPL-09, CPL-12, FLX-12,
 * FLX-13, FRE-13, MTX-52, RDC-01, AMB-15 */
MS_TEST(whatever_the_driver_does_at_whichever_byte_one_callback_comes_and_the_bytes_are_exact)
{
    static const uint32_t steps[] = {0, 16, 32, 64, 80, 192, 200};

    for (int frames = 0; frames < 2; frames++)
        for (int write = 0; write < 2; write++)
            for (uint32_t act = 0; act < ACTS; act++)
                for (uint32_t i = 0; i < sizeof steps / sizeof *steps; i++)
                    for (int before = 0; before < 2; before++) {
                        if ((steps[i] == N && before) || (steps[i] == 0 && !before))
                            continue; /* no burst begins at the end, none ends at the start */
                        moment_play(frames ? out_of_reach : scattered, write != 0, steps[i],
                                    before != 0, (enum act)act);
                    }
}

/* --- moments outside of a transfer -------------------------------------------------------------------- */

static IO_ALLOCATION_ACTION keep(PDEVICE_OBJECT device, PIRP irp, PVOID base, PVOID context)
{
    (void)device, (void)irp;
    *(PVOID *)context = base;
    return KeepObject;
}

/* AMB-15's rows without a transfer: CMT-05, CMT-13, CMT-16, CMT-19, TCX-14, MTX-45, MTX-46 */
MS_TEST(a_cancel_between_transfers_refuses_exactly_the_next_map)
{
    enum { FRESH, QUEUED, GRANTED, FLUSHED, RELEASED, MOMENTS };

    for (int at = 0; at < MOMENTS; at++) {
        struct system s;
        struct context other;
        PVOID other_base;
        DEVICE_DESCRIPTION d = description_soc();

        system_open(&s, &d, scattered, 0, N);
        context_make(s.adapter, &s.context);
        context_make(s.adapter, &other);
        if (at == QUEUED) {
            assert_status(s.ops->AllocateAdapterChannelEx(s.adapter, &s.f.pdo, &other, 1,
                                                          DMA_SYNCHRONOUS_CALLBACK, NULL, NULL,
                                                          &other_base),
                          STATUS_SUCCESS);
            assert_status(s.ops->AllocateAdapterChannelEx(s.adapter, &s.f.pdo, &s.context, 2, 0,
                                                          keep, &s.base, NULL),
                          STATUS_SUCCESS);
            assert_null(s.base);
        } else if (at != FRESH) {
            assert_status(s.ops->AllocateAdapterChannelEx(s.adapter, &s.f.pdo, &s.context, 2,
                                                          DMA_SYNCHRONOUS_CALLBACK, NULL, NULL,
                                                          &s.base),
                          STATUS_SUCCESS);
        }
        if (at == FLUSHED) {
            assert_status(system_map(&s, 0, TRUE), STATUS_SUCCESS);
            ms_controller_step(s.controller, N);
            assert_status(system_flush(&s, 0, N, TRUE), STATUS_SUCCESS);
        }
        if (at == RELEASED)
            s.ops->FreeAdapterChannel(s.adapter);
        int told = s.heard.count;
        assert_status(s.ops->CancelMappedTransfer(s.adapter, &s.context), STATUS_SUCCESS);
        assert_status(s.ops->CancelMappedTransfer(s.adapter, &s.context), STATUS_INVALID_PARAMETER);
        if (at == QUEUED)
            s.ops->FreeAdapterChannel(s.adapter); /* the grant happens all the same */
        if (at == FRESH || at == RELEASED)
            assert_status(s.ops->AllocateAdapterChannelEx(s.adapter, &s.f.pdo, &s.context, 2,
                                                          DMA_SYNCHRONOUS_CALLBACK, NULL, NULL,
                                                          &s.base),
                          STATUS_SUCCESS);
        assert_non_null(s.base);
        s.length = N;
        assert_status(system_map(&s, 0, TRUE), STATUS_CANCELLED);
        assert_status(system_map(&s, 0, TRUE), STATUS_CANCELLED); /* until a flush */
        assert_int_equal(ms_controller_step(s.controller, N), 0);
        assert_int_equal(s.heard.count, told); /* none for one that never started */
        assert_status(system_flush(&s, 0, 0, TRUE), STATUS_SUCCESS);
        assert_status(system_map(&s, 0, TRUE), STATUS_SUCCESS);
        ms_controller_step(s.controller, N);
        assert_int_equal(s.heard.count, told + 1);
        system_close(&s);
    }
}

/* --- inside the completion routine -------------------------------------------------------------------- */

enum inside { IN_CANCEL, IN_CANCEL_TWICE, IN_CANCEL_MAP, IN_CANCEL_FLUSH, IN_FREE_CANCEL, INSIDES };
static enum inside inside_what;

static void inside_do(struct heard *heard)
{
    struct system *s = heard->system;

    if (heard->count > 1)
        return;
    if (inside_what == IN_FREE_CANCEL)
        s->ops->FreeAdapterChannel(s->adapter);
    assert_status(s->ops->CancelMappedTransfer(s->adapter, &s->context), STATUS_SUCCESS);
    if (inside_what == IN_CANCEL_TWICE || inside_what == IN_FREE_CANCEL)
        assert_status(s->ops->CancelMappedTransfer(s->adapter, &s->context),
                      STATUS_INVALID_PARAMETER);
    if (inside_what == IN_CANCEL_MAP) /* cancelled, and not flushed: the mapping stands first */
        assert_status(system_map(s, 0, FALSE), STATUS_INVALID_PARAMETER);
    if (inside_what == IN_CANCEL_FLUSH) {
        assert_status(system_flush(s, 0, N, FALSE), STATUS_SUCCESS);
        assert_status(s->ops->CancelMappedTransfer(s->adapter, &s->context), STATUS_SUCCESS);
        assert_status(system_map(s, 0, FALSE), STATUS_CANCELLED);
    }
}

/* CMT-09, CMT-10, CPL-14, CPL-15, FLX-17: for each end a transfer may have. */
MS_TEST(a_cancel_inside_the_completion_routine_marks_and_calls_nobody)
{
    enum { COMPLETES, FAILS, IS_FLUSHED };

    for (int end = 0; end <= IS_FLUSHED; end++)
        for (uint32_t what = 0; what < INSIDES; what++) {
            struct system s;
            if (end == IS_FLUSHED && (what == IN_CANCEL_MAP || what == IN_CANCEL_FLUSH))
                continue; /* nothing is mapped then */
            DEVICE_DESCRIPTION d = description_soc();
            system_open(&s, &d, scattered, 0, N);
            system_grant(&s, 2);
            inside_what = (enum inside)what;
            s.heard.inside = inside_do;
            if (end == FAILS)
                s.fifo.fault_at = 20;
            assert_status(system_map(&s, 0, FALSE), STATUS_SUCCESS);
            if (end == IS_FLUSHED) /* the callback comes behind the flush (AMB-38) */
                assert_status(system_flush(&s, 0, N, FALSE), STATUS_SUCCESS);
            ms_controller_step(s.controller, N);
            ms_controller_step(s.controller, N);
            assert_int_equal(s.heard.count, 1);
            assert_int_equal(s.heard.status, end == COMPLETES ? DmaComplete
                                             : end == FAILS   ? DmaError
                                                              : DmaCancelled);
            if (what == IN_FREE_CANCEL)
                system_grant(&s, 2);
            else
                assert_status(system_flush(&s, 0, 0, FALSE), STATUS_SUCCESS);
            s.fifo.fault_at = UINT64_MAX;
            s.length = N;
            assert_status(system_map(&s, 0, FALSE), STATUS_SUCCESS);
            ms_controller_step(s.controller, N);
            assert_int_equal(s.heard.count, 2);
            system_close(&s);
        }
}

static void put_inside(struct heard *heard)
{
    struct system *s = heard->system;

    s->ops->FreeAdapterChannel(s->adapter);
    s->ops->PutDmaAdapter(s->adapter);
}

/* PUT-06, CPL-14: an adapter put in its own completion routine lives until that returns. */
MS_TEST(a_completion_routine_may_put_its_adapter)
{
    struct system s;
    DEVICE_DESCRIPTION d = description_soc();

    system_open(&s, &d, scattered, 0, N);
    system_grant(&s, 2);
    s.heard.inside = put_inside;
    assert_status(system_map(&s, 0, TRUE), STATUS_SUCCESS);
    ms_controller_step(s.controller, N);
    assert_int_equal(s.heard.count, 1);
    assert_int_equal(ms_dma_grants_used(s.f.dma), 0);
    IoFreeMdl(s.mdl);
    fixture_close(&s.f);
}

/* CMT-04, CMT-11, CMT-12, AMB-38: the callback comes by the channel's DPC, or, where the machine says so, in the
 * caller. */
MS_TEST(the_callback_of_a_cancel_comes_at_the_interrupt_or_in_the_caller)
{
    for (int in_caller = 0; in_caller <= 1; in_caller++) {
        struct ms_controller_config c[2] = {ms_controller_legacy(), ms_controller_soc()};
        struct system s;
        DEVICE_DESCRIPTION d = description_soc();

        c[1].tells_at_cancel = in_caller != 0;
        system_open_on(&s, c, &d, scattered, 0, N);
        system_grant(&s, 2);
        assert_status(system_map(&s, 0, FALSE), STATUS_SUCCESS);
        ms_controller_step(s.controller, 32);
        assert_status(s.ops->CancelMappedTransfer(s.adapter, &s.context), STATUS_SUCCESS);
        assert_int_equal(s.heard.count, in_caller);
        assert_int_equal(ms_controller_step(s.controller, N), 0);
        assert_int_equal(s.heard.count, 1);
        assert_int_equal(s.heard.status, DmaCancelled);
        assert_int_equal(s.heard.irql, DISPATCH_LEVEL);
        assert_status(system_flush(&s, 0, N, FALSE), STATUS_SUCCESS);
        chain_read(&s, N);
        for (uint32_t i = 0; i < N; i++)
            assert_int_equal(s.got[i], i < 32 ? ms_fifo_byte(99, i) : s.want[i]);
        system_close(&s);
    }
}

/* --- loops -------------------------------------------------------------------------------------------- */

/* CPL-10, CPL-11, CPL-17, CMT-12, CMT-17, RDC-04, FLX-18: cancelled at each burst of its second pass, from
 * between the device and the ring. Every period of it is told before the terminal callback. */
MS_TEST(a_loop_is_cancelled_at_any_burst_and_its_periods_are_told_before)
{
    for (uint32_t at = 0; at <= 2 * N; at += 40)
        for (int before = 0; before < 2; before++) {
            struct moment m;
            struct system *s = &m.s;
            DEVICE_DESCRIPTION d = description_soc();
            struct ms_endpoint end;
            ULONG period = N / 2;

            memset(&m, 0, sizeof m);
            moment = &m;
            d.AutoInitialize = TRUE;
            system_open(s, &d, scattered, 0xFC0, N);
            end = ms_fifo_endpoint(&s->fifo);
            m.ops = *end.ops;
            m.ops.ready = moment_ready;
            m.ops.pop = moment_pop;
            end.ops = &m.ops;
            ms_controller_attach(s->controller, d.DmaRequestLine, end);
            system_grant(s, 2);
            m.at = at;
            m.is_before = before;
            m.act = ACT_CANCEL;
            assert_status(s->ops->ConfigureAdapterChannel(s->adapter, 1, &period), STATUS_SUCCESS);
            assert_status(system_map(s, 0, FALSE), STATUS_SUCCESS);
            while (!m.is_done)
                ms_controller_step(s->controller, 40);
            uint32_t moved = (uint32_t)s->fifo.given_count;
            assert_status(m.first, STATUS_SUCCESS);
            assert_int_equal(m.left, N - moved % N); /* never 0 */
            assert_int_equal(ms_controller_step(s->controller, 1000), 0);
            assert_int_equal(s->heard.status, DmaCancelled);
            assert_int_equal(s->heard.completes, moved / period);
            assert_int_equal(s->heard.count, moved / period + 1);
            assert_status(system_flush(s, 0, N, FALSE), STATUS_SUCCESS);
            chain_read(s, N);
            for (uint32_t k = 0; k < N; k++) {
                uint32_t last = moved - 1 - (moved - 1 - k) % N; /* the newest byte there */
                if (k < moved)
                    assert_int_equal(s->got[k], ms_fifo_byte(99, last));
            }
            s->ops->FreeAdapterChannel(s->adapter);
            assert_int_equal(s->heard.count, moved / period + 1);
            system_close(s);
        }
}
