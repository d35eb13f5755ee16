//! `scalecam decode`: raw bytes become one JSON line per reading.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use super::{Exit, give};
use crate::config::Config;
use crate::scale::custom::{self, Rules};
use crate::scale::{Decoder, FAMILIES, Family, Model, Profile, bytes_from_hex, report};
use crate::weight::Unit;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The protocol: toledo-8217, mt-sics, st-gs, …; `custom` as the settings describe it
    #[arg(long, value_name = "P", value_parser = family_or_custom)]
    protocol: &'static Family,
    /// The settings' file, for `custom` (without one it is read as by default)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The maker's variant, where makers differ: 8213, ecr, cas-22, …
    #[arg(long, value_name = "V")]
    profile: Option<String>,
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

fn family_or_custom(name: &str) -> Result<&'static Family, String> {
    if name == custom::FAMILY.name {
        return Ok(&custom::FAMILY);
    }
    family(name).map_err(|names| format!("{names}, custom"))
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let mut decoder = decoder(arguments)?;
    let input: Box<dyn Read> = match &arguments.file {
        Some(path) => {
            Box::new(File::open(path).map_err(|error| Exit::failed(format!("{}: {error}", path.display())))?)
        }
        None => Box::new(io::stdin().lock()),
    };
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

/// The decoder of the command line; what it does not say of a `custom` protocol the settings say.
fn decoder(arguments: &Arguments) -> Result<Box<dyn Decoder>, Exit> {
    let model = arguments.profile.as_deref().map(|name| model(arguments.protocol, name)).transpose()?;
    let profile = Profile { unit: arguments.unit, decimals: arguments.decimals, model };
    if *arguments.protocol != custom::FAMILY {
        return Ok((arguments.protocol.decoder)(&profile));
    }
    let (rules, settings) = match &arguments.config {
        None => (Arc::<Rules>::default(), Profile::default()),
        Some(file) => {
            let config = Config::read(file).map_err(Exit::bad_settings)?;
            let rules = config.scale.custom.ok_or_else(|| {
                let text =
                    format!("{}: scale.protocol is {}, not custom", file.display(), config.scale.family.name);
                Exit::bad_settings(text)
            })?;
            (rules, config.scale.profile)
        }
    };
    let profile = Profile {
        unit: profile.unit.or(settings.unit),
        decimals: profile.decimals.or(settings.decimals),
        ..Profile::default()
    };
    Ok(custom::decoder(rules, profile))
}

fn model(family: &'static Family, name: &str) -> Result<&'static Model, Exit> {
    family.model(name).ok_or_else(|| {
        let names: Vec<_> = family.models.iter().map(|model| model.name).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Exit::wrong_usage(format!("unknown profile {name}; {} has: {names}", family.name))
    })
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
