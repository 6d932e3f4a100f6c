"""What a running stack tells others about itself, in memory and in the ready file."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from sandbox.kept_secrets import write_privately


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Temporal(_Frozen):
    address: str
    namespace: str
    ui: str


class Account(_Frozen):
    email: str
    password: str


class Chain(_Frozen):
    """The node's address, and those of our contracts; `token` is a test token without worth."""

    rpc: str
    chain_id: int
    escrow: str
    anchor: str
    token: str


class Mail(_Frozen):
    """`smtp` is host:port, `inbox` a page that shows what came in."""

    smtp: str
    inbox: str


class Accounts(_Frozen):
    admin: Account
    seller: Account
    buyer: Account


class Pids(_Frozen):
    api: int
    worker: int
    temporal: int
    postgres: int
    chain: int
    stripe: int
    mail: int


class Ready(_Frozen):
    """`database` is the DSN the app uses; pids are the programs themselves, not wrappers."""

    api: str
    temporal: Temporal
    database: str
    chain: Chain
    stripe: str
    mail: Mail
    accounts: Accounts
    pids: Pids

    def write(self, file: Path) -> None:
        write_privately(file, self.model_dump_json(indent=2))
