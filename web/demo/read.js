// Tab 1: a picture comes in by file, drop, paste, camera or sample; its lines come out.
import { MODELS, alertIn, lazyModel, progressIn, sentence, time } from './engine.js';
import { reportRows, showFacts, timeRows } from './facts.js';
import { camera } from './camera.js';
import { linkedLines } from './overlay.js';

const $ = (id) => document.getElementById(id);
const model = lazyModel(MODELS.ocr);

export function startRead() {
  const drop = $('read-drop'), alertBox = $('read-alert'), status = $('read-status'), image = /** @type {HTMLImageElement} */ ($('picture-image'));
  const progress = progressIn($('read-work'));
  const lines = linkedLines(/** @type {any} */ ($('picture-boxes')), /** @type {any} */ ($('lines')), copy);
  let answers = [], name = 'text', job = /** @type {AbortController | null} */ (null);

  const cam = camera({ box: $('camera'), video: /** @type {any} */ ($('camera-video')), shoot: /** @type {any} */ ($('camera-shoot')), close: /** @type {any} */ ($('camera-close')) },
    (blob) => read(blob, 'photo'),
    (open) => {
      $('read-empty').hidden = open || Boolean(image.src);
      $('picture').hidden = open || !image.src;
      if (!open) $('camera-open').focus();
    });

  /** @param {Blob | Promise<Blob>} coming @param {string} title */
  async function read(coming, title) {
    job?.abort();
    const mine = job = new AbortController();
    const { signal } = mine;
    alertIn(alertBox, '');
    lines.clear();
    answers = [];
    status.textContent = '';
    $('read-tools').hidden = true;
    $('lines-empty').hidden = false;
    showFacts($('read-facts'), []);
    drop.setAttribute('aria-busy', 'true');
    progress.start('Opening the picture');
    const begin = performance.now();
    try {
      const blob = await coming;
      const bitmap = await createImageBitmap(blob).catch(() => {
        throw new Error(`“${title}” is not a picture that this browser can open.`);
      });
      if (signal.aborted) return;
      const { width, height } = bitmap;
      showPicture(blob, title, width, height);
      const decoded = performance.now();
      const ready = await model.get((p) => job === mine && progress.load(p));
      if (signal.aborted) return;
      const prepared = performance.now();
      progress.part('Reading');
      const result = await ready.predict(bitmap, { meta: true, signal });
      bitmap.close?.();
      if (signal.aborted) return;
      answers = result.answers;
      name = title.replace(/\.[^.]*$/, '') || 'text';
      lines.show(answers, width, height);
      $('lines-empty').hidden = answers.length > 0;
      $('read-tools').hidden = !answers.length;
      status.textContent = answers.length ? `${answers.length} ${answers.length === 1 ? 'line' : 'lines'} read.` : 'No text was found in this picture.';
      showFacts($('read-facts'), [
        ['Opening the picture', time(decoded - begin)], ['Getting the model', prepared - decoded > 1 ? time(prepared - decoded) : 'was there'], ...timeRows(result.ms), ...reportRows(await ready.report(), model.bytes),
      ]);
    } catch (error) {
      if (job !== mine) return;
      const text = sentence(error);
      alertIn(alertBox, text);
      alertBox.scrollIntoView({ block: 'nearest' });
      if (!text) status.textContent = 'Stopped.';
    } finally {
      if (job === mine) {
        job = null;
        progress.stop();
        drop.removeAttribute('aria-busy');
      }
    }
  }

  function showPicture(blob, title, width, height) {
    if (image.src) URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(blob);
    image.width = width;
    image.height = height;
    image.alt = `The picture being read: ${title}`;
    $('picture').hidden = false;
    $('read-empty').hidden = true;
    drop.classList.add('filled');
    drop.scrollIntoView({ block: 'nearest' });
  }

  async function copy(text, what) {
    try {
      await navigator.clipboard.writeText(text);
      status.textContent = `${what} copied.`;
    } catch {
      alertIn(alertBox, 'The browser did not let the page copy. Select the text and copy it by hand.');
    }
  }

  function save(blob, ending) {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = name + ending;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    status.textContent = `Saved as ${link.download}.`;
  }

  const fail = (error) => alertIn(alertBox, sentence(error));
  const allText = () => answers.map((a) => a.text).join('\n');
  $('copy-all').addEventListener('click', () => copy(allText(), 'All lines'));
  $('save-txt').addEventListener('click', () => save(new Blob([allText(), '\n'], { type: 'text/plain' }), '.txt'));
  $('save-json').addEventListener('click', () => save(new Blob([JSON.stringify(answers, null, 2), '\n'], { type: 'application/json' }), '.json'));
  $('read-stop').addEventListener('click', () => {
    job?.abort();
    job = null;
    model.stopLoading();
    progress.stop();
    drop.removeAttribute('aria-busy');
    status.textContent = 'Stopped.';
  });
  $('camera-open').addEventListener('click', () => cam.open().catch(fail));
  $('read-empty').addEventListener('click', () => $('read-file').click());
  for (const id of ['read-file', 'read-photo']) {
    $(id).addEventListener('change', (event) => {
      const input = /** @type {HTMLInputElement} */ (event.target);
      if (input.files[0]) read(input.files[0], input.files[0].name);
      input.value = '';
    });
  }

  // Drop and paste
  takeDrops(drop, (file) => read(file, file.name));
  document.addEventListener('paste', (event) => {
    if ($('read').hidden) return;
    const file = [...event.clipboardData.files].find((f) => f.type.startsWith('image/'));
    if (!file) return;
    event.preventDefault();
    read(file, file.name || 'pasted picture');
  });
  if (navigator.clipboard?.read) {
    $('read-paste').hidden = false;
    $('read-paste').addEventListener('click', async () => {
      try {
        for (const item of await navigator.clipboard.read()) {
          const type = item.types.find((t) => t.startsWith('image/'));
          if (type) return await read(await item.getType(type), 'pasted picture');
        }
        alertIn(alertBox, 'There is no picture in the clipboard.');
      } catch {
        alertIn(alertBox, 'The browser did not let the page look into the clipboard. Press Ctrl+V or ⌘V instead.');
      }
    });
  }

  showSamples(read).catch(() => {}); // the page is whole without them
  return { stop: cam.stop };
}

/** Calls back with the one file dropped on `element`; marks it while something hovers. */
export function takeDrops(element, onFile) {
  let depth = 0;
  element.addEventListener('dragenter', () => element.classList.toggle('over', ++depth > 0));
  element.addEventListener('dragleave', () => element.classList.toggle('over', --depth > 0));
  element.addEventListener('dragover', (event) => event.preventDefault());
  element.addEventListener('drop', (event) => {
    event.preventDefault();
    depth = 0;
    element.classList.remove('over');
    const file = event.dataTransfer.files[0];
    if (file) onFile(file);
  });
}

async function showSamples(read) {
  const base = new URL('samples/', import.meta.url);
  const response = await fetch(new URL('samples.json', base));
  if (!response.ok) return;
  const listed = await response.json();
  for (const { file, title } of listed.samples ?? listed) {
    const url = new URL(file, base);
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'button';
    button.dataset.sample = file;
    const thumb = document.createElement('img');
    thumb.src = url.href;
    thumb.alt = '';
    thumb.loading = 'lazy';
    const words = document.createElement('span');
    words.textContent = title;
    button.append(thumb, words);
    button.addEventListener('click', () => read(fetchSample(url, title), title));
    item.append(button);
    document.getElementById('samples').append(item);
  }
  document.getElementById('samples-title').hidden = false;
}

async function fetchSample(url, title) {
  const picture = await fetch(url);
  if (!picture.ok) throw new Error(`The sample “${title}” could not be fetched (${picture.status}).`);
  return picture.blob();
}
