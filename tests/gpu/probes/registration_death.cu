// Question 3: what becomes of a completion write when the context that registered the memory goes away.
//
// Children register a shared page, launch a 1 s kernel with a completion slot in it, and then are killed, unregister
// the page in mid-kernel, or reset the context in mid-kernel. The parent, which never touches the GPU, looks whether
// the write came. "registration_death mps [kill | kill_without_slot]" kills a client of MPS beside another: run it last.
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
  std::atomic<int> bystander, bystander_code, stop;
  std::atomic<int> code;
};

Shared* g_shared;

int child(const std::string& what) {
  g_shared = open_shared<Shared>();
  need_gpu();
  if (!install_descriptor_hook().empty()) return 3;
  PROBE_CUDA(cudaHostRegister(g_shared, 4096, cudaHostRegisterPortable | cudaHostRegisterMapped));
  if (what != "kill_without_slot")
    set_visitor([](Descriptor& d, void*) { d.set_release(1, kReleaseSystemBarrier, reinterpret_cast<std::uint64_t>(g_shared), 77); },
                nullptr);
  spin_kernel<<<1, 32>>>(what == "finish" ? 1'000'000 : 1'000'000'000);
  set_visitor(nullptr, nullptr);
  g_shared->launched = 1;
  usleep(100'000);
  if (what == "unregister") g_shared->code = 1000 + cudaHostUnregister(g_shared);
  if (what == "reset") g_shared->code = 1000 + cudaDeviceReset();
  if (what.starts_with("kill")) pause();
  const int rc = what == "reset" ? 0 : cudaDeviceSynchronize();
  g_shared->code = g_shared->code + rc * 10'000;
  return 0;
}

// Another client that keeps launching; counts its kernels until one fails.
int bystander() {
  auto* shared = open_shared<Shared>();
  need_gpu();
  while (!shared->stop) {
    spin_kernel<<<1, 32>>>(10'000);
    const int rc = cudaDeviceSynchronize();
    if (rc) {
      shared->bystander_code = rc;
      return 1;
    }
    ++shared->bystander;
  }
  return 0;
}

// A client killed in mid-kernel, with or without a completion slot in that kernel, beside a bystander; then new
// clients.
Json kill_beside_bystander(const std::string& what) {
  std::memset(static_cast<void*>(g_shared), 0, sizeof *g_shared);
  const pid_t other = start_child({"bystander"}), victim = start_child({"child", what});
  const auto begin = now_ns();
  while ((g_shared->launched == 0 || g_shared->bystander < 10) && now_ns() - begin < 15'000'000'000ll) usleep(1000);
  usleep(200'000);
  const int before = g_shared->bystander;
  kill(victim, SIGKILL);
  end_child(victim, 5);
  usleep(2'000'000);
  Json j;
  j.text("case", what + " beside a bystander").number("bystander_kernels_before", before);
  j.number("bystander_kernels_2_s_after", g_shared->bystander - before).number("bystander_error", g_shared->bystander_code);
  for (int wait_s : {0, 3}) {
    usleep(wait_s * 1'000'000);
    g_shared->payload = 0, g_shared->launched = 0;
    const int exit = end_child(start_child({"child", "finish"}), 8);
    j.number("new_client_exit_at_" + std::to_string((now_ns() - begin) / 1'000'000'000) + "_s", exit);
  }
  g_shared->stop = 1;
  return j.number("bystander_exit", end_child(other, 5));
}

Json one(const std::string& what) {
  std::memset(static_cast<void*>(g_shared), 0, sizeof *g_shared);
  const auto begin = now_ns();
  const pid_t pid = start_child({"child", what});
  while (g_shared->launched == 0 && now_ns() - begin < 15'000'000'000ll) usleep(1000);
  const bool launched = g_shared->launched;
  if (what.starts_with("kill")) usleep(200'000), kill(pid, SIGKILL);
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
  if (argc > 1 && std::string(argv[1]) == "bystander") return bystander();
  g_shared = create_shared<Shared>();
  std::vector<Json> rows;
  const bool mps = std::getenv("CUDA_MPS_PIPE_DIRECTORY") != nullptr;
  for (std::string what : {"finish", "unregister", "reset"})
    if (argc < 3) rows.push_back(one(what));
  if (mps) rows.push_back(kill_beside_bystander(argc > 2 ? argv[2] : "kill"));
  else
    for (std::string what : {"kill", "finish"}) rows.push_back(one(what));
  unsetenv("CUDA_MPS_PIPE_DIRECTORY");
  Json j;
  j.text("probe", "registration_death").text("question", mps ? "8" : "3").flag("mps", mps).list("cases", rows);
  std::printf("%s\n", j.str().c_str());
  return 0;
}
