//! Declarations of consent, standing grants and their revocations.

use imajin_consent::{
    ContentRef, Declaration, DeclarationDraft, GrantMode, GrantPayload, GrantRevocation, Grantee, GranteeClass,
    IntendedUse, QueryTerms, StandingGrant, WorkAsked, evaluate,
};
use imajin_did::SecretKey;
use imajin_fair::Manifest;
use serde_json::json;

fn key() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

fn declarations() -> Vec<Declaration> {
    let contents: [Option<ContentRef>; 2] = [
        "fair_example01",
        "did:mjn:z6MkneMkZqwqRiU5mJzSG3kDwzt9P8C59N4NGTfBLfSGE7c7",
    ]
    .map(|text| text.parse().ok());
    let drafts = contents.into_iter().flatten().zip([None, Some("chapter \u{e9}")]);
    let signed = drafts.filter_map(|(content, scope)| {
        let draft = DeclarationDraft {
            consumer: key().did(),
            content,
            intended_use: IntendedUse::Read,
            scope: scope.map(str::to_owned),
            expires: scope.map(|_scope| crate::NOW.plus(imajin_kernel::Span::days(1))),
            timestamp: crate::NOW,
            nonce: "0123456789abcdef".to_owned(),
        };
        draft.sign(&key()).ok()
    });
    signed.collect()
}

fn grant() -> Option<StandingGrant> {
    let fields = ["profile.city", "works"].map(|path| path.parse().ok());
    let payload = GrantPayload {
        subject: key().did(),
        granted_to: Grantee::Class(GranteeClass::Connections),
        purpose: "query".parse().ok()?,
        fields: fields.into_iter().flatten().collect(),
        mode: GrantMode::Allow,
        expires: Some(crate::NOW),
    };
    StandingGrant::sign(&key(), crate::NOW, payload).ok()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let declared = declarations().into_iter().filter_map(|one| one.canonical_bytes().ok());
    let grant = grant();
    let revocation = grant
        .as_ref()
        .and_then(|grant| GrantRevocation::sign(&key(), crate::NOW, grant).ok());
    let granted = grant.and_then(|grant| serde_json::to_vec(&grant).ok());
    let revoked = revocation.and_then(|revocation| serde_json::to_vec(&revocation).ok());
    let terms = json!({
        "leader": key().did(), "maxHops": 2, "vouchesMin": 1, "pods": ["pod_00000000000000000000000001"],
        "uses": ["query", "read"],
        "ceiling": {"amount": "0.05", "currency": "TEST-USD"}, "engine": "embedded", "model": "m",
    });
    let terms = serde_json::to_vec(&terms).ok();
    declared
        .chain([granted, revoked, terms].into_iter().flatten())
        .collect()
}

pub(crate) fn run(data: &[u8]) {
    if let Ok(declaration) = Declaration::parse(data) {
        declaration_check(declaration);
    }
    if let Ok(read) = serde_json::from_slice::<StandingGrant>(data)
        && read.verify(&[key().public()]).is_ok()
    {
        let known = grant().map(|grant| grant.0.signed_bytes());
        assert_eq!(known, Some(read.0.signed_bytes()), "nobody signed this grant");
    }
    if let (Ok(read), Some(known)) = (serde_json::from_slice::<GrantRevocation>(data), grant())
        && read.verify(&known, &[key().public()]).is_ok()
    {
        let revoked = GrantRevocation::sign(&key(), crate::NOW, &known).ok();
        let signed = revoked.map(|revocation| revocation.0.signed_bytes());
        assert_eq!(signed, Some(read.0.signed_bytes()), "nobody signed this revocation");
    }
    if let Ok(terms) = serde_json::from_slice::<QueryTerms>(data) {
        let again = serde_json::to_vec(&terms).ok();
        let again = again.and_then(|text| serde_json::from_slice(&text).ok());
        assert_eq!(again, Some(terms), "terms survive being written");
    }
}

/// What holds for every declaration that was read.
fn declaration_check(declaration: Declaration) {
    let Ok(canonical) = declaration.canonical_bytes() else {
        unreachable!("what was read has a canonical form");
    };
    if canonical.len() <= imajin_consent::DECLARATION_BYTES_MAX {
        let again = Declaration::parse(&canonical).and_then(|again| again.canonical_bytes());
        assert_eq!(again, Ok(canonical), "a declaration is its own canonical form");
    }
    let signed = declaration.signed_bytes();
    let Ok(verified) = declaration.verify(&[key().public()], crate::NOW) else {
        return;
    };
    let is_known = declarations().iter().any(|known| known.signed_bytes() == signed);
    assert!(is_known, "nobody signed this declaration");
    let manifest = Manifest::parse(include_bytes!("../../fair/tests/vectors/manifest.json"));
    let Ok(manifest) = manifest else { return };
    let asked = WorkAsked {
        manifest: &manifest,
        wanted: IntendedUse::Train,
        scope: None,
        price_named: None,
        offered: None,
    };
    assert!(evaluate(&verified, &asked).is_err(), "nobody consented to this");
}
