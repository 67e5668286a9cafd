use imajin_profile_api::{Contact, ContactField, ProfileLink, ProfileSet};
use url::Url;

use super::text::{line, paragraphs};
use crate::ProfileError;

const NAME_LENGTH_MAX: usize = 80;
const BIO_LENGTH_MAX: usize = 2000;
const LINKS_MAX: usize = 10;
const LINK_LABEL_LENGTH_MAX: usize = 60;
const LINK_URL_LENGTH_MAX: usize = 500;
const CONTACT_LENGTH_MAX: usize = 200;

/// What an owner wrote, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProfileDraft {
    pub(crate) version: u32,
    pub(crate) display_name: String,
    pub(crate) bio: Option<String>,
    pub(crate) links: Vec<ProfileLink>,
    pub(crate) contact: Contact,
}

impl ProfileDraft {
    /// Checks every member. The audit reads logged bodies with it, so a rule that becomes stricter needs a new name.
    pub(crate) fn of(set: ProfileSet) -> Result<Self, ProfileError> {
        if set.links.len() > LINKS_MAX {
            let problem = format!("has {} entries, at most {LINKS_MAX} are allowed", set.links.len());
            return Err(ProfileError::invalid("links", problem));
        }
        let links: Result<_, _> = set.links.iter().enumerate().map(link_check).collect();
        Ok(Self {
            version: set.version,
            display_name: line("displayName", &set.display_name, 1, NAME_LENGTH_MAX)?,
            bio: paragraphs("bio", set.bio.as_deref(), BIO_LENGTH_MAX)?,
            links: links?,
            contact: contact_check(set.contact)?,
        })
    }
}

fn link_check((index, link): (usize, &ProfileLink)) -> Result<ProfileLink, ProfileError> {
    let member = |name: &str| format!("links[{index}].{name}");
    let url = line(&member("url"), &link.url, 1, LINK_URL_LENGTH_MAX)?;
    let parsed = Url::parse(&url).ok().filter(|parsed| {
        ["https", "http"].contains(&parsed.scheme())
            && parsed.host().is_some()
            && parsed.username().is_empty()
            && parsed.password().is_none()
    });
    let parsed = parsed.ok_or_else(|| {
        ProfileError::invalid(
            member("url"),
            "must be an address that begins with https:// or http://, without a user name",
        )
    })?;
    Ok(ProfileLink {
        label: line(&member("label"), &link.label, 0, LINK_LABEL_LENGTH_MAX)?,
        url: parsed.into(),
    })
}

fn contact_check(mut contact: Contact) -> Result<Contact, ProfileError> {
    for (name, field) in contact.fields_mut() {
        let member = format!("contact.{name}.value");
        *field = match field.take() {
            Some(field) if !field.value.trim().is_empty() => Some(ContactField {
                value: line(&member, &field.value, 1, CONTACT_LENGTH_MAX)?,
                visibility: field.visibility,
            }),
            _ => None,
        };
    }
    if contact
        .email
        .as_ref()
        .is_some_and(|email| !is_mail_address(&email.value))
    {
        return Err(ProfileError::invalid("contact.email.value", "must be a mail address"));
    }
    if contact
        .phone
        .as_ref()
        .is_some_and(|phone| !is_phone_number(&phone.value))
    {
        let problem = "must be a telephone number: digits, spaces and + ( ) - . /";
        return Err(ProfileError::invalid("contact.phone.value", problem));
    }
    Ok(contact)
}

fn is_mail_address(text: &str) -> bool {
    let plain = text
        .chars()
        .all(|c| !c.is_whitespace() && !matches!(c, '<' | '>' | '"' | ',' | ';'));
    let parts = text.rsplit_once('@');
    plain && parts.is_some_and(|(local, host)| !local.is_empty() && !host.is_empty() && !local.contains('@'))
}

fn is_phone_number(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b" +()-./".contains(&byte))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn draft(change: impl FnOnce(&mut Value)) -> Result<ProfileDraft, ProfileError> {
        let mut body = json!({
            "version": 0, "displayName": "Ada", "bio": "Hello",
            "links": [{"label": "Home", "url": "https://ada.example/x"}],
            "contact": {"email": {"value": "ada@example.org"}, "phone": {"value": "+49 (30) 1-2/3.4"}},
        });
        change(&mut body);
        ProfileDraft::of(serde_json::from_value(body).unwrap())
    }

    #[test]
    fn what_is_written_comes_out_as_it_was() {
        let good = draft(|_| {}).unwrap();
        assert_eq!(
            (good.display_name.as_str(), good.bio.as_deref()),
            ("Ada", Some("Hello"))
        );
        assert_eq!(good.links[0].url, "https://ada.example/x");
        assert_eq!(
            good.contact.email.unwrap().visibility,
            imajin_profile_api::Visibility::Connections
        );
        let empty = draft(|body| body["contact"]["phone"]["value"] = json!("  ")).unwrap();
        assert_eq!(empty.contact.phone, None);
    }

    #[test]
    fn a_link_leads_to_the_web_and_nowhere_else() {
        for url in [
            "javascript:alert(1)",
            "data:text/html,x",
            "//evil.example",
            "/local",
            "ftp://x.example",
            "https://user:pass@x.example",
            "https://",
            "",
        ] {
            assert!(draft(|body| body["links"][0]["url"] = json!(url)).is_err(), "{url}");
        }
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let wrong = [
            (
                "contact.email.value",
                draft(|body| body["contact"]["email"]["value"] = json!("nobody")),
            ),
            (
                "contact.phone.value",
                draft(|body| body["contact"]["phone"]["value"] = json!("call me")),
            ),
            ("displayName", draft(|body| body["displayName"] = json!(" "))),
            ("bio", draft(|body| body["bio"] = json!("x".repeat(2001)))),
            (
                "links",
                draft(|body| body["links"] = json!(vec![json!({"url": "https://x.example"}); 11])),
            ),
        ];
        for (member, refused) in wrong {
            let error = refused.unwrap_err().to_string();
            assert!(error.starts_with(member), "{error}");
        }
    }
}
