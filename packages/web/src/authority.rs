//! Authorisation as a value: what a domain function demands in its signature, nobody can forget to check.

use std::marker::PhantomData;
use std::ops::Deref;

use imajin_kernel::{Code, Problem};

use crate::{Tier, Verified};

/// Who must have signed a request: any DID that proves itself ([`Verified`]), or one of a tier ([`Authorised`]).
pub trait Signer: Sized {
    /// Turns a checked signature into the witness, or refuses its signer.
    ///
    /// # Errors
    /// [`Code::Forbidden`] when the signer may not do this.
    fn admit(verified: Verified) -> Result<Self, Problem>;
}

impl Signer for Verified {
    fn admit(verified: Verified) -> Result<Self, Problem> {
        Ok(verified)
    }
}

/// A tier as a type.
pub trait TierLeast {
    /// The least that the signer must be.
    const TIER: Tier;
}

/// Registered here: with a key of their own, or by a mailbox whose key the node holds.
#[derive(Debug, Clone, Copy)]
pub struct SoftTier;

/// Registered here with a key of their own.
#[derive(Debug, Clone, Copy)]
pub struct KeyTier;

/// Runs this node.
#[derive(Debug, Clone, Copy)]
pub struct OperatorTier;

impl TierLeast for SoftTier {
    const TIER: Tier = Tier::Soft;
}

impl TierLeast for KeyTier {
    const TIER: Tier = Tier::Key;
}

impl TierLeast for OperatorTier {
    const TIER: Tier = Tier::Operator;
}

/// A request signed by someone of at least the tier `T`.
///
/// The only way to one is [`Signer::admit`], so a function that takes it cannot be called for less.
#[derive(Debug, Clone)]
pub struct Authorised<T> {
    verified: Verified,
    tier: PhantomData<fn() -> T>,
}

impl<T: TierLeast> Signer for Authorised<T> {
    fn admit(verified: Verified) -> Result<Self, Problem> {
        if verified.tier() < T::TIER {
            return Err(refusal(&verified, T::TIER));
        }
        Ok(Self {
            verified,
            tier: PhantomData,
        })
    }
}

impl<T> Deref for Authorised<T> {
    type Target = Verified;

    fn deref(&self) -> &Verified {
        &self.verified
    }
}

fn refusal(verified: &Verified, least: Tier) -> Problem {
    if least == Tier::Operator {
        return Problem::new(Code::Forbidden, "Only the operator of this node may do this.");
    }
    if verified.tier() == Tier::Soft {
        return Problem::new(Code::Forbidden, "This takes an identity with a key of its own.")
            .hint("Make a key in the browser at /join, or with `imajin key new`, and claim your mailbox with it.");
    }
    Problem::new(Code::Forbidden, "This identity is not registered at this node.")
        .hint("Register it first: in the browser at /join, or with `imajin login`.")
}
