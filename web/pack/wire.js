// Protocol buffers on the wire (protobuf.dev/programming-guides/encoding): fields out of bytes, bytes out of fields.

/**
 * wire 0: value is a bigint of 64 bits; 1, 2 and 5: bytes. raw: the field with its tag, to write it as it was.
 * @typedef {{ field: number, wire: number, value: bigint, bytes: Uint8Array, raw: Uint8Array }} Field
 */

const encoder = new TextEncoder(), decoder = new TextDecoder();
const NOTHING = new Uint8Array(0);

export class WireError extends Error {}

/** @param {readonly Uint8Array[]} parts */
export function concat(parts) {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

/** @param {bigint | number} value negative ones as 64 bits */
export function varint(value) {
  let v = BigInt.asUintN(64, BigInt(value));
  const bytes = [];
  do {
    bytes.push(Number(v & 127n) | (v > 127n ? 128 : 0));
    v >>= 7n;
  } while (v);
  return Uint8Array.from(bytes);
}

/** @param {number} field @param {bigint | number} value */
export const int = (field, value) => concat([varint(field * 8), varint(value)]);
/** @param {number} field @param {string | Uint8Array} value */
export function bytes(field, value) {
  const data = typeof value === 'string' ? encoder.encode(value) : value;
  return concat([varint(field * 8 + 2), varint(data.length), data]);
}
/** @param {number} field @param {number} value */
export const float = (field, value) => concat([varint(field * 8 + 5), new Uint8Array(Float32Array.of(value).buffer)]);
/** @template T @param {(field: number, value: T) => Uint8Array} write @param {number} field @param {readonly T[]} values */
export const many = (write, field, values) => concat(values.map((v) => write(field, v)));

/**
 * The fields of a message. Their bytes are views of `data`.
 * @param {Uint8Array} data
 * @returns {Field[]}
 */
export function fields(data) {
  const out = [];
  let at = 0;
  const cut = () => new WireError(`a field is cut off at byte ${at}`);
  /** What fits a number is not made a bigint on the way: lengths are read by the million. */
  const small = () => {
    let v = 0, scale = 1;
    for (let i = 0; i < 10; i++, scale *= 128) {
      if (at >= data.length) throw cut();
      const b = data[at++];
      v += (b & 127) * scale;
      if (b < 128) return v;
    }
    throw new WireError(`a number of more than ten bytes before byte ${at}`);
  };
  while (at < data.length) {
    const start = at, tag = small(), wire = tag & 7;
    let value = 0n, body = /** @type {Uint8Array} */ (NOTHING);
    if (wire === 0) {
      const from = at, number = small();
      value = Number.isSafeInteger(number) ? BigInt(number) : BigInt.asUintN(64, data.subarray(from, at).reduceRight((v, b) => (v << 7n) | BigInt(b & 127), 0n));
    } else {
      const size = wire === 2 ? small() : wire === 1 ? 8 : wire === 5 ? 4 : -1;
      if (size < 0) throw new WireError(`a field of the unknown kind ${wire} at byte ${start}`);
      if (at + size > data.length) throw cut();
      body = data.subarray(at, at += size);
    }
    out.push({ field: Math.floor(tag / 8), wire, value, bytes: body, raw: data.subarray(start, at) });
  }
  return out;
}

/** @param {Uint8Array} data */
export const text = (data) => decoder.decode(data);

/** The last one of a field, as protobuf counts it. @param {readonly Field[]} list @param {number} field */
export const last = (list, field) => list.filter((f) => f.field === field).at(-1);
/** @param {readonly Field[]} list @param {number} field */
export const textOf = (list, field) => text(last(list, field)?.bytes ?? NOTHING);
/** @param {readonly Field[]} list @param {number} field @param {number} [otherwise] */
export const numberOf = (list, field, otherwise = 0) => {
  const found = last(list, field);
  return found ? Number(BigInt.asIntN(64, found.value)) : otherwise;
};

/** Integers of a repeated field, packed or one by one. @param {readonly Field[]} list @param {number} field */
export function intsOf(list, field) {
  const out = [];
  for (const f of list) {
    if (f.field !== field) continue;
    if (f.wire === 0) out.push(BigInt.asIntN(64, f.value));
    else for (let at = 0; at < f.bytes.length;) {
      let v = 0n, b = 128;
      for (let shift = 0n; b > 127; shift += 7n) {
        if (at >= f.bytes.length) throw new WireError('a packed number is cut off');
        b = f.bytes[at++];
        v |= BigInt(b & 127) << shift;
      }
      out.push(BigInt.asIntN(64, v));
    }
  }
  return out;
}
