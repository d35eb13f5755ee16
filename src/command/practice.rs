//! `scalecam practice`: the practice parts on their own, for integrators who test a till.

use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, give, runtime, say};
use crate::practice::scale::{Fault as CableFault, Options as ScaleOptions, Pace, PracticeScale, Programme};
use crate::practice::service::{Certificate, Fault, Options as ServiceOptions, Received, Report, Service};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    /// A recognition service over real TLS on this machine.
    Service(ServiceArguments),
    /// A scale on a pseudo-terminal; its events go to standard output, one JSON line each.
    Scale(ScaleArguments),
}

#[derive(Debug, clap::Args)]
struct ServiceArguments {
    /// The port on 127.0.0.1; 0 takes any that is free
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The key it wants; without it any key will do
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Where to write its authority's certificate, for `recognition.ca_file`
    #[arg(long, value_name = "FILE")]
    ca_file: PathBuf,
    /// How long it thinks before it answers, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    delay_ms: u64,
    /// After how many idle seconds it closes a connection
    #[arg(long, value_name = "S")]
    idle_s: Option<u64>,
    /// What goes wrong with the recognitions to come, one each, in order (hang, reset, status:503, …)
    #[arg(long, value_name = "FAULT", value_delimiter = ',')]
    faults: Vec<Fault>,
    /// The certificate it shows: good, expired, not-yet-valid, wrong-name, unknown-authority
    #[arg(long, default_value = "good", value_parser = certificate)]
    certificate: Certificate,
}

#[derive(Debug, clap::Args)]
struct ScaleArguments {
    /// The language it speaks: toledo-8217, mt-sics, st-gs, …
    #[arg(long, value_name = "P", default_value = "mt-sics")]
    protocol: String,
    /// A symbolic link that always leads to its terminal
    #[arg(long, value_name = "PATH")]
    link: Option<PathBuf>,
    /// The same seed gives the same customers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many times as quick as an unhurried self-checkout its customers are
    #[arg(long, value_name = "TIMES", default_value_t = 1)]
    hurry: u32,
    /// What is wrong with its cable: see the message for an unknown word
    #[arg(long, value_name = "FAULT", value_delimiter = ',')]
    faults: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Exit> {
    match &arguments.part {
        Part::Service(arguments) => runtime()?.block_on(service(arguments)),
        Part::Scale(arguments) => runtime()?.block_on(scale(arguments)),
    }
}

async fn service(arguments: &ServiceArguments) -> Result<(), Exit> {
    let api_key = match &arguments.api_key_file {
        Some(file) => {
            let key = std::fs::read_to_string(file)
                .map_err(|error| Exit::failed(format!("{}: {error}", file.display())))?;
            Some(key.trim().to_owned())
        }
        None => None,
    };
    let options = ServiceOptions {
        port: arguments.port,
        api_key,
        certificate: arguments.certificate,
        delay: Duration::from_millis(arguments.delay_ms),
        idle: arguments.idle_s.map(Duration::from_secs),
        faults: arguments.faults.clone(),
        ..ServiceOptions::default()
    };
    let service = Service::start(options).await.map_err(Exit::unavailable)?;
    std::fs::write(&arguments.ca_file, service.ca_pem())
        .map_err(|error| Exit::failed(format!("{}: {error}", arguments.ca_file.display())))?;
    let ready = serde_json::json!({"practice": true, "url": service.url(), "ca_file": arguments.ca_file});
    give(&ready.to_string())?;
    say("PRACTICE service: it recognises nothing, it answers by the weight; end it with Ctrl-C");
    let mut counters = service.watch();
    let mut end = End::listen()?;
    loop {
        tokio::select! {
            () = end.wait() => return Ok(()),
            changed = counters.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                for request in service.take_requests() {
                    give(&heard(&request))?;
                }
                for report in service.take_reports() {
                    give(&reported(&report))?;
                }
            }
        }
    }
}

/// One line of JSON for a request that the service heard.
fn heard(request: &Received) -> String {
    serde_json::json!({
        "practice": true,
        "connection": request.connection,
        "status": request.status,
        "recognition_id": request.recognition_id,
        "product_id": request.product_id,
        "device_id": request.device_id,
        "camera_type": request.camera_type,
        "capture_time": request.capture_time,
        "weight_grams": request.weight_grams,
        "weighing": request.idempotency_key,
        "picture": {"bytes": request.picture.0, "width": request.picture.1, "height": request.picture.2},
        "remarks": request.remarks,
    })
    .to_string()
}

/// One line of JSON for a report that the service heard.
fn reported(report: &Report) -> String {
    let body = serde_json::from_str::<serde_json::Value>(&report.body)
        .unwrap_or_else(|_| report.body.clone().into());
    serde_json::json!({
        "practice": true,
        "report": report.path,
        "status": report.status,
        "key": report.idempotency_key,
        "body": body,
    })
    .to_string()
}

async fn scale(arguments: &ScaleArguments) -> Result<(), Exit> {
    let faults = arguments
        .faults
        .iter()
        .map(|name| CableFault::named(name).ok_or_else(|| Exit::wrong_usage(unknown_fault(name))))
        .collect::<Result<Vec<_>, _>>()?;
    let options = ScaleOptions {
        seed: arguments.seed,
        programme: Some(Programme::endless(arguments.seed, Pace::default().faster(arguments.hurry))),
        faults,
        link: arguments.link.clone(),
        ..ScaleOptions::new(&arguments.protocol)
    };
    let observer = |event: &crate::practice::scale::Event| {
        // A reader that has gone ends the command by its own signal, not the scale's thread.
        let _ = give(&event.json());
    };
    let scale = PracticeScale::start_observed(options, observer).map_err(Exit::wrong_usage)?;
    let path = scale.path().unwrap_or_default();
    say(format_args!("PRACTICE scale, {}: {}; end it with Ctrl-C", arguments.protocol, path.display()));
    End::listen()?.wait().await;
    Ok(())
}

fn unknown_fault(name: &str) -> String {
    format!(
        "unknown cable fault {name}; expected one of {}",
        CableFault::ALL.map(CableFault::name).join(", ")
    )
}

/// The two ways in which a person or a service manager ends a command.
struct End {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl End {
    fn listen() -> Result<Self, Exit> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(Exit::failed)?,
            terminate: signal(SignalKind::terminate()).map_err(Exit::failed)?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

fn certificate(name: &str) -> Result<Certificate, &'static str> {
    Ok(match name {
        "good" => Certificate::Good,
        "expired" => Certificate::Expired,
        "not-yet-valid" => Certificate::NotYetValid,
        "wrong-name" => Certificate::WrongName,
        "unknown-authority" => Certificate::UnknownAuthority,
        _ => return Err("expected good, expired, not-yet-valid, wrong-name or unknown-authority"),
    })
}
