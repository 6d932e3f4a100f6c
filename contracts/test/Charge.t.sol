// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {IEscrow} from "../src/IEscrow.sol";
import {Terms} from "../src/Terms.sol";
import {EscrowTest} from "./EscrowTest.sol";

contract ChargeTest is EscrowTest {
    function test_succeeds_whenThePayerSigned(uint120 amount, uint16 feeBps) public {
        Terms memory made = terms(uint120(bound(amount, 1, MOST)));
        feeBps = uint16(bound(feeBps, 0, MAX_FEE_BPS));
        uint256 fee = uint256(made.amount) * feeBps / 10_000;
        bytes memory signature = funded(made);

        vm.expectEmit(address(escrow));
        emit IEscrow.PaymentAuthorized(id(made), payer, receiver, made);
        vm.expectEmit(address(escrow));
        emit IEscrow.PaymentCaptured(id(made), made.amount, fee);
        vm.prank(operator);
        escrow.charge(made, signature, feeBps);

        assertPayment(made, IEscrow.Status.Authorized, made.amount, 0);
        assertBalances(0, made.amount - fee, 0, fee);
        vm.assertEq(escrow.heldOf(made), 0);
    }

    function test_reverts_whenNothingOfItStays(uint16 feeBps) public {
        feeBps = uint16(bound(feeBps, MAX_FEE_BPS + 1, type(uint16).max));
        Terms memory made = terms(100);
        refuses(
            made,
            funded(made),
            operator,
            feeBps,
            abi.encodeWithSelector(IEscrow.FeeTooHigh.selector, id(made), feeBps, MAX_FEE_BPS)
        );
    }

    function test_reverts_whenTheCallerIsNoOperator(address caller) public {
        vm.assume(caller != operator);
        Terms memory made = terms(100);
        refuses(made, funded(made), caller, 0, refusedRole(caller, escrow.OPERATOR_ROLE()));
    }

    function test_reverts_whenPaused() public {
        vm.prank(pauser);
        escrow.pause();
        Terms memory made = terms(100);
        refuses(made, funded(made), operator, 0, abi.encodeWithSelector(Pausable.EnforcedPause.selector));
    }

    function test_reverts_whenAnotherSigned() public {
        Terms memory made = terms(100);
        funded(made);
        refuses(
            made, signedReceive(made, 7), operator, 0, abi.encodeWithSelector(ERC3009.ERC3009InvalidSignature.selector)
        );
    }

    function test_reverts_whenItWasAuthorizedBefore() public {
        Terms memory made = authorized(100);
        bytes memory signature = funded(made);

        vm.expectRevert(abi.encodeWithSelector(IEscrow.AlreadyAuthorized.selector, id(made)));
        vm.prank(operator);
        escrow.charge(made, signature, 0);
        assertBalances(100, 0, 100, 0);
    }

    function refuses(Terms memory made, bytes memory signature, address caller, uint16 feeBps, bytes memory refusal)
        private
    {
        vm.expectRevert(refusal);
        vm.prank(caller);
        escrow.charge(made, signature, feeBps);
        assertBalances(100, 0, 0, 0);
        assertPayment(made, IEscrow.Status.None, 0, 0);
    }
}
