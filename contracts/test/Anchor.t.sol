// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {Anchor} from "../src/Anchor.sol";
import {Base} from "./Base.sol";

contract AnchorTest is Base {
    Anchor internal anchor;
    address internal anchorer;

    function setUp() public {
        vm.warp(1_800_000_000);
        address admin = account_("admin");
        anchorer = account_("anchorer");
        anchor = new Anchor(admin, 1 days);
        bytes32 role = anchor.ANCHORER_ROLE();
        vm.prank(admin);
        anchor.grantRole(role, anchorer);
    }

    function test_succeeds_anchoringARoot(bytes32 root, bytes16 batch, uint32 count) public {
        count = uint32(bound(count, 1, type(uint32).max));
        vm.expectEmit(address(anchor));
        emit Anchor.RootAnchored(root, batch, count);
        vm.prank(anchorer);
        anchor.anchor(root, batch, count);

        Anchor.Anchored memory seen = anchor.anchored(root);
        vm.assertEq(bytes32(seen.batch), bytes32(batch));
        vm.assertEq(seen.count, count);
        vm.assertEq(seen.timestamp, block.timestamp);
    }

    function test_reverts_whenTheRootIsThere(bytes32 root, bytes16 batch, bytes16 other, uint32 count) public {
        count = uint32(bound(count, 1, type(uint32).max));
        vm.startPrank(anchorer);
        anchor.anchor(root, batch, 1);
        vm.expectRevert(abi.encodeWithSelector(Anchor.AlreadyAnchored.selector, root, batch));
        anchor.anchor(root, other, count);
        vm.stopPrank();
        vm.assertEq(anchor.anchored(root).count, 1);
    }

    function test_reverts_whenTheCountIsZero(bytes32 root) public {
        vm.expectRevert(Anchor.CountZero.selector);
        vm.prank(anchorer);
        anchor.anchor(root, bytes16(uint128(1)), 0);
    }

    function test_reverts_whenTheCallerIsNoAnchorer(address caller) public {
        vm.assume(caller != anchorer);
        bytes memory refusal = abi.encodeWithSelector(
            IAccessControl.AccessControlUnauthorizedAccount.selector, caller, anchor.ANCHORER_ROLE()
        );
        vm.expectRevert(refusal);
        vm.prank(caller);
        anchor.anchor(bytes32(uint256(1)), bytes16(uint128(1)), 1);
    }

    /// Trees of every size up to 33: each record is proven, and nothing else is.
    function test_succeeds_provingEachRecord(uint8 size, uint8 which, bytes32 seed, uint8 bit) public {
        uint256 count = bound(size, 1, 33);
        uint256 place = bound(which, 0, count - 1);
        bytes32[] memory leaves = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            leaves[i] = keccak256(abi.encodePacked(hex"00", keccak256(abi.encode(seed, i)), record(i)));
        }
        (bytes32 root, bytes32[] memory proof) = tree(leaves, place);
        bytes32 salt = keccak256(abi.encode(seed, place));
        vm.assertEq(anchor.leafOf(salt, record(place)), leaves[place]);
        vm.assertFalse(anchor.verify(root, salt, record(place), proof));

        vm.prank(anchorer);
        anchor.anchor(root, bytes16(uint128(1)), uint32(count));

        vm.assertTrue(anchor.verify(root, salt, record(place), proof));
        vm.assertFalse(anchor.verify(root, salt, record(place + 1), proof));
        vm.assertFalse(anchor.verify(root, salt ^ bytes32(uint256(1) << bit), record(place), proof));
        if (proof.length != 0) {
            proof[bit % proof.length] ^= bytes32(uint256(1) << bit);
            vm.assertFalse(anchor.verify(root, salt, record(place), proof));
        }
    }

    /// The root itself, or any node, is no record: leaves begin otherwise than nodes.
    function test_succeeds_provingNoNode(bytes32 salt, bytes32 other) public {
        bytes32 left = keccak256(abi.encodePacked(hex"00", salt, "a"));
        bytes32 right = keccak256(abi.encodePacked(hex"00", other, "b"));
        bytes32[] memory leaves = new bytes32[](2);
        (leaves[0], leaves[1]) = (left, right);
        (bytes32 root,) = tree(leaves, 0);
        vm.prank(anchorer);
        anchor.anchor(root, bytes16(uint128(1)), 2);

        (bytes32 low, bytes32 high) = left < right ? (left, right) : (right, left);
        vm.assertFalse(anchor.verify(root, low, abi.encodePacked(high), new bytes32[](0)));
    }

    function record(uint256 number) private pure returns (bytes memory) {
        return abi.encodePacked('{"number":', bytes1(uint8(48 + number % 10)), number, "}");
    }

    /// The tree as the anchor's documentation describes it, and the proof of one leaf.
    function tree(bytes32[] memory level, uint256 place) private pure returns (bytes32, bytes32[] memory proof) {
        bytes32[] memory found = new bytes32[](6);
        uint256 length;
        while (level.length > 1) {
            uint256 sibling = place ^ 1;
            if (sibling < level.length) found[length++] = level[sibling];
            bytes32[] memory above = new bytes32[]((level.length + 1) / 2);
            for (uint256 i; i < level.length; i += 2) {
                above[i / 2] = i + 1 == level.length ? level[i] : node(level[i], level[i + 1]);
            }
            (level, place) = (above, place / 2);
        }
        proof = new bytes32[](length);
        for (uint256 i; i < length; ++i) {
            proof[i] = found[i];
        }
        return (level[0], proof);
    }

    function node(bytes32 one, bytes32 other) private pure returns (bytes32) {
        return one < other
            ? keccak256(abi.encodePacked(hex"01", one, other))
            : keccak256(abi.encodePacked(hex"01", other, one));
    }
}
