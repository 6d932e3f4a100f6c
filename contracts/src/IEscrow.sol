// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Terms} from "./Terms.sol";

/// @notice What an escrow tells: the types, events and errors that callers and watchers meet.
interface IEscrow {
    /// @notice `Voided` and `Reclaimed` are final: nothing is held any more. What was captured may still be refunded.
    enum Status {
        None,
        Authorized,
        Voided,
        Reclaimed
    }

    /// @notice What became of a payment, in the token's smallest unit.
    struct Payment {
        Status status;
        uint120 captured;
        uint120 refunded;
    }

    /// @notice A payment to authorize in a batch, with the payer's EIP-3009 signature.
    struct Authorization {
        Terms terms;
        bytes signature;
    }

    /// @notice A capture in a batch.
    struct Capture {
        Terms terms;
        uint120 amount;
        uint16 feeBps;
    }

    /// @notice An EIP-2612 permit for the amount of the terms.
    struct Permit {
        uint256 deadline;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    event PaymentAuthorized(bytes32 indexed id, address indexed payer, address indexed receiver, Terms terms);
    event PaymentCaptured(bytes32 indexed id, uint256 amount, uint256 fee);
    event PaymentVoided(bytes32 indexed id, uint256 amount);
    event PaymentRefunded(bytes32 indexed id, uint256 amount, address indexed operator);
    event PaymentReclaimed(bytes32 indexed id, uint256 amount);
    /// @notice An item of a batch had no effect; `reason` is the error, of which the first 256 bytes.
    event ItemSkipped(bytes32 indexed id, bytes reason);
    /// @notice A batch's gas was used up: this item, counted from 0, and those after it were not tried.
    event BatchStopped(uint256 item);
    event TokenAllowed(address indexed token, bool allowed);
    event FeeRecipientChanged(address indexed feeRecipient);
    event FeesWithdrawn(address indexed token, address indexed feeRecipient, uint256 amount);

    error TokenNotAllowed(address token);
    error AmountZero();
    error AddressNotPossible(address account);
    error FeeLimitTooHigh(uint256 maxFeeBps);
    error ExpiriesOutOfOrder(uint256 preApprovalExpiry, uint256 authorizationExpiry, uint256 refundExpiry);
    error HoldTooLong(uint256 authorizationExpiry, uint256 latest);
    error PreApprovalExpired(uint256 expiry, uint256 timestamp);
    error AuthorizationExpired(uint256 expiry, uint256 timestamp);
    error AuthorizationNotExpired(uint256 expiry, uint256 timestamp);
    error RefundExpired(uint256 expiry, uint256 timestamp);
    error AlreadyAuthorized(bytes32 id);
    error NotAuthorized(bytes32 id, Status status);
    error MoreThanHeld(bytes32 id, uint256 amount, uint256 held);
    error MoreThanCaptured(bytes32 id, uint256 amount, uint256 refundable);
    error NothingHeld(bytes32 id);
    error FeeTooHigh(bytes32 id, uint256 feeBps, uint256 maxFeeBps);
    error SignatureNotPayers(bytes32 id);
    error NotThePayer(address caller, address payer);
    error BatchOutOfGas(uint256 left, uint256 needed);
    error NotThisContract(address caller);
    error OtherChain(uint256 chainId);
}
