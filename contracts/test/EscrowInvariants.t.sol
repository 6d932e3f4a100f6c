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

    /// What all payments in a token came to.
    struct Sums {
        uint256 out;
        uint256 back;
        uint256 received;
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
        solvent();
        everyUnitIsSomewhere();
        eventsTellTheState();
        moneyGoesNowhereElse();
        noEtherIsTrapped();
        whatShouldSucceedDoes();
        expiredPaymentsAreReclaimed();
    }

    /// Everything that is owed is there; in a token that behaves, no more and no less.
    function solvent() private view {
        vm.assertEq(IERC20(token).balanceOf(address(escrow)), held(token) + escrow.feesOwed(token), "token");
        uint256 hostiles = IERC20(address(hostile)).balanceOf(address(escrow));
        vm.assertGe(hostiles, held(address(hostile)) + escrow.feesOwed(address(hostile)));
    }

    function everyUnitIsSomewhere() private view {
        for (uint256 i; i < books.count(); ++i) {
            bytes32 id = books.ids(i);
            Books.Entry memory entry = books.entry(id);
            IEscrow.Payment memory payment = escrow.getPayment(id);
            vm.assertEq(
                payment.captured + entry.voided + entry.reclaimed + escrow.heldOf(entry.terms),
                entry.terms.amount,
                "of the amount"
            );
            vm.assertLe(payment.refunded, payment.captured, "refunded");
            vm.assertLe(entry.fees, payment.captured * entry.terms.maxFeeBps / 10_000, "fees");
        }
    }

    function eventsTellTheState() private view {
        for (uint256 i; i < books.count(); ++i) {
            bytes32 id = books.ids(i);
            Books.Entry memory entry = books.entry(id);
            IEscrow.Payment memory payment = escrow.getPayment(id);
            vm.assertEq(uint256(payment.status), uint256(entry.status), "status");
            vm.assertEq(payment.captured, entry.captured, "captured");
            vm.assertEq(payment.refunded, entry.refunded, "refunded");
        }
        vm.assertEq(escrow.feesOwed(token), books.feesOwed(token), "fees");
        vm.assertEq(escrow.feesOwed(address(hostile)), books.feesOwed(address(hostile)), "hostile fees");
    }

    /// Whoever has more or less than at the start has it by a payment's terms.
    function moneyGoesNowhereElse() private view {
        (address payer, address receiver, address operator, address feeRecipient) = handler.people();
        Sums memory sums = sumsOf(token);
        IERC20 asset = IERC20(token);
        uint256 given = handler.given(token);
        vm.assertEq(asset.balanceOf(payer), given - sums.out + sums.back + sums.refunded, "the payer's");
        vm.assertEq(asset.balanceOf(receiver), sums.received, "the receiver's");
        vm.assertEq(asset.balanceOf(operator), given - sums.refunded, "the operator's");
        vm.assertEq(asset.balanceOf(feeRecipient) + escrow.feesOwed(token), sums.fees, "the fees");
    }

    /// What a payer may always do is done here, and taken back: paused, and whatever the hostile token last was.
    function expiredPaymentsAreReclaimed() private {
        hostile.be(HostileToken.Mood.Plain);
        if (!escrow.paused()) {
            vm.prank(handler.pauserOf());
            escrow.pause();
        }
        (address payer,,,) = handler.people();
        uint256 reclaimed;
        for (uint256 i; i < books.count() && reclaimed < 4; ++i) {
            Terms memory terms = books.entry(books.ids(i)).terms;
            uint256 amount = escrow.heldOf(terms);
            if (amount == 0) continue;
            if (block.timestamp < terms.authorizationExpiry) vm.warp(terms.authorizationExpiry);
            uint256 before = IERC20(terms.token).balanceOf(payer);
            vm.prank(payer);
            escrow.reclaim(terms);
            vm.assertEq(IERC20(terms.token).balanceOf(payer), before + amount, "reclaimed");
            ++reclaimed;
        }
    }

    function noEtherIsTrapped() private view {
        vm.assertEq(address(escrow).balance, 0, "ether");
    }

    function whatShouldSucceedDoes() private view {
        vm.assertEq(handler.failed(), 0, "of what should have succeeded failed");
    }

    function sumsOf(address asset) private view returns (Sums memory sums) {
        for (uint256 i; i < books.count(); ++i) {
            Books.Entry memory entry = books.entry(books.ids(i));
            if (entry.terms.token != asset) continue;
            sums.out += entry.terms.amount;
            sums.back += entry.voided + entry.reclaimed;
            sums.received += entry.captured - entry.fees;
            sums.refunded += entry.refunded;
            sums.fees += entry.fees;
        }
    }

    function held(address asset) private view returns (uint256 sum) {
        for (uint256 i; i < books.count(); ++i) {
            Terms memory terms = books.entry(books.ids(i)).terms;
            if (terms.token == asset) sum += escrow.heldOf(terms);
        }
    }
}
