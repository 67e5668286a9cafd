//! A mail server of our own, which hears what the node sends.

use imajin_auth::MailConfig;
use imajin_auth_api::{AuthApi, DevelopmentMailList, MailboxProofSend};
use imajin_kernel::Code;
use imajin_testkit::Backend;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::world::World;

/// Takes one message (RFC 5321) and gives it back.
async fn message_take(listener: TcpListener) -> String {
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
                say(&mut stream, "250 taken").await;
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
    let message = message_take(listener).await.replace("=\r\n", "").replace("=3D", "=");
    assert!(message.contains("To: ada@example.org"), "{message}");
    assert!(message.contains("node@example.org"), "{message}");
    let token = message
        .split_once("/auth/onboard?token=")
        .unwrap()
        .1
        .get(..64)
        .unwrap()
        .to_owned();
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
