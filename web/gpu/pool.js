// Buffers of a device that are used again. Sizes are rounded up to a few classes, so that tensors of about the same size share them.

/** users: how many values, and results not yet computed, need its contents. @typedef {{ gpu: GPUBuffer, size: number, users: number }} Block */

const STORAGE = 0x80 | 0x4 | 0x8; // STORAGE | COPY_SRC | COPY_DST

/** The least of 4, 5, 6 and 7 times a power of two that is not less. @param {number} bytes */
export function classOf(bytes) {
  let step = 64;
  while (7 * step < bytes) step *= 2;
  return step * Math.max(4, Math.ceil(bytes / step));
}

export class Pool {
  #device;
  /** @type {Map<number, Block[]>} */
  #free = new Map();
  /** @type {Set<Block>} */
  #all = new Set();

  /** @param {GPUDevice} device */
  constructor(device) {
    this.#device = device;
  }

  get count() {
    return this.#all.size;
  }

  get bytes() {
    return [...this.#all].reduce((sum, block) => sum + block.size, 0);
  }

  /** @param {number} bytes @returns {Block} with one user */
  take(bytes) {
    const size = classOf(bytes), block = this.#free.get(size)?.pop() ?? this.#make(size);
    block.users = 1;
    return block;
  }

  /** One that is no other's: it is given back by destroy(). @param {number} bytes @returns {Block} */
  own(bytes) {
    return this.#make(Math.max(16, (bytes + 15) & ~15));
  }

  /** @param {number} size @returns {Block} */
  #make(size) {
    const block = { gpu: this.#device.createBuffer({ size, usage: STORAGE }), size, users: 1 };
    this.#all.add(block);
    return block;
  }

  /** One user less. @param {Block} block */
  drop(block) {
    if (--block.users) return;
    const list = this.#free.get(block.size);
    if (list) list.push(block);
    else this.#free.set(block.size, [block]);
  }

  /** @param {Block} block */
  destroy(block) {
    block.gpu.destroy();
    this.#all.delete(block);
  }

  dispose() {
    for (const block of this.#all) block.gpu.destroy();
    this.#all.clear();
    this.#free.clear();
  }
}
