// Tab 2: sound comes in by microphone, file or sample; stretches of speech come out.
import { MODELS, alertIn, lazyModel, progressIn, sentence, time } from './engine.js';
import { reportRows, showFacts } from './facts.js';
import { takeDrops } from './read.js';
import { drawChart } from './chart.js';
import { FRAME, FRAME_MS, RATE, VoiceActivity, segmentsOf } from './speech.js';
import { microphone, play, soundOf } from './sound.js';

const $ = (id) => document.getElementById(id);
const MAX_LIVE_SECONDS = 300;
const model = lazyModel(MODELS.vad);

export function startHear() {
  const alertBox = $('hear-alert'), status = $('hear-status'), mic = /** @type {HTMLButtonElement} */ ($('mic')), canvas = /** @type {HTMLCanvasElement} */ ($('chart'));
  const progress = progressIn($('hear-work'));
  let probs = [], peaks = [], costs = [], segments = [], seconds = 0;
  let sound = new Float32Array(0);
  let live = false, closeMic = null, drawing = 0;
  let job = /** @type {AbortController | null} */ (null);

  const options = () => ({ on: value('s-on'), off: value('s-off'), pause: value('s-pause'), min: value('s-min') });
  const value = (id) => Number(/** @type {HTMLInputElement} */ ($(id)).value);

  function draw() {
    drawing ||= requestAnimationFrame(() => {
      drawing = 0;
      const { on, off } = options();
      drawChart(canvas, { probs, peaks, segments, on, off, live, seconds });
    });
  }

  function refresh() {
    segments = segmentsOf(probs, options());
    draw();
    listSegments();
    canvas.setAttribute('aria-label', probs.length
      ? `Probability of speech over ${(probs.length * FRAME_MS / 1000).toFixed(1)} seconds, speech in ${segments.length} ${segments.length === 1 ? 'stretch' : 'stretches'}`
      : 'Probability of speech over time: nothing heard yet');
  }

  function listSegments() {
    const list = $('segments');
    $('segments-empty').hidden = segments.length > 0;
    while (list.children.length > segments.length) list.lastChild.remove();
    segments.forEach((segment, i) => {
      let item = list.children[i];
      if (!item) {
        item = document.createElement('li');
        const when = document.createElement('span');
        when.className = 'when';
        const long = document.createElement('span');
        long.className = 'long';
        const button = document.createElement('button');
        button.type = 'button';
        button.textContent = 'Play';
        button.addEventListener('click', () => playSegment(i, button));
        item.append(when, long, button);
        list.append(item);
      }
      const [when, long, button] = item.children;
      const text = `${segment.start.toFixed(2)} s – ${segment.open && live ? '…' : `${segment.end.toFixed(2)} s`}`;
      const seconds = `${(segment.end - segment.start).toFixed(2)} s`;
      if (when.textContent === text && long.textContent === seconds) return;
      when.textContent = text;
      long.textContent = seconds;
      button.setAttribute('aria-label', `Play speech from ${segment.start.toFixed(1)} to ${segment.end.toFixed(1)} seconds`);
    });
  }

  async function playSegment(i, button) {
    const { start, end } = segments[i];
    button.disabled = true;
    await play(sound.slice(Math.max(0, Math.round((start - 0.05) * RATE)), Math.round((end + 0.05) * RATE))).catch((error) => alertIn(alertBox, sentence(error)));
    button.disabled = false;
  }

  function reset() {
    alertIn(alertBox, '');
    [probs, peaks, costs, seconds] = [[], [], [], 0];
    sound = new Float32Array(0);
    status.textContent = '';
    showFacts($('hear-facts'), []);
    refresh();
  }

  async function oneFrame(vad, frame) {
    const begin = performance.now();
    probs.push(await vad.next(frame));
    costs.push(performance.now() - begin);
    let peak = 0;
    for (const v of frame) peak = Math.max(peak, Math.abs(v));
    peaks.push(peak);
  }

  async function facts() {
    if (!costs.length) return;
    const loaded = await model.get(null);
    const sorted = [...costs].sort((a, b) => a - b);
    const middle = sorted[sorted.length >> 1];
    showFacts($('hear-facts'), [
      ['Per frame of 32 ms', time(middle)],
      ['Slowest 5 %', time(sorted[Math.floor(sorted.length * 0.95)])],
      ['Faster than speech', `${Math.round(FRAME_MS / middle)} ×`],
      ...reportRows(await loaded.report(), model.bytes),
    ]);
  }

  /** Runs `work` as the one job of this tab, with progress and errors shown. */
  async function asJob(first, work) {
    stop();
    reset();
    const mine = job = new AbortController();
    progress.start(first);
    try {
      await work(mine.signal, (p) => job === mine && progress.load(p));
    } catch (error) {
      if (job !== mine) return;
      const text = sentence(error);
      alertIn(alertBox, text);
      if (!text) status.textContent = 'Stopped.';
    } finally {
      if (job === mine) {
        job = null;
        progress.stop();
      }
    }
  }

  const hearFile = (getBlob) => asJob('Opening the recording', async (signal, onProgress) => {
    const samples = await soundOf(await getBlob());
    if (signal.aborted) return;
    sound = samples;
    seconds = samples.length / RATE;
    const vad = new VoiceActivity(await model.get(onProgress));
    const count = Math.ceil(samples.length / FRAME);
    let shown = 0;
    for (let i = 0; i < count; i++) {
      if (signal.aborted) return;
      const frame = new Float32Array(FRAME); // the last one ends in silence
      frame.set(samples.subarray(i * FRAME, (i + 1) * FRAME));
      await oneFrame(vad, frame);
      if (performance.now() - shown > 60) {
        shown = performance.now();
        progress.part(`Listening: ${(i * FRAME_MS / 1000).toFixed(1)} of ${seconds.toFixed(1)} s`, i / count);
        refresh();
      }
    }
    refresh();
    const spoken = segments.reduce((sum, s) => sum + s.end - s.start, 0);
    status.textContent = segments.length ? `${segments.length} ${segments.length === 1 ? 'stretch' : 'stretches'} of speech, ${spoken.toFixed(1)} of ${seconds.toFixed(1)} seconds.` : 'No speech was found in this recording.';
    await facts();
  });

  const listen = () => asJob('Getting ready to listen', async (signal, onProgress) => {
    const vad = new VoiceActivity(await model.get(onProgress));
    if (signal.aborted) return;
    progress.part('Asking for the microphone');
    const kept = new Float32Array(MAX_LIVE_SECONDS * RATE);
    let heard = 0, used = 0, busy = false, told = 0, begun = 0;
    const close = await microphone((block) => {
      const room = Math.min(block.length, kept.length - heard);
      kept.set(block.subarray(0, room), heard);
      heard += room;
      pump().catch((error) => {
        stop();
        alertIn(alertBox, sentence(error));
      });
      if (room < block.length) {
        stop();
        status.textContent = `Stopped after ${MAX_LIVE_SECONDS / 60} minutes.`;
      }
    });
    if (signal.aborted) return close();
    live = true;
    sound = kept;
    closeMic = close;
    mic.textContent = 'Stop listening';
    mic.setAttribute('aria-pressed', 'true');
    status.textContent = 'Listening.';

    async function pump() {
      if (busy) return;
      busy = true;
      try {
        while (heard - used >= FRAME && live && sound === kept) {
          await oneFrame(vad, kept.slice(used, used + FRAME));
          used += FRAME;
        }
      } finally {
        busy = false;
      }
      if (sound !== kept) return;
      refresh();
      const speaking = segments.filter((s) => s.open).length;
      if (segments.length !== told || speaking !== begun) {
        [told, begun] = [segments.length, speaking];
        status.textContent = speaking ? 'Somebody speaks.' : 'Listening.';
      }
      if (costs.length % 16 === 0) await facts();
    }
  });

  function stop() {
    job?.abort();
    job = null;
    progress.stop();
    closeMic?.();
    closeMic = null;
    if (!live) return;
    live = false;
    seconds = probs.length * FRAME / RATE;
    mic.textContent = 'Listen';
    mic.setAttribute('aria-pressed', 'false');
    status.textContent = 'Stopped.';
    refresh();
  }

  mic.addEventListener('click', () => (live ? stop() : listen()));
  $('hear-stop').addEventListener('click', () => {
    model.stopLoading();
    stop();
    status.textContent = 'Stopped.';
  });
  $('hear-file').addEventListener('change', (event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    const file = input.files[0];
    if (file) hearFile(async () => file);
    input.value = '';
  });
  takeDrops($('hear-drop'), (file) => hearFile(async () => file));
  $('hear-sample').addEventListener('click', () => hearFile(async () => {
    const response = await fetch(new URL('samples/speech.wav', import.meta.url));
    if (!response.ok) throw new Error(`The sample could not be fetched (${response.status}).`);
    return response.blob();
  }));

  const units = { 's-on': '', 's-off': '', 's-pause': ' ms', 's-min': ' ms' };
  for (const [id, unit] of Object.entries(units)) {
    const show = () => {
      $(`${id}-out`).textContent = unit ? `${value(id)}${unit}` : value(id).toFixed(2);
      refresh();
    };
    $(id).addEventListener('input', show);
    show();
  }
  new ResizeObserver(draw).observe(canvas);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  return { stop };
}
