// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {IEscrow} from "../src/IEscrow.sol";
import {Terms} from "../src/Terms.sol";
import {EscrowTest} from "./EscrowTest.sol";

contract CaptureTest is EscrowTest {
    function test_succeeds_whenNoMoreThanIsHeld(uint120 amount, uint120 part, uint16 feeBps) public {
        Terms memory made = authorized(uint120(bound(amount, 1, MOST)));
        part = uint120(bound(part, 1, made.amount));
        feeBps = uint16(bound(feeBps, 0, MAX_FEE_BPS));
        uint256 fee = uint256(part) * feeBps / 10_000;

        vm.expectEmit(address(escrow));
        emit IEscrow.PaymentCaptured(id(made), part, fee);
        capture(made, part, feeBps);

        assertPayment(made, IEscrow.Status.Authorized, part, 0);
        assertBalances(0, part - fee, made.amount - part, fee);
        vm.assertEq(escrow.heldOf(made), made.amount - part);
    }

    function test_succeeds_inSeveralParts(uint120[8] calldata parts) public {
        Terms memory made = authorized(MOST);
        uint256 left = MOST;
        for (uint256 i; i < parts.length && left != 0; ++i) {
            uint120 part = uint120(bound(parts[i], 1, left));
            capture(made, part, 0);
            left -= part;
        }
        if (left != 0) capture(made, uint120(left), 0);

        assertPayment(made, IEscrow.Status.Authorized, MOST, 0);
        assertBalances(0, MOST, 0, 0);
    }

    function test_succeeds_whenTheFeeIsTheWhole() public {
        Terms memory made = terms(100);
        made.maxFeeBps = 10_000;
        authorize(made);

        capture(made, 100, 10_000);

        assertPayment(made, IEscrow.Status.Authorized, 100, 0);
        assertBalances(0, 0, 0, 100);
    }

    function test_succeeds_inTheLastSecond() public {
        Terms memory made = authorized(100);
        vm.warp(made.authorizationExpiry - 1);
        capture(made, 100, 0);
        assertBalances(0, 100, 0, 0);
    }

    function test_succeeds_whenTheTokenIsNotAllowedAnyMore() public {
        Terms memory made = authorized(100);
        vm.prank(admin);
        escrow.setTokenAllowed(address(token), false);
        capture(made, 100, 0);
        assertBalances(0, 100, 0, 0);
    }

    function test_reverts_whenMoreThanIsHeld(uint120 amount, uint120 part, uint120 more) public {
        amount = uint120(bound(amount, 1, MOST - 1));
        part = uint120(bound(part, 1, amount));
        Terms memory made = captured(amount, part);
        more = uint120(bound(more, amount - part + 1, MOST));
        refuses(
            made,
            more,
            0,
            operator,
            abi.encodeWithSelector(IEscrow.MoreThanHeld.selector, id(made), more, amount - part)
        );
    }

    function test_reverts_whenTheAmountIsZero() public {
        refuses(authorized(100), 0, 0, operator, abi.encodeWithSelector(IEscrow.AmountZero.selector));
    }

    function test_reverts_whenTheFeeIsAboveWhatThePayerSigned(uint16 feeBps) public {
        feeBps = uint16(bound(feeBps, MAX_FEE_BPS + 1, type(uint16).max));
        Terms memory made = authorized(100);
        refuses(
            made,
            100,
            feeBps,
            operator,
            abi.encodeWithSelector(IEscrow.FeeTooHigh.selector, id(made), feeBps, MAX_FEE_BPS)
        );
    }

    function test_reverts_whenTheAuthorizationHasExpired(uint48 late) public {
        Terms memory made = authorized(100);
        uint256 now_ = bound(late, made.authorizationExpiry, type(uint48).max);
        vm.warp(now_);
        refuses(
            made,
            100,
            0,
            operator,
            abi.encodeWithSelector(IEscrow.AuthorizationExpired.selector, made.authorizationExpiry, now_)
        );
    }

    function test_reverts_whenItWasNeverAuthorized() public {
        Terms memory made = terms(100);
        authorized(100);
        made.salt = 2;
        refuses(
            made,
            100,
            0,
            operator,
            abi.encodeWithSelector(IEscrow.NotAuthorized.selector, id(made), IEscrow.Status.None)
        );
    }

    function test_reverts_whenItWasGivenBack(bool reclaimed, uint120 part) public {
        Terms memory made = captured(100, uint120(bound(part, 1, 99)));
        if (reclaimed) {
            vm.warp(made.authorizationExpiry);
            vm.prank(payer);
            escrow.reclaim(made);
        } else {
            vm.prank(operator);
            escrow.void(made);
        }
        refuses(
            made,
            1,
            0,
            operator,
            abi.encodeWithSelector(
                IEscrow.NotAuthorized.selector, id(made), reclaimed ? IEscrow.Status.Reclaimed : IEscrow.Status.Voided
            )
        );
    }

    function test_reverts_whenTheCallerIsNoOperator(address caller) public {
        vm.assume(caller != operator);
        refuses(authorized(100), 100, 0, caller, refusedRole(caller, escrow.OPERATOR_ROLE()));
    }

    function test_reverts_whenPaused() public {
        Terms memory made = authorized(100);
        vm.prank(pauser);
        escrow.pause();
        refuses(made, 100, 0, operator, abi.encodeWithSelector(Pausable.EnforcedPause.selector));
    }

    function capture(Terms memory made, uint120 amount, uint16 feeBps) private {
        vm.prank(operator);
        escrow.capture(made, amount, feeBps);
    }

    function refuses(Terms memory made, uint120 amount, uint16 feeBps, address caller, bytes memory refusal) private {
        IEscrow.Payment memory before = payment(made);
        uint256 receivers = token.balanceOf(receiver);
        vm.expectRevert(refusal);
        vm.prank(caller);
        escrow.capture(made, amount, feeBps);
        assertPayment(made, before.status, before.captured, before.refunded);
        vm.assertEq(token.balanceOf(receiver), receivers);
        vm.assertEq(escrow.feesOwed(address(token)), 0);
    }
}
