use axum::extract::State;
use axum::response::Response;
use imajin_consent::{GrantMode, Grantee, GranteeClass};
use imajin_kernel::{Code, Problem};
use imajin_query_api::{ConsentClient, ConsentOwn, DISCLOSABLE, GrantState, GrantView, UseKind, UseView};
use imajin_ui::{AllowedPage, GrantRow, UseRow, moment, render};
use imajin_web::Failure;

use crate::names::Names;
use crate::person::Person;
use crate::{AppState, Www};

/// `/me/allowed`: what one allows others, and what they have made of it.
pub(super) async fn allowed(State(www): State<AppState>, person: Person) -> Result<Response, Failure> {
    let own = www.consent()?.consent_own(ConsentOwn {
        did: person.0.did.clone(),
    });
    let own = own.await?;
    let grantees = own
        .grants
        .iter()
        .filter_map(|view| match &view.grant.payload().granted_to {
            Grantee::Did(did) => Some(did),
            Grantee::Class(_) => None,
        });
    let names = www.names(grantees.chain(own.uses.iter().map(|used| &used.by))).await;
    let (active, ended): (Vec<&GrantView>, Vec<&GrantView>) =
        own.grants.iter().partition(|view| view.state == GrantState::Active);
    let rows = |views: Vec<&GrantView>| views.into_iter().map(|view| grant_row(&names, view)).collect();
    Ok(render(&AllowedPage {
        shell: www.frame("Who may do what with mine", "/me/allowed", Some(&person.0)),
        grants: rows(active),
        ended: rows(ended),
        uses: own.uses.iter().map(|used| use_row(&names, used)).collect(),
        fields: DISCLOSABLE
            .map(|(name, words)| (name.to_owned(), words.to_owned()))
            .into(),
    }))
}

impl Www {
    /// The service that keeps what people allow; a node without it has no such page.
    fn consent(&self) -> Result<&ConsentClient, Problem> {
        let none = || Problem::new(Code::NotFound, "This node keeps no standing consent.");
        self.deps.consent.as_ref().ok_or_else(none)
    }
}

/// What a field is, in words, where there are some.
fn field_words(field: &str) -> String {
    let known = DISCLOSABLE.iter().find(|(name, _)| *name == field);
    match (known, field) {
        (Some((_, words)), _) => (*words).to_owned(),
        (None, "*") => "everything".to_owned(),
        (None, other) => format!("everything of {other}"),
    }
}

fn grantee_words(names: &Names, grantee: &Grantee) -> String {
    match grantee {
        Grantee::Did(did) => names.of(did),
        Grantee::Class(GranteeClass::Anyone) => "Everybody".to_owned(),
        Grantee::Class(GranteeClass::Connections) => "Your connections".to_owned(),
        Grantee::Class(GranteeClass::Trusted) => "Whom your trust reaches".to_owned(),
    }
}

fn grant_row(names: &Names, view: &GrantView) -> GrantRow {
    let payload = view.grant.payload();
    let note = match (view.revoked_at, payload.expires) {
        (Some(at), _) => format!("taken back {}", moment(at).text),
        (None, Some(ends)) if view.state == GrantState::Expired => format!("ended {}", moment(ends).text),
        (None, Some(ends)) => format!("since {}, until {}", moment(view.created_at).text, moment(ends).text),
        (None, None) => format!("since {}", moment(view.created_at).text),
    };
    let mode = match payload.mode {
        GrantMode::Allow => "may know without asking",
        GrantMode::Ask => "must ask each time",
        GrantMode::Deny => "may not know",
    };
    GrantRow {
        digest: view.digest.clone(),
        who: grantee_words(names, &payload.granted_to),
        mode: mode.to_owned(),
        purpose: payload.purpose.to_string(),
        fields: payload.fields.iter().map(|field| field_words(field.as_str())).collect(),
        note,
    }
}

fn use_row(names: &Names, used: &UseView) -> UseRow {
    let what = match used.kind {
        UseKind::Answer => format!("An answer from your documents, for the use “{}”.", used.purpose),
    };
    UseRow {
        id: used.id.clone(),
        who: names.of(&used.by),
        what,
        at: moment(used.at),
        declaration: used.declaration.clone(),
        receipt: used.receipt.as_ref().map(|receipt| format!("/receipts/{receipt}")),
    }
}

#[cfg(test)]
mod tests {
    use imajin_consent::{GrantPayload, StandingGrant};
    use imajin_did::SecretKey;
    use imajin_kernel::Timestamp;

    use super::*;

    fn view(granted_to: Grantee, mode: GrantMode, expires: Option<Timestamp>) -> GrantView {
        let key = SecretKey::from_seed([7; 32]);
        let payload = GrantPayload {
            subject: key.did(),
            granted_to,
            purpose: "directory".parse().unwrap(),
            fields: ["profile.name", "profile.contact", "*"]
                .map(|field| field.parse().unwrap())
                .into(),
            mode,
            expires,
        };
        let at = Timestamp::from_seconds(1_800_000_000);
        GrantView {
            digest: "d".to_owned(),
            state: GrantState::Active,
            grant: StandingGrant::sign(&key, at, payload).unwrap(),
            created_at: at,
            revoked_at: None,
        }
    }

    #[test]
    fn a_grant_is_a_sentence() {
        let mira = SecretKey::from_seed([8; 32]).did();
        let names = Names::known(&[(&mira, "Mira")]);
        let row = grant_row(&names, &view(Grantee::Did(mira), GrantMode::Allow, None));
        assert_eq!(
            (row.who.as_str(), row.mode.as_str()),
            ("Mira", "may know without asking")
        );
        assert_eq!(row.fields, ["everything", "everything of profile.contact", "name"]);
        assert_eq!(row.note, "since 15 January 2027, 08:00 UTC");
        let ends = Some(Timestamp::from_seconds(1_800_000_060));
        let mut over = view(Grantee::Class(GranteeClass::Connections), GrantMode::Deny, ends);
        assert!(
            grant_row(&names, &over)
                .note
                .ends_with("until 15 January 2027, 08:01 UTC")
        );
        over.state = GrantState::Expired;
        assert_eq!(grant_row(&names, &over).note, "ended 15 January 2027, 08:01 UTC");
        over.revoked_at = ends;
        let row = grant_row(&names, &over);
        assert_eq!(
            (row.who.as_str(), row.mode.as_str()),
            ("Your connections", "may not know")
        );
        assert_eq!(row.note, "taken back 15 January 2027, 08:01 UTC");
    }
}
