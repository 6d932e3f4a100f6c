"""Who is calling, and what may be done with an account."""

from domain.errors.branches import Conflict, Forbidden, Unauthenticated, Unprocessable


class CredentialsWrong(Unauthenticated):
    code = "credentials_wrong"
    sentence = "E-mail or password is wrong."


class TokenMissing(Unauthenticated):
    code = "token_missing"
    sentence = "Send an access token in the Authorization header."


class TokenInvalid(Unauthenticated):
    code = "token_invalid"
    sentence = "The access token is invalid or has expired."


class RefreshTokenInvalid(Unauthenticated):
    code = "refresh_token_invalid"
    sentence = "The refresh token is unknown, was used before, or has expired; log in again."


class SessionEnded(Unauthenticated):
    code = "session_ended"
    sentence = "There is no such session any more; log in again."


class RoleNotAllowed(Forbidden):
    code = "role_not_allowed"
    sentence = "An account with the role {role} may not do this."


class PasswordWrong(Forbidden):
    code = "password_wrong"
    sentence = "The current password is wrong."


class AccountNotApproved(Forbidden):
    code = "account_not_approved"
    sentence = "The account waits to be approved."


class AccountBlocked(Forbidden):
    code = "account_blocked"
    sentence = "The account is blocked."


class OriginNotAllowed(Forbidden):
    code = "origin_not_allowed"
    sentence = "A session's calls come from pages of this address only."


class CsrfTokenWrong(Forbidden):
    code = "csrf_token_wrong"
    sentence = "Send the session's CSRF token in the X-CSRF-Token header."


class PasswordUnfit(Unprocessable):
    code = "password_unfit"
    sentence = "This password can't be used: {why}."


class EmailTaken(Conflict):
    code = "email_taken"
    sentence = "An account with this e-mail exists."


class OwnAccount(Conflict):
    code = "own_account"
    sentence = "The role and status of an account are changed by others."


class LastAdministrator(Conflict):
    code = "last_administrator"
    sentence = "This is the last active administrator."


class AccountStatusFixed(Conflict):
    code = "account_status_fixed"
    sentence = "An account that is {before} can't become {after}."


class AccountHasOpenOrders(Conflict):
    code = "account_has_open_orders"
    sentence = "Orders of this account have not ended."


class AccountHasOpenSales(Conflict):
    code = "account_has_open_sales"
    sentence = "Orders with goods of this account have not ended."


class AccountSoldForMerchant(Conflict):
    code = "account_sold_for_merchant"
    sentence = "This account put up goods of the merchant's own. Who is to sell for themselves needs another one."


class AccountHasUnsettledMoney(Conflict):
    code = "account_has_unsettled_money"
    sentence = "Money of this account is on its way, or not paid out."


class AccountBusy(Conflict):
    code = "account_busy"
    sentence = "A call of this account is under way; try again shortly."
    retryable = True
