use super::*;
use crate::weight::Unit;

fn heard(line: &[u8]) -> Heard {
    read(&[line, b"\r\n"].concat(), Profile::default()).unwrap()
}

fn reading(line: &[u8]) -> Reading {
    let Heard::Reading(reading) = heard(line) else { panic!("{line:?}: {:?}", heard(line)) };
    reading
}

fn shown(line: &str) -> String {
    reading(line.as_bytes()).quantity.map_or_else(String::new, |sent| format!("{sent} {}", sent.unit()))
}

#[test]
fn every_variant_is_read() {
    for (line, weight) in [
        ("ST,+0001.234 kg", "1.234 kg"),
        ("US,-0001.234  g", "-1.234 g"),
        ("ST,--,+0001.234 lb", "1.234 lb"),
        ("WT,+001,2346 kg", "1.2346 kg"),
        ("ST,GS,+  1.234kg", "1.234 kg"),
        ("ST,NT,+0001234 g", "1234 g"),
        ("ST,N,-  1.234kg", "-1.234 kg"),
        ("ST,GR,   1.234kg", "1.234 kg"),
        ("US,NT-  0.050,kg", "-0.050 kg"),
        ("ST,1,   1.234kg,   0.050kg", "1.234 kg"),
        ("ST,12,     1.234lb,     0.050lb,42", "1.234 lb"),
    ] {
        assert_eq!(shown(line), weight, "{line:?}");
    }
    assert_eq!(reading(b"ST,1,   1.234kg,   0.050kg").tare.unwrap().to_string(), "0.050");
    assert_eq!(reading(b"US,1,     1.234kg,     0.050kg,42").net, Some(false));
}

#[test]
fn a_line_that_lost_or_won_a_byte_is_no_weight() {
    for whole in ["ST,+0001.234 kg", "ST,OK,+0001.234 kg", "ST,GS,+  1.234kg", "ST,GS   1.234,kg"] {
        for place in 0..whole.len() {
            let (before, after) = whole.split_at(place);
            let lost = format!("{before}{}", &after[1..]);
            let won = format!("{before}{}{after}", &after[..1]);
            for line in [lost, won] {
                match heard(line.as_bytes()) {
                    Heard::Garbled(_) => {}
                    // `GS` that lost a letter is one of the known kinds; the number is whole
                    Heard::Reading(_) | Heard::Answer(_) => assert_eq!(shown(&line), "1.234 kg", "{line:?}"),
                }
            }
        }
    }
}

#[test]
fn out_of_range_is_never_a_number() {
    for (line, range) in [
        ("OL,+999999.9  g", Range::Over),
        ("OL,-999999.9  g", Range::Under),
        ("OL,+9999999E+19", Range::Over),
        ("OL,GS,+   ----kg", Range::Over),
        ("OL,GS,        kg", Range::Over),
        ("OL,GS,-    .  kg", Range::Under),
        ("OL,NT-       ,kg", Range::Under),
        ("UL,1,     1.234kg,     0.050kg,42", Range::Under),
    ] {
        assert_eq!(reading(line.as_bytes()), Reading::outside(range), "{line:?}");
    }
}

#[test]
fn pieces_are_no_weight() {
    assert_eq!(reading(b"QT,+00000012 PC"), Reading::faulty("counting"));
}

#[test]
fn ten_bytes_need_the_unit_from_the_settings() {
    assert_eq!(heard(b"   1.234"), Heard::Garbled(Garbled::NoUnit));
    let kilograms = Profile { unit: Some(Unit::Kilogram), ..Profile::default() };
    let Some(Heard::Reading(reading)) = read(b"-  1.234\r\n", kilograms) else { panic!() };
    assert_eq!(reading.stability, Stability::Unknown);
    assert_eq!(reading.quantity, Some(Quantity::new(true, 1234, 3, Unit::Kilogram)));
    for bad in [b"  1.234".as_slice(), b" 1 2.234", b"        "] {
        let line = [bad, b"\n"].concat();
        assert!(matches!(read(&line, kilograms), Some(Heard::Garbled(_))), "{bad:?}");
    }
}

fn lamps(letters: &str, lamps: u8, number: &str) -> Reading {
    reading(&[letters.as_bytes(), b",1", &[lamps], b",", number.as_bytes(), b" kg"].concat())
}

#[test]
fn the_more_cautious_of_lamps_and_letters_counts() {
    let ok = lamps("ST,GS", 0xC4, "  13.500");
    assert_eq!((ok.stability, ok.net, ok.zero), (Stability::Stable, Some(false), Some(false)));
    assert_eq!(lamps("ST,GS", 0x84, "  13.500").stability, Stability::Moving);
    assert_eq!(lamps("US,GS", 0xC4, "  13.500").stability, Stability::Moving);
    assert_eq!(lamps("ST,GS", 0xC2, "  13.500").net, None);
    assert_eq!(lamps("ST,NT", 0xC2, "  13.500").net, Some(true));
    assert_eq!(lamps("ST,GS", 0xC5, "   0.000").zero, Some(true));
    assert_eq!(lamps("ST,GS", 0xC5, "  13.500").zero, None);
    assert_eq!(lamps("ST,GS", 0xD4, "  13.500"), Reading::faulty("hold"));
}

#[test]
fn the_lamp_byte_is_the_only_one_with_bit_7() {
    for lamps in 0x80..=0xFF {
        let line = [b"ST,GS,1".as_slice(), &[lamps], b",  13.500 kg"].concat();
        assert!(matches!(heard(&line), Heard::Reading(_)), "{lamps:02X}");
    }
    assert!(matches!(heard(b"ST,GS,1\x44,  13.500 kg"), Heard::Garbled(Garbled::Layout(_))));
    assert_eq!(heard(b"ST,GS,1\xC4,  13.5\xB00 kg"), Heard::Garbled(Garbled::Parity));
    assert_eq!(heard(b"ST\xAC+0001.234 kg"), Heard::Garbled(Garbled::Parity));
}

#[test]
fn acknowledgement_is_heard_with_and_without_a_line_end() {
    let mut decoder = (FAMILY.decoder)(&Profile::default());
    let bytes = b"\x06\r\n\x06ST,+0001.234 kg\r\n";
    let words: Vec<Heard> =
        bytes.iter().filter_map(|&byte| decoder.push(byte)).map(|frame| frame.heard).collect();
    let ack = || Heard::Answer(Answer::yes("ack"));
    assert_eq!(words.len(), 3);
    assert_eq!((&words[0], &words[1]), (&ack(), &ack()));
    assert!(matches!(words[2], Heard::Reading(_)));
}

#[test]
fn refusals_carry_their_number() {
    assert_eq!(heard(b"EC,E01"), Heard::Answer(Answer { detail: Some("E01".into()), ..Answer::no("error") }));
    assert_eq!(heard(b"ERR04"), Heard::Answer(Answer { detail: Some("04".into()), ..Answer::no("error") }));
    assert_eq!(heard(b"OK"), Heard::Answer(Answer::yes("ok")));
}
