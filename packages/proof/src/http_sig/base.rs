//! The signature base: the text that is signed (RFC 9421, section 2.5).

use url::Url;

use super::SignedRequest;
use crate::ProofError;

/// The components that we can compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Component {
    Method,
    TargetUri,
    Authority,
    Scheme,
    Path,
    Query,
    ContentDigest,
    IdempotencyKey,
}

impl Component {
    /// What a signature of ours covers.
    pub(super) fn required(request: &SignedRequest) -> Vec<Self> {
        let mut components = vec![Self::Method, Self::TargetUri, Self::ContentDigest];
        if request.idempotency_key.is_some() {
            components.push(Self::IdempotencyKey);
        }
        components
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "@method" => Self::Method,
            "@target-uri" => Self::TargetUri,
            "@authority" => Self::Authority,
            "@scheme" => Self::Scheme,
            "@path" => Self::Path,
            "@query" => Self::Query,
            "content-digest" => Self::ContentDigest,
            "idempotency-key" => Self::IdempotencyKey,
            _ => return None,
        })
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Method => "@method",
            Self::TargetUri => "@target-uri",
            Self::Authority => "@authority",
            Self::Scheme => "@scheme",
            Self::Path => "@path",
            Self::Query => "@query",
            Self::ContentDigest => "content-digest",
            Self::IdempotencyKey => "idempotency-key",
        }
    }

    fn value(self, request: &SignedRequest) -> Result<String, ProofError> {
        let value = match self {
            Self::Method => request.method.clone(),
            Self::TargetUri => request.target_uri.clone(),
            Self::ContentDigest => field(request.content_digest.as_deref(), self)?,
            Self::IdempotencyKey => field(request.idempotency_key.as_deref(), self)?,
            Self::Authority | Self::Scheme | Self::Path | Self::Query => self.part_of(&request.target_uri)?,
        };
        visible_check(&value, self.name())?;
        Ok(value)
    }

    /// The derived components that are a part of the URL (RFC 9421, sections 2.2.3 to 2.2.7).
    fn part_of(self, target_uri: &str) -> Result<String, ProofError> {
        let url = Url::parse(target_uri).or(Err(ProofError::WrongTarget))?;
        Ok(match self {
            Self::Scheme => url.scheme().to_owned(),
            Self::Path => url.path().to_owned(),
            Self::Query => format!("?{}", url.query().unwrap_or_default()),
            // `Url` leaves a scheme's default port out, as the section asks for.
            _ => match (url.host_str(), url.port()) {
                (Some(host), Some(port)) => format!("{host}:{port}"),
                (Some(host), None) => host.to_owned(),
                (None, _) => return Err(ProofError::WrongTarget),
            },
        })
    }
}

fn field(value: Option<&str>, component: Component) -> Result<String, ProofError> {
    value
        .map(|value| value.trim().to_owned())
        .ok_or(ProofError::MissingComponent(component.name()))
}

/// A line break inside a value could imitate another line of the base.
pub(super) fn visible_check(value: &str, name: &'static str) -> Result<(), ProofError> {
    if value.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
        Ok(())
    } else {
        Err(ProofError::BadCharacters(name))
    }
}

/// The base of a request: one line for each component, then the serialized signature parameters.
pub(super) fn signature_base(
    request: &SignedRequest,
    components: &[Component],
    params: &str,
) -> Result<String, ProofError> {
    let mut lines = Vec::with_capacity(components.len());
    for component in components {
        lines.push((component.name(), component.value(request)?));
    }
    Ok(base_of(&lines, params))
}

fn base_of<V: AsRef<str>>(lines: &[(&str, V)], params: &str) -> String {
    let mut base = String::new();
    for (name, value) in lines {
        base.push('"');
        base.push_str(name);
        base.push_str("\": ");
        base.push_str(value.as_ref());
        base.push('\n');
    }
    base.push_str("\"@signature-params\": ");
    base.push_str(params);
    base
}

/// The name and value of each line of a base that [`signature_base`] made, the parameters last.
pub(super) fn lines_of(base: &str) -> Option<Vec<(&str, &str)>> {
    base.lines()
        .map(|line| line.strip_prefix('"')?.split_once("\": "))
        .collect()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use imajin_did::{PublicKey, SecretKey, Signature};

    use super::*;

    /// RFC 9421, appendix B.1.4 (the key) and B.2.6 (the base and its signature).
    #[test]
    fn the_ed25519_example_of_rfc_9421_verifies_and_is_reproduced() {
        let params = concat!(
            r#"("date" "@method" "@path" "@authority" "content-type" "content-length");"#,
            r#"created=1618884473;keyid="test-key-ed25519""#,
        );
        let lines = [
            ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
            ("@method", "POST"),
            ("@path", "/foo"),
            ("@authority", "example.com"),
            ("content-type", "application/json"),
            ("content-length", "18"),
        ];
        let base = base_of(&lines, params);
        let text = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==";
        let signature = Signature::from_slice(&STANDARD.decode(text).unwrap()).unwrap();
        let secret = SecretKey::from_pkcs8_pem(
            "-----BEGIN PRIVATE KEY-----\n\
             MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n\
             -----END PRIVATE KEY-----\n",
        )
        .unwrap();
        let public = PublicKey::from_spki_pem(
            "-----BEGIN PUBLIC KEY-----\n\
             MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n\
             -----END PUBLIC KEY-----\n",
        )
        .unwrap();
        assert_eq!(secret.public(), public);
        assert_eq!(public.verify(base.as_bytes(), &signature), Ok(()));
        assert_eq!(secret.sign(base.as_bytes()), signature);
        assert_eq!(lines_of(&base).unwrap().last(), Some(&("@signature-params", params)));
    }

    #[test]
    fn derived_components_are_parts_of_the_url() {
        let part = |component: Component, url: &str| component.part_of(url).unwrap();
        let url = "https://EXAMPLE.com:443/a/b?x=1&y";
        assert_eq!(part(Component::Authority, url), "example.com");
        assert_eq!(part(Component::Scheme, url), "https");
        assert_eq!(part(Component::Path, url), "/a/b");
        assert_eq!(part(Component::Query, url), "?x=1&y");
        assert_eq!(part(Component::Query, "http://localhost:7000"), "?");
        assert_eq!(part(Component::Path, "http://localhost:7000"), "/");
        assert_eq!(part(Component::Authority, "http://localhost:7000"), "localhost:7000");
        assert!(Component::Path.part_of("/no/scheme").is_err());
    }
}
