use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use imajin_auth_api::CustodialSign;
use imajin_kernel::Problem;
use imajin_profile_api::{AvatarSet, Contact, ContactField, ProfileFetch, ProfileLink, ProfileSet, Visibility};
use imajin_proof::http_sig::SignedRequest;
use imajin_ui::{ContactInput, Link, MessagePage, ProfileEditPage, ProfileLinkRow, render, render_status};
use imajin_web::{Custody, Failure, QueryParams, Viewer};
use serde::{Deserialize, Serialize};

use super::profile::link_row;
use crate::form::FormBody;
use crate::person::Person;
use crate::same_origin::SameOrigin;
use crate::{AppState, Www};

/// Where the page is.
const PAGE_PATH: &str = "/me/profile";
/// Where profile takes changes.
const PROFILE_PATH: &str = "/profile/api/profile";
const AVATAR_PATH: &str = "/profile/api/avatar";
/// As many links as a profile has at most, and as many empty rows as are offered.
const LINKS_MAX: usize = 10;
const LINKS_MORE: usize = 3;

/// Whether the page comes after a form.
#[derive(Debug, Default, Deserialize)]
pub(super) struct EditQuery {
    saved: Option<String>,
}

/// `/me/profile`: writing one's own.
pub(super) async fn edit(
    State(www): State<AppState>,
    person: Person,
    QueryParams(query): QueryParams<EditQuery>,
) -> Result<Response, Failure> {
    let did = person.0.did.clone();
    let fetch = ProfileFetch {
        did_or_handle: did.to_string(),
        reader: Some(did),
    };
    let view = www.profiles()?.profile_fetch(fetch).await?;
    let view = view.ok_or_else(|| Problem::not_found("identity"))?;
    let mut links: Vec<ProfileLinkRow> = view.links.iter().cloned().map(link_row).collect();
    let rows = links.len().saturating_add(LINKS_MORE).min(LINKS_MAX);
    links.resize_with(rows, ProfileLinkRow::default);
    Ok(render(&ProfileEditPage {
        shell: www.frame("Your profile", PAGE_PATH, Some(&person.0)),
        person: www.person_view(&view),
        version: view.version,
        bio: view.bio.unwrap_or_default(),
        links,
        contact: contact_inputs(view.contact),
        is_saved: query.saved.is_some(),
        is_soft: person.0.custody == Custody::Node,
    }))
}

fn contact_inputs(contact: Contact) -> Vec<ContactInput> {
    let input = |name, label, input, autocomplete, field: Option<ContactField>| ContactInput {
        name,
        label,
        input,
        autocomplete,
        is_private: field
            .as_ref()
            .is_some_and(|field| field.visibility == Visibility::Nobody),
        value: field.map(|field| field.value).unwrap_or_default(),
    };
    vec![
        input("email", "E-mail", "email", "email", contact.email),
        input("phone", "Phone", "tel", "tel", contact.phone),
        input("location", "Location", "text", "street-address", contact.location),
    ]
}

/// The fields of the form: those of links are numbered.
type Fields = BTreeMap<String, String>;

fn field<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).map_or("", |text| text.trim())
}

/// What the form says, as profile takes it.
fn written(fields: &Fields) -> Result<ProfileSet, Problem> {
    let contact = |name: &str| {
        let visibility = match field(fields, &format!("{name}Visibility")) {
            "nobody" => Visibility::Nobody,
            _ => Visibility::Connections,
        };
        let value = field(fields, name).to_owned();
        (!value.is_empty()).then_some(ContactField { value, visibility })
    };
    let link = |index: usize| {
        let url = field(fields, &format!("linkUrl{index}")).to_owned();
        let label = field(fields, &format!("linkLabel{index}")).to_owned();
        (!url.is_empty()).then_some(ProfileLink { label, url })
    };
    let bio = field(fields, "bio").to_owned();
    let version = field(fields, "version").parse();
    Ok(ProfileSet {
        version: version.map_err(|_error| Problem::invalid("The form does not say which version it changes."))?,
        display_name: field(fields, "displayName").to_owned(),
        bio: (!bio.is_empty()).then_some(bio),
        links: (0..LINKS_MAX).filter_map(link).collect(),
        contact: Contact {
            email: contact("email"),
            phone: contact("phone"),
            location: contact("location"),
        },
    })
}

/// `POST /me/profile`: the plain form of somebody whose key the node keeps.
pub(super) async fn save(
    State(www): State<AppState>,
    _origin: SameOrigin,
    viewer: Viewer,
    FormBody(fields): FormBody<Fields>,
) -> Result<Response, Failure> {
    let profiles = www.profiles()?;
    let Some(token) = soft_token(&viewer)? else {
        return Ok(key_needed(&www, &viewer));
    };
    let signed = www
        .sign_for_soft(token, "PUT", PROFILE_PATH, &written(&fields)?)
        .await?;
    profiles.profile_set(signed).await?;
    Ok(saved())
}

/// The picture, made small by the browser, in base64.
#[derive(Debug, Deserialize)]
pub(super) struct AvatarForm {
    #[serde(default)]
    image: String,
}

/// `POST /me/profile/avatar`: the same for a picture.
pub(super) async fn avatar_save(
    State(www): State<AppState>,
    _origin: SameOrigin,
    viewer: Viewer,
    FormBody(form): FormBody<AvatarForm>,
) -> Result<Response, Failure> {
    let profiles = www.profiles()?;
    let Some(token) = soft_token(&viewer)? else {
        return Ok(key_needed(&www, &viewer));
    };
    if form.image.is_empty() {
        let problem = Problem::invalid("No picture was sent.");
        return Err(problem
            .hint("Choose one first. Your browser needs JavaScript to send it.")
            .into());
    }
    let body = AvatarSet { image: form.image };
    let signed = www.sign_for_soft(token, "PUT", AVATAR_PATH, &body).await?;
    profiles.avatar_set(signed).await?;
    Ok(saved())
}

/// A form whose address says everything.
#[derive(Debug, Deserialize)]
pub(super) struct NoFields {}

/// The body that goes with it.
#[derive(Serialize)]
struct NoMembers {}

/// `POST /me/profile/avatar/remove`.
pub(super) async fn avatar_remove(
    State(www): State<AppState>,
    _origin: SameOrigin,
    viewer: Viewer,
    _form: FormBody<NoFields>,
) -> Result<Response, Failure> {
    let profiles = www.profiles()?;
    let Some(token) = soft_token(&viewer)? else {
        return Ok(key_needed(&www, &viewer));
    };
    let signed = www.sign_for_soft(token, "DELETE", AVATAR_PATH, &NoMembers {}).await?;
    profiles.avatar_remove(signed).await?;
    Ok(saved())
}

/// `POST /me/profile/handle`: the form of the handle where JavaScript is off. Only one's own key changes a handle.
pub(super) async fn handle_save(
    State(www): State<AppState>,
    _origin: SameOrigin,
    viewer: Viewer,
    _form: FormBody<Fields>,
) -> Result<Response, Failure> {
    viewer.session_require()?;
    Ok(key_needed(&www, &viewer))
}

/// `POST /me/profile/delete`.
pub(super) async fn delete(
    State(www): State<AppState>,
    _origin: SameOrigin,
    viewer: Viewer,
    _form: FormBody<NoFields>,
) -> Result<Response, Failure> {
    let profiles = www.profiles()?;
    let Some(token) = soft_token(&viewer)? else {
        return Ok(key_needed(&www, &viewer));
    };
    let signed = www.sign_for_soft(token, "DELETE", PROFILE_PATH, &NoMembers {}).await?;
    profiles.profile_delete(signed).await?;
    Ok(Redirect::to("/me").into_response())
}

fn saved() -> Response {
    Redirect::to("/me/profile?saved=1").into_response()
}

/// The session of somebody whose key the node keeps; `None` for whoever holds their own.
fn soft_token(viewer: &Viewer) -> Result<Option<&str>, Problem> {
    let session = viewer.session_require()?;
    let token = viewer.token.as_deref();
    Ok(token.filter(|_token| session.custody == Custody::Node))
}

impl Www {
    /// Has auth sign a change in the name of an identity whose key the node keeps; profile checks it as any other.
    async fn sign_for_soft(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: &impl Serialize,
    ) -> Result<SignedRequest, Problem> {
        let body = serde_json::to_string(body).map_err(|error| {
            tracing::error!(%error, "a change of a profile could not be written as JSON");
            Problem::internal()
        })?;
        let to_sign = CustodialSign {
            token: token.to_owned(),
            method: method.to_owned(),
            target_uri: self.deps.site.public.absolute(path),
            idempotency_key: None,
            body,
        };
        self.deps.auth.custodial_sign(to_sign).await
    }
}

fn key_needed(www: &Www, viewer: &Viewer) -> Response {
    let page = MessagePage {
        shell: www.frame("Your key must sign this", PAGE_PATH, viewer.session.as_ref()),
        heading: "Your key must sign this".to_owned(),
        paragraphs: vec![
            "You hold your own key, so nobody can change your profile in your name: not even this node. Your browser \
             signs the change with it, and it needs JavaScript for that. Nothing was changed."
                .to_owned(),
            format!(
                "Allow JavaScript for this page and try again, or use the command line: \
                 imajin profile set --node {} --key FILE --name NAME",
                www.deps.site.public.origin()
            ),
        ],
        link: Some(Link {
            href: PAGE_PATH.to_owned(),
            text: "Back to your profile".to_owned(),
        }),
    };
    render_status(StatusCode::FORBIDDEN, &page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_form_says_what_profile_takes() {
        let set = written(&fields(&[
            ("version", "3"),
            ("displayName", " Ada "),
            ("bio", "  "),
            ("linkLabel0", "gone"),
            ("linkUrl0", ""),
            ("linkLabel2", "Home"),
            ("linkUrl2", "https://ada.example"),
            ("email", "ada@example.org"),
            ("phone", "123"),
            ("phoneVisibility", "nobody"),
            ("location", ""),
        ]))
        .unwrap();
        assert_eq!((set.version, set.display_name.as_str(), set.bio), (3, "Ada", None));
        assert_eq!(set.links.len(), 1);
        assert_eq!(set.links[0].label, "Home");
        assert_eq!(set.contact.email.unwrap().visibility, Visibility::Connections);
        assert_eq!(set.contact.phone.unwrap().visibility, Visibility::Nobody);
        assert_eq!(set.contact.location, None);
        assert!(written(&fields(&[("displayName", "Ada")])).is_err());
    }
}
