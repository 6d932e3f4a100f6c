// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @notice Transfers that move the exact amount or revert, for tokens take fees, return false and more; and one that a
/// payer leaves with.
library ExactTransfer {
    using SafeERC20 for IERC20;

    /// @notice A balance changed by something else than the amount.
    error TransferNotExact(address token, address account, uint256 before, uint256 afterwards, uint256 amount);

    /// @notice From this contract's balance.
    function send(IERC20 token, address to, uint256 amount) internal {
        uint256 ours = balance(token, address(this));
        uint256 theirs = balance(token, to);
        token.safeTransfer(to, amount);
        requireMoved(token, address(this), ours, ours - amount, amount);
        requireMoved(token, to, theirs, theirs + amount, amount);
    }

    /// @notice By an allowance of the owner's.
    function move(IERC20 token, address from, address to, uint256 amount) internal {
        uint256 froms = balance(token, from);
        uint256 tos = balance(token, to);
        // The owner signed the terms, or is the caller: whoever calls this function has seen to it.
        // slither-disable-next-line arbitrary-send-erc20
        token.safeTransferFrom(from, to, amount);
        requireMoved(token, from, froms, froms - amount, amount);
        requireMoved(token, to, tos, tos + amount, amount);
    }

    /// @notice From this contract's balance, which loses something and no more than the amount. What arrives is not
    /// looked at: a token that takes a fee by now must not keep the rest.
    function release(IERC20 token, address to, uint256 amount) internal {
        uint256 before = balance(token, address(this));
        token.safeTransfer(to, amount);
        uint256 afterwards = balance(token, address(this));
        require(
            afterwards < before && afterwards + amount >= before,
            TransferNotExact(address(token), address(this), before, afterwards, amount)
        );
    }

    function requireMoved(IERC20 token, address account, uint256 before, uint256 expected, uint256 amount)
        internal
        view
    {
        uint256 afterwards = balance(token, account);
        require(afterwards == expected, TransferNotExact(address(token), account, before, afterwards, amount));
    }

    /// @dev `token.balanceOf(account)` in scratch space: it is asked four times for every receiver of a batch.
    function balance(IERC20 token, address account) internal view returns (uint256 amount) {
        bytes4 selector = IERC20.balanceOf.selector;
        assembly ("memory-safe") {
            mstore(0x00, selector)
            mstore(0x04, and(account, 0xffffffffffffffffffffffffffffffffffffffff))
            if iszero(staticcall(gas(), token, 0x00, 0x24, 0x00, 0x20)) {
                let free := mload(0x40)
                returndatacopy(free, 0, returndatasize())
                revert(free, returndatasize())
            }
            if lt(returndatasize(), 0x20) { revert(0, 0) }
            amount := mload(0x00)
        }
    }
}
