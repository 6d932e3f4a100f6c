"""`chain`: our contracts on a chain, who administers them, and how they stand."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import SecretStr, TypeAdapter, ValidationError
from rich.console import Console

from cli.answers import AsJson, answer
from cli.settled import leave, new_password, readable
from domain.chain import Address
from domain.errors import HoldfastError
from providers.chain import keys
from providers.chain.administration import Administration, Owed
from providers.chain.condition import Condition, condition
from providers.chain.deploying import Deployer, administration
from providers.chain.deployments import Deployment, Wish, alone
from providers.chain.keys import KeySigner
from providers.chain.node import Node, connected
from settings import ChainSettings

Done = TypeVar("Done")
_MONTH = 30 * 24 * 3600


def _address(given: str) -> Address:
    try:
        address = TypeAdapter(Address).validate_python(given)
    except ValidationError:
        raise typer.BadParameter("This is no address: 0x and 40 hexadecimal digits, capitals as in EIP-55") from None
    if not int(address, 16):
        raise typer.BadParameter("The zero address is nobody's")
    return address


def _account(said: str) -> Any:  # noqa: ANN401 - as typer types its options
    return typer.Option(parser=_address, metavar="ADDRESS", help=said)


def deploy(
    operator: Annotated[str | None, _account("Authorizes, captures, voids and refunds.")] = None,
    anchorer: Annotated[str | None, _account("Puts roots on record.")] = None,
    fee_recipient: Annotated[str | None, _account("Where fees are withdrawn to.")] = None,
    pauser: Annotated[str | None, _account("May stop new payments; the admin if nobody is named.")] = None,
    admin: Annotated[str | None, _account("Gives roles; the signer if nobody is named.")] = None,
    admin_delay: Annotated[
        int | None, typer.Option(min=0, max=_MONTH, help="Seconds until a new admin may accept; two days if not said.")
    ] = None,
    token: Annotated[list[str] | None, _account("Payments may be in it; once for each.")] = None,
    no_tokens: Annotated[bool, typer.Option("--no-tokens", help="No new payments in any token.")] = False,
    test_token: Annotated[bool, typer.Option("--test-token", help="Deploy a token without worth, too.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Leave what is on record, and deploy what this version has.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Deploy our contracts, give roles and allow tokens; once more, it changes what differs and nothing else.

    What isn't said stays as it is on record. Who is named for a role takes it over from who had it. Exits with 1 while
    something is left for another admin to call.
    """
    wish = Wish(
        admin=admin,
        admin_delay=admin_delay,
        operator=operator,
        pauser=pauser,
        anchorer=anchorer,
        fee_recipient=fee_recipient,
        tokens=_tokens(token or [], none=no_tokens),
    )
    deployment, owed = _run(_deployed(wish, test_token=test_token, replace=replace))
    if as_json:
        answer({**deployment.model_dump(mode="json"), "owed": [each._asdict() for each in owed]})
        raise typer.Exit(1 if owed else 0)
    _list(deployment)
    _show(owed)


def hand_over(
    to: Annotated[str, typer.Argument(parser=_address, metavar="ADDRESS", help="The next admin.")],
) -> None:
    """Name the next admin of escrow and anchor, who accepts once the delay is over; the present one calls that off."""
    _as_admin(lambda office: office.hand_over(to))


def accept() -> None:
    """Become admin, as the account that was named."""
    _as_admin(lambda office: office.accept())


def new_key(file: Annotated[Path, typer.Argument(help="A new keystore file.")]) -> None:
    """Make a key, and keep it encrypted; the password is asked for, or read from standard input."""
    if file.exists():
        leave(f"{file}: exists already, and is left as it is")
    password = new_password()
    try:
        typer.echo(keys.new_keystore(file, password))
    except OSError as error:
        leave(f"{file}: {error.strerror}")
    except HoldfastError as refusal:
        _refuse(refusal)


def info(as_json: AsJson = False) -> None:
    """How our contracts stand on the chain; exits with 1 if something is not as it is on record."""
    told = readable(ChainSettings)

    async def read() -> Condition:
        async with _node(told) as node:
            return await condition(node, _recorded(told))

    found = _run(read())
    if as_json:
        answer(found.model_dump(mode="json"))
    else:
        _tell(found)
    raise typer.Exit(0 if found.right else 1)


def _tokens(named: Sequence[Address], *, none: bool) -> frozenset[Address] | None:
    if named and none:
        leave("--token and --no-tokens contradict each other")
    return frozenset(named) if named or none else None


async def _deployed(wish: Wish, *, test_token: bool, replace: bool) -> tuple[Deployment, list[Owed]]:
    told = readable(ChainSettings)
    signer = _signer(told)
    async with _node(told) as node:
        deployer = Deployer(node, signer, told.deployments, fee_limit=told.fee_limit, say=_say)
        owed = await deployer.deploy(wish, test_token=test_token, replace=replace)
    return _recorded(told), owed


def _as_admin(act: Callable[[Administration], Awaitable[None]]) -> None:
    told = readable(ChainSettings)

    async def acted() -> list[Owed]:
        async with _node(told) as node:
            signer = _signer(told)
            with alone(told.deployments, told.id):
                office = administration(node, signer, _recorded(told), fee_limit=told.fee_limit, say=_say)
                await act(office)
            if not office.done and not office.owed:
                _say("There is nothing to do.")
            return office.owed

    _show(_run(acted()))


def _run(work: Coroutine[Any, Any, Done]) -> Done:
    """A refusal exits with 1."""
    try:
        return asyncio.run(work)
    except HoldfastError as refusal:
        _refuse(refusal)


def _refuse(refusal: HoldfastError) -> NoReturn:
    typer.echo(str(refusal), err=True)
    raise typer.Exit(1) from None


@asynccontextmanager
async def _node(told: ChainSettings) -> AsyncIterator[Node]:
    async with connected(told.rpc_url.get_secret_value(), told.id) as node:
        yield node


def _recorded(told: ChainSettings) -> Deployment:
    recorded = Deployment.of(told.deployments, told.id)
    if recorded is None:
        leave(
            f"{told.deployments.absolute()} has no record of chain {told.id}. Is HOLDFAST_CHAIN_DEPLOYMENTS right? "
            "If nothing was ever deployed there: holdfast chain deploy"
        )
    return recorded


def _signer(told: ChainSettings) -> KeySigner:
    key = told.deployer
    password, plain = _revealed(key.keystore_password), _revealed(key.private_key)
    return keys.given(told.id, keystore=key.keystore, password=password, key=plain)


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _say(what: str) -> None:
    typer.echo(what, err=True)


def _list(deployment: Deployment) -> None:
    for name, address in zip(("escrow", "anchor", "test token"), deployment.addresses.all(), strict=True):
        typer.echo(f"{name:>10}  {address or 'none'}")
    for each in deployment.former:
        typer.echo(f"    former  {each.addresses.escrow}, whose roles and tokens are as they were")


def _show(owed: Sequence[Owed]) -> None:
    """Exits with 1 if something is owed."""
    if not owed:
        return
    _say("Nothing of this was sent: it is for the admin to call, and bytes that were printed before no longer are.")
    for each in owed:
        typer.echo(f"{each.sender} is yet to {each.what}:\n  to    {each.to}\n  data  {each.data}")
    raise typer.Exit(1)


def _tell(found: Condition) -> None:
    console = Console(highlight=False)
    for line in found.lines():
        console.print(line, soft_wrap=True)
