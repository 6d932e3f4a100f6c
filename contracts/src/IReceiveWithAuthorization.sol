// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice What the escrow calls of a token with EIP-3009.
interface IReceiveWithAuthorization {
    /// @notice As in the standard.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

    /// @notice As USDC has it since its version 2.2: contracts sign too, by ERC-1271.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;
}
