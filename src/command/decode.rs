//! `scalecam decode`: raw bytes become one JSON line per reading.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use super::{Exit, give};
use crate::scale::{FAMILIES, Family, Profile, bytes_from_hex, report};
use crate::weight::Unit;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The protocol: toledo-8217, mt-sics, st-gs, …
    #[arg(long, value_name = "P", value_parser = family)]
    protocol: &'static Family,
    /// The unit, for protocols that do not send it: g, kg, lb, oz
    #[arg(long, value_name = "U")]
    unit: Option<Unit>,
    /// The decimal places, for protocols that do not send the point
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=6))]
    decimals: Option<u8>,
    /// The input is hex text; blanks are ignored
    #[arg(long)]
    hex: bool,
    /// The file to read; standard input if there is none
    file: Option<PathBuf>,
}

/// The family of that name, or the names there are.
pub(super) fn family(name: &str) -> Result<&'static Family, String> {
    Family::named(name).ok_or_else(|| {
        let names: Vec<_> = FAMILIES.iter().map(|family| family.name).collect();
        format!("unknown protocol; expected one of {}", names.join(", "))
    })
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let input: Box<dyn Read> = match &arguments.file {
        Some(path) => {
            Box::new(File::open(path).map_err(|error| Exit::failed(format!("{}: {error}", path.display())))?)
        }
        None => Box::new(io::stdin().lock()),
    };
    let profile = Profile { unit: arguments.unit, decimals: arguments.decimals };
    let mut decoder = (arguments.protocol.decoder)(&profile);
    let name = arguments.protocol.name;
    let mut take = |bytes: &[u8]| {
        for &byte in bytes {
            if let Some(frame) = decoder.push(byte) {
                give(&report::line(name, &frame))?;
            }
        }
        Ok(())
    };
    if arguments.hex {
        let mut text = String::new();
        let mut input = input;
        input.read_to_string(&mut text).map_err(|error| Exit::failed(format!("the input: {error}")))?;
        take(&bytes_from_hex(&text).map_err(Exit::wrong_usage)?)?;
    } else {
        stream(input, &mut take)?;
    }
    let pending = decoder.pending().to_vec();
    // The end of the input is a silence: a frame that only waited for an end that not every scale sends is whole.
    if let Some(frame) = decoder.silence() {
        give(&report::line(name, &frame))?;
    } else if !pending.is_empty() {
        give(&report::incomplete_line(name, &pending))?;
    }
    Ok(())
}

/// Reads a stream piece by piece, so that a live pipe is decoded as it comes and a long file needs no memory.
fn stream(mut input: Box<dyn Read>, take: &mut impl FnMut(&[u8]) -> Result<(), Exit>) -> Result<(), Exit> {
    let mut buffer = [0_u8; 4096];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => take(buffer.get(..count).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Exit::failed(format!("the input: {error}"))),
        }
    }
}
