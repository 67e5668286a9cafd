use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Response;
use imajin_consent::{FieldPath, GrantMode, Grantee, GranteeClass, ProfilePayload, Purpose};
use imajin_kernel::{Code, Problem};
use imajin_query_api::{
    Comparison, ConsentClient, ConsentOwn, DISCLOSABLE, Difference, GrantState, GrantView, UseKind, UseView,
};
use imajin_ui::{AllowedPage, ComparisonRow, GrantRow, PurposeRow, UseRow, moment, render};
use imajin_web::Failure;

use super::me::parts_of;
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
    let others = own.uses.iter().map(|used| &used.by);
    let others = others.chain(own.comparisons.iter().map(|compared| &compared.asker));
    let names = www.names(grantees.chain(others)).await;
    let said = own
        .profile
        .as_ref()
        .map(|view| view.profile.payload().clone())
        .unwrap_or_default();
    let (active, ended): (Vec<&GrantView>, Vec<&GrantView>) =
        own.grants.iter().partition(|view| view.state == GrantState::Active);
    let rows = |views: Vec<&GrantView>| views.into_iter().map(|view| grant_row(&names, view)).collect();
    Ok(render(&AllowedPage {
        shell: www.frame("Who may do what with mine", "/me/allowed", Some(&person.0)),
        parts: parts_of(&www),
        grants: rows(active),
        ended: rows(ended),
        uses: own.uses.iter().map(|used| use_row(&names, used)).collect(),
        fields: DISCLOSABLE
            .map(|(name, words)| (name.to_owned(), words.to_owned()))
            .into(),
        purposes: purpose_rows(&said, &own.grants),
        trusted_hops: said.trusted_hops,
        comparisons: own.comparisons.iter().map(|one| comparison_row(&names, one)).collect(),
    }))
}

/// Each purpose that the profile or a grant that holds names, with what is on.
fn purpose_rows(said: &ProfilePayload, grants: &[GrantView]) -> Vec<PurposeRow> {
    let granted = grants.iter().filter(|view| view.state == GrantState::Active);
    let granted = granted.map(|view| &view.grant.payload().purpose);
    let purposes: BTreeSet<&Purpose> = said.purposes.keys().chain(granted).collect();
    let row = |purpose: &Purpose| PurposeRow {
        name: purpose.to_string(),
        fields: DISCLOSABLE
            .iter()
            .map(|(name, words)| {
                let field: Option<FieldPath> = name.parse().ok();
                let is_on = field.is_some_and(|field| said.permits(purpose, &field));
                ((*name).to_owned(), (*words).to_owned(), is_on)
            })
            .collect(),
    };
    purposes.into_iter().map(row).collect()
}

fn comparison_row(names: &Names, one: &Comparison) -> ComparisonRow {
    let agreed = match one.agreed {
        1 => "1 use".to_owned(),
        many => format!("{many} uses"),
    };
    let state = match (&one.problem, one.read_at) {
        (Some(problem), None) => format!("Their log could not be read: {problem}."),
        (Some(problem), Some(at)) => format!(
            "Their log could not be read again: {problem}. On {} both said the same of {agreed}.",
            moment(at).text
        ),
        (None, None) if one.home.is_some() => "Not compared yet.".to_owned(),
        (None, None) => "They have not said where they keep their log.".to_owned(),
        (None, Some(at)) => format!("Both say the same of {agreed}, as of {}.", moment(at).text),
    };
    let listed = u64::try_from(one.differences.len()).unwrap_or(u64::MAX);
    let state = match one.differing.saturating_sub(listed) {
        0 => state,
        _ => format!(
            "{state} They differ in {} places, of which {listed} are here.",
            one.differing
        ),
    };
    ComparisonRow {
        who: names.of(&one.asker),
        did: one.asker.to_string(),
        is_same: one.read_at.is_some() && one.problem.is_none() && one.differences.is_empty(),
        state,
        has_log: one.home.is_some() || one.read_at.is_some(),
        differences: one.differences.iter().map(difference_words).collect(),
    }
}

/// The use, and how the two streams differ about it.
fn difference_words(difference: &Difference) -> (String, String) {
    let said = match (&difference.here, &difference.there) {
        (Some(here), Some(there)) => format!(" (here: {here}; there: {there})"),
        (Some(one), None) | (None, Some(one)) => format!(" ({one})"),
        (None, None) => String::new(),
    };
    (
        difference.use_id.to_string(),
        format!("{}{said}", difference.kind.words()),
    )
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
        UseKind::Disclosure => {
            let told: Vec<String> = used.fields.iter().map(|field| field_words(field)).collect();
            format!("Told for “{}”: {}.", used.purpose, told.join(", "))
        }
    };
    UseRow {
        id: used.id.clone(),
        who: names.of(&used.by),
        what,
        at: moment(used.at),
        declaration: used.declaration.clone(),
        receipt: used
            .receipt
            .as_ref()
            .filter(|_| used.kind == UseKind::Answer)
            .map(|receipt| format!("/receipts/{receipt}")),
        document: used
            .document
            .as_ref()
            .and_then(|document| serde_json::to_string_pretty(document).ok()),
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

    #[test]
    fn a_comparison_is_a_sentence() {
        let asker = SecretKey::from_seed([8; 32]).did();
        let names = Names::known(&[(&asker, "Mira")]);
        let mut one = Comparison {
            asker,
            home: None,
            read_at: None,
            problem: None,
            agreed: 0,
            differing: 0,
            differences: Vec::new(),
        };
        let row = comparison_row(&names, &one);
        assert!(row.state.contains("not said where") && !row.has_log && !row.is_same);
        one.home = Some("https://node.example".to_owned());
        assert_eq!(comparison_row(&names, &one).state, "Not compared yet.");
        one.read_at = Some(Timestamp::from_seconds(1_800_000_000));
        one.agreed = 1;
        let row = comparison_row(&names, &one);
        assert!(
            row.state.starts_with("Both say the same of 1 use,") && row.is_same,
            "{}",
            row.state
        );
        one.problem = Some("it does not answer".to_owned());
        assert!(!comparison_row(&names, &one).is_same);
        one.differences.push(Difference {
            use_id: imajin_kernel::id::UseId::from_bytes([7; 16]),
            kind: imajin_query_api::DifferenceKind::MissingThere,
            here: Some("profile.name".to_owned()),
            there: None,
        });
        let row = comparison_row(&names, &one);
        assert!(
            row.differences[0]
                .1
                .ends_with("their log does not have it (profile.name)")
        );
        one.differing = 1;
        assert!(!comparison_row(&names, &one).state.contains("places"));
        one.differing = 1_500;
        let state = comparison_row(&names, &one).state;
        assert!(
            state.ends_with("They differ in 1500 places, of which 1 are here."),
            "{state}"
        );
    }
}
