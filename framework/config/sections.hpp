// SPDX-License-Identifier: Apache-2.0
// The parts of a configuration file, one reading function each. Internal to framework/config.
//
// They check what one section can know by itself; check_references() (check.cpp) checks what needs several: names
// that must exist, names that must be unique. Both add to the same list of diagnostics and go on.
#pragma once

#include <vector>

#include "config/reference.hpp"
#include "config/table_reader.hpp"

namespace lithos {

TenantConfig read_tenant(const TomlTable& table, std::size_t index, std::vector<Diagnostic>& diagnostics);
PolicySetConfig read_policy_set(const TomlTable& table, std::size_t index, std::vector<Diagnostic>& diagnostics);
PluginConfig read_plugin(const TomlTable& table, std::size_t index, std::vector<Diagnostic>& diagnostics);
// params = { … } of a policy or plugin, as written: their types are theirs to say.
void read_params(const TomlTable& table, const std::string& path, PolicyChoice& choice,
                 std::vector<Diagnostic>& diagnostics);

// What each section's table of keys says about them.
SectionFacts root_facts();
SectionFacts run_facts();
SectionFacts transport_facts();
SectionFacts tenant_facts();
SectionFacts arrivals_facts();
SectionFacts set_facts();
SectionFacts policy_facts();
SectionFacts plugin_facts();
SectionFacts case_facts();
SectionFacts sweep_facts();
SectionFacts kernel_rule_facts();

void check_references(const Config& config, const TomlTable& root, std::vector<Diagnostic>& diagnostics);

}  // namespace lithos
