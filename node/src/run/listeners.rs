use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use imajin_acme::{ChallengeKind, Http01};
use imajin_did::Keyring;
use imajin_kernel::Env;
use imajin_web::{Description, PublicBase, Readiness, ServiceRoutes, TlsMode};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;
use utoipa_axum::router::OpenApiRouter;

use super::own_agent::{self, OwnAgent};
use super::serving::Serving;
use super::{PublicAddress, Services, StartError, gateway, pages};
use crate::acme::{AcmeStore, CertificateKeeper, DnsAccounts, KeeperParts};
use crate::agent::{AgentState, NodeFacts, NodeIdentity, RegistryLink, operator_http, registry_http};
use crate::config::{Config, ServiceName, TlsChoice};
use crate::data_dir::DataDir;
use crate::tls::{Certificate, CertificateFiles, certificate_generate, certificate_issued};

/// Sockets that are bound but not served yet: ports are known, and a taken one is noticed before anything else starts.
pub(super) struct Bound {
    main: TcpListener,
    public: PublicAddress,
    certificate: Option<Certificate>,
    /// Where it is from, if it is one's own.
    files: Option<CertificateFiles>,
    authority: Option<Authority>,
    services: Vec<(ServiceName, TcpListener, SocketAddr)>,
    internal: Option<(TcpListener, SocketAddr)>,
    own_agent: Option<OwnAgent>,
}

/// What goes between the listener and the keeper of an authority's certificate.
struct Authority {
    store: AcmeStore,
    http01: Http01,
    /// Where the authority's questions come in.
    socket: Option<TcpListener>,
}

pub(super) async fn bind_one(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let refused = |source| StartError::Listen { address, source };
    let socket = TcpListener::bind(address).await.map_err(refused)?;
    let bound = socket.local_addr().map_err(refused)?;
    Ok((socket, bound))
}

async fn authority_bind(
    data: &DataDir,
    config: &Config,
    keyring: &Keyring,
    env: &Env,
) -> Result<Option<Authority>, StartError> {
    let Some(kind) = config.tls.acme.kind() else {
        return Ok(None);
    };
    let socket = match kind {
        ChallengeKind::Http01 => Some(bind_one(config.tls.acme.http_listen).await?.0),
        ChallengeKind::Dns01 => None,
    };
    Ok(Some(Authority {
        store: AcmeStore::new(data, keyring, env),
        http01: Http01::default(),
        socket,
    }))
}

pub(super) async fn bind(data: &DataDir, config: &Config, keyring: &Keyring, env: &Env) -> Result<Bound, StartError> {
    let (main, address) = bind_one(config.listen).await?;
    let https = match config.tls.mode {
        TlsChoice::On => true,
        TlsChoice::Off => false,
        TlsChoice::Auto => {
            let is_wanted = config.tls.certificate.is_some() || config.tls.acme.kind().is_some();
            is_wanted || !address.ip().is_loopback()
        }
    };
    let public = PublicAddress::of(config, address, https).ok_or_else(|| {
        StartError::Configuration("no public URL can be made from the listen address: set `public_url`".to_owned())
    })?;
    let authority = authority_bind(data, config, keyring, env).await?;
    let certified = authority
        .as_ref()
        .and_then(|one| one.certificate(&config.tls.acme.directory));
    let (certificate, files) = match (https, certified, &config.tls.certificate, &config.tls.private_key) {
        (false, ..) => (None, None),
        (true, Some(certified), ..) => (Some(certified), None),
        (true, None, Some(certificate), Some(key)) => {
            let (certificate, files) = CertificateFiles::load(certificate, key)?;
            (Some(certificate), Some(files))
        }
        (true, ..) => {
            let hosts = public.certificate_hosts(address);
            (Some(certificate_generate(data, keyring, env, &hosts)?), None)
        }
    };
    let mut services = Vec::new();
    if config.service_ports {
        for service in &config.services {
            let wanted = SocketAddr::new(address.ip(), service.port(config.dev));
            if wanted == address {
                continue;
            }
            let (socket, bound) = bind_one(wanted).await?;
            services.push((*service, socket, bound));
        }
    }
    let internal = if config.remote.is_empty() {
        None
    } else {
        Some(bind_one(config.internal_listen).await?)
    };
    let own_agent = OwnAgent::find(data, config, public.base(), env)?;
    Ok(Bound {
        main,
        public,
        certificate,
        files,
        authority,
        services,
        internal,
        own_agent,
    })
}

impl Authority {
    /// The certificate that was issued before. One that cannot be used is as good as none: the keeper gets another.
    fn certificate(&self, directory: &Url) -> Option<Certificate> {
        let kept = self.store.certificate(directory);
        let kept = kept.unwrap_or_else(|error| {
            tracing::warn!(%error, "the kept certificate cannot be read");
            None
        })?;
        certificate_issued(&kept.chain_pem, &kept.key_der).ok()
    }
}

impl Bound {
    pub(super) fn public(&self) -> &PublicAddress {
        &self.public
    }

    /// How the main listener speaks TLS.
    pub(super) fn tls(&self) -> TlsMode {
        let made = self.certificate.as_ref();
        made.map_or(TlsMode::Off, |made| TlsMode::On(Arc::clone(&made.config)))
    }

    /// The files of a certificate of one's own.
    pub(super) fn certificate_files(&self) -> Option<CertificateFiles> {
        self.files.clone()
    }

    /// The fingerprint of a certificate that the node made itself.
    pub(super) fn fingerprint(&self) -> Option<String> {
        self.certificate
            .as_ref()
            .filter(|certificate| certificate.generated)
            .map(|made| made.fingerprint.clone())
    }

    pub(super) fn ports(&self) -> Vec<(String, SocketAddr)> {
        let services = self
            .services
            .iter()
            .map(|(service, _, address)| (service.as_str().to_owned(), *address));
        let internal = self
            .internal
            .iter()
            .map(|(_, address)| ("internal".to_owned(), *address));
        services.chain(internal).collect()
    }

    /// What keeps the certificate of an authority good, if one is asked.
    pub(super) fn keeper(
        &self,
        data: &DataDir,
        config: &Config,
        keyring: &Keyring,
        env: &Env,
    ) -> Result<Option<CertificateKeeper>, StartError> {
        let (Some(authority), Some(certificate)) = (&self.authority, &self.certificate) else {
            return Ok(None);
        };
        let accounts = DnsAccounts::new(data, keyring, env);
        let registry = registry_http(config)?;
        let facts = NodeFacts::of_this_process(Vec::new(), env.now());
        Ok(Some(CertificateKeeper::new(KeeperParts {
            config: config.tls.acme.clone(),
            public: self.public.url().clone(),
            store: authority.store.clone(),
            link: RegistryLink::new(
                registry.clone(),
                NodeIdentity::new(data, keyring, env),
                env.clone(),
                facts,
                Vec::new(),
                accounts.clone(),
            ),
            accounts,
            registrations: Arc::new(AgentState::new(data)),
            authority_http: operator_http(config.tls.acme.ca.as_deref(), "tls.acme.ca")?,
            endpoint_http: registry,
            http01: authority.http01.clone(),
            shown: Arc::clone(&certificate.shown),
            env: env.clone(),
        })))
    }

    /// Starts to answer on all sockets.
    pub(super) fn serve(
        self,
        config: &Config,
        services: &Services,
        env: &Env,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<(), StartError> {
        let tls = self.tls();
        let proxies = &config.trusted_proxies;
        let serving = Serving {
            env,
            tls,
            proxies,
            tasks,
            stop,
        };
        let routes = services.public_routes();
        let agent = own_agent::routes(config, self.own_agent)?;
        let one_port = one_port_routes(config, services, &routes)?.merge(agent);
        for (service, socket, address) in self.services {
            let alone = match routes.iter().find(|(name, _)| *name == service) {
                Some((_, routes)) => routes.clone().into_router(),
                None if service == ServiceName::Www => one_port.clone(),
                None => continue,
            };
            serving.public(socket, alone, port_base(&self.public, address));
        }
        if let Some(Authority {
            http01,
            socket: Some(socket),
            ..
        }) = self.authority
        {
            serving.proofs(socket, &http01, self.public.base());
        }
        serving.public(self.main, one_port, self.public.base());
        if let Some((socket, address)) = self.internal {
            serving.internal(socket, address, config, services.internal_routes())?;
        }
        Ok(())
    }
}

/// The node's URL with the port of a service.
fn port_base(public: &PublicAddress, address: SocketAddr) -> PublicBase {
    let mut url = public.url().clone();
    let _cannot_fail = url.set_port(Some(address.port()));
    PublicBase(url)
}

/// Everything on one port: each service under its prefix, the pages at the root, services of other processes passed on.
fn one_port_routes(
    config: &Config,
    services: &Services,
    documented: &[(ServiceName, ServiceRoutes)],
) -> Result<Router, StartError> {
    let mut router = Router::new();
    for (service, own) in documented {
        router = router.nest(&format!("/{service}"), own.clone().into_router());
    }
    if let Some(auth) = &services.auth {
        router = router.merge(auth.root_routes());
    }
    if let Some(broker) = &services.broker {
        router = router.merge(broker.root_routes());
    }
    if let Some(www) = &services.www {
        router = router.merge(www.routes());
    }
    for (service, remote) in &config.remote {
        let forward = gateway::forward_to(&remote.public)?;
        for path in gateway::paths(*service) {
            router = router.nest_service(&path, forward.clone());
        }
        router = router.merge(gateway::root_routes(*service, &remote.public)?);
    }
    let parts: Vec<_> = documented
        .iter()
        .map(|(service, own)| (service.as_str(), own.description.clone()))
        .collect();
    let mut node = ServiceRoutes::new("www", "The node", OpenApiRouter::new(), all_ready(services));
    node.description = Description::union("The node", &parts);
    Ok(router
        .merge(node.into_router())
        .merge(pages::problem_pages())
        .merge(imajin_ui::assets_router()))
}

/// The node is ready when each of its services is.
fn all_ready(services: &Services) -> Readiness {
    let checks = services.checks();
    Arc::new(move || {
        let asked: Vec<_> = checks.iter().map(|(_, ready)| ready()).collect();
        Box::pin(async move {
            for ready in asked {
                ready.await?;
            }
            Ok(())
        })
    })
}
