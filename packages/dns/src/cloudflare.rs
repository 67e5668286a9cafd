//! Zones at Cloudflare, through version 4 of its API.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use imajin_kernel::Problem;
use imajin_web::{HttpAnswer, HttpClient};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{Change, DnsError, DnsProvider, RecordKind, RecordSet, Records, Zone, ZoneName};

/// The longest piece of a text (RFC 1035, section 3.3).
const TEXT_PIECE: usize = 255;
/// What Cloudflare takes for the time that others may remember a record, in seconds.
const TTL_SECONDS: std::ops::RangeInclusive<u32> = 60..=86_400;
/// Records of one name that are looked at; nobody has so many.
const RECORDS_MAX: usize = 100;

/// What the provider needs.
#[derive(Debug, Clone)]
pub struct CloudflareSettings {
    /// Where the API is: `https://api.cloudflare.com/client/v4`.
    pub api_url: Url,
    /// The identifier of the zone in which the names are.
    pub zone_id: String,
    /// The names' own zone: the zone at Cloudflare, or a name below it.
    pub zone: Zone,
    /// A token that may edit the DNS of that zone.
    pub token: SecretString,
    /// How long one exchange may take.
    pub timeout: Duration,
}

/// A zone at Cloudflare.
#[derive(Clone)]
pub struct Cloudflare {
    settings: CloudflareSettings,
    http: HttpClient,
}

/// What every answer is wrapped in.
#[derive(Deserialize)]
struct Envelope<T> {
    success: bool,
    #[serde(default)]
    errors: Vec<ApiError>,
    result: Option<T>,
}

#[derive(Deserialize)]
struct ApiError {
    code: i64,
    message: String,
}

/// A record as Cloudflare has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Known {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    content: String,
    ttl: u32,
}

/// A record of any kind.
#[derive(Deserialize)]
struct Named {
    name: String,
}

/// A record that is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Wanted {
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    content: String,
    ttl: u32,
    proxied: bool,
}

#[derive(Serialize)]
struct Gone<'a> {
    id: &'a str,
}

/// Changes that Cloudflare makes in one transaction: first what goes, then what comes.
#[derive(Serialize)]
struct Batch<'a> {
    deletes: Vec<Gone<'a>>,
    posts: Vec<Wanted>,
}

impl Cloudflare {
    /// A provider. Connects when it is asked something, and not before.
    ///
    /// # Errors
    /// When the TLS set-up of the machine is broken.
    pub fn new(settings: CloudflareSettings) -> Result<Self, Problem> {
        let http = HttpClient::new(settings.timeout, None)?;
        Ok(Self { settings, http })
    }

    fn url(&self, below: &str) -> Result<Url, DnsError> {
        let base = self.settings.api_url.as_str().trim_end_matches('/');
        let text = format!("{base}/zones/{}/{below}", self.settings.zone_id);
        Url::parse(&text).map_err(|error| DnsError::Refused(error.to_string()))
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        body: Vec<u8>,
    ) -> Result<T, DnsError> {
        let mut headers = HeaderMap::new();
        let bearer = format!("Bearer {}", self.settings.token.expose_secret());
        let mut bearer = HeaderValue::try_from(bearer)
            .map_err(|_error| DnsError::Refused("the token is none that can be sent".to_owned()))?;
        bearer.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, bearer);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let answer = self.http.send(method, url, headers, body).await;
        read(&answer.map_err(|problem| DnsError::Away(problem.detail))?)
    }

    /// Records whose names fit a filter.
    async fn list<T: serde::de::DeserializeOwned>(&self, filter: &str, text: &str) -> Result<Vec<T>, DnsError> {
        let mut url = self.url("dns_records")?;
        url.query_pairs_mut()
            .append_pair(filter, text)
            .append_pair("per_page", &RECORDS_MAX.to_string());
        self.ask(Method::GET, url, Vec::new()).await
    }

    async fn known(&self, name: &ZoneName) -> Result<Vec<Known>, DnsError> {
        let mut records: Vec<Known> = self.list("name", name.as_str()).await?;
        if records.len() >= RECORDS_MAX {
            return Err(DnsError::Refused(format!(
                "{name} has more records than a name of a node can have"
            )));
        }
        // Whatever the filter is taken for: nothing of another name is touched.
        records.retain(|record| record.name.eq_ignore_ascii_case(name.as_str()));
        Ok(records)
    }

    fn check_zone(&self, name: &ZoneName) -> Result<(), DnsError> {
        if self.settings.zone.holds(name) {
            return Ok(());
        }
        Err(DnsError::OutOfZone(name.to_string()))
    }
}

#[async_trait]
impl DnsProvider for Cloudflare {
    fn name(&self) -> &'static str {
        "cloudflare"
    }

    async fn apply(&self, changes: &[Change]) -> Result<(), DnsError> {
        changes.iter().try_for_each(|change| self.check_zone(change.name()))?;
        let mut known: BTreeMap<&ZoneName, Vec<Known>> = BTreeMap::new();
        for change in changes {
            if !known.contains_key(change.name()) {
                known.insert(change.name(), self.known(change.name()).await?);
            }
        }
        let (mut gone, mut posts) = (Vec::new(), Vec::new());
        for change in changes {
            let of_name = known.get_mut(change.name()).map(std::mem::take).unwrap_or_default();
            let (kept, replaced) = change_apply(change, of_name, &mut posts);
            known.insert(change.name(), kept);
            gone.extend(replaced);
        }
        if gone.is_empty() && posts.is_empty() {
            return Ok(());
        }
        let deletes = gone.iter().map(|record| Gone { id: &record.id }).collect();
        let batch = serde_json::to_vec(&Batch { deletes, posts });
        let batch = batch.map_err(|error| DnsError::Refused(error.to_string()))?;
        let url = self.url("dns_records/batch")?;
        let _made: serde_json::Value = self.ask(Method::POST, url, batch).await?;
        Ok(())
    }

    async fn fetch(&self, name: &ZoneName, kind: RecordKind) -> Result<Option<RecordSet>, DnsError> {
        self.check_zone(name)?;
        let known = self.known(name).await?;
        let found: Vec<&Known> = known.iter().filter(|record| record.kind == kind_text(kind)).collect();
        let Some(ttl_seconds) = found.first().map(|record| record.ttl) else {
            return Ok(None);
        };
        let mut contents = found.iter().map(|record| record.content.as_str());
        let records = match kind {
            RecordKind::A => Records::A(contents.filter_map(|text| text.parse().ok()).collect()),
            RecordKind::Aaaa => Records::Aaaa(contents.filter_map(|text| text.parse().ok()).collect()),
            RecordKind::Txt => Records::Txt(contents.map(text_of).collect()),
            RecordKind::Cname => match contents.find_map(|text| text.parse().ok()) {
                Some(target) => Records::Cname(target),
                None => return Ok(None),
            },
        };
        Ok(RecordSet::new(name.clone(), ttl_seconds, records))
    }

    async fn is_there(&self, name: &ZoneName) -> Result<bool, DnsError> {
        self.check_zone(name)?;
        let below = format!(".{name}");
        let at: Vec<Named> = self.list("name", name.as_str()).await?;
        let under: Vec<Named> = self.list("name.endswith", &below).await?;
        let is_of = |record: &Named| {
            let of = record.name.to_ascii_lowercase();
            of == name.as_str() || of.ends_with(&below)
        };
        Ok(at.iter().chain(&under).any(is_of))
    }
}

/// What of the known records stays and what goes; what has to be made is added to `posts`. What is there already is
/// neither deleted nor made again.
fn change_apply(change: &Change, known: Vec<Known>, posts: &mut Vec<Wanted>) -> (Vec<Known>, Vec<Known>) {
    let set = match change {
        Change::Delete(_, kind) => return known.into_iter().partition(|record| record.kind != kind_text(*kind)),
        Change::Put(set) => set,
    };
    let kind = set.records().kind();
    let mut wanted = wanted(set);
    // A name that is another name for something has nothing else, and one that has something is no other name.
    let excluded = |record: &Known| match kind {
        RecordKind::Cname => ["A", "AAAA", "TXT"].contains(&record.kind.as_str()),
        _ => record.kind == "CNAME",
    };
    let (mut kept, mut gone) = (Vec::new(), Vec::new());
    for record in known {
        let same = wanted.iter().position(|wanted| is_same(wanted, &record));
        match same {
            Some(position) => {
                wanted.remove(position);
                kept.push(record);
            }
            None if record.kind == kind_text(kind) || excluded(&record) => gone.push(record),
            None => kept.push(record),
        }
    }
    posts.append(&mut wanted);
    (kept, gone)
}

fn is_same(wanted: &Wanted, known: &Known) -> bool {
    let content_fits = if wanted.kind == "TXT" {
        text_of(&wanted.content) == text_of(&known.content)
    } else {
        wanted.content.eq_ignore_ascii_case(&known.content)
    };
    wanted.kind == known.kind && wanted.ttl == known.ttl && content_fits
}

fn wanted(set: &RecordSet) -> Vec<Wanted> {
    let contents: Vec<String> = match set.records() {
        Records::A(addresses) => addresses.iter().map(ToString::to_string).collect(),
        Records::Aaaa(addresses) => addresses.iter().map(ToString::to_string).collect(),
        Records::Cname(target) => vec![target.to_string()],
        Records::Txt(texts) => texts.iter().map(|text| quoted(text)).collect(),
    };
    let ttl = set.ttl_seconds().clamp(*TTL_SECONDS.start(), *TTL_SECONDS.end());
    let record = |content| Wanted {
        kind: kind_text(set.records().kind()),
        name: set.name().to_string(),
        content,
        ttl,
        proxied: false,
    };
    contents.into_iter().map(record).collect()
}

const fn kind_text(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::A => "A",
        RecordKind::Aaaa => "AAAA",
        RecordKind::Cname => "CNAME",
        RecordKind::Txt => "TXT",
    }
}

/// A text as a zone file has it: pieces of at most 255 bytes in quotes.
fn quoted(text: &str) -> String {
    let mut pieces = vec![String::new()];
    let mut length = 0;
    for character in text.chars() {
        if length + character.len_utf8() > TEXT_PIECE {
            pieces.push(String::new());
            length = 0;
        }
        length += character.len_utf8();
        if let Some(piece) = pieces.last_mut() {
            if matches!(character, '"' | '\\') {
                piece.push('\\');
            }
            piece.push(character);
        }
    }
    pieces
        .iter()
        .map(|piece| format!("\"{piece}\""))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The text of quoted pieces; one without quotes is taken as it is.
fn text_of(content: &str) -> String {
    if !content.starts_with('"') {
        return content.to_owned();
    }
    let (mut text, mut is_within, mut is_escaped) = (String::new(), false, false);
    for character in content.chars() {
        match character {
            _ if is_escaped => {
                text.push(character);
                is_escaped = false;
            }
            '\\' if is_within => is_escaped = true,
            '"' => is_within = !is_within,
            _ if is_within => text.push(character),
            _ => {}
        }
    }
    text
}

/// The result of an answer. What Cloudflare says of a refusal is passed on: it never repeats the token.
fn read<T: serde::de::DeserializeOwned>(answer: &HttpAnswer) -> Result<T, DnsError> {
    let is_later = answer.status == StatusCode::TOO_MANY_REQUESTS || answer.status.is_server_error();
    let envelope: Result<Envelope<T>, _> = serde_json::from_slice(&answer.body);
    let envelope = match envelope {
        Ok(envelope) => envelope,
        Err(_) if is_later => return Err(DnsError::Away(answer.status.to_string())),
        Err(error) => return Err(DnsError::Untrusted(error.to_string())),
    };
    let said: Vec<String> = envelope
        .errors
        .iter()
        .map(|error| format!("{} ({})", error.message, error.code))
        .collect();
    let said = said.join(", ");
    match envelope.result {
        Some(result) if envelope.success && answer.status.is_success() => Ok(result),
        _ if is_later => Err(DnsError::Away(format!("{} {said}", answer.status))),
        _ => Err(DnsError::Refused(format!("{} {said}", answer.status))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_in_pieces_and_read_back() {
        for text in [
            "",
            "plain",
            "with \"quotes\" and \\",
            &"x".repeat(600),
            &"é".repeat(200),
        ] {
            assert_eq!(text_of(&quoted(text)), text);
        }
        assert_eq!(quoted("a"), "\"a\"");
        assert_eq!(quoted(&"x".repeat(256)).matches('"').count(), 4);
        assert_eq!(text_of("plain"), "plain");
    }
}
