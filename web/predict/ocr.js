// Reading text: detector, direction classifier, recogniser. The arithmetic between them is src/feature/ocr.c; here is only the order.
import { QuernError } from '../core/errors.js';
import { rgbaOf } from '../core/image.js';

/**
 * @typedef {import('../core/heap.js').Heap} Heap
 * @typedef {import('../core/session.js').Session} Session
 * @typedef {import('../core/package.js').Package} Package
 * box: top left, top right, bottom right, bottom left of the line, in pixels of the picture; turned: it is upside down.
 * @typedef {{ text: string, score: number, box: [number, number][], boxScore: number, turned: boolean }} OcrAnswer
 */

export class Ocr {
  #heap;
  #ocr;
  /** Session of each stage, in the order of the core's numbers. */
  #stages;

  /**
   * @param {Heap} heap
   * @param {Package} pack
   * @param {Record<string, Session>} sessions
   */
  static async create(heap, pack, sessions) {
    const { det, rec } = sessions;
    if (!det || !rec || !pack.manifest.labels) throw new QuernError('bad-model', `the package ${pack.manifest.name} reads text: it needs models.det, models.rec and labels`);
    const labels = await pack.text(pack.manifest.labels);
    return new Ocr(heap, sessions, new TextEncoder().encode(labels), pack.manifest.options ?? {});
  }

  /**
   * @param {Heap} heap
   * @param {Record<string, Session>} sessions
   * @param {Uint8Array} labels
   * @param {Record<string, number>} options
   */
  constructor(heap, sessions, labels, options) {
    this.#heap = heap;
    this.#stages = [sessions.det, sessions.cls, sessions.rec];
    this.#ocr = sessions.det.use((model) => heap.ocrCreate(model, options, labels));
  }

  /**
   * @param {import('../core/input.js').InputSpec} picture used up
   * @param {AbortSignal} [signal]
   * @returns {Promise<OcrAnswer[]>}
   */
  async predict(picture, signal) {
    if (!('bitmap' in picture || 'blob' in picture || 'width' in picture)) throw new QuernError('bad-argument', `this package takes a picture, not ${picture.kind === 'audio' ? 'sound' : picture.kind}`);
    const image = await rgbaOf(picture);
    const heap = this.#heap;
    const ocr = this.#ocr;
    this.#stages[0].use((model) => heap.ocrImage(model, ocr, image));
    for (const [stage, session] of this.#stages.entries()) {
      if (!session) continue; // without a classifier no line counts as upside down
      const batches = heap.ocrBatches(ocr, stage);
      for (let batch = 0; batch < batches; batch++)
        await session.drive(
          (model) => heap.ocrInput(model, ocr, stage, batch),
          (model) => heap.ocrOutput(model, ocr, stage, batch),
          signal);
    }
    return heap.ocrResults(ocr);
  }
}
