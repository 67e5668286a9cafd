//! What the other services may ask of profile, and what profile asks of whoever knows who is connected to whom.

mod connections;
mod exporter;

use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_proof::http_sig::SignedRequest;
use imajin_web::service_api;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use connections::{Connected, ConnectionCheck, ConnectionsApi, ConnectionsClient};
pub use exporter::{ExportAsk, ExportPage, ExportPart, Exporter, ExporterApi, ExporterClient};

service_api! {
    /// What other services may ask of profile.
    pub trait ProfileApi, client ProfileClient, service "profile" {
        /// A profile as its reader may see it, by DID (any equivalent form) or handle. One that its owner has deleted
        /// is refused as gone.
        async fn profile_fetch(ProfileFetch) -> Option<ProfileView>;

        /// Profiles whose handle or name has a word that begins so.
        async fn profile_search(ProfileSearch) -> ProfilePage;

        /// Makes or changes the signer's profile: the signed request, as for `PUT /api/profile`.
        async fn profile_set(SignedRequest) -> ProfileView;

        /// Deletes the signer's profile: the signed request, as for `DELETE /api/profile`.
        async fn profile_delete(SignedRequest) -> ProfileDeleted;

        /// Sets the signer's picture: the signed request, as for `PUT /api/avatar`.
        async fn avatar_set(SignedRequest) -> ProfileView;

        /// Removes the signer's picture: the signed request, as for `DELETE /api/avatar`.
        async fn avatar_remove(SignedRequest) -> ProfileView;
    }
}

/// See [`ProfileApi::profile_fetch`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProfileFetch {
    /// A DID in any equivalent form, or a handle.
    pub did_or_handle: String,
    /// Who reads it; `None` for a stranger.
    pub reader: Option<Did>,
}

/// See [`ProfileApi::profile_search`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProfileSearch {
    /// The beginning of a word of the handle or the name; upper and lower case are the same.
    pub text: String,
    /// At most so many: 20 by default, 50 at most.
    pub limit: Option<u32>,
    /// Where the last page ended.
    pub cursor: Option<String>,
}

/// A page of profiles.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfilePage {
    /// The profiles, by the word that was found.
    pub profiles: Vec<ProfileCard>,
    /// Where the next page begins; absent at the end.
    pub cursor: Option<String>,
}

/// A profile in a list: public facts only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileCard {
    /// Whose it is.
    #[schema(value_type = String)]
    pub did: Did,
    /// The unique handle, if one was chosen.
    pub handle: Option<String>,
    /// The name that is shown.
    pub display_name: String,
    /// What kind of actor it is: human, agent, device, org, event, service, node.
    pub display_type: String,
    /// Where the picture is, 64 × 64 pixels.
    pub avatar_small: Option<String>,
}

/// A profile as its reader may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileView {
    /// Whose it is.
    #[schema(value_type = String)]
    pub did: Did,
    /// The unique handle, if one was chosen.
    pub handle: Option<String>,
    /// The name that is shown.
    pub display_name: String,
    /// What kind of actor it is: human, agent, device, org, event, service, node.
    pub display_type: String,
    /// A few words or paragraphs, plain text.
    pub bio: Option<String>,
    /// Where the picture is, 256 × 256 pixels.
    pub avatar: Option<String>,
    /// The same, 64 × 64 pixels.
    pub avatar_small: Option<String>,
    /// Other places of the same person.
    pub links: Vec<ProfileLink>,
    /// How to reach the person. Absent for everybody but the person and those whom the fields are for.
    #[serde(default, skip_serializing_if = "Contact::is_empty")]
    pub contact: Contact,
    /// How often it was changed; 0 for somebody who has made none yet. The next change must name it.
    pub version: u32,
    /// When it was made.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub created_at: Option<Timestamp>,
    /// When it was last changed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub updated_at: Option<Timestamp>,
}

/// A link on a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileLink {
    /// What it is called, at most 60 characters; empty: the address itself is shown.
    #[serde(default)]
    pub label: String,
    /// Where it leads: `https://…` or `http://…`, at most 500 characters.
    pub url: String,
}

/// How to reach a person: never public.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Contact {
    /// A mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<ContactField>,
    /// A telephone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<ContactField>,
    /// A place or an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<ContactField>,
}

impl Contact {
    /// Whether nothing is in it.
    pub const fn is_empty(&self) -> bool {
        self.email.is_none() && self.phone.is_none() && self.location.is_none()
    }

    /// Each field with its name.
    pub fn fields_mut(&mut self) -> [(&'static str, &mut Option<ContactField>); 3] {
        [
            ("email", &mut self.email),
            ("phone", &mut self.phone),
            ("location", &mut self.location),
        ]
    }
}

/// One way to reach a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactField {
    /// The text, at most 200 characters.
    pub value: String,
    /// Who may see it.
    #[serde(default)]
    pub visibility: Visibility,
}

/// Who may see a contact field. There is no "everybody".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// The person's connections, and the person.
    #[default]
    Connections,
    /// The person alone.
    Nobody,
}

/// The body of `PUT /api/profile`: all of the profile that its owner writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProfileSet {
    /// The version that is changed; 0 for a new profile. Another device may have changed it since: then this is
    /// refused.
    pub version: u32,
    /// The name that is shown, 1 to 80 characters.
    pub display_name: String,
    /// At most 2000 characters, plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bio: Option<String>,
    /// At most 10.
    #[serde(default)]
    pub links: Vec<ProfileLink>,
    /// How to reach the person.
    #[serde(default)]
    pub contact: Contact,
}

/// The body of `PUT /api/avatar`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AvatarSet {
    /// A PNG, JPEG or WebP file of at most 5 MiB, in base64 (RFC 4648, section 4).
    pub image: String,
}

/// The profile is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProfileDeleted {
    /// Always true.
    pub deleted: bool,
}
