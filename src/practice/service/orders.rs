//! What the running practice service is told to do, one line for each order.

use std::str::FromStr;
use std::time::Duration;

use super::options::{Certificate, Fault};
use super::{Service, Unable};

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// What goes wrong with the recognitions to come, one fault each.
    Faults(Vec<Fault>),
    /// What goes wrong with the reports to come, one fault each.
    ReportFaults(Vec<Fault>),
    /// What it shows for a certificate to those who connect from now on.
    Certificate(Certificate),
    /// How long it thinks before it answers.
    Delay(Duration),
    /// After how long without a request it closes connections made from now on; none = never.
    Idle(Option<Duration>),
}

/// The line is no order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line:?} is no order: {why}")]
pub struct UnknownOrder {
    line: String,
    why: String,
}

impl FromStr for Order {
    type Err = UnknownOrder;

    fn from_str(line: &str) -> Result<Self, UnknownOrder> {
        let unknown = |why: String| UnknownOrder { line: line.to_owned(), why };
        let (name, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        let rest = rest.trim();
        let faults = || {
            let read = rest.split(',').map(|word| word.trim().parse()).collect::<Result<Vec<Fault>, _>>();
            read.map_err(|error| unknown(error.to_string()))
        };
        let number = |unit: &str| rest.parse().map_err(|_| unknown(format!("expected a number of {unit}")));
        Ok(match name {
            "faults" => Self::Faults(faults()?),
            "report-faults" => Self::ReportFaults(faults()?),
            "certificate" => Self::Certificate(rest.parse().map_err(|error| unknown(format!("{error}")))?),
            "delay-ms" => Self::Delay(Duration::from_millis(number("milliseconds")?)),
            "idle-s" if rest == "never" => Self::Idle(None),
            "idle-s" => Self::Idle(Some(Duration::from_secs(number("seconds, or never")?))),
            _ => {
                let known =
                    "expected faults FAULT,…, report-faults FAULT,…, certificate KIND, delay-ms MS, idle-s S";
                return Err(unknown(known.to_owned()));
            }
        })
    }
}

impl Service {
    /// Does what it is told.
    pub fn obey(&self, order: Order) -> Result<(), Unable> {
        match order {
            Order::Faults(faults) => self.script(faults),
            Order::ReportFaults(faults) => self.script_reports(faults),
            Order::Certificate(certificate) => self.change(|options| options.certificate = certificate)?,
            Order::Delay(delay) => self.change(|options| options.delay = delay)?,
            Order::Idle(idle) => self.change(|options| options.idle = idle)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_and_what_is_none_is_said() {
        let read = |line: &str| line.parse::<Order>();
        assert_eq!(read("faults hang, slow\n"), Ok(Order::Faults(vec![Fault::Hang, Fault::Slow])));
        assert_eq!(read("report-faults close"), Ok(Order::ReportFaults(vec![Fault::Close])));
        assert_eq!(read("certificate self-signed"), Ok(Order::Certificate(Certificate::SelfSigned)));
        assert_eq!(read("delay-ms 300"), Ok(Order::Delay(Duration::from_millis(300))));
        assert_eq!(read("idle-s 5"), Ok(Order::Idle(Some(Duration::from_secs(5)))));
        assert_eq!(read("idle-s never"), Ok(Order::Idle(None)));
        for (line, said) in [
            ("", "expected faults"),
            ("fault hang", "expected faults"),
            ("faults", "expected none, hang"),
            ("certificate bad", "expected good, expired"),
            ("delay-ms -1", "a number of milliseconds"),
            ("idle-s soon", "or never"),
        ] {
            let error = read(line).unwrap_err().to_string();
            assert!(error.contains(said), "{line}: {error}");
        }
    }
}
