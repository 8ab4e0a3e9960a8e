// SPDX-License-Identifier: Apache-2.0
// Who worked on which TPC when: one picture per set for the whole run, one for a few milliseconds of it.
L.rgb = function (name) {
  const c = d3.rgb(L.css(name));
  return [c.r, c.g, c.b];
};
L.tenantIndex = (model, name) => Math.max(0, model.tenants.indexOf(name));

// One pixel per TPC and bin; where tenants share it their colours mix.
L.paintMap = function (canvas, timeline, model) {
  const tables = timeline.tenants.map(t => L.rows(t.working_rows));
  const inks = timeline.tenants.map(t => L.rgb(`--s${L.tenantIndex(model, t.name) % 8}`)), idle = L.rgb('--idle');
  canvas.width = timeline.bins;
  canvas.height = timeline.tpcs;
  const context = canvas.getContext('2d'), image = context.createImageData(timeline.bins, timeline.tpcs);
  for (let tpc = 0; tpc < timeline.tpcs; ++tpc)
    for (let bin = 0; bin < timeline.bins; ++bin) {
      const shares = tables.map(rows => rows[tpc][bin] / timeline.samples_per_bin);
      const sum = d3.sum(shares), rest = Math.max(0, 1 - sum), scale = sum > 1 ? 1 / sum : 1, at = 4 * (tpc * timeline.bins + bin);
      for (let c = 0; c < 3; ++c)
        image.data[at + c] = rest * idle[c] + d3.sum(shares, (share, i) => share * scale * inks[i][c]);
      image.data[at + 3] = 255;
    }
  context.putImageData(image, 0, 0);
  return tables;
};

L.paintOwners = function (canvas, run, tpcs, model) {
  canvas.width = 1;
  canvas.height = tpcs;
  const context = canvas.getContext('2d');
  context.fillStyle = L.css('--line');
  context.fillRect(0, 0, 1, tpcs);
  for (const tenant of run.tenants) {
    context.fillStyle = L.css(`--s${L.tenantIndex(model, tenant.name) % 8}`);
    for (const tpc of L.ranges(tenant.own_tpcs)) context.fillRect(0, tpc, 1, 1);
  }
};

L.oneMap = function (parent, run, timeline, model) {
  const box = L.el(parent, 'div', { class: 'map' });
  const owners = L.el(box, 'canvas', { 'aria-hidden': 'true' });
  const words = timeline.tenants.map(t => `${t.name} worked on ${L.number(d3.mean(t.working_tpcs) || 0)} TPCs on average`).join(', ');
  const canvas = L.el(box, 'canvas', { role: 'img', class: 'tpcs', 'data-bins': timeline.bins, 'data-tpcs': timeline.tpcs,
    'aria-label': `${run.name}, TPCs over ${L.time(timeline.bins * timeline.bin_ns)}: ${words}` });
  let tables;
  const paint = () => { tables = L.paintMap(canvas, timeline, model); L.paintOwners(owners, run, timeline.tpcs, model); };
  paint();
  L.repaint.push(paint);
  L.withTip(canvas, event => {
    const area = canvas.getBoundingClientRect();
    const bin = Math.min(timeline.bins - 1, Math.floor((event.clientX - area.left) / area.width * timeline.bins));
    const tpc = Math.min(timeline.tpcs - 1, Math.floor((event.clientY - area.top) / area.height * timeline.tpcs));
    const owner = run.tenants.find(t => L.ranges(t.own_tpcs).has(tpc));
    const shares = timeline.tenants.map((t, i) => `${t.name} ${L.percent(tables[i][tpc][bin] / timeline.samples_per_bin)}`);
    return `TPC ${tpc}${owner ? `, owned by ${owner.name}` : ''}\n${L.time(timeline.start_ns + bin * timeline.bin_ns)}: ${shares.join(', ')}`;
  });
};

L.mapAxis = function (parent, timeline) {
  const plot = L.plot(parent, '', 22, { left: 7, right: 0, top: 0, bottom: 22 });
  plot.svg.attr({ role: null, 'aria-label': null, 'aria-hidden': 'true' });
  const length = timeline.bins * timeline.bin_ns, unit = length >= 1e9 ? 1e9 : 1e6;
  const x = d3.scale.linear().domain([timeline.start_ns / unit, (timeline.start_ns + length) / unit]).range([0, plot.width]);
  L.axis(plot, x, 'bottom', v => d3.round(v, 3) + (unit === 1e9 ? ' s' : ' ms'), 5);
};

L.mapSection = function (model) {
  const units = model.units.filter(u => u.run && u.run.timelines && u.run.timelines.every(t => t.bins > 0)).slice(0, 16);
  if (!units.length) return;
  const [whole, close] = units[0].run.timelines;
  const section = L.section('map', 'Who worked on which TPC', `Each picture has TPC 0 at the top and time to the right: left the whole run, right ` +
    `${L.time(close.bins * close.bin_ns)} of it, in which single launches can be told apart. The strip at the left edge of a picture says who owns the TPC.`);
  L.legend(section, model.tenants.map((name, i) => ({ name, colour: L.colour(i) })).concat([{ name: 'idle', colour: 'var(--idle)' }]));
  const grid = L.el(section, 'div', { class: 'maps' });
  for (const unit of units) {
    const name = L.el(grid, 'div', { class: 'name' }, unit.name);
    L.el(name, 'span', {}, `${L.percent(unit.run.tpc_utilisation)} busy`);
    for (const timeline of unit.run.timelines) L.oneMap(grid, unit.run, timeline, model);
  }
  L.el(grid, 'div');
  L.mapAxis(L.el(grid, 'div'), whole);
  L.mapAxis(L.el(grid, 'div'), close);
};
