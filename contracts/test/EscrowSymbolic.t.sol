// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEscrow} from "../src/IEscrow.sol";
import {Terms} from "../src/Terms.sol";
import {EscrowTest} from "./EscrowTest.sol";

/// @notice Solvency, step by step, for halmos: from every state in which all that is owed is there, each call leads to
/// such a state or reverts. What others hold is any amount too, so nothing is paid with theirs. Accounts are distinct,
/// the token is an ordinary one, and the terms' times are those of all tests.
contract EscrowSymbolicTest is EscrowTest {
    /// Of the escrow's storage; the first test says so.
    uint256 private constant FEES_SLOT = 8;
    uint256 private constant PAYMENTS_SLOT = 9;
    /// Of secp256k1: signatures with a larger s are refused (EIP-2).
    uint256 private constant HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    struct State {
        uint120 amount;
        uint8 status;
        uint120 captured;
        uint120 refunded;
        uint120 others;
        uint120 fees;
    }

    function test_succeeds_knowingWhereTheStateIs() public {
        Terms memory made = authorized(1000);
        vm.prank(operator);
        escrow.capture(made, 600, 500);
        token.mint(operator, 7);
        vm.startPrank(operator);
        token.approve(address(escrow), 7);
        escrow.refund(made, 7);
        vm.stopPrank();

        vm.assertEq(vm.load(address(escrow), paymentSlot(made)), slot(1, 600, 7));
        vm.assertEq(uint256(vm.load(address(escrow), feesSlot())), 30);
    }

    function check_pay(State memory state, bytes32 another) public {
        Terms memory made = putBeside(another, state);
        token.mint(payer, made.amount);
        vm.prank(payer);
        token.approve(address(escrow), made.amount);
        vm.prank(payer);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.pay, (made)));
        solventBeside(another, state, made);
        assert(done == isNew(state));
    }

    /// By the payer's signature, nothing but that it was done before stands in its way.
    function check_authorizeSigned(State memory state) public {
        Terms memory made = put(state);
        bytes memory signature = signed(made);
        vm.prank(operator);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.authorize, (made, signature)));
        solvent(state, made);
        assert(done == isNew(state));
    }

    /// By any bytes that a key could have signed with: of another length, this token refuses them.
    function check_authorize(State memory state, bytes memory signature) public {
        Terms memory made = put(state);
        token.mint(payer, made.amount);
        vm.prank(operator);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.authorize, (made, signature)));
        solvent(state, made);
        assert(!done || isNew(state));
    }

    function check_authorizeWithPermit(
        State memory state,
        bytes memory signature,
        IEscrow.Permit memory permit,
        uint120 allowance
    ) public {
        Terms memory made = put(state);
        token.mint(payer, made.amount);
        vm.prank(payer);
        token.approve(address(escrow), allowance);
        vm.prank(operator);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.authorizeWithPermit, (made, signature, permit)));
        solvent(state, made);
        assert(!done || isNew(state));
    }

    function check_authorizeBatch(State memory state, bytes memory signature) public {
        Terms memory made = put(state);
        token.mint(payer, made.amount);
        IEscrow.Authorization[] memory items = new IEscrow.Authorization[](2);
        for (uint256 i; i < items.length; ++i) {
            items[i] = IEscrow.Authorization(made, signature);
        }
        vm.prank(operator);
        try escrow.authorizeBatch(items) {} catch {}
        solvent(state, made);
    }

    function check_charge(State memory state, uint16 feeBps) public {
        Terms memory made = put(state);
        bytes memory signature = signed(made);
        vm.prank(operator);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.charge, (made, signature, feeBps)));
        solvent(state, made);
        assert(done == (isNew(state) && feeBps <= MAX_FEE_BPS));
    }

    function check_capture(State memory state, uint120 amount, uint16 feeBps) public {
        Terms memory made = put(state);
        vm.prank(operator);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.capture, (made, amount, feeBps)));
        solvent(state, made);
        bool held = state.status == 1 && amount <= state.amount - state.captured;
        assert(done == (held && amount != 0 && feeBps <= MAX_FEE_BPS));
    }

    /// With a fee and another payment at once, no solver is done in time.
    function check_captureWithoutFee(State memory state, bytes32 another, uint120 amount) public {
        Terms memory made = putBeside(another, state);
        vm.prank(operator);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.capture, (made, amount, 0)));
        solventBeside(another, state, made);
        bool held = state.status == 1 && amount <= state.amount - state.captured;
        assert(done == (held && amount != 0));
    }

    /// An item of a batch.
    function check_captureRunOfOne(State memory state, uint120 amount, uint16 feeBps) public {
        Terms memory made = put(state);
        IEscrow.Capture[] memory items = new IEscrow.Capture[](1);
        items[0] = IEscrow.Capture(made, amount, feeBps);
        vm.prank(address(escrow));
        escrow.captureRun(items);
        solvent(state, made);
    }

    /// A payment twice: what the first part leaves is all that the second may have. Without fees, for no solver is done
    /// with two of them.
    function check_captureRunOfTwo(State memory state, uint120 first, uint120 second) public {
        Terms memory made = put(state);
        IEscrow.Capture[] memory items = new IEscrow.Capture[](2);
        (items[0], items[1]) = (IEscrow.Capture(made, first, 0), IEscrow.Capture(made, second, 0));
        vm.prank(address(escrow));
        escrow.captureRun(items);
        solvent(state, made);
    }

    function check_void(State memory state, bytes32 another) public {
        Terms memory made = putBeside(another, state);
        vm.prank(operator);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.void, (made)));
        solventBeside(another, state, made);
        assert(done == (state.status == 1 && state.captured < state.amount));
        assert(!done || escrow.heldOf(made) == 0);
    }

    function check_voidBatch(State memory state) public {
        Terms memory made = put(state);
        Terms[] memory items = new Terms[](2);
        (items[0], items[1]) = (made, made);
        vm.prank(operator);
        try escrow.voidBatch(items) {} catch {}
        solvent(state, made);
    }

    function check_reclaim(State memory state, bytes32 another, uint48 time) public {
        Terms memory made = putBeside(another, state);
        vm.warp(time);
        vm.prank(payer);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.reclaim, (made)));
        solventBeside(another, state, made);
        // Nothing but the time, and that something is held, stands in its way.
        bool held = state.status == 1 && state.captured < state.amount;
        assert(done == (held && time >= made.authorizationExpiry));
    }

    function check_refund(State memory state, bytes32 another, uint120 amount) public {
        Terms memory made = putBeside(another, state);
        token.mint(operator, amount);
        vm.prank(operator);
        token.approve(address(escrow), amount);
        vm.prank(operator);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.refund, (made, amount)));
        solventBeside(another, state, made);
        assert(done == (amount != 0 && amount <= state.captured - state.refunded));
    }

    function check_withdrawFees(State memory state) public {
        Terms memory made = put(state);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.withdrawFees, (address(token))));
        solvent(state, made);
        assert(done == (state.fees != 0));
    }

    /// A payment in any state that can be, beside any amount of others' and any fees.
    function put(State memory state) private returns (Terms memory made) {
        // To halmos the address of a key could be any, the escrow's too.
        address[4] memory people = [payer, receiver, operator, feeRecipient];
        for (uint256 i; i < people.length; ++i) {
            vm.assume(people[i] != address(escrow) && people[i] != address(token) && people[i] != address(0));
        }
        vm.assume(state.status <= 3 && state.captured <= state.amount && state.refunded <= state.captured);
        vm.assume(state.status != 0 || state.captured == 0);
        made = terms(state.amount);
        vm.store(address(escrow), paymentSlot(made), slot(state.status, state.captured, state.refunded));
        vm.store(address(escrow), feesSlot(), bytes32(uint256(state.fees)));
        uint256 held = state.status == 1 ? state.amount - state.captured : 0;
        token.mint(address(escrow), held + state.others + state.fees);
    }

    /// The same, beside another payment.
    function putBeside(bytes32 another, State memory state) private returns (Terms memory made) {
        made = put(state);
        vm.store(address(escrow), paymentSlot(salted(made, 2)), another);
    }

    function solventBeside(bytes32 another, State memory state, Terms memory made) private view {
        solvent(state, made);
        assert(vm.load(address(escrow), paymentSlot(salted(made, 2))) == another);
    }

    /// By the payer's key, as every signer makes a signature; the payer has the amount.
    function signed(Terms memory made) private returns (bytes memory) {
        token.mint(payer, made.amount);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(payerKey, receiveDigest(made, id(made)));
        vm.assume((v == 27 || v == 28) && uint256(s) <= HALF_ORDER);
        return abi.encodePacked(r, s, v);
    }

    function isNew(State memory state) private pure returns (bool) {
        return state.status == 0 && state.amount != 0;
    }

    function solvent(State memory state, Terms memory made) private view {
        uint256 held = escrow.heldOf(made);
        uint256 owed = held + state.others + escrow.feesOwed(address(token));
        assert(token.balanceOf(address(escrow)) == owed);
    }

    function slot(uint8 status, uint120 captured, uint120 refunded) private pure returns (bytes32) {
        return bytes32(uint256(status) | uint256(captured) << 8 | uint256(refunded) << 128);
    }

    function paymentSlot(Terms memory made) private view returns (bytes32) {
        return keccak256(abi.encode(id(made), PAYMENTS_SLOT));
    }

    function feesSlot() private view returns (bytes32) {
        return keccak256(abi.encode(address(token), FEES_SLOT));
    }
}
