#!/bin/sh
# Builds @name@.so, runs its tests and the conformance check, and puts the library beside this file.
# Where LithOS is not on the PATH: LITHOS_PREFIX=/its/prefix ./build.sh
set -eu
cd "$(dirname "$0")"
command -v cmake >/dev/null ||
  { echo "build.sh: no cmake; needed are CMake 3.22, a C++20 compiler, and make or ninja: apt install cmake g++ make" >&2; exit 1; }
cmake -S . -B build -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_PREFIX_PATH="${LITHOS_PREFIX:-@prefix@}" >build.log 2>&1 &&
  cmake --build build >>build.log 2>&1 || { cat build.log; exit 1; }
ctest --test-dir build --output-on-failure
cp build/@name@.so .
echo "built: @name@.so"
