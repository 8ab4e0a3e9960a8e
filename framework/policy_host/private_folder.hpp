// SPDX-License-Identifier: Apache-2.0
// The process's folder for private copies of libraries: made by the first copy, removed with the last. A process that is killed
// leaves its folder behind; the next one that makes its own removes it. Internal to private_copy.cpp. Any thread.
#pragma once

#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "base/status.hpp"

namespace lithos {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

class PrivateFolder {
 public:
  static Result<std::shared_ptr<PrivateFolder>> shared();
  ~PrivateFolder();
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;

  const std::string& path() const { return path_; }
  unsigned next_number() { return ++files_; }

 private:
  PrivateFolder(std::string path, Descriptor lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  static Result<std::shared_ptr<PrivateFolder>> make();
  static std::shared_ptr<PrivateFolder> make_in(const std::string& parent);

  const std::string path_;
  const Descriptor lock_;  // held while the process lives: who gets it finds a folder that is nobody's any more
  std::atomic<unsigned> files_ = 0;
};

}  // namespace lithos
