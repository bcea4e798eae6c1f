# SPDX-License-Identifier: MIT
# The fuzzers: the floors on the simulator, targets on top. mapstorm-fuzz needs no engine; with
# MAPSTORM_BUILD_FUZZ each target is also a libFuzzer program.
if(NOT TARGET sim_adapter)
  return()
endif()
file(GLOB fuzz_targets CONFIGURE_DEPENDS fuzz/targets/*_fuzz.c)
set(fuzz_common fuzz/decode.c fuzz/text.c fuzz/play.c fuzz/mutate.c)

add_executable(mapstorm-fuzz fuzz/main.c fuzz/commands.c fuzz/prove.c fuzz/files.c fuzz/hunt.c
  fuzz/shrink.c fuzz/story.c ${fuzz_common} ${fuzz_targets})
target_link_libraries(mapstorm-fuzz PRIVATE ms_flags ${sim_below})
set_target_properties(mapstorm-fuzz PROPERTIES C_EXTENSIONS ON)

if(MAPSTORM_BUILD_TESTS)
  # Name, labels, command.
  function(ms_fuzz_test name labels)
    add_test(NAME fuzz.${name} COMMAND mapstorm-fuzz ${ARGN}
             WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
    set_tests_properties(fuzz.${name} PROPERTIES LABELS "${labels}" TIMEOUT 300)
  endfunction()
  set(corpus ${PROJECT_SOURCE_DIR}/corpus)
  ms_fuzz_test(canary "fuzz;quick" fuzz canary --executions 200000 --quiet)
  # A short run with a fixed seed and a fixed number of executions: the same on every machine.
  ms_fuzz_test(strategies "fuzz;quick" fuzz strategies --executions 8000 --quiet --corpus ${corpus})
  ms_fuzz_test(corpus "fuzz;quick" corpus ${corpus}/strategies ${corpus}/canary ${corpus}/map)
  ms_fuzz_test(map "fuzz;quick" fuzz map --executions 3000 --quiet --corpus ${corpus})
  ms_fuzz_test(explore "fuzz" explore --check ${corpus}/strategies/scenarios
               ${corpus}/map/scenarios)
  ms_fuzz_test(stop "fuzz" stop --table)
  ms_fuzz_test(stop-map "fuzz;slow" stop ${corpus}/map/stops)
endif()

if(MAPSTORM_BUILD_TESTS)
  add_executable(fuzz_test fuzz/fuzz_test.c fuzz/hunt.c fuzz/shrink.c fuzz/story.c ${fuzz_common}
    ${fuzz_targets} core/platform/test_main.c)
  target_link_libraries(fuzz_test PRIVATE ms_flags ${sim_below} cmocka)
  target_include_directories(fuzz_test PRIVATE fuzz)
  set_target_properties(fuzz_test PROPERTIES C_EXTENSIONS ON)
  add_test(NAME fuzz.machinery COMMAND fuzz_test)
  set_tests_properties(fuzz.machinery PROPERTIES LABELS "fuzz;quick" TIMEOUT 300)
endif()
