//! Dynamic updates (RFC 2136) over TCP, signed with TSIG (RFC 8945).

mod key;
mod message;

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use hickory_proto::op::{DnsResponse, Message, ResponseCode};
use imajin_kernel::Env;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub use key::{TsigAlgorithm, TsigKey, TsigKeyError};

use self::message::{changes_message, question, records_of};
use crate::{Change, DnsError, DnsProvider, RecordKind, RecordSet, Zone, ZoneName};

/// What an update provider needs.
#[derive(Debug, Clone)]
pub struct Rfc2136Settings {
    /// The primary server.
    pub server: SocketAddr,
    /// The zone that it serves.
    pub zone: Zone,
    /// The key that both know.
    pub key: TsigKey,
    /// How long an exchange may take, connecting included.
    pub timeout: Duration,
}

/// A primary server that takes updates: Knot, BIND, `PowerDNS`.
#[derive(Clone)]
pub struct Rfc2136 {
    settings: Rfc2136Settings,
    env: Env,
}

impl Rfc2136 {
    /// A provider. Connects when it is asked something, and not before.
    pub const fn new(settings: Rfc2136Settings, env: Env) -> Self {
        Self { settings, env }
    }

    /// Sends a signed message and gives the answer, once its signature has been checked.
    async fn exchange(&self, mut message: Message) -> Result<DnsResponse, DnsError> {
        let now = u64::try_from(self.env.now().as_seconds()).unwrap_or(0);
        let signed = message.finalize(self.settings.key.signer(), now);
        let verifier = signed.map_err(|error| DnsError::Refused(format!("the message cannot be signed: {error}")))?;
        let bytes = message.to_vec().map_err(|error| DnsError::Refused(error.to_string()))?;
        let answer = tokio::time::timeout(self.settings.timeout, self.send(&bytes)).await;
        let away = |problem: &dyn std::fmt::Display| DnsError::Away(format!("{}: {problem}", self.settings.server));
        let answer = answer
            .map_err(|_elapsed| away(&"no answer in time"))?
            .map_err(|error| away(&error))?;
        let id = message.id;
        let mut verifier = verifier.ok_or_else(|| DnsError::Untrusted("it was not signed".to_owned()))?;
        match verifier.verify(&answer) {
            Ok(response) if response.id == id => Ok(response),
            Ok(_) => Err(DnsError::Untrusted("it answers something else".to_owned())),
            Err(error) => Err(unsigned(&answer).unwrap_or_else(|| DnsError::Untrusted(error.to_string()))),
        }
    }

    async fn send(&self, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let length = u16::try_from(bytes.len()).map_err(std::io::Error::other)?;
        let mut stream = TcpStream::connect(self.settings.server).await?;
        let mut framed = length.to_be_bytes().to_vec();
        framed.extend_from_slice(bytes);
        stream.write_all(&framed).await?;
        let length = stream.read_u16().await?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    }

    fn check_zone(&self, name: &ZoneName) -> Result<(), DnsError> {
        if self.settings.zone.holds(name) {
            return Ok(());
        }
        Err(DnsError::OutOfZone(name.to_string()))
    }

    fn message_id(&self) -> u16 {
        u16::from_be_bytes(self.env.random_bytes())
    }
}

#[async_trait]
impl DnsProvider for Rfc2136 {
    fn name(&self) -> &'static str {
        "rfc2136"
    }

    async fn apply(&self, changes: &[Change]) -> Result<(), DnsError> {
        if changes.is_empty() {
            return Ok(());
        }
        changes.iter().try_for_each(|change| self.check_zone(change.name()))?;
        let message = changes_message(self.message_id(), &self.settings.zone, changes)?;
        let response = self.exchange(message).await?;
        refusal(&response).map_or(Ok(()), Err)
    }

    async fn fetch(&self, name: &ZoneName, kind: RecordKind) -> Result<Option<RecordSet>, DnsError> {
        self.check_zone(name)?;
        let response = self.exchange(question(self.message_id(), name, kind)?).await?;
        if response.response_code == ResponseCode::NXDomain {
            return Ok(None);
        }
        match refusal(&response) {
            Some(error) => Err(error),
            None => Ok(records_of(&response, name, kind)),
        }
    }

    /// A server answers for a name that has only others below it without records, and not that there is no such name
    /// (RFC 8020).
    async fn is_there(&self, name: &ZoneName) -> Result<bool, DnsError> {
        self.check_zone(name)?;
        // Of all kinds it is this one where the answer is about the name itself, and not about where it leads.
        let asked = question(self.message_id(), name, RecordKind::Cname)?;
        let response = self.exchange(asked).await?;
        if response.response_code == ResponseCode::NXDomain {
            return Ok(false);
        }
        refusal(&response).map_or(Ok(true), Err)
    }
}

/// What an answer without a good signature says all the same: that the server does not know the key, for example. It is
/// never taken for a yes.
fn unsigned(answer: &[u8]) -> Option<DnsError> {
    refusal(&Message::from_vec(answer).ok()?)
}

fn refusal(message: &Message) -> Option<DnsError> {
    let error = message.signature.as_ref().and_then(|signature| signature.data.error);
    match (message.response_code, error) {
        (ResponseCode::NoError, None) => None,
        (ResponseCode::ServFail, _) => Some(DnsError::Away(message.response_code.to_string())),
        (code, Some(error)) => Some(DnsError::Refused(format!("{code} ({error:?})"))),
        (code, None) => Some(DnsError::Refused(code.to_string())),
    }
}
