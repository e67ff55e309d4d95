"""Writes which keys a TAO release reads in a Visual ChangeNet spec, from the dataclasses of the release itself.

    pip download --no-deps --python-version 3.12 --only-binary :all: nvidia-tao-pytorch==7.3.0
    pip install omegaconf==2.3.0
    python generate.py --out server/data/spec-keys nvidia_tao_pytorch-7.0.1-*.whl nvidia_tao_pytorch-7.3.0-*.whl

One file a key list (`7.3.json`; releases that read the same share one): the dataclass of every section; for every key
its type, its default and, where the release lists them, the values that it takes; the metrics that a training logs and
a checkpointer can therefore monitor. Names, types and defaults only; no text.
"""

import argparse
import ast
import dataclasses
import importlib
import json
import re
import sys
import tempfile
import typing
import zipfile
from pathlib import Path

MODULE = "config.visual_changenet.default_config"
MODELS = "cv/visual_changenet/classification/models"
# Sections of other programs than train, evaluate and inference: their names are kept, not their keys.
CLOSED = {"export", "gen_trt_engine", "quantize", "prune", "distill", "wandb", "dataset.segment"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("wheels", nargs="+", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    lists = []
    for wheel in sorted(args.wheels, key=lambda wheel: [int(part) for part in version_of(wheel)]):
        listed = keys_of(wheel)
        release = ".".join(version_of(wheel)[:2])
        if lists and all(lists[-1][part] == listed[part] for part in listed):
            lists[-1]["releases"].append(release)
            lists[-1]["from"].append(package_of(wheel))
        else:
            lists.append({"releases": [release], "from": [package_of(wheel)], **listed})
    for listed in lists:
        write(args.out / f"{listed['releases'][-1]}.json", listed)


def version_of(wheel: Path) -> list:
    return wheel.name.split("-")[1].split(".")


def package_of(wheel: Path) -> str:
    return " ".join(wheel.name.split("-")[:2]).replace("_", "-")


def keys_of(wheel: Path) -> dict:
    """Imports the `config` package of a wheel by itself: it needs omegaconf and nothing else."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        place = next(name for name in archive.namelist() if name.endswith(f"/{MODULE.replace('.', '/')}.py"))
        package = place.split("/")[0]
        archive.extractall(folder, [name for name in archive.namelist() if name.startswith(f"{package}/config/")])
        (Path(folder) / package / "__init__.py").touch()
        sys.path.insert(0, folder)
        try:
            root = importlib.import_module(f"{package}.{MODULE}").ExperimentConfig
            sections, keys = {}, {}
            walk("", root, sections, keys)
            keys["model.backbone.type"]["values"] = backbones_of(archive, package)
            return {"sections": sections, "keys": keys, "metrics": metrics_of(archive, package)}
        finally:
            sys.path.remove(folder)
            for name in [name for name in sys.modules if name.split(".")[0] == package]:
                del sys.modules[name]
            importlib.invalidate_caches()


def backbones_of(archive: zipfile.ZipFile, package: str) -> list:
    """The names that the model builder knows; the dataclass lists fewer."""
    tree = ast.parse(archive.read(f"{package}/{MODELS}/changenet.py"))
    maps = [node.value for node in ast.walk(tree) if isinstance(node, ast.Assign) and named(node, "channels_map")]
    return [key.value for key in maps[0].keys]


def named(node: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)


def metrics_of(archive: zipfile.ZipFile, package: str) -> list:
    text = archive.read(f"{package}/{MODELS}/cn_pl_model.py").decode()
    return sorted(set(re.findall(r"self\.log\(\s*[\"'](\w+)[\"']", text)))


def walk(path: str, config: type, sections: dict, keys: dict) -> None:
    sections[path] = config.__name__
    hints = typing.get_type_hints(config)
    for field in dataclasses.fields(config):
        key = f"{path}.{field.name}" if path else field.name
        kind, optional = plain(hints[field.name])
        default = field.default
        if default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        if dataclasses.is_dataclass(kind):
            if dataclasses.is_dataclass(default):
                kind = type(default)  # a section may be declared as its base class
            keys[key] = {"type": "section", **({"optional": True} if optional else {})}
            if key in CLOSED:
                sections[key] = kind.__name__
            else:
                walk(key, kind, sections, keys)
            continue
        keys[key] = {"type": text_of(kind)}
        if optional:
            keys[key]["optional"] = True
        if default == "???":
            keys[key]["mandatory"] = True
        else:
            keys[key]["default"] = default
        values = field.metadata.get("valid_options")
        if values and text_of(kind) == "str":
            keys[key]["values"] = [value.strip() for value in values.split(",")]


def plain(kind: object) -> tuple:
    """A type without `Optional`, and whether it had it."""
    options = typing.get_args(kind)
    if typing.get_origin(kind) is typing.Union and type(None) in options:
        rest = [one for one in options if one is not type(None)]
        return (rest[0] if len(rest) == 1 else typing.Any, True)
    return (kind, kind is typing.Any)


def text_of(kind: object) -> str:
    """`int`, `float`, `bool`, `str`, `any`, `list[int]`, `dict[str,int]`."""
    origin = typing.get_origin(kind) or kind
    if origin in (list, dict):
        members = [text_of(plain(one)[0]) for one in typing.get_args(kind)] or ["any"]
        return f"{origin.__name__}[{','.join(members)}]"
    return origin.__name__ if origin in (int, float, bool, str) else "any"


def write(path: Path, content: dict) -> None:
    """One line a key, so that what a release changed shows in a diff."""
    parts = []
    for name, value in content.items():
        if isinstance(value, dict):
            lines = ",\n".join(f"    {json.dumps(key)}: {json.dumps(one)}" for key, one in value.items())
            value = f"{{\n{lines}\n  }}" if lines else "{}"
        else:
            value = json.dumps(value)
        parts.append(f"  {json.dumps(name)}: {value}")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")


if __name__ == "__main__":
    main()
