// Reports that could not be sent, where the next page of this origin finds them: one response each in the Cache API, named by the endpoint
// and the time. Who removes one has it: two tabs do not send the same.

const NAME = 'quern-monitor';
const MOST_AGE = 86_400_000; // ms; what is older says nothing any more that anybody waits for

/** @typedef {{ text: string, key?: string, kept?: boolean }} Report key: its place on the shelf, in the order of time; kept: it lies there */

/** Nothing is kept where there is no such cache: in plain http, in Node. */
const open = async () => (globalThis.caches ? caches.open(NAME).catch(() => null) : null);

export class Shelf {
  #prefix;
  #count = 0;

  /** @param {string} endpoint */
  constructor(endpoint) {
    this.#prefix = `${globalThis.location?.origin ?? ''}/.quern/reports/${encodeURIComponent(endpoint)}/`; // nothing is ever fetched from there
  }

  /** @param {Report} report */
  async put(report) {
    const cache = !report.kept && await open();
    if (!cache) return;
    report.kept = true;
    report.key ??= this.#prefix + `${Date.now()}-${String(this.#count++).padStart(6, '0')}-${Math.random().toString(36).slice(2)}`;
    await cache.put(report.key, new Response(report.text)).catch(() => { report.kept = false; }); // a full disk: it stays in memory
  }

  /** Before it is sent. @param {Report} report @returns {Promise<boolean>} false: another page has taken it */
  async take(report) {
    const { key, kept } = report;
    if (!key || !kept) return true;
    report.kept = false;
    return await (await open())?.delete(key) ?? true;
  }

  /** What earlier pages left, oldest first; it is this page's now. @param {number} most @returns {Promise<{ reports: Report[], dropped: number }>} */
  async rest(most) {
    const cache = await open();
    /** @type {Report[]} */
    const reports = [];
    let dropped = 0;
    const keys = ((await cache?.keys()) ?? []).map(({ url }) => url).filter((url) => url.startsWith(this.#prefix)).sort();
    for (const key of keys.reverse()) { // the newest are worth most
      const old = Date.now() - parseInt(key.slice(this.#prefix.length), 10) > MOST_AGE, text = await (await cache?.match(key))?.text();
      if (!(await cache?.delete(key)) || !text) continue;
      if (old || reports.length >= most) dropped++;
      else reports.unshift({ text, key });
    }
    return { reports, dropped };
  }
}
