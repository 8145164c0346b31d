// Between package, plain ONNX and safetensors.
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { OnnxFile, bytesOf } from './onnx-file.js';
import { PackError, isPackage, modelOf, onnxOf, openPackage } from './package-folder.js';
import { readSafetensors, writeSafetensors } from './safetensors.js';

/** The model that a file or a package holds. @param {string} target @param {{ role?: string, version?: string, secret?: import('./encryption.js').SecretKey }} options */
export function openModel(target, { role, version, secret }) {
  if (!isPackage(target)) return OnnxFile.open(target);
  const { folder, manifest } = openPackage(target, { version, secret });
  return onnxOf(folder, modelOf(manifest, role)[1]);
}

/**
 * Puts the values of a safetensors file in the place of those of the same name. Types and shapes have to agree.
 * @param {OnnxFile} onnx
 * @param {string} file
 */
export function replaceParameters(onnx, file) {
  const given = readSafetensors(file);
  const names = new Set(onnx.tensors.map((t) => t.name)), odd = [...given.keys()].filter((name) => !names.has(name));
  if (odd.length) throw new PackError(`${file} has ${odd.length} tensors that the model does not: ${odd.slice(0, 5).map((n) => `'${n}'`).join(', ')}${odd.length > 5 ? ' …' : ''}`);
  onnx.tensors = onnx.tensors.map((t) => {
    const found = given.get(t.name);
    if (!found) return t;
    if (found.type !== t.type || found.dims.join() !== t.dims.join()) throw new PackError(`'${t.name}' is ${t.type} [${t.dims.join(', ')}] in the model, ${found.type} [${found.dims.join(', ')}] in ${file}`);
    if (found.length !== bytesOf(t.type, t.dims)) throw new PackError(`'${t.name}' has ${found.length} bytes in ${file}; its shape takes ${bytesOf(t.type, t.dims)}`);
    return { ...t, read: found.read };
  });
  return given.size;
}

/** One file; what protobuf cannot hold (2 GB) goes beside it, as ONNX's external data. @param {OnnxFile} onnx @param {string} to */
function writeOnnx(onnx, to) {
  const total = onnx.tensors.reduce((n, t) => n + t.length, 0);
  if (total < 2 ** 31 - (1 << 24)) {
    writeFileSync(to, onnx.write());
    return [to];
  }
  const beside = `${path.basename(to)}.data`, places = new Map(), handle = openSync(`${to}.data`, 'w');
  let at = 0;
  try {
    for (const t of onnx.tensors.filter((x) => x.length >= 1024)) {
      at = Math.ceil(at / 4096) * 4096; // so that it can be mapped
      const data = t.read();
      for (let n = 0; n < data.length;) n += writeSync(handle, data, n, Math.min(data.length - n, 1 << 28), at + n);
      places.set(t.name, { location: beside, offset: at });
      at += data.length;
    }
  } finally {
    closeSync(handle);
  }
  writeFileSync(to, onnx.write((t) => places.get(t.name)));
  return [to, `${to}.data`];
}

/**
 * @param {string} from an ONNX file or a package
 * @param {string} to *.onnx or *.safetensors
 * @param {{ role?: string, version?: string, params?: string, secret?: import('./encryption.js').SecretKey }} options params: a safetensors file with other values
 */
export function convert(from, to, options) {
  const onnx = openModel(from, options), replaced = options.params ? replaceParameters(onnx, options.params) : 0;
  if (/\.safetensors$/.test(to)) return { files: [to], replaced, tensors: onnx.tensors.length, left: writeSafetensors(to, onnx.tensors) };
  if (!/\.onnx$/.test(to)) throw new PackError(`'${to}' says no format: expected a name that ends with .onnx or .safetensors (quern pack makes packages)`);
  return { files: writeOnnx(onnx, to), replaced, tensors: onnx.tensors.length, left: [] };
}
