//! Pages that are paid for and on disk, and of which nobody was told yet.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use imajin_imagxp::Purpose;
use imajin_kernel::Problem;
use imajin_proof::digest::sha256_hex;
use url::Url;

use crate::fetched::BEFORE;
use crate::files::failed;
use crate::page::digest_of;
use crate::{Agent, FetchWish, Fetched, Payment, Purchase, PurchaseState};

/// Where pages wait in the agent's folder until somebody takes them.
const WAITING: &str = "pages";
/// Only the owner reads what an agent keeps.
const MODE: u32 = 0o700;

impl Agent {
    /// A file of the agent's own for a page that somebody takes at once: the same one whenever that page is wanted, so
    /// that what was paid for and not taken is found there.
    ///
    /// # Errors
    /// When there can be no such folder.
    pub fn waiting_file(&self, url: &Url, purpose: Purpose) -> Result<PathBuf, Problem> {
        let folder = self.home().path(WAITING);
        let made = DirBuilder::new().recursive(true).mode(MODE).create(&folder);
        made.map_err(failed(&folder))?;
        let mut page = url.clone();
        page.set_fragment(None);
        let name = sha256_hex(format!("{} {page}", purpose.as_str()).as_bytes());
        Ok(folder.join(name))
    }

    /// Removes a waiting page, unless it is one that was paid for and that nobody has taken yet.
    pub(crate) fn waiting_clean(&self, file: &Path) {
        let is_waiting = file.starts_with(self.home().path(WAITING));
        if is_waiting && !self.journal().is_untold(file) {
            let _was_never_there = std::fs::remove_file(file);
        }
    }

    /// Gives out a page that an interrupted run has paid for; nothing, when it is not there any more.
    pub(crate) fn tell(&self, wish: &FetchWish, mut purchase: Purchase) -> Result<Option<Fetched>, Problem> {
        let PurchaseState::Paid { receipt } = &purchase.state else {
            return Ok(None);
        };
        let payment = Payment::of_before(&purchase, receipt.clone());
        let page = purchase.page.as_ref();
        let page = page.filter(|page| digest_of(&page.file).is_ok_and(|digest| digest == page.digest));
        let Some(page) = page else {
            purchase.page = None;
            self.journal().write(&purchase)?;
            return Ok(None);
        };
        if page.file != wish.out {
            std::fs::copy(&page.file, &wish.out).map_err(failed(&wish.out))?;
        }
        Ok(Some(Fetched {
            url: wish.url.clone(),
            bytes: std::fs::metadata(&wish.out).map_err(failed(&wish.out))?.len(),
            content_type: None,
            paid: Some(payment),
            origin: None,
            origin_unchecked: Some(BEFORE.to_owned()),
            untold: Some(purchase.id),
        }))
    }

    /// Somebody has the page of a purchase: whoever wants it once more, asks its site.
    pub(crate) fn told(&self, id: &str) -> Result<(), Problem> {
        let mut journal = self.journal();
        let Some(mut purchase) = journal.find(id).cloned() else {
            return Ok(());
        };
        let Some(page) = purchase.page.take() else {
            return Ok(());
        };
        journal.write(&purchase)?;
        drop(journal);
        self.waiting_clean(&page.file);
        Ok(())
    }
}
