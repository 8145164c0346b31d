/* Every step of quern-text.wasm: QN_STEP(name) for a `const qn_step_type qn_step_<name>`. */
QN_STEP(tokenize)
QN_STEP(detokenize)
QN_STEP(normalize_text)
QN_STEP(vectorize)
