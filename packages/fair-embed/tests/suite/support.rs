//! A signer, manifests, and the operations on bytes in memory.

use std::io::Cursor;

use imajin_did::{Did, PublicKey, SecretKey};
use imajin_fair::{Content, Contributor, Manifest, Payee};
use imajin_fair_embed::{EmbedError, Report, Work};
use imajin_kernel::Timestamp;
use imajin_money::Share;

pub(crate) fn key() -> SecretKey {
    SecretKey::from_seed([7; 32])
}

/// A title with everything that some format has to escape.
const TITLE: &str = "Dülferstraße <script>'\"&--> 🎈 */ ]]> \\ \u{2028}";

pub(crate) fn unsigned(content: Content) -> Manifest {
    let did = key().did();
    let mut manifest = Manifest::new(vec![Contributor::new(Payee::Did(did.clone()), "author", Share::ONE)]).unwrap();
    manifest.author = Some(did);
    manifest.title = Some(TITLE.to_owned());
    manifest.content = Some(content);
    manifest.id = manifest.computed_id().unwrap();
    manifest
}

pub(crate) fn sign(manifest: Manifest) -> Manifest {
    let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    manifest.sign(&key(), key().did(), now).unwrap()
}

pub(crate) fn content(name: &str, bytes: &[u8]) -> Content {
    let mut file = Cursor::new(bytes);
    let mut work = Work::open(&mut file, name).unwrap();
    let whole = work.whole();
    work.content(&whole).unwrap()
}

/// A signed manifest of these bytes.
pub(crate) fn signed(name: &str, bytes: &[u8]) -> Manifest {
    sign(unsigned(content(name, bytes)))
}

/// The same with so many contributors that it is longer than any one segment, page or frame.
pub(crate) fn signed_long(name: &str, bytes: &[u8]) -> Manifest {
    let mut manifest = unsigned(content(name, bytes));
    let share: Share = Share::from_millionths(2_000).unwrap();
    let role = |number| format!("voice {number} of the choir that sings behind the ämpire's wall");
    manifest.contributors = (0..500)
        .map(|number| Contributor::new(Payee::Did(key().did()), role(number), share))
        .collect();
    sign(manifest)
}

pub(crate) fn embed(name: &str, bytes: &[u8], manifest: &Manifest) -> Result<Vec<u8>, EmbedError> {
    let mut file = Cursor::new(bytes);
    let mut work = Work::open(&mut file, name)?;
    let layout = work.embed(manifest)?;
    let mut out = Vec::new();
    work.write(&layout, &mut out)?;
    Ok(out)
}

pub(crate) fn strip(name: &str, bytes: &[u8]) -> Result<Vec<u8>, EmbedError> {
    let mut file = Cursor::new(bytes);
    let mut work = Work::open(&mut file, name)?;
    let layout = work.original()?;
    let mut out = Vec::new();
    work.write(&layout, &mut out)?;
    Ok(out)
}

pub(crate) fn extract(name: &str, bytes: &[u8]) -> Result<Option<Manifest>, EmbedError> {
    let mut file = Cursor::new(bytes);
    let mut work = Work::open(&mut file, name)?;
    Ok(work.find()?.map(|found| found.manifest))
}

pub(crate) fn key_of(did: &Did) -> Option<PublicKey> {
    did.public_key()
}

pub(crate) fn verify(name: &str, bytes: &[u8]) -> Report {
    verify_beside(name, bytes, None)
}

pub(crate) fn verify_beside(name: &str, bytes: &[u8], sidecar: Option<&[u8]>) -> Report {
    let mut file = Cursor::new(bytes);
    let mut work = Work::open(&mut file, name).unwrap();
    work.verify(sidecar, &key_of).unwrap()
}

/// Repeatable numbers (xorshift64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % limit.max(1)
    }
}
