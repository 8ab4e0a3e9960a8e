// SPDX-License-Identifier: Apache-2.0
// Programs whose results depend on the order of everything they do: order FIRST LAST [THREADS] runs one random program for each seed and prints
// "seed checksum". The same programs run without LithOS and with it must print the same (run_all.sh).
//
// Graphs among them: of every kind of node that can go by itself, with branches, launched again on other streams, changed, ended on their way.
//
// A buffer belongs to one stream of one thread at a time; everything done to it is ordered by that stream, by an event where the stream changes,
// by an event and a barrier where the thread does. So the result is one, whatever the timing.
#include <barrier>
#include <cstring>
#include <memory>
#include <mutex>
#include <random>
#include <thread>

#include "../shim/kernels.cuh"

namespace {

constexpr unsigned kBuffers = 4, kStreams = 4, kPhases = 3, kSteps = 24;
constexpr std::size_t kPinned = std::size_t{1} << 20;
using Word = unsigned long long;

__device__ void spin(unsigned turns) {
  for (unsigned i = 0; i < turns; ++i) __nanosleep(100);
}
__global__ void fold(Word* at, unsigned n, Word value, unsigned turns) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  spin(turns);
  if (i < n) at[i] = at[i] * 6364136223846793005ull + value + i;
}
__global__ void blend(Word* to, const Word* from, unsigned n) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) to[i] = to[i] * 3 + from[i];
}
__global__ void fold_shared(Word* at, unsigned n, Word value) {
  extern __shared__ Word mine[];
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  mine[threadIdx.x] = i < n ? at[i] : 0;
  __syncthreads();
  if (i < n) at[i] = mine[threadIdx.x] * 5 + mine[(threadIdx.x + 1) % blockDim.x] + value;
}

// Captures do not like a device-wide wait of somebody else.
std::mutex capture_or_wait;

struct Buffer {
  Word* at = nullptr;
  unsigned n = 0, stream = 0;
  cudaEvent_t event = nullptr;
  // A graph of what is done to this buffer, made once and launched again and again, on whatever stream and thread has the buffer.
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  Word* host = nullptr;  // pinned: what it saw last, and the sum of what it has seen
};
struct HostNote {
  Word* sum;
  const Word* seen;
  Word number;
};

class Program {  // of one thread
 public:
  Program(unsigned seed, unsigned thread) : dice_(seed * 977 + thread) {
    for (unsigned i = 0; i < kStreams; ++i) renew(i, true);
    for (cudaStream_t& maker : makers_) CHECK(cudaStreamCreateWithFlags(&maker, cudaStreamNonBlocking));
    CHECK(cudaMallocHost(reinterpret_cast<void**>(&pinned_), kPinned));
    for (Buffer& buffer : buffers) {
      buffer.n = below(8) == 0 ? 300'000 : 64 + below(4096);
      buffer.stream = below(kStreams);
      CHECK(cudaMalloc(reinterpret_cast<void**>(&buffer.at), buffer.n * sizeof(Word)));
      CHECK(cudaMemset(buffer.at, 0, buffer.n * sizeof(Word)));
      CHECK(cudaEventCreateWithFlags(&buffer.event, below(2) == 0 ? cudaEventDisableTiming : cudaEventDefault));
    }
    CHECK(cudaDeviceSynchronize());
  }
  // What the other threads have of its buffers has ended.
  void end() {
    for (Buffer& buffer : buffers) {
      for (unsigned i = 0; i < std::min(buffer.n, 64u); ++i) {
        Word word = 0;
        CHECK(cudaMemcpy(&word, buffer.at + i * (buffer.n / 64 + 1) % buffer.n, sizeof word, cudaMemcpyDeviceToHost));
        note(word);
      }
      CHECK(cudaFree(buffer.at));
      CHECK(cudaEventDestroy(buffer.event));
      if (buffer.host != nullptr) {
        note(buffer.host[1]);
        CHECK(cudaFreeHost(buffer.host));
      }
      end_graph(buffer);
    }
    for (const std::size_t at : late_) note(pinned_[at]);
    for (const auto& sum : host_sums_) note(*sum);
    CHECK(cudaFreeHost(pinned_));
    for (const cudaStream_t maker : makers_) CHECK(cudaStreamDestroy(maker));
    for (unsigned i = 0; i < kStreams; ++i)
      if (owned_[i]) CHECK(cudaStreamDestroy(streams_[i]));
  }

  void phase() {
    for (unsigned i = 0; i < kSteps; ++i) step(buffers[below(kBuffers)]);
  }
  void give_away() {
    for (Buffer& buffer : buffers) CHECK(cudaEventRecord(buffer.event, of(buffer)));
  }
  void take(const Buffer& buffer, unsigned index) {
    const unsigned stream = below(kStreams);
    CHECK(cudaStreamWaitEvent(streams_[stream], buffer.event, 0));
    buffers[index] = buffer;
    buffers[index].stream = stream;
  }
  Word sum() const { return sum_; }
  Buffer buffers[kBuffers];

 private:
  unsigned below(unsigned n) { return static_cast<unsigned>(dice_() % n); }
  void note(Word word) { sum_ = sum_ * 1099511628211ull + word; }
  cudaStream_t of(const Buffer& buffer) const { return streams_[buffer.stream]; }
  unsigned blocks(const Buffer& buffer) const { return (buffer.n + 127) / 128; }

  void renew(unsigned i, bool first) {
    const unsigned kind = below(first ? 8 : 6);
    owned_[i] = kind < 6;
    if (kind == 6) streams_[i] = cudaStreamLegacy;
    else if (kind == 7) streams_[i] = cudaStreamPerThread;
    else CHECK(cudaStreamCreateWithFlags(&streams_[i], kind < 4 ? cudaStreamNonBlocking : cudaStreamDefault));
    may_capture_[i] = kind < 4;
  }
  Word* slice(std::size_t words, std::size_t& at) {
    at = pinned_used_;
    pinned_used_ += words;
    if (pinned_used_ * sizeof(Word) > kPinned) std::fprintf(stderr, "pinned memory is used up\n"), std::exit(1);
    return pinned_ + at;
  }
  void move(Buffer& buffer, unsigned stream) {
    CHECK(cudaEventRecord(buffer.event, of(buffer)));
    CHECK(cudaStreamWaitEvent(streams_[stream], buffer.event, 0));
    buffer.stream = stream;
  }
  void launch(Buffer& b, unsigned turns = 0) {
    fold<<<blocks(b), 128, 0, of(b)>>>(b.at, b.n, dice_(), turns);
    CHECK(cudaGetLastError());
  }

  void step(Buffer& b) {
    const cudaStream_t stream = of(b);
    const unsigned words = std::min(b.n, 1 + below(512));
    std::size_t at = 0;
    switch (below(24)) {
      case 0: move(b, below(kStreams)); break;
      case 1: blend_in(b, buffers[below(kBuffers)]); break;
      case 2: CHECK(cudaMemsetAsync(b.at, static_cast<int>(below(256)), words * sizeof(Word), stream)); break;
      case 3: copy_on_device(b, buffers[below(kBuffers)], words); break;
      case 4: from_pageable(b, words); break;
      case 5: from_pinned(b, words); break;
      case 6: {  // looked at when everything is over
        Word* const to = slice(1, at);
        CHECK(cudaMemcpyAsync(to, b.at + below(b.n), sizeof(Word), cudaMemcpyDeviceToHost, stream));
        late_.push_back(at);
        break;
      }
      case 7: read_after_event(b, slice(1, at)); break;
      case 8: read_pageable(b); break;
      case 9: host_function(b, slice(1, at)); break;
      case 10: allocate_in_order(b); break;
      case 11: allocate(b); break;
      case 12: capture(b); break;
      case 13: CHECK(cudaStreamSynchronize(stream)); break;
      case 14: if (below(3) == 0) wait_for_all(); break;
      case 15: if (below(3) == 0) renew_stream(b); break;
      case 16: with_shared(b); break;
      case 17: with_clusters(b); break;
      case 18: if (below(2) == 0) renew_event(b); break;
      case 19:
      case 20: replay(b); break;
      default: launch(b, below(8) == 0 ? below(200) : 0); break;
    }
  }
  void blend_in(Buffer& b, Buffer& other) {
    if (other.stream != b.stream) move(other, b.stream);
    const unsigned n = std::min(b.n, other.n);
    blend<<<(n + 127) / 128, 128, 0, of(b)>>>(b.at, other.at, n);
    CHECK(cudaGetLastError());
  }
  void copy_on_device(Buffer& b, Buffer& other, unsigned words) {
    if (other.stream != b.stream) move(other, b.stream);
    const unsigned n = std::min({words, b.n, other.n});
    if (other.at != b.at) CHECK(cudaMemcpyAsync(b.at, other.at, n * sizeof(Word), cudaMemcpyDeviceToDevice, of(b)));
  }
  void from_pageable(Buffer& b, unsigned words) {
    std::vector<Word> values(words);
    for (Word& value : values) value = dice_();
    CHECK(cudaMemcpyAsync(b.at, values.data(), words * sizeof(Word), cudaMemcpyHostToDevice, of(b)));
    std::fill(values.begin(), values.end(), ~Word{0});  // may be changed at once
  }
  void from_pinned(Buffer& b, unsigned words) {
    std::size_t at = 0;
    Word* const from = slice(words, at);
    for (unsigned i = 0; i < words; ++i) from[i] = dice_();
    CHECK(cudaMemcpyAsync(b.at, from, words * sizeof(Word), cudaMemcpyHostToDevice, of(b)));
  }
  void read_after_event(Buffer& b, Word* to) {
    CHECK(cudaMemcpyAsync(to, b.at, sizeof(Word), cudaMemcpyDeviceToHost, of(b)));
    CHECK(cudaEventRecord(b.event, of(b)));
    if (below(2) == 0) {
      CHECK(cudaEventSynchronize(b.event));
    } else {
      cudaError_t state;
      while ((state = cudaEventQuery(b.event)) == cudaErrorNotReady) std::this_thread::yield();
      CHECK(state);
    }
    note(*to);
  }
  void read_pageable(Buffer& b) {
    Word word = 0;
    CHECK(cudaMemcpyAsync(&word, b.at + b.n / 2, sizeof word, cudaMemcpyDeviceToHost, of(b)));
    CHECK(cudaStreamSynchronize(of(b)));
    note(word);
  }
  void host_function(Buffer& b, Word* seen) {
    CHECK(cudaMemcpyAsync(seen, b.at, sizeof(Word), cudaMemcpyDeviceToHost, of(b)));
    host_sums_.push_back(std::make_unique<Word>(0));
    notes_.push_back(std::make_unique<HostNote>(HostNote{host_sums_.back().get(), seen, dice_()}));
    CHECK(cudaLaunchHostFunc(of(b), [](void* p) { auto* n = static_cast<HostNote*>(p); *n->sum = *n->seen * 31 + n->number; }, notes_.back().get()));
    if (below(3) != 0) return;
    CHECK(cudaStreamSynchronize(of(b)));
    note(*notes_.back()->sum);
  }
  void allocate_in_order(Buffer& b) {
    Word* made = nullptr;
    CHECK(cudaMallocAsync(reinterpret_cast<void**>(&made), b.n * sizeof(Word), of(b)));
    CHECK(cudaMemcpyAsync(made, b.at, b.n * sizeof(Word), cudaMemcpyDeviceToDevice, of(b)));
    fold<<<blocks(b), 128, 0, of(b)>>>(made, b.n, dice_(), 0);
    blend<<<blocks(b), 128, 0, of(b)>>>(b.at, made, b.n);
    CHECK(cudaFreeAsync(made, of(b)));
  }
  void allocate(Buffer& b) {
    const std::lock_guard lock(capture_or_wait);
    Word* made = nullptr;
    CHECK(cudaMalloc(reinterpret_cast<void**>(&made), b.n * sizeof(Word)));
    CHECK(cudaMemcpyAsync(made, b.at, b.n * sizeof(Word), cudaMemcpyDeviceToDevice, of(b)));
    blend<<<blocks(b), 128, 0, of(b)>>>(b.at, made, b.n);
    CHECK(cudaFree(made));
  }
  void capture(Buffer& b) {
    if (!may_capture_[b.stream]) return launch(b);
    const std::lock_guard lock(capture_or_wait);
    launch(b);
    CHECK(cudaStreamBeginCapture(of(b), cudaStreamCaptureModeThreadLocal));
    launch(b);
    CHECK(cudaMemsetAsync(b.at, 7, 8 * sizeof(Word), of(b)));
    launch(b);
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    CHECK(cudaStreamEndCapture(of(b), &graph));
    CHECK(cudaGraphInstantiate(&exec, graph, 0));
    launch(b);
    for (int i = 0; i < 2; ++i) CHECK(cudaGraphLaunch(exec, of(b)));
    launch(b);
    CHECK(cudaGraphExecDestroy(exec));
    CHECK(cudaGraphDestroy(graph));
  }
  static void CUDART_CB add_up(void* p) {
    auto* const host = static_cast<Word*>(p);
    host[1] = host[1] * 31 + host[0];
  }
  // One thing that a graph can do to a part of the buffer.
  void capture_step(Buffer& b, cudaStream_t maker, unsigned first, unsigned n) {
    Word* const at = b.at + first;
    const unsigned grid = (n + 127) / 128;
    switch (below(6)) {
      case 0: CHECK(cudaMemsetAsync(at, static_cast<int>(below(256)), n / 2 * sizeof(Word), maker)); break;
      case 1: CHECK(cudaMemcpyAsync(at, at + n / 2, n / 4 * sizeof(Word), cudaMemcpyDeviceToDevice, maker)); break;
      case 2: fold_shared<<<grid, 128, 2048, maker>>>(at, n, dice_()); break;
      case 3: {
        cudaLaunchAttribute attribute{};
        attribute.id = cudaLaunchAttributeClusterDimension;
        attribute.val.clusterDim.x = 2, attribute.val.clusterDim.y = attribute.val.clusterDim.z = 1;
        cudaLaunchConfig_t config{};
        config.gridDim = dim3((grid + 1) / 2 * 2), config.blockDim = dim3(128), config.stream = maker;
        config.attrs = &attribute, config.numAttrs = 1;
        CHECK(cudaLaunchKernelEx(&config, fold, at, n, static_cast<Word>(dice_()), 0u));
        break;
      }
      default: fold<<<grid, 128, 0, maker>>>(at, n, dice_(), below(4) == 0 ? below(50) : 0); break;
    }
    CHECK(cudaGetLastError());
  }
  // A fold of all of it; two branches, a half each; what the host sees of it; another fold.
  void make_graph(Buffer& b) {
    const std::lock_guard lock(capture_or_wait);
    if (b.host == nullptr) {
      CHECK(cudaMallocHost(reinterpret_cast<void**>(&b.host), 2 * sizeof(Word)));
      b.host[0] = b.host[1] = 0;
    }
    const unsigned half = b.n / 2;
    cudaEvent_t fork, join;
    CHECK(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
    CHECK(cudaEventCreateWithFlags(&join, cudaEventDisableTiming));
    CHECK(cudaStreamBeginCapture(makers_[0], cudaStreamCaptureModeThreadLocal));
    fold<<<blocks(b), 128, 0, makers_[0]>>>(b.at, b.n, dice_(), 0u);
    CHECK(cudaEventRecord(fork, makers_[0]));
    CHECK(cudaStreamWaitEvent(makers_[1], fork, 0));
    for (unsigned i = 1 + below(3); i > 0; --i) capture_step(b, makers_[0], 0, half), capture_step(b, makers_[1], half, b.n - half);
    CHECK(cudaEventRecord(join, makers_[1]));
    CHECK(cudaStreamWaitEvent(makers_[0], join, 0));
    if (below(2) == 0) {
      CHECK(cudaMemcpyAsync(b.host, b.at + below(b.n), sizeof(Word), cudaMemcpyDeviceToHost, makers_[0]));
      CHECK(cudaLaunchHostFunc(makers_[0], add_up, b.host));
      CHECK(cudaMemcpyAsync(b.at + below(b.n), b.host + 1, sizeof(Word), cudaMemcpyHostToDevice, makers_[0]));
    }
    fold<<<blocks(b), 128, 0, makers_[0]>>>(b.at, b.n, dice_(), 0u);
    CHECK(cudaStreamEndCapture(makers_[0], &b.graph));
    CHECK(cudaGraphInstantiate(&b.exec, b.graph, 0));
    CHECK(cudaEventDestroy(fork));
    CHECK(cudaEventDestroy(join));
  }
  void end_graph(Buffer& b) {
    if (b.exec == nullptr) return;
    CHECK(cudaGraphExecDestroy(b.exec));  // what has been launched goes on
    CHECK(cudaGraphDestroy(b.graph));
    b.exec = nullptr;
  }
  // Its first node, the fold of all of it, gets another value.
  void change_graph(Buffer& b) {
    cudaGraphNode_t root;
    std::size_t count = 1;
    CHECK(cudaGraphGetRootNodes(b.graph, &root, &count));
    Word value = dice_();
    unsigned turns = 0;
    void* values[] = {&b.at, &b.n, &value, &turns};
    cudaKernelNodeParams node{};
    node.func = reinterpret_cast<void*>(fold), node.gridDim = dim3(blocks(b)), node.blockDim = dim3(128), node.kernelParams = values;
    CHECK(cudaGraphExecKernelNodeSetParams(b.exec, root, &node));
  }
  // Of two launches on two streams the second comes after the first, without an event of the program's.
  void replay(Buffer& b) {
    if (below(8) == 0) end_graph(b);
    if (b.exec == nullptr) make_graph(b);
    else if (below(8) == 0) change_graph(b);
    for (unsigned i = 1 + below(2); i > 0; --i) CHECK(cudaGraphLaunch(b.exec, of(b)));
    if (below(3) != 0) return;
    b.stream = below(kStreams);
    CHECK(cudaGraphLaunch(b.exec, of(b)));
  }
  void wait_for_all() {
    const std::lock_guard lock(capture_or_wait);
    CHECK(cudaDeviceSynchronize());
    Word word = 0;
    CHECK(cudaMemcpy(&word, buffers[0].at, sizeof word, cudaMemcpyDeviceToHost));
    note(word);
  }
  void renew_stream(Buffer& b) {
    const unsigned old = b.stream;
    if (!owned_[old]) return;
    const unsigned to = (old + 1) % kStreams;
    for (Buffer& other : buffers)
      if (other.stream == old) move(other, to);
    CHECK(cudaStreamDestroy(streams_[old]));  // what is on it goes on
    renew(old, false);
  }
  void renew_event(Buffer& b) {
    CHECK(cudaEventRecord(b.event, of(b)));
    CHECK(cudaStreamWaitEvent(streams_[(b.stream + 1) % kStreams], b.event, 0));
    CHECK(cudaEventDestroy(b.event));
    CHECK(cudaEventCreateWithFlags(&b.event, cudaEventDisableTiming));
  }
  void with_shared(Buffer& b) {
    const int bytes = 1024 + 1024 * static_cast<int>(below(60));
    CHECK(cudaFuncSetAttribute(fold_shared, cudaFuncAttributeMaxDynamicSharedMemorySize, 64 * 1024));
    fold_shared<<<blocks(b), 128, static_cast<std::size_t>(bytes), of(b)>>>(b.at, b.n, dice_());
    CHECK(cudaGetLastError());
  }
  void with_clusters(Buffer& b) {
    cudaLaunchAttribute attribute{};
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim.x = 2, attribute.val.clusterDim.y = attribute.val.clusterDim.z = 1;
    cudaLaunchConfig_t config{};
    config.gridDim = dim3((blocks(b) + 1) / 2 * 2), config.blockDim = dim3(128), config.stream = of(b);
    config.attrs = &attribute, config.numAttrs = 1;
    CHECK(cudaLaunchKernelEx(&config, fold, b.at, b.n, static_cast<Word>(dice_()), 0u));
  }

  std::mt19937_64 dice_;
  cudaStream_t streams_[kStreams] = {}, makers_[2] = {};
  bool owned_[kStreams] = {}, may_capture_[kStreams] = {};
  Word* pinned_ = nullptr;
  std::size_t pinned_used_ = 0;
  std::vector<std::size_t> late_;
  std::vector<std::unique_ptr<HostNote>> notes_;
  std::vector<std::unique_ptr<Word>> host_sums_;
  Word sum_ = 0;
};

Word run(unsigned seed, unsigned threads) {
  std::vector<std::unique_ptr<Program>> programs;
  for (unsigned t = 0; t < threads; ++t) programs.push_back(std::make_unique<Program>(seed, t));
  std::barrier together(threads);
  std::vector<std::vector<Buffer>> given(threads, std::vector<Buffer>(kBuffers));
  std::vector<std::thread> all;
  for (unsigned t = 0; t < threads; ++t)
    all.emplace_back([&, t] {
      for (unsigned phase = 0; phase < kPhases; ++phase) {
        programs[t]->phase();
        programs[t]->give_away();
        for (unsigned i = 0; i < kBuffers; ++i) given[t][i] = programs[t]->buffers[i];
        together.arrive_and_wait();
        for (unsigned i = 0; i < kBuffers; ++i) programs[t]->take(given[(t + 1) % threads][i], i);
        together.arrive_and_wait();
      }
    });
  for (std::thread& thread : all) thread.join();
  CHECK(cudaDeviceSynchronize());
  Word sum = 0;
  for (auto& program : programs) program->end(), sum = sum * 31 + program->sum();
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned first = argc > 1 ? std::atoi(argv[1]) : 1, last = argc > 2 ? std::atoi(argv[2]) : 10;
  const unsigned threads = argc > 3 ? std::atoi(argv[3]) : 2;
  CHECK(cudaSetDevice(0));
  for (unsigned seed = first; seed <= last; ++seed) {
    std::printf("%u %016llx\n", seed, run(seed, threads));
    std::fflush(stdout);
  }
  std::fprintf(stderr, "%s\n", shim_report().c_str());
  return 0;
}
