#include "kernel/lookup.h"

#include <string.h>

int qn_string_compare(qn_string a, qn_string b) {
  const size_t n = a.length < b.length ? a.length : b.length;
  const int order = n ? memcmp(a.data, b.data, n) : 0;
  return order ? order : (a.length > b.length) - (a.length < b.length);
}

static int compare(const qn_lookup *l, uint32_t i, qn_string text, uint64_t number) {
  if (l->text) return qn_string_compare(l->text[i], text);
  return (l->numbers[i] > number) - (l->numbers[i] < number);
}

void qn_lookup_sort(qn_lookup *l, uint32_t *order, uint32_t *spare) {
  const size_t n = l->count;
  for (size_t i = 0; i < n; i++) order[i] = (uint32_t)i;
  for (size_t width = 1; width < n; width *= 2) { /* a stable merge sort: of equal keys the last one of the list stays last */
    for (size_t from = 0; from < n; from += 2 * width) {
      const size_t mid = from + width < n ? from + width : n, to = mid + width < n ? mid + width : n;
      size_t a = from, b = mid;
      for (size_t k = from; k < to; k++) {
        const bool left = b >= to || (a < mid && compare(l, order[a], l->text ? l->text[order[b]] : (qn_string){0}, l->text ? 0 : l->numbers[order[b]]) <= 0);
        spare[k] = order[left ? a++ : b++];
      }
    }
    uint32_t *swap = order;
    order = spare;
    spare = swap;
  }
  l->order = order;
}

static int64_t find(const qn_lookup *l, qn_string text, uint64_t number) {
  size_t from = 0, to = l->count; /* the first one that is greater */
  while (from < to) {
    const size_t mid = from + (to - from) / 2;
    if (compare(l, l->order[mid], text, number) <= 0) from = mid + 1;
    else to = mid;
  }
  return from && compare(l, l->order[from - 1], text, number) == 0 ? (int64_t)l->order[from - 1] : -1;
}

int64_t qn_lookup_text(const qn_lookup *l, qn_string key) { return find(l, key, 0); }
int64_t qn_lookup_number(const qn_lookup *l, uint64_t key) { return find(l, (qn_string){0}, key); }

uint64_t qn_lookup_key(double value) {
  uint64_t key;
  if (value != value) return UINT64_MAX;
  value += 0.0; /* -0 is 0 */
  memcpy(&key, &value, sizeof key);
  return key;
}
