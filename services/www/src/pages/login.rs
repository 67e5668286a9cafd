use axum::extract::State;
use axum::response::{Redirect, Response};
use imajin_auth_api::MailboxProofSend;
use imajin_kernel::Span;
use imajin_ui::{CheckMailboxPage, LoginPage, render};
use imajin_web::{Failure, QueryParams, Viewer};
use serde::Deserialize;

use crate::AppState;
use crate::form::FormBody;
use crate::local_path::LocalPath;
use crate::same_origin::SameOrigin;

/// Where to go after signing in.
#[derive(Debug, Default, Deserialize)]
pub(super) struct NextQuery {
    next: Option<String>,
}

impl NextQuery {
    /// The page to go to: always one of this node.
    pub(super) fn path(&self) -> LocalPath {
        LocalPath::parse_or_home(self.next.as_deref())
    }
}

/// `/login`. Also for somebody who is signed in: their key may be in another browser.
pub(super) async fn login(
    State(www): State<AppState>,
    viewer: Viewer,
    QueryParams(query): QueryParams<NextQuery>,
) -> Response {
    render(&LoginPage {
        shell: www.frame("Sign in", "/login", viewer.session.as_ref()),
        next: query.path().as_str().to_owned(),
        mailbox_action: Some("/login/mailbox".to_owned()),
        // The form's origin is checked instead.
        form_token: String::new(),
    })
}

/// The fields of the mailbox form.
#[derive(Debug, Deserialize)]
pub(super) struct MailboxForm {
    email: String,
    next: Option<String>,
}

/// `POST /login/mailbox`: sends a link. The answer is the same whether or not the mailbox is known.
pub(super) async fn mailbox_link(
    State(www): State<AppState>,
    _origin: SameOrigin,
    viewer: Viewer,
    FormBody(form): FormBody<MailboxForm>,
) -> Result<Response, Failure> {
    let next = LocalPath::parse_or_home(form.next.as_deref());
    let email = form.email.trim().to_owned();
    let request = MailboxProofSend {
        email: email.clone(),
        next: Some(next.as_str().to_owned()),
    };
    let sent = www.deps.auth.mailbox_proof_send(request).await?;
    Ok(render(&CheckMailboxPage {
        shell: www.frame("Look into your mailbox", "/login", viewer.session.as_ref()),
        email,
        minutes_valid: minutes_of(sent.expires_at.since(www.now())),
        is_dev_mailbox: sent.development_mailbox,
    }))
}

/// `POST /logout`: the form of `/me` where JavaScript is off. Auth ends sessions, so the form is passed on to it.
pub(super) async fn logout(_origin: SameOrigin) -> Redirect {
    Redirect::temporary("/auth/api/logout")
}

/// Whole minutes to the nearest: the link was made a moment ago.
fn minutes_of(span: Span) -> u32 {
    let seconds = span.as_seconds().saturating_add(30);
    u32::try_from(seconds / 60).unwrap_or(0).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_rounded_and_never_none() {
        assert_eq!(minutes_of(Span::minutes(15)), 15);
        assert_eq!(minutes_of(Span::seconds(14 * 60 + 58)), 15);
        assert_eq!(minutes_of(Span::seconds(-5)), 1);
    }
}
