// SPDX-License-Identifier: Apache-2.0
// Sets of policies side by side: one panel per measure, one row per set, whiskers for 95 % intervals.
L.measures = function (units) {
  const all = [];
  const named = name => u => u.tenants.find(t => t.name === name);
  const tenants = L.distinct(units.flatMap(u => u.tenants.map(t => t.name)));
  const critical = tenants.filter(name => units.some(u => (named(name)(u) || {}).critical));
  const alone = u => u.tenants.length < tenants.length;
  for (const name of critical.slice(0, 3)) {
    const slo = d3.max(units, u => (named(name)(u) || {}).slo_ms || 0);
    all.push({ title: `${name}: p99 latency, ms`, hint: 'less is better', log: true, mark: slo, markText: 'SLO', format: L.number,
      of: u => (named(name)(u) || {}).p99_ms });
    if (slo > 0) all.push({ title: `${name}: SLO met`, hint: 'more is better', share: true, format: L.percent,
      of: u => (named(name)(u) || {}).slo_attainment });
  }
  for (const name of tenants.filter(t => !critical.includes(t)).slice(0, 3))
    all.push({ title: `${name}: throughput, of running alone`, hint: 'more is better', share: true, format: L.percent,
      of: u => (named(name)(u) || {}).share_of_solo });
  all.push({ title: 'Goodput, in whole GPUs', hint: 'work done in time: 1 is one tenant after the other', format: L.number,
    of: u => alone(u) ? undefined : u.goodput });
  all.push({ title: 'Energy, kJ', hint: 'less is better', format: L.number,
    of: u => u.energy_j && { mean: u.energy_j.mean / 1e3, ci95: u.energy_j.ci95 / 1e3 } });
  return all.filter(m => units.some(u => m.of(u)));
};

L.measureScale = function (measure, units, width) {
  const present = units.map(measure.of).filter(Boolean);
  const low = d3.min(present, e => e.mean - e.ci95), high = d3.max(present, e => e.mean + e.ci95);
  if (measure.log) {
    const floor = Math.max(1e-3, d3.min(present, e => e.mean));
    return d3.scale.log().domain([Math.min(floor, measure.mark || floor) * 0.7, Math.max(high, measure.mark || 0) * 1.4]).range([0, width]);
  }
  return d3.scale.linear().domain([Math.min(0, low), measure.share ? Math.max(1, high) : high * 1.08 || 1]).range([0, width]);
};

L.measurePanel = function (parent, measure, units, model) {
  const box = L.el(parent, 'div', { class: 'measure', 'data-measure': measure.title });
  L.el(box, 'h3', {}, measure.title);
  L.el(box, 'p', { class: 'note' }, measure.hint);
  const row = 24, left = Math.min(150, 14 + 7 * d3.max(units, u => Math.min(u.name.length, 20)));
  const words = units.filter(measure.of).map(u => `${u.name} ${L.estimate(measure.of(u), measure.format)}`).join(', ');
  const plot = L.plot(box, `${measure.title}: ${words}`, units.length * row + 38, { left, right: 52, top: 14, bottom: 24 });
  const x = L.measureScale(measure, units, plot.width);
  L.axis(plot, x, 'bottom', measure.share ? v => Math.round(v * 100) + ' %' : L.tick, measure.log ? L.logTicks(x, 4) : 3);
  if (measure.mark) {
    plot.g.append('line').attr({ class: 'mark', x1: x(measure.mark), x2: x(measure.mark), y1: 0, y2: plot.height });
    plot.g.append('text').attr({ class: 'marktext halo', x: x(measure.mark), y: -3, 'text-anchor': 'middle' }).text(measure.markText);
  }
  units.forEach((unit, i) => {
    const y = i * row + row / 2, value = measure.of(unit);
    const name = unit.name.length > 20 ? unit.name.slice(0, 19) + '…' : unit.name;
    plot.g.append('text').attr({ x: -10, y: y + 4, 'text-anchor': 'end' }).text(name).append('title').text(unit.name);
    if (!value) return plot.g.append('text').attr({ class: 'faint', x: 4, y: y + 4 }).text('–');
    const at = x(measure.log ? Math.max(value.mean, x.domain()[0]) : value.mean), colour = unit.name === model.baseline ? 'var(--faint)' : L.colour(0);
    plot.g.append('line').attr({ class: 'rule', x1: 0, x2: at, y1: y, y2: y });
    if (value.ci95 > 0) plot.g.append('line').attr({ x1: x(Math.max(value.mean - value.ci95, x.domain()[0])), x2: x(value.mean + value.ci95), y1: y, y2: y })
      .attr('class', 'interval').style({ stroke: colour, 'stroke-width': 2 });
    plot.g.append('circle').attr({ class: 'dot', cx: at, cy: y, r: 5 }).style('fill', colour);
    const end = Math.max(at, x(value.mean + value.ci95));
    plot.g.append('text').attr({ class: 'halo', x: (value.ci95 > 0 ? end : at) + 9, y: y + 4 }).text(measure.format(value.mean));
  });
};

L.compareSection = function (model) {
  const seeds = d3.max(model.units, u => u.seeds);
  const section = L.section('compare', model.lead ? 'Compared' : 'Policies compared', model.lead || (seeds > 1
    ? `Means over ${seeds} seeds; the lines through the dots are 95 % confidence intervals.`
    : 'One run of each set: no intervals. Run with --seeds 10 to have them.'));
  const draw = group => {
    panels.textContent = '';
    const units = model.shown(group);
    for (const measure of (model.measures || L.measures)(units)) L.measurePanel(panels, measure, units, model);
  };
  const holder = L.el(section, 'div');
  const panels = L.el(section, 'div', { class: 'panels' });
  if (model.groups.length > 1) L.choices(holder, 'Case', model.groups, model.groups[0], draw); else draw(model.groups[0]);
};
