// The texts that tokenizers are compared on: 5,200 lines in many scripts, with emoji, controls, odd spaces, marks, numbers, special tokens and
// lone surrogates, always the same ones. make_tokenizer_golden.py runs this file to get them: node lines.mjs > lines.json.
let state = 20240611;
const random = (n) => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return Math.floor(state / 0x100000000 * n); };
const pick = (list) => list[random(list.length)];
const many = (n, make) => Array.from({ length: n }, make);

const WORDS = `the of and house reading water tokenizer unbelievably it's don't they'll we've I'm you're he'd SHOUTING iPhone state-of-the-art naïve café résumé
der die und Häuser Straße größer Übermut fließend Äpfel Donaudampfschiff
les été œuvre garçon l'eau aujourd'hui ça où Noël cœur
el niño corazón ¿dónde? ¡hola! pingüino mañana
il città perché può ciò
você ação coração não irmãos
één ijs coördinatie
på ønske blå ære hygge søster
łódź żółć gęś źdźbło święto
příliš žluťoučký kůň úpěl ďábelské ódy
őrült fűző tűzhely
şehir İstanbul ığdır ağaç çiçek
không tiếng Việt được người
и мир вода человек читает быстро ёлка подъезд їжак Ґанок вЪздух
και νερό άνθρωπος διαβάζει ὕδωρ ΰ Σίσυφος λόγος
բարեւ ջուր մարդ
გამარჯობა წყალი ადამიანი
שלום מים אדם לְהִתְרָאוֹת
السلام ماء إنسان القراءة كِتَابٌ ٱللّٰه
سلام آب کتاب می‌خواهم
नमस्ते पानी मनुष्य किताबें क्षत्रिय
হ্যালো জল মানুষ বাংলা
வணக்கம் தண்ணீர் மனிதன்
ಕನ್ನಡ ನೀರು
తెలుగు నీరు
മലയാളം വെള്ളം
ไทย น้ำ คนอ่านหนังสือ สวัสดี
ລາວ ນ້ຳ
မြန်မာ ရေ
ភាសាខ្មែរ ទឹក
ሰላም ውሃ ሰው
ᎣᏏᏲ ᎠᎹ
안녕하세요 물을 사람 읽기 한국어
こんにちは 水を読む カタカナ ｶﾀｶﾅ 東京タワー パーティー
你好 水 人类 阅读 漢字 繁體字 㐀㒨 豈更車`.split(/\s+/);
const RANGES = [[0x20, 0x7e], [0xa1, 0xff], [0x100, 0x17f], [0x180, 0x24f], [0x250, 0x2af], [0x300, 0x36f], [0x370, 0x3ff], [0x400, 0x52f], [0x531, 0x587], [0x5d0, 0x5ea],
  [0x620, 0x66f], [0x900, 0x965], [0x985, 0x9d7], [0xb85, 0xbd7], [0xe01, 0xe3a], [0x10a0, 0x10fa], [0x1100, 0x11f9], [0x1e00, 0x1eff], [0x1f00, 0x1fff], [0x2010, 0x2060],
  [0x2070, 0x209c], [0x20a0, 0x20b9], [0x2100, 0x218b], [0x2190, 0x23f0], [0x2460, 0x24ff], [0x2500, 0x26ff], [0x3000, 0x303f], [0x3041, 0x30ff], [0x3131, 0x318e], [0x3200, 0x33ff],
  [0x4e00, 0x9fcc], [0xac00, 0xd7a3], [0xf900, 0xfa6d], [0xfb00, 0xfb4f], [0xfb50, 0xfdfb], [0xfe10, 0xfe6b], [0xff01, 0xffdc], [0x10400, 0x1044f], [0x1d400, 0x1d7ff], [0x1f100, 0x1f16a],
  [0x20000, 0x200ff], [0x2f800, 0x2fa1d]];
const EMOJI = ['😀', '🎉', '👍🏽', '👩‍👩‍👧‍👦', '🏳️‍🌈', '🇩🇪', '🇯🇵🇫🇷', '❤️', '☺', '1️⃣', '🧑‍💻', '🤷🏻‍♀️', '✨', '🫠', '💯', '©️', '™', '🙏', '🕵️‍♂️'];
const SPACES = [' ', '  ', '   ', '\t', '\n', '\r\n', '\n\n', ' \n ', '\u00a0', '\u2003', '\u3000', '\u200b', '\u2028', '\u0085', '\ufeff', '\v', '\f', '\u1680', '\u202f'];
const CONTROLS = ['\u0000', '\u0001', '\u0007', '\u0008', '\u001b', '\u001f', '\u007f', '\u0080', '\u009f', '\u00ad', '\u200c', '\u200d', '\u200e', '\u2060', '\ufffd', '\ufffc', '\ue000', '\u{e0001}', '\u{10fffd}'];
const SIGNS = ['...', '!?', '--', '—', '"', '«', '»', '„', '“', '’', "'s", "'LL", "'ſ", '(', ')', '[', ']', '{', '}', '<', '>', '&&', '||', '/', '//', '\\', '#', '@', '$', '€', '%', '^', '~', '`', '_', '__', '▁', '▁▁', '##', '、', '。', '・', '؟', '।', '→', '²', '½', '…'];
const NUMBERS = ['0', '7', '42', '123', '1234567890', '3.14', '1,000,000', '-5', '1e10', '٣٤٥', '१२३', '４２', '²³', '½', 'Ⅻ', '①②', '𝟘𝟙', '一二三', '12:30', '2024-06-11', '0xFF', '192.168.0.1'];
const CODE = ['for (int i = 0; i < n; i++) {', '    return x;\n}', 'def f(x):\n\treturn x ** 2', '<div class="a">&nbsp;</div>', 'https://example.org/path?q=1&r=%20#top', 'user.name@example.com', 'SELECT * FROM t WHERE a = \'b\';', 'x^2 + y^2 = z^2', 'C:\\temp\\file.txt', '#include <stdio.h>', 'a_b_c camelCase PascalCase snake_case'];
const SPECIAL = ['[CLS]', '[SEP]', '[MASK]', '[UNK]', '[PAD]', '<s>', '</s>', '<unk>', '<pad>', '<mask>', '<|endoftext|>', '<|startoftext|>', '<0x0A>', '<0xE4>', ' [MASK] ', '[mask]', 'newtoken', 'Newtoken', ' newtokens'];

const character = () => { const [a, b] = pick(RANGES); for (;;) { const ch = String.fromCodePoint(a + random(b - a + 1)); if (!/[\p{Cn}\p{Cs}]/u.test(ch)) return ch; } };
const words = () => many(1 + random(12), () => pick(WORDS)).join(' ');
const makers = [
  words, words, words,
  () => many(1 + random(30), character).join(''),
  () => many(1 + random(8), () => many(1 + random(6), character).join('')).join(' '),
  () => many(1 + random(8), () => pick([pick(WORDS), pick(EMOJI), pick(EMOJI)])).join(pick(['', ' '])),
  () => many(1 + random(10), () => pick(WORDS) + pick(SPACES)).join(''),
  () => pick(SPACES) + many(1 + random(8), () => pick(WORDS) + pick(SIGNS)).join(pick(['', ' '])) + pick(SPACES),
  () => many(1 + random(8), () => pick([pick(NUMBERS), pick(SIGNS), pick(WORDS)])).join(pick(['', ' '])),
  () => many(1 + random(3), () => pick(CODE)).join(pick([' ', '\n', ''])),
  () => many(1 + random(6), () => pick(WORDS) + pick(CONTROLS)).join(pick(['', ' '])),
  () => many(1 + random(8), () => pick(['a', 'e', 'o', 'Å', 'ﬁ', 'ﷺ', 'ẛ', 'ᄀ', 'ᄀ', 'ᅡ', 'ᆨ', 'か', 'क', '각', 'q', '¨', '\r'])
    + many(random(4), () => String.fromCodePoint(pick([0x300, 0x301, 0x308, 0x323, 0x327, 0x30a, 0x345, 0x3099, 0x93c, 0x94d, 0x5b0, 0x64b, 0x1161, 0x11a8, 0x20dd, 0x338]))).join('')).join(pick(['', ' '])),
  () => many(1 + random(6), () => pick([pick(SPECIAL), pick(WORDS), pick(SPECIAL)])).join(pick(['', ' '])),
];
export const lines = many(5200, (_, i) => (i % 100 === 99 ? words() + pick(['\ud800', '\udc00', 'x\udfff\ud83dy', '\ud83d']) + pick(WORDS) : makers[i % makers.length]()));
lines[0] = '';
lines[1] = ' ';
lines[2] = 'x'.repeat(150) + ' ' + 'long '.repeat(40);

if (process.argv[1] === new URL(import.meta.url).pathname) process.stdout.write(JSON.stringify({ words: WORDS, lines: lines.map((line) => line.toWellFormed()) }));
