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
