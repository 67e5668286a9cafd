//! A disk that is cut: what it holds afterwards is what was synced, see `tests/power/shim.c`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use super::dice::Dice;
use crate::support::Home;

/// What a disk writes in one piece.
const SECTOR_BYTES: usize = 512;

/// What the disk did with the writes that nobody has synced.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unsynced {
    /// None of them arrived.
    Lost,
    /// Any of them arrived, in any order, sector by sector.
    Torn,
}

/// The directory that the node writes to, and the notes of what is synced.
pub(super) struct Disk {
    live: PathBuf,
    synced: PathBuf,
    library: PathBuf,
}

impl Disk {
    /// The disk below a node's data directory.
    pub(super) fn under(home: &Home) -> Self {
        let folder = home.data().parent().unwrap().canonicalize().unwrap();
        let disk = Self {
            live: folder.join("data"),
            synced: folder.join("synced"),
            library: library_build(),
        };
        disk.forget();
        disk
    }

    /// What the node's process needs for its syncs to be noted.
    pub(super) fn environment(&self) -> [(&'static str, OsString); 3] {
        [
            ("LD_PRELOAD", self.library.clone().into_os_string()),
            ("IMAJIN_DISK_LIVE", self.live.clone().into_os_string()),
            ("IMAJIN_DISK_SYNCED", self.synced.clone().into_os_string()),
        ]
    }

    /// What is on the disk now is on the disk.
    fn forget(&self) {
        if self.synced.exists() {
            fs::remove_dir_all(&self.synced).unwrap();
        }
        fs::create_dir_all(self.synced.join("files")).unwrap();
    }

    /// The files whose names are synced, by name; none while the directory's own name is not.
    pub(super) fn names(&self) -> BTreeMap<String, String> {
        if !self.synced.join("named").exists() {
            return BTreeMap::new();
        }
        let text = fs::read_to_string(self.synced.join("names")).unwrap();
        let line = |line: &str| {
            line.split_once(' ')
                .map(|(identity, name)| (name.to_owned(), identity.to_owned()))
        };
        text.lines().filter_map(line).collect()
    }

    fn content(&self, identity: &str) -> Vec<u8> {
        // Never synced: the name is there, and nothing behind it.
        fs::read(self.synced.join("files").join(identity)).unwrap_or_default()
    }

    /// Puts what survives in the place of what is there. The node is dead.
    pub(super) fn cut(&self, unsynced: Unsynced, dice: &Dice) {
        let after = match unsynced {
            Unsynced::Lost => self.survivors(),
            Unsynced::Torn => self.survivors_torn(dice),
        };
        if self.live.exists() {
            fs::remove_dir_all(&self.live).unwrap();
        }
        if !after.is_empty() {
            fs::create_dir(&self.live).unwrap();
            fs::set_permissions(&self.live, fs::Permissions::from_mode(0o700)).unwrap();
        }
        for (name, bytes) in after {
            let path = self.live.join(name);
            let file = fs::OpenOptions::new()
                .create_new(true)
                .write(true)
                .mode(0o600)
                .open(&path);
            std::io::Write::write_all(&mut file.unwrap(), &bytes).unwrap();
        }
        self.forget();
    }

    fn survivors(&self) -> BTreeMap<String, Vec<u8>> {
        let names = self.names().into_iter().filter(|(name, _)| self.is_kept(name));
        names.map(|(name, identity)| (name, self.content(&identity))).collect()
    }

    fn survivors_torn(&self, dice: &Dice) -> BTreeMap<String, Vec<u8>> {
        let synced = self.names();
        let live = live_names(&self.live);
        let all = synced.keys().chain(live.keys());
        let names: BTreeSet<&String> = all.filter(|name| self.is_kept(name)).collect();
        let mut after = BTreeMap::new();
        for name in names {
            let coin = dice.below(2) == 0;
            let bytes = match (synced.get(name), live.get(name)) {
                (Some(before), Some(now)) if before == now || coin => self.torn(now, &self.live.join(name), dice),
                // The name was given to another file, or taken away: that may have arrived or not.
                (Some(before), Some(_)) => self.content(before),
                (Some(before), None) if coin => self.content(before),
                (None, Some(now)) if coin => self.torn(now, &self.live.join(name), dice),
                _ => continue,
            };
            after.insert(name.clone(), bytes);
        }
        after
    }

    /// Whether a name is a file's that outlives the node: SQLite makes its shared index anew, and what is in folders,
    /// works for example, is lost whole.
    fn is_kept(&self, name: &str) -> bool {
        !name.ends_with("-shm") && !self.live.join(name).is_dir()
    }

    /// A file of which some sectors are as they were synced, and some as they were written since.
    fn torn(&self, identity: &str, path: &Path, dice: &Dice) -> Vec<u8> {
        let (synced, live) = (self.content(identity), fs::read(path).unwrap());
        let (short, long) = (synced.len().min(live.len()), synced.len().max(live.len()));
        let mut bytes = vec![0; [short, short + (long - short) / 2, long][dice.index(3)]];
        // From hardly anything to almost all of it.
        let arrived = 1 + dice.below(9);
        for (number, sector) in bytes.chunks_mut(SECTOR_BYTES).enumerate() {
            let source = if dice.below(10) < arrived { &live } else { &synced };
            let start = number * SECTOR_BYTES;
            let end = (start + sector.len()).min(source.len());
            // Where the file became longer and its data did not arrive, there are zeros.
            if let Some(there) = source.get(start..end) {
                sector[..there.len()].copy_from_slice(there);
            }
        }
        bytes
    }
}

/// The names that the directory has now, and the identities of their files as the library writes them.
fn live_names(live: &Path) -> BTreeMap<String, String> {
    let Ok(directory) = fs::read_dir(live) else {
        return BTreeMap::new();
    };
    let name = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.unwrap();
        let known = entry.metadata().unwrap();
        let born = known.created().unwrap().duration_since(UNIX_EPOCH).unwrap();
        let identity = format!("{}-{}-{}", known.ino(), born.as_secs(), born.subsec_nanos());
        (entry.file_name().into_string().unwrap(), identity)
    };
    directory.map(name).collect()
}

/// Compiles the library. Each test process makes its own, and the last one stays.
fn library_build() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power/shim.c");
    let (library, draft) = (
        folder.join("power.so"),
        folder.join(format!("power-{}.so", std::process::id())),
    );
    let mut compiler = Command::new("cc");
    compiler
        .args([
            "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-o",
        ])
        .arg(&draft)
        .arg(source);
    let output = compiler.arg("-ldl").output().expect("a C compiler");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::rename(&draft, &library).unwrap();
    library
}
