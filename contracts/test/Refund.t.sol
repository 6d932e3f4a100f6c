// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {IEscrow} from "../src/IEscrow.sol";
import {Terms} from "../src/Terms.sol";
import {EscrowTest} from "./EscrowTest.sol";

contract RefundTest is EscrowTest {
    function test_succeeds_whenNoMoreThanWasCaptured(uint120 amount, uint120 part, uint120 back) public {
        amount = uint120(bound(amount, 1, MOST));
        part = uint120(bound(part, 1, amount));
        back = uint120(bound(back, 1, part));
        Terms memory made = captured(amount, part);
        give(back);

        vm.expectEmit(address(escrow));
        emit IEscrow.PaymentRefunded(id(made), back, operator);
        vm.prank(operator);
        escrow.refund(made, back);

        assertPayment(made, IEscrow.Status.Authorized, part, back);
        assertBalances(back, part, amount - part, 0);
        vm.assertEq(token.balanceOf(operator), 0);
    }

    function test_succeeds_inSeveralParts(uint120[5] calldata parts) public {
        Terms memory made = captured(MOST, MOST);
        give(MOST);
        uint256 left = MOST;
        for (uint256 i; i < parts.length && left != 0; ++i) {
            uint120 part = uint120(bound(parts[i], 1, left));
            vm.prank(operator);
            escrow.refund(made, part);
            left -= part;
        }
        assertPayment(made, IEscrow.Status.Authorized, MOST, MOST - left);
        assertBalances(MOST - left, MOST, 0, 0);
    }

    function test_succeeds_whenTheRestWasGivenBack(bool reclaimed) public {
        Terms memory made = captured(100, 60);
        vm.warp(made.authorizationExpiry);
        vm.prank(reclaimed ? payer : operator);
        if (reclaimed) escrow.reclaim(made);
        else escrow.void(made);
        give(60);

        vm.prank(operator);
        escrow.refund(made, 60);

        assertPayment(made, reclaimed ? IEscrow.Status.Reclaimed : IEscrow.Status.Voided, 60, 60);
        assertBalances(100, 60, 0, 0);
    }

    function test_succeeds_whenPausedAndTheTokenIsNotAllowedAnyMore() public {
        Terms memory made = captured(100, 100);
        give(100);
        vm.prank(pauser);
        escrow.pause();
        vm.prank(admin);
        escrow.setTokenAllowed(address(token), false);

        vm.prank(operator);
        escrow.refund(made, 100);

        assertBalances(100, 100, 0, 0);
    }

    function test_succeeds_inTheLastSecond() public {
        Terms memory made = captured(100, 100);
        give(100);
        vm.warp(made.refundExpiry - 1);
        vm.prank(operator);
        escrow.refund(made, 100);
        assertBalances(100, 100, 0, 0);
    }

    function test_reverts_whenMoreThanWasCaptured(uint120 part, uint120 back, uint120 more) public {
        part = uint120(bound(part, 1, MOST - 1));
        back = uint120(bound(back, 1, part));
        Terms memory made = captured(MOST, part);
        give(MOST);
        vm.prank(operator);
        escrow.refund(made, back);
        more = uint120(bound(more, part - back + 1, MOST));
        refuses(
            made, more, operator, abi.encodeWithSelector(IEscrow.MoreThanCaptured.selector, id(made), more, part - back)
        );
    }

    function test_reverts_whenNothingWasCaptured(bool known) public {
        Terms memory made = known ? authorized(100) : terms(100);
        give(100);
        refuses(made, 1, operator, abi.encodeWithSelector(IEscrow.MoreThanCaptured.selector, id(made), 1, 0));
    }

    function test_reverts_whenTheAmountIsZero() public {
        refuses(captured(100, 100), 0, operator, abi.encodeWithSelector(IEscrow.AmountZero.selector));
    }

    function test_reverts_whenTheTimeForRefundsIsOver(uint48 late) public {
        Terms memory made = captured(100, 100);
        give(100);
        uint256 now_ = bound(late, made.refundExpiry, type(uint48).max);
        vm.warp(now_);
        refuses(made, 100, operator, abi.encodeWithSelector(IEscrow.RefundExpired.selector, made.refundExpiry, now_));
    }

    function test_reverts_whenTheOperatorHasTooLittle() public {
        Terms memory made = captured(100, 100);
        give(99);
        refuses(
            made,
            100,
            operator,
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, operator, 99, 100)
        );
    }

    function test_reverts_whenTheCallerIsNoOperator(address caller) public {
        vm.assume(caller != operator);
        refuses(captured(100, 100), 100, caller, refusedRole(caller, escrow.OPERATOR_ROLE()));
    }

    function give(uint256 amount) private {
        token.mint(operator, amount);
        vm.prank(operator);
        token.approve(address(escrow), type(uint256).max);
    }

    function refuses(Terms memory made, uint120 amount, address caller, bytes memory refusal) private {
        IEscrow.Payment memory before = payment(made);
        uint256 payers = token.balanceOf(payer);
        vm.expectRevert(refusal);
        vm.prank(caller);
        escrow.refund(made, amount);
        assertPayment(made, before.status, before.captured, before.refunded);
        vm.assertEq(token.balanceOf(payer), payers);
    }
}
