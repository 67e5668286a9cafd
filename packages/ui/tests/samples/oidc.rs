//! Signing in at an application, and out of it.

use imajin_ui::{ConsentPage, ConsentScope, LogoutPage};

use super::{Ink, Sample, Who, sample};

pub(super) fn samples(ink: &Ink) -> Vec<Sample> {
    vec![
        sample("consent", &consent(ink, Who::Key)),
        sample("consent-mailbox", &consent(ink, Who::Mailbox)),
        sample("oidc-logout", &logout(ink)),
    ]
}

fn consent(ink: &Ink, who: Who) -> ConsentPage {
    let scope = |name: &str, text: &str, is_optional: bool| ConsentScope {
        name: ink.text(name),
        text: ink.text(text),
        is_optional,
        is_ticked: name != "email",
    };
    ConsentPage {
        shell: ink.shell("Sign in at an application", "/auth/oidc/authorize", who),
        client_name: ink.text("The members' wiki"),
        client_id: ink.text("oic_01jd8x2m"),
        goes_to: ink.text("wiki.example.org"),
        redirect_uri: ink.text("https://wiki.example.org/callback"),
        asked: ink.text("openid profile email"),
        scopes: ink.list(vec![
            scope("openid", "your DID", false),
            scope("profile", "your display name", true),
            scope("email", "your e-mail address", true),
        ]),
        request: ink.text("sealed"),
        action: "/auth/oidc/consent".to_owned(),
    }
}

fn logout(ink: &Ink) -> LogoutPage {
    LogoutPage {
        shell: ink.shell("Sign out?", "/auth/oidc/logout", Who::Key),
        client_name: ink.maybe(ink.text("The members' wiki")),
        action: "/auth/oidc/logout".to_owned(),
        id_token_hint: ink.text("a.b.c"),
        client_id: ink.text("oic_01jd8x2m"),
        post_logout_redirect_uri: ink.text("https://wiki.example.org/"),
        state: ink.text("state"),
    }
}
