"""Renders one `workflow` section as the OSMO service does: sandboxed Jinja2 with strict undefined.

stdin: {"section": text, "defaults": {}, "set": {}, "set_string": {}}; stdout: {"rendered": text} or {"error": text}
"""

import json
import re
import sys

from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

RESERVED = re.compile(r"\{\{(uuid|workflow_id|output|input:[A-Za-z0-9_-]+|host:[A-Za-z0-9_-]+)\}\}")


def cast(value):
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            pass
    return value


def render(job):
    kept = []

    def keep(found):
        kept.append(found.group(0))
        return f"@@reserved{len(kept) - 1}@@"

    values = dict(job["defaults"])
    values.update((key, cast(value)) for key, value in job["set"].items())
    values.update(job["set_string"])
    section = RESERVED.sub(keep, job["section"])
    text = SandboxedEnvironment(undefined=StrictUndefined).from_string(section).render(**values)
    return re.sub(r"@@reserved(\d+)@@", lambda found: kept[int(found.group(1))], text)


answers = []
for job in json.load(sys.stdin):
    try:
        answers.append({"rendered": render(job)})
    except Exception as error:
        answers.append({"error": f"{type(error)}: {error}"})
json.dump(answers, sys.stdout)
