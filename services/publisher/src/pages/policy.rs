//! What a gate's policy says about a sample request, as it is in force or as it could be. Nothing is spent, charged or
//! written down by looking; what was checked is put in force by a request that the operator's browser signs.

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::HeaderMap;
use axum::response::Response;
use imajin_gate::Gate;
use imajin_imagxp::policy::{Decision, Due, Policy, Visitor};
use imajin_imagxp::{Binding, Purpose, Refusal};
use imajin_kernel::Problem;
use imajin_proof::digest::sha256_hex;
use imajin_publisher_api::GatePolicyChange;
use imajin_ui::{Act, AskField, AskForm, AskKind, Block, Cell, render};
use imajin_web::{Failure, QueryParams, Viewer, same_origin_require};
use serde::Deserialize;

use super::{Head, ROOT, no_gate, page, site_of, table};
use crate::Publisher;
use crate::gate::{GateShown, policy_read};
use crate::routes::PublisherState;

const AGENT: &str = "agent";
const BROWSER: &str = "browser";
const PROGRAM: &str = "program";
const BEARER: &str = "bearer";
const PATH_BYTES_MAX: usize = 4 * 1024;

/// A request that nobody makes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sample {
    gate: Option<String>,
    /// The path and query.
    #[serde(default)]
    path: String,
    /// Who asks: `agent`, `browser` or `program`.
    #[serde(default)]
    who: String,
    /// What for, in the word of the protocol.
    #[serde(default)]
    purpose: String,
    /// `yes`, `bearer` or `no`.
    #[serde(default)]
    paid: String,
    /// Another policy than the one in force.
    text: Option<String>,
}

impl Sample {
    fn path(&self) -> Result<&str, Problem> {
        match self.path.trim() {
            "" => Ok("/"),
            path if path.starts_with('/') && path.len() <= PATH_BYTES_MAX => Ok(path),
            _ => Err(Problem::invalid("The path begins with /, as in /posts/1?page=2.")),
        }
    }

    fn purpose(&self) -> Result<Purpose, Problem> {
        let wanted = self.purpose.as_str();
        match Purpose::ALL.into_iter().find(|purpose| purpose.as_str() == wanted) {
            Some(purpose) => Ok(purpose),
            None if wanted.is_empty() => Ok(Purpose::RagRetrieval),
            None => Err(Problem::invalid("There is no such purpose.")),
        }
    }

    fn visitor(&self) -> Result<Visitor, Problem> {
        match self.who.as_str() {
            "" | AGENT => Ok(Visitor::Agent {
                purpose: self.purpose()?,
                binding: Binding::Url,
                is_ad_proven: false,
            }),
            BROWSER => Ok(Visitor::Silent { is_browser: true }),
            PROGRAM => Ok(Visitor::Silent { is_browser: false }),
            _ => Err(Problem::invalid("Who asks is an agent, a browser or a program.")),
        }
    }

    /// Whether it sends a visa that pays by this policy; nothing, when it sends none.
    fn pays(&self, policy: &Policy) -> Option<bool> {
        match self.paid.as_str() {
            "yes" => Some(true),
            BEARER => Some(policy.brokers.iter().any(|broker| broker.bearer)),
            _ => None,
        }
    }
}

/// The policy in force, and what it says about a sample.
pub(super) async fn preview(
    State(PublisherState(publisher)): State<PublisherState>,
    QueryParams(mut sample): QueryParams<Sample>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    viewer.operator_require()?;
    // What is written into an address is no policy.
    sample.text = None;
    shown(&publisher, &viewer, sample).await
}

/// What another policy would say.
pub(super) async fn draft(
    State(PublisherState(publisher)): State<PublisherState>,
    viewer: Viewer,
    headers: HeaderMap,
    form: Result<Form<Sample>, FormRejection>,
) -> Result<Response, Failure> {
    viewer.operator_require()?;
    same_origin_require(&headers, &publisher.site.public)?;
    let Form(sample) = form.map_err(|rejection| Problem::invalid(rejection.body_text()))?;
    shown(&publisher, &viewer, sample).await
}

async fn shown(publisher: &Publisher, viewer: &Viewer, sample: Sample) -> Result<Response, Failure> {
    let (site, sites) = site_of(publisher, sample.gate.as_ref()).await?;
    let lead = "What the policy says about a request. Nothing is spent by asking.";
    let head = Head {
        path: "/policy",
        title: "Policy",
        lead: lead.to_owned(),
        site: site.as_ref(),
        sites: &sites,
    };
    let gates = publisher.gates();
    let running = gates.iter().find(|gate| Some(&gate.name) == site.as_ref());
    let running = running.and_then(|shown| Some((shown, shown.gate.upgrade()?)));
    let blocks = match (&site, running) {
        (None, _) => no_gate(),
        (Some(_), None) => vec![Block::Text("This gate does not run in this process now.".to_owned())],
        (Some(_), Some((shown, gate))) => blocks_of(shown, &gate, &sample).await?,
    };
    Ok(render(&page(publisher, viewer, head, blocks)))
}

async fn blocks_of(shown: &GateShown, gate: &Gate, sample: &Sample) -> Result<Vec<Block>, Problem> {
    let file = std::fs::read_to_string(&shown.policy).unwrap_or_default();
    // Browsers send the ends of lines in another way than files have them.
    let text = sample.text.as_ref().map(|text| text.replace("\r\n", "\n"));
    let text = text.unwrap_or_else(|| file.clone());
    let mut blocks = vec![Block::Ask(sample_form(shown, sample))];
    let policy = match &sample.text {
        None => Ok((*gate.policy()).clone()),
        Some(_) => policy_read(&text, &shown.trusted),
    };
    match policy {
        Ok(policy) => {
            let decision = gate.preview(&policy, sample.path()?, sample.visitor()?).await?;
            if sample.text.is_some() {
                let place = shown.policy.display();
                let said = format!("This is a policy. It is not in force: it would replace {place}.");
                blocks.push(Block::Notice("good", said));
                blocks.push(Block::Acts(vec![save(shown, &text, &file)]));
            }
            blocks.push(Block::Heading("What happens".to_owned()));
            blocks.push(Block::Facts(facts(gate, &policy, sample, &decision)?));
            blocks.push(rules(&policy));
        }
        Err(problem) => {
            let hint = problem.hint.map(|hint| format!(" {hint}")).unwrap_or_default();
            blocks.push(Block::Notice(
                "bad",
                format!("This is no policy: {}{hint}", problem.detail),
            ));
        }
    }
    blocks.push(Block::Ask(draft_form(shown, sample, &text)));
    Ok(blocks)
}

/// The button that puts a text in force in the place of the file as it is now.
fn save(shown: &GateShown, text: &str, file: &str) -> Act {
    let change = GatePolicyChange {
        text: text.to_owned(),
        replaces: sha256_hex(file.as_bytes()),
    };
    Act {
        label: "Put it in force".to_owned(),
        path: format!("/publisher/api/gates/{}/policy", shown.name),
        body: serde_json::to_string(&change).unwrap_or_default(),
    }
}

fn field(name: &str, label: &str, value: &str, kind: AskKind) -> AskField {
    AskField {
        name: name.to_owned(),
        label: label.to_owned(),
        value: value.to_owned(),
        kind,
    }
}

fn choice(options: &[(&str, &str)]) -> AskKind {
    let options = options
        .iter()
        .map(|(value, text)| ((*value).to_owned(), (*text).to_owned()));
    AskKind::Choice(options.collect())
}

fn sample_fields(shown: &GateShown, sample: &Sample) -> Vec<AskField> {
    let path = if sample.path.is_empty() { "/" } else { &sample.path };
    let purposes = Purpose::ALL.map(|purpose| (purpose.as_str(), purpose.as_str()));
    let purpose = if sample.purpose.is_empty() {
        Purpose::RagRetrieval.as_str()
    } else {
        &sample.purpose
    };
    let who = [
        (AGENT, "an agent that says who it is"),
        (BROWSER, "what looks like a browser"),
        (PROGRAM, "a program that says nothing"),
    ];
    vec![
        field("gate", "", &shown.name, AskKind::Hidden),
        field("path", "Path", path, AskKind::Text),
        field("who", "Who asks", &sample.who, choice(&who)),
        field("purpose", "What for, if it is an agent", purpose, choice(&purposes)),
        field(
            "paid",
            "Sends a visa",
            &sample.paid,
            choice(&[
                ("no", "no"),
                ("yes", "yes, that pays"),
                (BEARER, "yes, a bearer's: it names neither site nor key"),
            ]),
        ),
    ]
}

fn sample_form(shown: &GateShown, sample: &Sample) -> AskForm {
    AskForm {
        id: "sample".to_owned(),
        title: "A request".to_owned(),
        label: "What happens?".to_owned(),
        action: format!("{ROOT}/policy"),
        is_post: false,
        fields: sample_fields(shown, sample),
    }
}

fn draft_form(shown: &GateShown, sample: &Sample, text: &str) -> AskForm {
    // The request that was looked at goes along with the text.
    let mut fields = sample_fields(shown, sample);
    for field in &mut fields {
        field.kind = AskKind::Hidden;
    }
    fields.push(field("text", "The policy", text, AskKind::Long));
    AskForm {
        id: "draft".to_owned(),
        title: "Change the policy".to_owned(),
        label: "Check it".to_owned(),
        action: format!("{ROOT}/policy?gate={}", shown.name),
        is_post: true,
        fields,
    }
}

fn facts(gate: &Gate, policy: &Policy, sample: &Sample, decision: &Decision) -> Result<Vec<(String, Cell)>, Problem> {
    let fact = |name: &str, cell: Cell| (name.to_owned(), cell);
    let refused = |refusal: Refusal| Cell::tag(format!("{} {}", refusal.status(), refusal.as_str()), "bad");
    let outcome = match (decision.due, sample.pays(policy)) {
        (Due::Pass, _) => Cell::tag("passes, for nothing", "good"),
        (Due::Pay(price), Some(true)) => Cell::tag(format!("passes, and {price} is charged"), "good"),
        (Due::Pay(_), Some(false)) => refused(Refusal::PaymentDenied).fine("bearers' visas of no broker are taken"),
        (Due::Pay(price), None) => refused(Refusal::PaymentRequired).fine(format!("{price} has to be paid")),
        (Due::Refuse(refusal), _) => refused(refusal),
    };
    let path = sample.path()?;
    let rule = decision.terms.rule.as_ref();
    let mut facts = vec![
        fact("Answer", outcome),
        fact("Why", Cell::text(decision.reason.to_string())),
        fact("Rule", Cell::mono(rule.map_or("the default", |rule| rule.as_str()))),
        fact("URL", Cell::mono(gate.url(path))),
        fact("Visitor", Cell::mono(decision.visitor.as_str())),
        fact("Content-Usage", Cell::mono(policy.content_usage(path))),
    ];
    if let Due::Pay(_) = decision.due {
        facts.push(fact(
            "Visas of",
            Cell::mono(policy.issuers().join(", ")).fine(format!("for {}", gate.audience())),
        ));
        let bearers = policy.bearer_issuers();
        if !bearers.is_empty() {
            let note = "they name neither site nor key, and whoever has copied one can spend it";
            facts.push(fact("Bearers' visas of", Cell::mono(bearers.join(", ")).fine(note)));
        }
        let split = decision.terms.fair.as_ref();
        let split = split.map_or_else(
            || "the payee of the gate".to_owned(),
            |fair| format!("the authors of {fair}"),
        );
        facts.push(fact("The money goes to", Cell::text(split)));
    }
    if gate.is_dry() {
        let dry = "everything passes, and it is only written down what would have happened";
        facts.push(fact("Dry run", Cell::tag(dry, "warn")));
    }
    Ok(facts)
}

/// What holds where, for each purpose.
fn rules(policy: &Policy) -> Block {
    let mut columns = vec!["Path"];
    columns.extend(Purpose::ALL.map(Purpose::as_str));
    let document = policy.rules_document();
    let row = |rule: &serde_json::Value| {
        let path = rule.get("path").and_then(serde_json::Value::as_str).unwrap_or_default();
        let mut cells = vec![Cell::mono(path)];
        cells.extend(Purpose::ALL.map(|purpose| {
            let terms = rule.get("purposes").and_then(|purposes| purposes.get(purpose.as_str()));
            terms.map_or_else(Cell::default, terms_cell)
        }));
        cells
    };
    let rows = document.iter().map(row).collect();
    Block::Table(table(("rules", "Rules", "There are none."), &columns, rows))
}

fn terms_cell(terms: &serde_json::Value) -> Cell {
    let is_allowed = terms.get("allow").and_then(serde_json::Value::as_bool) == Some(true);
    if !is_allowed {
        return Cell::tag("not allowed", "bad");
    }
    match terms.get("price") {
        Some(serde_json::Value::String(word)) if word == "free" => Cell::tag("free", "good"),
        Some(serde_json::Value::String(_fair)) => Cell::text("what the work says"),
        Some(price) => {
            let text = |name: &str| price.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
            Cell::text(format!("{} {}", text("amount"), text("currency")))
        }
        None => Cell::default(),
    }
}
