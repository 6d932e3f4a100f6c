// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice What a payer agrees to. The three times are seconds since 1970, and in order.
struct Terms {
    /// The account that pays, and the only one that money goes back to.
    address payer;
    /// The account that captured money goes to.
    address receiver;
    /// An ERC-20 token on the escrow's list.
    address token;
    /// How much is authorized, all of it at once, in the token's smallest unit.
    uint120 amount;
    /// Before it the payment is authorized, or never.
    uint48 preApprovalExpiry;
    /// Before it the operator captures; from it on the payer reclaims what is held.
    uint48 authorizationExpiry;
    /// Before it the operator refunds.
    uint48 refundExpiry;
    /// The most that a capture leaves with the platform, in hundredths of a percent.
    uint16 maxFeeBps;
    /// Tells two payments of the same terms apart.
    uint256 salt;
}

/// @notice Hashes terms as EIP-712 does.
library TermsHash {
    bytes32 internal constant TYPE_HASH = keccak256(
        "Terms(address payer,address receiver,address token,uint120 amount,uint48 preApprovalExpiry,uint48 authorizationExpiry,uint48 refundExpiry,uint16 maxFeeBps,uint256 salt)"
    );

    /// @dev The terms are hashed as they came: padding that isn't zero makes a hash that no payment has.
    function hash(Terms calldata terms) internal pure returns (bytes32 digest) {
        bytes32 typeHash = TYPE_HASH;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typeHash)
            calldatacopy(add(free, 0x20), terms, 0x120)
            digest := keccak256(free, 0x140)
        }
    }
}
