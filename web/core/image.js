// Pictures in all the forms that a page has them: a snapshot that can be sent to a worker, then RGBA pixels.
import { QuernError, messageOf } from './errors.js';

/**
 * @typedef {ImageBitmap | HTMLImageElement | HTMLVideoElement | HTMLCanvasElement | OffscreenCanvas | SVGImageElement | ImageData | VideoFrame | Blob
 *   | { data: Uint8Array | Uint8ClampedArray, width: number, height: number } | PlanesInput} ImageInput
 * `data`: RGBA, or RGB or grey when it is that short.
 * Planes as VideoFrame.copyTo() gives them. layout: of each plane (without it they lie one after the other); matrix: bt601 unless another is given;
 * fullRange: brightness from 0 to 255 instead of 16 to 235.
 * @typedef {{ data: Uint8Array, width: number, height: number, format: 'I420' | 'NV12' | 'I422' | 'I444', layout?: readonly { offset: number, stride: number }[],
 *   matrix?: 'bt601' | 'bt709' | 'bt2020', fullRange?: boolean }} PlanesInput
 * @typedef {{ kind: 'bitmap', bitmap: ImageBitmap } | { kind: 'blob', blob: Blob }
 *   | { kind: 'pixels', data: Uint8Array | Uint8ClampedArray, width: number, height: number, planes?: Planes }} ImageSpec
 * @typedef {{ format: string, layout: number[], matrix: string, fullRange: boolean }} Planes layout: offset and stride of each
 * @typedef {{ data: Uint8Array | Uint8ClampedArray, width: number, height: number }} Rgba
 */

/** @param {any} image @returns {image is PlanesInput} */
const hasPlanes = (image) => typeof image?.format === 'string' && !isA('VideoFrame', image);

/** @param {string} name @param {unknown} value */
const isA = (name, value) => {
  const Type = /** @type {any} */ (globalThis)[name];
  return Boolean(Type) && value instanceof Type;
};

export const TAINTED = 'the picture comes from another origin that does not share its pixels: load it with crossorigin="anonymous" from a server that sends Access-Control-Allow-Origin';

/** @param {unknown} cause */
const cannotRead = (cause) => (cause instanceof Error && cause.name === 'SecurityError'
  ? new QuernError('bad-argument', TAINTED, { cause })
  : new QuernError('bad-argument', `the picture could not be read: ${messageOf(cause)}`, { cause }));

/** Pixels that are there already, without a copy: for who is done with them before anybody else acts. @param {any} image @returns {Extract<ImageSpec, { kind: 'pixels' }> | null} */
export function pixelsIn(image) {
  if (!image || !ArrayBuffer.isView(image.data) || !(image.width > 0) || !(image.height > 0)) return null;
  const { data, width, height } = /** @type {any} */ (image);
  return { kind: 'pixels', data, width, height, ...(hasPlanes(image) ? { planes: planesOf(image) } : {}) };
}

/** By format: samples of a row and rows of the planes behind the first, for a width and height. @type {Record<string, (w: number, h: number) => [number, number][]>} */
const CHROMA = {
  I420: (w, h) => Array(2).fill([Math.ceil(w / 2), Math.ceil(h / 2)]), NV12: (w, h) => [[2 * Math.ceil(w / 2), Math.ceil(h / 2)]],
  I422: (w, h) => Array(2).fill([Math.ceil(w / 2), h]), I444: (w, h) => Array(2).fill([w, h]),
};

/** @param {PlanesInput} image @returns {Planes} */
function planesOf({ format, width, height, layout, matrix = 'bt601', fullRange = false }) {
  if (!Object.hasOwn(CHROMA, format)) throw new QuernError('bad-argument', `the format of planes is one of ${Object.keys(CHROMA).join(', ')}, not ${format}`);
  if (!['bt601', 'bt709', 'bt2020'].includes(matrix)) throw new QuernError('bad-argument', `matrix is one of bt601, bt709, bt2020, not ${matrix}`);
  let end = 0;
  const tight = [[width, height], ...CHROMA[format](width, height)].map(([stride, rows]) => ({ offset: (end += stride * rows) - stride * rows, stride })), planes = layout ?? tight;
  if (planes.length !== tight.length) throw new QuernError('bad-argument', `${format} has ${tight.length} planes, layout has ${planes.length}`);
  return { format, layout: planes.flatMap(({ offset, stride }) => [Number(offset), Number(stride)]), matrix, fullRange: Boolean(fullRange) };
}

/**
 * What the picture shows now; later changes of the element do not matter. The result is the caller's own.
 * @param {ImageInput} input
 * @returns {Promise<ImageSpec>}
 */
export async function snapshotImage(input) {
  const image = /** @type {any} */ (input);
  if (isA('Blob', image)) return { kind: 'blob', blob: image };
  if (isA('HTMLImageElement', image)) {
    try {
      await image.decode();
    } catch (cause) {
      throw new QuernError('bad-argument', `the image element has no picture${image.src ? ` (${image.src})` : ''}`, { cause });
    }
  } else if (isA('HTMLVideoElement', image) && image.readyState < 2) {
    throw new QuernError('bad-argument', 'the video has no frame yet: wait for its "loadeddata" event');
  }
  if (['ImageBitmap', 'HTMLImageElement', 'HTMLVideoElement', 'HTMLCanvasElement', 'OffscreenCanvas', 'VideoFrame', 'SVGImageElement'].some((name) => isA(name, image))) {
    try {
      return { kind: 'bitmap', bitmap: await createImageBitmap(image) };
    } catch (cause) {
      throw cannotRead(cause);
    }
  }
  const pixels = pixelsIn(image);
  if (pixels) return { ...pixels, data: pixels.data.slice() };
  throw new QuernError('bad-argument', `a picture is an ImageBitmap, an img, video or canvas element, ImageData, a VideoFrame, a Blob or { data, width, height }; got ${
    image === null ? 'null' : image?.constructor?.name ?? typeof image}`);
}

/** The canvas of the last picture: frames of a camera are of one size, and a new one is millions of bytes to clear. @type {OffscreenCanvasRenderingContext2D | null} */
let context = null;

/** @param {any} source @param {number} width @param {number} height @returns {Rgba} */
function draw(source, width, height) {
  if (context?.canvas.width !== width || context.canvas.height !== height) {
    const canvas = globalThis.OffscreenCanvas ? new OffscreenCanvas(width, height) : Object.assign(document.createElement('canvas'), { width, height });
    context = /** @type {OffscreenCanvasRenderingContext2D | null} */ (canvas.getContext('2d', { willReadFrequently: true }));
    if (!context) throw new Error(`no canvas of ${width}×${height}`);
    context.globalCompositeOperation = 'copy'; // what was there before does not shine through
  }
  const one = context;
  context = null; // a picture of another origin spoils a canvas for good
  one.drawImage(source, 0, 0);
  const { data } = one.getImageData(0, 0, width, height);
  context = one;
  return { data, width, height };
}

/**
 * What a bitmap, canvas, video or frame shows now, at once and without a snapshot between; null for other pictures, and where it cannot be read.
 * @param {any} image
 * @returns {Extract<ImageSpec, { kind: 'pixels' }> | null}
 */
export function pixelsShown(image) {
  const [width, height] = isA('HTMLVideoElement', image) ? [image.readyState < 2 ? 0 : image.videoWidth, image.videoHeight]
    : isA('VideoFrame', image) ? [image.displayWidth, image.displayHeight]
      : ['ImageBitmap', 'HTMLCanvasElement', 'OffscreenCanvas'].some((name) => isA(name, image)) ? [image.width, image.height] : [0, 0];
  try {
    return width && height ? { kind: 'pixels', ...draw(image, width, height) } : null;
  } catch {
    return null; // the way with a snapshot says what is wrong
  }
}

/**
 * Uses up the snapshot.
 * @param {ImageSpec} spec
 * @returns {Promise<Rgba>}
 */
export async function rgbaOf(spec) {
  if (spec.kind === 'pixels' && !spec.planes) return widen(spec);
  if (!globalThis.createImageBitmap) throw new QuernError('unavailable', 'there is no image decoder here: give { data, width, height }');
  let bitmap;
  try {
    bitmap = spec.kind === 'bitmap' ? spec.bitmap : await createImageBitmap(spec.kind === 'blob' ? spec.blob : frameOf(spec));
    return draw(bitmap, bitmap.width, bitmap.height);
  } catch (cause) {
    throw cannotRead(cause);
  } finally {
    bitmap?.close();
  }
}

/** For who takes RGBA alone: the browser knows planes too. @param {Extract<ImageSpec, { kind: 'pixels' }>} spec @returns {VideoFrame} */
function frameOf({ data, width, height, planes }) {
  if (!globalThis.VideoFrame || !planes) throw new Error('this browser has no VideoFrame: give RGBA');
  const { layout, matrix, fullRange } = planes, pairs = layout.filter((_, i) => i % 2 === 0).map((offset, i) => ({ offset, stride: layout[2 * i + 1] }));
  return new VideoFrame(/** @type {any} */ (data), /** @type {any} */ ({ format: planes.format, codedWidth: width, codedHeight: height, timestamp: 0, layout: pairs,
    colorSpace: { matrix: matrix === 'bt601' ? 'smpte170m' : matrix === 'bt709' ? matrix : 'bt2020-ncl', fullRange } }));
}

/** Grey or RGB as RGBA. @param {Rgba} image @returns {Rgba} */
export function widen({ data, width, height }) {
  const count = width * height;
  const channels = data.length / count;
  if (channels === 4) return { data, width, height };
  if (channels !== 3 && channels !== 1)
    throw new QuernError('bad-shape', `a picture of ${width}×${height} has ${4 * count} bytes of RGBA (or ${3 * count} of RGB, ${count} of grey), got ${data.length}`);
  const out = new Uint8ClampedArray(4 * count);
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < 3; c++) out[4 * i + c] = data[channels * i + (channels === 3 ? c : 0)];
    out[4 * i + 3] = 255;
  }
  return { data: out, width, height };
}
