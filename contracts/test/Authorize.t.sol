// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";

import {IEscrow} from "../src/IEscrow.sol";
import {Terms} from "../src/Terms.sol";
import {EscrowTest} from "./EscrowTest.sol";
import {Wallet} from "./tokens/Wallet.sol";
import {WalletToken} from "./tokens/WalletToken.sol";

contract AuthorizeTest is EscrowTest {
    function test_succeeds_whenThePayerSigned(uint120 amount, uint256 salt) public {
        Terms memory made = salted(terms(uint120(bound(amount, 1, MOST))), salt);
        bytes memory signature = funded(made);

        vm.expectEmit(address(escrow));
        emit IEscrow.PaymentAuthorized(id(made), payer, receiver, made);
        vm.prank(operator);
        escrow.authorize(made, signature);

        assertPayment(made, IEscrow.Status.Authorized, 0, 0);
        assertBalances(0, 0, made.amount, 0);
        vm.assertEq(escrow.heldOf(made), made.amount);
        vm.assertTrue(token.authorizationState(payer, id(made)));
    }

    function test_succeeds_whenAllExpiriesAreAlike() public {
        Terms memory made = terms(1);
        made.authorizationExpiry = made.preApprovalExpiry;
        made.refundExpiry = made.preApprovalExpiry;
        bytes memory signature = funded(made);
        vm.warp(made.preApprovalExpiry - 1);

        vm.prank(operator);
        escrow.authorize(made, signature);

        assertPayment(made, IEscrow.Status.Authorized, 0, 0);
    }

    function test_succeeds_whenAWalletSigned(bool rightly) public {
        WalletToken asset = new WalletToken();
        Wallet wallet = new Wallet(payer);
        vm.prank(admin);
        escrow.setTokenAllowed(address(asset), true);
        Terms memory made = terms(100);
        (made.payer, made.token) = (address(wallet), address(asset));
        asset.mint(address(wallet), 100);
        bytes memory signature = abi.encodePacked(hex"77", signedReceive(made, rightly ? payerKey : 7));

        if (!rightly) vm.expectRevert(WalletToken.NotSigned.selector);
        vm.prank(operator);
        escrow.authorize(made, signature);

        assertPayment(made, rightly ? IEscrow.Status.Authorized : IEscrow.Status.None, 0, 0);
        vm.assertEq(asset.balanceOf(address(escrow)), rightly ? 100 : 0);
    }

    function test_reverts_whenTheCallerIsNoOperator(address caller) public {
        vm.assume(caller != operator);
        Terms memory made = terms(100);
        bytes memory signature = funded(made);
        refuses(made, signature, caller, refusedRole(caller, escrow.OPERATOR_ROLE()));
    }

    function test_reverts_whenPaused() public {
        vm.prank(pauser);
        escrow.pause();
        refuses(terms(100), abi.encodeWithSelector(Pausable.EnforcedPause.selector));
    }

    function test_reverts_whenTheTokenIsNotAllowed() public {
        vm.prank(admin);
        escrow.setTokenAllowed(address(token), false);
        refuses(terms(100), abi.encodeWithSelector(IEscrow.TokenNotAllowed.selector, address(token)));
    }

    function test_reverts_whenTheAmountIsZero() public {
        refuses(terms(0), abi.encodeWithSelector(IEscrow.AmountZero.selector));
    }

    function test_reverts_whenAPartyIsImpossible(bool nobody) public {
        address impossible = nobody ? address(0) : address(escrow);
        bytes memory refusal = abi.encodeWithSelector(IEscrow.AddressNotPossible.selector, impossible);
        Terms memory made = terms(100);
        made.receiver = impossible;
        refuses(made, refusal);
        made = terms(100);
        made.payer = impossible;
        refuses(made, "", operator, refusal);
    }

    function test_reverts_whenTheFeeLimitIsAboveTheWhole(uint16 maxFeeBps) public {
        Terms memory made = terms(100);
        made.maxFeeBps = uint16(bound(maxFeeBps, 10_001, type(uint16).max));
        refuses(made, abi.encodeWithSelector(IEscrow.FeeLimitTooHigh.selector, made.maxFeeBps));
    }

    function test_reverts_whenExpiriesAreOutOfOrder(uint48 first, uint48 second, uint48 third) public {
        vm.assume(first > second || second > third);
        Terms memory made = terms(100);
        (made.preApprovalExpiry, made.authorizationExpiry, made.refundExpiry) = (first, second, third);
        refuses(made, abi.encodeWithSelector(IEscrow.ExpiriesOutOfOrder.selector, first, second, third));
    }

    function test_reverts_whenTheHoldWouldBeLongerThanAYear(uint48 expiry) public {
        Terms memory made = terms(100);
        uint256 latest = block.timestamp + 365 days;
        made.authorizationExpiry = uint48(bound(expiry, latest + 1, type(uint48).max));
        made.refundExpiry = type(uint48).max;
        refuses(made, abi.encodeWithSelector(IEscrow.HoldTooLong.selector, made.authorizationExpiry, latest));
        made.authorizationExpiry = uint48(latest);
        authorize(made);
    }

    function test_reverts_whenThePreApprovalHasExpired(uint48 late) public {
        Terms memory made = terms(100);
        bytes memory signature = funded(made);
        uint256 now_ = bound(late, made.preApprovalExpiry, type(uint48).max);
        vm.warp(now_);
        refuses(
            made,
            signature,
            operator,
            abi.encodeWithSelector(IEscrow.PreApprovalExpired.selector, made.preApprovalExpiry, now_)
        );
    }

    function test_reverts_whenItWasAuthorizedBefore(uint8 ending) public {
        Terms memory made = authorized(100);
        vm.startPrank(operator);
        if (ending % 3 == 1) escrow.void(made);
        if (ending % 3 == 2) escrow.capture(made, 100, 0);
        vm.stopPrank();
        uint256 before = token.balanceOf(address(escrow));
        bytes memory signature = funded(made);

        vm.expectRevert(abi.encodeWithSelector(IEscrow.AlreadyAuthorized.selector, id(made)));
        vm.prank(operator);
        escrow.authorize(made, signature);
        vm.assertEq(token.balanceOf(address(escrow)), before);
    }

    function test_reverts_whenAnotherSigned(uint256 key) public {
        key = bound(key, 1, 1 << 200);
        vm.assume(vm.addr(key) != payer);
        Terms memory made = terms(100);
        funded(made);
        refuses(
            made, signedReceive(made, key), operator, abi.encodeWithSelector(ERC3009.ERC3009InvalidSignature.selector)
        );
    }

    function test_reverts_whenAnyTermIsNotAsSigned(uint8 which) public {
        Terms memory made = terms(100);
        bytes memory signature = funded(made);
        which = uint8(bound(which, 0, 6));
        if (which == 0) made.receiver = stranger;
        if (which == 1) made.amount -= 1;
        if (which == 2) made.preApprovalExpiry -= 1;
        if (which == 3) made.authorizationExpiry += 1;
        if (which == 4) made.refundExpiry += 1;
        if (which == 5) made.maxFeeBps += 1;
        if (which == 6) made.salt += 1;
        refuses(made, signature, operator, abi.encodeWithSelector(ERC3009.ERC3009InvalidSignature.selector));
    }

    function test_reverts_whenTheSignatureIsMirrored() public {
        Terms memory made = terms(100);
        funded(made);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(payerKey, receiveDigest(made, id(made)));
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        bytes32 high = bytes32(order - uint256(s));
        refuses(
            made,
            abi.encodePacked(r, high, v == 27 ? uint8(28) : uint8(27)),
            operator,
            abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureS.selector, high)
        );
    }

    function test_reverts_whenThePayerCancelled() public {
        Terms memory made = terms(100);
        bytes memory signature = funded(made);
        bytes32 message =
            keccak256(abi.encode(keccak256("CancelAuthorization(address authorizer,bytes32 nonce)"), payer, id(made)));
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(payerKey, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), message)));
        token.cancelAuthorization(payer, id(made), v, r, s);
        refuses(
            made,
            signature,
            operator,
            abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, payer, id(made))
        );
    }

    function test_reverts_whenATransferOfTheSameNonceIsPublic() public {
        Terms memory made = terms(100);
        bytes memory signature = funded(made);
        (bytes32 r, bytes32 s, uint8 v) = split(signature);
        bytes32 nonce = id(made);

        vm.expectRevert();
        vm.prank(stranger);
        token.receiveWithAuthorization(payer, address(escrow), 100, 0, made.preApprovalExpiry, nonce, v, r, s);
        vm.expectRevert(abi.encodeWithSelector(ERC3009.ERC3009InvalidSignature.selector));
        vm.prank(stranger);
        token.transferWithAuthorization(payer, address(escrow), 100, 0, made.preApprovalExpiry, nonce, v, r, s);
        assertBalances(100, 0, 0, 0);
    }

    function refuses(Terms memory made, bytes memory refusal) private {
        refuses(made, funded(made), operator, refusal);
    }

    function refuses(Terms memory made, bytes memory signature, address caller, bytes memory refusal) private {
        uint256 before = token.balanceOf(address(escrow));
        vm.expectRevert(refusal);
        vm.prank(caller);
        escrow.authorize(made, signature);
        vm.assertEq(token.balanceOf(address(escrow)), before);
        assertPayment(made, IEscrow.Status.None, 0, 0);
    }

    function split(bytes memory signature) private pure returns (bytes32 r, bytes32 s, uint8 v) {
        assembly ("memory-safe") {
            r := mload(add(signature, 0x20))
            s := mload(add(signature, 0x40))
            v := byte(0, mload(add(signature, 0x60)))
        }
    }
}
