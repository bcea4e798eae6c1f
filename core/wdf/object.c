/* SPDX-License-Identifier: MIT */
/*
 * object: handles, lives, parents and children, contexts of the framework's objects.
 *
 * Idea        a handle is {generation, number of a cell}, never an address. A cell's word says how
 *             many hold the object and whether it is deleted; a wrong or old handle fails to match,
 *             and nothing behind it is touched. A parent keeps its children's handles in slots;
 *             leaving is emptying one's slot, deleting the parent is closing them all.
 * Picture     handle 5D1F0003'00000020 -> cell[1] {generation 5D1F0003, holds 2, deleted 0} -> object
 *             parent.brood: [child][0][child][0] -> next room [closed]... -> end
 * Invariants  I1 an object ends when its last reference goes; before the deletion one of the holds is
 *                the object's own, so that it cannot end undeleted
 *             I2 a child is in one slot of its parent, or its parent has closed that slot
 *             I3 pending of an object = children not yet disposed + 1 until it is deleted itself; who
 *                brings it to 0 disposes it, so children go first (OBJ-04) and nobody waits
 *             I4 once closed a slot stays closed, and a closed end grows no room: who comes too late
 *                is refused
 *             I5 a child holds its parent: who has the one can go to the other
 * Ordering    hb:life     publishing a life releases the object's first words; taking acquires them.
 *                         Every drop releases, and the last one acquires: who ends an object sees what
 *                         all its holders did
 *             hb:cell     a free cell is pushed with release, popped with acquire
 *             hb:brood    a slot is filled with release after the child knows it; the deleter's
 *                         exchange acquires. Likewise a room before it is linked
 *             hb:pending  disposing acquires what the children's disposals released
 *             hb:context  of the list that object_context.c keeps for an object
 * ABA         of cells: the tag counts heads. Of handles: generations differ for 2^32 lives of a cell.
 *             Of slots: they hold handles, so a slot seen with a child is that child's
 * Progress    lock-free but for the memory, which is the host's
 */
#include "wdf/object_context.h"

#include <string.h>

#define GENERATION_FIRST UINT64_C(0x5D1F0001)
#define SLOT_FREE        UINT64_C(0)
#define SLOT_CLOSED      UINT64_C(1) /* no handle is odd */
#define BROOD_END        ((void *)(uintptr_t)1)
enum { BROOD_GROWTH = 4, BROOD_MAX = 4096 };

/* --- cells --- */

static uint64_t handle_of(uint64_t generation, uint32_t index)
{
    return generation << 32 | (uint64_t)(index + 1) << 4;
}

static uint32_t generation_of(uint64_t handle)
{
    return (uint32_t)(handle >> 32);
}

static struct ms_cell *cell_of(struct ms_wdf *wdf, uint64_t handle)
{
    uint32_t number = (uint32_t)handle >> 4;

    if ((handle & 15) != 0 || number == 0 || number > wdf->count)
        return NULL;
    return &wdf->cell[number - 1];
}

/* A cell that was used before, or NULL. */
static struct ms_cell *cell_pop(struct ms_wdf *wdf)
{
    uint64_t seen = ms_load_acquire(&wdf->free); /* hb:cell */

    while ((uint32_t)seen != 0) {
        struct ms_cell *cell = &wdf->cell[(uint32_t)seen - 1];
        /* Relaxed: stale when another took the cell, and then the tag has moved on. */
        uint64_t next = ms_load_relaxed(&cell->next_free);
        if (ms_cas_acquire(&wdf->free, &seen, ((seen >> 32) + 1) << 32 | next))
            return cell;
    }
    return NULL;
}

static void cell_push(struct ms_wdf *wdf, struct ms_cell *cell)
{
    uint64_t seen = ms_load_relaxed(&wdf->free); /* a guess: the CAS decides */
    uint64_t number = (uint64_t)(cell - wdf->cell) + 1;

    do {
        ms_store_relaxed(&cell->next_free, (uint32_t)seen); /* read after hb:cell only */
    } while (!ms_cas_release(&wdf->free, &seen, ((seen >> 32) + 1) << 32 | number));
}

static struct ms_cell *cell_take(struct ms_wdf *wdf)
{
    struct ms_cell *cell;

    if (ms_fault_here())
        return NULL;
    cell = cell_pop(wdf);
    if (cell)
        return cell;
    uint32_t fresh = ms_load_relaxed(&wdf->fresh); /* a guess: the CAS decides */
    while (fresh < wdf->count)
        if (ms_cas_relaxed(&wdf->fresh, &fresh, fresh + 1)) /* a fresh cell has no past to see */
            return &wdf->cell[fresh];
    return NULL;
}

/* Applies `step` to a life until it sticks or the step refuses; what came of it in *now. Lock-free: a
 * failed CAS means another step stuck. */
static bool life_move(struct ms_cell *cell, ms_life_step *step, uint32_t generation,
                      union ms_life *now)
{
    union ms_life seen = {.raw = ms_load_acquire(&cell->life)}; /* hb:life */

    for (;;) {
        union ms_life next = seen;
        if (!step(&next, generation)) {
            *now = seen;
            return false;
        }
        if (ms_cas_acq_rel(&cell->life, &seen.raw, next.raw)) { /* hb:life */
            *now = next;
            return true;
        }
    }
}

static struct ms_cell *cell_mine(const struct ms_object *object)
{
    struct ms_cell *cell = cell_of(object->wdf, object->handle);

    ms_assert(cell != NULL);
    return cell;
}

/* --- making and ending --- */

bool ms_object_dispose_nothing(struct ms_object *object)
{
    (void)object;
    return true;
}

void ms_object_destroy_nothing(struct ms_object *object)
{
    (void)object;
}

static void brood_init(struct ms_brood *brood, ms_atomic_u64 *slot, uint32_t count)
{
    ms_data_write(&brood->count, sizeof brood->count);
    brood->count = count;
    brood->slot = slot;
    ms_init(&brood->next, NULL);
    for (uint32_t i = 0; i < count; i++)
        ms_init(&slot[i], SLOT_FREE);
}

static size_t brood_bytes(uint32_t count)
{
    return sizeof(struct ms_brood) + count * sizeof(ms_atomic_u64);
}

static void broods_free(struct ms_object *object)
{
    void *at = ms_load_relaxed(&object->brood.next); /* nobody else is left */

    while (at && at != BROOD_END) {
        struct ms_brood *brood = at;
        at = ms_load_relaxed(&brood->next);
        ms_free(brood, brood_bytes(brood->count));
    }
}

NTSTATUS ms_object_new(struct ms_wdf *wdf, const struct ms_object_ops *ops, size_t bytes,
                       const WDF_OBJECT_ATTRIBUTES *attributes, struct ms_object **object)
{
    struct ms_object *o = ms_alloc(bytes);
    struct ms_context *context;
    struct ms_cell *cell;
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;

    ms_assert(bytes >= sizeof *o);
    if (!o)
        return status;
    cell = cell_take(wdf);
    if (!cell)
        goto undo_alloc;
    /* Relaxed: whoever had the cell before us gave it back through hb:cell. */
    union ms_life life = {.raw = ms_load_relaxed(&cell->life)};
    if (life.generation == 0)
        life.generation = (uint32_t)GENERATION_FIRST;
    o->wdf = wdf;
    o->ops = ops;
    o->bytes = bytes;
    o->handle = handle_of(life.generation, (uint32_t)(cell - wdf->cell));
    o->level = attributes ? attributes->ExecutionLevel : WdfExecutionLevelInheritFromParent;
    o->scope =
        attributes ? attributes->SynchronizationScope : WdfSynchronizationScopeInheritFromParent;
    ms_init(&o->contexts, NULL);
    ms_init(&o->pending, 1); /* I3 */
    brood_init(&o->brood, o->first, MS_BROOD_FIRST);
    if (attributes && (attributes->ContextTypeInfo || attributes->EvtCleanupCallback ||
                       attributes->EvtDestroyCallback)) {
        status = ms_context_new(attributes, o->handle, &context);
        if (!NT_SUCCESS(status))
            goto undo_cell;
        ms_init(&o->contexts, context);
    }
    life.holds = 1; /* I1 */
    life.references = 0;
    life.deleted = 0;
    ms_data_write(&o->ops, sizeof o->ops);
    ms_store_relaxed(&cell->object, o);      /* read after hb:life only */
    ms_store_release(&cell->life, life.raw); /* hb:life */
    ms_fetch_add_relaxed(&wdf->objects, 1);  /* counter only, nobody decides on it */
    *object = o;
    return STATUS_SUCCESS;

undo_cell:
    cell_push(wdf, cell);
undo_alloc:
    ms_free(o, bytes);
    return status;
}

/* Nobody holds it: its memory and its cell are free again. */
static void object_free(struct ms_object *object)
{
    struct ms_wdf *wdf = object->wdf;
    struct ms_cell *cell = cell_mine(object);
    union ms_life life = {.generation = generation_of(object->handle) + 1};
    struct ms_object *parent = object->parent;
    size_t bytes = object->bytes;

    ms_data_write(&object->ops, sizeof object->ops);
    ms_contexts_free(object);
    broods_free(object);
    if (life.generation == 0)
        life.generation = (uint32_t)GENERATION_FIRST;
    ms_store_relaxed(&cell->object, NULL);
    ms_store_release(&cell->life, life.raw); /* hb:life: no old handle leads here any more */
    if (MS_ASSERTS_ON)
        memset(object, MS_OBJECT_POISON, bytes); /* OBJ-08 */
    ms_free(object, bytes);
    cell_push(wdf, cell);
    ms_fetch_sub_relaxed(&wdf->objects, 1);
    if (parent)
        ms_object_drop(parent); /* I5 */
}

void ms_object_discard(struct ms_object *object)
{
    ms_assert(object->parent == NULL);
    object_free(object);
}

void ms_object_bury(struct ms_object *object)
{
    object->ops->destroy(object);
    object->parent = NULL; /* it is buried too, if it is still there */
    object_free(object);
}

static void object_end(struct ms_object *object)
{
    ms_contexts_destroy(object); /* OBJ-04 */
    object->ops->destroy(object);
    object_free(object);
}

/* --- references --- */

void ms_object_hold(struct ms_object *object)
{
    union ms_life now;

    ms_require(life_move(cell_mine(object), life_hold, generation_of(object->handle), &now));
}

void ms_object_drop(struct ms_object *object)
{
    union ms_life now;

    ms_data_read(&object->ops, sizeof object->ops);
    ms_require(life_move(cell_mine(object), life_drop, generation_of(object->handle), &now));
    if (now.holds == 0 && now.references == 0)
        object_end(object);
}

struct ms_wdf *ms_wdf_here(void)
{
    struct ms_cpu *cpu = ms_cpu_current();

    return cpu ? cpu->kernel->wdf : NULL;
}

static bool object_is(const struct ms_object *object, enum ms_object_kind kind)
{
    ms_data_read(&object->ops, sizeof object->ops);
    return kind == MS_OBJECT_ANY || object->ops->kind == kind;
}

/* The cell a handle is for, whoever lives there now; NULL: it is no handle. */
static struct ms_cell *cell_here(WDFOBJECT handle)
{
    struct ms_wdf *wdf = ms_wdf_here();

    return wdf ? cell_of(wdf, (uint64_t)(uintptr_t)handle) : NULL;
}

void *ms_object_find(WDFOBJECT handle, enum ms_object_kind kind)
{
    uint64_t value = (uint64_t)(uintptr_t)handle;
    struct ms_cell *cell = cell_here(handle);

    if (!cell)
        return NULL;
    union ms_life life = {.raw = ms_load_acquire(&cell->life)}; /* hb:life */
    if (!life_is_alive(life, generation_of(value)) || life.deleted)
        return NULL;
    struct ms_object *object = ms_load_relaxed(&cell->object); /* behind hb:life */
    return object && object_is(object, kind) ? object : NULL;
}

void *ms_object_from(WDFOBJECT handle, enum ms_object_kind kind)
{
    void *object = ms_object_find(handle, kind);

    if (MS_UNLIKELY(!object))
        ms_rule_break(MS_RULE_WDF_HANDLE, (uint64_t)(uintptr_t)handle, kind);
    return object;
}

static void *object_take_by(WDFOBJECT handle, enum ms_object_kind kind, ms_life_step *step)
{
    uint64_t value = (uint64_t)(uintptr_t)handle;
    struct ms_cell *cell = cell_here(handle);
    union ms_life now;

    if (MS_UNLIKELY(!cell || !life_move(cell, step, generation_of(value), &now)))
        return NULL;
    struct ms_object *object = ms_load_relaxed(&cell->object); /* ours while we hold it */
    if (MS_LIKELY(object_is(object, kind)))
        return object;
    ms_object_drop(object);
    return NULL;
}

void *ms_object_try(WDFOBJECT handle, enum ms_object_kind kind)
{
    return object_take_by(handle, kind, life_take);
}

void *ms_object_try_dying(WDFOBJECT handle, enum ms_object_kind kind)
{
    return object_take_by(handle, kind, life_hold);
}

struct ms_object *ms_object_held(struct ms_wdf *wdf, uint64_t handle)
{
    struct ms_cell *cell = cell_of(wdf, handle);

    ms_assert(cell != NULL);
    return ms_load_relaxed(
        &cell->object); /* whoever told the caller that it is held ordered it too */
}

void *ms_object_take(WDFOBJECT handle, enum ms_object_kind kind)
{
    void *object = ms_object_try(handle, kind);

    if (MS_UNLIKELY(!object))
        ms_rule_break(MS_RULE_WDF_HANDLE, (uint64_t)(uintptr_t)handle, kind);
    return object;
}

void *ms_object_take_dying(WDFOBJECT handle, enum ms_object_kind kind)
{
    void *object = ms_object_try_dying(handle, kind);

    if (MS_UNLIKELY(!object))
        ms_rule_break(MS_RULE_WDF_HANDLE, (uint64_t)(uintptr_t)handle, kind);
    return object;
}

bool ms_object_is_deleted(const struct ms_object *object)
{
    union ms_life life = {.raw = ms_load_acquire(&cell_mine(object)->life)}; /* hb:life */

    return life.deleted;
}

bool ms_object_reference(WDFOBJECT handle)
{
    struct ms_cell *cell = cell_here(handle);
    union ms_life now;

    return cell &&
           life_move(cell, life_reference, generation_of((uint64_t)(uintptr_t)handle), &now);
}

bool ms_object_dereference(WDFOBJECT handle)
{
    struct ms_cell *cell = cell_here(handle);
    struct ms_object *object;
    union ms_life now;

    if (!cell)
        return false;
    object = ms_load_relaxed(&cell->object); /* stays while the driver's reference does */
    if (!life_move(cell, life_dereference, generation_of((uint64_t)(uintptr_t)handle), &now))
        return false;
    if (now.holds == 0 && now.references == 0)
        object_end(object);
    return true;
}

struct ms_context *ms_object_context(WDFOBJECT handle, PCWDF_OBJECT_CONTEXT_TYPE_INFO type)
{
    struct ms_cell *cell = cell_here(handle);

    if (!cell || !type)
        return NULL;
    union ms_life life = {.raw = ms_load_acquire(&cell->life)}; /* hb:life */
    struct ms_object *object = ms_load_relaxed(&cell->object);  /* behind hb:life */
    if (life.generation != generation_of((uint64_t)(uintptr_t)handle) || !object)
        return NULL;
    return ms_context_find(object, type);
}

uint32_t ms_object_holders(const struct ms_object *object)
{
    union ms_life life = {.raw = ms_load_acquire(&cell_mine(object)->life)}; /* hb:life */

    return (uint32_t)(life.holds + life.references);
}

/* --- parents and children --- */

/* One more child to wait for; refused when the parent is past that. */
static bool pending_add(struct ms_object *parent)
{
    uint32_t seen = ms_load_relaxed(&parent->pending); /* a guess: the CAS decides */

    while (seen != 0)
        if (ms_cas_relaxed(&parent->pending, &seen, seen + 1)) /* orders nothing: hb:brood does */
            return true;
    return false;
}

static void pending_drop(struct ms_object *object)
{
    /* hb:pending: each release is seen by the one who disposes. */
    if (ms_fetch_sub_acq_rel(&object->pending, 1) == 1 && object->ops->dispose(object))
        ms_object_disposed(object);
}

void ms_object_disposed(struct ms_object *object)
{
    struct ms_object *parent = object->parent;
    uint64_t mine = object->handle;

    ms_data_read(&object->parent, sizeof object->parent); /* hb:brood, or its own maker's */
    ms_contexts_cleanup(object);                          /* OBJ-04: once, before EvtDestroy */
    if (parent) /* fails when the parent has closed the slot; it stays closed (I2, I4) */
        ms_cas_relaxed(object->slot, &mine, SLOT_FREE); /* what goes orders nothing */
    ms_object_drop(object);                             /* I1: its own */
    if (parent)
        pending_drop(parent); /* I3 */
}

/* Tries to put `child` into a slot of this room. */
static bool brood_enter(struct ms_brood *brood, struct ms_object *child, bool *closed)
{
    uint32_t start = (uint32_t)child->handle >> 4; /* so that not all look at one slot first */

    ms_data_read(&brood->count, sizeof brood->count);
    for (uint32_t i = 0; i < brood->count; i++) {
        ms_atomic_u64 *slot = &brood->slot[(start + i) % brood->count];
        uint64_t seen = ms_load_relaxed(slot); /* a guess: the CAS decides */
        if (seen == SLOT_FREE) {
            child->slot = slot;
            if (ms_cas_release(slot, &seen, child->handle)) /* hb:brood */
                return true;
        }
        if (seen == SLOT_CLOSED) {
            *closed = true; /* I4 */
            return false;
        }
    }
    return false;
}

/* The room behind `brood`, made when there is none. */
static NTSTATUS brood_next(struct ms_brood *brood, struct ms_brood **next)
{
    void *seen = ms_load_acquire(&brood->next); /* hb:brood */

    if (!seen) {
        uint32_t count = brood->count < BROOD_MAX ? brood->count * BROOD_GROWTH : BROOD_MAX;
        struct ms_brood *room = ms_alloc(brood_bytes(count));
        if (!room)
            return STATUS_INSUFFICIENT_RESOURCES;
        brood_init(room, (ms_atomic_u64 *)(void *)(room + 1), count);
        if (ms_cas_acq_rel(&brood->next, &seen, room)) { /* hb:brood */
            *next = room;
            return STATUS_SUCCESS;
        }
        ms_free(room, brood_bytes(count)); /* another's is there, or the end */
    }
    *next = seen;
    return seen == BROOD_END ? STATUS_DELETE_PENDING : STATUS_SUCCESS; /* I4 */
}

NTSTATUS ms_object_adopt(struct ms_object *object, struct ms_object *parent)
{
    struct ms_brood *brood = &parent->brood;
    NTSTATUS status;
    bool closed = false;

    ms_assert(object->parent == NULL);
    if (!pending_add(parent))
        return STATUS_DELETE_PENDING;
    ms_object_hold(parent); /* I5 */
    ms_data_write(&object->parent, sizeof object->parent);
    object->parent = parent; /* before hb:brood: the deleter reads it, and the slot */
    while (!brood_enter(brood, object, &closed)) {
        status = closed ? STATUS_DELETE_PENDING : brood_next(brood, &brood);
        if (!NT_SUCCESS(status))
            goto undo_pending;
    }
    return STATUS_SUCCESS;

undo_pending:
    object->parent = NULL;
    pending_drop(parent);
    ms_object_drop(parent);
    return status;
}

static void children_delete(struct ms_object *object);

/* By handle: the child may have gone meanwhile, and then the handle fails to match. */
static void child_delete(struct ms_wdf *wdf, uint64_t handle)
{
    struct ms_cell *cell = cell_of(wdf, handle);
    union ms_life now;

    if (!life_move(cell, life_delete, generation_of(handle), &now))
        return;
    struct ms_object *child = ms_load_relaxed(&cell->object); /* ours: we deleted it */
    children_delete(child);
    pending_drop(child);
}

/* The room behind `brood`; where there is none, none can be made any more (I4). */
static struct ms_brood *brood_close(struct ms_brood *brood)
{
    void *next = NULL;

    return ms_cas_acquire(&brood->next, &next, BROOD_END) ? NULL : next; /* hb:brood */
}

static void children_delete(struct ms_object *object)
{
    for (struct ms_brood *brood = &object->brood; brood; brood = brood_close(brood)) {
        ms_data_read(&brood->count, sizeof brood->count);
        for (uint32_t i = 0; i < brood->count; i++) {
            uint64_t child = ms_exchange_acquire(&brood->slot[i], SLOT_CLOSED); /* hb:brood */
            if (child != SLOT_FREE)
                child_delete(object->wdf, child);
        }
    }
}

bool ms_object_delete(struct ms_object *object)
{
    union ms_life now;

    if (!life_move(cell_mine(object), life_delete, generation_of(object->handle), &now))
        return false;
    children_delete(object);
    pending_drop(object); /* the 1 of I3 */
    return true;
}

struct ms_object *ms_object_ancestor(struct ms_object *object, enum ms_object_kind kind)
{
    while (object && object->ops->kind != kind) {
        ms_data_read(&object->parent, sizeof object->parent);
        object = object->parent;
    }
    return object;
}

void ms_object_visit(struct ms_object *object, enum ms_object_kind kind,
                     void (*visit)(struct ms_object *child, void *context), void *context)
{
    struct ms_brood *brood = &object->brood;

    while (brood) {
        ms_data_read(&brood->count, sizeof brood->count);
        for (uint32_t i = 0; i < brood->count; i++) {
            uint64_t handle = ms_load_acquire(&brood->slot[i]); /* hb:brood */
            struct ms_object *child =
                handle > SLOT_CLOSED ? ms_object_try((WDFOBJECT)(uintptr_t)handle, kind) : NULL;
            if (child) {
                visit(child, context);
                ms_object_drop(child);
            }
        }
        void *next = ms_load_acquire(&brood->next); /* hb:brood */
        brood = next == BROOD_END ? NULL : next;
    }
}

static void child_note(struct ms_object *child, void *context)
{
    bool *found = context;

    (void)child;
    *found = true;
}

bool ms_object_has(struct ms_object *object, enum ms_object_kind kind)
{
    bool found = false;

    ms_object_visit(object, kind, child_note, &found);
    return found;
}

struct ms_object *ms_wdf_root(struct ms_wdf *wdf)
{
    return wdf->root;
}
