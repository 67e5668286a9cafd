//! The grammar of the DID forms that we accept, as pure functions over text.

use crate::did::Method;
use crate::multikey::{self, MultikeyError};
use crate::{KeyError, PublicKey};

/// Longer texts are refused before anything looks at them; the longest mailbox in percent-encoding stays below.
const LENGTH_MAX: usize = 800;

/// Why a text is no DID that we accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DidError {
    /// It does not start with `did:` and a method.
    #[error("not a DID: it must look like did:mjn:z6Mk…")]
    NotADid,
    /// It is longer than any DID that we accept.
    #[error("the DID is longer than {LENGTH_MAX} bytes")]
    TooLong,
    /// The method is none of ours.
    #[error("this DID method is not supported; use did:mjn, did:key, did:imajin, did:web or did:email")]
    UnknownMethod,
    /// did:mjn and did:key carry a Multikey.
    #[error("the key in the DID cannot be read: {0}")]
    Multikey(#[from] MultikeyError),
    /// did:imajin carries base58btc of 32 bytes, or 16 lower-case hex digits.
    #[error("after did:imajin: there must be a key in base58 (32 bytes) or 16 lower-case hex digits")]
    Imajin,
    /// The key of a did:imajin is unusable.
    #[error("the key in the DID cannot be used: {0}")]
    Key(#[from] KeyError),
    /// did:email is `<local>_at_<domain>` in lower case, other characters percent-encoded.
    #[error("after did:email: there must be <local>_at_<domain> in lower case, other characters percent-encoded")]
    Email,
    /// The text is no mailbox from which a did:email can be made.
    #[error("not a mailbox: write it like name@example.org, an international domain in its xn-- form")]
    Mailbox,
    /// did:web is a host name (no address) in lower case, optionally `%3A` and a port, optionally `:` and path parts.
    #[error("after did:web: there must be a host name in lower case, optionally %3A and a port, then :path parts")]
    Web,
}

/// Which form `text` has, or why it has none.
pub(crate) fn method_of(text: &str) -> Result<Method, DidError> {
    if text.len() > LENGTH_MAX {
        return Err(DidError::TooLong);
    }
    let rest = text.strip_prefix("did:").ok_or(DidError::NotADid)?;
    let (method, specific) = rest.split_once(':').ok_or(DidError::NotADid)?;
    match method {
        "mjn" => multikey::decode(specific)
            .map(|_key| Method::Mjn)
            .map_err(DidError::from),
        "key" => multikey::decode_any(specific)
            .map(|_key| Method::Key)
            .map_err(DidError::from),
        "imajin" if is_short_imajin(specific) => Ok(Method::ImajinShort),
        "imajin" => imajin_key(specific).map(|_key| Method::Imajin),
        "email" if is_email(specific) => Ok(Method::Email),
        "email" => Err(DidError::Email),
        "web" if is_web(specific) => Ok(Method::Web),
        "web" => Err(DidError::Web),
        _ => Err(DidError::UnknownMethod),
    }
}

fn is_short_imajin(specific: &str) -> bool {
    specific.len() == 16 && specific.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The key in the part after `did:imajin:` of the long form.
pub(crate) fn imajin_key(specific: &str) -> Result<PublicKey, DidError> {
    let mut bytes = [0; 32];
    match bs58::decode(specific).onto(&mut bytes) {
        Ok(32) => Ok(PublicKey::from_bytes(&bytes)?),
        _ => Err(DidError::Imajin),
    }
}

/// The characters that DID syntax allows as they are (W3C DID Core, section 3.1, `idchar`), in lower case.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_')
}

fn is_email(specific: &str) -> bool {
    specific.rsplit_once("_at_").is_some_and(|(local, domain)| {
        percent_decode(local).is_some_and(|decoded| is_local(&decoded))
            && !domain.is_empty()
            // Live databases hold underscores in place of dots, so the alias table must be able to name that form.
            && domain.len() <= 253
            && domain.bytes().all(is_plain)
    })
}

/// Decodes the one way in which [`percent_encode`] writes a text; any other way is refused, so that one mailbox has
/// one DID.
fn percent_decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let value = upper_hex(bytes.next()?)?
                .checked_mul(16)?
                .checked_add(upper_hex(bytes.next()?)?)?;
            if is_plain(value) || value.is_ascii_uppercase() {
                return None;
            }
            decoded.push(value);
        } else if is_plain(byte) {
            decoded.push(byte);
        } else {
            return None;
        }
    }
    String::from_utf8(decoded).ok()
}

fn upper_hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => byte.checked_sub(b'0'),
        b'A'..=b'F' => byte.checked_sub(b'A').and_then(|digit| digit.checked_add(10)),
        _ => None,
    }
}

fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_plain(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&hex::encode_upper([byte]));
        }
    }
    encoded
}

/// `Name@Example.org` as `did:email:name_at_example.org`.
pub(crate) fn email_from_mailbox(mailbox: &str) -> Result<String, DidError> {
    let lower = mailbox.trim().to_lowercase();
    let (local, domain) = lower.rsplit_once('@').ok_or(DidError::Mailbox)?;
    if !is_local(local) || !is_domain(domain) {
        return Err(DidError::Mailbox);
    }
    Ok(format!("did:email:{}_at_{domain}", percent_encode(local)))
}

/// What stands before the @, already in lower case: one mailbox has one text.
fn is_local(local: &str) -> bool {
    // RFC 5321, section 4.5.3.1: at most 64 octets before the @ and 255 after it.
    (1..=64).contains(&local.len())
        && !local
            .chars()
            .any(|letter| letter.is_control() || letter.is_whitespace())
        && local.to_lowercase() == local
}

/// The mailbox of the part after `did:email:`; none for the alias form with underscores in place of dots.
pub(crate) fn mailbox_of(specific: &str) -> Option<String> {
    let (local, domain) = specific.rsplit_once("_at_")?;
    is_domain(domain)
        .then(|| percent_decode(local))
        .flatten()
        .map(|local| format!("{local}@{domain}"))
}

/// A host name in lower-case ASCII: labels of letters, digits and inner hyphens (RFC 1123, section 2.1).
fn is_domain(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        })
}

fn is_port(text: &str) -> bool {
    !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

fn is_web(specific: &str) -> bool {
    let mut parts = specific.split(':');
    let Some(authority) = parts.next() else {
        return false;
    };
    let authority_is_valid = match authority.split_once("%3A") {
        Some((host, port)) => is_web_host(host) && is_port(port),
        None => is_web_host(authority),
    };
    authority_is_valid && parts.all(is_path_segment)
}

/// The method wants a name that a certificate can have, so no address (W3C did:web, "Method-Specific Identifier"); what
/// ends in a number would be read as one (WHATWG URL, "ends in a number").
fn is_web_host(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last
            .strip_prefix("0x")
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    is_domain(host) && !is_number
}

/// One step of a did:web path. Dots alone would climb out of the path once the DID becomes a URL.
fn is_path_segment(segment: &str) -> bool {
    !segment.is_empty()
        && segment != "."
        && segment != ".."
        && segment.bytes().all(|byte| is_plain(byte) || byte.is_ascii_uppercase())
}

/// `host[:port]` as a did:web.
pub(crate) fn web_from_authority(authority: &str) -> Result<String, DidError> {
    let text = format!("did:web:{}", authority.to_ascii_lowercase().replacen(':', "%3A", 1));
    // Anything after the port would be read as a path.
    if text.matches(':').count() == 2 && method_of(&text)? == Method::Web {
        return Ok(text);
    }
    Err(DidError::Web)
}

/// Where the document of a did:web is (W3C did:web, "Read"), from the part after `did:web:`.
pub(crate) fn web_document_url(specific: &str) -> String {
    let (authority, path) = match specific.split_once(':') {
        Some((authority, path)) => (authority, path.replace(':', "/")),
        None => (specific, ".well-known".to_owned()),
    };
    format!("https://{}/{path}/did.json", authority.replace("%3A", ":"))
}
