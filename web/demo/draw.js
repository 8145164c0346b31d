// Tab: a symbol is drawn by pen, finger or mouse; its names in Typst come out.
import { MODELS, alertIn, lazyModel, progressIn, sentence, time } from './engine.js';
import { reportRows, showFacts } from './facts.js';

const $ = (id) => document.getElementById(id);
const model = lazyModel(MODELS.symbols);
/** An arrow, for who has no pen at hand. */
const SAMPLE = [[[40, 110], [180, 110]], [[140, 75], [180, 110], [140, 145]]];

export function startDraw() {
  const alertBox = $('draw-alert'), status = $('draw-status'), list = $('draw-names'), canvas = /** @type {HTMLCanvasElement} */ ($('draw-canvas'));
  const progress = progressIn($('draw-work'));
  const context = canvas.getContext('2d');
  let strokes = /** @type {[number, number][][]} */ ([]), drawing = false, asked = 0;

  function paint() {
    const scale = devicePixelRatio;
    Object.assign(canvas, { width: canvas.clientWidth * scale, height: canvas.clientHeight * scale }); // which also clears it
    context.scale(scale, scale);
    Object.assign(context, { lineWidth: 5, lineCap: 'round', lineJoin: 'round', strokeStyle: getComputedStyle(canvas).color });
    for (const stroke of strokes) {
      context.beginPath();
      for (const [x, y] of stroke) context.lineTo(x, y);
      context.stroke();
    }
    $('draw-undo').disabled = $('draw-clear').disabled = !strokes.length;
  }

  async function name() {
    const mine = ++asked;
    list.replaceChildren();
    status.textContent = '';
    const drawn = strokes.filter((stroke) => stroke.length > 1);
    if (!drawn.length) return;
    progress.start('Getting the model');
    try {
      const ready = await model.get((p) => mine === asked && progress.load(p));
      const begin = performance.now(), answers = await ready.predict(drawn), took = performance.now() - begin;
      if (mine !== asked) return;
      list.replaceChildren(...answers.map(({ label, score }) => {
        const [char, ...names] = label.split(' '), item = document.createElement('li');
        for (const [className, text] of [['glyph', char], ['text', names.join(', ')], ['score', `${Math.round(score * 100)} %`]])
          item.append(Object.assign(document.createElement('span'), { className, textContent: text }));
        return item;
      }));
      status.textContent = `Most likely ${answers[0].label.split(' ')[1]}.`;
      showFacts($('draw-facts'), [['Naming it took', time(took)], ...reportRows(await ready.report(), model.bytes)]);
    } catch (error) {
      if (mine === asked) alertIn(alertBox, sentence(error));
    } finally {
      if (mine === asked) progress.stop();
    }
  }

  /** @param {PointerEvent} event @returns {[number, number]} */
  const place = (event) => [event.offsetX, event.offsetY];
  canvas.addEventListener('pointerdown', (event) => {
    if (event.button) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    drawing = true;
    strokes.push([place(event)]);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (!drawing) return;
    for (const part of event.getCoalescedEvents?.() ?? [event]) strokes[strokes.length - 1].push(place(part));
    paint();
  });
  for (const type of ['pointerup', 'pointercancel']) canvas.addEventListener(type, () => {
    if (!drawing) return;
    drawing = false;
    paint();
    name();
  });
  const set = (next) => {
    alertIn(alertBox, '');
    strokes = next;
    paint();
    name();
  };
  $('draw-undo').addEventListener('click', () => set(strokes.slice(0, -1)));
  $('draw-clear').addEventListener('click', () => set([]));
  $('draw-sample').addEventListener('click', () => set(SAMPLE.map((stroke) => stroke.map(([x, y]) => /** @type {[number, number]} */ ([x, y])))));
  $('draw-stop').addEventListener('click', () => model.stopLoading());
  return {
    stop() {
      drawing = false;
    },
  };
}
