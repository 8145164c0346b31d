// Draws what the collector sums up.
const $ = (id) => document.getElementById(id);
const ms = (v) => (v >= 1000 ? `${(v / 1000).toFixed(2)} s` : `${v >= 10 ? Math.round(v) : v.toPrecision(2)} ms`);

/** @param {HTMLElement} body @param {(string | Element)[][]} rows @param {(i: number) => boolean} [much] */
function fill(body, rows, much = () => false) {
  body.replaceChildren(...rows.map((cells, i) => {
    const row = document.createElement('tr');
    row.className = much(i) ? 'much' : '';
    row.append(...cells.map((cell) => {
      const td = document.createElement('td');
      td.append(cell);
      return td;
    }));
    return row;
  }));
}

/** @param {number[]} counts */
function bars(counts) {
  const most = Math.max(1, ...counts), svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg'), box = document.createElement('div');
  svg.setAttribute('viewBox', `0 0 ${counts.length} 1`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', counts.join(', '));
  counts.forEach((n, i) => {
    const rect = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
    for (const [key, value] of Object.entries({ x: i, y: 1 - n / most, width: 0.9, height: n / most })) rect.setAttribute(key, String(value));
    svg.append(rect);
  });
  box.className = 'bars';
  box.append(svg);
  return box;
}

/** @param {{ stage: string, backend?: string }} attributes */
const staged = ({ stage, backend }) => (backend ? `${stage} (${backend})` : stage);

/** @param {string} text @param {string} [kind] */
function note(text, kind = '') {
  const span = document.createElement('span');
  span.textContent = text;
  span.className = kind;
  return span;
}

/** Calls by version: who runs what. @param {any[]} times */
function versions(times) {
  const counts = new Map();
  for (const { attributes: { version, stage }, count } of times) if (stage !== 'load') counts.set(version, (counts.get(version) ?? 0) + count);
  const all = [...counts.values()].reduce((a, b) => a + b, 0) || 1;
  $('versions').replaceChildren(...[...counts].sort(([a], [b]) => b.localeCompare(a, undefined, { numeric: true })).map(([version, count]) => {
    const row = document.createElement('div'), bar = document.createElement('meter');
    row.className = 'version';
    bar.max = 1;
    bar.value = count / all;
    bar.textContent = `${Math.round((100 * count) / all)} %`;
    bar.setAttribute('aria-label', `share of the calls of ${version || 'models without a version'}`);
    row.append(note(version || 'no version', 'name'), bar, note(`${((100 * count) / all).toFixed(1)} %, ${count} calls`));
    return row;
  }));
}

/** A box from p50 to p90 and a line to p99, on a logarithmic scale that all rows share. @param {any} t @param {number} least @param {number} most */
function range({ p50, p90, p99 }, least, most) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg'), at = (/** @type {number} */ v) => (most > least ? (100 * Math.log(Math.max(v, least) / least)) / Math.log(most / least) : 0);
  svg.setAttribute('viewBox', '0 0 100 8');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('class', 'range');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', `${ms(p50)}, ${ms(p90)}, ${ms(p99)}`);
  for (const [from, to, y, height] of [[p50, p99, 3.5, 1], [p50, p90, 1, 6]]) {
    const rect = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
    for (const [key, value] of Object.entries({ x: Math.min(99, at(from)), y, width: Math.max(1, at(to) - at(from)), height })) rect.setAttribute(key, String(value));
    svg.append(rect);
  }
  return svg;
}

new EventSource('live').onmessage = ({ data }) => {
  const { reports, bytes, series } = JSON.parse(data);
  if (!reports) return;
  $('sum').textContent = `${reports} report${reports === 1 ? '' : 's'}, ${bytes} bytes`;
  const named = (name) => series.filter((s) => s.name === name);
  const times = named('quern.duration').sort((a, b) => (a.attributes.stage + a.attributes.version).localeCompare(b.attributes.stage + b.attributes.version, undefined, { numeric: true }));
  versions(times);
  const least = Math.min(...times.map((t) => Math.max(t.p50, 1e-3))), most = Math.max(...times.map((t) => t.p99));
  fill($('times'), times.map((t) => [staged(t.attributes), t.attributes.version, String(t.count), ms(t.p50), ms(t.p90), ms(t.p99), ms(t.max), range(t, least, most)]));
  fill($('errors'), named('quern.errors').map(({ attributes: a, sum }) => [staged(a), a.version, a.code, String(sum)]));
  const drift = named('quern.drift.psi'), ks = named('quern.drift.ks');
  fill($('drift'), drift.map(({ attributes: a, value }) => [`${a.side} ${a.tensor} ${a.version ?? ''}`, value.toFixed(3), (ks.find((k) => ['side', 'tensor', 'version'].every((key) => k.attributes[key] === a[key]))?.value ?? NaN).toFixed(3)]), (i) => drift[i].value > 0.25);
  const counts = series.filter((s) => s.counts);
  fill($('counts'), counts.map(({ name, attributes: a, counts: c, moved }) => [`${name.replace('quern.', '')} ${a.tensor ?? ''} ${a.version ?? ''}`, String(c.reduce((x, y) => x + y, 0)), bars(c), moved.toFixed(3)]));
};
