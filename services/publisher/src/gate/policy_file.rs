//! The file with the policy of a gate, as the operator reads and replaces it.

use std::fs::{File, Permissions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use imajin_kernel::{Code, Problem};
use imajin_proof::digest::sha256_hex;
use imajin_publisher_api::GatePolicy;

use super::{GateShown, policy_read};

/// One at a time: what a file says between a look at it and its change is what was looked at.
static CHANGING: Mutex<()> = Mutex::new(());
/// What the policy before is called, beside the file.
const BEFORE: &str = "before";

impl GateShown {
    /// Reads the file. It waits for the disk.
    pub(crate) fn policy_text(&self) -> Result<GatePolicy, Problem> {
        let text = std::fs::read_to_string(&self.policy).map_err(|error| self.failed("be read", &error))?;
        Ok(GatePolicy {
            sha256: sha256_hex(text.as_bytes()),
            text,
        })
    }

    /// Puts a text into the file in the place of the one with the digest `replaces`, and in force. The text before is
    /// kept beside it. It waits for the disk.
    pub(crate) fn policy_replace(&self, text: &str, replaces: &str) -> Result<GatePolicy, Problem> {
        let gate = self.gate.upgrade().ok_or_else(|| Problem::not_found("gate"))?;
        let policy = policy_read(text, &self.trusted)?;
        let _alone = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.policy_text()?;
        if before.sha256 != replaces {
            let detail = "The policy file was changed meanwhile.";
            return Err(
                Problem::new(Code::Conflict, detail).hint("Look at it as it is now, and make the change again.")
            );
        }
        // What a link leads to is changed, and the link stays.
        let place = self
            .policy
            .canonicalize()
            .map_err(|error| self.failed("be found", &error))?;
        let written = file_replace(&beside(&place, BEFORE), &place, &before.text)
            .and_then(|()| file_replace(&place, &place, text));
        written.map_err(|error| self.failed("be written", &error))?;
        gate.policy_set(policy);
        self.policy_text()
    }

    fn failed(&self, what: &str, error: &std::io::Error) -> Problem {
        let place = self.policy.display();
        let problem = Problem::new(Code::Conflict, format!("The policy {place} cannot {what}: {error}."));
        problem.hint("Change it where it is: it is read again when it changes.")
    }
}

/// Another name in the same folder.
fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(more);
    path.with_file_name(name)
}

/// Writes a file so that it has the old text or the new one, whenever the power fails; with the rights of `like`.
fn file_replace(path: &Path, like: &Path, text: &str) -> std::io::Result<()> {
    let rights: Permissions = std::fs::metadata(like)?.permissions();
    let fresh = beside(path, "new");
    let mut file = File::create(&fresh)?;
    file.set_permissions(rights)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
