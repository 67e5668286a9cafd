//! The HTTP shell that every service wears: problem documents, extractors, signed requests, limits, the API
//! description, metrics, listeners, and the clients with which services call each other.
//!
//! A handler extracts, calls its domain, answers. What it extracts is already verified: [`SignedBody`] holds a request
//! whose RFC 9421 signature was checked, [`Viewer`] a session that is still valid. What it answers when something is
//! wrong is a [`Failure`], which wraps the one closed list of refusals and becomes an RFC 9457 document here, once.

mod activity;
mod authority;
mod carrier;
mod client;
mod conditional;
mod csrf;
mod description;
mod extract;
mod failure;
pub mod fair;
mod forward;
mod guard;
mod internal;
mod layers;
mod limits;
mod metrics;
mod notice;
mod paced;
mod peers;
mod proxied;
mod public_address;
mod ranges;
mod raw;
pub mod resolve;
mod rpc;
mod serve;
mod service;
mod shares;
mod signed;
mod signers;
mod site;
mod streaming;
mod trust;

/// What the expansion of [`service_api!`] refers to.
#[doc(hidden)]
pub mod macro_support {
    pub use async_trait::async_trait;
    pub use axum;
    pub use imajin_kernel::Problem;
}

pub use authority::{Authorised, KeyTier, OperatorTier, Signer, SoftTier, TierLeast};
pub use carrier::Carrier;
pub use client::{HttpAnswer, HttpClient, signed_headers};
pub use conditional::{conditional, json_cached};
pub use csrf::same_origin_require;
pub use description::Description;
pub use extract::{JsonBody, PathParams, QueryParams, SignedBody, Viewer, path_sent, target_uri};
pub use failure::{Failure, ProblemDocument, status_of};
pub use forward::{Duplex, Forwarded, Forwarder};
pub use guard::{GuardError, GuardedAnswer, GuardedClient, Reach};
pub use internal::{InternalAccess, internal_listener_router, internal_route};
pub use layers::{ErrorPage, ShellOptions, rate_limited, shell};
pub use limits::{Limits, PeerAddress};
pub use metrics::{metrics_install, metrics_render};
pub use notice::{Addressee, Notice};
pub use peers::{PeerAsked, PeerPolicy, PeersOf};
pub use proxied::{FORWARDED_FOR, behind_proxies};
pub use public_address::is_public;
pub use ranges::{Ranged, ranged};
pub use raw::RawRequest;
pub use rpc::{RpcClient, RpcConfig};
pub use serve::{ConnectionLimits, Listener, TlsMode, serve, serve_within};
pub use service::{Readiness, ServiceRoutes};
pub use shares::{Share, Shares, address_counted};
pub use signed::{Asker, Reader, SignedBytes, bearer, is_signed};
pub use signers::{SignerAsked, SignerError, SignerKeys};
pub use site::{CallerKeys, Custody, Identities, PublicBase, RowProof, SessionView, Site, Tier, Verified};
pub use streaming::StreamedResponse;
