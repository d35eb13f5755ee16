//! The products of the settings: what people and scales are told of them.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};

use crate::weight::{Grams, Quantity, Unit, Weight};

/// Product id → what is known of it.
pub type Products = BTreeMap<String, Product>;

/// One product: its name alone, or a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// What a person reads.
    pub name: String,
    /// The unit price in hundredths of the currency, for a scale that computes what the goods cost.
    pub price: Option<u32>,
    /// What its wrapping weighs.
    pub tare: Option<Weight>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: String,
    price: Option<Price>,
    tare_g: Option<Grams>,
}

impl<'de> Deserialize<'de> for Product {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(NameOrTable)
    }
}

struct NameOrTable;

impl<'de> Visitor<'de> for NameOrTable {
    type Value = Product;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name, or a table with `name`, `price` and `tare_g`")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Product, E> {
        Ok(Product { name: name.to_owned(), price: None, tare: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Product, A::Error> {
        let Table { name, price, tare_g } = Table::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Product { name, price: price.map(|price| price.0), tare: tare_g.map(Grams::weight) })
    }
}

/// A unit price as people write it, in hundredths: `"2.99"`.
struct Price(u32);

/// Six digits, as scales take it.
const MOST: u64 = 999_999;

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(PriceText)
    }
}

struct PriceText;

impl PriceText {
    /// Exact: a price with more than two decimals is refused, not rounded.
    fn read(text: &str) -> Option<Price> {
        let well_formed = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let sent = Quantity::parse(text.as_bytes(), Unit::Gram).ok().filter(|_| well_formed)?;
        let more = 2_u8.checked_sub(sent.decimals())?;
        let minor = sent.digits().checked_mul(10_u64.pow(more.into()))?;
        u32::try_from(minor).ok().filter(|_| (1..=MOST).contains(&minor)).map(Price)
    }
}

impl Visitor<'_> for PriceText {
    type Value = Price;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a price from 0.01 to 9999.99 with two decimals at most")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Price, E> {
        Self::read(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Price, E> {
        // The shortest text of the number is what was written, so the decimal is read exactly.
        Self::read(&number.to_string()).ok_or_else(|| E::invalid_value(de::Unexpected::Float(number), &self))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Price, E> {
        Self::read(&number.to_string()).ok_or_else(|| E::invalid_value(de::Unexpected::Signed(number), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Product, String> {
        #[derive(Deserialize)]
        struct Whole {
            p: Product,
        }
        toml::from_str::<Whole>(text).map(|whole| whole.p).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_product_is_a_name_or_a_table() {
        assert_eq!(read("p = \"Banana\""), Ok(Product { name: "Banana".into(), price: None, tare: None }));
        let table = read("p = { name = \"Banana\", price = \"2.99\", tare_g = 5 }").unwrap();
        assert_eq!((table.price, table.tare), (Some(299), Some(Weight::from_grams(5))));
    }

    #[test]
    fn a_price_is_exact_or_refused() {
        for (written, minor) in [
            ("\"2.99\"", 299),
            ("2.99", 299),
            ("3", 300),
            ("\"0.5\"", 50),
            ("\"9999.99\"", 999_999),
            ("0.01", 1),
        ] {
            let product = read(&format!("p = {{ name = \"x\", price = {written} }}")).unwrap();
            assert_eq!(product.price, Some(minor), "{written}");
        }
        for written in ["\"2.999\"", "0", "-1", "\"10000.00\"", "\"+1\"", "\"1 \"", "\"free\"", "1e9", "true"]
        {
            let refused = read(&format!("p = {{ name = \"x\", price = {written} }}")).unwrap_err();
            assert!(refused.contains("a price from 0.01 to 9999.99"), "{written}: {refused}");
        }
        assert!(read("p = { name = \"x\", prise = 1 }").unwrap_err().contains("unknown field"));
        assert!(read("p = 5").unwrap_err().contains("a name, or a table"));
    }
}
