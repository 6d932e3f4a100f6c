// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {IEscrow} from "../src/IEscrow.sol";
import {Terms} from "../src/Terms.sol";
import {EscrowTest} from "./EscrowTest.sol";
import {HostileToken} from "./tokens/HostileToken.sol";
import {Vm} from "./Base.sol";

contract CaptureBatchTest is EscrowTest {
    HostileToken internal hostile;

    function setUp() public override {
        super.setUp();
        hostile = new HostileToken(6);
        vm.prank(admin);
        escrow.setTokenAllowed(address(hostile), true);
    }

    /// Whatever order receivers and tokens come in, each gets what is theirs.
    function test_succeeds_forManyReceiversAndTokens(uint256 seed, uint16 feeBps) public {
        feeBps = uint16(bound(feeBps, 0, MAX_FEE_BPS));
        IEscrow.Capture[] memory items = new IEscrow.Capture[](12);
        uint256[2][3] memory due;
        uint256[2] memory fees;
        uint256[2] memory held_;
        for (uint256 i; i < items.length; ++i) {
            uint256 to = uint256(keccak256(abi.encode(seed, i))) % 3;
            uint256 asset = uint256(keccak256(abi.encode(seed, i, "token"))) % 2;
            uint120 amount = uint120(1000 + i);
            Terms memory made = held(i, amount, receivers(to), asset == 0);
            items[i] = IEscrow.Capture(made, amount - 10, feeBps);
            uint256 fee = uint256(amount - 10) * feeBps / 10_000;
            due[to][asset] += amount - 10 - fee;
            fees[asset] += fee;
            held_[asset] += 10;
        }

        vm.prank(operator);
        escrow.captureBatch(items);

        for (uint256 to; to < 3; ++to) {
            vm.assertEq(token.balanceOf(receivers(to)), due[to][0]);
            vm.assertEq(hostile.balanceOf(receivers(to)), due[to][1]);
        }
        vm.assertEq(escrow.feesOwed(address(token)), fees[0]);
        vm.assertEq(escrow.feesOwed(address(hostile)), fees[1]);
        for (uint256 i; i < items.length; ++i) {
            assertPayment(items[i].terms, IEscrow.Status.Authorized, items[i].amount, 0);
            vm.assertEq(escrow.heldOf(items[i].terms), 10);
        }
        vm.assertEq(token.balanceOf(address(escrow)), held_[0] + fees[0]);
        vm.assertEq(hostile.balanceOf(address(escrow)), held_[1] + fees[1]);
    }

    function test_succeeds_sendingARunInOneTransfer() public {
        IEscrow.Capture[] memory items = new IEscrow.Capture[](5);
        for (uint256 i; i < items.length; ++i) {
            items[i] = IEscrow.Capture(held(i, 100, receiver, true), 100, 0);
        }

        vm.expectCall(address(token), abi.encodeCall(token.transfer, (receiver, 500)), 1);
        vm.prank(operator);
        escrow.captureBatch(items);

        assertBalances(0, 500, 0, 0);
    }

    function test_succeeds_sendingTheLongestRunInOneTransferAndTheRestInAnother() public {
        IEscrow.Capture[] memory items = new IEscrow.Capture[](101);
        for (uint256 i; i < items.length; ++i) {
            items[i] = IEscrow.Capture(held(i, 100, receiver, true), 100, 0);
        }

        vm.expectCall(address(token), abi.encodeCall(token.transfer, (receiver, 10_000)), 1);
        vm.expectCall(address(token), abi.encodeCall(token.transfer, (receiver, 100)), 1);
        vm.prank(operator);
        escrow.captureBatch(items);

        assertBalances(0, 10_100, 0, 0);
    }

    function test_succeeds_skippingWhatCanNotBeCaptured(uint8 how) public {
        IEscrow.Capture[] memory items = new IEscrow.Capture[](3);
        for (uint256 i; i < 3; ++i) {
            items[i] = IEscrow.Capture(held(i, 100, receiver, true), 60, 0);
        }
        bytes memory reason = spoil(items[1], how % 6);

        vm.expectEmit(address(escrow));
        emit IEscrow.ItemSkipped(id(items[1].terms), reason);
        vm.prank(operator);
        escrow.captureBatch(items);

        vm.assertEq(token.balanceOf(receiver), 120);
        assertPayment(items[0].terms, IEscrow.Status.Authorized, 60, 0);
        assertPayment(items[2].terms, IEscrow.Status.Authorized, 60, 0);
    }

    function test_succeeds_whenAPaymentIsThereTwice() public {
        Terms memory made = held(0, 100, receiver, true);
        IEscrow.Capture[] memory items = new IEscrow.Capture[](3);
        items[0] = IEscrow.Capture(made, 60, 0);
        items[1] = IEscrow.Capture(made, 60, 0);
        items[2] = IEscrow.Capture(made, 40, 0);

        vm.expectEmit(address(escrow));
        emit IEscrow.ItemSkipped(id(made), abi.encodeWithSelector(IEscrow.MoreThanHeld.selector, id(made), 60, 40));
        vm.prank(operator);
        escrow.captureBatch(items);

        assertPayment(made, IEscrow.Status.Authorized, 100, 0);
        assertBalances(0, 100, 0, 0);
    }

    /// A run that can't be sent as a whole is tried one by one, and the runs round it are not concerned.
    function test_succeeds_whenTheTransfersOfARunFail(uint8 how) public {
        HostileToken.Mood[5] memory moods = [
            HostileToken.Mood.TakesFee,
            HostileToken.Mood.ReturnsFalse,
            HostileToken.Mood.Paused,
            HostileToken.Mood.BurnsGas,
            HostileToken.Mood.ReturnsMuch
        ];
        IEscrow.Capture[] memory items = new IEscrow.Capture[](4);
        items[0] = IEscrow.Capture(held(0, 100, receiver, true), 100, 0);
        items[1] = IEscrow.Capture(held(1, 100, receiver, false), 100, 0);
        items[2] = IEscrow.Capture(held(2, 100, receiver, false), 100, 0);
        items[3] = IEscrow.Capture(held(3, 100, receiver, true), 100, 0);
        hostile.be(moods[how % 5]);

        vm.recordLogs();
        vm.prank(operator);
        escrow.captureBatch(items);

        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(skippedIn(logs, id(items[1].terms)), 1);
        vm.assertEq(skippedIn(logs, id(items[2].terms)), 1);
        assertPayment(items[1].terms, IEscrow.Status.Authorized, 0, 0);
        assertPayment(items[2].terms, IEscrow.Status.Authorized, 0, 0);
        assertBalances(0, 200, 0, 0);
        vm.assertEq(hostile.balanceOf(address(escrow)), 200);
    }

    /// With whatever gas, a run or an item is captured or not tried.
    function test_succeeds_stoppingWhenTheGasIsUsedUp(uint256 gasLimit, bool runs) public {
        IEscrow.Capture[] memory items = new IEscrow.Capture[](8);
        for (uint256 i; i < items.length; ++i) {
            // Two by two for one receiver, or each for another.
            items[i] = IEscrow.Capture(held(i, 100, receivers(runs ? i / 2 : i), true), 100, 0);
        }
        bytes memory message = abi.encodeCall(escrow.captureBatch, (items));

        vm.recordLogs();
        vm.prank(operator);
        (bool done,) = address(escrow).call{gas: bound(gasLimit, 450_000, 800_000)}(message);

        vm.assertTrue(done);
        uint256 stopped = items.length;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            vm.assertTrue(logs[i].topics[0] != IEscrow.ItemSkipped.selector);
            if (logs[i].topics[0] == IEscrow.BatchStopped.selector) stopped = abi.decode(logs[i].data, (uint256));
        }
        vm.assertTrue(stopped != 0);
        for (uint256 i; i < items.length; ++i) {
            assertPayment(items[i].terms, IEscrow.Status.Authorized, i < stopped ? 100 : 0, 0);
        }
    }

    function test_succeeds_oneByOneWhenTheSumIsRefused() public {
        IEscrow.Capture[] memory items = new IEscrow.Capture[](2);
        items[0] = IEscrow.Capture(held(0, 100, receiver, false), 100, 0);
        items[1] = IEscrow.Capture(held(1, 100, receiver, false), 100, 0);
        hostile.move(address(escrow), 150);

        vm.prank(operator);
        escrow.captureBatch(items);

        assertPayment(items[0].terms, IEscrow.Status.Authorized, 100, 0);
        assertPayment(items[1].terms, IEscrow.Status.Authorized, 0, 0);
        vm.assertEq(hostile.balanceOf(receiver), 100);
    }

    function test_reverts_whenTheCallerIsNoOperator(address caller) public {
        vm.assume(caller != operator);
        vm.expectRevert(refusedRole(caller, escrow.OPERATOR_ROLE()));
        vm.prank(caller);
        escrow.captureBatch(new IEscrow.Capture[](0));
    }

    function test_reverts_whenPaused() public {
        vm.prank(pauser);
        escrow.pause();
        vm.expectRevert(Pausable.EnforcedPause.selector);
        vm.prank(operator);
        escrow.captureBatch(new IEscrow.Capture[](0));
    }

    function test_reverts_whenARunIsCalledFromOutside(address caller) public {
        vm.assume(caller != address(escrow));
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotThisContract.selector, caller));
        vm.prank(caller);
        escrow.captureRun(new IEscrow.Capture[](0));
    }

    function held(uint256 salt, uint120 amount, address to, bool behaves) private returns (Terms memory made) {
        made = salted(terms(amount), salt);
        made.receiver = to;
        if (behaves) {
            authorize(made);
            return made;
        }
        made.token = address(hostile);
        hostile.mint(payer, amount);
        vm.startPrank(payer);
        hostile.approve(address(escrow), amount);
        escrow.pay(made);
        vm.stopPrank();
    }

    function receivers(uint256 which) private pure returns (address) {
        return address(uint160(0xBEEF00 + which));
    }

    function spoil(IEscrow.Capture memory item, uint256 how) private returns (bytes memory) {
        bytes32 id_ = id(item.terms);
        if (how == 0) {
            vm.prank(operator);
            escrow.void(item.terms);
            return abi.encodeWithSelector(IEscrow.NotAuthorized.selector, id_, IEscrow.Status.Voided);
        }
        if (how == 1) {
            item.amount = 101;
            return abi.encodeWithSelector(IEscrow.MoreThanHeld.selector, id_, 101, 100);
        }
        if (how == 2) {
            item.amount = 0;
            return abi.encodeWithSelector(IEscrow.AmountZero.selector);
        }
        if (how == 3) {
            item.feeBps = MAX_FEE_BPS + 1;
            return abi.encodeWithSelector(IEscrow.FeeTooHigh.selector, id_, MAX_FEE_BPS + 1, MAX_FEE_BPS);
        }
        if (how == 4) {
            item.terms.authorizationExpiry -= 1;
            return abi.encodeWithSelector(IEscrow.NotAuthorized.selector, id(item.terms), IEscrow.Status.None);
        }
        item.terms = salted(terms(100), 555);
        item.terms.authorizationExpiry = item.terms.preApprovalExpiry;
        authorize(item.terms);
        vm.warp(item.terms.authorizationExpiry);
        return
            abi.encodeWithSelector(
                IEscrow.AuthorizationExpired.selector, item.terms.authorizationExpiry, block.timestamp
            );
    }

    function skippedIn(Vm.Log[] memory logs, bytes32 id_) private pure returns (uint256 count) {
        for (uint256 i; i < logs.length; ++i) {
            bool skip = logs[i].topics[0] == IEscrow.ItemSkipped.selector;
            if (skip && logs[i].topics[1] == id_) {
                ++count;
                // The whole reason of a token that says much would cost the batch.
                require(logs[i].data.length <= 320, "the reason is not cut");
            }
        }
    }
}
