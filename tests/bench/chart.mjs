// The chart of RESULTS.md: for each model, each engine's time as a share of onnxruntime-web's. SVG that follows light and dark by itself.
const ENGINES = { quern: 'Quern', litert: 'LiteRT', tfjs: 'TensorFlow.js' };
const STYLE = `text{font:12px system-ui,sans-serif;fill:#1f2328}.n{font-size:11px;fill:#59636e}.t{font-weight:600;font-size:14px}
.grid{stroke:#d1d9e0}.one{stroke:#59636e;stroke-dasharray:4 3}.quern{fill:#0969da}.litert{fill:#bc6c00}.tfjs{fill:#8250df}.back{fill:#ffffff}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.n{fill:#9198a1}.grid{stroke:#3d444d}.one{stroke:#9198a1}.quern{fill:#4493f8}.litert{fill:#d29922}.tfjs{fill:#ab7df8}.back{fill:#0d1117}}`;
const escape = (/** @type {string} */ s) => s.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const LEFT = 140, PLOT = 500, WIDTH = LEFT + PLOT + 60, BAR = 9, GAP = 8;

/** The times of one number of threads as shares of onnxruntime-web's. @param {Record<string, Record<string, { median: number, note?: string }>>} results */
export const shares = (results) => Object.entries(results).filter(([, r]) => r.ort && r.quern).map(([name, r]) => ({
  name, bars: Object.keys(ENGINES).filter((e) => r[e] && !r[e].note).map((engine) => ({ engine, share: r[engine].median / r.ort.median })),
}));

/** @param {{ title: string, models: ReturnType<typeof shares> }[]} panels */
export function chart(panels) {
  const most = Math.max(1, ...panels.flatMap((p) => p.models.flatMap((m) => m.bars.map((b) => b.share))));
  const step = most > 2 ? 0.5 : 0.25, top = Math.ceil(most / step) * step, x = (/** @type {number} */ v) => LEFT + (v / top) * PLOT;
  const out = [];
  let y = 24, legend = LEFT;
  for (const [engine, name] of Object.entries(ENGINES)) {
    out.push(`<rect class="${engine}" x="${legend}" y="${y - 10}" width="12" height="12" rx="2"/><text x="${legend + 18}" y="${y}">${name}</text>`);
    legend += 40 + name.length * 7;
  }
  out.push(`<path class="one" d="M${legend} ${y - 4}h24"/><text x="${legend + 30}" y="${y}">onnxruntime-web = 1, shorter is faster</text>`);
  for (const { title, models } of panels) {
    y += 34;
    out.push(`<text class="t" x="8" y="${y}">${escape(title)}</text>`);
    y += 10;
    const height = models.reduce((n, m) => n + m.bars.length * BAR + GAP, GAP), from = y;
    for (let v = 0; v <= top + 1e-9; v += step) out.push(`<path class="grid" d="M${x(v)} ${from}v${height}"/><text class="n" text-anchor="middle" x="${x(v)}" y="${from + height + 14}">${v}</text>`);
    y += GAP;
    for (const { name, bars } of models) {
      out.push(`<text text-anchor="end" x="${LEFT - 8}" y="${y + (bars.length * BAR) / 2 + 4}">${escape(name)}</text>`);
      for (const { engine, share } of bars) {
        out.push(`<rect class="${engine}" x="${LEFT}" y="${y}" width="${(x(share) - LEFT).toFixed(1)}" height="${BAR - 1}" rx="1"><title>${escape(`${name}, ${ENGINES[/** @type {keyof typeof ENGINES} */ (engine)]}: ${share.toFixed(2)}`)}</title></rect>`,
          `<text class="n" x="${(x(share) + 4).toFixed(1)}" y="${y + BAR - 1}">${share.toFixed(2)}</text>`);
        y += BAR;
      }
      y += GAP;
    }
    out.push(`<path class="one" d="M${x(1)} ${from}v${height}"/>`);
    y = from + height + 18;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 8}" width="${WIDTH}" height="${y + 8}" role="img" aria-label="Run time as a share of onnxruntime-web's">\n<style>${STYLE}</style>\n<rect class="back" width="100%" height="100%"/>\n${out.join('\n')}\n</svg>\n`;
}
