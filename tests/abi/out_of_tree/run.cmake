# SPDX-License-Identifier: Apache-2.0
# The life of an author's policy, from an empty folder: install the SDK, find it, build, load, call. Nothing but the
# installed SDK is visible to the build.
file(REMOVE_RECURSE ${SCRATCH}/prefix ${SCRATCH}/build)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    string(REPLACE ";" " " command "${ARGN}")
    message(FATAL_ERROR "${command}\nfailed with ${result}:\n${output}")
  endif()
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --component sdk --prefix ${SCRATCH}/prefix)
set(flags "")
if(SANITIZE)  # a sanitized host can only load modules built alike
  set(flags "-fsanitize=${SANITIZE}")
endif()
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${SCRATCH}/build -G ${GENERATOR} -DCMAKE_PREFIX_PATH=${SCRATCH}/prefix
    -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_CXX_FLAGS=${flags})
run(${CMAKE_COMMAND} --build ${SCRATCH}/build)
run(${CALL} ${SCRATCH}/build/my_fair.so ${SCRATCH}/build/my_power.so)
