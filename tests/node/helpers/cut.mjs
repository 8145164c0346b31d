// Parts of ONNX files for comparisons node by node: reads the few protobuf fields that this takes.
import { port } from '../onnx-writer.mjs';

const text = new TextDecoder();

/** @param {Uint8Array} data @returns {{ field: number, wire: number, value: bigint | Uint8Array, raw: Uint8Array }[]} */
export function fields(data) {
  const out = [];
  let at = 0;
  const varint = () => {
    let v = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const b = data[at++];
      v |= BigInt(b & 127) << shift;
      if (b < 128) return v;
    }
  };
  while (at < data.length) {
    const start = at, tag = Number(varint()), wire = tag & 7;
    let value;
    if (wire === 0) value = varint();
    else {
      const size = wire === 2 ? Number(varint()) : wire === 1 ? 8 : 4;
      value = data.subarray(at, at += size);
    }
    out.push({ field: tag >> 3, wire, value, raw: data.subarray(start, at) });
  }
  return out;
}

const join = (parts) => Uint8Array.from(Buffer.concat(parts));
const varint = (n) => {
  const out = [];
  for (; n > 127; n = Math.floor(n / 128)) out.push((n % 128) | 128);
  return Uint8Array.from([...out, n]);
};
const message = (field, body) => join([varint((field << 3) | 2), varint(body.length), body]);

/** @param {Uint8Array} bytes an ONNX file */
export function readGraph(bytes) {
  const top = fields(bytes), graph = fields(top.find((f) => f.field === 7).value);
  const nodes = graph.filter((f) => f.field === 1).map(({ value, raw }) => {
    const parts = fields(value), strings = (n) => parts.filter((p) => p.field === n).map((p) => text.decode(p.value));
    return { op: strings(4)[0], in: strings(1), out: strings(2), raw };
  });
  const initializers = new Map(graph.filter((f) => f.field === 5).map(({ value, raw }) => [text.decode(fields(value).find((p) => p.field === 8).value), raw]));
  return { head: join(top.filter((f) => f.field !== 7).map((f) => f.raw)), nodes, initializers, producer: new Map(nodes.flatMap((n) => n.out.map((o) => [o, n]))) };
}

/** The file with more outputs: a second graph message merges into the first. */
export const withOutputs = (bytes, ports) => join([bytes, message(7, join(ports.map((p) => message(12, port(p)))))]);

/**
 * The part of a graph between values.
 * @param {ReturnType<typeof readGraph>} g
 * @param {{ name: string, type: string, dims: number[] }[]} inputs
 * @param {{ name: string, type: string, dims: null }[]} outputs
 */
export function cut(g, inputs, outputs) {
  const stop = new Set(inputs.map((p) => p.name)), wanted = new Set(), weights = new Set();
  const visit = (name) => {
    if (stop.has(name)) return;
    if (g.initializers.has(name)) weights.add(name);
    const node = g.producer.get(name);
    if (!node || wanted.has(node)) return;
    wanted.add(node);
    node.in.forEach(visit);
  };
  outputs.forEach((p) => visit(p.name));
  const body = [...g.nodes.filter((n) => wanted.has(n)).map((n) => n.raw), message(2, new TextEncoder().encode('part')), ...[...weights].map((n) => g.initializers.get(n)),
    ...inputs.map((p) => message(11, port(p))), ...outputs.map((p) => message(12, port(p)))];
  return join([g.head, message(7, join(body))]);
}

/** The nearest values among `names` that `output` is computed from. */
export function sourcesOf(g, output, names) {
  const found = new Set(), seen = new Set();
  const visit = (name, first) => {
    if (!first && names.has(name)) return found.add(name);
    const node = g.producer.get(name);
    if (!node || seen.has(node)) return undefined;
    seen.add(node);
    return node.in.forEach((n) => visit(n, false));
  };
  visit(output, true);
  return [...found];
}
