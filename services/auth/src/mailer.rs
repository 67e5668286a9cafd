//! Messages on their way to a mail server.
//!
//! A login link waits in memory, not in a table: of such a link only the hash is stored. If the node stops before it
//! was sent, the person asks for another one. Notices wait in a table (`notices`), and go the same way.

use std::time::Duration;

use imajin_kernel::{Code, Problem};
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::AuthError;

/// How the node sends mail.
#[derive(Clone)]
pub struct MailConfig {
    /// `smtps://user:password@mail.example.org`, or `smtp://…?tls=required`. Secret: it holds a password.
    pub smtp_url: String,
    /// The sender, for example `Our node <node@example.org>`.
    pub from: String,
}

impl std::fmt::Debug for MailConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailConfig")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

/// A message to a person.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) body: String,
    /// The same for the same message: what is sent twice can be told from two messages.
    pub(crate) message_id: Option<String>,
}

/// So many messages may wait for the mail server.
const QUEUE_LENGTH: usize = 256;
/// How often a message is tried.
const ATTEMPTS_MAX: u32 = 4;
/// How long to wait after the first failure; twice as long after each further one.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// How long the mail server may take for one message.
const TIMEOUT: Duration = Duration::from_secs(30);

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// The sending half: where the domain puts a message.
#[derive(Debug, Clone)]
pub(crate) struct Outbound {
    links: mpsc::Sender<Mail>,
    /// For those who keep their messages, and try again, themselves.
    pub(crate) carrier: Carrier,
}

impl Outbound {
    /// A place in the queue, taken before the database is changed.
    pub(crate) fn reserve(&self) -> Result<mpsc::OwnedPermit<Mail>, AuthError> {
        self.links.clone().try_reserve_owned().or(Err(AuthError::MailQueueFull))
    }
}

/// The receiving half: talks to the mail server.
pub(crate) struct Postman {
    queue: mpsc::Receiver<Mail>,
    carrier: Carrier,
}

/// Hands messages to the mail server.
#[derive(Debug, Clone)]
pub(crate) struct Carrier {
    transport: Transport,
    from: Mailbox,
}

/// What the mail server makes of a message. Neither the recipient nor the server's text is in it: both are personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Posted {
    /// It has it.
    Taken,
    /// It will never take it, because of this.
    Refused(String),
    /// It does not take it now.
    Away(String),
}

/// Prepares the way to a mail server; no connection is made yet.
///
/// # Errors
/// [`Code::InvalidRequest`] when the configuration cannot be understood.
pub(crate) fn mail_route(config: &MailConfig) -> Result<(Outbound, Postman), Problem> {
    // The cause is left out: it may repeat the URL, and with it the password.
    let transport = Transport::from_url(&config.smtp_url)
        .or(Err(Problem::new(
            Code::InvalidRequest,
            "The URL of the mail server cannot be understood.",
        )
        .hint("Write it like smtps://user:password@mail.example.org.")))?
        .timeout(Some(TIMEOUT))
        .build();
    let from: Mailbox = config.from.parse().or(Err(Problem::new(
        Code::InvalidRequest,
        "The sender of the node's mail cannot be understood.",
    )
    .hint("Write it like Our node <node@example.org>.")))?;
    let (links, queue) = mpsc::channel(QUEUE_LENGTH);
    let carrier = Carrier { transport, from };
    let postman = Postman {
        queue,
        carrier: carrier.clone(),
    };
    Ok((Outbound { links, carrier }, postman))
}

impl Postman {
    /// Sends until the node stops.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            let mail = tokio::select! {
                () = stop.cancelled() => return,
                mail = self.queue.recv() => mail,
            };
            let Some(mail) = mail else { return };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.deliver(&mail) => {}
            }
        }
    }

    async fn deliver(&self, mail: &Mail) {
        let mut pause = RETRY_AFTER;
        for attempt in 1..=ATTEMPTS_MAX {
            match self.carrier.send(mail).await {
                Posted::Taken => return,
                Posted::Refused(problem) => {
                    tracing::warn!(problem, "the mail server refused a message");
                    return;
                }
                Posted::Away(problem) => tracing::warn!(attempt, problem, "a message was not sent"),
            }
            if attempt < ATTEMPTS_MAX {
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(2);
            }
        }
        tracing::error!("a message was given up: the mail server could not be reached");
    }
}

impl Carrier {
    /// Hands one message over, once.
    pub(crate) async fn send(&self, mail: &Mail) -> Posted {
        let Some(message) = self.message(mail) else {
            return Posted::Refused("The mailbox is no address for a mail server.".to_owned());
        };
        match self.transport.send(message).await {
            Ok(_accepted) => Posted::Taken,
            Err(error) => {
                let code = error.status().map_or(String::new(), |status| format!(" ({status})"));
                if error.is_permanent() {
                    Posted::Refused(format!("The mail server refused it{code}."))
                } else {
                    Posted::Away(format!("The mail server did not take it{code}."))
                }
            }
        }
    }

    fn message(&self, mail: &Mail) -> Option<Message> {
        let to: Mailbox = mail.to.parse().ok()?;
        let builder = Message::builder().from(self.from.clone()).to(to).subject(&mail.subject);
        let builder = match &mail.message_id {
            Some(id) => builder.message_id(Some(id.clone())),
            None => builder,
        };
        builder.header(ContentType::TEXT_PLAIN).body(mail.body.clone()).ok()
    }
}
