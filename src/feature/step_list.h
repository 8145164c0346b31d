/* Every step of quern-features.wasm, by family: QN_STEP(name) for a `const qn_step_type qn_step_<name>`. */
/* pictures */
QN_STEP(color)
QN_STEP(resize)
QN_STEP(normalize)
QN_STEP(layout)
/* sound */
/* rows */
/* answers */
QN_STEP(softmax)
QN_STEP(top_k)
QN_STEP(pool)
QN_STEP(l2_norm)
QN_STEP(nearest)
