//! The attacks that must fail, each as a test by its name: over HTTP, with the real program, against one of them on
//! SQLite, one on Postgres, and two on one Postgres.
//!
//! Two programs on SQLite there cannot be: its files lie in the data folder of one program, which nobody else may open.

mod bearers;
mod claims;
mod contract;
mod disputes;
mod documents;
mod flood;
mod visas;

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imajin_imagxp::{AgentKey, key_to_spki};
use imajin_kernel::Timestamp;
use imajin_proof::http_sig::Signer as _;
use imajin_proof::jcs;
use imajin_testkit::Backend;
use imajin_testkit::broker_peer::VisaWish;
use serde_json::Value;

use crate::broker::waited;
use crate::gates::{Scene, Site, denied, gate_host, refusal};
use crate::gates_processes::SITE;
use crate::processes::node_did;
use crate::support::{Home, Node, free_address};

/// What the cheap page costs.
pub(crate) const PRICE: i64 = 10_000;

/// Stamps attacks over the three settings. Each is an `async fn name(setting: Setting)` beside it.
macro_rules! attacks {
    ($($name:ident),+ $(,)?) => {
        /// The names of the attacks of this file.
        pub(crate) const STAMPED: &[&str] = &[$(stringify!($name)),+];
        $crate::attacks::attacks!(@stamp sqlite, OneOnSqlite, $($name),+);
        $crate::attacks::attacks!(@stamp postgres, OneOnPostgres, $($name),+);
        $crate::attacks::attacks!(@stamp two_programs, TwoOnPostgres, $($name),+);
    };
    (@stamp $module:ident, $setting:ident, $($name:ident),+) => {
        mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::attacks::Setting::$setting).await;
            })+
        }
    };
}
pub(crate) use attacks;

/// What is attacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    OneOnSqlite,
    OneOnPostgres,
    TwoOnPostgres,
}

impl Setting {
    pub(crate) const fn backend(self) -> Backend {
        match self {
            Self::OneOnSqlite => Backend::Sqlite,
            Self::OneOnPostgres | Self::TwoOnPostgres => Backend::Postgres,
        }
    }
}

/// A site behind one program, or behind two programs of one node.
pub(crate) struct Stage {
    pub(crate) scene: Scene,
    listen: String,
    other: Option<(Home, Node)>,
}

impl Stage {
    pub(crate) async fn new(setting: Setting) -> Self {
        Self::with(setting, Site::default()).await
    }

    pub(crate) async fn with(setting: Setting, site: Site<'_>) -> Self {
        let (home, listen) = (Home::new(setting.backend()), free_address().to_string());
        let is_two = setting == Setting::TwoOnPostgres;
        if is_two {
            node_did(&home);
            home.configure(&format!("public_url = \"http://{listen}/\""));
        }
        // The site has one name, at whichever of the doors it is asked for.
        let gate = format!("public_url = \"{SITE}\"\n{}", site.gate);
        let site = Site { gate: &gate, ..site };
        let mut scene = Scene::at(home, &["--listen", &listen], &site).await;
        SITE.clone_into(&mut scene.origin);
        let other = is_two.then(|| {
            let home = scene.home.twin();
            let node = home.up(&[]);
            (home, node)
        });
        Self { scene, listen, other }
    }

    /// The doors at which the site can be asked for.
    pub(crate) fn doors(&self) -> Vec<String> {
        let other = self.other.iter().map(|(_home, node)| node);
        [&self.scene.node].into_iter().chain(other).map(gate_host).collect()
    }

    /// At which door something is tried first, and at which then: each order of two doors, or the same door twice.
    pub(super) fn ways(&self) -> Vec<(String, String)> {
        let doors = self.doors();
        let others = doors.iter().cycle().skip(1);
        let ways = doors.iter().zip(others);
        ways.map(|(first, then)| (first.clone(), then.clone())).collect()
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        let other = self.other.iter().map(|(_home, node)| node.pid());
        std::iter::once(self.scene.node.pid()).chain(other).collect()
    }

    /// Kills all programs, and starts them again.
    pub(super) fn kill_and_start(&mut self) {
        self.scene.node.kill_now();
        if let Some((_home, node)) = &mut self.other {
            node.kill_now();
        }
        self.scene.node = self.scene.home.up(&["--listen", &self.listen]);
        if let Some((home, node)) = &mut self.other {
            *node = home.up(&[]);
        }
    }

    /// A visa for as many pages as it says, as far as its amount goes.
    pub(super) fn visa(&self, uses: u32, max_micros: i64) -> String {
        let wish = self.scene.wish(max_micros);
        self.scene.broker.visa(&VisaWish { uses, ..wish })
    }

    pub(super) async fn refused(&self, door: &str, path: &str, headers: HeaderMap) -> (u16, String) {
        refusal(self.scene.send(door, path, headers).await.unwrap()).await
    }

    /// Asks for something that is not refused.
    pub(super) async fn read(&self, door: &str, path: &str, headers: HeaderMap) {
        let answer = self.scene.send(door, path, headers).await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }

    /// Asks for the cheap page at each door with each of these visas, and is refused.
    pub(super) async fn pay_nothing<T: AsRef<str>>(&self, visas: impl IntoIterator<Item = T>) {
        for visa in visas {
            for door in self.doors() {
                let asked = self.scene.paid("/cheap", visa.as_ref());
                let refused = self.refused(&door, "/cheap", asked).await;
                assert_eq!(refused, denied(403, "PAYMENT_DENIED"), "{}", visa.as_ref());
            }
        }
        // With a good one it is read: nothing else was the cause.
        for door in self.doors() {
            let asked = self.scene.paid("/cheap", &self.visa(1, PRICE));
            self.read(&door, "/cheap", asked).await;
        }
    }

    /// Everything that was paid is redeemed once, and nothing else is; the books are right.
    pub(crate) async fn end(self, paid: usize) -> Home {
        let Self { scene, other, .. } = self;
        let redeemed = waited(async || Some(scene.broker.redemptions()).filter(|all| all.len() >= paid)).await;
        scene.node.stop();
        scene.home.verify_clean();
        if let Some((home, node)) = other {
            node.stop();
            home.verify_clean();
        }
        assert_eq!(scene.broker.redemptions().len(), paid);
        assert!(redeemed.iter().all(|one| one.micros == PRICE), "{redeemed:?}");
        scene.home
    }
}

/// The headers of a claim, however it looks, well signed.
pub(super) fn signed(key: &AgentKey, claim: &Value) -> HeaderMap {
    let bytes = jcs::value_to_bytes(claim).unwrap();
    let signature = key.sign_bytes(&bytes).unwrap().to_hex();
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: String| headers.insert(name, value.parse().unwrap());
    set("user-agent", "IMAGXP/1.0".to_owned());
    set("x-imagxp-payload", STANDARD.encode(&bytes));
    set("x-imagxp-signature", signature);
    set("x-imagxp-public-key", key_to_spki(key.public()));
    headers
}

/// A moment as claims write it.
pub(super) fn millis(at: Timestamp) -> String {
    let (second, millis) = (Timestamp::from_seconds(at.as_seconds()).to_string(), at.as_millis());
    format!("{}.{:03}Z", second.trim_end_matches('Z'), millis.rem_euclid(1_000))
}
