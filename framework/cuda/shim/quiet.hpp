// SPDX-License-Identifier: Apache-2.0
// Calls of our own to the driver must not disturb a capture that is under way on this thread: many calls are forbidden
// in "global" mode and would invalidate it.
#pragma once

#include "cuda/shim/driver.hpp"

namespace lithos::cuda::shim {

class QuietCapture {
 public:
  QuietCapture() { exchange(); }
  ~QuietCapture() { exchange(); }
  QuietCapture(const QuietCapture&) = delete;
  QuietCapture& operator=(const QuietCapture&) = delete;

 private:
  void exchange() {
    if (driver().cuThreadExchangeStreamCaptureMode != nullptr) driver().cuThreadExchangeStreamCaptureMode(&mode_);
  }
  CUstreamCaptureMode mode_ = CU_STREAM_CAPTURE_MODE_RELAXED;
};

// Asking does not disturb a capture either.
inline bool is_capturing(CUstream stream) {
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  return driver().cuStreamIsCapturing != nullptr && driver().cuStreamIsCapturing(stream, &status) == CUDA_SUCCESS &&
         status != CU_STREAM_CAPTURE_STATUS_NONE;
}

}  // namespace lithos::cuda::shim
