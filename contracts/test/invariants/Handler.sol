// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Escrow} from "../../src/Escrow.sol";
import {IEscrow} from "../../src/IEscrow.sol";
import {Terms} from "../../src/Terms.sol";
import {Vm} from "../Base.sol";
import {EscrowTest} from "../EscrowTest.sol";
import {HostileToken} from "../tokens/HostileToken.sol";
import {Books} from "./Books.sol";

/// @notice Everyone who has to do with an escrow, each doing what they may and trying what they may not.
contract Handler is EscrowTest {
    Books public books = new Books();
    HostileToken public hostile;
    /// @notice Calls that should have an effect, and how many of them had none.
    uint256 public tried;
    uint256 public failed;
    /// @notice What everyone was given at the start, in either token.
    mapping(address token => uint256) public given;
    address[2] private _payers;
    address[2] private _receivers;
    mapping(address payer => uint256 key) private _keys;
    uint256 private _salts;

    constructor() {
        setUp();
        hostile = new HostileToken(18);
        vm.prank(admin);
        escrow.setTokenAllowed(address(hostile), true);
        (address other, uint256 key) = account("other payer");
        _payers = [payer, other];
        _receivers = [receiver, account_("other receiver")];
        (_keys[payer], _keys[other]) = (payerKey, key);
        address[3] memory holders = [payer, other, operator];
        for (uint256 i; i < holders.length; ++i) {
            token.mint(holders[i], type(uint120).max);
            hostile.mint(holders[i], type(uint120).max);
            vm.startPrank(holders[i]);
            // One payer approves whatever may come; the other permits each payment.
            if (holders[i] != other) token.approve(address(escrow), type(uint256).max);
            hostile.approve(address(escrow), type(uint256).max);
            vm.stopPrank();
        }
        given[address(token)] = given[address(hostile)] = type(uint120).max;
    }

    // The payers

    function pay(uint256 seed, uint120 amount) external {
        Terms memory made = fresh(seed, amount, seed & 1 == 0 ? address(token) : address(hostile));
        if (made.token == address(token)) made.payer = payer;
        done(made.payer, abi.encodeCall(escrow.pay, (made)), mayTake(made));
    }

    function reclaim(uint256 seed) external {
        (bool found, Terms memory made) = pick(seed, true);
        if (!found) return;
        bool expired = block.timestamp >= made.authorizationExpiry;
        done(made.payer, abi.encodeCall(escrow.reclaim, (made)), expired && plain(made));
        if (!expired) require(payment(made).status == IEscrow.Status.Authorized, "reclaimed before its expiry");
    }

    // The operator

    function authorize(uint256 seed, uint120 amount) external {
        Terms memory made = fresh(seed, amount, address(token));
        bytes memory signature = signedReceive(made, _keys[made.payer]);
        bool charges = seed & 2 == 0;
        bytes memory call = charges
            ? abi.encodeCall(escrow.charge, (made, signature, uint16(seed % (MAX_FEE_BPS + 1))))
            : abi.encodeCall(escrow.authorize, (made, signature));
        bool succeeded = done(operator, call, mayTake(made));
        // An authorization is good for one payment, once.
        require(!send(operator, call), "an authorization was used twice");
        require(token.authorizationState(made.payer, id(made)) == succeeded, "an authorization was not used");
    }

    /// The second is signed by nobody who may.
    function authorizeBatch(uint256 seed, uint120[3] calldata amounts) external {
        IEscrow.Authorization[] memory items = new IEscrow.Authorization[](amounts.length);
        for (uint256 i; i < items.length; ++i) {
            Terms memory made = fresh(seed >> i, amounts[i], address(token));
            items[i] = IEscrow.Authorization(made, signedReceive(made, i == 1 ? 7 : _keys[made.payer]));
        }
        bool may = mayTake(items[0].terms);
        done(operator, abi.encodeCall(escrow.authorizeBatch, (items)), !escrow.paused());
        for (uint256 i; i < items.length; ++i) {
            bool authorized_ = payment(items[i].terms).status == IEscrow.Status.Authorized;
            require(authorized_ == (may && i != 1), "a batch did not try each item by itself");
        }
    }

    function authorizeWithPermit(uint256 seed, uint120 amount) external {
        Terms memory made = fresh(seed, amount, address(token));
        uint256 key = _keys[made.payer];
        bytes memory signature = packed(key, id(made));
        bytes memory call = abi.encodeCall(escrow.authorizeWithPermit, (made, signature, permitOf(made, key)));
        done(operator, call, mayTake(made));
        require(!send(operator, call), "a permit was used twice");
    }

    function capture(uint256 seed, uint120 amount, uint16 feeBps) external {
        (bool found, Terms memory made) = pick(seed, true);
        if (!found) return;
        uint256 held = escrow.heldOf(made);
        amount = uint120(bound(amount, 1, held));
        feeBps = uint16(bound(feeBps, 0, MAX_FEE_BPS));
        bool may = !escrow.paused() && block.timestamp < made.authorizationExpiry && plain(made);
        done(operator, abi.encodeCall(escrow.capture, (made, amount, feeBps)), may);
    }

    function captureBatch(uint256 seed, uint120[6] calldata amounts, uint16 feeBps) external {
        if (books.count() == 0) return;
        IEscrow.Capture[] memory items = new IEscrow.Capture[](amounts.length);
        for (uint256 i; i < items.length; ++i) {
            bytes32 id_ = books.ids(uint256(keccak256(abi.encode(seed, i))) % books.count());
            Terms memory made = books.entry(id_).terms;
            // Some are more than is held, and some of payments that ended: those are skipped. No run is undone, or
            // forge would record its events.
            uint256 most = plain(made) ? made.amount : 0;
            items[i] = IEscrow.Capture(made, uint120(bound(amounts[i], 0, most)), feeBps % (MAX_FEE_BPS + 20));
        }
        done(operator, abi.encodeCall(escrow.captureBatch, (items)), !escrow.paused());
    }

    function void(uint256 seed) external {
        (bool found, Terms memory made) = pick(seed, true);
        if (!found) return;
        done(operator, abi.encodeCall(escrow.void, (made)), plain(made));
    }

    function voidBatch(uint256 seed) external {
        if (books.count() == 0 || seed % 3 != 0) return;
        Terms[] memory items = new Terms[](2);
        for (uint256 i; i < items.length; ++i) {
            items[i] = books.entry(books.ids(uint256(keccak256(abi.encode(seed, i))) % books.count())).terms;
            if (!plain(items[i])) return;
        }
        done(operator, abi.encodeCall(escrow.voidBatch, (items)), true);
    }

    function refund(uint256 seed, uint120 amount) external {
        (bool found, Terms memory made) = pick(seed, false);
        if (!found) return;
        IEscrow.Payment memory seen = payment(made);
        uint256 refundable = seen.captured - seen.refunded;
        if (refundable == 0) return;
        amount = uint120(bound(amount, 1, refundable));
        bool may = block.timestamp < made.refundExpiry && plain(made);
        done(operator, abi.encodeCall(escrow.refund, (made, amount)), may);
    }

    /// What no operator may, whatever is put into it.
    function overreach(uint256 seed, uint120 more) external {
        (bool found, Terms memory made) = pick(seed, false);
        if (!found) return;
        uint256 held = escrow.heldOf(made);
        IEscrow.Payment memory seen = payment(made);
        uint120 tooMuch = uint120(bound(more, held + 1, MOST));
        uint256 refundable = seen.captured - seen.refunded;
        require(!send(operator, abi.encodeCall(escrow.capture, (made, tooMuch, 0))), "captured more than is held");
        if (held != 0) {
            bytes memory greedy = abi.encodeCall(escrow.capture, (made, 1, MAX_FEE_BPS + 1));
            require(!send(operator, greedy), "a fee above what was signed");
        }
        if (refundable < MOST) {
            bytes memory generous = abi.encodeCall(escrow.refund, (made, uint120(bound(more, refundable + 1, MOST))));
            require(!send(operator, generous), "refunded more than was captured");
        }
        require(!send(operator, abi.encodeCall(escrow.pay, (made))), "paid twice, or by another");
        made.receiver = operator;
        require(!send(operator, abi.encodeCall(escrow.capture, (made, 1, 0))), "captured for another");
        require(!send(operator, abi.encodeCall(escrow.void, (made))), "voided what is not");
    }

    // Strangers, time, the administration and the hostile token

    function stranger_(uint256 seed, address caller, uint96 ether_) external {
        if (caller == operator || caller == admin || caller == pauser || caller == address(escrow)) return;
        if (_keys[caller] != 0) return;
        intrude(seed, caller, ether_);
    }

    /// The receivers may do no more than anyone.
    function merchant(uint256 seed) external {
        intrude(seed, _receivers[seed % 2], 0);
    }

    function wait(uint32 seconds_) external {
        vm.warp(block.timestamp + bound(seconds_, 1, 3 days));
    }

    function administer(uint256 seed) external {
        // Most of the time all is open: else little would happen.
        if (escrow.paused()) {
            vm.prank(admin);
            escrow.unpause();
        } else if (seed % 8 == 0) {
            vm.prank(pauser);
            escrow.pause();
        }
        vm.prank(admin);
        escrow.setTokenAllowed(address(token), seed % 8 != 1);
    }

    function mood(uint8 mood_) external {
        // A token that takes a fee or more than was asked can leave with what is its holders' own only.
        hostile.be(mood_ % 2 == 0 ? HostileToken.Mood.Plain : HostileToken.Mood(mood_ % 10));
    }

    // Inside

    function intrude(uint256 seed, address caller, uint96 ether_) private {
        (bool found, Terms memory made) = pick(seed, false);
        if (found) {
            require(!send(caller, abi.encodeCall(escrow.capture, (made, 1, 0))), "a stranger captured");
            require(!send(caller, abi.encodeCall(escrow.void, (made))), "a stranger voided");
            require(!send(caller, abi.encodeCall(escrow.refund, (made, 1))), "a stranger refunded");
            require(!send(caller, abi.encodeCall(escrow.reclaim, (made))), "a stranger reclaimed");
            require(!send(caller, abi.encodeCall(escrow.voidItem, (made))), "a stranger voided an item");
        }
        vm.deal(caller, ether_);
        vm.prank(caller);
        (bool sent,) = address(escrow).call{value: ether_}("");
        require(!sent, "ether was taken");
        address asset = seed & 1 == 0 ? address(token) : address(hostile);
        send(caller, abi.encodeCall(escrow.withdrawFees, (asset)));
    }

    function fresh(uint256 seed, uint120 amount, address asset) private returns (Terms memory made) {
        made = salted(terms(uint120(bound(amount, 1, 1e24))), ++_salts);
        made.token = asset;
        made.payer = _payers[(seed >> 8) % 2];
        made.receiver = _receivers[(seed >> 9) % 2];
        made.authorizationExpiry = uint48(block.timestamp + 1 hours + seed % 10 days);
        made.refundExpiry = made.authorizationExpiry + 20 days;
    }

    /// One of the payments; one that still has something held, if there is any, and that is wanted.
    function pick(uint256 seed, bool held) private view returns (bool, Terms memory made) {
        uint256 count = books.count();
        for (uint256 i; i < count; ++i) {
            made = books.entry(books.ids((seed % count + i) % count)).terms;
            if (!held || escrow.heldOf(made) != 0) return (true, made);
        }
        return (false, made);
    }

    function mayTake(Terms memory made) private view returns (bool) {
        return !escrow.paused() && escrow.allowed(made.token) && plain(made);
    }

    /// Whether the token moves what it is told to.
    function plain(Terms memory made) private view returns (bool) {
        HostileToken.Mood now_ = hostile.mood();
        return made.token == address(token) || now_ == HostileToken.Mood.Plain
            || now_ == HostileToken.Mood.ReturnsNothing || now_ == HostileToken.Mood.RevertsOnZero;
    }

    function done(address caller, bytes memory call, bool should) private returns (bool succeeded) {
        succeeded = send(caller, call);
        if (should) {
            ++tried;
            if (!succeeded) ++failed;
        }
    }

    function send(address caller, bytes memory call) private returns (bool succeeded) {
        vm.recordLogs();
        vm.prank(caller);
        (succeeded,) = address(escrow).call(call);
        // Forge records the events of a call that was undone, too.
        Vm.Log[] memory logs = vm.getRecordedLogs();
        if (succeeded) books.read(logs, address(escrow));
    }

    // What the invariants ask

    function theEscrow() external view returns (Escrow) {
        return escrow;
    }

    function theToken() external view returns (address) {
        return address(token);
    }

    function payers() external view returns (address[2] memory) {
        return _payers;
    }

    function receivers() external view returns (address[2] memory) {
        return _receivers;
    }

    function operatorOf() external view returns (address) {
        return operator;
    }

    function feeRecipientOf() external view returns (address) {
        return feeRecipient;
    }

    function pauserOf() external view returns (address) {
        return pauser;
    }
}
