// The files of one package in the order of need: a few at a time, a few ahead of who takes them.

/**
 * @typedef {import('./library.js').File} File
 * @typedef {import('./library.js').Library} Library
 * @typedef {import('../core/source.js').SourceSpec} SourceSpec
 */

const IN_FLIGHT = 4;
const AHEAD = 8; // got and not taken yet: 32 MB of shards

export class Fetcher {
  #library;
  #files;
  #places;
  #signal;
  #onProgress;
  /** By name; removed when taken. @type {Map<string, Promise<Uint8Array>>} */
  #begun = new Map();
  #next = 0;
  #flying = 0;
  /** @type {Map<string, number>} */
  #loaded = new Map();
  /** For files that are here: memory that was used before costs nothing. @type {Uint8Array[]} */
  #free = [];
  /** @type {WeakSet<ArrayBufferLike>} */
  #lent = new WeakSet();
  #most;
  total = 0;

  /**
   * @param {Library} library
   * @param {File[]} files
   * @param {(name: string) => SourceSpec[]} places where a file may be had
   * @param {{ signal?: AbortSignal, onProgress?: (loaded: number, total: number) => void }} [options] total 0: unknown
   */
  constructor(library, files, places, { signal, onProgress } = {}) {
    this.#library = library;
    this.#files = [...new Map(files.map((file) => [file.file, file])).values()];
    this.#places = places;
    this.#most = Math.max(0, ...files.map(({ size = 0 }) => size));
    this.#signal = signal;
    this.#onProgress = onProgress;
    this.total = this.#files.reduce((sum, { size }) => sum + (size ?? NaN), 0) || 0;
    this.#fill();
  }

  /** So many bytes of the package are there. */
  get loaded() {
    return [...this.#loaded.values()].reduce((a, b) => a + b, 0);
  }

  #fill() {
    while (this.#next < this.#files.length && this.#flying < IN_FLIGHT && this.#begun.size < AHEAD && !this.#signal?.aborted) {
      const file = this.#files[this.#next++];
      if (!this.#loaded.has(file.file)) this.#begin(file);
    }
  }

  /** @param {File} file */
  #begin(file) {
    this.#flying++;
    this.#loaded.set(file.file, 0);
    const bytes = this.#library.get(file, this.#places(file.file), {
      signal: this.#signal, buffers: (size) => this.#buffer(size),
      onBytes: (n) => {
        this.#loaded.set(file.file, n);
        this.#onProgress?.(this.loaded, this.total);
      },
    });
    // on its way until it is kept: what a sudden end loses is so many files at most
    bytes.catch(() => {}).then(() => this.#library.written(file.sha256)).then(() => { // an error is said when it is taken
      this.#flying--;
      this.#fill();
    });
    this.#begun.set(file.file, bytes);
    return bytes;
  }

  /** @param {number} size */
  #buffer(size) {
    if (size > this.#most || 4 * size < this.#most) return new Uint8Array(size); // damaged; too small to hold so much
    const whole = this.#free.pop() ?? new Uint8Array(this.#most);
    this.#lent.add(whole.buffer);
    return whole.subarray(0, size);
  }

  /** Bytes that were taken and are not used any more. @param {Uint8Array} [bytes] */
  give({ buffer } = new Uint8Array(0)) {
    if (this.#lent.delete(buffer)) this.#free.push(new Uint8Array(buffer));
  }

  /** @param {File} file one of those given @returns {Promise<Uint8Array>} */
  async take(file) {
    const bytes = this.#begun.get(file.file) ?? this.#begin(file);
    this.#begun.delete(file.file);
    this.#fill();
    try {
      return await bytes;
    } finally {
      this.#begun.delete(file.file);
    }
  }
}

/**
 * Shards as the one file that the graph refers to.
 * @param {(shard: File) => Promise<Uint8Array>} take
 * @param {(shard: Uint8Array | undefined) => void} give called with what was taken, when the next is wanted
 * @param {File[]} shards with the sizes of what is taken
 * @param {string} name
 * @returns {import('../core/source.js').Pieces}
 */
export function joined(take, give, shards, name) {
  let end = 0;
  const starts = shards.map(({ size = 0 }) => (end += size) - size);
  let at = -1;
  /** @type {Uint8Array | undefined} */
  let bytes;
  return { kind: 'pieces', pieces: {
    name, size: end, close() {},
    async read(offset, length) {
      let i = starts.length - 1;
      while (i > 0 && starts[i] > offset) i--;
      if (i !== at || !bytes) {
        give(bytes);
        bytes = await take(shards[i]);
        at = i;
      }
      return bytes.subarray(offset - starts[i], offset - starts[i] + length);
    },
  } };
}
