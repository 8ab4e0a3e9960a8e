// SPDX-License-Identifier: Apache-2.0
// One set over time: TPCs at work and leased, requests open, clock, power.
L.timePanel = function (parent, timeline, title, height, series, options) {
  const box = L.el(parent, 'div', { class: 'time', 'data-panel': title });
  L.el(box, 'h3', {}, title);
  const plot = L.plot(box, title, height, { left: 46, right: 12, top: 4, bottom: options.axis ? 24 : 8 });
  const second = i => (timeline.start_ns + i * timeline.bin_ns) / 1e9;
  const x = d3.scale.linear().domain([second(0), second(timeline.bins)]).range([0, plot.width]);
  const top = options.top || d3.max(series, s => d3.max(s.values)) * 1.1 || 1;
  const y = d3.scale.linear().domain([options.floor || 0, top]).range([plot.height, 0]);
  L.axis(plot, x, 'bottom', options.axis ? v => d3.round(v, 3) + ' s' : () => '', 6);
  L.axis(plot, y, 'left', L.tick, 3);
  let base = new Array(timeline.bins).fill(0);
  for (const one of series) {
    const from = one.stacked ? base : base.map(() => options.floor || 0), to = one.values.map((v, i) => one.stacked ? base[i] + v : v);
    const step = d3.svg.area().x((v, i) => x(second(i))).y0((v, i) => y(from[Math.min(i, from.length - 1)])).y1(v => y(v)).interpolate('step-after');
    const drawn = to.concat(to[to.length - 1]);
    if (one.stacked) plot.g.append('path').attr('d', step(drawn)).style({ fill: one.colour, opacity: one.opacity || 1 });
    else plot.g.append('path').attr('d', d3.svg.line().x((v, i) => x(second(i))).y(v => y(v)).interpolate('step-after')(drawn))
      .style({ fill: 'none', stroke: one.colour, 'stroke-width': 1.6, 'stroke-dasharray': one.dashed ? '4 3' : null });
    if (one.stacked) base = to;
  }
};

L.overTime = function (parent, unit, model) {
  const timeline = unit.run.timelines[0], confined = unit.run.confined;
  const colour = t => L.colour(L.tenantIndex(model, t.name));
  const work = timeline.tenants.flatMap(t => confined
    ? [{ stacked: true, colour: colour(t), values: t.working_tpcs.map((v, i) => Math.max(0, v - t.borrowed_tpcs[i])) },
       { stacked: true, colour: colour(t), opacity: 0.5, values: t.borrowed_tpcs }]
    : [{ stacked: true, colour: colour(t), values: t.working_tpcs }]);
  L.legend(parent, timeline.tenants.flatMap(t => confined
    ? [{ name: `${t.name} on its own TPCs`, colour: colour(t) }, { name: 'on borrowed ones', colour: `color-mix(in srgb, ${colour(t)} 50%, transparent)` }]
    : [{ name: t.name, colour: colour(t) }]));
  L.timePanel(parent, timeline, 'TPCs at work', 150, work, { top: timeline.tpcs });
  if (confined)
    L.timePanel(parent, timeline, 'TPCs leased: what each may use, its own and those that are lent to it', 110,
      timeline.tenants.map(t => ({ colour: colour(t), values: t.leased_tpcs })), { top: timeline.tpcs * 1.04 });
  L.timePanel(parent, timeline, 'Requests that have arrived and are not done', 90,
    timeline.tenants.map(t => ({ colour: colour(t), values: t.open_requests })), {});
  L.timePanel(parent, timeline, 'Power, W', 80, [{ colour: 'var(--ink)', values: timeline.power_w }], {});
  L.timePanel(parent, timeline, 'SM clock, MHz', 84, [{ colour: 'var(--ink)', values: timeline.clock_mhz }], { axis: true });
};

L.timeSection = function (model) {
  const units = model.units.filter(u => u.run && u.run.timelines && u.run.timelines[0].bins > 0);
  if (!units.length) return;
  const timeline = units[0].run.timelines[0];
  const section = L.section('time', 'Leases and work over time',
    `Means over ${L.time(timeline.bin_ns)} each. A lease on somebody else's TPC holds only while its owner leaves it idle.`);
  const holder = L.el(section, 'div'), box = L.el(section, 'div');
  L.choices(holder, 'Set', L.distinct(units.map(u => u.name)), units[units.length - 1].name, name => {
    box.textContent = '';
    L.overTime(box, units.find(u => u.name === name), model);
  });
};
