// SPDX-License-Identifier: Apache-2.0
// Serves the host's metrics to Prometheus: /metrics, and /healthz and /readyz for whoever restarts things.
//
// The host hands over a sample once a second; it is made into text there and then, and a scrape gets the newest text.
// So a scraper, however slow or dead, costs one of the web server's threads for at most its timeout, and the host nothing.
// /readyz says no while the newest sample is older than `stale_after`: the engine does not answer.
#include <CivetServer.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include <lithos/service.hpp>

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// What the plugin says of itself, and what a scrape gets. Any thread.
class Board {
 public:
  explicit Board(std::chrono::nanoseconds stale_after) : stale_after_(stale_after) {}

  void put(std::string text) {
    auto fresh = std::make_shared<const std::string>(std::move(text));
    const std::lock_guard lock(mutex_);
    text_ = std::move(fresh);
    at_ = Clock::now();
  }
  std::shared_ptr<const std::string> text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }
  double age_s() const {
    const std::lock_guard lock(mutex_);
    return std::chrono::duration<double>(Clock::now() - at_).count();
  }
  bool ready() const { return text() != nullptr && age_s() <= std::chrono::duration<double>(stale_after_).count(); }

 private:
  const std::chrono::nanoseconds stale_after_;
  mutable std::mutex mutex_;
  std::shared_ptr<const std::string> text_;
  Clock::time_point at_ = Clock::now();
};

void answer(mg_connection* connection, const char* status, const char* type, const std::string& body) {
  mg_printf(connection, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status,
            type, body.size());
  mg_write(connection, body.data(), body.size());
}

// One page of the server.
template <class Answer>
class Page final : public CivetHandler {
 public:
  explicit Page(Answer give) : give_(std::move(give)) {}
  bool handleGet(CivetServer*, mg_connection* connection) override {
    give_(connection);
    return true;
  }

 private:
  Answer give_;
};

prometheus::ClientMetric metric_of(const lithos_metric_family& family, const lithos_series& series) {
  prometheus::ClientMetric out;
  for (std::uint32_t i = 0; i < family.n_labels; ++i) out.label.push_back({family.label_names[i], series.labels[i]});
  switch (family.type) {
    case LITHOS_SERIES_COUNTER: out.counter.value = series.value; break;
    case LITHOS_SERIES_GAUGE: out.gauge.value = series.value; break;
    default:
      out.histogram.sample_count = series.count;
      out.histogram.sample_sum = series.value;
      for (std::uint32_t i = 0; i < family.n_bounds; ++i)
        out.histogram.bucket.push_back({series.buckets[i], family.bounds[i]});
  }
  return out;
}

}  // namespace

class ExportPrometheus {
 public:
  static constexpr const char* id = "org.lithos.export.prometheus";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Metrics for Prometheus over HTTP, and health.";
  static constexpr const char* license = "Apache-2.0";

  struct Params {
    std::string listen;
    std::chrono::nanoseconds stale_after;
    std::int64_t series_max;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::listen>(1, "listen", "127.0.0.1:9464").doc("Address and port; port 0: any that is free."),
      lithos::param<&Params::stale_after>(2, "stale_after", 10s)
          .range(1s, 1h)
          .doc("/readyz says no when the newest sample is older."),
      lithos::param<&Params::series_max>(3, "series_max", 20'000)
          .range(100, 1'000'000)
          .doc("More are left out and counted.")};
  static constexpr std::tuple metrics{
      lithos::counter("scrapes_total", "", "Answers to /metrics."),
      lithos::gauge("port", "", "The port it listens on."), lithos::gauge("series", "", "Series in the newest sample."),
      lithos::counter("series_left_out_total", "", "Series beyond series_max, summed over samples.")};

  ExportPrometheus(const lithos::Host& host, const Params& values)
      : host_(host), series_max_(static_cast<std::size_t>(values.series_max)), board_(values.stale_after) {
    const std::vector<std::string> options{"listening_ports",    values.listen, "num_threads",       "4",
                                           "request_timeout_ms", "5000",        "linger_timeout_ms", "1000"};
    try {
      server_ = std::make_unique<CivetServer>(options);
    } catch (const CivetException&) { throw std::runtime_error("cannot listen on " + values.listen); }
    server_->addHandler("/metrics$", metrics_page_);
    server_->addHandler("/healthz$", health_page_);
    server_->addHandler("/readyz$", ready_page_);
    const std::vector<int> ports = server_->getListeningPorts();
    host_.set(1, ports.empty() ? 0 : ports.front());
  }

  void sample(const lithos::MetricFamilies& families) {
    std::vector<prometheus::MetricFamily> all;
    std::size_t series = 0, left_out = 0;
    for (const lithos_metric_family& family : families) {
      prometheus::MetricFamily& out = all.emplace_back();
      out.name = family.name;
      out.help = family.help;
      out.type = family.type == LITHOS_SERIES_COUNTER ? prometheus::MetricType::Counter
                 : family.type == LITHOS_SERIES_GAUGE ? prometheus::MetricType::Gauge
                                                      : prometheus::MetricType::Histogram;
      for (const lithos_series& one : lithos::series_of(family)) {
        const std::size_t lines = family.type == LITHOS_SERIES_HISTOGRAM ? family.n_bounds + 3 : 1;
        if (series + lines > series_max_) {
          left_out += lines;
          continue;
        }
        series += lines;
        out.metric.push_back(metric_of(family, one));
      }
    }
    host_.set(2, static_cast<double>(series));
    host_.add(3, static_cast<double>(left_out));
    std::ostringstream text;
    prometheus::TextSerializer().Serialize(text, all);
    board_.put(std::move(text).str());
  }

 private:
  // The newest sample, and how old it is now.
  void give_metrics(mg_connection* connection) {
    const std::shared_ptr<const std::string> text = board_.text();
    if (text == nullptr) return answer(connection, "503 Service Unavailable", "text/plain", "no sample yet\n");
    std::ostringstream own;
    own << "# HELP lithos_sample_age_seconds How long ago the host gave the metrics on this page.\n"
           "# TYPE lithos_sample_age_seconds gauge\nlithos_sample_age_seconds "
        << board_.age_s() << "\n";
    host_.add(0);
    answer(connection, "200 OK", "text/plain; version=0.0.4; charset=utf-8", *text + own.str());
  }
  void give_health(mg_connection* connection) { answer(connection, "200 OK", "text/plain", "ok\n"); }
  void give_readiness(mg_connection* connection) {
    if (board_.ready()) return answer(connection, "200 OK", "text/plain", "ready\n");
    answer(connection, "503 Service Unavailable", "text/plain", "the engine has not answered for too long\n");
  }

  lithos::Host host_;
  const std::size_t series_max_;
  Board board_;
  Page<std::function<void(mg_connection*)>> metrics_page_{[this](mg_connection* c) { give_metrics(c); }};
  Page<std::function<void(mg_connection*)>> health_page_{[this](mg_connection* c) { give_health(c); }};
  Page<std::function<void(mg_connection*)>> ready_page_{[this](mg_connection* c) { give_readiness(c); }};
  std::unique_ptr<CivetServer> server_;  // last: its threads use everything above
};
LITHOS_EXPORT_EXPORTER(ExportPrometheus)
