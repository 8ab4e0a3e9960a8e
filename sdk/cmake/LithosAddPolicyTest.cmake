# SPDX-License-Identifier: Apache-2.0
# lithos_add_policy_test(<name> SOURCES <file>… POLICY <target> [LINK <library>…])
#
# Builds a test program with the SDK's test kit (lithos/testing/*.hpp) and runs it with CTest. In it,
# lithos::testing::PolicyUnderTest is the built library of <target>, a lithos_add_policy() target.
# Where the program `lithos` is found (LITHOS_PROGRAM, or beside the SDK, or on the PATH), CTest also runs
# <target>.conformance: lithos policy check.
include_guard(GLOBAL)

function(lithos_add_policy_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "POLICY" "SOURCES;LINK")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${name}: unknown arguments: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_SOURCES)
    message(FATAL_ERROR "${name}: SOURCES is missing")
  endif()
  if(NOT TARGET "${arg_POLICY}")
    message(FATAL_ERROR "${name}: POLICY must name a target of lithos_add_policy(), not \"${arg_POLICY}\"")
  endif()

  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE LithosSDK::sdk ${CMAKE_DL_LIBS} ${arg_LINK})
  set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_definitions(${name} PRIVATE LITHOS_POLICY_UNDER_TEST="$<TARGET_FILE:${arg_POLICY}>")
  add_dependencies(${name} ${arg_POLICY})
  add_test(NAME ${name} COMMAND ${name})

  get_filename_component(prefix ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../../.. ABSOLUTE)
  find_program(LITHOS_PROGRAM lithos HINTS ${prefix}/bin)
  if(LITHOS_PROGRAM)
    add_test(NAME ${arg_POLICY}.conformance COMMAND ${LITHOS_PROGRAM} policy check $<TARGET_FILE:${arg_POLICY}>)
  endif()
endfunction()
