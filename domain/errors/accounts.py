"""Who is calling, and what may be done with an account."""

from domain.errors.branches import Conflict, Forbidden, Unauthenticated


class CredentialsWrong(Unauthenticated):
    code = "credentials_wrong"
    sentence = "E-mail or password is wrong."


class TokenMissing(Unauthenticated):
    code = "token_missing"
    sentence = "Send an access token in the Authorization header."


class TokenInvalid(Unauthenticated):
    code = "token_invalid"
    sentence = "The access token is invalid or has expired."


class RoleNotAllowed(Forbidden):
    code = "role_not_allowed"
    sentence = "An account with the role {role} may not do this."


class EmailTaken(Conflict):
    code = "email_taken"
    sentence = "An account with this e-mail exists."
