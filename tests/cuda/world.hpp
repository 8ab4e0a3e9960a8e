// SPDX-License-Identifier: Apache-2.0
// A machine for the shim's tests: a folder as `lithos run` makes it, with the stand-in for the real driver; programs
// run in it; a daemon made of its parts, which a test steers lease by lease.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/tpc_set.hpp"
#include "cuda/mask_bits.hpp"
#include "ipc/channel.hpp"
#include "ipc/tenant_peer.hpp"

namespace lithos::cuda::testing {

struct SeenDescriptor {
  unsigned grid = 0;
  bool masked = false, internal = false;
  unsigned timed = 0;
  MaskBits on;  // of 128 positions
};

// What a client printed.
struct Outcome {
  int status = -1;  // as waitpid says
  std::string out, err;
  std::multimap<std::string, std::string> lines;
  std::vector<SeenDescriptor> descriptors;

  long long value(const std::string& key) const;      // of the first line with this key; -1: none
  long long count(const std::string& counter) const;  // of the shim's report; -1: none
  bool reports(const std::string& text) const;        // the report holds this text
};
Outcome read_outcome(int status, std::string out, std::string err);

using Environment = std::map<std::string, std::string>;

class World {
 public:
  // `shim`: which of the two libraries.
  explicit World(const std::string& shim = "libcuda.so.1");
  ~World();

  const std::string& folder() const { return folder_; }
  // `program`: client or client_alone. The environment is a tenant's with the H200's map and nothing else, and what is
  // given here ("" removes).
  Outcome run(const std::string& program, const std::vector<std::string>& arguments,
              const Environment& extra = {}) const;
  Environment tenant(const Environment& extra = {}) const;
  // A person's shell instead: the driver is where the loader finds it, and nothing of LithOS is in the environment.
  Environment shell(const Environment& extra = {}) const;
  std::string path(const std::string& program) const;

 private:
  std::string folder_;
};

// A program that is talked to while it runs.
class Talk {
 public:
  Talk(const World& world, const std::string& program, const std::vector<std::string>& arguments,
       const Environment& extra);
  ~Talk();
  // Sends a line, reads up to "done 1".
  Outcome ask(const std::string& line);
  pid_t pid() const { return pid_; }
  Outcome finish();  // closes its stdin and reads the rest

 private:
  pid_t pid_ = -1;
  int to_ = -1, from_ = -1;
  std::string rest_;
};

// lithosd's side for one tenant at a time, without an engine.
class SmallDaemon {
 public:
  SmallDaemon(const std::string& socket, const GpuShape& gpu, ipc::TenantTerms terms = {});
  ~SmallDaemon();
  // Accepts and shakes hands on a thread; later calls wait for it. Publishes this lease at once.
  void accept(const Lease& first);
  void wait_attached();
  void publish(const Lease& lease);
  // Records that have come so far, newest last; waits until `enough(all)` or five seconds.
  template <class Enough>
  std::vector<Record> records(Enough&& enough) {
    wait_attached();
    for (unsigned turn = 0; turn < 500 && !enough(records_); ++turn) {
      Record record;
      while (peer_->take_record(gpu_.all(), never_late(), record)) records_.push_back(record);
      pump();
      nap();
    }
    return records_;
  }
  std::string tenant_name() const { return name_; }
  const std::vector<std::string>& kernels() const { return kernels_; }
  ipc::TenantPeer& peer() { return *peer_; }

 private:
  static Nanoseconds never_late();
  static void nap();
  void note(const ipc::Received& message);
  void pump();  // registrations

  GpuShape gpu_;
  ipc::TenantTerms terms_;
  ipc::Fd wake_, listener_;
  std::unique_ptr<ipc::Channel> channel_;
  std::unique_ptr<ipc::TenantPeer> peer_;
  std::thread acceptor_;
  std::string name_, wrong_;
  std::vector<std::string> kernels_;
  std::vector<Record> records_;
};

Lease lease_of(std::uint64_t generation, const TpcSet& own);

}  // namespace lithos::cuda::testing
