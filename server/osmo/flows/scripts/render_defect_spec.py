"""Writes defect_spec.jsonl: one line a [material, defect] pair, all with one spatial dependency."""

import argparse
import json
import sys


def refuse(text):
    print(f"ERROR: {text}", file=sys.stderr)
    sys.exit(2)


def parse_pairs(text):
    try:
        pairs = json.loads(text)
    except json.JSONDecodeError as error:
        refuse(f"--pairs is not valid JSON: {error}")
    if not isinstance(pairs, list):
        refuse("--pairs must be a JSON array of [material, defect] strings")
    for index, pair in enumerate(pairs):
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)):
            refuse(f"--pairs entry {index} must be [material, defect] strings")
    return pairs


def parse_defects(material, text):
    try:
        defects = json.loads(text)
    except json.JSONDecodeError as error:
        refuse(f"--defects is not valid JSON: {error}")
    if not (isinstance(defects, list) and all(isinstance(defect, str) for defect in defects)):
        refuse("--defects must be a JSON array of strings")
    return [[material, defect] for defect in defects]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", required=True)
    parser.add_argument("--pairs", default="")
    parser.add_argument("--material", default="")
    parser.add_argument("--defects", default="")
    parser.add_argument("--spatial-dependency", choices=("free", "text", "cad"), default="free")
    parser.add_argument("--roi-prompt", default="")
    args = parser.parse_args()
    if args.spatial_dependency == "text" and not args.roi_prompt:
        refuse("--roi-prompt is required when --spatial-dependency=text")
    if args.pairs:
        pairs = parse_pairs(args.pairs)
    elif args.material and args.defects:
        pairs = parse_defects(args.material, args.defects)
    else:
        refuse("pass either --pairs or (--material + --defects)")
    with open(args.output, "w", encoding="utf-8") as out:
        for material, defect in pairs:
            line = dict(
                defect_type=f"{material}+{defect}",
                spatial_dependency=args.spatial_dependency,
                roi_prompt_defect_location=args.roi_prompt,
            )
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
    print(
        f"wrote {len(pairs)} entries to {args.output} (spatial_dependency={args.spatial_dependency})", file=sys.stderr
    )


if __name__ == "__main__":
    main()
