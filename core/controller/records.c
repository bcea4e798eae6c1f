/* SPDX-License-Identifier: MIT */
/*
 * records: whom a transfer's end is told to, and telling it: a channel's DPC. The theory is at the head of
 * system_dma.c; hb:record-fired begins and ends here.
 */
#include "controller/system_dma.h"

union ms_record_word ms_record_look(const struct ms_record *record)
{
    return (union ms_record_word){.raw = ms_load_acquire(&record->word)}; /* hb:record-fired */
}

void ms_record_set(struct ms_record *record, enum ms_record_phase phase,
                   DMA_COMPLETION_STATUS status, uint32_t transfer)
{
    union ms_record_word word = {.raw = 0};

    word.phase = phase;
    word.status = (uint64_t)status & 0xF;
    word.transfer = transfer;
    ms_store_release(&record->word, word.raw); /* hb:record-fired */
}

void ms_record_fire(struct ms_channel *channel, union ms_channel_word over)
{
    struct ms_record *record = ms_record_of(channel, (uint32_t)over.transfer);
    union ms_record_word seen = ms_record_look(record), next;

    ms_assert(ms_channel_is_over(over));
    if (seen.phase != RECORD_ARMED || seen.transfer != over.transfer)
        return;
    next = seen;
    next.phase = RECORD_FIRED;
    next.status = (uint64_t)ms_channel_status(over) & 0xF;
    ms_cas_acq_rel(&record->word, &seen.raw, next.raw); /* hb:record-fired */
}

static void tell(struct ms_controller *controller, const struct ms_record *copy,
                 DMA_COMPLETION_STATUS status)
{
    if (status == DmaAborted || !copy->routine || !controller->config.interrupts)
        return; /* a skipped record (see transfer_choose); AMB-37, CPL-04 */
    controller->done(ms_load_relaxed(&copy->owner), status, copy->routine, copy->context,
                     copy->device);
}

/* Whoever finds the record empty acquired that, and with it this (hb:record-fired). Release: who waits for the
 * routine before and finds this owner instead sees what that one did too. hb:telling */
static void telling_begin(struct ms_channel *channel, void *owner)
{
    ms_store_release(&channel->telling, owner);
}

/* One callback, or none left. By the holder of dpc. */
static bool deliver_one(struct ms_controller *controller, struct ms_channel *channel)
{
    uint32_t transfer = ms_load_relaxed(&channel->next); /* I4: ours */
    struct ms_record *record = ms_record_of(channel, transfer);
    union ms_record_word word = ms_record_look(record);
    union ms_channel_word state;

    if (word.phase == RECORD_EMPTY || word.transfer != transfer)
        return false;
    /* A late engine may have counted a period of the transfer that had this record before: see I3. */
    bool is_skipped = word.phase == RECORD_FIRED && word.status == DmaAborted;
    if (ms_exchange_acq_rel(&record->periods, 0) > 0 && !is_skipped) {
        tell(controller, record, DmaComplete); /* CPL-10, CPL-11 */
        return true;
    }
    if (word.phase == RECORD_ARMED) {
        state.raw = ms_load_acquire(&channel->state);
        if (state.transfer != transfer || !ms_channel_is_over(state))
            return false;
        ms_record_fire(channel, state); /* whoever ended it is late */
        return true;
    }
    ms_data_read(&record->routine, RECORD_PLAIN_BYTES);
    struct ms_record copy = {
        .routine = record->routine, .context = record->context, .device = record->device};
    ms_init(&copy.owner, ms_load_relaxed(&record->owner));
    telling_begin(channel, ms_load_relaxed(&record->owner));
    ms_store_release(&channel->next, (transfer + 1) & MS_TRANSFER_MASK);
    ms_record_set(record, RECORD_EMPTY, DmaComplete, transfer); /* the routine may start the next */
    tell(controller, &copy, (DMA_COMPLETION_STATUS)word.status);
    ms_store_release(&channel->telling, NULL); /* hb:telling */
    return true;
}

/* Takes the right to deliver; false: somebody has it, and will look again after us. */
static bool dpc_enter(struct ms_channel *channel)
{
    uint32_t seen = ms_load_acquire(&channel->dpc);

    for (;;) {
        uint32_t next = seen & DPC_RUNNING ? seen | DPC_AGAIN : DPC_RUNNING;
        if (ms_cas_seq_cst(&channel->dpc, &seen, next))
            return next == DPC_RUNNING && !(seen & DPC_RUNNING);
    }
}

static bool dpc_leave(struct ms_channel *channel)
{
    uint32_t seen = DPC_RUNNING;

    if (ms_cas_seq_cst(&channel->dpc, &seen, 0))
        return true;
    ms_store_seq_cst(&channel->dpc, DPC_RUNNING); /* somebody asked to look again */
    return false;
}

void ms_channel_deliver(struct ms_controller *controller, uint32_t index)
{
    struct ms_channel *channel = &controller->channel[index];

    if (!dpc_enter(channel))
        return;
    do {
        while (deliver_one(controller, channel))
            ;
    } while (!dpc_leave(channel));
}

bool ms_controller_owner_is_quiet(struct ms_controller *controller, const void *owner)
{
    for (uint32_t i = 0; i < controller->config.channels; i++) {
        struct ms_channel *channel = &controller->channel[i];
        for (uint32_t r = 0; r < MS_RECORDS; r++)
            if (ms_record_look(&channel->record[r]).phase != RECORD_EMPTY &&
                ms_load_relaxed(&channel->record[r].owner) == owner)
                return false;
        /* Behind the records: a look before them would miss who empties one between the two, and calls only
         * then. hb:telling, acquire: what the routine did comes before what our caller does. */
        if (ms_load_acquire(&channel->telling) == owner)
            return false;
    }
    return true;
}
