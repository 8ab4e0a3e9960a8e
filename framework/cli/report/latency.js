// SPDX-License-Identifier: Apache-2.0
// The whole distribution of latencies, tail first: which share of requests took longer than so many milliseconds.
L.latencyPlot = function (parent, units, tenant) {
  const lines = units.map((unit, i) => ({ unit, i, points: L.tail(unit, tenant) })).filter(l => l.points.length);
  if (!lines.length) return;
  const slo = d3.max(units, u => (u.tenants.find(t => t.name === tenant) || {}).slo_ms || 0);
  const plot = L.plot(parent, `Share of ${tenant}'s requests slower than a time, by set`, 330, { left: 58, right: 130, top: 26, bottom: 42 });
  const all = lines.flatMap(l => l.points), floor = d3.min(all, p => p.slower > 0 ? p.slower : 1);
  const x = d3.scale.log().domain([d3.min(all, p => p.ms), d3.max(all, p => p.ms) * 1.05]).range([0, plot.width]);
  const y = d3.scale.log().domain([Math.min(floor, 0.005) * 0.7, 1]).range([plot.height, 0]).clamp(true);
  L.axis(plot, x, 'bottom', L.tick, L.logTicks(x, 10));
  L.axis(plot, y, 'left', v => (v * 100 >= 1 ? v * 100 : d3.round(v * 100, 3)) + ' %', [1, 0.5, 0.1, 0.01, 0.001, 1e-4].filter(v => v >= y.domain()[0]));
  plot.g.append('text').attr({ class: 'faint', x: plot.width, y: plot.height + 36, 'text-anchor': 'end' }).text('latency, ms');
  plot.g.append('text').attr({ class: 'faint', x: -46, y: -12 }).text('requests that took longer');
  if (slo >= x.domain()[0] && slo <= x.domain()[1]) {
    plot.g.append('line').attr({ class: 'mark', x1: x(slo), x2: x(slo), y1: 0, y2: plot.height });
    plot.g.append('text').attr({ class: 'marktext halo', x: x(slo) + 4, y: 12 }).text(`SLO ${L.number(slo)} ms`);
  }
  L.latencyLines(plot, lines, x, y);
};

L.latencyLines = function (plot, lines, x, y) {
  const path = d3.svg.line().x(p => x(p.ms)).y(p => y(Math.max(p.slower, y.domain()[0])));
  const ends = lines.map(line => ({ line, y: 0 }));
  lines.forEach((line, k) => {
    const seen = line.points.filter(p => p.slower > 0);
    const last = seen[seen.length - 1];
    plot.g.append('path').attr({ d: path(seen), class: 'tail', 'data-set': line.unit.name })
      .style({ fill: 'none', stroke: L.colour(line.i), 'stroke-width': 2, 'stroke-dasharray': line.i >= 8 ? '5 3' : null });
    ends[k].y = y(last.slower) + 4;
    ends[k].x = x(last.ms) + 6;
  });
  // Labels at the ends of the lines, pushed apart where they would cover each other.
  ends.sort((a, b) => a.y - b.y);
  for (let i = ends.length - 2; i >= 0; --i)
    if (ends[i + 1].y - ends[i].y < 14 && Math.abs(ends[i + 1].x - ends[i].x) < 110) ends[i].y = ends[i + 1].y - 14;
  for (const end of ends)
    plot.g.append('text').attr({ class: 'halo', x: Math.min(end.x, plot.width + 8), y: end.y })
      .style({ fill: L.colour(end.line.i), 'font-weight': 600 }).text(end.line.unit.name);
};

L.latencySection = function (model) {
  const tenants = model.tenants.filter(t => model.units.some(u => L.tail(u, t).length));
  if (!tenants.length) return;
  const section = L.section('latency', 'Latency', 'Which share of requests took longer than so many milliseconds, on logarithmic axes: ' +
    'the lower a line at the SLO, the fewer requests missed it. From histograms with buckets of 3 %.');
  const holder = L.el(section, 'div');
  const box = L.el(section, 'div');
  let tenant = tenants[0], group = model.groups[0];
  const draw = () => { box.textContent = ''; L.latencyPlot(box, model.shown(group), tenant); };
  if (model.groups.length > 1) L.choices(holder, 'Case', model.groups, group, value => { group = value; draw(); });
  L.choices(holder, 'Tenant', tenants, tenant, value => { tenant = value; draw(); });
};
