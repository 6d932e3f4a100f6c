// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {IEscrow} from "../src/IEscrow.sol";
import {Terms} from "../src/Terms.sol";
import {EscrowTest} from "./EscrowTest.sol";

contract PayTest is EscrowTest {
    function test_succeeds_whenThePayerApproved(uint120 amount, uint120 more) public {
        Terms memory made = terms(uint120(bound(amount, 1, MOST)));
        approve(made.amount, uint256(made.amount) + more);

        vm.expectEmit(address(escrow));
        emit IEscrow.PaymentAuthorized(id(made), payer, receiver, made);
        vm.prank(payer);
        escrow.pay(made);

        assertPayment(made, IEscrow.Status.Authorized, 0, 0);
        assertBalances(0, 0, made.amount, 0);
        vm.assertEq(token.allowance(payer, address(escrow)), more);
    }

    function test_reverts_whenTheCallerIsNotThePayer(address caller) public {
        vm.assume(caller != payer);
        approve(100, 100);
        refuses(terms(100), caller, abi.encodeWithSelector(IEscrow.NotThePayer.selector, caller, payer));
    }

    function test_reverts_whenTooLittleIsApproved(uint120 amount, uint120 approved) public {
        Terms memory made = terms(uint120(bound(amount, 1, MOST)));
        approved = uint120(bound(approved, 0, made.amount - 1));
        approve(made.amount, approved);
        refuses(
            made,
            payer,
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(escrow), approved, made.amount
            )
        );
    }

    function test_reverts_whenThePayerHasTooLittle() public {
        approve(99, 100);
        refuses(
            terms(100), payer, abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, payer, 99, 100)
        );
    }

    function test_reverts_whenPaused() public {
        vm.prank(pauser);
        escrow.pause();
        approve(100, 100);
        refuses(terms(100), payer, abi.encodeWithSelector(Pausable.EnforcedPause.selector));
    }

    function test_reverts_whenTheTokenIsNotAllowed() public {
        vm.prank(admin);
        escrow.setTokenAllowed(address(token), false);
        approve(100, 100);
        refuses(terms(100), payer, abi.encodeWithSelector(IEscrow.TokenNotAllowed.selector, address(token)));
    }

    function test_reverts_whenItWasPaidBefore() public {
        Terms memory made = terms(100);
        approve(200, 200);
        vm.startPrank(payer);
        escrow.pay(made);

        vm.expectRevert(abi.encodeWithSelector(IEscrow.AlreadyAuthorized.selector, id(made)));
        escrow.pay(made);
        vm.stopPrank();
        assertBalances(100, 0, 100, 0);
    }

    function approve(uint256 balance, uint256 allowance) private {
        token.mint(payer, balance);
        vm.prank(payer);
        token.approve(address(escrow), allowance);
    }

    function refuses(Terms memory made, address caller, bytes memory refusal) private {
        uint256 before = token.balanceOf(payer);
        vm.expectRevert(refusal);
        vm.prank(caller);
        escrow.pay(made);
        assertBalances(before, 0, 0, 0);
        assertPayment(made, IEscrow.Status.None, 0, 0);
    }
}
