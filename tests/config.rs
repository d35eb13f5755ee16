//! The settings, from the outside: the shipped file is itself a test, and every mistake is pointed at.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

use std::path::Path;

use scalecam::config::{BadSettings, Config};

const SHIPPED: &str = include_str!("../config.toml");

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new("config.toml")).map_err(|error| error.to_string())
}

/// The least that can be written.
const LEAST: &str = "[device]\nid = \"a\"\n[scale]\nport = \"/dev/ttyUSB0\"\nprotocol = \"mt-sics\"\n\
                     [camera]\nkind = \"v4l2\"\ndevice = \"/dev/video0\"\n";

#[test]
fn the_shipped_file_is_good_as_it_stands() {
    let config = parse(SHIPPED).unwrap();
    assert_eq!(config.device_id.as_deref(), Some("LANE-01"));
    assert_eq!(config.sinks.len(), 1);
    assert_eq!(config.products.get("834437").map(|product| product.name.as_str()), Some("Banana"));
}

/// Takes the comment sign off every line that shows a key or a table.
fn with_every_key() -> String {
    let uncommented = SHIPPED.lines().map(|line| {
        let shown = line.strip_prefix("# ").unwrap_or(line);
        let shown = shown.strip_prefix("# ").unwrap_or(shown);
        let is_key = shown
            .split_once(" = ")
            .is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
        if shown.starts_with("[[sink]]") || is_key { shown } else { line }
    });
    uncommented.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_default_that_the_shipped_file_shows_is_the_default() {
    let shown = parse(&with_every_key()).unwrap();
    let left_out = parse(LEAST).unwrap();
    assert_eq!(shown.sinks.len(), 5);
    let as_default = scalecam::picture::Settings { region: None, drawn_on: None, ..shown.picture.clone() };
    assert_eq!(as_default, left_out.picture);
    assert_eq!(shown.scale.line, left_out.scale.line);
    assert_eq!(shown.trigger.settle, Some(std::time::Duration::ZERO));
    assert_eq!(shown.rules().settle, left_out.rules().settle);
    assert!(!shown.trigger.manual && !left_out.trigger.manual);
    assert_eq!(shown.camera.width, left_out.camera.width);
    assert_eq!(shown.camera.height, left_out.camera.height);
    assert_eq!(shown.camera.fps, left_out.camera.fps);
    assert_eq!(shown.camera.latency, left_out.camera.latency);
    assert_eq!(shown.camera.warm_up, left_out.camera.warm_up);
    assert_eq!(shown.camera.frame_wait, left_out.camera.frame_wait);
    assert_eq!(shown.camera.choice, left_out.camera.choice);
    let as_default = scalecam::recognition::Settings { max_options: None, ..shown.recognition.clone() };
    assert_eq!(as_default, left_out.recognition);
    assert_eq!(shown.reports, left_out.reports);
    assert_eq!(shown.local, left_out.local);
    assert_eq!(shown.audit, left_out.audit);
    // printf '…' | sha256sum
    assert_eq!(left_out.checksum, "1425dea342a66730a1285351b62f35755f8de92e0637af99f878cd911b0cfdc2");
    assert!(!left_out.local.is_on());
}

#[test]
fn the_shipped_file_shows_every_key_there_is() {
    // What an unknown key is answered with lists the keys of its table.
    for (table, head) in [
        ("scale", "[scale]\n"),
        ("scale.custom", "[scale.custom]\n"),
        ("trigger", "[trigger]\n"),
        ("camera", "[camera]\n"),
        ("picture", "[picture]\n"),
        ("recognition", "[recognition]\n"),
        ("recognition.session", "[recognition.session]\n"),
        ("reports", "[reports]\n"),
        ("audit", "[audit]\n"),
        ("local", "[local]\n"),
        ("sink", "[[sink]]\n"),
    ] {
        let others = LEAST.replace(head, &format!("{head}surely_unknown = 1\n"));
        let text = if others == LEAST { format!("{LEAST}{head}surely_unknown = 1\n") } else { others };
        let message = parse(&text).unwrap_err();
        let (_, keys) = message.split_once("expected ").unwrap_or_else(|| panic!("{table}: {message}"));
        for key in keys.split('`').skip(1).step_by(2) {
            let shown = SHIPPED
                .lines()
                .any(|line| line.trim_start_matches(['#', ' ']).starts_with(&format!("{key} = ")));
            assert!(shown || key == "session" || key == "custom", "{table}.{key} is not in config.toml");
        }
    }
}

#[test]
fn a_mistake_is_pointed_at_with_line_and_column() {
    for (text, expected) in [
        (
            LEAST.replace("mt-sics", "mt-six"),
            "config.toml:5:12: scale.protocol: unknown protocol `mt-six`, expected one of toledo-8217, ",
        ),
        (
            LEAST.replace("\"/dev/ttyUSB0\"", "7"),
            "config.toml:4:8: scale.port: invalid type: integer `7`, expected a string",
        ),
        (
            LEAST.replace("/dev/ttyUSB0", "COM3"),
            "config.toml:4:8: scale.port: invalid value: string `COM3`, expected the whole path of a device",
        ),
        (
            LEAST.replace("/dev/ttyUSB0", "sim:mt-six"),
            "config.toml:4:8: scale.port: unknown practice scale `sim:mt-six`",
        ),
        (
            format!("{LEAST}fps = 0\n"),
            "config.toml:9:7: camera.fps: invalid value: integer `0`, expected a whole number from 1 to 240",
        ),
        (
            format!("{LEAST}[trigger]\nhold_ms = 0\n"),
            "config.toml:10:1: trigger.hold_ms: unknown field `hold_ms`, expected one of `manual`, `min_load_g`, `settle_ms`",
        ),
        (
            format!("{LEAST}[trigger]\nmin_load_g = -5\n"),
            "config.toml:10:14: trigger.min_load_g: invalid value: integer `-5`, expected a number of grams above 0",
        ),
        (
            format!("{LEAST}[picture]\nmasks = [[0, 0, 640, 360]]\n"),
            "config.toml:9:1: picture: the masks cover the whole picture that would be sent, [20, 0, 600, 360]",
        ),
        (
            format!("{LEAST}[picture]\nmasks = [[0, 0, 1280, 720]]\ndrawn_on = [1280, 720]\n"),
            "config.toml:9:1: picture: the masks cover the whole picture that would be sent, [40, 0, 1200, 720] \
             (picture.drawn_on says this size)",
        ),
        (
            format!("{LEAST}[picture]\nregion = [0, 0, 1281, 720]\ndrawn_on = [1280, 720]\n"),
            "config.toml:9:1: picture: the region [0, 0, 1281, 720] is not inside the camera's picture of 1280x720",
        ),
        (
            format!("{LEAST}[picture]\nmasks = [[0, 0, 9, 9]]\ndrawn_on = [1280, 720]\n")
                .replace("\"v4l2\"\ndevice = \"/dev/video0\"", "\"synthetic\""),
            "config.toml:8:1: picture: picture.region and picture.masks were drawn on a picture of 1280x720, and the \
             camera's has 640x360",
        ),
        (format!("{LEAST}[picture]\nquality = 101\n"), "config.toml:10:11: picture.quality: "),
        (
            format!("{LEAST}[recognition]\nurl = \"http://example.com/\"\n"),
            "config.toml:10:7: recognition.url: ",
        ),
        (
            format!("{LEAST}[[sink]]\nkind = \"scale-display\"\ntext = \"{{produkt}}\"\n"),
            "config.toml:11:8: sink[0].text: {produkt} is not known; use {product}",
        ),
        (
            format!("{LEAST}[[sink]]\nkind = \"file\"\n"),
            "config.toml:9:1: sink[0]: kind = \"file\" needs `path`",
        ),
        (
            format!("{LEAST}[[sink]]\nkind = \"stdout\"\npath = \"/x\"\n"),
            "config.toml:9:1: sink[0]: kind = \"stdout\" has no `path`",
        ),
        ("[device]\nid = 5 5\n".to_owned(), "config.toml:2:6: "),
        (
            format!("{LEAST}[local]\nlisten = [\"127.0.0.1:1\", \"0.0.0.0:8087\"]\n"),
            "config.toml:10:26: local.listen: 0.0.0.0:8087 can be reached from other machines",
        ),
        (
            format!("{LEAST}[local]\nhosts = [\"till 7\"]\n"),
            "config.toml:10:10: local.hosts: `till 7` is no name",
        ),
        (LEAST.replace("[camera]", "[kamera]"), "config.toml:6:2: kamera: unknown field `kamera`"),
    ] {
        let message = parse(&text).unwrap_err();
        assert!(message.starts_with(expected), "\n got {message}\nwant {expected}");
    }
}

#[test]
fn a_display_is_refused_where_the_protocol_has_none() {
    let text =
        LEAST.replace("mt-sics", "st-gs") + "[[sink]]\nkind = \"scale-display\"\ntext = \"{product}\"\n";
    let message = parse(&text).unwrap_err();
    assert!(
        message.starts_with("config.toml:9:1: sink[0]: a scale that speaks st-gs has no display for texts"),
        "{message}"
    );
    assert!(message.contains("mt-sics"), "{message}");
}

#[test]
fn a_practice_scale_speaks_what_its_name_says() {
    let practice = LEAST.replace("/dev/ttyUSB0", "sim:mt-sics");
    assert!(parse(&practice).unwrap().is_simulated());
    assert!(parse(&practice.replace("protocol = \"mt-sics\"\n", "")).unwrap().is_simulated());
    let other = practice.replace("protocol = \"mt-sics\"", "protocol = \"st-gs\"");
    assert!(
        parse(&other)
            .unwrap_err()
            .starts_with("config.toml:5:12: scale.protocol: the practice scale speaks mt-sics")
    );
    assert!(!parse(LEAST).unwrap().is_simulated());
}

#[test]
fn a_file_that_cannot_be_read_is_said() {
    let error = Config::read(Path::new("/nonexistent/config.toml")).unwrap_err();
    assert!(matches!(error, BadSettings::Unreadable { .. }));
    assert!(error.to_string().starts_with("/nonexistent/config.toml: the settings cannot be read: "));
}

#[test]
fn a_protocol_in_the_sites_own_words_is_checked() {
    let custom = LEAST.replace("mt-sics", "custom");
    assert!(parse(&custom).unwrap().scale.custom.is_some());
    let good = format!(
        "{custom}[scale.custom]\nend = '\\x03'\npattern = '\\x02(?<weight>[0-9]+)'\nrequest = 'W\\r'\n"
    );
    let rules = parse(&good).unwrap().scale.custom.unwrap();
    assert_eq!((rules.end.as_slice(), rules.request.as_deref()), (&b"\x03"[..], Some(&b"W\r"[..])));
    for (table, expected) in [
        ("end = ''\n", "scale.custom.end: invalid value"),
        ("end = '\\q'\n", "scale.custom.end: invalid value"),
        ("pattern = '[0-9]+'\n", "scale.custom.pattern: it has no group (?<weight>…)"),
        ("pattern = '(?<weight>['\n", "scale.custom.pattern: regex parse error"),
        ("poll_ms = 5\n", "scale.custom.poll_ms: invalid value: integer `5`"),
    ] {
        let message = parse(&format!("{custom}[scale.custom]\n{table}")).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
    let other = parse(&format!("{LEAST}[scale.custom]\n")).unwrap_err();
    assert!(
        other.contains("scale.custom: describes a protocol; it needs scale.protocol = \"custom\""),
        "{other}"
    );
}

#[test]
fn a_variant_is_one_of_its_protocol_and_brings_its_line() {
    let slow = LEAST.replace("mt-sics\"\n", "dialog-06\"\nprofile = \"04\"\n");
    let scale = parse(&slow).unwrap().scale;
    assert_eq!((scale.line.baud, scale.profile.model.map(|model| model.name)), (4800, Some("04")));
    let message = parse(&slow.replace("\"04\"", "\"05\"")).unwrap_err();
    let expected = "config.toml:6:11: scale.profile: unknown variant `05`, expected one of 06, 04, 02, dibal";
    assert!(message.starts_with(expected), "{message}");
    let none = parse(&LEAST.replace("mt-sics\"\n", "mt-sics\"\nprofile = \"x\"\n")).unwrap_err();
    assert!(none.contains("mt-sics has no variants"), "{none}");
}

#[test]
fn what_a_scale_cannot_take_is_refused_with_those_that_can() {
    for (kind, able, unable, named) in [
        ("scale-price", "dialog-06\"\n", "mt-sics\"\n", "prix (profile \"prt5\")"),
        ("scale-price", "prix\"\nprofile = \"prt5\"\n", "prix\"\nprofile = \"prt3\"\n", "dialog-06"),
        ("scale-tare", "mt-sics\"\n", "cas-dc1\"\n", "toledo-8217"),
        ("scale-tare", "st-gs\"\nprofile = \"and\"\n", "st-gs\"\n", "st-gs (profile \"and\")"),
        ("scale-beep", "radwag\"\n", "toledo-8217\"\n", "magellan"),
        ("scale-beep", "st-gs\"\nprofile = \"dini\"\n", "custom\"\n", "sbi"),
    ] {
        let text = |protocol: &str| {
            format!("{}[[sink]]\nkind = \"{kind}\"\n", LEAST.replace("mt-sics\"\n", protocol))
        };
        assert_eq!(parse(&text(able)).unwrap().sinks.len(), 1, "{kind} {able}");
        let message = parse(&text(unable)).unwrap_err();
        assert!(message.contains("sink[0]: a scale that speaks") && message.contains(named), "{message}");
    }
    let message = parse(&format!("{LEAST}[[sink]]\nkind = \"scale-price\"\ntare_g = 5\n")).unwrap_err();
    assert!(message.contains("kind = \"scale-price\" has no `tare_g`"), "{message}");
}

#[test]
fn a_product_may_have_a_price_and_a_tare() {
    let text = format!(
        "{LEAST}[products]\n\"1\" = {{ name = \"Fig\", price = \"12.50\", tare_g = 2.5 }}\n\"2\" = \"Kiwi\"\n"
    );
    let products = parse(&text).unwrap().products;
    assert_eq!(products["1"].price, Some(1250));
    assert_eq!(products["1"].tare.unwrap().micrograms(), 2_500_000);
    assert_eq!((products["2"].name.as_str(), products["2"].price), ("Kiwi", None));
    let message = parse(&text.replace("12.50", "12.505")).unwrap_err();
    assert!(message.contains("products.1.price: invalid value: string \"12.505\""), "{message}");
}

#[test]
fn a_scale_that_does_not_send_its_unit_wants_it_in_the_settings() {
    let advice = |scale: &str| {
        let text = format!("[device]\nid = \"L\"\n[scale]\n{scale}\n[camera]\nkind = \"synthetic\"\n");
        parse(&text).unwrap().advice()
    };
    let port = "port = \"/dev/ttyUSB0\"";
    assert!(advice(&format!("{port}\nprotocol = \"toledo-8217\"")).unwrap().contains("toledo-8217"));
    assert_eq!(advice(&format!("{port}\nprotocol = \"toledo-8217\"\nunit = \"kg\"")), None);
    assert_eq!(advice(&format!("{port}\nprotocol = \"mt-sics\"")), None);
    assert_eq!(advice("port = \"sim:toledo-8217\""), None);
}
