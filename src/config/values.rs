//! Values whose type holds their rule.

use serde::Deserialize;
use serde::de::{self, Deserializer};

use super::{PortName, names};
use crate::scale::{Family, custom};

/// A protocol's name.
#[derive(Clone, Copy)]
pub(super) struct Protocol(pub(super) &'static Family);

impl<'de> Deserialize<'de> for Protocol {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        let custom = (name == custom::FAMILY.name).then_some(&custom::FAMILY);
        Family::named(&name).or(custom).map(Self).ok_or_else(|| {
            de::Error::custom(format!("unknown protocol `{name}`, expected one of {}", names()))
        })
    }
}

impl<'de> Deserialize<'de> for PortName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        match name.strip_prefix("sim:") {
            Some(protocol) => Family::named(protocol).map(Self::Practice).ok_or_else(|| {
                de::Error::custom(format!(
                    "unknown practice scale `{name}`, expected sim: and one of {}",
                    names()
                ))
            }),
            None if name.starts_with('/') => Ok(Self::Device(name.into())),
            None => Err(de::Error::custom(format!(
                "invalid value: string `{name}`, expected the whole path of a device, for example \
                 /dev/serial/by-id/…, or sim:PROTOCOL for a practice scale"
            ))),
        }
    }
}

/// The device's name with the service: it travels in every request, so it is a word and not a text.
pub(super) struct DeviceId(pub(super) String);

impl<'de> Deserialize<'de> for DeviceId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let id = String::deserialize(from)?;
        if id.is_empty() || id.len() > 100 || id.chars().any(char::is_control) {
            let expected = "1 to 100 characters without control characters";
            return Err(de::Error::invalid_value(de::Unexpected::Str(&id), &expected));
        }
        Ok(Self(id))
    }
}
