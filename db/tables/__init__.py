"""All tables, by area."""

from db.tables.accounts import Account, AccountChangeRow
from db.tables.carts import Cart, CartItem
from db.tables.catalogue import Category, Hold, HoldState, Product, ShippingRate, Stock, StockMovement, TaxRateRow
from db.tables.declarative import Table
from db.tables.discounts import Discount, DiscountUse
from db.tables.events import EventCursor, EventRow
from db.tables.incidents import Incident
from db.tables.ledger import LedgerAccount, LedgerEntry, LedgerPosting
from db.tables.mails import Mail
from db.tables.orders import Fulfilment, Order, OrderContact, OrderLine
from db.tables.payments import Payment, PaymentAttempt, PaymentOperation, Refund
from db.tables.requests import CommandOutcome, InboundWebhook, Request, WebhookState
from db.tables.search import ProductWord, SearchSpelling, SearchWord
from db.tables.sign_ins import BrowserSession, CounterKind, LoginCounter, RefreshToken, TokenFamily

__all__ = [
    "Account",
    "AccountChangeRow",
    "BrowserSession",
    "Cart",
    "CartItem",
    "Category",
    "CommandOutcome",
    "CounterKind",
    "Discount",
    "DiscountUse",
    "EventCursor",
    "EventRow",
    "Fulfilment",
    "Hold",
    "HoldState",
    "InboundWebhook",
    "Incident",
    "LedgerAccount",
    "LedgerEntry",
    "LedgerPosting",
    "LoginCounter",
    "Mail",
    "Order",
    "OrderContact",
    "OrderLine",
    "Payment",
    "PaymentAttempt",
    "PaymentOperation",
    "Product",
    "ProductWord",
    "RefreshToken",
    "Refund",
    "Request",
    "SearchSpelling",
    "SearchWord",
    "ShippingRate",
    "Stock",
    "StockMovement",
    "Table",
    "TaxRateRow",
    "TokenFamily",
    "WebhookState",
]
