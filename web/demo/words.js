// Two packages for text: which language it is, and which sentences mean the like.
import { DIST, lazyModel } from './engine.js';

const $ = (id) => document.getElementById(id);

/** Answers while one types: the newest text counts, one question at a time. */
function answering(name, { missing, show }) {
  const model = lazyModel(new URL(`models/${name}/manifest.json`, DIST).href);
  const input = /** @type {HTMLInputElement | HTMLTextAreaElement} */ ($(`${name === 'embed' ? 'search' : name}-text`)), list = $(`${name === 'embed' ? 'search' : name}-answers`);
  let busy = false, asked = '';
  async function ask() {
    if (busy || input.value === asked) return;
    busy = true;
    asked = input.value;
    try {
      const answers = asked.trim() ? await (await model.get(() => {})).predict(asked) : [];
      list.replaceChildren(...answers.map((answer) => Object.assign(document.createElement('li'), { textContent: show(answer) })));
      $('words-status').textContent = '';
    } catch (error) {
      list.replaceChildren();
      $('words-status').textContent = error.code === 'network' ? missing : error.message;
    } finally {
      busy = false;
    }
    if (input.value !== asked) ask();
  }
  input.addEventListener('input', ask);
  return ask;
}

const percent = (score) => `${Math.round(100 * score)} %`;
answering('language', { missing: 'The package that tells languages could not be fetched.', show: ({ label, score }) => `${label}, ${percent(score)}` })();
answering('embed', { missing: 'The package for searching is not here: models/embed/build.sh makes it.', show: ({ label, score }) => `${label} (${score.toFixed(2)})` });
