/* SPDX-License-Identifier: MIT */
#include "wdf/test_wdf.h"

struct diary {
    char text[64];
    uint32_t length;
};

struct named {
    struct diary *diary;
    char name;
};
typedef struct named NAMED;
typedef struct other {
    uint64_t word[3];
} OTHER;
WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(NAMED, NamedOf)
WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(OTHER, OtherOf)

static void note(struct diary *diary, char what, char name)
{
    assert_true(diary->length + 3 < sizeof diary->text);
    diary->text[diary->length++] = what;
    diary->text[diary->length++] = name;
    diary->text[diary->length] = 0;
}

static VOID on_cleanup(WDFOBJECT object)
{
    note(NamedOf(object)->diary, '-', NamedOf(object)->name);
}

static VOID on_destroy(WDFOBJECT object)
{
    note(NamedOf(object)->diary, '~', NamedOf(object)->name); /* OBJ-02: to the very end */
}

static WDFOBJECT make(WDFOBJECT parent, struct diary *diary, char name)
{
    WDF_OBJECT_ATTRIBUTES attributes;
    WDFOBJECT object;

    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&attributes, NAMED);
    attributes.EvtCleanupCallback = on_cleanup;
    attributes.EvtDestroyCallback = on_destroy;
    attributes.ParentObject = parent;
    assert_status(WdfObjectCreate(&attributes, &object), STATUS_SUCCESS);
    assert_non_null(object);
    assert_null(NamedOf(object)->diary); /* OBJ-02: zero-filled */
    NamedOf(object)->diary = diary;
    NamedOf(object)->name = name;
    return object;
}

/* OBJ-01 */
MS_TEST(the_attributes_initializer_inherits_from_the_parent_and_zeroes_the_rest)
{
    WDF_OBJECT_ATTRIBUTES attributes, zero;

    memset(&attributes, 0xAA, sizeof attributes);
    memset(&zero, 0, sizeof zero);
    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    assert_int_equal(attributes.Size, sizeof attributes);
    assert_int_equal(attributes.ExecutionLevel, WdfExecutionLevelInheritFromParent);
    assert_int_equal(attributes.SynchronizationScope, WdfSynchronizationScopeInheritFromParent);
    zero.Size = attributes.Size;
    zero.ExecutionLevel = attributes.ExecutionLevel;
    zero.SynchronizationScope = attributes.SynchronizationScope;
    assert_memory_equal(&attributes, &zero, sizeof zero);
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&attributes, NAMED);
    assert_ptr_equal(attributes.ContextTypeInfo, WDF_GET_CONTEXT_TYPE_INFO(NAMED));
}

/* OBJ-02, OBJ-03 */
MS_TEST(a_context_is_zeroed_aligned_at_one_address_and_known_by_its_type)
{
    struct fixture f;
    WDF_OBJECT_ATTRIBUTES attributes;
    PVOID other = NULL;
    WDFOBJECT object;

    fixture_open(&f);
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&attributes, NAMED);
    attributes.ContextSizeOverride = 1000;
    assert_status(WdfObjectCreate(&attributes, &object), STATUS_SUCCESS);
    NAMED *named = NamedOf(object);
    assert_int_equal((uintptr_t)named % 16, 0);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(((uint8_t *)named)[i], 0);
    memset(named, 0x77, 1000); /* the override is really there */
    assert_ptr_equal(WdfObjectContextGetObject(named), object);

    assert_null(OtherOf(object));
    assert_reported(&f, MS_RULE_WDF_CONTEXT_TYPE);
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&attributes, OTHER);
    assert_status(WdfObjectAllocateContext(object, &attributes, &other), STATUS_SUCCESS);
    assert_ptr_equal(OtherOf(object), other);
    assert_ptr_equal(NamedOf(object), named);
    assert_status(WdfObjectAllocateContext(object, &attributes, &other), STATUS_OBJECT_NAME_EXISTS);
    assert_ptr_equal(OtherOf(object), other);
    assert_ptr_equal(WdfObjectGetTypedContext(object, OTHER), other);
    fixture_close_with(&f, 1, 0);
}

/* OBJ-04 */
MS_TEST(children_go_first_and_each_callback_comes_once)
{
    struct fixture f;
    struct diary diary = {.length = 0};

    fixture_open(&f);
    WDFOBJECT a = make(NULL, &diary, 'a');
    WDFOBJECT b = make(a, &diary, 'b');
    make(b, &diary, 'c');
    WDFOBJECT d = make(a, &diary, 'd');
    WdfObjectDelete(d);
    assert_string_equal(diary.text, "-d~d");
    WdfObjectDelete(a);
    assert_string_equal(diary.text, "-d~d-c~c-b~b-a~a");
    assert_int_equal(ms_wdf_objects(f.wdf), 1);
    fixture_close(&f);
}

/* OBJ-04 */
MS_TEST(a_parent_of_many_finds_them_all)
{
    struct fixture f;
    WDF_OBJECT_ATTRIBUTES attributes;
    WDFOBJECT child[200];

    fixture_open(&f);
    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    assert_status(WdfObjectCreate(NULL, &attributes.ParentObject), STATUS_SUCCESS);
    for (uint32_t i = 0; i < 200; i++)
        assert_status(WdfObjectCreate(&attributes, &child[i]), STATUS_SUCCESS);
    for (uint32_t i = 0; i < 200; i += 3)
        WdfObjectDelete(child[i]);
    for (uint32_t i = 0; i < 200; i += 3)
        assert_status(WdfObjectCreate(&attributes, &child[i]), STATUS_SUCCESS);
    assert_int_equal(ms_wdf_objects(f.wdf), 202);
    WdfObjectDelete(attributes.ParentObject);
    assert_int_equal(ms_wdf_objects(f.wdf), 1);
    fixture_close(&f);
}

/* OBJ-05, OBJ-06 */
MS_TEST(a_reference_keeps_the_memory_but_the_handle_is_dead)
{
    struct fixture f;
    struct diary diary = {.length = 0};

    fixture_open(&f);
    WDFOBJECT a = make(NULL, &diary, 'a');
    WdfObjectReference(a);
    WdfObjectDelete(a); /* OBJ-05: returns while a reference exists */
    assert_string_equal(diary.text, "-a");
    assert_int_equal(NamedOf(a)->name, 'a'); /* OBJ-06 */
    assert_int_equal(f.reports, 0);
    WdfObjectDelete(a);
    assert_reported(&f, MS_RULE_WDF_HANDLE); /* OBJ-05 */
    WdfObjectReference(a); /* OBJ-06: references may still be taken by who has one */
    WdfObjectDereference(a);
    assert_string_equal(diary.text, "-a");
    WdfObjectDereference(a);
    assert_string_equal(diary.text, "-a~a");
    fixture_close_with(&f, 1, 0);
}

/* OBJ-06 */
MS_TEST(a_reference_that_the_driver_does_not_hold_is_not_given_back)
{
    struct fixture f;
    struct diary diary = {.length = 0};

    fixture_open(&f);
    WDFOBJECT a = make(NULL, &diary, 'a');
    WdfObjectDereference(a);
    assert_reported(&f, MS_RULE_WDF_REFERENCE);
    assert_string_equal(diary.text, "");
    for (uint32_t i = 0; i <= LIFE_REFERENCES_MAX; i++)
        WdfObjectReference(a);
    assert_int_equal(f.reports, 2);
    for (uint32_t i = 0; i < LIFE_REFERENCES_MAX; i++)
        WdfObjectDereference(a);
    WdfObjectDelete(a);
    assert_string_equal(diary.text, "-a~a");
    fixture_close_with(&f, 2, 0);
}

/* OBJ-08, FTL-02 */
MS_TEST(an_old_or_foreign_handle_is_reported_and_touches_nothing)
{
    struct fixture f;
    WDFOBJECT first, second;

    fixture_open(&f);
    assert_status(WdfObjectCreate(NULL, &first), STATUS_SUCCESS);
    WdfObjectDelete(first);
    assert_status(WdfObjectCreate(NULL, &second), STATUS_SUCCESS);
    assert_ptr_not_equal(first, second); /* OBJ-08: although the cell is the same */
    const uintptr_t wrong[] = {
        0, 1, 16, 0x123450, (uintptr_t)&f, (uintptr_t)first, UINTPTR_MAX, UINTPTR_MAX - 15};
    for (uint32_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint32_t before = f.reports;
        WdfObjectDelete((WDFOBJECT)wrong[i]);
        assert_null(WdfObjectGetTypedContext((WDFOBJECT)wrong[i], NAMED));
        WdfObjectReference((WDFOBJECT)wrong[i]);
        WdfObjectDereference((WDFOBJECT)wrong[i]);
        assert_null(ms_object_find((WDFOBJECT)wrong[i], MS_OBJECT_ANY));
        assert_null(ms_object_from((WDFOBJECT)wrong[i], MS_OBJECT_ANY));
        assert_int_equal(f.reports - before, 5);
    }
    assert_null(ms_object_take(second, MS_OBJECT_TIMER)); /* another kind */
    assert_int_equal(f.report[0].info->rule, MS_RULE_WDF_HANDLE);
    WdfObjectDelete(second);
    fixture_close_with(&f, 5 * 8 + 1, 0);
}

static const WDF_OBJECT_CONTEXT_TYPE_INFO no_type = {
    .Size = sizeof no_type - 1, .ContextName = "none", .ContextSize = 8, .UniqueType = &no_type};

/* OBJ-01, FTL-02 */
MS_TEST(bad_attributes_get_their_status_and_no_object)
{
    struct fixture f;
    WDF_OBJECT_ATTRIBUTES good, a;
    WDFOBJECT object = (WDFOBJECT)&good;

    fixture_open(&f);
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&good, NAMED);
    a = good;
    a.Size--;
    assert_status(WdfObjectCreate(&a, &object), STATUS_INFO_LENGTH_MISMATCH);
    assert_null(object);
    a = good;
    a.ContextTypeInfo = &no_type;
    assert_status(WdfObjectCreate(&a, &object), STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    a = good;
    a.ContextSizeOverride = sizeof(NAMED) - 1;
    assert_status(WdfObjectCreate(&a, &object), STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    a = good;
    a.ExecutionLevel = WdfExecutionLevelInvalid;
    assert_status(WdfObjectCreate(&a, &object), STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    a = good;
    a.SynchronizationScope = (WDF_SYNCHRONIZATION_SCOPE)9;
    assert_status(WdfObjectCreate(&a, &object), STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    a = good;
    a.ParentObject = (WDFOBJECT)&good;
    assert_status(WdfObjectCreate(&a, &object), STATUS_INVALID_PARAMETER);
    assert_reported(&f, MS_RULE_WDF_HANDLE);
    assert_status(WdfObjectCreate(&good, NULL), STATUS_INVALID_PARAMETER);
    assert_reported(&f, MS_RULE_WDF_NULL);
    assert_int_equal(ms_wdf_objects(f.wdf), 1);
    fixture_close_with(&f, 2, 0);
}

MS_TEST(every_taking_of_an_object_may_fail_and_nothing_stays)
{
    struct fixture f;
    WDF_OBJECT_ATTRIBUTES attributes;
    WDFOBJECT object, parent;
    uint32_t failures = 0;

    fixture_open(&f);
    assert_status(WdfObjectCreate(NULL, &parent), STATUS_SUCCESS);
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&attributes, NAMED);
    attributes.ParentObject = parent;
    for (uint32_t i = 0; i < MS_BROOD_FIRST; i++) /* so that the next needs a room */
        assert_status(WdfObjectCreate(&attributes, &object), STATUS_SUCCESS);
    for (uint32_t countdown = 0;; countdown++) {
        ms_fault_arm(countdown);
        NTSTATUS status = WdfObjectCreate(&attributes, &object);
        bool fired = ms_fault_fired();
        ms_fault_arm(UINT32_MAX);
        if (!fired)
            break;
        assert_status(status, STATUS_INSUFFICIENT_RESOURCES);
        assert_null(object);
        assert_int_equal(ms_wdf_objects(f.wdf), MS_BROOD_FIRST + 2);
        failures++;
    }
    assert_int_equal(failures, 4); /* the object, a cell, the context, a room */
    ms_fault_arm(0);
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&attributes, OTHER);
    assert_status(WdfObjectAllocateContext(object, &attributes, NULL),
                  STATUS_INSUFFICIENT_RESOURCES);
    ms_fault_arm(UINT32_MAX);
    fixture_close(&f);
}

MS_TEST(as_many_objects_as_there_are_cells_and_no_more)
{
    struct fixture f;
    struct ms_wdf_config config = {.objects = 3};
    WDFOBJECT object[3];

    fixture_open_with(&f, &config);
    assert_status(WdfObjectCreate(NULL, &object[0]), STATUS_SUCCESS);
    assert_status(WdfObjectCreate(NULL, &object[1]), STATUS_SUCCESS);
    assert_status(WdfObjectCreate(NULL, &object[2]), STATUS_INSUFFICIENT_RESOURCES);
    WdfObjectDelete(object[0]);
    assert_status(WdfObjectCreate(NULL, &object[2]), STATUS_SUCCESS);
    fixture_close(&f);
}

/* FTL-01, OBJ-06 */
MS_TEST(a_reference_that_was_never_dropped_is_reported_at_the_end)
{
    struct fixture f;
    struct diary diary = {.length = 0};

    fixture_open(&f);
    WDFOBJECT a = make(NULL, &diary, 'a');
    WdfObjectReference(a);
    fixture_close_with(&f, 0, 1);
    assert_string_equal(diary.text, "-a");
    assert_int_equal(f.report[0].info->rule, MS_RULE_WDF_LEAK);
    assert_int_equal(f.report[0].object, (uint64_t)(uintptr_t)a);
}

static VOID cleanup_that_adopts(WDFOBJECT object)
{
    WDF_OBJECT_ATTRIBUTES attributes;
    WDFOBJECT child;

    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.ParentObject = object;
    assert_status(WdfObjectCreate(&attributes, &child), STATUS_INVALID_PARAMETER);
}

/* OBJ-04, OBJ-05 */
MS_TEST(who_is_being_deleted_gets_no_more_children)
{
    struct fixture f;
    WDF_OBJECT_ATTRIBUTES attributes;
    WDFOBJECT object;

    fixture_open(&f);
    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.EvtCleanupCallback = cleanup_that_adopts;
    assert_status(WdfObjectCreate(&attributes, &object), STATUS_SUCCESS);
    WdfObjectDelete(object);
    assert_reported(&f, MS_RULE_WDF_HANDLE);
    fixture_close_with(&f, 1, 0);
}
