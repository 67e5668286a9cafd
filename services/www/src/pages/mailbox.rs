use std::net::IpAddr;

use axum::RequestPartsExt;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use http::header;
use imajin_auth_api::{DevelopmentMail, DevelopmentMailList};
use imajin_kernel::{Code, Problem};
use imajin_proof::digest::sha256_hex;
use imajin_ui::{MailPage, MailRow, MailboxPage, render};
use imajin_web::{Failure, PathParams, PeerAddress, SessionView, Viewer};
use url::Host;

use crate::person::is_operator;
use crate::show::moment;
use crate::{AppState, Www};

/// `/mailbox`: what the node would have sent, while it has no mail server.
pub(super) async fn mailbox(State(www): State<AppState>, reader: MailboxReader) -> Result<Response, Failure> {
    let mails = www.mails().await?;
    Ok(render(&MailboxPage {
        shell: www.frame("Development mailbox", "/mailbox", reader.session.as_ref()),
        messages: mails.iter().map(mail_row).collect(),
    }))
}

/// `/mailbox/{id}`: one message.
pub(super) async fn mail(
    State(www): State<AppState>,
    PathParams(id): PathParams<String>,
    reader: MailboxReader,
) -> Result<Response, Failure> {
    let mails = www.mails().await?;
    let mail = mails
        .iter()
        .find(|mail| mail_id(mail) == id)
        .ok_or_else(|| Problem::not_found("message"))?;
    Ok(render(&MailPage {
        shell: www.frame(&mail.subject, &format!("/mailbox/{id}"), reader.session.as_ref()),
        mail: mail_row(mail),
        from: www.deps.node_name.clone(),
        body: mail.body.clone(),
        links: vec![mail.link.clone()],
    }))
}

impl Www {
    /// The messages. None at all means that none was written, or that they are really sent: then there is no mailbox.
    async fn mails(&self) -> Result<Vec<DevelopmentMail>, Problem> {
        let mails = self.deps.auth.development_mail_list(DevelopmentMailList {}).await?;
        if mails.is_empty() {
            return Err(
                Problem::new(Code::NotFound, "There is no message in the development mailbox.")
                    .hint("It keeps login links only while no mail server is configured."),
            );
        }
        Ok(mails)
    }
}

/// Names a message without saying what its link is.
fn mail_id(mail: &DevelopmentMail) -> String {
    let digest = sha256_hex(format!("{} {}", mail.created_at, mail.link).as_bytes());
    digest.chars().take(16).collect()
}

fn mail_row(mail: &DevelopmentMail) -> MailRow {
    MailRow {
        id: mail_id(mail),
        to: mail.to.clone(),
        subject: mail.subject.clone(),
        time: moment(mail.created_at),
    }
}

/// Somebody who may read the development mailbox: the operator, or whoever sits at the machine of a node that is not
/// open to others.
///
/// The messages sign people in, so being on loopback is not enough: a reverse proxy on the same machine is on loopback
/// as well, and so is a page of another site whose name was pointed at 127.0.0.1. Hence the node's own URL and the name
/// that the browser asked for must be loopback too, and nothing may have passed the request on.
#[derive(Debug)]
pub(super) struct MailboxReader {
    session: Option<SessionView>,
}

impl FromRequestParts<AppState> for MailboxReader {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Failure> {
        let Viewer { session, .. } = parts.extract_with_state(state).await?;
        let is_private = state.deps.site.public.0.host().is_some_and(|host| is_loopback(&host));
        if session.as_ref().is_some_and(is_operator) || (is_private && is_at_the_machine(parts)) {
            return Ok(Self { session });
        }
        let code = if session.is_some() {
            Code::Forbidden
        } else {
            Code::Unauthenticated
        };
        let problem = Problem::new(code, "The development mailbox is for the operator of this node.");
        Err(problem
            .hint("Sign in as the operator, or configure a mail server so that messages are sent.")
            .into())
    }
}

fn is_at_the_machine(parts: &Parts) -> bool {
    let peer = parts
        .extensions
        .get::<PeerAddress>()
        .map(|peer| peer.0.ip().to_canonical());
    let proxied = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];
    let direct = proxied.iter().all(|name| !parts.headers.contains_key(*name));
    let asked = parts.uri.authority().map(http::uri::Authority::as_str);
    let asked = asked.or_else(|| parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()));
    let named = asked.and_then(host_of).is_some_and(|host| is_loopback(&host));
    peer.is_some_and(|ip| ip.is_loopback()) && direct && named
}

/// The host of `host:port`.
fn host_of(authority: &str) -> Option<Host> {
    let authority: http::uri::Authority = authority.parse().ok()?;
    Host::parse(authority.host()).ok()
}

fn is_loopback<S: AsRef<str>>(host: &Host<S>) -> bool {
    match host {
        Host::Domain(name) => name.as_ref() == "localhost" || name.as_ref().ends_with(".localhost"),
        Host::Ipv4(ip) => IpAddr::from(*ip).is_loopback(),
        Host::Ipv6(ip) => IpAddr::from(*ip).to_canonical().is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_loopback() {
        for host in [
            "localhost:7000",
            "127.0.0.1:7000",
            "127.9.9.9",
            "[::1]:7000",
            "node.localhost",
        ] {
            assert!(host_of(host).is_some_and(|host| is_loopback(&host)), "{host}");
        }
        for host in [
            "evil.example:7000",
            "10.0.0.1",
            "localhost.evil.example",
            "[::2]",
            "",
            "a b",
        ] {
            assert!(!host_of(host).is_some_and(|host| is_loopback(&host)), "{host}");
        }
    }
}
