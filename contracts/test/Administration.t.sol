// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    IAccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/IAccessControlDefaultAdminRules.sol";

import {Escrow} from "../src/Escrow.sol";
import {IEscrow} from "../src/IEscrow.sol";
import {Terms} from "../src/Terms.sol";
import {EscrowTest} from "./EscrowTest.sol";

contract AdministrationTest is EscrowTest {
    function test_succeeds_pausingByThePauserAndGoingOnByTheAdmin() public {
        vm.prank(pauser);
        escrow.pause();
        vm.assertTrue(escrow.paused());
        vm.prank(admin);
        escrow.unpause();
        vm.assertFalse(escrow.paused());
    }

    function test_reverts_whenAnyoneElsePausesOrGoesOn(address caller) public {
        vm.assume(caller != pauser && caller != admin);
        vm.expectRevert(refusedRole(caller, escrow.PAUSER_ROLE()));
        vm.prank(caller);
        escrow.pause();
        vm.prank(pauser);
        escrow.pause();
        vm.expectRevert(refusedRole(caller, escrow.DEFAULT_ADMIN_ROLE()));
        vm.prank(caller);
        escrow.unpause();
        vm.assertTrue(escrow.paused());
    }

    function test_succeeds_allowingATokenAndNoMore(address other, bool allowed) public {
        vm.expectEmit(address(escrow));
        emit IEscrow.TokenAllowed(other, allowed);
        vm.prank(admin);
        escrow.setTokenAllowed(other, allowed);
        vm.assertEq(escrow.allowed(other), allowed);
    }

    function test_reverts_whenAnyoneElseAdministers(address caller) public {
        vm.assume(caller != admin);
        bytes memory refusal = refusedRole(caller, escrow.DEFAULT_ADMIN_ROLE());
        vm.startPrank(caller);
        vm.expectRevert(refusal);
        escrow.setTokenAllowed(stranger, true);
        vm.expectRevert(refusal);
        escrow.setFeeRecipient(stranger);
        vm.stopPrank();
        vm.assertFalse(escrow.allowed(stranger));
        vm.assertEq(escrow.feeRecipient(), feeRecipient);
    }

    function test_succeeds_handingTheAdminOnInTwoSteps() public {
        vm.prank(admin);
        escrow.beginDefaultAdminTransfer(stranger);
        vm.assertEq(escrow.defaultAdmin(), admin);
        vm.warp(block.timestamp + ADMIN_DELAY + 1);
        vm.prank(stranger);
        escrow.acceptDefaultAdminTransfer();
        vm.assertEq(escrow.defaultAdmin(), stranger);
        vm.assertFalse(escrow.hasRole(escrow.DEFAULT_ADMIN_ROLE(), admin));
    }

    function test_reverts_whenAnAdminIsMadeInOneStep() public {
        bytes32 role = escrow.DEFAULT_ADMIN_ROLE();
        vm.expectRevert(IAccessControlDefaultAdminRules.AccessControlEnforcedDefaultAdminRules.selector);
        vm.prank(admin);
        escrow.grantRole(role, stranger);
        vm.prank(admin);
        escrow.beginDefaultAdminTransfer(stranger);
        vm.expectRevert();
        vm.prank(stranger);
        escrow.acceptDefaultAdminTransfer();
        vm.assertEq(escrow.defaultAdmin(), admin);
    }

    function test_succeeds_changingWhereFeesGo() public {
        charge();
        vm.expectEmit(address(escrow));
        emit IEscrow.FeeRecipientChanged(stranger);
        vm.prank(admin);
        escrow.setFeeRecipient(stranger);

        escrow.withdrawFees(address(token));

        vm.assertEq(token.balanceOf(stranger), 5);
        vm.assertEq(token.balanceOf(feeRecipient), 0);
    }

    function test_reverts_whenFeesWouldGoNowhere() public {
        vm.startPrank(admin);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.AddressNotPossible.selector, address(0)));
        escrow.setFeeRecipient(address(0));
        vm.expectRevert(abi.encodeWithSelector(IEscrow.AddressNotPossible.selector, address(escrow)));
        escrow.setFeeRecipient(address(escrow));
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IEscrow.AddressNotPossible.selector, address(0)));
        new Escrow(admin, ADMIN_DELAY, address(0));
    }

    function test_succeeds_withdrawingFeesByAnyone(address caller) public {
        charge();
        authorized(30);

        vm.expectEmit(address(escrow));
        emit IEscrow.FeesWithdrawn(address(token), feeRecipient, 5);
        vm.prank(caller);
        escrow.withdrawFees(address(token));

        vm.assertEq(token.balanceOf(feeRecipient), 5);
        vm.assertEq(escrow.feesOwed(address(token)), 0);
        vm.assertEq(token.balanceOf(address(escrow)), 30);
    }

    function test_reverts_whenNoFeesAreOwed() public {
        authorized(30);
        vm.expectRevert(IEscrow.AmountZero.selector);
        escrow.withdrawFees(address(token));
    }

    function test_reverts_whenEtherIsSent(uint96 amount) public {
        vm.deal(stranger, amount);
        vm.prank(stranger);
        (bool done,) = address(escrow).call{value: amount}("");
        vm.assertFalse(done);
        vm.assertEq(address(escrow).balance, 0);
    }

    function charge() private {
        Terms memory made = salted(terms(100), 9);
        bytes memory signature = funded(made);
        vm.prank(operator);
        escrow.charge(made, signature, MAX_FEE_BPS);
    }
}
