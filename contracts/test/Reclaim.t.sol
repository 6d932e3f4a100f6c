// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEscrow} from "../src/IEscrow.sol";
import {Terms} from "../src/Terms.sol";
import {EscrowTest} from "./EscrowTest.sol";

contract ReclaimTest is EscrowTest {
    function test_succeeds_whenTheAuthorizationHasExpired(uint120 amount, uint120 part, uint48 late) public {
        amount = uint120(bound(amount, 2, MOST));
        part = uint120(bound(part, 0, amount - 1));
        Terms memory made = part == 0 ? authorized(amount) : captured(amount, part);
        vm.warp(bound(late, made.authorizationExpiry, type(uint48).max));

        vm.expectEmit(address(escrow));
        emit IEscrow.PaymentReclaimed(id(made), amount - part);
        vm.prank(payer);
        escrow.reclaim(made);

        assertPayment(made, IEscrow.Status.Reclaimed, part, 0);
        assertBalances(amount - part, part, 0, 0);
        vm.assertEq(escrow.heldOf(made), 0);
    }

    function test_succeeds_whateverBecameOfThePlatform() public {
        Terms memory made = authorized(100);
        vm.prank(pauser);
        escrow.pause();
        vm.startPrank(admin);
        escrow.setTokenAllowed(address(token), false);
        escrow.revokeRole(escrow.OPERATOR_ROLE(), operator);
        escrow.beginDefaultAdminTransfer(address(0));
        vm.warp(made.authorizationExpiry);
        escrow.renounceRole(escrow.DEFAULT_ADMIN_ROLE(), admin);
        vm.stopPrank();

        vm.prank(payer);
        escrow.reclaim(made);

        assertBalances(100, 0, 0, 0);
    }

    function test_succeeds_onAChainThatSplitOff(uint64 chainId) public {
        Terms memory made = authorized(100);
        vm.warp(made.authorizationExpiry);
        vm.chainId(bound(chainId, 1, type(uint64).max - 1));

        vm.prank(payer);
        escrow.reclaim(made);

        assertBalances(100, 0, 0, 0);
    }

    function test_reverts_whenTheAuthorizationHasNotExpired(uint48 early) public {
        Terms memory made = authorized(100);
        uint256 now_ = bound(early, block.timestamp, made.authorizationExpiry - 1);
        vm.warp(now_);
        refuses(
            made,
            payer,
            abi.encodeWithSelector(IEscrow.AuthorizationNotExpired.selector, made.authorizationExpiry, now_)
        );
    }

    function test_reverts_whenTheCallerIsNotThePayer(address caller) public {
        vm.assume(caller != payer);
        Terms memory made = authorized(100);
        vm.warp(made.authorizationExpiry);
        refuses(made, caller, abi.encodeWithSelector(IEscrow.NotThePayer.selector, caller, payer));
    }

    function test_reverts_whenAllOfItWasCaptured() public {
        Terms memory made = captured(100, 100);
        vm.warp(made.authorizationExpiry);
        refuses(made, payer, abi.encodeWithSelector(IEscrow.NothingHeld.selector, id(made)));
    }

    function test_reverts_whenItWasGivenBack(bool voided) public {
        Terms memory made = authorized(100);
        vm.warp(made.authorizationExpiry);
        vm.prank(voided ? operator : payer);
        if (voided) escrow.void(made);
        else escrow.reclaim(made);
        IEscrow.Status status = voided ? IEscrow.Status.Voided : IEscrow.Status.Reclaimed;
        refuses(made, payer, abi.encodeWithSelector(IEscrow.NotAuthorized.selector, id(made), status));
    }

    function test_reverts_whenItWasNeverAuthorized() public {
        Terms memory made = terms(100);
        vm.warp(made.authorizationExpiry);
        refuses(made, payer, abi.encodeWithSelector(IEscrow.NotAuthorized.selector, id(made), IEscrow.Status.None));
    }

    function refuses(Terms memory made, address caller, bytes memory refusal) private {
        IEscrow.Payment memory before = payment(made);
        uint256 payers = token.balanceOf(payer);
        vm.expectRevert(refusal);
        vm.prank(caller);
        escrow.reclaim(made);
        assertPayment(made, before.status, before.captured, before.refunded);
        vm.assertEq(token.balanceOf(payer), payers);
    }
}
