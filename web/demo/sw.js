// Keeps the page for use without a network: dist/quern-sw.js does it. Models keep their own files.
importScripts('../../dist/quern-sw.js');

const samples = ['receipt', 'page', 'sign', 'label'].map((name) => `samples/${name}.png`);
quern.serviceWorker({
  runtime: '../../dist/', name: 'demo',
  precache: [
    './', 'style.css', 'app.js', 'engine.js', 'read.js', 'hear.js', 'see.js', 'draw.js', 'inside.js', 'facts.js', 'overlay.js', 'camera.js', 'chart.js', 'sound.js', 'speech.js', 'wav.js', 'mic-worklet.js',
    'words.html', 'words.js', 'manifest.webmanifest', 'icons/icon.svg', 'icons/icon-192.png', 'samples/speech.wav', 'samples/samples.json', ...samples,
    'judge.js',
  ],
});
