// SPDX-License-Identifier: Apache-2.0
// The shim in this process: what it is to do, whether it does it, and what every part of it shares.
//
// Life: idle until the program's cuInit has succeeded; then `active`, or `aside` with one reason, for good. A process
// that nobody started as a tenant is aside from the beginning. After fork the child is aside: memory, sockets and the
// driver's state are its parent's. Standing aside, every function of ours is one load and the driver's own.
//
// Threads: start() once, under the loader's or the program's cuInit; everything else from any thread.
// Failure: nothing here throws; what cannot be had (daemon, map, hook) becomes the reason for standing aside.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "cuda/mask_bits.hpp"
#include "cuda/patch.hpp"
#include "cuda/shim/counters.hpp"
#include "cuda/shim/driver.hpp"
#include "cuda/shim/memory_limit.hpp"
#include "cuda/shim/settings.hpp"

namespace lithos::cuda::shim {

class Tenancy;

// A mask that any thread may read in the callback: at most kTries, no lock.
class SharedMask {
 public:
  void publish(bool on, const MaskBits& bits);  // one thread
  // False: nothing is to be confined, or it was being changed all the time.
  bool read(MaskBits& bits) const;

 private:
  static constexpr unsigned kTries = 8;
  std::atomic<std::uint32_t> version_{0};  // odd while it is written
  std::atomic<bool> on_{false};
  std::array<std::atomic<std::uint32_t>, kMaskWordsMax> words_{};
};

class Process {
 public:
  enum class Standing : std::uint8_t { idle, active, aside };

  // Never destroyed: other threads may call until the very end.
  static Process& instance() {
    Process* const made = made_.load(std::memory_order_acquire);
    return made != nullptr ? *made : make();
  }

  // After the program's cuInit succeeded. CUDA_SUCCESS, or the error that a refused tenant is to see.
  CUresult start();
  bool active() const { return standing_.load(std::memory_order_acquire) == Standing::active; }
  Standing standing() const { return standing_.load(std::memory_order_acquire); }
  // For good; said once on stderr, kept for reports.
  void stand_aside(const char* reason);
  const char* reason() const { return reason_.load(std::memory_order_acquire); }  // nullptr: not aside
  Nanoseconds start_took() const { return start_took_; }                          // of the program's cuInit

  const Settings& settings() const { return settings_; }
  const MaskGeometry& geometry() const { return geometry_; }
  const GpuShape& gpu() const { return gpu_; }
  Tenancy* tenancy() const { return tenancy_; }               // nullptr: nobody is confined
  unsigned compute_capability() const { return compute_capability_; }  // 90
  const DescriptorLayout* layout() const { return layout_; }  // of this process's GPU; nullptr: not one that is changed
  bool hooked() const { return hooked_; }
  unsigned advertised_tpcs() const { return advertised_tpcs_; }  // 0: all
  MemoryBudget& memory() { return memory_; }
  SharedMask& home() { return home_; }

  // Bumped when handles that caches may know have gone: modules, libraries, contexts.
  std::uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }
  void new_epoch() { epoch_.fetch_add(1, std::memory_order_acq_rel); }

  // Contexts that have ended: what was made in one that lived at another count may be gone.
  std::uint64_t ended_contexts() const { return ended_contexts_.load(std::memory_order_acquire); }
  void context_has_ended() { ended_contexts_.fetch_add(1, std::memory_order_acq_rel); }

  void say(const char* format, ...) __attribute__((format(printf, 2, 3)));  // one line on stderr: "lithos: …"
  std::string report() const;                                               // counters and standing as one JSON object
  void count_unknown_descriptor() { unknown_descriptors_.fetch_add(1, std::memory_order_relaxed); }
  void count_foreign_descriptor() { foreign_descriptors_.fetch_add(1, std::memory_order_relaxed); }
  void write_stats() const;  // to settings().stats_file, if that is set

 private:
  static Process& make();
  inline static constinit std::atomic<Process*> made_{nullptr};
  const char* prepare();  // nullptr, or why not
  const char* find_gpu();
  const char* install_hook();
  bool may_run_unmanaged();
  void after_fork_in_child();
  static void on_fork();

  std::atomic<Standing> standing_{Standing::idle};
  std::atomic<const char*> reason_{nullptr};
  Settings settings_;
  GpuShape gpu_;
  MaskGeometry geometry_;
  unsigned compute_capability_ = 0;
  const DescriptorLayout* layout_ = nullptr;
  Tenancy* tenancy_ = nullptr;  // never destroyed: threads may be in it until the very end
  bool hooked_ = false;
  Nanoseconds start_took_{0};
  unsigned advertised_tpcs_ = 0;
  MemoryBudget memory_;
  SharedMask home_;
  std::atomic<std::uint64_t> epoch_{1}, ended_contexts_{0};
  std::atomic<std::uint64_t> unknown_descriptors_{0}, foreign_descriptors_{0};
};

// hook.cpp: subscribes to the driver's descriptor callback. nullptr, or why that did not work.
const char* subscribe_to_descriptors();

}  // namespace lithos::cuda::shim
