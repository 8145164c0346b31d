// Voice activity: the model's recurrent loop over frames, and stretches of speech from its probabilities.

export const RATE = 16000;
export const FRAME = 512;
export const FRAME_MS = FRAME / RATE * 1000;
const CONTEXT = 64; // the model wants the end of the frame before in front of each frame

/** Feeds Silero VAD v5 frame by frame, carrying its state. */
export class VoiceActivity {
  constructor(model) {
    this.model = model;
    this.state = new Float32Array(2 * 128);
    this.tail = new Float32Array(CONTEXT);
  }

  /** @param {Float32Array} frame 512 samples at 16 kHz @returns {Promise<number>} probability of speech */
  async next(frame) {
    const data = new Float32Array(CONTEXT + FRAME);
    data.set(this.tail);
    data.set(frame, CONTEXT);
    this.tail = data.slice(-CONTEXT);
    const { output, stateN } = await this.model.run({
      input: { type: 'float32', dims: [1, CONTEXT + FRAME], data },
      state: { type: 'float32', dims: [2, 1, 128], data: this.state },
      sr: { type: 'int64', dims: [], data: BigInt64Array.of(BigInt(RATE)) },
    });
    this.state = stateN.data;
    return output.data[0];
  }
}

/**
 * Stretches of speech. One begins at the first frame of at least `on`, ends where the probability stays below `off` for
 * `pause` ms, and counts when it lasts `min` ms (as get_speech_timestamps of silero-vad 5 does).
 * @param {number[]} probs one per frame
 * @param {{ on: number, off: number, pause: number, min: number }} options
 * @returns {{ start: number, end: number, open: boolean }[]} in seconds; `open`: still going on at the last frame
 */
export function segmentsOf(probs, { on, off, pause, min }) {
  const found = [];
  const lower = Math.min(on, off);
  let start = -1, quiet = -1;
  const add = (from, to, open) => {
    if ((to - from) * FRAME_MS >= min) found.push({ start: from * FRAME / RATE, end: to * FRAME / RATE, open });
  };
  probs.forEach((p, i) => {
    if (start < 0) {
      if (p >= on) [start, quiet] = [i, -1];
    } else if (p >= lower) {
      quiet = -1;
    } else {
      if (quiet < 0) quiet = i;
      if ((i + 1 - quiet) * FRAME_MS >= pause) {
        add(start, quiet, false);
        start = -1;
      }
    }
  });
  if (start >= 0) add(start, quiet < 0 ? probs.length : quiet, true);
  return found;
}
