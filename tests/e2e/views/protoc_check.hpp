// SPDX-License-Identifier: Apache-2.0
// A timeline in the eyes of somebody else: protoc, Protocol Buffers' own program, decodes it by a schema of Perfetto's
// public numbers (perfetto_trace.proto), and what it prints is held against the rules of that format. Shares no line with
// what LithOS writes and reads timelines with.
#pragma once

#include <string>
#include <vector>

namespace lithos::testing {

bool has_protoc();
// What is wrong with the file, the first few of each kind; empty: nothing. `events`: how many track events it has.
std::vector<std::string> wrong_with_trace(const std::string& file, std::size_t& events);
// Makes a trace of text as protoc prints it. False: protoc refuses it.
bool encode_trace(const std::string& text_file, const std::string& file);

}  // namespace lithos::testing
