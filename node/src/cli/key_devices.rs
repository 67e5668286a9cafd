//! The devices of an identity.

use clap::{Args, Subcommand};
use imajin_did::{Did, PublicKey};
use imajin_key_log::EntryDraft;
use imajin_proof::digest::sha256;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::caller::key_read;
use super::client::{IdentityClient, LoggedIn};
use super::key_file::{Facts, local};
use super::key_log::PublishedLog;
use super::output::table;
use super::{CommandError, KeyArg, NodeArg, Output};

const DEVICES: &str = "/auth/api/devices";
const REQUESTS: &str = "/auth/api/devices/requests";

/// Without letters and digits that look alike.
const CODE_ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// The keys of an identity and the devices that wait.
#[derive(Debug, Subcommand)]
pub(super) enum DevicesCommand {
    /// List the keys that count, and the devices that ask to be let in.
    List(Caller),
    /// From a new device: ask an identity to let this key in. Prints a code to compare.
    Ask {
        #[command(flatten)]
        caller: Caller,
        /// The identity: a DID or a handle.
        #[arg(long, value_name = "DID")]
        identity: String,
        /// What this device is called.
        #[arg(long)]
        name: String,
    },
    /// From a new device: see whether it was let in, and note whose key it is now.
    Status {
        #[command(flatten)]
        caller: Caller,
        /// What `ask` has printed.
        #[arg(long, value_name = "ID")]
        request: String,
    },
    /// Let a device in whose code is the one that it shows.
    Approve {
        #[command(flatten)]
        caller: Caller,
        /// The code that the new device shows.
        #[arg(long)]
        code: String,
        /// What it shall be called; without this as it calls itself.
        #[arg(long)]
        name: Option<String>,
    },
    /// Send a device away.
    Refuse {
        #[command(flatten)]
        caller: Caller,
        /// Its code.
        #[arg(long)]
        code: String,
    },
    /// Give a key another name.
    Rename {
        #[command(flatten)]
        caller: Caller,
        /// The Multikey.
        #[arg(long, value_name = "MULTIKEY")]
        device: String,
        /// The name.
        #[arg(long)]
        name: String,
    },
}

/// Who asks whom.
#[derive(Debug, Args)]
pub(super) struct Caller {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Devices {
    did: Did,
    #[serde(rename = "devices")]
    keys: Vec<Device>,
    requests: Vec<Request>,
    #[serde(flatten)]
    more: serde_json::Map<String, Value>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Device {
    key: String,
    name: Option<String>,
    added_at: String,
    last_used_at: Option<String>,
    current: bool,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    id: String,
    /// What the node says is not looked at.
    #[serde(default)]
    code: String,
    key: PublicKey,
    name: String,
    expires_at: String,
}

impl Caller {
    async fn client(&self) -> Result<(IdentityClient, LoggedIn), CommandError> {
        let client = self.node.signing(&self.key)?;
        let session = client.login().await?;
        Ok((client, session))
    }
}

async fn list(client: &IdentityClient, session: &LoggedIn) -> Result<Devices, CommandError> {
    let mut devices: Devices = client.get_own(session, DEVICES).await?;
    for request in &mut devices.requests {
        request.code = device_code(&request.key);
    }
    Ok(devices)
}

/// The code that two devices show while one lets the other in: made of the new one's key alone, on each by itself. A
/// node that shows another key than the new device has cannot have both show one code.
fn device_code(key: &PublicKey) -> String {
    let digest = sha256(format!("imajin device code 2\0{}", key.multikey()).as_bytes());
    let letter = |byte: &u8| {
        CODE_ALPHABET
            .get(usize::from(byte & 31))
            .copied()
            .map_or('2', char::from)
    };
    let groups = digest.chunks(4).take(3);
    let groups: Vec<String> = groups.map(|group| group.iter().map(letter).collect()).collect();
    groups.join("-")
}

async fn request_find(client: &IdentityClient, session: &LoggedIn, code: &str) -> Result<Request, CommandError> {
    let plain = |code: &str| code.replace('-', "").to_uppercase();
    let devices = list(client, session).await?;
    let mut requests = devices.requests.into_iter();
    requests
        .find(|request| plain(&request.code) == plain(code))
        .ok_or_else(|| local("no device with this code is waiting: ask it to show its code, or to ask again"))
}

impl DevicesCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::List(caller) => {
                let (client, session) = caller.client().await?;
                output.result(&list(&client, &session).await?, listing);
                Ok(())
            }
            Self::Ask { caller, identity, name } => ask(&caller, &identity, &name, output).await,
            Self::Status { caller, request } => status(&caller, &request, output).await,
            Self::Approve { caller, code, name } => approve(&caller, &code, name, output).await,
            Self::Refuse { caller, code } => {
                let (client, session) = caller.client().await?;
                let request = request_find(&client, &session, &code).await?;
                client
                    .send_empty("DELETE", &format!("{REQUESTS}/{}", request.id), None)
                    .await?;
                output.result(&request, |request| format!("“{}” was sent away.", request.name));
                Ok(())
            }
            Self::Rename { caller, device, name } => {
                let client = caller.node.signing(&caller.key)?;
                let body = json!({ "name": name });
                client
                    .send_empty("POST", &format!("{DEVICES}/{device}/name"), Some(&body))
                    .await?;
                let renamed = json!({"key": device, "name": name});
                output.result(&renamed, |_renamed| format!("{device} is called “{name}” now."));
                Ok(())
            }
        }
    }
}

fn listing(devices: &Devices) -> String {
    let rows: Vec<Vec<String>> = devices
        .keys
        .iter()
        .map(|device| {
            let mark = if device.current { "*" } else { " " };
            let used = device.last_used_at.clone().unwrap_or_else(|| "never used".to_owned());
            vec![
                format!("{mark} {}", device.key),
                device.name.clone().unwrap_or_else(|| "no name".to_owned()),
                used,
            ]
        })
        .collect();
    let waiting = devices.requests.iter().map(|request| {
        format!(
            "\nwaiting: {}  “{}”  until {}",
            request.code, request.name, request.expires_at
        )
    });
    format!("{}\n{}{}", devices.did, table(&rows), waiting.collect::<String>())
}

async fn ask(caller: &Caller, identity: &str, name: &str, output: Output) -> Result<(), CommandError> {
    let client = caller.node.signing_alone(&caller.key)?;
    let body = json!({"id": identity, "name": name});
    let mut asked: Value = client.send("POST", REQUESTS, &body, None).await?;
    if let Some(members) = asked.as_object_mut() {
        members.insert("code".to_owned(), device_code(&client.key().public()).into());
    }
    output.result(&asked, |asked| {
        let text = |name: &str| asked.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        format!(
            "The code is {}. Compare it on a device of the identity, let this one in there, then run:\n\
             imajin key devices status --key {} --request {}",
            text("code"),
            caller.key.key.display(),
            text("requestId")
        )
    });
    Ok(())
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Standing {
    status: String,
    did: Option<Did>,
    expires_at: String,
}

async fn status(caller: &Caller, request: &str, output: Output) -> Result<(), CommandError> {
    let standing: Standing = caller.node.client()?.get(&format!("{REQUESTS}/{request}")).await?;
    if let Some(did) = &standing.did {
        let key = key_read(&caller.key.key)?;
        let mut facts = Facts::read(&caller.key.key, &key)?;
        facts.did = did.clone();
        facts.write(&caller.key.key)?;
    }
    output.result(&standing, |standing| match (&standing.did, standing.status.as_str()) {
        (Some(did), _) => format!("This key speaks for {did} now."),
        (None, "refused") => "This device was sent away.".to_owned(),
        (None, _) => format!(
            "Nobody has decided yet; the request waits until {}.",
            standing.expires_at
        ),
    });
    if standing.status == "refused" {
        return Err(CommandError::Negative);
    }
    Ok(())
}

async fn approve(caller: &Caller, code: &str, name: Option<String>, output: Output) -> Result<(), CommandError> {
    let (client, session) = caller.client().await?;
    let request = request_find(&client, &session, code).await?;
    let published = PublishedLog::fetch(client.node(), client.did().as_str()).await?;
    let now = client.node().env().now();
    let state = published.state(now)?;
    if state.head.is_none() {
        return Err(local(
            "this identity has no key log yet: `imajin login` publishes the first entry",
        ));
    }
    let entry = EntryDraft::addition(&state, &request.key, now)
        .sign(&[client.key()])
        .map_err(local)?;
    let name = name.unwrap_or_else(|| request.name.clone());
    let body = json!({"entry": entry, "name": name, "request": request.id});
    let accepted: Value = client.send("POST", DEVICES, &body, None).await?;
    output.result(&accepted, |_accepted| {
        format!("“{name}” speaks for {} now.", client.did())
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_a_device_is_made_of_its_key() {
        // The browser's test has the same one.
        let key = "z6MkiaMbhXHNA4eJVCCj8dbzKzTgYDKf6crKgHVHid1F1WCT";
        assert_eq!(device_code(&PublicKey::from_multikey(key).unwrap()), "PYVF-SRZS-LY28");
    }
}
