// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TestToken} from "../../src/TestToken.sol";

/// @notice The test token without the faucet's limit.
contract MintableToken is TestToken {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
