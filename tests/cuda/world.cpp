// SPDX-License-Identifier: Apache-2.0
#include "cuda/world.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "ipc/doorman.hpp"
#include "test_paths.hpp"
#include "unit/cuda/descriptors.hpp"

extern char** environ;

namespace lithos::cuda::testing {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> environment_with(const Environment& extra) {
  std::map<std::string, std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (text.rfind("LITHOS_", 0) != 0 && equals != std::string::npos)
      all[text.substr(0, equals)] = text.substr(equals + 1);
  }
  for (const auto& [key, value] : extra) {
    if (value.empty()) all.erase(key);
    else all[key] = value;
  }
  std::vector<std::string> lines;
  for (const auto& [key, value] : all) lines.push_back(key + "=" + value);
  return lines;
}

// In the child: never returns.
[[noreturn]] void execute(const std::string& program, const std::vector<std::string>& arguments,
                          const std::vector<std::string>& environment) {
  std::vector<char*> argv{const_cast<char*>(program.c_str())}, envp;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  for (const std::string& line : environment) envp.push_back(const_cast<char*>(line.c_str()));
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  ::execve(program.c_str(), argv.data(), envp.data());
  ::_exit(127);
}

std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(n));
  return text;
}

SeenDescriptor descriptor_of(const std::string& text) {
  SeenDescriptor seen;
  unsigned valid = 0, off[4] = {}, internal = 0;
  std::sscanf(text.c_str(), "%u %u %x %x %x %x %u %u", &seen.grid, &valid, off, off + 1, off + 2, off + 3, &seen.timed,
              &internal);
  seen.masked = valid != 0;
  seen.internal = internal != 0;
  for (unsigned word = 0; word < 4; ++word) seen.on.words[word] = seen.masked ? ~off[word] : ~0u;
  return seen;
}

}  // namespace

long long Outcome::value(const std::string& key) const {
  const auto line = lines.find(key);
  return line == lines.end() ? -1 : std::atoll(line->second.c_str());
}

long long Outcome::count(const std::string& counter) const {
  const auto report = lines.find("report");
  const std::size_t at = report == lines.end() ? std::string::npos : report->second.find("\"" + counter + "\": ");
  return at == std::string::npos ? -1 : std::atoll(report->second.c_str() + at + counter.size() + 4);
}

bool Outcome::reports(const std::string& text) const {
  const auto report = lines.find("report");
  return report != lines.end() && report->second.find(text) != std::string::npos;
}

Outcome read_outcome(int status, std::string out, std::string err) {
  Outcome outcome{status, std::move(out), std::move(err), {}, {}};
  std::istringstream text(outcome.out);
  for (std::string line; std::getline(text, line);) {
    const std::size_t space = line.find(' ');
    if (space == std::string::npos) continue;
    const std::string key = line.substr(0, space), value = line.substr(space + 1);
    outcome.lines.emplace(key, value);
    if (key == "descriptor") outcome.descriptors.push_back(descriptor_of(value));
  }
  return outcome;
}

World::World(const std::string& shim) {
  std::string name = fs::temp_directory_path() / "lithos-shim-XXXXXX";
  folder_ = ::mkdtemp(name.data());
  const std::string binary = LITHOS_BINARY_DIR;
  fs::create_symlink(binary + "/lib/lithos/cuda/" + shim, folder_ + "/libcuda.so.1");
  fs::create_symlink("libcuda.so.1", folder_ + "/libcuda.so");
  fs::create_symlink(binary + "/tests/cuda/driver/libcuda.so.1", folder_ + "/liblithos_real_cuda.so.1");
  std::ofstream map(folder_ + "/map.txt");
  const GpuShape gpu = h200();
  map << "# bit GPC\n";
  for (unsigned tpc = 0; tpc < gpu.tpcs; ++tpc) {
    map << "tpc " << gpu.mask_bit_of_tpc[tpc] << ' ';
    if (gpu.gpc_of_tpc[tpc] == kNoGpc) map << "-\n";
    else map << gpu.gpc_of_tpc[tpc] << '\n';
  }
}

World::~World() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::string World::path(const std::string& program) const {
  return std::string(LITHOS_BINARY_DIR) + "/tests/bin/" + program;
}

Environment World::shell(const Environment& extra) const {
  Environment all{{"LD_LIBRARY_PATH", std::string(LITHOS_BINARY_DIR) + "/tests/cuda/driver"},
                  {"LITHOS_TENANT", ""},
                  {"LITHOS_TPC_MAP", ""},
                  {"LITHOS_MAP_DIR", folder_ + "/maps"},
                  {"XDG_RUNTIME_DIR", folder_}};
  for (const auto& [key, value] : extra) all[key] = value;
  return all;
}
Environment World::tenant(const Environment& extra) const {
  Environment all{{"LD_LIBRARY_PATH", folder_}, {"LITHOS_TENANT", "test"}, {"LITHOS_TPC_MAP", folder_ + "/map.txt"}};
#ifdef __SANITIZE_ADDRESS__
  all["ASAN_OPTIONS"] = "detect_leaks=0:use_sigaltstack=0";  // programs here end without unloading their modules, as CUDA's do
#endif
  for (const auto& [key, value] : extra) all[key] = value;
  return all;
}

Outcome World::run(const std::string& program, const std::vector<std::string>& arguments,
                   const Environment& extra) const {
  int out[2], err[2];
  if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) return {};
  const std::string file = path(program);
  const std::vector<std::string> environment = environment_with(tenant(extra));
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(out[1], 1);
    ::dup2(err[1], 2);
    execute(file, arguments, environment);
  }
  ::close(out[1]);
  ::close(err[1]);
  std::string errors;
  std::thread reader([&] { errors = read_all(err[0]); });
  std::string text = read_all(out[0]);
  reader.join();
  ::close(out[0]);
  ::close(err[0]);
  int status = -1;
  ::waitpid(child, &status, 0);
  return read_outcome(status, std::move(text), std::move(errors));
}

// ---- Talk ------------------------------------------------------------------------------------------------

Talk::Talk(const World& world, const std::string& program, const std::vector<std::string>& arguments,
           const Environment& extra) {
  int in[2], out[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) return;
  const std::string file = world.path(program);
  const std::vector<std::string> environment = environment_with(world.tenant(extra));
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(in[0], 0);
    ::dup2(out[1], 1);
    execute(file, arguments, environment);
  }
  ::close(in[0]);
  ::close(out[1]);
  to_ = in[1];
  from_ = out[0];
}

Talk::~Talk() {
  if (pid_ > 0) finish();
}

Outcome Talk::ask(const std::string& line) {
  const std::string text = line + "\n";
  EXPECT_EQ(::write(to_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  const std::string end = "done 1\n";
  char buffer[4096];
  while (rest_.find(end) == std::string::npos) {
    const ssize_t n = ::read(from_, buffer, sizeof buffer);
    if (n <= 0) break;
    rest_.append(buffer, static_cast<std::size_t>(n));
  }
  const std::size_t at = std::min(rest_.find(end), rest_.size());
  Outcome outcome = read_outcome(0, rest_.substr(0, at), "");
  rest_.erase(0, at + end.size());
  return outcome;
}

Outcome Talk::finish() {
  ::close(to_);
  std::string text = rest_ + read_all(from_);
  ::close(from_);
  int status = -1;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return read_outcome(status, std::move(text), "");
}

// ---- SmallDaemon -----------------------------------------------------------------------------------------

SmallDaemon::SmallDaemon(const std::string& socket, const GpuShape& gpu, ipc::TenantTerms terms)
    : gpu_(gpu), terms_(terms), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  Result<ipc::Fd> made = ipc::listen_at(socket, 0600, SOCK_SEQPACKET);
  EXPECT_TRUE(made.ok()) << made.status().message();
  if (made.ok()) listener_ = std::move(made).value();
  ::fcntl(listener_.get(), F_SETFL, 0);
}

SmallDaemon::~SmallDaemon() {
  if (acceptor_.joinable()) acceptor_.join();
}

Nanoseconds SmallDaemon::never_late() { return Nanoseconds{std::int64_t{1} << 62}; }
void SmallDaemon::nap() { ::usleep(10'000); }

void SmallDaemon::accept(const Lease& first) {
  if (acceptor_.joinable()) acceptor_.join();
  acceptor_ = std::thread([this, first] {
    pollfd visitor{listener_.get(), POLLIN, 0};
    if (::poll(&visitor, 1, 20'000) != 1) {
      wrong_ = "nobody came";
      return;
    }
    channel_ = std::make_unique<ipc::Channel>(ipc::Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
    ipc::Received message;
    const Nanoseconds patience{10'000'000'000};
    if (!channel_->wait_for(message, patience)) wrong_ = "no hello";
    const Result<std::string> name = ipc::judge_hello(message);
    name_ = name.ok() ? name.value() : name.status().message();
    Result<ipc::SharedMemory> memory = ipc::SharedMemory::make(wake_.get(), 1);
    peer_ = std::make_unique<ipc::TenantPeer>(std::move(memory).value(), TenantId{3}, 1);
    publish(first);
    if (!ipc::send_welcome(*channel_, peer_->memory(), TenantId{3}, 1, gpu_, terms_).ok()) wrong_ = "no welcome";
    if (!channel_->wait_for(message, patience)) wrong_ = "not mapped";
    // A tenant that comes again repeats what it has registered, and waits to hear that it has arrived.
    while (channel_->wait_for(message, Nanoseconds{200'000'000})) note(message);
  });
}

void SmallDaemon::wait_attached() {
  if (acceptor_.joinable()) acceptor_.join();
  EXPECT_EQ(wrong_, "");
}

void SmallDaemon::publish(const Lease& lease) {
  peer_->publish_lease(lease, [](TenantId) { return 1u; });
  peer_->ring_bell();
}

void SmallDaemon::note(const ipc::Received& message) {
  if (message.head.type == ipc::MessageType::checkpoint) {
    (void)ipc::send_reached(*channel_, message.as<ipc::Checkpoint>()->number, 0, "");
  } else if (message.head.type == ipc::MessageType::kernel) {
    const auto* kernel = message.as<ipc::KernelMessage>();
    const auto* tail = reinterpret_cast<const char*>(message.bytes.data()) + sizeof(ipc::KernelMessage);
    kernels_.emplace_back(tail + kernel->points * sizeof(ipc::CurvePoint), kernel->name_bytes);
  }
}

void SmallDaemon::pump() {
  ipc::Received message;
  while (channel_->receive(message) == ipc::Channel::Got::message) note(message);
}

Lease lease_of(std::uint64_t generation, const TpcSet& own) {
  Lease lease;
  lease.generation = generation;
  lease.own = lease.co_resident = own;
  lease.starvation_limit = Nanoseconds{20'000'000};
  return lease;
}

}  // namespace lithos::cuda::testing
