//! What is brought to the new node, part by part. Each part can be brought again: what is there stays.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imajin_kernel::Code;
use imajin_profile_api::{AvatarSet, ProfileSet, ProfileView};
use imajin_publisher_api::Published;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::bundle::Bundle;
use super::list;
use crate::cli::CommandError;
use crate::cli::client::IdentityClient;
use crate::cli::key_file::local;

const PROFILE: &str = "/profile/api/profile";
/// A node takes so many statements at once.
const STATEMENTS_MAX: usize = 100;

/// What became of a part.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part {
    #[serde(rename = "part")]
    name: &'static str,
    /// How many the bundle has.
    of: usize,
    /// How many were new at the node.
    brought: usize,
    /// How many were there, or have been overtaken by what is there.
    there: usize,
    pub(super) problems: Vec<String>,
}

impl Part {
    pub(super) fn new(name: &'static str, of: usize) -> Self {
        Self {
            name,
            of,
            brought: 0,
            there: 0,
            problems: Vec::new(),
        }
    }

    /// Counts one that is new at the node, or was there, or was refused.
    pub(super) fn add(&mut self, brought: Result<bool, CommandError>) {
        match brought {
            Ok(true) => self.brought = self.brought.saturating_add(1),
            Ok(false) => self.there = self.there.saturating_add(1),
            Err(error) => self.fail(&error),
        }
    }

    pub(super) fn fail(&mut self, error: &CommandError) {
        self.problems.push(error.to_string());
    }

    /// Whether the bundle has any of it.
    pub(super) const fn is_asked(&self) -> bool {
        self.of > 0
    }

    pub(super) fn line(&self) -> String {
        let lead = format!(
            "{}: {} of {} brought, {} there before",
            self.name, self.brought, self.of, self.there
        );
        let problems = self.problems.iter().map(|problem| format!("\n  {problem}"));
        problems.fold(lead, |text, problem| text + &problem)
    }
}

/// A member of what was exported; `None` where there is nothing.
pub(super) fn member<T: DeserializeOwned>(bundle: &Bundle, name: &str) -> Result<Option<T>, CommandError> {
    let found = bundle.data.get(name).filter(|found| !found.is_null()).cloned();
    let read = found.map(serde_json::from_value).transpose();
    read.map_err(|error| local(format!("`{name}` in the bundle cannot be read: {error}")))
}

/// Profile and picture, if there are none at the new node yet: what was written there stays.
pub(super) async fn profile_bring(client: &IdentityClient, bundle: &Bundle) -> [Part; 2] {
    let view = member::<ProfileView>(bundle, "profile").map(|view| view.filter(|view| view.version > 0));
    let picture = bundle.data.pointer("/avatar/image").and_then(Value::as_str);
    let count = |is_there| usize::from(is_there);
    let mut profile = Part::new("profile", count(!matches!(view, Ok(None))));
    let mut avatar = Part::new("picture", count(picture.is_some()));
    let there = match view {
        Ok(Some(view)) => match own_profile(client).await {
            Ok(there) => {
                profile.add(profile_write(client, view, &there).await);
                Ok(Some(there))
            }
            Err(error) => {
                profile.fail(&error);
                Err(())
            }
        },
        Ok(None) => Ok(None),
        Err(error) => {
            profile.fail(&error);
            Err(())
        }
    };
    if let (Some(picture), Ok(there)) = (picture, there) {
        let has_picture = there.is_some_and(|there| there.avatar.is_some());
        avatar.add(picture_write(client, picture, has_picture).await);
    }
    [profile, avatar]
}

async fn own_profile(client: &IdentityClient) -> Result<ProfileView, CommandError> {
    let session = client.login().await?;
    let there = client.get_own(&session, PROFILE).await?;
    client.logout(&session).await?;
    Ok(there)
}

async fn profile_write(client: &IdentityClient, view: ProfileView, there: &ProfileView) -> Result<bool, CommandError> {
    if there.version > 0 {
        return Ok(false);
    }
    let set = ProfileSet {
        version: there.version,
        display_name: view.display_name,
        bio: view.bio,
        links: view.links,
        contact: view.contact,
    };
    let _saved: ProfileView = client.send("PUT", PROFILE, &set, None).await?;
    Ok(true)
}

async fn picture_write(client: &IdentityClient, picture: &str, has_one: bool) -> Result<bool, CommandError> {
    if has_one {
        return Ok(false);
    }
    let bytes = STANDARD.decode(picture);
    let bytes = bytes.map_err(|error| local(format!("the picture in the bundle cannot be read: {error}")))?;
    let body = AvatarSet {
        image: STANDARD.encode(bytes),
    };
    let _saved: ProfileView = client.send("PUT", "/profile/api/avatar", &body, None).await?;
    Ok(true)
}

/// What the person has signed about others, and others about them.
pub(super) async fn statements_bring(client: &IdentityClient, bundle: &Bundle) -> Part {
    let none = Value::Null;
    let all = list(bundle.data.get("trust").unwrap_or(&none), "statements");
    let mut part = Part::new("statements", all.len());
    for some in all.chunks(STATEMENTS_MAX) {
        // One that is refused must not keep the others back.
        if let Err(CommandError::Problem(_)) = statements_send(client, some, &mut part).await {
            for one in some.chunks(1) {
                if let Err(error) = statements_send(client, one, &mut part).await {
                    part.fail(&error);
                }
            }
        }
    }
    part
}

async fn statements_send(client: &IdentityClient, some: &[Value], part: &mut Part) -> Result<(), CommandError> {
    let body = json!({"statements": some});
    let answer: Value = client.send("POST", "/connections/api/import", &body, None).await?;
    let brought = list(&answer, "imported").len();
    part.brought = part.brought.saturating_add(brought);
    part.there = part.there.saturating_add(some.len().saturating_sub(brought));
    Ok(())
}

/// The manifests with what others have signed about them, the oldest first: a later one can be made from it.
pub(super) async fn manifests_bring(client: &IdentityClient, bundle: &Bundle) -> Part {
    let all = list(&bundle.data, "manifests");
    let mut part = Part::new("manifests", all.len());
    for record in all.iter().rev() {
        let published: Result<Published, _> = client.send("POST", "/publisher/api/fair", record, None).await;
        part.add(published.map(|published| published.created));
    }
    part
}

/// Whether somebody else has what was asked for.
pub(super) fn is_taken(error: &CommandError) -> bool {
    matches!(error, CommandError::Problem(problem) if problem.code == Code::Conflict)
}
