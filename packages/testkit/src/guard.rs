//! A child process that cannot outlive the test that started it.
//!
//! A test may panic, be killed for taking too long, or die with the machine's patience; `Drop` then never runs. So
//! the child is started by a small shell that holds the read end of a pipe to us. Whatever ends us closes the pipe,
//! and the shell ends the child and removes its scratch directory.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::TestkitError;
use crate::error::log_tail;

/// `$1` = signal, `$2` = scratch directory, the rest is the command.
///
/// After the child has ended, every process whose command line names the scratch directory is killed too: a browser
/// leaves its driver's process group, but it cannot leave its profile directory.
const SCRIPT: &str = r#"
signal=$1 scratch=$2
shift 2
"$@" </dev/null >"$scratch/log" 2>&1 &
child=$!
cat >/dev/null
kill -s "$signal" "$child" 2>/dev/null
wait "$child" 2>/dev/null
for file in $(grep -lsF -e "$scratch" /proc/[0-9]*/cmdline); do
    process=${file#/proc/}
    process=${process%/cmdline}
    [ "$process" = "$$" ] || kill -s KILL "$process" 2>/dev/null
done
rm -rf "$scratch" || { sleep 1; rm -rf "$scratch"; }
"#;

/// A user of the operating system under whom a child runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunAs {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl RunAs {
    /// Makes `command` run as this user, without any supplementary group of ours.
    pub(crate) fn apply(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }
}

/// A running child and its scratch directory. Both are gone when this value is dropped, or when this process ends in
/// whatever way.
#[derive(Debug)]
pub struct Guarded {
    shell: Child,
    scratch: PathBuf,
}

impl Guarded {
    /// Starts `program` with `arguments`. Its output goes to the file `log` in the scratch directory; `signal` (for
    /// example `TERM`) asks it to end. The scratch directory must exist; this value owns it from here on.
    ///
    /// # Errors
    /// When no shell can be started.
    pub fn start(program: &Path, arguments: &[String], signal: &str, scratch: PathBuf) -> Result<Self, TestkitError> {
        Self::start_as(program, arguments, signal, scratch, None)
    }

    pub(crate) fn start_as(
        program: &Path,
        arguments: &[String],
        signal: &str,
        scratch: PathBuf,
        run_as: Option<RunAs>,
    ) -> Result<Self, TestkitError> {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SCRIPT, "guard", signal])
            .arg(&scratch)
            .arg(program)
            .args(arguments);
        // A group of its own: an interrupt typed at the terminal must reach the shell only through the pipe. No
        // inherited output: a test runner waits for the last holder of a test's output.
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .current_dir("/");
        if let Some(user) = run_as {
            user.apply(&mut command);
        }
        let shell = command.spawn().map_err(TestkitError::file("/bin/sh"))?;
        Ok(Self { shell, scratch })
    }

    /// The directory that the child may fill.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// The end of what the child has written.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.scratch.join("log")).unwrap_or_default();
        log_tail(&String::from_utf8_lossy(&bytes))
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // A failure to wait leaves nothing to do: the shell ends by itself.
        let _ended = self.shell.wait();
    }
}
