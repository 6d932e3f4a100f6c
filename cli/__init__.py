"""`holdfast`: run the parts of a deployment, or everything at once on one machine; one file for each kind of verb."""

from cli.root import main

__all__ = ["main"]
