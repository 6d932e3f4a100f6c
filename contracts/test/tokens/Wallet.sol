// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice A wallet that is a contract, whose owner signs for it; told so, it calls elsewhere while it is asked.
contract Wallet is IERC1271 {
    address private immutable OWNER;
    address private _target;
    bytes private _call;
    bool private _wasteful;

    constructor(address owner) {
        OWNER = owner;
    }

    function reenter(address target, bytes calldata message) external {
        _target = target;
        _call = message;
    }

    /// Use up all gas that a question comes with.
    function waste() external {
        _wasteful = true;
    }

    function approve(IERC20 token, address spender, uint256 amount) external {
        token.approve(spender, amount);
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        if (_wasteful) {
            while (true) {}
        }
        if (_target != address(0)) {
            (bool done,) = _target.staticcall(_call);
            if (!done) return 0;
        }
        // What a wallet signs with needn't look like a key's signature: this one puts a byte before it.
        bytes calldata owners = signature.length == 66 ? signature[1:] : signature;
        return ECDSA.recover(digest, owners) == OWNER ? IERC1271.isValidSignature.selector : bytes4(0);
    }

    function call(address target, bytes calldata data) external returns (bytes memory) {
        (bool done, bytes memory answer) = target.call(data);
        require(done, string(answer));
        return answer;
    }
}
