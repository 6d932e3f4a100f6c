"""What of ours stands on which chain: one file for each, in a directory that people keep beside their settings."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Self

from pydantic import ValidationError

from domain.chain import Address
from domain.errors import DeploymentUnderway, RecordUnreadable, RoleVacant
from domain.values import Value

_TWO_DAYS = 2 * 24 * 3600

Role = Literal["operator", "pauser", "anchorer"]


class MadeWith(Value):
    """What the contracts were given when they were deployed, and can't be changed any more; the delay is in seconds."""

    admin: Address
    admin_delay: int
    fee_recipient: Address


class Wanted(Value):
    """Who may do what, as docs/contracts.md says, and the tokens that new payments may be in."""

    operator: Address
    pauser: Address
    anchorer: Address
    fee_recipient: Address
    tokens: frozenset[Address]

    def of(self, role: Role) -> Address:
        return {"operator": self.operator, "pauser": self.pauser, "anchorer": self.anchorer}[role]


class Wish(Value):
    """As `MadeWith` and `Wanted`, where what is None stays as it is on record."""

    admin: Address | None = None
    admin_delay: int | None = None
    operator: Address | None = None
    pauser: Address | None = None
    anchorer: Address | None = None
    fee_recipient: Address | None = None
    tokens: frozenset[Address] | None = None

    def over(self, recorded: "Deployment | None", signer: Address) -> Wanted:
        """Raises RoleVacant for a role that nobody has and nobody was named for; the admin may pause."""
        before = recorded.now.model_dump() if recorded else {"pauser": self.admin or signer, "tokens": frozenset()}
        told = {**before, **self.model_dump(include=set(Wanted.model_fields), exclude_none=True)}
        if vacant := [role.replace("_", " ") for role in Wanted.model_fields if role not in told]:
            raise RoleVacant(roles=", ".join(vacant))
        return Wanted(**told)

    def made_with(self, recorded: "Deployment | None", signer: Address, fee_recipient: Address) -> MadeWith:
        """The signer is admin where nobody else is named, with a delay of two days."""
        before = (
            recorded.made_with
            if recorded
            else MadeWith(admin=signer, admin_delay=_TWO_DAYS, fee_recipient=fee_recipient)
        )
        return before.model_copy(update=self.model_dump(include={"admin", "admin_delay"}, exclude_none=True))


class Addresses(Value):
    """`token` is the test token, where there is one."""

    escrow: Address
    anchor: Address
    token: Address | None

    def all(self) -> tuple[Address, Address, Address | None]:
        """Escrow, anchor and test token."""
        return self.escrow, self.anchor, self.token


class Deployed(Value):
    """Contracts that stand on a chain, the block that it was at before them (0 where that isn't known), what they were
    made with, and what was wanted of them last.
    """

    block: int
    addresses: Addresses
    made_with: MadeWith
    now: Wanted


class Deployment(Deployed):
    """A chain's record. `former` are contracts that these replaced: what is held there is there still, and roles are as
    they were left. `stood` once they were seen there: a node that doesn't know them by then is not believed.
    """

    chain_id: int
    stood: bool = True
    former: tuple[Deployed, ...] = ()

    @classmethod
    def of(cls, directory: Path, chain_id: int) -> Self | None:
        """None for a chain that nothing was deployed to. Raises RecordUnreadable."""
        file = _file(directory, chain_id)
        try:
            found = cls.model_validate_json(file.read_text())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            wrong = ", ".join(".".join(map(str, each["loc"])) or each["msg"] for each in error.errors())
            raise RecordUnreadable(file=str(file), reason=wrong) from error
        except (OSError, ValueError) as error:
            raise RecordUnreadable(file=str(file), reason=type(error).__name__) from error
        if found.chain_id != chain_id:
            raise RecordUnreadable(file=str(file), reason=f"it is of chain {found.chain_id}")
        return found

    def keep(self, directory: Path) -> None:
        """Replace the chain's record in one step. Raises RecordUnreadable."""
        file = _file(directory, self.chain_id)
        draft = file.with_suffix(f".{os.getpid()}")
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with draft.open("w") as stream:
                stream.write(self.model_dump_json(indent=2) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(file)
        except OSError as error:
            raise RecordUnreadable(file=str(file), reason=type(error).__name__) from error

    def as_wish(self) -> Wish:
        """To be said again, of contracts that don't stand yet."""
        made, now = self.made_with, self.now
        pauser = None if now.pauser == made.admin else now.pauser
        return Wish(**{**now.model_dump(), "pauser": pauser}, admin=made.admin, admin_delay=made.admin_delay)

    def as_former(self) -> tuple[Deployed, ...]:
        """These contracts and those before them, for the record of others."""
        mine = Deployed(block=self.block, addresses=self.addresses, made_with=self.made_with, now=self.now)
        return (*self.former, mine)


@contextmanager
def alone(directory: Path, chain_id: int) -> Iterator[None]:
    """Nobody else on this machine acts by the chain's record meanwhile.

    Raises DeploymentUnderway and RecordUnreadable.
    """
    record = _file(directory, chain_id)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = record.with_suffix(".lock").open("w")
    except OSError as error:
        raise RecordUnreadable(file=str(record), reason=type(error).__name__) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DeploymentUnderway(file=str(record)) from None
        except OSError as error:
            raise RecordUnreadable(file=str(record), reason=type(error).__name__) from error
        yield


def _file(directory: Path, chain_id: int) -> Path:
    return directory / f"{chain_id}.json"
