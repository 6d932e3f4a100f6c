// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {IEscrow} from "../src/IEscrow.sol";
import {Terms} from "../src/Terms.sol";
import {Vm} from "./Base.sol";
import {EscrowTest} from "./EscrowTest.sol";
import {Wallet} from "./tokens/Wallet.sol";
import {WalletToken} from "./tokens/WalletToken.sol";

contract AuthorizeBatchTest is EscrowTest {
    function test_succeeds_skippingWhatFails(uint8 which, uint8 how) public {
        which %= 3;
        IEscrow.Authorization[] memory items = several(3);
        bytes memory reason = spoil(items[which], how % 5);
        IEscrow.Status before = payment(items[which].terms).status;

        vm.expectEmit(address(escrow));
        emit IEscrow.ItemSkipped(id(items[which].terms), reason);
        vm.prank(operator);
        escrow.authorizeBatch(items);

        for (uint256 i; i < 3; ++i) {
            assertPayment(items[i].terms, i == which ? before : IEscrow.Status.Authorized, 0, 0);
        }
        vm.assertEq(token.balanceOf(address(escrow)), 200);
    }

    function test_succeeds_whenNothingFails() public {
        IEscrow.Authorization[] memory items = several(3);
        vm.prank(operator);
        escrow.authorizeBatch(items);
        assertBalances(0, 0, 300, 0);
    }

    function test_succeeds_whenAnItemIsThereTwice() public {
        Terms memory made = terms(100);
        IEscrow.Authorization[] memory items = new IEscrow.Authorization[](2);
        items[0] = IEscrow.Authorization(made, funded(made));
        items[1] = items[0];

        vm.expectEmit(address(escrow));
        emit IEscrow.ItemSkipped(id(made), abi.encodeWithSelector(IEscrow.AlreadyAuthorized.selector, id(made)));
        vm.prank(operator);
        escrow.authorizeBatch(items);

        assertBalances(0, 0, 100, 0);
    }

    function test_reverts_whenTheCallerIsNoOperator(address caller) public {
        vm.assume(caller != operator);
        vm.expectRevert(refusedRole(caller, escrow.OPERATOR_ROLE()));
        vm.prank(caller);
        escrow.authorizeBatch(new IEscrow.Authorization[](0));
    }

    function test_reverts_whenPaused() public {
        vm.prank(pauser);
        escrow.pause();
        vm.expectRevert(Pausable.EnforcedPause.selector);
        vm.prank(operator);
        escrow.authorizeBatch(new IEscrow.Authorization[](0));
    }

    function test_reverts_whenAnItemIsCalledFromOutside(address caller) public {
        vm.assume(caller != address(escrow));
        Terms memory made = terms(100);
        bytes memory signature = funded(made);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotThisContract.selector, caller));
        vm.prank(caller);
        escrow.authorizeItem(made, signature);
    }

    function test_reverts_whenThereIsTooLittleGasForTheFirst(uint256 gasLimit) public {
        gasLimit = bound(gasLimit, 100_000, 410_000);
        IEscrow.Authorization[] memory items = several(1);
        bytes memory call = abi.encodeCall(escrow.authorizeBatch, (items));

        vm.prank(operator);
        (bool done, bytes memory answer) = address(escrow).call{gas: gasLimit}(call);

        vm.assertFalse(done);
        vm.assertEq(bytes32(bytes4(answer)), bytes32(IEscrow.BatchOutOfGas.selector));
        assertPayment(items[0].terms, IEscrow.Status.None, 0, 0);
    }

    /// With whatever gas, an item is done or not tried: it never fails for the want of it.
    function test_succeeds_stoppingWhenTheGasIsUsedUp(uint256 gasLimit) public {
        IEscrow.Authorization[] memory items = several(6);
        bytes memory call = abi.encodeCall(escrow.authorizeBatch, (items));

        vm.recordLogs();
        vm.prank(operator);
        (bool done,) = address(escrow).call{gas: bound(gasLimit, 430_000, 1_200_000)}(call);

        vm.assertTrue(done);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 stopped = items.length;
        for (uint256 i; i < logs.length; ++i) {
            vm.assertTrue(logs[i].topics[0] != IEscrow.ItemSkipped.selector);
            if (logs[i].topics[0] == IEscrow.BatchStopped.selector) stopped = abi.decode(logs[i].data, (uint256));
        }
        vm.assertTrue(stopped != 0);
        for (uint256 i; i < items.length; ++i) {
            assertPayment(items[i].terms, i < stopped ? IEscrow.Status.Authorized : IEscrow.Status.None, 0, 0);
        }
    }

    function test_succeeds_besideAWalletThatUsesUpItsGas() public {
        WalletToken asset = new WalletToken();
        Wallet wallet = new Wallet(payer);
        wallet.waste();
        vm.prank(admin);
        escrow.setTokenAllowed(address(asset), true);
        asset.mint(address(wallet), 100);
        IEscrow.Authorization[] memory items = several(3);
        (items[1].terms.payer, items[1].terms.token) = (address(wallet), address(asset));
        items[1].signature = abi.encodePacked(hex"77", signedReceive(items[1].terms, payerKey));

        vm.prank(operator);
        escrow.authorizeBatch(items);

        assertPayment(items[0].terms, IEscrow.Status.Authorized, 0, 0);
        assertPayment(items[1].terms, IEscrow.Status.None, 0, 0);
        assertPayment(items[2].terms, IEscrow.Status.Authorized, 0, 0);
        vm.assertEq(asset.balanceOf(address(wallet)), 100);
    }

    function several(uint256 count) private returns (IEscrow.Authorization[] memory items) {
        items = new IEscrow.Authorization[](count);
        for (uint256 i; i < count; ++i) {
            Terms memory made = salted(terms(100), i);
            items[i] = IEscrow.Authorization(made, funded(made));
        }
    }

    function spoil(IEscrow.Authorization memory item, uint256 how) private returns (bytes memory) {
        if (how == 0) {
            item.signature = signedReceive(item.terms, 7);
            return abi.encodeWithSelector(ERC3009.ERC3009InvalidSignature.selector);
        }
        if (how == 1) {
            item.terms.amount = 0;
            return abi.encodeWithSelector(IEscrow.AmountZero.selector);
        }
        if (how == 2) {
            vm.startPrank(operator);
            escrow.authorize(item.terms, item.signature);
            escrow.void(item.terms);
            vm.stopPrank();
            return abi.encodeWithSelector(IEscrow.AlreadyAuthorized.selector, id(item.terms));
        }
        if (how == 3) {
            item.terms.token = stranger;
            return abi.encodeWithSelector(IEscrow.TokenNotAllowed.selector, stranger);
        }
        item.terms.preApprovalExpiry = uint48(block.timestamp);
        return abi.encodeWithSelector(IEscrow.PreApprovalExpired.selector, block.timestamp, block.timestamp);
    }
}
