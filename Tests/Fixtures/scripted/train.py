"""Trains the merges of the scripted model's tokenizer: merges.txt, a pair of tokens a line in the byte-level alphabet.

usage: train.py FILE… > merges.txt        the file here comes from docs/*.md and the JSON of Sources/HadalArchitecture/Resources
"""
import collections
import re
import sys

from make import ALPHABET, LONGEST_TOKEN

COUNT = 3600
# What Python's patterns can say of the pre-tokenizer in make.py.
PIECES = re.compile(r"'(?:s|t|re|ve|m|ll|d)|[^\r\n\w]?[^\W\d_]+|\d| ?(?:[^\s\w]|_)+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def train(texts):
    counts = collections.Counter(piece for text in texts for piece in PIECES.findall(text))
    words = [([ALPHABET[b] for b in piece.encode()], n) for piece, n in counts.items()]
    pairs, places = collections.Counter(), collections.defaultdict(set)
    for index, (symbols, n) in enumerate(words):
        for pair in zip(symbols, symbols[1:]):
            pairs[pair] += n
            places[pair].add(index)
    merges = []
    while len(merges) < COUNT:
        fitting = (p for p in pairs if pairs[p] > 1 and len(p[0]) + len(p[1]) <= LONGEST_TOKEN)
        best = max(fitting, key=lambda p: (pairs[p], p), default=None)
        if best is None:
            break
        merges.append(best)
        for index in list(places[best]):
            symbols, n = words[index]
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] -= n
                places[pair].discard(index)
            joined, i = [], 0
            while i < len(symbols):
                is_pair = tuple(symbols[i:i + 2]) == best
                joined.append("".join(best) if is_pair else symbols[i])
                i += 2 if is_pair else 1
            words[index] = (joined, n)
            for pair in zip(joined, joined[1:]):
                pairs[pair] += n
                places[pair].add(index)
        del pairs[best]
    return merges


if __name__ == "__main__":
    for left, right in train(open(name, encoding="utf-8").read() for name in sys.argv[1:]):
        print(left, right)
