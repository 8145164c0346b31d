/* Prints every step and its parameters, one a line, members parted by tabs: for tools/features-table.mjs.
 *   step NAME SOURCE WHOLE
 *   param NAME KIND LEAST MOST FALLBACK CHOICES LEAST_COUNT MOST_COUNT */
#include <stdio.h>

#include "feature/pipeline.h"

uint64_t qn_now_us(void) { return 0; } /* the library wants a clock; nothing runs here */

#if __has_include("feature/text/step_list.h")
extern const qn_step_type *const qn_text_steps[];
#endif

static void print(const qn_step_type *const *steps) {
  static const char *const sources[] = {"any", "picture", "sound", "text", "rows", "strokes"};
  static const char *const kinds[] = {"number", "int", "bool", "choice", "numbers", "text", "texts", "file", "tree"};
  for (; *steps; steps++) {
    printf("step\t%s\t%s\t%d\n", (*steps)->name, sources[(*steps)->source], (*steps)->whole);
    for (int32_t i = 0; i < (*steps)->param_count; i++) {
      const qn_param *p = &(*steps)->params[i];
      printf("param\t%s\t%s\t%g\t%g\t%g\t%s\t%d\t%d\n", p->name, kinds[p->kind], p->least, p->most, p->fallback, p->choices ? p->choices : "", (int)p->least_count, (int)p->most_count);
    }
  }
}

int main(void) {
  print(qn_feature_steps);
#if __has_include("feature/text/step_list.h")
  print(qn_text_steps);
#endif
  return 0;
}
