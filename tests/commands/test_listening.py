"""What a person reads when nothing can listen where they asked for."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from hitl.commands.listening import not_listening


def _bind(host: str, port: int) -> None:
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as bound:
        bound.bind(address)


def _taken(bind: Callable[[str, int], None]) -> OSError:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError) as caught:
            bind("127.0.0.1", taken.getsockname()[1])
        return caught.value


def test_a_port_in_use() -> None:
    said = str(not_listening("127.0.0.1", 8000, _taken(_bind)))
    assert said == (
        "127.0.0.1:8000 cannot be listened on (Address already in use): give another --port"
    )


def test_an_address_of_another_machine() -> None:
    with pytest.raises(OSError) as caught:
        _bind("192.0.2.77", 8000)  # of a network for documentation
    assert str(not_listening("192.0.2.77", 8000, caught.value)).endswith(
        "--host is none of this machine's"
    )


def test_a_name_that_nobody_knows() -> None:
    with pytest.raises(OSError) as caught:
        _bind("nohost.invalid", 8000)
    assert str(not_listening("nohost.invalid", 8000, caught.value)) == (
        "nohost.invalid:8000 cannot be listened on: nothing is called nohost.invalid, check --host"
    )
