//! Certificates of a real authority: got, shown without a restart, kept and renewed.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use imajin_acme::Http01;
use imajin_dns::{Change, DnsProvider, RecordSet, Records, Rfc2136, Rfc2136Settings, TsigAlgorithm, TsigKey, Zone};
use imajin_kernel::{Env, ManualClock, Span, Timestamp};
use imajin_node::acme::{AcmeStore, CertificateKeeper, CertificateStatus, DnsAccounts, KeeperParts};
use imajin_node::agent::{AgentState, NodeFacts, NodeIdentity, RegistryLink, operator_http};
use imajin_node::config::{Overrides, load};
use imajin_node::data_dir::DataDir;
use imajin_node::tls::{certificate_generate, certificate_issued};
use imajin_testkit::{KnotPeer, PebblePeer};
use imajin_web::{Listener, PublicBase, TlsMode, serve};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

const NAME: &str = "alice.nodes.example";
const TIMEOUT: Duration = Duration::from_secs(10);

/// A name that leads here, and an authority that certifies it.
struct World {
    _knot: KnotPeer,
    pebble: PebblePeer,
    http01: Http01,
    stop: CancellationToken,
    _guard: DropGuard,
}

async fn listen(router: Router, tls: TlsMode, stop: &CancellationToken) -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let listener = Listener {
        socket,
        router,
        public: PublicBase(format!("https://{NAME}/").parse().unwrap()),
        tls,
        connections_max: 8,
    };
    TaskTracker::new().spawn(serve(listener, stop.clone()));
    address
}

impl World {
    async fn start() -> Self {
        let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let knot = KnotPeer::start("nodes.example").unwrap();
        let zone: Zone = "nodes.example".parse().unwrap();
        let key = TsigKey::new(KnotPeer::KEY_NAME, TsigAlgorithm::HmacSha256, &KnotPeer::KEY_SECRET).unwrap();
        let name = zone.name("alice").unwrap();
        let settings = Rfc2136Settings {
            server: knot.address(),
            zone,
            key,
            timeout: TIMEOUT,
        };
        let here = RecordSet::new(name, 60, Records::A(vec![Ipv4Addr::LOCALHOST])).unwrap();
        let dns = Rfc2136::new(settings, Env::system());
        dns.apply(&[Change::Put(here)]).await.unwrap();
        let (http01, stop) = (Http01::default(), CancellationToken::new());
        let port_80 = listen(http01.router(), TlsMode::Off, &stop).await.port();
        Self {
            pebble: PebblePeer::start_asking(knot.address(), port_80).unwrap(),
            _knot: knot,
            http01,
            _guard: stop.clone().drop_guard(),
            stop,
        }
    }
}

/// A node's listener and the keeper of its certificate.
struct Subject {
    keeper: CertificateKeeper,
    address: SocketAddr,
}

impl Subject {
    /// On a data directory, as a node starts: with the kept certificate, or one that it makes itself.
    async fn start(world: &World, data: &DataDir, env: &Env, public_url: &str) -> Self {
        let keyring = data.keyring_ensure(env).unwrap();
        let mut overrides = Overrides::default();
        overrides.set("public_url", Some(public_url));
        overrides.set("tls.acme.challenge", Some("http-01"));
        overrides.set("tls.acme.directory", Some(world.pebble.directory_url()));
        let config = load(data.path(), &overrides).unwrap().config;
        let store = AcmeStore::new(data, &keyring, env);
        let certificate = match store.certificate(&config.tls.acme.directory).unwrap() {
            Some(kept) => certificate_issued(&kept.chain_pem, &kept.key_der).unwrap(),
            None => certificate_generate(data, &keyring, env, &[NAME.to_owned()]).unwrap(),
        };
        let page = Router::new().route("/", get(|| async { "here" }));
        let address = listen(page, TlsMode::On(certificate.config.clone()), &world.stop).await;
        let keeper = CertificateKeeper::new(KeeperParts {
            public: config.public_url.clone().unwrap(),
            store,
            link: RegistryLink::new(
                operator_http(None, "registry.ca").unwrap(),
                NodeIdentity::new(data, &keyring, env),
                env.clone(),
                NodeFacts::of_this_process(Vec::new(), env.now()),
                Vec::new(),
                DnsAccounts::new(data, &keyring, env),
            ),
            accounts: DnsAccounts::new(data, &keyring, env),
            registrations: Arc::new(AgentState::new(data)),
            authority_http: operator_http(Some(world.pebble.certificate()), "tls.acme.ca").unwrap(),
            endpoint_http: operator_http(None, "registry.ca").unwrap(),
            http01: world.http01.clone(),
            shown: certificate.shown,
            config: config.tls.acme,
            env: env.clone(),
        });
        Self { keeper, address }
    }

    /// Somebody who trusts the authority, as all do with a real one.
    #[expect(
        clippy::disallowed_methods,
        reason = "the name is in no DNS that this machine asks; the client speaks to loopback only"
    )]
    fn visitor(&self, root: &[u8]) -> reqwest::Client {
        reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(root).unwrap()])
            .resolve(NAME, self.address)
            .tls_info(true)
            .no_proxy()
            .build()
            .unwrap()
    }

    /// The certificate that a visitor sees; `None` when they do not trust it.
    async fn seen(&self, visitor: &reqwest::Client) -> Option<Vec<u8>> {
        let url = format!("https://{NAME}:{}/", self.address.port());
        let response = visitor.get(url).send().await.ok()?;
        let info = response.extensions().get::<reqwest::tls::TlsInfo>().unwrap();
        let certificate = info.peer_certificate().unwrap().to_vec();
        assert_eq!(response.text().await.unwrap(), "here");
        Some(certificate)
    }
}

async fn root_of(pebble: &PebblePeer) -> Vec<u8> {
    let http = operator_http(Some(pebble.certificate()), "ca").unwrap();
    let url = pebble.root_url().parse().unwrap();
    let answer = http.send(http::Method::GET, url, http::HeaderMap::new(), Vec::new());
    answer.await.unwrap().body.to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_shown_renewed_and_kept_without_a_restart() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::create(folder.path()).unwrap();
    let clock = ManualClock::at(Env::system().now());
    let env = Env::fixed(clock.clone(), 3);
    let public_url = format!("https://{NAME}/");
    let root = root_of(&world.pebble).await;
    let subject = Subject::start(&world, &data, &env, &public_url).await;
    assert_eq!(
        subject.seen(&subject.visitor(&root)).await,
        None,
        "its own, which nobody trusts"
    );

    subject.keeper.tick().await;
    let status = subject.keeper.status();
    assert_eq!(
        (status.last_error, status.names.as_slice()),
        (None, [NAME.to_owned()].as_slice())
    );
    let early = subject.visitor(&root);
    let first = subject.seen(&early).await.unwrap();
    clock.advance(Span::days(1));
    subject.keeper.tick().await;
    assert_eq!(
        subject.seen(&subject.visitor(&root)).await.unwrap(),
        first,
        "nothing was due"
    );

    clock.advance(status.renew_at.unwrap().since(env.now()));
    subject.keeper.tick().await;
    let second = subject.seen(&subject.visitor(&root)).await.unwrap();
    assert_ne!(second, first);
    // A connection that was open stays open.
    assert_eq!(subject.seen(&early).await.unwrap(), first);

    let again = Subject::start(&world, &data, &env, &public_url).await;
    assert_eq!(again.seen(&again.visitor(&root)).await.unwrap(), second);
    let sealed = std::fs::read(folder.path().join("acme.certificate")).unwrap();
    assert!(!String::from_utf8_lossy(&sealed).contains("CERTIFICATE"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_cannot_be_had_is_asked_for_at_growing_intervals() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::create(folder.path()).unwrap();
    let clock = ManualClock::at(Timestamp::from_millis(1_772_323_200_000));
    let env = Env::fixed(clock.clone(), 3);
    // Nobody has this name.
    let subject = Subject::start(&world, &data, &env, "https://bob.nodes.example/").await;
    for minutes in [5, 15, 45] {
        subject.keeper.tick().await;
        let status = subject.keeper.status();
        assert_eq!(status.next_attempt_at, Some(env.now().plus(Span::minutes(minutes))));
        let error = status.last_error.clone().unwrap();
        assert!(error.contains("could not check bob.nodes.example"), "{error}");
        assert_eq!(CertificateStatus::load(data.path()).unwrap(), Some(status));
        clock.advance(Span::seconds(30));
        subject.keeper.tick().await;
        clock.advance(Span::seconds(minutes * 60 - 30));
    }
    assert_eq!(subject.keeper.status().failures, 3);
    // A restart does not begin anew: the authority has counted, too.
    subject.keeper.tick().await;
    let after = Subject::start(&world, &data, &env, "https://bob.nodes.example/").await;
    after.keeper.tick().await;
    assert_eq!(after.keeper.status().failures, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_cannot_be_saved_is_not_ordered_again() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::create(folder.path()).unwrap();
    let clock = ManualClock::at(Env::system().now());
    let env = Env::fixed(clock.clone(), 3);
    let root = root_of(&world.pebble).await;
    // The account with the authority is there, and the certificate is not.
    let first = Subject::start(&world, &data, &env, &format!("https://{NAME}/")).await;
    first.keeper.tick().await;
    let before = first.seen(&first.visitor(&root)).await.unwrap();
    std::fs::remove_file(folder.path().join("acme.certificate")).unwrap();
    // Where the file is written before it takes its name there is a folder.
    let place = folder.path().join("acme.tmp");
    std::fs::create_dir(&place).unwrap();
    let subject = Subject::start(&world, &data, &env, &format!("https://{NAME}/")).await;
    subject.keeper.tick().await;
    assert_eq!(subject.keeper.status().failures, 1);
    let issued = subject.seen(&subject.visitor(&root)).await.unwrap();
    assert_ne!(issued, before);
    std::fs::remove_dir(&place).unwrap();
    clock.advance(Span::minutes(5));
    subject.keeper.tick().await;
    assert_eq!(subject.keeper.status().last_error, None);
    assert_eq!(subject.seen(&subject.visitor(&root)).await.unwrap(), issued);
    let again = Subject::start(&world, &data, &env, &format!("https://{NAME}/")).await;
    assert_eq!(again.seen(&again.visitor(&root)).await.unwrap(), issued);
}
