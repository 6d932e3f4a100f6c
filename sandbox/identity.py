"""Which user PostgreSQL runs as: it refuses root, so root becomes nobody, or hides behind a user namespace."""

import asyncio
import os
import pwd
import shutil
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import CannotLeaveRoot


@dataclass(frozen=True)
class Identity:
    """`prefix` goes before a command; `owner` is whom its files must belong to, None for ourselves."""

    prefix: tuple[str, ...] = ()
    owner: tuple[int, int] | None = None

    def take_over(self, tree: Path) -> None:
        """Give `tree` to whom PostgreSQL will run as; earlier it may have run as the other."""
        if self.owner is None or not tree.exists() or tree.stat().st_uid == self.owner[0]:
            return
        for path in (tree, *tree.rglob("*")):
            os.chown(path, *self.owner, follow_symlinks=False)


def make_reachable(directory: Path) -> None:
    """Create `directory` so that nobody can pass through it if root needs that; one that exists stays as it is."""
    if not directory.exists():
        directory.mkdir(parents=True)
        directory.chmod(0o711 if os.geteuid() == 0 else 0o700)


async def identity_for(binaries: Path, directory: Path) -> Identity:
    if os.geteuid() != 0:
        return Identity()
    nobody = pwd.getpwnam("nobody")
    user, group = nobody.pw_uid, nobody.pw_gid
    setpriv = shutil.which("setpriv")
    if setpriv and _reachable_by_others(binaries) and _reachable_by_others(directory):
        return Identity((setpriv, f"--reuid={user}", f"--regid={group}", "--clear-groups"), (user, group))
    namespace = ("unshare", f"--map-user={user}", f"--map-group={group}")
    if sys.platform == "linux" and await _runs(*namespace, "true"):
        return Identity(namespace, (0, 0))
    raise CannotLeaveRoot(binaries=binaries, directory=directory)


def _reachable_by_others(path: Path) -> bool:
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))


async def _runs(*command: str) -> bool:
    quiet = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=quiet, stdout=quiet, stderr=quiet)
    except FileNotFoundError:
        return False
    return await process.wait() == 0
