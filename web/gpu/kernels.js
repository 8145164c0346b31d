// The operators that the graphics card has: how each is encoded. One line here, a function in ops/.
import { headAttention } from './ops/attention.js';
import { batchNorm } from './ops/batch_norm.js';
import { conv, convTranspose } from './ops/conv.js';
import { ELEMENTWISE, elementwise, nameOf } from './ops/elementwise.js';
import { gather, gatherElements, gatherNd, oneHot, scatter } from './ops/gather.js';
import { gemm, matmul } from './ops/matmul.js';
import { concat, depthToSpace, dropout, expand, pad, reshape, slice, split, tile, transpose, trilu } from './ops/move.js';
import { pool } from './ops/pool.js';
import { argReduce, cumulate, instanceNorm, layerNorm, lpNorm, reduce, skipNorm, softmax } from './ops/reduce.js';
import { resize } from './ops/resize.js';

/** @typedef {(g: import('./executor.js').Executor, s: import('./plan.js').Step) => void} Kernel throws Unsupported, before it has encoded anything */

/** @type {Map<string, Kernel>} */
export const KERNELS = new Map([
  ...[...ELEMENTWISE].map((name) => /** @type {[string, Kernel]} */ ([name, elementwise])),
  ...Object.entries(/** @type {Record<string, Kernel>} */ ({
    MatMul: matmul, MatMulBias: matmul, FusedMatMul: matmul, Gemm: gemm, Conv: conv, ConvTranspose: convTranspose, HeadAttention: headAttention, BatchNormalization: batchNorm,
    MaxPool: pool, AveragePool: pool, LpPool: pool, GlobalMaxPool: pool, GlobalAveragePool: pool, GlobalLpPool: pool,
    Transpose: transpose, Reshape: reshape, Flatten: reshape, Squeeze: reshape, Unsqueeze: reshape, Dropout: dropout, Expand: expand, Tile: tile, Concat: concat, Split: split, Slice: slice, Pad: pad,
    DepthToSpace: depthToSpace, SpaceToDepth: depthToSpace, Trilu: trilu, Resize: resize, Upsample: resize,
    Gather: gather, GatherElements: gatherElements, GatherND: gatherNd, ScatterElements: scatter, Scatter: scatter, ScatterND: scatter, OneHot: oneHot,
    ReduceSum: reduce, ReduceMean: reduce, ReduceProd: reduce, ReduceMax: reduce, ReduceMin: reduce, ReduceSumSquare: reduce, ReduceL1: reduce, ReduceL2: reduce, ReduceLogSum: reduce, ReduceLogSumExp: reduce,
    ArgMax: argReduce, ArgMin: argReduce, Softmax: softmax, LogSoftmax: softmax, Hardmax: softmax, LayerNormalization: layerNorm, RMSNormalization: layerNorm, SimplifiedLayerNormalization: layerNorm,
    'com.microsoft.SkipLayerNormalization': skipNorm, 'com.microsoft.SkipSimplifiedLayerNormalization': skipNorm, InstanceNormalization: instanceNorm, GroupNormalization: instanceNorm,
    CumSum: cumulate, CumProd: cumulate, LpNormalization: lpNorm,
  })),
]);

/** Whether a step goes on with an expression that it reads. @param {import('./plan.js').Step} s */
export const startsChain = (s) => ELEMENTWISE.has(nameOf(s));
