//! Asking a leader: the price before, the answer as it comes, receipt and sources after.

use std::io::Write as _;

use clap::Args;
use http::{HeaderMap, StatusCode};
use imajin_consent::{ContentRef, DeclarationDraft, IntendedUse};
use imajin_did::{Did, PublicKey};
use imajin_mjn::{Client, Means, Pending, RequestDraft, SettlementInstruction, StreamOutcome};
use imajin_money::{Asset, Money};
use imajin_proof::SignedMessage;
use imajin_proof::digest::sha256_hex;
use imajin_query_api::{AnswerBody, AskBody, QuoteBody, QuoteTerms};
use imajin_web::{HttpAnswer, StreamedResponse};
use serde::Deserialize;

use super::caller::Caller;
use super::client::IdentityClient;
use super::leader::{local, terms_fetch};
use super::visa::VisaArgs;
use super::{CommandError, Output};

/// The most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Ask a leader a question, and pay for the answer.
#[derive(Debug, Args)]
pub(super) struct AskArgs {
    #[command(flatten)]
    caller: Caller,
    /// Whom: a DID, or a handle of the node.
    leader: String,
    /// What you want to know.
    question: String,
    /// The most that you pay, `0.05` or `0.05 TEST-USD`, in the leader's currency: nothing is asked when it costs more.
    #[arg(long, value_name = "AMOUNT")]
    max: String,
    /// The most tokens of the answer; as many as the leader allows, if not said.
    #[arg(long)]
    tokens: Option<u32>,
    #[command(flatten)]
    visa: VisaArgs,
    /// Makes it safe to run the command again after a lost answer.
    #[arg(long, value_name = "TEXT")]
    idempotency_key: Option<String>,
}

/// An amount, with its currency or in the leader's.
fn max_of(text: &str, asset: Asset) -> Result<Money, CommandError> {
    if !text.contains(' ') {
        return Money::parse_decimal(text, asset).map_err(local);
    }
    let max: Money = text.parse().map_err(local)?;
    if max.asset != asset {
        let text = format!("the leader answers for {asset}, and --max is in {}", max.asset);
        return Err(CommandError::Local(text));
    }
    Ok(max)
}

/// What a streamed event says.
#[derive(Deserialize)]
struct TextEvent {
    text: String,
}

impl AskArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.caller.node.signing(&self.caller.key)?;
        let leader = client.node().did_of(&self.leader).await?;
        let (_view, terms) = terms_fetch(client.node(), &leader).await?;
        let max = max_of(&self.max, terms.ceiling.asset)?;
        let key = terms.node.public_key();
        let key = key.ok_or_else(|| local("the terms name a node that is not its key"))?;
        let quote = self.quote(&client, &leader, &key).await?;
        if quote.ceiling.amount > max.amount {
            let text = format!(
                "it costs up to {}, and you pay at most {max}: nothing was asked",
                quote.ceiling
            );
            return Err(CommandError::Local(text));
        }
        output.note(&format!(
            "At most {}; only what the answer has cost is taken.",
            quote.ceiling
        ));
        let means = self.means(&client, &quote).await?;
        let asked = self.ask(&client, (&leader, &terms.node), &key, &quote, &means, output);
        let (answer, streamed) = asked.await.inspect_err(|_error| self.visa.unspent(&means, output))?;
        output.result(&answer, |answer| text(answer, streamed));
        Ok(())
    }

    /// What it costs at most, in the node's own word.
    async fn quote(&self, client: &IdentityClient, leader: &Did, key: &PublicKey) -> Result<QuoteTerms, CommandError> {
        let body = QuoteBody {
            leader: leader.clone(),
            query_sha256: sha256_hex(self.question.as_bytes()),
            max_tokens: self.tokens,
        };
        let quote: SignedMessage<QuoteTerms> = client.send("POST", "/query/api/query/quote", &body, None).await?;
        quote.verify(QuoteTerms::KIND, key).map_err(local)?;
        Ok(quote.payload)
    }

    /// What pays: nothing where it is free, a visa that one has or buys, or the balance at the leader's node.
    async fn means(&self, client: &IdentityClient, quote: &QuoteTerms) -> Result<Means, CommandError> {
        if quote.ceiling.is_zero() {
            return Ok(Means::Free);
        }
        let name = format!("ask/{}", self.key_of(quote));
        let caller = (&self.caller.node, &self.caller.key);
        self.visa.means(caller, client, quote.ceiling, &name).await
    }

    /// What makes the question one question, however often it is asked.
    fn key_of(&self, quote: &QuoteTerms) -> String {
        let own = || quote.quote_id.to_string();
        self.idempotency_key.clone().unwrap_or_else(own)
    }

    /// Asks, prints what comes, and checks that it is what the node has signed.
    async fn ask(
        &self,
        client: &IdentityClient,
        (leader, node): (&Did, &Did),
        key: &PublicKey,
        quote: &QuoteTerms,
        means: &Means,
        output: Output,
    ) -> Result<(AnswerBody, bool), CommandError> {
        let env = client.node().env().clone();
        let whom = ContentRef::Did(leader.clone());
        let mut consent = DeclarationDraft::now(client.did().clone(), whom, IntendedUse::Query, &env);
        consent.scope = Some(quote.query_sha256.clone());
        let consent = consent.sign(client.key()).map_err(local)?;
        let settlement = SettlementInstruction {
            max: quote.ceiling,
            means: means.clone(),
        };
        let body = AskBody {
            leader: Some(leader.clone()),
            query: self.question.clone(),
            // A quote is good once, and its name would make every repetition another question.
            quote_id: self.idempotency_key.is_none().then_some(quote.quote_id),
            max_tokens: self.idempotency_key.as_ref().and(self.tokens),
        };
        let body = serde_json::to_vec(&body).map_err(local)?;
        let url = client.node().url("/query/api/query")?;
        let own = self.key_of(quote);
        let draft = RequestDraft {
            method: "POST",
            target_uri: url.as_str(),
            idempotency_key: Some(&own),
            consent: &consent,
            settlement: &settlement,
            body: &body,
        };
        let asker = Client::new(client.did().clone(), client.key().clone(), env);
        let mut prepared = asker.prepare(node, &draft).map_err(local)?;
        let accept = http::HeaderValue::from_static("text/event-stream");
        prepared.request.headers_mut().insert(http::header::ACCEPT, accept);
        let response = client.node().stream(prepared.request, ANSWER_BYTES_MAX).await?;
        read(&asker, &prepared.pending, key, response, output).await
    }
}

async fn whole(response: &mut StreamedResponse) -> Result<Vec<u8>, CommandError> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// The refusal that an answer carries.
pub(super) fn refusal(status: StatusCode, headers: HeaderMap, body: Vec<u8>) -> CommandError {
    let answer = HttpAnswer {
        status,
        headers,
        body: body.into(),
    };
    let refused = answer.success().err();
    refused.map_or_else(|| local(format!("the node answers {status}")), CommandError::Problem)
}

/// Reads an answer to its end. Tells whether its text was printed already.
async fn read(
    asker: &Client,
    pending: &Pending,
    key: &PublicKey,
    mut response: StreamedResponse,
    output: Output,
) -> Result<(AnswerBody, bool), CommandError> {
    let keys = [*key];
    let (status, headers) = (response.status.as_u16(), response.headers.clone());
    if status != 200 {
        let body = whole(&mut response).await?;
        asker.answer(pending, &keys, status, &headers, &body).map_err(local)?;
        return Err(refusal(response.status, headers, body));
    }
    let mut reader = asker.stream(pending, &keys, status, &headers).map_err(local)?.reader();
    let mut shown = Shown {
        rest: Vec::new(),
        answer: None,
        problem: None,
        prints: !output.is_json(),
    };
    while let Some(piece) = response.chunk().await? {
        let data = reader.push(&piece).map_err(local)?;
        shown.push(&data);
    }
    let verified = reader.finish(&keys).map_err(local)?;
    if let (StreamOutcome::Failed, Some(problem)) = (verified.end.outcome, shown.problem) {
        return Err(CommandError::Problem(problem));
    }
    let answer = shown.answer.ok_or_else(|| local("the node has sent no answer"))?;
    Ok((answer, shown.prints))
}

/// The events of a stream as they come.
struct Shown {
    rest: Vec<u8>,
    answer: Option<AnswerBody>,
    problem: Option<imajin_kernel::Problem>,
    prints: bool,
}

impl Shown {
    fn push(&mut self, data: &[u8]) {
        self.rest.extend_from_slice(data);
        while let Some(end) = self.rest.windows(2).position(|pair| pair == b"\n\n") {
            let rest = self.rest.split_off(end.saturating_add(2));
            let event = std::mem::replace(&mut self.rest, rest);
            let event = String::from_utf8_lossy(&event).into_owned();
            let event = event.trim_end().strip_prefix("event: ");
            let Some((name, data)) = event.and_then(|event| event.split_once("\ndata: ")) else {
                continue;
            };
            match name {
                "text" => self.text(data),
                "answer" => self.answer = serde_json::from_str(data).ok(),
                "problem" => self.problem = serde_json::from_str(data).ok(),
                _ => {}
            }
        }
    }

    fn text(&self, data: &str) {
        if let (true, Ok(event)) = (self.prints, serde_json::from_str::<TextEvent>(data)) {
            let mut out = std::io::stdout();
            let _closed_pipe = out.write_all(event.text.as_bytes()).and_then(|()| out.flush());
        }
    }
}

fn text(answer: &AnswerBody, is_printed: bool) -> String {
    let mut lines = vec![if is_printed { String::new() } else { answer.text.clone() }];
    for passage in &answer.passages {
        lines.push(format!(
            "[{}] {} ({}, bytes {} to {})",
            passage.number, passage.title, passage.fair, passage.source.start, passage.source.end
        ));
    }
    let model = answer
        .engine
        .model
        .as_ref()
        .map(|model| format!(" with {model}"))
        .unwrap_or_default();
    lines.push(format!(
        "Answered by {}{model}; manifest {}.",
        answer.engine.engine, answer.fair.id
    ));
    lines.push(match (&answer.fee, &answer.receipt) {
        (Some(fee), Some(receipt)) => format!("It has cost {fee}: receipt {}.", receipt.payload.id),
        _ => "It has cost nothing.".to_owned(),
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::max_of;

    #[test]
    fn the_most_is_in_the_leaders_currency_said_or_not() {
        let asset = "TEST-USD".parse().expect("an asset");
        for text in ["0.05", "0.05 TEST-USD"] {
            assert_eq!(max_of(text, asset).expect("an amount").to_string(), "0.05 TEST-USD");
        }
        for text in ["0.05 USD", "0.05 money", "-1", "", " "] {
            assert!(max_of(text, asset).is_err(), "{text:?}");
        }
    }
}
