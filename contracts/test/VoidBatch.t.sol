// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEscrow} from "../src/IEscrow.sol";
import {Terms} from "../src/Terms.sol";
import {EscrowTest} from "./EscrowTest.sol";

contract VoidBatchTest is EscrowTest {
    function test_succeeds_skippingWhatFails(uint8 which) public {
        Terms[] memory items = new Terms[](3);
        for (uint256 i; i < 3; ++i) {
            items[i] = salted(terms(100), i);
            authorize(items[i]);
        }
        Terms memory spoilt = items[which % 3];
        vm.prank(operator);
        escrow.capture(spoilt, 100, 0);

        vm.expectEmit(address(escrow));
        emit IEscrow.ItemSkipped(id(spoilt), abi.encodeWithSelector(IEscrow.NothingHeld.selector, id(spoilt)));
        vm.prank(operator);
        escrow.voidBatch(items);

        for (uint256 i; i < 3; ++i) {
            bool skipped = i == which % 3;
            assertPayment(items[i], skipped ? IEscrow.Status.Authorized : IEscrow.Status.Voided, skipped ? 100 : 0, 0);
        }
        assertBalances(200, 100, 0, 0);
    }

    function test_succeeds_stoppingWhenTheGasIsUsedUp() public {
        Terms[] memory items = new Terms[](3);
        for (uint256 i; i < 3; ++i) {
            items[i] = salted(terms(100), i);
            authorize(items[i]);
        }

        vm.expectEmit(address(escrow));
        emit IEscrow.BatchStopped(1);
        vm.prank(operator);
        escrow.voidBatch{gas: 440_000}(items);

        assertPayment(items[0], IEscrow.Status.Voided, 0, 0);
        assertPayment(items[1], IEscrow.Status.Authorized, 0, 0);
        assertBalances(100, 0, 200, 0);
    }

    function test_succeeds_whenPaused() public {
        Terms[] memory items = new Terms[](1);
        items[0] = authorized(100);
        vm.prank(pauser);
        escrow.pause();
        vm.prank(operator);
        escrow.voidBatch(items);
        assertBalances(100, 0, 0, 0);
    }

    function test_reverts_whenTheCallerIsNoOperator(address caller) public {
        vm.assume(caller != operator);
        vm.expectRevert(refusedRole(caller, escrow.OPERATOR_ROLE()));
        vm.prank(caller);
        escrow.voidBatch(new Terms[](0));
    }

    function test_reverts_whenAnItemIsCalledFromOutside(address caller) public {
        vm.assume(caller != address(escrow));
        Terms memory made = authorized(100);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotThisContract.selector, caller));
        vm.prank(caller);
        escrow.voidItem(made);
    }
}
