// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {IEscrow} from "../src/IEscrow.sol";
import {Terms} from "../src/Terms.sol";
import {EscrowTest} from "./EscrowTest.sol";
import {Wallet} from "./tokens/Wallet.sol";

contract AuthorizeWithPermitTest is EscrowTest {
    function test_succeeds_whenThePayerSignedTermsAndPermit(uint120 amount) public {
        Terms memory made = terms(uint120(bound(amount, 1, MOST)));
        token.mint(payer, made.amount);

        authorize(made, packed(payerKey, id(made)), permitOf(made, payerKey));

        assertPayment(made, IEscrow.Status.Authorized, 0, 0);
        assertBalances(0, 0, made.amount, 0);
        vm.assertEq(token.allowance(payer, address(escrow)), 0);
    }

    function test_succeeds_whenAStrangerSentThePermitFirst() public {
        Terms memory made = terms(100);
        token.mint(payer, 100);
        IEscrow.Permit memory permit = permitOf(made, payerKey);
        vm.prank(stranger);
        token.permit(payer, address(escrow), 100, permit.deadline, permit.v, permit.r, permit.s);

        authorize(made, packed(payerKey, id(made)), permit);

        assertBalances(0, 0, 100, 0);
    }

    function test_succeeds_withoutThePermitWhenTheAllowanceIsThereAlready() public {
        Terms memory made = terms(100);
        token.mint(payer, 100);
        vm.prank(payer);
        token.approve(address(escrow), 170);

        authorize(made, packed(payerKey, id(made)), permitOf(made, payerKey));

        assertBalances(0, 0, 100, 0);
        vm.assertEq(token.allowance(payer, address(escrow)), 70);
        vm.assertEq(token.nonces(payer), 0);
    }

    function test_succeeds_whenAContractSigned() public {
        Wallet wallet = new Wallet(payer);
        Terms memory made = terms(100);
        made.payer = address(wallet);
        token.mint(address(wallet), 100);
        wallet.approve(token, address(escrow), 100);
        IEscrow.Permit memory none;

        authorize(made, packed(payerKey, id(made)), none);

        assertPayment(made, IEscrow.Status.Authorized, 0, 0);
        assertBalances(0, 0, 100, 0);
    }

    function test_reverts_whenAWalletReentersWhileItIsAsked() public {
        Wallet wallet = new Wallet(payer);
        Terms memory made = terms(100);
        made.payer = address(wallet);
        token.mint(address(wallet), 200);
        wallet.approve(token, address(escrow), 200);
        wallet.reenter(address(escrow), abi.encodeCall(escrow.pay, (salted(made, 2))));
        IEscrow.Permit memory none;

        refuses(
            made,
            packed(payerKey, id(made)),
            none,
            abi.encodeWithSelector(IEscrow.SignatureNotPayers.selector, id(made))
        );
        vm.assertEq(token.balanceOf(address(wallet)), 200);
    }

    function test_reverts_whenOnlyThePermitIsSigned(uint256 key) public {
        key = bound(key, 1, 1 << 200);
        vm.assume(vm.addr(key) != payer);
        Terms memory made = terms(100);
        token.mint(payer, 100);
        refuses(
            made,
            packed(key, id(made)),
            permitOf(made, payerKey),
            abi.encodeWithSelector(IEscrow.SignatureNotPayers.selector, id(made))
        );
    }

    function test_reverts_whenTheSignatureIsOfAnotherShape(bytes calldata signature) public {
        Terms memory made = terms(100);
        token.mint(payer, 100);
        refuses(
            made,
            signature,
            permitOf(made, payerKey),
            abi.encodeWithSelector(IEscrow.SignatureNotPayers.selector, id(made))
        );
    }

    function test_reverts_whenTheSignatureIsMirrored() public {
        Terms memory made = terms(100);
        token.mint(payer, 100);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(payerKey, id(made));
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        bytes memory mirrored = abi.encodePacked(r, bytes32(order - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        refuses(
            made,
            mirrored,
            permitOf(made, payerKey),
            abi.encodeWithSelector(IEscrow.SignatureNotPayers.selector, id(made))
        );
    }

    function test_reverts_whenOnlyTheTermsAreSigned() public {
        Terms memory made = terms(100);
        token.mint(payer, 100);
        uint256 other = 7;
        refuses(
            made,
            packed(payerKey, id(made)),
            permitOf(made, other),
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(escrow), 0, 100)
        );
    }

    function test_reverts_whenItWasAuthorizedBefore() public {
        Terms memory made = terms(100);
        token.mint(payer, 200);
        bytes memory signature = packed(payerKey, id(made));
        authorize(made, signature, permitOf(made, payerKey));
        IEscrow.Permit memory permit = permitOf(made, payerKey);

        vm.expectRevert(abi.encodeWithSelector(IEscrow.AlreadyAuthorized.selector, id(made)));
        authorize(made, signature, permit);
        assertBalances(100, 0, 100, 0);
    }

    function test_reverts_whenTheCallerIsNoOperator(address caller) public {
        vm.assume(caller != operator);
        Terms memory made = terms(100);
        IEscrow.Permit memory permit = permitOf(made, payerKey);
        bytes memory signature = packed(payerKey, id(made));

        vm.expectRevert(refusedRole(caller, escrow.OPERATOR_ROLE()));
        vm.prank(caller);
        escrow.authorizeWithPermit(made, signature, permit);
    }

    function test_reverts_whenPaused() public {
        vm.prank(pauser);
        escrow.pause();
        Terms memory made = terms(100);
        token.mint(payer, 100);
        refuses(
            made,
            packed(payerKey, id(made)),
            permitOf(made, payerKey),
            abi.encodeWithSelector(Pausable.EnforcedPause.selector)
        );
    }

    function authorize(Terms memory made, bytes memory signature, IEscrow.Permit memory permit) private {
        vm.prank(operator);
        escrow.authorizeWithPermit(made, signature, permit);
    }

    function refuses(Terms memory made, bytes memory signature, IEscrow.Permit memory permit, bytes memory refusal)
        private
    {
        uint256 before = token.balanceOf(made.payer);
        vm.expectRevert(refusal);
        authorize(made, signature, permit);
        vm.assertEq(token.balanceOf(made.payer), before);
        vm.assertEq(token.balanceOf(address(escrow)), 0);
        assertPayment(made, IEscrow.Status.None, 0, 0);
    }
}
