//! What is known here about an identity's keys besides the keys: names, and when they were used.

use diesel::prelude::*;
use imajin_auth_api::{DeviceListView, DeviceRequestView, DeviceView};
use imajin_did::{Did, PublicKey};
use imajin_kernel::{Span, Timestamp};
use imajin_key_log::{Change, Entry, KeyLogError, KeyState, Status};
use imajin_store::{Conn, SealedRow, Sealer, intact_all};
use imajin_web::Verified;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::KeyRefusal;
use super::requests::{self, OUTCOME_APPROVED};
use super::{Accepted, implicit_state};
use crate::AuthError;
use crate::auth::{Auth, Writing};
use crate::identities::{Identity, name_parse};
use crate::log::{Authority, mutation_record};
use crate::rows::{DeviceRequestRow, DeviceRow};
use crate::schema::devices;

/// The action in the mutation log.
pub(crate) const ACTION_ADD: &str = "device.add";
/// The action in the mutation log.
pub(crate) const ACTION_RENAME: &str = "device.rename";
/// Uses closer together than this are not told apart.
const USE_NOTED_EVERY: Span = Span::minutes(1);

/// What a name of a device is logged under.
pub(crate) fn device_object(did: &Did, multikey: &str) -> String {
    format!("device/{did}/{multikey}")
}

/// Signs a new device in.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeviceAddBody {
    /// The entry that adds the device's key, signed by a current key.
    #[schema(value_type = Object)]
    pub(crate) entry: Value,
    /// What the device is called; nobody else sees it.
    pub(crate) name: String,
    /// The request that is granted, as `GET /api/devices` names it.
    #[serde(default)]
    pub(crate) request: Option<String>,
}

/// Calls a device something else.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct DeviceNameBody {
    /// The name; nobody else sees it.
    pub(crate) name: String,
}

/// What comes with a device that is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Approval {
    authority: Authority,
    raw: Vec<u8>,
    key: PublicKey,
    name: String,
    request: Option<String>,
}

/// A current key and what is known about it.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) key: PublicKey,
    pub(crate) name: Option<String>,
    pub(crate) added_at: Timestamp,
    pub(crate) last_used_at: Option<Timestamp>,
}

/// An identity's own view of its keys.
#[derive(Debug, Clone)]
pub(crate) struct DeviceList {
    pub(crate) state: KeyState,
    pub(crate) devices: Vec<Device>,
    pub(crate) requests: Vec<DeviceRequestRow>,
}

impl Auth {
    /// The current keys with their names, and the devices that ask to be let in.
    pub(crate) async fn device_list_of(&self, identity: Identity) -> Result<DeviceList, AuthError> {
        let (sealer, now) = (self.sealer.clone(), self.env.now());
        self.db
            .read(move |conn| {
                let rows = rows_of(conn, &sealer, &identity.did)?;
                let devices = identity.keys.iter().map(|key| {
                    let row = rows.iter().find(|row| row.multikey == key.multikey());
                    Device {
                        key: *key,
                        name: row.and_then(|row| row.name.clone()),
                        added_at: row.map_or(identity.created_at, |row| row.added_at),
                        last_used_at: row.and_then(|row| row.last_used_at),
                    }
                });
                Ok(DeviceList {
                    devices: devices.collect(),
                    requests: requests::pending(conn, &sealer, &identity.did, now)?,
                    state: identity.state.clone().unwrap_or_else(|| KeyState {
                        recovery: identity.recovery_key,
                        ..implicit_state(&identity)
                    }),
                })
            })
            .await
    }

    /// Accepts an addition together with the new device's name.
    pub(crate) async fn device_add(
        &self,
        verified: &Verified,
        body: DeviceAddBody,
        raw: Vec<u8>,
    ) -> Result<Accepted, AuthError> {
        let entry = Entry::from_value(body.entry)?;
        // An addition appends.
        let key = *entry.keys.last().ok_or(KeyLogError::NothingChanges)?;
        let approval = Approval {
            authority: Authority::Signed(verified.proof().clone()),
            raw,
            key,
            name: name_parse(&body.name)?,
            request: body.request,
        };
        let did = verified.did().to_string();
        self.entry_accept(&did, entry, &[Change::Addition], Some(approval))
            .await
    }

    /// Gives a key another name.
    pub(crate) async fn device_rename(
        &self,
        verified: &Verified,
        multikey: &str,
        body: &DeviceNameBody,
        raw: Vec<u8>,
    ) -> Result<(), AuthError> {
        let key = PublicKey::from_multikey(multikey).or(Err(KeyRefusal::DeviceUnknown))?;
        let (did, name) = (verified.did().clone(), name_parse(&body.name)?);
        let authority = Authority::Signed(verified.proof().clone());
        let auth = self.writing();
        self.write_contended(move |conn| {
            let identity = super::accept_identity(conn, &auth, &did)?;
            if !identity.keys.contains(&key) {
                return Err(KeyRefusal::DeviceUnknown.into());
            }
            let object = device_object(&did, &key.multikey());
            mutation_record(conn, &auth, &did, ACTION_RENAME, &object, raw.clone(), &authority)?;
            let mut row = row_ensure(conn, &auth, &did, &key, identity.created_at)?;
            row.name = Some(name.clone());
            row.save(conn, &auth.sealer)?;
            Ok(())
        })
        .await
    }
}

impl DeviceList {
    /// As the owner sees it, in a session that this key has opened.
    pub(crate) fn view(self, opened_by: Option<&str>) -> DeviceListView {
        let device = |device: Device| DeviceView {
            current: opened_by == Some(device.key.multikey().as_str()),
            key: device.key,
            name: device.name,
            added_at: device.added_at,
            last_used_at: device.last_used_at,
        };
        let request = |row: DeviceRequestRow| DeviceRequestView {
            id: row.id,
            code: row.code,
            key: row.multikey,
            name: row.name,
            created_at: row.created_at,
            expires_at: row.expires_at,
        };
        DeviceListView {
            did: self.state.did,
            head: self.state.head.map(|head| head.to_string()),
            contested: self.state.status == Status::Contested,
            has_next_key: self.state.next_key_hash.is_some(),
            recovery: self.state.recovery,
            devices: self.devices.into_iter().map(device).collect(),
            requests: self.requests.into_iter().map(request).collect(),
        }
    }
}

fn rows_of(conn: &mut Conn, sealer: &Sealer, did: &Did) -> Result<Vec<DeviceRow>, AuthError> {
    let rows: Vec<DeviceRow> = devices::table
        .filter(devices::did.eq(did.clone()))
        .select(DeviceRow::as_select())
        .load(conn)?;
    Ok(intact_all(rows, sealer)?)
}

/// The row of a key; a key that was never named nor used has none yet.
fn row_ensure(
    conn: &mut Conn,
    auth: &Writing,
    did: &Did,
    key: &PublicKey,
    added_at: Timestamp,
) -> Result<DeviceRow, AuthError> {
    let row: Option<DeviceRow> = devices::table
        .find((did.clone(), key.multikey()))
        .select(DeviceRow::as_select())
        .first(conn)
        .optional()?;
    if let Some(row) = row {
        return Ok(row.intact(&auth.sealer)?);
    }
    let row = DeviceRow {
        did: did.clone(),
        multikey: key.multikey(),
        name: None,
        added_at,
        last_used_at: None,
        removed_at: None,
        row_seal: Vec::new(),
    };
    Ok(row.insert(conn, &auth.sealer)?)
}

/// Notes that somebody has logged in with a key.
pub(crate) fn used(conn: &mut Conn, auth: &Writing, identity: &Identity, key: &PublicKey) -> Result<(), AuthError> {
    let now = auth.env.now();
    let mut row = row_ensure(conn, auth, &identity.did, key, identity.created_at)?;
    if row.last_used_at.is_none_or(|last| now.since(last) >= USE_NOTED_EVERY) {
        row.last_used_at = Some(now);
        row.save(conn, &auth.sealer)?;
    }
    Ok(())
}

/// Lets the rows follow the keys: new ones appear, those that are gone are marked.
pub(crate) fn reconcile(
    conn: &mut Conn,
    auth: &Writing,
    state: &KeyState,
    approval: Option<&Approval>,
) -> Result<(), AuthError> {
    let now = auth.env.now();
    for mut row in rows_of(conn, &auth.sealer, &state.did)? {
        let counts = state.keys.iter().any(|key| key.multikey() == row.multikey);
        if counts == row.removed_at.is_some() {
            row.removed_at = (!counts).then_some(now);
            row.save(conn, &auth.sealer)?;
        }
    }
    for key in &state.keys {
        row_ensure(conn, auth, &state.did, key, now)?;
    }
    approval.map_or(Ok(()), |approval| approval.run(conn, auth, &state.did))
}

impl Approval {
    fn run(&self, conn: &mut Conn, auth: &Writing, did: &Did) -> Result<(), AuthError> {
        let object = device_object(did, &self.key.multikey());
        mutation_record(conn, auth, did, ACTION_ADD, &object, self.raw.clone(), &self.authority)?;
        let mut row = row_ensure(conn, auth, did, &self.key, auth.env.now())?;
        row.name = Some(self.name.clone());
        row.save(conn, &auth.sealer)?;
        let Some(id) = &self.request else { return Ok(()) };
        let request = requests::open_request(conn, auth, did, id)?;
        if request.multikey != self.key.multikey() {
            return Err(KeyRefusal::RequestUnknown.into());
        }
        requests::decide(conn, auth, request, OUTCOME_APPROVED)
    }
}
