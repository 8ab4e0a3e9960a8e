// Question 10: waking another process, and reading a line that another core writes, while the GPU works.
//
// Two processes: the child answers pings by futex, by eventfd, and by spinning; the parent times ping to pong. Then a
// reader times the read of a 64-byte line (as the launch path reads a lease) while a writer changes it at some rate.
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include <atomic>
#include <thread>

#include "common/child.hpp"
#include "common/kernels.cuh"
#include "common/report.hpp"

using namespace lithos::probe;

namespace {

constexpr int kPings = 3000;

struct Shared {
  alignas(64) std::atomic<int> ping;
  alignas(64) std::atomic<int> pong;
  alignas(64) std::atomic<std::int64_t> woke_ns;
  alignas(64) std::atomic<std::uint64_t> line;
  alignas(64) std::atomic<int> stop;
};

void futex_wait(std::atomic<int>& cell, int value) { syscall(SYS_futex, &cell, FUTEX_WAIT, value, nullptr, nullptr, 0); }
void futex_wake(std::atomic<int>& cell) { syscall(SYS_futex, &cell, FUTEX_WAKE, 1, nullptr, nullptr, 0); }

int child(const std::string& how, int fd) {
  auto* s = open_shared<Shared>();
  s->pong = -1;
  for (int i = 1; i <= kPings; ++i) {
    if (how == "futex")
      while (s->ping < i) futex_wait(s->ping, i - 1);
    if (how == "eventfd") {
      std::uint64_t n;
      if (read(fd, &n, 8) != 8) return 1;
    }
    if (how == "spin")
      while (s->ping < i) {
      }
    s->woke_ns = now_ns(CLOCK_MONOTONIC);
    s->pong = i;
  }
  return 0;
}

Json pings(Shared* s, const std::string& how) {
  s->ping = 0, s->pong = 0;
  const int fd = eventfd(0, 0);
  const pid_t pid = start_child({"child", how, std::to_string(fd)});
  while (s->pong != -1) usleep(100);
  usleep(1000);
  std::vector<double> wake, call;
  for (int i = 1; i <= kPings; ++i) {
    const auto begin = now_ns(CLOCK_MONOTONIC);
    s->ping = i;
    if (how == "futex") futex_wake(s->ping);
    if (how == "eventfd") {
      const std::uint64_t one = 1;
      if (write(fd, &one, 8) != 8) break;
    }
    const auto returned = now_ns(CLOCK_MONOTONIC);
    while (s->pong != i) {
    }
    wake.push_back((s->woke_ns - begin) / 1000.0), call.push_back((returned - begin) / 1000.0);
    usleep(100);
  }
  end_child(pid, 2);
  close(fd);
  return Json().text("how", how).object("store_to_awake_us", spread(wake)).object("callers_cost_us", spread(call));
}

// Nanoseconds per read of the line while another thread writes it `writes_per_s` times a second.
Json line_read(Shared* s, double writes_per_s) {
  s->stop = 0;
  std::thread writer([&] {
    if (writes_per_s == 0) return;
    const double gap = 1e9 / writes_per_s;
    double next = now_ns(CLOCK_MONOTONIC);
    for (std::uint64_t n = 1; !s->stop; ++n) {
      s->line.store(n, std::memory_order_release);
      next += gap;
      while (now_ns(CLOCK_MONOTONIC) < next && !s->stop) {
      }
    }
  });
  std::vector<double> batch;
  std::uint64_t sum = 0;
  for (int r = 0; r < 300; ++r) {
    const auto begin = now_ns(CLOCK_MONOTONIC);
    for (int i = 0; i < 1000; ++i) {
      sum += s->line.load(std::memory_order_acquire);
      for (int k = 0; k < 20; ++k) asm volatile("" ::: "memory");
    }
    batch.push_back((now_ns(CLOCK_MONOTONIC) - begin) / 1000.0);
  }
  // One read right after a write by the other core: the full miss.
  std::vector<double> miss;
  s->stop = 1;
  writer.join();
  if (writes_per_s > 0) {
    std::atomic<int> turn{0};
    std::thread other([&] {
      for (int i = 0; i < 2000; ++i) {
        while (turn != 1) {
        }
        s->line.store(i);
        turn = 0;
      }
    });
    for (int i = 0; i < 2000; ++i) {
      turn = 1;
      while (turn != 0) {
      }
      const auto begin = now_ns(CLOCK_MONOTONIC);
      sum += s->line.load();
      asm volatile("" ::"r"(sum) : "memory");
      miss.push_back(static_cast<double>(now_ns(CLOCK_MONOTONIC) - begin));
    }
    other.join();
  }
  return Json().number("writes_per_s", writes_per_s).number("read_ns_mean_p50", median(batch)).number("read_ns_mean_p99", quantile(batch, .99))
      .number("first_read_after_write_ns_with_clock", median(miss));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 3) return child(argv[2], std::atoi(argv[3]));
  auto* s = create_shared<Shared>();
  need_gpu();
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) {
      for (int i = 0; i < 20; ++i) spin_kernel<<<132, 256>>>(50'000);
      PROBE_CUDA(cudaDeviceSynchronize());
    }
  });
  std::vector<Json> rows, lines;
  for (std::string how : {"futex", "eventfd", "spin"}) rows.push_back(pings(s, how));
  for (double rate : {0.0, 1e3, 1e5, 1e6}) lines.push_back(line_read(s, rate));
  std::vector<double> clock_cost;
  for (int i = 0; i < 2000; ++i) {
    const auto begin = now_ns(CLOCK_MONOTONIC);
    clock_cost.push_back(static_cast<double>(now_ns(CLOCK_MONOTONIC) - begin));
  }
  stop = true;
  busy.join();
  auto j = report("wakeup", "10", argc, argv).number("cpus", std::thread::hardware_concurrency());
  j.list("wake", rows).list("line", lines).number("clock_read_ns", median(clock_cost));
  std::printf("%s\n", j.str().c_str());
  return 0;
}
