"""Writes the augmentation batch: one entry an image, everything else as in the cookbook.

usage: build_batch_config.py cells|modes INPUT OUTPUT COOKBOOK BATCH
"""

import os
import sys
from pathlib import Path

import yaml


def sources(layout, root):
    """Yields (image, directory below the output, label) of every crop, sorted."""
    if layout == "cells":
        found = [p for ext in ("png", "jpg") for p in root.glob(f"crop/*/*/normal_img/*.{ext}")]
        if not found:
            raise AssertionError(f"No per-material/per-cell ROIs found under {root}/crop/*/*/normal_img/")
        for path in sorted(found):
            material, cell = path.parts[-4], path.parts[-3]
            yield path, Path("crop", material, cell), f"{material}_{cell}_{path.stem}"
    else:
        found = [p for ext in ("png", "jpg") for p in root.glob(f"cropped/*/rgb/*.{ext}")]
        if not found:
            raise AssertionError(f"No RGB crops under {root}/cropped/<mode>/rgb/")
        for path in sorted(found):
            mode = path.parts[-3]
            yield path, Path(mode, "rgb"), f"{mode}__{path.stem}"


def overlay(config):
    """Takes endpoint and model from the environment where they are not blank."""
    edit = config.setdefault("endpoints", dict()).setdefault("image_edit", dict())
    for key, name in (("url", "IMAGE_EDIT_ENDPOINT"), ("model", "IMAGE_EDIT_MODEL")):
        value = os.environ.get(name, "").strip()
        if value:
            edit[key] = value


def main(layout, source, output, cookbook, batch):
    config = yaml.safe_load(Path(cookbook).read_text(encoding="utf-8"))
    overlay(config)
    first = (config.get("data") or [dict()])[0]
    suffix = Path(first.get("output", dict()).get("video", "")).suffix or ".png"
    entries, folders = [], set()
    for image, folder, label in sources(layout, Path(source)):
        target = Path(output) / folder
        target.mkdir(parents=True, exist_ok=True)
        folders.add(folder)
        entries.append(
            dict(
                inputs=dict(rgb=str(image)),
                output=dict(
                    video=str(target / (image.stem + suffix)),
                    caption=f"/tmp/cap_{label}.txt",
                    metadata=f"/tmp/meta_{label}.json",
                ),
            )
        )
    config["data"] = entries
    Path(batch).write_text(
        yaml.safe_dump(config, default_flow_style=False, allow_unicode=True, sort_keys=False), encoding="utf-8"
    )
    if layout == "cells":
        print(f"Batch config: {len(entries)} ROIs across {len(folders)} material/cell dirs -> {batch}")
    else:
        print(f"Batch config: {len(entries)} RGB crops -> {batch}")


if __name__ == "__main__":
    if len(sys.argv) != 6 or sys.argv[1] not in ("cells", "modes"):
        sys.exit(__doc__)
    main(*sys.argv[1:])
