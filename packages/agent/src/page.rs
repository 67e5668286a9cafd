//! Asking for one page: with a claim of its own each time, again when the answer was lost, never more than is wanted.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use axum::http::{HeaderMap, Method, StatusCode, header};
use imajin_imagxp::Purpose;
use imajin_kernel::{Code, Problem};
use imajin_web::HttpAnswer;
use url::Url;

use crate::again::{TRIES_MAX, is_undecided, wait_before};
use crate::files::{failed, folder_sync};
use crate::{Agent, FetchWish, Purchase};

/// The largest page that is read, unless something else is said.
pub const PAGE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// How often a page may lead on to another address before it is given up.
pub(crate) const HOPS_MAX: u8 = 5;
/// The longest address that is followed.
const URL_BYTES_MAX: usize = 2_048;

/// The answer to a request for a page; what came is in the file of the wish.
pub(crate) struct Page {
    pub(crate) answer: HttpAnswer,
    pub(crate) bytes: u64,
}

impl Page {
    /// Where the page has moved to, as the site says (RFC 9110, section 15.4). Whether one goes there is another
    /// question.
    pub(crate) fn moved_to(&self, from: &Url) -> Option<Url> {
        let moves = [
            StatusCode::MOVED_PERMANENTLY,
            StatusCode::FOUND,
            StatusCode::SEE_OTHER,
            StatusCode::TEMPORARY_REDIRECT,
            StatusCode::PERMANENT_REDIRECT,
        ];
        if !moves.contains(&self.answer.status) {
            return None;
        }
        let location = self.answer.headers.get(header::LOCATION)?.to_str().ok()?;
        let mut to = from.join(location.trim()).ok()?;
        to.set_fragment(None);
        if to.query() == Some("") {
            to.set_query(None);
        }
        let is_page = matches!(to.scheme(), "http" | "https") && to.has_host();
        let has_no_user = to.username().is_empty() && to.password().is_none();
        (is_page && has_no_user && to.as_str().len() <= URL_BYTES_MAX).then_some(to)
    }
}

impl Agent {
    /// Asks for a page, with a claim of its own each time; again, when the answer was lost. What pays is written down
    /// before it is sent, with the claim.
    pub(crate) async fn page_get(
        &self,
        wish: &FetchWish,
        mut paying: Option<(&mut Purchase, HeaderMap)>,
    ) -> Result<Page, Problem> {
        let mut tries: u32 = 1;
        loop {
            // What was begun at one door is gone on with there.
            let door = paying.as_ref().map_or(self.door(), |(purchase, _)| purchase.door);
            let (mut headers, claim) = self.own_headers(door, &wish.url, wish.purpose)?;
            if let Some((purchase, more)) = &mut paying {
                purchase.claims.push(claim);
                self.journal().write(purchase)?;
                headers.extend(more.clone());
            }
            let page = self.page_try(wish, headers, paying.is_some()).await;
            if page.as_ref().is_err_and(|problem| problem.code == Code::BodyTooLarge) {
                return page.map_err(|problem| problem.hint(too_large_hint(paying.is_some())));
            }
            let is_lost = match &page {
                Ok(page) => is_undecided(page.answer.status),
                Err(problem) => problem.code == Code::Unavailable,
            };
            if !is_lost || tries >= TRIES_MAX {
                return page;
            }
            let headers = page.as_ref().ok().map(|page| &page.answer.headers);
            tokio::time::sleep(wait_before(tries, headers)).await;
            tries = tries.saturating_add(1);
        }
    }

    /// A document of the site that costs nothing, for whoever says who asks.
    pub(crate) async fn claimed_get(&self, url: &Url, purpose: Purpose) -> Result<HttpAnswer, Problem> {
        let (headers, _name) = self.own_headers(self.door(), url, purpose)?;
        self.http().send(Method::GET, url.clone(), headers, Vec::new()).await
    }

    async fn page_try(&self, wish: &FetchWish, headers: HeaderMap, is_paid: bool) -> Result<Page, Problem> {
        let (mut sink, most) = (PageFile::new(&wish.out), Some(wish.bytes_max));
        let fetched = self.http().fetch(wish.url.clone(), headers, &mut sink, most).await;
        if fetched
            .as_ref()
            .is_err_and(|problem| problem.code == Code::BodyTooLarge)
            && sink.file.is_some()
        {
            // A part of a page is none.
            let _was_never_there = std::fs::remove_file(&wish.out);
        }
        let (answer, bytes) = fetched?;
        if answer.status.is_success() {
            let file = sink.open().map_err(failed(&wish.out))?;
            if is_paid {
                // What is written down as paid is there after a power cut.
                let synced = file.sync_all().and_then(|()| folder_sync(&wish.out));
                synced.map_err(failed(&wish.out))?;
            }
        }
        Ok(Page { answer, bytes })
    }
}

/// The file of a page. It is emptied once there is something of the page: an answer that is none leaves alone what lies
/// there, for example a page that was paid for and that nobody has taken yet.
struct PageFile<'a> {
    path: &'a Path,
    file: Option<File>,
}

impl<'a> PageFile<'a> {
    const fn new(path: &'a Path) -> Self {
        Self { path, file: None }
    }

    fn open(&mut self) -> std::io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => File::create(self.path)?,
        };
        Ok(self.file.insert(file))
    }
}

impl Write for PageFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.open()?.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

const fn too_large_hint(is_paying: bool) -> &'static str {
    if is_paying {
        "It may be paid for: run the command again with a larger --max-bytes, and nothing is paid twice."
    } else {
        "Allow more with --max-bytes."
    }
}

/// The digest of what was written, as `Content-Digest` has it.
pub(crate) fn digest_of(path: &Path) -> Result<String, Problem> {
    let bytes = std::fs::read(path).map_err(failed(path))?;
    Ok(imajin_proof::digest::content_digest(&bytes))
}
