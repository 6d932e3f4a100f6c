"""`holdfast up` with the stand-in for Holdfast's own commands: data directory, ready file and options as arguments."""

import asyncio
import sys
from pathlib import Path

from sandbox.errors import StackError
from sandbox.stack import StackOptions, up


def main(directory: str, ready_file: str, *flags: str) -> None:
    stand_in = str(Path(__file__).parent)
    options = StackOptions(
        data_dir=Path(directory),
        ephemeral="--ephemeral" in flags,
        free_ports=True,
        ready_file=Path(ready_file),
        environment={"PYTHONPATH": stand_in},
    )
    try:
        asyncio.run(up(options))
    except StackError as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main(*sys.argv[1:])
