// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEscrow} from "../src/IEscrow.sol";
import {Terms} from "../src/Terms.sol";
import {EscrowTest} from "./EscrowTest.sol";

/// @notice Solvency, step by step, for halmos: from every state in which all that is owed is there, each call leads to
/// such a state or reverts. What others hold is any amount too, so nothing is paid with theirs.
contract EscrowSymbolicTest is EscrowTest {
    /// Of the escrow's storage; the first test says so.
    uint256 private constant FEES_SLOT = 8;
    uint256 private constant PAYMENTS_SLOT = 9;

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

    function check_pay(State memory state) public {
        Terms memory made = put(state);
        token.mint(payer, made.amount);
        vm.prank(payer);
        token.approve(address(escrow), made.amount);
        vm.prank(payer);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.pay, (made)));
        takenOnce(state, made, done);
    }

    /// Whatever is given as a signature, and whoever it makes the token believe.
    function check_authorize(State memory state, bytes memory signature) public {
        Terms memory made = put(state);
        token.mint(payer, made.amount);
        vm.prank(operator);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.authorize, (made, signature)));
        takenOnce(state, made, done);
    }

    function check_authorizeWithPermit(State memory state, bytes memory signature, IEscrow.Permit memory permit)
        public
    {
        Terms memory made = put(state);
        token.mint(payer, made.amount);
        vm.prank(operator);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.authorizeWithPermit, (made, signature, permit)));
        takenOnce(state, made, done);
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

    function check_charge(State memory state, bytes memory signature, uint16 feeBps) public {
        Terms memory made = put(state);
        token.mint(payer, made.amount);
        vm.prank(operator);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.charge, (made, signature, feeBps)));
        takenOnce(state, made, done);
        assert(!done || feeBps <= MAX_FEE_BPS);
    }

    function check_capture(State memory state, uint120 amount, uint16 feeBps) public {
        Terms memory made = put(state);
        vm.prank(operator);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.capture, (made, amount, feeBps)));
        solvent(state, made);
        assert(!done || feeBps <= MAX_FEE_BPS);
    }

    /// What batches are made of, with a payment twice: what the first part leaves is all that the second may have.
    function check_captureRun(State memory state, uint120 first, uint120 second) public {
        Terms memory made = put(state);
        IEscrow.Capture[] memory items = new IEscrow.Capture[](2);
        (items[0], items[1]) = (IEscrow.Capture(made, first, 0), IEscrow.Capture(made, second, 0));
        vm.prank(address(escrow));
        try escrow.captureRun(items) {} catch {}
        solvent(state, made);
    }

    function check_void(State memory state) public {
        Terms memory made = put(state);
        vm.prank(operator);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.void, (made)));
        solvent(state, made);
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

    function check_reclaim(State memory state, uint48 time) public {
        Terms memory made = put(state);
        vm.warp(time);
        vm.prank(payer);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.reclaim, (made)));
        solvent(state, made);
        // Nothing but the time, and that something is held, stands in its way.
        bool held = state.status == 1 && state.captured < state.amount;
        assert(done == (held && time >= made.authorizationExpiry));
    }

    function check_refund(State memory state, uint120 amount) public {
        Terms memory made = put(state);
        token.mint(operator, amount);
        vm.prank(operator);
        token.approve(address(escrow), amount);
        vm.prank(operator);
        (bool done,) = address(escrow).call(abi.encodeCall(escrow.refund, (made, amount)));
        solvent(state, made);
        assert(!done || amount <= state.captured - state.refunded);
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
            for (uint256 other; other < i; ++other) {
                vm.assume(people[i] != people[other]);
            }
        }
        vm.assume(state.status <= 3 && state.captured <= state.amount && state.refunded <= state.captured);
        vm.assume(state.status != 0 || state.captured == 0);
        made = terms(state.amount);
        vm.store(address(escrow), paymentSlot(made), slot(state.status, state.captured, state.refunded));
        vm.store(address(escrow), feesSlot(), bytes32(uint256(state.fees)));
        uint256 held = state.status == 1 ? state.amount - state.captured : 0;
        token.mint(address(escrow), held + state.others + state.fees);
    }

    function takenOnce(State memory state, Terms memory made, bool done) private view {
        solvent(state, made);
        assert(!done || state.status == 0);
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
