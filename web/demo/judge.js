// Tab 4: a row of numbers comes in by a form; what a gradient-boosted model thinks of it comes out, at every keystroke.
import { MODELS, alertIn, lazyModel, progressIn, sentence, time } from './engine.js';
import { reportRows, showFacts } from './facts.js';

const $ = (id) => document.getElementById(id);
const model = lazyModel(MODELS.cancer);

/** Two patients of the data. */
const SAMPLES = {
  benign: { radius: 14.47, texture: 24.99, perimeter: 95.81, area: 656.4, smoothness: 0.08837, compactness: 0.123, concavity: 0.1009, concave_points: 0.0389, symmetry: 0.1872, fractal_dimension: 0.06341 },
  malignant: { radius: 24.25, texture: 20.2, perimeter: 166.2, area: 1761, smoothness: 0.1447, compactness: 0.2867, concavity: 0.4268, concave_points: 0.2012, symmetry: 0.2655, fractal_dimension: 0.06877 },
};

export function startJudge() {
  const form = /** @type {HTMLFormElement} */ ($('judge-form')), alertBox = $('judge-alert'), status = $('judge-status');
  const fields = /** @type {HTMLInputElement[]} */ ([...form.querySelectorAll('input')]);
  const progress = progressIn($('judge-work'));
  let asked = 0; // the newest question alone is answered

  async function judge() {
    const mine = ++asked, row = Object.fromEntries(fields.map((field) => [field.name, field.value.trim()]));
    const given = fields.filter((field) => field.value.trim()).length;
    alertIn(alertBox, '');
    if (!given) return show(null, given);
    const slow = setTimeout(() => progress.start('Getting ready'), 100);
    try {
      const ready = await model.get((p) => progress.load(p));
      if (mine !== asked) return;
      const begun = performance.now(), [answer] = await ready.predict(row), ms = performance.now() - begun;
      if (mine !== asked) return;
      show(answer, given);
      showFacts($('judge-facts'), [['Answered in', time(ms)], ...reportRows(ready.report(), model.bytes)]);
    } catch (error) {
      if (mine !== asked) return;
      show(null, given);
      const column = /column '(\w+)'/.exec(error.message)?.[1];
      fields.find((field) => field.name === column)?.setAttribute('aria-invalid', 'true');
      alertIn(alertBox, sentence(error));
    } finally {
      clearTimeout(slow);
      if (mine === asked) progress.stop();
    }
  }

  /** @param {{ label: string, score: number } | null} answer @param {number} given how many fields have a number */
  function show(answer, given) {
    for (const field of fields) field.removeAttribute('aria-invalid');
    $('judge-answer').hidden = !answer;
    $('judge-empty').hidden = Boolean(answer);
    status.textContent = '';
    if (!answer) return;
    const malignant = answer.label === 'malignant' ? answer.score : 1 - answer.score;
    $('judge-verdict').textContent = `${answer.label[0].toUpperCase()}${answer.label.slice(1)}, says the model`;
    /** @type {HTMLMeterElement} */ ($('judge-meter')).value = malignant;
    $('judge-share').textContent = `Probability of malignant: ${(100 * malignant).toFixed(1)} %`;
    status.textContent = given < fields.length ? `${fields.length - given} left open: the median of the training data stands for ${fields.length - given === 1 ? 'it' : 'them'}.` : '';
  }

  const fill = (/** @type {Record<string, number>} */ row) => {
    for (const field of fields) field.value = String(row[field.name] ?? '');
    judge();
  };
  form.addEventListener('input', judge);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    judge();
  });
  $('judge-benign').addEventListener('click', () => fill(SAMPLES.benign));
  $('judge-malignant').addEventListener('click', () => fill(SAMPLES.malignant));
  $('judge-clear').addEventListener('click', () => fill({}));
  $('judge-stop').addEventListener('click', () => model.stopLoading());
  return { stop() {} };
}
