#!/usr/bin/env python3
"""Decodes with a JSON Schema and without, in alternating pairs of as many tokens, and prints what the schema costs."""
import argparse
import json
import statistics
import subprocess
import tempfile

SCHEMA = {
    "type": "object",
    "properties": {
        "people": {
            "type": "array", "minItems": 40,
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "minLength": 4, "maxLength": 30},
                    "age": {"type": "integer", "minimum": 0, "maximum": 120},
                    "city": {"type": "string", "minLength": 3, "maxLength": 30},
                    "likes": {"type": "array", "items": {"type": "string", "minLength": 3, "maxLength": 20}, "minItems": 2, "maxItems": 3},
                },
                "required": ["name", "age", "city", "likes"], "additionalProperties": False,
            },
        }
    },
    "required": ["people"], "additionalProperties": False,
}


def run(arguments, tokens, *more):
    command = [arguments.hadal, "run", arguments.model, "-p", "Forty people with name, age, city and likes, as JSON.", "--json",
               "--temperature", "0", "--max-tokens", str(tokens), *more]
    figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return figures["generated_tokens"], figures["decode_tps"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hadal", default=".build-tests/release/hadal")
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--tokens", type=int, default=400)
    arguments = parser.parse_args()
    ratios = []
    with tempfile.NamedTemporaryFile("w", suffix=".json") as schema:
        json.dump(SCHEMA, schema)
        schema.flush()
        for pair in range(arguments.pairs):
            # Either goes first in turns.
            order = ["with", "without"] if pair % 2 else ["without", "with"]
            found = {}
            for kind in order:
                more = ["--schema", schema.name] if kind == "with" else ["--ignore-eos"]
                found[kind] = run(arguments, arguments.tokens, *more)
            ratios.append(found["with"][1] / found["without"][1])
            print(f"with {found['with'][0]} tokens at {found['with'][1]:.1f}/s, without {found['without'][0]} at {found['without'][1]:.1f}/s,"
                  f" ratio {ratios[-1]:.4f}", flush=True)
    print(f"median ratio {statistics.median(ratios):.4f}, that is {100 * (1 - statistics.median(ratios)):.1f} % slower; "
          f"{min(ratios):.4f} to {max(ratios):.4f}")


if __name__ == "__main__":
    main()
