// Tab: a picture or the camera comes in; faces with their eyes, nose, mouth and ears, or straight lines, are marked in it.
import { MODELS, alertIn, lazyModel, progressIn, sentence, time } from './engine.js';
import { reportRows, showFacts } from './facts.js';
import { takeDrops } from './read.js';

const $ = (id) => document.getElementById(id);
const models = { face: lazyModel(MODELS.face), lines: lazyModel(MODELS.lines) };
const WORDS = { face: ['face', 'faces'], lines: ['line', 'lines'] };

export function startSee() {
  const alertBox = $('see-alert'), status = $('see-status'), cameraButton = $('see-camera'), canvas = /** @type {HTMLCanvasElement} */ ($('see-canvas'));
  const context = canvas.getContext('2d');
  const progress = progressIn($('see-work'));
  const kind = () => /** @type {'face' | 'lines'} */ (/** @type {HTMLInputElement} */ (document.querySelector('input[name=see-what]:checked')).value);
  let still = /** @type {ImageBitmap | null} */ (null), stream = /** @type {MediaStream | null} */ (null), live = 0, costs = [];

  /** @param {ImageBitmap | HTMLVideoElement} picture @param {any[]} answers */
  function show(picture, answers, what) {
    const width = 'videoWidth' in picture ? picture.videoWidth : picture.width, height = 'videoHeight' in picture ? picture.videoHeight : picture.height;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    context.drawImage(picture, 0, 0);
    context.lineWidth = Math.max(2, width / 250);
    context.strokeStyle = '#e3ac4a';
    context.fillStyle = '#e3ac4a';
    for (const { box, points, line } of answers) {
      context.beginPath();
      if (box) context.rect(box[0], box[1], box[2] - box[0], box[3] - box[1]);
      if (line) context.moveTo(line[0], line[1]), context.lineTo(line[2], line[3]);
      context.stroke();
      for (const [x, y] of points ?? []) {
        context.beginPath();
        context.arc(x, y, context.lineWidth * 1.5, 0, 7);
        context.fill();
      }
    }
    canvas.hidden = false;
    $('see-empty').hidden = true;
    $('see-drop').classList.add('filled');
    const [one, many] = WORDS[what], text = `${answers.length || 'No'} ${answers.length === 1 ? one : many} found.`;
    if (status.textContent !== text) status.textContent = text;
    canvas.setAttribute('aria-label', `The picture: ${text}`);
  }

  /** Predicts what the source shows. @param {ImageBitmap | HTMLVideoElement} source */
  async function look(source) {
    const what = kind(), model = await models[what].get((p) => progress.load(p));
    progress.stop();
    const begin = performance.now();
    const answers = await model.predict(source);
    costs.push(performance.now() - begin);
    show(source, answers, what);
    return { what, model };
  }

  async function facts(what, model) {
    const sorted = costs.slice(-50).sort((a, b) => a - b);
    showFacts($('see-facts'), [['A picture takes', time(sorted[sorted.length >> 1])], ...reportRows(await model.report(), models[what].bytes)]);
  }

  /** @param {Blob | Promise<Blob>} coming @param {string} title */
  async function open(coming, title) {
    stopCamera();
    alertIn(alertBox, '');
    costs = [];
    progress.start('Opening the picture');
    try {
      still = await createImageBitmap(await coming).catch(() => {
        throw new Error(`“${title}” is not a picture that this browser can open.`);
      });
      const { what, model } = await look(still);
      await facts(what, model);
    } catch (error) {
      alertIn(alertBox, sentence(error));
    } finally {
      progress.stop();
    }
  }

  function stopCamera() {
    live++;
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    cameraButton.setAttribute('aria-pressed', 'false');
    cameraButton.textContent = 'Use the camera';
  }

  async function startCamera() {
    alertIn(alertBox, '');
    costs = [];
    const mine = ++live;
    try {
      if (!navigator.mediaDevices?.getUserMedia) throw new Error('This browser gives the page no camera. Choose a picture instead.');
      const opened = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'user', width: { ideal: 640 }, height: { ideal: 480 } } }).catch((error) => {
        throw new Error(error.name === 'NotAllowedError' ? 'The camera was not allowed. You can allow it in the address bar, or choose a picture.' : 'No camera could be opened. Choose a picture instead.');
      });
      if (mine !== live) return opened.getTracks().forEach((track) => track.stop());
      stream = opened;
      cameraButton.setAttribute('aria-pressed', 'true');
      cameraButton.textContent = 'Stop the camera';
      const video = Object.assign(document.createElement('video'), { srcObject: stream, muted: true, playsInline: true });
      await video.play();
      progress.start('Getting the model');
      for (let frame = 0; mine === live; frame++) {
        const { what, model } = await look(video);
        if (frame % 30 === 5) await facts(what, model);
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
    } catch (error) {
      if (mine !== live) return;
      stopCamera();
      alertIn(alertBox, sentence(error));
    } finally {
      progress.stop();
    }
  }

  cameraButton.addEventListener('click', () => (stream ? stopCamera() : startCamera()));
  $('see-file').addEventListener('change', (event) => {
    const input = /** @type {HTMLInputElement} */ (event.target), file = input.files?.[0];
    input.value = '';
    if (file) open(Promise.resolve(file), file.name);
  });
  $('see-stop').addEventListener('click', () => {
    models[kind()].stopLoading();
    stopCamera();
  });
  takeDrops($('see-drop'), (file) => open(Promise.resolve(file), file.name));
  for (const radio of document.querySelectorAll('input[name=see-what]')) radio.addEventListener('change', async () => {
    costs = [];
    if (stream || !still) return; // the next frame is looked at by the other model
    const picture = still;
    progress.start('Getting the model');
    try {
      const { what, model } = await look(picture);
      await facts(what, model);
    } catch (error) {
      alertIn(alertBox, sentence(error));
    } finally {
      progress.stop();
    }
  });
  return { stop: stopCamera };
}
