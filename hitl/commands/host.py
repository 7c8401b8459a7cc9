"""`hitl host`: a run and its policy for several people."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib.util
import ipaddress
import math
import os
import secrets
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from hitl.assemble import held, leave_rank_lists
from hitl.atomic import write_synced
from hitl.checkpoints import checkpoint_age
from hitl.commands.listening import not_listening
from hitl.commands.plan import AGAIN
from hitl.config.commands import Host
from hitl.config.recorded import to_json
from hitl.errors import HitlError, UsageError
from hitl.open_run import Held, OpenRun
from hitl.opening import Opening, check_place, config_of
from hitl.operator import Event, Notice, Updated
from hitl.rundir import RunDir
from hitl.second import alpha, doubly_judged, pairs_of
from hitl.text import safe
from hitl.wording import Sentence

if TYPE_CHECKING:
    from hitl.host.messages import Welcome
    from hitl.host.serving import Audience
    from hitl.host.serving import Host as Hosting

AGREEMENT_S = 5.0
"""Seconds between two looks at how far operators agree."""
TOLD_EVERY = 10
"""Groups judged twice, after which the operators are told too."""


def host(command: Host) -> int:
    """Serves until Ctrl+C, which saves. Exit code 0 then."""
    check_place(command.place)
    _check_installed(command.overlap)
    from hitl.host.serving import Audience

    run_dir = RunDir.open(Path(command.root), command.run)
    config = config_of(run_dir)
    opening = Opening(
        ahead=config.ahead, shuffle=True, again=AGAIN, device=command.device, place=command.place
    )
    audience = Audience(_tell)
    with _listening(command.host, command.port) as listening, held(
        run_dir, audience, opening
    ) as this:  # fmt: skip
        run = OpenRun(this, audience, opening, command.overlap)
        token = command.token or _token_told() or _token_of(run_dir)
        asyncio.run(_serve(run_dir, this, run, audience, token, listening))
        run.finish()
        leave_rank_lists(run_dir, this)
    print(f"run {run_dir.name} is saved: hitl host {run_dir.name}")
    return 0


async def _serve(
    run_dir: RunDir,
    this: Held,
    run: OpenRun,
    audience: Audience,
    token: str,
    listening: socket.socket,
) -> None:
    from hitl.host.serving import Host as Hosting

    serving = Hosting(run, audience, token, lambda: _welcome(run_dir, this), _say)
    loop = asyncio.get_running_loop()

    def leave(number: int) -> None:
        if audience.leaving:  # what was acknowledged is in the journal
            os._exit(128 + number)
        audience.leaving = True
        serving.stop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, leave, number)
    _say(f"run {run_dir.name} is being loaded")
    await asyncio.to_thread(run.take_up)
    if audience.leaving:
        return
    address = _address(listening)
    _say(f"hosted: hitl join {run_dir.name}@{address} --operator NAME")
    _say(f"token: {token}")
    if not ipaddress.ip_address(listening.getsockname()[0]).is_loopback:
        _say("the connection is not encrypted: let people come through ssh -L or a VPN")
    _say("Ctrl+C ends it; the run is saved first")
    watching = asyncio.create_task(_watch(run, audience, serving))
    try:
        await serving.serve(listening)
    finally:
        watching.cancel()


async def _watch(run: OpenRun, audience: Audience, serving: Hosting) -> None:
    """Says how far operators agree, when there is more to tell."""
    told = 0
    while True:
        await serving.judged_twice.wait()
        serving.judged_twice.clear()
        groups, agreement = await asyncio.to_thread(_agreement, run)
        if groups and not math.isnan(agreement):
            text = Sentence(
                "agreement of operators: Krippendorff's alpha {alpha:.2f} over {groups} groups",
                alpha=agreement,
                groups=groups,
            )
            if groups // TOLD_EVERY > told:
                told = groups // TOLD_EVERY
                audience.notify(Notice(text))  # which says it here too
            else:
                _say(text)
        await asyncio.sleep(AGREEMENT_S)


def _agreement(run: OpenRun) -> tuple[int, float]:
    """Groups that two operators judged, and their alpha."""
    both = doubly_judged(pairs_of(run.journal.events()), run.journal.judgements())
    return len(both), alpha(both)


def _welcome(run_dir: RunDir, this: Held) -> Welcome:
    from hitl.host.messages import PROTOCOL, Welcome

    updates = tuple(this.journal.updates())
    return Welcome(
        PROTOCOL,
        run_dir.name,
        to_json(this.config),
        dataclasses.asdict(this.config.ppo),
        updates,
        checkpoint_age(run_dir.steps, at_most=len(updates)),
    )


def _tell(event: Event) -> None:
    match event:
        case Updated(stats, waiting):
            _say(
                f"update {stats.number}: {stats.labels} labels, reward {stats.reward:.3g}, KL "
                f"{stats.sequence_kl:.3g} nats, {stats.seconds:.1f} s; {waiting} labels wait"
            )
        case Notice(text, level):
            _say(text if level == "info" else f"{level}: {text}")


def _say(line: str) -> None:
    print(safe(line), flush=True)


def _listening(host: str, port: int) -> socket.socket:
    """Bound, so that a port in use is said before a policy is loaded; nobody gets in yet."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        raise not_listening(host, port, error) from error
    return bound


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _token_told() -> str | None:
    token = os.environ.get("HITL_TOKEN")
    if token and len(token) < 8:
        raise UsageError("HITL_TOKEN is too short to keep anybody out: at least 8 characters")
    return token


def _token_of(run_dir: RunDir) -> str:
    """The run's own, so that those who joined find in again after a restart. Only its owner can
    read the file."""
    path = run_dir.path / "token"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.close(descriptor)
        write_synced(path, secrets.token_urlsafe(16).encode())
    token = path.read_text().strip()
    if len(token) < 8:
        raise HitlError(f"{path} holds no token: remove it, or give one with --token")
    return token


def _check_installed(overlap: float) -> None:
    for package in ("aiohttp", *(("krippendorff",) if overlap else ())):
        if importlib.util.find_spec(package) is None:
            raise UsageError(f"hitl host needs {package}: pip install {package}")
