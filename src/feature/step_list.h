/* Every step of quern-features.wasm, by family: QN_STEP(name) for a `const qn_step_type qn_step_<name>`. Pictures: image/step_list.h. */
/* sound */
QN_STEP(mono)
QN_STEP(gain)
QN_STEP(resample)
QN_STEP(pre_emphasis)
QN_STEP(fit_length)
QN_STEP(frames)
QN_STEP(spectrum)
QN_STEP(mel)
QN_STEP(log)
QN_STEP(dct)
QN_STEP(deltas)
QN_STEP(standardize)
QN_STEP(frame_layout)
/* rows */
/* answers */
QN_STEP(softmax)
QN_STEP(top_k)
QN_STEP(pool)
QN_STEP(l2_norm)
QN_STEP(nearest)
