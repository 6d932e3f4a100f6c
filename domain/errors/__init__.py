"""Every way Holdfast refuses or fails, one tree; the code, HTTP status and sentence of each stand only here,
in the module of its area.

HoldfastError
├── BadRequest 400             IdempotencyKeyRequired  IdempotencyKeyMalformed  SignatureInvalid  BodyMalformed
│                              CursorInvalid
├── Unauthenticated 401        CredentialsWrong  TokenMissing  TokenInvalid  RefreshTokenInvalid  SessionEnded
├── Forbidden 403              RoleNotAllowed  PasswordWrong  AccountNotApproved  AccountBlocked
│                              OriginNotAllowed  CsrfTokenWrong
├── NotFound 404               ResourceNotFound  RouteNotFound
├── MethodNotAllowed 405
├── VersionChanged 412
├── BodyTooLarge 413
├── Conflict 409               IdempotencyKeyReused  OrderBusy  OrderClosed  OutOfStock
│                              PriceChanged  OrderNotCancellable  OrderNotShippable  OrderNotDeliverable
│                              PaymentNotOpen  PaymentNotUnknown  ResolutionContradicted  ReferenceMissing
│                              CaptureFailed  MoneyGivenBack  StockBelowHeld  EmailTaken  IncidentClosed
│                              OrderHeld  OrderNotHeld  OwnAccount  LastAdministrator  AccountStatusFixed
│                              AccountHasOpenOrders  AccountHasOpenSales  AccountHasUnsettledMoney
│                              CategoryExists  CategoryInUse  CategoriesFull  CartCheckedOut  CartChanged
│                              CartsExhausted
│                              AccountBusy  AccountSoldForMerchant  DiscountUsedUp  DiscountCodeTaken
│                              FulfilmentNotCancellable  CommandsExhausted  AddressFixed
├── Unprocessable 422          BodyInvalid  MixedCurrencies  ProductUnavailable  ShippingUnavailable
│                              CurrencyUnsupported  TotalTooLarge  FulfilmentRequired  PasswordUnfit
│                              DiscountNotApplicable  DiscountIncomplete
│                              CategoryUnknown  CategoryCycle  CategoryTooDeep  CartEmpty  CartFull
├── IfMatchRequired 428
├── RateLimited 429            StreamsExhausted
├── Unavailable 503            WorkflowsUnavailable  DatabaseUnavailable
├── InvariantBroken 500        AmountsDiffer  EntryUnbalanced  IllegalMove  OverdrawnPayment  ProviderMismatch
│                              RequestRefusedByProvider  OperationConflict  OrderAlreadyPlaced
│                              ChainDiffers  ContractUnknown  ValueAboveLimit  FeeAboveLimit
│                              TransactionReverted  TokenDomainUnknown
├── DeploymentRefused          KeyUnreadable  KeyPublic  PasswordTooShort  RoleVacant  NoSuchToken  AdminOnRecord
│                              FactoryMissing  DeploymentLost  RecordUnreadable  DeploymentUnderway
│                              TransactionPending  EtherShort  NotNextAdmin  NotYetAdmin: told on the command line
├── ProviderUnreachable        transient: nobody knows whether it happened; repeat with the same key
└── ProviderKeySpent           it did not happen yet; repeat after a while, with another key
"""

from domain.errors.accounts import (
    AccountBlocked,
    AccountBusy,
    AccountHasOpenOrders,
    AccountHasOpenSales,
    AccountHasUnsettledMoney,
    AccountNotApproved,
    AccountSoldForMerchant,
    AccountStatusFixed,
    CredentialsWrong,
    CsrfTokenWrong,
    EmailTaken,
    LastAdministrator,
    OriginNotAllowed,
    OwnAccount,
    PasswordUnfit,
    PasswordWrong,
    RefreshTokenInvalid,
    RoleNotAllowed,
    SessionEnded,
    TokenInvalid,
    TokenMissing,
)
from domain.errors.branches import (
    BadRequest,
    Conflict,
    DeploymentRefused,
    Forbidden,
    HoldfastError,
    InvariantBroken,
    NotFound,
    Unauthenticated,
    Unavailable,
    Unprocessable,
)
from domain.errors.calls import (
    BodyInvalid,
    BodyMalformed,
    BodyTooLarge,
    CursorInvalid,
    DatabaseUnavailable,
    IdempotencyKeyMalformed,
    IdempotencyKeyRequired,
    IdempotencyKeyReused,
    IfMatchRequired,
    MethodNotAllowed,
    RateLimited,
    ResourceNotFound,
    RouteNotFound,
    StreamsExhausted,
    VersionChanged,
    WorkflowsUnavailable,
)
from domain.errors.catalogue import (
    CartChanged,
    CartCheckedOut,
    CartEmpty,
    CartFull,
    CartsExhausted,
    CategoriesFull,
    CategoryCycle,
    CategoryExists,
    CategoryInUse,
    CategoryTooDeep,
    CategoryUnknown,
    CurrencyUnsupported,
    DiscountCodeTaken,
    DiscountIncomplete,
    DiscountNotApplicable,
    DiscountUsedUp,
    MixedCurrencies,
    OutOfStock,
    PriceChanged,
    ProductUnavailable,
    ShippingUnavailable,
    StockBelowHeld,
    TotalTooLarge,
)
from domain.errors.chain import (
    AdminOnRecord,
    ChainDiffers,
    ContractUnknown,
    DeploymentLost,
    DeploymentUnderway,
    EtherShort,
    FactoryMissing,
    FeeAboveLimit,
    KeyPublic,
    KeyUnreadable,
    NoSuchToken,
    NotNextAdmin,
    NotYetAdmin,
    PasswordTooShort,
    RecordUnreadable,
    RoleVacant,
    TokenDomainUnknown,
    TransactionPending,
    TransactionReverted,
    ValueAboveLimit,
)
from domain.errors.invariants import (
    AmountsDiffer,
    EntryUnbalanced,
    IllegalMove,
    OperationConflict,
    OrderAlreadyPlaced,
    OverdrawnPayment,
    ProviderMismatch,
    RequestRefusedByProvider,
)
from domain.errors.orders import (
    AddressFixed,
    CommandsExhausted,
    FulfilmentNotCancellable,
    FulfilmentRequired,
    IncidentClosed,
    MoneyGivenBack,
    OrderBusy,
    OrderClosed,
    OrderHeld,
    OrderNotCancellable,
    OrderNotDeliverable,
    OrderNotHeld,
    OrderNotShippable,
)
from domain.errors.payments import (
    CaptureFailed,
    PaymentNotOpen,
    PaymentNotUnknown,
    ProviderKeySpent,
    ProviderUnreachable,
    ReferenceMissing,
    ResolutionContradicted,
    SignatureInvalid,
)

__all__ = [
    "BY_CODE",
    "AccountBlocked",
    "AccountBusy",
    "AccountHasOpenOrders",
    "AccountHasOpenSales",
    "AccountHasUnsettledMoney",
    "AccountNotApproved",
    "AccountSoldForMerchant",
    "AccountStatusFixed",
    "AddressFixed",
    "AdminOnRecord",
    "AmountsDiffer",
    "BadRequest",
    "BodyInvalid",
    "BodyMalformed",
    "BodyTooLarge",
    "CaptureFailed",
    "CartChanged",
    "CartCheckedOut",
    "CartEmpty",
    "CartFull",
    "CartsExhausted",
    "CategoriesFull",
    "CategoryCycle",
    "CategoryExists",
    "CategoryInUse",
    "CategoryTooDeep",
    "CategoryUnknown",
    "ChainDiffers",
    "CommandsExhausted",
    "Conflict",
    "ContractUnknown",
    "CredentialsWrong",
    "CsrfTokenWrong",
    "CurrencyUnsupported",
    "CursorInvalid",
    "DatabaseUnavailable",
    "DeploymentLost",
    "DeploymentRefused",
    "DeploymentUnderway",
    "DiscountCodeTaken",
    "DiscountIncomplete",
    "DiscountNotApplicable",
    "DiscountUsedUp",
    "EmailTaken",
    "EntryUnbalanced",
    "EtherShort",
    "FactoryMissing",
    "FeeAboveLimit",
    "Forbidden",
    "FulfilmentNotCancellable",
    "FulfilmentRequired",
    "HoldfastError",
    "IdempotencyKeyMalformed",
    "IdempotencyKeyRequired",
    "IdempotencyKeyReused",
    "IfMatchRequired",
    "IllegalMove",
    "IncidentClosed",
    "InvariantBroken",
    "KeyPublic",
    "KeyUnreadable",
    "LastAdministrator",
    "MethodNotAllowed",
    "MixedCurrencies",
    "MoneyGivenBack",
    "NoSuchToken",
    "NotFound",
    "NotNextAdmin",
    "NotYetAdmin",
    "OperationConflict",
    "OrderAlreadyPlaced",
    "OrderBusy",
    "OrderClosed",
    "OrderHeld",
    "OrderNotCancellable",
    "OrderNotDeliverable",
    "OrderNotHeld",
    "OrderNotShippable",
    "OriginNotAllowed",
    "OutOfStock",
    "OverdrawnPayment",
    "OwnAccount",
    "PasswordTooShort",
    "PasswordUnfit",
    "PasswordWrong",
    "PaymentNotOpen",
    "PaymentNotUnknown",
    "PriceChanged",
    "ProductUnavailable",
    "ProviderKeySpent",
    "ProviderMismatch",
    "ProviderUnreachable",
    "RateLimited",
    "RecordUnreadable",
    "ReferenceMissing",
    "RefreshTokenInvalid",
    "RequestRefusedByProvider",
    "ResolutionContradicted",
    "ResourceNotFound",
    "RoleNotAllowed",
    "RoleVacant",
    "RouteNotFound",
    "SessionEnded",
    "ShippingUnavailable",
    "SignatureInvalid",
    "StockBelowHeld",
    "StreamsExhausted",
    "TokenDomainUnknown",
    "TokenInvalid",
    "TokenMissing",
    "TotalTooLarge",
    "TransactionPending",
    "TransactionReverted",
    "Unauthenticated",
    "Unavailable",
    "Unprocessable",
    "ValueAboveLimit",
    "VersionChanged",
    "WorkflowsUnavailable",
    "from_code",
]


def _tree(error: type[HoldfastError]) -> list[type[HoldfastError]]:
    return [error, *(leaf for child in error.__subclasses__() for leaf in _tree(child))]


# Branches share the root's code: the root, which comes last here, is what it means.
BY_CODE: dict[str, type[HoldfastError]] = {error.code: error for error in reversed(_tree(HoldfastError))}


def from_code(code: str, values: dict[str, str | int]) -> HoldfastError:
    """The error that crossed a boundary as its code and values; an unknown code becomes the root error."""
    return BY_CODE.get(code, HoldfastError)(**values)
