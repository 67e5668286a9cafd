//! Covered components: their identifiers and their values (RFC 9421, section 2).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sfv::{BareItem, DictSerializer, Dictionary, Item, ItemSerializer, ListEntry, ListSerializer, Parser};
use url::{Url, form_urlencoded};

use super::FIELD_LENGTH_MAX;
use crate::ProofError;

/// A message as far as a signature can cover it.
pub(super) trait Source {
    fn method(&self) -> Option<&str>;
    fn target_uri(&self) -> Option<&str>;
    fn status(&self) -> Option<u16>;
    /// The lines of a field, in their order; none when the message does not have it. An error when this source cannot
    /// know.
    fn lines(&self, name: &str) -> Result<Vec<&str>, ProofError>;
    /// The request that a response answers.
    fn request(&self) -> Option<&dyn Source>;
}

/// One covered component: what is covered, and how its identifier was written.
#[derive(Debug, Clone)]
pub(super) struct Component {
    kind: Kind,
    /// Taken from the request that the response answers (section 2.4).
    of_request: bool,
    /// The serialized identifier with its parameters, as it stands in the signature base.
    identifier: Cow<'static, str>,
}

/// Two identifiers with the same parameters in another order name one component (section 2.5).
impl PartialEq for Component {
    fn eq(&self, other: &Self) -> bool {
        (&self.kind, self.of_request) == (&other.kind, other.of_request)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Method,
    TargetUri,
    Authority,
    Scheme,
    RequestTarget,
    Path,
    Query,
    QueryParam(String),
    Status,
    Field { name: Cow<'static, str>, reading: Reading },
}

/// How a field's value is written into the base (section 2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reading {
    Plain,
    /// `key`: one member of a dictionary.
    Member(String),
    /// `bs`: every line as a byte sequence.
    Bytes,
    /// `sf`: the strict serialization of a structured field.
    Strict,
}

/// Fields that are dictionaries by their definition: `sf` needs to know.
const DICTIONARIES: [&str; 8] = [
    "accept-signature",
    "content-digest",
    "priority",
    "repr-digest",
    "signature",
    "signature-input",
    "want-content-digest",
    "want-repr-digest",
];

impl Component {
    pub(super) const METHOD: Self = Self::fixed(Kind::Method, "\"@method\"");
    pub(super) const TARGET_URI: Self = Self::fixed(Kind::TargetUri, "\"@target-uri\"");
    pub(super) const STATUS: Self = Self::fixed(Kind::Status, "\"@status\"");
    pub(super) const CONTENT_DIGEST: Self = Self::fixed(Kind::plain("content-digest"), "\"content-digest\"");
    pub(super) const IDEMPOTENCY_KEY: Self = Self::fixed(Kind::plain("idempotency-key"), "\"idempotency-key\"");
    pub(super) const METHOD_OF_REQUEST: Self = Self::fixed(Kind::Method, "\"@method\";req").of_request();
    pub(super) const TARGET_URI_OF_REQUEST: Self = Self::fixed(Kind::TargetUri, "\"@target-uri\";req").of_request();
    pub(super) const CONTENT_DIGEST_OF_REQUEST: Self =
        Self::fixed(Kind::plain("content-digest"), "\"content-digest\";req").of_request();

    const fn fixed(kind: Kind, identifier: &'static str) -> Self {
        Self {
            kind,
            of_request: false,
            identifier: Cow::Borrowed(identifier),
        }
    }

    const fn of_request(mut self) -> Self {
        self.of_request = true;
        self
    }

    /// The signature with this label of the request that is answered: it binds an answer to one request alone.
    pub(super) fn signature_of_request(label: &str) -> Self {
        Self {
            kind: Kind::Field {
                name: Cow::Borrowed("signature"),
                reading: Reading::Member(label.to_owned()),
            },
            of_request: true,
            // A label is a key of a dictionary, so it has no character that would need an escape.
            identifier: Cow::Owned(format!("\"signature\";req;key=\"{label}\"")),
        }
    }

    /// Reads an identifier as it stands in a list of covered components, for example `"content-digest";req`.
    pub(super) fn from_identifier(text: &str) -> Result<Self, ProofError> {
        let item: Item = Parser::new(text).parse().or(Err(ProofError::UnknownComponent))?;
        Self::parse(&item)
    }

    /// Reads an identifier. What has a parameter that we do not know cannot be computed.
    pub(super) fn parse(item: &Item) -> Result<Self, ProofError> {
        let name = item.bare_item.as_string().ok_or(ProofError::UnknownComponent)?.as_str();
        let (mut of_request, mut reading, mut parameter) = (false, Reading::Plain, None);
        for (key, value) in &item.params {
            match (key.as_str(), value) {
                ("req", BareItem::Boolean(true)) => of_request = true,
                ("bs", BareItem::Boolean(true)) if reading == Reading::Plain => reading = Reading::Bytes,
                ("sf", BareItem::Boolean(true)) if reading == Reading::Plain => reading = Reading::Strict,
                ("key", BareItem::String(member)) if reading == Reading::Plain => {
                    reading = Reading::Member(member.as_str().to_owned());
                }
                ("name", BareItem::String(value)) => parameter = Some(value.as_str().to_owned()),
                _ => return Err(ProofError::UnknownComponent),
            }
        }
        let kind = match (name, parameter, reading) {
            ("@query-param", Some(parameter), Reading::Plain) => Kind::QueryParam(parameter),
            (name, None, Reading::Plain) if name.starts_with('@') => Kind::derived(name)?,
            (name, None, reading) if is_field_name(name) => Kind::Field {
                name: Cow::Owned(name.to_owned()),
                reading,
            },
            _ => return Err(ProofError::UnknownComponent),
        };
        let identifier = if item.params.is_empty() {
            // Neither a field's name nor a derived one has a character that would need an escape.
            format!("\"{name}\"")
        } else {
            ItemSerializer::new()
                .bare_item(&item.bare_item)
                .parameters(&item.params)
                .finish()
        };
        Ok(Self {
            kind,
            of_request,
            identifier: Cow::Owned(identifier),
        })
    }

    /// How it is called in the base.
    pub(super) fn identifier(&self) -> &str {
        &self.identifier
    }

    /// Whether it is of a header field, in whichever way the field is read.
    pub(super) fn is_of(&self, field: &str) -> bool {
        matches!(&self.kind, Kind::Field { name, .. } if name == field)
    }

    /// The name for a message about it.
    pub(super) fn name(&self) -> &'static str {
        match &self.kind {
            Kind::Method => "@method",
            Kind::TargetUri => "@target-uri",
            Kind::Authority => "@authority",
            Kind::Scheme => "@scheme",
            Kind::RequestTarget => "@request-target",
            Kind::Path => "@path",
            Kind::Query => "@query",
            Kind::QueryParam(_) => "@query-param",
            Kind::Status => "@status",
            Kind::Field { name, .. } => match &**name {
                "content-digest" => "content-digest",
                "idempotency-key" => "idempotency-key",
                "signature" => "signature",
                _ => "a header field",
            },
        }
    }

    /// Its value in a message.
    pub(super) fn value<'a>(&self, source: &'a dyn Source) -> Result<Cow<'a, str>, ProofError> {
        let source = match (self.of_request, source.request()) {
            (true, Some(request)) => request,
            (true, None) => return Err(ProofError::UnknownComponent),
            (false, _) => source,
        };
        let missing = ProofError::MissingComponent(self.name());
        let value = match &self.kind {
            Kind::Method => Cow::Borrowed(source.method().ok_or(missing)?),
            Kind::TargetUri => Cow::Borrowed(source.target_uri().ok_or(missing)?),
            Kind::Status => Cow::Owned(format!("{:03}", source.status().ok_or(missing)?)),
            Kind::Field { name, reading } => {
                let lines = source.lines(name)?;
                if lines.is_empty() {
                    return Err(missing);
                }
                reading.value(name, &lines)?.ok_or(missing)?
            }
            part => {
                let url = Url::parse(source.target_uri().ok_or(missing.clone())?).or(Err(ProofError::WrongTarget))?;
                Cow::Owned(part.part_of(&url).ok_or(missing)?)
            }
        };
        if value.len() > FIELD_LENGTH_MAX {
            return Err(ProofError::TooLong(self.name()));
        }
        visible_check(&value, self.name())?;
        Ok(value)
    }
}

impl Kind {
    const fn plain(name: &'static str) -> Self {
        Self::Field {
            name: Cow::Borrowed(name),
            reading: Reading::Plain,
        }
    }

    fn derived(name: &str) -> Result<Self, ProofError> {
        Ok(match name {
            "@method" => Self::Method,
            "@target-uri" => Self::TargetUri,
            "@authority" => Self::Authority,
            "@scheme" => Self::Scheme,
            "@request-target" => Self::RequestTarget,
            "@path" => Self::Path,
            "@query" => Self::Query,
            "@status" => Self::Status,
            _ => return Err(ProofError::UnknownComponent),
        })
    }

    /// The derived components that are a part of the URL (sections 2.2.3 to 2.2.8).
    fn part_of(&self, url: &Url) -> Option<String> {
        Some(match self {
            Self::Scheme => url.scheme().to_owned(),
            Self::Path => url.path().to_owned(),
            Self::Query => format!("?{}", url.query().unwrap_or_default()),
            Self::QueryParam(name) => query_param(url, name)?,
            Self::RequestTarget => match url.query() {
                Some(query) => format!("{}?{query}", url.path()),
                None => url.path().to_owned(),
            },
            // `Url` leaves a scheme's default port out, as the section asks for.
            _ => match (url.host_str()?, url.port()) {
                (host, Some(port)) => format!("{host}:{port}"),
                (host, None) => host.to_owned(),
            },
        })
    }
}

/// The value of a parameter that is there exactly once (section 2.2.8): name and value in their one encoding.
fn query_param(url: &Url, name: &str) -> Option<String> {
    let encode = |text: &str| {
        let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        encoded.replace('+', "%20")
    };
    let mut values = url.query_pairs().filter(|(key, _value)| encode(key) == name);
    let (_key, value) = values.next()?;
    values.next().is_none().then(|| encode(&value))
}

impl Reading {
    fn value<'a>(&self, name: &str, lines: &[&'a str]) -> Result<Option<Cow<'a, str>>, ProofError> {
        Ok(match (self, lines) {
            (Self::Plain, [line]) => Some(Cow::Borrowed(*line)),
            (Self::Plain, lines) => Some(Cow::Owned(lines.join(", "))),
            (Self::Bytes, lines) => {
                let encoded: Vec<String> = lines
                    .iter()
                    .map(|line| format!(":{}:", STANDARD.encode(line)))
                    .collect();
                Some(Cow::Owned(encoded.join(", ")))
            }
            (Self::Member(member), lines) => dictionary(lines)?.get(member.as_str()).map(entry_text).map(Cow::Owned),
            (Self::Strict, lines) if DICTIONARIES.contains(&name) => {
                let mut serializer = DictSerializer::new();
                serializer.members(&dictionary(lines)?);
                serializer.finish().map(Cow::Owned)
            }
            (Self::Strict, _) => return Err(ProofError::UnknownComponent),
        })
    }
}

fn dictionary(lines: &[&str]) -> Result<Dictionary, ProofError> {
    let joined = lines.join(", ");
    if joined.len() > FIELD_LENGTH_MAX {
        return Err(ProofError::TooLong("a header field"));
    }
    Parser::new(&joined).parse().or(Err(ProofError::Header {
        field: "a covered field",
        problem: "it is not a dictionary of structured fields",
    }))
}

fn entry_text(entry: &ListEntry) -> String {
    match entry {
        ListEntry::Item(item) => ItemSerializer::new()
            .bare_item(&item.bare_item)
            .parameters(&item.params)
            .finish(),
        ListEntry::InnerList(list) => {
            let mut serializer = ListSerializer::new();
            let mut inner = serializer.inner_list();
            inner.items(&list.items);
            let _params = inner.finish().parameters(&list.params);
            serializer.finish().unwrap_or_default()
        }
    }
}

/// A token in lower case (RFC 9110, section 5.6.2), as the identifiers of fields have to be.
fn is_field_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9') || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// A line break inside a value could imitate another line of the base.
pub(super) fn visible_check(value: &str, name: &'static str) -> Result<(), ProofError> {
    if value.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
        Ok(())
    } else {
        Err(ProofError::BadCharacters(name))
    }
}
