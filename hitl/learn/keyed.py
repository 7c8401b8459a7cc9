"""Randomness is keyed, not ordered: every use has a seed made from what it is for."""

from __future__ import annotations

import hashlib

import torch


def seed_of(*key: int | str) -> int:
    """A 63-bit seed from the parts of a key, the same on every machine and version."""
    text = "\x1f".join(str(part) for part in key)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(*key: int | str) -> torch.Generator:
    """A CPU generator for this key alone."""
    return torch.Generator().manual_seed(seed_of(*key))
