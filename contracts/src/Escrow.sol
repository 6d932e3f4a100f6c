// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {ExactTransfer} from "./ExactTransfer.sol";
import {IEscrow} from "./IEscrow.sol";
import {IReceiveWithAuthorization} from "./IReceiveWithAuthorization.sol";
import {SelfCall} from "./SelfCall.sol";
import {Terms, TermsHash} from "./Terms.sol";

/// @title Escrow of token payments
/// @notice Holds what payers authorized until an operator captures it for the receiver or gives it back, with a card
/// processor's verbs. The payer reclaims what is held once the authorization has expired, whatever became of the
/// operator. A payment's id is the hash of its terms, this chain and this contract: what the payer signs.
contract Escrow is IEscrow, AccessControlDefaultAdminRules, Pausable, ReentrancyGuardTransient, EIP712 {
    using ExactTransfer for IERC20;

    bytes32 public constant OPERATOR_ROLE = keccak256("OPERATOR_ROLE");
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    uint256 private constant WHOLE_BPS = 10_000;
    /// What a token may use up for one item of a batch, and what each further capture of a run takes.
    uint256 private constant ITEM_GAS = 400_000;
    uint256 private constant FURTHER_GAS = 20_000;
    /// So that a run's gas stays far below what a transaction may have (EIP-7825).
    uint256 private constant LONGEST_RUN = 100;
    /// A payer who signs an expiry that is nonsense gets their money back all the same.
    uint256 private constant LONGEST_HOLD = 365 days;

    /// As of the deployment: on a chain that splits off, what is held can still be left with.
    uint256 private immutable CHAIN_ID;
    bytes32 private immutable SEPARATOR;

    /// @notice Where fees go to when they are withdrawn.
    address public feeRecipient;
    /// @notice Whether payments in a token may be authorized.
    mapping(address token => bool) public allowed;
    /// @notice Fees in a token that have not been withdrawn.
    mapping(address token => uint256) public feesOwed;
    mapping(bytes32 id => Payment) private _payments;

    modifier onlyThis() {
        require(msg.sender == address(this), NotThisContract(msg.sender));
        _;
    }

    /// @param adminDelay Seconds between a new admin's announcement and the acceptance.
    constructor(address admin, uint48 adminDelay, address feeRecipient_)
        AccessControlDefaultAdminRules(adminDelay, admin)
        EIP712("Holdfast Escrow", "1")
    {
        CHAIN_ID = block.chainid;
        SEPARATOR = _domainSeparatorV4();
        _setFeeRecipient(feeRecipient_);
    }

    /// @notice Take a payment into escrow by the payer's EIP-3009 authorization.
    /// @param signature Over `ReceiveWithAuthorization` to this contract of the terms' amount, valid from 0 until the
    /// pre-approval's expiry, with the payment's id as nonce: it is good for these terms only.
    function authorize(Terms calldata terms, bytes calldata signature)
        external
        onlyRole(OPERATOR_ROLE)
        whenNotPaused
        nonReentrant
    {
        _authorize(terms, signature);
    }

    /// @notice Take a payment into escrow by an EIP-2612 permit.
    /// @param signature The payer's, over the terms (their id is the digest); contracts sign by ERC-1271.
    /// @dev Anyone may send the permit first: it is not used where the allowance suffices. Of two that are open at once
    /// the later overwrites the earlier's allowance, so a payer should have one open at a time.
    function authorizeWithPermit(Terms calldata terms, bytes calldata signature, Permit calldata permit)
        external
        onlyRole(OPERATOR_ROLE)
        whenNotPaused
        nonReentrant
    {
        bytes32 id = _begin(terms);
        require(SignatureChecker.isValidSignatureNow(terms.payer, id, signature), SignatureNotPayers(id));
        if (IERC20(terms.token).allowance(terms.payer, address(this)) < terms.amount) {
            try IERC20Permit(terms.token)
                .permit(terms.payer, address(this), terms.amount, permit.deadline, permit.v, permit.r, permit.s) {}
                catch {}
        }
        IERC20(terms.token).move(terms.payer, address(this), terms.amount);
    }

    /// @notice Pay into escrow from one's own wallet, which has approved the amount.
    function pay(Terms calldata terms) external whenNotPaused nonReentrant {
        _onlyPayer(terms);
        _begin(terms);
        IERC20(terms.token).move(terms.payer, address(this), terms.amount);
    }

    /// @notice Authorize payments one by one; one that fails is skipped.
    function authorizeBatch(Authorization[] calldata items)
        external
        onlyRole(OPERATOR_ROLE)
        whenNotPaused
        nonReentrant
    {
        for (uint256 i; i < items.length; ++i) {
            if (_stops(i, ITEM_GAS)) return;
            Authorization calldata item = items[i];
            _try(item.terms, abi.encodeCall(this.authorizeItem, (item.terms, item.signature)));
        }
    }

    /// @dev An item of a batch.
    function authorizeItem(Terms calldata terms, bytes calldata signature) external onlyThis {
        _authorize(terms, signature);
    }

    /// @notice Authorize and capture all of it at once.
    function charge(Terms calldata terms, bytes calldata signature, uint16 feeBps)
        external
        onlyRole(OPERATOR_ROLE)
        whenNotPaused
        nonReentrant
    {
        bytes32 id = _authorize(terms, signature);
        _capture(id, terms, terms.amount, feeBps);
    }

    /// @notice Send a part of what is held, or all, to the receiver, less the fee.
    /// @param feeBps The platform's part in hundredths of a percent, rounded down; at most what the payer signed.
    function capture(Terms calldata terms, uint120 amount, uint16 feeBps)
        external
        onlyRole(OPERATOR_ROLE)
        whenNotPaused
        nonReentrant
    {
        _capture(idOf(terms), terms, amount, feeBps);
    }

    /// @notice Capture from many payments; one that fails is skipped.
    /// @dev What follows each other for the same receiver in the same token is one run, and sent in one transfer. Where
    /// that fails, its items are tried one by one.
    function captureBatch(Capture[] calldata items) external onlyRole(OPERATOR_ROLE) whenNotPaused nonReentrant {
        uint256 end;
        for (uint256 start; start < items.length; start = end) {
            end = _endOfRun(items, start);
            uint256 further = end - start - 1;
            if (further != 0) {
                uint256 gasLimit = ITEM_GAS + further * FURTHER_GAS;
                if (_stops(start, gasLimit)) return;
                // Why a run failed is told of its items, which are tried one by one then.
                // slither-disable-next-line unused-return
                (bool done,) = SelfCall.attempt(_run(items[start:end]), gasLimit);
                if (done) continue;
            }
            for (uint256 i = start; i < end; ++i) {
                if (_stops(i, ITEM_GAS)) return;
                _try(items[i].terms, _run(items[i:i + 1]));
            }
        }
    }

    /// @dev A run of a batch. What can't be captured is skipped; a transfer that fails undoes the whole run.
    function captureRun(Capture[] calldata run) external onlyThis {
        uint256 total = 0;
        uint256 fees = 0;
        for (uint256 i; i < run.length; ++i) {
            Capture calldata item = run[i];
            bytes32 id = idOf(item.terms);
            uint120 amount = item.amount;
            (uint256 fee, bytes memory obstacle) = _book(id, item.terms, amount, item.feeBps);
            if (obstacle.length != 0) {
                emit ItemSkipped(id, obstacle);
                continue;
            }
            fees += fee;
            total += amount;
        }
        if (total != 0) _settle(run[0].terms, total, fees);
    }

    /// @notice Give all that is still held back to the payer, who gets all of it or nothing happens.
    function void(Terms calldata terms) external onlyRole(OPERATOR_ROLE) nonReentrant {
        _void(terms);
    }

    /// @notice Void many payments; one that fails is skipped.
    function voidBatch(Terms[] calldata items) external onlyRole(OPERATOR_ROLE) nonReentrant {
        for (uint256 i; i < items.length; ++i) {
            if (_stops(i, ITEM_GAS)) return;
            _try(items[i], abi.encodeCall(this.voidItem, (items[i])));
        }
    }

    /// @dev An item of a batch.
    function voidItem(Terms calldata terms) external onlyThis {
        _void(terms);
    }

    /// @notice Give the payer a part of what was captured, or all, out of the operator's own balance.
    function refund(Terms calldata terms, uint120 amount) external onlyRole(OPERATOR_ROLE) nonReentrant {
        bytes32 id = idOf(terms);
        Payment storage payment = _payments[id];
        uint120 refunded = payment.refunded;
        uint120 refundable = payment.captured - refunded;
        require(amount != 0, AmountZero());
        require(amount <= refundable, MoreThanCaptured(id, amount, refundable));
        require(block.timestamp < terms.refundExpiry, RefundExpired(terms.refundExpiry, block.timestamp));
        payment.refunded = refunded + amount;
        emit PaymentRefunded(id, amount, msg.sender);
        IERC20(terms.token).move(msg.sender, terms.payer, amount);
    }

    /// @notice The payer takes back what is still held, once the authorization has expired. Nothing but the token can
    /// stop it, and one that takes a fee from it by now doesn't.
    function reclaim(Terms calldata terms) external nonReentrant {
        _onlyPayer(terms);
        require(
            block.timestamp >= terms.authorizationExpiry,
            AuthorizationNotExpired(terms.authorizationExpiry, block.timestamp)
        );
        bytes32 id = idOf(terms);
        uint256 amount = _end(id, terms, Status.Reclaimed);
        emit PaymentReclaimed(id, amount);
        IERC20(terms.token).release(terms.payer, amount);
    }

    /// @notice Stop what takes or captures money. Nothing that gives it back stops.
    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    function unpause() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _unpause();
    }

    /// @notice Allow new payments in a token, or no more of them; those that are held go on.
    function setTokenAllowed(address token, bool allowed_) external onlyRole(DEFAULT_ADMIN_ROLE) {
        allowed[token] = allowed_;
        emit TokenAllowed(token, allowed_);
    }

    function setFeeRecipient(address feeRecipient_) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setFeeRecipient(feeRecipient_);
    }

    /// @notice Send the fees in a token to their recipient. Anyone may: they go nowhere else.
    function withdrawFees(address token) external nonReentrant {
        uint256 amount = feesOwed[token];
        require(amount != 0, AmountZero());
        feesOwed[token] = 0;
        emit FeesWithdrawn(token, feeRecipient, amount);
        IERC20(token).send(feeRecipient, amount);
    }

    /// @notice The id of a payment: the EIP-712 digest of its terms, on the chain of the deployment.
    function idOf(Terms calldata terms) public view returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(SEPARATOR, TermsHash.hash(terms));
    }

    function getPayment(bytes32 id) external view returns (Payment memory) {
        return _payments[id];
    }

    function getPayments(bytes32[] calldata ids) external view returns (Payment[] memory payments) {
        payments = new Payment[](ids.length);
        for (uint256 i; i < ids.length; ++i) {
            payments[i] = _payments[ids[i]];
        }
    }

    /// @notice What is held of a payment: neither captured nor given back.
    function heldOf(Terms calldata terms) external view returns (uint256) {
        Payment storage payment = _payments[idOf(terms)];
        return payment.status == Status.Authorized ? terms.amount - payment.captured : 0;
    }

    function _authorize(Terms calldata terms, bytes calldata signature) private returns (bytes32 id) {
        id = _begin(terms);
        IERC20 token = IERC20(terms.token);
        uint256 ours = token.balance(address(this));
        uint256 payers = token.balance(terms.payer);
        _receive(id, terms, signature);
        token.requireMoved(terms.payer, payers, payers - terms.amount, terms.amount);
        token.requireMoved(address(this), ours, ours + terms.amount, terms.amount);
    }

    function _receive(bytes32 id, Terms calldata terms, bytes calldata signature) private {
        IReceiveWithAuthorization token = IReceiveWithAuthorization(terms.token);
        if (signature.length == 65) {
            token.receiveWithAuthorization(
                terms.payer,
                address(this),
                terms.amount,
                0,
                terms.preApprovalExpiry,
                id,
                uint8(signature[64]),
                bytes32(signature[:32]),
                bytes32(signature[32:64])
            );
        } else {
            token.receiveWithAuthorization(
                terms.payer, address(this), terms.amount, 0, terms.preApprovalExpiry, id, signature
            );
        }
    }

    /// The payment is written down as authorized; the caller collects.
    function _begin(Terms calldata terms) private returns (bytes32 id) {
        require(block.chainid == CHAIN_ID, OtherChain(block.chainid));
        require(allowed[terms.token], TokenNotAllowed(terms.token));
        require(terms.amount != 0, AmountZero());
        _requirePossible(terms.payer);
        _requirePossible(terms.receiver);
        require(terms.maxFeeBps <= WHOLE_BPS, FeeLimitTooHigh(terms.maxFeeBps));
        require(
            terms.preApprovalExpiry <= terms.authorizationExpiry && terms.authorizationExpiry <= terms.refundExpiry,
            ExpiriesOutOfOrder(terms.preApprovalExpiry, terms.authorizationExpiry, terms.refundExpiry)
        );
        uint256 latest = block.timestamp + LONGEST_HOLD;
        require(terms.authorizationExpiry <= latest, HoldTooLong(terms.authorizationExpiry, latest));
        require(block.timestamp < terms.preApprovalExpiry, PreApprovalExpired(terms.preApprovalExpiry, block.timestamp));
        id = idOf(terms);
        require(_payments[id].status == Status.None, AlreadyAuthorized(id));
        _payments[id].status = Status.Authorized;
        emit PaymentAuthorized(id, terms.payer, terms.receiver, terms);
    }

    function _capture(bytes32 id, Terms calldata terms, uint120 amount, uint16 feeBps) private {
        (uint256 fee, bytes memory obstacle) = _book(id, terms, amount, feeBps);
        if (obstacle.length != 0) SelfCall.fail(obstacle);
        _settle(terms, amount, fee);
    }

    /// A capture is written down, and the caller sends the money; or there is the error that stands in its way.
    function _book(bytes32 id, Terms calldata terms, uint120 amount, uint16 feeBps)
        private
        returns (uint256 fee, bytes memory obstacle)
    {
        Payment storage payment = _payments[id];
        (Status status, uint120 captured) = (payment.status, payment.captured);
        if (status != Status.Authorized) {
            return (0, abi.encodeWithSelector(NotAuthorized.selector, id, status));
        }
        uint256 expiry = terms.authorizationExpiry;
        if (block.timestamp >= expiry) {
            return (0, abi.encodeWithSelector(AuthorizationExpired.selector, expiry, block.timestamp));
        }
        if (amount == 0) return (0, abi.encodeWithSelector(AmountZero.selector));
        unchecked {
            // No more was ever captured than the terms' amount, and a fee is less than 2^136.
            uint256 held = terms.amount - captured;
            if (amount > held) return (0, abi.encodeWithSelector(MoreThanHeld.selector, id, amount, held));
            uint256 maxFeeBps = terms.maxFeeBps;
            if (feeBps > maxFeeBps) return (0, abi.encodeWithSelector(FeeTooHigh.selector, id, feeBps, maxFeeBps));
            payment.captured = captured + amount;
            fee = uint256(amount) * feeBps / WHOLE_BPS;
        }
        emit PaymentCaptured(id, amount, fee);
    }

    /// What was captured leaves for the receiver, and the fees for their place.
    function _settle(Terms calldata terms, uint256 total, uint256 fees) private {
        if (fees != 0) feesOwed[terms.token] += fees;
        if (total != fees) IERC20(terms.token).send(terms.receiver, total - fees);
    }

    function _void(Terms calldata terms) private {
        bytes32 id = idOf(terms);
        uint256 amount = _end(id, terms, Status.Voided);
        emit PaymentVoided(id, amount);
        IERC20(terms.token).send(terms.payer, amount);
    }

    function _end(bytes32 id, Terms calldata terms, Status status) private returns (uint256 amount) {
        Payment storage payment = _payments[id];
        require(payment.status == Status.Authorized, NotAuthorized(id, payment.status));
        amount = terms.amount - payment.captured;
        require(amount != 0, NothingHeld(id));
        payment.status = status;
    }

    function _onlyPayer(Terms calldata terms) private view {
        require(msg.sender == terms.payer, NotThePayer(msg.sender, terms.payer));
    }

    function _requirePossible(address account) private view {
        require(account != address(0) && account != address(this), AddressNotPossible(account));
    }

    function _setFeeRecipient(address feeRecipient_) private {
        _requirePossible(feeRecipient_);
        feeRecipient = feeRecipient_;
        emit FeeRecipientChanged(feeRecipient_);
    }

    function _endOfRun(Capture[] calldata items, uint256 start) private pure returns (uint256 end) {
        Terms calldata first = items[start].terms;
        uint256 last = start + LONGEST_RUN < items.length ? start + LONGEST_RUN : items.length;
        for (end = start + 1; end < last; ++end) {
            Terms calldata next = items[end].terms;
            if (next.receiver != first.receiver || next.token != first.token) break;
        }
    }

    /// What `abi.encodeCall` of captureRun gives, copied as it came instead of word by word: its items are static.
    function _run(Capture[] calldata items) private pure returns (bytes memory message) {
        bytes4 selector = this.captureRun.selector;
        assembly ("memory-safe") {
            message := mload(0x40)
            let size := mul(items.length, 0x160)
            mstore(message, add(size, 0x44))
            mstore(add(message, 0x20), selector)
            mstore(add(message, 0x24), 0x20)
            mstore(add(message, 0x44), items.length)
            calldatacopy(add(message, 0x64), items.offset, size)
            mstore(0x40, and(add(add(message, size), 0x83), not(0x1f)))
        }
    }

    function _try(Terms calldata terms, bytes memory message) private {
        (bool done, bytes memory reason) = SelfCall.attempt(message, ITEM_GAS);
        if (!done) emit ItemSkipped(idOf(terms), reason);
    }

    /// Whether a batch ends here because the gas is used up. What was done stays done; nothing at all is an error.
    function _stops(uint256 item, uint256 gasLimit) private returns (bool) {
        uint256 needed = SelfCall.needs(gasLimit);
        if (gasleft() >= needed) return false;
        require(item != 0, BatchOutOfGas(gasleft(), needed));
        emit BatchStopped(item);
        return true;
    }
}
