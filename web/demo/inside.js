// Tab 3: any ONNX model comes in by file, drop or sample; whether it will run, and where the time goes, come out.
import { MODELS, alertIn, program, progressIn, sentence, time } from './engine.js';
import { reportRows, showFacts } from './facts.js';

const $ = (id) => document.getElementById(id);
const RUNS = 10, ENOUGH_MS = 3000; // timed runs at most, and when fewer will do

/** A table cell by cell; a cell is text, or a share from 0 to 1 that becomes a bar. */
function fillTable(table, head, rows) {
  const cell = (tag, content) => {
    const element = document.createElement(tag);
    if (typeof content === 'number') {
      const bar = document.createElement('span');
      bar.className = 'bar';
      bar.style.width = `${Math.round(content * 100)}%`;
      element.append(bar);
      element.className = 'share';
    } else {
      element.textContent = content;
      if (/^[\d.,–]+( ms| s| %)?$/.test(content)) element.className = 'number';
    }
    if (tag === 'th') element.scope = 'col';
    return element;
  };
  const line = (tag, cells) => {
    const row = document.createElement('tr');
    row.append(...cells.map((c) => cell(tag, c)));
    return row;
  };
  const body = rows.map((cells) => line('td', cells)), top = line('th', head);
  [...top.cells].forEach((th, i) => th.classList.toggle('number', Boolean(body[0]?.cells[i].classList.contains('number'))));
  table.tHead.replaceChildren(top);
  table.tBodies[0].replaceChildren(...body);
}

export function startInside() {
  const drop = $('inside-drop'), alertBox = $('inside-alert'), status = $('inside-status'), form = /** @type {HTMLFormElement} */ ($('inside-shapes'));
  const progress = progressIn($('inside-work'));
  let job = /** @type {AbortController | null} */ (null), given = null, found = null, name = '', text = '', tools = null;

  /** @param {(signal: AbortSignal) => Promise<void>} work only the newest shows what it finds */
  async function alone(work) {
    job?.abort();
    const mine = job = new AbortController();
    alertIn(alertBox, '');
    status.textContent = '';
    drop.setAttribute('aria-busy', 'true');
    try {
      tools ??= await Promise.all([program('index.js'), program('report.js')]);
      await work(mine.signal);
    } catch (error) {
      if (job !== mine) return;
      const words = sentence(error);
      alertIn(alertBox, words);
      if (!words) status.textContent = 'Stopped.';
    } finally {
      if (job === mine) {
        job = null;
        progress.stop();
        drop.removeAttribute('aria-busy');
      }
    }
  }

  /** @param {File[]} files the model, and files with its parameters where it has any */
  function open(files) {
    const file = files.find((f) => /\.(onnx|ort)$/i.test(f.name)) ?? files[0];
    if (!file) return;
    const rest = Object.fromEntries(files.filter((f) => f !== file).map((f) => [f.name, f]));
    return alone(async (signal) => {
      clear();
      progress.start('Opening the model');
      name = file.name;
      given = { source: file, options: { externalData: rest } };
      await look({}, signal);
      if (found.problem) return;
      showShapes();
      await tryOut(signal);
    });
  }

  function clear() {
    found = null;
    text = '';
    $('inside-found').hidden = $('inside-time').hidden = $('inside-tools').hidden = form.hidden = true;
    $('inside-empty-list').hidden = false;
    showFacts($('inside-facts'), []);
  }

  /** @param {Record<string, number[]>} shapes */
  async function look(shapes, signal) {
    const [{ inspect }, { inspectionText, opName, verdict, count, bytes }] = tools;
    found = await inspect(given.source, { ...given.options, shapes, signal, onProgress: (p) => progress.load(p) });
    text = inspectionText(name, found);
    $('inside-name').textContent = name;
    $('inside-verdict').textContent = verdict(found);
    $('inside-verdict').className = found.problem || found.plan?.problem ? 'verdict no' : 'verdict';
    fillTable($('inside-ops'), ['Operator', 'Nodes', ''], [...found.ops].sort((a, b) => Number(a.supported) - Number(b.supported) || b.count - a.count)
      .map((op) => [opName(op), count(op.count), op.supported ? '' : 'missing']));
    const elements = found.tensors.reduce((n, t) => n + t.elements, 0), raw = found.tensors.reduce((n, t) => n + t.bytes, 0);
    showFacts($('inside-facts'), [
      ['Opset', Object.entries(found.opsets).sort().map(([domain, version]) => (domain ? `${domain} ${version}` : version)).join(', ')], ['Parameters', count(elements)], ['Their size', bytes(raw)],
      ['Types', found.tensors.map((t) => t.type).join(', ')], ['Nodes in the file', count(found.ops.reduce((n, op) => n + op.count, 0))],
      ...(found.plan?.problem === '' ? [['Steps to run', count(found.plan.steps.length)], ['Memory at the peak', bytes(found.plan.peakBytes)], ['Of it activations', bytes(found.plan.activationBytes)]] : []),
    ]);
    $('inside-found').hidden = $('inside-tools').hidden = false;
    $('inside-empty-list').hidden = true;
  }

  /** A field for each input; what the model leaves open begins with a guess. */
  function showShapes() {
    const [, { guessShape }] = tools;
    const fields = found.inputs.filter((p) => p.kind === 'tensor' && !p.optional).map((port) => {
      const label = document.createElement('label'), field = document.createElement('input'), words = document.createElement('span');
      words.textContent = `${port.name}, ${port.type} [${(port.dims ?? ['any']).map((d) => d ?? '?').join(', ')}]`;
      field.name = port.name;
      field.value = guessShape(port).join(', ');
      field.inputMode = 'numeric';
      field.autocomplete = 'off';
      label.append(words, field);
      return label;
    });
    $('inside-fields').replaceChildren(...fields);
    form.hidden = !fields.length;
  }

  function shapesOf() {
    return Object.fromEntries([...form.querySelectorAll('input')].map(({ name: input, value }) => {
      const dims = value.split(/[\s,x×]+/).filter(Boolean).map(Number);
      if (!dims.every((d) => Number.isSafeInteger(d) && d >= 0)) throw new Error(`The shape “${value}” of ${input} is not a list of whole numbers.`);
      return [input, dims];
    }));
  }

  async function tryOut(signal) {
    const [{ load }, { randomInputs, profileText, byOperator, gflops, shape }] = tools;
    const shapes = shapesOf();
    $('inside-time').hidden = true;
    progress.start('Planning');
    await look(shapes, signal);
    if (found.problem || found.plan?.problem) return;
    const model = await load(given.source, { ...given.options, signal, onProgress: (p) => progress.load(p) });
    try {
      const feeds = randomInputs(model.inputs, shapes);
      progress.part('Running it once');
      const begin = performance.now();
      await model.run(feeds, { signal });
      const first = performance.now() - begin;
      model.report({ profile: true });
      const start = performance.now();
      for (let i = 0; i < RUNS && performance.now() - start < ENOUGH_MS; i++) {
        progress.part(`Run ${i + 1} of ${RUNS}`, i / RUNS);
        await model.run(feeds, { signal });
      }
      const report = model.report({ profile: true }), table = report.profile.model;
      const { runs, ms, steps } = table, ops = byOperator(steps);
      fillTable($('inside-by-op'), ['Operator', 'Nodes', 'Time', 'Share', '', 'GFLOP/s'],
        ops.map((o) => [o.op, String(o.nodes), time(o.ms / runs), `${(100 * o.ms / ms).toFixed(1)} %`, o.ms / ops[0].ms, gflops(o.flops, o.flopsMs)]));
      fillTable($('inside-by-node'), ['Node', 'Operator', 'Output', 'Time', 'GFLOP/s'], [...steps].sort((a, b) => b.ms - a.ms).slice(0, 20)
        .map((s) => [s.name || s.output || '–', s.op, `${s.type} ${shape(s.shape)}`, time(s.ms / runs), gflops(s.flops, s.ms)]));
      $('inside-time').hidden = false;
      text += `\nRun with random inputs (${Object.entries(feeds).map(([n, t]) => `${n} ${shape(t.dims)}`).join(', ')})\n\n${profileText(table)}`;
      showFacts($('inside-facts'), [['One run', time(ms / runs)], ['First run', time(first)], ...factsShown(), ...reportRows(report, given.source.size)]);
      status.textContent = `Ran ${runs} times with random inputs, ${time(ms / runs)} a run.`;
    } finally {
      model.dispose();
    }
  }

  const factsShown = () => [...$('inside-facts').children].map((group) => [group.children[0].textContent, group.children[1].textContent]);

  const chooser = /** @type {HTMLInputElement} */ ($('inside-file'));
  chooser.addEventListener('change', () => {
    open([...chooser.files]);
    chooser.value = '';
  });
  drop.addEventListener('click', () => chooser.click());
  drop.addEventListener('dragover', (event) => {
    event.preventDefault();
    drop.classList.add('over');
  });
  drop.addEventListener('dragleave', () => drop.classList.remove('over'));
  drop.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    open([...event.dataTransfer.files]);
  });
  $('inside-sample').addEventListener('click', () => alone(async (signal) => {
    clear();
    progress.start('Fetching the sample');
    const kept = async (/** @type {string} */ path) => {
      const response = await fetch(new URL(path, MODELS.ocr), { signal });
      if (!response.ok) throw new Error(`The sample could not be fetched (${response.status}).`);
      return response;
    };
    name = (await (await kept('manifest.json')).json()).models.det.file;
    given = { source: await (await kept(name)).blob(), options: {} };
    await look({}, signal);
    showShapes();
    await tryOut(signal);
  }));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    alone(tryOut);
  });
  $('inside-stop').addEventListener('click', () => job?.abort());
  $('inside-copy').addEventListener('click', async () => {
    await navigator.clipboard.writeText(text).then(() => { status.textContent = 'The report is on the clipboard.'; }, () => { status.textContent = 'The browser did not allow copying; take the .txt instead.'; });
  });
  $('inside-save').addEventListener('click', () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
    link.download = `${name.replace(/\.[^.]*$/, '')}-report.txt`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
  return { stop: () => job?.abort() };
}
