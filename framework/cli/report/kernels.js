// SPDX-License-Identifier: Apache-2.0
// Where the TPC time went and what was decided about each kernel; how launches ran; energy; what was noted.
L.kernelTable = function (parent, unit, model) {
  const rows = unit.run.tenants.flatMap(t => (t.operators || []).filter(o => !o.graph && o.ns > 0).map(o => ({ t, o })));
  const all = d3.sum(rows, r => r.o.tpc_ns);
  rows.sort((a, b) => b.o.tpc_ns - a.o.tpc_ns);
  const shown = rows.slice(0, 20);
  const bar = r => {
    const box = L.el(null, 'span');
    L.el(box, 'span', { class: 'bar', style: `width:${Math.max(1, 90 * r.o.tpc_ns / shown[0].o.tpc_ns)}px;background:${L.colour(L.tenantIndex(model, r.t.name))}` });
    L.el(box, 'span', {}, L.percent(r.o.tpc_ns / all));
    return box;
  };
  const name = r => L.el(null, 'span', { title: r.o.name }, r.o.name || '(no name)');
  L.table(parent, `${shown.length} of ${rows.length} kernels, by TPC time`, [
    { title: 'tenant', text: 'text', cell: r => r.t.name }, { title: 'kernel', text: 'wide', cell: name },
    { title: 'of all TPC time', text: 'text', cell: bar }, { title: 'blocks', cell: r => L.number(r.o.blocks) },
    { title: 'whole', cell: r => L.number(r.o.launches) }, { title: 'atoms', cell: r => L.number(r.o.atoms) },
    { title: 'mean', cell: r => L.time(r.o.ns / (r.o.launches + r.o.atoms)) }, { title: 'TPCs', cell: r => L.number(r.o.tpc_ns / r.o.ns) },
    { title: 'wanted', cell: r => r.o.wanted_tpcs ? String(r.o.wanted_tpcs) : 'all' },
    { title: 'predicted', cell: r => r.o.predicted_ns ? L.time(r.o.predicted_ns) : '–' },
  ], shown);
};

L.kernelSection = function (model) {
  const units = model.units.filter(u => u.run && u.run.tenants.some(t => (t.operators || []).length));
  if (!units.length) return;
  const section = L.section('kernels', 'Kernels by cost and decision',
    'TPCs: on how many it ran, on average over its time. Wanted: what the right-sizer asked for. Predicted: a whole launch on the whole GPU.');
  const holder = L.el(section, 'div'), box = L.el(section, 'div');
  L.choices(holder, 'Set', L.distinct(units.map(u => u.name)), units[units.length - 1].name, name => {
    box.textContent = '';
    L.kernelTable(box, units.find(u => u.name === name), model);
  });
};

L.outcomeSection = function (model) {
  const rows = model.units.filter(u => u.run).flatMap(u => u.run.tenants.map(t => ({ u, t }))).slice(0, 60);
  if (!rows.length) return;
  const seen = L.outcomes.filter(o => rows.some(r => r.t.launches[o]));
  const section = L.section('launches', 'How launches ran', 'Every launch is counted, with the reason why it ran as it did.');
  L.legend(section, seen.map((o, i) => ({ name: o.replace(/_/g, ' '), colour: L.colour(i) })));
  const stack = r => {
    const all = d3.sum(seen, o => r.t.launches[o] || 0) || 1, words = seen.filter(o => r.t.launches[o]).map(o => `${o.replace(/_/g, ' ')} ${L.percent(r.t.launches[o] / all)}`);
    const box = L.el(null, 'div', { class: 'stack', role: 'img', 'aria-label': words.join(', ') });
    seen.forEach((o, i) => L.el(box, 'span', { style: `width:${100 * (r.t.launches[o] || 0) / all}%;background:${L.colour(i)}` }));
    L.withTip(box, words.join('\n'));
    return box;
  };
  L.table(section, 'Outcomes by set and tenant', [
    { title: 'set', text: 'text', cell: r => (r.u.group ? r.u.group + ': ' : '') + r.u.name }, { title: 'tenant', text: 'text', cell: r => r.t.name },
    { title: 'launches', cell: r => L.number(d3.sum(L.outcomes, o => r.t.launches[o] || 0)) }, { title: 'outcomes', text: 'text', cell: stack },
    { title: 'covered', cell: r => L.percent(r.t.covered_share) }, { title: 'atoms', cell: r => L.number(r.t.atoms) },
    { title: 'mispredicted', cell: r => L.number(r.t.mispredicted) },
  ], rows);
};

L.energySection = function (model) {
  const rows = model.units.filter(u => u.run).slice(0, 60);
  if (!rows.length) return;
  const section = L.section('energy', 'Energy', 'Per work: joules for what one tenant alone on the whole GPU does in one second, so that sets that did more can be compared.');
  const per = u => u.run.energy_j / (u.run.system_throughput * u.run.simulated_s), most = d3.max(rows, u => isFinite(per(u)) ? per(u) : 0);
  const bar = u => {
    const box = L.el(null, 'span');
    L.el(box, 'span', { class: 'bar', style: `width:${isFinite(per(u)) ? 160 * per(u) / most : 0}px;background:${L.colour(0)}` });
    L.el(box, 'span', {}, L.number(per(u)) + ' J');
    return box;
  };
  L.table(section, 'Energy by set', [
    { title: 'set', text: 'text', cell: u => (u.group ? u.group + ': ' : '') + u.name }, { title: 'energy per work', text: 'text', cell: bar },
    { title: 'energy', cell: u => L.number(u.run.energy_j / 1e3) + ' kJ' }, { title: 'mean power', cell: u => L.number(u.run.mean_power_w) + ' W' },
    { title: 'mean clock', cell: u => L.number(u.run.mean_clock_mhz) + ' MHz' }, { title: 'TPCs busy', cell: u => L.percent(u.run.tpc_utilisation) },
  ], rows);
};

L.noteSection = function (model) {
  const units = model.units.filter(u => u.run).slice(0, 60);
  if (!units.length) return;
  const section = L.section('notes', 'Policies and notes', 'Which policies took part, what they did wrong, and what to be careful about in these results.');
  L.table(section, 'Policies by set', [
    { title: 'set', text: 'text', cell: u => (u.group ? u.group + ': ' : '') + u.name },
    { title: 'policies', text: 'text', cell: u => u.run.policies.map(p => `${p.kind.replace('_', '-')} ${p.id.split('.').pop()} ${p.version}`).join(' · ') },
    { title: 'decisions', cell: u => L.number(u.run.decisions) }, { title: 'repaired', cell: u => L.number(u.run.repaired_leases) },
    { title: 'faults', cell: u => L.number(d3.sum(u.run.faults, f => f.count)), tone: u => u.run.faults.length ? 'bad' : '' },
  ], units);
  const list = L.el(section, 'ul', { class: 'note' });
  for (const unit of units) {
    for (const warning of unit.run.warnings) L.el(list, 'li', {}, `${unit.name}: ${warning}`);
    for (const fault of unit.run.faults) L.el(list, 'li', {}, `${unit.name}: ${fault.kind}: ${fault.reason} ×${fault.count} ${fault.last_message}`);
  }
  if (!list.children.length) list.remove();
};
