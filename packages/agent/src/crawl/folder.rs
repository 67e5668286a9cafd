use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use imajin_imagxp::Purpose;
use imajin_kernel::{Code, Problem};
use imajin_proof::digest::sha256_hex;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{CrawlWish, CrawledPage, Moved};
use crate::files::{failed, open};
use crate::lines::Lines;

const LIST: &str = "crawl.jsonl";
const LOCK: &str = "crawl.lock";
/// How much of a page's digest and of its path its file is called by.
const DIGEST_CHARS: usize = 16;
const SLUG_CHARS_MAX: usize = 60;

/// A line of the list: first which crawl it is, then each page that was read.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Crawl {
        crawl: String,
        start: Url,
        purpose: Purpose,
    },
    Page(CrawledPage),
    Moved {
        moved: Moved,
    },
}

/// What is known of an address.
pub(super) enum Known<'a> {
    /// It was read, and is still there.
    Page(&'a CrawledPage),
    /// It is elsewhere.
    Moved(&'a Url),
}

/// Where a crawl puts its pages, and what is there already.
pub(super) struct CrawlFolder {
    folder: PathBuf,
    /// The name of the crawl: that of its purchases too.
    pub(super) id: String,
    known: BTreeMap<String, CrawledPage>,
    moved: BTreeMap<String, Url>,
    lines: Lines,
    _lock: File,
}

impl CrawlFolder {
    /// Opens the folder of a crawl, or makes it.
    pub(super) fn open(wish: &CrawlWish, fresh: String) -> Result<Self, Problem> {
        let folder = wish.out.clone();
        std::fs::create_dir_all(&folder).map_err(failed(&folder))?;
        let lock = open(&folder.join(LOCK))?;
        let taken = |_error| {
            let detail = format!("Another process reads into {}.", folder.display());
            Problem::new(Code::Conflict, detail).hint("Wait for it, or name another folder.")
        };
        lock.try_lock().map_err(taken)?;
        let (mut lines, read) = Lines::open::<Line>(folder.join(LIST))?;
        let (mut id, mut known, mut elsewhere) = (None, BTreeMap::new(), BTreeMap::new());
        for line in read {
            match line {
                Line::Crawl { crawl, start, purpose } => {
                    if start != wish.start || purpose != wish.purpose {
                        let detail = format!("{} holds another crawl, of {start}.", folder.display());
                        return Err(Problem::new(Code::Conflict, detail).hint("Name another folder."));
                    }
                    id = Some(crawl);
                }
                Line::Page(page) => drop(known.insert(page.url.to_string(), page)),
                Line::Moved { moved } => drop(elsewhere.insert(moved.url.to_string(), moved.to)),
            }
        }
        let id = if let Some(id) = id {
            id
        } else {
            lines.append(&Line::Crawl {
                crawl: fresh.clone(),
                start: wish.start.clone(),
                purpose: wish.purpose,
            })?;
            fresh
        };
        Ok(Self {
            folder,
            id,
            known,
            moved: elsewhere,
            lines,
            _lock: lock,
        })
    }

    /// What an earlier run has found out about an address.
    pub(super) fn find(&self, url: &Url) -> Option<Known<'_>> {
        let is_there = |page: &&CrawledPage| self.path(&page.file).is_file();
        let page = self.known.get(url.as_str()).filter(is_there).map(Known::Page);
        page.or_else(|| self.moved.get(url.as_str()).map(Known::Moved))
    }

    /// Writes down that a page is elsewhere, unless it is known.
    pub(super) fn moved_add(&mut self, moved: &Moved) -> Result<(), Problem> {
        if self.moved.get(moved.url.as_str()) == Some(&moved.to) {
            return Ok(());
        }
        let moved = moved.clone();
        self.lines.append(&Line::Moved { moved })
    }

    /// Writes down that a page was read, unless it is known.
    pub(super) fn add(&mut self, page: &CrawledPage) -> Result<(), Problem> {
        if self.known.get(page.url.as_str()) == Some(page) {
            return Ok(());
        }
        self.lines.append(&Line::Page(page.clone()))
    }

    /// Where a file is.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }
}

/// What the file of a page is called: always the same, for people to recognise, and nobody else's.
pub(super) fn file_of(url: &Url) -> String {
    let digest = sha256_hex(url.as_str().as_bytes());
    let digest = digest.get(..DIGEST_CHARS).unwrap_or_default();
    let path = Path::new(url.path());
    let kind = path.extension().and_then(|kind| kind.to_str());
    let kind = kind.filter(|kind| kind.len() <= 5 && kind.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let stem = kind.map_or(url.path(), |kind| {
        url.path()
            .strip_suffix(kind)
            .unwrap_or(url.path())
            .trim_end_matches('.')
    });
    let letters = stem.chars().map(|letter| {
        if letter.is_ascii_alphanumeric() {
            letter.to_ascii_lowercase()
        } else {
            '-'
        }
    });
    let slug: String = letters.take(SLUG_CHARS_MAX).collect();
    let slug = slug.trim_matches('-');
    let joined = if slug.is_empty() { "" } else { "-" };
    let kind = kind.map(|kind| format!(".{kind}")).unwrap_or_default();
    format!("{slug}{joined}{digest}{kind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_names_that_people_recognise_and_that_stay_in_the_folder() {
        let name = |url: &str| file_of(&Url::parse(url).unwrap());
        assert!(name("https://site.example/").len() == DIGEST_CHARS);
        assert!(name("https://site.example/posts/One.html?x=1").starts_with("posts-one-"));
        assert!(
            Path::new(&name("https://site.example/posts/One.html?x=1"))
                .extension()
                .is_some_and(|kind| kind == "html")
        );
        assert_ne!(name("https://site.example/a?x=1"), name("https://site.example/a?x=2"));
        for hostile in [
            "https://s.example/..%2f..%2fetc",
            "https://s.example/a.%2e/x",
            "https://s.example/.hidden",
        ] {
            let name = name(hostile);
            assert!(!name.contains(['/', '\\']) && !name.starts_with('.'), "{name}");
        }
    }
}
