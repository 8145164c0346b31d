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

new EventSource('live').onmessage = ({ data }) => {
  const { reports, bytes, series } = JSON.parse(data);
  if (!reports) return;
  $('sum').textContent = `${reports} report${reports === 1 ? '' : 's'}, ${bytes} bytes`;
  const named = (name) => series.filter((s) => s.name === name);
  fill($('times'), named('quern.duration').map(({ attributes: a, count, p50, p90, p99, max }) => [a.stage, a.version, String(count), ms(p50), ms(p90), ms(p99), ms(max)]));
  fill($('errors'), named('quern.errors').map(({ attributes: a, sum }) => [a.stage, a.version, a.code, String(sum)]));
  const drift = named('quern.drift.psi'), ks = named('quern.drift.ks');
  fill($('drift'), drift.map(({ attributes: a, value }) => [`${a.side} ${a.tensor}`, value.toFixed(3), (ks.find((k) => k.attributes.side === a.side && k.attributes.tensor === a.tensor)?.value ?? NaN).toFixed(3)]), (i) => drift[i].value > 0.25);
  const counts = series.filter((s) => s.counts);
  fill($('counts'), counts.map(({ name, attributes: a, counts: c, moved }) => [`${name.replace('quern.', '')} ${a.tensor ?? ''} ${a.version ?? ''}`, String(c.reduce((x, y) => x + y, 0)), bars(c), moved.toFixed(3)]));
};
