"""Makes encoders/: small tokenizers of encoders and what the library `tokenizers` makes of texts and of pairs of texts.

usage: python make_encoders.py [FOLDER]    Needs tokenizers and gguf.

With a folder that holds the tokenizer.json of a published encoder: random texts, and every character, to FOLDER/rows.jsonl instead.
HADAL_ENCODER=FOLDER makes the tests read them.

  uncased.json, cased.json, bytes.json   tokenizers: WordPiece that lower-cases and strips accents, one that does neither, byte-level BPE
  processors.json                        post-processors by name, to put in the place of theirs
  rows.jsonl                             tokenizer, post-processor, one or two texts, limit, tokens, types (where one is not 0)
  uncased.gguf.json, cased.gguf.json     the first two as metadata of a GGUF file
"""
import json, os, random, sys
import gguf
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'encoders')
CORPUS = ['The cat sat on the mat, and the cats of the naïve café sat where it was warm.', "Don't stop; it's 123 or 4567 times $1,000.50 (unaffable).",
          'Straße ÅNGSTRÖM Ελληνικά ΣΊΣΥΦΟΣ Москва Ёлка İstanbul', '日本語のテスト。 中文测试，漢字 한국어 안녕', 'हिन्दी मराठी ไทย العربية עברית', '😀 👩‍💻 → ≠ € ½ ²']
TEXTS = [
    '', ' ', 'The cat sat on the mat.', 'What sat on the mat?', "DON'T stop; it's (unaffable)!", 'naïve café NAÏVE CAFÉ', 'cafe\u0301 e\u0301\u0323 \u0301 \u0301\u0301x',
    'Straße STRASSE ẞ', 'ΣΊΣΥΦΟΣ Σ ς', 'Å Å Å', 'İstanbul I\u0307 ı', 'Ёлка ёлка Й', '日本語のテスト。', '中文测试，漢字cat漢字', '한국어 안녕 가각 ᄀ\u1161\u11a8', 'हिन्दी मराठी ไทย',
    'العربية עברית \u0627\u0653', '😀 👩‍💻 🇩🇪', 'a\0b \x07c\x7f \x9f', 'soft\u00adhyphen zero\u200bwidth \u200djoin \ufeffmark', 'tab\tline\nreturn\r\nfeed\x0bx\x0cx\x85x\u2028x',
    '\u00a0nbsp\u2003em\u3000wide', '\ufffd replaced \ufffd', '[SEP] text [CLS] more [MASK]. [PAD] [UNK] [unused0]', '[sep] [ SEP ] [SEP][SEP]x', 'x[MASK]y', '<s>text</s> <mask>',
    '##cat ## # #', '▁cat ▁', 'x' * 100, 'x' * 101, 'é' * 100, '日' * 12, 'catmatcatmat unaffablecat', '1234567890 3.14 1,000', 'a-b_c/d\\e@f#g$h%i^j&k*l+m=n~o`p|q',
    '“quoted” ‘single’ … – — ·', '।॥ ؟ ، 、。 ¡¿ § ¶', '½ ² ³ ① Ⅷ ﬁ Ａ１', '\u0f3a\u0f3b \U00011c41 \u1b7d \u2e4f', '\U0001f9ff \U00020000 \U0002b825 \U0002b925 \U0002f800', '\ue000 \U000f0000 \U0010ffff \ufffe',
    'ﬀ ǅ Ǆ Ⓐ 𝐀 Ꭰ ꭰ Ⴀ', '\u0345 \u20dd x\u20dd \u0903 क\u0903', 'the\u0300re THE\u0300RE', '\u1abf \u1dfa \u0898 x\u0898', 'the cat ' * 30, '𐐀 𐐨 \U0001e900',
]
PAIRS = [('What sat on the mat?', 'The cat sat on the mat.'), ('', 'text'), ('text', ''), ('', ''), ('the cat ' * 9, 'the mat'), ('the mat', 'the cat ' * 9),
         ('the cat ' * 6, 'the mat ' * 6), ('the cat ' * 6, 'a ' + 'the mat ' * 6), ('a ' + 'the cat ' * 6, 'the mat ' * 6), ('[SEP] a', 'b [SEP]'), ('naïve CAFÉ', '日本語'), (' a ', ' b ')]
LIMITS = [3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 20]
special = {'[CLS]': 2, '[SEP]': 3, '<s>': 0, '</s>': 2, '<|endoftext|>': 0, '[EXTRA]': 5}


def template(single, pair, *tokens, ids={}):
    made = processors.TemplateProcessing(single=single, pair=pair, special_tokens=[(t, special[t]) for t in tokens])
    made = json.loads(Tokenizer.to_str(with_processor(made)))['post_processor']
    for token, more in ids.items(): made['special_tokens'][token].update(ids=more, tokens=[token] * len(more))
    return made


def with_processor(processor):
    tokenizer = Tokenizer(models.WordLevel({}))
    tokenizer.post_processor = processor
    return tokenizer


byte_level = {'type': 'ByteLevel', 'add_prefix_space': True, 'trim_offsets': False, 'use_regex': True}
end = template('$A <|endoftext|>', '$A <|endoftext|> $B:1 <|endoftext|>:1', '<|endoftext|>')
PROCESSORS = {
    'bert_template': template('[CLS] $A [SEP]', '[CLS] $A [SEP] $B:1 [SEP]:1', '[CLS]', '[SEP]'),
    'bert': {'type': 'BertProcessing', 'sep': ['[SEP]', 3], 'cls': ['[CLS]', 2]},
    'roberta': {'type': 'RobertaProcessing', 'sep': ['</s>', 2], 'cls': ['<s>', 0], 'trim_offsets': True, 'add_prefix_space': False},
    'roberta_sequence': {'type': 'Sequence', 'processors': [byte_level, {'type': 'RobertaProcessing', 'sep': ['</s>', 2], 'cls': ['<s>', 0], 'trim_offsets': True, 'add_prefix_space': False}]},
    'xlm_roberta': template('<s> $A </s>', '<s> $A </s> </s> $B </s>', '<s>', '</s>'),
    'end': end,
    'end_sequence': {'type': 'Sequence', 'processors': [byte_level, end]},
    'beginning': template('<s> $A', '<s> $A <s>:1 $B:1', '<s>'),
    'types': template('[CLS]:2 $A:3 [SEP]:1', '[CLS]:2 $B:3 [SEP]:4 $A:1', '[CLS]', '[SEP]'),
    'several': template('[CLS] $A [SEP]', '[CLS] $A [SEP] $B:1 [SEP]:1', '[CLS]', '[SEP]', ids={'[CLS]': [2, 4], '[SEP]': [3, 3, 3]}),
    'separated': template('$A', '$A [SEP] $B:1', '[SEP]'),
    'byte_level': byte_level,
}


def words(lowercase):
    normalizer, cut = normalizers.BertNormalizer(lowercase=lowercase), pre_tokenizers.BertPreTokenizer()
    corpus = sorted({word for text in CORPUS for word, _ in cut.pre_tokenize_str(normalizer.normalize_str(text))})
    letters = sorted(set(''.join(corpus)) - set('q7'))
    tokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', '[unused0]'] + letters + ['##' + letter for letter in letters]
    # Whole words, beginnings and ends.
    tokens += [word for word in corpus if len(word) > 1] + [word[:3] for word in corpus if len(word) > 4] + ['##' + word[-4:] for word in corpus if len(word) > 6]
    tokens += ['#', '@', '[', ']', '\u2581', 'b', '##b', 'ss', '##ss', '\u0903', '##\u0903', '\u2160']
    vocabulary = {token: id for id, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token='[UNK]'))
    tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder = normalizer, cut, decoders.WordPiece()
    tokenizer.add_special_tokens(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'])
    made = json.loads(tokenizer.to_str())
    made['post_processor'] = PROCESSORS['bert_template']
    # What a file says of these two does not count.
    made['truncation'] = {'direction': 'Left', 'max_length': 9, 'strategy': 'OnlyFirst', 'stride': 0}
    made['padding'] = {'strategy': {'Fixed': 16}, 'direction': 'Right', 'pad_to_multiple_of': None, 'pad_id': 0, 'pad_type_id': 0, 'pad_token': '[PAD]'}
    return Tokenizer.from_str(json.dumps(made))


def pairs():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer.train_from_iterator(CORPUS * 6, trainers.BpeTrainer(
        vocab_size=330, special_tokens=['<s>', '<pad>', '</s>', '<unk>', '[SEP]'], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tokenizer.add_special_tokens([AddedToken('<mask>', lstrip=True)])
    return tokenizer


def rows(file, name, tokenizer, processor, texts, limits, keeps=False):
    if not keeps:
        made = json.loads(tokenizer.to_str()) | {'post_processor': processor and PROCESSORS[processor]}
        tokenizer = Tokenizer.from_str(json.dumps(made))
    tokenizer.no_padding()
    for text in texts:
        tokenizer.no_truncation()
        whole = tokenizer.encode(*text)
        added = tokenizer.num_special_tokens_to_add(len(text) == 2)
        for limit in limits:
            if limit is not None:
                if limit < added: continue
                tokenizer.enable_truncation(limit)
            made = tokenizer.encode(*text)
            # Without a post-processor the types of a pair are the library's own 0 and 1; models that have types bring one.
            types = made.type_ids if keeps or processor not in (None, 'byte_level') else [0] * len(made.ids)
            row = {'tokenizer': name, 'processor': processor, 'texts': text, 'limit': limit, 'tokens': made.ids, 'types': any(types) and types,
                   'truncated': len(made.ids) < len(whole.ids)}
            file.write(json.dumps({key: value for key, value in row.items() if value not in (None, False)}, separators=(',', ':')) + '\n')


def gguf_metadata(tokenizer, lowercase):
    """What llama.cpp's converter makes of a WordPiece tokenizer."""
    made, keys = json.loads(tokenizer.to_str()), gguf.Keys.Tokenizer
    control = {t['content'] for t in made['added_tokens']}
    tokens = [token for token, _ in sorted(made['model']['vocab'].items(), key=lambda entry: entry[1])]
    metadata = {
        keys.TOKEN_TYPE_COUNT: 2, keys.MODEL: 'bert', keys.PRE: 'jina-v2-en', keys.LIST: [t if t in control else t[2:] if t.startswith('##') else '\u2581' + t for t in tokens],
        keys.TOKEN_TYPE: [int(gguf.TokenType.CONTROL if token in control else gguf.TokenType.NORMAL) for token in tokens],
        keys.BOS_ID: 2, keys.EOS_ID: 3, keys.UNK_ID: 1, keys.SEP_ID: 3, keys.PAD_ID: 0, keys.MASK_ID: 4, keys.ADD_BOS: True, keys.ADD_EOS: True, keys.ADD_SEP: False}
    return metadata | ({} if lowercase else {'tokenizer.ggml.normalizer.lowercase': False})


def random_rows(folder):
    tokenizer = Tokenizer.from_file(f'{folder}/tokenizer.json')
    rng = random.Random(7)
    words = [word.removeprefix('##') for word in sorted(tokenizer.get_vocab())]
    blocks = [(0, 0x80), (0x80, 0x250), (0x250, 0x530), (0x530, 0x700), (0x700, 0x900), (0x900, 0x1100), (0x1100, 0x1400), (0x1400, 0x1e00), (0x1e00, 0x2000),
              (0x2000, 0x2100), (0x2100, 0x2c00), (0x2c00, 0x3000), (0x3000, 0x3100), (0x3400, 0x4dc0), (0x4e00, 0xa000), (0xa000, 0xac00), (0xac00, 0xd7b0),
              (0xe000, 0xe100), (0xf900, 0xfe00), (0xfe00, 0x10000), (0x10000, 0x12000), (0x16a00, 0x17000), (0x1d000, 0x1f000), (0x1f000, 0x1fb00),
              (0x20000, 0x20100), (0x2a700, 0x2a800), (0x2b820, 0x2b930), (0x2ceb0, 0x2cee0), (0x2f800, 0x2fa20), (0x30000, 0x30050), (0xe0000, 0xe0200)]

    def character(): return chr(rng.randrange(*rng.choice(blocks)))

    def word():
        text = rng.choice(words)
        cut = rng.randrange(len(text) + 1)
        return rng.choice([
            lambda: text, lambda: text + rng.choice(words), lambda: text[:cut] + character() + text[cut:], lambda: text.upper(), lambda: text[:cut] + '\u0301' + text[cut:],
            lambda: ''.join(character() for _ in range(rng.randint(1, 6))), lambda: rng.choice(TEXTS)[:40], lambda: rng.choice('abcé日') * rng.randint(90, 110),
            lambda: rng.choice(['[SEP]', '[CLS]', '[PAD]', '[MASK]', '<s>', '</s>', '[sep]', '\0', '\u00ad', '\u200b', '\ufffd', '\t', '\r\n', '\x0b', '\x1f', '\x7f', 'İ', 'ẞ', 'Σ', '각'])])()

    def text(): return rng.choice([' ', '', '  ', ' ', '\n']).join(word() for _ in range(rng.randint(0, 12)))
    characters = [chr(c) for c in range(0x110000) if not 0xd800 <= c < 0xe000]
    with open(f'{folder}/rows.jsonl', 'w') as f:
        rows(f, 'tokenizer', tokenizer, None, [(text(),) for _ in range(20000)], [None], keeps=True)
        for _ in range(8000): rows(f, 'tokenizer', tokenizer, None, [(text(),) if rng.random() < 0.3 else (text(), text())], [rng.choice([None, *range(4, 20), 32, 64, 128])], keeps=True)
        for i in range(0, len(characters), 32): rows(f, 'tokenizer', tokenizer, None, [(' '.join(f'a{c}b {c}' for c in characters[i:i + 32]),)], [None], keeps=True)


if len(sys.argv) > 1:
    random_rows(sys.argv[1])
    sys.exit()
os.makedirs(HERE, exist_ok=True)
tokenizers = {'uncased': words(True), 'cased': words(False), 'bytes': pairs()}
for name, tokenizer in tokenizers.items(): tokenizer.save(f'{HERE}/{name}.json', pretty=False)
with open(f'{HERE}/processors.json', 'w') as f: json.dump(PROCESSORS, f, indent=1)
with open(f'{HERE}/rows.jsonl', 'w') as f:
    for name in ['uncased', 'cased']:
        rows(f, name, tokenizers[name], 'bert_template', [(text,) for text in TEXTS], [None])
        rows(f, name, tokenizers[name], 'bert_template', [('the cat ' * 9,), ('',), ('a b c',)], [2] + LIMITS)
    rows(f, 'bytes', tokenizers['bytes'], 'roberta', [(text,) for text in TEXTS], [None])
    for processor in PROCESSORS:
        name = 'uncased' if processor.startswith('bert') else 'bytes'
        rows(f, name, tokenizers[name], processor, PAIRS, [None] + LIMITS if processor in ('bert', 'roberta') else [None, 9, 14])
        rows(f, name, tokenizers[name], processor, [('the cat ' * 9,), ('a b c',), ('',)], [None, 5, 9])
    rows(f, 'bytes', tokenizers['bytes'], None, PAIRS + [(text,) for text, _ in PAIRS], [None, 1, 2, 3, 9, 14])
for name in ['uncased', 'cased']:
    with open(f'{HERE}/{name}.gguf.json', 'w') as f: json.dump(gguf_metadata(tokenizers[name], name == 'uncased'), f, ensure_ascii=False)
