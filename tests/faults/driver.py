"""A process that has imported torch, and forks to call a function: seconds saved on each.

Told on stdin, one JSON line a call: {"function": "module:name", "arguments": {…}}; answers with one
line, {"result": …} or {"error": traceback}.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "PYTHONPATH": str(ROOT),
    "TOKENIZERS_PARALLELISM": "false",
}


class Driver:
    """The side of the tests."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def call(self, function: str, **arguments: Any) -> Any:
        """What the function returns, by way of JSON. An AssertionError is raised here again."""
        assert self._process.stdin is not None and self._process.stdout is not None
        line = json.dumps({"function": function, "arguments": arguments}, default=str)
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["result"]


@contextmanager
def driving() -> Iterator[Driver]:
    """A driver, until the block ends. What transformers would keep in the home is thrown away."""
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.driver"],
            cwd=ROOT,
            env={k: v for k, v in os.environ.items() if k != "HITL_FAULT"}
            | ENVIRONMENT
            | {"HF_HOME": home},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield Driver(process)
        finally:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.close()
            process.stdout.close()
            process.wait()


def import_everything() -> None:
    """What a stint imports and transformers compiles, so that its fork need not."""
    import transformers.models.auto.modeling_auto
    import transformers.models.auto.tokenization_auto
    import transformers.models.gpt2.modeling_gpt2
    import transformers.models.gpt2.tokenization_gpt2  # noqa: F401
    from transformers.conversion_mapping import get_checkpoint_conversion_mapping

    import hitl.learn.engine
    import hitl.learn.scorers
    import hitl.tui.app  # noqa: F401
    import tests.faults.killing  # noqa: F401

    get_checkpoint_conversion_mapping("gpt2")  # 900 patterns, on the first load of a model
    gc.freeze()  # or every fork looks through all that was imported, and copies it by doing so


def called(function: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The call in a fork of its own; nothing it does to its process stays."""
    reads, writes = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reads)
        os.dup2(2, 1)  # what it prints is no answer of ours
        try:
            module, name = function.split(":")
            answer = {"result": getattr(importlib.import_module(module), name)(**arguments)}
            line = json.dumps(answer, default=str)
        except BaseException:
            line = json.dumps({"error": traceback.format_exc()})
        with os.fdopen(writes, "w") as stream:
            stream.write(line)
        sys.stderr.flush()
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as stream:
        line = stream.read()
    _, status = os.waitpid(process, 0)
    return json.loads(line) if line else {"error": f"{function} died: {status}"}


def main() -> None:
    """Serves until stdin ends."""
    import_everything()
    answers = os.dup(1)
    requests = b""
    while piece := os.read(0, 65536):  # unbuffered: forks must not inherit half a line
        *lines, requests = (requests + piece).split(b"\n")
        for line in lines:
            os.write(answers, json.dumps(called(**json.loads(line))).encode() + b"\n")


if __name__ == "__main__":
    main()
