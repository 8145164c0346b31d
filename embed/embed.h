/* A shared library that carries its model: link it, load, run. Everything else is in quern.h.
 *
 *   qn_model *m = qn_embedded_load();
 *   if (!m || qn_model_error(m)->code != QN_OK) …
 *   qn_input_bind(m, 0, QN_FLOAT, 2, dims); memcpy(qn_input_value(m, 0)->tensor.data, …);
 *   qn_run_start(m); qn_run_step(m, 0, &done); qn_output_value(m, 0)->tensor.data …
 *   qn_model_free(m); */
#ifndef QN_EMBED_H
#define QN_EMBED_H

#include "quern.h"

/* The model, loaded, for qn_model_free(). NULL without memory; when it cannot be loaded, qn_model_error() says why. */
qn_model *qn_embedded_load(void);
/* The ONNX file inside; lives as long as the library. */
const void *qn_embedded_bytes(size_t *size);
/* Of the package, e.g. "digits" and "1.2.0". */
const char *qn_embedded_name(void);
const char *qn_embedded_version(void);

#endif
