// Pictures to tensors and back, as onnxruntime-web's Tensor.fromImage and toImageData: value = (pixel + bias) / mean.
// Where onnxruntime-web refuses or ignores an option that its documentation has (NHWC, dataType, resizing), the option is carried out.

/**
 * @typedef {'RGB' | 'RGBA' | 'BGR' | 'RBG'} ImageFormat
 * @typedef {number | readonly number[]} PerChannel one number for all channels or one each for R, G, B, A
 * @typedef {{ format?: ImageFormat, tensorFormat?: ImageFormat, tensorLayout?: 'NCHW' | 'NHWC', dataType?: 'float32' | 'uint8', width?: number, height?: number,
 *   resizedWidth?: number, resizedHeight?: number, norm?: { mean?: PerChannel, bias?: PerChannel } }} ImageOptions
 * @typedef {{ data: Uint8ClampedArray, width: number, height: number, format: ImageFormat }} Pixels RGBA; format: what the tensor gets unless told
 */

/** Places of the channels R, G, B, A in a pixel, in the order of the format. @type {Record<string, number[]>} */
const CHANNELS = { RGB: [0, 1, 2], RGBA: [0, 1, 2, 3], BGR: [2, 1, 0], RBG: [0, 2, 1] };

/** @param {string} name @param {unknown} value */
const isA = (name, value) => {
  const Type = /** @type {any} */ (globalThis)[name];
  return Boolean(Type) && value instanceof Type;
};

/** @param {string} format */
function channelsOf(format) {
  const channels = CHANNELS[format];
  if (!channels) throw new Error(`The picture format '${format}' is not known: ${Object.keys(CHANNELS).join(', ')}.`);
  return channels;
}

/** @param {PerChannel | undefined} value @param {number} fallback @returns {number[]} for R, G, B, A */
const perChannel = (value, fallback) => [0, 1, 2, 3].map((i) => (typeof value === 'number' ? value : value?.[i]) ?? fallback);

/** @param {string | undefined} layout */
function isNhwc(layout = 'NCHW') {
  if (layout !== 'NCHW' && layout !== 'NHWC') throw new Error(`The tensor layout '${layout}' is not known: NCHW or NHWC.`);
  return layout === 'NHWC';
}

/** @param {number} width @param {number} height */
function contextOf(width, height) {
  const canvas = globalThis.OffscreenCanvas ? new OffscreenCanvas(width, height)
    : globalThis.document ? Object.assign(document.createElement('canvas'), { width, height }) : null;
  const context = /** @type {OffscreenCanvasRenderingContext2D | null | undefined} */ (canvas?.getContext('2d', { willReadFrequently: true }));
  if (!context) throw new Error(`There is no canvas of ${width}×${height} here, which reading a picture needs.`);
  return context;
}

/**
 * @param {any} image
 * @param {ImageOptions} options
 * @returns {Promise<Pixels>}
 */
export async function pixelsOf(image, options) {
  /** @type {ImageFormat} */
  let format = 'RGB';
  let source = image;
  let { width, height } = image ?? {};
  let close = () => {};
  if (typeof image === 'string') {
    if (!image) throw new Error('Tensor.fromImage() was given an empty URL.');
    const response = await fetch(image);
    if (!response.ok) throw new Error(`The picture was not found: ${image} gave ${response.status}.`);
    if (!globalThis.createImageBitmap) throw new Error('There is no image decoder here: give ImageData.');
    source = await createImageBitmap(await response.blob());
    close = () => source.close();
    // the size at which the picture is read, when it is given
    width = options.width ?? source.width;
    height = options.height ?? source.height;
  } else if (isA('HTMLImageElement', image)) {
    await image.decode();
    ({ width, height } = image);
    format = 'RGBA'; // as onnxruntime-web: for an element the tensor has four channels unless told otherwise
  } else if (!isA('ImageBitmap', image) && !isA('ImageData', image)) {
    throw new Error(`A tensor is made from ImageData, an img element, an ImageBitmap or a URL, got ${image === null ? 'null' : image?.constructor?.name ?? typeof image}.`);
  }
  const [toWidth, toHeight] = [options.resizedWidth ?? width, options.resizedHeight ?? height];
  if (!(toWidth > 0) || !(toHeight > 0)) throw new Error(`The picture has the size ${toWidth}×${toHeight}: nothing to read.`);
  const same = toWidth === image.width && toHeight === image.height;
  if (isA('ImageData', image)) {
    if (same) return { data: image.data, width, height, format };
    const whole = contextOf(width, height);
    whole.putImageData(image, 0, 0);
    source = whole.canvas;
  }
  const context = contextOf(toWidth, toHeight);
  context.drawImage(source, 0, 0, toWidth, toHeight);
  close();
  return { data: context.getImageData(0, 0, toWidth, toHeight).data, width: toWidth, height: toHeight, format };
}

/**
 * @param {Pixels} pixels
 * @param {ImageOptions} options
 * @returns {{ type: 'float32' | 'uint8', data: Float32Array | Uint8Array, dims: number[] }}
 */
export function tensorOfPixels({ data, width, height, format }, { tensorFormat = format, tensorLayout, dataType = 'float32', norm }) {
  if (dataType !== 'float32' && dataType !== 'uint8') throw new Error(`A picture becomes a tensor of float32 or uint8, not '${dataType}'.`);
  const channels = channelsOf(tensorFormat);
  const nhwc = isNhwc(tensorLayout);
  // bytes stay what they are unless a norm is given
  const mean = perChannel(norm?.mean, dataType === 'uint8' && !norm ? 1 : 255);
  const bias = perChannel(norm?.bias, 0);
  const count = width * height;
  const out = new (dataType === 'uint8' ? Uint8ClampedArray : Float32Array)(count * channels.length);
  channels.forEach((channel, c) => {
    const [from, step] = nhwc ? [c, channels.length] : [c * count, 1];
    for (let i = 0; i < count; i++) out[from + step * i] = (data[4 * i + channel] + bias[channel]) / mean[channel];
  });
  return { type: dataType, data: dataType === 'uint8' ? new Uint8Array(out.buffer) : /** @type {Float32Array} */ (out), dims: nhwc ? [1, height, width, channels.length] : [1, channels.length, height, width] };
}

/**
 * @param {{ dims: readonly number[], data: any }} tensor
 * @param {ImageOptions} [options]
 * @returns {ImageData}
 */
export function imageDataOf({ dims, data }, { format, tensorLayout, norm } = {}) {
  if (!globalThis.ImageData) throw new Error('There is no ImageData here: pictures are made in a browser.');
  const nhwc = isNhwc(tensorLayout);
  if (dims.length !== 4 || dims[0] !== 1) throw new Error(`A picture is made from a tensor of [1, channels, height, width], or [1, height, width, channels] as NHWC; this one is [${dims.join(', ')}].`);
  const [depth, height, width] = nhwc ? [dims[3], dims[1], dims[2]] : dims.slice(1);
  const order = depth === 1 && !format ? [0] : channelsOf(format ?? (depth === 4 ? 'RGBA' : 'RGB'));
  if (order.length !== depth) throw new Error(`Tensor format doesn't match input tensor dims: ${format ?? 'RGB'} has ${order.length} channels, the tensor ${depth}.`);
  const mean = perChannel(norm?.mean, 255);
  const bias = perChannel(norm?.bias, 0);
  const count = width * height;
  const image = new ImageData(width, height);
  image.data.fill(255);
  order.forEach((channel, c) => {
    const [from, step] = nhwc ? [c, depth] : [c * count, 1];
    for (let i = 0; i < count; i++) {
      const value = (Number(data[from + step * i]) - bias[channel]) * mean[channel];
      image.data[4 * i + channel] = value;
      if (depth === 1) image.data[4 * i + 1] = image.data[4 * i + 2] = value; // grey
    }
  });
  return image;
}
