"""`python -m sandbox.stripe --port N [--host H] [--webhook-url URL] [--webhook-secret whsec_...] [--state FILE]`."""

import argparse
from pathlib import Path

import uvicorn

from sandbox.stripe import create_app


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.stripe", description="A simulated Stripe on loopback.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1", help="within a container: its own address; it has no login")
    parser.add_argument("--webhook-url", help="where signed events go; none are sent without it")
    parser.add_argument("--webhook-secret", default="whsec_sandbox", help="signs the events")
    parser.add_argument("--state", type=Path, help="a file that keeps everything across restarts")
    asked = parser.parse_args()
    app = create_app(asked.webhook_url, asked.webhook_secret, state=asked.state)
    # A held connection (timeout_*) must not hold up the end.
    uvicorn.run(
        app, host=asked.host, port=asked.port, log_level="warning", access_log=False, timeout_graceful_shutdown=1
    )


if __name__ == "__main__":
    main()
