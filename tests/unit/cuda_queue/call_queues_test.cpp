// SPDX-License-Identifier: Apache-2.0
#include "cuda/queue/call_queues.hpp"

#include <gtest/gtest.h>

#include "unit/cuda_queue/fake_driver.hpp"

namespace lithos::cuda::test {
namespace {

constexpr std::uint64_t kLegacy = 0, kA = 10, kB = 11, kLoose = 12, kEvent = 77;

struct Queues : testing::Test {
  Queues() {
    for (const auto& [stream, kind] : kinds) queues.add_stream(stream, kind, CallRoute::queued);
    driver.hold(true);
  }
  QueuedCall make(CallKind kind, std::uint64_t stream, std::uint64_t object = 0) {
    QueuedCall call;
    call.kind = kind, call.stream = stream, call.object = object;
    call.words[0] = next++;
    call.words[1] = digest(nullptr, 0);
    return call;
  }
  std::size_t call(CallKind kind, std::uint64_t stream, std::uint64_t object = 0) {
    const QueuedCall made = make(kind, stream, object);
    EXPECT_EQ(queues.call(made), 0);
    return number_of(made);
  }
  void dispatch_all() {
    while (queues.dispatch()) {}
  }

  const std::map<std::uint64_t, StreamKind> kinds{{kLegacy, StreamKind::legacy},
                                                  {kA, StreamKind::blocking},
                                                  {kB, StreamKind::blocking},
                                                  {kLoose, StreamKind::non_blocking}};
  FakeDriver driver{kinds, 1};
  CallQueues queues{driver, {8, 256}};
  std::size_t next = 0;
};

TEST_F(Queues, HeldKernelsWaitAndCallsBehindThemToo) {
  const auto copy = call(CallKind::copy, kA), kernel = call(CallKind::kernel, kA), set = call(CallKind::set, kA);
  const auto elsewhere = call(CallKind::set, kB);
  dispatch_all();
  EXPECT_TRUE(driver.has(copy));
  EXPECT_FALSE(driver.has(kernel));
  EXPECT_FALSE(driver.has(set));
  EXPECT_TRUE(driver.has(elsewhere));
  queues.submit_stream(kA);
  EXPECT_TRUE(driver.has(set));
  EXPECT_EQ(queues.waiting(), 0u);
}

TEST_F(Queues, SubmittingAStreamSubmitsWhatItWaitsFor) {
  const auto kernel = call(CallKind::kernel, kA), record = call(CallKind::record, kA, kEvent),
             behind = call(CallKind::kernel, kA);
  const auto wait = call(CallKind::wait, kLoose, kEvent), last = call(CallKind::kernel, kLoose);
  queues.submit_stream(kLoose);
  for (const auto n : {kernel, record, wait, last}) EXPECT_TRUE(driver.has(n)) << n;
  EXPECT_FALSE(driver.has(behind));  // nothing needs it
}

TEST_F(Queues, AWaitNeverOvertakesItsRecordNorALaterOneTheWait) {
  const auto kernel = call(CallKind::kernel, kA), first = call(CallKind::record, kA, kEvent);
  const auto held = call(CallKind::kernel, kLoose), wait = call(CallKind::wait, kLoose, kEvent);
  const auto again = call(CallKind::record, kB, kEvent);
  dispatch_all();
  EXPECT_FALSE(driver.has(again));  // would change what the wait means
  queues.submit_stream(kA);
  dispatch_all();
  EXPECT_TRUE(driver.has(first));
  EXPECT_FALSE(driver.has(again));
  queues.submit_event(kEvent);
  for (const auto n : {kernel, held, wait, again}) EXPECT_TRUE(driver.has(n)) << n;
}

TEST_F(Queues, AQueryFindsItsRecord) {
  call(CallKind::kernel, kA);
  const auto record = call(CallKind::record, kA, kEvent);
  queues.submit_event(kEvent);
  EXPECT_TRUE(driver.has(record));
}

TEST_F(Queues, TheLegacyStreamKeepsItsPlaceAmongBlockingStreams) {
  const auto before = call(CallKind::kernel, kA), legacy = call(CallKind::set, kLegacy),
             after = call(CallKind::set, kB);
  const auto loose = call(CallKind::set, kLoose);
  dispatch_all();
  EXPECT_TRUE(driver.has(loose));
  for (const auto n : {before, legacy, after}) EXPECT_FALSE(driver.has(n)) << n;
  queues.submit_stream(kB);
  for (const auto n : {before, legacy, after}) EXPECT_TRUE(driver.has(n)) << n;
  driver.expect_as_if_direct();
}

TEST_F(Queues, AFullQueueIsSubmittedNotWaitedFor) {
  for (int i = 0; i < 100; ++i) call(CallKind::kernel, kA);
  EXPECT_LE(queues.waiting(), 8u);
  EXPECT_GE(driver.submitted().count(), 92u);
}

TEST_F(Queues, WhoeverIsPatientLetsTheDriverSayWhenButNotForEver) {
  CallQueues patient(driver, {8, 256, std::chrono::milliseconds{20}});
  patient.add_stream(kA, StreamKind::non_blocking, CallRoute::queued);
  const QueuedCall kernel = make(CallKind::kernel, kA);
  EXPECT_EQ(patient.call(kernel), 0);
  const auto begin = std::chrono::steady_clock::now();
  patient.submit_stream(kA, Haste::patient);  // the driver holds it: in the end it goes all the same
  EXPECT_TRUE(driver.has(number_of(kernel)));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds{20});
}

TEST_F(Queues, WhatFollowsOnABlockingStreamFindsTheLegacyOneSubmitted) {
  const auto legacy = call(CallKind::kernel, kLegacy), loose = call(CallKind::kernel, kLoose);
  EXPECT_FALSE(queues.is_clear(kA));
  EXPECT_FALSE(queues.waits(kA));
  queues.submit_stream(kA);
  EXPECT_TRUE(driver.has(legacy));
  EXPECT_FALSE(driver.has(loose));
  EXPECT_TRUE(queues.is_clear(kA));
}

TEST_F(Queues, ACallIsClearOfWhatNeitherItsStreamNorItsEventKnows) {
  call(CallKind::kernel, kA);
  EXPECT_TRUE(queues.is_clear(kB));
  EXPECT_TRUE(queues.is_clear(kLoose));
  EXPECT_FALSE(queues.is_clear(kA));
  EXPECT_FALSE(queues.is_clear(kLegacy));
  call(CallKind::record, kA, kEvent);
  EXPECT_TRUE(queues.record_waits(kEvent));
  EXPECT_FALSE(queues.is_clear(kLoose, kEvent));
  EXPECT_TRUE(queues.is_clear(kLoose, kEvent + 1));
  queues.submit_event(kEvent);
  EXPECT_FALSE(queues.record_waits(kEvent));
}

TEST_F(Queues, AFailureCanBeAskedForOnce) {
  const QueuedCall bad = make(CallKind::kernel, kA);
  driver.fail(number_of(bad), 700);
  EXPECT_EQ(queues.call(bad), 0);
  EXPECT_FALSE(queues.has_failures());
  queues.submit_stream(kA);
  EXPECT_TRUE(queues.has_failures());
  EXPECT_EQ(queues.take_failure(kB), 0);
  EXPECT_EQ(queues.take_failure(kA), 700);
  EXPECT_EQ(queues.take_failure(kA), 0);
  EXPECT_FALSE(queues.has_failures());
}

TEST_F(Queues, TheFirstLaunchGoesThroughWithItsOwnCode) {
  call(CallKind::kernel, kA);
  const QueuedCall first = make(CallKind::kernel, kA);
  driver.fail(number_of(first), 98);
  EXPECT_EQ(queues.call(first, {}, true), 98);
  EXPECT_EQ(driver.submitted().count(), 2u);
}

TEST_F(Queues, AFailureIsToldOnceByALaterCallOfItsStream) {
  const QueuedCall bad = make(CallKind::kernel, kA);
  driver.fail(number_of(bad), 700);
  EXPECT_EQ(queues.call(bad), 0);
  queues.submit_stream(kA);
  EXPECT_EQ(queues.call(make(CallKind::set, kB)), 0);
  EXPECT_EQ(queues.call(make(CallKind::set, kA)), 700);
  EXPECT_EQ(queues.call(make(CallKind::set, kA)), 0);
}

TEST_F(Queues, RoutesChangeOnlyOnAnEmptyQueue) {
  call(CallKind::kernel, kA);
  queues.set_route(kA, CallRoute::through);
  const auto still_queued = call(CallKind::kernel, kA);
  EXPECT_FALSE(driver.has(still_queued));
  queues.submit_stream(kA);
  const auto through = call(CallKind::kernel, kA);
  EXPECT_TRUE(driver.has(through));
  queues.set_route(kA, CallRoute::queued);
  EXPECT_FALSE(driver.has(call(CallKind::kernel, kA)));
}

TEST_F(Queues, ACallThroughAnEmptyStreamStillWaitsForItsEvent) {
  queues.set_route(kB, CallRoute::through);
  const auto kernel = call(CallKind::kernel, kA), record = call(CallKind::record, kA, kEvent);
  const auto wait = call(CallKind::wait, kB, kEvent);
  for (const auto n : {kernel, record, wait}) EXPECT_TRUE(driver.has(n)) << n;
}

TEST_F(Queues, ARemovedStreamIsSubmittedFirst) {
  const auto kernel = call(CallKind::kernel, kA);
  queues.remove_stream(kA);
  EXPECT_TRUE(driver.has(kernel));
  call(CallKind::kernel, kB);
  const auto unknown = call(CallKind::kernel, kA);  // its handle means nothing to us any more
  EXPECT_TRUE(driver.has(unknown));
  EXPECT_EQ(queues.waiting(), 0u);
}

TEST_F(Queues, LargeArgumentsGoThrough) {
  std::vector<std::byte> large(1000, std::byte{5});
  QueuedCall launch = make(CallKind::kernel, kA);
  launch.words[1] = digest(large.data(), large.size());
  EXPECT_EQ(queues.call(launch, {{large.data(), large.size()}, nullptr, nullptr}), 0);
  EXPECT_TRUE(driver.has(number_of(launch)));
}

}  // namespace
}  // namespace lithos::cuda::test
