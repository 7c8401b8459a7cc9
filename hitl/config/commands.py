"""What each command of the command line takes. tyro makes options and help of these."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from hitl.config.checks import at_least
from hitl.config.look import Look
from hitl.config.place import Place
from hitl.config.session import SessionConfig
from hitl.errors import UsageError
from hitl.unsteady import Unsteadiness


@dataclass(frozen=True, slots=True)
class Home:
    """Pick a run to resume, or begin one: what `hitl` does without a command."""

    look: tyro.conf.OmitArgPrefixes[Look] = field(default_factory=Look)
    """How the screens look."""


@dataclass(frozen=True, slots=True)
class Train:
    """Teach a policy: opens the terminal UI, or reads judgements line by line."""

    session: tyro.conf.OmitArgPrefixes[SessionConfig] = field(default_factory=SessionConfig)
    """Options of the run."""
    place: tyro.conf.OmitArgPrefixes[Place] = field(default_factory=Place)
    """Where the policy lives, this once."""
    run: str | None = None
    """Name of the new run. Default: the language and a number, such as zh-01."""
    plain: bool = False
    """Line mode: scores from standard input, one line a group. By itself where there is no
    terminal."""
    look: tyro.conf.OmitArgPrefixes[Look] = field(default_factory=Look)
    """How the screens look."""
    root: str = "checkpoints"
    """Folder that holds the runs."""


@dataclass(frozen=True, slots=True)
class Label(Train):
    """Judge without training, for rank lists: as `train --label-only`."""

    session: tyro.conf.OmitArgPrefixes[SessionConfig] = field(
        default_factory=lambda: SessionConfig(mode="rank", label_only=True)
    )
    """Options of the run."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on with a run exactly where it stood."""

    run: Annotated[str | None, tyro.conf.Positional] = None
    """Name of the run. Default: the newest."""
    at: int | None = None
    """Go back to this update, 0 is the base policy, and on from there: the judgements after it
    stay in the journal, but are not learned from any more."""
    device: str | None = None
    """Where the policy lives this once: auto, cpu, cuda, cuda:1 … Default: as the run says. On
    another device the last digits differ."""
    place: tyro.conf.OmitArgPrefixes[Place] = field(default_factory=Place)
    """Where the policy lives, this once."""
    plain: bool = False
    """Line mode: scores from standard input, one line a group."""
    look: tyro.conf.OmitArgPrefixes[Look] = field(default_factory=Look)
    """How the screens look."""
    root: str = "checkpoints"
    """Folder that holds the runs."""


@dataclass(frozen=True, slots=True)
class Runs:
    """List the runs, newest first."""

    json: bool = False
    """Print one JSON list instead of a table."""
    root: str = "checkpoints"
    """Folder that holds the runs."""


@dataclass(frozen=True, slots=True)
class Show:
    """One run in figures, and its curves as pictures."""

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Name of the run."""
    last: int = 20
    """Updates that are listed, the newest; 0 lists none. Pictures and JSON have all of them."""
    json: bool = False
    """Print all of it as one JSON object on the last line."""
    root: str = "checkpoints"
    """Folder that holds the runs."""

    def __post_init__(self) -> None:
        at_least("--last", self.last, 0)


@dataclass(frozen=True, slots=True)
class Replay:
    """Make a run's updates again from its journal: are the weights identical?"""

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Name of the run."""
    device: str | None = None
    """Where the updates are made: auto, cpu, cuda, cuda:1 … Default: as the run says. On another
    device the last digits differ."""
    repair: bool = False
    """Put the policy that was made again in place of the run's checkpoints."""
    json: bool = False
    """Print the verdict as one JSON object on the last line."""
    root: str = "checkpoints"
    """Folder that holds the runs."""


@dataclass(frozen=True, slots=True)
class Export:
    """Labels or policy of a run, in the formats of other tools."""

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Name of the run."""
    format: Literal["ranklist", "preferences", "scores", "parquet", "policy"]
    """ranklist: TSV, a group a line, best to worst. preferences: JSONL of prompt, chosen, rejected.
    scores, parquet: a label a row. policy: a folder that transformers loads."""
    out: Path
    """File, or folder of a policy, to write; - is standard output."""
    force: bool = False
    """Replace what is there."""
    root: str = "checkpoints"
    """Folder that holds the runs."""


@dataclass(frozen=True, slots=True)
class Compare:
    """Base policy and taught policy side by side, on the same prompts and random numbers."""

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Name of the run."""
    policy: str | None = None
    """Policy to compare with the base, in place of the run's own: what `hitl dpo RUN` or
    `hitl sft` wrote, with the base's tokeniser."""
    n: int = 64
    """Completions of each, rounded up to whole groups."""
    reward: str | None = None
    """Scorer of the texts, by folder, shipped name or hub id. Default: the shipped one of the run's
    language."""
    show: int = 8
    """Texts to print."""
    seed: int = 0
    """Seed of the completions."""
    json: bool = False
    """Print figures and all texts as one JSON object on the last line."""
    markdown: bool = False
    """Print Markdown, as a pipe gets it."""
    root: str = "checkpoints"
    """Folder that holds the runs."""

    def __post_init__(self) -> None:
        at_least("--n", self.n, 1)
        at_least("--show", self.show, 0)


@dataclass(frozen=True, slots=True)
class Serve:
    """The terminal UI in a browser, one session a tab."""

    host: str = "127.0.0.1"
    """Address to listen on; the default is reached from this machine only."""
    port: int = 8000
    """Port to listen on."""
    token: str | None = None
    """What a browser must know to get in. Default: a new one each time."""
    public_url: str | None = None
    """Address that browsers open, if it is not http://HOST:PORT (a proxy, every address)."""
    look: tyro.conf.OmitArgPrefixes[Look] = field(default_factory=Look)
    """How the screens look."""

    def __post_init__(self) -> None:
        _check_port_and_token(self.port, self.token)


@dataclass(frozen=True, slots=True)
class Host:
    """Keep a run and its policy for several people, who judge for it with `hitl join`."""

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Name of the run; `hitl train` or `hitl label` begins one."""
    host: str = "127.0.0.1"
    """Address to listen on; the default is reached from this machine only. The connection is not
    encrypted: beyond one machine, use a tunnel such as ssh -L."""
    port: int = 8765
    """Port to listen on."""
    token: str | None = None
    """What one must know to join; also read from HITL_TOKEN. Default: one made for the run and kept
    in its folder."""
    overlap: float = 0.0
    """Share of groups that two people judge, 0 to 1, while at least two have joined: shows how far
    they agree (Krippendorff's alpha)."""
    device: str | None = None
    """Where the policy lives, this once: auto, cpu, cuda, cuda:1 … Default: as the run says."""
    place: tyro.conf.OmitArgPrefixes[Place] = field(default_factory=Place)
    """Where the policy lives, this once."""
    root: str = "checkpoints"
    """Folder that holds the runs."""

    def __post_init__(self) -> None:
        _check_port_and_token(self.port, self.token)
        if not 0 <= self.overlap <= 1:
            raise UsageError(f"--overlap {self.overlap:g} must lie between 0 and 1")


@dataclass(frozen=True, slots=True)
class Join:
    """Judge for a run that somebody hosts, with the same screens as at home."""

    where: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN@HOST:PORT")]
    """The run and its host, as `hitl host` prints them."""
    operator: str
    """Your name, for the journal: each person needs their own."""
    token: str | None = None
    """What `hitl host` printed; also read from HITL_TOKEN, where other users of this machine do not
    see it."""
    plain: bool = False
    """Line mode: scores from standard input, one line a group. By itself where there is no
    terminal."""
    look: tyro.conf.OmitArgPrefixes[Look] = field(default_factory=Look)
    """How the screens look."""

    def __post_init__(self) -> None:
        _ = self.run_and_address

    @property
    def run_and_address(self) -> tuple[str, str]:
        """Raises UsageError for what is not RUN@HOST:PORT."""
        run, at, address = self.where.rpartition("@")
        host, _, port = address.rpartition(":")
        if not (run and at and host and port.isdigit()):
            raise UsageError(f"{self.where!r} is not RUN@HOST:PORT, such as zh-01@127.0.0.1:8765")
        return run, address


def _check_port_and_token(port: int, token: str | None) -> None:
    if not 0 < port < 65536:
        raise UsageError(f"--port {port} is no port: 1 to 65535")
    if token is not None and len(token) < 8:
        raise UsageError("--token is too short to keep anybody out: at least 8 characters")


@dataclass(frozen=True, slots=True)
class Simulate:
    """Let a scorer judge in a person's place, through the very same session."""

    session: tyro.conf.OmitArgPrefixes[SessionConfig] = field(default_factory=SessionConfig)
    """Options of the run."""
    place: tyro.conf.OmitArgPrefixes[Place] = field(default_factory=Place)
    """Where the policy lives, this once."""
    scorer: Annotated[str | None, tyro.conf.arg(name="operator")] = None
    """Who judges: a text-classification model, by folder, shipped name or hub id. Default: the
    shipped one of --lang."""
    gold: str | None = None
    """Scorer of the result. Default: the one that judges."""
    labels: int = 128
    """Labels given in all."""
    noise: float | Literal["human"] = 0.1
    """Unsteadiness of the judge: standard deviation on a text's utility, which is 0 to 1; human: as
    people differ in rating film and product reviews, more in the middle than at the ends."""
    mistake: float = 0.0
    """Share of groups in which two neighbours change places, 0 to 1."""
    skip: float = 0.0
    """Share of groups that are skipped, 0 to 1."""
    tie: float = 0.0
    """Share of groups in which texts nearer than a tenth, in utility, are called equal, 0 to 1."""
    drift: float = 0.0
    """What is added to every utility by the 100th group, -1 to 1: the judge grows lenient."""
    samples: int = 128
    """Completions on fixed prompts and seeds that the figures before and after come from."""
    run: str | None = None
    """Name of the run; one that exists is continued up to --labels. Default: a new name."""
    json: bool = False
    """Print the figures as one JSON object on the last line."""
    root: str = "checkpoints"
    """Folder that holds the runs."""

    def __post_init__(self) -> None:
        at_least("--labels", self.labels, 1)
        if self.samples < self.session.group_size:
            raise UsageError(f"--samples {self.samples} is too small: at least one group")
        _ = self.unsteadiness

    @property
    def unsteadiness(self) -> Unsteadiness:
        """What is wrong with the judge. Raises UsageError."""
        noise = None if isinstance(self.noise, str) else self.noise
        return Unsteadiness(noise, self.mistake, self.skip, self.tie, self.drift)
