#![doc = include_str!("../README.md")]

mod content;
mod declaration;
mod disclosure;
mod draft;
mod error;
mod evaluate;
mod grant;
mod members;
mod nonces;
mod outcome;
mod profile;
mod query;
mod standing;

pub use content::{ContentRef, IntendedUse};
pub use declaration::{Declaration, VerifiedDeclaration};
pub use disclosure::{Disclosure, DisclosureAsked, FieldAnswer, disclose};
pub use draft::DeclarationDraft;
pub use error::{ConsentError, GrantError, Refusal};
pub use evaluate::{Permit, WorkAsked, evaluate, is_declaration_needed};
pub use grant::{
    FIELDS_MAX, FieldPath, GrantMode, GrantPayload, GrantRevocation, Grantee, GranteeClass, Purpose, RevocationPayload,
    StandingGrant,
};
pub use nonces::{Spending, SpentNonces};
pub use outcome::{ConsentInForce, Settlement, Void};
pub use profile::{ConsentProfile, PURPOSES_MAX, ProfilePayload};
pub use query::{AskerFacts, QueryAsked, QueryTerms, evaluate_query};
pub use standing::{Standing, evaluate_disclosure};

use imajin_kernel::Span;

/// How long a nonce must be remembered: as long as its declaration could be used.
pub const NONCE_KEPT_FOR: Span = imajin_proof::http_sig::NONCE_KEPT_FOR;

/// The most bytes that a declaration has, as it stands on the wire.
pub const DECLARATION_BYTES_MAX: usize = 4 * 1024;
