use std::io::Write;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand, ValueEnum};
use imajin_profile_api::{
    AvatarSet, ContactField, ProfileCard, ProfileDeleted, ProfileLink, ProfilePage, ProfileSet, ProfileView, Visibility,
};
use serde::Serialize;
use url::form_urlencoded;

use super::client::IdentityClient;
use super::output::table;
use super::{CommandError, KeyArg, NodeArg, Output};

const PROFILE_PATH: &str = "/profile/api/profile";
const AVATAR_PATH: &str = "/profile/api/avatar";

/// Profiles.
#[derive(Debug, Subcommand)]
pub(super) enum ProfileCommand {
    /// Show a profile: your own with a key file, or anybody's by handle or DID.
    Show(ShowArgs),
    /// Make or change your profile. What is not named stays as it is.
    Set(SetArgs),
    Handle(super::handle::HandleArgs),
    /// Set your picture from a PNG, JPEG or WebP file, or remove it.
    Avatar(AvatarArgs),
    /// Save everything that the node keeps about you as one JSON file.
    Export(ExportArgs),
    /// Find people by a word of their handle or name.
    Search(SearchArgs),
    /// Delete your profile and picture. Your identity, tickets and money stay.
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    node: NodeArg,
    /// Your key file: shows your own profile, or what somebody else lets you see.
    #[arg(long, env = "IMAJIN_KEY", value_name = "FILE")]
    key: Option<PathBuf>,
    /// A handle or DID.
    id: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// The name that is shown.
    #[arg(long)]
    name: Option<String>,
    /// A few words or paragraphs; empty text takes them away.
    #[arg(long)]
    bio: Option<String>,
    /// A link as `LABEL=URL` or `URL`; may be given several times and replaces all links. Empty text takes them away.
    #[arg(long = "link", value_name = "LINK")]
    links: Vec<String>,
    /// A mail address, never public; empty text takes it away.
    #[arg(long)]
    email: Option<String>,
    /// A telephone number, never public; empty text takes it away.
    #[arg(long)]
    phone: Option<String>,
    /// A place, never public; empty text takes it away.
    #[arg(long)]
    location: Option<String>,
    /// Contact fields that only you may see; the others are for your connections as well.
    #[arg(long, value_enum, value_delimiter = ',')]
    private: Option<Vec<ContactName>>,
}

/// A contact field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ContactName {
    Email,
    Phone,
    Location,
}

#[derive(Debug, Args)]
pub(super) struct AvatarArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// The picture.
    #[arg(required_unless_present = "remove", conflicts_with = "remove")]
    file: Option<PathBuf>,
    /// Take the picture away.
    #[arg(long)]
    remove: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// The file to write; it must not exist yet.
    #[arg(long, value_name = "FILE", default_value = "imajin-export.json")]
    out: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct SearchArgs {
    #[command(flatten)]
    node: NodeArg,
    /// The beginning of a word of a handle or name.
    text: String,
    /// At most so many, 1 to 50.
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// Where the last page ended.
    #[arg(long)]
    cursor: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// Really do it.
    #[arg(long, required = true)]
    yes: bool,
}

impl ProfileCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Show(args) => args.run(output).await,
            Self::Set(args) => args.run(output).await,
            Self::Handle(args) => args.run(output).await,
            Self::Avatar(args) => args.run(output).await,
            Self::Export(args) => args.run(output).await,
            Self::Search(args) => args.run(output).await,
            Self::Delete(args) => args.run(output).await,
        }
    }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn text_of(view: &ProfileView) -> String {
    let mut rows = vec![vec!["name".to_owned(), view.display_name.clone()]];
    let mut row = |label: &str, value: String| rows.push(vec![label.to_owned(), value]);
    row("did", view.did.to_string());
    view.handle
        .iter()
        .for_each(|handle| row("handle", format!("@{handle}")));
    row("type", view.display_type.clone());
    view.bio
        .iter()
        .for_each(|bio| row("bio", bio.replace('\n', "\n          ")));
    view.avatar.iter().for_each(|avatar| row("picture", avatar.clone()));
    for link in &view.links {
        row("link", format!("{} {}", link.label, link.url).trim().to_owned());
    }
    for (name, field) in view.contact.clone().fields_mut() {
        if let Some(field) = field {
            let note = if field.visibility == Visibility::Nobody {
                " (only you)"
            } else {
                ""
            };
            row(name, format!("{}{note}", field.value));
        }
    }
    row("version", view.version.to_string());
    table(&rows)
}

impl ShowArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let path = match &self.id {
            Some(id) => format!("{PROFILE_PATH}/{}", encoded(id)),
            None => PROFILE_PATH.to_owned(),
        };
        let view: ProfileView = match (self.key, &self.id) {
            (Some(key), _) => {
                let client = self.node.signing(&KeyArg { key })?;
                let session = client.login().await?;
                client.get_own(&session, &path).await?
            }
            (None, Some(_)) => self.node.client()?.get(&path).await?,
            (None, None) => {
                let text = "name a handle or DID, or a key file with --key to see your own profile";
                return Err(CommandError::Local(text.to_owned()));
            }
        };
        output.result(&view, text_of);
        Ok(())
    }
}

async fn own(client: &IdentityClient) -> Result<ProfileView, CommandError> {
    let session = client.login().await?;
    client.get_own(&session, PROFILE_PATH).await
}

impl SetArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.node.signing(&self.key)?;
        let set = self.change(own(&client).await?);
        let view: ProfileView = client
            .send(
                "PUT",
                PROFILE_PATH,
                &set,
                Some(&hex::encode(client.node().env().random_bytes::<16>())),
            )
            .await?;
        output.result(&view, text_of);
        Ok(())
    }

    /// The profile as it is, with what was named changed.
    fn change(&self, view: ProfileView) -> ProfileSet {
        let mut set = ProfileSet {
            version: view.version,
            display_name: self.name.clone().unwrap_or(view.display_name),
            bio: self.bio.clone().or(view.bio).filter(|bio| !bio.is_empty()),
            links: view.links,
            contact: view.contact,
        };
        if !self.links.is_empty() {
            set.links = self.links.iter().filter_map(|link| link_parse(link)).collect();
        }
        let given = [&self.email, &self.phone, &self.location];
        let names = [ContactName::Email, ContactName::Phone, ContactName::Location];
        for (((_, field), given), name) in set.contact.fields_mut().into_iter().zip(given).zip(names) {
            let visibility = field.as_ref().map(|field| field.visibility).unwrap_or_default();
            if let Some(value) = given.clone() {
                *field = (!value.is_empty()).then_some(ContactField { value, visibility });
            }
            if let (Some(private), Some(field)) = (&self.private, field) {
                let is_private = private.contains(&name);
                field.visibility = if is_private {
                    Visibility::Nobody
                } else {
                    Visibility::Connections
                };
            }
        }
        set
    }
}

/// `LABEL=URL` or `URL`: an equals sign behind `://` belongs to the address.
fn link_parse(text: &str) -> Option<ProfileLink> {
    let text = text.trim();
    let (label, url) = match text.split_once('=') {
        Some((label, url)) if !label.contains("://") => (label, url),
        _ => ("", text),
    };
    (!url.is_empty()).then(|| ProfileLink {
        label: label.trim().to_owned(),
        url: url.trim().to_owned(),
    })
}

impl AvatarArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.node.signing(&self.key)?;
        let view: ProfileView = match self.file {
            Some(path) => {
                let file = std::fs::read(&path).map_err(|error| {
                    CommandError::Local(format!("the picture {} cannot be read: {error}", path.display()))
                })?;
                let body = AvatarSet {
                    image: STANDARD.encode(file),
                };
                client.send("PUT", AVATAR_PATH, &body, None).await?
            }
            None => client.send("DELETE", AVATAR_PATH, &serde_json::json!({}), None).await?,
        };
        output.result(&view, |view| {
            view.avatar.as_ref().map_or_else(
                || "Your profile has no picture now.".to_owned(),
                |avatar| format!("Your picture is at {avatar}"),
            )
        });
        Ok(())
    }
}

#[derive(Serialize)]
struct Exported {
    file: String,
    bytes: u64,
    complete: bool,
}

impl ExportArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.node.signing(&self.key)?;
        let session = client.login().await?;
        let unwritable =
            |error| CommandError::Local(format!("the file {} cannot be written: {error}", self.out.display()));
        let mut file = std::fs::File::create_new(&self.out).map_err(unwritable)?;
        let bytes = client.download_own(&session, "/profile/api/export", &mut file).await;
        if bytes.is_err() {
            // Half of a document looks like a whole one to somebody who only sees that it is there.
            let _gone_already = std::fs::remove_file(&self.out);
        }
        let bytes = bytes?;
        file.flush().and_then(|()| file.sync_all()).map_err(unwritable)?;
        let document = std::fs::read(&self.out).map_err(unwritable)?;
        let document: serde_json::Value = serde_json::from_slice(&document)
            .map_err(|error| CommandError::Local(format!("the node sent no complete document: {error}")))?;
        let exported = Exported {
            file: self.out.display().to_string(),
            bytes,
            complete: document.get("complete") == Some(&serde_json::Value::Bool(true)),
        };
        output.result(&exported, |exported| {
            let gap = if exported.complete {
                ""
            } else {
                " Something is missing: see `missing` at its end."
            };
            format!("Saved {} bytes in {}.{gap}", exported.bytes, exported.file)
        });
        Ok(())
    }
}

impl SearchArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let cursor = self
            .cursor
            .as_deref()
            .map(|cursor| format!("&cursor={}", encoded(cursor)));
        let path = format!(
            "/profile/api/search?q={}&limit={}{}",
            encoded(&self.text),
            self.limit,
            cursor.unwrap_or_default()
        );
        let page: ProfilePage = self.node.client()?.get(&path).await?;
        output.result(&page, |page| {
            if page.profiles.is_empty() {
                return "Nobody of that name has a profile here.".to_owned();
            }
            let row = |card: &ProfileCard| {
                let handle = card.handle.as_ref().map(|handle| format!("@{handle}"));
                vec![
                    card.display_name.clone(),
                    handle.unwrap_or_default(),
                    card.did.to_string(),
                ]
            };
            let more = page
                .cursor
                .as_ref()
                .map(|cursor| format!("\nMore: --cursor '{cursor}'"));
            let rows: Vec<_> = page.profiles.iter().map(row).collect();
            format!("{}{}", table(&rows), more.unwrap_or_default())
        });
        Ok(())
    }
}

impl DeleteArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.node.signing(&self.key)?;
        let done: ProfileDeleted = client
            .send("DELETE", PROFILE_PATH, &serde_json::json!({}), None)
            .await?;
        output.result(&done, |_done| "Your profile is gone.".to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_may_have_a_label() {
        let parsed = |text| link_parse(text).map(|link| (link.label, link.url));
        let pair = |label: &str, url: &str| Some((label.to_owned(), url.to_owned()));
        assert_eq!(parsed("https://x.example/?a=b"), pair("", "https://x.example/?a=b"));
        assert_eq!(
            parsed("Home = https://x.example/?a=b"),
            pair("Home", "https://x.example/?a=b")
        );
        assert_eq!(parsed(""), None);
    }
}
