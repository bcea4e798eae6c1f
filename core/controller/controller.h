/* SPDX-License-Identifier: MIT */
/*
 * controller.h: the hardware at the other end: engines that move bytes by logical address.
 */
#ifndef MS_CONTROLLER_H
#define MS_CONTROLLER_H

#include "controller/channel_state.h"
#include "memory/memory.h"
#include "wdm.h"

/* A bus master: a device that reads the list it is given and moves the bytes itself. It sees
 * nothing but logical addresses, and drives only its own address lines. */
struct ms_bus_master {
    const struct ms_memory *memory; /* const after init */
    uint32_t address_width;         /* bits it drives; higher ones read as zero (DDX-26) */
};

/* What a move did. */
struct ms_bus_master_result {
    uint64_t bytes;    /* moved before it ended */
    bool fault;        /* an element did not lie in RAM: nothing of it was moved */
    uint64_t fault_at; /* its address as the device drove it */
};

void ms_bus_master_init(struct ms_bus_master *master, const struct ms_memory *memory,
                        uint32_t address_width);
/* The device fills its `device` buffer from memory: WriteToDevice TRUE. At most `bytes`. Any
 * thread. */
struct ms_bus_master_result ms_bus_master_fetch(const struct ms_bus_master *master,
                                                const SCATTER_GATHER_LIST *list, void *device,
                                                uint64_t bytes);
/* The device stores its `device` buffer into memory: WriteToDevice FALSE. At most `bytes`. Any
 * thread. */
struct ms_bus_master_result ms_bus_master_store(const struct ms_bus_master *master,
                                                const SCATTER_GATHER_LIST *list, const void *device,
                                                uint64_t bytes);

/* --- devices behind a request line --------------------------------------------------------------- */

#define MS_ENDPOINT_FAULT UINT32_MAX

/*
 * What a device's register or FIFO does for the controller. Called by the one who drives the channel's
 * engine only, so a device needs no lock against itself. All members are required.
 */
struct ms_endpoint_ops {
    /* Bytes it can give (to_device false) or take (true) now, at most `wanted`: 0: it stalls, or, in
     * demand mode, holds its request line low; MS_ENDPOINT_FAULT: it is broken, or has nothing at that
     * address. */
    uint32_t (*ready)(void *device, uint64_t address, bool to_device, bool demand, uint32_t wanted);
    /* The next `count` bytes, not consumed yet; count was `ready`. */
    void (*peek)(void *device, uint64_t address, uint8_t *bytes, uint32_t count);
    /* Consumes what was peeked and moved. */
    void (*pop)(void *device, uint64_t address, uint32_t count);
    /* Takes `count` bytes; count was `ready`. */
    void (*push)(void *device, uint64_t address, const uint8_t *bytes, uint32_t count);
};

struct ms_endpoint {
    const struct ms_endpoint_ops *ops;
    void *device;
};

/* A FIFO whose bytes are known beforehand: byte i from it is ms_fifo_byte(seed, i), and what it takes
 * lands in `taken`. Stalls and faults where told. */
struct ms_fifo {
    uint64_t seed;        /* const while attached */
    uint8_t *taken;       /* owner: the engine, until the transfer is over */
    uint64_t taken_max;   /* bytes `taken` holds; more are counted and dropped */
    uint64_t given_count; /* engine */
    uint64_t taken_count; /* engine */
    uint64_t fault_at; /* const while attached: faults at this byte of either; UINT64_MAX: never */
    uint64_t lies_at;  /* const while attached: its only address, else a fault; UINT64_MAX: any */
    uint32_t unit;     /* const while attached: bytes of its register: given and taken whole */
    bool demand;       /* engine: the transfer at hand looks at the request line */
    uint64_t address;  /* engine: device address of the last access (SDM-11) */
    ms_atomic_u64 credit;  /* bytes the request line is asserted for; UINT64_MAX: always (SDM-12) */
    ms_atomic_u32 stalled; /* not 0: gives and takes nothing, whatever the mode */
};

void ms_fifo_init(struct ms_fifo *fifo, uint64_t seed, uint8_t *taken, uint64_t taken_max);
uint8_t ms_fifo_byte(uint64_t seed, uint64_t index);
struct ms_endpoint ms_fifo_endpoint(struct ms_fifo *fifo);
/* Asserts the request line for `bytes` more. Any thread. Wait-free. */
void ms_fifo_credit(struct ms_fifo *fifo, uint64_t bytes);
/* Makes it stall, or go on. Any thread. Wait-free. */
void ms_fifo_stall(struct ms_fifo *fifo, bool stalls);

/* --- system DMA controllers ----------------------------------------------------------------------- */

#ifdef MS_SIM
/* So few that a late engine meets the transfer whose record is its own's again. */
enum { MS_RECORDS = 4 };
#else
enum { MS_RECORDS = 64 }; /* of a channel */
#endif

enum {
    MS_CHANNELS_MAX = 64,
    MS_LINES_MAX = 256,
    MS_BURST_MAX = 64,
    MS_ELEMENTS_MAX = 4096,       /* of one transfer */
    MS_LOOP_BYTES_MAX = 32 << 20, /* of one looped transfer */
};
#define MS_ELEMENT_NONE UINT32_MAX

/* What a controller is (SDM-01). */
struct ms_controller_config {
    const char *name;
    uint32_t line_first;    /* request lines it serves: line_first .. line_first + lines - 1 */
    uint32_t lines;         /* 1 .. MS_LINES_MAX */
    uint32_t channels;      /* 1 .. MS_CHANNELS_MAX */
    bool legacy;            /* a line is a channel, and versions 0..2 find it (DDX-30) */
    uint32_t elements_max;  /* scatter/gather limit of one transfer; 1: none */
    uint32_t address_width; /* bits, 24..64 */
    uint32_t element_bytes_max;
    uint64_t boundary;          /* no element crosses a multiple; a power of two */
    uint32_t unit;              /* MinimumTransferUnit */
    uint32_t port_widths;       /* bit per DMA_WIDTH it supports */
    uint32_t map_registers_max; /* cap on nMR (DDX-32), 2 at the least; UINT32_MAX: none */
    bool interrupts;            /* completion routines are called (CPL-03) */
    bool counter;               /* ReadDmaCounter works (GAI-03) */
    uint32_t burst_bytes;  /* moved at a time, 1 .. MS_BURST_MAX; never less than a port's width */
    uint32_t coalesce;     /* ends collected for one interrupt while bytes move; 0, 1: none */
    bool tells_at_cancel;  /* a cancel calls the routine, not the next interrupt (AMB-38) */
    uint32_t own_elements; /* of the list MapTransferEx makes itself; 0: elements_max (MTX-38) */
};

/* 8237-like: 8 channels, 24 bits, 64 KiB, no scatter/gather, 16 map registers. */
struct ms_controller_config ms_controller_legacy(void);
/* A SoC's: 32 lines from 0x1000 on 8 channels, 32 bits, 256 elements. */
struct ms_controller_config ms_controller_soc(void);

struct ms_controller;

/* Called at DISPATCH_LEVEL in the engine's context, or in whoever delivers; see ms_channel_deliver. */
typedef void ms_channel_done(void *owner, DMA_COMPLETION_STATUS status,
                             PDMA_COMPLETION_ROUTINE routine, PVOID context, PDEVICE_OBJECT device);

/* Every number of it is in range. Pure. */
bool ms_controller_is_sound(const struct ms_controller_config *config);

/* NULL: no memory, or not sound. Single-threaded. */
struct ms_controller *ms_controller_create(const struct ms_memory *memory, struct ms_kernel *kernel,
                                           const struct ms_controller_config *config,
                                           ms_channel_done *done);
/* Stops the engine thread, if any. Single-threaded. */
void ms_controller_destroy(struct ms_controller *controller);
const struct ms_controller_config *ms_controller_config(const struct ms_controller *controller);
/* Connects a device to a request line; lines without one move zeros and drop what they get. While no
 * transfer runs on the line. */
void ms_controller_attach(struct ms_controller *controller, uint32_t line,
                          struct ms_endpoint endpoint);
/* From now on transfers of a line end with an error before their element number `element`
 * (MS_ELEMENT_NONE: never, SDM-15). While no transfer runs on the line. */
void ms_controller_fail_at(struct ms_controller *controller, uint32_t line, uint32_t element);

/* Drives every running channel by at most `bytes` each, in whole units of its port (SDM-11), then
 * interrupts for what ended. The one way the engine moves; one driver at a time: a test, a fuzzer, or
 * the engine thread. Returns bytes moved. */
uint64_t ms_controller_step(struct ms_controller *controller, uint32_t bytes);
/* How often it interrupted: told of at least one end. Any thread. */
uint64_t ms_controller_interrupts(const struct ms_controller *controller);
/* Starts / stops a thread that drives the controller in real time. False: no thread to be had. */
bool ms_controller_start(struct ms_controller *controller);
void ms_controller_stop(struct ms_controller *controller);

/* --- channels, for the adapter floor (SDM-03's entry points, ours in name) --- */

/* A free channel for a line, or UINT32_MAX. Lock-free. */
uint32_t ms_channel_take(struct ms_controller *controller, uint32_t line);
void ms_channel_give(struct ms_controller *controller, uint32_t channel);

struct ms_channel_program {
    const SCATTER_GATHER_LIST *list; /* copied (SDM-18) */
    uint32_t length;                 /* sum of its elements */
    uint32_t line;
    uint64_t device_address;
    uint32_t port_bytes; /* width of the device's port: 1, 2, 4, 8 */
    bool to_device;
    bool looped;                     /* at most MS_LOOP_BYTES_MAX */
    bool demand;                     /* only while the request line is asserted (SDM-12) */
    void *owner;                     /* handed to ms_channel_done */
    PDMA_COMPLETION_ROUTINE routine; /* NULL: nobody is called */
    PVOID context;
    PDEVICE_OBJECT device;
};

/* Fills the channel and starts it in one step against a cancel (MTX-60). By the channel's owner, one
 * at a time. Status as ms_channel_step_program's, or STATUS_INSUFFICIENT_RESOURCES when too many
 * completions wait to be delivered. Lock-free. */
NTSTATUS ms_channel_start(struct ms_controller *controller, uint32_t channel,
                          const struct ms_channel_program *program);
/* The channel's word as it is now: what a cancel is decided on. Wait-free. */
uint64_t ms_channel_look(const struct ms_controller *controller, uint32_t channel);
enum ms_channel_cancelled { CANCEL_DONE, CANCEL_MARKED_BEFORE, CANCEL_CHANGED };
/* Marks, and stops what runs (CMT-*), if the word is still `seen`: CANCEL_CHANGED else, and the caller
 * looks again whether the channel is still its own. Any thread. Wait-free. */
enum ms_channel_cancelled ms_channel_cancel_transfer(struct ms_controller *controller,
                                                     uint32_t channel, uint64_t seen);
/* Clears the channel's mark (CMT-19: its context was initialised). By the owner. */
void ms_channel_unmark(struct ms_controller *controller, uint32_t channel);
/* Stops the transfer that runs by `seen`, its word as ms_channel_look gave it, and no later one; what it moved
 * can still be flushed. Any thread. Lock-free. */
void ms_channel_stop(struct ms_controller *controller, uint32_t channel, uint64_t seen);
/* Stops what runs, moves what the controller still holds to memory (FLX-05; at most `bytes`), and makes
 * the channel programmable again. The bytes of the transfer that had been moved. By the owner.
 * Lock-free. */
uint32_t ms_channel_flush(struct ms_controller *controller, uint32_t channel, uint32_t bytes);
/* As ms_channel_flush without moving anything (FRE-13), when the owner gives the channel up. */
void ms_channel_leave(struct ms_controller *controller, uint32_t channel);
/* Bytes of the transfer not moved (RDC-*); 0 when none was programmed. Wait-free. */
uint32_t ms_channel_left(const struct ms_controller *controller, uint32_t channel);
/* What the channel's present owner has set: for ms_channel_configure. Wait-free. */
uint64_t ms_channel_setting(const struct ms_controller *controller, uint32_t channel);
/* Sets how many bytes of a looped transfer make a period, 0: a whole pass (CPL-10); while idle, and for the
 * owner that `setting` is of: STATUS_INVALID_PARAMETER if that has left. Any thread. Lock-free. */
NTSTATUS ms_channel_configure(struct ms_controller *controller, uint32_t channel, uint64_t setting,
                              uint32_t function, const void *context);
/* Delivers completions that wait, unless another thread is at it: then that one goes on. Never waits. */
void ms_channel_deliver(struct ms_controller *controller, uint32_t channel);
/* Every transfer started so far on any channel by `owner` has had its callback, or has none to come. */
bool ms_controller_owner_is_quiet(struct ms_controller *controller, const void *owner);

#endif
