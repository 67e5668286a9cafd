//! A mail server of our own, which hears what the node sends.

use imajin_auth::MailConfig;
use imajin_auth_api::{AuthApi, DevelopmentMailList, MailboxProofSend};
use imajin_kernel::{Code, Span};
use imajin_testkit::{Backend, on_both};
use imajin_web::Addressee;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::notices::notice;
use crate::oidc::{operator, signed};
use crate::world::World;

/// Takes one message (RFC 5321) and gives it back.
async fn message_take(listener: &TcpListener) -> String {
    message_answer(listener, "250 taken").await
}

/// The same, with an answer of its own.
async fn message_answer(listener: &TcpListener, answer: &str) -> String {
    let (stream, _peer) = listener.accept().await.unwrap();
    let mut stream = BufReader::new(stream);
    say(&mut stream, "220 mail.test").await;
    let mut message = String::new();
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await.unwrap() == 0 {
            return message;
        }
        let verb = line.trim().split(' ').next().unwrap().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => say(&mut stream, "250 mail.test").await,
            "DATA" => {
                say(&mut stream, "354 go on").await;
                while line != ".\r\n" {
                    line.clear();
                    stream.read_line(&mut line).await.unwrap();
                    message.push_str(&line);
                }
                say(&mut stream, answer).await;
                return message;
            }
            _ => say(&mut stream, "250 ok").await,
        }
    }
}

async fn say(stream: &mut BufReader<TcpStream>, text: &str) {
    stream
        .get_mut()
        .write_all(format!("{text}\r\n").as_bytes())
        .await
        .unwrap();
}

/// The token of the link in a message.
fn token_of(message: &str) -> String {
    let message = message.replace("=\r\n", "").replace("=3D", "=");
    let (_, token) = message.split_once("/auth/onboard?token=").unwrap();
    token.get(..64).unwrap().to_owned()
}

fn config(port: u16) -> MailConfig {
    MailConfig {
        smtp_url: format!("smtp://127.0.0.1:{port}"),
        from: "Our node <node@example.org>".to_owned(),
    }
}

#[tokio::test]
async fn with_a_mail_server_the_link_goes_out_and_stays_out_of_the_database() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let world = World::with_mail(Backend::Sqlite, Some(config(listener.local_addr().unwrap().port()))).await;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    world.auth.background(&tasks, &stop);
    let request = MailboxProofSend {
        email: "ada@example.org".to_owned(),
        next: None,
    };
    let sent = world.auth.mailbox_proof_send(request).await.unwrap();
    assert!(!sent.development_mailbox);
    let message = message_take(&listener).await;
    assert!(message.contains("To: ada@example.org"), "{message}");
    assert!(message.contains("node@example.org"), "{message}");
    let token = token_of(&message);
    assert!(
        world
            .auth
            .development_mail_list(DevelopmentMailList {})
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        world.dump_contains(std::slice::from_ref(&token)).await,
        Vec::<String>::new()
    );
    let own = [("origin", crate::world::ORIGIN)];
    let used = world.post_form("/auth/onboard", &own, &format!("token={token}")).await;
    assert_eq!(used.status.as_u16(), 303, "{used:?}");
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

#[tokio::test]
async fn when_the_queue_to_the_mail_server_is_full_nothing_is_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let world = World::with_mail(Backend::Sqlite, Some(config(listener.local_addr().unwrap().port()))).await;
    let send = async |email: String| {
        world
            .auth
            .mailbox_proof_send(MailboxProofSend { email, next: None })
            .await
    };
    for nth in 0..256 {
        send(format!("a{nth}@example.org")).await.unwrap();
    }
    assert_eq!(
        send("b@example.org".to_owned()).await.unwrap_err().code,
        Code::Unavailable
    );
}

#[tokio::test]
async fn a_configuration_that_cannot_be_understood_is_refused_without_its_password() {
    let configs = [
        MailConfig {
            smtp_url: "hunter2".to_owned(),
            from: "node@example.org".to_owned(),
        },
        MailConfig {
            smtp_url: "smtp://a:hunter2@127.0.0.1".to_owned(),
            from: "nobody".to_owned(),
        },
    ];
    for config in configs {
        assert!(!format!("{config:?}").contains("hunter2"));
        let refused = World::start_refused(config).await;
        assert_eq!(refused.code, Code::InvalidRequest);
        assert!(!format!("{refused:?}").contains("hunter2"));
    }
}

on_both!(
    a_notice_is_tried_again_under_the_same_message_id_until_the_mail_server_has_it,
    a_notice_that_is_refused_waits_for_the_operator,
);

/// A node with a mail server, and its operator's mailbox. Nothing runs beside the test.
async fn with_operator(backend: Backend, listener: &TcpListener) -> (World, imajin_did::SecretKey) {
    let world = World::with_mail(backend, Some(config(listener.local_addr().unwrap().port()))).await;
    let operator = operator(&world).await;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    world.auth.background(&tasks, &stop);
    let send = MailboxProofSend {
        email: "op@example.org".to_owned(),
        next: None,
    };
    world.auth.mailbox_proof_send(send).await.unwrap();
    let token = token_of(&message_take(listener).await);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    let claimed = signed(&world, &operator, "POST", "/auth/api/claim", &json!({"token": token})).await;
    assert_eq!(claimed.status, 200, "{claimed:?}");
    (world, operator)
}

fn message_id(message: &str) -> &str {
    let (_, rest) = message.split_once("Message-ID: ").unwrap();
    rest.split("\r\n").next().unwrap()
}

async fn unsent(world: &World, operator: &imajin_did::SecretKey) -> Value {
    let bearer = format!("Bearer {}", world.login(operator).await);
    let list = world.get("/auth/api/notices", &[("authorization", &bearer)]).await;
    list.json()["notices"].clone()
}

async fn a_notice_is_tried_again_under_the_same_message_id_until_the_mail_server_has_it(backend: Backend) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (world, operator) = with_operator(backend, &listener).await;
    world
        .auth
        .notice_send(notice("pay/1", Addressee::Operator))
        .await
        .unwrap();
    let (tried, first) = tokio::join!(world.auth.notices_drive(), message_answer(&listener, "451 later"));
    assert_eq!(tried.unwrap(), 1);
    assert!(first.contains("To: op@example.org"), "{first}");
    assert_eq!(world.auth.notices_drive().await.unwrap(), 0, "not yet");
    let waiting = unsent(&world, &operator).await;
    assert_eq!(waiting[0]["state"], "waiting", "{waiting:#}");
    world.clock.advance(Span::minutes(1));
    let (_, second) = tokio::join!(world.auth.notices_drive(), message_take(&listener));
    assert_eq!(
        message_id(&first),
        message_id(&second),
        "a mailbox that gets it twice can tell"
    );
    world.clock.advance(Span::days(1));
    assert_eq!(world.auth.notices_drive().await.unwrap(), 0, "it was sent");
    assert_eq!(unsent(&world, &operator).await, json!([]));
    let texts = ["5.00 TEST-USD".to_owned()];
    assert_eq!(
        world.dump_contains(&texts).await,
        Vec::<String>::new(),
        "what was sent is not kept"
    );
    assert_eq!(world.audit().await, []);
}

async fn a_notice_that_is_refused_waits_for_the_operator(backend: Backend) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (world, operator) = with_operator(backend, &listener).await;
    world
        .auth
        .notice_send(notice("pay/1", Addressee::Operator))
        .await
        .unwrap();
    let (_, _refused) = tokio::join!(
        world.auth.notices_drive(),
        message_answer(&listener, "550 op@example.org is unknown here")
    );
    world.clock.advance(Span::days(1));
    assert_eq!(world.auth.notices_drive().await.unwrap(), 0);
    let failed = unsent(&world, &operator).await;
    assert_eq!(
        (&failed[0]["state"], &failed[0]["problem"], &failed[0]["nextAt"]),
        (
            &json!("failed"),
            &json!("The mail server refused it (550)."),
            &json!(null)
        ),
        "the server's own text is about a person: {failed:#}"
    );
    let cookie = format!("__Host-imajin_session={}", world.login(&operator).await);
    let page = world.get("/auth/notices", &[("cookie", &cookie)]).await;
    assert!(page.text.contains("Given up"), "{}", page.text);
    let retry = format!("/auth/api/notices/{}/retry", failed[0]["id"].as_str().unwrap());
    assert_eq!(signed(&world, &operator, "POST", &retry, &json!({})).await.status, 200);
    let (_, again) = tokio::join!(world.auth.notices_drive(), message_take(&listener));
    assert!(again.contains("To: op@example.org"), "{again}");
    assert_eq!(unsent(&world, &operator).await, json!([]));
    assert_eq!(signed(&world, &operator, "POST", &retry, &json!({})).await.status, 404);
    // Nobody there at all: it is tried for a day, and given up.
    drop(listener);
    world
        .auth
        .notice_send(notice("pay/2", Addressee::Operator))
        .await
        .unwrap();
    for _ in 0..15 {
        assert_eq!(world.auth.notices_drive().await.unwrap(), 1);
        world.clock.advance(Span::hours(4));
    }
    assert_eq!(world.auth.notices_drive().await.unwrap(), 0);
    assert_eq!(unsent(&world, &operator).await[0]["state"], "failed");
    world.clock.advance(Span::days(31));
    world.auth.purge_expired().await.unwrap();
    assert_eq!(world.row_count("notices").await, 0);
    assert_eq!(world.audit().await, []);
}
