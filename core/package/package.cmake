# SPDX-License-Identifier: MIT
# package: what is installed, the tests of what is installed, the checks of the tree itself, and
# the summary that ends configuring.
include(CMakePackageConfigHelpers)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/mapstorm)
file(RELATIVE_PATH MAPSTORM_PC_UP /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/mapstorm-config.cmake.in
  ${PROJECT_BINARY_DIR}/mapstorm-config.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/mapstorm-config-version.cmake
  COMPATIBILITY SameMinorVersion)
configure_file(${CMAKE_CURRENT_LIST_DIR}/mapstorm.pc.in ${PROJECT_BINARY_DIR}/mapstorm.pc @ONLY)

file(GLOB contract CONFIGURE_DEPENDS core/include/*.h)
install(FILES ${contract} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/mapstorm)
install(TARGETS mapstorm_core EXPORT mapstorm-targets)
install(EXPORT mapstorm-targets NAMESPACE mapstorm:: DESTINATION ${package_folder})
install(FILES ${PROJECT_BINARY_DIR}/mapstorm-config.cmake
  ${PROJECT_BINARY_DIR}/mapstorm-config-version.cmake DESTINATION ${package_folder})
# mapstorm_add_driver, here and where mapstorm is installed.
include(${CMAKE_CURRENT_LIST_DIR}/mapstorm-driver.cmake)
install(FILES ${CMAKE_CURRENT_LIST_DIR}/mapstorm-driver.cmake DESTINATION ${package_folder})
install(DIRECTORY ${CMAKE_CURRENT_LIST_DIR}/compat DESTINATION ${package_folder})
install(FILES ${PROJECT_BINARY_DIR}/mapstorm.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
# What a strategy, or a program that steps controllers, includes, on the same path as the contract.
install(DIRECTORY core/platform core/kernel core/memory core/registers core/sg core/controller core/adapter core/wdf
          core/machine core/verify
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/mapstorm
  FILES_MATCHING PATTERN "*.h" PATTERN "*.def" PATTERN "test*.h" EXCLUDE PATTERN "sim*.h" EXCLUDE)
install(DIRECTORY corpus/layouts DESTINATION ${CMAKE_INSTALL_DATADIR}/mapstorm OPTIONAL)
if(TARGET mapstorm)
  install(FILES core/package/mapstorm.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  # The measuring job, as a step of the workflow `bench`.
  add_custom_target(measure COMMAND mapstorm run WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    USES_TERMINAL VERBATIM)
endif()

# A test whose tool is absent says so by name instead of passing in silence.
function(ms_tool_test name labels tool)
  find_program(MAPSTORM_TOOL_${tool} ${tool})
  mark_as_advanced(MAPSTORM_TOOL_${tool})
  if(MAPSTORM_TOOL_${tool})
    add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  else()
    add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} -E echo "skipped: ${tool} is not installed")
    set_property(GLOBAL APPEND PROPERTY MAPSTORM_SKIPPED "${name} (${tool})")
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT 600
    SKIP_REGULAR_EXPRESSION "skipped: ")
endfunction()

if(MAPSTORM_BUILD_TESTS AND NOT MAPSTORM_SANITIZE)
  set(environment SOURCE=${PROJECT_SOURCE_DIR} BUILD=${PROJECT_BINARY_DIR} CC=${CMAKE_C_COMPILER}
    CXX=${CMAKE_CXX_COMPILER} VERSION=${PROJECT_VERSION})
  list(TRANSFORM MAPSTORM_CORE REPLACE "(.+)" "$<TARGET_FILE:\\1>" OUTPUT_VARIABLE archives)
  set(here ${CMAKE_CURRENT_LIST_DIR})
  ms_tool_test(package.install package pkg-config ${here}/install_test.sh)
  ms_tool_test(package.floors package nm ${here}/floors_test.sh ${archives})
  ms_tool_test(package.script package sh ${here}/script_test.sh)
  ms_tool_test(package.reproducible "package;slow" ninja ${here}/reproducible_test.sh)
  ms_tool_test(package.strategies "package;slow" ninja ${here}/strategies_test.sh)
  # The script itself says what is missing.
  ms_tool_test(package.arm64 "package;slow;deep" aarch64-linux-gnu-gcc ${here}/arm64_test.sh
    ${PROJECT_BINARY_DIR}/arm64)
  set_tests_properties(package.install package.floors package.script package.reproducible
    package.strategies
    PROPERTIES ENVIRONMENT "${environment}")

  # A driver as driver writers write them, from the tree and from an installed copy.
  mapstorm_add_driver(shuttle core/package/driver/driver.c core/package/driver/queue.c)
  add_executable(shuttle_host core/package/driver/host.c)
  target_link_libraries(shuttle_host PRIVATE ms_flags shuttle)
  add_test(NAME package.driver COMMAND shuttle_host)
  set_tests_properties(package.driver PROPERTIES LABELS package TIMEOUT 60)
  ms_tool_test(package.driver-installed package cmake ${here}/driver_test.sh)
  set_tests_properties(package.driver-installed PROPERTIES ENVIRONMENT "${environment}")

  set(lint ${PROJECT_SOURCE_DIR}/.ci/lint)
  ms_tool_test(lint.tree lint git ${lint} tree)
  ms_tool_test(lint.seams lint git ${lint} seams)
  ms_tool_test(lint.edges lint git ${lint} edges)
  ms_tool_test(lint.format lint clang-format ${lint} format)
  ms_tool_test(lint.tidy "lint;slow" clang-tidy ${lint} tidy ${PROJECT_BINARY_DIR})
  ms_tool_test(lint.analyzer "lint;slow;deep" clang-tidy ${lint} analyzer ${PROJECT_BINARY_DIR})
  set_tests_properties(lint.analyzer PROPERTIES TIMEOUT 3600)
  ms_tool_test(lint.cppcheck "lint;slow" cppcheck ${lint} cppcheck)
  ms_tool_test(lint.shell lint shellcheck ${lint} shell)
endif()

# Sanitizers slow down some tests more than tenfold; a limit is there to end what hangs.
if(MAPSTORM_SANITIZE)
  get_property(tests DIRECTORY PROPERTY TESTS)
  foreach(test IN LISTS tests)
    get_property(limit TEST ${test} PROPERTY TIMEOUT)
    if(limit)
      math(EXPR limit "${limit} * 4")
      set_property(TEST ${test} PROPERTY TIMEOUT ${limit})
    endif()
  endforeach()
endif()

# --- the summary -----------------------------------------------------------------------------------
get_property(skipped GLOBAL PROPERTY MAPSTORM_SKIPPED)
function(ms_summary name)
  string(REPLACE ";" ", " value "${ARGN}")
  if(value)
    message(STATUS "  ${name}${value}")
  endif()
endfunction()
set(programs)
foreach(program mapstorm)
  if(TARGET ${program})
    list(APPEND programs ${program})
  endif()
endforeach()
list(TRANSFORM MAPSTORM_CORE REPLACE "^ms_" "" OUTPUT_VARIABLE floors)
message(STATUS "mapstorm ${PROJECT_VERSION}")
ms_summary("build      " "${CMAKE_BUILD_TYPE}" "${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}")
ms_summary("floors     " ${floors})
ms_summary("programs   " ${programs})
ms_summary("sanitizers " ${MAPSTORM_SANITIZE})
foreach(option BUILD_TESTS BUILD_BENCH BUILD_FUZZ WERROR COUNTERS NATIVE)
  if(MAPSTORM_${option})
    list(APPEND on ${option})
  endif()
endforeach()
ms_summary("on         " ${on})
ms_summary("skipped    " ${skipped})
