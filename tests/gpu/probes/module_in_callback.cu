// Question 7, rest: what happens when the descriptor callback itself loads a module, allocates, or launches.
//
// The rule is that it must not. Each case is a child process: its next launch's callback does the forbidden thing, once, and
// notes on a shared page how far it came. A child that is still there after ten seconds is a deadlock and is killed. The
// children run side by side, so the whole probe is bounded by one of them. "module_in_callback case N" is the child.
#include <atomic>
#include <thread>

#include "common/child.hpp"
#include "common/prelude_atoms.hpp"

using namespace lithos::probe;

namespace {

constexpr double kPatienceSeconds = 10;

enum Action { kNothing, kLoadModule, kLoadAndGet, kLoadOnOtherThread, kAllocate, kGetAttribute, kLaunch, kFirstLaunch, kActions };
const char* const kNames[] = {"nothing (control)", "cuModuleLoadData", "cuModuleLoadData and cuModuleGetFunction",
                              "cuModuleLoadData on another thread, waited for", "cuMemAlloc", "cuFuncGetAttribute of a kernel not loaded yet",
                              "launch of a kernel that is loaded", "first launch of a kernel that is not loaded"};

// How far the child came; the last one reached tells where it hung.
enum Stage { kStarted, kInCallback, kActionReturned, kLaunchReturned, kSynchronised, kLaunchedAgain };
const char* const kStages[] = {"not in the callback", "in the callback", "the action returned", "the launch returned", "synchronised", "a further launch ran"};

struct Outcome {
  std::atomic<int> stage, action_rc, launch_rc, sync_rc, again_rc, nested_callbacks;
  std::atomic<unsigned> cells[3];
};

__global__ void count(unsigned* cell) { atomicAdd(cell, 1); }
__global__ void loaded_count(unsigned* cell) { atomicAdd(cell, 1); }
__global__ void lazy_count(unsigned* cell) { atomicAdd(cell, 1); }

struct Forbidden {
  int action;
  Outcome* out;
  std::vector<char> image;
  unsigned* cells;
  bool begun = false, inside = false;
};

int perform(Forbidden& f) {
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  int rc = 0;
  switch (f.action) {
    case kLoadModule: return cuModuleLoadData(&module, f.image.data());
    case kLoadAndGet:
      rc = cuModuleLoadData(&module, f.image.data());
      return rc ? rc : cuModuleGetFunction(&function, module, "prelude_constant");
    case kLoadOnOtherThread: {
      CUcontext context;
      cuCtxGetCurrent(&context);
      std::thread other([&] {
        cuCtxSetCurrent(context);
        rc = cuModuleLoadData(&module, f.image.data());
      });
      other.join();
      return rc;
    }
    case kAllocate: {
      CUdeviceptr memory;
      return cuMemAlloc(&memory, 64 << 20);
    }
    case kGetAttribute: {
      cudaFuncAttributes attributes;
      return cudaFuncGetAttributes(&attributes, lazy_count);
    }
    case kLaunch: loaded_count<<<1, 1>>>(f.cells + 1); return cudaGetLastError();
    case kFirstLaunch: lazy_count<<<1, 1>>>(f.cells + 2); return cudaGetLastError();
    default: return 0;
  }
}

void visit(Descriptor& d, void* user) {
  auto& f = *static_cast<Forbidden*>(user);
  if (d.grid()[0] == 0) return;
  if (f.inside) ++f.out->nested_callbacks;
  if (f.begun) return;
  f.begun = f.inside = true;
  f.out->stage = kInCallback;
  f.out->action_rc = perform(f);
  f.out->stage = kActionReturned;
  f.inside = false;
}

int child(int action, const char* program) {
  auto* out = open_shared<Outcome>();
  need_gpu();
  if (!install_descriptor_hook().empty()) return 3;
  Forbidden f{action, out, need_prelude_cubin(program), nullptr};
  PROBE_CUDA(cudaMallocHost(&f.cells, 64));
  std::fill(f.cells, f.cells + 16, 0u);
  count<<<1, 1>>>(f.cells);
  loaded_count<<<1, 1>>>(f.cells + 1);
  PROBE_CUDA(cudaDeviceSynchronize());
  f.cells[0] = f.cells[1] = 0;
  set_visitor(&visit, &f);
  count<<<1, 1>>>(f.cells);
  out->launch_rc = cudaGetLastError();
  out->stage = kLaunchReturned;
  out->sync_rc = cudaDeviceSynchronize();
  out->stage = kSynchronised;
  count<<<1, 1>>>(f.cells);
  out->again_rc = cudaDeviceSynchronize();
  for (int i = 0; i < 3; ++i) out->cells[i] = f.cells[i];
  out->stage = kLaunchedAgain;
  return 0;
}

Json row_of(int action, int exit, const Outcome& o) {
  const bool works = exit == 0 && o.stage == kLaunchedAgain && !o.action_rc && !o.launch_rc && !o.sync_rc && !o.again_rc && o.cells[0] == 2;
  return Json().text("in_the_callback", kNames[action]).text("verdict", works ? "works" : exit == -1 ? "deadlock" : o.stage == kLaunchedAgain ? "error" : "died")
      .text("came_to", kStages[o.stage]).number("exit", exit).number("action_rc", o.action_rc).number("launch_rc", o.launch_rc)
      .number("synchronise_rc", o.sync_rc).number("launch_after_rc", o.again_rc).number("nested_callbacks", o.nested_callbacks)
      .number("outer_kernel_ran", o.cells[0]).number("nested_loaded_kernel_ran", o.cells[1]).number("nested_lazy_kernel_ran", o.cells[2]);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3) return child(std::atoi(argv[2]), argv[0]);
  need_gpu();
  need_prelude_cubin(argv[0]);
  std::vector<Outcome*> outcomes;
  std::vector<pid_t> children;
  for (int action = 0; action < kActions; ++action) {
    outcomes.push_back(create_shared<Outcome>());
    children.push_back(start_child({"case", std::to_string(action)}, {"CUDA_MODULE_LOADING=LAZY"}));
  }
  const auto limit = now_ns() + static_cast<std::int64_t>(kPatienceSeconds * 1e9);
  std::vector<Json> rows;
  for (int action = 0; action < kActions; ++action) {
    const int exit = end_child(children[action], std::max(0.1, static_cast<double>(limit - now_ns()) * 1e-9));
    rows.push_back(row_of(action, exit, *outcomes[action]));
  }
  std::printf("%s\n", report("module_in_callback", "7", argc, argv).list("rows", rows).str().c_str());
  return 0;
}
