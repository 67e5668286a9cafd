//! The broker, where the operator wants one.

use std::sync::Arc;

use async_trait::async_trait;
use imajin_auth::{Auth, MoreKeys};
use imajin_broker::{Broker, BrokerConfig, BrokerDeps};
use imajin_kernel::{Problem, Span};
use imajin_pay::Pay;
use imajin_pay_api::{DEPOSIT, PayClient, PurseClient, SellerClient};
use imajin_proof::jose::Jwks;

use super::StartError;
use super::compose::{Common, failed};
use super::resolvers::reach;
use super::sellers::SellerSwitch;
use crate::config::ServiceName;

/// The keys for visas, for the key set at the root of the node.
struct VisaKeys(Arc<Broker>);

#[async_trait]
impl MoreKeys for VisaKeys {
    async fn more_keys(&self) -> Result<Jwks, Problem> {
        self.0.published_keys().await
    }
}

impl Common<'_> {
    /// Accounts and visas of agents; most nodes have none.
    pub(super) async fn start_broker(
        &self,
        (pay, pay_client): (Option<&Arc<Pay>>, &PayClient),
        auth: Option<&Arc<Auth>>,
        sellers: &SellerSwitch,
    ) -> Result<Option<Arc<Broker>>, StartError> {
        let Some(db) = self.db(ServiceName::Broker) else {
            if self.config.remote.contains_key(&ServiceName::Broker) {
                sellers.plug(DEPOSIT, SellerClient::http(self.remotes.rpc(ServiceName::Broker)?));
            }
            return Ok(None);
        };
        let purse = match pay {
            Some(pay) => PurseClient::local(pay.clone()),
            None => PurseClient::http(self.remotes.rpc(ServiceName::Pay)?),
        };
        let settings = &self.config.broker;
        let deps = BrokerDeps {
            site: self.site.clone(),
            keyring: self.keyring.clone(),
            db,
            pay: pay_client.clone(),
            purse,
            config: BrokerConfig {
                node_name: self.config.node_name.clone(),
                test_money: self.config.rails.is_test(&self.site.public.0)?,
                reach: reach(self.config),
                dispute_window: Span::seconds(i64::from(settings.dispute_window_seconds)),
                answer_for: Span::seconds(i64::from(settings.dispute_answer_seconds)),
                arbiter_for: Span::seconds(i64::from(settings.dispute_arbiter_seconds)),
                arbiter: settings.arbiter.clone(),
                redeem_for: Span::seconds(i64::from(settings.redeem_seconds)),
                open_visas_max: settings.open_visas_max,
                ..BrokerConfig::default()
            },
        };
        let broker = Broker::start(deps).await.map_err(failed(ServiceName::Broker))?;
        sellers.plug(DEPOSIT, SellerClient::local(broker.clone()));
        if let Some(auth) = auth {
            auth.more_keys_plug(Arc::new(VisaKeys(Arc::clone(&broker))));
        }
        Ok(Some(broker))
    }
}
