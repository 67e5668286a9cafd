//! The registry is killed at each step of a change of DNS: afterwards DNS and the database agree.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use imajin_dns::{DnsProvider, RecordKind, Records, Rfc2136, Rfc2136Settings, TsigAlgorithm, TsigKey, Zone};
use imajin_kernel::Env;
use imajin_testkit::{Backend, KnotPeer, on_both};
use serde_json::Value;
use url::Url;

use super::dice::Dice;
use super::line::{Line, Step};
use super::rounds;
use crate::agent::Subject;
use crate::support::{Home, Node, imajin, text};

const ZONE: &str = "nodes.example";
const SECRET: &str = "YSBzZWNyZXQgdGhhdCBldmVyeSB0ZXN0IGtub3dzLi4=";
const PATIENCE: Duration = Duration::from_mins(1);
/// Of a change, from the request to the end of what follows.
const CHANGE_MICROS: u64 = 60_000;

/// What a node or the operator wants.
#[derive(Debug, Clone, Copy)]
enum Wish {
    Register,
    Move,
    Rename,
    Remove,
}

const WISHES: [Wish; 4] = [Wish::Register, Wish::Move, Wish::Rename, Wish::Remove];

/// When the registry dies.
#[derive(Debug, Clone, Copy)]
enum Death {
    At(Step),
    /// So many microseconds after the wish was uttered.
    AnyTime(u64),
}

/// A registry that is killed and started again, and the operator of it.
struct Registry {
    // First, so that it is dropped before the folder that it writes to.
    node: Option<Node>,
    home: Home,
    listen: String,
    operator: PathBuf,
    line: Line,
    dns: Rfc2136,
    zone: Zone,
    _knot: KnotPeer,
}

impl Registry {
    fn new(backend: Backend) -> Self {
        let knot = KnotPeer::start(ZONE).unwrap();
        let line = Line::to(knot.address());
        let home = Home::new(backend);
        let secret = home.path("tsig.key");
        std::fs::write(&secret, SECRET).unwrap();
        home.configure(&format!(
            "[registry_service]\nzone = \"{ZONE}\"\n[registry_service.dns]\nprovider = \"rfc2136\"\n\
             server = \"{}\"\nkey_name = \"{}\"\nkey_secret_file = \"{}\"\nprivate_addresses = true\n",
            line.address,
            KnotPeer::KEY_NAME,
            text(&secret)
        ));
        let node = home.up(&[]);
        let (url, operator) = (node.url(), home.key("operator.key"));
        let claim = [
            "login",
            "--setup",
            &node.setup_token(),
            "--node",
            &url,
            "--key",
            text(&operator),
        ];
        imajin(&claim).expect_success();
        let zone: Zone = ZONE.parse().unwrap();
        let key = TsigKey::new(KnotPeer::KEY_NAME, TsigAlgorithm::HmacSha256, &KnotPeer::KEY_SECRET);
        let settings = Rfc2136Settings {
            server: knot.address(),
            zone: zone.clone(),
            key: key.unwrap(),
            timeout: Duration::from_secs(10),
        };
        Self {
            listen: url.trim_start_matches("http://").to_owned(),
            node: Some(node),
            home,
            operator,
            line,
            dns: Rfc2136::new(settings, Env::system()),
            zone,
            _knot: knot,
        }
    }

    fn url(&self) -> Url {
        format!("http://{}/registry", self.listen).parse().unwrap()
    }

    /// What the operator orders, while other things go on; nothing, if nobody answers.
    async fn ordered(&self, args: &[&str]) -> Value {
        let node = format!("http://{}", self.listen);
        let all = [args, &["--node", &node, "--key", text(&self.operator)]].concat();
        let all: Vec<String> = all.into_iter().map(str::to_owned).collect();
        let run = move || imajin(&all.iter().map(String::as_str).collect::<Vec<_>>()).json;
        tokio::task::spawn_blocking(run).await.unwrap()
    }

    /// Another process on the same data.
    fn restart(&mut self) {
        self.node.take().unwrap().kill();
        self.node = Some(self.home.up(&["--listen", &self.listen]));
    }

    async fn address_of(&self, name: &str) -> Option<Ipv4Addr> {
        let name = self.zone.name(name).unwrap();
        let found = self.dns.fetch(&name, RecordKind::A).await.unwrap()?;
        match found.records() {
            Records::A(addresses) => addresses.first().copied(),
            other => panic!("{other:?}"),
        }
    }

    /// Waits until the database knows of nothing that is not in DNS. What a dead process had taken to do belongs to it
    /// for two minutes; the operator does not wait for that.
    async fn published_wait(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.ordered(&["registry", "names", "retry"]).await;
            let console = self.ordered(&["registry", "status"]).await;
            if console["unpublishedTotal"] == 0 {
                return;
            }
            assert!(Instant::now() < deadline, "{console:#}");
        }
    }
}

/// A node, and what it has wanted up to now.
struct Case {
    subject: Subject,
    did: String,
    names: [String; 2],
    _folder: tempfile::TempDir,
}

impl Case {
    fn new(number: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let env = Env::system();
        let subject = Subject::new(&folder.path().join("node"), &env);
        let data = folder.path().join("node");
        let shown = imajin(&["node", "init", "--data", text(&data)]).expect_success();
        Self {
            subject,
            did: shown["did"].as_str().unwrap().to_owned(),
            names: ["first", "second"].map(|name| format!("{name}-{number}")),
            _folder: folder,
        }
    }

    /// What is in DNS once all of the wish has come true: which name, and where it leads.
    fn wanted(&self, wish: Wish) -> Option<(&str, Ipv4Addr)> {
        let [first, second] = &self.names;
        let at = |last| Ipv4Addr::new(203, 0, 113, last);
        match wish {
            Wish::Register => Some((first, at(7))),
            Wish::Move => Some((first, at(8))),
            Wish::Rename => Some((second, at(8))),
            Wish::Remove => None,
        }
    }

    /// Utters a wish; what becomes of it is another matter.
    async fn utter(&self, registry: &Registry, wish: Wish) {
        let Some((name, address)) = self.wanted(wish) else {
            let revoke = ["registry", "revoke", &self.did, "--reason", "it was sold"];
            registry.ordered(&revoke).await;
            return;
        };
        self.subject.probe.set(&[&address.to_string()]);
        self.subject.want(&registry.url(), name, Env::system().now());
        self.subject.agent.tick().await;
    }

    /// Utters a wish while the registry is killed.
    async fn uttered_to_death(&self, registry: &Registry, wish: Wish, death: Death) {
        let pid = registry.node.as_ref().unwrap().pid();
        match death {
            Death::At(step) => {
                registry.line.arm(step, pid);
                self.utter(registry, wish).await;
                registry.line.death_wait();
            }
            Death::AnyTime(micros) => {
                let killed = async {
                    tokio::time::sleep(Duration::from_micros(micros)).await;
                    crate::support::signal(pid, "KILL");
                };
                tokio::join!(self.utter(registry, wish), killed);
            }
        }
    }

    /// DNS has this and nothing else.
    async fn dns_is(&self, registry: &Registry, wanted: Option<(&str, Ipv4Addr)>, context: &str) {
        for name in &self.names {
            let here = wanted.filter(|(at, _address)| at == name).map(|(_at, address)| address);
            assert_eq!(registry.address_of(name).await, here, "{name}: {context}");
        }
    }

    /// What the database says is what DNS says: the whole of what was, or the whole of what is to be.
    async fn agrees(&self, registry: &Registry, (before, after): (Option<Wish>, Wish), context: &str) {
        registry.published_wait().await;
        let url = format!("http://{}/registry/api/node/lookup/{}", registry.listen, self.did);
        let answer = crate::federation::browser().get(url).send().await.unwrap();
        let known: Value = answer.json().await.unwrap();
        let name = known["hostname"].as_str().filter(|_name| known["status"] != "revoked");
        for other in self.names.iter().filter(|other| Some(other.as_str()) != name) {
            assert_eq!(registry.address_of(other).await, None, "{other}: {context}: {known}");
        }
        let Some(name) = name else { return };
        let wishes = before.into_iter().chain([after]);
        let mut places: Vec<Option<Ipv4Addr>> = wishes
            .filter_map(|wish| self.wanted(wish))
            .map(|(_name, address)| Some(address))
            .collect();
        // A node that has registered has not said yet where it is.
        places.extend(before.is_none().then_some(None));
        let found = registry.address_of(name).await;
        assert!(places.contains(&found), "{name} is at {found:?}: {context}: {known}");
    }
}

async fn dns_and_database_agree_after_the_registry_was_killed_at_each_step(backend: Backend) {
    let mut registry = Registry::new(backend);
    let dice = Dice::new();
    let steps = [Step::Before, Step::After, Step::Answered].map(|step| [Death::At(step); WISHES.len()]);
    let seeded = (0..rounds(2)).map(|_round| WISHES.map(|_wish| Death::AnyTime(dice.below(CHANGE_MICROS))));
    for (number, deaths) in steps.into_iter().chain(seeded).enumerate() {
        let case = Case::new(number);
        let mut before = None;
        for (wish, death) in WISHES.into_iter().zip(deaths) {
            let context = format!("{wish:?}, {death:?}");
            case.uttered_to_death(&registry, wish, death).await;
            registry.restart();
            case.agrees(&registry, (before, wish), &context).await;
            // Whoever was not answered says it again.
            case.utter(&registry, wish).await;
            registry.published_wait().await;
            case.dns_is(&registry, case.wanted(wish), &context).await;
            before = Some(wish);
        }
    }
    registry.node.take().unwrap().stop();
    registry.home.verify_clean();
}

on_both!(dns_and_database_agree_after_the_registry_was_killed_at_each_step);
