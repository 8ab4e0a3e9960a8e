// SPDX-License-Identifier: Apache-2.0
// Puts the page together. What goes wrong is shown on the page and in <html data-errors>, for tests.
L.repaint = [];

// What a simulation's result says of itself; other benchmarks' models bring their own (bench.js).
L.simulationAbout = function (result, model) {
  const first = (model.units.find(u => u.run) || {}).run;
  return {
    title: result.config ? result.config.split('/').pop().replace(/\.toml$/, '') : 'policies',
    parts: [result.config, result.gpu && result.gpu.toUpperCase(), first && `${L.number(first.simulated_s)} s measured`,
      first && (model.units[0].seeds > 1 ? `${model.units[0].seeds} seeds from ${first.seed}` : `seed ${first.seed}`), `${model.units.length} sets of policies`],
    made: `Made by lithos ${result.lithos_version} report. Simulated on the virtual GPU; what that was checked against is in docs/design/virtual-gpu.md.`,
  };
};
L.simulationSections = () => [L.compareSection, L.latencySection, L.mapSection, L.timeSection, L.kernelSection, L.outcomeSection, L.energySection, L.noteSection];

L.head = function (about) {
  document.title = `LithOS report: ${about.title}`;
  document.getElementById('title').textContent = `LithOS report: ${about.title}`;
  document.getElementById('subtitle').textContent = about.parts.filter(Boolean).join(' · ');
  document.getElementById('made').textContent = `${about.made} Drawn with D3 3.5.17.`;
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
  const bench = L.models[result.format || result.experiment];
  const model = (bench || L.model)(result);
  L.head(bench ? model : L.simulationAbout(result, model));
  for (const section of model.sections || L.simulationSections()) {
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
