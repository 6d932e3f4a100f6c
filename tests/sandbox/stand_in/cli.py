"""Stands in for Holdfast's own commands, so that the stack is tested apart from what it carries.

Like all children it gets the environment the stack gives; it writes what it got to its log.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

_SHOWN = ("DATABASE_URL", "TEMPORAL_", "HOLDFAST_")


class _Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health/ready" else 404)
        self.end_headers()


def main(command: str, *arguments: str) -> None:
    shown = {name: value for name, value in os.environ.items() if name.startswith(_SHOWN)}
    sys.stdout.write(json.dumps({"command": command, "arguments": arguments, "environment": shown}) + "\n")
    sys.stdout.flush()
    if command == os.environ.get("STAND_IN_FAILS"):
        sys.exit(f"{command} fails on request")
    match command:
        case "worker":
            Path(arguments[1]).touch()
            threading.Event().wait()
        case "api":
            HTTPServer(("127.0.0.1", int(arguments[1])), _Healthy).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
