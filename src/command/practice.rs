//! `scalecam practice`: the practice parts on their own, for integrators who test a till.

use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::{Exit, give, runtime, say};
use crate::practice::scale::{Fault as CableFault, Options as ScaleOptions, Pace, PracticeScale, Programme};
use crate::practice::service::{
    Certificate, Fault, Options as ServiceOptions, Order, Received, Report, Service,
};

/// What lies on a practice USB scale, in grams, and how long.
const ITEMS: [i32; 4] = [1_235, 180, 2_490, 740];
const LIES: Duration = Duration::from_secs(3);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    /// A recognition service over real TLS on this machine.
    ///
    /// While it runs it takes orders on standard input, one a line: faults FAULT,… and report-faults FAULT,… for
    /// the requests to come, certificate KIND, delay-ms MS, idle-s S (or never).
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
    /// The certificate it shows: good, expired, not-yet-valid, wrong-name, self-signed, unknown-authority
    #[arg(long, value_name = "KIND", default_value = "good")]
    certificate: Certificate,
    /// Wants a certificate from its clients, and writes one with its key to this file
    #[arg(long, value_name = "FILE")]
    client_file: Option<PathBuf>,
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
        client_certificate: arguments.client_file.is_some(),
        delay: Duration::from_millis(arguments.delay_ms),
        idle: arguments.idle_s.map(Duration::from_secs),
        faults: arguments.faults.clone(),
        ..ServiceOptions::default()
    };
    let service = Service::start(options).await.map_err(Exit::unavailable)?;
    std::fs::write(&arguments.ca_file, service.ca_pem())
        .map_err(|error| Exit::failed(format!("{}: {error}", arguments.ca_file.display())))?;
    if let Some(file) = &arguments.client_file {
        let pem = service.client_pem().map_err(Exit::unavailable)?;
        std::fs::write(file, pem).map_err(|error| Exit::failed(format!("{}: {error}", file.display())))?;
    }
    let ready = serde_json::json!({"practice": true, "url": service.url(), "ca_file": arguments.ca_file});
    give(&ready.to_string())?;
    say("PRACTICE service: it recognises nothing, it answers by the weight; end it with Ctrl-C");
    let mut counters = service.watch();
    let mut end = End::listen()?;
    let mut orders = orders()?;
    loop {
        tokio::select! {
            () = end.wait() => return Ok(()),
            Some(line) = orders.recv() => obey(&service, &line),
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

/// The lines of standard input, by a thread of its own: it waits for them longer than the command may live.
fn orders() -> Result<mpsc::Receiver<String>, Exit> {
    // whoever gives orders quicker than they are obeyed waits
    let (line, lines) = mpsc::channel(1);
    let read = move || {
        for each in std::io::stdin().lines().map_while(Result::ok) {
            if line.blocking_send(each).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("orders".to_owned()).spawn(read).map_err(Exit::failed)?;
    Ok(lines)
}

fn obey(service: &Service, line: &str) {
    if line.trim().is_empty() {
        return;
    }
    match line.parse::<Order>().map(|order| service.obey(order)) {
        Ok(Ok(())) => say(format_args!("done: {}", line.trim())),
        Ok(Err(unable)) => say(unable),
        Err(unknown) => say(unknown),
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

/// A USB scale: reports through a named pipe.
async fn reports(arguments: &ScaleArguments) -> Result<(), Exit> {
    let Some(pipe) = &arguments.link else {
        return Err(Exit::wrong_usage(
            "a practice scale that speaks hid-pos needs --link PATH, where it makes its pipe",
        ));
    };
    let scale = crate::practice::reports::ReportScale::start(pipe)
        .map_err(|error| Exit::failed(format!("{}: {error}", pipe.display())))?;
    say(format_args!("PRACTICE scale, hid-pos: {}; end it with Ctrl-C", pipe.display()));
    let mut end = End::listen()?;
    for grams in ITEMS.iter().cycle() {
        scale.put(*grams);
        give(&format!(r#"{{"practice":true,"event":"put","grams":{grams}}}"#))?;
        tokio::select! { () = end.wait() => return Ok(()), () = tokio::time::sleep(LIES) => {} }
        scale.take_away();
        give(r#"{"practice":true,"event":"taken"}"#)?;
        tokio::select! { () = end.wait() => return Ok(()), () = tokio::time::sleep(LIES) => {} }
    }
    Ok(())
}

async fn scale(arguments: &ScaleArguments) -> Result<(), Exit> {
    if arguments.protocol == "hid-pos" {
        return reports(arguments).await;
    }
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
