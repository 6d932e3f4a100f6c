// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice A token that does what tokens have done to those who trusted them, as it is told from outside.
contract HostileToken {
    enum Mood {
        Plain,
        TakesFee,
        ReturnsNothing,
        ReturnsFalse,
        Paused,
        RevertsOnZero,
        BurnsGas,
        ReturnsMuch,
        TakesMoreFromSender,
        MovesNothing
    }

    uint8 public immutable decimals;
    Mood public mood;
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;
    mapping(address account => bool) public denied;
    address private _target;
    bytes private _call;
    bytes public reentered;

    error Denied(address account);
    error IsPaused();
    error Zero();

    constructor(uint8 decimals_) {
        decimals = decimals_;
    }

    function be(Mood mood_) external {
        mood = mood_;
    }

    function deny(address account, bool denied_) external {
        denied[account] = denied_;
    }

    /// At each transfer it calls there, and keeps what came back.
    function reenter(address target, bytes calldata message) external {
        _target = target;
        _call = message;
    }

    /// A balance moves without a transfer.
    function move(address account, uint256 balance) external {
        balanceOf[account] = balance;
    }

    function mint(address account, uint256 amount) external {
        balanceOf[account] += amount;
    }

    function act(address target, bytes calldata message) external {
        (bool done, bytes memory answer) = target.call(message);
        require(done, string(answer));
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        return _transfer(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        allowance[from][msg.sender] -= amount;
        return _transfer(from, to, amount);
    }

    function _transfer(address from, address to, uint256 amount) private returns (bool) {
        if (_target != address(0)) {
            (, reentered) = _target.call(_call);
        }
        if (mood == Mood.Paused) revert IsPaused();
        if (mood == Mood.RevertsOnZero && amount == 0) revert Zero();
        if (denied[from]) revert Denied(from);
        if (denied[to]) revert Denied(to);
        if (mood == Mood.ReturnsFalse) return false;
        if (mood == Mood.BurnsGas) {
            while (true) {}
        }
        if (mood == Mood.ReturnsMuch) {
            assembly {
                revert(0, 100000)
            }
        }
        if (mood == Mood.MovesNothing) return true;
        balanceOf[from] -= amount;
        balanceOf[to] += mood == Mood.TakesFee ? amount - amount / 100 - 1 : amount;
        if (mood == Mood.TakesMoreFromSender) balanceOf[from] -= 1;
        if (mood == Mood.ReturnsNothing) {
            assembly {
                return(0, 0)
            }
        }
        return true;
    }
}
