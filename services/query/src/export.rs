//! What the export of one's own data has from this service.

use async_trait::async_trait;
use imajin_kernel::Problem;
use imajin_profile_api::{ExportAsk, ExportPage, ExportPart, ExporterApi};
use imajin_store::Conn;
use serde::Serialize;

use crate::context::Context;
use crate::domain::export::{
    After, Page, PageOf, Records, Side, documents_page, grants_page, questions_page, readings_page, records_page,
    to_value, uses_page,
};
use crate::domain::leaders::terms_of;
use crate::domain::profiles::profile_find;
use crate::{Query, QueryError};

const PROFILE: &str = "consentProfile";
const GRANTS: &str = "consentGrants";
const USES: &str = "consentUses";
const RECORDS: &str = "useRecords";
const RECORDS_ABOUT: &str = "useRecordsAbout";
const READINGS: &str = "logReadings";
const TERMS: &str = "queryTerms";
const DOCUMENTS: &str = "queryDocuments";
const ASKED: &str = "questionsAsked";
const ANSWERED: &str = "questionsAnswered";

/// The members of the exported document that this service keeps.
pub const EXPORT_PARTS: &[ExportPart] = &[
    ExportPart::single(PROFILE),
    ExportPart::list(GRANTS),
    ExportPart::list(USES),
    ExportPart::list(RECORDS),
    ExportPart::list(RECORDS_ABOUT),
    ExportPart::list(READINGS),
    ExportPart::single(TERMS),
    ExportPart::list(DOCUMENTS),
    ExportPart::list(ASKED),
    ExportPart::list(ANSWERED),
];

/// The most rows of a page, whatever is asked for.
const ROWS_MAX: u32 = 100;

#[async_trait]
impl ExporterApi for Query {
    async fn export_page(&self, request: ExportAsk) -> Result<ExportPage, Problem> {
        let after = request.cursor.as_deref().map(|cursor| {
            let wrong = || QueryError::invalid("cursor", "is not one that this list gave out");
            After::parse(cursor).ok_or_else(wrong)
        });
        let page = PageOf {
            owner: request.did.canonical(),
            after: after.transpose()?,
            limit: i64::from(request.limit.clamp(1, ROWS_MAX)),
        };
        let read = self.read(move |conn, context| part_page(conn, context, &request.part, &page));
        let (rows, next) = read.await?;
        Ok(ExportPage {
            rows,
            next: next.map(|after| after.text()),
        })
    }
}

fn part_page(conn: &mut Conn, context: &Context, part: &str, page: &PageOf) -> Result<Page, QueryError> {
    match part {
        PROFILE => {
            let profile = profile_find(conn, context, &page.owner)?;
            single(profile.map(|row| row.view()).transpose()?)
        }
        GRANTS => grants_page(conn, context, page),
        USES => uses_page(conn, context, page),
        RECORDS => records_page(conn, context, Records::Own, page),
        RECORDS_ABOUT => records_page(conn, context, Records::About, page),
        READINGS => readings_page(conn, context, page),
        TERMS => single(terms_of(conn, context, &page.owner)?),
        DOCUMENTS => documents_page(conn, context, page),
        ASKED => questions_page(conn, context, Side::Asker, page),
        ANSWERED => questions_page(conn, context, Side::Leader, page),
        _ => Err(QueryError::NotFound("part of an export")),
    }
}

fn single<T: Serialize>(value: Option<T>) -> Result<Page, QueryError> {
    let value = value.map(to_value).transpose()?;
    Ok((value.into_iter().collect(), None))
}
