"""What mails say: plain text from a template for each kind, and the same as simple HTML."""

import re
from collections.abc import Mapping
from copy import copy
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_datetime
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from domain.mails import Letter, MailKind
from domain.money import Money, exponent
from domain.order_view import ChooseMethod, OrderView

_TEMPLATES = Path(__file__).with_name("templates")
_BLANK_LINES = re.compile(r"\n{2,}")

SUBJECTS: Mapping[MailKind, str] = {
    MailKind.ORDER_CONFIRMED: "Your order {} is confirmed",
    MailKind.ORDER_DELIVERED: "Your order {} was delivered",
    MailKind.ORDER_CANCELLED: "Your order {} is cancelled",
    MailKind.ORDER_FAILED: "Your order {} could not be carried out",
    MailKind.PAYMENT_RECEIVED: "Payment received for your order {}",
    MailKind.PAYMENT_DECLINED: "The payment for your order {} was declined",
    MailKind.SHIPMENT_SENT: "Your order {} is on its way",
    MailKind.PART_CANCELLED: "A part of your order {} is cancelled",
    MailKind.REFUND_PAID: "Refund for your order {}",
    MailKind.SALE_CONFIRMED: "You have sold goods: order {}",
    MailKind.SALE_CANCELLED: "Do not ship: order {} has ended",
}


class Letters:
    """Writes letters. `shop` signs them, `domain` makes their ids ours, `locale` says how amounts and times look."""

    def __init__(self, *, shop: str, domain: str, locale: str) -> None:
        self._shop = shop
        self._domain = domain
        # Text is text; what becomes HTML is escaped by its own environment.
        self._text = _environment(locale, autoescape=False)
        self._html = _environment(locale, autoescape=True)

    def write(
        self,
        mail_id: str,
        kind: MailKind,
        *,
        date: datetime,
        name: str,
        address: str,
        order: OrderView,
        data: Mapping[str, Any],
    ) -> Letter:
        """A letter about an event with this `data`; `order` is as its reader may see it."""
        facts = {"name": name, "shop": self._shop, "order": order, **_particulars(order, data)}
        text = _tidy(self._text.get_template(f"{kind}.txt").render(facts))
        subject = SUBJECTS[kind].format(order.number)
        html = self._html.get_template("letter.html").render(subject=subject, paragraphs=text.strip().split("\n\n"))
        return Letter(
            message_id=f"<{mail_id}@{self._domain}>",
            to=address,
            subject=subject,
            text=text,
            html=html,
            date=date,
        )


def _particulars(order: OrderView, data: Mapping[str, Any]) -> dict[str, Any]:
    """What the event itself knows: how much money, which shipments; and until when another card may be given."""
    found: dict[str, Any] = {"until": None, "shipments": (), "lines": ()}
    if "amount" in data:
        found["amount"] = Money(amount=data["amount"], currency=order.totals.total.currency)
    if "fulfilments" in data:
        found["shipments"] = tuple(each for each in order.fulfilments if each.id in data["fulfilments"])
        found["lines"] = tuple(each for each in order.lines if each.fulfilment_id in data["fulfilments"])
    if isinstance(order.next_action, ChooseMethod):
        found["until"] = order.next_action.until
    return found


def _environment(locale: str, *, autoescape: bool) -> Environment:
    # Templates are our own files; whether what they make is HTML is said at each of the two calls.
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=autoescape,  # noqa: S701 - as said above
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )

    def money(value: Money) -> str:
        places = exponent(value.currency)
        # With as many places as are charged: the locale's own data round some currencies to whole units.
        pattern = copy(Locale.parse(locale).currency_formats["standard"])
        pattern.frac_prec = (places, places)
        amount = Decimal(value.amount).scaleb(-places)
        return str(pattern.apply(amount, locale, currency=value.currency, currency_digits=False))

    def moment(value: datetime) -> str:
        return f"{format_datetime(value.astimezone(UTC), 'medium', tzinfo=UTC, locale=locale)} UTC"

    made.filters |= {"money": money, "moment": moment, "one_line": _one_line}
    return made


def _one_line(said: str | None) -> str:
    """What a person or a seller wrote, without line ends: it can't pass for a paragraph of ours."""
    return " ".join("".join(each for each in word if each.isprintable()) for word in (said or "").split())


def _tidy(text: str) -> str:
    """Templates are laid out for their readers: at most one blank line between paragraphs."""
    return _BLANK_LINES.sub("\n\n", text).strip() + "\n"
