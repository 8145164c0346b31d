/* The steps of src/feature/tabular, where the golden files do not reach: what is refused, with column and row, and what lies at the borders. */
#include "steps.h"

static const double ages[] = {22, NAN, 40};
static const char *const cities[] = {"Rome", "Oslo", ""};
static const steps_input rows[] = {{"age", QN_DOUBLE, 1, {3}, ages}, {"city", QN_STRING, 1, {3}, cities}};
static const char *const half[] = {"2.5", "ten", "3"};
static const steps_input texts_of_numbers = {"age", QN_STRING, 1, {3}, half};

#define SELECT "{\"step\":\"select\",\"columns\":[\"age\"],\"missing\":\"allow\"}"
#define CITIES "{\"step\":\"select\",\"columns\":[\"city\"],\"type\":\"text\",\"missing\":\"allow\"}"

static bool refuse(const char *json, const char *part) { return steps_refuse(json, rows, 2, part); }

TEST(what_select_refuses) {
  CHECK(refuse("[{\"step\":\"select\",\"columns\":[\"fare\"]}]", "steps[0] 'select': there is no column 'fare'; there are age, city"));
  CHECK(refuse("[{\"step\":\"select\",\"columns\":[]}]", "columns is an empty list"));
  CHECK(refuse("[{\"step\":\"select\"}]", "columns is missing"));
  CHECK(refuse("[{\"step\":\"select\",\"columns\":[\"age\"]}]", "column 'age', row 1: the value is missing"));
  CHECK(refuse("[{\"step\":\"select\",\"columns\":[\"city\"],\"missing\":\"allow\"}]", "column 'city', row 0: the value is 'Rome', not a number"));
  CHECK(refuse("[{\"step\":\"select\",\"columns\":[\"age\"],\"type\":\"text\"}]", "column 'age', row 0: the value is 22, not a text"));
  CHECK(steps_refuse("[{\"step\":\"select\",\"columns\":[\"age\"],\"wrong\":\"parse\"}]", &texts_of_numbers, 1, "column 'age', row 1: the value is 'ten', not a number"));
  CHECK(steps_refuse("[{\"step\":\"select\",\"columns\":[\"age\"]}]", &texts_of_numbers, 1, "column 'age', row 0: the value is '2.5', not a number"));
  CHECK(steps_refuse("[{\"step\":\"select\",\"columns\":[\"age\"]}]", (steps_input[]){rows[0], {"b", QN_DOUBLE, 1, {2}, ages}}, 2, "'age' has 3 rows and 'b' has 2"));
  CHECK(steps_refuse("[{\"step\":\"select\",\"columns\":[\"m\"]}]", &(steps_input){"m", QN_DOUBLE, 2, {1, 3}, ages}, 1, "'m' has 3 columns; it takes one column of each name"));
  CHECK(steps_refuse("[{\"step\":\"select\",\"columns\":[\"m\"]}]", &(steps_input){"m", QN_DOUBLE, 3, {1, 3, 1}, ages}, 1, "it takes [rows] or [rows, columns]"));
  CHECK(steps_refuse("[{\"step\":\"select\",\"columns\":[\"m\"]}]", NULL, 0, "it takes at least 1 input, got 0"));
}

TEST(what_is_wrong_may_be_missing) {
  qn_pipeline *p = steps_run("[{\"step\":\"select\",\"columns\":[\"age\",\"none\"],\"wrong\":\"missing\",\"missing\":\"allow\",\"missing_texts\":[\"3\"]}]", &texts_of_numbers, 1);
  const qn_tensor *t = steps_result(p, 0);
  CHECK(t && t->dims[0] == 3 && t->dims[1] == 2);
  const double *x = t ? t->data : NULL;
  CHECK(x && x[0] == 2.5 && isnan(x[1]) && isnan(x[2]) && isnan(x[4]));
  qn_pipeline_free(p);
  p = steps_run("[{\"step\":\"select\",\"columns\":[\"age\"],\"type\":\"text\",\"wrong\":\"missing\",\"missing\":\"allow\"},{\"step\":\"impute\",\"texts\":[\"x\"]}]", rows, 2);
  t = steps_result(p, 0);
  for (int i = 0; i < 3; i++) CHECK(t && ((qn_string *)t->data)[i].length == 1);
  qn_pipeline_free(p);
}

TEST(what_the_others_refuse) {
  CHECK(refuse("[" SELECT ",{\"step\":\"impute\"}]", "give values (of numbers) or texts (of texts), and not both"));
  CHECK(refuse("[" SELECT ",{\"step\":\"impute\",\"texts\":[\"a\"]}]", "'columns' holds numbers; it takes texts"));
  CHECK(refuse("[" CITIES ",{\"step\":\"impute\",\"values\":[1]}]", "'columns' holds texts; it takes numbers"));
  CHECK(refuse("[" CITIES ",{\"step\":\"impute\",\"texts\":[\"a\",\"b\"]}]", "texts has 2 texts for 1 columns"));
  CHECK(refuse("[" SELECT ",{\"step\":\"impute\",\"values\":[1,2]}]", "values has 2 numbers for 1 columns"));
  CHECK(refuse("[" SELECT ",{\"step\":\"impute\",\"values\":1,\"indicator\":[1]}]", "indicator names the column 1 of 1"));
  CHECK(refuse("[" SELECT ",{\"step\":\"scale\",\"scale\":[0]}]", "scale is from"));
  CHECK(refuse("[" SELECT ",{\"step\":\"scale\",\"least\":2,\"most\":1}]", "least, 2, is above most, 1"));
  CHECK(refuse("[" SELECT ",{\"step\":\"concat\"}]", "column 'age', row 1: the value is missing; impute it"));
  CHECK(refuse("[" CITIES ",{\"step\":\"one_hot\",\"categories\":[[\"Rome\",\"Oslo\"]]}]", "column 'city', row 2: the value is missing, which is none of the 2 categories"));
  CHECK(refuse("[" CITIES ",{\"step\":\"ordinal\",\"categories\":[[\"Rome\",null]]}]", "column 'city', row 1: the value is 'Oslo', which is none of the 2 categories"));
  CHECK(refuse("[" SELECT ",{\"step\":\"ordinal\",\"categories\":[[22,40]]}]", "column 'age', row 1: the value is missing, which"));
  CHECK(refuse("[" SELECT ",{\"step\":\"one_hot\",\"categories\":[[\"a\"]]}]", "column 'age' holds numbers, its categories are texts"));
  CHECK(refuse("[" SELECT ",{\"step\":\"one_hot\",\"categories\":[[1],[2]]}]", "categories has lists for 2 columns, there are 1"));
  CHECK(refuse("[{\"step\":\"one_hot\",\"categories\":[[1,1]]}]", "categories has the categories 0 and 1 of column 0 alike"));
  CHECK(refuse("[{\"step\":\"one_hot\",\"categories\":[[null,\"\"]]}]", "alike"));
  CHECK(refuse("[{\"step\":\"one_hot\",\"categories\":[[1,\"a\"]]}]", "categories mixes texts and numbers for column 0"));
  CHECK(refuse("[{\"step\":\"one_hot\",\"categories\":[[1,[]]]}]", "in categories, number 1 of column 0 is none"));
  CHECK(refuse("[{\"step\":\"one_hot\",\"categories\":[[]]}]", "categories has 0 categories for column 0"));
  CHECK(refuse("[{\"step\":\"one_hot\",\"categories\":[1]}]", "categories is a list of lists, one for each column; number 0 is none"));
  CHECK(refuse("[{\"step\":\"one_hot\",\"categories\":\"a\"}]", "categories is a list of lists"));
  CHECK(refuse("[{\"step\":\"one_hot\"}]", "categories is missing"));
  CHECK(refuse("[{\"step\":\"one_hot\",\"categories\":[[1,2]],\"drop\":[2]}]", "drop names the category 2 of column 0, which has 2"));
  CHECK(refuse("[{\"step\":\"one_hot\",\"categories\":[[1,2]],\"drop\":[0,0]}]", "drop has 2 numbers for 1 columns"));
  CHECK(refuse("[{\"step\":\"one_hot\",\"categories\":[[1,2]],\"infrequent\":[[3]]}]", "infrequent names for column 0 what is none of its categories"));
  CHECK(refuse("[{\"step\":\"one_hot\",\"categories\":[[1,2]],\"infrequent\":[]}]", "infrequent is a list of lists or null, one for each of 1 columns"));
  CHECK(refuse("[{\"step\":\"bins\",\"edges\":[[1]]}]", "edges is a list of lists of two numbers or more"));
  CHECK(refuse("[{\"step\":\"bins\",\"edges\":[[1,1]]}]", "edges of column 0 do not ascend: 1, then 1"));
  CHECK(refuse("[{\"step\":\"bins\",\"edges\":[[1,\"2\"]]}]", "edges has for column 0 what is no number"));
  CHECK(refuse("[{\"step\":\"bins\",\"edges\":3}]", "edges is a list of lists, one for each column"));
  CHECK(refuse("[" SELECT ",{\"step\":\"bins\",\"edges\":[[1,2]]}]", "column 'age', row 1: the value is missing; impute it first"));
  CHECK(refuse("[" SELECT ",{\"step\":\"bins\",\"edges\":[[1,2],[1,2]]}]", "edges has lists for 2 columns, there are 1"));
  CHECK(refuse("[" SELECT ",{\"step\":\"hash\"}]", "size is missing"));
  CHECK(steps_refuse("[{\"step\":\"hash\",\"size\":4}]", &(steps_input){"m", QN_DOUBLE, 2, {1, 3}, ages}, 1, "column 0 of 'm' has no name"));
  CHECK(steps_refuse("[{\"step\":\"concat\"}]", &(steps_input){"m", QN_FLOAT16, 2, {1, 3}, ages}, 1, "'m' is float16; it takes numbers or texts"));
  qn_pipeline *p = qn_pipeline_create(qn_feature_steps);
  CHECK(qn_pipeline_read(p, "steps", "[" SELECT "]", strlen("[" SELECT "]"), &steps_error) == QN_OK && qn_pipeline_input(p, "age", QN_DOUBLE, 1, (int64_t[]){3}, 0, &steps_error) == QN_OK);
  CHECK(qn_pipeline_plan(p, true, &steps_error) != QN_OK && strstr(steps_error.text, "only sound comes in pieces"));
  qn_pipeline_free(p);
  CHECK(steps_refuse("[{\"step\":\"concat\"}]", &(steps_input){"m", QN_DOUBLE, 2, {1, 0}, ages}, 1, "it got 0 columns"));
}

TEST(long_values_are_cut_in_messages) {
  static const char *const value[] = {"ääääääääääääääääääääääääääääääääääääääää"};
  const steps_input in = {"ein sehr langer Name einer Spalte, der auch nicht hineinpasst, und noch länger und länger und länger", QN_STRING, 1, {1}, value};
  CHECK(steps_refuse("[{\"step\":\"ordinal\",\"categories\":[[\"a\"]]}]", &in, 1, "hineinpasst, und noch länger"));
  CHECK(strstr(steps_error.text, "ää…', which is none of the 1 categories"));
}

TEST(no_rows) {
  qn_pipeline *p = steps_run("[" SELECT ",{\"step\":\"scale\"},{\"step\":\"one_hot\",\"categories\":[[1,2]]},{\"step\":\"concat\"}]", &(steps_input){"age", QN_DOUBLE, 1, {0}, ages}, 1);
  const qn_tensor *t = steps_result(p, 0);
  CHECK(t && t->dims[0] == 0 && t->dims[1] == 2 && t->count == 0);
  qn_pipeline_free(p);
}

/* A column of which nothing is left. */
TEST(no_columns) {
  qn_pipeline *p = steps_run("[" SELECT ",{\"step\":\"one_hot\",\"categories\":[[22]],\"drop\":0,\"unknown\":\"ignore\",\"as\":\"none\"},{\"step\":\"concat\",\"input\":[\"none\",\"columns\",\"none\"],\"missing\":\"allow\"}]", rows, 1);
  const qn_tensor *t = steps_result(p, 0);
  CHECK(t && t->dims[1] == 1 && ((float *)t->data)[2] == 40);
  qn_pipeline_free(p);
}

/* One tensor may be taken twice. */
TEST(twice_the_same) {
  qn_pipeline *p = steps_run("[{\"step\":\"concat\",\"input\":[\"age\",\"b\",\"b\",\"age\"],\"missing\":\"allow\"}]", (steps_input[]){rows[0], {"b", QN_DOUBLE, 2, {3, 1}, ages}}, 2);
  const qn_tensor *t = steps_result(p, 0);
  CHECK(t && t->dims[1] == 4);
  for (int i = 0; t && i < 4; i++) CHECK(((float *)t->data)[i] == 22 && ((float *)t->data)[8 + i] == 40);
  qn_pipeline_free(p);
}

/* A thousand categories are found as surely as two. */
TEST(many_categories) {
  static char json[16384];
  size_t at = 0;
  const char *begin = "[{\"step\":\"ordinal\",\"categories\":[[";
  for (; begin[at]; at++) json[at] = begin[at];
  for (int i = 0; i < 1000; i++) at += (size_t)snprintf(json + at, 16, "%s%d.5", i ? "," : "", (i * 7919) % 1000);
  snprintf(json + at, 8, "]]}]");
  static double values[1000];
  for (int i = 0; i < 1000; i++) values[i] = (i * 7919) % 1000 + 0.5;
  qn_pipeline *p = steps_run(json, &(steps_input){"x", QN_DOUBLE, 1, {1000}, values}, 1);
  const qn_tensor *t = steps_result(p, 0);
  for (int i = 0; t && i < 1000; i++) CHECK(((double *)t->data)[i] == i);
  qn_pipeline_free(p);
}

/* Every allocation may fail: a sentence, and nothing is lost. */
TEST(without_memory) {
  const size_t before = qn_alloc_bytes();
  qn_status status = QN_ERR_MEMORY;
  for (size_t n = 1; status != QN_OK && n < 100; n++) {
    qn_alloc_fail_after(n);
    qn_pipeline *p = qn_pipeline_create(qn_feature_steps);
    if (p) status = steps_try(p, "[" SELECT ",{\"step\":\"one_hot\",\"categories\":[[22,40,null]],\"infrequent\":[[22]]},{\"step\":\"bins\",\"edges\":[[0,1],[0,1,2],[0,1]]},{\"step\":\"concat\"}]", rows, 2);
    qn_alloc_fail_after(0);
    qn_pipeline_free(p);
    CHECK(status == QN_OK || status == QN_ERR_MEMORY);
    CHECK(qn_alloc_bytes() == before);
  }
  CHECK(status == QN_OK);
}

int main(void) {
  RUN(what_select_refuses);
  RUN(what_is_wrong_may_be_missing);
  RUN(what_the_others_refuse);
  RUN(long_values_are_cut_in_messages);
  RUN(no_rows);
  RUN(no_columns);
  RUN(twice_the_same);
  RUN(many_categories);
  RUN(without_memory);
  return DONE();
}
