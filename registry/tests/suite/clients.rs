//! Programs that other people wrote, unmodified, as Debian has them.

use std::net::SocketAddr;
use std::path::Path;

use imajin_dns::RecordKind;
use imajin_testkit::PebblePeer;
use imajin_web::{Listener, PublicBase, TlsMode, serve};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::credentials::registered;
use crate::dns::{Served, on_both_served};
use crate::world::World;

on_both_served![
    ddclient_updates_the_address,
    inadyn_updates_the_address,
    lego_gets_a_wildcard_certificate,
];

/// The registry on a real connection.
struct Listening {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Listening {
    async fn start(world: &World) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let listener = Listener {
            socket,
            router: world.router.clone(),
            public: PublicBase(format!("http://{address}/").parse().unwrap()),
            tls: TlsMode::Off,
            connections_max: 8,
        };
        tasks.spawn(serve(listener, stop.clone()));
        Self { address, stop, tasks }
    }

    async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Runs a program; its output, and whether it was content.
async fn run(command: &mut Command) -> (bool, String) {
    let output = command.kill_on_drop(true).output().await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

async fn ddclient_updates_the_address(world: World, served: &Served) {
    let (_alice, given) = registered(&world, "alice").await;
    let listening = Listening::start(&world).await;
    let folder = tempfile::tempdir().unwrap();
    let (file, cache) = (folder.path().join("ddclient.conf"), folder.path().join("cache"));
    let text = format!(
        "daemon=0\nsyslog=no\nssl=no\nprotocol=dyndns2\nuse=ip, ip=203.0.113.7\nserver={}\nlogin={}\npassword='{}'\n\
         alice.nodes.example\n",
        listening.address,
        given.text("username"),
        given.text("password"),
    );
    write_private(&file, &text);
    let mut command = Command::new("ddclient");
    command.args(["-daemon=0", "-verbose", "-file"]).arg(&file);
    let (is_content, said) = run(command.arg("-cache").arg(&cache)).await;
    assert!(is_content && said.contains("SUCCESS"), "{said}");
    world.registry.dns_drive().await.unwrap();
    assert_eq!(served.says("alice", RecordKind::A).await, "203.0.113.7");
    listening.end().await;
}

async fn inadyn_updates_the_address(world: World, served: &Served) {
    let (_alice, given) = registered(&world, "alice").await;
    let listening = Listening::start(&world).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inadyn.conf");
    let text = format!(
        "allow-ipv6 = true\ncustom registry {{\n  ssl = false\n  username = \"{}\"\n  password = \"{}\"\n  \
         checkip-command = \"/bin/echo 203.0.113.8\"\n  ddns-server = \"{}\"\n  \
         ddns-path = \"/nic/update?hostname=%h&myip=%i\"\n  hostname = \"alice.nodes.example\"\n}}\n",
        given.text("username"),
        given.text("password"),
        listening.address,
    );
    write_private(&file, &text);
    let program = if Path::new("/usr/sbin/inadyn").exists() {
        "/usr/sbin/inadyn"
    } else {
        "inadyn"
    };
    let mut command = Command::new(program);
    command.args(["--once", "--force", "--foreground", "--loglevel=debug", "--no-pidfile"]);
    command.arg("--config").arg(&file).arg("--cache-dir").arg(folder.path());
    let (is_content, said) = run(&mut command).await;
    assert!(is_content, "{said}");
    world.registry.dns_drive().await.unwrap();
    assert_eq!(served.says("alice", RecordKind::A).await, "203.0.113.8", "{said}");
    listening.end().await;
}

/// What lego runs for each text: Debian's has no client for acme-dns in it, so a script does what one does.
const PRESENT: &str = r#"#!/bin/sh
[ "$1" = present ] || exit 0
exec curl -sS --fail-with-body -H "X-Api-User: $ACME_USER" -H "X-Api-Key: $ACME_KEY" \
    -H "Content-Type: application/json" -d "{\"subdomain\": \"$ACME_SUBDOMAIN\", \"txt\": \"$3\"}" "$ACME_URL/update"
"#;

async fn lego_gets_a_wildcard_certificate(world: World, served: &Served) {
    use std::os::unix::fs::PermissionsExt as _;
    let (_alice, given) = registered(&world, "alice").await;
    let listening = Listening::start(&world).await;
    let authority = PebblePeer::start(served.knot.address()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("present");
    write_private(&script, PRESENT);
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = Command::new("lego");
    command
        .env("ACME_USER", given.text("username"))
        .env("ACME_KEY", given.text("password"))
        .env("ACME_SUBDOMAIN", given.text("subdomain"))
        .env("ACME_URL", format!("http://{}/api/acme-dns", listening.address))
        .env("EXEC_PATH", &script)
        .env("EXEC_SEQUENCE_INTERVAL", "1")
        .env("LEGO_CA_CERTIFICATES", authority.certificate())
        .args([
            "--accept-tos",
            "--email",
            "alice@example.org",
            "--dns",
            "exec",
            "--dns.disable-cp",
        ])
        .args(["--server", &authority.directory_url(), "--path"])
        .arg(folder.path())
        .args([
            "--domains",
            "alice.nodes.example",
            "--domains",
            "*.alice.nodes.example",
            "run",
        ]);
    let (is_content, said) = run(&mut command).await;
    assert!(is_content, "{said}\n{}", authority.log());
    let certificate = folder.path().join("certificates/alice.nodes.example.crt");
    assert!(
        std::fs::read_to_string(certificate)
            .unwrap()
            .contains("BEGIN CERTIFICATE")
    );
    listening.end().await;
}
