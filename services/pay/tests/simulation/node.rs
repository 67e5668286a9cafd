//! A process of pay, and the disk that outlives it.

use std::cell::OnceCell;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use axum::Router;
use imajin_did::{Did, Keyring};
use imajin_fair::plan::FeeSchedule;
use imajin_kernel::{Env, Problem};
use imajin_pay::{
    BrokersConfig, MIGRATIONS, Pay, PayConfig, PayDeps, PayRouter, RailsConfig, SandboxUse, Surroundings,
};
use imajin_pay_api::SellerClient;
use imajin_store::{Db, Location, Options, Stepper};
use imajin_testkit::{Backend, Place, TestDatabase};
use imajin_web::macro_support::async_trait;
use imajin_web::{
    CallerKeys, Custody, Identities, Limits, PublicBase, Reach, SessionView, ShellOptions, Site, Tier, shell,
};

use crate::abroad::Abroad;
use crate::bank::Bank;
use crate::cards::CardRail;
use crate::seller::{OPERATOR, Seller, key};

pub(crate) const PUBLIC: &str = "http://node.test:7000";

/// The answer of a future that waits for nothing.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits for something"),
    }
}

/// Everybody with a key in their DID is registered.
struct Everybody;

#[async_trait]
impl Identities for Everybody {
    async fn caller_keys(&self, did: &Did) -> Result<CallerKeys, Problem> {
        let did = did.canonical();
        let keys = did.public_key().into_iter().collect();
        let is_operator = did == key(OPERATOR).did();
        Ok(CallerKeys {
            did,
            keys,
            tier: if is_operator { Tier::Operator } else { Tier::Key },
            custody: Custody::Own,
        })
    }

    async fn holdings(&self, did: &Did) -> Result<Vec<Did>, Problem> {
        Ok(vec![did.clone()])
    }

    async fn session_view(&self, _token: &str) -> Result<Option<SessionView>, Problem> {
        Ok(None)
    }
}

/// Where pay's database is.
pub(crate) enum Disk {
    /// A folder in memory; after each power cut, the files are others.
    Sqlite {
        folder: tempfile::TempDir,
        cuts: u32,
    },
    Postgres(TestDatabase),
}

/// A folder in memory where the system has one: what is synced there costs nothing.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let root = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    tempfile::Builder::new()
        .prefix("imajin-simulation-")
        .tempdir_in(root)
        .unwrap()
}

/// A database with the real migrations and nothing in it, made once.
fn template() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = folder();
        let path = folder.path().join("template.sqlite");
        drop(Db::open_stepped(Location::sqlite(&path), "pay", &MIGRATIONS, Options::default()).unwrap());
        std::fs::read(path).unwrap()
    })
}

/// The routes before they are a process', built and described once.
fn routes() -> &'static PayRouter {
    static MADE: OnceLock<PayRouter> = OnceLock::new();
    MADE.get_or_init(PayRouter::new)
}

impl Disk {
    pub(crate) fn new(backend: Backend) -> Self {
        match backend {
            Backend::Postgres => Self::Postgres(TestDatabase::postgres()),
            Backend::Sqlite => {
                let disk = Self::Sqlite {
                    folder: folder(),
                    cuts: 0,
                };
                std::fs::write(disk.path().unwrap(), template()).unwrap();
                disk
            }
        }
    }

    /// The file, on SQLite.
    fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Sqlite { folder, cuts } => Some(folder.path().join(format!("pay-{cuts}.sqlite"))),
            Self::Postgres(_) => None,
        }
    }

    fn location(&self) -> Location {
        match self {
            Self::Sqlite { .. } => Location::sqlite(self.path().unwrap()),
            Self::Postgres(database) => match database.place_for("pay") {
                Place::Postgres { url, schema } => Location::postgres(url, schema),
                Place::SqliteFile(path) => Location::sqlite(path),
            },
        }
    }

    /// How long the write-ahead log is; 0 without one.
    pub(crate) fn log_length(&self) -> usize {
        let log = self.path().map(|path| wal(&path));
        let length = log
            .and_then(|log| std::fs::metadata(log).ok())
            .map_or(0, |log| log.len());
        usize::try_from(length).unwrap()
    }

    /// Nothing of what runs may write any more: from here on the disk is what a power cut leaves, with so many bytes of
    /// the log. The processes still hold the old files.
    pub(crate) fn cut(&mut self, log_length: usize) {
        let Some(old) = self.path() else { return };
        if let Self::Sqlite { cuts, .. } = self {
            *cuts += 1;
        }
        let new = self.path().unwrap();
        std::fs::copy(&old, &new).unwrap();
        if let Ok(mut log) = std::fs::read(wal(&old)) {
            log.truncate(log_length);
            std::fs::write(wal(&new), log).unwrap();
        }
    }

    /// After the processes have ended.
    pub(crate) fn old_forget(&self) {
        let Some(current) = self.path() else { return };
        let Self::Sqlite { folder, .. } = self else { return };
        let name = current.file_name().unwrap().to_string_lossy().into_owned();
        for entry in std::fs::read_dir(folder.path()).unwrap().flatten() {
            if !entry.file_name().to_string_lossy().starts_with(&name) {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
    }
}

fn wal(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// What every process of a node has in common.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) env: Env,
    pub(crate) keyring: Keyring,
    pub(crate) bank: Arc<Bank>,
    pub(crate) seller: Arc<Seller>,
    pub(crate) abroad: Arc<Abroad>,
    pub(crate) fees: FeeSchedule,
}

/// A process of pay.
pub(crate) struct Node {
    pub(crate) pay: Arc<Pay>,
    pub(crate) db: Db,
    pub(crate) stepper: Stepper,
    env: Env,
    /// Made when somebody asks over HTTP first: most processes of a simulation do not live to see that.
    router: OnceCell<Router>,
}

impl Node {
    pub(crate) fn start(disk: &Disk, number: usize, parts: Parts) -> Self {
        let (db, stepper) = Db::open_stepped(disk.location(), "pay", &MIGRATIONS, Options::default()).unwrap();
        let public = PublicBase(PUBLIC.parse().unwrap());
        let site = Site {
            env: parts.env.clone(),
            public,
            identities: Arc::new(Everybody),
        };
        let chain = if number == 0 {
            "pay".to_owned()
        } else {
            format!("pay-{number}")
        };
        let config = PayConfig {
            chain,
            fees: parts.fees,
            rails: RailsConfig {
                sandbox: SandboxUse::On,
                ..RailsConfig::default()
            },
            brokers: BrokersConfig {
                trusted: vec![parts.abroad.broker.issuer().parse().unwrap()],
                reach: Reach::Public,
                test_money: true,
            },
            ..PayConfig::default()
        };
        let amid = Surroundings {
            rails: vec![Arc::new(CardRail(parts.bank))],
            carrier: Some(parts.abroad),
        };
        let deps = PayDeps {
            site,
            keyring: parts.keyring,
            db: db.clone(),
            seller: SellerClient::local(parts.seller),
            config,
        };
        let pay = now(Pay::start_amid(deps, amid)).unwrap();
        Self {
            pay,
            db,
            stepper,
            env: parts.env,
            router: OnceCell::new(),
        }
    }

    /// What answers over HTTP.
    pub(crate) fn router(&self) -> &Router {
        self.router.get_or_init(|| {
            let options = ShellOptions {
                env: self.env.clone(),
                public: PublicBase(PUBLIC.parse().unwrap()),
                limits: Limits::default(),
                error_page: None,
            };
            let routes = routes().of(&self.pay);
            shell(Router::new().nest("/pay", routes.into_router()), options)
        })
    }
}
