//! The command line. One file per command; every command has `--json` and `--help`, says what it did in one line, and
//! ends with an exit code that is not 0 when it did not.

mod agent;
mod ask;
mod attestation;
mod balance;
mod broker;
mod broker_dispute;
mod caller;
mod client;
mod config;
mod consent;
mod content;
mod contract;
mod database;
mod directory;
mod docs;
mod event;
mod exchange;
mod fair;
mod fees;
mod gate;
mod gate_policy;
mod gate_records;
mod grant;
mod handle;
mod key;
mod key_change;
mod key_devices;
mod key_file;
mod key_log;
mod key_mirror;
mod leader;
mod limits;
mod login;
mod master_key;
mod moving;
mod node;
mod node_key;
mod node_registry;
mod notice;
mod oidc;
mod output;
mod payout;
mod payout_address;
mod peers;
mod profile;
mod rail;
mod receipt;
mod reconcile;
mod refund;
mod registry;
mod registry_directory;
mod session;
mod share;
mod signers;
mod spend;
mod statement;
mod ticket;
mod trust;
mod up;
mod verify;
mod visa;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use imajin_kernel::Problem;
use url::Url;

use output::Output;

use crate::data_dir::{DataDir, DataDirError};

/// A federated node of your own: identity, tickets, money that splits itself.
#[derive(Debug, Parser)]
#[command(name = "imajin", version, about, max_term_width = 110)]
pub struct Cli {
    /// Print the result as one JSON document instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the node. The first start makes its data directory, key and DID, and prints what to open.
    Up(up::UpArgs),
    /// Stand in front of a site: agents identify themselves and pay as its policy says.
    Gate(Box<gate::GateArgs>),
    /// Read the web as an agent that says who it is, and pays within its budget.
    #[command(subcommand)]
    Agent(agent::AgentCommand),
    /// Show the configuration in force and where each value came from.
    Config(config::ConfigArgs),
    /// Make, show, replace and recover keys: an identity of your own.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Log in at a node with a key file; registers the identity there if it is new.
    Login(login::LoginArgs),
    /// Say something about somebody, signed; list, check and take back what was said.
    #[command(subcommand)]
    Attestation(attestation::AttestationCommand),
    /// Make, publish and list events.
    #[command(subcommand)]
    Event(event::EventCommand),
    /// Buy, show and check tickets.
    #[command(subcommand)]
    Ticket(ticket::TicketCommand),
    /// Who you are connected with and vouch for, and what follows.
    #[command(subcommand)]
    Trust(trust::TrustCommand),
    /// Ask a leader a question, and pay for the answer.
    Ask(ask::AskArgs),
    /// Say under which terms your own questions are answered.
    #[command(subcommand)]
    Leader(leader::LeaderCommand),
    /// Who may do what with yours: standing grants, and what was made of them.
    #[command(subcommand)]
    Consent(consent::ConsentCommand),
    /// The documents that your questions are answered from.
    #[command(subcommand)]
    Docs(docs::DocsCommand),
    /// Show, write and search profiles; export all of your data.
    #[command(subcommand)]
    Profile(profile::ProfileCommand),
    /// Show a receipt.
    #[command(subcommand)]
    Receipt(receipt::ReceiptCommand),
    /// Send a payment back, whole or in part, as its seller or as the operator of the node.
    Refund(refund::RefundArgs),
    /// Show your balances at a node.
    Balance(balance::BalanceArgs),
    /// Put money into your balance.
    Topup(spend::TopupArgs),
    /// Give somebody money from your balance.
    Tip(spend::TipArgs),
    /// Publish and read works, for money or for free.
    #[command(subcommand)]
    Content(content::ContentCommand),
    /// Show what happened on your accounts, or save it for a spreadsheet or an accountant.
    Statement(statement::StatementArgs),
    /// Shares that wait until you accept a manifest.
    #[command(subcommand)]
    Share(share::ShareCommand),
    /// Say what becomes of what is paid to you: a signed contract, version by version.
    #[command(subcommand)]
    Contract(contract::ContractCommand),
    /// Be paid what is yours: where it goes, send it there, see what was sent.
    #[command(subcommand)]
    Payout(payout::PayoutCommand),
    /// A broker: its accounts, visas and redemptions, and money for agents.
    #[command(subcommand)]
    Broker(broker::BrokerCommand),
    /// Other nodes: allow and block them; money between nodes.
    #[command(subcommand)]
    Peers(peers::PeersCommand),
    /// Move to another node with what is yours.
    #[command(subcommand)]
    Move(moving::MoveCommand),
    /// The ways to pay at a node.
    #[command(subcommand)]
    Rail(rail::RailCommand),
    /// Compare the rails of a node with its ledger, as its operator, and name every difference.
    Reconcile(reconcile::ReconcileArgs),
    /// Say who made a work and what each is due: in the work itself, signed by its author.
    #[command(subcommand)]
    Fair(fair::FairCommand),
    /// Show a node's fees; announce others, as its operator.
    #[command(subcommand)]
    Fees(fees::FeesCommand),
    /// What accounts may do at most, as the operator.
    #[command(subcommand)]
    Limits(limits::LimitsCommand),
    /// Prepare a node, register it with a registry, see how it stands there.
    #[command(subcommand)]
    Node(node::NodeCommand),
    /// The signed directories of registries, and the copies that nodes keep of them.
    #[command(subcommand)]
    Directory(directory::DirectoryCommand),
    /// The registry of a node: revocations, builds, release keys, names in DNS; for its operator.
    #[command(subcommand)]
    Registry(registry::RegistryCommand),
    /// Sign-in at other applications through the node (OpenID Connect).
    #[command(subcommand)]
    Oidc(oidc::OidcCommand),
    /// Where you are signed in; end it.
    #[command(subcommand)]
    Session(session::SessionCommand),
    /// Be told by mail what happens to your money, or not; as the operator: what was not sent.
    #[command(subcommand)]
    Notice(notice::NoticeCommand),
    /// The applications that you signed in to through a node; take it back.
    #[command(subcommand)]
    Grant(grant::GrantCommand),
    /// Recompute every log, signature, balance and hash chain of a node, and name what does not fit.
    Verify(verify::VerifyArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Which node to talk to.
#[derive(Debug, Clone, Args)]
struct NodeArg {
    /// The node's URL.
    #[arg(long, env = "IMAJIN_NODE", default_value = "http://127.0.0.1:7000")]
    node: Url,
    /// A certificate (PEM) to trust besides the usual ones: `tls.crt` of a node that made its own.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Whose key signs.
#[derive(Debug, Clone, Args)]
struct KeyArg {
    /// Your key file, from `imajin key new`.
    #[arg(long, env = "IMAJIN_KEY", value_name = "FILE")]
    key: PathBuf,
}

/// Which data directory.
#[derive(Debug, Clone, Args)]
struct DataArg {
    /// The node's data directory.
    #[arg(long, env = "IMAJIN_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
}

impl DataArg {
    fn path(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(DataDir::default_path)
    }
}

/// Why a command failed: one line for the person.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    /// A node or registry refused.
    #[error("{}{}", .0.detail, .0.hint.as_ref().map(|hint| format!(" {hint}")).unwrap_or_default())]
    Problem(Problem),
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// The node does not start.
    #[error(transparent)]
    Start(#[from] crate::run::StartError),
    /// The check could not be made.
    #[error(transparent)]
    Verify(#[from] crate::verify::VerifyError),
    /// Something on this machine.
    #[error("{0}")]
    Local(String),
    /// The command did its work and the answer is no; it has been printed already.
    #[error("")]
    Negative,
    /// The same, where there is more than one answer; it has been printed already.
    #[error("")]
    Exit(u8),
}

impl From<Problem> for CommandError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Cli {
    /// Runs the command to its end.
    pub fn run(self) -> ExitCode {
        let output = Output::new(self.json);
        if let Command::Completions { shell } = self.command {
            clap_complete::generate(shell, &mut Self::command(), "imajin", &mut std::io::stdout());
            return ExitCode::SUCCESS;
        }
        // The process's TLS provider must be chosen before anything speaks TLS; a second choice is ignored.
        let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let result = match runtime {
            Ok(runtime) => runtime.block_on(self.command.run(output)),
            Err(error) => Err(CommandError::Local(format!(
                "the program cannot start its threads: {error}"
            ))),
        };
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(CommandError::Negative) => ExitCode::FAILURE,
            Err(CommandError::Exit(code)) => ExitCode::from(code),
            Err(error) => {
                output.error(&error);
                ExitCode::FAILURE
            }
        }
    }
}

impl Command {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Up(args) => Box::pin(args.run(output)).await,
            Self::Gate(args) => Box::pin(args.run(output)).await,
            Self::Agent(command) => Box::pin(command.run(output)).await,
            Self::Config(args) => args.run(output),
            Self::Key(command) => command.run(output).await,
            Self::Login(args) => args.run(output).await,
            Self::Attestation(command) => command.run(output).await,
            Self::Event(command) => command.run(output).await,
            Self::Ticket(command) => command.run(output).await,
            Self::Trust(command) => command.run(output).await,
            Self::Ask(args) => Box::pin(args.run(output)).await,
            Self::Leader(command) => command.run(output).await,
            Self::Consent(command) => command.run(output).await,
            Self::Docs(command) => command.run(output).await,
            Self::Profile(command) => command.run(output).await,
            Self::Receipt(command) => command.run(output).await,
            Self::Refund(args) => args.run(output).await,
            Self::Balance(args) => args.run(output).await,
            Self::Topup(args) => args.run(output).await,
            Self::Tip(args) => args.run(output).await,
            Self::Content(command) => command.run(output).await,
            Self::Statement(args) => args.run(output).await,
            Self::Share(command) => command.run(output).await,
            Self::Contract(command) => command.run(output).await,
            Self::Fair(command) => command.run(output).await,
            Self::Fees(command) => command.run(output).await,
            Self::Limits(command) => command.run(output).await,
            Self::Payout(command) => command.run(output).await,
            Self::Broker(command) => command.run(output).await,
            Self::Peers(command) => command.run(output).await,
            Self::Move(command) => Box::pin(command.run(output)).await,
            Self::Rail(command) => command.run(output).await,
            Self::Reconcile(args) => args.run(output).await,
            Self::Node(command) => command.run(output).await,
            Self::Directory(command) => command.run(output).await,
            Self::Registry(command) => Box::pin(command.run(output)).await,
            Self::Oidc(command) => command.run(output).await,
            Self::Session(command) => command.run(output).await,
            Self::Notice(command) => command.run(output).await,
            Self::Grant(command) => command.run(output).await,
            Self::Verify(args) => args.run(output).await,
            Self::Completions { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
