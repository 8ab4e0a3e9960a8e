# SPDX-License-Identifier: Apache-2.0
# The API reference (docs/reference/api.md): target api_docs, where doxygen is installed. A warning is an error.
find_program(DOXYGEN doxygen)
if(NOT DOXYGEN)
  return()
endif()
set(api_output ${PROJECT_BINARY_DIR}/api)
configure_file(${CMAKE_CURRENT_LIST_DIR}/Doxyfile.in ${api_output}/Doxyfile @ONLY)
add_custom_target(api_docs COMMAND ${DOXYGEN} ${api_output}/Doxyfile COMMENT "API reference: ${api_output}/html/index.html" VERBATIM)
