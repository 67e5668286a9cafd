//! What the other services may ask of auth.
//!
//! Auth alone knows which keys speak for an identity, which sessions are alive, and holds the sealed keys of soft
//! identities. Everyone else asks through [`AuthClient`].

mod account;
mod attestations;
mod devices;
mod moves;
mod profiles;

use async_trait::async_trait;
use imajin_did::{Did, PublicKey};
use imajin_kernel::{Problem, Timestamp};
use imajin_proof::http_sig::SignedRequest;
use imajin_web::{
    CallerKeys, Custody, Identities, Notice, PeerAsked, SessionView, SignerAsked, SignerKeys, Tier, service_api,
};
use serde::{Deserialize, Serialize};

pub use account::{AccountExport, AccountRecord, GrantRecord, PasskeyRecord, SessionRecord};
pub use attestations::{AttestationExport, AttestationExported, AttestationRecord, AttestationView, AttestationsAbout};
pub use devices::{DeviceListRequest, DeviceListView, DeviceRequestView, DeviceView};
pub use moves::{MoveFetch, MoveView};
pub use profiles::{IdentityChanged, IdentityNoted, PictureFind, PictureFound, ProfilesApi, ProfilesClient};

service_api! {
    /// What other services may ask of auth.
    pub trait AuthApi, client AuthClient, service "auth" {
        /// The keys that may sign for a DID now. A DID that is not registered answers with the key in the DID itself.
        async fn caller_keys(CallerKeysRequest) -> CallerKeys;

        /// The keys of a DID whose signatures of a moment count. See [`Identities::signer_keys`].
        async fn signer_keys(SignerAsked) -> SignerKeys;

        /// The living session behind a token.
        async fn session_view(SessionViewRequest) -> Option<SessionView>;

        /// The public facts about a registered identity, by DID (any equivalent form) or handle.
        async fn identity_fetch(IdentityFetch) -> Option<IdentityView>;

        /// Where somebody went who was at home here, by DID (any equivalent form) or handle; `None` for everybody else.
        async fn move_fetch(MoveFetch) -> Option<MoveView>;

        /// Signs a request for a soft identity with its sealed key. Refused for identities that hold their own key.
        async fn custodial_sign(CustodialSign) -> SignedRequest;

        /// Sends a login link to a mailbox; answers the same whether or not the mailbox is known.
        async fn mailbox_proof_send(MailboxProofSend) -> MailboxProofSent;

        /// Takes a notice, to be written to the mailboxes that its addressee has proven; it is kept when this returns.
        async fn notice_send(Notice) -> NoticeTaken;

        /// The messages that the development mailbox keeps; empty when a mail server is configured.
        async fn development_mail_list(DevelopmentMailList) -> Vec<DevelopmentMail>;

        /// The keys of whoever has the session, with their names, and the devices that ask to be let in; `None` when
        /// the session has ended.
        async fn device_list(DeviceListRequest) -> Option<DeviceListView>;

        /// Whether this node talks to another one: forbidden, and why, when it does not.
        async fn peer_check(PeerAsked) -> ();

        /// An identity and the soft ones that it has claimed: whose tickets and balances are its own.
        async fn holdings_fetch(HoldingsFetch) -> Vec<Did>;

        /// What others say about somebody, the newest first: what was checked and not taken back, by attesters who
        /// are still here.
        async fn attestation_list(AttestationsAbout) -> Vec<AttestationView>;

        /// What somebody has said about others, or others about them, page by page: for that somebody alone.
        async fn attestation_export(AttestationExport) -> AttestationExported;

        /// Everything else that auth keeps about somebody, for that somebody alone.
        async fn account_export(AccountExport) -> AccountRecord;

        /// Whether the node still waits for its operator.
        async fn setup_state(SetupStateRequest) -> SetupState;
    }
}

/// See [`AuthApi::caller_keys`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallerKeysRequest {
    /// Any accepted form of the DID.
    pub did: Did,
}

/// See [`AuthApi::session_view`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionViewRequest {
    /// The session token from the cookie or the bearer header.
    pub token: String,
}

/// See [`AuthApi::identity_fetch`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentityFetch {
    /// A DID in any equivalent form, or a handle.
    pub did_or_handle: String,
}

/// What anyone may know about a registered identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentityView {
    /// The native DID.
    pub did: Did,
    /// The unique handle.
    pub handle: Option<String>,
    /// The display name.
    pub name: Option<String>,
    /// What kind of actor it is: human, agent, device, org, event, service, node.
    #[serde(rename = "type")]
    pub kind: String,
    /// The current public key.
    pub public_key: PublicKey,
    /// What it may do here.
    pub tier: Tier,
    /// Who holds the private key.
    pub custody: Custody,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// See [`AuthApi::custodial_sign`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CustodialSign {
    /// The session of the soft identity.
    pub token: String,
    /// The method of the request to sign.
    pub method: String,
    /// The absolute URL of the request to sign.
    pub target_uri: String,
    /// The idempotency key, if the request has one.
    pub idempotency_key: Option<String>,
    /// The body, as it will be sent.
    pub body: String,
}

/// See [`AuthApi::mailbox_proof_send`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MailboxProofSend {
    /// The address to prove.
    pub email: String,
    /// A path on this node to go to after the proof.
    pub next: Option<String>,
}

/// The link is on its way, if the mailbox exists.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MailboxProofSent {
    /// When the link stops working.
    pub expires_at: Timestamp,
    /// Whether the message waits in the development mailbox of this node instead of being sent.
    pub development_mailbox: bool,
}

/// What becomes of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NoticeTaken {
    /// To how many mailboxes it goes; to none when nobody has proven one, or wants no mail.
    pub mailboxes: usize,
}

/// See [`AuthApi::development_mail_list`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DevelopmentMailList {}

/// A message that would have been sent if a mail server were configured.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DevelopmentMail {
    /// The recipient.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub body: String,
    /// The link in it.
    pub link: String,
    /// When it was written.
    pub created_at: Timestamp,
}

/// See [`AuthApi::holdings_fetch`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldingsFetch {
    /// Any accepted form of the DID.
    pub did: Did,
}

/// See [`AuthApi::setup_state`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetupStateRequest {}

/// Whether an operator has claimed the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetupState {
    /// The operator's DID, once there is one.
    pub operator: Option<Did>,
}

#[async_trait]
impl Identities for AuthClient {
    async fn caller_keys(&self, did: &Did) -> Result<CallerKeys, Problem> {
        AuthApi::caller_keys(&**self, CallerKeysRequest { did: did.clone() }).await
    }

    async fn signer_keys(&self, asked: &SignerAsked) -> Result<SignerKeys, Problem> {
        AuthApi::signer_keys(&**self, asked.clone()).await
    }

    async fn holdings(&self, did: &Did) -> Result<Vec<Did>, Problem> {
        AuthApi::holdings_fetch(&**self, HoldingsFetch { did: did.clone() }).await
    }

    async fn peer_check(&self, peer: &PeerAsked) -> Result<(), Problem> {
        AuthApi::peer_check(&**self, peer.clone()).await
    }

    async fn notice_send(&self, notice: &Notice) -> Result<(), Problem> {
        AuthApi::notice_send(&**self, notice.clone()).await.map(drop)
    }

    async fn session_view(&self, token: &str) -> Result<Option<SessionView>, Problem> {
        AuthApi::session_view(
            &**self,
            SessionViewRequest {
                token: token.to_owned(),
            },
        )
        .await
    }
}
