// SPDX-License-Identifier: Apache-2.0
#include "ipc/shared_memory.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <string>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace lithos::ipc {
namespace {

Status failed(const char* what) {
  return unavailable(std::string("shared memory: ") + what + ": " + std::strerror(errno));
}

Result<Fd> make_memfd(const char* name, std::size_t bytes, int seals) {
  Fd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return failed("memfd_create");
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) return failed("ftruncate");
  if (::fcntl(fd.get(), F_ADD_SEALS, seals) != 0) return failed("sealing");
  return fd;
}

}  // namespace

Result<SharedMemory> SharedMemory::make(int daemon_event, std::uint32_t incarnation) {
  SharedMemory memory;
  Result<Fd> area = make_memfd("lithos-area", sizeof(Area), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  if (!area.ok()) return area.status();
  Result<Fd> pressure = make_memfd("lithos-pressure", kPage, F_SEAL_SHRINK | F_SEAL_GROW);  // one more to come
  if (!pressure.ok()) return pressure.status();
  memory.area = std::move(area).value();
  memory.pressure = std::move(pressure).value();
  memory.area_map = Mapping(memory.area.get(), sizeof(Area), true);
  memory.pressure_map = Mapping(memory.pressure.get(), kPage, false);
  if (!memory.area_map || !memory.pressure_map) return failed("mmap");
  memory.daemon_event = Fd(::fcntl(daemon_event, F_DUPFD_CLOEXEC, 0));
  memory.tenant_event = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!memory.daemon_event || !memory.tenant_event) return failed("eventfd");
  AreaHeader& header = memory.area_at().header;
  header.magic = kMagic;
  header.major = kMajor;
  header.minor = kMinor;
  header.bytes = sizeof(Area);
  header.incarnation = incarnation;
  return memory;
}

Status SharedMemory::seal_pressure() const {
  if (::fcntl(pressure.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) != 0)
    return failed("sealing the pressure page");
  return {};
}

}  // namespace lithos::ipc
