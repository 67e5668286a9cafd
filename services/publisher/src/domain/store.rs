//! What enters the library.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_fair::{Acceptance, Endorsement, Manifest, ManifestId};
use imajin_store::{Conn, SealedRow};
use imajin_web::{Authorised, OperatorTier, SoftTier};

use super::find::manifest_lock;
use crate::check::{Checked, ENDORSEMENTS_MAX};
use crate::context::Context;
use crate::rows::{ManifestRow, StatementKind, StatementRow, json_text};
use crate::schema::{manifests, statements};
use crate::{PublisherError, log};

/// Manifests that one identity may bring: a bound on what a single key can fill.
const PUBLISHED_MAX: i64 = 10_000;

/// A manifest that somebody brings.
#[derive(Clone)]
pub(crate) struct NewManifest {
    pub(crate) checked: Checked,
    pub(crate) verified: Authorised<SoftTier>,
    /// The body as it was signed.
    pub(crate) body: Vec<u8>,
}

/// Publishes a manifest; answers whether it is new. Publishing it again adds what others have signed since.
pub(crate) fn manifest_publish(conn: &mut Conn, context: &Context, new: &NewManifest) -> Result<bool, PublisherError> {
    let manifest = &new.checked.record().manifest;
    let by = new.verified.did();
    let known = manifest_lock(conn, context, &manifest.id)?;
    if let Some(row) = &known {
        digest_check(row, manifest)?;
    }
    let is_published = known.as_ref().is_some_and(|row| row.published_by.is_some());
    if is_published {
        context.nonce_spend(conn, &new.verified)?;
    } else {
        count_check(conn, by)?;
        let object = log::manifest_object(&manifest.id);
        log::publication_append(conn, context, &new.verified, object, &new.body)?;
        let proof = log::proof_text(&new.verified)?;
        if let Some(copy) = known {
            // What was a copy of another node's is ours from now on.
            let published = ManifestRow {
                published_by: Some(by.clone()),
                proof: Some(proof),
                ..copy
            };
            published.save(conn, &context.sealer)?;
        } else {
            let row = manifest_row(context, &new.checked, Some((by.clone(), proof)), None)?;
            row.insert(conn, &context.sealer)?;
        }
    }
    statements_add(conn, context, &new.checked)?;
    Ok(!is_published)
}

/// Keeps a copy of another node's manifest, or what was signed about it since.
pub(crate) fn copy_keep(
    conn: &mut Conn,
    context: &Context,
    checked: &Checked,
    url: &str,
) -> Result<(), PublisherError> {
    let manifest = &checked.record().manifest;
    match manifest_lock(conn, context, &manifest.id)? {
        // The same content with another signature: ours came first and stays.
        Some(row) if digest_check(&row, manifest).is_err() => return copy_checked(conn, context, &manifest.id),
        Some(row) => {
            let checked_at = context.env.now();
            ManifestRow { checked_at, ..row }.save(conn, &context.sealer)?;
        }
        None => {
            manifest_row(context, checked, None, Some(url.to_owned()))?.insert(conn, &context.sealer)?;
        }
    }
    statements_add(conn, context, checked)
}

/// Remembers that the home of a copy was asked.
pub(crate) fn copy_checked(conn: &mut Conn, context: &Context, id: &ManifestId) -> Result<(), PublisherError> {
    if let Some(row) = manifest_lock(conn, context, id)? {
        let checked_at = context.env.now();
        ManifestRow { checked_at, ..row }.save(conn, &context.sealer)?;
    }
    Ok(())
}

/// Who brings a countersignature, and the request with which.
#[derive(Clone)]
pub(crate) struct NewAcceptance {
    pub(crate) id: ManifestId,
    /// Already checked against the contributor's keys.
    pub(crate) acceptance: Acceptance,
    pub(crate) verified: Authorised<SoftTier>,
    pub(crate) body: Vec<u8>,
}

/// Keeps a contributor's countersignature. A second one changes nothing.
pub(crate) fn acceptance_add(conn: &mut Conn, context: &Context, new: &NewAcceptance) -> Result<(), PublisherError> {
    let row = manifest_lock(conn, context, &new.id)?.ok_or(PublisherError::NotFound("manifest"))?;
    let (did, by) = (new.acceptance.contributor().canonical(), new.verified.did());
    if *by != did && *by != row.author_did && row.published_by.as_ref() != Some(by) {
        return Err(imajin_kernel::Problem::new(
            imajin_kernel::Code::Forbidden,
            "Only the contributor, the author and whoever published the manifest may bring an acceptance.",
        )
        .into());
    }
    if statement_exists(conn, &new.id, StatementKind::Acceptance, &did)? {
        return context.nonce_spend(conn, &new.verified);
    }
    let object = log::statement_object(&new.id, StatementKind::Acceptance.as_str(), &did);
    log::signed_append(conn, context, &new.verified, log::FAIR_ACCEPT, object, &new.body)?;
    statement_insert(
        conn,
        context,
        &new.id,
        StatementKind::Acceptance,
        did,
        json_text(&new.acceptance)?,
    )
}

/// Endorses a manifest of the library with the node's own key.
pub(crate) fn endorsement_make(
    conn: &mut Conn,
    context: &Context,
    id: &ManifestId,
    verified: &Authorised<OperatorTier>,
    body: &[u8],
) -> Result<(), PublisherError> {
    let row = manifest_lock(conn, context, id)?.ok_or(PublisherError::NotFound("manifest"))?;
    let did = context.keyring.node_did().clone();
    if statement_exists(conn, id, StatementKind::Endorsement, &did)? {
        return context.nonce_spend(conn, verified);
    }
    let object = log::statement_object(id, StatementKind::Endorsement.as_str(), &did);
    log::signed_append(conn, context, verified, log::FAIR_ENDORSE, object, body)?;
    let now = context.env.now();
    let endorsement = Endorsement::sign(context.keyring.node_key(), did.clone(), &row.manifest()?, now)?;
    statement_insert(
        conn,
        context,
        id,
        StatementKind::Endorsement,
        did,
        json_text(&endorsement)?,
    )
}

fn manifest_row(
    context: &Context,
    checked: &Checked,
    published: Option<(Did, String)>,
    source_url: Option<String>,
) -> Result<ManifestRow, PublisherError> {
    let (now, manifest) = (context.env.now(), &checked.record().manifest);
    let document = manifest.canonical_bytes()?;
    let document =
        String::from_utf8(document).map_err(|error| PublisherError::Fault(format!("a manifest: {error}")))?;
    let (published_by, proof) = published.unzip();
    Ok(ManifestRow {
        id: manifest.id.to_string(),
        digest: manifest.digest_hex()?,
        author_did: checked.signer().clone(),
        title: manifest.title.clone(),
        kind: manifest.kind.clone(),
        document,
        published_by,
        proof,
        source_url,
        created_at: now,
        checked_at: now,
        row_seal: Vec::new(),
    })
}

/// One id has one document here: what is kept was accepted and paid under this very signature.
fn digest_check(row: &ManifestRow, manifest: &Manifest) -> Result<(), PublisherError> {
    if row.digest == manifest.digest_hex()? {
        return Ok(());
    }
    Err(PublisherError::State {
        detail: format!("Another document is kept here as {}.", row.id),
        hint: "A manifest that was signed again is the same work: publish the first one, or make a new manifest that \
               supersedes it.",
    })
}

fn count_check(conn: &mut Conn, by: &Did) -> Result<(), PublisherError> {
    let count: i64 = manifests::table
        .filter(manifests::published_by.eq(by))
        .count()
        .get_result(conn)?;
    if count < PUBLISHED_MAX {
        return Ok(());
    }
    Err(PublisherError::State {
        detail: format!("You have published {count} manifests already."),
        hint: "One identity may publish 10000 manifests; use another identity for more.",
    })
}

/// Keeps what others have signed and is not here yet.
fn statements_add(conn: &mut Conn, context: &Context, checked: &Checked) -> Result<(), PublisherError> {
    let record = checked.record();
    let id = &record.manifest.id;
    for acceptance in &record.acceptances {
        let did = acceptance.contributor().canonical();
        statement_put(
            conn,
            context,
            id,
            StatementKind::Acceptance,
            did,
            json_text(acceptance)?,
        )?;
    }
    let kind = StatementKind::Endorsement;
    let count: i64 = statements::table
        .filter(statements::manifest_id.eq(id.as_str()))
        .filter(statements::kind.eq(kind.as_str()))
        .count()
        .get_result(conn)?;
    let room = ENDORSEMENTS_MAX.saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
    for endorsement in record.endorsements.iter().take(room) {
        let did = endorsement.endorser().canonical();
        statement_put(conn, context, id, kind, did, json_text(endorsement)?)?;
    }
    Ok(())
}

fn statement_put(
    conn: &mut Conn,
    context: &Context,
    id: &ManifestId,
    kind: StatementKind,
    did: Did,
    document: String,
) -> Result<(), PublisherError> {
    if statement_exists(conn, id, kind, &did)? {
        return Ok(());
    }
    statement_insert(conn, context, id, kind, did, document)
}

fn statement_exists(conn: &mut Conn, id: &ManifestId, kind: StatementKind, did: &Did) -> Result<bool, PublisherError> {
    let found: i64 = statements::table
        .find((id.as_str(), kind.as_str(), did))
        .count()
        .get_result(conn)?;
    Ok(found > 0)
}

fn statement_insert(
    conn: &mut Conn,
    context: &Context,
    id: &ManifestId,
    kind: StatementKind,
    did: Did,
    document: String,
) -> Result<(), PublisherError> {
    let row = StatementRow {
        manifest_id: id.to_string(),
        kind: kind.as_str().to_owned(),
        did,
        document,
        created_at: context.env.now(),
        row_seal: Vec::new(),
    };
    row.insert(conn, &context.sealer)?;
    Ok(())
}
