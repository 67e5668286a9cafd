//! Key logs: entries, whole logs as another node shows them, and what a mirror that has seen one makes of them.

use imajin_did::{Did, PublicKey, SecretKey};
use imajin_kernel::Span;
use imajin_key_log::{Entry, EntryDraft, KeyHash, KeyLog, KeyLogError, KeyState, Receipt, receipt_sign};
use imajin_proof::jcs;

/// The phone, the key kept back, the one behind it, a further device, the key after a recovery; the paper.
const KEYS: [u8; 5] = [1, 2, 3, 4, 5];
const PAPER: u8 = 9;
/// A witness that is trusted.
const WITNESS: u8 = 200;

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

fn hidden(seed: u8) -> KeyHash {
    KeyHash::of(&key(seed).public())
}

fn trusted(did: &Did) -> Vec<PublicKey> {
    let witness = key(WITNESS);
    if *did == witness.did() {
        vec![witness.public()]
    } else {
        Vec::new()
    }
}

fn witnessed(entry: &Entry, hours: i64) -> Result<Receipt, KeyLogError> {
    let at = crate::NOW.plus(Span::hours(hours));
    receipt_sign(&key(WITNESS), key(WITNESS).did(), at, entry)
}

/// What the owner has signed: a first entry, a device, a rotation, a second rotation beside it, a recovery, an end.
fn entries() -> Result<Vec<Entry>, KeyLogError> {
    let paper = Some(key(PAPER).public());
    let at = |hours| crate::NOW.plus(Span::hours(hours));
    let first = EntryDraft::inception(&key(1).public(), Some(hidden(2)), paper, crate::NOW).sign(&[&key(1)])?;
    let after_first: KeyState = first.state()?;
    let device = EntryDraft::addition(&after_first, &key(4).public(), at(1)).sign(&[&key(1)])?;
    let turn = |after: &KeyState, hours| {
        let keys = vec![key(2).public()];
        EntryDraft::rotation(after, keys, Some(hidden(3)), paper, at(hours)).sign(&[&key(1), &key(2)])
    };
    let (rotation, other) = (turn(&device.state()?, 2)?, turn(&after_first, 1)?);
    let recovered = vec![key(5).public()];
    let recovery = EntryDraft::recovery(&device.state()?, recovered, None, paper, at(3)).sign(&[&key(PAPER)])?;
    let end = EntryDraft::deactivation(&rotation.state()?, at(4)).sign(&[&key(2), &key(3)])?;
    Ok(vec![first, device, rotation, other, recovery, end])
}

/// A log of these entries, some of them witnessed at these hours.
fn log(places: &[usize], hours: &[Option<i64>]) -> Result<KeyLog, KeyLogError> {
    let all = entries()?;
    let mut log = KeyLog::default();
    for (place, hours) in places.iter().zip(hours) {
        let Some(entry) = all.get(*place) else { continue };
        if let Some(hours) = hours {
            log.receipts.push(witnessed(entry, *hours)?);
        }
        log.entries.push(entry.clone());
    }
    Ok(log)
}

fn logs() -> Vec<KeyLog> {
    let logs = [
        log(&[0], &[Some(0)]),
        log(&[0, 1, 2], &[Some(0), Some(1), Some(2)]),
        log(&[0, 1, 2, 3], &[Some(0), Some(1), None, Some(1)]),
        log(&[0, 1, 2, 4], &[Some(0), Some(1), Some(2), Some(3)]),
        log(&[5, 2, 1, 0], &[Some(4), None, None, Some(0)]),
    ];
    logs.into_iter().filter_map(Result::ok).collect()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let logs = logs().into_iter().filter_map(|log| jcs::to_bytes(&log).ok());
    let entries = entries().unwrap_or_default();
    let entries = entries
        .iter()
        .filter_map(|entry| Some(entry.to_text().ok()?.into_bytes()));
    logs.chain(entries).collect()
}

pub(crate) fn run(data: &[u8]) {
    if let Ok(entry) = Entry::from_slice(data) {
        entry_check(&entry);
    }
    let Ok(log) = jcs::from_slice::<KeyLog>(data) else {
        return;
    };
    for entry in &log.entries {
        entry_check(entry);
    }
    let now = crate::NOW.plus(Span::days(1));
    if let Ok(state) = log.verify(now, &trusted) {
        state_check(&state);
        let mut turned = log.clone();
        turned.entries.reverse();
        turned.receipts.reverse();
        assert_eq!(
            turned.verify(now, &trusted),
            Ok(state),
            "the order of a log means nothing"
        );
    }
    mirrored(&log);
}

fn entry_check(entry: &Entry) {
    let Ok(text) = entry.to_text() else { return };
    let again = Entry::from_slice(text.as_bytes());
    if text.len() <= imajin_key_log::ENTRY_BYTES_MAX {
        let again = again.as_ref().map(|again| (again.to_text(), again.hash()));
        assert_eq!(
            again,
            Ok((Ok(text), entry.hash())),
            "an entry is its own canonical form"
        );
    }
}

/// Whatever verifies was signed by the keys of the seeds, so it says nothing but what they have said.
fn state_check(state: &KeyState) {
    assert_eq!(state.did, key(1).did(), "nobody here can sign for another identity");
    let ours: Vec<PublicKey> = KEYS.iter().map(|seed| key(*seed).public()).collect();
    assert!(
        state.keys.iter().all(|key| ours.contains(key)),
        "nobody has signed this key in"
    );
}

/// A mirror that has seen the rotation, and is shown something else.
fn mirrored(log: &KeyLog) {
    let now = crate::NOW.plus(Span::days(1));
    let Some(seen) = logs().into_iter().nth(1) else { return };
    let Ok(seen) = KeyLog::default().merge(None, &seen, now, &trusted) else {
        unreachable!("the owner's own log is good");
    };
    let Ok(merged) = seen.log.merge(seen.pin, log, now, &trusted) else {
        return;
    };
    state_check(&merged.state);
    assert!(
        seen.log.entries.iter().all(|entry| merged.log.entries.contains(entry)),
        "what was seen stays"
    );
    let again = merged.log.merge(merged.pin, log, now, &trusted);
    assert!(
        again.is_ok_and(|again| !again.changed && again.state == merged.state),
        "the same once more is nothing new"
    );
    let kept = merged.log.without_strays(&seen.log, merged.state.head);
    assert!(kept.entries.len() <= merged.log.entries.len());
}
