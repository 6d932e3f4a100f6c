"""Ports that are drawn side by side."""

import subprocess
import sys

from sandbox.ports import free_ports, is_free, reserved


def test_a_port_that_was_drawn_is_nobody_elses_before_a_server_listens() -> None:
    (port,) = free_ports(1)

    elsewhere = subprocess.run(
        [sys.executable, "-c", f"from sandbox.ports import reserved; print(reserved({port}))"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert is_free(port)
    assert elsewhere.stdout == "False\n"
    assert not reserved(port)


def test_what_a_process_drew_is_free_again_when_it_has_ended() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from sandbox.ports import free_port; print(free_port())"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert reserved(int(ended.stdout))


def test_a_process_keeps_what_it_drew_last_for_itself_and_gives_back_what_it_drew_long_ago() -> None:
    drawing = "import sys; from sandbox.ports import free_port; print(*(free_port() for _ in range(300)), flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", f"{drawing}; sys.stdin.read()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        drawn = process.stdout.readline().split()
        long_ago = next(port for port in drawn if drawn.count(port) == 1)

        assert reserved(int(long_ago))
        assert not reserved(int(drawn[-1]))
