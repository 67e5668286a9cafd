use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use imajin_did::Did;
use imajin_fair::{Manifest, ManifestId, ManifestRecord, Payee};
use imajin_kernel::{Code, Problem};
use imajin_money::Money;
use imajin_publisher_api::{AddressFetch, Chain, ChainFetch, ChainGather, ChainOf, PublisherClient, RecordFetch};
use imajin_ui::{FairActs, FairForm, FairPage, render, render_status};
use imajin_web::{Failure, PathParams, QueryParams, SessionView, Viewer, fair, status_of};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::fair_view::{FileFinding, acts_of, view_of};
use crate::{AppState, Www};

const AMOUNT_DEFAULT: &str = "10.00";
const CURRENCY_DEFAULT: &str = "USD";
/// The longest address that is asked.
const QUERY_LENGTH_MAX: usize = 2_048;

/// What is in the form, as it comes.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct FairQuery {
    #[serde(default)]
    pub(super) q: String,
    #[serde(default)]
    pub(super) amount: String,
    #[serde(default)]
    pub(super) currency: String,
}

impl FairQuery {
    /// The form with what was typed, or the defaults.
    fn form(&self, problem: Option<String>) -> FairForm {
        let or = |text: &str, default: &str| {
            let text = text.trim();
            if text.is_empty() {
                default.to_owned()
            } else {
                text.to_owned()
            }
        };
        FairForm {
            query: self.q.trim().to_owned(),
            amount: or(&self.amount, AMOUNT_DEFAULT),
            currency: or(&self.currency, CURRENCY_DEFAULT).to_ascii_uppercase(),
            problem,
        }
    }

    /// The sample amount.
    fn gross(&self) -> Result<Money, Problem> {
        let form = self.form(None);
        let text = format!("{} {}", form.amount, form.currency);
        text.parse()
            .map_err(|error| Problem::invalid(format!("`{text}` is no amount: {error}.")))
    }
}

/// `/fair`: a form, and the manifest behind an address that somebody named.
pub(super) async fn find(
    State(www): State<AppState>,
    viewer: Viewer,
    QueryParams(query): QueryParams<FairQuery>,
) -> Result<Response, Failure> {
    let wanted = query.q.trim().to_owned();
    if wanted.is_empty() {
        return Ok(render(&www.fair_page(viewer.session.as_ref(), query.form(None))));
    }
    if let Ok(id) = wanted.parse::<ManifestId>() {
        return Ok(Redirect::to(&show_url(&id, &query)).into_response());
    }
    let answer = async {
        if wanted.len() > QUERY_LENGTH_MAX || !wanted.contains("://") {
            return Err(
                Problem::invalid(format!("`{wanted}` is neither the id of a manifest nor an address."))
                    .hint("An id begins with fair_, an address with https://."),
            );
        }
        let gross = query.gross()?;
        let shown_by = Url::parse(&wanted).ok();
        let record = www.publisher()?.address_fetch(AddressFetch { url: wanted }).await?;
        let given = Given {
            record,
            file: None,
            shown_by,
        };
        www.fair_shown(viewer.session.as_ref(), query.form(None), given, &gross)
            .await
    };
    let answer = answer.await;
    Ok(answer.unwrap_or_else(|problem| www.fair_refused(viewer.session.as_ref(), &query, &problem)))
}

fn show_url(id: &ManifestId, query: &FairQuery) -> String {
    let form = query.form(None);
    let sample = form_urlencoded::Serializer::new(String::new())
        .append_pair("amount", &form.amount)
        .append_pair("currency", &form.currency)
        .finish();
    format!("/fair/{id}?{sample}")
}

/// `/fair/{id}`: a manifest of this node, as a page for people and as the document for programs.
pub(super) async fn show(
    State(www): State<AppState>,
    PathParams(id): PathParams<ManifestId>,
    viewer: Viewer,
    request: HeaderMap,
    QueryParams(query): QueryParams<FairQuery>,
) -> Result<Response, Failure> {
    let url = www.deps.site.public.absolute(&format!("/fair/{id}"));
    if !fair::wants_page(&request) {
        let record = www.publisher()?.record_fetch(RecordFetch { id }).await?;
        let record = record.ok_or_else(|| Problem::not_found("manifest"))?;
        return Ok(fair::manifest_answer(&request, canonical(&record.manifest)?, &url)?);
    }
    let session = viewer.session.as_ref();
    let query = FairQuery {
        q: id.to_string(),
        ..query
    };
    let gather = ChainGather {
        of: ChainOf::Id(id),
        fetch: ChainFetch::Keep,
        shown_by: None,
    };
    let answer = async {
        let gross = query.gross()?;
        let chain = www.publisher()?.chain_gather(gather).await?;
        let digest = imajin_proof::digest::sha256_hex(&canonical(&chain.work.record.manifest)?);
        let page = www.chain_page(session, query.form(None), &chain, None, &gross).await;
        let vary = [(header::VARY, "accept, cookie, authorization")];
        Ok::<_, Problem>((vary, fair::headers(&url, &digest)?, page).into_response())
    };
    let answer = answer.await;
    Ok(answer.unwrap_or_else(|problem| www.fair_refused(session, &query, &problem)))
}

fn canonical(manifest: &Manifest) -> Result<Vec<u8>, Problem> {
    manifest.canonical_bytes().map_err(|error| {
        tracing::error!(%error, "a manifest could not be written");
        Problem::internal()
    })
}

/// A manifest that the visitor brings.
pub(super) struct Given {
    pub(super) record: ManifestRecord,
    /// What came out of checking the file that it was in, if it was in one.
    pub(super) file: Option<FileFinding>,
    /// The address that it was read from.
    pub(super) shown_by: Option<Url>,
}

impl Www {
    /// The library, if there is one.
    pub(super) fn publisher(&self) -> Result<&PublisherClient, Problem> {
        self.deps.publisher.as_ref().ok_or_else(|| {
            Problem::new(Code::NotFound, "This node has no library of manifests.")
                .hint("Another node may have one, or use the command line: imajin fair show FILE.")
        })
    }

    fn fair_page(&self, session: Option<&SessionView>, form: FairForm) -> FairPage {
        FairPage {
            shell: self.frame("Look at a work", "/fair", session),
            form,
            view: None,
            acts: FairActs::default(),
        }
    }

    /// The page with the form and why nothing is shown.
    pub(super) fn fair_refused(&self, session: Option<&SessionView>, query: &FairQuery, problem: &Problem) -> Response {
        let hint = problem.hint.as_deref().unwrap_or_default();
        let said = format!("{} {hint}", problem.detail).trim().to_owned();
        render_status(
            status_of(problem.code),
            &self.fair_page(session, query.form(Some(said))),
        )
    }

    /// The page about a manifest that somebody brings: judged, and not kept.
    pub(super) async fn fair_shown(
        &self,
        session: Option<&SessionView>,
        form: FairForm,
        given: Given,
        gross: &Money,
    ) -> Result<Response, Problem> {
        let gather = ChainGather {
            of: ChainOf::Record(Box::new(given.record)),
            fetch: ChainFetch::Read,
            shown_by: given.shown_by,
        };
        let chain = self.publisher()?.chain_gather(gather).await?;
        Ok(self.chain_page(session, form, &chain, given.file, gross).await)
    }

    /// As [`Self::fair_shown`], for what a form said besides its file.
    pub(super) async fn fair_given(
        &self,
        session: Option<&SessionView>,
        query: &FairQuery,
        given: Given,
    ) -> Result<Response, Problem> {
        self.fair_shown(session, query.form(None), given, &query.gross()?).await
    }

    async fn chain_page(
        &self,
        session: Option<&SessionView>,
        form: FairForm,
        chain: &Chain,
        file: Option<FileFinding>,
        gross: &Money,
    ) -> Response {
        let names = self.names(people(chain)).await;
        let view = view_of(chain, file, gross, &names, &self.deps.node_did);
        let page = FairPage {
            shell: self.frame(&view.title, "/fair", session),
            form,
            view: Some(view),
            acts: session
                .map(|session| acts_of(session, chain, &self.deps.node_did))
                .unwrap_or_default(),
        };
        render(&page)
    }
}

/// Whose names the page shows.
fn people(chain: &Chain) -> impl Iterator<Item = &Did> {
    let works = std::iter::once(&chain.work).chain(&chain.sources);
    works.flat_map(|work| {
        let entries = work.record.manifest.contributors.iter();
        let payees = entries.filter_map(|entry| match &entry.payee {
            Payee::Did(did) => Some(did),
            Payee::Fair(_) => None,
        });
        let signer = work.record.manifest.signer();
        signer.into_iter().chain(payees).chain(&work.endorsed)
    })
}
