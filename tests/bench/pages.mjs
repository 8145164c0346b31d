// Chromium for the bench: pages of their own, each in a context of its own, that evaluate a function of the bench's.
import { createRequire } from 'node:module';
import path from 'node:path';
import { ROOT } from './models.mjs';

const { chromium } = createRequire(path.join(ROOT, 'x.js'))('playwright-core');
const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--disable-background-timer-throttling', '--disable-backgrounding-occluded-windows', '--disable-renderer-backgrounding', '--js-flags=--expose-gc', '--enable-precise-memory-info'];

/** @param {Awaited<ReturnType<import('./server.mjs').serve>>} server */
export async function launch(server) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGS });
  /** A fresh page. evaluate(code, argument) runs `code` as the body of an async function of `arg`. */
  async function page() {
    const context = await browser.newContext();
    const tab = await context.newPage();
    return {
      tab,
      goto: () => tab.goto(`${server.origin}/`),
      /** @param {string} code @param {any} [arg] */
      evaluate: (code, arg = null) => tab.evaluate(`(async (arg) => { ${code} })(${JSON.stringify(arg)})`),
      close: () => context.close(),
    };
  }
  return {
    version: browser.version(),
    page,
    close: () => browser.close(),
    /** One evaluation in a page of its own. @param {string} code @param {any} [arg] */
    async once(code, arg) {
      const p = await page();
      try {
        await p.goto();
        return await p.evaluate(code, arg);
      } finally {
        await p.close();
      }
    },
    /** The same as the page's own script: the clock runs from the navigation, and nothing of the test's is in it. @param {string} code @param {any} [arg] */
    async asScript(code, arg) {
      server.show(`<!doctype html><title>start</title><script type="module">const arg = ${JSON.stringify(arg ?? null)}; window.result = (async () => { ${code} })();</script>`);
      const p = await page();
      try {
        await p.goto();
        return await p.evaluate('return window.result');
      } finally {
        await p.close();
        server.show('<!doctype html><title>bench</title>');
      }
    },
  };
}
