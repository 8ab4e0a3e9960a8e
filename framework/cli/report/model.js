// SPDX-License-Identifier: Apache-2.0
// The result as this page needs it, whichever command made it. One unit is one set of policies at one case of one
// experiment: what it measured, with intervals where several seeds ran, and its first run in full where that is there.
'use strict';
const L = {};

L.model = function (result) {
  const units = result.format === 'lithos-bench-policies-1'
    ? result.experiments.flatMap(e => e.summary.map(s => L.summaryUnit(s, e.name, undefined)))
    : result.summary ? result.summary.map(s => L.summaryUnit(s, '', result.sets))
    : result.sets.map(L.runUnit);
  const groups = L.distinct(units.map(u => u.group));
  return {
    units, groups,
    shown: group => units.filter(u => u.group === group),
    baseline: result.baseline || '',
    tenants: L.distinct(units.flatMap(u => u.tenants.map(t => t.name))),
  };
};

L.distinct = values => Array.from(new Set(values));
L.exact = value => ({ mean: value, ci95: 0 });

L.runUnit = run => ({
  name: run.name, group: '', run, runs: [run], seeds: 1,
  goodput: L.exact(run.system_goodput), throughput: L.exact(run.system_throughput), jain: L.exact(run.jain),
  energy_j: L.exact(run.energy_j),
  tenants: run.tenants.map(t => ({
    name: t.name, critical: t.class === 'latency_critical', slo_ms: t.slo_ns / 1e6,
    p99_ms: L.exact(t.latency_ns.p99 / 1e6), slo_attainment: L.exact(t.slo_attainment),
    share_of_solo: L.exact(t.share_of_solo),
  })),
});

L.summaryUnit = function (summary, experiment, runs) {
  const label = summary.label || summary.set;
  const same = (runs || []).filter(r => r.case === summary.case && r.label === label);
  return {
    name: label, group: [experiment, summary.case].filter(Boolean).join(': '),
    run: same[0], runs: same, seeds: summary.runs,
    goodput: summary.system_goodput, throughput: summary.system_throughput, jain: summary.jain, energy_j: summary.energy_j,
    tenants: summary.tenants.map(t => ({
      name: t.name, critical: t.class === 'latency_critical', slo_ms: t.slo_ns / 1e6,
      p99_ms: t.p99_ms, slo_attainment: t.slo_attainment, share_of_solo: t.share_of_solo,
    })),
  };
};

// Latencies of one tenant over all runs of a unit: [{ms, slower: share of requests that took longer}], decreasing.
L.tail = function (unit, tenant) {
  const counts = new Map();
  for (const run of unit.runs) {
    const found = run.tenants.find(t => t.name === tenant);
    if (!found || !found.latency_histogram_ns) continue;
    const h = found.latency_histogram_ns;
    h.to.forEach((to, i) => counts.set(to, (counts.get(to) || 0) + h.count[i]));
  }
  const ends = Array.from(counts.keys()).sort((a, b) => a - b);
  const all = ends.reduce((sum, end) => sum + counts.get(end), 0);
  let left = all;
  const points = ends.map(end => { left -= counts.get(end); return { ms: end / 1e6, slower: left / all }; });
  return points.length ? [{ ms: ends[0] / 1e6 * 0.97, slower: 1 }].concat(points) : [];
};

// "0*37 9 32*3" → numbers; "=" is the row before.
L.rows = function (rows) {
  let before = [];
  return rows.map(text => {
    if (text === '=') return before;
    before = text === '' ? [] : text.split(' ').flatMap(part => {
      const [value, times] = part.split('*').map(Number);
      return new Array(times === undefined ? 1 : times).fill(value);
    });
    return before;
  });
};

// "0-41,60" → set of numbers
L.ranges = function (text) {
  const out = new Set();
  if (text) for (const part of text.split(',')) {
    const [first, last] = part.split('-').map(Number);
    for (let tpc = first; tpc <= (last === undefined ? first : last); ++tpc) out.add(tpc);
  }
  return out;
};
