"""A new run: its options as they were asked for, and what they were made with."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from hitl.config.recorded import to_json
from hitl.config.session import MOST_CANDIDATES, SessionConfig
from hitl.installed import version_of
from hitl.models import resolve
from hitl.prompts import prompts_of
from hitl.rundir import RunDir

SMALL_BYTES = 80_000_000
"""Weight files of a policy that is small: 20 million parameters in fp32. A processor writes and
judges hundreds of texts with it while its operator reads four."""

CANDIDATES = 3
"""Completions that a small policy writes for one that is judged."""

RECORDED = ("torch", "transformers", "tokenizers", "safetensors")


def create_run(root: Path, name: str, config: SessionConfig) -> RunDir:
    """A new run, once its policy and prompts are seen to be there.

    Raises UsageError when they are not: then no folder is made.
    """
    source = resolve(config.base_policy, root, "policy", trust_remote_code=config.trust_remote_code)
    prompts_of(config)
    config = thrifty(anchored(config), source)
    if config.threads is None:
        config = dataclasses.replace(config, threads=processors())
    return RunDir.create(root, name, {
        "options": to_json(config),
        "ppo": dataclasses.asdict(config.ppo),
        "versions": {package: version_of(package) for package in RECORDED},
        "base": {"policy": str(source)},
    })  # fmt: skip


def thrifty(config: SessionConfig, source: Path | str) -> SessionConfig:
    """With what was left open of `--candidates` and `--amplify`: they make more of a label, and
    take time, which the policy at `source` has where it is small (docs/learning.md). The classic
    preset is to do what it always did."""
    weights = source.glob("model*.safetensors") if isinstance(source, Path) else ()
    size = sum(path.stat().st_size for path in weights)
    cheap = 0 < size <= SMALL_BYTES and config.preset == "human"
    candidates, amplify = config.candidates, config.amplify
    if candidates is None:
        many = CANDIDATES if cheap and config.group_size > 1 else 1
        candidates = min(many * config.group_size, max(MOST_CANDIDATES, config.group_size))
    if amplify == "auto":
        amplify = "on" if cheap and not config.label_only else "off"
    return dataclasses.replace(config, candidates=candidates, amplify=amplify)


def processors() -> int:
    """Those this process may use, or fewer if OpenMP is told so."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdigit() and int(told):
        return int(told)
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def anchored(config: SessionConfig) -> SessionConfig:
    """The user's own files by their absolute paths: a run may be resumed from another folder."""
    policy, prompts = config.policy, config.prompts
    return dataclasses.replace(
        config,
        policy=str(Path(policy).resolve()) if policy and Path(policy).is_dir() else policy,
        prompts=str(Path(prompts).resolve()) if prompts else None,
    )
