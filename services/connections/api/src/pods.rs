//! Pods: named groups of people. Nobody is in one who has not accepted it, by a signature.

use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::PodId;
use imajin_web::service_api;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

service_api! {
    /// What other services may ask about pods.
    pub trait PodsApi, client PodsClient, service "connections" {
        /// Whether somebody is a member. The caller answers for whoever learns it.
        async fn pod_check(PodCheck) -> PodCheckAnswer;

        /// A pod as `reader` may see it.
        async fn pod_fetch(PodFetch) -> PodView;

        /// A page of its members, as `reader` may see them.
        async fn pod_member_list(PodMembersFetch) -> PodMemberPage;

        /// A page of the pods that somebody is in or invited to.
        async fn pod_list_own(PodsOwn) -> PodPage;
    }
}

macro_rules! named {
    ($Name:ident { $($Variant:ident = $name:literal),+ $(,)? }) => {
        impl $Name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$Variant),+];

            /// Its name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Variant => $name,)+
                }
            }

            /// The one of this name.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name)
            }
        }
    };
}

/// What a pod is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PodKind {
    /// The circle of one person: nobody else changes it, and it is handed over to nobody.
    Personal,
    /// A group with roles.
    Shared,
    /// People of an event. To be in it makes nobody known to anybody: its members see each other only where they show
    /// themselves anyway, and it counts in no check that does not ask for it.
    Event,
}

named!(PodKind { Personal = "personal", Shared = "shared", Event = "event" });

/// Who may know that there is a pod.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PodVisibility {
    /// Whoever is in it or invited. To everybody else it is as if it were not there.
    #[default]
    Private,
    /// Those to whom its owner shows their ties as well.
    TrustBound,
}

named!(PodVisibility { Private = "private", TrustBound = "trust-bound" });

/// What somebody may do in a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PodRole {
    /// Sees it, and may leave.
    Member,
    /// Invites and removes members.
    Admin,
    /// Does that, says who is an admin, and decides about the pod itself. There is one.
    Owner,
}

named!(PodRole { Member = "member", Admin = "admin", Owner = "owner" });

/// A new pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodBody {
    /// What it is called: 1 to 80 characters on one line.
    pub name: String,
    /// What it is for; that never changes.
    #[serde(rename = "type")]
    pub kind: PodKind,
    /// Who may know of it; private by default.
    #[serde(default)]
    pub visibility: PodVisibility,
    /// The pod of the same owner that it stands within.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub parent: Option<PodId>,
}

/// What its owner may change of a pod. All of it holds as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodSettings {
    /// What it is called: 1 to 80 characters on one line.
    pub name: String,
    /// Who may know of it.
    pub visibility: PodVisibility,
    /// The pod of the same owner that it stands within; without it, in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub parent: Option<PodId>,
}

/// Somebody, and what they are to be in a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PodPerson {
    /// Who.
    #[schema(value_type = String)]
    pub did: Did,
    /// `member` or `admin`.
    pub role: PodRole,
}

/// Somebody who is to be in a pod no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PodWho {
    /// Who.
    #[schema(value_type = String)]
    pub did: Did,
}

/// To whom a pod is offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PodOffer {
    /// One of its members; `null` takes the offer back.
    #[schema(value_type = Option<String>)]
    pub did: Option<Did>,
}

/// What somebody accepts to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PodAccept {
    /// What the invitation says; `owner` to take the pod over.
    pub role: PodRole,
}

/// A pod by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PodRef {
    /// `pod_…`.
    #[schema(value_type = String)]
    pub id: PodId,
    /// What it is called.
    pub name: String,
}

/// An invitation that nobody has answered yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PodInvitation {
    /// What the one who is invited would be.
    pub role: PodRole,
    /// Who invites.
    #[schema(value_type = String)]
    pub by: Did,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// A pod in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodCard {
    /// `pod_…`.
    #[schema(value_type = String)]
    pub id: PodId,
    /// What it is called.
    pub name: String,
    /// Whose it is.
    #[schema(value_type = String)]
    pub owner_did: Did,
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: PodKind,
    /// Who may know of it.
    pub visibility: PodVisibility,
    /// What the reader is in it; `null` for whoever is not in it.
    pub role: Option<PodRole>,
    /// That the reader is invited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<PodInvitation>,
}

/// A pod as its reader may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodView {
    /// What a list says of it.
    #[serde(flatten)]
    pub card: PodCard,
    /// How many people are in it.
    pub members: u32,
    /// What it stands within, where the reader may know of that.
    pub parent: Option<PodRef>,
    /// What stands in it, as far as the reader may know of it.
    pub pods: Vec<PodRef>,
    /// Whom it is offered to: for its owner, and for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub successor: Option<Did>,
    /// Since when there is such a pod.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// Somebody in a pod, or invited to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodMemberView {
    /// Who.
    #[schema(value_type = String)]
    pub did: Did,
    /// What they are in it, or would be.
    pub role: PodRole,
    /// Since when; `null` for somebody who has not accepted.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub joined_at: Option<Timestamp>,
    /// Who has invited them: for its owner and admins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub invited_by: Option<Did>,
}

/// A page of members, in the order of their DIDs. Those who do not show themselves to the reader are left out, so a
/// page may be shorter than was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PodMemberPage {
    /// The members.
    pub members: Vec<PodMemberView>,
    /// Where the next page begins; `null` at the end.
    pub cursor: Option<String>,
}

/// A page of pods, in the order of their ids: the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PodPage {
    /// The pods.
    pub pods: Vec<PodCard>,
    /// Where the next page begins; `null` at the end.
    pub cursor: Option<String>,
}

/// See [`PodsApi::pod_check`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodCheck {
    /// Which pod.
    pub pod: PodId,
    /// Who.
    pub did: Did,
    /// Whether the members of pods that stand in it count as well.
    #[serde(default)]
    pub with_inner: bool,
    /// Whether a pod of an event counts: to have been at the same event says little of two people.
    #[serde(default)]
    pub events: bool,
    /// In whose name it is asked: whom they have blocked or flagged red is nothing in any pod.
    #[serde(default)]
    pub by: Option<Did>,
}

impl PodCheck {
    /// Whether somebody is in this very pod, and it is none of an event.
    pub const fn of(pod: PodId, did: Did) -> Self {
        Self {
            pod,
            did,
            with_inner: false,
            events: false,
            by: None,
        }
    }
}

/// What [`PodsApi::pod_check`] answers. A pod that is not there has no members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodCheckAnswer {
    /// What they are, the highest where more than one pod counts; `None` when they are in none.
    pub role: Option<PodRole>,
}

/// See [`PodsApi::pod_fetch`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PodFetch {
    /// Which pod.
    pub pod: PodId,
    /// Who reads; nobody for a stranger.
    pub reader: Option<Did>,
}

/// See [`PodsApi::pod_member_list`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PodMembersFetch {
    /// Which pod.
    pub pod: PodId,
    /// Who reads; nobody for a stranger.
    pub reader: Option<Did>,
    /// Which part of the list.
    pub page: PodPageAsk,
}

/// See [`PodsApi::pod_list_own`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PodsOwn {
    /// Whose pods, and who reads.
    pub did: Did,
    /// Which part of the list.
    pub page: PodPageAsk,
}

/// Which part of a list.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PodPageAsk {
    /// At most so many, 1 to 200; 50 by default.
    pub limit: Option<u32>,
    /// Where the page before says that this one begins.
    pub cursor: Option<String>,
}
