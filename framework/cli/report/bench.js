// SPDX-License-Identifier: Apache-2.0
// Results of the other benchmarks: programs side by side on a GPU (`lithos bench colocate`), predictors, and what right-sizing
// and clocks save. Each is made into units and measures as those of a simulation are, and drawn by the same panels.

// One value over many parts, each with its weight; undefined: there was none.
L.weighted = function (parts) {
  const weight = d3.sum(parts, p => p.weight);
  return weight > 0 ? L.exact(d3.sum(parts, p => p.value * p.weight) / weight) : undefined;
};

L.benchModel = function (units, more) {
  const groups = L.distinct(units.map(u => u.group));
  return Object.assign({ units, groups, shown: group => units.filter(u => u.group === group), baseline: '', tenants: [] }, more);
};

// ---- bench colocate: one unit is one way of sharing the GPU at one rate of the tenant whose latency counts -------------
L.colocateModel = function (result) {
  const told = ['way', 'rate', 'set_was', 'lithosd'];
  const tenants = row => Object.keys(row).filter(key => !told.includes(key) && row[key] !== null && typeof row[key] === 'object');
  const rows = result.rows.filter(row => row.rate !== undefined);
  const units = rows.map(row => ({ name: row.way, group: `${row.rate} requests/s`, rate: row.rate, seeds: 1, row, tenants: [] }));
  const names = L.distinct(rows.flatMap(tenants));
  const served = names.filter(name => rows.some(row => (row[name] || {}).latency_ms));
  const model = L.benchModel(units, {
    title: `${names.map(name => name + ((result.models || {})[name] ? ' ' + result.models[name] : '')).join(' beside ')}`,
    parts: [result.gpu, `driver ${result.driver}`, result.seconds && `${result.seconds} s each`, result.date],
    made: `Measured on ${result.gpu} by: ${result.command}`,
    lead: 'Latency counts from the moment a request arrives. “Of running alone”: iterations per second, of what the tenant does with the GPU to itself.',
    leader: served.includes(result.leader) ? result.leader : served[0],
    measures: () => served.flatMap(name => L.servedMeasures(name, rows)).concat(names.filter(name => !served.includes(name)).map(L.workMeasure)),
    sections: [L.compareSection, L.rateSection, L.colocateTable],
  });
  return model;
};

L.servedMeasures = function (name, rows) {
  const of = value => u => u.row[name] && u.row[name].latency_ms ? L.exact(value(u.row[name])) : undefined;
  const slo = d3.max(rows, row => (row[name] || {}).slo_ms || 0);
  return [
    { title: `${name}: p99 latency, ms`, hint: 'less is better', log: true, mark: slo, markText: 'SLO', format: L.number, of: of(t => t.latency_ms.p99) },
    { title: `${name}: p50 latency, ms`, hint: 'less is better', log: true, format: L.number, of: of(t => t.latency_ms.p50) },
    { title: `${name}: SLO met`, hint: 'more is better', share: true, format: L.percent, of: of(t => t.slo_met) },
  ];
};
L.workMeasure = name => ({
  title: `${name}: throughput, of running alone`, hint: 'more is better', share: true, format: L.percent,
  of: u => u.row[name] && u.row[name].of_solo !== undefined ? L.exact(u.row[name].of_solo) : undefined,
});

// Latency against rate, a line for each way; with one rate the panels above say it all.
L.rateSection = function (model) {
  const rates = L.distinct(model.units.map(u => u.rate)).sort((a, b) => a - b), leader = model.leader;
  if (rates.length < 2 || leader === undefined) return;
  const section = L.section('rates', 'Latency against rate', `p99 of ${leader}, by how many requests arrive in a second; both ends of a line are measured, what lies between is not.`);
  const ways = L.distinct(model.units.map(u => u.name)).map((name, i) => ({
    name, colour: L.colour(i),
    points: model.units.filter(u => u.name === name && (u.row[leader] || {}).latency_ms).map(u => ({ rate: u.rate, ms: u.row[leader].latency_ms.p99 })).sort((a, b) => a.rate - b.rate),
  })).filter(way => way.points.length > 0);
  L.legend(section, ways);
  const all = ways.flatMap(way => way.points.map(p => p.ms));
  const words = ways.map(way => `${way.name} ${way.points.map(p => `${L.number(p.ms)} ms at ${p.rate}/s`).join(', ')}`).join('; ');
  const plot = L.plot(section, `p99 latency against rate: ${words}`, 300, { left: 60, right: 30, top: 10, bottom: 40 });
  const x = d3.scale.linear().domain([0, d3.max(rates) * 1.05]).range([0, plot.width]);
  const y = d3.scale.log().domain([d3.min(all) * 0.8, d3.max(all) * 1.25]).range([plot.height, 0]);
  L.axis(plot, x, 'bottom', v => `${L.tick(v)}/s`, rates);
  L.axis(plot, y, 'left', v => `${L.tick(v)} ms`, L.logTicks(y, 6));
  const line = d3.svg.line().x(p => x(p.rate)).y(p => y(p.ms));
  for (const way of ways) {
    plot.g.append('path').attr({ class: 'rate', d: line(way.points), fill: 'none', 'stroke-width': 2 }).style('stroke', way.colour);
    for (const p of way.points) plot.g.append('circle').attr({ class: 'dot', cx: x(p.rate), cy: y(p.ms), r: 4 }).style('fill', way.colour);
  }
};

L.colocateTable = function (model) {
  const section = L.section('rows', 'All that was measured', 'One line per way and rate.');
  L.table(section, 'Ways and rates', [
    { title: 'way', text: 'name', cell: u => u.name },
    { title: 'requests/s', cell: u => L.number(u.rate) },
  ].concat(model.measures().map(m => ({ title: m.title, cell: u => m.of(u) ? m.format(m.of(u).mean) : '–' }))), model.units);
};

// ---- bench predict: one unit is one predictor, one group what it had seen before it was asked ---------------------------
L.predictModel = function (result) {
  const units = result.results.map(r => ({
    name: r.predictor.split('.').pop() + (r.ordinals ? '' : ', without ordinals'), group: `seen on ${r.seen_tpcs.join(', ')} TPCs`,
    seeds: 1, tenants: [], traces: r.traces,
  }));
  const scores = (u, critical) => u.traces.filter(t => critical === undefined || t.latency_critical === critical).flatMap(t => t.by_tpcs);
  const over = (value, weight, critical) => u => L.weighted(scores(u, critical).map(s => ({ value: s[value], weight: s[weight] })));
  const share = (title, of) => ({ title, hint: 'less is better', format: L.percent, of });
  return L.benchModel(units, {
    title: 'predictors', parts: [`${L.distinct(result.results.map(r => r.predictor)).length} predictors`, `${d3.max(units, u => u.traces.length)} recorded workloads`],
    made: 'Made of recorded kernels (configs/traces) by lithos bench predict; what it says is in docs/design/prediction.md.',
    lead: 'Over all workloads and TPC counts; errors are weighted by time, shares by launches.',
    measures: () => [
      share('Error of p50, operators of 20 µs and more', over('error_20us', 'ns_20us')),
      share('Off by more than max(50 µs, 10 %), latency-critical', over('mispredicted', 'launches', true)),
      share('Off by more than max(50 µs, 10 %), others', over('mispredicted', 'launches', false)),
      share('Launches above the predicted p99', over('above_p99', 'launches')),
    ],
    sections: [L.compareSection],
  });
};

// ---- bench rightsize and bench dvfs: one unit is one set of policies, one group a case ----------------------------------
L.savingsModel = function (result) {
  const units = result.rows.map(row => ({ name: row.set, group: row.case || 'all cases', seeds: d3.max(Object.keys(row), key => (row[key] || {}).ci95 || 0) > 0 ? 2 : 1, tenants: [], row }));
  const of = (key, title, hint) => ({ title, hint, format: L.percent, of: u => u.row[key] });
  const all = [
    of('capacity_saved', 'Capacity saved', 'more is better'), of('energy_saved', 'Energy saved', 'more is better'),
    of('p99_change', 'p99 latency, change', 'less is better'), of('p50_change', 'p50 latency, change', 'less is better'),
    of('throughput_change', 'Throughput, change', 'more is better'),
    { title: 'Slowdown over any 10 s, at most', hint: 'against the highest clock', format: L.number, of: u => u.row.worst_slip_10s },
  ];
  return L.benchModel(units, {
    title: (result.file || 'savings').split('/').pop().replace(/\.toml$/, ''),
    parts: [result.file, `against ${result.baseline}`],
    made: 'Simulated on the virtual GPU; what that was checked against is in docs/design/virtual-gpu.md, what this says in docs/design/prediction.md.',
    lead: `Against ${result.baseline}; the lines through the dots are 95 % confidence intervals, where several seeds ran.`,
    measures: shown => all.filter(m => shown.some(u => m.of(u) && m.of(u).mean !== 0)),
    sections: [L.compareSection],
  });
};

L.models = {
  'lithos-bench-predict-1': L.predictModel, 'lithos-bench-savings-1': L.savingsModel, colocate: L.colocateModel,
};
