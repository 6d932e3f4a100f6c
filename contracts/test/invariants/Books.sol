// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEscrow} from "../../src/IEscrow.sol";
import {Terms} from "../../src/Terms.sol";
import {Vm} from "../Base.sol";

/// @notice What a watcher knows of payments who sees nothing but the escrow's events.
contract Books {
    struct Entry {
        Terms terms;
        IEscrow.Status status;
        uint256 captured;
        uint256 fees;
        uint256 voided;
        uint256 reclaimed;
        uint256 refunded;
    }

    mapping(bytes32 id => Entry) private _entries;
    mapping(address token => uint256) public feesOwed;
    bytes32[] public ids;

    function entry(bytes32 id) external view returns (Entry memory) {
        return _entries[id];
    }

    function count() external view returns (uint256) {
        return ids.length;
    }

    function read(Vm.Log[] calldata logs, address emitter) external {
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].emitter == emitter && !_undone(logs, i)) _read(logs[i]);
        }
    }

    /// Forge records the events of a call that was undone, too. What an item of a batch tells before it is skipped is
    /// never on a chain (tests/integration/test_escrow_events.py).
    function _undone(Vm.Log[] calldata logs, uint256 which) private pure returns (bool) {
        if (logs[which].topics[0] != IEscrow.PaymentAuthorized.selector) return false;
        for (uint256 i = which + 1; i < logs.length; ++i) {
            if (logs[i].emitter != logs[which].emitter) continue;
            return logs[i].topics[0] == IEscrow.ItemSkipped.selector && logs[i].topics[1] == logs[which].topics[1];
        }
        return false;
    }

    function _read(Vm.Log calldata log) private {
        bytes32 kind = log.topics[0];
        Entry storage found = _entries[log.topics.length > 1 ? log.topics[1] : bytes32(0)];
        if (kind == IEscrow.PaymentAuthorized.selector) {
            require(found.status == IEscrow.Status.None, "authorized twice");
            found.terms = abi.decode(log.data, (Terms));
            found.status = IEscrow.Status.Authorized;
            ids.push(log.topics[1]);
        } else if (kind == IEscrow.PaymentCaptured.selector) {
            (uint256 amount, uint256 fee) = abi.decode(log.data, (uint256, uint256));
            require(found.status == IEscrow.Status.Authorized, "captured after its end");
            found.captured += amount;
            found.fees += fee;
            feesOwed[found.terms.token] += fee;
        } else if (kind == IEscrow.PaymentVoided.selector) {
            require(found.status == IEscrow.Status.Authorized, "voided after its end");
            found.status = IEscrow.Status.Voided;
            found.voided = abi.decode(log.data, (uint256));
        } else if (kind == IEscrow.PaymentReclaimed.selector) {
            require(found.status == IEscrow.Status.Authorized, "reclaimed after its end");
            found.status = IEscrow.Status.Reclaimed;
            found.reclaimed = abi.decode(log.data, (uint256));
        } else if (kind == IEscrow.PaymentRefunded.selector) {
            found.refunded += abi.decode(log.data, (uint256));
        } else if (kind == IEscrow.FeesWithdrawn.selector) {
            feesOwed[address(uint160(uint256(log.topics[1])))] -= abi.decode(log.data, (uint256));
        }
    }
}
