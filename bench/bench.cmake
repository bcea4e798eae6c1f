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
  list(APPEND bench_sources ${PROJECT_BINARY_DIR}/page_parts.c)
endif()

add_library(ms_bench STATIC ${bench_sources})
target_include_directories(ms_bench PUBLIC bench core)
target_link_libraries(ms_bench PRIVATE ms_flags PUBLIC ms_sanitizers mapstorm_core
  PkgConfig::JANSSON PkgConfig::HWLOC PkgConfig::GSL benchmark::benchmark m)

if(MAPSTORM_BUILD_TESTS)
  add_executable(bench_test ${bench_tests} core/platform/test_main.c)
  target_compile_definitions(bench_test PRIVATE
    MS_TEST_DATA="${PROJECT_SOURCE_DIR}/bench/testdata")
  target_link_libraries(bench_test PRIVATE ms_flags ms_bench cmocka)
  # One entry a subject, chosen by the beginning of the test names.
  foreach(subject stats_vectors stats_calibrated order histogram topology clock)
    add_test(NAME bench.${subject} COMMAND bench_test ${subject}_)
    set_tests_properties(bench.${subject} PROPERTIES LABELS bench TIMEOUT 60)
  endforeach()
  foreach(subject golden sentences self_contained hostile result files compare)
    add_test(NAME report.${subject} COMMAND bench_test report_${subject}_)
    set_tests_properties(report.${subject} PROPERTIES LABELS report TIMEOUT 60)
  endforeach()
  add_test(NAME report.browser COMMAND bench_test report_browser_)
  set_tests_properties(report.browser PROPERTIES LABELS report TIMEOUT 120
    SKIP_REGULAR_EXPRESSION "SKIPPED")
endif()
