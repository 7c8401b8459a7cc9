"""How long a person waits: key to paint, first paint, and for groups.

python benchmarks/ui_latency.py [--keys 100] [--groups 12] [--quick] [--amplify]

Starts `hitl train` on a terminal of its own, 80×24, with a GPT-2 of 124 million parameters (random
weights, on the CPU) and presses keys while the engine is idle, samples, learns and saves: a score,
and Backspace. A key's time ends when the bytes that draw its change arrive. Then an operator of
steady pace judges: 2 s a group on the shipped policies, 8 s on the large one; a wait is a group
that was not there when the last key of the one before was pressed. Prints machine, versions, load,
and figures beside their targets.

With `--amplify` all of it is of tiny-zh and `--amplify on`, and the scores are those of somebody
with a taste that a reward model can learn, so that further texts are learned from; it says how many
were.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from terminal import Terminal

from hitl.rundir import RunDir
from hitl.salvage import reading

STAGES = {"idle": "idle", "sampling": "sampling", "PPO": "updating", "saving": "saving"}
P95, MOST, FIRST_PAINT = 0.016, 0.050, 0.3
GROUP = r"(?s)Prompt (\d+)\b.*\[ _ \]"
LEAST = 20
"""Keys in a stage from which its figures are worth a look."""


def large_policy(folder: Path) -> Path:
    """GPT-2 small as it comes, random weights; tiny-en's tokenizer with words made up beyond its
    own, so that everything it samples is text."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(1)
    source = Path(__file__).parents[1] / "checkpoints" / "tiny-en"
    tokenizer = json.loads((source / "tokenizer.json").read_text())
    known = json.loads((source / "config.json").read_text())
    ids = {k: known[k] for k in ("bos_token_id", "eos_token_id", "pad_token_id") if k in known}
    config = GPT2Config(**ids)
    vocabulary = tokenizer["model"]["vocab"]
    taken = {*vocabulary.values(), *(token["id"] for token in tokenizer["added_tokens"])}
    vocabulary |= {f"Ġw{n}": n for n in range(config.vocab_size) if n not in taken}
    model = GPT2LMHeadModel(config)
    model.to(torch.bfloat16).save_pretrained(folder)
    shutil.copy(source / "tokenizer_config.json", folder)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder


def stage(terminal: Terminal) -> str:
    """What the engine does, as the status line says."""
    parts = terminal.status.split("│")
    return STAGES.get(parts[2].split()[0], "other") if len(parts) > 2 else "other"


Scores = Callable[[Terminal], str]
"""The keys for the group on the screen."""


def any_scores(terminal: Terminal) -> str:
    """Of somebody who does not read."""
    return "4253"


def taste(terminal: Terminal) -> str:
    """Of somebody who likes 好 and 很 and dislikes 不."""
    cards = terminal.text.split("╭")[1:]
    return "".join(str(3 + ("好" in c) + ("很" in c) - 2 * ("不" in c)) for c in cards)


def judge(terminal: Terminal, scores: Scores, seconds: float = 0.0) -> float:
    """Judges the group on the screen within `seconds`; returns how long the next one took."""
    found = re.search(GROUP, terminal.text)
    assert found, terminal.text
    for key in scores(terminal):
        terminal.look(seconds / 4)
        terminal.press(key)
    since = time.perf_counter()
    terminal.until(GROUP.replace(r"(\d+)", f"(?!{found[1]}\\b)"))
    return time.perf_counter() - since


def press_keys(terminal: Terminal, wanted: int, scores: Scores) -> dict[str, list[float]]:
    """Seconds from key to paint, by what the engine did before and after, until each stage has
    `wanted` of them or the time is over."""
    times: dict[str, list[float]] = {name: [] for name in STAGES.values()}
    end = time.perf_counter() + 240
    scored = False
    while time.perf_counter() < end and min(map(len, times.values())) < wanted:
        if stage(terminal) == "idle" and len(times["idle"]) >= wanted and not scored:
            judge(
                terminal, scores
            )  # on with it: a full batch brings an update, a save and new groups
            continue
        terminal.look(random.uniform(0.02, 0.08))
        before = stage(terminal)
        try:
            took = terminal.timed("\x7f" if scored else "4", "▶", 10)
        except TimeoutError:  # between two groups no key is taken, and the screen says so
            terminal.until(r"\[ [4_] \]")
            scored = "[ 4 ]" in terminal.text
            continue
        scored = not scored
        if stage(terminal) == before and before in times:
            times[before].append(took)
    if scored:
        terminal.press("\x7f")
    return times


def quantile(times: list[float], part: float) -> float:
    ordered = sorted(times)
    return ordered[min(int(part * len(ordered)), len(ordered) - 1)]


def say_keys(times: dict[str, list[float]]) -> None:
    print(f"\nkey to paint, ms (targets: p95 {P95 * 1e3:.0f}, max {MOST * 1e3:.0f})")
    print(f"{'while':10} {'keys':>5} {'p50':>7} {'p95':>7} {'max':>7}")
    for name, taken in times.items():
        if not taken:
            print(f"{name:10} {0:5}")
            continue
        p50, p95, most = (1e3 * quantile(taken, part) for part in (0.5, 0.95, 1.0))
        over = [w for w, x in (("p95", p95 / P95), ("max", most / MOST)) if x > 1e3]
        few = "few keys " if len(taken) < LEAST else ""
        print(
            f"{name:10} {len(taken):5} {p50:7.1f} {p95:7.1f} {most:7.1f}  "
            f"{few}{'over: ' + ', '.join(over) if over else ''}"
        )


def queue(
    folder: Path, name: str, words: list[str], pace: float, groups: int, scores: Scores
) -> None:
    """An operator of steady pace, and how often nothing was there."""
    terminal = Terminal(folder, "train", "--run", f"queue-{name}-{pace:.0f}", *words)
    try:
        terminal.until(GROUP)
        terminal.look(pace)  # the first is read
        waits = [judge(terminal, scores, pace) for _ in range(groups)]
        empty = [wait for wait in waits if wait > 0.3]
        made = re.search(r"policy v(\d+)", terminal.status)
        print(
            f"{name:10} {pace:3.0f} s a group: {len(empty)} of {groups} were not there in time, "
            f"longest wait {max(waits):.2f} s, {made[1] if made else '?'} updates meanwhile"
        )
    finally:
        terminal.close()


def say_first_paint(folder: Path) -> None:
    print(f"\nfirst paint, s (target: {FIRST_PAINT})")
    starts = []
    for n in range(5):
        terminal = Terminal(folder, "train", "--run", f"paint{n}", "--lang", "en")
        starts.append(terminal.until("policy v0"))
        terminal.close()
    print(f"median {quantile(starts, 0.5):.2f}, {min(starts):.2f} to {max(starts):.2f}")


def say_further_texts(folder: Path) -> None:
    """What --amplify did in the meantime."""
    for path in sorted((folder / "checkpoints").iterdir()):
        with reading(RunDir(path)) as journal:
            texts = [stats.own_texts for stats in journal.updates()]
        if texts:
            print(f"{path.name}: further texts learned from after each update: {texts}")


def load() -> str:
    return " ".join(f"{part:.1f}" for part in os.getloadavg())


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    asked.add_argument("--keys", type=int, default=100, help="keys in each stage")
    asked.add_argument("--groups", type=int, default=12, help="groups judged at a steady pace")
    asked.add_argument("--amplify", action="store_true", help="with --amplify on")
    asked.add_argument("--quick", action="store_true", help="key to paint only")
    given = asked.parse_args()
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    print(f"{model[1] if model else platform.processor()}, {os.cpu_count()} processors")
    packages = ("torch", "transformers", "textual")
    print(f"Python {platform.python_version()}", *(f"{p} {version(p)}" for p in packages), sep=", ")
    print(f"load {load()}", f"OMP_NUM_THREADS {os.environ.get('OMP_NUM_THREADS', '-')}", sep=", ")

    folder = Path(tempfile.mkdtemp(prefix="ui_latency."))
    try:
        if given.amplify:
            words, scores = ["--lang", "zh", "--amplify", "on"], taste
        else:
            large = large_policy(folder / "gpt2-random")
            words, scores = ["--policy", str(large), "--lang", "en"], any_scores
        terminal = Terminal(folder, "train", "--run", "keys", *words)
        try:
            terminal.until(GROUP)
            say_keys(press_keys(terminal, given.keys, scores))
        finally:
            terminal.close()
        if not given.quick:
            say_first_paint(folder)
            print("\nqueue (target: none was not there in time)")
            if given.amplify:
                queue(folder, "tiny-zh", words, 2.0, given.groups, scores)
            else:
                for lang in ("en", "zh"):
                    queue(folder, f"tiny-{lang}", ["--lang", lang], 2.0, given.groups, scores)
            queue(folder, "tiny-zh" if given.amplify else "124M", words, 8.0, given.groups, scores)
        if given.amplify:
            say_further_texts(folder)
    finally:
        shutil.rmtree(folder)
    print(f"\nload {load()} at the end")


if __name__ == "__main__":
    main()
