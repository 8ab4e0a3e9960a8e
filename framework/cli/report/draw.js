// SPDX-License-Identifier: Apache-2.0
// Small helpers: elements, numbers for people, colours, axes, the tip under the pointer.
L.el = function (parent, name, attributes, text) {
  const node = document.createElement(name);
  for (const key in attributes || {}) node.setAttribute(key, attributes[key]);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
};
L.section = function (id, title, lead) {
  const section = L.el(document.getElementById('sections'), 'section', { id, 'aria-labelledby': id + '-title' });
  L.el(section, 'h2', { id: id + '-title' }, title);
  L.el(section, 'p', { class: 'lead' }, lead);
  L.el(document.getElementById('contents'), 'a', { href: '#' + id }, title);
  return section;
};
L.css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
L.colour = index => `var(--s${index % 8})`;

// 1.65, 12.3, 3598, 12.3k
L.number = function (value) {
  if (!isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1e6) return (value / 1e6).toFixed(2) + 'M';
  if (size >= 1e4) return (value / 1e3).toFixed(1) + 'k';
  return size >= 100 || value === 0 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2);
};
// For axes: 60, 0.5, 12.3k
L.tick = value => Math.abs(value) >= 1e4 ? L.number(value) : String(+value.toPrecision(3));
L.percent = share => (share >= 0.99995 ? '100' : (share * 100).toFixed(share >= 0.99 ? 2 : share >= 0.1 ? 0 : 1)) + ' %';
L.time = ns => ns >= 1e9 ? L.number(ns / 1e9) + ' s' : ns >= 1e6 ? L.number(ns / 1e6) + ' ms' : L.number(ns / 1e3) + ' µs';
L.estimate = (e, format) => format(e.mean) + (e.ci95 > 0 ? ' ± ' + format(e.ci95) : '');

// A drawing area with a margin: {g, width, height}. `label` is what a screen reader says of it.
L.plot = function (parent, label, height, margin) {
  const full = Math.max(220, parent.clientWidth || 500);
  const svg = d3.select(parent).append('svg')
    .attr({ role: 'img', 'aria-label': label, viewBox: `0 0 ${full} ${height}`, height });
  const g = svg.append('g').attr('transform', `translate(${margin.left},${margin.top})`);
  return { svg, g, width: full - margin.left - margin.right, height: height - margin.top - margin.bottom };
};
L.axis = function (plot, scale, where, format, ticks) {
  const bottom = where === 'bottom';
  const axis = d3.svg.axis().scale(scale).orient(where).tickFormat(format || L.tick).tickPadding(6)
    .innerTickSize(bottom ? -plot.height : -plot.width).outerTickSize(0);
  if (Array.isArray(ticks)) axis.tickValues(ticks); else axis.ticks(ticks || 5);
  return plot.g.insert('g', ':first-child').attr('class', 'axis')
    .attr('transform', bottom ? `translate(0,${plot.height})` : null).call(axis);
};
// 1, 2, 5 in each power of ten, thinned to what fits.
L.logTicks = function (scale, most) {
  const [low, high] = scale.domain(), all = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); ++power)
    for (const digit of [1, 2, 5]) {
      const value = digit * Math.pow(10, power);
      if (value >= low * 0.999 && value <= high * 1.001) all.push(value);
    }
  const tens = all.filter(v => Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-9);
  return all.length <= most ? all : tens.length >= 2 ? tens : all.filter((v, i) => i % Math.ceil(all.length / most) === 0);
};
L.legend = function (parent, entries) {
  const list = L.el(parent, 'ul', { class: 'legend' });
  for (const entry of entries) {
    const item = L.el(list, 'li', {});
    L.el(item, 'span', { class: 'swatch', style: `background:${entry.colour}`, 'aria-hidden': 'true' });
    L.el(item, 'span', {}, entry.name);
  }
  return list;
};
// Buttons of which one is pressed; calls choose(value) at once for the first choice.
L.choices = function (parent, label, values, first, choose) {
  const box = L.el(parent, 'div', { class: 'choices', role: 'group', 'aria-label': label });
  L.el(box, 'label', {}, label);
  const press = value => {
    for (const button of box.querySelectorAll('button'))
      button.setAttribute('aria-pressed', String(button.textContent === value));
    choose(value);
  };
  if (values.length > 12) {
    const select = L.el(box, 'select', { 'aria-label': label });
    for (const value of values) L.el(select, 'option', {}, value);
    select.value = first;
    select.addEventListener('change', () => choose(select.value));
    return choose(first);
  }
  for (const value of values)
    L.el(box, 'button', { type: 'button' }, value).addEventListener('click', () => press(value));
  press(first);
};
L.tip = function (text, event) {
  const tip = document.getElementById('tip');
  tip.hidden = text === '';
  if (text === '') return;
  tip.textContent = text;
  tip.style.left = Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8) + 'px';
  tip.style.top = Math.min(event.clientY + 16, window.innerHeight - tip.offsetHeight - 8) + 'px';
};
L.withTip = function (node, text) {
  node.addEventListener('mousemove', event => L.tip(typeof text === 'function' ? text(event) : text, event));
  node.addEventListener('mouseleave', event => L.tip('', event));
};
// columns: [{title, text?: left-aligned, cell(row) → string or node, tone?(row)}]
L.table = function (parent, caption, columns, rows) {
  const table = L.el(L.el(parent, 'div', { class: 'tablebox', tabindex: '0', role: 'region', 'aria-label': caption }), 'table');
  L.el(table, 'caption', {}, caption);
  const head = L.el(L.el(table, 'thead'), 'tr'), body = L.el(table, 'tbody');
  for (const column of columns) L.el(head, 'th', { scope: 'col', class: column.text ? 'text' : '' }, column.title);
  for (const row of rows) {
    const line = L.el(body, 'tr');
    for (const column of columns) {
      const content = column.cell(row), tone = column.tone ? column.tone(row) : '';
      const cell = L.el(line, 'td', { class: [column.text ? 'text' : '', column.text || '', tone].join(' ').trim() });
      if (content instanceof Node) cell.appendChild(content); else cell.textContent = content;
    }
  }
  return table;
};
