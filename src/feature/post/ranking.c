#include "feature/post/ranking.h"

qn_status qn_ranking_plan(qn_stage *s, const qn_setting *labels, int64_t classes, const char *what, int64_t most, qn_error *err) {
  if (labels->json && labels->count != classes) return qn_stage_fail(s, err, QN_ERR_SHAPE, "there are %d labels for %lld %s", labels->count, (long long)classes, what);
  if (labels->json) QN_TRY(qn_stage_result(s, "label", QN_STRING, 1, &most, err));
  QN_TRY(qn_stage_result(s, "score", QN_FLOAT, 1, &most, err));
  return qn_stage_result(s, "index", QN_INT32, 1, &most, err);
}

qn_ranking qn_ranking_start(qn_stage *s, const qn_setting *labels) {
  const int first = labels->json ? 1 : 0;
  return (qn_ranking){.labels = first ? labels->texts : NULL, .label = first ? s->results[0].tensor.data : NULL,
                      .score = s->results[first].tensor.data, .index = s->results[first + 1].tensor.data, .most = s->results[first].most_rows};
}

void qn_ranking_append(qn_ranking *r, float score, int32_t index) {
  if (r->count == r->most) return;
  r->score[r->count] = score;
  r->index[r->count++] = index;
}

void qn_ranking_insert(qn_ranking *r, float score, int32_t index) {
  if (!r->most || (r->count == r->most && score <= r->score[r->count - 1])) return;
  int64_t at = r->count < r->most ? r->count++ : r->count - 1;
  for (; at > 0 && r->score[at - 1] < score; at--) r->score[at] = r->score[at - 1], r->index[at] = r->index[at - 1];
  r->score[at] = score, r->index[at] = index;
}

void qn_ranking_finish(qn_stage *s, qn_ranking *r) {
  for (int i = 0; i < s->result_count; i++) qn_stage_rows(s, i, r->count);
  if (r->labels)
    for (int64_t i = 0; i < r->count; i++) r->label[i] = r->labels[r->index[i]];
}
