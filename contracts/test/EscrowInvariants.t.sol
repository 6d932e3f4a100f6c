// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Escrow} from "../src/Escrow.sol";
import {IEscrow} from "../src/IEscrow.sol";
import {Terms} from "../src/Terms.sol";
import {Base} from "./Base.sol";
import {Books} from "./invariants/Books.sol";
import {Handler} from "./invariants/Handler.sol";
import {HostileToken} from "./tokens/HostileToken.sol";

/// @notice What is true after whatever anyone did, in any order.
contract EscrowInvariantsTest is Base {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// What all payments came to: held in the token and in the hostile one, and in the token what either payer is
    /// without, what either receiver got, and what was refunded and kept as fees.
    struct Tally {
        uint256[2] held;
        uint256[2] without;
        uint256[2] received;
        uint256 refunded;
        uint256 fees;
    }

    Handler private handler;
    Escrow private escrow;
    Books private books;
    address private token;
    HostileToken private hostile;

    function setUp() public {
        handler = new Handler();
        escrow = handler.theEscrow();
        books = handler.books();
        token = handler.theToken();
        hostile = handler.hostile();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function excludeSelectors() external view returns (FuzzSelector[] memory excluded) {
        excluded = new FuzzSelector[](1);
        excluded[0] = FuzzSelector(address(handler), new bytes4[](1));
        excluded[0].selectors[0] = handler.setUp.selector;
    }

    /// One for all, as each would be tried on sequences of its own.
    function invariant_whateverAnyoneDid() external {
        Tally memory tally;
        for (uint256 i; i < books.count(); ++i) {
            bytes32 id = books.ids(i);
            Books.Entry memory entry = books.entry(id);
            uint256 held = escrow.heldOf(entry.terms);
            everyUnitIsSomewhere(entry, escrow.getPayment(id), held);
            add(tally, entry, held);
        }
        solvent(tally);
        moneyGoesNowhereElse(tally);
        noEtherIsTrapped();
        whatShouldSucceedDoes();
        expiredPaymentsAreReclaimed();
    }

    /// The state adds up, and is what the events told.
    function everyUnitIsSomewhere(Books.Entry memory entry, IEscrow.Payment memory payment, uint256 held) private pure {
        uint256 sum = payment.captured + entry.voided + entry.reclaimed + held;
        vm.assertEq(sum, entry.terms.amount, "of the amount");
        vm.assertLe(payment.refunded, payment.captured, "refunded");
        vm.assertLe(entry.fees, payment.captured * entry.terms.maxFeeBps / 10_000, "fees");
        vm.assertEq(uint256(payment.status), uint256(entry.status), "status");
        vm.assertEq(payment.captured, entry.captured, "captured");
        vm.assertEq(payment.refunded, entry.refunded, "refunded");
    }

    /// Everything that is owed is there; in a token that behaves, no more and no less.
    function solvent(Tally memory tally) private view {
        vm.assertEq(escrow.feesOwed(token), books.feesOwed(token), "fees");
        vm.assertEq(escrow.feesOwed(address(hostile)), books.feesOwed(address(hostile)), "hostile fees");
        vm.assertEq(IERC20(token).balanceOf(address(escrow)), tally.held[0] + escrow.feesOwed(token), "token");
        uint256 hostiles = IERC20(address(hostile)).balanceOf(address(escrow));
        vm.assertGe(hostiles, tally.held[1] + escrow.feesOwed(address(hostile)));
    }

    /// Whoever has more or less than at the start has it by a payment's terms.
    function moneyGoesNowhereElse(Tally memory tally) private view {
        IERC20 asset = IERC20(token);
        uint256 given = handler.given(token);
        for (uint256 i; i < 2; ++i) {
            vm.assertEq(asset.balanceOf(handler.payers()[i]), given - tally.without[i], "a payer's");
            vm.assertEq(asset.balanceOf(handler.receivers()[i]), tally.received[i], "a receiver's");
        }
        vm.assertEq(asset.balanceOf(handler.operatorOf()), given - tally.refunded, "the operator's");
        vm.assertEq(asset.balanceOf(handler.feeRecipientOf()) + escrow.feesOwed(token), tally.fees, "the fees");
    }

    function add(Tally memory tally, Books.Entry memory entry, uint256 held) private view {
        if (entry.terms.token != token) {
            tally.held[1] += held;
            return;
        }
        tally.held[0] += held;
        uint256 back = entry.voided + entry.reclaimed + entry.refunded;
        tally.without[entry.terms.payer == handler.payers()[0] ? 0 : 1] += entry.terms.amount - back;
        tally.received[entry.terms.receiver == handler.receivers()[0] ? 0 : 1] += entry.captured - entry.fees;
        tally.refunded += entry.refunded;
        tally.fees += entry.fees;
    }

    /// What a payer may always do is done here, and taken back: paused, and whatever the hostile token last was.
    function expiredPaymentsAreReclaimed() private {
        hostile.be(HostileToken.Mood.Plain);
        if (!escrow.paused()) {
            vm.prank(handler.pauserOf());
            escrow.pause();
        }
        uint256 reclaimed;
        for (uint256 i; i < books.count() && reclaimed < 4; ++i) {
            Terms memory terms = books.entry(books.ids(i)).terms;
            uint256 amount = escrow.heldOf(terms);
            if (amount == 0) continue;
            if (block.timestamp < terms.authorizationExpiry) vm.warp(terms.authorizationExpiry);
            uint256 before = IERC20(terms.token).balanceOf(terms.payer);
            vm.prank(terms.payer);
            escrow.reclaim(terms);
            vm.assertEq(IERC20(terms.token).balanceOf(terms.payer), before + amount, "reclaimed");
            ++reclaimed;
        }
    }

    function noEtherIsTrapped() private view {
        vm.assertEq(address(escrow).balance, 0, "ether");
    }

    function whatShouldSucceedDoes() private view {
        vm.assertEq(handler.failed(), 0, "of what should have succeeded failed");
    }
}
