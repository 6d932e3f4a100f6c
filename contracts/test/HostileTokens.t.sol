// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {ExactTransfer} from "../src/ExactTransfer.sol";
import {IEscrow} from "../src/IEscrow.sol";
import {Terms} from "../src/Terms.sol";
import {EscrowTest} from "./EscrowTest.sol";
import {HostileToken} from "./tokens/HostileToken.sol";

/// @notice Whatever a token does, balances move by the exact amount or not at all, and the payer can leave.
contract HostileTokensTest is EscrowTest {
    HostileToken internal hostile;

    function setUp() public override {
        super.setUp();
        list(new HostileToken(6));
        // What others hold in a token that behaves.
        authorized(1000);
    }

    function test_reverts_whenATokenTakesItsFee(uint120 amount) public {
        Terms memory made = owed(uint120(bound(amount, 2, MOST)));
        hostile.be(HostileToken.Mood.TakesFee);
        uint256 arrives = made.amount - made.amount / 100 - 1;
        refusesPay(
            made,
            abi.encodeWithSelector(
                ExactTransfer.TransferNotExact.selector, address(hostile), address(escrow), 0, arrives, made.amount
            )
        );
    }

    /// The payer may leave with what arrives; nobody else decides that for them.
    function test_succeeds_reclaimingFromATokenThatTakesItsFeeByNow(uint120 amount) public {
        Terms memory made = paid(uint120(bound(amount, 2, MOST)));
        Terms memory others = another(made);
        hostile.be(HostileToken.Mood.TakesFee);
        uint256 arrives = made.amount - made.amount / 100 - 1;
        uint256 before = hostile.balanceOf(payer);

        vm.startPrank(operator);
        vm.expectRevert(notExact(receiver, 0, arrives, made.amount));
        escrow.capture(made, made.amount, 0);
        vm.expectRevert(notExact(payer, before, before + arrives, made.amount));
        escrow.void(made);
        vm.stopPrank();
        goes(made, true);

        vm.assertEq(hostile.balanceOf(payer), before + arrives);
        vm.assertEq(hostile.balanceOf(address(escrow)), others.amount);
    }

    function test_reverts_whenATokenMovesNothing(bool reclaims) public {
        Terms memory made = owed(100);
        hostile.be(HostileToken.Mood.MovesNothing);
        refusesPay(made, notExact(payer, 100, 100, 100));
        hostile.be(HostileToken.Mood.Plain);
        pay(made);
        hostile.be(HostileToken.Mood.MovesNothing);
        bytes memory refusal = notExact(address(escrow), 100, 100, 100);
        vm.warp(made.authorizationExpiry - 1);
        vm.expectRevert(refusal);
        vm.prank(operator);
        escrow.capture(made, 100, 0);
        failsToGo(made, reclaims, refusal);

        hostile.be(HostileToken.Mood.Plain);
        goes(made, reclaims);
        vm.assertEq(hostile.balanceOf(payer), 100);
    }

    function test_reverts_whenATokenTakesMoreFromThePayer() public {
        Terms memory made = owed(100);
        hostile.mint(payer, 1);
        hostile.be(HostileToken.Mood.TakesMoreFromSender);

        vm.expectRevert(notExact(payer, 101, 0, 100));
        vm.prank(payer);
        escrow.pay(made);
        vm.assertEq(hostile.balanceOf(payer), 101);
    }

    function test_reverts_whenATokenTakesMoreFromTheEscrow(bool reclaims) public {
        Terms memory made = paid(100);
        another(made);
        hostile.be(HostileToken.Mood.TakesMoreFromSender);
        bytes memory refusal = notExact(address(escrow), 107, 6, 100);

        vm.expectRevert(refusal);
        vm.prank(operator);
        escrow.capture(made, 100, 0);
        failsToGo(made, reclaims, refusal);

        hostile.be(HostileToken.Mood.Plain);
        goes(made, reclaims);
        vm.assertEq(hostile.balanceOf(payer), 100);
    }

    function test_succeeds_whenATokenReturnsNothing(bool reclaims) public {
        hostile.be(HostileToken.Mood.ReturnsNothing);
        Terms memory made = paid(100);
        vm.prank(operator);
        escrow.capture(made, 40, 0);
        hostile.mint(operator, 40);
        vm.startPrank(operator);
        SafeERC20.forceApprove(IERC20(address(hostile)), address(escrow), 40);
        escrow.refund(made, 40);
        vm.stopPrank();
        goes(made, reclaims);
        vm.assertEq(hostile.balanceOf(payer), 100);
        vm.assertEq(hostile.balanceOf(receiver), 40);
    }

    function test_reverts_whenATokenReturnsFalse(bool reclaims) public {
        failsUntilPlain(
            HostileToken.Mood.ReturnsFalse,
            abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(hostile)),
            reclaims
        );
    }

    function test_reverts_whenATokenIsPaused(bool reclaims) public {
        failsUntilPlain(HostileToken.Mood.Paused, abi.encodeWithSelector(HostileToken.IsPaused.selector), reclaims);
    }

    function test_succeeds_leavingWhenTheReceiverIsDenied(bool reclaims) public {
        Terms memory made = paid(100);
        hostile.deny(receiver, true);

        vm.expectRevert(abi.encodeWithSelector(HostileToken.Denied.selector, receiver));
        vm.prank(operator);
        escrow.capture(made, 100, 0);
        goes(made, reclaims);

        vm.assertEq(hostile.balanceOf(payer), 100);
    }

    function test_reverts_whenATokenTellsNoBalance(bool isContract) public {
        Terms memory made = terms(100);
        made.token = isContract ? address(this) : stranger;
        vm.prank(admin);
        escrow.setTokenAllowed(made.token, true);

        vm.expectRevert(isContract ? bytes("no balance") : bytes(""));
        vm.prank(payer);
        escrow.pay(made);
        assertPayment(made, IEscrow.Status.None, 0, 0);
    }

    /// As a token this test has no balance to tell.
    function balanceOf(address) external pure returns (uint256) {
        assembly {
            mstore(0, "no balance")
            revert(0, 10)
        }
    }

    function test_succeeds_capturingWhenTheFeeRecipientIsDenied() public {
        Terms memory made = paid(100);
        hostile.deny(feeRecipient, true);
        vm.prank(operator);
        escrow.capture(made, 100, MAX_FEE_BPS);

        vm.expectRevert(abi.encodeWithSelector(HostileToken.Denied.selector, feeRecipient));
        escrow.withdrawFees(address(hostile));

        vm.assertEq(hostile.balanceOf(receiver), 95);
        vm.assertEq(escrow.feesOwed(address(hostile)), 5);
    }

    function test_reverts_whileThePayerIsDenied(bool reclaims) public {
        Terms memory made = paid(100);
        vm.warp(made.authorizationExpiry);
        hostile.deny(payer, true);
        vm.expectRevert(abi.encodeWithSelector(HostileToken.Denied.selector, payer));
        vm.prank(reclaims ? payer : operator);
        if (reclaims) escrow.reclaim(made);
        else escrow.void(made);
        assertPayment(made, IEscrow.Status.Authorized, 0, 0);

        hostile.deny(payer, false);
        goes(made, reclaims);
        vm.assertEq(hostile.balanceOf(payer), 100);
    }

    function test_reverts_whenATokenReenters(uint8 which) public {
        Terms memory made = paid(100);
        Terms memory mine = another(made);
        vm.startPrank(admin);
        escrow.grantRole(escrow.OPERATOR_ROLE(), address(hostile));
        vm.stopPrank();
        IEscrow.Authorization[] memory authorizations = new IEscrow.Authorization[](1);
        authorizations[0] = IEscrow.Authorization(salted(made, 77), "");
        IEscrow.Capture[] memory captures = new IEscrow.Capture[](1);
        captures[0] = IEscrow.Capture(mine, 1, 0);
        Terms[] memory voids = new Terms[](1);
        voids[0] = mine;
        IEscrow.Permit memory permit;
        bytes[10] memory calls = [
            abi.encodeCall(escrow.capture, (mine, 1, 0)),
            abi.encodeCall(escrow.void, (mine)),
            abi.encodeCall(escrow.refund, (made, 1)),
            abi.encodeCall(escrow.withdrawFees, (address(hostile))),
            abi.encodeCall(escrow.authorize, (salted(made, 77), "")),
            abi.encodeCall(escrow.charge, (salted(made, 77), "", 0)),
            abi.encodeCall(escrow.authorizeWithPermit, (salted(made, 77), "", permit)),
            abi.encodeCall(escrow.authorizeBatch, (authorizations)),
            abi.encodeCall(escrow.captureBatch, (captures)),
            abi.encodeCall(escrow.voidBatch, (voids))
        ];
        hostile.reenter(address(escrow), calls[which % calls.length]);

        vm.prank(operator);
        escrow.capture(made, 60, 0);

        vm.assertEq(
            hostile.reentered(), abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
        );
        assertPayment(made, IEscrow.Status.Authorized, 60, 0);
        assertPayment(mine, IEscrow.Status.Authorized, 0, 0);
    }

    function test_reverts_whenATokenReentersAsThePayer(bool reclaims) public {
        Terms memory made = paid(100);
        Terms memory mine = made;
        mine.payer = address(hostile);
        mine.salt = 99;
        hostile.mint(address(hostile), 200);
        hostile.act(address(hostile), abi.encodeCall(hostile.approve, (address(escrow), 200)));
        hostile.act(address(escrow), abi.encodeCall(escrow.pay, (mine)));
        vm.warp(mine.authorizationExpiry);
        bytes memory again =
            reclaims ? abi.encodeCall(escrow.reclaim, (mine)) : abi.encodeCall(escrow.pay, (salted(mine, 100)));
        hostile.reenter(address(escrow), again);

        hostile.act(address(escrow), abi.encodeCall(escrow.reclaim, (mine)));

        vm.assertEq(
            hostile.reentered(), abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
        );
        vm.assertEq(hostile.balanceOf(address(hostile)), 200);
    }

    function test_succeeds_whenATokenRefusesZero(uint16 feeBps) public {
        hostile.be(HostileToken.Mood.RevertsOnZero);
        Terms memory made = owed(100);
        made.maxFeeBps = 10_000;
        pay(made);
        feeBps = uint16(bound(feeBps, 0, 10_000));

        vm.prank(operator);
        escrow.capture(made, 100, feeBps);
        if (feeBps >= 100) escrow.withdrawFees(address(hostile));

        vm.assertEq(hostile.balanceOf(receiver), 100 - feeBps / 100);
        vm.assertEq(hostile.balanceOf(feeRecipient), feeBps / 100);
    }

    function test_succeeds_whateverTheDecimals(bool many, uint120 amount, uint16 feeBps, bool reclaims) public {
        list(new HostileToken(many ? 24 : 0));
        amount = uint120(bound(amount, 2, MOST));
        feeBps = uint16(bound(feeBps, 0, MAX_FEE_BPS));
        Terms memory made = paid(amount);
        uint120 part = amount / 2;
        uint256 fee = uint256(part) * feeBps / 10_000;

        vm.prank(operator);
        escrow.capture(made, part, feeBps);
        goes(made, reclaims);

        vm.assertEq(hostile.balanceOf(receiver), part - fee);
        vm.assertEq(hostile.balanceOf(payer), amount - part);
        vm.assertEq(hostile.balanceOf(address(escrow)), fee);
    }

    function test_succeeds_leavingWhenTheBalanceGrewByItself(uint120 amount, uint120 more, bool reclaims) public {
        Terms memory made = paid(uint120(bound(amount, 1, MOST)));
        hostile.move(address(escrow), uint256(made.amount) + more);

        goes(made, reclaims);

        vm.assertEq(hostile.balanceOf(payer), made.amount);
        vm.assertEq(hostile.balanceOf(address(escrow)), more);
    }

    function test_succeeds_leavingWhileTheBalanceThatShrankLasts(uint120 left, bool reclaims) public {
        Terms memory made = paid(100);
        Terms memory others = another(made);
        left = uint120(bound(left, 100, 106));
        hostile.move(address(escrow), left);

        goes(made, reclaims);

        vm.assertEq(hostile.balanceOf(payer), 100);
        vm.expectRevert();
        vm.prank(operator);
        escrow.void(others);
        hostile.mint(address(escrow), 107 - left);
        vm.prank(operator);
        escrow.void(others);
        vm.assertEq(hostile.balanceOf(payer), 107);
        vm.assertEq(token.balanceOf(address(escrow)), 1000);
    }

    function list(HostileToken made) private {
        hostile = made;
        vm.prank(admin);
        escrow.setTokenAllowed(address(made), true);
    }

    function owed(uint120 amount) private returns (Terms memory made) {
        made = terms(amount);
        made.token = address(hostile);
        hostile.mint(payer, amount);
        vm.prank(payer);
        hostile.approve(address(escrow), amount);
    }

    function paid(uint120 amount) private returns (Terms memory made) {
        made = owed(amount);
        pay(made);
    }

    function pay(Terms memory made) private {
        vm.prank(payer);
        escrow.pay(made);
    }

    /// Seven more of the same payer, in the same token.
    function another(Terms memory made) private returns (Terms memory more) {
        HostileToken.Mood before = hostile.mood();
        hostile.be(HostileToken.Mood.Plain);
        more = salted(owed(7), made.salt + 1000);
        pay(more);
        hostile.be(before);
    }

    function goes(Terms memory made, bool reclaims) private {
        vm.warp(made.authorizationExpiry);
        vm.prank(reclaims ? payer : operator);
        if (reclaims) escrow.reclaim(made);
        else escrow.void(made);
    }

    function failsToGo(Terms memory made, bool reclaims, bytes memory refusal) private {
        vm.warp(made.authorizationExpiry);
        vm.expectRevert(refusal);
        vm.prank(reclaims ? payer : operator);
        if (reclaims) escrow.reclaim(made);
        else escrow.void(made);
        assertPayment(made, IEscrow.Status.Authorized, 0, 0);
    }

    function notExact(address account, uint256 before, uint256 afterwards, uint256 amount)
        private
        view
        returns (bytes memory)
    {
        return abi.encodeWithSelector(
            ExactTransfer.TransferNotExact.selector, address(hostile), account, before, afterwards, amount
        );
    }

    function refusesPay(Terms memory made, bytes memory refusal) private {
        vm.expectRevert(refusal);
        vm.prank(payer);
        escrow.pay(made);
        assertPayment(made, IEscrow.Status.None, 0, 0);
        vm.assertEq(hostile.balanceOf(payer), made.amount);
    }

    function failsUntilPlain(HostileToken.Mood mood, bytes memory refusal, bool reclaims) private {
        Terms memory made = owed(100);
        hostile.be(mood);
        refusesPay(made, refusal);
        hostile.be(HostileToken.Mood.Plain);
        pay(made);
        hostile.be(mood);
        vm.expectRevert(refusal);
        vm.prank(operator);
        escrow.capture(made, 50, 0);
        failsToGo(made, reclaims, refusal);

        hostile.be(HostileToken.Mood.Plain);
        goes(made, reclaims);
        vm.assertEq(hostile.balanceOf(payer), 100);
    }
}
