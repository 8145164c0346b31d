/* NonMaxSuppression. */
#include "kernel/order.h"
#include "op/axes.h"

typedef struct box { float y1, x1, y2, x2; } box;

static box corners(const float *p, bool centre) {
  if (centre) /* x, y, width, height */
    return (box){p[1] - p[3] / 2, p[0] - p[2] / 2, p[1] + p[3] / 2, p[0] + p[2] / 2};
  box b = {p[0], p[1], p[2], p[3]};
  if (b.y1 > b.y2) b.y1 = p[2], b.y2 = p[0];
  if (b.x1 > b.x2) b.x1 = p[3], b.x2 = p[1];
  return b;
}

static float overlap(box a, box b) {
  float h = (a.y2 < b.y2 ? a.y2 : b.y2) - (a.y1 > b.y1 ? a.y1 : b.y1), w = (a.x2 < b.x2 ? a.x2 : b.x2) - (a.x1 > b.x1 ? a.x1 : b.x1);
  if (!(h > 0) || !(w > 0)) return 0;
  float both = h * w, all = (a.y2 - a.y1) * (a.x2 - a.x1) + (b.y2 - b.y1) * (b.x2 - b.x1) - both;
  return all > 0 ? both / all : 0;
}

static qn_status plan(qn_step *s) {
  for (int i = 0; i < 2; i++) QN_TRY(qn_check_type(s, i, QN_TYPE_BIT(QN_FLOAT)));
  if (qn_in(s, 2)) QN_TRY(qn_check_type(s, 2, QN_INDEX_TYPES));
  for (int i = 3; i < 5; i++)
    if (qn_in(s, i)) QN_TRY(qn_check_type(s, i, QN_TYPE_BIT(QN_FLOAT)));
  for (int i = 2; i < 5; i++)
    if (qn_in(s, i) && qn_in(s, i)->count != 1) return qn_step_fail(s, QN_ERR_SHAPE, "input %d is not a scalar", i);
  const qn_tensor *boxes = qn_in(s, 0), *scores = qn_in(s, 1);
  if (boxes->rank != 3 || scores->rank != 3 || boxes->dims[2] != 4 || boxes->dims[0] != scores->dims[0] || boxes->dims[1] != scores->dims[2]) {
    char a[QN_SHAPE_TEXT], b[QN_SHAPE_TEXT];
    return qn_step_fail(s, QN_ERR_SHAPE, "boxes of shape %s and scores of shape %s, expected [n, boxes, 4] and [n, classes, boxes]",
                        qn_shape_text(a, boxes->rank, boxes->dims), qn_shape_text(b, scores->rank, scores->dims));
  }
  s->dynamic = true;
  if (scores->count == 0) return QN_OK;
  /* keys, order and the picks of one class; then the picks of all classes are counted and written in a second pass */
  uint64_t bytes = (uint64_t)scores->dims[2] * (3 * sizeof(int64_t) + sizeof(box));
  if (bytes > SIZE_MAX / 2) return qn_step_fail(s, QN_ERR_MEMORY, "too many boxes");
  s->scratch_size = (size_t)bytes;
  return QN_OK;
}

/* The picks of one class, best first, into picks[]; returns how many. */
static int64_t pick(const qn_step *s, int64_t image, int64_t class_index, int64_t most, int64_t *picks) {
  const qn_tensor *boxes = qn_in(s, 0), *scores = qn_in(s, 1);
  int64_t n = scores->dims[2], *keys = picks + n, *order = keys + n;
  box *kept = (box *)(void *)(order + n);
  bool centre = qn_attr_int(s, "center_point_box", 0) != 0;
  float limit = qn_in(s, 3) ? *(const float *)qn_in(s, 3)->data : 0;
  const float *score = (const float *)scores->data + (image * scores->dims[1] + class_index) * n;
  const float *corner = (const float *)boxes->data + image * n * 4;
  int64_t candidates = 0, found = 0;
  for (int64_t i = 0; i < n; i++)
    if (!qn_in(s, 4) || score[i] > *(const float *)qn_in(s, 4)->data) picks[candidates++] = i;
  for (int64_t i = 0; i < candidates; i++) qn_order_keys(QN_FLOAT, score, picks[i], 1, keys + i);
  qn_top_k(keys, candidates, candidates, true, order);
  for (int64_t i = 0; i < candidates; i++) keys[i] = picks[order[i]];
  for (int64_t i = 0; i < candidates && found < most; i++) {
    box b = corners(corner + 4 * keys[i], centre);
    bool free = true;
    for (int64_t k = 0; free && k < found; k++) free = !(overlap(b, kept[k]) > limit);
    if (!free) continue;
    kept[found] = b;
    picks[found++] = keys[i];
  }
  return found;
}

static qn_status run(qn_step *s) {
  const qn_tensor *scores = qn_in(s, 1);
  int64_t most = qn_in(s, 2) ? qn_index_at(qn_in(s, 2), 0) : 0, total = 0;
  if (most > scores->dims[2]) most = scores->dims[2];
  if (most < 0 || scores->count == 0) most = 0;
  int64_t *picks = s->scratch, *y = NULL;
  for (int pass = 0; pass < 2; pass++) { /* count, then write */
    int64_t dims[2] = {total, 3};
    if (pass == 1) {
      QN_TRY(qn_out_dynamic(s, 0, QN_INT64, 2, dims));
      if (!qn_out(s, 0)) return QN_OK;
      y = qn_out(s, 0)->data;
    }
    for (int64_t image = 0; most && image < scores->dims[0]; image++)
      for (int64_t c = 0; c < scores->dims[1]; c++) {
        bool again = pass == 1 && scores->dims[0] * scores->dims[1] == 1; /* the only class is still there */
        int64_t found = again ? total : pick(s, image, c, most, picks);
        total += pass == 0 ? found : 0;
        for (int64_t i = 0; pass == 1 && i < found; i++) {
          *y++ = image;
          *y++ = c;
          *y++ = picks[i];
        }
      }
  }
  return QN_OK;
}

const qn_op qn_op_non_max_suppression = {.domain = "", .name = "NonMaxSuppression", .since = 10, .min_in = 2, .max_in = 5, .min_out = 1,
                                         .max_out = 1, .plan = plan, .run = run};
