//! The camera's controls as the settings name them, and in which order they are set. Pure.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use crate::kernel::video::{Control, ControlKind};

/// The table `[camera.controls]`: controls by name and what they are to be set to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Controls {
    wanted: BTreeMap<String, Value>,
}

/// What a control is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number, or the place of a word in the control's menu.
    Number(i32),
    /// On or off.
    Switch(bool),
    /// A word of the control's menu.
    Word(String),
}

/// One control to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) id: u32,
    pub(super) name: String,
    pub(super) value: i32,
}

/// What is to be set, in order, and what cannot be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) settings: Vec<Setting>,
    /// Sentences on what the camera does not have or does not take.
    pub(super) refused: Vec<String>,
}

/// Controls by number under the names that kernels have given them over the years, the present one first:
/// `drivers/media/v4l2-core/v4l2-ctrls-defs.c` since 5.19, and `uvc_ctrl.c` before.
const NAMES: [(u32, [&str; 2]); 7] = [
    (0x0098_090C, ["white_balance_automatic", "white_balance_temperature_auto"]),
    (0x009A_0901, ["auto_exposure", "exposure_auto"]),
    (0x009A_0902, ["exposure_time_absolute", "exposure_absolute"]),
    (0x009A_0903, ["exposure_dynamic_framerate", "exposure_auto_priority"]),
    (0x009A_090A, ["focus_absolute", "focus"]),
    (0x009A_090C, ["focus_automatic_continuous", "focus_auto"]),
    (0x009A_090D, ["zoom_absolute", "zoom"]),
];

impl Controls {
    /// Whether nothing is to be set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// What is to be set with a camera that has these controls. Automatics come first: while one of them is
    /// on, the camera does not take the value that it rules. `word` tells a word of a control's menu.
    pub(super) fn plan(&self, controls: &[Control], word: impl Fn(&Control, u32) -> Option<String>) -> Plan {
        let mut plan = Plan::default();
        for (name, value) in &self.wanted {
            let Some(control) = controls.iter().find(|control| is_called(control, name)) else {
                let known: Vec<String> =
                    controls.iter().filter(|one| is_offered(one)).map(plain_name).collect();
                plan.refused.push(format!("it has no control {name} (it has {})", known.join(", ")));
                continue;
            };
            match fit(control, value, &word) {
                Ok(value) => plan.settings.push(Setting { id: control.id, name: name.clone(), value }),
                Err(why) => plan.refused.push(format!("{name} = {value} {why}")),
            }
        }
        plan.settings.sort_by_key(|setting| !setting.name.contains("auto"));
        plan
    }
}

/// The name of a control as it is written in the settings: `Exposure Time, Absolute` is
/// `exposure_time_absolute`.
pub(super) fn plain_name(control: &Control) -> String {
    let known = NAMES.iter().find(|(id, _)| *id == control.id);
    known.map_or_else(|| plain(&control.name), |(_, [name, _])| (*name).to_owned())
}

fn is_called(control: &Control, name: &str) -> bool {
    let known = NAMES.iter().find(|(id, _)| *id == control.id);
    is_offered(control)
        && (plain(&control.name) == name || known.is_some_and(|(_, names)| names.contains(&name)))
}

/// Whether a control can be set at all: it is not disabled (flag 1), not read only (4), and has a value.
pub(super) fn is_offered(control: &Control) -> bool {
    control.kind != ControlKind::Other && control.flags & 0x5 == 0
}

fn plain(name: &str) -> String {
    let words: Vec<String> = name
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join("_")
}

/// No driver has longer menus; a broken one may claim any.
const LONGEST_MENU: usize = 256;

/// The places of a control's menu; none if it is no menu.
pub(super) fn places(control: &Control) -> impl Iterator<Item = u32> {
    let (first, last) =
        (u32::try_from(control.minimum).unwrap_or(0), u32::try_from(control.maximum).unwrap_or(0));
    let menus = usize::from(matches!(control.kind, ControlKind::Menu | ControlKind::NumberMenu));
    (first..=last).take(LONGEST_MENU * menus)
}

/// The number that the control takes for a value, or why there is none.
fn fit(
    control: &Control,
    value: &Value,
    word: impl Fn(&Control, u32) -> Option<String>,
) -> Result<i32, String> {
    let words = || places(control).filter_map(|place| Some((place, word(control, place)?)));
    match (control.kind, value) {
        (ControlKind::Switch, Value::Switch(on)) => Ok(i32::from(*on)),
        (ControlKind::Menu | ControlKind::NumberMenu, Value::Word(wanted)) => {
            let place = words().find(|(_, word)| plain(word) == plain(wanted)).map(|(place, _)| place);
            place.and_then(|place| i32::try_from(place).ok()).ok_or_else(|| {
                let words: Vec<String> = words().map(|(_, word)| format!("\"{word}\"")).collect();
                format!("is not one of {}", words.join(", "))
            })
        }
        (
            ControlKind::Integer | ControlKind::Menu | ControlKind::NumberMenu | ControlKind::Switch,
            Value::Number(number),
        ) => {
            if (control.minimum..=control.maximum).contains(number) {
                Ok(*number)
            } else {
                Err(format!("is not from {} to {}", control.minimum, control.maximum))
            }
        }
        (ControlKind::Switch, Value::Word(_)) => Err("is neither true nor false".to_owned()),
        (ControlKind::Menu | ControlKind::NumberMenu, Value::Switch(_)) => {
            Err("is not a word of the control's menu".to_owned())
        }
        (ControlKind::Integer, Value::Switch(_) | Value::Word(_)) => Err("is not a number".to_owned()),
        (ControlKind::Other, _) => Err("cannot be set".to_owned()),
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Switch(on) => on.fmt(f),
            Self::Word(word) => write!(f, "\"{word}\""),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl Visitor<'_> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number, true, false, or a word of the control's menu")
    }

    fn visit_bool<E: de::Error>(self, on: bool) -> Result<Value, E> {
        Ok(Value::Switch(on))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
        i32::try_from(number)
            .map(Value::Number)
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Value, E> {
        Ok(Value::Word(word.to_owned()))
    }
}

/// A control as it is listed for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedControl {
    /// The name to write in `[camera.controls]`.
    pub name: String,
    /// The least value.
    pub minimum: i32,
    /// The greatest value.
    pub maximum: i32,
    /// The step between values.
    pub step: i32,
    /// The value after power-up.
    pub default: i32,
    /// The present value, if the camera tells it.
    pub value: Option<i32>,
    /// The words of a menu with their places.
    pub words: BTreeMap<u32, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(id: u32, name: &str, kind: ControlKind, minimum: i32, maximum: i32) -> Control {
        Control { id, name: name.to_owned(), kind, minimum, maximum, step: 1, default: 0, flags: 0 }
    }

    fn camera() -> Vec<Control> {
        vec![
            control(0x0098_0900, "Brightness", ControlKind::Integer, -64, 64),
            control(0x0098_090C, "White Balance, Automatic", ControlKind::Switch, 0, 1),
            control(0x009A_0901, "Auto Exposure", ControlKind::Menu, 0, 3),
            control(0x009A_0902, "Exposure Time, Absolute", ControlKind::Integer, 3, 2047),
            Control { flags: 0x4, ..control(1, "Temperature", ControlKind::Integer, 0, 9) },
        ]
    }

    fn word(control: &Control, place: u32) -> Option<String> {
        let word = match (control.id, place) {
            (0x009A_0901, 1) => "Manual Mode",
            (0x009A_0901, 3) => "Aperture Priority Mode",
            _ => return None,
        };
        Some(word.to_owned())
    }

    fn plan(text: &str) -> Plan {
        toml::from_str::<Controls>(text).unwrap().plan(&camera(), word)
    }

    fn set(text: &str) -> Vec<(u32, i32)> {
        plan(text).settings.iter().map(|setting| (setting.id, setting.value)).collect()
    }

    #[test]
    fn automatics_are_set_before_the_values_that_they_rule() {
        let text = "brightness = -10\nexposure_time_absolute = 200\nauto_exposure = 'manual mode'\n\
                    white_balance_automatic = false";
        assert_eq!(set(text), [(0x009A_0901, 1), (0x0098_090C, 0), (0x0098_0900, -10), (0x009A_0902, 200)]);
    }

    #[test]
    fn names_of_older_kernels_and_of_the_driver_both_do() {
        assert_eq!(set("exposure_auto = 1\nexposure_absolute = 3"), [(0x009A_0901, 1), (0x009A_0902, 3)]);
        assert_eq!(plain_name(&camera()[3]), "exposure_time_absolute");
        assert_eq!(plain_name(&camera()[0]), "brightness");
    }

    #[test]
    fn what_the_camera_does_not_take_is_answered_with_what_it_offers() {
        let why = |text: &str| plan(text).refused.join("; ");
        assert_eq!(
            why("exposure_time_absolute = 2048"),
            "exposure_time_absolute = 2048 is not from 3 to 2047"
        );
        assert_eq!(set("exposure_time_absolute = 2047"), [(0x009A_0902, 2047)]);
        assert_eq!(
            why("auto_exposure = 'off'"),
            "auto_exposure = \"off\" is not one of \"Manual Mode\", \"Aperture Priority Mode\""
        );
        assert_eq!(why("brightness = true"), "brightness = true is not a number");
        assert_eq!(
            why("white_balance_automatic = 'no'"),
            "white_balance_automatic = \"no\" is neither true nor false"
        );
        let known = "brightness, white_balance_automatic, auto_exposure, exposure_time_absolute";
        assert_eq!(why("temperature = 3"), format!("it has no control temperature (it has {known})"));
    }

    #[test]
    fn only_menus_have_places_and_no_menu_is_endless() {
        let count = |kind, last| places(&control(1, "any", kind, 0, last)).count();
        assert_eq!(count(ControlKind::Menu, 3), 4);
        assert_eq!(count(ControlKind::Menu, i32::MAX), LONGEST_MENU);
        assert_eq!(count(ControlKind::Integer, i32::MAX), 0);
    }

    #[test]
    fn values_are_numbers_switches_or_words() {
        let error = toml::from_str::<Controls>("gain = 1.5").unwrap_err();
        let wanted = "expected a whole number, true, false, or a word of the control's menu";
        assert!(error.message().ends_with(wanted), "{error}");
        assert!(toml::from_str::<Controls>("gain = 3000000000").is_err());
    }
}
