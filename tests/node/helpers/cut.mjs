// Parts of ONNX files for comparisons node by node: reads the few protobuf fields that this takes.
import { bytes as message, concat as join, fields, text } from '../../../web/pack/wire.js';
import { port } from '../onnx-writer.mjs';

/** @param {Uint8Array} bytes an ONNX file */
export function readGraph(bytes) {
  const top = fields(bytes), graph = fields(top.find((f) => f.field === 7).bytes);
  const nodes = graph.filter((f) => f.field === 1).map(({ bytes, raw }) => {
    const parts = fields(bytes), strings = (n) => parts.filter((p) => p.field === n).map((p) => text(p.bytes));
    return { op: strings(4)[0], in: strings(1), out: strings(2), raw };
  });
  const initializers = new Map(graph.filter((f) => f.field === 5).map(({ bytes, raw }) => [text(fields(bytes).find((p) => p.field === 8).bytes), raw]));
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
