# SPDX-License-Identifier: MIT
# The fuzzers: the floors on the simulator, targets on top. mapstorm-fuzz needs no engine; with
# MAPSTORM_BUILD_FUZZ each target is also a libFuzzer program.
if(NOT TARGET sim_adapter)
  return()
endif()
file(GLOB fuzz_targets CONFIGURE_DEPENDS fuzz/targets/*_fuzz.c)
set(fuzz_common fuzz/decode.c fuzz/text.c fuzz/play.c fuzz/mutate.c fuzz/avx512_model.c)
# The suite's reader of request traces, which parsers_fuzz.c feeds; it needs nothing else of the suite.
set(fuzz_traces bench/requests.c)

# The reader of result files, where its library is: parsers_fuzz.c has it read some.
add_library(fuzz_results INTERFACE)
add_library(fuzz_json INTERFACE)
find_package(PkgConfig)
if(PkgConfig_FOUND AND NOT TARGET PkgConfig::JANSSON)
  pkg_check_modules(JANSSON IMPORTED_TARGET jansson)
endif()
if(TARGET PkgConfig::JANSSON)
  file(GLOB fuzz_result_files CONFIGURE_DEPENDS bench/result*.c)
  list(FILTER fuzz_result_files EXCLUDE REGEX "_test\\.c$")
  target_sources(fuzz_results INTERFACE ${fuzz_result_files})
  target_include_directories(fuzz_results INTERFACE bench)
  target_link_libraries(fuzz_json INTERFACE PkgConfig::JANSSON m)
  target_link_libraries(fuzz_results INTERFACE fuzz_json)
endif()

set(fuzz_machinery fuzz/targets.c fuzz/commands.c fuzz/prove.c fuzz/stop.c fuzz/files.c fuzz/hunt.c fuzz/shrink.c fuzz/story.c
  fuzz/chart.c fuzz/apart.c fuzz/session.c fuzz/kept.c fuzz/table.c fuzz/finding.c fuzz/pairs.c fuzz/mutants.c fuzz/mutants_try.c fuzz/speed.c)
# Compiled once, for the program and for its test.
add_library(fuzz_objects OBJECT ${fuzz_machinery} ${fuzz_common} ${fuzz_traces} ${fuzz_targets})
target_link_libraries(fuzz_objects PRIVATE ms_flags ${sim_below} fuzz_results)
target_compile_options(fuzz_objects PRIVATE $<$<CONFIG:Release>:-UMS_MEASURED -g>)
set_target_properties(fuzz_objects PROPERTIES C_EXTENSIONS ON)
add_executable(mapstorm-fuzz fuzz/main.c $<TARGET_OBJECTS:fuzz_objects>)
target_link_libraries(mapstorm-fuzz PRIVATE ms_flags ${sim_below} fuzz_json)
target_compile_definitions(mapstorm-fuzz PRIVATE
  $<$<BOOL:${MAPSTORM_SANITIZE}>:FUZZ_SANITIZED=1>)
target_compile_options(mapstorm-fuzz PRIVATE $<$<CONFIG:Release>:-UMS_MEASURED -g>)
set_target_properties(mapstorm-fuzz PROPERTIES C_EXTENSIONS ON)
install(TARGETS mapstorm-fuzz RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

if(MAPSTORM_BUILD_TESTS)
  # Name, labels, command.
  function(ms_fuzz_test name labels)
    add_test(NAME fuzz.${name} COMMAND mapstorm-fuzz ${ARGN}
             WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
    set_tests_properties(fuzz.${name} PROPERTIES LABELS "${labels}" TIMEOUT 300)
  endfunction()
  set(corpus ${PROJECT_SOURCE_DIR}/corpus)
  ms_fuzz_test(canary "fuzz;quick" fuzz canary --executions 200000 --quiet --fresh)
  # A short run with a fixed seed and a fixed number of executions: the same on every machine.
  foreach(run strategies:8000 map:3000 pool:8000 waitlist:30000 bounds_map:30000 bounds_sgl:20000 ctrl:6000
      sg_differential:30000 kmdf:4000 sgl:6000 parsers:8000 commons:3000
      misuse:5000 breach:1500 clash:4000 stream:1000 memory:1500 kernel:6000 framework:2500 machine:300 frames:20000)
    string(REPLACE ":" ";" run ${run})
    list(GET run 0 subject)
    list(GET run 1 executions)
    ms_fuzz_test(${subject} "fuzz;quick" fuzz ${subject} --executions ${executions} --quiet --fresh
                 --corpus ${corpus})
    list(APPEND fuzz_corpora ${corpus}/${subject})
  endforeach()
  ms_fuzz_test(corpus "fuzz;quick" corpus ${corpus}/canary ${fuzz_corpora})
  # That mutants are noticed at all; that what is said of survivors fits the code, and the corpus still
  # misses them. To look for each of them anew takes some twenty minutes, and is for people.
  ms_fuzz_test(mutants "fuzz;quick" mutants waitlist --effort 2 --corpus ${corpus})
  set_tests_properties(fuzz.mutants PROPERTIES PASS_REGULAR_EXPRESSION "[1-9][0-9]* of [0-9]+ mutants killed")
  ms_fuzz_test(survivors-known "fuzz;slow" mutants --quick --jobs 2 --survivors ${corpus}/survivors.txt
               --corpus ${corpus})
  ms_fuzz_test(survivors "fuzz;slow;deep" mutants --jobs 2 --survivors ${corpus}/survivors.txt --corpus ${corpus})
  set_tests_properties(fuzz.survivors PROPERTIES TIMEOUT 7200)
  ms_fuzz_test(unseen "fuzz;slow;deep" pairs --unseen ${corpus}/unseen.txt ${corpus}/canary ${fuzz_corpora})
  file(GLOB fuzz_scenarios CONFIGURE_DEPENDS ${corpus}/*/scenarios)
  # All interleavings, with sanitizers in the engines' build, which does in half a minute what takes the other one
  # more than a minute.
  if(NOT MAPSTORM_SANITIZE OR MAPSTORM_BUILD_FUZZ)
    ms_fuzz_test(explore "fuzz" explore --check ${fuzz_scenarios})
  endif()
  add_test(NAME fuzz.stop COMMAND ${PROJECT_SOURCE_DIR}/fuzz/stop_test.sh
           $<TARGET_FILE:mapstorm-fuzz> ${PROJECT_SOURCE_DIR} quick)
  set_tests_properties(fuzz.stop PROPERTIES LABELS "fuzz;quick" TIMEOUT 120)
  add_test(NAME fuzz.stopped-table COMMAND ${PROJECT_SOURCE_DIR}/fuzz/stop_test.sh
           $<TARGET_FILE:mapstorm-fuzz> ${PROJECT_SOURCE_DIR} table)
  set_tests_properties(fuzz.stopped-table PROPERTIES LABELS "fuzz;slow" TIMEOUT 1200)
  # A planted bug whose code has moved on would be one the score no longer looks for. It is a question about
  # sources, the same in every build of a compiler.
  if(NOT MAPSTORM_SANITIZE)
    add_test(NAME fuzz.plants COMMAND ${PROJECT_SOURCE_DIR}/fuzz/plants_test.sh ${PROJECT_SOURCE_DIR}
             ${CMAKE_CURRENT_BINARY_DIR}/plants ${CMAKE_C_COMPILER})
    set_tests_properties(fuzz.plants PROPERTIES LABELS "fuzz;quick" TIMEOUT 300)
  endif()
  # The engines' build leaves the commands to the other one with sanitizers, where it is the same test.
  if(NOT MAPSTORM_BUILD_FUZZ)
    add_test(NAME fuzz.tools COMMAND ${PROJECT_SOURCE_DIR}/fuzz/tools_test.sh
             $<TARGET_FILE:mapstorm-fuzz> ${corpus})
    set_tests_properties(fuzz.tools PROPERTIES LABELS "fuzz;quick" TIMEOUT 300)
  endif()
  add_test(NAME fuzz.cover COMMAND ${PROJECT_SOURCE_DIR}/fuzz/cover_test.sh
           ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_BINARY_DIR}/cover-test)
  set_tests_properties(fuzz.cover PROPERTIES LABELS "fuzz;slow" TIMEOUT 900)
  add_test(NAME fuzz.upstream COMMAND ${PROJECT_SOURCE_DIR}/fuzz/oss-fuzz/check_test.sh
           ${CMAKE_CURRENT_BINARY_DIR}/upstream)
  # Every sanitizer and both engines, seven minutes: for people, `ctest --test-dir build/dev -L deep`.
  set_tests_properties(fuzz.upstream PROPERTIES LABELS "fuzz;slow;deep" TIMEOUT 1400)
  # For people and nights: `ctest --test-dir build/dev -L deep`. A plant that was found must be found again.
  add_test(NAME fuzz.score COMMAND ${PROJECT_SOURCE_DIR}/fuzz/score.sh
           --out ${CMAKE_CURRENT_BINARY_DIR}/score)
  set_tests_properties(fuzz.score PROPERTIES LABELS "fuzz;slow;deep" TIMEOUT 3600 RUN_SERIAL ON)
  add_test(NAME fuzz.score-tool COMMAND ${PROJECT_SOURCE_DIR}/fuzz/score_test.sh
           ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_BINARY_DIR}/score-test)
  set_tests_properties(fuzz.score-tool PROPERTIES LABELS "fuzz;slow" TIMEOUT 900)
  add_test(NAME fuzz.same-trace COMMAND ${PROJECT_SOURCE_DIR}/fuzz/same_trace_test.sh
           ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_BINARY_DIR}/same-trace $<TARGET_FILE:mapstorm-fuzz>)
  set_tests_properties(fuzz.same-trace PROPERTIES LABELS "fuzz;slow" TIMEOUT 1200)
endif()

if(MAPSTORM_BUILD_TESTS)
  add_executable(fuzz_test fuzz/fuzz_test.c core/platform/test_main.c $<TARGET_OBJECTS:fuzz_objects>)
  target_link_libraries(fuzz_test PRIVATE ms_flags ${sim_below} fuzz_json cmocka)
  target_include_directories(fuzz_test PRIVATE fuzz)
  set_target_properties(fuzz_test PROPERTIES C_EXTENSIONS ON)
  add_test(NAME fuzz.machinery COMMAND fuzz_test)
  set_tests_properties(fuzz.machinery PROPERTIES LABELS "fuzz;quick" TIMEOUT 300)
endif()

# --- engines -------------------------------------------------------------------------------------
# The floors are compiled for the engine's coverage; the simulator is not, or its own branches would
# count as discoveries, and it is always optimised.
if(MAPSTORM_BUILD_FUZZ)
  # Stacks of fibers are no depths. Operands are classes, not magic numbers, so nothing is learnt from
  # what is compared; looking at it takes a third of the time. Whom an indirect call reaches shows by that one's
  # own edges.
  set(fuzz_no_coverage -fno-sanitize-coverage=stack-depth,trace-cmp,indirect-calls)
  foreach(floor IN LISTS MAPSTORM_FLOORS)
    if(TARGET sim_${floor} AND NOT floor STREQUAL "platform")
      target_compile_options(sim_${floor} PRIVATE -fsanitize=fuzzer-no-link -O1
                             ${fuzz_no_coverage})
    endif()
  endforeach()
  # Behind everything else on the command line, or the sanitizers' own flags would undo it.
  add_library(ms_unsanitized INTERFACE)
  target_compile_options(ms_unsanitized INTERFACE -O2 -fno-sanitize=all)
  target_link_libraries(sim_platform PRIVATE ms_unsanitized)
  add_library(fuzz_engine_common OBJECT ${fuzz_common})
  target_link_libraries(fuzz_engine_common PRIVATE ms_flags ${sim_below} ms_unsanitized)
  set_target_properties(fuzz_engine_common PROPERTIES C_EXTENSIONS ON)
  foreach(path IN LISTS fuzz_targets)
    get_filename_component(program ${path} NAME_WE)
    add_library(${program}_object OBJECT ${path})
    if(program STREQUAL "parsers_fuzz")
      target_sources(${program}_object PRIVATE ${fuzz_traces})
    endif()
    target_link_libraries(${program}_object PRIVATE ms_flags ${sim_below})
    target_compile_options(${program}_object PRIVATE -fsanitize=fuzzer-no-link ${fuzz_no_coverage})
    set_target_properties(${program}_object PROPERTIES C_EXTENSIONS ON)
    list(APPEND fuzz_engine_objects $<TARGET_OBJECTS:${program}_object>)
  endforeach()
  foreach(path IN LISTS fuzz_targets)
    get_filename_component(program ${path} NAME_WE)
    string(REGEX REPLACE "_fuzz$" "" subject ${program})
    add_executable(${program} fuzz/engine.c $<TARGET_OBJECTS:fuzz_engine_common>)
    list(APPEND fuzz_programs ${program})
    target_compile_definitions(${program} PRIVATE FUZZ_ENGINE_TARGET=${subject})
    # Without a schedule there are few features beside edges: an engine looks at each for each execution.
    # One actor alone shows a few hundred, whatever threads its subject starts.
    file(STRINGS ${path} few_features REGEX "\\.is_sequential = true|\\.actor_count = 1,")
    if(few_features)
      target_compile_definitions(${program} PRIVATE FUZZ_ENGINE_FEATURES=2048)
    endif()
    target_link_libraries(${program} PRIVATE ms_flags ${sim_below})
    if(subject STREQUAL "parsers") # reads inputs of others too, and results
      target_sources(${program} PRIVATE fuzz/targets.c ${fuzz_engine_objects})
      target_compile_definitions(${program} PRIVATE FUZZ_ENGINE_KNOWS_ALL=1)
      target_link_libraries(${program} PRIVATE fuzz_results)
    else()
      target_sources(${program} PRIVATE $<TARGET_OBJECTS:${program}_object>)
    endif()
    target_link_options(${program} PRIVATE -fsanitize=fuzzer)
    set_target_properties(${program} PROPERTIES C_EXTENSIONS ON)
    # Those that make whole machines, or whole drivers, take their time for each.
    set(runs 20000)
    if(subject STREQUAL "machine")
      set(runs 1000)
    elseif(subject MATCHES "^(framework|stream)$")
      set(runs 5000)
    elseif(subject STREQUAL "memory")
      set(runs 10000)
    endif()
    if(MAPSTORM_BUILD_TESTS AND NOT subject STREQUAL "canary")
      add_test(NAME fuzz.engine-${subject}
               COMMAND ${program} -runs=${runs} -seed=1 -max_len=512 -len_control=0 -timeout=200)
      set_tests_properties(fuzz.engine-${subject} PROPERTIES LABELS fuzz TIMEOUT 600)
    endif()
  endforeach()
  # What the tests of the fuzzers run: they need no test program of core.
  add_custom_target(fuzz_programs DEPENDS mapstorm-fuzz ${fuzz_programs})
  if(MAPSTORM_BUILD_TESTS)
    add_dependencies(fuzz_programs fuzz_test)
    # The simulator is compiled without sanitizers here, and still what its accesses touch is looked at.
    add_executable(fuzz_watched fuzz/watched_test.c)
    target_link_libraries(fuzz_watched PRIVATE ms_flags sim_platform)
    add_dependencies(fuzz_programs fuzz_watched)
    if("address" IN_LIST MAPSTORM_SANITIZE)
      add_test(NAME fuzz.watched COMMAND fuzz_watched)
      set_tests_properties(fuzz.watched PROPERTIES LABELS fuzz TIMEOUT 60
                           PASS_REGULAR_EXPRESSION "AddressSanitizer: heap-use-after-free")
    endif()
    # The engine must find the planted bug; a run that ends in peace proves that it looks nowhere.
    add_test(NAME fuzz.engine-canary
             COMMAND canary_fuzz -runs=2000000 -seed=1 -max_len=512 -len_control=0)
    set_tests_properties(fuzz.engine-canary PROPERTIES LABELS fuzz TIMEOUT 600
                         PASS_REGULAR_EXPRESSION "mapstorm: O1 one node, two owners")
  endif()
endif()
