// The chart of tab 2: the sound's envelope, the probability of speech, the thresholds, the stretches found.
import { FRAME, RATE } from './speech.js';

const LIVE_SECONDS = 20;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{ probs: number[], peaks: number[], segments: { start: number, end: number }[], on: number, off: number, live: boolean, seconds: number }} view
 */
export function drawChart(canvas, { probs, peaks, segments, on, off, live, seconds }) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const scale = devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (!width) return;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const g = canvas.getContext('2d');
  g.setTransform(scale, 0, 0, scale, 0, 0);
  g.clearRect(0, 0, width, height);

  const left = 34, right = width - 12, top = 12, bottom = height - 24;
  const now = probs.length * FRAME / RATE;
  const span = live ? LIVE_SECONDS : Math.max(seconds, 1);
  const from = live ? Math.max(0, now - span) : 0;
  const x = (s) => left + (s - from) / span * (right - left);
  const y = (p) => bottom - p * (bottom - top);

  g.save();
  g.beginPath();
  g.rect(left, 0, right - left, height);
  g.clip();
  g.fillStyle = colour('grain');
  g.globalAlpha = 0.28;
  for (const s of segments) g.fillRect(x(s.start), top, Math.max(1, x(s.end) - x(s.start)), bottom - top);
  g.globalAlpha = 0.55;
  g.fillStyle = colour('stone');
  const first = Math.max(0, Math.floor(from * RATE / FRAME));
  const middle = (top + bottom) / 2, w = Math.max(1, FRAME / RATE / span * (right - left) - 0.5);
  for (let i = first; i < peaks.length; i++) {
    const h = Math.min(1, peaks[i]) * (bottom - top) * 0.9;
    g.fillRect(x(i * FRAME / RATE), middle - h / 2, w, Math.max(1, h));
  }
  g.globalAlpha = 1;
  g.restore();

  g.font = `12px ${style.getPropertyValue('--sans')}`;
  g.fillStyle = colour('soft');
  g.strokeStyle = colour('line');
  g.lineWidth = 1;
  g.textAlign = 'right';
  g.textBaseline = 'middle';
  for (const p of [0, 0.5, 1]) g.fillText(String(p), left - 8, y(p));
  g.textAlign = 'center';
  g.textBaseline = 'top';
  const tick = [1, 2, 5, 10, 20, 30, 60, 120, 300].find((t) => t / span * (right - left) > 48) ?? 600;
  for (let s = Math.ceil(from / tick) * tick; s <= from + span; s += tick) {
    g.fillText(`${s} s`, Math.min(right - 12, Math.max(left + 8, x(s))), bottom + 8);
  }
  g.beginPath();
  g.moveTo(left, bottom + 0.5);
  g.lineTo(right, bottom + 0.5);
  g.stroke();

  g.strokeStyle = colour('soft');
  for (const [p, dash] of [[on, [6, 4]], [Math.min(on, off), [2, 4]]]) {
    g.setLineDash(dash);
    g.beginPath();
    g.moveTo(left, y(p));
    g.lineTo(right, y(p));
    g.stroke();
  }
  g.setLineDash([]);

  g.strokeStyle = colour('deep');
  g.lineWidth = 2;
  g.lineJoin = 'round';
  g.beginPath();
  for (let i = first; i < probs.length; i++) g.lineTo(Math.max(left, x((i + 0.5) * FRAME / RATE)), y(probs[i]));
  g.stroke();
}
