// What every probe shares: checked calls, the JSON object it prints, statistics, the TPC map.
//
// A probe prints exactly one JSON object on standard output and exits 0; without a GPU it prints a reason and
// exits 77, which CTest reads as skipped.
#pragma once

#include <cuda.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "descriptor.hpp"

namespace lithos::probe {

inline constexpr int kExitSkipped = 77;

#define PROBE_CUDA(call)                                                                             \
  do {                                                                                               \
    auto rc_ = (call);                                                                               \
    if (static_cast<int>(rc_) != 0) {                                                                \
      std::fprintf(stderr, "%s:%d: %s -> %d\n", __FILE__, __LINE__, #call, static_cast<int>(rc_));  \
      std::exit(1);                                                                                  \
    }                                                                                                \
  } while (0)

// A JSON object under construction. Values are written as given; strings are escaped.
class Json {
 public:
  Json& raw(const std::string& key, const std::string& value) {
    body_ += (body_.empty() ? "" : ", ") + quote(key) + ": " + value;
    return *this;
  }
  Json& text(const std::string& key, const std::string& value) { return raw(key, quote(value)); }
  Json& flag(const std::string& key, bool value) { return raw(key, value ? "true" : "false"); }
  Json& number(const std::string& key, double value) {
    if (!std::isfinite(value)) return raw(key, "null");
    char buffer[40];
    std::snprintf(buffer, sizeof buffer, std::fabs(value) < 1e6 ? "%.6g" : "%.0f", value);
    return raw(key, buffer);
  }
  Json& object(const std::string& key, const Json& value) { return raw(key, value.str()); }
  Json& list(const std::string& key, const std::vector<Json>& values) {
    std::string out;
    for (const auto& v : values) out += (out.empty() ? "" : ", ") + v.str();
    return raw(key, "[" + out + "]");
  }
  Json& numbers(const std::string& key, const std::vector<double>& values) {
    std::ostringstream out;
    for (std::size_t i = 0; i < values.size(); ++i) out << (i ? ", " : "") << values[i];
    return raw(key, "[" + out.str() + "]");
  }
  std::string str() const { return "{" + body_ + "}"; }

  static std::string quote(const std::string& s) {
    std::string out = "\"";
    for (char c : s) {
      if (c == '"' || c == '\\') out += '\\';
      if (c == '\n') out += "\\n";
      else out += c;
    }
    return out + "\"";
  }

 private:
  std::string body_;
};

inline double quantile(std::vector<double> values, double q) {
  if (values.empty()) return NAN;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1) + 0.5)];
}
inline double median(const std::vector<double>& values) { return quantile(values, 0.5); }

inline Json spread(const std::vector<double>& values) {
  Json j;
  j.number("n", static_cast<double>(values.size())).number("min", quantile(values, 0)).number("p50", median(values));
  return j.number("p90", quantile(values, 0.9)).number("p99", quantile(values, 0.99)).number("max", quantile(values, 1));
}

inline std::int64_t now_ns(clockid_t clock = CLOCK_REALTIME) {
  timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1'000'000'000ll + t.tv_nsec;
}

inline void skip(const std::string& why) {
  std::printf("{\"skipped\": %s}\n", Json::quote(why).c_str());
  std::exit(kExitSkipped);
}

inline void need_gpu() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) skip("no CUDA device");
  cudaDeviceProp p;
  PROBE_CUDA(cudaGetDeviceProperties(&p, 0));
  if (p.major != 9) skip("not a Hopper GPU");
  PROBE_CUDA(cudaFree(nullptr));
}

// The head that every finding carries.
inline Json report(const std::string& probe, const std::string& question, int argc, char** argv) {
  cudaDeviceProp p;
  PROBE_CUDA(cudaGetDeviceProperties(&p, 0));
  char uuid[64];
  auto u = reinterpret_cast<const unsigned char*>(p.uuid.bytes);
  std::snprintf(uuid, sizeof uuid, "GPU-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
                u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
  std::string driver = "unknown", line;
  if (std::ifstream in("/sys/module/nvidia/version"); in) std::getline(in, driver);
  std::time_t t = std::time(nullptr);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&t));
  std::string command = argv[0];
  command.erase(0, command.rfind('/') + 1);
  for (int i = 1; i < argc; ++i) command += std::string(" ") + argv[i];
  Json j;
  j.text("probe", probe).text("question", question).text("gpu", p.name).text("gpu_uuid", uuid).text("driver", driver);
  return j.text("date", date).text("command", command);
}

// One TPC of the calibrated map: its mask position and the two SMs that vanish with it.
struct Tpc {
  int bit, sm0, sm1;
};

// Mask positions in the order the probes fill them: GPC by GPC, the single TPCs last. Read from the file that
// the tpc_map probe wrote, named by LITHOS_TPC_MAP.
inline std::vector<Tpc> load_tpc_map() {
  const char* path = std::getenv("LITHOS_TPC_MAP");
  std::vector<Tpc> map;
  if (path == nullptr) return map;
  std::ifstream in(path);
  for (Tpc t; in >> t.bit >> t.sm0 >> t.sm1;) map.push_back(t);
  return map;
}

inline std::vector<Tpc> need_tpc_map() {
  auto map = load_tpc_map();
  if (map.empty()) skip("LITHOS_TPC_MAP names no map; run tpc_map first");
  return map;
}

// TPCs [first, first + n) of the map's order.
inline TpcSet tpc_range(const std::vector<Tpc>& map, std::size_t first, std::size_t n) {
  TpcSet set;
  for (std::size_t i = first; i < first + n && i < map.size(); ++i) set.add(map[i].bit);
  return set;
}

}  // namespace lithos::probe
