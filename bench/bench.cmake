# SPDX-License-Identifier: MIT
# bench: the measuring and the reports, on top of core. ms_bench holds everything but main.c, so that
# the test program links the same objects the mapstorm program does.
enable_language(CXX)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
find_package(PkgConfig REQUIRED)
find_package(benchmark REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(HWLOC REQUIRED IMPORTED_TARGET hwloc)
pkg_check_modules(GSL REQUIRED IMPORTED_TARGET gsl)

file(GLOB bench_sources CONFIGURE_DEPENDS bench/*.c bench/scenarios/*.c bench/*.cc)
file(GLOB bench_tests CONFIGURE_DEPENDS bench/*_test.c)
list(REMOVE_ITEM bench_sources ${bench_tests} ${PROJECT_SOURCE_DIR}/bench/main.c)

# The page's template, style and script travel inside the program: no file has to be found at run time.
set(page_parts template.html style.css script.js)
list(TRANSFORM page_parts PREPEND ${PROJECT_SOURCE_DIR}/bench/page/)
if(EXISTS ${PROJECT_SOURCE_DIR}/bench/page/embed.cmake)
  add_custom_command(OUTPUT ${PROJECT_BINARY_DIR}/page_parts.c
    COMMAND ${CMAKE_COMMAND} -DOUT=${PROJECT_BINARY_DIR}/page_parts.c
            -DFOLDER=${PROJECT_SOURCE_DIR}/bench/page -P ${PROJECT_SOURCE_DIR}/bench/page/embed.cmake
    DEPENDS ${page_parts} ${PROJECT_SOURCE_DIR}/bench/page/embed.cmake
    COMMENT "Embedding the page's template" VERBATIM)
  # Once at configure time too: tools that read compile_commands.json before the first build (analyzers,
  # editors) must find every file it names.
  if(NOT EXISTS ${PROJECT_BINARY_DIR}/page_parts.c)
    execute_process(COMMAND ${CMAKE_COMMAND} -DOUT=${PROJECT_BINARY_DIR}/page_parts.c
      -DFOLDER=${PROJECT_SOURCE_DIR}/bench/page -P ${PROJECT_SOURCE_DIR}/bench/page/embed.cmake
      COMMAND_ERROR_IS_FATAL ANY)
  endif()
  list(APPEND bench_sources ${PROJECT_BINARY_DIR}/page_parts.c)
endif()

# The program says which commit it was built from; asked at every build, written when it changed.
add_custom_target(ms_commit
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DOUT=${PROJECT_BINARY_DIR}/bench/commit.h
          -P ${PROJECT_SOURCE_DIR}/bench/commit.cmake
  BYPRODUCTS ${PROJECT_BINARY_DIR}/bench/commit.h
  COMMENT "Looking which commit this is" VERBATIM)

# Every strategy a second time, with a call at each access, so that counts are exact (bench/counting.h). The
# compiler's race detector has the hooks; its library is not linked. A sanitizer's build has other plans
# with them: it counts nothing.
if(NOT MAPSTORM_SANITIZE)
  set(counted_sources)
  foreach(file IN LISTS strategies strategies_extra)
    cmake_path(GET file STEM identifier)
    cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY ${PROJECT_SOURCE_DIR}/core/registers/strategies)
    file(CONFIGURE OUTPUT counted/${identifier}.c CONTENT
      "#define ms_reg_${identifier} ms_counted_${identifier}\n#include \"${file}\"\n" @ONLY)
    list(APPEND counted_sources ${PROJECT_BINARY_DIR}/counted/${identifier}.c)
  endforeach()
  add_library(ms_counted OBJECT ${counted_sources})
  target_compile_definitions(ms_counted PRIVATE MS_MEASURED=1) # without the checks of other builds
  target_compile_options(ms_counted PRIVATE -O2 -fsanitize=thread)
  target_include_directories(ms_counted PRIVATE core core/include)
  target_link_libraries(ms_counted PRIVATE ms_flags)
  list(APPEND bench_sources bench/counted/hooks.c $<TARGET_OBJECTS:ms_counted>)
  set_source_files_properties(bench/counting.c bench/counting_test.c PROPERTIES COMPILE_DEFINITIONS MS_COUNTED=1)
endif()

add_library(ms_bench STATIC ${bench_sources})
add_dependencies(ms_bench ms_commit)
string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
string(STRIP "${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${build_type}}" build_flags)
target_compile_definitions(ms_bench PUBLIC MS_VERSION="${PROJECT_VERSION}")
set_source_files_properties(bench/facts.c PROPERTIES COMPILE_DEFINITIONS
  "MS_BUILD_TYPE=\"${CMAKE_BUILD_TYPE}\";MS_BUILD_FLAGS=\"${build_flags}\"")
set_source_files_properties(bench/scenarios/bound.c PROPERTIES COMPILE_OPTIONS -O3)
set_source_files_properties(bench/gbench.cc PROPERTIES COMPILE_DEFINITIONS
  "MS_GBENCH_VERSION=\"${benchmark_VERSION}\"")
target_include_directories(ms_bench PUBLIC bench bench/scenarios core ${PROJECT_BINARY_DIR}/bench)
target_link_libraries(ms_bench PRIVATE ms_flags PUBLIC ms_sanitizers mapstorm_core
  PkgConfig::JANSSON PkgConfig::HWLOC PkgConfig::GSL benchmark::benchmark m)

# A strategy from a shared object finds in the program what it calls, so that is exported.
add_executable(mapstorm bench/main.c)
target_link_libraries(mapstorm PRIVATE ms_flags ms_bench ${CMAKE_DL_LIBS})
set_target_properties(mapstorm PROPERTIES ENABLE_EXPORTS ON LINKER_LANGUAGE CXX)
install(TARGETS mapstorm RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

if(MAPSTORM_BUILD_TESTS)
  add_executable(bench_test ${bench_tests} core/platform/test_main.c)
  target_compile_definitions(bench_test PRIVATE
    MS_TEST_DATA="${PROJECT_SOURCE_DIR}/bench/testdata")
  target_link_libraries(bench_test PRIVATE ms_flags ms_bench cmocka)
  # What starts no threads is nothing for the thread sanitizer: its presets leave it to the others.
  set(alone)
  if("thread" IN_LIST MAPSTORM_SANITIZE)
    set(alone ";one-thread")
  endif()
  # One entry a subject, chosen by the beginning of the test names.
  foreach(subject stand exact open_loop)
    add_test(NAME bench.${subject} COMMAND bench_test ${subject}_)
    set_tests_properties(bench.${subject} PROPERTIES LABELS bench TIMEOUT 300)
  endforeach()
  foreach(subject counting goals requests stats_vectors stats_calibrated calm order histogram topology clock key capture
          plan controls overlap judge runner)
    add_test(NAME bench.${subject} COMMAND bench_test ${subject}_)
    set_tests_properties(bench.${subject} PROPERTIES LABELS "bench${alone}" TIMEOUT 300)
  endforeach()
  foreach(subject golden lists sentences self_contained hostile result files compare)
    add_test(NAME report.${subject} COMMAND bench_test report_${subject}_)
    set_tests_properties(report.${subject} PROPERTIES LABELS "report${alone}" TIMEOUT 300)
  endforeach()
  add_test(NAME report.browser COMMAND bench_test report_browser_)
  set_tests_properties(report.browser PROPERTIES LABELS "report${alone}" TIMEOUT 400
    SKIP_REGULAR_EXPRESSION "SKIPPED")

  # Strategies from outside the tree, each wrong in one way, and the program's tests with them.
  foreach(kind RANGE 0 5)
    add_library(broken${kind} MODULE bench/testplugins/broken.c)
    target_compile_definitions(broken${kind} PRIVATE BROKEN=${kind})
    target_include_directories(broken${kind} PRIVATE core core/include)
    target_link_libraries(broken${kind} PRIVATE ms_flags)
    set_target_properties(broken${kind} PROPERTIES
      LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/testplugins)
  endforeach()
  foreach(subject smoke usage crash plugin folder interrupt hang)
    add_test(NAME bench.${subject} COMMAND ${PROJECT_SOURCE_DIR}/bench/program_test.sh ${subject}
      $<TARGET_FILE:mapstorm> ${PROJECT_BINARY_DIR}/testplugins)
    set_tests_properties(bench.${subject} PROPERTIES LABELS bench TIMEOUT 300)
  endforeach()
  # The program, its launches and their threads come along with the others; these ask about words and files.
  set_tests_properties(bench.usage bench.plugin bench.folder PROPERTIES LABELS "bench${alone}")
  set_tests_properties(bench.hang PROPERTIES LABELS "bench;slow")
  add_test(NAME bench.strategy COMMAND ${PROJECT_SOURCE_DIR}/bench/strategy_test.sh
    ${PROJECT_SOURCE_DIR})
  set_tests_properties(bench.strategy PROPERTIES LABELS "bench;slow" TIMEOUT 1200)
endif()
