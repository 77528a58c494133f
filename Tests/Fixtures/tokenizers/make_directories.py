"""Makes directories/: small tokenizers in each form that models are published in, with rows that transformers' AutoTokenizer gives.

usage: python make_directories.py [NAME...]    Needs transformers, tokenizers and sentencepiece. Trainers give other vocabularies each time.
"""
import json, os, shutil, sys, tempfile
import sentencepiece as spm
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'directories')
CORPUS = ['The model reads the text, and the tokens of the text are what the model reads.\n', "Don't stop; it's 123 or 4567 times  twice as far.\n",
          'Ünïcode: é ñ ß. 日本語のテスト。 中文测试\n', 'spaces   between    words\tand tabs\n\n'] * 8
TEXTS = ['The model reads', " the  text\n", "don't STOP 1234", 'é e\u0301 ﬁ ½ Ａ１', '日本語 and 中文', '<s>text</s> more', 'a<|user|>b  c', '😀 \u200b x', '', '   ', '▁text ▁▁',
         'x<|im_end|>  y', '[CLS] words [MASK].', 'tabs\t\tand\r\nlines', 'naïve CAFÉ', '<extra> <sep>!']


def directory(name, config, files=None, tokenizer=None):
    if len(sys.argv) > 1 and name not in sys.argv: return
    path = os.path.join(HERE, name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    if tokenizer: tokenizer.save(path + '/tokenizer.json', pretty=False)
    for file, content in (files or {}).items():
        with open(f'{path}/{file}', 'wb') as f: f.write(content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode())
    with open(path + '/tokenizer_config.json', 'w') as f: json.dump(config, f)
    with open(path + '/config.json', 'w') as f: json.dump({'model_type': 'llama'}, f)
    reference = AutoTokenizer.from_pretrained(path)
    with open(path + '/rows.jsonl', 'w') as f:
        for text in TEXTS:
            plain = reference.encode(text, add_special_tokens=False)
            f.write(json.dumps({'text': text, 'ids': plain, 'prompt': reference.encode(text), 'decoded': reference.decode(plain)}) + '\n')


def sentencepiece(name, config, rules=None, **options):
    with tempfile.TemporaryDirectory() as t:
        open(t + '/c.txt', 'w').writelines(CORPUS)
        if rules:
            open(t + '/rules.tsv', 'w').write(rules)
            options['normalization_rule_tsv'] = t + '/rules.tsv'
        spm.SentencePieceTrainer.train(input=t + '/c.txt', model_prefix=t + '/m', hard_vocab_limit=False, minloglevel=2, **options)
        directory(name, config, {'tokenizer.model': open(t + '/m.model', 'rb').read()})


def vocabulary(name, config, tokenizer, more=None):
    with tempfile.TemporaryDirectory() as t:
        tokenizer.model.save(t)
        directory(name, config, {f: open(f'{t}/{f}', 'rb').read() for f in os.listdir(t)} | (more or {}))


def byte_pairs(special):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=300, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return tokenizer


im_end = {'content': '<|im_end|>', 'lstrip': False, 'rstrip': False, 'normalized': False, 'single_word': False, 'special': True}
# Full-width letters, the ligature and a half become plain; a tab becomes a space.
rules = 'FB01\t66 69\nBD\t31 2F 32\nFF21\t41\nFF11\t31\n9\t20\n65 301\tE9\n'
sentencepiece('spm_bpe', {'tokenizer_class': 'LlamaTokenizer', 'legacy': False, 'add_bos_token': True}, model_type='bpe', vocab_size=380,
              byte_fallback=True, normalization_rule_name='identity', remove_extra_whitespaces=False, user_defined_symbols=['<|user|>'])
sentencepiece('spm_bpe_legacy', {'tokenizer_class': 'PreTrainedTokenizerFast', 'add_bos_token': True, 'add_eos_token': True, 'pad_token': '<pad>'},
              model_type='bpe', vocab_size=380, byte_fallback=True, normalization_rule_name='identity', remove_extra_whitespaces=False,
              user_defined_symbols=['<|user|>', '  '], control_symbols=['<sep>'])
sentencepiece('spm_unigram', {'tokenizer_class': 'PreTrainedTokenizerFast', 'legacy': False}, rules, model_type='unigram', vocab_size=120,
              user_defined_symbols=['<|user|>'])
sentencepiece('spm_gemma', {'tokenizer_class': 'GemmaTokenizer', 'add_bos_token': True, 'bos_token': '<s>', 'eos_token': '</s>'}, model_type='bpe',
              vocab_size=380, byte_fallback=True, normalization_rule_name='identity', remove_extra_whitespaces=False, add_dummy_prefix=False)
vocabulary('gpt2', {'tokenizer_class': 'GPT2Tokenizer', 'add_bos_token': True}, byte_pairs(['<|endoftext|>']), {'added_tokens.json': {'<|im_end|>': 300}})
vocabulary('qwen2', {'tokenizer_class': 'Qwen2TokenizerFast', 'eos_token': '<|im_end|>', 'added_tokens_decoder': {'300': im_end}}, byte_pairs(['<|endoftext|>']))
vocabulary('roberta', {'tokenizer_class': 'RobertaTokenizer', 'add_prefix_space': True}, byte_pairs(['<s>', '<pad>', '</s>', '<unk>', '<mask>']))
words = Tokenizer(models.WordPiece(unk_token='[UNK]'))
words.normalizer, words.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
words.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=140, special_tokens=['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'], show_progress=False))
vocabulary('bert', {'tokenizer_class': 'BertTokenizer'}, words)
LETTERS = sorted(set(''.join(CORPUS)) - set(' \n\t') | set('CAFÉéëStop。'))
cased = Tokenizer(models.WordPiece({t: i for i, t in enumerate(dict.fromkeys(
    ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'The', 'the', 'STOP', 'CAFÉ', 'café', 'cafe', 'naïve', 'reads', '中文', '##文', '日本語'] + LETTERS
    + ['##' + t for t in LETTERS]))}))
vocabulary('bert_cased', {'tokenizer_class': 'BertTokenizer', 'do_lower_case': False}, cased)
vocabulary('bert_accents', {'tokenizer_class': 'BertTokenizerFast', 'do_lower_case': True, 'strip_accents': False, 'tokenize_chinese_chars': False}, cased)
vocabulary('bert_stripped', {'tokenizer_class': 'BertTokenizer', 'do_lower_case': False, 'strip_accents': True, 'cls_token': '[MASK]'}, cased)
words.decoder = decoders.WordPiece()
words.post_processor = processors.BertProcessing(('[SEP]', 3), ('[CLS]', 2))
directory('wordpiece', {'tokenizer_class': 'PreTrainedTokenizerFast'}, tokenizer=words)
unigram = Tokenizer(models.Unigram())
unigram.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(' {2,}'), ' ')])
unigram.pre_tokenizer, unigram.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
unigram.train_from_iterator(CORPUS, trainers.UnigramTrainer(vocab_size=120, unk_token='<unk>', special_tokens=['<s>', '</s>', '<unk>'], show_progress=False))
unigram.post_processor = processors.TemplateProcessing(single='<s> </s> $A </s>', pair='$A $B', special_tokens=[('<s>', 0), ('</s>', 1)])
directory('unigram', {'tokenizer_class': 'PreTrainedTokenizerFast'}, tokenizer=unigram)
