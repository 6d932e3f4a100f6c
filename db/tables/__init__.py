"""All tables, by area."""

from db.tables.accounts import Account
from db.tables.carts import Cart, CartItem
from db.tables.catalogue import Category, Hold, HoldState, Product, ShippingRate, Stock, StockMovement, TaxRateRow
from db.tables.declarative import Table
from db.tables.events import EventRow
from db.tables.incidents import Incident
from db.tables.ledger import LedgerAccount, LedgerEntry, LedgerPosting
from db.tables.orders import Fulfilment, Order, OrderContact, OrderLine
from db.tables.payments import Payment, PaymentAttempt, PaymentOperation, Refund
from db.tables.requests import CommandOutcome, InboundWebhook, Request, WebhookState
from db.tables.search import ProductWord, SearchWord

__all__ = [
    "Account",
    "Cart",
    "CartItem",
    "Category",
    "CommandOutcome",
    "EventRow",
    "Fulfilment",
    "Hold",
    "HoldState",
    "InboundWebhook",
    "Incident",
    "LedgerAccount",
    "LedgerEntry",
    "LedgerPosting",
    "Order",
    "OrderContact",
    "OrderLine",
    "Payment",
    "PaymentAttempt",
    "PaymentOperation",
    "Product",
    "ProductWord",
    "Refund",
    "Request",
    "SearchWord",
    "ShippingRate",
    "Stock",
    "StockMovement",
    "Table",
    "TaxRateRow",
    "WebhookState",
]
