// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TestToken} from "../src/TestToken.sol";
import {Base} from "./Base.sol";

contract TestTokenTest is Base {
    TestToken internal token = new TestToken();

    function test_succeeds_drawingFromTheFaucet(address to, uint256 amount) public {
        vm.assume(to != address(0));
        amount = bound(amount, 0, token.FAUCET_LIMIT());
        token.faucet(to, amount);
        vm.assertEq(token.balanceOf(to), amount);
        vm.assertEq(token.totalSupply(), amount);
    }

    function test_reverts_whenMoreIsDrawnThanTheLimit(uint256 amount) public {
        uint256 limit = token.FAUCET_LIMIT();
        amount = bound(amount, limit + 1, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(TestToken.MoreThanFaucetGives.selector, amount, limit));
        token.faucet(address(this), amount);
        vm.assertEq(token.totalSupply(), 0);
    }

    function test_succeeds_havingSixDecimals() public view {
        vm.assertEq(token.decimals(), 6);
    }
}
