use std::sync::Arc;

use imajin_auth::{Auth, AuthDeps, AuthOptions, MailConfig};
use imajin_auth_api::{AuthClient, ProfilesClient};
use imajin_broker::Broker;
use imajin_connections::Connections;
use imajin_did::Keyring;
use imajin_events::Events;
use imajin_fair::plan::FeeSchedule;
use imajin_kernel::{Env, Problem};
use imajin_pay::{BrokersConfig, Pay, PayConfig, PayDeps};
use imajin_pay_api::{PayClient, SellerClient};
use imajin_profile::Profile;
use imajin_publisher::Publisher;
use imajin_query::Query;
use imajin_registry::{Mirrors, Registry};
use imajin_store::Db;
use imajin_web::{RpcClient, RpcConfig, Site};
use imajin_www::{Www, WwwDeps};
use secrecy::ExposeSecret;

use super::optional::Trust;
use super::profiles::ProfilesSwitch;
use super::questions::People;
use super::resolvers::{CopiesSwitch, KeyLogSwitch, foreign_resolver, reach, witnesses};
use super::sellers::SellerSwitch;
use super::{Databases, PublicAddress, StartError, own_agent};
use crate::acme::certificate_source;
use crate::agent::AgentState;
use crate::config::{Config, ServiceName};

/// The services of this process, and clients of the rest.
pub(crate) struct Services {
    pub(super) auth: Option<Arc<Auth>>,
    pub(super) pay: Option<Arc<Pay>>,
    pub(super) events: Option<Arc<Events>>,
    pub(super) connections: Option<Arc<Connections>>,
    pub(super) profile: Option<Arc<Profile>>,
    pub(super) publisher: Option<Arc<Publisher>>,
    /// Who charges for gates.
    pub(super) gate_pay: PayClient,
    pub(super) query: Option<Arc<Query>>,
    pub(super) broker: Option<Arc<Broker>>,
    pub(super) registry: Option<Arc<Registry>>,
    pub(super) mirrors: Option<Mirrors>,
    pub(super) www: Option<Arc<Www>>,
    pub(super) sellers: Arc<SellerSwitch>,
}

/// Makes clients of services in other processes.
pub(super) struct Remotes<'a> {
    config: &'a Config,
    keyring: &'a Keyring,
    env: &'a Env,
}

impl Remotes<'_> {
    pub(super) fn rpc(&self, service: ServiceName) -> Result<RpcClient, StartError> {
        let remote = self.config.remote.get(&service).ok_or_else(|| {
            StartError::Configuration(format!(
                "the service `{service}` does not run here: configure [remote.{service}]"
            ))
        })?;
        let config = RpcConfig {
            base: remote.internal.clone(),
            keyring: self.keyring.clone(),
            env: self.env.clone(),
        };
        RpcClient::new(config).map_err(|problem| StartError::Service {
            service: service.as_str(),
            problem,
        })
    }
}

pub(super) fn failed(service: ServiceName) -> impl FnOnce(Problem) -> StartError {
    move |problem| StartError::Service {
        service: service.as_str(),
        problem,
    }
}

impl Services {
    pub(super) async fn start(
        config: &Config,
        keyring: &Keyring,
        env: &Env,
        databases: &Databases,
        public: &PublicAddress,
        agent: &AgentState,
    ) -> Result<Self, StartError> {
        let remotes = Remotes { config, keyring, env };
        let profiles = Arc::new(ProfilesSwitch::default());
        let copies = Arc::new(CopiesSwitch::default());
        let (auth, auth_client) = start_auth(&remotes, databases, public, (&profiles, &copies), agent).await?;
        let site = Site {
            env: env.clone(),
            public: public.base(),
            identities: Arc::new(auth_client.clone()),
        };
        let sellers = Arc::new(SellerSwitch::default());
        let common = Common {
            config,
            keyring,
            site: &site,
            databases,
            remotes: &remotes,
        };
        let (pay, pay_client) = common.start_pay(&sellers).await?;
        let (events, events_client) = common.start_events(&pay_client, &sellers).await?;
        let (publisher, publisher_client) = common.start_publisher(&pay_client, events.as_ref(), &sellers).await?;
        let (connections, trust) = common.start_connections().await?;
        let others = (auth_client.clone(), pay_client.clone(), events_client.clone());
        let (profile, profile_client) = common
            .start_profile(others, publisher_client.clone(), (&trust, &profiles))
            .await?;
        let people = People::new(trust.as_ref(), profile.as_ref(), profile_client.clone());
        let (query, consent) = common.start_query(&pay_client, people, &sellers).await?;
        let broker = common
            .start_broker((pay.as_ref(), &pay_client), auth.as_ref(), &sellers)
            .await?;
        let (registry, registry_client) = common.start_registry().await?;
        copies.plug(registry.as_ref(), registry_client.as_ref());
        let mirrors = registry.as_ref().map(|registry| common.mirrors(registry)).transpose()?;
        let deps = WwwDeps {
            site: site.clone(),
            has_broker: config.has(ServiceName::Broker),
            has_gates: !config.gate.is_empty(),
            node_name: config.node_name.clone(),
            node_did: keyring.node_did().clone(),
            test_money: config.rails.is_test(&site.public.0)?,
            auth: auth_client,
            pay: pay_client.clone(),
            events: events_client,
            connections: trust.map(Trust::for_pages),
            consent,
            profile: profile_client,
            publisher: publisher_client,
            registry: registry_client,
            registrations: Arc::new(agent.clone()),
            certificate: certificate_source(agent.folder()),
            own_agent: own_agent::source(agent.folder(), config),
        };
        let www = start_www(config, deps)?;
        Ok(Self {
            auth,
            pay,
            events,
            connections,
            profile,
            publisher,
            gate_pay: pay_client,
            query,
            broker,
            registry,
            mirrors,
            www,
            sellers,
        })
    }
}

/// The pages, where this process has them.
fn start_www(config: &Config, deps: WwwDeps) -> Result<Option<Arc<Www>>, StartError> {
    let wanted = config.services.contains(&ServiceName::Www);
    let www = wanted.then(|| Www::start(deps)).transpose();
    www.map_err(failed(ServiceName::Www))
}

async fn start_auth(
    remotes: &Remotes<'_>,
    databases: &Databases,
    public: &PublicAddress,
    (profiles, copies): (&Arc<ProfilesSwitch>, &Arc<CopiesSwitch>),
    agent: &AgentState,
) -> Result<(Option<Arc<Auth>>, AuthClient), StartError> {
    let Some(db) = databases.get(ServiceName::Auth) else {
        return Ok((None, AuthClient::http(remotes.rpc(ServiceName::Auth)?)));
    };
    let config = remotes.config;
    let key_logs = Arc::new(KeyLogSwitch::default());
    let resolver = foreign_resolver(config, remotes.env, &key_logs, copies).map_err(failed(ServiceName::Auth))?;
    let deps = AuthDeps {
        env: remotes.env.clone(),
        public: public.base(),
        keyring: remotes.keyring.clone(),
        db: db.clone(),
        mail: config.mail.smtp_url.as_ref().map(|url| MailConfig {
            smtp_url: url.expose_secret().to_owned(),
            from: config.mail.from.clone(),
        }),
        resolver: Some(resolver),
        witnesses: witnesses(config, agent),
        profiles: Some(ProfilesClient::local(profiles.clone())),
        options: AuthOptions {
            node_name: config.node_name.clone(),
            test_money: config.rails.is_test(&public.base().0)?,
            dynamic_clients: config.oidc.dynamic_clients,
            has_consent: config.has(ServiceName::Query),
            reach: reach(config),
            peers: config.peers_options(),
        },
    };
    let auth = Auth::start(deps).await.map_err(failed(ServiceName::Auth))?;
    key_logs.plug(&auth);
    Ok((Some(Arc::clone(&auth)), AuthClient::local(auth)))
}

/// What every service but auth is made from.
pub(super) struct Common<'a> {
    pub(super) config: &'a Config,
    pub(super) keyring: &'a Keyring,
    pub(super) site: &'a Site,
    pub(super) databases: &'a Databases,
    pub(super) remotes: &'a Remotes<'a>,
}

impl Common<'_> {
    pub(super) fn db(&self, service: ServiceName) -> Option<Db> {
        self.databases.get(service).cloned()
    }

    async fn start_pay(&self, sellers: &Arc<SellerSwitch>) -> Result<(Option<Arc<Pay>>, PayClient), StartError> {
        let Some(db) = self.db(ServiceName::Pay) else {
            return Ok((None, PayClient::http(self.remotes.rpc(ServiceName::Pay)?)));
        };
        let fees = match self.config.fees.preset.as_str() {
            "none" => FeeSchedule::none(),
            "mjn" => FeeSchedule::mjn(),
            other => {
                let text = format!("there is no fee preset `{other}`; the presets are none, mjn");
                return Err(StartError::Configuration(text));
            }
        };
        let rails = self.config.rails.resolve(&self.site.public.0, &self.config.node_name)?;
        let deps = PayDeps {
            site: self.site.clone(),
            keyring: self.keyring.clone(),
            db,
            seller: SellerClient::local(sellers.clone()),
            config: PayConfig {
                fees,
                rails,
                brokers: BrokersConfig {
                    trusted: self.config.brokers.trusted.clone(),
                    reach: reach(self.config),
                    test_money: self.config.dev,
                },
                node_name: self.config.node_name.clone(),
                ..PayConfig::default()
            },
        };
        let pay = Pay::start(deps).await.map_err(failed(ServiceName::Pay))?;
        Ok((Some(Arc::clone(&pay)), PayClient::local(pay)))
    }
}
