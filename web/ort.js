// onnxruntime-web's names over Quern, on the calling thread: code written for it changes its import only.
// Behaviour follows onnxruntime-web 1.30. What has no meaning here (optimisation levels, paths of onnxruntime's own files, graphics devices) is
// accepted without effect. The declarations are ort/ort-types.d.ts, which tests/types checks against this file.
import { QuernError } from './core/errors.js';
import { init } from './core/runtime.js';
import { TRACE, TRACE_EVENT_BEGIN, TRACE_EVENT_END, TRACE_FUNC_BEGIN, TRACE_FUNC_END, env, registerBackend } from './ort/ort-env.js';
import { InferenceSession } from './ort/ort-session.js';
import { Tensor } from './ort/ort-tensor.js';

export { InferenceSession, QuernError, TRACE, TRACE_EVENT_BEGIN, TRACE_EVENT_END, TRACE_FUNC_BEGIN, TRACE_FUNC_END, Tensor, env, init, registerBackend };

export default { InferenceSession, QuernError, TRACE, TRACE_EVENT_BEGIN, TRACE_EVENT_END, TRACE_FUNC_BEGIN, TRACE_FUNC_END, Tensor, env, init, registerBackend };
