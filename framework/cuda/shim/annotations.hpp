// SPDX-License-Identifier: Apache-2.0
// LithOS in a profiler's timeline: NVTX ranges and marks in a domain "LithOS", for whichever tool NVTX_INJECTION64_PATH names.
//
// Standing aside  a mark with the reason, and a range around each launch that is passed on: its kernel's name, and how many blocks.
// Active          (a tool that listens to NVTX alone leaves us the hook) a range where a launch waits for its lease, and one around a
//                 launch that goes in parts.
// Without a tool every place costs one load and one branch, and NVTX is not called: not even to find out that there is none.
//
// The tool     is loaded by NVTX's first call, which is ours only if the program makes none before: at the first launch that has
//              something to say, on the program's thread, within its call, with no lock of ours held and never in the driver's callback.
//              While it is being loaded, other threads' launches are not annotated, and wait for nobody.
// Threads      Any. A tool that launches while it is told of a launch gets no range for that.
#pragma once

#include <cuda.h>

#include <atomic>
#include <cstdint>
#include <string>

namespace lithos::cuda::shim {

// What is annotated: nothing, until the process knows where it stands; and after fork.
enum class Annotated : std::uint8_t { nothing, passed_on, managed };
inline std::atomic<Annotated> annotated{Annotated::nothing};
inline bool annotates(Annotated what) { return annotated.load(std::memory_order_relaxed) == what; }

// Once the process stands: whether a tool is there to be told. Makes no call to NVTX.
void annotate_if_asked(Annotated what);

// From here to the end of the scope, on this thread's line; nothing where `what` is not annotated.
class AnnotatedRange {
 public:
  AnnotatedRange() = default;
  ~AnnotatedRange() {
    if (open_) [[unlikely]] end();
  }
  AnnotatedRange(const AnnotatedRange&) = delete;
  AnnotatedRange& operator=(const AnnotatedRange&) = delete;

  // A launch that is passed on, by the handle that it names; 0: a graph.
  void passed_on(std::uint64_t function, std::uint64_t blocks) {
    if (annotates(Annotated::passed_on)) [[unlikely]] begin_passed_on(function, blocks);
  }
  // A launch of ours: `doing`, what happens to it.
  void managed(const char* doing, const std::string& kernel, std::uint64_t blocks) {
    if (annotates(Annotated::managed)) [[unlikely]] begin_managed(doing, kernel, blocks);
  }

 private:
  void begin_passed_on(std::uint64_t function, std::uint64_t blocks);
  void begin_managed(const char* doing, const std::string& kernel, std::uint64_t blocks);
  void end();
  bool open_ = false;
};

// Handles may name other kernels from here on.
void forget_annotated_names();

}  // namespace lithos::cuda::shim
