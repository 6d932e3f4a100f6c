// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";

import {Escrow} from "../src/Escrow.sol";
import {IEscrow} from "../src/IEscrow.sol";
import {Terms} from "../src/Terms.sol";
import {EscrowTest} from "./EscrowTest.sol";

/// @notice What a payment's id binds, and what is read of payments.
contract PaymentsTest is EscrowTest {
    function test_succeeds_hashingAsTheStandardSays(Terms calldata any) public view {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Holdfast Escrow"),
                keccak256("1"),
                block.chainid,
                address(escrow)
            )
        );
        bytes32 message = keccak256(
            abi.encode(
                keccak256(
                    "Terms(address payer,address receiver,address token,uint120 amount,uint48 preApprovalExpiry,uint48 authorizationExpiry,uint48 refundExpiry,uint16 maxFeeBps,uint256 salt)"
                ),
                any.payer,
                any.receiver,
                any.token,
                any.amount,
                any.preApprovalExpiry,
                any.authorizationExpiry,
                any.refundExpiry,
                any.maxFeeBps,
                any.salt
            )
        );
        vm.assertEq(escrow.idOf(any), keccak256(abi.encodePacked(hex"1901", domain, message)));
    }

    function test_succeeds_readingSeveral() public {
        Terms memory first = captured(100, 40);
        Terms memory second = salted(first, 2);
        bytes32[] memory ids = new bytes32[](3);
        (ids[0], ids[1], ids[2]) = (id(second), id(first), id(first));

        IEscrow.Payment[] memory seen = escrow.getPayments(ids);

        vm.assertEq(seen.length, 3);
        vm.assertEq(uint256(seen[0].status), uint256(IEscrow.Status.None));
        vm.assertEq(seen[1].captured, 40);
        vm.assertEq(seen[2].captured, 40);
        vm.assertEq(escrow.heldOf(first), 60);
        vm.assertEq(escrow.heldOf(second), 0);
    }

    function test_reverts_whenItWasSignedForAnotherContract() public {
        Terms memory made = terms(100);
        bytes memory signature = funded(made);
        Escrow other = twin();

        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        vm.prank(operator);
        other.authorize(made, signature);
        vm.assertEq(token.balanceOf(payer), 100);
    }

    function test_reverts_whenTermsWereSignedForAnotherContract() public {
        Terms memory made = terms(100);
        token.mint(payer, 100);
        bytes memory signature = packed(payerKey, id(made));
        Escrow other = twin();
        vm.prank(payer);
        token.approve(address(other), 100);
        IEscrow.Permit memory permit;

        vm.expectRevert(abi.encodeWithSelector(IEscrow.SignatureNotPayers.selector, other.idOf(made)));
        vm.prank(operator);
        other.authorizeWithPermit(made, signature, permit);
        vm.assertEq(token.balanceOf(payer), 100);
    }

    function test_reverts_onAChainThatSplitOff(uint64 chainId) public {
        Terms memory made = terms(100);
        bytes memory signature = funded(made);
        uint256 other = bound(chainId, 1, type(uint64).max - 1);
        vm.assume(other != block.chainid);
        vm.chainId(other);

        vm.expectRevert(abi.encodeWithSelector(IEscrow.OtherChain.selector, other));
        vm.prank(operator);
        escrow.authorize(made, signature);
    }

    function test_reverts_whenItWasSignedForAnotherChain(uint64 chainId) public {
        uint256 here = this.chain();
        uint256 other = bound(chainId, 1, type(uint64).max - 1);
        vm.assume(other != here);
        Terms memory made = terms(100);
        token.mint(payer, 100);
        vm.chainId(other);
        Escrow there = twin();
        bytes32 digest = there.idOf(made);
        vm.chainId(here);
        IEscrow.Permit memory permit = permitOf(made, payerKey);

        vm.assertTrue(digest != escrow.idOf(made));
        vm.expectRevert(abi.encodeWithSelector(IEscrow.SignatureNotPayers.selector, id(made)));
        vm.prank(operator);
        escrow.authorizeWithPermit(made, packed(payerKey, digest), permit);
    }

    /// Asked from outside, for the optimizer takes the chain's id for one that never changes.
    function chain() external view returns (uint256) {
        return block.chainid;
    }

    /// Bits that no type of the terms has room for make other terms, or none.
    function test_reverts_whenPaddingIsNotZero(uint8 field, uint8 bit) public {
        Terms memory made = authorized(100);
        field = uint8(bound(field, 0, 7));
        uint256 free = field == 3 ? 136 : field == 7 ? 240 : field > 3 ? 208 : 96;
        bytes memory message = abi.encodeCall(escrow.capture, (made, 100, 0));
        uint256 flipped = uint256(1) << (255 - bound(bit, 0, free - 1));
        assembly ("memory-safe") {
            let word := add(add(message, 0x24), mul(field, 0x20))
            mstore(word, xor(mload(word), flipped))
        }

        vm.prank(operator);
        (bool done,) = address(escrow).call(message);

        vm.assertFalse(done);
        assertPayment(made, IEscrow.Status.Authorized, 0, 0);
        vm.assertEq(token.balanceOf(receiver), 0);
    }

    /// An escrow whose roles and list are those of the first.
    function twin() private returns (Escrow other) {
        other = new Escrow(admin, ADMIN_DELAY, feeRecipient);
        vm.startPrank(admin);
        other.grantRole(other.OPERATOR_ROLE(), operator);
        other.setTokenAllowed(address(token), true);
        vm.stopPrank();
    }
}
