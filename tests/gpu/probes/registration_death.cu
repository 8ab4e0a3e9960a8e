// Question 3: what becomes of a completion write when the context that registered the memory goes away.
//
// Children register a shared page, launch a 1 s kernel with a completion slot in it, and then are killed, unregister
// the page in mid-kernel, or reset the context in mid-kernel. The parent, which never touches the GPU, looks whether
// the write came. "registration_death mps" also kills a client of MPS and asks whether the next client works: run it last.
#include <atomic>

#include "common/child.hpp"
#include "common/descriptor_hook.hpp"
#include "common/kernels.cuh"
#include "common/report.hpp"

using namespace lithos::probe;

namespace {

struct Shared {
  volatile std::uint64_t payload, time_ns;
  char pad[4080];
  std::atomic<int> launched;
  std::atomic<int> code;
};

Shared* g_shared;

int child(const std::string& what) {
  g_shared = open_shared<Shared>();
  need_gpu();
  if (!install_descriptor_hook().empty()) return 3;
  PROBE_CUDA(cudaHostRegister(g_shared, 4096, cudaHostRegisterPortable | cudaHostRegisterMapped));
  set_visitor([](Descriptor& d, void*) { d.set_release(1, kReleaseSystemBarrier, reinterpret_cast<std::uint64_t>(g_shared), 77); },
              nullptr);
  spin_kernel<<<1, 32>>>(what == "finish" ? 1'000'000 : 1'000'000'000);
  set_visitor(nullptr, nullptr);
  g_shared->launched = 1;
  usleep(100'000);
  if (what == "unregister") g_shared->code = 1000 + cudaHostUnregister(g_shared);
  if (what == "reset") g_shared->code = 1000 + cudaDeviceReset();
  if (what == "kill") pause();
  const int rc = what == "reset" ? 0 : cudaDeviceSynchronize();
  g_shared->code = g_shared->code + rc * 10'000;
  return 0;
}

Json one(const std::string& what) {
  std::memset(static_cast<void*>(g_shared), 0, sizeof *g_shared);
  const auto begin = now_ns();
  const pid_t pid = start_child({"child", what});
  while (g_shared->launched == 0 && now_ns() - begin < 15'000'000'000ll) usleep(1000);
  const bool launched = g_shared->launched;
  if (what == "kill") usleep(200'000), kill(pid, SIGKILL);
  const auto gone = now_ns();
  const int status = end_child(pid, 10);
  const double ended_ms = (now_ns() - gone) / 1e6;
  usleep(2'000'000);
  return Json().text("case", what).flag("launched", launched).number("exit", status).number("ended_after_ms", ended_ms)
      .flag("write_arrived", g_shared->payload == 77).number("call_code", g_shared->code);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2 && std::string(argv[1]) == "child") return child(argv[2]);
  g_shared = create_shared<Shared>();
  std::vector<Json> rows;
  for (std::string what : {"finish", "unregister", "reset", "kill", "finish"}) rows.push_back(one(what));
  const bool mps = std::getenv("CUDA_MPS_PIPE_DIRECTORY") != nullptr;
  unsetenv("CUDA_MPS_PIPE_DIRECTORY");
  Json j;
  j.text("probe", "registration_death").text("question", mps ? "8" : "3").flag("mps", mps).list("cases", rows);
  std::printf("%s\n", j.str().c_str());
  return 0;
}
