// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice What forge can do for a test, as far as these tests ask.
interface Vm {
    function addr(uint256 key) external pure returns (address);
    function assume(bool condition) external pure;
    function chainId(uint256 id) external;
    function deal(address account, uint256 balance) external;
    function expectCall(address callee, bytes calldata data, uint64 count) external;
    function expectEmit(address emitter) external;
    function expectRevert(bytes calldata reason) external;
    function expectRevert(bytes4 selector) external;
    function expectRevert() external;
    function getRecordedLogs() external returns (Log[] memory);
    function label(address account, string calldata name) external;
    function load(address account, bytes32 slot) external view returns (bytes32);
    function prank(address caller) external;
    function recordLogs() external;
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function startPrank(address caller) external;
    function store(address account, bytes32 slot, bytes32 value) external;
    function stopPrank() external;
    function warp(uint256 timestamp) external;
    function assertEq(uint256 left, uint256 right) external pure;
    function assertEq(uint256 left, uint256 right, string calldata said) external pure;
    function assertEq(address left, address right) external pure;
    function assertEq(bytes32 left, bytes32 right) external pure;
    function assertEq(bytes calldata left, bytes calldata right) external pure;
    function assertEq(bool left, bool right) external pure;
    function assertTrue(bool condition) external pure;
    function assertTrue(bool condition, string calldata said) external pure;
    function assertFalse(bool condition) external pure;
    function assertLe(uint256 left, uint256 right) external pure;
    function assertLe(uint256 left, uint256 right, string calldata said) external pure;
    function assertGe(uint256 left, uint256 right) external pure;

    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }
}

/// @notice What every test starts from; npm has no forge-std of the maintainers.
abstract contract Base {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    // solhint-disable-next-line func-name-mixedcase
    function IS_TEST() external pure returns (bool) {
        return true;
    }

    /// Any number, folded into a range of both ends; the ends come up more often than by chance.
    function bound(uint256 any, uint256 least, uint256 most) internal pure returns (uint256) {
        require(least <= most, "an empty range");
        uint256 size = most - least;
        if (any >= least && any <= most) return any;
        if (any <= 3) return least + (any > size ? size : any);
        if (any >= type(uint256).max - 3) {
            uint256 off = type(uint256).max - any;
            return most - (off > size ? size : off);
        }
        return size == type(uint256).max ? any : least + any % (size + 1);
    }

    /// An account that the key of this name signs for.
    function account(string memory name) internal returns (address made, uint256 key) {
        key = uint256(keccak256(bytes(name)));
        made = vm.addr(key);
        vm.label(made, name);
    }

    function account_(string memory name) internal returns (address made) {
        (made,) = account(name);
    }
}
