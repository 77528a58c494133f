"""Makes the small vocabularies of this folder and the ids that the public libraries give for them.

Needs the PyPI packages tokenizers, sentencepiece and protobuf. Writes NAME.json and NAME.rows.jsonl beside itself.
"""
import io, json, os, random
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken as A, Regex, Tokenizer, decoders as D, models, normalizers as N, pre_tokenizers as P
from tokenizers import processors, trainers

here = os.path.dirname(os.path.abspath(__file__))
rng = random.Random(20)
pools = ["abcdefghij ABC'stmdre ", "0123456789.,-$%", " \t\n\r\x0b\u00a0\u2003\u3000\u180e\u200d\x85", "éèüñßøÆŒſıİ",
         "你好世界龥々、。", "ひらカタ안녕가", "שלוםहिन्दीไท", "😀👩‍👧🏽🇩🇪❤️", "\u0301\u0308\u20dd", "<>|_▁=+*/\\[]{}!?#@`~\"'",
         "\u1c89\U00031350\ue000\U0010ffff\x00\x07Ⅷ½²٣"]
words = ["don't", "I'LL", "the quick", " brown", "  in", "return x;\n", "1,234.56", "<s>", "</s>  x", " <mask>", "foo", "foobar",
         "quick brown", "É", "AB", "\n\n\n", "     ", "x" * 30, "▁▁", "Ġ", "<0x0A>", "'S", "naïve", "ДОМ дом", "hello world",
         "<think>", "<|im_start|>"]


def text():
    out = ""
    for _ in range(rng.randint(0, 9)):
        k = rng.random()
        if k < 0.4: out += "".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(1, 6)))
        elif k < 0.55: out += "".join(rng.choice(rng.choice([pools[0], pools[9]])) for _ in range(rng.randint(1, 10)))
        else: out += rng.choice(words)
    return out


corpus = [text() for _ in range(2000)] + ["The quick brown fox. Hello world, how are you? I'm fine; don't worry."] * 40
texts = [text() for _ in range(120)]
added = [A("<s>", special=True), A("</s>", special=True, rstrip=True), A("<mask>", special=True, lstrip=True),
         A("foo", single_word=True), A("quick brown", normalized=True), A("   ", normalized=False), A("<think>", normalized=False)]
case = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
byte = P.ByteLevel(add_prefix_space=False, use_regex=False)


def rows(name, encode, special=(True, False)):
    with open(f"{here}/{name}.rows.jsonl", "w") as f:
        for s in special:
            for t in texts if s else texts[:40]:
                f.write(json.dumps({"text": t, "parse_special": s, "ids": encode(t, s)}) + "\n")


def make(name, norm, pre, dec, size=380, bl=True, fallback=False, post=None, ignore=False, pairs=False):
    unk = None if bl else "<unk>"
    t = Tokenizer(models.BPE(unk_token=unk, fuse_unk=not bl, byte_fallback=fallback, ignore_merges=ignore))
    if norm: t.normalizer = norm
    if pre: t.pre_tokenizer = pre
    if dec: t.decoder = dec
    special = ([] if bl else [unk]) + ([f"<0x{i:02X}>" for i in range(256)] if fallback else [])
    more = {"initial_alphabet": P.ByteLevel.alphabet()} if bl else {"limit_alphabet": 100}
    t.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False, **more))
    j = json.loads(t.to_str())
    j["added_tokens"] = [a for a in j["added_tokens"] if not a["content"].startswith("<0x")]
    if not pairs: j["model"]["merges"] = [" ".join(m) for m in j["model"]["merges"]]
    t = Tokenizer.from_str(json.dumps(j))
    t.add_tokens([a for a in added if not a.special])
    t.add_special_tokens([a for a in added if a.special])
    if post: t.post_processor = post(t)
    j = json.loads(t.to_str())
    if not pairs: j["model"]["merges"] = [" ".join(m) for m in j["model"]["merges"]]
    with open(f"{here}/{name}.json", "w") as f: json.dump(j, f, ensure_ascii=False)

    def encode(text, special):
        t.encode_special_tokens = not special
        return t.encode(text, add_special_tokens=False).ids
    rows(name, encode)


template = lambda t: processors.TemplateProcessing(
    single="<s> $A </s>", pair="<s> $A $B", special_tokens=[("<s>", t.token_to_id("<s>")), ("</s>", t.token_to_id("</s>"))])
make("byte_level", None, P.ByteLevel(add_prefix_space=False), D.ByteLevel())
make("byte_digits", None, P.Sequence([P.Digits(individual_digits=True), P.ByteLevel(add_prefix_space=True)]), D.ByteLevel(), pairs=True)
make("byte_split", N.NFC(), P.Sequence([P.Split(Regex(case), "isolated"), byte]), D.ByteLevel(), ignore=True, post=template)
make("byte_joined", N.Replace(Regex(r"\s+"), " "),
     P.Sequence([P.Split(" ", "merged_with_next"), P.Punctuation("merged_with_previous"),
                 P.Split(Regex(r"\p{N}"), "contiguous"), P.Split(Regex(r"[^x]+"), "removed", invert=True), byte]), D.ByteLevel())
make("byte_fallback", N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), None,
     D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)]), size=560, bl=False, fallback=True)
make("metaspace", N.NFKC(), P.Metaspace(prepend_scheme="first"), D.Metaspace(prepend_scheme="first"), bl=False)
make("words", N.Sequence([N.NFD(), N.StripAccents(), N.Lowercase(), N.Strip()]), P.Whitespace(), None, bl=False)

# A SentencePiece vocabulary in the terms of a GGUF file: pieces, scores, types.
out = io.BytesIO()
sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=iter([c.replace("\0", "").replace("\n", " ") for c in corpus]), model_writer=out, model_type="bpe", vocab_size=560,
    byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=True,
    character_coverage=0.98, user_defined_symbols=["foo", "<think>"], minloglevel=2, num_threads=1)
sp = sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())
proto = sentencepiece_model_pb2.ModelProto.FromString(out.getvalue())
with open(f"{here}/sentencepiece.json", "w") as f:
    json.dump({"tokens": [p.piece for p in proto.pieces], "scores": [p.score for p in proto.pieces],
               "types": [p.type for p in proto.pieces]}, f, ensure_ascii=False)
texts = [t for t in (t.replace("\0", "").replace("▁", "").replace("foo", "fo").replace("<think>", "") for t in texts) if t]
rows("sentencepiece", lambda t, s: sp.encode(t), special=(False,))
