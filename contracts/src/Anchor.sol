// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

/// @title Anchor of records
/// @notice Keeps the Merkle roots of batches of records, so that anyone can check one record with its proof. A leaf is
/// keccak256(0x00, salt, record), a node keccak256(0x01, lower, higher); a node without a sibling moves up as it is.
contract Anchor is AccessControlDefaultAdminRules {
    /// @notice A batch whose root is on record.
    /// @param batch The batch's own id, a UUID.
    /// @param count How many records it has.
    /// @param timestamp When it was anchored.
    struct Anchored {
        bytes16 batch;
        uint32 count;
        uint48 timestamp;
    }

    bytes32 public constant ANCHORER_ROLE = keccak256("ANCHORER_ROLE");

    mapping(bytes32 root => Anchored) private _anchored;

    event RootAnchored(bytes32 indexed root, bytes16 indexed batch, uint256 count);

    error CountZero();
    error AlreadyAnchored(bytes32 root, bytes16 batch);

    /// @param adminDelay Seconds between a new admin's announcement and the acceptance.
    constructor(address admin, uint48 adminDelay) AccessControlDefaultAdminRules(adminDelay, admin) {}

    /// @notice Put the root of a batch on record. What is there stays as it is.
    function anchor(bytes32 root, bytes16 batch, uint32 count) external onlyRole(ANCHORER_ROLE) {
        require(count != 0, CountZero());
        Anchored storage anchored_ = _anchored[root];
        require(anchored_.count == 0, AlreadyAnchored(root, anchored_.batch));
        _anchored[root] = Anchored(batch, count, uint48(block.timestamp));
        emit RootAnchored(root, batch, count);
    }

    /// @notice The batch of a root; its count is 0 if that was never anchored.
    function anchored(bytes32 root) external view returns (Anchored memory) {
        return _anchored[root];
    }

    /// @notice Whether the record is one of the batch with this root.
    /// @param record Canonical JSON (RFC 8785), as it was anchored.
    function verify(bytes32 root, bytes32 salt, bytes calldata record, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        return _anchored[root].count != 0 && MerkleProof.verifyCalldata(proof, root, leafOf(salt, record), _node);
    }

    function leafOf(bytes32 salt, bytes calldata record) public pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x00), salt, record));
    }

    function _node(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return left < right
            ? keccak256(abi.encodePacked(bytes1(0x01), left, right))
            : keccak256(abi.encodePacked(bytes1(0x01), right, left));
    }
}
