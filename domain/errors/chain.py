"""What our signers refuse, and what a chain is not as it has to be."""

from domain.errors.branches import DeploymentRefused, InvariantBroken


class ChainDiffers(InvariantBroken):
    code = "chain_differs"
    sentence = "This is chain {theirs}, and the settings say {ours}."


class ContractUnknown(InvariantBroken):
    code = "contract_unknown"
    sentence = "{address} is none of the contracts that may be called."


class ValueAboveLimit(InvariantBroken):
    code = "value_above_limit"
    sentence = "{value} wei are more than the {limit} that may be sent."


class FeeAboveLimit(InvariantBroken):
    code = "fee_above_limit"
    sentence = "A fee of {fee} wei is more than the {limit} that may be paid."


class TransactionReverted(InvariantBroken):
    code = "transaction_reverted"
    sentence = "The contract refuses: {reason}."


class TokenDomainUnknown(InvariantBroken):
    code = "token_domain_unknown"
    sentence = "{token} doesn't tell in which domain its holders sign (EIP-712)."


class KeyUnreadable(DeploymentRefused):
    code = "key_unreadable"
    sentence = "The signing key can't be read: {reason}."


class KeyPublic(DeploymentRefused):
    code = "key_public"
    sentence = "Everybody knows the key of {address}: it signs for a local chain (31337), and for no other."


class PasswordTooShort(DeploymentRefused):
    code = "password_too_short"
    sentence = "A keystore's password has {least} characters or more."


class DeploymentLost(DeploymentRefused):
    code = "deployment_lost"
    sentence = "The record names {contract} {address}, which the chain doesn't have, and this version can't put there."


class FactoryMissing(DeploymentRefused):
    code = "factory_missing"
    sentence = "The chain has no contract at {address}, through which ours are deployed."


class RoleVacant(DeploymentRefused):
    code = "role_vacant"
    sentence = "Nobody was named as {roles}, and nobody is on record."


class AdminOnRecord(DeploymentRefused):
    code = "admin_on_record"
    sentence = (
        "Admin and delay are fixed when contracts are deployed, and these were for {admin} with {delay} seconds; "
        "holdfast chain hand-over names another admin."
    )


class NoSuchToken(DeploymentRefused):
    code = "no_such_token"
    sentence = "There is no contract at {address}: it is no token of this chain."


class NotNextAdmin(DeploymentRefused):
    code = "not_next_admin"
    sentence = "{signer} signs, and the next admin of the {contract} is {named}."


class NotYetAdmin(DeploymentRefused):
    code = "not_yet_admin"
    sentence = "The next admin may accept after {since}; on the chain it is {now}."


class RecordUnreadable(DeploymentRefused):
    code = "record_unreadable"
    sentence = "The record {file} can't be read or written ({reason})."


class DeploymentUnderway(DeploymentRefused):
    code = "deployment_underway"
    sentence = "Somebody else deploys or administers by the record {file}; come again when they are done."


class TransactionPending(DeploymentRefused):
    code = "transaction_pending"
    sentence = "A transaction of {sender} waits to be mined; come again when it is, or replace it."


class EtherShort(DeploymentRefused):
    code = "ether_short"
    sentence = "{sender} has {has} wei, and its next transaction may cost {cost}; send it some, and come again."
