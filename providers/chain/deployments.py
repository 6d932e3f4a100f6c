"""What of ours stands on which chain: one file for each, in a directory that people keep beside their settings."""

import os
from pathlib import Path
from typing import Literal, Self

from domain.chain import Address
from domain.errors import RecordUnreadable, RoleVacant
from domain.values import Value

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
    """As `Wanted`, where what is None stays as it is on record."""

    operator: Address | None
    pauser: Address | None
    anchorer: Address | None
    fee_recipient: Address | None
    tokens: frozenset[Address] | None

    def over(self, recorded: "Deployment | None", admin: Address) -> Wanted:
        """Raises RoleVacant for a role that nobody has and nobody was named for; the admin may pause."""
        before = recorded.now.model_dump() if recorded else {"pauser": admin, "tokens": frozenset()}
        told = {**before, **self.model_dump(exclude_none=True)}
        for role in Wanted.model_fields:
            if role not in told:
                raise RoleVacant(role=role.replace("_", " "))
        return Wanted(**told)


class Addresses(Value):
    """`token` is the test token, where there is one."""

    escrow: Address
    anchor: Address
    token: Address | None

    def all(self) -> tuple[Address, Address, Address | None]:
        """Escrow, anchor and test token."""
        return self.escrow, self.anchor, self.token


class Deployment(Value):
    """Contracts of ours on a chain, and the block that it was at before them."""

    chain_id: int
    block: int
    addresses: Addresses
    made_with: MadeWith
    now: Wanted

    @classmethod
    def of(cls, directory: Path, chain_id: int) -> Self | None:
        """None for a chain that nothing was deployed to. Raises RecordUnreadable."""
        file = _file(directory, chain_id)
        try:
            return cls.model_validate_json(file.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise RecordUnreadable(file=str(file), reason=type(error).__name__) from error

    def keep(self, directory: Path) -> None:
        """Replace the chain's record in one step."""
        directory.mkdir(parents=True, exist_ok=True)
        file = _file(directory, self.chain_id)
        draft = file.with_suffix(f".{os.getpid()}")
        with draft.open("w") as stream:
            stream.write(self.model_dump_json(indent=2) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)


def _file(directory: Path, chain_id: int) -> Path:
    return directory / f"{chain_id}.json"
