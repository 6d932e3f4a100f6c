"""A mail server on loopback that delivers to nobody: what it takes is shown in an inbox, and forgotten at its end."""

from sandbox.mail.app import create_app

__all__ = ["create_app"]
