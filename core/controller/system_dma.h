/* SPDX-License-Identifier: MIT */
/*
 * system_dma.h: the inside of a controller, shared by its files: system_dma.c (making, starting,
 * cancelling, flushing; the theory), records.c (whom to tell), engine.c (moving), loop_window.c (where the
 * engine writes a ring). Private to the floor.
 */
#ifndef MS_SYSTEM_DMA_H
#define MS_SYSTEM_DMA_H

#include "controller/controller.h"

#define STAGING_BYTES  (UINT64_C(1) << 30)
#define ENGINE_NOWHERE UINT32_MAX
/* A loop's bytes, and for each element two pages of which it has one byte. */
#define WINDOW_BYTES ((uint64_t)MS_LOOP_BYTES_MAX + UINT64_C(2) * MS_ELEMENTS_MAX * MS_PAGE_BYTES)
enum { LOOP_WINDOWS = 4 }; /* a channel's */

enum ms_record_phase { RECORD_EMPTY, RECORD_ARMED, RECORD_FIRED };

union ms_record_word {
    struct {
        uint64_t phase : 4;
        uint64_t status : 4;
        uint64_t transfer : 56; /* masked with MS_TRANSFER_MASK */
    };
    uint64_t raw;
};

/* What was programmed, and whom to tell. Plain fields: hb:channel-program, I3. */
struct ms_record {
    ms_atomic_u64 word;
    ms_atomic_u32 periods; /* passes of a looped transfer that nobody was told of yet (CPL-11) */
    ms_atomic_ptr owner;
    PDMA_COMPLETION_ROUTINE routine;
    PVOID context;
    PDEVICE_OBJECT device;
    uint64_t device_address;
    uint32_t length;
    uint32_t line;
    uint32_t elements;
    uint32_t period;     /* bytes between notifications of a loop */
    uint32_t port_bytes; /* moved as a whole, but for what is left at an element's end */
    uint32_t fail_at;    /* element whose first byte is never moved; MS_ELEMENT_NONE */
    bool to_device;
    bool looped;
    bool demand;
    uint8_t *window;                 /* looped, from the device: where the engine writes */
    SCATTER_GATHER_ELEMENT *element; /* const pointer; config.elements_max slots */
};

/* What an owner set, and which owner: who configures for one that left meanwhile fails on the next one's. */
union ms_channel_setting {
    struct {
        uint32_t period; /* bytes between notifications of a loop; 0: a pass */
        uint32_t epoch;  /* of the owner */
    };
    uint64_t raw;
};

struct ms_channel {
    ms_atomic_u64 state;     /* union ms_channel_word */
    ms_atomic_u32 length;    /* of the programmed transfer; 0: none; counter only */
    ms_atomic_u32 engine_at; /* transfer whose record the engine looks at */
    uint8_t *staging;        /* const pointer; engine writes beyond `moved`, owner reads below */
    uint32_t epoch;          /* owner: +1 per owner */
    ms_atomic_u64 setting;   /* union ms_channel_setting: see ms_channel_configure */
    uint8_t *windows;        /* const pointer; LOOP_WINDOWS of WINDOW_BYTES */
    ms_atomic_u64 window[LOOP_WINDOWS]; /* union slot_word; see loop_window.c */
    uint32_t window_last[LOOP_WINDOWS]; /* owner: the transfer that had it last */
    /* engine only: where in the list it stands */
    uint32_t at_transfer __attribute__((aligned(MS_CACHE_LINE)));
    uint32_t at_element;
    uint64_t at_offset; /* into that element */
    uint64_t at_window; /* into the window: where that element's first page is shown */
    /* delivery */
    ms_atomic_u32 dpc __attribute__((aligned(MS_CACHE_LINE))); /* DPC_* */
    ms_atomic_u32 next;    /* transfer to deliver next; holder of dpc writes */
    ms_atomic_ptr telling; /* owner whose routine runs now, its record being empty already */
    struct ms_record record[MS_RECORDS];
} __attribute__((aligned(MS_CACHE_LINE)));

enum { DPC_RUNNING = 1, DPC_AGAIN = 2 };

struct ms_controller {
    struct ms_controller_config config;    /* const */
    const struct ms_memory *memory;        /* const */
    struct ms_kernel *kernel;              /* const */
    ms_channel_done *done;                 /* const */
    struct ms_endpoint line[MS_LINES_MAX]; /* const while a transfer runs on the line */
    uint32_t fail_at[MS_LINES_MAX];        /* likewise */
    uint32_t held;                         /* engine: ends collected since it last interrupted */
    SCATTER_GATHER_ELEMENT *elements;      /* const pointer: all records' */
    struct ms_channel *channel;            /* const pointer */
    struct ms_thread *thread;              /* set-up only */
    ms_atomic_u64 taken;                   /* bit per channel */
    ms_atomic_u64 interrupts;              /* a number for people; the engine adds */
    ms_atomic_u32 bell;                    /* +1 per start: the engine thread sleeps on it */
    ms_atomic_u32 stop;
};

/* What of a record is plain and handed over: I3. */
#define RECORD_PLAIN_BYTES (sizeof(struct ms_record) - offsetof(struct ms_record, routine))

/* --- records.c --- */

static inline struct ms_record *ms_record_of(struct ms_channel *channel, uint32_t transfer)
{
    return &channel->record[transfer % MS_RECORDS];
}

union ms_record_word ms_record_look(const struct ms_record *record);
void ms_record_set(struct ms_record *record, enum ms_record_phase phase,
                   DMA_COMPLETION_STATUS status, uint32_t transfer);
/* Fires the record of a transfer that is over; idempotent: whoever comes by may do it. */
void ms_record_fire(struct ms_channel *channel, union ms_channel_word over);

/* --- loop_window.c --- */

/* Shows the record's ring to the engine; false: no mapping to be had. By the owner, before the start. */
bool ms_loop_window_open(struct ms_controller *controller, struct ms_channel *channel,
                         struct ms_record *record, uint32_t transfer);
/* Takes a transfer's window away, if it has one. By whoever stopped it, and by the owner. */
void ms_loop_window_close(struct ms_channel *channel, uint32_t transfer);
/* What an element takes of a window: its pages. */
uint64_t ms_loop_element_bytes(const SCATTER_GATHER_ELEMENT *element);

#endif
