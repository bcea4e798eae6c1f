# SPDX-License-Identifier: MIT
# mapstorm_add_driver(NAME source...): a static library of Windows driver sources, as they are.
#
#   find_package(mapstorm REQUIRED)
#   mapstorm_add_driver(mydriver driver.c queue.c)
#   add_executable(host host.c)                    # loads DriverEntry: see mapstorm_wdf.h
#   target_link_libraries(host mydriver)
#
# The sources see Windows' headers (<ntddk.h>, <wdf.h>, ...), 16-bit wide strings, the annotations of both
# generations, and an empty <file>.tmh for every one they include. Their warnings are their own.
set(MAPSTORM_DRIVER_COMPAT "" CACHE INTERNAL "headers that only driver sources see")
if(IS_DIRECTORY ${CMAKE_CURRENT_LIST_DIR}/compat)
  set(MAPSTORM_DRIVER_COMPAT ${CMAKE_CURRENT_LIST_DIR}/compat)
endif()

function(mapstorm_add_driver name)
  if(NOT ARGN)
    message(FATAL_ERROR "mapstorm_add_driver(${name}): name at least one source file")
  endif()
  set(made ${CMAKE_CURRENT_BINARY_DIR}/${name}.driver)
  foreach(source IN LISTS ARGN)
    get_filename_component(path ${source} ABSOLUTE)
    if(NOT EXISTS ${path})
      message(FATAL_ERROR "mapstorm_add_driver(${name}): there is no file ${path}")
    endif()
    # What Windows' tracing preprocessor would have made.
    file(STRINGS ${path} lines REGEX "^[ ]*#[ ]*include[ ]*[\"<].*\\.tmh[\">]")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
    foreach(line IN LISTS lines)
      string(REGEX REPLACE "^[^\"<]*[\"<](.*)[\">].*$" "\\1" trace ${line})
      file(CONFIGURE OUTPUT ${made}/${trace} CONTENT "#include <wpp_off.h>\n" @ONLY)
    endforeach()
  endforeach()
  add_library(${name} STATIC ${ARGN})
  target_link_libraries(${name} PUBLIC mapstorm::core)
  target_include_directories(${name} PRIVATE ${MAPSTORM_DRIVER_COMPAT} ${made})
  target_compile_definitions(${name} PRIVATE MS_DRIVER=1 MS_OLD_ANNOTATIONS=1)
  target_compile_options(${name} PRIVATE -w -fms-extensions -fshort-wchar -fno-strict-aliasing)
  set_target_properties(${name} PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS ON)
endfunction()
