// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";

/// @title A token without worth, for development
/// @notice With six decimals, EIP-2612 permits and EIP-3009 authorizations, as USDC has. Anyone may draw some.
contract TestToken is ERC20, ERC20Permit, ERC3009 {
    /// @notice The most that the faucet gives at once: a million whole tokens.
    uint256 public constant FAUCET_LIMIT = 1_000_000e6;

    error MoreThanFaucetGives(uint256 amount, uint256 limit);

    constructor() ERC20("Holdfast Test Dollar", "HTD") ERC20Permit("Holdfast Test Dollar") {}

    /// @notice New tokens for whoever is named.
    function faucet(address to, uint256 amount) external {
        require(amount <= FAUCET_LIMIT, MoreThanFaucetGives(amount, FAUCET_LIMIT));
        _mint(to, amount);
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }
}
