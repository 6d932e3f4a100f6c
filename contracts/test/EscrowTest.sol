// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

import {Escrow} from "../src/Escrow.sol";
import {IEscrow} from "../src/IEscrow.sol";
import {Terms} from "../src/Terms.sol";
import {Base} from "./Base.sol";
import {MintableToken} from "./tokens/MintableToken.sol";

/// @notice An escrow with its roles given out, a token on its list, and a payer who has some of it.
abstract contract EscrowTest is Base {
    uint120 internal constant MOST = type(uint120).max;
    uint16 internal constant MAX_FEE_BPS = 500;
    uint48 internal constant ADMIN_DELAY = 1 days;
    bytes32 private constant RECEIVE_TYPE_HASH = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    bytes32 private constant PERMIT_TYPE_HASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    Escrow internal escrow;
    MintableToken internal token;
    address internal admin;
    address internal operator;
    address internal pauser;
    address internal receiver;
    address internal feeRecipient;
    address internal stranger;
    address internal payer;
    uint256 internal payerKey;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        admin = account_("admin");
        operator = account_("operator");
        pauser = account_("pauser");
        receiver = account_("receiver");
        feeRecipient = account_("fee recipient");
        stranger = account_("stranger");
        (payer, payerKey) = account("payer");
        escrow = new Escrow(admin, ADMIN_DELAY, feeRecipient);
        token = new MintableToken();
        vm.startPrank(admin);
        escrow.grantRole(escrow.OPERATOR_ROLE(), operator);
        escrow.grantRole(escrow.PAUSER_ROLE(), pauser);
        escrow.setTokenAllowed(address(token), true);
        vm.stopPrank();
    }

    function terms(uint120 amount) internal view returns (Terms memory) {
        uint48 now_ = uint48(block.timestamp);
        return Terms({
            payer: payer,
            receiver: receiver,
            token: address(token),
            amount: amount,
            preApprovalExpiry: now_ + 1 hours,
            authorizationExpiry: now_ + 7 days,
            refundExpiry: now_ + 30 days,
            maxFeeBps: MAX_FEE_BPS,
            salt: 1
        });
    }

    function id(Terms memory made) internal view returns (bytes32) {
        return escrow.idOf(made);
    }

    function payment(Terms memory made) internal view returns (IEscrow.Payment memory) {
        return escrow.getPayment(id(made));
    }

    /// The payer's EIP-3009 signature, which these terms need; the payer has the amount.
    function funded(Terms memory made) internal returns (bytes memory signature) {
        token.mint(made.payer, made.amount);
        return signedReceive(made, payerKey);
    }

    /// Terms that are authorized.
    function authorized(uint120 amount) internal returns (Terms memory made) {
        made = terms(amount);
        authorize(made);
    }

    function authorize(Terms memory made) internal {
        bytes memory signature = funded(made);
        vm.prank(operator);
        escrow.authorize(made, signature);
    }

    function captured(uint120 amount, uint120 part) internal returns (Terms memory made) {
        made = authorized(amount);
        vm.prank(operator);
        escrow.capture(made, part, 0);
    }

    function signedReceive(Terms memory made, uint256 key) internal view returns (bytes memory) {
        return packed(key, receiveDigest(made, id(made)));
    }

    function receiveDigest(Terms memory made, bytes32 nonce) internal view returns (bytes32) {
        bytes32 message = keccak256(
            abi.encode(RECEIVE_TYPE_HASH, made.payer, address(escrow), made.amount, 0, made.preApprovalExpiry, nonce)
        );
        return keccak256(abi.encodePacked(hex"1901", IERC20Permit(made.token).DOMAIN_SEPARATOR(), message));
    }

    function permitOf(Terms memory made, uint256 key) internal view returns (IEscrow.Permit memory permit) {
        IERC20Permit asset = IERC20Permit(made.token);
        permit.deadline = block.timestamp + 1 hours;
        bytes32 message = keccak256(
            abi.encode(
                PERMIT_TYPE_HASH, made.payer, address(escrow), made.amount, asset.nonces(made.payer), permit.deadline
            )
        );
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", asset.DOMAIN_SEPARATOR(), message));
        (permit.v, permit.r, permit.s) = vm.sign(key, digest);
    }

    function packed(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function assertBalances(uint256 payers, uint256 receivers, uint256 held, uint256 fees) internal view {
        vm.assertEq(token.balanceOf(payer), payers, "the payer's");
        vm.assertEq(token.balanceOf(receiver), receivers, "the receiver's");
        vm.assertEq(escrow.feesOwed(address(token)), fees, "fees owed");
        vm.assertEq(token.balanceOf(address(escrow)), held + fees, "the escrow's");
    }

    function assertPayment(Terms memory made, IEscrow.Status status, uint256 captured_, uint256 refunded)
        internal
        view
    {
        IEscrow.Payment memory seen = payment(made);
        vm.assertEq(uint256(seen.status), uint256(status), "status");
        vm.assertEq(seen.captured, captured_, "captured");
        vm.assertEq(seen.refunded, refunded, "refunded");
    }

    function refusedRole(address caller, bytes32 role) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, caller, role);
    }

    function salted(Terms memory made, uint256 salt) internal pure returns (Terms memory) {
        return Terms(
            made.payer,
            made.receiver,
            made.token,
            made.amount,
            made.preApprovalExpiry,
            made.authorizationExpiry,
            made.refundExpiry,
            made.maxFeeBps,
            salt
        );
    }
}
