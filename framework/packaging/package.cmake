# SPDX-License-Identifier: Apache-2.0
# What is installed beside programs, SDK, policies and plugins, and a Debian package of it all:
#   cpack -G DEB --config <build>/CPackConfig.cmake

# Manual pages say what the programs say of themselves (manual/manual.sh).
set(manuals)
foreach(program lithos lithosd lithos-tenant)
  string(REPLACE - _ target ${program}_program)
  set(page ${PROJECT_BINARY_DIR}/share/man/man1/${program}.1)
  set(source ${CMAKE_CURRENT_LIST_DIR}/manual/${program}.1.in)
  add_custom_command(OUTPUT ${page}
    COMMAND ${CMAKE_CURRENT_LIST_DIR}/manual/manual.sh $<TARGET_FILE:${target}> ${source} > ${page}.new
    COMMAND ${CMAKE_COMMAND} -E rename ${page}.new ${page}
    DEPENDS ${target} ${source} ${CMAKE_CURRENT_LIST_DIR}/manual/manual.sh
    COMMENT "Manual page ${program}(1)" VERBATIM)
  list(APPEND manuals ${page})
endforeach()
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/share/man/man1)
add_custom_target(manuals ALL DEPENDS ${manuals})
add_dependencies(programs manuals)
install(FILES ${manuals} DESTINATION share/man/man1)

foreach(program lithos lithosd lithos-tenant)  # one file completes for all three
  install(FILES ${CMAKE_CURRENT_LIST_DIR}/completion/lithos.bash DESTINATION share/bash-completion/completions RENAME ${program})
endforeach()
install(FILES ${CMAKE_CURRENT_LIST_DIR}/completion/_lithos DESTINATION share/zsh/vendor-completions)
install(FILES ${PROJECT_SOURCE_DIR}/configs/daemon/lithosd.service DESTINATION lib/systemd/system)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION share/doc/lithos RENAME copyright)

set(CPACK_PACKAGE_NAME lithos)
set(CPACK_PACKAGE_CONTACT "LithOS developers")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Operating-system layer for GPUs, as a plugin framework")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
if(TARGET lithos_private_link)
  # The shim needs the real driver under a name of our own, which `lithos run` makes: no package has a library of that name.
  get_target_property(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS lithos_private_link LIBRARY_OUTPUT_DIRECTORY)
endif()
# Only who writes policies needs a compiler: apt takes these along unless told otherwise.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "cmake (>= 3.22), g++ | c++-compiler, make | ninja-build")
set(CPACK_DEBIAN_COMPRESSION_TYPE gzip)
include(CPack)
