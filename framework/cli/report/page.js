// SPDX-License-Identifier: Apache-2.0
// Puts the page together. What goes wrong is shown on the page and in <html data-errors>, for tests.
L.repaint = [];

L.head = function (result, model) {
  const first = (model.units.find(u => u.run) || {}).run;
  const parts = [result.config, result.gpu && result.gpu.toUpperCase(), first && `${L.number(first.simulated_s)} s measured`,
    first && (model.units[0].seeds > 1 ? `${model.units[0].seeds} seeds from ${first.seed}` : `seed ${first.seed}`), `${model.units.length} sets of policies`].filter(Boolean);
  const title = result.config ? result.config.split('/').pop().replace(/\.toml$/, '') : 'policies';
  document.title = `LithOS report: ${title}`;
  document.getElementById('title').textContent = `LithOS report: ${title}`;
  document.getElementById('subtitle').textContent = parts.join(' · ');
  document.getElementById('made').textContent = `Made by lithos ${result.lithos_version} report. Simulated on the virtual GPU; ` +
    'what that was checked against is in docs/design/virtual-gpu.md. Drawn with D3 3.5.17.';
};

L.theme = function () {
  const root = document.documentElement, button = document.getElementById('theme');
  const dark = () => root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  const show = () => { button.setAttribute('aria-pressed', String(dark())); L.repaint.forEach(paint => paint()); };
  button.addEventListener('click', () => { root.dataset.theme = dark() ? 'light' : 'dark'; show(); });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', show);
  show();
};

L.draw = function () {
  const root = document.documentElement;
  root.dataset.errors = '';
  window.addEventListener('error', event => { root.dataset.errors += event.message + '; '; });
  const result = JSON.parse(document.getElementById('result').textContent);
  L.outcomes = JSON.parse(document.getElementById('outcomes').textContent);  // every name a launch may be counted under
  const model = L.model(result);
  L.head(result, model);
  for (const section of [L.compareSection, L.latencySection, L.mapSection, L.timeSection, L.kernelSection, L.outcomeSection, L.energySection, L.noteSection]) {
    try {
      section(model);
    } catch (error) {
      root.dataset.errors += error.message + '; ';
      L.el(document.getElementById('sections'), 'p', { class: 'bad' }, `A part of this page could not be drawn: ${error.message}`);
    }
  }
  L.theme();
  root.dataset.drawn = 'true';
};
L.draw();
