"""Amounts as Stripe takes them: known currencies, exponents, least amounts (docs.stripe.com/currencies)."""

from sandbox.stripe.errors import InvalidRequest

_ZERO = "bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf"
_THREE = "bhd jod kwd omr tnd"
_TWO = """
aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny cop crc cve czk
dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils inr isk jmd kes kgs khr kyd kzt lak lbp
lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd
rub sar sbd scr sek sgd shp sle sos srd std szl thb tjs top try ttd twd tzs uah usd uyu uzs wst xcd yer zar zmw
"""
ZERO_DECIMAL = frozenset(_ZERO.split())
THREE_DECIMAL = frozenset(_THREE.split())
KNOWN = ZERO_DECIMAL | THREE_DECIMAL | frozenset(_TWO.split())
_LEAST_50 = ("aud", "brl", "cad", "chf", "eur", "inr", "jpy", "nzd", "sgd", "usd")
_OTHER_LEAST = {
    "aed": 200,
    "bgn": 100,
    "czk": 1500,
    "dkk": 250,
    "gbp": 30,
    "hkd": 400,
    "huf": 17500,
    "mxn": 1000,
    "myr": 200,
    "nok": 300,
    "pln": 200,
    "ron": 200,
    "sek": 300,
    "thb": 1000,
}
LEAST = dict.fromkeys(_LEAST_50, 50) | _OTHER_LEAST
MOST = 99_999_999
SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}


def shown(amount: int, currency: str) -> str:
    symbol = SYMBOLS.get(currency, "")
    if currency in ZERO_DECIMAL:
        figure = str(amount)
    elif currency in THREE_DECIMAL:
        figure = f"{amount // 1000}.{amount % 1000:03d}"
    else:
        figure = f"{amount // 100}.{amount % 100:02d}"
    return f"{symbol}{figure}" if symbol else f"{figure} {currency.upper()}"


def known_currency(code: str) -> str:
    currency = code.lower()
    if currency not in KNOWN:
        raise InvalidRequest(
            f"Invalid currency: {code}. Stripe currently supports these currencies: {', '.join(sorted(KNOWN))}",
            param="currency",
        )
    return currency


def check_step(amount: int, currency: str, param: str = "amount") -> None:
    if currency in THREE_DECIMAL and amount % 10:
        raise InvalidRequest(
            f"Invalid amount: {amount}. Amounts in {currency} must be rounded to the nearest ten.",
            code="parameter_invalid_integer",
            param=param,
        )


def check_amount(amount: int, currency: str) -> None:
    check_step(amount, currency)
    least = LEAST.get(currency, 1)
    if amount < least:
        raise InvalidRequest(
            f"Amount must be at least {shown(least, currency)} {currency}", code="amount_too_small", param="amount"
        )
    if amount > MOST:
        raise InvalidRequest(
            f"Amount must be no more than {shown(MOST, currency)}", code="amount_too_large", param="amount"
        )
