//! `scalecam doctor`: looks at everything that a lane needs, one line each, with what to do.
//!
//! A check is one function; [`run`] names them in the order in which a technician would look. Nothing is changed, and
//! the scale gets no byte that `run` would not send.

mod around;
mod port;
mod scale;

use std::fmt::Display;
use std::path::Path;

use serde::Serialize;

use super::{Exit, Settings, give, runtime, say};
use crate::config::Config;
use crate::kernel::Holder;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: Settings,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// As it should be.
    Ok,
    /// It works, or will for a while.
    Warn,
    /// It does not work.
    Fail,
}

/// What one check found.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    verdict: Verdict,
    says: String,
    /// What to do, where there is something.
    #[serde(rename = "do")]
    advice: Option<String>,
    /// How the command ends if this failed.
    #[serde(skip)]
    code: u8,
}

impl Finding {
    fn ok(check: &'static str, says: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, says: says.into(), advice: None, code: 0 }
    }

    fn warn(check: &'static str, says: impl Into<String>, advice: impl Into<String>) -> Self {
        let (says, advice) = (says.into(), Some(advice.into()));
        Self { check, verdict: Verdict::Warn, says, advice, code: 0 }
    }

    /// A device or a service does not work.
    fn fail(check: &'static str, says: impl Into<String>, advice: impl Into<String>) -> Self {
        let (says, advice) = (says.into(), Some(advice.into()));
        Self { check, verdict: Verdict::Fail, says, advice, code: 69 }
    }

    /// For a device that the agent itself has; nothing if anybody else has it, or nobody.
    fn held_by_agent(check: &'static str, device: &impl Display, holders: &[Holder]) -> Option<Self> {
        let is_agent = !holders.is_empty() && holders.iter().all(|holder| holder.name == "scalecam");
        is_agent.then(|| {
            let names: Vec<_> = holders.iter().map(ToString::to_string).collect();
            let says =
                format!("{device}: the agent has it ({}), so that it cannot be asked here", names.join(", "));
            Self::warn(check, says, "systemctl stop scalecam, look again, and start it afterwards")
        })
    }

    /// For a check whose sentence already says what to do.
    fn without_advice(self) -> Self {
        Self { advice: None, ..self }
    }
}

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    checks: &'a [Finding],
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let file = arguments.settings.config.display();
    let mut findings = Vec::new();
    match Config::read(&arguments.settings.config) {
        Ok(config) => {
            findings.push(Finding::ok("settings", format!("{file}: the settings are good")));
            examine(&config, &arguments.settings.config, &mut findings)?;
        }
        Err(bad) => {
            let advice = "correct that line; `scalecam check` reads the settings alone";
            findings.push(Finding { code: 78, ..Finding::fail("settings", bad.to_string(), advice) });
        }
    }
    let worst = findings.iter().find(|finding| finding.verdict == Verdict::Fail);
    if arguments.json {
        let report = Report { ok: worst.is_none(), checks: &findings };
        give(&serde_json::to_string(&report).map_err(Exit::failed)?)?;
    } else {
        for finding in &findings {
            give(&line(finding))?;
        }
    }
    match worst {
        None => Ok(()),
        Some(Finding { code: 78, says, .. }) => Err(Exit::bad_settings(says)),
        Some(Finding { check, .. }) => {
            let failed = findings.iter().filter(|finding| finding.verdict == Verdict::Fail).count();
            Err(Exit::unavailable(format!("{failed} checks failed, the first of them: {check}")))
        }
    }
}

/// Every check, from the device itself to the far end.
fn examine(config: &Config, file: &Path, findings: &mut Vec<Finding>) -> Result<(), Exit> {
    findings.extend(around::device(config));
    say("looking at the scale …");
    scale::examine(config, findings);
    say("looking at the camera …");
    let runtime = runtime()?;
    findings.push(runtime.block_on(around::camera(config)));
    findings.push(around::clock());
    findings.push(around::window());
    let key = around::key(config);
    let has_key = key.verdict == Verdict::Ok;
    findings.push(key);
    findings.push(around::outbox(config, file));
    if has_key {
        say("looking at the service …");
        findings.push(runtime.block_on(around::service(config)));
    }
    Ok(())
}

/// `ok    scale-port    …`
fn line(finding: &Finding) -> String {
    let verdict = match finding.verdict {
        Verdict::Ok => "ok",
        Verdict::Warn => "warn",
        Verdict::Fail => "FAIL",
    };
    let advice = finding.advice.as_deref().map(|advice| format!("\n{:23}→ {advice}", "")).unwrap_or_default();
    format!("{verdict:<5} {:<16} {}{advice}", finding.check, finding.says)
}
