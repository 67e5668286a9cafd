use imajin_fair::ManifestId;
use imajin_fair_embed::media_type;
use imajin_money::Money;
use imajin_publisher_api::ContentFormat;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::PublisherError;
use crate::domain::work::NewVersion;

const TITLE_CHARS_MAX: usize = 200;
const SUMMARY_CHARS_MAX: usize = 1_000;
const PREVIEW_CHARS_MAX: usize = 20_000;
const NAME_CHARS_MAX: usize = 200;

/// What an author says about a work.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ContentBody {
    /// Its manifest, which is in the library, signed by the author, and says which bytes it is about.
    #[schema(value_type = String)]
    manifest: ManifestId,
    /// What it is called; as in the manifest, if not said.
    title: Option<String>,
    /// What it is about, in some sentences.
    #[serde(default)]
    summary: String,
    /// What everybody may read, as Markdown.
    #[serde(default)]
    preview: String,
    /// `markdown`, `html` or `file`.
    format: ContentFormat,
    /// The media type of a file; found by its name, if not said.
    media_type: Option<String>,
    /// What it is called when somebody saves it.
    file_name: Option<String>,
    /// SHA-256 of the bytes that will be sent, in hex.
    sha256: String,
    /// How many there are.
    size: i64,
    /// What it costs to read, where the manifest's terms do not say it.
    #[schema(value_type = Option<Object>)]
    price: Option<Money>,
}

impl ContentBody {
    /// Checks every member.
    pub(super) fn parse(self) -> Result<NewVersion, PublisherError> {
        if let Some(title) = &self.title {
            text_check("title", title, 1, TITLE_CHARS_MAX)?;
        }
        prose_check("summary", &self.summary, SUMMARY_CHARS_MAX)?;
        prose_check("preview", &self.preview, PREVIEW_CHARS_MAX)?;
        let is_digest = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if self.sha256.len() != 64 || !self.sha256.bytes().all(is_digest) {
            return Err(PublisherError::invalid("sha256", "must be 64 lower-case hex digits"));
        }
        let named = self.file_name.unwrap_or_else(|| {
            match self.format {
                ContentFormat::Markdown => "article.md",
                ContentFormat::Html => "article.html",
                ContentFormat::File => "work",
            }
            .to_owned()
        });
        let file_name = file_name_check(named)?;
        let media_type = match (self.format, self.media_type) {
            (ContentFormat::Markdown, _) => "text/markdown".to_owned(),
            (ContentFormat::Html, _) => "text/html".to_owned(),
            (ContentFormat::File, Some(named)) => media_type_check(&named)?,
            (ContentFormat::File, None) => media_type(None, &file_name).to_owned(),
        };
        Ok(NewVersion {
            manifest: self.manifest,
            title: self.title,
            summary: self.summary,
            preview: self.preview,
            format: self.format,
            media_type,
            file_name,
            sha256: self.sha256,
            size: self.size,
            price: self.price,
        })
    }
}

fn text_check(member: &str, text: &str, least: usize, most: usize) -> Result<(), PublisherError> {
    if !(least..=most).contains(&text.trim().chars().count()) || text.chars().any(char::is_control) {
        let problem = format!("must have {least} to {most} characters and no control characters");
        return Err(PublisherError::invalid(member, problem));
    }
    Ok(())
}

fn prose_check(member: &str, text: &str, most: usize) -> Result<(), PublisherError> {
    if text.chars().count() > most || text.contains('\0') {
        return Err(PublisherError::invalid(
            member,
            format!("must have at most {most} characters"),
        ));
    }
    Ok(())
}

/// A name that means one file in every folder, and nothing to a shell or a header.
fn file_name_check(name: String) -> Result<String, PublisherError> {
    text_check("fileName", &name, 1, NAME_CHARS_MAX)?;
    let is_path = name.contains(['/', '\\', '"', ':']) || name.starts_with('.') || name.contains("..");
    if is_path {
        let problem = "must be the name of a file, without a folder";
        return Err(PublisherError::invalid("fileName", problem));
    }
    Ok(name)
}

fn media_type_check(text: &str) -> Result<String, PublisherError> {
    let is_token = |part: &str| {
        (1..=127).contains(&part.len())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    match text.split_once('/') {
        Some((kind, subtype)) if is_token(kind) && is_token(subtype) => Ok(text.to_ascii_lowercase()),
        _ => Err(PublisherError::invalid("mediaType", "is none, for example image/png")),
    }
}
