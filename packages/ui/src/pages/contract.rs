use askama::Template;

use crate::Shell;

/// `/contract`: what somebody does with what comes in. The browser module fills the lists. Use it only with
/// `shell.viewer` set.
#[derive(Debug, Clone, Template)]
#[template(path = "contract.html")]
pub struct ContractPage {
    /// The frame.
    pub shell: Shell,
    /// The currency that the form starts with.
    pub currency: String,
}

/// `/earnings`: what somebody has earned, and the shares that wait for them. The browser module fills the lists. Use it
/// only with `shell.viewer` set.
#[derive(Debug, Clone, Template)]
#[template(path = "earnings.html")]
pub struct EarningsPage {
    /// The frame.
    pub shell: Shell,
}
