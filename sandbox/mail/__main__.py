"""`python -m sandbox.mail --port N --smtp-port N`."""

import argparse

import uvicorn

from sandbox.mail import create_app
from sandbox.ports import LOOPBACK


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.mail", description="A mail server and its inbox.")
    parser.add_argument("--port", type=int, required=True, help="the inbox, for browsers and programs")
    parser.add_argument("--smtp-port", type=int, required=True, help="where mails are handed in")
    asked = parser.parse_args()
    app = create_app(asked.smtp_port)
    uvicorn.run(app, host=LOOPBACK, port=asked.port, log_level="warning", access_log=False, timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main()
