# SPDX-License-Identifier: Apache-2.0
# lithos_add_policy(<name> KIND scheduler|predictor|right_sizer|dvfs|mixed SOURCES <file>… [HERMETIC])
# lithos_add_plugin(<name> KIND power|exporter|mixed SOURCES <file>… [LINK <library>…] [HERMETIC])
#
# Each builds <name>.so, a module that the host can load and really unload: hidden visibility, one exported symbol, no
# STB_GNU_UNIQUE symbols, nothing undefined, everything bound at load. Sources may be C++20 or C.
# HERMETIC links the C++ runtime statically, for compilers other than the host's (about 1.5 MB more).
# Works the same in the LithOS tree and outside with find_package(LithosSDK); outside, the module lands in the current
# binary folder, or in LITHOS_POLICY_OUTPUT_DIR / LITHOS_PLUGIN_OUTPUT_DIR where set.
include_guard(GLOBAL)

function(lithos_add_policy name)
  _lithos_add_module(${name} lithos_policy.map "${LITHOS_POLICY_OUTPUT_DIR}" policies
                     "scheduler;predictor;right_sizer;dvfs;mixed" ${ARGN})
endfunction()

function(lithos_add_plugin name)
  _lithos_add_module(${name} lithos_service.map "${LITHOS_PLUGIN_OUTPUT_DIR}" plugins
                     "power;exporter;mixed" ${ARGN})
endfunction()

# True if a sanitizer is on, however it was asked for. Its runtime leaves symbols undefined in modules on purpose.
function(_lithos_sanitized result)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" config)
  get_directory_property(compile_options COMPILE_OPTIONS)
  get_directory_property(link_options LINK_OPTIONS)
  set(flags "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${config}} ${CMAKE_MODULE_LINKER_FLAGS} ${CMAKE_EXE_LINKER_FLAGS}")
  if("${flags} ${compile_options} ${link_options}" MATCHES "-fsanitize=")
    set(${result} TRUE PARENT_SCOPE)
  else()
    set(${result} FALSE PARENT_SCOPE)
  endif()
endfunction()

function(_lithos_add_module name map output_directory install_folder kinds)
  cmake_parse_arguments(PARSE_ARGV 5 arg "HERMETIC" "KIND" "SOURCES;LINK")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${name}: unknown arguments: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_KIND IN_LIST kinds)
    message(FATAL_ERROR "${name}: KIND must be one of ${kinds}, not \"${arg_KIND}\"")
  endif()
  if(NOT arg_SOURCES)
    message(FATAL_ERROR "${name}: SOURCES is missing")
  endif()
  set(map ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/${map})
  _lithos_sanitized(sanitized)

  add_library(${name} MODULE ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE LithosSDK::sdk ${arg_LINK})
  set_target_properties(${name} PROPERTIES
    PREFIX "" SUFFIX .so CXX_EXTENSIONS OFF LITHOS_KIND ${arg_KIND} LINK_DEPENDS ${map}
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  if(TARGET lithos_warnings)  # in the tree
    target_link_libraries(${name} PRIVATE lithos_warnings)
  endif()
  if(output_directory)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${output_directory})
  endif()

  # clang has no -fno-gnu-unique; the version script alone does there.
  include(CheckCXXCompilerFlag)
  check_cxx_compiler_flag(-fno-gnu-unique LITHOS_HAS_NO_GNU_UNIQUE)
  if(LITHOS_HAS_NO_GNU_UNIQUE)
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-gnu-unique>)
  endif()
  target_link_options(${name} PRIVATE -Wl,--version-script=${map} -Wl,-z,now -Wl,-z,relro -Wl,--build-id)
  if(NOT sanitized)
    target_link_options(${name} PRIVATE -Wl,-z,defs)
    if(arg_HERMETIC)
      target_link_options(${name} PRIVATE -static-libstdc++ -static-libgcc -Wl,--exclude-libs,ALL)
    endif()
  endif()
  if(LITHOS_MODULE_INSTALL)  # set by the LithOS tree only
    include(GNUInstallDirs)
    install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/lithos/${install_folder}
            COMPONENT ${install_folder})
  endif()
endfunction()
