use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{CommandError, KeyArg, NodeArg, Output};

/// Sign-in at other applications through the node (OpenID Connect).
#[derive(Debug, Subcommand)]
pub(super) enum OidcCommand {
    /// The applications that may ask the node who somebody is. For the operator.
    #[command(subcommand)]
    Client(ClientCommand),
    /// Replace the keys that sign ID tokens; the old ones stay published while their tokens live. For the operator.
    RotateKeys {
        #[command(flatten)]
        node: NodeArg,
        #[command(flatten)]
        key: KeyArg,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ClientCommand {
    /// Register an application. Its secret is shown this once.
    Add(AddArgs),
    /// List the applications.
    List {
        #[command(flatten)]
        node: NodeArg,
        #[command(flatten)]
        key: KeyArg,
    },
    /// Remove an application; its tokens end at once.
    Remove {
        #[command(flatten)]
        node: NodeArg,
        #[command(flatten)]
        key: KeyArg,
        /// The client, `oic_…`.
        id: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// What people read when they are asked.
    #[arg(long)]
    name: String,
    /// Where answers may be sent, letter by letter; may be repeated.
    #[arg(long = "redirect-uri", required = true, value_name = "URI")]
    redirect_uris: Vec<String>,
    /// Where people may be sent after logging out; may be repeated.
    #[arg(long = "logout-uri", value_name = "URI")]
    logout_uris: Vec<String>,
    /// How the application proves itself; `none` for one that can keep no secret.
    #[arg(long, default_value = "client_secret_basic", value_parser = AUTH_METHODS)]
    auth_method: String,
    /// How its ID tokens are signed.
    #[arg(long, default_value = "RS256", value_parser = ["RS256", "ES256", "EdDSA"])]
    algorithm: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Registered {
    client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    client_name: String,
    redirect_uris: Vec<String>,
    post_logout_redirect_uris: Vec<String>,
    token_endpoint_auth_method: String,
    id_token_signed_response_alg: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Clients {
    clients: Vec<Registered>,
}

const AUTH_METHODS: [&str; 3] = ["client_secret_basic", "client_secret_post", "none"];
const CLIENTS: &str = "/auth/api/oidc/clients";

impl OidcCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Client(ClientCommand::Add(args)) => add(args, output).await,
            Self::Client(ClientCommand::List { node, key }) => {
                let client = node.signing(&key)?;
                let session = client.login().await?;
                let list: Clients = client.get_own(&session, CLIENTS).await?;
                output.result(&list, list_text);
                Ok(())
            }
            Self::Client(ClientCommand::Remove { node, key, id }) => {
                let path = format!("{CLIENTS}/{}", path_segment(&id)?);
                let removed: Value = node.signing(&key)?.send("DELETE", &path, &Value::Null, None).await?;
                output.result(&removed, |_removed| format!("Removed {id}; its tokens have ended."));
                Ok(())
            }
            Self::RotateKeys { node, key } => {
                let path = "/auth/api/oidc/keys/rotate";
                let rotated: Value = node.signing(&key)?.send("POST", path, &Value::Null, None).await?;
                output.result(&rotated, |rotated| {
                    format!("Replaced {} keys; they sign in ten minutes.", rotated["rotated"])
                });
                Ok(())
            }
        }
    }
}

async fn add(args: AddArgs, output: Output) -> Result<(), CommandError> {
    let body = json!({
        "client_name": args.name, "redirect_uris": args.redirect_uris,
        "post_logout_redirect_uris": args.logout_uris,
        "token_endpoint_auth_method": args.auth_method, "id_token_signed_response_alg": args.algorithm,
    });
    let client: Registered = args.node.signing(&args.key)?.send("POST", CLIENTS, &body, None).await?;
    output.result(&client, |client| {
        let secret = client.client_secret.as_ref().map_or_else(
            || "It has no secret.".to_owned(),
            |secret| format!("secret {secret}\nThe secret is not shown again."),
        );
        format!("client {}\n{secret}", client.client_id)
    });
    Ok(())
}

/// An id has letters, digits and an underscore; nothing else belongs into the path.
fn path_segment(id: &str) -> Result<&str, CommandError> {
    if id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
        return Ok(id);
    }
    Err(CommandError::Local(format!("{id:?} is no client: it looks like oic_…")))
}

fn list_text(list: &Clients) -> String {
    if list.clients.is_empty() {
        return "No application is registered: `imajin oidc client add`.".to_owned();
    }
    let lines = list.clients.iter().map(|client| {
        format!(
            "{}  {}  {}  {}",
            client.client_id,
            client.client_name,
            client.id_token_signed_response_alg,
            client.redirect_uris.join(" ")
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}
