use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use imajin_did::Did;
use imajin_fair::{ManifestRecord, Payee};
use imajin_kernel::Problem;
use imajin_kernel::id::ContentId;
use imajin_publisher_api::{
    ContentAsk, ContentCard, ContentFormat, ContentList, ContentSalesList, ContentState, ContentView, LibraryList,
    ReaderAccess, RecordFetch,
};
use imajin_ui::{
    PublishPage, ReadAccess, ReadPage, SafeHtml, SplitView, WorkFile, WorkItem, WorksPage, moment, render,
    render_status,
};
use imajin_web::{Failure, PathParams, Viewer, fair};

use super::event::split_part;
use crate::AppState;
use crate::names::Names;
use crate::person::Person;
use crate::show::money_text;

/// `/read/{id}`: a work, or what it costs; with 402 as long as it has to be paid.
pub(super) async fn read(
    State(www): State<AppState>,
    PathParams(id): PathParams<ContentId>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let publisher = www.publisher()?;
    let reader = viewer.session.as_ref().map(|session| session.did.clone());
    let ask = ContentAsk { id, reader };
    let view = publisher.content_fetch(ask.clone()).await?;
    let view = view.ok_or_else(|| Problem::not_found("work").hint("Look at what is published at /works."))?;
    let record = publisher
        .record_fetch(RecordFetch {
            id: view.card.manifest.clone(),
        })
        .await?
        .ok_or_else(|| Problem::not_found("manifest"))?;
    let article = match view.card.format {
        ContentFormat::File => None,
        ContentFormat::Markdown | ContentFormat::Html => publisher.content_article(ask).await?,
    };
    let names = www.names(people(&view, &record)).await;
    let status = match view.access {
        ReaderAccess::Unpaid => StatusCode::PAYMENT_REQUIRED,
        ReaderAccess::Withdrawn => StatusCode::GONE,
        ReaderAccess::Author | ReaderAccess::Paid | ReaderAccess::Free => StatusCode::OK,
    };
    let page = ReadPage {
        shell: www.frame(&view.card.title, &format!("/read/{id}"), viewer.session.as_ref()),
        id: id.to_string(),
        title: view.card.title.clone(),
        summary: view.card.summary.clone(),
        author: names.of(&view.card.author),
        preview: SafeHtml(view.preview_html.clone()),
        article: article.map(|article| SafeHtml(article.html)),
        file: file_of(&view),
        price: view.card.price.as_ref().map(money_text),
        access: access_of(view.access),
        split: split_view(&record, &names),
    };
    let manifest_url = www.deps.site.public.absolute(&format!("/fair/{}", view.card.manifest));
    let about = fair::headers(&manifest_url, &view.manifest_digest)?;
    let cache = [(header::CACHE_CONTROL, "private, no-cache")];
    Ok((about, cache, render_status(status, &page)).into_response())
}

/// Whose names the page shows.
fn people<'a>(view: &'a ContentView, record: &'a ManifestRecord) -> impl Iterator<Item = &'a Did> {
    let payees = record
        .manifest
        .contributors
        .iter()
        .filter_map(|entry| match &entry.payee {
            Payee::Did(did) => Some(did),
            Payee::Fair(_) => None,
        });
    [&view.card.author].into_iter().chain(payees)
}

fn split_view(record: &ManifestRecord, names: &Names) -> SplitView {
    let signer = record.manifest.signer().map(Did::canonical);
    let countersigned = record
        .acceptances
        .iter()
        .map(|acceptance| acceptance.contributor().canonical());
    let accepted: Vec<Did> = signer.iter().cloned().chain(countersigned).collect();
    let entries = record.manifest.contributors.iter();
    SplitView {
        manifest_id: record.manifest.id.to_string(),
        manifest_url: format!("/fair/{}", record.manifest.id),
        signed_by: signer.map(|did| names.of(&did)).unwrap_or_default(),
        parts: entries.map(|entry| split_part(entry, &accepted, names)).collect(),
    }
}

const fn access_of(access: ReaderAccess) -> ReadAccess {
    match access {
        ReaderAccess::Author => ReadAccess::Author,
        ReaderAccess::Paid => ReadAccess::Paid,
        ReaderAccess::Free => ReadAccess::Free,
        ReaderAccess::Unpaid => ReadAccess::Unpaid,
        ReaderAccess::Withdrawn => ReadAccess::Withdrawn,
    }
}

fn file_of(view: &ContentView) -> Option<WorkFile> {
    let is_file = view.card.format == ContentFormat::File;
    let is_here = view.upload.is_none_or(|upload| upload.complete);
    (is_file && is_here && view.access.may_read()).then(|| WorkFile {
        url: format!("/publisher/content/{}", view.card.id),
        name: view.file_name.clone(),
        about: format!("{}, {}", size_text(view.card.size), view.card.media_type),
    })
}

/// A size for people: whole units, rounded down.
fn size_text(bytes: u64) -> String {
    match bytes {
        0..=999 => format!("{bytes} bytes"),
        1_000..=999_999 => format!("{} KB", bytes / 1_000),
        1_000_000..=999_999_999 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

/// `/publish`: the form.
pub(super) async fn publish(State(www): State<AppState>, person: Person) -> Result<Response, Failure> {
    www.publisher()?;
    let currency = if www.deps.test_money { "TEST-USD" } else { "USD" };
    Ok(render(&PublishPage {
        shell: www.frame("Publish a work", "/publish", Some(&person.0)),
        currency: currency.to_owned(),
    }))
}

/// `/works`: what everybody may find here.
pub(super) async fn works(State(www): State<AppState>, viewer: Viewer) -> Result<Response, Failure> {
    let page = www.publisher()?.content_list(ContentList::default()).await?;
    Ok(render(&WorksPage {
        shell: www.frame("Works", "/works", viewer.session.as_ref()),
        heading: "Works".to_owned(),
        empty: "Nothing is published here yet.".to_owned(),
        can_publish: viewer.session.is_some(),
        works: page.works.into_iter().map(item).collect(),
    }))
}

/// `/me/works`: one's own works, with what they have sold.
pub(super) async fn own_works(State(www): State<AppState>, person: Person) -> Result<Response, Failure> {
    let owner = person.0.did.clone();
    let all = www.publisher()?.content_sales(ContentSalesList { owner }).await?;
    let works = all.into_iter().map(|work| WorkItem {
        state: match work.state {
            ContentState::Published => format!("version {}", work.versions),
            state => state.as_str().to_owned(),
        },
        readers: match work.readers {
            1 => "1 reader".to_owned(),
            readers => format!("{readers} readers"),
        },
        sums: work.gross.iter().map(money_text).collect(),
        ..item(work.card)
    });
    Ok(render(&WorksPage {
        shell: www.frame("My works", "/me/works", Some(&person.0)),
        heading: "My works".to_owned(),
        empty: "You have published nothing here yet.".to_owned(),
        can_publish: true,
        works: works.collect(),
    }))
}

/// `/me/library`: what one has paid for.
pub(super) async fn library(State(www): State<AppState>, person: Person) -> Result<Response, Failure> {
    let reader = person.0.did.clone();
    let all = www.publisher()?.library_list(LibraryList { reader }).await?;
    let works = all.into_iter().map(|entry| WorkItem {
        sums: vec![money_text(&entry.paid)],
        paid_at: Some(moment(entry.paid_at)),
        receipt: Some(entry.receipt.to_string()),
        ..item(entry.card)
    });
    Ok(render(&WorksPage {
        shell: www.frame("My library", "/me/library", Some(&person.0)),
        heading: "My library".to_owned(),
        empty: "What you pay for stands here, and stays yours.".to_owned(),
        can_publish: false,
        works: works.collect(),
    }))
}

fn item(card: ContentCard) -> WorkItem {
    WorkItem {
        id: card.id.to_string(),
        title: card.title,
        summary: card.summary,
        price: card.price.as_ref().map(money_text),
        ..WorkItem::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_for_people() {
        for (bytes, text) in [
            (7, "7 bytes"),
            (1_999, "1 KB"),
            (2_500_000, "2 MB"),
            (3_000_000_000, "3 GB"),
        ] {
            assert_eq!(size_text(bytes), text);
        }
    }
}
