//! Questions that are paid for: the service, and what answers them.

use std::sync::Arc;
use std::time::Duration;

use imajin_engine::{Embedded, Endpoint, Engine, OpenAi, OpenAiOptions};
use imajin_kernel::{Problem, Span};
use imajin_pay_api::{ANSWER_GOODS, PayClient, SellerClient};
use imajin_profile::Profile;
use imajin_profile_api::{Exporter, ExporterClient, ProfileClient};
use imajin_query::{EXPORT_PARTS, Query, QueryConfig, QueryDeps};
use imajin_query_api::ConsentClient;

use super::StartError;
use super::compose::{Common, failed};
use super::optional::Trust;
use super::resolvers::reach;
use super::sellers::SellerSwitch;
use crate::config::{Config, ServiceName};

/// The passages that a model is given.
const CONTEXT_BYTES_MAX: usize = 16 * 1024;

/// The engine without a model, and the one that the configuration names.
fn engines(config: &Config) -> Result<Vec<Arc<dyn Engine>>, Problem> {
    let mut engines: Vec<Arc<dyn Engine>> = vec![Arc::new(Embedded)];
    if let (Some(url), Some(model)) = (&config.query.engine.url, &config.query.engine.model) {
        let timeout = Duration::from_secs(u64::from(config.query.engine.timeout_seconds));
        let options = OpenAiOptions {
            endpoint: Endpoint::Operator(url.clone()),
            model: model.clone(),
            api_key: config.query.engine.key.clone(),
            answer_timeout: timeout,
            idle_timeout: timeout.div_f32(3.0),
            context_bytes_max: CONTEXT_BYTES_MAX,
        };
        engines.push(Arc::new(OpenAi::new(options)?));
    }
    Ok(engines)
}

/// Says to the export of one's own data what this service keeps. It asks profile, so profile has started before it.
fn exporter_plug(profile: Option<&Arc<Profile>>, client: ExporterClient) {
    if let Some(profile) = profile {
        profile.exporter_connect(Exporter {
            service: ServiceName::Query.as_str(),
            parts: EXPORT_PARTS,
            client,
        });
    }
}

/// What is known about people, as far as this node has it.
pub(super) struct People<'a> {
    /// Who knows whom.
    trust: Option<&'a Trust>,
    /// Profiles, where this process keeps them.
    profiles: Option<&'a Arc<Profile>>,
    /// Profiles, wherever they are kept.
    profile: Option<ProfileClient>,
}

impl<'a> People<'a> {
    pub(super) fn new(
        trust: Option<&'a Trust>,
        profiles: Option<&'a Arc<Profile>>,
        profile: Option<ProfileClient>,
    ) -> Self {
        Self {
            trust,
            profiles,
            profile,
        }
    }
}

impl Common<'_> {
    /// A node without it answers no questions and keeps no standing consent. Elsewhere it is asked by pay and by the
    /// pages.
    pub(super) async fn start_query(
        &self,
        pay: &PayClient,
        people: People<'_>,
        sellers: &SellerSwitch,
    ) -> Result<(Option<Arc<Query>>, Option<ConsentClient>), StartError> {
        let People {
            trust,
            profiles,
            profile,
        } = people;
        let Some(db) = self.db(ServiceName::Query) else {
            let remote = self.config.remote.contains_key(&ServiceName::Query);
            let rpc = remote.then(|| self.remotes.rpc(ServiceName::Query)).transpose()?;
            if let Some(rpc) = &rpc {
                sellers.plug(ANSWER_GOODS, SellerClient::http(rpc.clone()));
                exporter_plug(profiles, ExporterClient::http(rpc.clone()));
            }
            return Ok((None, rpc.map(ConsentClient::http)));
        };
        let answer_seconds = i64::from(self.config.query.engine.timeout_seconds);
        let deps = QueryDeps {
            site: self.site.clone(),
            keyring: self.keyring.clone(),
            db,
            pay: pay.clone(),
            trust: trust.map(|known| known.graph.clone()),
            pods: trust.map(|known| known.pods.clone()),
            connections: trust.map(|known| known.connections.clone()),
            profile,
            engines: engines(self.config).map_err(failed(ServiceName::Query))?,
            config: QueryConfig {
                reach: reach(self.config),
                engine_timeout: Span::seconds(answer_seconds),
                answer_within: Span::seconds(answer_seconds.saturating_mul(3)),
                evidence_kept: Span::days(i64::from(self.config.query.evidence_days)),
                ..QueryConfig::default()
            },
        };
        let query = Query::start(deps).await.map_err(failed(ServiceName::Query))?;
        sellers.plug(ANSWER_GOODS, SellerClient::local(query.clone()));
        exporter_plug(profiles, ExporterClient::local(query.clone()));
        let consent = ConsentClient::local(query.clone());
        Ok((Some(query), Some(consent)))
    }
}
