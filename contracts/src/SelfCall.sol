// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice A contract's calls of itself, so that a part of what it does can fail alone.
library SelfCall {
    /// More of a reason is not copied: a token can say very much.
    uint256 private constant REASON_BYTES = 256;
    /// What is left over for what follows a call.
    uint256 private constant RESERVE = 10_000;

    /// @notice The gas there has to be for a call to get so much of it, for a call leaves a 64th behind (EIP-150).
    function needs(uint256 gasLimit) internal pure returns (uint256) {
        return gasLimit + gasLimit / 63 + RESERVE;
    }

    /// @notice Call this contract with so much gas: whatever is called can use up a part's, not the whole's. The caller
    /// has seen to it that there is as much (`needs`), so nobody can starve a part to have it fail.
    /// @return done Whether it succeeded.
    /// @return reason The first 256 bytes of the error otherwise.
    function attempt(bytes memory message, uint256 gasLimit) internal returns (bool done, bytes memory reason) {
        uint256 limit = REASON_BYTES;
        assembly ("memory-safe") {
            done := call(gasLimit, address(), 0, add(message, 0x20), mload(message), 0, 0)
            if iszero(done) {
                let size := returndatasize()
                if gt(size, limit) { size := limit }
                reason := mload(0x40)
                mstore(0x40, and(add(add(reason, size), 0x3f), not(0x1f)))
                mstore(reason, size)
                returndatacopy(add(reason, 0x20), 0, size)
            }
        }
    }

    /// @notice Revert with an error that is encoded already.
    function fail(bytes memory reason) internal pure {
        assembly ("memory-safe") {
            revert(add(reason, 0x20), mload(reason))
        }
    }
}
