# SPDX-License-Identifier: Apache-2.0
# A Debian package of the program, the SDK, the shipped policies and plugins:  cpack -G DEB --config <build>/CPackConfig.cmake
install(FILES ${CMAKE_CURRENT_LIST_DIR}/lithos.1 DESTINATION share/man/man1)
install(FILES ${CMAKE_CURRENT_LIST_DIR}/lithos.bash DESTINATION share/bash-completion/completions RENAME lithos)

set(CPACK_PACKAGE_NAME lithos)
set(CPACK_PACKAGE_CONTACT "LithOS developers")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Operating-system layer for GPUs, as a plugin framework")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "cmake, g++ | c++-compiler, make | ninja-build")  # to build policies
set(CPACK_DEBIAN_COMPRESSION_TYPE gzip)
include(CPack)
