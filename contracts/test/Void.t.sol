// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEscrow} from "../src/IEscrow.sol";
import {Terms} from "../src/Terms.sol";
import {EscrowTest} from "./EscrowTest.sol";

contract VoidTest is EscrowTest {
    function test_succeeds_whenSomethingIsHeld(uint120 amount, uint120 part, uint48 time) public {
        amount = uint120(bound(amount, 2, MOST));
        part = uint120(bound(part, 0, amount - 1));
        Terms memory made = part == 0 ? authorized(amount) : captured(amount, part);
        vm.warp(bound(time, block.timestamp, type(uint48).max));

        vm.expectEmit(address(escrow));
        emit IEscrow.PaymentVoided(id(made), amount - part);
        vm.prank(operator);
        escrow.void(made);

        assertPayment(made, IEscrow.Status.Voided, part, 0);
        assertBalances(amount - part, part, 0, 0);
        vm.assertEq(escrow.heldOf(made), 0);
    }

    function test_succeeds_whenPausedAndTheTokenIsNotAllowedAnyMore() public {
        Terms memory made = authorized(100);
        vm.prank(pauser);
        escrow.pause();
        vm.prank(admin);
        escrow.setTokenAllowed(address(token), false);

        vm.prank(operator);
        escrow.void(made);

        assertBalances(100, 0, 0, 0);
    }

    function test_reverts_whenAllOfItWasCaptured() public {
        Terms memory made = captured(100, 100);
        refuses(made, operator, abi.encodeWithSelector(IEscrow.NothingHeld.selector, id(made)));
    }

    function test_reverts_whenItWasNeverAuthorized() public {
        Terms memory made = terms(100);
        refuses(made, operator, abi.encodeWithSelector(IEscrow.NotAuthorized.selector, id(made), IEscrow.Status.None));
    }

    function test_reverts_whenItWasGivenBack(bool reclaimed) public {
        Terms memory made = authorized(100);
        if (reclaimed) {
            vm.warp(made.authorizationExpiry);
            vm.prank(payer);
            escrow.reclaim(made);
        } else {
            vm.prank(operator);
            escrow.void(made);
        }
        IEscrow.Status status = reclaimed ? IEscrow.Status.Reclaimed : IEscrow.Status.Voided;
        refuses(made, operator, abi.encodeWithSelector(IEscrow.NotAuthorized.selector, id(made), status));
    }

    function test_reverts_whenTheCallerIsNoOperator(address caller) public {
        vm.assume(caller != operator);
        refuses(authorized(100), caller, refusedRole(caller, escrow.OPERATOR_ROLE()));
    }

    function refuses(Terms memory made, address caller, bytes memory refusal) private {
        IEscrow.Payment memory before = payment(made);
        uint256 payers = token.balanceOf(payer);
        vm.expectRevert(refusal);
        vm.prank(caller);
        escrow.void(made);
        assertPayment(made, before.status, before.captured, before.refunded);
        vm.assertEq(token.balanceOf(payer), payers);
    }
}
