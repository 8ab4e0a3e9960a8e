# SPDX-License-Identifier: Apache-2.0
# The functions that every CMakeLists.txt in this tree is written with.
#
#   lithos_add_library(NAME engine SOURCES ledger.cpp … DEPS base config Threads::Threads)
#       → target lithos_engine, a static library (INTERFACE when it has no SOURCES), position independent, with the
#         framework folder as include root (#include "engine/ledger.hpp") and the project's warnings.
#   lithos_add_test(NAME engine_ledger_test SOURCES ledger_test.cpp … DEPS engine [LABELS slow] [ARGS --seed=1]
#                   [TIMEOUT seconds] [WHOLE])
#       → a GoogleTest program; each TEST is one CTest entry, or with WHOLE the program is. Its labels are the folder
#         below tests/ (unit, abi, e2e, …) and LABELS. "test_paths.hpp" has LITHOS_SOURCE_DIR and LITHOS_BINARY_DIR.
#   lithos_add_benchmark(NAME sim_bench SOURCES sim_bench.cpp … DEPS sim)
#       → a Google Benchmark program; CTest runs it for a moment (label bench), people run build/…/tests/bin/<name> for
#         the figures.
#
# DEPS are names given to lithos_add_library without the prefix (base, config, …), or any other target.

# The sources of a library or a test, up to 16 at a time, as one: headers and templates are compiled once for all of them,
# which takes half of the time. For builds that are made from nothing and run once; where people work, a change would
# compile 16 sources. Names in anonymous namespaces have to be the target's own, then.
option(LITHOS_UNITY "Compile many sources at a time" OFF)
set(LITHOS_UNITY_PROPERTIES UNITY_BUILD ${LITHOS_UNITY} UNITY_BUILD_BATCH_SIZE 16)

add_library(lithos_warnings INTERFACE)
target_compile_options(lithos_warnings INTERFACE -Wall -Wextra $<$<BOOL:${LITHOS_WERROR}>:-Werror>
  $<$<COMPILE_LANGUAGE:CXX>:-Wconversion -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual>)
if(LITHOS_UNITY)
  # About a class at home in one source that uses the anonymous namespace of it, which is right; here every source is included.
  target_compile_options(lithos_warnings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)
endif()
if(LITHOS_SANITIZE)
  # GCC finds false ones in the standard library's regular expressions once sanitizers have instrumented them.
  target_compile_options(lithos_warnings INTERFACE -Wno-maybe-uninitialized)
endif()

# "engine" → lithos_engine when that is a target, else the name as it stands.
function(lithos_resolve_deps out)
  set(resolved)
  foreach(dep IN LISTS ARGN)
    if(TARGET lithos_${dep})
      list(APPEND resolved lithos_${dep})
    elseif(TARGET ${dep} OR dep MATCHES "::" OR dep MATCHES "^[$-]")
      list(APPEND resolved ${dep})
    else()
      message(FATAL_ERROR "${CMAKE_CURRENT_SOURCE_DIR}: unknown dependency '${dep}' (is its folder added earlier?)")
    endif()
  endforeach()
  set(${out} ${resolved} PARENT_SCOPE)
endfunction()

function(lithos_add_library)
  cmake_parse_arguments(PARSE_ARGV 0 ARG "" "NAME" "SOURCES;DEPS")
  lithos_resolve_deps(deps ${ARG_DEPS})
  if(NOT ARG_SOURCES)
    add_library(lithos_${ARG_NAME} INTERFACE)
    target_include_directories(lithos_${ARG_NAME} INTERFACE ${PROJECT_SOURCE_DIR}/framework)
    target_link_libraries(lithos_${ARG_NAME} INTERFACE ${deps})
    return()
  endif()
  add_library(lithos_${ARG_NAME} STATIC ${ARG_SOURCES})
  set_target_properties(lithos_${ARG_NAME} PROPERTIES ${LITHOS_UNITY_PROPERTIES})
  target_include_directories(lithos_${ARG_NAME} PUBLIC ${PROJECT_SOURCE_DIR}/framework)
  target_link_libraries(lithos_${ARG_NAME} PUBLIC ${deps} PRIVATE $<BUILD_INTERFACE:lithos_warnings>)
endfunction()

function(lithos_add_test)
  cmake_parse_arguments(PARSE_ARGV 0 ARG "WHOLE" "NAME;TIMEOUT" "SOURCES;DEPS;LABELS;ARGS")
  lithos_resolve_deps(deps ${ARG_DEPS})
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  set_target_properties(${ARG_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/bin ${LITHOS_UNITY_PROPERTIES})
  target_link_libraries(${ARG_NAME} PRIVATE ${deps} lithos_warnings GTest::gmock GTest::gtest GTest::gtest_main)
  target_include_directories(${ARG_NAME} PRIVATE ${PROJECT_SOURCE_DIR}/tests ${PROJECT_BINARY_DIR}/tests/include)

  file(RELATIVE_PATH tier ${PROJECT_SOURCE_DIR}/tests ${CMAKE_CURRENT_SOURCE_DIR})
  string(REGEX REPLACE "/.*" "" tier "${tier}")
  set(labels ${tier} ${ARG_LABELS})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  if(ARG_WHOLE)
    add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME} ${ARG_ARGS})
    # The longest, begun first where nothing is known of an earlier run: else the last one runs alone.
    set_tests_properties(${ARG_NAME} PROPERTIES LABELS "${labels}" TIMEOUT ${ARG_TIMEOUT} COST ${ARG_TIMEOUT})
  else()
    string(REPLACE ";" "\\;" escaped_labels "${labels}")  # gtest_discover_tests splits lists once more
    gtest_discover_tests(${ARG_NAME} EXTRA_ARGS ${ARG_ARGS} TEST_PREFIX "${ARG_NAME}/" DISCOVERY_TIMEOUT 120
      PROPERTIES LABELS "${escaped_labels}" TIMEOUT ${ARG_TIMEOUT})
  endif()
endfunction()

function(lithos_add_benchmark)
  cmake_parse_arguments(PARSE_ARGV 0 ARG "" "NAME" "SOURCES;DEPS")
  lithos_resolve_deps(deps ${ARG_DEPS})
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  set_target_properties(${ARG_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/bin)
  target_link_libraries(${ARG_NAME} PRIVATE ${deps} lithos_warnings benchmark::benchmark benchmark::benchmark_main)
  target_include_directories(${ARG_NAME} PRIVATE ${PROJECT_SOURCE_DIR}/tests ${PROJECT_BINARY_DIR}/tests/include)
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME} --benchmark_min_time=0.01)
  set_tests_properties(${ARG_NAME} PROPERTIES LABELS bench TIMEOUT 300)
endfunction()

# Every target that is declared in `folder` or below it and is built.
function(lithos_targets_below folder out)
  get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
  get_property(subfolders DIRECTORY ${folder} PROPERTY SUBDIRECTORIES)
  foreach(subfolder IN LISTS subfolders)
    lithos_targets_below(${subfolder} below)
    list(APPEND targets ${below})
  endforeach()
  set(${out} ${targets} PARENT_SCOPE)
endfunction()

if(BUILD_TESTING)
  include(GoogleTest)
endif()

# A program that can be copied elsewhere together with its libraries, which it then finds in ../lib (tests/gpu/tenants/build.sh): as
# RPATH and not RUNPATH, because the libraries that it opens have needs, too. An installation has nothing of it.
function(lithos_relocatable_program target)
  set_target_properties(${target} PROPERTIES BUILD_RPATH "$ORIGIN/../lib")
  target_link_options(${target} PRIVATE -Wl,--disable-new-dtags)
endfunction()
